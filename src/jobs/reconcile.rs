//! Brings the jobs back in line with the store: woken by signal and by period, without input, and idempotent, so it is
//! the same after a restart, a lost wake-up or another process's death.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::floor::Floor;
use super::keeper;
use crate::failpoints;
use crate::store::StoreError;

/// The period: how long a lost wake-up can go unnoticed.
const PERIOD: Duration = Duration::from_secs(1);

/// Reconciles until the service stops.
pub(super) async fn reconcile(floor: Arc<Floor>) {
    let mut failing = false;
    loop {
        tokio::select! {
            () = floor.stopping.cancelled() => return,
            () = floor.reconcile.notified() => {}
            () = tokio::time::sleep(PERIOD) => {}
        }
        match pass(&floor).await {
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
