//! What is told about one artifact: facts, as the ledger keeps them and the API, the commands and the pages show them.
//!
//! Facts are what an artifact *says of itself*, read by `wharf-artifact`'s inspectors from bytes that nobody trusts.
//! Nothing of it is verified: a signature's signer here is whom its certificate names. What makes them safe to keep and to
//! show is in the types: a [`Line`] has no control characters and is short, a [`Text`] is bounded, a [`Link`] leads to the
//! web and nowhere else, a [`Listed`] has an end and says how much it left out. None of them is markup: whoever shows them
//! escapes them.
//!
//! Whatever is empty is left out of the JSON and is read as empty; fields and kinds of detail that are not known are passed
//! over, so that an older program reads what a newer one wrote.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limits::{
    FACT_ICON_BYTES_MAX, FACT_ITEMS_MAX, FACT_LINE_BYTES_MAX, FACT_LINK_BYTES_MAX, FACT_README_BYTES_MAX,
    FACTS_BYTES_MAX,
};

/// Plain structs of facts, each field of which may be empty.
macro_rules! facts {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(default)]
        pub struct $name {
            $($(#[$field_meta])* #[serde(skip_serializing_if = "crate::api::facts::is_empty")] pub $field: $type,)*
        }
    )*};
}

pub mod config;
pub mod image;
pub mod package;
pub mod policy;
pub mod runnable;
pub mod supply;

use config::{DevContainer, GitOps, TektonBundle};
use image::{Image, Index};
use package::{CnabBundle, CrossplanePackage, Files, HelmChart, HomebrewBottle, OlmBundle, OlmCatalog};
use policy::{Falco, KyvernoPolicies, PolicyBundle, SecurityProfile};
use runnable::{Model, Wasm};
use supply::{Attestations, Sbom, Signatures};

/// Whether a field is left out.
fn is_empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

facts! {
    /// What is told about one artifact.
    pub struct Facts {
        /// What people call it.
        pub title: Option<Line>,
        /// What it is for.
        pub description: Option<Text>,
        /// Its version, as its author counts.
        pub version: Option<Line>,
        /// Licences, as SPDX expressions where the author wrote such.
        pub licenses: Listed<Line>,
        /// Who made it or looks after it.
        pub authors: Listed<Person>,
        /// The organisation that distributes it.
        pub vendor: Option<Line>,
        /// When it was made, in milliseconds since 1970, as its author says.
        pub created: Option<i64>,
        /// Where its source is.
        pub source: Option<Link>,
        /// The revision of the source that it was made from.
        pub revision: Option<Line>,
        /// Where its documentation is.
        pub documentation: Option<Link>,
        /// Its home page.
        pub home: Option<Link>,
        /// A picture of it.
        pub icon: Option<Icon>,
        /// Words to find it by.
        pub keywords: Listed<Line>,
        /// What it runs on: `linux/arm64/v8`.
        pub platforms: Listed<Line>,
        /// Its read-me, as Markdown.
        pub readme: Option<Text>,
        /// What its kind declares to be told, without any code, by name.
        pub declared: Listed<Named>,
        /// What only its kind of artifact has.
        pub detail: Option<Detail>,
        /// What is malformed in it, or could not be read.
        pub faults: Listed<Fault>,
    }

    /// Somebody.
    pub struct Person {
        /// The name, or all that was written.
        pub name: Line,
        /// The mail address.
        pub email: Option<Line>,
        /// A page.
        pub url: Option<Link>,
    }

    /// Something malformed, in words for people.
    pub struct Fault {
        /// Where: a file, a layer, a field.
        pub at: Line,
        /// What.
        pub what: Line,
    }

    /// A name with a value: a label, a variable, an annotation.
    pub struct Named {
        /// The name.
        pub name: Line,
        /// The value.
        pub value: Line,
    }

    /// How often something is there.
    pub struct Counted {
        /// What.
        pub name: Line,
        /// How often.
        pub count: u64,
    }

    /// A file in an artifact.
    pub struct FileFact {
        /// Its path.
        pub path: Line,
        /// Its size, in bytes.
        pub size: u64,
    }

    /// An object that Kubernetes would be given.
    pub struct KubeObject {
        /// Its API: `apps/v1`.
        pub api_version: Line,
        /// Its kind: `Deployment`.
        pub kind: Line,
        /// Its name.
        pub name: Line,
        /// Its namespace.
        pub namespace: Option<Line>,
        /// The file that it is in.
        pub file: Option<Line>,
        /// What it is for, in its own words.
        pub description: Option<Line>,
    }
}

