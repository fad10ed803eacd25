//! end-4 to end-6, end-11, end-13, end-14: blobs are pushed and mounted.

use std::io::Write as _;

use wharf_model::digest::{Algorithm, Digest};
use wharf_testkit::fixture::{begin, digest, noise, push_blob};
use wharf_testkit::http::{Client, Response};
use wharf_testkit::server::wait_for;

use super::server;

fn patch(client: &Client, location: &str, range: Option<(usize, usize)>, bytes: &[u8]) -> Response {
    let mut request = client.request("PATCH", location).header("Content-Type", "application/octet-stream");
    if let Some((first, last)) = range {
        request = request.header("Content-Range", format!("{first}-{last}"));
    }
    request.body(bytes).send()
}

/// spec: Pushing a blob monolithically: POST then PUT, with Location and Docker-Content-Digest
#[test]
fn post_then_put() {
    let server = server();
    let client = server.admin();
    let bytes = noise(1, 50_000);
    let digest = digest(&bytes);
    let begun = client.post("/v2/acme/app/blobs/uploads/").expect(202);
    let location = begun.required("location").to_owned();
    assert!(location.contains(begun.required("docker-upload-uuid")));
    let put = client.put(&format!("{location}?digest={digest}"), "application/octet-stream", bytes).expect(201);
    assert_eq!(put.required("location"), format!("/v2/acme/app/blobs/{digest}"));
    assert_eq!(put.required("docker-content-digest"), digest.to_string());
    client.head(put.required("location")).expect(200);
    client.get(&location).expect_error(404, "BLOB_UPLOAD_UNKNOWN");
}

/// spec: Pushing a blob monolithically: single POST
#[test]
fn single_post() {
    let server = server();
    let client = server.admin();
    let bytes = noise(2, 30_000);
    let digest = digest(&bytes);
    let target = format!("/v2/acme/app/blobs/uploads/?digest={digest}");
    let post = client.request("POST", &target).body(bytes).send().expect(201);
    assert_eq!(post.required("docker-content-digest"), digest.to_string());
    client.head(post.required("location")).expect(200);
}

/// spec: Pushing a blob monolithically: a body of unknown length
#[test]
fn streamed() {
    let server = server();
    let client = server.admin();
    for size in [300, 2_000_000] {
        let bytes = noise(3, size);
        let target = format!("{}?digest={}", begin(&client, "acme/app"), digest(&bytes));
        client.request("PUT", &target).body(bytes).chunked().send().expect(201);
    }
}

/// spec: Pushing a blob in chunks: PATCH, PATCH, PUT, each answered with Range and Location
#[test]
fn chunks() {
    let server = server();
    let client = server.admin();
    for (first, second) in [(10, 100), (10_000, 20_000), (100_000, 200_000)] {
        let bytes = noise(4, second + 50);
        let location = begin(&client, "acme/app");
        let one = patch(&client, &location, Some((0, first - 1)), &bytes[..first]).expect(202);
        assert_eq!(one.required("range"), format!("0-{}", first - 1));
        let status = client.get(one.required("location")).expect(204);
        assert_eq!(status.required("range"), format!("0-{}", first - 1));
        let two =
            patch(&client, status.required("location"), Some((first, second - 1)), &bytes[first..second]).expect(202);
        let last = format!("{}?digest={}", two.required("location"), digest(&bytes));
        let put = client.request("PUT", &last).header("Content-Range", format!("{second}-{}", second + 49));
        let put = put.body(&bytes[second..]).send().expect(201);
        assert!(client.get(put.required("location")).expect(200).body == bytes);
    }
}

/// spec: Pushing a blob in chunks: a chunk out of order is 416, and the session goes on from its offset
#[test]
fn out_of_order() {
    let server = server();
    let client = server.admin();
    let bytes = noise(5, 60_000);
    let location = begin(&client, "acme/app");
    patch(&client, &location, Some((0, 29_999)), &bytes[..30_000]).expect(202);
    for range in [(0, 9), (29_999, 30_008), (30_001, 30_010)] {
        let refused = patch(&client, &location, Some(range), &bytes[range.0..=range.1]);
        let refused = refused.expect_error(416, "BLOB_UPLOAD_INVALID");
        assert_eq!(refused.required("range"), "0-29999");
        assert_eq!(refused.json()["errors"][0]["detail"]["offset"], 30_000);
    }
    let last = format!("{location}?digest={}", digest(&bytes));
    let put = |range: &str| client.request("PUT", &last).header("Content-Range", range).body(&bytes[30_000..]).send();
    put("0-29999").expect_error(416, "BLOB_UPLOAD_INVALID");
    put("30000-59999").expect(201);
}

