//! The copy that pull, push, relocation, mirroring, import and export share: one graph of manifests and blobs, from a source to
//! a target.
//!
//! **Order.** A blob is there before the manifest that names it, a child before its index, the root after all of its parts
//! and only then its tags; then what refers to any of it (signatures, SBOMs), and what refers to that. So wherever a copy
//! ends, by an error or because its future is dropped, no tag and no manifest at the target names what is not there.
//!
//! **Again.** A copy may be repeated; what the target has does not travel. Of images, a registry that has the manifest has
//! the blobs ([`Target::keeps_whole`]) and is not asked for each; an index may be sparse, so its children are always looked
//! at. A manifest with a subject is put again even so, as a registry without a list of referrers may lack only the entry in
//! the list.
//!
//! **Limits.** Of a target that is known not to take every form of manifest ([`Target::abilities`]), all of the graph is looked
//! at before anything is sent; where something in it has no way there, nothing is.
//!
//! **Bounds.** What comes from the source is verified by its digest and bounded by [`wharf_model::limits`] (`COPY_…`); memory
//! goes with the number of different manifests and blobs, not with their size.

mod carry;
mod graph;
mod send;
mod survey;
mod task;
mod walk;

use std::num::NonZeroUsize;
use std::sync::Arc;

use serde::Serialize;
use wharf_model::descriptor::Descriptor;
use wharf_model::name::{Reference, Tag};

use crate::abilities::Obstacle;
use crate::error::Error;
use crate::observer::Observer;
use crate::platform::Platform;
use crate::source::{Fetched, Source};
use crate::target::Target;

pub use self::send::send;
pub(crate) use self::survey::fit;

/// Things that are under way at once where nothing is said.
pub const CONCURRENCY: usize = 8;

/// Which children of an index are copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// All.
    #[default]
    All,
    /// Those for these platforms; the index itself stays as it is, digest and all, and so names more than is there (image-spec,
    /// "sparse index"). Of which it does not say what they are for, those too.
    Sparse(Vec<Platform>),
    /// The one for this platform, as an image of its own, without the index. A root that is no index is copied as it is.
    Only(Platform),
}

/// What is copied, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which children of an index.
    pub platforms: Selection,
    /// Also what refers to any manifest that is copied: by the list of referrers, and by cosign's tags
    /// (`sha256-….sig`, `.att`, `.sbom`), which are set at the target, too.
    pub referrers: bool,
    /// Also layers that may be had elsewhere (`urls`); the source must have them then.
    pub foreign: bool,
    /// Ask the target for every blob, also where it has the manifest.
    pub thorough: bool,
    /// Ask, but change nothing. The report says what would travel.
    pub dry_run: bool,
    /// How many blobs and manifests are under way at once.
    pub concurrency: NonZeroUsize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            platforms: Selection::All,
            referrers: true,
            foreign: false,
            thorough: false,
            dry_run: false,
            concurrency: NonZeroUsize::new(CONCURRENCY).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// What a copy did; or would have done, if it was a dry run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What is at the target now, under the tags that were given.
    pub root: Descriptor,
    /// Manifests that travelled.
    pub manifests_sent: u64,
    /// Manifests that the target had.
    pub manifests_skipped: u64,
    /// Those of both that were found as referrers of others.
    pub referrers: u64,
    /// Blobs that travelled.
    pub blobs_sent: u64,
    /// Blobs that the target had, of those that it was asked for.
    pub blobs_skipped: u64,
    /// Blobs that the target took from another of its repositories.
    pub blobs_mounted: u64,
    /// Layers left out, as they may be had elsewhere.
    pub blobs_foreign: u64,
    /// Bytes of blobs that travelled.
    pub bytes_sent: u64,
    /// Bytes of blobs that the target had.
    pub bytes_skipped: u64,
    /// Bytes of blobs that were mounted.
    pub bytes_mounted: u64,
}

/// Copies what `source` has under `reference` to `target`, there to be found by its digest and under `tags`, with all that it
/// is made of.
///
/// Several copies may go to one target at once. [`Target::close`] is left to the caller, after the last of them. Dropping the
/// future ends the copy.
///
/// # Errors
/// The first thing that failed; what was under way beside it is dropped. [`Error::Missing`] where the source lacks the
/// reference, a part of it, or the platform; [`Error::Form`] where it is no manifest or its graph exceeds its bounds;
/// [`Error::Unfit`] where the target is known not to take it: then nothing was sent.
pub async fn copy(
    source: &dyn Source,
    reference: &Reference,
    target: &dyn Target,
    tags: &[Tag],
    options: &Options,
    observer: Arc<dyn Observer>,
) -> Result<Report, Error> {
    let ends = task::Ends { source, target, options, observer };
    let (fetched, manifest) = ends.root(reference).await?;
    survey::fit(target, survey::obstacles(&ends, &fetched, &manifest).await?)?;
    walk::Walk::new(ends, &fetched, tags)?.run(fetched, manifest).await
}

/// The same of something whose [`obstacles`] have been looked for.
pub(crate) async fn looked_at(
    source: &dyn Source,
    reference: &Reference,
    target: &dyn Target,
    tags: &[Tag],
    options: &Options,
    observer: Arc<dyn Observer>,
) -> Result<Report, Error> {
    let ends = task::Ends { source, target, options, observer };
    let (fetched, manifest) = ends.root(reference).await?;
    walk::Walk::new(ends, &fetched, tags)?.run(fetched, manifest).await
}

/// What of a copy the target is known not to take, and does not have either.
///
/// # Errors
/// As [`copy`]; nothing is sent.
pub(crate) async fn obstacles(
    source: &dyn Source,
    reference: &Reference,
    target: &dyn Target,
    options: &Options,
) -> Result<Vec<Obstacle>, Error> {
    let ends = task::Ends { source, target, options, observer: Arc::new(()) };
    let (fetched, manifest) = ends.root(reference).await?;
    survey::obstacles(&ends, &fetched, &manifest).await
}

/// What of a descriptor is needed to move what it names.
fn slim(named: &Descriptor) -> Descriptor {
    Descriptor::new(named.media_type.clone(), named.digest, named.size)
}

fn describe(fetched: &Fetched) -> Descriptor {
    Descriptor::new(fetched.media_type.clone(), fetched.digest, fetched.bytes.len() as u64)
}
