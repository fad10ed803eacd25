//! What people see: the help page of every command, and what commands print and how they end. Each is a file in `snapshots/`; what
//! is new or changed is written there by `WHARF_SNAPSHOTS=write cargo test --test cli snapshots`, to be looked at before it is committed.
//!
//! Digests, addresses, paths and times are replaced by names, as they are others each time.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use wharf_testkit::fixture::Artifact;
use wharf_testkit::server::{PASSWORD, wait_for};

use super::{Desk, PASS};

/// Commands of which only the help page is kept, and why.
const ELSEWHERE: [(&str, &str); 9] = [
    ("serve", "does not end by itself: tests/serve.rs"),
    ("admin reset", "needs a server that is stopped: tests/serve.rs"),
    ("config", "hangs on the machine: tests/config.rs"),
    ("completions", "is long, and written by clap_complete: tests/cli/pages.rs"),
    ("man", "is the help pages: below"),
    ("version", "is another with each release"),
    ("share", "makes another link each time: tests/cli/front.rs"),
    ("repository overview", "reads a file: tests/cli/front.rs"),
    ("search", "finds what was pushed a moment later: tests/cli/search.rs"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots")
}

/// Compares with what is kept, or keeps it.
#[track_caller]
fn check(name: &str, found: &str) {
    let path = folder().join(format!("{name}.txt"));
    if std::env::var_os("WHARF_SNAPSHOTS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, found).unwrap();
        return;
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let line = kept.lines().zip(found.lines()).position(|(one, other)| one != other);
    let line = line.unwrap_or_else(|| kept.lines().count().min(found.lines().count()));
    let at = |text: &str| text.lines().nth(line).unwrap_or("(the end)").to_owned();
    assert!(
        kept == found,
        "{name}.txt, line {}:\n  kept:  {}\n  found: {}\nIf it is meant: WHARF_SNAPSHOTS=write cargo test --test cli snapshots",
        line + 1,
        at(&kept),
        at(found),
    );
}

fn help(words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    let output = command.args(words).arg("--help").env_clear().output().expect("the binary runs");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The commands that a help page lists.
fn listed(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect()
}

/// Every command, those with others below included, and its help page.
fn commands() -> Vec<(String, String)> {
    let (mut all, mut ahead) = (Vec::new(), vec![String::new()]);
    while let Some(name) = ahead.pop() {
        let page = help(&name.split_whitespace().collect::<Vec<_>>());
        ahead.extend(listed(&page).into_iter().map(|under| format!("{name} {under}").trim().to_owned()));
        all.push((name, page));
    }
    all
}

#[test]
fn help_pages() {
    let mut names = BTreeSet::new();
    for (name, page) in commands() {
        let name = format!("wharf {name}").trim().replace(' ', "-");
        check(&format!("help/{name}"), &page);
        names.insert(format!("{name}.txt"));
        assert!(page.lines().all(|line| line.chars().count() <= 160), "{name}: lines are too long to be read");
    }
    for entry in fs::read_dir(folder().join("help")).expect("the folder") {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "{name} is of no command; remove it");
    }
}

#[test]
fn manual_pages() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_wharf")).arg("man").args(words).env_clear().output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run(&[]).contains(".TH wharf 1"));
    assert_eq!(run(&[folder.path().to_str().unwrap()]), "");
    for (name, help) in commands() {
        let name = format!("wharf {name}").trim().replace(' ', "-");
        let page =
            fs::read_to_string(folder.path().join(format!("{name}.1"))).unwrap_or_else(|_| panic!("no {name}.1"));
        assert!(
            page.contains(&format!(".TH {name} 1")) && page.contains("Examples:") == help.contains("Examples:"),
            "{name}"
        );
    }
}

// --- what commands print

/// A transcript: what was run, and what came of it.
struct Session<'a> {
    desk: &'a Desk,
    text: String,
    /// The commands that were run.
    lines: Vec<String>,
    digests: Vec<String>,
}

