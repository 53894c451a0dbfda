//! The power-loss test: the script is run once, and then the power is cut after every call that it made, in many ways.
//! `FITD_POWER_IMAGES` says in how many.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use crate::disk::{Disk, Fate, Fates, Left, Node};
use crate::invariants;
use crate::ledger::{Fact, Promise};
use crate::service::{Place, Service, scratch};
use crate::trace::{Call, Trace};
use crate::workload::{self, Client};

const IMAGES_DEFAULT: u64 = 3_000;
/// The service itself is started on one image of so many.
const STARTED_EVERY: u64 = 500;
/// Violations that are told in full.
const TOLD_MAX: usize = 12;

/// One way for the power to go.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Nothing that is under way survives, everything does, or one of data and names.
    Whole { data: bool, names: bool },
    /// All survives but the last write to each file, which is torn.
    LastTorn(Fate),
    /// A random choice for every write and every name.
    Random(u64),
}

const FIXED: [Way; 10] = [
    Way::Whole { data: false, names: false },
    Way::Whole { data: true, names: true },
    Way::Whole { data: false, names: true },
    Way::Whole { data: true, names: false },
    Way::LastTorn(Fate::TORN[0]),
    Way::LastTorn(Fate::TORN[1]),
    Way::LastTorn(Fate::TORN[2]),
    Way::LastTorn(Fate::TORN[3]),
    Way::LastTorn(Fate::TORN[4]),
    Way::LastTorn(Fate::TORN[5]),
];

/// How many of them are different where a few writes are under way.
const FIXED_DIFFERENT: u64 = 7;

/// Decides by the way, and remembers what it decided: different ways often come to the same.
struct Decisions {
    way: Way,
    random: Pcg64,
    keep_of_16: u32,
    made: DefaultHasher,
}

impl Decisions {
    fn new(way: Way) -> Self {
        let mut random = Pcg64::seed_from_u64(if let Way::Random(seed) = way { seed } else { 0 });
        let keep_of_16 = [1, 8, 15][(random.next_u32() % 3) as usize];
        Self { way, random, keep_of_16, made: DefaultHasher::new() }
    }
}

impl Fates for Decisions {
    fn write(&mut self, place: usize, count: usize) -> Fate {
        let fate = match self.way {
            Way::Whole { data: true, .. } => Fate::Kept,
            Way::Whole { data: false, .. } => Fate::Dropped,
            Way::LastTorn(fate) if place + 1 == count => fate,
            Way::LastTorn(_) => Fate::Kept,
            Way::Random(_) => match self.random.next_u32() % 16 {
                _ if self.random.next_u32().is_multiple_of(12) => Fate::TORN[self.random.next_u32() as usize % 6],
                roll if roll < self.keep_of_16 => Fate::Kept,
                _ => Fate::Dropped,
            },
        };
        fate.hash(&mut self.made);
        fate
    }

    fn names(&mut self, count: usize) -> usize {
        let surviving = match self.way {
            Way::Whole { names: false, .. } => 0,
            Way::Whole { names: true, .. } | Way::LastTorn(_) => count,
            Way::Random(_) => self.random.next_u32() as usize % (count + 1),
        };
        surviving.hash(&mut self.made);
        surviving
    }
}

/// Writes images, one at a time, and takes them away.
struct Bench {
    place: tempfile::TempDir,
    /// Large files that are durable as they are, by node and length: images have links to them, since nobody writes
    /// into them.
    settled: HashMap<(Node, usize), PathBuf>,
}

impl Bench {
    fn new() -> Self {
        Self { place: scratch(), settled: HashMap::new() }
    }

    fn image(&self) -> PathBuf {
        self.place.path().join("image")
    }

