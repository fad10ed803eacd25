//! From the first page to wherever links lead: every page is whole, guarded and inert, and every link leads somewhere.

use std::collections::{BTreeSet, HashSet};

use wharf_testkit::http::{Client, Response};
use wharf_testkit::server::wait_for;

use crate::html::{Tag, tags};
use crate::visitor::Visitor;
use crate::{house, server};

/// Every page that links lead to; what each must be is looked at on the way.
fn walk(client: &Client) -> BTreeSet<String> {
    // The box that searches is on every page, and no link.
    let mut left =
        vec!["/".to_owned(), "/-/search?q=app".to_owned(), "/-/search?q=kind%3Ahelm+%3Cscript%3E".to_owned()];
    let mut known = BTreeSet::from_iter(left.clone());
    while let Some(path) = left.pop() {
        let answer = client.get(&path);
        if path.contains("/archive") && answer.status == 400 {
            // Where a layer is not wholly known.
            page(&path, &answer);
            continue;
        }
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        if answer.required("content-type") != "text/html; charset=utf-8" {
            download(&path, &answer);
            continue;
        }
        for tag in page(&path, &answer) {
            let Some(to) = tag.get("href").filter(|to| to.starts_with('/') && tag.name == "a") else { continue };
            assert!(to.is_ascii() && !to.contains(' '), "{path} leads to {to:?}");
            // Lists of what is in lists are without end otherwise.
            let left_out = ["/-/sign-in", "/-/search", "/-/client/"];
            let is_left_out = left_out.iter().any(|begin| to.starts_with(begin));
            if !is_left_out && known.len() < 900 && known.insert(to.to_owned()) {
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
    let named = named.flat_map(str::split_whitespace);
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
    let expect = match path {
        _ if path.contains("format=tar") => "application/x-tar",
        _ if path.contains("format=zip") => "application/zip",
        _ => "application/octet-stream",
    };
    assert_eq!(answer.required("content-type"), expect, "{path}");
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
        "/-/catalogue",
        "/-/client",
        "/acme/app/-/overview",
        "/acme/app/-/push",
        "/-/projects",
        "/-/projects/acme",
        "/acme/app",
        "/acme/app/-/artifacts",
        "/acme/app/-/activity",
        "/acme/app/-/tags/1.1",
        "/acme/app/-/tags/1.1/files",
        "/acme/app/-/tags/1.1/files?path=etc",
        "/acme/app/-/tags/1.1/file?path=etc%2Fmotd",
        "/acme/files/-/tags/1/archive?format=zip",
        "/acme/app/-/tags/1.1/manifest",
        "/acme/app/-/tags/1.0/history",
        "/acme/app/-/tags/1.1/diff",
        "/acme/app/-/tags/1.1/diff?with=1.0",
        "/acme/charts/app/-/tags/1.0.0",
        "/acme/files/-/tags/1",
        "/acme/index/-/tags/multi",
        &format!("/acme/index/-/digests/{digest}"),
        "/-/repositories/metrics/app",
        "/open/app",
        "/acme/app/-/delete",
        "/acme/app/-/tags/1.1/delete",
        "/acme/app/-/tags/1.0/history?do=restore",
        "/-/new-project",
        "/-/projects/acme/settings",
        "/-/projects/acme/settings?do=delete",
        "/-/projects/acme/members",
        "/-/projects/acme/robots",
        "/-/projects/acme/robots?do=rotate&of=ci",
        "/-/projects/acme/robots?do=delete&of=ci",
        "/-/projects/open/settings",
        "/-/projects/old/trash",
        "/-/trash",
        "/-/account",
        "/-/admin",
        "/-/admin/users",
        "/-/admin/users/eve",
        "/-/admin/users/eve?do=delete",
        "/-/admin/groups",
        "/-/admin/groups/eves?do=delete",
        "/-/admin/roles/evil?do=delete",
        "/-/admin/roles/reader",
        "/-/admin/members",
        "/-/admin/robots",
    ] {
        assert!(known.contains(path), "nothing leads to {path}: {known:#?}");
    }
    for asked in ["/-/projects/acme/members?do=remove&of=", "/-/trash?do=purge&of=", "/-/account?do=end-token&of="] {
        assert!(known.iter().any(|path| path.starts_with(asked)), "nothing leads to {asked}: {known:#?}");
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
fn tags_tell_what_they_run_on_and_what_is_attached() {
    let server = server();
    let admin = house::stock(&server);
    let list = wait_for("what is attached to be known", || {
        let list = admin.get("/acme/app").text();
        list.contains("SBOM attached").then_some(list)
    });
    let row = |tag: &str| list.split("<tr").find(|row| row.contains(&format!(">{tag}</a>"))).expect("a row").to_owned();
    for text in ["SBOM attached", "linux/amd64"] {
        assert!(row("1.1").contains(text) && row("latest").contains(text), "{text}: {list}");
    }
    assert!(!row("1.0").contains("attached"), "{list}");
    assert!(admin.get("/acme/app/-/artifacts").text().contains("linux/amd64"));
}

#[test]
fn sizes_are_told_in_units_that_are_liked() {
    let server = server();
    house::stock(&server);
    let visitor = Visitor::admin(&server);
    let path = "/acme/app?q=1.1";
    let unit = |page: &str| {
        let size = page.split("class=\"size\"").nth(1).and_then(|rest| rest.split('<').next()).expect("a size");
        size.rsplit(' ').next().expect("a unit").to_owned()
    };
    assert_eq!(unit(&visitor.see(path)), "KiB");
    for (units, expect) in [("decimal", "kB"), ("decimal", "kB"), ("binary", "KiB"), ("none", "KiB")] {
        let answer = visitor.send("/-/units", &[("units", units), ("next", path)]).expect(303);
        assert_eq!(answer.required("location"), path);
        let page = visitor.see(path);
        assert_eq!(unit(&page), expect, "{units}");
        let next = if expect == "kB" { "value=\"binary\"" } else { "value=\"decimal\"" };
        assert!(page.contains(next), "the other is offered: {page}");
    }
    let elsewhere = visitor.send("/-/units", &[("units", "decimal"), ("next", "//evil.example")]).expect(303);
    assert_eq!(elsewhere.required("location"), "/");
    server.anonymous().post("/-/units").expect(403);
    visitor.get("/-/units").expect(303);
}

#[test]
fn the_first_page_of_an_empty_registry() {
    let server = server();
    let first = server.admin().get("/").expect(200);
    page("/", &first);
    let host = server.address;
    for line in [format!("wharf login -u admin {host}"), format!("wharf push ./hello {host}/demo/hello:1.0")] {
        assert!(first.text().contains(&line), "{}", first.text());
    }
    let stranger = server.anonymous().get("/").expect(200);
    page("/", &stranger);
    assert!(stranger.text().contains("Sign in") && !stranger.text().contains("wharf push"));
}

/// Whoever has no client gets the program that answers, and no other.
#[test]
fn the_program_itself_is_the_client() {
    let server = server();
    let nobody = server.anonymous();
    let told = nobody.get("/-/client").expect(200);
    let all = page("/-/client", &told);
    let at = all.iter().filter_map(|tag| tag.get("href")).find(|to| to.starts_with("/-/client/"));
    let at = at.expect("a link to it").to_owned();
    assert!(told.text().contains(&format!("http://{}{at}", server.address)), "{}", told.text());
    let own = std::fs::read(env!("CARGO_BIN_EXE_wharf")).unwrap();
    let head = nobody.head(&at).expect(200);
    assert_eq!(head.required("content-length"), own.len().to_string());
    assert!(head.required("content-disposition").starts_with("attachment; filename=wharf;"));
    let digest = wharf_testkit::fixture::digest(&own);
    assert_eq!(head.required("etag"), format!("\"{digest}\""));
    assert!(told.text().contains(&digest.to_string()));
    let part = nobody.request("GET", &at).header("Range", "bytes=300000-300099").send().expect(206);
    assert!(part.body == own[300_000..300_100]);
    assert_eq!(nobody.get("/-/client/windows-amd64").status, 404);
}

/// What signed-in people may make links of is told on its page; the link is shown once.
#[test]
fn links_are_made_on_pages() {
    let server = server();
    let admin = house::stock(&server);
    let describe = |body: &str| {
        let request = admin.request("PUT", "/api/v1/projects/acme").header("Content-Type", "application/json");
        request.body(body).send().expect(200);
    };
    let at = "/acme/files/-/tags/1";
    let form = format!("action=\"{at}/share\"");
    assert!(!admin.get(at).expect(200).text().contains(&form), "the project allows none");
    let post = |origin: Option<String>| {
        let request = admin.request("POST", &format!("{at}/share"));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let request = origin.into_iter().fold(request, |request, origin| request.header("Origin", origin));
        request.body("path=&layer=&form=zip&hours=24").send()
    };
    let ours = || Some(format!("http://{}", server.address));
    assert_eq!(post(ours()).status, 400);
    describe(r#"{"share": true}"#);
    assert!(admin.get(at).expect(200).text().contains(&form));
    assert_eq!(post(None).status, 403);
    assert_eq!(post(Some("https://evil.example".to_owned())).status, 403);
    let made = post(ours()).expect(200);
    page(at, &made);
    let text = made.text();
    let start = text.find("/-/shared/").expect("a link");
    let link: String = text[start..].chars().take_while(|c| !matches!(c, '<' | '"' | '&')).collect();
    let opened = server.anonymous().get(&link).expect(200);
    download(&format!("{link}?format=zip"), &opened);
    assert_eq!(admin.get(&format!("{at}/share")).status, 404, "there is nothing to look at");
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
    check(&format!("/acme/app/-/tags/1.1/files?path={}", "a/".repeat(300)), 400);
    check("/acme/app/-/tags/1.1/files?path=%00", 400);
    check("/acme/app/-/artifacts?last=x", 400);
    check("/acme/index/-/tags/multi/files", 200);
    check(&format!("/acme/app?q={}", "x".repeat(200)), 400);
    assert_eq!(admin.get("/acme/app/").expect(303).required("location"), "/acme/app");
    let post = admin.post("/acme/app");
    assert_eq!((post.status, post.required("allow")), (405, "GET, HEAD"));
    let deleted = admin.delete("/acme/app/-/push");
    assert_eq!((deleted.status, deleted.required("allow")), (405, "GET, HEAD, POST"));
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
