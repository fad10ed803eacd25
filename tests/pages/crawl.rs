//! From the first page to wherever links lead: every page is whole, guarded and inert, and every link leads somewhere.

use std::collections::{BTreeSet, HashSet};

use wharf_testkit::http::{Client, Response};

use crate::html::{Tag, tags};
use crate::{house, server};

/// Every page that links lead to; what each must be is looked at on the way.
fn walk(client: &Client) -> BTreeSet<String> {
    let (mut known, mut left) = (BTreeSet::from(["/".to_owned()]), vec!["/".to_owned()]);
    while let Some(path) = left.pop() {
        let answer = client.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        if answer.required("content-type") != "text/html; charset=utf-8" {
            download(&path, &answer);
            continue;
        }
        for tag in page(&path, &answer) {
            let Some(to) = tag.get("href").filter(|to| to.starts_with('/') && tag.name == "a") else { continue };
            assert!(to.is_ascii() && !to.contains(' '), "{path} leads to {to:?}");
            // Lists of what is in lists are without end otherwise.
            if !to.starts_with("/-/sign-in") && known.len() < 300 && known.insert(to.to_owned()) {
                left.push(to.to_owned());
            }
        }
    }
    known
}

/// What every page is.
#[track_caller]
pub(crate) fn page(path: &str, answer: &Response) -> Vec<Tag> {
    assert_eq!(
        answer.required("content-security-policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
        "{path}"
    );
    assert_eq!(answer.required("x-content-type-options"), "nosniff");
    assert_eq!(answer.required("x-frame-options"), "DENY");
    assert_eq!(answer.required("referrer-policy"), "same-origin");
    assert_eq!(answer.required("cache-control"), "private, no-cache");
    let text = answer.text();
    assert!(answer.body.len() < 100 << 10 || text.contains("Manifest"), "{path} has {} bytes", answer.body.len());
    let all = tags(&text);
    inert(path, &all, &text);
    accessible(path, &all, &text);
    all
}

/// Nothing in it runs, and nothing in it asks anybody else for anything.
fn inert(path: &str, all: &[Tag], text: &str) {
    for tag in all {
        assert!(
            !matches!(&*tag.name, "style" | "iframe" | "object" | "embed" | "img" | "base" | "template" | "b"),
            "{path}: {tag:?}"
        );
        assert!(tag.attributes.iter().all(|(name, _)| name != "style" && !name.starts_with("on")), "{path}: {tag:?}");
        for (name, value) in &tag.attributes {
            let address = value.trim().to_lowercase();
            match name.as_str() {
                "src" | "action" => assert!(address.starts_with('/') && !address.starts_with("//"), "{path}: {tag:?}"),
                "href" if tag.name == "link" => assert!(address.starts_with("/-/static/"), "{path}: {tag:?}"),
                "href" => {
                    let known = ["/", "#", "http://", "https://"];
                    assert!(
                        address.is_empty() || known.iter().any(|begin| address.starts_with(begin)),
                        "{path}: {tag:?}"
                    );
                }
                _ => {}
            }
        }
        if tag.name == "script" {
            assert!(tag.get("src").is_some_and(|src| src.starts_with("/-/static/wharf.")), "{path}: {tag:?}");
        }
    }
    assert!(text.contains("defer></script>"), "{path}: a script of its own is empty");
    assert!(!text.contains('\u{202e}'), "{path}: text is turned round");
    let away = all.iter().filter(|tag| tag.name == "a" && tag.get("href").is_some_and(|to| to.starts_with("http")));
    away.for_each(|tag| assert!(tag.get("rel").is_some_and(|rel| rel.contains("noopener")), "{path}: {tag:?}"));
}

/// What people need who do not see it, or have no mouse.
fn accessible(path: &str, all: &[Tag], text: &str) {
    let count = |name: &str| all.iter().filter(|tag| tag.name == name).count();
    for (name, expect) in [("html", 1), ("h1", 1), ("main", 1), ("header", 1), ("footer", 1)] {
        assert_eq!(count(name), expect, "{path}: {name}");
    }
    assert!(text.starts_with("<!doctype html>\n<html lang=\"en\">"), "{path}");
    assert!(text.contains("<a class=\"skip\" href=\"#main\">"), "{path}");
    let mut ids = HashSet::new();
    let twice = all.iter().filter_map(|tag| tag.get("id")).find(|id| !ids.insert(*id));
    assert_eq!(twice, None, "{path}: an id that is there twice");
    let named =
        all.iter().filter_map(|tag| tag.get("aria-labelledby").or(tag.get("for")).or(tag.get("aria-describedby")));
    named.for_each(|id| assert!(ids.contains(id), "{path}: {id} is nowhere"));
    let (tables, captions) = (count("table"), count("caption"));
    assert!(
        tables >= captions && (captions > 0 || tables == 0 || text.contains("prose")),
        "{path}: a table without a name"
    );
    for tag in all.iter().filter(|tag| tag.name == "use") {
        let icon = tag.get("href").and_then(|to| to.strip_prefix('#'));
        assert!(icon.is_some_and(|icon| ids.contains(icon)), "{path}: {tag:?}");
    }
    for tag in all.iter().filter(|tag| tag.name == "time") {
        assert!(
            tag.get("datetime").is_some_and(|at| at.ends_with('Z')) && tag.get("title").is_some(),
            "{path}: {tag:?}"
        );
    }
}

/// What people pushed is saved and never shown.
fn download(path: &str, answer: &Response) {
    if path.starts_with("/api/") {
        return;
    }
    assert_eq!(answer.required("content-type"), "application/octet-stream", "{path}");
    assert!(answer.required("content-disposition").starts_with("attachment;"), "{path}");
    assert_eq!(answer.required("content-security-policy"), "default-src 'none'; sandbox", "{path}");
    assert_eq!(answer.required("x-content-type-options"), "nosniff", "{path}");
}

/// Everything that an administrator can reach, of a registry with hostile content of many kinds.
#[test]
fn every_page_is_whole_guarded_and_inert() {
    let server = server();
    let admin = house::stock(&server);
    let known = walk(&admin);
    let digest = house::image().digest();
    for path in [
        "/-/projects",
        "/-/projects/acme",
        "/acme/app",
        "/acme/app/-/artifacts",
        "/acme/app/-/activity",
        "/acme/app/-/tags/1.1",
        "/acme/app/-/tags/1.1/files",
        "/acme/app/-/tags/1.1/files?path=etc",
        "/acme/app/-/tags/1.1/file?path=etc%2Fmotd",
        "/acme/app/-/tags/1.1/manifest",
        "/acme/app/-/tags/1.0/history",
        "/acme/charts/app/-/tags/1.0.0",
        "/acme/files/-/tags/1",
        "/acme/index/-/tags/multi",
        &format!("/acme/index/-/digests/{digest}"),
        "/-/repositories/metrics/app",
        "/open/app",
    ] {
        assert!(known.contains(path), "nothing leads to {path}: {known:#?}");
    }
    let said = server.said().join("\n");
    assert!(!said.contains("a page failed"), "{said}");
}

#[test]
fn who_has_not_signed_in_reaches_what_is_public() {
    let server = server();
    house::stock(&server);
    let known = walk(&server.anonymous());
    assert!(known.contains("/open/app/-/tags/1.0"), "{known:?}");
    assert!(known.iter().all(|path| !path.contains("acme") && !path.contains("metrics")), "{known:?}");
}

/// A new registry says how something gets into it.
#[test]
fn the_first_page_of_an_empty_registry() {
    let server = server();
    let first = server.admin().get("/").expect(200);
    page("/", &first);
    let host = server.address;
    for line in [format!("wharf login -u admin {host}"), format!("wharf push ./folder {host}/demo/hello:1.0")] {
        assert!(first.text().contains(&line), "{}", first.text());
    }
    let stranger = server.anonymous().get("/").expect(200);
    page("/", &stranger);
    assert!(stranger.text().contains("Sign in") && !stranger.text().contains("wharf push"));
}

/// Whatever is wrong is a page too, with the same guards.
#[test]
fn errors_are_pages() {
    let server = server();
    let admin = house::stock(&server);
    let check = |path: &str, status: u16| {
        let answer = admin.get(path);
        assert_eq!(answer.status, status, "{path}");
        page(path, &answer);
    };
    for path in [
        "/none",
        "/Acme",
        "/-/",
        "/-/none",
        "/acme/app/-/tags/none",
        "/acme/app/-/none",
        "/%3Cscript%3E",
        "/acme/app/-/tags/1.1/files?path=none",
    ] {
        check(path, 404);
    }
    check("/acme/app/-/tags/1.1/files?layer=x", 400);
    check("/acme/app/-/artifacts?last=x", 400);
    check("/acme/index/-/tags/multi/files", 200);
    check(&format!("/acme/app?q={}", "x".repeat(200)), 400);
    assert_eq!(admin.get("/acme/app/").expect(303).required("location"), "/acme/app");
    let post = admin.post("/acme/app");
    assert_eq!((post.status, post.required("allow")), (405, "GET, HEAD"));
    let head = admin.head("/acme/app").expect(200);
    assert_eq!(head.body.len(), 0);
    assert_eq!(head.required("content-length"), admin.get("/acme/app").body.len().to_string());
}

/// What pages are drawn with is kept for good by whoever has it.
#[test]
fn style_and_script_are_named_by_what_is_in_them() {
    let server = server();
    let client = server.anonymous();
    let first = client.get("/").expect(200);
    let all = tags(&first.text());
    let drawn =
        all.iter().filter_map(|tag| tag.get("src").or(tag.get("href"))).filter(|to| to.starts_with("/-/static/"));
    let drawn: Vec<&str> = drawn.collect();
    assert_eq!(drawn.len(), 3, "{drawn:?}");
    for path in drawn {
        let plain = client.get(path).expect(200);
        assert_eq!(plain.required("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(plain.required("x-content-type-options"), "nosniff");
        let packed = client.request("GET", path).header("Accept-Encoding", "gzip").send().expect(200);
        assert_eq!(packed.required("content-encoding"), "gzip");
        assert!(packed.body.len() < plain.body.len() && packed.body.len() < 20 << 10);
    }
    assert_eq!(client.get("/-/static/wharf.0000000000000000.css").status, 404);
    assert_eq!(client.get("/-/static/../../etc/passwd").status, 404);
}
