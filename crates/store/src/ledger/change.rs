//! What can be committed. Preconditions ride inside a change, so that check and write cannot drift apart.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wharf_model::api::project::ProjectChange;
use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::limits::HOLDER_BINDINGS_MAX;
use wharf_model::manifest::Role;
use wharf_model::media::MediaType;
use wharf_model::name::{ProjectName, RepositoryName, Tag};

use super::Seq;
use super::facts::FactsChange;
use super::notes::{NewJob, Settled};
use super::people::{PeopleChange, Thing};
use super::project::{ImmutableTag, QuotaExceeded};
use super::query::{LedgerError, Totals};
use super::readable::Readable;
use crate::blobs::Location;
use crate::clock::Millis;

/// What is to be made true at once.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// On whose behalf: an actor's id as text, or the name of a follower. At most 255 bytes.
    pub actor: String,
    /// What the client called itself, where one asked for it; at most 128 bytes. It goes into the history of tags.
    pub client: Option<String>,
    /// The changes, applied in order; each sees those before it.
    pub changes: Vec<Change>,
    /// Jobs to queue in the same transaction. One whose kind and key are queued already stays the same job, with what is to be
    /// done now; where somebody has it, it is done again afterwards.
    pub jobs: Vec<NewJob>,
    /// What became of jobs that were claimed.
    pub settled: Vec<Settled>,
    /// Where a follower stands once this is made.
    pub cursor: Option<(String, super::notes::Cursor)>,
}

/// Where the bytes of a blob go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// Into the ledger itself. The log does not repeat them.
    Ledger(#[serde(skip)] Bytes),
    /// They rest in the heap already.
    Heap(Location),
}

/// What is done with bytes on the heap where the ledger knows their digest already, at another location.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Known {
    /// The commit is refused and says where, so that the caller can look whether the bytes are still there.
    #[default]
    Tell,
    /// They are: they stay, and those that are brought are queued for reclaiming.
    Keep,
    /// Those at this location are lost: those that are brought take their place, and the location is queued for reclaiming,
    /// for there may be a part of them. Where another location is known by now, it is told as with [`Known::Tell`].
    Replace(Location),
}

/// What a manifest names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// How.
    pub role: Role,
    /// What.
    pub target: Digest,
    /// Whether the commit is refused where the target is not here.
    #[serde(skip)]
    pub required: bool,
}

/// What a project has to be for a repository to be made in it, or for it to be changed. Whoever decided that this may be done
/// has looked at one project, and no other may have come into its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expects {
    /// Whatever it is.
    #[default]
    Anything,
    /// That one.
    Project(Id),
    /// Not there.
    Nothing,
}

/// Some digests, or all that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digests {
    /// Every digest.
    Any,
    /// These.
    These(Vec<Digest>),
}

impl Digests {
    /// Whether this is one of them.
    pub fn has(&self, digest: &Digest) -> bool {
        match self {
            Digests::Any => true,
            Digests::These(digests) => digests.contains(digest),
        }
    }
}

/// What a tag must point to so that it may be moved (RFC 9110 §13.1.1, §13.1.2). By itself it asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// It points to one of these.
    pub among: Option<Digests>,
    /// It points to none of these.
    pub not_among: Option<Digests>,
}

impl Expected {
    /// Whether a tag that points to `digest`, or is not there, is as expected.
    pub fn is_met_by(&self, digest: Option<&Digest>) -> bool {
        let has = |digests: &Digests| digest.is_some_and(|digest| digests.has(digest));
        self.among.as_ref().is_none_or(has) && !self.not_among.as_ref().is_some_and(has)
    }
}

/// Blobs that left the ledger because the last that held them has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freed {
    /// How many.
    pub blobs: u64,
    /// How many bytes they had.
    pub bytes: u64,
}

/// What a repository or a project holds that is live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Repositories.
    pub repositories: u64,
    /// Manifests, counted in each repository.
    pub manifests: u64,
    /// Tags.
    pub tags: u64,
}

