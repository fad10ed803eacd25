//! `wharf role`, `member` and `access`.

use serde_json::json;

use super::{Desk, PASS, names};

#[test]
fn roles() {
    let desk = Desk::admin();
    let list = desk.json("role list");
    for name in ["reader", "contributor", "maintainer", "owner", "administrator"] {
        assert!(names(&list).contains(&name), "{name}");
    }
    assert!(desk.ok("role show reader").contains("allows:       pull, project:read"));
    desk.ok("role set cleaner --permissions pull,delete,purge --description Tidies");
    // What is not said stays.
    assert_eq!(desk.json("role set cleaner --permissions delete,purge")["description"], "Tidies");
    assert_eq!(desk.json("role show cleaner")["permissions"], json!(["delete", "purge"]));
    assert!(desk.ok("role list").contains("cleaner"));
    desk.ok("role delete cleaner --yes");
    desk.fails("role show cleaner", &["cleaner"]);
    desk.fails("role delete reader", &["reader"]);
    desk.run("role set x --permissions fly", "").code(2);
}

#[test]
fn members() {
    let desk = Desk::admin();
    desk.user("kim");
    desk.ok("group set devs --add kim");
    desk.ok("project create acme");
    let said = desk.run("member add -p acme kim --role contributor", "").code(0).err();
    assert!(said.contains("user:kim has contributor in the project acme"), "{said}");
    let made = desk.json("member add -p acme group:devs --permissions pull,push --repositories acme/web/**");
    assert_eq!((&made["subject"], &made["repositories"]), (&json!("group:devs"), &json!("acme/web/**")));
    desk.ok("member add --system kim --role reader");
    let table = desk.ok("member list -p acme");
    assert!(table.contains("user:kim") && table.contains("acme/web/**"), "{table}");
    let of_kim = |list: serde_json::Value| {
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items.iter().filter(|item| item["subject"] == "user:kim").count()
    };
    assert_eq!(of_kim(desk.json("member list --system")), 1);
    desk.ok(&format!("member remove -p acme {} --yes", made["id"].as_str().unwrap()));
    desk.fails("member remove -p acme kim --role owner", &["kim", "nothing"]);
    desk.ok("member remove -p acme kim");
    desk.ok("member remove --system kim --role reader");
    assert_eq!(of_kim(desk.json("member list -p acme")), 0);
    desk.run("member list", "").code(2);
    desk.run("member add -p acme kim", "").code(2);
    desk.fails("member add -p acme nobody --role reader", &["nobody"]);
    desk.fails("member list -p none", &["none", "hint: "]);
}

#[test]
fn explanations() {
    let desk = Desk::admin();
    desk.user("kim");
    desk.ok("project create acme");
    desk.ok("member add -p acme kim --role reader");
    let yes = desk.ok("access explain kim pull acme/app");
    assert!(yes.starts_with("yes: ") && yes.contains("reader"), "{yes}");
    let no = desk.run("access explain kim push acme/app", "").code(1);
    assert!(no.out().starts_with("no: ") && no.err().is_empty(), "{}", no.out());
    let json: serde_json::Value =
        serde_json::from_str(&desk.run("access explain kim push acme/app --json", "").code(1).out()).unwrap();
    assert_eq!((&json["allowed"], &json["bindings"][0]["role"]), (&json!(false), &json!("reader")));
    desk.run("access explain kim member:write -p acme", "").code(1);
    desk.run("access explain user:kim user:write", "").code(1);
    desk.run("access explain kim fly acme/app", "").code(2);
    desk.log_in("kim", PASS);
    desk.ok("access explain kim pull acme/app");
    desk.fails("access explain admin pull acme/app", &["hint: "]);
}
