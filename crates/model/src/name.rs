//! Names of repositories and tags (Distribution spec, "Pulling manifests").

use std::{fmt, str::FromStr, sync::Arc};

use crate::digest::{Digest, DigestError};
use crate::limits::{NAME_BYTES_MAX, TAG_BYTES_MAX};

/// The name of a repository: one or more components joined by `/`, at most [`NAME_BYTES_MAX`] bytes. The first component
/// is its project. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName(Arc<str>);

impl RepositoryName {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The project that the repository is in: its first component.
    pub fn project(&self) -> ProjectName {
        ProjectName(self.project_str().into())
    }

    /// The same as text, without an allocation.
    pub fn project_str(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(project, _)| project)
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        for component in text.split('/') {
            check_component(component)?;
        }
        Ok(RepositoryName(text.into()))
    }
}

/// The name of a project: one component of a repository's name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProjectName(Arc<str>);

impl ProjectName {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProjectName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        check_component(text)?;
        Ok(ProjectName(text.into()))
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn check_component(component: &str) -> Result<(), NameError> {
    if component.is_empty() {
        return Err(NameError::EmptyComponent);
    }
    if component.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(NameError::UpperCase);
    }
    if !component.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-')) {
        return Err(NameError::Character);
    }
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric();
    let separators_fit = component
        .as_bytes()
        .split(is_word)
        .all(|separator| matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|byte| *byte == b'-'));
    let (first, last) = (component.as_bytes()[0], component.as_bytes()[component.len() - 1]);
    if separators_fit && is_word(&first) && is_word(&last) { Ok(()) } else { Err(NameError::Separator) }
}

/// Why some text is not the name of a repository or project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("the repository's name is missing")]
    Empty,
    /// Two slashes in a row, or one at either end.
    #[error("a component of the name is empty: one slash between components, none at the ends")]
    EmptyComponent,
    /// Longer than [`NAME_BYTES_MAX`].
    #[error("the name is longer than {NAME_BYTES_MAX} bytes")]
    TooLong,
    /// The one mistake that everybody makes once.
    #[error("names are lower-case; write it in lower case")]
    UpperCase,
    /// A character outside the grammar.
    #[error("names consist of a-z, 0-9 and the separators . _ - /")]
    Character,
    /// A separator at an end of a component, or too many in a row.
    #[error(
        "a component begins and ends with a letter or digit, with one '.', one or two '_' or some '-' between them"
    )]
    Separator,
}

/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Arc<str>);

impl Tag {
    /// The tag as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A tag that stands in this crate.
    pub(crate) fn known(text: &'static str) -> Tag {
        Tag(text.into())
    }
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        match text.as_bytes() {
            [b'.' | b'-', ..] | [] => Err(TagError),
            bytes if bytes.len() <= TAG_BYTES_MAX && bytes.iter().all(|byte| fits(*byte)) => Ok(Tag(text.into())),
            _ => Err(TagError),
        }
    }
}

/// The text is not a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tag has 1 to {TAG_BYTES_MAX} letters, digits, '_', '.' or '-', and does not begin with '.' or '-'")]
pub struct TagError;

/// What a manifest is asked for by: a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// By tag.
    Tag(Tag),
    /// By digest.
    Digest(Digest),
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains(':') { Ok(Reference::Digest(text.parse()?)) } else { Ok(Reference::Tag(text.parse()?)) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Tag(tag) => tag.fmt(f),
            Reference::Digest(digest) => digest.fmt(f),
        }
    }
}

/// The text is neither tag nor digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// It has a colon, so it was meant as a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// It has none, so it was meant as a tag.
    #[error(transparent)]
    Tag(#[from] TagError),
}

macro_rules! text_like {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

text_like!(RepositoryName);
text_like!(ProjectName);
text_like!(Tag);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names() {
        let good =
            |text: &str| assert_eq!(text.parse::<RepositoryName>().map(|name| name.to_string()), Ok(text.into()));
        let bad = |text: &str, expect| assert_eq!(text.parse::<RepositoryName>(), Err(expect), "{text:?}");
        good("a");
        good("library/nginx");
        good("a/b/c/d/e");
        good("a.b_c__d---e/0");
        good("blobs/uploads/tags/list/manifests");
        good(&"a".repeat(255));
        bad("", NameError::Empty);
        bad(&"a".repeat(256), NameError::TooLong);
        bad("a//b", NameError::EmptyComponent);
        bad("/a", NameError::EmptyComponent);
        bad("a/", NameError::EmptyComponent);
        bad("Acme/app", NameError::UpperCase);
        bad("a b", NameError::Character);
        bad("a/é", NameError::Character);
        bad("a\0", NameError::Character);
        bad("..", NameError::Separator);
        bad("a/../b", NameError::Separator);
        bad("a..b", NameError::Separator);
        bad("a___b", NameError::Separator);
        bad("a._b", NameError::Separator);
        bad("-a", NameError::Separator);
        bad("a.", NameError::Separator);
    }

    #[test]
    fn the_first_component_is_the_project() {
        let project = |text: &str| text.parse::<RepositoryName>().expect("a name").project().to_string();
        assert_eq!(project("acme/app/web"), "acme");
        assert_eq!(project("busybox"), "busybox");
    }

    #[test]
    fn references() {
        assert!(matches!("v1.0_x-y".parse(), Ok(Reference::Tag(_))));
        assert!(matches!("_".parse(), Ok(Reference::Tag(_))));
        assert!(matches!(format!("sha256:{}", "0".repeat(64)).parse(), Ok(Reference::Digest(_))));
        for bad in ["", ".a", "-a", "a/b", "a b", "é", &"a".repeat(129)] {
            assert_eq!(bad.parse::<Reference>(), Err(ReferenceError::Tag(TagError)), "{bad}");
        }
        assert_eq!(
            "sha256:1".parse::<Reference>(),
            Err(ReferenceError::Digest(DigestError::Encoded(crate::digest::Algorithm::Sha256)))
        );
    }
}