/// spec: Pushing a blob in chunks: a chunk that is not as long as it says is refused and nothing of it is kept
#[test]
fn of_another_length() {
    let server = server();
    let client = server.admin();
    let location = begin(&client, "acme/app");
    patch(&client, &location, Some((0, 99)), &[1; 50]).expect_error(400, "SIZE_INVALID");
    patch(&client, &location, Some((0, 9)), &[1; 50]).expect_error(400, "SIZE_INVALID");
    let chunked = client.request("PATCH", &location).header("Content-Range", "0-9").body([1; 50]).chunked();
    chunked.send().expect_error(400, "SIZE_INVALID");
    client.request("PATCH", &location).header("Content-Range", "x-y").body([1; 5]).send().expect(416);
    assert_eq!(client.get(&location).expect(204).required("range"), "0-0");
    patch(&client, &location, Some((0, 9)), &[1; 10]).expect(202);
}

/// spec: Pushing a blob in chunks: a last chunk without a range, and an empty one with it, are taken
#[test]
fn generous_last_chunk() {
    let server = server();
    let client = server.admin();
    let bytes = noise(6, 40_000);
    let target = |location: &str| format!("{location}?digest={}", digest(&bytes));
    let location = begin(&client, "acme/app");
    patch(&client, &location, None, &bytes[..20_000]).expect(202);
    client.put(&target(&location), "application/octet-stream", &bytes[20_000..]).expect(201);
    let location = begin(&client, "acme/other");
    patch(&client, &location, None, &bytes).expect(202);
    client.request("PUT", &target(&location)).header("Content-Range", "0-39999").body("").send().expect(201);
}

/// spec: Pushing a blob in chunks: digest-algorithm names the algorithm; without it sha512 is taken all the same
#[test]
fn other_algorithm() {
    let server = server();
    let client = server.admin();
    let bytes = noise(7, 70_000);
    let digest = Digest::of(Algorithm::Sha512, &bytes);
    for query in ["?digest-algorithm=sha512", ""] {
        let begun = client.post(&format!("/v2/acme/app{}/blobs/uploads/{query}", query.len())).expect(202);
        let location = begun.required("location").to_owned();
        patch(&client, &location, Some((0, 39_999)), &bytes[..40_000]).expect(202);
        patch(&client, &location, Some((40_000, 69_999)), &bytes[40_000..]).expect(202);
        client.put(&format!("{location}?digest={digest}"), "application/octet-stream", "").expect(201);
    }
    let unknown = client.post("/v2/acme/app/blobs/uploads/?digest-algorithm=md5");
    unknown.expect_error(400, "DIGEST_INVALID");
}

/// spec: Pushing a blob in chunks: content of another digest is 400 DIGEST_INVALID and ends the session
#[test]
fn wrong_digest() {
    let server = server();
    let client = server.admin();
    for size in [100, 100_000] {
        let location = begin(&client, "acme/app");
        patch(&client, &location, None, &noise(8, size)).expect(202);
        let other = digest(b"other");
        let put = client.put(&format!("{location}?digest={other}"), "application/octet-stream", "");
        let put = put.expect_error(400, "DIGEST_INVALID");
        assert_eq!(put.json()["errors"][0]["detail"]["stated"], other.to_string());
        client.get(&location).expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        client.head(&format!("/v2/acme/app/blobs/{other}")).expect(404);
    }
    let location = begin(&client, "acme/app");
    for bad in ["", "?digest=", "?digest=sha256:12", "?digest=md5:d41d8cd98f00b204e9800998ecf8427e"] {
        client.put(&format!("{location}{bad}"), "application/octet-stream", "x").expect_error(400, "DIGEST_INVALID");
    }
}

/// spec: Cancel a blob upload: DELETE answers 204, and the session is gone
#[test]
fn cancel() {
    let server = server();
    let client = server.admin();
    for size in [0, 100, 100_000] {
        let location = begin(&client, "acme/app");
        if size > 0 {
            patch(&client, &location, None, &noise(9, size)).expect(202);
        }
        client.delete(&location).expect(204);
        client.get(&location).expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        client.delete(&location).expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        patch(&client, &location, None, b"more").expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    }
}

