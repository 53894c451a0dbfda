//! The life of a fit as a value: which change is legal when, what it does to version, fence, lease and events. Every
//! backend asks it, so that they cannot differ.
//!
//! It knows nothing of where a fit is kept, and of documents only the outcome that ends a fit.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Lease;
use crate::fit::{
    DatasetInfo, Event, EventId, EventKind, FitError, FitId, FitRecord, HistoryShape, Labels, Outcome, Progress, Spec,
    Status, Tenant,
};

/// How long an idempotency key counts from its first use.
pub(super) const KEY_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The part of a fit that changes by rules.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Life {
    pub(super) version: u64,
    pub(super) status: Status,
    pub(super) attempt: u32,
    pub(super) cancel_requested: bool,
    pub(super) created_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) owner: Option<String>,
    pub(super) lease_until: Option<Timestamp>,
    /// Leases that ran out or whose process died; released ones are not among them.
    pub(super) lost_leases: u32,
    pub(super) last_event: EventId,
}

/// The end of a fit, to be stored together.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    pub(super) event: Event,
}

/// What a cancellation did.
#[derive(Clone, Debug)]
pub(super) enum Cancelled {
    Unchanged,
    Marked,
    Ended(Ending),
}

/// The documents of a fit.
#[derive(Clone, Debug)]
pub(super) struct Documents {
    pub(super) labels: Arc<Labels>,
    pub(super) spec: Arc<Spec>,
    pub(super) dataset: Arc<DatasetInfo>,
    pub(super) shape: Arc<HistoryShape>,
    pub(super) progress: Option<Progress>,
    pub(super) outcome: Option<Outcome>,
}

impl Life {
    /// A fit that was just created; its `queued` event has [`EventId::QUEUED`].
    pub(super) fn new(created_at: Timestamp) -> Self {
        Self {
            version: 1,
            status: Status::Queued,
            attempt: 0,
            cancel_requested: false,
            created_at,
            started_at: None,
            finished_at: None,
            owner: None,
            lease_until: None,
            lost_leases: 0,
            last_event: EventId::QUEUED,
        }
    }

    /// Hands a queued fit to `owner`.
    pub(super) fn claim(&mut self, owner: &str, now: Timestamp, lease: Duration) -> Event {
        self.version += 1;
        self.status = Status::Running;
        self.attempt += 1;
        self.started_at = self.started_at.or(Some(now.max(self.created_at)));
        self.owner = Some(owner.to_owned());
        self.lease_until = Some(after(now, lease));
        self.last_event = EventId::first_of_attempt(self.attempt).max(self.last_event.next());
        Event { id: self.last_event, kind: EventKind::Started, at: now }
    }

    /// Extends the lease of this attempt; `progressed` says that the record changes with it.
    pub(super) fn beat(&mut self, attempt: u32, now: Timestamp, lease: Duration, progressed: bool) -> Lease {
        if !self.held_by(attempt) {
            return Lease::Lost;
        }
        self.lease_until = Some(after(now, lease));
        self.version += u64::from(progressed);
        if self.cancel_requested { Lease::CancelRequested } else { Lease::Held }
    }

    /// Ends this attempt's fit, unless the attempt is an old one. A requested cancellation wins over what was brought.
    pub(super) fn finish(&mut self, attempt: u32, now: Timestamp, event: EventId, outcome: &Outcome) -> Option<Ending> {
        if !self.held_by(attempt) {
            return None;
        }
        let outcome = match outcome {
            outcome if self.cancel_requested => Outcome::Cancelled(outcome.result().cloned()),
            outcome => outcome.clone(),
        };
        Some(self.end(now, event.max(self.last_event.next()), outcome))
    }

    /// Puts this attempt's fit back, or ends it if its cancellation was requested.
    pub(super) fn release(&mut self, attempt: u32, now: Timestamp) -> (Lease, Option<Ending>) {
        if !self.held_by(attempt) {
            return (Lease::Lost, None);
        }
        if self.cancel_requested {
            let ending = self.end(now, self.beyond_attempt(), Outcome::Cancelled(None));
            return (Lease::CancelRequested, Some(ending));
        }
        self.requeue();
        (Lease::Held, None)
    }

