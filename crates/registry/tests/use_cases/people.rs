//! People and what they are given: nobody gives away what they do not have, nobody is found out about by who may not know,
//! and somebody always administers.

use serde_json::{Value, json};
use wharf_model::api::access::Bound;
use wharf_model::api::people::Limit;
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::name::ProjectName;
use wharf_model::permission::{Permission, Permissions};
use wharf_registry::access::Action;
use wharf_registry::actor::{Ceiling, Subject};
use wharf_registry::error::Error;
use wharf_registry::explain::{At, Question};
use wharf_registry::people::Part;
use wharf_store::ledger::people::{AccountKind, People as _};

use crate::house::{House, admin, name};

const ALL: Part = Part { limit: 100, after: None };

fn handle(text: &str) -> Handle {
    text.parse().expect("a name")
}

fn acme() -> ProjectName {
    "acme".parse().expect("a project's name")
}

/// A body of the API.
fn body<T: serde::de::DeserializeOwned>(body: Value) -> T {
    serde_json::from_value(body).expect("a body")
}

/// How a use case ended: `ok`, or the sort of error.
fn end<T>(result: Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(Error::Denied) => "denied",
        Err(Error::Unauthorized) => "login",
        Err(Error::ProjectUnknown(_)) => "no project",
        Err(Error::NotThere { .. }) => "not there",
        Err(Error::Conflict(_)) => "conflict",
        Err(Error::Field { .. }) => "field",
        Err(Error::Beyond { .. }) => "beyond",
        Err(Error::Above(_)) => "above",
        Err(Error::PasswordWrong) => "wrong password",
        Err(Error::PasswordNeeded(_)) => "password needed",
        Err(other) => panic!("{other}"),
    }
}

/// A house with the projects acme and other, where ann owns acme, bob maintains it, and eve has nothing.
async fn house() -> (House, Subject, Subject, Subject) {
    let house = House::new().await;
    house.push_blob("acme/app", b"x").await;
    house.push_blob("other/app", b"y").await;
    let (ann, bob, eve) = (house.user(2, "ann").await, house.user(3, "bob").await, house.user(4, "eve").await);
    house.bind(12, 2, "owner", Some("acme"), None).await;
    house.bind(13, 3, "maintainer", Some("acme"), None).await;
    let (ann, bob, eve) = (house.who(&ann).await, house.who(&bob).await, house.who(&eve).await);
    (house, ann, bob, eve)
}

/// The subject under what a token would limit it to.
fn limited(subject: &Subject, permissions: &str, pattern: Option<&str>) -> Subject {
    let limit = Limit {
        permissions: permissions.parse().expect("permissions"),
        repositories: pattern.map(|pattern| pattern.parse().expect("a pattern")),
    };
    let ceiling = Ceiling { limits: [limit].into(), by_token: true, ..Ceiling::default() };
    Subject { ceiling, ..subject.clone() }
}

async fn bind(house: &House, subject: &Subject, project: Option<&str>, new: Value) -> &'static str {
    let project: Option<ProjectName> = project.map(|name| name.parse().expect("a project's name"));
    end(house.registry.new_binding(subject, project.as_ref(), &body(new)).await)
}

