//! The trash, by whoever may look into it: deleting repositories and projects, restoring, purging. What deletes what is in a
//! repository is in [`crate::delete`], what purges by itself in [`crate::gc`].

mod latest;

use std::fmt::Display;
use std::time::{Duration, Instant};

use wharf_model::api::list::List;
use wharf_model::api::trash::{TrashItem, TrashKind};
use wharf_model::id::Id;
use wharf_model::name::ProjectName;
use wharf_model::permission::Permission;
use wharf_store::ids;
use wharf_store::ledger::change::{Change, Commit, Contents, Expects, Freed, Refused};
use wharf_store::ledger::people::Thing;
use wharf_store::ledger::query::{LedgerError, PlaceRow};
use wharf_store::ledger::trash::{TrashMark, TrashRow};

use crate::access::{self, Action, Decision};
use crate::actor::Subject;
use crate::cursor::{self, Wanted};
use crate::error::Error;
use crate::history::Names;
use crate::people::{Part, logged_in, not_there};
use crate::registry::{Access, Registry, granted};
use crate::rights::Place;
use latest::Latest;

/// How long somebody waits for what is purged; the sweep does the rest.
const PURGE_PATIENCE: Duration = Duration::from_secs(10);
/// How many entries are looked through for one page: whoever may restore in a few repositories of a large project gets
/// a shorter page.
const LOOKED_MAX: usize = 10_000;
/// How many projects of one name are looked for.
const CALLED_MAX: usize = 100;

/// An entry of the trash, as somebody sees it who may restore it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// It.
    pub item: TrashItem,
    /// Whether they may purge it, too.
    pub may_purge: bool,
}

impl Registry {
    /// Moves the repository to the trash with everything in it. The entry that this makes.
    ///
    /// # Errors
    /// [`Error::NameUnknown`]; [`Error::Immutable`] where a rule of the project keeps a tag in it.
    pub async fn delete_repository(&self, access: &Access) -> Result<TrashItem, Error> {
        access.expect(&[Action::Delete])?;
        let (entry, repository) = (ids::random()?, access.repository.clone());
        let keep = self.trash_time(access.rules().trash_days);
        let expects = access.project.map_or(Expects::Nothing, Expects::Project);
        let contents = Contents::default();
        let change = Change::DeleteRepository { repository, expects, entry, keep, contents };
        match self.0.ledger.commit(access.subject.commit(vec![change])).await {
            Ok(_) => self.made_entry(&access.subject, entry).await,
            Err(Refused::ProjectChanged) => Err(Error::NameUnknown(access.repository.clone())),
            Err(refused) => Err(Error::refused(refused, &access.repository)),
        }
    }

    /// Moves the project to the trash with everything in it. The entry that this makes.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`], not allowed; [`Error::Immutable`] where a rule of the project keeps a tag in it.
    pub async fn delete_project(&self, subject: &Subject, name: &ProjectName) -> Result<TrashItem, Error> {
        let project = self.authorise_project(subject, name, Permission::ProjectDelete).await?.project;
        let (entry, keep, contents) = (ids::random()?, self.trash_time(project.trash_days), Contents::default());
        let expects = Expects::Project(project.id);
        let change = Change::DeleteProject { project: name.clone(), expects, entry, keep, contents };
        match self.0.ledger.commit(subject.commit(vec![change])).await {
            Ok(_) => self.made_entry(subject, entry).await,
            Err(Refused::ProjectChanged | Refused::Unknown(_)) => Err(Error::ProjectUnknown(name.clone())),
            Err(Refused::Immutable(kept)) => Err(Error::Immutable(kept)),
            Err(refused @ Refused::TooMuchToCheck) => Err(Error::Conflict(refused.to_string())),
            Err(Refused::Failed(error)) => Err(error.into()),
            Err(refused) => Err(Error::Internal(refused.to_string())),
        }
    }

    async fn made_entry(&self, subject: &Subject, entry: Id) -> Result<TrashItem, Error> {
        // It may have been purged by now, where nothing is to stay in the trash.
        let row = self.0.ledger.trash_entry(entry).await?.ok_or_else(|| no_entry(entry))?;
        self.item(&mut Names::for_whom(subject), row).await
    }

    /// What is in the trash that `subject` may restore, the latest first; in what is or was the project of that name, where one
    /// is named. A page may be shorter than was asked for.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`], or not allowed.
    pub async fn trash(
        &self,
        subject: &Subject,
        project: Option<&ProjectName>,
        part: &Part,
    ) -> Result<List<TrashItem>, Error> {
        let seen = self.trash_seen(subject, project, part).await?;
        Ok(List { items: seen.items.into_iter().map(|seen| seen.item).collect(), next: seen.next })
    }

