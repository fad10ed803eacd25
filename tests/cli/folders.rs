//! `wharf push` and `wharf pull`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::Value;
use wharf_testkit::fixture::noise;

use super::Desk;

/// What `wharf push` says of folders.
const FOLDER: &str = "application/vnd.wharf.directory.v1";

/// Files of all sorts, some megabytes of them.
fn fill(folder: &Path) {
    for number in 0..60 {
        let below = folder.join(format!("lib/{}", number % 7));
        fs::create_dir_all(&below).unwrap();
        fs::write(below.join(format!("part-{number}.bin")), noise(number, 100_000)).unwrap();
        fs::write(below.join(format!("part-{number}.txt")), format!("{number}\n").repeat(2_000)).unwrap();
    }
    fs::create_dir(folder.join("empty")).unwrap();
    fs::write(folder.join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(folder.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("run.sh", folder.join("start")).unwrap();
    fs::hard_link(folder.join("run.sh"), folder.join("again.sh")).unwrap();
}

/// All below a folder: what each path is, with its content.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            let what = if metadata.is_symlink() {
                fs::read_link(&path).unwrap().to_str().unwrap().as_bytes().to_vec()
            } else if metadata.is_dir() {
                folders.push(path);
                b"folder".to_vec()
            } else {
                let mode = if metadata.permissions().mode() & 0o111 == 0 { "-" } else { "x" };
                [mode.as_bytes(), &fs::read(&path).unwrap()].concat()
            };
            found.insert(name, what);
        }
    }
    found
}

