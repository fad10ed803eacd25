//! The registry itself: its stores, its caches, what it is set to, and the one door by which every request comes in.

use std::sync::Arc;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use wharf_model::api::project::{Missing, Project};
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, RepositoryName};
use wharf_model::permission::{Permission, Permissions};
use wharf_store::blobs::Blobs;
use wharf_store::clock::Millis;
use wharf_store::ledger::Ledger;
use wharf_store::ledger::change::{Change, Expects, Refused};
use wharf_store::ledger::project::ProjectRules;
use wharf_store::ledger::query::{LedgerError, PlaceRow, Totals};
use wharf_store::ledger::readable::Readable;

use crate::access::{self, Action, Decision, Policy};
use crate::actor::Subject;
use crate::cache::Caches;
use crate::cursor::Cursors;
use crate::error::Error;
use crate::events::EventIds;
use crate::files::Shared;
use crate::front::Pulls;
use crate::identity::Identity;
use crate::jobs::KINDS;
use crate::links::Links;
use crate::rights::Place;
use crate::search::Searching;
use crate::secret::MasterKey;
use crate::upload::Sessions;

/// What the registry is set to at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may do what without being told so.
    pub policy: Policy,
    /// See [`Missing`].
    pub missing: Missing,
    /// How long what is deleted stays in the trash.
    pub trash: Millis,
    /// How long an upload that receives nothing is kept.
    pub upload_idle: Millis,
    /// How much memory the cache of manifests may take, in bytes.
    pub manifest_cache_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        const HOUR: Millis = 3_600_000;
        Settings {
            policy: Policy { open: false },
            missing: Missing::Index,
            trash: 7 * 24 * HOUR,
            upload_idle: 24 * HOUR,
            manifest_cache_bytes: 32 << 20,
        }
    }
}

/// A registry over one ledger and one heap of blobs. Cheap to clone.
#[derive(Clone)]
pub struct Registry(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) caches: Arc<Caches>,
    pub(crate) settings: Settings,
    pub(crate) identity: Identity,
    pub(crate) sessions: Sessions,
    pub(crate) cursors: Cursors,
    pub(crate) links: Links,
    pub(crate) event_ids: EventIds,
    pub(crate) files: Shared,
    pub(crate) searching: Arc<Searching>,
    pub(crate) pulls: Pulls,
    /// Held for reading by what must not be cut off half way; [`Registry::close`] takes it for writing.
    open: Arc<RwLock<()>>,
}

/// How often a commit is tried again because another project came into the place of the one that was looked at.
const ATTEMPTS_MAX: usize = 3;

/// Leave to do one thing to one repository. Only [`Registry::authorise`] makes one, so no use case runs unasked.
#[derive(Clone, Debug)]
pub struct Access {
    pub(crate) subject: Subject,
    pub(crate) action: Action,
    pub(crate) repository: RepositoryName,
    /// All that the subject may do there.
    pub(crate) given: Permissions,
    /// The project that was looked at, if it was there.
    pub(crate) project: Option<Id>,
    /// Names the repository for good, if it was there.
    pub(crate) id: Option<Id>,
    /// Whether everybody may pull there.
    pub(crate) is_public: bool,
    /// What the project is set to; `None` where nothing is.
    pub(crate) rules: Option<Arc<ProjectRules>>,
}

/// Leave to do what takes one permission in one project. Only [`Registry::authorise_project`] makes one.
#[derive(Clone, Debug)]
pub struct ProjectAccess {
    pub(crate) project: Project,
}

