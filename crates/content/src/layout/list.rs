//! `index.json`: the list of what a layout holds. Pure: bytes in, bytes out.

use serde_json::{Map, Value, json};
use wharf_model::descriptor::Descriptor;
use wharf_model::limits::MANIFEST_BYTES_MAX;
use wharf_model::manifest::Manifest;
use wharf_model::media::OCI_INDEX;
use wharf_model::name::Tag;

/// The annotation that is the tag of an entry.
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation by which containerd and Docker know the whole name of an image.
pub(crate) const IMAGE_NAME: &str = "io.containerd.image.name";

/// Why a list is not read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    #[error("index.json is larger than {MANIFEST_BYTES_MAX} bytes")]
    TooLarge,
    #[error("index.json is not valid: {0}")]
    Json(String),
}

/// What the entries of a list name.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Descriptor>, ListError> {
    let manifest = Manifest::parse(bytes, None).map_err(|error| ListError::Json(error.to_string()))?;
    Ok(manifest.manifests)
}

/// The tag of an entry: its name, or what stands after the colon of a whole name (`host/name:tag`), as some tools write it.
pub(crate) fn tag(entry: &Descriptor) -> Option<Tag> {
    tag_of(entry.annotations.as_ref()?.get(REF_NAME)?).parse().ok()
}

/// The whole name of an entry, where it has one.
pub(crate) fn whole_name(entry: &Descriptor) -> Option<&str> {
    let texts = entry.annotations.as_ref()?;
    let whole = |name: &&String| name.contains(':');
    texts.get(IMAGE_NAME).or_else(|| texts.get(REF_NAME).filter(whole)).map(String::as_str)
}

fn tag_of(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, tag)| tag)
}

/// The list of nothing.
pub(crate) fn empty() -> Vec<u8> {
    json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] }).to_string().into_bytes()
}

/// `bytes` with an entry for `named` under each of `tags`, or one without where there are none and none is there. Whatever
/// else had one of the tags is taken out. `repository` is written before the tags where a whole name belongs.
pub(crate) fn add(
    bytes: &[u8],
    named: &Descriptor,
    tags: &[Tag],
    repository: Option<&str>,
) -> Result<Vec<u8>, ListError> {
    let mut list: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| ListError::Json(error.to_string()))?;
    let entries = list.entry("manifests").or_insert_with(|| json!([]));
    let entries = entries.as_array_mut().ok_or_else(|| ListError::Json("manifests is no list".to_owned()))?;
    let digest = Value::from(named.digest.to_string());
    for tag in tags {
        entries.retain(|entry| name(entry).map(tag_of) != Some(tag.as_str()));
    }
    if !tags.is_empty() {
        entries.retain(|entry| entry.get("digest") != Some(&digest) || name(entry).is_some());
    } else if !entries.iter().any(|entry| entry.get("digest") == Some(&digest)) {
        entries.push(entry(named, None, None));
    }
    entries.extend(tags.iter().map(|tag| entry(named, Some(tag), repository)));
    let bytes = serde_json::to_vec(&list).map_err(|error| ListError::Json(error.to_string()))?;
    if bytes.len() > MANIFEST_BYTES_MAX { Err(ListError::TooLarge) } else { Ok(bytes) }
}

fn name(entry: &Value) -> Option<&str> {
    entry.get("annotations")?.get(REF_NAME)?.as_str()
}

fn entry(named: &Descriptor, tag: Option<&Tag>, repository: Option<&str>) -> Value {
    let mut annotations = Map::new();
    if let Some(tag) = tag {
        annotations.extend(repository.map(|name| (IMAGE_NAME.to_owned(), format!("{name}:{tag}").into())));
        annotations.insert(REF_NAME.to_owned(), tag.as_str().into());
    }
    let mut entry = json!({ "mediaType": named.media_type, "digest": named.digest, "size": named.size });
    if let Some(artifact_type) = &named.artifact_type {
        entry["artifactType"] = artifact_type.as_str().into();
    }
    if !annotations.is_empty() {
        entry["annotations"] = annotations.into();
    }
    entry
}

