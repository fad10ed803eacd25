//! What `wharf push` makes of folders and files, as others read it, and what others push, as `wharf pull` reads it: on our
//! registry, and on Debian's `docker-registry`, which knows nothing of referrers.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use wharf_testkit::server::PASSWORD;

use super::sandbox::{Daemon, Sandbox};
use super::server;
use super::trees::{contents, expect_same, fill};

const WHARF: &str = env!("CARGO_BIN_EXE_wharf");
const PODMAN: &str = "podman --cgroup-manager cgroupfs --events-backend none";
/// The forms of a folder that a runtime can mount, by the tag that they get here.
const MOUNTABLE: [(&str, &str); 2] = [("zstd", "--mountable"), ("gzip", "--mountable --compat")];

/// A sandbox with a folder `from` of all sorts, whose programs are logged in as the administrator.
fn desk(at: &str, programs: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new(&[programs, &["skopeo"]].concat());
    fs::create_dir(sandbox.path("from")).unwrap();
    fill(&sandbox.path("from"));
    sandbox.ok_with(format!("skopeo login --tls-verify=false -u admin --password-stdin {at}"), PASSWORD);
    sandbox
}

/// Pushes the folder `from` in each form that a runtime can mount.
fn push_mountable(sandbox: &Sandbox, repository: &str) {
    for (tag, options) in MOUNTABLE {
        sandbox.ok(format!("{WHARF} push from {repository}:{tag} {options} -q"));
    }
}

/// A registry of another make, where nobody has to log in; and where it listens.
fn docker_registry(sandbox: &Sandbox) -> (Daemon, String) {
    let config = format!(
        "version: 0.1\nlog: {{level: info, formatter: json}}\nstorage: {{filesystem: {{rootdirectory: {:?}}}}}\n\
         http: {{addr: \"127.0.0.1:0\"}}\n",
        sandbox.at("registry")
    );
    sandbox.write("registry.yml", config);
    // It takes every variable REGISTRY_… for a setting of its own.
    let daemon = sandbox.start("env -u REGISTRY_AUTH_FILE docker-registry serve registry.yml", "listening on ");
    let (_, at) = daemon.said.split_once("listening on ").expect("it was said");
    let at = at.split(['"', ' ', ',', '\n']).next().expect("an address").to_owned();
    (daemon, at)
}

#[test]
fn podman_and_buildah_mount_them() {
    let server = server();
    let at = server.address.to_string();
    let sandbox = desk(&at, &["podman", "buildah"]);
    push_mountable(&sandbox, &format!("{at}/acme/site"));
    let from = sandbox.path("from");
    for (tag, _) in MOUNTABLE {
        let image = format!("{at}/acme/site:{tag}");
        sandbox.ok(format!("{PODMAN} pull -q --tls-verify=false {image}"));
        expect_same(&from, Path::new(&sandbox.ok(format!("{PODMAN} image mount {image}"))));
        let container = sandbox.ok(format!("buildah from -q --pull-never {image}"));
        expect_same(&from, Path::new(&sandbox.ok(format!("buildah mount {container}"))));
        // For another architecture it is the same: files have none.
        sandbox.ok(format!("{PODMAN} pull -q --tls-verify=false --arch s390x {image}"));
    }
}

#[test]
fn tar_lists_their_layers() {
    let server = server();
    let at = server.address.to_string();
    let sandbox = desk(&at, &["tar", "zstd"]);
    let repository = format!("{at}/acme/site");
    push_mountable(&sandbox, &repository);
    sandbox.ok(format!("{WHARF} push from {repository}:cut -q"));
    for tag in ["zstd", "gzip", "cut"] {
        sandbox.ok(format!("skopeo copy -q --src-tls-verify=false docker://{repository}:{tag} dir:{tag}"));
        fs::create_dir(sandbox.path("to")).unwrap();
        let mut kinds = Vec::new();
        for (media_type, blob) in layers(&sandbox.path(tag)) {
            let unpack = match media_type.strip_prefix("application/vnd.oci.image.layer.v1.tar").unwrap() {
                "" => "",
                "+gzip" => "--gzip",
                "+zstd" => "--zstd",
                other => panic!("{other}"),
            };
            // A warning is a failure here.
            sandbox.ok(format!("tar {unpack} --extract --file {tag}/{blob} --directory to --warning=all"));
            if unpack == "--gzip" {
                expect_folders_first(&sandbox.ok(format!("tar --list --file {tag}/{blob} --quoting-style=literal")));
            }
            kinds.push(unpack);
        }
        expect_same(&sandbox.path("from"), &sandbox.path("to"));
        let is_compatible = kinds.iter().all(|kind| *kind == "--gzip");
        assert_eq!(is_compatible, tag == "gzip", "{kinds:?}");
        fs::remove_dir_all(sandbox.path("to")).unwrap();
    }

    // As Docker's own formats have it, where all is gzip; and as an OCI layout, in any form.
    let name = format!("docker://{repository}");
    sandbox.ok(format!("skopeo copy -q --src-tls-verify=false {name}:gzip docker-archive:docker.tar:acme/site:1"));
    sandbox.ok(format!("skopeo copy -q --src-tls-verify=false --format v2s2 {name}:gzip dir:docker"));
    sandbox.ok(format!("{WHARF} copy docker-archive:docker.tar:acme/site:1 {repository}:docker -q"));
    sandbox.ok(format!("{WHARF} pull {repository}:docker docker-files -q"));
    expect_same(&sandbox.path("from"), &sandbox.path("docker-files"));
    sandbox.ok(format!("skopeo copy -q --src-tls-verify=false {name}:cut oci:layout:cut"));
    sandbox.ok(format!("{WHARF} pull oci:layout:cut layout-files -q"));
    expect_same(&sandbox.path("from"), &sandbox.path("layout-files"));
}

