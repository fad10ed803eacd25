//! The forms of files, and a helper that is a script.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn origin(text: &str) -> Origin {
    Origin::parse(text, true).expect("an address")
}

fn password(user: &str, password: &str) -> Login {
    Login::Password { user: user.to_owned(), password: Secret::new(password) }
}

/// Logins whose places are in a folder of the test.
fn places(folder: &Path) -> Credentials {
    let value = |name: &str| match name {
        "HOME" => Some(folder.join("home").into()),
        "REGISTRY_AUTH_FILE" => Some(folder.join("podman.json").into()),
        "XDG_RUNTIME_DIR" => Some(folder.join("run").into()),
        "PATH" => Some(format!("{}:/usr/bin:/bin", folder.display()).into()),
        _ => None,
    };
    Credentials::from_env(value)
}

fn read(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

#[test]
fn places_come_from_the_environment() {
    let folder = Path::new("/x");
    let found = places(folder);
    let expect = ["/x/home/.docker/config.json", "/x/podman.json", "/x/run/containers/auth.json"].map(PathBuf::from);
    assert_eq!(found.files, expect);
    let docker = Credentials::from_env(|name| (name == "DOCKER_CONFIG").then(|| "/d".into()));
    assert_eq!(docker.files, [PathBuf::from("/d/config.json")]);
    let nowhere = Credentials::from_env(|_| None);
    assert!(matches!(nowhere.docker(), Err(CredentialError::Homeless)));
}

#[tokio::test]
async fn forms_of_entries() {
    let folder = tempfile::tempdir().unwrap();
    let found = places(folder.path());
    let path = folder.path().join("podman.json");
    let get = async |text: &str, host: &str| {
        fs::write(&path, text).unwrap();
        found.get(&origin(host)).await.map_err(|error| error.to_string())
    };
    let auths = |entry: &str| format!(r#"{{"auths": {entry}}}"#);
    // "a2ltOnM6Yw==" is kim:s:c
    let kim = Ok(Some(password("kim", "s:c")));
    assert_eq!(get(&auths(r#"{"host:5000": {"auth": "a2ltOnM6Yw=="}}"#), "host:5000").await, kim);
    assert_eq!(get(&auths(r#"{"https://host:5000/v1/": {"auth": "a2ltOnM6Yw=="}}"#), "host:5000").await, kim);
    assert_eq!(get(&auths(r#"{"host": {"auth": "a2ltOnM6Yw=="}}"#), "host:5000").await, Ok(None));
    assert_eq!(get(&auths(r#"{"host/acme": {"auth": "a2ltOnM6Yw=="}}"#), "host").await, Ok(None));
    assert_eq!(get(&auths(r#"{"https://index.docker.io/v1/": {"auth": "a2ltOnM6Yw=="}}"#), "docker.io").await, kim);
    assert_eq!(get(&auths(r#"{"h": {"username": "kim", "password": "s:c"}}"#), "h").await, kim);
    let identity = Ok(Some(Login::Identity(Secret::new("t"))));
    assert_eq!(get(&auths(r#"{"h": {"auth": "YWRtaW46", "identitytoken": "t"}}"#), "h").await, identity);
    let token = Ok(Some(Login::Registry(Secret::new("t"))));
    assert_eq!(get(&auths(r#"{"h": {"registrytoken": "t"}}"#), "h").await, token);
    for nothing in ["", "{}", "{\"auths\": null}", "{\"auths\": {\"h\": {}}}", "{\"auths\": {\"h\": {\"auth\": \"\"}}}"]
    {
        assert_eq!(get(nothing, "h").await, Ok(None), "{nothing}");
    }
    for (wrong, why) in [
        ("[]", "no JSON object"),
        ("{\"secret", "not JSON, at line 1"),
        ("{\"auths\": []}", "auths is no object"),
        ("{\"credsStore\": 1}", "named by text"),
        ("{\"credsStore\": \"../x\"}", "strange name"),
        ("{\"auths\": {\"h\": {\"auth\": \"!\"}}}", "the login for h: auth is not base64"),
        ("{\"auths\": {\"h\": {\"auth\": \"a2lt\"}}}", "no colon"),
    ] {
        let error = get(wrong, "h").await.expect_err(wrong);
        assert!(error.contains("podman.json: ") && error.contains(why) && !error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn what_is_kept_is_found_and_all_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    let found = places(folder.path());
    let path = folder.path().join("home/.docker/config.json");
    let host = origin("host:5000");

    let kept = found.put(&host, "kim", &Secret::new("pass")).await.unwrap();
    assert_eq!(kept, Kept::File(path.clone()));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(found.get(&host).await.unwrap(), Some(password("kim", "pass")));

    // Somebody else's words, a wide mode, another form of the same key, and a link.
    let real = folder.path().join("real.json");
    let text = r#"{"psFormat": "x", "auths": {"https://host:5000": {"auth": "eDp5"}, "other": {"auth": "eDp5", "email": "e"}}}"#;
    fs::write(&real, text).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o644)).unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&real, &path).unwrap();
    found.put(&host, "kim", &Secret::new("new")).await.unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert_eq!(mode(&real), 0o600);
    let expect = serde_json::json!({
        "psFormat": "x",
        "auths": { "host:5000": { "auth": "a2ltOm5ldw==" }, "other": { "auth": "eDp5", "email": "e" } },
    });
    assert_eq!(read(&real), expect);

    assert!(found.forget(&host).await.unwrap());
    assert!(!found.forget(&host).await.unwrap());
    assert_eq!(found.get(&host).await.unwrap(), None);
    assert_eq!(read(&real)["auths"]["other"]["email"], "e");
    let colon = found.put(&host, "a:b", &Secret::new("x")).await;
    assert!(matches!(colon, Err(CredentialError::Colon)));
}

#[test]
fn secrets_do_not_show() {
    let shown = format!("{:?} {:?}", password("kim", "hidden"), Login::Identity(Secret::new("hidden")));
    assert!(shown.contains("kim") && !shown.contains("hidden"), "{shown}");
}

/// A helper that keeps each login in a file of its folder, and says so when it is asked for one that it does not have.
const HELPER: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
case $1 in
store) cat > kept ;;
get) read -r key; grep -q "\"$key\"" kept 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; }; cat kept ;;
erase) rm kept ;;
esac
"#;

fn install(folder: &Path, name: &str, script: &str) {
    let path = folder.join(format!("docker-credential-{name}"));
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_helper_keeps_the_logins() {
    let folder = tempfile::tempdir().unwrap();
    let found = places(folder.path());
    let path = folder.path().join("home/.docker/config.json");
    install(folder.path(), "fake", HELPER);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, r#"{"credsStore": "missing", "credHelpers": {"host:5000": "fake"}}"#).unwrap();
    let host = origin("host:5000");

    assert_eq!(found.get(&host).await.unwrap(), None);
    assert_eq!(found.put(&host, "kim", &Secret::new("hidden")).await.unwrap(), Kept::Helper("fake".to_owned()));
    assert!(!fs::read_to_string(&path).unwrap().contains("hidden"));
    assert_eq!(read(&path)["auths"], serde_json::json!({ "host:5000": {} }));
    assert_eq!(found.get(&host).await.unwrap(), Some(password("kim", "hidden")));
    assert!(found.forget(&host).await.unwrap());
    assert_eq!(found.get(&host).await.unwrap(), None);
    assert!(!found.forget(&host).await.unwrap());

    let error = found.get(&origin("other")).await.expect_err("there is no such helper").to_string();
    assert!(error.contains("docker-credential-missing"), "{error}");
}

#[tokio::test]
async fn helpers_that_do_not_help() {
    let folder = tempfile::tempdir().unwrap();
    let found = places(folder.path());
    fs::write(folder.path().join("podman.json"), r#"{"credsStore": "bad"}"#).unwrap();
    let get = async |script: &str| {
        install(folder.path(), "bad", script);
        found.get(&origin("host")).await.map_err(|error| error.to_string())
    };
    let failed = get("#!/bin/sh\necho the keychain is locked >&2; exit 1\n").await.expect_err("failed");
    assert!(failed.contains("docker-credential-bad") && failed.ends_with("the keychain is locked"), "{failed}");
    let strange = get("#!/bin/sh\necho '{\"hidden\": 1}'\n").await.expect_err("strange");
    assert!(!strange.contains("hidden"), "{strange}");
    // More than is read, from one that would wait for a reader.
    let endless = get("#!/bin/sh\nhead -c 1000000 /dev/zero; exit 1\n").await.expect_err("too much");
    assert!(endless.contains("docker-credential-bad"), "{endless}");
    let token = get("#!/bin/sh\necho '{\"Username\":\"<token>\",\"Secret\":\"t\"}'\n").await;
    assert_eq!(token, Ok(Some(Login::Identity(Secret::new("t")))));
}
