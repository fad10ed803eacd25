//! Kinds, commands and decisions as the API and the command line tell them.

use wharf_model::api::kind as api;
use wharf_model::digest::{COSIGN_TAG_ENDS, Digest};
use wharf_model::manifest::Manifest;
use wharf_model::name::Tag;

use super::command::{Command, Does, Place, Rendered};
use super::decide::Decided;
use super::{From, Kind};

impl Kind {
    /// All that there is to say of it.
    pub fn told(&self) -> api::Kind {
        let fact = |fact: &super::Declared| api::FactSource { name: fact.name.clone(), from: fact.from.told() };
        let verified = self.verified.clone();
        api::Kind {
            id: self.id.clone(),
            title: self.title.clone(),
            category: self.category.to_string(),
            attached: self.is_attached,
            note: self.note.clone(),
            rules: self.any.iter().map(ToString::to_string).collect(),
            commands: self.commands.iter().map(Command::told).collect(),
            facts: self.facts.iter().map(fact).collect(),
            more: self.more.clone(),
            verified: api::Verified {
                how: verified.how.as_str().to_owned(),
                at: verified.at,
                read: verified.read,
                doubtful: verified.doubtful,
            },
            file: self.file_name().to_owned(),
        }
    }

    /// The commands for what is at `place`, in the order in which they are shown: those that fetch it first, and of each sort the
    /// usual one first. Those of which a gap cannot be filled are left out.
    pub fn commands_for(&self, place: &Place<'_>) -> Vec<api::Command> {
        let all = Does::ALL.into_iter().flat_map(|does| self.commands(does));
        all.filter_map(|command| command.render(place)).map(Rendered::told).collect()
    }
}

impl From {
    fn told(&self) -> String {
        match self {
            From::Config(pointer) => format!("config {pointer}"),
            From::Annotation(key) => format!("annotation {key}"),
            From::LayerAnnotation(key) => format!("layer_annotation {key}"),
            From::Label(key) => format!("label {key}"),
        }
    }
}

impl Command {
    fn told(&self) -> api::Command {
        api::Command {
            does: self.does.as_str().to_owned(),
            client: self.client.clone(),
            form: self.form.as_str().to_owned(),
            text: self.run.as_str().to_owned(),
            verified: self.is_verified,
        }
    }
}

impl Rendered<'_> {
    fn told(self) -> api::Command {
        api::Command { text: self.text.trim_end().to_owned(), ..self.command.told() }
    }
}

impl Decided<'_> {
    /// Which kind, and why.
    pub fn told(&self) -> api::Decided {
        api::Decided {
            id: self.kind.id.clone(),
            title: self.kind.title.clone(),
            category: self.kind.category.to_string(),
            rule: self.to_string(),
        }
    }
}

/// The digest of what something is attached to: by its subject, else by a tag of cosign's.
pub fn subject(manifest: &Manifest, tag: Option<&Tag>) -> Option<Digest> {
    let by_tag = || {
        let name = tag?.as_str();
        let name = COSIGN_TAG_ENDS.iter().find_map(|end| name.strip_suffix(end))?;
        Digest::of_referrers_tag(name)
    };
    manifest.subject.as_ref().map(|subject| subject.digest).or_else(by_tag)
}
