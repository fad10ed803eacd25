//! The commands by which an artifact is fetched, used and pushed: written once with gaps, filled in for the host, repository, tag
//! and digest in question.
//!
//! What fills a gap is quoted for a shell where it needs to be. A command of which a gap cannot be filled (a tag, where
//! only a digest is known) is left out rather than shown with a hole in it.

use std::borrow::Cow;

use serde::Deserialize;
use wharf_model::digest::Digest;
use wharf_model::name::{RepositoryName, Tag};

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Does {
    /// Fetches it.
    Pull,
    /// Installs it, runs it, or refers to it where it is used.
    Use,
    /// Shows what is in it.
    Inspect,
    /// Verifies it, or by it.
    Verify,
    /// Copies it with all that belongs to it.
    Copy,
    /// Pushes another one.
    Push,
}

impl Does {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Does; 6] = [Does::Pull, Does::Use, Does::Inspect, Does::Verify, Does::Copy, Does::Push];

    /// As a file writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Does::Pull => "pull",
            Does::Use => "use",
            Does::Inspect => "inspect",
            Does::Verify => "verify",
            Does::Copy => "copy",
            Does::Push => "push",
        }
    }
}

/// What a command is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A line for a POSIX shell.
    #[default]
    Shell,
    /// Part of a configuration, to be put into a file.
    File,
}

impl Form {
    /// As a file writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Form::Shell => "shell",
            Form::File => "file",
        }
    }
}

/// What fills a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gap {
    /// `{ref}`: host, repository and tag; the digest where there is no tag.
    Ref,
    /// `{pinned}`: host, repository and digest.
    Pinned,
    /// `{subject}`: host, repository and digest of what it is attached to.
    Subject,
    /// `{registry}`: the host, with its port.
    Registry,
    /// `{repository}`: the repository.
    Repository,
    /// `{above}`: the host and the repository, without the repository's last part.
    Above,
    /// `{name}`: the repository's last part.
    Name,
    /// `{tag}`: the tag.
    Tag,
    /// `{version}`: the tag with `+` for `_`, as charts and others write versions in tags.
    Version,
    /// `{digest}`: the digest.
    Digest,
}

impl Gap {
    const ALL: [(&'static str, Gap); 10] = [
        ("ref", Gap::Ref),
        ("pinned", Gap::Pinned),
        ("subject", Gap::Subject),
        ("registry", Gap::Registry),
        ("repository", Gap::Repository),
        ("above", Gap::Above),
        ("name", Gap::Name),
        ("tag", Gap::Tag),
        ("version", Gap::Version),
        ("digest", Gap::Digest),
    ];
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Part {
    Text(String),
    Gap(Gap),
}

/// A text with gaps: `{ref}`; `{{` and `}}` stand for braces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Command {
    /// What it does.
    pub does: Does,
    /// The program that people need for it.
    pub client: String,
    /// What it is written in.
    pub form: Form,
    /// The command.
    pub run: Template,
    /// Whether it was read in the tool's source or documentation.
    pub is_verified: bool,
}

/// A command, filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered<'k> {
    /// Of which command.
    pub command: &'k Command,
    /// The text; several lines where it is part of a file.
    pub text: String,
}

/// Where an artifact is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The registry: `host`, `host:port` or `[address]:port`.
    pub host: &'a str,
    /// The repository there.
    pub repository: &'a RepositoryName,
    /// The tag under which it was found.
    pub tag: Option<&'a Tag>,
    /// Its digest.
    pub digest: Option<&'a Digest>,
    /// The digest of what it is attached to.
    pub subject: Option<&'a Digest>,
}