    fn write(&mut self, folders: &[String], files: &[Left<'_>]) {
        let image = self.image();
        let _ = fs::remove_dir_all(&image);
        folders.iter().for_each(|folder| fs::create_dir(image.join(folder)).unwrap());
        for Left { path, node, data, settled } in files {
            if !(*settled && [".bin", ".ballast"].iter().any(|ending| path.ends_with(ending))) {
                fs::write(image.join(path), data).unwrap();
                continue;
            }
            let whole = self.settled.entry((*node, data.len())).or_insert_with(|| {
                let whole = self.place.path().join(format!("{node}-{}", data.len()));
                fs::write(&whole, data).unwrap();
                whole
            });
            fs::hard_link(whole, image.join(path)).unwrap();
        }
    }
}

/// What the images came to.
#[derive(Default)]
struct Findings {
    images: u64,
    started: u64,
    violations: Vec<String>,
}

struct Cuts<'t> {
    trace: &'t Trace,
    promises: &'t [Promise],
    spread: Spread,
    started: &'t AtomicU64,
}

impl Cuts<'_> {
    /// Cuts the power at every place that this one of `parts` has.
    fn part(&self, part: usize, parts: usize) -> Findings {
        let mut findings = Findings::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (mut disk, mut bench, mut place) = (Disk::new(&self.trace.calls), Bench::new(), 0);
        let (mut chosen, mut told) = (0, false);
        for calls in 0..=self.trace.calls.len() {
            let next = self.trace.calls.get(calls);
            told |= matches!(next, Some(Call::Answered { .. }));
            if next.is_none_or(Call::matters) {
                if place % self.spread.stride == 0 || std::mem::take(&mut told) {
                    if chosen % parts == part {
                        self.place(calls, &disk, &mut bench, &runtime, &mut findings);
                    }
                    chosen += 1;
                }
                place += 1;
            }
            if next.is_some() {
                disk.step();
            }
        }
        findings
    }

    fn place(
        &self,
        calls: usize,
        disk: &Disk<'_>,
        bench: &mut Bench,
        runtime: &tokio::runtime::Runtime,
        findings: &mut Findings,
    ) {
        let promises: Vec<&Promise> = self.promises.iter().filter(|promise| promise.counts_at(calls)).collect();
        let randoms = if disk.pending() > 1 { self.spread.randoms } else { 0 };
        let seeds = (0..randoms).map(|seed| Way::Random(calls as u64 * 1_000_003 + seed));
        let mut seen = HashSet::new();
        for way in FIXED.into_iter().chain(seeds) {
            let mut decisions = Decisions::new(way);
            let (folders, files) = disk.cut(&mut decisions);
            if !seen.insert(decisions.made.finish()) {
                continue;
            }
            bench.write(&folders, &files);
            let store = bench.image().join("fitd.db");
            let mut wrong = invariants::check(&store, &promises);
            findings.images += 1;
            if self.started.fetch_add(1, Ordering::Relaxed).is_multiple_of(STARTED_EVERY) {
                findings.started += 1;
                bench.write(&folders, &files);
                wrong.extend(runtime.block_on(asked(&store, &promises)));
            }
            let told = wrong.into_iter().map(|wrong| format!("after {calls} calls, {way:?}: {wrong}"));
            findings.violations.extend(told);
        }
    }
}

/// What is wrong if the power is cut now, in each of the fixed ways.
pub(crate) fn cut_at_the_end(disk: &Disk<'_>, promises: &[&Promise]) -> Vec<String> {
    let mut bench = Bench::new();
    let images = FIXED.into_iter().flat_map(|way| {
        let (folders, files) = disk.cut(&mut Decisions::new(way));
        bench.write(&folders, &files);
        let wrong = invariants::check(&bench.image().join("fitd.db"), promises);
        wrong.into_iter().map(move |wrong| format!("{way:?}: {wrong}"))
    });
    images.collect()
}

