//! Bindings: who is given what, in the system or in a project.

use wharf_model::api::access::{Binding, Bound, NewBinding};
use wharf_model::api::list::List;
use wharf_model::api::project::Project;
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::name::ProjectName;
use wharf_model::pattern::Pattern;
use wharf_model::permission::{Permission, Permissions, built_in};
use wharf_store::ids;
use wharf_store::ledger::change::Refused;
use wharf_store::ledger::people::{AccountKind, BindingRow, Gives, Holder, PeopleChange, Thing};

use crate::actor::Subject;
use crate::error::Error;
use crate::giving::{self, Gift};
use crate::people::{Part, not_there};
use crate::registry::Registry;
use crate::rights::in_project;

/// What a new binding gives and where, looked up and found to be the giver's to give.
pub(crate) struct Given {
    gives: Gives,
    role: Option<Handle>,
    permissions: Permissions,
    pattern: Option<Pattern>,
}

impl Given {
    /// The change that makes it.
    pub(crate) fn change(&self, id: Id, holder: Holder, project: Option<Id>) -> PeopleChange {
        PeopleChange::PutBinding { id, holder, gives: self.gives.clone(), project, pattern: self.pattern.clone() }
    }

    fn is(&self, row: &BindingRow, project: Option<Id>) -> bool {
        let same_gift = row.role == self.role && (self.role.is_some() || row.permissions == self.permissions);
        same_gift && row.project.as_ref().map(|(id, _)| *id) == project && row.pattern == self.pattern
    }

    fn binding(self, id: Id, subject: Bound, project: Option<ProjectName>) -> Binding {
        Binding { id, subject, role: self.role, permissions: self.permissions, project, repositories: self.pattern }
    }
}

impl Registry {
    /// The bindings in the project, or in the system, in the order in which they were made.
    ///
    /// # Errors
    /// Not allowed: it takes `member:read` there; or the ledger fails.
    pub async fn bindings(
        &self,
        subject: &Subject,
        project: Option<&ProjectName>,
        part: &Part,
    ) -> Result<List<Binding>, Error> {
        let home = self.authorise_in(subject, project, Permission::MemberRead, Permission::MemberRead).await?;
        let home = home.map(|home| home.id);
        let about = home.map_or_else(String::new, |home| home.to_string());
        let wanted = self.wanted(subject, format_args!("bindings {about}"), part)?;
        let after = wanted.after_as()?.unwrap_or(0);
        let rows = self.0.ledger.bindings(home, after, wanted.rows()).await?;
        let page = wanted.cut(rows, |(number, _)| *number)?;
        Ok(List { items: page.items.into_iter().filter_map(|(_, row)| told(row)).collect(), next: page.next })
    }

    /// Gives somebody something in the project, or in the system.
    ///
    /// # Errors
    /// Not allowed: it takes `member:write` there; [`Error::Beyond`] where the giver has not all of it; [`Error::NotThere`],
    /// [`Error::Field`], [`Error::Conflict`] where it is given already.
    pub async fn new_binding(
        &self,
        subject: &Subject,
        project: Option<&ProjectName>,
        new: &NewBinding,
    ) -> Result<Binding, Error> {
        let home = self.authorise_in(subject, project, Permission::MemberWrite, Permission::MemberWrite).await?;
        let missing = || Error::field("subject", "say to whom: user:NAME, robot:NAME or group:NAME");
        let bound = new.subject.clone().ok_or_else(missing)?;
        let given = self.given(subject, home.as_ref(), new).await?;
        let (holder, rows) = self.holder(&bound, home.as_ref()).await?;
        let place = home.as_ref().map(|home| home.id);
        if let Some(row) = rows.iter().find(|row| row.holder == holder && given.is(row, place)) {
            return Err(Error::Conflict(format!("{bound} has that already, by the binding {}", row.id)));
        }
        let id = ids::random()?;
        self.change_people(subject, vec![given.change(id, holder, place)]).await?;
        Ok(given.binding(id, bound, home.map(|home| home.name)))
    }

    /// Takes away what a binding of the project, or of the system, gives.
    ///
    /// # Errors
    /// Not allowed: it takes `member:write` there; [`Error::Above`] where it gives what whoever takes it away has not;
    /// [`Error::NotThere`]; [`Error::Conflict`] where nobody would be left who administers.
    pub async fn delete_binding(
        &self,
        subject: &Subject,
        project: Option<&ProjectName>,
        binding: Id,
    ) -> Result<(), Error> {
        let home = self.authorise_in(subject, project, Permission::MemberWrite, Permission::MemberWrite).await?;
        let project = home.map(|home| home.id);
        let row = self.0.ledger.binding(binding).await?;
        let is_here = |row: &BindingRow| row.project.as_ref().map(|(id, _)| *id) == project;
        if let Some(row) = row.filter(is_here) {
            giving::check_reach(subject, &[row], || "whoever has that binding".to_owned())?;
        }
        let change = PeopleChange::DeleteBinding { binding, project };
        let result = self.commit_people(subject, vec![change]).await;
        result.map_err(|refused| match refused {
            Refused::Unknown(Thing::Binding) => not_there("binding", binding),
            other => Error::refused_people(other),
        })
    }

