//! Rules: one thing that is asked of an artifact.

use std::fmt;

use serde::Deserialize;
use wharf_model::limits::KIND_MATCHED_BYTES_MAX;
use wharf_model::pattern;

use super::decide::Artifact;

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The media type of the manifest.
    Manifest,
    /// The artifact type; where there is none, the config's media type, as the referrers API has it.
    ArtifactType,
    /// The config's media type.
    Config,
    /// The media type of any layer.
    Layer,
    /// The media type of what it is attached to.
    Subject,
    /// The media type of anything that an index names.
    Child,
    /// An annotation of the manifest or index.
    Annotation,
    /// An annotation of any layer.
    LayerAnnotation,
    /// An annotation by which an index describes any of its children.
    ChildAnnotation,
    /// An annotation by which the index above describes this.
    ParentAnnotation,
    /// A label of an image's config; the config has to be read for it.
    Label,
    /// The tag under which it was found. Anybody can give any tag, so it decides nothing alone.
    Tag,
    /// The path of any file in a layer. Holds only where somebody has listed them, as inspecting does.
    LayerFile,
}

impl Field {
    /// As a file writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Field::Manifest => "manifest",
            Field::ArtifactType => "artifact_type",
            Field::Config => "config",
            Field::Layer => "layer",
            Field::Subject => "subject",
            Field::Child => "child",
            Field::Annotation => "annotation",
            Field::LayerAnnotation => "layer_annotation",
            Field::ChildAnnotation => "child_annotation",
            Field::ParentAnnotation => "parent_annotation",
            Field::Label => "label",
            Field::Tag => "tag",
            Field::LayerFile => "layer_file",
        }
    }

    /// Whether a rule says which of several it means, by a key.
    pub(super) const fn has_key(self) -> bool {
        matches!(
            self,
            Field::Annotation
                | Field::LayerAnnotation
                | Field::ChildAnnotation
                | Field::ParentAnnotation
                | Field::Label
        )
    }
}

/// What is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// It is this.
    Eq(String),
    /// It begins with this.
    Prefix(String),
    /// It ends with this.
    Suffix(String),
    /// It matches this pattern, written as those of rules and bindings: `*` is anything but a slash, `**` anything.
    Glob(String),
    /// It is there.
    Exists,
}

/// One thing that is asked of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// What it looks at.
    pub field: Field,
    /// Which annotation or label; a `*` at its end stands for anything.
    pub key: Option<String>,
    /// What is asked of it.
    pub test: Test,
}

/// Rules that hold together, or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// The rules; at least one.
    pub all: Vec<Rule>,
    /// The line of the file in which they stand.
    pub line: usize,
}

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// That can be told once the config has been read.
    NeedsConfig,
}

impl Group {
    /// Whether all of them hold.
    pub(super) fn holds(&self, artifact: &Artifact<'_>) -> Holds {
        let mut all = Holds::Yes;
        for rule in &self.all {
            match rule.holds(artifact) {
                Holds::No => return Holds::No,
                Holds::NeedsConfig => all = Holds::NeedsConfig,
                Holds::Yes => {}
            }
        }
        all
    }
}

impl Rule {
    fn holds(&self, artifact: &Artifact<'_>) -> Holds {
        let manifest = artifact.manifest;
        let one = |text: Option<&str>| text.is_some_and(|text| self.test.holds(text));
        let holds = match self.field {
            Field::Manifest => self.test.holds(manifest.media_type.as_str()),
            Field::ArtifactType => one(manifest.artifact_type.as_deref()),
            Field::Config => one(manifest.config.as_ref().map(|config| config.media_type.as_str())),
            Field::Layer => manifest.layers.iter().any(|layer| self.test.holds(layer.media_type.as_str())),
            Field::Subject => one(manifest.subject.as_ref().map(|subject| subject.media_type.as_str())),
            Field::Child => manifest.manifests.iter().any(|child| self.test.holds(child.media_type.as_str())),
            Field::Annotation => manifest.annotations.as_ref().is_some_and(|texts| self.any(texts)),
            Field::LayerAnnotation => {
                manifest.layers.iter().filter_map(|layer| layer.annotations.as_ref()).any(|texts| self.any(texts))
            }
            Field::ChildAnnotation => {
                manifest.manifests.iter().filter_map(|child| child.annotations.as_ref()).any(|texts| self.any(texts))
            }
            Field::ParentAnnotation => {
                artifact.named_by.and_then(|named| named.annotations.as_ref()).is_some_and(|texts| self.any(texts))
            }
            Field::Label => match artifact.labels() {
                None => return Holds::NeedsConfig,
                Some(labels) => self.any(labels),
            },
            Field::Tag => one(artifact.tag.map(|tag| tag.as_str())),
            Field::LayerFile => artifact.files.iter().any(|path| self.test.holds(path)),
        };
        if holds { Holds::Yes } else { Holds::No }
    }

    /// Whether the text under the key is as asked for.
    fn any(&self, texts: &std::collections::BTreeMap<String, String>) -> bool {
        let Some(key) = &self.key else { return false };
        match key.strip_suffix('*') {
            None => texts.get(key).is_some_and(|text| self.test.holds(text)),
            Some(start) => {
                let found = texts.range::<String, _>(start.to_owned()..);
                found.take_while(|(key, _)| key.starts_with(start)).any(|(_, text)| self.test.holds(text))
            }
        }
    }
}

impl Test {
    fn holds(&self, text: &str) -> bool {
        match self {
            Test::Eq(expect) => text == expect,
            Test::Prefix(start) => text.starts_with(start.as_str()),
            Test::Suffix(end) => text.ends_with(end.as_str()),
            Test::Glob(glob) => text.len() <= KIND_MATCHED_BYTES_MAX && pattern::matches(glob, text),
            Test::Exists => true,
        }
    }
}

/// As people read it: `config is application/vnd.cncf.helm.config.v1+json`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.field.as_str())?;
        if let Some(key) = &self.key {
            write!(f, " {key}")?;
        }
        match &self.test {
            Test::Eq(text) => write!(f, " is {text}"),
            Test::Prefix(text) => write!(f, " begins with {text}"),
            Test::Suffix(text) => write!(f, " ends with {text}"),
            Test::Glob(text) => write!(f, " matches {text}"),
            Test::Exists => f.write_str(" is there"),
        }
    }
}

/// As people read it, with `and` between.
impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, rule) in self.all.iter().enumerate() {
            write!(f, "{}{rule}", if at == 0 { "" } else { " and " })?;
        }
        Ok(())
    }
}
