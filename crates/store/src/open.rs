//! From a URL or a path to a backend: the only list of backends.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::blobs::{Blobs, BlobsError, fs::Files};
use crate::ledger::query::LedgerError;
use crate::ledger::{Ledger, LedgerOptions, postgres::Postgres, sqlite::Sqlite};
use crate::search::{self, Search, SearchError};

/// The heap of blobs that `url_or_path` names: a folder, as a path or as `file:///path`, made where there is none.
///
/// # Errors
/// No backend has that scheme, or the backend cannot be opened.
pub async fn open_blobs(url_or_path: &str) -> Result<Arc<dyn Blobs>, BlobsError> {
    match url_or_path.split_once("://") {
        None => Ok(Arc::new(Files::open(url_or_path).await?)),
        Some(("file", path)) if path.starts_with('/') => Ok(Arc::new(Files::open(path).await?)),
        Some(_) => Err(BlobsError::Failed {
            what: format!("opening the store {url_or_path}"),
            error: io::Error::new(io::ErrorKind::Unsupported, "a store is a path or file:///path"),
        }),
    }
}

/// The ledger that `url_or_path` names: a file, as a path or as `sqlite:PATH`, made where there is none; or a database, as
/// `postgres://user:password@host/database`.
///
/// # Errors
/// No backend has that scheme, or the backend cannot be opened; [`LedgerError::Newer`] where a newer release wrote it.
pub async fn open_ledger(url_or_path: &str, options: LedgerOptions) -> Result<Arc<dyn Ledger>, LedgerError> {
    if let Some(path) = url_or_path.strip_prefix("sqlite:") {
        return Sqlite::open(path, options).await;
    }
    match url_or_path.split_once("://") {
        None => Sqlite::open(url_or_path, options).await,
        Some(("postgres" | "postgresql", _)) => Postgres::open(url_or_path, options).await,
        Some((scheme, _)) => Err(LedgerError::Unavailable(format!(
            "no ledger is reached by {scheme}://; it is a path, sqlite:PATH or postgres://user@host/database"
        ))),
    }
}

/// The search index beside the ledger that `url_or_path` names: in the same database, where that is one, else in the file `beside`. It need
/// not be there; nothing is read yet.
///
/// # Errors
/// The address is wrong.
pub fn open_search(url_or_path: &str, beside: &Path) -> Result<Arc<dyn Search>, SearchError> {
    match url_or_path.split_once("://") {
        Some(("postgres" | "postgresql", _)) => Ok(search::postgres::Postgres::new(url_or_path)?),
        _ => Ok(search::sqlite::Sqlite::new(beside)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[tokio::test]
    async fn stores() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = dir.path().to_str().expect("UTF-8");
        for good in [format!("{dir}/a"), format!("file://{dir}/b")] {
            assert!(open_blobs(&good).await.is_ok(), "{good}");
        }
        for bad in ["s3://bucket", "file://relative"] {
            let error = open_blobs(bad).await.err().expect("no such store");
            assert!(error.to_string().contains(bad), "{error}");
        }
    }

    #[tokio::test]
    async fn ledgers() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = dir.path().to_str().expect("UTF-8");
        for good in [format!("{dir}/a.db"), format!("sqlite:{dir}/b.db")] {
            assert!(open_ledger(&good, LedgerOptions::default()).await.is_ok(), "{good}");
        }
        for bad in ["mysql://host/wharf", "file:///ledger.db"] {
            let error = open_ledger(bad, LedgerOptions::default()).await.err().expect("no such ledger");
            assert!(error.to_string().contains(bad.split_once(':').expect("a scheme").0), "{error}");
        }
    }
}
