//! WebAssembly in the layouts of wkg (CNCF TAG Runtime, wasm OCI artifact), wasm-to-oci and Istio's images; modules and
//! components written byte by byte (WebAssembly core specification §5.5, component-model design/mvp/Binary.md).

use serde_json::json;
use wharf_model::api::facts::Line;

use crate::store::{EVIL, Store, check_faults, detail, detail_json, gzip, inspect, tar};

fn name(text: &str) -> Vec<u8> {
    let mut bytes = leb(text.len());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 128 {
        bytes.push((number % 128) as u8 | 128);
        number /= 128;
    }
    bytes.push(number as u8);
    bytes
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(content.len()), content].concat()
}

fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    [b"\0asm\x01\0\0\0".as_slice(), &sections.concat()].concat()
}

fn component(sections: &[Vec<u8>]) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0".as_slice(), &sections.concat()].concat()
}

/// A module that imports a function of WASI and exports its memory and its start, as a compiler leaves it.
pub(crate) fn wasi() -> Vec<u8> {
    let producers = [
        &name("producers")[..],
        &[2],
        &name("language"),
        &[1],
        &name("Rust"),
        &name("2021"),
        &name("processed-by"),
        &[1],
        &name("rustc"),
        &name("1.80"),
    ];
    module(&[
        section(1, &[1, 0x60, 0, 0]),
        section(2, &[&[1][..], &name("wasi_snapshot_preview1"), &name("fd_write"), &[0, 0]].concat()),
        section(5, &[1, 0, 1]),
        section(7, &[&[2][..], &name("memory"), &[2, 0], &name("_start"), &[0, 0]].concat()),
        section(0, &producers.concat()),
        section(0, &[&name("name")[..], &[0], &leb(4), &name("app")].concat()),
    ])
}

/// A component that needs an interface, gives one, and has a module inside.
pub(crate) fn http() -> Vec<u8> {
    component(&[
        section(7, &[1, 0x42, 0]),
        section(10, &[&[1, 0][..], &name("wasi:io/poll@0.2.0"), &[5, 0]].concat()),
        section(1, &wasi()),
        section(11, &[&[1, 0][..], &name("wasi:http/incoming-handler@0.2.0"), &[5, 0, 0]].concat()),
    ])
}

#[test]
fn of_wkg() {
    let store = Store::default();
    let config = json!({ "created": "2024-05-06T07:08:09Z", "author": "Kim", "architecture": "wasm", "os": "wasip2",
        "layerDigests": ["sha256:1"], "component": { "exports": ["wasi:http/incoming-handler@0.2.0"], "imports": [] } });
    let manifest = json!({
        "config": store.blob("application/vnd.wasm.config.v0+json", config.to_string().as_bytes()),
        "layers": [store.blob("application/wasm", &http())]
    });
    let facts = inspect("wasm", &store, store.manifest(manifest));
    check_faults(&facts, &[]);
    let wasm = detail!(facts, Wasm);
    assert_eq!((wasm.form.as_str(), wasm.modules), ("component", 1));
    assert_eq!(wasm.target, Line::some("wasip2"));
    assert_eq!(facts.platforms.first(), Some(&Line::new("wasip2/wasm")));
    let json = detail_json(&facts);
    assert_eq!(json["imports"]["items"], json!([{ "name": "wasi:io/poll@0.2.0", "value": "instance" }]));
    let world = "world root {\n  import wasi:io/poll@0.2.0;\n  export wasi:http/incoming-handler@0.2.0;\n}";
    assert_eq!(json["world"], world);
}

#[test]
fn of_wasm_to_oci() {
    let store = Store::default();
    let manifest = json!({
        "config": store.blob("application/vnd.wasm.config.v1+json", b"{}"),
        "layers": [store.blob("application/vnd.wasm.content.layer.v1+wasm", &wasi())]
    });
    let facts = inspect("wasm", &store, store.manifest(manifest));
    check_faults(&facts, &[]);
    let json = detail_json(&facts);
    assert_eq!((&json["form"], &json["name"]), (&json!("module"), &json!("app")));
    assert_eq!(json["imports"]["items"], json!([{ "name": "wasi_snapshot_preview1.fd_write", "value": "func" }]));
    assert_eq!(
        json["exports"]["items"],
        json!([{ "name": "memory", "value": "memory" }, { "name": "_start", "value": "func" }])
    );
    assert_eq!(json["producers"]["items"][0], json!({ "name": "language", "value": "Rust 2021" }));
    assert_eq!(json.get("world"), None);
}

/// A plugin of Envoy in an image with one layer (solo-io wasm image spec, "compat").
#[test]
fn in_an_image() {
    let store = Store::default();
    let layer = gzip(&tar(&[("readme", b"x"), ("plugin.wasm", &wasi())]));
    let manifest = json!({ "layers": [store.blob("application/vnd.oci.image.layer.v1.tar+gzip", &layer)] });
    let facts = inspect("wasm", &store, store.manifest(manifest));
    check_faults(&facts, &[]);
    assert_eq!(detail!(facts, Wasm).exports.len(), 2);
}

#[test]
fn hostile() {
    let store = Store::default();
    let exports: Vec<u8> = (0..2_000).flat_map(|at| [name(&format!("{EVIL}{at}")), vec![2, 0]].concat()).collect();
    let evil = module(&[
        section(5, &[1, 0, 1]),
        section(7, &[leb(2_000), exports].concat()),
        section(0, &[name(EVIL), vec![7; 9]].concat()),
        section(0, &[name("producers"), vec![0xff; 9]].concat()),
    ]);
    let facts = inspect("wasm", &store, store.manifest(json!({ "layers": [store.blob("application/wasm", &evil)] })));
    check_faults(&facts, &[]);
    assert_eq!(detail!(facts, Wasm).exports.total(), 2_000);
    let check = |bytes: &[u8], fault: &str| {
        let manifest = json!({ "layers": [store.blob("application/wasm", bytes)] });
        check_faults(&inspect("wasm", &store, store.manifest(manifest)), &[fault]);
    };
    check(b"", "it is no WebAssembly that can be read");
    check(b"#!/bin/sh", "it is no WebAssembly that can be read");
    check(&wasi()[..40], "it is no WebAssembly that can be read");
    check(&module(&[section(7, &[0xff, 0xff, 0xff, 0xff, 0x0f])]), "it is no WebAssembly that can be read");
    let nested = (0..200).fold(wasi(), |inner, _| component(&[section(4, &inner)]));
    let manifest = json!({ "layers": [store.blob("application/wasm", &nested)] });
    inspect("wasm", &store, store.manifest(manifest));
    let empty = json!({ "layers": [store.blob("application/vnd.oci.image.layer.v1.tar", &tar(&[]))] });
    check_faults(&inspect("wasm", &store, store.manifest(empty)), &["there is no file of WebAssembly in it"]);
}