fn report(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_folder_there_and_back() {
    let desk = Desk::admin();
    let home = desk.home.path();
    let (from, to, other) = (home.join("from"), home.join("to"), home.join("other"));
    fs::create_dir(&from).unwrap();
    fill(&from);
    let (from_text, to_text) = (from.display(), to.display());
    let name = format!("{}/acme/site", desk.server.address);
    let first = report(&desk.ok(&format!("push {from_text} {name}:1 --json")));
    assert!(first["layers"].as_u64().unwrap() > 2, "{first}");
    assert_eq!(first["layers"], first["layers_sent"]);
    let fetched = report(&desk.ok(&format!("pull {name}:1 {to_text} --json")));
    assert_eq!(fetched["layers_fetched"], first["layers"]);
    assert!(contents(&from) == contents(&to));

    // The same content elsewhere, by another hand, is the same artifact.
    fs::create_dir(&other).unwrap();
    fill(&other);
    let again = desk.ok(&format!("push {} {name}:2 -q", other.display()));
    assert_eq!(again.trim(), first["digest"].as_str().unwrap());

    // One file changes, one comes, one goes: little travels.
    fs::write(from.join("lib/3/part-3.bin"), noise(999, 100_000)).unwrap();
    fs::write(from.join("lib/new.txt"), "new").unwrap();
    fs::remove_file(from.join("lib/5/part-5.txt")).unwrap();
    let second = report(&desk.ok(&format!("push {from_text} {name}:3 --json")));
    assert!((1..=5).contains(&second["layers_sent"].as_u64().unwrap()), "{second}");
    let fetched = report(&desk.ok(&format!("pull {name}:3 {to_text} --json")));
    assert_eq!(fetched["removed"], 0);
    assert!(to.join("lib/5/part-5.txt").exists(), "nothing goes without --sync");
    assert_eq!(fetched["layers_fetched"], second["layers_sent"]);
    let synced = report(&desk.ok(&format!("pull {name}:3 {to_text} --sync --json")));
    assert_eq!((&synced["removed"], &synced["layers_fetched"]), (&1.into(), &0.into()));
    assert!(contents(&from) == contents(&to));

    // What somebody changed in the folder is fetched once more.
    fs::write(to.join("run.sh"), "#!/bin/false\n").unwrap();
    fs::remove_file(to.join("lib/1/part-1.bin")).unwrap();
    desk.ok(&format!("pull {name}:3 {to_text} -q"));
    assert!(contents(&from) == contents(&to));
}

#[test]
fn credentials_stay_at_home() {
    let desk = Desk::admin();
    let from = desk.home.path().join("from");
    fs::create_dir(&from).unwrap();
    fs::write(
        from.join("settings.xml"),
        "<settings><servers><server><password>s3cret-word</password></server></servers></settings>",
    )
    .unwrap();
    fs::write(from.join("a.txt"), "a").unwrap();
    let name = format!("{}/acme/site:1", desk.server.address);
    let line = format!("push {} {name}", from.display());
    desk.fails(&line, &["settings.xml", "--allow-secrets"]);
    desk.fails(&format!("pull {name} {}/none", desk.home.path().display()), &["has no 1"]);
    desk.ok(&format!("{line} --exclude settings.xml -q"));
    let to = desk.home.path().join("to");
    desk.ok(&format!("pull {name} {} -q", to.display()));
    assert_eq!(contents(&to).keys().collect::<Vec<_>>(), ["a.txt"]);
    desk.ok(&format!("{line} --allow-secrets -q"));
}

#[test]
fn files_with_their_names() {
    let desk = Desk::admin();
    let home = desk.home.path();
    fs::write(home.join("a.json"), "{}").unwrap();
    fs::write(home.join("b.bin"), noise(1, 3_000_000)).unwrap();
    let name = format!("{}/acme/files", desk.server.address);
    let (a, b) = (home.join("a.json"), home.join("b.bin"));
    desk.ok(&format!("push {} {}:application/x.test {name}:1 -a who=kim --expires 24h -q", a.display(), b.display()));
    let manifest = report(&desk.ok(&format!("manifest get {name}:1")));
    let layer =
        |at: usize| (manifest["layers"][at]["mediaType"].clone(), manifest["layers"][at]["annotations"].clone());
    assert_eq!(layer(0).0, "application/json");
    assert_eq!(layer(1).0, "application/x.test");
    assert_eq!(layer(1).1["org.opencontainers.image.title"], "b.bin");
    assert_eq!(manifest["annotations"]["who"], "kim");
    assert!(manifest["annotations"]["vnd.wharf.expires"].is_string());
    let to = home.join("to");
    desk.ok(&format!("pull {name}:1 {} -q", to.display()));
    assert_eq!(fs::read(to.join("b.bin")).unwrap(), noise(1, 3_000_000));
    assert_eq!(fs::read(to.join("a.json")).unwrap(), b"{}");

    // Something that belongs to it.
    desk.ok(&format!("push {} {name} --subject :1 --artifact-type application/x.note -q", a.display()));
    let found = report(&desk.ok(&format!("discover {name}:1 --json"))).to_string();
    assert!(found.contains("application/x.note"), "{found}");
    desk.fails(&format!("digest {name}"), &["latest"]);
}

#[test]
fn what_cannot_be_pushed_or_pulled() {
    let desk = Desk::admin();
    let home = desk.home.path();
    let name = format!("{}/acme/site:1", desk.server.address);
    desk.fails(&format!("push {}/nothing {name}", home.display()), &["nothing"]);
    desk.fails(&format!("pull {name} {}/to", home.display()), &["has no 1"]);
    fs::create_dir(home.join("from")).unwrap();
    desk.fails(&format!("push {0}/from {0}/from {name}", home.display()), &["is a folder"]);
    let digest = format!("sha256:{}", "a".repeat(64));
    desk.fails(&format!("push {0}/from {1}/acme/site@{digest}", home.display(), desk.server.address), &["write a tag"]);
}

/// Cut off again and again, it comes to its end all the same, and what arrived does not travel twice.
#[test]
fn interrupted_and_repeated() {
    let desk = Desk::admin();
    let home = desk.home.path();
    let (from, to) = (home.join("from"), home.join("to"));
    fs::create_dir(&from).unwrap();
    fill(&from);
    let name = format!("{}/acme/site:1", desk.server.address);
    let mut killed = 0;
    for (line, patience) in
        [(format!("push {} {name} -q", from.display()), 5), (format!("pull {name} {} -q", to.display()), 3)]
    {
        for round in 0..8 {
            let mut running = desk.command(&line).spawn().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(patience * (round + 1)));
            running.kill().unwrap();
            killed += usize::from(!running.wait().unwrap().success());
        }
        desk.ok(&line);
    }
    assert!(killed > 0, "some were in the middle of it");
    assert!(contents(&from) == contents(&to));
}

