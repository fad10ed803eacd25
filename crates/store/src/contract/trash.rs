//! The rules about the trash and about history: what goes comes back as it was, and ends in steps. Part of the suite of
//! [`super::ledger`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "these are tests"
)]

use std::collections::BTreeSet;

use wharf_model::api::project::{Immutable, ProjectChange};
use wharf_model::api::trash::TrashKind;
use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::manifest::Role;

use super::ledger::{
    Bench, GRACE, START, delete_blob, delete_manifest, delete_tag, digest, edge, ensure, heap, index, inline, layers,
    make_project, mount, name, point, purge, put_blob, put_manifest, set_project, tag,
};
use super::people::{account, binding, group, handle, id, members, token};
use crate::clock::Millis;
use crate::ledger::change::{Change, Commit, Contents, Expects, Freed, Refused};
use crate::ledger::people::{AccountKind, Accounts, Gives, Holder, Thing};
use crate::ledger::readable::Readable;
use crate::ledger::trash::TrashRow;

/// Deletes a repository; the entry is called by a number.
/// Deletes the repository; `entry` names what that makes.
pub fn delete_repository(repository: &str, entry: u8, keep: Millis) -> Change {
    let (repository, contents) = (name(repository), Contents::default());
    Change::DeleteRepository { repository, expects: Expects::Anything, entry: id(entry), keep, contents }
}

/// Deletes the project; `entry` names what that makes.
pub fn delete_project(project: &str, entry: u8, keep: Millis) -> Change {
    let (project, contents) = (name(project).project(), Contents::default());
    Change::DeleteProject { project, expects: Expects::Anything, entry: id(entry), keep, contents }
}

/// Brings a manifest back, with its tags.
pub(super) fn restore_manifest(repository: &str, entry: Id, retag: bool) -> Change {
    Change::RestoreManifest { entry, repository: name(repository), retag, restored: Vec::new(), tags: Vec::new() }
}

pub(super) fn restore_repository(repository: &str, entry: Id) -> Change {
    Change::RestoreRepository { entry, repository: name(repository), contents: Contents::default() }
}

fn restore_project(project: &str, entry: Id) -> Change {
    Change::RestoreProject { entry, project: name(project).project(), contents: Contents::default() }
}

fn nothing_there() -> Refused {
    Refused::Unknown(Thing::TrashEntry)
}

impl Bench {
    pub(super) async fn entry(&self, repository: &str, text: &str) -> TrashRow {
        let found = self.ledger.trashed_manifest(&name(repository), &digest(text)).await.unwrap();
        found.expect("it is in the trash")
    }

    async fn trash(&self) -> Vec<TrashRow> {
        self.ledger.trash(None, None, 1000).await.unwrap()
    }

    /// What is there of repositories, manifests and tags, counted from the tables.
    async fn counted(&self) -> (i64, i64, i64) {
        let (_, totals) = self.ledger.count_totals().await.unwrap();
        (totals.repositories, totals.manifests, totals.tags)
    }

    /// Where the tag went, from the latest move to the first.
    async fn moved(&self, repository: &str, text: &str) -> Vec<(Option<Digest>, Option<Digest>)> {
        let moves = self.ledger.tag_moves(&name(repository), &tag(text), None, 1000).await.unwrap();
        moves.expect("the repository is there").into_iter().map(|row| (row.before, row.after)).collect()
    }

    /// Purges step by step; how many steps that took, and what they freed.
    async fn purge_all(&self, entry: Id) -> (u64, Freed) {
        let (mut steps, mut freed) = (0, Freed::default());
        while let Some(Change::PurgeTrash { freed: one, done, .. }) = self.filled(purge(entry)).await {
            (steps, freed.blobs, freed.bytes) = (steps + 1, freed.blobs + one.blobs, freed.bytes + one.bytes);
            let is_gone = self.ledger.trash_entry(entry).await.unwrap().is_none();
            assert_eq!(done, is_gone, "step {steps}");
        }
        (steps, freed)
    }

