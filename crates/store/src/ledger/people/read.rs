//! The questions about people, each one statement.

use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::limits::BINDINGS_MAX;
use wharf_model::permission::{ADMINISTRATOR, Permissions, built_in};

use super::{
    AccountKind, AccountRow, Accounts, BindingRow, GroupRow, Holder, PasswordHash, RoleRow, SecretHash, SecretRow,
};
use crate::ledger::query::LedgerError;
use crate::ledger::trash::BEYOND_TRASH;
use crate::sql::{Row, Sql, Value, id_list};

/// What [`account_row`] reads; `$project` is the id of the account's project.
macro_rules! select_account {
    ($project:literal, $rest:literal) => {
        concat!(
            "SELECT a.uid, a.name, a.kind, ",
            $project,
            ", a.description, a.password_hash, a.epoch, a.disabled, a.expires_at, a.created_at ",
            $rest
        )
    };
}

/// What [`secret_row`] reads.
macro_rules! select_secret {
    ($which:literal) => {
        concat!(
            "SELECT s.uid, a.uid, s.name, s.hash, s.limits, s.created_at, s.expires_at, u.used_at, s.id
            FROM secret s JOIN account a ON a.id = s.account LEFT JOIN secret_use u ON u.secret = s.id WHERE ",
            $which
        )
    };
}

/// What [`binding_row`] reads, and the binding's number; `$from` says where `b` comes from.
macro_rules! select_binding {
    ($from:literal, $which:literal) => {
        concat!(
            "SELECT b.uid, a.uid, a.name, a.kind, t.uid, t.name, r.name, r.permissions, b.built_in, b.permissions, p.uid,
                p.name, b.pattern, b.id
            FROM ",
            $from,
            " LEFT JOIN account a ON a.id = b.account LEFT JOIN team t ON t.id = b.team LEFT JOIN role r ON r.id = b.role
                LEFT JOIN project p ON p.id = b.project WHERE ",
            $which
        )
    };
}

pub(crate) async fn account(sql: &mut impl Sql, name: &Handle) -> Result<Option<AccountRow>, LedgerError> {
    let find = select_account!("p.uid", "FROM account a LEFT JOIN project p ON p.id = a.project WHERE a.name = $1");
    sql.one(find, &[name.as_str().into()]).await?.map(account_row).transpose()
}

pub(crate) async fn account_by_id(sql: &mut impl Sql, id: Id) -> Result<Option<AccountRow>, LedgerError> {
    let find = select_account!(
        "p.uid",
        "FROM account a LEFT JOIN project p ON p.id = a.project WHERE a.uid = $1 AND a.name > '/~'"
    );
    sql.one(find, &[(&id).into()]).await?.map(account_row).transpose()
}

