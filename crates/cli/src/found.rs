//! What a reference names, for the commands that tell about it.

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use wharf_artifact::kind::Kinds;
use wharf_artifact::kind::decide::{Artifact, Decided, Verdict};
use wharf_artifact::kind::deciding::{Deciding, Step};
use wharf_content::body::Body;
use wharf_content::error::Error;
use wharf_content::platform::{Platform, Platforms};
use wharf_content::source::{Fetched, Source};
use wharf_content::verify::{self, Expected};
use wharf_model::api::artifact::KindName;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::limits::{COPY_DEPTH_MAX, IMAGE_CONFIG_BYTES_MAX};
use wharf_model::manifest::Manifest;
use wharf_model::name::{Reference, Tag};

use crate::args::end::End;
use crate::end::{Opened, Reach};

/// What a reference names.
pub struct Found {
    /// Where it is.
    pub opened: Opened,
    /// The manifest as it is there.
    pub fetched: Fetched,
}

/// What refers to something.
#[derive(Serialize)]
pub struct Referrer {
    /// What it is.
    #[serde(flatten)]
    pub descriptor: Descriptor,
    /// What kind of thing.
    pub kind: KindName,
    /// The tag by which it is found, where it is on no list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
}

impl Found {
    /// Fetches what `end` names, or what is for `platform` in it.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub async fn get(reach: &Reach, end: &End, platform: Option<&Platform>) -> Result<Found> {
        let opened = end.open(reach).await?;
        let mut reference = opened.reference().await?;
        for _ in 0..=COPY_DEPTH_MAX {
            let fetched = fetch(&*opened.source, &reference).await?;
            let Some(platform) = platform else { return Ok(Found { opened, fetched }) };
            let index = parse(&fetched).with_context(|| opened.source.name())?;
            if !index.is_index() {
                return Ok(Found { opened, fetched });
            }
            match Platforms::of(&fetched.bytes).only(&index, platform) {
                Some(child) => reference = Reference::Digest(child.digest),
                None => bail!("{} has no {reference} for {platform}; name another by --platform", opened.source.name()),
            }
        }
        bail!("{}: indexes are nested more than {COPY_DEPTH_MAX} deep", opened.source.name())
    }

    /// Where it is read from.
    pub fn source(&self) -> &dyn Source {
        &*self.opened.source
    }

    /// What is in it.
    ///
    /// # Errors
    /// It is no manifest.
    pub fn manifest(&self) -> Result<Manifest> {
        parse(&self.fetched).with_context(|| self.source().name())
    }
}

/// A manifest that must be there.
///
/// # Errors
/// It is not, or cannot be read.
pub async fn fetch(source: &dyn Source, reference: &Reference) -> Result<Fetched> {
    let missing = || Error::Missing { what: reference.to_string(), place: source.name() };
    Ok(source.manifest(reference).await?.ok_or_else(missing)?)
}

/// What is in a manifest.
///
/// # Errors
/// It is none.
pub fn parse(fetched: &Fetched) -> Result<Manifest> {
    let read = Manifest::parse(&fetched.bytes, Some(&fetched.media_type));
    read.with_context(|| format!("{} is no manifest", fetched.digest))
}

/// What kind of thing something is, and the content of its config where that was needed.
pub struct Told<'k> {
    /// Which kind, and why.
    pub decided: Decided<'k>,
    /// The config.
    pub config: Option<Vec<u8>>,
}

/// How something was found.
#[derive(Clone, Copy, Debug, Default)]
pub struct By<'a> {
    /// Its tag, where it was found by one.
    pub tag: Option<&'a Tag>,
    /// What an index says of it, where it was found in one.
    pub named_by: Option<&'a Descriptor>,
}

