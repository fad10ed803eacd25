//! Every inspector over bytes that nobody wrote: whatever they are, it comes to an end, and what it tells is as all facts
//! are.
//!
//! The kept corpus is `tests/__fuzz__/inspect_<what>/corpus`; `BOLERO_RANDOM_TEST_TIME_MS=60000 cargo test -p
//! wharf-artifact --test inspect fuzz` digs deeper.

use std::panic::RefUnwindSafe;

use serde_json::{Value, json};
use wharf_testkit::fuzz::{BRIEFLY, Feed};

use crate::store::{Store, gzip, inspect, tar};

/// Feeds `inspector` with what `artifact` puts around the bytes.
fn feed(what: &str, words: &[&str], inspector: &str, artifact: impl Fn(&Store, &[u8]) -> Value + RefUnwindSafe) {
    let folder = format!("{}/tests/__fuzz__/inspect_{what}", env!("CARGO_MANIFEST_DIR"));
    let feed = Feed::new(folder, words);
    bolero::check!(name = "inspect").with_test_time(BRIEFLY).with_max_len(4096).for_each(|input: &[u8]| {
        feed.each(input, |bytes| {
            let store = Store::default();
            let fields = artifact(&store, bytes);
            inspect(inspector, &store, store.manifest(fields));
        });
    });
}

const JSON: [&str; 12] = ["{", "}", "[", "]", ":", ",", "\"", "null", "1e999", "\"\\u0000\"", "true", "-7"];