/// What only one kind of artifact has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Detail {
    /// A container image.
    Image(Image),
    /// An index: an image for several platforms, or any list of manifests.
    Index(Index),
    /// A Helm chart.
    Helm(HelmChart),
    /// A software bill of materials.
    Sbom(Sbom),
    /// Signatures.
    Signature(Signatures),
    /// Attestations, provenance among them.
    Attestation(Attestations),
    /// A WebAssembly module or component.
    Wasm(Wasm),
    /// A bundle for the Open Policy Agent.
    PolicyBundle(PolicyBundle),
    /// Rules, plugins or assets of Falco.
    Falco(Falco),
    /// An operator, as the Operator Lifecycle Manager takes it.
    OlmBundle(OlmBundle),
    /// A catalogue of operators.
    OlmCatalog(OlmCatalog),
    /// A bottle of Homebrew.
    Homebrew(HomebrewBottle),
    /// A cloud native application bundle.
    Cnab(CnabBundle),
    /// What Flux, Timoni or Argo CD bring into a cluster.
    Gitops(GitOps),
    /// Policies of Kyverno.
    Kyverno(KyvernoPolicies),
    /// A bundle of Tekton.
    Tekton(TektonBundle),
    /// A package of Crossplane.
    Crossplane(CrossplanePackage),
    /// A seccomp, SELinux or AppArmor profile.
    SecurityProfile(SecurityProfile),
    /// A feature, template or collection of dev containers.
    DevContainer(DevContainer),
    /// A machine-learning model.
    Model(Model),
    /// Plain files.
    Files(Files),
    /// Something that this program does not know.
    #[serde(other)]
    Unknown,
}

/// One line: no control characters, none that turn the direction of text, at most [`FACT_LINE_BYTES_MAX`] bytes. A longer
/// one is cut, and ends in `…`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(from = "String")]
#[schema(value_type = String)]
pub struct Line(String);

impl Line {
    /// The line that `text` gives: what would not be on one line becomes a space.
    pub fn new(text: &str) -> Line {
        let (head, is_cut) = head(text.trim(), FACT_LINE_BYTES_MAX, "…");
        let line: String = head.chars().filter(|one| !turns_text(*one)).map(one_line).collect();
        Line(format!("{}{}", line.trim(), if is_cut { "…" } else { "" }))
    }

    /// The same, and `None` of nothing.
    pub fn some(text: &str) -> Option<Line> {
        Some(Line::new(text)).filter(|line| !line.0.is_empty())
    }

    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Running text: line feeds and tabs, but no other control characters, at most [`FACT_README_BYTES_MAX`] bytes. A longer
/// one is cut, and ends in a line of `…`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(from = "String")]
#[schema(value_type = String)]
pub struct Text(String);

impl Text {
    /// The text that `text` gives.
    pub fn new(text: &str) -> Text {
        let (head, is_cut) = head(text.trim_end(), FACT_README_BYTES_MAX, "\n…");
        let keep = |one: &char| matches!(one, '\n' | '\t') || !(one.is_control() || turns_text(*one));
        let text: String = head.chars().filter(keep).collect();
        Text(format!("{}{}", text.trim_end(), if is_cut { "\n…" } else { "" }))
    }

