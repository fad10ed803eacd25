//! Files that look like credentials, found before anything is sent. A warning, no proof: who gets none may still send a secret.
//!
//! Judged are names, and the first [`SECRET_READ_BYTES`] of files up to [`SECRET_FILE_BYTES_MAX`].

mod token;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::resume_unwind;
use std::path::Path;

use wharf_model::limits::{SECRET_FILE_BYTES_MAX, SECRET_READ_BYTES};

use crate::tree::{Entry, Kind};

/// Entries that a thread looks at, at least.
const ENTRIES_MIN: usize = 256;

/// A file that looks like a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Below the folder.
    pub path: Box<str>,
    /// What it looks like.
    pub reason: &'static str,
}

/// What looks like a credential among `entries`, which are below `root`. A file that cannot be read is judged by its name:
/// packing it will fail, and say so. On all cores, as nothing is sent before it is done.
pub fn find(root: &Path, entries: &[Entry]) -> Vec<Finding> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = entries.len().div_ceil(threads).max(ENTRIES_MIN);
    std::thread::scope(|scope| {
        let shares: Vec<_> = entries.chunks(share).map(|share| scope.spawn(|| find_in(root, share))).collect();
        let found = shares.into_iter().flat_map(|share| share.join().unwrap_or_else(|panic| resume_unwind(panic)));
        found.collect()
    })
}

fn find_in(root: &Path, entries: &[Entry]) -> Vec<Finding> {
    let mut head = Vec::with_capacity(SECRET_READ_BYTES);
    let mut findings = Vec::new();
    for entry in entries.iter().filter(|entry| entry.kind == Kind::File && entry.size > 0) {
        let reason = by_name(&entry.path).or_else(|| {
            let is_worth_it = entry.size <= SECRET_FILE_BYTES_MAX && !is_archive(&entry.path);
            let is_read = is_worth_it && read(&root.join(&*entry.path), &mut head).is_ok();
            if is_read { by_content(&entry.path, &head) } else { None }
        });
        findings.extend(reason.map(|reason| Finding { path: entry.path.clone(), reason }));
    }
    findings
}

/// The same of one file, called `name`, whose first bytes are `head`.
pub fn look(name: &str, head: &[u8]) -> Option<&'static str> {
    by_name(name).or_else(|| by_content(name, head))
}

fn read(path: &Path, head: &mut Vec<u8>) -> io::Result<()> {
    head.clear();
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    file.take(SECRET_READ_BYTES as u64).read_to_end(head)?;
    Ok(())
}

/// Compressed contents, in which nothing can be read: not opening them is most of the time saved.
fn is_archive(path: &str) -> bool {
    const ENDS: [&str; 12] =
        [".jar", ".war", ".zip", ".gz", ".tgz", ".zst", ".xz", ".bz2", ".class", ".png", ".jpg", ".whl"];
    ENDS.iter().any(|end| path.ends_with(end))
}

/// The path's last name, and the one above it.
fn last_two(path: &str) -> (&str, &str) {
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    (above.rsplit_once('/').map_or(above, |(_, name)| name), name)
}

/// What nobody names so who means anything else.
fn by_name(path: &str) -> Option<&'static str> {
    let (above, name) = last_two(path);
    match name {
        "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519" | "id_ecdsa_sk" | "id_ed25519_sk" => Some("an SSH key"),
        ".netrc" | "_netrc" => Some("logins (netrc)"),
        ".git-credentials" => Some("logins of git"),
        ".pgpass" => Some("passwords of PostgreSQL"),
        "settings-security.xml" => Some("Maven's master password"),
        "credentials" if above == ".aws" => Some("credentials of AWS"),
        "credentials" | "credentials.toml" if above == ".cargo" => Some("a token of cargo"),
        "accessTokens.json" | "msal_token_cache.json" if above == ".azure" => Some("tokens of Azure"),
        "application_default_credentials.json" => Some("credentials of Google Cloud"),
        _ if [".p12", ".pfx", ".jks", ".keystore"].iter().any(|end| name.ends_with(end)) => Some("a key store"),
        _ if name.ends_with(".kdbx") => Some("a password safe"),
        _ => None,
    }
}

fn by_content(path: &str, head: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(head);
    if is_private_key(&text) {
        return Some("a private key");
    }
    // In what is no text, what looks like a token is chance.
    if head.contains(&0) {
        return None;
    }
    by_settings(last_two(path), &text).or_else(|| token::find(&text))
}

