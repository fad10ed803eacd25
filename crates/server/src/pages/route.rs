//! The paths of the pages: one place that parses them for the server and prints them for links.
//!
//! A repository's pages are under its own name, `/acme/app`, and what is in it behind `/-/`, which is in no name. What is no
//! repository is under `/-/`; so are repositories whose name begins with a word that the server needs.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;
use wharf_model::digest::Digest;
use wharf_model::handle::Handle;
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
    /// `/-/units`: in which units sizes are told.
    Units,
    /// `/-/static/<file>`
    Static(String),
    /// `/-/search`
    Search,
    /// `/-/catalogue`: what everybody may pull.
    Catalogue,
    /// `/-/client`: how the client is had.
    Client,
    /// `/-/client/<platform>`: the client.
    ClientFile(String),
    /// `/-/shared/<link>`: what a link opens.
    Shared(String),
    /// `/-/projects`
    Projects,
    /// `/-/projects/<project>`
    Project(ProjectName),
    /// `/-/new-project`: no project is in its way, whatever it is called.
    NewProject,
    /// `/-/projects/<project>/settings` and its like.
    InProject(ProjectName, Room),
    /// `/-/account`
    Account,
    /// `/-/trash`
    Trash,
    /// `/-/admin` and what is behind it.
    Admin(Desk),
    /// `/<repository>` and what is in it.
    Repository(RepositoryName, View),
}

/// A page on which a project is administered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// What it is set to.
    Settings,
    /// Who may do what in it.
    Members,
    /// Its robots.
    Robots,
    /// What was deleted in it.
    Trash,
}

impl Room {
    const ALL: [(Room, &'static str); 4] =
        [(Room::Settings, "settings"), (Room::Members, "members"), (Room::Robots, "robots"), (Room::Trash, "trash")];
}

/// A page on which the registry is administered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Desk {
    /// What it is and holds.
    Overview,
    /// `/users`
    Users,
    /// `/users/<name>`
    User(Handle),
    /// `/groups`
    Groups,
    /// `/groups/<name>`
    Group(Handle),
    /// `/roles`
    Roles,
    /// `/roles/<name>`
    Role(Handle),
    /// `/members`: who may do what everywhere.
    Members,
    /// `/robots`: those of no project.
    Robots,
}

impl Desk {
    /// What is behind `/-/admin/`.
    fn parse(path: &str) -> Option<Desk> {
        Some(match path.split_once('/') {
            None => match path {
                "users" => Desk::Users,
                "groups" => Desk::Groups,
                "roles" => Desk::Roles,
                "members" => Desk::Members,
                "robots" => Desk::Robots,
                _ => return None,
            },
            Some(("users", name)) => Desk::User(decoded(name).parse().ok()?),
            Some(("groups", name)) => Desk::Group(decoded(name).parse().ok()?),
            Some(("roles", name)) => Desk::Role(decoded(name).parse().ok()?),
            Some(_) => return None,
        })
    }
}

impl fmt::Display for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Desk::Overview => Ok(()),
            Desk::Users => f.write_str("/users"),
            Desk::User(name) => write!(f, "/users/{name}"),
            Desk::Groups => f.write_str("/groups"),
            Desk::Group(name) => write!(f, "/groups/{name}"),
            Desk::Roles => f.write_str("/roles"),
            Desk::Role(name) => write!(f, "/roles/{name}"),
            Desk::Members => f.write_str("/members"),
            Desk::Robots => f.write_str("/robots"),
        }
    }
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
    /// `/-/delete`: whether it is to be deleted.
    Delete,
    /// `/-/push`: files that are pushed with a browser.
    Push,
    /// `/-/overview`: what its people say of it, to be changed.
    Overview,
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
    /// `/archive`: a folder in it with all that is below, as one file.
    Archive,
    /// `/share`: a link to something in it.
    Share,
    /// `/manifest`: its manifest as it was pushed.
    Manifest,
    /// `/history`: how the tag came to point there.
    History,
    /// `/diff`: what is not the same in it and another.
    Diff,
    /// `/delete`: whether it is to be deleted.
    Delete,
}

