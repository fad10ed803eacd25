//! Files inside of artifacts: listed in pages, read whole and in part, and inert.

use serde_json::json;
use wharf_testkit::fixture::{Artifact, digest};

use crate::server;

/// A plain tar with these files.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
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
            assert!(disposition.starts_with("attachment; filename*=UTF-8''"), "{disposition}");
            assert!(!disposition.contains('"') && disposition.matches(';').count() == 1, "{disposition}");
        }
    }
}
