//! What our API says of itself, OpenAPI, held against what it does by schemathesis: requests that the document allows and such that it
//! does not, to every endpoint, with every answer compared with its schema. `cargo xtask test` installs it from PyPI, in the versions
//! that `openapi/requirements.txt` names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use wharf_testkit::fixture::Artifact;
use wharf_testkit::server::{PASSWORD, Server, Setup};

fn program() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"));
    let program = target.join("schemathesis/bin/schemathesis");
    assert!(program.exists(), "{} is missing; `cargo xtask test` installs it", program.display());
    program
}

/// Something of each sort.
fn stocked() -> Server {
    let server = Setup::new(env!("CARGO_BIN_EXE_wharf")).start();
    let admin = server.admin();
    let image = Artifact::small(1);
    image.push(&admin, "acme/app", "v1");
    for at in 0..3 {
        let sbom = Artifact::attached(&image, "application/spdx+json", &at.to_string());
        sbom.push(&admin, "acme/app", &sbom.digest().to_string());
    }
    Artifact::small(2).push(&admin, "acme/app", "v2");
    admin.delete(&format!("/v2/acme/app/manifests/{}", Artifact::small(2).digest())).expect(202);
    for (path, body) in [
        ("/api/v1/users", json!({ "name": "kim", "password": PASSWORD })),
        ("/api/v1/projects/acme/robots", json!({ "name": "ci", "bindings": [{ "role": "contributor" }] })),
        ("/api/v1/users/admin/tokens", json!({ "name": "laptop" })),
    ] {
        let request = admin.request("POST", path).header("Content-Type", "application/json");
        request.body(body.to_string()).send().expect(201);
    }
    let group = admin.request("PUT", "/api/v1/groups/devs").header("Content-Type", "application/json");
    group.body(json!({ "members": ["kim"] }).to_string()).send().expect(200);
    server
}

fn held(server: &Server, config: &str, more: &[&str]) {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi").join(config);
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program())
        .arg("--config-file")
        .arg(config)
        .arg("run")
        .arg(format!("http://{}/api/v1/openapi.json", server.address))
        .args(["--auth", &format!("admin:{PASSWORD}"), "--seed", "1", "--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", "10", "--workers", "2", "--no-color", "--warnings", "off"])
        .args(more)
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_endpoint_does_what_the_document_says() {
    held(&stocked(), "schemathesis.toml", &[]);
}

#[test]
fn what_is_there_is_told_as_the_document_says() {
    held(&stocked(), "there.toml", &["--include-method", "GET"]);
}
