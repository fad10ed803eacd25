//! The rules about projects: what is set of them, what they use and may use, tags that stay. Part of the suite of
//! [`super::ledger`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "these are tests"
)]

use futures_util::future::join_all;
use wharf_model::api::project::{Immutable, Missing, Project, ProjectChange, Usage};
use wharf_model::id::Id;
use wharf_model::manifest::Role;

use super::ledger::{
    Bench, GRACE, delete_blob, delete_manifest, delete_tag, digest, edge, ending, ensure, heap, index, inline, layers,
    make_project, mount, name, options, point, put_blob, put_manifest, set_project, sweep, tag, upload,
};
use super::trash::{delete_repository, restore_manifest, restore_repository};
use crate::ledger::change::{Change, Refused};
use crate::ledger::notes::UploadNote;
use crate::ledger::project::{ImmutableTag, ProjectRules, QuotaExceeded};
use crate::ledger::readable::Readable;

fn quota(project: &str, bytes: u64) -> Change {
    set_project(project, ProjectChange { quota_bytes: Some(Some(bytes)), ..ProjectChange::default() })
}

fn keep(repositories: &str, tags: &str) -> Immutable {
    let pattern = |text: &str| text.parse().expect("a pattern");
    Immutable { repositories: pattern(repositories), tags: pattern(tags) }
}

fn immutable(project: &str, rules: &[Immutable]) -> Change {
    set_project(project, ProjectChange { immutable: Some(rules.to_vec()), ..ProjectChange::default() })
}

/// What makes a repository with an untagged image of the layer "layer", whose project keeps such tags.
pub fn kept_image(repository: &str, tags: &str) -> Vec<Change> {
    let image =
        vec![put_blob(repository, "layer", inline("layer")), put_manifest(repository, "image", layers(&["layer"]))];
    let project = name(repository).project();
    [vec![ensure(repository), immutable(project.as_str(), &[keep("**", tags)])], image].concat()
}

async fn project(bench: &Bench, text: &str) -> Project {
    bench.ledger.project(&name(text).project()).await.unwrap().expect("the project")
}

/// Bytes used and reserved, and repositories.
async fn uses(bench: &Bench, text: &str) -> (u64, u64, u64) {
    let Usage { bytes, reserved_bytes, repositories, .. } = project(bench, text).await.usage;
    (bytes, reserved_bytes, repositories)
}

async fn trash_bytes(bench: &Bench, text: &str) -> u64 {
    bench.ledger.trash_bytes(project(bench, text).await.id, usize::MAX).await.unwrap().expect("all is counted")
}

fn exceeded(refused: Refused) -> QuotaExceeded {
    match refused {
        Refused::Quota(exceeded) => *exceeded,
        other => panic!("{other}"),
    }
}

/// What is left out stays, `null` takes away, and what changes nothing is not logged.
pub async fn a_project_keeps_what_is_set_of_it(bench: &Bench) {
    bench.made(vec![ensure("p/a")]).await;
    let rules = async || bench.ledger.place(&name("p/a")).await.unwrap().rules;
    assert_eq!(rules().await, None);
    let everything = ProjectChange {
        public: Some(true),
        description: Some("what it is \u{1f6a2} for".to_owned()),
        missing: Some(Some(Missing::Accept)),
        artifact_types: Some(Some(vec!["a/*+json".to_owned()])),
        trash_days: Some(Some(0)),
        immutable: Some(vec![keep("p/**", "v*")]),
        share: Some(true),
        vouched: Some(true),
        quota_bytes: Some(Some(i64::MAX as u64)),
        quota_warn_bytes: Some(Some(7)),
        quota_repositories: Some(Some(3)),
    };
    let mut expect = project(bench, "p").await;
    expect.set(&everything);
    bench.made(vec![set_project("p", everything.clone())]).await;
    assert_eq!(project(bench, "p").await, expect);
    let known = rules().await.expect("something is set");
    let told = ProjectRules {
        missing: Some(Missing::Accept),
        artifact_types: Some(vec!["a/*+json".to_owned()]),
        trash_days: Some(0),
        has_quota: true,
        warn_bytes: Some(7),
        share: true,
        vouched: true,
    };
    assert_eq!(*known, told);
    assert_eq!(bench.filled(set_project("p", everything)).await, None, "it is so already");
    assert_eq!(bench.filled(set_project("p", ProjectChange::default())).await, None);
    let less = ProjectChange { missing: Some(None), quota_bytes: Some(None), ..ProjectChange::default() };
    let logged = bench.filled(set_project("p", less.clone())).await.expect("an effect");
    assert!(matches!(&logged, Change::PutProject { set, .. } if *set == less), "{logged:?}");
    expect.set(&less);
    assert_eq!(project(bench, "p").await, expect);
    let again = (bench.open)(options(&bench.clock)).await;
    assert_eq!(again.project(&name("p").project()).await.unwrap(), Some(expect));
}

