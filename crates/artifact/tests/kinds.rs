//! Every kind that comes with Wharf, on manifests in the layout that its tool writes (`kinds/<id>.json`, which say where that was
//! read), and on hostile ones. What is true of one kind's file is true of the table: each example is of its kind and of no other
//! that is asked before.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::value::RawValue;
use wharf_artifact::facts;
use wharf_artifact::kind::command::Place;
use wharf_artifact::kind::decide::{Artifact, Child, Config, Decided, Verdict, first_child};
use wharf_artifact::kind::{Kind, Kinds};
use wharf_model::api::facts::Facts;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::manifest::Manifest;
use wharf_model::name::{RepositoryName, Tag};
use wharf_testkit::fuzz::{BRIEFLY, Feed};

/// An example of a kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    /// Where the layout was read.
    read: String,
    tag: Option<Tag>,
    #[serde(default)]
    files: Vec<String>,
    child: Option<String>,
    named_by: Option<Descriptor>,
    config: Option<Box<RawValue>>,
    /// The manifest, byte for byte.
    manifest: Box<RawValue>,
}

impl Example {
    fn decide<'k>(&self, kinds: &'k Kinds) -> Decided<'k> {
        let manifest = Manifest::parse(self.manifest.get().as_bytes(), None).expect("a manifest");
        let config = self.config.as_ref().map_or(Config::none(), |config| Config::read(config.get().as_bytes()));
        let child = self.child.as_deref().map_or(Child::None, Child::Is);
        let mut artifact = Artifact::new(&manifest);
        artifact =
            Artifact { tag: self.tag.as_ref(), named_by: self.named_by.as_ref(), files: &self.files, ..artifact };
        // What nobody asked for was not needed.
        for _ in 0..3 {
            match kinds.decide(&artifact) {
                Verdict::Is(decided) => return decided,
                Verdict::NeedsConfig => artifact.config = config.clone(),
                Verdict::NeedsChild => artifact.child = child,
            }
        }
        panic!("it asks for more than there is")
    }
}

