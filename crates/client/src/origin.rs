//! Which registry: scheme, host and port, and what its logins are kept under.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// What logins to Docker Hub are kept under, by everybody.
const HUB_KEY: &str = "https://index.docker.io/v1/";
/// The names of Docker Hub.
const HUB_NAMES: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// Where a registry is spoken to. Credentials belong to one of these and go to no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Without path, query and credentials.
    url: Url,
    /// What people call it: `host` or `host:port`.
    name: String,
}

/// The text names no registry that may be spoken to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// It has another form than `host[:port]`.
    #[error(
        "{0:?} is not the address of a registry; write HOST or HOST:PORT, with https:// or http:// before it if need be"
    )]
    Form(String),
    /// It is to be spoken to in the clear, and everybody on the way could read along.
    #[error("{0} would be spoken to in the clear, and it is not this machine; say so by --plain-http, or use https://")]
    Clear(String),
}

impl Origin {
    /// The registry that `text` names: `host[:port]`, with or without scheme. Without, it is https, or http on this machine
    /// (loopback addresses and `localhost`) and where `plain_http` is set, which http elsewhere needs.
    ///
    /// # Errors
    /// [`OriginError`].
    pub fn parse(text: &str, plain_http: bool) -> Result<Origin, OriginError> {
        let form = || OriginError::Form(text.chars().take(300).collect());
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme @ ("https" | "http"), rest)) => (Some(scheme), rest),
            Some(_) => return Err(form()),
            None => (None, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        if rest.is_empty() || !rest.bytes().all(is_plain) {
            return Err(form());
        }
        let host = if HUB_NAMES.contains(&rest) { "registry-1.docker.io" } else { rest };
        let guess = Url::parse(&format!("http://{host}")).map_err(|_| form())?;
        let clear = scheme.map_or(plain_http || is_loopback(&guess), |scheme| scheme == "http");
        if clear && !plain_http && !is_loopback(&guess) {
            return Err(OriginError::Clear(rest.to_owned()));
        }
        let scheme = if clear { "http" } else { "https" };
        let url = Url::parse(&format!("{scheme}://{host}")).map_err(|_| form())?;
        let name = if host == rest { authority(&url).ok_or_else(form)? } else { HUB_NAMES[0].to_owned() };
        Ok(Origin { url, name })
    }

    /// The origin of a URL, whatever else is in it; `None` where it is not one of http.
    pub(crate) fn of(url: &Url) -> Option<Origin> {
        let name = authority(url).filter(|_| matches!(url.scheme(), "http" | "https"))?;
        let url = Url::parse(&format!("{}://{name}", url.scheme())).ok()?;
        Some(Origin { url, name })
    }

    /// `host`, or `host:port` where it is not the usual one: how people write it, and how it stands before a repository.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its logins are kept under in the files of Docker.
    pub fn key(&self) -> &str {
        if self.name == HUB_NAMES[0] { HUB_KEY } else { &self.name }
    }

    /// Whether the other side proves who it is, and nobody reads along.
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// The URL of a path there; `path_and_query` begins with `/` and is encoded already.
    pub(crate) fn at(&self, path_and_query: &str) -> Url {
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let mut url = self.url.clone();
        url.set_path(path);
        url.set_query(query);
        url
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

/// The key of a credential file without what does not matter: `https://index.docker.io/v1/` is `docker.io`,
/// `https://host:5000/v2/` is `host:5000`; podman's `host/acme` stays, it is for a part of the registry.
pub(crate) fn plain_key(key: &str) -> String {
    let key = key.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    let key = key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key);
    if HUB_NAMES.contains(&key) { HUB_NAMES[0].to_owned() } else { key.to_ascii_lowercase() }
}

fn authority(url: &Url) -> Option<String> {
    let host = url.host_str().filter(|host| !host.is_empty())?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// Whether what is said to that URL does not leave the machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let by_name = host == "localhost" || host.ends_with(".localhost");
    by_name || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn origins() {
        let check = |text: &str, plain: bool, expect: Result<(&str, &str), &str>| {
            let found = Origin::parse(text, plain);
            let found = found.map(|origin| (origin.to_string(), origin.name().to_owned()));
            let found = found.map_err(|error| format!("{error:?}"));
            match expect {
                Ok((url, name)) => assert_eq!(found, Ok((url.to_owned(), name.to_owned())), "{text}"),
                Err(start) => assert!(found.as_ref().is_err_and(|error| error.starts_with(start)), "{text}: {found:?}"),
            }
        };
        check("127.0.0.1:5000", false, Ok(("http://127.0.0.1:5000", "127.0.0.1:5000")));
        check("localhost:5000", false, Ok(("http://localhost:5000", "localhost:5000")));
        check("[::1]:5000", false, Ok(("http://[::1]:5000", "[::1]:5000")));
        check("https://localhost:5000/", false, Ok(("https://localhost:5000", "localhost:5000")));
        check("Registry.example.com", false, Ok(("https://registry.example.com", "registry.example.com")));
        check("registry.example.com:443", false, Ok(("https://registry.example.com", "registry.example.com")));
        check(
            "registry.example.com:8443",
            false,
            Ok(("https://registry.example.com:8443", "registry.example.com:8443")),
        );
        check("registry.internal:5000", true, Ok(("http://registry.internal:5000", "registry.internal:5000")));
        check("https://registry.internal", true, Ok(("https://registry.internal", "registry.internal")));
        check("docker.io", false, Ok(("https://registry-1.docker.io", "docker.io")));
        check("http://registry.example.com", false, Err("Clear"));
        check("http://127.0.0.1.example.com", false, Err("Clear"));
        for text in ["", "acme/app", "ftp://host", "https://kim:secret@host", "host:port", "host/path", "a b", "host?x"]
        {
            check(text, false, Err("Form"));
        }
        assert_eq!(Origin::parse("docker.io", false).unwrap().key(), HUB_KEY);
    }

    #[test]
    fn keys_of_credential_files() {
        let check = |key: &str, expect: &str| assert_eq!(plain_key(key), expect, "{key}");
        check("https://index.docker.io/v1/", "docker.io");
        check("docker.io", "docker.io");
        check("https://registry.example.com/v2/", "registry.example.com");
        check("http://127.0.0.1:5000", "127.0.0.1:5000");
        check("Host:5000", "host:5000");
        check("host/acme", "host/acme");
    }
}
