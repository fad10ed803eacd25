//! The ledger in SQLite keeps the contract, and does with its file what it says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use wharf_store::contract::ledger::{Bench, name};
use wharf_store::contract::model;
use wharf_store::ledger::change::{Change, Commit, Expects, Refused};
use wharf_store::ledger::faulty::{Faulty, When};
use wharf_store::ledger::notes::{Claim, NewJob, Outcome};
use wharf_store::ledger::query::LedgerError;
use wharf_store::ledger::{Ledger, LedgerOptions, sqlite::Sqlite};

async fn bench() -> Bench {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("ledger.db");
    let open = move |options| {
        let path = path.clone();
        async move { Sqlite::open(path, options).await.expect("the file opens") }.boxed()
    };
    Bench::new(Box::new(open), dir).await
}

wharf_store::ledger_contract!(bench);

fn ensure(repository: &str) -> Commit {
    let changes = vec![Change::EnsureRepository {
        repository: name(repository),
        expects: Expects::Anything,
        made_project: false,
    }];
    Commit { actor: "tester".to_owned(), changes, ..Commit::default() }
}

#[tokio::test]
async fn a_closed_ledger_is_one_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("ledger.db");
    for seq in 1..=3 {
        let ledger = Sqlite::open(&path, LedgerOptions::default()).await.expect("the file opens");
        assert_eq!(ledger.commit(ensure(&format!("p/r{seq}"))).await, Ok(seq));
        assert_eq!(ledger.log(0, 10).await.expect("a log").len() as u64, seq);
        drop(ledger);
        let files: Vec<_> = std::fs::read_dir(dir.path()).expect("a folder").collect();
        assert_eq!(files.len(), 1, "{files:?}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("ledger.db");
    drop(Sqlite::open(&path, LedgerOptions::default()).await.expect("the file opens"));
    let raw = rusqlite::Connection::open(&path).expect("the file");
    raw.execute_batch("UPDATE schema_version SET version = 999").expect("an update");
    let error = Sqlite::open(&path, LedgerOptions::default()).await.err();
    assert!(matches!(error, Some(LedgerError::Newer { found: 999, known }) if known < 999), "{error:?}");
    let left: i64 = raw.query_row("SELECT version FROM schema_version", [], |row| row.get(0)).expect("a version");
    assert_eq!(left, 999);
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("ledger.db");
    std::fs::write(&path, [b'x'; 8192]).expect("a file");
    let error = Sqlite::open(&path, LedgerOptions::default()).await.err();
    assert!(matches!(error, Some(LedgerError::Corrupt(_))), "{error:?}");
}

/// A process that ended while it held jobs does not come back for them: the next has them at once.
#[tokio::test]
async fn leases_end_with_their_process() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("ledger.db");
    let ledger = Sqlite::open(&path, LedgerOptions::default()).await.expect("the file opens");
    let job = |key: &str| NewJob { kind: "k".to_owned(), key: key.to_owned(), payload: String::new() };
    let jobs = vec![job("held"), job("failed")];
    ledger.commit(Commit { jobs, ..Commit::default() }).await.expect("a commit");
    let claimed = ledger.claim_jobs(Claim::new("k", 3_600_000, 9)).await.expect("jobs");
    let failed = Outcome::Failed { delay: 3_600_000, error: "it broke".to_owned() };
    let settled = vec![claimed[1].settled(failed)];
    ledger.commit(Commit { settled, ..Commit::default() }).await.expect("noted");
    assert!(ledger.claim_jobs(Claim::new("k", 3_600_000, 9)).await.expect("jobs").is_empty());
    drop(ledger);
    let ledger = Sqlite::open(&path, LedgerOptions::default()).await.expect("the file opens");
    let again = ledger.claim_jobs(Claim::new("k", 3_600_000, 9)).await.expect("jobs");
    assert_eq!(
        again.iter().map(|job| (job.key.as_str(), job.attempts)).collect::<Vec<_>>(),
        [("held", 2), ("failed", 2)]
    );
}

#[tokio::test]
async fn a_reader_does_not_wait_for_commits_nor_commits_for_it() {
    let bench = bench().await;
    let done = AtomicUsize::new(0);
    let writes = join_all((0..200).map(|at| {
        let (ledger, done) = (&bench.ledger, &done);
        async move {
            ledger.commit(ensure(&format!("p/r{at}"))).await.expect("a commit");
            done.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let reads = async {
        while done.load(Ordering::Relaxed) < 200 {
            bench.ledger.place(&name("p/r0")).await.expect("an answer");
            tokio::task::yield_now().await;
        }
    };
    futures_util::future::join(writes, reads).await;
    assert_eq!(bench.ledger.latest().await.expect("a number"), 200);
}

/// Prints nothing and asserts little: commits that wait together must not each wait for the disk. Bounded loosely, so that a
/// slow disk does not fail it: what is compared is the same disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_wait_together_share_the_wait_for_the_disk() {
    let bench = bench().await;
    let run = async |writers: usize| {
        let begun = Instant::now();
        let ledger: &Arc<dyn Ledger> = &bench.ledger;
        let commits = (0..writers).map(|writer| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                for at in 0..64 / writers {
                    ledger.commit(ensure(&format!("p{writers}/w{writer}/r{at}"))).await.expect("a commit");
                }
            })
        });
        join_all(commits).await;
        begun.elapsed()
    };
    let (alone, together) = (run(1).await, run(32).await);
    assert!(together < alone * 2, "64 commits took {alone:?} one by one and {together:?} together");
}

/// In memory where the system has a folder that is: the model is about answers, not about the disk.
async fn fast_bench() -> Bench {
    let memory = std::path::Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a folder");
    let path = dir.path().join("ledger.db");
    let open = move |options| {
        let path = path.clone();
        async move { Sqlite::open(path, options).await.expect("the file opens") }.boxed()
    };
    Bench::new(Box::new(open), dir).await
}

#[test]
fn it_agrees_with_the_model() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    let steps = prop::collection::vec(any::<[u8; 4]>(), 1..120);
    let agrees = |steps: Vec<_>| {
        runtime.block_on(async { model::agrees(&fast_bench().await, &steps).await });
        Ok(())
    };
    TestRunner::new(config).run(&steps, agrees).expect("the ledger agrees with the model");
}

#[tokio::test]
async fn a_faulty_ledger_fails_when_it_is_told_to() {
    let bench = bench().await;
    let faulty = Faulty::new(bench.ledger.clone());
    faulty.fail(2, When::Before);
    assert!(faulty.latest().await.is_ok());
    assert!(matches!(faulty.commit(ensure("p/a")).await, Err(Refused::Failed(LedgerError::Unavailable(_)))));
    assert_eq!(bench.ledger.latest().await, Ok(0));
    faulty.fail(1, When::After);
    assert!(matches!(faulty.commit(ensure("p/a")).await, Err(Refused::Failed(LedgerError::Unavailable(_)))));
    assert_eq!(faulty.latest().await, Ok(1));
    assert_eq!(faulty.calls(), 4);
}
