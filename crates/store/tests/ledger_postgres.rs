//! The ledger in PostgreSQL keeps the contract, and does with its database and beside other processes what it says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Duration, sleep, timeout};
use wharf_store::contract::ledger::{Bench, name};
use wharf_store::contract::model;
use wharf_store::ledger::change::{Change, Commit, Entry, Expects, Refused};
use wharf_store::ledger::notes::{Claim, NewJob};
use wharf_store::ledger::query::LedgerError;
use wharf_store::ledger::{Ledger, LedgerOptions, Observer, postgres::Postgres};

async fn bench() -> Bench {
    let url = wharf_testkit::postgres::database();
    let open = move |options| {
        let url = url.clone();
        async move { Postgres::open(&url, options).await.expect("the database opens") }.boxed()
    };
    Bench::new(Box::new(open), ()).await
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

async fn open(url: &str) -> Arc<dyn Ledger> {
    Postgres::open(url, LedgerOptions::default()).await.expect("the database opens")
}

/// A connection beside the ledger's.
async fn raw(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn whoever_is_alone_keeps_others_out_until_the_end() {
    let url = wharf_testkit::postgres::database();
    let alone = || LedgerOptions { alone: true, ..LedgerOptions::default() };
    let ledger = Postgres::open(&url, alone()).await.expect("nobody is there");
    let error = Postgres::open(&url, alone()).await.err().expect("somebody is");
    assert!(error.to_string().contains("another process"), "{error}");
    let jobs = vec![NewJob { kind: "k".to_owned(), key: "held".to_owned(), payload: String::new() }];
    ledger.commit(Commit { jobs, ..Commit::default() }).await.expect("a commit");
    assert_eq!(ledger.claim_jobs(Claim::new("k", 3_600_000, 9)).await.expect("jobs").len(), 1);
    drop(ledger);
    let ledger = Postgres::open(&url, alone()).await.expect("the lock goes with the ledger");
    let again = ledger.claim_jobs(Claim::new("k", 3_600_000, 9)).await.expect("jobs");
    assert_eq!(again.len(), 1, "what a process had taken is due where no other can have it");
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let url = wharf_testkit::postgres::database();
    drop(open(&url).await);
    let client = raw(&url).await;
    client.batch_execute("UPDATE schema_version SET version = 999").await.expect("an update");
    let error = Postgres::open(&url, LedgerOptions::default()).await.err();
    assert!(matches!(error, Some(LedgerError::Newer { found: 999, known }) if known < 999), "{error:?}");
    let row = client.query_one("SELECT version FROM schema_version", &[]).await.expect("a version");
    assert_eq!(row.get::<_, i64>(0), 999);
}

#[tokio::test]
async fn the_database_tells_the_time() {
    let ledger = open(&wharf_testkit::postgres::database()).await;
    let here = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    let there = ledger.now().await.expect("a time");
    assert!((here - there).abs() < 60_000, "{here} {there}");
    ledger.commit(ensure("p/a")).await.expect("a commit");
    let at = ledger.log(0, 1).await.expect("a log")[0].at;
    assert!(at >= there && at <= ledger.now().await.expect("a time"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_open_a_new_database_at_once() {
    let url = wharf_testkit::postgres::database();
    let ledgers = join_all((0..4).map(|_| open(&url))).await;
    for (at, ledger) in ledgers.iter().enumerate() {
        assert_eq!(ledger.commit(ensure(&format!("p/r{at}"))).await, Ok(at as u64 + 1));
    }
}

/// Two processes: one dense log, each sees what the other has done as soon as that was acknowledged, a job is one's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_one_ledger() {
    let url = wharf_testkit::postgres::database();
    let ledgers = [open(&url).await, open(&url).await];
    let commits = (0..40).map(|at| {
        let (one, other) = (ledgers[at % 2].clone(), ledgers[(at + 1) % 2].clone());
        tokio::spawn(async move {
            let seq = one.commit(ensure(&format!("p/r{at}"))).await.expect("a commit");
            assert!(other.latest().await.expect("a number") >= seq);
            assert!(other.place(&name(&format!("p/r{at}"))).await.expect("an answer").repository.is_some());
            seq
        })
    });
    let mut numbers: Vec<u64> = join_all(commits).await.into_iter().map(|seq| seq.expect("no panic")).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
    let jobs =
        (0..50).map(|at| NewJob { kind: "k".to_owned(), key: format!("{at}"), payload: String::new() }).collect();
    ledgers[0].commit(Commit { jobs, ..Commit::default() }).await.expect("a commit");
    let claims = (0..10).map(|at| ledgers[at % 2].claim_jobs(Claim::new("k", 60_000, 10)));
    let claimed = join_all(claims).await.into_iter().flat_map(|jobs| jobs.expect("jobs"));
    let mut ids: Vec<i64> = claimed.map(|job| job.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 50);
}

/// In its first minute the server knows nothing of what a registry has, and it plans by what it knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_is_told_of_growth() {
    let url = wharf_testkit::postgres::database();
    let ledger = open(&url).await;
    let looked = async || {
        let find = "SELECT count(*) FROM pg_stat_user_tables WHERE relname = 'repository' AND last_analyze IS NOT NULL";
        raw(&url).await.query_one(find, &[]).await.expect("an answer").get::<_, i64>(0) == 1
    };
    for at in 1..64 {
        ledger.commit(ensure(&format!("p/r{at}"))).await.expect("a commit");
    }
    assert!(!looked().await);
    ledger.commit(ensure("p/last")).await.expect("a commit");
    let soon = async {
        while !looked().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), soon).await.expect("it looks");
}

/// The server ends all connections: what comes next is answered over new ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_are_made_anew() {
    let url = wharf_testkit::postgres::database();
    let ledger = open(&url).await;
    ledger.commit(ensure("p/a")).await.expect("a commit");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    raw(&url).await.query(end, &[]).await.expect("the connections end");
    assert_eq!(ledger.commit(ensure("p/b")).await, Ok(2));
    assert!(ledger.place(&name("p/a")).await.expect("an answer").repository.is_some());
}

/// Where a connection breaks at a COMMIT.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Before the server gets it.
    Before,
    /// After the server has made it, before the answer comes.
    After,
}

