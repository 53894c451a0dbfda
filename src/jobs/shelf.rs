//! For tests: a store as small as the jobs can be tested with, that fails on request and remembers what it was told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::descent::Dataset;
use crate::fit::{Event, EventId, EventKind, FitId, FitRecord, HistoryBlock, Outcome, Predictor, Status, Tenant};
use crate::store::{
    Ask, Claim, Counts, Created, Finish, Finished, Heartbeat, IdempotencyKey, Lease, ListQuery, NewFit, Page,
    Retention, Store, StoreError, StoredCheckpoint, Trimmed, Turn, Waiting,
};

#[derive(Default)]
pub(super) struct Shelf {
    state: Mutex<State>,
    /// How many heartbeats came, refused ones included.
    pub(super) beats: watch::Sender<usize>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) fits: BTreeMap<FitId, Kept>,
    /// How many of the next writes of workers fail as on a full disk.
    pub(super) refusals: usize,
    pub(super) closed: bool,
}

pub(super) struct Kept {
    pub(super) record: FitRecord,
    data: Arc<Dataset>,
    key: Option<IdempotencyKey>,
    pub(super) checkpoint: Option<StoredCheckpoint>,
    pub(super) history: HistoryBlock,
    predictor: Option<Predictor>,
    pub(super) events: Vec<Event>,
    pub(super) lease_until: Timestamp,
}

impl Shelf {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn refuse(&mut self) -> Result<(), StoreError> {
        if self.refusals > 0 {
            self.refusals -= 1;
            return Err(StoreError::Full);
        }
        if self.closed { Err(StoreError::Closed) } else { Ok(()) }
    }

    fn held(&mut self, id: FitId, attempt: u32) -> Option<&mut Kept> {
        let kept = self.fits.get_mut(&id)?;
        (kept.record.status == Status::Running && kept.record.attempt == attempt).then_some(kept)
    }

    fn count(&self, status: Status) -> u64 {
        self.fits.values().filter(|kept| kept.record.status == status).count() as u64
    }
}

impl Kept {
    fn take(&mut self, beat: Heartbeat) -> Lease {
        self.record.progress = beat.progress.or(self.record.progress);
        self.checkpoint = beat.checkpoint.or(self.checkpoint.take());
        self.append(beat.history);
        self.lease_until = beat.now + beat.lease;
        if self.record.cancel_requested { Lease::CancelRequested } else { Lease::Held }
    }

    fn append(&mut self, history: Option<HistoryBlock>) {
        if let Some(later) = history {
            let mut block = HistoryBlock::new(later.coefficients.len(), later.stride);
            block.extend_where(&self.history, |iteration| iteration < later.iterations[0]);
            block.extend_where(&later, |_| true);
            self.history = block;
        }
    }

    fn end(&mut self, outcome: Outcome, event: EventId, now: Timestamp) {
        let kind = match outcome.status() {
            Status::Succeeded => EventKind::Succeeded,
            Status::Failed => EventKind::Failed,
            _ => EventKind::Cancelled,
        };
        self.record.status = outcome.status();
        self.record.outcome = Some(outcome);
        self.record.finished_at = Some(now);
        self.events.push(Event { id: event, kind, at: now });
    }

    fn requeue(&mut self, now: Timestamp) {
        if self.record.cancel_requested {
            let event = EventId(self.events.last().unwrap().id.0 + 1_000);
            self.end(Outcome::Cancelled(None), event, now);
        } else {
            self.record.status = Status::Queued;
        }
    }
}

#[async_trait]
impl Store for Shelf {
    async fn create(&self, fit: NewFit) -> Result<Created, StoreError> {
        let mut state = self.state();
        state.refuse()?;
        let queued = state.count(Status::Queued);
        if queued >= fit.queue_max {
            return Ok(Created::QueueFull { queued });
        }
        let record = FitRecord {
            id: fit.id,
            tenant: fit.tenant,
            version: 1,
            status: Status::Queued,
            attempt: 0,
            created_at: fit.created_at,
            started_at: None,
            finished_at: None,
            labels: fit.labels,
            spec: fit.spec,
            dataset: Arc::new(fit.dataset.info),
            shape: fit.shape,
            progress: None,
            outcome: None,
            cancel_requested: false,
        };
        let kept = Kept {
            record: record.clone(),
            data: fit.dataset.columns,
            key: fit.idempotency,
            checkpoint: None,
            history: HistoryBlock::new(0, 1),
            predictor: None,
            events: vec![Event { id: EventId::QUEUED, kind: EventKind::Queued, at: fit.created_at }],
            lease_until: fit.created_at,
        };
        state.fits.insert(fit.id, kept);
        Ok(Created::New(record))
    }

    async fn replay(&self, _: &Tenant, key: &IdempotencyKey, _: Timestamp) -> Result<Option<Created>, StoreError> {
        let state = self.state();
        let first = state.fits.values().find_map(|kept| Some((kept.key.as_ref()?, &kept.record)));
        Ok(first
            .filter(|(other, _)| other.key == key.key)
            .map(|(other, record)| if other == key { Created::Replayed(record.clone()) } else { Created::KeyReused }))
    }

    async fn fit(&self, _: &Tenant, id: FitId) -> Result<Option<FitRecord>, StoreError> {
        Ok(self.state().fits.get(&id).map(|kept| kept.record.clone()))
    }