impl<'a> Session<'a> {
    fn new(desk: &'a Desk) -> Session<'a> {
        Session { desk, text: String::new(), lines: Vec::new(), digests: Vec::new() }
    }

    /// Runs a line in which `{at}` is the registry and `{home}` the folder of whoever runs it.
    fn run(&mut self, line: &str) {
        self.run_with(line, "");
    }

    fn run_with(&mut self, line: &str, input: &str) {
        let home = self.desk.home.path().display().to_string();
        let real = line.replace("{at}", &self.desk.server.address.to_string()).replace("{home}", &home);
        let ended = self.desk.run(&real, input);
        let code = ended.output.status.code();
        let shown = line.replace("{at}", "REGISTRY").replace("{home}", "HOME").replace('_', " ");
        let out = [format!("$ wharf {shown}\n"), ended.out(), marked(&ended.err())].concat();
        let out = self.plain(&out);
        self.text.push_str(&out);
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(&format!("[{}]\n\n", code.map_or("killed".to_owned(), |code| code.to_string())));
        self.lines.push(line.to_owned());
    }

    /// Without what is another each time.
    fn plain(&mut self, text: &str) -> String {
        let address = self.desk.server.address;
        let text = text.replace(&self.desk.home.path().display().to_string(), "HOME");
        let text = text.replace(&address.to_string(), "REGISTRY");
        let text = text.replace(concat!("wharf/", env!("CARGO_PKG_VERSION")), "wharf/VERSION");
        let text = self.hexes(&text);
        times(&text)
    }

    /// Digests by the order in which they came, and identifiers.
    fn hexes(&mut self, text: &str) -> String {
        let is_hex = |letter: char| matches!(letter, '0'..='9' | 'a'..='f');
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(is_hex) {
            let length = rest[at..].find(|letter| !is_hex(letter)).unwrap_or(rest.len() - at);
            let hex = &rest[at..at + length];
            plain.push_str(&rest[..at]);
            match length {
                64 => {
                    let known = self.digests.iter().position(|known| known == hex);
                    let number = known.unwrap_or_else(|| {
                        self.digests.push(hex.to_owned());
                        self.digests.len() - 1
                    });
                    plain.push_str(&format!("DIGEST-{number}"));
                }
                32 => plain.push_str("ID"),
                _ => plain.push_str(hex),
            }
            rest = &rest[at + length..];
        }
        plain + rest
    }
}

/// Standard error, with a bar before each line.
fn marked(text: &str) -> String {
    text.lines().map(|line| format!("| {line}\n")).collect()
}

/// Moments are `TIME`: `2026-11-21 15:01Z`, `2026-11-21T15:01:07.123Z`, and thirteen digits.
fn times(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let length = moment(rest).filter(|_| !plain.ends_with(|before: char| before.is_ascii_alphanumeric()));
        match length {
            Some(_) => plain.push_str("TIME"),
            None => plain.push(letter),
        }
        rest = &rest[length.unwrap_or(letter.len_utf8())..];
    }
    plain
}

/// How long the moment is that `text` begins with.
fn moment(text: &str) -> Option<usize> {
    let is_like = |pattern: &str| {
        let fits = |(letter, like): (char, char)| if like == '0' { letter.is_ascii_digit() } else { letter == like };
        text.len() >= pattern.len() && text.chars().zip(pattern.chars()).all(fits)
    };
    if is_like("0000-00-00 00:00Z") {
        return Some(17);
    }
    if is_like("0000-00-00T00:00:00") {
        return Some(text.find('Z')? + 1);
    }
    // Since 2001, in milliseconds.
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    (digits == 13).then_some(13)
}