/// A way to the database that breaks when it is told to.
struct Wire {
    url: String,
    cut: Arc<Mutex<Option<Cut>>>,
    _folder: tempfile::TempDir,
}

impl Wire {
    fn to(url: &str) -> Wire {
        let (socket, database) = url.trim_start_matches("postgres://postgres@").split_once('/').expect("a database");
        let server = PathBuf::from(socket.replace("%2F", "/")).join(".s.PGSQL.5432");
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).expect("a socket");
        let cut: Arc<Mutex<Option<Cut>>> = Arc::default();
        let host = folder.path().to_str().expect("UTF-8").replace('/', "%2F");
        let wire = Wire { url: format!("postgres://postgres@{host}/{database}"), cut: cut.clone(), _folder: folder };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&server).await.expect("the server's socket");
                tokio::spawn(carry(client, server, cut.clone()));
            }
        });
        wire
    }

    fn cut(&self, cut: Cut) {
        *self.cut.lock().expect("not poisoned") = Some(cut);
    }
}

async fn carry(mut client: UnixStream, mut server: UnixStream, cut: Arc<Mutex<Option<Cut>>>) -> std::io::Result<()> {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            length = client.read(&mut asked) => {
                let asked = &asked[..length?];
                let commits = asked.windows(7).any(|text| text == b"COMMIT\0");
                let cut = if commits { cut.lock().expect("not poisoned").take() } else { None };
                if asked.is_empty() || matches!(cut, Some(Cut::Before)) {
                    return Ok(());
                }
                server.write_all(asked).await?;
                if matches!(cut, Some(Cut::After)) {
                    return server.read(&mut answered).await.map(drop);
                }
            }
            length = server.read(&mut answered) => match length? {
                0 => return Ok(()),
                length => client.write_all(&answered[..length]).await?,
            }
        }
    }
}

#[derive(Default)]
struct Told(Mutex<Vec<Entry>>);

impl Told {
    fn numbers(&self) -> Vec<u64> {
        self.0.lock().expect("not poisoned").iter().map(|entry| entry.seq).collect()
    }
}

impl Observer for Told {
    fn committed(&self, entry: &Entry) {
        self.0.lock().expect("not poisoned").push(entry.clone());
    }
}

/// The connection breaks at a COMMIT: who waits is told what came of it, and so is who observes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_outcome_of_a_commit_that_is_not_answered_is_learned() {
    let wire = Wire::to(&wharf_testkit::postgres::database());
    let (ledger, told) = (open(&wire.url).await, Arc::new(Told::default()));
    ledger.observe(told.clone());
    wire.cut(Cut::After);
    assert_eq!(ledger.commit(ensure("p/a")).await, Ok(1), "it was made");
    assert_eq!((told.numbers(), *ledger.watch().borrow()), (vec![1], 1));
    wire.cut(Cut::Before);
    let lost = ledger.commit(ensure("p/b")).await;
    assert!(matches!(lost, Err(Refused::Failed(LedgerError::Unavailable(_)))), "{lost:?}");
    assert_eq!(ledger.place(&name("p/b")).await.map(|place| place.repository), Ok(None), "nothing of it was");
    assert_eq!(ledger.commit(ensure("p/b")).await, Ok(2));
    assert_eq!(told.numbers(), [1, 2]);
    // Notes are as good as commits.
    wire.cut(Cut::After);
    assert_eq!(ledger.put_cursor("f", Default::default()).await, Ok(()));
    assert!(ledger.cursor("f").await.expect("an answer").is_some());
}

/// What came to be without this process, it tells before it goes on: also where what it writes then has no effect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observers_are_told_of_what_others_committed() {
    let url = wharf_testkit::postgres::database();
    let (one, other, told) = (open(&url).await, open(&url).await, Arc::new(Told::default()));
    one.observe(told.clone());
    for at in 1..=300 {
        assert_eq!(other.commit(ensure(&format!("p/r{at}"))).await, Ok(at));
    }
    assert!(told.numbers().is_empty());
    assert_eq!(one.commit(ensure("p/r1")).await, Ok(300), "no effect");
    assert_eq!((told.numbers(), *one.watch().borrow()), ((1..=300).collect(), 300));
    assert_eq!(told.0.lock().expect("not poisoned")[6].changes, ensure("p/r7").changes);
    assert_eq!(one.commit(ensure("p/new")).await, Ok(301));
    assert_eq!(told.numbers(), (1..=301).collect::<Vec<_>>());
}

#[test]
fn it_agrees_with_the_model() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config = Config { cases: 8, failure_persistence: None, ..Config::default() };
    let steps = prop::collection::vec(any::<[u8; 4]>(), 1..50);
    let agrees = |steps: Vec<_>| {
        runtime.block_on(async { model::agrees(&bench().await, &steps).await });
        Ok(())
    };
    TestRunner::new(config).run(&steps, agrees).expect("the ledger agrees with the model");
}
