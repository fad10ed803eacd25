//! Bills of materials: which packages something is made of, in the formats that scanners write. Told apart by what they
//! are, as media types are the publisher's choice.

mod cyclonedx;
mod spdx;
mod syft;

use std::collections::HashMap;

use wharf_model::api::facts::supply::{Package, Sbom};
use wharf_model::api::facts::{Counted, Detail, Line, Listed};
use wharf_model::limits::INSPECT_BLOB_BYTES_MAX;

use super::about::{about, or};
use super::{Artifact, Turn, Want};

/// How many licences or ecosystems are told apart, at most.
const SORTS_MAX: usize = 1_000;
/// How many layers are tried, at most.
const LAYERS_MAX: usize = 4;

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let wants = artifact.manifest.layers.iter().take(LAYERS_MAX).map(Want::blob).collect();
    Turn::ask(wants, move |mut answers| {
        let mut facts = about(&artifact);
        if artifact.manifest.layers.is_empty() {
            facts.fault("manifest", "there is no layer with a document in it");
        }
        for layer in artifact.manifest.layers.iter().take(LAYERS_MAX) {
            let at = layer.digest.to_string();
            let Some(bytes) = answers.head(&mut facts, &at) else { continue };
            if layer.size > INSPECT_BLOB_BYTES_MAX as u64 {
                facts.fault(&at, format_args!("documents of more than {INSPECT_BLOB_BYTES_MAX} bytes are not read"));
                continue;
            }
            match read(&bytes) {
                Ok((sbom, faults)) => {
                    faults.into_iter().for_each(|what| facts.fault(&at, what));
                    or(&mut facts.title, || sbom.about.clone().or_else(|| sbom.name.clone()));
                    facts.detail = facts.detail.take().or(Some(Detail::Sbom(sbom)));
                }
                Err(what) => facts.fault(&at, what),
            }
        }
        Turn::tell(facts)
    })
}

/// Reads a document of any format, with what is malformed in it.
///
/// # Errors
/// It is none that is known, or broken; in words for people.
pub(super) fn read(bytes: &[u8]) -> Result<(Sbom, Vec<String>), String> {
    let mut book = Book::default();
    fill(bytes, &mut book)?;
    Ok(book.close())
}

/// Hands over each package of a document of any format, also those that lists leave out.
///
/// # Errors
/// As [`read`].
pub(super) fn packages(bytes: &[u8], each: &mut dyn FnMut(&Package)) -> Result<(), String> {
    fill(bytes, &mut Book { each: Some(each), ..Book::default() })
}

fn fill(bytes: &[u8], book: &mut Book<'_>) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("it is not UTF-8: {error}"))?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    match text.as_bytes().first() {
        Some(b'{') => json(text, book),
        Some(b'<') => cyclonedx::xml(text, book),
        _ if spdx::is_tag_value(text) => {
            spdx::tag_value(text, book);
            Ok(())
        }
        _ => Err(UNKNOWN.to_owned()),
    }
}

const UNKNOWN: &str = "it is no bill of materials that is known: SPDX, CycloneDX or Syft";

/// What tells the formats apart, and what is read of each.
const FIELDS: &[&str] = &[
    "spdxVersion",
    "@context",
    "@graph",
    "bomFormat",
    "specVersion",
    "metadata",
    "components",
    "vulnerabilities",
    "artifacts",
    "descriptor",
    "schema",
    "source",
    "name",
    "creationInfo",
    "packages",
    "documentDescribes",
    "files",
];

fn json(text: &str, book: &mut Book<'_>) -> Result<(), String> {
    let pieces = super::pieces::Pieces::read(text, FIELDS)?;
    if pieces.has("spdxVersion") {
        spdx::json(&pieces, book);
    } else if pieces.has("@graph") {
        spdx::graph(&pieces, book);
    } else if pieces.has("bomFormat") || pieces.has("specVersion") {
        cyclonedx::json(&pieces, book);
    } else if pieces.has("artifacts") {
        syft::json(&pieces, book);
    } else {
        return Err(UNKNOWN.to_owned());
    }
    Ok(())
}

/// A bill while it is read.
#[derive(Default)]
struct Book<'e> {
    /// Who sees each package as well.
    each: Option<&'e mut dyn FnMut(&Package)>,
    sbom: Sbom,
    ecosystems: HashMap<Line, u64>,
    licenses: HashMap<Line, u64>,
    faults: Vec<String>,
}

impl Book<'_> {
    fn package(&mut self, package: Package) {
        if let Some(each) = &mut self.each {
            each(&package);
        }
        if let Some(kind) = package.purl.as_ref().and_then(|purl| purl_type(purl.as_str())) {
            count(&mut self.ecosystems, kind);
        }
        if let Some(license) = &package.license {
            count(&mut self.licenses, license.clone());
        }
        self.sbom.packages.push(package);
    }

    /// Notes that entries were passed over.
    fn too_large(&mut self, (_, skipped): (u64, u64)) {
        if skipped > 0 {
            self.faults.push(format!("{skipped} of its entries are too large to be read"));
        }
    }

    fn close(mut self) -> (Sbom, Vec<String>) {
        self.sbom.ecosystems = most(self.ecosystems);
        self.sbom.licenses = most(self.licenses);
        (self.sbom, self.faults)
    }
}

fn count(counts: &mut HashMap<Line, u64>, name: Line) {
    if counts.len() < SORTS_MAX || counts.contains_key(&name) {
        *counts.entry(name).or_default() += 1;
    }
}

fn most(counts: HashMap<Line, u64>) -> Listed<Counted> {
    let mut counts: Vec<Counted> = counts.into_iter().map(|(name, count)| Counted { name, count }).collect();
    counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    counts.into_iter().collect()
}

/// The type of a package URL: `pkg:deb/debian/curl@8` has `deb`.
fn purl_type(purl: &str) -> Option<Line> {
    let (kind, _) = purl.strip_prefix("pkg:")?.trim_start_matches('/').split_once('/')?;
    Line::some(&kind.to_ascii_lowercase())
}

/// A licence, unless it says that it says nothing.
fn license(text: &str) -> Option<Line> {
    Line::some(text).filter(|line| !matches!(line.as_str(), "NOASSERTION" | "NONE"))
}

/// Several licences, all of which hold.
fn all_of(licenses: impl Iterator<Item = String>) -> Option<Line> {
    let licenses: Vec<String> = licenses.filter(|one| license(one).is_some()).take(16).collect();
    Line::some(&licenses.join(" AND "))
}
