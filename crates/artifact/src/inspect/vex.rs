//! OpenVEX documents (openvex/spec OPENVEX-SPEC.md): whether a weakness matters to a product. By themselves, as people attach
//! them with oras, or as the predicate of a statement, as vexctl and cosign write them.

use serde_json::Value;
use wharf_model::api::facts::supply::{Statement, StatementSubject, VexStatement};
use wharf_model::api::facts::{Facts, Line, Listed, Person};

use super::about::or;
use super::document::Look;
use super::pieces::Pieces;

/// How the context of a document begins; its version follows.
const CONTEXT: &str = "https://openvex.dev/ns";
const FIELDS: &[&str] = &["@context", "author", "timestamp", "statements"];

/// Reads `text` as a document by itself, in the form of a statement about its products; nothing where it is none.
pub(super) fn document(text: &str, facts: &mut Facts) -> Option<Statement> {
    let pieces = Pieces::read(text, FIELDS).ok()?;
    let context = pieces.value("@context").line("").filter(|context| context.as_str().starts_with(CONTEXT))?;
    or(&mut facts.created, || pieces.value("timestamp").time(""));
    if facts.authors.is_empty() {
        facts.authors = pieces.value("author").as_str().map(Person::parse).into_iter().collect();
    }
    let vex = statements(&pieces);
    let mut subjects: Vec<Line> = vex.iter().flat_map(|one| one.products.iter().cloned()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let subjects = subjects.into_iter().map(|name| StatementSubject { name, digest: None }).collect();
    Some(Statement { predicate_type: context, subjects, vex, ..Statement::default() })
}

/// Reads a predicate.
///
/// # Errors
/// What is wrong with it, in words for people.
pub(super) fn predicate(text: &str) -> Result<Listed<VexStatement>, String> {
    Pieces::read(text, FIELDS).map(|pieces| statements(&pieces))
}

fn statements(pieces: &Pieces<'_>) -> Listed<VexStatement> {
    let mut all = Listed::default();
    pieces.each("statements", |one| all.push(statement(one)));
    all
}

fn statement(value: &Value) -> VexStatement {
    VexStatement {
        vulnerability: named(value.at("vulnerability")).unwrap_or_default(),
        status: value.line_or_empty("status"),
        justification: value.line("justification").or_else(|| value.line("impact_statement")),
        products: value.items("products").filter_map(named).collect(),
    }
}

/// What something is called: from 0.2 on it is an object, before it was a text.
fn named(value: &Value) -> Option<Line> {
    value.line("name").or_else(|| value.line("@id")).or_else(|| value.line(""))
}