/// What is in the trash is nobody's to read, whatever its project says from then on; what comes out of it is as the project says.
pub async fn a_project_made_public_does_not_show_its_trash(bench: &Bench) {
    bench.made(vec![ensure("p/a"), ensure("p/b"), put_blob("p/a", "x", inline("x"))]).await;
    bench.made(vec![delete_repository("p/a", 1, GRACE), make_project("p", true)]).await;
    let home = async || bench.ledger.home_of_blob(&digest("x"), &Readable::public()).await.unwrap();
    assert_eq!(home().await, None);
    bench.made(vec![restore_repository("p/a", Id([1; 16]))]).await;
    assert_eq!(home().await, Some(name("p/a")));
}

/// A blob counts once in a project, in however many repositories it is; a manifest in each. Trash counts.
pub async fn usage_counts_blobs_once_and_manifests_each_time(bench: &Bench) {
    bench.made(vec![ensure("p/a"), ensure("p/b"), ensure("q/a")]).await;
    assert_eq!((uses(bench, "p").await, uses(bench, "q").await), ((0, 0, 2), (0, 0, 1)));
    bench.made(vec![put_blob("p/a", "layer", inline("layer")), put_blob("p/b", "layer", heap("l"))]).await;
    bench.made(vec![put_blob("p/b", "layer", inline("layer"))]).await;
    assert_eq!((uses(bench, "p").await.0, uses(bench, "q").await.0), (5, 0));
    bench.made(vec![mount("q/a", "layer", "p/a", Readable::All), mount("q/a", "layer", "p/b", Readable::All)]).await;
    assert_eq!((uses(bench, "p").await.0, uses(bench, "q").await.0), (5, 5));
    for repository in ["p/a", "p/b"] {
        bench.made(vec![put_manifest(repository, "manifest", layers(&["layer"]))]).await;
        bench.made(vec![put_manifest(repository, "manifest", layers(&["layer"]))]).await;
    }
    assert_eq!(uses(bench, "p").await.0, 5 + 8 + 8);
    bench.made(vec![delete_manifest("p/a", "manifest", GRACE)]).await;
    assert_eq!((uses(bench, "p").await.0, trash_bytes(bench, "p").await), (5 + 8 + 8, 8));
    bench.made(vec![put_manifest("p/a", "manifest", layers(&["layer"]))]).await;
    assert_eq!(uses(bench, "p").await.0, 5 + 3 * 8, "one is live and one in the trash");
    bench.made(vec![delete_manifest("p/a", "manifest", GRACE), delete_manifest("p/b", "manifest", GRACE)]).await;
    assert_eq!((uses(bench, "p").await.0, trash_bytes(bench, "p").await), (5 + 3 * 8, 5 + 3 * 8));
    assert_eq!(trash_bytes(bench, "q").await, 0, "of another project");
    bench.advance(GRACE);
    bench.purge().await;
    assert_eq!((uses(bench, "p").await.0, trash_bytes(bench, "p").await), (5, 0));
}

/// What of a project's use is in the trash is told where that takes looking at so much and no more: a manifest counts with each
/// thing that it names, and a repository with all that is in it, each as often as the project has repositories.
pub async fn trash_is_summed_up_to_a_bound(bench: &Bench) {
    bench
        .made(vec![
            ensure("p/a"),
            ensure("p/b"),
            put_blob("p/a", "x", inline("x")),
            put_blob("p/b", "yy", inline("yy")),
        ])
        .await;
    bench.made(vec![put_manifest("p/a", "m", layers(&["x"])), put_manifest("p/b", "mm", layers(&["yy"]))]).await;
    let told = async |most| bench.ledger.trash_bytes(project(bench, "p").await.id, most).await.unwrap();
    assert_eq!(told(0).await, Some(0));
    bench.made(vec![delete_manifest("p/a", "m", GRACE)]).await;
    assert_eq!((told(0).await, told(1).await, told(2).await), (None, None, Some(2)), "one thing, two repositories");
    bench.made(vec![delete_repository("p/b", 1, GRACE)]).await;
    assert_eq!((told(3).await, told(8).await), (None, Some(6)));
}

