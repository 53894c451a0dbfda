//! What the service must never lose, behind one trait. The doc comments are the contract; `conformance` is the contract
//! as tests, and every backend runs it.
//!
//! The store knows nothing of HTTP, of threads that compute, or of how a fit is computed. It takes its times from the
//! caller, so that tests inject them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::descent::Dataset;
use crate::fit::{
    DatasetInfo, Event, EventId, FitId, FitRecord, HistoryBlock, HistoryShape, Labels, Outcome, Predictor, Progress,
    Spec, Status, Tenant,
};

mod codec;
mod error;
mod life;
mod memory;
mod open;
mod series;
mod sqlite;
mod turns;

#[cfg(test)]
mod conformance;

pub(crate) use error::StoreError;
pub(crate) use open::{StoreUrl, open};
pub(crate) use sqlite::{backup, check};

/// Data to keep with a new fit. Identity is (tenant, sha256): the same data twice is one dataset with two references.
#[derive(Clone, Debug)]
pub(crate) struct NewDataset {
    pub(crate) info: DatasetInfo,
    pub(crate) columns: Arc<Dataset>,
}

/// The client's idempotency key with a digest of what it was sent with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdempotencyKey {
    pub(crate) key: String,
    pub(crate) fingerprint: [u8; 32],
}

/// A fit to create.
#[derive(Clone, Debug)]
pub(crate) struct NewFit {
    pub(crate) id: FitId,
    pub(crate) tenant: Tenant,
    pub(crate) spec: Arc<Spec>,
    pub(crate) labels: Arc<Labels>,
    pub(crate) dataset: NewDataset,
    /// What the history will hold.
    pub(crate) shape: Arc<HistoryShape>,
    pub(crate) idempotency: Option<IdempotencyKey>,
    pub(crate) created_at: Timestamp,
    /// What it is estimated to need while it runs.
    pub(crate) memory_bytes: u64,
    /// How many queued fits there may be, this one included.
    pub(crate) queue_max: u64,
    /// How many of its tenant.
    pub(crate) quota: u64,
}

/// What became of a fit to create.
#[derive(Clone, Debug)]
pub(crate) enum Created {
    /// It is on stable storage.
    New(FitRecord),
    /// The key was used for the same request before: the fit that it made, as it is now.
    Replayed(FitRecord),
    /// The key was used for another request; nothing was stored.
    KeyReused,
    /// As many fits are queued as may be; nothing was stored.
    QueueFull { queued: u64 },
    /// The tenant has as many queued as it may have; nothing was stored.
    QuotaFull { queued: u64 },
}

/// What a worker hands over when it stops: enough to go on from the same iterate, bit for bit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredCheckpoint {
    /// Checkpoints of another numerics version are not resumed from.
    pub(crate) numerics_version: u64,
    pub(crate) iteration: u64,
    /// Computing time over all attempts so far.
    pub(crate) elapsed_seconds: f64,
    pub(crate) floats: Vec<(String, Vec<f64>)>,
    pub(crate) integers: Vec<(String, Vec<u64>)>,
}

/// A fit that this worker may run until `lease_until`. `record.attempt` is the fence.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) record: FitRecord,
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) checkpoint: Option<StoredCheckpoint>,
    /// What of the memory is the fit's while it runs.
    pub(crate) memory_bytes: u64,
    pub(crate) lease_until: Timestamp,
}

/// Who asks for a fit to run, and on what terms.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) owner: String,
    pub(crate) now: Timestamp,
    pub(crate) lease: Duration,
    /// What is free for the fit.
    pub(crate) memory_bytes: u64,
    /// What can be free at all: a fit beyond that is handed out, to be refused.
    pub(crate) memory_bytes_max: u64,
    /// How many turns a tenant gets for one of another; who is not named has the weight 1.
    pub(crate) weights: Arc<Weights>,
    /// How many leases a fit may lose.
    pub(crate) attempts_max: u32,
}

impl Ask {
    /// What a fit gets that is estimated to need so much. One that lost all leases but one gets everything, so that it runs
    /// alone: the next process that dies with it has died of it, and no other fit pays for that.
    fn grants(&self, memory_bytes: u64, lost_leases: u32) -> u64 {
        let is_last_chance = lost_leases > 0 && lost_leases.saturating_add(1) >= self.attempts_max;
        if is_last_chance { memory_bytes.max(self.memory_bytes_max) } else { memory_bytes }
    }

