//! curl: the protocol by hand, and each of its errors.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wharf_model::code::ErrorCode;
use wharf_testkit::fixture::{Artifact, begin, digest, noise, push_blob};
use wharf_testkit::http::Client;
use wharf_testkit::server::{PASSWORD, Server};

use super::sandbox::Sandbox;
use super::{server, setup, tls};

/// Codes that no request reaches yet. DENIED is for who is known and may not; so far there is nobody but the
/// administrator, and a token that is not enough is answered with UNAUTHORIZED and a challenge for a better one.
const NOT_YET: &[ErrorCode] = &[ErrorCode::Denied];

/// What curl shows: the status, the body.
#[track_caller]
pub(super) fn curl(sandbox: &Sandbox, arguments: &str) -> (u16, String) {
    let said = sandbox.ok(format!("curl -s --globoff -w '\n%{{http_code}}' {arguments}"));
    let (body, status) = said.rsplit_once('\n').unwrap_or(("", &said));
    (status.parse().unwrap(), body.to_owned())
}

pub(super) fn login() -> String {
    format!("-u 'admin:{PASSWORD}'")
}

/// A token for `scope`, by the token service.
fn token(sandbox: &Sandbox, server: &Server, scope: &str) -> String {
    let url = format!("http://{}/token?service=any&scope={scope}", server.address);
    let (status, body) = curl(sandbox, &format!("{} {url}", login()));
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    format!("-H 'Authorization: Bearer {}'", answer["token"].as_str().unwrap())
}

#[test]
fn each_error() {
    let server = server();
    let sandbox = Sandbox::new(&["curl"]);
    let (v2, admin) = (format!("http://{}/v2", server.address), server.admin());
    Artifact::small(1).push(&admin, "acme/app", "v1");
    let mut reached = BTreeSet::new();
    let login = login();
    for (status, code, request) in rows(&sandbox, &v2, &admin) {
        check(&sandbox, status, code, &format!("{login} {request}"));
        reached.insert(code);
    }
    let pull = token(&sandbox, &server, "repository:acme/app:pull");
    for request in [
        format!("{v2}/"),
        format!("{v2}/acme/app/manifests/v1"),
        format!("-X POST {v2}/acme/app/blobs/uploads/"),
        format!("-u admin:wrong {v2}/"),
        format!("-u nobody:wrong {v2}/acme/app/tags/list"),
        format!("-H 'Authorization: Bearer made.up' {v2}/"),
        format!("{pull} -X DELETE {v2}/acme/app/manifests/v1"),
        format!("{pull} {v2}/other/app/tags/list"),
        format!("{v2}/_catalog"),
    ] {
        check(&sandbox, 401, "UNAUTHORIZED", &request);
    }
    reached.extend(["UNAUTHORIZED", too_many(&sandbox, &v2)]);
    let name = |code: &ErrorCode| json!(code).as_str().unwrap().to_owned();
    let all: BTreeSet<_> = ErrorCode::ALL.iter().filter(|code| !NOT_YET.contains(code)).map(name).collect();
    assert_eq!(all, reached.into_iter().map(str::to_owned).collect());
    assert_eq!(curl(&sandbox, &format!("{pull} {v2}/acme/app/tags/list")).0, 200, "it is still well");
}

