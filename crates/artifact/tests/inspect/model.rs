//! Models of Ollama (ollama/ollama types/model/config.go, server/images.go), of Docker (docker/model-spec config.md) and of
//! ModelPack (modelpack/model-spec docs/config.md); headers by ggml-org/ggml docs/gguf.md.

use serde_json::json;
use wharf_model::api::facts::Line;

use crate::store::{EVIL, Store, check_faults, detail, detail_json, inspect};

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

fn entry(name: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [text(name), kind.to_le_bytes().to_vec(), value.to_vec()].concat()
}

pub(crate) fn gguf(count: u64, entries: &[Vec<u8>]) -> Vec<u8> {
    let head = [b"GGUF".as_slice(), &3_u32.to_le_bytes(), &291_u64.to_le_bytes(), &count.to_le_bytes()].concat();
    [head, entries.concat()].concat()
}

fn llama() -> Vec<u8> {
    let words = [8_u32.to_le_bytes().as_slice(), &2_u64.to_le_bytes(), &text("a"), &text("b")].concat();
    gguf(
        8,
        &[
            entry("general.architecture", 8, &text("llama")),
            entry("general.name", 8, &text("Llama 3.1 8B")),
            entry("general.size_label", 8, &text("8B")),
            entry("general.file_type", 4, &15_u32.to_le_bytes()),
            entry("llama.context_length", 4, &131_072_u32.to_le_bytes()),
            entry("llama.rope.freq_base", 6, &500_000_f32.to_le_bytes()),
            entry("tokenizer.ggml.tokens", 9, &words),
            entry("tokenizer.ggml.add_bos_token", 7, &[1]),
        ],
    )
}

#[test]
fn of_ollama() {
    let store = Store::default();
    let config = json!({ "model_format": "gguf", "model_family": "llama", "model_families": ["llama"], "model_type": "8.0B",
        "file_type": "Q4_K_M", "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": [] } });
    let layers = json!([
        store.blob("application/vnd.ollama.image.model", &llama()),
        store.blob("application/vnd.ollama.image.template", b"{{ .Prompt }}"),
        store.blob("application/vnd.ollama.image.system", b"You are kind."),
        store.blob("application/vnd.ollama.image.params", b"{\"stop\":[\"<|eot|>\"],\"temperature\":0.7}"),
        store.blob("application/vnd.ollama.image.license", b"LLAMA LICENSE"),
    ]);
    let manifest = json!({
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": store.blob("application/vnd.docker.container.image.v1+json", config.to_string().as_bytes()), "layers": layers
    });
    let facts = inspect("model", &store, store.manifest(manifest));
    check_faults(&facts, &[]);
    assert_eq!(facts.title, Line::some("Llama 3.1 8B"));
    let json = detail_json(&facts);
    assert_eq!(
        (&json["family"], &json["quantization"], &json["parameters"]),
        (&json!("llama"), &json!("Q4_K_M"), &json!("8.0B"))
    );
    assert_eq!(json["context_length"], 131_072);
    assert_eq!((&json["system"], &json["template"]), (&json!("You are kind."), &json!("{{ .Prompt }}")));
    assert_eq!(json["options"]["items"][1], json!({ "name": "temperature", "value": "0.7" }));
    assert_eq!(json["header"]["items"][6], json!({ "name": "tokenizer.ggml.tokens", "value": "2 entries" }));
    assert_eq!(json["header"]["items"][7], json!({ "name": "tokenizer.ggml.add_bos_token", "value": "true" }));
    assert_eq!(json["parts"]["items"][4]["name"], "license");
}

#[test]
fn of_docker() {
    let store = Store::default();
    let config = json!({ "descriptor": { "createdAt": "2025-01-01T00:00:00Z" },
        "config": { "format": "gguf", "gguf": { "architecture": "llama", "parameter_count": "1.10 B", "quantization": "Q4_0" } } });
    let mut layer = store.absent("application/vnd.docker.ai.safetensors", 6_171_926_992);
    layer["annotations"] = json!({ "org.opencontainers.image.title": "model-00001-of-00002.safetensors" });
    let media_type = "application/vnd.docker.ai.model.config.v0.1+json";
    let manifest = json!({ "config": store.blob(media_type, config.to_string().as_bytes()), "layers": [layer] });
    let facts = inspect("model", &store, store.manifest(manifest));
    check_faults(&facts, &[]);
    assert_eq!(facts.created, Some(1_735_689_600_000));
    let model = detail!(facts, Model);
    assert_eq!((model.parameters.clone(), model.size), (Line::some("1.10 B"), 6_171_926_992));
    assert_eq!(model.parts[0].name.as_str(), "model-00001-of-00002.safetensors");
}