    /// Nothing holds any bytes, and no project uses any.
    async fn is_empty(&self, projects: &[&str]) {
        let (_, totals) = self.ledger.count_totals().await.unwrap();
        assert_eq!((totals.blobs, totals.blob_bytes), (0, 0));
        for project in projects {
            let project = self.ledger.project(&name(project).project()).await.unwrap().expect("it is there");
            assert_eq!(project.usage.bytes, 0, "{}", project.name);
        }
    }
}

/// A manifest comes back with what it names, and its tags with it, but for those that are elsewhere by now.
pub async fn a_manifest_comes_back_with_its_tags(bench: &Bench) {
    bench.made(vec![ensure("p/a"), put_blob("p/a", "x", heap("x1")), put_manifest("p/a", "m", layers(&["x"]))]).await;
    bench.made(vec![put_manifest("p/a", "n", vec![]), point("p/a", "v1", "m"), point("p/a", "v2", "m")]).await;
    let before = bench.manifest("p/a", "m").await;
    bench.made(vec![delete_manifest("p/a", "m", 5 * GRACE), point("p/a", "v2", "n")]).await;
    let entry = bench.entry("p/a", "m").await;
    assert_eq!(entry.tags, [tag("v1"), tag("v2")]);
    bench.advance(5 * GRACE + 1);
    let restored = bench.filled(restore_manifest("p/a", entry.id, true)).await;
    let Some(Change::RestoreManifest { restored, tags, .. }) = restored else { panic!("not restored") };
    assert_eq!((restored, tags), (vec![digest("m")], vec![tag("v1")]));
    assert_eq!(bench.manifest("p/a", "m").await, before);
    assert_eq!(bench.tagged("p/a", "v1").await, Some(digest("m")));
    assert_eq!(bench.tagged("p/a", "v2").await, Some(digest("n")));
    let m = Some(digest("m"));
    assert_eq!(bench.moved("p/a", "v1").await, [(None, m), (m, None), (None, m)]);
    assert!(bench.trash().await.is_empty() && bench.ledger.expired_trash(9).await.unwrap().is_empty());
    bench.advance(5 * GRACE);
    assert!(bench.shows("p/a", "x").await && bench.unreferenced().await.is_empty());
    // Once, and in its own repository only; without its tags where that is asked.
    assert_eq!(bench.refused(vec![restore_manifest("p/a", entry.id, true)]).await, nothing_there());
    bench.made(vec![delete_manifest("p/a", "m", GRACE), ensure("p/b")]).await;
    let entry = bench.entry("p/a", "m").await;
    assert_eq!(bench.refused(vec![restore_manifest("p/b", entry.id, true)]).await, nothing_there());
    let unknown = bench.refused(vec![restore_manifest("p/none", entry.id, true)]).await;
    assert_eq!(unknown, Refused::RepositoryUnknown);
    bench.made(vec![restore_manifest("p/a", entry.id, false)]).await;
    assert_eq!((bench.manifest("p/a", "m").await, bench.tagged("p/a", "v1").await), (before, None));
    assert_eq!(bench.counted().await, (2, 2, 1));
}

/// What went because of an index comes back with it, however deep; what went before by itself does not.
pub async fn children_come_back_with_their_index(bench: &Bench) {
    let mut changes = vec![ensure("p/a"), put_blob("p/a", "x", inline("x"))];
    changes.extend(["plain", "earlier", "deep"].map(|text| put_manifest("p/a", text, layers(&["x"]))));
    changes.push(index("p/a", "inner", &["deep"]));
    changes.push(index("p/a", "index", &["plain", "earlier", "inner"]));
    changes.push(point("p/a", "v1", "index"));
    bench.made(changes).await;
    bench.made(vec![delete_manifest("p/a", "earlier", GRACE)]).await;
    bench.advance(1);
    bench.made(vec![delete_manifest("p/a", "index", GRACE)]).await;
    assert_eq!(bench.counted().await, (1, 0, 0));
    let entry = bench.entry("p/a", "index").await.id;
    let Some(Change::RestoreManifest { restored, tags, .. }) = bench.filled(restore_manifest("p/a", entry, true)).await
    else {
        panic!("not restored")
    };
    assert_eq!(restored[0], digest("index"));
    let found: BTreeSet<Digest> = restored.into_iter().collect();
    assert_eq!(found, ["index", "plain", "inner", "deep"].map(digest).into());
    assert_eq!(tags, [tag("v1")]);
    assert_eq!(bench.counted().await, (1, 4, 1));
    let left = bench.trash().await;
    assert_eq!(left.iter().map(|row| row.digest).collect::<Vec<_>>(), [Some(digest("earlier"))]);
    // A child comes back alone, too.
    bench.made(vec![delete_manifest("p/a", "index", GRACE)]).await;
    let entry = bench.entry("p/a", "inner").await.id;
    bench.made(vec![restore_manifest("p/a", entry, true)]).await;
    assert_eq!(bench.counted().await, (1, 2, 0));
}

