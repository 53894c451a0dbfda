//! Fits as rows: loading and saving what changes by rules, and reading whole records. Nothing here decides anything.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::seal::Seal;
use crate::fit::{
    DatasetId, DatasetInfo, Event, EventId, EventKind, FitId, FitRecord, HistoryShape, Progress, Status, Tenant,
};
use crate::store::life::{Documents, Ending, Life};
use crate::store::{StoreError, codec};

/// The plain columns of a fit: what changes by rules, and what it belongs to.
pub(super) struct Plain {
    pub(super) id: FitId,
    pub(super) tenant: Tenant,
    pub(super) dataset: DatasetId,
    /// What the fit was estimated to need.
    pub(super) memory_bytes: u64,
    pub(super) life: Life,
}

/// The columns of [`plain`], in its order.
const PLAIN: &str = "f.version, f.status, f.attempt, f.cancel_requested, f.created_at, f.started_at, f.finished_at,
    f.owner, f.lease_until, f.lost_leases, f.last_event, f.id, f.tenant, f.dataset, f.memory_bytes, f.seal";

/// Selects whole records for [`record`]; a condition on `f` goes behind it.
pub(super) fn select_records() -> String {
    format!(
        "SELECT {PLAIN}, f.labels, f.spec, f.progress, f.outcome, d.info, f.shape
         FROM fit f LEFT JOIN dataset d ON d.id = f.dataset"
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

impl Plain {
    fn seal(&self) -> Seal {
        let life = &self.life;
        Seal::new()
            .bytes(self.id.as_bytes())
            .text(self.tenant.as_str())
            .bytes(self.dataset.as_bytes())
            .integer(whole(self.memory_bytes))
            .integer(whole(life.version))
            .text(life.status.as_str())
            .integer(life.attempt.into())
            .integer(life.cancel_requested.into())
            .integer(nanoseconds(life.created_at))
            .optional(life.started_at.map(nanoseconds))
            .optional(life.finished_at.map(nanoseconds))
            .text(life.owner.as_deref().unwrap_or_default())
            .optional(life.lease_until.map(nanoseconds))
            .integer(life.lost_leases.into())
            .integer(whole(life.last_event.0))
    }

    /// Stores a new fit with its documents: labels, specification, shape of the history.
    pub(super) fn insert(&self, connection: &Connection, documents: [&[u8]; 3]) -> Result<(), StoreError> {
        let [labels, spec, shape] = documents;
        let mut statement = connection.prepare_cached(
            "INSERT INTO fit (id, tenant, version, status, attempt, cancel_requested, created_at, lost_leases,
                 last_event, dataset, labels, spec, shape, memory_bytes, seal)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?;
        statement.execute(params![
            self.id.as_bytes(),
            self.tenant.as_str(),
            whole(self.life.version),
            self.life.status.as_str(),
            self.life.attempt,
            self.life.cancel_requested,
            nanoseconds(self.life.created_at),
            self.life.lost_leases,
            whole(self.life.last_event.0),
            self.dataset.as_bytes(),
            labels,
            spec,
            shape,
            whole(self.memory_bytes),
            self.seal().number(),
        ])?;
        Ok(())
    }

    /// Saves the part that changes.
    pub(super) fn save(&self, connection: &Connection) -> Result<(), StoreError> {
        let life = &self.life;
        let mut statement = connection.prepare_cached(
            "UPDATE fit SET version = ?2, status = ?3, attempt = ?4, cancel_requested = ?5, started_at = ?6,
                 finished_at = ?7, owner = ?8, lease_until = ?9, lost_leases = ?10, last_event = ?11, seal = ?12
             WHERE id = ?1",
        )?;
        statement.execute(params![
            self.id.as_bytes(),
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
            self.seal().number(),
        ])?;
        Ok(())
    }
}

/// The fit's plain columns.
pub(super) fn load(connection: &Connection, id: FitId) -> Result<Option<Plain>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {PLAIN} FROM fit f WHERE f.id = ?1"))?;
    let mut rows = statement.query([id.as_bytes()])?;
    rows.next()?.map(plain).transpose()
}

/// The plain columns of a damaged fit, as far as they mean anything.
pub(super) fn load_as_is(connection: &Connection, id: FitId) -> Result<Option<Plain>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {PLAIN} FROM fit f WHERE f.id = ?1"))?;
    let mut rows = statement.query([id.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    if let Ok((plain, _)) = unsealed(row) {
        return Ok(Some(plain));
    }
    // The types of the columns are SQLite's to keep, so what is left is a number out of its range or an unknown word.
    let mut life = Life::new(time(row.get(4)?));
    life.version = row.get::<_, i64>(0)?.unsigned_abs() >> 1;
    life.attempt = row.get(2).unwrap_or_default();
    let tenant = Tenant::named(row.get_ref(12)?.as_str().unwrap_or_default());
    Ok(Some(Plain { id, tenant, dataset: dataset_id(row, 13)?, memory_bytes: 0, life }))
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
    let mut statement =
        connection.prepare_cached("INSERT INTO event (fit, id, kind, at, seal) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let (number, at) = (whole(event.id.0), nanoseconds(event.at));
    let seal = event_seal(id, number, event.kind.as_str(), at).number();
    statement.execute(params![id.as_bytes(), number, event.kind.as_str(), at, seal])?;
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
    let plain = plain(row)?;
    let blob = |column| -> Result<&[u8], StoreError> { row.get_ref(column)?.as_blob().map_err(|_| FIT_DAMAGED) };
    let optional = |column| -> Result<Option<&[u8]>, StoreError> {
        row.get_ref(column)?.as_blob_or_null().map_err(|_| FIT_DAMAGED)
    };
    let documents = Documents {
        labels: Arc::new(codec::read_document("label document", blob(16)?)?),
        spec: Arc::new(codec::read_document("specification", blob(17)?)?),
        progress: optional(18)?.map(|bytes| codec::read_document::<Progress>("progress", bytes)).transpose()?,
        outcome: optional(19)?.map(|bytes| codec::read_document("outcome", bytes)).transpose()?,
        dataset: Arc::new(codec::read_document::<DatasetInfo>("dataset description", blob(20)?)?),
        shape: Arc::new(codec::read_document::<HistoryShape>("history description", blob(21)?)?),
    };
    Ok(plain.life.record(plain.id, plain.tenant, documents))
}

/// The event of the fit in a row of `id, kind, at, seal`.
pub(super) fn event(row: &Row<'_>, fit: FitId) -> Result<Event, StoreError> {
    let (number, at) = (row.get(0)?, row.get(2)?);
    let kind = row.get_ref(1)?.as_str().map_err(|_| EVENT_DAMAGED)?;
    event_seal(fit, number, kind, at).check(row.get(3)?, "event")?;
    let kind = EventKind::parse(kind).ok_or(EVENT_DAMAGED)?;
    Ok(Event { id: EventId(natural(row, 0)?), kind, at: time(at) })
}

/// The checksum of an event's columns.
pub(super) fn event_seal(fit: FitId, id: i64, kind: &str, at: i64) -> Seal {
    Seal::new().bytes(fit.as_bytes()).integer(id).text(kind).integer(at)
}

/// The dataset's id in a row.
pub(super) fn dataset_id(row: &Row<'_>, column: usize) -> Result<DatasetId, StoreError> {
    Ok(DatasetId::from_bytes(row.get(column)?))
}

/// A number that is not negative.
pub(super) fn natural(row: &Row<'_>, column: usize) -> Result<u64, StoreError> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| FIT_DAMAGED)
}

/// All nanoseconds that fit into the column are times.
pub(super) fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or(Timestamp::MAX)
}

const FIT_DAMAGED: StoreError = StoreError::Corrupt { what: "fit" };
const EVENT_DAMAGED: StoreError = StoreError::Corrupt { what: "event" };

fn plain(row: &Row<'_>) -> Result<Plain, StoreError> {
    let (plain, seal) = unsealed(row)?;
    plain.seal().check(seal, "fit")?;
    Ok(plain)
}

/// The plain columns as they are, with the checksum that was stored for them.
fn unsealed(row: &Row<'_>) -> Result<(Plain, i64), StoreError> {
    let life = Life {
        version: natural(row, 0)?,
        status: Status::parse(row.get_ref(1)?.as_str().unwrap_or_default()).ok_or(FIT_DAMAGED)?,
        attempt: row.get(2).map_err(|_| FIT_DAMAGED)?,
        cancel_requested: row.get(3)?,
        created_at: time(row.get(4)?),
        started_at: row.get::<_, Option<i64>>(5)?.map(time),
        finished_at: row.get::<_, Option<i64>>(6)?.map(time),
        owner: row.get(7)?,
        lease_until: row.get::<_, Option<i64>>(8)?.map(time),
        lost_leases: row.get(9).map_err(|_| FIT_DAMAGED)?,
        last_event: EventId(natural(row, 10)?),
    };
    let tenant = Tenant::named(row.get_ref(12)?.as_str().map_err(|_| FIT_DAMAGED)?);
    let id = FitId::from_bytes(row.get(11)?);
    Ok((Plain { id, tenant, dataset: dataset_id(row, 13)?, memory_bytes: natural(row, 14)?, life }, row.get(15)?))
}

/// Gives every fit of a store whose rows had no seals its own.
pub(super) fn seal_all(connection: &Connection) -> Result<(), StoreError> {
    let mut statement = connection.prepare(&format!("SELECT {PLAIN} FROM fit f"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        // What cannot be read stays without a valid seal, and counts as damaged.
        if let Ok((plain, _)) = unsealed(row) {
            let seal = "UPDATE fit SET seal = ?2 WHERE id = ?1";
            connection.prepare_cached(seal)?.execute(params![plain.id.as_bytes(), plain.seal().number()])?;
        }
    }
    Ok(())
}
