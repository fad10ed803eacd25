//! Something with all the images that it locks by digest, from wherever they are into one place: bundles, and bundles in
//! bundles. What is a bundle, and what it locks, says a [`Guide`]; the moving is [`crate::copy`].
//!
//! **Where from.** An image is looked for beside the bundle that locks it, as a bundle that was relocated has them all there;
//! then where it was when it was locked.
//!
//! **Limits.** Of a target that is known not to take every form of manifest, all of it is looked at before anything is sent.
//!
//! **Order.** First all images that are no bundles, several at once; then bundles, inner ones before those that hold them; the
//! outermost, with its tags, last. So no bundle at the target locks what is not there.
//!
//! **Bounds.** [`BUNDLE_DEPTH_MAX`] and [`BUNDLE_IMAGES_ALL_MAX`]; each image is bounded as any copy.

mod once;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use wharf_model::digest::Digest;
use wharf_model::image_ref::ImageRef;
use wharf_model::limits::{BUNDLE_DEPTH_MAX, BUNDLE_IMAGES_ALL_MAX};
use wharf_model::name::{Reference, Tag};

use crate::copy::{self, Options, Report};
use crate::error::Error;
use crate::observer::Observer;
use crate::source::{Fetched, Source};
use crate::target::Target;
use once::Once;

/// Images that are looked at, at the same time.
const LOOKED_AT_ONCE: usize = 8;
/// Images that are copied at the same time, each with as much at once as a copy has.
const COPIED_AT_ONCE: usize = 3;

/// Knows bundles.
#[async_trait]
pub trait Guide: Send + Sync {
    /// What `image` locks, which `source` has; `None` where it is no bundle. All of it has digests.
    ///
    /// # Errors
    /// It is a bundle, and cannot be read.
    async fn locked(&self, source: &dyn Source, image: &Fetched) -> Result<Option<Vec<ImageRef>>, Error>;

    /// Where `image` was when it was locked; `None` where it is not to be looked for there.
    ///
    /// # Errors
    /// That place is none.
    async fn origin(&self, image: &ImageRef) -> Result<Option<Arc<dyn Source>>, Error>;
}

/// An image, and where it is.
#[derive(Clone)]
pub struct Member {
    /// What it is named by.
    pub digest: Digest,
    /// Who has it.
    pub source: Arc<dyn Source>,
    /// What it locks; `None` where it is no bundle.
    pub locks: Option<Vec<ImageRef>>,
}

/// An image to be looked at, and who has the bundle that locks it.
type Sought = (ImageRef, Arc<dyn Source>);

/// A bundle with all that belongs to it.
pub struct Plan {
    /// The bundle itself first.
    members: Vec<Member>,
    places: HashMap<Digest, usize>,
}

/// What a relocation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocated {
    /// Of the bundle itself.
    pub root: Report,
    /// Of all others.
    pub images: Vec<Report>,
}

impl Plan {
    /// Looks at what `source` has under `reference`, and at all that it locks.
    ///
    /// # Errors
    /// [`Error::Form`] where that is no bundle or more than is allowed belongs to it, [`Error::Missing`] where an image is
    /// nowhere; or a place cannot be asked.
    pub async fn of(source: Arc<dyn Source>, reference: &Reference, guide: &dyn Guide) -> Result<Plan, Error> {
        let missing = || Error::Missing { what: reference.to_string(), place: source.name() };
        let found = source.manifest(reference).await?.ok_or_else(missing)?;
        let locks = guide.locked(&*source, &found).await?;
        if locks.is_none() {
            return Err(Error::form(source.name(), format!("{reference} is no bundle")));
        }
        let root = Member { digest: found.digest, source, locks };
        let mut plan = Plan { places: HashMap::from([(root.digest, 0)]), members: vec![root] };
        let (mut from, mut depth) = (0, 0);
        loop {
            let waiting = plan.new_from(from)?;
            if waiting.is_empty() {
                return Ok(plan);
            }
            depth += 1;
            if depth > BUNDLE_DEPTH_MAX {
                let why = format!("bundles are nested more than {BUNDLE_DEPTH_MAX} deep");
                return Err(Error::form(plan.root().source.name(), why));
            }
            from = plan.members.len();
            let looking = waiting.into_iter().map(|sought| look(sought, guide));
            let found: Vec<Member> = stream::iter(looking).buffered(LOOKED_AT_ONCE).try_collect().await?;
            plan.members.extend(found);
        }
    }

    /// The bundle itself.
    pub fn root(&self) -> &Member {
        &self.members[0]
    }

    /// All, the bundle itself first.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether what is named by `digest` is a bundle.
    pub fn is_bundle(&self, digest: &Digest) -> bool {
        self.places.get(digest).is_some_and(|place| self.members[*place].locks.is_some())
    }

