//! Manifests by tag and by digest.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_MATCH};
use reqwest::{Method, StatusCode};
use wharf_content::abilities::Form;
use wharf_content::error::Error as ContentError;
use wharf_content::source::Fetched;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::limits::MANIFEST_BYTES_MAX;
use wharf_model::manifest::Manifest;
use wharf_model::media::{self, MediaType};
use wharf_model::name::{Reference, Tag};

use super::{CONTENT_DIGEST, Remote, SMALL_BYTES_MAX};
use crate::error::Error;
use crate::http::Answer;

/// Where a registry says which tags it has set (Distribution spec, "Pushing manifests").
const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
/// Where a registry says that it keeps track of the subject.
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// How many tags go with one push: as many as the spec has registries take.
const TAGS_AT_ONCE: usize = 10;

/// What a registry says of a manifest without sending it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// What it is.
    pub media_type: MediaType,
    /// What it is named by: the registry says so.
    pub digest: Digest,
    /// How long it is, in bytes.
    pub size: u64,
}

/// How the putting of a manifest was answered.
pub(super) struct Put {
    /// Which tags were set by the way.
    tags: Vec<String>,
    /// Whether it is found as a referrer.
    has_subject: bool,
}

/// Whose turn it is to change a tag.
pub(super) enum Turn {
    Done(Put),
    /// Somebody else has changed it since it was read.
    Lost,
}

/// All that Wharf reads, and what else there is rather than nothing.
fn accepted() -> String {
    let known = [media::OCI_MANIFEST, media::OCI_INDEX, media::DOCKER_MANIFEST, media::DOCKER_MANIFEST_LIST];
    format!("{}, */*;q=0.1", known.join(", "))
}

impl Remote {
    /// What a tag or digest names, without fetching it; `None` where there is none of that name.
    ///
    /// # Errors
    /// The registry cannot be asked, or what it has is wrong.
    pub async fn resolve(&self, reference: &Reference) -> Result<Option<Resolved>, ContentError> {
        let ask = self.pull(Method::HEAD, &format!("manifests/{reference}")).header(ACCEPT, &accepted());
        let answer = self.registry.fetch(&ask, SMALL_BYTES_MAX).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = self.registry.success(answer)?;
        let text = |name: HeaderName| answer.headers.get(name).and_then(|value| value.to_str().ok());
        let digest = text(CONTENT_DIGEST).and_then(|text| text.parse().ok());
        let media_type = text(CONTENT_TYPE).and_then(|text| text.parse().ok());
        let size = text(CONTENT_LENGTH).and_then(|text| text.parse().ok());
        if let (Some(digest), Some(media_type), Some(size)) = (digest, media_type, size)
            && matches!(reference, Reference::Tag(_))
        {
            return Ok(Some(Resolved { media_type, digest, size }));
        }
        // It does not say enough: then by what it is.
        let found = self.manifest_and_tag(reference).await?.map(|(found, _)| found);
        let size = |found: &Fetched| found.bytes.len() as u64;
        Ok(found.map(|found| Resolved { size: size(&found), media_type: found.media_type, digest: found.digest }))
    }

    /// Takes a manifest away, or a tag; `false` where it was not there. A referrer is not listed any more afterwards, by a
    /// fallback tag neither.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the registry never does that, as many do not for tags; else it refuses, or cannot be
    /// asked.
    pub async fn delete_manifest(&self, reference: &Reference) -> Result<bool, ContentError> {
        let path = format!("manifests/{reference}");
        let Reference::Digest(digest) = reference else { return Ok(self.delete(&path, "does not delete tags").await?) };
        let Some((found, _)) = self.manifest_and_tag(reference).await? else { return Ok(false) };
        let was_there = self.delete(&path, "does not delete manifests").await?;
        let parsed = Manifest::parse(&found.bytes, Some(&found.media_type)).ok();
        if let Some(subject) = parsed.and_then(|parsed| parsed.subject)
            && !self.has_referrers_api(&subject.digest).await?
        {
            self.take_from_fallback_tag(&subject.digest, digest).await?;
        }
        Ok(was_there)
    }

