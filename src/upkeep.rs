//! What is done to a store beside serving it: reading all of it, and copying it. It knows nothing of HTTP or of fits that
//! run.

use std::path::Path;

use crate::serve::StartError;
use crate::store::{self, StoreUrl};

pub use crate::store::Findings;

/// Reads everything in the store at `store`, with its checksums; also beside a service that uses it. Blocks.
pub fn check(store: &Path) -> Result<Findings, StartError> {
    Ok(store::check(store)?)
}

/// Copies the store at `store` to `to` as it is at one moment; also beside a service that uses it. Blocks.
pub fn backup(store: &Path, to: &Path) -> Result<(), StartError> {
    Ok(store::backup(store, to)?)
}

/// The file of the store that the configuration names.
pub fn file(url: &str) -> Result<std::path::PathBuf, StartError> {
    match StoreUrl::parse(url)? {
        StoreUrl::Sqlite(path) => Ok(path),
        StoreUrl::Memory => Err(StartError::Config("a store in memory has no file".to_owned())),
    }
}
