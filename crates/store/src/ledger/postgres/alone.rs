//! One process at a time: what is kept in memory is never older than the ledger only where nobody else writes to it. A
//! connection of its own holds a lock for as long as the ledger is open.

use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, Config, NoTls};

use super::{explain, unavailable};
use crate::ledger::query::LedgerError;

/// Whoever holds this lock has the ledger open. Any number will do, as long as it stays.
const LOCK: i64 = 7_741_862_302;
/// How long a process waits for the one before it to end.
const WAIT: Duration = Duration::from_secs(5);
/// How often it looks.
const AGAIN: Duration = Duration::from_millis(250);
/// The server has to notice when a process is gone without a word: within so many seconds.
const KEEPALIVE: &str = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3";

/// The lock, until it is dropped.
pub(super) struct Alone(AbortHandle);

impl Drop for Alone {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Takes the lock.
///
/// # Errors
/// Another process has it and keeps it, or the server cannot be reached.
pub(super) async fn hold(mut config: Config) -> Result<Alone, LedgerError> {
    let options = format!("{} {KEEPALIVE}", config.get_options().unwrap_or_default());
    config.options(options);
    let until = Instant::now() + WAIT;
    let held = loop {
        match take(&config).await? {
            Some(held) => break held,
            None if Instant::now() < until => sleep(AGAIN).await,
            None => return Err(unavailable("another process has this ledger open", "stop that one first")),
        }
    };
    Ok(Alone(tokio::spawn(keep(config, held)).abort_handle()))
}

/// The connection that has the lock, and what drives it.
type Held = (Client, tokio_postgres::Connection<tokio_postgres::Socket, tokio_postgres::tls::NoTlsStream>);

async fn take(config: &Config) -> Result<Option<Held>, LedgerError> {
    let connected = config.connect(NoTls).await;
    let (client, mut connection) = connected.map_err(|error| unavailable("no connection", error))?;
    let asking = client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]);
    let taken: bool = tokio::select! {
        row = asking => row.map_err(explain)?.get(0),
        ended = &mut connection => return Err(unavailable("the connection broke", Broke(ended.err()))),
    };
    Ok(taken.then_some((client, connection)))
}

/// Holds the lock, and takes it again where the connection breaks: the server was started anew, perhaps.
async fn keep(config: Config, mut held: Held) {
    loop {
        let ended = (&mut held.1).await;
        tracing::warn!(error = %Broke(ended.err()), "the lock on the ledger is lost with its connection; taking it again");
        held = loop {
            match take(&config).await {
                Ok(Some(held)) => break held,
                Ok(None) => tracing::error!("another process has taken the ledger; stop one of the two"),
                Err(error) => tracing::warn!(%error, "the lock on the ledger cannot be taken"),
            }
            sleep(WAIT).await;
        };
    }
}

/// Why a connection ended.
struct Broke(Option<tokio_postgres::Error>);

impl std::fmt::Display for Broke {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(error) => std::fmt::Display::fmt(error, f),
            None => f.write_str("it was closed"),
        }
    }
}