    /// Cancels a queued fit and marks a running one.
    pub(super) fn cancel(&mut self, now: Timestamp) -> Cancelled {
        match self.status {
            Status::Queued => {
                self.cancel_requested = true;
                Cancelled::Ended(self.end(now, self.beyond_attempt(), Outcome::Cancelled(None)))
            }
            Status::Running if !self.cancel_requested => {
                self.cancel_requested = true;
                self.version += 1;
                Cancelled::Marked
            }
            _ => Cancelled::Unchanged,
        }
    }

    /// Takes a running fit from a worker that is no more: queued again, or ended.
    pub(super) fn lose(&mut self, now: Timestamp, attempts_max: u32) -> Option<Ending> {
        self.lost_leases += 1;
        if self.cancel_requested {
            return Some(self.end(now, self.beyond_attempt(), Outcome::Cancelled(None)));
        }
        if self.lost_leases >= attempts_max {
            let detail = format!("the fit lost its worker {} times", self.lost_leases);
            let outcome = failed("worker_lost", detail);
            return Some(self.end(now, self.beyond_attempt(), outcome));
        }
        self.requeue();
        None
    }

    /// Ends a fit whose stored `what` is damaged, also one that had ended.
    pub(super) fn quarantine(&mut self, now: Timestamp, what: &str) -> Ending {
        self.end(now, self.last_event.next(), failed("corrupt", format!("the stored {what} of this fit is damaged")))
    }

    /// Whether the lease is one that `recover` ends.
    pub(super) fn lease_over(&self, now: Timestamp, all: bool) -> bool {
        self.status == Status::Running && (all || self.lease_until.is_none_or(|until| until <= now))
    }

    /// Whether this attempt is the one that runs.
    pub(super) fn held_by(&self, attempt: u32) -> bool {
        self.status == Status::Running && self.attempt == attempt
    }

    /// The whole fit, with its documents.
    pub(super) fn record(&self, id: FitId, tenant: Tenant, documents: Documents) -> FitRecord {
        FitRecord {
            id,
            tenant,
            version: self.version,
            status: self.status,
            attempt: self.attempt,
            created_at: self.created_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            labels: documents.labels,
            spec: documents.spec,
            dataset: documents.dataset,
            shape: documents.shape,
            progress: documents.progress,
            outcome: documents.outcome,
            cancel_requested: self.cancel_requested,
        }
    }

    /// An id above all that watchers may have seen: progress events of an attempt take ids that are not stored.
    fn beyond_attempt(&self) -> EventId {
        match self.attempt {
            0 => self.last_event.next(),
            attempt => EventId::first_of_attempt(attempt + 1).max(self.last_event.next()),
        }
    }

    fn requeue(&mut self) {
        self.version += 1;
        self.status = Status::Queued;
        self.owner = None;
        self.lease_until = None;
    }

    fn end(&mut self, now: Timestamp, id: EventId, outcome: Outcome) -> Ending {
        self.version += 1;
        self.status = outcome.status();
        // A clock that was set back must not make a fit end before it began.
        self.finished_at = Some(now.max(self.started_at.unwrap_or(self.created_at)));
        self.owner = None;
        self.lease_until = None;
        self.last_event = id;
        let kind = match self.status {
            Status::Succeeded => EventKind::Succeeded,
            Status::Cancelled => EventKind::Cancelled,
            _ => EventKind::Failed,
        };
        Ending { outcome, event: Event { id, kind, at: now } }
    }
}

fn failed(code: &str, detail: String) -> Outcome {
    Outcome::Failed(Arc::new(FitError {
        code: code.to_owned(),
        detail,
        iteration: None,
        coefficients: None,
        loss: None,
        max_stable_learning_rate: None,
        suggestion: None,
        row: None,
        incident: None,
    }))
}

fn after(now: Timestamp, lease: Duration) -> Timestamp {
    now.checked_add(lease).unwrap_or(Timestamp::MAX)
}
