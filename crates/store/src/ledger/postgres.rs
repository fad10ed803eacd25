//! The ledger in PostgreSQL: a pool of connections for questions, one more for the writer, which takes an advisory lock for
//! each transaction, so that of all processes one writes at a time.
//!
//! Connections are not encrypted by us; use a local socket, or a network that is.

mod alone;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::Config;

use super::engine::{Engine, SqlLedger};
use super::query::LedgerError;
use super::writer::{BATCH_MAX, Desk, Transactions, Writer};
use super::{Ledger, LedgerOptions, Seq, migrate, noted, read};
use crate::clock::{Clock, Millis};
use crate::sql::postgres::{Connection, config, explain, pool, unavailable};
use crate::sql::{Dialect, Row, Sql, Texts, Value};

/// Most connections for questions.
const READERS_MAX: usize = 16;
/// How long the writer waits for a transaction, from the wait for its lock to the COMMIT, whatever the server does: longer
/// than the server lets any one statement take.
const TRANSACTION: Duration = Duration::from_secs(60);
/// How long the outcome of a COMMIT that was not answered is asked for, as long as the server cannot be reached; and how long
/// between two questions. Longer than a server takes to start anew.
const SETTLE: Duration = Duration::from_secs(20);
const SETTLE_AGAIN: Duration = Duration::from_millis(250);
/// Bounds of every connection: a statement, and a transaction whose process sleeps while it holds the writer's lock.
const OPTIONS: &str = "-c statement_timeout=60s -c idle_in_transaction_session_timeout=15s";
/// Whoever holds this lock writes. Any number will do, as long as it stays.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '15s'; SET LOCAL statement_timeout = '30s';
    SELECT pg_advisory_xact_lock(7741862301)";

/// The tables that grow with what is pushed.
const GROWING: &str = "project, repository, blob, member, holding, document, manifest, edge, tag, tag_history, log, log_project, \
    log_repository, job, fact, derived, pulled";
/// After so many entries of the log the server is asked to look at them for the first time, and again each time that there are twice as
/// many, until there are so many that those of a minute are few.
const LOOKED_AT_FIRST: Seq = 64;
const LOOKED_AT_LAST: Seq = 100_000;

/// Opens ledgers in a database each.
#[derive(Debug)]
pub enum Postgres {}

impl Postgres {
    /// Opens the ledger in the database at `url`, `postgres://user:password@host/database`.
    ///
    /// # Errors
    /// [`LedgerError::Newer`], or the server cannot be reached.
    pub async fn open(url: &str, options: LedgerOptions) -> Result<Arc<dyn Ledger>, LedgerError> {
        start(config(url, OPTIONS)?, options, TRANSACTION).await
    }
}

/// Opens the ledger; `bound` is how long the writer waits for a transaction.
async fn start(config: Config, options: LedgerOptions, bound: Duration) -> Result<Arc<dyn Ledger>, LedgerError> {
    let alone = if options.alone { Some(Arc::new(alone::hold(config.clone()).await?)) } else { None };
    let (readers, writer) = (pool(config.clone(), READERS_MAX)?, pool(config, 1)?);
    let texts = Arc::new(Texts::new(Dialect::Postgres));
    let engine = Server { readers, writer, clock: options.clock, texts, bound, _alone: alone };
    let mut connection = engine.connection(&engine.writer).await?;
    let migrated = match connection.batch(BEGIN).await {
        Ok(()) => migrate::migrate(&mut connection, Dialect::Postgres).await,
        Err(error) => Err(error),
    };
    let ended = connection.batch(if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" }).await;
    migrated.and(ended)?;
    if options.alone {
        noted::end_leases(&mut connection).await?;
    }
    let latest = read::latest(&mut connection).await?;
    drop(connection);
    let (writer, desk) = Writer::new(latest, options.grace);
    tokio::spawn(keep_known(engine.readers.clone(), writer.news.clone()));
    tokio::spawn(serve(engine.clone(), desk));
    Ok(Arc::new(SqlLedger { writer, engine, grace: options.grace }))
}

async fn serve(engine: Server, mut desk: Desk) {
    let mut batch = Vec::new();
    while desk.requests.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let mut writing = Writing { engine: &engine, connection: None, transaction: 0, deadline: Instant::now() };
        desk.serve(&mut writing, std::mem::take(&mut batch)).await;
    }
}

