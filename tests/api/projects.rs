//! Projects over HTTP: settings, quotas under load and over kills, tags that stay.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use wharf_testkit::fixture::{Artifact, begin, digest, noise, push_blob};
use wharf_testkit::http::{Client, Response};
use wharf_testkit::server::{Server, wait_for};

use crate::{server, setup};

fn set(client: &Client, project: &str, change: &Value) -> Response {
    client.put(&format!("/api/v1/projects/{project}"), "application/json", change.to_string())
}

/// What the API tells of the project.
fn get(client: &Client, project: &str) -> Value {
    client.get(&format!("/api/v1/projects/{project}")).expect(200).json()
}

/// Bytes used and reserved.
fn uses(client: &Client, project: &str) -> (u64, u64) {
    let usage = &get(client, project)["usage"];
    (usage["bytes"].as_u64().unwrap(), usage["reserved_bytes"].as_u64().unwrap())
}

#[test]
fn what_is_set_is_told() {
    let server = server();
    let admin = server.admin();
    admin.get("/api/v1/projects/acme").expect_error(404, "NAME_UNKNOWN");
    let made = set(&admin, "acme", &json!({})).expect(200).json();
    assert_eq!((&made["public"], &made["immutable"], &made["quota_bytes"]), (&json!(false), &json!([]), &Value::Null));
    let change = json!({
        "public": true, "description": "ours", "missing": "accept", "artifact_types": ["a/*"], "trash_days": 3,
        "immutable": [{ "repositories": "acme/**", "tags": "v*" }],
        "quota_bytes": 1_000_000, "quota_warn_bytes": 900_000, "quota_repositories": 7,
    });
    let answer = set(&admin, "acme", &change).expect(200).json();
    let found = get(&admin, "acme");
    for (field, value) in change.as_object().unwrap() {
        assert_eq!((&answer[field], &found[field]), (value, value), "{field}");
    }
    let usage = json!({ "bytes": 0, "trash_bytes": 0, "reserved_bytes": 0, "repositories": 0 });
    assert_eq!(found["usage"], usage);
    let less = set(&admin, "acme", &json!({ "quota_bytes": null, "missing": null })).expect(200).json();
    assert_eq!((&less["quota_bytes"], &less["missing"]), (&Value::Null, &Value::Null));
    assert_eq!(less["quota_warn_bytes"], json!(900_000), "what is left out stays");
    for (wrong, field) in [
        (json!({ "trash_days": 3_651 }), "trash_days"),
        (json!({ "description": "x".repeat(1_001) }), "description"),
        (json!({ "quota_bytes": u64::MAX }), "quota"),
    ] {
        let refused = set(&admin, "acme", &wrong).expect_error(422, "BODY_INVALID");
        assert_eq!(refused.json()["errors"][0]["detail"]["field"], json!(field));
    }
    for wrong in [json!({ "admin": true }), json!({ "immutable": [{ "tags": "v*" }] }), json!({ "missing": "maybe" })] {
        assert!((400..500).contains(&set(&admin, "acme", &wrong).status), "{wrong}");
    }
    set(&server.anonymous(), "acme", &json!({ "public": false })).expect(401);
    server.anonymous().get("/api/v1/projects/acme").expect(401);
}

#[test]
fn what_a_project_takes_is_its_own() {
    let server = server();
    let admin = server.admin();
    set(&admin, "helm", &json!({ "artifact_types": ["application/vnd.cncf.helm.*"], "missing": "accept" })).expect(200);
    let artifact = Artifact::small(1);
    let push = |repository: &str| {
        let target = format!("/v2/{repository}/manifests/1");
        admin.put(&target, &artifact.media_type, artifact.manifest.clone())
    };
    let refused = push("helm/app").expect_error(403, "DENIED");
    assert_eq!(refused.json()["errors"][0]["detail"]["allowed"], json!(["application/vnd.cncf.helm.*"]));
    set(&admin, "helm", &json!({ "artifact_types": null })).expect(200);
    push("helm/app").expect(201);
    push("other/app").expect_error(400, "MANIFEST_BLOB_UNKNOWN");
}