/// Whatever takes a blob out of a repository takes it out of the count, where it was the last.
pub async fn usage_has_no_way_round(bench: &Bench) {
    bench.made(vec![ensure("p/a"), ensure("p/b")]).await;
    for text in ["one", "three"] {
        bench.made(vec![put_blob("p/a", text, inline(text)), put_blob("p/b", text, inline(text))]).await;
    }
    bench.made(vec![delete_blob("p/a", "one")]).await;
    assert_eq!(uses(bench, "p").await.0, 8);
    bench.made(vec![delete_blob("p/b", "one")]).await;
    assert_eq!(uses(bench, "p").await.0, 5);
    bench.advance(GRACE);
    bench.made(vec![sweep("p/a", "three"), sweep("p/a", "three")]).await;
    assert_eq!(uses(bench, "p").await.0, 5);
    bench.made(vec![sweep("p/b", "three")]).await;
    assert_eq!(uses(bench, "p").await.0, 0);
    // What is refused leaves no trace.
    let refused = bench.refused(vec![put_blob("p/a", "one", inline("one")), point("p/a", "v1", "none")]).await;
    assert_eq!(refused, Refused::ManifestUnknown(digest("none")));
    assert_eq!(uses(bench, "p").await.0, 0);
}

/// However a project comes to use more than it may, it is refused with the figures; what needs no more is not.
pub async fn a_quota_is_never_overshot(bench: &Bench) {
    bench.made(vec![ensure("p/a"), ensure("p/b"), ensure("q/a"), quota("p", 10)]).await;
    bench.made(vec![put_blob("p/a", "sixsix", inline("sixsix")), put_blob("q/a", "fives", inline("fives"))]).await;
    let told = exceeded(bench.refused(vec![put_blob("p/a", "fives", inline("fives"))]).await);
    let expect = QuotaExceeded {
        id: project(bench, "p").await.id,
        project: "p".to_owned(),
        bytes_used: 6,
        reserved: 0,
        quota_bytes: Some(10),
        needed: 5,
        repositories: 2,
        quota_repositories: None,
        is_of_repositories: false,
    };
    assert_eq!((told.left(), &told), (4, &expect));
    assert!(!bench.shows("p/a", "fives").await);
    exceeded(bench.refused(vec![mount("p/a", "fives", "q/a", Readable::All)]).await);
    exceeded(bench.refused(vec![put_manifest("p/a", "five!", vec![])]).await);
    exceeded(bench.refused(vec![put_blob("p/a", "two", inline("two")), put_manifest("p/a", "m1", vec![])]).await);
    bench.made(vec![put_blob("p/b", "sixsix", inline("sixsix")), put_manifest("p/a", "four", vec![])]).await;
    assert_eq!(uses(bench, "p").await.0, 10);
    // What is over a quota that was lowered stays, and may shrink; it may not grow.
    bench.made(vec![quota("p", 3)]).await;
    bench.made(vec![put_manifest("p/a", "four", vec![]), point("p/a", "v1", "four"), delete_tag("p/a", "v1")]).await;
    exceeded(bench.refused(vec![put_blob("p/a", "1", inline("1"))]).await);
    bench.made(vec![delete_blob("p/a", "sixsix"), put_manifest("q/a", "four", vec![])]).await;
    bench.made(vec![delete_blob("p/b", "sixsix")]).await;
    // Many at once get as much as there is.
    bench.made(vec![quota("p", 20)]).await;
    let texts: Vec<String> = (0..16).map(|at| format!("b{at:02}")).collect();
    let pushes = texts.iter().map(|text| bench.commit(vec![put_blob("p/a", text, inline(text))]));
    assert_eq!(join_all(pushes).await.into_iter().filter(Result::is_ok).count(), 5);
    assert_eq!(uses(bench, "p").await, (4 + 5 * 3, 0, 2));
}

/// A project has as many repositories as it may; those that are there are not asked about.
pub async fn so_many_repositories_and_no_more(bench: &Bench) {
    let limit = |limit| set_project("p", ProjectChange { quota_repositories: Some(limit), ..ProjectChange::default() });
    bench.made(vec![ensure("p/a"), limit(Some(2)), ensure("p/b")]).await;
    let told = exceeded(bench.refused(vec![ensure("p/c")]).await);
    assert_eq!((told.repositories, told.quota_repositories, told.is_of_repositories), (2, Some(2), true));
    bench.made(vec![ensure("p/a"), put_blob("p/a", "x", inline("x"))]).await;
    bench.made(vec![limit(Some(0)), put_blob("p/a", "y", inline("y"))]).await;
    bench.made(vec![limit(None), ensure("p/c")]).await;
    assert_eq!(uses(bench, "p").await, (2, 0, 3));
}

