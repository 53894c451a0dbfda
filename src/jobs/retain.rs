//! Retention: finished fits go when they are too old, or when the store holds more than it may, the oldest first. Without
//! input and idempotent, as a part of reconciling.

use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::floor::Floor;
use crate::failpoints;
use crate::store::{Retention, StoreError};

/// Fits that go in one transaction at most.
const BATCH: usize = 100;
/// Transactions of one pass at most; the next pass goes on.
const ROUNDS: usize = 100;

/// Lets go what has to go.
pub(super) async fn pass(floor: &Floor) -> Result<(), StoreError> {
    let age = floor.settings.retention;
    let ended_before = age.and_then(|age| Timestamp::now().checked_sub(age).ok()).unwrap_or(Timestamp::MIN);
    let retention = Retention { ended_before, bytes_max: floor.settings.store_bytes_max, batch: BATCH };
    for _ in 0..ROUNDS {
        failpoints::reach("trim.begun");
        let trimmed = floor.store.trim(retention).await?;
        failpoints::reach("trim.stored");
        trimmed.removed.iter().for_each(|id| floor.hub.changed(*id));
        if !trimmed.removed.is_empty() {
            tracing::info!(fits = trimmed.removed.len(), bytes = trimmed.bytes, "finished fits were removed");
        }
        let over = floor.settings.store_bytes_max.is_some_and(|most| trimmed.bytes > most);
        let overfull = over && trimmed.removed.is_empty();
        if floor.overfull.swap(overfull, Ordering::Relaxed) != overfull && overfull {
            tracing::error!(bytes = trimmed.bytes, "the store holds more than it may, and no fit in it has ended");
        }
        if !trimmed.more || floor.stopping.is_cancelled() {
            break;
        }
    }
    Ok(())
}
