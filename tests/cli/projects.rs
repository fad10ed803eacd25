//! `wharf project` and `wharf quota`.

use serde_json::json;

use super::{Desk, PASS, names};

#[test]
fn projects() {
    let desk = Desk::admin();
    desk.ok("project create acme --description Everything --quota 10GiB --immutable acme/**=v*");
    let made = desk.json("project create tools --public");
    assert_eq!((&made["name"], &made["public"]), (&json!("tools"), &json!(true)));
    assert_eq!(names(&desk.json("project list")), ["acme", "tools"]);
    let table = desk.ok("project list");
    assert!(table.contains("Everything") && table.contains("10.0 GiB") && table.contains("public"), "{table}");
    let shown = desk.ok("project show acme");
    assert!(shown.contains("acme/**=v*") && shown.contains("0 B of 10.0 GiB"), "{shown}");

    let set = desk.json("project set acme --trash 30d --missing refuse --immutable none --quota none");
    assert_eq!((&set["trash_days"], &set["missing"], &set["immutable"]), (&json!(30), &json!("refuse"), &json!([])));
    assert_eq!((&set["quota_bytes"], &set["description"]), (&json!(null), &json!("Everything")));
    let set = desk.json("project set acme --trash default --artifact-types a/b,c/*");
    assert_eq!((&set["trash_days"], &set["artifact_types"]), (&json!(null), &json!(["a/b", "c/*"])));
    desk.fails("project create acme", &["acme is there already", "project set"]);
    desk.fails("project set none --public", &["none", "hint: "]);
    assert_eq!(names(&desk.json("project list")), ["acme", "tools"]);
    desk.user("kim");
    desk.log_in("kim", PASS);
    assert_eq!(desk.json("project list")["items"], json!([{ "name": "tools", "public": true, "description": "" }]));
    let table = desk.ok("project list");
    let cells: Vec<&str> = table.lines().nth(1).unwrap_or_default().split_whitespace().collect();
    assert_eq!(cells, ["tools", "public", "-", "-", "-"]);
}

#[test]
fn quotas() {
    let desk = Desk::admin();
    desk.ok("project create acme");
    desk.ok("quota set acme --bytes 10GiB --warn 8GiB --repositories 5");
    let project = desk.json("quota show acme");
    assert_eq!((&project["quota_bytes"], &project["quota_repositories"]), (&json!(10u64 << 30), &json!(5)));
    let shown = desk.ok("quota show acme");
    assert!(shown.contains("0 B of 10.0 GiB") && shown.contains("0 of 5") && shown.contains("8.00 GiB"), "{shown}");
    assert_eq!(desk.json("quota set acme --bytes none")["quota_bytes"], json!(null));
    desk.run("quota set acme", "").code(2);
    desk.run("quota set acme --bytes 10G", "").code(2);
    desk.fails("quota set none --bytes 1GiB", &["none"]);
    desk.user("kim");
    desk.ok("member add -p acme kim --role owner");
    desk.log_in("kim", PASS);
    desk.fails("quota set acme --bytes 1TiB", &["127.0.0.1"]);
}
