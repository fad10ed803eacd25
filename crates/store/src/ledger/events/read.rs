//! The questions about what happened, each one statement.

use super::{Direction, NewsProject, NewsRow, Whence};
use crate::ledger::Seq;
use crate::ledger::change::Entry;
use crate::ledger::query::LedgerError;
use crate::ledger::read::entry;
use crate::ledger::trash::BEYOND_TRASH;
use crate::sql::{Row, Sql, Value};

/// What [`news_row`] reads of `x`, and where that is.
macro_rules! select_news {
    (all, $($rest:literal),+) => {
        concat!(
            "SELECT x.seq, x.project, p.uid, p.name, p.public FROM log_project x LEFT JOIN project p ON p.id = x.project WHERE ",
            $($rest),+
        )
    };
    (project, $($rest:literal),+) => {
        concat!(
            // Its number is known before, so that the entries come in their order, and no more of them than are asked for.
            "SELECT x.seq, x.project, p.uid, p.name, p.public FROM log_project x CROSS JOIN project p
            WHERE x.project = (SELECT o.id FROM project o WHERE o.uid = $4) AND p.id = x.project AND ",
            $($rest),+
        )
    };
    (repository, $($rest:literal),+) => {
        concat!(
            "SELECT x.seq, p.id, p.uid, p.name, p.public FROM log_repository x CROSS JOIN repository r CROSS JOIN project p
            WHERE x.repository = (SELECT o.id FROM repository o WHERE o.uid = $4) AND r.id = x.repository AND p.id = r.project AND ",
            $($rest),+
        )
    };
}

pub(crate) async fn news(
    sql: &mut impl Sql,
    whence: Whence,
    direction: Direction,
    limit: usize,
) -> Result<Vec<NewsRow>, LedgerError> {
    let (Direction::Before((seq, number)) | Direction::After((seq, number))) = direction;
    let bound = |value: u64| Value::Int(i64::try_from(value).unwrap_or(i64::MAX));
    let page = [bound(seq), bound(number), (limit as i64).into()];
    // What is one project's or repository's has one number, so that the entries alone settle the order.
    let find = match (&whence, direction) {
        (Whence::All, Direction::Before(_)) => select_news!(
            all,
            "x.seq <= $1 AND (x.seq, x.project) < ($1, $2) ORDER BY x.seq DESC, x.project DESC LIMIT $3"
        ),
        (Whence::All, Direction::After(_)) => {
            select_news!(all, "x.seq >= $1 AND (x.seq, x.project) > ($1, $2) ORDER BY x.seq, x.project LIMIT $3")
        }
        (Whence::Project(_), Direction::Before(_)) => {
            select_news!(project, "x.seq <= $1 AND (x.seq, x.project) < ($1, $2) ORDER BY x.seq DESC LIMIT $3")
        }
        (Whence::Project(_), Direction::After(_)) => {
            select_news!(project, "x.seq >= $1 AND (x.seq, x.project) > ($1, $2) ORDER BY x.seq LIMIT $3")
        }
        (Whence::Repository(_), Direction::Before(_)) => {
            select_news!(repository, "x.seq <= $1 AND (x.seq, p.id) < ($1, $2) ORDER BY x.seq DESC LIMIT $3")
        }
        (Whence::Repository(_), Direction::After(_)) => {
            select_news!(repository, "x.seq >= $1 AND (x.seq, p.id) > ($1, $2) ORDER BY x.seq LIMIT $3")
        }
    };
    let rows = match &whence {
        Whence::All => sql.query(find, &page).await?,
        Whence::Project(id) | Whence::Repository(id) => {
            let [seq, number, limit] = page;
            sql.query(find, &[seq, number, limit, id.into()]).await?
        }
    };
    rows.into_iter().map(news_row).collect()
}

fn news_row(mut row: Row) -> Result<NewsRow, LedgerError> {
    let (seq, number) = (row.unsigned(0)?, row.unsigned(1)?);
    let Some(id) = row.maybe_id(2)? else { return Ok(NewsRow { seq, number, project: None }) };
    let (name, public) = (row.text(3)?, row.flag(4)?);
    if name.as_str() < BEYOND_TRASH {
        return Ok(NewsRow { seq, number, project: None });
    }
    let name = name.parse().map_err(|_| LedgerError::Corrupt(format!("a project called {name}")))?;
    Ok(NewsRow { seq, number, project: Some(NewsProject { id, name, public }) })
}

pub(crate) async fn entries(sql: &mut impl Sql, numbers: &[Seq]) -> Result<Vec<Entry>, LedgerError> {
    let find = "SELECT l.seq, l.at, l.actor, l.changes FROM {texts $1} AS wanted CROSS JOIN log l
        WHERE l.seq = CAST(wanted.value AS BIGINT)";
    let list: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    let rows = sql.query(find, &[Value::List(&list)]).await?;
    let mut entries = rows.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    entries.sort_unstable_by_key(|entry| entry.seq);
    Ok(entries)
}
