//! All packages that a bill of materials tells of, for whoever looks for them: facts hold only the first of them.
//!
//! The bill may stand by itself, or in a statement, in an envelope, in a bundle.

use std::borrow::Cow;

use serde_json::value::RawValue;
use wharf_model::api::facts::supply::Package;

use super::envelope::ENVELOPE;
use super::pieces::Pieces;
use super::{certificate, sbom};

/// Most packages of one bill that are told; a large distribution has some ten thousand.
pub const PACKAGES_MAX: usize = 50_000;
/// How long a name or a version is that is told, in bytes; others are passed over.
const TEXT_BYTES_MAX: usize = 512;

/// A package by what it is looked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Packaged {
    /// The type of its package URL, in lower case; empty where it has none.
    pub ecosystem: String,
    /// Its name with its namespace, in lower case: `org.apache.logging.log4j/log4j-core`.
    pub name: String,
    /// Its version; empty where none is told.
    pub version: String,
}

/// The packages of a bill, sorted, each once; none of what is no bill, or cannot be read.
pub fn packages(bytes: &[u8]) -> Vec<Packaged> {
    let mut all = Vec::new();
    let mut each = |package: &Package| {
        if all.len() < PACKAGES_MAX {
            all.extend(packaged(package));
        }
    };
    if sbom::packages(bytes, &mut each).is_err()
        && let Some(bill) = std::str::from_utf8(bytes).ok().and_then(|text| stated(text, 0))
    {
        // What is broken in it is told among the facts.
        let _ = sbom::packages(bill.as_bytes(), &mut each);
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// What a statement states, whatever that is in.
fn stated(text: &str, depth: usize) -> Option<Cow<'_, str>> {
    const WRAPPED: &[&str] = &["dsseEnvelope", "predicate"];
    if depth > 2 {
        return None;
    }
    let pieces = Pieces::read(text, WRAPPED).ok()?;
    if let Some(predicate) = pieces.raw("predicate") {
        return Some(Cow::Borrowed(predicate.get()));
    }
    let envelope = pieces.raw("dsseEnvelope").map_or(text, RawValue::get);
    let payload = Pieces::read(envelope, ENVELOPE).ok()?.text("payload")?;
    let statement = String::from_utf8(certificate::base64(&payload)?).ok()?;
    stated(&statement, depth + 1).map(|bill| Cow::Owned(bill.into_owned()))
}

fn packaged(package: &Package) -> Option<Packaged> {
    let version = package.version.as_str();
    let named = package.purl.as_ref().and_then(|purl| from_purl(purl.as_str()));
    let (ecosystem, name, of_url) =
        named.unwrap_or_else(|| (String::new(), package.name.as_str().to_lowercase(), String::new()));
    let version = if version.is_empty() { of_url } else { version.to_owned() };
    let fits = !name.is_empty() && name.len() <= TEXT_BYTES_MAX && version.len() <= TEXT_BYTES_MAX;
    fits.then_some(Packaged { ecosystem, name, version })
}

/// Type, name and version of a package URL (package-url/purl-spec): `pkg:npm/%40angular/core@17.0.0?x=y#z`.
fn from_purl(purl: &str) -> Option<(String, String, String)> {
    let rest = purl.strip_prefix("pkg:")?.trim_start_matches('/');
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (ecosystem, rest) = rest.split_once('/')?;
    // A scope of npm may be written as it is; what is behind the last @ is a version if it is behind the last slash.
    let (name, version) = match rest.rsplit_once('@') {
        Some((name, version)) if !version.contains('/') && !name.is_empty() => (name, version),
        _ => (rest, ""),
    };
    let name = decoded(name.trim_matches('/')).to_lowercase();
    (!name.is_empty()).then(|| (ecosystem.to_ascii_lowercase(), name, decoded(version)))
}

/// Without what is escaped by `%`; a sign that cannot be read stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high << 4 | low) as u8);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    text.chars().filter(|one| !one.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: &[&str]) {
        let shown = |one: Packaged| format!("{} {} {}", one.ecosystem, one.name, one.version);
        assert_eq!(packages(bytes).into_iter().map(shown).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn packages_of_bills_of_any_format() {
        let bill = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[
            {"type":"library","name":"core","version":"17.0.0","purl":"pkg:npm/%40angular/core@17.0.0?a=b#c"},
            {"type":"library","name":"log4j-core","purl":"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"},
            {"type":"file","name":"/etc/passwd"},
            {"type":"library","name":"Plain","version":"1:2.0-1"},
            {"type":"library","name":"Plain","version":"1:2.0-1"}]}"#;
        let expect = [" plain 1:2.0-1", "maven org.apache.logging.log4j/log4j-core 2.14.1", "npm @angular/core 17.0.0"];
        check(bill.as_bytes(), &expect);
        let statement = format!(r#"{{"predicateType":"https://cyclonedx.org/bom","predicate":{bill}}}"#);
        check(statement.as_bytes(), &expect);
        let payload = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &statement);
        let envelope =
            format!(r#"{{"payloadType":"application/vnd.in-toto+json","payload":"{payload}","signatures":[]}}"#);
        check(envelope.as_bytes(), &expect);
        let bundle = format!(r#"{{"verificationMaterial":{{}},"dsseEnvelope":{envelope}}}"#);
        check(bundle.as_bytes(), &expect);
        check(b"SPDXVersion: SPDX-2.3\nPackageName: curl\nPackageVersion: 8.0\n", &[" curl 8.0"]);
        for broken in [&b""[..], b"{", b"{}", b"\xff", br#"{"payload":"!"}"#, br#"{"predicate":7}"#] {
            check(broken, &[]);
        }
    }

    #[test]
    fn more_than_facts_hold() {
        let one = |at: usize| format!(r#"{{"name":"p{at:04}","version":"1"}}"#);
        let all: Vec<String> = (0..1_500).map(one).collect();
        let bill = format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{}]}}"#, all.join(","));
        assert_eq!(packages(bill.as_bytes()).len(), 1_500);
    }

    #[test]
    fn what_is_escaped() {
        for (text, expect) in [("%40a", "@a"), ("100%", "100%"), ("%zz%4", "%zz%4"), ("%0a", ""), ("%ff", "\u{fffd}")] {
            assert_eq!(decoded(text), expect);
        }
        assert_eq!(from_purl("pkg:npm/@a/b"), Some(("npm".into(), "@a/b".into(), String::new())));
        assert_eq!((from_purl("pkg:npm"), from_purl("npm/x"), from_purl("pkg:npm/")), (None, None, None));
    }
}