/// Has the server look at tables that have grown. It plans by what it knew of them, which it looks at once a minute: in its first minute a
/// registry grows a thousandfold, and a plan that suited empty tables reads all of them.
async fn keep_known(readers: Pool, mut news: watch::Receiver<Seq>) {
    let mut next = (*news.borrow() * 2).max(LOOKED_AT_FIRST);
    while next <= LOOKED_AT_LAST {
        let Ok(seq) = news.wait_for(|seq| *seq >= next).await.map(|seq| *seq) else { return };
        if let Err(error) = look(&readers).await {
            tracing::debug!(%error, "PostgreSQL was not asked to look at its tables; it does by itself, later");
        }
        next = seq * 2;
    }
}

async fn look(readers: &Pool) -> Result<(), LedgerError> {
    let object = readers.get().await.map_err(|error| unavailable("no connection", error))?;
    object.batch_execute(&format!("ANALYZE {GROWING}")).await.map_err(explain)
}

/// The engine. Cheap to clone.
#[derive(Clone)]
struct Server {
    readers: Pool,
    /// Of one: questions never keep it waiting.
    writer: Pool,
    clock: Option<Arc<dyn Clock>>,
    texts: Arc<Texts>,
    /// How long the writer waits for a transaction.
    bound: Duration,
    /// Held, where this process is to be the only one.
    _alone: Option<Arc<alone::Alone>>,
}

impl Server {
    async fn connection(&self, pool: &Pool) -> Result<Connection, LedgerError> {
        let object = pool.get().await.map_err(|error| unavailable("no connection", error))?;
        Ok(Connection::new(object, self.texts.clone(), self.clock.clone()))
    }
}

impl Engine for Server {
    type Reader = Connection;

    async fn reader(&self) -> Result<Connection, LedgerError> {
        self.connection(&self.readers).await
    }

    const IS_SHARED: bool = true;
}

/// The writer's connection: one for each transaction. One whose transaction broke is closed, not given back: the server may
/// not have ended it yet.
struct Writing<'a> {
    engine: &'a Server,
    connection: Option<Connection>,
    /// The server's number of the transaction.
    transaction: i64,
    /// When it is given up.
    deadline: Instant,
}

impl Writing<'_> {
    fn connection(&mut self) -> Result<&mut Connection, LedgerError> {
        self.connection.as_mut().ok_or_else(|| LedgerError::Unavailable("no transaction has begun".to_owned()))
    }

    fn close(&mut self) {
        if let Some(old) = self.connection.take() {
            old.close();
        }
    }

    async fn try_begin(&mut self) -> Result<Millis, LedgerError> {
        self.connection = Some(self.engine.connection(&self.engine.writer).await?);
        self.deadline = Instant::now() + self.engine.bound;
        self.batch(BEGIN).await?;
        let row = self.one("SELECT {now $1}, txid_current()", &[self.clock()]).await?;
        let mut row = row.ok_or_else(|| LedgerError::Corrupt("no time".to_owned()))?;
        self.transaction = row.int(1)?;
        row.int(0)
    }

    /// Whether a transaction whose COMMIT was not answered was made all the same; asks until the server says so.
    async fn has_landed(&mut self, transaction: i64) -> bool {
        loop {
            self.close();
            match self.try_has_landed(transaction).await {
                Ok(landed) => return landed,
                Err(error) => tracing::warn!(%error, "whether a commit was made is not known yet"),
            }
            sleep(SETTLE_AGAIN).await;
        }
    }

    /// Whoever has the writer's lock comes after the end of that transaction, however it ended.
    async fn try_has_landed(&mut self, transaction: i64) -> Result<bool, LedgerError> {
        self.try_begin().await?;
        let row = self.one("SELECT txid_status($1)", &[transaction.into()]).await?;
        let status = row.map_or(Ok(None), |mut row| row.maybe_text(0))?;
        let status = status.ok_or_else(|| LedgerError::Corrupt("a transaction of late is forgotten".to_owned()))?;
        Ok(status == "committed")
    }
}

