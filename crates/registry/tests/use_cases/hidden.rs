//! What is hidden is answered as what is missing, and asks the ledger as often: neither the answer nor its time tells them
//! apart.

use std::fmt::Debug;

use wharf_model::api::access::Bound;
use wharf_model::api::project::ProjectChange;
use wharf_model::digest::Digest;
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::name::{ProjectName, Reference};
use wharf_model::scope::Scope;
use wharf_registry::access::{Action, Policy};
use wharf_registry::actor::Subject;
use wharf_registry::error::Error;
use wharf_registry::explain::{At, Question};
use wharf_registry::identity::Credential;
use wharf_registry::people::Part;
use wharf_store::ledger::people::AccountKind;

use crate::house::{HERE, House, admin, image, name, sha256};

const ALL: Part = Part { limit: 100, after: None };

/// Names and ids, of things that somebody else has, or of nothing.
struct Things {
    project: &'static str,
    blob: Digest,
    manifest: Digest,
    entry: Id,
    user: &'static str,
}

impl Things {
    fn project(&self) -> ProjectName {
        self.project.parse().expect("a project's name")
    }

    fn repository(&self) -> String {
        format!("{}/app", self.project)
    }

    /// What is said of them, in the same words for all.
    fn anonymised(&self, text: &str) -> String {
        let digests = [self.blob, self.manifest].map(|digest| digest.to_string());
        let hashes = digests.clone().map(|digest| digest.replace("sha256:", ""));
        let entry = self.entry.to_string();
        let names = [self.project, self.user, &entry, &digests[0], &digests[1], &hashes[0], &hashes[1]];
        names.into_iter().fold(text.to_owned(), |text, name| text.replace(name, "…"))
    }
}

/// Everything that asks about them on behalf of `subject`, who has acme/app: what each is told, and how many questions that
/// took the ledger.
async fn asked(house: &House, subject: &Subject, header: &[u8], things: &Things) -> Vec<(String, u64)> {
    let registry = &house.registry;
    let (project, repository) = (things.project(), name(&things.repository()));
    let user: Handle = things.user.parse().expect("a name");
    let mut all: Vec<(String, u64)> = Vec::new();
    let mut note = |what: &str, told: String, before: u64| {
        all.push((format!("{what}: {}", things.anonymised(&told)), house.ledger.calls() - before));
    };
    /// Told in full where it is refused, and else in what is shown.
    fn told<T: Debug>(result: Result<T, Error>) -> String {
        result
            .map_or_else(|error| format!("{error} {:?} {}", error.code(), error.detail()), |shown| format!("{shown:?}"))
    }
    macro_rules! ask {
        ($what:expr, $work:expr) => {
            let before = house.ledger.calls();
            let result = $work.await;
            note($what, told(result), before);
        };
    }
    let nobody = Subject::anonymous();
    for who in [subject, &nobody] {
        for action in [Action::Pull, Action::Push, Action::Delete] {
            ask!("authorise", async { registry.authorise(who, action, &repository).await.map(drop) });
        }
        ask!("project", registry.project(who, &project));
        ask!("delete the project", registry.delete_project(who, &project));
        ask!("bindings", registry.bindings(who, Some(&project), &ALL));
        ask!("robots", registry.robots(who, Some(&project), &ALL));
        ask!("its trash", registry.trash(who, Some(&project), &ALL));
        ask!("restore a tag", registry.restore_tag(who, &repository, &"v1".parse().expect("a tag")));
        ask!("restore", registry.restore(who, things.entry));
        ask!("purge", registry.purge(who, things.entry));
        ask!("user", registry.user(who, &user));
        ask!("end sessions", registry.end_sessions(who, &user));
    }
    ask!("put the project", registry.put_project(subject, &project, &ProjectChange::public(true)));
    ask!("repositories", registry.list_repositories(subject, Some(&project), &ALL));
    for at in [At::Project(project.clone()), At::Repository(repository.clone())] {
        let question = |about, at| Question { about, permission: "pull".parse().expect("a permission"), at };
        ask!("explain oneself", registry.explain(subject, &question(None, at.clone())));
        let other = Some(Bound::User(user.clone()));
        ask!("explain another", registry.explain(subject, &question(other, at)));
        let robot = Some(format!("robot:{project}+ci").parse().expect("a robot"));
        let here = At::Project("acme".parse().expect("a name"));
        ask!("explain a robot", registry.explain(subject, &question(robot, here)));
    }
    let own = name("acme/app");
    let pull = registry.authorise(subject, Action::Pull, &own).await.expect("it is its own");
    let push = registry.authorise(subject, Action::Push, &own).await.expect("it is its own");
    ask!("blob", async { registry.blob(&pull, &things.blob).await.map(drop) });
    ask!("manifest", async { registry.manifest(&pull, &Reference::Digest(things.manifest)).await.map(drop) });
    ask!("mount", registry.mount_blob(&push, things.blob, Some(repository.clone())));
    ask!("mount from anywhere", registry.mount_blob(&push, things.blob, None));
    let scope = Scope::parse_all(&format!("repository:{repository}:pull,push"));
    ask!("token", async {
        let policy = Policy::default();
        let issued = registry.identity().token(Credential::Header(Some(header)), &scope, false, &policy, HERE).await;
        issued.map(drop).map_err(Error::from)
    });
    all
}

#[tokio::test]
async fn hidden_and_missing_take_the_same_path() {
    let house = House::new().await;
    let blob = house.push_blob("other/app", b"theirs").await;
    let manifest = house.push_image("other/app", "v1", &[blob]).await;
    let gone = house.push_blob("other/gone", b"gone").await;
    house.push_image("other/gone", "v1", &[gone]).await;
    let access = house.access(Action::Delete, "other/gone").await;
    let entry = house.registry.delete_repository(&access).await.expect("deleted").id;
    house.push_blob("acme/app", b"ours").await;
    let home = house.project("other").await;
    house.account(7, "other+ci", AccountKind::Robot { project: Some(home) }, Vec::new()).await;
    house.user(4, "somebody").await;
    let ann = house.user(2, "ann").await;
    house.bind(12, 2, "owner", Some("acme"), None).await;
    let subject = house.who(&ann).await;
    let hidden = Things { project: "other", blob, manifest, entry, user: "somebody" };
    let missing = Things {
        project: "nosuch",
        blob: sha256(b"nobody has it"),
        manifest: sha256(&image(&[sha256(b"x")])),
        entry: Id([9; 16]),
        user: "nobodyin",
    };
    // The first time what is asked of the ledger goes into the caches, from which the second is answered.
    for time in ["cold", "warm"] {
        let (one, two) = (asked(&house, &subject, &ann, &hidden).await, asked(&house, &subject, &ann, &missing).await);
        assert_eq!(one.len(), two.len());
        for (hidden, missing) in one.iter().zip(&two) {
            assert_eq!(hidden, missing, "{time}");
        }
    }
    assert!(house.registry.project(&admin(), &hidden.project()).await.is_ok(), "nothing has changed");
}
