//! Files inside of artifacts: listed in pages, read whole and in part, and inert.

use serde_json::json;
use wharf_testkit::fixture::{Artifact, digest};
use wharf_testkit::http::{Client, Response, basic};
use wharf_testkit::server::PASSWORD;

use crate::{send, server};

/// A plain tar with these files.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (path, content) in files {
        let mut header = [0_u8; 512];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, path);
        put(100, "0000644\0");
        put(108, "0000000\0");
        put(116, "0000000\0");
        put(124, &format!("{:011o}\0", content.len()));
        put(136, "00000000000\0");
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend_from_slice(&header);
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.extend_from_slice(&[0; 1024]);
    tar
}

const PAGE: &[u8] = b"<script>alert(1)</script>";
const FILES: &str = "/api/v1/repositories/acme~app/artifacts/v1/files";
const FILE: &str = "/api/v1/repositories/acme~app/artifacts/v1/file";

#[test]
fn folders_in_pages_and_files_in_parts() {
    let server = server();
    let admin = server.admin();
    let lower = tar(&[("etc/motd", b"hello, world"), ("index.html", PAGE), ("caf\u{e9} \u{1}.txt", b"x")]);
    let upper = tar(&[(".wh.index.html", b""), ("etc/hosts", b"")]);
    Artifact::image(b"{}", &[lower.clone(), upper.clone()]).push(&admin, "acme/app", "v1");

    let root = admin.get(FILES).expect(200).json();
    assert_eq!(root["path"], json!(""));
    let names: Vec<_> = root["items"].as_array().unwrap().iter().map(|file| file["path"].clone()).collect();
    assert_eq!(names, [json!("caf\u{e9} \u{1}.txt"), json!("etc")]);
    let page = admin.get(&format!("{FILES}?path=/etc&n=1")).expect(200).json();
    assert_eq!((&page["items"][0]["path"], &page["items"][0]["size"]), (&json!("hosts"), &json!(0)));
    let next = page["next"].as_str().unwrap();
    let page = admin.get(&format!("{FILES}?path=/etc&n=1&last={next}")).expect(200).json();
    assert_eq!(page["items"][0]["path"], json!("motd"));
    assert!(page.get("next").is_none());
    admin.get(&format!("{FILES}?path=/&n=1&last={next}")).expect_error(400, "UNSUPPORTED");
    let upper_layer = digest(&upper);
    let changes = admin.get(&format!("{FILES}?layer={upper_layer}")).expect(200).json();
    let told = |at: usize| (changes["items"][at]["path"].clone(), changes["items"][at]["change"].clone());
    assert_eq!((told(0), told(1)), ((json!("etc"), json!(null)), (json!("index.html"), json!("removed"))));

    let file = admin.get(&format!("{FILE}?path=etc/motd")).expect(200);
    assert_eq!((file.text(), file.required("content-length")), ("hello, world".to_owned(), "12"));
    let tag = file.required("etag").to_owned();
    let part = admin.request("GET", &format!("{FILE}?path=etc/motd")).header("Range", "bytes=7-").send().expect(206);
    assert_eq!((part.text(), part.required("content-range")), ("world".to_owned(), "bytes 7-11/12"));
    let past = admin.request("GET", &format!("{FILE}?path=etc/motd")).header("Range", "bytes=12-").send();
    assert_eq!(past.expect(416).required("content-range"), "bytes */12");
    let same = admin.request("GET", &format!("{FILE}?path=etc/motd")).header("If-None-Match", &tag).send().expect(304);
    assert_eq!((same.required("etag"), same.header("docker-content-digest")), (&*tag, None));
    let head = admin.head(&format!("{FILE}?path=etc/motd")).expect(200);
    assert_eq!((head.required("content-length"), head.required("etag")), ("12", &*tag));
    admin.get(&format!("{FILE}?path=index.html")).expect(404);
    admin.get(&format!("{FILE}?path=etc")).expect_error(400, "UNSUPPORTED");
    admin.get(&format!("{FILE}?path=../../../etc/passwd")).expect(404);
    admin.get(&format!("{FILE}?path=a%00b")).expect(400);
    for long in ["a".repeat(4_096), "a/".repeat(257)] {
        for at in [FILE, FILES] {
            let answer = admin.get(&format!("{at}?path={long}")).expect_error(400, "NAME_INVALID");
            assert_eq!(answer.json()["errors"][0]["detail"]["field"], json!("path"));
        }
    }
    admin.get(&format!("{FILES}?path={}", "a/".repeat(250))).expect(404);
    let whole = admin.get(&format!("{FILES}?path=/etc&n=1")).expect(200).required("etag").to_owned();
    let same = admin.request("GET", &format!("{FILES}?path=/etc&n=1")).header("If-None-Match", whole).send();
    assert_eq!(same.status, 304, "a page that others follow is known again");
    admin.get(&format!("{FILES}?layer=x")).expect(400);
}

