//! What is deleted comes back as it was, for whoever may; and it ends, whatever happens on the way.

use std::sync::Arc;

use wharf_model::api::people::Limit;
use wharf_model::api::project::{Immutable, ProjectChange};
use wharf_model::api::trash::{TagMove, TrashItem, TrashKind};
use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, Reference, Tag};
use wharf_registry::access::{Action, Readable};
use wharf_registry::actor::Subject;
use wharf_registry::error::Error;
use wharf_registry::people::Part;
use wharf_store::ledger::faulty::When;
use wharf_store::ledger::people::AccountKind;
use wharf_store::ledger::trash::Trash as _;
use wharf_store::ledger::{Ledger as _, people::People as _};

use crate::house::{GRACE, HERE, House, TRASH, admin, name, noise, tagged};

const A: &str = "acme/app";
const B: &str = "acme/lib";

fn project(text: &str) -> ProjectName {
    text.parse().expect("a project's name")
}

fn tag(text: &str) -> Tag {
    text.parse().expect("a tag")
}

fn all() -> Part {
    Part { limit: 100, after: None }
}

impl House {
    /// Pushes an image of one blob.
    async fn image(&self, repository: &str, tag: &str, seed: u64) -> Digest {
        let blob = self.push_blob(repository, &noise(seed, 20_000)).await;
        self.push_image(repository, tag, &[blob]).await
    }

    async fn delete_repository(&self, repository: &str) -> Result<TrashItem, Error> {
        let access = self.access(Action::Delete, repository).await;
        self.registry.delete_repository(&access).await
    }

    async fn delete_project(&self, text: &str) -> TrashItem {
        self.registry.delete_project(&admin(), &project(text)).await.expect("an administrator may")
    }

    /// The names of what `who` may restore.
    async fn trash(&self, who: &Subject, of: Option<&str>) -> Result<Vec<String>, Error> {
        let list = self.registry.trash(who, of.map(project).as_ref(), &all()).await?;
        assert_eq!(list.next, None);
        Ok(list.items.into_iter().map(|item| item.name).collect())
    }

    async fn history(&self, repository: &str, text: &str) -> Vec<TagMove> {
        let access = self.access(Action::Pull, repository).await;
        self.registry.tag_history(&access, &tag(text), &all()).await.expect("there is some").items
    }

    async fn restore_tag(&self, repository: &str, text: &str) -> Result<TagMove, Error> {
        self.registry.restore_tag(&admin(), &name(repository), &tag(text)).await
    }

    async fn points_to(&self, repository: &str, text: &str) -> Option<Digest> {
        self.ledger.manifest(&name(repository), &tagged(text)).await.expect("no fault").map(|row| row.digest)
    }
}

#[tokio::test]
async fn a_repository_comes_back_whole() {
    let house = House::new().await;
    let digest = house.image(A, "v1", 1).await;
    house.image(B, "v1", 2).await;
    let found = house.registry.repository(&house.access(Action::Pull, A).await).await.expect("it is there");
    assert_eq!((found.name.as_str(), found.project.as_str(), found.public), (A, "acme", false));
    // It is known by now, and forgotten at once.
    assert!(house.pull(A, &tagged("v1")).await.is_some());
    let item = house.delete_repository(A).await.expect("deleted");
    assert_eq!((item.kind, item.name.as_str(), item.until - item.deleted_at), (TrashKind::Repository, A, TRASH));
    assert!(house.pull(A, &tagged("v1")).await.is_none() && house.pull(A, &Reference::Digest(digest)).await.is_none());
    assert!(matches!(house.delete_repository(A).await, Err(Error::NameUnknown(_))));
    let listed = house.ledger.repositories(&Readable::All, None, 9).await.expect("no fault").names;
    assert_eq!(listed, [name(B)]);
    // An upload that was under way makes it anew; then the old one cannot come back.
    let blob = house.push_blob(A, b"new").await;
    let refused = house.registry.restore(&admin(), item.id).await;
    assert!(matches!(&refused, Err(Error::Conflict(why)) if why.contains(A)), "{refused:?}");
    let other = house.delete_repository(A).await.expect("deleted");
    house.advance(TRASH - 1);
    house.clean().await;
    let restored = house.registry.restore(&admin(), item.id).await.expect("its name is free");
    assert_eq!(restored.id, item.id);
    assert!(house.pull(A, &tagged("v1")).await.is_some() && !house.shows(A, &blob).await);
    house.totals().catch_up().await.expect("no fault");
    let totals = house.ledger.totals().await.expect("no fault");
    assert_eq!(totals, house.ledger.count_totals().await.expect("no fault").1);
    assert_eq!((totals.repositories, totals.manifests, totals.tags), (2, 2, 2));
    house.advance(1);
    house.clean().await;
    let gone = house.registry.restore(&admin(), other.id).await;
    assert!(matches!(gone, Err(Error::NotThere { .. })), "{gone:?}");
    house.advance(GRACE);
    house.clean().await;
    assert!(house.pull(A, &tagged("v1")).await.is_some());
    assert_eq!(house.resting().await.len(), 2);
}