/// Which of `kinds` something is; its config and its first child are read where that depends on them.
///
/// # Errors
/// The source cannot be asked.
pub async fn decide<'k>(kinds: &'k Kinds, source: &dyn Source, manifest: &Manifest, by: By<'_>) -> Result<Told<'k>> {
    let artifact = Artifact { tag: by.tag, named_by: by.named_by, ..Artifact::new(manifest) };
    let mut deciding = Deciding::new(kinds, artifact);
    loop {
        let shown = match deciding.step() {
            Step::Is(decided) => return Ok(Told { decided, config: deciding.into_config() }),
            Step::Config(named) => small_blob(source, &named).await?,
            Step::Manifest(named) => {
                let fetched = source.manifest(&Reference::Digest(named.digest)).await?;
                fetched.map(|fetched| fetched.bytes.to_vec())
            }
        };
        deciding.show(shown);
    }
}

/// What is of no kind that anybody knows.
pub fn unknown() -> KindName {
    KindName { id: "unknown".to_owned(), title: "Artifact".to_owned(), category: "generic".to_owned() }
}

/// Which kind something is of which no more is known than a descriptor.
fn by_descriptor(descriptor: &Descriptor) -> KindName {
    let manifest = Manifest {
        media_type: descriptor.media_type.clone(),
        artifact_type: descriptor.artifact_type.clone(),
        config: None,
        layers: Vec::new(),
        manifests: Vec::new(),
        subject: None,
        annotations: descriptor.annotations.clone(),
    };
    match Kinds::built_in().decide(&Artifact::new(&manifest)) {
        Verdict::Is(decided) => decided.kind.name(),
        Verdict::NeedsConfig | Verdict::NeedsChild => unknown(),
    }
}

/// What is in a config; nothing where it is not there, or too large.
///
/// # Errors
/// The source cannot be asked, or what it gave is not what was named.
pub async fn small_blob(source: &dyn Source, descriptor: &Descriptor) -> Result<Option<Vec<u8>>> {
    if descriptor.size > IMAGE_CONFIG_BYTES_MAX as u64 {
        return Ok(None);
    }
    let Some(body) = source.blob(descriptor, 0).await? else { return Ok(None) };
    let expected = Expected { digest: descriptor.digest, size: descriptor.size, place: source.name() };
    let mut body: Body = verify::whole(body, expected);
    let read = body.collect(IMAGE_CONFIG_BYTES_MAX).await;
    let read = read.map_err(|broken| Error::from_io(broken.error, || format!("read from {}", source.name())))?;
    Ok(read.ok().map(|bytes| bytes.to_vec()))
}

/// What refers to `subject`: by the list, and by cosign's tags.
///
/// # Errors
/// The source cannot be asked.
pub async fn referrers(source: &dyn Source, subject: &Digest) -> Result<Vec<Referrer>> {
    let listed = source.referrers(subject).await?;
    let listed = listed.into_iter().map(|descriptor| {
        let kind = by_descriptor(&descriptor);
        Referrer { descriptor, kind, tag: None }
    });
    let mut all: Vec<Referrer> = listed.collect();
    for tag in subject.cosign_tags() {
        let Ok(tag) = tag.parse::<Tag>() else { continue };
        let Some(found) = source.manifest(&Reference::Tag(tag.clone())).await? else { continue };
        let Ok(manifest) = parse(&found) else { continue };
        if !all.iter().any(|one| one.descriptor.digest == found.digest) {
            let by = By { tag: Some(&tag), named_by: None };
            let kind = decide(Kinds::built_in(), source, &manifest, by).await?.decided.kind;
            let descriptor = manifest.as_referrer(found.digest, found.bytes.len() as u64);
            all.push(Referrer { descriptor, kind: kind.name(), tag: Some(tag) });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn what_is_listed_is_told_by_its_type() {
        let digest = format!("sha256:{}", "a".repeat(64)).parse().expect("a digest");
        let of = |artifact_type: Option<&str>| {
            let media_type = wharf_model::media::OCI_MANIFEST.parse().expect("a media type");
            let mut descriptor = Descriptor::new(media_type, digest, 2);
            descriptor.artifact_type = artifact_type.map(str::to_owned);
            by_descriptor(&descriptor).id
        };
        assert_eq!(of(Some("application/spdx+json")), "spdx-sbom");
        assert_eq!(of(Some("application/vnd.dev.sigstore.bundle.v0.3+json")), "sigstore-bundle");
        assert_eq!(of(Some("application/vnd.acme")), "unknown");
        assert_eq!(of(None), "unknown");
    }
}
