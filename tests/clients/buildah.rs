//! buildah: builds from what is in the registry and pushes what it built.

use wharf_testkit::server::PASSWORD;

use super::images::{Multi, shared};
use super::requests::{self, chunks, mounts, tokens};
use super::sandbox::Sandbox;
use super::server;

#[test]
fn builds_on_what_is_there_and_pushes() {
    let (server, image) = (server(), Multi::mixed());
    let (at, admin) = (server.address, server.admin());
    let sandbox = Sandbox::new(&["buildah"]);
    image.push(&admin, "acme/base", "v1");
    let login = format!("buildah login --tls-verify=false -u admin --password-stdin {at}");
    let wrong = sandbox.fails_with(&login, "wrong");
    assert!(wrong.contains("invalid username/password"), "{wrong}");
    sandbox.ok_with(&login, PASSWORD);

    sandbox.write("tmp/added", "added");
    sandbox.write("Containerfile", format!("FROM {at}/acme/base:v1\nCOPY added /added\n"));
    for architecture in ["amd64", "arm64"] {
        sandbox.ok(format!(
            "buildah bud -q --tls-verify=false --isolation chroot --arch {architecture} -f Containerfile -t \
             localhost/child:{architecture} tmp"
        ));
    }
    sandbox.ok(format!(
        "buildah push -q --tls-verify=false --digestfile digest localhost/child:amd64 docker://{at}/acme/child:v1"
    ));
    let pushed = admin.get("/v2/acme/child/manifests/v1").expect(200);
    assert_eq!(pushed.required("docker-content-digest"), sandbox.read("digest"));
    assert_eq!(pushed.json()["layers"].as_array().unwrap().len(), 3);

    sandbox.ok("buildah manifest create localhost/list");
    for architecture in ["amd64", "arm64"] {
        sandbox.ok(format!("buildah manifest add localhost/list containers-storage:localhost/child:{architecture}"));
    }
    sandbox.ok(format!(
        "buildah manifest push -q --all --tls-verify=false --digestfile digest localhost/list docker://{at}/acme/multi:v1"
    ));
    let index = admin.get(&format!("/v2/acme/multi/manifests/{}", sandbox.read("digest"))).expect(200);
    assert_eq!(index.json()["manifests"].as_array().unwrap().len(), 2);

    // Back by digest and by platform, into an empty storage.
    sandbox.ok("buildah rmi -af");
    for architecture in ["amd64", "arm64"] {
        let container = sandbox.ok(format!(
            "buildah from -q --tls-verify=false --arch {architecture} {at}/acme/multi@{}",
            sandbox.read("digest")
        ));
        let root = std::path::PathBuf::from(sandbox.ok(format!("buildah mount {container}")));
        let read = |file| std::fs::read(root.join(file)).unwrap();
        assert!(read("shared") == shared());
        assert_eq!((read("arch"), read("added")), (architecture.into(), b"added".into()));
        sandbox.ok(format!("buildah rm {container}"));
    }
    sandbox.ok(format!("buildah logout {at}"));
    let requests = requests::of(server);
    assert!(tokens(&requests) > 0, "Bearer was preferred");
    assert!(chunks(&requests, "acme/child") > 0, "buildah sends in chunks");
    assert!(mounts(&requests, "acme/child") > 0, "what the base has is mounted from it");
}