#[test]
fn of_modelpack() {
    let store = Store::default();
    let config = json!({
        "descriptor": { "createdAt": "2025-01-01T00:00:00Z", "authors": ["xyz@xyz.com"], "vendor": "XYZ Corp.", "family": "xyz3",
            "name": "xyz-3-8B", "version": "3.1", "title": "XYZ 3 8B", "description": "A model.", "docURL": "https://www.xyz.com/",
            "licenses": ["Apache-2.0"] },
        "config": { "architecture": "transformer", "format": "pytorch", "paramSize": "8b", "precision": "fp16",
            "capabilities": { "input_types": ["text"], "output_types": ["text", "image"], "reasoning": true, "tool_usage": false } }
    });
    let mut layer = store.absent("application/vnd.cncf.model.weight.v1.raw", 7);
    layer["annotations"] = json!({ "org.cncf.model.filepath": "weights.bin" });
    let media_type = "application/vnd.cncf.model.config.v1+json";
    let manifest = json!({ "config": store.blob(media_type, config.to_string().as_bytes()), "layers": [layer] });
    let facts = inspect("model", &store, store.manifest(manifest));
    check_faults(&facts, &[]);
    assert_eq!((facts.title.clone(), facts.version.clone()), (Line::some("XYZ 3 8B"), Line::some("3.1")));
    assert!(facts.documentation.is_some() && facts.licenses.len() == 1 && facts.authors.len() == 1);
    let json = detail_json(&facts);
    assert_eq!(json["capabilities"]["items"], json!(["takes text", "gives text", "gives image", "reasoning"]));
    assert_eq!(json["parts"]["items"][0]["name"], "weights.bin");
}

/// As `kit pack` writes it: the config is the Kitfile, with the digest of each layer (kitops-ml/kitops pkg/artifact/kitfile.go).
#[test]
fn of_kitops() {
    let store = Store::default();
    let layer = |name: &str, size| store.absent(&format!("application/vnd.kitops.modelkit.{name}.v1.tar"), size);
    let layers = [layer("model", 7), layer("modelpart", 8), layer("code", 9), layer("docs", 10)];
    let of = |at: usize, path: &str| json!({ "path": path, "digest": layers[at]["digest"] });
    let mut model = of(0, "weights.bin");
    model["parts"] = json!([of(1, "lora"), { "path": 7, "digest": [] }]);
    let config =
        json!({ "manifestVersion": "1.0.0", "package": { "name": "iris" }, "model": model, "code": [of(2, "src")] });
    let media_type = "application/vnd.kitops.modelkit.config.v1+json";
    let config = store.blob(media_type, config.to_string().as_bytes());
    let facts = inspect("model", &store, store.manifest(json!({ "config": config, "layers": layers })));
    check_faults(&facts, &[]);
    assert_eq!(facts.title, Line::some("iris"));
    let json = detail_json(&facts);
    let names: Vec<_> = (0..4).map(|at| json["parts"]["items"][at]["name"].clone()).collect();
    assert_eq!(names, ["weights.bin", "lora", "src", "application/vnd.kitops.modelkit.docs.v1.tar"]);
}

#[test]
fn hostile() {
    let store = Store::default();
    let check = |bytes: &[u8], faults: &[&str]| {
        let layers = json!([store.blob("application/vnd.ollama.image.model", bytes)]);
        let facts = inspect("model", &store, store.manifest(json!({ "layers": layers })));
        check_faults(&facts, faults);
        detail!(facts, Model).header.total()
    };
    check(b"MZ", &["it is no GGUF"]);
    check(b"GGUF\x09\0\0\0", &["it is GGUF of version 9"]);
    check(b"GGUF\x03\0\0\0\0", &["it ends in its header"]);
    assert_eq!(check(&gguf(u64::MAX, &[entry(EVIL, 8, &text(EVIL))]), &[]), 1);
    assert_eq!(check(&llama()[..100], &[]), 1);
    check(&gguf(1, &[entry("a", 99, b"")]), &["a value of the unknown kind 99"]);
    check(&gguf(1, &[entry("a", 9, &[99, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])]), &["a list of the unknown kind 99"]);
    let endless = [8_u32.to_le_bytes().as_slice(), &u64::MAX.to_le_bytes()].concat();
    assert_eq!(check(&gguf(2, &[entry("a", 9, &endless), entry("b", 7, &[1])]), &[]), 1);
    let wide = [12_u32.to_le_bytes().as_slice(), &u64::MAX.to_le_bytes()].concat();
    assert_eq!(check(&gguf(2, &[entry("a", 9, &wide), entry("b", 7, &[1])]), &[]), 1);
    let evil =
        json!({ "descriptor": { "title": EVIL, "docURL": "javascript:x", "authors": [EVIL, {}] }, "config": EVIL });
    let manifest =
        json!({ "config": store.blob("application/vnd.cncf.model.config.v1+json", evil.to_string().as_bytes()) });
    let facts = inspect("model", &store, store.manifest(manifest));
    check_faults(&facts, &["there is no layer with a model in it"]);
    assert_eq!(facts.documentation, None);
    let layers = json!([store.blob("application/vnd.ollama.image.params", b"{")]);
    check_faults(&inspect("model", &store, store.manifest(json!({ "layers": layers }))), &["it is no JSON"]);
}
