//! containerd, by its own client `ctr`: what Kubernetes nodes and BuildKit speak.

use wharf_testkit::fixture::digest;
use wharf_testkit::server::PASSWORD;

use super::images::{Multi, push_cache};
use super::requests::{self, mounts, tokens};
use super::sandbox::{Daemon, Sandbox};
use super::server;
use super::trees::{expect_same, fill};

/// A containerd of its own, and how to call it.
fn containerd() -> (Sandbox, Daemon, String) {
    let sandbox = Sandbox::new(&["containerd", "ctr"]);
    let at = |name| sandbox.at(name);
    let config = format!(
        "version = 2\nroot = {:?}\nstate = {:?}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\", \
         \"io.containerd.snapshotter.v1.aufs\", \"io.containerd.snapshotter.v1.btrfs\", \
         \"io.containerd.snapshotter.v1.devmapper\", \"io.containerd.snapshotter.v1.zfs\", \
         \"io.containerd.snapshotter.v1.overlayfs\", \"io.containerd.internal.v1.opt\", \
         \"io.containerd.tracing.processor.v1.otlp\"]\n[grpc]\naddress = {:?}\n[ttrpc]\naddress = {:?}\n",
        at("root"),
        at("state"),
        at("grpc.sock"),
        at("ttrpc.sock")
    );
    sandbox.write("config.toml", config);
    let daemon = sandbox.start("containerd -c config.toml", "containerd successfully booted");
    let ctr = format!("ctr -a {} -n test", sandbox.at("grpc.sock"));
    (sandbox, daemon, ctr)
}

#[test]
fn pushes_and_pulls() {
    let (server, image) = (server(), Multi::mixed());
    let (at, admin) = (server.address, server.admin());
    let (sandbox, _daemon, ctr) = containerd();
    let login = format!("--plain-http --user 'admin:{PASSWORD}'");
    image.write_layout(&sandbox.path("layout"));
    sandbox.ok("tar -C layout -cf layout.tar .");
    let name = format!("{at}/acme/app:multi");
    sandbox.ok(format!("{ctr} images import --all-platforms --no-unpack --base-name {at}/acme/app layout.tar"));
    let refused = sandbox.fails(format!("{ctr} images push --plain-http --user admin:wrong {name}"));
    assert!(refused.contains("401"), "{refused}");
    sandbox.ok(format!("{ctr} images push {login} {name}"));
    assert_eq!(admin.get("/v2/acme/app/manifests/multi").expect(200).body, image.index.manifest);
    sandbox.ok(format!("{ctr} images tag {name} {at}/acme/one:v1"));
    sandbox.ok(format!("{ctr} images push {login} --platform linux/amd64 {at}/acme/one:v1"));
    assert_eq!(admin.get("/v2/acme/one/manifests/v1").expect(200).body, image.amd64.manifest);

    // All platforms, from nothing; containerd checks each digest, and unpacks.
    let forget = || {
        let names = sandbox.ok(format!("{ctr} images ls -q")).replace('\n', " ");
        sandbox.ok(format!("{ctr} images rm --sync {names}"));
        assert_eq!(sandbox.ok(format!("{ctr} content ls -q")), "");
    };
    let contents = || {
        let listed = sandbox.ok(format!("{ctr} content ls -q"));
        listed.lines().map(|line| line.trim_start_matches("sha256:").to_owned()).collect::<Vec<_>>()
    };
    forget();
    let pull = format!("{ctr} images pull {login} --snapshotter native");
    sandbox.fails(format!("{ctr} images pull --plain-http --snapshotter native {name}"));
    sandbox.ok(format!("{pull} --all-platforms {name}"));
    let all = image.contents();
    assert_eq!(contents(), all.keys().cloned().collect::<Vec<_>>());
    sandbox.ok(format!("{ctr} images export --all-platforms back.tar {name}"));
    std::fs::create_dir(sandbox.path("back")).unwrap();
    sandbox.ok("tar -C back -xf back.tar blobs");
    for (name, bytes) in &all {
        assert!(std::fs::read(sandbox.path("back/blobs/sha256").join(name)).unwrap() == *bytes, "{name}");
    }

    // One platform, by the digest of a manifest that has no tag.
    forget();
    sandbox.ok(format!("{pull} --platform linux/arm64 {at}/acme/app@{}", image.arm64.digest()));
    assert_eq!(contents().len(), 1 + image.arm64.blobs.len());
    assert!(tokens(&requests::of(server)) > 0, "Bearer was preferred");
}

