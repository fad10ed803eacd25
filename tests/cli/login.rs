//! `wharf login` and `wharf logout`, and whose login goes where.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use wharf_testkit::server::PASSWORD;

use super::{Desk, PASS, finish};

fn config(desk: &Desk) -> Value {
    serde_json::from_slice(&fs::read(desk.config()).expect("a file")).expect("JSON")
}

#[test]
fn as_user_token_and_robot() {
    let desk = Desk::admin();
    desk.user("kim");
    let robot = desk.ok("robot create mirror --role reader");
    desk.log_in("kim", PASS);
    let token = desk.ok("token create laptop --expires 90d");
    desk.log_in("kim", token.trim());
    assert_eq!(super::names(&desk.json("token list")), ["laptop"]);
    desk.log_in("mirror", &robot);
    desk.fails("user list", &["wharf access explain"]);
    desk.log_in("admin", PASSWORD);
    assert_eq!(super::names(&desk.json("user list")), ["admin", "kim"]);
}

#[test]
fn what_is_wrong_is_not_kept() {
    let desk = Desk::new();
    let line = "login -u admin --password-stdin";
    desk.run(line, "wrong").failed(&["name or password", "wharf login 127.0.0.1"]);
    desk.run(line, "").failed(&["standard input has no password"]);
    desk.run("login --password-stdin", PASSWORD).failed(&["--user"]);
    desk.run("login -u admin", PASSWORD).failed(&["--password-stdin"]);
    desk.run(&format!("{line} 127.0.0.1:1"), PASSWORD).failed(&[
        "127.0.0.1:1 cannot be reached",
        "hint: ",
        "--registry",
    ]);
    desk.run(&format!("{line} http://registry.example.com"), PASSWORD).failed(&["in the clear", "--plain-http"]);
    desk.run(&format!("{line} host/path"), PASSWORD).failed(&["HOST:PORT"]);
    let tls = format!("{line} https://{}", desk.server.address);
    desk.run(&tls, PASSWORD).failed(&["is not trusted", "--plain-http"]);
    assert!(!desk.config().exists());
}

#[test]
fn others_find_it_and_it_can_be_forgotten() {
    let desk = Desk::new();
    desk.fails("user list", &["log in first: wharf login 127.0.0.1"]);
    fs::create_dir_all(desk.config().parent().unwrap()).unwrap();
    fs::write(desk.config(), r#"{"auths": {"other": {"auth": "eDp5"}}, "currentContext": "here"}"#).unwrap();
    desk.log_in("admin", PASSWORD);
    let address = desk.server.address.to_string();
    let expect = json!({
        "auths": { "other": { "auth": "eDp5" }, address: { "auth": "YWRtaW46Y29ycmVjdCBob3JzZQ==" } },
        "currentContext": "here",
    });
    assert_eq!(config(&desk), expect);
    assert_eq!(fs::metadata(desk.config()).unwrap().permissions().mode() & 0o777, 0o600);

    // It goes to no other: the name of another port, or of the same machine, is another registry.
    let elsewhere = format!("localhost:{}", desk.server.address.port());
    desk.fails(&format!("user list --registry {elsewhere}"), &["log in first"]);

    assert!(desk.run("logout", "").code(0).err().contains("logged out of 127.0.0.1"));
    assert!(desk.run("logout", "").code(0).err().contains("there was no login"));
    assert_eq!(config(&desk)["auths"], json!({ "other": { "auth": "eDp5" } }));
    desk.fails("user list", &["log in first"]);
}

#[test]
fn logins_of_podman_are_read() {
    let desk = Desk::new();
    let file = desk.home.path().join("auth.json");
    let address = desk.server.address.to_string();
    fs::write(&file, json!({ "auths": { address: { "auth": "YWRtaW46Y29ycmVjdCBob3JzZQ==" } } }).to_string()).unwrap();
    let mut command = desk.command("user list");
    command.env("REGISTRY_AUTH_FILE", &file);
    assert!(finish(command, "user list", "").done().contains("admin"));
}

#[test]
fn a_helper_keeps_it() {
    const HELPER: &str = "#!/bin/sh\ncd \"$HOME\"\ncase $1 in\nstore) cat > kept ;;\n\
        get) cat kept 2>/dev/null || { echo credentials not found in native keychain; exit 1; } ;;\nerase) rm kept ;;\nesac\n";
    let desk = Desk::new();
    let program = desk.home.path().join("docker-credential-fake");
    fs::write(&program, HELPER).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(desk.config().parent().unwrap()).unwrap();
    fs::write(desk.config(), r#"{"credsStore": "fake"}"#).unwrap();
    let run = |line: &str, input: &str| {
        let mut command = desk.command(line);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", desk.home.path().display()));
        finish(command, line, input)
    };
    let said = run("login -u admin --password-stdin", PASSWORD).code(0).err();
    assert!(said.contains("docker-credential-fake"), "{said}");
    assert!(!fs::read_to_string(desk.config()).unwrap().contains("YWRtaW4"), "no password in the file");
    assert!(run("user list", "").done().contains("admin"));
    run("logout", "").done();
    assert!(!desk.home.path().join("kept").exists());
    run("user list", "").failed(&["log in first"]);
}
