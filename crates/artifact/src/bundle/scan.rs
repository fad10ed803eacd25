//! Where YAML names images: what stands at `image:` in any mapping, however deep, be it of a container, an init container or a
//! resource that only its controller knows; and at `image: {reference: …}`, as volumes have it. More keys can be named.
//!
//! The text is never loaded: the parser's events go by, with a stack of what is open. So an alias is not what it stands for a
//! second time, and bombs of aliases cost nothing; what is at an alias is looked up where its anchor is a single value. Depth is
//! bounded by the parser, size by [`BUNDLE_FILE_BYTES_MAX`]. Replacing works on the text, so that comments, order and form of
//! all else stay.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use granit_parser::{Event, Parser, ScalarStyle, Span};
use wharf_model::limits::{BUNDLE_FILE_BYTES_MAX, BUNDLE_FILES_BYTES_MAX, BUNDLE_IMAGES_MAX, IMAGE_REF_BYTES_MAX};

use super::FOLDER;
use crate::tree::{self, Kind, TreeError};

/// How the names of files end that are read.
const ENDINGS: [&str; 3] = [".yaml", ".yml", ".json"];
/// Documents of these groups say how a bundle is made, not what it needs.
const TOOLS: [&str; 2] = ["kbld.", "imgpkg."];

/// What is looked for, and where.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Patterns of files to leave out, in gitignore's syntax.
    pub exclude: Vec<String>,
    /// Keys that stand before references to images, beside `image`.
    pub keys: Vec<String>,
    /// Values that are no references, as they are written.
    pub skip: Vec<String>,
}

/// A file of a folder.
#[derive(Clone, Debug)]
pub struct Document {
    /// Below the folder.
    pub path: String,
    /// All of it.
    pub text: String,
    /// Where it names images, in order.
    pub mentions: Vec<Mention>,
}

/// A reference to an image, where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// As written, without quotes.
    pub text: String,
    /// The line, from 1.
    pub line: usize,
    /// Which bytes of the file it is, quotes included.
    place: Range<usize>,
    style: Style,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
}

/// Why it is not known what a folder names.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// It cannot be listed.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is too large.
    #[error("{0} is larger than {BUNDLE_FILE_BYTES_MAX} bytes; leave it out by --exclude if it names no images")]
    FileTooLarge(String),
    /// All of them are.
    #[error("the YAML in the folder is more than {BUNDLE_FILES_BYTES_MAX} bytes; leave files out by --exclude")]
    TooLarge,
    /// It names too many.
    #[error("the folder names more than {BUNDLE_IMAGES_MAX} images")]
    TooMany,
    /// A file is none of YAML.
    #[error(
        "{path}, line {line}: {why}; what is a template is to be rendered first, and what is no YAML left out by --exclude"
    )]
    Yaml {
        /// The file, below the folder.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

/// All files of `root` that may name images, with what they name; sorted by path. What ignore files name is left out, and so is
/// the folder that is about the bundle itself.
///
/// # Errors
/// [`ScanError`], which names the file.
pub fn folder(root: &Path, options: &Options) -> Result<Vec<Document>, ScanError> {
    let listed = tree::ScanOptions { exclude: options.exclude.clone(), xattrs: false };
    let mut documents = Vec::new();
    let (mut bytes, mut count) = (0, 0);
    for entry in tree::scan(root, &listed)? {
        let own = entry.path.strip_prefix(FOLDER).is_some_and(|rest| rest.starts_with('/'));
        if entry.kind != Kind::File || own || !ENDINGS.iter().any(|ending| entry.path.ends_with(ending)) {
            continue;
        }
        let text = read(root, &entry.path)?;
        bytes += text.len() as u64;
        let mentions = mentions(&text, &entry.path, options)?;
        count += mentions.len();
        if bytes > BUNDLE_FILES_BYTES_MAX {
            return Err(ScanError::TooLarge);
        }
        if count > BUNDLE_IMAGES_MAX {
            return Err(ScanError::TooMany);
        }
        documents.push(Document { path: entry.path.into(), text, mentions });
    }
    documents.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(documents)
}

fn read(root: &Path, name: &str) -> Result<String, ScanError> {
    let path = root.join(name);
    let failed = |source| ScanError::Read { path: path.clone(), source };
    let mut bytes = Vec::new();
    let file = File::open(&path).map_err(failed)?;
    file.take(BUNDLE_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > BUNDLE_FILE_BYTES_MAX {
        return Err(ScanError::FileTooLarge(name.to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error)))
}

/// Where `text`, the file `path`, names images.
///
/// # Errors
/// [`ScanError::Yaml`].
pub fn mentions(text: &str, path: &str, options: &Options) -> Result<Vec<Mention>, ScanError> {
    let mut walk = Walk::new(text, options);
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => walk.event(event, span),
            Err(error) => {
                let (line, why) = (error.marker().line(), error.info());
                return Err(ScanError::Yaml { path: path.to_owned(), line, why });
            }
        }
    }
    match walk.template {
        Some(line) => Err(ScanError::Yaml { path: path.to_owned(), line, why: "the image is a template".to_owned() }),
        None => Ok(walk.found),
    }
}

