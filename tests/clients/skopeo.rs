//! skopeo: all of a registry's life from the command line.

use wharf_testkit::fixture::digest;
use wharf_testkit::server::{PASSWORD, Server};

use super::images::{Multi, push_cache, read_layout};
use super::requests::{self, chunks, mounts, tokens};
use super::sandbox::Sandbox;
use super::{publish, server, setup, tls, token_and_robot};

/// Options of a copy from one place in the registry to another.
const WITHIN: &str = "skopeo copy -q --preserve-digests --src-tls-verify=false --dest-tls-verify=false";
/// Options of a copy into the registry.
const PUSH: &str = "skopeo copy -q --preserve-digests --dest-tls-verify=false";
/// Options of a copy out of it.
const PULL: &str = "skopeo copy -q --preserve-digests --src-tls-verify=false";

/// A sandbox with an image of two platforms as the OCI layout `layout`, logged in.
fn logged_in(server: &Server, image: &Multi) -> Sandbox {
    let sandbox = Sandbox::new(&["skopeo"]);
    image.write_layout(&sandbox.path("layout"));
    sandbox.ok_with(format!("skopeo login --tls-verify=false -u admin --password-stdin {}", server.address), PASSWORD);
    sandbox
}

#[test]
fn login() {
    let server = server();
    let at = server.address;
    let sandbox = logged_in(&server, &Multi::gzip());
    let wrong = sandbox.fails_with(
        format!("skopeo login --tls-verify=false --authfile other.json -u admin --password-stdin {at}"),
        "wrong",
    );
    assert!(wrong.contains("invalid username/password"), "{wrong}");
    let push = format!("{PUSH} oci:layout:multi docker://{at}/acme/app:v1");
    sandbox.ok(&push);
    let read = format!("skopeo inspect --tls-verify=false docker://{at}/acme/app:v1");
    sandbox.ok(&read);
    sandbox.ok(format!("skopeo logout {at}"));
    for line in [&push, &read] {
        let refused = sandbox.fails(line);
        assert!(refused.contains("authentication required") || refused.contains("unauthorized"), "{refused}");
    }
    assert!(tokens(&requests::of(server)) > 0, "Bearer was preferred");
}

/// A robot pushes where it may, and nowhere else; a token that leaves only pulling pulls what it pushed.
#[test]
fn login_as_a_robot_and_with_a_token() {
    let (server, image) = (server(), Multi::gzip());
    let at = server.address;
    let sandbox = Sandbox::new(&["skopeo"]);
    image.write_layout(&sandbox.path("layout"));
    let [(kim, token), (robot, secret)] = token_and_robot(&server);
    let login = |name: &str, secret: &str| {
        sandbox.ok_with(format!("skopeo login --tls-verify=false -u {name} --password-stdin {at}"), secret);
    };
    let push = |name: &str| format!("{PUSH} --all oci:layout:multi docker://{at}/{name}");
    login(robot, &secret);
    sandbox.ok(push("acme/app:v1"));
    sandbox.fails(push("acme/lib:v1"));
    login(kim, &token);
    sandbox.ok(format!("{PULL} --all docker://{at}/acme/app:v1 oci:back:multi"));
    assert!(read_layout(&sandbox.path("back")) == image.contents());
    let refused = sandbox.fails(push("acme/app:v2"));
    assert!(refused.contains("denied"), "{refused}");
    let requests = requests::of(server);
    for actor in [kim, robot] {
        assert!(requests.iter().any(|request| request.actor == actor), "the log says who");
    }
}

