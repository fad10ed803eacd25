//! Who may do what, through the ledger and the logins: each with its own token, each asked at each request.

use wharf_model::api::people::Limit;
use wharf_model::api::project::ProjectChange;
use wharf_model::digest::Algorithm;
use wharf_model::media::OCI_MANIFEST;
use wharf_model::name::{ProjectName, Reference};
use wharf_model::page::Page;
use wharf_model::permission::Permission;
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::error::Error;
use wharf_registry::identity::AuthError;
use wharf_registry::push::{Expected, Push};
use wharf_store::ledger::Ledger as _;
use wharf_store::ledger::change::Change;
use wharf_store::ledger::people::{AccountKind, PeopleChange};

use crate::house::{HERE, House, admin, chunk, image, name, sha256, tagged};

const A: &str = "acme/app";

fn project(text: &str) -> ProjectName {
    text.parse().expect("a project's name")
}

/// Pushes as that subject, from the authorise step on.
async fn push(
    house: &House,
    subject: &Subject,
    repository: &str,
    reference: Reference,
    tags: &[&str],
    bytes: &bytes::Bytes,
) -> Result<(), Error> {
    let access = house.registry.authorise(subject, Action::Push, &name(repository)).await?;
    let tags = tags.iter().map(|tag| tag.parse().expect("a tag")).collect();
    let push = Push { reference, tags, expected: Expected::default(), content_type: None, bytes: bytes.clone() };
    house.registry.put_manifest(&access, push).await.map(drop)
}

async fn push_blob(house: &House, subject: &Subject, repository: &str, bytes: &[u8]) -> Result<(), Error> {
    let access = house.registry.authorise(subject, Action::Push, &name(repository)).await?;
    let session = house.registry.begin_upload(&access, Algorithm::Sha256).await?.session;
    house.registry.finish_upload(&access, &session, chunk(bytes), sha256(bytes)).await
}

async fn may(house: &House, subject: &Subject, action: Action, repository: &str) -> bool {
    match house.registry.authorise(subject, action, &name(repository)).await {
        Ok(_) => true,
        Err(Error::Denied) => false,
        Err(error) => panic!("{action:?} {repository}: {error}"),
    }
}

async fn catalog(house: &House, subject: &Subject) -> Vec<String> {
    let readable = house.registry.authorise_list(subject).expect("it may list");
    let page = Page { limit: 100, after: None };
    let listed = house.registry.repositories(subject, &readable, &page).await.expect("no fault");
    listed.entries.iter().map(ToString::to_string).collect()
}

/// A house with a repository in each of two projects, and its config blob.
async fn two_projects() -> House {
    let house = House::new().await;
    for repository in [A, "other/app"] {
        let blob = house.push_blob(repository, repository.as_bytes()).await;
        house.push_image(repository, "latest", &[blob]).await;
    }
    house
}

#[tokio::test]
async fn a_tag_takes_more_than_a_push() {
    let house = two_projects().await;
    let header = house.user(2, "ann").await;
    house.bind(10, 2, "pull,push", Some("acme"), None).await;
    let ann = house.who(&header).await;
    push_blob(&house, &ann, A, b"config").await.expect("a blob is pushed");
    let bytes = image(&[sha256(b"config")]);
    let by_digest = || Reference::Digest(sha256(&bytes));
    for (reference, tags) in [(tagged("v1"), &[][..]), (by_digest(), &["v1"]), (tagged("latest"), &[])] {
        assert!(matches!(push(&house, &ann, A, reference, tags, &bytes).await, Err(Error::Denied)));
    }
    push(&house, &ann, A, by_digest(), &[], &bytes).await.expect("by digest");
    assert!(house.pull(A, &tagged("v1")).await.is_none());
    house.bind(10, 2, "pull,push,tag", Some("acme"), None).await;
    let ann = house.who(&header).await;
    push(&house, &ann, A, tagged("v1"), &[], &bytes).await.expect("with a tag");
    house.bind(10, 2, "tag", Some("acme"), None).await;
    let ann = house.who(&header).await;
    assert!(matches!(push(&house, &ann, A, tagged("v2"), &[], &bytes).await, Err(Error::Denied)), "a tag alone");
}

