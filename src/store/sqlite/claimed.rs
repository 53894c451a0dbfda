//! A claimed fit as the writer hands it over: its data still encoded or in a file, so that the writer does not spend its
//! time on it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::points;
use crate::fit::{FitId, FitRecord};
use crate::store::{StoreError, StoredCheckpoint, codec};

/// See the module.
pub(super) struct Claimed {
    pub(super) record: FitRecord,
    pub(super) columns: StoredColumns,
    pub(super) checkpoint: Option<StoredCheckpoint>,
    pub(super) lease_until: Timestamp,
}

/// Where the data of a stored fit is.
pub(super) enum StoredColumns {
    Inline(Vec<u8>),
    File(String),
}

impl Claimed {
    /// Reads what the worker will need, and cuts the history back to where it will start.
    pub(super) fn load(connection: &Connection, id: FitId, lease_until: Timestamp) -> Result<Self, StoreError> {
        let record = super::rows::load_record(connection, id)?.ok_or(StoreError::Corrupt { what: "fit" })?;
        let checkpoint = checkpoint(connection, id)?;
        points::cut(connection, id, checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.iteration + 1))?;
        Ok(Self { columns: columns(connection, id)?, record, checkpoint, lease_until })
    }
}

fn checkpoint(connection: &Connection, id: FitId) -> Result<Option<StoredCheckpoint>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT state FROM checkpoint WHERE fit = ?1")?;
    let state: Option<Vec<u8>> = statement.query_row([id.as_bytes()], |row| row.get(0)).optional()?;
    state.map(|state| codec::read_checkpoint(&state)).transpose()
}

fn columns(connection: &Connection, id: FitId) -> Result<StoredColumns, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT d.file, i.columns FROM fit f JOIN dataset d ON d.id = f.dataset
             LEFT JOIN dataset_inline i ON i.dataset = d.id
         WHERE f.id = ?1",
    )?;
    let (file, inline): (Option<String>, Option<Vec<u8>>) =
        statement.query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    match (file, inline) {
        (Some(file), _) => Ok(StoredColumns::File(file)),
        (None, Some(inline)) => Ok(StoredColumns::Inline(inline)),
        (None, None) => Err(StoreError::Corrupt { what: "dataset" }),
    }
}
