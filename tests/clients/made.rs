//! What real tools make, as Wharf tells of it: it is recognised as what it is, and its facts are right. The tools are
//! Debian's, and those of PyPI that clients/requirements.txt names; what neither has is built byte for byte in the tests of the
//! artifact room.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wharf_testkit::server::PASSWORD;

use super::sandbox::Sandbox;
use super::server;

const WHARF: &str = env!("CARGO_BIN_EXE_wharf");

/// Where a program of PyPI is.
#[track_caller]
fn python(program: &str) -> String {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"));
    let program = target.join("python/bin").join(program);
    assert!(program.exists(), "{} is missing; `cargo xtask test` installs it", program.display());
    program.to_str().expect("a plain name").to_owned()
}

/// A sandbox whose programs are logged in as the administrator.
#[track_caller]
fn desk(at: &str, programs: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new(&[programs, &["skopeo"]].concat());
    sandbox.ok_with(format!("skopeo login --tls-verify=false -u admin --password-stdin {at}"), PASSWORD);
    sandbox
}

/// What `wharf inspect` tells of it.
#[track_caller]
fn told(sandbox: &Sandbox, reference: &str) -> Value {
    serde_json::from_str(&sandbox.ok(format!("{WHARF} inspect --json {reference}"))).unwrap()
}

/// Fails the test unless it is of that kind, without anything malformed; what only its kind has.
#[track_caller]
fn detail(told: &Value, kind: &str) -> Value {
    assert_eq!(told["kind"]["id"], kind, "{told:#}");
    assert_eq!(told["facts"]["faults"], Value::Null, "{told:#}");
    told["facts"]["detail"].clone()
}

/// Attaches a file to `reference`; what is told of that.
#[track_caller]
fn attached(sandbox: &Sandbox, reference: &str, file: &str, media_type: &str) -> Value {
    let attach = format!("{WHARF} attach -q {reference} {file}:{media_type} --artifact-type {media_type}");
    let digest = sandbox.ok(attach);
    let (repository, _) = reference.rsplit_once(':').unwrap();
    told(sandbox, &format!("{repository}@{digest}"))
}

#[test]
fn files_of_oras_for_python() {
    const PUSH: &str = r#"
import sys, oras.client
# It would push with the token that it got for looking.
client = oras.client.OrasClient(hostname=sys.argv[1], insecure=True, auth_backend="basic")
client.login(username="admin", password=sys.argv[2], hostname=sys.argv[1], tls_verify=False)
client.push(target=sys.argv[1] + "/acme/files:1", files=["hello.txt", "more.json:application/json"],
            manifest_annotations={"org.opencontainers.image.title": "Two files"})
"#;
    let server = server();
    let at = server.address.to_string();
    let sandbox = desk(&at, &[]);
    sandbox.write("hello.txt", "hello\n");
    sandbox.write("more.json", "{}");
    sandbox.ok_with(format!("{} - {at} '{PASSWORD}'", python("python")), PUSH);
    let told = told(&sandbox, &format!("{at}/acme/files:1"));
    let files = detail(&told, "files");
    assert_eq!(told["title"], "Two files");
    let names: Vec<_> = files["files"]["items"].as_array().unwrap().iter().map(|file| &file["name"]).collect();
    assert_eq!(names, ["hello.txt", "more.json"], "{files:#}");
}