pub(crate) async fn accounts(
    sql: &mut impl Sql,
    which: Accounts,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<AccountRow>, LedgerError> {
    let (after, limit) = (Value::Text(after.unwrap_or_default().max(BEYOND_TRASH)), Value::Int(limit as i64));
    let rows = match &which {
        Accounts::Users => {
            let find =
                select_account!("NULL", "FROM account a WHERE a.kind = 1 AND a.name > $1 ORDER BY a.name LIMIT $2");
            sql.query(find, &[after, limit]).await?
        }
        Accounts::Robots(None) => {
            let find = select_account!(
                "NULL",
                "FROM account a WHERE a.kind = 2 AND a.project IS NULL AND a.name > $1 ORDER BY a.name LIMIT $2"
            );
            sql.query(find, &[after, limit]).await?
        }
        Accounts::Robots(Some(project)) => {
            let find = select_account!(
                "p.uid",
                "FROM project p JOIN account a ON a.project = p.id
                WHERE p.uid = $1 AND a.name > $2 ORDER BY a.name LIMIT $3"
            );
            sql.query(find, &[project.into(), after, limit]).await?
        }
        Accounts::In(group) => {
            let find = select_account!(
                "NULL",
                "FROM team t JOIN team_member m ON m.team = t.id JOIN account a ON a.id = m.account
                WHERE t.uid = $1 AND a.name > $2 ORDER BY a.name LIMIT $3"
            );
            sql.query(find, &[group.into(), after, limit]).await?
        }
    };
    rows.into_iter().map(account_row).collect()
}

fn account_row(mut row: Row) -> Result<AccountRow, LedgerError> {
    let kind = match row.int(2)? {
        1 => AccountKind::User,
        2 => AccountKind::Robot { project: row.maybe_id(3)? },
        other => return Err(LedgerError::Corrupt(format!("an account of kind {other}"))),
    };
    Ok(AccountRow {
        id: row.id(0)?,
        name: row.parsed(1)?,
        kind,
        description: row.text(4)?,
        password: Some(row.text(5)?).filter(|hash| !hash.is_empty()).map(PasswordHash),
        epoch: row.unsigned(6)?,
        disabled: row.flag(7)?,
        expires_at: row.maybe_int(8)?,
        created_at: row.int(9)?,
    })
}

pub(crate) async fn secret(sql: &mut impl Sql, id: Id) -> Result<Option<SecretRow>, LedgerError> {
    let find = select_secret!("s.uid = $1");
    sql.one(find, &[(&id).into()]).await?.map(secret_row).transpose()
}

pub(crate) async fn secrets(sql: &mut impl Sql, accounts: &[Id]) -> Result<Vec<SecretRow>, LedgerError> {
    // Sorted here: an engine that is to sort might read all tokens in their order instead.
    let find = select_secret!("a.uid IN (SELECT value FROM {ids $1} AS wanted)");
    let rows = sql.query(find, &[Value::List(&id_list(accounts))]).await?;
    let mut secrets = rows.into_iter().map(secret_row).collect::<Result<Vec<_>, _>>()?;
    secrets.sort_unstable_by_key(|secret| secret.number);
    Ok(secrets)
}

fn secret_row(mut row: Row) -> Result<SecretRow, LedgerError> {
    let hash = row.bytes(3)?;
    let limits = serde_json::from_str(&row.text(4)?);
    Ok(SecretRow {
        number: row.unsigned(8)?,
        id: row.id(0)?,
        account: row.id(1)?,
        name: row.text(2)?,
        hash: hash[..].try_into().map(SecretHash).map_err(|_| LedgerError::Corrupt("a token's hash".to_owned()))?,
        limits: limits.map_err(|error| LedgerError::Corrupt(format!("a token's limits: {error}")))?,
        created_at: row.int(5)?,
        expires_at: row.maybe_int(6)?,
        used_at: row.maybe_int(7)?,
    })
}

pub(crate) async fn group(sql: &mut impl Sql, name: &Handle) -> Result<Option<GroupRow>, LedgerError> {
    let find = "SELECT uid, name, description FROM team WHERE name = $1";
    sql.one(find, &[name.as_str().into()]).await?.map(group_row).transpose()
}

pub(crate) async fn groups(
    sql: &mut impl Sql,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<GroupRow>, LedgerError> {
    let (after, limit) = (Value::Text(after.unwrap_or_default()), Value::Int(limit as i64));
    let find = "SELECT uid, name, description FROM team WHERE name > $1 ORDER BY name LIMIT $2";
    sql.query(find, &[after, limit]).await?.into_iter().map(group_row).collect()
}

pub(crate) async fn groups_of(
    sql: &mut impl Sql,
    accounts: &[Id],
    limit: usize,
) -> Result<Vec<(Id, Handle)>, LedgerError> {
    let find =
        "SELECT a.uid, t.name FROM {ids $1} AS wanted CROSS JOIN account a CROSS JOIN team_member m CROSS JOIN team t
        WHERE a.uid = wanted.value AND m.account = a.id AND t.id = m.team LIMIT $2";
    let rows = sql.query(find, &[Value::List(&id_list(accounts)), Value::Int(limit as i64)]).await?;
    rows.into_iter().map(|mut row| Ok((row.id(0)?, row.parsed(1)?))).collect()
}

pub(crate) async fn members_of(
    sql: &mut impl Sql,
    groups: &[Id],
    limit: usize,
) -> Result<Vec<(Id, Handle)>, LedgerError> {
    let find =
        "SELECT t.uid, a.name FROM {ids $1} AS wanted CROSS JOIN team t CROSS JOIN team_member m CROSS JOIN account a
        WHERE t.uid = wanted.value AND m.team = t.id AND a.id = m.account AND a.name > '/~' LIMIT $2";
    let rows = sql.query(find, &[Value::List(&id_list(groups)), Value::Int(limit as i64)]).await?;
    rows.into_iter().map(|mut row| Ok((row.id(0)?, row.parsed(1)?))).collect()
}

fn group_row(mut row: Row) -> Result<GroupRow, LedgerError> {
    Ok(GroupRow { id: row.id(0)?, name: row.parsed(1)?, description: row.text(2)? })
}

pub(crate) async fn role(sql: &mut impl Sql, name: &Handle) -> Result<Option<RoleRow>, LedgerError> {
    let find = "SELECT uid, name, description, permissions FROM role WHERE name = $1";
    sql.one(find, &[name.as_str().into()]).await?.map(role_row).transpose()
}

pub(crate) async fn roles(sql: &mut impl Sql) -> Result<Vec<RoleRow>, LedgerError> {
    let find = "SELECT uid, name, description, permissions FROM role ORDER BY name";
    sql.query(find, &[]).await?.into_iter().map(role_row).collect()
}

fn role_row(mut row: Row) -> Result<RoleRow, LedgerError> {
    Ok(RoleRow { id: row.id(0)?, name: row.parsed(1)?, description: row.text(2)?, permissions: known(&row.text(3)?) })
}

/// What is written there, without permissions that this release does not know.
fn known(text: &str) -> Permissions {
    text.split(',').filter_map(|name| name.parse().ok()).collect()
}

pub(crate) async fn bindings(
    sql: &mut impl Sql,
    project: Option<Id>,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, BindingRow)>, LedgerError> {
    let (after, limit) = (Value::Int(i64::try_from(after).unwrap_or(i64::MAX)), Value::Int(limit as i64));
    let rows = match &project {
        None => {
            let find = select_binding!(
                "binding b",
                "b.project IS NULL AND (b.account IS NULL OR a.name > '/~') AND b.id > $1
                ORDER BY b.id LIMIT $2"
            );
            sql.query(find, &[after, limit]).await?
        }
        Some(project) => {
            let find = select_binding!(
                "project h JOIN binding b ON b.project = h.id",
                "h.uid = $1 AND (b.account IS NULL OR a.name > '/~') AND b.id > $2
                ORDER BY b.id LIMIT $3"
            );
            sql.query(find, &[project.into(), after, limit]).await?
        }
    };
    rows.into_iter().map(|mut row| Ok((row.unsigned(13)?, binding_row(row)?))).collect()
}

pub(crate) async fn binding(sql: &mut impl Sql, binding: Id) -> Result<Option<BindingRow>, LedgerError> {
    sql.one(select_binding!("binding b", "b.uid = $1"), &[(&binding).into()]).await?.map(binding_row).transpose()
}

pub(crate) async fn bindings_of(sql: &mut impl Sql, account: Id) -> Result<Vec<BindingRow>, LedgerError> {
    let find = select_binding!(
        "(SELECT b.id FROM account o JOIN binding b ON b.account = o.id WHERE o.uid = $1
            UNION ALL SELECT b.id FROM account o JOIN team_member m ON m.account = o.id JOIN binding b ON b.team = m.team
                WHERE o.uid = $1) AS held JOIN binding b ON b.id = held.id",
        "true ORDER BY b.id LIMIT $2"
    );
    let rows = sql.query(find, &[(&account).into(), (BINDINGS_MAX as i64).into()]).await?;
    rows.into_iter().map(binding_row).collect()
}

pub(crate) async fn own_bindings(
    sql: &mut impl Sql,
    accounts: &[Id],
    limit: usize,
) -> Result<Vec<(u64, BindingRow)>, LedgerError> {
    let find = select_binding!(
        "(SELECT b.id FROM {ids $1} AS wanted CROSS JOIN account o CROSS JOIN binding b
            WHERE o.uid = wanted.value AND o.name > '/~' AND b.account = o.id LIMIT $2) AS held JOIN binding b ON b.id = held.id",
        "true"
    );
    let rows = sql.query(find, &[Value::List(&id_list(accounts)), Value::Int(limit as i64)]).await?;
    rows.into_iter().map(|mut row| Ok((row.unsigned(13)?, binding_row(row)?))).collect()
}

