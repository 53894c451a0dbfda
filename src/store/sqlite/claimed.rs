//! A claimed fit as the writer hands it over: its data still encoded or in a file, so that the writer does not spend its
//! time on it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::points;
use super::seal::Seal;
use crate::fit::{FitId, FitRecord};
use crate::store::{StoreError, StoredCheckpoint, codec};

/// What there is to run, as the writer says it.
pub(super) enum Next {
    Claimed(Box<Claimed>),
    TooLarge { memory_bytes: u64 },
    Nothing,
}

/// See the module.
pub(super) struct Claimed {
    pub(super) record: FitRecord,
    pub(super) columns: StoredColumns,
    pub(super) checkpoint: Option<StoredCheckpoint>,
    pub(super) memory_bytes: u64,
    pub(super) lease_until: Timestamp,
}

/// Where the data of a stored fit is.
pub(super) enum StoredColumns {
    Inline(Vec<u8>),
    File(String),
}

impl Claimed {
    /// Reads what the worker will need, and cuts the history back to where it will start.
    pub(super) fn load(
        connection: &Connection,
        id: FitId,
        memory_bytes: u64,
        lease_until: Timestamp,
    ) -> Result<Self, StoreError> {
        let record = super::rows::load_record(connection, id)?.ok_or(StoreError::Corrupt { what: "fit" })?;
        let checkpoint = checkpoint(connection, id)?;
        points::cut(connection, id, checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.iteration + 1))?;
        Ok(Self { columns: columns(connection, id)?, record, checkpoint, memory_bytes, lease_until })
    }
}

fn checkpoint(connection: &Connection, id: FitId) -> Result<Option<StoredCheckpoint>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT state FROM checkpoint WHERE fit = ?1")?;
    let state: Option<Vec<u8>> = statement.query_row([id.as_bytes()], |row| row.get(0)).optional()?;
    state.map(|state| codec::read_checkpoint(&state)).transpose()
}

/// Where the data of a fit that there is lies.
pub(super) fn columns(connection: &Connection, id: FitId) -> Result<StoredColumns, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT d.file, i.columns, d.id, d.tenant, d.sha256, d.seal FROM fit f JOIN dataset d ON d.id = f.dataset
             LEFT JOIN dataset_inline i ON i.dataset = d.id
         WHERE f.id = ?1",
    )?;
    let mut found = statement.query([id.as_bytes()])?;
    let row = found.next()?.ok_or(DATASET_DAMAGED)?;
    let (file, inline): (Option<String>, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?);
    let (dataset, tenant, sha256): ([u8; 16], String, String) = (row.get(2)?, row.get(3)?, row.get(4)?);
    dataset_seal(&dataset, &tenant, &sha256, file.as_deref()).check(row.get(5)?, "dataset")?;
    match (file, inline) {
        (Some(file), _) => Ok(StoredColumns::File(file)),
        (None, Some(inline)) => Ok(StoredColumns::Inline(inline)),
        (None, None) => Err(DATASET_DAMAGED),
    }
}

/// The checksum of a dataset's plain columns.
pub(super) fn dataset_seal(id: &[u8; 16], tenant: &str, sha256: &str, file: Option<&str>) -> Seal {
    Seal::new().bytes(id).text(tenant).text(sha256).text(file.unwrap_or_default())
}

const DATASET_DAMAGED: StoreError = StoreError::Corrupt { what: "dataset" };
