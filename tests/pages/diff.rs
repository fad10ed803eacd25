//! The page that compares two artifacts: what it tells, its form, and how it is with what is hidden or means no good.

use serde_json::json;
use wharf_model::media::OCI_MANIFEST;
use wharf_testkit::fixture::{Artifact, descriptor};
use wharf_testkit::http::Client;

use crate::crawl::page;
use crate::house::{self, HOSTILE, tar};
use crate::html::tags;
use crate::server;

/// The page, and what is on it.
fn told(client: &Client, path: &str, status: u16) -> String {
    let answer = client.get(path);
    assert_eq!(answer.status, status, "{path}: {}", answer.text());
    page(path, &answer);
    answer.text()
}

#[test]
fn what_it_was_and_what_it_is() {
    let server = server();
    let client = server.admin();
    let image = |version: &str, layers: &[Vec<u8>]| {
        let config =
            json!({ "os": "linux", "architecture": "amd64", "config": { "Env": [format!("VERSION={version}")] } });
        Artifact::image(config.to_string().as_bytes(), layers)
    };
    let base = tar(&[("etc/", b""), ("etc/motd", b"hello"), ("old", b"x"), ("same", b"1")]);
    let top = tar(&[("etc/motd", b"hello, world"), (".wh.old", b""), ("new/x", b""), ("same", b"2")]);
    let (one, other) = (image("1", std::slice::from_ref(&base)), image("2", &[base, top]));
    one.push(&client, "acme/app", "1.0");
    other.push(&client, "acme/app", "1.1");
    one.push(&client, "acme/lib", "1.0");

    let text = told(&client, "/acme/app/-/tags/1.1/diff", 200);
    assert!(text.contains(">1.0</a> <span class=\"quiet\">the version before</span>"), "{text}");
    assert!(text.contains("<option value=\"1.0\">"), "{text}");
    let text = told(&client, "/acme/app/-/tags/1.1/diff?with=1.0", 200);
    let row = |name: &str| {
        let at = text.find(name).unwrap_or_else(|| panic!("{name} is not in {text}"));
        text[at..].split("</tr>").next().unwrap_or_default().to_owned()
    };
    for (name, sign) in [
        ("<bdi>env VERSION</bdi>", ">changed<"),
        ("<bdi>etc/motd</bdi>", ">changed<"),
        ("<bdi>new</bdi>", ">added<"),
        ("<bdi>old</bdi>", ">removed<"),
        ("<bdi>same</bdi>", ">may differ<"),
    ] {
        assert!(row(name).contains(sign), "{name}: {}", row(name));
    }
    assert!(text.contains("they may where no time was kept"), "it is said why: {text}");
    assert!(row("<bdi>etc/motd</bdi>").contains(">5 B</span> → <span"), "{}", row("<bdi>etc/motd</bdi>"));
    assert!(text.contains("1 shared (") && text.contains(" more.</p>"), "{text}");
    let links = tags(&text);
    let to = |path: &str| links.iter().any(|tag| tag.get("href") == Some(path));
    for path in [
        "/acme/app/-/tags/1.0/diff?with=1.1",
        "/acme/app/-/tags/1.0",
        "/acme/app/-/tags/1.1/file?path=etc%2Fmotd",
        "/acme/app/-/tags/1.0/file?path=old",
        "/acme/app/-/tags/1.1/files?path=new",
    ] {
        assert!(to(path), "nothing leads to {path}: {text}");
        client.get(path).expect(200);
    }
    // As the form sends it.
    let text = told(&client, "/acme/app/-/tags/1.1/diff?with=1.0&repository=", 200);
    assert!(text.contains("value=\"1.0\""), "{text}");
    let text = told(&client, "/acme/app/-/tags/1.1/diff?with=1.0&repository=acme%2Flib", 200);
    assert!(text.contains("/acme/lib/-/tags/1.0/diff?with=1.1&#38;repository=acme%2Fapp"), "{text}");
    let text = told(&client, &format!("/acme/app/-/tags/1.1/diff?with={}", other.digest()), 200);
    assert!(text.contains("They are the same"), "{text}");

    other.push(&client, "acme/app", "1.0");
    let history = told(&client, "/acme/app/-/tags/1.0/history", 200);
    let moved =
        format!("/acme/app/-/digests/{}/diff?with={}", other.digest(), one.digest().to_string().replace(':', "%3A"));
    assert!(history.contains(&format!("<a href=\"{moved}\">what changed</a>")), "{history}");
    told(&client, &moved, 200);
}