    /// What the members from `from` on lock that is not known yet, with the source of whoever locks it. It is known now, in that
    /// order after all that are there.
    fn new_from(&mut self, from: usize) -> Result<Vec<Sought>, Error> {
        let mut new = Vec::new();
        for member in &self.members[from..] {
            for image in member.locks.iter().flatten() {
                let Some(digest) = image.digest else { continue };
                if self.places.contains_key(&digest) {
                    continue;
                }
                if self.places.len() >= BUNDLE_IMAGES_ALL_MAX {
                    let why = format!("more than {BUNDLE_IMAGES_ALL_MAX} images belong to it");
                    return Err(Error::form(self.root().source.name(), why));
                }
                self.places.insert(digest, self.places.len());
                new.push((image.clone(), member.source.clone()));
            }
        }
        Ok(new)
    }

    /// Copies all of it to `target`, the bundle itself under `tags`, and everything under the tag that `kept` gives it, if any.
    ///
    /// # Errors
    /// As [`copy::copy`]. With [`Error::Unfit`], which is about any of it, nothing was sent of it all.
    pub async fn carry(
        &self,
        target: &dyn Target,
        tags: &[Tag],
        kept: &(dyn Fn(&Digest) -> Option<Tag> + Sync),
        options: &Options,
        observer: &Arc<dyn Observer>,
    ) -> Result<Relocated, Error> {
        self.fits(target, options).await?;
        // Nothing comes in a dry run, so that nobody is to wait for it.
        let once = Once::new(target);
        let target: &dyn Target = if options.dry_run { target } else { &once };
        let one = async |member: &Member, tags: &[Tag]| {
            let tags: Vec<Tag> = tags.iter().cloned().chain(kept(&member.digest)).collect();
            let reference = Reference::Digest(member.digest);
            copy::looked_at(&*member.source, &reference, target, &tags, options, observer.clone()).await
        };
        let leaves = self.members.iter().filter(|member| member.locks.is_none());
        let leaves = leaves.map(|member| one(member, &[]));
        // In no order: the first that fails ends them all, also those that wait for what it was bringing.
        let mut images: Vec<Report> = stream::iter(leaves).buffer_unordered(COPIED_AT_ONCE).try_collect().await?;
        for member in self.inner_bundles() {
            images.push(one(member, &[]).await?);
        }
        Ok(Relocated { root: one(self.root(), tags).await?, images })
    }

    /// Fails where the target is known not to take something of it.
    async fn fits(&self, target: &dyn Target, options: &Options) -> Result<(), Error> {
        if !target.abilities().is_limited() {
            return Ok(());
        }
        let looking = self.members.iter().map(async |member: &Member| {
            copy::obstacles(&*member.source, &Reference::Digest(member.digest), target, options).await
        });
        let found: Vec<_> = stream::iter(looking).buffered(COPIED_AT_ONCE).try_collect().await?;
        copy::fit(target, found.concat())
    }

    /// All bundles but the outermost, each after those that it holds.
    fn inner_bundles(&self) -> Vec<&Member> {
        let (mut ordered, mut seen) = (Vec::new(), HashSet::new());
        // What is to be left comes up a second time, when all below it was.
        let mut open = vec![(0, false)];
        while let Some((place, is_left)) = open.pop() {
            let member = &self.members[place];
            if is_left {
                ordered.push(member);
            } else if seen.insert(place) {
                open.push((place, true));
                let below = member.locks.iter().flatten().filter_map(|image| self.places.get(&image.digest?));
                open.extend(below.filter(|below| self.members[**below].locks.is_some()).map(|below| (*below, false)));
            }
        }
        ordered.retain(|member| member.digest != self.root().digest);
        ordered
    }
}

/// Finds an image: beside the bundle that locks it, or where it was.
async fn look((image, beside): Sought, guide: &dyn Guide) -> Result<Member, Error> {
    let reference = image.reference();
    let found = match beside.manifest(&reference).await? {
        Some(found) => Some((found, beside.clone())),
        None => match guide.origin(&image).await? {
            Some(origin) => origin.manifest(&reference).await?.map(|found| (found, origin)),
            None => None,
        },
    };
    let missing = || Error::Missing { what: format!("{image}, which a bundle there locks"), place: beside.name() };
    let (found, source) = found.ok_or_else(missing)?;
    let locks = guide.locked(&*source, &found).await?;
    Ok(Member { digest: image.digest.unwrap_or(found.digest), source, locks })
}

impl Relocated {
    /// All of it as one report, about the bundle itself. What two images have in common counts twice.
    pub fn total(&self) -> Report {
        let mut total = self.root.clone();
        for image in &self.images {
            total.manifests_sent += image.manifests_sent;
            total.manifests_skipped += image.manifests_skipped;
            total.referrers += image.referrers;
            total.blobs_sent += image.blobs_sent;
            total.blobs_skipped += image.blobs_skipped;
            total.blobs_mounted += image.blobs_mounted;
            total.blobs_foreign += image.blobs_foreign;
            total.bytes_sent += image.bytes_sent;
            total.bytes_skipped += image.bytes_skipped;
            total.bytes_mounted += image.bytes_mounted;
        }
        total
    }
}
