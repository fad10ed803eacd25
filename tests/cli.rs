//! The commands that speak to a registry, as people type them, over the real server: what they print, as a table and as JSON,
//! and how they end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

#[path = "cli/access.rs"]
mod access;
#[path = "cli/apply.rs"]
mod apply;
#[path = "cli/bundle.rs"]
mod bundle;
#[path = "cli/change.rs"]
mod change;
#[path = "cli/cnab.rs"]
mod cnab;
#[path = "cli/copy.rs"]
mod copy;
#[path = "cli/folders.rs"]
mod folders;
#[path = "cli/front.rs"]
mod front;
#[path = "cli/hostile.rs"]
mod hostile;
#[path = "cli/inside.rs"]
mod inside;
#[path = "cli/killed.rs"]
mod killed;
#[path = "cli/kinds.rs"]
mod kinds;
#[path = "cli/login.rs"]
mod login;
#[path = "cli/look.rs"]
mod look;
#[path = "cli/pages.rs"]
mod pages;
#[path = "cli/people.rs"]
mod people;
#[path = "cli/projects.rs"]
mod projects;
#[path = "cli/repositories.rs"]
mod repositories;
#[path = "cli/scars.rs"]
mod scars;
#[path = "cli/search.rs"]
mod search;
#[path = "cli/snapshots.rs"]
mod snapshots;
#[path = "cli/times.rs"]
mod times;
#[path = "cli/trash.rs"]
mod trash;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use wharf_testkit::server::{PASSWORD, Server, Setup};

/// The password of every user of these tests.
const PASS: &str = "battery staple";

/// A server, and somebody with a home of their own who speaks to it.
struct Desk {
    server: Server,
    home: TempDir,
}

/// How a command ended.
struct Ended {
    line: String,
    output: Output,
}

impl Desk {
    /// With nobody logged in.
    fn new() -> Desk {
        let server = Setup::new(env!("CARGO_BIN_EXE_wharf")).start();
        Desk { server, home: tempfile::tempdir().unwrap() }
    }

    /// With the administrator logged in.
    #[track_caller]
    fn admin() -> Desk {
        let desk = Desk::new();
        desk.log_in("admin", PASSWORD);
        desk
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
        command.args(line.split(' ').filter(|word| !word.is_empty()).map(|word| word.replace('_', " ")));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home.path()).env("WHARF_REGISTRY", self.server.address.to_string());
        command
    }

    /// Runs a command: its words, separated by spaces; `_` is a space in a word.
    fn run(&self, line: &str, input: &str) -> Ended {
        finish(self.command(line), line, input)
    }

    /// Runs it, expects that it is done, and returns what it printed.
    #[track_caller]
    fn ok(&self, line: &str) -> String {
        self.run(line, "").done()
    }

    /// The same with `--json`, parsed.
    #[track_caller]
    fn json(&self, line: &str) -> Value {
        let text = self.run(&format!("{line} --json"), "").done();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line}: {error}: {text}"))
    }

    /// Runs it, and expects that it fails and says these things.
    #[track_caller]
    fn fails(&self, line: &str, parts: &[&str]) {
        self.run(line, "").failed(parts);
    }

    #[track_caller]
    fn log_in(&self, user: &str, password: &str) {
        self.run(&format!("login -u {user} --password-stdin"), password).done();
    }

    /// A user who may nothing, and knows [`PASS`].
    #[track_caller]
    fn user(&self, name: &str) {
        self.run(&format!("user create {name} --password-stdin"), PASS).done();
    }

    fn config(&self) -> PathBuf {
        self.home.path().join(".docker/config.json")
    }
}

fn finish(mut command: Command, line: &str, input: &str) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    // Who does not want to read it may have ended already.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    Ended { line: line.to_owned(), output: child.wait_with_output().expect("it ends") }
}

impl Ended {
    fn out(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).expect("text")
    }

    fn err(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).expect("text")
    }

    #[track_caller]
    fn code(self, expect: i32) -> Ended {
        assert_eq!(self.output.status.code(), Some(expect), "{}: {}{}", self.line, self.out(), self.err());
        self
    }

    #[track_caller]
    fn done(self) -> String {
        self.code(0).out()
    }

    #[track_caller]
    fn failed(self, parts: &[&str]) {
        let ended = self.code(2);
        let said = ended.err();
        assert!(ended.out().is_empty() && said.starts_with("wharf: "), "{}: {}{said}", ended.line, ended.out());
        for part in parts {
            assert!(said.contains(part), "{}: {part:?} is not in {said}", ended.line);
        }
    }
}

/// The names in a list of the API.
#[track_caller]
fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().expect("a list");
    items.iter().map(|item| item["name"].as_str().expect("a name")).collect()
}
