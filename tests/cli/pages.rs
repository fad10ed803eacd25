//! Help and completions: every command has examples, and what they name is there.

use std::process::Command;

fn wharf(args: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_wharf")).args(args).env_clear().output().expect("the binary runs");
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stdout).expect("text"))
}

/// The commands that a help page lists.
fn listed(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines =
        lines.take_while(|line| !line.is_empty()).filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    lines.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_helps_with_examples() {
    let (code, help) = wharf(&["--help"]);
    assert_eq!(code, 0);
    let commands = listed(&help);
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands.iter().filter(|name| !matches!(name.as_str(), "version" | "admin")) {
        let (code, help) = wharf(&[command, "--help"]);
        assert!(code == 0 && help.contains("Examples:"), "{command}: {help}");
        for under in listed(&help) {
            let (code, help) = wharf(&[command, &under, "--help"]);
            assert!(code == 0 && help.contains("Examples:"), "{command} {under}: {help}");
        }
    }
}

#[test]
fn the_environment_is_not_in_the_help() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    let output = command.args(["user", "list", "--help"]).env_clear().env("WHARF_REGISTRY", "hidden").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("WHARF_REGISTRY") && !help.contains("hidden"), "{help}");
}

#[test]
fn completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script) = wharf(&["completions", shell]);
        assert!(code == 0 && script.contains("wharf") && script.contains("member"), "{shell}");
    }
    assert_eq!(wharf(&["completions", "tcsh"]).0, 2);
}

#[test]
fn a_server_starts_where_a_registry_is_named_too() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    let output = command.arg("config").env_clear().env("WHARF_REGISTRY", "registry.example.com").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
