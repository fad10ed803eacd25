//! From a manifest to what is told of it: which kind it is, and its facts. Puts kinds, inspectors and declared facts together for
//! whoever can [`Fetch`]; blocks as it does.

use std::io::{self, Read as _};

use wharf_model::api::facts::Facts;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::limits::{FACT_CONFIG_BYTES_MAX, IMAGE_CONFIG_BYTES_MAX};
use wharf_model::manifest::Manifest;

use crate::facts;
use crate::inspect::{self, Artifact, Fetch, Inspectors};
use crate::kind::decide::{self, Decided};
use crate::kind::deciding::{Deciding, Step};
use crate::kind::{From, Kind, Kinds};

/// Moves when an inspector tells something else of the same bytes than before, or a declared fact is read elsewhere: then all
/// facts are made again ([`version`]). `tests/inspect/told.txt` keeps what they tell, in brief.
pub const INSPECTORS_VERSION: u32 = 3;
/// Of how many children of an index the size is looked up.
const CHILDREN_MAX: usize = 64;

/// Which of `kinds` it is; its config and its first child are read where that depends on them.
///
/// # Errors
/// An error of `from`.
pub fn recognise<'k>(kinds: &'k Kinds, manifest: &Manifest, from: &dyn Fetch) -> io::Result<Decided<'k>> {
    let mut deciding = Deciding::new(kinds, decide::Artifact::new(manifest));
    loop {
        let shown = match deciding.step() {
            Step::Is(decided) => return Ok(decided),
            Step::Config(named) => blob(&named, IMAGE_CONFIG_BYTES_MAX, from)?,
            Step::Manifest(named) => from.manifest(&named.digest)?,
        };
        deciding.show(shown);
    }
}

fn manifest(child: &Descriptor, from: &dyn Fetch) -> io::Result<Option<Manifest>> {
    Ok(from.manifest(&child.digest)?.and_then(|bytes| Manifest::parse(&bytes, Some(&child.media_type)).ok()))
}

/// The blob, if it is there: its beginning where it is larger than may be looked into, which is then seen by its length.
fn blob(named: &Descriptor, bytes_max: usize, from: &dyn Fetch) -> io::Result<Option<Vec<u8>>> {
    let Some(stream) = from.blob(&named.digest)? else { return Ok(None) };
    let mut bytes = Vec::new();
    stream.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// All that is told of an artifact of that kind: what its inspector finds, what the kind declares, and what the publisher says.
/// Bounded.
///
/// # Errors
/// An error of `from`, which says nothing of the artifact: try again.
pub fn tell(inspectors: Inspectors, kind: &Kind, artifact: Artifact, from: &dyn Fetch) -> io::Result<Facts> {
    let manifest = artifact.manifest.clone();
    let found = match inspector(kind, &manifest) {
        Some(name) => inspect::run(inspectors, name, artifact, from)?,
        None => None,
    };
    let mut facts = found.unwrap_or_default();
    let config = match &manifest.config {
        Some(named) => blob(named, FACT_CONFIG_BYTES_MAX, from)?,
        None => None,
    };
    facts::add(&mut facts, kind, &manifest, config.as_deref());
    Ok(facts.bounded())
}

/// Which inspector looks at it: the kind's. But an index that is of the kind of its children has nothing of what they have, but
/// what it lists; each child is told by itself.
fn inspector<'k>(kind: &'k Kind, manifest: &Manifest) -> Option<&'k str> {
    let name = kind.inspector.as_deref();
    if manifest.is_index() && !name.is_some_and(inspect::reads_indexes) { Some(inspect::INDEX) } else { name }
}

/// How many bytes all that the manifest names has; of an index, with what is in its children, as far as they are there.
///
/// # Errors
/// An error of `from`.
pub fn size(manifest: &Manifest, from: &dyn Fetch) -> io::Result<u64> {
    let mut sum = named(manifest);
    for (at, child) in manifest.manifests.iter().enumerate() {
        let inside = if at < CHILDREN_MAX { self::manifest(child, from)? } else { None };
        sum = sum.saturating_add(child.size).saturating_add(inside.as_ref().map_or(0, named));
    }
    Ok(sum)
}

/// Without the children of an index.
fn named(manifest: &Manifest) -> u64 {
    manifest.config.iter().chain(&manifest.layers).fold(0, |sum, one| sum.saturating_add(one.size))
}

