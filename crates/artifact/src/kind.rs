//! Kinds: what an artifact is, told by what its manifest says. Data, not code: each kind is a TOML file (`crates/artifact/kinds`),
//! and those that come with Wharf ([`built_in`]) have the same form, and the same loader, as an operator's own ([`folder`]).
//!
//! [`Kinds::decide`] asks one kind after the other, the specific before the generic, and says which rule decided. It reads
//! nothing by itself: where a rule needs an artifact's config, it asks for it. What is in a layer is for inspectors.

pub mod built_in;
pub mod command;
pub mod decide;
pub mod deciding;
mod file;
pub mod folder;
pub mod rule;
pub mod told;

use std::fmt;
use std::sync::{Arc, LazyLock};

use command::{Command, Does};
use rule::Group;
use serde::Deserialize;
use wharf_model::limits::KINDS_MAX;

pub use file::KindError;

/// What an icon, and a heading in lists, tells of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// A signature of something else.
    Signature,
    /// A statement about something else.
    Attestation,
    /// What something else is made of.
    Sbom,
    /// Something to install.
    Package,
    /// Rules that something else is held to.
    Policy,
    /// Data that a tool reads.
    Data,
    /// What extends a program.
    Plugin,
    /// WebAssembly.
    Wasm,
    /// Programs for the kernel.
    Ebpf,
    /// Configuration that is deployed.
    Gitops,
    /// A model, to be asked or trained further.
    Model,
    /// An image that starts before it has arrived.
    Lazy,
    /// Something to boot.
    Os,
    /// A container image.
    Image,
    /// Anything else.
    Generic,
}

impl Category {
    /// As a file writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Category::Signature => "signature",
            Category::Attestation => "attestation",
            Category::Sbom => "sbom",
            Category::Package => "package",
            Category::Policy => "policy",
            Category::Data => "data",
            Category::Plugin => "plugin",
            Category::Wasm => "wasm",
            Category::Ebpf => "ebpf",
            Category::Gitops => "gitops",
            Category::Model => "model",
            Category::Lazy => "lazy",
            Category::Os => "os",
            Category::Image => "image",
            Category::Generic => "generic",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How it is known that artifacts of a kind look so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Read in the tool's source, or in the specification that it keeps to.
    Source,
    /// Read in the tool's documentation.
    Documentation,
    /// Not known: from hearsay.
    Unverified,
    /// An operator's own word.
    Operator,
}

impl How {
    /// As a file writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            How::Source => "source",
            How::Documentation => "documentation",
            How::Unverified => "unverified",
            How::Operator => "operator",
        }
    }
}

/// How a kind was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How.
    pub how: How,
    /// Where: a repository and a path in it, or an address.
    pub at: Vec<String>,
    /// What was read there.
    pub read: String,
    /// What stays doubtful; empty where nothing does.
    pub doubtful: String,
}

/// Where a declared fact is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// In the config, as JSON, at this pointer (RFC 6901).
    Config(String),
    /// An annotation of the manifest.
    Annotation(String),
    /// An annotation of the first layer that has it.
    LayerAnnotation(String),
    /// A label of an image's config.
    Label(String),
}

/// A fact that is told without any code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// What it is called: a word, for people and programs.
    pub name: String,
    /// Where it is read.
    pub from: From,
}

/// A kind of artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// What programs call it: `helm-chart`. Never changes.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// What it is like.
    pub category: Category,
    /// Whether it is about something else, and is shown there rather than by itself.
    pub is_attached: bool,
    /// The kind that it also is, where it is a variant: an image that is packed in another way.
    pub variant_of: Option<String>,
    /// Whether an index of this kind is of the kind of what is in it, where that is something special.
    pub is_of_children: bool,
    /// What people should know of it.
    pub note: String,
    /// How it is told: by any of these.
    pub any: Vec<Group>,
    /// How it is fetched, used and pushed; of each, first what most people of that trade type.
    pub commands: Vec<Command>,
    /// Facts that are told without any code.
    pub facts: Vec<Declared>,
    /// Whose code tells more facts; none where the declared ones are all.
    pub inspector: Option<String>,
    /// What more there is to tell of it, and where.
    pub more: Vec<String>,
    /// How it was verified.
    pub verified: Verified,
    /// The file that declares it.
    pub file: String,
}

impl Kind {
    /// Reads a kind from the text of a file, called `file` in errors.
    ///
    /// # Errors
    /// [`KindError`]: what is wrong, in which line, and what to write instead.
    pub fn parse(file: &str, text: &str) -> Result<Kind, KindError> {
        file::parse(file, text)
    }

    /// The name of the file that declares it. Where on the server that is, is nobody's business.
    pub fn file_name(&self) -> &str {
        self.file.rsplit('/').next().unwrap_or_default()
    }

    /// The commands that do this, the usual one first.
    pub fn commands(&self, does: Does) -> impl Iterator<Item = &Command> {
        self.commands.iter().filter(move |command| command.does == does)
    }
}

/// All kinds that are asked, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds(Vec<Kind>);

impl Kinds {
    /// Those that come with Wharf; read when they are asked for first.
    pub fn built_in() -> &'static Arc<Kinds> {
        static BUILT_IN: LazyLock<Arc<Kinds>> = LazyLock::new(|| {
            let parsed = built_in::KINDS.iter().map(|(file, text)| Kind::parse(file, text));
            // That each of them parses is held by `the_built_in_kinds_load`.
            Arc::new(Kinds(parsed.filter_map(Result::ok).collect()))
        });
        &BUILT_IN
    }

    /// An operator's own before those that come with Wharf. One whose identifier a built-in kind has stands in its stead.
    ///
    /// # Errors
    /// There are more than [`KINDS_MAX`], or two have one identifier.
    pub fn with_own(own: Vec<Kind>) -> Result<Kinds, KindError> {
        if own.len() > KINDS_MAX {
            let problem =
                format!("there are {} kinds; at most {KINDS_MAX} are read: put some of them together", own.len());
            return Err(KindError { file: own[KINDS_MAX].file.clone(), line: None, problem });
        }
        for (at, kind) in own.iter().enumerate() {
            if let Some(other) = own[..at].iter().find(|other| other.id == kind.id) {
                let problem =
                    format!("{} declares the kind {:?} already; give one of them another id", other.file, kind.id);
                return Err(KindError { file: kind.file.clone(), line: None, problem });
            }
        }
        let mut all = own;
        let built_in = Kinds::built_in().iter().filter(|kind| !all.iter().any(|own| own.id == kind.id));
        let built_in: Vec<Kind> = built_in.cloned().collect();
        all.extend(built_in);
        Ok(Kinds(all))
    }

    /// One after the other, as they are asked.
    pub fn iter(&self) -> impl Iterator<Item = &Kind> {
        self.0.iter()
    }

    /// The one called so.
    pub fn get(&self, id: &str) -> Option<&Kind> {
        self.iter().find(|kind| kind.id == id)
    }
}

#[cfg(test)]
mod tests;
