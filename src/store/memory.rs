//! The store that forgets: everything in maps behind one lock, for tests and for throw-away services. It keeps every
//! promise but that of stable storage.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::life::{Cancelled, Documents, Ending, KEY_LIFE, Life};
use super::series::{self, Extent};
use super::{
    Claim, Counts, Created, Finish, Finished, Heartbeat, IdempotencyKey, Lease, ListQuery, NewFit, Page, Store,
    StoreError, StoredCheckpoint,
};
use crate::descent::Dataset;
use crate::fit::{
    DatasetInfo, Event, EventId, EventKind, FitId, FitRecord, HistoryBlock, Predictor, Progress, Status, Tenant,
};

/// See the module.
#[derive(Default)]
pub(crate) struct MemoryStore {
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    fits: BTreeMap<FitId, Kept>,
    queued: BTreeSet<FitId>,
    running: BTreeSet<FitId>,
    datasets: HashMap<(Tenant, String), KeptDataset>,
    keys: HashMap<(Tenant, String), UsedKey>,
    closed: bool,
}

struct Kept {
    tenant: Tenant,
    life: Life,
    documents: Documents,
    events: Vec<Event>,
    history: HistoryBlock,
    checkpoint: Option<StoredCheckpoint>,
    predictor: Option<Predictor>,
}

struct KeptDataset {
    info: Arc<DatasetInfo>,
    columns: Arc<Dataset>,
    references: u64,
}

struct UsedKey {
    fingerprint: [u8; 32],
    fit: FitId,
    at: Timestamp,
}

impl MemoryStore {
    fn read(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> Result<MutexGuard<'_, Content>, StoreError> {
        let content = self.read();
        if content.closed { Err(StoreError::Closed) } else { Ok(content) }
    }
}

impl Kept {
    fn record(&self, id: FitId) -> FitRecord {
        self.life.record(id, self.tenant.clone(), self.documents.clone())
    }

    fn keep(&mut self, progress: Option<Progress>, history: Option<&HistoryBlock>) {
        if progress.is_some() {
            self.documents.progress = progress;
        }
        if let Some(block) = history
            && let Some(&first) = block.iterations.first()
        {
            series::cut(&mut self.history, first);
            self.history.extend_where(block, |_| true);
        }
    }

    fn end(&mut self, ending: Ending) {
        self.documents.outcome = Some(ending.outcome);
        self.events.push(ending.event);
        self.checkpoint = None;
    }

    fn extent(&self) -> Option<Extent> {
        let (first, last) = (*self.history.iterations.first()?, *self.history.iterations.last()?);
        Some(Extent { first, last, stride: self.history.stride })
    }
}

impl Content {
    fn of(&self, tenant: &Tenant, id: FitId) -> Option<&Kept> {
        self.fits.get(&id).filter(|kept| kept.tenant == *tenant)
    }

    /// The fit of a key that still counts.
    fn used(&self, tenant: &Tenant, key: &IdempotencyKey, now: Timestamp) -> Option<Created> {
        let used = self.keys.get(&(tenant.clone(), key.key.clone()))?;
        if now.duration_since(used.at) >= KEY_LIFE {
            return None;
        }
        if used.fingerprint != key.fingerprint {
            return Some(Created::KeyReused);
        }
        self.fits.get(&used.fit).map(|kept| Created::Replayed(kept.record(used.fit)))
    }

    /// Takes one more reference to the data; the info of what is actually kept.
    fn refer(&mut self, fit: &NewFit) -> Arc<DatasetInfo> {
        let info = &fit.dataset.info;
        let kept = self.datasets.entry((fit.tenant.clone(), info.sha256.clone())).or_insert_with(|| KeptDataset {
            info: Arc::new(info.clone()),
            columns: fit.dataset.columns.clone(),
            references: 0,
        });
        kept.references += 1;
        kept.info.clone()
    }