/// spec: Mounting a blob from another repository: 201 with from, 201 without from where the caller may read it, else 202
#[test]
fn mount() {
    let server = server();
    let client = server.admin();
    let digest = push_blob(&client, "acme/from", &noise(10, 30_000));
    let with = client.post(&format!("/v2/acme/to/blobs/uploads/?mount={digest}&from=acme/from")).expect(201);
    assert_eq!(with.required("location"), format!("/v2/acme/to/blobs/{digest}"));
    assert_eq!(with.required("docker-content-digest"), digest.to_string());
    client.head(&format!("/v2/acme/to/blobs/{digest}")).expect(200);
    client.post(&format!("/v2/acme/any/blobs/uploads/?mount={digest}")).expect(201);
    let none = wharf_testkit::fixture::digest(b"none");
    let begun = client.post(&format!("/v2/acme/to/blobs/uploads/?mount={none}&from=acme/from")).expect(202);
    begun.required("location");
    client.post(&format!("/v2/acme/to/blobs/uploads/?mount={digest}&from=acme/missing")).expect(202);
    client.post("/v2/acme/to/blobs/uploads/?mount=sha256:1").expect_error(400, "DIGEST_INVALID");
    client.post(&format!("/v2/acme/to/blobs/uploads/?mount={digest}&from=A")).expect_error(400, "NAME_INVALID");
}

/// spec: Pushing blobs: a session belongs to its repository, and its name cannot be made up
#[test]
fn session_names() {
    let server = server();
    let client = server.admin();
    let location = begin(&client, "acme/app");
    let session = location.rsplit('/').next().unwrap();
    client.get(&format!("/v2/acme/other/blobs/uploads/{session}")).expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    let mut forged = session.to_owned();
    forged.replace_range(0..1, if session.starts_with('0') { "1" } else { "0" });
    for bad in [&forged[..], "x", "00000000-0000-0000-0000-000000000000", "..", "%2e%2e%2fetc", "a.b", "."] {
        client.get(&format!("/v2/acme/app/blobs/uploads/{bad}")).expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    }
}

/// spec: Pushing blobs: the state of a session is in its path, the query may be dropped, and POST needs no slash
#[test]
fn query_may_be_dropped() {
    let server = server();
    let client = server.admin();
    let location = client.post("/v2/acme/app/blobs/uploads").expect(202).required("location").to_owned();
    assert!(!location.contains('?'), "{location}");
    assert!(location.starts_with("/v2/"), "relative, so that it is right through any proxy: {location}");
}

/// spec: Pushing a blob in chunks: what came before a broken connection is kept and can be gone on from
#[test]
fn broken_connection() {
    let server = server();
    let client = server.admin();
    let bytes = noise(11, 900_000);
    let location = begin(&client, "acme/app");
    let head = format!(
        "PATCH {location} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Length: 900000\r\n\r\n",
        client.authorization.as_deref().unwrap()
    );
    let mut stream = client.connect();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&bytes[..500_000]).unwrap();
    drop(stream);
    // Asked without touching the session: a chunk that is sent to find out could come before the broken one, which would be refused.
    let offset = wait_for("what came to be kept", || {
        let range = client.get(&location).expect(204).required("range").to_owned();
        range.strip_prefix("0-").and_then(|last| last.parse().ok()).filter(|last| *last > 0).map(|last: usize| last + 1)
    });
    assert!(offset <= 500_000);
    // The server notices the end of the connection when it notices it; until then it holds the session.
    wait_for("the session to be free", || {
        let rest = patch(&client, &location, Some((offset, 899_999)), &bytes[offset..]);
        (rest.status != 409).then(|| rest.expect(202))
    });
    client.put(&format!("{location}?digest={}", digest(&bytes)), "application/octet-stream", "").expect(201);
}

/// spec: Pushing blobs: two clients that push one digest at once both succeed
#[test]
fn one_digest_at_once() {
    let server = server();
    let bytes = noise(12, 400_000);
    std::thread::scope(|scope| {
        for at in 0..8 {
            let (client, bytes) = (server.admin(), &bytes);
            scope.spawn(move || push_blob(&client, &format!("acme/app{}", at % 2), bytes));
        }
    });
    let files = || walk(&server.data.join("blobs/sha256"));
    // The losers' bytes go a moment later.
    wait_for("one copy to be left", || (files() == 1).then_some(()));
}

fn walk(folder: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { 1 }).sum()
}
