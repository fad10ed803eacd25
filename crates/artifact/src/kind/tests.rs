//! Kinds: how they are read, which one decides, and how commands are filled in.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;
use wharf_model::name::{RepositoryName, Tag};

use super::command::{Form, Place, Template, quoted};
use super::decide::{Artifact, Child, Config, Verdict};
use super::folder::{InForce, Refreshed};
use super::*;

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
const SMALL: &str = "id = \"acme\"\ntitle = \"Acme\"\ncategory = \"data\"\n";

fn refused(text: &str) -> String {
    Kind::parse("acme.toml", text).expect_err(text).to_string()
}

fn manifest(fields: &str) -> Manifest {
    Manifest::parse(format!(r#"{{"schemaVersion":2,{fields}}}"#).as_bytes(), None).expect("a manifest")
}

fn config(media_type: &str) -> String {
    format!(r#""config":{{"mediaType":"{media_type}","digest":"{DIGEST}","size":2}}"#)
}

#[test]
fn the_built_in_kinds_load() {
    for (file, text) in built_in::KINDS {
        let kind = Kind::parse(file, text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(format!("{}.toml", kind.id), *file, "a file is called as its kind");
        assert!(!kind.verified.at.is_empty() && !kind.verified.read.is_empty(), "{file}: say how it was verified");
        assert_ne!(kind.verified.how, How::Operator, "{file}");
        assert!(!kind.commands.is_empty(), "{file}: say how to get it");
        let doubts = kind.verified.how == How::Unverified || kind.commands.iter().any(|command| !command.is_verified);
        assert!(!doubts || !kind.verified.doubtful.is_empty(), "{file}: say what is doubtful");
        if let Some(of) = &kind.variant_of {
            assert!(Kinds::built_in().get(of).is_some(), "{file}: there is no {of}");
        }
    }
    assert_eq!(Kinds::built_in().iter().count(), built_in::KINDS.len(), "each has an identifier of its own");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/kinds");
    let files = std::fs::read_dir(folder).expect("the folder").count();
    assert_eq!(files, built_in::KINDS.len(), "a file of {folder} is not in the table");
    assert!(Kinds::built_in().iter().last().is_some_and(|kind| kind.any.is_empty()), "the last one is for everything");
}

#[test]
fn mistakes_are_told_with_their_line() {
    let check = |more: &str, line: usize, parts: &[&str]| {
        let said = refused(&format!("{SMALL}{more}"));
        let place = if line == 0 { "acme.toml: ".to_owned() } else { format!("acme.toml:{line}: ") };
        assert!(said.starts_with(&place), "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    };
    assert!(refused("title = \"Acme\"\n").contains("id"));
    assert!(refused("id = \"Acme\"\ntitle = \"x\"\ncategory = \"data\"\n").starts_with("acme.toml:1: an identifier"));
    assert!(refused("id = \"acme\"\ntitle = \"x\"\ncategory = \"thing\"\n").starts_with("acme.toml:3: "));
    check("colour = 1\n", 4, &["colour"]);
    check("x = [\n", 4, &[]);
    let any = |rules: &str| format!("[[any]]\nall = [{rules}]\n");
    check(&any(""), 5, &["1 to"]);
    check(&any(r#"{ field = "config" }"#), 5, &["exactly one of"]);
    check(&any(r#"{ field = "config", eq = "a", prefix = "b" }"#), 5, &["exactly one of"]);
    check(&any(r#"{ field = "config", exists = false }"#), 5, &["exactly one of"]);
    check(&any(r#"{ field = "config", key = "a", eq = "b" }"#), 5, &["no key"]);
    check(&any(r#"{ field = "label", eq = "b" }"#), 5, &["key ="]);
    check(&any(r#"{ field = "colour", eq = "b" }"#), 5, &["colour"]);
    check(&any(r#"{ field = "tag", eq = "b" }"#), 5, &["a tag alone"]);
    let command = |run: &str| format!("[[command]]\ndoes = \"pull\"\nclient = \"x\"\nrun = {run:?}\n");
    check(&command("x {reff}"), 7, &["{reff}", "{ref}"]);
    check(&command("x {ref"), 7, &["}"]);
    check(&command("x ref}"), 7, &["}}"]);
    check(&command("x '{ref}'"), 7, &["quotes"]);
    check(&command("x\ny"), 7, &["one line"]);
    check("[[fact]]\nname = \"a\"\nconfig = \"b\"\n", 4, &["JSON pointer"]);
    check("[[fact]]\nname = \"a\"\n", 4, &["exactly one place"]);
    check("[[fact]]\nname = \"A\"\nconfig = \"/b\"\n", 4, &["small letters"]);
    check(&format!("#{}\n", "x".repeat(70_000)), 0, &["at most"]);
    check(&any(r#"{ field = "config", eq = "a" }"#).repeat(33), 0, &["any"]);
}

#[test]
fn a_kind_of_an_operators_own_comes_first_and_replaces() {
    let rule = "[[any]]\nall = [{ field = \"config\", eq = \"application/vnd.cncf.helm.config.v1+json\" }]\n";
    let own = Kind::parse("acme.toml", &format!("{SMALL}{rule}")).expect("a kind");
    let chart = manifest(&format!("{},\"layers\":[]", config("application/vnd.cncf.helm.config.v1+json")));
    let decide = |kinds: &Kinds| match kinds.decide(&Artifact::new(&chart)) {
        Verdict::Is(decided) => (decided.kind.id.clone(), decided.to_string()),
        other => panic!("{other:?}"),
    };
    let (id, why) = decide(Kinds::built_in());
    assert_eq!(id, "helm-chart");
    assert!(why.starts_with("config is application/vnd.cncf.helm.config.v1+json (helm-chart.toml:"), "{why}");
    let kinds = Kinds::with_own(vec![own.clone()]).expect("kinds");
    assert_eq!(decide(&kinds).0, "acme");
    assert_eq!(kinds.iter().count(), built_in::KINDS.len() + 1);
    let replacing = Kind { id: "helm-chart".to_owned(), ..own.clone() };
    assert_eq!(Kinds::with_own(vec![replacing]).expect("kinds").iter().count(), built_in::KINDS.len());
    let twice = Kinds::with_own(vec![own.clone(), own]).expect_err("twice");
    assert!(twice.to_string().contains("already"), "{twice}");
}

#[test]
fn labels_are_asked_for_where_they_count() {
    let image = manifest(&format!("{},\"layers\":[]", config("application/vnd.oci.image.config.v1+json")));
    let mut artifact = Artifact::new(&image);
    let decide = |artifact: &Artifact<'_>| match Kinds::built_in().decide(artifact) {
        Verdict::Is(decided) => Some(decided.kind.id.clone()),
        Verdict::NeedsConfig => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(decide(&artifact), None);
    artifact.config = Config::read(br#"{"config":{"Labels":{"containers.bootc":"1"}}}"#);
    assert_eq!(decide(&artifact).as_deref(), Some("bootc-image"));
    for nothing in [&b"{"[..], b"[]", br#"{"config":{"Labels":[1]}}"#, br#"{"config":null}"#, b"\xff", b""] {
        artifact.config = Config::read(nothing);
        assert_eq!(decide(&artifact).as_deref(), Some("image"), "{nothing:?}");
    }
    artifact.config = Config::none();
    let files = ["disk/debian.qcow2".to_owned()];
    artifact.files = &files;
    assert_eq!(decide(&artifact).as_deref(), Some("containerdisk"));
}

#[test]
fn an_index_is_what_is_in_it() {
    let one = |kind: &str, more: &str| format!(r#"{{"mediaType":"{kind}","digest":"{DIGEST}","size":2{more}}}"#);
    let attestation = r#","annotations":{"vnd.docker.reference.type":"attestation-manifest"}"#;
    let oci = wharf_model::media::OCI_MANIFEST;
    let index = manifest(&format!(r#""manifests":[{},{}]"#, one(oci, attestation), one(oci, "")));
    assert_eq!(super::decide::first_child(&index), Some(&index.manifests[1]));
    let decide = |child| match Kinds::built_in().decide(&Artifact { child, ..Artifact::new(&index) }) {
        Verdict::Is(decided) => decided.kind.id.clone(),
        Verdict::NeedsChild => "?".to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(decide(Child::Unread), "?");
    for plain in [Child::None, Child::Is("image"), Child::Is("estargz-image"), Child::Is("unknown"), Child::Is("gone")]
    {
        assert_eq!(decide(plain), "image-index");
    }
    assert_eq!(decide(Child::Is("falco-plugin")), "falco-plugin");
    let empty = manifest(r#""manifests":[]"#);
    assert!(matches!(Kinds::built_in().decide(&Artifact::new(&empty)), Verdict::Is(_)), "nothing to wait for");
}

#[test]
fn commands_are_filled_in_or_left_out() {
    let repository: RepositoryName = "acme/charts/app".parse().expect("a name");
    let (tag, digest): (Tag, Digest) = ("1.0_a".parse().expect("a tag"), DIGEST.parse().expect("a digest"));
    let host = "registry.example.com:5000";
    let place = Place { host, repository: &repository, tag: Some(&tag), digest: Some(&digest), subject: None };
    let check = |text: &str, place: &Place<'_>, expect: Option<&str>| {
        let form = if text.contains('\n') { Form::File } else { Form::Shell };
        let run = Template::parse(text, form).expect(text);
        let command = Command { does: Does::Pull, client: "x".to_owned(), form, run, is_verified: true };
        assert_eq!(command.render(place).map(|rendered| rendered.text).as_deref(), expect, "{text}");
    };
    check("x {ref}", &place, Some("x registry.example.com:5000/acme/charts/app:1.0_a"));
    check("x {above} {name} {version}", &place, Some("x registry.example.com:5000/acme/charts app 1.0+a"));
    check("x {registry}/{repository}", &place, Some("x registry.example.com:5000/acme/charts/app"));
    check("x '{{a}}' {tag}", &place, Some("x '{a}' 1.0_a"));
    check("x {subject}", &place, None);
    let pinned = format!("x registry.example.com:5000/acme/charts/app@{DIGEST}");
    check("x {pinned}", &place, Some(&pinned));
    let untagged = Place { tag: None, subject: Some(&digest), ..place };
    check("x {ref}", &untagged, Some(&pinned));
    check("x {subject}", &untagged, Some(&pinned));
    check("x {tag}", &untagged, None);
    let run = Template::parse("x {ref}", Form::Shell).expect("a template");
    let push = Command { does: Does::Push, client: "x".to_owned(), form: Form::Shell, run, is_verified: true };
    let pushed = push.render(&untagged).map(|rendered| rendered.text);
    assert_eq!(pushed.as_deref(), Some("x registry.example.com:5000/acme/charts/app:TAG"), "nobody pushes to a digest");
    let single: RepositoryName = "app".parse().expect("a name");
    check("x {above} {name}", &Place { repository: &single, ..place }, Some("x registry.example.com:5000 app"));
    let six = Place { host: "[::1]:5000", ..place };
    check("x oci://{registry}/{name}", &six, Some("x oci://'[::1]:5000'/app"));
    check("x:\n  {registry}\n", &six, Some("x:\n  [::1]:5000\n"));
    let evil = Place { host: "$(touch x)';`id`", ..place };
    check("x {registry}", &evil, Some(r"x '$(touch x)'\'';`id`'"));
    check("x:\n  {registry}\n", &evil, None);
    assert_eq!(quoted(""), "''");
}

/// What a shell makes of the words is what was meant.
#[test]
fn a_shell_reads_what_was_quoted() {
    for text in ["a b", "$HOME", "`id`", "it's", "\"", "*", "a\\b", "-n", "", "!x", "#", "~", "ä"] {
        let said = std::process::Command::new("sh").args(["-c", &format!("printf %s {}", quoted(text))]).output();
        if let Ok(said) = said {
            assert_eq!(String::from_utf8_lossy(&said.stdout), text);
        }
    }
}

#[test]
fn a_folder_is_read_again_and_a_mistake_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("acme.toml");
    let in_force = InForce::new(Some(folder.path().to_owned()));
    assert_eq!(in_force.open(), Ok(0));
    assert_eq!(in_force.refresh(), Refreshed::Same);
    std::fs::write(&path, SMALL).expect("a file");
    std::fs::write(folder.path().join("README"), "no kind").expect("a file");
    assert_eq!(in_force.refresh(), Refreshed::Read(1));
    assert!(in_force.kinds().get("acme").is_some());
    std::fs::write(&path, "id = 1\n").expect("a file");
    let Refreshed::Wrong(error) = in_force.refresh() else { panic!("a number is no identifier") };
    assert!(error.to_string().contains("acme.toml:1: "), "{error}");
    assert_eq!(in_force.refresh(), Refreshed::Same, "told once");
    assert!(in_force.kinds().get("acme").is_some(), "what was in force stays so");
    std::fs::remove_file(&path).expect("it goes");
    assert_eq!(in_force.refresh(), Refreshed::Read(0));
    assert!(in_force.kinds().get("acme").is_none());
    let none = InForce::new(Some(folder.path().join("none")));
    assert!(none.open().expect_err("no folder").to_string().contains("cannot be read"));
    assert_eq!(none.kinds().iter().count(), built_in::KINDS.len());
}

#[test]
fn what_something_is_attached_to() {
    let signature = manifest(&format!("{},\"layers\":[]", config("a/b")));
    let check = |tag: &str, expect: bool| {
        let tag: Tag = tag.parse().expect("a tag");
        let found = super::told::subject(&signature, Some(&tag)).map(|digest| digest.to_string());
        assert_eq!(found.as_deref(), expect.then_some(DIGEST), "{tag}");
    };
    let hex = DIGEST.replacen(':', "-", 1);
    check(&format!("{hex}.sig"), true);
    check(&format!("{hex}.att"), true);
    check(&hex, false);
    check("sha256-ab.sig", false);
    check("1.0", false);
    let referrer = manifest(&format!(r#""layers":[],"subject":{{"mediaType":"a/b","digest":"{DIGEST}","size":1}}"#));
    assert!(super::told::subject(&referrer, None).is_some_and(|digest| digest.to_string() == DIGEST));
}

#[test]
fn commands_for_a_place() {
    let chart = Kinds::built_in().get("helm-chart").expect("a kind");
    let repository: RepositoryName = "acme/charts/app".parse().expect("a name");
    let tag: Tag = "1.0.0_a".parse().expect("a tag");
    let place = Place { host: "r.example.com", repository: &repository, tag: Some(&tag), digest: None, subject: None };
    let commands = chart.commands_for(&place);
    assert_eq!(commands[0].text, "helm pull oci://r.example.com/acme/charts/app --version 1.0.0+a");
    assert_eq!((commands[0].client.as_str(), commands[0].does.as_str()), ("helm", "pull"));
    assert_eq!(commands.last().map(|last| last.does.as_str()), Some("push"));
    assert!(chart.commands_for(&Place { tag: None, ..place }).iter().all(|one| !one.text.contains("--version")));
}
