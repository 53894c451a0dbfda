//! The store that forgets: everything in maps behind one lock, for tests and for throw-away services. It keeps every
//! promise but that of stable storage.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use super::life::{Cancelled, Documents, Ending, KEY_LIFE, Life};
use super::series::{self, Extent};
use super::turns::{self, Candidate};
use super::{
    Ask, Claim, Counts, Created, Finish, Finished, Heartbeat, IdempotencyKey, Lease, ListQuery, NewFit, Page,
    Retention, Store, StoreError, StoredCheckpoint, Trimmed, Turn, Waiting,
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
    tenants: HashMap<Tenant, Share>,
    ended: BTreeSet<(Timestamp, FitId)>,
    /// What everything takes, roughly.
    bytes: u64,
    datasets: HashMap<(Tenant, String), KeptDataset>,
    keys: HashMap<(Tenant, String), UsedKey>,
    closed: bool,
}

/// A tenant's fits that have not ended, and the turns that it had.
#[derive(Default)]
struct Share {
    queued: BTreeSet<FitId>,
    running: BTreeSet<FitId>,
    taken: f64,
}

struct Kept {
    tenant: Tenant,
    memory_bytes: u64,
    key: Option<String>,
    /// What of the store's bytes is this fit's.
    counted: u64,
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

    /// What it takes beside its data, roughly: the numbers of its history and predictor, and a kilobyte of documents.
    fn bytes(&self) -> u64 {
        let points = self.history.len() * (3 + self.history.coefficients.len());
        let band = |predictor: &Predictor| predictor.band.as_ref().map_or(0, |band| band.factor.len());
        let predictor = self.predictor.as_ref().map_or(0, |kept| kept.coefficients.len() + band(kept));
        (1024 + 8 * (points + predictor)) as u64
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
        if kept.references == 0 {
            self.bytes += dataset_bytes(&kept.columns);
        }
        kept.references += 1;
        kept.info.clone()
    }

    /// Keeps the sets of fits in step with a fit's status.
    fn sort(&mut self, id: FitId) {
        let Some(kept) = self.fits.get(&id) else { return };
        let share = self.tenants.entry(kept.tenant.clone()).or_default();
        share.queued.remove(&id);
        share.running.remove(&id);
        match (kept.life.status, kept.life.finished_at) {
            (Status::Queued, _) => share.queued.insert(id),
            (Status::Running, _) => share.running.insert(id),
            (_, Some(ended)) => self.ended.insert((ended, id)),
            _ => false,
        };
    }

    /// Counts what the fit takes now.
    fn weigh(&mut self, id: FitId) {
        if let Some(kept) = self.fits.get_mut(&id) {
            let bytes = kept.bytes();
            self.bytes = (self.bytes + bytes).saturating_sub(std::mem::replace(&mut kept.counted, bytes));
        }
    }

    fn count(&self, of: impl Fn(&Share) -> &BTreeSet<FitId>) -> u64 {
        self.tenants.values().map(|share| of(share).len() as u64).sum()
    }

    /// The oldest fit of the tenant whose turn it is, and what that tenant has taken after it.
    fn next(&self, ask: &Ask) -> Option<(FitId, Tenant, f64)> {
        let waiting = self.tenants.iter().filter(|(_, share)| !share.queued.is_empty());
        let candidates: Vec<_> = waiting
            .map(|(tenant, share)| {
                let running = share.running.len() as u64;
                Candidate { tenant: tenant.clone(), running, taken: share.taken }
            })
            .collect();
        let floor = candidates.iter().map(|candidate| candidate.taken).fold(f64::INFINITY, f64::min);
        let chosen = turns::next(candidates, &ask.weights)?;
        let taken = turns::after(&chosen, floor, &ask.weights);
        let fit = *self.tenants.get(&chosen.tenant)?.queued.first()?;
        Some((fit, chosen.tenant, taken))
    }

    /// Removes a fit with all that belongs to it.
    fn remove(&mut self, id: FitId) {
        let Some(kept) = self.fits.remove(&id) else { return };
        if let Some(share) = self.tenants.get_mut(&kept.tenant) {
            share.queued.remove(&id);
            share.running.remove(&id);
        }
        if let Some(ended) = kept.life.finished_at {
            self.ended.remove(&(ended, id));
        }
        self.bytes = self.bytes.saturating_sub(kept.counted);
        let key = (kept.tenant.clone(), kept.documents.dataset.sha256.clone());
        if let Entry::Occupied(mut dataset) = self.datasets.entry(key) {
            dataset.get_mut().references -= 1;
            if dataset.get().references == 0 {
                self.bytes = self.bytes.saturating_sub(dataset_bytes(&dataset.remove().columns));
            }
        }
        if let Some(key) = kept.key {
            let used = (kept.tenant, key);
            if self.keys.get(&used).is_some_and(|used| used.fit == id) {
                self.keys.remove(&used);
            }
        }
    }
}

