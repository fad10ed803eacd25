//! The files in which kinds are declared: TOML, with the line of what is wrong in them. One loader for all, whoever wrote them.

use std::fmt;

use serde::Deserialize;
use toml::Spanned;
use wharf_model::limits::{KIND_FILE_BYTES_MAX, KIND_RULES_MAX, KIND_TEXT_BYTES_MAX, KIND_THINGS_MAX};

use super::command::{Command, Does, Form, Template};
use super::rule::{Field, Group, Rule, Test};
use super::{Category, Declared, From, How, Kind, Verified};

/// Longest identifier, in bytes.
const ID_BYTES_MAX: usize = 64;

/// Why a file declares no kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindError {
    /// The file.
    pub file: String,
    /// The line in it, from 1; none where it is about the whole file.
    pub line: Option<usize>,
    /// What is wrong, and what to write instead.
    pub problem: String,
}

impl fmt::Display for KindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.problem),
            None => write!(f, "{}: {}", self.file, self.problem),
        }
    }
}

impl std::error::Error for KindError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireKind {
    id: Spanned<String>,
    title: Spanned<String>,
    category: Category,
    #[serde(default)]
    attached: bool,
    variant_of: Option<Spanned<String>>,
    #[serde(default)]
    of_children: bool,
    note: Option<Spanned<String>>,
    inspector: Option<Spanned<String>>,
    #[serde(default)]
    more: Vec<Spanned<String>>,
    #[serde(default)]
    any: Vec<WireGroup>,
    #[serde(default)]
    command: Vec<WireCommand>,
    #[serde(default)]
    fact: Vec<Spanned<WireFact>>,
    verified: Option<WireVerified>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireGroup {
    all: Spanned<Vec<Spanned<WireRule>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRule {
    field: Field,
    key: Option<String>,
    eq: Option<String>,
    prefix: Option<String>,
    suffix: Option<String>,
    glob: Option<String>,
    exists: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireCommand {
    does: Does,
    client: Spanned<String>,
    #[serde(default)]
    form: Form,
    run: Spanned<String>,
    #[serde(default = "yes")]
    verified: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireFact {
    name: String,
    config: Option<String>,
    annotation: Option<String>,
    layer_annotation: Option<String>,
    label: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireVerified {
    how: How,
    #[serde(default)]
    at: Vec<Spanned<String>>,
    read: Option<Spanned<String>>,
    doubtful: Option<Spanned<String>>,
}

fn yes() -> bool {
    true
}

/// The kind that `text` declares.
pub(super) fn parse(file: &str, text: &str) -> Result<Kind, KindError> {
    let reader = Reader { file, text };
    if text.len() as u64 > KIND_FILE_BYTES_MAX {
        return Err(
            reader.whole(format!("has {} bytes; a kind is declared in at most {KIND_FILE_BYTES_MAX}", text.len()))
        );
    }
    let wire: WireKind = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| reader.line(span.start));
        KindError { file: file.to_owned(), line, problem: error.message().to_owned() }
    })?;
    reader.kind(wire)
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
    }

    fn whole(&self, problem: String) -> KindError {
        KindError { file: self.file.to_owned(), line: None, problem }
    }

    fn wrong<T>(&self, at: &Spanned<T>, problem: impl Into<String>) -> KindError {
        KindError { file: self.file.to_owned(), line: Some(self.line(at.span().start)), problem: problem.into() }
    }

    fn kind(&self, wire: WireKind) -> Result<Kind, KindError> {
        let any = self.several("any", wire.any, KIND_RULES_MAX, |group| self.group(group))?;
        let verified = wire.verified.map(|verified| self.verified(verified)).transpose()?;
        Ok(Kind {
            id: self.id(wire.id)?,
            title: self.line_of_text(wire.title)?,
            category: wire.category,
            is_attached: wire.attached,
            variant_of: wire.variant_of.map(|id| self.id(id)).transpose()?,
            is_of_children: wire.of_children,
            note: self.optional(wire.note)?,
            any,
            commands: self.several("command", wire.command, KIND_THINGS_MAX, |one| self.command(one))?,
            facts: self.several("fact", wire.fact, KIND_THINGS_MAX, |one| self.fact(one))?,
            inspector: wire.inspector.map(|name| self.id(name)).transpose()?,
            more: self.several("more", wire.more, KIND_THINGS_MAX, |one| self.line_of_text(one))?,
            verified: verified.unwrap_or_else(by_operator),
            file: self.file.to_owned(),
        })
    }

    fn several<T, U>(
        &self,
        name: &str,
        all: Vec<T>,
        max: usize,
        read: impl FnMut(T) -> Result<U, KindError>,
    ) -> Result<Vec<U>, KindError> {
        if all.len() > max {
            return Err(self.whole(format!("there are {} of {name}; at most {max} are read", all.len())));
        }
        all.into_iter().map(read).collect()
    }

    fn id(&self, text: Spanned<String>) -> Result<String, KindError> {
        let is_id = |text: &str| {
            let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            text.starts_with(|first: char| first.is_ascii_lowercase())
                && text.bytes().all(fits)
                && text.len() <= ID_BYTES_MAX
        };
        if is_id(text.get_ref()) {
            return Ok(text.into_inner());
        }
        let problem =
            format!("an identifier has up to {ID_BYTES_MAX} small letters, digits and dashes, a letter first");
        Err(self.wrong(&text, problem))
    }

    fn line_of_text(&self, text: Spanned<String>) -> Result<String, KindError> {
        let (length, has_controls) = (text.get_ref().len(), text.get_ref().chars().any(char::is_control));
        if length == 0 || length > KIND_TEXT_BYTES_MAX || has_controls {
            return Err(self.wrong(&text, format!("this is a line of text, of 1 to {KIND_TEXT_BYTES_MAX} bytes")));
        }
        Ok(text.into_inner())
    }

    fn optional(&self, text: Option<Spanned<String>>) -> Result<String, KindError> {
        text.map_or(Ok(String::new()), |text| self.line_of_text(text))
    }

    fn group(&self, group: WireGroup) -> Result<Group, KindError> {
        let (at, rules) = (group.all.span().start, group.all.get_ref());
        if rules.is_empty() || rules.len() > KIND_RULES_MAX {
            return Err(self.wrong(&group.all, format!("a group has 1 to {KIND_RULES_MAX} rules")));
        }
        if rules.iter().all(|rule| rule.get_ref().field == Field::Tag) {
            let problem = "anybody can give any tag, so that a tag alone decides nothing; add a rule about what it is";
            return Err(self.wrong(&group.all, problem));
        }
        let all = group.all.into_inner().into_iter().map(|rule| self.rule(rule));
        Ok(Group { all: all.collect::<Result<_, _>>()?, line: self.line(at) })
    }

    fn rule(&self, spanned: Spanned<WireRule>) -> Result<Rule, KindError> {
        let wrong = |problem: String| Err(self.wrong(&spanned, problem));
        let WireRule { field, key, eq, prefix, suffix, glob, exists } = spanned.get_ref();
        let texts = [key, eq, prefix, suffix, glob];
        if texts.into_iter().flatten().any(|text| text.is_empty() || text.len() > KIND_TEXT_BYTES_MAX) {
            return wrong(format!("a text of a rule has 1 to {KIND_TEXT_BYTES_MAX} bytes"));
        }
        match (field.has_key(), key) {
            (true, None) => return wrong(format!("say which {} is meant, by key = \"…\"", field.as_str())),
            (false, Some(_)) => return wrong(format!("{} takes no key; leave it away", field.as_str())),
            _ => {}
        }
        let tests = [
            eq.clone().map(Test::Eq),
            prefix.clone().map(Test::Prefix),
            suffix.clone().map(Test::Suffix),
            glob.clone().map(Test::Glob),
            exists.filter(|exists| *exists).map(|_| Test::Exists),
        ];
        let mut tests = tests.into_iter().flatten();
        match (tests.next(), tests.next()) {
            (Some(test), None) => Ok(Rule { field: *field, key: key.clone(), test }),
            _ => wrong("a rule has exactly one of eq, prefix, suffix, glob and exists = true".to_owned()),
        }
    }

    fn command(&self, command: WireCommand) -> Result<Command, KindError> {
        let WireCommand { does, client, form, run, verified } = command;
        if run.get_ref().len() > KIND_TEXT_BYTES_MAX {
            return Err(self.wrong(&run, format!("a command has at most {KIND_TEXT_BYTES_MAX} bytes")));
        }
        let template = Template::parse(run.get_ref(), form).map_err(|problem| self.wrong(&run, problem))?;
        Ok(Command { does, client: self.line_of_text(client)?, form, run: template, is_verified: verified })
    }

    fn fact(&self, spanned: Spanned<WireFact>) -> Result<Declared, KindError> {
        let wrong = |problem: &str| Err(self.wrong(&spanned, problem));
        let WireFact { name, config, annotation, layer_annotation, label } = spanned.get_ref();
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || name.len() > ID_BYTES_MAX || !name.bytes().all(fits) {
            return wrong("the name of a fact has small letters, digits and underscores");
        }
        if config.as_ref().is_some_and(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
            return wrong("config is a JSON pointer, as in \"/version\"");
        }
        let places = [
            config.clone().map(From::Config),
            annotation.clone().map(From::Annotation),
            layer_annotation.clone().map(From::LayerAnnotation),
            label.clone().map(From::Label),
        ];
        let mut places = places.into_iter().flatten();
        match (places.next(), places.next()) {
            (Some(from), None) => Ok(Declared { name: name.clone(), from }),
            _ => wrong("a fact is read in exactly one place: config, annotation, layer_annotation or label"),
        }
    }

    fn verified(&self, wire: WireVerified) -> Result<Verified, KindError> {
        Ok(Verified {
            how: wire.how,
            at: self.several("at", wire.at, KIND_THINGS_MAX, |at| self.line_of_text(at))?,
            read: self.optional(wire.read)?,
            doubtful: self.optional(wire.doubtful)?,
        })
    }
}

/// Of a kind that does not say how it was verified.
fn by_operator() -> Verified {
    Verified { how: How::Operator, at: Vec::new(), read: String::new(), doubtful: String::new() }
}
