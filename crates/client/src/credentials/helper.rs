//! A program that keeps logins: `docker-credential-NAME`, by the protocol of Docker's credential helpers.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::{CredentialError, Login, Secret};

/// How long a helper may take; it may ask somebody.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most that is read of what a helper says, in bytes.
const OUTPUT_BYTES_MAX: u64 = 64 << 10;
/// What helpers say, in these words, where they have no login.
const NOT_FOUND: &str = "credentials not found";
/// The name under which they keep identity tokens.
const TOKEN_USER: &str = "<token>";

/// See the module.
pub(super) struct Helper {
    name: String,
    /// Where programs are, if that is not where this process finds its own.
    path: Option<OsString>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Got {
    username: String,
    secret: Secret,
}

impl Helper {
    /// The helper of that name; `None` where it could be the path of something else.
    pub(super) fn new(name: &str) -> Option<Helper> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (name.len() <= 64 && name.bytes().all(is_plain)).then(|| Helper { name: name.to_owned(), path: None })
    }

    /// The same, looked for in these folders.
    pub(super) fn found_in(self, path: Option<OsString>) -> Helper {
        Helper { path, ..self }
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The login that it has for a registry.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Login>, CredentialError> {
        let Said { is_done, out, err } = self.run("get", key).await?;
        if !is_done {
            let has_none = out.contains(NOT_FOUND) || err.contains(NOT_FOUND);
            return if has_none { Ok(None) } else { Err(self.failed(&out, &err)) };
        }
        let got: Got =
            serde_json::from_str(&out).map_err(|_| self.wrong("it answers with something else than a login"))?;
        Ok(match (got.username, got.secret) {
            (_, secret) if secret.is_empty() => None,
            (user, secret) if user == TOKEN_USER => Some(Login::Identity(secret)),
            (user, password) => Some(Login::Password { user, password }),
        })
    }

    /// Has it keep a login.
    pub(super) async fn store(&self, key: &str, user: &str, password: &Secret) -> Result<(), CredentialError> {
        let login = json!({ "ServerURL": key, "Username": user, "Secret": password.reveal() });
        self.done("store", &login.to_string()).await
    }

    /// Has it forget a login.
    pub(super) async fn erase(&self, key: &str) -> Result<(), CredentialError> {
        self.done("erase", key).await
    }

    async fn done(&self, verb: &str, input: &str) -> Result<(), CredentialError> {
        let said = self.run(verb, input).await?;
        if said.is_done { Ok(()) } else { Err(self.failed(&said.out, &said.err)) }
    }

    async fn run(&self, verb: &str, input: &str) -> Result<Said, CredentialError> {
        let mut command = Command::new(format!("docker-credential-{}", self.name));
        command.arg(verb).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        let child = command.spawn().map_err(|error| self.wrong(&error.to_string()))?;
        match tokio::time::timeout(PATIENCE, talk(child, input)).await {
            Ok(said) => said.map_err(|error| self.wrong(&error.to_string())),
            Err(_) => Err(self.wrong(&format!("it has not answered within {} seconds", PATIENCE.as_secs()))),
        }
    }

    /// The first line of what it says.
    fn failed(&self, out: &str, err: &str) -> CredentialError {
        let lines = out.lines().chain(err.lines()).map(str::trim);
        let line = lines.into_iter().find(|line| !line.is_empty()).unwrap_or("it failed and does not say why");
        self.wrong(line)
    }

    fn wrong(&self, why: &str) -> CredentialError {
        let why = why.chars().filter(|c| !c.is_control()).take(300).collect();
        CredentialError::Helper { helper: self.name.clone(), why }
    }
}

struct Said {
    is_done: bool,
    out: String,
    err: String,
}

async fn talk(mut child: Child, input: &str) -> std::io::Result<Said> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // One that does not want to know says so by how it ends.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let ((), out, err) = tokio::join!(write, read(stdout), read(stderr));
    let status = child.wait().await?;
    Ok(Said { is_done: status.success(), out: out?, err: err? })
}

/// All that it says, of which the start is kept: whoever waits for a reader does so in vain.
async fn read(stream: Option<impl AsyncRead + Unpin>) -> std::io::Result<String> {
    let Some(mut stream) = stream else { return Ok(String::new()) };
    let mut text = Vec::new();
    (&mut stream).take(OUTPUT_BYTES_MAX).read_to_end(&mut text).await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
