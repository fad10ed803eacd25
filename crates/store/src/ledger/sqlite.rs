//! The embedded ledger: one SQLite file in WAL mode.
//!
//! One thread writes. It takes whatever waits, makes all of it in one transaction, and waits for the disk once; what comes
//! meanwhile is the next group. Questions are answered at once on the calling task, from a few reading connections that
//! never wait for the writer. This process must be the only one that writes the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::FutureExt as _;
use parking_lot::Mutex;
use rusqlite::Connection;

use super::engine::{Engine, SqlLedger};
use super::query::LedgerError;
use super::writer::{BATCH_MAX, Desk, Transactions, Writer};
use super::{Ledger, LedgerOptions, Seq, migrate, noted, read};
use crate::clock::{Clock, Millis, SystemClock};
use crate::sql::sqlite::{self, at_once, failed};
use crate::sql::{Dialect, Row, Sql, Texts, Value};

/// Most reading connections that are kept.
const READERS_MAX: usize = 4;
/// Memory for pages of the writer and of each reader, in KiB.
const CACHE_WRITER_KIB: i64 = 2048;
const CACHE_READER_KIB: i64 = 1024;
/// How much of the file is mapped, in bytes: page cache of the system, not memory of ours.
const MAPPED_BYTES_MAX: i64 = 256 << 20;
/// How large the write-ahead log may stay after a burst, in bytes.
const WAL_BYTES_KEPT: i64 = 64 << 20;
/// How long a statement waits for a lock that should not be there.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept by each connection: more than there are.
const STATEMENTS_MAX: usize = 128;

/// Opens ledgers in one file each.
#[derive(Debug)]
pub enum Sqlite {}

/// The file, and the connections to it.
struct File {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    texts: Texts,
    readers: Mutex<Vec<Connection>>,
}

impl Sqlite {
    /// Opens the file, or makes it, and brings its schema up to date. Dropped, the ledger makes what waits and closes the
    /// file.
    ///
    /// # Errors
    /// [`LedgerError::Newer`] where a newer release wrote it; [`LedgerError::Corrupt`] where it is no ledger.
    pub async fn open(path: impl AsRef<Path>, options: LedgerOptions) -> Result<Arc<dyn Ledger>, LedgerError> {
        let path = path.as_ref().to_owned();
        let opened = tokio::task::spawn_blocking(move || File::open(path, options)).await;
        Ok(Arc::new(opened.unwrap_or_else(|error| Err(LedgerError::Unavailable(error.to_string())))?))
    }
}

impl File {
    fn open(path: PathBuf, options: LedgerOptions) -> Result<SqlLedger<File>, LedgerError> {
        let clock = options.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let texts = Texts::new(Dialect::Sqlite);
        let shared = Arc::new(Shared { path, clock, texts, readers: Mutex::default() });
        let mut session = Session::open(&shared, CACHE_WRITER_KIB)?;
        let durable = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;";
        session.connection.execute_batch(durable).map_err(failed)?;
        let keep = |_: &rusqlite::Row<'_>| Ok(());
        session.connection.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT, keep).map_err(failed)?;
        let latest = session.migrate()?;
        at_once(noted::end_leases(&mut session))?;
        let (writer, desk) = Writer::new(latest, options.grace);
        let thread = std::thread::Builder::new().name("ledger".to_owned()).spawn(move || serve(session, desk));
        let thread = thread.map_err(|error| LedgerError::Unavailable(format!("no thread for the writer: {error}")))?;
        Ok(SqlLedger { writer, engine: File { shared, writer: Some(thread) }, grace: options.grace })
    }
}

/// The one thread that writes.
fn serve(mut session: Session, mut desk: Desk) {
    let mut batch = Vec::new();
    while desk.requests.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        if desk.serve(&mut session, std::mem::take(&mut batch)).now_or_never().is_none() {
            tracing::error!("an embedded statement waited");
        }
    }
    // Readers go first, on this thread, so that the writer is the last and folds the write-ahead log into the file: of two that go at the
    // same time, neither would be.
    session.shared.readers.lock().clear();
}

impl Engine for File {
    type Reader = Reader;

    async fn reader(&self) -> Result<Reader, LedgerError> {
        let idle = self.shared.readers.lock().pop();
        let session = match idle {
            Some(connection) => Session { connection, shared: self.shared.clone() },
            None => {
                let session = Session::open(&self.shared, CACHE_READER_KIB)?;
                session.connection.pragma_update(None, "query_only", true).map_err(failed)?;
                session
            }
        };
        Ok(Reader(Some(session)))
    }

    const IS_SHARED: bool = false;
}

