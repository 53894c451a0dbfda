//! How fits come and go: creation with key and data, replays, deletion. Runs in the writer's transaction.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::blobs::PendingFile;
use super::claimed::dataset_seal;
use super::rows::{self, Plain, nanoseconds, whole};
use super::seal::Seal;
use super::writer::Write;
use super::{quarantine, turns};
use crate::fit::{DatasetInfo, Event, EventId, EventKind, FitId, HistoryShape, Labels, Spec, Tenant};
use crate::store::life::{Documents, KEY_LIFE, Life};
use crate::store::{Counts, Created, IdempotencyKey, NewFit, StoreError, codec};

/// A fit to create, with everything encoded before the writer's turn.
pub(super) struct Admission {
    id: FitId,
    tenant: Tenant,
    labels: Arc<Labels>,
    spec: Arc<Spec>,
    info: DatasetInfo,
    shape: Arc<HistoryShape>,
    labels_document: Vec<u8>,
    spec_document: Vec<u8>,
    info_document: Vec<u8>,
    shape_document: Vec<u8>,
    key: Option<IdempotencyKey>,
    created_at: Timestamp,
    memory_bytes: u64,
    columns_bytes: usize,
    queue_max: u64,
    quota: u64,
}

/// Where the data of a fit to create is.
pub(super) enum Columns {
    Inline(Vec<u8>),
    File(PendingFile),
    /// A reader found it stored already.
    Stored,
}

impl Admission {
    pub(super) fn new(fit: &NewFit) -> Result<Self, StoreError> {
        Ok(Self {
            id: fit.id,
            tenant: fit.tenant.clone(),
            labels: fit.labels.clone(),
            spec: fit.spec.clone(),
            info: fit.dataset.info.clone(),
            shape: fit.shape.clone(),
            labels_document: codec::document("label document", &fit.labels)?,
            spec_document: codec::document("specification", &fit.spec)?,
            info_document: codec::document("dataset description", &fit.dataset.info)?,
            shape_document: codec::document("history description", &fit.shape)?,
            key: fit.idempotency.clone(),
            created_at: fit.created_at,
            memory_bytes: fit.memory_bytes,
            columns_bytes: codec::dataset_bytes(&fit.dataset.columns),
            queue_max: fit.queue_max,
            quota: fit.quota,
        })
    }
}

/// Stores the fit with all that belongs to it, or says why not. Nothing if the data was removed since the reader found it:
/// come again with it.
pub(super) fn create(write: &mut Write<'_>, new: &Admission, columns: Columns) -> Result<Option<Created>, StoreError> {
    let connection = write.connection;
    if let Some(key) = &new.key
        && let Some(used) = replay_or_repair(connection, &new.tenant, key, new.created_at)?
    {
        return Ok(Some(used));
    }
    let queued = counts(connection)?.queued;
    if queued >= new.queue_max {
        return Ok(Some(Created::QueueFull { queued }));
    }
    let queued = turns::queued(connection, &new.tenant)?;
    if queued >= new.quota {
        return Ok(Some(Created::QuotaFull { queued }));
    }
    let Some(dataset) = refer(write, new, columns)? else { return Ok(None) };
    let life = Life::new(new.created_at);
    let (tenant, memory_bytes) = (new.tenant.clone(), new.memory_bytes);
    let plain = Plain { id: new.id, tenant, dataset: dataset.id, memory_bytes, life };
    plain.insert(connection, [&new.labels_document, &new.spec_document, &new.shape_document])?;
    rows::save_event(connection, new.id, Event { id: EventId::QUEUED, kind: EventKind::Queued, at: new.created_at })?;
    insert_labels(connection, new)?;
    insert_key(connection, new)?;
    let documents = Documents {
        labels: new.labels.clone(),
        spec: new.spec.clone(),
        dataset: Arc::new(dataset),
        shape: new.shape.clone(),
        progress: None,
        outcome: None,
    };
    Ok(Some(Created::New(plain.life.record(new.id, plain.tenant, documents))))
}