#[cfg(test)]
mod tests {
    use wharf_model::digest::{Algorithm, Digest};
    use wharf_model::media::{MediaType, OCI_MANIFEST};

    use super::*;

    fn named(content: &str) -> Descriptor {
        let digest = Digest::of(Algorithm::Sha256, content.as_bytes());
        Descriptor::new(MediaType::known(OCI_MANIFEST), digest, content.len() as u64)
    }

    /// Adds these in turn (content, tags by spaces) and prints what is in the list then, as `content tag`.
    fn after(steps: &[(&str, &str)]) -> Vec<String> {
        let mut bytes = empty();
        for (content, tags) in steps {
            let tags: Vec<Tag> = tags.split_whitespace().map(|tag| tag.parse().expect("a tag")).collect();
            bytes = add(&bytes, &named(content), &tags, None).expect("a list");
        }
        let of = |entry: &Descriptor| {
            let content = ["a", "b"].into_iter().find(|content| named(content).digest == entry.digest);
            format!("{} {}", content.unwrap_or("?"), tag(entry).map_or("-".to_owned(), |tag| tag.to_string()))
        };
        read(&bytes).expect("a list").iter().map(of).collect()
    }

    #[test]
    fn entries_and_their_tags() {
        assert_eq!(after(&[("a", "1")]), ["a 1"]);
        assert_eq!(after(&[("a", "")]), ["a -"]);
        assert_eq!(after(&[("a", ""), ("a", "")]), ["a -"]);
        assert_eq!(after(&[("a", ""), ("a", "1")]), ["a 1"]);
        assert_eq!(after(&[("a", "1"), ("a", "")]), ["a 1"]);
        assert_eq!(after(&[("a", "1 2")]), ["a 1", "a 2"]);
        assert_eq!(after(&[("a", "1 2"), ("b", "2")]), ["a 1", "b 2"]);
        assert_eq!(after(&[("a", "1"), ("b", "1")]), ["b 1"]);
        assert_eq!(after(&[("a", "1"), ("a", "1")]), ["a 1"]);
    }

    #[test]
    fn what_is_not_understood_stays() {
        let list = json!({ "schemaVersion": 2, "x": [1], "manifests": [{
            "mediaType": "a/b", "digest": named("b").digest, "size": 1, "platform": { "os": "plan9" }, "y": {},
        }]});
        let bytes = add(list.to_string().as_bytes(), &named("a"), &["1".parse().expect("a tag")], Some("acme/app"));
        let after: Value = serde_json::from_slice(&bytes.expect("a list")).expect("JSON");
        assert_eq!(after["x"], list["x"]);
        assert_eq!(after["manifests"][0], list["manifests"][0]);
        assert_eq!(after["manifests"][1]["annotations"], json!({ REF_NAME: "1", IMAGE_NAME: "acme/app:1" }));
    }

    #[test]
    fn whole_names_have_a_tag_at_their_end() {
        let whole = json!({ "manifests": [{ "mediaType": "a/b", "digest": named("b").digest, "size": 1,
            "annotations": { REF_NAME: "localhost:5000/acme/app:1" } }] });
        let whole = whole.to_string().into_bytes();
        let entry = read(&whole).expect("a list").remove(0);
        assert_eq!(whole_name(&entry), Some("localhost:5000/acme/app:1"));
        let one: Tag = "1".parse().expect("a tag");
        assert_eq!(tag(&entry), Some(one.clone()));
        let after = add(&whole, &named("a"), &[one], None).expect("a list");
        assert_eq!(read(&after).expect("a list").len(), 1, "its tag is taken from it");
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for bad in ["", "[]", "{\"manifests\":1}", "{\"manifests\":[{\"digest\":\"../../etc/passwd\"}]}"] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(add(b"{\"manifests\":1}", &named("a"), &[], None).is_err());
    }
}
