//! `wharf repository`.

use serde_json::json;
use wharf_testkit::fixture::Artifact;

use super::{Desk, PASS, names};

#[test]
fn repositories() {
    let desk = Desk::admin();
    let client = desk.server.admin();
    for name in ["acme", "acme-x/app", "acme/app", "acme/lib/deep", "acme0", "other/app"] {
        Artifact::small(1).push(&client, name, "1.0");
    }
    desk.ok("project set acme-x --public");
    assert_eq!(names(&desk.json("repository list acme")), ["acme", "acme/app", "acme/lib/deep"]);
    assert_eq!(names(&desk.json("repository list")).len(), 6);
    let table = desk.ok("repository list acme-x");
    assert!(table.contains("acme-x/app") && table.contains("public"), "{table}");
    let shown = desk.json("repository show acme/lib/deep");
    assert_eq!((&shown["project"], &shown["public"]), (&json!("acme"), &json!(false)));
    assert!(desk.ok("repository show acme/app").contains("private"));
    let page = client.get("/api/v1/repositories?project=acme&n=1").expect(200).json();
    assert_eq!(names(&page), ["acme"]);
    let next = page["next"].as_str().expect("there is more");
    let page = client.get(&format!("/api/v1/repositories?project=acme&n=1&last={next}")).expect(200).json();
    assert_eq!((names(&page), page["next"].is_string()), (vec!["acme/app"], true));

    desk.ok("repository delete acme/app --yes");
    desk.fails("repository show acme/app", &["acme/app"]);
    assert_eq!(names(&desk.json("repository list acme")), ["acme", "acme/lib/deep"]);
    desk.ok("restore --repository acme/app");
    desk.ok("repository show acme/app");

    // Of what is hidden no more is told than of what is missing.
    desk.user("kim");
    desk.ok("member add -p acme kim --role reader --repositories acme/lib/**");
    desk.log_in("kim", PASS);
    assert_eq!(names(&desk.json("repository list")), ["acme-x/app", "acme/lib/deep"]);
    assert_eq!(names(&desk.json("repository list acme")), ["acme/lib/deep"]);
    for project in ["other", "none"] {
        assert_eq!(desk.json(&format!("repository list {project}"))["items"], json!([]));
    }
    desk.fails("repository delete acme/lib/deep", &["not allowed"]);
    desk.run("repository list No", "").code(2);
}
