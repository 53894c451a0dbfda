//! How the jobs run: every limit and period by name. It does not know where they are configured.

use std::time::Duration;

/// How the jobs run.
#[derive(Clone, Debug)]
pub(crate) struct JobSettings {
    /// Fits that run at once; also the threads that compute.
    pub(crate) workers: usize,
    pub(crate) queue_max: u64,
    /// What one fit may need at its peak, its data included.
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
}
