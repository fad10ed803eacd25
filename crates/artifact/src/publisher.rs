//! What a publisher says of an artifact: title, description, addresses, icon, read-me. By the annotations of OCI, of Artifact Hub
//! and of Harbor, or by labels of an image's config that say the same.
//!
//! Anybody writes anything there, so what comes out is harmless to show: that is what [`Line`], [`Text`] and [`Link`] are. An icon in
//! the artifact is a small picture of a type that cannot hold a script.

use std::collections::BTreeMap;

use wharf_model::api::facts::{Facts, Icon, Line, Link, Person, Text};
use wharf_model::descriptor::Descriptor;
use wharf_model::limits::{FACT_ICON_BYTES_MAX, FACT_ITEMS_MAX};

use crate::inspect::document;

/// Harbor's mark of the layer that is an icon (goharbor/harbor src/controller/artifact/annotation/v1alpha1.go).
const HARBOR_ICON: &str = "io.goharbor.artifact.v1alpha1.icon";
/// What such a layer may be.
const ICON_TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publisher {
    /// What it is called.
    pub title: Option<Line>,
    /// What it is.
    pub description: Option<Text>,
    /// Its version.
    pub version: Option<Line>,
    /// When it was made, in milliseconds since 1970.
    pub created: Option<i64>,
    /// Who made it, with commas between.
    pub authors: Option<Line>,
    /// Who gives it out.
    pub vendor: Option<Line>,
    /// Under which licences.
    pub licenses: Option<Line>,
    /// Which state of the source it was made of.
    pub revision: Option<Line>,
    /// The image that it stands on.
    pub base: Option<Line>,
    /// More about it.
    pub home: Option<Link>,
    /// Its documentation.
    pub documentation: Option<Link>,
    /// Its source.
    pub source: Option<Link>,
    /// Where its read-me is, as Markdown.
    pub readme: Option<Link>,
    /// Its icon, where that is elsewhere.
    pub icon: Option<Link>,
    /// The layer that is its icon.
    pub icon_layer: Option<Descriptor>,
    /// Words by which it is to be found; at most [`FACT_ITEMS_MAX`].
    pub keywords: Vec<Line>,
    /// Whether it is to be used no more.
    pub is_deprecated: bool,
}

impl Publisher {
    /// What is said by `annotations`, by `labels` where annotations say nothing, and by the marks of `layers`.
    pub fn read(
        annotations: &BTreeMap<String, String>,
        labels: &BTreeMap<String, String>,
        layers: &[Descriptor],
    ) -> Publisher {
        let said = |key: &str| {
            let texts = [annotations, labels].into_iter().filter_map(|texts| texts.get(key));
            texts.map(String::as_str).find(|text| !text.trim().is_empty())
        };
        let hub = |name: &str| said(&format!("io.artifacthub.package.{name}"));
        let keywords = hub("keywords").into_iter().flat_map(|words| words.split(',')).filter_map(Line::some);
        let oci = Publisher::by_image_spec(said);
        Publisher {
            licenses: oci.licenses.or_else(|| hub("license").and_then(Line::some)),
            readme: hub("readme-url").and_then(Link::new),
            icon: hub("logo-url").and_then(Link::new),
            icon_layer: layers.iter().find(|layer| is_icon(layer)).cloned(),
            keywords: keywords.take(FACT_ITEMS_MAX).collect(),
            is_deprecated: hub("deprecated") == Some("true"),
            ..oci
        }
    }