#[tokio::test]
async fn who_may_look_restore_and_purge() {
    let house = House::new().await;
    for (repository, seed) in [(A, 1), (B, 2), ("other/app", 3)] {
        let digest = house.image(repository, "v1", seed).await;
        house.advance(1);
        house.delete(repository, &Reference::Digest(digest)).await.expect("deleted");
    }
    let reader = house.user(1, "reader").await;
    let (maintainer, owner, stranger) =
        (house.user(2, "meg").await, house.user(3, "oda").await, house.user(4, "sam").await);
    let limits = vec![Limit {
        permissions: "restore".parse().expect("a set"),
        repositories: Some("acme/a*".parse().expect("a pattern")),
    }];
    let limited = house.account(5, "lim", AccountKind::User, limits).await;
    let partly = house.user(6, "pat").await;
    house.bind(11, 1, "reader", Some("acme"), None).await;
    house.bind(12, 2, "maintainer", Some("acme"), None).await;
    house.bind(13, 3, "owner", Some("acme"), None).await;
    house.bind(14, 4, "owner", Some("other"), None).await;
    house.bind(15, 5, "owner", Some("acme"), None).await;
    house.bind(16, 6, "restore", Some("acme"), Some("acme/l*")).await;
    let [reader, maintainer, owner, stranger, limited, partly] = [
        house.who(&reader).await,
        house.who(&maintainer).await,
        house.who(&owner).await,
        house.who(&stranger).await,
        house.who(&limited).await,
        house.who(&partly).await,
    ];
    let check = async |who: &Subject, expect: &[&str]| {
        assert_eq!(house.trash(who, None).await.expect("logged in"), expect, "{:?}", who.actor);
    };
    check(&admin(), &["other/app", B, A]).await;
    check(&owner, &[B, A]).await;
    check(&maintainer, &[B, A]).await;
    check(&reader, &[]).await;
    check(&stranger, &["other/app"]).await;
    check(&limited, &[A]).await;
    check(&partly, &[B]).await;
    assert!(matches!(house.trash(&Subject::anonymous(), None).await, Err(Error::Unauthorized)));
    assert!(matches!(house.trash(&reader, Some("acme")).await, Err(Error::Denied)));
    assert!(matches!(house.trash(&stranger, Some("acme")).await, Err(Error::ProjectUnknown(_))));
    assert_eq!(house.trash(&admin(), Some("acme")).await.expect("it is there"), [B, A]);
    let items = house.registry.trash(&admin(), None, &all()).await.expect("an administrator may").items;
    let (of_lib, of_app) = (items[1].id, items[2].id);
    // What others have looks as what is not there.
    let missing = Id([9; 16]);
    for (id, told) in [(of_app, of_app), (missing, missing)] {
        for outcome in
            [house.registry.restore(&stranger, id).await.map(drop), house.registry.purge(&stranger, id).await.map(drop)]
        {
            assert!(matches!(&outcome, Err(Error::NotThere { name, .. }) if *name == told.to_string()), "{outcome:?}");
        }
    }
    assert!(matches!(house.registry.restore(&reader, of_app).await, Err(Error::Denied)));
    assert!(matches!(house.registry.restore(&partly, of_app).await, Err(Error::Denied)));
    assert!(matches!(house.registry.restore(&limited, of_lib).await, Err(Error::Denied)));
    assert!(matches!(house.registry.purge(&maintainer, of_app).await, Err(Error::Denied)));
    assert!(matches!(house.registry.restore(&Subject::anonymous(), of_app).await, Err(Error::Unauthorized)));
    house.registry.restore(&maintainer, of_app).await.expect("a maintainer may");
    assert!(house.pull(A, &tagged("v1")).await.is_some());
    house.registry.restore(&partly, of_lib).await.expect("it is its own");
    house.delete(B, &tagged("v1")).await.expect("deleted");
    let deleted = house.points_to(A, "v1").await.expect("it is there");
    house.delete(A, &Reference::Digest(deleted)).await.expect("deleted");
    let id = house.registry.trash(&owner, None, &all()).await.expect("an owner may").items[0].id;
    assert!(house.registry.purge(&owner, id).await.expect("an owner may"));
    assert!(house.trash(&owner, None).await.expect("an owner may").is_empty());
}