#[test]
fn bills_of_materials() {
    const SPDX: &str = r#"
from datetime import datetime
from spdx_tools.spdx.model import (Actor, ActorType, CreationInfo, Document, Package, Relationship, RelationshipType,
                                  SpdxNoAssertion)
from spdx_tools.spdx.writer.write_anything import write_file
made = CreationInfo("SPDX-2.3", "SPDXRef-DOCUMENT", "app", "https://example.com/app",
                    [Actor(ActorType.ORGANIZATION, "Acme")], datetime(2026, 1, 1))
package = Package(spdx_id="SPDXRef-Package", name="openssl", version="3.0.1", download_location=SpdxNoAssertion())
about = Relationship("SPDXRef-DOCUMENT", RelationshipType.DESCRIBES, "SPDXRef-Package")
write_file(Document(made, [package], relationships=[about]), "app.spdx.json")
"#;
    let server = server();
    let at = server.address.to_string();
    let sandbox = desk(&at, &[]);
    let app = format!("{at}/acme/app:1");
    sandbox.write("app", "something");
    sandbox.ok(format!("{WHARF} push -q app {app}"));

    sandbox.ok_with(format!("{} -", python("python")), SPDX);
    let spdx = detail(&attached(&sandbox, &app, "app.spdx.json", "application/spdx+json"), "spdx-sbom");
    assert_eq!((&spdx["format"], &spdx["name"]), (&json!("SPDX 2.3"), &json!("app")), "{spdx:#}");
    let packages = json!([{ "name": "openssl", "version": "3.0.1" }]);
    assert_eq!(spdx["packages"]["items"], packages, "{spdx:#}");

    sandbox.write("requirements.txt", "idna==3.10\nurllib3==2.5.0\n");
    sandbox.ok(format!("{} requirements requirements.txt --of JSON -o app.cdx.json", python("cyclonedx-py")));
    let told = attached(&sandbox, &app, "app.cdx.json", "application/vnd.cyclonedx+json");
    let cyclonedx = detail(&told, "cyclonedx-sbom");
    let purls: Vec<_> = cyclonedx["packages"]["items"].as_array().unwrap().iter().map(|one| &one["purl"]).collect();
    assert_eq!(purls, ["pkg:pypi/idna@3.10", "pkg:pypi/urllib3@2.5.0"], "{cyclonedx:#}");
    assert_eq!(cyclonedx["ecosystems"]["items"], json!([{ "name": "pypi", "count": 2 }]));
}

#[test]
fn an_attestation_of_in_toto() {
    let server = server();
    let at = server.address.to_string();
    let sandbox = desk(&at, &["openssl"]);
    let app = format!("{at}/acme/app:1");
    sandbox.write("app", "something");
    sandbox.ok(format!("{WHARF} push -q app {app}"));
    sandbox.ok("openssl genpkey -algorithm ed25519 -out key.pem");
    sandbox.ok(format!("{} -n build --use-dsse --signing-key key.pem -p app -- true", python("in-toto-run")));
    let mut links = std::fs::read_dir(sandbox.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    let link = links.find(|name| name.to_str().unwrap().ends_with(".link")).expect("in-toto-run wrote one");
    let told = attached(&sandbox, &app, link.to_str().unwrap(), "application/vnd.in-toto+json");
    assert_eq!(told["kind"]["id"], "in-toto", "{told:#}");
}

#[test]
fn a_model_of_gguf() {
    const MODEL: &str = r#"
import gguf, numpy
model = gguf.GGUFWriter("model.gguf", "llama")
model.add_name("Small")
model.add_context_length(2048)
model.add_tensor("weight", numpy.zeros((4, 8), dtype=numpy.float32))
model.write_header_to_file()
model.write_kv_data_to_file()
model.write_tensors_to_file()
model.close()
"#;
    let server = server();
    let at = server.address.to_string();
    let sandbox = desk(&at, &[]);
    sandbox.ok_with(format!("{} -", python("python")), MODEL);
    let reference = format!("{at}/acme/model:1");
    sandbox.ok(format!("{WHARF} push -q model.gguf:application/vnd.ollama.image.model {reference}"));
    let told = told(&sandbox, &reference);
    let model = detail(&told, "ollama-model");
    assert_eq!(told["facts"]["title"], "Small", "{told:#}");
    assert_eq!((&model["architecture"], &model["context_length"]), (&json!("llama"), &json!(2048)), "{model:#}");
}

#[test]
fn a_module_of_wabt() {
    const TEXT: &str = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (func (export "_start")))"#;
    let server = server();
    let at = server.address.to_string();
    let sandbox = desk(&at, &["wat2wasm"]);
    sandbox.write("module.wat", TEXT);
    sandbox.ok("wat2wasm module.wat -o module.wasm");
    let module = format!("{at}/acme/module:1");
    sandbox.ok(format!("{WHARF} push -q module.wasm:application/wasm {module} --artifact-type application/wasm"));
    let wasm = detail(&told(&sandbox, &module), "wasm");
    assert_eq!(wasm["form"], "module", "{wasm:#}");
    assert_eq!(wasm["imports"]["items"], json!([{ "name": "wasi_snapshot_preview1.fd_write", "value": "func" }]));
    let exports = json!([{ "name": "memory", "value": "memory" }, { "name": "_start", "value": "func" }]);
    assert_eq!(wasm["exports"]["items"], exports, "{wasm:#}");
}

