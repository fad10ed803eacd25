//! `wharf history`, `restore`, `trash` and `purge`, and what deleting a project leaves.

use serde_json::json;
use wharf_testkit::fixture::Artifact;

use super::Desk;

#[test]
fn tags_have_a_history_and_come_back() {
    let desk = Desk::admin();
    let (client, first, second) = (desk.server.admin(), Artifact::small(1), Artifact::small(2));
    first.push(&client, "acme/app", "1.0");
    second.push(&client, "acme/app", "1.0");
    let moves = desk.json("history acme/app:1.0");
    let (newest, oldest) = (&moves["items"][0], &moves["items"][1]);
    assert_eq!((&newest["from"], &newest["to"]), (&json!(first.digest()), &json!(second.digest())));
    assert!(oldest["from"].is_null());
    let host = desk.server.address;
    let table = desk.ok(&format!("history {host}/acme/app:1.0"));
    assert!(table.contains("admin") && table.contains("new") && table.contains(&first.digest().to_string()), "{table}");

    desk.ok("restore acme/app:1.0");
    let now = client.get("/v2/acme/app/manifests/1.0").expect(200);
    assert_eq!(now.body, first.manifest);
    desk.fails("history acme/app:none", &["hint: "]);
    desk.run("history acme/app", "").code(2);
}

#[test]
fn manifests_come_back_or_go_for_good() {
    let desk = Desk::admin();
    let (client, artifact) = (desk.server.admin(), Artifact::small(1));
    artifact.push(&client, "acme/app", "1.0");
    let (digest, path) = (artifact.digest(), format!("/v2/acme/app/manifests/{}", artifact.digest()));
    client.delete(&path).expect(202);
    let item = desk.json("trash list -p acme")["items"][0].clone();
    assert_eq!((&item["kind"], &item["digest"], &item["tags"]), (&json!("manifest"), &json!(digest), &json!(["1.0"])));
    let table = desk.ok("trash list");
    assert!(table.contains(&format!("acme/app@{digest} (1.0)")), "{table}");
    desk.ok(&format!("restore acme/app@{digest}"));
    client.get("/v2/acme/app/manifests/1.0").expect(200);
    desk.fails(&format!("restore acme/app@{digest}"), &["is not in the trash"]);

    client.delete(&path).expect(202);
    let id = desk.json("trash list")["items"][0]["id"].as_str().unwrap().to_owned();
    desk.ok(&format!("purge {id} --yes"));
    assert_eq!(desk.json("trash list")["items"], json!([]));
    desk.fails(&format!("purge {id}"), &[&id]);
    desk.fails("purge acme/app:1.0", &["@DIGEST"]);
    desk.run("purge", "").code(2);
}

#[test]
fn projects_come_back_or_go_for_good() {
    let desk = Desk::admin();
    let (client, artifact) = (desk.server.admin(), Artifact::small(1));
    artifact.push(&client, "acme/app", "1.0");
    desk.ok("project delete acme --yes");
    desk.fails("project show acme", &["acme"]);
    client.get("/v2/acme/app/manifests/1.0").expect(404);
    assert!(desk.ok("trash list").contains("project"));
    desk.ok("restore --project acme");
    client.get("/v2/acme/app/manifests/1.0").expect(200);

    client.delete("/api/v1/repositories/acme~app");
    desk.ok("restore --repository acme/app");
    client.get("/v2/acme/app/manifests/1.0").expect(200);
    desk.ok("project delete acme");
    desk.ok("purge --project acme");
    desk.fails("restore --project acme", &["project acme is not in the trash"]);
}