/// Two versions of a file have the same size and time, as all times are normal ones: which of them is there is known all the same.
#[test]
fn versions_are_not_taken_for_each_other() {
    let desk = Desk::admin();
    let home = desk.home.path();
    let (from, to) = (home.join("from"), home.join("to"));
    fs::create_dir(&from).unwrap();
    let name = format!("{}/acme/site", desk.server.address);
    for (tag, content) in [("1", "one"), ("2", "two")] {
        fs::write(from.join("file"), content).unwrap();
        fs::write(from.join(format!("only-{tag}")), "").unwrap();
        desk.ok(&format!("push {} {name}:{tag} -q", from.display()));
        fs::remove_file(from.join(format!("only-{tag}"))).unwrap();
    }
    for (tag, content) in [("1", "one"), ("2", "two"), ("1", "one"), ("2", "two")] {
        desk.ok(&format!("pull {name}:{tag} {} -q", to.display()));
        assert_eq!(fs::read_to_string(to.join("file")).unwrap(), content);
    }
    let synced = report(&desk.ok(&format!("pull {name}:2 {} --sync --json", to.display())));
    assert_eq!(synced["removed"], 1, "what an earlier version brought is remembered");
    assert!(!to.join("only-1").exists() && to.join("only-2").exists());
}

/// By size and time a file may look as it was; `--verify` reads it.
#[test]
fn contents_are_read_where_that_is_asked() {
    let desk = Desk::admin();
    let home = desk.home.path();
    let (from, to) = (home.join("from"), home.join("to"));
    fs::create_dir(&from).unwrap();
    fill(&from);
    let name = format!("{}/acme/site:1", desk.server.address);
    let pushed = desk.ok(&format!("push {} {name} -q", from.display()));
    desk.ok(&format!("pull {name} {} -q", to.display()));
    let path = to.join("lib/1/part-1.bin");
    let time = path.metadata().unwrap().modified().unwrap();
    fs::write(&path, noise(77, 100_000)).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    let pull = |options: &str| report(&desk.ok(&format!("pull {name} {} --json {options}", to.display())));
    assert_eq!(pull("")["layers_fetched"], 0);
    assert_eq!(pull("--verify")["layers_fetched"], 1);
    assert!(contents(&from) == contents(&to));
    assert_eq!(pull("--verify")["layers_fetched"], 0);
    assert_eq!(desk.ok(&format!("push {} {name} -q --verify", from.display())), pushed);
}

/// What came of a large layer before an interruption does not travel again; and where that was wrong, nothing wrong comes of it.
#[test]
fn large_layers_go_on_where_they_broke_off() {
    let desk = Desk::admin();
    let home = desk.home.path();
    let (from, to) = (home.join("from"), home.join("to"));
    fs::create_dir(&from).unwrap();
    fs::write(from.join("large"), noise(1, 70 << 20)).unwrap();
    let name = format!("{}/acme/large", desk.server.address);
    desk.ok(&format!("push {} {name}:1 -q", from.display()));
    let manifest = report(&desk.ok(&format!("manifest get {name}:1")));
    let layer = &manifest["layers"][0];
    let (digest, size) = (layer["digest"].as_str().unwrap(), layer["size"].as_u64().unwrap());
    let bytes = desk.run(&format!("blob get {name}@{digest}"), "").code(0).output.stdout;
    let kept = to.join(".wharf-part-layers");
    let pull_after = |kept_bytes: &[u8]| {
        fs::create_dir_all(&kept).unwrap();
        fs::write(kept.join(digest.trim_start_matches("sha256:")), kept_bytes).unwrap();
        let pulled = report(&desk.ok(&format!("pull {name}:1 {} --force --json", to.display())));
        assert!(contents(&from) == contents(&to), "and nothing is kept any more");
        pulled["bytes_fetched"].as_u64().unwrap()
    };
    assert_eq!(pull_after(&bytes[..50 << 20]), size - (50 << 20));
    assert_eq!(pull_after(&bytes), 0);
    assert_eq!(pull_after(&noise(2, 50 << 20)), size, "what was kept is not what it should be");
    assert_eq!(pull_after(b""), size);
}

