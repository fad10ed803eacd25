//! What a registry is, said in the simplest way: maps, a clock, and no regard to cost. The rules are those of the design
//! (three relations, half the grace, the trash), written anew, so that two readings of them meet in `faults`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use wharf_model::digest::Digest;
use wharf_store::clock::Millis;

use crate::house::{GRACE, TRASH};

/// A manifest that the test may push.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    pub(crate) digest: Digest,
    pub(crate) bytes: Bytes,
    /// What must be here.
    pub(crate) blobs: Vec<Digest>,
    /// What need not be.
    pub(crate) children: Vec<Digest>,
}

impl Document {
    fn names(&self, digest: &Digest) -> bool {
        self.blobs.contains(digest) || self.children.contains(digest)
    }
}

/// Why something is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum No {
    Repository,
    Manifest,
    Blob,
    Missing,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Repository {
    /// With the moment since which nothing names it.
    members: BTreeMap<Digest, Option<Millis>>,
    live: BTreeMap<Digest, Document>,
    /// With the moment at which it is purged.
    trash: Vec<(Millis, Document)>,
    tags: BTreeMap<String, Digest>,
}

impl Repository {
    fn names(&self, digest: &Digest) -> bool {
        self.live.values().chain(self.trash.iter().map(|(_, document)| document)).any(|one| one.names(digest))
    }

    fn shows(&self, digest: &Digest, now: Millis) -> bool {
        self.members.get(digest).is_some_and(|since| since.is_none_or(|since| since > now - GRACE / 2))
    }
}

/// What can be seen from outside.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) repositories: BTreeMap<String, SeenRepository>,
    /// How many blobs there are, each counted once.
    pub(crate) blobs: usize,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct SeenRepository {
    pub(crate) tags: BTreeMap<String, Digest>,
    pub(crate) manifests: BTreeSet<Digest>,
    pub(crate) blobs: BTreeSet<Digest>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) now: Millis,
    pub(crate) stored: BTreeSet<Digest>,
    repositories: BTreeMap<String, Repository>,
}

impl Model {
    pub(crate) fn new(now: Millis) -> Model {
        Model { now, ..Model::default() }
    }

    pub(crate) fn seen(&self) -> Seen {
        let one = |(name, repository): (&String, &Repository)| {
            let shown = repository.members.keys().filter(|digest| repository.shows(digest, self.now));
            let seen = SeenRepository {
                tags: repository.tags.clone(),
                manifests: repository.live.keys().copied().collect(),
                blobs: shown.copied().collect(),
            };
            (name.clone(), seen)
        };
        Seen { repositories: self.repositories.iter().map(one).collect(), blobs: self.stored.len() }
    }

    fn ensure(&mut self, repository: &str) -> &mut Repository {
        self.repositories.entry(repository.to_owned()).or_default()
    }

    fn known(&mut self, repository: &str) -> Result<&mut Repository, No> {
        self.repositories.get_mut(repository).ok_or(No::Repository)
    }

    pub(crate) fn put_blob(&mut self, repository: &str, digest: Digest) {
        let now = self.now;
        self.stored.insert(digest);
        let repository = self.ensure(repository);
        let since = (!repository.names(&digest)).then_some(now);
        repository.members.insert(digest, since);
    }

    pub(crate) fn mount(&mut self, repository: &str, digest: Digest, from: Option<&str>) -> bool {
        let candidates = self.repositories.iter().filter(|(name, _)| from.is_none_or(|from| from == *name));
        let found = candidates.into_iter().any(|(_, one)| one.shows(&digest, self.now));
        if found {
            self.put_blob(repository, digest);
        }
        found
    }

    pub(crate) fn delete_blob(&mut self, repository: &str, digest: Digest) -> Result<(), No> {
        let now = self.now;
        let repository = self.known(repository)?;
        if !repository.shows(&digest, now) {
            return Err(No::Blob);
        }
        repository.members.remove(&digest);
        self.free(&[digest]);
        Ok(())
    }

    pub(crate) fn put_manifest(&mut self, repository: &str, document: &Document, tag: Option<&str>) -> Result<(), No> {
        let before = self.repositories.get(repository).cloned().unwrap_or_default();
        let is_here = |digest: &Digest| before.members.contains_key(digest) || before.live.contains_key(digest);
        if !document.blobs.iter().all(is_here) {
            return Err(No::Missing);
        }
        let repository = self.ensure(repository);
        if repository.live.insert(document.digest, document.clone()).is_none() {
            for target in document.blobs.iter().chain(&document.children) {
                repository.members.entry(*target).and_modify(|since| *since = None);
            }
        }
        repository.tags.extend(tag.map(|tag| (tag.to_owned(), document.digest)));
        Ok(())
    }

    pub(crate) fn delete_tag(&mut self, repository: &str, tag: &str) -> Result<(), No> {
        self.known(repository)?.tags.remove(tag).map(drop).ok_or(No::Manifest)
    }

    pub(crate) fn delete_manifest(&mut self, repository: &str, digest: Digest) -> Result<(), No> {
        let until = self.now + TRASH;
        let repository = self.known(repository)?;
        if !repository.live.contains_key(&digest) {
            return Err(No::Manifest);
        }
        repository.tags.retain(|_, pointed| *pointed != digest);
        let mut going = VecDeque::from([digest]);
        while let Some(digest) = going.pop_front() {
            let Some(document) = repository.live.remove(&digest) else { continue };
            for child in &document.children {
                let is_held = repository.live.values().any(|other| other.names(child));
                let is_tagged = repository.tags.values().any(|pointed| pointed == child);
                if repository.live.contains_key(child) && !is_held && !is_tagged && !going.contains(child) {
                    going.push_back(*child);
                }
            }
            repository.trash.push((until, document));
        }
        Ok(())
    }

    /// Purges the trash, then takes away what nothing has named for the grace.
    pub(crate) fn sweep(&mut self) {
        let now = self.now;
        let mut touched = Vec::new();
        for repository in self.repositories.values_mut() {
            let (over, kept) = std::mem::take(&mut repository.trash).into_iter().partition(|(until, _)| *until <= now);
            repository.trash = kept;
            let over: Vec<(Millis, Document)> = over;
            for target in over.into_iter().flat_map(|(_, document)| [document.blobs, document.children].concat()) {
                if !repository.names(&target) {
                    repository.members.entry(target).and_modify(|since| *since = since.or(Some(now)));
                }
                touched.push(target);
            }
            let is_over = |since: &Option<Millis>| since.is_some_and(|since| since <= now - GRACE);
            touched.extend(repository.members.extract_if(.., |_, since| is_over(since)).map(|(digest, _)| digest));
        }
        self.free(&touched);
    }

    /// Lets go of what no repository has and no manifest names.
    fn free(&mut self, digests: &[Digest]) {
        for digest in digests {
            let holds = |one: &Repository| one.members.contains_key(digest) || one.names(digest);
            if !self.repositories.values().any(holds) {
                self.stored.remove(digest);
            }
        }
    }
}
