//! What is not the same in two artifacts: its form, its pages, and who may see both.

use serde_json::json;
use wharf_testkit::fixture::{Artifact, digest};
use wharf_testkit::http::{Client, basic};
use wharf_testkit::server::PASSWORD;

use crate::files::tar;
use crate::{send, server};

const DIFF: &str = "/api/v1/repositories/acme~app/artifacts/v2/diff";

#[test]
fn what_differs_in_pages() {
    let server = server();
    let admin = server.admin();
    let lower = tar(&[("etc/motd", b"hello"), ("etc/hosts", b""), ("gone", b"x")]);
    let upper = tar(&[("etc/motd", b"hello, world"), (".wh.gone", b""), ("new/file", b"x")]);
    let image = |version: &str, layers: &[Vec<u8>]| {
        let config =
            json!({ "os": "linux", "architecture": "amd64", "config": { "Env": [format!("VERSION={version}")] } });
        Artifact::image(config.to_string().as_bytes(), layers)
    };
    let (one, other) = (image("1", std::slice::from_ref(&lower)), image("2", &[lower.clone(), upper.clone()]));
    one.push(&admin, "acme/app", "v1");
    other.push(&admin, "acme/app", "v2");
    one.push(&admin, "acme/lib", "v1");

    let diff = admin.get(&format!("{DIFF}?with=v1")).expect(200).json();
    let host = server.address;
    assert_eq!(diff["from"]["reference"], json!(format!("{host}/acme/app:v1")));
    assert_eq!((&diff["to"]["digest"], &diff["same"]), (&json!(other.digest()), &json!(false)));
    assert_eq!(diff["facts"], json!([{ "name": "env VERSION", "from": "1", "to": "2" }]));
    assert_eq!(diff["layers"]["shared"], json!([{ "digest": digest(&lower), "size": lower.len() }]));
    assert_eq!(diff["layers"]["new"], json!([{ "digest": digest(&upper), "size": upper.len() }]));
    let state = |kind: &str, size: Option<u64>| {
        let mut state =
            json!({ "kind": kind, "mode": if kind == "file" { "0644" } else { "0755" }, "uid": 0, "gid": 0 });
        size.into_iter().for_each(|size| state["size"] = json!(size));
        state
    };
    let files = json!([
        { "path": "etc/motd", "from": state("file", Some(5)), "to": state("file", Some(12)) },
        { "path": "gone", "from": state("file", Some(1)), "to": null },
        { "path": "new", "from": null, "to": state("folder", None) },
    ]);
    assert_eq!(diff["files"], files);
    assert!(diff.get("next").is_none() && diff.get("no_files").is_none() && diff.get("incomplete").is_none());

    let (mut found, mut next) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("{DIFF}?with=v1&n=1{next}")).expect(200).json();
        found.extend(page["files"].as_array().unwrap().iter().cloned());
        let Some(last) = page["next"].as_str() else { break };
        admin.get(&format!("{DIFF}?with=v2&n=1&last={last}")).expect_error(400, "UNSUPPORTED");
        next = format!("&last={last}");
    }
    assert_eq!(json!(found), files);
    let elsewhere = admin.get(&format!("{DIFF}?with=v1&repository=acme/lib")).expect(200).json();
    assert_eq!((&elsewhere["files"], &elsewhere["from"]["digest"]), (&files, &json!(one.digest())));
    let same = admin.get(&format!("{DIFF}?with={}", other.digest())).expect(200).json();
    assert_eq!((&same["same"], &same["files"]), (&json!(true), &json!(null)));
}

#[test]
fn both_must_be_there_and_be_seen() {
    let server = server();
    let admin = server.admin();
    Artifact::small(1).push(&admin, "acme/app", "v2");
    Artifact::small(1).push(&admin, "othr/app", "v1");
    let answer = admin.get(DIFF).expect_error(400, "UNSUPPORTED");
    assert_eq!(answer.json()["errors"][0]["detail"]["parameter"], json!("with"));
    admin.get(&format!("{DIFF}?with=-")).expect_error(400, "NAME_INVALID");
    admin.get(&format!("{DIFF}?with=v2&repository=Acme")).expect_error(400, "NAME_INVALID");
    admin.get(&format!("{DIFF}?with=none")).expect_error(404, "MANIFEST_UNKNOWN");
    admin.get(&format!("{DIFF}?with=v1&repository=othr/none")).expect_error(404, "NAME_UNKNOWN");
    admin.get(&format!("{DIFF}?with=v1&repository=othr/app")).expect(200);
    // What is hidden from a reader of the one is as if it were not there.
    send(&admin, "POST", "/api/v1/users", json!({ "name": "kim", "password": PASSWORD })).expect(201);
    let binding = json!({ "subject": "user:kim", "role": "reader" });
    send(&admin, "POST", "/api/v1/projects/acme/bindings", binding).expect(201);
    let kim = Client { address: server.address, authorization: Some(basic("kim", PASSWORD)) };
    kim.get(&format!("{DIFF}?with=v2")).expect(200);
    for client in [&kim, &server.anonymous()] {
        let told = |repository: &str| {
            let answer = client.get(&format!("{DIFF}?with=v1&repository={repository}/app"));
            (answer.status, answer.text().replace(repository, "NAME"))
        };
        assert_eq!(told("othr"), told("none"));
        assert!(matches!(told("othr").0, 401 | 403));
    }
}
