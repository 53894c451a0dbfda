//! Large datasets as files beside the store: written whole and synced before any row refers to them, removed after no
//! row does. What a crash leaves in between is removed on opening.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::door;
use crate::descent::Dataset;
use crate::failpoints;
use crate::fit::DatasetId;
use crate::store::{StoreError, codec};

/// Datasets up to this size stand in the database.
pub(super) const INLINE_BYTES_MAX: usize = 256 * 1024;

/// The directory of one store's dataset files.
#[derive(Clone, Debug)]
pub(super) struct Blobs {
    directory: PathBuf,
}

/// A dataset's file that no row refers to yet. It is removed when it is dropped instead of kept.
#[derive(Debug)]
pub(super) struct PendingFile {
    path: PathBuf,
    name: String,
    kept: bool,
}

impl Blobs {
    /// The files of the store at `store`, as they are.
    pub(super) fn at(store: &Path) -> Self {
        Self { directory: door::beside(store, ".d") }
    }

    /// The files of the store at `store`; those that are not `referenced` are removed. Refused where there are some that
    /// are, but not the directory: a store that was copied without it would fail fit after fit.
    pub(super) fn open(store: &Path, referenced: &HashSet<String>) -> Result<Self, StoreError> {
        let blobs = Self::at(store);
        if !blobs.directory.is_dir() {
            if !referenced.is_empty() {
                let reason = format!("it has large datasets, but {} is missing", blobs.directory.display());
                return Err(door::unusable(store, &reason));
            }
            fs::create_dir(&blobs.directory)?;
            door::sync_directory(door::directory_of(store))?;
        }
        for entry in fs::read_dir(&blobs.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let ours = Path::new(&name).extension().is_some_and(|kind| kind == "bin" || kind == "tmp");
            if ours && !name.to_str().is_some_and(|name| referenced.contains(name)) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(blobs)
    }

    /// Writes a dataset's file under a name that was never used, and returns when it is on stable storage. Blocks.
    pub(super) fn write(&self, data: &Dataset) -> Result<PendingFile, StoreError> {
        let name = format!("{}.bin", DatasetId::new());
        let draft = PendingFile::at(&self.directory, format!("{name}.tmp"));
        let mut out = BufWriter::with_capacity(1 << 16, File::create_new(&draft.path)?);
        codec::write_dataset(&mut out, data)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        failpoints::reach("blob.written");
        let file = PendingFile::at(&self.directory, name);
        fs::rename(&draft.path, &file.path)?;
        draft.keep();
        failpoints::reach("blob.renamed");
        door::sync_directory(&self.directory)?;
        Ok(file)
    }

    /// Reads a dataset's file; a missing one is a damaged one. Blocks.
    pub(super) fn read(&self, name: &str) -> Result<Dataset, StoreError> {
        let file = File::open(self.directory.join(name)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => StoreError::Corrupt { what: "dataset" },
            _ => error.into(),
        })?;
        let bytes = file.metadata()?.len();
        codec::read_dataset(BufReader::with_capacity(1 << 16, file), bytes)
    }

    /// Removes a file that nothing refers to any more. A failure costs space until the next start, nothing else.
    pub(super) fn remove(&self, name: &str) {
        remove(&self.directory.join(name));
    }
}

impl PendingFile {
    fn at(directory: &Path, name: String) -> Self {
        Self { path: directory.join(&name), name, kept: false }
    }

    /// What a row calls it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Leaves the file where it is.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if !self.kept {
            remove(&self.path);
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "a dataset's file cannot be removed");
    }
}