/// Where the same was pushed again, that stays as it is; the tags that are free point to it.
pub async fn what_was_pushed_again_takes_the_entry(bench: &Bench) {
    let push = || put_manifest("p/a", "m", layers(&["x"]));
    bench.made(vec![ensure("p/a"), put_blob("p/a", "x", heap("x1")), push(), point("p/a", "v1", "m")]).await;
    let used = bench.ledger.project(&name("p").project()).await.unwrap().expect("it is there").usage;
    bench.made(vec![delete_manifest("p/a", "m", GRACE)]).await;
    bench.made(vec![push()]).await;
    let entry = bench.entry("p/a", "m").await.id;
    let Some(Change::RestoreManifest { restored, tags, .. }) = bench.filled(restore_manifest("p/a", entry, true)).await
    else {
        panic!("not restored")
    };
    assert_eq!((restored, tags), (vec![], vec![tag("v1")]));
    assert!(bench.trash().await.is_empty());
    assert_eq!(bench.counted().await, (1, 1, 1));
    let now = bench.ledger.project(&name("p").project()).await.unwrap().expect("it is there").usage;
    assert_eq!(now, used, "it is counted once");
    bench.advance(3 * GRACE);
    assert!(bench.shows("p/a", "x").await && bench.reclaimed().await.is_empty());
}

/// A blob that was taken out of the repository while only the trash named it is back with the manifest.
pub async fn what_was_taken_out_comes_back_with_its_manifest(bench: &Bench) {
    let blobs =
        [put_blob("p/a", "x", heap("x1")), put_blob("p/a", "y", inline("y")), put_blob("p/a", "z", inline("z"))];
    bench.made([vec![ensure("p/a")], blobs.to_vec()].concat()).await;
    bench.made(vec![put_manifest("p/a", "m", layers(&["x", "y"])), put_manifest("p/a", "n", layers(&["z"]))]).await;
    // Before the manifest went: it was as broken then as it is afterwards.
    bench.made(vec![delete_blob("p/a", "y")]).await;
    bench.made(vec![delete_manifest("p/a", "m", GRACE), delete_manifest("p/a", "n", 0)]).await;
    bench.made(vec![delete_blob("p/a", "x"), delete_blob("p/a", "z")]).await;
    assert!(!bench.shows("p/a", "x").await && bench.reclaimed().await.is_empty());
    let entry = bench.entry("p/a", "m").await.id;
    bench.made(vec![restore_manifest("p/a", entry, true)]).await;
    assert!(bench.shows("p/a", "x").await && !bench.shows("p/a", "y").await && !bench.shows("p/a", "z").await);
    let used = bench.ledger.project(&name("p").project()).await.unwrap().expect("it is there").usage;
    assert_eq!(used.bytes, 5, "x, y and z, m and n: what is named keeps its bytes, out of the repository or in it");
    bench.advance(3 * GRACE);
    assert!(bench.unreferenced().await.is_empty());
    // What is purged takes along that it could come back.
    assert_eq!(bench.purge().await, Freed { blobs: 1, bytes: 1 });
    bench.made(vec![delete_manifest("p/a", "m", 0)]).await;
    bench.purge().await;
    bench.made(vec![delete_blob("p/a", "x")]).await;
    assert_eq!(bench.reclaimed().await, ["x1"]);
    bench.is_empty(&["p"]).await;
}