/// What BuildKit does with `--cache-from` and `--cache-to`, by containerd's library, which it uses.
#[test]
fn a_build_cache() {
    let server = server();
    let (at, admin) = (server.address, server.admin());
    let (sandbox, _daemon, ctr) = containerd();
    let login = format!("--plain-http --user 'admin:{PASSWORD}'");
    let cache = push_cache(&admin, "acme/cache");
    sandbox.ok(format!("{ctr} content fetch {login} --all-platforms {at}/acme/cache:cache"));
    assert_eq!(sandbox.ok(format!("{ctr} content ls -q")).lines().count(), 4);
    sandbox.ok(format!("{ctr} images tag {at}/acme/cache:cache {at}/other/cache:v1"));
    sandbox.ok(format!("{ctr} images push {login} {at}/other/cache:v1"));
    assert_eq!(admin.get("/v2/other/cache/manifests/v1").expect(200).body, cache.manifest);
    let index: serde_json::Value = serde_json::from_slice(&cache.manifest).unwrap();
    for child in index["manifests"].as_array().unwrap() {
        let child = child["digest"].as_str().unwrap();
        let got = admin.get(&format!("/v2/other/cache/blobs/{child}")).expect(200);
        assert_eq!(digest(&got.body).to_string(), child);
    }
    assert_eq!(mounts(&requests::of(server), "other/cache"), 3, "containerd knows where it has them from");
}

/// A folder as a volume: containerd unpacks and mounts it though its image is of no architecture.
#[test]
fn mounts_a_folder() {
    const WHARF: &str = env!("CARGO_BIN_EXE_wharf");
    let server = server();
    let at = server.address;
    let (sandbox, _daemon, ctr) = containerd();
    std::fs::create_dir(sandbox.path("from")).unwrap();
    fill(&sandbox.path("from"));
    sandbox.ok_with(format!("{WHARF} login -u admin --password-stdin {at}"), PASSWORD);
    for (tag, options) in [("zstd", "--mountable"), ("gzip", "--mountable --compat")] {
        sandbox.ok(format!("{WHARF} push from {at}/acme/site:{tag} {options} -q"));
        let login = format!("--plain-http --user 'admin:{PASSWORD}'");
        let snapshots = format!("{ctr} snapshots --snapshotter native");
        sandbox.ok(format!("{ctr} images pull {login} --snapshotter native {at}/acme/site:{tag}"));
        // The last of its layers is no other's parent. `prepare`, not `view`: what `ctr` views, containerd collects as rubbish.
        let listed = sandbox.ok(format!("{snapshots} ls"));
        let rows: Vec<Vec<&str>> = listed.lines().skip(1).map(|row| row.split_whitespace().collect()).collect();
        let is_parent = |key: &str| rows.iter().any(|row| row.len() > 2 && row[1] == key);
        let tops: Vec<&str> = rows.iter().map(|row| row[0]).filter(|key| !is_parent(key)).collect();
        assert_eq!(tops.len(), 1, "{listed}");
        let mounts = sandbox.ok(format!("{snapshots} prepare --mounts {tag} {}", tops[0]));
        let mounts: serde_json::Value = serde_json::from_str(&mounts).unwrap();
        expect_same(&sandbox.path("from"), std::path::Path::new(mounts[0]["Source"].as_str().unwrap()));
        sandbox.ok(format!("{snapshots} rm {tag}"));
        sandbox.ok(format!("{ctr} images rm --sync {at}/acme/site:{tag}"));
    }
}
