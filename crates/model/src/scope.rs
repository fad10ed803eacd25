//! Scopes of the token service: what a client says that it is about to do (Distribution's token authentication
//! specification, "Token Scope").

use std::{fmt, str::FromStr};

use crate::limits::{SCOPE_ACTIONS_MAX, SCOPES_MAX};

/// `type:name:action,action`, as in `repository:acme/app:pull,push`. A request, and later a ceiling; never a right.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Scope {
    /// The type of the resource: `repository` or `registry`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name; kept as text, because it is compared and never used to find anything.
    pub name: String,
    /// What is to be done to it: `pull`, `push`, `delete`, `*`.
    pub actions: Vec<String>,
}

impl Scope {
    /// The scopes of one `scope` parameter, which may hold several separated by spaces. Those that are not understood are
    /// passed over, as the specification asks; at most [`SCOPES_MAX`] are read.
    pub fn parse_all(text: &str) -> Vec<Scope> {
        text.split(' ').take(SCOPES_MAX).filter_map(|one| one.parse().ok()).collect()
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, rest) = text.split_once(':').ok_or(ScopeError)?;
        let (name, actions) = rest.rsplit_once(':').ok_or(ScopeError)?;
        let kind = kind.split_once('(').map_or(kind, |(kind, _)| kind);
        if kind.is_empty() || name.is_empty() || name.len() > 512 || kind.len() > 64 {
            return Err(ScopeError);
        }
        let actions: Vec<String> =
            actions.split(',').filter(|action| !action.is_empty()).take(SCOPE_ACTIONS_MAX).map(str::to_owned).collect();
        if actions.is_empty() || actions.iter().any(|action| action.len() > 64) {
            return Err(ScopeError);
        }
        Ok(Scope { kind: kind.to_owned(), name: name.to_owned(), actions })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.kind, self.name, self.actions.join(","))
    }
}

/// The text is not a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is written type:name:action,action")]
pub struct ScopeError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes() {
        let check = |text: &str, expect: Option<(&str, &str, &str)>| {
            let scope = text.parse::<Scope>().ok();
            let actions = scope.as_ref().map(|scope| scope.actions.join("+")).unwrap_or_default();
            let found = scope.as_ref().map(|scope| (scope.kind.as_str(), scope.name.as_str(), actions.as_str()));
            assert_eq!(found, expect, "{text}");
        };
        check("repository:acme/app:pull,push", Some(("repository", "acme/app", "pull+push")));
        check("repository(plugin):a:pull", Some(("repository", "a", "pull")));
        check("repository:host:5000/a:pull", Some(("repository", "host:5000/a", "pull")));
        check("registry:catalog:*", Some(("registry", "catalog", "*")));
        check("repository:a:", None);
        check("repository::pull", None);
        check("(plugin):a:pull", None);
        check("repository", None);
        check("", None);
        assert_eq!(Scope::parse_all("repository:a:pull  nonsense repository:b:push").len(), 2);
    }
}
