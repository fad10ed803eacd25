//! All that is going to be copied, looked at before anything is sent: a copy to a target that has every blob and no manifest,
//! and only takes note of these.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;
use wharf_model::name::Tag;

use super::task::Ends;
use super::{Options, walk};
use crate::abilities::{self, Form, Obstacle, Unfit};
use crate::error::Error;
use crate::source::Fetched;
use crate::target::{Origin, Rank, Target};

/// What of all that is going to be copied the target is known not to take, and does not have either.
pub(super) async fn obstacles(ends: &Ends<'_>, root: &Fetched, manifest: &Manifest) -> Result<Vec<Obstacle>, Error> {
    let abilities = ends.target.abilities();
    if !abilities.is_limited() {
        return Ok(Vec::new());
    }
    let survey = Survey { name: ends.target.name(), forms: Mutex::default() };
    let options = Options { dry_run: false, ..ends.options.clone() };
    let surveyed = Ends { source: ends.source, target: &survey, options: &options, observer: Arc::new(()) };
    walk::Walk::new(surveyed, root, &[])?.run(root.clone(), manifest.clone()).await?;
    let forms = survey.forms.into_inner();
    let mut found = abilities::obstacles(&abilities, Some(&root.digest), &forms);
    // What is there has been taken, whatever is known.
    let mut there = HashMap::new();
    for digest in found.iter().filter_map(|one| one.manifest) {
        if let Entry::Vacant(entry) = there.entry(digest) {
            entry.insert(ends.target.has_manifest(&digest).await?);
        }
    }
    found.retain(|one| one.manifest.is_none_or(|digest| there.get(&digest) != Some(&true)));
    Ok(found)
}

/// Fails where there are any.
pub(crate) fn fit(target: &dyn Target, obstacles: Vec<Obstacle>) -> Result<(), Error> {
    match obstacles.is_empty() {
        true => Ok(()),
        false => Err(Error::Unfit(Unfit { place: target.name(), obstacles })),
    }
}

struct Survey {
    name: String,
    forms: Mutex<Vec<Form>>,
}

#[async_trait]
impl Target for Survey {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn has_blob(&self, _descriptor: &Descriptor) -> Result<bool, Error> {
        Ok(true)
    }

    async fn put_blob(&self, _descriptor: &Descriptor, _origin: &dyn Origin) -> Result<(), Error> {
        Ok(())
    }

    async fn has_manifest(&self, _digest: &Digest) -> Result<bool, Error> {
        Ok(false)
    }

    async fn put_manifest(&self, manifest: &Fetched, _tags: &[Tag], _rank: Rank) -> Result<(), Error> {
        self.forms.lock().extend(Form::of(manifest));
        Ok(())
    }
}