    /// Whether a fit that gets so much has to wait for memory.
    fn has_to_wait(&self, memory_bytes: u64) -> bool {
        memory_bytes > self.memory_bytes && memory_bytes <= self.memory_bytes_max
    }
}

/// Weights of tenants in turns. All are positive.
pub(crate) type Weights = HashMap<Tenant, f64>;

/// What there is to run.
#[derive(Clone, Debug)]
pub(crate) enum Turn {
    Claimed(Box<Claim>),
    /// The fit whose turn it is needs more memory than was free. Nobody overtakes it, or it might wait for ever.
    TooLarge {
        memory_bytes: u64,
    },
    Nothing,
}

/// A tenant with fits that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) tenant: Tenant,
    pub(crate) queued: u64,
    pub(crate) running: u64,
}

/// Which finished fits have to go, the oldest first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    /// Those that ended before.
    pub(crate) ended_before: Timestamp,
    /// And as many as it takes to keep the store below this.
    pub(crate) bytes_max: Option<u64>,
    /// At most so many at once, so that other writes go on.
    pub(crate) batch: usize,
}

/// What retention came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trimmed {
    pub(crate) removed: Vec<FitId>,
    /// What the store holds now: its content and its data files, without what is free in them.
    pub(crate) bytes: u64,
    /// Whether more has to go.
    pub(crate) more: bool,
}

/// Whether a worker still holds the fit that it writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lease {
    Held,
    /// The fit was cancelled: stop, then `finish`.
    CancelRequested,
    /// Another attempt has it, or it is gone: the write changed nothing; drop the fit.
    Lost,
}

/// A write of a running fit: the newest progress, and with it whatever else there is to keep.
#[derive(Clone, Debug)]
pub(crate) struct Heartbeat {
    pub(crate) id: FitId,
    pub(crate) attempt: u32,
    pub(crate) now: Timestamp,
    pub(crate) lease: Duration,
    pub(crate) progress: Option<Progress>,
    pub(crate) checkpoint: Option<StoredCheckpoint>,
    /// Points since the last stored one.
    pub(crate) history: Option<HistoryBlock>,
}

/// The end of a fit.
#[derive(Clone, Debug)]
pub(crate) struct Finish {
    pub(crate) id: FitId,
    pub(crate) attempt: u32,
    pub(crate) now: Timestamp,
    pub(crate) outcome: Outcome,
    pub(crate) predictor: Option<Predictor>,
    pub(crate) progress: Option<Progress>,
    pub(crate) history: Option<HistoryBlock>,
    /// The id of the terminal event; the store raises it above every stored one.
    pub(crate) event: EventId,
}

/// What became of a worker's last write.
#[derive(Clone, Debug)]
pub(crate) enum Finished {
    /// The fit is terminal, as the record says. A fit whose cancellation was requested before is `cancelled`, whatever
    /// the worker brought, so that an acknowledged cancel never ends as a success.
    Done(Box<FitRecord>),
    /// The fence was old or the fit is gone: nothing changed.
    Stale,
}

/// Which fits to list, newest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListQuery {
    pub(crate) status: Option<Status>,
    /// All of these labels, with these values.
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) created_after: Option<Timestamp>,
    /// Only fits older than this one (by id).
    pub(crate) before: Option<FitId>,
    pub(crate) limit: usize,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) fits: Vec<FitRecord>,
    pub(crate) has_more: bool,
}

/// What a look at everything in a store has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// How many fits there are.
    pub fits: u64,
    /// How many datasets.
    pub datasets: u64,
    /// What is damaged or does not fit together, one line each.
    pub faults: Vec<String>,
}

/// Numbers for readiness and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) queued: u64,
    pub(crate) running: u64,
}

