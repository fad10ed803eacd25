//! `wharf apply` and `wharf export config`.

use super::Desk;

const DOCUMENT: &str = "\
users:
  kim: {description: Kim}
groups:
  devs: {members: [kim]}
---
projects:
  acme:
    settings: {public: true, quota_bytes: 1000000}
    bindings:
      - {subject: 'group:devs', role: contributor}
    robots:
      ci: {bindings: [{role: reader}]}
";

#[test]
fn a_document_is_shown_then_applied_then_nothing_is_left_to_do() {
    let desk = Desk::admin();
    let plan = desk.run("apply -f - --dry-run", DOCUMENT).code(1).out();
    for line in ["+ user kim", "+ project acme", "    quota_bytes: none → 1000000", "+ robot acme+ci"] {
        assert!(plan.lines().any(|told| told == line), "{line} in {plan}");
    }
    desk.run("project show acme", "").failed(&["acme"]);
    desk.run("apply -f -", DOCUMENT).done();
    assert_eq!(desk.json("project show acme")["quota_bytes"], 1_000_000);
    assert_eq!(desk.run("apply -f - --dry-run", DOCUMENT).done(), "");
    let file = desk.home.path().join("registry.yaml");
    std::fs::write(&file, desk.ok("export config")).unwrap();
    assert_eq!(desk.ok(&format!("apply -f {} --dry-run", file.display())), "");
    let exported = desk.json("export config");
    assert_eq!(exported["projects"]["acme"]["robots"]["ci"]["bindings"][0]["role"], "reader");
    let plan = desk.run("apply -f - --json --dry-run", "users: {kim: {disabled: true}}").code(1).out();
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["changes"][0]["what"], "user kim");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let desk = Desk::admin();
    desk.run("apply -f -", "users:\n  kim:\n    admin: true\n").failed(&["line 3"]);
    desk.run("apply -f -", "bindings: [{subject: 'user:nobody', role: reader}]").failed(&["bindings[0].subject"]);
    desk.run("apply -f nowhere.yaml", "").failed(&["nowhere.yaml"]);
    desk.user("kim");
    desk.log_in("kim", super::PASS);
    desk.run("apply -f -", "users: {kim: {}}").failed(&["do not have"]);
    desk.fails("export config", &["do not have"]);
}
