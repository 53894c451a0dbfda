//! Queue, workers, progress, cancellation, reconciling: the only door to the store. See [`Jobs`] for what the edge sees.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::descent::{Dataset, Estimate, Predictions};
use crate::fit::{
    Event, EventId, FitId, FitRecord, HistoryBlock, HistoryShape, Labels, Progress, Spec, Tenant, Violation,
};
use crate::store::{Counts, IdempotencyKey, ListQuery, Page, Store, StoreError};

/// A checked request for a fit, with `auto` still in it.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) tenant: Tenant,
    pub(crate) spec: Spec,
    pub(crate) labels: Labels,
    pub(crate) data: Arc<Dataset>,
    pub(crate) idempotency: Option<IdempotencyKey>,
}

/// What a draft means: the resolved spec and what it will cost.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) spec: Spec,
    pub(crate) estimate: Estimate,
}

/// What became of a submitted draft.
#[derive(Clone, Debug)]
pub(crate) enum Submitted {
    New(FitRecord),
    Replayed(FitRecord),
}

/// Why a fit was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubmitError {
    #[error("the fit is not valid")]
    Invalid(Vec<Violation>),
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("the queue is full")]
    QueueFull { queued: u64, limit: u64 },
    #[error("the service is stopping")]
    Stopping,
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// Why there is no prediction.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PredictError {
    #[error("there is no such fit")]
    Unknown,
    #[error("the fit is not finished")]
    NotFinished,
    #[error("the fit has no result")]
    Failed,
    #[error("the data is not valid")]
    Invalid(Vec<Violation>),
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// What is live of a fit: changes wake the watchers; only the newest value is seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    /// The newest progress event of the running attempt.
    pub(crate) progress: Option<(EventId, Progress)>,
    /// Grows with every lifecycle change: read the store again.
    pub(crate) lifecycle: u64,
}

/// How the jobs run.
#[derive(Clone, Debug)]
pub(crate) struct JobSettings {
    pub(crate) workers: usize,
    pub(crate) queue_max: u64,
    pub(crate) memory_bytes_max: u64,
    pub(crate) history_points_max: u64,
    pub(crate) attempts_max: u32,
    pub(crate) lease: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) progress_interval: Duration,
}

/// The jobs of one process.
#[derive(Clone)]
pub(crate) struct Jobs;

impl Jobs {
    /// Takes over what an earlier process left, starts the workers and the reconciler. Needs a tokio runtime.
    pub(crate) async fn start(_store: Arc<dyn Store>, _settings: JobSettings) -> Result<Self, StoreError> {
        unimplemented!()
    }
    /// Resolves and checks a draft; changes nothing.
    pub(crate) fn plan(&self, _draft: &Draft) -> Result<Plan, Vec<Violation>> {
        unimplemented!()
    }
    /// Plans, stores and queues. The fit is on stable storage when this returns; a dropped future leaves no half.
    pub(crate) async fn submit(&self, _draft: Draft) -> Result<Submitted, SubmitError> {
        unimplemented!()
    }
    /// The fit, with its live progress.
    pub(crate) async fn fit(&self, _tenant: &Tenant, _id: FitId) -> Result<Option<FitRecord>, StoreError> {
        unimplemented!()
    }
    /// The fit, as soon as its status is another than `than`, or terminal, or `within` has passed. `than: None` waits for the end.
    pub(crate) async fn wait(
        &self,
        _tenant: &Tenant,
        _id: FitId,
        _than: Option<crate::fit::Status>,
        _within: Duration,
    ) -> Result<Option<FitRecord>, StoreError> {
        unimplemented!()
    }
    /// Fits, newest first, with live progress.
    pub(crate) async fn list(&self, _tenant: &Tenant, _query: ListQuery) -> Result<Page, StoreError> {
        unimplemented!()
    }
    /// Cancels and waits shortly for the worker to let go; the fit as it then is.
    pub(crate) async fn cancel(&self, _tenant: &Tenant, _id: FitId) -> Result<Option<FitRecord>, StoreError> {
        unimplemented!()
    }
    /// Cancels if running, then removes. False if unknown.
    pub(crate) async fn delete(&self, _tenant: &Tenant, _id: FitId) -> Result<bool, StoreError> {
        unimplemented!()
    }
    /// Stored and live history between two iterations (both included). Nothing if the fit is unknown.
    pub(crate) async fn history(
        &self,
        _tenant: &Tenant,
        _id: FitId,
        _from: u64,
        _to: u64,
    ) -> Result<Option<(HistoryShape, HistoryBlock)>, StoreError> {
        unimplemented!()
    }
    /// Predictions with a finished fit.
    pub(crate) async fn predict(
        &self,
        _tenant: &Tenant,
        _id: FitId,
        _data: Arc<Dataset>,
        _level: Option<f64>,
    ) -> Result<Predictions, PredictError> {
        unimplemented!()
    }
    /// The stored lifecycle events behind `after`.
    pub(crate) async fn events(&self, _tenant: &Tenant, _id: FitId, _after: EventId) -> Result<Vec<Event>, StoreError> {
        unimplemented!()
    }
    /// Follows a fit. Subscribe first, then read.
    pub(crate) fn watch(&self, _id: FitId) -> watch::Receiver<Live> {
        unimplemented!()
    }
    /// Whether new fits can be taken.
    pub(crate) async fn ready(&self) -> Result<Counts, StoreError> {
        unimplemented!()
    }
    /// Stops claiming, puts running fits back with their checkpoints, closes the store; at most `deadline`.
    pub(crate) async fn shutdown(&self, _deadline: Duration) {
        unimplemented!()
    }
    /// What the service's clock says.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
