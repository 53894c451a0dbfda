//! The embedded store: one SQLite file, one thread that writes, two that read. Callers encode and decode on their side;
//! large datasets never pass through the writer.
//!
//! Beside the file at PATH stand `PATH.lock` (held while the store is open), `PATH.d` (large datasets) and SQLite's log.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use self::admit::{Admission, Columns};
use self::blobs::{Blobs, INLINE_BYTES_MAX};
use self::claimed::StoredColumns;
use self::door::Lock;
use self::reader::Readers;
use self::writer::Writer;
use super::{
    Claim, Counts, Created, Finish, Finished, Heartbeat, IdempotencyKey, Lease, ListQuery, NewFit, Page, Store,
    StoreError, codec, series,
};
use crate::descent::Dataset;
use crate::failpoints;
use crate::fit::{Event, EventId, FitId, FitRecord, HistoryBlock, Predictor, Tenant};

mod admit;
mod blobs;
mod claimed;
mod door;
mod points;
mod reader;
mod reads;
mod rows;
mod schema;
mod work;
mod writer;

#[cfg(test)]
mod tests;

const READERS: usize = 2;

/// See the module. The fields end in this order: threads first, the lock last.
pub(crate) struct SqliteStore {
    writer: Writer,
    readers: Readers,
    blobs: Blobs,
    _lock: Lock,
}

impl SqliteStore {
    /// Opens the store at `path`, or makes it where there is none.
    pub(crate) async fn open(path: PathBuf) -> Result<Self, StoreError> {
        blocking(move || Self::open_blocking(&path)).await
    }

    fn open_blocking(path: &Path) -> Result<Self, StoreError> {
        let lock = Lock::take(path)?;
        failpoints::reach("open.locked");
        door::prepare(path)?;
        let connection = door::connect(path)?;
        let referenced = connection
            .prepare("SELECT file FROM dataset WHERE file IS NOT NULL")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<HashSet<String>, _>>()?;
        let blobs = Blobs::open(path, &referenced)?;
        failpoints::reach("open.swept");
        let readers = (0..READERS).map(|_| door::connect(path)).collect::<Result<_, _>>()?;
        let readers = Readers::start(readers)?;
        let writer = Writer::start(connection, blobs.clone())?;
        Ok(Self { writer, readers, blobs, _lock: lock })
    }

    /// Brings the data to where the fit's row can refer to it.
    async fn place(&self, data: Arc<Dataset>) -> Result<Columns, StoreError> {
        let bytes = codec::dataset_bytes(&data);
        if bytes <= INLINE_BYTES_MAX {
            let mut encoded = Vec::with_capacity(bytes);
            codec::write_dataset(&mut encoded, &data)?;
            return Ok(Columns::Inline(encoded));
        }
        let blobs = self.blobs.clone();
        blocking(move || blobs.write(&data)).await.map(Columns::File)
    }