/// The version of the facts about artifacts of that kind: another one where the same bytes may be told otherwise.
pub fn version(kind: &Kind) -> u32 {
    let mut text = format!("{INSPECTORS_VERSION}\n{}\n{}\n", kind.id, kind.inspector.as_deref().unwrap_or_default());
    for fact in &kind.facts {
        let (place, at) = match &fact.from {
            From::Config(at) => ("config", at),
            From::Annotation(at) => ("annotation", at),
            From::LayerAnnotation(at) => ("layer annotation", at),
            From::Label(at) => ("label", at),
        };
        text.push_str(&format!("{}\n{place}\n{at}\n", fact.name));
    }
    number(&text)
}

/// A number that stands for these kinds and these inspectors: another one where some artifact may be of another kind, or facts
/// of another version.
pub fn mark(kinds: &Kinds) -> u32 {
    number(&format!("{INSPECTORS_VERSION}\n{kinds:?}"))
}

fn number(text: &str) -> u32 {
    let digest = Digest::of(Algorithm::Sha256, text.as_bytes());
    digest.as_bytes().iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::collections::BTreeMap;
    use std::io::Read;

    use super::*;

    #[derive(Default)]
    struct Memory(BTreeMap<Digest, Vec<u8>>);

    impl Memory {
        fn put(&mut self, bytes: &[u8]) -> String {
            let digest = Digest::of(Algorithm::Sha256, bytes);
            self.0.insert(digest, bytes.to_vec());
            format!(r#""digest":"{digest}","size":{}"#, bytes.len())
        }
    }

    impl Fetch for Memory {
        fn manifest(&self, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
            Ok(self.0.get(digest).cloned())
        }

        fn blob(&self, digest: &Digest) -> io::Result<Option<Box<dyn Read + '_>>> {
            Ok(self.0.get(digest).map(|bytes| Box::new(&bytes[..]) as Box<dyn Read>))
        }
    }

    fn told(text: &str, from: &Memory) -> (String, Facts, u64) {
        let manifest = Manifest::parse(text.as_bytes(), None).expect("a manifest");
        let kind = recognise(Kinds::built_in(), &manifest, from).expect("memory does not fail").kind;
        let size = size(&manifest, from).expect("memory does not fail");
        let digest = Digest::of(Algorithm::Sha256, text.as_bytes());
        let artifact = Artifact { digest, manifest, bytes: text.as_bytes().to_vec() };
        (kind.id.clone(), tell(inspect::INSPECTORS, kind, artifact, from).expect("memory does not fail"), size)
    }

    #[test]
    fn a_chart_is_recognised_and_told() {
        let mut from = Memory::default();
        let config = from.put(br#"{"name":"app","version":"1.2.3","apiVersion":"v2"}"#);
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.cncf.helm.config.v1+json",{config}}},"layers":[]}}"#
        );
        let (kind, facts, size) = told(&text, &from);
        assert_eq!((kind.as_str(), size), ("helm-chart", 50));
        assert_eq!(facts.title.as_ref().map(|title| title.as_str()), Some("app"));
        from.0.clear();
        let (kind, facts, _) = told(&text, &from);
        assert_eq!(kind, "helm-chart", "what is not there is no error");
        assert!(!facts.faults.is_empty());
    }

    #[test]
    fn an_index_is_as_large_as_what_is_in_it() {
        let mut from = Memory::default();
        let config = from.put(b"{}");
        let child = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
                "config":{{"mediaType":"application/vnd.oci.image.config.v1+json",{config}}},"layers":[]}}"#
        );
        let length = child.len() as u64;
        let child = from.put(child.as_bytes());
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
                {{"mediaType":"application/vnd.oci.image.manifest.v1+json",{child}}}]}}"#
        );
        let (_, _, size) = told(&text, &from);
        assert_eq!(size, length + 2);
    }

    #[test]
    fn versions_move_with_what_is_told() {
        let chart = Kinds::built_in().get("helm-chart").expect("a kind");
        let mut other = chart.clone();
        other.note = "something else".to_owned();
        assert_eq!(version(chart), version(&other), "what lists and pages say of a kind is in no facts");
        other.facts.pop();
        assert_ne!(version(chart), version(&other));
        let own = Kinds::with_own(vec![other]).expect("kinds");
        assert_ne!(mark(&own), mark(Kinds::built_in()));
        assert_eq!(mark(Kinds::built_in()), mark(Kinds::built_in()));
    }
}
