//! What the parts of the jobs share: one floor that workers, reconciler and facade stand on.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::backlog::Backlog;
use super::engine::Engine;
use super::hub::Hub;
use super::permits::Permits;
use super::settings::JobSettings;
use crate::store::Store;

pub(super) struct Floor {
    pub(super) store: Arc<dyn Store>,
    pub(super) settings: JobSettings,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) runtime: Handle,
    pub(super) hub: Hub,
    pub(super) backlog: Backlog,
    pub(super) permits: Permits,
    /// Wakes the reconciler before its period is over.
    pub(super) reconcile: Notify,
    /// Tells async code that the service stops; threads hear it from the backlog.
    pub(super) stopping: CancellationToken,
    /// How many worker threads are alive.
    pub(super) workers: watch::Sender<usize>,
    /// Names this process in its claims.
    pub(super) owner: String,
}

impl Floor {
    /// Needs a tokio runtime around it.
    pub(super) fn new(store: Arc<dyn Store>, settings: JobSettings, engine: Arc<dyn Engine>) -> Self {
        let permits = Permits::new(settings.workers.max(1));
        Self {
            store,
            settings,
            engine,
            runtime: Handle::current(),
            hub: Hub::default(),
            backlog: Backlog::default(),
            permits,
            reconcile: Notify::new(),
            stopping: CancellationToken::new(),
            workers: watch::Sender::default(),
            owner: uuid::Uuid::now_v7().to_string(),
        }
    }
}
