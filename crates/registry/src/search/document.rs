//! What is put into the index of an artifact: its facts where they are there, else what its manifest says.
//!
//! Everything is bounded, and harmless to show as facts are: what publishers wrote goes through a [`Line`] or a [`Text`].

use std::collections::BTreeMap;

use wharf_artifact::layer::{file_name, path_of_file};
use wharf_artifact::publisher::Publisher;
use wharf_model::api::facts::{Detail, Facts, Line, Listed, Person, Text};
use wharf_model::digest::{COSIGN_TAG_ENDS, Digest};
use wharf_model::manifest::Manifest;
use wharf_model::name::{RepositoryName, Tag};
use wharf_model::tag_order;
use wharf_store::ledger::artifacts::ArtifactRow;
use wharf_store::search::{CHILDREN_MAX, Document, Inside, Rank, Source};

use crate::files;

/// Moves when documents are made in another way: then all are made again.
pub(super) const VERSION: u32 = 3;
/// How much of a description is told and looked through, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 1 << 10;
/// Most labels, annotations, keywords, licences, platforms and people of one artifact.
const ITEMS_MAX: usize = 64;
/// How many layers of a bill of materials are looked into.
const BILLS_MAX: usize = 4;

/// An artifact, with what there is to tell of it.
pub(super) struct Known<'a> {
    pub(super) repository: &'a RepositoryName,
    pub(super) public: bool,
    pub(super) row: ArtifactRow,
    pub(super) tags: Vec<Tag>,
    pub(super) facts: Option<Facts>,
    pub(super) manifest: &'a Manifest,
}

impl Known<'_> {
    pub(super) fn document(self) -> Document {
        let Known { repository, public, row, mut tags, facts, manifest } = self;
        let by_tag = tags.iter().find_map(subject_of_tag);
        let is_published = tags.iter().any(|tag| !tag_order::attaches(tag.as_str()));
        let subject = row.subject.or(by_tag);
        let rank = match (is_published, subject) {
            // What is attached and has a tag all the same was given that to be found.
            (true, _) => Rank::Tagged,
            (false, Some(_)) => Rank::Attached,
            (false, None) => Rank::Loose,
        };
        tags.sort_by_cached_key(|tag| tag_order::naming(tag.as_str()));
        let is_signature = facts.as_ref().is_some_and(|facts| matches!(facts.detail, Some(Detail::Signature(_))));
        let annotations = manifest.annotations.clone().unwrap_or_default();
        let found = row.found.as_ref();
        let document = Document {
            number: row.number,
            repository: repository.clone(),
            public,
            digest: row.digest,
            subject,
            rank,
            is_signature,
            kind: found.map(|found| found.kind.clone()).unwrap_or_default(),
            title: found.map(|found| found.title.clone()).unwrap_or_default(),
            summary: found.map(|found| found.summary.clone()).unwrap_or_default(),
            description: String::new(),
            version: String::new(),
            size: found.map(|found| found.size),
            pushed_at: row.pushed_at,
            tags,
            tags_total: row.tags_total,
            platforms: Vec::new(),
            licenses: Vec::new(),
            maintainers: Vec::new(),
            keywords: Vec::new(),
            labels: Vec::new(),
            annotations: pairs(annotations.iter().map(|(key, value)| (key.as_str(), value.as_str()))),
            sources: sources(manifest, facts.as_ref()),
            children: manifest.manifests.iter().take(CHILDREN_MAX).map(|child| child.digest).collect(),
        };
        match facts {
            Some(facts) => with_facts(document, &facts),
            None => with_manifest(document, &annotations, manifest),
        }
    }
}