/// Indexes name their images, and two of them are compared by platform.
#[test]
fn images_of_an_index() {
    let server = server();
    let client = server.admin();
    let (one, other) = (Artifact::small(1), Artifact::small(2));
    for (image, tag) in [(&one, "1"), (&other, "2")] {
        image.push(&client, "acme/app", &image.digest().to_string());
        let mut child = descriptor(&image.media_type, &image.manifest);
        child["platform"] = json!({ "os": "linux", "architecture": HOSTILE });
        let media_type = "application/vnd.oci.image.index.v1+json";
        let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": [child] });
        Artifact::of(media_type, &index, Vec::new()).push(&client, "acme/app", tag);
    }
    let text = told(&client, "/acme/app/-/tags/2/diff?with=1", 200);
    let digest = one.digest().to_string().replace(':', "%3A");
    let path = format!("/acme/app/-/digests/{}/diff?with={digest}", other.digest());
    assert!(text.contains(&format!("<a href=\"{path}\">Compare</a>")), "{text}");
    told(&client, &path, 200);
    told(&client, "/acme/app/-/tags/2/diff?with=sha256%3A00", 404);
}

#[test]
fn what_means_no_good_does_nothing_here() {
    let server = server();
    let client = house::stock(&server);
    let annotations = json!({ HOSTILE: "x", "long": HOSTILE.repeat(300), "org.opencontainers.image.title": "other" });
    let evil = tar(&[("<img src=x onerror=alert(1)>", b"other"), ("\"><script>alert(1)</script>", b"")]);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "annotations": annotations,
        "config": descriptor("application/vnd.oci.image.config.v1+json", b"{}"),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &evil)],
    });
    Artifact::of(OCI_MANIFEST, &manifest, vec![b"{}".to_vec(), evil]).push(&client, "acme/app", "evil");
    for path in [
        "/acme/app/-/tags/evil/diff?with=1.1",
        "/acme/app/-/tags/1.1/diff?with=evil",
        "/acme/charts/app/-/tags/1.0.0/diff?with=evil&repository=acme%2Fapp",
        "/acme/files/-/tags/1/diff?with=1.1&repository=acme%2Fapp",
        "/acme/index/-/tags/multi/diff?with=1.1&repository=acme%2Fapp",
    ] {
        let text = told(&client, path, 200);
        assert!(text.contains("Before") && text.contains("<table"), "{path}: {text}");
    }
    let encoded: String = HOSTILE.bytes().map(|byte| format!("%{byte:02X}")).collect();
    told(&client, &format!("/acme/app/-/tags/1.1/diff?with={encoded}"), 404);
    told(&client, &format!("/acme/app/-/tags/1.1/diff?with=1.0&repository={encoded}"), 404);
    told(&client, "/acme/app/-/tags/1.1/diff?with=1.0&last=x", 400);
}

/// With something that is hidden it is as with what is not there.
#[test]
fn hidden_and_missing_are_compared_alike() {
    let server = server();
    house::stock(&server);
    let stranger = server.anonymous();
    let at = |repository: &str, tag: &str| {
        let path = format!("/open/app/-/tags/1.0/diff?with={tag}&repository={repository}%2Fapp");
        told(&stranger, &path, 404).replace(repository, "NAME").replace(tag, "TAG")
    };
    let missing = at("nowhere", "latest");
    assert!(missing.contains("There is no TAG in NAME/app, or it is not for you to see."), "{missing}");
    assert_eq!(at("acme", "latest"), missing);
    assert_eq!(at("acme", "nonesuch"), missing);
    told(&stranger, "/open/app/-/tags/1.0/diff?with=1.0", 200);
}