/// The promises. Every method is atomic: it happens whole and is on stable storage when it returns `Ok`, or it did not
/// happen. A fit of another tenant is as unknown as one that never was.
#[async_trait]
pub(crate) trait Store: Send + Sync + 'static {
    /// Stores the fit, its dataset (or one more reference to it), its key and its `queued` event ([`EventId::QUEUED`])
    /// together. A key counts for 7 days from its first use.
    async fn create(&self, fit: NewFit) -> Result<Created, StoreError>;

    /// The fit that this key made with this fingerprint: `Replayed` or `KeyReused`; nothing if the key is unused.
    async fn replay(
        &self,
        tenant: &Tenant,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<Option<Created>, StoreError>;

    /// The fit as it is.
    async fn fit(&self, tenant: &Tenant, id: FitId) -> Result<Option<FitRecord>, StoreError>;

    /// Fits, newest first. Pages are stable: a fit created meanwhile is never repeated and never hides another.
    async fn list(&self, tenant: &Tenant, query: ListQuery) -> Result<Page, StoreError>;

    /// Hands a queued fit to a worker: it is `running`, its attempt is one higher, a `started` event
    /// ([`EventId::first_of_attempt`]) is stored, `started_at` is set on the first claim. A fit is never claimed twice
    /// while its lease holds.
    ///
    /// It is the oldest fit of the tenant whose turn it is: of those with queued fits, the one with the fewest running
    /// over its weight, and among equals the one that had the fewest turns over its weight. Who had nothing queued for a
    /// while has no turns saved up.
    async fn claim(&self, ask: &Ask) -> Result<Turn, StoreError>;

    /// The tenants with queued fits.
    async fn waiting(&self) -> Result<Vec<Waiting>, StoreError>;

    /// Extends the lease and stores progress, checkpoint and history together, if the fence still holds.
    async fn heartbeat(&self, beat: Heartbeat) -> Result<Lease, StoreError>;

    /// Makes the fit terminal and stores outcome, predictor, last history and terminal event together; drops the
    /// checkpoint. Only with the current fence, only once.
    async fn finish(&self, finish: Finish) -> Result<Finished, StoreError>;

    /// Puts a running fit back to `queued` with its last heartbeat's content; it does not count as a lost lease.
    /// A fit whose cancellation was requested becomes `cancelled` instead.
    async fn release(&self, beat: Heartbeat) -> Result<Lease, StoreError>;

    /// Cancels: a queued fit is `cancelled` at once with its terminal event, a running one is marked, a terminal one is
    /// unchanged. The fit as it is afterwards; nothing if it is unknown.
    async fn cancel(&self, tenant: &Tenant, id: FitId, now: Timestamp) -> Result<Option<FitRecord>, StoreError>;

    /// Removes a fit with its events, history, checkpoint, predictor, idempotency key and its reference to the dataset;
    /// the dataset goes with its last reference. False if the fit is unknown. A running worker's later writes are stale.
    async fn delete(&self, tenant: &Tenant, id: FitId) -> Result<bool, StoreError>;

    /// The lifecycle events behind `after`, in order.
    async fn events(&self, tenant: &Tenant, id: FitId, after: EventId) -> Result<Vec<Event>, StoreError>;

    /// The stored history between the two iterations (both included), as one block; empty if there is none.
    /// Points off the final stride are left out, but the first and the last of the fit stay. After a restart from
    /// iteration 0 or a checkpoint, points of the abandoned stretch are gone or overwritten: iterations strictly increase.
    async fn history(&self, tenant: &Tenant, id: FitId, from: u64, to: u64) -> Result<HistoryBlock, StoreError>;

    /// The data that the fit was posted with; nothing if the fit is unknown.
    async fn dataset(&self, tenant: &Tenant, id: FitId) -> Result<Option<Arc<Dataset>>, StoreError>;

    /// What predictions need; nothing if the fit has none.
    async fn predictor(&self, tenant: &Tenant, id: FitId) -> Result<Option<Predictor>, StoreError>;

    /// Ends the leases that no worker holds any more: those past `now`, and all of them when `all` (at the start of the
    /// only process of this store). Each such fit is queued again, `cancelled` if that was requested, or, when its lease
    /// was lost for the `attempts_max`-th time, `failed` with code `worker_lost`. How many fits changed.
    async fn recover(&self, now: Timestamp, all: bool, attempts_max: u32) -> Result<u64, StoreError>;

    /// Removes finished fits as `delete` does. Queued and running ones stay, whatever the size. Asked again, it goes on.
    async fn trim(&self, retention: Retention) -> Result<Trimmed, StoreError>;

    /// How many fits are queued and running.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// Whether the store can take a write now.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Returns when the store has found that it cannot trust its disk: a write or a sync failed for another reason than
    /// a lack of space. From then on it takes nothing, and only a new start tells what is stored.
    async fn broken(&self);

    /// Stops taking writes and leaves the store as after a clean end.
    async fn close(&self) -> Result<(), StoreError>;
}