/// To name a blob of others, to delete and to restore what names it gives nothing to read.
pub async fn naming_a_blob_in_the_trash_is_no_way_to_read_it(bench: &Bench) {
    bench.made(vec![ensure("p/a"), put_blob("p/a", "x", heap("x1")), ensure("q/b")]).await;
    let mut named = edge(Role::Layer, "x");
    named.required = false;
    bench.made(vec![put_manifest("q/b", "m", vec![named])]).await;
    bench.made(vec![delete_manifest("q/b", "m", GRACE)]).await;
    assert_eq!(bench.refused(vec![delete_blob("q/b", "x")]).await, Refused::BlobUnknown(digest("x")));
    let entry = bench.entry("q/b", "m").await.id;
    bench.made(vec![restore_manifest("q/b", entry, true)]).await;
    assert!(bench.manifest("q/b", "m").await.is_some() && !bench.shows("q/b", "x").await);
}

/// A repository in the trash is found by nothing that asks by name, its name is free, and it comes back as it was.
pub async fn a_repository_goes_and_comes_back(bench: &Bench) {
    let public = make_project("p", true);
    bench.made(vec![public, ensure("p/a"), put_blob("p/a", "x", heap("x1"))]).await;
    bench.made(vec![put_manifest("p/a", "m", layers(&["x"])), put_manifest("p/a", "n", vec![])]).await;
    bench
        .made(vec![point("p/a", "v1", "m"), delete_manifest("p/a", "n", 10 * GRACE), put_blob("p/a", "y", heap("y1"))])
        .await;
    let uid = bench.ledger.place(&name("p/a")).await.unwrap().repository;
    let trashed = bench.entry("p/a", "n").await;
    let gone = bench.filled(delete_repository("p/a", 1, 5 * GRACE)).await;
    let Some(Change::DeleteRepository { contents, .. }) = gone else { panic!("not deleted") };
    assert_eq!(contents, Contents { repositories: 1, manifests: 1, tags: 1 });
    nothing_finds_it(bench).await;
    assert_eq!(bench.refused(vec![delete_repository("p/a", 2, 1)]).await, Refused::RepositoryUnknown);
    assert_eq!(bench.refused(vec![restore_manifest("p/a", trashed.id, true)]).await, Refused::RepositoryUnknown);
    // Its blobs are nobody's garbage, however long they are in there.
    bench.advance(5 * GRACE - 1);
    assert!(bench.unreferenced().await.is_empty() && bench.ledger.expired_trash(9).await.unwrap().is_empty());
    // Another takes its name, and it cannot come back until that has gone.
    bench.made(vec![ensure("p/a")]).await;
    assert_eq!(bench.tags("p/a").await, Vec::<String>::new());
    let taken = bench.refused(vec![restore_repository("p/a", id(1))]).await;
    assert_eq!(taken, Refused::NameTaken("p/a".to_owned()));
    assert_eq!(bench.refused(vec![restore_repository("p/b", id(1))]).await, nothing_there());
    bench.made(vec![delete_repository("p/a", 2, 1)]).await;
    let Some(Change::RestoreRepository { contents, .. }) = bench.filled(restore_repository("p/a", id(1))).await else {
        panic!("not restored")
    };
    assert_eq!(contents, Contents { repositories: 1, manifests: 1, tags: 1 });
    let place = bench.ledger.place(&name("p/a")).await.unwrap();
    assert_eq!((place.repository, place.public), (uid, true));
    assert_eq!(bench.tagged("p/a", "v1").await, Some(digest("m")));
    assert_eq!(bench.moved("p/a", "v1").await.len(), 1);
    assert!(bench.shows("p/a", "x").await && !bench.shows("p/a", "y").await, "one that nothing names has grown old");
    assert_eq!(bench.ledger.home_of_blob(&digest("x"), &Readable::public()).await.unwrap(), Some(name("p/a")));
    bench.made(vec![restore_manifest("p/a", trashed.id, true)]).await;
    assert_eq!(bench.counted().await, (1, 2, 1));
    // When its time is up it is for the sweep.
    bench.advance(2);
    assert_eq!(bench.refused(vec![restore_repository("p/a", id(2))]).await, nothing_there());
}

