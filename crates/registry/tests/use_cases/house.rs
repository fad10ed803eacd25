//! A registry in a temporary folder, with every part of it in reach.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tempfile::TempDir;
use wharf_content::body::Body;
use wharf_model::api::people::Limit;
use wharf_model::api::project::ProjectChange;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::media::OCI_MANIFEST;
use wharf_model::name::{ProjectName, Reference, RepositoryName};
use wharf_model::permission::Permissions;
use wharf_registry::access::Action;
use wharf_registry::actor::{Actor, Ceiling, Subject};
use wharf_registry::error::Error;
use wharf_registry::followers::{FOLLOWERS, Following};
use wharf_registry::identity::personal;
use wharf_registry::jobs::Worker;
use wharf_registry::pull::Served;
use wharf_registry::push::{Expected, Push, Pushed};
use wharf_registry::registry::{Access, Registry, Settings};
use wharf_registry::rights::Rights;
use wharf_registry::secret::MasterKey;
use wharf_registry::upload::{Chunk, Progress};
use wharf_store::blobs::memory::Memory;
use wharf_store::blobs::{Blobs as _, Location, faulty as faulty_blobs};
use wharf_store::clock::{ManualClock, Millis};
use wharf_store::ledger::change::{Change, Commit, Contents, Expects};
use wharf_store::ledger::people::{AccountKind, BindingRow, Gives, Holder, PeopleChange};
use wharf_store::ledger::{Ledger, LedgerOptions, faulty as faulty_ledger, sqlite::Sqlite};

pub(crate) const HOUR: Millis = 3_600_000;
pub(crate) const GRACE: Millis = 4 * HOUR;
pub(crate) const TRASH: Millis = 10 * HOUR;
pub(crate) const IDLE: Millis = 6 * HOUR;
/// Where requests come from.
pub(crate) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// When the tests begin.
const START: Millis = 1_800_000_000_000;

pub(crate) struct House {
    pub(crate) folder: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) heap: Arc<Memory>,
    pub(crate) blobs: Arc<faulty_blobs::Faulty>,
    pub(crate) ledger: Arc<faulty_ledger::Faulty>,
    pub(crate) registry: Registry,
}

pub(crate) fn admin() -> Subject {
    let (id, name): (_, Handle) = (Id([1; 16]), "admin".parse().expect("a name"));
    let everything = BindingRow {
        id,
        holder: Holder::Account(id),
        holder_name: name.clone(),
        is_robot: false,
        role: None,
        permissions: Permissions::ALL,
        project: None,
        pattern: None,
    };
    let rights = Arc::new(Rights::compile(&[everything]));
    Subject { actor: Actor::User { id, name }, rights, ceiling: Ceiling::default(), login: None, client: None }
}

pub(crate) fn name(text: &str) -> RepositoryName {
    text.parse().expect("a repository's name")
}

pub(crate) fn tagged(text: &str) -> Reference {
    Reference::Tag(text.parse().expect("a tag"))
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

/// Bytes that are the same for the same seed and length.
pub(crate) fn noise(seed: u64, length: usize) -> Bytes {
    wharf_testkit::fixture::noise(seed, length).into()
}

/// A chunk that goes wherever the session stands.
pub(crate) fn chunk(bytes: &[u8]) -> Chunk {
    Chunk { range: None, body: Body::full(Bytes::copy_from_slice(bytes)) }
}

/// A chunk whose sender goes away after `bytes`.
pub(crate) fn broken(bytes: &[u8]) -> Chunk {
    let gone = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let pieces: Vec<_> =
        bytes.chunks(5_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).chain([Err(gone)]).collect();
    Chunk { range: None, body: Body::new(None, stream::iter(pieces)) }
}

/// An image of these blobs, the first of which is its config.
pub(crate) fn image(blobs: &[Digest]) -> Bytes {
    let descriptor =
        |digest: &Digest| serde_json::json!({ "mediaType": "application/x.test", "digest": digest, "size": 1 });
    let (config, layers) = blobs.split_first().expect("an image has a config");
    let layers: Vec<_> = layers.iter().map(descriptor).collect();
    let image = serde_json::json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(config), "layers": layers });
    image.to_string().into()
}

