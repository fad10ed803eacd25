//! The files about a bundle, as imgpkg and kbld write and read them (`imgpkg.carvel.dev/v1alpha1`): the lock of its images, where
//! they went, and which bundle was pushed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_model::digest::Digest;
use wharf_model::image_ref::ImageRef;
use wharf_model::limits::{BUNDLE_IMAGES_MAX, BUNDLE_LOCK_BYTES_MAX};
use wharf_model::name::{RepositoryName, Tag};

/// The group and version of all of them.
const API_VERSION: &str = "imgpkg.carvel.dev/v1alpha1";
const IMAGES_LOCK: &str = "ImagesLock";
const IMAGE_LOCATIONS: &str = "ImageLocations";
const BUNDLE_LOCK: &str = "BundleLock";
/// The annotation of how an image is named where it is used: as written there.
pub const ID: &str = "kbld.carvel.dev/id";
/// What Docker Hub is to imgpkg.
const HUB: (&str, &str) = ("docker.io", "index.docker.io");

/// Which image each name means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImagesLock {
    /// The images; two may be the same under different names.
    pub images: Vec<Locked>,
}

/// An image, by its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// Where it is. It has a digest, and no tag.
    pub image: ImageRef,
    /// Free text by key, [`ID`] among it.
    pub annotations: BTreeMap<String, String>,
}

/// Why a lock is none.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It is too large.
    #[error("it has more than {BUNDLE_LOCK_BYTES_MAX} bytes")]
    TooLarge,
    /// It names too many.
    #[error("it locks more than {BUNDLE_IMAGES_MAX} images")]
    TooMany,
    /// It is no YAML, or has not the form.
    #[error("{0}")]
    Yaml(String),
    /// It is something else.
    #[error("it is a {kind} of {api_version}, not an {expected} of {API_VERSION}")]
    Kind {
        /// What it says.
        kind: String,
        /// What it says.
        api_version: String,
        /// What was looked for.
        expected: &'static str,
    },
    /// An image has no digest, or is none.
    #[error("{image:?}: {why}")]
    Image {
        /// As written.
        image: String,
        /// What is wrong with it.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    api_version: String,
    kind: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    images: Vec<WireImage>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireImage {
    image: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

impl Locked {
    /// The image `digest` of the repository of `image`, which is written `id` where it is used.
    pub fn new(id: &str, image: &ImageRef, digest: Digest) -> Locked {
        let image = ImageRef { tag: None, digest: Some(digest), ..image.clone() };
        Locked { image, annotations: BTreeMap::from([(ID.to_owned(), id.to_owned())]) }
    }

    /// How it is written where it is used; nothing where somebody wrote the lock by hand.
    pub fn id(&self) -> Option<&str> {
        self.annotations.get(ID).map(String::as_str)
    }

    /// The same; else what it is.
    pub fn name(&self) -> String {
        self.id().map_or_else(|| self.image.to_string(), str::to_owned)
    }
}

impl ImagesLock {
    /// Reads one. Bounded by [`BUNDLE_LOCK_BYTES_MAX`] and [`BUNDLE_IMAGES_MAX`]. A tag beside a digest counts for nothing.
    ///
    /// # Errors
    /// [`LockError`], which does not say where it was read from.
    pub fn parse(bytes: &[u8]) -> Result<ImagesLock, LockError> {
        if bytes.len() > BUNDLE_LOCK_BYTES_MAX {
            return Err(LockError::TooLarge);
        }
        let wire: Wire = serde_saphyr::from_slice(bytes).map_err(|error| LockError::Yaml(error.to_string()))?;
        check(wire.kind, wire.api_version, IMAGES_LOCK)?;
        if wire.images.len() > BUNDLE_IMAGES_MAX {
            return Err(LockError::TooMany);
        }
        let images = wire.images.into_iter().map(|WireImage { image, annotations }| {
            let image = by_digest(&image)?;
            Ok(Locked { image, annotations })
        });
        Ok(ImagesLock { images: images.collect::<Result<_, LockError>>()? })
    }

    /// As a file.
    ///
    /// # Errors
    /// It cannot be written as YAML.
    pub fn to_yaml(&self) -> Result<String, LockError> {
        let images = self.images.iter();
        let images = images.map(|one| WireImage { image: one.image.to_string(), annotations: one.annotations.clone() });
        yaml(&Wire { api_version: API_VERSION.to_owned(), kind: IMAGES_LOCK.to_owned(), images: images.collect() })
    }

    /// What `text`, as it is written somewhere, means: by its name, else by what it is when all is written out.
    pub fn find(&self, text: &str) -> Option<&Locked> {
        if let Some(named) = self.images.iter().find(|one| one.id() == Some(text)) {
            return Some(named);
        }
        let image: ImageRef = text.parse().ok()?;
        let by_name = self.images.iter().find(|one| {
            let id = one.id().and_then(|id| id.parse::<ImageRef>().ok());
            id.is_some_and(|id| id == image)
        });
        let is_it = |one: &&Locked| image.digest.is_some() && one.image == ImageRef { tag: None, ..image.clone() };
        by_name.or_else(|| self.images.iter().find(is_it))
    }

    /// `found`, and what of this was written by hand, without a name; sorted by name.
    #[must_use]
    pub fn renewed(&self, mut found: Vec<Locked>) -> ImagesLock {
        let by_hand = self.images.iter().filter(|one| one.id().is_none());
        let new: Vec<_> = by_hand.filter(|one| !found.iter().any(|found| found.image == one.image)).cloned().collect();
        found.extend(new);
        found.sort_by_cached_key(Locked::name);
        ImagesLock { images: found }
    }

    /// The same images in another repository.
    #[must_use]
    pub fn relocated(&self, host: &str, repository: &RepositoryName) -> ImagesLock {
        let images = self.images.iter().map(|one| {
            let (host, repository) = (host.to_owned(), repository.clone());
            Locked { image: ImageRef { host, repository, ..one.image.clone() }, ..one.clone() }
        });
        ImagesLock { images: images.collect() }
    }
}

/// Where the images of a bundle went: beside it, in its repository. For each as it is locked, and whether it is a bundle.
///
/// # Errors
/// It cannot be written as YAML.
pub fn locations(images: &[(ImageRef, bool)]) -> Result<String, LockError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        api_version: &'static str,
        kind: &'static str,
        images: Vec<Location>,
    }
    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
    #[serde(rename_all = "camelCase")]
    struct Location {
        image: String,
        is_bundle: bool,
    }
    let images = images.iter().map(|(image, is_bundle)| Location { image: to_imgpkg(image), is_bundle: *is_bundle });
    let mut images: Vec<Location> = images.collect();
    images.sort_unstable();
    images.dedup();
    yaml(&Wire { api_version: API_VERSION, kind: IMAGE_LOCATIONS, images })
}