/// Pages are full, whatever of what is between may not be seen, and end.
#[tokio::test]
async fn the_trash_is_listed_in_pages() {
    let house = House::new().await;
    for seed in 0..12 {
        let repository = if seed % 3 == 0 { A } else { B };
        let digest = house.image(repository, "v1", seed).await;
        house.advance(1);
        house.delete(repository, &Reference::Digest(digest)).await.expect("deleted");
    }
    for seed in 0..20 {
        let digest = house.image("other/app", "v1", seed).await;
        house.delete("other/app", &Reference::Digest(digest)).await.expect("deleted");
    }
    let partly = house.user(6, "pat").await;
    house.bind(16, 6, "restore", Some("acme"), Some(B)).await;
    let partly = house.who(&partly).await;
    let (mut after, mut seen, mut pages) = (None, Vec::new(), 0);
    loop {
        let part = Part { limit: 3, after };
        let list = house.registry.trash(&partly, None, &part).await.expect("it may");
        assert_eq!(list.items.len(), if list.next.is_some() { 3 } else { 2 });
        (seen, pages) = ([seen, list.items].concat(), pages + 1);
        match list.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!((pages, seen.len()), (3, 8));
    assert!(seen.iter().all(|item| item.name == B) && seen.is_sorted_by_key(|item| -item.deleted_at));
    // One entry costs a question for each project, whatever lies before it.
    house.bind(17, 6, "restore", Some("other"), Some("other/none")).await;
    let partly = Subject { rights: house.rights(6).await, ..partly };
    let before = house.ledger.calls();
    let first = house.registry.trash(&partly, None, &Part { limit: 1, after: None }).await.expect("it may");
    assert_eq!((first.items.len(), first.next.is_some()), (1, true));
    assert_eq!(
        house.ledger.calls() - before,
        4,
        "one for all projects, one for each, one for the name of who deleted it"
    );
    let wrong = Part { limit: 3, after: Some("yesterday".to_owned()) };
    assert!(matches!(house.registry.trash(&partly, None, &wrong).await, Err(Error::Unsupported(_))));
}

#[tokio::test]
async fn a_project_in_the_trash_is_closed_and_comes_back() {
    let house = House::new().await;
    let digest = house.image(A, "v1", 1).await;
    house.make_public("acme", true).await;
    let home = house.project("acme").await;
    let robot = house.account(7, "acme+ci", AccountKind::Robot { project: Some(home) }, Vec::new()).await;
    let owner = house.user(3, "oda").await;
    house.bind(17, 7, "contributor", Some("acme"), None).await;
    house.bind(13, 3, "owner", Some("acme"), None).await;
    assert!(house.registry.authorise(&house.who(&robot).await, Action::Push, &name(A)).await.is_ok());
    let owner_then = house.who(&owner).await;
    let item = house.registry.delete_project(&owner_then, &project("acme")).await.expect("an owner may");
    assert_eq!((item.kind, item.name.as_str(), item.deleted_by.as_str()), (TrashKind::Project, "acme", "user:oda"));
    // On every connection, at the next request.
    assert!(house.registry.identity().authenticate(Some(&robot), HERE).await.is_err());
    let owner_now = house.who(&owner).await;
    assert!(house.registry.authorise(&owner_now, Action::Pull, &name(A)).await.is_err());
    assert!(house.registry.authorise(&Subject::anonymous(), Action::Pull, &name(A)).await.is_err());
    assert!(house.pull(A, &tagged("v1")).await.is_none());
    assert!(matches!(house.registry.project(&owner_now, &project("acme")).await, Err(Error::ProjectUnknown(_))));
    // Whoever makes another one of that name has nothing to do with the first.
    house.image(A, "other", 2).await;
    let stranger = house.user(4, "sam").await;
    house.bind(14, 4, "owner", Some("acme"), None).await;
    let stranger = house.who(&stranger).await;
    assert!(house.trash(&stranger, None).await.expect("it may").is_empty());
    assert!(matches!(house.registry.restore(&stranger, item.id).await, Err(Error::NotThere { .. })));
    assert_eq!(house.trash(&owner_now, Some("acme")).await.expect("it knows of it"), ["acme"]);
    let taken = house.registry.restore(&owner_now, item.id).await;
    assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
    house.delete_project("acme").await;
    house.registry.restore(&owner_now, item.id).await.expect("its name is free");
    assert_eq!(house.project("acme").await, home);
    assert_eq!(house.points_to(A, "v1").await, Some(digest));
    let robot = house.who(&robot).await;
    assert!(house.registry.authorise(&robot, Action::Push, &name(A)).await.is_ok());
    assert!(house.registry.authorise(&Subject::anonymous(), Action::Pull, &name(A)).await.is_ok());
    house.totals().catch_up().await.expect("no fault");
    let totals = house.ledger.totals().await.expect("no fault");
    assert_eq!(totals, house.ledger.count_totals().await.expect("no fault").1);
}

#[tokio::test]
async fn what_is_in_the_trash_of_the_trash_waits_for_it() {
    let house = House::new().await;
    let digest = house.image(A, "v1", 1).await;
    house.delete(A, &Reference::Digest(digest)).await.expect("deleted");
    let manifest = house.registry.trash(&admin(), None, &all()).await.expect("it may").items[0].id;
    let owner = house.user(3, "oda").await;
    house.bind(13, 3, "owner", Some("acme"), None).await;
    let owner = house.who(&owner).await;
    let repository = house.delete_repository(A).await.expect("deleted").id;
    let whole = house.delete_project("acme").await.id;
    let conflict = async |id| {
        let refused = house.registry.restore(&admin(), id).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    };
    conflict(manifest).await;
    conflict(repository).await;
    // Whoever knew the project learns nothing of what another one of its name has.
    let restored = async || house.registry.restore(&owner, manifest).await.map_err(|error| error.to_string());
    let missing = restored().await;
    assert!(missing.is_err());
    house.push_blob(A, b"in another project").await;
    assert_eq!(restored().await, missing);
    house.delete_project("acme").await;
    house.registry.restore(&admin(), whole).await.expect("restored");
    conflict(manifest).await;
    house.push_blob(A, b"another of its name").await;
    conflict(manifest).await;
    house.delete_repository(A).await.expect("deleted");
    house.registry.restore(&admin(), repository).await.expect("restored");
    house.registry.restore(&admin(), manifest).await.expect("restored");
    assert_eq!(house.points_to(A, "v1").await, Some(digest));
}

#[tokio::test]
async fn a_tag_goes_back_to_where_it_was() {
    let house = House::new().await;
    let (one, two) = (house.image(A, "v1", 1).await, house.image(A, "v1", 2).await);
    let back = house.restore_tag(A, "v1").await.expect("it was elsewhere");
    assert_eq!((back.from, back.to), (Some(two), Some(one)));
    assert_eq!(house.points_to(A, "v1").await, Some(one));
    house.restore_tag(A, "v1").await.expect("and back");
    assert_eq!(house.points_to(A, "v1").await, Some(two));
    house.delete(A, &tagged("v1")).await.expect("deleted");
    house.restore_tag(A, "v1").await.expect("it was there");
    assert_eq!(house.points_to(A, "v1").await, Some(two));
    // Where the manifest went, it comes back, alone.
    let access = house.access(Action::Push, A).await;
    let push = wharf_registry::push::Push {
        reference: Reference::Digest(two),
        tags: vec![tag("also")],
        expected: Default::default(),
        content_type: None,
        bytes: house.pull(A, &Reference::Digest(two)).await.expect("it is there"),
    };
    house.registry.put_manifest(&access, push).await.expect("pushed");
    house.delete(A, &Reference::Digest(two)).await.expect("deleted");
    house.restore_tag(A, "v1").await.expect("it is in the trash");
    assert_eq!((house.points_to(A, "v1").await, house.points_to(A, "also").await), (Some(two), None));
    // Where the latest is gone for good, the one before.
    house.delete(A, &Reference::Digest(two)).await.expect("deleted");
    house.advance(TRASH);
    house.clean().await;
    house.restore_tag(A, "v1").await.expect("the first is still there");
    assert_eq!(house.points_to(A, "v1").await, Some(one));
    house.delete(A, &Reference::Digest(one)).await.expect("deleted");
    house.advance(TRASH);
    house.clean().await;
    assert!(matches!(house.restore_tag(A, "v1").await, Err(Error::Conflict(_))));
    assert!(matches!(house.restore_tag(A, "never").await, Err(Error::ManifestUnknown(_))));
    assert!(matches!(house.restore_tag("acme/none", "v1").await, Err(Error::NameUnknown(_))));
    let reader = house.user(1, "reader").await;
    house.bind(11, 1, "contributor", Some("acme"), None).await;
    let denied = house.registry.restore_tag(&house.who(&reader).await, &name(A), &tag("v1")).await;
    assert!(matches!(denied, Err(Error::Denied)));
}

/// Another project of that name comes into the place of the one that was asked about, at whatever moment: it has a tag that
/// looks the same, and whoever may restore in the first has no business there.
#[tokio::test]
async fn a_tag_is_restored_in_the_project_that_was_asked_about() {
    let (mut denied, mut restored) = (0, 0);
    for moment in 1..13 {
        let house = House::new().await;
        let (one, two) = (house.image(A, "v1", 1).await, house.image(A, "v1", 2).await);
        let first = house.project("acme").await;
        let entry = house.delete_project("acme").await.id;
        house.image(A, "v1", 1).await;
        house.image(A, "v1", 2).await;
        let header = house.user(2, "ann").await;
        house.bind(12, 2, "owner", Some("acme"), None).await;
        let ann = house.who(&header).await;
        house.comes_back_at(moment, "acme", entry).await;
        let outcome = house.registry.restore_tag(&ann, &name(A), &tag("v1")).await;
        let now = house.ledger.undisturbed(async { (house.project("acme").await, house.points_to(A, "v1").await) });
        let (now, points_to) = now.await;
        if now == first {
            assert_eq!(points_to, Some(two), "at {moment}");
        }
        match outcome {
            // Told of what it did, not of what is there by then.
            Ok(back) => assert_eq!((back.from, back.to, back.by.as_str()), (Some(two), Some(one), "user:ann")),
            Err(Error::Denied) if now == first => denied += 1,
            Err(error) => panic!("at {moment}: {error}"),
        }
        restored += usize::from(now != first);
    }
    assert!(denied >= 3 && restored >= 1, "{denied} where it came before the commit, {restored} where it never came");
}

#[tokio::test]
async fn history_tells_who_and_with_what() {
    let house = House::new().await;
    let kim = house.user(1, "kim").await;
    house.image(A, "base", 1).await;
    house.bind(11, 1, "maintainer", Some("acme"), None).await;
    let kim = Subject { client: Some(Arc::from("skopeo/1.9")), ..house.who(&kim).await };
    let access = house.registry.authorise(&kim, Action::Delete, &name(A)).await.expect("it may");
    house.registry.delete_manifest(&access, &tagged("base")).await.expect("deleted");
    let moves = house.history(A, "base").await;
    assert_eq!(moves.len(), 2);
    assert_eq!((moves[0].by.as_str(), moves[0].client.as_deref(), moves[0].to), ("user:kim", Some("skopeo/1.9"), None));
}

#[tokio::test]
async fn strangers_are_not_told_who_it_was() {
    let house = House::new().await;
    house.image(A, "v1", 1).await;
    house.make_public("acme", true).await;
    let access = house.registry.authorise(&Subject::anonymous(), Action::Pull, &name(A)).await.expect("it is public");
    let moves = house.registry.tag_history(&access, &tag("v1"), &all()).await.expect("there is some").items;
    assert_eq!((moves.len(), moves[0].by.as_str(), moves[0].client.as_deref()), (1, "user", None));
    let never = house.registry.tag_history(&access, &tag("v2"), &all()).await;
    assert!(matches!(never, Err(Error::ManifestUnknown(_))));
}

#[tokio::test]
async fn immutable_tags_hold_what_they_are_in() {
    let house = House::new().await;
    house.image(A, "v1", 1).await;
    let pattern = |text: &str| text.parse().expect("a pattern");
    let rule = Immutable { repositories: pattern("acme/**"), tags: pattern("v*") };
    let set = ProjectChange { immutable: Some(vec![rule]), ..ProjectChange::default() };
    house.registry.put_project(&admin(), &project("acme"), &set).await.expect("an administrator may");
    assert!(matches!(house.delete_repository(A).await, Err(Error::Immutable(_))));
    let refused = house.registry.delete_project(&admin(), &project("acme")).await;
    assert!(matches!(refused, Err(Error::Immutable(_))), "{refused:?}");
    assert!(house.pull(A, &tagged("v1")).await.is_some());
}

/// Purging breaks off at every call that it makes, before it and after it: the next sweep goes on, until nothing is left.
#[tokio::test]
async fn a_purge_that_broke_off_goes_on() {
    for when in [When::Before, When::After] {
        for call in 1..12 {
            let mut house = House::new().await;
            for (repository, seed) in [(A, 1), (A, 2), (B, 3)] {
                house.image(repository, &format!("v{seed}"), seed).await;
            }
            let home = house.project("acme").await;
            house.account(7, "acme+ci", AccountKind::Robot { project: Some(home) }, Vec::new()).await;
            let repository = house.delete_repository(B).await.expect("deleted");
            let whole = house.delete_project("acme").await;
            house.ledger.fail(call, when);
            for id in [repository.id, whole.id] {
                let _ = house.registry.purge(&admin(), id).await;
            }
            house.crash().await;
            house.advance(TRASH);
            house.clean().await;
            assert!(house.ledger.expired_trash(9).await.expect("no fault").is_empty(), "{call} {when:?}");
            assert_eq!(house.resting().await.len(), 0, "{call} {when:?}");
            let (_, left) = house.ledger.count_totals().await.expect("no fault");
            assert_eq!(left, Default::default(), "{call} {when:?}");
            assert!(house.ledger.secret(Id([7; 16])).await.expect("no fault").is_none());
        }
    }
}
