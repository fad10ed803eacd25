//! The embedded index: one SQLite file, beside the ledger's or wherever it is to be.
//!
//! Nothing in it is precious, so a commit waits for no disk: after a crash the file is what it was some commits ago, and its follower goes
//! on from there. A file that cannot be read is told as if there were none. Questions run on threads that may block, a few side by side,
//! each on one snapshot, and are ended when they take too long.

mod field;
mod find;
mod inside;
mod put;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use wharf_model::digest::Digest;

use super::{Asked, Found, Inside, Search, SearchError, Standing, Update};

/// The form of the file: one of another is thrown away.
const FORM: i64 = 2;
const SCHEMA: &str = include_str!("sqlite/schema.sql");
/// How many questions are answered side by side; each takes a thread and a core.
pub const FINDS_MAX: usize = 4;
/// How long a question waits for others.
const WAIT: Duration = Duration::from_secs(2);
/// How long a question may take.
const TIME_MAX: Duration = Duration::from_secs(3);
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
    /// Held by whoever reads; for writing by who takes the file away. Closed later, a connection to a file that is gone would take the
    /// write-ahead log of the next along.
    here: RwLock<()>,
    /// The one that writes; none before it was needed, and while there is no index.
    writer: Mutex<Option<Connection>>,
    /// Connections that rest.
    readers: Mutex<Vec<Connection>>,
}

impl Sqlite {
    /// The index in that file, which need not be there. Reads nothing.
    pub fn new(path: impl AsRef<Path>) -> Arc<Sqlite> {
        let (path, here) = (path.as_ref().to_owned(), RwLock::new(()));
        let shared = Shared { path, here, writer: Mutex::default(), readers: Mutex::default() };
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
        let read = self.blocking(|shared| shared.with_writer(standing)).await;
        match read {
            Err(SearchError::Corrupt(_)) => Ok(None),
            read => read,
        }
    }

    async fn begin(&self, standing: Standing) -> Result<(), SearchError> {
        self.blocking(move |shared| shared.begin(standing)).await
    }

    async fn apply(&self, updates: Vec<Update>, standing: Standing) -> Result<(), SearchError> {
        self.blocking(move |shared| shared.with_writer(|connection| put::apply(connection, &updates, standing))).await
    }

    async fn lacking(&self, limit: usize) -> Result<Vec<(Digest, Inside)>, SearchError> {
        self.blocking(move |shared| shared.with_writer(|connection| inside::lacking(connection, limit))).await
    }

    async fn find(&self, asked: Asked) -> Result<Found, SearchError> {
        let waited = timeout(WAIT, self.places.clone().acquire_owned()).await;
        let Ok(Ok(place)) = waited else {
            return Err(SearchError::Unavailable("others are being answered".to_owned()));
        };
        let (sender, mut interrupt) = oneshot::channel();
        let shared = self.shared.clone();
        let mut finding = tokio::task::spawn_blocking(move || {
            // Until the thread is free again, also where nobody waits any more.
            let _place = place;
            let _here = shared.here.read();
            let connection = shared.reader()?;
            let _ = sender.send(connection.get_interrupt_handle());
            let found = find::find(&connection, &asked);
            shared.give_back(connection);
            found
        });
        let found = match timeout(TIME_MAX, &mut finding).await {
            Ok(found) => found,
            Err(_) => {
                let _ = interrupt.try_recv().inspect(rusqlite::InterruptHandle::interrupt);
                finding.await
            }
        };
        found.unwrap_or_else(|error| Err(SearchError::Unavailable(error.to_string())))
    }
}

impl Shared {
    /// Opens what is there.
    fn open(&self, cache_kib: i64) -> Result<Connection, SearchError> {
        if !self.path.exists() {
            return Err(SearchError::Corrupt("there is none".to_owned()));
        }
        let connection = connect(&self.path, cache_kib)?;
        let form: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
        if form != FORM {
            return Err(SearchError::Corrupt(format!("it is of form {form}")));
        }
        Ok(connection)
    }

    fn with_writer<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, SearchError>) -> Result<T, SearchError> {
        let mut writer = self.writer.lock();
        let connection = match writer.take() {
            Some(connection) => connection,
            None => self.open(CACHE_WRITER_KIB)?,
        };
        work(writer.insert(connection))
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
        let connection = connect(&self.path, CACHE_WRITER_KIB)?;
        let made = format!("BEGIN; {SCHEMA} PRAGMA user_version = {FORM};");
        connection.execute_batch(&made).map_err(failed)?;
        put::stand(&connection, standing)?;
        connection.execute_batch("COMMIT").map_err(failed)?;
        *writer = Some(connection);
        Ok(())
    }

    fn reader(&self) -> Result<Connection, SearchError> {
        if let Some(connection) = self.readers.lock().pop() {
            return Ok(connection);
        }
        let connection = self.open(CACHE_READER_KIB)?;
        connection.pragma_update(None, "query_only", true).map_err(failed)?;
        Ok(connection)
    }

    fn give_back(&self, connection: Connection) {
        let mut readers = self.readers.lock();
        if readers.len() < FINDS_MAX {
            readers.push(connection);
        }
    }
}

fn connect(path: &Path, cache_kib: i64) -> Result<Connection, SearchError> {
    let connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;").map_err(failed)?;
    connection.pragma_update(None, "cache_size", -cache_kib).map_err(failed)?;
    connection.pragma_update_and_check(None, "mmap_size", MAPPED_BYTES_MAX, |_| Ok(())).map_err(failed)?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT, |_| Ok(())).map_err(failed)?;
    Ok(connection)
}

fn standing(connection: &mut Connection) -> Result<Option<Standing>, SearchError> {
    let find = "SELECT version, seq, at, scanned FROM standing";
    let read = |row: &rusqlite::Row<'_>| {
        let (seq, scanned): (i64, Option<i64>) = (row.get(1)?, row.get(3)?);
        let scanned = scanned.map(|at| at as u64);
        Ok(Standing { version: row.get(0)?, seq: seq as u64, at: row.get(2)?, scanned })
    };
    connection.query_row(find, [], read).optional().map_err(failed)
}

fn failed(error: rusqlite::Error) -> SearchError {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => SearchError::TooLong,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch) => {
            SearchError::Corrupt(error.to_string())
        }
        _ => SearchError::Unavailable(error.to_string()),
    }
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