/// One change. Fields said to be *filled* are set by the ledger when it is made, for the log's readers; what a caller puts
/// there is ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Makes the repository, and its project, where they are not there. No effect where they are.
    EnsureRepository {
        /// The repository.
        repository: RepositoryName,
        /// What its project has to be; else it is refused.
        #[serde(skip)]
        expects: Expects,
        /// Filled: whether the project was made.
        #[serde(default)]
        made_project: bool,
    },
    /// Makes the project, or sets what it says.
    PutProject {
        /// The project.
        project: ProjectName,
        /// What it has to be; else it is refused.
        #[serde(skip)]
        expects: Expects,
        /// The id of a new one; drawn where there is none. Of no account where the project is there.
        #[serde(skip)]
        id: Option<Id>,
        /// What is set; what is left out stays as it is.
        #[serde(default)]
        set: ProjectChange,
        /// Filled: whether it was made.
        #[serde(default)]
        created: bool,
    },
    /// People, and what they are given.
    People(PeopleChange),
    /// The blob is in the repository from now on. Its bytes are adopted unless the ledger has some of that digest already;
    /// what is done with those at a heap location then, `known` says. Either way the member is made, or made new.
    PutBlob {
        /// The repository. It must be there.
        repository: RepositoryName,
        /// What the bytes are named.
        digest: Digest,
        /// How many they are.
        size: u64,
        /// Where they are.
        place: Place,
        /// What is done where others are known.
        #[serde(skip)]
        known: Known,
        /// The upload session that this ends, and the version that its note must have. Refused where it has another or is
        /// not there: then somebody else has ended it, or goes on with it.
        #[serde(skip)]
        upload: Option<(Id, u64)>,
        /// Filled: whether the bytes were adopted, as the first of their digest.
        adopted: bool,
    },
    /// The blob of another repository is in this one from now on. Refused where that does not show it, or may not be read.
    MountBlob {
        /// The repository. It must be there.
        repository: RepositoryName,
        /// The blob.
        digest: Digest,
        /// The repository that it is in.
        from: RepositoryName,
        /// What the project of that has to be; else the blob is not there.
        #[serde(skip)]
        from_project: Expects,
        /// What the caller may read.
        #[serde(skip)]
        readable: Readable,
    },
    /// Takes the blob out of the repository. Its bytes stay while anything holds them. Refused where it is not there, or where
    /// a tag that is immutable needs it.
    DeleteBlob {
        /// The repository.
        repository: RepositoryName,
        /// What its project has to be; else it is refused.
        #[serde(skip)]
        expects: Expects,
        /// The blob.
        digest: Digest,
        /// Filled: what nobody holds any more.
        freed: Freed,
    },
    /// The manifest is in the repository from now on. Pushing the same bytes again changes nothing, unless their media type
    /// is another.
    PutManifest {
        /// The repository. It must be there.
        repository: RepositoryName,
        /// What the bytes are named.
        digest: Digest,
        /// The media type under which it is served.
        media_type: MediaType,
        /// The artifact type that the referrers API tells.
        artifact_type: Option<String>,
        /// What it is attached to.
        subject: Option<Digest>,
        /// Its exact bytes. The log does not repeat them.
        #[serde(skip)]
        bytes: Bytes,
        /// What it names, the subject included.
        #[serde(skip)]
        edges: Vec<Edge>,
        /// Filled: whether it was not in the repository before.
        created: bool,
    },
    /// The tag points to the manifest, which must be there. Its history gains a line where it moved.
    PointTag {
        /// The repository.
        repository: RepositoryName,
        /// What its project has to be; else it is refused.
        #[serde(skip)]
        expects: Expects,
        /// The tag.
        tag: Tag,
        /// The manifest.
        digest: Digest,
        /// What it must point to before; else the commit is refused.
        #[serde(skip)]
        expected: Expected,
        /// Filled: what it pointed to before.
        previous: Option<Digest>,
    },
    /// Removes the tag; the manifest stays. Refused where it is not there.
    DeleteTag {
        /// The repository.
        repository: RepositoryName,
        /// What its project has to be; else it is refused.
        #[serde(skip)]
        expects: Expects,
        /// The tag.
        tag: Tag,
        /// Filled: what it pointed to.
        previous: Option<Digest>,
    },
    /// What the people of a repository say of it is this from now on; nothing where it is empty. Refused where the repository is not
    /// there.
    SetOverview {
        /// The repository.
        repository: RepositoryName,
        /// What its project has to be; else it is refused.
        #[serde(skip)]
        expects: Expects,
        /// Markdown. The log does not repeat it.
        #[serde(skip)]
        text: String,
        /// How long that is.
        bytes: u64,
    },
    /// Moves the manifest to the trash, with the tags that point to it; what it names stays held until it is purged.
    /// Children of an index that have no tag, and that no other live manifest names, go with it. Refused where it is not
    /// there, or where it has a tag that is immutable, or such a tag needs it.
    DeleteManifest {
        /// The repository.
        repository: RepositoryName,
        /// What its project has to be; else it is refused.
        #[serde(skip)]
        expects: Expects,
        /// The manifest.
        digest: Digest,
        /// When it is purged: so many milliseconds from now.
        keep: Millis,
        /// Filled: the tags that went.
        tags: Vec<Tag>,
        /// Filled: the children that went.
        children: Vec<Digest>,
    },
    /// Moves the repository to the trash with everything in it; its name is free from then on. Refused where it is not there, or
    /// has a tag that is immutable.
    DeleteRepository {
        /// The repository.
        repository: RepositoryName,
        /// What its project has to be; else it is refused.
        #[serde(skip)]
        expects: Expects,
        /// Names the entry of the trash that this makes.
        entry: Id,
        /// When it is purged: so many milliseconds from now.
        keep: Millis,
        /// Filled: what went.
        contents: Contents,
    },
    /// Moves the project to the trash with everything in it; its name is free from then on, and so are those of its robots. What
    /// is bound in it stays bound. Refused where it is not there, or has a tag that is immutable.
    DeleteProject {
        /// The project.
        project: ProjectName,
        /// What it has to be; else it is refused.
        #[serde(skip)]
        expects: Expects,
        /// Names the entry of the trash that this makes.
        entry: Id,
        /// When it is purged: so many milliseconds from now.
        keep: Millis,
        /// Filled: what went.
        contents: Contents,
    },
    /// Brings a manifest back from the trash, with the children that went with it, and with what was taken out of the repository
    /// meanwhile of the blobs that they name. Where the same was pushed again since, that stays, and the entry goes. Refused
    /// where the entry is not there, or not of that repository.
    RestoreManifest {
        /// The entry.
        entry: Id,
        /// Its repository, which must be there.
        repository: RepositoryName,
        /// Whether the tags that they had point to them again; those that point elsewhere by now stay there.
        #[serde(skip)]
        retag: bool,
        /// Filled: the manifests that are there again.
        restored: Vec<Digest>,
        /// Filled: the tags that point to one of them again.
        tags: Vec<Tag>,
    },
    /// Brings a repository back from the trash. Refused where the entry is not there or its time is up, its project is not
    /// there, or its name is taken.
    RestoreRepository {
        /// The entry.
        entry: Id,
        /// What it was called, and is again.
        repository: RepositoryName,
        /// Filled: what came back.
        contents: Contents,
    },
    /// Brings a project back from the trash, with all that went with it. Refused where the entry is not there or its time is
    /// up, or its name is taken.
    RestoreProject {
        /// The entry.
        entry: Id,
        /// What it was called, and is again.
        project: ProjectName,
        /// Filled: what came back.
        contents: Contents,
    },
    /// Ends an entry of the trash for good: a manifest at once, a repository or a project in steps of about a thousand rows,
    /// the first of which takes away that it can be restored. No effect where it is not there.
    PurgeTrash {
        /// The entry.
        id: Id,
        /// Filled: what nobody holds any more.
        freed: Freed,
        /// Filled: whether the entry is gone, so that no step is left.
        #[serde(default)]
        done: bool,
    },
    /// Takes a blob that no manifest of the repository names, and whose grace is over, out of the repository. No effect
    /// where that has changed.
    SweepMember {
        /// The repository.
        repository: RepositoryName,
        /// The blob.
        digest: Digest,
        /// Filled: what nobody holds any more.
        freed: Freed,
    },
    /// What inspecting has found out.
    Found(FactsChange),
    /// Adds to what is counted.
    AddTotals(Totals),
    /// Sets what is counted.
    SetTotals(Totals),
}

