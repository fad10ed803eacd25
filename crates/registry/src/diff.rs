//! What is not the same in two artifacts, of one repository or of two: what is said of them, their layers, the children of indexes,
//! the packages of bills of materials, and, page by page, their files. Each is read by who may read it where it is.
//!
//! Files are told of the trees of layers ([`crate::files`]), which say nothing of contents: so two files of one size are the same if
//! they are one in a layer that both have, or have one time; of others it is told that nobody knows.

use std::collections::{BTreeMap, BTreeSet};

use wharf_artifact::difference;
use wharf_artifact::kind::Kinds;
use wharf_artifact::layer::compare::{Difference, Found, Place};
use wharf_content::platform::Platforms;
use wharf_model::api::artifact::{ArtifactDetail, KindName};
use wharf_model::api::diff::{
    ContentDiff, Diff, DiffSide, FileDiff, FileState, ManifestDiff, NoFiles, PackageDiff, PackagesDiff,
};
use wharf_model::api::facts::Detail;
use wharf_model::api::facts::supply::{Package, Sbom};
use wharf_model::api::files::IncompleteLayer;
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;
use wharf_model::name::Reference;

use crate::access::Action;
use crate::artifacts::{kind_name, parsed};
use crate::error::Error;
use crate::files::both::One;
use crate::people::Part;
use crate::registry::{Access, Registry};

/// One of the two, and leave to read it.
#[derive(Clone, Copy)]
pub struct End<'a> {
    /// Leave to read in its repository.
    pub access: &'a Access,
    /// It.
    pub reference: &'a Reference,
}

/// What is known of one of the two.
struct Told {
    detail: ArtifactDetail,
    kind: KindName,
    manifest: Manifest,
    platforms: Platforms,
    config: Option<Vec<u8>>,
}

impl Registry {
    /// What was in `from` and is not, or otherwise, in `to`; `host` is how references name the registry. `part` is of the files: where
    /// they cannot be told yet, or there are none, that is told in their place.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`], [`Error::NameUnknown`] of either; [`Error::Unsupported`] for a page of another comparison; or the
    /// ledger or the heap fails.
    pub async fn diff(
        &self,
        kinds: &Kinds,
        host: &str,
        from: End<'_>,
        to: End<'_>,
        part: &Part,
    ) -> Result<Diff, Error> {
        from.access.expect(&[Action::Pull])?;
        to.access.expect(&[Action::Pull])?;
        let one = self.told_of(kinds, host, from).await?;
        let other = self.told_of(kinds, host, to).await?;
        let (was, is) = (one.detail.artifact.digest, other.detail.artifact.digest);
        let about = format!("diff {} {was} {} {is}", from.access.repository, to.access.repository);
        let wanted = self.wanted(&to.access.subject, about, part)?;
        let mut diff = said(&one, &other);
        if diff.same {
            return Ok(diff);
        }
        let after = wanted.after_as::<Place>()?;
        let before = One { access: from.access, digest: was, manifest: &one.manifest };
        let now = One { access: to.access, digest: is, manifest: &other.manifest };
        match self.files_of(before, now, after, wanted.limit).await {
            Ok((found, incomplete)) => {
                diff.next = wanted.next_told(found.next)?;
                diff.files = Some(found.differences.into_iter().map(file).collect());
                diff.incomplete = incomplete;
            }
            Err(Error::NotReady(layer)) => {
                let reason = Error::NotReady(layer).to_string();
                diff.no_files = Some(NoFiles { waiting: true, reason });
            }
            Err(Error::Unsupported(reason)) => diff.no_files = Some(NoFiles { waiting: false, reason }),
            Err(error) => return Err(error),
        }
        Ok(diff)
    }

    async fn told_of(&self, kinds: &Kinds, host: &str, end: End<'_>) -> Result<Told, Error> {
        let detail = self.artifact(end.access, kinds, host, end.reference).await?;
        // Not by the tag again, which may have been moved.
        let row = self.manifest(end.access, &Reference::Digest(detail.artifact.digest)).await?;
        let (manifest, platforms) = (parsed(&row), Platforms::of(&row.bytes));
        let config = match difference::config_to_read(&manifest) {
            Some(named) => self.small_blob(end.access, named).await?,
            None => None,
        };
        let kind = detail.artifact.kind.clone().unwrap_or_else(|| kind_name(kinds, "unknown"));
        Ok(Told { detail, kind, manifest, platforms, config })
    }

    async fn files_of(
        &self,
        from: One<'_>,
        to: One<'_>,
        after: Option<Place>,
        limit: usize,
    ) -> Result<(Found, Vec<IncompleteLayer>), Error> {
        if from.manifest.is_index() || to.manifest.is_index() {
            let reason = "an index holds no files: compare what it lists";
            return Err(Error::Unsupported(reason.to_owned()));
        }
        let same = difference::making_the_same(from.manifest, to.manifest);
        self.files_apart(from, to, same, after, limit).await
    }
}