/// What people push never runs as a page of ours, whatever it is called.
#[test]
fn files_are_inert() {
    let server = server();
    let admin = server.admin();
    let layer = tar(&[("index.html", PAGE), ("a\"; filename=x.html", PAGE)]);
    Artifact::image(b"{}", &[layer]).push(&admin, "acme/app", "v1");
    for path in ["index.html", "a%22%3B%20filename%3Dx.html"] {
        for method in ["GET", "HEAD"] {
            let file = admin.request(method, &format!("{FILE}?path={path}")).send().expect(200);
            assert_eq!(file.required("content-type"), "application/octet-stream");
            assert_eq!(file.required("x-content-type-options"), "nosniff");
            assert!(file.required("content-security-policy").contains("sandbox"));
            let disposition = file.required("content-disposition");
            assert!(disposition.starts_with("attachment; filename="), "{disposition}");
            assert!(disposition.contains("; filename*=UTF-8''"), "{disposition}");
            assert!(!disposition.contains('"') && disposition.matches(';').count() == 2, "{disposition}");
        }
    }
}

const ARCHIVE: &str = "/api/v1/repositories/acme~app/artifacts/v1/archive";

/// The same bytes each time, under one entity tag, so that what broke off can be gone on with.
#[test]
fn archives_in_parts() {
    let server = server();
    let admin = server.admin();
    let lower = tar(&[("etc/motd", b"hello, world"), ("index.html", PAGE)]);
    let upper = tar(&[(".wh.index.html", b""), ("etc/hosts", b"")]);
    Artifact::image(b"{}", &[lower, upper]).push(&admin, "acme/app", "v1");
    for (format, media_type) in [("tar", "application/x-tar"), ("zip", "application/zip")] {
        let at = format!("{ARCHIVE}?format={format}");
        let whole = admin.get(&at).expect(200);
        assert_eq!(whole.required("content-type"), media_type);
        assert_eq!(whole.required("content-length"), whole.body.len().to_string());
        assert_eq!(whole.required("x-content-type-options"), "nosniff");
        assert!(whole.required("content-security-policy").contains("sandbox"));
        let name = format!("attachment; filename=app-v1.{format}; filename*=UTF-8''app%2Dv1%2E{format}");
        assert_eq!(whole.required("content-disposition"), name);
        let tag = whole.required("etag").to_owned();
        let rest = admin.request("GET", &at).header("Range", "bytes=100-").header("If-Range", &tag).send().expect(206);
        assert!(rest.body == whole.body[100..], "{format}");
        let length = whole.body.len();
        assert_eq!(rest.required("content-range"), format!("bytes 100-{}/{length}", length - 1));
        let other = admin.request("GET", &at).header("Range", "bytes=100-").header("If-Range", "\"x\"").send();
        assert!(other.expect(200).body == whole.body);
        let head = admin.head(&at).expect(200);
        assert_eq!((head.required("content-length"), head.required("etag")), (&*length.to_string(), &*tag));
        let same = admin.request("GET", &at).header("If-None-Match", &tag).send().expect(304);
        assert_eq!((same.required("etag"), same.header("docker-content-digest")), (&*tag, None));
        let past = admin.request("GET", &at).header("Range", format!("bytes={length}-")).send();
        assert_eq!(past.expect(416).required("content-range"), format!("bytes */{length}"));
        assert!(!whole.body.windows(10).any(|part| part == b"index.html"), "{format}: it is hidden");
    }
    let folder = admin.get(&format!("{ARCHIVE}?path=etc")).expect(200);
    assert!(folder.body.starts_with(b"motd\0") && folder.required("content-disposition").contains("=app-v1-etc.tar;"));
    admin.get(&format!("{ARCHIVE}?path=none")).expect(404);
    admin.get(&format!("{ARCHIVE}?path=a%00b")).expect_error(400, "NAME_INVALID");
    admin.get(&format!("{ARCHIVE}?format=rar")).expect_error(400, "UNSUPPORTED");
}

