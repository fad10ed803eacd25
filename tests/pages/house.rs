//! A registry with something of many kinds in it, some of it as hostile as it gets.

use serde_json::{Value, json};
use wharf_model::media::OCI_MANIFEST;
use wharf_testkit::fixture::{Artifact, descriptor, noise};
use wharf_testkit::http::Client;
use wharf_testkit::server::{Server, wait_for};

/// What would run, or break out, wherever it was not escaped.
pub(crate) const HOSTILE: &str =
    "</title></script><script>alert(1)</script>\"'><img src=x onerror=alert(1)><b style=\"x\">\u{202e}";

/// A chart whose author means no good.
pub(crate) fn chart() -> Artifact {
    let config = json!({
        "apiVersion": "v2", "name": "app", "version": "1.0.0", "description": HOSTILE, "home": "javascript:alert(1)",
        "keywords": [HOSTILE, "x".repeat(10_000)], "maintainers": [{ "name": HOSTILE, "url": "javascript:alert(1)" }],
        "dependencies": [{ "name": HOSTILE, "version": HOSTILE, "repository": HOSTILE }], "annotations": { HOSTILE: HOSTILE },
        "kubeVersion": HOSTILE, "appVersion": HOSTILE,
    });
    let (config, layer) = (config.to_string().into_bytes(), b"no archive".to_vec());
    let mut described = descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", &layer);
    described["annotations"] = json!({ "org.opencontainers.image.title": HOSTILE });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [described],
        "config": descriptor("application/vnd.cncf.helm.config.v1+json", &config),
        "annotations": {
            "org.opencontainers.image.title": HOSTILE, "org.opencontainers.image.description": HOSTILE,
            "org.opencontainers.image.url": "javascript:alert(1)", "org.opencontainers.image.source": "https://e.com/\"><script>",
            HOSTILE: HOSTILE, "long": "x".repeat(10_000),
        },
    });
    Artifact::of(OCI_MANIFEST, &manifest, vec![config, layer])
}

/// An image with a history and files whose names mean no good.
pub(crate) fn image() -> Artifact {
    let layer =
        tar(&[("etc/", b""), ("etc/motd", b"hello\n"), ("<img src=x onerror=alert(1)>", b"<script>alert(1)</script>")]);
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "config": {
            "Env": ["PATH=/bin", format!("X={HOSTILE}")], "Entrypoint": [HOSTILE], "Cmd": ["a", "b"], "User": HOSTILE,
            "Labels": { HOSTILE: HOSTILE }, "ExposedPorts": { HOSTILE: {} },
        },
        "history": [{ "created_by": format!("RUN {HOSTILE}") }, { "created_by": "COPY a b" }, { "created_by": "ENV x", "empty_layer": true }],
        "rootfs": { "type": "layers", "diff_ids": [] },
    });
    Artifact::image(config.to_string().as_bytes(), &[layer, noise(1, 900)])
}

/// A tar archive of files, and of folders, whose names end in a slash.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in files {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..107].copy_from_slice(b"0000644");
        header[108..115].copy_from_slice(b"0000000");
        header[116..123].copy_from_slice(b"0000000");
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[136..147].copy_from_slice(b"00000000000");
        header[156] = if name.ends_with('/') { b'5' } else { b'0' };
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(header);
        archive.extend(*content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// A bill of materials of something.
fn sbom(of: &Artifact) -> Artifact {
    let package = |at: usize| json!({ "SPDXID": format!("SPDXRef-{at}"), "name": HOSTILE, "versionInfo": "1", "licenseConcluded": HOSTILE });
    let document = json!({
        "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": HOSTILE,
        "creationInfo": { "creators": [format!("Tool: {HOSTILE}")] }, "packages": (0..20).map(package).collect::<Vec<Value>>(),
    });
    let (empty, document) = (b"{}".to_vec(), document.to_string().into_bytes());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/spdx+json",
        "config": descriptor("application/vnd.oci.empty.v1+json", &empty),
        "layers": [descriptor("application/spdx+json", &document)],
        "subject": descriptor(&of.media_type, &of.manifest),
    });
    Artifact::of(OCI_MANIFEST, &manifest, vec![empty, document])
}