    /// What `new` gives in the project, or in the system, if `subject` may give it.
    pub(crate) async fn given(
        &self,
        subject: &Subject,
        home: Option<&Project>,
        new: &NewBinding,
    ) -> Result<Given, Error> {
        let (gives, permissions) = match (&new.role, new.permissions) {
            (Some(role), None) => self.gives(role).await?,
            (None, Some(permissions)) if !permissions.is_empty() => (Gives::Permissions(permissions), permissions),
            _ => return Err(Error::field("role", "give a role, or permissions, and not both")),
        };
        let pattern = new.repositories.as_ref();
        let gift = Gift { permissions, project: home.map(|home| home.id), pattern };
        check_place(home.map(|home| &home.name), new)?;
        giving::check(subject, &gift, || told_place(home.map(|home| &home.name), pattern))?;
        Ok(Given { gives, role: new.role.clone(), permissions, pattern: new.repositories.clone() })
    }

    async fn gives(&self, role: &Handle) -> Result<(Gives, Permissions), Error> {
        if let Some(role) = built_in(role.as_str()) {
            return Ok((Gives::BuiltIn(role.name.to_owned()), role.permissions));
        }
        let row = self.0.ledger.role(role).await?.ok_or_else(|| not_there("role", role))?;
        Ok((Gives::Role(row.id), row.permissions))
    }

    /// Who it is, if something may be given to it there, and what it is given already.
    async fn holder(&self, bound: &Bound, home: Option<&Project>) -> Result<(Holder, Vec<BindingRow>), Error> {
        let id = match bound {
            Bound::Group(name) => {
                let id = self.find_group(name).await?.id;
                return Ok((Holder::Group(id), self.0.ledger.bindings_of_group(id).await?));
            }
            Bound::User(name) => self.find_user(name).await?.id,
            Bound::Robot(name) => self.find_bindable_robot(name, home).await?,
        };
        Ok((Holder::Account(id), self.0.ledger.bindings_of(id).await?))
    }

    /// Whether a robot of another project is there is not told: it could not be bound anyway.
    async fn find_bindable_robot(&self, name: &Handle, home: Option<&Project>) -> Result<Id, Error> {
        let owner = name.project();
        if owner.is_some() && owner.as_ref() != home.map(|home| &home.name) {
            return Err(Error::field("subject", "a robot of a project is bound in that project only"));
        }
        let own = owner.and(home).map(|home| home.id);
        let is_it = |kind: AccountKind| kind == AccountKind::Robot { project: own };
        let row = self.0.ledger.account(name).await?.filter(|row| is_it(row.kind));
        row.map(|row| row.id).ok_or_else(|| not_there("robot", name))
    }
}

/// What would mean nothing in its place is more likely a mistake than a wish.
///
/// # Errors
/// [`Error::Field`].
pub(crate) fn check_place(home: Option<&ProjectName>, new: &NewBinding) -> Result<(), Error> {
    let pattern = new.repositories.as_ref();
    let beyond =
        new.permissions.unwrap_or_default().without(Permissions::within(giving::level(home.is_some(), pattern)));
    if !beyond.is_empty() {
        return Err(Error::field("permissions", format_args!("{beyond} means nothing {}", told_place(home, pattern))));
    }
    match (home, pattern) {
        (None, Some(_)) => {
            Err(Error::field("repositories", "a pattern goes with a project, not with the whole system"))
        }
        (Some(home), Some(pattern)) if in_project(home.as_str(), pattern).is_empty() => {
            Err(Error::field("repositories", format_args!("it matches nothing in {home}; begin it with {home}/")))
        }
        _ => Ok(()),
    }
}

fn told_place(home: Option<&ProjectName>, pattern: Option<&Pattern>) -> String {
    match (home, pattern) {
        (None, _) => "in the whole system".to_owned(),
        (Some(home), None) => format!("in the project {home}"),
        (Some(_), Some(pattern)) => format!("in {pattern}"),
    }
}

/// As the API tells it; nothing of a project in the trash.
pub(crate) fn told(row: BindingRow) -> Option<Binding> {
    let subject = match (row.holder, row.is_robot) {
        (Holder::Group(_), _) => Bound::Group(row.holder_name),
        (Holder::Account(_), true) => Bound::Robot(row.holder_name),
        (Holder::Account(_), false) => Bound::User(row.holder_name),
    };
    let project = match row.project {
        Some((_, None)) => return None,
        Some((_, name)) => name,
        None => None,
    };
    let (id, role, permissions) = (row.id, row.role, row.permissions);
    Some(Binding { id, subject, role, permissions, project, repositories: row.pattern })
}
