//! A consistent copy of a store, also of one that is in use: one snapshot of the tables, then the data files that it
//! refers to. The copy appears under its name when it is whole and on stable storage.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{door, schema};
use crate::store::StoreError;

/// Snapshots that are tried while the store's data files come and go.
const TRIES: usize = 10;

/// Copies the store at `from` to `to`, where nothing may be yet.
pub(crate) fn backup(from: &Path, to: &Path) -> Result<(), StoreError> {
    let from = &door::real(from)?;
    door::inspect(from)?;
    for taken in [to.to_owned(), door::beside(to, ".d")] {
        if taken.exists() {
            return Err(StoreError::Io(std::io::Error::new(
                ErrorKind::AlreadyExists,
                format!("{} is there already", taken.display()),
            )));
        }
    }
    let source = door::connect(from)?;
    door::require_current(from, &source)?;
    let draft = Draft::new(to);
    for _ in 0..TRIES {
        draft.clear()?;
        let name = draft.file.to_str().ok_or_else(|| std::io::Error::other("the copy's path is not UTF-8"))?;
        source.execute("VACUUM INTO ?1", [name])?;
        if draft.copy_files(&door::beside(from, ".d"))? {
            return draft.publish(to);
        }
    }
    Err(StoreError::Io(std::io::Error::other("the store's data files change faster than they can be copied")))
}

/// The copy while it is made; removed when it is not published.
struct Draft {
    file: PathBuf,
    directory: PathBuf,
}

impl Draft {
    fn new(to: &Path) -> Self {
        // Of this process alone, in case another makes the same copy.
        let file = door::beside(to, &format!(".draft-{}", std::process::id()));
        Self { directory: door::beside(&file, ".d"), file }
    }

    fn clear(&self) -> Result<(), StoreError> {
        for removed in [fs::remove_file(&self.file), fs::remove_dir_all(&self.directory)] {
            match removed {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Copies the data files that the snapshot refers to. False if one has gone since.
    fn copy_files(&self, source: &Path) -> Result<bool, StoreError> {
        fs::create_dir(&self.directory)?;
        let snapshot = Connection::open(&self.file)?;
        schema::keep_log(&snapshot)?;
        let mut statement = snapshot.prepare("SELECT file FROM dataset WHERE file IS NOT NULL")?;
        let names: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for name in names {
            let copy = self.directory.join(&name);
            match fs::copy(source.join(&name), &copy) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
                copied => copied?,
            };
            File::open(&copy)?.sync_all()?;
        }
        door::sync_directory(&self.directory)?;
        Ok(true)
    }

    fn publish(&self, to: &Path) -> Result<(), StoreError> {
        File::open(&self.file)?.sync_all()?;
        fs::rename(&self.directory, door::beside(to, ".d"))?;
        fs::rename(&self.file, to)?;
        door::sync_directory(door::directory_of(to))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Err(error) = self.clear() {
            tracing::warn!(error = &error as &dyn std::error::Error, "a copy that failed cannot be removed");
        }
    }
}
