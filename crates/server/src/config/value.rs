//! Values, from text. Each error says what the value should be.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use tracing_subscriber::filter::Targets;

pub(super) fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

pub(super) fn number(text: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let expected = || format!("it is a whole number from {} to {}", range.start(), range.end());
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(expected)
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    word(text, &[("true", true), ("false", false)])
}

pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("it is one of {}", words.join(", "))
    })
}

/// `ADDRESS:PORT`; `localhost` is the one name that needs no resolving.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| {
        let bare = text.parse::<IpAddr>().is_ok();
        let hint = match text.rsplit_once(':') {
            Some(("", port)) => format!("; for every address, 0.0.0.0:{port}"),
            _ if bare && text.contains(':') => format!("; [{text}]:5000"),
            _ if bare => format!("; {text}:5000"),
            _ => String::new(),
        };
        format!("it is an IP address and a port, as in 127.0.0.1:5000 or [::1]:5000{hint}")
    })
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    optional_path(text)?.ok_or_else(|| "it is the path of a folder".to_owned())
}

pub(super) fn optional_path(text: &str) -> Result<Option<PathBuf>, String> {
    if text.contains('\0') {
        return Err("a path has no zero byte".to_owned());
    }
    Ok((!text.is_empty()).then(|| PathBuf::from(text)))
}

/// A path, or a URL with one of `schemes`; which backends there are is not for this room to know.
pub(super) fn place(text: &str, schemes: &[&str]) -> Result<String, String> {
    match text.split_once("://") {
        Some((scheme, _)) if !schemes.contains(&scheme) => {
            Err(format!("it is a path, or a URL that begins with {}://", schemes.join(":// or ")))
        }
        _ => optional_path(text).map(|_| text.to_owned()),
    }
}

/// Scheme and host: clients know no registry below a path.
pub(super) fn url(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let plain = text.trim_end_matches('/');
    let host = plain.strip_prefix("https://").or_else(|| plain.strip_prefix("http://")).unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    if !host.is_empty() && host.bytes().all(fits) {
        Ok(Some(plain.to_owned()))
    } else {
        Err("it is http:// or https://, a host and perhaps a port, without a path".to_owned())
    }
}

pub(super) fn list<T: FromStr<Err: ToString>>(text: &str) -> Result<Vec<T>, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| item.parse().map_err(|error: T::Err| error.to_string())).collect()
}

pub(super) fn level(text: &str) -> Result<Targets, String> {
    let expected = || "it is off, error, warn, info, debug or trace, or a list as in info,wharf_store=debug".to_owned();
    // A word that is no level would be taken for a module's name.
    let is_level = |item: &str| item.contains('=') || item.parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
    if !text.split(',').all(|item| is_level(item.trim())) {
        return Err(expected());
    }
    text.parse().map_err(|_| expected())
}
