//! How connections to PostgreSQL are made, and how one answers.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};
use tokio_postgres::{CancelToken, Client, Config, NoTls, Statement};

use super::{Dialect, Field, Row, Sql, Texts, Value, places};
use crate::clock::Clock;
use crate::ledger::query::LedgerError;

/// How long a question waits for a connection, and a connection for the server.
const WAIT: Duration = Duration::from_secs(10);
/// How long a connection may be silent before it is asked whether it still stands, and how long what was sent may stay
/// unacknowledged; unless the URL says otherwise.
const KEEPALIVE: Duration = Duration::from_secs(10);
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);
/// How long `tokio-postgres` waits with the first of these questions where the URL says nothing.
const KEEPALIVE_UNSET: Duration = Duration::from_secs(2 * 60 * 60);
/// What the server says where tables are not as we made them.
const UNEXPECTED: [SqlState; 6] = [
    SqlState::UNDEFINED_TABLE,
    SqlState::UNDEFINED_COLUMN,
    SqlState::INVALID_SCHEMA_NAME,
    SqlState::DATATYPE_MISMATCH,
    SqlState::DATA_CORRUPTED,
    SqlState::INDEX_CORRUPTED,
];

/// What `url` says, with these options of the server, and our bounds.
pub(crate) fn config(url: &str, options: &str) -> Result<Config, LedgerError> {
    let mut config: Config = url.parse().map_err(|error| unavailable("the address is wrong", error))?;
    let options = format!("{options} {}", config.get_options().unwrap_or_default());
    config.connect_timeout(WAIT).application_name("wharf").options(options);
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNACKNOWLEDGED);
    }
    if config.get_keepalives_idle() == KEEPALIVE_UNSET {
        config.keepalives_idle(KEEPALIVE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(KEEPALIVE);
    }
    Ok(config)
}

pub(crate) fn pool(config: Config, connections: usize) -> Result<Pool, LedgerError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let pool = Pool::builder(Manager::from_config(config, NoTls, recycling)).max_size(connections);
    let pool = pool.wait_timeout(Some(WAIT)).create_timeout(Some(WAIT)).runtime(Runtime::Tokio1).build();
    pool.map_err(|error| unavailable("the pool cannot be made", error))
}

pub(crate) fn unavailable(what: &str, error: impl std::fmt::Display) -> LedgerError {
    LedgerError::Unavailable(format!("PostgreSQL: {what}: {error}"))
}

pub(crate) fn explain(error: tokio_postgres::Error) -> LedgerError {
    match error.code() {
        Some(code) if *code == SqlState::DISK_FULL => LedgerError::Full,
        code => {
            let message = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
            let message = format!("PostgreSQL: {message}");
            // Somebody was at the tables, or has torn an index.
            let is_corrupt = code.is_some_and(|code| UNEXPECTED.contains(code));
            if is_corrupt { LedgerError::Corrupt(message) } else { LedgerError::Unavailable(message) }
        }
    }
}

/// A connection in hand.
pub(crate) struct Connection {
    object: Object,
    clock: Option<Arc<dyn Clock>>,
    texts: Arc<Texts>,
}

impl Connection {
    pub(crate) fn new(object: Object, texts: Arc<Texts>, clock: Option<Arc<dyn Clock>>) -> Connection {
        Connection { object, clock, texts }
    }

    /// Ends it, rather than giving it back.
    pub(crate) fn close(self) {
        drop(Object::take(self.object));
    }

    /// Whether nothing can be asked on it any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.object.is_closed()
    }

    /// What ends the statement that it is at.
    pub(crate) fn cancel_token(&self) -> CancelToken {
        self.object.cancel_token()
    }

    async fn prepared(&self, text: &'static str, parameters: usize) -> Result<Statement, LedgerError> {
        let statement = self.object.prepare_cached(&self.texts.spoken(text)).await.map_err(explain)?;
        if statement.params().len() != parameters {
            return Err(LedgerError::Corrupt(format!("a statement with another number of parameters: {text}")));
        }
        Ok(statement)
    }
}