/// Fails the test unless all folders stand before what is in them: oras makes none by itself.
#[track_caller]
fn expect_folders_first(listed: &str) {
    let mut there = HashSet::from([""]);
    for name in listed.lines().map(|line| line.trim_end_matches('/')) {
        let above = name.rsplit_once('/').map_or("", |(above, _)| above);
        assert!(there.contains(above), "{above} is not there before {name}:\n{listed}");
        there.insert(name);
    }
}

/// The layers in a folder that skopeo wrote: what each is, and its file.
fn layers(folder: &Path) -> Vec<(String, String)> {
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let layers = manifest["layers"].as_array().unwrap().iter();
    let text = |layer: &Value, key: &str| layer[key].as_str().unwrap().to_owned();
    layers
        .map(|layer| (text(layer, "mediaType"), text(layer, "digest").trim_start_matches("sha256:").to_owned()))
        .collect()
}

/// Images that delete, replace and link, packed in every way: what a container of them would see is what is pulled.
#[test]
fn images_that_others_built() {
    let server = server();
    let at = server.address.to_string();
    let sandbox = desk(&at, &["buildah"]);
    fs::create_dir(sandbox.path("more")).unwrap();
    sandbox.write("more/run.sh", "#!/bin/false\n");
    let first = sandbox.ok("buildah from -q scratch");
    sandbox.ok(format!("buildah copy -q {first} from /"));
    sandbox.ok(format!("buildah commit -q {first} localhost/first"));
    let second = sandbox.ok("buildah from -q --pull-never localhost/first");
    sandbox.ok(format!("buildah copy -q {second} more /"));
    let root = sandbox.ok(format!("buildah mount {second}"));
    fs::remove_dir_all(Path::new(&root).join("lib/3")).unwrap();
    fs::remove_file(Path::new(&root).join("nothing")).unwrap();
    fs::remove_dir(Path::new(&root).join("empty")).unwrap();
    fs::write(Path::new(&root).join("empty"), "a file now").unwrap();
    sandbox.ok(format!("buildah commit -q {second} localhost/second"));
    for (tag, options) in [("oci", "--format oci"), ("docker", "--format v2s2"), ("zstd", "--format oci -D")] {
        sandbox.ok(format!("buildah push -q {options} --tls-verify=false localhost/second {at}/acme/{tag}:1"));
        sandbox.ok(format!("{WHARF} pull {at}/acme/{tag}:1 {tag} -q"));
        expect_same(Path::new(&root), &sandbox.path(tag));
    }
}

#[test]
fn files_and_folders_in_another_registry() {
    let ours = server();
    let at = ours.address.to_string();
    let sandbox = desk(&at, &["docker-registry", "podman", "tar", "zstd"]);
    let (_daemon, other) = docker_registry(&sandbox);
    push_mountable(&sandbox, &format!("{other}/acme/site"));
    let from = sandbox.path("from");
    for (tag, _) in MOUNTABLE {
        sandbox.ok(format!("{WHARF} pull {other}/acme/site:{tag} {tag} -q"));
        expect_same(&from, &sandbox.path(tag));
    }
    let image = format!("{other}/acme/site:zstd");
    sandbox.ok(format!("{PODMAN} pull -q --tls-verify=false {image}"));
    expect_same(&from, Path::new(&sandbox.ok(format!("{PODMAN} image mount {image}"))));

    // Files with names, and what is attached to them: by the tag that the specification falls back to.
    let files = format!("{other}/acme/files");
    sandbox.write("a.json", "{}");
    sandbox.write("note.txt", "a note");
    let digest = sandbox.ok(format!("{WHARF} push a.json from/run.sh {files}:1 -q"));
    sandbox.ok(format!("{WHARF} push note.txt {files} --subject :1 --artifact-type application/x.note -q"));
    let tags = sandbox.ok(format!("skopeo list-tags --tls-verify=false docker://{files}"));
    assert!(tags.contains(&digest.replace(':', "-")), "{tags}");
    // skopeo brings the files here, wharf what belongs to them too; the other registry's digests stay.
    sandbox.ok(format!(
        "skopeo copy -q --preserve-digests --src-tls-verify=false --dest-tls-verify=false docker://{files}:1 \
         docker://{at}/acme/files:1"
    ));
    sandbox.ok(format!("{WHARF} copy {files}:1 {at}/acme/copied:1 -q"));
    for name in ["files", "copied"] {
        assert_eq!(sandbox.ok(format!("{WHARF} digest {at}/acme/{name}:1")), digest);
        sandbox.ok(format!("{WHARF} pull {at}/acme/{name}:1 {name} -q"));
        assert_eq!(contents(&sandbox.path(name)).keys().collect::<Vec<_>>(), ["a.json", "from", "from/run.sh"]);
    }
    let found = sandbox.ok(format!("{WHARF} discover {at}/acme/copied:1 --json"));
    assert!(found.contains("application/x.note"), "{found}");
    // And back, from ours to the other.
    sandbox.ok(format!("{WHARF} copy {at}/acme/copied:1 {other}/acme/back:1 -q"));
    let found = sandbox.ok(format!("{WHARF} discover {other}/acme/back:1 --json"));
    assert!(found.contains("application/x.note"), "{found}");
}