#[tokio::test]
async fn nobody_binds_what_they_do_not_have() {
    let (house, ann, bob, eve) = house().await;
    let eve_gets = |what: Value| {
        let mut new = json!({ "subject": "user:eve" });
        new.as_object_mut().expect("an object").extend(what.as_object().expect("an object").clone());
        new
    };
    let owner = || eve_gets(json!({ "role": "owner" }));
    assert_eq!(bind(&house, &ann, Some("acme"), owner()).await, "ok");
    assert_eq!(bind(&house, &ann, Some("acme"), owner()).await, "conflict", "twice");
    assert_eq!(
        bind(&house, &ann, Some("acme"), eve_gets(json!({ "role": "administrator" }))).await,
        "ok",
        "an owner there"
    );
    assert_eq!(
        bind(&house, &bob, Some("acme"), eve_gets(json!({ "role": "reader" }))).await,
        "denied",
        "no member:write"
    );
    assert_eq!(bind(&house, &ann, Some("other"), owner()).await, "no project");
    assert_eq!(bind(&house, &ann, None, owner()).await, "denied");
    let rows = [
        (json!({ "permissions": ["pull"], "repositories": "acme/app/**" }), "ok"),
        (json!({ "permissions": ["quota:write"] }), "field"),
        (json!({ "permissions": ["project:read"], "repositories": "acme/**" }), "field"),
        (json!({ "permissions": ["pull"], "repositories": "other/**" }), "field"),
        (json!({ "permissions": [] }), "field"),
        (json!({ "permissions": ["pull"], "role": "reader" }), "field"),
        (json!({}), "field"),
        (json!({ "role": "no-such" }), "not there"),
        (json!({ "subject": "user:nobody", "role": "reader" }), "not there"),
        (json!({ "subject": "group:nobody", "role": "reader" }), "not there"),
        (json!({ "subject": "robot:eve", "role": "reader" }), "not there"),
        (json!({ "subject": "robot:other+ci", "role": "reader" }), "field"),
    ];
    for (what, expect) in rows {
        assert_eq!(bind(&house, &ann, Some("acme"), eve_gets(what.clone())).await, expect, "{what}");
    }
    // Who may bind may not give more than the little they have; nor may their tokens.
    house.bind(14, 4, "member:write,pull", Some("other"), None).await;
    house.user(5, "sub").await;
    let eve = Subject { rights: house.rights(4).await, ..eve };
    let gets = |role: &str| json!({ "subject": "user:sub", "role": role });
    assert_eq!(bind(&house, &eve, Some("other"), gets("reader")).await, "beyond");
    assert_eq!(
        bind(&house, &eve, Some("other"), json!({ "subject": "user:sub", "permissions": ["pull"] })).await,
        "ok"
    );
    let token = limited(&ann, "member:write,pull", None);
    assert_eq!(bind(&house, &token, Some("acme"), gets("contributor")).await, "beyond");
    assert_eq!(bind(&house, &limited(&ann, "pull", None), Some("acme"), gets("reader")).await, "denied");
    assert_eq!(
        bind(&house, &token, Some("acme"), json!({ "subject": "user:sub", "permissions": ["pull"] })).await,
        "ok"
    );
}

/// A binding is taken away through its own place only, and for the next request.
#[tokio::test]
async fn bindings_are_listed_and_deleted_in_their_place() {
    let (house, ann, bob, _) = house().await;
    let listed = house.registry.bindings(&bob, Some(&acme()), &Part { limit: 1, after: None }).await.expect("listed");
    assert_eq!(listed.items.iter().map(|one| one.id).collect::<Vec<_>>(), [Id([12; 16])]);
    let rest = Part { limit: 9, after: listed.next };
    let listed = house.registry.bindings(&bob, Some(&acme()), &rest).await.expect("listed").items;
    assert_eq!(listed.iter().map(|one| one.subject.to_string()).collect::<Vec<_>>(), ["user:bob"]);
    let (others, bobs) = ("other".parse().expect("a name"), Id([13; 16]));
    assert_eq!(end(house.registry.delete_binding(&admin(), Some(&others), bobs).await), "not there");
    assert_eq!(end(house.registry.delete_binding(&admin(), None, bobs).await), "not there");
    assert_eq!(end(house.registry.delete_binding(&bob, Some(&acme()), bobs).await), "denied");
    assert_eq!(end(house.registry.delete_binding(&ann, Some(&acme()), bobs).await), "ok");
    assert_eq!(end(house.registry.delete_binding(&ann, Some(&acme()), bobs).await), "not there");
}

#[tokio::test]
async fn roles_hold_no_more_than_their_maker_has_everywhere() {
    let (house, ann, _, eve) = house().await;
    let put = async |subject: &Subject, role: &str, permissions: Value| {
        end(house.registry.put_role(subject, &handle(role), &body(json!({ "permissions": permissions }))).await)
    };
    assert_eq!(put(&ann, "mine", json!(["pull"])).await, "denied");
    house.bind(14, 4, "role:write,pull", None, None).await;
    let eve = Subject { rights: house.rights(4).await, ..eve };
    assert_eq!(put(&eve, "puller", json!(["pull"])).await, "ok");
    // She holds it herself by now: it does not grow in her hands.
    house
        .registry
        .new_binding(&admin(), None, &body(json!({ "subject": "user:eve", "role": "puller" })))
        .await
        .expect("bound");
    assert_eq!(put(&eve, "puller", json!(["pull", "push"])).await, "beyond");
    assert_eq!(put(&eve, "puller", json!(["pull", "role:write"])).await, "ok");
    assert_eq!(put(&limited(&eve, "role:write", None), "puller", json!(["pull"])).await, "beyond");
    assert_eq!(put(&eve, "other", json!([])).await, "field");
    // What she has not she does not take from others either.
    assert_eq!(put(&admin(), "ops", json!(["pull", "push"])).await, "ok");
    assert_eq!(put(&eve, "ops", json!(["pull"])).await, "beyond");
    assert_eq!(put(&eve, "acme+x", json!(["pull"])).await, "field");
    assert_eq!(put(&admin(), "owner", json!(["pull"])).await, "conflict", "built in");
    let delete = async |role: &str| end(house.registry.delete_role(&admin(), &handle(role)).await);
    assert_eq!(delete("puller").await, "conflict", "in use");
    assert_eq!(delete("reader").await, "conflict");
    assert_eq!(delete("none").await, "not there");
    let names = async |subject: &Subject| {
        let roles = house.registry.roles(subject, &ALL).await?.items;
        Ok::<_, Error>(roles.into_iter().map(|role| role.name.to_string()).collect::<Vec<_>>())
    };
    let expect = ["administrator", "contributor", "maintainer", "ops", "owner", "puller", "reader"];
    assert_eq!(names(&ann).await.expect("listed"), expect);
    assert_eq!(end(names(&Subject::anonymous()).await), "login");
}

