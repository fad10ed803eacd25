//! The questions about what is shown in front, each one statement.

use wharf_model::name::RepositoryName;

use super::{CatalogueRow, OverviewRow};
use crate::ledger::query::LedgerError;
use crate::sql::{Row, Sql};

pub(crate) async fn overview(
    sql: &mut impl Sql,
    repository: &RepositoryName,
) -> Result<Option<OverviewRow>, LedgerError> {
    let find = "SELECT o.text, o.changed_at, o.changed_by FROM repository r JOIN overview o ON o.repository = r.id
        WHERE r.name = $1";
    let row = sql.one(find, &[repository.as_str().into()]).await?;
    row.map(|mut row| Ok(OverviewRow { text: row.text(0)?, changed_at: row.int(1)?, changed_by: row.text(2)? }))
        .transpose()
}

pub(crate) async fn catalogue(
    sql: &mut impl Sql,
    public_only: bool,
    after: Option<(u64, u64)>,
    limit: usize,
) -> Result<Vec<CatalogueRow>, LedgerError> {
    // Those in the trash have names that begin with a slash.
    let public = "SELECT name, pulls, id FROM repository
        WHERE public = 1 AND (pulls, id) < ($1, $2) AND substr(name, 1, 1) <> '/' ORDER BY pulls DESC, id DESC LIMIT $3";
    let all = "SELECT name, pulls, id FROM repository
        WHERE (pulls, id) < ($1, $2) AND substr(name, 1, 1) <> '/' ORDER BY pulls DESC, id DESC LIMIT $3";
    let (pulls, number) = after.map_or((i64::MAX, i64::MAX), |(pulls, number)| (signed(pulls), signed(number)));
    let parameters = [pulls.into(), number.into(), signed(limit as u64).into()];
    let rows = sql.query(if public_only { public } else { all }, &parameters).await?;
    let row =
        |mut row: Row| Ok(CatalogueRow { name: row.parsed(0)?, pulls: row.unsigned(1)?, number: row.unsigned(2)? });
    rows.into_iter().map(row).collect()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