/// The line that begins a key, with the beginning of one behind it: what only tells of such lines is none.
fn is_private_key(text: &str) -> bool {
    text.split("-----BEGIN ").skip(1).any(|rest| {
        let Some((kind, rest)) = rest.split_once("-----") else { return false };
        let is_key = kind.len() < 40 && (kind.ends_with("PRIVATE KEY") || kind == "PGP PRIVATE KEY BLOCK");
        let body = rest.trim_start_matches(['\\', 'n', 'r', '\r', '\n', ' ']);
        is_key && body.chars().take_while(|one| one.is_ascii_alphanumeric() || "+/=-:, ".contains(*one)).count() >= 16
    })
}

/// Files of settings, which hold credentials or not.
fn by_settings((above, name): (&str, &str), text: &str) -> Option<&'static str> {
    let has_value = |key: &str| values(text, key).any(is_secret_value);
    match name {
        ".npmrc" | ".yarnrc" | ".yarnrc.yml" => {
            let keys = ["_authToken", "_auth", "_password", "npmAuthToken"];
            keys.iter().any(|key| has_value(key)).then_some("a token of npm")
        }
        "config.json" | ".dockercfg" | "auth.json" | "dockerconfig.json" | ".dockerconfigjson" => {
            let is_theirs = above == ".docker" || above == "containers" || text.contains("\"auths\"");
            let has_login = ["\"auth\"", "\"identitytoken\"", "\"registrytoken\""].iter().any(|key| has_value(key));
            (is_theirs && has_login).then_some("logins of Docker")
        }
        "settings.xml" => {
            let is_theirs = text.contains("<server>") || text.contains("<proxy>");
            let elements = ["<password>", "<passphrase>"];
            let mut values = elements.iter().flat_map(|one| text.split(one).skip(1));
            let has_password = values.any(|rest| rest.split('<').next().is_some_and(is_secret_value));
            (is_theirs && has_password).then_some("passwords of Maven")
        }
        ".pypirc" => has_value("password").then_some("a password of PyPI"),
        "gradle.properties" => has_secret_setting(text).then_some("a password of Gradle"),
        "kubeconfig" => is_kube_config(text).then_some("credentials of Kubernetes"),
        "config" if above == ".kube" => is_kube_config(text).then_some("credentials of Kubernetes"),
        _ if is_env(name) => has_secret_setting(text).then_some("secrets in an environment file"),
        _ => None,
    }
}

fn is_kube_config(text: &str) -> bool {
    ["client-key-data", "token", "password"].iter().any(|key| values(text, key).any(is_secret_value))
}

/// `.env`, `.env.production`, `prod.env`; not the examples that people put beside them.
fn is_env(name: &str) -> bool {
    let is_example = ["example", "sample", "template", "dist"].iter().any(|word| name.contains(word));
    (name == ".env" || name.starts_with(".env.") || name.ends_with(".env")) && !is_example
}

/// Whether a line `KEY=value` has a key that says it is secret, and a value.
fn has_secret_setting(text: &str) -> bool {
    let words = ["password", "passwd", "secret", "token", "apikey", "api_key", "access_key", "private_key"];
    text.lines().filter_map(|line| line.trim_start().split_once('=')).any(|(key, value)| {
        let key = key.trim().to_ascii_lowercase();
        let is_key = !key.starts_with(['#', '!']) && words.iter().any(|word| key.ends_with(word));
        is_key && is_secret_value(first_word(value))
    })
}

/// What follows each `key`, then `=` or `:`, up to the end of the word.
fn values<'a>(text: &'a str, key: &str) -> impl Iterator<Item = &'a str> {
    text.split(key).skip(1).filter_map(|rest| {
        let rest = rest.trim_start_matches([' ', '\t', '"']);
        rest.strip_prefix(['=', ':']).map(first_word)
    })
}

fn first_word(text: &str) -> &str {
    let text = text.trim_start_matches([' ', '\t', '"', '\'']);
    text.split(['"', '\'', '\n', '\r', ' ', ',']).next().unwrap_or_default()
}

/// Not nothing, not the name of a variable, not a word that stands for a secret.
fn is_secret_value(value: &str) -> bool {
    let value = value.trim();
    let lower = value.to_ascii_lowercase();
    let is_variable = value.starts_with(['$', '<', '%']) || value.starts_with("{{") || value.contains("${");
    let stand_ins = ["changeme", "change_me", "xxx", "your", "example", "placeholder", "todo", "null", "none", "***"];
    value.len() >= 3 && !is_variable && !stand_ins.iter().any(|one| lower.starts_with(one))
}

#[cfg(test)]
mod tests;
