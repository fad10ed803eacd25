//! `wharf bundle` and `wharf copy --bundle`: a folder and its images, locked, pushed, moved and pulled.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use wharf_testkit::fixture::Artifact;
use wharf_testkit::server::{PASSWORD, Server, Setup};

use super::Desk;

/// The lock of a folder.
fn lock(folder: &Path) -> String {
    fs::read_to_string(folder.join(".imgpkg/images.yml")).expect("a lock")
}

fn tags(server: &Server, repository: &str) -> Vec<String> {
    let listed = server.admin().get(&format!("/v2/{repository}/tags/list")).expect(200).json();
    serde_json::from_value(listed["tags"].clone()).expect("tags")
}

/// A second registry that the same person is logged in to.
fn other(desk: &Desk) -> Server {
    let other = Setup::new(env!("CARGO_BIN_EXE_wharf")).start();
    desk.run(&format!("login {} -u admin --password-stdin", other.address), PASSWORD).done();
    other
}

/// A folder that needs `acme/web:1` and `acme/db:2`, both of which are there; the first with a signature.
fn deploy(desk: &Desk) -> (PathBuf, [Artifact; 2]) {
    let client = desk.server.admin();
    let images = [Artifact::small(1), Artifact::small(2)];
    images[0].push(&client, "acme/web", "1");
    images[1].push(&client, "acme/db", "2");
    let signature = Artifact::attached(&images[0], "application/vnd.example.signature", "web");
    signature.push(&client, "acme/web", &signature.digest().to_string());
    let folder = desk.home.path().join("deploy");
    fs::create_dir_all(folder.join("jobs")).unwrap();
    let at = desk.server.address;
    let web = format!(
        "# the shop\napiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      initContainers:\n      \
         - image: \"{at}/acme/db:2\"   # migrates\n      containers:\n      - {{name: web, image: {at}/acme/web:1}}\n"
    );
    fs::write(folder.join("web.yaml"), web).unwrap();
    let job = format!(
        "kind: CronJob\nspec: {{jobTemplate: {{spec: {{template: {{spec: {{containers: [{{image: '{at}/acme/db:2'}}]}}}}}}}}}}"
    );
    fs::write(folder.join("jobs/clean.yml"), job).unwrap();
    (folder, images)
}

