//! Pushing a manifest: bytes, digest and tags become fact in one commit.

use bytes::Bytes;
use wharf_model::api::project::{Missing, is_allowed_type};
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::manifest::{Manifest, Role};
use wharf_model::media::MediaType;
use wharf_model::name::{ProjectName, Reference, Tag};
use wharf_model::permission::Permission;
use wharf_store::ledger::change::{Change, Edge, Expects};
pub use wharf_store::ledger::change::{Digests, Expected};

use crate::access::Action;
use crate::error::Error;
use crate::registry::{Access, Registry};

/// A manifest that is to be pushed.
#[derive(Clone, Debug)]
pub struct Push {
    /// By what it is pushed: a tag, or its digest.
    pub reference: Reference,
    /// Tags besides; only where it is pushed by digest.
    pub tags: Vec<Tag>,
    /// What the tag of the reference must point to before.
    pub expected: Expected,
    /// What the client says that it is.
    pub content_type: Option<MediaType>,
    /// Its exact bytes.
    pub bytes: Bytes,
}

/// A manifest that was pushed.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// Its digest.
    pub digest: Digest,
    /// What it is attached to.
    pub subject: Option<Digest>,
    /// All tags that point to it now, the reference's included.
    pub tags: Vec<Tag>,
    /// That the project uses more than it is to.
    pub warning: Option<UsageWarning>,
}

/// A project uses as much as those who push to it are to be warned of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the project {project} uses {bytes_used} bytes, of which it was to stay below {warn_bytes}{}", .quota_bytes.map(|quota| format!("; at {quota} pushes are refused")).unwrap_or_default())]
pub struct UsageWarning {
    /// The project.
    pub project: ProjectName,
    /// What it uses, in bytes.
    pub bytes_used: u64,
    /// From how many bytes on is warned.
    pub warn_bytes: u64,
    /// How many it may use.
    pub quota_bytes: Option<u64>,
}

impl Registry {
    /// Stores the manifest and points the tags to it: all or none. The repository comes into being with it. Tags need
    /// [`Permission::Tag`]; who has only [`Permission::Attach`] may push what has a subject, by digest.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::ManifestInvalid`], [`Error::DigestMismatch`], [`Error::ManifestBlobUnknown`],
    /// [`Error::TagMoved`], [`Error::Immutable`], [`Error::ArtifactType`], [`Error::Quota`].
    pub async fn put_manifest(&self, access: &Access, push: Push) -> Result<Pushed, Error> {
        access.expect(&[Action::Push])?;
        let digest = digest_of(&push)?;
        let manifest = Manifest::parse(&push.bytes, push.content_type.as_ref())?;
        let edges = edges(&manifest, access.rules().missing.unwrap_or(self.0.settings.missing));
        let artifact_type = (manifest.artifact_type.clone(), manifest.is_index());
        let subject = manifest.subject.as_ref().map(|subject| subject.digest);
        let repository = access.repository.clone();
        let point = |tag: &Tag, expected| Change::PointTag {
            repository: repository.clone(),
            // As what makes the repository says, in the same commit.
            expects: Expects::Anything,
            tag: tag.clone(),
            digest,
            expected,
            previous: None,
        };
        let mut tags = push.tags;
        let mut points: Vec<_> = tags.iter().map(|tag| point(tag, Expected::default())).collect();
        if let Reference::Tag(tag) = push.reference {
            points.insert(0, point(&tag, push.expected));
            tags.insert(0, tag);
        }
        let mut changes = vec![Change::PutManifest {
            repository: repository.clone(),
            digest,
            media_type: manifest.media_type,
            artifact_type: manifest.artifact_type,
            subject,
            bytes: push.bytes,
            edges,
            created: false,
        }];
        changes.extend(points);
        let may = |access: &Access| match () {
            () if !takes(access, &artifact_type) => Err(other_type(access, &artifact_type.0)),
            () if !tags.is_empty() => all_of(access, &[Permission::Push, Permission::Tag]),
            () if subject.is_some() && access.may(Permission::Attach) => Ok(()),
            () => all_of(access, &[Permission::Push]),
        };
        if let Some(refused) = self.commit_into(access, may, changes).await? {
            return Err(self.with_trash(Error::refused(refused, &access.repository)).await);
        }
        let warning = self.usage_warning(access).await;
        Ok(Pushed { digest, subject, tags, warning })
    }

    /// Asked after the push is made, and only where the project is to be warned: what it uses then, others' pushes included.
    async fn usage_warning(&self, access: &Access) -> Option<UsageWarning> {
        let warn_bytes = access.rules().warn_bytes?;
        let project = match self.0.ledger.project(&access.repository.project()).await {
            Ok(project) => project?,
            Err(error) => {
                tracing::warn!(%error, "whether a project is to be warned could not be asked");
                return None;
            }
        };
        (project.usage.bytes >= warn_bytes).then_some(UsageWarning {
            bytes_used: project.usage.bytes,
            quota_bytes: project.quota_bytes,
            project: project.name,
            warn_bytes,
        })
    }
}

/// Whether the project takes manifests of that type. An index without one is what its children are, which were asked about
/// when they were pushed.
fn takes(access: &Access, (artifact_type, is_index): &(Option<String>, bool)) -> bool {
    let Some(allowed) = &access.rules().artifact_types else { return true };
    match artifact_type {
        Some(artifact_type) => is_allowed_type(allowed, artifact_type),
        None => *is_index,
    }
}

fn other_type(access: &Access, artifact_type: &Option<String>) -> Error {
    let allowed = access.rules().artifact_types.clone().unwrap_or_default();
    Error::ArtifactType { artifact_type: artifact_type.clone(), allowed }
}

fn all_of(access: &Access, needed: &[Permission]) -> Result<(), Error> {
    if needed.iter().all(|permission| access.may(*permission)) { Ok(()) } else { Err(Error::Denied) }
}

fn digest_of(push: &Push) -> Result<Digest, Error> {
    match &push.reference {
        Reference::Tag(_) => Ok(Digest::of(Algorithm::Sha256, &push.bytes)),
        Reference::Digest(stated) => {
            let actual = Digest::of(stated.algorithm(), &push.bytes);
            if actual == *stated { Ok(actual) } else { Err(Error::digest_mismatch(*stated, actual)) }
        }
    }
}

/// What the manifest names, each target once for each role, in the manifest's order.
fn edges(manifest: &Manifest, missing: Missing) -> Vec<Edge> {
    let mut seen = std::collections::HashSet::new();
    let named = manifest.descriptors().filter(|(role, descriptor)| seen.insert((*role, descriptor.digest)));
    named
        .map(|(role, descriptor)| {
            let required = match role {
                Role::Config | Role::Layer => missing != Missing::Accept && !descriptor.is_foreign(),
                Role::Child => missing == Missing::Refuse && !descriptor.is_foreign(),
                // A subject may always come later (Distribution spec, "Pushing Manifests with Subject").
                Role::Subject => false,
            };
            Edge { role, target: descriptor.digest, required }
        })
        .collect()
}
