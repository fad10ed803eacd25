//! Bundles of CNAB in a registry, as cnab-to-oci puts them there: an index whose first child holds `bundle.json` as its config,
//! and whose others are the images that it names, beside it. No network: what the forms are, not how they travel.
//!
//! `bundle.json` is kept as the author wrote it, but for the digests, sizes and types of images, which are filled in; it is stored
//! in its canonical form (RFC 8785), so that the same bundle is the same digest.

mod canonical;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::image_ref::ImageRef;
use wharf_model::limits::{BUNDLE_IMAGES_MAX, CNAB_BYTES_MAX};
use wharf_model::manifest::Manifest;
use wharf_model::media::{DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, MediaType, OCI_INDEX, OCI_MANIFEST};
use wharf_model::name::RepositoryName;

use crate::bundle::image::DOCKER_CONFIG;
use crate::config::{Bytes, ConfigError, IMAGE_CONFIG, Made, Wire};

/// The config that is a `bundle.json`.
pub const CONFIG: &str = "application/vnd.cnab.config.v1+json";
/// What the annotation [`ARTIFACT_TYPE`] of the index says.
pub const MANIFEST: &str = "application/vnd.cnab.manifest.v1";
/// The annotation that says what an index is.
pub const ARTIFACT_TYPE: &str = "org.opencontainers.artifactType";
/// The annotation that says what a child of the index is.
const KIND: &str = "io.cnab.manifest.type";
/// The annotation of a component's name.
const COMPONENT: &str = "io.cnab.component.name";
const RUNTIME_VERSION: &str = "io.cnab.runtime_version";
const KEYWORDS: &str = "io.cnab.keywords";
const CHILD_CONFIG: &str = "config";
const CHILD_INVOCATION: &str = "invocation";
const CHILD_COMPONENT: &str = "component";

/// A `bundle.json`.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle(Map<String, Value>);

/// What an image is to its bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// What is run to install it.
    Invocation,
    /// What it installs, by name.
    Component(String),
}

/// An image that a bundle names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// What it is to the bundle.
    pub role: Role,
    /// The reference, as written.
    pub reference: String,
    /// Its digest, where that is stated.
    pub digest: Option<Digest>,
}

/// Forms of the manifests, the first of which says best what they are; the others are for registries that refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// OCI's manifest and index, with a config of CNAB's own type.
    Cnab,
    /// The same with a config that says that it is one of an image.
    ImageConfig,
    /// Docker's manifest, which has a layer too, and list of manifests.
    Docker,
}

/// All forms, in the order in which they are tried.
pub const FORMS: [Form; 3] = [Form::Cnab, Form::ImageConfig, Form::Docker];

/// Why something is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum CnabError {
    /// It is too large.
    #[error("it has more than {CNAB_BYTES_MAX} bytes")]
    TooLarge,
    /// It is not JSON.
    #[error("it is no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It lacks something, or has it in another form.
    #[error("{0}")]
    Form(String),
    /// It states something of an image that is not so.
    #[error("{image}: bundle.json states the {what} {stated}, and it is {actual}; --update writes that")]
    Differs {
        /// The reference.
        image: String,
        /// What is stated.
        what: &'static str,
        /// As stated.
        stated: String,
        /// As it is.
        actual: String,
    },
    /// A manifest cannot be made.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// An index that is a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The manifest whose config is `bundle.json`.
    pub config: Descriptor,
    /// The images, by what they are.
    pub images: BTreeMap<Role, Digest>,
}

impl Bundle {
    /// Reads one, bounded by [`CNAB_BYTES_MAX`] and by the depth that the parser takes. It has one invocation image.
    ///
    /// # Errors
    /// [`CnabError`], which does not say where it was read from.
    pub fn parse(bytes: &[u8]) -> Result<Bundle, CnabError> {
        if bytes.len() > CNAB_BYTES_MAX {
            return Err(CnabError::TooLarge);
        }
        let bundle = Bundle(serde_json::from_slice(bytes)?);
        let images = bundle.images()?;
        match images.iter().filter(|image| image.role == Role::Invocation).count() {
            1 => Ok(bundle),
            count => Err(form(format!("it has {count} invocation images, and registries hold bundles with one"))),
        }
    }

