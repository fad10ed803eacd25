//! What is inside of images and artifacts: `ls` and `cat` of files, `diff`; and how the layers of an image were made.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use wharf_model::media::OCI_INDEX;
use wharf_testkit::fixture::{Artifact, descriptor, noise};

use super::Desk;

/// A layer of what `fill` puts into a folder.
fn layer(gzip: bool, fill: impl FnOnce(&Path)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--mtime=@1000000000", "--owner=7", "--group=8", "--numeric-owner", "-c"]);
    tar.args(gzip.then_some("-z")).arg("-C").arg(folder.path()).arg(".").env_clear().env("PATH", "/usr/bin:/bin");
    let output = tar.output().expect("tar runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn put(folder: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
}

fn base() -> Vec<u8> {
    layer(false, |at| {
        put(at, "usr/bin/sh", "a shell");
        put(at, "etc/hosts", "old");
        put(at, "etc/gone", "gone");
        put(at, "etc/same", "same");
        put(at, "noise", noise(1, 300_000));
        symlink("usr/bin", at.join("bin")).unwrap();
        symlink("../etc/hosts", at.join("usr/hosts")).unwrap();
    })
}

fn second() -> Vec<u8> {
    layer(true, |at| {
        put(at, "etc/hosts", "new hosts");
        put(at, "etc/.wh.gone", "");
    })
}

fn image(version: &str, layers: &[Vec<u8>]) -> Artifact {
    let step = |number: usize| json!({ "created_by": format!("/bin/sh -c make layer {number}") });
    let mut history: Vec<Value> = (0..layers.len()).map(step).collect();
    history.insert(1, json!({ "created_by": "/bin/sh -c #(nop) ENV A=1", "empty_layer": true }));
    let config = json!({
        "architecture": "amd64", "os": "linux", "history": history,
        "config": { "Env": ["PATH=/bin", format!("VERSION={version}")], "Labels": { "team": "web" }, "Cmd": ["sh"] },
    });
    Artifact::image(config.to_string().as_bytes(), layers)
}

/// `acme/app:1`, and its reference.
fn stock(desk: &Desk) -> String {
    image("1", &[base(), second()]).push(&desk.server.admin(), "acme/app", "1");
    format!("{}/acme/app:1", desk.server.address)
}

#[test]
fn files_of_an_image() {
    let desk = Desk::admin();
    let app = stock(&desk);
    assert_eq!(desk.ok(&format!("ls {app}:/")), "bin\netc/\nnoise\nusr/\n");
    assert_eq!(desk.ok(&format!("ls {app}:/etc/")), "hosts\nsame\n", "with what the second layer did");
    assert_eq!(desk.ok(&format!("ls {app}:/bin")), "sh\n", "by way of the link");
    assert_eq!(desk.ok(&format!("ls -R {app}:/usr")), "bin/\nbin/sh\nhosts\n");
    assert_eq!(desk.ok(&format!("ls {app}:/etc/hosts")), "etc/hosts\n");
    let long = desk.ok(&format!("ls -l {app}:/usr"));
    let lines: Vec<&str> = long.lines().collect();
    assert!(lines[1].starts_with("drwxr-xr-x  7:8") && lines[1].ends_with("bin"), "{long}");
    assert!(
        lines[2].starts_with("lrwxrwxrwx  7:8") && lines[2].ends_with("2001-09-09 01:46Z  hosts -> ../etc/hosts"),
        "{long}"
    );
    let told = desk.json(&format!("ls {app}:/etc"));
    let hosts = &told["items"][0];
    assert_eq!((&hosts["kind"], &hosts["size"], &hosts["mode"]), (&json!("file"), &json!(9), &json!("0644")));
    assert_eq!(hosts["layer"], json!(wharf_testkit::fixture::digest(&second())));
    desk.fails(&format!("ls {app}:/none"), &[&format!("{app}: there is no /none")]);
    desk.fails(&format!("ls {app}:/etc/hosts/x"), &["/etc/hosts is no folder"]);
    desk.fails(&format!("ls -l {}/acme/app", desk.server.address), &["REF:/PATH"]);
    assert!(desk.run(&format!("ls {app}"), "").code(2).err().contains("write :/ behind it"));
}

#[test]
fn files_are_printed() {
    let desk = Desk::admin();
    let app = stock(&desk);
    assert_eq!(desk.ok(&format!("cat {app}:/etc/hosts")), "new hosts");
    assert_eq!(desk.ok(&format!("cat {app}:/usr/hosts {app}:/bin/sh {app}:/etc/hosts")), "new hostsa shellnew hosts");
    assert_eq!(desk.ok(&format!("cat {app}:/etc/hosts --range 4-")), "hosts");
    assert_eq!(desk.ok(&format!("cat {app}:/etc/hosts --range -3")), "sts");
    let noisy = desk.run(&format!("cat {app}:/noise"), "").code(0);
    assert!(noisy.output.stdout == noise(1, 300_000));
    desk.fails(&format!("cat {app}:/etc/gone"), &["there is no /etc/gone"]);
    desk.fails(&format!("cat {app}:/etc/hosts {app}:/etc"), &["/etc is a folder"]);
    desk.fails(&format!("cat {app}:/etc/hosts --range 9-"), &["has 9 bytes"]);
    desk.run(&format!("cat {app}"), "").code(2);
    let at = desk.server.address;
    desk.fails(&format!("cat {at}/acme/app:2:/etc/hosts"), &[&format!("{at}/acme/app has no 2")]);

    // The same from a folder and from archives.
    let home = desk.home.path().display();
    for end in
        [format!("oci:{home}/folder:1"), format!("oci-archive:{home}/a.tar:1"), format!("docker-archive:{home}/d.tar")]
    {
        desk.ok(&format!("copy {app} {end} -q"));
        assert_eq!(desk.ok(&format!("cat {end}:/bin/sh")), "a shell", "{end}");
        assert_eq!(desk.ok(&format!("ls {end}:/etc")), "hosts\nsame\n", "{end}");
    }
}

#[test]
fn only_what_has_been_verified_is_printed_and_no_more_is_read() {
    let desk = Desk::admin();
    let app = stock(&desk);
    let folder = format!("oci:{}/folder:1", desk.home.path().display());
    desk.ok(&format!("copy {app} {folder} -q"));
    let blob =
        |bytes: &[u8]| desk.home.path().join("folder/blobs/sha256").join(wharf_testkit::fixture::digest(bytes).hex());
    // The base is broken at its end, after all that anybody asks for.
    let mut broken = base();
    let last = broken.len() - 1;
    broken[last] = 1;
    fs::write(blob(&base()), &broken).unwrap();
    assert_eq!(desk.ok(&format!("cat {folder}:/etc/hosts")), "new hosts", "that layer has no say");
    desk.fails(
        &format!("cat {folder}:/etc/same"),
        &["wrong bytes", &wharf_testkit::fixture::digest(&base()).to_string()],
    );
    desk.fails(&format!("ls {folder}:/"), &["wrong bytes"]);
}

#[test]
fn files_of_folders_and_of_files() {
    let desk = Desk::admin();
    let (home, at) = (desk.home.path(), desk.server.address);
    put(home, "from/docs/a.txt", "a");
    put(home, "from/b.txt", "b");
    desk.ok(&format!("push {}/from {at}/acme/site:1 -q", home.display()));
    assert_eq!(desk.ok(&format!("ls -R {at}/acme/site:1:/")), "b.txt\ndocs/\ndocs/a.txt\n");
    assert_eq!(desk.ok(&format!("cat {at}/acme/site:1:/docs/a.txt")), "a");
    let files = format!("{0}/from/b.txt {0}/from/docs/a.txt", home.display());
    desk.ok(&format!("push {files} {at}/acme/files:1 -q"));
    assert_eq!(desk.ok(&format!("ls {at}/acme/files:1:/")), "a.txt\nb.txt\n");
    assert_eq!(desk.ok(&format!("cat {at}/acme/files:1:/b.txt {at}/acme/files:1:/a.txt")), "ba");
    let sbom = Artifact::attached(&Artifact::small(1), "application/spdx+json", "x");
    Artifact::small(1).push(&desk.server.admin(), "acme/app", "0");
    sbom.push(&desk.server.admin(), "acme/app", "sbom");
    desk.fails(&format!("ls {at}/acme/app:sbom:/"), &["holds no files"]);
    desk.fails(&format!("ls {at}/acme/app:0:/"), &["no tar that can be read"]);
}

#[test]
fn differences_of_images() {
    let desk = Desk::admin();
    let (client, at) = (desk.server.admin(), desk.server.address);
    let app = stock(&desk);
    let third = layer(false, |at| {
        put(at, "etc/extra", "x");
        put(at, "etc/same", "SAME");
        put(at, ".wh.noise", "");
    });
    image("2", &[base(), second(), third.clone()]).push(&client, "acme/app", "2");
    assert_eq!(desk.ok(&format!("diff {app} {app}")), "");
    let text = desk.run(&format!("diff {app} {at}/acme/app:2"), "").code(1).out();
    for line in [
        "~ env VERSION: 1 → 2",
        "layers: 2 shared (",
        "files: 1 added, 1 removed, 1 changed",
        "+ etc/extra  1 B",
        "~ etc/same  4 B, other content",
        "- noise  293 KiB",
    ] {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
    assert!(!text.contains("hosts") && !text.contains('\u{1b}'), "{text}");
    let told: Value =
        serde_json::from_str(&desk.run(&format!("diff {at}/acme/app:2 {app} --json"), "").code(1).out()).unwrap();
    let paths: Vec<&str> =
        told["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!((paths, &told["same"]), (vec!["etc/extra", "etc/same", "noise"], &json!(false)));
    assert_eq!(told["layers"]["gone"][0]["size"], json!(third.len()));
    let told: Value =
        serde_json::from_str(&desk.run(&format!("diff {at}/acme/app:2 {app} --no-files --json"), "").code(1).out())
            .unwrap();
    assert_eq!(told["files"], Value::Null);
    desk.fails(&format!("diff {app} {at}/acme/app:3"), &["has no 3"]);

    // Layers that both have are not read where the others say all there is to say.
    let top = layer(false, |at| put(at, "etc/hosts", "newest hosts"));
    let [one, other] = [second(), top].map(|top| image("1", &[base(), top]));
    let folder = format!("oci:{}/folder", desk.home.path().display());
    for (image, tag) in [(one, "a"), (other, "b")] {
        image.push(&client, "acme/two", tag);
        desk.ok(&format!("copy {at}/acme/two:{tag} {folder}:{tag} -q"));
    }
    let digest = wharf_testkit::fixture::digest(&base());
    let mut broken = base();
    broken[0] = b'x';
    fs::write(desk.home.path().join("folder/blobs/sha256").join(digest.hex()), broken).unwrap();
    desk.fails(&format!("diff {folder}:a {folder}:b"), &[&digest.to_string()]);
    let text = desk.run(&format!("diff {folder}:a {folder}:b --no-files"), "").code(1).out();
    assert!(text.contains("1 shared") && !text.contains("files:"), "{text}");
}

#[test]
fn differences_of_folders_and_indexes() {
    let desk = Desk::admin();
    let (home, client, at) = (desk.home.path(), desk.server.admin(), desk.server.address);
    for number in 0..80 {
        put(home, &format!("from/{}/part-{number}", number % 7), noise(number, 100_000));
    }
    let folder = format!("oci:{}/folder", home.display());
    desk.ok(&format!("push {}/from {at}/acme/site:1 -q", home.display()));
    put(home, "from/3/part-3", "now a short one");
    desk.ok(&format!("push {}/from {at}/acme/site:2 -q", home.display()));
    for tag in ["1", "2"] {
        desk.ok(&format!("copy {at}/acme/site:{tag} {folder}:{tag} -q"));
    }
    // None of the layers that both have is read: they could not be.
    let told: Value =
        serde_json::from_str(&desk.run(&format!("diff {folder}:1 {folder}:2 --json"), "").code(1).out()).unwrap();
    assert!(!told["layers"]["shared"].as_array().unwrap().is_empty(), "{told}");
    for shared in told["layers"]["shared"].as_array().unwrap() {
        let hex = shared["digest"].as_str().unwrap().trim_start_matches("sha256:");
        fs::write(home.join("folder/blobs/sha256").join(hex), "broken").unwrap();
    }
    let text = desk.run(&format!("diff {folder}:1 {folder}:2"), "").code(1).out();
    assert!(text.contains("files: 0 added, 0 removed, 1 changed\n~ 3/part-3  97.7 KiB → 15 B"), "{text}");

    let images = ["1", "2", "3"].map(|version| image(version, &[base(), second()]));
    images.iter().for_each(|image| image.push(&client, "acme/app", &image.digest().to_string()));
    let index = |children: &[(&str, &Artifact)], tag: &str| {
        let child = |(architecture, image): &(&str, &Artifact)| {
            let mut named = descriptor(&image.media_type, &image.manifest);
            named["platform"] = json!({ "os": "linux", "architecture": architecture });
            named
        };
        let manifests: Vec<Value> = children.iter().map(child).collect();
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests });
        Artifact::of(OCI_INDEX, &index, Vec::new()).push(&client, "acme/app", tag);
    };
    index(&[("amd64", &images[0]), ("arm64", &images[1])], "a");
    index(&[("amd64", &images[2]), ("arm64", &images[1]), ("s390x", &images[0])], "b");
    let app = format!("{at}/acme/app");
    let text = desk.run(&format!("diff {app}:a {app}:b"), "").code(1).out();
    let [one, _, three] = images.each_ref().map(|image| image.digest().to_string());
    assert!(text.contains(&format!("~ linux/amd64: {one} → {three}")) && text.contains("+ linux/s390x: "), "{text}");
    assert!(!text.contains("arm64"), "{text}");
    assert_eq!(desk.ok(&format!("diff {app}:a {app}:b --platform linux/arm64")), "");
    let text = desk.run(&format!("diff {app}:a {app}:b --platform linux/amd64"), "").code(1).out();
    assert!(text.contains("~ env VERSION: 1 → 3") && !text.contains("files"), "{text}");
    image("1", &[base()]).push(&client, "acme/app", "1");
    desk.fails(&format!("diff {app}:a {app}:1"), &["--platform"]);
    assert_eq!(desk.ok(&format!("ls {app}:b:/bin --platform linux/amd64")), "sh\n");
}

/// A folder beside what was pushed of it, on either side.
#[test]
fn differences_from_a_folder() {
    let desk = Desk::admin();
    let (home, at) = (desk.home.path(), desk.server.address);
    let (from, site) = (home.join("from"), format!("{at}/acme/site:1"));
    put(home, "from/index.html", "<h1>hello</h1>");
    put(home, "from/css/site.css", "h1 {}");
    put(home, "from/notes/todo", "not for others");
    put(home, "from/.wharfignore", "notes/\n*.swp\n");
    put(home, "from/run.sh", "#!/bin/sh\n");
    fs::set_permissions(from.join("run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    symlink("index.html", from.join("start")).unwrap();
    fs::hard_link(from.join("index.html"), from.join("welcome.html")).unwrap();
    let from = from.display();
    desk.ok(&format!("push {from} {site} -q"));
    desk.ok(&format!("push {from} {at}/acme/site:kept --keep-modes --keep-owners --keep-times -q"));
    desk.ok(&format!("push {from} {at}/acme/site:compat --compat --mountable -q"));
    for tag in ["1", "kept", "compat"] {
        let stored = format!("{at}/acme/site:{tag}");
        assert_eq!(desk.ok(&format!("diff {stored} {from}")), "", "{tag}");
        assert_eq!(desk.ok(&format!("diff {from} {stored}")), "", "{tag}");
    }
    put(home, "from/css/site.css", "h2 {}");
    put(home, "from/new.swp", "left out");
    put(home, "from/new", "x");
    fs::remove_file(home.join("from/start")).unwrap();
    let text = desk.run(&format!("diff {site} {from}"), "").code(1).out();
    let expect = "files: 1 added, 1 removed, 1 changed\n~ css/site.css  5 B, other content\n+ new  1 B\n- start  -> index.html\n";
    assert!(
        text.starts_with(&format!("- {site}  sha256:")) && text.contains(&format!("\n+ {from}\n\n{expect}")),
        "{text}"
    );
    let text = desk.run(&format!("diff {from} {site} -x new"), "").code(1).out();
    assert!(
        text.contains("files: 1 added, 0 removed, 1 changed\n~ css/site.css  5 B, other content\n+ start"),
        "{text}"
    );
    let told: Value = serde_json::from_str(&desk.run(&format!("diff {from} {site} --json"), "").code(1).out()).unwrap();
    assert_eq!((&told["from"]["kind"]["id"], &told["same"]), (&json!("folder"), &json!(false)), "{told}");
    assert!(told["from"]["digest"].is_null() && told["to"]["digest"].is_string(), "{told}");
    // Executable or not is what a push tells.
    fs::set_permissions(home.join("from/run.sh"), fs::Permissions::from_mode(0o640)).unwrap();
    let text = desk.run(&format!("diff {site} {from}"), "").code(1).out();
    assert!(text.contains("~ run.sh  mode 0755 → 0640"), "{text}");

    desk.fails(&format!("diff {from} {from}"), &["diff -r"]);
    desk.fails(&format!("diff {site} {from} --no-files"), &["nothing to compare"]);
    desk.fails(&format!("diff {site} {site} -x new"), &["--exclude"]);
    desk.fails(&format!("diff {site} {from}/none"), &["none"]);
}

#[test]
fn layers_and_what_made_them() {
    let desk = Desk::admin();
    let app = stock(&desk);
    let text = desk.ok(&format!("inspect {app}"));
    let line = text.lines().find(|line| line.ends_with("RUN make layer 0")).unwrap_or_else(|| panic!("{text}"));
    assert!(line.contains("KiB") && text.contains("RUN make layer 1") && !text.contains("ENV"), "{text}");
    let told = desk.json(&format!("inspect {app}"));
    assert_eq!(told["facts"]["detail"]["history"]["items"][1]["empty"], json!(true));
}
