//! Migrations: numbered texts that serve both engines, run by themselves when a ledger is opened.

use super::query::LedgerError;
use crate::sql::{Dialect, Sql};

/// All migrations in order; the schema's version is how many were run. A released one never changes.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_first.sql"),
    include_str!("../../migrations/0002_access.sql"),
    include_str!("../../migrations/0003_project.sql"),
    include_str!("../../migrations/0004_trash.sql"),
    include_str!("../../migrations/0005_facts.sql"),
    include_str!("../../migrations/0006_front.sql"),
];

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    /// A ledger of the second schema: a project `p` whose two repositories share a blob of five bytes, one of which has a
    /// manifest of three and one of seven in the trash; `q` has that blob too.
    const BEFORE: &str = "
        INSERT INTO project (id, uid, name, public, created_at) VALUES (1, x'01', 'p', 0, 0), (2, x'02', 'q', 0, 0);
        INSERT INTO repository (id, uid, project, name, public, created_at)
            VALUES (1, x'01', 1, 'p/a', 0, 0), (2, x'02', 1, 'p/b', 0, 0), (3, x'03', 2, 'q/a', 0, 0);
        INSERT INTO blob (id, algorithm, digest, size, location) VALUES (1, 1, x'01', 5, 'here');
        INSERT INTO member (repository, blob) VALUES (1, 1), (2, 1), (3, 1);
        INSERT INTO document (id, algorithm, digest, bytes) VALUES (1, 1, x'02', x'000000'), (2, 1, x'03', x'00000000000000');
        INSERT INTO manifest (id, uid, repository, document, algorithm, digest, media_type, pushed_at, pushed_by)
            VALUES (1, x'01', 1, 1, 1, x'02', 'a/b', 0, 'kim');
        INSERT INTO trash (uid, kind, repository, manifest, manifest_uid, document, media_type, pushed_at, pushed_by, tags,
                deleted_at, deleted_by, until)
            VALUES (x'01', 1, 1, 2, x'02', 2, 'a/b', 0, 'kim', '[]', 0, 'kim', 0);
        INSERT INTO edge (repository, manifest, role, algorithm, digest) VALUES (1, 1, 2, 1, x'01'), (1, 2, 2, 1, x'01');";

    #[test]
    fn what_was_there_is_kept_and_what_is_used_is_counted() {
        let connection = rusqlite::Connection::open_in_memory().expect("a ledger");
        let run = |text: &str| connection.execute_batch(&Dialect::Sqlite.speak(text)).expect("it runs");
        MIGRATIONS[..2].iter().for_each(|migration| run(migration));
        run(BEFORE);
        MIGRATIONS[2..].iter().for_each(|migration| run(migration));
        let numbers = |text: &str| -> Vec<(i64, i64, i64)> {
            let mut statement = connection.prepare(text).expect("a statement");
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("rows");
            rows.collect::<Result<_, _>>().expect("numbers")
        };
        let used = "SELECT used_bytes, reserved_bytes, repositories FROM project ORDER BY id";
        assert_eq!(numbers(used), [(5 + 3 + 7, 0, 2), (5, 0, 1)]);
        assert_eq!(numbers("SELECT project, blob, members FROM holding ORDER BY project"), [(1, 1, 2), (2, 1, 1)]);
        // What was in the trash still is, and holds what it did.
        assert_eq!(
            numbers("SELECT kind, project, manifest FROM trash WHERE name = 'p/a' AND uid = x'01'"),
            [(1, 1, 2)]
        );
        assert_eq!(numbers("SELECT repository, manifest, role FROM edge ORDER BY manifest"), [(1, 1, 2), (1, 2, 2)]);
    }
}
