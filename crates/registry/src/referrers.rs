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

/// A list of referrers as the spec writes it: an OCI index.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferrersIndex {
    schema_version: u8,
    media_type: &'static str,
    manifests: Vec<Descriptor>,
    /// Where the next page begins; not part of the body.
    #[serde(skip)]
    pub next: Option<String>,
}

impl Registry {
    /// The referrers of `subject`, whether that is here or not; of one artifact type where one is given. A page ends at the
    /// limit that was asked for, or when it is large.
    ///
    /// # Errors
    /// The ledger fails; nobody is told that a repository is missing.
    pub async fn referrers(
        &self,
        access: &Access,
        subject: &Digest,
        artifact_type: Option<&str>,
        page: &Page,
    ) -> Result<ReferrersIndex, Error> {
        access.expect(&[Action::Pull])?;
        let mut found = Found { manifests: Vec::new(), bytes: 0, limit: page.limit };
        let next = match Cursor::parse(page.after.as_deref()) {
            Cursor::Native(after) => self.native(access, subject, artifact_type, after, &mut found).await?,
            Cursor::Fallback(offset) => self.fallback(access, subject, artifact_type, offset, &mut found).await?,
        };
        Ok(ReferrersIndex { schema_version: 2, media_type: media::OCI_INDEX, manifests: found.manifests, next })
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
                if found.is_full() {
                    return Ok(after.map(|digest| digest.to_string()));
                }
                after = Some(row.digest);
                found.push(as_referrer(&row));
            }
            if last_step {
                return self.fallback(access, subject, artifact_type, 0, found).await;
            }
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
        let mut seen = HashSet::new();
        for (at, descriptor) in index.manifests.into_iter().enumerate().skip(offset) {
            if !seen.insert(descriptor.digest) {
                continue;
            }
            let reference = Reference::Digest(descriptor.digest);
            let Some(row) = self.0.ledger.manifest(&access.repository, &reference).await? else { continue };
            let mut referrer = as_referrer(&row);
            if is_native(&row, subject)
                || artifact_type.is_some_and(|one| referrer.artifact_type.as_deref() != Some(one))
            {
                continue;
            }
            if found.is_full() {
                return Ok(Some(format!("+{at}")));
            }
            referrer.annotations = descriptor.annotations.or(referrer.annotations);
            found.push(referrer);
        }
        Ok(None)
    }
}

struct Found {
    manifests: Vec<Descriptor>,
    bytes: usize,
    limit: usize,
}

impl Found {
    fn is_full(&self) -> bool {
        self.manifests.len() >= self.limit || self.bytes >= REFERRERS_PAGE_BYTES
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

fn as_referrer(row: &ManifestRow) -> Descriptor {
    let size = row.bytes.len() as u64;
    match Manifest::parse(&row.bytes, Some(&row.media_type)) {
        Ok(manifest) => manifest.as_referrer(row.digest, size),
        // What is stored was parsed when it came; a stricter parser must not hide it.
        Err(_) => Descriptor {
            media_type: row.media_type.clone(),
            digest: row.digest,
            size,
            artifact_type: row.artifact_type.clone(),
            urls: None,
            annotations: None,
        },
    }
}

fn is_native(row: &ManifestRow, subject: &Digest) -> bool {
    Manifest::parse(&row.bytes, Some(&row.media_type))
        .is_ok_and(|manifest| manifest.subject.is_some_and(|named| named.digest == *subject))
}
