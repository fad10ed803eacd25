//! Docker: its own daemon, and its command line.

use wharf_testkit::server::PASSWORD;

use super::images::{Multi, shared};
use super::requests::{self, chunks, mounts, tokens};
use super::sandbox::{Daemon, Sandbox, is_walled};
use super::{publish, server, setup};

/// A daemon of its own; none where the machine forbids what it needs.
fn docker() -> Option<(Sandbox, Daemon)> {
    let sandbox = Sandbox::new(&["docker", "dockerd"]);
    if !is_walled() {
        return None;
    }
    sandbox.write("daemon.json", "{}");
    let at = |name| sandbox.at(name);
    let line = format!(
        "dockerd --config-file {} --data-root {} --exec-root {} -p {} -H unix://{} -G root -s vfs --iptables=false \
         --ip6tables=false --bridge=none --ip-forward=false --ip-masq=false --cgroup-parent=/t",
        at("daemon.json"),
        at("data"),
        at("exec"),
        at("docker.pid"),
        at("docker.sock")
    );
    let daemon = sandbox.start(line, "API listen on");
    Some((sandbox, daemon))
}

/// Builds an image of one layer.
fn build(sandbox: &Sandbox, name: &str) {
    std::fs::create_dir_all(sandbox.path("context")).unwrap();
    sandbox.write("context/shared", shared());
    sandbox.write("context/Dockerfile", "FROM scratch\nCOPY shared /shared\nCMD [\"/none\"]\n");
    sandbox.ok(format!("docker build -q -t {name} context"));
}

#[track_caller]
fn expect_shared(sandbox: &Sandbox, image: &str) {
    let container = sandbox.ok(format!("docker create --network none {image}"));
    sandbox.ok(format!("docker cp {container}:/shared copied"));
    assert!(std::fs::read(sandbox.path("copied")).unwrap() == shared());
    sandbox.ok(format!("docker rm {container}"));
}

#[test]
fn pushes_and_pulls() {
    let Some((sandbox, _daemon)) = docker() else { return };
    let (server, image) = (server(), Multi::gzip());
    let (at, admin) = (server.address, server.admin());
    let one = format!("{at}/acme/one:amd64");
    build(&sandbox, &one);
    sandbox.fails(format!("docker push {one}"));
    let login = format!("docker login -u admin --password-stdin {at}");
    let wrong = sandbox.fails_with(&login, "wrong");
    assert!(wrong.contains("unauthorized"), "{wrong}");
    sandbox.ok_with(&login, PASSWORD);
    assert!(sandbox.read("docker/config.json").contains("identitytoken"), "it keeps no password");

    sandbox.ok(format!("docker push -q {one}"));
    let pushed = admin.get("/v2/acme/one/manifests/amd64").expect(200);
    assert_eq!(pushed.required("content-type"), "application/vnd.docker.distribution.manifest.v2+json");
    let digest = pushed.required("docker-content-digest");
    let known = sandbox.ok(format!("docker inspect --format '{{{{index .RepoDigests 0}}}}' {one}"));
    assert_eq!(known, format!("{at}/acme/one@{digest}"));
    sandbox.ok(format!("docker tag {one} {at}/other/one:v1"));
    let said = sandbox.ok(format!("docker push {at}/other/one:v1"));
    assert!(said.contains("Mounted from acme/one"), "{said}");

    // A list of Docker's own, made from what is in the registry.
    sandbox.ok(format!("docker manifest create --insecure {at}/acme/one:list {one}"));
    sandbox.ok(format!("docker manifest annotate {at}/acme/one:list {one} --os linux --arch arm64"));
    sandbox.ok(format!("docker manifest push --insecure --purge {at}/acme/one:list"));
    let list = admin.get("/v2/acme/one/manifests/list").expect(200);
    assert_eq!(list.required("content-type"), "application/vnd.docker.distribution.manifest.list.v2+json");

    // By digest, and by platform out of an OCI index, into an empty daemon.
    sandbox.ok("docker image prune -af");
    sandbox.ok(format!("docker pull -q {at}/acme/one@{digest}"));
    expect_shared(&sandbox, &format!("{at}/acme/one@{digest}"));
    image.push(&admin, "acme/multi", "v1");
    for architecture in ["arm64", "amd64"] {
        sandbox.ok(format!("docker pull -q --platform linux/{architecture} {at}/acme/multi:v1"));
        let got = sandbox.ok(format!("docker inspect --format '{{{{.Architecture}}}}' {at}/acme/multi:v1"));
        assert_eq!(got, architecture);
    }
    expect_shared(&sandbox, &format!("{at}/acme/multi:v1"));
    sandbox.ok(format!("docker logout {at}"));
    let refused = sandbox.fails(format!("docker pull {one}"));
    assert!(refused.contains("unauthorized") || refused.contains("denied"), "{refused}");

    // A public project needs no login.
    publish(&admin, "acme");
    sandbox.ok("docker image prune -af");
    sandbox.ok(format!("docker pull -q {one}"));
    expect_shared(&sandbox, &one);

    let requests = requests::of(server);
    assert!(tokens(&requests) > 0, "Bearer was preferred");
    assert!(chunks(&requests, "acme/one") > 0, "Docker sends in chunks");
    assert!(mounts(&requests, "other/one") > 0);
}

#[test]
fn open_to_all() {
    let Some((sandbox, _daemon)) = docker() else { return };
    let server = setup().arg("--open").start();
    let name = format!("{}/any/thing:v1", server.address);
    build(&sandbox, &name);
    sandbox.ok(format!("docker push -q {name}"));
    sandbox.ok("docker image prune -af");
    sandbox.ok(format!("docker pull -q {name}"));
    expect_shared(&sandbox, &name);
    assert_eq!(tokens(&requests::of(server)), 0, "nobody was challenged");
}
