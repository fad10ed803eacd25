//! What is not the same in two artifacts, as far as their manifests and configs say it, whoever has read those: what is said of them,
//! their layers, and the children of indexes. Of what is in layers [`crate::layer`] tells.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;
use wharf_model::api::diff::{FactDiff, FileState, LayerInBrief, LayersDiff, ManifestDiff};
use wharf_model::api::files::FileKind;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;

use crate::config::FOLDER_TYPE;
use crate::layer::index::Node;
use crate::layer::walk::Kind;

/// What a config says of layers, which are compared themselves.
const OF_LAYERS: [&str; 2] = ["rootfs", "history"];
/// Deepest part of a config that is told apart.
const DEPTH_MAX: usize = 4;

/// The config of a manifest, where it is one that can be told apart; it is read for [`facts`].
pub fn config_to_read(manifest: &Manifest) -> Option<&Descriptor> {
    manifest.config.as_ref().filter(|config| config.media_type.as_str().ends_with("json"))
}

/// What is said of one of the two and not, or otherwise, of the other; by name. With each comes the content of its config, where
/// [`config_to_read`] wants it and it could be read.
pub fn facts(from: (&Manifest, Option<&[u8]>), to: (&Manifest, Option<&[u8]>)) -> Vec<FactDiff> {
    let (mut one, mut other) = (told(from.0, from.1), told(to.0, to.1));
    let names: BTreeSet<String> = one.keys().chain(other.keys()).cloned().collect();
    let facts = names.into_iter().map(|name| {
        let (from, to) = (one.remove(&name), other.remove(&name));
        FactDiff { name, from, to }
    });
    facts.filter(|fact| fact.from != fact.to).collect()
}

fn told(manifest: &Manifest, config: Option<&[u8]>) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::from([("media type".to_owned(), manifest.media_type.to_string())]);
    facts.extend(manifest.artifact_type.clone().map(|text| ("artifact type".to_owned(), text)));
    facts.extend(manifest.subject.as_ref().map(|subject| ("subject".to_owned(), subject.digest.to_string())));
    for (key, text) in manifest.annotations.iter().flatten() {
        facts.insert(format!("annotation {key}"), text.clone());
    }
    let Some(named) = &manifest.config else { return facts };
    match config.and_then(|bytes| serde_json::from_slice(bytes).ok()) {
        Some(Value::Object(object)) => {
            let object = object.into_iter().filter(|(key, _)| !OF_LAYERS.contains(&key.as_str()));
            object.for_each(|(key, value)| tell(key.to_ascii_lowercase(), value, 0, &mut facts));
        }
        _ => drop(facts.insert("config".to_owned(), named.digest.to_string())),
    }
    facts
}

/// Objects by their keys, the environment by its variables, all else as it is.
fn tell(name: String, value: Value, depth: usize, facts: &mut BTreeMap<String, String>) {
    match value {
        Value::Null => (),
        // Written by some where there is nothing to say.
        Value::Object(object) if name == "config" && object.is_empty() => (),
        Value::Object(object) if depth < DEPTH_MAX && !object.is_empty() => {
            for (key, value) in object {
                let name = match name.as_str() {
                    // What is in the config of a container stands for itself.
                    "config" if key == "Labels" => "label".to_owned(),
                    "config" => key.to_ascii_lowercase(),
                    _ => format!("{name} {key}"),
                };
                tell(name, value, depth + 1, facts);
            }
        }
        Value::Array(texts) if name == "env" => {
            for text in texts.iter().filter_map(Value::as_str) {
                let (key, value) = text.split_once('=').unwrap_or((text, ""));
                facts.insert(format!("env {key}"), value.to_owned());
            }
        }
        Value::String(text) => drop(facts.insert(name, text)),
        other => drop(facts.insert(name, other.to_string())),
    }
}

/// Which layers they have.
pub fn layers(from: &Manifest, to: &Manifest) -> LayersDiff {
    let digests = |manifest: &Manifest| manifest.layers.iter().map(|layer| layer.digest).collect::<HashSet<_>>();
    let (in_from, in_to) = (digests(from), digests(to));
    let brief = |layer: &Descriptor| LayerInBrief { digest: layer.digest, size: layer.size };
    let of = |manifest: &Manifest, takes: &dyn Fn(&Digest) -> bool| -> Vec<LayerInBrief> {
        manifest.layers.iter().filter(|layer| takes(&layer.digest)).map(brief).collect()
    };
    LayersDiff {
        shared: of(to, &|digest| in_from.contains(digest)),
        gone: of(from, &|digest| !in_to.contains(digest)),
        new: of(to, &|digest| !in_from.contains(digest)),
    }
}

