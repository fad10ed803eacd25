//! The index in PostgreSQL, in a schema of its own in the ledger's database, which all servers of that ledger share.
//!
//! One of them fills it: whoever holds an advisory lock, on the connection that it writes with, so that the lock goes where the connection
//! does. Nothing in the index is precious, so a commit waits for no disk: after a crash of the database it is what it was some commits ago.
//! Each question sees one moment, and is ended when it takes too long.
//!
//! The planner has little to choose: statements say in which order tables are looked at, as for SQLite, and every one of them goes by an
//! index. What it would do with a table of which it knows nothing yet, or knows what it was when it was small, could take a thousand times
//! as long.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::Pool;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls};
use wharf_model::digest::Digest;

use super::{
    Asked, FINDS_MAX, Found, Inside, SCHEMA, Search, SearchError, Standing, TIME_MAX, Update, find, inside, place, put,
    text,
};
use crate::ledger::query::LedgerError;
use crate::sql::postgres::{Connection, config, pool, unavailable};
use crate::sql::{Dialect, Row, Sql, Texts, Value};

/// What every connection is set to.
const OPTIONS: &str = "-c search_path=wharf_search -c idle_in_transaction_session_timeout=15s -c synchronous_commit=off -c jit=off \
    -c plan_cache_mode=force_generic_plan -c join_collapse_limit=1 -c max_parallel_workers_per_gather=0 -c enable_seqscan=off \
    -c enable_hashjoin=off -c enable_mergejoin=off -c enable_material=off -c enable_memoize=off";
/// How long one statement may take that asks, which is asked to end before that, and one that writes.
const OPTIONS_READER: &str = "-c statement_timeout=4s";
const OPTIONS_WRITER: &str = "-c statement_timeout=60s";
/// Whoever holds this lock fills the index. Any number will do, as long as it stays.
const LEAD: &str = "SELECT CASE WHEN pg_try_advisory_lock(7741862303) THEN 1 ELSE 0 END";
/// How long the server is waited for when it is asked to end a statement.
const CANCEL: Duration = Duration::from_secs(1);
/// Where the operators for three letters are, if they are there.
const LETTERS: &str = "SELECT CAST(n.nspname AS TEXT) FROM pg_catalog.pg_extension e
    JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm'";

/// An index in one database.
pub struct Postgres {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
}

struct Shared {
    readers: Pool,
    /// Of one, which is held.
    writers: Pool,
    texts: Arc<Texts>,
    writer: Mutex<Writer>,
}

/// What writes.
#[derive(Default)]
struct Writer {
    /// Whose session holds the lock.
    connection: Option<Connection>,
    /// Where the index stood when it was looked at or written last; none where that is not known any more.
    seen: Option<Standing>,
}

impl Postgres {
    /// The index in the database at `url`, which need not be there. Connects to nothing yet.
    ///
    /// # Errors
    /// The address is wrong.
    pub fn new(url: &str) -> Result<Arc<Postgres>, SearchError> {
        let readers = pool(with_options(url, OPTIONS_READER)?, FINDS_MAX)?;
        let writers = pool(with_options(url, OPTIONS_WRITER)?, 1)?;
        let texts = Arc::new(Texts::new(Dialect::Postgres));
        let shared = Arc::new(Shared { readers, writers, texts, writer: Mutex::default() });
        Ok(Arc::new(Postgres { shared, places: Arc::new(Semaphore::new(FINDS_MAX)) }))
    }

    /// Goes on to the end where nobody waits any more, so that no connection is left in the middle of something.
    async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, SearchError>> + Send + 'static,
    ) -> Result<T, SearchError> {
        tokio::spawn(work).await.unwrap_or_else(|error| Err(SearchError::Unavailable(error.to_string())))
    }
}

#[async_trait]
impl Search for Postgres {
    async fn leads(&self) -> Result<bool, SearchError> {
        let shared = self.shared.clone();
        self.to_the_end(async move { shared.lead(&mut *shared.writer.lock().await).await }).await
    }

    async fn standing(&self) -> Result<Option<Standing>, SearchError> {
        let shared = self.shared.clone();
        match self.to_the_end(async move { shared.standing().await }).await {
            Err(SearchError::Corrupt(_)) => Ok(None),
            read => read,
        }
    }

