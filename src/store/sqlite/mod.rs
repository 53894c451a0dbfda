//! The embedded store: one SQLite file, one thread that writes, two that read. Callers encode and decode on their side;
//! large datasets never pass through the writer.
//!
//! Beside the file at PATH stand `PATH.lock` (held while the store is open), `PATH.d` (large datasets), `PATH.ballast`
//! (space for a full disk) and SQLite's log.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use self::admit::{Admission, Columns};
use self::ballast::Ballast;
use self::blobs::{Blobs, INLINE_BYTES_MAX};
use self::claimed::{Next, StoredColumns};
use self::door::Lock;
use self::reader::Readers;
use self::reads::Listed;
use self::writer::Writer;
use super::{
    Ask, Claim, Counts, Created, Finish, Finished, Heartbeat, IdempotencyKey, Lease, ListQuery, NewFit, Page,
    Retention, Store, StoreError, Trimmed, Turn, Waiting, codec, series,
};
use crate::descent::Dataset;
use crate::failpoints;
use crate::fit::{Event, EventId, FitId, FitRecord, HistoryBlock, Predictor, Tenant};

mod door;
mod migrate;
mod schema;
mod seal;
mod wal;

mod admit;
mod ballast;
mod blobs;
mod claimed;
mod points;
mod quarantine;
mod rows;
mod trim;
mod turns;
mod work;
mod writer;

mod reader;
mod reads;

mod backup;
mod check;

#[cfg(test)]
mod tests;

pub(crate) use backup::backup;
pub(crate) use check::check;

const READERS: usize = 2;

/// See the module. The fields end in this order: the lock last, and before it the writer, whose connection then folds the
/// log into the file; of two that are closed at the same moment, neither does.
pub(crate) struct SqliteStore {
    readers: Readers,
    writer: Writer,
    blobs: Blobs,
    _lock: Lock,
}

impl SqliteStore {
    /// Opens the store at `path`, or makes it where there is none.
    pub(crate) async fn open(path: PathBuf) -> Result<Self, StoreError> {
        blocking(move || Self::open_blocking(&path)).await
    }

    fn open_blocking(path: &Path) -> Result<Self, StoreError> {
        let path = &door::real(path)?;
        let lock = Lock::take(path)?;
        failpoints::reach("open.locked");
        door::prepare(path)?;
        let connection = door::connect(path)?;
        door::sync_log(path)?;
        migrate::migrate(path, &connection)?;
        turns::recount(&connection)?;
        let referenced = connection
            .prepare("SELECT file FROM dataset WHERE file IS NOT NULL")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<HashSet<String>, _>>()?;
        let blobs = Blobs::open(path, &referenced)?;
        let ballast = Ballast::take(path)?;
        failpoints::reach("open.swept");
        let readers = (0..READERS).map(|_| door::connect(path)).collect::<Result<_, _>>()?;
        let readers = Readers::start(readers)?;
        let writer = Writer::start(connection, blobs.clone(), ballast)?;
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
        match blocking(move || blobs.write(&data)).await {
            Err(error) if writer::is_disk_failure(&error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store's disk failed a dataset's file");
                self.writer.fail();
                Err(StoreError::Broken)
            }
            written => written.map(Columns::File),
        }
    }