fn examples() -> Vec<(String, Example)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/kinds");
    let mut paths: Vec<_> = fs::read_dir(folder).expect("examples").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("text");
        (name.clone(), serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn every_kind_has_an_example_that_is_of_no_other() {
    let mut seen = BTreeSet::new();
    for (name, example) in examples() {
        let expect = name.split('.').next().expect("a kind");
        let decided = example.decide(Kinds::built_in());
        assert_eq!(decided.kind.id, expect, "{name}: {decided}");
        assert!(!example.read.is_empty());
        seen.insert(expect.to_owned());
    }
    for kind in Kinds::built_in().iter() {
        // One without rules can only be named by people; the last one is what is left.
        let is_asked = !kind.any.is_empty() || kind.id == "unknown";
        assert_eq!(
            seen.contains(&kind.id),
            is_asked,
            "{}: an example for each that is asked, and for no other",
            kind.id
        );
    }
}

/// A group that no example needs is one that nobody has seen.
#[test]
fn a_kind_decides_by_itself_too() {
    for (name, example) in examples() {
        let decided = example.decide(Kinds::built_in());
        let alone = Kinds::with_own(vec![decided.kind.clone()]).expect("kinds");
        assert_eq!(example.decide(&alone).kind.id, decided.kind.id, "{name}: asked first it is the same");
    }
}

#[test]
fn every_command_can_be_filled_in() {
    let repository: RepositoryName = "acme/charts/app".parse().expect("a name");
    let (tag, digest): (Tag, _) = ("1.0.0".parse().expect("a tag"), Digest::of(Algorithm::Sha256, b"x"));
    let place = Place {
        host: "registry.example.com:5000",
        repository: &repository,
        tag: Some(&tag),
        digest: Some(&digest),
        subject: Some(&digest),
    };
    for kind in Kinds::built_in().iter() {
        for command in &kind.commands {
            let text = command.render(&place).unwrap_or_else(|| panic!("{}: {}", kind.id, command.run.as_str())).text;
            let names_it = ["registry.example.com:5000", "brew pr-upload", "mvn deploy"];
            assert!(names_it.iter().any(|one| text.contains(one)), "{}: {text}", kind.id);
        }
    }
}

// --- hostile ones

fn decide(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse(bytes, None) else { return };
    let mut artifact = Artifact::new(&manifest);
    for (config, child) in [(Config::Unread, Child::Unread), (Config::read(bytes), Child::Is("image"))] {
        artifact.config = config;
        artifact.child = child;
        if let Verdict::Is(decided) = Kinds::built_in().decide(&artifact) {
            let mut told = Facts::default();
            facts::add(&mut told, decided.kind, &manifest, Some(bytes));
            let shown = format!("{:?} {decided}", told.title);
            assert!(!shown.contains('\u{202e}') && !shown.contains('\u{1b}'), "{shown:?}");
        }
    }
    first_child(&manifest);
}

#[test]
fn hostile_manifests() {
    let digest = Digest::of(Algorithm::Sha256, b"x");
    let script = "<script>alert(1)</script>\\u202e\\u001b[31m\\\"'$(touch x)`id`";
    let long = "a".repeat(1 << 20);
    let layer =
        format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":1,"annotations":{{"{script}":"{script}"}}}}"#);
    let layers = vec![layer.as_str(); 9_000].join(",");
    let config =
        format!(r#""config":{{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"{digest}","size":1}}"#);
    for fields in [
        format!(
            r#""artifactType":"<script>","layers":[{layer}],"annotations":{{"org.opencontainers.image.title":"{script}"}}"#
        ),
        format!(r#"{config},"layers":[{layers}]"#),
        format!(
            r#"{config},"layers":[],"annotations":{{"org.opencontainers.image.title":"{long}","{long}":"{script}"}}"#
        ),
        format!(r#"{config},"layers":[],"annotations":{{"org.kcllang.package.name":"{script}"}}"#),
        format!(r#""manifests":[{layers}]"#),
        format!(r#"{config},"layers":[],"name":{{"a":[1,2,{{}}]}},"version":1e999,"keywords":"{script}""#),
    ] {
        decide(format!(r#"{{"schemaVersion":2,{fields}}}"#).as_bytes());
    }
}

fn feed(target: &str, words: &[&str]) -> Feed {
    Feed::new(format!("{}/tests/__fuzz__/{target}", env!("CARGO_MANIFEST_DIR")), words)
}

#[test]
fn fuzz_matcher() {
    let words = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\"schemaVersion\":2",
        "\"config\":",
        "\"layers\":[",
        "\"manifests\":[",
        "\"annotations\":{",
        "\"artifactType\":\"",
        "\"subject\":",
        "application/vnd.cncf.helm.config.v1+json",
        "application/vnd.oci.image.config.v1+json",
        "org.opencontainers.image.title",
        "vnd.docker.reference.type",
        "\"Labels\":{\"containers.bootc\":\"1\"}",
        "null",
        "\\u202e",
        "-1",
    ];
    let feed = feed("kind_matcher", &words);
    bolero::check!(name = "kind_matcher").with_test_time(BRIEFLY).with_max_len(8192).for_each(|input: &[u8]| {
        feed.each(input, decide);
    });
}

#[test]
fn fuzz_loader() {
    let words = [
        "id = \"a\"\n",
        "title = \"b\"\n",
        "category = \"data\"\n",
        "[[any]]\n",
        "all = [",
        "{ field = \"",
        "config",
        "label",
        "\", eq = \"x\" }",
        "key = \"a*\"",
        "glob = \"**\"",
        "]\n",
        "[[command]]\n",
        "does = \"pull\"\n",
        "client = \"x\"\n",
        "run = \"x {ref}\"\n",
        "form = \"file\"\n",
        "[[fact]]\n",
        "name = \"a\"\n",
        "config = \"/a\"\n",
        "[verified]\n",
        "how = \"source\"\n",
        "'''",
        "{{",
        "}}",
        "=",
        "\n",
        "#",
    ];
    let feed = feed("kind_loader", &words);
    bolero::check!(name = "kind_loader").with_test_time(BRIEFLY).with_max_len(8192).for_each(|input: &[u8]| {
        feed.each_text(input, check_loader);
    });
}

/// What loads can be asked, and a mistake has a line that there is.
fn check_loader(text: &str) {
    match Kind::parse("x.toml", text) {
        Err(error) => {
            assert!(!error.problem.is_empty());
            assert!(error.line.is_none_or(|line| line >= 1 && line <= text.lines().count() + 1), "{error}: {text:?}");
        }
        Ok(kind) => {
            assert!(!kind.id.is_empty() && !kind.title.is_empty());
            let manifest = Manifest::parse(br#"{"schemaVersion":2,"layers":[]}"#, None).expect("a manifest");
            let kinds = Kinds::with_own(vec![kind]).expect("one kind");
            let _ = kinds.decide(&Artifact::new(&manifest));
        }
    }
}
