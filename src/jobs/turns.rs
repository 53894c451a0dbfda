//! Fair turns among tenants: while one waits with less than its share of the workers, a fit of one that has more gives up
//! its worker after a slice of time, to go on from its checkpoint later. The store says whose turn it is then.

use std::sync::Arc;
use std::time::Duration;

use super::floor::Floor;
use super::run::{Ask, Run};
use crate::fit::Tenant;
use crate::store::{StoreError, Waiting};

/// What a fit may compute before it gives way. Shorter slices answer others sooner, and cost more hand-overs.
const SLICE: Duration = Duration::from_millis(400);
/// How often it is looked while somebody waits for less than its share.
const TICK: Duration = Duration::from_millis(100);

/// Gives turns until the service stops.
pub(super) async fn give(floor: Arc<Floor>) {
    let mut failing = false;
    loop {
        tokio::select! {
            () = floor.stopping.cancelled() => return,
            () = floor.turns.notified() => {}
        }
        loop {
            match pass(&floor).await {
                Ok(false) => break,
                Ok(true) => failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "nobody knows whose turn it is; trying on"
                        );
                    }
                }
            }
            tokio::select! {
                () = floor.stopping.cancelled() => return,
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }
}

/// Asks those whose slice is over to give way. Whether somebody waits for that, now or soon.
async fn pass(floor: &Floor) -> Result<bool, StoreError> {
    let runs = floor.hub.runs();
    let waiting = floor.store.waiting().await?;
    let (yielding, contested) = choose(&waiting, &runs, |tenant| floor.settings.weight(tenant));
    yielding.iter().for_each(|run| run.ask(Ask::Yield));
    Ok(contested)
}

/// The runs that are to give way, and whether anybody waits with less than another's share.
fn choose(waiting: &[Waiting], runs: &[Arc<Run>], weight: impl Fn(&Tenant) -> f64) -> (Vec<Arc<Run>>, bool) {
    // What leaves already is not counted as running.
    let staying: Vec<_> = runs.iter().filter(|run| run.asked() == Ask::Nothing).collect();
    let mut leaving = runs.len() - staying.len();
    let load = |tenant: &Tenant| staying.iter().filter(|run| run.tenant == *tenant).count() as f64 / weight(tenant);
    let mut chosen: Vec<Arc<Run>> = Vec::new();
    let mut contested = false;
    for tenant in waiting.iter().map(|waiting| &waiting.tenant) {
        let over = |run: &&&Arc<Run>| run.tenant != *tenant && load(&run.tenant) > load(tenant);
        let mut candidates: Vec<_> = staying.iter().filter(over).collect();
        contested |= !candidates.is_empty();
        // A worker that will be free soon is this tenant's.
        if leaving > 0 {
            leaving -= 1;
            continue;
        }
        candidates.retain(|run| run.computed() >= SLICE && !chosen.iter().any(|other| Arc::ptr_eq(other, run)));
        let longest = candidates
            .into_iter()
            .max_by(|a, b| load(&a.tenant).total_cmp(&load(&b.tenant)).then(a.computed().cmp(&b.computed())));
        chosen.extend(longest.map(|run| Arc::clone(run)));
    }
    (chosen, contested)
}
