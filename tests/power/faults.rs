//! The write-fault test: a short script is run once for every call that it makes, and this call fails, once with
//! "no space left" and once with an input/output error. `FITD_WRITE_FAULTS` says at how many of these points.
//!
//! A full disk is refused and lived with. An error of a write or a sync is not: what is on the disk is then unknown, so
//! the process ends, and the next one starts from what is. SQLite does not tell of a directory that cannot be synced, so
//! that the process may live on; what was told has to be there all the same.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use crate::disk::Disk;
use crate::invariants;
use crate::ledger::Promise;
use crate::losses::{asked, cut_at_the_end, number};
use crate::service::{Place, Service};
use crate::shim::{EIO, ENOSPC, Failure, Plan, kind};
use crate::trace::Trace;
use crate::workload::{self, Client, small};

const POINTS_DEFAULT: u64 = 24;
/// Points that are tried at once: most of their time is waiting.
const AT_ONCE: usize = 2;
/// The process ends with this code when its disk fails (`EX_IOERR`).
pub(crate) const EXIT_IO: i32 = 74;
/// How long a refusal may take, and the end of the process.
pub(crate) const SOON: Duration = Duration::from_secs(1);
/// How soon fits are taken again when there is space.
pub(crate) const RECOVERY: Duration = Duration::from_secs(5);

/// What a full disk refuses. It can always give space back, and what a sync that fails says is something else.
const NEEDS_SPACE: i64 = kind::ALL & !(kind::SYNC | kind::NAMES | kind::REMOVE);

/// One call of the script, and how it fails.
#[derive(Clone, Copy, Debug)]
struct Point {
    call: i64,
    errno: i64,
}

/// What came of a point: nothing, if the script did not get there or the call cannot fail like this.
type Verdict = Option<Vec<String>>;

async fn try_point(point: Point) -> (Point, Verdict) {
    let place = Place::new();
    let kinds = if point.errno == ENOSPC { NEEDS_SPACE } else { kind::ALL };
    place.control.fail(Plan { from: point.call, to: point.call + 1, kinds, errno: point.errno });
    let mut client = Client::new(&place);
    let mut wrong = Vec::new();
    match place.try_serve().await {
        // The first calls are those of a start, which may be refused.
        Err((status, log)) => {
            if status.success() {
                wrong.push(format!("the start failed, but the process says success: {log}"));
            }
        }
        Ok(mut service) => {
            workload::brief(&mut client, &service).await;
            let failure = place.control.failure();
            if failure.is_some_and(|failure| point.errno == EIO && failure.kind & (kind::WRITE | kind::SYNC) != 0) {
                wrong.extend(ended(&mut service, failure).await);
            } else if failure.is_some() && point.errno == ENOSPC {
                wrong.extend(goes_on(&service, &mut client).await);
            }
            let alive = service.ended().is_none();
            let status = service.terminate().await;
            // A fault on the way out leaves everything in the log, so nothing has to be said about it. What an error of
            // a call that is neither a write nor a sync means is the store's to say, and the end may still be under way.
            let may_end = point.errno == EIO && is_io(status);
            if alive && failure.is_some() && !status.success() && !may_end {
                wrong.push(format!("it had lived on, but ended with {status}"));
            }
        }
    }
    let failed = place.control.failure();
    place.control.heal();
    let Some(failure) = failed else { return (point, None) };
    wrong.extend(restarted(&place, &client).await);
    let wrong = wrong.into_iter().map(|wrong| format!("{point:?}, kind {}: {wrong}", failure.kind)).collect();
    (point, Some(wrong))
}

/// What is wrong with a process whose disk has failed: it has to end at once.
async fn ended(service: &mut Service, failure: Option<Failure>) -> Vec<String> {
    let Some((status, at)) = service.exit_within(2 * SOON).await else {
        return vec!["the process lives on with a disk that has failed".to_owned()];
    };
    let took = failure.map(|failure| at.duration_since(failure.at).unwrap_or_default());
    let mut wrong = Vec::new();
    if !is_io(status) {
        wrong.push(format!("the process ended with {status}: {}", service.log()));
    }
    if took > Some(SOON) {
        wrong.push(format!("the process ended after {took:?}"));
    }
    wrong
}

pub(crate) fn is_io(status: ExitStatus) -> bool {
    status.code() == Some(EXIT_IO)
}

