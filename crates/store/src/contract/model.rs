//! What the ledger says, derived a second time and naively from what was done to it; and random steps, after each of which
//! the two are compared.
//!
//! The model keeps no references and no counts: what is held is looked up among all manifests each time it is asked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use wharf_model::api::trash::TrashKind;
use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::manifest::Role;
use wharf_model::name::{Reference, RepositoryName, Tag};

use super::front::set_overview;
use super::ledger::{Bench, GRACE, START, digest, make_project, name, purge, tag};
use super::trash::{delete_repository, restore_manifest, restore_repository};
use crate::blobs::Location;
use crate::clock::{Clock as _, Millis};
use crate::ledger::change::{Change, Commit, Edge, Expected, Expects, Freed, Known, Place, Refused};
use crate::ledger::notes::{Claim, RECLAIM};
use crate::ledger::people::Thing;
use crate::ledger::query::BlobRow;
use crate::ledger::readable::Readable;
use crate::ledger::trash::TrashRow;

/// A step, as four random bytes.
pub type Step = [u8; 4];

/// How many kinds of steps there are.
const KINDS: u8 = 20;

const REPOSITORIES: [&str; 3] = ["open/a", "shut/b", "shut/c"];
const BLOBS: [&str; 5] = ["b0", "b1", "b2", "b3", "b4"];
const TAGS: [&str; 3] = ["t0", "t1", "t2"];
const MEDIA: [&str; 2] = ["a/x", "a/y"];