    async fn begin(&self, standing: Standing) -> Result<(), SearchError> {
        let shared = self.shared.clone();
        self.to_the_end(async move { shared.write(None, standing).await }).await
    }

    async fn apply(&self, updates: Vec<Update>, standing: Standing) -> Result<(), SearchError> {
        let shared = self.shared.clone();
        self.to_the_end(async move { shared.write(Some(updates), standing).await }).await
    }

    async fn lacking(&self, limit: usize) -> Result<Vec<(Digest, Inside)>, SearchError> {
        let shared = self.shared.clone();
        let asking = async move { inside::lacking(&mut Session(&mut shared.reader().await?), limit).await };
        self.to_the_end(asking).await
    }

    async fn find(&self, asked: Asked) -> Result<Found, SearchError> {
        let place = place(&self.places).await?;
        let shared = self.shared.clone();
        self.to_the_end(async move {
            let _place = place;
            shared.find(&asked).await
        })
        .await
    }
}

impl Shared {
    async fn reader(&self) -> Result<Connection, LedgerError> {
        let object = self.readers.get().await.map_err(|error| unavailable("no connection", error))?;
        Ok(Connection::new(object, self.texts.clone(), None))
    }

    async fn find(&self, asked: &Asked) -> Result<Found, SearchError> {
        let mut connection = self.reader().await?;
        let cancel = connection.cancel_token();
        if let Ok(found) = timeout(TIME_MAX, find_on(&mut connection, asked)).await {
            if found.is_err() {
                // Whatever state it is in.
                connection.close();
            }
            return found;
        }
        connection.close();
        let _ = timeout(CANCEL, cancel.cancel_query(NoTls)).await;
        Err(SearchError::TooLong)
    }

    /// Whether this process fills the index, which it does from when nobody else does.
    async fn lead(&self, writer: &mut Writer) -> Result<bool, SearchError> {
        match &writer.connection {
            Some(connection) if !connection.is_closed() => return Ok(true),
            // Since it broke, somebody else may have had the lock, and where the server broke, what was written last may be lost. So
            // who fills the index is told that it does not, and looks where it stands before it does again.
            Some(_) => {
                *writer = Writer::default();
                return Ok(false);
            }
            None => {}
        }
        let object = self.writers.get().await.map_err(|error| unavailable("no connection", error))?;
        let mut connection = Connection::new(object, self.texts.clone(), None);
        let leads = connection.one(LEAD, &[]).await?.map_or(Ok(0), |mut row| row.int(0))? == 1;
        if leads {
            writer.connection = Some(connection);
        }
        Ok(leads)
    }

    async fn standing(&self) -> Result<Option<Standing>, SearchError> {
        let mut writer = self.writer.lock().await;
        let leads = self.lead(&mut writer).await?;
        match &mut writer.connection {
            Some(connection) if leads => {
                let standing = put::standing(&mut Session(connection)).await?;
                writer.seen = standing;
                Ok(standing)
            }
            _ => put::standing(&mut Session(&mut self.reader().await?)).await,
        }
    }

    /// Makes updates true, or the index anew, in a transaction.
    async fn write(&self, updates: Option<Vec<Update>>, standing: Standing) -> Result<(), SearchError> {
        let mut writer = self.writer.lock().await;
        self.lead(&mut writer).await?;
        let seen = writer.seen.take();
        let Some(connection) = &mut writer.connection else {
            return Err(SearchError::Unavailable("another server fills it".to_owned()));
        };
        let written = write_on(connection, updates, seen, standing).await;
        if written.is_ok() {
            writer.seen = Some(standing);
        } else if connection.batch("ROLLBACK").await.is_err()
            && let Some(broken) = writer.connection.take()
        {
            broken.close();
        }
        written
    }
}

/// Ours count, also where the URL says otherwise for the ledger: of the same option, the server takes the last.
fn with_options(url: &str, more: &str) -> Result<Config, SearchError> {
    let mut config = config(url, "")?;
    let options = format!("{} {OPTIONS} {more}", config.get_options().unwrap_or_default());
    config.options(options);
    Ok(config)
}

