//! Opens the store's file, or says why not. A store that is there is never replaced: a damaged, foreign or newer file
//! is refused, and so is a missing one whose data files are still there.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};

use super::{migrate, schema, wal};
use crate::failpoints;
use crate::store::StoreError;

/// The first bytes of every SQLite file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEADER_BYTES: usize = 100;

/// Keeps other processes out until it is dropped. The lock is the operating system's, so it ends with the process; the
/// file stays.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(store: &Path) -> Result<Self, StoreError> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(beside(store, ".lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: store.display().to_string() }),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

/// The path of a file or directory that belongs to the store at `store`.
pub(super) fn beside(store: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(store);
    path.push(suffix);
    path.into()
}

/// Makes a directory's entries durable.
pub(super) fn sync_directory(directory: &Path) -> Result<(), StoreError> {
    Ok(File::open(directory)?.sync_all()?)
}

/// The directory that `path` stands in.
pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The store's path without links, so that what belongs to it stands beside it under whatever name it is opened.
pub(super) fn real(store: &Path) -> Result<PathBuf, StoreError> {
    match fs::canonicalize(store) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let name = store.file_name().ok_or_else(|| unusable(store, "it is not a file"))?;
            Ok(fs::canonicalize(directory_of(store))?.join(name))
        }
        found => Ok(found?),
    }
}

/// Makes a new store where there is none, and checks one that is there. Only under the lock.
pub(super) fn prepare(store: &Path) -> Result<(), StoreError> {
    match fs::metadata(store) {
        Err(error) if error.kind() == ErrorKind::NotFound => create(store),
        _ => inspect(store),
    }
}

/// Checks a store that has to be there.
pub(super) fn inspect(store: &Path) -> Result<(), StoreError> {
    match fs::metadata(store) {
        Ok(about) if about.is_file() => {
            check_header(store, about.len())?;
            wal::inspect(store)
        }
        Ok(_) => Err(unusable(store, "it is not a file")),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(unusable(store, "there is no such file")),
        Err(error) => Err(error.into()),
    }
}

/// Refuses a store that has to be brought to this version first.
pub(super) fn require_current(store: &Path, connection: &Connection) -> Result<(), StoreError> {
    let version = connection.pragma_query_value(None, "user_version", |row| row.get::<_, i32>(0))?;
    if version == schema::VERSION {
        return Ok(());
    }
    let reason = format!("its version is {version}: start the service once to bring it to {}", schema::VERSION);
    Err(unusable(store, &reason))
}

/// Makes the log and its name durable. What a killed process had written to it, but not synced, is read from now on, and
/// what a client was told of it must survive a power cut, though nothing is written in between. And SQLite does not tell
/// of a directory that cannot be synced after the log was made.
pub(super) fn sync_log(store: &Path) -> Result<(), StoreError> {
    match File::open(beside(store, "-wal")) {
        Ok(log) => log.sync_all()?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    sync_directory(directory_of(store))
}

/// A connection to a prepared store.
pub(super) fn connect(store: &Path) -> Result<Connection, StoreError> {
    let refuse = |error: StoreError| match error {
        StoreError::Sqlite(error)
            if matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)) =>
        {
            unusable(store, &error.to_string())
        }
        error => error,
    };
    let connection = Connection::open(store)?;
    schema::settle(&connection).map_err(refuse)?;
    let identity = |name| Ok(connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0))?);
    check_identity(store, identity("application_id").map_err(refuse)?, identity("user_version").map_err(refuse)?)?;
    // Reads the tables' definitions and page 1's idea of the file's size, which SQLite holds against the file.
    connection.query_row("SELECT count(*) FROM fit WHERE status = ''", [], |_| Ok(())).map_err(|e| refuse(e.into()))?;
    Ok(connection)
}

/// Makes a store under another name first: a crash in between leaves no half store, so an empty file is never ours.
fn create(store: &Path) -> Result<(), StoreError> {
    if beside(store, "-wal").exists() || fs::read_dir(beside(store, ".d")).is_ok_and(|mut files| files.next().is_some())
    {
        return Err(unusable(store, "the file is missing, but what belongs to it is still there"));
    }
    let draft = beside(store, ".new");
    for leftover in [draft.clone(), beside(&draft, "-journal"), beside(&draft, "-wal"), beside(&draft, "-shm")] {
        match fs::remove_file(leftover) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    let connection = Connection::open(&draft)?;
    schema::create(&connection)?;
    connection.close().map_err(|(_, error)| error)?;
    File::open(&draft)?.sync_all()?;
    failpoints::reach("open.drafted");
    fs::rename(&draft, store)?;
    failpoints::reach("open.renamed");
    sync_directory(directory_of(store))
}

fn check_header(store: &Path, bytes: u64) -> Result<(), StoreError> {
    let mut header = [0; HEADER_BYTES];
    File::open(store)?.read_exact(&mut header).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => unusable(store, "it is shorter than a store's header"),
        _ => error.into(),
    })?;
    if !header.starts_with(MAGIC) {
        return Err(unusable(store, "it is not a SQLite file"));
    }
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    check_identity(store, number(68).cast_signed(), number(60).cast_signed())?;
    let page_bytes = match u64::from(u16::from_be_bytes([header[16], header[17]])) {
        1 => 65_536,
        page_bytes => page_bytes,
    };
    // With a log beside it the file may be behind: SQLite judges then.
    let logged = fs::metadata(beside(store, "-wal")).is_ok_and(|log| log.len() > 0);
    if !logged && bytes < page_bytes * u64::from(number(28)) {
        return Err(unusable(store, "it is shorter than its header says"));
    }
    Ok(())
}

fn check_identity(store: &Path, application: i32, version: i32) -> Result<(), StoreError> {
    if application != schema::APPLICATION_ID {
        return Err(unusable(store, "it belongs to another program"));
    }
    match version {
        migrate::OLDEST..=schema::VERSION => Ok(()),
        newer if newer > schema::VERSION => {
            Err(unusable(store, &format!("its version is {newer}, this build knows {}", schema::VERSION)))
        }
        other => Err(unusable(store, &format!("its version {other} is none that this build knows"))),
    }
}

pub(super) fn unusable(store: &Path, reason: &str) -> StoreError {
    StoreError::Unusable { path: store.display().to_string(), reason: reason.to_owned() }
}
