//! Reads everything in a store and says what is damaged or does not fit together. It changes nothing but what opening
//! does: folding in the log that a crash left.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, Row};

use super::admit::key_seal;
use super::blobs::Blobs;
use super::claimed::dataset_seal;
use super::door::{self, Lock};
use super::rows;
use crate::fit::{Event, EventKind, FitId};
use crate::store::{Findings, StoreError, codec};

/// Checks the store at `path`. One that is in use is read beside its service.
pub(crate) fn check(path: &Path) -> Result<Findings, StoreError> {
    let path = &door::real(path)?;
    let _lock = match Lock::take(path) {
        Ok(lock) => Some(lock),
        Err(StoreError::Locked { .. }) => None,
        Err(error) => return Err(error),
    };
    door::inspect(path)?;
    let connection = door::connect(path)?;
    door::require_current(path, &connection)?;
    let mut findings = Findings::default();
    let mut suspects = Vec::new();
    {
        let snapshot = connection.unchecked_transaction()?;
        for (what, look) in PARTS {
            let looked = look(&snapshot, &mut findings);
            go_on(what, looked, &mut findings)?;
        }
        let looked = datasets(&snapshot, &Blobs::at(path), &mut findings, &mut suspects);
        go_on("the datasets", looked, &mut findings)?;
        snapshot.finish()?;
    }
    // A file that went with its last fit while it was looked for is no fault.
    for (id, fault) in suspects {
        let row = connection.query_row("SELECT 1 FROM dataset WHERE id = ?1", [id], |_| Ok(()));
        if row.is_ok() {
            findings.faults.push(fault);
        }
    }
    Ok(findings)
}

type Look = fn(&Connection, &mut Findings) -> Result<(), StoreError>;

/// What is looked at, in this order, but for the datasets.
const PARTS: [(&str, Look); 6] = [
    ("the file", structure),
    ("the fits", fits),
    ("the histories", histories),
    ("checkpoints and predictors", blobs),
    ("the idempotency keys", keys),
    ("the counts", counts),
];

/// A part that cannot be read to its end is a fault, and the others are looked at all the same.
fn go_on(what: &str, looked: Result<(), StoreError>, findings: &mut Findings) -> Result<(), StoreError> {
    match looked {
        Err(StoreError::Sqlite(error)) => {
            findings.faults.push(format!("{what} cannot be read to the end: {error}"));
            Ok(())
        }
        looked => looked,
    }
}

/// What SQLite itself can tell.
fn structure(connection: &Connection, findings: &mut Findings) -> Result<(), StoreError> {
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let lines: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    findings.faults.extend(lines.into_iter().filter(|line| line != "ok"));
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let mut broken = statement.query([])?;
    while let Some(row) = broken.next()? {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        findings.faults.push(format!("a row of {table} refers to a {parent} that is not there"));
    }
    Ok(())
}

