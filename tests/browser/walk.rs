//! Everywhere that links lead: one page of each shape is looked at in every way, and all of them in one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wharf_model::digest::Digest;

use crate::chromium::{Browser, LOOKS};
use crate::{house, server};

/// Most pages that are gone to: lists of what is in lists are without end otherwise.
const PAGES_MAX: usize = 150;
/// Repositories of the house, the longest first.
const REPOSITORIES: [&str; 6] =
    ["acme/charts/app", "acme/index", "acme/files", "acme/app", "open/app", "-/repositories/metrics/app"];

/// What pages of one shape have in common: where names stand, that they do.
fn shape(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let path = path.trim_start_matches('/');
    let repository = REPOSITORIES
        .iter()
        .find(|name| path.strip_prefix(**name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    let rest = repository.map_or(path, |name| &path[name.len()..]);
    let mut segments: Vec<String> = repository.iter().map(|_| "repository".to_owned()).collect();
    let mut before = "";
    for segment in rest.split('/').filter(|segment| !segment.is_empty() && *segment != "-") {
        let is_name =
            matches!(before, "tags" | "digests" | "projects" | "users" | "groups" | "roles" | "robots" | "tokens");
        let is_digest = segment.parse::<Digest>().is_ok() || segment.starts_with("sha256");
        segments.push(if is_name || is_digest { "one".to_owned() } else { segment.to_owned() });
        before = segment;
    }
    segments.extend(query.split('&').filter_map(|pair| Some(pair.split_once('=')?.0.to_owned())));
    if segments.is_empty() { "home".to_owned() } else { segments.join("-") }
}

/// What is wrong with the page that is open, seen as it is now.
fn wrong(browser: &Browser) -> Vec<String> {
    let mut wrong = browser.console();
    wrong.extend(browser.asked_elsewhere().into_iter().map(|name| format!("asked {name}")));
    wrong.extend(browser.barriers());
    let overhang = browser.overhang();
    wrong.extend((overhang > 0).then(|| format!("{overhang} pixels wider than what is seen")));
    wrong
}

/// Paths of our own that the open page leads to, files that are saved left out.
fn pages(browser: &Browser) -> impl Iterator<Item = String> {
    let is_page = |path: &String| {
        let place = path.split('?').next().unwrap_or_default();
        let is_saved = ["/file", "/archive", "/blob"].iter().any(|end| place.ends_with(end));
        let is_elsewhere = ["/api/", "/-/client/", "/-/sign-", "/-/search"].iter().any(|begin| path.starts_with(begin));
        path.starts_with('/') && !is_saved && !is_elsewhere
    };
    browser.links().into_iter().filter(is_page)
}

/// What is wrong with which pages.
#[derive(Default)]
struct Problems(BTreeMap<String, Vec<String>>);

impl Problems {
    fn add(&mut self, page: String, found: Vec<String>) {
        if !found.is_empty() {
            self.0.entry(page).or_default().extend(found);
        }
    }

    /// Looks at a page in every way, and keeps pictures.
    fn look(&mut self, browser: &Browser, path: &str, name: &str) {
        for look in LOOKS {
            browser.look(look);
            browser.go(path);
            let mut found = wrong(browser);
            // What is not there is told with the status that says so, which browsers put on the console.
            found.retain(|line| !(name == "nothing-to-see" && line.contains("404")));
            self.add(format!("{path} at {look:?}"), found);
            browser.picture(name, look);
        }
        browser.look(LOOKS[0]);
    }
}

#[test]
fn every_page_is_good_to_look_at_and_keeps_nobody_out() {
    let server = server();
    house::stock(&server);
    let browser = Browser::open(&server);
    let mut problems = Problems::default();
    for (path, name) in [("/-/sign-in", "sign-in"), ("/", "home-of-strangers"), ("/acme/app", "nothing-to-see")] {
        problems.look(&browser, path, name);
    }
    browser.sign_in();
    // What is told of each kind is a page of its own.
    for (path, name) in [
        ("/acme/charts/app/-/tags/1.0.0", "chart"),
        ("/acme/files/-/tags/1", "files"),
        ("/acme/index/-/tags/multi", "index"),
        ("/-/search?q=app", "search"),
        ("/-/search?q=kind%3Ahelm+-tag%3A2.*", "search-parts"),
        ("/-/search?q=nothing-is-called-so", "search-nothing"),
        ("/-/search?q=app+pushed%3Asoon", "search-wrong"),
    ] {
        problems.look(&browser, path, name);
    }
    let mut shapes = BTreeSet::new();
    let (mut known, mut left) = (BTreeSet::from(["/".to_owned()]), VecDeque::from(["/".to_owned()]));
    while let Some(path) = left.pop_front() {
        let shape = shape(&path);
        if shapes.insert(shape.clone()) {
            problems.look(&browser, &path, &shape);
        } else {
            browser.go(&path);
            problems.add(path, browser.console());
        }
        for to in pages(&browser) {
            if known.len() < PAGES_MAX && known.insert(to.clone()) {
                left.push_back(to);
            }
        }
    }
    assert!(shapes.len() >= 10, "{shapes:#?}");
    assert!(problems.0.is_empty(), "{:#?}", problems.0);
}