/// Requests of the administrator, and what they are answered with.
fn rows(sandbox: &Sandbox, v2: &str, admin: &Client) -> Vec<(u16, &'static str, String)> {
    let app = format!("{v2}/acme/app");
    let host = v2.trim_end_matches("/v2");
    let absent = digest(b"absent");
    let blob = push_blob(admin, "acme/app", b"twelve bytes");
    let upload = || format!("{host}{}", begin(admin, "acme/app"));
    let data = "-H 'Content-Type: application/octet-stream' --data-binary";
    let chunk = |range: &str| format!("-X PATCH -H 'Content-Range: {range}' {data} 12345 {}", upload());
    let file = |name: &str, bytes: &[u8]| sandbox.write(name, bytes);
    let image = file("image", &Artifact::image(b"absent", &[]).manifest);
    let broken = file("broken", b"{");
    let large = file("large", &[b' '; (4 << 20) + 1]);
    let put = |name: &str, reference: &str| {
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        format!("-X PUT -H 'Content-Type: {media_type}' --data-binary @{name} {app}/manifests/{reference}")
    };
    let path = |path: &str| format!("--path-as-is {v2}/{path}");
    vec![
        (404, "BLOB_UNKNOWN", format!("{app}/blobs/{absent}")),
        (404, "BLOB_UNKNOWN", format!("-X DELETE {app}/blobs/{absent}")),
        (416, "BLOB_UPLOAD_INVALID", chunk("5-9")),
        (416, "BLOB_UPLOAD_INVALID", chunk("from the start")),
        (404, "BLOB_UPLOAD_UNKNOWN", format!("{app}/blobs/uploads/none")),
        (404, "BLOB_UPLOAD_UNKNOWN", format!("-X PATCH {data} x {app}/blobs/uploads/none")),
        (404, "BLOB_UPLOAD_UNKNOWN", format!("-X PUT {data} x {app}/blobs/uploads/none?digest={absent}")),
        (400, "DIGEST_INVALID", format!("{app}/blobs/sha256:12")),
        (400, "DIGEST_INVALID", format!("{app}/manifests/md5:d41d8cd98f00b204e9800998ecf8427e")),
        (400, "DIGEST_INVALID", format!("-X PUT {data} other {}?digest={absent}", upload())),
        (400, "DIGEST_INVALID", format!("-X PUT {data} x {}", upload())),
        (400, "DIGEST_INVALID", format!("-X POST {app}/blobs/uploads/?mount=none&from=acme/app")),
        (400, "DIGEST_INVALID", put(&image, &absent.to_string())),
        (400, "MANIFEST_BLOB_UNKNOWN", put(&image, "v2")),
        (400, "MANIFEST_INVALID", put(&broken, "v2")),
        (413, "MANIFEST_INVALID", put(&large, "v2")),
        (400, "MANIFEST_INVALID", put(&image, ".v2")),
        (404, "MANIFEST_UNKNOWN", format!("{app}/manifests/none")),
        (404, "MANIFEST_UNKNOWN", format!("{app}/manifests/{absent}")),
        (404, "MANIFEST_UNKNOWN", format!("-X DELETE {app}/manifests/none")),
        (400, "NAME_INVALID", path("Acme/app/tags/list")),
        (400, "NAME_INVALID", path("acme/../app/manifests/v1")),
        (400, "NAME_INVALID", path("acme//app/tags/list")),
        (400, "NAME_INVALID", path(&format!("{}/tags/list", "a".repeat(256)))),
        (404, "NAME_UNKNOWN", path("none/app/tags/list")),
        (404, "NAME_UNKNOWN", path("none/app/manifests/v1")),
        (400, "SIZE_INVALID", chunk("0-9")),
        (416, "SIZE_INVALID", format!("-H 'Range: bytes=100-' {app}/blobs/{blob}")),
        (405, "UNSUPPORTED", format!("-X POST {app}/manifests/v1")),
        (405, "UNSUPPORTED", format!("-X PUT {app}/tags/list")),
        (400, "UNSUPPORTED", format!("{app}/tags/list?n=-1")),
        (404, "UNSUPPORTED", format!("{app}/nothing")),
    ]
}

#[track_caller]
fn check(sandbox: &Sandbox, status: u16, code: &str, request: &str) {
    let (answered, body) = curl(sandbox, request);
    let json: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{request}: {error}: {body}"));
    let error = &json["errors"][0];
    assert_eq!((answered, error["code"].as_str()), (status, Some(code)), "{request}: {body}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{request}: {body}");
    assert!(error["detail"].as_object().is_some_and(|detail| !detail.is_empty()), "{request}: {body}");
}

/// More logins at once than may be verified; the code that some of them are answered with.
fn too_many(sandbox: &Sandbox, v2: &str) -> &'static str {
    let url = v2.replace("http://", "http://user[1-150]:wrong@");
    let said = sandbox.ok(format!(
        "curl -s -Z --parallel-max 150 --parallel-immediate -w '\n%{{http_code}} %header{{retry-after}}\n' {url}/"
    ));
    assert!(said.contains("\n429 1\n") && said.contains("\"code\":\"TOOMANYREQUESTS\""), "{said}");
    assert!(said.contains("\"detail\":{\"retry_after_s\":1}"), "{said}");
    "TOOMANYREQUESTS"
}