/// Commands that somebody runs who looks after a registry.
fn looked_after(desk: &Desk) -> Vec<String> {
    let mut session = Session::new(desk);
    wait_for("facts", || {
        let artifacts = desk.json("repository artifacts acme/app");
        artifacts["items"].as_array().unwrap().iter().all(|one| one["state"] == json!("ready")).then_some(())
    });
    for line in [
        "project create web --quota 100GiB --immutable web/**=v*",
        "project create web",
        "project list",
        "project show acme",
        "project set acme --public",
        "project show none",
        "quota show acme",
        "quota set acme --bytes 1GiB",
        "group set web --add kim",
        "group list",
        "group show web",
        "user list",
        "user show kim",
        "user set kim --description who_builds",
        "user disable kim",
        "user enable kim",
        "user sign-out kim",
        "role list",
        "role show reader",
        "role set puller --permissions pull",
        "role delete puller --yes",
        "member add -p acme kim --role contributor",
        "member list -p acme",
        "access explain kim push acme/app",
        "access explain kim delete other/app",
        "member remove -p acme kim --role contributor --yes",
        "repository list acme",
        "repository show acme/app",
        "repository artifacts acme/app",
        "repository artifacts acme/app --kind helm-chart",
        "repository tags acme/app",
        "events --repository acme/app -n 2",
        "history acme/app:1",
        "rm {at}/acme/app:1 --yes",
        "trash list -p acme",
        "restore acme/app:1",
        "repository delete acme/app --yes",
        "restore --repository acme/app",
        "repository delete acme/app --yes",
        "purge --repository acme/app --yes",
        "robot list -p acme",
        "robot show acme+ci",
        "robot set acme+ci --description builds",
        "robot disable acme+ci",
        "robot enable acme+ci",
        "robot delete acme+ci --yes",
        "token list",
        "token delete laptop",
        "export config",
        "apply -f {home}/config.yaml --dry-run",
        "apply -f {home}/config.yaml --yes",
        "group delete web --yes",
        "user delete kim --yes",
        "project delete web --yes",
    ] {
        session.run(line);
    }
    let tokens = desk.json("token list");
    let id = tokens["items"][0]["id"].as_str().expect("an identifier");
    session.run(&format!("token delete {id}"));
    check("runs/looking-after", &session.text);
    session.lines
}

/// Commands that somebody runs who has nothing but a registry to push to.
fn moved(desk: &Desk) -> Vec<String> {
    let mut session = Session::new(desk);
    for line in [
        "ls",
        "push {home}/site {at}/acme/site:1",
        "push {home}/site {at}/acme/site:1",
        "push {home}/site/a.txt {home}/site/b.json {at}/acme/files:1 --json",
        "push {home}/none {at}/acme/none:1",
        "pull {at}/acme/site:1 {home}/pulled",
        "pull {at}/acme/site:1 {home}/pulled --json",
        "pull {at}/acme/site:2 {home}/pulled",
        "ls {at}",
        "ls {at}/acme/site",
        "ls {at}/acme/site:1",
        "ls {at}/acme/site:1:/",
        "ls -l {at}/acme/files:1:/",
        "ls {at}/acme/site:1:/docs --json",
        "cat {at}/acme/site:1:/docs/c.txt",
        "cat {at}/acme/site:1:/none",
        "inspect {at}/acme/files:1",
        "inspect {at}/acme/app:1",
        "inspect {at}/acme/app:9",
        "kinds list --category sbom",
        "kinds show helm-chart",
        "kinds test {at}/acme/app:1",
        "digest {at}/acme/app:1",
        "attach {at}/acme/app:1 {home}/site/b.json --artifact-type application/spdx+json",
        "discover {at}/acme/app:1",
        "tree {at}/acme/app:1",
        "tag {at}/acme/app:1 1.0 latest",
        "copy {at}/acme/app:1 {at}/acme/mirror:1",
        "copy {at}/acme/app {at}/acme/mirror --tags 1*",
        "copy {at}/acme/app:1 oci:{home}/layout --json",
        "copy {at}/acme/app:1 oci-archive:{home}/app.tar --dry-run",
        "copy {at}/acme/app:9 oci:{home}/layout",
        "diff {at}/acme/app:1 {at}/acme/app:1",
        "diff {at}/acme/site:1 {at}/acme/files:1",
        "manifest get {at}/acme/app:1",
        "manifest put {at}/acme/app:2 {home}/manifest.json",
        "manifest delete {at}/acme/app:2 --yes",
        "blob put {at}/acme/app {home}/site/a.txt",
        "blob head {at}/acme/app@sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        "blob head {at}/acme/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "blob get {at}/acme/app@sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        "blob delete {at}/acme/app@sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb --yes",
        "probe {at}",
        "bundle lock {home}/deploy",
        "bundle push {home}/deploy {at}/acme/deploy:1 -q",
        "bundle images {at}/acme/deploy:1",
        "bundle pull {at}/acme/deploy:1 {home}/deployed",
        "bundle resolve {home}/deployed",
        "cnab push {home}/bundle.json {at}/acme/shop:1",
        "cnab copy {at}/acme/shop:1 oci-archive:{home}/shop.tar",
        "cnab pull oci-archive:{home}/shop.tar {home}/shop",
        "rm {at}/acme/app:latest --tag-only --yes",
        "rm {at}/acme/app",
        "cat nothing",
        "digest https://registry.example.com/acme/app",
        "copy {at}/acme/app",
        "no-such-command",
        "logout",
        "ls {at}/acme/app",
        "logout",
    ] {
        session.run(line);
    }
    check("runs/moving", &session.text);
    session.lines
}

