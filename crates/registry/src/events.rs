//! What happened, told from the ledger's log to whoever may see where it did: in repositories that they may read now, and to
//! projects that they may see. Nothing is kept for this; what is told of an event never changes.
//!
//! A page goes back from the latest, or on from a place that an earlier page has said, so that whoever comes back learns what
//! came since, each event once.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use wharf_model::api::event::{Event, EventType, Events};
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, RepositoryName};
use wharf_model::permission::Permission;
use wharf_store::ledger::Seq;
use wharf_store::ledger::change::{Change, Entry};
use wharf_store::ledger::events::{About, Direction, NewsMark, NewsProject, NewsRow, Whence};
use wharf_store::ledger::query::LedgerError;
use wharf_store::ledger::readable::Readable;

use crate::access::{self, Action, Decision};
use crate::actor::Subject;
use crate::cursor::wrong;
use crate::error::Error;
use crate::history::Names;
use crate::people::Part;
use crate::registry::{Access, Registry};
use crate::rights::Place;
use crate::secret::MasterKey;

/// How many rows are read at a time, at least.
const STEP: usize = 100;
/// How many rows are passed over for one page, about.
const PASSED_MAX: usize = 10_000;

/// Which part of what happened is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPart {
    /// The part; from the latest back.
    pub part: Part,
    /// Instead: what came after this place, the first of it first.
    pub since: Option<String>,
}

/// Gives events names: for ever the same, of which nothing can be told.
pub(crate) struct EventIds(Hmac<Sha256>);

impl EventIds {
    pub(crate) fn new(key: &MasterKey) -> EventIds {
        EventIds(Hmac::new(&key.derive("event").into()))
    }

    fn id(&self, seq: Seq, at: usize) -> Id {
        let mut mac = self.0.clone();
        mac.update(&seq.to_be_bytes());
        mac.update(&(at as u64).to_be_bytes());
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let mut id = Id([0; 16]);
        id.0.copy_from_slice(&whole[..16]);
        id
    }
}

/// A place in what happened: an entry of the log, the number of a project that it is about, and which of the events there was
/// told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spot {
    seq: Seq,
    number: u64,
    at: usize,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.seq, self.number, self.at)
    }
}

impl FromStr for Spot {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('.');
        let mut next = || parts.next().and_then(|part| part.parse::<u64>().ok()).ok_or(());
        Ok(Spot { seq: next()?, number: next()?, at: usize::try_from(next()?).map_err(|_| ())? })
    }
}

/// Somebody's question about what happened somewhere.
struct Asked<'a> {
    subject: &'a Subject,
    readable: Readable,
    whence: Whence,
    /// Of one that the subject may read, and nothing else.
    repository: Option<&'a RepositoryName>,
    /// Whether from the latest back.
    is_back: bool,
    from: Option<Spot>,
    limit: usize,
}

/// A page of it.
struct Told {
    items: Vec<Event>,
    /// After what the next page comes; `None` where there is no more.
    next: Option<Spot>,
    /// What was looked at last.
    last: Option<Spot>,
}

impl Registry {
    /// What happened in all repositories that `subject` may read, and to projects that it may see.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] as by [`Registry::authorise_list`]; [`Error::Unsupported`] for a place of another list; or the
    /// ledger fails.
    pub async fn events(&self, subject: &Subject, part: &EventPart) -> Result<Events, Error> {
        self.authorise_list(subject)?;
        self.browse_events(subject, part).await
    }

    /// The same for whoever comes by: to who may not list what they may read, what happened in public repositories.
    ///
    /// # Errors
    /// As [`Registry::events`].
    pub async fn browse_events(&self, subject: &Subject, part: &EventPart) -> Result<Events, Error> {
        self.told_events(subject, Whence::All, None, part).await
    }

