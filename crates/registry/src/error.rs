//! Why a use case did not do what it was asked. One closed enum; the edge maps it to its protocol in one place.

use wharf_model::api::config::Problem;
use wharf_model::code::ErrorCode;
use wharf_model::digest::{Algorithm, Digest, DigestError};
use wharf_model::limits::{BLOB_BYTES_MAX, MANIFEST_BYTES_MAX, MANIFEST_DESCRIPTORS_MAX};
use wharf_model::manifest::ManifestError;
use wharf_model::name::{ProjectName, Reference, RepositoryName, Tag};
use wharf_model::permission::Permissions;
use wharf_model::search::QueryError;
use wharf_store::blobs::BlobsError;
use wharf_store::ledger::change::Refused;
use wharf_store::ledger::project::{ImmutableTag, QuotaExceeded};
use wharf_store::ledger::query::LedgerError;
use wharf_store::search::SearchError;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The repository is not there.
    #[error("the repository {0} is not there; it comes into being with the first push")]
    NameUnknown(RepositoryName),
    /// The manifest is not there.
    #[error("no manifest {0} in this repository")]
    ManifestUnknown(Reference),
    /// The tag points to something else than the client expected, or nowhere.
    #[error("the tag {0} points {to}; look again, and decide anew", to = .1.as_ref().map_or_else(|| "nowhere".to_owned(), |digest| format!("to {digest}")))]
    TagMoved(Tag, Option<Box<Digest>>),
    /// The blob is not there.
    #[error("no blob {0} in this repository")]
    BlobUnknown(Digest),
    /// The project is not there.
    #[error("the project {0} is not there")]
    ProjectUnknown(ProjectName),
    /// A user, group, role, robot, binding or token is not there.
    #[error("the {what} {name} is not there")]
    NotThere {
        /// What.
        what: &'static str,
        /// What it was asked for by.
        name: String,
    },
    /// It is not to be as the state of things is: a name is taken, a thing is in use.
    #[error("{0}")]
    Conflict(String),
    /// A field of what came in is not as it must be.
    #[error("{field}: {reason}")]
    Field {
        /// Which, as it is called in the API.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Things are wrong with a document of all that is configured: all that were found.
    #[error("{}", problems(.0))]
    Config(Vec<Problem>),
    /// Something was to be given that whoever gives does not have.
    #[error("nobody gives what they do not have themselves, and you do not have {missing} {place}")]
    Beyond {
        /// What is missing.
        missing: Permissions,
        /// Where: `in the project acme`, `in acme/app/**`, `in the whole system`.
        place: String,
    },
    /// Somebody was to be handled who has more rights than whoever does it.
    #[error("{0} has rights that you do not have, and nobody acts on who has more than they have")]
    Above(String),
    /// The password that is in force was to be told, and is another.
    #[error("the current password is not right")]
    PasswordWrong,
    /// Only who shows the password may do this.
    #[error("log in with the password for this: {0}")]
    PasswordNeeded(&'static str),
    /// The upload session is not there, is over, or belongs to somebody else.
    #[error("no such upload; it may be finished or have expired: begin a new one")]
    UploadUnknown,
    /// Somebody else is sending to the session at this very moment.
    #[error("another request is sending to this upload; wait for it to end, then ask for its offset")]
    UploadBusy,
    /// What the session has received cannot be used any more.
    #[error("this upload cannot go on: {0}; begin a new one")]
    UploadInvalid(String),
    /// The sender broke off; what came is kept.
    #[error("the body ended early: {0}; ask for the upload's offset and go on from there")]
    SenderGone(String),
    /// A chunk does not begin where the last one ended.
    #[error("the chunk does not begin at the upload's offset, {offset}")]
    RangeInvalid {
        /// Where the next chunk must begin.
        offset: u64,
    },
    /// The text is not a digest, or of an algorithm that is not supported.
    #[error(transparent)]
    DigestMalformed(#[from] DigestError),
    /// The content has another digest.
    #[error("the content has the digest {actual}, not {stated}")]
    DigestMismatch {
        /// What the client said.
        stated: Box<Digest>,
        /// What it is.
        actual: Box<Digest>,
    },
    /// The manifest is none.
    #[error(transparent)]
    ManifestInvalid(#[from] ManifestError),
    /// The manifest names what is not here.
    #[error("the manifest names {} that {} not in this repository; push what is missing first", count(.0), if .0.len() == 1 { "is" } else { "are" })]
    ManifestBlobUnknown(Vec<Digest>),
    /// A length does not fit.
    #[error(transparent)]
    SizeInvalid(#[from] SizeError),
    /// Something in the request is not of its form.
    #[error("{0}")]
    Unsupported(String),
    /// The project would use more than it may.
    #[error("{exceeded}; {}", help(.exceeded, .trash_bytes))]
    Quota {
        /// What it uses and may use.
        exceeded: Box<QuotaExceeded>,
        /// How many of the bytes that it uses only its trash holds, where that is known.
        trash_bytes: Option<u64>,
    },
    /// A rule of the project keeps a tag where it is.
    #[error(transparent)]
    Immutable(Box<ImmutableTag>),
    /// The project takes other artifact types only.
    #[error("this project takes no manifests of {}; it takes {}", .artifact_type.as_deref().unwrap_or("no artifact type"), .allowed.join(", "))]
    ArtifactType {
        /// What was pushed.
        artifact_type: Option<String>,
        /// What may be.
        allowed: Vec<String>,
    },
    /// Not allowed to anybody, as things are set; in words for people.
    #[error("{0}")]
    Forbidden(String),
    /// Not allowed; who asks is known.
    #[error("not allowed")]
    Denied,
    /// Not allowed, but it may be after login.
    #[error("login required")]
    Unauthorized,
    /// A layer is looked at before its files are told, and has not been yet.
    #[error("the layer {0} has not been looked into yet; try again in a moment")]
    NotReady(Digest),
    /// What is searched for is no query.
    #[error("the query is not understood: {0}")]
    Query(#[from] QueryError),
    /// The search index is not there yet, or behind what happened.
    #[error("the search index is being made; try again in a moment")]
    Indexing,
    /// Too much at once.
    #[error("too many requests at once; try again in a moment")]
    TooManyRequests,
    /// No space is left.
    #[error("the registry has no space left; an upload goes on from the offset that it tells, once there is some")]
    Full,
    /// The registry fails for now; nothing was acknowledged.
    #[error("the registry is not available: {0}")]
    Unavailable(String),
    /// The registry fails on this.
    #[error("the registry failed: {0}")]
    Internal(String),
}

/// Which length does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Over [`BLOB_BYTES_MAX`].
    #[error("a blob has at most {BLOB_BYTES_MAX} bytes")]
    TooLong,
    /// The chunk has fewer bytes than it said, or more.
    #[error(
        "the chunk did not end where it was to, before byte {end}; ask for the upload's offset and go on from there"
    )]
    Ended {
        /// The byte of the upload before which it was to end.
        end: u64,
    },
    /// The chunk's range and its length say different things.
    #[error("Content-Range and Content-Length do not fit each other")]
    Chunk {
        /// How many bytes the range has.
        range: u64,
        /// How many were announced.
        length: u64,
    },
}

impl SizeError {
    fn detail(self) -> serde_json::Value {
        match self {
            SizeError::TooLong => serde_json::json!({ "max": BLOB_BYTES_MAX }),
            SizeError::Ended { end } => serde_json::json!({ "end": end }),
            SizeError::Chunk { range, length } => serde_json::json!({ "range": range, "length": length }),
        }
    }
}

fn manifest_detail(error: &ManifestError) -> serde_json::Value {
    match error {
        ManifestError::TooLarge => serde_json::json!({ "max": MANIFEST_BYTES_MAX }),
        ManifestError::TooManyDescriptors => serde_json::json!({ "max": MANIFEST_DESCRIPTORS_MAX }),
        ManifestError::Spelling(field) => serde_json::json!({ "field": field }),
        ManifestError::ArtifactType => serde_json::json!({ "field": "artifactType" }),
        ManifestError::MediaType { stated, own } => serde_json::json!({ "content_type": stated, "media_type": own }),
        ManifestError::Shape(media_type) => serde_json::json!({ "media_type": media_type }),
        ManifestError::Ambiguous => serde_json::json!({ "fields": ["layers", "manifests"] }),
        ManifestError::SchemaOne => serde_json::json!({ "field": "schemaVersion" }),
        ManifestError::Json(reason) => serde_json::json!({ "reason": reason }),
    }
}

/// The first of the problems of a document, and how many more there are.
fn problems(all: &[Problem]) -> String {
    const TOLD: usize = 10;
    let told: Vec<_> = all.iter().take(TOLD).map(|problem| format!("{}: {}", problem.at, problem.reason)).collect();
    let rest = all.len().saturating_sub(TOLD);
    let rest = if rest > 0 { format!("; and {rest} more") } else { String::new() };
    format!("the document cannot be applied: {}{rest}", told.join("; "))
}

/// What would make room.
fn help(exceeded: &QuotaExceeded, trash_bytes: &Option<u64>) -> String {
    let what = if exceeded.is_of_repositories { "repositories" } else { "tags or artifacts" };
    let of_trash = trash_bytes.map(|bytes| format!(" ({bytes} bytes of it are trash)")).unwrap_or_default();
    format!("delete {what} and purge the trash{of_trash}, or have the quota raised")
}

fn quota_detail(exceeded: &QuotaExceeded, trash_bytes: Option<u64>) -> serde_json::Value {
    let mut detail = serde_json::json!({
        "project": exceeded.project,
        "bytes_used": exceeded.bytes_used,
        "reserved_bytes": exceeded.reserved,
        "quota_bytes": exceeded.quota_bytes,
        "needed_bytes": exceeded.needed,
        "repositories": exceeded.repositories,
        "quota_repositories": exceeded.quota_repositories,
        "trash_bytes": trash_bytes,
    });
    if exceeded.quota_bytes.is_some() {
        detail["left_bytes"] = exceeded.left().into();
    }
    detail
}

fn count(missing: &[Digest]) -> String {
    match missing {
        [one] => one.to_string(),
        many => format!("{} things", many.len()),
    }
}

impl Error {
    /// The content has another digest than was said.
    pub(crate) fn digest_mismatch(stated: Digest, actual: Digest) -> Error {
        Error::DigestMismatch { stated: Box::new(stated), actual: Box::new(actual) }
    }

    /// The code of the Distribution spec; `None` for failures of the registry itself, for which it has none.
    pub fn code(&self) -> Option<ErrorCode> {
        Some(match self {
            Error::NameUnknown(_) | Error::ProjectUnknown(_) => ErrorCode::NameUnknown,
            Error::ManifestUnknown(_) => ErrorCode::ManifestUnknown,
            Error::BlobUnknown(_) => ErrorCode::BlobUnknown,
            Error::UploadUnknown => ErrorCode::BlobUploadUnknown,
            Error::UploadBusy | Error::UploadInvalid(_) | Error::SenderGone(_) | Error::RangeInvalid { .. } => {
                ErrorCode::BlobUploadInvalid
            }
            Error::DigestMalformed(_) | Error::DigestMismatch { .. } => ErrorCode::DigestInvalid,
            Error::ManifestInvalid(_) => ErrorCode::ManifestInvalid,
            Error::ManifestBlobUnknown(_) => ErrorCode::ManifestBlobUnknown,
            Error::SizeInvalid(_) => ErrorCode::SizeInvalid,
            Error::Unsupported(_) | Error::Query(_) => ErrorCode::Unsupported,
            Error::Denied
            | Error::Forbidden(_)
            | Error::Quota { .. }
            | Error::Immutable(_)
            | Error::ArtifactType { .. }
            | Error::Beyond { .. }
            | Error::Above(_)
            | Error::PasswordWrong
            | Error::PasswordNeeded(_) => ErrorCode::Denied,
            Error::Unauthorized => ErrorCode::Unauthorized,
            Error::TooManyRequests => ErrorCode::TooManyRequests,
            Error::NotThere { .. }
            | Error::Conflict(_)
            | Error::Field { .. }
            | Error::Config(_)
            | Error::TagMoved(..)
            | Error::NotReady(_)
            | Error::Indexing
            | Error::Full
            | Error::Unavailable(_)
            | Error::Internal(_) => return None,
        })
    }

    /// What the error is about, for programs.
    pub fn detail(&self) -> serde_json::Value {
        match self {
            Error::NameUnknown(name) => serde_json::json!({ "name": name }),
            Error::ManifestUnknown(reference) => serde_json::json!({ "reference": reference.to_string() }),
            Error::TagMoved(tag, digest) => serde_json::json!({ "tag": tag, "digest": digest }),
            Error::BlobUnknown(digest) => serde_json::json!({ "digest": digest }),
            Error::NotReady(layer) => serde_json::json!({ "layer": layer, "retry_after_s": 1 }),
            Error::Indexing => serde_json::json!({ "retry_after_s": 1 }),
            Error::Query(QueryError { at, .. }) => {
                serde_json::json!({ "parameter": "q", "from": at.start, "to": at.end })
            }
            Error::Quota { exceeded, trash_bytes } => quota_detail(exceeded, *trash_bytes),
            Error::Immutable(held) => serde_json::json!({ "tag": held.tag, "rule": held.rule }),
            Error::ArtifactType { artifact_type, allowed } => {
                serde_json::json!({ "artifact_type": artifact_type, "allowed": allowed })
            }
            Error::ProjectUnknown(name) => serde_json::json!({ "project": name }),
            Error::NotThere { what, name } => serde_json::json!({ "what": what, "name": name }),
            Error::Field { field, reason } => serde_json::json!({ "field": field, "reason": reason }),
            Error::Config(problems) => serde_json::json!({ "problems": problems }),
            Error::Beyond { missing, .. } => serde_json::json!({ "missing": missing }),
            Error::RangeInvalid { offset } => serde_json::json!({ "offset": offset }),
            Error::UploadUnknown => serde_json::json!({ "begin": "POST /v2/<name>/blobs/uploads/" }),
            Error::UploadBusy | Error::TooManyRequests => serde_json::json!({ "retry_after_s": 1 }),
            Error::UploadInvalid(reason) | Error::SenderGone(reason) => serde_json::json!({ "reason": reason }),
            Error::DigestMalformed(_) => serde_json::json!({ "algorithms": Algorithm::ALL.map(Algorithm::name) }),
            Error::ManifestInvalid(error) => manifest_detail(error),
            Error::SizeInvalid(error) => error.detail(),
            Error::DigestMismatch { stated, actual } => serde_json::json!({ "stated": stated, "actual": actual }),
            Error::ManifestBlobUnknown(missing) => {
                serde_json::json!({ "missing": missing.iter().take(100).collect::<Vec<_>>() })
            }
            _ => serde_json::Value::Null,
        }
    }
}

impl From<LedgerError> for Error {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Full => Error::Full,
            LedgerError::Unavailable(why) => Error::Unavailable(why),
            other => Error::Internal(other.to_string()),
        }
    }
}