impl Document {
    /// The file with other names: `name` tells by what a reference is replaced.
    ///
    /// # Errors
    /// What `name` says.
    pub fn renamed<E>(&self, name: impl Fn(&Mention) -> Result<String, E>) -> Result<String, E> {
        let mut out = String::with_capacity(self.text.len() + self.mentions.len() * 72);
        let mut from = 0;
        for mention in &self.mentions {
            out.push_str(&self.text[from..mention.place.start]);
            let quote = match mention.style {
                Style::Plain => "",
                Style::Single => "'",
                Style::Double => "\"",
            };
            // A reference has no quotes, and begins with a letter or a digit.
            out.extend([quote, &name(mention)?, quote]);
            from = mention.place.end;
        }
        out.push_str(&self.text[from..]);
        Ok(out)
    }
}

/// What a key says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    /// It is a reference, or a mapping with one.
    Image,
    /// It is a reference where the mapping itself is an image.
    Reference,
    ApiVersion,
    Other,
}

/// Something that is open.
enum Open {
    /// A list.
    List,
    /// A mapping, itself at a key; and the key whose value comes next, if that was read.
    Mapping { at: Key, key: Option<Key> },
}

/// Where a node stands.
enum Stands {
    AsKey,
    At(Key),
}

struct Walk<'a> {
    text: &'a str,
    options: &'a Options,
    open: Vec<Open>,
    /// Single values that have an anchor, as text.
    anchors: HashMap<usize, String>,
    /// Those that are replaced where they stand.
    replaced: HashSet<usize>,
    found: Vec<Mention>,
    /// How many were found before this document.
    before: usize,
    /// Whether it is a document of a tool.
    is_tools: bool,
    /// The line of an image that is a template: `{{ .Values.image }}` is YAML, too, a mapping with a mapping for a key.
    template: Option<usize>,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str, options: &'a Options) -> Walk<'a> {
        Walk {
            text,
            options,
            open: Vec::new(),
            anchors: HashMap::new(),
            replaced: HashSet::new(),
            found: Vec::new(),
            before: 0,
            is_tools: false,
            template: None,
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span) {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = match &tag {
                    Some(tag) => tag.core_suffix() == Some("str"),
                    None => style != ScalarStyle::Plain || is_text(&text),
                };
                let text = Some(text.trim()).filter(|text| is_text && !text.is_empty());
                self.scalar(text, style, anchor, span);
            }
            Event::Alias(id) => self.alias(id, span),
            Event::SequenceStart(..) => {
                self.stands();
                self.open.push(Open::List);
            }
            Event::MappingStart(..) => {
                let at = match self.stands() {
                    Stands::At(key) => key,
                    Stands::AsKey => Key::Other,
                };
                let text = span.byte_range().and_then(|place| self.text.get(place.start..));
                if at == Key::Image && text.is_some_and(|text| text.starts_with("{{")) {
                    self.template.get_or_insert(span.start.line());
                }
                self.open.push(Open::Mapping { at, key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => drop(self.open.pop()),
            Event::DocumentStart(..) => {
                (self.before, self.is_tools) = (self.found.len(), false);
                self.anchors.clear();
            }
            Event::DocumentEnd if self.is_tools => self.found.truncate(self.before),
            _ => {}
        }
    }

    /// Where the node stands that comes now. A key that is no text says nothing.
    fn stands(&mut self) -> Stands {
        match self.open.last_mut() {
            Some(Open::Mapping { key, .. }) => match key.take() {
                Some(key) => Stands::At(key),
                None => {
                    *key = Some(Key::Other);
                    Stands::AsKey
                }
            },
            Some(Open::List) | None => Stands::At(Key::Other),
        }
    }

    fn scalar(&mut self, text: Option<&str>, style: ScalarStyle, anchor: usize, span: Span) {
        let stands = self.stands();
        let Some(text) = text.filter(|text| text.len() <= IMAGE_REF_BYTES_MAX) else { return };
        if anchor != 0 {
            self.anchors.insert(anchor, text.to_owned());
        }
        match stands {
            Stands::AsKey => self.key(text),
            Stands::At(Key::ApiVersion) => self.is_tools |= TOOLS.iter().any(|group| text.starts_with(group)),
            Stands::At(key) if self.is_image(key, text) => {
                self.replaced.insert(anchor);
                self.mention(text.to_owned(), style, span);
            }
            Stands::At(_) => {}
        }
    }

    fn alias(&mut self, id: usize, span: Span) {
        let stands = self.stands();
        let Some(text) = self.anchors.get(&id).cloned() else { return };
        match stands {
            Stands::AsKey => self.key(&text),
            Stands::At(key) if self.is_image(key, &text) && !self.replaced.contains(&id) => {
                self.mention(text, ScalarStyle::Plain, span);
            }
            Stands::At(_) => {}
        }
    }

    fn key(&mut self, text: &str) {
        let is_root = self.open.len() == 1;
        let Some(Open::Mapping { key, .. }) = self.open.last_mut() else { return };
        *key = Some(match text {
            "image" => Key::Image,
            "reference" => Key::Reference,
            "apiVersion" if is_root => Key::ApiVersion,
            other if self.options.keys.iter().any(|key| key == other) => Key::Image,
            _ => Key::Other,
        });
    }

    fn is_image(&self, key: Key, text: &str) -> bool {
        let is_image = match key {
            Key::Image => true,
            Key::Reference => matches!(self.open.last(), Some(Open::Mapping { at: Key::Image, .. })),
            Key::ApiVersion | Key::Other => false,
        };
        is_image && !self.options.skip.iter().any(|skip| skip == text)
    }

    fn mention(&mut self, text: String, style: ScalarStyle, span: Span) {
        let Some(place) = span.byte_range().filter(|place| self.text.get(place.clone()).is_some()) else { return };
        let (place, style) = match style {
            ScalarStyle::Plain => (place, Style::Plain),
            ScalarStyle::SingleQuoted => (place, Style::Single),
            ScalarStyle::DoubleQuoted => (place, Style::Double),
            // Only the text in a block is replaced: what is before it, and its line break, stay.
            ScalarStyle::Literal | ScalarStyle::Folded => match self.text[place.clone()].rfind(&text) {
                Some(at) => (place.start + at..place.start + at + text.len(), Style::Plain),
                None => return,
            },
        };
        self.found.push(Mention { text, line: span.start.line(), place, style });
    }
}

/// Whether a plain value is a text, rather than nothing, a number, or yes and no.
fn is_text(text: &str) -> bool {
    let is_word = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    let is_number = text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
    !(is_word(&["", "~", "null", "true", "false"]) || is_number && text.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests;
