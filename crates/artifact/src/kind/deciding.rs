//! Deciding which kind an artifact is, where that has to be read first: it says what it wants to see, and is shown it by whoever
//! can read there, in whatever way.

use wharf_model::descriptor::Descriptor;
use wharf_model::manifest::Manifest;

use super::Kinds;
use super::decide::{Artifact, Child, Config, Decided, Verdict, first_child};

/// See the module. Ends after at most three times [`Step::Config`] or [`Step::Manifest`], whatever it is shown.
#[derive(Debug)]
pub struct Deciding<'k, 'a> {
    kinds: &'k Kinds,
    artifact: Artifact<'a>,
    /// The content of its config.
    config: Option<Vec<u8>>,
    /// The child that is decided about first.
    child: Option<Named>,
    /// Whether it is a config that it wants to see.
    wants_config: bool,
}

/// What an index names.
#[derive(Debug)]
struct Named {
    by: Descriptor,
    manifest: Manifest,
    config: Config,
}

/// Where a decision is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'k> {
    /// It wants to see the blob that this names; nothing where that is not there, or larger than
    /// [`wharf_model::limits::IMAGE_CONFIG_BYTES_MAX`].
    Config(Descriptor),
    /// It wants to see the manifest that this names; nothing where that is not there.
    Manifest(Descriptor),
    /// That is the kind, and why.
    Is(Decided<'k>),
}

impl<'k: 'a, 'a> Deciding<'k, 'a> {
    /// Which of `kinds` that is, of which its config and its child may be unread.
    pub fn new(kinds: &'k Kinds, artifact: Artifact<'a>) -> Deciding<'k, 'a> {
        Deciding { kinds, artifact, config: None, child: None, wants_config: false }
    }

    /// The kind, or what is to be [shown](Deciding::show) before it can be said.
    pub fn step(&mut self) -> Step<'k> {
        loop {
            let (verdict, manifest) = match &self.child {
                Some(child) => (self.kinds.decide(&child.artifact()), &child.manifest),
                None => (self.kinds.decide(&self.artifact), self.artifact.manifest),
            };
            self.wants_config = verdict == Verdict::NeedsConfig;
            let wanted = match verdict {
                Verdict::Is(decided) if self.child.is_none() => return Step::Is(decided),
                Verdict::Is(decided) => {
                    self.artifact.child = Child::Is(&decided.kind.id);
                    self.child = None;
                    continue;
                }
                Verdict::NeedsConfig => manifest.config.clone().map(Step::Config),
                Verdict::NeedsChild => first_child(manifest).cloned().map(Step::Manifest),
            };
            match wanted {
                Some(step) => return step,
                None => self.show(None),
            }
        }
    }

    /// Goes on, shown what the last [`Deciding::step`] wanted to see.
    pub fn show(&mut self, bytes: Option<Vec<u8>>) {
        let read = |bytes: &Option<Vec<u8>>| bytes.as_deref().map_or(Config::none(), Config::read);
        if let Some(child) = &mut self.child {
            child.config = read(&bytes);
        } else if self.wants_config {
            self.artifact.config = read(&bytes);
            self.config = bytes;
        } else {
            self.artifact.child = Child::None;
            self.child = first_child(self.artifact.manifest).zip(bytes).and_then(|(by, bytes)| Named::read(by, &bytes));
        }
    }

    /// The content of the artifact's config, where it was shown.
    pub fn into_config(self) -> Option<Vec<u8>> {
        self.config
    }
}

impl Named {
    /// Nothing where it is no manifest.
    fn read(by: &Descriptor, bytes: &[u8]) -> Option<Named> {
        let manifest = Manifest::parse(bytes, Some(&by.media_type)).ok()?;
        Some(Named { by: by.clone(), manifest, config: Config::Unread })
    }

    /// It is no index ([`first_child`]), so that it has no child to be looked at.
    fn artifact(&self) -> Artifact<'_> {
        let config = self.config.clone();
        Artifact { named_by: Some(&self.by), config, child: Child::None, ..Artifact::new(&self.manifest) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const CHILD: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "config":{"mediaType":"application/vnd.oci.image.config.v1+json",
            "digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;
    const BOOTABLE: &str = r#"{"config":{"Labels":{"containers.bootc":"1"}}}"#;

    fn index() -> Manifest {
        let text = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
            {"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,
                "digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}]}"#;
        Manifest::parse(text.as_bytes(), None).expect("an index")
    }

    /// What it wants to see, shown these in turn, and the kind in the end.
    fn decided(manifest: &Manifest, shown: &[Option<&str>]) -> Vec<String> {
        let mut deciding = Deciding::new(Kinds::built_in(), Artifact::new(manifest));
        let (mut said, mut shown) = (Vec::new(), shown.iter());
        loop {
            match deciding.step() {
                Step::Is(decided) => {
                    said.push(decided.kind.id.clone());
                    said.extend(deciding.into_config().map(|config| String::from_utf8(config).expect("text")));
                    return said;
                }
                Step::Config(_) => said.push("config".to_owned()),
                Step::Manifest(_) => said.push("manifest".to_owned()),
            }
            let bytes = shown.next().expect("no more is asked for");
            deciding.show(bytes.map(|text| text.as_bytes().to_vec()));
        }
    }

    #[test]
    fn what_is_needed_is_asked_for_in_turn() {
        let image = Manifest::parse(CHILD.as_bytes(), None).expect("an image");
        assert_eq!(decided(&image, &[Some(BOOTABLE)]), ["config", "bootc-image", BOOTABLE]);
        assert_eq!(decided(&image, &[Some("[]")]), ["config", "image", "[]"]);
        assert_eq!(decided(&image, &[None]), ["config", "image"]);
        let index = index();
        assert_eq!(decided(&index, &[Some(CHILD), Some(BOOTABLE)]), ["manifest", "config", "bootc-image"]);
        assert_eq!(decided(&index, &[Some(CHILD), None]), ["manifest", "config", "image-index"]);
        for wrong in [None, Some("{"), Some(r#"{"schemaVersion":2,"manifests":[]}"#)] {
            assert_eq!(decided(&index, &[wrong]), ["manifest", "image-index"], "{wrong:?}");
        }
    }
}
