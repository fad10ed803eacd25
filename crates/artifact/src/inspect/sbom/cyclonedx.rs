//! CycloneDX 1.x as JSON and XML (CycloneDX/specification, schema/bom-1.6).

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;
use wharf_model::api::facts::Line;
use wharf_model::api::facts::supply::Package;

use super::{Book, all_of};
use crate::inspect::document::Look;
use crate::inspect::pieces::Pieces;

/// How deep components in components are followed.
const DEPTH_MAX: usize = 16;

/// As JSON.
pub(super) fn json(pieces: &Pieces<'_>, book: &mut Book<'_>) {
    let version = pieces.value("specVersion").plain().unwrap_or_default();
    book.sbom.format = Line::new(&format!("CycloneDX {version}"));
    let metadata = pieces.value("metadata");
    book.sbom.about = metadata.line("component/name");
    // A list of tools until 1.4, components since.
    for tool in metadata.items("tools").chain(metadata.items("tools/components")) {
        let name = [tool.line("name"), tool.line("version")].into_iter().flatten();
        let name: Vec<String> = name.map(|line| line.as_str().to_owned()).collect();
        book.sbom.tools.extend(Line::some(&name.join(" ")));
    }
    let counts = pieces.each("components", |component| add(component, book, 0));
    book.too_large(counts);
    book.sbom.vulnerabilities = pieces.each("vulnerabilities", |_| ()).0;
}

fn add(component: &Value, book: &mut Book<'_>, depth: usize) {
    if component.at("type").as_str() == Some("file") {
        book.sbom.files += 1;
    } else {
        book.package(package(component));
    }
    if depth < DEPTH_MAX {
        component.items("components").for_each(|inner| add(inner, book, depth + 1));
    }
}

fn package(component: &Value) -> Package {
    let choice = |one: &Value| {
        let license = ["license/id", "license/name", "expression"].into_iter().find_map(|key| one.line(key));
        license.map(|line| line.as_str().to_owned())
    };
    let group = component.line("group").map(|group| format!("{}/", group.as_str())).unwrap_or_default();
    Package {
        name: Line::new(&format!("{group}{}", component.line_or_empty("name").as_str())),
        version: component.line_or_empty("version"),
        purl: component.line("purl"),
        license: all_of(component.items("licenses").filter_map(choice)),
        supplier: component.line("supplier/name").or_else(|| component.line("publisher")),
    }
}

/// A component in XML while it is open.
#[derive(Default)]
struct Open {
    is_file: bool,
    group: String,
    licenses: Vec<String>,
    package: Package,
}

/// As XML. Entities of its own are not expanded: there is no such thing in a bill.
pub(super) fn xml(text: &str, book: &mut Book<'_>) -> Result<(), String> {
    let broken = |error: &dyn std::fmt::Display| format!("it is no XML that can be read: {error}");
    let mut reader = Reader::from_str(text);
    let (mut path, mut open, mut content) = (Vec::new(), Vec::new(), String::new());
    loop {
        match reader.read_event().map_err(|error| broken(&error))? {
            Event::Eof if path.is_empty() && !book.sbom.format.as_str().is_empty() => return Ok(()),
            Event::Eof => return Err("it is no whole CycloneDX document".to_owned()),
            Event::Start(tag) => {
                let name = tag.local_name().into_inner().to_owned();
                if path.is_empty() {
                    root(&name, &tag, book)?;
                }
                if name == "component" {
                    let is_file = attribute(&tag, "type").as_deref() == Some("file");
                    open.push(Open { is_file, ..Open::default() });
                }
                if path.len() > 64 {
                    return Err("it is nested too deep".to_owned());
                }
                path.push(name);
                content.clear();
            }
            Event::Text(piece) => push(&mut content, &piece),
            Event::CData(piece) => push(&mut content, &piece),
            Event::GeneralRef(name) => push(&mut content, reference(&name)),
            Event::End(_) => {
                end(&path, &mut open, content.trim(), book);
                path.pop();
                content.clear();
            }
            _ => (),
        }
    }
}

/// Longer contents than any that is told are cut.
fn push(content: &mut String, piece: &str) {
    if content.len() < 4096 {
        content.push_str(piece);
    }
}

fn reference(name: &str) -> &'static str {
    match name {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "apos" => "'",
        "quot" => "\"",
        _ => "\u{fffd}",
    }
}

fn attribute(tag: &quick_xml::events::BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.attributes().flatten().find(|one| one.key.local_name().into_inner() == name)?;
    Some(found.value.into_owned())
}

fn root(name: &str, tag: &quick_xml::events::BytesStart<'_>, book: &mut Book<'_>) -> Result<(), String> {
    let space = attribute(tag, "xmlns").or_else(|| {
        let spaces = tag.attributes().flatten().map(|one| one.value.into_owned());
        spaces.into_iter().find(|value| value.contains("cyclonedx.org/schema/bom"))
    });
    match space.as_deref().and_then(|space| space.strip_prefix("http://cyclonedx.org/schema/bom/")) {
        Some(version) if name == "bom" => book.sbom.format = Line::new(&format!("CycloneDX {version}")),
        _ => return Err(super::UNKNOWN.to_owned()),
    }
    Ok(())
}

/// An element has ended, with this content.
fn end(path: &[String], open: &mut Vec<Open>, content: &str, book: &mut Book<'_>) {
    let parts: Vec<&str> = path.iter().rev().take(4).map(String::as_str).collect();
    match (parts.as_slice(), open.last_mut()) {
        (["component", ..], Some(_)) => close(path, open, book),
        (["name", "component", ..], Some(one)) => one.package.name = Line::new(content),
        (["group", "component", ..], Some(one)) => one.group = format!("{content}/"),
        (["version", "component", ..], Some(one)) => one.package.version = Line::new(content),
        (["purl", "component", ..], Some(one)) => one.package.purl = Line::some(content),
        (["name", "supplier", "component", ..], Some(one)) => one.package.supplier = Line::some(content),
        (["id" | "name", "license", "licenses", "component"], Some(one))
        | (["expression", "licenses", "component", ..], Some(one)) => one.licenses.push(content.to_owned()),
        (["name", "tool", ..], None) => book.sbom.tools.extend(Line::some(content)),
        (["vulnerability", "vulnerabilities", "bom"], _) => book.sbom.vulnerabilities += 1,
        _ => (),
    }
}

fn close(path: &[String], open: &mut Vec<Open>, book: &mut Book<'_>) {
    let Some(Open { is_file, group, licenses, mut package }) = open.pop() else { return };
    package.name = Line::new(&format!("{group}{}", package.name.as_str()));
    package.license = all_of(licenses.into_iter());
    let parents: Vec<&str> = path.iter().rev().skip(1).take(2).map(String::as_str).collect();
    match parents.as_slice() {
        ["metadata", ..] => book.sbom.about = Some(package.name),
        ["components", "tools"] => book.sbom.tools.push(package.name),
        _ if is_file => book.sbom.files += 1,
        _ => book.package(package),
    }
}
