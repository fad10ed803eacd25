//! What a reference names, for the commands that tell about it.

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use wharf_content::error::Error;
use wharf_content::platform::{Platform, Platforms};
use wharf_content::source::{Fetched, Source};
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::limits::COPY_DEPTH_MAX;
use wharf_model::manifest::Manifest;
use wharf_model::media::OCI_EMPTY;
use wharf_model::name::{Reference, Tag};

use crate::args::end::End;
use crate::end::{Opened, Reach};

/// How cosign names what it attaches by tags.
const TAG_SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];
/// What some types are called. What the type of an artifact, of a config or of a first layer begins with.
const KINDS: [(&str, &str); 19] = [
    ("application/vnd.wharf.directory.", "directory"),
    ("application/vnd.dev.cosign.simplesigning.", "cosign signature"),
    ("application/vnd.dev.cosign.artifact.sig.", "cosign signature"),
    ("application/vnd.dev.sigstore.bundle", "Sigstore bundle"),
    ("application/vnd.cncf.notary.signature", "Notary signature"),
    ("application/vnd.dsse.envelope", "attestation"),
    ("application/vnd.in-toto", "attestation"),
    ("application/spdx", "SBOM (SPDX)"),
    ("text/spdx", "SBOM (SPDX)"),
    ("application/vnd.cyclonedx", "SBOM (CycloneDX)"),
    ("application/vnd.cncf.helm.config.", "Helm chart"),
    ("application/vnd.cncf.helm.", "Helm artifact"),
    ("application/vnd.cnab.", "CNAB bundle"),
    ("application/vnd.docker.plugin.", "Docker plugin"),
    ("application/vnd.wasm.", "WebAssembly module"),
    ("application/wasm", "WebAssembly module"),
    ("application/vnd.docker.ai.model", "model"),
    ("application/vnd.docker.container.image.", "image"),
    ("application/vnd.oci.image.config.", "image"),
];

/// What a reference names.
pub struct Found {
    /// Where it is.
    pub opened: Opened,
    /// The manifest as it is there.
    pub fetched: Fetched,
}

/// What refers to something.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrer {
    /// What it is.
    #[serde(flatten)]
    pub descriptor: Descriptor,
    /// What kind of thing, for people.
    pub kind: String,
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

/// What refers to `subject`: by the list, and by cosign's tags.
///
/// # Errors
/// The source cannot be asked.
pub async fn referrers(source: &dyn Source, subject: &Digest) -> Result<Vec<Referrer>> {
    let listed = source.referrers(subject).await?;
    let listed = listed.into_iter().map(|descriptor| {
        let kind = named(descriptor.artifact_type.as_deref()).unwrap_or("artifact").to_owned();
        Referrer { descriptor, kind, tag: None }
    });
    let mut all: Vec<Referrer> = listed.collect();
    for suffix in TAG_SUFFIXES {
        let Ok(tag) = format!("{}.{suffix}", subject.referrers_tag()).parse::<Tag>() else { continue };
        let Some(found) = source.manifest(&Reference::Tag(tag.clone())).await? else { continue };
        let Ok(manifest) = parse(&found) else { continue };
        if !all.iter().any(|one| one.descriptor.digest == found.digest) {
            let descriptor = manifest.as_referrer(found.digest, found.bytes.len() as u64);
            all.push(Referrer { descriptor, kind: kind(&manifest), tag: Some(tag) });
        }
    }
    Ok(all)
}

/// What kind of thing a manifest is, for people.
pub fn kind(manifest: &Manifest) -> String {
    if manifest.is_index() {
        let of = named(manifest.artifact_type.as_deref()).map(|kind| format!(" ({kind})"));
        return format!("index of {}{}", manifest.manifests.len(), of.unwrap_or_default());
    }
    let first = manifest.layers.first().map(|layer| layer.media_type.as_str()).filter(|kind| *kind != OCI_EMPTY);
    // What cosign signs with looks like an image, but for its layers.
    let by_layer = named(first).filter(|_| manifest.layers.len() == 1);
    by_layer.or_else(|| named(manifest.artifact_type.as_deref())).unwrap_or("artifact").to_owned()
}

fn named(media_type: Option<&str>) -> Option<&'static str> {
    let media_type = media_type?;
    KINDS.iter().find(|(start, _)| media_type.starts_with(start)).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn kinds() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let of = |config: &str, layer: &str, more: &str| {
            let named = |kind: &str| format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":1}}"#);
            let text = format!(r#"{{"schemaVersion":2{more},"config":{},"layers":[{}]}}"#, named(config), named(layer));
            kind(&Manifest::parse(text.as_bytes(), None).expect("a manifest"))
        };
        let (config, layer) = ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar");
        assert_eq!(of(config, layer, ""), "image");
        assert_eq!(of(config, "application/vnd.dev.cosign.simplesigning.v1+json", ""), "cosign signature");
        assert_eq!(of(config, layer, r#","artifactType":"application/vnd.wharf.directory.v1""#), "directory");
        assert_eq!(of("application/vnd.cncf.helm.config.v1+json", "a/b", ""), "Helm chart");
        assert_eq!(of(OCI_EMPTY, OCI_EMPTY, r#","artifactType":"a/b""#), "artifact");
        let index = Manifest::parse(br#"{"schemaVersion":2,"manifests":[]}"#, None).expect("an index");
        assert_eq!(kind(&index), "index of 0");
    }
}
