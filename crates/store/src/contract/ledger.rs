//! What every ledger must do, one function for each rule. [`ledger_contract!`](crate::ledger_contract) makes a test of each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "these are tests"
)]

use std::any::Any;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use wharf_model::api::project::ProjectChange;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::id::Id;
use wharf_model::manifest::Role;
use wharf_model::media::MediaType;
use wharf_model::name::{Reference, RepositoryName, Tag};

use crate::blobs::Location;
use crate::clock::{Clock, ManualClock, Millis};
use crate::ledger::change::{Change, Commit, Digests, Edge, Entry, Expected, Expects, Freed, Known, Place, Refused};
use crate::ledger::notes::{Claim, Cursor, Job, NewJob, Outcome, RECLAIM, UploadNote};
use crate::ledger::query::{BlobRow, ManifestRow, Totals};
use crate::ledger::readable::{NameRange, Readable};
use crate::ledger::{Ledger, LedgerOptions, Observer, Seq};

/// The grace of the ledgers under test, in milliseconds.
pub const GRACE: Millis = 3_600_000;
/// What their clock shows first.
pub const START: Millis = 1_700_000_000_000;

/// Opens the same ledger each time it is called.
pub type Open = Box<dyn Fn(LedgerOptions) -> BoxFuture<'static, Arc<dyn Ledger>> + Send + Sync>;

/// An empty ledger under test, and its clock.
pub struct Bench {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    pub(super) open: Open,
    _kept: Box<dyn Any + Send + Sync>,
}

/// Makes a test of every rule. `$bench` is an async function that gives a new [`Bench`](crate::contract::ledger::Bench). With `all` before
/// it, an expression that holds them all to it, one after the other.
#[macro_export]
macro_rules! ledger_contract {
    (all $bench:expr) => { $crate::ledger_contract! { @rules all $bench } };
    ($bench:path) => { $crate::ledger_contract! { @rules tests $bench } };
    (@rules $what:ident $bench:expr) => {
        $crate::ledger_contract! { @$what $bench;
            an_entry_tells_what_changed
            the_log_is_read_in_pages
            a_commit_is_all_or_none
            changes_see_those_before_them
            what_has_no_effect_is_not_logged
            jobs_and_cursor_need_no_effect
            observers_are_told_in_order_before_the_answer
            many_at_once_leave_a_dense_log
            a_commit_that_is_not_waited_for_is_made_whole
            a_repository_brings_its_project
            repositories_are_listed_in_byte_order
            repositories_are_listed_by_ranges
            a_page_of_repositories_passes_over_so_many
            a_repository_is_made_in_the_expected_project
            a_project_is_the_expected_one
            what_is_changed_is_in_the_expected_project
            lists_go_on_after_what_has_gone
            accounts_have_one_name_and_an_epoch
            accounts_are_listed_by_kind
            groups_have_members
            bindings_give_what_they_say
            bindings_hold_on_to_what_they_name
            accounts_and_groups_are_changed_in_part
            the_last_administrator_stays
            groups_and_projects_are_listed
            tokens_end
            a_project_keeps_what_is_set_of_it
            a_project_made_public_does_not_show_its_trash
            usage_counts_blobs_once_and_manifests_each_time
            usage_has_no_way_round
            a_quota_is_never_overshot
            so_many_repositories_and_no_more
            uploads_reserve_and_give_back
            a_reservation_needs_room
            immutable_tags_neither_move_nor_go
            immutable_tags_keep_what_they_need
            trash_is_summed_up_to_a_bound
            blobs_rest_in_the_ledger_or_on_the_heap
            a_blob_needs_its_repository
            the_loser_of_two_uploads_is_reclaimed
            lost_bytes_are_replaced
            an_upload_ends_with_its_blob
            an_upload_that_went_on_is_not_ended
            an_unreferenced_blob_is_shown_for_half_the_grace
            pushing_a_blob_again_renews_it
            a_manifest_holds_its_blobs
            a_hidden_blob_is_still_held_by_a_new_manifest
            a_blob_that_comes_after_its_manifest_is_held
            everything_required_must_be_here
            a_mount_needs_a_blob_that_may_be_read
            a_mount_renews_the_member
            a_deleted_blob_is_gone_and_its_bytes_stay_while_held
            manifests_are_read_by_tag_and_digest
            the_same_manifest_again_changes_nothing
            tags_move_and_go
            tags_are_listed_in_byte_order
            a_deleted_manifest_takes_its_tags
            a_trashed_manifest_holds_its_blobs_until_it_is_purged
            a_trashed_manifest_may_be_pushed_again
            children_go_with_their_index
            purging_frees_what_nothing_holds
            a_manifest_comes_back_with_its_tags
            children_come_back_with_their_index
            what_was_pushed_again_takes_the_entry
            what_was_taken_out_comes_back_with_its_manifest
            naming_a_blob_in_the_trash_is_no_way_to_read_it
            a_repository_goes_and_comes_back
            a_project_goes_and_comes_back
            immutable_tags_keep_their_repository_and_project
            a_repository_is_purged_in_steps
            a_project_is_purged_in_steps
            the_trash_is_listed_from_the_latest
            moves_are_listed_from_the_latest
            referrers_are_listed_by_digest
            totals_are_added_and_counted
            artifacts_are_listed_from_the_latest
            an_artifact_is_told_in_brief
            what_is_attached_is_told_by_its_kinds
            tags_are_told_with_what_they_point_to
            news_are_found_by_place
            an_overview_is_its_repositorys
            pulls_are_counted_where_tags_point
            what_was_pulled_goes_with_its_tag
            the_catalogue_is_of_what_is_public
            facts_live_with_their_manifest
            facts_are_of_the_manifest_that_was_read
            what_lives_is_found
            indexes_before_their_children_are_found
            what_is_derived_lives_with_its_blob
            what_was_found_holds_nothing
            uploads_have_versions
            idle_uploads_are_found
            cursors_are_kept
            jobs_are_unique_and_leased
            jobs_that_were_tried_are_claimed_apart
            a_job_that_failed_is_due_later
            a_job_asked_for_meanwhile_is_done_again
            leases_are_renewed
            who_waits_for_jobs_is_woken
            reopening_keeps_everything
        }
    };
    (@all $bench:expr; $($rule:ident)*) => {{
        $( $crate::contract::ledger::$rule(&$bench().await).await; )*
    }};
    (@tests $bench:expr; $($rule:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                $crate::contract::ledger::$rule(&$bench().await).await;
            }
        )*
    };
}

pub use super::artifacts::*;
pub use super::facts::*;
pub use super::front::*;
pub use super::people::*;
pub use super::projects::*;
pub use super::trash::*;

/// A repository's name.
pub fn name(text: &str) -> RepositoryName {
    text.parse().expect("a repository's name")
}

/// A tag.
pub fn tag(text: &str) -> Tag {
    text.parse().expect("a tag")
}

/// The digest of a text.
pub fn digest(text: &str) -> Digest {
    Digest::of(Algorithm::Sha256, text.as_bytes())
}

fn media(text: &str) -> MediaType {
    text.parse().expect("a media type")
}

pub(super) fn ensure(repository: &str) -> Change {
    Change::EnsureRepository { repository: name(repository), expects: Expects::Anything, made_project: false }
}

/// Sets what is said of a project, which comes into being where it is not there.
pub(super) fn set_project(project: &str, set: ProjectChange) -> Change {
    Change::PutProject { project: name(project).project(), expects: Expects::Anything, id: None, set, created: false }
}

/// Makes a project, or sets whether it is public.
pub(super) fn make_project(project: &str, public: bool) -> Change {
    set_project(project, ProjectChange::public(public))
}

pub(super) fn put_blob(repository: &str, text: &str, place: Place) -> Change {
    let (repository, size) = (name(repository), text.len() as u64);
    Change::PutBlob { repository, digest: digest(text), size, place, known: Known::Keep, upload: None, adopted: false }
}

fn put_known(repository: &str, text: &str, place: Place, then: Known) -> Change {
    let mut change = put_blob(repository, text, place);
    if let Change::PutBlob { known, .. } = &mut change {
        *known = then;
    }
    change
}

pub(super) fn ending(mut change: Change, id: Id, version: u64) -> Change {
    if let Change::PutBlob { upload, .. } = &mut change {
        *upload = Some((id, version));
    }
    change
}

pub(super) fn inline(text: &str) -> Place {
    Place::Ledger(Bytes::copy_from_slice(text.as_bytes()))
}

pub(super) fn heap(location: &str) -> Place {
    Place::Heap(Location(location.to_owned()))
}

pub(super) fn mount(repository: &str, text: &str, from: &str, readable: Readable) -> Change {
    Change::MountBlob {
        repository: name(repository),
        digest: digest(text),
        from: name(from),
        from_project: Expects::Anything,
        readable,
    }
}

/// Takes the blob of that text out of the repository.
pub fn delete_blob(repository: &str, text: &str) -> Change {
    Change::DeleteBlob {
        repository: name(repository),
        expects: Expects::Anything,
        digest: digest(text),
        freed: Freed::default(),
    }
}

pub(super) fn sweep(repository: &str, text: &str) -> Change {
    Change::SweepMember { repository: name(repository), digest: digest(text), freed: Freed::default() }
}

pub(super) fn edge(role: Role, target: &str) -> Edge {
    Edge { role, target: digest(target), required: true }
}

pub(super) fn layers(targets: &[&str]) -> Vec<Edge> {
    targets.iter().map(|target| edge(Role::Layer, target)).collect()
}

