//! What is attached to a manifest (Distribution spec, "Listing Referrers"): native referrers by their subject, then those
//! that old clients keep in an index under a fallback tag.

use std::collections::HashSet;

use serde::Serialize;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::limits::REFERRERS_PAGE_BYTES;
use wharf_model::manifest::Manifest;
use wharf_model::media;
use wharf_model::name::{Reference, Tag};
use wharf_model::page::Page;
use wharf_store::ledger::query::ManifestRow;

use crate::access::Action;
use crate::error::Error;
use crate::registry::{Access, Registry};

/// Manifests are asked for in small steps, because each may be as large as a manifest may be.
const STEP: usize = 8;
/// How many manifests are looked at for one page; who wants more asks for the next.
const LOOKED_MAX: usize = 5_000;
/// How many bytes of manifests are read for one page, which ends after the one that crosses it.
const READ_BYTES_MAX: usize = 32 << 20;

/// A list of referrers as the spec writes it: an OCI index.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferrersIndex {
    schema_version: u8,
    media_type: &'static str,
    /// Those of this page.
    pub manifests: Vec<Descriptor>,
    /// Where the next page begins; not part of the body.
    #[serde(skip)]
    pub next: Option<String>,
}

impl Registry {
    /// The referrers of `subject`, whether that is here or not; of one artifact type where one is given. A page ends at the
    /// limit that was asked for, or when it is large, or when much was read for it: then it may be short, or empty.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the type has control characters, or the ledger fails; nobody is told that a repository is missing.
    pub async fn referrers(
        &self,
        access: &Access,
        subject: &Digest,
        artifact_type: Option<&str>,
        page: &Page,
    ) -> Result<ReferrersIndex, Error> {
        access.expect(&[Action::Pull])?;
        if artifact_type.is_some_and(|text| text.chars().any(char::is_control)) {
            return Err(Error::Unsupported("artifactType is a media type; none has control characters".to_owned()));
        }
        let mut found = Found::new(page.limit);
        if page.limit == 0 {
            return Ok(found.into_index(None));
        }
        let next = match Cursor::parse(page.after.as_deref()) {
            Cursor::Native(after) => self.native(access, subject, artifact_type, after, &mut found).await?,
            Cursor::Fallback(offset) => self.fallback(access, subject, artifact_type, offset, &mut found).await?,
        };
        Ok(found.into_index(next))
    }

    async fn native(
        &self,
        access: &Access,
        subject: &Digest,
        artifact_type: Option<&str>,
        mut after: Option<Digest>,
        found: &mut Found,
    ) -> Result<Option<String>, Error> {
        loop {
            let ledger = &self.0.ledger;
            let rows = ledger.referrers(&access.repository, subject, artifact_type, after.as_ref(), STEP).await?;
            let last_step = rows.len() < STEP;
            for row in rows {
                if found.is_full() || found.is_costly() {
                    return Ok(after.map(|digest| digest.to_string()));
                }
                after = Some(row.digest);
                (found.looked, found.read) = (found.looked + 1, found.read + row.bytes.len());
                found.push(Referrer::of(&row).descriptor);
            }
            if last_step {
                return self.fallback(access, subject, artifact_type, 0, found).await;
            }
            // Reading manifests is work, and others wait.
            tokio::task::yield_now().await;
        }
    }