#[test]
fn a_whole_index_there_and_back() {
    let (server, image) = (server(), Multi::mixed());
    let (at, admin) = (server.address, server.admin());
    let sandbox = logged_in(&server, &image);
    sandbox.ok(format!("{PUSH} --all oci:layout:multi docker://{at}/acme/app:v1"));
    assert_eq!(admin.get("/v2/acme/app/manifests/v1").expect(200).body, image.index.manifest);

    // By tag and by digest, into an empty layout: byte for byte what was pushed.
    let index = image.index.digest();
    for (folder, reference) in [("by-tag", ":v1".to_owned()), ("by-digest", format!("@{index}"))] {
        sandbox.ok(format!("{PULL} --all docker://{at}/acme/app{reference} oci:{folder}:multi"));
        assert!(read_layout(&sandbox.path(folder)) == image.contents(), "{folder}");
    }

    // To another repository: manifests are copied, blobs mounted.
    sandbox.ok(format!("{WITHIN} --all docker://{at}/acme/app@{index} docker://{at}/other/app:v1"));
    assert_eq!(admin.get("/v2/other/app/manifests/v1").expect(200).body, image.index.manifest);
    for bytes in image.contents().values().filter(|bytes| !bytes.starts_with(br#"{"#)) {
        assert!(admin.get(&format!("/v2/other/app/blobs/{}", digest(bytes))).expect(200).body == *bytes);
    }

    let requests = requests::of(server);
    assert_eq!(chunks(&requests, "acme/app"), 5, "two configs, two layers and a shared one are sent in chunks");
    assert_eq!(mounts(&requests, "other/app"), 3, "layers come by mount");
    assert_eq!(chunks(&requests, "other/app"), 2, "configs do not: skopeo never tries");
    assert!(requests.iter().any(|request| request.actor == "admin"), "the log says who");
}

#[test]
fn one_platform() {
    let (server, image) = (server(), Multi::mixed());
    let at = server.address;
    let sandbox = logged_in(&server, &image);
    sandbox.ok(format!("{PUSH} --all oci:layout:multi docker://{at}/acme/app:v1"));
    for (architecture, child) in [("amd64", &image.amd64), ("arm64", &image.arm64)] {
        sandbox.ok(format!(
            "skopeo --override-arch {architecture} copy -q --preserve-digests --src-tls-verify=false \
             docker://{at}/acme/app:v1 dir:{architecture}"
        ));
        assert_eq!(std::fs::read(sandbox.path(architecture).join("manifest.json")).unwrap(), child.manifest);
        for blob in &child.blobs {
            let name = digest(blob).to_string().split_off("sha256:".len());
            assert!(std::fs::read(sandbox.path(architecture).join(name)).unwrap() == *blob);
        }
        let said = sandbox
            .ok(format!("skopeo --override-arch {architecture} inspect --tls-verify=false docker://{at}/acme/app:v1"));
        assert!(said.contains(&format!("\"Architecture\": \"{architecture}\"")), "{said}");
    }
}

#[test]
fn untagged_and_listed_and_deleted() {
    let (server, image) = (server(), Multi::gzip());
    let (at, admin) = (server.address, server.admin());
    let sandbox = logged_in(&server, &image);
    let index = image.index.digest();
    sandbox.ok(format!("{PUSH} --all oci:layout:multi docker://{at}/acme/app@{index}"));
    let tags = format!("skopeo list-tags --tls-verify=false docker://{at}/acme/app");
    assert!(sandbox.ok(&tags).contains("\"Tags\": []"));
    sandbox.ok(format!("{PULL} --all docker://{at}/acme/app@{index} oci:back:multi"));
    assert!(read_layout(&sandbox.path("back")) == image.contents());

    for tag in ["v1", "v2", "latest"] {
        sandbox.ok(format!("{WITHIN} --all docker://{at}/acme/app@{index} docker://{at}/acme/app:{tag}"));
    }
    let listed: serde_json::Value = serde_json::from_str(&sandbox.ok(&tags)).unwrap();
    assert_eq!(listed["Tags"], serde_json::json!(["latest", "v1", "v2"]));
    // Deletes the manifest that the tag points to, and so all of its tags.
    sandbox.ok(format!("skopeo delete --tls-verify=false docker://{at}/acme/app:v1"));
    let gone = sandbox.fails(format!("skopeo inspect --tls-verify=false docker://{at}/acme/app:v2"));
    assert!(gone.contains("manifest unknown"), "{gone}");
    admin.get(&format!("/v2/acme/app/manifests/{index}")).expect_error(404, "MANIFEST_UNKNOWN");
    sandbox.ok(format!("{PUSH} --all oci:layout:multi docker://{at}/acme/app:v1"));
    admin.get("/v2/acme/app/manifests/v1").expect(200);
}

#[test]
fn formats_and_compressions() {
    let (server, image) = (server(), Multi::gzip());
    let (at, admin) = (server.address, server.admin());
    let sandbox = logged_in(&server, &image);
    let push = "skopeo copy -q --dest-tls-verify=false";
    let layers = |server: &Server, name: &str| {
        let manifest = server.admin().get(&format!("/v2/{name}/manifests/v1")).expect(200);
        let json = manifest.json();
        assert_eq!(json["mediaType"].as_str(), manifest.header("content-type"));
        let layers = json["layers"].as_array().unwrap().iter();
        let types = layers.map(|layer| layer["mediaType"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        (manifest, types)
    };

    sandbox.ok(format!("{push} --format v2s2 oci:layout:multi docker://{at}/docker/app:v1"));
    let (docker, types) = layers(&server, "docker/app");
    assert_eq!(docker.required("content-type"), "application/vnd.docker.distribution.manifest.v2+json");
    assert_eq!(types, ["application/vnd.docker.image.rootfs.diff.tar.gzip"; 2]);
    sandbox.ok(format!("{PULL} docker://{at}/docker/app:v1 dir:docker"));
    assert_eq!(std::fs::read(sandbox.path("docker/manifest.json")).unwrap(), docker.body);

    sandbox.ok(format!("{push} --all --format v2s2 oci:layout:multi docker://{at}/acme/app:list"));
    let list = admin.get("/v2/acme/app/manifests/list").expect(200);
    assert_eq!(list.required("content-type"), "application/vnd.docker.distribution.manifest.list.v2+json");
    sandbox.ok(format!("{WITHIN} --all docker://{at}/acme/app:list docker://{at}/other/app:list"));
    assert_eq!(admin.get("/v2/other/app/manifests/list").expect(200).body, list.body);

    // Another registry, because skopeo rather mounts what it knows than packs it anew.
    let server = super::server();
    let at = server.address;
    let sandbox = logged_in(&server, &image);
    sandbox.ok(format!("{push} --dest-compress-format zstd oci:layout:multi docker://{at}/zstd/app:v1"));
    let (_, types) = layers(&server, "zstd/app");
    assert_eq!(types, ["application/vnd.oci.image.layer.v1.tar+zstd"; 2]);
    sandbox.ok(format!("skopeo copy -q --src-tls-verify=false --dest-decompress docker://{at}/zstd/app:v1 dir:plain"));
    let plain = std::fs::read_to_string(sandbox.path("plain/manifest.json")).unwrap();
    assert!(plain.contains("application/vnd.oci.image.layer.v1.tar\""), "{plain}");
}

#[test]
fn a_build_cache() {
    let server = server();
    let (at, admin) = (server.address, server.admin());
    let sandbox = logged_in(&server, &Multi::gzip());
    let cache = push_cache(&admin, "acme/cache");
    // skopeo takes every child of an index for a manifest; the index alone it can copy. containerd copies all of it.
    let from = format!("docker://{at}/acme/cache:cache docker://{at}/acme/copy:cache");
    sandbox.fails(format!("{WITHIN} --all {from}"));
    sandbox.ok(format!("{WITHIN} --multi-arch index-only {from}"));
    assert_eq!(admin.get("/v2/acme/copy/manifests/cache").expect(200).body, cache.manifest);
}

#[test]
fn public_without_login() {
    let (server, image) = (server(), Multi::gzip());
    let (at, admin) = (server.address, server.admin());
    let sandbox = Sandbox::new(&["skopeo"]);
    image.push(&admin, "open/app", "v1");
    image.push(&admin, "closed/app", "v1");
    publish(&admin, "open");
    sandbox.ok(format!("{PULL} --all docker://{at}/open/app:v1 oci:back:multi"));
    assert!(read_layout(&sandbox.path("back")) == image.contents());
    sandbox.ok(format!("skopeo list-tags --tls-verify=false docker://{at}/open/app"));
    sandbox.fails(format!("{PULL} --all docker://{at}/closed/app:v1 oci:closed:multi"));
    sandbox.fails(format!("{PUSH} --all oci:back:multi docker://{at}/open/app:v2"));
    admin.get("/v2/open/app/manifests/v2").expect(404);
}

#[test]
fn open_to_all() {
    let (server, image) = (setup().arg("--open").start(), Multi::mixed());
    let at = server.address;
    let sandbox = Sandbox::new(&["skopeo"]);
    image.write_layout(&sandbox.path("layout"));
    sandbox.ok(format!("{PUSH} --all oci:layout:multi docker://{at}/any/thing:v1"));
    sandbox.ok(format!("{PULL} --all docker://{at}/any/thing:v1 oci:back:multi"));
    assert!(read_layout(&sandbox.path("back")) == image.contents());
    sandbox.ok(format!("skopeo delete --tls-verify=false docker://{at}/any/thing:v1"));
    assert_eq!(tokens(&requests::of(server)), 0, "nobody was challenged");
}

#[test]
fn tls_of_a_private_authority() {
    let (sandbox, image) = (Sandbox::new(&["skopeo"]), Multi::gzip());
    let server = tls::server(&sandbox);
    let at = format!("localhost:{}", server.address.port());
    image.write_layout(&sandbox.path("layout"));
    sandbox.ok_with(format!("skopeo login --cert-dir ca -u admin --password-stdin {at}"), PASSWORD);
    let push = format!("skopeo copy -q --all --preserve-digests oci:layout:multi docker://{at}/acme/app:v1");
    let stranger = sandbox.fails(&push);
    assert!(stranger.contains("x509"), "{stranger}");
    sandbox.ok(format!("{push} --dest-cert-dir ca"));
    sandbox.ok(format!(
        "skopeo copy -q --all --preserve-digests --src-cert-dir ca docker://{at}/acme/app:v1 oci:back:multi"
    ));
    assert!(read_layout(&sandbox.path("back")) == image.contents());
    assert!(tokens(&requests::of(server)) > 0, "the token's realm is reached by TLS as well");
}