#[test]
fn over_an_air_gap() {
    let desk = Desk::admin();
    let (folder, [web, db]) = deploy(&desk);
    let (home, at) = (desk.home.path().display().to_string(), desk.server.address);
    let pushed =
        desk.ok(&format!("bundle push {} {at}/acme/deploy:1.0 --lock-output {home}/bundle.lock.yml", folder.display()));
    let locked = lock(&folder);
    for (name, image) in [("acme/web", &web), ("acme/db", &db)] {
        assert!(locked.contains(&format!("image: {at}/{name}@{}", image.digest())), "{locked}");
    }
    let written = fs::read_to_string(format!("{home}/bundle.lock.yml")).unwrap();
    assert!(written.contains(&format!("image: {at}/acme/deploy@{}", pushed.trim())), "{written}");
    // What imgpkg reads, and no other form.
    let manifest: Value = serde_json::from_str(&desk.ok(&format!("manifest get {at}/acme/deploy:1.0"))).unwrap();
    assert_eq!(manifest["mediaType"], "application/vnd.docker.distribution.manifest.v2+json");
    assert_eq!(manifest["layers"][0]["mediaType"], "application/vnd.docker.image.rootfs.diff.tar.gzip");
    let config = desk.ok(&format!("blob get {at}/acme/deploy@{}", manifest["config"]["digest"].as_str().unwrap()));
    assert!(config.contains(r#""Labels":{"dev.carvel.imgpkg.bundle":"true"}"#), "{config}");

    let archive = format!("oci-archive:{home}/deploy.tar");
    let copied = desk.json(&format!("copy --bundle {at}/acme/deploy:1.0 {archive}"));
    assert_eq!((&copied["images"], &copied["referrers"]), (&json!(2), &json!(1)), "{copied}");
    assert_eq!(desk.ok(&format!("bundle images {archive}")).lines().count(), 3);
    let other = other(&desk);
    let far = other.address;
    desk.server.admin().delete(&format!("/v2/acme/web/manifests/{}", web.digest())).expect(202);
    assert_eq!(desk.ok(&format!("copy --bundle {archive} {far}/shop/deploy:1.0")), pushed);
    let listed = other.admin().get(&format!("/v2/shop/deploy/referrers/{}", web.digest())).expect(200).json();
    assert_eq!(listed["manifests"].as_array().map(Vec::len), Some(1), "the signature came along");
    let hex = |digest: &str| digest.trim().replace(':', "-");
    let there = tags(&other, "shop/deploy");
    for tag in [
        format!("{}.imgpkg", hex(&web.digest().to_string())),
        format!("{}.imgpkg", hex(&pushed)),
        format!("{}.image-locations.imgpkg", hex(&pushed)),
        "1.0".to_owned(),
    ] {
        assert!(there.contains(&tag), "{tag} is not in {there:?}");
    }

    let to = desk.home.path().join("far");
    let pulled = desk.json(&format!("bundle pull {far}/shop/deploy:1.0 {}", to.display()));
    assert_eq!((&pulled["relocated"], &pulled["images"]), (&json!(true), &json!(2)));
    assert!(lock(&to).contains(&format!("image: {far}/shop/deploy@{}", web.digest())), "{}", lock(&to));
    assert_eq!(fs::read(to.join("web.yaml")).unwrap(), fs::read(folder.join("web.yaml")).unwrap());
    let yaml = desk.ok(&format!("bundle resolve {}", to.display()));
    assert!(yaml.contains(&format!("{{name: web, image: {far}/shop/deploy@{}}}", web.digest())), "{yaml}");
    assert!(yaml.contains(&format!("- image: \"{far}/shop/deploy@{}\"   # migrates\n", db.digest())), "{yaml}");
    assert!(yaml.starts_with("kind: CronJob\n") && yaml.contains("]}}}}}\n---\n# the shop\n"), "{yaml}");

    // Again: nothing travels.
    let again = desk.json(&format!("copy --bundle {archive} {far}/shop/deploy:1.0"));
    assert_eq!((&again["manifestsSent"], &again["blobsSent"]), (&json!(0), &json!(0)), "{again}");
}

#[test]
fn a_lock_is_current_or_not() {
    let desk = Desk::admin();
    let (folder, [web, _]) = deploy(&desk);
    let (line, at) = (format!("bundle lock {}", folder.display()), desk.server.address);
    desk.run(&format!("{line} --check"), "").code(1);
    assert!(!folder.join(".imgpkg").exists(), "nothing is written");
    desk.ok(&line);
    let before = lock(&folder);
    desk.run(&format!("{line} --check"), "").code(0);
    // The tag moves: what was locked stays, until it is locked anew.
    let newer = Artifact::small(3);
    newer.push(&desk.server.admin(), "acme/web", "1");
    let said = desk.run(&format!("{line} --check"), "").code(1).out();
    assert!(
        said.contains(&format!("~ {at}/acme/web:1 is {at}/acme/web@")) && said.contains(&newer.digest().to_string()),
        "{said}"
    );
    desk.ok(&format!("bundle push {} {at}/acme/deploy:1 -q", folder.display()));
    assert_eq!(lock(&folder), before);
    assert!(desk.ok(&format!("bundle resolve {}", folder.display())).contains(&web.digest().to_string()));
    desk.ok(&line);
    assert!(lock(&folder).contains(&newer.digest().to_string()));
    // What was written by hand stays, what nobody names goes.
    let hand = format!("{}- image: {at}/acme/web@{}\n", lock(&folder), web.digest());
    fs::write(folder.join(".imgpkg/images.yml"), hand).unwrap();
    fs::remove_file(folder.join("web.yaml")).unwrap();
    desk.ok(&line);
    let after = lock(&folder);
    assert!(after.contains(&web.digest().to_string()) && !after.contains(&newer.digest().to_string()), "{after}");
}

#[test]
fn bundles_in_bundles() {
    let desk = Desk::admin();
    let (folder, images) = deploy(&desk);
    let (home, at) = (desk.home.path().to_owned(), desk.server.address);
    let inner = desk.ok(&format!("bundle push {} {at}/acme/inner:1 -q", folder.display()));
    let outer = home.join("outer");
    fs::create_dir(&outer).unwrap();
    fs::write(
        outer.join("app.yaml"),
        format!("kind: App\nspec: {{fetch: [{{imgpkgBundle: {{image: {at}/acme/inner:1}}}}]}}\n"),
    )
    .unwrap();
    desk.ok(&format!("bundle push {} {at}/acme/outer:1 -q", outer.display()));
    let listed = desk.json(&format!("bundle images {at}/acme/outer:1"));
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(3));

    let (layout, other) = (format!("oci:{}/layout", home.display()), other(&desk));
    desk.ok(&format!("copy --bundle {at}/acme/outer:1 {layout}"));
    desk.ok(&format!("copy --bundle {layout} {}/far/outer:1", other.address));
    let to = home.join("far");
    let pulled = desk.json(&format!("bundle pull {}/far/outer:1 {} --recursive", other.address, to.display()));
    assert_eq!((&pulled["bundles"], &pulled["relocated"]), (&json!(1), &json!(true)));
    let below = to.join(format!(".imgpkg/bundles/{}", inner.trim().replace(':', "-")));
    assert!(
        lock(&below).contains(&format!("image: {}/far/outer@{}", other.address, images[1].digest())),
        "{}",
        lock(&below)
    );
    // What was pulled with it is not part of it: it is the same bundle again.
    fs::write(to.join(".imgpkg/images.yml"), lock(&outer)).unwrap();
    let digest = desk.ok(&format!("digest {at}/acme/outer:1"));
    assert_eq!(desk.ok(&format!("bundle push {} {at}/acme/outer:again -q --as-is", to.display())), digest);
}

/// A bundle that others made leads nowhere else than below the folder, be it by links in the way of the bundles in it, or of its
/// lock.
#[test]
fn bundles_stay_in_their_folder() {
    let desk = Desk::admin();
    let (folder, _) = deploy(&desk);
    let (home, at) = (desk.home.path().to_owned(), desk.server.address);
    let inner = desk.ok(&format!("bundle push {} {at}/acme/inner:1 -q", folder.display()));
    let inner = inner.trim().replace(':', "-");
    let (outer, outside) = (home.join("outer"), home.join("outside"));
    fs::create_dir(&outer).unwrap();
    fs::create_dir(&outside).unwrap();
    let yaml = format!("kind: App\nspec: {{fetch: [{{imgpkgBundle: {{image: {at}/acme/inner:1}}}}]}}\n");
    fs::write(outer.join("app.yaml"), yaml).unwrap();
    desk.ok(&format!("bundle lock {} -q", outer.display()));
    fs::create_dir(outer.join(".imgpkg/bundles")).unwrap();
    symlink(&outside, outer.join(".imgpkg/bundles").join(&inner)).unwrap();
    let link = home.join("link");
    fs::create_dir(&link).unwrap();
    symlink(&outside, link.join(".imgpkg")).unwrap();

    let repository = format!("{at}/acme/evil");
    let layer = |folder: &Path| {
        let tar = folder.with_extension("tar");
        let done = Command::new("tar").arg("-C").arg(folder).arg("-cf").arg(&tar).arg(".").status().unwrap();
        assert!(done.success());
        let digest = desk.ok(&format!("blob put {repository} {}", tar.display()));
        let size = tar.metadata().unwrap().len();
        json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest.trim(), "size": size})
    };
    let (outer, link) = (layer(&outer), layer(&link));
    let config = r#"{"config":{"Labels":{"dev.carvel.imgpkg.bundle":"true"}}}"#;
    let digest = desk.run(&format!("blob put {repository}"), config).done();
    let config =
        json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest.trim(), "size": config.len()});
    for (tag, layers) in [("1", json!([outer])), ("2", json!([outer, link]))] {
        let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config, "layers": layers});
        desk.run(&format!("manifest put {repository}:{tag}"), &manifest.to_string()).code(0);
    }
    let (first, second) = (home.join("first"), home.join("second"));
    let pulled = desk.json(&format!("bundle pull {repository}:1 {} --recursive", first.display()));
    assert_eq!(pulled["bundles"], 1);
    let nested = first.join(".imgpkg/bundles").join(inner);
    assert!(nested.symlink_metadata().unwrap().is_dir() && nested.join("web.yaml").exists(), "in place of the link");
    desk.fails(&format!("bundle pull {repository}:2 {} --recursive", second.display()), &[".imgpkg", "symbolic link"]);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn what_is_wrong_is_said() {
    let desk = Desk::admin();
    let (folder, [web, _]) = deploy(&desk);
    let (home, at, path) = (desk.home.path().display().to_string(), desk.server.address, folder.display().to_string());
    desk.fails(&format!("bundle push {path} {at}/acme/deploy:1 --as-is"), &["has no .imgpkg/images.yml"]);
    desk.fails(
        &format!("bundle resolve {path}"),
        &["clean.yml, line 2", "acme/db:2 is not locked", "wharf bundle lock"],
    );
    desk.fails(&format!("bundle push {path} {at}/acme/deploy@{}", web.digest()), &["write a tag"]);
    desk.fails(&format!("bundle pull {at}/acme/web:1 {home}/to"), &["acme/web:1 is no bundle", "wharf pull"]);
    desk.fails(&format!("copy --bundle {at}/acme/web:1 {at}/acme/x:1"), &["1 is no bundle"]);
    desk.fails(&format!("bundle pull {at}/acme/none:1 {home}/to"), &["has no 1"]);
    desk.ok(&format!("bundle push {path} {at}/acme/deploy:1 -q"));
    desk.fails(&format!("copy --bundle {at}/acme/deploy:1 docker-archive:{home}/x.tar"), &["oci-archive:FILE"]);
    // Into a folder, without the images: from there they are nowhere.
    desk.ok(&format!("copy {at}/acme/deploy:1 oci:{home}/alone"));
    desk.fails(&format!("copy --bundle oci:{home}/alone {at}/acme/x:1"), &["has no ", "which a bundle there locks"]);

    fs::write(folder.join("new.yaml"), format!("image: {at}/acme/web:7\n")).unwrap();
    desk.fails(&format!("bundle lock {path}"), &["new.yaml, line 1", "acme/web has no 7"]);
    fs::write(folder.join("new.yaml"), "image: Logo.PNG\n").unwrap();
    desk.fails(&format!("bundle lock {path}"), &["new.yaml, line 1", "Logo.PNG", "--skip"]);
    desk.ok(&format!("bundle lock {path} -q --skip Logo.PNG"));
    fs::write(folder.join("new.yaml"), "image: {{ .Values.image }}:1\n").unwrap();
    desk.fails(&format!("bundle lock {path}"), &["new.yaml, line 1", "rendered"]);
    desk.ok(&format!("bundle lock {path} -q --exclude new.yaml"));
    fs::write(folder.join(".imgpkg/images.yml"), "kind: Other\napiVersion: v1\n").unwrap();
    desk.fails(&format!("bundle resolve {path} --exclude new.yaml"), &[".imgpkg/images.yml", "Other"]);
}
