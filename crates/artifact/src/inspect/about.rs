//! What any artifact may say of itself: the annotations that image-spec defines ("Pre-Defined Annotation Keys").

use wharf_model::api::facts::{Facts, Line, Link, Person, Text};

use super::{Artifact, document};

/// The facts that the annotations of `artifact` tell.
pub(super) fn about(artifact: &Artifact) -> Facts {
    let mut facts = Facts::default();
    fill(&mut facts, |key| artifact.annotation(key));
    facts
}

/// Fills what is still empty with what `get` knows under the keys of image-spec; labels of an image have the same.
pub(super) fn fill<'a>(facts: &mut Facts, get: impl Fn(&str) -> Option<&'a str>) {
    let get = |key: &str| get(&format!("org.opencontainers.image.{key}"));
    let line = |key: &str| get(key).and_then(Line::some);
    let link = |key: &str| get(key).and_then(Link::new);
    let authors = || get("authors").into_iter().flat_map(|all| all.split(','));
    or(&mut facts.title, || line("title"));
    or(&mut facts.description, || get("description").and_then(Text::some));
    or(&mut facts.version, || line("version"));
    or(&mut facts.vendor, || line("vendor"));
    or(&mut facts.created, || get("created").and_then(document::time));
    or(&mut facts.source, || link("source"));
    or(&mut facts.revision, || line("revision"));
    or(&mut facts.documentation, || link("documentation"));
    or(&mut facts.home, || link("url"));
    if facts.licenses.is_empty() {
        facts.licenses = line("licenses").or_else(|| line("license")).into_iter().collect();
    }
    if facts.authors.is_empty() {
        facts.authors = authors().filter(|one| !one.trim().is_empty()).map(Person::parse).collect();
    }
}

/// Sets what is not set.
pub(super) fn or<T>(field: &mut Option<T>, value: impl FnOnce() -> Option<T>) {
    if field.is_none() {
        *field = value();
    }
}