/// Files with and without names, one of them Markdown.
fn files() -> Artifact {
    let empty = b"{}".to_vec();
    let readme =
        format!("# Hello\n\n{HOSTILE}\n\n[x](javascript:alert(1)) ![y](https://e.com/x.png)\n\n| a |\n|:-:|\n| 1 |\n")
            .into_bytes();
    let named = |bytes: &[u8], media_type: &str, title: &str| {
        let mut described = descriptor(media_type, bytes);
        described["annotations"] = json!({ "org.opencontainers.image.title": title });
        described
    };
    let evil = b"<script>alert(1)</script>".to_vec();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.example+json",
        "config": descriptor("application/vnd.oci.empty.v1+json", &empty),
        "layers": [named(&readme, "text/markdown", "README.md"), named(&evil, "text/html", "<script>.html")],
    });
    Artifact::of(OCI_MANIFEST, &manifest, vec![empty, readme, evil])
}

/// All of it in `acme`, which nobody else may see; a little in `open`, which everybody may.
pub(crate) fn stock(server: &Server) -> Client {
    let admin = server.admin();
    let image = image();
    for tag in ["latest", "1.0", "1.1", "2.0-rc.1"] {
        image.push(&admin, "acme/app", tag);
    }
    Artifact::small(2).push(&admin, "acme/app", "1.0");
    let sbom = sbom(&image);
    sbom.push(&admin, "acme/app", &sbom.digest().to_string());
    Artifact::small(3).push(&admin, "acme/app", &format!("{}.sig", image.digest().referrers_tag()));
    let index = Artifact::index(&[&image]);
    image.push(&admin, "acme/index", &image.digest().to_string());
    index.push(&admin, "acme/index", "multi");
    chart().push(&admin, "acme/charts/app", "1.0.0");
    files().push(&admin, "acme/files", "1");
    Artifact::small(1).push(&admin, "open/app", "1.0");
    Artifact::small(1).push(&admin, "metrics/app", "1.0");
    let describe = |project: &str, body: Value| {
        let path = format!("/api/v1/projects/{project}");
        let request = admin.request("PUT", &path).header("Content-Type", "application/json");
        request.body(body.to_string()).send().expect(200);
    };
    describe("open", json!({ "public": true, "description": HOSTILE }));
    people(server);
    Artifact::small(1).push(&admin, "old/app", "1.0");
    admin.delete("/api/v1/repositories/old~app").expect(200);
    let overview = json!({ "text": format!("# Hello\n\n{HOSTILE}\n\n[x](javascript:alert(1))\n") }).to_string();
    let request = admin.request("PUT", "/api/v1/repositories/acme~app/overview");
    request.header("Content-Type", "application/json").body(overview).send().expect(204);
    for (repository, reference) in
        [("acme~app", "1.1"), ("acme~charts~app", "1.0.0"), ("acme~files", "1"), ("acme~index", "multi")]
    {
        wait_for("facts", || {
            let found =
                admin.get(&format!("/api/v1/repositories/{repository}/artifacts/{reference}")).expect(200).json();
            (found["state"] == json!("ready")).then_some(())
        });
    }
    admin
}

/// People and machines who describe themselves as badly as they can.
fn people(server: &Server) {
    let tell = |method: &str, path: &str, body: Value, status: u16| {
        let admin = server.admin();
        let request = admin.request(method, path).header("Content-Type", "application/json");
        request.body(body.to_string()).send().expect(status);
    };
    tell("POST", "/api/v1/users", json!({ "name": "eve", "description": HOSTILE }), 201);
    tell("PUT", "/api/v1/groups/eves", json!({ "description": HOSTILE, "members": ["eve"] }), 200);
    tell("PUT", "/api/v1/roles/evil", json!({ "description": HOSTILE, "permissions": ["pull"] }), 200);
    let token = json!({ "name": HOSTILE.chars().take(100).collect::<String>(), "limits": [{ "permissions": ["pull"], "repositories": "acme/**" }] });
    tell("POST", "/api/v1/users/admin/tokens", token, 201);
    let robot =
        json!({ "name": "ci", "description": HOSTILE, "bindings": [{ "role": "evil", "repositories": "acme/**" }] });
    tell("POST", "/api/v1/projects/acme/robots", robot, 201);
    let binding = json!({ "subject": "group:eves", "role": "evil" });
    tell("POST", "/api/v1/projects/acme/bindings", binding, 201);
}