/// The layers that need not be looked into on both sides, as they make the same there: those that both have, if they follow one
/// another in the same way. The layers of a [folder](crate::config::directory) have nothing in common but folders.
pub fn making_the_same(from: &Manifest, to: &Manifest) -> HashSet<Digest> {
    let shared: HashSet<Digest> = layers(from, to).shared.into_iter().map(|layer| layer.digest).collect();
    if is_apart(from, to) || same_order(from, to, &shared) { shared } else { HashSet::new() }
}

/// Whether both are folders that were pushed as artifacts, none of whose layers hangs on another.
pub fn is_apart(from: &Manifest, to: &Manifest) -> bool {
    [from, to].iter().all(|manifest| manifest.artifact_type.as_deref() == Some(FOLDER_TYPE))
}

fn same_order(one: &Manifest, other: &Manifest, shared: &HashSet<Digest>) -> bool {
    let is_shared = |layer: &&Descriptor| shared.contains(&layer.digest);
    let digest = |layer: &Descriptor| layer.digest;
    one.layers.iter().filter(is_shared).map(digest).eq(other.layers.iter().filter(is_shared).map(digest))
}

/// An index, and what a child of it is for, where it says so.
pub type Listing<'a> = (&'a Manifest, &'a dyn Fn(&Digest) -> Option<String>);

/// Children that are not the same for a platform; by digest, where nothing is said of platforms.
pub fn children(from: Listing<'_>, to: Listing<'_>) -> Vec<ManifestDiff> {
    let named = |(index, platform): Listing<'_>| {
        let name = |digest: &Digest| platform(digest).filter(|name| !name.starts_with("unknown/")).unwrap_or_default();
        index.manifests.iter().map(|child| (name(&child.digest), child.digest)).collect::<Vec<_>>()
    };
    let (one, other) = (named(from), named(to));
    let mut all: Vec<ManifestDiff> = Vec::new();
    for (platform, digest) in one.iter().filter(|child| !other.contains(child)) {
        let twin = other.iter().find(|(name, _)| !name.is_empty() && name == platform);
        let to = twin.map(|(_, digest)| *digest).filter(|digest| !one.iter().any(|(_, other)| other == digest));
        all.push(ManifestDiff { platform: platform.clone(), from: Some(*digest), to });
    }
    for (platform, digest) in other.iter().filter(|child| !one.contains(child)) {
        if !all.iter().any(|child| child.to == Some(*digest)) {
            all.push(ManifestDiff { platform: platform.clone(), from: None, to: Some(*digest) });
        }
    }
    all
}

impl From<&Node> for FileState {
    fn from(node: &Node) -> FileState {
        let target = match &node.kind {
            Kind::Symlink(target) | Kind::HardLink(target) => Some(target.to_string()),
            _ => None,
        };
        FileState {
            kind: FileKind::from(&node.kind),
            size: Some(node.size).filter(|_| node.kind == Kind::File),
            mode: format!("{:04o}", node.mode),
            uid: node.uid,
            gid: node.gid,
            target,
            digest: node.digest.as_deref().copied(),
        }
    }
}