/// An entry of the log: one commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number.
    pub seq: Seq,
    /// When, on the ledger's clock.
    pub at: Millis,
    /// On whose behalf.
    pub actor: String,
    /// What changed; only changes that had an effect.
    pub changes: Vec<Change>,
}

/// Why a commit was not made. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such repository.
    #[error("the repository is not there")]
    RepositoryUnknown,
    /// There is no such manifest.
    #[error("the manifest {0} is not there")]
    ManifestUnknown(Digest),
    /// There is no such tag.
    #[error("the tag {0} is not there")]
    TagUnknown(Tag),
    /// The tag points to something else than was expected, or nowhere.
    #[error("the tag {0} is not where it was expected")]
    TagMoved(Tag, Option<Digest>),
    /// There is no such blob where it was looked for.
    #[error("the blob {0} is not there")]
    BlobUnknown(Digest),
    /// Bytes of the digest are known at another location already.
    #[error("the bytes are known at {0:?}")]
    Known(Location),
    /// The upload session is not there, or no longer as it was.
    #[error("the upload is not there, or has gone on")]
    UploadUnknown,
    /// A manifest names things that must be there and are not: all of them, in the order of the manifest.
    #[error("{} things that the manifest names are not there", .0.len())]
    Missing(Vec<Digest>),
    /// A thing that the change refers to is not there.
    #[error("the {0} is not there")]
    Unknown(Thing),
    /// A thing is still referred to.
    #[error("the {0} is in use")]
    InUse(Thing),
    /// The project is not the one that was expected.
    #[error("the project has changed")]
    ProjectChanged,
    /// Nobody would be left who can log in and administer.
    #[error("nobody would be left who administers")]
    LastAdministrator,
    /// Somebody is given so much one by one that not all of it would be looked at.
    #[error("there are {HOLDER_BINDINGS_MAX} bindings of one user, robot or group already")]
    TooManyBindings,
    /// The project would use more than it may.
    #[error("{0}")]
    Quota(Box<QuotaExceeded>),
    /// A rule of the project keeps a tag where it is.
    #[error(transparent)]
    Immutable(Box<ImmutableTag>),
    /// Whether a rule about immutable tags is against it takes more than is looked at in one commit.
    #[error(
        "whether an immutable tag is against it takes looking at more than goes into one change; delete the repositories, \
         tags or manifests that it is about one by one first, and purge what of them is in the trash"
    )]
    TooMuchToCheck,
    /// The name is taken by somebody else.
    #[error("the name {0} is taken")]
    NameTaken(String),
    /// The ledger fails. Whether the commit was made is not known.
    #[error(transparent)]
    Failed(#[from] LedgerError),
}
