//! Fits as rows: loading and saving what changes by rules, and reading whole records. Nothing here decides anything.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::fit::{
    DatasetId, DatasetInfo, Event, EventId, EventKind, FitId, FitRecord, HistoryShape, Progress, Status, Tenant,
};
use crate::store::life::{Documents, Ending, Life};
use crate::store::{StoreError, codec};

/// The columns of [`life`], in its order.
const LIFE: &str = "f.version, f.status, f.attempt, f.cancel_requested, f.created_at, f.started_at, f.finished_at,
    f.owner, f.lease_until, f.lost_leases, f.last_event";

/// Selects whole records for [`record`]; a condition on `f` goes behind it.
pub(super) fn select_records() -> String {
    format!(
        "SELECT {LIFE}, f.id, f.tenant, f.labels, f.spec, f.progress, f.outcome, d.info, f.shape
         FROM fit f JOIN dataset d ON d.id = f.dataset"
    )
}

/// A number as SQLite keeps it. None of ours comes near the limit; ranges of iterations may ask for it.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A time as SQLite keeps it, in nanoseconds; those outside the years 1677 to 2262 are taken as these years' ends.
pub(super) fn nanoseconds(at: Timestamp) -> i64 {
    let nanoseconds = at.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

/// The fit's changing part.
pub(super) fn load(connection: &Connection, id: FitId) -> Result<Option<Life>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {LIFE} FROM fit f WHERE f.id = ?1"))?;
    let mut rows = statement.query([id.as_bytes()])?;
    rows.next()?.map(life).transpose()
}

/// Saves the fit's changing part.
pub(super) fn save(connection: &Connection, id: FitId, life: &Life) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE fit SET version = ?2, status = ?3, attempt = ?4, cancel_requested = ?5, started_at = ?6,
             finished_at = ?7, owner = ?8, lease_until = ?9, lost_leases = ?10, last_event = ?11
         WHERE id = ?1",
    )?;
    statement.execute(params![
        id.as_bytes(),
        whole(life.version),
        life.status.as_str(),
        life.attempt,
        life.cancel_requested,
        life.started_at.map(nanoseconds),
        life.finished_at.map(nanoseconds),
        life.owner,
        life.lease_until.map(nanoseconds),
        life.lost_leases,
        whole(life.last_event.0),
    ])?;
    Ok(())
}

/// Stores the end of a fit beside its saved life.
pub(super) fn save_ending(connection: &Connection, id: FitId, ending: &Ending) -> Result<(), StoreError> {
    let outcome = codec::document("outcome", &ending.outcome)?;
    connection.prepare_cached("UPDATE fit SET outcome = ?2 WHERE id = ?1")?.execute(params![id.as_bytes(), outcome])?;
    connection.prepare_cached("DELETE FROM checkpoint WHERE fit = ?1")?.execute([id.as_bytes()])?;
    save_event(connection, id, ending.event)
}

/// Stores a lifecycle event.
pub(super) fn save_event(connection: &Connection, id: FitId, event: Event) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("INSERT INTO event (fit, id, kind, at) VALUES (?1, ?2, ?3, ?4)")?;
    statement.execute(params![id.as_bytes(), whole(event.id.0), event.kind.as_str(), nanoseconds(event.at)])?;
    Ok(())
}

/// A whole record, whoever it belongs to.
pub(super) fn load_record(connection: &Connection, id: FitId) -> Result<Option<FitRecord>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{} WHERE f.id = ?1", select_records()))?;
    let mut rows = statement.query([id.as_bytes()])?;
    rows.next()?.map(record).transpose()
}

/// Whether the tenant has this fit.
pub(super) fn belongs(connection: &Connection, tenant: &Tenant, id: FitId) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM fit WHERE id = ?1 AND tenant = ?2")?;
    Ok(statement.query_row(params![id.as_bytes(), tenant.as_str()], |_| Ok(())).optional()?.is_some())
}

/// The record in a row of [`select_records`].
pub(super) fn record(row: &Row<'_>) -> Result<FitRecord, StoreError> {
    let life = life(row)?;
    let tenant = Tenant::named(row.get_ref(12)?.as_str().map_err(|_| FIT_DAMAGED)?);
    let blob = |column| -> Result<&[u8], StoreError> { row.get_ref(column)?.as_blob().map_err(|_| FIT_DAMAGED) };
    let optional = |column| -> Result<Option<&[u8]>, StoreError> {
        row.get_ref(column)?.as_blob_or_null().map_err(|_| FIT_DAMAGED)
    };
    let documents = Documents {
        labels: Arc::new(codec::read_document("label document", blob(13)?)?),
        spec: Arc::new(codec::read_document("specification", blob(14)?)?),
        progress: optional(15)?.map(|bytes| codec::read_document::<Progress>("progress", bytes)).transpose()?,
        outcome: optional(16)?.map(|bytes| codec::read_document("outcome", bytes)).transpose()?,
        dataset: Arc::new(codec::read_document::<DatasetInfo>("dataset description", blob(17)?)?),
        shape: Arc::new(codec::read_document::<HistoryShape>("history description", blob(18)?)?),
    };
    Ok(life.record(FitId::from_bytes(row.get(11)?), tenant, documents))
}

/// The event in a row of `id, kind, at`.
pub(super) fn event(row: &Row<'_>) -> Result<Event, StoreError> {
    Ok(Event {
        id: EventId(natural(row, 0)?),
        kind: EventKind::parse(row.get_ref(1)?.as_str().unwrap_or_default()).ok_or(FIT_DAMAGED)?,
        at: time(row.get(2)?),
    })
}

/// The dataset's id in a row.
pub(super) fn dataset_id(row: &Row<'_>, column: usize) -> Result<DatasetId, StoreError> {
    Ok(DatasetId::from_bytes(row.get(column)?))
}

/// A number that is not negative.
pub(super) fn natural(row: &Row<'_>, column: usize) -> Result<u64, StoreError> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| FIT_DAMAGED)
}

const FIT_DAMAGED: StoreError = StoreError::Corrupt { what: "fit" };

fn life(row: &Row<'_>) -> Result<Life, StoreError> {
    Ok(Life {
        version: natural(row, 0)?,
        status: Status::parse(row.get_ref(1)?.as_str().unwrap_or_default()).ok_or(FIT_DAMAGED)?,
        attempt: row.get(2)?,
        cancel_requested: row.get(3)?,
        created_at: time(row.get(4)?),
        started_at: row.get::<_, Option<i64>>(5)?.map(time),
        finished_at: row.get::<_, Option<i64>>(6)?.map(time),
        owner: row.get(7)?,
        lease_until: row.get::<_, Option<i64>>(8)?.map(time),
        lost_leases: row.get(9)?,
        last_event: EventId(natural(row, 10)?),
    })
}

/// All nanoseconds that fit into the column are times.
fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or(Timestamp::MAX)
}