/// What the key made, if it still counts.
pub(super) fn replay(
    connection: &Connection,
    tenant: &Tenant,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<Created>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT fingerprint, fit, used_at, seal FROM idempotency WHERE tenant = ?1 AND key = ?2 AND used_at > ?3",
    )?;
    let mut found = statement.query(params![tenant.as_str(), key.key, nanoseconds(oldest_key(now))])?;
    let Some(row) = found.next()? else { return Ok(None) };
    let (fingerprint, fit): ([u8; 32], [u8; 16]) = (row.get(0)?, row.get(1)?);
    let seal = key_seal(tenant.as_str(), &key.key, &fingerprint, &fit, row.get(2)?);
    seal.check(row.get(3)?, "idempotency key")?;
    if fingerprint != key.fingerprint {
        return Ok(Some(Created::KeyReused));
    }
    Ok(rows::load_record(connection, FitId::from_bytes(fit))?.map(Created::Replayed))
}

/// The same where the key's row or its fit may be damaged: a row that cannot be trusted goes, a fit ends as what it is.
fn replay_or_repair(
    connection: &Connection,
    tenant: &Tenant,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<Created>, StoreError> {
    let what = match replay(connection, tenant, key, now) {
        Err(error) => error.damaged_record().ok_or(error)?,
        found => return found,
    };
    let named = params![tenant.as_str(), key.key];
    if what == "idempotency key" {
        tracing::error!("a stored idempotency key is damaged and is forgotten");
        connection.prepare_cached("DELETE FROM idempotency WHERE tenant = ?1 AND key = ?2")?.execute(named)?;
        return Ok(None);
    }
    let fit = "SELECT fit FROM idempotency WHERE tenant = ?1 AND key = ?2";
    let fit: [u8; 16] = connection.prepare_cached(fit)?.query_row(named, |row| row.get(0))?;
    quarantine::end(connection, FitId::from_bytes(fit), what, now)?;
    replay(connection, tenant, key, now)
}

/// The checksum of a key's row.
pub(super) fn key_seal(tenant: &str, key: &str, fingerprint: &[u8; 32], fit: &[u8; 16], used_at: i64) -> Seal {
    Seal::new().text(tenant).text(key).bytes(fingerprint).bytes(fit).integer(used_at)
}

/// Whether this data is stored already.
pub(super) fn has_data(connection: &Connection, tenant: &Tenant, sha256: &str) -> Result<bool, StoreError> {
    Ok(find_data(connection, tenant, sha256)?.is_some())
}

/// Removes the fit with all that belongs to it.
pub(super) fn delete(write: &mut Write<'_>, tenant: &Tenant, id: FitId) -> Result<bool, StoreError> {
    if rows::belongs(write.connection, tenant, id)? { remove(write, id) } else { Ok(false) }
}

/// Removes the fit, whoever it belongs to.
pub(super) fn remove(write: &mut Write<'_>, id: FitId) -> Result<bool, StoreError> {
    let connection = write.connection;
    let mut statement = connection.prepare_cached("DELETE FROM fit WHERE id = ?1 RETURNING dataset")?;
    let mut deleted = statement.query([id.as_bytes()])?;
    let dataset = deleted.next()?.map(|row| rows::dataset_id(row, 0)).transpose()?;
    // The statement has to run to its end to be done.
    while deleted.next()?.is_some() {}
    let Some(dataset) = dataset else { return Ok(false) };
    connection.prepare_cached("UPDATE dataset SET refs = refs - 1 WHERE id = ?1")?.execute([dataset.as_bytes()])?;
    let mut statement = connection.prepare_cached("SELECT file FROM dataset WHERE id = ?1 AND refs = 0")?;
    let unreferenced: Option<Option<String>> =
        statement.query_row([dataset.as_bytes()], |row| row.get(0)).optional()?;
    if let Some(file) = unreferenced {
        connection.prepare_cached("DELETE FROM dataset WHERE id = ?1")?.execute([dataset.as_bytes()])?;
        file.into_iter().for_each(|file| write.discard(file));
    }
    Ok(true)
}

/// How many fits are queued and running.
pub(super) fn counts(connection: &Connection) -> Result<Counts, StoreError> {
    let tally = "SELECT (SELECT fits FROM tally WHERE status = 'queued'),
                        (SELECT fits FROM tally WHERE status = 'running')";
    let mut statement = connection.prepare_cached(tally)?;
    let mut found = statement.query([])?;
    let row = found.next()?.ok_or(StoreError::Corrupt { what: "tally" })?;
    Ok(Counts { queued: rows::natural(row, 0)?, running: rows::natural(row, 1)? })
}

fn find_data(connection: &Connection, tenant: &Tenant, sha256: &str) -> Result<Option<DatasetInfo>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT info FROM dataset WHERE tenant = ?1 AND sha256 = ?2 AND damaged = 0")?;
    let info: Option<Vec<u8>> = statement.query_row(params![tenant.as_str(), sha256], |row| row.get(0)).optional()?;
    info.map(|info| codec::read_document("dataset description", &info)).transpose()
}

