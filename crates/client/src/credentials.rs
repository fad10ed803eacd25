//! The logins that people have: in Docker's `config.json`, in the helpers that it names, and in podman's `auth.json`.
//!
//! Read are, one after the other, `$DOCKER_CONFIG/config.json` (else `~/.docker/config.json`), `$REGISTRY_AUTH_FILE`, and
//! `$XDG_RUNTIME_DIR/containers/auth.json`; the first that has a login for the registry counts. Written is only the first.

mod file;
mod helper;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::origin::Origin;
use file::AuthFile;
use helper::Helper;

/// Something that is in no log: `Debug` leaves it out, and it has no `Display`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps it.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// Itself, for where it is needed.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A name, and a password or a token in its place.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// What a token service gave in exchange for one (`identitytoken`).
    Identity(Secret),
    /// What is sent to the registry as it is (`registrytoken`).
    Registry(Secret),
}

/// Why logins cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// There is no folder for them.
    #[error("there is no home folder to keep logins in; set DOCKER_CONFIG")]
    Homeless,
    /// The system says no.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it says.
        error: std::io::Error,
    },
    /// The file is not as Docker writes it.
    #[error("{}: {why}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A helper does not help.
    #[error("docker-credential-{helper}, which keeps the logins: {why}")]
    Helper {
        /// The helper's name.
        helper: String,
        /// What it says.
        why: String,
    },
    /// A login cannot be written as such files have it.
    #[error("a name to log in with has no colon in it")]
    Colon,
}

/// Where a login was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In a file, readable by its owner, not encrypted.
    File(PathBuf),
    /// By a helper.
    Helper(String),
}

/// Where this process finds logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The first is written too. Later ones are only read.
    files: Vec<PathBuf>,
    /// Whether the first is Docker's.
    has_docker: bool,
    /// Where helpers are.
    path: Option<OsString>,
}

impl Credentials {
    /// The places that the environment names; `variable` tells the value of one.
    pub fn from_env(variable: impl Fn(&str) -> Option<OsString>) -> Credentials {
        let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let docker = folder("DOCKER_CONFIG").or_else(|| Some(folder("HOME")?.join(".docker")));
        let docker = docker.map(|folder| folder.join("config.json"));
        let runtime = folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json"));
        let has_docker = docker.is_some();
        let files = docker.into_iter().chain(folder("REGISTRY_AUTH_FILE")).chain(runtime).collect();
        Credentials { files, has_docker, path: variable("PATH") }
    }

    /// The login for a registry; `None` where there is none. Asks helpers, each within a minute.
    ///
    /// # Errors
    /// [`CredentialError`]. What cannot be read is an error: who has a login and is taken for nobody would be puzzled.
    pub async fn get(&self, origin: &Origin) -> Result<Option<Login>, CredentialError> {
        for path in &self.files {
            let file = AuthFile::read(path)?;
            if let Some(helper) = self.helper(&file, origin)?
                && let Some(login) = helper.get(origin.key()).await?
            {
                return Ok(Some(login));
            }
            if let Some(login) = file.login(origin)? {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }

    /// Keeps a login: with the helper that Docker's file names for the registry, else in that file, which is replaced as a
    /// whole and readable by its owner only. All else in it stays.
    ///
    /// # Errors
    /// [`CredentialError`]; the file then is as it was.
    pub async fn put(&self, origin: &Origin, user: &str, password: &Secret) -> Result<Kept, CredentialError> {
        if user.contains(':') {
            return Err(CredentialError::Colon);
        }
        let path = self.docker()?;
        let mut file = AuthFile::read(path)?;
        let Some(helper) = self.helper(&file, origin)? else {
            file.put(origin, Some((user, password)))?;
            file.write()?;
            return Ok(Kept::File(path.to_owned()));
        };
        helper.store(origin.key(), user, password).await?;
        // An entry without a login is how Docker knows that there is one.
        file.put(origin, None)?;
        file.write()?;
        Ok(Kept::Helper(helper.name().to_owned()))
    }

    /// Forgets the login for a registry in Docker's file and its helper; whether there was one. What podman has stays.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub async fn forget(&self, origin: &Origin) -> Result<bool, CredentialError> {
        let mut file = AuthFile::read(self.docker()?)?;
        let mut had = false;
        if let Some(helper) = self.helper(&file, origin)? {
            had = helper.get(origin.key()).await?.is_some();
            if had {
                helper.erase(origin.key()).await?;
            }
        }
        if file.remove(origin) {
            file.write()?;
            had = true;
        }
        Ok(had)
    }

    fn helper(&self, file: &AuthFile, origin: &Origin) -> Result<Option<Helper>, CredentialError> {
        Ok(file.helper(origin)?.map(|helper| helper.found_in(self.path.clone())))
    }

    fn docker(&self) -> Result<&Path, CredentialError> {
        self.files.first().filter(|_| self.has_docker).map(PathBuf::as_path).ok_or(CredentialError::Homeless)
    }
}

#[cfg(test)]
mod tests;