/// What is wrong with a process whose disk was full for a moment: it has to have said so, and to take fits again.
async fn goes_on(service: &Service, client: &mut Client<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for refusal in &client.refusals {
        if refusal.status != 507 || refusal.body["code"] != "storage_full" {
            wrong.push(format!("a full disk was answered with {}: {}", refusal.status, refusal.body));
        }
        if refusal.took > SOON {
            wrong.push(format!("a refusal took {:?}", refusal.took));
        }
    }
    if let Some(status) = service.ended() {
        wrong.push(format!("the process did not survive a full disk: {status}: {}", service.log()));
        return wrong;
    }
    let begun = Instant::now();
    let mut id = None;
    while id.is_none() && begun.elapsed() < RECOVERY {
        id = client.create(service, &small(99), None).await;
    }
    let Some(id) = id else {
        wrong.push(format!("no new fit was taken: {:?}", client.refusals.last()));
        return wrong;
    };
    let fit = client.ended(service, &id).await;
    if fit.is_none_or(|fit| fit["status"] != "succeeded") || !client.delete(service, &id).await {
        wrong.push(format!("a new fit did not end, or stays: {:?}", client.refusals.last()));
    }
    wrong
}

/// What is wrong with the disk as it is now, if the power is cut, and in the hands of a new process.
pub(crate) async fn restarted(place: &Place, client: &Client<'_>) -> Vec<String> {
    let trace = Trace::read(&place.trace(), &place.disk());
    let promises = client.ledger.promises(&trace);
    let now: Vec<&Promise> = promises.iter().filter(|promise| promise.counts_at(trace.calls.len())).collect();
    let mut disk = Disk::new(&trace.calls);
    trace.calls.iter().for_each(|_| disk.step());
    let mut wrong: Vec<_> =
        cut_at_the_end(&disk, &now).into_iter().map(|wrong| format!("without power {wrong}")).collect();
    wrong.extend(invariants::check(&place.disk().join("fitd.db"), &now));
    wrong.extend(asked(&place.disk().join("fitd.db"), &now).await);
    wrong.extend(invariants::check(&place.disk().join("fitd.db"), &now));
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_once_costs_nothing_that_was_told() {
    let place = Place::new();
    let mut client = Client::new(&place);
    let service = place.serve().await;
    workload::brief(&mut client, &service).await;
    assert!(service.terminate().await.success());
    assert!(client.refusals.is_empty(), "{:?}", client.refusals);
    let calls = place.control.calls();

    let all: Vec<Point> = (0..calls).flat_map(|call| [ENOSPC, EIO].map(|errno| Point { call, errno })).collect();
    let wanted = usize::try_from(number("FITD_WRITE_FAULTS", POINTS_DEFAULT)).unwrap().clamp(1, all.len());
    // Spread evenly; an odd step, so that both errors have their turn.
    let chosen: Vec<Point> = (0..wanted).map(|place| all[place * all.len() / wanted]).collect();
    let (reached, violations) = tried(chosen).await;
    println!("the script makes {calls} calls; {wanted} points tried");
    println!("figure: write-fault points / violations | {reached} / {violations}");
    assert_eq!(violations, 0, "violations, told above");
    assert!(reached * 2 >= wanted, "most of the points were not reached");
}

/// The calls of a start are few, and what follows is built on them, so each one has its turn in every run.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_of_which_a_call_fails_ends_or_has_made_a_whole_store() {
    let place = Place::new();
    let service = place.serve().await;
    let calls = place.control.calls();
    assert!(service.terminate().await.success());
    let (reached, violations) = tried((0..calls).map(|call| Point { call, errno: EIO }).collect()).await;
    println!("figure: write-fault points of a start / violations | {reached} / {violations}");
    assert_eq!(violations, 0, "violations, told above");
    assert!(reached as i64 * 10 >= calls * 9, "{reached} of {calls} calls failed");
}

/// How many of these points were reached, and how much was wrong, which is told.
async fn tried(points: Vec<Point>) -> (usize, usize) {
    let tried: Vec<_> = stream::iter(points).map(try_point).buffer_unordered(AT_ONCE).collect().await;
    let reached: Vec<&Vec<String>> = tried.iter().filter_map(|(_, verdict)| verdict.as_ref()).collect();
    reached.iter().copied().flatten().for_each(|violation| println!("{violation}"));
    (reached.len(), reached.iter().copied().flatten().count())
}
