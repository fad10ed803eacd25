//! A ledger over any engine: questions go to a connection of its pool, everything that writes to its one writer.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use wharf_model::api::project::Project;
use wharf_model::digest::Digest;
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, Reference, RepositoryName, Tag};

use super::apply::Applied;
use super::artifacts::{self, ArtifactRow, Artifacts, TagRow};
use super::change::{Commit, Entry, Refused};
use super::events::{self, Direction, News, NewsRow, Whence};
use super::facts::{self, DerivedRow, Facts, FactsRow, Inspectable, LiveManifest};
use super::front::{self, CatalogueRow, Front, OverviewRow, Pulled};
use super::notes::{Claim, Cursor, Job, UploadNote};
use super::people::{self, AccountRow, Accounts, BindingRow, GroupRow, People, RoleRow, SecretRow};
use super::query::{BlobRow, LedgerError, ManifestRow, PlaceRow, RepositoryPage, Totals};
use super::readable::Readable;
use super::trash::{self, MoveRow, RepositoryRow, Trash, TrashMark, TrashRow};
use super::writer::{Done, Work, Writer};
use super::{Ledger, Observer, Seq, noted, read};
use crate::blobs::Location;
use crate::clock::Millis;
use crate::sql::Sql;

/// What is particular to an engine, besides its statements.
pub(crate) trait Engine: Send + Sync + 'static {
    /// A connection for questions, given back when it is dropped.
    type Reader: Sql + 'static;

    /// A connection that nobody else uses; waits for one, but not for ever.
    fn reader(&self) -> impl Future<Output = Result<Self::Reader, LedgerError>> + Send;

    /// Whether other processes write too, so that what is known here may not be the latest.
    const IS_SHARED: bool;
}

/// See the module.
pub(crate) struct SqlLedger<E> {
    /// Before the engine: dropped first, so that the engine may wait for the writer's end.
    pub(crate) writer: Writer,
    pub(crate) engine: E,
    pub(crate) grace: Millis,
}

impl<E: Engine> SqlLedger<E> {
    async fn note(&self, work: Work) -> Result<bool, LedgerError> {
        match self.writer.ask(work).await {
            Ok((Done::Noted(written), _)) => Ok(written),
            Ok(_) => Err(LedgerError::Corrupt("a note was answered as something else".to_owned())),
            Err(refused) => Err(failed(refused)),
        }
    }
}

fn failed(refused: Refused) -> LedgerError {
    match refused {
        Refused::Failed(error) => error,
        other => LedgerError::Corrupt(format!("a note was refused: {other}")),
    }
}

#[async_trait]
impl<E: Engine> Ledger for SqlLedger<E> {
    async fn commit(&self, commit: Commit) -> Result<Seq, Refused> {
        self.writer.ask(Work::Commit(commit)).await.map(|(done, latest)| match done {
            Done::Committed(Applied { entry: Some(entry), .. }) => entry.seq,
            _ => latest,
        })
    }

