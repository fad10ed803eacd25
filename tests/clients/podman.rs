//! podman: pulls into a storage of its own and pushes from it.

use wharf_testkit::server::{PASSWORD, Server};

use super::images::{Multi, shared};
use super::requests::{self, chunks, tokens};
use super::sandbox::Sandbox;
use super::{publish, server, token_and_robot};

const PODMAN: &str = "podman --cgroup-manager cgroupfs --events-backend none";

fn sandbox() -> Sandbox {
    Sandbox::new(&["podman"])
}

fn login(sandbox: &Sandbox, server: &Server) {
    let line = format!("{PODMAN} login --tls-verify=false -u admin --password-stdin {}", server.address);
    sandbox.ok_with(line, PASSWORD);
}

/// Fails the test unless the image's files are what was packed.
#[track_caller]
fn expect_files(sandbox: &Sandbox, image: &str, architecture: &str) {
    let root = sandbox.ok(format!("{PODMAN} image mount {image}"));
    let root = std::path::Path::new(&root);
    assert!(std::fs::read(root.join("shared")).unwrap() == shared());
    assert_eq!(std::fs::read_to_string(root.join("arch")).unwrap(), architecture);
}

#[test]
fn logs_in_pulls_and_pushes() {
    let (server, image) = (server(), Multi::mixed());
    let (at, admin) = (server.address, server.admin());
    let sandbox = sandbox();
    image.push(&admin, "acme/app", "v1");
    let login_line = format!("{PODMAN} login --tls-verify=false -u admin --password-stdin {at}");
    let wrong = sandbox.fails_with(&login_line, "wrong");
    assert!(wrong.contains("invalid username/password"), "{wrong}");
    let pull = format!("{PODMAN} pull -q --tls-verify=false");
    sandbox.fails(format!("{pull} {at}/acme/app:v1"));
    login(&sandbox, &server);

    // By tag and platform; by digest, of a manifest that has no tag.
    sandbox.ok(format!("{pull} --arch arm64 {at}/acme/app:v1"));
    expect_files(&sandbox, &format!("{at}/acme/app:v1"), "arm64");
    let amd64 = format!("{at}/acme/app@{}", image.amd64.digest());
    sandbox.ok(format!("{pull} --arch amd64 {amd64}"));
    expect_files(&sandbox, &amd64, "amd64");

    // Pushed in OCI's and in Docker's format, packed by gzip and by zstd; an image each, because podman rather mounts what
    // it knows than packs it anew.
    std::fs::create_dir(sandbox.path("root")).unwrap();
    sandbox.write("root/shared", shared());
    for (name, options, media_type, suffix) in [
        ("oci", "--format oci", "application/vnd.oci.image.manifest.v1+json", "tar+gzip"),
        ("docker", "--format v2s2", "application/vnd.docker.distribution.manifest.v2+json", "tar.gzip"),
        ("zstd", "--format oci --compression-format zstd", "application/vnd.oci.image.manifest.v1+json", "tar+zstd"),
    ] {
        sandbox.write("root/arch", name);
        sandbox.ok("tar -C root -cf root.tar .");
        sandbox.ok(format!("{PODMAN} import -q root.tar localhost/{name}:v1"));
        sandbox.ok(format!(
            "{PODMAN} push -q --tls-verify=false --digestfile digest {options} localhost/{name}:v1 \
             docker://{at}/{name}/app:v1"
        ));
        let pushed = admin.get(&format!("/v2/{name}/app/manifests/v1")).expect(200);
        assert_eq!(pushed.required("content-type"), media_type);
        assert_eq!(pushed.required("docker-content-digest"), sandbox.read("digest"));
        let layer = pushed.json()["layers"][0]["mediaType"].as_str().unwrap().to_owned();
        assert!(layer.ends_with(suffix), "{name}: {layer}");
        sandbox.ok(format!("{PODMAN} rmi -af"));
        let by_digest = format!("{at}/{name}/app@{}", sandbox.read("digest"));
        sandbox.ok(format!("{pull} {by_digest}"));
        expect_files(&sandbox, &by_digest, name);
    }
    let found = sandbox.ok(format!("{PODMAN} search --tls-verify=false --list-tags {at}/oci/app"));
    assert!(found.contains("v1"), "{found}");
    sandbox.ok(format!("{PODMAN} logout {at}"));
    let requests = requests::of(server);
    assert!(tokens(&requests) > 0, "Bearer was preferred");
    assert!(chunks(&requests, "docker/app") > 0, "podman sends in chunks");
}

#[test]
fn login_as_a_robot_and_with_a_token() {
    let (server, image) = (server(), Multi::gzip());
    let at = server.address;
    let sandbox = sandbox();
    let accounts = token_and_robot(&server);
    image.push(&server.admin(), "acme/app", "v1");
    image.push(&server.admin(), "other/app", "v1");
    let pull = format!("{PODMAN} pull -q --tls-verify=false --arch amd64");
    for (name, secret) in &accounts {
        sandbox.ok_with(format!("{PODMAN} login --tls-verify=false -u {name} --password-stdin {at}"), secret);
        sandbox.ok(format!("{pull} {at}/acme/app:v1"));
        sandbox.fails(format!("{pull} {at}/other/app:v1"));
        let push =
            format!("{PODMAN} push -q --tls-verify=false {at}/acme/app:v1 docker://{at}/acme/app:{}", name.len());
        if *name == "kim" {
            sandbox.fails(push)
        } else {
            sandbox.ok(push)
        };
        sandbox.ok(format!("{PODMAN} logout {at}"));
        sandbox.ok(format!("{PODMAN} rmi -af"));
    }
    let wrong = format!("{PODMAN} login --tls-verify=false -u acme+ci --password-stdin {at}");
    sandbox.fails_with(wrong, &accounts[0].1);
}

#[test]
fn indexes() {
    let (server, image) = (server(), Multi::gzip());
    let (at, admin) = (server.address, server.admin());
    let sandbox = sandbox();
    image.push(&admin, "acme/app", "v1");
    login(&sandbox, &server);
    sandbox.ok(format!("{PODMAN} manifest create localhost/list"));
    sandbox.ok(format!("{PODMAN} manifest add --all --tls-verify=false localhost/list docker://{at}/acme/app:v1"));
    sandbox.ok(format!("{PODMAN} manifest push -q --all --tls-verify=false localhost/list docker://{at}/other/app:v1"));
    let index = admin.get("/v2/other/app/manifests/v1").expect(200).json();
    let children: Vec<_> = index["manifests"].as_array().unwrap().iter().map(|child| child["digest"].clone()).collect();
    assert_eq!(children, [image.amd64.digest().to_string(), image.arm64.digest().to_string()]);
    for child in [&image.amd64, &image.arm64] {
        let got = admin.get(&format!("/v2/other/app/manifests/{}", child.digest())).expect(200);
        assert_eq!(got.body, child.manifest);
    }
}

#[test]
fn public_without_login() {
    let (server, image) = (server(), Multi::gzip());
    let (at, admin) = (server.address, server.admin());
    let sandbox = sandbox();
    image.push(&admin, "open/app", "v1");
    image.push(&admin, "closed/app", "v1");
    publish(&admin, "open");
    sandbox.ok(format!("{PODMAN} pull -q --tls-verify=false --arch amd64 {at}/open/app:v1"));
    expect_files(&sandbox, &format!("{at}/open/app:v1"), "amd64");
    sandbox.fails(format!("{PODMAN} pull -q --tls-verify=false {at}/closed/app:v1"));
    sandbox.fails(format!("{PODMAN} push -q --tls-verify=false {at}/open/app:v1 docker://{at}/open/app:v2"));
}
