//! What has to be true of a store on a disk, whatever happened to it: that it is whole, that its tables agree with each
//! other, and that what the client was told is there. The service's own check opens it first and reads all of it; what that
//! cannot know is asked of the tables themselves, so this file knows the schema.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::Value;

use crate::ledger::{Fact, Promise};

/// A statement that finds nothing in a store that is whole, and what it means if it does.
const NEVER: &[(&str, &str)] = &[
    (
        "a tally that is not the number of fits",
        "SELECT status FROM tally WHERE fits <> (SELECT count(*) FROM fit WHERE fit.status = tally.status)",
    ),
    ("a status without a tally", "SELECT status FROM fit WHERE status NOT IN (SELECT status FROM tally)"),
    (
        "data with another number of references",
        "SELECT sha256 FROM dataset d WHERE refs <> (SELECT count(*) FROM fit WHERE dataset = d.id)",
    ),
    ("data that nothing refers to", "SELECT sha256 FROM dataset WHERE refs = 0"),
    (
        "data in no place or in two",
        "SELECT sha256 FROM dataset d WHERE (file IS NULL) <> EXISTS (SELECT 1 FROM dataset_inline i WHERE i.dataset = d.id)",
    ),
    ("data that is marked as damaged", "SELECT sha256 FROM dataset WHERE damaged <> 0"),
    (
        "a fit whose first event is not that it was queued",
        "SELECT hex(f.id) FROM fit f WHERE (SELECT kind FROM event WHERE fit = f.id ORDER BY id LIMIT 1) IS NOT 'queued'",
    ),
    (
        "a fit whose last event is another than it says",
        "SELECT hex(f.id) FROM fit f WHERE last_event <> (SELECT max(id) FROM event WHERE fit = f.id)",
    ),
    (
        "a fit with other starts than attempts",
        "SELECT hex(f.id) FROM fit f WHERE attempt <> (SELECT count(*) FROM event WHERE fit = f.id AND kind = 'started')",
    ),
    (
        "an ended fit without its outcome, its time or its last event",
        "SELECT hex(f.id) FROM fit f WHERE status NOT IN ('queued', 'running') AND (outcome IS NULL OR finished_at IS NULL OR (SELECT kind FROM event WHERE fit = f.id ORDER BY id DESC LIMIT 1) <> status)",
    ),
    (
        "an end in the middle of the events",
        "SELECT hex(fit) FROM event e WHERE kind NOT IN ('queued', 'started') AND EXISTS (SELECT 1 FROM event l WHERE l.fit = e.fit AND l.id > e.id)",
    ),
    (
        "a fit that goes on with the outcome of one that ended",
        "SELECT hex(id) FROM fit WHERE status IN ('queued', 'running') AND (outcome IS NOT NULL OR finished_at IS NOT NULL)",
    ),
    (
        "a running fit without a lease, or another with one",
        "SELECT hex(id) FROM fit WHERE (status = 'running') <> (lease_until IS NOT NULL AND owner IS NOT NULL)",
    ),
    (
        "a success that was cancelled before",
        "SELECT hex(id) FROM fit WHERE status = 'succeeded' AND cancel_requested <> 0",
    ),
    (
        "a success without what predicts",
        "SELECT hex(id) FROM fit f WHERE status = 'succeeded' AND NOT EXISTS (SELECT 1 FROM predictor WHERE fit = f.id)",
    ),
    (
        "a checkpoint of a fit that has ended",
        "SELECT hex(c.fit) FROM checkpoint c JOIN fit f ON f.id = c.fit WHERE f.status NOT IN ('queued', 'running')",
    ),
];

/// The columns whose values end with the checksum of what stands before it.
const SEALED: &[(&str, &str)] = &[
    ("fit", "labels"),
    ("fit", "spec"),
    ("fit", "shape"),
    ("fit", "progress"),
    ("fit", "outcome"),
    ("dataset", "info"),
    ("dataset_inline", "columns"),
    ("history", "points"),
    ("checkpoint", "state"),
    ("predictor", "state"),
];

/// What is wrong with the store at `store`, of which nobody has anything open.
pub(crate) fn check(store: &Path, promises: &[&Promise]) -> Vec<String> {
    let mut wrong = Vec::new();
    if !store.exists() {
        // A new store was not there yet. Where anything was told about a fit, it has to be.
        let lost = promises.iter().filter(|promise| promise.fact != Fact::Gone);
        return lost.map(|promise| format!("there is no store, but {promise:?}")).collect();
    }
    match fitd::upkeep::check(store) {
        Ok(findings) => wrong.extend(findings.faults.into_iter().map(|fault| format!("the service finds: {fault}"))),
        Err(error) => wrong.push(format!("the service does not open the store: {error}")),
    }
    if let Err(error) = examine(store, promises, &mut wrong) {
        wrong.push(format!("the store cannot be read: {error}"));
    }
    wrong
}