#[test]
fn login_by_hand() {
    let server = server();
    let sandbox = Sandbox::new(&["curl"]);
    let v2 = format!("http://{}/v2", server.address);
    let (status, headers) = curl(&sandbox, &format!("-o /dev/null -D - {v2}/"));
    let challenge = format!("www-authenticate: Bearer realm=\"http://{0}/token\",service=\"{0}\"", server.address);
    assert!(status == 401 && headers.contains(&challenge), "{headers}");
    assert_eq!(headers.matches("www-authenticate").count(), 1, "Docker obeys every challenge: {headers}");
    let (status, headers) = curl(&sandbox, &format!("-o /dev/null -D - -u admin:wrong {v2}/"));
    assert!(status == 401 && headers.contains("www-authenticate: Basic realm="), "{headers}");
    assert_eq!(curl(&sandbox, &format!("{} {v2}/", login())).0, 200);
    let form = format!("-d grant_type=password -d username=admin --data-urlencode 'password={PASSWORD}'");
    let (status, body) = curl(&sandbox, &format!("{form} -d service=any http://{}/token", server.address));
    assert_eq!(status, 200, "{body}");
    assert_eq!(curl(&sandbox, &format!("{} http://{}/token", "-u admin:wrong", server.address)).0, 401);
    let catalog = token(&sandbox, &server, "registry:catalog:*");
    assert_eq!(curl(&sandbox, &format!("{catalog} {v2}/_catalog")), (200, r#"{"repositories":[]}"#.to_owned()));
}

#[test]
fn a_blob_and_a_manifest_by_hand() {
    let server = server();
    let sandbox = Sandbox::new(&["curl"]);
    let base = format!("http://{}", server.address);
    let scopes = "repository:acme/app:pull,push,delete&scope=repository:acme/other:pull,push";
    push_and_pull(&sandbox, &base, &token(&sandbox, &server, scopes));
}

#[test]
fn open_to_all() {
    let server = setup().arg("--open").start();
    let sandbox = Sandbox::new(&["curl"]);
    push_and_pull(&sandbox, &format!("http://{}", server.address), "");
}

#[test]
fn tls_of_a_private_authority() {
    let sandbox = Sandbox::new(&["curl"]);
    let server = tls::server(&sandbox);
    let port = server.address.port();
    sandbox.fails(format!("curl -s https://127.0.0.1:{port}/v2/"));
    for (host, version, number) in [("127.0.0.1", "--http1.1", "1.1"), ("localhost", "--http2", "2")] {
        let base = format!("https://{host}:{port}");
        let with = format!("--cacert ca/ca.crt {version} {}", login());
        let spoken = sandbox.ok(format!("curl -s -o /dev/null -w '%{{http_version}}' {with} {base}/v2/"));
        assert_eq!(spoken, number);
        push_and_pull(&sandbox, &base, &with);
    }
}

/// An image by every sort of upload that there is, and back by range and whole, and away.
#[track_caller]
pub(super) fn push_and_pull(sandbox: &Sandbox, base: &str, with: &str) {
    let app = format!("{base}/v2/acme/app");
    let data = "-H 'Content-Type: application/octet-stream'";
    let layers = [noise(1, 100), noise(2, 70_000), noise(3, 500_000)];
    let files = [0, 1, 2].map(|number| sandbox.write(&format!("layer{number}"), &layers[number]));
    let digests = layers.each_ref().map(|layer| digest(layer));
    let begin = || {
        let headers = curl(sandbox, &format!("{with} -X POST -o /dev/null -D - {app}/blobs/uploads/")).1;
        let location = headers.lines().find_map(|line| line.strip_prefix("location: ")).expect("a location");
        format!("{base}{}", location.trim())
    };
    let ok = |status: u16, request: &str| {
        let (answered, body) = curl(sandbox, &format!("{with} {request}"));
        assert_eq!(answered, status, "{request}: {body}");
        body
    };
    // In one request; in one of unknown length; in two chunks and a last one without anything.
    ok(201, &format!("-X POST {data} --data-binary @{} {app}/blobs/uploads/?digest={}", files[0], digests[0]));
    let unknown = "-H 'Transfer-Encoding: chunked'";
    ok(201, &format!("-T {} {data} {unknown} {}?digest={}", files[1], begin(), digests[1]));
    let (upload, bytes) = (begin(), &layers[2]);
    for (first, last) in [(0, 199_999), (200_000, 499_999)] {
        let chunk = sandbox.write("chunk", &bytes[first..=last]);
        ok(202, &format!("-X PATCH {data} -H 'Content-Range: {first}-{last}' --data-binary @{chunk} {upload}"));
    }
    ok(201, &format!("-X PUT -H 'Content-Length: 0' {upload}?digest={}", digests[2]));

    let artifact = Artifact::image(&layers[0], &layers[1..]);
    let manifest = sandbox.write("manifest", &artifact.manifest);
    let put = format!("-X PUT -H 'Content-Type: {}' --data-binary @{manifest}", artifact.media_type);
    ok(201, &format!("{put} {app}/manifests/v1"));
    assert_eq!(ok(200, &format!("{app}/manifests/v1")).into_bytes(), artifact.manifest);
    for (bytes, digest) in layers.iter().zip(&digests) {
        ok(200, &format!("-o back {app}/blobs/{digest}"));
        assert!(std::fs::read(sandbox.path("back")).unwrap() == *bytes);
        ok(206, &format!("-o part -r 10-19 {app}/blobs/{digest}"));
        assert_eq!(std::fs::read(sandbox.path("part")).unwrap(), bytes[10..20]);
    }
    assert_eq!(ok(200, &format!("{app}/tags/list")), r#"{"name":"acme/app","tags":["v1"]}"#);
    ok(201, &format!("-X POST {base}/v2/acme/other/blobs/uploads/?mount={}&from=acme/app", digests[2]));
    ok(200, &format!("-I {base}/v2/acme/other/blobs/{}", digests[2]));
    ok(202, &format!("-X DELETE {app}/manifests/{}", artifact.digest()));
    ok(404, &format!("{app}/manifests/v1"));
}