fn dataset_bytes(data: &Dataset) -> u64 {
    (data.rows() * data.names().len() * 8) as u64
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
        let queued = content.count(|share| &share.queued);
        if queued >= fit.queue_max {
            return Ok(Created::QueueFull { queued });
        }
        let queued = content.tenants.get(&fit.tenant).map_or(0, |share| share.queued.len() as u64);
        if queued >= fit.quota {
            return Ok(Created::QuotaFull { queued });
        }
        let dataset = content.refer(&fit);
        let key = fit.idempotency.as_ref().map(|key| key.key.clone());
        if let Some(key) = fit.idempotency {
            let used = UsedKey { fingerprint: key.fingerprint, fit: fit.id, at: fit.created_at };
            content.keys.insert((fit.tenant.clone(), key.key), used);
        }
        let kept = Kept {
            tenant: fit.tenant,
            memory_bytes: fit.memory_bytes,
            key,
            counted: 0,
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
        content.weigh(fit.id);
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

    async fn claim(&self, ask: &Ask) -> Result<Turn, StoreError> {
        let mut guard = self.write()?;
        let content = &mut *guard;
        let Some((id, tenant, taken)) = content.next(ask) else { return Ok(Turn::Nothing) };
        let Some(kept) = content.fits.get_mut(&id) else { return Ok(Turn::Nothing) };
        let memory_bytes = ask.grants(kept.memory_bytes, kept.life.lost_leases);
        if ask.has_to_wait(memory_bytes) {
            return Ok(Turn::TooLarge { memory_bytes });
        }
        content.tenants.entry(tenant).or_default().taken = taken;
        let event = kept.life.claim(&ask.owner, ask.now, ask.lease);
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
            memory_bytes,
            lease_until: kept.life.lease_until.unwrap_or(ask.now),
            record,
        };
        content.sort(id);
        Ok(Turn::Claimed(Box::new(claim)))
    }

    async fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        let content = self.read();
        let waiting = content.tenants.iter().filter(|(_, share)| !share.queued.is_empty());
        let count = |fits: &BTreeSet<FitId>| fits.len() as u64;
        let waiting = waiting.map(|(tenant, share)| Waiting {
            tenant: tenant.clone(),
            queued: count(&share.queued),
            running: count(&share.running),
        });
        Ok(waiting.collect())
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
        content.weigh(finish.id);
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
        content.remove(id);
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

    async fn dataset(&self, tenant: &Tenant, id: FitId) -> Result<Option<Arc<Dataset>>, StoreError> {
        let content = self.read();
        let Some(kept) = content.of(tenant, id) else { return Ok(None) };
        let key = (kept.tenant.clone(), kept.documents.dataset.sha256.clone());
        Ok(content.datasets.get(&key).map(|dataset| Arc::clone(&dataset.columns)))
    }

    async fn predictor(&self, tenant: &Tenant, id: FitId) -> Result<Option<Predictor>, StoreError> {
        Ok(self.read().of(tenant, id).and_then(|kept| kept.predictor.clone()))
    }

    async fn recover(&self, now: Timestamp, all: bool, attempts_max: u32) -> Result<u64, StoreError> {
        let mut content = self.write()?;
        let running: Vec<FitId> = content.tenants.values().flat_map(|share| share.running.iter().copied()).collect();
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
        Ok(Counts { queued: content.count(|share| &share.queued), running: content.count(|share| &share.running) })
    }

    async fn trim(&self, retention: Retention) -> Result<Trimmed, StoreError> {
        let mut content = self.write()?;
        let mut removed = Vec::new();
        while removed.len() < retention.batch
            && let Some(&(ended, id)) = content.ended.first()
            && (ended < retention.ended_before || retention.bytes_max.is_some_and(|most| content.bytes > most))
        {
            content.remove(id);
            removed.push(id);
        }
        Ok(Trimmed { more: removed.len() >= retention.batch, removed, bytes: content.bytes })
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.write().map(drop)
    }

    async fn broken(&self) {
        std::future::pending::<()>().await;
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.read().closed = true;
        Ok(())
    }
}