async fn nothing_finds_it(bench: &Bench) {
    let ledger = &bench.ledger;
    assert_eq!(ledger.place(&name("p/a")).await.unwrap().repository, None);
    assert_eq!(ledger.repository(&name("p/a")).await.unwrap(), None);
    assert_eq!(ledger.tags(&name("p/a"), None, 9).await.unwrap(), None);
    assert_eq!(ledger.tag_moves(&name("p/a"), &tag("v1"), None, 9).await.unwrap(), None);
    assert_eq!((bench.manifest("p/a", "m").await, bench.tagged("p/a", "v1").await), (None, None));
    assert!(!bench.shows("p/a", "x").await);
    for after in [None, Some("!"), Some("/"), Some("/1")] {
        for readable in [Readable::All, Readable::public()] {
            assert!(ledger.repositories(&readable, after, 9).await.unwrap().names.is_empty(), "{after:?} {readable:?}");
        }
    }
    for readable in [Readable::All, Readable::public()] {
        assert_eq!(ledger.home_of_blob(&digest("x"), &readable).await.unwrap(), None);
    }
    let mounted = bench.refused(vec![ensure("p/other"), mount("p/other", "x", "p/a", Readable::All)]).await;
    assert_eq!(mounted, Refused::BlobUnknown(digest("x")));
    assert_eq!(bench.counted().await, (0, 0, 0));
}

/// A project goes with its repositories and robots, and all that is bound in it comes back with it.
pub async fn a_project_goes_and_comes_back(bench: &Bench) {
    bench.made(vec![ensure("p"), ensure("p/a"), ensure("p/p/a"), ensure("p/old"), ensure("px/a")]).await;
    bench
        .made(vec![put_blob("p/a", "x", heap("x1")), put_manifest("p/a", "m", layers(&["x"])), point("p/a", "v1", "m")])
        .await;
    let project = bench.ledger.project(&name("p").project()).await.unwrap().expect("it is there").id;
    let robot = account(3, "p+ci", AccountKind::Robot { project: Some(project) }, None, false);
    let holder = Holder::Account(id(3));
    let given = binding(4, holder, Gives::BuiltIn("reader".to_owned()), Some(project), None);
    bench.made(vec![robot, given, group(5, "bots"), members(5, &[3]), delete_repository("p/old", 1, GRACE)]).await;
    let Some(Change::DeleteProject { contents, .. }) = bench.filled(delete_project("p", 2, 5 * GRACE)).await else {
        panic!("not deleted")
    };
    assert_eq!(contents, Contents { repositories: 3, manifests: 1, tags: 1 });
    assert_eq!(bench.ledger.project(&name("p").project()).await.unwrap(), None);
    assert!(bench.ledger.account(&handle("p+ci")).await.unwrap().is_none());
    assert!(bench.ledger.account_by_id(id(3)).await.unwrap().is_none());
    for which in [Accounts::In(id(5)), Accounts::Robots(Some(project))] {
        assert!(bench.ledger.accounts(which, None, 9).await.unwrap().is_empty(), "{which:?}");
    }
    let listed = bench.ledger.repositories(&Readable::All, None, 9).await.unwrap().names;
    assert_eq!(listed, [name("px/a")]);
    assert!(!bench.shows("p/a", "x").await && bench.tagged("p/a", "v1").await.is_none());
    assert_eq!(bench.counted().await, (1, 0, 0));
    // Nothing is made in it any more, nor comes back into it.
    let other = account(6, "p+cd", AccountKind::Robot { project: Some(project) }, None, false);
    assert_eq!(bench.refused(vec![other]).await, Refused::Unknown(Thing::Project));
    assert_eq!(bench.refused(vec![restore_repository("p/old", id(1))]).await, Refused::Unknown(Thing::Project));
    another_takes_its_name(bench).await;
    let Some(Change::RestoreProject { contents, .. }) = bench.filled(restore_project("p", id(2))).await else {
        panic!("not restored")
    };
    assert_eq!(contents, Contents { repositories: 3, manifests: 1, tags: 1 });
    assert_eq!(bench.ledger.project(&name("p").project()).await.unwrap().expect("it is there").id, project);
    let listed = bench.ledger.repositories(&Readable::All, None, 9).await.unwrap().names;
    assert_eq!(listed, ["p", "p/a", "p/p/a", "px/a"].map(name));
    assert_eq!(bench.tagged("p/a", "v1").await, Some(digest("m")));
    assert_eq!(bench.ledger.account(&handle("p+ci")).await.unwrap().map(|row| row.id), Some(id(3)));
    assert_eq!(bench.ledger.bindings(Some(project), 0, 9).await.unwrap().len(), 1);
    bench.made(vec![restore_repository("p/old", id(1))]).await;
    assert!(bench.trash().await.iter().all(|row| row.id == id(7)), "but for the other one");
}