fn bound<'a>(parameters: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    parameters.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl Sql for Connection {
    async fn query(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<Row>, LedgerError> {
        if places(parameters) == Some(0) {
            return Ok(Vec::new());
        }
        let statement = self.prepared(text, parameters.len()).await?;
        let client: &Client = &self.object;
        let rows = client.query(&statement, &bound(parameters)).await.map_err(explain)?;
        rows.iter().map(row).collect()
    }

    async fn numbers(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<i64>, LedgerError> {
        if places(parameters) == Some(0) {
            return Ok(Vec::new());
        }
        let statement = self.prepared(text, parameters.len()).await?;
        let client: &Client = &self.object;
        let row = client.query_one(&statement, &bound(parameters)).await.map_err(explain)?;
        row.try_get::<_, Numbers>(0).map(|numbers| numbers.0).map_err(explain)
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn execute(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<u64, LedgerError> {
        if places(parameters) == Some(0) {
            return Ok(0);
        }
        let statement = self.prepared(text, parameters.len()).await?;
        let client: &Client = &self.object;
        client.execute(&statement, &bound(parameters)).await.map_err(explain)
    }

    fn clock(&self) -> Value<'static> {
        self.clock.as_ref().map(|clock| clock.now()).into()
    }

    async fn batch(&mut self, text: &str) -> Result<(), LedgerError> {
        self.object.batch_execute(text).await.map_err(explain)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(value) => value.to_sql(kind, out),
            Value::Text(value) => value.to_sql(kind, out),
            Value::Bytes(value) => value.to_sql(kind, out),
            Value::List(list) => list.to_sql(kind, out),
            Value::Ints(list) => list.to_sql(kind, out),
            Value::Texts(list) => list.to_sql(kind, out),
            Value::Blobs(list) => list.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::TEXT | Type::BYTEA | Type::TEXT_ARRAY | Type::BYTEA_ARRAY | Type::INT8_ARRAY)
    }

    tokio_postgres::types::to_sql_checked!();
}

impl<'a> FromSql<'a> for Field {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match *kind {
            Type::INT8 => Field::Int(i64::from_sql(kind, raw)?),
            Type::INT4 => Field::Int(i32::from_sql(kind, raw)?.into()),
            Type::TEXT => Field::Text(String::from_sql(kind, raw)?),
            _ => Field::Bytes(raw.to_vec().into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Field::Null)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::INT4 | Type::TEXT | Type::BYTEA)
    }
}

fn row(row: &tokio_postgres::Row) -> Result<Row, LedgerError> {
    (0..row.len()).map(|at| row.try_get(at).map_err(explain)).collect::<Result<_, _>>().map(Row)
}

/// All numbers of an array, however many dimensions it has.
struct Numbers(Vec<i64>);

impl<'a> FromSql<'a> for Numbers {
    /// The number of dimensions, whether there are NULLs, the type, size and first index of each dimension; then each with its length in
    /// bytes before it (`array_send` in PostgreSQL's `arrayfuncs.c`).
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let (dimensions, _) = raw.split_first_chunk().ok_or("a short array")?;
        let head = 12 + 8 * usize::try_from(i32::from_be_bytes(*dimensions))?;
        let (all, rest) = raw.get(head..).ok_or("a short array")?.as_chunks::<12>();
        if !rest.is_empty() {
            return Err("an array with something else in it".into());
        }
        let number = |[_, _, _, length, bytes @ ..]: &[u8; 12]| (*length == 8).then(|| i64::from_be_bytes(*bytes));
        let numbers = all.iter().map(number).collect::<Option<_>>().ok_or("an array with something else in it")?;
        Ok(Numbers(numbers))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Numbers(Vec::new()))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::INT8_ARRAY
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn connections_that_died_are_found() {
        let given = |url: &str| {
            let config = config(url, "").expect("an address");
            (config.get_tcp_user_timeout().copied(), config.get_keepalives_idle(), config.get_keepalives_interval())
        };
        let seconds = Duration::from_secs;
        assert_eq!(given("postgres://host/wharf"), (Some(seconds(30)), seconds(10), Some(seconds(10))));
        let said = "postgres://host/wharf?tcp_user_timeout=5&keepalives_idle=60&keepalives_interval=7";
        assert_eq!(given(said), (Some(seconds(5)), seconds(60), Some(seconds(7))));
    }
}
