//! Which kinds people mean by a word: its name, its title, what it is like, or a part of one of these.

use std::ops::Range;

use wharf_artifact::kind::{Kind, Kinds};
use wharf_model::search::QueryError;

/// The identifiers of the kinds that are meant by `text`, which is in lower case and stands `at` this place in the query.
///
/// # Errors
/// There is no such kind; those are told that begin alike.
pub(super) fn meant(kinds: &Kinds, text: &str, at: Range<usize>) -> Result<Vec<String>, QueryError> {
    let is_exact = |kind: &Kind| {
        kind.id == text
            || kind.title.to_lowercase() == text
            || kind.category.to_string() == text
            || kind.variant_of.as_deref() == Some(text)
    };
    let has_word = |kind: &Kind| {
        let title = kind.title.to_lowercase();
        let mut words = kind.id.split('-').chain(title.split(|one: char| !one.is_alphanumeric()));
        words.any(|word| word == text || word.strip_suffix('s') == Some(text))
    };
    let begins = |kind: &Kind| kind.id.starts_with(text) || kind.title.to_lowercase().starts_with(text);
    let ways: [&dyn Fn(&Kind) -> bool; 3] = [&is_exact, &has_word, &begins];
    let found = ways.iter().map(|is_meant| ids(kinds, is_meant)).find(|ids| !ids.is_empty());
    found.ok_or_else(|| {
        let mut categories: Vec<String> = kinds.iter().map(|kind| kind.category.to_string()).collect();
        categories.sort_unstable();
        categories.dedup();
        let message = format!(
            "there is no kind {text}; `wharf kinds list` lists them, and {} are words for several of them",
            categories.join(", ")
        );
        QueryError { at, message }
    })
}

/// The word that means the kind with this identifier, and no other if there is one.
pub(super) fn word_for(kinds: &Kinds, id: &str) -> String {
    let only = |text: &str| meant(kinds, text, 0..0).is_ok_and(|ids| ids.len() == 1 && ids[0] == id);
    let title = kinds.get(id).map(|kind| kind.title.to_lowercase());
    title.filter(|title| !only(id) && only(title)).unwrap_or_else(|| id.to_owned())
}

fn ids(kinds: &Kinds, is_meant: impl Fn(&Kind) -> bool) -> Vec<String> {
    kinds.iter().filter(|kind| is_meant(kind)).map(|kind| kind.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn people_guess() {
        let kinds = Kinds::built_in();
        let check = |text: &str, some: &[&str], none: &[&str]| {
            let found = meant(kinds, text, 0..1).unwrap_or_else(|error| panic!("{error}"));
            some.iter().for_each(|id| assert!(found.iter().any(|found| found == id), "{text}: {found:?} lacks {id}"));
            none.iter().for_each(|id| assert!(!found.iter().any(|found| found == id), "{text}: {found:?} has {id}"));
        };
        check("helm", &["helm-chart"], &["image"]);
        check("chart", &["helm-chart"], &["helm-plugin"]);
        check("helm-chart", &["helm-chart"], &["helm-plugin"]);
        check("helm chart", &["helm-chart"], &["helm-plugin"]);
        check("image", &["image", "image-index", "estargz-image"], &["helm-chart", "bootc-image"]);
        check("sbom", &["spdx-sbom", "cyclonedx-sbom"], &["cosign-signature"]);
        check("signature", &["cosign-signature", "notation-signature"], &["spdx-sbom"]);
        check("wasm", &["wasm"], &["image"]);
        check("ollama", &["ollama-model"], &["docker-model"]);
        check("model", &["ollama-model", "docker-model"], &["image"]);
        for kind in kinds.iter() {
            let word = word_for(kinds, &kind.id);
            assert_eq!(meant(kinds, &word, 0..0).expect("a kind"), [kind.id.as_str()], "{word}");
        }
        let error = meant(kinds, "teapot", 3..9).expect_err("no kind");
        assert!(error.at == (3..9) && error.message.contains("signature"), "{error}");
    }
}
