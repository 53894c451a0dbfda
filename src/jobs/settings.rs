//! How the jobs run: every limit and period by name. It does not know where they are configured.

use std::sync::Arc;
use std::time::Duration;

use crate::fit::Tenant;
use crate::store::Weights;

/// How the jobs run.
#[derive(Clone, Debug)]
pub(crate) struct JobSettings {
    /// Fits that run at once; also the threads that compute.
    pub(crate) workers: usize,
    pub(crate) queue_max: u64,
    /// Fits that one tenant may have in the queue.
    pub(crate) quota: u64,
    /// Turns that a tenant gets for one of another; who is not named has the weight 1.
    pub(crate) weights: Arc<Weights>,
    /// What all fits that run may need together at their peaks, their data included.
    pub(crate) memory_bytes_max: u64,
    /// History points of one fit; beyond, the stride doubles.
    pub(crate) history_points_max: u64,
    /// Leases that a fit may lose before it counts as the one that kills its workers.
    pub(crate) attempts_max: u32,
    /// How long a claim holds without a heartbeat.
    pub(crate) lease: Duration,
    /// How often a running fit stores its progress, checkpoint and history.
    pub(crate) heartbeat: Duration,
    /// How often a running fit shows its progress at most.
    pub(crate) progress_interval: Duration,
    /// How long after it should have stopped a run counts as stuck.
    pub(crate) stuck_after: Duration,
    /// How long finished fits are kept; nothing keeps them for ever.
    pub(crate) retention: Option<Duration>,
    /// What the store may hold before the oldest finished fits go.
    pub(crate) store_bytes_max: Option<u64>,
}

impl JobSettings {
    /// The weight of a tenant in turns.
    pub(super) fn weight(&self, tenant: &Tenant) -> f64 {
        self.weights.get(tenant).copied().unwrap_or(1.0)
    }
}