impl Drop for File {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the ledger's writer had failed");
        }
    }
}

/// A reading connection, given back when it is dropped.
struct Reader(Option<Session>);

impl Reader {
    fn session(&mut self) -> Result<&mut Session, LedgerError> {
        self.0.as_mut().ok_or_else(|| LedgerError::Unavailable("the connection was given back".to_owned()))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(Session { connection, shared }) = self.0.take() {
            let mut readers = shared.readers.lock();
            if readers.len() < READERS_MAX {
                readers.push(connection);
            }
        }
    }
}

impl Sql for Reader {
    async fn query(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<Row>, LedgerError> {
        self.session()?.query_now(text, parameters)
    }

    async fn execute(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<u64, LedgerError> {
        self.session()?.execute_now(text, parameters)
    }

    async fn numbers(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<i64>, LedgerError> {
        self.session()?.numbers_now(text, parameters)
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn clock(&self) -> Value<'static> {
        self.0.as_ref().map(|session| session.shared.clock.now()).into()
    }

    async fn batch(&mut self, text: &str) -> Result<(), LedgerError> {
        self.session()?.batch(text).await
    }
}

/// One connection.
struct Session {
    connection: Connection,
    shared: Arc<Shared>,
}

impl Session {
    fn open(shared: &Arc<Shared>, cache_kib: i64) -> Result<Session, LedgerError> {
        let connection = Connection::open(&shared.path).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
        connection.pragma_update(None, "cache_size", -cache_kib).map_err(failed)?;
        connection.pragma_update_and_check(None, "mmap_size", MAPPED_BYTES_MAX, |_| Ok(())).map_err(failed)?;
        Ok(Session { connection, shared: shared.clone() })
    }

    /// Brings the schema up to date; the number of the latest entry.
    fn migrate(&mut self) -> Result<Seq, LedgerError> {
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        let migrated = at_once(migrate::migrate(self, Dialect::Sqlite));
        let end = if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = self.connection.execute_batch(end).map_err(failed);
        migrated.and(ended)?;
        at_once(read::latest(self))
    }

    fn query_now(&self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<Row>, LedgerError> {
        sqlite::query(&self.connection, &self.shared.texts, text, parameters)
    }

    fn execute_now(&self, text: &'static str, parameters: &[Value<'_>]) -> Result<u64, LedgerError> {
        sqlite::execute(&self.connection, &self.shared.texts, text, parameters)
    }

    fn numbers_now(&self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<i64>, LedgerError> {
        sqlite::numbers(&self.connection, &self.shared.texts, text, parameters)
    }
}

impl Sql for Session {
    async fn query(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<Row>, LedgerError> {
        self.query_now(text, parameters)
    }

    async fn execute(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<u64, LedgerError> {
        self.execute_now(text, parameters)
    }

    async fn numbers(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<i64>, LedgerError> {
        self.numbers_now(text, parameters)
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn clock(&self) -> Value<'static> {
        Value::Int(self.shared.clock.now())
    }

    async fn batch(&mut self, text: &str) -> Result<(), LedgerError> {
        self.connection.execute_batch(text).map_err(failed)
    }
}

impl Transactions for Session {
    async fn begin(&mut self) -> Result<Millis, LedgerError> {
        self.batch("BEGIN IMMEDIATE").await?;
        Ok(self.shared.clock.now())
    }

    async fn commit(&mut self) -> Result<(), LedgerError> {
        self.batch("COMMIT").await
    }

    /// A full or broken disk may have ended it already.
    async fn abandon(&mut self) {
        if !self.connection.is_autocommit() && self.connection.execute_batch("ROLLBACK").is_err() {
            tracing::error!("a transaction of the ledger could not be rolled back");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::BTreeSet;

    use super::super::apply;
    use super::super::change::{Change, Commit, Expects, Refused};
    use super::*;
    use crate::contract::ledger::{self as rules, Bench};

    /// Tables that are read whole: they have a handful of rows, or counting everything is what was asked for.
    const SCANS: [&str; 8] = [
        "SCAN json_each VIRTUAL TABLE INDEX",
        "SCAN page",
        "SCAN held",
        "SCAN (subquery",
        "SCAN CONSTANT ROW",
        "SCAN total",
        "SCAN schema_version",
        "SCAN d",
    ];

    /// The one question that reads all there is, and says so.
    const COUNTS_ALL: &str = "SELECT (SELECT coalesce(max(seq), 0) FROM log), (SELECT count(*)";

    /// Those that sort what there is of one group, one project's robots, one account's rights, the roles, or so many as they say.
    const SORTS: [&str; 5] = [
        "SELECT a.uid, a.name, a.kind, NULL, a.description, a.password_hash, a.epoch, a.disabled, a.expires_at, a.created_at FROM team t",
        "SELECT a.uid, a.name, a.kind, p.uid, a.description, a.password_hash, a.epoch, a.disabled, a.expires_at, a.created_at FROM project p",
        "SELECT b.uid, a.uid, a.name, a.kind, t.uid, t.name, r.name, r.permissions",
        "SELECT d.algorithm, d.digest, (SELECT string_agg(held.kind, ' ')",
        "SELECT uid, name, description, permissions FROM role",
    ];

    /// What every statement that the contract makes does, by SQLite's own account.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_statement_reads_a_table() {
        let dir = tempfile::tempdir().expect("a folder");
        let ledgers: Arc<Mutex<Vec<Arc<SqlLedger<File>>>>> = Arc::default();
        let bench = || {
            let (path, ledgers) = (dir.path().join(format!("{}.db", ledgers.lock().len())), ledgers.clone());
            let open = move |options| {
                let (path, ledgers) = (path.clone(), ledgers.clone());
                let ledger = Arc::new(File::open(path, options).expect("the file opens"));
                ledgers.lock().push(ledger.clone());
                async move { ledger as Arc<dyn Ledger> }.boxed()
            };
            Bench::new(Box::new(open), ())
        };
        crate::ledger_contract!(all bench);
        let ledgers = ledgers.lock();
        let texts: BTreeSet<Arc<str>> = ledgers.iter().flat_map(|ledger| ledger.engine.shared.texts.all()).collect();
        assert!(texts.len() > 60, "only {} statements were seen", texts.len());
        let session = Session::open(&ledgers[0].engine.shared, CACHE_READER_KIB).expect("a connection");
        let mut wrong = Vec::new();
        let is_known = |text: &str| text.starts_with(COUNTS_ALL) || SORTS.iter().any(|known| text.starts_with(known));
        for text in texts.iter().filter(|text| !is_known(text)) {
            let plan = explain(&session, text);
            let is_fine = |step: &&String| SCANS.iter().any(|fine| step.starts_with(fine));
            let scans = plan.iter().filter(|step| step.starts_with("SCAN")).filter(|step| !is_fine(step)).count();
            let sorts = plan.iter().filter(|step| step.contains("TEMP B-TREE")).count();
            if scans + sorts > 0 {
                wrong.push(format!("{text}\n{plan:#?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Counts what is said.
    struct Counted {
        session: Session,
        statements: u64,
    }

    impl Sql for Counted {
        async fn query(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<Row>, LedgerError> {
            self.statements += 1;
            self.session.query_now(text, parameters)
        }

        async fn execute(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<u64, LedgerError> {
            self.statements += 1;
            self.session.execute_now(text, parameters)
        }

        async fn numbers(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<i64>, LedgerError> {
            self.statements += 1;
            self.session.numbers_now(text, parameters)
        }

        fn dialect(&self) -> Dialect {
            Dialect::Sqlite
        }

        fn clock(&self) -> Value<'static> {
            self.session.clock()
        }

        async fn batch(&mut self, text: &str) -> Result<(), LedgerError> {
            self.session.batch(text).await
        }
    }

    /// How many statements it takes to delete the last of `names`, each of which is an index of those that it is given; it
    /// must take all others with it.
    async fn statements_to_delete(indexes: &[(String, Vec<&str>)]) -> u64 {
        let dir = tempfile::tempdir().expect("a folder");
        let (path, texts) = (dir.path().join("ledger.db"), Texts::new(Dialect::Sqlite));
        let shared = Shared { path, clock: Arc::new(SystemClock), texts, readers: Mutex::default() };
        let mut session = Session::open(&Arc::new(shared), CACHE_WRITER_KIB).expect("a connection");
        session.migrate().expect("a schema");
        session.batch("BEGIN").await.expect("a transaction, so that nothing waits for the disk");
        let mut counted = Counted { session, statements: 0 };
        let mut made = async |seq: u64, changes| {
            let commit = Commit { changes, ..Commit::default() };
            counted.statements = 0;
            let entry =
                apply::apply(&mut counted, commit, seq, 0, 0).await.expect("it is made").entry.expect("an effect");
            (entry.changes, counted.statements)
        };
        let put = |(text, children): &(String, Vec<&str>)| rules::index("p/a", text, children);
        let ensure = Change::EnsureRepository {
            repository: rules::name("p/a"),
            expects: Expects::Anything,
            made_project: false,
        };
        made(1, std::iter::once(ensure).chain(indexes.iter().map(put)).collect()).await;
        let last = &indexes.last().expect("one at least").0;
        let (changes, statements) = made(2, vec![rules::delete_manifest("p/a", last, 0)]).await;
        let Change::DeleteManifest { children, .. } = &changes[0] else { panic!("{changes:?}") };
        assert_eq!(children.len(), indexes.len() - 1);
        statements
    }

    /// However indexes hang together: twice as many edges, twice as many statements.
    #[tokio::test]
    async fn deleting_an_index_costs_in_proportion_to_its_edges() {
        let names: Vec<String> = (0..800).map(|at| format!("m{at}")).collect();
        let all = |length: usize, children: &dyn Fn(usize) -> Vec<usize>| -> Vec<(String, Vec<&str>)> {
            let named = |at| children(at).into_iter().map(|child: usize| names[child].as_str()).collect();
            (0..length).map(|at| (names[at].clone(), named(at))).collect()
        };
        let chain = |length| all(length, &|at| (0..at).rev().take(1).collect());
        let wide = |length| all(length, &|at| if at + 1 == length { (0..at).collect() } else { Vec::new() });
        // Each names the one before it, and the first.
        let shared = |length| all(length, &|at| (0..at).filter(|child| *child == 0 || child + 1 == at).collect());
        for (what, shape) in [("chain", &chain as &dyn Fn(usize) -> _), ("wide", &wide), ("shared", &shared)] {
            let (few, many) = (statements_to_delete(&shape(100)).await, statements_to_delete(&shape(800)).await);
            assert!(many <= 8 * few, "{what}: {few} statements for 100, {many} for 800");
        }
    }

    /// A ledger whose one repository has an image with that tag and as many more tags and manifests of the same layer.
    async fn crowded(tags: usize, manifests: usize) -> (tempfile::TempDir, Session) {
        let dir = tempfile::tempdir().expect("a folder");
        let (path, texts) = (dir.path().join("ledger.db"), Texts::new(Dialect::Sqlite));
        let shared = Shared { path, clock: Arc::new(SystemClock), texts, readers: Mutex::default() };
        let mut session = Session::open(&Arc::new(shared), CACHE_WRITER_KIB).expect("a connection");
        session.migrate().expect("a schema");
        session.batch("BEGIN").await.expect("a transaction, so that nothing waits for the disk");
        let changes = rules::kept_image("p/a", "final-*");
        apply::apply(&mut session, Commit { changes, ..Commit::default() }, 1, 0, 0).await.expect("it is made");
        let many = |count| {
            format!(
                "WITH RECURSIVE many(n) AS (SELECT 1 WHERE {count} > 0 UNION ALL SELECT n + 1 FROM many WHERE n < {count})"
            )
        };
        let tag = format!("INSERT INTO tag {} SELECT 1, 't' || n, 1, 0, '' FROM many", many(tags));
        let edge = format!(
            "INSERT INTO edge {} SELECT 1, n + 1, e.role, e.algorithm, e.digest FROM many, edge e",
            many(manifests)
        );
        session.batch(&tag).await.expect("tags");
        session.batch(&edge).await.expect("edges");
        (dir, session)
    }

    /// What is looked at for a rule about immutable tags is bounded: what takes more is refused, and goes in smaller steps.
    #[tokio::test]
    async fn immutable_tags_are_looked_for_up_to_a_bound() {
        let try_it = async |tags, manifests, change: Change| {
            let (_dir, mut session) = crowded(tags, manifests).await;
            let commit = Commit { changes: vec![change], ..Commit::default() };
            apply::apply(&mut session, commit, 2, 0, 0).await.map(drop)
        };
        let too_much = || Err(Refused::TooMuchToCheck);
        for change in [rules::delete_repository("p/a", 1, 0), rules::delete_project("p", 1, 0)] {
            assert_eq!(try_it(99_000, 0, change.clone()).await, Ok(()));
            assert_eq!(try_it(100_001, 0, change).await, too_much());
        }
        assert_eq!(try_it(0, 9_000, rules::delete_blob("p/a", "layer")).await, Ok(()));
        assert_eq!(try_it(0, 10_001, rules::delete_blob("p/a", "layer")).await, too_much());
        assert_eq!(try_it(10_001, 0, rules::delete_blob("p/a", "layer")).await, too_much());
    }

    fn explain(session: &Session, text: &str) -> Vec<String> {
        let mut statement = session.connection.prepare(&format!("EXPLAIN QUERY PLAN {text}")).expect(text);
        let steps = statement.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>();
        steps.expect("a plan")
    }
}
