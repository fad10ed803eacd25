//! Files as `wharf push` and `oras push` make them (oras-project/oras-go content/file), and hostile ones.

use std::io::Write as _;

use serde_json::json;
use wharf_model::api::facts::Line;

use crate::store::{EVIL, Store, check_faults, detail, detail_json, gzip, inspect, tar};

#[test]
fn of_oras() {
    let store = Store::default();
    let titled = |name: &str| json!({ "org.opencontainers.image.title": name });
    let folder = json!({ "org.opencontainers.image.title": "docs", "io.deis.oras.content.unpack": "true" });
    let layers = json!([
        store.annotated("text/plain", b"hello", titled("hello.txt")),
        store.annotated("text/markdown", b"# Read me", titled("README.md")),
        store.annotated("application/vnd.oci.image.layer.v1.tar+gzip", &gzip(&tar(&[("docs/a.md", b"a")])), folder),
    ]);
    let annotations = json!({ "org.opencontainers.image.created": "2024-05-06T07:08:09Z" });
    let facts = inspect("files", &store, store.manifest(json!({ "layers": layers, "annotations": annotations })));
    check_faults(&facts, &[]);
    assert_eq!(facts.readme.as_ref().map(|text| text.as_str()), Some("# Read me"));
    assert_eq!(facts.created, Some(1_714_979_289_000));
    let files = detail!(facts, Files);
    assert_eq!(
        files.files.iter().map(|file| (file.name.as_str(), file.folder)).collect::<Vec<_>>(),
        [("hello.txt", false), ("README.md", false), ("docs", true)]
    );
    assert_eq!(
        detail_json(&facts)["files"]["items"][2]["entries"]["items"],
        json!([{ "path": "docs/a.md", "size": 1 }])
    );
}

/// Layers without a name: an archive is looked into, anything else is called by its digest.
#[test]
fn without_names() {
    let store = Store::default();
    let archive = store.blob("application/vnd.oci.image.layer.v1.tar", &tar(&[("README.md", b"inside"), ("b", b"22")]));
    let other = store.blob("application/octet-stream", b"x");
    let facts = inspect("files", &store, store.manifest(json!({ "layers": [archive, other] })));
    check_faults(&facts, &[]);
    assert_eq!(facts.readme.as_ref().map(|text| text.as_str()), Some("inside"));
    let files = detail!(facts, Files);
    assert_eq!(files.files[0].entries.len(), 2);
    assert_eq!(files.files[1].name, Line::new(other["digest"].as_str().unwrap()));
}

/// What a layer deletes is no file of it, and names are read as wherever layers are walked through.
#[test]
fn of_layers_as_they_are_walked() {
    let store = Store::default();
    let mut layer = tar(&[(".wh.gone", b""), ("a/.wh..wh..opq", b""), (".wh..wh.plnk", b""), ("./a//Xb", b"text")]);
    layer[3 * 512 + 5] = 0xe9;
    let field = 3 * 512 + 148..3 * 512 + 156;
    let sum: u32 = layer[3 * 512..4 * 512].iter().map(|byte| u32::from(*byte)).sum();
    let own: u32 = layer[field.clone()].iter().map(|byte| u32::from(*byte)).sum();
    layer[field].copy_from_slice(format!("{:06o}\0 ", sum - own + 256).as_bytes());
    let layer = store.blob("application/vnd.oci.image.layer.v1.tar", &layer);
    let facts = inspect("files", &store, store.manifest(json!({ "layers": [layer] })));
    check_faults(&facts, &[]);
    let entries = &detail_json(&facts)["files"]["items"][0]["entries"]["items"];
    assert_eq!(*entries, json!([{ "path": "a/\\xe9b", "size": 4 }]));
}

/// What is looked for files takes little memory: a frame that wants more for itself is not read.
#[test]
fn of_frames_with_large_windows() {
    let store = Store::default();
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("memory");
    encoder.window_log(25).expect("a window");
    encoder.write_all(&tar(&[("README.md", b"text")])).expect("memory");
    let layer = encoder.finish().expect("memory");
    let layer = store.blob("application/vnd.oci.image.layer.v1.tar+zstd", &layer);
    let facts = inspect("files", &store, store.manifest(json!({ "layers": [layer] })));
    check_faults(&facts, &["too much memory"]);
}

/// Of a file that is there several times the last counts, and stands where that is.
#[test]
fn of_one_path_the_last_counts() {
    let store = Store::default();
    let layer = store.blob(
        "application/vnd.oci.image.layer.v1.tar",
        &tar(&[("README.md", b"one"), ("readme.md", b"two"), ("README.md", b"three")]),
    );
    let facts = inspect("files", &store, store.manifest(json!({ "layers": [layer] })));
    check_faults(&facts, &["1 more of its files were not read"]);
    assert_eq!(facts.readme.as_ref().map(|text| text.as_str()), Some("three"));
}

#[test]
fn that_are_hostile() {
    let store = Store::default();
    let titled = |name: &str| json!({ "org.opencontainers.image.title": name });
    let folder = json!({ "org.opencontainers.image.title": EVIL, "io.deis.oras.content.unpack": "true" });
    let zeroes = gzip(&vec![0; 4 << 20]);
    let layers = json!([
        store.annotated("text/plain", b"x", titled("../../.bashrc")),
        store.annotated("text/plain", b"x", titled("/etc/passwd")),
        store.annotated("text/plain", b"x", titled("..\\..\\x")),
        store.annotated("text/html", EVIL.as_bytes(), titled("README.md")),
        store.annotated("application/vnd.oci.image.layer.v1.tar+zstd", &zeroes, folder),
    ]);
    let facts = inspect("files", &store, store.manifest(json!({ "layers": layers })));
    let out = "this name leads out of the folder";
    check_faults(&facts, &[out, out, out, "says zstd, but it is gzip"]);
    let layers: Vec<_> = (0..3_000).map(|at| store.annotated("a/b", b"x", titled(&at.to_string()))).collect();
    let facts = inspect("files", &store, store.manifest(json!({ "layers": layers })));
    let files = detail!(facts, Files);
    assert_eq!((files.files.total(), files.size), (3_000, 3_000));
}
