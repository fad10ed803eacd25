//! `wharf cnab`: bundles of CNAB, with their images, there and back.

use std::fs;

use serde_json::{Value, json};
use wharf_testkit::faulty::{Faults, Faulty, Scar};
use wharf_testkit::fixture::Artifact;
use wharf_testkit::http::Client;
use wharf_testkit::server::{PASSWORD, Setup};

use super::Desk;

/// A bundle.json of two images, both of which are there, under another order and form than is stored.
fn bundle(desk: &Desk) -> (String, [Artifact; 2]) {
    let client = desk.server.admin();
    let images = [Artifact::small(1), Artifact::index(&[&Artifact::small(2)])];
    images[0].push(&client, "acme/run", "1");
    Artifact::small(2).push(&client, "acme/web", &Artifact::small(2).digest().to_string());
    images[1].push(&client, "acme/web", "1");
    let at = desk.server.address;
    let text = json!({
        "schemaVersion": "v1.0.0", "name": "shop", "version": "1.0", "description": "A shop", "keywords": ["a"],
        "invocationImages": [{ "imageType": "oci", "image": format!("{at}/acme/run:1") }],
        "images": { "web": { "imageType": "oci", "image": format!("{at}/acme/web:1"), "description": "it" } },
        "custom": { "n": 1.50 },
    });
    let file = desk.home.path().join("bundle.json");
    fs::write(&file, serde_json::to_string_pretty(&text).unwrap()).unwrap();
    (file.display().to_string(), images)
}

