//! `wharf share` and `wharf repository overview`.

use std::fs;

use super::Desk;

#[test]
fn a_link_opens_without_a_login() {
    let desk = Desk::admin();
    let folder = desk.home.path().join("report");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("data.csv"), "a,b\n1,2\n").unwrap();
    let at = format!("{}/acme/report:1", desk.server.address);
    desk.ok(&format!("push {} {at}", folder.display()));
    desk.fails(&format!("share {at} data.csv"), &["links"]);
    desk.ok("project set acme --share yes");
    let link = desk.ok(&format!("share {at} data.csv --for 1h"));
    let base = format!("http://{}", desk.server.address);
    let path = link.trim().strip_prefix(&base).expect("a link to this registry");
    let found = desk.server.anonymous().get(path).expect(200);
    assert_eq!(found.body, b"a,b\n1,2\n");
    assert!(found.required("content-disposition").starts_with("attachment"), "{:?}", found.headers);
    desk.ok("project set acme --share no");
    desk.server.anonymous().get(path).expect(404);
}

#[test]
fn an_overview_is_said_and_taken_back() {
    let desk = Desk::admin();
    wharf_testkit::fixture::Artifact::small(1).push(&desk.server.admin(), "acme/app", "1");
    let file = desk.home.path().join("README.md");
    fs::write(&file, "# Hello\n").unwrap();
    desk.ok(&format!("repository overview acme/app --set {}", file.display()));
    assert_eq!(desk.ok("repository overview acme/app"), "# Hello\n");
    desk.ok("repository overview acme/app --clear");
    desk.fails("repository overview acme/app", &["overview"]);
}
