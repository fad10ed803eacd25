//! The paths of the pages: one place that parses them for the server and prints them for links.
//!
//! A repository's pages are under its own name, `/acme/app`, and what is in it behind `/-/`, which is in no name. What is no
//! repository is under `/-/`; so are repositories whose name begins with a word that the server needs.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;
use wharf_model::digest::Digest;
use wharf_model::name::{ProjectName, Reference, RepositoryName, Tag};

/// What the first part of a path means to the server, so that no repository's page is there.
const RESERVED: [&str; 6] = ["v2", "api", "token", "livez", "readyz", "metrics"];

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// `/`
    Home,
    /// `/-/sign-in`
    SignIn,
    /// `/-/sign-out`
    SignOut,
    /// `/-/static/<file>`
    Static(String),
    /// `/-/projects`
    Projects,
    /// `/-/projects/<project>`
    Project(ProjectName),
    /// `/<repository>` and what is in it.
    Repository(RepositoryName, View),
}

/// A page of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// Its tags.
    Tags,
    /// `/-/artifacts`: all that is in it, tagged or not.
    Artifacts,
    /// `/-/activity`: what happened in it.
    Activity,
    /// `/-/tags/<tag>` and `/-/digests/<digest>`.
    Artifact(Reference, Part),
}

/// A page of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What it is.
    Overview,
    /// `/files`: a folder in it.
    Files,
    /// `/file`: the content of a file in it.
    File,
    /// `/manifest`: its manifest as it was pushed.
    Manifest,
    /// `/history`: how the tag came to point there.
    History,
}