    /// The same of one project.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`], not allowed, else as [`Registry::events`].
    pub async fn project_events(
        &self,
        subject: &Subject,
        project: &ProjectName,
        part: &EventPart,
    ) -> Result<Events, Error> {
        let access = self.authorise_project(subject, project, Permission::ProjectRead).await?;
        self.told_events(subject, Whence::Project(access.project.id), None, part).await
    }

    /// What happened in a repository since it was made.
    ///
    /// # Errors
    /// [`Error::NameUnknown`], else as [`Registry::events`].
    pub async fn repository_events(&self, access: &Access, part: &EventPart) -> Result<Events, Error> {
        access.expect(&[Action::Pull])?;
        let row = self.0.ledger.repository(&access.repository).await?;
        let row = row.ok_or_else(|| Error::NameUnknown(access.repository.clone()))?;
        self.told_events(&access.subject, Whence::Repository(row.id), Some(&access.repository), part).await
    }

    async fn told_events(
        &self,
        subject: &Subject,
        whence: Whence,
        repository: Option<&RepositoryName>,
        part: &EventPart,
    ) -> Result<Events, Error> {
        if part.since.is_some() && part.part.after.is_some() {
            let message =
                "after and last are not asked for at once: one goes on from a place, the other back from the latest";
            return Err(Error::Unsupported(message.to_owned()));
        }
        let (is_back, after) = (part.since.is_none(), part.since.as_ref().or(part.part.after.as_ref()).cloned());
        let wanted = self.wanted(subject, about(whence), &Part { limit: part.part.limit, after })?;
        let mut from = match wanted.after() {
            Some(place) => Some(place.parse::<Spot>().map_err(|()| wrong())?),
            None => None,
        };
        let mut latest = None;
        if from.is_none() {
            // What comes while this is answered is told to whoever comes back.
            let spot = Spot { seq: self.0.ledger.latest().await?, number: i64::MAX as u64, at: 0 };
            (from, latest) = (Some(spot), Some(spot));
        }
        let readable = access::readable(subject, &self.0.settings.policy);
        let limit = wanted.limit;
        let told = self.page(&Asked { subject, readable, whence, repository, is_back, from, limit }).await?;
        let (mut next, mut more) = (told.next, false);
        if !is_back {
            (latest, more, next) = (told.last.or(from), next.is_some(), None);
        }
        Ok(Events { items: told.items, next: wanted.next(next)?, latest: wanted.next(latest)?, more })
    }

    async fn page(&self, asked: &Asked<'_>) -> Result<Told, Error> {
        let mut names = Names::for_whom(asked.subject);
        let mut told = Told { items: Vec::new(), next: None, last: None };
        let (mut direction, mut passed) = (asked.direction(), 0);
        loop {
            let step = (asked.limit + 1).max(STEP);
            let rows = self.0.ledger.news(asked.whence, direction, step).await?;
            let entries = self.entries_of(asked, &rows).await?;
            let is_last = rows.len() < step;
            passed += rows.len();
            for row in &rows {
                let entry = entries.binary_search_by_key(&row.seq, |entry| entry.seq).ok().map(|at| &entries[at]);
                if !self.tell(asked, row, entry, &mut names, &mut told).await? {
                    told.next = told.last;
                    return Ok(told);
                }
            }
            if let Some(last) = rows.last() {
                direction = asked.beyond((last.seq, last.number));
            }
            if is_last || passed >= PASSED_MAX {
                told.next = told.last.filter(|_| !is_last);
                return Ok(told);
            }
        }
    }

    /// Those entries of the rows in which there could be something to see.
    async fn entries_of(&self, asked: &Asked<'_>, rows: &[NewsRow]) -> Result<Vec<Entry>, LedgerError> {
        let wanted = rows.iter().filter(|row| asked.may_see_some_of(row)).map(|row| row.seq);
        let mut wanted: Vec<Seq> = wanted.collect();
        wanted.dedup();
        if wanted.is_empty() { Ok(Vec::new()) } else { self.0.ledger.entries(&wanted).await }
    }

