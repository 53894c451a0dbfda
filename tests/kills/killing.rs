//! The kill loop itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::audit::{self, Counts};
use crate::bodies;
use crate::client::{Client, text};
use crate::course::{Course, Stroke};
use crate::dice::Dice;
use crate::figures::{self, number, spread};
use crate::inside;
use crate::ledger::{Entry, Ledger};
use crate::load::{Load, Patron, Whereabouts};
use crate::outcomes::undisturbed;
use crate::process::{End, Launch, PATIENCE, Place, Service};
use crate::watching::Follower;

/// So many kills go into a run of all tests.
const KILLS_QUICK: u64 = 40;
const PATRONS: u64 = 4;
const FOLLOWERS: u64 = 3;
/// Kills of this loop must not make a fit one that kills its workers.
const FLAGS: [&str; 4] = ["--workers", "2", "--attempts", "1000000"];
/// How often the whole file is checked, in lives.
const DEEP_EVERY: u64 = 5;
/// A start takes no longer.
const READY_MAX: f64 = 1.0;

/// What the loop measures.
#[derive(Default)]
struct Measured {
    ready: Vec<f64>,
    lost: Vec<f64>,
    /// Seconds of computing that running fits had done just before the kill, by fit.
    before: BTreeMap<String, f64>,
}

struct Loop {
    place: Place,
    load: Arc<Load>,
    announce: watch::Sender<Whereabouts>,
    measured: Measured,
    life: u64,
}

impl Loop {
    /// One life of the service and its end. Gives what ended it.
    async fn strike(&mut self, stroke: &Stroke) -> String {
        self.life += 1;
        let starting = self.place.start(&Launch::with(&FLAGS).failing(&stroke.failpoints));
        if stroke.early {
            starting.kill_after(stroke.after).await;
            return "recovery".to_owned();
        }
        let mut service = match starting.serve().await {
            Ok(service) => service,
            Err(end) => return how(end, stroke),
        };
        self.look(&service);
        let client = Client::new(service.address);
        let at = Whereabouts { life: self.life, client: Some(client.clone()), is_over: false };
        self.announce.send_replace(at);
        let (load, store, deep) = (self.load.clone(), self.place.store(), self.life.is_multiple_of(DEEP_EVERY));
        let auditor = client.clone();
        let audit = tokio::spawn(async move { audit::brief(&load, &auditor, &store, deep).await });
        let ended = match service.ends_within(stroke.after).await {
            Some(end) => end,
            None if stroke.terminate => {
                service.terminate().await;
                service.exit().await
            }
            None => {
                if let Ok(running) = client.list("status=running").await {
                    self.stand(&running);
                }
                service.kill().await
            }
        };
        self.announce.send_modify(|at| at.client = None);
        // The next life finds nobody in its file. An audit that was cut short found what it found.
        let _ = timeout(PATIENCE, audit).await.expect("an audit ends with its service").unwrap();
        how(ended, stroke)
    }

    /// What there is to see right after a start.
    fn look(&mut self, service: &Service) {
        self.measured.ready.push(service.ready_after.as_secs_f64());
        // A process that is killed meanwhile leaves nothing to look into.
        if let Ok(stored) = inside::standings(&self.place.store()) {
            let lost = self.measured.before.iter().filter_map(|(id, before)| Some(before - stored.get(id)?.0));
            self.measured.lost.extend(lost.filter(|lost| *lost > 0.0));
            *self.load.begun.lock().unwrap() = Arc::new(stored);
        }
        self.measured.before.clear();
        if let Ok(count @ 1..) = inside::without_lease(&self.place.store()) {
            self.load.ledger.breach(format!("I6: {count} fits are running without a lease"));
        }
    }

    /// Where the running fits stand just before the kill.
    fn stand(&mut self, running: &[Value]) {
        let begun = self.load.begun();
        for fit in running {
            let (id, progress) = (text(fit, "/id"), &fit["progress"]);
            let (Some(seconds), Some(iteration)) =
                (progress["elapsed_seconds"].as_f64(), progress["iteration"].as_u64())
            else {
                continue;
            };
            let begun = begun.get(&id).filter(|(_, begun)| *begun > iteration && !self.load.has_batches(&id));
            if let Some((_, begun)) = begun {
                let breach = format!("{id} was at iteration {begun} before the kill and is at {iteration} after it");
                self.load.ledger.breach(breach);
            }
            self.measured.before.insert(id, seconds);
        }
    }

    /// A last life that is not disturbed: every fit ends, and is held against what it would have come to.
    async fn settle(&mut self) -> Counts {
        let service = self.place.serve(&FLAGS).await;
        self.look(&service);
        let client = Client::new(service.address);
        let book = self.load.ledger.book();
        let names = book.fits.values().map(|known| known.body.clone()).collect();
        let expected = undisturbed(&self.load.bodies, &names).await;
        for (id, known) in book.fits.iter().filter(|(_, known)| !known.delete_asked) {
            let ended = client.ended(id).await.unwrap_or_else(|gone| panic!("{gone:?} without a kill"));
            if ended.is_none() {
                self.load.ledger.breach(format!("I1: {id} ({}) is lost", known.body));
            }
        }
        // What was posted without an answer ends too.
        for fit in client.list("").await.unwrap_or_default() {
            client.ended(&text(&fit, "/id")).await.unwrap_or_else(|gone| panic!("{gone:?} without a kill"));
        }
        let counts = audit::full(&self.load, &client, &expected).await;
        let counts = counts.unwrap_or_else(|gone| panic!("{gone:?} without a kill"));
        service.terminate().await;
        assert_eq!(service.exit().await, End::Code(0));
        let faults = inside::faults(self.place.store()).await.unwrap();
        faults.into_iter().for_each(|line| self.load.ledger.breach(format!("I11: {line}")));
        counts
    }