impl Part {
    const ALL: [(Part, &'static str); 4] =
        [(Part::Files, "files"), (Part::File, "file"), (Part::Manifest, "manifest"), (Part::History, "history")];
}

impl Page {
    /// The page at a path; `None` where there is none. Percent-encoding is undone segment by segment.
    pub fn parse(path: &str) -> Option<Page> {
        if path == "/" {
            return Some(Page::Home);
        }
        let Some(rest) = path.strip_prefix("/-/") else { return repository(path.strip_prefix('/')?) };
        match rest.split_once('/') {
            None if rest == "sign-in" => Some(Page::SignIn),
            None if rest == "sign-out" => Some(Page::SignOut),
            None if rest == "projects" => Some(Page::Projects),
            Some(("static", name)) => Some(Page::Static(name.to_owned())),
            Some(("projects", name)) => Some(Page::Project(decoded(name).parse().ok()?)),
            Some(("repositories", rest)) => repository(rest),
            _ => None,
        }
    }

    /// The page of a repository.
    pub fn repository(name: &RepositoryName) -> Page {
        Page::Repository(name.clone(), View::Tags)
    }

    /// The page of an artifact.
    pub fn artifact(name: &RepositoryName, reference: &Reference) -> Page {
        Page::Repository(name.clone(), View::Artifact(reference.clone(), Part::Overview))
    }

    /// The page of what a tag points to.
    pub fn tag(name: &RepositoryName, tag: &Tag) -> Page {
        Page::artifact(name, &Reference::Tag(tag.clone()))
    }

    /// The page of what a digest names.
    pub fn digest(name: &RepositoryName, digest: &Digest) -> Page {
        Page::artifact(name, &Reference::Digest(*digest))
    }
}

fn repository(path: &str) -> Option<Page> {
    let (name, view) = match path.split_once("/-/") {
        Some((name, view)) => (name, view_at(view)?),
        None => (path, View::Tags),
    };
    let segments: Vec<_> = name.split('/').map(decoded).collect();
    if segments.iter().any(|segment| segment.contains('/')) {
        return None;
    }
    Some(Page::Repository(segments.join("/").parse().ok()?, view))
}

fn view_at(path: &str) -> Option<View> {
    let mut segments = path.split('/');
    let (noun, name, part) = (segments.next()?, segments.next(), segments.next());
    if segments.next().is_some() {
        return None;
    }
    let part = match part {
        None => Part::Overview,
        Some(text) => Part::ALL.into_iter().find(|(_, name)| *name == text)?.0,
    };
    match (noun, name.map(decoded)) {
        ("artifacts", None) => Some(View::Artifacts),
        ("activity", None) => Some(View::Activity),
        ("tags", Some(name)) => Some(View::Artifact(Reference::Tag(name.parse().ok()?), part)),
        ("digests", Some(name)) if part != Part::History => {
            Some(View::Artifact(Reference::Digest(name.parse().ok()?), part))
        }
        _ => None,
    }
}

fn decoded(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Page::Home => f.write_str("/"),
            Page::SignIn => f.write_str("/-/sign-in"),
            Page::SignOut => f.write_str("/-/sign-out"),
            Page::Static(name) => write!(f, "/-/static/{name}"),
            Page::Projects => f.write_str("/-/projects"),
            Page::Project(name) => write!(f, "/-/projects/{name}"),
            Page::Repository(name, view) => {
                let before = if RESERVED.contains(&name.project().as_str()) { "/-/repositories" } else { "" };
                write!(f, "{before}/{name}{view}")
            }
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            View::Tags => Ok(()),
            View::Artifacts => f.write_str("/-/artifacts"),
            View::Activity => f.write_str("/-/activity"),
            View::Artifact(reference, part) => {
                match reference {
                    Reference::Tag(tag) => write!(f, "/-/tags/{tag}")?,
                    Reference::Digest(digest) => write!(f, "/-/digests/{digest}")?,
                }
                let name = Part::ALL.into_iter().find(|(known, _)| known == part).map(|(_, name)| name);
                name.map_or(Ok(()), |name| write!(f, "/{name}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn paths_that_are_printed_as_they_came() {
        for path in [
            "/",
            "/-/sign-in",
            "/-/sign-out",
            "/-/projects",
            "/-/projects/acme",
            "/-/projects/v2",
            "/-/static/wharf.css",
            "/-/repositories/v2/app",
            "/-/repositories/metrics/-/tags/latest/files",
            "/acme",
            "/acme/app",
            "/acme/app/-/artifacts",
            "/acme/app/-/activity",
            "/acme/tags/files/-/tags/1.0",
            "/acme/app/-/tags/files/files",
            "/acme/app/-/tags/1.0/manifest",
            "/acme/app/-/tags/1.0/history",
            &format!("/acme/app/-/digests/{DIGEST}"),
            &format!("/acme/app/-/digests/{DIGEST}/file"),
        ] {
            assert_eq!(Page::parse(path).map(|page| page.to_string()).as_deref(), Some(path));
        }
    }

    #[test]
    fn paths_with_another_spelling() {
        let check = |path: &str, expect: &str| {
            assert_eq!(Page::parse(path).map(|page| page.to_string()).as_deref(), Some(expect), "{path}");
        };
        check("/-/repositories/acme/app", "/acme/app");
        check("/%61cme/app", "/acme/app");
        check(&format!("/a/-/digests/{}", DIGEST.replace(':', "%3A")), &format!("/a/-/digests/{DIGEST}"));
    }

    #[test]
    fn paths_that_are_no_page() {
        for path in [
            "",
            "x",
            "//",
            "/acme/",
            "/acme//app",
            "/Acme",
            "/acme%2fapp",
            "/../etc",
            "/%2e%2e/etc",
            "/-",
            "/-/",
            "/-/x",
            "/-/projects/",
            "/-/projects/a/b",
            "/-/projects/A",
            "/-/sign-in/x",
            "/-/repositories",
            "/-/repositories/",
            "/acme/-",
            "/acme/-/",
            "/acme/-/tags",
            "/acme/-/tags/",
            "/acme/-/tags/a/b",
            "/acme/-/tags/a/files/x",
            "/acme/-/tags/-x",
            "/acme/-/digests/1.0",
            "/acme/-/artifacts/x",
            "/acme/-/x/y",
            "/acme/-/tags/%00",
            &format!("/acme/-/digests/{DIGEST}/history"),
        ] {
            assert_eq!(Page::parse(path), None, "{path}");
        }
    }
}
