//! Who is known, and what they are given: accounts (users and robots), groups, roles, bindings, tokens. What that means is
//! the registry's to say.

pub(crate) mod apply;
pub(crate) mod read;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wharf_model::api::people::Limit;
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::name::ProjectName;
use wharf_model::pattern::Pattern;
use wharf_model::permission::Permissions;

use super::query::LedgerError;
use crate::clock::Millis;

/// What an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// Of a person.
    User,
    /// Of a machine.
    Robot {
        /// The project it belongs to, where it does.
        project: Option<Id>,
    },
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Names it for good.
    pub id: Id,
    /// What it logs in as.
    pub name: Handle,
    /// What it is.
    pub kind: AccountKind,
    /// For people to read.
    pub description: String,
    /// The hash of its password; robots have none.
    pub password: Option<PasswordHash>,
    /// Grows when what was issued to it is to end.
    pub epoch: u64,
    /// Whether logging in is refused.
    pub disabled: bool,
    /// When it ends.
    pub expires_at: Option<Millis>,
    /// When it was made.
    pub created_at: Millis,
}

/// The hash of a password in PHC form. Not shown by `Debug`, not logged.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

/// SHA-256 of a token's secret. Not shown by `Debug`, not logged.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretHash(***)")
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

/// A token's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRow {
    /// Grows with each that is made and is never another's, so that a list goes on after one that has gone.
    pub number: u64,
    /// Names it.
    pub id: Id,
    /// Whose it is.
    pub account: Id,
    /// What it is for.
    pub name: String,
    /// What the secret is compared with.
    pub hash: SecretHash,
    /// What it is limited to; empty for nothing.
    pub limits: Vec<Limit>,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends.
    pub expires_at: Option<Millis>,
    /// When it was used last, as far as was noted.
    pub used_at: Option<Millis>,
}

/// A group, without its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    /// Names it for good.
    pub id: Id,
    /// Its name.
    pub name: Handle,
    /// What it is for.
    pub description: String,
}

/// A role that is not built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRow {
    /// Names it for good.
    pub id: Id,
    /// Its name.
    pub name: Handle,
    /// What it is for.
    pub description: String,
    /// What it allows.
    pub permissions: Permissions,
}

/// What a binding gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gives {
    /// A role of the ledger.
    Role(Id),
    /// A role that is built in.
    BuiltIn(String),
    /// These.
    Permissions(Permissions),
}

/// Whom a binding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Holder {
    /// An account.
    Account(Id),
    /// All who are in a group.
    Group(Id),
}

/// A binding, with names for what it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingRow {
    /// Names it.
    pub id: Id,
    /// To whom.
    pub holder: Holder,
    /// What that one is called, and of which kind an account is.
    pub holder_name: Handle,
    /// Whether the holder is a robot.
    pub is_robot: bool,
    /// The name of the role, where it gives one.
    pub role: Option<Handle>,
    /// What it gives.
    pub permissions: Permissions,
    /// The project, and what it is called unless it is in the trash; the system where there is none.
    pub project: Option<(Id, Option<ProjectName>)>,
    /// Where in the project.
    pub pattern: Option<Pattern>,
}

/// A change of people, or of what they are given. Ids of new things are random. Everything refers to ids: a thing that is
/// deleted and made again is another one. What would leave nobody who can log in and administer, where there is somebody, is
/// refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "people", rename_all = "snake_case")]
pub enum PeopleChange {
    /// Makes an account, or replaces what is said of it; never its kind. With another password, or where logging in is refused
    /// from now on, what was issued to it ends.
    PutAccount {
        /// Its id.
        id: Id,
        /// What it logs in as, unique.
        name: Handle,
        /// What it is.
        kind: AccountKind,
        /// For people to read.
        description: String,
        /// Whether logging in is refused.
        disabled: bool,
        /// When it ends.
        expires_at: Option<Millis>,
        /// A new password; the old one stays where there is none.
        #[serde(skip)]
        password: Option<PasswordHash>,
    },
    /// Changes what is said of an account, whatever else is changed of it meanwhile: what is left out stays as it is. What was
    /// issued to it ends as with [`PeopleChange::PutAccount`].
    ChangeAccount {
        /// The account.
        account: Id,
        /// For people to read.
        description: Option<String>,
        /// Whether logging in is refused.
        disabled: Option<bool>,
        /// A new password.
        #[serde(skip)]
        password: Option<PasswordHash>,
    },
    /// Ends what was issued to an account, its tokens apart.
    EndSessions {
        /// The account.
        account: Id,
    },
    /// Removes an account with its bindings and tokens, and from its groups.
    DeleteAccount {
        /// The account.
        account: Id,
    },
    /// Makes a group, or replaces what is said of it.
    PutGroup {
        /// Its id.
        id: Id,
        /// Its name, unique.
        name: Handle,
        /// What it is for.
        description: String,
    },
    /// Removes a group with its bindings.
    DeleteGroup {
        /// The group.
        group: Id,
    },
    /// Who is in the group from now on.
    SetMembers {
        /// The group.
        group: Id,
        /// Accounts.
        members: Vec<Id>,
    },
    /// Takes accounts out of the group, and others in; who is neither stays where they are.
    ChangeMembers {
        /// The group.
        group: Id,
        /// Who goes, if they are in it.
        remove: Vec<Id>,
        /// Who comes, if they are not.
        add: Vec<Id>,
    },
    /// Makes a role, or replaces what is said of it; in force for all bindings that give it.
    PutRole {
        /// Its id.
        id: Id,
        /// Its name, unique and none of a role that is built in.
        name: Handle,
        /// What it is for.
        description: String,
        /// What it allows.
        permissions: Permissions,
    },
    /// Removes a role. Refused while a binding gives it.
    DeleteRole {
        /// The role.
        role: Id,
    },
    /// Makes a binding, or replaces what one gives and where in its project.
    PutBinding {
        /// Its id.
        id: Id,
        /// To whom.
        holder: Holder,
        /// What.
        gives: Gives,
        /// In which project; in the system where there is none.
        project: Option<Id>,
        /// In which of its repositories; in all where there is none.
        pattern: Option<Pattern>,
    },
    /// Removes a binding of that project, or of the system. Refused where it is not there.
    DeleteBinding {
        /// The binding.
        binding: Id,
        /// Where it is.
        project: Option<Id>,
    },
    /// Makes a token.
    PutSecret {
        /// Its id.
        id: Id,
        /// Whose it is.
        account: Id,
        /// What it is for.
        name: String,
        /// What the secret is compared with.
        #[serde(skip)]
        hash: SecretHash,
        /// What it is limited to; empty for nothing.
        limits: Vec<Limit>,
        /// When it ends.
        expires_at: Option<Millis>,
    },
    /// Ends a token of that account: now, and then it is forgotten, or at a time, unless it ends before. Refused where it is
    /// not there.
    EndSecret {
        /// The token.
        secret: Id,
        /// Whose it is.
        account: Id,
        /// When.
        at: Option<Millis>,
    },
}