/// What is wrong with the service on this store: that it does not start, or what it says.
pub(crate) async fn asked(store: &Path, promises: &[&Promise]) -> Vec<String> {
    let service = match Service::plain(store).await {
        Ok(service) => service,
        Err((status, log)) => return vec![format!("the service does not start: {status}: {log}")],
    };
    let mut wrong = Vec::new();
    for promise in promises {
        let answer = service.get(&format!("/fits/{}", promise.fit)).await.expect("an answer");
        let there = answer.status == 200;
        let kept = match &promise.fact {
            Fact::Gone => answer.status == 404,
            Fact::Exists { sha256, .. } => there && answer.body["dataset"]["sha256"] == **sha256,
            Fact::Attempted(attempt) => there && answer.body["attempt"].as_i64() >= Some(*attempt),
            Fact::Cancelled => there && answer.body["status"] != "succeeded",
            Fact::Ended { status, coefficients } => {
                let result = answer.body["result"].get("coefficients");
                there && answer.body["status"] == **status && result == coefficients.as_ref()
            }
        };
        if !kept {
            wrong.push(format!("{promise:?}, but the service says {}: {}", answer.status, answer.body));
        }
    }
    service.kill().await;
    wrong
}

/// Everything kept after the last call has to be what is really there: else a call went past the library.
fn hold_against_the_files(trace: &Trace, directory: &Path) {
    let mut disk = Disk::new(&trace.calls);
    trace.calls.iter().for_each(|_| disk.step());
    let (_, files) = disk.cut(&mut Decisions::new(FIXED[1]));
    let mut bytes = 0;
    for Left { path, data, .. } in &files {
        assert!(fs::read(directory.join(path)).unwrap() == **data, "{path} is not what the trace says");
        bytes += data.len();
    }
    let there = walk(directory).into_iter().filter(|path| !path.to_string_lossy().ends_with("-shm")).count();
    assert_eq!(there, files.len(), "there are other files than the trace says");
    assert!(bytes > 256 * 1024, "the script left less than it should");
}

fn walk(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// The number that a variable of the environment says.
pub(crate) fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// How the images are spread over the places where the power can go.
struct Spread {
    /// Every place that is so many further, and all where something has just been told.
    stride: usize,
    /// Ways beyond the fixed ones at a place where more than one write is under way.
    randoms: u64,
}

impl Spread {
    /// So that there are about `images`.
    fn of(trace: &Trace, images: u64) -> Self {
        let mut disk = Disk::new(&trace.calls);
        let (mut places, mut wide) = (0, 0);
        for call in &trace.calls {
            places += u64::from(call.matters());
            wide += u64::from(call.matters() && disk.pending() > 1);
            disk.step();
        }
        println!("{} calls, {places} places to cut the power at, {wide} with writes under way", trace.calls.len());
        let fixed = places + wide * (FIXED_DIFFERENT - 1);
        let randoms = images.saturating_sub(fixed).div_ceil(wide.max(1)).max(1);
        Self { stride: usize::try_from((fixed + wide) / images).unwrap().max(1), randoms }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_after_any_call_loses_nothing_that_was_told() {
    let place = Place::new();
    let mut client = Client::new(&place);
    workload::whole(&mut client).await;
    let trace = Trace::read(&place.trace(), &place.disk());
    hold_against_the_files(&trace, &place.disk());
    let promises = client.ledger.promises(&trace);
    assert!(promises.len() > 50, "the script was told too little: {promises:?}");

    let spread = Spread::of(&trace, number("FITD_POWER_IMAGES", IMAGES_DEFAULT));
    let started = AtomicU64::new(0);
    let cuts = Cuts { trace: &trace, promises: &promises, spread, started: &started };
    let parts = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let findings: Vec<Findings> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..parts)
            .map(|part| {
                scope.spawn({
                    let cuts = &cuts;
                    move || cuts.part(part, parts)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let images: u64 = findings.iter().map(|part| part.images).sum();
    let asked: u64 = findings.iter().map(|part| part.started).sum();
    let violations: Vec<&String> = findings.iter().flat_map(|part| &part.violations).collect();
    println!("the service was started on {asked} of them");
    println!("figure: power-loss images / violations | {images} / {}", violations.len());
    let told: Vec<_> = violations.iter().take(TOLD_MAX).map(|violation| violation.as_str()).collect();
    assert!(violations.is_empty(), "{}", told.join("\n"));
    assert!(client.refusals.is_empty(), "{:?}", client.refusals);
}