/// `group:write` is no way to what a group is given.
#[tokio::test]
async fn groups_take_in_no_more_than_who_adds_has() {
    let (house, _, _, eve) = house().await;
    let put = async |subject: &Subject, group: &str, change: Value| {
        end(house.registry.put_group(subject, &handle(group), &body(change)).await)
    };
    house.bind(14, 4, "group:write,user:read", None, None).await;
    let eve = Subject { rights: house.rights(4).await, ..eve };
    assert_eq!(put(&eve, "devs", json!({ "members": ["bob", "eve"], "description": "they" })).await, "ok");
    let told = house.registry.group(&eve, &handle("devs")).await.expect("there");
    assert_eq!((told.members, told.description.as_str()), (vec![handle("bob"), handle("eve")], "they"));
    assert_eq!(put(&eve, "devs", json!({ "members": ["nobody"] })).await, "not there");
    assert_eq!(put(&eve, "acme+devs", json!({})).await, "field");
    assert_eq!(bind(&house, &admin(), None, json!({ "subject": "group:devs", "role": "administrator" })).await, "ok");
    assert_eq!(put(&eve, "devs", json!({ "members": ["bob", "eve", "ann"] })).await, "above");
    assert_eq!(put(&eve, "devs", json!({ "members": ["eve", "bob"] })).await, "ok", "who was in it stays");
    assert_eq!(put(&eve, "devs", json!({ "members": ["eve"] })).await, "above", "nor does anybody lose what she lacks");
    assert_eq!(put(&eve, "devs", json!({ "members": [] })).await, "above");
    assert_eq!(end(house.registry.delete_group(&eve, &handle("devs")).await), "above");
    assert_eq!(put(&eve, "devs", json!({ "description": "these" })).await, "ok");
    assert_eq!(put(&admin(), "devs", json!({ "members": ["eve"] })).await, "ok");
    assert_eq!(put(&eve, "devs", json!({ "members": ["bob", "eve"] })).await, "above");
    assert_eq!(put(&admin(), "devs", json!({ "members": ["bob", "eve"] })).await, "ok");
    // The administrator of these tests is not in the ledger: they are the last.
    assert_eq!(put(&admin(), "devs", json!({ "members": [] })).await, "conflict");
    assert_eq!(end(house.registry.delete_group(&admin(), &handle("devs")).await), "conflict");
    assert_eq!(end(house.registry.delete_user(&admin(), &handle("bob")).await), "ok");
    assert_eq!(end(house.registry.delete_user(&admin(), &handle("eve")).await), "conflict");
    let disable = body(json!({ "disabled": true }));
    assert_eq!(end(house.registry.change_user(&admin(), &handle("eve"), &disable).await), "conflict");
    let listed = house.registry.groups(&eve, &ALL).await.expect("listed").items;
    assert_eq!(listed[0].members, [handle("eve")]);
}