    /// The same, with what may be done about it.
    ///
    /// # Errors
    /// As [`Registry::trash`].
    pub async fn trash_seen(
        &self,
        subject: &Subject,
        project: Option<&ProjectName>,
        part: &Part,
    ) -> Result<List<Seen>, Error> {
        logged_in(subject)?;
        let about = project.map_or_else(String::new, ToString::to_string);
        let wanted = self.wanted(subject, format_args!("trash {about}"), part)?;
        let projects = self.trashed_places(subject, project).await?;
        let (rows, next) = self.restorable(subject, projects, &wanted).await?;
        let (mut names, mut items) = (Names::for_whom(subject), Vec::with_capacity(rows.len()));
        for row in rows {
            let may_purge = matches!(may(subject, Permission::Purge, &row), Decision::Allow(_));
            items.push(Seen { item: self.item(&mut names, row).await?, may_purge });
        }
        Ok(List { items, next: wanted.next(next.map(written))? })
    }

    /// The projects whose trash is looked through; `None` for all.
    async fn trashed_places(&self, subject: &Subject, project: Option<&ProjectName>) -> Result<Option<Vec<Id>>, Error> {
        let given = subject.rights.projects_with(Permission::Restore);
        let Some(name) = project else { return Ok(given) };
        let called = self.0.ledger.projects_called(name, CALLED_MAX).await?;
        let known: Vec<Id> = called.into_iter().filter(|id| subject.rights.knows(*id)).collect();
        if known.is_empty() {
            return Err(Error::ProjectUnknown(name.clone()));
        }
        let is_given = |id: &Id| given.as_ref().is_none_or(|given| given.contains(id));
        let places: Vec<Id> = known.into_iter().filter(is_given).collect();
        if places.is_empty() { Err(Error::Denied) } else { Ok(Some(places)) }
    }

    /// The entries of a page, and what the next one comes after.
    async fn restorable(
        &self,
        subject: &Subject,
        projects: Option<Vec<Id>>,
        wanted: &Wanted<'_>,
    ) -> Result<(Vec<TrashRow>, Option<TrashMark>), Error> {
        let (mut after, mut found, mut looked) = (mark_of(wanted)?, Vec::new(), 0);
        let mut latest = Latest::new(&*self.0.ledger, projects, after).await?;
        while let Some(row) = latest.next().await? {
            let may = matches!(may(subject, Permission::Restore, &row), Decision::Allow(_));
            if looked == LOOKED_MAX || may && found.len() == wanted.limit {
                return Ok((found, after));
            }
            (after, looked) = (Some(latest::mark(&row)), looked + 1);
            found.extend(may.then_some(row));
        }
        Ok((found, None))
    }

    /// Takes something out of the trash, back to where it was. What it was there.
    ///
    /// # Errors
    /// [`Error::NotThere`], also to whoever has nothing in its project; [`Error::Conflict`] where its place is taken or not
    /// there; not allowed.
    pub async fn restore(&self, subject: &Subject, id: Id) -> Result<TrashItem, Error> {
        let row = self.find_trash(subject, id, Permission::Restore).await?;
        let change = restoring(&row)?;
        match self.0.ledger.commit(subject.commit(vec![change])).await {
            Ok(_) => self.item(&mut Names::for_whom(subject), row).await,
            Err(refused) => Err(self.with_trash(self.not_restored(refused, &row).await).await),
        }
    }

    async fn not_restored(&self, refused: Refused, row: &TrashRow) -> Error {
        match refused {
            Refused::RepositoryUnknown | Refused::Unknown(Thing::TrashEntry) => {
                self.not_where_it_was(row).await.unwrap_or_else(Error::from)
            }
            Refused::Unknown(Thing::Project) => {
                Error::Conflict("its project is in the trash too; restore that first".to_owned())
            }
            Refused::NameTaken(name) => {
                Error::Conflict(format!("another one is called {name} by now; delete that first"))
            }
            Refused::Quota(exceeded) => Error::Quota { exceeded, trash_bytes: None },
            Refused::Failed(error) => error.into(),
            other => Error::Internal(other.to_string()),
        }
    }

