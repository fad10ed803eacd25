//! end-2: blobs are pulled.

use wharf_model::digest::{Algorithm, Digest};
use wharf_testkit::fixture::{digest, noise, push_blob};

use super::server;

/// spec: Pulling blobs: GET and HEAD answer 200 with the bytes, Docker-Content-Digest and Content-Length
#[test]
fn get_and_head() {
    let server = server();
    let client = server.admin();
    for size in [0, 1, 700, 16 << 10, (16 << 10) + 1, 3_000_000] {
        let bytes = noise(size as u64, size);
        let digest = push_blob(&client, "acme/app", &bytes);
        let target = format!("/v2/acme/app/blobs/{digest}");
        let got = client.get(&target).expect(200);
        assert!(got.body == bytes, "{size} bytes came back otherwise");
        let head = client.head(&target).expect(200);
        for answer in [&got, &head] {
            assert_eq!(answer.required("docker-content-digest"), digest.to_string());
            assert_eq!(answer.required("content-length"), size.to_string());
            assert_eq!(answer.required("content-type"), "application/octet-stream");
            assert_eq!(answer.required("etag"), format!("\"{digest}\""));
        }
        assert!(head.body.is_empty());
    }
}

/// spec: Pulling blobs: a blob that is not there is 404 BLOB_UNKNOWN, in a repository that is not there NAME_UNKNOWN
#[test]
fn not_there() {
    let server = server();
    let client = server.admin();
    push_blob(&client, "acme/app", b"something");
    let other = digest(b"something else");
    client.get(&format!("/v2/acme/app/blobs/{other}")).expect_error(404, "BLOB_UNKNOWN");
    client.get(&format!("/v2/acme/none/blobs/{other}")).expect_error(404, "NAME_UNKNOWN");
    let head = client.head(&format!("/v2/acme/app/blobs/{other}")).expect(404);
    assert!(head.body.is_empty());
}

/// spec: Pulling blobs: a blob of another repository is not there
#[test]
fn of_another_repository() {
    let server = server();
    let client = server.admin();
    let digest = push_blob(&client, "acme/one", &noise(1, 20_000));
    push_blob(&client, "acme/two", b"x");
    client.get(&format!("/v2/acme/two/blobs/{digest}")).expect_error(404, "BLOB_UNKNOWN");
}

/// spec: Pulling blobs: Range is answered with 206 and Content-Range, or 416 where it cannot be satisfied
#[test]
fn ranges() {
    let server = server();
    let client = server.admin();
    for size in [1000, 600_000] {
        let bytes = noise(7, size);
        let digest = push_blob(&client, "acme/app", &bytes);
        let target = format!("/v2/acme/app/blobs/{digest}");
        let part = |range: &str| client.request("GET", &target).header("Range", range).send();
        for (range, start, end) in [
            ("bytes=0-0", 0, 1),
            ("bytes=10-99", 10, 100),
            ("bytes=500-", 500, size),
            ("bytes=-100", size - 100, size),
            ("bytes=0-99999999", 0, size),
        ] {
            let got = part(range).expect(206);
            assert!(got.body == bytes[start..end], "{range} of {size}");
            assert_eq!(got.required("content-range"), format!("bytes {start}-{}/{size}", end - 1));
        }
        let beyond = part(&format!("bytes={size}-")).expect(416);
        assert_eq!(beyond.required("content-range"), format!("bytes */{size}"));
        assert!(part("bytes=0-1,5-6").expect(200).body == bytes, "several ranges are answered whole");
        assert_eq!(client.head(&target).required("accept-ranges"), "bytes");
    }
}

/// spec: Pulling blobs: conditional requests are understood (RFC 9110)
#[test]
fn conditional() {
    let server = server();
    let client = server.admin();
    let digest = push_blob(&client, "acme/app", b"0123456789");
    let target = format!("/v2/acme/app/blobs/{digest}");
    let with = |name: &str, value: &str| client.request("GET", &target).header(name, value).send();
    assert!(with("If-None-Match", &format!("\"{digest}\"")).expect(304).body.is_empty());
    assert!(with("If-None-Match", &format!("\"x\", W/\"{digest}\"")).expect(304).body.is_empty());
    with("If-None-Match", "\"sha256:0\"").expect(200);
    let (weak, ours) = (format!("W/\"{digest}\""), format!("\"{digest}\""));
    let lines = client.request("GET", &target).header("If-None-Match", "\"x\"").header("If-None-Match", &ours).send();
    let whole = client.get(&target).expect(200);
    for field in ["etag", "cache-control", "docker-content-digest"] {
        assert_eq!(lines.clone().expect(304).required(field), whole.required(field));
    }
    with("If-Match", &ours).expect(200);
    with("If-Match", "*").expect(200);
    with("If-Match", "\"sha256:0\"").expect(412);
    with("If-Match", &weak).expect(412);
    let both = |tag: &str| client.request("GET", &target).header("Range", "bytes=1-2").header("If-Range", tag).send();
    assert_eq!(both(&format!("\"{digest}\"")).expect(206).text(), "12");
    for other in ["\"other\"", &weak, "Sun, 06 Nov 1994 08:49:37 GMT"] {
        assert_eq!(both(other).expect(200).text(), "0123456789", "{other}");
    }
}

/// spec: Pulling blobs: sha512 stands beside sha256
#[test]
fn sha512() {
    let server = server();
    let client = server.admin();
    for size in [100, 100_000] {
        let bytes = noise(9, size);
        let digest = Digest::of(Algorithm::Sha512, &bytes);
        let location = client.post("/v2/acme/app/blobs/uploads/").required("location").to_owned();
        let put =
            client.put(&format!("{location}?digest={digest}"), "application/octet-stream", bytes.clone()).expect(201);
        assert_eq!(put.required("docker-content-digest"), digest.to_string());
        assert!(client.get(&format!("/v2/acme/app/blobs/{digest}")).expect(200).body == bytes);
    }
}
