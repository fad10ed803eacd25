//! The ledger's contract, kept by SQLite; and what only SQLite has.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use bytes::Bytes;
use wharf_model::digest::{Algorithm, Digest};
use wharf_store::ledger::change::{Change, Commit, Place};
use wharf_store::ledger::{LedgerOptions, sqlite::Sqlite};

#[tokio::test]
async fn smoke() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = Sqlite::open(dir.path().join("l.db"), LedgerOptions::default()).await.expect("a ledger");
    let repository: wharf_model::name::RepositoryName = "a/b".parse().unwrap();
    let digest = Digest::of(Algorithm::Sha256, b"x");
    let changes = vec![
        Change::EnsureRepository { repository: repository.clone() },
        Change::PutBlob {
            repository: repository.clone(),
            digest,
            size: 1,
            place: Place::Ledger(Bytes::from_static(b"x")),
            upload: None,
            adopted: false,
        },
    ];
    let seq = ledger.commit(Commit { changes, ..Commit::default() }).await.expect("a commit");
    assert_eq!(seq, 1);
    assert!(ledger.blob(&repository, &digest).await.unwrap().is_some());
    assert_eq!(ledger.log(0, 10).await.unwrap().len(), 1);
    drop(ledger);
    assert!(!dir.path().join("l.db-wal").exists());
}
