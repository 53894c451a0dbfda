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
    Sqlite(#[from] rusqlite::Error),
    /// The operating system refused.
    #[error("the store's files cannot be used")]
    Io(#[from] std::io::Error),
    /// The store is closing.
    #[error("the store is closed")]
    Closed,
}
