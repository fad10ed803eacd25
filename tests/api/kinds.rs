//! Kinds of artifacts: those that come with Wharf, in pages, and an operator's own, read again when they change.

use std::fs;

use serde_json::json;
use wharf_testkit::server::wait_for;

use crate::{server, setup};

#[test]
fn kinds_in_pages() {
    let server = server();
    let admin = server.admin();
    let first = admin.get("/api/v1/kinds?n=1").expect(200).json();
    assert_eq!(
        (&first["items"][0]["id"], &first["next"]),
        (&json!("sigstore-signature"), &json!("sigstore-signature"))
    );
    let second = admin.get("/api/v1/kinds?n=1000&last=sigstore-signature").expect(200).json();
    assert_eq!(second["items"][0]["id"], json!("sigstore-attestation"), "in the order in which they are asked");
    assert!(second["items"].as_array().unwrap().len() > 70 && second.get("next").is_none());
    let chart = admin.get("/api/v1/kinds/helm-chart").expect(200).json();
    assert_eq!(chart["rules"], json!(["config is application/vnd.cncf.helm.config.v1+json"]));
    assert_eq!(chart["commands"][0]["text"], json!("helm pull oci://{registry}/{repository} --version {version}"));
    admin.get("/api/v1/kinds/none").expect(404);
}

#[test]
fn kinds_of_an_operators_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.toml");
    let kind = |title: &str| format!("id = \"acme\"\ntitle = {title}\ncategory = \"data\"\n");
    fs::write(&file, kind("\"Acme\"")).unwrap();
    let server = setup().arg("--set").arg(format!("kinds={}", folder.path().display())).start();
    let admin = server.admin();
    let title = || {
        let answer = admin.get("/api/v1/kinds/acme");
        if answer.status == 200 { answer.json()["title"].as_str().map(str::to_owned) } else { None }
    };
    assert_eq!(title().as_deref(), Some("Acme"), "from the start");
    fs::write(&file, kind("1")).unwrap();
    wait_for("a line about the mistake", || server.said().into_iter().find(|line| line.contains("acme.toml:2: ")));
    assert_eq!(title().as_deref(), Some("Acme"), "a mistake changes nothing");
    fs::write(&file, kind("\"Another\"")).unwrap();
    wait_for("the kind as it is now", || title().filter(|title| title == "Another"));
    fs::remove_file(&file).unwrap();
    wait_for("the kind to go", || title().is_none().then_some(()));
}

#[test]
fn a_folder_that_cannot_be_used_is_no_reason_not_to_start() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("later");
    let server = setup().arg("--set").arg(format!("kinds={}", folder.display())).start();
    let admin = server.admin();
    admin.get("/api/v1/kinds/helm-chart").expect(200);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("acme.toml"), "id = \"acme\"\ntitle = \"Acme\"\ncategory = \"data\"\n").unwrap();
    wait_for("the kind to come", || (admin.get("/api/v1/kinds/acme").status == 200).then_some(()));
}
