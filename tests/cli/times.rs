//! What builds by times makes of a folder that was pulled, where all times are one: nothing is built twice, and what changed is
//! built.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Desk, finish};

/// A program of a crate in the same folder and one from a registry, which has a build script.
fn write_project(folder: &Path) {
    let files = [
        (
            "Cargo.toml",
            "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\n\
             part = { path = \"part\" }\nremote = \"1\"\n[workspace]\n",
        ),
        ("src/main.rs", "fn main() { println!(\"{} {}\", part::word(), remote::WORD); }\n"),
        ("part/Cargo.toml", "[package]\nname = \"part\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
        ("part/src/lib.rs", "pub fn word() -> &'static str { \"old\" }\n"),
        (
            ".cargo/config.toml",
            "[source.crates-io]\nreplace-with = \"vendored\"\n[source.vendored]\ndirectory = \"vendor\"\n",
        ),
        ("vendor/remote/.cargo-checksum.json", "{\"files\":{}}"),
        ("vendor/remote/Cargo.toml", "[package]\nname = \"remote\"\nversion = \"1.0.0\"\nedition = \"2024\"\n"),
        ("vendor/remote/src/lib.rs", "pub const WORD: &str = env!(\"WORD\");\n"),
        (
            "vendor/remote/build.rs",
            "fn main() { println!(\"cargo::rerun-if-changed=build.rs\\ncargo::rustc-env=WORD=far\"); }\n",
        ),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Builds the project in `home`/project: what was compiled, by name.
#[track_caller]
fn build(desk: &Desk) -> Vec<String> {
    let cargo = Path::new(env!("CARGO"));
    let mut command = Command::new(cargo);
    command.args(["build", "--offline"]).current_dir(desk.home.path().join("project")).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", desk.home.path());
    command.env("RUSTC", cargo.with_file_name("rustc"));
    let said = finish(command, "cargo build", "").code(0).err();
    let compiled = said.lines().filter_map(|line| line.trim_start().strip_prefix("Compiling "));
    let mut names: Vec<String> = compiled.filter_map(|rest| Some(rest.split_once(' ')?.0.to_owned())).collect();
    names.sort();
    names
}

fn says(desk: &Desk) -> String {
    let program = desk.home.path().join("project/target/debug/app");
    finish(Command::new(program), "app", "").done()
}

#[test]
fn cargo_builds_nothing_anew() {
    let desk = Desk::admin();
    let (home, at) = (desk.home.path(), desk.server.address);
    let project = home.join("project");
    write_project(&project);
    assert_eq!(build(&desk), ["app", "part", "remote"]);
    let text = project.display();
    desk.ok(&format!("push {text} {at}/acme/project:1 -q"));
    desk.ok(&format!("push {text}/vendor {at}/acme/vendor:1 -q"));

    // All of it on a new machine, at the same place.
    fs::remove_dir_all(&project).unwrap();
    desk.ok(&format!("pull {at}/acme/project:1 {text} -q"));
    assert!(build(&desk).is_empty());
    // What cargo downloads, beside what was built here.
    fs::remove_dir_all(project.join("vendor")).unwrap();
    desk.ok(&format!("pull {at}/acme/vendor:1 {text}/vendor -q"));
    assert!(build(&desk).is_empty());
    assert_eq!(says(&desk), "old far\n");
}

#[test]
fn cargo_builds_what_changed() {
    let desk = Desk::admin();
    let (home, at) = (desk.home.path(), desk.server.address);
    let sources = home.join("sources");
    write_project(&sources);
    let push = format!("push {} {at}/acme/sources:1 -q", sources.display());
    let pull = format!("pull {at}/acme/sources:1 {}/project -q", home.display());
    desk.ok(&push);
    desk.ok(&pull);
    assert_eq!(build(&desk), ["app", "part", "remote"]);
    // Of the same size, and beside others in the layer.
    fs::write(sources.join("part/src/lib.rs"), "pub fn word() -> &'static str { \"new\" }\n").unwrap();
    desk.ok(&push);
    desk.ok(&pull);
    assert_eq!(build(&desk), ["app", "part"]);
    assert_eq!(says(&desk), "new far\n");
    desk.ok(&pull);
    assert!(build(&desk).is_empty());
}
