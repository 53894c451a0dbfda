//! Space set aside beside the store, given back when the disk is full, so that what frees space can still be written:
//! a deletion needs room in the log before it makes any.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::door;
use super::writer::is_disk_failure;
use crate::store::StoreError;

/// Enough to fold the whole log into the file, which may grow by as much, and for the log of deletions after that.
const BYTES: usize = 8 << 20;
/// How often it is tried to set the space aside again; a full disk ends this long after there is space, at most.
const RETRY: Duration = Duration::from_millis(500);

/// See the module. Without its space the store counts as full.
pub(super) struct Ballast {
    path: PathBuf,
    held: bool,
    tried_at: Instant,
}

impl Ballast {
    /// Sets the space aside, if there is any. Fails where the disk does.
    pub(super) fn take(store: &Path) -> Result<Self, StoreError> {
        let mut ballast = Self { path: door::beside(store, ".ballast"), held: false, tried_at: Instant::now() };
        ballast.fill()?;
        Ok(ballast)
    }

    /// Whether the space is set aside, which is tried again from time to time. Fails where the disk does.
    pub(super) fn is_held(&mut self) -> Result<bool, StoreError> {
        if !self.held && self.tried_at.elapsed() >= RETRY {
            self.fill()?;
            if self.held {
                tracing::info!("there is space again; the store takes writes");
            }
        }
        Ok(self.held)
    }

    /// Gives the space back.
    pub(super) fn give(&mut self) {
        if std::mem::replace(&mut self.held, false) {
            tracing::error!("the disk is full: until there is space, the store reads and deletes alone");
        }
        self.tried_at = Instant::now();
        self.empty();
    }

    fn fill(&mut self) -> Result<(), StoreError> {
        self.tried_at = Instant::now();
        let written = self.write().map_err(StoreError::from);
        self.held = written.is_ok();
        if !self.held {
            self.empty();
        }
        written.or_else(|error| if is_disk_failure(&error) { Err(error) } else { Ok(()) })
    }

    /// Writes what is missing of it. A file of the right length is full: a shorter one is what a failed write left.
    fn write(&self) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&self.path)?;
        if file.metadata()?.len() == BYTES as u64 {
            return Ok(());
        }
        file.set_len(0)?;
        // Not zeros, which some file systems do not store.
        file.write_all(&vec![0xfd; BYTES])?;
        file.sync_all()
    }

    fn empty(&self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.path.display(), "the space that was set aside cannot be given back");
        }
    }
}
