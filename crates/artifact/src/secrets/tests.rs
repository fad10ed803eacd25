//! What looks like a credential, and what does not.

use super::*;

const KEY: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA1234567890abcdef\n";

#[test]
fn what_looks_like_a_credential() {
    let check = |path: &str, content: &str| assert!(look(path, content.as_bytes()).is_some(), "{path}: {content}");
    check("home/.ssh/id_rsa", "whatever");
    check("tls/server.pem", KEY);
    check("tls/server.pem", &format!("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n{KEY}"));
    check("a.json", r#"{"key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0"}"#);
    check("k", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\n");
    check("k.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBGPexampleQwertzuiop\n");
    check("k", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n");
    check(".netrc", "machine a login b password c");
    check(".npmrc", "//registry.npmjs.org/:_authToken=abcdef012345");
    check(".docker/config.json", r#"{"auths":{"a":{"auth":"dXNlcjpwdw=="}}}"#);
    check("x/config.json", r#"{"auths":{"a":{"identitytoken": "abc.def"}}}"#);
    check(".m2/settings.xml", "<servers><server><id>a</id><password>hunter2</password></server></servers>");
    check(".m2/settings-security.xml", "<settingsSecurity/>");
    check("app/.env", "DEBUG=1\nDB_PASSWORD=hunter2\n");
    check("prod.env", "export API_KEY='abcdef'");
    check(".aws/credentials", "[default]");
    check("certs/identity.p12", "\0");
    check("certs/identity.jks", "\0");
    check(".cargo/credentials.toml", "[registry]");
    check("gradle.properties", "signing.password=hunter2");
    check(".kube/config", "users:\n- user:\n    client-key-data: LS0tLS1CRUdJTi\n");
    check("notes.txt", &format!("use ghp_{}", "a1".repeat(18)));
    check("notes.txt", "glpat-abcdefghij0123456789");
    check("main.tf", "access_key = \"AKIAQWERTZUIOP123456\"");
}

#[test]
fn what_does_not() {
    let check = |path: &str, content: &str| assert_eq!(look(path, content.as_bytes()), None, "{path}: {content}");
    check("id_rsa.pub", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC me@host");
    check("ca.pem", "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIE\n-----END CERTIFICATE-----\n");
    check("pub.pem", "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOC\n");
    check("keys.rs", "if text.starts_with(\"-----BEGIN RSA PRIVATE KEY-----\") { parse() }");
    check(".npmrc", "registry=https://registry.npmjs.org/\n//a/:_authToken=${NPM_TOKEN}");
    check(".docker/config.json", r#"{"auths":{"a":{}},"credsStore":"pass"}"#);
    check("config.json", r#"{"auth":"none of docker's"}"#);
    check("settings.xml", "<settings><mirrors/></settings>");
    check("settings.xml", "<server><password>${env.PW}</password></server>");
    check(".env", "DEBUG=1\nPASSWORD=\nTOKEN=$OTHER\n#SECRET=abcdef\n");
    check(".env.example", "PASSWORD=hunter2");
    check("credentials", "a chapter of a book");
    check("gradle.properties", "org.gradle.jvmargs=-Xmx2g");
    check("notes.txt", "ghp_ is how tokens begin");
    check("notes.txt", &format!("ghp_{}", "x".repeat(36)));
    check("words.txt", &format!("AKIA{}", "A1B2".repeat(10)));
    check("blob", &format!("\0ghp_{}", "a1".repeat(18)));
}

#[test]
fn files_are_read_within_bounds() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, content: &str| std::fs::write(root.path().join(name), content).expect("a file");
    write("key.pem", KEY);
    write("far.txt", &format!("{}{KEY}", " ".repeat(SECRET_READ_BYTES)));
    write("large.txt", &format!("{KEY}{}", " ".repeat(1 << 20)));
    write("id_rsa", &" ".repeat(1 << 20));
    write(".netrc", "");
    let entries = crate::tree::scan(root.path(), &crate::tree::ScanOptions::default()).expect("a tree");
    let found: Vec<_> = find(root.path(), &entries).into_iter().map(|one| one.path).collect();
    assert_eq!(found, [Box::from("id_rsa"), "key.pem".into()]);
}