impl From<&Kind> for FileKind {
    fn from(kind: &Kind) -> FileKind {
        match kind {
            Kind::File => FileKind::File,
            Kind::Folder => FileKind::Folder,
            Kind::Symlink(_) => FileKind::Symlink,
            Kind::HardLink(_) => FileKind::Hardlink,
            Kind::Character | Kind::Block => FileKind::Device,
            Kind::Fifo => FileKind::Fifo,
            Kind::Unknown => FileKind::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use serde_json::json;
    use wharf_model::digest::Algorithm;

    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::of(Algorithm::Sha256, text.as_bytes())
    }

    /// An image of layers that are called so.
    fn image(config: &str, layers: &[&str]) -> Manifest {
        let named = |name: &str, media_type: &str| json!({ "mediaType": media_type, "digest": digest(name), "size": name.len() });
        let layers: Vec<Value> =
            layers.iter().map(|name| named(name, "application/vnd.oci.image.layer.v1.tar")).collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": named(config, "application/vnd.oci.image.config.v1+json"), "layers": layers,
        });
        Manifest::parse(manifest.to_string().as_bytes(), None).expect("a manifest")
    }

    #[test]
    fn configs_are_told_by_name() {
        let config = json!({
            "architecture": "amd64", "variant": null, "rootfs": {},
            "config": { "Env": ["A=1", "B"], "Labels": { "x.y": "z" }, "Cmd": ["sh"], "ExposedPorts": { "80/tcp": {} } },
        });
        let facts = told(&image("c", &[]), Some(config.to_string().as_bytes()));
        let told: Vec<String> = facts.into_iter().map(|(name, text)| format!("{name}={text}")).collect();
        let expect = ["architecture=amd64", "cmd=[\"sh\"]", "env A=1", "env B=", "label x.y=z"];
        assert!(expect.iter().all(|one| told.iter().any(|other| other == one)), "{told:?}");
        assert!(told.iter().any(|one| one.starts_with("exposedports 80/tcp")), "{told:?}");
        assert!(!told.iter().any(|one| one.starts_with("rootfs") || one.starts_with("config")), "{told:?}");
    }

    #[test]
    fn configs_that_cannot_be_read_are_told_by_digest() {
        let found = facts((&image("a", &[]), None), (&image("b", &[]), Some(b"no JSON")));
        let expect = FactDiff {
            name: "config".to_owned(),
            from: Some(digest("a").to_string()),
            to: Some(digest("b").to_string()),
        };
        assert_eq!(found, [expect]);
        assert_eq!(facts((&image("a", &["x"]), None), (&image("a", &["y"]), None)), []);
    }

    #[test]
    fn layers_that_both_have() {
        let check = |from: &[&str], to: &[&str], expect: [&str; 3], making: &str| {
            let (from, to) = (image("c", from), image("c", to));
            let name = |one: &Digest| {
                ["a", "b", "c", "d"].into_iter().find(|name| digest(name) == *one).expect("one of these")
            };
            let names = |all: &[LayerInBrief]| all.iter().map(|layer| name(&layer.digest)).collect::<String>();
            let found = layers(&from, &to);
            assert_eq!([names(&found.shared), names(&found.gone), names(&found.new)], expect, "{from:?} {to:?}");
            let mut same: Vec<&str> = making_the_same(&from, &to).iter().map(name).collect();
            same.sort_unstable();
            assert_eq!(same.concat(), making);
        };
        check(&["a", "b"], &["a", "c"], ["a", "b", "c"], "a");
        check(&["a", "b", "c"], &["a", "d", "c"], ["ac", "b", "d"], "ac");
        check(&["a", "b"], &["b", "a"], ["ba", "", ""], "");
        check(&["a", "b", "a"], &["a", "b"], ["ab", "", ""], "");
        check(&[], &["a"], ["", "", "a"], "");
    }

    #[test]
    fn children_by_platform() {
        let index = |children: &[&str]| {
            let media_type = "application/vnd.oci.image.manifest.v1+json";
            let manifests: Vec<Value> = children
                .iter()
                .map(|child| json!({ "mediaType": media_type, "digest": digest(child), "size": 1 }))
                .collect();
            let index = json!({
                "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests,
            });
            Manifest::parse(index.to_string().as_bytes(), None).expect("an index")
        };
        // A child is called as what it is for.
        let platform = |one: &Digest| {
            let all = ["linux/amd64 1", "linux/amd64 2", "linux/arm64 1", "unknown/unknown 1", "unknown/unknown 2"];
            all.into_iter().find(|name| digest(name) == *one)?.split(' ').next().map(str::to_owned)
        };
        let check = |from: &[&str], to: &[&str], expect: &[(&str, Option<&str>, Option<&str>)]| {
            let found = children((&index(from), &platform), (&index(to), &platform));
            let expect: Vec<_> = expect
                .iter()
                .map(|(platform, from, to)| ManifestDiff {
                    platform: (*platform).to_owned(),
                    from: from.map(digest),
                    to: to.map(digest),
                })
                .collect();
            assert_eq!(found, expect);
        };
        let (one, two, arm) = ("linux/amd64 1", "linux/amd64 2", "linux/arm64 1");
        check(&[one, arm], &[two, arm], &[("linux/amd64", Some(one), Some(two))]);
        check(&[one], &[one, arm], &[("linux/arm64", None, Some(arm))]);
        let (bare, other) = ("unknown/unknown 1", "unknown/unknown 2");
        check(&[bare], &[other], &[("", Some(bare), None), ("", None, Some(other))]);
        check(&["x"], &["x"], &[]);
    }
}
