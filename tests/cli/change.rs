//! What is changed by hand: `tag`, `rm`, `manifest`, `blob`.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use wharf_testkit::fixture::{Artifact, descriptor, digest, noise};

use super::{Desk, Ended, finish};

fn tags(desk: &Desk) -> Value {
    desk.server.admin().get("/v2/acme/app/tags/list").expect(200).json()["tags"].clone()
}

#[test]
fn more_tags_and_fewer() {
    let desk = Desk::admin();
    let (client, at) = (desk.server.admin(), desk.server.address);
    let (one, two) = (Artifact::small(1), Artifact::small(2));
    one.push(&client, "acme/app", "1.0.3");
    two.push(&client, "acme/app", "2.0");
    assert_eq!(desk.ok(&format!("tag {at}/acme/app:1.0.3 1.0 1 latest")), format!("{}\n", one.digest()));
    assert_eq!(tags(&desk), json!(["1", "1.0", "1.0.3", "2.0", "latest"]));
    desk.ok(&format!("tag {at}/acme/app@{} latest", two.digest()));
    assert_eq!(desk.ok(&format!("digest {at}/acme/app")), format!("{}\n", two.digest()));
    desk.fails(&format!("tag {at}/acme/app:3.0 3"), &["acme/app has no 3.0"]);
    desk.run(&format!("tag {at}/acme/app:1.0 a/b"), "").code(2);

    desk.ok(&format!("rm {at}/acme/app:latest {at}/acme/app:1 --tag-only"));
    assert_eq!(tags(&desk), json!(["1.0", "1.0.3", "2.0"]));
    desk.fails(&format!("rm {at}/acme/app:2.0 {at}/acme/app:misspelt"), &["acme/app has no misspelt"]);
    desk.run(&format!("rm {at}/acme/app"), "").code(2);
    desk.fails(&format!("rm {at}/acme/app@{} --tag-only", one.digest()), &["--tag-only"]);
    assert_eq!(tags(&desk), json!(["1.0", "1.0.3", "2.0"]), "what is wrong is found out first");
    let said = desk.run(&format!("rm {at}/acme/app:1.0 {at}/acme/app@{} --yes", one.digest()), "").code(0).err();
    assert_eq!(said.matches("deleted ").count(), 2, "{said}");
    assert_eq!(tags(&desk), json!(["2.0"]), "the manifest is gone with all its tags");
    client.get(&format!("/v2/acme/app/manifests/{}", one.digest())).expect(404);
}

/// What a terminal shows of a command, and how it ends.
fn on_terminal(desk: &Desk, line: &str, answer: &str) -> Ended {
    let mut script = Command::new("script");
    let line = format!("{} {line}", env!("CARGO_BIN_EXE_wharf"));
    script.args(["-qec", &line, "/dev/null"]).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    script.env("HOME", desk.home.path()).env("TERM", "xterm");
    finish(script, &line, answer)
}

#[test]
fn on_a_terminal_it_asks_and_shows_bars() {
    let desk = Desk::admin();
    let (client, at) = (desk.server.admin(), desk.server.address);
    Artifact::small(1).push(&client, "acme/app", "1.0");
    let folder = format!("copy {at}/acme/app:1.0 oci:{}/folder", desk.home.path().display());
    let shown = on_terminal(&desk, &folder, "").code(0).out();
    assert!(shown.contains("left") && shown.contains("all  "), "{shown:?}");
    let quiet = on_terminal(&desk, &format!("{folder} -q"), "").code(0).out();
    assert_eq!(quiet.trim_end(), Artifact::small(1).digest().to_string());

    let line = format!("rm {at}/acme/app:1.0");
    let asked = on_terminal(&desk, &line, "n\n").code(1).out();
    assert!(asked.contains(&format!("delete {at}/acme/app:1.0")) && asked.contains("[y/N]"), "{asked}");
    assert_eq!(tags(&desk), json!(["1.0"]));
    on_terminal(&desk, &line, "y\n").code(0);
    assert_eq!(tags(&desk), json!([]));
}

