//! The single steps of a copy, each of which asks the ends and none of which knows the graph.

use std::sync::Arc;

use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::limits::{COPY_DEPTH_MAX, MANIFEST_BYTES_MAX};
use wharf_model::manifest::Manifest;
use wharf_model::media::{DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, MediaType, OCI_INDEX, OCI_MANIFEST};
use wharf_model::name::{Reference, Tag};

use super::carry::Carried;
use super::send::Counted;
use super::{Options, Selection};
use crate::error::Error;
use crate::observer::{Observer, Outcome};
use crate::platform::Platforms;
use crate::source::{Fetched, Source};
use crate::target::{Rank, Target};

/// Between whom, and how.
#[derive(Clone)]
pub(super) struct Ends<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) target: &'a dyn Target,
    pub(super) options: &'a Options,
    pub(super) observer: Arc<dyn Observer>,
}

/// What looking at a manifest told.
pub(super) enum Visited {
    /// The target has it with its parts.
    Had,
    /// It is no manifest.
    Blob,
    /// This it is. `whole`: the target has its parts. `lacking`: it does not have the manifest.
    Opened { fetched: Fetched, manifest: Box<Manifest>, whole: bool, lacking: bool },
}

/// A manifest that is to be put.
pub(super) struct Putting {
    pub(super) digest: Digest,
    pub(super) kept: Option<Fetched>,
    pub(super) tags: Vec<Tag>,
    pub(super) rank: Rank,
    /// Whether the target is known not to have it.
    pub(super) lacking: bool,
}

impl<'a> Ends<'a> {
    /// The manifest under `reference`, or its child for the one platform that is wanted.
    pub(super) async fn root(&self, reference: &Reference) -> Result<(Fetched, Manifest), Error> {
        let mut reference = reference.clone();
        for _ in 0..=COPY_DEPTH_MAX {
            let (fetched, manifest) = self.fetch(&reference).await?.ok_or_else(|| self.missing(&reference))?;
            let Selection::Only(wanted) = &self.options.platforms else { return Ok((fetched, manifest)) };
            if !manifest.is_index() {
                return Ok((fetched, manifest));
            }
            let platforms = Platforms::of(&fetched.bytes);
            let child =
                platforms.only(&manifest, wanted).ok_or_else(|| self.missing(format!("{reference} for {wanted}")))?;
            reference = Reference::Digest(child.digest);
        }
        Err(Error::form(self.source.name(), super::graph::TooLarge::Depth))
    }

    pub(super) fn missing(&self, what: impl ToString) -> Error {
        Error::Missing { what: what.to_string(), place: self.source.name() }
    }

    /// A manifest of the source, verified and read.
    async fn fetch(&self, reference: &Reference) -> Result<Option<(Fetched, Manifest)>, Error> {
        let Some(mut fetched) = self.source.manifest(reference).await? else { return Ok(None) };
        let place = || self.source.name();
        if fetched.bytes.len() > MANIFEST_BYTES_MAX {
            return Err(Error::form(place(), format!("{reference} is larger than {MANIFEST_BYTES_MAX} bytes")));
        }
        let expected = match reference {
            Reference::Digest(digest) => *digest,
            Reference::Tag(_) => fetched.digest,
        };
        let actual = Digest::of(expected.algorithm(), &fetched.bytes);
        if actual != expected {
            return Err(Error::Wrong { place: place(), expected, actual: Box::new(actual) });
        }
        fetched.digest = expected;
        let manifest = Manifest::parse(&fetched.bytes, Some(&fetched.media_type))
            .map_err(|error| Error::form(place(), format!("{reference} is no manifest: {error}")))?;
        fetched.media_type = manifest.media_type.clone();
        Ok(Some((fetched, manifest)))
    }

    /// Whether a manifest at the target answers for its blobs.
    fn trusts(&self) -> bool {
        self.target.keeps_whole() && !self.options.foreign && !self.options.thorough
    }

