//! Registries that do not take everything: what `copy`, `push` and `attach` do about it, known beforehand or not, and `probe`.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use wharf_model::media::{OCI_INDEX, OCI_MANIFEST};
use wharf_testkit::distribution::Distribution;
use wharf_testkit::faulty::{Faults, Faulty, Scar};
use wharf_testkit::fixture::{Artifact, descriptor};
use wharf_testkit::http::Client;

use super::Desk;

/// What an image's layers are.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// One of everything, by the tag under which it is there.
struct Stock {
    source: Faulty,
    all: Vec<(&'static str, Artifact)>,
}

fn index(children: &[(&Artifact, &str)]) -> Artifact {
    let child = |(child, architecture): &(&Artifact, &str)| {
        let mut named = descriptor(&child.media_type, &child.manifest);
        named["platform"] = json!({ "os": "linux", "architecture": architecture });
        named
    };
    let children: Vec<Value> = children.iter().map(child).collect();
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children });
    Artifact::of(OCI_INDEX, &index, Vec::new())
}

fn helm() -> Artifact {
    let (config, chart) = (b"{\"name\":\"chart\"}".to_vec(), b"a chart".to_vec());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.cncf.helm.config.v1+json", &config),
        "layers": [descriptor(LAYER, &chart)],
    });
    Artifact::of(OCI_MANIFEST, &manifest, vec![config, chart])
}

impl Stock {
    fn new() -> Stock {
        let source = Faulty::start(Faults::default());
        let client = Client { address: source.address, authorization: None };
        let (one, two) = (Artifact::small(1), Artifact::small(2));
        let only = index(&[(&one, "amd64")]);
        let (several, mixed) =
            (index(&[(&one, "amd64"), (&two, "arm64")]), index(&[(&one, "amd64"), (&only, "amd64")]));
        let empty = Artifact::image(b"{}", &[]);
        let all = vec![
            ("image", one),
            ("second", two),
            ("index", only),
            ("several", several),
            ("mixed", mixed),
            ("empty", empty),
            ("custom", helm()),
        ];
        all.iter().for_each(|(tag, one)| one.push(&client, "acme/app", tag));
        Stock { source, all }
    }

    fn get(&self, tag: &str) -> &Artifact {
        &self.all.iter().find(|(name, _)| *name == tag).expect("it is in stock").1
    }

    fn copy(&self, tag: &str, target: &Faulty) -> String {
        format!("copy {}/acme/app:{tag} {}/acme/app:{tag}", self.source.address, target.address)
    }
}

/// What of the stock a registry with such a scar refuses, and in which words.
fn refused(scar: Scar) -> (&'static [&'static str], &'static str) {
    match scar {
        Scar::NoIndex => (&["index", "several", "mixed"], "indexes are not supported"),
        Scar::NoUntagged => (&[], ""),
        Scar::NoMixedIndex => (&["mixed"], "an index has images in it"),
        Scar::NoEmptyLayers => (&["empty"], "an image has layers"),
        Scar::NoMultiArch => (&["several"], "one platform is enough"),
        Scar::NoCustomTypes => (&["custom"], "this media type is not allowed"),
    }
}

/// The name of what a probe of it finds missing.
fn missing(scar: Scar) -> &'static str {
    match scar {
        Scar::NoIndex => "index",
        Scar::NoUntagged => "untaggedPush",
        Scar::NoMixedIndex => "mixedIndex",
        Scar::NoEmptyLayers => "emptyLayers",
        Scar::NoMultiArch => "multiArch",
        Scar::NoCustomTypes => "customTypes",
    }
}

fn forget(target: &Faulty) {
    let mut state = target.state();
    state.blobs.clear();
    state.manifests.clear();
    state.asked.clear();
}

/// Whether anything was sent there.
fn was_written(target: &Faulty) -> bool {
    let state = target.state();
    state.asked.iter().any(|asked| !matches!(&*asked.method, "GET" | "HEAD"))
}