async fn another_takes_its_name(bench: &Bench) {
    bench.made(vec![ensure("p/a")]).await;
    let project = bench.ledger.project(&name("p").project()).await.unwrap().expect("it is there").id;
    bench.made(vec![account(8, "p+ci", AccountKind::Robot { project: Some(project) }, None, false)]).await;
    let taken = bench.refused(vec![restore_project("p", id(2))]).await;
    assert_eq!(taken, Refused::NameTaken("p".to_owned()));
    let called = bench.ledger.projects_called(&name("p").project(), 9).await.unwrap();
    assert_eq!((called[0], called.len()), (project, 2));
    let stranger = Change::DeleteProject {
        project: name("p").project(),
        expects: Expects::Project(id(9)),
        entry: id(7),
        keep: 1,
        contents: Contents::default(),
    };
    assert_eq!(bench.refused(vec![stranger]).await, Refused::ProjectChanged);
    bench.made(vec![delete_project("p", 7, GRACE)]).await;
}

/// What holds a tag that is immutable does not go.
pub async fn immutable_tags_keep_their_repository_and_project(bench: &Bench) {
    let pattern = |text: &str| text.parse().expect("a pattern");
    let rule = Immutable { repositories: pattern("p/kept"), tags: pattern("v*") };
    let set = ProjectChange { immutable: Some(vec![rule]), ..ProjectChange::default() };
    let rules = set_project("p", set);
    let push = |repository: &str| {
        vec![ensure(repository), put_manifest(repository, "m", vec![]), point(repository, "v1", "m")]
    };
    bench.made([vec![rules], push("p/kept"), push("p/other"), push("p/third")].concat()).await;
    bench.made(vec![delete_repository("p/third", 1, GRACE)]).await;
    for change in [delete_repository("p/kept", 2, GRACE), delete_project("p", 2, GRACE)] {
        let refused = bench.refused(vec![change]).await;
        assert!(matches!(&refused, Refused::Immutable(kept) if kept.tag == tag("v1")), "{refused}");
    }
    bench.made(vec![delete_repository("p/other", 2, GRACE)]).await;
    let free = ProjectChange { immutable: Some(vec![]), ..ProjectChange::default() };
    let rules = set_project("p", free);
    bench.made(vec![rules, delete_project("p", 3, GRACE)]).await;
}

/// Fills a repository with more than goes in one step.
async fn fill(bench: &Bench, repository: &str) {
    let blobs: Vec<String> = (0..700).map(|at| format!("blob {at}")).collect();
    let mut changes = vec![ensure(repository)];
    for text in &blobs {
        changes.push(put_blob(repository, text, heap(text)));
    }
    for at in 0..60 {
        let layers: Vec<&str> = blobs.iter().skip(at * 10).take(10).map(String::as_str).collect();
        let text = format!("manifest {at}");
        changes.push(put_manifest(repository, &text, super::ledger::layers(&layers)));
        for of in 0..10 {
            changes.push(point(repository, &format!("v{at}.{of}"), &text));
        }
    }
    changes.push(delete_manifest(repository, "manifest 7", GRACE));
    bench.made(changes).await;
}

