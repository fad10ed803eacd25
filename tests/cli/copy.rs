//! `wharf copy`: every pair of ends, and what travels.

use std::path::Path;

use serde_json::{Value, json};
use wharf_model::media::OCI_INDEX;
use wharf_testkit::fixture::{Artifact, descriptor};
use wharf_testkit::server::{PASSWORD, Setup};

use super::Desk;

/// An index of two platforms, and its children.
fn for_two() -> (Artifact, [Artifact; 2]) {
    let children = [Artifact::small(1), Artifact::small(2)];
    let manifests: Vec<Value> = ["amd64", "arm64"]
        .iter()
        .zip(&children)
        .map(|(architecture, child)| {
            let mut named = descriptor(&child.media_type, &child.manifest);
            named["platform"] = json!({ "os": "linux", "architecture": architecture });
            named
        })
        .collect();
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests });
    (Artifact::of(OCI_INDEX, &index, Vec::new()), children)
}

/// Pushes it as `acme/app:1.0`, with a signature of the index and one of its first child.
fn push_for_two(desk: &Desk) -> (Artifact, [Artifact; 2]) {
    let client = desk.server.admin();
    let (index, children) = for_two();
    children.iter().for_each(|child| child.push(&client, "acme/app", &child.digest().to_string()));
    index.push(&client, "acme/app", "1.0");
    for (subject, note) in [(&index, "index"), (&children[0], "child")] {
        let signature = Artifact::attached(subject, "application/vnd.example.signature", note);
        signature.push(&client, "acme/app", &signature.digest().to_string());
    }
    (index, children)
}

/// How many blobs and manifests there are in a layout.
fn files(layout: &Path) -> usize {
    std::fs::read_dir(layout.join("blobs/sha256")).expect("a layout").count()
}

#[test]
fn within_a_registry_blobs_are_mounted() {
    let desk = Desk::admin();
    let (index, _) = push_for_two(&desk);
    let at = desk.server.address;
    let report = desk.json(&format!("copy {at}/acme/app:1.0 {at}/acme/mirror:2.0"));
    assert_eq!(report["root"]["digest"], json!(index.digest()));
    assert_eq!((&report["blobsSent"], &report["blobsMounted"]), (&json!(0), &json!(5)), "{report}");
    assert_eq!((&report["manifestsSent"], &report["referrers"]), (&json!(5), &json!(2)), "{report}");
    assert_eq!((&report["tags"], &report["dryRun"]), (&json!(["2.0"]), &json!(false)));

    // Again: nothing travels, and what is printed is the digest alone.
    let again = desk.run(&format!("copy {at}/acme/app:1.0 {at}/acme/mirror:2.0"), "").code(0);
    assert_eq!(again.out(), format!("{}\n", index.digest()));
    let listed = desk.server.admin().get(&format!("/v2/acme/mirror/referrers/{}", index.digest()));
    assert_eq!(listed.expect(200).json()["manifests"].as_array().map(Vec::len), Some(1));
}

#[test]
fn to_another_registry_with_the_login_of_each() {
    let desk = Desk::admin();
    let (index, _) = push_for_two(&desk);
    let other = Setup::new(env!("CARGO_BIN_EXE_wharf")).start();
    let line = format!("copy {}/acme/app:1.0 {}/acme/app:1.0", desk.server.address, other.address);
    desk.fails(&line, &["wharf login 127.0.0.1"]);
    desk.run(&format!("login {} -u admin --password-stdin", other.address), PASSWORD).done();
    assert_eq!(desk.ok(&line), format!("{}\n", index.digest()));
    other.admin().get(&format!("/v2/acme/app/manifests/{}", index.digest())).expect(200);
    let noted = desk.run(&line, "").code(0).err();
    assert!(noted.contains("acme/app:1.0") && !noted.contains('\u{1b}'), "{noted}");
    assert_eq!(desk.run(&format!("{line} --quiet"), "").code(0).err(), "");
}

#[test]
fn platforms_that_are_wanted() {
    let desk = Desk::admin();
    let (index, [amd64, arm64]) = push_for_two(&desk);
    let at = desk.server.address;
    let client = desk.server.admin();
    let sparse = desk.ok(&format!("copy {at}/acme/app:1.0 {at}/acme/sparse:1.0 --platform linux/arm64"));
    assert_eq!(sparse.trim(), index.digest().to_string());
    client.get(&format!("/v2/acme/sparse/manifests/{}", arm64.digest())).expect(200);
    client.get(&format!("/v2/acme/sparse/manifests/{}", amd64.digest())).expect(404);

    let single = desk.ok(&format!("copy {at}/acme/app:1.0 {at}/acme/single:1.0 --platform linux/arm64 --single"));
    assert_eq!(single.trim(), arm64.digest().to_string());
    let none = format!("copy {at}/acme/app:1.0 {at}/acme/none:1.0 --platform linux/riscv64 --single");
    desk.fails(&none, &["acme/app has no 1.0 for linux/riscv64"]);
    desk.fails(&format!("{none} --platform linux/amd64"), &["one --platform"]);
}

