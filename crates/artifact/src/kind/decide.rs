//! Which kind an artifact is. Pure: what it needs is handed to it, and what it has not got it asks for.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use wharf_model::descriptor::Descriptor;
use wharf_model::limits::IMAGE_CONFIG_BYTES_MAX;
use wharf_model::manifest::Manifest;
use wharf_model::media;
use wharf_model::name::Tag;

use super::rule::{Group, Holds};
use super::{Kind, Kinds};

/// The configs in which there are labels.
const IMAGE_CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// How an index says that a child tells of another one, and is nothing to run.
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

/// A config, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Config {
    /// Nobody has read it yet.
    #[default]
    Unread,
    /// Its labels. None where there is no config, where it cannot be read, and where it is none.
    Labels(BTreeMap<String, String>),
}

impl Config {
    /// What `bytes` say. What is larger than [`IMAGE_CONFIG_BYTES_MAX`], or no config of an image, says nothing.
    pub fn read(bytes: &[u8]) -> Config {
        #[derive(Deserialize)]
        struct Image {
            config: Option<Inner>,
        }
        #[derive(Deserialize)]
        struct Inner {
            #[serde(rename = "Labels")]
            labels: Option<BTreeMap<String, String>>,
        }
        let is_small = bytes.len() <= IMAGE_CONFIG_BYTES_MAX;
        let image: Option<Image> = is_small.then(|| serde_json::from_slice(bytes).ok()).flatten();
        let labels = image.and_then(|image| image.config).and_then(|inner| inner.labels);
        Config::Labels(labels.unwrap_or_default())
    }

    /// Of a config that is not there, or cannot be read.
    pub fn none() -> Config {
        Config::Labels(BTreeMap::new())
    }
}

/// An index's first child, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Child<'a> {
    /// Nobody has looked at it yet.
    #[default]
    Unread,
    /// It is not there, or no manifest.
    None,
    /// It is of the kind with this identifier.
    Is(&'a str),
}

/// What is known of an artifact.
#[derive(Clone, Debug)]
pub struct Artifact<'a> {
    /// Its manifest.
    pub manifest: &'a Manifest,
    /// Its config.
    pub config: Config,
    /// The first of its children that counts ([`first_child`]), where it is an index.
    pub child: Child<'a>,
    /// The descriptor by which an index names it, where it was found in one.
    pub named_by: Option<&'a Descriptor>,
    /// The tag under which it was found.
    pub tag: Option<&'a Tag>,
    /// The paths in its layers, where somebody has listed them.
    pub files: &'a [String],
}

impl<'a> Artifact<'a> {
    /// One of which only the manifest is known.
    pub fn new(manifest: &'a Manifest) -> Artifact<'a> {
        let (config, child) = (Config::Unread, Child::Unread);
        Artifact { manifest, config, child, named_by: None, tag: None, files: &[] }
    }

    /// Its labels; `None` where the config has to be read first.
    pub(super) fn labels(&self) -> Option<&BTreeMap<String, String>> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        let config = self.manifest.config.as_ref();
        let has_labels = config.is_some_and(|config| IMAGE_CONFIGS.contains(&config.media_type.as_str()));
        match &self.config {
            Config::Labels(labels) => Some(labels),
            Config::Unread if has_labels => None,
            Config::Unread => Some(&NONE),
        }
    }
}

/// What can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'k> {
    /// Which kind it is, and why.
    Is(Decided<'k>),
    /// That depends on the config: read it, and ask again.
    NeedsConfig,
    /// That depends on what is in the index: decide about [`first_child`], and ask again.
    NeedsChild,
}

/// Which kind something is, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided<'k> {
    /// The kind.
    pub kind: &'k Kind,
    /// The rules that decided; none where it is of the kind of its children, and where no rule held.
    pub group: Option<&'k Group>,
    /// Whether it is of the kind of its children.
    pub is_by_child: bool,
}

impl Kinds {
    /// Which kind it is: the first of which a group of rules holds. Takes time as the manifest is long, times the number of
    /// kinds.
    ///
    /// Where nothing holds, it is the last one: a table of kinds ends with one for everything.
    pub fn decide<'k>(&'k self, artifact: &Artifact<'_>) -> Verdict<'k> {
        for kind in self.iter() {
            let mut needs_config = false;
            for group in &kind.any {
                match group.holds(artifact) {
                    Holds::Yes => return self.of_child(artifact, kind, group),
                    Holds::NeedsConfig => needs_config = true,
                    Holds::No => {}
                }
            }
            if needs_config {
                return Verdict::NeedsConfig;
            }
        }
        self.unknown()
    }

    fn unknown(&self) -> Verdict<'_> {
        static UNKNOWN: std::sync::LazyLock<Kind> = std::sync::LazyLock::new(Kind::unknown);
        let kind = self.iter().last().filter(|kind| kind.any.is_empty()).unwrap_or(&UNKNOWN);
        Verdict::Is(Decided { kind, group: None, is_by_child: false })
    }

    /// An index is what is in it, where that is something special: an index of plugins is plugins for several platforms.
    fn of_child<'k>(&'k self, artifact: &Artifact<'_>, kind: &'k Kind, group: &'k Group) -> Verdict<'k> {
        let by_itself = Verdict::Is(Decided { kind, group: Some(group), is_by_child: false });
        if !kind.is_of_children || first_child(artifact.manifest).is_none() {
            return by_itself;
        }
        match artifact.child {
            Child::Unread => Verdict::NeedsChild,
            Child::None => by_itself,
            Child::Is(id) => {
                let of = self.get(id).filter(|kind| kind.is_special());
                of.map_or(by_itself, |kind| Verdict::Is(Decided { kind, group: None, is_by_child: true }))
            }
        }
    }
}

impl Kind {
    /// Whether an index of such children is something else than an image for several platforms.
    fn is_special(&self) -> bool {
        !self.is_attached
            && self.variant_of.is_none()
            && !self.is_of_children
            && self.id != "image"
            && !self.is_generic()
    }

    fn is_generic(&self) -> bool {
        self.category == super::Category::Generic
    }

    /// What there is to say of what nobody knows.
    fn unknown() -> Kind {
        Kind {
            id: "unknown".to_owned(),
            title: "Artifact".to_owned(),
            category: super::Category::Generic,
            is_attached: false,
            variant_of: None,
            is_of_children: false,
            note: String::new(),
            any: Vec::new(),
            commands: Vec::new(),
            facts: Vec::new(),
            inspector: None,
            more: Vec::new(),
            verified: super::Verified {
                how: super::How::Source,
                at: Vec::new(),
                read: String::new(),
                doubtful: String::new(),
            },
            file: "unknown.toml".to_owned(),
        }
    }
}

/// The child of an index that tells what the index is: the first that is a manifest, and tells of no other child.
pub fn first_child(index: &Manifest) -> Option<&Descriptor> {
    let is_manifest = |child: &&Descriptor| {
        let known = [media::OCI_MANIFEST, media::DOCKER_MANIFEST];
        let tells = child.annotations.as_ref().is_some_and(|texts| texts.contains_key(REFERENCE_TYPE));
        known.contains(&child.media_type.as_str()) && !tells
    };
    index.manifests.iter().find(is_manifest)
}

/// Why, for people: the rule, and where it stands.
impl fmt::Display for Decided<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group {
            Some(group) => write!(f, "{group} ({}:{})", self.kind.file_name(), group.line),
            None if self.is_by_child => write!(f, "what is in the index is of this kind ({})", self.kind.file_name()),
            None => f.write_str("no rule of any kind holds"),
        }
    }
}
