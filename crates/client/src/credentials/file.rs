//! A file with logins, as Docker and podman write it: what we do not know of it stays.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::helper::Helper;
use super::{CredentialError, Login, Secret};
use crate::origin::{Origin, plain_key};

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// See the module.
pub(super) struct AuthFile {
    path: PathBuf,
    content: Map<String, Value>,
}

impl AuthFile {
    /// The file at `path`; an empty one where there is none.
    pub(super) fn read(path: &Path) -> Result<AuthFile, CredentialError> {
        let failed = |error| CredentialError::Io { path: path.to_owned(), error };
        let mut text = Vec::new();
        match fs::File::open(path) {
            Ok(file) => file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(failed)?,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => 0,
            Err(error) => return Err(failed(error)),
        };
        let file = AuthFile { path: path.to_owned(), content: Map::new() };
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(file.wrong(format!("is larger than {FILE_BYTES_MAX} bytes")));
        }
        if text.trim_ascii().is_empty() {
            return Ok(file);
        }
        match serde_json::from_slice(&text) {
            Ok(Value::Object(content)) => Ok(AuthFile { content, ..file }),
            Ok(_) => Err(file.wrong("is no JSON object")),
            // What is there instead may be a secret, and is not repeated.
            Err(error) => Err(file.wrong(format!("is not JSON, at line {}", error.line()))),
        }
    }

    /// The program that keeps the logins for a registry, where one does.
    pub(super) fn helper(&self, origin: &Origin) -> Result<Option<Helper>, CredentialError> {
        let helpers = self.object("credHelpers")?;
        let own = helpers.into_iter().flatten().find(|(key, _)| plain_key(key) == origin.name());
        let name = own.map(|(_, name)| name).or_else(|| self.content.get("credsStore"));
        match name.map(|name| name.as_str().ok_or("a helper is named by text")) {
            None | Some(Ok("")) => Ok(None),
            Some(Ok(name)) => Helper::new(name).map(Some).ok_or_else(|| self.wrong("has a helper with a strange name")),
            Some(Err(why)) => Err(self.wrong(why)),
        }
    }

    /// The login in the file itself.
    pub(super) fn login(&self, origin: &Origin) -> Result<Option<Login>, CredentialError> {
        let Some(auths) = self.object("auths")? else { return Ok(None) };
        for (_, entry) in auths.iter().filter(|(key, _)| plain_key(key) == origin.name()) {
            if let Some(login) =
                parse(entry).map_err(|why| self.wrong(format!("the login for {}: {why}", origin.name())))?
            {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }

    /// Sets the login, or an empty entry.
    pub(super) fn put(&mut self, origin: &Origin, login: Option<(&str, &Secret)>) -> Result<(), CredentialError> {
        self.object("auths")?;
        self.remove(origin);
        let entry = match login {
            Some((user, password)) => json!({ "auth": STANDARD.encode(format!("{user}:{}", password.reveal())) }),
            None => json!({}),
        };
        let auths = self.content.entry("auths").or_insert_with(|| json!({}));
        if let Value::Object(auths) = auths {
            auths.insert(origin.key().to_owned(), entry);
        }
        Ok(())
    }

    /// Takes all entries of a registry away; whether there were any.
    pub(super) fn remove(&mut self, origin: &Origin) -> bool {
        let Some(Value::Object(auths)) = self.content.get_mut("auths") else { return false };
        let before = auths.len();
        auths.retain(|key, _| plain_key(key) != origin.name());
        auths.len() < before
    }

    /// Replaces the file as a whole, readable by its owner only; one that is reached by a link stays where it is.
    pub(super) fn write(&self) -> Result<(), CredentialError> {
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let failed = |error| CredentialError::Io { path: path.clone(), error };
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let mut text = serde_json::to_string_pretty(&self.content).map_err(|error| failed(error.into()))?;
        text.push('\n');
        // It is made with mode 0600.
        let mut file = tempfile::NamedTempFile::with_prefix_in(".config.json.", folder).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    fn object(&self, key: &str) -> Result<Option<&Map<String, Value>>, CredentialError> {
        match self.content.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(self.wrong(format!("{key} is no object"))),
        }
    }

    fn wrong(&self, why: impl Into<String>) -> CredentialError {
        CredentialError::Form { path: self.path.clone(), why: why.into() }
    }
}

/// An entry of `auths`; an empty one says nothing.
fn parse(entry: &Value) -> Result<Option<Login>, &'static str> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(token) = text("identitytoken") {
        return Ok(Some(Login::Identity(Secret::new(token))));
    }
    if let Some(token) = text("registrytoken") {
        return Ok(Some(Login::Registry(Secret::new(token))));
    }
    let password = |user: &str, password: &str| {
        let password = Secret::new(password.trim_end_matches('\0'));
        Some(Login::Password { user: user.to_owned(), password })
    };
    let Some(auth) = text("auth") else {
        return Ok(text("username").zip(text("password")).and_then(|(user, secret)| password(user, secret)));
    };
    let bytes = STANDARD.decode(auth).map_err(|_| "auth is not base64")?;
    let both = String::from_utf8(bytes).map_err(|_| "auth is not text")?;
    let (user, secret) = both.split_once(':').ok_or("auth has no colon")?;
    Ok(password(user, secret))
}