    /// Tells what is seen of what an entry did in a project; whether there was room for all of it.
    async fn tell(
        &self,
        asked: &Asked<'_>,
        row: &NewsRow,
        entry: Option<&Entry>,
        names: &mut Names,
        told: &mut Told,
    ) -> Result<bool, LedgerError> {
        if let (Some(project), Some(entry)) = (&row.project, entry) {
            for (at, about, kind, change) in asked.seen(row, project, entry) {
                if told.items.len() == asked.limit {
                    return Ok(false);
                }
                let by = names.told(&*self.0.ledger, &entry.actor).await?;
                told.items.push(event(self.0.event_ids.id(entry.seq, at), kind, entry, by, about, change));
                told.last = Some(Spot { seq: row.seq, number: row.number, at });
            }
        }
        let at = if asked.is_back { 0 } else { usize::MAX };
        told.last = Some(Spot { seq: row.seq, number: row.number, at });
        Ok(true)
    }
}

/// An event that is seen: which of those of its entry it is, what it is about, what happened, and the change that it was.
type Seen<'e> = (usize, About<'e>, EventType, &'e Change);

impl Asked<'_> {
    /// From where, so that what it was told last of comes again.
    fn direction(&self) -> Direction {
        match self.from {
            Some(spot) if self.is_back => Direction::Before((spot.seq, spot.number.saturating_add(1))),
            Some(spot) => Direction::After((spot.seq, spot.number.saturating_sub(1))),
            None => Direction::Before((Seq::MAX, u64::MAX)),
        }
    }

    /// On from there.
    fn beyond(&self, mark: NewsMark) -> Direction {
        if self.is_back { Direction::Before(mark) } else { Direction::After(mark) }
    }

    /// Whether there could be anything to see in the project, so that its entries need be read at all.
    fn may_see_some_of(&self, row: &NewsRow) -> bool {
        let Some(project) = &row.project else { return false };
        // What somebody is given elsewhere reaches no further than what a token leaves of everything.
        let by_limits = !self.subject.ceiling.limits.is_empty();
        let reads_all = self.readable == Readable::All || by_limits;
        project.public || self.repository.is_some() || reads_all || self.subject.rights.knows(project.id)
    }

    /// What is seen of what an entry did in a project, in the order in which it is told, without what was told already.
    fn seen<'e>(&self, row: &NewsRow, project: &NewsProject, entry: &'e Entry) -> Vec<Seen<'e>> {
        let mut seen: Vec<Seen<'e>> = Vec::new();
        for (at, change) in entry.changes.iter().enumerate() {
            let Some(about) = change.about().filter(|about| about.project() == project.name.as_str()) else { continue };
            if let (Change::EnsureRepository { made_project: true, .. }, About::Repository(name)) = (change, about)
                && self.sees_project(project)
            {
                // The repository's name tells its project's.
                seen.push((2 * at, About::Repository(name), EventType::ProjectCreated, change));
            }
            let is_seen = match about {
                About::Repository(name) => self.sees_repository(name, project),
                About::Project(_) => self.sees_project(project),
            };
            if let Some(kind) = what(change).filter(|_| is_seen) {
                seen.push((2 * at + 1, about, kind, change));
            }
        }
        if self.is_back {
            seen.reverse();
        }
        let told = self.from.filter(|from| (from.seq, from.number) == (row.seq, row.number));
        let is_new = |at: usize| told.is_none_or(|told| if self.is_back { at < told.at } else { at > told.at });
        seen.retain(|(at, ..)| is_new(*at));
        seen
    }

    fn sees_repository(&self, name: &RepositoryName, project: &NewsProject) -> bool {
        match self.repository {
            Some(only) => only == name,
            None => self.readable.holds(name.as_str(), project.public),
        }
    }

    fn sees_project(&self, project: &NewsProject) -> bool {
        let place = Place { repository: None, project: Some(project.id), public: project.public };
        let decision = || access::administer(self.subject, Permission::ProjectRead, &place);
        self.repository.is_none() && matches!(decision(), Decision::Allow(_))
    }
}

