//! What registries take and do, as far as that is known, and what of an artifact needs which of it.
//!
//! Where a registry lacks something, there is a detour that keeps digests, or there is none. Detours are the business of the
//! end that knows the registry: a tag of its own for what is not taken without one, an index under a tag where there is no
//! list of referrers, an upload in place of a mount, one request in place of chunks. Without a detour are the forms of
//! manifests: those are found out here, before anything is sent.

mod form;

use std::fmt;

use serde::{Deserialize, Serialize};
use wharf_model::digest::Digest;

pub use form::Form;
use form::Forms;

/// How many obstacles are told of.
const SHOWN: usize = 3;

/// Whether a registry does something; `None` where that is not known.
pub type Found = Option<bool>;

/// What a registry does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Abilities {
    /// Takes an index.
    pub index: Found,
    /// Takes an index whose children are not all images: an index among them, an artifact.
    pub mixed_index: Found,
    /// Takes an index of images for several platforms.
    pub multi_arch: Found,
    /// Takes a manifest that has no tag.
    pub untagged_push: Found,
    /// Takes an image without layers.
    pub empty_layers: Found,
    /// Takes types of configs and layers that it does not know.
    pub custom_types: Found,
    /// Has the referrers API.
    pub referrers: Found,
    /// Deletes manifests.
    pub delete: Found,
    /// Deletes tags.
    pub delete_tag: Found,
    /// Takes a blob in chunks.
    pub chunked_upload: Found,
    /// Takes a blob over from another repository, without its bytes.
    pub mount: Found,
    /// Gives parts of a blob.
    pub range: Found,
}

impl Abilities {
    /// Whether it is known to lack something that there is no detour for.
    pub fn is_limited(&self) -> bool {
        let forms = [self.index, self.mixed_index, self.multi_arch, self.empty_layers, self.custom_types];
        forms.contains(&Some(false))
    }

    /// Whether it is known to have what is needed not.
    fn lacks(&self, need: Need) -> bool {
        let no = |found: Found| found == Some(false);
        match need {
            Need::Index => no(self.index),
            Need::MixedIndex => no(self.mixed_index),
            Need::MultiArch => no(self.multi_arch),
            Need::EmptyLayers => no(self.empty_layers),
            Need::CustomTypes => no(self.custom_types),
            // The index under the fallback tag is one of artifacts.
            Need::Referrers => no(self.referrers) && (no(self.index) || no(self.mixed_index)),
        }
    }
}

/// What a manifest may need of a registry without which there is no way to put it there as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// [`Abilities::index`].
    Index,
    /// [`Abilities::multi_arch`].
    MultiArch,
    /// [`Abilities::mixed_index`].
    MixedIndex,
    /// [`Abilities::empty_layers`].
    EmptyLayers,
    /// [`Abilities::custom_types`].
    CustomTypes,
    /// [`Abilities::referrers`], or else an index in its place.
    Referrers,
}

/// A manifest that a registry does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Which; `None` where it has not been made yet.
    pub manifest: Option<Digest>,
    /// Why not.
    pub need: Need,
    /// Whether it is the root or a part of it, rather than something that refers to it.
    pub is_root: bool,
    /// What of it needs that: the end of a sentence.
    why: String,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.manifest {
            Some(digest) => write!(f, "{digest} {}", self.why),
            None => write!(f, "it {}", self.why),
        }
    }
}

/// What is to be put somewhere is known not to be taken there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Unfit {
    /// Where it was to go.
    pub place: String,
    /// Why it cannot; at least one.
    pub obstacles: Vec<Obstacle>,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = self.obstacles.iter().take(SHOWN).map(ToString::to_string).collect();
        write!(f, "{} does not take this, and nothing was sent: {}", self.place, shown.join("; "))?;
        match self.obstacles.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// What of these forms, which belong together, a registry of such abilities does not take: each need of each manifest, in the
/// order of the forms. What is reached from `root` through indexes is part of it; without one, everything is.
pub fn obstacles(abilities: &Abilities, root: Option<&Digest>, forms: &[Form]) -> Vec<Obstacle> {
    let made: Forms<'_> = forms.iter().filter_map(|form| Some((form.manifest?, form))).collect();
    let parts = root.map(|root| form::parts(root, &made));
    let mut found = Vec::new();
    for form in forms {
        let is_root = parts.as_ref().is_none_or(|parts| form.manifest.is_none_or(|digest| parts.contains(&digest)));
        for (need, why) in form.needs(&made).into_iter().filter(|(need, _)| abilities.lacks(*need)) {
            found.push(Obstacle { manifest: form.manifest, need, is_root, why });
        }
    }
    found
}

#[cfg(test)]
mod tests;