#[test]
fn immutable_tags_stay() {
    let server = server();
    let admin = server.admin();
    let rules = json!([{ "repositories": "acme/**", "tags": "v*" }]);
    set(&admin, "acme", &json!({ "immutable": rules })).expect(200);
    let (one, two) = (Artifact::small(1), Artifact::small(2));
    for tag in ["v1", "latest"] {
        one.push(&admin, "acme/app", tag);
    }
    two.push(&admin, "acme/app", "latest");
    let target = |reference: &str| format!("/v2/acme/app/manifests/{reference}");
    let put = |reference: &str| admin.put(&target(reference), &two.media_type, two.manifest.clone());
    let refused = put("v1").expect_error(403, "DENIED");
    let error = &refused.json()["errors"][0];
    assert_eq!(error["message"], json!("the tag v1 is immutable in this project (rule acme/** v*)"));
    assert_eq!((&error["detail"]["tag"], &error["detail"]["rule"]), (&json!("v1"), &rules[0]));
    put(&format!("{}?tag=new&tag=v1", two.digest())).expect_error(403, "DENIED");
    admin.get(&target("new")).expect(404);
    admin.delete(&target("v1")).expect_error(403, "DENIED");
    admin.delete(&target(&one.digest().to_string())).expect_error(403, "DENIED");
    assert!(admin.get(&target("v1")).expect(200).body == one.manifest);
    one.push_manifest(&admin, "acme/app", "v1");
    admin.delete(&target("latest")).expect(202);
    admin.delete(&target(&two.digest().to_string())).expect(202);
}

#[test]
fn beyond_the_soft_limit_a_push_is_warned() {
    let server = server();
    let admin = server.admin();
    let artifact = Artifact::small(1);
    let size = (artifact.blobs.iter().map(Vec::len).sum::<usize>() + artifact.manifest.len()) as u64;
    let pushed = |tag: &str| {
        let target = format!("/v2/acme/app/manifests/{tag}");
        admin.put(&target, &artifact.media_type, artifact.manifest.clone()).expect(201)
    };
    artifact.push(&admin, "acme/app", "1");
    assert_eq!(uses(&admin, "acme"), (size, 0));
    set(&admin, "acme", &json!({ "quota_warn_bytes": size + 1 })).expect(200);
    assert_eq!(pushed("2").header("warning"), None);
    set(&admin, "acme", &json!({ "quota_warn_bytes": size, "quota_bytes": size })).expect(200);
    let answer = pushed("3");
    let warning = answer.required("warning");
    assert!(warning.starts_with("299 - \"the project acme uses ") && warning.ends_with('"'), "{warning}");
    assert!(warning.contains(&size.to_string()), "{warning}");
    let other = Artifact::small(2);
    let location = begin(&admin, "acme/app");
    let target = format!("{location}?digest={}", digest(&other.blobs[1]));
    let refused = admin.put(&target, "application/octet-stream", other.blobs[1].clone()).expect_error(403, "DENIED");
    let detail = &refused.json()["errors"][0]["detail"];
    assert_eq!(
        (&detail["bytes_used"], &detail["left_bytes"], &detail["trash_bytes"]),
        (&json!(size), &json!(0), &json!(0))
    );
}

/// One of those that push at once: its blobs, some of unknown length, then its manifest. Whether all of it was taken.
fn push_one(client: &Client, at: usize) -> bool {
    let repository = format!("acme/r{}", at % 8);
    let artifact = artifact(at);
    let taken = |response: Response| match response.status {
        201 | 202 => true,
        _ => {
            response.expect_error(403, "DENIED");
            false
        }
    };
    for blob in &artifact.blobs {
        let location = begin(client, &repository);
        let target = format!("{location}?digest={}", digest(blob));
        let put = client.request("PUT", &target).header("Content-Type", "application/octet-stream").body(blob.clone());
        if !taken(if at.is_multiple_of(2) { put.send() } else { put.chunked().send() }) {
            return false;
        }
    }
    let target = format!("/v2/{repository}/manifests/{at}");
    taken(client.put(&target, &artifact.media_type, artifact.manifest))
}

/// Its layer is on the heap, its config in the ledger.
fn artifact(at: usize) -> Artifact {
    Artifact::image(format!("{{\"at\":{at}}}").as_bytes(), &[noise(at as u64 + 1, 30_000 + at)])
}

/// What is there of what was pushed, counted from outside.
fn found(client: &Client, pushes: usize) -> u64 {
    let mut bytes = 0;
    for at in 0..pushes {
        let (repository, artifact) = (format!("acme/r{}", at % 8), artifact(at));
        for blob in &artifact.blobs {
            if client.head(&format!("/v2/{repository}/blobs/{}", digest(blob))).status == 200 {
                bytes += blob.len();
            }
        }
        if client.head(&format!("/v2/{repository}/manifests/{at}")).status == 200 {
            bytes += artifact.manifest.len();
        }
    }
    bytes as u64
}