fn read(path: &std::path::Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

#[test]
fn there_and_on_and_back() {
    let desk = Desk::admin();
    let (file, [run, web]) = bundle(&desk);
    let (home, at) = (desk.home.path(), desk.server.address);
    let digest = desk.ok(&format!("cnab push {file} {at}/acme/shop:1.0 -q"));
    let index: Value = serde_json::from_str(&desk.ok(&format!("manifest get {at}/acme/shop:1.0"))).unwrap();
    assert_eq!(index["annotations"]["org.opencontainers.artifactType"], "application/vnd.cnab.manifest.v1");
    let kinds: Vec<_> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| child["annotations"]["io.cnab.manifest.type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["config", "invocation", "component"]);
    assert_eq!(index["manifests"][2]["digest"], web.digest().to_string());
    // The same again is the same.
    assert_eq!(desk.ok(&format!("cnab push {file} {at}/acme/shop:1.0 -q")), digest);

    let other = Setup::new(env!("CARGO_BIN_EXE_wharf")).start();
    desk.run(&format!("login {} -u admin --password-stdin", other.address), PASSWORD).done();
    let archive = format!("oci-archive:{}/shop.tar", home.display());
    assert_eq!(desk.ok(&format!("cnab copy {at}/acme/shop:1.0 {archive}")), digest);
    assert_eq!(desk.ok(&format!("cnab copy {archive} {}/far/shop:1.0", other.address)), digest);
    let to = home.join("to");
    assert_eq!(desk.ok(&format!("cnab pull {}/far/shop:1.0 {}", other.address, to.display())), digest);
    let map = read(&to.join("relocation-mapping.json"));
    assert_eq!(map[format!("{at}/acme/run:1")], format!("{}/far/shop@{}", other.address, run.digest()));
    assert_eq!(map[format!("{at}/acme/web:1")], format!("{}/far/shop@{}", other.address, web.digest()));
    other.admin().get(&format!("/v2/far/shop/manifests/{}", Artifact::small(2).digest())).expect(200);
    let text = fs::read_to_string(to.join("bundle.json")).unwrap();
    assert!(
        text.starts_with(r#"{"custom":{"n":1.5},"description":"A shop","images":{"web":{"contentDigest":"#),
        "{text}"
    );
    assert_eq!(read(&to.join("bundle.json"))["images"]["web"]["mediaType"], "application/vnd.oci.image.index.v1+json");

    // What was pulled can be pushed: the images are where the map says.
    let server = desk.server.admin();
    server.delete(&format!("/v2/acme/run/manifests/{}", run.digest())).expect(202);
    let line = format!("cnab push {}/bundle.json {}/far/again:1 -q", to.display(), other.address);
    desk.fails(&line, &["acme/run:1"]);
    assert_eq!(desk.ok(&format!("{line} --relocation-map {}/relocation-mapping.json", to.display())), digest);
}

#[test]
fn what_is_wrong_is_said() {
    let desk = Desk::admin();
    let (file, [run, _]) = bundle(&desk);
    let (home, at) = (desk.home.path().display().to_string(), desk.server.address);
    let mut text = read(std::path::Path::new(&file));
    text["invocationImages"][0]["size"] = json!(7);
    fs::write(&file, text.to_string()).unwrap();
    desk.fails(&format!("cnab push {file} {at}/acme/shop:1"), &["acme/run:1", "states the size 7", "--update"]);
    desk.server.admin().get("/v2/acme/shop/tags/list").expect(404);
    desk.ok(&format!("cnab push {file} {at}/acme/shop:1 -q --update"));
    text["images"]["web"]["image"] = json!(format!("{at}/acme/none:1"));
    fs::write(&file, text.to_string()).unwrap();
    desk.fails(&format!("cnab push {file} {at}/acme/shop:2 -q --update"), &["the image ", "acme/none:1"]);
    fs::write(&file, "{}").unwrap();
    desk.fails(&format!("cnab push {file} {at}/acme/shop:2"), &["bundle.json", "0 invocation images"]);
    desk.fails(&format!("cnab push {home}/none.json {at}/acme/shop:2"), &["none.json"]);
    desk.fails(&format!("cnab push {file} {at}/acme/shop@{}", run.digest()), &["write a tag"]);
    desk.fails(&format!("cnab pull {at}/acme/run:1 {home}/to"), &["acme/run:1 is no bundle of CNAB"]);
    desk.fails(&format!("cnab copy {at}/acme/run:1 oci:{home}/to"), &["acme/run:1 is no bundle of CNAB"]);
    desk.fails(&format!("cnab copy {at}/acme/shop {at}/acme/x --all-tags"), &["leave out"]);
}

/// Registries that do not take the form that says best what it is get an older one, or are told why there is none.
#[test]
fn older_forms() {
    let desk = Desk::new();
    let source = Faulty::start(Faults::default());
    let client = Client { address: source.address, authorization: None };
    let image = |seed: u64, name: &str| {
        Artifact::small(seed).push(&client, &format!("acme/{name}"), "1");
        json!({ "imageType": "oci", "image": format!("{}/acme/{name}:1", source.address) })
    };
    let text = json!({ "name": "shop", "invocationImages": [image(1, "run")], "images": { "web": image(2, "web") } });
    let file = desk.home.path().join("bundle.json");
    fs::write(&file, text.to_string()).unwrap();
    let file = file.display();
    for scar in Scar::ALL {
        let target = Faulty::start(Faults::scar(scar));
        let (at, to) = (target.address, desk.home.path().join(format!("{scar:?}")));
        let line = format!("cnab push {file} {at}/acme/shop:1 -q");
        if scar == Scar::NoIndex {
            desk.fails(&line, &["in none of their forms", "indexes are not supported"]);
            desk.ok(&format!("probe {at}"));
            target.state().asked.clear();
            desk.fails(&line, &["nothing was sent", "index"]);
            assert!(target.asked("PUT").is_empty());
            continue;
        }
        let digest = desk.ok(&line);
        let index: Value = serde_json::from_str(&desk.ok(&format!("manifest get {at}/acme/shop:1"))).unwrap();
        let is_docker = index["mediaType"].as_str().unwrap().contains("docker");
        assert_eq!(is_docker, scar == Scar::NoEmptyLayers, "{scar:?}");
        assert_eq!(desk.ok(&format!("cnab pull {at}/acme/shop:1 {}", to.display())), digest);
        assert_eq!(read(&to.join("bundle.json"))["name"], "shop");
        let is_older = matches!(scar, Scar::NoMixedIndex | Scar::NoEmptyLayers | Scar::NoCustomTypes);
        let strict = desk.run(&format!("{line} --no-fallback"), "");
        strict.code(if is_older { 2 } else { 0 });
    }
}
