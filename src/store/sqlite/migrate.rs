//! Brings a store of an earlier version to this one: forward only, one transaction a version, so that a crash leaves the
//! old one or the new one. Under the lock, before anything else reads.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, params};

use super::admit::key_seal;
use super::claimed::dataset_seal;
use super::{door, rows, schema};
use crate::failpoints;
use crate::fit::FitId;
use crate::store::StoreError;

/// The earliest version that can be brought forward.
pub(super) const OLDEST: i32 = 3;

type Step = fn(&Path, &Connection) -> Result<(), StoreError>;

/// The steps from [`OLDEST`] on, one a version.
const STEPS: &[Step] = &[to_4];

/// Brings the store to [`schema::VERSION`]. Where it is there already, nothing happens.
pub(super) fn migrate(store: &Path, connection: &Connection) -> Result<(), StoreError> {
    loop {
        let version = connection.pragma_query_value(None, "user_version", |row| row.get::<_, i32>(0))?;
        let Some(step) = usize::try_from(version - OLDEST).ok().and_then(|index| STEPS.get(index)) else { break };
        tracing::info!(from = version, to = version + 1, "bringing the store to a newer version");
        failpoints::reach("migrate.begun");
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let stepped =
            step(store, connection).and_then(|()| Ok(connection.pragma_update(None, "user_version", version + 1)?));
        if let Err(error) = stepped {
            connection.execute_batch("ROLLBACK")?;
            return Err(error);
        }
        failpoints::reach("migrate.ran");
        connection.execute_batch("COMMIT")?;
        failpoints::reach("migrate.committed");
    }
    let vacuum = connection.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i32>(0))?;
    if vacuum != schema::VACUUM_INCREMENTAL {
        // Takes as much space again as the store has; without it the file only never shrinks.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        if let Err(error) = connection.execute_batch("VACUUM") {
            tracing::warn!(%error, "the store's file cannot be made to shrink; it is tried again at the next start");
        }
        failpoints::reach("migrate.vacuumed");
    }
    Ok(())
}

/// Seals on plain columns, turns of tenants, memory of fits, sizes of data files.
fn to_4(store: &Path, connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(
        "ALTER TABLE dataset ADD COLUMN file_bytes INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE dataset ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE fit ADD COLUMN memory_bytes INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE fit ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE event ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE idempotency ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
         DROP INDEX fit_queued;
         DROP TRIGGER fit_added; DROP TRIGGER fit_moved; DROP TRIGGER fit_removed;",
    )?;
    connection.execute_batch(schema::ADDED_IN_4)?;
    connection.execute_batch(
        "INSERT INTO turn (tenant, queued) SELECT tenant, sum(status = 'queued') FROM fit GROUP BY tenant",
    )?;
    rows::seal_all(connection)?;
    seal_events(connection)?;
    seal_keys(connection)?;
    seal_datasets(store, connection)
}

fn seal_events(connection: &Connection) -> Result<(), StoreError> {
    let mut statement = connection.prepare("SELECT fit, id, kind, at FROM event")?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let (fit, id, kind, at): ([u8; 16], i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let seal = rows::event_seal(FitId::from_bytes(fit), id, &kind, at).number();
        let update = "UPDATE event SET seal = ?3 WHERE fit = ?1 AND id = ?2";
        connection.prepare_cached(update)?.execute(params![fit, id, seal])?;
    }
    Ok(())
}

fn seal_keys(connection: &Connection) -> Result<(), StoreError> {
    let mut statement = connection.prepare("SELECT tenant, key, fingerprint, fit, used_at FROM idempotency")?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let (tenant, key): (String, String) = (row.get(0)?, row.get(1)?);
        let (fingerprint, fit): ([u8; 32], [u8; 16]) = (row.get(2)?, row.get(3)?);
        let seal = key_seal(&tenant, &key, &fingerprint, &fit, row.get(4)?).number();
        let update = "UPDATE idempotency SET seal = ?3 WHERE tenant = ?1 AND key = ?2";
        connection.prepare_cached(update)?.execute(params![tenant, key, seal])?;
    }
    Ok(())
}

fn seal_datasets(store: &Path, connection: &Connection) -> Result<(), StoreError> {
    let directory = door::beside(store, ".d");
    let mut statement = connection.prepare("SELECT id, tenant, sha256, file FROM dataset")?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let (id, tenant, sha256): ([u8; 16], String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let file: Option<String> = row.get(3)?;
        // A missing file is found when it is read.
        let length = |file: &String| fs::metadata(directory.join(file)).map_or(0, |about| about.len());
        let file_bytes = rows::whole(file.as_ref().map_or(0, length));
        let seal = dataset_seal(&id, &tenant, &sha256, file.as_deref()).number();
        let update = "UPDATE dataset SET file_bytes = ?2, seal = ?3 WHERE id = ?1";
        connection.prepare_cached(update)?.execute(params![id, file_bytes, seal])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