async fn open(
    path: PathBuf,
    clock: &Arc<ManualClock>,
    blobs: &Arc<faulty_blobs::Faulty>,
) -> (Arc<faulty_ledger::Faulty>, Registry) {
    let options = LedgerOptions { clock: Some(clock.clone()), grace: GRACE, alone: false };
    let ledger = Sqlite::open(path, options).await.expect("a ledger");
    let ledger = Arc::new(faulty_ledger::Faulty::new(ledger));
    let settings = Settings { trash: TRASH, upload_idle: IDLE, ..Settings::default() };
    let key = MasterKey::from_bytes([7; 32]);
    let registry = Registry::new(ledger.clone(), blobs.clone(), &key, settings);
    (ledger, registry)
}

impl House {
    pub(crate) async fn new() -> House {
        // In memory where that can be: these tests are not about the disk, and each commit would wait for it.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        let (clock, heap) = (Arc::new(ManualClock::new(START)), Arc::new(Memory::new()));
        let blobs = Arc::new(faulty_blobs::Faulty::new(heap.clone()));
        let (ledger, registry) = open(folder.path().join("ledger.db"), &clock, &blobs).await;
        House { folder, clock, heap, blobs, ledger, registry }
    }

    /// The power goes and comes back: what was not durable is lost, and so is all that the process knew.
    pub(crate) async fn crash(&mut self) {
        self.heap.crash();
        // What nobody waits for any more ends with its process; here the writer would do it beside the next one.
        let _ = self.ledger.undisturbed(self.ledger.renew_jobs(&[], 0)).await;
        (self.ledger, self.registry) = open(self.folder.path().join("ledger.db"), &self.clock, &self.blobs).await;
    }

    pub(crate) fn advance(&self, millis: Millis) {
        self.clock.advance(Duration::from_millis(millis.unsigned_abs()));
    }

    pub(crate) async fn access(&self, action: Action, repository: &str) -> Access {
        // Faults are for what comes after.
        let (admin, repository) = (admin(), name(repository));
        let access = self.ledger.undisturbed(self.registry.authorise(&admin, action, &repository)).await;
        access.expect("an administrator may")
    }

    // --- uploads

    pub(crate) async fn begin(&self, repository: &str) -> String {
        let access = self.access(Action::Push, repository).await;
        self.registry.begin_upload(&access, Algorithm::Sha256).await.expect("begun").session
    }

    pub(crate) async fn append(&self, repository: &str, session: &str, chunk: Chunk) -> Result<u64, Error> {
        let access = self.access(Action::Push, repository).await;
        self.registry.append_upload(&access, session, chunk).await.map(|progress| progress.offset)
    }

    pub(crate) async fn finish(
        &self,
        repository: &str,
        session: &str,
        chunk: Chunk,
        digest: Digest,
    ) -> Result<(), Error> {
        let access = self.access(Action::Push, repository).await;
        self.registry.finish_upload(&access, session, chunk, digest).await
    }

    pub(crate) async fn status(&self, repository: &str, session: &str) -> Result<Progress, Error> {
        let access = self.access(Action::Push, repository).await;
        self.registry.upload_status(&access, session).await
    }

    pub(crate) async fn cancel(&self, repository: &str, session: &str) -> Result<(), Error> {
        let access = self.access(Action::Push, repository).await;
        self.registry.cancel_upload(&access, session).await
    }