#[test]
fn manifests_as_they_are() {
    let desk = Desk::admin();
    let (client, at) = (desk.server.admin(), desk.server.address);
    let one = Artifact::small(1);
    one.push(&client, "acme/app", "1.0");
    let got = desk.run(&format!("manifest get {at}/acme/app:1.0"), "").code(0).output.stdout;
    assert_eq!(got, one.manifest);

    // Byte for byte, from standard input and from a file.
    let text = format!(" {}\n", String::from_utf8(one.manifest.clone()).unwrap());
    let put = |line: &str| desk.run(&format!("manifest put {at}/acme/{line}"), &text);
    assert_eq!(put("app:2.0").done(), format!("{}\n", digest(text.as_bytes())));
    assert_eq!(client.get("/v2/acme/app/manifests/2.0").expect(200).text(), text);
    let file = desk.home.path().join("manifest");
    fs::write(&file, &one.manifest).unwrap();
    desk.ok(&format!("manifest put {at}/acme/app:3.0@{} {}", one.digest(), file.display()));
    assert_eq!(tags(&desk), json!(["1.0", "2.0", "3.0"]));
    put(&format!("app@{}", one.digest())).failed(&["the digest of these bytes", &one.digest().to_string()]);
    put("other:1.0").failed(&[&format!("{at}/acme/other:1.0: "), "2 things that are not in this repository"]);
    desk.run(&format!("manifest put {at}/acme/app:4.0"), "{").failed(&["no manifest", "--media-type"]);
    desk.fails(&format!("manifest put {at}/acme/app:4.0 /none"), &["/none cannot be read"]);

    desk.ok(&format!("manifest delete {at}/acme/app:3.0"));
    assert_eq!(tags(&desk), json!(["1.0", "2.0"]), "a tag alone");
    desk.ok(&format!("manifest delete {at}/acme/app@{} --yes", one.digest()));
    assert_eq!(tags(&desk), json!(["2.0"]));
    desk.fails(&format!("manifest delete {at}/acme/app:3.0"), &["acme/app has no 3.0"]);
    desk.fails(&format!("manifest get {at}/acme/app:3.0"), &["acme/app has no 3.0"]);
}

#[test]
fn blobs_as_they_are() {
    let desk = Desk::admin();
    let (client, at) = (desk.server.admin(), desk.server.address);
    let bytes = noise(1, 3 << 20);
    let (file, copy) = (desk.home.path().join("blob"), desk.home.path().join("copy"));
    fs::write(&file, &bytes).unwrap();
    let name = digest(&bytes);
    assert_eq!(desk.ok(&format!("blob put {at}/acme/app {}", file.display())), format!("{name}\n"));
    let small = desk.run(&format!("blob put {at}/acme/app"), "hello").done();
    assert_eq!(small, format!("{}\n", digest(b"hello")));
    assert_eq!(desk.run(&format!("blob put {at}/acme/app"), "").done(), format!("{}\n", digest(b"")));
    client.get(&format!("/v2/acme/app/blobs/{name}")).expect(200);

    assert_eq!(desk.ok(&format!("blob head {at}/acme/app@{name}")), format!("{}\n", bytes.len()));
    assert!(desk.run(&format!("blob get {at}/acme/app@{name}"), "").code(0).output.stdout == bytes);
    desk.ok(&format!("blob get {at}/acme/app@{name} -o {}", copy.display()));
    assert!(fs::read(&copy).unwrap() == bytes);

    let none = digest(b"none");
    assert_eq!(desk.run(&format!("blob head {at}/acme/app@{none}"), "").code(1).out(), "");
    desk.fails(
        &format!("blob get {at}/acme/app@{none} -o {}", copy.display()),
        &["acme/app has no", &none.to_string()],
    );
    assert!(fs::read(&copy).unwrap() == bytes, "what was there stays");
    desk.run(&format!("blob get {at}/acme/app:1.0"), "").code(2);
    desk.fails(&format!("blob put {at}/acme/app /none"), &["/none cannot be read"]);
    desk.ok(&format!("blob delete {at}/acme/app@{name}"));
    assert_eq!(desk.run(&format!("blob head {at}/acme/app@{name}"), "").code(1).out(), "");
    desk.fails(&format!("blob delete {at}/acme/app@{name}"), &["acme/app has no"]);
}

#[test]
fn an_artifact_by_hand() {
    let desk = Desk::admin();
    let at = desk.server.address;
    for blob in ["{}", "hello"] {
        desk.run(&format!("blob put {at}/acme/note"), blob).done();
    }
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": "text/note",
        "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"), "layers": [descriptor("text/plain", b"hello")],
    });
    desk.run(&format!("manifest put {at}/acme/note:1"), &manifest.to_string()).done();
    let text = desk.ok(&format!("inspect {at}/acme/note:1"));
    assert!(text.contains("text/note") && text.contains("text/plain"), "{text}");
}

#[test]
fn what_is_attached_is_found_and_has_no_tag() {
    let desk = Desk::admin();
    let (client, at) = (desk.server.admin(), desk.server.address);
    Artifact::small(1).push(&client, "acme/app", "1.0");
    let file = desk.home.path().join("app.spdx.json");
    fs::write(&file, "{}").unwrap();
    let line = format!("{} --artifact-type application/spdx+json", file.display());
    let attached = desk.ok(&format!("attach {at}/acme/app:1.0 {line} -a by=ci"));
    let listed = desk.json(&format!("discover {at}/acme/app:1.0 --artifact-type application/spdx+json"));
    assert_eq!(listed["items"][0]["digest"], json!(attached.trim()));
    assert_eq!(listed["items"][0]["annotations"]["by"], json!("ci"));
    assert_eq!(tags(&desk), json!(["1.0"]));
    desk.fails(&format!("attach {at}/acme/app:2.0 {line}"), &["acme/app:2.0", "is not there"]);
}
