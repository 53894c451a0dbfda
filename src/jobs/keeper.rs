//! Writes a running fit's heartbeats: beside the run, one at a time, and what a failed one carried goes with the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::floor::Floor;
use super::run::{Ask, Run};
use super::sync;
use super::watcher::Keeper;
use crate::descent::Checkpoint;
use crate::failpoints;
use crate::fit::Progress;
use crate::store::{Heartbeat, Lease, StoreError, StoredCheckpoint};

pub(super) struct StoreKeeper {
    floor: Arc<Floor>,
    run: Arc<Run>,
    beat: Option<JoinHandle<()>>,
    failing: Arc<AtomicBool>,
}

impl StoreKeeper {
    pub(super) fn new(floor: &Arc<Floor>, run: &Arc<Run>) -> Self {
        Self { floor: Arc::clone(floor), run: Arc::clone(run), beat: None, failing: Arc::default() }
    }

    /// Waits for a heartbeat that is under way, so that it is known which points are stored.
    pub(super) fn settle(&mut self) {
        if let Some(beat) = self.beat.take() {
            // A heartbeat that was lost with its runtime is one that failed.
            let _ = sync::block_on(&self.floor.runtime, beat);
        }
    }
}

impl Keeper for StoreKeeper {
    fn is_idle(&mut self) -> bool {
        self.beat.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn keep(&mut self, progress: Progress, checkpoint: Checkpoint) {
        let mut beat = empty_beat(&self.floor, &self.run);
        beat.progress = Some(progress);
        beat.checkpoint = Some(to_stored(checkpoint, progress.elapsed_seconds));
        beat.history = Some(self.run.points().clone()).filter(|points| !points.is_empty());
        let (floor, run, failing) = (Arc::clone(&self.floor), Arc::clone(&self.run), Arc::clone(&self.failing));
        self.beat = Some(self.floor.runtime.spawn(async move {
            match send(&floor, &run, beat).await {
                Ok(()) => failing.store(false, Ordering::Relaxed),
                Err(error) => {
                    if !failing.swap(true, Ordering::Relaxed) {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(fit = %run.id, error, "a heartbeat was not stored; the fit computes on");
                    }
                }
            }
        }));
    }
}

/// A heartbeat that says no more than that the run lives.
pub(super) fn empty_beat(floor: &Floor, run: &Run) -> Heartbeat {
    Heartbeat {
        id: run.id,
        attempt: run.attempt,
        now: Timestamp::now(),
        lease: floor.settings.lease,
        progress: None,
        checkpoint: None,
        history: None,
    }
}

/// Sends a heartbeat and tells the run what the store answered.
pub(super) async fn send(floor: &Floor, run: &Run, beat: Heartbeat) -> Result<(), StoreError> {
    let (until, stored_to) = (beat.now + beat.lease, beat.history.as_ref().and_then(|h| h.iterations.last().copied()));
    failpoints::reach("beat.built");
    let lease = floor.store.heartbeat(beat).await?;
    failpoints::reach("beat.stored");
    match lease {
        Lease::Held => {}
        Lease::CancelRequested => run.ask(Ask::Cancel),
        Lease::Lost => {
            run.ask(Ask::Drop);
            return Ok(());
        }
    }
    run.leased_until(until);
    if let Some(iteration) = stored_to {
        run.stored_to(iteration);
    }
    Ok(())
}

/// The form in which the store keeps a checkpoint.
pub(super) fn to_stored(checkpoint: Checkpoint, elapsed_seconds: f64) -> StoredCheckpoint {
    StoredCheckpoint {
        numerics_version: checkpoint.numerics_version,
        iteration: checkpoint.iteration,
        elapsed_seconds,
        floats: checkpoint.floats,
        integers: checkpoint.integers,
    }
}

/// The form in which the core reads a checkpoint.
pub(super) fn from_stored(checkpoint: StoredCheckpoint) -> Checkpoint {
    Checkpoint {
        numerics_version: checkpoint.numerics_version,
        iteration: checkpoint.iteration,
        floats: checkpoint.floats,
        integers: checkpoint.integers,
    }
}