/// All but files.
fn said(one: &Told, other: &Told) -> Diff {
    let same = one.detail.artifact.digest == other.detail.artifact.digest;
    let sides = [one, other].map(|told| (&told.manifest, told.config.as_deref()));
    let facts = difference::facts(sides[0], sides[1]);
    Diff {
        from: side(one),
        to: side(other),
        same,
        facts,
        manifests: if same { Vec::new() } else { children(one, other) },
        layers: difference::layers(&one.manifest, &other.manifest),
        files: None,
        no_files: None,
        incomplete: Vec::new(),
        packages: sbom(&one.detail).zip(sbom(&other.detail)).map(|(one, other)| packages(one, other)),
        next: None,
    }
}

fn side(told: &Told) -> DiffSide {
    let artifact = &told.detail.artifact;
    DiffSide {
        reference: told.detail.reference.clone(),
        digest: Some(artifact.digest),
        kind: told.kind.clone(),
        size: artifact.size,
        pushed_at: artifact.pushed_at,
    }
}

fn children(one: &Told, other: &Told) -> Vec<ManifestDiff> {
    let name = |told: &Told, child: &Digest| told.platforms.get(child).first().map(ToString::to_string);
    difference::children((&one.manifest, &|child| name(one, child)), (&other.manifest, &|child| name(other, child)))
}

fn file(difference: Difference) -> FileDiff {
    let Difference { path, from, to, is_content_unknown } = difference;
    let state = |node: Option<wharf_artifact::layer::index::Node>| node.as_ref().map(FileState::from);
    let content = is_content_unknown.then_some(ContentDiff::Unknown);
    FileDiff { path, from: state(from), to: state(to), content }
}

fn sbom(detail: &ArtifactDetail) -> Option<&Sbom> {
    match detail.facts.as_ref()?.detail.as_ref()? {
        Detail::Sbom(sbom) => Some(sbom),
        _ => None,
    }
}

/// A package by its name, and its ecosystem.
type Named<'a> = (&'a str, &'a str);

fn packages(one: &Sbom, other: &Sbom) -> PackagesDiff {
    let (mut before, mut now) = (versions(one), versions(other));
    let names: BTreeSet<Named<'_>> = before.keys().chain(now.keys()).copied().collect();
    let told = |versions: Option<BTreeSet<&str>>| versions.into_iter().flatten().map(str::to_owned).collect::<Vec<_>>();
    let items = names.into_iter().map(|(name, ecosystem)| PackageDiff {
        name: name.to_owned(),
        ecosystem: ecosystem.to_owned(),
        from: told(before.remove(&(name, ecosystem))),
        to: told(now.remove(&(name, ecosystem))),
    });
    let cut = one.packages.left_out() > 0 || other.packages.left_out() > 0;
    PackagesDiff { items: items.filter(|package| package.from != package.to).collect(), cut }
}

fn versions(sbom: &Sbom) -> BTreeMap<Named<'_>, BTreeSet<&str>> {
    let mut all: BTreeMap<Named<'_>, BTreeSet<&str>> = BTreeMap::new();
    for package in sbom.packages.iter() {
        all.entry((package.name.as_str(), ecosystem(package))).or_default().insert(package.version.as_str());
    }
    all
}

/// `pkg:deb/…` is `deb`.
fn ecosystem(package: &Package) -> &str {
    let purl = package.purl.as_ref().and_then(|purl| purl.as_str().strip_prefix("pkg:"));
    purl.and_then(|rest| rest.split('/').next()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use wharf_model::api::facts::Line;

    use super::*;

    #[test]
    fn packages_by_name_and_ecosystem() {
        let sbom = |packages: &[(&str, &str, &str)]| Sbom {
            packages: packages
                .iter()
                .map(|(name, version, purl)| Package {
                    name: Line::new(name),
                    version: Line::new(version),
                    purl: Some(Line::new(purl)),
                    ..Package::default()
                })
                .collect(),
            ..Sbom::default()
        };
        let one = sbom(&[("a", "1", "pkg:deb/a@1"), ("b", "1", "pkg:npm/b"), ("b", "2", "pkg:npm/b"), ("c", "1", "x")]);
        let other = sbom(&[("b", "2", "pkg:npm/b"), ("b", "3", "pkg:npm/b"), ("a", "1", "pkg:npm/a"), ("c", "1", "x")]);
        let found = packages(&one, &other);
        let told: Vec<_> = found
            .items
            .iter()
            .map(|one| format!("{} {} {} {}", one.name, one.ecosystem, one.from.join(","), one.to.join(",")))
            .collect();
        assert_eq!(told, ["a deb 1 ", "a npm  1", "b npm 1,2 2,3"]);
        assert!(!found.cut && packages(&one, &one).items.is_empty());
    }
}