    /// The entries of the fallback index that are here and do not name the subject themselves.
    async fn fallback(
        &self,
        access: &Access,
        subject: &Digest,
        artifact_type: Option<&str>,
        offset: usize,
        found: &mut Found,
    ) -> Result<Option<String>, Error> {
        let Ok(tag) = subject.referrers_tag().parse::<Tag>() else { return Ok(None) };
        let Some(row) = self.0.ledger.manifest(&access.repository, &Reference::Tag(tag)).await? else {
            return Ok(None);
        };
        let Ok(index) = Manifest::parse(&row.bytes, Some(&row.media_type)) else { return Ok(None) };
        found.read += row.bytes.len();
        let mut seen = HashSet::new();
        for (at, descriptor) in index.manifests.into_iter().enumerate() {
            // What an earlier page has shown is seen, too.
            if !seen.insert(descriptor.digest) || at < offset {
                continue;
            }
            if found.is_costly() {
                return Ok(Some(format!("+{at}")));
            }
            tokio::task::yield_now().await;
            let reference = Reference::Digest(descriptor.digest);
            found.looked += 1;
            let Some(row) = self.0.ledger.manifest(&access.repository, &reference).await? else { continue };
            found.read += row.bytes.len();
            let mut referrer = Referrer::of(&row);
            let is_native = referrer.subject.is_some_and(|named| named == *subject);
            let is_other = artifact_type.is_some_and(|one| referrer.descriptor.artifact_type.as_deref() != Some(one));
            if is_native || is_other {
                continue;
            }
            if found.is_full() {
                return Ok(Some(format!("+{at}")));
            }
            referrer.descriptor.annotations = descriptor.annotations.or(referrer.descriptor.annotations);
            found.push(referrer.descriptor);
        }
        Ok(None)
    }
}

/// A page in the making.
struct Found {
    manifests: Vec<Descriptor>,
    limit: usize,
    /// How large the page is, about, in bytes.
    bytes: usize,
    /// How many manifests were asked for, be they on the page or not.
    looked: usize,
    /// How large those were, in bytes.
    read: usize,
}

impl Found {
    fn new(limit: usize) -> Found {
        Found { manifests: Vec::new(), limit, bytes: 0, looked: 0, read: 0 }
    }

    /// Whether what comes next is for another page.
    fn is_full(&self) -> bool {
        self.manifests.len() >= self.limit || self.bytes >= REFERRERS_PAGE_BYTES
    }

    /// Whether another request has to go on looking: this one was work enough.
    fn is_costly(&self) -> bool {
        self.looked >= LOOKED_MAX || self.read >= READ_BYTES_MAX
    }

    fn into_index(self, next: Option<String>) -> ReferrersIndex {
        ReferrersIndex { schema_version: 2, media_type: media::OCI_INDEX, manifests: self.manifests, next }
    }

    fn push(&mut self, descriptor: Descriptor) {
        let annotations = descriptor.annotations.iter().flatten();
        let artifact_type = descriptor.artifact_type.as_ref().map_or(0, String::len);
        self.bytes += 300 + artifact_type + annotations.map(|(key, value)| key.len() + value.len() + 8).sum::<usize>();
        self.manifests.push(descriptor);
    }
}

/// Where a page begins: after a digest among the native ones, or at an entry of the fallback index.
enum Cursor {
    Native(Option<Digest>),
    Fallback(usize),
}

impl Cursor {
    fn parse(text: Option<&str>) -> Cursor {
        match text.and_then(|text| text.strip_prefix('+')).and_then(|offset| offset.parse().ok()) {
            Some(offset) => Cursor::Fallback(offset),
            None => Cursor::Native(text.and_then(|text| text.parse().ok())),
        }
    }
}

/// What a manifest is in a list of referrers.
struct Referrer {
    descriptor: Descriptor,
    /// What it says itself that it is attached to.
    subject: Option<Digest>,
}

impl Referrer {
    fn of(row: &ManifestRow) -> Referrer {
        let size = row.bytes.len() as u64;
        match Manifest::parse(&row.bytes, Some(&row.media_type)) {
            Ok(manifest) => Referrer {
                descriptor: manifest.as_referrer(row.digest, size),
                subject: manifest.subject.map(|subject| subject.digest),
            },
            // What is stored was parsed when it came; a stricter parser must not hide it.
            Err(_) => Referrer {
                descriptor: Descriptor {
                    media_type: row.media_type.clone(),
                    digest: row.digest,
                    size,
                    artifact_type: row.artifact_type.clone(),
                    urls: None,
                    annotations: None,
                },
                subject: None,
            },
        }
    }
}
