//! What can go wrong in a store, by what the caller can do about it.

/// A store's failure. `Display` never prints the source: the chain is logged once, at the edge.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Another process has the store.
    #[error("another process holds the store at {path}")]
    Locked { path: String },
    /// The file is not a store of ours, is damaged, or is newer than this build.
    #[error("the store at {path} cannot be used: {reason}")]
    Unusable { path: String, reason: String },
    /// The configured place does not name a store.
    #[error("{url} does not name a store: {reason}")]
    Url { url: String, reason: String },
    /// No space for a write.
    #[error("the store is full")]
    Full,
    /// A record does not have the checksum that it was written with.
    #[error("a stored {what} is damaged")]
    Corrupt { what: &'static str },
    /// A stored document cannot be read as what it should be.
    #[error("a stored {what} cannot be decoded")]
    Decode {
        what: &'static str,
        #[source]
        source: serde_json::Error,
    },
    /// SQLite refused.
    #[error("the store did not answer as expected")]
    Sqlite(#[source] rusqlite::Error),
    /// The operating system refused.
    #[error("the store's files cannot be used")]
    Io(#[source] std::io::Error),
    /// The disk failed a write or a sync: what is stored is known after a new start alone.
    #[error("the store's disk failed, and it takes nothing until it is started again")]
    Broken,
    /// The store is closing.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether the fault lies in one record alone, so that the others can go on.
    pub(super) fn damaged_record(&self) -> Option<&'static str> {
        match self {
            Self::Corrupt { what } | Self::Decode { what, .. } => Some(what),
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ => Self::Sqlite(error),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io(error),
        }
    }
}