pub(super) fn put_manifest(repository: &str, text: &str, edges: Vec<Edge>) -> Change {
    Change::PutManifest {
        repository: name(repository),
        digest: digest(text),
        media_type: media("application/vnd.test+json"),
        artifact_type: None,
        subject: edges.iter().find(|edge| edge.role == Role::Subject).map(|edge| edge.target),
        bytes: Bytes::copy_from_slice(text.as_bytes()),
        edges,
        created: false,
    }
}

/// Puts an index of those children, whose text it is.
pub fn index(repository: &str, text: &str, children: &[&str]) -> Change {
    put_manifest(repository, text, children.iter().map(|child| edge(Role::Child, child)).collect())
}

pub(super) fn point(repository: &str, to: &str, text: &str) -> Change {
    Change::PointTag {
        repository: name(repository),
        expects: Expects::Anything,
        tag: tag(to),
        digest: digest(text),
        expected: Expected::default(),
        previous: None,
    }
}

pub(super) fn delete_tag(repository: &str, text: &str) -> Change {
    Change::DeleteTag { repository: name(repository), expects: Expects::Anything, tag: tag(text), previous: None }
}

/// Deletes the manifest with that text.
pub fn delete_manifest(repository: &str, text: &str, keep: Millis) -> Change {
    let (repository, digest) = (name(repository), digest(text));
    Change::DeleteManifest {
        repository,
        expects: Expects::Anything,
        digest,
        keep,
        tags: Vec::new(),
        children: Vec::new(),
    }
}

/// Purges an entry of the trash, or a step of it.
pub(super) fn purge(id: Id) -> Change {
    Change::PurgeTrash { id, freed: Freed::default(), done: false }
}

fn job(kind: &str, key: &str) -> NewJob {
    NewJob { kind: kind.to_owned(), key: key.to_owned(), payload: format!("{kind} {key}") }
}

impl Bench {
    /// An empty ledger; `kept` lives as long as it.
    pub async fn new(open: Open, kept: impl Any + Send + Sync) -> Bench {
        let clock = Arc::new(ManualClock::new(START));
        let ledger = open(options(&clock)).await;
        Bench { ledger, clock, open, _kept: Box::new(kept) }
    }

    pub(super) fn advance(&self, by: Millis) {
        self.clock.advance(Duration::from_millis(by as u64));
    }

    pub(super) async fn commit(&self, changes: Vec<Change>) -> Result<Seq, Refused> {
        self.ledger.commit(Commit { actor: "tester".to_owned(), changes, ..Commit::default() }).await
    }

    pub(super) async fn made(&self, changes: Vec<Change>) -> Seq {
        self.commit(changes).await.expect("the commit is made")
    }

    /// Makes one change, and gives it as the log tells it; `None` where it had no effect.
    pub(super) async fn filled(&self, change: Change) -> Option<Change> {
        let before = self.ledger.latest().await.unwrap();
        let seq = self.made(vec![change]).await;
        if seq == before {
            return None;
        }
        let mut entries = self.ledger.log(before, 10).await.unwrap();
        assert_eq!(entries.len(), 1);
        entries.remove(0).changes.into_iter().next()
    }

    pub(super) async fn refused(&self, changes: Vec<Change>) -> Refused {
        let before = self.ledger.latest().await.unwrap();
        let refused = self.commit(changes).await.expect_err("the commit is refused");
        assert_eq!(self.ledger.latest().await.unwrap(), before);
        refused
    }

    async fn blob(&self, repository: &str, text: &str) -> Option<BlobRow> {
        self.ledger.blob(&name(repository), &digest(text)).await.unwrap()
    }

    pub(super) async fn shows(&self, repository: &str, text: &str) -> bool {
        self.blob(repository, text).await.is_some()
    }

    pub(super) async fn manifest(&self, repository: &str, text: &str) -> Option<ManifestRow> {
        self.ledger.manifest(&name(repository), &Reference::Digest(digest(text))).await.unwrap()
    }

    pub(super) async fn tagged(&self, repository: &str, text: &str) -> Option<Digest> {
        let row = self.ledger.manifest(&name(repository), &Reference::Tag(tag(text))).await.unwrap();
        row.map(|row| row.digest)
    }

    pub(super) async fn tags(&self, repository: &str) -> Vec<String> {
        let tags = self.ledger.tags(&name(repository), None, 1000).await.unwrap();
        tags.expect("the repository is there").iter().map(Tag::to_string).collect()
    }

    pub(super) async fn unreferenced(&self) -> Vec<Digest> {
        self.ledger.unreferenced(1000).await.unwrap().into_iter().map(|(_, digest)| digest).collect()
    }

    /// The locations that wait to be reclaimed; they wait no more.
    pub(super) async fn reclaimed(&self) -> Vec<String> {
        let jobs = self.ledger.claim_jobs(Claim::new(RECLAIM, 1, 1000)).await.unwrap();
        let mut locations = Vec::new();
        for job in jobs {
            assert_eq!(job.key, job.payload);
            self.settle(&job, Outcome::Done).await;
            locations.push(job.payload);
        }
        locations
    }

    /// Says what became of a job.
    pub(super) async fn settle(&self, job: &Job, outcome: Outcome) {
        let settled = vec![job.settled(outcome)];
        self.ledger.commit(Commit { settled, ..Commit::default() }).await.unwrap();
    }

    pub(super) async fn purge(&self) -> Freed {
        let mut freed = Freed::default();
        for row in self.ledger.expired_trash(1000).await.unwrap() {
            match self.filled(purge(row.id)).await {
                Some(Change::PurgeTrash { freed: one, .. }) => {
                    freed.blobs += one.blobs;
                    freed.bytes += one.bytes;
                }
                other => assert!(other.is_none(), "{other:?}"),
            }
        }
        freed
    }
}

pub(super) fn options(clock: &Arc<ManualClock>) -> LedgerOptions {
    LedgerOptions { clock: Some(clock.clone()), grace: GRACE, alone: false }
}

// --- commits and the log

/// An entry has a number, a time, an actor, and the changes with their filled fields, without bytes.
pub async fn an_entry_tells_what_changed(bench: &Bench) {
    assert_eq!(bench.ledger.latest().await.unwrap(), 0);
    assert_eq!(bench.ledger.now().await.unwrap(), START);
    assert_eq!(bench.ledger.grace(), GRACE);
    bench.advance(5);
    let edges = layers(&["l"]);
    let manifest = put_manifest("p/a", "m", edges);
    let changes = vec![ensure("p/a"), put_blob("p/a", "l", inline("l")), manifest, point("p/a", "v1", "m")];
    assert_eq!(bench.made(changes).await, 1);
    let entries = bench.ledger.log(0, 10).await.unwrap();
    let [Entry { seq: 1, at, actor, changes }] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((*at, actor.as_str()), (START + 5, "tester"));
    assert_eq!(changes.len(), 4);
    assert!(
        matches!(&changes[0], Change::EnsureRepository { repository, made_project: true, .. } if *repository == name("p/a"))
    );
    assert!(
        matches!(&changes[1], Change::PutBlob { adopted: true, size: 1, place: Place::Ledger(bytes), .. } if bytes.is_empty())
    );
    let Change::PutManifest { created: true, bytes, edges, media_type, .. } = &changes[2] else {
        panic!("{changes:?}")
    };
    assert!(bytes.is_empty() && edges.is_empty());
    assert_eq!(media_type.as_str(), "application/vnd.test+json");
    assert_eq!(changes[3], point("p/a", "v1", "m"));
}

/// The entries after one, at most so many, in order.
pub async fn the_log_is_read_in_pages(bench: &Bench) {
    for at in 1..=5 {
        assert_eq!(bench.made(vec![ensure(&format!("p/r{at}"))]).await, at);
    }
    let numbers = async |after, limit| -> Vec<Seq> {
        bench.ledger.log(after, limit).await.unwrap().iter().map(|entry| entry.seq).collect()
    };
    assert_eq!(numbers(0, 100).await, [1, 2, 3, 4, 5]);
    assert_eq!(numbers(2, 2).await, [3, 4]);
    assert!(numbers(5, 2).await.is_empty());
    assert!(numbers(u64::MAX, 2).await.is_empty());
    assert!(numbers(0, 0).await.is_empty());
    assert_eq!(bench.ledger.latest().await.unwrap(), 5);
}

/// Where one change is refused, nothing of the commit is made: no other change, no job, no cursor.
pub async fn a_commit_is_all_or_none(bench: &Bench) {
    let cursor = Cursor { seq: 7, version: 1, paused: false };
    let commit = Commit {
        actor: "tester".to_owned(),
        client: None,
        changes: vec![ensure("p/a"), put_blob("p/a", "x", heap("x1")), point("p/a", "v1", "none")],
        jobs: vec![job("work", "1")],
        settled: Vec::new(),
        cursor: Some(("follower".to_owned(), cursor)),
    };
    assert_eq!(bench.ledger.commit(commit).await, Err(Refused::ManifestUnknown(digest("none"))));
    assert_eq!(bench.ledger.place(&name("p/a")).await.unwrap().repository, None);
    assert_eq!(bench.ledger.project(&name("p/a").project()).await.unwrap(), None);
    assert!(!bench.ledger.knows_location(&Location("x1".to_owned())).await.unwrap());
    assert_eq!(bench.ledger.count_jobs("work").await.unwrap(), 0);
    assert_eq!(bench.ledger.cursor("follower").await.unwrap(), None);
    assert_eq!(bench.ledger.latest().await.unwrap(), 0);
    assert_eq!(*bench.ledger.watch().borrow(), 0);
}