impl From<SearchError> for Error {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Corrupt(_) => Error::Indexing,
            SearchError::TooLong => Error::Unsupported(error.to_string()),
            SearchError::Unavailable(why) => Error::Unavailable(why),
        }
    }
}

impl From<BlobsError> for Error {
    fn from(error: BlobsError) -> Self {
        match error {
            BlobsError::Sender(error) => Error::SenderGone(error.to_string()),
            BlobsError::Full => Error::Full,
            BlobsError::Lost(_) => Error::UploadInvalid("what it had received is gone".to_owned()),
            other => Error::Internal(other.to_string()),
        }
    }
}

impl Error {
    /// A field that is not as it must be.
    pub(crate) fn field(field: &'static str, reason: impl ToString) -> Error {
        Error::Field { field, reason: reason.to_string() }
    }

    /// What a refused commit means for whoever changes people.
    pub(crate) fn refused_people(refused: Refused) -> Error {
        match refused {
            Refused::Unknown(thing) => Error::Conflict(format!("the {thing} has just been removed; look again")),
            Refused::InUse(thing) => {
                Error::Conflict(format!("the {thing} is in use: delete the bindings that give it first"))
            }
            Refused::NameTaken(name) => Error::Conflict(format!("the name {name} is taken")),
            Refused::ProjectChanged => {
                Error::Conflict("a project has just been made or deleted; look again".to_owned())
            }
            Refused::TooManyBindings => Error::Conflict(format!("{refused}: give a role in a larger place instead")),
            Refused::LastAdministrator => Error::Conflict(
                "this is the last administrator: nobody would be left who administers; make another one first"
                    .to_owned(),
            ),
            Refused::Failed(error) => error.into(),
            other => Error::Internal(other.to_string()),
        }
    }

