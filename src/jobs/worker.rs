//! The threads that compute: each waits for work, claims a fit, runs it, and hands in how it ended. A fault in a fit
//! ends that fit and never its thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::floor::Floor;
use super::hub::Running;
use super::keeper::{self, StoreKeeper};
use super::recorder::Recorder;
use super::run::{Ask, Run};
use super::team::Borrowers;
use super::watcher::{Terms, Watched, Watcher};
use super::{plan, report, sync};
use crate::descent::{self, NUMERICS_VERSION, Outcome, StopReason};
use crate::failpoints;
use crate::fit::{self, EventId, HistoryBlock};
use crate::store::{self, Claim, Finish, Finished, Heartbeat, StoreError, Turn};

/// The wait before a last write is tried again doubles from here …
const RETRY_FIRST: Duration = Duration::from_millis(10);
/// … to here.
const RETRY_LAST: Duration = Duration::from_secs(1);
/// Tries of a last write that fails for another reason than a full store, about one minute of them.
const TRIES_MAX: u32 = 64;
/// How long a worker waits for memory before it asks again what there is to run.
const MEMORY_WAIT: Duration = Duration::from_secs(1);
/// Tries of a last write while the service stops.
const TRIES_STOPPING_MAX: u32 = 3;

/// Starts the worker threads.
pub(super) fn start(floor: &Arc<Floor>) -> std::io::Result<()> {
    for number in 0..floor.settings.workers.max(1) {
        let shared = Arc::clone(floor);
        floor.workers.send_modify(|alive| *alive += 1);
        let thread = sync::thread::Builder::new().name(format!("fitd-worker-{number}")).spawn(move || {
            // Fits are guarded one by one; this guards the pool against a fault of the worker itself.
            while catch_unwind(AssertUnwindSafe(|| work(&shared))).is_err() {
                tracing::error!(number, "a worker had a fault and starts again");
            }
            shared.workers.send_modify(|alive| *alive -= 1);
        });
        if let Err(error) = thread {
            floor.workers.send_modify(|alive| *alive -= 1);
            floor.backlog.stop();
            return Err(error);
        }
    }
    Ok(())
}

fn work(floor: &Arc<Floor>) {
    let mut failing = false;
    // Small fits are claimed side by side, each with a part of what is free; for a large one all of it is asked for.
    let usual = floor.memory.bytes_max() / (4 * floor.settings.workers.max(1) as u64);
    let mut asks = usual;
    while floor.backlog.take() {
        let permit = floor.permits.acquire();
        if floor.backlog.is_stopping() {
            break;
        }
        let mut memory = floor.memory.reserve(asks);
        let claim = claim(floor, memory.bytes());
        asks = usual;
        match claim {
            Ok(Turn::Claimed(claim)) => {
                failing = false;
                memory.shrink_to(claim.memory_bytes);
                run(floor, &claim);
            }
            Ok(Turn::TooLarge { memory_bytes }) => {
                asks = memory_bytes;
                drop((memory, permit));
                floor.backlog.add();
                floor.memory.wait_for(memory_bytes, MEMORY_WAIT);
            }
            Ok(Turn::Nothing) => failing = false,
            // The reconciler raises the backlog again, so the next try comes with its next pass.
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(error = &error as &dyn std::error::Error, "no fit can be claimed");
                }
            }
        }
    }
}

fn claim(floor: &Floor, memory_bytes: u64) -> Result<Turn, StoreError> {
    let ask = store::Ask {
        owner: floor.owner.clone(),
        now: Timestamp::now(),
        lease: floor.settings.lease,
        memory_bytes,
        memory_bytes_max: floor.memory.bytes_max(),
        weights: Arc::clone(&floor.settings.weights),
        attempts_max: floor.settings.attempts_max,
    };
    sync::block_on(&floor.runtime, floor.store.claim(&ask))
}

/// Runs a claimed fit to its end, or as far as it is let.
fn run(floor: &Arc<Floor>, claim: &Claim) {
    failpoints::reach("claim.stored");
    let running = floor.hub.start(claim);
    if claim.memory_bytes > floor.memory.bytes_max() {
        // It was taken under a larger budget.
        return refuse(floor, &running, claim);
    }
    let mut keeper = StoreKeeper::new(floor, &running.run);
    let (outcome, watched) = compute(floor, claim, &running.run, &mut keeper);
    keeper.settle();
    failpoints::reach("run.computed");
    let interrupted = |report: &descent::Report| report.stop_reason == StopReason::Interrupted;
    match outcome {
        _ if running.run.asked() == Ask::Drop => {
            tracing::info!(fit = %running.run.id, attempt = running.run.attempt, "a fit was taken away and is dropped");
        }
        Ok(Outcome::Stopped(report)) if interrupted(&report) => release(floor, &running, watched),
        Ok(Outcome::Abandoned) if running.run.asked() == Ask::Interrupt => release(floor, &running, watched),
        outcome => finish(floor, &running, claim, outcome, &watched),
    }
}