/// What is looked into: layers for their files, bills of materials for their packages.
fn sources(manifest: &Manifest, facts: Option<&Facts>) -> Vec<Source> {
    let mut sources: Vec<Source> = files::layers(manifest)
        .into_iter()
        .map(|digest| Source { digest, inside: Inside::Files, names: None })
        .collect();
    let mut names: Vec<String> = manifest.layers.iter().filter_map(file_name).filter_map(path_of_file).collect();
    names.sort_unstable();
    names.dedup();
    if !names.is_empty() {
        sources.push(Source::names(names));
    }
    let bills: Vec<Digest> = match facts.and_then(|facts| facts.detail.as_ref()) {
        Some(Detail::Sbom(_)) => manifest.layers.iter().take(BILLS_MAX).map(|layer| layer.digest).collect(),
        Some(Detail::Attestation(stated)) => {
            let with_bill = stated.statements.iter().filter(|statement| statement.sbom.is_some());
            with_bill.filter_map(|statement| statement.layer.as_str().parse().ok()).collect()
        }
        _ => Vec::new(),
    };
    sources.extend(bills.into_iter().map(|digest| Source { digest, inside: Inside::Packages, names: None }));
    sources.sort_unstable_by_key(|source| (source.digest, source.inside));
    sources.dedup_by_key(|source| (source.digest, source.inside));
    sources
}

fn with_facts(document: Document, facts: &Facts) -> Document {
    let mut maintainers: Vec<String> = facts.authors.iter().take(ITEMS_MAX).map(person).collect();
    maintainers.extend(facts.vendor.as_ref().map(|vendor| vendor.as_str().to_owned()));
    let labels = match &facts.detail {
        Some(Detail::Image(image)) => {
            pairs(image.labels.iter().map(|label| (label.name.as_str(), label.value.as_str())))
        }
        _ => Vec::new(),
    };
    Document {
        description: facts.description.as_ref().map(description).unwrap_or_default(),
        version: facts.version.as_ref().map(|version| version.as_str().to_owned()).unwrap_or_default(),
        platforms: lines(&facts.platforms),
        licenses: lines(&facts.licenses),
        keywords: lines(&facts.keywords),
        maintainers,
        labels,
        ..document
    }
}

/// Until there are facts.
fn with_manifest(document: Document, annotations: &BTreeMap<String, String>, manifest: &Manifest) -> Document {
    let publisher = Publisher::read(annotations, &BTreeMap::new(), &manifest.layers);
    let text = |line: Option<Line>| line.map(|line| line.as_str().to_owned());
    Document {
        title: text(publisher.title).unwrap_or_default(),
        description: publisher.description.as_ref().map(description).unwrap_or_default(),
        version: text(publisher.version).unwrap_or_default(),
        licenses: text(publisher.licenses).into_iter().collect(),
        maintainers: [text(publisher.authors), text(publisher.vendor)].into_iter().flatten().collect(),
        keywords: publisher.keywords.iter().take(ITEMS_MAX).map(|word| word.as_str().to_owned()).collect(),
        ..document
    }
}

fn lines(lines: &Listed<Line>) -> Vec<String> {
    lines.iter().take(ITEMS_MAX).map(|line| line.as_str().to_owned()).collect()
}

fn person(person: &Person) -> String {
    let email = person.email.as_ref().map(Line::as_str);
    let url = person.url.as_ref().map(wharf_model::api::facts::Link::as_str);
    [Some(person.name.as_str()), email, url].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn description(text: &Text) -> String {
    let text = text.as_str();
    text[..text.floor_char_boundary(DESCRIPTION_BYTES_MAX)].to_owned()
}

fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    let line = |text: &str| Line::new(text).as_str().to_owned();
    pairs.take(ITEMS_MAX).map(|(key, value)| (line(key), line(value))).collect()
}

/// What something is attached to whose tag is made of that: cosign's, and those from before the referrers API.
fn subject_of_tag(tag: &Tag) -> Option<Digest> {
    let tag = tag.as_str();
    Digest::of_referrers_tag(COSIGN_TAG_ENDS.iter().find_map(|end| tag.strip_suffix(end)).unwrap_or(tag))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn tags_that_say_what_something_is_attached_to() {
        let hash = "0".repeat(64);
        let check = |tag: &str, expect: bool| {
            assert_eq!(subject_of_tag(&tag.parse().expect("a tag")).is_some(), expect, "{tag}");
        };
        check(&format!("sha256-{hash}.sig"), true);
        check(&format!("sha256-{hash}"), true);
        check(&format!("sha256-{}", &hash[1..]), false);
        check("1.0-alpine", false);
        check("latest", false);
    }
}