/// How, what, and whether it must be there.
type Names = (Role, &'static str, bool);

/// The manifests: what each names, and whether that must be there.
const MANIFESTS: [(&str, &[Names]); 7] = [
    ("m0", &[(Role::Config, "b0", true), (Role::Layer, "b1", true)]),
    ("m1", &[(Role::Layer, "b1", true), (Role::Layer, "b2", true)]),
    ("m2", &[(Role::Child, "m0", false), (Role::Child, "m1", true), (Role::Child, "b3", false)]),
    ("m3", &[(Role::Layer, "b3", true), (Role::Subject, "m0", false)]),
    ("m4", &[(Role::Config, "b4", false), (Role::Layer, "b0", true)]),
    ("m5", &[(Role::Child, "m2", true), (Role::Child, "m3", true), (Role::Child, "m0", false)]),
    ("m6", &[(Role::Layer, "b4", true), (Role::Child, "b4", false), (Role::Subject, "m5", false)]),
];

#[derive(Clone, Copy, PartialEq, Eq)]
struct Held {
    manifest: usize,
    media: usize,
}

/// A manifest in the trash.
#[derive(Clone, PartialEq, Eq)]
struct Trashed {
    repository: usize,
    held: Held,
    tags: Vec<usize>,
    deleted_at: Millis,
    until: Millis,
}

/// A repository in the trash: which it was, and when its time is up.
#[derive(Clone, Copy)]
struct Bin {
    was: usize,
    until: Millis,
}

/// The model.
#[derive(Clone, Default)]
struct Model {
    now: Millis,
    repositories: BTreeSet<usize>,
    /// Bytes that are there, and where; `None` in the ledger.
    bytes: BTreeMap<usize, Option<String>>,
    /// When a member was made, made new, or let go of.
    members: BTreeMap<(usize, usize), Millis>,
    live: BTreeMap<(usize, usize), Held>,
    trash: Vec<Trashed>,
    /// The repositories in the trash, under numbers that none of the others has; what is in them goes by that number.
    bins: BTreeMap<usize, Bin>,
    /// What is said of repositories.
    overviews: BTreeMap<usize, String>,
    /// Members that were taken out while something, live or in the trash, named them; whether they come back with that.
    lost: BTreeMap<(usize, usize), bool>,
    tags: BTreeMap<(usize, usize), usize>,
    /// Everything that was ever to be reclaimed.
    reclaim: BTreeSet<String>,
    uploads: usize,
    /// How many repositories were to be deleted.
    deleted: usize,
}

fn names(manifest: usize) -> impl Iterator<Item = (Role, &'static str, bool)> {
    MANIFESTS[manifest].1.iter().copied()
}

impl Model {
    /// All manifests that hold what they name: live and trashed, with their repository.
    fn roots(&self) -> impl Iterator<Item = (usize, usize)> {
        let live = self.live.keys().copied();
        live.chain(self.trash.iter().map(|trashed| (trashed.repository, trashed.held.manifest)))
    }

    fn is_held_in(&self, repository: usize, target: &str) -> bool {
        self.roots().any(|(at, manifest)| at == repository && names(manifest).any(|(_, text, _)| text == target))
    }

    /// What a project uses: its blobs, each once, and its manifests, the trashed ones too.
    fn used(&self, project: &str) -> u64 {
        let was = |at: &usize| self.bins.get(at).map_or(*at, |bin| bin.was);
        let is_in = |repository: &usize| REPOSITORIES[was(repository)].starts_with(project);
        let blobs: BTreeSet<usize> =
            self.members.keys().chain(self.lost.keys()).filter(|(at, _)| is_in(at)).map(|(_, blob)| *blob).collect();
        let manifests = self.roots().filter(|(repository, _)| is_in(repository));
        (blobs.len() * 2 + manifests.map(|(_, manifest)| MANIFESTS[manifest].0.len()).sum::<usize>()) as u64
    }

    fn is_held(&self, target: &str) -> bool {
        self.roots().any(|(_, manifest)| names(manifest).any(|(_, text, _)| text == target))
    }

    fn is_shown(&self, repository: usize, blob: usize) -> bool {
        let since = self.members.get(&(repository, blob));
        since.is_some_and(|since| self.is_held_in(repository, BLOBS[blob]) || self.now < since + GRACE / 2)
    }

    fn is_unreferenced(&self, repository: usize, blob: usize) -> bool {
        let since = self.members.get(&(repository, blob));
        since.is_some_and(|since| !self.is_held_in(repository, BLOBS[blob]) && self.now >= since + GRACE)
    }

    fn is_here(&self, repository: usize, target: &str) -> bool {
        let blob = BLOBS.iter().position(|text| *text == target);
        let manifest = MANIFESTS.iter().position(|(text, _)| *text == target);
        blob.is_some_and(|blob| self.members.contains_key(&(repository, blob)))
            || manifest.is_some_and(|manifest| self.live.contains_key(&(repository, manifest)))
    }

    /// Lets go of all bytes that nothing holds.
    fn free(&mut self) {
        let gone: Vec<usize> = self
            .bytes
            .keys()
            .copied()
            .filter(|blob| !self.members.keys().any(|(_, member)| member == blob) && !self.is_held(BLOBS[*blob]))
            .collect();
        for blob in gone {
            if let Some(Some(location)) = self.bytes.remove(&blob) {
                self.reclaim.insert(location);
            }
        }
    }

    fn delete_manifest(&mut self, repository: usize, manifest: usize, keep: Millis) {
        let pointing = self.tags.iter().filter(|((at, _), to)| (*at, **to) == (repository, manifest));
        let mut tags: Vec<usize> = pointing.map(|((_, tag), _)| *tag).collect();
        self.tags.retain(|(at, _), to| (*at, *to) != (repository, manifest));
        let mut gone = BTreeSet::new();
        let mut going = Some(manifest);
        while let Some(manifest) = going {
            gone.insert(manifest);
            let held = self.live.remove(&(repository, manifest)).expect("it is live");
            let (deleted_at, until) = (self.now, self.now + keep);
            self.trash.push(Trashed { repository, held, tags: std::mem::take(&mut tags), deleted_at, until });
            let is_child = |child: usize| {
                gone.iter()
                    .any(|index| names(*index).any(|(role, text, _)| (role, text) == (Role::Child, MANIFESTS[child].0)))
            };
            let is_named = |child: usize| {
                let mut here = self.live.keys().filter(|(at, _)| *at == repository);
                here.any(|(_, other)| names(*other).any(|(_, text, _)| text == MANIFESTS[child].0))
            };
            let is_tagged = |child: usize| self.tags.iter().any(|((at, _), to)| (*at, *to) == (repository, child));
            going = (0..MANIFESTS.len()).find(|child| {
                self.live.contains_key(&(repository, *child))
                    && is_child(*child)
                    && !is_named(*child)
                    && !is_tagged(*child)
            });
        }
    }

    fn purge(&mut self) {
        while let Some(at) = self.trash.iter().position(|trashed| trashed.until <= self.now) {
            let Trashed { repository, held, .. } = self.trash.remove(at);
            for (_, target, _) in names(held.manifest) {
                let Some(blob) = BLOBS.iter().position(|text| *text == target) else { continue };
                if self.is_held_in(repository, target) {
                    continue;
                }
                self.lost.remove(&(repository, blob));
                if let Some(since) = self.members.get_mut(&(repository, blob)) {
                    *since = self.now;
                }
            }
            self.free();
        }
        let over: Vec<usize> = self.bins.iter().filter(|(_, bin)| bin.until <= self.now).map(|(at, _)| *at).collect();
        for at in over {
            self.bins.remove(&at);
            self.members.retain(|(repository, _), _| *repository != at);
            self.live.retain(|(repository, _), _| *repository != at);
            self.trash.retain(|trashed| trashed.repository != at);
            self.tags.retain(|(repository, _), _| *repository != at);
            self.overviews.remove(&at);
            self.lost.retain(|(repository, _), _| *repository != at);
        }
        self.free();
    }

    /// All that is in one repository is in another from now on, which had nothing.
    fn rename(&mut self, from: usize, to: usize) {
        let at = |repository: usize| if repository == from { to } else { repository };
        self.members =
            std::mem::take(&mut self.members).into_iter().map(|((r, b), since)| ((at(r), b), since)).collect();
        self.live = std::mem::take(&mut self.live).into_iter().map(|((r, m), held)| ((at(r), m), held)).collect();
        self.tags = std::mem::take(&mut self.tags).into_iter().map(|((r, t), to)| ((at(r), t), to)).collect();
        self.lost = std::mem::take(&mut self.lost).into_iter().map(|((r, b), back)| ((at(r), b), back)).collect();
        self.overviews = std::mem::take(&mut self.overviews).into_iter().map(|(r, text)| (at(r), text)).collect();
        self.trash.iter_mut().for_each(|trashed| trashed.repository = at(trashed.repository));
    }

    /// Brings back the entry at this position, with the children that went with it.
    fn restore(&mut self, position: usize) {
        let mut coming = vec![self.trash.remove(position)];
        while let Some(Trashed { repository, held, tags, deleted_at, .. }) = coming.pop() {
            if let std::collections::btree_map::Entry::Vacant(place) = self.live.entry((repository, held.manifest)) {
                place.insert(held);
                for blob in
                    (0..BLOBS.len()).filter(|blob| names(held.manifest).any(|(_, text, _)| text == BLOBS[*blob]))
                {
                    if self.lost.get(&(repository, blob)) == Some(&true) {
                        self.lost.remove(&(repository, blob));
                        self.members.insert((repository, blob), self.now);
                    }
                }
            }
            for tag in tags {
                self.tags.entry((repository, tag)).or_insert(held.manifest);
            }
            let is_child =
                |text: &str| names(held.manifest).any(|(role, child, _)| (role, child) == (Role::Child, text));
            let comes = |other: &mut Trashed| {
                let went_along = (other.repository, other.deleted_at) == (repository, deleted_at);
                went_along && is_child(MANIFESTS[other.held.manifest].0)
            };
            coming.extend(self.trash.extract_if(.., comes));
        }
    }

    fn sweep(&mut self) {
        for repository in 0..REPOSITORIES.len() {
            for blob in 0..BLOBS.len() {
                if self.is_unreferenced(repository, blob) {
                    self.members.remove(&(repository, blob));
                }
            }
        }
        self.free();
    }

    /// Makes a change; the model may be half changed where it is refused.
    fn apply(&mut self, change: &Change) -> Result<(), Refused> {
        match change {
            Change::EnsureRepository { repository, .. } => {
                self.repositories.insert(repository_at(repository));
            }
            Change::PutBlob { repository, digest, place, known, .. } => {
                let (repository, blob) = (self.there(repository)?, blob_at(digest));
                let location = match place {
                    Place::Heap(location) => Some(location.0.clone()),
                    Place::Ledger(_) => None,
                };
                match (self.bytes.get(&blob), location) {
                    (None, location) => {
                        self.bytes.insert(blob, location);
                    }
                    (Some(Some(there)), Some(location)) if *there != location => match known {
                        Known::Tell => return Err(Refused::Known(Location(there.clone()))),
                        Known::Keep => {
                            self.reclaim.insert(location);
                        }
                        Known::Replace(lost) if lost.0 == *there => {
                            self.reclaim.insert(there.clone());
                            self.bytes.insert(blob, Some(location));
                        }
                        Known::Replace(_) => return Err(Refused::Known(Location(there.clone()))),
                    },
                    (Some(None), Some(location)) => {
                        self.reclaim.insert(location);
                    }
                    _ => {}
                }
                self.members.insert((repository, blob), self.now);
                self.lost.remove(&(repository, blob));
            }
            Change::MountBlob { repository, digest, from, readable, .. } => {
                let (repository, blob) = (self.there(repository)?, blob_at(digest));
                let is_source = |at: usize| {
                    let named = repository_at(from) == at;
                    let readable = *readable == Readable::All || REPOSITORIES[at].starts_with("open/");
                    named && readable && self.is_shown(at, blob)
                };
                if !(0..REPOSITORIES.len()).any(is_source) {
                    return Err(Refused::BlobUnknown(*digest));
                }
                self.members.insert((repository, blob), self.now);
                self.lost.remove(&(repository, blob));
            }
            Change::DeleteBlob { repository, digest, .. } => {
                let (repository, blob) = (self.there(repository)?, blob_at(digest));
                if !self.is_shown(repository, blob) {
                    return Err(Refused::BlobUnknown(*digest));
                }
                self.members.remove(&(repository, blob));
                if self.is_held_in(repository, BLOBS[blob]) {
                    let names_it =
                        |trashed: &Trashed| names(trashed.held.manifest).any(|(_, text, _)| text == BLOBS[blob]);
                    let comes_back =
                        self.trash.iter().any(|trashed| trashed.repository == repository && names_it(trashed));
                    self.lost.insert((repository, blob), comes_back);
                }
                self.free();
            }
            Change::PutManifest { repository, digest, media_type, edges, .. } => {
                let (repository, manifest) = (self.there(repository)?, manifest_at(digest)?);
                let required = edges.iter().filter(|edge| edge.required);
                let text = |edge: &Edge| {
                    names(manifest).find(|(_, text, _)| self::digest(text) == edge.target).expect("its own").1
                };
                let missing: Vec<Digest> =
                    required.filter(|edge| !self.is_here(repository, text(edge))).map(|edge| edge.target).collect();
                if !missing.is_empty() {
                    return Err(Refused::Missing(missing));
                }
                let media = MEDIA.iter().position(|media| *media == media_type.as_str()).expect("one of them");
                self.live.insert((repository, manifest), Held { manifest, media });
            }
            Change::PointTag { repository, tag, digest, .. } => {
                let (repository, manifest) = (self.there(repository)?, manifest_at(digest)?);
                if !self.live.contains_key(&(repository, manifest)) {
                    return Err(Refused::ManifestUnknown(*digest));
                }
                self.tags.insert((repository, tag_at(tag)), manifest);
            }
            Change::DeleteTag { repository, tag, .. } => {
                let repository = self.there(repository)?;
                self.tags.remove(&(repository, tag_at(tag))).ok_or_else(|| Refused::TagUnknown(tag.clone()))?;
            }
            Change::SetOverview { repository, text, .. } => {
                let repository = self.there(repository)?;
                self.overviews.remove(&repository);
                if !text.is_empty() {
                    self.overviews.insert(repository, text.clone());
                }
            }
            Change::DeleteManifest { repository, digest, keep, .. } => {
                let (repository, manifest) = (self.there(repository)?, manifest_at(digest)?);
                if !self.live.contains_key(&(repository, manifest)) {
                    return Err(Refused::ManifestUnknown(*digest));
                }
                self.delete_manifest(repository, manifest, *keep);
            }
            Change::DeleteRepository { repository, entry, keep, .. } => {
                let (was, at) = (self.there(repository)?, usize::from(entry.0[0]));
                self.rename(was, at);
                self.repositories.remove(&was);
                self.bins.insert(at, Bin { was, until: self.now + keep });
            }
            Change::RestoreRepository { entry, repository, .. } => {
                let at = usize::from(entry.0[0]);
                let bin = self.bins.get(&at).filter(|bin| bin.until > self.now);
                let was = bin.ok_or(Refused::Unknown(Thing::TrashEntry))?.was;
                if !self.repositories.insert(was) {
                    return Err(Refused::NameTaken(repository.to_string()));
                }
                self.bins.remove(&at);
                self.rename(at, was);
            }
            other => panic!("the model does not know {other:?}"),
        }
        Ok(())
    }

    fn there(&self, repository: &RepositoryName) -> Result<usize, Refused> {
        let at = repository_at(repository);
        if self.repositories.contains(&at) { Ok(at) } else { Err(Refused::RepositoryUnknown) }
    }

    /// The changes of a step.
    fn changes(&mut self, [kind, a, b, c]: Step) -> Vec<Change> {
        let pick = |byte: u8, from: usize| usize::from(byte) % from;
        let (at, blob, manifest) = (pick(a, REPOSITORIES.len()), pick(b, BLOBS.len()), pick(b, MANIFESTS.len()));
        let repository = name(REPOSITORIES[at]);
        let put_blob = |place| Change::PutBlob {
            repository: repository.clone(),
            digest: digest(BLOBS[blob]),
            size: 2,
            place,
            known: match (c % 8, self.bytes.get(&blob)) {
                (0, _) => Known::Tell,
                (1, _) => Known::Replace(Location("elsewhere".to_owned())),
                (2 | 3, Some(Some(there))) => Known::Replace(Location(there.clone())),
                _ => Known::Keep,
            },
            upload: None,
            adopted: false,
        };
        let put_manifest = || Change::PutManifest {
            repository: repository.clone(),
            digest: digest(MANIFESTS[manifest].0),
            media_type: MEDIA[pick(c / 3, 8) / 7].parse().expect("a media type"),
            artifact_type: None,
            subject: names(manifest).find(|(role, ..)| *role == Role::Subject).map(|(_, text, _)| digest(text)),
            bytes: Bytes::from_static(MANIFESTS[manifest].0.as_bytes()),
            edges: names(manifest)
                .map(|(role, text, required)| Edge { role, target: digest(text), required })
                .collect(),
            created: false,
        };
        let point = || Change::PointTag {
            repository: repository.clone(),
            expects: Expects::Anything,
            tag: tag(TAGS[pick(c, TAGS.len())]),
            digest: digest(MANIFESTS[manifest].0),
            expected: Expected::default(),
            previous: None,
        };
        let ensure = || Change::EnsureRepository {
            repository: repository.clone(),
            expects: Expects::Anything,
            made_project: false,
        };
        match kind % KINDS {
            0 => vec![ensure()],
            1 | 2 => {
                let place = Place::Heap(Location(format!("upload{}", self.uploads + 1)));
                let changes = vec![put_blob(place)];
                self.uploads += 1;
                changes
            }
            3 => match self.bytes.get(&blob) {
                Some(Some(location)) => vec![put_blob(Place::Heap(Location(location.clone())))],
                _ => vec![put_blob(Place::Ledger(Bytes::from_static(BLOBS[blob].as_bytes())))],
            },
            4 => {
                let from = name(REPOSITORIES[pick(c, REPOSITORIES.len())]);
                let readable = if c >= 128 { Readable::All } else { Readable::public() };
                vec![Change::MountBlob {
                    repository,
                    digest: digest(BLOBS[blob]),
                    from,
                    from_project: Expects::Anything,
                    readable,
                }]
            }
            5 => vec![Change::DeleteBlob {
                repository,
                expects: Expects::Anything,
                digest: digest(BLOBS[blob]),
                freed: Freed::default(),
            }],
            6 | 7 => vec![put_manifest()],
            8 => vec![
                ensure(),
                put_blob(Place::Ledger(Bytes::from_static(BLOBS[blob].as_bytes()))),
                put_manifest(),
                point(),
            ],
            9 => vec![put_manifest(), point()],
            10 => vec![point()],
            11 => vec![Change::DeleteTag {
                repository,
                expects: Expects::Anything,
                tag: tag(TAGS[pick(c, TAGS.len())]),
                previous: None,
            }],
            12 | 13 => vec![Change::DeleteManifest {
                repository,
                expects: Expects::Anything,
                digest: digest(MANIFESTS[manifest].0),
                keep: Millis::from(c % 4) * GRACE / 2,
                tags: Vec::new(),
                children: Vec::new(),
            }],
            14 => {
                self.deleted += 1;
                let keep = Millis::from(c % 4) * GRACE / 2;
                vec![delete_repository(REPOSITORIES[at], (REPOSITORIES.len() + self.deleted) as u8, keep)]
            }
            15 => {
                let bins: Vec<(usize, Bin)> = self.bins.iter().map(|(at, bin)| (*at, *bin)).collect();
                let Some((entry, bin)) = bins.get(pick(c, bins.len().max(1))) else { return Vec::new() };
                vec![restore_repository(REPOSITORIES[bin.was], Id([*entry as u8; 16]))]
            }
            19 => {
                let text = [BLOBS[blob], ""][pick(c, 4) / 3].to_owned();
                vec![set_overview(REPOSITORIES[at], &text)]
            }
            _ => Vec::new(),
        }
    }
}

fn repository_at(name: &RepositoryName) -> usize {
    REPOSITORIES.iter().position(|text| *text == name.as_str()).expect("one of them")
}

fn blob_at(of: &Digest) -> usize {
    BLOBS.iter().position(|text| digest(text) == *of).expect("one of them")
}

fn manifest_at(of: &Digest) -> Result<usize, Refused> {
    MANIFESTS.iter().position(|(text, _)| digest(text) == *of).ok_or(Refused::ManifestUnknown(*of))
}

fn tag_at(tag: &Tag) -> usize {
    TAGS.iter().position(|text| *text == tag.as_str()).expect("one of them")
}

/// Does the steps to an empty ledger and to the model, and panics where they come to differ.
pub async fn agrees(bench: &Bench, steps: &[Step]) {
    let mut model = Model { now: START, ..Model::default() };
    bench
        .ledger
        .commit(Commit { changes: vec![make_project("open", true)], ..Commit::default() })
        .await
        .expect("a project");
    for step in steps {
        do_both(bench, &mut model, *step).await;
        compare(bench, &model).await;
    }
}

async fn do_both(bench: &Bench, model: &mut Model, step: Step) {
    match step {
        [kind, a, ..] if kind % KINDS == 16 => {
            let by = GRACE / 4 * Millis::from(a % 6) + Millis::from(a % 2);
            bench.clock.advance(Duration::from_millis(by as u64));
            model.now += by;
        }
        [kind, a, ..] if kind % KINDS == 17 && a % 2 == 0 => {
            let expired = bench.ledger.expired_trash(100).await.unwrap();
            let changes = expired.into_iter().map(|row| purge(row.id)).collect();
            bench.ledger.commit(Commit { changes, ..Commit::default() }).await.expect("a purge is never refused");
            model.purge();
        }
        [kind, _, _, c] if kind % KINDS == 18 => restore(bench, model, c).await,
        [kind, ..] if kind % KINDS == 17 => {
            let found = bench.ledger.unreferenced(100).await.unwrap();
            let sweep = |(repository, digest)| Change::SweepMember { repository, digest, freed: Freed::default() };
            let changes = found.into_iter().map(sweep).collect();
            bench.ledger.commit(Commit { changes, ..Commit::default() }).await.expect("a sweep is never refused");
            model.sweep();
        }
        step => {
            let changes = model.changes(step);
            let mut after = model.clone();
            let expect = changes.iter().try_for_each(|change| after.apply(change));
            let made = bench.ledger.commit(Commit { changes: changes.clone(), ..Commit::default() }).await;
            assert_eq!(made.map(|_| ()), expect, "{changes:?}");
            if expect.is_ok() {
                *model = after;
            }
        }
    }
    assert_eq!(bench.clock.now(), model.now);
}

/// Takes a manifest out of the trash, in both. Passed over where it cannot be told which of several in the model it is.
async fn restore(bench: &Bench, model: &mut Model, which: u8) {
    let rows = bench.ledger.trash(None, None, 1000).await.unwrap();
    let rows: Vec<TrashRow> = rows.into_iter().filter(|row| row.kind == TrashKind::Manifest).collect();
    let Some(row) = rows.get(usize::from(which) % rows.len().max(1)) else { return };
    let (name, manifest) = (name(&row.name), manifest_at(&row.digest.expect("of a manifest")).expect("one of them"));
    let was = |at: usize| model.bins.get(&at).map_or(at, |bin| bin.was);
    let went_then =
        |trashed: &&Trashed| was(trashed.repository) == repository_at(&name) && trashed.deleted_at == row.deleted_at;
    let then: Vec<&Trashed> = model.trash.iter().filter(went_then).collect();
    let kinds: BTreeSet<usize> = then.iter().map(|trashed| trashed.held.manifest).collect();
    if kinds.len() != then.len() {
        return;
    }
    let is_it = |trashed: &Trashed| went_then(&trashed) && trashed.held.manifest == manifest;
    let position = model.trash.iter().position(is_it).expect("the model has it too");
    let change = restore_manifest(&row.name, row.id, true);
    let made = bench.ledger.commit(Commit { changes: vec![change], ..Commit::default() }).await.map(|_| ());
    let repository = model.trash[position].repository;
    if repository < REPOSITORIES.len() {
        model.restore(position);
        assert_eq!(made, Ok(()));
    } else if model.repositories.contains(&was(repository)) {
        assert_eq!(made, Err(Refused::Unknown(Thing::TrashEntry)));
    } else {
        assert_eq!(made, Err(Refused::RepositoryUnknown));
    }
}

async fn compare(bench: &Bench, model: &Model) {
    for repository in 0..REPOSITORIES.len() {
        compare_repository(bench, model, repository).await;
    }
    for (readable, prefix) in [(Readable::All, ""), (Readable::public(), "open/")] {
        let found = bench.ledger.repositories(&readable, None, 10).await.unwrap().names;
        let found: Vec<&str> = found.iter().map(RepositoryName::as_str).collect();
        let expect: Vec<&str> = model.repositories.iter().map(|at| REPOSITORIES[*at]).collect();
        assert_eq!(found, expect.into_iter().filter(|name| name.starts_with(prefix)).collect::<Vec<_>>());
    }
    for project in ["open", "shut"] {
        let found = bench.ledger.project(&name(project).project()).await.unwrap();
        let repositories = model.repositories.iter().filter(|at| REPOSITORIES[**at].starts_with(project)).count();
        let expect = (model.used(project), repositories as u64);
        assert_eq!(found.map_or((0, 0), |found| (found.usage.bytes, found.usage.repositories)), expect, "{project}");
    }
    let expired = bench.ledger.expired_trash(100).await.unwrap().len();
    let until = model.trash.iter().map(|trashed| trashed.until).chain(model.bins.values().map(|bin| bin.until));
    assert_eq!(expired, until.filter(|until| *until <= model.now).count());
    let found: BTreeSet<(RepositoryName, Digest)> = bench.ledger.unreferenced(100).await.unwrap().into_iter().collect();
    let members = model.members.keys().filter(|(repository, _)| *repository < REPOSITORIES.len());
    let members = members.filter(|(repository, blob)| model.is_unreferenced(*repository, *blob));
    assert_eq!(
        found,
        members.map(|(repository, blob)| (name(REPOSITORIES[*repository]), digest(BLOBS[*blob]))).collect()
    );
    compare_bytes(bench, model).await;
}

async fn compare_repository(bench: &Bench, model: &Model, at: usize) {
    let repository = name(REPOSITORIES[at]);
    for (blob, text) in BLOBS.iter().enumerate() {
        let expect = model.is_shown(at, blob).then(|| BlobRow {
            size: 2,
            place: match &model.bytes[&blob] {
                Some(location) => Place::Heap(Location(location.clone())),
                None => Place::Ledger(Bytes::from_static(text.as_bytes())),
            },
        });
        let found = bench.ledger.blob(&repository, &digest(text)).await.unwrap();
        assert_eq!(found, expect, "{text} in {repository}");
    }
    for (manifest, (text, _)) in MANIFESTS.iter().enumerate() {
        let found = bench.ledger.manifest(&repository, &Reference::Digest(digest(text))).await.unwrap();
        let found = found.map(|row| (row.bytes, row.media_type.to_string()));
        let expect = model
            .live
            .get(&(at, manifest))
            .map(|held| (Bytes::from_static(text.as_bytes()), MEDIA[held.media].to_owned()));
        assert_eq!(found, expect, "{text} in {repository}");
        let found = bench.ledger.referrers(&repository, &digest(text), None, None, 10).await.unwrap();
        let found: Vec<Digest> = found.into_iter().map(|row| row.digest).collect();
        let live = model.live.keys().filter(|(there, _)| *there == at);
        let referrers =
            live.filter(|(_, other)| names(*other).any(|(role, to, _)| (role, to) == (Role::Subject, *text)));
        let expect: BTreeSet<Digest> = referrers.map(|(_, other)| digest(MANIFESTS[*other].0)).collect();
        assert_eq!(found, expect.into_iter().collect::<Vec<_>>(), "referrers of {text} in {repository}");
    }
    let found = bench.ledger.overview(&repository).await.unwrap().map(|row| row.text);
    assert_eq!(found.as_ref(), model.overviews.get(&at));
    let found = bench.ledger.tags(&repository, None, 10).await.unwrap();
    let here: Vec<(usize, usize)> =
        model.tags.iter().filter(|((there, _), _)| *there == at).map(|((_, tag), to)| (*tag, *to)).collect();
    let expect =
        model.repositories.contains(&at).then(|| here.iter().map(|(at, _)| tag(TAGS[*at])).collect::<Vec<_>>());
    assert_eq!(found, expect);
    for (at, to) in here {
        let found = bench.ledger.manifest(&repository, &Reference::Tag(tag(TAGS[at]))).await.unwrap();
        assert_eq!(found.map(|row| row.digest), Some(digest(MANIFESTS[to].0)));
    }
}

/// The bytes that are known and those that are to be reclaimed; and that the two never meet.
async fn compare_bytes(bench: &Bench, model: &Model) {
    assert_eq!(bench.ledger.count_jobs(RECLAIM).await.unwrap(), model.reclaim.len() as u64);
    let jobs = bench.ledger.claim_jobs(Claim::new(RECLAIM, 0, 1000)).await.unwrap();
    assert_eq!(jobs.into_iter().map(|job| job.payload).collect::<BTreeSet<_>>(), model.reclaim);
    for location in model.bytes.values().flatten() {
        assert!(bench.ledger.knows_location(&Location(location.clone())).await.unwrap(), "{location}");
        assert!(!model.reclaim.contains(location), "{location} is held and reclaimed");
    }
    for location in &model.reclaim {
        assert!(!bench.ledger.knows_location(&Location(location.clone())).await.unwrap(), "{location}");
    }
    let (_, totals) = bench.ledger.count_totals().await.unwrap();
    assert_eq!(totals.blobs, model.bytes.len() as i64);
    let is_there = |at: usize| at < REPOSITORIES.len();
    assert_eq!(totals.manifests, model.live.keys().filter(|(at, _)| is_there(*at)).count() as i64);
    assert_eq!(totals.tags, model.tags.keys().filter(|(at, _)| is_there(*at)).count() as i64);
    assert_eq!(totals.repositories, model.repositories.len() as i64);
}
