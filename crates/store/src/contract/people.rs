//! The rules about people: accounts, groups, roles, bindings, tokens. Part of the suite of [`super::ledger`].

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc, reason = "these are tests")]

use wharf_model::api::project::ProjectChange;
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::name::RepositoryName;
use wharf_model::permission::{ADMINISTRATOR, Permissions, built_in};

use super::front::set_overview;
use super::ledger::{
    Bench, START, delete_blob, delete_manifest, delete_tag, digest, ensure, inline, make_project, mount, name, point,
    put_blob, put_manifest,
};
use crate::ledger::change::{Change, Contents, Expects, Refused};
use crate::ledger::people::{
    AccountKind, Accounts, Gives, Holder, PasswordHash, PeopleChange, SecretHash, SecretRow, Thing,
};
use crate::ledger::readable::{NameRange, Readable};

pub(super) fn handle(text: &str) -> Handle {
    text.parse().expect("a name")
}

pub(super) fn id(number: u8) -> Id {
    Id([number; 16])
}

fn permissions(text: &str) -> Permissions {
    text.parse().expect("permissions")
}

pub(super) fn account(number: u8, name: &str, kind: AccountKind, password: Option<&str>, disabled: bool) -> Change {
    Change::People(PeopleChange::PutAccount {
        id: id(number),
        name: handle(name),
        kind,
        description: format!("this is {name}"),
        disabled,
        expires_at: None,
        password: password.map(|hash| PasswordHash(hash.to_owned())),
    })
}

pub(super) fn user(number: u8, name: &str) -> Change {
    account(number, name, AccountKind::User, Some("hash"), false)
}

pub(super) fn group(number: u8, name: &str) -> Change {
    Change::People(PeopleChange::PutGroup { id: id(number), name: handle(name), description: String::new() })
}

pub(super) fn members(group: u8, accounts: &[u8]) -> Change {
    let members = accounts.iter().map(|number| id(*number)).collect();
    Change::People(PeopleChange::SetMembers { group: id(group), members })
}

fn role(number: u8, name: &str, allows: &str) -> Change {
    let (name, permissions) = (handle(name), permissions(allows));
    Change::People(PeopleChange::PutRole { id: id(number), name, description: String::new(), permissions })
}

pub(super) fn binding(number: u8, holder: Holder, gives: Gives, project: Option<Id>, pattern: Option<&str>) -> Change {
    let pattern = pattern.map(|pattern| pattern.parse().expect("a pattern"));
    Change::People(PeopleChange::PutBinding { id: id(number), holder, gives, project, pattern })
}

pub(super) fn token(number: u8, account: u8) -> Change {
    Change::People(PeopleChange::PutSecret {
        id: id(number),
        account: id(account),
        name: "laptop".to_owned(),
        hash: SecretHash([number; 32]),
        limits: vec![],
        expires_at: Some(START + 1000),
    })
}

fn people(change: PeopleChange) -> Vec<Change> {
    vec![Change::People(change)]
}

async fn project(bench: &Bench, name_of: &str) -> Id {
    bench.ledger.project(&name(name_of).project()).await.unwrap().expect("the project").id
}

/// A repository is made only in the project that was looked at when it was decided that it may be.
pub async fn a_repository_is_made_in_the_expected_project(bench: &Bench) {
    let ensure = |repository: &str, expects| Change::EnsureRepository {
        repository: name(repository),
        expects,
        made_project: false,
    };
    assert_eq!(bench.refused(vec![ensure("p/a", Expects::Project(id(7)))]).await, Refused::ProjectChanged);
    let made = bench.filled(ensure("p/a", Expects::Nothing)).await;
    assert!(matches!(made, Some(Change::EnsureRepository { made_project: true, .. })));
    let p = project(bench, "p").await;
    assert_eq!(bench.refused(vec![ensure("p/b", Expects::Nothing)]).await, Refused::ProjectChanged);
    assert_eq!(bench.refused(vec![ensure("p/a", Expects::Nothing)]).await, Refused::ProjectChanged);
    let made = bench.filled(ensure("p/b", Expects::Project(p))).await;
    assert!(matches!(made, Some(Change::EnsureRepository { made_project: false, .. })));
    assert_eq!(bench.filled(ensure("p/b", Expects::Project(p))).await, None);
    let place = bench.ledger.place(&name("p/none")).await.unwrap();
    assert_eq!((place.project, place.repository, place.public), (Some(p), None, false));
    assert!(bench.ledger.place(&name("p/b")).await.unwrap().repository.is_some());
    assert_eq!(bench.ledger.place(&name("q/b")).await.unwrap().project, None);
}