/// Each change sees those before it.
pub async fn changes_see_those_before_them(bench: &Bench) {
    assert_eq!(bench.refused(vec![put_blob("p/a", "x", inline("x")), ensure("p/a")]).await, Refused::RepositoryUnknown);
    bench
        .made(vec![
            ensure("p/a"),
            put_blob("p/a", "x", inline("x")),
            put_manifest("p/a", "m", layers(&["x"])),
            point("p/a", "v1", "m"),
            delete_tag("p/a", "v1"),
            delete_manifest("p/a", "m", 10),
        ])
        .await;
    assert_eq!(bench.manifest("p/a", "m").await, None);
}

/// A change without effect is not in the log, a commit without any neither.
pub async fn what_has_no_effect_is_not_logged(bench: &Bench) {
    let public = || make_project("p", true);
    let all = || vec![ensure("p/a"), public(), put_manifest("p/a", "m", vec![]), point("p/a", "v1", "m")];
    assert_eq!(bench.made(all()).await, 1);
    assert_eq!(bench.made(all()).await, 1);
    assert_eq!(bench.made(vec![purge(Id([1; 16]))]).await, 1);
    assert_eq!(bench.made(vec![sweep("p/a", "x"), sweep("p/none", "x")]).await, 1);
    assert_eq!(bench.made(vec![]).await, 1);
    assert_eq!(bench.made(vec![ensure("p/a"), point("p/a", "v2", "m"), public()]).await, 2);
    let entries = bench.ledger.log(1, 10).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].changes, [point("p/a", "v2", "m")]);
}

/// Jobs are queued and the cursor moves also where no change has an effect.
pub async fn jobs_and_cursor_need_no_effect(bench: &Bench) {
    let cursor = Cursor { seq: 9, version: 2, paused: false };
    let commit = Commit { jobs: vec![job("work", "1")], cursor: Some(("f".to_owned(), cursor)), ..Commit::default() };
    assert_eq!(bench.ledger.commit(commit).await, Ok(0));
    assert_eq!(bench.ledger.cursor("f").await.unwrap(), Some(cursor));
    assert_eq!(bench.ledger.count_jobs("work").await.unwrap(), 1);
    assert!(bench.ledger.log(0, 10).await.unwrap().is_empty());
}

#[derive(Default)]
struct Told(Mutex<Vec<Seq>>);

impl Told {
    fn seen(&self) -> Vec<Seq> {
        self.0.lock().expect("not poisoned").clone()
    }
}

impl Observer for Told {
    fn committed(&self, entry: &Entry) {
        self.0.lock().expect("not poisoned").push(entry.seq);
    }
}

/// An observer knows of a commit when the commit is answered, and of all in order; so does the watch.
pub async fn observers_are_told_in_order_before_the_answer(bench: &Bench) {
    bench.made(vec![ensure("p/before")]).await;
    let told = Arc::new(Told::default());
    bench.ledger.observe(told.clone());
    let commits = (0..40).map(|at| {
        let told = told.clone();
        async move {
            let seq = bench.made(vec![ensure(&format!("p/r{at}"))]).await;
            assert!(told.seen().contains(&seq));
            assert!(*bench.ledger.watch().borrow() >= seq);
        }
    });
    join_all(commits).await;
    assert_eq!(told.seen(), (2..=41).collect::<Vec<_>>());
}

