//! What no client can see: looks into the file of a store that is in use, without writing to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fitd::serve::StartError;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// The checksum behind a document.
const CRC_BYTES: usize = 4;

/// Without the right to write, it never folds the log into the file when it closes.
fn open(store: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

/// What the store's own check finds.
pub(crate) async fn faults(store: PathBuf) -> Result<Vec<String>, StartError> {
    let checked = tokio::task::spawn_blocking(move || fitd::upkeep::check(&store)).await.unwrap();
    checked.map(|findings| findings.faults)
}

/// Fits that are `running` without a lease that holds.
pub(crate) fn without_lease(store: &Path) -> rusqlite::Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64;
    let query = "SELECT count(*) FROM fit WHERE status = 'running' AND (lease_until IS NULL OR lease_until <= ?1)";
    open(store)?.query_row(query, [now], |row| row.get::<_, i64>(0)).map(|count| count as u64)
}

/// How far fits are, by id: seconds of computing, and the iteration.
pub(crate) type Standings = BTreeMap<String, (f64, u64)>;

/// How far the unfinished fits are as the store knows it.
pub(crate) fn standings(store: &Path) -> rusqlite::Result<Standings> {
    let connection = open(store)?;
    let mut statement = connection.prepare("SELECT id, progress FROM fit WHERE status IN ('queued', 'running')")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Option<Vec<u8>>>(1)?)))?;
    let standings = rows.map(|row| {
        let (id, progress) = row?;
        let standing = progress.map_or((0.0, 0), |sealed| {
            let document: Value = serde_json::from_slice(&sealed[..sealed.len() - CRC_BYTES]).unwrap();
            (document["elapsed_seconds"].as_f64().unwrap(), document["iteration"].as_u64().unwrap())
        });
        Ok((uuid::Uuid::from_bytes(id).to_string(), standing))
    });
    standings.collect()
}

/// Of each fit its status, whether it has a checkpoint, and whether it has made progress.
pub(crate) fn checkpoints(store: &Path) -> rusqlite::Result<BTreeMap<String, (String, bool, bool)>> {
    let connection = open(store)?;
    let mut statement = connection.prepare(
        "SELECT fit.id, status, checkpoint.fit IS NOT NULL, progress IS NOT NULL
         FROM fit LEFT JOIN checkpoint ON checkpoint.fit = fit.id",
    )?;
    let rows = statement.query_map([], |row| {
        let id = uuid::Uuid::from_bytes(row.get(0)?).to_string();
        Ok((id, (row.get(1)?, row.get(2)?, row.get(3)?)))
    })?;
    rows.collect()
}
