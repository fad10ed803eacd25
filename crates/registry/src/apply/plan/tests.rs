//! Plans over a small world: what is so already, what is changed, and all that is wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

const KIM: Id = Id([1; 16]);
const DEVS: Id = Id([2; 16]);
const ACME: Id = Id([3; 16]);
const OWNER: Id = Id([4; 16]);

fn handle(text: &str) -> Handle {
    text.parse().expect("a name")
}

fn read(text: &str) -> Config {
    serde_json::from_str(text).expect("a document")
}

fn binding(id: Id, holder: Holder, name: &str, role: &str) -> BindingRow {
    let permissions = built_in(role).expect("a role").permissions;
    let (holder_name, role, is_robot) = (handle(name), Some(handle(role)), name.contains('+'));
    let project = Some((ACME, Some("acme".parse().expect("a name"))));
    BindingRow { id, holder, holder_name, is_robot, role, permissions, project, pattern: None }
}

/// The user kim, who is in the group devs and owns the project acme.
fn world() -> World {
    let kim = AccountRow {
        id: KIM,
        name: handle("kim"),
        kind: AccountKind::User,
        description: "Kim".to_owned(),
        password: None,
        epoch: 1,
        disabled: false,
        expires_at: None,
        created_at: 0,
    };
    let devs = GroupRow { id: DEVS, name: handle("devs"), description: String::new() };
    let acme = serde_json::json!({ "id": ACME, "name": "acme", "public": false, "description": "", "missing": null,
        "artifact_types": null, "trash_days": null, "immutable": [], "quota_bytes": 10, "quota_warn_bytes": null,
        "quota_repositories": null, "usage": { "bytes": 0, "reserved_bytes": 0, "repositories": 0 }, "created_at": 0 });
    let acme: Project = serde_json::from_value(acme).expect("a project");
    World {
        users: [(handle("kim"), kim)].into(),
        groups: [(handle("devs"), Group { row: devs, members: [handle("kim")].into() })].into(),
        bindings: [(Some(acme.name.clone()), vec![binding(OWNER, Holder::Account(KIM), "kim", "owner")])].into(),
        projects: [(acme.name.clone(), acme)].into(),
        ..World::default()
    }
}

fn planned(document: &str) -> Result<Work, Vec<Problem>> {
    let mut drawn = 100;
    let mut draw = || {
        drawn += 1;
        Ok(Id([drawn; 16]))
    };
    plan(&read(document), &world(), &mut draw).map_err(|no_plan| match no_plan {
        NoPlan::Problems(problems) => problems,
        NoPlan::Failed(error) => panic!("{error}"),
    })
}

fn lines(document: &str) -> Vec<String> {
    let work = planned(document).unwrap_or_else(|problems| panic!("{document}: {problems:?}"));
    assert_eq!(work.planned.len(), work.changes.len(), "{document}");
    let line = |planned: &Planned| {
        let verb = serde_json::to_value(planned.verb).expect("a word");
        let details: String = planned.details.iter().map(|detail| format!("; {detail}")).collect();
        format!("{} {}{details}", verb.as_str().expect("a word"), planned.what)
    };
    work.planned.iter().map(line).collect()
}

#[test]
fn what_is_so_already_changes_nothing() {
    for document in [
        "{}",
        r#"{"users": {"kim": {}}}"#,
        r#"{"users": {"kim": {"description": "Kim", "disabled": false}}}"#,
        r#"{"groups": {"devs": {"members": ["kim", "kim"], "description": ""}}}"#,
        r#"{"projects": {"acme": {}}}"#,
        r#"{"projects": {"acme": {"settings": {"public": false, "quota_bytes": 10, "immutable": [], "missing": null}}}}"#,
        r#"{"projects": {"acme": {"bindings": [{"subject": "user:kim", "role": "owner"}]}}}"#,
    ] {
        assert_eq!(lines(document), [""; 0], "{document}");
    }
}

#[test]
fn what_is_not_so_is_changed() {
    let check = |document: &str, expect: &[&str]| assert_eq!(lines(document), expect, "{document}");
    check(r#"{"users": {"kim": {"disabled": true}}}"#, &["update user kim; disabled: none → yes"]);
    check(
        r#"{"users": {"ann": {}}, "groups": {"devs": {"members": ["ann"]}}}"#,
        &["create user ann", "update members of the group devs; + ann; - kim"],
    );
    check(
        r#"{"projects": {"acme": {"settings": {"public": true, "quota_bytes": null}}}}"#,
        &["update project acme; public: none → yes; quota_bytes: 10 → none"],
    );
    check(
        r#"{"roles": {"signer": {"permissions": ["pull", "attach"]}},
            "projects": {"new": {"bindings": [{"subject": "group:devs", "role": "signer", "repositories": "new/app/**"}],
                "robots": {"ci": {"description": "CI", "bindings": [{"role": "contributor"}]}}}}}"#,
        &[
            r#"create role signer; permissions: none → ["pull","attach"]"#,
            "create project new",
            "create robot new+ci; description: none → CI",
            "create binding of group:devs to signer in new/app/**",
            "create binding of robot:new+ci to contributor in new",
        ],
    );
    // In a list what is new comes before what goes.
    check(
        r#"{"projects": {"acme": {"bindings": [{"subject": "group:devs", "permissions": ["pull"]}]}}}"#,
        &["create binding of group:devs to pull in acme", "remove binding of user:kim to owner in acme"],
    );
    check(r#"{"projects": {"acme": {"bindings": []}}}"#, &["remove binding of user:kim to owner in acme"]);
}

#[test]
fn all_problems_are_told_at_once() {
    let check = |document: &str, expect: &[&str]| {
        let problems = planned(document).expect_err(document);
        let places: Vec<_> = problems.iter().map(|problem| problem.at.as_str()).collect();
        assert_eq!(places, expect, "{problems:?}");
    };
    check(
        r#"{"roles": {"owner": {"permissions": ["pull"]}, "empty": {"permissions": []}},
            "groups": {"devs": {"members": ["nobody"]}},
            "bindings": [{"role": "owner"}, {"subject": "user:nobody", "role": "owner"}, {"subject": "user:kim"},
                {"subject": "user:kim", "role": "none"}, {"subject": "robot:acme+ci", "role": "reader"},
                {"subject": "user:kim", "role": "reader", "repositories": "acme/**"}]}"#,
        &[
            "roles.empty.permissions",
            "roles.owner",
            "groups.devs.members",
            "bindings[0].subject",
            "bindings[1].subject",
            "bindings[2].role",
            "bindings[3].role",
            "bindings[4].subject",
            "bindings[5].repositories",
        ],
    );
    check(
        r#"{"robots": {"ci": {"bindings": [{"subject": "user:kim", "role": "reader"}]}},
            "projects": {"acme": {"settings": {"trash_days": 100000}, "robots": {"acme+ci": {}},
                "bindings": [{"subject": "user:kim", "permissions": ["user:write"]},
                    {"subject": "robot:acme+ci", "role": "reader"}]}}}"#,
        &[
            "projects.acme.settings.trash_days",
            "projects.acme.robots.acme+ci.name",
            "robots.ci.bindings[0].subject",
            "projects.acme.bindings[0].permissions",
            "projects.acme.bindings[1].subject",
        ],
    );
}
