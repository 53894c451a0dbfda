//! The tables, and how a file is known to be ours. Documents and blobs are sealed by `codec`; the plain columns are
//! those that queries and rules need.

use rusqlite::Connection;

use crate::store::StoreError;

/// Says "fitd" in the file's header: a file without it is somebody else's.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"fitd");

/// Grows with every change of the tables or of a stored form.
pub(super) const VERSION: i32 = 4;

/// Makes the tables in an empty file, whole or not at all.
pub(super) fn create(connection: &Connection) -> Result<(), StoreError> {
    // Has to come before the first table: with it, the file can give back pages that deletions have freed.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let identity = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};");
    connection.execute_batch(&format!("BEGIN; {TABLES} {ADDED_IN_4} {identity} COMMIT;"))?;
    keep_log(connection)
}

/// Has changes written to a log first. SQLite answers in which way it goes on before it has stored that, and where it cannot
/// change the way it says so in the answer alone: both have to be looked at.
pub(super) fn keep_log(connection: &Connection) -> Result<(), StoreError> {
    let mut statement = connection.prepare("PRAGMA journal_mode = WAL")?;
    let mut answers = statement.query([])?;
    let mut mode = String::new();
    while let Some(answer) = answers.next()? {
        mode = answer.get(0)?;
    }
    if mode == "wal" {
        return Ok(());
    }
    Err(StoreError::Io(std::io::Error::other(format!("a log is to be kept, but SQLite answers {mode:?}"))))
}

/// What every connection is set to. FULL, because an acknowledged write must survive a power cut.
pub(super) fn settle(connection: &Connection) -> Result<(), StoreError> {
    keep_log(connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// What SQLite calls a file that gives back free pages when it is asked to.
pub(super) const VACUUM_INCREMENTAL: i32 = 2;

/// What the log keeps of the disk after it was folded into the file.
const LOG_BYTES_MAX: i64 = 4 << 20;

/// Pages of the log at which it is folded into the file: 2 MiB, well below what the ballast has room for.
const LOG_PAGES: i64 = 512;

const TABLES: &str = "
-- A seal is the checksum of the row's plain columns. Data is kept once a tenant and content; what was found damaged is no
-- longer handed to new fits.
CREATE TABLE dataset (
    id BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    refs INTEGER NOT NULL CHECK (refs >= 0),
    damaged INTEGER NOT NULL DEFAULT 0,
    file TEXT,
    info BLOB NOT NULL,
    file_bytes INTEGER NOT NULL DEFAULT 0,
    seal INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX dataset_identity ON dataset (tenant, sha256) WHERE damaged = 0;

-- Small data; in its own table, so that counting references does not rewrite it.
CREATE TABLE dataset_inline (
    dataset BLOB NOT NULL PRIMARY KEY REFERENCES dataset (id) ON DELETE CASCADE,
    columns BLOB NOT NULL
) STRICT;

CREATE TABLE fit (
    id BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    owner TEXT,
    lease_until INTEGER,
    lost_leases INTEGER NOT NULL,
    last_event INTEGER NOT NULL,
    dataset BLOB NOT NULL REFERENCES dataset (id),
    labels BLOB NOT NULL,
    spec BLOB NOT NULL,
    shape BLOB NOT NULL,
    progress BLOB,
    outcome BLOB,
    memory_bytes INTEGER NOT NULL DEFAULT 0,
    seal INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX fit_by_tenant ON fit (tenant, id);
CREATE INDEX fit_by_status ON fit (tenant, status, id);
CREATE INDEX fit_by_dataset ON fit (dataset);
CREATE INDEX fit_leased ON fit (lease_until) WHERE status = 'running';

CREATE TABLE label (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    fit BLOB NOT NULL REFERENCES fit (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant, key, value, fit)
) STRICT, WITHOUT ROWID;
CREATE INDEX label_by_fit ON label (fit);

CREATE TABLE event (
    fit BLOB NOT NULL REFERENCES fit (id) ON DELETE CASCADE,
    id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    seal INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (fit, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE history (
    fit BLOB NOT NULL REFERENCES fit (id) ON DELETE CASCADE,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    stride INTEGER NOT NULL,
    points BLOB NOT NULL,
    PRIMARY KEY (fit, first)
) STRICT;

CREATE TABLE checkpoint (
    fit BLOB NOT NULL PRIMARY KEY REFERENCES fit (id) ON DELETE CASCADE,
    state BLOB NOT NULL
) STRICT;

CREATE TABLE predictor (
    fit BLOB NOT NULL PRIMARY KEY REFERENCES fit (id) ON DELETE CASCADE,
    state BLOB NOT NULL
) STRICT;

CREATE TABLE idempotency (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    fit BLOB NOT NULL REFERENCES fit (id) ON DELETE CASCADE,
    used_at INTEGER NOT NULL,
    seal INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_fit ON idempotency (fit);
CREATE INDEX idempotency_by_age ON idempotency (used_at);

-- How many fits are in each state, so that admission does not count a queue of a hundred thousand.
CREATE TABLE tally (status TEXT NOT NULL PRIMARY KEY, fits INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO tally VALUES ('queued', 0), ('running', 0), ('succeeded', 0), ('failed', 0), ('cancelled', 0);
-- Written to find out whether writing works.
CREATE TABLE probe (writes INTEGER NOT NULL) STRICT;
INSERT INTO probe VALUES (0);
";

/// What version 4 brought beside columns.
pub(super) const ADDED_IN_4: &str = "
CREATE INDEX dataset_files ON dataset (file_bytes) WHERE file IS NOT NULL;
CREATE INDEX fit_queued ON fit (tenant, id) WHERE status = 'queued';
CREATE INDEX fit_ended ON fit (finished_at) WHERE finished_at IS NOT NULL;

-- Whose turn it is: how many fits of each tenant wait, and how many turns it has had, over its weight.
CREATE TABLE turn (
    tenant TEXT NOT NULL PRIMARY KEY,
    queued INTEGER NOT NULL,
    taken REAL NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX turn_waiting ON turn (taken) WHERE queued > 0;

CREATE TRIGGER fit_added AFTER INSERT ON fit BEGIN
    UPDATE tally SET fits = fits + 1 WHERE status = new.status;
    INSERT INTO turn (tenant, queued) VALUES (new.tenant, new.status = 'queued')
        ON CONFLICT (tenant) DO UPDATE SET queued = queued + excluded.queued;
END;
CREATE TRIGGER fit_moved AFTER UPDATE OF status ON fit WHEN old.status <> new.status BEGIN
    UPDATE tally SET fits = fits - 1 WHERE status = old.status;
    UPDATE tally SET fits = fits + 1 WHERE status = new.status;
    UPDATE turn SET queued = queued + (new.status = 'queued') - (old.status = 'queued') WHERE tenant = new.tenant;
END;
CREATE TRIGGER fit_removed AFTER DELETE ON fit BEGIN
    UPDATE tally SET fits = fits - 1 WHERE status = old.status;
    UPDATE turn SET queued = queued - (old.status = 'queued') WHERE tenant = old.tenant;
END;
";
