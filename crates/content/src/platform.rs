//! Which children of an index are for which machine (image-spec, "Image Index", `platform`).

use std::collections::HashMap;
use std::{fmt, str::FromStr};

use serde::Deserialize;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;

/// On attestations of BuildKit: the digest of the child that they are about.
const ABOUT: &str = "vnd.docker.reference.digest";

/// An operating system, an architecture, and perhaps a variant: `linux/arm64/v8`. As asked for, a platform without variant
/// means any.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub struct Platform {
    /// The operating system, by Go's name: `linux`.
    #[serde(default)]
    pub os: String,
    /// The processor, by Go's name: `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// The processor's variant: `v8`.
    #[serde(default)]
    pub variant: Option<String>,
}

impl Platform {
    /// The one that this program runs on, without variant.
    pub fn host() -> Platform {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "x86" => "386",
            "aarch64" => "arm64",
            "powerpc64" => "ppc64le",
            "loongarch64" => "loong64",
            other => other,
        };
        Platform { os: "linux".to_owned(), architecture: architecture.to_owned(), variant: None }
    }

    /// Whether `other`, which something is for, is what is asked for here.
    pub fn takes(&self, other: &Platform) -> bool {
        self.os == other.os
            && self.architecture == other.architecture
            && (self.variant.is_none() || self.settled() == other.settled())
    }

    /// The variant, where none means one: `arm64` is `v8`, `arm` is `v7`, `amd64` is `v1` (containerd's rules).
    fn settled(&self) -> Option<&str> {
        match (self.architecture.as_str(), self.variant.as_deref().filter(|text| !text.is_empty())) {
            ("arm64", None) => Some("v8"),
            ("arm", None) => Some("v7"),
            ("amd64", None) => Some("v1"),
            (_, variant) => variant,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |part: &str| {
            !part.is_empty()
                && part.len() <= 64
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        };
        let parts: Vec<&str> = text.splitn(4, '/').collect();
        if !parts.iter().all(|part| fits(part)) {
            return Err(PlatformError);
        }
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant.to_owned())),
            _ => return Err(PlatformError),
        };
        Ok(Platform { os: os.to_owned(), architecture: architecture.to_owned(), variant })
    }
}

/// The text is not a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a platform is written os/architecture or os/architecture/variant, as in linux/amd64 or linux/arm/v7")]
pub struct PlatformError;

/// What an index says about the platforms of its children.
#[derive(Debug, Default)]
pub struct Platforms(HashMap<Digest, Vec<Platform>>);

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Child>,
}

#[derive(Deserialize)]
struct Child {
    digest: Digest,
    platform: Option<Platform>,
}

impl Platforms {
    /// Reads the bytes of an index; of anything else, nothing.
    pub fn of(bytes: &[u8]) -> Platforms {
        let mut platforms: HashMap<Digest, Vec<Platform>> = HashMap::new();
        let index = serde_json::from_slice::<Index>(bytes).unwrap_or(Index { manifests: Vec::new() });
        for Child { digest, platform } in index.manifests {
            platforms.entry(digest).or_default().extend(platform);
        }
        Platforms(platforms)
    }

    /// What the child is for; nothing where the index does not say.
    pub fn get(&self, child: &Digest) -> &[Platform] {
        self.0.get(child).map_or(&[], Vec::as_slice)
    }

    fn any(&self, wanted: &[Platform], child: &Digest) -> bool {
        self.get(child).iter().any(|platform| wanted.iter().any(|wanted| wanted.takes(platform)))
    }

    /// The children of `index` that are for any of `wanted`, with what is attached to them; and those of which the index does
    /// not say what they are for, as nothing is left behind that might be meant.
    pub fn choose<'a>(&self, index: &'a Manifest, wanted: &[Platform]) -> Vec<&'a Descriptor> {
        let fits = |child: &&Descriptor| {
            let about =
                child.annotations.as_ref().and_then(|texts| texts.get(ABOUT)).and_then(|text| text.parse().ok());
            match about {
                Some(about) => self.any(wanted, &about),
                None => self.get(&child.digest).is_empty() || self.any(wanted, &child.digest),
            }
        };
        index.manifests.iter().filter(fits).collect()
    }

    /// The first child of `index` that is for `wanted`; one of the same variant before one of any.
    pub fn only<'a>(&self, index: &'a Manifest, wanted: &Platform) -> Option<&'a Descriptor> {
        let exact = |child: &&Descriptor| {
            self.get(&child.digest).iter().any(|one| one.settled() == wanted.settled() && wanted.takes(one))
        };
        let takes = |child: &&Descriptor| self.get(&child.digest).iter().any(|one| wanted.takes(one));
        index.manifests.iter().find(exact).or_else(|| index.manifests.iter().find(takes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_as_text() {
        for text in ["linux/amd64", "linux/arm/v7", "windows/amd64"] {
            assert_eq!(text.parse::<Platform>().map(|platform| platform.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "linux", "linux/", "/amd64", "a/b/c/d", "a b/c", "linux//v7"] {
            assert_eq!(text.parse::<Platform>(), Err(PlatformError), "{text}");
        }
    }

    #[test]
    fn a_platform_takes_what_runs_on_it() {
        let takes = |wanted: &str, offered: &str| -> bool {
            wanted.parse::<Platform>().expect("a platform").takes(&offered.parse().expect("a platform"))
        };
        assert!(takes("linux/arm", "linux/arm/v6"));
        assert!(takes("linux/arm64/v8", "linux/arm64"));
        assert!(takes("linux/arm64", "linux/arm64/v8"));
        assert!(!takes("linux/arm/v6", "linux/arm"));
        assert!(!takes("linux/arm64", "linux/amd64"));
        assert!(!takes("linux/amd64", "windows/amd64"));
    }
}