    async fn columns(&self, stored: StoredColumns) -> Result<Dataset, StoreError> {
        match stored {
            StoredColumns::Inline(bytes) => codec::read_dataset(bytes.as_slice(), bytes.len() as u64),
            StoredColumns::File(name) => {
                let blobs = self.blobs.clone();
                blocking(move || blobs.read(&name)).await
            }
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn create(&self, fit: NewFit) -> Result<Created, StoreError> {
        let new = Arc::new(Admission::new(&fit)?);
        let large = codec::dataset_bytes(&fit.dataset.columns) > INLINE_BYTES_MAX;
        let (tenant, sha256) = (fit.tenant.clone(), fit.dataset.info.sha256.clone());
        // A large dataset that is stored already is not written once more.
        let mut columns = match large {
            true if self.readers.run(move |reader| admit::has_data(reader, &tenant, &sha256)).await? => Columns::Stored,
            _ => self.place(fit.dataset.columns.clone()).await?,
        };
        loop {
            let new = new.clone();
            match self.writer.run(move |write| admit::create(write, &new, columns)).await? {
                Some(created) => return Ok(created),
                None => columns = self.place(fit.dataset.columns.clone()).await?,
            }
        }
    }

    async fn replay(
        &self,
        tenant: &Tenant,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<Option<Created>, StoreError> {
        let (tenant, key) = (tenant.clone(), key.clone());
        self.readers.run(move |reader| admit::replay(reader, &tenant, &key, now)).await
    }

    async fn fit(&self, tenant: &Tenant, id: FitId) -> Result<Option<FitRecord>, StoreError> {
        let tenant = tenant.clone();
        self.readers.run(move |reader| reads::fit(reader, &tenant, id)).await
    }

    async fn list(&self, tenant: &Tenant, query: ListQuery) -> Result<Page, StoreError> {
        let tenant = tenant.clone();
        self.readers.run(move |reader| reads::list(reader, &tenant, &query)).await
    }

    async fn claim(&self, owner: &str, now: Timestamp, lease: Duration) -> Result<Option<Claim>, StoreError> {
        loop {
            let owner = owner.to_owned();
            let Some(claimed) = self.writer.run(move |write| work::claim(write, &owner, now, lease)).await? else {
                return Ok(None);
            };
            let (id, attempt) = (claimed.record.id, claimed.record.attempt);
            let error = match self.columns(claimed.columns).await {
                Ok(dataset) => {
                    return Ok(Some(Claim {
                        record: claimed.record,
                        dataset: Arc::new(dataset),
                        checkpoint: claimed.checkpoint,
                        lease_until: claimed.lease_until,
                    }));
                }
                Err(error) => error,
            };
            let Some(what) = error.damaged_record() else { return Err(error) };
            self.writer.run(move |write| work::quarantine(write, id, attempt, what, now)).await?;
        }
    }

    async fn heartbeat(&self, beat: Heartbeat) -> Result<Lease, StoreError> {
        let beat = work::Beat::new(beat)?;
        self.writer.run(move |write| work::heartbeat(write, &beat)).await
    }

    async fn finish(&self, finish: Finish) -> Result<Finished, StoreError> {
        let end = work::End::new(finish)?;
        self.writer.run(move |write| work::finish(write, &end)).await
    }

    async fn release(&self, beat: Heartbeat) -> Result<Lease, StoreError> {
        let beat = work::Beat::new(beat)?;
        self.writer.run(move |write| work::release(write, &beat)).await
    }

    async fn cancel(&self, tenant: &Tenant, id: FitId, now: Timestamp) -> Result<Option<FitRecord>, StoreError> {
        let tenant = tenant.clone();
        self.writer.run(move |write| work::cancel(write, &tenant, id, now)).await
    }

    async fn delete(&self, tenant: &Tenant, id: FitId) -> Result<bool, StoreError> {
        let tenant = tenant.clone();
        self.writer.run(move |write| admit::delete(write, &tenant, id)).await
    }

    async fn events(&self, tenant: &Tenant, id: FitId, after: EventId) -> Result<Vec<Event>, StoreError> {
        let tenant = tenant.clone();
        self.readers.run(move |reader| reads::events(reader, &tenant, id, after)).await
    }

    async fn history(&self, tenant: &Tenant, id: FitId, from: u64, to: u64) -> Result<HistoryBlock, StoreError> {
        let tenant = tenant.clone();
        let select = move |reader: &_| {
            if rows::belongs(reader, &tenant, id)? { points::select(reader, id, from, to) } else { Ok(series::empty()) }
        };
        self.readers.run(select).await
    }

    async fn predictor(&self, tenant: &Tenant, id: FitId) -> Result<Option<Predictor>, StoreError> {
        let tenant = tenant.clone();
        self.readers.run(move |reader| reads::predictor(reader, &tenant, id)).await
    }

    async fn recover(&self, now: Timestamp, all: bool, attempts_max: u32) -> Result<u64, StoreError> {
        self.writer.run(move |write| work::recover(write, now, all, attempts_max)).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.readers.run(admit::counts).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let probe = "UPDATE probe SET writes = writes + 1";
        self.writer.run(move |write| Ok(write.connection.prepare_cached(probe)?.execute([]).map(drop)?)).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.writer.close().await
    }
}

/// Runs what waits for the disk where waiting hurts nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Io(std::io::Error::other(error)))?
}
