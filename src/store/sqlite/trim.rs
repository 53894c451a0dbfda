//! Keeps the store within its bounds: finished fits go, the oldest first, and the file gives back what they leave.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::rows::{self, nanoseconds, natural, whole};
use super::writer::Write;
use super::{admit, quarantine};
use crate::fit::FitId;
use crate::store::{Retention, StoreError, Trimmed};

/// Free pages that the file keeps for what comes, at least; beyond that, a tenth of its pages.
const FREE_PAGES_KEPT: u64 = 256;
/// Pages that one transaction gives back at most: 4 MiB, so that other writes go on.
const PAGES_AT_ONCE: u64 = 1024;

/// Removes finished fits that are too old, or too many for the size.
pub(super) fn trim(write: &mut Write<'_>, retention: &Retention) -> Result<Trimmed, StoreError> {
    let mut trimmed = Trimmed { bytes: bytes(write.connection)?, ..Trimmed::default() };
    let before = nanoseconds(retention.ended_before);
    for id in oldest(write.connection, i64::MAX, retention.batch)? {
        let is_over = retention.bytes_max.is_some_and(|most| trimmed.bytes > most);
        let Some(ended) = ended(write.connection, id)? else { continue };
        if ended >= before && !is_over {
            break;
        }
        admit::remove(write, id)?;
        trimmed.removed.push(id);
        if retention.bytes_max.is_some() {
            trimmed.bytes = bytes(write.connection)?;
        }
    }
    trimmed.bytes = bytes(write.connection)?;
    trimmed.more = trimmed.removed.len() >= retention.batch;
    let (pages, _) = pages(write.connection)?;
    trimmed.more |= give_back(write.connection, FREE_PAGES_KEPT.max(pages / 10))?;
    Ok(trimmed)
}

/// Content and data files, without what is free in the file.
pub(super) fn bytes(connection: &Connection) -> Result<u64, StoreError> {
    let (pages, free) = pages(connection)?;
    let page_bytes = pragma(connection, "page_size")?;
    let files = "SELECT coalesce(sum(file_bytes), 0) FROM dataset WHERE file IS NOT NULL";
    let mut statement = connection.prepare_cached(files)?;
    let mut found = statement.query([])?;
    let files = found.next()?.map_or(Ok(0), |row| natural(row, 0))?;
    Ok((pages - free) * page_bytes + files)
}

/// When the fit ended, if its row is as it was written; one that is not ends as damaged now, and stays for its time.
fn ended(connection: &Connection, id: FitId) -> Result<Option<i64>, StoreError> {
    match rows::load(connection, id) {
        Ok(plain) => Ok(plain.and_then(|plain| plain.life.finished_at).map(nanoseconds)),
        Err(error) => {
            let what = error.damaged_record().ok_or(error)?;
            quarantine::end(connection, id, what, Timestamp::now())?;
            Ok(None)
        }
    }
}

fn oldest(connection: &Connection, before: i64, count: usize) -> Result<Vec<FitId>, StoreError> {
    let oldest = "SELECT id FROM fit WHERE finished_at IS NOT NULL AND finished_at < ?1 ORDER BY finished_at LIMIT ?2";
    let mut statement = connection.prepare_cached(oldest)?;
    let found = statement.query_map(params![before, whole(count as u64)], |row| row.get(0).map(FitId::from_bytes))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Gives free pages at the end of the file back to the disk, but for so many. Whether there are more.
pub(super) fn give_back(connection: &Connection, kept: u64) -> Result<bool, StoreError> {
    let (_, free) = pages(connection)?;
    let surplus = free.saturating_sub(kept);
    if surplus == 0 {
        return Ok(false);
    }
    // A row for each page, so the statement has to run to its end.
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({})", surplus.min(PAGES_AT_ONCE)))?;
    let mut pages = statement.query([])?;
    while pages.next()?.is_some() {}
    Ok(surplus > PAGES_AT_ONCE)
}

fn pages(connection: &Connection) -> Result<(u64, u64), StoreError> {
    let (pages, free) = (pragma(connection, "page_count")?, pragma(connection, "freelist_count")?);
    Ok((pages, free.min(pages)))
}

fn pragma(connection: &Connection, name: &str) -> Result<u64, StoreError> {
    Ok(connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0))?.unsigned_abs())
}