/// Which bundle was pushed, as `imgpkg pull --lock` reads it. `image` has a digest.
///
/// # Errors
/// It cannot be written as YAML.
pub fn bundle_lock(image: &ImageRef, tag: Option<&Tag>) -> Result<String, LockError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        api_version: &'static str,
        kind: &'static str,
        bundle: Bundle,
    }
    #[derive(Serialize)]
    struct Bundle {
        image: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        tag: Option<String>,
    }
    let image = ImageRef { tag: None, ..image.clone() }.to_string();
    let bundle = Bundle { image, tag: tag.map(ToString::to_string) };
    yaml(&Wire { api_version: API_VERSION, kind: BUNDLE_LOCK, bundle })
}

/// An image as imgpkg writes it out: it compares these as text.
fn to_imgpkg(image: &ImageRef) -> String {
    let image = ImageRef { tag: None, ..image.clone() }.to_string();
    match image.strip_prefix(HUB.0) {
        Some(rest) if rest.starts_with('/') => format!("{}{rest}", HUB.1),
        _ => image,
    }
}

fn by_digest(text: &str) -> Result<ImageRef, LockError> {
    let wrong = |why: String| LockError::Image { image: text.chars().take(300).collect(), why };
    let image: ImageRef = text.parse().map_err(|error| wrong(format!("{error}")))?;
    if image.digest.is_none() {
        return Err(wrong("what is locked has a digest".to_owned()));
    }
    Ok(ImageRef { tag: None, ..image })
}

fn check(kind: String, api_version: String, expected: &'static str) -> Result<(), LockError> {
    let is_it = kind == expected && api_version == API_VERSION;
    if is_it { Ok(()) } else { Err(LockError::Kind { kind, api_version, expected }) }
}

