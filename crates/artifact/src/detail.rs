//! One artifact, put together as the API and the command line tell it from its manifest and its config. What only a ledger
//! knows of it, and facts, are put in by whoever has them.

use std::collections::{BTreeMap, HashMap};

use wharf_model::api::artifact::{Artifact, ArtifactDetail, FactsState, KindName, ListedManifest, PublisherSays};
use wharf_model::api::facts::{Line, Text};
use wharf_model::api::kind::Command;
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;
use wharf_model::name::Tag;

use crate::kind::Kind;
use crate::kind::decide::{Config, Decided};
use crate::kind::told;
use crate::publisher::Publisher;

/// Longest summary that is made of a description, in bytes.
const SUMMARY_BYTES_MAX: usize = 512;

/// What is known of an artifact.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// How it is named in commands.
    pub reference: String,
    /// The tag under which it was found.
    pub tag: Option<&'a Tag>,
    /// What it is named by.
    pub digest: Digest,
    /// Its manifest.
    pub manifest: Manifest,
    /// How many bytes all that it names has.
    pub size: u64,
    /// Which kind it is, and why.
    pub decided: Decided<'a>,
    /// Its config, where that was read.
    pub config: Option<&'a [u8]>,
    /// How it is fetched and used.
    pub commands: Vec<Command>,
}

impl Kind {
    /// What it is called, in brief.
    pub fn name(&self) -> KindName {
        KindName { id: self.id.clone(), title: self.title.clone(), category: self.category.to_string() }
    }
}

impl Known<'_> {
    /// All of it; `platform` says what an index's child is for, where it is listed for the nth time, counted from 0.
    pub fn told(self, platform: impl Fn(&Digest, usize) -> Option<String>) -> ArtifactDetail {
        let Known { reference, tag, digest, manifest, size, decided, config, commands } = self;
        let labels = match config.map(Config::read) {
            Some(Config::Labels(labels)) => labels,
            Some(Config::Unread) | None => BTreeMap::new(),
        };
        let subject = told::subject(&manifest, tag);
        let annotations = manifest.annotations.unwrap_or_default();
        let publisher = Publisher::read(&annotations, &labels, &manifest.layers).told();
        let artifact = Artifact {
            id: None,
            digest,
            media_type: manifest.media_type,
            artifact_type: manifest.artifact_type,
            kind: Some(decided.kind.name()),
            title: publisher.title.clone(),
            summary: publisher.description.as_ref().and_then(summary),
            size: Some(size),
            platforms: Vec::new(),
            pushed_at: None,
            pushed_by: None,
            tags: tag.into_iter().cloned().collect(),
            tags_total: u64::from(tag.is_some()),
            subject,
            referrers: 0,
            state: FactsState::Waiting,
        };
        let mut listed: HashMap<Digest, usize> = HashMap::new();
        let child = |descriptor: wharf_model::descriptor::Descriptor| {
            let count = listed.entry(descriptor.digest).or_default();
            let platform = platform(&descriptor.digest, *count);
            *count += 1;
            ListedManifest { platform, descriptor }
        };
        ArtifactDetail {
            artifact,
            reference,
            rule: decided.to_string(),
            config: manifest.config,
            layers: manifest.layers,
            manifests: manifest.manifests.into_iter().map(child).collect(),
            annotations,
            publisher,
            commands,
            facts: None,
        }
    }
}

/// How many bytes all that the manifest names has; of an index without what is in its children, which
/// [`size`](crate::recognise::size) looks up.
pub fn size(manifest: &Manifest) -> u64 {
    let parts = manifest.config.iter().chain(&manifest.layers).chain(&manifest.manifests);
    parts.fold(0, |sum, part| sum.saturating_add(part.size))
}

/// The first line of a description that says something.
fn summary(description: &Text) -> Option<Line> {
    let line = description.as_str().lines().find(|line| !line.trim().is_empty())?;
    Line::some(&line[..line.floor_char_boundary(SUMMARY_BYTES_MAX)])
}

impl Publisher {
    /// The same, as it goes over the wire.
    pub fn told(self) -> PublisherSays {
        PublisherSays {
            title: self.title,
            description: self.description,
            version: self.version,
            authors: self.authors,
            vendor: self.vendor,
            licenses: self.licenses,
            revision: self.revision,
            base: self.base,
            home: self.home,
            documentation: self.documentation,
            source: self.source,
            readme: self.readme,
            icon: self.icon,
            icon_layer: self.icon_layer,
            keywords: self.keywords,
            deprecated: self.is_deprecated,
        }
    }
}