impl Part {
    const ALL: [(Part, &'static str); 8] = [
        (Part::Files, "files"),
        (Part::File, "file"),
        (Part::Archive, "archive"),
        (Part::Share, "share"),
        (Part::Manifest, "manifest"),
        (Part::History, "history"),
        (Part::Diff, "diff"),
        (Part::Delete, "delete"),
    ];
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
            None if rest == "units" => Some(Page::Units),
            None if rest == "search" => Some(Page::Search),
            None if rest == "projects" => Some(Page::Projects),
            None if rest == "new-project" => Some(Page::NewProject),
            None if rest == "account" => Some(Page::Account),
            None if rest == "trash" => Some(Page::Trash),
            None if rest == "admin" => Some(Page::Admin(Desk::Overview)),
            Some(("admin", rest)) => Some(Page::Admin(Desk::parse(rest)?)),
            None if rest == "catalogue" => Some(Page::Catalogue),
            None if rest == "client" => Some(Page::Client),
            Some(("client", platform)) if !platform.is_empty() => Some(Page::ClientFile(platform.to_owned())),
            Some(("shared", link)) if !link.is_empty() => Some(Page::Shared(link.to_owned())),
            Some(("static", name)) => Some(Page::Static(name.to_owned())),
            Some(("projects", rest)) => project(rest),
            Some(("repositories", rest)) => repository(rest),
            _ => None,
        }
    }

    /// Whether forms are sent to it.
    pub fn takes_forms(&self) -> bool {
        match self {
            Page::SignIn | Page::SignOut | Page::Units | Page::NewProject | Page::InProject(..) => true,
            Page::Account | Page::Trash => true,
            Page::Admin(desk) => *desk != Desk::Overview,
            Page::Repository(_, view) => {
                matches!(
                    view,
                    View::Delete
                        | View::Overview
                        | View::Push
                        | View::Artifact(_, Part::History | Part::Delete | Part::Share)
                )
            }
            Page::Home | Page::Static(_) | Page::Search | Page::Projects | Page::Project(_) => false,
            Page::Catalogue | Page::Client | Page::ClientFile(_) | Page::Shared(_) => false,
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

fn project(path: &str) -> Option<Page> {
    let Some((name, room)) = path.split_once('/') else { return Some(Page::Project(decoded(path).parse().ok()?)) };
    let room = Room::ALL.into_iter().find(|(_, word)| *word == room)?.0;
    Some(Page::InProject(decoded(name).parse().ok()?, room))
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
        ("delete", None) => Some(View::Delete),
        ("push", None) => Some(View::Push),
        ("overview", None) => Some(View::Overview),
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
            Page::Units => f.write_str("/-/units"),
            Page::Static(name) => write!(f, "/-/static/{name}"),
            Page::Search => f.write_str("/-/search"),
            Page::Catalogue => f.write_str("/-/catalogue"),
            Page::Client => f.write_str("/-/client"),
            Page::ClientFile(platform) => write!(f, "/-/client/{platform}"),
            Page::Shared(link) => write!(f, "/-/shared/{link}"),
            Page::Projects => f.write_str("/-/projects"),
            Page::Project(name) => write!(f, "/-/projects/{name}"),
            Page::NewProject => f.write_str("/-/new-project"),
            Page::InProject(name, room) => {
                let word = Room::ALL.into_iter().find(|(known, _)| known == room).map_or("", |(_, word)| word);
                write!(f, "/-/projects/{name}/{word}")
            }
            Page::Account => f.write_str("/-/account"),
            Page::Trash => f.write_str("/-/trash"),
            Page::Admin(desk) => write!(f, "/-/admin{desk}"),
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
            View::Delete => f.write_str("/-/delete"),
            View::Push => f.write_str("/-/push"),
            View::Overview => f.write_str("/-/overview"),
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
            "/-/units",
            "/-/search",
            "/-/projects",
            "/-/projects/acme",
            "/-/projects/v2",
            "/-/projects/new",
            "/-/projects/acme/settings",
            "/-/projects/acme/members",
            "/-/projects/acme/robots",
            "/-/projects/acme/trash",
            "/-/new-project",
            "/-/account",
            "/-/trash",
            "/-/admin",
            "/-/admin/users",
            "/-/admin/users/kim.lee@example.com",
            "/-/admin/groups",
            "/-/admin/groups/devs",
            "/-/admin/roles",
            "/-/admin/roles/releaser",
            "/-/admin/members",
            "/-/admin/robots",
            "/-/static/wharf.css",
            "/-/repositories/v2/app",
            "/-/repositories/metrics/-/tags/latest/files",
            "/acme",
            "/acme/app",
            "/acme/app/-/artifacts",
            "/acme/app/-/activity",
            "/acme/app/-/delete",
            "/acme/app/-/tags/delete/delete",
            "/acme/tags/files/-/tags/1.0",
            "/acme/app/-/tags/files/files",
            "/acme/app/-/tags/1.0/archive",
            "/acme/app/-/tags/1.0/share",
            "/-/shared/Ab-_",
            "/-/client",
            "/-/catalogue",
            "/acme/app/-/overview",
            "/acme/app/-/push",
            "/-/client/linux-amd64",
            "/acme/app/-/tags/1.0/manifest",
            "/acme/app/-/tags/1.0/history",
            "/acme/app/-/tags/1.0/diff",
            &format!("/acme/app/-/digests/{DIGEST}/diff"),
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
            "/-/shared/",
            "/-/projects/",
            "/-/projects/a/b",
            "/-/projects/a/settings/b",
            "/-/projects/A/settings",
            "/-/account/x",
            "/-/admin/",
            "/-/admin/x",
            "/-/admin/users/",
            "/-/admin/users/Kim",
            "/-/admin/users/a/b",
            "/-/admin/members/a",
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
