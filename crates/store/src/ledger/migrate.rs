//! Migrations: numbered texts that serve both engines, run by themselves when a ledger is opened.

use super::query::LedgerError;
use super::sql::{Dialect, Sql};

/// All migrations in order; the schema's version is how many were run. A released one never changes.
const MIGRATIONS: &[&str] =
    &[include_str!("../../migrations/0001_first.sql"), include_str!("../../migrations/0002_access.sql")];

/// Brings the schema up to date. Runs inside a transaction that excludes every other writer.
///
/// # Errors
/// [`LedgerError::Newer`] where a newer release was here.
pub(crate) async fn migrate(sql: &mut impl Sql, dialect: Dialect) -> Result<(), LedgerError> {
    let table = "CREATE TABLE IF NOT EXISTS schema_version (version {int} NOT NULL){rows}";
    sql.batch(&dialect.speak(table)).await?;
    let found = match sql.one("SELECT version FROM schema_version", &[]).await? {
        Some(mut row) => row.int(0)?,
        None => {
            sql.execute("INSERT INTO schema_version (version) VALUES (0)", &[]).await?;
            0
        }
    };
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(LedgerError::Newer { found, known });
    }
    let run = usize::try_from(found).map_err(|_| LedgerError::Corrupt(format!("schema version {found}")))?;
    for migration in &MIGRATIONS[run..] {
        sql.batch(&dialect.speak(migration)).await?;
    }
    sql.execute("UPDATE schema_version SET version = $1", &[known.into()]).await?;
    Ok(())
}
