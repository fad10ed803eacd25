//! `wharf login` and `wharf logout`, and whose login goes where.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};
use wharf_testkit::faulty::{Faults, Faulty};
use wharf_testkit::fixture::Artifact;
use wharf_testkit::http::basic;
use wharf_testkit::server::{PASSWORD, Setup};

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
        "does a registry run there?",
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

#[test]
fn skopeo_finds_it() {
    let desk = Desk::admin();
    Artifact::small(1).push(&desk.server.admin(), "acme/app", "1.0");
    let mut skopeo = Command::new("skopeo");
    let image = format!("docker://{}/acme/app", desk.server.address);
    skopeo.args(["list-tags", "--tls-verify=false", &image]).env_clear().env("HOME", desk.home.path());
    skopeo.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("XDG_RUNTIME_DIR", desk.home.path());
    assert!(finish(skopeo, "skopeo list-tags", "").done().contains("1.0"));
}

#[test]
fn proxies_are_for_other_machines() {
    let desk = Desk::admin();
    let run = |line: &str, proxy: &str| {
        let mut command = desk.command(line);
        command.env("HTTP_PROXY", proxy);
        finish(command, line, "")
    };
    run("user list", "http://127.0.0.1:1").done();
    // The server is taken for a proxy, and answers in the place of a host that is nowhere.
    let proxy = format!("http://{}", desk.server.address);
    run("user list --registry registry.invalid --plain-http", &proxy)
        .failed(&["log in first: wharf login registry.invalid"]);
    let none = "user list --registry registry.invalid --plain-http";
    desk.fails(none, &["registry.invalid cannot be reached"]);
    let with = |name: &str, line: &str| {
        let mut command = desk.command(line);
        command.env("HTTP_PROXY", &proxy).env("NO_PROXY", name);
        finish(command, line, "")
    };
    with("registry.invalid", none).failed(&["registry.invalid cannot be reached"]);
    with("other.invalid", none).failed(&["log in first"]);
    // What is spoken to by TLS goes through a tunnel, which this server does not dig.
    let mut command = desk.command("user list --registry registry.invalid");
    command.env("HTTPS_PROXY", &proxy);
    finish(command, "user list", "").failed(&["registry.invalid"]);
}

/// A server that speaks TLS, with these settings; an authority, the certificate that it vouches for and its key, as files.
fn secured(folder: &Path, settings: &[String]) -> ([String; 3], Desk) {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let (ca, cert, key) = (write("ca", authority.pem()), write("cert", leaf.pem()), write("key", key.serialize_pem()));
    let tls = [format!("tls.cert={cert}"), format!("tls.key={key}")];
    let setup = tls
        .iter()
        .chain(settings)
        .fold(Setup::new(env!("CARGO_BIN_EXE_wharf")), |setup, setting| setup.arg("--set").arg(setting));
    ([ca, cert, key], Desk { server: setup.start(), home: tempfile::tempdir().unwrap() })
}

/// Nothing at all is asked of a token service in the clear by who speaks TLS to the registry: not for who logs in, nor for who
/// has logged in before.
#[test]
fn a_realm_in_the_clear_gets_no_login() {
    let folder = tempfile::tempdir().unwrap();
    let service = Faulty::start(Faults::default());
    let ([ca, ..], desk) = secured(folder.path(), &[format!("url=http://{}", service.address)]);
    let at = desk.server.address;
    let says = ["sends the login to", &service.address.to_string(), "in the clear"];
    desk.run(&format!("login -u admin --password-stdin https://{at} --ca-file {ca}"), PASSWORD).failed(&says);
    fs::create_dir_all(desk.home.path().join(".docker")).unwrap();
    let auth = basic("admin", PASSWORD);
    let config = json!({ "auths": { at.to_string(): { "auth": auth.trim_start_matches("Basic ") } } });
    fs::write(desk.config(), config.to_string()).unwrap();
    fs::write(folder.path().join("file"), "content").unwrap();
    let (file, to) = (folder.path().join("file"), folder.path().join("to"));
    let (file, to, image) = (file.display(), to.display(), format!("{at}/acme/app:1"));
    for line in [
        format!("pull {image} {to}"),
        format!("push {file} {image} -q"),
        format!("copy {image} oci:{to} -q"),
        format!("inspect {image}"),
        format!("ls {at}"),
    ] {
        desk.fails(&format!("{line} --plain-http=false --ca-file {ca}"), &says);
    }
    // Our own API takes the login itself.
    desk.ok(&format!("user list --registry https://{at} --ca-file {ca}"));
    assert!(service.asked("").is_empty(), "{:?}", service.asked(""));
}

#[test]
fn a_private_authority_is_trusted_where_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ([ca, cert, key], desk) = secured(folder.path(), &[]);
    let login = format!("login -u admin --password-stdin https://{}", desk.server.address);
    desk.run(&login, PASSWORD).failed(&["is not trusted", "--ca-file"]);
    desk.run(&format!("{login} --ca-file {ca}"), PASSWORD).done();
    let list = format!("user list --registry https://{} --ca-file", desk.server.address);
    assert!(desk.ok(&format!("{list} {ca}")).contains("admin"));
    desk.fails(&format!("{list} {key}"), &[&key]);
    desk.fails(&format!("{list} {ca} --cert-file {cert} --key-file {ca}"), &[&cert, &ca]);
    desk.run(&format!("{list} {ca} --cert-file {cert}"), "").code(2);
    // As Docker and podman have it for one registry.
    let own = desk.home.path().join(format!(".config/docker/certs.d/{}", desk.server.address));
    fs::create_dir_all(&own).unwrap();
    fs::copy(&ca, own.join("ca.crt")).unwrap();
    assert!(desk.ok(&format!("user list --registry https://{}", desk.server.address)).contains("admin"));
    desk.fails("user list", &["https://"]);
}
