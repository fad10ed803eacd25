//! What can go wrong, by what there is to do about it.

use std::fmt;
use std::path::PathBuf;

use reqwest::Method;
use wharf_model::code::{ErrorBody, ErrorEntry};

use crate::credentials::CredentialError;
use crate::origin::{Origin, OriginError};

/// What was asked of whom; for messages. Has neither credentials nor parameters in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The registry, as people write it.
    pub server: String,
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {}", self.method, self.path, self.server)
    }
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Login is needed, or the one that was sent does not count (401).
    #[error("{server}: {message}")]
    Unauthorized {
        /// The registry.
        server: String,
        /// What it says.
        message: String,
        /// Whether there was a login to send.
        logged_in: bool,
    },
    /// It is not allowed (403), or more than a quota leaves.
    #[error("{server}: {message}")]
    Denied {
        /// The registry.
        server: String,
        /// What it says.
        message: String,
        /// What it says for programs.
        detail: serde_json::Value,
    },
    /// It is not there (404), or hidden from whoever asks.
    #[error("{server}: {message}")]
    NotFound {
        /// The registry.
        server: String,
        /// What it says.
        message: String,
        /// Whether it is the endpoint that is not there: another sort of registry, or an older one.
        is_endpoint: bool,
    },
    /// The request cannot be done as it is: it is wrong, or something stands against it (the rest of 4xx).
    #[error("{server}: {message}")]
    Refused {
        /// The registry.
        server: String,
        /// The status.
        status: u16,
        /// The code for programs.
        code: String,
        /// What it says.
        message: String,
    },
    /// A manifest is not taken, for what it is.
    #[error("{server} does not take {what}: {message}")]
    Manifest {
        /// The registry.
        server: String,
        /// Which, and what it is.
        what: String,
        /// The status.
        status: u16,
        /// What the registry says.
        message: String,
    },
    /// It has too much to do, after all attempts (429, 503).
    #[error("{server} is busy: {message}")]
    Busy {
        /// The registry.
        server: String,
        /// What it says.
        message: String,
    },
    /// It failed (the rest of 5xx).
    #[error("{server} failed with status {status}: {message}")]
    Failed {
        /// The registry.
        server: String,
        /// The status.
        status: u16,
        /// What it says.
        message: String,
    },
    /// No connection, or it broke.
    #[error("{server} cannot be reached: {why}")]
    Unreachable {
        /// The registry.
        server: String,
        /// The deepest reason.
        why: String,
    },
    /// The connection broke before all had come.
    #[error("{asked}: the connection broke: {why}")]
    Cut {
        /// What was asked.
        asked: Asked,
        /// The deepest reason.
        why: String,
    },
    /// The registry sends elsewhere, and that is not followed.
    #[error("{asked}: is redirected to {to}, {why}")]
    Redirect {
        /// What was asked.
        asked: Asked,
        /// Where it sends to, without parameters.
        to: String,
        /// Why it is not followed.
        why: &'static str,
    },
    /// The registry does not do that at all.
    #[error("{server} {what}")]
    Unsupported {
        /// The registry.
        server: String,
        /// What it does not do, as the end of a sentence.
        what: String,
    },
    /// It did not prove who it is.
    #[error("{server} is not trusted: {why}")]
    Untrusted {
        /// The registry.
        server: String,
        /// The reason.
        why: String,
    },
    /// It does not know us by the certificate that it was shown, or wants to see one.
    #[error("{server} does not take our certificate: {why}")]
    Distrusted {
        /// The registry.
        server: String,
        /// The reason.
        why: String,
    },
    /// The answer came too late.
    #[error("{asked}: no answer in time")]
    Late {
        /// What was asked.
        asked: Asked,
    },
    /// The answer is none that such a registry gives.
    #[error("{asked}: {why}")]
    Strange {
        /// What was asked.
        asked: Asked,
        /// What is wrong with the answer.
        why: String,
    },
    /// The registry sends to a token service that must not see the login.
    #[error("{server} sends the login to {realm}, {why}")]
    Realm {
        /// The registry.
        server: String,
        /// Where it sends to.
        realm: String,
        /// Why it is not sent there.
        why: &'static str,
    },
    /// A list has more entries than are read.
    #[error("{asked}: the list has more than {max} entries")]
    TooMany {
        /// What was asked.
        asked: Asked,
        /// How many are read.
        max: usize,
    },
    /// A file of certificates, or one with a key, cannot be used.
    #[error("{}: {why}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The address names no registry.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// Logins cannot be read or kept.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// Nothing can be sent on this machine.
    #[error("requests cannot be made: {0}")]
    Setup(String),
}

