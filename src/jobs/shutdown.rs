//! The end of the jobs: no new work, every running fit put back with its checkpoint, the store closed, all by a
//! deadline.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::floor::Floor;
use crate::failpoints;

/// What closing the store may take beyond a deadline that the fits used up.
const CLOSE_WAIT_MIN: Duration = Duration::from_secs(1);

/// Asks everything to stop.
pub(super) fn begin(floor: &Floor) {
    failpoints::reach("shutdown.begun");
    floor.stopping.cancel();
    floor.backlog.stop();
    floor.hub.interrupt_all();
}

pub(super) async fn shutdown(floor: &Floor, deadline: Duration) {
    let deadline = Instant::now() + deadline;
    begin(floor);
    let mut workers = floor.workers.subscribe();
    if timeout_at(deadline, workers.wait_for(|alive| *alive == 0)).await.is_err() {
        let running = floor.hub.runs().len();
        tracing::error!(running, "fits did not stop in time; they run again from their last checkpoint");
    }
    failpoints::reach("shutdown.released");
    match timeout_at(deadline.max(Instant::now() + CLOSE_WAIT_MIN), floor.store.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the store did not close cleanly");
        }
        Err(_) => tracing::error!("the store did not close in time"),
    }
}
