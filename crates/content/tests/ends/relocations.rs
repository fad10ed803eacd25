//! Bundles with all that they lock.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use async_trait::async_trait;
use serde_json::json;
use wharf_content::abilities::Abilities;
use wharf_content::copy::Options;
use wharf_content::error::Error;
use wharf_content::memory::Memory;
use wharf_content::observer::Observer;
use wharf_content::relocate::{Guide, Plan, Relocated};
use wharf_content::source::{Fetched, Source};
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::image_ref::ImageRef;
use wharf_model::limits::BUNDLE_DEPTH_MAX;
use wharf_model::manifest::Manifest;
use wharf_model::name::Tag;

use crate::graphs::{Registry, blob, image, tag, tagged};

/// The annotation by which these bundles lock images.
const LOCKS: &str = "locks";

/// Repositories by the host that they are at.
#[derive(Default)]
struct World(HashMap<String, Arc<Memory>>);

#[async_trait]
impl Guide for World {
    async fn locked(&self, _: &dyn Source, image: &Fetched) -> Result<Option<Vec<ImageRef>>, Error> {
        let manifest = Manifest::parse(&image.bytes, None).unwrap();
        let text = manifest.annotations.and_then(|mut all| all.remove(LOCKS));
        Ok(text.map(|text| text.split_whitespace().map(|image| image.parse().unwrap()).collect()))
    }

    async fn origin(&self, image: &ImageRef) -> Result<Option<Arc<dyn Source>>, Error> {
        Ok(self.0.get(&image.host).map(|memory| memory.clone() as Arc<dyn Source>))
    }
}

impl World {
    fn at(&mut self, host: &str) -> Arc<Memory> {
        self.0.entry(host.to_owned()).or_default().clone()
    }
}

fn bundle(memory: &Memory, locks: &[String], tags: &[&str]) -> Descriptor {
    let content = blob(memory, &locks.join("\n"));
    image(memory, &[content], json!({ "annotations": { LOCKS: locks.join(" ") } }), tags)
}

fn at(host: &str, image: &Descriptor) -> String {
    format!("{host}/app@{}", image.digest)
}

fn keep(digest: &Digest) -> Option<Tag> {
    format!("{}.kept", digest.referrers_tag()).parse().ok()
}

async fn relocate(plan: &Plan, to: &Registry) -> Relocated {
    let observer: Arc<dyn Observer> = Arc::new(());
    plan.carry(to, &[tag("v1")], &keep, &Options::default(), &observer).await.unwrap()
}

/// A bundle at `a` with an image at `b` and a bundle at `c`, which has an image at `b` and shares the first.
fn nested() -> (World, Arc<Memory>, [Descriptor; 4]) {
    let mut world = World::default();
    let (a, b, c) = (world.at("a.example"), world.at("b.example"), world.at("c.example"));
    let shared = image(&b, &[blob(&b, "shared")], json!({}), &[]);
    let other = image(&b, &[blob(&b, "other")], json!({}), &[]);
    let inner = bundle(&c, &[at("b.example", &other), at("b.example", &shared)], &[]);
    let outer = bundle(&a, &[at("b.example", &shared), at("c.example", &inner)], &["v1"]);
    (world, a, [outer, inner, shared, other])
}

#[tokio::test]
async fn from_everywhere_into_one_place_and_on_from_there() {
    let (world, from, all) = nested();
    let plan = Plan::of(from, &tagged("v1"), &world).await.unwrap();
    assert_eq!(plan.members().len(), 4);
    assert!(plan.is_bundle(&all[1].digest) && !plan.is_bundle(&all[2].digest));
    let to = Registry::new();
    let relocated = relocate(&plan, &to).await;
    assert_eq!((relocated.root.root.digest, relocated.images.len()), (all[0].digest, 3));
    assert_eq!(
        (relocated.total().manifests_sent, relocated.images[2].root.digest),
        (4, all[1].digest),
        "inner bundles last"
    );
    to.assert_whole().await;
    // A config that all have, and a layer of each.
    assert_eq!((to.sent.load(SeqCst), relocated.total().blobs_sent), (5, 5), "nothing travels twice");
    let tags = to.memory.tags().await.unwrap();
    assert_eq!(tags.len(), 5);
    assert!(all.iter().all(|image| tags.contains(&keep(&image.digest).unwrap())));

    // Nothing is asked for elsewhere once all is there.
    let to: Arc<Memory> = Arc::new(to.memory);
    let plan = Plan::of(to.clone(), &tagged("v1"), &World::default()).await.unwrap();
    let next = Registry::new();
    relocate(&plan, &next).await;
    assert_eq!(next.memory.manifests(), to.manifests());
    let relocated = relocate(&plan, &next).await;
    assert_eq!((relocated.total().blobs_sent, relocated.total().manifests_sent), (0, 0));
}