#[tokio::test]
async fn users_come_and_go() {
    let (house, ann, _, eve) = house().await;
    let new = async |subject: &Subject, new: Value| house.registry.new_user(subject, &body(new)).await;
    assert_eq!(end(new(&ann, json!({ "name": "kim" })).await), "denied");
    house.bind(14, 4, "user:write,user:read", None, None).await;
    let eve = Subject { rights: house.rights(4).await, ..eve };
    let made = new(&eve, json!({ "name": "kim", "description": "Kim" })).await.expect("made");
    let secret = made.secret.expect("a made-up password");
    assert!(secret.len() >= 20);
    let login = async |name: &str, password: &str| house.login(name, password).await.is_some();
    assert!(login("kim", &secret).await);
    let chosen = new(&eve, json!({ "name": "lee", "password": "correct horse" })).await.expect("made");
    assert!(chosen.secret.is_none() && login("lee", "correct horse").await);
    for (wrong, expect) in [
        (json!({ "name": "kim" }), "conflict"),
        (json!({ "name": "acme+ci" }), "field"),
        (json!({ "name": "max", "password": "short" }), "field"),
        (json!({ "name": "maximilian", "password": "Maximilian" }), "field"),
        (json!({ "name": "max", "description": "x".repeat(1_001) }), "field"),
    ] {
        assert_eq!(end(new(&eve, wrong.clone()).await), expect, "{wrong}");
    }
    let mut part = Part { limit: 2, after: None };
    for expect in [&["ann", "bob"], &["eve", "kim"]] {
        let names = house.registry.users(&eve, &part).await.expect("listed");
        assert_eq!(names.items.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), expect);
        part.after = names.next;
    }
    assert!(part.after.is_some());
    assert_eq!(end(house.registry.users(&ann, &ALL).await), "denied");
    // Oneself, and nobody else.
    assert_eq!(end(house.registry.user(&ann, &handle("ann")).await), "ok");
    for other in ["kim", "nobody"] {
        assert_eq!(end(house.registry.user(&ann, &handle(other)).await), "denied");
    }
    assert_eq!(end(house.registry.user(&eve, &handle("nobody")).await), "not there");
    // At once.
    let change = async |change: Value| house.registry.change_user(&eve, &handle("kim"), &body(change)).await;
    assert!(change(json!({ "disabled": true })).await.expect("changed").disabled);
    assert!(!login("kim", &secret).await);
    let told = change(json!({ "disabled": false })).await.expect("changed");
    assert_eq!((told.description.as_str(), login("kim", &secret).await), ("Kim", true));
    house.registry.delete_user(&eve, &handle("kim")).await.expect("deleted");
    assert!(!login("kim", &secret).await);
}

/// Who helps people neither shuts out those who may do more, nor lets them in again.
#[tokio::test]
async fn nobody_acts_on_who_has_more() {
    let (house, _, _, eve) = house().await;
    house.bind(14, 4, "user:write,user:read", None, None).await;
    let eve = Subject { rights: house.rights(4).await, ..eve };
    let boss = house.user(5, "boss").await;
    house.bind(15, 5, "administrator", None, None).await;
    let (boss, of_boss) = (house.who(&boss).await, handle("boss"));
    let all_of = async |subject: &Subject, name: &Handle, token: u8| {
        let disabled = |disabled: bool| body(json!({ "disabled": disabled }));
        [
            end(house.registry.change_user(subject, name, &disabled(false)).await),
            end(house.registry.change_user(subject, name, &disabled(true)).await),
            end(house.registry.end_sessions(subject, name).await),
            end(house.registry.delete_token(subject, name, Id([token; 16])).await),
            end(house.registry.delete_user(subject, name).await),
        ]
    };
    assert_eq!(all_of(&eve, &of_boss, 5).await, ["above"; 5]);
    assert_eq!(all_of(&limited(&admin(), "user:write", None), &of_boss, 5).await, ["above"; 5]);
    let only_members = limited(&admin(), "member:write", None);
    assert_eq!(end(house.registry.delete_binding(&only_members, None, Id([15; 16])).await), "above");
    let described = house.registry.change_user(&eve, &of_boss, &body(json!({ "description": "the boss" }))).await;
    assert_eq!(described.expect("changed").description, "the boss");
    house.user(6, "sub").await;
    assert_eq!(all_of(&eve, &handle("sub"), 6).await, ["ok"; 5]);
    assert_eq!(all_of(&boss, &handle("eve"), 4).await, ["ok"; 5]);
}