#[test]
fn images_of_buildah_and_podman() {
    const RECIPE: &str = "FROM scratch\nLABEL org.opencontainers.image.title=Small org.opencontainers.image.licenses=MIT\n\
        ENV GREETING=hello\nCOPY one /one\nEXPOSE 8080\nUSER 1000\nENTRYPOINT [\"/one\"]\nCMD [\"--serve\"]\n";
    let server = server();
    let at = server.address.to_string();
    let sandbox = desk(&at, &["buildah", "podman"]);
    std::fs::create_dir(sandbox.path("tree")).unwrap();
    sandbox.write("tree/one", "1");
    sandbox.write("Containerfile", RECIPE);
    for architecture in ["amd64", "arm64"] {
        sandbox.ok(format!(
            "buildah bud -q --isolation chroot --layers --no-cache --arch {architecture} -f Containerfile -t localhost/small:{architecture} tree"
        ));
    }
    let small = format!("{at}/acme/small");
    sandbox.ok(format!("buildah push -q --tls-verify=false localhost/small:amd64 docker://{small}:1"));
    let one = told(&sandbox, &format!("{small}:1"));
    let image = detail(&one, "image");
    assert_eq!((&one["title"], &one["facts"]["licenses"]["items"]), (&json!("Small"), &json!(["MIT"])), "{one:#}");
    assert_eq!((&image["os"], &image["architecture"]), (&json!("linux"), &json!("amd64")), "{image:#}");
    assert_eq!((&image["entrypoint"]["items"], &image["cmd"]["items"]), (&json!(["/one"]), &json!(["--serve"])));
    assert_eq!((&image["user"], &image["ports"]["items"]), (&json!("1000"), &json!(["8080/tcp"])));
    let layers = image["layers"]["items"].as_array().unwrap();
    let step = layers[0]["step"].as_u64().expect("its history tells") as usize;
    let made_by = image["history"]["items"][step]["created_by"].as_str().unwrap();
    assert!(made_by.contains("COPY"), "{made_by}");

    sandbox.ok("buildah manifest create localhost/list");
    for architecture in ["amd64", "arm64"] {
        sandbox.ok(format!("buildah manifest add localhost/list containers-storage:localhost/small:{architecture}"));
    }
    sandbox.ok(format!("buildah manifest push -q --all --tls-verify=false localhost/list docker://{small}:all"));
    let all = told(&sandbox, &format!("{small}:all"));
    detail(&all, "image-index");
    assert_eq!(all["facts"]["platforms"]["items"], json!(["linux/amd64", "linux/arm64"]), "{all:#}");

    // With layers of its own: those that have been pushed are not compressed again.
    sandbox.write("tree/two", "2");
    sandbox.write("Containerfile", "FROM scratch\nCOPY two /two\n");
    sandbox.ok("buildah bud -q --isolation chroot -f Containerfile -t localhost/two tree");
    let push = "podman --cgroup-manager cgroupfs --events-backend none push -q --tls-verify=false --format oci";
    sandbox.ok(format!("{push} --compression-format zstd:chunked localhost/two docker://{small}:zstd"));
    detail(&told(&sandbox, &format!("{small}:zstd")), "zstd-chunked-image");
}
