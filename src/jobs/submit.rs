//! Takes a draft: plans it, gives its data an identity, stores it, and only then wakes a worker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::floor::Floor;
use super::{Draft, Plan, SubmitError, Submitted, identity, plan};
use crate::descent::Dataset;
use crate::failpoints;
use crate::fit::{DatasetId, DatasetInfo, FitId, Violation};
use crate::store::{Created, NewDataset, NewFit, StoreError};

/// Values up to which planning and hashing are done where they are: a hand-over to another thread would cost more.
const INLINE_VALUES_MAX: usize = 16_384;

pub(super) async fn submit(floor: Arc<Floor>, draft: Draft) -> Result<Submitted, SubmitError> {
    if floor.stopping.is_cancelled() {
        return Err(SubmitError::Stopping);
    }
    let now = Timestamp::now();
    // A replay is answered as it was, without planning it again or looking at its data.
    if let Some(key) = &draft.idempotency
        && let Some(created) = floor.store.replay(&draft.tenant, key, now).await.map_err(store)?
    {
        return submitted(&floor, created);
    }
    let (draft, prepared) = prepare(&floor, draft).await?;
    let (plan, sha256) = prepared.map_err(SubmitError::Invalid)?;
    let info = DatasetInfo {
        id: DatasetId::new(),
        rows: draft.data.rows() as u64,
        columns: draft.data.names().to_vec(),
        levels: levels(&draft.data),
        sha256,
    };
    if floor.overfull.load(Ordering::Relaxed) {
        return Err(SubmitError::Store(StoreError::Full));
    }
    let created = floor.store.create(NewFit {
        id: FitId::new(),
        tenant: draft.tenant,
        spec: Arc::new(plan.spec),
        shape: Arc::new(plan.shape),
        labels: Arc::new(draft.labels),
        dataset: NewDataset { info, columns: draft.data },
        idempotency: draft.idempotency,
        created_at: now,
        memory_bytes: plan.estimate.memory_bytes,
        queue_max: floor.settings.queue_max,
        quota: floor.settings.quota,
    });
    let created = created.await.map_err(store)?;
    submitted(&floor, created)
}

fn levels(data: &Dataset) -> BTreeMap<String, Vec<String>> {
    let columns = data.names().iter().zip(data.levels());
    columns.filter_map(|(name, levels)| Some((name.clone(), levels.as_ref()?.to_vec()))).collect()
}

fn submitted(floor: &Floor, created: Created) -> Result<Submitted, SubmitError> {
    match created {
        Created::New(record) => {
            failpoints::reach("submit.stored");
            floor.backlog.add();
            if floor.hub.runs_another(&record.tenant) {
                floor.turns.notify_one();
            }
            Ok(Submitted::New(record))
        }
        Created::Replayed(record) => Ok(Submitted::Replayed(floor.hub.overlay(record))),
        Created::KeyReused => Err(SubmitError::KeyReused),
        Created::QuotaFull { queued } => Err(SubmitError::QuotaFull { queued, limit: floor.settings.quota }),
        Created::QueueFull { queued } => Err(SubmitError::QueueFull { queued, limit: floor.settings.queue_max }),
    }
}

type Prepared = Result<(Plan, String), Vec<Violation>>;

/// Plans and hashes, on a thread for blocking work where there is much to read.
async fn prepare(floor: &Arc<Floor>, draft: Draft) -> Result<(Draft, Prepared), SubmitError> {
    let shared = Arc::clone(floor);
    let values = values(&draft.data);
    let prepare = move || {
        let settings = &shared.settings;
        let plan = plan::plan(shared.engine.as_ref(), &draft, settings.memory_bytes_max, settings.workers);
        let prepared = plan.map(|plan| (plan, identity::sha256(&draft.data)));
        (draft, prepared)
    };
    if values <= INLINE_VALUES_MAX {
        return Ok(prepare());
    }
    match floor.runtime.spawn_blocking(prepare).await {
        Ok(prepared) => Ok(prepared),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(SubmitError::Stopping),
    }
}

fn values(data: &Dataset) -> usize {
    data.rows().saturating_mul(data.names().len())
}

/// A store that was closed meanwhile is a service that stops.
fn store(error: StoreError) -> SubmitError {
    match error {
        StoreError::Closed => SubmitError::Stopping,
        error => SubmitError::Store(error),
    }
}
