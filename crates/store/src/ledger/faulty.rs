//! A ledger whose calls fail when they are told to: for tests of what is built on it.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::watch;
use wharf_model::api::project::Project;
use wharf_model::digest::Digest;
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, Reference, RepositoryName, Tag};

use super::artifacts::{ArtifactRow, Artifacts, TagRow};
use super::change::{Commit, Entry, Refused};
use super::events::{Direction, News, NewsRow, Whence};
use super::facts::{DerivedRow, Facts, FactsRow, Inspectable, LiveManifest};
use super::front::{CatalogueRow, Front, OverviewRow, Pulled};
use super::notes::{Claim, Cursor, Job, UploadNote};
use super::people::{AccountRow, Accounts, BindingRow, GroupRow, People, RoleRow, SecretRow};
use super::query::{BlobRow, LedgerError, ManifestRow, PlaceRow, RepositoryPage, Totals};
use super::readable::Readable;
use super::trash::{MoveRow, RepositoryRow, Trash, TrashMark, TrashRow};
use super::{Ledger, Observer, Seq};
use crate::blobs::Location;
use crate::clock::Millis;

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before it reaches the ledger: nothing is done.
    Before,
    /// After the ledger has done it: the caller does not know.
    After,
    /// A commit fails at once and is made later all the same, if it can be: just before the call that comes so many after
    /// it (1 is the next), or when [`Faulty::land`] is called. What is no commit fails as by [`When::Before`].
    Late(u64),
}

/// A ledger in front of another. Every call that can fail counts, in the order in which it is made.
pub struct Faulty {
    inner: Arc<dyn Ledger>,
    plan: Mutex<Plan>,
}

#[derive(Default)]
struct Plan {
    calls: u64,
    /// How many are at work that is not to be disturbed.
    undisturbed: u64,
    fault: Option<(u64, When)>,
    /// A commit that is on its way, and before which call it arrives.
    late: Option<(u64, Commit)>,
}

impl Faulty {
    /// Nothing fails yet.
    pub fn new(inner: Arc<dyn Ledger>) -> Faulty {
        Faulty { inner, plan: Mutex::default() }
    }

    /// Lets the `n`-th call from now fail with [`LedgerError::Unavailable`]; 1 is the next. Replaces what was planned.
    pub fn fail(&self, n: u64, when: When) {
        let mut plan = self.plan.lock();
        plan.fault = Some((plan.calls + n, when));
    }

    /// Makes the commit that is late, if there is one and it is not refused.
    pub async fn land(&self) {
        let late = self.plan.lock().late.take();
        if let Some((_, commit)) = late {
            // Nobody waits for it any more, whatever comes of it.
            let _ = self.inner.commit(commit).await;
        }
    }

    /// Lets nothing fail.
    pub fn heal(&self) {
        self.plan.lock().fault = None;
    }

    /// Does `work`, of which no call fails or counts, nor does one that others make meanwhile.
    pub async fn undisturbed<T>(&self, work: impl Future<Output = T>) -> T {
        struct Guard<'a>(&'a Mutex<Plan>);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                self.0.lock().undisturbed -= 1;
            }
        }
        self.plan.lock().undisturbed += 1;
        let _guard = Guard(&self.plan);
        work.await
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.plan.lock().calls
    }

    async fn fault(&self) -> Option<When> {
        let (fault, lands) = {
            let mut plan = self.plan.lock();
            if plan.undisturbed > 0 {
                return None;
            }
            plan.calls += 1;
            let calls = plan.calls;
            let lands = plan.late.as_ref().is_some_and(|(at, _)| *at == calls);
            (plan.fault.take_if(|(at, _)| *at == calls), lands)
        };
        if lands {
            self.land().await;
        }
        fault.map(|(_, when)| when)
    }

    /// Keeps a commit that is to be late.
    fn keep_late(&self, commit: &Commit) {
        let mut plan = self.plan.lock();
        let call = plan.calls + 1;
        if let Some((at, When::Late(after))) = plan.fault
            && at == call
        {
            plan.late = Some((call + after, commit.clone()));
        }
    }

    async fn call<T, E: From<LedgerError>>(&self, call: impl Future<Output = Result<T, E>> + Send) -> Result<T, E> {
        let failed = || Err(LedgerError::Unavailable("a fault that was asked for".to_owned()).into());
        match self.fault().await {
            None => call.await,
            Some(When::Before | When::Late(_)) => failed(),
            Some(When::After) => call.await.and_then(|_| failed()),
        }
    }
}