async fn find_on(connection: &mut Connection, asked: &Asked) -> Result<Found, SearchError> {
    connection.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let found = find::find(&mut Session(connection), asked).await?;
    connection.batch("ROLLBACK").await?;
    Ok(found)
}

async fn write_on(
    connection: &mut Connection,
    updates: Option<Vec<Update>>,
    seen: Option<Standing>,
    standing: Standing,
) -> Result<(), SearchError> {
    connection.batch("BEGIN").await?;
    let mut session = Session(connection);
    match updates {
        Some(updates) => {
            if put::standing(&mut session).await? != seen {
                return Err(SearchError::Unavailable("another server has filled it".to_owned()));
            }
            put::apply(&mut session, &updates, standing).await?;
        }
        None => {
            make(&mut session).await?;
            put::stand(&mut session, standing).await?;
        }
    }
    Ok(connection.batch("COMMIT").await?)
}

/// Makes empty tables, in the place of whatever is there.
async fn make(session: &mut Session<'_>) -> Result<(), SearchError> {
    session.batch("DROP SCHEMA IF EXISTS wharf_search CASCADE; CREATE SCHEMA wharf_search").await?;
    let letters = match session.one(LETTERS, &[]).await? {
        Some(mut row) => row.text(0)?,
        None => {
            // Not in our own, which is dropped with all that goes by it.
            session.batch("CREATE EXTENSION pg_trgm SCHEMA public").await.map_err(|error| {
                let hint = "have an administrator of the database run CREATE EXTENSION pg_trgm in it";
                SearchError::Unavailable(format!("{error}; {hint}"))
            })?;
            "public".to_owned()
        }
    };
    session.batch(&Dialect::Postgres.speak(SCHEMA)).await?;
    session.batch(text::schema(Dialect::Postgres)).await?;
    let letters = letters.replace('"', "\"\"");
    let index = format!("CREATE INDEX repository_letters ON repository USING gin (name \"{letters}\".gin_trgm_ops)");
    Ok(session.batch(&index).await?)
}

/// A connection that is given no U+0000 in texts, which PostgreSQL does not take.
struct Session<'c>(&'c mut Connection);

/// Texts of a parameter in which there was such a sign.
#[derive(Default)]
struct Clean(Vec<String>);

impl Clean {
    fn of(value: &Value<'_>) -> Clean {
        let texts: &[&str] = match value {
            Value::Text(text) => &[*text],
            Value::Texts(texts) => texts,
            _ => &[],
        };
        if !texts.iter().any(|text| text.contains('\0')) {
            return Clean::default();
        }
        Clean(texts.iter().map(|text| text.replace('\0', "\u{fffd}")).collect())
    }
}

/// The parameters, with clean texts in place of theirs.
fn cleaned<'v>(parameters: &[Value<'v>], clean: &'v [Clean], texts: &'v [Vec<&'v str>]) -> Vec<Value<'v>> {
    let each = parameters.iter().zip(clean).zip(texts).map(|((value, clean), texts)| match value {
        Value::Text(_) if !texts.is_empty() => Value::Text(&clean.0[0]),
        Value::Texts(_) if !texts.is_empty() => Value::Texts(texts),
        other => *other,
    });
    each.collect()
}

/// Gives them to the connection.
macro_rules! cleanly {
    ($session:ident, $call:ident, $text:ident, $parameters:ident) => {{
        let clean: Vec<Clean> = $parameters.iter().map(Clean::of).collect();
        let texts: Vec<Vec<&str>> = clean.iter().map(|clean| put::borrowed(&clean.0)).collect();
        $session.0.$call($text, &cleaned($parameters, &clean, &texts)).await
    }};
}

impl Sql for Session<'_> {
    async fn query(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<Row>, LedgerError> {
        cleanly!(self, query, text, parameters)
    }

    async fn numbers(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<i64>, LedgerError> {
        cleanly!(self, numbers, text, parameters)
    }

    async fn execute(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<u64, LedgerError> {
        cleanly!(self, execute, text, parameters)
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn clock(&self) -> Value<'static> {
        Value::Null
    }

    async fn batch(&mut self, text: &str) -> Result<(), LedgerError> {
        self.0.batch(text).await
    }
}
