//! Manifests, tags, referrers.

use bytes::Bytes;
use serde_json::json;
use wharf_content::error::Error;
use wharf_content::source::{Fetched, Source as _};
use wharf_content::target::{Rank, Target as _};
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::media::{MediaType, OCI_EMPTY, OCI_INDEX, OCI_MANIFEST};
use wharf_model::name::{Reference, Tag};
use wharf_testkit::faulty::{Faults, Faulty};

use crate::remote;

fn made(text: &serde_json::Value) -> Fetched {
    let bytes = Bytes::from(text.to_string());
    Fetched { media_type: MediaType::known(OCI_MANIFEST), digest: Digest::of(Algorithm::Sha256, &bytes), bytes }
}

fn image(note: &str) -> Fetched {
    let empty = json!({ "mediaType": OCI_EMPTY, "digest": Digest::of(Algorithm::Sha256, b"{}"), "size": 2 });
    made(&json!({ "schemaVersion": 2, "config": empty, "layers": [], "annotations": { "note": note } }))
}

fn attached(subject: &Fetched, artifact_type: &str) -> Fetched {
    let empty = json!({ "mediaType": OCI_EMPTY, "digest": Digest::of(Algorithm::Sha256, b"{}"), "size": 2 });
    let subject = json!({ "mediaType": OCI_MANIFEST, "digest": subject.digest, "size": subject.bytes.len() });
    let manifest = json!({
        "schemaVersion": 2, "config": empty, "layers": [], "artifactType": artifact_type, "subject": subject,
    });
    made(&manifest)
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn tags(count: usize) -> Vec<Tag> {
    (0..count).map(|n| tag(&format!("v{n:04}"))).collect()
}

#[tokio::test]
async fn by_tag_and_by_digest() {
    let faulty = Faulty::start(Faults::default());
    let (remote, image) = (remote(&faulty), image("x"));
    let by_tag = Reference::Tag(tag("v1"));
    assert_eq!(remote.manifest(&by_tag).await.unwrap(), None);
    assert_eq!(remote.resolve(&by_tag).await.unwrap(), None);
    remote.put_manifest(&image, &[tag("v1")], Rank::Head).await.unwrap();
    assert_eq!(remote.manifest(&by_tag).await.unwrap(), Some(image.clone()));
    assert_eq!(remote.manifest(&Reference::Digest(image.digest)).await.unwrap(), Some(image.clone()));
    assert!(remote.has_manifest(&image.digest).await.unwrap());
    let resolved = remote.resolve(&by_tag).await.unwrap().unwrap();
    assert_eq!((resolved.digest, resolved.size), (image.digest, image.bytes.len() as u64));
    assert!(remote.delete_manifest(&by_tag).await.unwrap());
    assert!(!remote.delete_manifest(&by_tag).await.unwrap());

    faulty.state().faults.wrong_manifests = true;
    for reference in [Reference::Digest(image.digest), by_tag] {
        remote.put_manifest(&image, &[tag("v1")], Rank::Head).await.unwrap();
        let error = remote.manifest(&reference).await.unwrap_err();
        assert!(matches!(error, Error::Wrong { .. }), "{error}");
    }
}

#[tokio::test]
async fn under_many_tags() {
    for (no_tag_parameters, requests) in [(false, 3), (true, 26)] {
        let faulty = Faulty::start(Faults { no_tag_parameters, ..Faults::default() });
        let remote = remote(&faulty);
        remote.put_manifest(&image("x"), &tags(25), Rank::Head).await.unwrap();
        assert_eq!(remote.tags().await.unwrap(), tags(25));
        assert_eq!(faulty.asked("PUT").len(), requests);
        remote.put_manifest(&image("y"), &[], Rank::Part).await.unwrap();
        assert!(remote.has_manifest(&image("y").digest).await.unwrap());
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    let faulty = Faulty::start(Faults { page: Some(10), ..Faults::default() });
    let (remote, image) = (remote(&faulty), image("x"));
    remote.put_manifest(&image, &tags(25), Rank::Head).await.unwrap();
    assert_eq!(remote.tags().await.unwrap(), tags(25));
    assert_eq!(faulty.asked("/tags/list").len(), 3);
    for n in 0..25 {
        remote.put_manifest(&attached(&image, &format!("a/{n}")), &[], Rank::Head).await.unwrap();
    }
    assert_eq!(remote.referrers(&image.digest).await.unwrap().len(), 25);
    let some = remote.referrers_of(&image.digest, Some("a/7")).await.unwrap();
    assert_eq!(some.len(), 1, "whether or not the registry filters");

    faulty.state().faults.endless = true;
    let error = remote.tags().await.unwrap_err().to_string();
    assert!(error.contains("goes on without an entry"), "{error}");
}

#[tokio::test]
async fn referrers_without_the_api() {
    let rival = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "x": 1, "manifests": [
        { "mediaType": OCI_MANIFEST, "digest": Digest::of(Algorithm::Sha256, b"rival"), "size": 5, "artifactType": "r/v" },
    ] });
    let rival = rival.to_string().into_bytes();
    for rival in [None, Some((Digest::of(Algorithm::Sha256, &rival), rival))] {
        let has_rival = rival.is_some();
        let faulty = Faulty::start(Faults { no_referrers: true, ..Faults::default() });
        let (remote, image) = (remote(&faulty), image("x"));
        assert!(remote.referrers(&image.digest).await.unwrap().is_empty());
        remote.put_manifest(&image, &[tag("v1")], Rank::Head).await.unwrap();
        remote.put_manifest(&attached(&image, "a/a"), &[], Rank::Head).await.unwrap();
        faulty.state().faults.rival = rival;
        for _ in 0..2 {
            remote.put_manifest(&attached(&image, "a/b"), &[], Rank::Head).await.unwrap();
        }
        let types = |all: Vec<wharf_model::descriptor::Descriptor>| -> Vec<String> {
            all.into_iter().filter_map(|one| one.artifact_type).collect()
        };
        let found = types(remote.referrers(&image.digest).await.unwrap());
        let expect: &[&str] = if has_rival { &["r/v", "a/b"] } else { &["a/a", "a/b"] };
        assert_eq!(found, expect, "what somebody else wrote in between stays");

        let gone = attached(&image, "a/b").digest;
        assert!(remote.delete_manifest(&Reference::Digest(gone)).await.unwrap());
        assert_eq!(types(remote.referrers(&image.digest).await.unwrap()), expect[..1]);
    }
}

#[tokio::test]
async fn with_the_api_no_tag_is_made() {
    let faulty = Faulty::start(Faults::default());
    let (remote, image) = (remote(&faulty), image("x"));
    remote.put_manifest(&image, &[tag("v1")], Rank::Head).await.unwrap();
    remote.put_manifest(&attached(&image, "a/b"), &[], Rank::Head).await.unwrap();
    assert_eq!(remote.tags().await.unwrap(), [tag("v1")]);
    assert_eq!(remote.referrers(&image.digest).await.unwrap().len(), 1);
}

#[tokio::test]
async fn who_is_busy_is_asked_again() {
    let busy = Faults { busy: [503, 429, 500, 502].into(), busy_at: "manifests", ..Faults::default() };
    let faulty = Faulty::start(busy);
    remote(&faulty).put_manifest(&image("x"), &[tag("v1")], Rank::Head).await.unwrap();
    assert_eq!(faulty.asked("PUT").len(), 5);
    faulty.state().faults.busy = [403].into();
    assert!(remote(&faulty).manifest(&Reference::Tag(tag("v1"))).await.is_err());
    assert_eq!(faulty.asked("GET").len(), 1);
}
