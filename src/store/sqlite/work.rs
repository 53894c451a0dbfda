//! What workers and their keepers do to a fit: claim, heartbeat, finish, release, cancel, recover. `life` decides, this
//! stores. Runs in the writer's transaction.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{self, nanoseconds};
use super::writer::Write;
use super::{claimed::Claimed, points};
use crate::fit::{EventId, FitId, FitRecord, HistoryBlock, Outcome, Progress, Tenant};
use crate::store::life::{Cancelled, Life};
use crate::store::{Finish, Finished, Heartbeat, Lease, StoreError, codec};

/// What a worker brings, encoded before the writer's turn.
pub(super) struct Brought {
    progress: Option<Vec<u8>>,
    checkpoint: Option<Vec<u8>>,
    history: Option<HistoryBlock>,
}

impl Brought {
    fn new(progress: Option<Progress>, history: Option<HistoryBlock>) -> Result<Self, StoreError> {
        let progress = progress.map(|progress| codec::document("progress", &progress)).transpose()?;
        Ok(Self { progress, checkpoint: None, history })
    }

    fn store(&self, connection: &Connection, id: FitId) -> Result<(), StoreError> {
        if let Some(progress) = &self.progress {
            let update = "UPDATE fit SET progress = ?2 WHERE id = ?1";
            connection.prepare_cached(update)?.execute(params![id.as_bytes(), progress])?;
        }
        if let Some(checkpoint) = &self.checkpoint {
            let replace = "INSERT OR REPLACE INTO checkpoint (fit, state) VALUES (?1, ?2)";
            connection.prepare_cached(replace)?.execute(params![id.as_bytes(), checkpoint])?;
        }
        self.history.as_ref().map_or(Ok(()), |block| points::append(connection, id, block))
    }
}

/// A heartbeat or release, encoded.
pub(super) struct Beat {
    id: FitId,
    attempt: u32,
    now: Timestamp,
    lease: Duration,
    brought: Brought,
}

impl Beat {
    pub(super) fn new(beat: Heartbeat) -> Result<Self, StoreError> {
        let mut brought = Brought::new(beat.progress, beat.history)?;
        brought.checkpoint = beat.checkpoint.as_ref().map(codec::checkpoint);
        Ok(Self { id: beat.id, attempt: beat.attempt, now: beat.now, lease: beat.lease, brought })
    }
}

/// An end, encoded as far as it can be before it is known what the fit ends as.
pub(super) struct End {
    id: FitId,
    attempt: u32,
    now: Timestamp,
    event: EventId,
    outcome: Outcome,
    predictor: Option<Vec<u8>>,
    brought: Brought,
}

impl End {
    pub(super) fn new(finish: Finish) -> Result<Self, StoreError> {
        Ok(Self {
            id: finish.id,
            attempt: finish.attempt,
            now: finish.now,
            event: finish.event,
            outcome: finish.outcome,
            predictor: finish.predictor.as_ref().map(codec::predictor),
            brought: Brought::new(finish.progress, finish.history)?,
        })
    }
}

/// Hands out the oldest queued fit. One whose stored form is damaged ends here, and the next one is taken.
pub(super) fn claim(
    write: &Write<'_>,
    owner: &str,
    now: Timestamp,
    lease: Duration,
) -> Result<Option<Claimed>, StoreError> {
    let connection = write.connection;
    while let Some(id) = oldest_queued(connection)? {
        let mut life = known(connection, id)?;
        let started = life.claim(owner, now, lease);
        rows::save(connection, id, &life)?;
        rows::save_event(connection, id, started)?;
        match Claimed::load(connection, id, life.lease_until.unwrap_or(now)) {
            Ok(claimed) => return Ok(Some(claimed)),
            Err(error) => match error.damaged_record() {
                Some(what) => end_damaged(connection, id, &mut life, what, now)?,
                None => return Err(error),
            },
        }
    }
    Ok(None)
}

/// Ends a fit that this attempt could not begin because its stored data is damaged. New fits do not get this data.
pub(super) fn quarantine(
    write: &Write<'_>,
    id: FitId,
    attempt: u32,
    what: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    match rows::load(write.connection, id)? {
        Some(mut life) if life.held_by(attempt) => end_damaged(write.connection, id, &mut life, what, now),
        _ => Ok(()),
    }
}

