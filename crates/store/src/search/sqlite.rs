//! The embedded index: one SQLite file, beside the ledger's or wherever it is to be.
//!
//! Nothing in it is precious, so a commit waits for no disk: after a crash the file is what it was some commits ago, and its follower goes
//! on from there. A file that cannot be read is told as if there were none. Questions run on threads that may block, a few side by side,
//! each on one snapshot, and are ended when they take too long.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock};
use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use wharf_model::digest::Digest;

use super::{
    Asked, FINDS_MAX, FORM, Found, Inside, SCHEMA, Search, SearchError, Standing, TIME_MAX, Update, find, inside,
    place, put, text,
};
use crate::ledger::query::LedgerError;
use crate::sql::sqlite::{self, at_once, failed};
use crate::sql::{Dialect, Row, Sql, Texts, Value};

/// Memory for pages of the writer and of each reader, in KiB.
const CACHE_WRITER_KIB: i64 = 16 << 10;
const CACHE_READER_KIB: i64 = 4 << 10;
/// How much of the file is mapped, in bytes: page cache of the system, not memory of ours.
const MAPPED_BYTES_MAX: i64 = 1 << 30;
/// How large the write-ahead log may stay after a burst, in bytes.
const WAL_BYTES_KEPT: i64 = 64 << 20;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const STATEMENTS_MAX: usize = 128;

/// An index in one file.
pub struct Sqlite {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
}

struct Shared {
    path: PathBuf,
    texts: Arc<Texts>,
    /// Held by whoever reads; for writing by who takes the file away. Closed later, a connection to a file that is gone would take the
    /// write-ahead log of the next along.
    here: RwLock<()>,
    /// The one that writes; none before it was needed, and while there is no index.
    writer: Mutex<Option<Session>>,
    /// Connections that rest.
    readers: Mutex<Vec<Session>>,
}

impl Sqlite {
    /// The index in that file, which need not be there. Reads nothing.
    pub fn new(path: impl AsRef<Path>) -> Arc<Sqlite> {
        let (path, texts) = (path.as_ref().to_owned(), Arc::new(Texts::new(Dialect::Sqlite)));
        let shared = Shared { path, texts, here: RwLock::new(()), writer: Mutex::default(), readers: Mutex::default() };
        Arc::new(Sqlite { shared: Arc::new(shared), places: Arc::new(Semaphore::new(FINDS_MAX)) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, SearchError> {
        let shared = self.shared.clone();
        let done = tokio::task::spawn_blocking(move || work(&shared)).await;
        done.unwrap_or_else(|error| Err(SearchError::Unavailable(error.to_string())))
    }
}

#[async_trait]
impl Search for Sqlite {
    async fn standing(&self) -> Result<Option<Standing>, SearchError> {
        let read = self.blocking(|shared| shared.with_writer(|session| at_once(put::standing(session)))).await;
        match read {
            Err(SearchError::Corrupt(_)) => Ok(None),
            read => read,
        }
    }

    async fn begin(&self, standing: Standing) -> Result<(), SearchError> {
        self.blocking(move |shared| shared.begin(standing)).await
    }

    async fn apply(&self, updates: Vec<Update>, standing: Standing) -> Result<(), SearchError> {
        self.blocking(move |shared| shared.apply(&updates, standing)).await
    }

    async fn lacking(&self, limit: usize) -> Result<Vec<(Digest, Inside)>, SearchError> {
        self.blocking(move |shared| shared.with_writer(|session| at_once(inside::lacking(session, limit)))).await
    }

    async fn find(&self, asked: Asked) -> Result<Found, SearchError> {
        let place = place(&self.places).await?;
        let (sender, mut interrupt) = oneshot::channel();
        let shared = self.shared.clone();
        let mut finding = tokio::task::spawn_blocking(move || {
            // Until the thread is free again, also where nobody waits any more.
            let _place = place;
            let _here = shared.here.read();
            let mut session = shared.reader()?;
            let _ = sender.send(session.connection.get_interrupt_handle());
            let found = session.find(&asked);
            shared.give_back(session);
            found
        });
        let found = match timeout(TIME_MAX, &mut finding).await {
            Ok(found) => found,
            Err(_) => {
                let _ = interrupt.try_recv().inspect(rusqlite::InterruptHandle::interrupt);
                // It has come to an end all the same, or it was ended.
                finding.await.map(|found| found.map_err(|_| SearchError::TooLong))
            }
        };
        found.unwrap_or_else(|error| Err(SearchError::Unavailable(error.to_string())))
    }
}

impl Shared {
    /// Opens what is there.
    fn open(&self, cache_kib: i64) -> Result<Session, SearchError> {
        if !self.path.exists() {
            return Err(SearchError::Corrupt("there is none".to_owned()));
        }
        let connection = connect(&self.path, cache_kib)?;
        let form: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
        if form != FORM {
            return Err(SearchError::Corrupt(format!("it is of form {form}")));
        }
        Ok(Session { connection, texts: self.texts.clone() })
    }

    fn with_writer<T>(&self, work: impl FnOnce(&mut Session) -> Result<T, SearchError>) -> Result<T, SearchError> {
        let mut writer = self.writer.lock();
        let session = match writer.take() {
            Some(session) => session,
            None => self.open(CACHE_WRITER_KIB)?,
        };
        work(writer.insert(session))
    }

    fn apply(&self, updates: &[Update], standing: Standing) -> Result<(), SearchError> {
        self.with_writer(|session| {
            session.run("BEGIN IMMEDIATE")?;
            let made = at_once(put::apply(session, updates, standing)).and_then(|()| session.run("COMMIT"));
            if made.is_err() && !session.connection.is_autocommit() {
                let _ = session.run("ROLLBACK");
            }
            made
        })
    }

    fn begin(&self, standing: Standing) -> Result<(), SearchError> {
        let mut writer = self.writer.lock();
        *writer = None;
        let _gone = self.here.write();
        self.readers.lock().clear();
        for end in ["", "-wal", "-shm"] {
            let mut path = self.path.clone().into_os_string();
            path.push(end);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(SearchError::Unavailable(format!("{}: {error}", path.display())));
                }
                _ => {}
            }
        }
        let mut session = Session { connection: connect(&self.path, CACHE_WRITER_KIB)?, texts: self.texts.clone() };
        let (tables, text) = (Dialect::Sqlite.speak(SCHEMA), text::schema(Dialect::Sqlite));
        session.run(&format!("BEGIN; {tables} {text} PRAGMA user_version = {FORM};"))?;
        at_once(put::stand(&mut session, standing))?;
        session.run("COMMIT")?;
        *writer = Some(session);
        Ok(())
    }

    fn reader(&self) -> Result<Session, SearchError> {
        if let Some(session) = self.readers.lock().pop() {
            return Ok(session);
        }
        let session = self.open(CACHE_READER_KIB)?;
        session.connection.pragma_update(None, "query_only", true).map_err(failed)?;
        Ok(session)
    }

    fn give_back(&self, session: Session) {
        let mut readers = self.readers.lock();
        if readers.len() < FINDS_MAX {
            readers.push(session);
        }
    }
}

/// One connection.
struct Session {
    connection: Connection,
    texts: Arc<Texts>,
}

impl Session {
    fn run(&self, text: &str) -> Result<(), SearchError> {
        Ok(self.connection.execute_batch(text).map_err(failed)?)
    }