/// Setting somebody's password is getting at all that they have.
#[tokio::test]
async fn passwords_are_set_by_who_may() {
    let (house, ann, _, eve) = house().await;
    house.bind(14, 4, "user:write", None, None).await;
    let eve = Subject { rights: house.rights(4).await, ..eve };
    let set = async |subject: &Subject, user: &str, change: Value| {
        end(house.registry.set_password(subject, &handle(user), &body(change)).await)
    };
    let plain = |password: &str| json!({ "password": password });
    assert_eq!(set(&eve, "ann", plain("correct horse")).await, "above");
    assert_eq!(set(&admin(), "ann", plain("correct horse")).await, "ok");
    assert!(house.login("ann", "correct horse").await.is_some());
    assert_eq!(set(&ann, "bob", plain("correct horse")).await, "denied");
    assert_eq!(set(&ann, "nobody", plain("correct horse")).await, "denied");
    assert_eq!(set(&ann, "ann", plain("another horse")).await, "field", "the current one is missing");
    let change = |current: &str| json!({ "password": "another horse", "current": current });
    assert_eq!(set(&ann, "ann", change("wrong")).await, "wrong password");
    assert_eq!(set(&ann, "ann", change("correct horse")).await, "ok");
    assert!(house.login("ann", "correct horse").await.is_none());
    assert!(house.login("ann", "another horse").await.is_some());
    assert_eq!(set(&limited(&ann, "pull", None), "ann", change("wrong")).await, "wrong password");
    assert_eq!(set(&Subject::anonymous(), "ann", plain("correct horse")).await, "login");
    house.user(6, "sub").await;
    assert_eq!(set(&eve, "sub", plain("correct horse")).await, "ok", "who has nothing");
    assert_eq!(set(&limited(&admin(), "user:write", None), "ann", plain("correct horse")).await, "above");
}

#[tokio::test]
async fn tokens_are_made_with_the_password() {
    let (house, ann, bob, _) = house().await;
    let by_password = Subject { ceiling: Ceiling::default(), ..ann.clone() };
    let new = async |subject: &Subject, user: &str, new: Value| {
        house.registry.new_token(subject, &handle(user), &body(new)).await
    };
    let plain = || json!({ "name": "laptop" });
    assert_eq!(end(new(&ann, "ann", plain()).await), "password needed", "she came by a token");
    assert_eq!(end(new(&admin(), "ann", plain()).await), "denied", "for somebody else");
    assert_eq!(end(new(&bob, "ann", plain()).await), "denied");
    let limits = json!([{ "permissions": ["pull"], "repositories": "acme/app" }]);
    let made = new(&by_password, "ann", json!({ "name": "ci", "days": 2, "limits": limits })).await.expect("made");
    let secret = made.secret.expect("a secret");
    let token = house.login("ann", &secret).await.expect("right");
    let pull = house.registry.authorise(&token, Action::Pull, &name("acme/app")).await;
    assert_eq!((end(pull), token.ceiling.by_token), ("ok", true));
    assert_eq!(end(house.registry.authorise(&token, Action::Push, &name("acme/app")).await), "denied");
    for wrong in [
        json!({ "name": "" }),
        json!({ "name": "a\nb" }),
        json!({ "name": "x", "days": 0 }),
        json!({ "name": "x", "limits": [{ "permissions": [] }] }),
        json!({ "name": "x", "limits": vec![json!({ "permissions": ["pull"] }); 51] }),
    ] {
        assert_eq!(end(new(&by_password, "ann", wrong.clone()).await), "field", "{wrong}");
    }
    let list = async |subject: &Subject| house.registry.tokens(subject, &handle("ann"), &ALL).await;
    let listed = list(&ann).await.expect("listed").items;
    assert_eq!(listed.iter().map(|token| token.name.as_str()).collect::<Vec<_>>(), ["ci", "ci"]);
    assert_eq!(end(list(&bob).await), "denied");
    let first = Part { limit: 1, after: None };
    let next = house.registry.tokens(&admin(), &handle("ann"), &first).await.expect("listed").next;
    let second = Part { limit: 1, after: next };
    let rest = house.registry.tokens(&admin(), &handle("ann"), &second).await.expect("listed");
    assert_eq!((rest.items.len(), rest.items[0].id, rest.next), (1, made.made.id, None));
    let delete = async |subject: &Subject, id| house.registry.delete_token(subject, &handle("ann"), id).await;
    assert_eq!(end(delete(&token, made.made.id).await), "denied", "a limited token ends nothing");
    assert_eq!(end(delete(&bob, made.made.id).await), "denied");
    assert_eq!(end(delete(&ann, Id([3; 16])).await), "not there", "bob's");
    assert_eq!(end(delete(&ann, listed[0].id).await), "ok");
    let rest = house.registry.tokens(&admin(), &handle("ann"), &second).await.expect("listed");
    assert_eq!(rest.items.iter().map(|token| token.id).collect::<Vec<_>>(), [made.made.id], "after one that has gone");
    assert_eq!(end(delete(&ann, made.made.id).await), "ok");
    assert!(house.login("ann", &secret).await.is_none());
}