/// A repository is purged a bounded part at a time; once that has begun, it does not come back.
pub async fn a_repository_is_purged_in_steps(bench: &Bench) {
    fill(bench, "p/a").await;
    bench.made(vec![ensure("p/b"), mount("p/b", "blob 3", "p/a", Readable::All)]).await;
    bench.made(vec![delete_repository("p/a", 1, GRACE)]).await;
    let Some(Change::PurgeTrash { done: false, .. }) = bench.filled(purge(id(1))).await else { panic!("one step") };
    assert_eq!(bench.refused(vec![restore_repository("p/a", id(1))]).await, nothing_there());
    assert_eq!(bench.ledger.expired_trash(9).await.unwrap().len(), 1, "the sweep would go on");
    let (steps, freed) = bench.purge_all(id(1)).await;
    assert!((2..9).contains(&steps), "{steps} steps");
    assert_eq!(freed.blobs, 699, "one is held by another repository");
    assert!(bench.trash().await.is_empty());
    let reclaimed: BTreeSet<String> = bench.reclaimed().await.into_iter().collect();
    assert!(reclaimed.len() == 699 && !reclaimed.contains("blob 3"));
    assert!(bench.shows("p/b", "blob 3").await);
    let used = bench.ledger.project(&name("p").project()).await.unwrap().expect("it is there").usage;
    assert_eq!((used.bytes, used.repositories), ("blob 3".len() as u64, 1));
    bench.made(vec![delete_blob("p/b", "blob 3")]).await;
    bench.is_empty(&["p"]).await;
    bench.made(vec![ensure("p/a")]).await;
    assert_eq!(bench.moved("p/a", "v0.0").await, [], "its history went with it");
}

/// A project too, with what was in the trash before, its robots, and what was bound in it.
pub async fn a_project_is_purged_in_steps(bench: &Bench) {
    fill(bench, "p/a").await;
    let project = bench.ledger.project(&name("p").project()).await.unwrap().expect("it is there").id;
    let robot = account(3, "p+ci", AccountKind::Robot { project: Some(project) }, None, false);
    let given = binding(4, Holder::Account(id(3)), Gives::BuiltIn("reader".to_owned()), Some(project), None);
    bench.made(vec![robot, given, token(5, 3), ensure("p/b"), put_blob("p/b", "y", inline("y"))]).await;
    bench.made(vec![put_manifest("p/b", "m", layers(&["y"])), delete_manifest("p/b", "m", GRACE)]).await;
    bench.made(vec![delete_blob("p/b", "y"), delete_repository("p/b", 1, GRACE), delete_project("p", 2, GRACE)]).await;
    assert_eq!(bench.trash().await.len(), 4);
    let (steps, freed) = bench.purge_all(id(2)).await;
    assert!((3..12).contains(&steps), "{steps} steps");
    assert_eq!(freed.blobs, 701);
    assert!(bench.trash().await.is_empty() && bench.purge_all(id(1)).await.0 == 0);
    assert!(bench.ledger.secret(id(5)).await.unwrap().is_none());
    assert!(bench.ledger.bindings(Some(project), 0, 9).await.unwrap().is_empty());
    bench.is_empty(&[]).await;
    let again = account(3, "p+ci", AccountKind::User, None, false);
    bench.made(vec![ensure("p/a"), again]).await;
    bench.is_empty(&["p"]).await;
}

