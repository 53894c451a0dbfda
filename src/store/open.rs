//! Picks a backend by its URL. A new backend is one more scheme here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::memory::MemoryStore;
use super::sqlite::SqliteStore;
use super::{Store, StoreError};

/// The file of the default store. Its directory alone is made when it is missing: elsewhere a missing directory is
/// more likely a volume that is not mounted, and an empty store there would look like lost fits.
const DEFAULT_FILE: &str = "./fitd-data/fitd.db";

/// A configured place for the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    Memory,
    Sqlite(PathBuf),
}

impl StoreUrl {
    /// The place that `text` names: `memory:` or `sqlite:PATH`.
    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        let refuse = |reason: &str| Err(StoreError::Url { url: redacted(text), reason: reason.to_owned() });
        let Some((scheme, rest)) = text.split_once(':') else {
            return refuse("expected memory: or sqlite:PATH");
        };
        match scheme {
            "memory" if rest.is_empty() => Ok(Self::Memory),
            "memory" => refuse("memory: takes no path"),
            "sqlite" if rest.is_empty() => refuse("sqlite: needs the path of a file"),
            "sqlite" if rest.contains('\0') => refuse("a path has no NUL byte"),
            "sqlite" => Ok(Self::Sqlite(PathBuf::from(rest))),
            "postgres" | "postgresql" => refuse("this build has no PostgreSQL store; use sqlite:PATH or memory:"),
            _ => refuse("expected memory: or sqlite:PATH"),
        }
    }
}

/// Opens the store at `url`.
pub(crate) async fn open(url: &StoreUrl) -> Result<Arc<dyn Store>, StoreError> {
    match url {
        StoreUrl::Memory => Ok(Arc::new(MemoryStore::default())),
        StoreUrl::Sqlite(path) => {
            if path == Path::new(DEFAULT_FILE)
                && let Some(directory) = path.parent()
            {
                std::fs::create_dir_all(directory)?;
            }
            Ok(Arc::new(SqliteStore::open(path.clone()).await?))
        }
    }
}

/// The URL without what stands between its scheme and an `@`, and without its query: either may have a password, and
/// errors are logged.
fn redacted(text: &str) -> String {
    let shown = match text.rsplit_once('@') {
        None => text.to_owned(),
        Some((before, host)) => match (before.split_once("://"), before.split_once(':')) {
            (Some((scheme, _)), _) => format!("{scheme}://…@{host}"),
            (None, Some((scheme, _))) => format!("{scheme}:…@{host}"),
            (None, None) => format!("…@{host}"),
        },
    };
    match shown.split_once('?') {
        Some((address, _)) => format!("{address}?…"),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_its_backends() {
        assert_eq!(StoreUrl::parse("memory:").unwrap(), StoreUrl::Memory);
        assert_eq!(StoreUrl::parse("sqlite:/data/fitd.db").unwrap(), StoreUrl::Sqlite("/data/fitd.db".into()));
        assert_eq!(StoreUrl::parse("sqlite:./fitd-data/fitd.db").unwrap(), StoreUrl::Sqlite(DEFAULT_FILE.into()));
    }

    #[test]
    fn refuses_what_it_cannot_open() {
        for text in ["", "memory", "memory:x", "sqlite:", "mysql://h/db", "/data/fitd.db"] {
            assert!(matches!(StoreUrl::parse(text), Err(StoreError::Url { .. })), "{text}");
        }
    }

    #[test]
    fn says_that_postgres_is_missing_without_the_password() {
        let message = StoreUrl::parse("postgres://fitd:secret@db/fitd").unwrap_err().to_string();
        assert!(message.contains("no PostgreSQL store"), "{message}");
        assert!(message.contains("postgres://…@db/fitd"), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}
