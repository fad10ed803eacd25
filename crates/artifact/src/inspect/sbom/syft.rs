//! Syft's own JSON (anchore/syft schema/json, syft/format/syftjson/model).

use serde_json::Value;
use wharf_model::api::facts::Line;
use wharf_model::api::facts::supply::Package;

use super::{Book, all_of};
use crate::inspect::document::Look;
use crate::inspect::pieces::Pieces;

pub(super) fn json(pieces: &Pieces<'_>, book: &mut Book<'_>) {
    let version = pieces.value("schema").line("version");
    book.sbom.format = Line::new(&format!("Syft {}", version.unwrap_or_default().as_str()));
    let tool = pieces.value("descriptor");
    let words = [tool.line_or_empty("name"), tool.line_or_empty("version")];
    book.sbom.tools.extend(Line::some(&format!("{} {}", words[0].as_str(), words[1].as_str())));
    let source = pieces.value("source");
    // Older versions have the name of an image in `target`.
    book.sbom.about =
        ["name", "target/userInput", "metadata/userInput", "target"].into_iter().find_map(|key| source.line(key));
    let counts = pieces.each("artifacts", |artifact| book.package(package(artifact)));
    book.too_large(counts);
    book.sbom.files = pieces.each("files", |_| ()).0;
}

fn package(artifact: &Value) -> Package {
    // Texts until schema 8, objects since.
    let license = |one: &Value| {
        let found = ["", "spdxExpression", "value"].into_iter().find_map(|key| one.line(key));
        found.map(|line| line.as_str().to_owned())
    };
    Package {
        name: artifact.line_or_empty("name"),
        version: artifact.line_or_empty("version"),
        purl: artifact.line("purl"),
        license: all_of(artifact.items("licenses").filter_map(license)),
        supplier: None,
    }
}
