//! How changes of people, roles and bindings are made.

use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::limits::HOLDER_BINDINGS_MAX;
use wharf_model::pattern::Pattern;
use wharf_model::permission::{Permissions, built_in};

use super::read;
use super::{AccountKind, Gives, Holder, PasswordHash, PeopleChange, Thing};
use crate::clock::Millis;
use crate::ledger::apply::Context;
use crate::ledger::change::Refused;
use crate::ledger::query::LedgerError;
use crate::sql::{Sql, Value};

impl<S: Sql> Context<'_, S> {
    pub(crate) async fn people(&mut self, change: &PeopleChange) -> Result<bool, Refused> {
        if self.had_administrator.is_none() && could_leave_nobody(change) {
            self.had_administrator = Some(read::has_administrator(self.sql).await?);
        }
        self.put_people(change).await
    }

    /// Refused where somebody administered before this commit and nobody does now. Once and at the end, so that one who comes
    /// may take the place of one who goes, in any order.
    pub(crate) async fn settle_people(&mut self) -> Result<(), Refused> {
        if self.had_administrator == Some(true) && !read::has_administrator(self.sql).await? {
            return Err(Refused::LastAdministrator);
        }
        Ok(())
    }

    async fn put_people(&mut self, change: &PeopleChange) -> Result<bool, Refused> {
        match change {
            PeopleChange::PutAccount { id, name, kind, description, disabled, expires_at, password } => {
                self.put_account(id, name, *kind, description, *disabled, *expires_at, password.as_ref()).await
            }
            PeopleChange::ChangeAccount { account, description, disabled, password } => {
                self.change_account(account, description.as_deref(), *disabled, password.as_ref()).await
            }
            PeopleChange::EndSessions { account } => {
                let account = self.account(account).await?;
                self.end_sessions(account).await?;
                Ok(true)
            }
            PeopleChange::DeleteAccount { account } => self.delete_account(account).await,
            PeopleChange::PutGroup { id, name, description } => self.put_group(id, name, description).await,
            PeopleChange::DeleteGroup { group } => self.delete_group(group).await,
            PeopleChange::SetMembers { group, members } => self.set_members(group, members).await,
            PeopleChange::ChangeMembers { group, remove, add } => self.change_members(group, remove, add).await,
            PeopleChange::PutRole { id, name, description, permissions } => {
                self.put_role(id, name, description, *permissions).await
            }
            PeopleChange::DeleteRole { role } => self.delete_role(role).await,
            PeopleChange::PutBinding { id, holder, gives, project, pattern } => {
                self.put_binding(id, holder, gives, project.as_ref(), pattern.as_ref()).await
            }
            PeopleChange::DeleteBinding { binding, project } => self.delete_binding(binding, project.as_ref()).await,
            PeopleChange::PutSecret { .. } => self.put_secret(change).await,
            PeopleChange::EndSecret { secret, account, at } => self.end_secret(secret, account, *at).await,
        }
    }

    /// The number of a thing that is named by its id.
    async fn number(&mut self, find: &'static str, id: &Id, thing: Thing) -> Result<i64, Refused> {
        let row = self.sql.one(find, &[id.into()]).await?;
        Ok(row.ok_or(Refused::Unknown(thing))?.int(0)?)
    }

    async fn account(&mut self, id: &Id) -> Result<i64, Refused> {
        self.number("SELECT id FROM account WHERE uid = $1", id, Thing::Account).await
    }

    async fn group(&mut self, id: &Id) -> Result<i64, Refused> {
        self.number("SELECT id FROM team WHERE uid = $1", id, Thing::Group).await
    }

    async fn project_number(&mut self, id: &Id) -> Result<i64, Refused> {
        self.number("SELECT id FROM project WHERE uid = $1 AND name > '/~'", id, Thing::Project).await
    }

    /// The number of the project; of the system, which is no project, none.
    async fn place_number(&mut self, project: Option<&Id>) -> Result<Option<i64>, Refused> {
        match project {
            Some(project) => self.project_number(project).await.map(Some),
            None => Ok(None),
        }
    }

    async fn refuse_taken(&mut self, find: &'static str, name: &Handle, id: &Id) -> Result<(), Refused> {
        if self.sql.any(find, &[name.as_str().into(), id.into()]).await? {
            return Err(Refused::NameTaken(name.to_string()));
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of the change")]
    async fn put_account(
        &mut self,
        id: &Id,
        name: &Handle,
        kind: AccountKind,
        description: &str,
        disabled: bool,
        expires_at: Option<Millis>,
        password: Option<&PasswordHash>,
    ) -> Result<bool, Refused> {
        self.refuse_taken("SELECT 1 FROM account WHERE name = $1 AND uid <> $2", name, id).await?;
        let (kind, project) = match kind {
            AccountKind::User => (1, None),
            AccountKind::Robot { project } => (2, self.place_number(project.as_ref()).await?),
        };
        // What was issued ends with another password, and where logging in is refused.
        let put = "INSERT INTO account (uid, name, kind, project, description, disabled, expires_at, password_hash, epoch,
                created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, coalesce($8, ''), 1, $9)
            ON CONFLICT (uid) DO UPDATE SET name = excluded.name, description = excluded.description,
                disabled = excluded.disabled, expires_at = excluded.expires_at,
                epoch = account.epoch + CASE WHEN $8 IS NOT NULL OR excluded.disabled > account.disabled THEN 1 ELSE 0 END,
                password_hash = coalesce($8, account.password_hash)";
        let password = password.map(|hash| hash.0.as_str());
        let parameters = [
            id.into(),
            name.as_str().into(),
            Value::Int(kind),
            project.into(),
            description.into(),
            disabled.into(),
            expires_at.into(),
            password.into(),
            self.now.into(),
        ];
        Ok(self.sql.execute(put, &parameters).await? > 0)
    }

    /// The fields that are given, and no others: two that change different ones do not undo each other's.
    async fn change_account(
        &mut self,
        id: &Id,
        description: Option<&str>,
        disabled: Option<bool>,
        password: Option<&PasswordHash>,
    ) -> Result<bool, Refused> {
        let account = self.account(id).await?;
        let set =
            "UPDATE account SET description = coalesce($2, description), password_hash = coalesce($4, password_hash),
                disabled = coalesce(CAST($3 AS BIGINT), disabled),
                epoch = epoch + CASE WHEN $4 IS NOT NULL OR CAST($3 AS BIGINT) > disabled THEN 1 ELSE 0 END
            WHERE id = $1";
        let password = password.map(|hash| hash.0.as_str());
        let parameters = [account.into(), description.into(), disabled.into(), password.into()];
        Ok(self.sql.execute(set, &parameters).await? > 0)
    }

    async fn end_sessions(&mut self, account: i64) -> Result<(), LedgerError> {
        self.sql.execute("UPDATE account SET epoch = epoch + 1 WHERE id = $1", &[account.into()]).await?;
        Ok(())
    }

    /// With its bindings, its tokens, and its places in groups.
    pub(crate) async fn delete_account(&mut self, id: &Id) -> Result<bool, Refused> {
        let account = self.account(id).await?;
        for delete in [
            "DELETE FROM binding WHERE account = $1",
            "DELETE FROM team_member WHERE account = $1",
            "DELETE FROM secret_use WHERE secret IN (SELECT id FROM secret WHERE account = $1)",
            "DELETE FROM secret WHERE account = $1",
            "DELETE FROM account WHERE id = $1",
        ] {
            self.sql.execute(delete, &[account.into()]).await?;
        }
        Ok(true)
    }

    async fn put_group(&mut self, id: &Id, name: &Handle, description: &str) -> Result<bool, Refused> {
        self.refuse_taken("SELECT 1 FROM team WHERE name = $1 AND uid <> $2", name, id).await?;
        let put = "INSERT INTO team (uid, name, description, created_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (uid) DO UPDATE SET name = excluded.name, description = excluded.description
            WHERE team.name <> excluded.name OR team.description <> excluded.description";
        let parameters = [id.into(), name.as_str().into(), description.into(), self.now.into()];
        Ok(self.sql.execute(put, &parameters).await? > 0)
    }

    async fn delete_group(&mut self, id: &Id) -> Result<bool, Refused> {
        let group = self.group(id).await?;
        for delete in [
            "DELETE FROM binding WHERE team = $1",
            "DELETE FROM team_member WHERE team = $1",
            "DELETE FROM team WHERE id = $1",
        ] {
            self.sql.execute(delete, &[group.into()]).await?;
        }
        Ok(true)
    }

    async fn set_members(&mut self, group: &Id, members: &[Id]) -> Result<bool, Refused> {
        let group = self.group(group).await?;
        self.sql.execute("DELETE FROM team_member WHERE team = $1", &[group.into()]).await?;
        self.add_members(group, members).await?;
        Ok(true)
    }

    async fn change_members(&mut self, group: &Id, remove: &[Id], add: &[Id]) -> Result<bool, Refused> {
        let group = self.group(group).await?;
        for member in remove {
            let delete =
                "DELETE FROM team_member WHERE team = $1 AND account = (SELECT id FROM account WHERE uid = $2)";
            self.sql.execute(delete, &[group.into(), member.into()]).await?;
        }
        self.add_members(group, add).await?;
        Ok(!remove.is_empty() || !add.is_empty())
    }

    async fn add_members(&mut self, group: i64, members: &[Id]) -> Result<(), Refused> {
        for member in members {
            let account = self.account(member).await?;
            let put = "INSERT INTO team_member (team, account) VALUES ($1, $2) ON CONFLICT (team, account) DO NOTHING";
            self.sql.execute(put, &[group.into(), account.into()]).await?;
        }
        Ok(())
    }

    async fn put_role(
        &mut self,
        id: &Id,
        name: &Handle,
        description: &str,
        permissions: Permissions,
    ) -> Result<bool, Refused> {
        self.refuse_taken("SELECT 1 FROM role WHERE name = $1 AND uid <> $2", name, id).await?;
        if built_in(name.as_str()).is_some() {
            return Err(Refused::NameTaken(name.to_string()));
        }
        let put = "INSERT INTO role (uid, name, description, permissions, created_at) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (uid) DO UPDATE SET name = excluded.name, description = excluded.description,
                permissions = excluded.permissions
            WHERE role.name <> excluded.name OR role.description <> excluded.description
                OR role.permissions <> excluded.permissions";
        let permissions = permissions.to_string();
        let parameters =
            [id.into(), name.as_str().into(), description.into(), permissions.as_str().into(), self.now.into()];
        Ok(self.sql.execute(put, &parameters).await? > 0)
    }

    /// Refused while a binding gives it: nobody is to lose rights by the way.
    async fn delete_role(&mut self, id: &Id) -> Result<bool, Refused> {
        let role = self.number("SELECT id FROM role WHERE uid = $1", id, Thing::Role).await?;
        if self.sql.any("SELECT 1 FROM binding WHERE role = $1 LIMIT 1", &[role.into()]).await? {
            return Err(Refused::InUse(Thing::Role));
        }
        Ok(self.sql.execute("DELETE FROM role WHERE id = $1", &[role.into()]).await? > 0)
    }

    /// Not all of them would be looked at.
    async fn refuse_too_many(&mut self, account: Option<i64>, group: Option<i64>, new: &Id) -> Result<(), Refused> {
        let (count, holder) = match (account, group) {
            (Some(account), _) => ("SELECT count(*) FROM binding WHERE account = $1 AND uid <> $2", account),
            (None, group) => ("SELECT count(*) FROM binding WHERE team = $1 AND uid <> $2", group.unwrap_or_default()),
        };
        let row = self.sql.one(count, &[holder.into(), new.into()]).await?;
        let there = row.map_or(Ok(0), |mut row| row.int(0))?;
        if there >= HOLDER_BINDINGS_MAX as i64 { Err(Refused::TooManyBindings) } else { Ok(()) }
    }

    async fn put_binding(
        &mut self,
        id: &Id,
        holder: &Holder,
        gives: &Gives,
        project: Option<&Id>,
        pattern: Option<&Pattern>,
    ) -> Result<bool, Refused> {
        let (account, group) = match holder {
            Holder::Account(account) => (Some(self.account(account).await?), None),
            Holder::Group(group) => (None, Some(self.group(group).await?)),
        };
        let project = self.place_number(project).await?;
        let role = match gives {
            Gives::Role(role) => Some(self.number("SELECT id FROM role WHERE uid = $1", role, Thing::Role).await?),
            Gives::BuiltIn(name) if built_in(name).is_none() => return Err(Refused::Unknown(Thing::Role)),
            _ => None,
        };
        self.refuse_too_many(account, group, id).await?;
        let (role_name, permissions) = match gives {
            Gives::Role(_) => (None, None),
            Gives::BuiltIn(name) => (Some(name.as_str()), None),
            Gives::Permissions(permissions) => (None, Some(permissions.to_string())),
        };
        let put = "INSERT INTO binding (uid, account, team, role, built_in, permissions, project, pattern, created_at,
                created_by)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            ON CONFLICT (uid) DO UPDATE SET role = excluded.role, built_in = excluded.built_in,
                permissions = excluded.permissions, pattern = excluded.pattern";
        let parameters = [
            id.into(),
            account.into(),
            group.into(),
            role.into(),
            role_name.into(),
            permissions.as_deref().into(),
            project.into(),
            pattern.map(Pattern::as_str).into(),
            self.now.into(),
            self.actor.into(),
        ];
        Ok(self.sql.execute(put, &parameters).await? > 0)
    }

    /// Loaded through its project: one of another project is not there.
    async fn delete_binding(&mut self, id: &Id, project: Option<&Id>) -> Result<bool, Refused> {
        let project = self.place_number(project).await?;
        let delete = "DELETE FROM binding WHERE uid = $1 AND coalesce(project, 0) = coalesce(CAST($2 AS BIGINT), 0)";
        match self.sql.execute(delete, &[id.into(), project.into()]).await? {
            0 => Err(Refused::Unknown(Thing::Binding)),
            _ => Ok(true),
        }
    }

    async fn put_secret(&mut self, change: &PeopleChange) -> Result<bool, Refused> {
        let PeopleChange::PutSecret { id, account, name, hash, limits, expires_at } = change else { return Ok(false) };
        let account = self.account(account).await?;
        let limits = serde_json::to_string(limits).map_err(|error| LedgerError::Corrupt(error.to_string()))?;
        let insert = "INSERT INTO secret (uid, account, name, hash, limits, created_at, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let parameters = [
            id.into(),
            account.into(),
            name.as_str().into(),
            Value::Bytes(&hash.0),
            limits.as_str().into(),
            self.now.into(),
            (*expires_at).into(),
        ];
        Ok(self.sql.execute(insert, &parameters).await? > 0)
    }

    /// Loaded through its account. With a time it counts until then, unless it ends before.
    async fn end_secret(&mut self, id: &Id, account: &Id, at: Option<Millis>) -> Result<bool, Refused> {
        let account = self.account(account).await?;
        let find = "SELECT id FROM secret WHERE uid = $1 AND account = $2";
        let row = self.sql.one(find, &[id.into(), account.into()]).await?;
        let secret = row.ok_or(Refused::Unknown(Thing::Token))?.int(0)?;
        if let Some(at) = at {
            let set = "UPDATE secret SET expires_at = $2 WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)";
            return Ok(self.sql.execute(set, &[secret.into(), at.into()]).await? > 0);
        }
        self.sql.execute("DELETE FROM secret_use WHERE secret = $1", &[secret.into()]).await?;
        Ok(self.sql.execute("DELETE FROM secret WHERE id = $1", &[secret.into()]).await? > 0)
    }
}