    /// What `said` knows under the keys that image-spec defines ("Pre-Defined Annotation Keys").
    pub(crate) fn by_image_spec<'a>(said: impl Fn(&str) -> Option<&'a str>) -> Publisher {
        let said = |name: &str| said(&format!("org.opencontainers.image.{name}"));
        let (line, link) = (|name: &str| said(name).and_then(Line::some), |name: &str| said(name).and_then(Link::new));
        Publisher {
            title: line("title"),
            description: said("description").and_then(Text::some),
            version: line("version"),
            created: said("created").and_then(document::time),
            authors: line("authors"),
            vendor: line("vendor"),
            // Some leave the s out.
            licenses: line("licenses").or_else(|| line("license")),
            revision: line("revision"),
            base: line("base.name"),
            home: link("url"),
            documentation: link("documentation"),
            source: link("source"),
            ..Publisher::default()
        }
    }

    /// Puts what it says where the facts say nothing yet: what an inspector read in the artifact itself counts before it.
    pub fn fill(self, facts: &mut Facts) {
        facts.title = facts.title.take().or(self.title);
        facts.description = facts.description.take().or(self.description);
        facts.version = facts.version.take().or(self.version);
        facts.vendor = facts.vendor.take().or(self.vendor);
        facts.created = facts.created.or(self.created);
        facts.revision = facts.revision.take().or(self.revision);
        facts.home = facts.home.take().or(self.home);
        facts.documentation = facts.documentation.take().or(self.documentation);
        facts.source = facts.source.take().or(self.source);
        facts.icon = facts.icon.take().or(self.icon.map(Icon::Link));
        if facts.licenses.is_empty() {
            self.licenses.into_iter().for_each(|license| facts.licenses.push(license));
        }
        if facts.authors.is_empty() {
            let authors = self.authors.iter().flat_map(|all| all.as_str().split(','));
            facts.authors = authors.filter(|one| !one.trim().is_empty()).map(Person::parse).collect();
        }
        if facts.keywords.is_empty() {
            self.keywords.into_iter().for_each(|word| facts.keywords.push(word));
        }
    }
}

fn is_icon(layer: &Descriptor) -> bool {
    let is_marked = layer.annotations.as_ref().is_some_and(|texts| texts.contains_key(HARBOR_ICON));
    // In base64 it is a third larger.
    is_marked && layer.size <= FACT_ICON_BYTES_MAX as u64 / 4 * 3 && ICON_TYPES.contains(&layer.media_type.as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use wharf_model::digest::{Algorithm, Digest};

    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn annotations_come_before_labels_and_what_was_read_before_both() {
        let annotations = texts(&[
            ("org.opencontainers.image.title", "App \u{202e}\u{1b}[31m"),
            ("org.opencontainers.image.url", " "),
            ("org.opencontainers.image.version", "1.0"),
        ]);
        let labels = texts(&[
            ("org.opencontainers.image.title", "another"),
            ("org.opencontainers.image.url", "https://example.com/a?b=c#d"),
            ("org.opencontainers.image.source", "javascript:alert(1)"),
            ("io.artifacthub.package.license", "Apache-2.0"),
            ("io.artifacthub.package.keywords", "one, two,,\u{202e}three"),
            ("io.artifacthub.package.deprecated", "true"),
            ("io.artifacthub.package.logo-url", "https://example.com/\"onerror=x"),
            ("io.artifacthub.package.readme-url", "https://example.com/README.md"),
        ]);
        let said = Publisher::read(&annotations, &labels, &[]);
        assert_eq!((said.icon.clone(), said.source.clone(), said.is_deprecated), (None, None, true));
        assert_eq!(said.readme.as_ref().map(Link::as_str), Some("https://example.com/README.md"));
        assert_eq!(said.keywords.iter().map(Line::as_str).collect::<Vec<_>>(), ["one", "two", "three"]);
        let mut facts = Facts { version: Line::some("2.0"), ..Facts::default() };
        said.fill(&mut facts);
        assert_eq!(facts.title.as_ref().map(Line::as_str), Some("App  [31m"));
        assert_eq!(facts.home.as_ref().map(Link::as_str), Some("https://example.com/a?b=c#d"));
        assert_eq!(facts.version.as_ref().map(Line::as_str), Some("2.0"));
        assert_eq!(facts.licenses.iter().map(Line::as_str).collect::<Vec<_>>(), ["Apache-2.0"]);
    }

    #[test]
    fn an_icon_is_a_small_picture() {
        let none = BTreeMap::new();
        let is_icon = |kind: &str, size: u64, mark: &str| {
            let digest = Digest::of(Algorithm::Sha256, b"icon");
            let mut layer = Descriptor::new(kind.parse().expect("a media type"), digest, size);
            layer.annotations = Some(texts(&[(mark, "")]));
            Publisher::read(&none, &none, &[layer]).icon_layer.is_some()
        };
        assert!(is_icon("image/png", 4_096, HARBOR_ICON));
        assert!(!is_icon("image/png", 4_096, "icon"));
        assert!(!is_icon("image/svg+xml", 4_096, HARBOR_ICON));
        assert!(!is_icon("image/png", FACT_ICON_BYTES_MAX as u64, HARBOR_ICON));
    }
}