    /// What `read` finds of the fit. If a record of it is damaged, the fit ends as that, and is read once more.
    async fn read<T, F>(&self, id: FitId, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&rusqlite::Connection) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        let error = match self.readers.run(read.clone()).await {
            Err(error) if error.damaged_record().is_some() => error,
            found => return found,
        };
        self.quarantine(vec![(id, error.damaged_record().unwrap_or("fit"))]).await?;
        self.readers.run(read).await
    }

    async fn quarantine(&self, damaged: Vec<(FitId, &'static str)>) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let end = move |write: &mut writer::Write<'_>| {
            damaged.iter().try_for_each(|(id, what)| quarantine::end(write.connection, *id, what, now))
        };
        self.writer.run(end).await
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
        match self.readers.run(move |reader| admit::replay(reader, &tenant, &key, now)).await {
            // `create` looks again, and repairs.
            Err(error) if error.damaged_record().is_some() => Ok(None),
            found => found,
        }
    }

    async fn fit(&self, tenant: &Tenant, id: FitId) -> Result<Option<FitRecord>, StoreError> {
        let tenant = tenant.clone();
        self.read(id, move |reader| reads::fit(reader, &tenant, id)).await
    }

    async fn list(&self, tenant: &Tenant, query: ListQuery) -> Result<Page, StoreError> {
        let mut ended = HashSet::new();
        loop {
            let (tenant, query) = (tenant.clone(), query.clone());
            match self.readers.run(move |reader| reads::list(reader, &tenant, &query)).await? {
                Listed::Page(page) => return Ok(page),
                // Each round ends some, so there is a last one.
                Listed::Damaged(damaged) if damaged.iter().all(|(id, _)| ended.insert(*id)) => {
                    self.quarantine(damaged).await?;
                }
                Listed::Damaged(_) => return Err(StoreError::Corrupt { what: "fit" }),
            }
        }
    }

    async fn claim(&self, ask: &Ask) -> Result<Turn, StoreError> {
        loop {
            let asked = ask.clone();
            let claimed = match self.writer.run(move |write| work::claim(write, &asked)).await? {
                Next::Claimed(claimed) => claimed,
                Next::TooLarge { memory_bytes } => return Ok(Turn::TooLarge { memory_bytes }),
                Next::Nothing => return Ok(Turn::Nothing),
            };
            let (id, attempt) = (claimed.record.id, claimed.record.attempt);
            let error = match self.columns(claimed.columns).await {
                Ok(dataset) => {
                    return Ok(Turn::Claimed(Box::new(Claim {
                        record: claimed.record,
                        dataset: Arc::new(dataset),
                        checkpoint: claimed.checkpoint,
                        memory_bytes: claimed.memory_bytes,
                        lease_until: claimed.lease_until,
                    })));
                }
                Err(error) => error,
            };
            // What cannot be read now may be read later: the lease runs out, and the fit is tried again as often as one
            // that loses its worker, while the others behind it go on.
            let Some(what) = error.damaged_record() else { return Err(error) };
            let now = ask.now;
            self.writer.run(move |write| work::quarantine(write, id, attempt, what, now)).await?;
        }
    }

    async fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        self.readers.run(turns::waiting).await
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
        self.writer.free(move |write| work::cancel(write, &tenant, id, now)).await
    }

    async fn delete(&self, tenant: &Tenant, id: FitId) -> Result<bool, StoreError> {
        let tenant = tenant.clone();
        self.writer.free(move |write| admit::delete(write, &tenant, id)).await
    }

    async fn events(&self, tenant: &Tenant, id: FitId, after: EventId) -> Result<Vec<Event>, StoreError> {
        let tenant = tenant.clone();
        self.read(id, move |reader| reads::events(reader, &tenant, id, after)).await
    }

    async fn history(&self, tenant: &Tenant, id: FitId, from: u64, to: u64) -> Result<HistoryBlock, StoreError> {
        let tenant = tenant.clone();
        let select = move |reader: &_| {
            if rows::belongs(reader, &tenant, id)? { points::select(reader, id, from, to) } else { Ok(series::empty()) }
        };
        self.read(id, select).await
    }

    async fn dataset(&self, tenant: &Tenant, id: FitId) -> Result<Option<Arc<Dataset>>, StoreError> {
        let of = tenant.clone();
        // Nothing is quarantined: what a fit has found stands, whatever has become of its data since.
        let stored = self.readers.run(move |reader| reads::columns(reader, &of, id)).await?;
        let Some(stored) = stored else { return Ok(None) };
        match self.columns(stored).await {
            Ok(columns) => Ok(Some(Arc::new(columns))),
            // A fit that is removed takes its file with it.
            Err(_) if self.fit(tenant, id).await?.is_none() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn predictor(&self, tenant: &Tenant, id: FitId) -> Result<Option<Predictor>, StoreError> {
        let tenant = tenant.clone();
        self.read(id, move |reader| reads::predictor(reader, &tenant, id)).await
    }

    async fn recover(&self, now: Timestamp, all: bool, attempts_max: u32) -> Result<u64, StoreError> {
        self.writer.free(move |write| work::recover(write, now, all, attempts_max)).await
    }

    async fn trim(&self, retention: Retention) -> Result<Trimmed, StoreError> {
        self.writer.free(move |write| trim::trim(write, &retention)).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.readers.run(admit::counts).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let probe = "UPDATE probe SET writes = writes + 1";
        self.writer.run(move |write| Ok(write.connection.prepare_cached(probe)?.execute([]).map(drop)?)).await
    }

    async fn broken(&self) {
        self.writer.broken().await;
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
