//! What becomes of a fit of which a stored record is damaged: it ends as `failed` with the code `corrupt`, can be read,
//! listed and deleted like any other, and hides nothing from the rest. Runs in the writer's transaction.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::rows::{self, Plain};
use crate::fit::{
    Choice, Covariance, DatasetId, DatasetInfo, Event, EventId, EventKind, FitId, HistoryShape, HistorySpec, Intervals,
    Labels, Missing, Outcome, Penalty, PenaltyOn, Progress, Spec, Start, Stop,
};
use crate::store::{StoreError, codec};

/// Ends the fit, whatever it was. Nothing happens to one that is unknown.
pub(super) fn end(connection: &Connection, id: FitId, what: &str, now: Timestamp) -> Result<(), StoreError> {
    let Some(mut plain) = rows::load_as_is(connection, id)? else { return Ok(()) };
    tracing::error!(fit = %id, what, "a stored record is damaged; its fit fails");
    if what == "dataset" || what == "dataset description" {
        // New fits do not get this data.
        let mark = "UPDATE dataset SET damaged = 1 WHERE id = ?1";
        connection.prepare_cached(mark)?.execute([plain.dataset.as_bytes()])?;
    }
    repair_documents(connection, &plain)?;
    for table in ["checkpoint", "predictor", "history"] {
        connection.prepare_cached(&format!("DELETE FROM {table} WHERE fit = ?1"))?.execute([id.as_bytes()])?;
    }
    repair_events(connection, &mut plain)?;
    let ending = plain.life.quarantine(now, what);
    plain.save(connection)?;
    rows::save_ending(connection, id, &ending)
}

/// Puts stand-ins where documents cannot be read.
fn repair_documents(connection: &Connection, plain: &Plain) -> Result<(), StoreError> {
    let id = plain.id.as_bytes();
    replace::<Labels>(connection, "fit", "labels", id, &Labels::new())?;
    replace::<Spec>(connection, "fit", "spec", id, &unknown_spec())?;
    replace::<HistoryShape>(connection, "fit", "shape", id, &HistoryShape::default())?;
    let missing = "INSERT INTO dataset (id, tenant, sha256, refs, damaged, info) VALUES (?1, ?2, '', 1, 1, x'')
         ON CONFLICT DO NOTHING";
    connection.prepare_cached(missing)?.execute(params![plain.dataset.as_bytes(), plain.tenant.as_str()])?;
    replace::<DatasetInfo>(connection, "dataset", "info", plain.dataset.as_bytes(), &unknown_data(plain.dataset))?;
    let outcome = read(connection, "fit", "outcome", id)?;
    let progress = read(connection, "fit", "progress", id)?;
    if progress.is_some_and(|bytes| codec::read_document::<Progress>("progress", &bytes).is_err()) {
        connection.prepare_cached("UPDATE fit SET progress = NULL WHERE id = ?1")?.execute([id])?;
    }
    if outcome.is_some_and(|bytes| codec::read_document::<Outcome>("outcome", &bytes).is_err()) {
        connection.prepare_cached("UPDATE fit SET outcome = NULL WHERE id = ?1")?.execute([id])?;
    }
    Ok(())
}

/// Leaves the events that can be read, but those of an end that no longer holds.
fn repair_events(connection: &Connection, plain: &mut Plain) -> Result<(), StoreError> {
    let id = plain.id.as_bytes();
    let mut statement = connection.prepare_cached("SELECT id, kind, at, seal FROM event WHERE fit = ?1 ORDER BY id")?;
    let mut found = statement.query([id])?;
    let mut good = Vec::new();
    while let Some(row) = found.next()? {
        good.extend(rows::event(row, plain.id).ok().filter(|event| !event.kind.is_terminal()));
    }
    if good.first().is_none_or(|event| event.kind != EventKind::Queued) {
        good.insert(0, Event { id: EventId::QUEUED, kind: EventKind::Queued, at: plain.life.created_at });
    }
    connection.prepare_cached("DELETE FROM event WHERE fit = ?1")?.execute([id])?;
    for event in &good {
        rows::save_event(connection, plain.id, *event)?;
        plain.life.last_event = plain.life.last_event.max(event.id);
    }
    // Watchers may have seen progress of this attempt, whose ids are not stored.
    plain.life.last_event = plain.life.last_event.max(EventId::first_of_attempt(plain.life.attempt.saturating_add(1)));
    Ok(())
}

fn replace<T: Serialize + DeserializeOwned>(
    connection: &Connection,
    table: &'static str,
    column: &'static str,
    id: &[u8],
    stand_in: &T,
) -> Result<(), StoreError> {
    let stored = read(connection, table, column, id)?;
    if stored.is_some_and(|bytes| codec::read_document::<T>(column, &bytes).is_ok()) {
        return Ok(());
    }
    let update = format!("UPDATE {table} SET {column} = ?2 WHERE id = ?1");
    connection.prepare_cached(&update)?.execute(params![id, codec::document(column, stand_in)?])?;
    Ok(())
}

fn read(connection: &Connection, table: &str, column: &str, id: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let select = format!("SELECT {column} FROM {table} WHERE id = ?1");
    Ok(connection.prepare_cached(&select)?.query_row([id], |row| row.get(0)).optional()?.flatten())
}

fn unknown_data(id: DatasetId) -> DatasetInfo {
    DatasetInfo { id, rows: 0, columns: Vec::new(), levels: BTreeMap::new(), sha256: String::new() }
}

/// What is shown of a specification that is lost. It cannot be posted again.
fn unknown_spec() -> Spec {
    let unknown = || Choice { kind: "unknown".to_owned(), settings: BTreeMap::new() };
    Spec {
        model: unknown(),
        loss: unknown(),
        penalty: Penalty { l2: 0.0, l1: 0.0, on: PenaltyOn::Data },
        optimizer: unknown(),
        scaling: unknown(),
        start: Start::Zeros,
        stop: Stop { max_iterations: 0, gradient_tolerance: 0.0, loss_tolerance: 0.0, max_seconds: 0.0 },
        weights: None,
        seed: 0,
        covariance: Covariance::None,
        confidence: 0.0,
        history: HistorySpec { coefficients: false },
        bounds: BTreeMap::new(),
        restarts: None,
        validation: None,
        diagnostics: false,
        intervals: Intervals::Wald,
        missing: Missing::Error,
    }
}