    /// The images that it names: that of the invocation, then its components by name.
    ///
    /// # Errors
    /// One of them has not the form of an image, or there are too many.
    pub fn images(&self) -> Result<Vec<Image>, CnabError> {
        let invocation = match self.0.get("invocationImages") {
            Some(Value::Array(all)) => all.iter().collect(),
            None | Some(Value::Null) => Vec::new(),
            Some(_) => return Err(form("its invocationImages are no list")),
        };
        let components = match self.0.get("images") {
            Some(Value::Object(all)) => all.iter().collect(),
            None | Some(Value::Null) => Vec::new(),
            Some(_) => return Err(form("its images are no object")),
        };
        if invocation.len() + components.len() > BUNDLE_IMAGES_MAX {
            return Err(form(format!("it names more than {BUNDLE_IMAGES_MAX} images")));
        }
        let invocation = invocation.into_iter().map(|value| image(Role::Invocation, value));
        let components = components.into_iter().map(|(name, value)| image(Role::Component(name.clone()), value));
        let mut images = invocation.chain(components).collect::<Result<Vec<_>, _>>()?;
        images.sort_by(|a, b| a.role.cmp(&b.role));
        Ok(images)
    }

    /// Writes what an image is, where that is not stated, and with `update` where it is stated otherwise. Whether anything was
    /// written.
    ///
    /// # Errors
    /// [`CnabError::Differs`]; or it names no such image.
    pub fn settle(&mut self, role: &Role, found: &Descriptor, update: bool) -> Result<bool, CnabError> {
        let image = self.image_mut(role).ok_or_else(|| form("it names no such image"))?;
        let name = text(image, "image").unwrap_or_default().to_owned();
        let is = [
            ("contentDigest", "digest", Value::from(found.digest.to_string())),
            ("size", "size", Value::from(found.size)),
            ("mediaType", "media type", Value::from(found.media_type.as_str())),
        ];
        let mut is_written = false;
        for (key, what, actual) in is {
            let is_empty =
                |stated: &Value| stated.as_str() == Some("") || stated.as_u64() == Some(0) || stated.is_null();
            let stated = image.get(key).filter(|stated| !is_empty(stated));
            match stated {
                Some(stated) if *stated == actual => continue,
                Some(stated) if !update => {
                    let (stated, actual) = (shown(stated), shown(&actual));
                    return Err(CnabError::Differs { image: name, what, stated, actual });
                }
                _ => {}
            }
            image.insert(key.to_owned(), actual);
            is_written = true;
        }
        Ok(is_written)
    }

    fn image_mut(&mut self, role: &Role) -> Option<&mut Map<String, Value>> {
        match role {
            Role::Invocation => self.0.get_mut("invocationImages")?.as_array_mut()?.first_mut()?.as_object_mut(),
            Role::Component(name) => self.0.get_mut("images")?.as_object_mut()?.get_mut(name)?.as_object_mut(),
        }
    }

    /// In the form of RFC 8785: the same content is the same bytes.
    pub fn canonical(&self) -> Vec<u8> {
        canonical::bytes(&Value::Object(self.0.clone()))
    }

    /// What it is called, and its version.
    pub fn name(&self) -> (&str, &str) {
        (text(&self.0, "name").unwrap_or_default(), text(&self.0, "version").unwrap_or_default())
    }

    fn annotations(&self) -> BTreeMap<String, String> {
        let text = |key: &str| text(&self.0, key).unwrap_or_default().to_owned();
        let mut all = BTreeMap::from([
            (RUNTIME_VERSION.to_owned(), text("schemaVersion")),
            ("org.opencontainers.image.title".to_owned(), text("name")),
            ("org.opencontainers.image.version".to_owned(), text("version")),
            ("org.opencontainers.image.description".to_owned(), text("description")),
            (ARTIFACT_TYPE.to_owned(), MANIFEST.to_owned()),
        ]);
        for (key, annotation) in [("maintainers", "org.opencontainers.image.authors"), ("keywords", KEYWORDS)] {
            if let Some(value) = self.0.get(key).filter(|value| !value.is_null()) {
                all.insert(annotation.to_owned(), value.to_string());
            }
        }
        all
    }
}

