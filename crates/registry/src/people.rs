//! What the use cases about people have in common: who may come in, whom a name means, what a text may be, and the one
//! commit.

use std::collections::HashMap;
use std::fmt::Display;

use wharf_model::api::project::Project;
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::limits::{DAYS_MAX, DESCRIPTION_CHARS_MAX, GROUP_MEMBERS_MAX};
use wharf_model::name::ProjectName;
use wharf_model::permission::Permission;
use wharf_store::clock::Millis;
use wharf_store::ledger::change::{Change, Refused};
use wharf_store::ledger::people::{AccountKind, AccountRow, GroupRow, PeopleChange};
use wharf_store::ledger::query::LedgerError;

use crate::actor::Subject;
use crate::error::Error;
use crate::giving;
use crate::identity::AuthError;
use crate::registry::Registry;

/// A day, in milliseconds.
const DAY: Millis = 24 * 3_600_000;

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// At most so many entries, at least 1.
    pub limit: usize,
    /// What the page before said of where the next begins.
    pub after: Option<String>,
}

/// How many things that belong to its entries a page has, about; it ends where there are more.
const BELONGINGS_MAX: usize = GROUP_MEMBERS_MAX;

/// What belongs to which entry of a page.
pub(crate) struct Belongings<T> {
    of: HashMap<Id, Vec<T>>,
    /// To how many of the entries, from the first, that was asked.
    pub(crate) entries: usize,
}

impl<T> Belongings<T> {
    /// Asks what belongs to these, all at once, with the most that is wanted; only for the first half, and so on, where it is
    /// more than [`BELONGINGS_MAX`].
    pub(crate) async fn of<F>(ids: &[Id], ask: impl Fn(Vec<Id>, usize) -> F) -> Result<Belongings<T>, LedgerError>
    where
        F: Future<Output = Result<Vec<(Id, T)>, LedgerError>>,
    {
        let mut entries = ids.len();
        loop {
            let found = ask(ids[..entries].to_vec(), BELONGINGS_MAX + 1).await?;
            if found.len() > BELONGINGS_MAX && entries > 1 {
                entries /= 2;
                continue;
            }
            let mut of: HashMap<Id, Vec<T>> = HashMap::new();
            found.into_iter().for_each(|(id, one)| of.entry(id).or_default().push(one));
            return Ok(Belongings { of, entries });
        }
    }

    /// What belongs to it.
    pub(crate) fn take(&mut self, id: Id) -> Vec<T> {
        self.of.remove(&id).unwrap_or_default()
    }
}

impl Registry {
    /// The authorise step for what is in a project or else in the system: the project, where it is in one.
    pub(crate) async fn authorise_in(
        &self,
        subject: &Subject,
        project: Option<&ProjectName>,
        in_project: Permission,
        in_system: Permission,
    ) -> Result<Option<Project>, Error> {
        let Some(name) = project else {
            self.authorise_system(subject, in_system)?;
            return Ok(None);
        };
        Ok(Some(self.authorise_project(subject, name, in_project).await?.project))
    }

    /// Makes these changes on behalf of `subject`.
    pub(crate) async fn change_people(&self, subject: &Subject, changes: Vec<PeopleChange>) -> Result<(), Error> {
        self.commit_people(subject, changes).await.map_err(Error::refused_people)
    }

    /// The same, for those who know better what a refusal means.
    pub(crate) async fn commit_people(&self, subject: &Subject, changes: Vec<PeopleChange>) -> Result<(), Refused> {
        let changes = changes.into_iter().map(Change::People).collect();
        self.0.ledger.commit(subject.commit(changes)).await.map(drop)
    }

    /// Whether `subject` may act on the account, unless it is their own: nobody ends, shuts or opens one, or gets at it, that
    /// may do what they may not themselves.
    pub(crate) async fn check_reach(&self, subject: &Subject, row: &AccountRow) -> Result<(), Error> {
        let sort = match row.kind {
            AccountKind::User => "user",
            AccountKind::Robot { .. } => "robot",
        };
        let bindings = self.0.ledger.bindings_of(row.id).await?;
        giving::check_reach(subject, &bindings, || format!("the {sort} {}", row.name))
    }

    /// The user of that name.
    pub(crate) async fn find_user(&self, name: &Handle) -> Result<AccountRow, Error> {
        let row = self.0.ledger.account(name).await?.filter(|row| row.kind == AccountKind::User);
        row.ok_or_else(|| not_there("user", name))
    }

