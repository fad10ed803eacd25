//! Names, digests, tags and parameters of every wrong shape.

use wharf_testkit::fixture::{Artifact, begin, digest, push_blob};

use super::{head, raw, setup};

const NAMES: &[&str] = &[
    "-a", "a-", ".a", "a.", "_a", "a_", "a..b", "a___b", "a._b", "a/-b", "a/b-", "a//b", "/a", "a/", "A", "a/B", "é",
    "a b", "a+b", "a:b", "a@b", "a*b", "a\\b", "~", "a/./b", "a/../b", "..", "../..", "a/..",
];

#[test]
fn names_of_every_wrong_shape() {
    let mut server = setup().start();
    let client = server.admin();
    let image = Artifact::small(1);
    let long = ["a".repeat(256), vec!["a"; 200].join("/"), vec!["ab"; 2000].join("/")];
    for name in NAMES.iter().copied().chain(long.iter().map(String::as_str)) {
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>().replace("%2f", "/");
        for name in [&encoded, name] {
            // Bytes outside of ASCII and spaces are no part of a URL as they are.
            if !name.is_ascii() || name.contains(' ') {
                continue;
            }
            let case = |status: u16| assert!([400, 404].contains(&status), "{name}: {status}");
            client.get(&format!("/v2/{name}/tags/list")).expect_error(400, "NAME_INVALID");
            client.post(&format!("/v2/{name}/blobs/uploads/")).expect_error(400, "NAME_INVALID");
            let put = client.put(&format!("/v2/{name}/manifests/x"), &image.media_type, image.manifest.clone());
            put.expect_error(400, "NAME_INVALID");
            client.get(&format!("/v2/{name}/blobs/{}", digest(b"x"))).expect_error(400, "NAME_INVALID");
            client.get(&format!("/v2/{name}/referrers/{}", digest(b"x"))).expect_error(400, "NAME_INVALID");
            case(client.delete(&format!("/v2/{name}/manifests/x")).status);
            let from = format!("/v2/acme/app/blobs/uploads/?mount={}&from={encoded}", digest(b"x"));
            client.post(&from).expect_error(400, "NAME_INVALID");
        }
    }
    server.expect_alive();
    let catalog = client.get("/v2/_catalog").expect(200).json();
    assert_eq!(catalog["repositories"], serde_json::json!([]), "none of them came into being");
    server.stop_calmly();
}

#[test]
fn digests_of_every_wrong_shape() {
    let mut server = setup().start();
    let client = server.admin();
    let blob = push_blob(&client, "acme/app", b"something").to_string();
    let hex = blob.strip_prefix("sha256:").unwrap();
    let location = begin(&client, "acme/app");
    for bad in [
        "sha256:",
        ":",
        "sha256",
        hex,
        &format!("sha256:{}", &hex[1..]),
        &format!("sha256:{hex}0"),
        &format!("sha256:{}", hex.to_uppercase()),
        &format!("SHA256:{hex}"),
        &format!("sha512:{hex}"),
        &format!("sha1:{}", &hex[..40]),
        &format!("md5:{}", &hex[..32]),
        &format!("sha256:{}", "g".repeat(64)),
        &format!("sha256:{}", "%30".repeat(63)),
        &format!("sha256:{hex}:x"),
        &format!("sha256+b64:{hex}"),
        &format!("sha256:..%2f..%2f{}", &hex[..58]),
        &format!("sha256:%00{}", &hex[1..]),
        &format!("sha256:{}", "0".repeat(10_000)),
    ] {
        for method in ["GET", "DELETE"] {
            let of = |kind: &str| client.request(method, &format!("/v2/acme/app/{kind}/{bad}")).send();
            of("blobs").expect_error(400, "DIGEST_INVALID");
            // Without a colon it may be a tag.
            let manifest = of("manifests");
            assert!([400, 404].contains(&manifest.status), "{bad}: {}", manifest.status);
        }
        client.head(&format!("/v2/acme/app/blobs/{bad}")).expect(400);
        client.get(&format!("/v2/acme/app/referrers/{bad}")).expect_error(400, "DIGEST_INVALID");
        let query = bad.replace('+', "%2b");
        let digest = format!("digest={query}");
        client.post(&format!("/v2/acme/app/blobs/uploads/?{digest}")).expect_error(400, "DIGEST_INVALID");
        client.post(&format!("/v2/acme/app/blobs/uploads/?mount={query}")).expect_error(400, "DIGEST_INVALID");
        client
            .put(&format!("{location}?{digest}"), "application/octet-stream", "x")
            .expect_error(400, "DIGEST_INVALID");
        server.expect_alive();
    }
    assert_eq!(client.get(&location).expect(204).offset(), 0);
    server.stop_calmly();
}

