//! Queue, workers, progress, cancellation, reconciling: the only door to the store. See [`Jobs`] for what the edge sees.

mod identity;
mod plan;
mod submit;

mod keeper;
mod memory;
mod permits;
mod recorder;
mod report;
mod team;
mod watcher;
mod worker;

mod follow;
mod hub;
mod predict;
mod run;
mod survey;

mod backlog;
mod reconcile;
mod retain;
mod shutdown;
mod turns;

mod engine;
mod floor;
mod settings;
mod sync;

#[cfg(feature = "shuttle")]
#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod shelf;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::descent::{Dataset, Estimate, Predictions};
use crate::failpoints;
use crate::fit::{
    Event, EventId, FitId, FitRecord, HistoryBlock, HistoryShape, Labels, Progress, Spec, Status, Tenant, Violation,
};
use crate::store::{Counts, Page, Store};

// What the edge needs of the store, it takes from here: the jobs are the only door.
pub(crate) use crate::store::{IdempotencyKey, ListQuery, StoreError};

pub(crate) use plan::from_choice;
pub(crate) use report::from_label;
pub(crate) use settings::JobSettings;
pub(crate) use survey::{Seen, View};

use engine::{Descent, Engine};
use floor::Floor;

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
    /// What the history will hold.
    pub(crate) shape: HistoryShape,
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
    #[error("the tenant has as many fits in the queue as it may have")]
    QuotaFull { queued: u64, limit: u64 },
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

/// Why there is nothing to see.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SurveyError {
    #[error("there is no such fit")]
    Unknown,
    #[error("the fit is not that far yet")]
    NotYet,
    #[error("the fit has failed")]
    Failed,
    #[error("{0}")]
    Missing(&'static str),
    #[error("the fit has no coefficient called {0}")]
    UnknownParameter(String),
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// How the jobs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) queued: u64,
    pub(crate) running: u64,
    /// Runs that should have stopped long ago. Each has a worker.
    pub(crate) stuck: u64,
    pub(crate) workers: u64,
    /// Faults of fits since the start.
    pub(crate) panics: u64,
}

/// What is live of a fit: changes wake the watchers; only the newest value is seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    /// The newest progress event of the running attempt.
    pub(crate) progress: Option<(EventId, Progress)>,
    /// Grows with every lifecycle change: read the store again.
    pub(crate) lifecycle: u64,
}

/// The jobs of one process. Clones are handles on the same jobs.
#[derive(Clone)]
pub(crate) struct Jobs {
    floor: Arc<Floor>,
}

impl Jobs {
    /// Takes over what an earlier process left, starts the workers and the reconciler. Needs a tokio runtime.
    pub(crate) async fn start(store: Arc<dyn Store>, settings: JobSettings) -> Result<Self, StoreError> {
        Self::start_with(store, settings, Arc::new(Descent)).await
    }

    async fn start_with(
        store: Arc<dyn Store>,
        settings: JobSettings,
        engine: Arc<dyn Engine>,
    ) -> Result<Self, StoreError> {
        let floor = Arc::new(Floor::new(store, settings, engine));
        // Leases found now are those of a process that is no more.
        failpoints::reach("recover.begun");
        match floor.store.recover(Timestamp::now(), true, floor.settings.attempts_max).await {
            // A full disk can be read and emptied; the leases run out by themselves.
            Err(StoreError::Full) => tracing::error!("the store is full: it reads and deletes alone"),
            recovered => drop(recovered?),
        }
        failpoints::reach("recover.stored");
        floor.backlog.raise_to(floor.store.counts().await?.queued);
        worker::start(&floor)?;
        floor.runtime.spawn(reconcile::reconcile(Arc::clone(&floor)));
        floor.runtime.spawn(turns::give(Arc::clone(&floor)));
        floor.turns.notify_one();
        Ok(Self { floor })
    }

    /// Resolves and checks a draft; changes nothing.
    pub(crate) fn plan(&self, draft: &Draft) -> Result<Plan, Vec<Violation>> {
        let settings = &self.floor.settings;
        plan::plan(self.floor.engine.as_ref(), draft, settings.memory_bytes_max, settings.workers)
    }

    /// Plans, stores and queues. The fit is on stable storage when this returns; a dropped future leaves no half.
    pub(crate) async fn submit(&self, draft: Draft) -> Result<Submitted, SubmitError> {
        // In a task of its own: a client that goes away must not stop a commit half-way, or before its wake-up.
        match self.floor.runtime.spawn(submit::submit(Arc::clone(&self.floor), draft)).await {
            Ok(submitted) => submitted,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(SubmitError::Stopping),
        }
    }