/// A project is made with the id that it is given, and only where none has come into its place; and set only as the one that
/// was looked at.
pub async fn a_project_is_the_expected_one(bench: &Bench) {
    let put = |expects, public| Change::PutProject {
        project: name("p").project(),
        expects,
        id: Some(id(7)),
        set: ProjectChange::public(public),
        created: false,
    };
    assert_eq!(bench.refused(vec![put(Expects::Project(id(7)), true)]).await, Refused::ProjectChanged);
    let owner = binding(8, Holder::Account(id(1)), Gives::BuiltIn("owner".to_owned()), Some(id(7)), None);
    bench.made(vec![user(1, "ann"), put(Expects::Nothing, false), owner]).await;
    assert_eq!(project(bench, "p").await, id(7));
    assert_eq!(bench.ledger.bindings_of(id(1)).await.unwrap()[0].project, Some((id(7), Some(name("p").project()))));
    assert_eq!(bench.refused(vec![put(Expects::Nothing, true)]).await, Refused::ProjectChanged);
    assert_eq!(bench.refused(vec![put(Expects::Project(id(9)), true)]).await, Refused::ProjectChanged);
    bench.made(vec![put(Expects::Project(id(7)), true)]).await;
    assert!(bench.ledger.project(&name("p").project()).await.unwrap().expect("it is there").public);
}

/// What is changed by its name is in the project that was looked at, not in one that has come into its place.
pub async fn what_is_changed_is_in_the_expected_project(bench: &Bench) {
    bench.made(vec![ensure("p/a"), ensure("q/a"), put_blob("p/a", "x", inline("x"))]).await;
    bench.made(vec![put_manifest("p/a", "m", vec![]), point("p/a", "v1", "m")]).await;
    let expecting = |change: &Change, expected| {
        let mut change = change.clone();
        match &mut change {
            Change::PointTag { expects, .. }
            | Change::DeleteTag { expects, .. }
            | Change::SetOverview { expects, .. }
            | Change::DeleteManifest { expects, .. }
            | Change::DeleteBlob { expects, .. }
            | Change::MountBlob { from_project: expects, .. } => *expects = expected,
            _ => {}
        }
        vec![change]
    };
    let p = project(bench, "p").await;
    let changes = [
        (mount("q/a", "x", "p/a", Readable::All), Refused::BlobUnknown(digest("x"))),
        (point("p/a", "v2", "m"), Refused::ProjectChanged),
        (set_overview("p/a", "x"), Refused::ProjectChanged),
        (delete_tag("p/a", "v1"), Refused::ProjectChanged),
        (delete_manifest("p/a", "m", 0), Refused::ProjectChanged),
        (delete_blob("p/a", "x"), Refused::ProjectChanged),
    ];
    for (change, refused) in changes {
        for other in [Expects::Project(id(9)), Expects::Nothing] {
            assert_eq!(bench.refused(expecting(&change, other)).await, refused, "{change:?}");
        }
        bench.made(expecting(&change, Expects::Project(p))).await;
    }
}

/// A list goes on after what has gone meanwhile.
pub async fn lists_go_on_after_what_has_gone(bench: &Bench) {
    bench.made(vec![user(1, "ann")]).await;
    let reader = || Gives::BuiltIn("reader".to_owned());
    let bind = |number| binding(number, Holder::Account(id(1)), reader(), None, None);
    bench.made(vec![bind(12), bind(11), bind(10)]).await;
    let bound = bench.ledger.bindings(None, 0, 2).await.unwrap();
    assert_eq!(bound.iter().map(|(_, row)| row.id).collect::<Vec<_>>(), [id(12), id(11)]);
    bench.made(people(PeopleChange::DeleteBinding { binding: id(11), project: None })).await;
    let rest = bench.ledger.bindings(None, bound[1].0, 2).await.unwrap();
    assert_eq!(rest.iter().map(|(_, row)| row.id).collect::<Vec<_>>(), [id(10)]);
}

