//! `wharf search`.

use wharf_testkit::fixture::Artifact;
use wharf_testkit::server::wait_for;

use super::{Desk, PASS};

#[test]
fn search() {
    let desk = Desk::admin();
    let client = desk.server.admin();
    Artifact::small(1).push(&client, "acme/redis", "1.0");
    Artifact::small(2).push(&client, "acme/redis", "2.0");
    Artifact::small(3).push(&client, "other/web", "1.0");
    wait_for("the index", || (desk.run("search web", "").output.status.success()).then_some(()));
    let table = desk.ok("search redis");
    assert!(table.contains("acme/redis:2.0 (+1)") && !table.contains("web"), "{table}");
    let table = desk.ok("search redis --all");
    assert!(table.contains("acme/redis:2.0 ") && table.contains("acme/redis:1.0 "), "{table}");
    let found = desk.json("search redis project:acme -n 1");
    assert_eq!((found["items"].as_array().map(Vec::len), &found["total"]), (Some(1), &serde_json::json!(2)));
    assert_eq!(desk.json("search")["repositories"], serde_json::json!(2));
    desk.fails("search knd:image", &["kind:image"]);
    let nothing = desk.run("search redis project:other", "").code(1);
    assert!(nothing.out().is_empty() && nothing.err().contains("hint: "), "{}", nothing.err());
    desk.user("kim");
    desk.ok("member add -p other kim --role reader");
    desk.log_in("kim", PASS);
    desk.run("search redis", "").code(1);
    assert!(desk.ok("search web").contains("other/web:1.0"));
}