const LINKS: &str = "/api/v1/repositories/acme~app/artifacts/v1/links";

/// A link opens what its maker may read, and ends with all that it hangs on.
#[test]
fn links_open_without_a_login_and_end() {
    let server = server();
    let admin = server.admin();
    let layer = tar(&[("etc/motd", b"hello, world"), ("index.html", PAGE)]);
    let artifact = Artifact::image(b"{}", &[layer]);
    artifact.push(&admin, "acme/app", "v1");
    let kim = |password: &str| Client { address: server.address, authorization: Some(basic("kim", password)) };
    send(&admin, "POST", "/api/v1/users", json!({ "name": "kim", "password": PASSWORD })).expect(201);
    let give = || {
        let given = json!({ "subject": "user:kim", "role": "reader" });
        let made = send(&admin, "POST", "/api/v1/projects/acme/bindings", given).expect(201).json();
        format!("/api/v1/projects/acme/bindings/{}", made["id"].as_str().unwrap())
    };
    let given = give();
    let share = |may: bool| send(&admin, "PUT", "/api/v1/projects/acme", json!({ "share": may })).expect(200);
    let make = |client: &Client, new: serde_json::Value| send(client, "POST", LINKS, new);
    let path = |made: Response| {
        let url = made.expect(201).json()["url"].as_str().unwrap().to_owned();
        url.strip_prefix(&format!("http://{}", server.address)).unwrap().to_owned()
    };
    make(&kim(PASSWORD), json!({})).expect_error(403, "DENIED");
    share(true);
    for wrong in [json!({ "lives_secs": 59 }), json!({ "lives_secs": 2_592_001 })] {
        make(&kim(PASSWORD), wrong).expect_error(422, "BODY_INVALID");
    }
    make(&kim(PASSWORD), json!({ "path": "none", "form": "file" })).expect(404);
    make(&kim(PASSWORD), json!({ "path": "etc", "form": "file" })).expect_error(400, "UNSUPPORTED");

    let nobody = server.anonymous();
    let file = path(make(&kim(PASSWORD), json!({ "path": "etc/motd", "form": "file", "lives_secs": 60 })));
    let zip = path(make(&kim(PASSWORD), json!({ "path": "etc", "form": "zip" })));
    let opened = nobody.get(&file).expect(200);
    assert_eq!(
        (opened.text(), opened.required("content-type")),
        ("hello, world".to_owned(), "application/octet-stream")
    );
    let part = nobody.request("GET", &file).header("Range", "bytes=7-").send().expect(206);
    assert_eq!(part.text(), "world");
    assert!(nobody.get(&zip).expect(200).body.starts_with(b"PK"));
    nobody.get("/acme/app/-/tags/v1").expect(404);
    nobody.get(&format!("{file}x")).expect(404);
    nobody.get("/-/shared/x").expect(404);

    share(false);
    nobody.get(&file).expect(404);
    share(true);
    nobody.get(&file).expect(200);
    admin.delete(&given).expect(204);
    nobody.get(&file).expect(404);
    give();
    nobody.get(&file).expect(200);
    send(&admin, "PUT", "/api/v1/users/kim", json!({ "disabled": true })).expect(200);
    nobody.get(&file).expect(404);
    send(&admin, "PUT", "/api/v1/users/kim", json!({ "disabled": false })).expect(200);
    let other = path(make(&kim(PASSWORD), json!({})));
    nobody.get(&other).expect(200);
    let set = json!({ "password": "another one of these" });
    send(&admin, "PUT", "/api/v1/users/kim/password", set).expect(204);
    nobody.get(&other).expect(404);
    let mine = path(make(&admin, json!({})));
    nobody.get(&mine).expect(200);
    admin.delete("/api/v1/repositories/acme~app").expect(200);
    nobody.get(&mine).expect(404);
    artifact.push(&admin, "acme/app", "v1");
    nobody.get(&mine).expect(404);
    let mine = path(make(&admin, json!({})));
    nobody.get(&mine).expect(200);
    admin.delete(&format!("/v2/acme/app/manifests/{}", artifact.digest())).expect(202);
    nobody.get(&mine).expect(404);
}