/// 64 commits at once, a quarter refused: the log is dense, the refused leave nothing, each is answered with its number.
pub async fn many_at_once_leave_a_dense_log(bench: &Bench) {
    bench.made(vec![ensure("p/a"), put_manifest("p/a", "m", vec![])]).await;
    let commits = (0..64).map(|at| {
        let ledger = bench.ledger.clone();
        let to = if at % 4 == 0 { "none" } else { "m" };
        let changes = vec![ensure(&format!("p/r{at}")), point("p/a", &format!("t{at}"), to)];
        let commit = Commit { actor: format!("{at}"), changes, ..Commit::default() };
        tokio::spawn(async move { (at, ledger.commit(commit).await) })
    });
    let mut numbers = Vec::new();
    for outcome in join_all(commits).await {
        let (at, outcome) = outcome.expect("no panic");
        match outcome {
            Ok(seq) => {
                assert_ne!(at % 4, 0);
                let entry = &bench.ledger.log(seq - 1, 1).await.unwrap()[0];
                assert_eq!((entry.seq, entry.actor.as_str()), (seq, at.to_string().as_str()));
                numbers.push(seq);
            }
            Err(refused) => {
                assert_eq!((at % 4, refused), (0, Refused::ManifestUnknown(digest("none"))));
                assert_eq!(bench.ledger.place(&name(&format!("p/r{at}"))).await.unwrap().repository, None);
            }
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (2..=49).collect::<Vec<_>>());
    assert_eq!(bench.tags("p/a").await.len(), 48);
}

/// A commit whose caller goes away is made as a whole or not at all.
pub async fn a_commit_that_is_not_waited_for_is_made_whole(bench: &Bench) {
    for at in 0..16 {
        let (a, b) = (format!("p/a{at}"), format!("p/b{at}"));
        let commit = bench.commit(vec![ensure(&a), ensure(&b)]);
        let _ = futures_util::future::poll_immediate(Box::pin(commit)).await;
    }
    bench.made(vec![ensure("p/last")]).await;
    for at in 0..16 {
        let a = bench.ledger.place(&name(&format!("p/a{at}"))).await.unwrap();
        let b = bench.ledger.place(&name(&format!("p/b{at}"))).await.unwrap();
        assert_eq!(a.repository.is_some(), b.repository.is_some());
    }
}

// --- projects, repositories, people

/// A repository makes its project, private; what the project says is what its repositories say.
pub async fn a_repository_brings_its_project(bench: &Bench) {
    bench.made(vec![ensure("acme/app"), ensure("solo")]).await;
    let project = bench.ledger.project(&name("acme/x").project()).await.unwrap().expect("the project");
    assert_eq!((project.name.as_str(), project.public), ("acme", false));
    let app = bench.ledger.place(&name("acme/app")).await.unwrap();
    assert_eq!((app.project, app.public), (Some(project.id), false));
    assert!(bench.ledger.project(&name("solo").project()).await.unwrap().is_some());
    bench.made(vec![make_project("acme", true), ensure("acme/new")]).await;
    for repository in ["acme/app", "acme/new"] {
        let row = bench.ledger.place(&name(repository)).await.unwrap();
        assert_eq!((row.project, row.public), (Some(project.id), true));
    }
    let row = bench.ledger.place(&name("acme/app")).await.unwrap();
    assert!(row.repository.is_some() && row.repository == app.repository);
    bench.made(vec![make_project("made", true)]).await;
    assert!(bench.ledger.project(&name("made").project()).await.unwrap().is_some_and(|project| project.public));
    assert_eq!(bench.ledger.place(&name("made")).await.unwrap().repository, None);
}

/// Pages of repositories, all of them or those of public projects.
pub async fn repositories_are_listed_in_byte_order(bench: &Bench) {
    let names = ["a", "a-b", "a-b/c", "a.b", "a/b", "a/c", "a0", "b/a", "b_c/d"];
    bench.made(names.iter().rev().map(|one| ensure(one)).collect()).await;
    let list = async |readable: Readable, after: Option<&str>, limit| -> Vec<String> {
        let list = bench.ledger.repositories(&readable, after, limit).await.unwrap().names;
        list.iter().map(RepositoryName::to_string).collect()
    };
    assert_eq!(list(Readable::All, None, 100).await, names);
    assert_eq!(list(Readable::All, Some("a-b"), 3).await, ["a-b/c", "a.b", "a/b"]);
    assert_eq!(list(Readable::All, Some("a1"), 2).await, ["b/a", "b_c/d"]);
    assert!(list(Readable::All, None, 0).await.is_empty());
    assert!(list(Readable::public(), None, 100).await.is_empty());
    bench.made(vec![make_project("a", true), make_project("b", true)]).await;
    assert_eq!(list(Readable::public(), None, 100).await, ["a", "a/b", "a/c", "b/a"]);
    assert_eq!(list(Readable::public(), Some("a"), 2).await, ["a/b", "a/c"]);
    bench.made(vec![make_project("a", false)]).await;
    assert_eq!(list(Readable::public(), None, 100).await, ["b/a"]);
}

// --- blobs

/// A blob rests where it was put, whatever its size and algorithm; other repositories do not have it.
pub async fn blobs_rest_in_the_ledger_or_on_the_heap(bench: &Bench) {
    bench.made(vec![ensure("p/a"), ensure("p/b")]).await;
    bench.made(vec![put_blob("p/a", "small", inline("small")), put_blob("p/a", "", inline(""))]).await;
    bench.made(vec![put_blob("p/a", "large", heap("l1"))]).await;
    assert_eq!(bench.blob("p/a", "small").await, Some(BlobRow { size: 5, place: inline("small") }));
    assert_eq!(bench.blob("p/a", "").await, Some(BlobRow { size: 0, place: inline("") }));
    assert_eq!(bench.blob("p/a", "large").await, Some(BlobRow { size: 5, place: heap("l1") }));
    assert!(!bench.shows("p/b", "small").await && !bench.shows("p/none", "small").await);
    let digest = Digest::of(Algorithm::Sha512, b"small");
    assert_eq!(bench.ledger.blob(&name("p/a"), &digest).await.unwrap(), None);
    let mut other = put_blob("p/a", "small", heap("l2"));
    if let Change::PutBlob { digest: named, .. } = &mut other {
        *named = digest;
    }
    bench.made(vec![other]).await;
    assert_eq!(bench.ledger.blob(&name("p/a"), &digest).await.unwrap().map(|row| row.place), Some(heap("l2")));
    for (location, known) in [("l1", true), ("l2", true), ("l3", false), ("", false)] {
        assert_eq!(bench.ledger.knows_location(&Location(location.to_owned())).await.unwrap(), known, "{location}");
    }
}

/// Refused where the repository is not there.
pub async fn a_blob_needs_its_repository(bench: &Bench) {
    bench.made(vec![ensure("p/a")]).await;
    let unknown = Refused::RepositoryUnknown;
    assert_eq!(bench.refused(vec![put_blob("p/none", "x", inline("x"))]).await, unknown);
    assert_eq!(bench.refused(vec![mount("p/none", "x", "p/a", Readable::All)]).await, unknown);
    assert_eq!(bench.refused(vec![delete_blob("p/none", "x")]).await, unknown);
    assert_eq!(bench.refused(vec![put_manifest("p/none", "m", vec![])]).await, unknown);
    assert_eq!(bench.refused(vec![point("p/none", "v1", "m")]).await, unknown);
    assert_eq!(bench.refused(vec![delete_tag("p/none", "v1")]).await, unknown);
    assert_eq!(bench.refused(vec![delete_manifest("p/none", "m", 1)]).await, unknown);
}

/// The first upload of a digest is adopted; what others put on the heap is queued, once, unless it is the same place.
pub async fn the_loser_of_two_uploads_is_reclaimed(bench: &Bench) {
    bench.made(vec![ensure("p/a"), ensure("p/b")]).await;
    let adopted = async |change| match bench.filled(change).await {
        Some(Change::PutBlob { adopted, .. }) => adopted,
        other => panic!("{other:?}"),
    };
    assert!(adopted(put_blob("p/a", "x", heap("x1"))).await);
    assert!(!adopted(put_blob("p/b", "x", heap("x2"))).await);
    assert!(!adopted(put_blob("p/b", "x", heap("x1"))).await);
    assert!(!adopted(put_blob("p/b", "x", inline("x"))).await);
    assert_eq!(bench.blob("p/b", "x").await.map(|row| row.place), Some(heap("x1")));
    assert_eq!(bench.reclaimed().await, ["x2"]);
    assert!(adopted(put_blob("p/a", "y", inline("y"))).await);
    assert!(!adopted(put_blob("p/b", "y", heap("y1"))).await);
    assert_eq!(bench.reclaimed().await, ["y1"]);
    assert_eq!(bench.blob("p/b", "y").await.map(|row| row.place), Some(inline("y")));
}

/// Whoever brings bytes that are known elsewhere is told where, unless they say what is to be done; lost ones are replaced,
/// for every repository, and only if they still are what was found to be lost.
pub async fn lost_bytes_are_replaced(bench: &Bench) {
    bench.made(vec![ensure("p/a"), ensure("p/b"), put_blob("p/a", "x", heap("x1"))]).await;
    let known = |location: &str| Refused::Known(Location(location.to_owned()));
    let lost = |location: &str| Known::Replace(Location(location.to_owned()));
    assert_eq!(bench.refused(vec![put_known("p/b", "x", heap("x2"), Known::Tell)]).await, known("x1"));
    assert_eq!(bench.refused(vec![put_known("p/b", "x", heap("x2"), lost("x0"))]).await, known("x1"));
    bench.made(vec![put_known("p/b", "x", heap("x1"), Known::Tell)]).await;
    assert!(bench.reclaimed().await.is_empty());
    let replaced = bench.filled(put_known("p/b", "x", heap("x2"), lost("x1"))).await;
    assert!(matches!(replaced, Some(Change::PutBlob { adopted: false, .. })), "{replaced:?}");
    for repository in ["p/a", "p/b"] {
        assert_eq!(bench.blob(repository, "x").await, Some(BlobRow { size: 1, place: heap("x2") }), "{repository}");
    }
    assert_eq!(bench.reclaimed().await, ["x1"]);
    assert_eq!(bench.refused(vec![put_known("p/b", "x", heap("x3"), lost("x1"))]).await, known("x2"));
    bench.made(vec![put_blob("p/a", "y", inline("y")), put_known("p/a", "y", heap("y1"), Known::Tell)]).await;
    assert_eq!(bench.blob("p/a", "y").await.map(|row| row.place), Some(inline("y")));
    assert_eq!(bench.reclaimed().await, ["y1"]);
}

/// The commit that finishes an upload forgets its session; one that is refused does not.
pub async fn an_upload_ends_with_its_blob(bench: &Bench) {
    let id = Id([7; 16]);
    assert!(bench.ledger.put_upload(&upload(id, 1)).await.unwrap());
    let finish = || ending(put_blob("p/a", "x", inline("x")), id, 1);
    assert_eq!(bench.refused(vec![finish()]).await, Refused::RepositoryUnknown);
    assert!(bench.ledger.upload(id).await.unwrap().is_some());
    bench.made(vec![ensure("p/a"), finish()]).await;
    assert_eq!(bench.ledger.upload(id).await.unwrap(), None);
    assert!(!bench.ledger.put_upload(&upload(id, 2)).await.unwrap());
    assert_eq!(bench.refused(vec![finish()]).await, Refused::UploadUnknown, "it ends once");
}

/// Whoever has written the note once more has the upload: a commit that would end it as it was is refused.
pub async fn an_upload_that_went_on_is_not_ended(bench: &Bench) {
    let id = Id([7; 16]);
    let finish = |version| ending(put_blob("p/a", "x", heap("x1")), id, version);
    assert!(bench.ledger.put_upload(&upload(id, 1)).await.unwrap());
    assert!(bench.ledger.put_upload(&upload(id, 2)).await.unwrap());
    for version in [0, 1, 3] {
        assert_eq!(bench.refused(vec![ensure("p/a"), finish(version)]).await, Refused::UploadUnknown, "{version}");
    }
    assert!(!bench.ledger.knows_location(&Location("x1".to_owned())).await.unwrap());
    bench.made(vec![ensure("p/a"), finish(2)]).await;
    assert!(bench.shows("p/a", "x").await);
}

/// Half the grace after it came it is hidden, after the whole grace it is swept and its bytes are reclaimed.
pub async fn an_unreferenced_blob_is_shown_for_half_the_grace(bench: &Bench) {
    bench.made(vec![ensure("p/a"), put_blob("p/a", "x", heap("x1"))]).await;
    bench.advance(GRACE / 2 - 1);
    assert!(bench.shows("p/a", "x").await);
    bench.advance(1);
    assert!(!bench.shows("p/a", "x").await);
    assert_eq!(bench.refused(vec![delete_blob("p/a", "x")]).await, Refused::BlobUnknown(digest("x")));
    bench.advance(GRACE / 2 - 1);
    assert!(bench.unreferenced().await.is_empty());
    assert_eq!(bench.filled(sweep("p/a", "x")).await, None);
    bench.advance(1);
    let found = bench.ledger.unreferenced(10).await.unwrap();
    assert_eq!(found, [(name("p/a"), digest("x"))]);
    assert!(bench.ledger.unreferenced(0).await.unwrap().is_empty());
    let Some(Change::SweepMember { freed, .. }) = bench.filled(sweep("p/a", "x")).await else { panic!("not swept") };
    assert_eq!(freed, Freed { blobs: 1, bytes: 1 });
    assert_eq!(bench.reclaimed().await, ["x1"]);
    assert!(!bench.ledger.knows_location(&Location("x1".to_owned())).await.unwrap());
    assert!(bench.unreferenced().await.is_empty());
}

/// A blob that is pushed again is shown as if it were new, hidden or not; and another repository's member keeps the bytes.
pub async fn pushing_a_blob_again_renews_it(bench: &Bench) {
    bench.made(vec![ensure("p/a"), ensure("p/b"), put_blob("p/a", "x", heap("x1"))]).await;
    bench.advance(GRACE - 1);
    bench.made(vec![put_blob("p/a", "x", heap("x1"))]).await;
    assert!(bench.shows("p/a", "x").await);
    bench.advance(GRACE - 1);
    assert_eq!(bench.filled(sweep("p/a", "x")).await, None);
    bench.made(vec![put_blob("p/b", "x", heap("x1"))]).await;
    bench.advance(1);
    let Some(Change::SweepMember { freed, .. }) = bench.filled(sweep("p/a", "x")).await else { panic!("not swept") };
    assert_eq!(freed, Freed::default());
    assert!(bench.shows("p/b", "x").await && bench.reclaimed().await.is_empty());
}

/// What a manifest names is shown for as long as the manifest is there.
pub async fn a_manifest_holds_its_blobs(bench: &Bench) {
    bench.made(vec![ensure("p/a"), put_blob("p/a", "x", heap("x1")), put_blob("p/a", "y", heap("y1"))]).await;
    bench.made(vec![put_manifest("p/a", "m", layers(&["x", "x"]))]).await;
    bench.advance(3 * GRACE);
    assert!(bench.shows("p/a", "x").await && !bench.shows("p/a", "y").await);
    assert_eq!(bench.unreferenced().await, [digest("y")]);
    assert_eq!(bench.filled(sweep("p/a", "x")).await, None);
    bench.made(vec![put_blob("p/a", "x", heap("x1"))]).await;
    bench.advance(3 * GRACE);
    assert!(bench.shows("p/a", "x").await);
}

/// In the second half of the grace a blob is hidden, but a client that was told before that it is here may still name it.
pub async fn a_hidden_blob_is_still_held_by_a_new_manifest(bench: &Bench) {
    bench.made(vec![ensure("p/a"), put_blob("p/a", "x", inline("x"))]).await;
    bench.advance(GRACE - 1);
    assert!(!bench.shows("p/a", "x").await);
    bench.made(vec![put_manifest("p/a", "m", layers(&["x"]))]).await;
    bench.advance(GRACE);
    assert!(bench.shows("p/a", "x").await);
    assert!(bench.unreferenced().await.is_empty());
}

/// A manifest may be there before its blob; the blob is held from the moment it comes, pushed or mounted.
pub async fn a_blob_that_comes_after_its_manifest_is_held(bench: &Bench) {
    let mut edges = layers(&["x", "y"]);
    edges.iter_mut().for_each(|edge| edge.required = false);
    bench.made(vec![ensure("p/a"), ensure("p/b"), put_manifest("p/a", "m", edges)]).await;
    assert!(!bench.shows("p/a", "x").await);
    bench.made(vec![put_blob("p/a", "x", inline("x")), put_blob("p/b", "y", inline("y"))]).await;
    bench.made(vec![mount("p/a", "y", "p/b", Readable::All)]).await;
    bench.advance(3 * GRACE);
    assert!(bench.shows("p/a", "x").await && bench.shows("p/a", "y").await && !bench.shows("p/b", "y").await);
}

/// A manifest is refused with all that is missing, in its order; members and live manifests of the repository count,
/// whatever the role; what is not required is not asked for.
pub async fn everything_required_must_be_here(bench: &Bench) {
    let setup = vec![
        ensure("p/a"),
        ensure("p/b"),
        put_blob("p/a", "here", inline("here")),
        put_blob("p/b", "there", inline("there")),
    ];
    bench.made(setup).await;
    bench.made(vec![put_manifest("p/a", "child", vec![]), put_manifest("p/b", "elsewhere", vec![])]).await;
    let mut edges = layers(&["z", "here", "there", "a", "child", "elsewhere", "z"]);
    edges.push(Edge { role: Role::Subject, target: digest("later"), required: false });
    let missing = ["z", "there", "a", "elsewhere"].map(digest).to_vec();
    assert_eq!(bench.refused(vec![put_manifest("p/a", "m", edges)]).await, Refused::Missing(missing));
    assert_eq!(bench.manifest("p/a", "m").await, None);
    let edges = vec![edge(Role::Config, "child"), edge(Role::Child, "here"), edge(Role::Child, "child")];
    bench.made(vec![put_manifest("p/a", "m", edges)]).await;
    bench.made(vec![delete_manifest("p/a", "m", 9), delete_manifest("p/b", "elsewhere", 9)]).await;
    let trashed = put_manifest("p/b", "n", vec![edge(Role::Child, "elsewhere")]);
    assert_eq!(bench.refused(vec![trashed]).await, Refused::Missing(vec![digest("elsewhere")]));
}

/// A mount needs a member that is shown, in the repository that is named, and one that the caller may read; where none is
/// named, one can be asked for.
pub async fn a_mount_needs_a_blob_that_may_be_read(bench: &Bench) {
    let public = |public| make_project("q/a", public);
    let home = async |readable: Readable| -> Option<String> {
        let found = bench.ledger.home_of_blob(&digest("x"), &readable).await.unwrap();
        found.map(|repository| repository.to_string())
    };
    assert_eq!(home(Readable::All).await, None);
    bench.made(vec![ensure("p/a"), ensure("q/a"), ensure("r/a"), put_blob("q/a", "x", heap("x1"))]).await;
    let unknown = Refused::BlobUnknown(digest("x"));
    assert_eq!(bench.refused(vec![mount("p/a", "x", "r/a", Readable::All)]).await, unknown);
    assert_eq!(bench.refused(vec![mount("p/a", "x", "no/ne", Readable::All)]).await, unknown);
    assert_eq!(bench.refused(vec![mount("p/a", "x", "q/a", Readable::public())]).await, unknown);
    let below = |prefix: &str| Readable::some(vec![NameRange::below(prefix.to_owned())]);
    assert_eq!((home(Readable::public()).await, home(Readable::All).await.as_deref()), (None, Some("q/a")));
    assert_eq!((home(below("p/")).await, home(below("q/")).await.as_deref()), (None, Some("q/a")));
    assert_eq!(bench.refused(vec![mount("p/a", "x", "q/a", below("p/"))]).await, unknown);
    bench.made(vec![mount("p/a", "x", "q/a", below("q/"))]).await;
    bench.made(vec![mount("p/a", "x", "q/a", Readable::All)]).await;
    assert_eq!(bench.blob("p/a", "x").await, bench.blob("q/a", "x").await);
    bench.made(vec![public(true), mount("r/a", "x", "q/a", Readable::public())]).await;
    assert!(bench.shows("r/a", "x").await);
    assert_eq!(home(Readable::public()).await.as_deref(), Some("q/a"));
    bench.advance(GRACE / 2);
    for from in ["p/a", "q/a", "r/a"] {
        assert_eq!(bench.refused(vec![mount("p/a", "x", from, Readable::All)]).await, unknown);
    }
    assert_eq!(home(Readable::All).await, None);
}

/// Mounting what is here already makes the member new.
pub async fn a_mount_renews_the_member(bench: &Bench) {
    bench.made(vec![ensure("p/a"), ensure("p/b"), put_blob("p/a", "x", heap("x1"))]).await;
    bench.advance(GRACE / 2 - 1);
    assert!(bench.filled(mount("p/b", "x", "p/a", Readable::All)).await.is_some());
    bench.advance(GRACE / 2 - 1);
    assert!(bench.shows("p/b", "x").await && !bench.shows("p/a", "x").await);
    bench.made(vec![mount("p/b", "x", "p/b", Readable::All)]).await;
    bench.advance(GRACE / 2 - 1);
    assert!(bench.shows("p/b", "x").await);
}

/// A deleted blob is not there for anybody who asks that repository; its bytes go when no repository and no manifest is
/// left that holds them.
pub async fn a_deleted_blob_is_gone_and_its_bytes_stay_while_held(bench: &Bench) {
    bench
        .made(vec![ensure("p/a"), ensure("p/b"), put_blob("p/a", "x", heap("x1")), put_blob("p/b", "x", heap("x1"))])
        .await;
    bench.made(vec![put_blob("p/a", "y", heap("y1")), put_manifest("p/b", "m", layers(&["x"]))]).await;
    let freed = async |repository: &str, text: &str| match bench.filled(delete_blob(repository, text)).await {
        Some(Change::DeleteBlob { freed, .. }) => freed,
        other => panic!("{other:?}"),
    };
    assert_eq!(bench.refused(vec![delete_blob("p/b", "y")]).await, Refused::BlobUnknown(digest("y")));
    assert_eq!(bench.refused(vec![delete_blob("p/b", "z")]).await, Refused::BlobUnknown(digest("z")));
    assert_eq!(freed("p/a", "y").await, Freed { blobs: 1, bytes: 1 });
    assert_eq!(bench.reclaimed().await, ["y1"]);
    assert_eq!(freed("p/a", "x").await, Freed::default());
    assert!(!bench.shows("p/a", "x").await && bench.shows("p/b", "x").await);
    assert_eq!(freed("p/b", "x").await, Freed::default());
    assert!(!bench.shows("p/b", "x").await && bench.reclaimed().await.is_empty());
    assert_eq!(bench.refused(vec![delete_blob("p/b", "x")]).await, Refused::BlobUnknown(digest("x")));
    bench.made(vec![delete_manifest("p/b", "m", 0)]).await;
    assert!(bench.reclaimed().await.is_empty());
    assert_eq!(bench.purge().await, Freed { blobs: 1, bytes: 1 });
    assert_eq!(bench.reclaimed().await, ["x1"]);
}

// --- manifests and tags

/// Its exact bytes, media type and artifact type, by either reference, in its repository only.
pub async fn manifests_are_read_by_tag_and_digest(bench: &Bench) {
    bench
        .made(vec![ensure("p/a"), ensure("p/b"), put_manifest("p/a", "m", vec![]), put_manifest("p/b", "m", vec![])])
        .await;
    let typed = Change::PutManifest {
        repository: name("p/a"),
        digest: Digest::of(Algorithm::Sha512, b"m"),
        media_type: media("a/b"),
        artifact_type: Some("c/d".to_owned()),
        subject: None,
        bytes: Bytes::from_static(b"m"),
        edges: vec![],
        created: false,
    };
    let pointed = Change::PointTag {
        repository: name("p/a"),
        expects: Expects::Anything,
        tag: tag("v2"),
        digest: Digest::of(Algorithm::Sha512, b"m"),
        expected: Expected::default(),
        previous: None,
    };
    bench.made(vec![point("p/a", "v1", "m"), typed, pointed]).await;
    let row = bench.manifest("p/a", "m").await.expect("by digest");
    assert_eq!((row.digest, &row.bytes[..], row.artifact_type.clone()), (digest("m"), &b"m"[..], None));
    assert_eq!(bench.ledger.manifest(&name("p/a"), &Reference::Tag(tag("v1"))).await.unwrap(), Some(row.clone()));
    assert_eq!(bench.manifest("p/b", "m").await, Some(row));
    let row = bench.ledger.manifest(&name("p/a"), &Reference::Tag(tag("v2"))).await.unwrap().expect("by tag");
    assert_eq!((row.digest, row.media_type.as_str()), (Digest::of(Algorithm::Sha512, b"m"), "a/b"));
    assert_eq!(row.artifact_type.as_deref(), Some("c/d"));
    assert_eq!(bench.tagged("p/b", "v1").await, None);
    assert_eq!(bench.tagged("p/none", "v1").await, None);
    assert_eq!(bench.manifest("p/a", "none").await, None);
}

/// Pushing the same bytes again has no effect, unless the media type is another.
pub async fn the_same_manifest_again_changes_nothing(bench: &Bench) {
    bench.made(vec![ensure("p/a")]).await;
    let with = |kind: &str| {
        let mut change = put_manifest("p/a", "m", vec![]);
        if let Change::PutManifest { media_type, .. } = &mut change {
            *media_type = media(kind);
        }
        change
    };
    let created = |change| match change {
        Some(Change::PutManifest { created, .. }) => Some(created),
        None => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(created(bench.filled(with("a/b")).await), Some(true));
    assert_eq!(created(bench.filled(with("a/b")).await), None);
    assert_eq!(created(bench.filled(with("a/c")).await), Some(false));
    assert_eq!(bench.manifest("p/a", "m").await.map(|row| row.media_type), Some(media("a/c")));
}

fn point_expecting(to: &str, text: &str, expected: Expected) -> Change {
    Change::PointTag {
        repository: name("p/a"),
        expects: Expects::Anything,
        tag: tag(to),
        digest: digest(text),
        expected,
        previous: None,
    }
}

/// A tag points to a manifest that is there, moves from where it is expected to be, and goes; the manifest stays.
pub async fn tags_move_and_go(bench: &Bench) {
    bench.made(vec![ensure("p/a"), put_manifest("p/a", "m", vec![]), put_manifest("p/a", "n", vec![])]).await;
    let previous = |change| match change {
        Some(Change::PointTag { previous, .. } | Change::DeleteTag { previous, .. }) => Some(previous),
        None => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(bench.refused(vec![point("p/a", "v1", "x")]).await, Refused::ManifestUnknown(digest("x")));
    assert_eq!(previous(bench.filled(point("p/a", "v1", "m")).await), Some(None));
    assert_eq!(previous(bench.filled(point("p/a", "v1", "m")).await), None);
    assert_eq!(previous(bench.filled(point("p/a", "v1", "n")).await), Some(Some(digest("m"))));
    assert_eq!(bench.tagged("p/a", "v1").await, Some(digest("n")));
    for (among, not_among) in [
        (Some(Digests::These(vec![digest("m")])), None),
        (None, Some(Digests::These(vec![digest("n")]))),
        (None, Some(Digests::Any)),
    ] {
        let change = point_expecting("v1", "m", Expected { among, not_among });
        assert_eq!(bench.refused(vec![change]).await, Refused::TagMoved(tag("v1"), Some(digest("n"))));
    }
    let absent = || point_expecting("v2", "m", Expected { among: Some(Digests::Any), not_among: None });
    assert_eq!(bench.refused(vec![absent()]).await, Refused::TagMoved(tag("v2"), None));
    let both = Expected { among: Some(Digests::These(vec![digest("n")])), not_among: Some(Digests::These(vec![])) };
    assert_eq!(previous(bench.filled(point_expecting("v1", "n", both)).await), None);
    assert_eq!(previous(bench.filled(delete_tag("p/a", "v1")).await), Some(Some(digest("n"))));
    assert_eq!(bench.tagged("p/a", "v1").await, None);
    assert!(bench.manifest("p/a", "n").await.is_some());
    assert_eq!(bench.refused(vec![delete_tag("p/a", "v1")]).await, Refused::TagUnknown(tag("v1")));
}

/// Pages of tags; no repository is told from no tags.
pub async fn tags_are_listed_in_byte_order(bench: &Bench) {
    bench
        .made(vec![
            ensure("p/a"),
            ensure("p/b"),
            ensure("p/c"),
            put_manifest("p/a", "m", vec![]),
            put_manifest("p/c", "m", vec![]),
        ])
        .await;
    let names = ["10", "9", "A", "Z", "_x", "a", "a-1", "a.1", "a1", "b"];
    let mut changes: Vec<Change> = names.iter().rev().map(|one| point("p/a", one, "m")).collect();
    changes.push(point("p/c", "other", "m"));
    bench.made(changes).await;
    let list = async |repository: &str, after: Option<&str>, limit| -> Option<Vec<String>> {
        let list = bench.ledger.tags(&name(repository), after, limit).await.unwrap()?;
        Some(list.iter().map(Tag::to_string).collect())
    };
    assert_eq!(list("p/a", None, 100).await.expect("tags"), names);
    assert_eq!(list("p/a", Some("Z"), 3).await.expect("tags"), ["_x", "a", "a-1"]);
    assert_eq!(list("p/a", Some("a0"), 3).await.expect("tags"), ["a1", "b"]);
    assert_eq!(list("p/a", None, 0).await, Some(vec![]));
    assert_eq!(list("p/b", None, 100).await, Some(vec![]));
    assert_eq!(list("p/none", None, 100).await, None);
}

/// A deleted manifest is nowhere any more, nor are its tags, which the log names.
pub async fn a_deleted_manifest_takes_its_tags(bench: &Bench) {
    bench.made(vec![ensure("p/a"), put_manifest("p/a", "m", vec![]), put_manifest("p/a", "n", vec![])]).await;
    bench.made(vec![point("p/a", "v2", "m"), point("p/a", "v1", "m"), point("p/a", "w", "n")]).await;
    let Some(Change::DeleteManifest { tags, children, .. }) = bench.filled(delete_manifest("p/a", "m", 10)).await
    else {
        panic!("not deleted")
    };
    assert_eq!((tags, children), (vec![tag("v1"), tag("v2")], vec![]));
    assert_eq!(bench.manifest("p/a", "m").await, None);
    assert_eq!(bench.tagged("p/a", "v1").await, None);
    assert_eq!(bench.tags("p/a").await, ["w"]);
    assert_eq!(bench.refused(vec![delete_manifest("p/a", "m", 10)]).await, Refused::ManifestUnknown(digest("m")));
    assert_eq!(bench.refused(vec![point("p/a", "v1", "m")]).await, Refused::ManifestUnknown(digest("m")));
}

/// What a manifest in the trash names is held until the time is up and it is purged; then the grace begins.
pub async fn a_trashed_manifest_holds_its_blobs_until_it_is_purged(bench: &Bench) {
    bench.made(vec![ensure("p/a"), put_blob("p/a", "x", heap("x1")), put_manifest("p/a", "m", layers(&["x"]))]).await;
    bench.made(vec![delete_manifest("p/a", "m", 5 * GRACE)]).await;
    bench.advance(5 * GRACE - 1);
    assert!(bench.ledger.expired_trash(10).await.unwrap().is_empty());
    assert!(bench.shows("p/a", "x").await && bench.unreferenced().await.is_empty());
    bench.advance(1);
    let trash = bench.ledger.expired_trash(10).await.unwrap();
    assert_eq!(trash.iter().map(|row| row.until).collect::<Vec<_>>(), [START + 5 * GRACE]);
    assert!(bench.ledger.expired_trash(0).await.unwrap().is_empty());
    assert_eq!(bench.purge().await, Freed::default());
    assert!(bench.ledger.expired_trash(10).await.unwrap().is_empty());
    bench.advance(GRACE / 2 - 1);
    assert!(bench.shows("p/a", "x").await);
    bench.advance(1);
    assert!(!bench.shows("p/a", "x").await);
    bench.advance(GRACE / 2);
    assert_eq!(bench.unreferenced().await, [digest("x")]);
}

/// A push after a delete makes a new manifest; the one in the trash goes its own way.
pub async fn a_trashed_manifest_may_be_pushed_again(bench: &Bench) {
    let push = || vec![put_manifest("p/a", "m", layers(&["x"])), point("p/a", "v1", "m")];
    bench.made(vec![ensure("p/a"), put_blob("p/a", "x", heap("x1"))]).await;
    bench.made(push()).await;
    bench.made(vec![delete_manifest("p/a", "m", 0)]).await;
    bench.made(push()).await;
    assert_eq!(bench.purge().await, Freed::default());
    bench.advance(3 * GRACE);
    assert!(bench.shows("p/a", "x").await && bench.reclaimed().await.is_empty());
    assert_eq!(bench.tagged("p/a", "v1").await, Some(digest("m")));
    assert!(bench.manifest("p/a", "m").await.is_some_and(|row| row.bytes == "m"));
    bench.made(vec![delete_manifest("p/a", "m", 0)]).await;
    bench.made(push()).await;
    bench.made(vec![delete_manifest("p/a", "m", 0)]).await;
    assert_eq!(bench.ledger.expired_trash(10).await.unwrap().len(), 2);
    bench.purge().await;
    bench.advance(GRACE);
    assert_eq!(bench.unreferenced().await, [digest("x")]);
}

/// Children without a tag, that no other live manifest names, go with their index, and theirs with them.
pub async fn children_go_with_their_index(bench: &Bench) {
    let children = |all: &[&str]| all.iter().map(|child| edge(Role::Child, child)).collect::<Vec<_>>();
    let mut changes = vec![ensure("p/a")];
    changes.extend(["plain", "tagged", "shared", "deep", "signed"].map(|text| put_manifest("p/a", text, vec![])));
    changes.extend([
        put_manifest("p/a", "inner", children(&["deep", "shared"])),
        put_manifest("p/a", "other", children(&["shared"])),
        put_manifest("p/a", "signature", vec![edge(Role::Subject, "signed")]),
        put_manifest("p/a", "index", children(&["plain", "tagged", "shared", "inner", "deep", "signed"])),
        point("p/a", "t", "tagged"),
        point("p/a", "i", "index"),
        point("p/a", "o", "other"),
    ]);
    bench.made(changes).await;
    let Some(Change::DeleteManifest { mut children, .. }) = bench.filled(delete_manifest("p/a", "index", 0)).await
    else {
        panic!("not deleted")
    };
    children.sort();
    let mut expect = ["plain", "inner", "deep"].map(digest);
    expect.sort();
    assert_eq!(children, expect);
    for (text, there) in
        [("plain", false), ("inner", false), ("deep", false), ("tagged", true), ("shared", true), ("signed", true)]
    {
        assert_eq!(bench.manifest("p/a", text).await.is_some(), there, "{text}");
    }
    assert_eq!(bench.ledger.expired_trash(10).await.unwrap().len(), 4);
    // What holds a child may be another child, which goes itself; also one that goes much later.
    let siblings = vec![edge(Role::Child, "image"), edge(Role::Child, "about")];
    bench
        .made(vec![
            put_manifest("p/a", "image", vec![]),
            put_manifest("p/a", "about", vec![edge(Role::Subject, "image")]),
            put_manifest("p/a", "both", siblings),
            delete_manifest("p/a", "both", 0),
        ])
        .await;
    assert!(bench.manifest("p/a", "image").await.is_none() && bench.manifest("p/a", "about").await.is_none());
    let layered = |text: &str, over: &[&str]| index("p/a", text, over);
    bench
        .made(vec![
            layered("0", &[]),
            layered("1", &["0"]),
            layered("2", &["1", "0"]),
            layered("3", &["0", "2"]),
            layered("4", &["3", "1", "0"]),
            delete_manifest("p/a", "4", 0),
        ])
        .await;
    for text in ["0", "1", "2", "3", "4"] {
        assert_eq!(bench.manifest("p/a", text).await, None, "{text}");
    }
}

/// The purge that takes the last edge from what no repository has frees it; one of many does not.
pub async fn purging_frees_what_nothing_holds(bench: &Bench) {
    bench
        .made(vec![ensure("p/a"), ensure("p/b"), put_blob("p/a", "x", heap("x1")), put_blob("p/a", "y", inline("y"))])
        .await;
    bench.made(vec![put_manifest("p/a", "m", layers(&["x", "y"])), put_manifest("p/a", "n", layers(&["x"]))]).await;
    bench.made(vec![delete_blob("p/a", "x"), delete_blob("p/a", "y")]).await;
    bench.made(vec![delete_manifest("p/a", "m", 0)]).await;
    assert_eq!(bench.purge().await, Freed { blobs: 1, bytes: 1 });
    assert!(bench.reclaimed().await.is_empty());
    let mut edges = layers(&["x"]);
    edges[0].required = false;
    bench.made(vec![put_manifest("p/b", "o", edges), delete_manifest("p/a", "n", 0)]).await;
    assert_eq!(bench.purge().await, Freed::default());
    bench.made(vec![delete_manifest("p/b", "o", 0)]).await;
    assert_eq!(bench.purge().await, Freed { blobs: 1, bytes: 1 });
    assert_eq!(bench.reclaimed().await, ["x1"]);
}

/// Referrers of a subject that need not be there, in byte order of their digests, of one type or all, in pages.
pub async fn referrers_are_listed_by_digest(bench: &Bench) {
    let referrer = |repository: &str, text: &str, kind: &str, subject: &str| {
        let mut change = put_manifest(
            repository,
            text,
            vec![Edge { role: Role::Subject, target: digest(subject), required: false }],
        );
        if let Change::PutManifest { artifact_type, .. } = &mut change {
            *artifact_type = Some(kind.to_owned());
        }
        change
    };
    let texts = ["r0", "r1", "r2", "r3", "r4", "r5"];
    let mut changes =
        vec![ensure("p/a"), ensure("p/b"), referrer("p/b", "r9", "k/0", "s"), referrer("p/a", "r8", "k/0", "t")];
    changes.extend(
        texts.iter().enumerate().map(|(at, text)| referrer("p/a", text, if at % 2 == 0 { "k/0" } else { "k/1" }, "s")),
    );
    bench.made(changes).await;
    let list = async |kind: Option<&str>, after: Option<&Digest>, limit| -> Vec<Digest> {
        let rows = bench.ledger.referrers(&name("p/a"), &digest("s"), kind, after, limit).await.unwrap();
        rows.iter().for_each(|row| assert!(kind.is_none() || row.artifact_type.as_deref() == kind));
        rows.iter().for_each(|row| assert_eq!(Digest::of(Algorithm::Sha256, &row.bytes), row.digest));
        rows.into_iter().map(|row| row.digest).collect()
    };
    let mut all = texts.map(digest).to_vec();
    all.sort();
    assert_eq!(list(None, None, 100).await, all);
    assert_eq!(list(None, Some(&all[1]), 2).await, all[2..4]);
    assert_eq!(list(Some("k/0"), None, 100).await.len(), 3);
    assert_eq!(list(Some("k/1"), Some(&all[5]), 100).await, []);
    assert!(list(Some("k/2"), None, 100).await.is_empty());
    bench.made(vec![delete_manifest("p/a", "r0", 9)]).await;
    assert_eq!(list(None, None, 100).await.len(), 5);
    assert!(bench.ledger.referrers(&name("p/none"), &digest("s"), None, None, 9).await.unwrap().is_empty());
}

/// Totals are what was added and set; counting them anew tells what is there, and the entry up to which that holds.
pub async fn totals_are_added_and_counted(bench: &Bench) {
    assert_eq!(bench.ledger.totals().await.unwrap(), Totals::default());
    assert_eq!(bench.ledger.count_totals().await.unwrap(), (0, Totals::default()));
    let one = Totals { repositories: 1, manifests: 2, tags: 3, blobs: 4, blob_bytes: 5 };
    assert_eq!(bench.filled(Change::AddTotals(Totals::default())).await, None);
    assert!(bench.filled(Change::AddTotals(one)).await.is_some());
    bench.made(vec![Change::AddTotals(Totals { repositories: -1, ..Totals::default() })]).await;
    assert_eq!(bench.ledger.totals().await.unwrap(), Totals { repositories: 0, ..one });
    assert!(bench.filled(Change::SetTotals(one)).await.is_some());
    assert_eq!(bench.filled(Change::SetTotals(one)).await, None);
    assert_eq!(bench.ledger.totals().await.unwrap(), one);
    let setup =
        vec![ensure("p/a"), ensure("p/b"), put_blob("p/a", "abc", heap("x")), put_blob("p/b", "abc", heap("x"))];
    bench.made(setup).await;
    let manifests = vec![put_manifest("p/a", "m", vec![]), put_manifest("p/b", "m", vec![]), point("p/a", "v", "m")];
    let seq = bench.made(manifests).await;
    let expect = Totals { repositories: 2, manifests: 2, tags: 1, blobs: 1, blob_bytes: 3 };
    assert_eq!(bench.ledger.count_totals().await.unwrap(), (seq, expect));
}

// --- notes

pub(super) fn upload(id: Id, version: u64) -> UploadNote {
    UploadNote {
        id,
        repository: name("p/a"),
        actor: "tester".to_owned(),
        reserved: 0,
        version,
        state: Bytes::from(format!("state {version}")),
        updated_at: 0,
    }
}

/// A note is written only over its predecessor.
pub async fn uploads_have_versions(bench: &Bench) {
    let (id, other) = (Id([1; 16]), Id([2; 16]));
    let put = async |note: UploadNote| bench.ledger.put_upload(&note).await.unwrap();
    assert!(!put(upload(id, 2)).await, "there is none to go on with");
    assert!(put(upload(id, 1)).await);
    assert!(!put(upload(id, 1)).await);
    assert_eq!(bench.ledger.upload(id).await.unwrap(), Some(UploadNote { updated_at: START, ..upload(id, 1) }));
    bench.advance(3);
    let writers = (0..8).map(|_| put(upload(id, 2)));
    assert_eq!(join_all(writers).await.into_iter().filter(|won| *won).count(), 1);
    assert_eq!(bench.ledger.upload(id).await.unwrap(), Some(UploadNote { updated_at: START + 3, ..upload(id, 2) }));
    assert!(!put(upload(id, 4)).await && put(upload(id, 3)).await);
    assert_eq!(bench.ledger.upload(other).await.unwrap(), None);
    bench.ledger.delete_upload(other).await.unwrap();
    bench.ledger.delete_upload(id).await.unwrap();
    assert_eq!(bench.ledger.upload(id).await.unwrap(), None);
    assert_eq!(bench.ledger.latest().await.unwrap(), 0, "notes are not logged");
}

/// Sessions that nobody touched for so long, oldest first.
pub async fn idle_uploads_are_found(bench: &Bench) {
    for at in 1..=4 {
        assert!(bench.ledger.put_upload(&upload(Id([at; 16]), 1)).await.unwrap());
        bench.advance(10);
    }
    assert!(bench.ledger.put_upload(&upload(Id([2; 16]), 2)).await.unwrap());
    let idle = async |idle, limit| -> Vec<u8> {
        bench.ledger.idle_uploads(idle, limit).await.unwrap().iter().map(|note| note.id.0[0]).collect()
    };
    assert_eq!(idle(10, 10).await, [1, 3, 4]);
    assert_eq!(idle(20, 10).await, [1, 3]);
    assert_eq!(idle(10, 1).await, [1]);
    assert_eq!(idle(0, 10).await, [1, 3, 4, 2]);
    assert!(idle(41, 10).await.is_empty());
}

/// A cursor is what was noted last, with a commit or without.
pub async fn cursors_are_kept(bench: &Bench) {
    assert_eq!(bench.ledger.cursor("f").await.unwrap(), None);
    let cursor = Cursor { seq: 5, version: 3, paused: true };
    bench.ledger.put_cursor("f", cursor).await.unwrap();
    bench.ledger.put_cursor("g", Cursor::default()).await.unwrap();
    assert_eq!(bench.ledger.cursor("f").await.unwrap(), Some(cursor));
    let moved = Cursor { seq: 6, version: 4, paused: false };
    let commit = Commit { changes: vec![ensure("p/a")], cursor: Some(("f".to_owned(), moved)), ..Commit::default() };
    bench.ledger.commit(commit).await.unwrap();
    assert_eq!(bench.ledger.cursor("f").await.unwrap(), Some(moved));
    assert_eq!(bench.ledger.cursor("g").await.unwrap(), Some(Cursor::default()));
}

/// One job for each kind and key; whoever claims it has it until the lease ends, and it counts each claim.
pub async fn jobs_are_unique_and_leased(bench: &Bench) {
    let queue = async |jobs: Vec<NewJob>| bench.ledger.commit(Commit { jobs, ..Commit::default() }).await.unwrap();
    queue(vec![job("a", "1"), job("a", "2"), job("b", "1"), job("a", "1")]).await;
    queue(vec![job("a", "2"), job("a", "3")]).await;
    assert_eq!(bench.ledger.count_jobs("a").await.unwrap(), 3);
    assert_eq!(bench.ledger.count_jobs("b").await.unwrap(), 1);
    let claim = async |limit| -> Vec<(String, u64)> {
        let jobs = bench.ledger.claim_jobs(Claim::new("a", 100, limit)).await.unwrap();
        jobs.into_iter().map(|job| (job.key, job.attempts)).collect()
    };
    let keys = |keys: &[&str], attempts| keys.iter().map(|key| ((*key).to_owned(), attempts)).collect::<Vec<_>>();
    assert_eq!(claim(2).await, keys(&["1", "2"], 1));
    let (one, two) = (claim(5), claim(5));
    let (one, two) = futures_util::future::join(one, two).await;
    assert_eq!([one, two].concat(), keys(&["3"], 1));
    bench.advance(99);
    assert!(claim(5).await.is_empty());
    bench.advance(1);
    assert_eq!(claim(5).await, keys(&["1", "2", "3"], 2));
    let claimed = bench.ledger.claim_jobs(Claim::new("b", 100, 5)).await.unwrap();
    assert_eq!(claimed[0].payload, "b 1");
    bench.settle(&claimed[0], Outcome::Done).await;
    bench.settle(&claimed[0], Outcome::Done).await;
    assert_eq!(bench.ledger.count_jobs("b").await.unwrap(), 0);
    queue(vec![job("b", "1")]).await;
    let again = bench.ledger.claim_jobs(Claim::new("b", 100, 5)).await.unwrap();
    assert_ne!(again[0].id, claimed[0].id, "a late finish must not hit another job");
}

/// Of the first that are due no more are claimed that were tried before than are asked for.
pub async fn jobs_that_were_tried_are_claimed_apart(bench: &Bench) {
    let queue = async |keys: &[&str]| {
        let jobs = keys.iter().map(|key| job("a", key)).collect();
        bench.ledger.commit(Commit { jobs, ..Commit::default() }).await.unwrap();
    };
    let claim = async |limit, tried| {
        let claim = Claim { tried, ..Claim::new("a", 100, limit) };
        let jobs = bench.ledger.claim_jobs(claim.clone()).await.unwrap();
        let keys = jobs.iter().map(|job| job.key.clone()).collect::<Vec<_>>().join(" ");
        (keys, claim.may_go_on(&jobs))
    };
    queue(&["1", "2"]).await;
    assert_eq!(claim(5, 1).await, ("1 2".to_owned(), false));
    bench.advance(100);
    queue(&["3", "4"]).await;
    assert_eq!(claim(3, 1).await, ("1 3".to_owned(), true), "the first three are looked at");
    assert_eq!(claim(3, 1).await, ("2 4".to_owned(), true));
    assert_eq!(claim(3, 1).await, (String::new(), false));
    bench.advance(100);
    assert_eq!(claim(3, 3).await, ("1 2 3".to_owned(), true));
    assert_eq!(claim(3, 3).await, ("4".to_owned(), false));
}

/// A job that failed is due again after its delay, not before.
pub async fn a_job_that_failed_is_due_later(bench: &Bench) {
    bench.ledger.commit(Commit { jobs: vec![job("a", "1")], ..Commit::default() }).await.unwrap();
    let claimed = bench.ledger.claim_jobs(Claim::new("a", 1000, 1)).await.unwrap();
    bench.settle(&claimed[0], Outcome::Failed { delay: 50, error: "it broke".to_owned() }).await;
    bench.advance(49);
    assert!(bench.ledger.claim_jobs(Claim::new("a", 1000, 1)).await.unwrap().is_empty());
    bench.advance(1);
    let again = bench.ledger.claim_jobs(Claim::new("a", 1000, 1)).await.unwrap();
    assert_eq!((again[0].id, again[0].attempts), (claimed[0].id, 2));
    bench.settle(&again[0], Outcome::Postponed { delay: 50, error: "it was not its fault".to_owned() }).await;
    assert!(bench.ledger.claim_jobs(Claim::new("a", 1000, 1)).await.unwrap().is_empty());
    bench.advance(50);
    let again = bench.ledger.claim_jobs(Claim::new("a", 1000, 1)).await.unwrap();
    assert_eq!((again[0].id, again[0].attempts), (claimed[0].id, 2), "that was no attempt");
}

/// What is asked for while somebody does it is done again; a part that is left is due at once, and counts no attempt.
pub async fn a_job_asked_for_meanwhile_is_done_again(bench: &Bench) {
    let queue = async |payload: &str| {
        let jobs = vec![NewJob { payload: payload.to_owned(), ..job("a", "1") }];
        bench.ledger.commit(Commit { jobs, ..Commit::default() }).await.unwrap();
    };
    let claim = async || bench.ledger.claim_jobs(Claim::new("a", 100, 5)).await.unwrap().pop();
    queue("first").await;
    let first = claim().await.unwrap();
    queue("second").await;
    assert_eq!(claim().await, None, "it is leased all the same");
    bench.settle(&first, Outcome::Done).await;
    let second = claim().await.unwrap();
    assert_eq!((second.id, second.payload.as_str(), second.attempts), (first.id, "second", 1));
    bench.settle(&second, Outcome::Left("the rest".to_owned())).await;
    let rest = claim().await.unwrap();
    assert_eq!((rest.id, rest.payload.as_str(), rest.attempts), (first.id, "the rest", 1));
    queue("third").await;
    bench.settle(&rest, Outcome::Left("nothing".to_owned())).await;
    let third = claim().await.unwrap();
    assert_eq!(third.payload, "third", "it was asked for as a whole");
    bench.settle(&rest, Outcome::Done).await;
    assert_eq!(bench.ledger.count_jobs("a").await.unwrap(), 1, "who had it before cannot end it");
    let third = claim().await.unwrap();
    bench.settle(&third, Outcome::Done).await;
    assert_eq!(bench.ledger.count_jobs("a").await.unwrap(), 0);
}

/// A lease that is renewed holds so much longer, and only that.
pub async fn leases_are_renewed(bench: &Bench) {
    bench.ledger.commit(Commit { jobs: vec![job("a", "1"), job("a", "2")], ..Commit::default() }).await.unwrap();
    let claimed = bench.ledger.claim_jobs(Claim::new("a", 100, 5)).await.unwrap();
    bench.advance(60);
    bench.ledger.renew_jobs(&[claimed[1].id, 77_777], 100).await.unwrap();
    bench.advance(40);
    let again = bench.ledger.claim_jobs(Claim::new("a", 1000, 5)).await.unwrap();
    assert_eq!(again.iter().map(|job| job.key.as_str()).collect::<Vec<_>>(), ["1"]);
    bench.advance(60);
    let again = bench.ledger.claim_jobs(Claim::new("a", 1000, 5)).await.unwrap();
    assert_eq!(again.iter().map(|job| (job.key.as_str(), job.attempts)).collect::<Vec<_>>(), [("2", 2)]);
}

/// Who waits for jobs of a kind is woken when some were queued, and not by what queues others or none.
pub async fn who_waits_for_jobs_is_woken(bench: &Bench) {
    let (mut queued, other) = (bench.ledger.queued("reclaim"), bench.ledger.queued("a"));
    bench.made(vec![ensure("p/a"), put_blob("p/a", "x", heap("x1"))]).await;
    assert!(!queued.has_changed().unwrap());
    bench.made(vec![put_blob("p/a", "x", heap("x2"))]).await;
    assert!(queued.has_changed().unwrap(), "one of them is reclaimed");
    queued.mark_unchanged();
    assert!(!other.has_changed().unwrap());
    bench.ledger.commit(Commit { jobs: vec![job("a", "1")], ..Commit::default() }).await.unwrap();
    assert!(other.has_changed().unwrap() && !queued.has_changed().unwrap());
}

/// Everything that was acknowledged is there when the ledger is opened again.
pub async fn reopening_keeps_everything(bench: &Bench) {
    let changes = vec![ensure("p/a"), put_blob("p/a", "x", inline("x")), put_manifest("p/a", "m", layers(&["x"]))];
    bench.made(changes).await;
    bench.made(vec![point("p/a", "v1", "m")]).await;
    bench.ledger.put_upload(&upload(Id([1; 16]), 1)).await.unwrap();
    bench.ledger.check().await.unwrap();
    let before = bench.ledger.log(0, 10).await.unwrap();
    let again = (bench.open)(options(&bench.clock)).await;
    assert_eq!(again.log(0, 10).await.unwrap(), before);
    assert_eq!(again.latest().await.unwrap(), 2);
    assert_eq!(*again.watch().borrow(), 2);
    assert_eq!(again.now().await.unwrap(), bench.clock.now());
    assert_eq!(again.blob(&name("p/a"), &digest("x")).await.unwrap(), bench.blob("p/a", "x").await);
    let tagged = again.manifest(&name("p/a"), &Reference::Tag(tag("v1"))).await.unwrap();
    assert_eq!(tagged, bench.manifest("p/a", "m").await);
    assert!(again.upload(Id([1; 16])).await.unwrap().is_some());
    let commit = Commit { changes: vec![ensure("p/b")], ..Commit::default() };
    assert_eq!(again.commit(commit).await, Ok(3));
}