/// Nothing runs that must not be cut off, as long as this is held.
pub struct Closed(#[expect(dead_code, reason = "held, not read")] OwnedRwLockWriteGuard<()>);

impl Access {
    /// The repository that it is for.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Whether everybody may pull there, without a login.
    pub fn is_public(&self) -> bool {
        self.is_public
    }

    /// Whether its project lets links be made that open something of it.
    pub fn may_be_shared(&self) -> bool {
        self.rules().share
    }

    /// Whether those who administer the registry vouch for its project.
    pub fn is_vouched(&self) -> bool {
        self.rules().vouched
    }

    /// Whether the subject may do that in the repository too.
    pub fn may(&self, permission: Permission) -> bool {
        self.given.has(permission)
    }

    /// What its project is set to.
    pub(crate) fn rules(&self) -> &ProjectRules {
        const NOTHING: &ProjectRules = &ProjectRules {
            missing: None,
            artifact_types: None,
            trash_days: None,
            has_quota: false,
            warn_bytes: None,
            share: false,
            vouched: false,
        };
        self.rules.as_deref().unwrap_or(NOTHING)
    }

    /// The change that makes the repository, in the project that was looked at.
    fn ensure(&self) -> Result<Change, Error> {
        if self.id.is_none() && !self.may(Permission::Push) {
            // Who may only attach makes no repositories.
            return Err(Error::NameUnknown(self.repository.clone()));
        }
        let (repository, expects) = (self.repository.clone(), self.expects());
        Ok(Change::EnsureRepository { repository, expects, made_project: false })
    }

    /// What the project has to be still when something is changed in it.
    pub(crate) fn expects(&self) -> Expects {
        expected(self.project)
    }

    /// Guards a use case against a wrong row in a route table.
    pub(crate) fn expect(&self, actions: &[Action]) -> Result<(), Error> {
        if actions.contains(&self.action) { Ok(()) } else { Err(Error::Denied) }
    }
}

impl Registry {
    /// A registry over these stores. Starts nothing; see [`crate::followers`], [`crate::jobs`] and [`crate::gc`] for what
    /// runs beside it.
    pub fn new(ledger: Arc<dyn Ledger>, blobs: Arc<dyn Blobs>, key: &MasterKey, settings: Settings) -> Registry {
        let caches = Arc::new(Caches::new(settings.manifest_cache_bytes));
        ledger.observe(caches.observer());
        let searching = Arc::new(Searching::default());
        ledger.observe(searching.clone());
        let identity = Identity::new(ledger.clone(), caches.clone(), key);
        let (sessions, cursors, event_ids) = (Sessions::new(key), Cursors::new(key), EventIds::new(key));
        let (links, files, pulls, open) = (Links::new(key), Shared::default(), Pulls::default(), Arc::default());
        let inner = Inner {
            ledger,
            blobs,
            caches,
            settings,
            identity,
            sessions,
            cursors,
            links,
            event_ids,
            files,
            searching,
            pulls,
            open,
        };
        Registry(Arc::new(inner))
    }

    /// Who is there, and the token service.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Hits and misses of the caches since the start.
    pub fn cache_counts(&self) -> (u64, u64) {
        self.0.caches.counts()
    }

    /// The one authorise step: may `subject` do `action` to `repository`?
    ///
    /// The answer never depends on whether the repository is there, unless the subject may know.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] where login could change the answer, else [`Error::Denied`].
    pub async fn authorise(
        &self,
        subject: &Subject,
        action: Action,
        repository: &RepositoryName,
    ) -> Result<Access, Error> {
        let (row, place) = self.place(repository).await?;
        let policy = &self.0.settings.policy;
        let given = granted(access::allow(subject, policy, action, &place))?;
        let is_public = place.public || policy.open;
        Ok(Access {
            subject: subject.clone(),
            action,
            repository: repository.clone(),
            given,
            project: row.project,
            id: row.repository,
            is_public,
            rules: row.rules,
        })
    }

    /// The same leave, as of now: for what takes long and is done step by step, each of which is asked for anew.
    ///
    /// # Errors
    /// As [`Registry::authorise`]; [`Error::Unauthorized`] where the login is over by which it came.
    pub async fn authorise_again(&self, access: &Access) -> Result<Access, Error> {
        let mut subject = access.subject.clone();
        if let Some(login) = subject.login {
            let now = self.0.identity.still(login).await?.ok_or(Error::Unauthorized)?;
            (subject.rights, subject.ceiling.limits) = (now.rights, now.ceiling.limits);
        }
        self.authorise(&subject, access.action, &access.repository).await
    }

    /// Which repositories `subject` is shown in lists.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] where it may not list any: nobody logged in, or the token was made for something else.
    pub fn authorise_list(&self, subject: &Subject) -> Result<Readable, Error> {
        let policy = &self.0.settings.policy;
        if access::may_list(subject, policy) { Ok(access::readable(subject, policy)) } else { Err(Error::Unauthorized) }
    }

    /// The authorise step for what is in no project. What anybody may in open mode does not count: administration needs login.
    ///
    /// # Errors
    /// As [`Registry::authorise`].
    pub fn authorise_system(&self, subject: &Subject, permission: Permission) -> Result<(), Error> {
        granted(access::administer(subject, permission, &Place::default())).map(drop)
    }

    /// The authorise step for what is in a project and in none of its repositories. To whoever has nothing in it, it is not
    /// there.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`], else as [`Registry::authorise`].
    pub async fn authorise_project(
        &self,
        subject: &Subject,
        name: &ProjectName,
        permission: Permission,
    ) -> Result<ProjectAccess, Error> {
        self.authorise_project_for(subject, name, &[permission]).await
    }

    /// The same for what takes several permissions.
    pub(crate) async fn authorise_project_for(
        &self,
        subject: &Subject,
        name: &ProjectName,
        permissions: &[Permission],
    ) -> Result<ProjectAccess, Error> {
        if subject.actor.is_anonymous() {
            return Err(Error::Unauthorized);
        }
        let found = self.0.ledger.project(name).await?;
        let known = found.filter(|project| subject.rights.knows(project.id));
        let project = known.ok_or_else(|| Error::ProjectUnknown(name.clone()))?;
        let place = Place { repository: None, project: Some(project.id), public: project.public };
        for permission in permissions {
            granted(access::administer(subject, *permission, &place))?;
        }
        Ok(ProjectAccess { project })
    }

    /// The authorise step for what is in a repository and is no [`Action`]. What anybody may in open mode does not count. What
    /// its project has to be still when something is changed in it.
    ///
    /// # Errors
    /// As [`Registry::authorise`].
    pub(crate) async fn authorise_repository(
        &self,
        subject: &Subject,
        repository: &RepositoryName,
        permission: Permission,
    ) -> Result<Expects, Error> {
        let (_, place) = self.place(repository).await?;
        granted(access::administer(subject, permission, &place)).map(|_| expected(place.project))
    }

    /// Where a repository of that name is, or would be.
    pub(crate) async fn place<'a>(&self, repository: &'a RepositoryName) -> Result<(PlaceRow, Place<'a>), LedgerError> {
        let inner = &self.0;
        let row = inner.caches.place(repository, || inner.ledger.place(repository)).await?;
        let place = Place { repository: Some(repository.as_str()), project: row.project, public: row.public };
        Ok((row, place))
    }

    /// May `subject` come in at all? Nobody is told so on the first request, so that clients log in.
    ///
    /// # Errors
    /// [`Error::Unauthorized`].
    pub fn enter(&self, subject: &Subject) -> Result<(), Error> {
        if subject.actor.is_anonymous() && !self.0.settings.policy.open { Err(Error::Unauthorized) } else { Ok(()) }
    }

    /// Held by work that must not be cut off half way.
    pub(crate) async fn busy(&self) -> OwnedRwLockReadGuard<()> {
        self.0.open.clone().read_owned().await
    }

    /// Waits until nothing runs that must not be cut off: uploads that lost their sender note what they have. New work of
    /// that sort waits while the answer is held, so this is for the end of the process.
    pub async fn close(&self) -> Closed {
        Closed(self.0.open.clone().write_owned().await)
    }

    /// Makes `changes` on behalf of whoever holds `access`. Where another project has come into the place of the one that was
    /// looked at, the repository has gone with that.
    pub(crate) async fn commit(&self, access: &Access, changes: Vec<Change>) -> Result<(), Error> {
        match self.0.ledger.commit(access.subject.commit(changes)).await {
            Ok(_) => Ok(()),
            Err(Refused::ProjectChanged) => Err(Error::NameUnknown(access.repository.clone())),
            Err(refused) => Err(Error::refused(refused, &access.repository)),
        }
    }

    /// Makes `changes` on behalf of whoever holds `access`, in its repository, which comes into being with them. Where another
    /// project has come into the place of the one that was looked at, all is asked anew, `may` as well, which says what is
    /// needed besides the action. The answer is the ledger's refusal, `None` where it did not refuse.
    pub(crate) async fn commit_into(
        &self,
        access: &Access,
        may: impl Fn(&Access) -> Result<(), Error>,
        changes: Vec<Change>,
    ) -> Result<Option<Refused>, Error> {
        let mut access = access.clone();
        for _ in 0..ATTEMPTS_MAX {
            may(&access)?;
            let changes = std::iter::once(access.ensure()?).chain(changes.iter().cloned()).collect();
            match self.0.ledger.commit(access.subject.commit(changes)).await {
                Ok(_) => return Ok(None),
                Err(Refused::ProjectChanged) => {}
                Err(refused) => return Ok(Some(refused)),
            }
            access = self.authorise(&access.subject, access.action, &access.repository).await?;
        }
        Err(Error::Denied)
    }

    /// The stores, for what runs beside the requests.
    pub(crate) fn stores(&self) -> (&Arc<dyn Ledger>, &Arc<dyn Blobs>) {
        (&self.0.ledger, &self.0.blobs)
    }

    /// Whether the ledger answers; what is wrong with it where it does not.
    pub async fn check_ledger(&self) -> Result<(), String> {
        self.0.ledger.check().await.map_err(|error| error.to_string())
    }

    /// Whether blobs could be stored now; what is wrong where they could not.
    pub async fn check_blobs(&self) -> Result<(), String> {
        self.0.blobs.check().await.map_err(|error| error.to_string())
    }

    /// What is stored, as the totals follower has counted it.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn totals(&self) -> Result<Totals, LedgerError> {
        self.0.ledger.totals().await
    }

    /// How many jobs wait or run, by kind.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn jobs(&self) -> Result<Vec<(&'static str, u64)>, LedgerError> {
        let mut counts = Vec::with_capacity(KINDS.len());
        for kind in KINDS {
            counts.push((kind, self.0.ledger.count_jobs(kind).await?));
        }
        Ok(counts)
    }
}

fn expected(project: Option<Id>) -> Expects {
    project.map_or(Expects::Nothing, Expects::Project)
}

pub(crate) fn granted(decision: Decision) -> Result<Permissions, Error> {
    match decision {
        Decision::Allow(given) => Ok(given),
        Decision::Deny { login_would_help: true } => Err(Error::Unauthorized),
        Decision::Deny { login_would_help: false } => Err(Error::Denied),
    }
}