/// What arrives has its digest; what cannot arrive is told, by the registry where nothing was known, else before anything is
/// sent.
#[test]
fn each_scar_with_everything() {
    let (desk, stock) = (Desk::new(), Stock::new());
    for scar in Scar::ALL {
        let target = Faulty::start(Faults::scar(scar));
        let at = target.address;
        let (refused, words) = refused(scar);
        let arrives = |tag: &str| {
            let digest = stock.get(tag).digest().to_string();
            assert_eq!(desk.ok(&stock.copy(tag, &target)), format!("{digest}\n"), "{scar:?}");
            assert_eq!(target.state().manifests[tag].1, stock.get(tag).manifest, "{scar:?} {tag}");
        };
        for (tag, _) in &stock.all {
            if refused.contains(tag) {
                let hint = format!("hint: `wharf probe {at}`");
                desk.fails(&stock.copy(tag, &target), &["does not take sha256:", words, &hint]);
            } else {
                arrives(tag);
            }
        }
        let found = desk.json(&format!("probe {at}/acme/try"));
        assert_eq!(found["abilities"][missing(scar)], json!(false), "{scar:?}: {found}");

        forget(&target);
        for (tag, one) in stock.all.iter().filter(|(tag, _)| refused.contains(tag)) {
            let parts =
                [&*format!("{at}/acme/app does not take this, and nothing was sent"), &one.digest().to_string()];
            desk.fails(&stock.copy(tag, &target), &parts);
            desk.fails(&format!("{} --dry-run", stock.copy(tag, &target)), &parts);
        }
        assert!(!was_written(&target), "{scar:?}");
        stock.all.iter().filter(|(tag, _)| !refused.contains(tag)).for_each(|(tag, _)| arrives(tag));
    }
}

/// Without a tag of their own, the children of an index would not be taken: that is found out by the way, or known.
#[test]
fn what_is_taken_only_with_a_tag_gets_one() {
    let (desk, stock) = (Desk::new(), Stock::new());
    let target = Faulty::start(Faults::scar(Scar::NoUntagged));
    let (at, from) = (target.address, stock.source.address);
    let own = |tag: &str| format!("{}.wharf", stock.get(tag).digest().referrers_tag());
    let refusals = || {
        let puts = target.asked("PUT");
        puts.iter().filter(|asked| asked.target.contains("/manifests/sha256:")).count()
    };
    desk.ok(&stock.copy("several", &target));
    let mut tags = vec![own("image"), own("second"), "several".to_owned()];
    tags.sort();
    assert_eq!(target.tags(), tags);
    assert!((1..=2).contains(&refusals()), "what one child has taught needs not be learnt by the next");
    assert!(desk.ok(&format!("ls {at}/acme/app")).contains("several"));
    // They are nobody's tags: a copy of all tags leaves them out.
    desk.ok(&format!("copy {at}/acme/app oci:{}/all --all-tags", desk.home.path().display()));
    assert_eq!(desk.ok(&format!("ls oci:{}/all", desk.home.path().display())), "several\n");

    desk.ok(&format!("probe {at}"));
    forget(&target);
    desk.ok(&stock.copy("several", &target));
    assert_eq!((target.tags(), refusals()), (tags, 0));
    let one = stock.get("image");
    desk.ok(&format!("copy {from}/acme/app:image {at}/acme/other@{}", one.digest()));
    fs::write(desk.home.path().join("a.spdx.json"), "{}").unwrap();
    let sbom = format!("{}/a.spdx.json", desk.home.path().display());
    desk.ok(&format!("attach {at}/acme/app:several {sbom} --artifact-type application/spdx+json -q"));
    let listed = desk.json(&format!("discover {at}/acme/app:several"));
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(refusals(), 0);
}