    async fn log(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, LedgerError> {
        read::log(&mut self.engine.reader().await?, after, limit).await
    }

    async fn latest(&self) -> Result<Seq, LedgerError> {
        if !E::IS_SHARED {
            return Ok(*self.writer.news.borrow());
        }
        read::latest(&mut self.engine.reader().await?).await
    }

    fn watch(&self) -> watch::Receiver<Seq> {
        self.writer.news.clone()
    }

    fn queued(&self, kind: &str) -> watch::Receiver<u64> {
        self.writer.queues.of(kind)
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.writer.observers.write().push(observer);
    }

    async fn now(&self) -> Result<Millis, LedgerError> {
        read::now(&mut self.engine.reader().await?).await
    }

    fn grace(&self) -> Millis {
        self.grace
    }

    async fn project(&self, name: &ProjectName) -> Result<Option<Project>, LedgerError> {
        read::project(&mut self.engine.reader().await?, name).await
    }

    async fn project_names(
        &self,
        public_only: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ProjectName>, LedgerError> {
        read::project_names(&mut self.engine.reader().await?, public_only, after, limit).await
    }

    /// Takes as long as the trash is large, and SQLite would hold up the calling task's thread.
    async fn trash_bytes(&self, project: Id, most: usize) -> Result<Option<u64>, LedgerError> {
        let mut reader = self.engine.reader().await?;
        let runtime = tokio::runtime::Handle::current();
        let asked =
            tokio::task::spawn_blocking(move || runtime.block_on(read::trash_bytes(&mut reader, project, most))).await;
        asked.unwrap_or_else(|error| Err(LedgerError::Unavailable(error.to_string())))
    }

    async fn place(&self, name: &RepositoryName) -> Result<PlaceRow, LedgerError> {
        read::place(&mut self.engine.reader().await?, name).await
    }

    async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ManifestRow>, LedgerError> {
        read::manifest(&mut self.engine.reader().await?, repository, reference).await
    }

    async fn blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<BlobRow>, LedgerError> {
        read::blob(&mut self.engine.reader().await?, repository, digest, self.grace).await
    }

    async fn home_of_blob(&self, digest: &Digest, readable: &Readable) -> Result<Option<RepositoryName>, LedgerError> {
        read::home_of_blob(&mut self.engine.reader().await?, digest, readable, self.grace).await
    }

    async fn tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<Vec<Tag>>, LedgerError> {
        read::tags(&mut self.engine.reader().await?, repository, after, limit).await
    }

    async fn repositories(
        &self,
        readable: &Readable,
        after: Option<&str>,
        limit: usize,
    ) -> Result<RepositoryPage, LedgerError> {
        read::repositories(&mut self.engine.reader().await?, readable, after, limit).await
    }

    async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<ManifestRow>, LedgerError> {
        read::referrers(&mut self.engine.reader().await?, repository, subject, artifact_type, after, limit).await
    }

    async fn unreferenced(&self, limit: usize) -> Result<Vec<(RepositoryName, Digest)>, LedgerError> {
        read::unreferenced(&mut self.engine.reader().await?, self.grace, limit).await
    }

    async fn totals(&self) -> Result<Totals, LedgerError> {
        read::totals(&mut self.engine.reader().await?).await
    }

    /// Takes as long as it takes, and SQLite would hold up the calling task's thread.
    async fn count_totals(&self) -> Result<(Seq, Totals), LedgerError> {
        let mut reader = self.engine.reader().await?;
        let runtime = tokio::runtime::Handle::current();
        let counted = tokio::task::spawn_blocking(move || runtime.block_on(read::count_totals(&mut reader))).await;
        counted.unwrap_or_else(|error| Err(LedgerError::Unavailable(error.to_string())))
    }

    async fn knows_location(&self, location: &Location) -> Result<bool, LedgerError> {
        read::knows_location(&mut self.engine.reader().await?, location).await
    }

    async fn check(&self) -> Result<(), LedgerError> {
        self.writer.check()?;
        read::check(&mut self.engine.reader().await?).await
    }

    async fn upload(&self, id: Id) -> Result<Option<UploadNote>, LedgerError> {
        noted::upload(&mut self.engine.reader().await?, id).await
    }

    async fn put_upload(&self, note: &UploadNote) -> Result<bool, Refused> {
        match self.writer.ask(Work::PutUpload(note.clone())).await? {
            (Done::Noted(written), _) => Ok(written),
            _ => Err(LedgerError::Corrupt("a note was answered as something else".to_owned()).into()),
        }
    }

    async fn delete_upload(&self, id: Id) -> Result<(), LedgerError> {
        self.note(Work::DeleteUpload(id)).await.map(|_| ())
    }

    async fn idle_uploads(&self, idle: Millis, limit: usize) -> Result<Vec<UploadNote>, LedgerError> {
        noted::idle_uploads(&mut self.engine.reader().await?, idle, limit).await
    }

    async fn cursor(&self, follower: &str) -> Result<Option<Cursor>, LedgerError> {
        noted::cursor(&mut self.engine.reader().await?, follower).await
    }

    async fn put_cursor(&self, follower: &str, cursor: Cursor) -> Result<(), LedgerError> {
        self.note(Work::PutCursor(follower.to_owned(), cursor)).await.map(|_| ())
    }

    async fn claim_jobs(&self, claim: Claim) -> Result<Vec<Job>, LedgerError> {
        match self.writer.ask(Work::ClaimJobs(claim)).await {
            Ok((Done::Claimed(jobs), _)) => Ok(jobs),
            Ok(_) => Err(LedgerError::Corrupt("a claim was answered as something else".to_owned())),
            Err(refused) => Err(failed(refused)),
        }
    }

    async fn renew_jobs(&self, jobs: &[i64], lease: Millis) -> Result<(), LedgerError> {
        self.note(Work::RenewJobs { jobs: jobs.to_vec(), lease }).await.map(|_| ())
    }

    async fn count_jobs(&self, kind: &str) -> Result<u64, LedgerError> {
        noted::count_jobs(&mut self.engine.reader().await?, kind).await
    }
}

#[async_trait]
impl<E: Engine> Front for SqlLedger<E> {
    async fn overview(&self, repository: &RepositoryName) -> Result<Option<OverviewRow>, LedgerError> {
        front::read::overview(&mut self.engine.reader().await?, repository).await
    }

    async fn catalogue(
        &self,
        public_only: bool,
        after: Option<(u64, u64)>,
        limit: usize,
    ) -> Result<Vec<CatalogueRow>, LedgerError> {
        front::read::catalogue(&mut self.engine.reader().await?, public_only, after, limit).await
    }

    async fn note_pulls(&self, pulled: &[Pulled]) -> Result<(), LedgerError> {
        self.note(Work::NotePulls(pulled.to_vec())).await.map(|_| ())
    }
}

#[async_trait]
impl<E: Engine> Artifacts for SqlLedger<E> {
    async fn artifacts(
        &self,
        repository: &RepositoryName,
        kind: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<ArtifactRow>, LedgerError> {
        artifacts::read::artifacts(&mut self.engine.reader().await?, repository, kind, before, limit).await
    }

    async fn artifacts_named(
        &self,
        repository: &RepositoryName,
        digests: &[Digest],
    ) -> Result<Vec<ArtifactRow>, LedgerError> {
        artifacts::read::artifacts_named(&mut self.engine.reader().await?, repository, digests).await
    }

    async fn tagged(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<TagRow>, LedgerError> {
        artifacts::read::tagged(&mut self.engine.reader().await?, repository, after, limit).await
    }

    async fn tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<TagRow>, LedgerError> {
        artifacts::read::tag(&mut self.engine.reader().await?, repository, tag).await
    }

    async fn tags_named(&self, repository: &RepositoryName, tags: &[Tag]) -> Result<Vec<TagRow>, LedgerError> {
        artifacts::read::tags_named(&mut self.engine.reader().await?, repository, tags).await
    }

    async fn attached_kinds(
        &self,
        repository: &RepositoryName,
        digests: &[Digest],
    ) -> Result<Vec<(Digest, Vec<String>)>, LedgerError> {
        artifacts::read::attached_kinds(&mut self.engine.reader().await?, repository, digests).await
    }

    async fn tags_of(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        limit: usize,
    ) -> Result<Vec<Tag>, LedgerError> {
        artifacts::read::tags_of(&mut self.engine.reader().await?, repository, digest, limit).await
    }
}

#[async_trait]
impl<E: Engine> News for SqlLedger<E> {
    async fn news(&self, whence: Whence, direction: Direction, limit: usize) -> Result<Vec<NewsRow>, LedgerError> {
        events::read::news(&mut self.engine.reader().await?, whence, direction, limit).await
    }

    async fn entries(&self, numbers: &[Seq]) -> Result<Vec<Entry>, LedgerError> {
        events::read::entries(&mut self.engine.reader().await?, numbers).await
    }
}

#[async_trait]
impl<E: Engine> Facts for SqlLedger<E> {
    async fn facts(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<FactsRow>, LedgerError> {
        facts::read::facts(&mut self.engine.reader().await?, repository, digest).await
    }

    async fn derived(
        &self,
        repository: &RepositoryName,
        source: &Digest,
        kind: &str,
    ) -> Result<Option<DerivedRow>, LedgerError> {
        facts::read::derived(&mut self.engine.reader().await?, repository, source, kind, self.grace).await
    }

    async fn inspectable(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Inspectable>, LedgerError> {
        facts::read::inspectable(&mut self.engine.reader().await?, repository, digest).await
    }

    async fn indexes_before(
        &self,
        repository: &RepositoryName,
        child: &Digest,
        limit: usize,
    ) -> Result<Vec<Digest>, LedgerError> {
        facts::read::indexes_before(&mut self.engine.reader().await?, repository, child, limit).await
    }

    async fn live_manifests(
        &self,
        within: Option<&RepositoryName>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<LiveManifest>, LedgerError> {
        facts::read::live_manifests(&mut self.engine.reader().await?, within, after, limit).await
    }
}

#[async_trait]
impl<E: Engine> People for SqlLedger<E> {
    async fn account(&self, name: &Handle) -> Result<Option<AccountRow>, LedgerError> {
        people::read::account(&mut self.engine.reader().await?, name).await
    }

    async fn account_by_id(&self, id: Id) -> Result<Option<AccountRow>, LedgerError> {
        people::read::account_by_id(&mut self.engine.reader().await?, id).await
    }

    async fn accounts(
        &self,
        which: Accounts,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<AccountRow>, LedgerError> {
        people::read::accounts(&mut self.engine.reader().await?, which, after, limit).await
    }

    async fn secret(&self, id: Id) -> Result<Option<SecretRow>, LedgerError> {
        people::read::secret(&mut self.engine.reader().await?, id).await
    }

    async fn secrets(&self, accounts: &[Id]) -> Result<Vec<SecretRow>, LedgerError> {
        people::read::secrets(&mut self.engine.reader().await?, accounts).await
    }

    async fn group(&self, name: &Handle) -> Result<Option<GroupRow>, LedgerError> {
        people::read::group(&mut self.engine.reader().await?, name).await
    }

    async fn groups(&self, after: Option<&str>, limit: usize) -> Result<Vec<GroupRow>, LedgerError> {
        people::read::groups(&mut self.engine.reader().await?, after, limit).await
    }

    async fn groups_of(&self, accounts: &[Id], limit: usize) -> Result<Vec<(Id, Handle)>, LedgerError> {
        people::read::groups_of(&mut self.engine.reader().await?, accounts, limit).await
    }

    async fn members_of(&self, groups: &[Id], limit: usize) -> Result<Vec<(Id, Handle)>, LedgerError> {
        people::read::members_of(&mut self.engine.reader().await?, groups, limit).await
    }

    async fn role(&self, name: &Handle) -> Result<Option<RoleRow>, LedgerError> {
        people::read::role(&mut self.engine.reader().await?, name).await
    }

    async fn roles(&self) -> Result<Vec<RoleRow>, LedgerError> {
        people::read::roles(&mut self.engine.reader().await?).await
    }

    async fn bindings(
        &self,
        project: Option<Id>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, BindingRow)>, LedgerError> {
        people::read::bindings(&mut self.engine.reader().await?, project, after, limit).await
    }

    async fn binding(&self, binding: Id) -> Result<Option<BindingRow>, LedgerError> {
        people::read::binding(&mut self.engine.reader().await?, binding).await
    }

    async fn bindings_of(&self, account: Id) -> Result<Vec<BindingRow>, LedgerError> {
        people::read::bindings_of(&mut self.engine.reader().await?, account).await
    }

    async fn own_bindings(&self, accounts: &[Id], limit: usize) -> Result<Vec<(u64, BindingRow)>, LedgerError> {
        people::read::own_bindings(&mut self.engine.reader().await?, accounts, limit).await
    }

    async fn bindings_of_group(&self, group: Id) -> Result<Vec<BindingRow>, LedgerError> {
        people::read::bindings_of_group(&mut self.engine.reader().await?, group).await
    }

    async fn note_uses(&self, uses: &[(Id, Millis)]) -> Result<(), LedgerError> {
        self.note(Work::NoteUses(uses.to_vec())).await.map(|_| ())
    }
}

#[async_trait]
impl<E: Engine> Trash for SqlLedger<E> {
    async fn repository(&self, name: &RepositoryName) -> Result<Option<RepositoryRow>, LedgerError> {
        trash::read::repository(&mut self.engine.reader().await?, name).await
    }

    async fn tag_moves(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<Vec<MoveRow>>, LedgerError> {
        trash::read::tag_moves(&mut self.engine.reader().await?, repository, tag, before, limit).await
    }

    async fn trash(
        &self,
        project: Option<Id>,
        after: Option<TrashMark>,
        limit: usize,
    ) -> Result<Vec<TrashRow>, LedgerError> {
        trash::read::trash(&mut self.engine.reader().await?, project, after, limit).await
    }

    async fn latest_trash(&self, projects: &[Id], after: Option<TrashMark>) -> Result<Vec<TrashRow>, LedgerError> {
        trash::read::latest_trash(&mut self.engine.reader().await?, projects, after).await
    }

    async fn trash_entry(&self, id: Id) -> Result<Option<TrashRow>, LedgerError> {
        trash::read::trash_entry(&mut self.engine.reader().await?, id).await
    }

    async fn trashed_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<TrashRow>, LedgerError> {
        trash::read::trashed_manifest(&mut self.engine.reader().await?, repository, digest).await
    }

    async fn projects_called(&self, name: &ProjectName, limit: usize) -> Result<Vec<Id>, LedgerError> {
        trash::read::projects_called(&mut self.engine.reader().await?, name, limit).await
    }

    async fn expired_trash(&self, limit: usize) -> Result<Vec<TrashRow>, LedgerError> {
        trash::read::expired_trash(&mut self.engine.reader().await?, limit).await
    }
}