    async fn list(&self, _: &Tenant, query: ListQuery) -> Result<Page, StoreError> {
        let fits = self.state().fits.values().rev().take(query.limit).map(|kept| kept.record.clone()).collect();
        Ok(Page { fits, has_more: false })
    }

    async fn claim(&self, ask: &Ask) -> Result<Turn, StoreError> {
        let (now, lease) = (ask.now, ask.lease);
        let mut state = self.state();
        let Some(kept) = state.fits.values_mut().find(|kept| kept.record.status == Status::Queued) else {
            return Ok(Turn::Nothing);
        };
        kept.record.status = Status::Running;
        kept.record.attempt += 1;
        kept.record.started_at = kept.record.started_at.or(Some(now));
        kept.lease_until = now + lease;
        let id = EventId::first_of_attempt(kept.record.attempt);
        kept.events.push(Event { id, kind: EventKind::Started, at: now });
        Ok(Turn::Claimed(Box::new(Claim {
            record: kept.record.clone(),
            dataset: Arc::clone(&kept.data),
            checkpoint: kept.checkpoint.clone(),
            memory_bytes: 0,
            lease_until: kept.lease_until,
        })))
    }

    async fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        Ok(Vec::new())
    }

    async fn heartbeat(&self, beat: Heartbeat) -> Result<Lease, StoreError> {
        let answer = {
            let mut state = self.state();
            state.refuse().map(|()| state.held(beat.id, beat.attempt).map_or(Lease::Lost, |kept| kept.take(beat)))
        };
        self.beats.send_modify(|count| *count += 1);
        answer
    }

    async fn finish(&self, finish: Finish) -> Result<Finished, StoreError> {
        let mut state = self.state();
        state.refuse()?;
        let Some(kept) = state.held(finish.id, finish.attempt) else { return Ok(Finished::Stale) };
        let outcome = match kept.record.cancel_requested {
            true => Outcome::Cancelled(finish.outcome.result().cloned()),
            false => finish.outcome,
        };
        kept.record.progress = finish.progress;
        kept.predictor = finish.predictor;
        kept.append(finish.history);
        kept.end(outcome, finish.event, finish.now);
        Ok(Finished::Done(Box::new(kept.record.clone())))
    }

    async fn release(&self, beat: Heartbeat) -> Result<Lease, StoreError> {
        let mut state = self.state();
        state.refuse()?;
        let Some(kept) = state.held(beat.id, beat.attempt) else { return Ok(Lease::Lost) };
        let now = beat.now;
        let lease = kept.take(beat);
        kept.requeue(now);
        Ok(lease)
    }

    async fn cancel(&self, _: &Tenant, id: FitId, now: Timestamp) -> Result<Option<FitRecord>, StoreError> {
        let mut state = self.state();
        Ok(state.fits.get_mut(&id).map(|kept| {
            match kept.record.status {
                Status::Queued => kept.end(Outcome::Cancelled(None), EventId(2), now),
                Status::Running => kept.record.cancel_requested = true,
                _ => {}
            }
            kept.record.clone()
        }))
    }

    async fn delete(&self, _: &Tenant, id: FitId) -> Result<bool, StoreError> {
        Ok(self.state().fits.remove(&id).is_some())
    }

    async fn events(&self, _: &Tenant, id: FitId, after: EventId) -> Result<Vec<Event>, StoreError> {
        let state = self.state();
        let events = state.fits.get(&id).map(|kept| kept.events.as_slice()).unwrap_or_default();
        Ok(events.iter().filter(|event| event.id > after).copied().collect())
    }

    async fn history(&self, _: &Tenant, id: FitId, from: u64, to: u64) -> Result<HistoryBlock, StoreError> {
        let state = self.state();
        let mut block = HistoryBlock::new(0, 1);
        if let Some(kept) = state.fits.get(&id) {
            block.extend_where(&kept.history, |iteration| (from..=to).contains(&iteration));
        }
        Ok(block)
    }

    async fn dataset(&self, _: &Tenant, id: FitId) -> Result<Option<Arc<Dataset>>, StoreError> {
        Ok(self.state().fits.get(&id).map(|kept| kept.data.clone()))
    }

    async fn predictor(&self, _: &Tenant, id: FitId) -> Result<Option<Predictor>, StoreError> {
        Ok(self.state().fits.get(&id).and_then(|kept| kept.predictor.clone()))
    }

    async fn recover(&self, now: Timestamp, all: bool, _: u32) -> Result<u64, StoreError> {
        let mut state = self.state();
        let lost = |kept: &&mut Kept| kept.record.status == Status::Running && (all || kept.lease_until < now);
        Ok(state.fits.values_mut().filter(lost).map(|kept| kept.requeue(now)).count() as u64)
    }

    async fn trim(&self, _: Retention) -> Result<Trimmed, StoreError> {
        Ok(Trimmed::default())
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let state = self.state();
        Ok(Counts { queued: state.count(Status::Queued), running: state.count(Status::Running) })
    }

    async fn ready(&self) -> Result<(), StoreError> {
        if self.state().closed { Err(StoreError::Closed) } else { Ok(()) }
    }

    async fn broken(&self) {
        std::future::pending::<()>().await;
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.state().closed = true;
        Ok(())
    }
}