    /// The same, and `None` of nothing.
    pub fn some(text: &str) -> Option<Text> {
        Some(Text::new(text)).filter(|text| !text.0.is_empty())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The address of a page: `http` or `https`, at most [`FACT_LINK_BYTES_MAX`] bytes, without spaces, quotes or login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String)]
pub struct Link(String);

impl Link {
    /// The address that `text` is, or `None`: of another scheme, or of none.
    pub fn new(text: &str) -> Option<Link> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://")?;
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let fits = |one: char| {
            !one.is_control()
                && !one.is_whitespace()
                && !turns_text(one)
                && !matches!(one, '"' | '<' | '>' | '\\' | '`')
        };
        let is_link = (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"))
            && !host.is_empty()
            && !host.contains('@')
            && text.len() <= FACT_LINK_BYTES_MAX
            && text.chars().all(fits);
        is_link.then(|| Link(text.to_owned()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Link {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Link::new(&text).ok_or("a link begins with https:// or http://")
    }
}

impl From<String> for Line {
    fn from(text: String) -> Line {
        Line::new(&text)
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Line {
        Line::new(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text::new(&text)
    }
}

/// The beginning of `text` that leaves room for `end` within `max` bytes, and whether there is more.
fn head<'a>(text: &'a str, max: usize, end: &str) -> (&'a str, bool) {
    if text.len() <= max {
        return (text, false);
    }
    let mut cut = max - end.len();
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    (&text[..cut], true)
}

/// Characters that make text look like other text: those that turn its direction.
fn turns_text(one: char) -> bool {
    matches!(one, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn one_line(one: char) -> char {
    if one.is_control() || matches!(one, '\u{2028}' | '\u{2029}') { ' ' } else { one }
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", try_from = "IconWire")]
pub enum Icon {
    /// Elsewhere on the web.
    Link(Link),
    /// In the artifact.
    Inline {
        /// `image/png` and its like, of which browsers show pictures and run nothing in an `<img>`.
        media_type: Line,
        /// At most [`FACT_ICON_BYTES_MAX`] bytes.
        base64: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum IconWire {
    Link(Link),
    Inline { media_type: Line, base64: String },
}

impl Icon {
    /// The picture that `base64` is, or `None` where it is too large, of another alphabet, or of a type that is none of
    /// pictures.
    pub fn inline(media_type: &str, base64: &str) -> Option<Icon> {
        const TYPES: [&str; 6] = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/svg+xml"];
        let base64: String = base64.chars().filter(|one| !one.is_ascii_whitespace()).collect();
        let fits = base64.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        (fits && !base64.is_empty() && base64.len() <= FACT_ICON_BYTES_MAX && TYPES.contains(&media_type))
            .then(|| Icon::Inline { media_type: Line::new(media_type), base64 })
    }

    /// What the author wrote: an address, or a `data:` URL in base64.
    pub fn of_url(text: &str) -> Option<Icon> {
        match text.trim().strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
            Some((media_type, base64)) => Icon::inline(media_type, base64),
            None => Link::new(text).map(Icon::Link),
        }
    }
}

impl TryFrom<IconWire> for Icon {
    type Error = &'static str;

    fn try_from(wire: IconWire) -> Result<Self, Self::Error> {
        match wire {
            IconWire::Link(link) => Ok(Icon::Link(link)),
            IconWire::Inline { media_type, base64 } => {
                Icon::inline(media_type.as_str(), &base64).ok_or("an icon is a small picture in base64")
            }
        }
    }
}

/// A list with at most [`FACT_ITEMS_MAX`] entries, and the number of those that were left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(from = "ListedWire<T>", bound(deserialize = "T: Deserialize<'de>"))]
pub struct Listed<T> {
    items: Vec<T>,
    #[serde(skip_serializing_if = "is_empty")]
    left_out: u64,
}

#[derive(Deserialize)]
#[serde(default, bound(deserialize = "T: Deserialize<'de>"))]
struct ListedWire<T> {
    items: Vec<T>,
    left_out: u64,
}

impl<T> Listed<T> {
    /// Puts `item` at the end, or counts it.
    pub fn push(&mut self, item: T) {
        if self.items.len() < FACT_ITEMS_MAX {
            self.items.push(item);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// Counts `more` that the list never saw.
    pub fn leave_out(&mut self, more: u64) {
        self.left_out = self.left_out.saturating_add(more);
    }

    /// How many entries were left out.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many there are, those that were left out included.
    pub fn total(&self) -> u64 {
        self.left_out.saturating_add(self.items.len() as u64)
    }

    /// The entries, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.items.iter_mut()
    }
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Listed { items: Vec::new(), left_out: 0 }
    }
}

impl<T> Default for ListedWire<T> {
    fn default() -> Self {
        ListedWire { items: Vec::new(), left_out: 0 }
    }
}

impl<T> From<ListedWire<T>> for Listed<T> {
    fn from(wire: ListedWire<T>) -> Self {
        let mut listed: Listed<T> = wire.items.into_iter().collect();
        listed.leave_out(wire.left_out);
        listed
    }
}

impl<T> std::ops::Deref for Listed<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> Extend<T> for Listed<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<T> FromIterator<T> for Listed<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut listed = Listed::default();
        listed.extend(items);
        listed
    }
}

impl Named {
    /// A name with a value.
    pub fn new(name: &str, value: &str) -> Named {
        Named { name: Line::new(name), value: Line::new(value) }
    }
}

impl Person {
    /// Who `text` names: `Kim Lee <kim@example.com>`, or whatever was written.
    pub fn parse(text: &str) -> Person {
        match text.trim().strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            Some((name, email)) if !name.trim().is_empty() => {
                Person { name: Line::new(name), email: Line::some(email), url: None }
            }
            _ => Person { name: Line::new(text), ..Person::default() },
        }
    }
}

impl Facts {
    /// Notes that something at `at` is malformed.
    pub fn fault(&mut self, at: &str, what: impl std::fmt::Display) {
        self.faults.push(Fault { at: Line::new(at), what: Line::new(&what.to_string()) });
    }

    /// The facts within [`FACTS_BYTES_MAX`]: where they are larger, without the detail, then without all but title and
    /// faults; a fault says so. What people make is far below.
    #[must_use]
    pub fn bounded(mut self) -> Facts {
        if self.fits() {
            return self;
        }
        self.detail = None;
        self.fault("facts", format_args!("there is so much of it ({FACTS_BYTES_MAX} bytes) that details are left out"));
        if self.fits() {
            return self;
        }
        let faults = self.faults.iter().rev().take(10).rev().cloned().collect();
        Facts { title: self.title, faults, ..Facts::default() }
    }

    fn fits(&self) -> bool {
        let mut counter = Counter(0);
        serde_json::to_writer(&mut counter, self).is_ok()
    }
}

/// Counts what is written, and refuses more than facts may have.
struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        if self.0 > FACTS_BYTES_MAX { Err(std::io::Error::other("too large")) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
