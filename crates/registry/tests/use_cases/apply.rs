//! All that is configured, exported and applied.

use wharf_model::api::config::{Config, Plan};
use wharf_registry::access::Action;
use wharf_registry::actor::Subject;
use wharf_registry::error::Error;

use crate::house::{House, admin, name};

const DOCUMENT: &str = r#"{
    "roles": {"signer": {"description": "Signs.", "permissions": ["pull", "attach"]}},
    "users": {"kim": {"description": "Kim"}, "lee": {"disabled": true}},
    "groups": {"devs": {"members": ["kim", "lee"]}},
    "robots": {"mirror": {"bindings": [{"role": "reader"}]}},
    "bindings": [{"subject": "group:devs", "permissions": ["project:create"]}],
    "projects": {
        "acme": {
            "settings": {"public": true, "quota_bytes": 1000000, "immutable": [{"repositories": "**", "tags": "v*"}]},
            "bindings": [
                {"subject": "user:kim", "role": "owner"},
                {"subject": "group:devs", "role": "signer", "repositories": "acme/app/**"},
                {"subject": "robot:mirror", "permissions": ["push"]}
            ],
            "robots": {"ci": {"description": "CI", "bindings": [{"role": "contributor"}]}}
        },
        "empty": {}
    }
}"#;

fn document(text: &str) -> Config {
    serde_json::from_str(text).expect("a document")
}

async fn apply(house: &House, text: &str) -> Plan {
    house.registry.apply_config(&admin(), &document(text), false).await.expect("it can be applied")
}

async fn export(house: &House) -> Config {
    house.registry.export_config(&admin()).await.expect("it can be exported")
}

#[tokio::test]
async fn what_was_applied_is_exported_and_applied_elsewhere() {
    let house = House::new().await;
    let plan = apply(&house, DOCUMENT).await;
    assert!(plan.applied && plan.changes.len() == 15, "{plan:?}");
    let exported = export(&house).await;
    let elsewhere = House::new().await;
    let json = serde_json::to_string(&exported).expect("JSON");
    assert_eq!(apply(&elsewhere, &json).await.changes.len(), plan.changes.len());
    assert_eq!(export(&elsewhere).await, exported);
    let acme = &exported.projects[&"acme".parse().expect("a name")];
    assert_eq!(acme.bindings.as_ref().map(Vec::len), Some(3));
    assert_eq!(acme.settings.quota_bytes, Some(Some(1_000_000)));
}

#[tokio::test]
async fn applied_twice_nothing_changes() {
    let house = House::new().await;
    apply(&house, DOCUMENT).await;
    let before = house.latest().await;
    assert_eq!(apply(&house, DOCUMENT).await.changes, []);
    let exported = serde_json::to_string(&export(&house).await).expect("JSON");
    assert_eq!(apply(&house, &exported).await.changes, []);
    assert_eq!(house.latest().await, before);
}

#[tokio::test]
async fn what_is_applied_is_in_force() {
    let house = House::new().await;
    let header = house.user(2, "ann").await;
    let may_push = async || {
        let ann = house.who(&header).await;
        house.registry.authorise(&ann, Action::Push, &name("acme/app")).await.is_ok()
    };
    let with = r#"{"projects": {"acme": {"bindings": [{"subject": "user:ann", "role": "contributor"}]}}}"#;
    apply(&house, with).await;
    assert!(may_push().await);
    let plan = apply(&house, r#"{"projects": {"acme": {"bindings": []}}}"#).await;
    assert_eq!(plan.changes.len(), 1);
    assert!(!may_push().await);
}

#[tokio::test]
async fn all_or_nothing() {
    let house = House::new().await;
    house.account(2, "ann", wharf_store::ledger::people::AccountKind::Robot { project: None }, Vec::new()).await;
    let before = house.latest().await;
    let try_it = async |text: &str, dry_run| house.registry.apply_config(&admin(), &document(text), dry_run).await;
    let plan = try_it(DOCUMENT, true).await.expect("it could be applied");
    assert!(!plan.applied && !plan.changes.is_empty());
    let wrong = r#"{"users": {"kim": {}}, "bindings": [{"subject": "user:bob", "role": "reader"}]}"#;
    assert!(matches!(try_it(wrong, false).await, Err(Error::Config(problems)) if problems.len() == 1));
    let taken = r#"{"users": {"kim": {}, "ann": {}}}"#;
    assert!(matches!(try_it(taken, false).await, Err(Error::Conflict(_))));
    assert_eq!(house.latest().await, before, "nothing was changed");
}

#[tokio::test]
async fn it_takes_everything() {
    let house = House::new().await;
    let header = house.user(2, "ann").await;
    house.bind(10, 2, "pull,project:create,user:read,user:write,role:write,system:read,system:write", None, None).await;
    let ann = house.who(&header).await;
    for (subject, login) in [(ann, false), (Subject::anonymous(), true)] {
        for dry_run in [true, false] {
            let refused = house.registry.apply_config(&subject, &Config::default(), dry_run).await;
            assert!(if login {
                matches!(refused, Err(Error::Unauthorized))
            } else {
                matches!(refused, Err(Error::Beyond { .. }))
            });
        }
        assert!(house.registry.export_config(&subject).await.is_err());
    }
}

#[tokio::test]
async fn somebody_stays_who_administers() {
    let house = House::new().await;
    house.account(1, "admin", wharf_store::ledger::people::AccountKind::User, Vec::new()).await;
    house.bind(10, 1, "administrator", None, None).await;
    let nobody = house.registry.apply_config(&admin(), &document(r#"{"bindings": []}"#), false).await;
    assert!(matches!(nobody, Err(Error::Conflict(_))), "{nobody:?}");
    // In one go somebody else may come in its place.
    house.user(2, "ann").await;
    let plan = apply(&house, r#"{"bindings": [{"subject": "user:ann", "role": "administrator"}]}"#).await;
    assert_eq!(plan.changes.len(), 2);
}
