//! What people come for, by the keyboard alone.

use serde_json::json;
use wharf_testkit::fixture::Artifact;
use wharf_testkit::server::wait_for;

use crate::chromium::{Browser, ENTER};
use crate::{house, server};

#[test]
fn find_a_chart_and_copy_its_command() {
    let server = server();
    let admin = house::stock(&server);
    let browser = Browser::open(&server);
    browser.sign_in();
    browser.press("/");
    assert_eq!(browser.focus(), "Search everything");
    // What was pushed a moment ago is found a moment later.
    wait_for("the chart in the index", || {
        let found = admin.get("/api/v1/search?q=kind%3Ahelm").json();
        (found["total"] == json!(1)).then_some(())
    });
    browser.press("kind:helm app");
    browser.press(ENTER);
    browser.arrive("/-/search");
    browser.press("j");
    browser.press(ENTER);
    browser.arrive("/acme/charts/app/-/tags/1.0.0");
    browser.tab_to("Copy the command");
    browser.press(ENTER);
    wait_for("the command", || {
        let copied = browser.clipboard();
        copied.starts_with("helm pull oci://").then_some(())
    });
    assert!(browser.text().contains("Copied"), "{}", browser.text());
}

#[test]
fn a_push_appears() {
    let server = server();
    let admin = server.admin();
    Artifact::small(1).push(&admin, "acme/app", "1.0");
    let browser = Browser::open(&server);
    browser.sign_in();
    browser.go("/acme/app");
    browser.press("j");
    assert_eq!(browser.focus(), "1.0");
    Artifact::small(2).push(&admin, "acme/app", "1.1");
    wait_for("the row", || browser.text().contains("1.1").then_some(()));
    assert_eq!(browser.focus(), "1.0", "what is read keeps the focus");
}

#[test]
fn keys_tell_themselves() {
    let server = server();
    let browser = Browser::open(&server);
    browser.go("/");
    browser.press("?");
    assert!(browser.text().contains("the next row"), "{}", browser.text());
    assert_eq!(browser.barriers(), Vec::<String>::new());
    browser.press(ENTER);
    assert!(!browser.text().contains("the next row"), "Enter closes it");
}

#[test]
fn see_what_a_tag_was() {
    let server = server();
    let admin = server.admin();
    let (before, now) = (Artifact::small(1), Artifact::small(2));
    for artifact in [&before, &now] {
        artifact.push(&admin, "acme/app", "1.0");
    }
    let browser = Browser::open(&server);
    browser.sign_in();
    browser.go("/acme/app/-/tags/1.0");
    browser.tab_to("History");
    browser.press(ENTER);
    browser.arrive("/acme/app/-/tags/1.0/history");
    let short = |artifact: &Artifact| artifact.digest().hex()[..12].to_owned();
    assert!(browser.text().contains(&short(&now)), "{}", browser.text());
    browser.tab_to(&short(&before));
    browser.press(ENTER);
    browser.arrive(&format!("/acme/app/-/digests/{}", before.digest()));
}

#[test]
fn compare_two_images() {
    let server = server();
    let admin = server.admin();
    for (seed, tag) in [(1, "1.0"), (2, "1.1")] {
        Artifact::small(seed).push(&admin, "acme/app", tag);
    }
    let browser = Browser::open(&server);
    browser.sign_in();
    browser.go("/acme/app/-/tags/1.1");
    browser.tab_to("Compare");
    browser.press(ENTER);
    browser.arrive("/acme/app/-/tags/1.1/diff");
    browser.tab_to("1.0");
    browser.press(ENTER);
    wait_for("the comparison", || browser.text().contains("Before").then_some(()));
    assert!(browser.text().contains("seed"), "{}", browser.text());
    assert_eq!(browser.barriers(), Vec::<String>::new());
}
