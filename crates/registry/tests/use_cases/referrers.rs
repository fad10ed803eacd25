//! Lists of what is attached: what one page may cost.

use wharf_model::digest::Digest;
use wharf_model::limits::MANIFEST_BYTES_MAX;
use wharf_model::media::OCI_INDEX;
use wharf_model::name::Reference;
use wharf_model::page::Page;
use wharf_registry::access::Action;
use wharf_registry::error::Error;

use crate::house::{House, sha256, tagged};

const A: &str = "acme/app";

fn descriptor(digest: &Digest) -> serde_json::Value {
    serde_json::json!({ "mediaType": OCI_INDEX, "digest": digest, "size": 1 })
}

/// Pages to the end; how many entries each had.
async fn pages(house: &House, subject: &Digest, artifact_type: Option<&str>, limit: usize) -> Vec<usize> {
    let access = house.access(Action::Pull, A).await;
    let (mut after, mut lengths, mut seen) = (None, Vec::new(), std::collections::HashSet::new());
    loop {
        let page = Page { limit, after };
        let index = house.registry.referrers(&access, subject, artifact_type, &page).await.expect("listed");
        lengths.push(index.manifests.len());
        assert!(index.manifests.iter().all(|one| seen.insert(one.digest)), "each is listed once");
        after = index.next;
        if after.is_none() {
            return lengths;
        }
    }
}

#[tokio::test]
async fn a_page_ends_when_much_was_read_for_it() {
    let house = House::new().await;
    let (subject, other) = (sha256(b"subject"), sha256(b"other"));
    let mut children = Vec::new();
    for number in 0..10 {
        let manifest = serde_json::json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [],
            "subject": descriptor(&subject), "artifactType": "a/b", "annotations": { "number": number.to_string() } });
        let mut bytes = manifest.to_string().into_bytes();
        bytes.resize(MANIFEST_BYTES_MAX, b' ');
        let digest = sha256(&bytes);
        house.put(A, Reference::Digest(digest), bytes.into()).await.expect("pushed");
        children.extend([descriptor(&digest), descriptor(&digest)]);
    }
    assert_eq!(pages(&house, &subject, None, 10_000).await, [8, 2], "32 MiB each");
    assert_eq!(pages(&house, &subject, None, 4).await, [4, 4, 2]);
    assert_eq!(pages(&house, &subject, None, 0).await, [0]);
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children });
    let tag = tagged(&other.referrers_tag());
    house.put(A, tag, index.to_string().into()).await.expect("pushed");
    assert_eq!(pages(&house, &other, None, 10_000).await, [8, 2], "under a fallback tag");
    assert_eq!(pages(&house, &other, Some("a/b"), 3).await, [3, 3, 3, 1]);
    assert_eq!(pages(&house, &other, Some("a/c"), 3).await, [0, 0], "what is left out costs as much");
}

#[tokio::test]
async fn a_type_with_control_characters_is_refused() {
    let house = House::new().await;
    let access = house.access(Action::Pull, A).await;
    let page = Page { limit: 10, after: None };
    for bad in ["\0", "a/b\0", "a/b\n"] {
        let listed = house.registry.referrers(&access, &sha256(b"x"), Some(bad), &page).await;
        assert!(matches!(listed, Err(Error::Unsupported(_))), "{bad:?}");
    }
}
