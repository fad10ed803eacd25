//! Bundles as imgpkg has them: a folder, and the images that it needs, by digest. No network: what the forms are, not how they
//! travel.
//!
//! - [`scan`]: where YAML names images, and the same YAML with other names
//! - [`lock`]: `.imgpkg/images.yml`, which says what each name means; where the images went; which bundle was pushed
//! - [`image`]: the image that a bundle is in a registry, and how it is known

pub mod image;
pub mod lock;
pub mod scan;

use std::collections::BTreeMap;

use wharf_model::digest::Digest;
use wharf_model::name::Tag;

use lock::ImagesLock;

/// The folder in a bundle that is about the bundle.
pub const FOLDER: &str = ".imgpkg";
/// The lock, below the bundle.
pub const LOCK: &str = ".imgpkg/images.yml";
/// Where bundles are put that a bundle holds, below it: one folder for each, by its digest.
pub const NESTED: &str = ".imgpkg/bundles";

/// The tag that keeps an image in the repository of a bundle from being taken for rubbish: imgpkg's `sha256-….imgpkg`.
pub fn image_tag(digest: &Digest) -> Option<Tag> {
    format!("{}.imgpkg", digest.referrers_tag()).parse().ok()
}

/// The tag under which imgpkg finds where the images of a bundle went.
pub fn locations_tag(bundle: &Digest) -> Option<Tag> {
    format!("{}.image-locations.imgpkg", bundle.referrers_tag()).parse().ok()
}

/// What two locks differ in, a line for each name: `+` where it is new, `~` where it means something else, `-` where it is gone.
pub fn difference(before: &ImagesLock, after: &ImagesLock) -> Vec<String> {
    let by_name = |lock: &ImagesLock| -> BTreeMap<String, String> {
        lock.images.iter().map(|one| (one.name(), one.image.to_string())).collect()
    };
    let (before, after) = (by_name(before), by_name(after));
    let mut lines = Vec::new();
    for (name, image) in &after {
        match before.get(name) {
            None => lines.push(format!("+ {name} is {image}")),
            Some(was) if was != image => lines.push(format!("~ {name} is {image}, was {was}")),
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    lines.extend(gone.map(|name| format!("- {name}")));
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn tags() {
        let digest: Digest = format!("sha256:{}", "a".repeat(64)).parse().expect("a digest");
        let hex = "a".repeat(64);
        assert_eq!(image_tag(&digest).map(|tag| tag.to_string()), Some(format!("sha256-{hex}.imgpkg")));
        let expect = format!("sha256-{hex}.image-locations.imgpkg");
        assert_eq!(locations_tag(&digest).map(|tag| tag.to_string()), Some(expect));
    }

    #[test]
    fn differences() {
        let locked = |id: &str, letter: &str| {
            let digest = format!("sha256:{}", letter.repeat(64)).parse().expect("a digest");
            lock::Locked::new(id, &id.parse().expect("a reference"), digest)
        };
        let before =
            ImagesLock { images: vec![locked("a.b/one", "a"), locked("a.b/two", "a"), locked("a.b/three", "a")] };
        let after =
            ImagesLock { images: vec![locked("a.b/one", "a"), locked("a.b/two", "b"), locked("a.b/four", "a")] };
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let expect = [
            format!("+ a.b/four is a.b/four@sha256:{a}"),
            format!("~ a.b/two is a.b/two@sha256:{b}, was a.b/two@sha256:{a}"),
            "- a.b/three".to_owned(),
        ];
        assert_eq!(difference(&before, &after), expect);
        assert_eq!(difference(&after, &after), Vec::<String>::new());
    }
}