    fn print(&self, counts: Counts) {
        let book = self.load.ledger.book();
        for name in fitd::failpoints::ALL {
            figures::print(&format!("kills at {name}"), book.kills.get(*name).unwrap_or(&0));
        }
        let hit = fitd::failpoints::ALL.iter().filter(|name| book.kills.contains_key(**name)).count();
        figures::print("fail points with a kill", format!("{hit} of {}", fitd::failpoints::ALL.len()));
        for (how, name) in [("random", "at random times"), ("recovery", "during recovery"), ("stop", "asked for")] {
            figures::print(&format!("kills {name}"), book.kills.get(how).unwrap_or(&0));
        }
        figures::print("kills", book.kills());
        figures::print("acknowledged", counts.acknowledged);
        figures::print("lost", counts.lost);
        figures::print("compared bit for bit", counts.compared);
        figures::print("not bit-identical", counts.other_bits);
        figures::print("recovery time, median / p99 / max", spread(&self.measured.ready, true));
        figures::print("compute lost per kill, median / max", spread(&self.measured.lost, false));
    }
}

/// What ended a life, by the name that its kills are counted under.
fn how(end: End, stroke: &Stroke) -> String {
    match (end, stroke.point) {
        (End::Aborted, Some(point)) => point.to_owned(),
        (End::Aborted, None) => panic!("the process aborted by itself"),
        (End::Killed, _) => "random".to_owned(),
        (End::Code(0), _) if stroke.terminate => "stop".to_owned(),
        (End::Code(code), _) => panic!("the process ended by itself with code {code}"),
    }
}

fn place() -> Place {
    std::env::var("FITD_KILLS_PLACE").map_or_else(|_| Place::new(), |path| Place::kept(Path::new(&path)))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_no_bit_changes_however_often_the_service_is_killed() {
    let kills = number("FITD_KILLS", KILLS_QUICK);
    let dice = Dice::new(number("FITD_KILLS_SEED", 1));
    let place = place();
    let ledger = Ledger::open(&place.file("ledger.jsonl"));
    let (announce, whereabouts) = watch::channel(Whereabouts::default());
    let load = Arc::new(Load {
        ledger,
        bodies: bodies::all(),
        whereabouts,
        numbers: AtomicU64::new(0),
        begun: Mutex::default(),
    });
    let mut course = Course::new(dice.fork(u64::MAX / 2), !place.store().exists());
    let mut clients = JoinSet::new();
    (0..PATRONS).for_each(|number| drop(clients.spawn(Patron::new(&load, &dice, number).live())));
    (0..FOLLOWERS).for_each(|part| drop(clients.spawn(Follower::new(&load, &dice, part).live(part, FOLLOWERS))));

    let mut run = Loop { place, load, announce, measured: Measured::default(), life: 0 };
    let begun = Instant::now();
    for left in (1..=kills).rev() {
        let stroke = course.next(left);
        let how = run.strike(&stroke).await;
        if stroke.point.is_some_and(|point| point != how) {
            course.missed(&stroke);
        }
        run.load.ledger.write(Entry::Killed { how });
    }
    run.announce.send_modify(|at| at.is_over = true);
    while let Some(client) = timeout(PATIENCE, clients.join_next()).await.expect("clients end with the load") {
        client.unwrap();
    }
    let struck = begun.elapsed();
    let counts = run.settle().await;
    eprintln!("{kills} kills took {struck:.1?}, the audit another {:.1?}", begun.elapsed() - struck);
    run.print(counts);
    let broken: Vec<_> = run.load.ledger.book().broken.into_iter().collect();
    assert!(broken.is_empty(), "{} promises are broken:\n{}", broken.len(), broken.join("\n"));
    assert!(counts.compared > 0, "no fit was there to be compared");
    let slow: Vec<_> = run.measured.ready.iter().filter(|seconds| **seconds > READY_MAX).collect();
    assert!(slow.is_empty(), "I12: ready after {slow:?} seconds");
}

/// What a loop that is killed itself goes on from.
#[test]
fn a_ledger_goes_on_from_its_file_without_the_line_that_was_not_whole() {
    let place = Place::new();
    let path = place.file("ledger.jsonl");
    let created = |id: &str, key: &str| Entry::Created {
        id: id.to_owned(),
        body: "line".to_owned(),
        key: Some(key.to_owned()),
        sha256: "00".to_owned(),
        kills: 0,
    };
    let posting = |key: &str| Entry::Posting { key: key.to_owned(), body: "line".to_owned() };
    let ledger = Ledger::open(&path);
    [posting("k"), created("a", "k"), posting("l")].into_iter().for_each(|entry| ledger.write(entry));
    drop(ledger);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{}", "{\"deleted\":{\"id\":\"a\"")).unwrap();
    let ledger = Ledger::open(&path);
    let book = ledger.book();
    assert!(!book.fits["a"].deleted);
    assert_eq!(book.unanswered.keys().collect::<Vec<_>>(), ["l"]);
    ledger.write(Entry::Replayed { id: "b".to_owned(), key: "k".to_owned() });
    assert_eq!(Ledger::open(&path).book().broken.len(), 1, "the key had made another fit");
}