/// Records, labels and events of every fit.
fn fits(connection: &Connection, findings: &mut Findings) -> Result<(), StoreError> {
    let mut statement = connection.prepare(&rows::select_records())?;
    let mut labels = connection.prepare("SELECT key, value FROM label WHERE fit = ?1")?;
    let mut events = connection.prepare("SELECT id, kind, at, seal FROM event WHERE fit = ?1 ORDER BY id")?;
    each(&mut statement, |row| {
        findings.fits += 1;
        let id = FitId::from_bytes(row.get(11)?);
        let record = match rows::record(row) {
            Ok(record) => record,
            Err(error) => return note(findings, &format!("fit {id}"), error),
        };
        let kept = labels.query_map([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if kept.collect::<Result<BTreeMap<String, String>, _>>()? != *record.labels {
            findings.faults.push(format!("fit {id}: its labels are not those of its document"));
        }
        let mut found = events.query([id.as_bytes()])?;
        let mut all = Vec::new();
        while let Some(row) = found.next()? {
            match rows::event(row, id) {
                Ok(event) => all.push(event),
                Err(error) => note(findings, &format!("fit {id}"), error)?,
            }
        }
        if !tells_of(&all, record.status.is_terminal()) {
            findings.faults.push(format!("fit {id}: its events do not tell of its status"));
        }
        Ok(())
    })
}

/// Whether the events begin with `queued` and have one end, as the last, exactly where the fit has ended.
fn tells_of(events: &[Event], ended: bool) -> bool {
    let ends = events.iter().filter(|event| event.kind.is_terminal()).count();
    events.first().is_some_and(|event| event.kind == EventKind::Queued)
        && ends == usize::from(ended)
        && events.last().is_some_and(|event| event.kind.is_terminal() == ended)
}

/// Blocks of history: readable, and strictly one behind the other.
fn histories(connection: &Connection, findings: &mut Findings) -> Result<(), StoreError> {
    let mut statement = connection.prepare("SELECT fit, first, last, points FROM history ORDER BY fit, first")?;
    let mut before: Option<([u8; 16], u64)> = None;
    each(&mut statement, |row| {
        let fit: [u8; 16] = row.get(0)?;
        let name = format!("fit {}", FitId::from_bytes(fit));
        let (first, last) = (rows::natural(row, 1)?, rows::natural(row, 2)?);
        match row.get::<_, Vec<u8>>(3).map_err(StoreError::from).and_then(|bytes| codec::read_history(&bytes)) {
            Ok(block) => {
                let ends = (block.iterations.first().copied(), block.iterations.last().copied());
                if !block.iterations.is_sorted_by(|a, b| a < b) || ends != (Some(first), Some(last)) {
                    findings.faults.push(format!("{name}: a block of its history is not what its row says"));
                }
            }
            Err(error) => note(findings, &name, error)?,
        }
        if before.is_some_and(|(other, end)| other == fit && end >= first) {
            findings.faults.push(format!("{name}: blocks of its history overlap"));
        }
        before = Some((fit, last));
        Ok(())
    })
}

/// Checkpoints and predictors.
fn blobs(connection: &Connection, findings: &mut Findings) -> Result<(), StoreError> {
    let mut read = |table: &str, read: &dyn Fn(&[u8]) -> Result<(), StoreError>| {
        let mut statement = connection.prepare(&format!("SELECT fit, state FROM {table}"))?;
        each(&mut statement, |row| {
            let name = format!("fit {}", FitId::from_bytes(row.get(0)?));
            let state: Vec<u8> = row.get(1)?;
            read(&state).or_else(|error| note(findings, &name, error))
        })
    };
    read("checkpoint", &|bytes| codec::read_checkpoint(bytes).map(drop))?;
    read("predictor", &|bytes| codec::read_predictor(bytes).map(drop))
}

fn keys(connection: &Connection, findings: &mut Findings) -> Result<(), StoreError> {
    let mut statement = connection.prepare("SELECT tenant, key, fingerprint, fit, used_at, seal FROM idempotency")?;
    each(&mut statement, |row| {
        let (tenant, key): (String, String) = (row.get(0)?, row.get(1)?);
        let (fingerprint, fit): ([u8; 32], [u8; 16]) = (row.get(2)?, row.get(3)?);
        let seal = key_seal(&tenant, &key, &fingerprint, &fit, row.get(4)?);
        let name = format!("fit {}", FitId::from_bytes(fit));
        seal.check(row.get(5)?, "idempotency key").or_else(|error| note(findings, &name, error))
    })
}

/// The counts that are kept beside the fits.
fn counts(connection: &Connection, findings: &mut Findings) -> Result<(), StoreError> {
    for (what, wrong) in [
        ("tally", "SELECT count(*) FROM tally t WHERE fits <> (SELECT count(*) FROM fit f WHERE f.status = t.status)"),
        (
            "turns",
            "SELECT count(*) FROM (SELECT tenant, sum(status = 'queued') AS queued FROM fit GROUP BY tenant) f
                 LEFT JOIN turn t USING (tenant) WHERE t.queued IS NOT f.queued",
        ),
        (
            "references",
            "SELECT count(*) FROM dataset d WHERE refs <> (SELECT count(*) FROM fit f WHERE f.dataset = d.id)",
        ),
    ] {
        if connection.query_row(wrong, [], |row| row.get::<_, i64>(0))? != 0 {
            findings.faults.push(format!("the {what} are not what the fits say"));
        }
    }
    Ok(())
}

/// Every dataset, in its row or in its file. Faults of files are suspicions: a file goes with its last fit.
fn datasets(
    connection: &Connection,
    files: &Blobs,
    findings: &mut Findings,
    suspects: &mut Vec<([u8; 16], String)>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare(
        "SELECT d.id, d.tenant, d.sha256, d.file, d.seal, i.columns, d.info
         FROM dataset d LEFT JOIN dataset_inline i ON i.dataset = d.id WHERE d.damaged = 0",
    )?;
    each(&mut statement, |row| {
        findings.datasets += 1;
        let (id, tenant, sha256): ([u8; 16], String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (file, inline): (Option<String>, Option<Vec<u8>>) = (row.get(3)?, row.get(5)?);
        let name = format!("dataset {}", crate::fit::DatasetId::from_bytes(id));
        if let Err(error) = dataset_seal(&id, &tenant, &sha256, file.as_deref()).check(row.get(4)?, "dataset") {
            return note(findings, &name, error);
        }
        let read = match (&file, inline) {
            (Some(file), _) => files.read(file),
            (None, Some(bytes)) => codec::read_dataset(bytes.as_slice(), bytes.len() as u64),
            (None, None) => Err(StoreError::Corrupt { what: "dataset" }),
        };
        match (read, file) {
            (Ok(_), _) => Ok(()),
            (Err(error), Some(file)) => {
                suspects.push((id, format!("{name}: {error} ({file})")));
                Ok(())
            }
            (Err(error), None) => note(findings, &name, error),
        }
    })
}

/// Writes a damaged record down; any other error ends the check.
fn note(findings: &mut Findings, name: &str, error: StoreError) -> Result<(), StoreError> {
    if error.damaged_record().is_none() {
        return Err(error);
    }
    findings.faults.push(format!("{name}: {error}"));
    Ok(())
}

fn each(
    statement: &mut rusqlite::Statement<'_>,
    mut look: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        look(row)?;
    }
    Ok(())
}