    /// Whether a manifest is there.
    pub(super) async fn has_manifest_of(&self, digest: &Digest) -> Result<bool, Error> {
        let ask = self.pull(Method::HEAD, &format!("manifests/{digest}")).header(ACCEPT, &accepted());
        let answer = self.registry.fetch(&ask, SMALL_BYTES_MAX).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(false),
            _ => self.registry.success(answer).map(|_| true),
        }
    }

    /// A manifest, with the entity tag that it came with.
    pub(super) async fn manifest_and_tag(
        &self,
        reference: &Reference,
    ) -> Result<Option<(Fetched, Option<HeaderValue>)>, ContentError> {
        let ask = self.pull(Method::GET, &format!("manifests/{reference}")).header(ACCEPT, &accepted());
        let answer = self.registry.fetch(&ask, MANIFEST_BYTES_MAX).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = self.registry.success(answer)?;
        let digest = self.digest_of(reference, &answer)?;
        let media_type = self.media_type_of(&answer)?;
        let entity_tag = answer.headers.get(ETAG).cloned();
        Ok(Some((Fetched { media_type, digest, bytes: answer.body }, entity_tag)))
    }

    /// Computed; what was asked for, and what the registry says, must be the same.
    fn digest_of(&self, reference: &Reference, answer: &Answer) -> Result<Digest, ContentError> {
        let said = answer.headers.get(CONTENT_DIGEST).and_then(|value| value.to_str().ok());
        let expected: Option<Digest> = match reference {
            Reference::Digest(digest) => Some(*digest),
            Reference::Tag(_) => said.and_then(|said| said.parse().ok()),
        };
        let algorithm = expected.map_or(Algorithm::Sha256, |digest| digest.algorithm());
        let actual = Digest::of(algorithm, &answer.body);
        match expected.filter(|expected| *expected != actual) {
            Some(expected) => Err(ContentError::Wrong { place: self.to_string(), expected, actual: Box::new(actual) }),
            None => Ok(actual),
        }
    }

    /// As the registry says, or as it says itself.
    fn media_type_of(&self, answer: &Answer) -> Result<MediaType, ContentError> {
        let said: Option<MediaType> =
            answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.parse().ok());
        match (Manifest::parse(&answer.body, said.as_ref()), said) {
            (Ok(manifest), _) => Ok(manifest.media_type),
            (Err(_), Some(said)) => Ok(said),
            (Err(error), None) => Err(ContentError::Form { place: self.to_string(), why: error.to_string() }),
        }
    }

    /// Puts a manifest under all of `tags`, or by its digest; whether the registry keeps track of its subject.
    pub(crate) async fn put_under(&self, manifest: &Fetched, tags: &[Tag]) -> Result<bool, ContentError> {
        let mut left: Vec<Tag> = tags.to_vec();
        let mut has_subject = false;
        if left.len() > 1 && !self.registry.lacks_tag_parameters.load(Ordering::Relaxed) {
            has_subject |= self.put_at_once(manifest, &mut left).await?;
        }
        if tags.is_empty() {
            return Ok(self.put_untagged(manifest).await?.has_subject);
        }
        for tag in left {
            has_subject |= self.put_by(manifest, tag.as_str()).await?.has_subject;
        }
        Ok(has_subject)
    }

    /// By its digest alone; where the registry takes nothing so, under a tag of its own.
    async fn put_untagged(&self, manifest: &Fetched) -> Result<Put, ContentError> {
        let own = own_tag(&manifest.digest);
        if self.registry.abilities().untagged_push == Some(false) {
            return self.put_by(manifest, &own).await;
        }
        match self.put_by(manifest, &manifest.digest.to_string()).await {
            Err(ContentError::End(refusal)) if is_refused(refusal.as_ref()) => {
                // For the want of a tag, or for something else: that is found out by giving it one.
                let Ok(put) = self.put_by(manifest, &own).await else { return Err(ContentError::End(refusal)) };
                self.registry.learn(|abilities| abilities.untagged_push = Some(false));
                Ok(put)
            }
            other => other,
        }
    }

    /// Under this tag or else by its digest, and in no other way; to find out what is taken.
    pub(crate) async fn put_exactly(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), ContentError> {
        let target = tag.map_or_else(|| manifest.digest.to_string(), Tag::to_string);
        self.put_by(manifest, &target).await.map(drop)
    }

    /// By digest, with the tags as parameters; those that are set that way are taken from `left`.
    async fn put_at_once(&self, manifest: &Fetched, left: &mut Vec<Tag>) -> Result<bool, ContentError> {
        let mut has_subject = false;
        for some in left.clone().chunks(TAGS_AT_ONCE) {
            let parameters: Vec<_> = some.iter().map(|tag| format!("tag={tag}")).collect();
            let target = format!("{}?{}", manifest.digest, parameters.join("&"));
            let put = match self.put_by(manifest, &target).await {
                Ok(put) => put,
                // There are registries that take no manifest without a tag.
                Err(ContentError::End(error)) if is_refused(error.as_ref()) => return Ok(has_subject),
                Err(error) => return Err(error),
            };
            has_subject |= put.has_subject;
            left.retain(|tag| !put.tags.iter().any(|set| set == tag.as_str()));
            if put.tags.is_empty() {
                self.registry.lacks_tag_parameters.store(true, Ordering::Relaxed);
                break;
            }
        }
        Ok(has_subject)
    }

    async fn put_by(&self, manifest: &Fetched, target: &str) -> Result<Put, ContentError> {
        match self.put_if(manifest, target, None).await? {
            Turn::Done(put) => Ok(put),
            Turn::Lost => Err(Error::Refused {
                server: self.registry.origin().name().to_owned(),
                status: 412,
                code: String::new(),
                message: format!("{target} was changed by somebody else at the same time"),
            }
            .into()),
        }
    }

    /// Puts it; where there is an entity tag, only if what is there is still what that is of.
    pub(super) async fn put_if(
        &self,
        manifest: &Fetched,
        target: &str,
        only: Option<&HeaderValue>,
    ) -> Result<Turn, ContentError> {
        let mut ask = self.push(Method::PUT, &format!("manifests/{target}"));
        ask = ask.header(CONTENT_TYPE, manifest.media_type.as_str()).body(manifest.bytes.clone());
        ask.call.headers.extend(only.map(|tag| (IF_MATCH, tag.clone())));
        let answer = self.registry.send(&ask, SMALL_BYTES_MAX).await?;
        if answer.status == StatusCode::PRECONDITION_FAILED {
            return Ok(Turn::Lost);
        }
        let status = answer.status.as_u16();
        let answer = self.registry.success(answer).map_err(|error| form_refused(error, status, manifest))?;
        let text = |name: HeaderName| answer.headers.get(name).and_then(|value| value.to_str().ok());
        let said: Option<Digest> = text(CONTENT_DIGEST).and_then(|text| text.parse().ok());
        let is_same = |said: &Digest| *said == Digest::of(said.algorithm(), &manifest.bytes);
        if let Some(actual) = said.filter(|said| !is_same(said)) {
            return Err(ContentError::Wrong {
                place: self.to_string(),
                expected: manifest.digest,
                actual: Box::new(actual),
            });
        }
        let tags = answer.headers.get_all(OCI_TAG).iter().filter_map(|value| value.to_str().ok());
        let tags = tags.flat_map(|value| value.split(',')).map(|tag| tag.trim().to_owned()).collect();
        Ok(Turn::Done(Put { tags, has_subject: answer.headers.contains_key(OCI_SUBJECT) }))
    }

    /// The bytes of a manifest that is made here, as it is put.
    pub(crate) fn made(media_type: &'static str, bytes: Vec<u8>) -> Fetched {
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        Fetched { media_type: MediaType::known(media_type), digest, bytes: Bytes::from(bytes) }
    }
}

