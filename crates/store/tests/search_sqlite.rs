//! The search index in SQLite keeps the contract.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use tempfile::TempDir;
use wharf_store::search::{Search, sqlite::Sqlite};

async fn bench() -> (Arc<dyn Search>, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    (Sqlite::new(folder.path().join("search.db")), folder)
}

wharf_store::search_contract!(bench);