/// Whether nobody may be left who can log in and administers, once the change is made.
fn could_leave_nobody(change: &PeopleChange) -> bool {
    match change {
        PeopleChange::PutAccount { disabled, expires_at, .. } => *disabled || expires_at.is_some(),
        PeopleChange::ChangeAccount { disabled, .. } => *disabled == Some(true),
        PeopleChange::DeleteAccount { .. }
        | PeopleChange::DeleteGroup { .. }
        | PeopleChange::SetMembers { .. }
        | PeopleChange::ChangeMembers { .. }
        | PeopleChange::PutBinding { .. }
        | PeopleChange::DeleteBinding { project: None, .. } => true,
        _ => false,
    }
}

/// Notes when tokens were used; those that are not there any more are passed over.
pub(crate) async fn note_uses(sql: &mut impl Sql, uses: &[(Id, Millis)]) -> Result<(), LedgerError> {
    for (secret, at) in uses {
        let put = "INSERT INTO secret_use (secret, used_at) SELECT id, $2 FROM secret WHERE uid = $1
            ON CONFLICT (secret) DO UPDATE SET used_at = excluded.used_at WHERE excluded.used_at > secret_use.used_at";
        sql.execute(put, &[secret.into(), (*at).into()]).await?;
    }
    Ok(())
}