/// Computes under watch. An error is the incident that names a panic in the log.
fn compute(
    floor: &Arc<Floor>,
    claim: &Claim,
    run: &Run,
    keeper: &mut StoreKeeper,
) -> (Result<Outcome, String>, Watched) {
    let record = &claim.record;
    let spec = plan::to_numeric(&record.spec);
    let stored = claim.checkpoint.as_ref();
    let before = [stored.map(|at| at.elapsed_seconds), record.progress.map(|at| at.elapsed_seconds)];
    let before = before.into_iter().flatten().fold(0.0, f64::max);
    let resume = stored.filter(|at| at.numerics_version == NUMERICS_VERSION).cloned().map(keeper::from_stored);
    *run.points() = HistoryBlock::new(record.shape.columns(), 1);
    let terms = Terms {
        max_iterations: spec.stop.max_iterations,
        before: seconds(before),
        max_seconds: seconds(record.spec.stop.max_seconds),
        progress_interval: floor.settings.progress_interval,
        heartbeat: floor.settings.heartbeat,
    };
    let recorder = Recorder::new(&record.shape, floor.settings.history_points_max);
    let clock = Instant::now();
    let left = (!terms.max_seconds.is_zero()).then(|| terms.max_seconds.saturating_sub(terms.before));
    let deadline = left.and_then(|left| clock.checked_add(left));
    if let Some(deadline) = deadline {
        run.ends_by(deadline);
    }
    let team = Borrowers::new(&floor.permits, run).until(deadline);
    let mut watcher = Watcher::new(run, &clock, keeper, recorder, terms);
    let computed = catch_unwind(AssertUnwindSafe(|| {
        failpoints::reach("run.begun");
        floor.engine.run(&claim.dataset, &spec, &team, resume.as_ref(), &mut watcher)
    }));
    let outcome = computed.map_err(|panic| {
        floor.panics.fetch_add(1, Ordering::Relaxed);
        let incident = uuid::Uuid::now_v7().to_string();
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        tracing::error!(%incident, fit = %record.id, panic = text.unwrap_or("without a text"), "a fit had a fault");
        incident
    });
    let watched = watcher.end(outcome.as_ref().ok());
    (outcome, watched)
}

fn finish(floor: &Floor, running: &Running<'_>, claim: &Claim, outcome: Result<Outcome, String>, watched: &Watched) {
    let (outcome, predictor) = match outcome {
        Ok(outcome) => report::ending(outcome, claim.record.spec.covariance),
        Err(incident) => (report::internal(incident), None),
    };
    let finish = Finish {
        outcome,
        predictor,
        progress: watched.progress,
        history: Some(running.run.points().clone()).filter(|points| !points.is_empty()),
        event: watched.event,
        ..bare_end(running, claim)
    };
    end(floor, running, &finish);
}

/// Ends a fit that needs more memory than there is by now.
fn refuse(floor: &Floor, running: &Running<'_>, claim: &Claim) {
    let outcome = report::too_large(claim.memory_bytes, floor.memory.bytes_max());
    end(floor, running, &Finish { outcome, ..bare_end(running, claim) });
}

/// An end with nothing to show.
fn bare_end(running: &Running<'_>, claim: &Claim) -> Finish {
    Finish {
        id: running.run.id,
        attempt: running.run.attempt,
        // The wall clock may have been set back since; no fit ends before it started.
        now: claim.record.started_at.map_or_else(Timestamp::now, |started| started.max(Timestamp::now())),
        outcome: fit::Outcome::Cancelled(None),
        predictor: None,
        progress: None,
        history: None,
        event: EventId::first_of_attempt(running.run.attempt).next(),
    }
}

fn end(floor: &Floor, running: &Running<'_>, finish: &Finish) {
    match insist(floor, &running.run, || sync::block_on(&floor.runtime, floor.store.finish(finish.clone()))) {
        Some(Finished::Done(record)) => {
            failpoints::reach("run.finished");
            tracing::info!(fit = %record.id, attempt = record.attempt, status = record.status.as_str(), "a fit has ended");
        }
        Some(Finished::Stale) => {
            tracing::info!(fit = %running.run.id, attempt = running.run.attempt, "a fit was taken away before its end");
        }
        None => {}
    }
}

/// Puts an interrupted fit back, to go on from where it stands.
fn release(floor: &Floor, running: &Running<'_>, watched: Watched) {
    let elapsed = watched.elapsed.as_secs_f64();
    let beat = Heartbeat {
        progress: watched.progress,
        checkpoint: watched.checkpoint.map(|checkpoint| keeper::to_stored(checkpoint, elapsed)),
        history: Some(running.run.points().clone()).filter(|points| !points.is_empty()),
        ..keeper::empty_beat(floor, &running.run)
    };
    failpoints::reach("release.built");
    insist(floor, &running.run, || sync::block_on(&floor.runtime, floor.store.release(beat.clone())));
    if running.run.asked() == Ask::Yield {
        // It is in the queue again, and nobody else says so.
        floor.backlog.add();
    }
}

/// Tries a run's last write until the store takes it. A full store is waited for as long as the service lives; other
/// failures and a stopping service have fewer tries, and then the fit is left to its lease: it runs again later.
fn insist<T>(floor: &Floor, run: &Run, write: impl Fn() -> Result<T, StoreError>) -> Option<T> {
    let mut pause = RETRY_FIRST;
    for tries in 1.. {
        let error = match write() {
            Ok(written) => return Some(written),
            Err(error) => error,
        };
        let text = &error as &dyn std::error::Error;
        if tries == 1 {
            tracing::warn!(fit = %run.id, error = text, "the end of a fit was not stored yet");
        }
        let stopping = floor.backlog.pause(pause);
        let patience = match error {
            StoreError::Closed | StoreError::Broken => 1,
            _ if stopping => TRIES_STOPPING_MAX,
            StoreError::Full => u32::MAX,
            _ => TRIES_MAX,
        };
        if run.asked() == Ask::Drop || tries >= patience {
            tracing::error!(fit = %run.id, error = text, tries, "the end of a fit is not stored; it will run again");
            floor.reconcile.notify_one();
            return None;
        }
        pause = (pause * 2).min(RETRY_LAST);
    }
    None
}

/// Seconds as a duration; what is not positive or not finite is none.
fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default()
}