/// The latest first, in pages that do not depend on what goes meanwhile; of one project where it is named.
pub async fn the_trash_is_listed_from_the_latest(bench: &Bench) {
    for repository in ["p/a", "q/b"] {
        bench
            .made(vec![
                ensure(repository),
                put_manifest(repository, "m", vec![]),
                put_manifest(repository, "n", vec![]),
            ])
            .await;
    }
    let project =
        async |text: &str| bench.ledger.project(&name(text).project()).await.unwrap().expect("it is there").id;
    let (p, q) = (project("p").await, project("q").await);
    for change in [
        delete_manifest("p/a", "m", GRACE),
        delete_manifest("q/b", "m", GRACE),
        delete_manifest("p/a", "n", 2 * GRACE),
        delete_repository("p/a", 1, GRACE),
        delete_project("q", 2, GRACE),
    ] {
        bench.advance(1);
        bench.made(vec![change]).await;
    }
    let all = bench.trash().await;
    use TrashKind::{Manifest, Project, Repository};
    let told: Vec<_> = all.iter().map(|row| (row.kind, row.name.as_str(), row.digest, row.project)).collect();
    let (m, n) = (Some(digest("m")), Some(digest("n")));
    let expect = [
        (Project, "q", None, q),
        (Repository, "p/a", None, p),
        (Manifest, "p/a", n, p),
        (Manifest, "q/b", m, q),
        (Manifest, "p/a", m, p),
    ];
    assert_eq!(told, expect);
    assert_eq!((all[2].deleted_at, all[2].until, &*all[2].deleted_by), (START + 3, START + 3 + 2 * GRACE, "tester"));
    let page = async |project, after: Option<&TrashRow>, limit| {
        bench.ledger.trash(project, after.map(|row| (row.deleted_at, row.id)), limit).await.unwrap()
    };
    assert_eq!(page(None, None, 2).await, all[..2]);
    assert_eq!(page(None, Some(&all[1]), 9).await, all[2..]);
    assert_eq!(page(Some(p), None, 9).await, [all[1].clone(), all[2].clone(), all[4].clone()]);
    assert_eq!(page(Some(p), Some(&all[2]), 9).await, all[4..]);
    assert_eq!(page(Some(q), None, 9).await, [all[0].clone(), all[3].clone()]);
    assert!(page(Some(id(9)), None, 9).await.is_empty());
    let latest = async |projects: &[Id], after: Option<&TrashRow>| {
        let after = after.map(|row| (row.deleted_at, row.id));
        let mut rows = bench.ledger.latest_trash(projects, after).await.unwrap();
        rows.sort_by_key(|row| -row.deleted_at);
        rows
    };
    assert_eq!(latest(&[p, q, id(9)], None).await, all[..2]);
    assert_eq!(latest(&[p, q], Some(&all[0])).await, [all[1].clone(), all[3].clone()]);
    assert_eq!(latest(&[q, p], Some(&all[3])).await, all[4..]);
    assert_eq!(latest(&[q], Some(&all[1])).await, all[3..4]);
    assert!(latest(&[], None).await.is_empty() && latest(&[p, q], Some(&all[4])).await.is_empty());
    assert_eq!(bench.ledger.trash_entry(id(1)).await.unwrap().as_ref(), Some(&all[1]));
    assert_eq!(bench.ledger.trash_entry(id(9)).await.unwrap(), None);
    bench.made(vec![purge(all[1].id)]).await;
    assert!(page(Some(p), Some(&all[1]), 9).await.is_empty(), "what was in the repository went with it");
}

/// Each move of a tag tells who, when, with what, from where and to where; pages do not depend on what comes meanwhile.
pub async fn moves_are_listed_from_the_latest(bench: &Bench) {
    bench.made(vec![ensure("p/a"), put_manifest("p/a", "m", vec![]), put_manifest("p/a", "n", vec![])]).await;
    let commit = |client: Option<&str>, changes| Commit {
        actor: "tester".to_owned(),
        client: client.map(str::to_owned),
        changes,
        ..Commit::default()
    };
    let skopeo = commit(Some("skopeo/1"), vec![point("p/a", "v1", "m"), point("p/a", "other", "m")]);
    bench.ledger.commit(skopeo).await.unwrap();
    bench.advance(5);
    bench.made(vec![point("p/a", "v1", "n"), point("p/a", "v1", "n")]).await;
    bench.made(vec![delete_tag("p/a", "v1")]).await;
    let page = async |text: &str, before, limit| {
        let moves = bench.ledger.tag_moves(&name("p/a"), &tag(text), before, limit).await.unwrap();
        moves.expect("the repository is there")
    };
    let all = page("v1", None, 9).await;
    let (m, n) = (Some(digest("m")), Some(digest("n")));
    let told: Vec<_> =
        all.iter().map(|row| (row.number, row.at, row.client.as_deref(), row.before, row.after)).collect();
    let expect = [(3, START + 5, None, n, None), (2, START + 5, None, m, n), (1, START, Some("skopeo/1"), None, m)];
    assert_eq!(told, expect);
    assert!(all.iter().all(|row| row.actor == "tester"));
    let first = page("v1", None, 2).await;
    assert_eq!(first, all[..2]);
    bench.made(vec![point("p/a", "v1", "m")]).await;
    assert_eq!(page("v1", Some(first[1].number), 2).await, all[2..]);
    assert_eq!(page("v1", Some(1), 9).await, []);
    assert_eq!(page("v1", Some(0), 9).await, []);
    assert_eq!(page("v1", Some(u64::MAX), 1).await[0].number, 4);
    assert_eq!(page("v1", None, 0).await, []);
    assert_eq!(page("none", None, 9).await, []);
    assert_eq!(bench.ledger.tag_moves(&name("p/b"), &tag("v1"), None, 9).await.unwrap(), None);
}
