//! SPDX: 2.x as JSON and as tag-value (spdx/spdx-spec, chapters 6 to 8), and 3.x as JSON-LD, as far as packages go.

use std::collections::HashSet;

use serde_json::Value;
use wharf_model::api::facts::Line;
use wharf_model::api::facts::supply::Package;

use super::{Book, license};
use crate::inspect::document::Look;
use crate::inspect::pieces::Pieces;

/// SPDX 2.x.
pub(super) fn json(pieces: &Pieces<'_>, book: &mut Book<'_>) {
    let version = pieces.value("spdxVersion").plain().unwrap_or_default();
    book.sbom.format = format(&version);
    book.sbom.name = pieces.value("name").line("");
    let creation = pieces.value("creationInfo");
    for creator in creation.items("creators").filter_map(Value::as_str) {
        tool(creator, book);
    }
    let describes = pieces.value("documentDescribes");
    let described: HashSet<&str> = describes.items("").filter_map(Value::as_str).collect();
    let counts = pieces.each("packages", |value| {
        let package = package(value);
        let id = value.at("SPDXID").as_str().unwrap_or_default();
        if book.sbom.about.is_none() && described.contains(id) {
            book.sbom.about = Some(package.name.clone());
        }
        book.package(package);
    });
    book.too_large(counts);
    book.sbom.files = pieces.each("files", |_| ()).0;
}

fn format(version: &str) -> Line {
    Line::new(&version.replacen("SPDX-", "SPDX ", 1))
}

fn tool(creator: &str, book: &mut Book<'_>) {
    if let Some(tool) = creator.trim().strip_prefix("Tool:").and_then(Line::some) {
        book.sbom.tools.push(tool);
    }
}

fn package(value: &Value) -> Package {
    let is_purl = |one: &&Value| matches!(one.at("referenceType").as_str(), Some("purl"));
    let named = |key: &str| value.at(key).as_str().and_then(license);
    Package {
        name: value.line_or_empty("name"),
        version: value.line_or_empty("versionInfo"),
        purl: value.items("externalRefs").find(is_purl).and_then(|one| one.line("referenceLocator")),
        license: named("licenseConcluded").or_else(|| named("licenseDeclared")),
        supplier: value.at("supplier").as_str().and_then(supplier),
    }
}

/// `Organization: Example` is `Example`.
fn supplier(text: &str) -> Option<Line> {
    let name = text.split_once(':').map_or(text, |(_, name)| name);
    license(name)
}

/// SPDX 3.x: a graph of elements.
pub(super) fn graph(pieces: &Pieces<'_>, book: &mut Book<'_>) {
    book.sbom.format = Line::new("SPDX 3");
    let mut files = 0;
    let counts = pieces.each("@graph", |element| {
        let kind = element.at("type").as_str().or_else(|| element.at("@type").as_str()).unwrap_or_default();
        match kind {
            "software_Package" => book.package(element_package(element)),
            "software_File" => files += 1,
            "SpdxDocument" => book.sbom.name = element.line("name"),
            "CreationInfo" => {
                let version = element.at("specVersion").as_str().unwrap_or("3");
                book.sbom.format = Line::new(&format!("SPDX {version}"));
            }
            "Tool" => book.sbom.tools.extend(element.line("name")),
            _ => (),
        }
    });
    book.sbom.files = files;
    book.too_large(counts);
}

fn element_package(element: &Value) -> Package {
    let is_purl = |one: &&Value| one.at("externalIdentifierType").as_str() == Some("packageUrl");
    let identifier = || element.items("externalIdentifier").find(is_purl).and_then(|one| one.line("identifier"));
    Package {
        name: element.line_or_empty("name"),
        version: element.line_or_empty("software_packageVersion"),
        purl: element.line("software_packageUrl").or_else(identifier),
        ..Package::default()
    }
}

/// Whether `text` is tag-value.
pub(super) fn is_tag_value(text: &str) -> bool {
    text.lines().take(50).any(|line| line.starts_with("SPDXVersion:"))
}

/// SPDX 2.x as lines of `Tag: value`. Texts over several lines hold nothing that is told.
pub(super) fn tag_value(text: &str, book: &mut Book<'_>) {
    let mut open: Option<Package> = None;
    let mut is_long = false;
    for line in text.lines() {
        if is_long {
            is_long = !line.contains("</text>");
            continue;
        }
        is_long = line.contains("<text>") && !line.contains("</text>");
        let Some((tag, value)) = line.split_once(':') else { continue };
        match tag.trim() {
            "PackageName" => {
                open.take().into_iter().for_each(|package| book.package(package));
                open = Some(Package { name: Line::new(value), ..Package::default() });
            }
            // What follows is about something else.
            "FileName" | "SnippetSPDXID" | "LicenseID" => {
                open.take().into_iter().for_each(|package| book.package(package));
                book.sbom.files += u64::from(tag.trim() == "FileName");
            }
            "SPDXVersion" => book.sbom.format = format(value.trim()),
            "DocumentName" => book.sbom.name = Line::some(value),
            "Creator" => tool(value, book),
            tag => open.iter_mut().for_each(|package| set(package, tag, value)),
        }
    }
    open.into_iter().for_each(|package| book.package(package));
}

fn set(package: &mut Package, tag: &str, value: &str) {
    match tag {
        "PackageVersion" => package.version = Line::new(value),
        "PackageLicenseConcluded" => package.license = license(value).or(package.license.take()),
        "PackageLicenseDeclared" => package.license = package.license.take().or_else(|| license(value)),
        "PackageSupplier" => package.supplier = supplier(value),
        "ExternalRef" => {
            let mut words = value.split_whitespace();
            if words.nth(1) == Some("purl") {
                package.purl = words.next().and_then(Line::some);
            }
        }
        _ => (),
    }
}