#[tokio::test]
async fn who_may_attach_does_nothing_else() {
    let house = two_projects().await;
    let header = house.user(2, "signer").await;
    house.bind(10, 2, "attach", Some("acme"), None).await;
    let signer = house.who(&header).await;
    push_blob(&house, &signer, A, b"signature").await.expect("a blob to attach");
    let descriptor = |digest| serde_json::json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": 1 });
    let attachment = serde_json::json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "a/b",
        "config": descriptor(sha256(b"signature")), "layers": [], "subject": descriptor(sha256(b"anything")) });
    let attachment = bytes::Bytes::from(attachment.to_string());
    let by_digest = |bytes: &bytes::Bytes| Reference::Digest(sha256(bytes));
    push(&house, &signer, A, by_digest(&attachment), &[], &attachment).await.expect("attached");
    let plain = image(&[sha256(b"signature")]);
    for (reference, tags, bytes) in [
        (by_digest(&plain), &[][..], &plain),
        (tagged("v1"), &[], &plain),
        (tagged("v1"), &[], &attachment),
        (by_digest(&attachment), &["v1"], &attachment),
    ] {
        assert!(matches!(push(&house, &signer, A, reference, tags, bytes).await, Err(Error::Denied)));
    }
    assert!(!may(&house, &signer, Action::Pull, A).await && !may(&house, &signer, Action::Delete, A).await);
    assert!(!may(&house, &signer, Action::Push, "other/app").await);
    // Nor does it make repositories.
    let into_new = push(&house, &signer, "acme/new", by_digest(&attachment), &[], &attachment).await;
    assert!(matches!(into_new, Err(Error::NameUnknown(_))));
    assert!(matches!(push_blob(&house, &signer, "acme/new", b"x").await, Err(Error::NameUnknown(_))));
    assert_eq!(catalog(&house, &admin()).await, [A, "other/app"]);
}

#[tokio::test]
async fn a_reader_reads() {
    let house = two_projects().await;
    let header = house.user(2, "ann").await;
    house.bind(10, 2, "reader", Some("acme"), None).await;
    let ann = house.who(&header).await;
    let may_each = async |repository| {
        let mut each = Vec::new();
        for action in [Action::Pull, Action::Push, Action::Delete] {
            each.push(may(&house, &ann, action, repository).await);
        }
        each
    };
    assert_eq!(may_each(A).await, [true, false, false]);
    assert_eq!(may_each("acme/none").await, [true, false, false]);
    assert_eq!(may_each("other/app").await, [false; 3]);
    assert_eq!(may_each("none/app").await, [false; 3], "closed and missing look the same");
    let pull = house.registry.authorise(&ann, Action::Pull, &name(A)).await.expect("it may");
    let pushed = Push {
        reference: tagged("x"),
        tags: Vec::new(),
        expected: Expected::default(),
        content_type: None,
        bytes: image(&[sha256(b"x")]),
    };
    assert!(matches!(house.registry.put_manifest(&pull, pushed).await, Err(Error::Denied)), "a wrong row in a table");
}

#[tokio::test]
async fn a_robot_of_a_project_cannot_leave_it() {
    let house = two_projects().await;
    let home = house.project("acme").await;
    let robot = AccountKind::Robot { project: Some(home) };
    let header = house.account(2, "acme+ci", robot, Vec::new()).await;
    house.bind(10, 2, "contributor", Some("acme"), Some("acme/app/**")).await;
    house.bind(11, 2, "owner", Some("other"), None).await;
    house.bind(12, 2, "administrator", None, None).await;
    let ci = house.who(&header).await;
    assert!(ci.actor.key().starts_with("robot:"));
    for (repository, expect) in
        [("acme/app/web", true), (A, false), ("acme/lib", false), ("other/app", false), ("new/app", false)]
    {
        assert_eq!(may(&house, &ci, Action::Push, repository).await, expect, "{repository}");
    }
    push_blob(&house, &ci, "acme/app/web", b"x").await.expect("in its corner");
    assert_eq!(catalog(&house, &ci).await, ["acme/app/web"]);
    let refused = house.registry.put_project(&ci, &project("new"), &ProjectChange::public(true)).await;
    assert!(matches!(refused, Err(Error::Denied)));
}

/// The same credential, request after request, as on one connection.
#[tokio::test]
async fn a_change_of_rights_is_in_force_at_the_next_request() {
    let house = two_projects().await;
    let header = house.user(2, "ann").await;
    let pulls = async || may(&house, &house.who(&header).await, Action::Pull, A).await;
    for _ in 0..20 {
        assert!(!pulls().await);
        house.bind(10, 2, "reader", Some("acme"), None).await;
        assert!(pulls().await);
        house.unbind(10, "acme").await;
    }
    house.bind(10, 2, "reader", None, None).await;
    assert!(pulls().await);
    let delete = PeopleChange::DeleteAccount { account: wharf_model::id::Id([2; 16]) };
    house.change(vec![delete]).await;
    let gone = house.registry.identity().authenticate(Some(&header), HERE).await;
    assert_eq!(gone.map(drop), Err(AuthError::BadCredentials));
}