impl Sql for Writing<'_> {
    async fn query(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<Row>, LedgerError> {
        by(self.deadline, self.connection()?.query(text, parameters)).await
    }

    async fn execute(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<u64, LedgerError> {
        by(self.deadline, self.connection()?.execute(text, parameters)).await
    }

    async fn numbers(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<i64>, LedgerError> {
        by(self.deadline, self.connection()?.numbers(text, parameters)).await
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn clock(&self) -> Value<'static> {
        self.engine.clock.as_ref().map(|clock| clock.now()).into()
    }

    async fn batch(&mut self, text: &str) -> Result<(), LedgerError> {
        by(self.deadline, self.connection()?.batch(text)).await
    }
}

/// What `work` comes to, unless it takes too long; then its connection is of no use any more.
async fn by<T>(deadline: Instant, work: impl Future<Output = Result<T, LedgerError>>) -> Result<T, LedgerError> {
    let late = |_| Err(unavailable("a transaction took too long", "it was given up"));
    timeout_at(deadline, work).await.unwrap_or_else(late)
}

impl Transactions for Writing<'_> {
    /// Tried once more on a new connection: the server may have been started anew since the last transaction.
    async fn begin(&mut self) -> Result<Millis, LedgerError> {
        self.close();
        match self.try_begin().await {
            Ok(now) => Ok(now),
            Err(_) => {
                self.close();
                self.try_begin().await
            }
        }
    }

    /// What breaks off while it commits may have been made or not: then the server is asked, so that who waits is told.
    async fn commit(&mut self) -> Result<(), LedgerError> {
        let Err(error) = self.batch("COMMIT").await else { return Ok(()) };
        let landed = timeout(SETTLE, self.has_landed(self.transaction)).await;
        self.close();
        match landed {
            Ok(true) => Ok(()),
            Ok(false) => Err(error),
            Err(_) => Err(unavailable("whether a commit was made could not be learned", error)),
        }
    }

    async fn abandon(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    /// Somebody holds the writer's lock and does not let go: who waits is told, and later ones are not held up by it.
    #[tokio::test]
    async fn a_transaction_that_takes_too_long_is_given_up() {
        let config = config(&wharf_testkit::postgres::database(), OPTIONS).expect("an address");
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.expect("a connection");
        tokio::spawn(connection);
        let bound = Duration::from_millis(200);
        let ledger = start(config, LedgerOptions::default(), bound).await.expect("the database opens");
        client.batch_execute(BEGIN).await.expect("the lock");
        let noted = ledger.put_cursor("f", Default::default()).await;
        assert!(matches!(&noted, Err(LedgerError::Unavailable(why)) if why.contains("too long")), "{noted:?}");
        client.batch_execute("ROLLBACK").await.expect("let go");
        assert_eq!(ledger.put_cursor("f", Default::default()).await, Ok(()));
    }

    /// What does not grow with what is pushed is named here.
    #[tokio::test]
    async fn tables_that_grow_are_known() {
        let url = wharf_testkit::postgres::database();
        Postgres::open(&url, LedgerOptions::default()).await.expect("the database opens");
        let others = "account, binding, follower, lost_member, overview, role, schema_version, secret, secret_use, team, team_member, \
            total, trash, upload";
        let mut known: Vec<&str> = GROWING.split(", ").chain(others.split(", ")).map(str::trim).collect();
        known.sort_unstable();
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("a connection");
        tokio::spawn(connection);
        let find = "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1";
        let tables = client.query(find, &[]).await.expect("the tables");
        let mut tables: Vec<String> = tables.iter().map(|row| row.get(0)).collect();
        tables.sort_unstable();
        assert_eq!(tables, known);
    }
}