    /// Keeps the sets of queued and running fits in step with a fit's status.
    fn sort(&mut self, id: FitId) {
        let status = self.fits.get(&id).map(|kept| kept.life.status);
        self.queued.remove(&id);
        self.running.remove(&id);
        match status {
            Some(Status::Queued) => self.queued.insert(id),
            Some(Status::Running) => self.running.insert(id),
            _ => false,
        };
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn create(&self, fit: NewFit) -> Result<Created, StoreError> {
        let mut content = self.write()?;
        if let Some(key) = &fit.idempotency
            && let Some(used) = content.used(&fit.tenant, key, fit.created_at)
        {
            return Ok(used);
        }
        let queued = content.queued.len() as u64;
        if queued >= fit.queue_max {
            return Ok(Created::QueueFull { queued });
        }
        let dataset = content.refer(&fit);
        if let Some(key) = fit.idempotency {
            let used = UsedKey { fingerprint: key.fingerprint, fit: fit.id, at: fit.created_at };
            content.keys.retain(|_, used| fit.created_at.duration_since(used.at) < KEY_LIFE);
            content.keys.insert((fit.tenant.clone(), key.key), used);
        }
        let kept = Kept {
            tenant: fit.tenant,
            life: Life::new(fit.created_at),
            documents: Documents {
                labels: fit.labels,
                spec: fit.spec,
                dataset,
                shape: fit.shape,
                progress: None,
                outcome: None,
            },
            events: vec![Event { id: EventId::QUEUED, kind: EventKind::Queued, at: fit.created_at }],
            history: series::empty(),
            checkpoint: None,
            predictor: None,
        };
        let record = kept.record(fit.id);
        content.fits.insert(fit.id, kept);
        content.sort(fit.id);
        Ok(Created::New(record))
    }

    async fn replay(
        &self,
        tenant: &Tenant,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<Option<Created>, StoreError> {
        Ok(self.read().used(tenant, key, now))
    }

    async fn fit(&self, tenant: &Tenant, id: FitId) -> Result<Option<FitRecord>, StoreError> {
        Ok(self.read().of(tenant, id).map(|kept| kept.record(id)))
    }

    async fn list(&self, tenant: &Tenant, query: ListQuery) -> Result<Page, StoreError> {
        let content = self.read();
        let wanted = |kept: &Kept| {
            kept.tenant == *tenant
                && query.status.is_none_or(|status| kept.life.status == status)
                && query.created_after.is_none_or(|after| kept.life.created_at > after)
                && query.labels.iter().all(|(key, value)| kept.documents.labels.get(key) == Some(value))
        };
        let mut fits: Vec<_> = content
            .fits
            .iter()
            .rev()
            .filter(|(id, kept)| query.before.is_none_or(|before| **id < before) && wanted(kept))
            .take(query.limit.saturating_add(1))
            .map(|(id, kept)| kept.record(*id))
            .collect();
        let has_more = fits.len() > query.limit;
        fits.truncate(query.limit);
        Ok(Page { fits, has_more })
    }

    async fn claim(&self, owner: &str, now: Timestamp, lease: Duration) -> Result<Option<Claim>, StoreError> {
        let mut guard = self.write()?;
        let content = &mut *guard;
        let Some(&id) = content.queued.first() else { return Ok(None) };
        let Some(kept) = content.fits.get_mut(&id) else { return Ok(None) };
        let event = kept.life.claim(owner, now, lease);
        kept.events.push(event);
        series::cut(&mut kept.history, kept.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.iteration + 1));
        if kept.history.is_empty() {
            kept.history = series::empty();
        }
        let record = kept.record(id);
        let key = (record.tenant.clone(), record.dataset.sha256.clone());
        let claim = Claim {
            dataset: content.datasets.get(&key).ok_or(StoreError::Corrupt { what: "dataset" })?.columns.clone(),
            checkpoint: kept.checkpoint.clone(),
            lease_until: kept.life.lease_until.unwrap_or(now),
            record,
        };
        content.sort(id);
        Ok(Some(claim))
    }

    async fn heartbeat(&self, beat: Heartbeat) -> Result<Lease, StoreError> {
        let mut content = self.write()?;
        let Some(kept) = content.fits.get_mut(&beat.id) else { return Ok(Lease::Lost) };
        let lease = kept.life.beat(beat.attempt, beat.now, beat.lease, beat.progress.is_some());
        if lease != Lease::Lost {
            kept.keep(beat.progress, beat.history.as_ref());
            kept.checkpoint = beat.checkpoint.or(kept.checkpoint.take());
        }
        Ok(lease)
    }

    async fn finish(&self, finish: Finish) -> Result<Finished, StoreError> {
        let mut content = self.write()?;
        let Some(kept) = content.fits.get_mut(&finish.id) else { return Ok(Finished::Stale) };
        let Some(ending) = kept.life.finish(finish.attempt, finish.now, finish.event, &finish.outcome) else {
            return Ok(Finished::Stale);
        };
        kept.keep(finish.progress, finish.history.as_ref());
        kept.predictor = finish.predictor.filter(|_| ending.outcome.result().is_some());
        kept.end(ending);
        let record = kept.record(finish.id);
        content.sort(finish.id);
        Ok(Finished::Done(Box::new(record)))
    }

    async fn release(&self, beat: Heartbeat) -> Result<Lease, StoreError> {
        let mut content = self.write()?;
        let Some(kept) = content.fits.get_mut(&beat.id) else { return Ok(Lease::Lost) };
        let (lease, ending) = kept.life.release(beat.attempt, beat.now);
        if lease != Lease::Lost {
            kept.keep(beat.progress, beat.history.as_ref());
            kept.checkpoint = beat.checkpoint.or(kept.checkpoint.take());
        }
        if let Some(ending) = ending {
            kept.end(ending);
        }
        content.sort(beat.id);
        Ok(lease)
    }

    async fn cancel(&self, tenant: &Tenant, id: FitId, now: Timestamp) -> Result<Option<FitRecord>, StoreError> {
        let mut content = self.write()?;
        let Some(kept) = content.fits.get_mut(&id).filter(|kept| kept.tenant == *tenant) else { return Ok(None) };
        if let Cancelled::Ended(ending) = kept.life.cancel(now) {
            kept.end(ending);
        }
        let record = kept.record(id);
        content.sort(id);
        Ok(Some(record))
    }

    async fn delete(&self, tenant: &Tenant, id: FitId) -> Result<bool, StoreError> {
        let mut content = self.write()?;
        if content.of(tenant, id).is_none() {
            return Ok(false);
        }
        if let Some(kept) = content.fits.remove(&id) {
            let key = (kept.tenant, kept.documents.dataset.sha256.clone());
            if let Some(dataset) = content.datasets.get_mut(&key) {
                dataset.references -= 1;
            }
            content.datasets.retain(|_, dataset| dataset.references > 0);
            content.keys.retain(|_, used| used.fit != id);
        }
        content.sort(id);
        Ok(true)
    }

    async fn events(&self, tenant: &Tenant, id: FitId, after: EventId) -> Result<Vec<Event>, StoreError> {
        let content = self.read();
        let events = content.of(tenant, id).map(|kept| kept.events.as_slice()).unwrap_or_default();
        Ok(events.iter().filter(|event| event.id > after).copied().collect())
    }

    async fn history(&self, tenant: &Tenant, id: FitId, from: u64, to: u64) -> Result<HistoryBlock, StoreError> {
        let content = self.read();
        let selected = content
            .of(tenant, id)
            .and_then(|kept| Some(kept.extent()?.select(std::slice::from_ref(&kept.history), from, to)));
        Ok(selected.unwrap_or_else(series::empty))
    }

    async fn predictor(&self, tenant: &Tenant, id: FitId) -> Result<Option<Predictor>, StoreError> {
        Ok(self.read().of(tenant, id).and_then(|kept| kept.predictor.clone()))
    }

    async fn recover(&self, now: Timestamp, all: bool, attempts_max: u32) -> Result<u64, StoreError> {
        let mut content = self.write()?;
        let running: Vec<FitId> = content.running.iter().copied().collect();
        let mut changed = 0;
        for id in running {
            let Some(kept) = content.fits.get_mut(&id).filter(|kept| kept.life.lease_over(now, all)) else { continue };
            if let Some(ending) = kept.life.lose(now, attempts_max) {
                kept.end(ending);
            }
            content.sort(id);
            changed += 1;
        }
        Ok(changed)
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let content = self.read();
        Ok(Counts { queued: content.queued.len() as u64, running: content.running.len() as u64 })
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.write().map(drop)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.read().closed = true;
        Ok(())
    }
}