/// Takes one more reference to the data, storing it if it is new. Nothing if it was expected to be there and is not.
fn refer(write: &mut Write<'_>, new: &Admission, columns: Columns) -> Result<Option<DatasetInfo>, StoreError> {
    let connection = write.connection;
    if let Some(info) = find_data(connection, &new.tenant, &new.info.sha256)? {
        let more = "UPDATE dataset SET refs = refs + 1 WHERE id = ?1";
        connection.prepare_cached(more)?.execute([info.id.as_bytes()])?;
        return Ok(Some(info));
    }
    let (file, file_bytes) = match &columns {
        Columns::Inline(_) => (None, 0),
        Columns::File(file) => (Some(file.name()), new.columns_bytes),
        Columns::Stored => return Ok(None),
    };
    let (id, tenant) = (new.info.id, new.tenant.as_str());
    let seal = dataset_seal(id.as_bytes(), tenant, &new.info.sha256, file).number();
    let insert = "INSERT INTO dataset (id, tenant, sha256, refs, file, info, file_bytes, seal)
         VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7)";
    let document = &new.info_document;
    let values = params![id.as_bytes(), tenant, new.info.sha256, file, document, whole(file_bytes as u64), seal];
    connection.prepare_cached(insert)?.execute(values)?;
    match columns {
        Columns::Inline(bytes) => {
            let insert = "INSERT INTO dataset_inline (dataset, columns) VALUES (?1, ?2)";
            connection.prepare_cached(insert)?.execute(params![id.as_bytes(), bytes])?;
        }
        Columns::File(file) => write.keep(file),
        Columns::Stored => {}
    }
    Ok(Some(new.info.clone()))
}

fn insert_labels(connection: &Connection, new: &Admission) -> Result<(), StoreError> {
    let mut statement =
        connection.prepare_cached("INSERT INTO label (tenant, key, value, fit) VALUES (?1, ?2, ?3, ?4)")?;
    for (key, value) in &*new.labels {
        statement.execute(params![new.tenant.as_str(), key, value, new.id.as_bytes()])?;
    }
    Ok(())
}

/// Stores the key, and forgets those that do not count any more.
fn insert_key(connection: &Connection, new: &Admission) -> Result<(), StoreError> {
    let Some(key) = &new.key else { return Ok(()) };
    let old = nanoseconds(oldest_key(new.created_at));
    connection.prepare_cached("DELETE FROM idempotency WHERE used_at <= ?1")?.execute([old])?;
    let (tenant, used_at) = (new.tenant.as_str(), nanoseconds(new.created_at));
    let seal = key_seal(tenant, &key.key, &key.fingerprint, new.id.as_bytes(), used_at).number();
    let mut statement = connection.prepare_cached(
        "INSERT INTO idempotency (tenant, key, fingerprint, fit, used_at, seal) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    statement.execute(params![tenant, key.key, key.fingerprint, new.id.as_bytes(), used_at, seal])?;
    Ok(())
}

fn oldest_key(now: Timestamp) -> Timestamp {
    now.checked_sub(KEY_LIFE).unwrap_or(Timestamp::MIN)
}