#[tokio::test]
async fn robots_have_no_more_than_their_maker() {
    let (house, ann, bob, eve) = house().await;
    let acme = acme();
    let new = async |subject: &Subject, new: Value| house.registry.new_robot(subject, Some(&acme), &body(new)).await;
    let made =
        new(&bob, json!({ "name": "ci", "bindings": [{ "role": "contributor" }], "days": 1 })).await.expect("made");
    assert_eq!(made.made.name.as_str(), "acme+ci");
    assert_eq!(made.made.bindings.len(), 1);
    let secret = made.secret.expect("a secret");
    let robot = house.login("acme+ci", &secret).await.expect("right");
    assert_eq!(end(house.registry.authorise(&robot, Action::Push, &name("acme/app")).await), "ok");
    assert_eq!(end(house.registry.authorise(&robot, Action::Delete, &name("acme/app")).await), "denied");
    for (wrong, expect) in [
        (json!({ "name": "ci", "bindings": [] }), "conflict"),
        (json!({ "name": "acme+x", "bindings": [] }), "field"),
        (json!({ "name": "x", "bindings": [{ "role": "owner" }] }), "beyond"),
        (json!({ "name": "x", "bindings": [{ "permissions": ["member:write"] }] }), "beyond"),
        (json!({ "name": "x", "bindings": [{ "subject": "user:bob", "role": "reader" }] }), "field"),
        (json!({ "name": "x", "bindings": vec![json!({ "role": "reader" }); 51] }), "field"),
        (json!({ "name": "x", "bindings": [], "days": 3_651 }), "field"),
    ] {
        assert_eq!(end(new(&bob, wrong.clone()).await), expect, "{wrong}");
    }
    assert_eq!(end(new(&robot, json!({ "name": "x", "bindings": [] })).await), "denied");
    assert_eq!(end(new(&eve, json!({ "name": "x", "bindings": [] })).await), "no project");
    assert_eq!(
        end(new(&limited(&bob, "robot:write", None), json!({ "name": "x", "bindings": [{ "role": "reader" }] })).await),
        "beyond"
    );
    // It is of its project, for good.
    let in_system = house.registry.robot(&admin(), None, &handle("acme+ci")).await;
    assert_eq!(end(in_system), "not there");
    let other = "other".parse().expect("a name");
    assert_eq!(end(house.registry.robot(&admin(), Some(&other), &handle("ci")).await), "not there");
    assert_eq!(end(house.registry.robot(&admin(), Some(&other), &handle("acme+ci")).await), "not there");
    for project in [Some("other"), None] {
        let new = json!({ "subject": "robot:acme+ci", "role": "reader" });
        assert_eq!(bind(&house, &admin(), project, new).await, "field", "{project:?}");
    }
    // What ann gives it is out of bob's reach.
    assert_eq!(bind(&house, &ann, Some("acme"), json!({ "subject": "robot:acme+ci", "role": "owner" })).await, "ok");
    let rotate = async |subject: &Subject, rotation: Value| {
        house.registry.rotate_robot(subject, Some(&acme), &handle("ci"), &body(rotation)).await
    };
    assert_eq!(end(rotate(&bob, json!({})).await), "above");
    assert_eq!(end(rotate(&ann, json!({ "overlap_secs": 2_592_001 })).await), "field");
    let change = async |subject: &Subject, change: Value| {
        end(house.registry.change_robot(subject, Some(&acme), &handle("ci"), &body(change)).await)
    };
    assert_eq!(change(&bob, json!({ "disabled": false })).await, "above");
    assert_eq!(change(&bob, json!({ "description": "builds" })).await, "ok");
    assert_eq!(end(house.registry.delete_robot(&bob, Some(&acme), &handle("ci")).await), "above");
    assert_eq!(change(&ann, json!({ "disabled": false })).await, "ok");
    house.registry.delete_robot(&ann, Some(&acme), &handle("ci")).await.expect("deleted");
    assert!(house.login("acme+ci", &secret).await.is_none());
    // Those of the system are users' business.
    let system = json!({ "name": "mirror", "bindings": [{ "permissions": ["pull"] }] });
    assert_eq!(end(house.registry.new_robot(&ann, None, &body(system.clone())).await), "denied");
    assert_eq!(end(house.registry.new_robot(&admin(), None, &body(system)).await), "ok");
    let listed = house.registry.robots(&admin(), None, &ALL).await.expect("listed").items;
    assert_eq!(listed.iter().map(|robot| robot.name.as_str()).collect::<Vec<_>>(), ["mirror"]);
}

