//! What users, groups, roles and robots are called.

use std::{fmt, str::FromStr, sync::Arc};

use crate::limits::HANDLE_BYTES_MAX;
use crate::name::ProjectName;

/// The name of a user, a group, a role or a robot: lower-case letters, digits, and `.`, `_`, `-`, `@` between them; a robot of
/// a project has the project before it, as in `acme+ci`. At most [`HANDLE_BYTES_MAX`] bytes without the project. Cheap to
/// clone. Nothing in it needs quoting in a shell.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(Arc<str>);

impl Handle {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The robot of that name in the project. `name` must be without a project itself.
    ///
    /// # Errors
    /// It has one.
    pub fn robot(project: &ProjectName, name: &Handle) -> Result<Handle, HandleError> {
        match name.project() {
            None => Ok(Handle(format!("{}+{name}", project.as_str()).into())),
            Some(_) => Err(HandleError::Form),
        }
    }

    /// The project before the `+`, where there is one.
    pub fn project(&self) -> Option<ProjectName> {
        self.0.split_once('+').and_then(|(project, _)| project.parse().ok())
    }

    /// The name without the project.
    pub fn short(&self) -> &str {
        self.0.split_once('+').map_or(&*self.0, |(_, name)| name)
    }
}

/// The text is no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// It is empty or too long.
    #[error("a name has 1 to {HANDLE_BYTES_MAX} characters")]
    Length,
    /// It has other characters, or begins or ends with a sign.
    #[error("a name is made of lower-case letters and digits, with `.`, `_`, `-` or `@` between them")]
    Form,
}

impl FromStr for Handle {
    type Err = HandleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (project, name) = match text.split_once('+') {
            Some((project, name)) => (Some(project), name),
            None => (None, text),
        };
        if project.is_some_and(|project| project.parse::<ProjectName>().is_err()) {
            return Err(HandleError::Form);
        }
        if name.is_empty() || name.len() > HANDLE_BYTES_MAX {
            return Err(HandleError::Length);
        }
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let all = name.bytes().all(|byte| is_plain(byte) || b"._-@".contains(&byte));
        let ends = name.bytes().next().is_some_and(is_plain) && name.bytes().last().is_some_and(is_plain);
        if all && ends { Ok(Handle(text.into())) } else { Err(HandleError::Form) }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Handle {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Handle {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn handles() {
        let check = |text: &str, expect: Result<(Option<&str>, &str), HandleError>| {
            let found = text.parse::<Handle>();
            let parts = found.as_ref().map(|found| (found.project(), found.short().to_owned())).map_err(|error| *error);
            let expect =
                expect.map(|(project, short)| (project.map(|p| p.parse().expect("a project")), short.to_owned()));
            assert_eq!(parts, expect, "{text}");
        };
        check("kim", Ok((None, "kim")));
        check("kim@example.com", Ok((None, "kim@example.com")));
        check("acme+ci", Ok((Some("acme"), "ci")));
        check("", Err(HandleError::Length));
        check("acme+", Err(HandleError::Length));
        check(&"a".repeat(HANDLE_BYTES_MAX + 1), Err(HandleError::Length));
        for text in ["Kim", "-kim", "kim-", "k m", "k:m", "k\u{e9}", "+ci", "a+b+c", "Acme+ci", "k$m", "k\nm"] {
            check(text, Err(HandleError::Form));
        }
        let project = "acme".parse().expect("a project");
        let robot = Handle::robot(&project, &"ci".parse().expect("a name")).expect("a robot");
        assert_eq!(robot.as_str(), "acme+ci");
        assert_eq!(Handle::robot(&project, &robot), Err(HandleError::Form));
    }
}
