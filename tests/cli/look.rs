//! What is told of what is there: `ls`, `digest`, `inspect`, `tree`, `discover`.

use std::net::TcpListener;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use wharf_model::media::OCI_INDEX;
use wharf_testkit::fixture::{Artifact, descriptor};

use super::Desk;

const SBOM: &str = "application/spdx+json";

/// `acme/app:1.0`: an index of an image for each of two platforms, with an SBOM of the first that is listed and a signature
/// that is found by its tag.
struct Stock {
    index: Artifact,
    images: [Artifact; 2],
    sbom: Artifact,
    signature: Artifact,
}

fn image(architecture: &str) -> Artifact {
    let config = json!({
        "architecture": architecture, "os": "linux", "created": "2026-01-02T03:04:05Z",
        "config": { "Cmd": ["sh", "-c", "run it"], "ExposedPorts": { "80/tcp": {} } },
    });
    Artifact::image(config.to_string().as_bytes(), &[vec![7; 2048], architecture.as_bytes().to_vec()])
}

fn stock(desk: &Desk) -> Stock {
    let client = desk.server.admin();
    let images = [image("amd64"), image("arm64")];
    let manifests: Vec<Value> = images
        .iter()
        .zip(["amd64", "arm64"])
        .map(|(image, architecture)| {
            let mut named = descriptor(&image.media_type, &image.manifest);
            named["platform"] = json!({ "os": "linux", "architecture": architecture });
            named
        })
        .collect();
    let index = json!({
        "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests, "annotations": { "team": "\u{1b}[31mred" },
    });
    let index = Artifact::of(OCI_INDEX, &index, Vec::new());
    images.iter().for_each(|image| image.push(&client, "acme/app", &image.digest().to_string()));
    index.push(&client, "acme/app", "1.0");
    let sbom = Artifact::attached(&images[0], SBOM, "sbom");
    sbom.push(&client, "acme/app", &sbom.digest().to_string());
    let mut signature = Artifact::image(b"{}", &[b"signed".to_vec()]);
    let text = String::from_utf8(signature.manifest).unwrap();
    let layer = "application/vnd.dev.cosign.simplesigning.v1+json";
    signature.manifest = text.replace("application/vnd.oci.image.layer.v1.tar", layer).into_bytes();
    signature.push(&client, "acme/app", &format!("{}.sig", index.digest().referrers_tag()));
    Stock { index, images, sbom, signature }
}

#[test]
fn repositories_and_tags() {
    let desk = Desk::admin();
    let (client, at) = (desk.server.admin(), desk.server.address);
    assert_eq!(desk.ok("ls"), "");
    for (repository, tag) in [("acme/app", "2.0"), ("acme/app", "1.0"), ("acme/web", "1.0")] {
        Artifact::small(1).push(&client, repository, tag);
    }
    assert_eq!(desk.ok("ls"), "acme/app\nacme/web\n", "of WHARF_REGISTRY");
    assert_eq!(desk.ok(&format!("ls {at}/")), "acme/app\nacme/web\n");
    assert_eq!(desk.ok(&format!("ls {at}/acme/app")), "1.0\n2.0\n");
    assert_eq!(desk.json(&format!("ls {at}/acme/app")), json!({ "items": ["1.0", "2.0"] }));
    let folder = format!("oci:{}/folder", desk.home.path().display());
    desk.ok(&format!("copy {at}/acme/app {folder} --all-tags"));
    assert_eq!(desk.ok(&format!("ls {folder}")), "1.0\n2.0\n");
    desk.fails(&format!("ls {at}/acme/none"), &["acme/none", "hint: "]);
    desk.run(&format!("ls {at}/acme/app:1.0"), "").code(2);
    desk.fails("ls 127.0.0.1:1", &["127.0.0.1:1 cannot be reached"]);
    desk.ok("logout");
    desk.fails(&format!("ls {at}/acme/app"), &["log in first: wharf login 127.0.0.1"]);
}

#[test]
fn digests() {
    let desk = Desk::admin();
    let (stock, at) = (stock(&desk), desk.server.address);
    let index = stock.index.digest();
    assert_eq!(desk.ok(&format!("digest {at}/acme/app:1.0")), format!("{index}\n"));
    assert_eq!(desk.ok(&format!("digest {at}/acme/app:9@{index}")), format!("{index}\n"), "the digest counts");
    let arm64 = desk.ok(&format!("digest {at}/acme/app:1.0 --platform linux/arm64"));
    assert_eq!(arm64, format!("{}\n", stock.images[1].digest()));
    let told = desk.json(&format!("digest {at}/acme/app:1.0"));
    assert_eq!(told, json!({ "digest": index, "mediaType": OCI_INDEX, "size": stock.index.manifest.len() }));
    desk.fails(&format!("digest {at}/acme/app"), &[&format!("{at}/acme/app has no latest"), "wharf ls"]);
    desk.fails(&format!("digest {at}/acme/app:1.0 --platform linux/s390x"), &["1.0 for linux/s390x"]);
}

#[test]
fn summaries() {
    let desk = Desk::admin();
    let (stock, at) = (stock(&desk), desk.server.address);
    let text = desk.ok(&format!("inspect {at}/acme/app:1.0"));
    let [amd64, arm64] = stock.images.each_ref().map(|image| image.digest().to_string());
    for part in
        [&*amd64, &arm64, "Image for several platforms", "linux/arm64", "referrers:      1", "  team: \u{fffd}[31mred"]
    {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let text = desk.ok(&format!("inspect {at}/acme/app:1.0 --platform linux/amd64"));
    let created = "2026-01-02 03:04Z";
    for part in [&*amd64, "linux/amd64", created, "sh -c \"run it\"", "80/tcp", "2.00 KiB", "in 2 layers"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let told = desk.json(&format!("inspect {at}/acme/app@{amd64}"));
    assert_eq!((&told["kind"]["id"], &told["referrers"]), (&json!("image"), &json!(1)));
    assert_eq!((&told["facts"]["detail"]["architecture"], &told["layers"][0]["size"]), (&json!("amd64"), &json!(2048)));
    let raw = desk.run(&format!("inspect {at}/acme/app:1.0 --raw"), "").code(0);
    assert_eq!(raw.output.stdout, stock.index.manifest);
    let text = desk.ok(&format!("inspect {at}/acme/app@{}", stock.sbom.digest()));
    assert!(text.contains("SPDX SBOM") && text.contains(&amd64), "{text}");
    desk.fails(&format!("inspect {at}/acme/app:2.0"), &[&format!("{at}/acme/app has no 2.0")]);
}

#[test]
fn what_hangs_on_it() {
    let desk = Desk::admin();
    let (stock, at) = (stock(&desk), desk.server.address);
    let text = desk.ok(&format!("tree {at}/acme/app:1.0"));
    let lines: Vec<&str> = text.lines().collect();
    let starts = [
        &*format!("{at}/acme/app:1.0  Image for several platforms  {}", stock.index.digest()),
        &format!("├── Container image for linux/amd64  {}", stock.images[0].digest()),
        &format!("│   └── ← SPDX SBOM  {}", stock.sbom.digest()),
        &format!("├── Container image for linux/arm64  {}", stock.images[1].digest()),
        &format!("└── ← Cosign signature  {}", stock.signature.digest()),
    ];
    assert!(lines.len() == 5 && lines.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{text}");
    let told = desk.json(&format!("tree {at}/acme/app:1.0"));
    assert_eq!(told["children"][0]["referrers"][0]["digest"], json!(stock.sbom.digest()));

    // A copy takes it all along; of a sparse one, what is missing is shown as such.
    let folder = format!("oci:{}/folder", desk.home.path().display());
    desk.ok(&format!("copy {at}/acme/app:1.0 {folder} --platform linux/amd64"));
    let text = desk.ok(&format!("tree {folder}:1.0"));
    assert!(text.contains("SBOM") && text.contains("Cosign") && text.matches("not there").count() == 1, "{text}");

    let listed = desk.json(&format!("discover {at}/acme/app@{}", stock.images[0].digest()));
    assert_eq!(listed["items"][0]["digest"], json!(stock.sbom.digest()));
    assert_eq!(listed["items"][0]["artifactType"], json!(SBOM));
    let text = desk.ok(&format!("discover {at}/acme/app:1.0"));
    assert!(text.contains("Cosign signature") && text.contains(&stock.signature.digest().to_string()), "{text}");
    let none = desk.json(&format!("discover {at}/acme/app:1.0 --artifact-type {SBOM}"));
    assert_eq!(none, json!({ "items": [] }));
    desk.fails(&format!("tree {at}/acme/app:2.0"), &["acme/app has no 2.0"]);
    desk.fails(&format!("discover {at}/acme/app:2.0"), &["acme/app has no 2.0"]);
}

#[test]
fn whoever_interrupts_it_is_obeyed() {
    let desk = Desk::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let line = format!("digest {}/acme/app:1.0", silent.local_addr().unwrap());
    let mut command = desk.command(&line);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _connection = silent.accept().unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(130), 0));
}