/// A name is one account's; what was issued ends with another password and where logging in is refused, else not.
pub async fn accounts_have_one_name_and_an_epoch(bench: &Bench) {
    bench.made(vec![user(1, "ann"), user(2, "bob")]).await;
    let ann = bench.ledger.account(&handle("ann")).await.unwrap().expect("ann");
    assert_eq!((ann.id, ann.kind, ann.disabled), (id(1), AccountKind::User, false));
    assert_eq!(ann.password, Some(PasswordHash("hash".to_owned())));
    assert_eq!((ann.description.as_str(), ann.created_at), ("this is ann", START));
    assert_eq!(bench.ledger.account_by_id(id(1)).await.unwrap(), Some(ann.clone()));
    assert_eq!(bench.ledger.account(&handle("cyd")).await.unwrap(), None);
    assert_eq!(bench.refused(vec![user(3, "ann")]).await, Refused::NameTaken("ann".to_owned()));
    assert_eq!(bench.refused(vec![user(2, "ann")]).await, Refused::NameTaken("ann".to_owned()));
    let epoch = async || bench.ledger.account_by_id(id(1)).await.unwrap().expect("ann").epoch;
    bench.made(vec![account(1, "anna", AccountKind::User, None, false)]).await;
    assert_eq!(epoch().await, ann.epoch);
    assert!(bench.ledger.account(&handle("anna")).await.unwrap().expect("anna").password.is_some(), "it stays");
    bench.made(vec![user(1, "anna")]).await;
    assert_eq!(epoch().await, ann.epoch + 1);
    bench.made(vec![account(1, "anna", AccountKind::User, None, true)]).await;
    assert_eq!(epoch().await, ann.epoch + 2);
    bench.made(people(PeopleChange::EndSessions { account: id(1) })).await;
    assert_eq!(epoch().await, ann.epoch + 3);
    let logged = serde_json::to_string(&bench.ledger.log(0, 100).await.unwrap()[0].changes).expect("JSON");
    assert!(logged.contains("ann") && !logged.contains("hash"), "{logged}");
}

/// What is left out of a change stays, whatever it is by then.
pub async fn accounts_and_groups_are_changed_in_part(bench: &Bench) {
    bench.made(vec![user(1, "ann"), user(2, "bob"), group(3, "devs"), members(3, &[1])]).await;
    let ann = async || bench.ledger.account_by_id(id(1)).await.unwrap().expect("ann");
    let before = ann().await;
    let change = |description: Option<&str>, disabled, password: Option<&str>| {
        let password = password.map(|hash| PasswordHash(hash.to_owned()));
        let description = description.map(str::to_owned);
        people(PeopleChange::ChangeAccount { account: id(1), description, disabled, password })
    };
    let expect = async |description: &str, disabled, password: &str, epochs| {
        let now = ann().await;
        let password = Some(PasswordHash(password.to_owned()));
        assert_eq!((now.description.as_str(), now.disabled, now.password), (description, disabled, password));
        assert_eq!(now.epoch, before.epoch + epochs);
    };
    bench.made(change(Some("hers"), None, None)).await;
    expect("hers", false, "hash", 0).await;
    bench.made(change(None, Some(true), None)).await;
    expect("hers", true, "hash", 1).await;
    bench.made(change(None, None, Some("other"))).await;
    expect("hers", true, "other", 2).await;
    bench.made(change(None, Some(false), None)).await;
    expect("hers", false, "other", 2).await;
    for entry in bench.ledger.log(0, 100).await.unwrap() {
        let logged = serde_json::to_string(&entry.changes).expect("JSON");
        assert!(!logged.contains("other"), "{logged}");
    }
    let nobody = PeopleChange::ChangeAccount { account: id(9), description: None, disabled: None, password: None };
    assert_eq!(bench.refused(people(nobody)).await, Refused::Unknown(Thing::Account));

    let change = |remove: &[u8], add: &[u8]| {
        let ids = |numbers: &[u8]| numbers.iter().map(|number| id(*number)).collect();
        people(PeopleChange::ChangeMembers { group: id(3), remove: ids(remove), add: ids(add) })
    };
    let devs = async || {
        let rows = bench.ledger.accounts(Accounts::In(id(3)), None, 9).await.unwrap();
        rows.into_iter().map(|row| row.name.to_string()).collect::<Vec<_>>()
    };
    bench.made(change(&[], &[1, 2])).await;
    assert_eq!(devs().await, ["ann", "bob"]);
    bench.made(change(&[1, 9], &[])).await;
    assert_eq!(devs().await, ["bob"]);
    bench.made(change(&[1], &[])).await;
    assert_eq!(devs().await, ["bob"], "who is neither stays where they are");
    assert_eq!(bench.refused(change(&[], &[9])).await, Refused::Unknown(Thing::Account));
}