fn json_words(words: &[&'static str]) -> Vec<&'static str> {
    JSON.iter().chain(words).copied().collect()
}

#[test]
fn image() {
    let words =
        json_words(&["\"config\":{", "\"history\":[", "\"empty_layer\":true", "\"Env\":[\"a=b\"]", "\"rootfs\":{"]);
    feed("image", &words, "image", |store, bytes| {
        let layer = store.blob("application/vnd.oci.image.layer.v1.tar", b"x");
        json!({ "config": store.blob("application/vnd.oci.image.config.v1+json", bytes), "layers": [layer, layer] })
    });
}

#[test]
fn layer() {
    let words =
        ["ustar\0", "12 path=../x\n", "\0\0\0\0", "x", "L", "0000644\0", "app/Chart.yaml", "20 size=999999999\n"];
    feed("layer", &words, "helm", |store, bytes| {
        let chart = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
        json!({ "layers": [store.blob(chart, bytes)] })
    });
    feed("layer", &words, "files", |store, bytes| {
        let media_type = "application/vnd.oci.image.layer.v1.tar+gzip";
        json!({ "layers": [store.blob(media_type, &gzip(bytes)), store.blob(media_type, bytes)] })
    });
}

#[test]
fn yaml() {
    let words =
        ["name: ", "\n", "  ", "- ", "&a ", "*a", "!!binary ", "<<: ", "|\n", "{", "[", "---\n", "? ", "files:\n"];
    feed("yaml", &words, "helm", |store, bytes| {
        let chart = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
        let prov = "application/vnd.cncf.helm.chart.provenance.v1.prov";
        let signed = [b"-----BEGIN PGP SIGNED MESSAGE-----\n\n".as_slice(), bytes].concat();
        json!({ "layers": [store.blob(chart, &tar(&[("a/Chart.yaml", bytes)])), store.blob(prov, &signed)] })
    });
}

#[test]
fn sbom() {
    let mut words = json_words(&[
        "\"spdxVersion\":\"SPDX-2.3\"",
        "\"packages\":[",
        "\"components\":[",
        "\"bomFormat\":",
        "\"artifacts\":",
    ]);
    words.extend([
        "SPDXVersion: ",
        "PackageName: ",
        "<text>",
        "</text>",
        "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\">",
    ]);
    words.extend([
        "<component type=\"library\">",
        "</component>",
        "<name>",
        "</name>",
        "&lt;",
        "<![CDATA[",
        "]]>",
        "<!--",
        "\n",
    ]);
    feed("sbom", &words, "sbom", |store, bytes| json!({ "layers": [store.blob("text/spdx", bytes)] }));
}

#[test]
fn signature() {
    let words = json_words(&[
        "\"payload\":\"e30\"",
        "\"protected\":\"e30\"",
        "\"header\":{\"x5c\":[\"MII\"]}",
        "\x18\x52",
        "-----BEGIN CERTIFICATE-----\n",
    ]);
    for media_type in ["application/jose+json", "application/cose", "application/vnd.dev.cosign.simplesigning.v1+json"]
    {
        feed("signature", &words, "signature", |store, bytes| {
            let pem = String::from_utf8_lossy(bytes).replace('\0', "");
            let annotations = json!({ "dev.sigstore.cosign/certificate": pem, "dev.sigstore.cosign/bundle": pem });
            json!({ "layers": [store.annotated(media_type, bytes, annotations)] })
        });
    }
}

/// A certificate in PEM whose bytes are changed.
#[test]
fn certificate() {
    use base64::Engine as _;
    feed("certificate", &["0", "\x0c", "\x06\x0a", "\x17\x0d", "\x1d\x11"], "signature", |store, bytes| {
        let base64 = base64::engine::general_purpose::STANDARD.encode(bytes);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
        let annotations = json!({ "dev.sigstore.cosign/certificate": pem });
        let media_type = "application/vnd.dev.cosign.simplesigning.v1+json";
        json!({ "layers": [store.annotated(media_type, b"{}", annotations)] })
    });
}

#[test]
fn attestation() {
    let words = json_words(&[
        "\"predicateType\":\"https://slsa.dev/provenance/v1\"",
        "\"predicate\":{",
        "\"subject\":[",
        "\"payloadType\":",
        "\"payload\":\"e30=\"",
        "\"verificationMaterial\":{",
    ]);
    for media_type in ["application/vnd.in-toto+json", "application/vnd.dev.sigstore.bundle.v0.3+json"] {
        feed("attestation", &words, "attestation", |store, bytes| json!({ "layers": [store.blob(media_type, bytes)] }));
    }
}

#[test]
fn rego() {
    let words = [
        "package a\n",
        "# METADATA\n",
        "# title: x\n",
        "default ",
        "allow if {\n",
        "}\n",
        "deny[msg] {\n",
        "\n",
        "{\"revision\":\"",
        "\"}",
    ];
    feed("rego", &words, "policy-bundle", |store, bytes| {
        let rego = "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego";
        let bundle = tar(&[("a.rego", bytes), (".manifest", bytes)]);
        json!({ "layers": [store.blob(rego, bytes), store.blob("application/vnd.oci.image.layer.v1.tar", &bundle)] })
    });
}

#[test]
fn gguf() {
    let words =
        ["GGUF\x03\0\0\0", "\x01\0\0\0\0\0\0\0", "\x08\0\0\0", "\x09\0\0\0", "general.architecture", "\0\0\0\0"];
    feed(
        "gguf",
        &words,
        "model",
        |store, bytes| json!({ "layers": [store.blob("application/vnd.ollama.image.model", bytes)] }),
    );
}

/// Objects of Kubernetes, and the entries of a catalogue.
#[test]
fn objects() {
    let words = [
        "kind: Policy\n",
        "apiVersion: v1\n",
        "metadata:\n",
        "  name: a\n",
        "spec:\n",
        "  rules:\n",
        "  - name: r\n",
        "---\n",
        "*a",
        "&a ",
    ];
    for (inspector, name) in [
        ("gitops", "a.yaml"),
        ("crossplane", "package.yaml"),
        ("tekton", "a"),
        ("olm-bundle", "manifests/a.yaml"),
        ("falco", "a.yaml"),
        ("olm-catalog", "configs/a.json"),
    ] {
        feed("objects", &words, inspector, |store, bytes| {
            let layer = store.blob("application/vnd.oci.image.layer.v1.tar", &tar(&[(name, bytes)]));
            json!({ "layers": [layer] })
        });
    }
    feed("objects", &words, "security-profile", |store, bytes| json!({ "layers": [store.blob("a/b", bytes)] }));
    feed("objects", &words, "kyverno", |store, bytes| json!({ "layers": [store.blob("a/b", bytes)] }));
}

/// Documents of JSON that are a config or an annotation.
#[test]
fn documents() {
    let words = json_words(&[
        "\"parameters\":{",
        "\"options\":{",
        "\"runtime_dependencies\":[",
        "\"descriptor\":{",
        "\"config\":{",
        "\"name\":\"a\"",
    ]);
    for (inspector, media_type) in [
        ("cnab", "application/vnd.cnab.config.v1+json"),
        ("falco", "application/vnd.cncf.falco.rulesfile.config.v1+json"),
        ("model", "application/vnd.cncf.model.config.v1+json"),
        ("dev-container", "application/vnd.devcontainers.collection.layer.v1+json"),
        ("homebrew", "a/b"),
    ] {
        feed("documents", &words, inspector, |store, bytes| {
            let text = String::from_utf8_lossy(bytes);
            let annotations = json!({ "sh.brew.tab": text, "dev.containers.metadata": text });
            json!({ "config": store.blob(media_type, bytes), "layers": [store.blob(media_type, bytes)], "annotations": annotations })
        });
    }
}

#[test]
fn wasm() {
    let words = [
        "\0asm\x01\0\0\0",
        "\0asm\x0d\0\x01\0",
        "\x02\x07\x01\x01a\x01b\0\0",
        "\x0a\x05\x01\0\x01a\x05\0",
        "\0\x05\x04name",
        "\x7f",
    ];
    feed("wasm", &words, "wasm", |store, bytes| json!({ "layers": [store.blob("application/wasm", bytes)] }));
}