/// Of an image too: what is there as an earlier pull left it does not travel, and a later layer counts.
#[test]
fn images_as_they_were_left() {
    let desk = Desk::admin();
    let home = desk.home.path();
    let (to, repository) = (home.join("to"), format!("{}/acme/image", desk.server.address));
    let layer = |name: &str, files: &[(&str, &str)]| {
        let folder = home.join(name);
        fs::create_dir(&folder).unwrap();
        files.iter().for_each(|(file, content)| fs::write(folder.join(file), content).unwrap());
        let tar = home.join(format!("{name}.tar"));
        let mut command = std::process::Command::new("tar");
        let done = command.args(["--mtime=@0", "-C"]).arg(&folder).arg("-cf").arg(&tar).arg(".").status().unwrap();
        assert!(done.success());
        let digest = desk.ok(&format!("blob put {repository} {}", tar.display()));
        let size = tar.metadata().unwrap().len();
        serde_json::json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest.trim(), "size": size})
    };
    let (below, above) = (layer("below", &[("a", "one"), ("b", "b")]), layer("above", &[("a", "two"), (".wh.b", "")]));
    let config = desk.run(&format!("blob put {repository}"), "{}").done();
    let put = |tag: &str, layers: &[&Value]| {
        let config = serde_json::json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.trim(), "size": 2});
        let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers});
        desk.run(&format!("manifest put {repository}:{tag}"), &manifest.to_string()).code(0);
    };
    put("1", &[&below, &above]);
    put("2", &[&above, &below]);
    let pull = |tag: &str| report(&desk.ok(&format!("pull {repository}:{tag} {} --json", to.display())));
    let read = |name: &str| fs::read_to_string(to.join(name)).ok();
    assert_eq!(pull("1")["layers_fetched"], 2);
    let again = pull("1");
    assert_eq!((&again["layers_fetched"], &again["files"]), (&0.into(), &1.into()));
    assert_eq!((read("a").as_deref(), read("b")), (Some("two"), None));
    assert_eq!(pull("2")["layers_fetched"], 2, "the same layers in another order are another image");
    assert_eq!((read("a").as_deref(), read("b").as_deref()), (Some("one"), Some("b")));
    assert_eq!(pull("1")["layers_fetched"], 2);
    assert_eq!(read("a").as_deref(), Some("two"));
    fs::remove_file(to.join("a")).unwrap();
    assert_eq!(pull("1")["layers_fetched"], 2, "all or nothing");
    assert_eq!(read("a").as_deref(), Some("two"));
}