/// Commands whose result is a secret, or that want one: what they print is not kept.
fn secret(desk: &Desk) -> Vec<String> {
    let lines = [
        ("login -u admin --password-stdin", PASSWORD),
        ("user create kim --password-stdin", PASS),
        ("user password kim --password-stdin", "another good one"),
        ("robot create acme+ci --role contributor", ""),
        ("robot rotate acme+ci", ""),
        ("token create laptop", ""),
    ];
    for (line, input) in lines {
        desk.run(line, input).done();
    }
    lines.iter().map(|(line, _)| (*line).to_owned()).collect()
}

fn fill(desk: &Desk) {
    let site = desk.home.path().join("site");
    fs::create_dir_all(site.join("docs")).unwrap();
    fs::write(site.join("a.txt"), "a").unwrap();
    fs::write(site.join("b.json"), "{}").unwrap();
    fs::write(site.join("docs/c.txt"), "see\n").unwrap();
    let config = "groups:\n  web:\n    description: who makes pages\n";
    fs::write(desk.home.path().join("config.yaml"), config).unwrap();
    let config = json!({
        "architecture": "amd64", "os": "linux", "created": "2026-01-02T03:04:05Z",
        "config": { "Cmd": ["sh", "-c", "run it"], "ExposedPorts": { "80/tcp": {} } },
        "history": [{ "created_by": "COPY app /app # buildkit" }],
    });
    let image = Artifact::image(config.to_string().as_bytes(), &[vec![7; 2048]]);
    image.push(&desk.server.admin(), "acme/app", "1");
    fs::write(desk.home.path().join("manifest.json"), &image.manifest).unwrap();
    let named = format!("{}/acme/app:1", desk.server.address);
    let deploy = desk.home.path().join("deploy");
    fs::create_dir(&deploy).unwrap();
    fs::write(deploy.join("app.yaml"), format!("kind: Pod\nspec:\n  containers:\n  - image: {named}\n")).unwrap();
    let bundle = json!({
        "schemaVersion": "v1.0.0", "name": "shop", "version": "1.0",
        "invocationImages": [{ "imageType": "oci", "image": named }],
    });
    fs::write(desk.home.path().join("bundle.json"), bundle.to_string()).unwrap();
}

/// Every command is run by one of these, or it is said where.
#[test]
fn runs() {
    let mut lines = Vec::new();
    let desk = Desk::admin();
    fill(&desk);
    lines.extend(moved(&desk));
    let desk = Desk::admin();
    desk.ok("project create acme");
    fill(&desk);
    lines.extend(secret(&desk));
    lines.extend(looked_after(&desk));
    for (name, page) in commands() {
        let is_known = ELSEWHERE.iter().any(|(known, _)| *known == name) || !listed(&page).is_empty();
        let is_run = lines.iter().any(|line| line.starts_with(&name));
        assert!(is_known || is_run, "no transcript has `wharf {name}`: add it to `moved` or `looked_after`");
    }
}
