//! `wharf config` and what `wharf serve` refuses, on the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::process::{Command, Output};

fn wharf(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    command.args(args).env_clear().envs(environment.iter().copied()).output().expect("the binary runs")
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", err(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn each_value_is_shown_with_where_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wharf.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:1\"\ndata = \"/d\"\n[log]\nlevel = \"debug\"\n").unwrap();
    let path = file.to_str().unwrap();
    let environment = [("WHARF_CONFIG", path), ("WHARF_LISTEN", "127.0.0.1:2"), ("WHARF_LOG__FORMAT", "json")];
    let text =
        out(&wharf(&["config", "--json", "--set", "cache.manifest_mib=5", "--listen", "127.0.0.1:3"], &environment));
    let shown: serde_json::Value = serde_json::from_str(&text).unwrap();
    let check = |key: &str, value: serde_json::Value, origin: &str| {
        assert_eq!(shown[key], serde_json::json!({ "value": value, "origin": origin }), "{key}");
    };
    check("listen", "127.0.0.1:3".into(), "--listen");
    check("log.format", "json".into(), "WHARF_LOG__FORMAT");
    check("log.level", "debug".into(), &format!("{path}:4"));
    check("ledger", "/d/ledger.db".into(), "default");
    check("cache.manifest_mib", 5.into(), "--set");
    check("gc.grace_hours", 24.into(), "default");
}

#[test]
fn what_is_printed_can_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wharf.toml");
    std::fs::write(&file, out(&wharf(&["config", "--set", "trusted_proxies=10.0.0.0/8,::1"], &[]))).unwrap();
    let again = out(&wharf(&["config", "--config", file.to_str().unwrap()], &[]));
    assert!(again.contains("trusted_proxies = [\"10.0.0.0/8\",\"::1\"]"), "{again}");
}

#[test]
fn passwords_are_left_out() {
    let shown = out(&wharf(&["config"], &[("WHARF_LEDGER", "postgres://wharf:secret@db/wharf")]));
    assert!(shown.contains("postgres://wharf:***@db/wharf") && !shown.contains("secret"), "{shown}");
}

#[test]
fn mistakes_are_named_with_their_place_and_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wharf.toml");
    std::fs::write(&file, "\n[limits]\nidle_timeout = 3\n").unwrap();
    let path = file.to_str().unwrap();
    let check = |args: &[&str], environment: &[(&str, &str)], parts: &[&str]| {
        for command in ["config", "serve"] {
            let output = wharf(&[&[command], args].concat(), environment);
            assert_eq!(output.status.code(), Some(2), "{command} {args:?}");
            for part in parts {
                assert!(err(&output).contains(part), "{part}: {}", err(&output));
            }
        }
    };
    check(&["--config", path], &[], &[&format!("{path}:3: "), "did you mean limits.idle_timeout_s?"]);
    check(&["--config", "/missing.toml"], &[], &["/missing.toml: cannot be read"]);
    check(&[], &[("WHARF_LISEN", "x")], &["WHARF_LISEN: ", "did you mean WHARF_LISTEN?"]);
    check(&["--listen", "5000"], &[], &["--listen: ", "127.0.0.1:5000"]);
    check(&["--open", "--listen", "0.0.0.0:0"], &[], &["--open: ", "--open=any-address"]);
    check(&["--set", "log.fromat=json"], &[], &["--set: ", "did you mean log.format?"]);
    check(&["--lisen", "x"], &[], &["--listen"]);
}

#[test]
fn what_is_not_text_is_refused_by_its_name() {
    use std::os::unix::ffi::OsStrExt as _;
    for name in ["WHARF_ADMIN_PASSWORD", "WHARF_LEDGER"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
        command.arg("config").env_clear().env(name, std::ffi::OsStr::from_bytes(b"caf\xe9"));
        let output = command.env("OTHER", std::ffi::OsStr::from_bytes(b"\xff")).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(err(&output).contains(&format!("{name}: is not text in UTF-8")), "{}", err(&output));
    }
}

#[test]
fn every_command_helps_with_examples() {
    for args in [&["--help"][..], &["serve", "--help"], &["config", "--help"], &["admin", "reset", "--help"]] {
        assert!(out(&wharf(args, &[])).contains("Examples:"), "{args:?}");
    }
    assert_eq!(out(&wharf(&["version"], &[])), out(&wharf(&["--version"], &[])));
    assert_eq!(wharf(&[], &[]).status.code(), Some(2));
}

#[test]
fn the_page_about_the_configuration_is_the_generated_one() {
    let page = out(&wharf(&["config", "--page"], &[]));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide/configuration.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "write it anew: wharf config --page > docs/guide/configuration.md");
}
