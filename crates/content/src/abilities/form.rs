//! What there is to a manifest that not every registry takes.

use std::collections::{HashMap, HashSet};

use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;
use wharf_model::media::{DOCKER_MANIFEST, MediaType, OCI_EMPTY, OCI_MANIFEST};

use super::Need;
use crate::platform::{Platform, Platforms};
use crate::source::Fetched;

/// What the types of configs begin with that all registries know.
const CONFIGS: [&str; 2] = ["application/vnd.oci.image.config.v1", "application/vnd.docker.container.image.v1"];
/// The same of layers.
const LAYERS: [&str; 2] = ["application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."];
/// The operating system of what is for none, as BuildKit's attestations say it.
const UNKNOWN: &str = "unknown";
/// How many platforms are named.
const SHOWN: usize = 4;

/// The form of one manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Which; `None` where it has not been made yet.
    pub(super) manifest: Option<Digest>,
    kind: Kind,
    /// Whether it refers to another.
    refers: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Index {
        children: Vec<Digest>,
        /// The first child that is said to be something else than an image.
        other: Option<Digest>,
        /// Whom its children are for, each once.
        platforms: Vec<Platform>,
    },
    Image {
        has_layers: bool,
        /// The first type of config or layer that images do not have.
        custom: Option<MediaType>,
        /// Whether it says that it is something else than an image.
        is_artifact: bool,
    },
}

impl Form {
    /// Of a manifest; `None` where it is none that can be read.
    pub fn of(fetched: &Fetched) -> Option<Form> {
        let manifest = Manifest::parse(&fetched.bytes, Some(&fetched.media_type)).ok()?;
        let types = manifest.config.iter().chain(&manifest.layers).map(|one| &one.media_type);
        let kind = match manifest.is_index() {
            true => index(&manifest, &Platforms::of(&fetched.bytes)),
            false => image(types, !manifest.layers.is_empty(), says_artifact(&manifest)),
        };
        Some(Form { manifest: Some(fetched.digest), kind, refers: manifest.subject.is_some() })
    }

    /// Of an image that is still to be made, with a config and layers of these types.
    pub fn made(config: &MediaType, layers: &[MediaType], refers: bool) -> Form {
        let kind = image([config].into_iter().chain(layers), !layers.is_empty(), false);
        Form { manifest: None, kind, refers }
    }

    /// What it needs, with the reason as the end of a sentence; `all` are the forms of what it may name.
    pub(super) fn needs(&self, all: &Forms<'_>) -> Vec<(Need, String)> {
        let mut needs = match &self.kind {
            Kind::Index { children, other, platforms } => index_needs(children, *other, platforms, all),
            Kind::Image { has_layers, custom, .. } => image_needs(*has_layers, custom.as_ref()),
        };
        if self.refers {
            needs.push((Need::Referrers, "refers to something, which neither a list nor an index can hold".to_owned()));
        }
        needs
    }

    /// What it is, in a few words, for who has not taken it.
    pub fn about(&self) -> String {
        match &self.kind {
            Kind::Index { platforms, .. } if platforms.len() > 1 => format!("an index for {}", joined(platforms)),
            Kind::Index { children, .. } => format!("an index of {}", children.len()),
            Kind::Image { custom: Some(custom), .. } => format!("a manifest with content of the type {custom}"),
            Kind::Image { has_layers: false, .. } => "an image without layers".to_owned(),
            Kind::Image { is_artifact: true, .. } => "an artifact".to_owned(),
            Kind::Image { .. } => "an image".to_owned(),
        }
    }

    fn is_image(&self) -> bool {
        matches!(self.kind, Kind::Image { is_artifact: false, .. })
    }
}

/// Those that have been made, by what names them.
pub(super) type Forms<'a> = HashMap<Digest, &'a Form>;

/// The manifests that are reached from `root` through indexes, itself included.
pub(super) fn parts(root: &Digest, forms: &Forms<'_>) -> HashSet<Digest> {
    let mut reached = HashSet::from([*root]);
    let mut waiting = vec![*root];
    while let Some(next) = waiting.pop() {
        let Some(Kind::Index { children, .. }) = forms.get(&next).map(|form| &form.kind) else { continue };
        waiting.extend(children.iter().filter(|child| reached.insert(**child)));
    }
    reached
}

fn index(manifest: &Manifest, platforms: &Platforms) -> Kind {
    let is_other = |child: &&Descriptor| {
        !matches!(child.media_type.as_str(), OCI_MANIFEST | DOCKER_MANIFEST) || child.artifact_type.is_some()
    };
    let children: Vec<Digest> = manifest.manifests.iter().map(|child| child.digest).collect();
    let mut whom: Vec<Platform> = children.iter().flat_map(|child| platforms.get(child)).cloned().collect();
    whom.retain(|platform| platform.os != UNKNOWN);
    whom.sort_unstable();
    whom.dedup();
    let other = manifest.manifests.iter().find(is_other).map(|child| child.digest);
    Kind::Index { children, other, platforms: whom }
}

fn image<'a>(types: impl IntoIterator<Item = &'a MediaType>, has_layers: bool, is_artifact: bool) -> Kind {
    // The empty one came with the types of artifacts, but says nothing that anybody would have to know.
    let is_known = |text: &str| text == OCI_EMPTY || CONFIGS.iter().chain(&LAYERS).any(|known| text.starts_with(known));
    let custom = types.into_iter().find(|one| !is_known(one.as_str())).cloned();
    Kind::Image { has_layers, custom, is_artifact }
}

/// Whether a manifest says that it is something else than an image: by a type of its own, or by its config's.
fn says_artifact(manifest: &Manifest) -> bool {
    let config = manifest.config.as_ref().map(|config| config.media_type.as_str());
    let is_config = |text: &str| CONFIGS.iter().any(|known| text.starts_with(known));
    manifest.artifact_type.as_deref() != config || !config.is_some_and(is_config)
}

fn index_needs(
    children: &[Digest],
    other: Option<Digest>,
    platforms: &[Platform],
    all: &Forms<'_>,
) -> Vec<(Need, String)> {
    let mut needs = vec![(Need::Index, "is an index".to_owned())];
    if platforms.len() > 1 {
        needs.push((Need::MultiArch, format!("is an index for {}", joined(platforms))));
    }
    let is_other = |child: &&Digest| all.get(child).is_some_and(|form| !form.is_image());
    if let Some(child) = other.or_else(|| children.iter().find(is_other).copied()) {
        needs.push((Need::MixedIndex, format!("is an index with more than images in it, such as {child}")));
    }
    needs
}

fn image_needs(has_layers: bool, custom: Option<&MediaType>) -> Vec<(Need, String)> {
    let mut needs = Vec::new();
    if !has_layers {
        needs.push((Need::EmptyLayers, "is an image without layers".to_owned()));
    }
    if let Some(custom) = custom {
        needs.push((Need::CustomTypes, format!("has content of the type {custom}, which images do not have")));
    }
    needs
}

fn joined(platforms: &[Platform]) -> String {
    let shown: Vec<String> = platforms.iter().take(SHOWN).map(ToString::to_string).collect();
    match platforms.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
