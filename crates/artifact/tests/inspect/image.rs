//! Images, by image-spec's config.md; BuildKit's, Docker's and Windows's as they look when they are pulled.

use serde_json::json;
use wharf_model::api::facts::{Line, Link};

use crate::store::{EVIL, Store, check_faults, detail, detail_json, gzip, inspect, tar};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// As BuildKit writes it for a Dockerfile with `RUN`, `COPY`, `ENV` and `ENTRYPOINT` (moby/buildkit
/// exporter/containerimage).
#[test]
fn of_buildkit() {
    let store = Store::default();
    let config = json!({
        "architecture": "arm64", "os": "linux", "variant": "v8", "created": "2024-05-06T07:08:09.123456789Z",
        "config": {
            "Env": ["PATH=/usr/bin:/bin", "EMPTY=", "PLAIN"], "Entrypoint": ["/app", "serve"], "Cmd": ["--port", "8080"],
            "User": "1000:1000", "WorkingDir": "/srv", "ExposedPorts": { "8080/tcp": {}, "9090/udp": {} },
            "Volumes": { "/data": {} }, "StopSignal": "SIGQUIT",
            "Labels": {
                "org.opencontainers.image.title": "app", "org.opencontainers.image.licenses": "MIT",
                "org.opencontainers.image.source": "https://github.com/acme/app", "team": "billing"
            },
            "Healthcheck": { "Test": ["CMD", "/app", "ping"] }
        },
        "history": [
            { "created": "2024-05-01T00:00:00Z", "created_by": "/bin/sh -c #(nop) ADD file:1 in / " },
            { "created_by": "ENV EMPTY=", "empty_layer": true, "comment": "buildkit.dockerfile.v0" },
            { "created_by": "COPY app /app # buildkit", "comment": "buildkit.dockerfile.v0" }
        ],
        "rootfs": { "type": "layers", "diff_ids": ["sha256:1", "sha256:2"] }
    });
    let layers = [store.blob(LAYER, &gzip(&tar(&[("a", b"1")]))), store.blob(LAYER, &gzip(&tar(&[("app", b"22")])))];
    let sizes: Vec<u64> = layers.iter().map(|layer| layer["size"].as_u64().unwrap()).collect();
    let config = store.blob(CONFIG, config.to_string().as_bytes());
    let annotations = json!({
        "org.opencontainers.image.base.name": "docker.io/library/alpine:3.20",
        "org.opencontainers.image.base.digest": "sha256:beef",
        "org.opencontainers.image.version": "1.2.3"
    });
    let manifest = json!({ "config": config, "layers": layers, "annotations": annotations });
    let facts = inspect("image", &store, store.manifest(manifest));
    check_faults(&facts, &[]);
    assert_eq!(facts.title, Line::some("app"));
    assert_eq!(facts.version, Line::some("1.2.3"));
    assert_eq!(facts.source, Link::new("https://github.com/acme/app"));
    assert_eq!(facts.created, Some(1_714_979_289_123));
    assert_eq!(facts.platforms.first(), Some(&Line::new("linux/arm64/v8")));
    let image = detail!(facts, Image);
    assert_eq!(image.size, sizes.iter().sum::<u64>());
    let json = detail_json(&facts);
    assert_eq!(json["layers"]["items"][1]["step"], 2);
    assert_eq!(json["history"]["items"][1]["empty"], true);
    assert_eq!(json["history"]["items"][2]["layer"], 1);
    assert_eq!(json["entrypoint"]["items"], json!(["/app", "serve"]));
    assert_eq!(json["env"]["items"][0], json!({ "name": "PATH", "value": "/usr/bin:/bin" }));
    assert_eq!(json["ports"]["items"], json!(["8080/tcp", "9090/udp"]));
    assert_eq!(json["volumes"]["items"], json!(["/data"]));
    assert_eq!(json["base"], json!({ "name": "docker.io/library/alpine:3.20", "digest": "sha256:beef" }));
    assert_eq!(json["labels"]["items"][3], json!({ "name": "team", "value": "billing" }));
}