    pub(crate) async fn push_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let (session, digest) = (self.begin(repository).await, sha256(bytes));
        self.finish(repository, &session, chunk(bytes), digest).await.expect("pushed");
        digest
    }

    pub(crate) async fn try_mount(&self, repository: &str, digest: Digest, from: Option<&str>) -> Result<bool, Error> {
        let access = self.access(Action::Push, repository).await;
        self.registry.mount_blob(&access, digest, from.map(name)).await
    }

    pub(crate) async fn mount(&self, repository: &str, digest: Digest, from: Option<&str>) -> bool {
        self.try_mount(repository, digest, from).await.expect("the ledger answers")
    }

    pub(crate) async fn pull_blob(&self, repository: &str, digest: &Digest) -> Result<Bytes, Error> {
        let access = self.access(Action::Pull, repository).await;
        let found = self.registry.blob(&access, digest).await?;
        match self.registry.open_blob(&found, None).await? {
            Served::Body(mut body) => {
                Ok(body.collect(1 << 24).await.expect("memory does not break").expect("within the limit"))
            }
            Served::Redirect(url) => panic!("memory has no {url}"),
        }
    }

    /// Whether the repository shows the blob; and where it does, the bytes must be right.
    pub(crate) async fn shows(&self, repository: &str, digest: &Digest) -> bool {
        match self.pull_blob(repository, digest).await {
            Ok(bytes) => {
                assert_eq!(Digest::of(digest.algorithm(), &bytes), *digest);
                true
            }
            Err(Error::BlobUnknown(_) | Error::NameUnknown(_)) => false,
            Err(error) => panic!("{digest} in {repository}: {error}"),
        }
    }

    // --- manifests

    pub(crate) async fn put(&self, repository: &str, reference: Reference, bytes: Bytes) -> Result<Pushed, Error> {
        let access = self.access(Action::Push, repository).await;
        let push = Push { reference, tags: Vec::new(), expected: Expected::default(), content_type: None, bytes };
        self.registry.put_manifest(&access, push).await
    }

    /// Pushes an image of these blobs, which are there already.
    pub(crate) async fn push_image(&self, repository: &str, tag: &str, blobs: &[Digest]) -> Digest {
        self.put(repository, tagged(tag), image(blobs)).await.expect("pushed").digest
    }

    pub(crate) async fn pull(&self, repository: &str, reference: &Reference) -> Option<Bytes> {
        let access = self.access(Action::Pull, repository).await;
        match self.registry.manifest(&access, reference).await {
            Ok(row) => {
                assert_eq!(Digest::of(row.digest.algorithm(), &row.bytes), row.digest);
                Some(row.bytes.clone())
            }
            Err(Error::ManifestUnknown(_) | Error::NameUnknown(_)) => None,
            Err(error) => panic!("{reference} in {repository}: {error}"),
        }
    }

    pub(crate) async fn delete(&self, repository: &str, reference: &Reference) -> Result<(), Error> {
        let access = self.access(Action::Delete, repository).await;
        self.registry.delete_manifest(&access, reference).await
    }

    pub(crate) async fn delete_blob(&self, repository: &str, digest: &Digest) -> Result<(), Error> {
        let access = self.access(Action::Delete, repository).await;
        self.registry.delete_blob(&access, digest).await
    }

    pub(crate) async fn make_public(&self, project: &str, public: bool) {
        let project = project.parse().expect("a project's name");
        self.registry
            .put_project(&admin(), &project, &ProjectChange::public(public))
            .await
            .expect("an administrator may");
    }

    // --- people

    pub(crate) async fn change(&self, changes: Vec<PeopleChange>) {
        let changes = changes.into_iter().map(Change::People).collect();
        let commit = Commit { actor: "test".to_owned(), changes, ..Commit::default() };
        self.ledger.commit(commit).await.expect("the commit is made");
    }

    /// Makes an account with a token, which have the same id. The answer is the header that it comes with.
    pub(crate) async fn account(&self, number: u8, name: &str, kind: AccountKind, limits: Vec<Limit>) -> Vec<u8> {
        let id = Id([number; 16]);
        let (text, hash) = personal::new(id).expect("randomness");
        let account = PeopleChange::PutAccount {
            id,
            name: name.parse().expect("a name"),
            kind,
            description: String::new(),
            disabled: false,
            expires_at: None,
            password: None,
        };
        let secret = PeopleChange::PutSecret { id, account: id, name: "ci".to_owned(), hash, limits, expires_at: None };
        self.change(vec![account, secret]).await;
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{name}:{text}"))).into_bytes()
    }

    pub(crate) async fn user(&self, number: u8, name: &str) -> Vec<u8> {
        self.account(number, name, AccountKind::User, Vec::new()).await
    }

    /// Gives the account what is `given`, a role that is built in or permissions, in the project, or in the system. The
    /// binding is what `number` names from then on.
    pub(crate) async fn bind(
        &self,
        number: u8,
        account: u8,
        given: &str,
        project: Option<&str>,
        pattern: Option<&str>,
    ) {
        let project = match project {
            Some(project) => Some(self.project(project).await),
            None => None,
        };
        let gives = match wharf_model::permission::built_in(given) {
            Some(role) => Gives::BuiltIn(role.name.to_owned()),
            None => Gives::Permissions(given.parse().expect("permissions")),
        };
        let (id, holder) = (Id([number; 16]), Holder::Account(Id([account; 16])));
        let pattern = pattern.map(|pattern| pattern.parse().expect("a pattern"));
        self.change(vec![PeopleChange::PutBinding { id, holder, gives, project, pattern }]).await;
    }

    pub(crate) async fn unbind(&self, number: u8, project: &str) {
        let (binding, project) = (Id([number; 16]), Some(self.project(project).await));
        self.change(vec![PeopleChange::DeleteBinding { binding, project }]).await;
    }

    pub(crate) async fn project(&self, project: &str) -> Id {
        let project = project.parse().expect("a project's name");
        self.ledger.project(&project).await.expect("no fault").expect("it is there").id
    }

    /// Whose request it is that comes with this header, as of now.
    pub(crate) async fn who(&self, header: &[u8]) -> Subject {
        self.registry.identity().authenticate(Some(header), HERE).await.expect("it is right")
    }

    /// Who logs in by that name with that password, or a token in its place.
    pub(crate) async fn login(&self, name: &str, password: &str) -> Option<Subject> {
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
        self.registry.identity().authenticate(Some(format!("Basic {encoded}").as_bytes()), HERE).await.ok()
    }

    /// What the account of that number is given, as of now.
    pub(crate) async fn rights(&self, number: u8) -> Arc<Rights> {
        use wharf_store::ledger::people::People as _;
        let bindings = self.ledger.bindings_of(Id([number; 16])).await.expect("no fault");
        Arc::new(Rights::compile(&bindings))
    }

    /// Just before the call of the ledger that is the `n`-th from now, the project goes to the trash, and the one whose entry
    /// that is comes back from there.
    pub(crate) async fn comes_back_at(&self, n: u64, project: &str, entry: Id) {
        let (project, contents) = (project.parse::<ProjectName>().expect("a project's name"), Contents::default());
        let (expects, keep) = (Expects::Anything, TRASH);
        let gone = Change::DeleteProject { project: project.clone(), expects, entry: Id([99; 16]), keep, contents };
        let changes = vec![gone, Change::RestoreProject { entry, project, contents }];
        self.ledger.fail(1, faulty_ledger::When::Late(n));
        let late = self.ledger.commit(Commit { actor: "test".to_owned(), changes, ..Commit::default() }).await;
        assert!(late.is_err(), "it is on its way");
    }

    // --- faults

    /// Nothing goes wrong from now on.
    pub(crate) fn heal(&self) {
        self.ledger.heal();
        self.blobs.heal();
    }

    // --- what runs beside

    pub(crate) async fn sweep(&self) {
        self.registry.sweep().await.expect("no fault");
    }

    /// Sweeps, and removes the bytes that are free then.
    pub(crate) async fn clean(&self) {
        self.sweep().await;
        Worker::reclaimer(&self.registry).work_off().await.expect("no fault");
    }

    pub(crate) fn totals(&self) -> Following {
        Following::new(FOLLOWERS[0], self.ledger.clone())
    }

    /// What rests on the heap.
    pub(crate) async fn resting(&self) -> Vec<Location> {
        self.heap.list().map(|found| found.expect("memory does not fail").0).collect().await
    }

    pub(crate) async fn latest(&self) -> u64 {
        self.ledger.latest().await.expect("no fault")
    }
}
