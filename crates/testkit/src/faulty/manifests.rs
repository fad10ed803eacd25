//! Manifests, tags and referrers, and what is taken of the former.

use std::ops::Range;

use serde_json::{Value, json};
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::media::OCI_INDEX;

use super::wire::{Asked, Reply};
use super::{State, other_digest};

/// What the types that images have begin with, and OCI's empty one.
const KNOWN: [&str; 5] = [
    "application/vnd.oci.image.config.v1",
    "application/vnd.oci.image.layer.",
    "application/vnd.docker.container.image.v1",
    "application/vnd.docker.image.rootfs.",
    "application/vnd.oci.empty.v1",
];

pub(super) fn manifest(state: &mut State, asked: &Asked, reference: &str) -> Reply {
    if let Some(at) = state.faults.manifests_at.clone().filter(|_| asked.method == "GET") {
        return Reply::new(307).with("Location", format!("{at}{reference}"));
    }
    match &*asked.method {
        "PUT" => put_manifest(state, asked, reference),
        "DELETE" if state.faults.no_delete => Reply::new(405),
        "DELETE" => Reply::new(state.manifests.remove(reference).map_or(404, |_| 202)),
        _ => get_manifest(state, reference),
    }
}

fn get_manifest(state: &State, reference: &str) -> Reply {
    let Some((media_type, mut bytes)) = state.manifests.get(reference).cloned() else { return Reply::new(404) };
    let digest = Digest::of(Algorithm::Sha256, &bytes);
    let said = if state.faults.wrong_digests { other_digest(&bytes) } else { digest };
    if state.faults.wrong_manifests {
        bytes[0] ^= 1;
    }
    let reply = Reply::new(200).with("Content-Type", media_type).with("Docker-Content-Digest", said);
    reply.with("ETag", format!("\"{digest}\"")).body(bytes)
}

fn put_manifest(state: &mut State, asked: &Asked, reference: &str) -> Reply {
    let digest = Digest::of(Algorithm::Sha256, &asked.body).to_string();
    let media_type = asked.header("content-type").unwrap().to_owned();
    let manifest: Value = serde_json::from_slice(&asked.body).unwrap();
    let tags = if state.faults.no_tag_parameters { Vec::new() } else { asked.parameter("tag") };
    if let Some(why) = refusal(state, &manifest, reference.contains(':') && tags.is_empty()) {
        return Reply::error(400, "MANIFEST_INVALID", why);
    }
    if let Some((_, rival)) = state.faults.rival.take_if(|_| reference.starts_with("sha256-")) {
        state.manifests.insert(reference.to_owned(), (media_type.clone(), rival));
    }
    let there = state.manifests.get(reference).map(|(_, bytes)| Digest::of(Algorithm::Sha256, bytes));
    if asked.header("if-match").is_some_and(|only| there.is_none_or(|there| only != format!("\"{there}\""))) {
        return Reply::new(412);
    }
    let said = if state.faults.wrong_digests { other_digest(&asked.body).to_string() } else { digest.clone() };
    let mut reply = Reply::new(201).with("Docker-Content-Digest", said);
    if !tags.is_empty() {
        reply = reply.with("OCI-Tag", tags.join(", "));
    }
    if let Some(subject) = manifest["subject"]["digest"].as_str().filter(|_| !state.faults.no_referrers) {
        reply = reply.with("OCI-Subject", subject);
    }
    for name in [digest, reference.to_owned()].into_iter().chain(tags) {
        state.manifests.insert(name, (media_type.clone(), asked.body.clone()));
    }
    reply
}

/// Why a manifest is not taken, by the scars.
fn refusal(state: &State, manifest: &Value, is_untagged: bool) -> Option<&'static str> {
    let faults = &state.faults;
    let children = manifest["manifests"].as_array();
    let is_mixed = || children.into_iter().flatten().any(|child| !is_image(state, child));
    let named = || manifest["layers"].as_array().into_iter().flatten().chain([&manifest["config"]]);
    let is_custom = || named().any(|one| one["mediaType"].as_str().is_some_and(|text| !is_known(text)));
    let has_no_layers = manifest["layers"].as_array().is_some_and(Vec::is_empty);
    let rows = [
        (faults.no_untagged && is_untagged, "a manifest needs a tag here"),
        (faults.no_index && children.is_some(), "indexes are not supported"),
        (faults.no_multi_arch && platforms(children) > 1, "one platform is enough for everybody"),
        (faults.no_mixed_index && is_mixed(), "an index has images in it"),
        (faults.no_empty_layers && has_no_layers, "an image has layers"),
        (faults.no_custom_types && is_custom(), "this media type is not allowed"),
    ];
    rows.into_iter().find_map(|(is_refused, why)| is_refused.then_some(why))
}

fn is_known(media_type: &str) -> bool {
    KNOWN.iter().any(|known| media_type.starts_with(known))
}

/// Whether the child of an index is an image, as far as that can be seen.
fn is_image(state: &State, child: &Value) -> bool {
    let found = state.manifests.get(child["digest"].as_str().unwrap_or_default());
    let Some(manifest) = found.and_then(|(_, bytes)| serde_json::from_slice::<Value>(bytes).ok()) else { return true };
    let config = manifest["config"]["mediaType"].as_str().unwrap_or_default();
    manifest["manifests"].is_null() && manifest["artifactType"].is_null() && config.contains("image")
}

fn platforms(children: Option<&Vec<Value>>) -> usize {
    let architecture = |child: &Value| child["platform"]["architecture"].as_str().map(str::to_owned);
    let mut all: Vec<String> = children.into_iter().flatten().filter_map(architecture).collect();
    all.retain(|one| one != "unknown");
    all.sort_unstable();
    all.dedup();
    all.len()
}

pub(super) fn referrers(state: &State, asked: &Asked, subject: &str) -> Reply {
    if state.faults.no_referrers {
        return Reply::new(404);
    }
    let all = state.manifests.iter().filter(|(name, _)| name.contains(':')).filter_map(|(name, (kind, bytes))| {
        let manifest: Value = serde_json::from_slice(bytes).ok()?;
        let artifact_type = &manifest["artifactType"];
        let entry = json!({ "mediaType": kind, "digest": name, "size": bytes.len(), "artifactType": artifact_type });
        (manifest["subject"]["digest"] == subject).then_some(entry)
    });
    let all: Vec<_> = all.collect();
    let (page, next) = page(state, asked, all.len());
    let index = json!({ "schemaVersion": 2, "manifests": all[page] });
    let mut reply = Reply::new(200).with("Content-Type", OCI_INDEX);
    reply.headers.extend(next.map(|next| ("Link".to_owned(), next)));
    reply.body(index.to_string())
}

pub(super) fn tags(state: &State, asked: &Asked) -> Reply {
    let all: Vec<_> = state.manifests.keys().filter(|name| !name.contains(':')).collect();
    let (page, next) = page(state, asked, all.len());
    let mut reply = Reply::new(200);
    reply.headers.extend(next.map(|next| ("Link".to_owned(), next)));
    reply.body(json!({ "name": asked.repository(), "tags": all[page] }).to_string())
}

/// Which entries of so many, and the link to the next.
fn page(state: &State, asked: &Asked, all: usize) -> (Range<usize>, Option<String>) {
    let path = asked.target.split('?').next().unwrap_or_default();
    let start: usize = asked.parameter("from").first().map_or(0, |from| from.parse().unwrap());
    let end = state.faults.page.map_or(all, |page| all.min(start + page));
    let is_more = end < all || state.faults.endless;
    (start.min(end)..end, is_more.then(|| format!("<{path}?from={end}>; rel=\"next\"")))
}