#[test]
fn paths_that_want_to_be_elsewhere() {
    let mut server = setup().start();
    let client = server.admin();
    let folder = server.data.parent().unwrap().to_owned();
    let long = format!("/v2/{}", "../".repeat(3_000));
    for path in [
        "/v2/../../../etc/passwd",
        "/v2/a/../../b/tags/list",
        "/v2/%2e%2e/%2e%2e/tags/list",
        "/v2/a/blobs/uploads/../../../../x",
        "/v2/a/blobs/uploads/%2e%2e%2f%2e%2e%2fledger.db",
        "/v2/a/blobs/uploads/..",
        "/v2/a/blobs/uploads/%00",
        "/v2/a/blobs/%2e%2e%2f%2e%2e%2fsecret.key",
        "/v2/a/blobs/sha256:..%2f..%2fsecret.key",
        "/v2/a/manifests/../../../x",
        "/v2/a/manifests/..",
        "/v2/a/manifests/%2e%2e%2fx",
        "/v2/a/manifests/%ff%fe",
        "/v2/a/manifests/%",
        "/v2/a/manifests/%zz",
        "/v2/a/manifests/",
        "/v2/a/tags/list/",
        "/v2/a/tags/list%00",
        "/v2/a%5c..%5cb/tags/list",
        "/v2//tags/list",
        "/v2///",
        "/v2/%",
        "/v2/a",
        "/v2/a/b/c",
        "/v2/./tags/list",
        "//v2/",
        "/V2/",
        "/v2x/",
        "/%76%32/",
        "/livez/../secret.key",
        "/token/x",
        "/api/v1/projects/../../x",
        "/api/v1/projects/..%2f..%2fx",
        "/api/v1/projects/",
        "/api/../secret.key",
        "/etc/passwd",
        &long,
    ] {
        for method in ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "FROB"] {
            let answer = raw(&client, &head(&client, method, path, "Connection: close\r\nContent-Length: 0\r\n"));
            let status = answer.map_or(400, |answer| answer.status);
            assert!((400..500).contains(&status), "{method} {path}: {status}");
        }
        server.expect_alive();
    }
    for target in
        ["*", "", "x", "http://", "http://evil/v2/", "x:y", "/v2/\u{1}", "/v2/ /x", "/v2/é", "/v2/?n=%ff", "/v2/#x"]
    {
        let status = raw(&client, &head(&client, "GET", target, "Connection: close\r\n")).map_or(400, |a| a.status);
        assert!(status < 500, "{target}: {status}");
        server.expect_alive();
    }
    let mut inside: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.file_name()).collect();
    inside.sort();
    assert_eq!(inside, ["data"], "nothing was written beside the data folder");
    let uploads = std::fs::read_dir(server.data.join("blobs/uploads")).unwrap().count();
    assert_eq!(uploads, 0);
    server.stop_calmly();
}