fn examine(store: &Path, promises: &[&Promise], wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    let connection = Connection::open(store)?;
    // Folding the log into the file would only cost time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        wrong.push(format!("SQLite finds: {verdict}"));
    }
    let strays = connection.prepare("PRAGMA foreign_key_check")?.query_map([], |_| Ok(()))?.count();
    if strays > 0 {
        wrong.push(format!("{strays} rows refer to nothing"));
    }
    for (what, sql) in NEVER {
        let found: Option<String> = connection.prepare(sql)?.query_row([], |row| row.get(0)).optional()?;
        wrong.extend(found.map(|found| format!("{what}: {found}")));
    }
    for (table, column) in SEALED {
        let mut statement = connection.prepare(&format!("SELECT {column} FROM {table} WHERE {column} IS NOT NULL"))?;
        let broken = statement.query_map([], |row| Ok(is_sealed(row.get_ref(0)?.as_blob()?)))?;
        let broken = broken.filter(|sealed| !matches!(sealed, Ok(true))).count();
        if broken > 0 {
            wrong.push(format!("{broken} values of {table}.{column} have another checksum"));
        }
    }
    files(store, &connection, wrong)?;
    histories(&connection, wrong)?;
    for promise in promises {
        if let Some(found) = broken(&connection, promise)? {
            wrong.push(format!("{promise:?}, but {found}"));
        }
    }
    Ok(())
}

fn is_sealed(bytes: &[u8]) -> bool {
    bytes.split_last_chunk::<4>().is_some_and(|(content, crc)| crc32fast::hash(content).to_le_bytes() == *crc)
}

/// Every file that a row refers to is there and whole.
fn files(store: &Path, connection: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    let folder = store.with_extension("db.d");
    let mut statement = connection.prepare("SELECT file FROM dataset WHERE file IS NOT NULL")?;
    for name in statement.query_map([], |row| row.get::<_, String>(0))? {
        let name = name?;
        match std::fs::read(folder.join(&name)) {
            Ok(bytes) if is_sealed(&bytes) => {}
            Ok(_) => wrong.push(format!("the file {name} has another checksum")),
            Err(error) => wrong.push(format!("the file {name} cannot be read: {error}")),
        }
    }
    Ok(())
}

/// Iterations rise without a gap within and across the blocks of each fit.
fn histories(connection: &Connection, wrong: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT hex(fit), first, last, points FROM history ORDER BY fit, first")?;
    let mut rows = statement.query([])?;
    let (mut fit, mut before, mut stride_before) = (String::new(), 0, 0);
    while let Some(row) = rows.next()? {
        let (of, first, last): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (stride, iterations) = points(row)?;
        if iterations.first() != Some(&first) || iterations.last() != Some(&last) {
            wrong.push(format!("a block of {of} holds other points than its row says"));
        }
        let begins = of != fit;
        if begins && first > 1 {
            wrong.push(format!("the history of {of} begins with {first}"));
        }
        let widest = stride.max(if begins { 1 } else { stride_before });
        let mut at = if begins { None } else { Some(before) };
        for iteration in iterations {
            if at.is_some_and(|at| iteration <= at || iteration - at > widest) {
                wrong.push(format!("the history of {of} goes from {at:?} to {iteration} with a stride of {widest}"));
            }
            at = Some(iteration);
        }
        (fit, before, stride_before) = (of, last, stride);
    }
    Ok(())
}

/// The stride and the iterations of a block: little-endian numbers behind the count of points and of columns.
fn points(row: &Row<'_>) -> rusqlite::Result<(i64, Vec<i64>)> {
    let bytes = row.get_ref(3)?.as_blob()?;
    let numbers: Vec<i64> = bytes.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
    let count = numbers.first().map_or(0, |count| usize::try_from(*count).unwrap_or(0));
    Ok((numbers.get(2).copied().unwrap_or(0), numbers.iter().skip(3).take(count).copied().collect()))
}

/// What is there instead of what was told.
fn broken(connection: &Connection, promise: &Promise) -> rusqlite::Result<Option<String>> {
    let id = uuid::Uuid::parse_str(&promise.fit).unwrap_or_default();
    let mut statement = connection.prepare_cached(
        "SELECT f.status, f.attempt, f.cancel_requested, f.outcome, d.sha256, k.key
         FROM fit f JOIN dataset d ON d.id = f.dataset LEFT JOIN idempotency k ON k.fit = f.id WHERE f.id = ?1",
    )?;
    let mut rows = statement.query([id.as_bytes()])?;
    let Some(row) = rows.next()? else {
        return Ok((promise.fact != Fact::Gone).then(|| "the fit is not there".to_owned()));
    };
    let status: String = row.get(0)?;
    Ok(match &promise.fact {
        Fact::Gone => Some(format!("the fit is there and {status}")),
        Fact::Exists { sha256, key } => {
            let (there, with): (String, Option<String>) = (row.get(4)?, row.get(5)?);
            let same_key = key.is_none() || *key == with;
            (there != *sha256 || !same_key).then(|| format!("its data is {there} and its key {with:?}"))
        }
        Fact::Attempted(attempt) => {
            let there: i64 = row.get(1)?;
            (there < *attempt).then(|| format!("its attempt is {there}"))
        }
        Fact::Cancelled => {
            let asked: bool = row.get(2)?;
            (status == "succeeded" || (status != "cancelled" && status != "failed" && !asked))
                .then(|| format!("it is {status}"))
        }
        Fact::Ended { status: told, coefficients } => {
            let outcome: Option<Vec<u8>> = row.get(3)?;
            let outcome = outcome.unwrap_or_default();
            let document = outcome.split_last_chunk::<4>().map_or(&[][..], |(document, _)| document);
            let document: Value = serde_json::from_slice(document).unwrap_or_default();
            let there = document[told.as_str()].get("coefficients").cloned();
            (status != *told || there != *coefficients).then(|| format!("it is {status} with {there:?}"))
        }
    })
}
