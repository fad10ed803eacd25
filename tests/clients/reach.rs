//! How `wharf push`, `copy` and `pull` reach a registry: through a proxy from the environment, with a private authority, with
//! a login from a helper of Docker's.

use std::os::unix::fs::PermissionsExt as _;

use wharf_testkit::server::PASSWORD;

use super::sandbox::Sandbox;
use super::{server, tls};

const WHARF: &str = env!("CARGO_BIN_EXE_wharf");

/// Sends a file, copies it within the registry, and fetches the copy. `program` is wharf, with what goes before it.
#[track_caller]
fn there_and_back(sandbox: &Sandbox, program: &str, registry: &str, options: &str) {
    sandbox.write("a.txt", "a");
    sandbox.ok(format!("{program} push a.txt {registry}/acme/app:1 -q {options}"));
    sandbox.ok(format!("{program} copy {registry}/acme/app:1 {registry}/acme/copy:1 -q {options}"));
    sandbox.ok(format!("{program} pull {registry}/acme/copy:1 to -q {options}"));
    assert_eq!(sandbox.read("to/a.txt"), "a");
}

#[test]
fn through_a_proxy() {
    let server = server();
    let sandbox = Sandbox::new(&[]);
    // The server is taken for a proxy, and answers in the place of a host that is nowhere.
    let proxied = format!("env HTTP_PROXY=http://{} {WHARF}", server.address);
    let login = "login -u admin --password-stdin registry.invalid --plain-http";
    sandbox.ok_with(format!("{proxied} {login}"), PASSWORD);
    there_and_back(&sandbox, &proxied, "registry.invalid", "--plain-http");
    let pull = "pull registry.invalid/acme/copy:1 none -q --plain-http";
    let none = "env NO_PROXY=registry.invalid";
    for line in [format!("{WHARF} {pull}"), format!("{none} {proxied} {pull}")] {
        let said = sandbox.fails(line);
        assert!(said.contains("registry.invalid cannot be reached"), "{said}");
    }
    // This machine is no other's to reach, and spoken to in the clear.
    let broken = format!("env HTTP_PROXY=http://127.0.0.1:1 HTTPS_PROXY=http://127.0.0.1:1 {WHARF}");
    sandbox.ok_with(format!("{WHARF} login -u admin --password-stdin {}", server.address), PASSWORD);
    there_and_back(&sandbox, &broken, &server.address.to_string(), "");
}

#[test]
fn with_a_private_authority() {
    let sandbox = Sandbox::new(&[]);
    let server = tls::server(&sandbox);
    let at = format!("localhost:{}", server.address.port());
    let trusting = "--plain-http=false --ca-file ca/ca.crt";
    sandbox.ok_with(format!("{WHARF} login -u admin --password-stdin https://{at} --ca-file ca/ca.crt"), PASSWORD);
    there_and_back(&sandbox, WHARF, &at, trusting);
    let said = sandbox.fails(format!("{WHARF} pull {at}/acme/copy:1 none -q --plain-http=false"));
    assert!(said.contains("is not trusted") && said.contains("--ca-file"), "{said}");
}

#[test]
fn with_a_login_from_a_helper() {
    let server = server();
    let at = server.address;
    let sandbox = Sandbox::new(&[]);
    let kept = format!("{{\"ServerURL\":\"{at}\",\"Username\":\"admin\",\"Secret\":\"{PASSWORD}\"}}");
    // It knows this registry only, and writes down what it was asked.
    let helper = format!(
        "#!/bin/sh\nread -r server\necho \"$1 $server\" >> {}\nif [ \"$server\" = {at} ]; then echo '{kept}'; else\n\
         echo credentials not found in native keychain; exit 1; fi\n",
        sandbox.at("asked")
    );
    let program = sandbox.write("tmp/docker-credential-fake", helper);
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(sandbox.path("docker")).unwrap();
    sandbox.write("docker/config.json", format!("{{\"credHelpers\": {{\"{at}\": \"fake\"}}}}"));
    let helped = format!("env PATH={}:/usr/bin:/bin {WHARF}", sandbox.at("tmp"));
    there_and_back(&sandbox, &helped, &at.to_string(), "");
    let asked = sandbox.read("asked");
    assert!(asked.lines().all(|line| line == format!("get {at}")), "{asked}");
    sandbox.fails(format!("{WHARF} pull {at}/acme/copy:1 none -q"));
}