impl Error {
    /// What to try next, where that can be said.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Unauthorized { server, logged_in: false, .. } => format!("log in first: wharf login {server}"),
            Error::Unauthorized { server, logged_in: true, .. } => {
                format!("name or password is wrong, or has ended; log in again: wharf login {server}")
            }
            // Where it is for a certain reason, the message says which.
            Error::Denied { detail, message, .. } if !detail.is_null() || message.contains("password") => return None,
            Error::Denied { .. } => "`wharf access explain` tells what gives somebody a right".to_owned(),
            Error::NotFound { server, is_endpoint: true, .. } => {
                format!("is {server} a Wharf registry, and not an older one?")
            }
            Error::NotFound { .. } => "what you may not see is shown as missing; is it spelt right?".to_owned(),
            Error::Unreachable { server, .. } if is_here(server) => {
                "does a registry run there? `wharf serve` starts one".to_owned()
            }
            Error::Unreachable { .. } => "is the name right, and does a registry run there?".to_owned(),
            Error::Manifest { server, .. } => format!("`wharf probe {server}` finds out what it takes"),
            Error::Untrusted { why, server } if why.contains("InvalidMessage") || why.contains("corrupt") => {
                format!("it does not speak TLS; --plain-http speaks to {server} in the clear")
            }
            Error::Untrusted { .. } => "--ca-file names the authority that signed its certificate".to_owned(),
            Error::Distrusted { .. } => {
                "--cert-file and --key-file name the certificate by which it knows you, and its key".to_owned()
            }
            Error::Strange { asked, .. } | Error::Cut { asked, .. } if asked.server.starts_with("http://") => {
                "if it speaks TLS, write https:// before its name".to_owned()
            }
            Error::Busy { .. } | Error::Late { .. } | Error::Cut { .. } => "try again in a moment".to_owned(),
            Error::Failed { .. } => "the log of the server says more".to_owned(),
            _ => return None,
        })
    }

    /// Whether the same may go well a moment later: a connection that broke, 408, 429, 500, 502, 503, 504.
    pub fn is_passing(&self) -> bool {
        match self {
            Error::Unreachable { .. } | Error::Cut { .. } | Error::Late { .. } | Error::Busy { .. } => true,
            Error::Failed { status, .. } | Error::Refused { status, .. } => is_passing(*status),
            _ => false,
        }
    }

    /// The error that an answer is.
    pub(crate) fn of(origin: &Origin, status: u16, body: &[u8], logged_in: bool) -> Error {
        let server = origin.name().to_owned();
        let entry = entry(body);
        let code = entry.as_ref().map(|entry| entry.code.clone()).unwrap_or_default();
        let detail = entry.as_ref().map(|entry| entry.detail.clone()).unwrap_or_default();
        let message = entry.map_or_else(|| format!("answers with status {status}"), |entry| entry.message);
        match status {
            401 => Error::Unauthorized { server, message, logged_in },
            403 => Error::Denied { server, message, detail },
            404 | 405 => {
                // A thing that is not there is named in the detail.
                let is_endpoint = matches!(&*code, "" | "NOT_FOUND" | "METHOD_NOT_ALLOWED") && detail.is_null();
                Error::NotFound { server, message, is_endpoint }
            }
            429 | 503 => Error::Busy { server, message },
            400..500 => Error::Refused { server, status, code, message },
            _ => Error::Failed { server, status, message },
        }
    }
}

impl From<Error> for wharf_content::error::Error {
    fn from(error: Error) -> Self {
        wharf_content::error::Error::End(Box::new(error))
    }
}

/// Whether a registry of that name would be on this machine.
fn is_here(name: &str) -> bool {
    Origin::parse(name, true).is_ok_and(|origin| origin.is_loopback())
}

/// Whether an answer of that status may be another a moment later.
pub(crate) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// The first error of a body of the Distribution API's form, as far as people can be shown it.
fn entry(body: &[u8]) -> Option<ErrorEntry> {
    let body: ErrorBody = serde_json::from_slice(body).ok()?;
    let entry = body.errors.into_iter().next()?;
    let message = entry.message.chars().filter(|c| !c.is_control()).take(2_000).collect();
    Some(ErrorEntry { message, ..entry })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn answers_become_errors() {
        let origin = Origin::parse("127.0.0.1:5000", false).expect("an address");
        let check = |status, body: &str, text: &str, hint: &str| {
            let error = Error::of(&origin, status, body.as_bytes(), true);
            assert_eq!(error.to_string(), text);
            assert!(error.hint().unwrap_or_default().contains(hint), "{error:?} {:?}", error.hint());
        };
        let body = |code: &str| format!(r#"{{"errors":[{{"code":"{code}","message":"no\u001b[2J, thanks"}}]}}"#);
        check(401, &body("UNAUTHORIZED"), "127.0.0.1:5000: no[2J, thanks", "wharf login 127.0.0.1:5000");
        check(403, &body("DENIED"), "127.0.0.1:5000: no[2J, thanks", "access explain");
        let password = r#"{"errors":[{"code":"DENIED","message":"the current password is not right"}]}"#;
        assert_eq!(Error::of(&origin, 403, password.as_bytes(), true).hint(), None);
        check(404, &body("NAME_UNKNOWN"), "127.0.0.1:5000: no[2J, thanks", "spelt right");
        check(404, "<html>", "127.0.0.1:5000: answers with status 404", "a Wharf registry");
        let thing = r#"{"errors":[{"code":"NOT_FOUND","message":"no kim","detail":{"what":"user"}}]}"#;
        check(404, thing, "127.0.0.1:5000: no kim", "spelt right");
        check(404, &body("NOT_FOUND"), "127.0.0.1:5000: no[2J, thanks", "a Wharf registry");
        check(409, &body("CONFLICT"), "127.0.0.1:5000: no[2J, thanks", "");
        check(503, "", "127.0.0.1:5000 is busy: answers with status 503", "in a moment");
        check(500, &body("UNKNOWN"), "127.0.0.1:5000 failed with status 500: no[2J, thanks", "log of the server");
        let nobody = Error::of(&origin, 401, b"", false);
        assert!(nobody.hint().is_some_and(|hint| hint.starts_with("log in first")));
        let away = |server: &str| Error::Unreachable { server: server.to_owned(), why: String::new() }.hint();
        assert!(away("127.0.0.1:5000").is_some_and(|hint| hint.contains("wharf serve")));
        assert!(away("registry.example.com").is_some_and(|hint| !hint.contains("wharf serve")));
    }
}