/// Lists of accounts: users, robots of the system, robots of a project.
pub async fn accounts_are_listed_by_kind(bench: &Bench) {
    bench.made(vec![make_project("acme", false)]).await;
    let acme = project(bench, "acme").await;
    let robot = |number, name: &str, project| account(number, name, AccountKind::Robot { project }, None, false);
    bench.made(vec![user(1, "bob"), user(2, "ann"), robot(3, "ci", None), robot(4, "acme+ci", Some(acme))]).await;
    let list = async |which, after: Option<&str>, limit| {
        let rows = bench.ledger.accounts(which, after, limit).await.unwrap();
        rows.into_iter().map(|row| row.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(Accounts::Users, None, 9).await, ["ann", "bob"]);
    assert_eq!(list(Accounts::Users, Some("ann"), 9).await, ["bob"]);
    assert_eq!(list(Accounts::Users, None, 1).await, ["ann"]);
    assert_eq!(list(Accounts::Robots(None), None, 9).await, ["ci"]);
    assert_eq!(list(Accounts::Robots(Some(acme)), None, 9).await, ["acme+ci"]);
    let row = bench.ledger.account(&handle("acme+ci")).await.unwrap().expect("the robot");
    assert_eq!((row.kind, row.password), (AccountKind::Robot { project: Some(acme) }, None));
    let stray = robot(5, "q+ci", Some(id(9)));
    assert_eq!(bench.refused(vec![stray]).await, Refused::Unknown(Thing::Project));
}

/// Groups have members, who are in them until they are not.
pub async fn groups_have_members(bench: &Bench) {
    bench.made(vec![user(1, "ann"), user(2, "bob"), group(3, "devs"), group(4, "ops")]).await;
    bench.made(vec![members(3, &[1, 2, 2]), members(4, &[2])]).await;
    let of = async |account: u8| {
        let rows = bench.ledger.groups_of(&[id(account), id(9)], 9).await.unwrap();
        let mut names: Vec<_> = rows.into_iter().map(|(_, name)| name.to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(of(1).await, ["devs"]);
    assert_eq!(of(2).await, ["devs", "ops"]);
    assert_eq!(bench.ledger.accounts(Accounts::In(id(3)), None, 9).await.unwrap().len(), 2);
    assert_eq!(bench.ledger.groups(Some("devs"), 9).await.unwrap().len(), 1);
    let mut all = bench.ledger.groups_of(&[id(1), id(2)], 9).await.unwrap();
    all.sort();
    let (devs, ops) = (handle("devs"), handle("ops"));
    assert_eq!(all, [(id(1), devs.clone()), (id(2), devs), (id(2), ops)]);
    assert_eq!(bench.ledger.groups_of(&[id(1), id(2)], 2).await.unwrap().len(), 2);
    let mut all = bench.ledger.members_of(&[id(3), id(4), id(9)], 9).await.unwrap();
    all.sort();
    let (ann, bob) = (handle("ann"), handle("bob"));
    assert_eq!(all, [(id(3), ann), (id(3), bob.clone()), (id(4), bob)]);
    assert_eq!(bench.ledger.members_of(&[id(3), id(4)], 2).await.unwrap().len(), 2);
    assert!(bench.ledger.members_of(&[], 9).await.unwrap().is_empty());
    assert_eq!(bench.ledger.group(&handle("ops")).await.unwrap().expect("ops").id, id(4));
    bench.made(vec![members(3, &[1])]).await;
    assert_eq!(of(2).await, ["ops"]);
    assert_eq!(bench.refused(vec![members(3, &[9])]).await, Refused::Unknown(Thing::Account));
    assert_eq!(bench.refused(vec![members(9, &[1])]).await, Refused::Unknown(Thing::Group));
    assert_eq!(bench.refused(vec![group(5, "ops")]).await, Refused::NameTaken("ops".to_owned()));
    bench.made(people(PeopleChange::DeleteGroup { group: id(4) })).await;
    assert!(of(2).await.is_empty());
    bench.made(people(PeopleChange::DeleteAccount { account: id(1) })).await;
    assert!(bench.ledger.accounts(Accounts::In(id(3)), None, 9).await.unwrap().is_empty());
}

/// Bindings give a role, one that is built in, or permissions; to an account itself or through its groups.
pub async fn bindings_give_what_they_say(bench: &Bench) {
    bench.made(vec![make_project("acme", false)]).await;
    let acme = project(bench, "acme").await;
    bench
        .made(vec![user(1, "ann"), user(2, "bob"), group(3, "devs"), members(3, &[1]), role(4, "puller", "pull")])
        .await;
    let (ann, devs) = (Holder::Account(id(1)), Holder::Group(id(3)));
    bench
        .made(vec![
            binding(10, ann, Gives::Role(id(4)), Some(acme), None),
            binding(11, devs, Gives::BuiltIn("reader".to_owned()), None, None),
            binding(12, ann, Gives::Permissions(permissions("push,tag")), Some(acme), Some("acme/app/**")),
            binding(13, Holder::Account(id(2)), Gives::BuiltIn("owner".to_owned()), Some(acme), None),
        ])
        .await;
    let rows = bench.ledger.bindings_of(id(1)).await.unwrap();
    let given: Vec<_> = rows.iter().map(|row| (row.id, row.permissions.to_string())).collect();
    let reader = built_in("reader").expect("it is built in").permissions.to_string();
    assert_eq!(given, [(id(10), "pull".to_owned()), (id(11), reader), (id(12), "push,tag".to_owned())]);
    assert_eq!((rows[0].role.as_ref(), rows[2].role.as_ref()), (Some(&handle("puller")), None));
    assert_eq!((rows[1].holder, rows[1].holder_name.as_str()), (devs, "devs"));
    assert_eq!((rows[1].project.clone(), rows[0].project.clone()), (None, Some((acme, Some(name("acme").project())))));
    assert_eq!(rows[2].pattern.as_ref().map(ToString::to_string).as_deref(), Some("acme/app/**"));

    bench.made(vec![role(4, "puller", "pull,delete")]).await;
    assert_eq!(bench.ledger.bindings_of(id(1)).await.unwrap()[0].permissions, permissions("pull,delete"));
    let list = async |project, after| {
        let rows = bench.ledger.bindings(project, after, 9).await.unwrap();
        rows.into_iter().map(|(_, row)| row.id).collect::<Vec<_>>()
    };
    assert_eq!(list(Some(acme), 0).await, [id(10), id(12), id(13)]);
    let first = bench.ledger.bindings(Some(acme), 0, 1).await.unwrap()[0].0;
    assert_eq!(list(Some(acme), first).await, [id(12), id(13)]);
    assert_eq!(list(None, 0).await, [id(11)]);

    let own = async |accounts: &[Id], limit| {
        let mut rows = bench.ledger.own_bindings(accounts, limit).await.unwrap();
        rows.sort_by_key(|(number, _)| *number);
        rows.into_iter().map(|(_, row)| (row.holder, row.id)).collect::<Vec<_>>()
    };
    let both = [id(1), id(2), id(3), id(9)];
    assert_eq!(own(&both, 9).await, [(ann, id(10)), (ann, id(12)), (Holder::Account(id(2)), id(13))]);
    assert_eq!((own(&both, 2).await.len(), own(&[id(2)], 9).await.len(), own(&[], 9).await.len()), (2, 1, 0));
}

/// Nothing is bound to what is not there, and nothing that is bound goes; a binding is found through its project only.
pub async fn bindings_hold_on_to_what_they_name(bench: &Bench) {
    bench.made(vec![make_project("acme", false)]).await;
    let acme = project(bench, "acme").await;
    bench.made(vec![user(1, "ann"), role(4, "puller", "pull")]).await;
    let ann = Holder::Account(id(1));
    let refused = async |change, thing| assert_eq!(bench.refused(vec![change]).await, Refused::Unknown(thing));
    refused(binding(9, Holder::Account(id(9)), Gives::Role(id(4)), None, None), Thing::Account).await;
    refused(binding(9, Holder::Group(id(9)), Gives::Role(id(4)), None, None), Thing::Group).await;
    refused(binding(9, ann, Gives::Role(id(9)), None, None), Thing::Role).await;
    refused(binding(9, ann, Gives::BuiltIn("king".to_owned()), None, None), Thing::Role).await;
    refused(binding(9, ann, Gives::Role(id(4)), Some(id(9)), None), Thing::Project).await;
    bench.made(vec![binding(10, ann, Gives::Role(id(4)), Some(acme), None)]).await;
    let delete_role = || people(PeopleChange::DeleteRole { role: id(4) });
    assert_eq!(bench.refused(delete_role()).await, Refused::InUse(Thing::Role));
    let unbind = |project| people(PeopleChange::DeleteBinding { binding: id(10), project });
    assert_eq!(bench.refused(unbind(None)).await, Refused::Unknown(Thing::Binding));
    bench.made(unbind(Some(acme))).await;
    assert_eq!(bench.refused(unbind(Some(acme))).await, Refused::Unknown(Thing::Binding));
    bench.made(delete_role()).await;
    assert!(bench.ledger.roles().await.unwrap().is_empty());
    assert_eq!(bench.refused(vec![role(5, "owner", "pull")]).await, Refused::NameTaken("owner".to_owned()));
    bench.made(vec![binding(11, ann, Gives::BuiltIn("owner".to_owned()), None, None)]).await;
    bench.made(people(PeopleChange::DeleteAccount { account: id(1) })).await;
    assert!(bench.ledger.bindings(None, 0, 9).await.unwrap().is_empty());
}

/// Where somebody administers, somebody who can log in always will: whatever way leads to nobody is refused.
pub async fn the_last_administrator_stays(bench: &Bench) {
    let administers = || Gives::BuiltIn(ADMINISTRATOR.to_owned());
    let disabled = |number, name| account(number, name, AccountKind::User, None, true);
    let robot = account(3, "bot", AccountKind::Robot { project: None }, None, false);
    bench.made(vec![user(1, "ann"), user(2, "bob"), robot, group(4, "ops"), disabled(5, "eve")]).await;
    bench.made(vec![binding(10, Holder::Account(id(1)), administers(), None, None)]).await;
    // Who cannot log in, and machines, do not count.
    bench.made(vec![binding(11, Holder::Account(id(3)), administers(), None, None)]).await;
    bench.made(vec![binding(12, Holder::Account(id(5)), administers(), None, None)]).await;
    let last = async |changes| assert_eq!(bench.refused(changes).await, Refused::LastAdministrator);
    last(people(PeopleChange::DeleteAccount { account: id(1) })).await;
    last(vec![disabled(1, "ann")]).await;
    last(people(PeopleChange::DeleteBinding { binding: id(10), project: None })).await;
    last(vec![binding(10, Holder::Account(id(1)), Gives::BuiltIn("owner".to_owned()), None, None)]).await;
    // Through a group.
    bench.made(vec![binding(13, Holder::Group(id(4)), administers(), None, None), members(4, &[2])]).await;
    bench.made(people(PeopleChange::DeleteBinding { binding: id(10), project: None })).await;
    last(vec![members(4, &[])]).await;
    last(vec![members(4, &[3, 5])]).await;
    let change = PeopleChange::ChangeMembers { group: id(4), remove: vec![id(2)], add: vec![id(3)] };
    last(people(change)).await;
    let (description, disabled, password) = (None, Some(true), None);
    last(people(PeopleChange::ChangeAccount { account: id(2), description, disabled, password })).await;
    last(people(PeopleChange::DeleteGroup { group: id(4) })).await;
    last(people(PeopleChange::DeleteAccount { account: id(2) })).await;
    bench.made(vec![members(4, &[1])]).await;
    bench.made(people(PeopleChange::DeleteAccount { account: id(2) })).await;
    // In one commit another may come after the one before has gone, but somebody has to.
    let change = |holder, number| binding(number, Holder::Account(id(holder)), administers(), None, None);
    let (leaves, group_goes) =
        (people(PeopleChange::DeleteAccount { account: id(1) }), PeopleChange::DeleteGroup { group: id(4) });
    last([leaves.clone(), vec![user(6, "kim"), change(3, 14)]].concat()).await;
    bench.made([leaves, people(group_goes), vec![user(6, "kim"), change(6, 14)]].concat()).await;
}

/// The bindings of a group, and the names of projects, in order and bounded.
pub async fn groups_and_projects_are_listed(bench: &Bench) {
    let projects = [("b", true), ("a", false), ("a-c", true), ("0", true)];
    bench.made(projects.map(|(project, public)| make_project(project, public)).to_vec()).await;
    let listed = async |public_only, after, limit| {
        let names = bench.ledger.project_names(public_only, after, limit).await.unwrap();
        names.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(listed(false, None, 9).await, ["0", "a", "a-c", "b"]);
    assert_eq!(listed(false, Some("a"), 1).await, ["a-c"]);
    assert_eq!(listed(true, Some("0"), 9).await, ["a-c", "b"]);
    let a = project(bench, "a").await;
    bench.made(vec![group(4, "ops"), group(5, "devs"), role(6, "puller", "pull"), user(1, "ann")]).await;
    let to = |number, group, gives, project| binding(number, Holder::Group(id(group)), gives, project, None);
    bench.made(vec![to(10, 4, Gives::Role(id(6)), Some(a)), to(11, 5, Gives::Role(id(6)), None)]).await;
    bench.made(vec![to(12, 4, Gives::BuiltIn("reader".to_owned()), None), members(4, &[1])]).await;
    let bound = async |group| {
        let rows = bench.ledger.bindings_of_group(id(group)).await.unwrap();
        rows.into_iter().map(|row| (row.id, row.holder, row.permissions.to_string(), row.project)).collect::<Vec<_>>()
    };
    let ops = Holder::Group(id(4));
    let in_a = Some((a, Some(name("a").project())));
    let expect = [(id(10), ops, "pull".to_owned(), in_a), (id(12), ops, "pull,project:read".to_owned(), None)];
    assert_eq!(bound(4).await, expect);
    assert!(bound(9).await.is_empty());
}

/// Tokens are found by their id, and end when they are told to.
pub async fn tokens_end(bench: &Bench) {
    bench.made(vec![user(1, "ann"), user(2, "bob"), token(5, 1), token(6, 1)]).await;
    let found = bench.ledger.secret(id(5)).await.unwrap().expect("the token");
    let expect = SecretRow {
        number: found.number,
        id: id(5),
        account: id(1),
        name: "laptop".to_owned(),
        hash: SecretHash([5; 32]),
        limits: vec![],
        created_at: START,
        expires_at: Some(START + 1000),
        used_at: None,
    };
    assert_eq!(found, expect);
    bench.ledger.note_uses(&[(id(5), START + 7), (id(9), START)]).await.unwrap();
    bench.ledger.note_uses(&[(id(5), START + 3)]).await.unwrap();
    assert_eq!(bench.ledger.secret(id(5)).await.unwrap().expect("the token").used_at, Some(START + 7));
    let end = |secret, account, at| people(PeopleChange::EndSecret { secret: id(secret), account: id(account), at });
    assert_eq!(bench.refused(end(5, 2, None)).await, Refused::Unknown(Thing::Token));
    bench.made(end(5, 1, Some(START + 500))).await;
    let until = async || bench.ledger.secret(id(5)).await.unwrap().expect("the token").expires_at;
    assert_eq!(until().await, Some(START + 500));
    bench.commit(end(5, 1, Some(START + 900))).await.expect("no effect");
    assert_eq!(until().await, Some(START + 500), "it never lives longer");
    bench.made(end(5, 1, None)).await;
    assert_eq!(bench.ledger.secret(id(5)).await.unwrap(), None);
    bench.made(vec![token(7, 2), token(4, 1)]).await;
    let listed = bench.ledger.secrets(&[id(2), id(9), id(1)]).await.unwrap();
    let listed: Vec<_> = listed.into_iter().map(|row| (row.account, row.id)).collect();
    assert_eq!(listed, [(id(1), id(6)), (id(2), id(7)), (id(1), id(4))]);
    assert_eq!(bench.ledger.secrets(&[id(2)]).await.unwrap().len(), 1);
    bench.made(people(PeopleChange::DeleteAccount { account: id(1) })).await;
    assert_eq!(bench.ledger.secret(id(6)).await.unwrap(), None);
    let logged = serde_json::to_string(&bench.ledger.log(0, 100).await.unwrap()[0].changes).expect("JSON");
    assert!(logged.contains("laptop") && !logged.contains("[5,5"), "{logged}");
}

/// Pages of what may be read by ranges of names: no more than that, in order, whatever ranges overlap.
pub async fn repositories_are_listed_by_ranges(bench: &Bench) {
    let names = ["a", "a-b/c", "a/b", "a/b/c", "a/c", "b", "b/a", "b/web", "b/x/web", "c/a", "d/a"];
    let ensure = |one: &&str| Change::EnsureRepository {
        repository: name(one),
        expects: Expects::Anything,
        made_project: false,
    };
    bench.made(names.iter().map(ensure).collect()).await;
    bench.made(vec![make_project("d", true)]).await;
    let list = async |ranges: Vec<NameRange>, after: Option<&str>, limit| -> Vec<String> {
        let list = bench.ledger.repositories(&Readable::some(ranges), after, limit).await.unwrap().names;
        list.iter().map(RepositoryName::to_string).collect()
    };
    let a = || vec![NameRange::one("a".to_owned()), NameRange::below("a/".to_owned())];
    let web = || NameRange::matching("b/".to_owned(), "**/web".parse().expect("a pattern"));
    assert_eq!(list(vec![], None, 9).await, ["d/a"]);
    assert_eq!(list(a(), None, 9).await, ["a", "a/b", "a/b/c", "a/c", "d/a"]);
    assert_eq!(list(a(), None, 2).await, ["a", "a/b"]);
    assert_eq!(list(a(), Some("a/b"), 2).await, ["a/b/c", "a/c"]);
    assert_eq!(list(vec![web()], None, 1).await, ["b/web"]);
    assert_eq!(list(vec![web()], Some("b/web"), 9).await, ["b/x/web", "d/a"]);
    let overlapping = [a(), vec![web(), NameRange::one("a/b".to_owned()), NameRange::below("a/b".to_owned())]].concat();
    assert_eq!(list(overlapping.clone(), None, 9).await, ["a", "a/b", "a/b/c", "a/c", "b/web", "b/x/web", "d/a"]);
    assert_eq!(list(overlapping, Some("a/c"), 2).await, ["b/web", "b/x/web"]);
    assert!(list(a(), None, 0).await.is_empty());
}

/// Of names that are in a range and not to be read so many are passed over for one page and no more; the next goes on there, even
/// where what was there has gone.
pub async fn a_page_of_repositories_passes_over_so_many(bench: &Bench) {
    const HIDDEN: usize = 10_500;
    let hidden = |at: usize| format!("a/{at:05}");
    let changes = (0..HIDDEN).map(hidden).chain(["a/00003/web", "a/z/web", "b", "pub"].map(str::to_owned));
    bench.made(changes.map(|name| ensure(&name)).collect()).await;
    bench.made(vec![make_project("pub", true)]).await;
    let readable = Readable::some(vec![
        NameRange::matching("a/".to_owned(), "a/**/web".parse().expect("a pattern")),
        NameRange::matching("a/".to_owned(), "a/z/*".parse().expect("a pattern")),
        NameRange::one("b".to_owned()),
    ]);
    let list = async |after: Option<&str>, limit| {
        let page = bench.ledger.repositories(&readable, after, limit).await.unwrap();
        (page.names.iter().map(RepositoryName::to_string).collect::<Vec<_>>(), page.next)
    };
    let (names, next) = list(None, 9).await;
    let next = next.expect("there is more");
    assert_eq!(names, ["a/00003/web"]);
    assert!(next.as_str() > "a/09000" && !readable.holds(&next, false), "{next}");
    assert_eq!(list(None, 1).await, (names, Some(next.clone())));
    let rest = (["a/z/web", "b", "pub"].map(str::to_owned).to_vec(), None);
    assert_eq!(list(Some(&next), 9).await, rest);
    let (names, first) = list(Some("a/00003/web"), 9).await;
    assert!(names.is_empty() && first.is_some_and(|first| first.as_str() > "a/09000"), "an empty page");
    let gone = |at: usize| Change::DeleteRepository {
        repository: name(&hidden(at)),
        expects: Expects::Anything,
        entry: Id((at as u128).to_be_bytes()),
        keep: 0,
        contents: Contents::default(),
    };
    bench.made((9_900..HIDDEN).map(gone).collect()).await;
    assert_eq!(list(Some(&next), 9).await, rest);
}