#[test]
fn folders_and_archives() {
    let desk = Desk::admin();
    let (index, _) = push_for_two(&desk);
    let (at, digest) = (desk.server.address, format!("{}\n", index.digest()));
    let home = desk.home.path().display().to_string();
    assert!(!home.contains([' ', '_', ':']), "what `run` splits at");
    let folder = format!("oci:{home}/folder");
    assert_eq!(desk.ok(&format!("copy {at}/acme/app:1.0 {folder}")), digest);
    // An index, two images and two signatures; two configs, two layers and the empty blob.
    assert_eq!(files(&desk.home.path().join("folder")), 10);
    assert_eq!(desk.ok(&format!("copy {folder}:1.0 {at}/acme/back:1.0")), digest, "the tag came along");
    assert_eq!(desk.ok(&format!("copy {folder} oci-archive:{home}/app.tar")), digest);
    assert_eq!(desk.ok(&format!("copy oci-archive:{home}/app.tar {at}/acme/again:1.0")), digest);
    let listed = desk.server.admin().get(&format!("/v2/acme/again/referrers/{}", index.digest())).expect(200).json();
    assert_eq!(listed["manifests"].as_array().map(Vec::len), Some(1));

    desk.ok(&format!("copy {at}/acme/app:1.0 {folder}:other --platform linux/amd64 --single --no-referrers"));
    desk.fails(&format!("copy {folder} {at}/acme/back:1.0"), &["several things", "1.0", "other"]);
    desk.fails(&format!("copy {folder}:2.0 {at}/acme/back:1.0"), &["folder has no 2.0"]);
    desk.fails(&format!("copy oci:{home}/none {at}/acme/back:1.0"), &["/none", "OCI image layout"]);
    let archive = format!("docker-archive:{home}/docker.tar");
    desk.ok(&format!("copy {folder}:other {archive}:acme/app:1.0"));
    desk.ok(&format!("copy {archive}:acme/app:1.0 {at}/acme/docker:1.0"));
    desk.fails(&format!("copy {archive}:acme/web:1.0 {at}/acme/docker:1.0"), &["docker.io/acme/app:1.0"]);
}

#[test]
fn tags_by_pattern() {
    let desk = Desk::admin();
    let (client, at) = (desk.server.admin(), desk.server.address);
    for (seed, tag) in [(1, "v1.0"), (1, "v1"), (2, "v2.0")] {
        Artifact::small(seed).push(&client, "acme/app", tag);
    }
    let digest = |seed| Artifact::small(seed).digest();
    let lines = desk.ok(&format!("copy {at}/acme/app {at}/acme/mirror --tags v1*"));
    assert_eq!(lines, format!("{0} v1\n{0} v1.0\n", digest(1)));
    let tags = || client.get("/v2/acme/mirror/tags/list").expect(200).json()["tags"].clone();
    assert_eq!(tags(), json!(["v1", "v1.0"]));
    let dry = desk.json(&format!("copy {at}/acme/app {at}/acme/mirror --all-tags --dry-run"));
    assert_eq!(dry["items"][1]["root"]["digest"], json!(digest(2)));
    assert_eq!((&dry["items"][0]["manifestsSent"], &dry["items"][1]["manifestsSent"]), (&json!(0), &json!(1)));
    assert_eq!(tags(), json!(["v1", "v1.0"]), "a dry run changes nothing");
    desk.ok(&format!("copy {at}/acme/app {at}/acme/mirror --all-tags"));
    assert_eq!(tags(), json!(["v1", "v1.0", "v2.0"]));
    desk.fails(&format!("copy {at}/acme/app {at}/acme/mirror --tags x*"), &["acme/app has no such tags"]);
    desk.fails(&format!("copy {at}/acme/app:v1 {at}/acme/mirror --all-tags"), &["acme/app:v1", "leave tag"]);
}

#[test]
fn what_is_wrong_is_said() {
    let desk = Desk::admin();
    let (client, at) = (desk.server.admin(), desk.server.address);
    let (one, two) = (Artifact::small(1), Artifact::small(2));
    one.push(&client, "acme/app", "1.0");
    desk.fails(&format!("copy {at}/acme/app:2.0 {at}/acme/b:1"), &[&format!("{at}/acme/app has no 2.0")]);
    let folder = desk.home.path().join("folder");
    let none = format!("copy 127.0.0.1:1/acme/app:1.0 oci:{}", folder.display());
    desk.fails(&none, &["127.0.0.1:1/acme/app:1.0 to oci:/", "127.0.0.1:1 cannot be reached", "hint: "]);
    desk.fails(&format!("copy {at}/acme/app:2.0 oci:{}", folder.display()), &["acme/app has no 2.0"]);
    assert!(!folder.exists(), "nothing is made for what is not there");
    let other = format!("copy {at}/acme/app:1.0 {at}/acme/b@{}", two.digest());
    desk.fails(&other, &[&one.digest().to_string(), &two.digest().to_string()]);
    assert_eq!(desk.ok(&format!("copy {at}/acme/app:1.0 {at}/acme/b@{}", one.digest())), format!("{}\n", one.digest()));
    assert_eq!(client.get("/v2/acme/b/tags/list").expect(200).json()["tags"], json!([]));
    desk.run(&format!("copy {at}/acme/app:1.0"), "").code(2);
    desk.run(&format!("copy {at}/acme/App:1.0 oci:x"), "").code(2);
    desk.fails(
        &format!("copy registry.invalid/acme/app:1.0 oci:{}", folder.display()),
        &["registry.invalid cannot be"],
    );
}
