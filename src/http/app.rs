//! What every handler shares: the jobs, the limits, and the permits for what there may be only so much of.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::body::Room;
use crate::config::Config;
use crate::ingest::DataLimits;
use crate::jobs::Jobs;

/// The limits that the edge itself keeps.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) body_bytes_max: u64,
    pub(crate) bodies_bytes_max: u64,
    pub(crate) data: DataLimits,
    pub(crate) iterations_max: u64,
    pub(crate) iterations_default: u64,
    pub(crate) seconds_max: u64,
    pub(crate) seconds_default: u64,
    pub(crate) labels_max: u64,
    pub(crate) label_bytes_max: u64,
    pub(crate) streams_max: u32,
    /// In lower case.
    pub(crate) allowed_hosts: HashSet<String>,
}

impl Limits {
    pub(crate) fn from_config(config: &Config) -> Self {
        let limits = &config.limits;
        let hosts = config.listen.allowed_hosts.iter().map(|host| host.trim().to_lowercase());
        Self {
            body_bytes_max: limits.body_bytes,
            bodies_bytes_max: limits.bodies_bytes(),
            data: DataLimits { columns_max: limits.columns, values_max: limits.values },
            iterations_max: limits.max_iterations,
            iterations_default: limits.default_iterations.min(limits.max_iterations),
            seconds_max: limits.max_seconds,
            seconds_default: limits.default_seconds.min(limits.max_seconds),
            labels_max: limits.labels,
            label_bytes_max: limits.label_bytes,
            streams_max: limits.streams,
            allowed_hosts: hosts.filter(|host| !host.is_empty()).collect(),
        }
    }
}

/// The state of the edge; cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) jobs: Jobs,
    pub(crate) limits: Arc<Limits>,
    /// One permit an open event stream.
    pub(crate) streams: Arc<Semaphore>,
    /// One permit a large body that is being taken apart, so that they do not crowd out the fits.
    pub(crate) parsers: Arc<Semaphore>,
    /// One permit a picture that is being drawn.
    pub(crate) drawings: Arc<Semaphore>,
    /// What bodies that are being read may take together.
    pub(crate) room: Room,
    /// Ends event streams and long polls.
    pub(crate) shutdown: CancellationToken,
}

impl App {
    pub(crate) fn new(jobs: Jobs, limits: Limits, shutdown: CancellationToken) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let streams = Arc::new(Semaphore::new(limits.streams_max as usize));
        let room = Room::new(limits.bodies_bytes_max);
        let [parsers, drawings] = [(); 2].map(|()| Arc::new(Semaphore::new(cores)));
        Self { jobs, limits: Arc::new(limits), streams, parsers, drawings, room, shutdown }
    }
}