#[tokio::test]
async fn no_bundle_before_what_it_locks() {
    let (world, from, all) = nested();
    let plan = Plan::of(from, &tagged("v1"), &world).await.unwrap();
    for call in 0.. {
        let to = Registry { fails: Some(call), ..Registry::new() };
        let observer: Arc<dyn Observer> = Arc::new(());
        let done = plan.carry(&to, &[tag("v1")], &keep, &Options::default(), &observer).await;
        to.assert_whole().await;
        let there = to.memory.manifests();
        let has = |image: &Descriptor| there.contains(&image.digest);
        assert!(!has(&all[0]) || has(&all[1]), "the outer one needs the inner one");
        assert!(!has(&all[1]) || has(&all[2]) && has(&all[3]), "the inner one needs its images");
        if done.is_ok() {
            return;
        }
    }
}

/// What is not taken is the last that would be sent: an index that the outer bundle locks beside all else.
#[tokio::test]
async fn nothing_of_it_where_something_is_not_taken() {
    let (mut world, from, all) = nested();
    let (b, odd) = (world.at("b.example"), json!({ "artifactType": "application/vnd.acme" }));
    let custom = Descriptor { media_type: "application/vnd.acme".parse().unwrap(), ..blob(&b, "custom") };
    let custom = image(&b, &[custom], odd, &[]);
    bundle(&from, &[at("b.example", &all[2]), at("c.example", &all[1]), at("b.example", &custom)], &["v2"]);
    let abilities = Abilities { custom_types: Some(false), ..Abilities::default() };
    let to = Registry { abilities, ..Registry::new() };
    let observer: Arc<dyn Observer> = Arc::new(());
    let carry = async |version: &str| {
        let plan = Plan::of(from.clone(), &tagged(version), &world).await.unwrap();
        plan.carry(&to, &[tag(version)], &keep, &Options::default(), &observer).await
    };
    match carry("v2").await {
        Err(Error::Unfit(unfit)) => assert_eq!(unfit.obstacles[0].manifest, Some(custom.digest), "{unfit}"),
        other => panic!("{other:?}"),
    }
    assert!(to.sent.load(SeqCst) == 0 && to.memory.manifests().is_empty(), "nothing was sent");
    carry("v1").await.unwrap();
    to.assert_whole().await;
}

#[tokio::test]
async fn what_is_missing_or_too_much() {
    let (mut world, from, all) = nested();
    let error = |plan: Result<Plan, Error>| plan.err().expect("refused").to_string();
    world.0.remove("b.example");
    let said = error(Plan::of(from.clone(), &tagged("v1"), &world).await);
    assert!(said.contains(&at("b.example", &all[2])), "{said}");
    image(&from, &[], json!({}), &["plain"]);
    assert!(error(Plan::of(from.clone(), &tagged("plain"), &world).await).contains("plain is no bundle"));
    assert!(error(Plan::of(from.clone(), &tagged("none"), &world).await).contains("has no none"));
    let mut last = bundle(&from, &[], &["deep"]);
    for depth in 0..=BUNDLE_DEPTH_MAX {
        let is_allowed = Plan::of(from.clone(), &tagged("deep"), &world).await.is_ok();
        assert!(is_allowed, "{depth}");
        last = bundle(&from, &[at("a.example", &last)], &["deep"]);
    }
    assert!(error(Plan::of(from, &tagged("deep"), &world).await).contains("nested"));
}