#[tokio::test]
async fn rotating_overlaps_once() {
    let (house, _, bob, _) = house().await;
    let acme = acme();
    let new = body(json!({ "name": "ci", "bindings": [{ "role": "reader" }] }));
    let first = house.registry.new_robot(&bob, Some(&acme), &new).await.expect("made").secret.expect("a secret");
    let rotate = async |rotation: Value| {
        let rotated =
            house.registry.rotate_robot(&bob, Some(&acme), &handle("ci"), &body(rotation)).await.expect("rotated");
        (rotated.secret.expect("a secret"), rotated.made.tokens.len())
    };
    let open = async |secret: &str| house.login("acme+ci", secret).await.is_some();
    let (second, tokens) = rotate(json!({ "overlap_secs": 60 })).await;
    assert_eq!((tokens, open(&first).await, open(&second).await), (2, true, true));
    let (third, tokens) = rotate(json!({ "overlap_secs": 60, "days": 1 })).await;
    assert_eq!((tokens, open(&first).await, open(&second).await, open(&third).await), (2, false, true, true));
    let (fourth, tokens) = rotate(json!({})).await;
    assert_eq!((tokens, open(&third).await, open(&fourth).await), (1, false, true));
    let id = house.ledger.account(&handle("acme+ci")).await.expect("no fault").expect("there").id;
    assert_eq!(house.ledger.secrets(&[id]).await.expect("no fault").len(), 1, "what is over is forgotten");
    let change = body(json!({ "disabled": true }));
    let told = house.registry.change_robot(&bob, Some(&acme), &handle("ci"), &change).await.expect("changed");
    assert!(told.disabled && !open(&fourth).await);
}

#[tokio::test]
async fn who_sees_which_projects() {
    let (house, ann, _, eve) = house().await;
    house.push_blob("third/app", b"z").await;
    house.make_public("third", true).await;
    let names = async |subject: &Subject, part: &Part| {
        let list = house.registry.projects(subject, part).await.expect("listed");
        (list.items.iter().map(|project| project.name.to_string()).collect::<Vec<_>>().join(" "), list.next)
    };
    let plain = |names: &str| (names.to_owned(), None);
    assert_eq!(names(&admin(), &ALL).await, plain("acme other third"));
    assert_eq!(names(&ann, &ALL).await, plain("acme third"));
    assert_eq!(names(&eve, &ALL).await, plain("third"));
    let one = Part { limit: 1, after: None };
    let (first, after) = names(&ann, &one).await;
    assert_eq!((first.as_str(), after.is_some()), ("acme", true));
    assert_eq!(names(&ann, &Part { limit: 1, after }).await, plain("third"));
    assert_eq!(names(&limited(&admin(), "pull", Some("other/**")), &ALL).await, plain("other third"));
    assert_eq!(end(house.registry.projects(&Subject::anonymous(), &ALL).await), "login");
    // Of what one may not read only what anybody is told of what is public.
    let in_brief = json!({ "name": "third", "public": true, "description": "" });
    let told = async |subject: &Subject| {
        let list = house.registry.projects(subject, &ALL).await.expect("listed");
        serde_json::to_value(list.items).expect("JSON")
    };
    assert_eq!(told(&eve).await, json!([in_brief]));
    let listed = told(&ann).await;
    assert_eq!((&listed[0]["usage"]["repositories"], &listed[1]), (&json!(1), &in_brief));
    assert_eq!(told(&admin()).await[2]["usage"]["repositories"], json!(1));
    assert_eq!(told(&limited(&ann, "pull", None)).await[0]["usage"], json!(null));
    house.bind(40, 4, "contributor", Some("other"), Some("other/lib/**")).await;
    let eve = Subject { rights: house.rights(4).await, ..eve };
    assert_eq!(told(&eve).await, json!([{ "name": "other", "public": false, "description": "" }, in_brief]));
    let me = house.registry.me(&limited(&admin(), "pull", None)).await.expect("somebody");
    assert_eq!((me.subject.to_string().as_str(), me.permissions), ("user:admin", Permissions::of(&[Permission::Pull])));
    assert_eq!(end(house.registry.me(&Subject::anonymous()).await), "login");
}