#[tokio::test]
async fn a_limited_token_does_no_more_than_it_says() {
    let house = two_projects().await;
    let limit = Limit {
        permissions: "pull,push".parse().expect("permissions"),
        repositories: Some("acme/**".parse().expect("a pattern")),
    };
    let header = house.account(2, "ann", AccountKind::User, vec![limit]).await;
    house.bind(10, 2, "administrator", None, None).await;
    let ann = house.who(&header).await;
    assert!(may(&house, &ann, Action::Pull, A).await && may(&house, &ann, Action::Push, A).await);
    assert!(!may(&house, &ann, Action::Delete, A).await && !may(&house, &ann, Action::Pull, "other/app").await);
    assert_eq!(catalog(&house, &ann).await, [A]);
    let (x, y) = (sha256(A.as_bytes()), sha256(b"other/app"));
    let access = house.registry.authorise(&ann, Action::Push, &name("acme/new")).await.expect("it may");
    assert!(house.registry.mount_blob(&access, x, None).await.expect("no fault"));
    assert!(!house.registry.mount_blob(&access, y, None).await.expect("no fault"));
    assert!(!house.registry.mount_blob(&access, y, Some(name("other/app"))).await.expect("no fault"));
    assert!(matches!(house.registry.authorise_system(&ann, Permission::UserWrite), Err(Error::Denied)));
}

/// Two teams, each with all rights in its own project, see nothing of each other.
#[tokio::test]
async fn projects_do_not_see_each_other() {
    let house = two_projects().await;
    let header = house.user(2, "ann").await;
    house.bind(10, 2, "owner", Some("acme"), None).await;
    let ann = house.who(&header).await;
    assert_eq!(catalog(&house, &ann).await, [A]);
    for action in [Action::Pull, Action::Push, Action::Delete] {
        for repository in ["other/app", "other/none", "none/none"] {
            assert!(!may(&house, &ann, action, repository).await, "{action:?} {repository}");
        }
    }
    // A blob of the other project is none, wherever it is said to be.
    let theirs = sha256(b"other/app");
    let access = house.registry.authorise(&ann, Action::Push, &name(A)).await.expect("it may");
    for from in [None, Some("other/app"), Some("other/none"), Some(A)] {
        assert!(!house.registry.mount_blob(&access, theirs, from.map(name)).await.expect("no fault"), "{from:?}");
    }
    assert!(!house.shows(A, &theirs).await);
    // What is attached there is not told here, though the subject be the same.
    let descriptor = |digest| serde_json::json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": 1 });
    let attachment = serde_json::json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "a/b",
        "config": descriptor(theirs), "layers": [], "subject": descriptor(sha256(b"subject")) });
    let attachment = bytes::Bytes::from(attachment.to_string());
    house.put("other/app", Reference::Digest(sha256(&attachment)), attachment.clone()).await.expect("pushed");
    let pull = house.registry.authorise(&ann, Action::Pull, &name(A)).await.expect("it may");
    let page = Page { limit: 100, after: None };
    let referrers =
        async |subject| house.registry.referrers(&pull, subject, None, &page).await.map(|all| all.manifests.len());
    assert_eq!(referrers(&sha256(b"subject")).await.expect("listed"), 0);
    let found = house.registry.manifest(&pull, &Reference::Digest(sha256(&attachment))).await;
    assert!(matches!(found, Err(Error::ManifestUnknown(_))));
    // The same bytes may be pushed here: that they are known already does not show.
    push_blob(&house, &ann, A, b"other/app").await.expect("as if it were new");
    let session = house.begin("other/app").await;
    assert!(matches!(house.registry.upload_status(&access, &session).await, Err(Error::UploadUnknown)));
    // Nor is the project told of.
    for unknown in ["other", "none"] {
        let found = house.registry.project(&ann, &project(unknown)).await;
        assert!(matches!(found, Err(Error::ProjectUnknown(_))), "{unknown}");
        let put = house.registry.put_project(&ann, &project(unknown), &ProjectChange::public(true)).await;
        assert!(matches!(put, Err(Error::Denied)), "{unknown}");
    }
    assert!(house.registry.project(&ann, &project("acme")).await.is_ok());
}

#[tokio::test]
async fn who_makes_a_project_owns_it() {
    let house = two_projects().await;
    let header = house.user(2, "ann").await;
    house.bind(10, 2, "project:create", None, None).await;
    let ann = house.who(&header).await;
    let settings = ProjectChange::public(false);
    let made = house.registry.put_project(&ann, &project("mine"), &settings).await.expect("made");
    assert_eq!(made.id, house.project("mine").await);
    let ann = house.who(&header).await;
    assert!(may(&house, &ann, Action::Push, "mine/app").await && may(&house, &ann, Action::Delete, "mine/app").await);
    house.registry.put_project(&ann, &project("mine"), &ProjectChange::public(true)).await.expect("its own");
    assert!(house.registry.project(&ann, &project("mine")).await.expect("seen").public);
    // Who may make projects knows that of others, and does nothing to them.
    let others = house.registry.put_project(&ann, &project("other"), &settings).await;
    assert!(matches!(others, Err(Error::Denied)));
    assert!(!may(&house, &ann, Action::Pull, "other/app").await);
    // An administrator needs no binding.
    house.registry.put_project(&admin(), &project("third"), &settings).await.expect("made");
    let third = house.project("third").await;
    use wharf_store::ledger::people::People as _;
    assert!(house.ledger.bindings(Some(third), 0, 9).await.expect("no fault").is_empty());
    let anonymous = house.registry.put_project(&Subject::anonymous(), &project("x"), &settings).await;
    assert!(matches!(anonymous, Err(Error::Unauthorized)));
    for name in ["acme", "none"] {
        let anonymous = house.registry.project(&Subject::anonymous(), &project(name)).await;
        assert!(matches!(anonymous, Err(Error::Unauthorized)));
    }
}