    fn find(&mut self, asked: &Asked) -> Result<Found, SearchError> {
        // One snapshot for all statements.
        self.run("BEGIN")?;
        let found = at_once(find::find(self, asked));
        let ended = self.run("ROLLBACK");
        found.and_then(|found| ended.map(|()| found))
    }
}

impl Sql for Session {
    async fn query(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<Row>, LedgerError> {
        sqlite::query(&self.connection, &self.texts, text, parameters)
    }

    async fn numbers(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<Vec<i64>, LedgerError> {
        sqlite::numbers(&self.connection, &self.texts, text, parameters)
    }

    async fn execute(&mut self, text: &'static str, parameters: &[Value<'_>]) -> Result<u64, LedgerError> {
        sqlite::execute(&self.connection, &self.texts, text, parameters)
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    /// Nothing in an index is as old as its clock.
    fn clock(&self) -> Value<'static> {
        Value::Null
    }

    async fn batch(&mut self, text: &str) -> Result<(), LedgerError> {
        self.connection.execute_batch(text).map_err(failed)
    }
}

fn connect(path: &Path, cache_kib: i64) -> Result<Connection, LedgerError> {
    let connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;").map_err(failed)?;
    connection.pragma_update(None, "cache_size", -cache_kib).map_err(failed)?;
    connection.pragma_update_and_check(None, "mmap_size", MAPPED_BYTES_MAX, |_| Ok(())).map_err(failed)?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT, |_| Ok(())).map_err(failed)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const HERE: Standing = Standing { version: 1, seq: 7, at: 0, scanned: None };

    /// Whatever is there in place of a file, it is no index, and one can be made there.
    #[tokio::test]
    async fn what_cannot_be_read_is_made_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("search.db");
        let whole = {
            let index = Sqlite::new(&path);
            assert_eq!(index.standing().await, Ok(None));
            assert!(matches!(index.find(Asked::default()).await, Err(SearchError::Corrupt(_))));
            index.begin(HERE).await.expect("made");
            assert_eq!(index.standing().await, Ok(Some(HERE)));
            index.find(Asked::default()).await.expect("asked");
            drop(index);
            std::fs::read(&path).expect("a file")
        };
        let index = Sqlite::new(&path);
        assert_eq!(index.standing().await, Ok(Some(HERE)), "it is there after a restart");
        let mut torn = whole.clone();
        torn.truncate(whole.len() / 2);
        torn.iter_mut().skip(100).for_each(|byte| *byte ^= 0x55);
        let mut other = whole.clone();
        // Where SQLite keeps the user's version (https://www.sqlite.org/fileformat.html §1.3).
        other[60..64].copy_from_slice(&99u32.to_be_bytes());
        for bad in [b"no database at all".repeat(99), torn, other] {
            let index = Sqlite::new(&path);
            for end in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(folder.path().join(format!("search.db{end}")));
            }
            std::fs::write(&path, bad).expect("written");
            assert_eq!(index.standing().await, Ok(None));
            index.begin(HERE).await.expect("made anew");
            assert_eq!(index.standing().await, Ok(Some(HERE)));
            index.find(Asked::default()).await.expect("asked");
        }
    }
}