/// What is made here is looked at before it is packed and sent, too; what refers to something is told apart.
#[test]
fn push_attach_and_referrers() {
    let (desk, stock) = (Desk::new(), Stock::new());
    let home = desk.home.path();
    fs::create_dir(home.join("site")).unwrap();
    fs::write(home.join("site/a.txt"), "a").unwrap();
    let (folder, file) = (format!("{}/site", home.display()), format!("{}/site/a.txt", home.display()));
    for scar in Scar::ALL {
        let target = Faulty::start(Faults::scar(scar));
        desk.ok(&format!("push {folder} {}/acme/site:1 -q", target.address));
    }

    let target = Faulty::start(Faults { no_referrers: true, ..Faults::scar(Scar::NoCustomTypes) });
    let at = target.address;
    let pushed = format!("push {file} {at}/acme/file:1 -q");
    desk.fails(&pushed, &["content of the type text/plain", "this media type is not allowed", "hint: `wharf probe"]);
    desk.ok(&format!("probe {at}"));
    forget(&target);
    desk.fails(&pushed, &["nothing was sent: it has content of the type text/plain", "hint: `wharf probe"]);
    assert!(!was_written(&target));
    desk.ok(&format!("push {folder} {at}/acme/site:1 -q"));

    // Something that refers to the image needs what the registry lacks: without it, the image goes.
    let image = stock.get("image");
    let client = Client { address: stock.source.address, authorization: None };
    let sbom = Artifact::of(
        OCI_MANIFEST,
        &json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(LAYER, b"{}"),
            "layers": [descriptor("application/spdx+json", b"{}")],
            "subject": descriptor(&image.media_type, &image.manifest),
        }),
        vec![b"{}".to_vec()],
    );
    sbom.push(&client, "acme/app", "sbom");
    let copy = stock.copy("image", &target);
    desk.fails(&copy, &[&sbom.digest().to_string(), "application/spdx+json", "hint: --no-referrers leaves out"]);
    desk.ok(&format!("{copy} --no-referrers"));

    // Neither a list of referrers, nor an index for one.
    let target = Faulty::start(Faults { no_referrers: true, ..Faults::scar(Scar::NoIndex) });
    let at = target.address;
    desk.ok(&format!("copy {}/acme/app:second {at}/acme/app:second", stock.source.address));
    desk.ok(&format!("probe {at}"));
    let attach = format!("attach {at}/acme/app:second {file} --artifact-type a/b -q");
    desk.fails(&attach, &["nothing was sent: it refers to something"]);
    let single = "--platform OS/ARCH --single";
    desk.fails(&stock.copy("several", &target), &["is an index for linux/amd64, linux/arm64", single]);
    desk.ok(&format!("{} --platform linux/arm64 --single", stock.copy("several", &target)));
}

fn kept(desk: &Desk) -> PathBuf {
    let folder = desk.home.path().join(".cache/wharf/registries");
    let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.into_iter().next().unwrap()
}

#[test]
fn what_a_probe_finds_is_told_and_remembered() {
    let (desk, stock) = (Desk::new(), Stock::new());
    let target = Faulty::start(Faults { by_repository: true, no_delete: true, ..Faults::scar(Scar::NoIndex) });
    let at = target.address;
    let ended = desk.run(&format!("probe {at}/a/b"), "").code(0);
    let (out, said) = (ended.out(), ended.err());
    assert!(said.contains("repositories a/b and a/b-mount") && said.contains("taken away again"), "{said}");
    let line = |name: &str| out.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {out}"));
    assert!(line("index ").contains("no") && line("index ").contains("before anything is sent"));
    assert!(line("mount ").contains("yes") && line("delete ").contains("no") && line("range ").contains("yes"));

    let file = kept(&desk);
    let text = fs::read_to_string(&file).unwrap();
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&told["version"], &told["abilities"]["index"]), (&json!(1), &json!(false)));
    assert!(told["foundAt"].as_u64().is_some_and(|at| at > 1_700_000_000));
    target.state().asked.clear();
    desk.fails(&stock.copy("index", &target), &["nothing was sent"]);
    // What is broken is passed over, and written anew.
    fs::write(&file, &text[..text.len() / 2]).unwrap();
    desk.fails(&stock.copy("index", &target), &["indexes are not supported"]);
    desk.ok(&format!("probe {at}/a/b"));
    desk.fails(&stock.copy("index", &target), &["nothing was sent"]);
    // What has changed is found out anew.
    target.state().faults.no_index = false;
    desk.ok(&format!("probe {at}/a/b"));
    desk.ok(&stock.copy("index", &target));
}