#[tokio::test]
async fn why_somebody_may() {
    let (house, ann, _, eve) = house().await;
    house.account(7, "acme+ci", AccountKind::Robot { project: Some(house.project("acme").await) }, vec![]).await;
    house.bind(17, 7, "push", Some("acme"), Some("acme/app*")).await;
    house.push_blob("third/app", b"z").await;
    house.make_public("third", true).await;
    house.registry.put_group(&admin(), &handle("devs"), &body(json!({ "members": ["eve"] }))).await.expect("made");
    let devs = json!({ "subject": "group:devs", "permissions": ["tag", "pull"], "repositories": "other/app" });
    assert_eq!(bind(&house, &admin(), Some("other"), devs).await, "ok");
    let eve = Subject { rights: house.rights(4).await, ..eve };
    let ask = async |subject: &Subject, about: &str, permission: &str, at: At| {
        let about = (!about.is_empty()).then(|| about.parse::<Bound>().expect("somebody"));
        let question = Question { about, permission: permission.parse().expect("a permission"), at };
        house.registry.explain(subject, &question).await
    };
    let repository = |text: &str| At::Repository(name(text));
    let check = async |subject: &Subject, about: &str, permission: &str, at: At, allowed: bool, because: &str| {
        let told = ask(subject, about, permission, at).await.expect("told");
        assert_eq!((told.allowed, told.because.as_str()), (allowed, because));
    };
    let app = || repository("acme/app");
    let boss = admin();
    check(&ann, "", "push", app(), true, "user:ann has the role owner in the project acme").await;
    check(&boss, "robot:acme+ci", "push", app(), true, "robot:acme+ci has push in acme/app*").await;
    check(&boss, "robot:acme+ci", "delete", app(), false, "nothing gives robot:acme+ci delete in acme/app").await;
    let through = "user:eve is in the group devs, which has pull,tag in other/app";
    check(&eve, "", "tag", repository("other/app"), true, through).await;
    check(&boss, "group:devs", "tag", repository("other/app"), true, "group:devs has pull,tag in other/app").await;
    check(&eve, "", "pull", repository("third/app"), true, "anybody may pull in third/app: the project is public")
        .await;
    let lacks = "user:ann may push in new/app, but that would make the project, which takes project:create";
    house.bind(18, 2, "push", None, None).await;
    check(&boss, "user:ann", "push", repository("new/app"), false, lacks).await;
    check(&boss, "user:eve", "user:write", At::System, false, "nothing gives user:eve user:write in the system").await;
    let left = "user:ann may push in acme/app, but the token that was shown does not leave it that";
    check(&limited(&ann, "pull", None), "", "push", app(), false, left).await;
    house.registry.change_user(&boss, &handle("bob"), &body(json!({ "disabled": true }))).await.expect("changed");
    check(&boss, "user:bob", "pull", app(), false, "user:bob cannot log in: it is disabled").await;
    let told = ask(&ann, "", "push", app()).await.expect("told");
    assert_eq!(told.bindings.len(), 2, "that of the whole system as well: {told:?}");
    // What is hidden and what is missing look the same, and about others only some are told.
    let (hidden, missing) = (ask(&eve, "", "pull", app()).await, ask(&eve, "", "pull", repository("none/app")).await);
    let (hidden, missing) = (hidden.expect("told"), missing.expect("told"));
    assert_eq!(hidden.because.replace("acme", "none"), missing.because);
    assert_eq!((hidden.bindings, hidden.permissions), (missing.bindings, missing.permissions));
    assert_eq!(end(ask(&eve, "user:ann", "pull", app()).await), "no project");
    assert_eq!(end(ask(&eve, "user:nobody", "pull", app()).await), "no project");
    assert_eq!(end(ask(&eve, "user:ann", "pull", At::System).await), "denied");
    assert_eq!(end(ask(&ann, "user:eve", "pull", app()).await), "ok", "she may see who may do what in acme");
    assert_eq!(end(ask(&ann, "user:eve", "pull", repository("other/app")).await), "no project");
    assert_eq!(end(ask(&ann, "user:nobody", "pull", app()).await), "not there");
    assert_eq!(end(ask(&Subject::anonymous(), "", "pull", app()).await), "login");
    // Nor of other projects' robots: neither that they are there, nor what they may do here.
    house.account(8, "other+ci", AccountKind::Robot { project: Some(house.project("other").await) }, vec![]).await;
    let ann = Subject { rights: house.rights(2).await, ..ann };
    for at in [app(), At::Project(acme())] {
        for robot in ["robot:other+ci", "robot:other+none", "robot:none+ci"] {
            assert_eq!(end(ask(&ann, robot, "pull", at.clone()).await), "not there", "{robot}");
        }
        assert_eq!(end(ask(&ann, "robot:acme+ci", "pull", at).await), "ok");
    }
    house.bind(19, 2, "member:read", None, None).await;
    let ann = Subject { rights: house.rights(2).await, ..ann };
    assert_eq!(end(ask(&ann, "robot:other+ci", "pull", At::System).await), "not there", "she sees no users");
    assert_eq!(end(ask(&ann, "robot:other+ci", "pull", repository("other/app")).await), "ok");
    assert_eq!(end(ask(&boss, "robot:other+ci", "pull", app()).await), "ok");
}