fn yaml<T: Serialize>(wire: &T) -> Result<String, LockError> {
    // Long names stay on their lines.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let text =
        serde_saphyr::to_string_with_options(wire, options).map_err(|error| LockError::Yaml(error.to_string()))?;
    Ok(format!("---\n{text}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn hex(letter: &str) -> String {
        format!("sha256:{}", letter.repeat(64))
    }

    fn lock() -> ImagesLock {
        let locked = |id: &str, letter: &str| {
            Locked::new(id, &id.parse().expect("a reference"), hex(letter).parse().expect("a digest"))
        };
        ImagesLock { images: vec![locked("nginx:1", "a"), locked("r.example.com/app", "b")] }
    }

    #[test]
    fn there_and_back() {
        let text = lock().to_yaml().expect("YAML");
        assert_eq!(
            text,
            format!(
                "---\napiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n\
                 - image: docker.io/library/nginx@{}\n  annotations:\n    kbld.carvel.dev/id: nginx:1\n\
                 - image: r.example.com/app@{}\n  annotations:\n    kbld.carvel.dev/id: r.example.com/app\n",
                hex("a"),
                hex("b")
            )
        );
        assert_eq!(ImagesLock::parse(text.as_bytes()).expect("a lock"), lock());
        let empty = ImagesLock::default().to_yaml().expect("YAML");
        assert_eq!(ImagesLock::parse(empty.as_bytes()).expect("a lock"), ImagesLock::default());
        // As kbld and imgpkg write it.
        let text = format!(
            "---\napiVersion: imgpkg.carvel.dev/v1alpha1\nimages:\n- annotations:\n    kbld.carvel.dev/id: nginx:1\n    \
             kbld.carvel.dev/origins: |\n      - resolved:\n          tag: \"1\"\n          url: nginx:1\n  image: \
             index.docker.io/library/nginx@{0}\n- image: r.example.com/app:2@{0}\nkind: ImagesLock\n",
            hex("a")
        );
        let read = ImagesLock::parse(text.as_bytes()).expect("a lock");
        assert_eq!(read.images[0].image, lock().images[0].image);
        assert_eq!((read.images[1].id(), read.images[1].image.tag.as_ref()), (None, None));
    }

    #[test]
    fn names_mean_images() {
        let lock = lock();
        let find = |text: &str| lock.find(text).map(|one| one.name());
        for text in ["nginx:1", "docker.io/library/nginx:1", "index.docker.io/library/nginx:1"] {
            assert_eq!(find(text).as_deref(), Some("nginx:1"), "{text}");
        }
        assert_eq!(find("r.example.com/app:latest").as_deref(), Some("r.example.com/app"));
        assert_eq!(find(&format!("r.example.com/app@{}", hex("b"))).as_deref(), Some("r.example.com/app"));
        assert_eq!(find(&format!("nginx:7@{}", hex("a"))).as_deref(), Some("nginx:1"));
        for text in ["nginx", "nginx:2", "app", "", "//", &*format!("nginx@{}", hex("c"))] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_lock() {
        let check = |text: &str, expect: &str| {
            let error = ImagesLock::parse(text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(expect), "{error}");
        };
        let head = "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\n";
        check("apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: BundleLock\n", "BundleLock");
        check("apiVersion: imgpkg.carvel.dev/v2\nkind: ImagesLock\n", "v2");
        check("", "");
        check("[1, 2]", "");
        check(&format!("{head}images: [{{image: nginx:1}}]"), "has a digest");
        check(&format!("{head}images: [{{image: 'a b@{}'}}]", hex("a")), "a b@");
        check(&format!("{head}images: [{{image: 'nginx@sha256:abc'}}]"), "nginx@sha256:abc");
        check(&" ".repeat(BUNDLE_LOCK_BYTES_MAX + 1), "bytes");
        let many = format!("- image: a@{}\n", hex("a")).repeat(BUNDLE_IMAGES_MAX + 1);
        check(&format!("{head}images:\n{many}"), "more than 10000 images");
    }

    #[test]
    fn the_most_that_may_be_locked() {
        let images = (0..BUNDLE_IMAGES_MAX).map(|number| {
            let id = format!("registry.example.com/acme/shop/service-{number}:v1.2.3");
            Locked::new(&id, &id.parse().expect("a reference"), hex("a").parse().expect("a digest"))
        });
        let lock = ImagesLock { images: images.collect() };
        let text = lock.to_yaml().expect("YAML");
        assert_eq!(ImagesLock::parse(text.as_bytes()).expect("a lock"), lock);
    }

    #[test]
    fn relocated_and_told() {
        let moved = lock().relocated("r.internal:5000", &"acme/bundle".parse().expect("a name"));
        assert_eq!(moved.images[0].image.to_string(), format!("r.internal:5000/acme/bundle@{}", hex("a")));
        assert_eq!(moved.images[0].id(), Some("nginx:1"));
        let images: Vec<_> = lock().images.into_iter().rev().map(|one| (one.image, true)).collect();
        let text = locations(&images).expect("YAML");
        let expect = format!(
            "---\napiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImageLocations\nimages:\n- image: \
             index.docker.io/library/nginx@{}\n  isBundle: true\n- image: r.example.com/app@{}\n  isBundle: true\n",
            hex("a"),
            hex("b")
        );
        assert_eq!(text, expect);
        let text = bundle_lock(&lock().images[1].image, Some(&"1.0".parse().expect("a tag"))).expect("YAML");
        assert!(
            text.contains("kind: BundleLock\nbundle:\n  image: r.example.com/app@") && text.contains("1.0"),
            "{text}"
        );
    }
}