fn note(number: u8, version: u64, reserved: u64) -> UploadNote {
    UploadNote { reserved, ..upload(Id([number; 16]), version) }
}

/// What sessions have reserved and what their project counts move together, and end together.
pub async fn uploads_reserve_and_give_back(bench: &Bench) {
    let put = async |note: UploadNote| bench.ledger.put_upload(&note).await.expect("there is room");
    assert!(put(note(1, 1, 40)).await);
    assert_eq!(bench.ledger.upload(Id([1; 16])).await.unwrap().expect("a note").reserved, 0, "no project yet");
    bench.made(vec![ensure("p/a"), quota("p", 1_000)]).await;
    assert!(put(note(1, 2, 40)).await && put(note(2, 1, 100)).await);
    assert_eq!(uses(bench, "p").await.1, 140);
    assert!(!put(note(1, 2, 500)).await && !put(note(2, 1, 500)).await && !put(note(3, 2, 500)).await);
    assert_eq!(uses(bench, "p").await.1, 140, "an old version moves nothing");
    assert!(put(note(1, 3, 60)).await && put(note(2, 2, 10)).await && put(note(2, 3, 10)).await);
    assert_eq!(uses(bench, "p").await.1, 70);
    let kept = bench.ledger.idle_uploads(0, 10).await.unwrap();
    assert_eq!(kept.iter().map(|note| note.reserved).sum::<u64>(), 70);
    let again = (bench.open)(options(&bench.clock)).await;
    assert_eq!(again.project(&name("p").project()).await.unwrap().expect("it is there").usage.reserved_bytes, 70);
    // The real size comes in the place of what was reserved, in one commit: all of it or none.
    let finish = |version| vec![ending(put_blob("p/a", "blob", inline("blob")), Id([1; 16]), version)];
    assert_eq!(bench.refused(finish(2)).await, Refused::UploadUnknown);
    assert_eq!(uses(bench, "p").await, (0, 70, 1));
    bench.made(finish(3)).await;
    assert_eq!(uses(bench, "p").await, (4, 10, 1));
    bench.ledger.delete_upload(Id([2; 16])).await.unwrap();
    bench.ledger.delete_upload(Id([2; 16])).await.unwrap();
    assert_eq!(uses(bench, "p").await, (4, 0, 1));
}

/// What does not fit is not reserved, and the session stays as it was; what was reserved always fits when it is finished.
pub async fn a_reservation_needs_room(bench: &Bench) {
    bench.made(vec![ensure("p/a"), quota("p", 100), put_blob("p/a", "ten bytes!", inline("ten bytes!"))]).await;
    let put = async |note: UploadNote| bench.ledger.put_upload(&note).await;
    let left = async |note| exceeded(put(note).await.expect_err("there is no room")).left();
    assert_eq!(left(note(1, 1, 91)).await, 90);
    assert_eq!(bench.ledger.upload(Id([1; 16])).await.unwrap(), None);
    assert_eq!(put(note(1, 1, 50)).await, Ok(true));
    assert_eq!((left(note(1, 2, 91)).await, left(note(2, 1, 41)).await), (40, 40));
    assert_eq!(bench.ledger.upload(Id([1; 16])).await.unwrap().expect("a note").version, 1);
    assert_eq!(put(note(1, 2, 90)).await, Ok(true));
    exceeded(bench.refused(vec![put_blob("p/a", "x", inline("x"))]).await);
    bench.made(vec![quota("p", 1)]).await;
    assert_eq!(put(note(1, 3, 20)).await, Ok(true), "less always fits");
    bench.made(vec![ending(put_blob("p/a", "twelve bytes", heap("l")), Id([1; 16]), 3)]).await;
    assert_eq!(uses(bench, "p").await, (22, 0, 1));
    let writers = (1..=8).map(|number| put(note(number, 1, 30)));
    bench.made(vec![quota("p", 100)]).await;
    assert_eq!(join_all(writers).await.into_iter().filter(Result::is_ok).count(), 2);
    assert_eq!(uses(bench, "p").await, (22, 60, 1));
}

