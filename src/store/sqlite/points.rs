//! History blocks as rows that never overlap.

use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{natural, whole};
use crate::fit::{FitId, HistoryBlock};
use crate::store::series::{self, Extent};
use crate::store::{StoreError, codec};

/// Appends points; those stored before from the first of them on are replaced.
pub(super) fn append(connection: &Connection, id: FitId, block: &HistoryBlock) -> Result<(), StoreError> {
    let (Some(&first), Some(&last)) = (block.iterations.first(), block.iterations.last()) else { return Ok(()) };
    cut(connection, id, first)?;
    let mut statement = connection
        .prepare_cached("INSERT INTO history (fit, first, last, stride, points) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    statement.execute(params![id.as_bytes(), whole(first), whole(last), whole(block.stride), codec::history(block)])?;
    Ok(())
}

/// Removes the points from iteration `from` on.
pub(super) fn cut(connection: &Connection, id: FitId, from: u64) -> Result<(), StoreError> {
    if last(connection, id)?.is_none_or(|last| last < from) {
        return Ok(());
    }
    let key = params![id.as_bytes(), whole(from)];
    connection.prepare_cached("DELETE FROM history WHERE fit = ?1 AND first >= ?2")?.execute(key)?;
    let split = "SELECT first, points FROM history WHERE fit = ?1 AND last >= ?2";
    let mut statement = connection.prepare_cached(split)?;
    let found = statement.query_row(key, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))).optional()?;
    let Some((first, points)) = found else { return Ok(()) };
    let mut block = codec::read_history(&points)?;
    series::cut(&mut block, from);
    let last = block.iterations.last().copied().ok_or(StoreError::Corrupt { what: "history block" })?;
    let update = "UPDATE history SET last = ?3, points = ?4 WHERE fit = ?1 AND first = ?2";
    connection.prepare_cached(update)?.execute(params![id.as_bytes(), first, whole(last), codec::history(&block)])?;
    Ok(())
}

/// The last iteration that has a point.
fn last(connection: &Connection, id: FitId) -> Result<Option<u64>, StoreError> {
    let newest = "SELECT last FROM history WHERE fit = ?1 ORDER BY first DESC LIMIT 1";
    let mut statement = connection.prepare_cached(newest)?;
    let mut rows = statement.query([id.as_bytes()])?;
    rows.next()?.map(|row| natural(row, 0)).transpose()
}

/// The thinned points between the two iterations.
pub(super) fn select(connection: &Connection, id: FitId, from: u64, to: u64) -> Result<HistoryBlock, StoreError> {
    let whole_series = "SELECT min(first), max(last), max(stride) FROM history WHERE fit = ?1 HAVING count(*) > 0";
    let mut statement = connection.prepare_cached(whole_series)?;
    let mut rows = statement.query([id.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(series::empty()) };
    let extent = Extent { first: natural(row, 0)?, last: natural(row, 1)?, stride: natural(row, 2)? };

    let blocks = "SELECT points FROM history WHERE fit = ?1 AND last >= ?2 AND first <= ?3 ORDER BY first";
    let mut statement = connection.prepare_cached(blocks)?;
    let mut rows = statement.query(params![id.as_bytes(), whole(from), whole(to)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let points = row.get_ref(0)?.as_blob().map_err(|_| StoreError::Corrupt { what: "history block" })?;
        found.push(codec::read_history(points)?);
    }
    Ok(extent.select(&found, from, to))
}
