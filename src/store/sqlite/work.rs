//! What workers and their keepers do to a fit: claim, heartbeat, finish, release, cancel, recover. `life` decides, this
//! stores. Runs in the writer's transaction.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::claimed::{Claimed, Next};
use super::rows::{self, Plain, nanoseconds};
use super::writer::Write;
use super::{points, quarantine, turns};
use crate::fit::{EventId, FitId, FitRecord, HistoryBlock, Outcome, Progress, Status, Tenant};
use crate::store::life::Cancelled;
use crate::store::{Ask, Finish, Finished, Heartbeat, Lease, StoreError, codec};

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

/// Hands out the fit whose turn it is. One whose stored form is damaged ends here, and the next one is taken.
pub(super) fn claim(write: &Write<'_>, ask: &Ask) -> Result<Next, StoreError> {
    let connection = write.connection;
    let mut ended = HashSet::new();
    while let Some(turn) = turns::next(connection, &ask.weights)? {
        if !ended.insert(turn.fit) {
            // It was ended and is still there: nobody can say what it is.
            return Err(StoreError::Corrupt { what: "fit" });
        }
        match begin(connection, &turn, ask) {
            Ok(next) => return Ok(next),
            Err(error) => match error.damaged_record() {
                Some(what) => quarantine::end(connection, turn.fit, what, ask.now)?,
                None => return Err(error),
            },
        }
    }
    Ok(Next::Nothing)
}

fn begin(connection: &Connection, turn: &turns::Chosen, ask: &Ask) -> Result<Next, StoreError> {
    let mut plain = known(connection, turn.fit)?;
    if plain.life.status != Status::Queued {
        return Err(StoreError::Corrupt { what: "fit" });
    }
    let memory_bytes = ask.grants(plain.memory_bytes, plain.life.lost_leases);
    if ask.has_to_wait(memory_bytes) {
        return Ok(Next::TooLarge { memory_bytes });
    }
    let started = plain.life.claim(&ask.owner, ask.now, ask.lease);
    plain.save(connection)?;
    rows::save_event(connection, turn.fit, started)?;
    turns::take(connection, turn)?;
    let lease_until = plain.life.lease_until.unwrap_or(ask.now);
    let claimed = Claimed::load(connection, plain.id, memory_bytes, lease_until)?;
    Ok(Next::Claimed(Box::new(claimed)))
}

/// Ends a fit that this attempt could not begin because its stored data is damaged.
pub(super) fn quarantine(
    write: &Write<'_>,
    id: FitId,
    attempt: u32,
    what: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    match held(write.connection, id, now)? {
        Some(plain) if plain.life.held_by(attempt) => quarantine::end(write.connection, id, what, now),
        _ => Ok(()),
    }
}

/// Extends the lease and stores what the worker brings.
pub(super) fn heartbeat(write: &Write<'_>, beat: &Beat) -> Result<Lease, StoreError> {
    let connection = write.connection;
    let Some(mut plain) = held(connection, beat.id, beat.now)? else { return Ok(Lease::Lost) };
    let lease = plain.life.beat(beat.attempt, beat.now, beat.lease, beat.brought.progress.is_some());
    if lease != Lease::Lost {
        plain.save(connection)?;
        beat.brought.store(connection, beat.id)?;
    }
    Ok(lease)
}

/// Puts a fit back with what the worker brings.
pub(super) fn release(write: &Write<'_>, beat: &Beat) -> Result<Lease, StoreError> {
    let connection = write.connection;
    let Some(mut plain) = held(connection, beat.id, beat.now)? else { return Ok(Lease::Lost) };
    let (lease, ending) = plain.life.release(beat.attempt, beat.now);
    if lease != Lease::Lost {
        plain.save(connection)?;
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
    let Some(mut plain) = held(connection, end.id, end.now)? else { return Ok(Finished::Stale) };
    let Some(ending) = plain.life.finish(end.attempt, end.now, end.event, &end.outcome) else {
        return Ok(Finished::Stale);
    };
    plain.save(connection)?;
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
    let Some(mut plain) = held(connection, id, now)? else { return rows::load_record(connection, id) };
    match plain.life.cancel(now) {
        Cancelled::Unchanged => {}
        Cancelled::Marked => plain.save(connection)?,
        Cancelled::Ended(ending) => {
            plain.save(connection)?;
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
        let Some(mut plain) = held(connection, id, now)?.filter(|plain| plain.life.status == Status::Running) else {
            continue;
        };
        let ending = plain.life.lose(now, attempts_max);
        plain.save(connection)?;
        if let Some(ending) = ending {
            rows::save_ending(connection, id, &ending)?;
        }
    }
    Ok(ids.len() as u64)
}

/// A fit that the same transaction has just seen.
fn known(connection: &Connection, id: FitId) -> Result<Plain, StoreError> {
    rows::load(connection, id)?.ok_or(StoreError::Corrupt { what: "fit" })
}

/// The fit, unless it is gone. One whose columns are damaged ends here, and is as good as gone.
fn held(connection: &Connection, id: FitId, now: Timestamp) -> Result<Option<Plain>, StoreError> {
    match rows::load(connection, id) {
        Err(error) if error.damaged_record().is_some() => {
            quarantine::end(connection, id, error.damaged_record().unwrap_or("fit"), now)?;
            Ok(None)
        }
        found => found,
    }
}
