//! Reading and ending fits that may be running here: waiting, cancelling, deleting, and the history that is partly
//! stored and partly live.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::floor::Floor;
use super::run::Ask;
use crate::failpoints;
use crate::fit::{FitId, FitRecord, HistoryBlock, HistoryShape, Status, Tenant};
use crate::store::StoreError;

/// How long a wake-up that never comes can delay a waiting reader.
const POLL: Duration = Duration::from_secs(1);
/// How long a cancel waits for the run to let go.
const CANCEL_WAIT: Duration = Duration::from_secs(1);
/// How long a delete does; after that it removes the fit, and the run's writes are stale.
const DELETE_WAIT: Duration = Duration::from_secs(2);

pub(super) async fn fit(floor: &Floor, tenant: &Tenant, id: FitId) -> Result<Option<FitRecord>, StoreError> {
    // A run that ends between the two readings took its progress with it; the earlier reading still has it.
    let before = floor.hub.progress(id);
    let record = floor.store.fit(tenant, id).await?;
    Ok(record.map(|mut record| {
        super::hub::overlay(&mut record, before);
        floor.hub.overlay(record)
    }))
}

pub(super) async fn wait(
    floor: &Floor,
    tenant: &Tenant,
    id: FitId,
    than: Option<Status>,
    within: Duration,
) -> Result<Option<FitRecord>, StoreError> {
    let deadline = Instant::now() + within;
    let mut live = floor.hub.watch(id);
    loop {
        let seen = live.borrow_and_update().lifecycle;
        let Some(record) = fit(floor, tenant, id).await? else { return Ok(None) };
        let now = Instant::now();
        let changed = than.is_some_and(|than| than != record.status);
        if changed || record.status.is_terminal() || now >= deadline || floor.stopping.is_cancelled() {
            return Ok(Some(record));
        }
        tokio::select! {
            _ = live.wait_for(|live| live.lifecycle != seen) => {}
            () = tokio::time::sleep_until(deadline.min(now + POLL)) => {}
            () = floor.stopping.cancelled() => {}
        }
    }
}

pub(super) async fn cancel(floor: &Floor, tenant: &Tenant, id: FitId) -> Result<Option<FitRecord>, StoreError> {
    // Following keeps the hub's entry, and with it the question, until the run that is about to start finds it.
    let _follow = floor.hub.watch(id);
    match ask_to_cancel(floor, tenant, id).await? {
        Some(record) if record.status == Status::Running => wait(floor, tenant, id, None, CANCEL_WAIT).await,
        record => Ok(record),
    }
}

/// Cancels in the store, and asks a run to stop.
pub(super) async fn ask_to_cancel(floor: &Floor, tenant: &Tenant, id: FitId) -> Result<Option<FitRecord>, StoreError> {
    let record = floor.store.cancel(tenant, id, Timestamp::now()).await?;
    failpoints::reach("cancel.stored");
    floor.hub.changed(id);
    if record.as_ref().is_some_and(|record| record.status == Status::Running) {
        floor.hub.ask(id, Ask::Cancel);
    }
    Ok(record)
}

pub(super) async fn delete(floor: &Floor, tenant: &Tenant, id: FitId) -> Result<bool, StoreError> {
    let _follow = floor.hub.watch(id);
    let Some(record) = floor.store.fit(tenant, id).await? else { return Ok(false) };
    if !record.status.is_terminal() {
        let record = ask_to_cancel(floor, tenant, id).await?;
        if record.is_some_and(|record| record.status == Status::Running) {
            wait(floor, tenant, id, None, DELETE_WAIT).await?;
        }
    }
    failpoints::reach("delete.cancelled");
    let existed = floor.store.delete(tenant, id).await?;
    failpoints::reach("delete.stored");
    if let Some(run) = floor.hub.run(id) {
        run.ask(Ask::Drop);
    }
    floor.hub.changed(id);
    Ok(existed)
}

pub(super) async fn history(
    floor: &Floor,
    tenant: &Tenant,
    id: FitId,
    from: u64,
    to: u64,
) -> Result<Option<(HistoryShape, HistoryBlock)>, StoreError> {
    // Live first: a point that moves to the store meanwhile is then seen twice rather than never.
    let live = floor.hub.run(id).map(|run| run.points().clone());
    let Some(record) = floor.store.fit(tenant, id).await? else { return Ok(None) };
    let stored = floor.store.history(tenant, id, from, to).await?;
    let block = merge(stored, &live.unwrap_or_default(), record.shape.columns(), from, to);
    Ok(Some(((*record.shape).clone(), block)))
}

/// Stored points, then the live ones in the range, all on the larger stride of the two.
fn merge(stored: HistoryBlock, live: &HistoryBlock, coefficients: usize, from: u64, to: u64) -> HistoryBlock {
    let Some(&first) = live.iterations.first() else { return stored };
    let stride = stored.stride.max(live.stride).max(1);
    let last = live.iterations.last().copied();
    let mut block = HistoryBlock::new(coefficients, stride);
    block.extend_where(&stored, |iteration| iteration < first && iteration % stride == 0);
    block.extend_where(live, |iteration| {
        (from..=to).contains(&iteration) && (iteration % stride == 0 || Some(iteration) == last)
    });
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(iterations: &[u64], stride: u64) -> HistoryBlock {
        let mut block = HistoryBlock::new(0, stride);
        iterations.iter().for_each(|&iteration| block.push(iteration, iteration as f64, 0.0, &[]));
        block
    }

    #[test]
    fn live_points_follow_stored_ones_without_repeat_on_the_larger_stride() {
        let merged = merge(block(&[0, 1, 2, 3, 4, 5], 1), &block(&[4, 6, 8], 2), 0, 0, u64::MAX);
        assert_eq!(merged.iterations, [0, 2, 4, 6, 8]);
        assert_eq!(merged.loss[2].to_bits(), 4f64.to_bits());
        assert_eq!(merged.stride, 2);
    }

    #[test]
    fn a_range_bounds_live_points_and_nothing_live_leaves_the_stored_as_they_are() {
        assert_eq!(merge(block(&[2, 3], 1), &block(&[4, 5, 6, 7], 1), 0, 2, 5).iterations, [2, 3, 4, 5]);
        assert_eq!(merge(block(&[0, 4, 7], 4), &block(&[], 1), 0, 0, 9).iterations, [0, 4, 7]);
    }
}