impl Form {
    /// The manifest whose config is the bundle.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn config(self, bundle: &Bundle) -> Result<Made, ConfigError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Manifest {
            schema_version: u8,
            media_type: &'static str,
            config: Wire,
            layers: Vec<Wire>,
        }
        let (media_type, config_type) = match self {
            Form::Cnab => (OCI_MANIFEST, CONFIG),
            Form::ImageConfig => (OCI_MANIFEST, IMAGE_CONFIG),
            Form::Docker => (DOCKER_MANIFEST, DOCKER_CONFIG),
        };
        let config = Bytes::new(config_type, bundle.canonical());
        let named = || Wire::new(&config.media_type, config.digest, config.bytes.len() as u64);
        let layers = if self == Form::Docker { vec![named()] } else { Vec::new() };
        let manifest = Manifest { schema_version: 2, media_type, config: named(), layers };
        let manifest = Bytes::new(media_type, serde_json::to_vec(&manifest)?);
        Ok(Made { config, manifest })
    }

    /// The index: `config` is the manifest of [`Form::config`], `images` are those of the bundle.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn index(self, bundle: &Bundle, config: &Bytes, images: &[(Role, Descriptor)]) -> Result<Bytes, ConfigError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Index {
            schema_version: u8,
            media_type: &'static str,
            manifests: Vec<Wire>,
            annotations: BTreeMap<String, String>,
        }
        let media_type = if self == Form::Docker { DOCKER_MANIFEST_LIST } else { OCI_INDEX };
        let mut images: Vec<_> = images.iter().collect();
        images.sort_by(|a, b| a.0.cmp(&b.0));
        let config = Wire::new(&config.media_type, config.digest, config.bytes.len() as u64);
        let mut manifests = vec![config.annotated([(KIND, CHILD_CONFIG)])];
        manifests.extend(images.into_iter().map(|(role, image)| {
            let wire = Wire::new(&image.media_type, image.digest, image.size);
            match role {
                Role::Invocation => wire.annotated([(KIND, CHILD_INVOCATION)]),
                Role::Component(name) => wire.annotated([(KIND, CHILD_COMPONENT), (COMPONENT, name)]),
            }
        }));
        let index = Index { schema_version: 2, media_type, manifests, annotations: bundle.annotations() };
        Ok(Bytes::new(media_type, serde_json::to_vec(&index)?))
    }
}

impl Index {
    /// What is in an index that is a bundle; `None` where it is none.
    ///
    /// # Errors
    /// It says that it is one, and has not the form.
    pub fn of(manifest: &Manifest) -> Result<Option<Index>, CnabError> {
        let said = manifest.annotations.as_ref().and_then(|all| all.get(ARTIFACT_TYPE));
        if !manifest.is_index() || said.is_none_or(|said| said != MANIFEST) {
            return Ok(None);
        }
        let (mut config, mut images) = (None, BTreeMap::new());
        for child in &manifest.manifests {
            let said = |key: &str| child.annotations.as_ref().and_then(|all| all.get(key)).map(String::as_str);
            let digest = child.digest;
            match (said(KIND), said(COMPONENT)) {
                (Some(CHILD_CONFIG), _) => config = config.or(Some(child.clone())),
                (Some(CHILD_INVOCATION), _) => drop(images.insert(Role::Invocation, digest)),
                (Some(CHILD_COMPONENT), Some(name)) => drop(images.insert(Role::Component(name.to_owned()), digest)),
                (kind, _) => {
                    return Err(form(format!("its child {digest} is {}", kind.unwrap_or("nothing that is known"))));
                }
            }
        }
        let config = config.ok_or_else(|| form("it has no child that holds bundle.json"))?;
        Ok(Some(Index { config, images }))
    }

    /// Where the images of `bundle` are, in the repository that the index is in; by how they are written in `bundle.json`.
    ///
    /// # Errors
    /// It lacks an image that the bundle names.
    pub fn relocation(
        &self,
        bundle: &Bundle,
        host: &str,
        repository: &RepositoryName,
    ) -> Result<BTreeMap<String, String>, CnabError> {
        let place = |image: Image| {
            let missing = || form(format!("it lacks the image {} that bundle.json names", image.reference));
            let digest = *self.images.get(&image.role).ok_or_else(missing)?;
            let (host, repository) = (host.to_owned(), repository.clone());
            let to = ImageRef { host, repository, tag: None, digest: Some(digest) };
            Ok((image.reference, to.to_string()))
        };
        bundle.images()?.into_iter().map(place).collect()
    }
}

/// The text of a relocation map, in the form of RFC 8785.
pub fn relocation_text(map: &BTreeMap<String, String>) -> Vec<u8> {
    canonical::bytes(&map.iter().map(|(from, to)| (from.clone(), Value::from(to.as_str()))).collect())
}

/// Whether an image may be a child of such an index.
pub fn is_image(media_type: &MediaType) -> bool {
    matches!(media_type.as_str(), OCI_MANIFEST | OCI_INDEX | DOCKER_MANIFEST | DOCKER_MANIFEST_LIST)
}

fn form(why: impl Into<String>) -> CnabError {
    CnabError::Form(why.into())
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn image(role: Role, value: &Value) -> Result<Image, CnabError> {
    let what = match &role {
        Role::Invocation => "the invocation image".to_owned(),
        Role::Component(name) => format!("the image {name:?}"),
    };
    let object = value.as_object().ok_or_else(|| form(format!("{what} is no object")))?;
    let reference = text(object, "image").filter(|text| !text.is_empty());
    let reference = reference.ok_or_else(|| form(format!("{what} has no reference")))?.to_owned();
    let digest = text(object, "contentDigest").filter(|text| !text.is_empty());
    let wrong = |error| form(format!("the contentDigest of {what}: {error}"));
    Ok(Image { role, reference, digest: digest.map(str::parse).transpose().map_err(wrong)? })
}

#[cfg(test)]
mod tests;