    /// Why an entry is not restored whose repository is not there, or which is not there itself. Of a repository that took the
    /// name in another project, which need not be one that whoever asks knows of, no more is told than of none.
    async fn not_where_it_was(&self, row: &TrashRow) -> Result<Error, LedgerError> {
        let name = &row.name;
        let entry = self.0.ledger.trash_entry(row.id).await?;
        let place = match name.parse() {
            Ok(name) => self.0.ledger.place(&name).await?,
            Err(_) => PlaceRow::default(),
        };
        let is_taken = place.repository.is_some() && place.project == Some(row.project);
        Ok(match row.kind {
            _ if entry.is_none() => no_entry(row.id),
            TrashKind::Manifest if is_taken => {
                Error::Conflict(format!("its repository is in the trash, and another one is called {name} by now"))
            }
            TrashKind::Manifest => {
                Error::Conflict(format!("its repository {name} is in the trash too; restore that first"))
            }
            _ => Error::Conflict("its time is up, and it is being purged".to_owned()),
        })
    }

    /// Ends an entry of the trash for good; whether all of it has gone already. What has not is gone with the next sweeps; it
    /// cannot be restored any more.
    ///
    /// # Errors
    /// [`Error::NotThere`], also to whoever has nothing in its project; not allowed.
    pub async fn purge(&self, subject: &Subject, id: Id) -> Result<bool, Error> {
        self.find_trash(subject, id, Permission::Purge).await?;
        let begun = Instant::now();
        while begun.elapsed() < PURGE_PATIENCE {
            if self.purge_step(|changes| subject.commit(changes), id).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Purges an entry, or a step of it; whether it is gone.
    pub(crate) async fn purge_step(&self, commit: impl Fn(Vec<Change>) -> Commit, id: Id) -> Result<bool, Error> {
        let change = Change::PurgeTrash { id, freed: Freed::default(), done: false };
        let seq = self.0.ledger.commit(commit(vec![change])).await.map_err(|refused| match refused {
            Refused::Failed(error) => error.into(),
            other => Error::Internal(other.to_string()),
        })?;
        // Where it had no effect, the entry is gone; else the log tells.
        let entries = self.0.ledger.log(seq.saturating_sub(1), 1).await?;
        let logged = entries.iter().filter(|entry| entry.seq == seq).flat_map(|entry| &entry.changes);
        let step = |change: &Change| match change {
            Change::PurgeTrash { id: other, done, .. } if *other == id => Some(*done),
            _ => None,
        };
        Ok(logged.filter_map(step).next_back().unwrap_or(true))
    }

    async fn find_trash(&self, subject: &Subject, id: Id, permission: Permission) -> Result<TrashRow, Error> {
        logged_in(subject)?;
        let row = self.0.ledger.trash_entry(id).await?;
        let row = row.filter(|row| subject.rights.knows(row.project)).ok_or_else(|| no_entry(id))?;
        granted(may(subject, permission, &row))?;
        Ok(row)
    }

    async fn item(&self, names: &mut Names, row: TrashRow) -> Result<TrashItem, Error> {
        let TrashRow { id, kind, name, digest, tags, deleted_at, until, .. } = row;
        let deleted_by = names.told(&*self.0.ledger, &row.deleted_by).await?;
        Ok(TrashItem { id, kind, name, digest, tags, deleted_at, deleted_by, until })
    }
}

/// Whether `subject` may do that to what is in the trash: what it could do where that was.
fn may(subject: &Subject, permission: Permission, row: &TrashRow) -> Decision {
    let repository = Some(row.name.as_str()).filter(|_| row.kind != TrashKind::Project);
    access::administer(subject, permission, &Place { repository, project: Some(row.project), public: false })
}

fn restoring(row: &TrashRow) -> Result<Change, Error> {
    fn parsed<T: std::str::FromStr<Err: Display>>(name: &str) -> Result<T, Error> {
        name.parse().map_err(|error| Error::Internal(format!("something called {name:?} in the trash: {error}")))
    }
    let (entry, contents) = (row.id, Contents::default());
    Ok(match row.kind {
        TrashKind::Manifest => {
            let repository = parsed(&row.name)?;
            Change::RestoreManifest { entry, repository, retag: true, restored: Vec::new(), tags: Vec::new() }
        }
        TrashKind::Repository => Change::RestoreRepository { entry, repository: parsed(&row.name)?, contents },
        TrashKind::Project => Change::RestoreProject { entry, project: parsed(&row.name)?, contents },
    })
}

fn no_entry(id: Id) -> Error {
    not_there("entry of the trash", id)
}

fn written((at, id): TrashMark) -> String {
    format!("{at}.{id}")
}

/// Reads what [`written`] wrote.
fn mark_of(wanted: &Wanted<'_>) -> Result<Option<TrashMark>, Error> {
    let Some(text) = wanted.after() else { return Ok(None) };
    let mark = text.split_once('.').and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
    mark.map(Some).ok_or_else(cursor::wrong)
}
