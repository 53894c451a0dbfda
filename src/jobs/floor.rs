//! What the parts of the jobs share: one floor that workers, reconciler and facade stand on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::backlog::Backlog;
use super::engine::Engine;
use super::hub::Hub;
use super::memory::Memory;
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
    pub(super) memory: Memory,
    /// Wakes those who give turns: a tenant waits while another's fits run.
    pub(super) turns: Notify,
    /// Faults of fits since the start, each of which ended its own fit alone.
    pub(super) panics: AtomicU64,
    /// The jobs could not be brought in line with the store for a while.
    pub(super) adrift: AtomicBool,
    /// The store holds more than it may, and nothing in it can go.
    pub(super) overfull: AtomicBool,
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
        let memory = Memory::new(settings.memory_bytes_max);
        Self {
            store,
            settings,
            engine,
            runtime: Handle::current(),
            hub: Hub::default(),
            backlog: Backlog::default(),
            permits,
            memory,
            turns: Notify::new(),
            panics: AtomicU64::new(0),
            adrift: AtomicBool::new(false),
            overfull: AtomicBool::new(false),
            reconcile: Notify::new(),
            stopping: CancellationToken::new(),
            workers: watch::Sender::default(),
            owner: uuid::Uuid::now_v7().to_string(),
        }
    }
}