/// As Docker pushes a Windows image (distribution schema 2): its base is foreign, its entrypoint is missing, its history has
/// no `empty_layer` where it is false.
#[test]
fn of_docker_for_windows() {
    let store = Store::default();
    let config = json!({
        "architecture": "amd64", "os": "windows", "os.version": "10.0.20348.2402", "author": "Kim Lee <kim@example.com>",
        "created": "0001-01-01T00:00:00Z", "config": { "Cmd": ["c:\\app.exe"], "Entrypoint": null },
        "history": [{ "created_by": "Apply image 10.0.20348.2402" }],
        "rootfs": { "type": "layers", "diff_ids": ["sha256:1"] }
    });
    let config = store.blob("application/vnd.docker.container.image.v1+json", config.to_string().as_bytes());
    let mut layer = store.absent("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", 1_000_000_000);
    layer["urls"] = json!(["https://mcr.microsoft.com/v2/x"]);
    let media_type = "application/vnd.docker.distribution.manifest.v2+json";
    let manifest = json!({ "mediaType": media_type, "config": config, "layers": [layer] });
    let facts = inspect("image", &store, store.manifest(manifest));
    check_faults(&facts, &[]);
    assert_eq!(facts.created, None);
    assert_eq!(facts.authors.first().and_then(|author| author.email.clone()), Line::some("kim@example.com"));
    let json = detail_json(&facts);
    assert_eq!(json["layers"]["items"][0]["foreign"], true);
    assert_eq!(json["os_version"], "10.0.20348.2402");
    assert_eq!(json.get("entrypoint"), None);
}

/// BuildKit's attestation has the config of an image, and statements for layers: it is told as what it is.
#[test]
fn that_is_an_attestation() {
    let store = Store::default();
    let config = json!({ "architecture": "unknown", "os": "unknown", "config": {},
        "rootfs": { "type": "layers", "diff_ids": ["sha256:1"] } });
    let statement = json!({ "_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://example.com/x/v1",
        "subject": [], "predicate": {} });
    let config = store.blob(CONFIG, config.to_string().as_bytes());
    let predicate = json!({ "in-toto.io/predicate-type": "https://example.com/x/v1" });
    let layer = store.annotated("application/vnd.in-toto+json", statement.to_string().as_bytes(), predicate);
    let facts = inspect("image", &store, store.manifest(json!({ "config": config, "layers": [layer] })));
    assert_eq!(detail!(facts, Attestation).statements.len(), 1);
}

#[test]
fn that_is_hostile() {
    let store = Store::default();
    let many: Vec<_> = (0..2_000).map(|at| json!({ "created_by": format!("{EVIL}{at}"), "created": EVIL })).collect();
    let labels: serde_json::Map<_, _> = (0..2_000).map(|at| (format!("{EVIL}{at}"), json!(EVIL))).collect();
    let config = json!({
        "architecture": EVIL, "os": EVIL, "author": EVIL, "created": EVIL, "history": many,
        "config": { "Env": [EVIL, 7, null, {}], "Entrypoint": EVIL, "Cmd": [[EVIL]], "Labels": labels, "ExposedPorts": [EVIL] },
        "rootfs": { "diff_ids": "none" }
    });
    let config = store.blob(CONFIG, config.to_string().as_bytes());
    let layer = store.blob(LAYER, b"no layer");
    let annotations = json!({ "org.opencontainers.image.source": "javascript:alert(1)",
        "org.opencontainers.image.url": "https://user:secret@example.com", "org.opencontainers.image.title": EVIL });
    let manifest = json!({ "config": config, "layers": [layer], "annotations": annotations });
    let facts = inspect("image", &store, store.manifest(manifest));
    check_faults(&facts, &["it lists 0 layers, and the manifest 1", "its history made 2000 layers"]);
    assert_eq!((&facts.source, &facts.home), (&None, &None));
    let image = detail!(facts, Image);
    assert_eq!((image.history.len(), image.history.left_out()), (500, 1_500));
    assert_eq!(image.labels.total(), 2_000);
    assert!(image.layers.iter().all(|layer| layer.step.is_none()));
}

#[test]
fn that_is_malformed() {
    let store = Store::default();
    let check = |config: &[u8], faults: &[&str]| {
        let config = store.blob(CONFIG, config);
        check_faults(&inspect("image", &store, store.manifest(json!({ "config": config }))), faults);
    };
    check(b"{\"os\":\"linux\",\"architecture\":\"amd64\"}", &[]);
    check(b"{\"os\":\"linux\"}", &["architecture is missing"]);
    check(b"{\"os\":", &["it is no JSON that can be read: EOF"]);
    check(b"[]", &["it is no object"]);
    let deep = "[".repeat(100_000);
    check(deep.as_bytes(), &["it is no JSON that can be read: recursion"]);
    let gone = json!({ "config": store.absent(CONFIG, 77) });
    check_faults(&inspect("image", &store, store.manifest(gone)), &["it is not in this repository"]);
}