/// Between the question and the commit a project comes into being that nobody has asked about.
#[tokio::test]
async fn a_project_that_came_between_is_asked_about() {
    let house = House::new().await;
    let makers = async |number, name| {
        let header = house.user(number, name).await;
        house.bind(number + 10, number, "push,project:create", None, None).await;
        house.who(&header).await
    };
    let (ann, bob) = (makers(2, "ann").await, makers(3, "bob").await);
    let bytes = image(&[sha256(b"x")]);
    let begun = house.registry.authorise(&ann, Action::Push, &name("new/a")).await.expect("it may");
    push_blob(&house, &bob, "new/b", b"x").await.expect("makes the project");
    let session = house.registry.begin_upload(&begun, Algorithm::Sha256).await.expect("begun").session;
    let finished = house.registry.finish_upload(&begun, &session, chunk(b"x"), sha256(b"x")).await;
    finished.expect("it may push into that one too");
    let push = Push {
        reference: Reference::Digest(sha256(&bytes)),
        tags: Vec::new(),
        expected: Expected::default(),
        content_type: None,
        bytes,
    };
    house.registry.put_manifest(&begun, push).await.expect("pushed");
    assert_eq!(catalog(&house, &admin()).await, ["new/a", "new/b"]);
}

/// Another project of that name comes into the place of the one that a blob is mounted from, at whatever moment: it has the same
/// blob, which is not the caller's to read there.
#[tokio::test]
async fn a_blob_is_mounted_from_the_project_that_was_asked_about() {
    for from in [Some("source/app"), None] {
        let (mut swapped, mut mounted) = (0, 0);
        for moment in 1..7 {
            let house = House::new().await;
            let header = house.user(2, "ann").await;
            house.push_blob(A, b"own").await;
            house.push_blob("source/app", b"shared").await;
            let gone = house.registry.delete_project(&admin(), &project("source")).await.expect("an administrator may");
            let digest = house.push_blob("source/app", b"shared").await;
            house.bind(12, 2, "owner", Some("acme"), None).await;
            house.bind(13, 2, "reader", Some("source"), None).await;
            let ann = house.who(&header).await;
            let access = house.registry.authorise(&ann, Action::Push, &name(A)).await.expect("her own");
            house.comes_back_at(moment, "source", gone.id).await;
            let outcome = house.registry.mount_blob(&access, digest, from.map(name)).await.expect("no fault");
            let log = house.ledger.undisturbed(house.ledger.log(0, 1_000)).await.expect("no fault");
            let at = |is_it: fn(&Change) -> bool| log.iter().position(|entry| entry.changes.iter().any(is_it));
            let swapped_at = at(|change| matches!(change, Change::RestoreProject { .. }));
            let mounted_at = at(|change| matches!(change, Change::MountBlob { .. }));
            assert_eq!(outcome, mounted_at.is_some(), "from {from:?} at {moment}");
            let is_before = |mounted: usize| swapped_at.is_none_or(|swapped| mounted < swapped);
            assert!(mounted_at.is_none_or(is_before), "from {from:?} at {moment}: {mounted_at:?} after {swapped_at:?}");
            assert_eq!(outcome, house.ledger.undisturbed(house.shows(A, &digest)).await);
            swapped += usize::from(!outcome);
            mounted += usize::from(outcome);
        }
        assert!(swapped >= 1 && mounted >= 1, "{swapped} before the commit, {mounted} after it");
    }
}

/// The first repository of a project is pushed; what was known of its other names is not.
#[tokio::test]
async fn a_project_that_comes_into_being_is_seen_at_once() {
    let house = House::new().await;
    let header = house.user(2, "ann").await;
    house.bind(10, 2, "push", None, None).await;
    let ann = house.who(&header).await;
    assert!(!may(&house, &ann, Action::Push, "new/b").await, "there is no such project");
    house.push_blob("new/a", b"x").await;
    assert!(may(&house, &ann, Action::Push, "new/b").await);
}
