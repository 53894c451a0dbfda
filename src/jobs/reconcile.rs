//! Brings the jobs back in line with the store: woken by signal and by period, without input, and idempotent, so it is
//! the same after a restart, a lost wake-up or another process's death.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;

use super::floor::Floor;
use super::{keeper, retain};
use crate::failpoints;
use crate::fit::FitId;
use crate::store::StoreError;

/// The period: how long a lost wake-up can go unnoticed.
const PERIOD: Duration = Duration::from_secs(1);

/// Passes that may fail one after another before the service is not ready.
const FAILURES_MAX: u64 = 5;

/// Every how many passes it is looked what retention lets go.
const RETAIN_EVERY: u64 = 4;

/// Reconciles until the service stops.
pub(super) async fn reconcile(floor: Arc<Floor>) {
    let mut failing = false;
    let mut stuck = HashSet::new();
    let mut passes = 0_u64;
    let mut failures = 0_u64;
    loop {
        tokio::select! {
            () = floor.stopping.cancelled() => return,
            () = floor.reconcile.notified() => {}
            () = tokio::time::sleep(PERIOD) => {}
        }
        tell_stuck(&floor, &mut stuck);
        let mut passed = pass(&floor).await;
        if passed.is_ok() && passes.is_multiple_of(RETAIN_EVERY) {
            passed = retain::pass(&floor).await;
        }
        passes += 1;
        failures = if matches!(passed, Ok(()) | Err(StoreError::Full)) { 0 } else { failures + 1 };
        floor.adrift.store(failures >= FAILURES_MAX, Ordering::Relaxed);
        match passed {
            Ok(()) => failing = false,
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "the jobs cannot be reconciled with the store; trying on");
                }
            }
        }
    }
}

/// Logs each run that has become stuck, once.
fn tell_stuck(floor: &Floor, told: &mut HashSet<(FitId, u32)>) {
    let runs = floor.hub.runs();
    let stuck: HashSet<_> =
        runs.iter().filter(|run| run.is_stuck(floor.settings.stuck_after)).map(|run| (run.id, run.attempt)).collect();
    for (fit, attempt) in stuck.difference(told) {
        tracing::error!(%fit, attempt, "a fit does not stop; its worker is stuck");
    }
    *told = stuck;
}

/// One pass.
pub(super) async fn pass(floor: &Floor) -> Result<(), StoreError> {
    failpoints::reach("reconcile.begun");
    floor.hub.sweep();
    keep_leases(floor).await?;
    if floor.store.recover(Timestamp::now(), false, floor.settings.attempts_max).await? > 0 {
        floor.hub.all_changed();
    }
    floor.backlog.raise_to(floor.store.counts().await?.queued);
    Ok(())
}

/// Extends the leases of runs whose own heartbeats do not come: those within one long iteration, and all of them after
/// the wall clock was set forward. It comes before `recover`, which would take them for lost.
async fn keep_leases(floor: &Floor) -> Result<(), StoreError> {
    let soon = Timestamp::now() + floor.settings.lease / 2;
    for run in floor.hub.runs() {
        if run.lease_until() < soon {
            keeper::send(floor, &run, keeper::empty_beat(floor, &run)).await?;
        }
    }
    Ok(())
}