#[async_trait]
impl Ledger for Faulty {
    async fn commit(&self, commit: Commit) -> Result<Seq, Refused> {
        self.keep_late(&commit);
        self.call(self.inner.commit(commit)).await
    }

    async fn log(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, LedgerError> {
        self.call(self.inner.log(after, limit)).await
    }

    async fn latest(&self) -> Result<Seq, LedgerError> {
        self.call(self.inner.latest()).await
    }

    fn watch(&self) -> watch::Receiver<Seq> {
        self.inner.watch()
    }

    fn queued(&self, kind: &str) -> watch::Receiver<u64> {
        self.inner.queued(kind)
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.inner.observe(observer);
    }

    async fn now(&self) -> Result<Millis, LedgerError> {
        self.call(self.inner.now()).await
    }

    fn grace(&self) -> Millis {
        self.inner.grace()
    }

    async fn project(&self, name: &ProjectName) -> Result<Option<Project>, LedgerError> {
        self.call(self.inner.project(name)).await
    }

    async fn project_names(
        &self,
        public_only: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ProjectName>, LedgerError> {
        self.call(self.inner.project_names(public_only, after, limit)).await
    }

    async fn trash_bytes(&self, project: Id, most: usize) -> Result<Option<u64>, LedgerError> {
        self.call(self.inner.trash_bytes(project, most)).await
    }

    async fn place(&self, name: &RepositoryName) -> Result<PlaceRow, LedgerError> {
        self.call(self.inner.place(name)).await
    }

    async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ManifestRow>, LedgerError> {
        self.call(self.inner.manifest(repository, reference)).await
    }

    async fn blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<BlobRow>, LedgerError> {
        self.call(self.inner.blob(repository, digest)).await
    }

    async fn home_of_blob(&self, digest: &Digest, readable: &Readable) -> Result<Option<RepositoryName>, LedgerError> {
        self.call(self.inner.home_of_blob(digest, readable)).await
    }

    async fn tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<Vec<Tag>>, LedgerError> {
        self.call(self.inner.tags(repository, after, limit)).await
    }

    async fn repositories(
        &self,
        readable: &Readable,
        after: Option<&str>,
        limit: usize,
    ) -> Result<RepositoryPage, LedgerError> {
        self.call(self.inner.repositories(readable, after, limit)).await
    }

    async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<ManifestRow>, LedgerError> {
        self.call(self.inner.referrers(repository, subject, artifact_type, after, limit)).await
    }

    async fn unreferenced(&self, limit: usize) -> Result<Vec<(RepositoryName, Digest)>, LedgerError> {
        self.call(self.inner.unreferenced(limit)).await
    }

    async fn totals(&self) -> Result<Totals, LedgerError> {
        self.call(self.inner.totals()).await
    }

    async fn count_totals(&self) -> Result<(Seq, Totals), LedgerError> {
        self.call(self.inner.count_totals()).await
    }

    async fn knows_location(&self, location: &Location) -> Result<bool, LedgerError> {
        self.call(self.inner.knows_location(location)).await
    }

    async fn check(&self) -> Result<(), LedgerError> {
        self.call(self.inner.check()).await
    }

    async fn upload(&self, id: Id) -> Result<Option<UploadNote>, LedgerError> {
        self.call(self.inner.upload(id)).await
    }

    async fn put_upload(&self, note: &UploadNote) -> Result<bool, Refused> {
        self.call(self.inner.put_upload(note)).await
    }

    async fn delete_upload(&self, id: Id) -> Result<(), LedgerError> {
        self.call(self.inner.delete_upload(id)).await
    }

    async fn idle_uploads(&self, idle: Millis, limit: usize) -> Result<Vec<UploadNote>, LedgerError> {
        self.call(self.inner.idle_uploads(idle, limit)).await
    }

    async fn cursor(&self, follower: &str) -> Result<Option<Cursor>, LedgerError> {
        self.call(self.inner.cursor(follower)).await
    }

    async fn put_cursor(&self, follower: &str, cursor: Cursor) -> Result<(), LedgerError> {
        self.call(self.inner.put_cursor(follower, cursor)).await
    }

    async fn claim_jobs(&self, claim: Claim) -> Result<Vec<Job>, LedgerError> {
        self.call(self.inner.claim_jobs(claim)).await
    }

    async fn renew_jobs(&self, jobs: &[i64], lease: Millis) -> Result<(), LedgerError> {
        self.call(self.inner.renew_jobs(jobs, lease)).await
    }

    async fn count_jobs(&self, kind: &str) -> Result<u64, LedgerError> {
        self.call(self.inner.count_jobs(kind)).await
    }
}

#[async_trait]
impl Front for Faulty {
    async fn overview(&self, repository: &RepositoryName) -> Result<Option<OverviewRow>, LedgerError> {
        self.call(self.inner.overview(repository)).await
    }

    async fn catalogue(
        &self,
        public_only: bool,
        after: Option<(u64, u64)>,
        limit: usize,
    ) -> Result<Vec<CatalogueRow>, LedgerError> {
        self.call(self.inner.catalogue(public_only, after, limit)).await
    }

    async fn note_pulls(&self, pulled: &[Pulled]) -> Result<(), LedgerError> {
        self.call(self.inner.note_pulls(pulled)).await
    }
}

#[async_trait]
impl Artifacts for Faulty {
    async fn artifacts(
        &self,
        repository: &RepositoryName,
        kind: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<ArtifactRow>, LedgerError> {
        self.call(self.inner.artifacts(repository, kind, before, limit)).await
    }

    async fn artifacts_named(
        &self,
        repository: &RepositoryName,
        digests: &[Digest],
    ) -> Result<Vec<ArtifactRow>, LedgerError> {
        self.call(self.inner.artifacts_named(repository, digests)).await
    }

    async fn tagged(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<TagRow>, LedgerError> {
        self.call(self.inner.tagged(repository, after, limit)).await
    }

    async fn tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<TagRow>, LedgerError> {
        self.call(self.inner.tag(repository, tag)).await
    }

    async fn tags_named(&self, repository: &RepositoryName, tags: &[Tag]) -> Result<Vec<TagRow>, LedgerError> {
        self.call(self.inner.tags_named(repository, tags)).await
    }

    async fn attached_kinds(
        &self,
        repository: &RepositoryName,
        digests: &[Digest],
    ) -> Result<Vec<(Digest, Vec<String>)>, LedgerError> {
        self.call(self.inner.attached_kinds(repository, digests)).await
    }

    async fn tags_of(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        limit: usize,
    ) -> Result<Vec<Tag>, LedgerError> {
        self.call(self.inner.tags_of(repository, digest, limit)).await
    }
}

#[async_trait]
impl News for Faulty {
    async fn news(&self, whence: Whence, direction: Direction, limit: usize) -> Result<Vec<NewsRow>, LedgerError> {
        self.call(self.inner.news(whence, direction, limit)).await
    }

    async fn entries(&self, numbers: &[Seq]) -> Result<Vec<Entry>, LedgerError> {
        self.call(self.inner.entries(numbers)).await
    }
}

#[async_trait]
impl People for Faulty {
    async fn account(&self, name: &Handle) -> Result<Option<AccountRow>, LedgerError> {
        self.call(self.inner.account(name)).await
    }

    async fn account_by_id(&self, id: Id) -> Result<Option<AccountRow>, LedgerError> {
        self.call(self.inner.account_by_id(id)).await
    }

    async fn accounts(
        &self,
        which: Accounts,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<AccountRow>, LedgerError> {
        self.call(self.inner.accounts(which, after, limit)).await
    }

    async fn secret(&self, id: Id) -> Result<Option<SecretRow>, LedgerError> {
        self.call(self.inner.secret(id)).await
    }

    async fn secrets(&self, accounts: &[Id]) -> Result<Vec<SecretRow>, LedgerError> {
        self.call(self.inner.secrets(accounts)).await
    }

    async fn group(&self, name: &Handle) -> Result<Option<GroupRow>, LedgerError> {
        self.call(self.inner.group(name)).await
    }

    async fn groups(&self, after: Option<&str>, limit: usize) -> Result<Vec<GroupRow>, LedgerError> {
        self.call(self.inner.groups(after, limit)).await
    }

    async fn groups_of(&self, accounts: &[Id], limit: usize) -> Result<Vec<(Id, Handle)>, LedgerError> {
        self.call(self.inner.groups_of(accounts, limit)).await
    }

    async fn members_of(&self, groups: &[Id], limit: usize) -> Result<Vec<(Id, Handle)>, LedgerError> {
        self.call(self.inner.members_of(groups, limit)).await
    }

    async fn role(&self, name: &Handle) -> Result<Option<RoleRow>, LedgerError> {
        self.call(self.inner.role(name)).await
    }

    async fn roles(&self) -> Result<Vec<RoleRow>, LedgerError> {
        self.call(self.inner.roles()).await
    }

    async fn bindings(
        &self,
        project: Option<Id>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, BindingRow)>, LedgerError> {
        self.call(self.inner.bindings(project, after, limit)).await
    }

    async fn binding(&self, binding: Id) -> Result<Option<BindingRow>, LedgerError> {
        self.call(self.inner.binding(binding)).await
    }

    async fn bindings_of(&self, account: Id) -> Result<Vec<BindingRow>, LedgerError> {
        self.call(self.inner.bindings_of(account)).await
    }

    async fn own_bindings(&self, accounts: &[Id], limit: usize) -> Result<Vec<(u64, BindingRow)>, LedgerError> {
        self.call(self.inner.own_bindings(accounts, limit)).await
    }

    async fn bindings_of_group(&self, group: Id) -> Result<Vec<BindingRow>, LedgerError> {
        self.call(self.inner.bindings_of_group(group)).await
    }

    async fn note_uses(&self, uses: &[(Id, Millis)]) -> Result<(), LedgerError> {
        self.call(self.inner.note_uses(uses)).await
    }
}

#[async_trait]
impl Facts for Faulty {
    async fn facts(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<FactsRow>, LedgerError> {
        self.call(self.inner.facts(repository, digest)).await
    }

    async fn derived(
        &self,
        repository: &RepositoryName,
        source: &Digest,
        kind: &str,
    ) -> Result<Option<DerivedRow>, LedgerError> {
        self.call(self.inner.derived(repository, source, kind)).await
    }

    async fn inspectable(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Inspectable>, LedgerError> {
        self.call(self.inner.inspectable(repository, digest)).await
    }

    async fn indexes_before(
        &self,
        repository: &RepositoryName,
        child: &Digest,
        limit: usize,
    ) -> Result<Vec<Digest>, LedgerError> {
        self.call(self.inner.indexes_before(repository, child, limit)).await
    }

    async fn live_manifests(
        &self,
        within: Option<&RepositoryName>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<LiveManifest>, LedgerError> {
        self.call(self.inner.live_manifests(within, after, limit)).await
    }
}

#[async_trait]
impl Trash for Faulty {
    async fn repository(&self, name: &RepositoryName) -> Result<Option<RepositoryRow>, LedgerError> {
        self.call(self.inner.repository(name)).await
    }

    async fn tag_moves(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<Vec<MoveRow>>, LedgerError> {
        self.call(self.inner.tag_moves(repository, tag, before, limit)).await
    }

    async fn trash(
        &self,
        project: Option<Id>,
        after: Option<TrashMark>,
        limit: usize,
    ) -> Result<Vec<TrashRow>, LedgerError> {
        self.call(self.inner.trash(project, after, limit)).await
    }

    async fn latest_trash(&self, projects: &[Id], after: Option<TrashMark>) -> Result<Vec<TrashRow>, LedgerError> {
        self.call(self.inner.latest_trash(projects, after)).await
    }

    async fn trash_entry(&self, id: Id) -> Result<Option<TrashRow>, LedgerError> {
        self.call(self.inner.trash_entry(id)).await
    }

    async fn trashed_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<TrashRow>, LedgerError> {
        self.call(self.inner.trashed_manifest(repository, digest)).await
    }

    async fn projects_called(&self, name: &ProjectName, limit: usize) -> Result<Vec<Id>, LedgerError> {
        self.call(self.inner.projects_called(name, limit)).await
    }

    async fn expired_trash(&self, limit: usize) -> Result<Vec<TrashRow>, LedgerError> {
        self.call(self.inner.expired_trash(limit)).await
    }
}