pub(crate) async fn bindings_of_group(sql: &mut impl Sql, group: Id) -> Result<Vec<BindingRow>, LedgerError> {
    let find = select_binding!("team g JOIN binding b ON b.team = g.id", "g.uid = $1 ORDER BY b.id LIMIT $2");
    let rows = sql.query(find, &[(&group).into(), (BINDINGS_MAX as i64).into()]).await?;
    rows.into_iter().map(binding_row).collect()
}

/// Whether there is a user who can log in and is bound to the administrators' role in the system, be it through a group.
pub(crate) async fn has_administrator(sql: &mut impl Sql) -> Result<bool, LedgerError> {
    let find = "SELECT 1 FROM binding b LEFT JOIN team_member m ON m.team = b.team
            JOIN account a ON a.id = coalesce(b.account, m.account)
        WHERE b.project IS NULL AND b.built_in = $1 AND a.kind = 1 AND a.disabled = 0 AND a.expires_at IS NULL
            AND (a.password_hash <> '' OR EXISTS (SELECT 1 FROM secret s WHERE s.account = a.id AND s.expires_at IS NULL))
        LIMIT 1";
    sql.any(find, &[ADMINISTRATOR.into()]).await
}

fn binding_row(mut row: Row) -> Result<BindingRow, LedgerError> {
    let (holder, holder_name, is_robot) = match row.maybe_id(1)? {
        Some(account) => (Holder::Account(account), row.parsed(2)?, row.int(3)? == 2),
        None => (Holder::Group(row.id(4)?), row.parsed(5)?, false),
    };
    let (role, permissions) = match (row.maybe_text(6)?, row.maybe_text(8)?, row.maybe_text(9)?) {
        (Some(role), ..) => (Some(role), known(&row.text(7)?)),
        (_, Some(role), _) => {
            let permissions = built_in(&role).map_or(Permissions::NONE, |role| role.permissions);
            (Some(role), permissions)
        }
        (.., Some(permissions)) => (None, known(&permissions)),
        _ => (None, Permissions::NONE),
    };
    let project = match row.maybe_id(10)? {
        Some(id) => Some((id, row.text(11)?)),
        None => None,
    };
    let corrupt = |what: &str| LedgerError::Corrupt(format!("a binding's {what}"));
    Ok(BindingRow {
        id: row.id(0)?,
        holder,
        holder_name,
        is_robot,
        role: role.map(|name| name.parse().map_err(|_| corrupt("role"))).transpose()?,
        permissions,
        // One in the trash has a name that is none.
        project: project.map(|(id, name)| (id, name.parse().ok())),
        pattern: row.maybe_text(12)?.map(|text| text.parse().map_err(|_| corrupt("pattern"))).transpose()?,
    })
}