#[test]
fn parameters_and_headers_of_every_wrong_shape() {
    let mut server = setup().start();
    let client = server.admin();
    Artifact::small(1).push(&client, "acme/app", "1");
    let blob = push_blob(&client, "acme/app", b"0123456789");
    let lists = ["/v2/_catalog", "/v2/acme/app/tags/list"];
    for list in lists {
        for n in ["-1", "-0", "+1", "x", "1.5", "1e3", "0x10", "%20", "1%00", "%d9%a3"] {
            client.get(&format!("{list}?n={n}")).expect_error(400, "UNSUPPORTED");
        }
        for n in ["0", "1", "10000", "1000000000", "18446744073709551615", "99999999999999999999999"] {
            let status = client.get(&format!("{list}?n={n}")).status;
            assert!(status == 200 || status == 400 && n.len() > 19, "{n}: {status}");
        }
        for last in ["%00", "a%00b", "a%0a"] {
            client.get(&format!("{list}?last={last}")).expect_error(400, "UNSUPPORTED");
        }
        for last in ["", "%ff%fe", "..", "%2f", &"z".repeat(15_000), "zzz&last=a"] {
            client.get(&format!("{list}?last={last}")).expect(200);
        }
    }
    let referrers = format!("/v2/acme/app/referrers/{blob}");
    for bad in ["artifactType=%00", "artifactType=a/b%00", "last=%00"] {
        client.get(&format!("{referrers}?{bad}")).expect_error(400, "UNSUPPORTED");
    }
    for odd in ["artifactType=%ff", "artifactType=no+type", "last=%ff", "last=%2b5", "last=%2b99999999999999999999999"]
    {
        client.get(&format!("{referrers}?{odd}")).expect(200);
    }
    let path = format!("/v2/acme/app/blobs/{blob}");
    let many = format!("bytes={}", "0-1,".repeat(20_000));
    for range in
        ["bytes=5-2", "bytes=-0", "bytes=-", "bytes=x-y", "bytes=0-99999999999999999999", "bytes=-99999999999999999999"]
            .into_iter()
            .chain(["bytes=18446744073709551615-18446744073709551615", "bytes=10-", "lines=1-2", "bytes", "", &many])
    {
        let status = client.request("GET", &path).header("Range", range).send().status;
        assert!([200, 206, 400, 416, 431].contains(&status), "{range:.40}: {status}");
    }
    let location = begin(&client, "acme/app");
    for range in ["5-9", "1-5", "4-0", "0-5", "0-", "-4", "x", "", "0-18446744073709551615", "-1--1", "0-4,5-9"]
        .into_iter()
        .chain(["18446744073709551615-18446744073709551619", "٠-٤", "0-4 0-4"])
    {
        let status = client.request("PATCH", &location).header("Content-Range", range).body("12345").send().status;
        assert!([400, 416].contains(&status), "{range}: {status}");
    }
    assert_eq!(client.get(&location).expect(204).offset(), 0);
    server.stop_calmly();
}

#[test]
fn credentials_of_every_wrong_shape() {
    let mut server = setup().start();
    let nobody = server.anonymous();
    let long = format!("Basic {}", "QUFB".repeat(8_000));
    for header in [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic Og==",
        "Basic YWRtaW4=",
        "Basic YWRtaW46",
        "Basic OmNvcnJlY3Q=",
        // A name, and a password, with a NUL.
        "Basic YWRtaW4AOng=",
        "Basic YWRtaW46eAA=",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer x.y.z",
        "Bearer ..",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Digest username=\"admin\"",
        "basic",
        "\u{e9}",
        &long,
    ] {
        for path in ["/v2/", "/v2/acme/app/tags/list", "/token?service=x", "/api/v1/projects/acme"] {
            let request = nobody.request("GET", path).header("Authorization", header);
            let status = request.send().status;
            let may_be_nobody = header.is_empty() || path.starts_with("/token");
            assert!(
                [400, 401, 431].contains(&status) || may_be_nobody && status == 200,
                "{path} {header:.40}: {status}"
            );
        }
        server.expect_alive();
    }
    let admin = server.admin();
    for path in ["/v2/", "/v2/acme/app/tags/list", "/token?service=x", "/api/v1/projects/acme"] {
        for other in ["Bearer x", admin.authorization.as_deref().unwrap()] {
            let twice = admin.request("GET", path).header("Authorization", other).send();
            twice.expect_error(400, "UNSUPPORTED");
        }
    }
    server.stop_calmly();
}
