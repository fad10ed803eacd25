//! Bills of materials, signatures and statements. Nothing here is verified, and every section says so.

use wharf_model::api::facts::supply::{Attestations, Provenance, Sbom, Signature, Signatures, Statement};
use wharf_model::api::facts::{Counted, Line, Listed};

use super::image::moment;
use super::{Cell, Pair, Place, Section};
use crate::pages::artifact::digest_cell;
use crate::pages::html::Short;

const NOT_VERIFIED: &str = "As it says itself; nothing of it has been verified.";

/// A bill of materials: what it is about, how much there is of what, and the packages.
pub(super) fn sbom(sbom: &Sbom) -> Vec<Section> {
    let brief = Pair::some([
        ("Format", Cell::text(sbom.format.as_str())),
        ("Name", Cell::line(&sbom.name)),
        ("About", Cell::line(&sbom.about)),
        ("Written by", Cell::words(sbom.tools.iter().map(Line::as_str))),
        ("Packages", Cell::number(sbom.packages.total())),
        ("Files", if sbom.files > 0 { Cell::number(sbom.files) } else { Cell::Nothing }),
        ("Vulnerabilities", if sbom.vulnerabilities > 0 { Cell::number(sbom.vulnerabilities) } else { Cell::Nothing }),
    ]);
    let rows = sbom.packages.iter().map(|package| {
        vec![
            Cell::code(package.name.as_str()),
            Cell::text(package.version.as_str()),
            Cell::line(&package.license),
            package.purl.as_ref().map_or(Cell::Nothing, |purl| Cell::text(ecosystem(purl.as_str()))),
        ]
    });
    let columns = [("Package", "name"), ("Version", "wrap"), ("Licence", "wrap"), ("From", "")];
    let sections = [
        Section::pairs("Bill of materials", brief).map(|section| section.noted(NOT_VERIFIED)),
        counted("Ecosystems", &sbom.ecosystems),
        counted("Licences", &sbom.licenses),
        Section::table("Packages", columns, rows.collect(), sbom.packages.left_out()),
    ];
    sections.into_iter().flatten().collect()
}

/// The sort of a package URL: `pkg:deb/…` is `deb`.
fn ecosystem(purl: &str) -> &str {
    purl.strip_prefix("pkg:").and_then(|rest| rest.split('/').next()).unwrap_or(purl)
}

fn counted(title: &str, counted: &Listed<Counted>) -> Option<Section> {
    let rows = counted.iter().map(|one| vec![Cell::text(one.name.as_str()), Cell::number(one.count)]);
    Section::table(title, [(title, "wrap"), ("Packages", "number")], rows.collect(), counted.left_out())
}

/// Signatures: who, when, by what.
pub(super) fn signatures(place: &Place<'_>, all: &Signatures) -> Vec<Section> {
    let several = all.signatures.len() > 1;
    let section = |(at, one): (usize, &Signature)| {
        let title = if several { format!("Signature {}", at + 1) } else { "Signature".to_owned() };
        Section::pairs(&title, signature(place, one)).map(|section| section.noted(NOT_VERIFIED))
    };
    all.signatures.iter().enumerate().filter_map(section).collect()
}

fn signature(place: &Place<'_>, one: &Signature) -> Vec<Pair> {
    let name = place.access.repository();
    let certificate = one.certificate.as_ref();
    let log = one.log.as_ref();
    Pair::some([
        ("Signed by", Cell::line(&one.identity)),
        ("Vouched for by", Cell::line(&one.issuer)),
        ("Signed", moment(one.signed)),
        ("Counts until", moment(one.expires)),
        ("Of", one.subject.as_ref().map_or(Cell::Nothing, |subject| digest_cell(name, subject.as_str()))),
        ("Under the name", Cell::line(&one.reference)),
        ("Form", Cell::text(one.format.as_str())),
        ("Algorithm", Cell::line(&one.algorithm)),
        ("Key", Cell::line(&one.key)),
        ("Certificate of", certificate.map_or(Cell::Nothing, |one| Cell::text(one.subject.as_str()))),
        ("Issued by", certificate.map_or(Cell::Nothing, |one| Cell::text(one.issuer.as_str()))),
        ("Certificate until", moment(certificate.map(|one| one.not_after))),
        ("Entry in the log", log.map_or(Cell::Nothing, |log| Cell::number(log.index))),
        ("Logged", moment(log.and_then(|log| log.integrated))),
        ("Time stamp", Cell::text(if one.timestamped { "of an authority" } else { "" })),
        ("Made with", Cell::line(&one.agent)),
    ])
}

/// Statements: what is said about what, and by whom.
pub(super) fn statements(place: &Place<'_>, all: &Attestations) -> Vec<Section> {
    all.statements.iter().flat_map(|one| statement(place, one)).collect()
}

fn statement(place: &Place<'_>, one: &Statement) -> Vec<Section> {
    let subjects = one.subjects.iter().map(|subject| subject.name.as_str());
    let mut brief = Pair::some([
        ("States", Cell::text(one.predicate_type.as_str())),
        ("About", Cell::words(subjects)),
        ("In layer", Cell::Digest(Short::of(one.layer.as_str()))),
    ]);
    match &one.signature {
        Some(signed) => brief.extend(signature(place, signed)),
        None => brief.push(Pair::new("Signature", Cell::text("none"))),
    }
    let title = predicate(one.predicate_type.as_str());
    let vex = one.vex.iter().map(|vex| {
        vec![
            Cell::code(vex.vulnerability.as_str()),
            Cell::text(vex.status.as_str()),
            Cell::line(&vex.justification),
            Cell::words(vex.products.iter().map(Line::as_str)),
        ]
    });
    let columns = [("Weakness", "name"), ("Status", ""), ("Why", "wrap"), ("Products", "wrap")];
    let mut sections: Vec<Section> =
        Section::pairs(title, brief).map(|section| section.noted(NOT_VERIFIED)).into_iter().collect();
    sections.extend(one.provenance.iter().flat_map(provenance));
    sections.extend(one.sbom.iter().flat_map(sbom));
    sections.extend(Section::table("Weaknesses", columns, vex.collect(), one.vex.left_out()));
    sections
}

/// What people call a statement of that type.
fn predicate(predicate_type: &str) -> &'static str {
    let has = |word: &str| predicate_type.contains(word);
    match () {
        () if has("provenance") => "Provenance",
        () if has("spdx") || has("cyclonedx") => "Bill of materials, attested",
        () if has("vex") => "Weaknesses that matter",
        () if has("vuln") => "Weaknesses found",
        () => "Statement",
    }
}

fn provenance(one: &Provenance) -> Vec<Section> {
    let brief = Pair::some([
        ("Built by", Cell::line(&one.builder)),
        ("From", Cell::line(&one.source)),
        ("Run", Cell::line(&one.invocation)),
        ("Began", moment(one.started)),
        ("Ended", moment(one.finished)),
        ("Sort of build", Cell::text(one.build_type.as_str())),
    ]);
    let rows = one.materials.iter().map(|material| {
        let digest = material.digest.as_ref().map_or(Cell::Nothing, |digest| Cell::Digest(Short::of(digest.as_str())));
        vec![Cell::text(material.uri.as_str()), digest]
    });
    let columns = [("What", "wrap"), ("Digest", "digest")];
    let sections = [
        Section::pairs("Build", brief),
        Section::table("What went in", columns, rows.collect(), one.materials.left_out()),
        Section::named("What was asked for", &one.parameters),
    ];
    sections.into_iter().flatten().collect()
}