    /// The group of that name.
    pub(crate) async fn find_group(&self, name: &Handle) -> Result<GroupRow, Error> {
        self.0.ledger.group(name).await?.ok_or_else(|| not_there("group", name))
    }
}

/// Who asks, with a credential of its own: a bearer token is for what it was made for, and that is never this.
///
/// # Errors
/// [`Error::Unauthorized`].
pub(crate) fn logged_in(subject: &Subject) -> Result<Id, Error> {
    subject.actor.id().filter(|_| subject.ceiling.scopes.is_none()).ok_or(Error::Unauthorized)
}

/// What is told of a thing that is not there.
pub(crate) fn not_there(what: &'static str, name: impl Display) -> Error {
    Error::NotThere { what, name: name.to_string() }
}

/// When something ends that is to last so many days from `now`.
pub(crate) fn end_of(now: Millis, days: Option<u32>) -> Result<Option<Millis>, Error> {
    match days {
        Some(days) if !(1..=DAYS_MAX).contains(&days) => {
            Err(Error::field("days", format_args!("at least 1, at most {DAYS_MAX}; without it there is no end")))
        }
        days => Ok(days.map(|days| now.saturating_add(Millis::from(days) * DAY))),
    }
}

/// A text for people: of lines, of a bounded length.
pub(crate) fn check_description(text: &str) -> Result<(), Error> {
    if text.chars().count() > DESCRIPTION_CHARS_MAX {
        return Err(Error::field("description", format_args!("at most {DESCRIPTION_CHARS_MAX} characters")));
    }
    if text.chars().any(|character| character.is_control() && character != '\n') {
        return Err(Error::field("description", "it has control characters other than line breaks"));
    }
    Ok(())
}

/// Only robots have a project in their name.
pub(crate) fn check_plain(field: &'static str, name: &Handle) -> Result<(), Error> {
    if name.project().is_none() {
        return Ok(());
    }
    Err(Error::field(field, format_args!("{name} has a `+`, which only robots of a project have in their names")))
}

impl From<AuthError> for Error {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Busy => Error::TooManyRequests,
            AuthError::Ledger(error) => error.into(),
            AuthError::Failed(why) => Error::Internal(why),
            AuthError::Malformed | AuthError::BadCredentials | AuthError::Expired => Error::Unauthorized,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_page_has_so_many_belongings() {
        let ids: Vec<Id> = (0..7).map(|number| Id([number; 16])).collect();
        let check = async |each: usize, entries: usize, asked: usize| {
            let times = Cell::new(0);
            let ask = |ids: Vec<Id>, limit| {
                times.set(times.get() + 1);
                let all = ids.into_iter().flat_map(move |id| (0..each).map(move |one| (id, one)));
                std::future::ready(Ok(all.take(limit).collect()))
            };
            let mut found = Belongings::of(&ids, ask).await.expect("no fault");
            assert_eq!((found.entries, times.get()), (entries, asked), "{each}");
            assert_eq!(found.take(ids[0]).len(), each.min(BELONGINGS_MAX + 1));
            assert_eq!(found.take(ids[entries - 1]).len(), if entries > 1 { each } else { 0 });
        };
        check(0, 7, 1).await;
        check(BELONGINGS_MAX / 7, 7, 1).await;
        check(BELONGINGS_MAX / 5, 3, 2).await;
        check(BELONGINGS_MAX * 2, 1, 3).await;
    }

    #[test]
    fn what_texts_may_be() {
        assert!(check_description("").is_ok() && check_description("two\nlines, é").is_ok());
        assert!(check_description(&"é".repeat(DESCRIPTION_CHARS_MAX)).is_ok());
        for text in ["\0", "a\tb", &"x".repeat(DESCRIPTION_CHARS_MAX + 1)] {
            assert!(matches!(check_description(text), Err(Error::Field { field: "description", .. })));
        }
        assert!(check_plain("name", &"kim".parse().expect("a name")).is_ok());
        assert!(check_plain("name", &"acme+ci".parse().expect("a name")).is_err());
    }

    #[test]
    fn ends() {
        assert_eq!(end_of(7, None).expect("no end"), None);
        assert_eq!(end_of(7, Some(2)).expect("an end"), Some(7 + 2 * DAY));
        for days in [0, DAYS_MAX + 1] {
            assert!(matches!(end_of(7, Some(days)), Err(Error::Field { field: "days", .. })));
        }
    }
}