/// Which list of events it is.
fn about(whence: Whence) -> String {
    match whence {
        Whence::All => "events".to_owned(),
        Whence::Project(id) => format!("events of project {id}"),
        Whence::Repository(id) => format!("events of {id}"),
    }
}

/// What happened, by a change that is news.
fn what(change: &Change) -> Option<EventType> {
    Some(match change {
        Change::PutProject { created: true, .. } => EventType::ProjectCreated,
        Change::PutProject { .. } => EventType::ProjectChanged,
        Change::DeleteProject { .. } => EventType::ProjectDeleted,
        Change::RestoreProject { .. } => EventType::ProjectRestored,
        Change::EnsureRepository { .. } => EventType::RepositoryCreated,
        Change::DeleteRepository { .. } => EventType::RepositoryDeleted,
        Change::RestoreRepository { .. } => EventType::RepositoryRestored,
        Change::PutManifest { .. } => EventType::ArtifactPushed,
        Change::DeleteManifest { .. } => EventType::ArtifactDeleted,
        Change::RestoreManifest { .. } => EventType::ArtifactRestored,
        Change::PointTag { .. } => EventType::TagMoved,
        Change::DeleteTag { .. } => EventType::TagDeleted,
        Change::SetOverview { .. } => EventType::OverviewChanged,
        _ => return None,
    })
}

/// The event as it is told.
fn event(id: Id, kind: EventType, entry: &Entry, by: String, about: About<'_>, change: &Change) -> Event {
    let (project, repository) = match about {
        About::Repository(name) => (name.project(), Some(name.clone())),
        About::Project(name) => (name.clone(), None),
    };
    let mut event = Event {
        id,
        kind,
        at: entry.at,
        by,
        project,
        repository: repository.filter(|_| kind != EventType::ProjectCreated),
        digest: None,
        artifact_type: None,
        subject: None,
        tag: None,
        previous: None,
        tags: Vec::new(),
        others: Vec::new(),
    };
    match change {
        Change::PutManifest { digest, artifact_type, subject, .. } => {
            (event.digest, event.artifact_type, event.subject) = (Some(*digest), artifact_type.clone(), *subject);
        }
        Change::PointTag { tag, digest, previous, .. } => {
            (event.tag, event.digest, event.previous) = (Some(tag.clone()), Some(*digest), *previous);
        }
        Change::DeleteTag { tag, previous, .. } => (event.tag, event.previous) = (Some(tag.clone()), *previous),
        Change::DeleteManifest { digest, tags, children, .. } => {
            (event.digest, event.tags, event.others) = (Some(*digest), tags.clone(), children.clone());
        }
        Change::RestoreManifest { restored, tags, .. } => {
            event.digest = restored.first().copied();
            (event.tags, event.others) = (tags.clone(), restored.iter().skip(1).copied().collect());
        }
        _ => {}
    }
    event
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn ids_stay_and_tell_nothing() {
        let ids = |key: u8| EventIds::new(&MasterKey::from_bytes([key; MasterKey::BYTES]));
        assert_eq!(ids(1).id(7, 1), ids(1).id(7, 1));
        let all = [ids(1).id(7, 1), ids(1).id(7, 2), ids(1).id(8, 1), ids(2).id(7, 1)];
        assert!(all.iter().enumerate().all(|(at, id)| !all[..at].contains(id)));
    }

    #[test]
    fn places_are_written_and_read() {
        let spot = Spot { seq: 12, number: i64::MAX as u64, at: usize::MAX };
        assert_eq!(spot.to_string().parse(), Ok(spot));
        for wrong in ["", "1.2", "1.2.x", "-1.2.3"] {
            assert_eq!(wrong.parse::<Spot>(), Err(()), "{wrong}");
        }
    }
}