    /// Looks at a manifest that something else names. `needed`: it is to be read in any case.
    pub(super) async fn visit(&self, named: &Descriptor, needed: bool) -> Result<Visited, Error> {
        let had = match self.trusts() && is_image(&named.media_type) {
            true => Some(self.target.has_manifest(&named.digest).await?),
            false => None,
        };
        if had == Some(true) && !needed {
            return Ok(Visited::Had);
        }
        let reference = Reference::Digest(named.digest);
        let is_manifest = is_image(&named.media_type) || is_index(&named.media_type);
        if !is_manifest && named.size > MANIFEST_BYTES_MAX as u64 {
            return Ok(Visited::Blob);
        }
        match self.fetch(&reference).await {
            Ok(Some((fetched, manifest))) => self.opened(fetched, manifest, had).await,
            Ok(None) | Err(Error::Form { .. }) if !is_manifest => Ok(Visited::Blob),
            Ok(None) => Err(self.missing(reference)),
            Err(error) => Err(error),
        }
    }

    /// What is to be done with a manifest that was read. `had`: whether the target has it, where that is known.
    pub(super) async fn opened(
        &self,
        fetched: Fetched,
        manifest: Manifest,
        had: Option<bool>,
    ) -> Result<Visited, Error> {
        let had = match had {
            None if self.trusts() && !manifest.is_index() => Some(self.target.has_manifest(&fetched.digest).await?),
            known => known,
        };
        let (whole, lacking) = (had == Some(true) && !manifest.is_index(), had == Some(false));
        Ok(Visited::Opened { fetched, manifest: Box::new(manifest), whole, lacking })
    }

    /// Brings a blob to the target, if it is not there.
    pub(super) async fn blob(&self, blob: &Descriptor) -> Result<Outcome, Error> {
        if self.target.has_blob(blob).await? {
            return Ok(Outcome::Skipped);
        }
        let homes = (self.source.home(), self.target.home());
        if let (Some(from), Some(to)) = homes
            && from.registry == to.registry
            && from.repository != to.repository
            && (self.options.dry_run || self.target.mount(blob, &from).await?)
        {
            return Ok(Outcome::Mounted);
        }
        if self.options.dry_run {
            return Ok(Outcome::Sent);
        }
        let carried = Carried { source: self.source, descriptor: blob, verifies: !self.target.verifies() };
        let counted =
            Counted { origin: &carried, digest: blob.digest, observer: self.observer.clone(), told: Arc::default() };
        self.target.put_blob(blob, &counted).await.map_err(|error| self.blame(error, blob))?;
        counted.settle(blob.size);
        Ok(Outcome::Sent)
    }

    /// Where the target found that bytes are wrong, they were so when they came to it.
    fn blame(&self, error: Error, blob: &Descriptor) -> Error {
        let place = self.source.name();
        match error {
            Error::Wrong { expected, actual, .. } if expected == blob.digest => {
                Error::Wrong { place, expected, actual }
            }
            Error::Length { digest, expected, actual, .. } if digest == blob.digest => {
                Error::Length { place, digest, expected, actual }
            }
            other => other,
        }
    }

    /// Puts a manifest whose parts are at the target.
    pub(super) async fn put(&self, putting: Putting) -> Result<Outcome, Error> {
        let Putting { digest, kept, tags, rank, lacking } = putting;
        let had = !lacking && self.target.has_manifest(&digest).await?;
        let outcome = if had { Outcome::Skipped } else { Outcome::Sent };
        let is_head = rank == Rank::Head;
        if self.options.dry_run || had && tags.is_empty() && !is_head {
            return Ok(outcome);
        }
        let reference = Reference::Digest(digest);
        let fetched = match kept {
            Some(fetched) => fetched,
            None => self.fetch(&reference).await?.ok_or_else(|| self.missing(&reference))?.0,
        };
        if !had || !tags.is_empty() || !self.target.keeps_whole() || has_subject(&fetched) {
            self.target.put_manifest(&fetched, &tags, rank).await?;
        }
        Ok(outcome)
    }

    /// What is attached to something by a tag.
    pub(super) async fn attached(&self, tag: &Tag) -> Result<Option<Visited>, Error> {
        match self.fetch(&Reference::Tag(tag.clone())).await? {
            Some((fetched, manifest)) => self.opened(fetched, manifest, None).await.map(Some),
            None => Ok(None),
        }
    }
}

fn has_subject(fetched: &Fetched) -> bool {
    Manifest::parse(&fetched.bytes, Some(&fetched.media_type)).is_ok_and(|manifest| manifest.subject.is_some())
}

fn is_image(media_type: &MediaType) -> bool {
    matches!(media_type.as_str(), OCI_MANIFEST | DOCKER_MANIFEST)
}

fn is_index(media_type: &MediaType) -> bool {
    matches!(media_type.as_str(), OCI_INDEX | DOCKER_MANIFEST_LIST)
}