/// Extends the lease and stores what the worker brings.
pub(super) fn heartbeat(write: &Write<'_>, beat: &Beat) -> Result<Lease, StoreError> {
    let connection = write.connection;
    let Some(mut life) = rows::load(connection, beat.id)? else { return Ok(Lease::Lost) };
    let lease = life.beat(beat.attempt, beat.now, beat.lease, beat.brought.progress.is_some());
    if lease != Lease::Lost {
        rows::save(connection, beat.id, &life)?;
        beat.brought.store(connection, beat.id)?;
    }
    Ok(lease)
}

/// Puts a fit back with what the worker brings.
pub(super) fn release(write: &Write<'_>, beat: &Beat) -> Result<Lease, StoreError> {
    let connection = write.connection;
    let Some(mut life) = rows::load(connection, beat.id)? else { return Ok(Lease::Lost) };
    let (lease, ending) = life.release(beat.attempt, beat.now);
    if lease != Lease::Lost {
        rows::save(connection, beat.id, &life)?;
        beat.brought.store(connection, beat.id)?;
    }
    if let Some(ending) = ending {
        rows::save_ending(connection, beat.id, &ending)?;
    }
    Ok(lease)
}

/// Makes a fit terminal.
pub(super) fn finish(write: &Write<'_>, end: &End) -> Result<Finished, StoreError> {
    let connection = write.connection;
    let Some(mut life) = rows::load(connection, end.id)? else { return Ok(Finished::Stale) };
    let Some(ending) = life.finish(end.attempt, end.now, end.event, &end.outcome) else {
        return Ok(Finished::Stale);
    };
    rows::save(connection, end.id, &life)?;
    end.brought.store(connection, end.id)?;
    rows::save_ending(connection, end.id, &ending)?;
    if let Some(predictor) = end.predictor.as_ref().filter(|_| ending.outcome.result().is_some()) {
        let insert = "INSERT INTO predictor (fit, state) VALUES (?1, ?2)";
        connection.prepare_cached(insert)?.execute(params![end.id.as_bytes(), predictor])?;
    }
    Ok(rows::load_record(connection, end.id)?.map_or(Finished::Stale, |record| Finished::Done(Box::new(record))))
}

/// Cancels a queued fit and marks a running one.
pub(super) fn cancel(
    write: &Write<'_>,
    tenant: &Tenant,
    id: FitId,
    now: Timestamp,
) -> Result<Option<FitRecord>, StoreError> {
    let connection = write.connection;
    if !rows::belongs(connection, tenant, id)? {
        return Ok(None);
    }
    let mut life = known(connection, id)?;
    match life.cancel(now) {
        Cancelled::Unchanged => {}
        Cancelled::Marked => rows::save(connection, id, &life)?,
        Cancelled::Ended(ending) => {
            rows::save(connection, id, &life)?;
            rows::save_ending(connection, id, &ending)?;
        }
    }
    rows::load_record(connection, id)
}

/// Ends the leases that nobody holds any more.
pub(super) fn recover(write: &Write<'_>, now: Timestamp, all: bool, attempts_max: u32) -> Result<u64, StoreError> {
    let connection = write.connection;
    let mut statement = connection.prepare_cached(
        "SELECT id FROM fit WHERE status = 'running' AND (?1 OR lease_until IS NULL OR lease_until <= ?2)",
    )?;
    let ids: Vec<[u8; 16]> =
        statement.query_map(params![all, nanoseconds(now)], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for &bytes in &ids {
        let id = FitId::from_bytes(bytes);
        let mut life = known(connection, id)?;
        let ending = life.lose(now, attempts_max);
        rows::save(connection, id, &life)?;
        if let Some(ending) = ending {
            rows::save_ending(connection, id, &ending)?;
        }
    }
    Ok(ids.len() as u64)
}

fn oldest_queued(connection: &Connection) -> Result<Option<FitId>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT id FROM fit WHERE status = 'queued' ORDER BY id LIMIT 1")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?.map(FitId::from_bytes))
}

/// A fit that the same transaction has just seen.
fn known(connection: &Connection, id: FitId) -> Result<Life, StoreError> {
    rows::load(connection, id)?.ok_or(StoreError::Corrupt { what: "fit" })
}

fn end_damaged(
    connection: &Connection,
    id: FitId,
    life: &mut Life,
    what: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    tracing::error!(fit = %id, what, "a stored record is damaged; its fit fails");
    if what == "dataset" {
        let mark = "UPDATE dataset SET damaged = 1 WHERE id = (SELECT dataset FROM fit WHERE id = ?1)";
        connection.prepare_cached(mark)?.execute([id.as_bytes()])?;
    }
    let ending = life.quarantine(now, what);
    rows::save(connection, id, life)?;
    rows::save_ending(connection, id, &ending)
}