/// The tag of what is not taken without one. imgpkg makes such tags, too, by another ending; without an ending it would be the
/// list of what refers to the digest.
fn own_tag(digest: &Digest) -> String {
    format!("{}.wharf", digest.referrers_tag())
}

/// Whether the request itself was refused, and another may not be.
fn is_refused(error: &(dyn std::error::Error + 'static)) -> bool {
    let refused = error.downcast_ref::<Error>();
    matches!(refused, Some(Error::Refused { .. } | Error::Manifest { .. } | Error::NotFound { .. }))
}

/// The refusal of a manifest: where it can be for what it is, it says what that is.
fn form_refused(error: Error, status: u16, manifest: &Fetched) -> Error {
    let is_form = matches!(status, 400 | 405 | 406 | 415 | 422 | 501);
    let (server, message) = match error {
        // Something else about it is said to be wrong.
        Error::Refused { ref code, .. } if !matches!(&**code, "" | "MANIFEST_INVALID" | "UNSUPPORTED" | "UNKNOWN") => {
            return error;
        }
        Error::Refused { server, message, .. }
        | Error::NotFound { server, message, .. }
        | Error::Failed { server, message, .. }
            if is_form =>
        {
            (server, message)
        }
        other => return other,
    };
    let about = Form::of(manifest).map_or_else(|| "a manifest".to_owned(), |form| form.about());
    Error::Manifest { server, what: format!("{}, {about}", manifest.digest), status, message }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn own_tags_are_tags_and_nobody_elses() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let digest = Digest::of(algorithm, b"");
            let tag: Tag = own_tag(&digest).parse().expect("a tag");
            assert!(tag.as_str() != digest.referrers_tag() && tag.as_str().starts_with(&digest.referrers_tag()));
        }
    }
}