#[test]
fn a_quota_holds_under_64_pushes_at_once() {
    const PUSHES: usize = 64;
    const QUOTA: u64 = 1_000_000;
    let mut server = server();
    let admin = server.admin();
    set(&admin, "acme", &json!({ "quota_bytes": QUOTA })).expect(200);
    let (done, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let pushers: Vec<_> = (0..PUSHES)
            .map(|at| {
                let (admin, done) = (&admin, &done);
                scope.spawn(move || done.fetch_add(usize::from(push_one(admin, at)), Ordering::Relaxed))
            })
            .collect();
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let (bytes, reserved) = uses(&admin, "acme");
                assert!(bytes + reserved <= QUOTA, "{bytes} used and {reserved} reserved");
            }
        });
        let outcomes: Vec<_> = pushers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(outcomes.iter().all(Result::is_ok), "a push was answered with something else");
    });
    let done = done.into_inner();
    assert!((1..PUSHES).contains(&done), "{done} pushes had room");
    let exact = found(&admin, PUSHES);
    assert_eq!(uses(&admin, "acme"), (exact, 0));
    server.stop_calmly();
    server.restart();
    assert_eq!(uses(&server.admin(), "acme"), (exact, 0));
}

/// Sessions of all sorts, cut by a kill: some have acknowledged bytes, some were in the middle of their first.
#[test]
fn a_kill_in_the_middle_of_uploads_loses_no_count() {
    const QUOTA: u64 = 3_000_000;
    let mut server = setup().env("WHARF_LIMITS__STOP_TIMEOUT_S", "1").start();
    set(&server.admin(), "acme", &json!({ "quota_bytes": QUOTA })).expect(200);
    let mut bytes = 0;
    for round in 0..4_u64 {
        let admin = server.admin();
        let content: Vec<Vec<u8>> = (0..6).map(|at| noise(round * 10 + at + 1, 40_000)).collect();
        push_blob(&admin, "acme/app", &content[0]);
        bytes += 40_000;
        let locations: Vec<String> = content.iter().map(|_| begin(&admin, "acme/app")).collect();
        for at in 1..3 {
            let part = &content[at][..if at == 1 { 20_000 } else { 5_000 }];
            let patch = admin.request("PATCH", &locations[at]).header("Content-Type", "application/octet-stream");
            patch.body(part).send().expect(202);
        }
        // They wait for bytes that never come, until the server is gone.
        let cut: Vec<_> = (3..6).map(|at| half(&admin, &locations[at], &content[at])).collect();
        wait_for("the reservations", || (uses(&admin, "acme") == (bytes, 25_000 + 3 * 40_000)).then_some(()));
        server.kill();
        drop(cut);
        server.restart();
        let admin = server.admin();
        assert_eq!(uses(&admin, "acme"), (bytes, 25_000 + 3 * 40_000), "the notes and the count agree");
        for at in 1..6 {
            let offset = admin.get(&locations[at]).expect(204).offset();
            assert_eq!(offset, [0, 20_000, 5_000, 0, 0, 0][at]);
            if at % 2 == 0 {
                admin.delete(&locations[at]).expect(204);
                continue;
            }
            let target = format!("{}?digest={}", locations[at], digest(&content[at]));
            admin.put(&target, "application/octet-stream", &content[at][offset..]).expect(201);
            bytes += 40_000;
        }
        assert_eq!(uses(&admin, "acme"), (bytes, 0));
    }
    assert_kept(&mut server, bytes);
}

fn assert_kept(server: &mut Server, bytes: u64) {
    server.kill();
    server.restart();
    assert_eq!(uses(&server.admin(), "acme"), (bytes, 0));
}

/// Sends a half of what it says it sends; the connection, which stays open.
fn half(client: &Client, location: &str, content: &[u8]) -> TcpStream {
    let target = format!("{location}?digest={}", digest(content));
    let request = client.request("PUT", &target).header("Content-Length", content.len()).body("");
    let mut stream = client.connect();
    stream.write_all(request.head_bytes().as_bytes()).unwrap();
    stream.write_all(&content[..content.len() / 2]).unwrap();
    stream
}