/// `--sync` removes what an earlier pull left, and nothing that somebody has put in its place since.
#[test]
fn what_is_somebody_elses_stays() {
    let desk = Desk::admin();
    let home = desk.home.path();
    let (from, to) = (home.join("from"), home.join("to"));
    let name = format!("{}/acme/site", desk.server.address);
    let push = |tag: &str, files: &[&str]| {
        let _ = fs::remove_dir_all(&from);
        for file in files {
            let path = from.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        desk.ok(&format!("push {} {name}:{tag} -q", from.display()));
    };
    push("1", &["src/main.c", "src/old.c", "docs/read.me", "both"]);
    push("2", &["both", "new"]);
    let pull =
        |tag: &str, options: &str| desk.run(&format!("pull {name}:{tag} {} {options}", to.display()), "").code(0);
    pull("1", "-q");
    fs::remove_dir_all(&to).unwrap();
    fs::create_dir_all(to.join("src")).unwrap();
    fs::write(to.join("src/main.c"), "mine").unwrap();
    let synced = report(&pull("2", "--sync --json").out());
    assert_eq!((&synced["removed"], &synced["kept"]), (&0.into(), &serde_json::json!(["src/main.c"])));
    assert_eq!(fs::read_to_string(to.join("src/main.c")).unwrap(), "mine");

    // What is edited, too, and is told on the terminal; what is as it was left goes, from before the last pull, too.
    pull("1", "-q");
    fs::write(to.join("src/old.c"), "edited").unwrap();
    pull("2", "-q");
    let told = pull("2", "--sync -q").err();
    assert!(told.contains("kept 1 path") && told.contains("src/old.c"), "{told}");
    let all: Vec<String> = contents(&to).into_keys().collect();
    assert_eq!(all, ["both", "new", "src", "src/old.c"]);
    assert_eq!(
        report(&desk.ok(&format!("pull {name}:2 {} --sync --json", to.display())))["kept"],
        serde_json::json!([])
    );
}

/// What is in several layers is there as in the last of them, however large they are and whatever the artifact says it is.
#[test]
fn of_several_layers_the_last_counts() {
    let desk = Desk::admin();
    let home = desk.home.path();
    let repository = format!("{}/acme/layers", desk.server.address);
    let blob = |path: &Path, media_type: &str, title: Option<&str>| {
        let digest = desk.ok(&format!("blob put {repository} {}", path.display()));
        let size = path.metadata().unwrap().len();
        let mut layer = serde_json::json!({"mediaType": media_type, "digest": digest.trim(), "size": size});
        if let Some(title) = title {
            layer["annotations"] = serde_json::json!({"org.opencontainers.image.title": title});
        }
        layer
    };
    let tar = |name: &str, content: &[u8]| {
        let folder = home.join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a"), content).unwrap();
        fs::write(folder.join(name), content).unwrap();
        let tar = home.join(format!("{name}.tar"));
        let mut command = std::process::Command::new("tar");
        let done = command.args(["--mtime=@7", "-C"]).arg(&folder).arg("-cf").arg(&tar).arg(".").status().unwrap();
        assert!(done.success());
        blob(&tar, "application/vnd.oci.image.layer.v1.tar", None)
    };
    let large = noise(1, 6_000_000);
    let (below, above) = (tar("below", &large), tar("above", b"small"));
    let titled = |name: &str| blob(&home.join(name).join(name), "application/x.test", Some("a"));
    let config = desk.run(&format!("blob put {repository}"), "{}").done();
    let put = |tag: &str, artifact_type: &str, layers: &[&Value]| {
        let config =
            serde_json::json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": config.trim(), "size": 2});
        let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": artifact_type, "config": config, "layers": layers});
        desk.run(&format!("manifest put {repository}:{tag}"), &manifest.to_string()).code(0);
    };
    put("plain", "application/x.layers", &[&below, &above]);
    put("claimed", FOLDER, &[&below, &above]);
    put("titled", "application/x.files", &[&titled("below"), &titled("above")]);
    put("turned", FOLDER, &[&above, &below]);
    let small = &b"small"[..];
    for (tag, expect) in [("plain", small), ("claimed", small), ("titled", small), ("turned", &large[..])] {
        let to = home.join(format!("to-{tag}"));
        let pull = || report(&desk.ok(&format!("pull {repository}:{tag} {} --json", to.display())));
        assert_eq!(pull()["layers_fetched"], 2, "{tag}");
        assert!(fs::read(to.join("a")).unwrap() == expect, "{tag}");
        let cat = desk.run(&format!("cat {repository}:{tag}:/a"), "").code(0);
        assert!(cat.output.stdout == expect, "{tag}: the same as is told of it");
        pull();
        assert!(fs::read(to.join("a")).unwrap() == expect, "{tag}");
        // Even if only the lower one has to come again.
        if tag != "titled" {
            assert_eq!(pull()["layers_fetched"], 0, "{tag}");
            fs::remove_file(to.join(if tag == "turned" { "above" } else { "below" })).unwrap();
            pull();
            assert!(fs::read(to.join("a")).unwrap() == expect, "{tag}");
        }
    }
}

/// Files of the same content are one layer under several names, each of which is looked at.
#[test]
fn one_content_has_several_names() {
    let desk = Desk::admin();
    let home = desk.home.path();
    let [a, b, c] = ["a.txt", "b.txt", "c.txt"].map(|name| home.join(name));
    for path in [&a, &b, &c] {
        fs::write(path, "the same").unwrap();
    }
    let name = format!("{}/acme/files", desk.server.address);
    desk.ok(&format!("push {} {} {name}:1 -q", a.display(), b.display()));
    desk.ok(&format!("push {} {} {name}:2 -q", b.display(), c.display()));
    let to = home.join("to");
    let pull = |tag: &str, options: &str| {
        report(&desk.ok(&format!("pull {name}:{tag} {} --json {options}", to.display())))["layers_fetched"].clone()
    };
    assert_eq!(pull("1", ""), 2);
    assert_eq!(pull("1", "--sync"), 0);
    fs::remove_file(to.join("a.txt")).unwrap();
    assert_eq!(pull("1", "--sync"), 1);
    assert_eq!(pull("2", "--sync"), 1);
    assert_eq!(contents(&to).into_keys().collect::<Vec<_>>(), ["b.txt", "c.txt"]);
}