/// What a change refers to and what may not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// An account.
    Account,
    /// A group.
    Group,
    /// A role.
    Role,
    /// A binding.
    Binding,
    /// A token.
    Token,
    /// A project.
    Project,
    /// An entry of the trash.
    TrashEntry,
}

impl std::fmt::Display for Thing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Thing::Account => "account",
            Thing::Group => "group",
            Thing::Role => "role",
            Thing::Binding => "binding",
            Thing::Token => "token",
            Thing::Project => "project",
            Thing::TrashEntry => "entry of the trash",
        })
    }
}

/// Of which accounts a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accounts {
    /// Users.
    Users,
    /// Robots of the system, or of a project.
    Robots(Option<Id>),
    /// Who is in the group.
    In(Id),
}

/// The questions about people. Lists are in the order of names, or of when things were made.
#[async_trait]
pub trait People: Send + Sync {
    /// The account that logs in as `name`.
    async fn account(&self, name: &Handle) -> Result<Option<AccountRow>, LedgerError>;

    /// The account with that id.
    async fn account_by_id(&self, id: Id) -> Result<Option<AccountRow>, LedgerError>;

    /// Accounts after `after`, at most `limit`.
    async fn accounts(
        &self,
        which: Accounts,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<AccountRow>, LedgerError>;

    /// The token with that id.
    async fn secret(&self, id: Id) -> Result<Option<SecretRow>, LedgerError>;

    /// The tokens of these accounts, in the order of their numbers.
    async fn secrets(&self, accounts: &[Id]) -> Result<Vec<SecretRow>, LedgerError>;

    /// The group of that name.
    async fn group(&self, name: &Handle) -> Result<Option<GroupRow>, LedgerError>;

    /// Groups after `after`, at most `limit`.
    async fn groups(&self, after: Option<&str>, limit: usize) -> Result<Vec<GroupRow>, LedgerError>;

    /// Which of these accounts is in which groups, in no order; any `limit` of these where there are more.
    async fn groups_of(&self, accounts: &[Id], limit: usize) -> Result<Vec<(Id, Handle)>, LedgerError>;

    /// In which of these groups which accounts are, in no order; any `limit` of these where there are more.
    async fn members_of(&self, groups: &[Id], limit: usize) -> Result<Vec<(Id, Handle)>, LedgerError>;

    /// The role of that name.
    async fn role(&self, name: &Handle) -> Result<Option<RoleRow>, LedgerError>;

    /// All roles that are not built in.
    async fn roles(&self) -> Result<Vec<RoleRow>, LedgerError>;

    /// The bindings in a project, or in the system, after the number `after`, at most `limit`, with their numbers: one grows
    /// with each that is made and is never another's, so that a list goes on after one that has gone.
    async fn bindings(
        &self,
        project: Option<Id>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, BindingRow)>, LedgerError>;

    /// The binding of that id, in whichever place it is.
    async fn binding(&self, binding: Id) -> Result<Option<BindingRow>, LedgerError>;

    /// All bindings of an account, its groups' included; at most [`wharf_model::limits::BINDINGS_MAX`].
    async fn bindings_of(&self, account: Id) -> Result<Vec<BindingRow>, LedgerError>;

    /// The bindings of these accounts, not those of their groups, with their numbers, in no order; any `limit` of these where
    /// there are more.
    async fn own_bindings(&self, accounts: &[Id], limit: usize) -> Result<Vec<(u64, BindingRow)>, LedgerError>;

    /// The bindings of a group; at most [`wharf_model::limits::BINDINGS_MAX`].
    async fn bindings_of_group(&self, group: Id) -> Result<Vec<BindingRow>, LedgerError>;

    /// Notes that tokens were used, without a commit.
    async fn note_uses(&self, uses: &[(Id, Millis)]) -> Result<(), LedgerError>;
}