#[test]
fn who_may_not_push_is_told() {
    let desk = Desk::new();
    let target = Faulty::start(Faults { read_only: true, ..Faults::default() });
    let fails = |at: &str, parts: &[&str]| {
        let ended = desk.run(&format!("probe {at}"), "").code(2);
        let said = ended.err();
        assert!(ended.out().is_empty() && parts.iter().all(|part| said.contains(part)), "{parts:?}: {said}");
    };
    let (at, own) = (target.address.to_string(), desk.server.address.to_string());
    let (what, instead) =
        (format!("nothing can be pushed to {at}/wharf/probe"), format!("wharf probe {at}/REPOSITORY"));
    fails(&at, &[&what, &instead]);
    fails("127.0.0.1:1", &["127.0.0.1:1 cannot be reached", "hint: does a registry run there?"]);
    fails(&own, &["nothing can be pushed", "hint: log in first: wharf login"]);
    desk.run("probe registry.example.com/acme/app:1.0", "").code(2);
}

/// Our own takes everything, and nothing is left there.
#[test]
fn our_own() {
    let desk = Desk::admin();
    let (stock, at) = (Stock::new(), desk.server.address);
    let found = desk.json(&format!("probe {at}"));
    let abilities = found["abilities"].as_object().unwrap();
    assert!(abilities.len() == 12 && abilities.values().all(|found| *found == json!(true)), "{found}");
    assert_eq!(desk.ok(&format!("ls {at}/wharf/probe")), "");
    for (tag, one) in &stock.all {
        let line = format!("copy {}/acme/app:{tag} {at}/acme/app:{tag}", stock.source.address);
        assert_eq!(desk.ok(&line), format!("{}\n", one.digest()));
    }
}

/// One that others run, without the list of referrers: they are under a tag.
#[test]
fn docker_registry() {
    let (desk, stock, target) = (Desk::new(), Stock::new(), Distribution::start());
    let (at, from) = (target.address, stock.source.address);
    let found = desk.json(&format!("probe {at}"));
    let no: Vec<&String> = found["abilities"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, found)| **found != json!(true))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(no, ["deleteTag", "referrers"], "{found}");
    for (tag, one) in &stock.all {
        assert_eq!(desk.ok(&format!("copy {from}/acme/app:{tag} {at}/acme/app:{tag}")), format!("{}\n", one.digest()));
    }
    fs::write(desk.home.path().join("a.spdx.json"), "{}").unwrap();
    let sbom = format!("{}/a.spdx.json", desk.home.path().display());
    let attached = desk.ok(&format!("attach {at}/acme/app:several {sbom} --artifact-type application/spdx+json -q"));
    let tags = desk.ok(&format!("ls {at}/acme/app"));
    assert!(tags.contains(&stock.get("several").digest().referrers_tag()), "{tags}");
    // And back to one that has the list.
    desk.ok(&format!("copy {at}/acme/app:several {from}/acme/back:back"));
    let listed = desk.json(&format!("discover {from}/acme/back:back"));
    assert_eq!(listed["items"][0]["digest"], json!(attached.trim()));
    assert!(stock.source.tags().iter().all(|tag| !tag.starts_with("sha256-")), "{:?}", stock.source.tags());
}