impl Place<'_> {
    fn fill(&self, gap: Gap) -> Option<String> {
        let whole = format!("{}/{}", self.host, self.repository);
        let (above, name) = self.repository.as_str().rsplit_once('/').unwrap_or(("", self.repository.as_str()));
        let pinned = |digest: Option<&Digest>| digest.map(|digest| format!("{whole}@{digest}"));
        match gap {
            Gap::Ref => self.tag.map(|tag| format!("{whole}:{tag}")).or_else(|| pinned(self.digest)),
            Gap::Pinned => pinned(self.digest),
            Gap::Subject => pinned(self.subject),
            Gap::Registry => Some(self.host.to_owned()),
            Gap::Repository => Some(self.repository.to_string()),
            Gap::Above if above.is_empty() => Some(self.host.to_owned()),
            Gap::Above => Some(format!("{}/{above}", self.host)),
            Gap::Name => Some(name.to_owned()),
            Gap::Tag => self.tag.map(ToString::to_string),
            Gap::Version => self.tag.map(|tag| tag.as_str().replace('_', "+")),
            Gap::Digest => self.digest.map(ToString::to_string),
        }
    }
}

impl Command {
    /// The command for what is at `place`; `None` where a gap cannot be filled. What is pushed has a digest of its own: where
    /// no tag is known, people are to write one.
    pub fn render(&self, place: &Place<'_>) -> Option<Rendered<'_>> {
        let mut text = String::new();
        for part in &self.run.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Gap(Gap::Ref) if self.does == Does::Push && place.tag.is_none() => {
                    text.push_str(&self.form.fits(&format!("{}/{}:TAG", place.host, place.repository))?);
                }
                Part::Gap(gap) => text.push_str(&self.form.fits(&place.fill(*gap)?)?),
            }
        }
        Some(Rendered { command: self, text })
    }
}

impl Form {
    /// The value as it is written in this form; `None` where that cannot be done without a doubt.
    fn fits(self, value: &str) -> Option<Cow<'_, str>> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@%+,-".contains(&byte);
        match self {
            Form::Shell => Some(quoted(value)),
            Form::File => value.bytes().all(|byte| is_plain(byte) || b"[]".contains(&byte)).then(|| value.into()),
        }
    }
}

/// The text as one word of a POSIX shell.
pub fn quoted(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@%+,-".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', r"'\''")).into()
}

impl Template {
    /// Reads a template of this form.
    ///
    /// # Errors
    /// What is wrong with it, and what to write instead.
    pub fn parse(text: &str, form: Form) -> Result<Template, String> {
        if text.is_empty() || text.chars().any(|one| one.is_control() && !(one == '\n' && form == Form::File)) {
            return Err("a command is one line of text; with form = \"file\", several".to_owned());
        }
        let (mut parts, mut literal, mut rest, mut quote) = (Vec::new(), String::new(), text, None);
        while let Some(one) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
                literal.push(one);
                rest = after;
            } else if one == '{' {
                let (gap, after) = gap(rest)?;
                if quote.is_some() && form == Form::Shell {
                    return Err(
                        "a gap stands in quotes; write it without, what fills it is quoted by itself".to_owned()
                    );
                }
                parts.extend([Part::Text(std::mem::take(&mut literal)), Part::Gap(gap)]);
                rest = after;
            } else if one == '}' {
                return Err("a } stands alone; write }} for the brace".to_owned());
            } else {
                quote = match quote {
                    None if matches!(one, '\'' | '"') => Some(one),
                    Some(open) if open == one => None,
                    same => same,
                };
                literal.push(one);
                rest = &rest[one.len_utf8()..];
            }
        }
        parts.push(Part::Text(literal));
        Ok(Template { text: text.to_owned(), parts })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The gap at the beginning of `text`, and what follows it.
fn gap(text: &str) -> Result<(Gap, &str), String> {
    let names = || Gap::ALL.map(|(name, _)| format!("{{{name}}}")).join(", ");
    let (name, after) = text[1..].split_once('}').ok_or("a { has no }; write {{ for the brace")?;
    let found = Gap::ALL.iter().find(|(known, _)| *known == name);
    found.map(|(_, gap)| (*gap, after)).ok_or_else(|| format!("there is no {{{name}}}; there are {}", names()))
}