/// A tag that a rule keeps is made, and from then on points where it does: over another push, its deletion and its
/// manifest's. What the rule is not about moves.
pub async fn immutable_tags_neither_move_nor_go(bench: &Bench) {
    bench.made(vec![ensure("p/a"), ensure("p/b"), immutable("p", &[keep("p/a", "v*"), keep("**", "rc.?")])]).await;
    for repository in ["p/a", "p/b"] {
        bench.made(vec![put_manifest(repository, "m1", vec![]), put_manifest(repository, "m2", vec![])]).await;
        bench.made(["v1", "latest", "rc.1"].map(|tag| point(repository, tag, "m1")).to_vec()).await;
    }
    let held = |text: &str, rule: &Immutable| {
        Refused::Immutable(Box::new(ImmutableTag { tag: tag(text), rule: rule.clone() }))
    };
    let (of_a, of_all) = (keep("p/a", "v*"), keep("**", "rc.?"));
    assert_eq!(bench.refused(vec![point("p/a", "v1", "m2")]).await, held("v1", &of_a));
    assert_eq!(bench.refused(vec![delete_tag("p/a", "v1")]).await, held("v1", &of_a));
    assert_eq!(bench.refused(vec![point("p/b", "rc.1", "m2")]).await, held("rc.1", &of_all));
    for repository in ["p/a", "p/b"] {
        assert_eq!(bench.refused(vec![delete_manifest(repository, "m1", 0)]).await, held("rc.1", &of_all));
    }
    bench.made(vec![point("p/a", "v1", "m1"), point("p/a", "latest", "m2"), point("p/b", "v1", "m2")]).await;
    bench.made(vec![delete_tag("p/b", "v1"), delete_tag("p/a", "latest"), point("p/a", "v2", "m2")]).await;
    assert_eq!(bench.refused(vec![delete_manifest("p/a", "m2", 0)]).await, held("v2", &of_a));
    bench.made(vec![delete_manifest("p/b", "m2", 0)]).await;
    bench.made(vec![immutable("p", &[]), point("p/a", "v1", "m2"), delete_tag("p/a", "rc.1")]).await;
}

/// What a tag that a rule keeps stands for stays whole: nothing goes that it needs, however far below. What is only attached,
/// what other tags need and what is in other repositories goes.
pub async fn immutable_tags_keep_what_they_need(bench: &Bench) {
    bench.made(vec![immutable("p", &[keep("p/a", "v*")]), ensure("p/a"), ensure("p/b")]).await;
    for repository in ["p/a", "p/b"] {
        let blobs = ["layer", "cache", "own"].map(|text| put_blob(repository, text, inline(text)));
        bench.made(blobs.to_vec()).await;
        let manifests = vec![
            put_manifest(repository, "child", layers(&["layer"])),
            index(repository, "inner", &["child", "cache"]),
            index(repository, "outer", &["inner"]),
            put_manifest(repository, "other", layers(&["own", "layer"])),
            put_manifest(repository, "attached", vec![edge(Role::Subject, "other")]),
        ];
        bench.made(manifests).await;
        bench
            .made(
                [("v1", "outer"), ("v2", "attached"), ("new", "other")]
                    .map(|(tag, to)| point(repository, tag, to))
                    .to_vec(),
            )
            .await;
    }
    let held = Refused::Immutable(Box::new(ImmutableTag { tag: tag("v1"), rule: keep("p/a", "v*") }));
    let needed = |repository| {
        let manifests = ["child", "inner"].map(|text| delete_manifest(repository, text, GRACE));
        manifests.into_iter().chain(["layer", "cache"].map(|text| delete_blob(repository, text))).collect::<Vec<_>>()
    };
    for change in needed("p/a") {
        assert_eq!(bench.refused(vec![change.clone()]).await, held, "{change:?}");
    }
    bench.made(vec![delete_blob("p/a", "own"), delete_manifest("p/a", "other", GRACE)]).await;
    bench.made(needed("p/b")).await;
    // Neither what is in the trash nor what no such tag reaches keeps anything.
    // Nor does what somebody says of it change.
    let retyped = |text| {
        let mut put = put_manifest("p/a", text, vec![]);
        if let Change::PutManifest { media_type, .. } = &mut put {
            *media_type = "application/x.other".parse().unwrap();
        }
        put
    };
    for text in ["child", "outer"] {
        assert_eq!(bench.refused(vec![retyped(text)]).await, held, "{text}");
    }
    bench.made(vec![immutable("p", &[]), delete_tag("p/a", "v1"), delete_manifest("p/a", "outer", GRACE)]).await;
    bench.made(vec![restore_manifest("p/a", bench.entry("p/a", "outer").await.id, false)]).await;
    bench.made([vec![immutable("p", &[keep("p/a", "v*")])], needed("p/a")].concat()).await;
}