    /// What a refused commit means for whoever works on `repository`.
    pub(crate) fn refused(refused: Refused, repository: &RepositoryName) -> Error {
        match refused {
            Refused::RepositoryUnknown => Error::NameUnknown(repository.clone()),
            Refused::ManifestUnknown(digest) => Error::ManifestUnknown(Reference::Digest(digest)),
            Refused::TagMoved(tag, digest) => Error::TagMoved(tag, digest.map(Box::new)),
            Refused::TagUnknown(tag) => Error::ManifestUnknown(Reference::Tag(tag)),
            Refused::BlobUnknown(digest) => Error::BlobUnknown(digest),
            Refused::UploadUnknown => Error::UploadUnknown,
            Refused::Known(location) => Error::Internal(format!("the bytes are known at {location:?}")),
            Refused::Missing(missing) => Error::ManifestBlobUnknown(missing),
            Refused::Unknown(thing) => Error::Unsupported(format!("the {thing} is not there")),
            Refused::InUse(thing) => Error::Unsupported(format!("the {thing} is in use")),
            // Whoever is told so has asked as often as makes sense.
            Refused::ProjectChanged => Error::Denied,
            Refused::NameTaken(name) => Error::Unsupported(format!("the name {name} is taken")),
            Refused::LastAdministrator | Refused::TooManyBindings => Error::Denied,
            Refused::Quota(exceeded) => Error::Quota { exceeded, trash_bytes: None },
            Refused::Immutable(held) => Error::Immutable(held),
            Refused::TooMuchToCheck => Error::Unsupported(refused.to_string()),
            Refused::Failed(error) => error.into(),
        }
    }
}