    /// The fit, with its live progress.
    pub(crate) async fn fit(&self, tenant: &Tenant, id: FitId) -> Result<Option<FitRecord>, StoreError> {
        follow::fit(&self.floor, tenant, id).await
    }

    /// The fit, as soon as its status is another than `than`, or terminal, or `within` has passed, or the service stops.
    /// `than: None` waits for the end.
    pub(crate) async fn wait(
        &self,
        tenant: &Tenant,
        id: FitId,
        than: Option<Status>,
        within: Duration,
    ) -> Result<Option<FitRecord>, StoreError> {
        follow::wait(&self.floor, tenant, id, than, within).await
    }

    /// Fits, newest first, with live progress.
    pub(crate) async fn list(&self, tenant: &Tenant, query: ListQuery) -> Result<Page, StoreError> {
        let Page { fits, has_more } = self.floor.store.list(tenant, query).await?;
        let fits = fits.into_iter().map(|record| self.floor.hub.overlay(record)).collect();
        Ok(Page { fits, has_more })
    }

    /// Cancels and waits shortly for the worker to let go; the fit as it then is.
    pub(crate) async fn cancel(&self, tenant: &Tenant, id: FitId) -> Result<Option<FitRecord>, StoreError> {
        follow::cancel(&self.floor, tenant, id).await
    }

    /// Cancels if running, then removes. False if unknown.
    pub(crate) async fn delete(&self, tenant: &Tenant, id: FitId) -> Result<bool, StoreError> {
        follow::delete(&self.floor, tenant, id).await
    }

    /// Stored and live history between two iterations (both included). Nothing if the fit is unknown.
    pub(crate) async fn history(
        &self,
        tenant: &Tenant,
        id: FitId,
        from: u64,
        to: u64,
    ) -> Result<Option<(HistoryShape, HistoryBlock)>, StoreError> {
        follow::history(&self.floor, tenant, id, from, to).await
    }

    /// Predictions with a finished fit.
    pub(crate) async fn predict(
        &self,
        tenant: &Tenant,
        id: FitId,
        data: Arc<Dataset>,
        level: Option<f64>,
    ) -> Result<Predictions, PredictError> {
        predict::predict(&self.floor, tenant, id, data, level).await
    }

    /// What a picture of the fit shows, as far as the fit is.
    pub(crate) async fn survey(&self, tenant: &Tenant, id: FitId, view: View) -> Result<Seen, SurveyError> {
        survey::survey(&self.floor, tenant, id, view).await
    }

    /// The stored lifecycle events behind `after`.
    pub(crate) async fn events(&self, tenant: &Tenant, id: FitId, after: EventId) -> Result<Vec<Event>, StoreError> {
        self.floor.store.events(tenant, id, after).await
    }

    /// Follows a fit. Subscribe first, then read.
    pub(crate) fn watch(&self, id: FitId) -> watch::Receiver<Live> {
        self.floor.hub.watch(id)
    }

    /// How the jobs are, if the store can take new ones.
    pub(crate) async fn ready(&self) -> Result<Health, StoreError> {
        if self.floor.stopping.is_cancelled() {
            return Err(StoreError::Closed);
        }
        self.floor.store.ready().await?;
        if self.floor.adrift.load(Ordering::Relaxed) {
            return Err(StoreError::Io(std::io::Error::other("the jobs cannot be brought in line with the store")));
        }
        let Counts { queued, running } = self.floor.store.counts().await?;
        let patience = self.floor.settings.stuck_after;
        let stuck = self.floor.hub.runs().iter().filter(|run| run.is_stuck(patience)).count() as u64;
        let workers = self.floor.settings.workers.max(1) as u64;
        Ok(Health { queued, running, stuck, workers, panics: self.floor.panics.load(Ordering::Relaxed) })
    }

    /// Returns when the store's disk has failed: nothing is to be done but to end the process.
    pub(crate) async fn broken(&self) {
        self.floor.store.broken().await;
    }

    /// Stops claiming, puts running fits back with their checkpoints, closes the store; at most `deadline`.
    pub(crate) async fn shutdown(&self, deadline: Duration) {
        shutdown::shutdown(&self.floor, deadline).await;
    }
}
