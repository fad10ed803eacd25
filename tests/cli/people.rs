//! `wharf user`, `group`, `robot` and `token`.

use std::process::Command;

use super::{Desk, PASS, finish, names};

#[test]
fn users() {
    let desk = Desk::admin();
    let secret = desk.ok("user create kim --description Kim,_team_web");
    assert!(secret.trim().len() >= 10 && secret.lines().count() == 1, "{secret}");
    let made = desk.json("user create lee");
    assert_eq!((made["name"].as_str(), made["secret"].is_string()), (Some("lee"), true));
    assert_eq!(names(&desk.json("user list")), ["admin", "kim", "lee"]);
    let table = desk.ok("user list");
    assert!(table.starts_with("NAME ") && table.contains("Kim, team web"), "{table}");
    assert_eq!(desk.json("user show kim")["description"], "Kim, team web");
    assert!(desk.ok("user show kim").contains("state:        active"));

    assert_eq!(desk.json("user set kim --description Kim")["description"], "Kim");
    desk.ok("user disable kim");
    assert!(desk.ok("user show kim").contains("disabled"));
    desk.run("login -u kim --password-stdin", &secret).failed(&["wharf login"]);
    desk.ok("user enable kim");
    desk.ok("user sign-out kim");
    desk.run("user password kim --password-stdin", PASS).done();
    desk.ok("user delete lee --yes");
    assert_eq!(names(&desk.json("user list")), ["admin", "kim"]);

    desk.fails("user show lee", &["lee"]);
    desk.fails("user create kim", &["kim", "taken"]);
    desk.run("user create pat --password-stdin", "short").failed(&["password"]);
    desk.run("user create Pat", "").code(2);
    desk.fails("user delete admin", &["last administrator"]);
}

#[test]
fn ones_own_password() {
    let desk = Desk::admin();
    desk.user("kim");
    desk.log_in("kim", PASS);
    let said = desk.run("user password --password-stdin", "another staple").code(0).err();
    assert!(said.contains("log in again"), "{said}");
    desk.fails("token list", &["log in again: wharf login"]);
    desk.log_in("kim", "another staple");
    // Who is logged in with a token has to know the password all the same.
    let token = desk.ok("token create laptop");
    desk.log_in("kim", token.trim());
    desk.run("user password --password-stdin", PASS).failed(&["log in with the password"]);
}

#[test]
fn who_may_not_is_told_so() {
    let desk = Desk::admin();
    desk.user("kim");
    desk.log_in("kim", PASS);
    for line in ["user list", "user create lee", "group set devs --add kim", "member list --system", "robot list"] {
        desk.fails(line, &["127.0.0.1", "hint: "]);
    }
    assert_eq!(desk.json("user show kim")["name"], "kim");
}

#[test]
fn groups() {
    let desk = Desk::admin();
    desk.user("kim");
    desk.user("lee");
    desk.ok("group set devs --description All_developers --add kim,lee");
    assert_eq!(desk.json("group set devs --remove kim")["members"], serde_json::json!(["lee"]));
    assert_eq!(desk.json("group set devs --members kim")["members"], serde_json::json!(["kim"]));
    assert_eq!(desk.json("group show devs")["description"], "All developers");
    assert!(desk.ok("group show devs").contains("members:      kim"));
    assert_eq!(names(&desk.json("group list")), ["devs"]);
    assert!(desk.ok("group list").contains("All developers"));
    assert_eq!(desk.json("user show kim")["groups"], serde_json::json!(["devs"]));
    desk.fails("group set devs --add nobody", &["nobody"]);
    desk.ok("group delete devs --yes");
    desk.fails("group show devs", &["devs"]);
}

#[test]
fn robots() {
    let desk = Desk::admin();
    desk.ok("project create acme");
    let secret = desk.ok("robot create acme+ci --role contributor --expires 90d --description Builds");
    let made = desk.json("robot create acme+web --permissions pull,push --repositories acme/web/**");
    assert_eq!((made["name"].as_str(), made["secret"].is_string()), (Some("acme+web"), true));
    assert_eq!(names(&desk.json("robot list -p acme")), ["acme+ci", "acme+web"]);
    let table = desk.ok("robot list -p acme");
    assert!(table.contains("contributor") && table.contains("pull,push in acme/web/**"), "{table}");
    assert!(desk.ok("robot show acme+ci").contains("description:  Builds"));
    assert_eq!(desk.json("robot set acme+ci --description x")["description"], "x");
    let new = desk.ok("robot rotate acme+ci --overlap 1h");
    assert_ne!(secret, new);
    assert_eq!(desk.json("robot show acme+ci")["tokens"].as_array().map(Vec::len), Some(2));
    for password in [&secret, &new] {
        desk.run("login -u acme+ci --password-stdin", password).done();
    }
    desk.log_in("admin", wharf_testkit::server::PASSWORD);
    desk.ok("robot disable acme+ci");
    desk.run("login -u acme+ci --password-stdin", &new).failed(&["wharf login"]);
    desk.ok("robot enable acme+ci");
    desk.ok("robot delete acme+web --yes");
    assert_eq!(names(&desk.json("robot list -p acme")), ["acme+ci"]);
    assert!(desk.json("robot create mirror --role reader")["project"].is_null());
    assert_eq!(names(&desk.json("robot list")), ["mirror"]);
    desk.run("robot create acme+x", "").code(2);
    desk.run("robot create acme+x --role reader --expires 12h", "").code(2);
}

#[test]
fn tokens() {
    let desk = Desk::admin();
    desk.user("kim");
    desk.log_in("kim", PASS);
    let secret = desk.ok("token create deploy --permissions pull --repositories acme/**");
    assert!(secret.starts_with("wharf_"), "{secret}");
    let made = desk.json("token create laptop --expires 90d");
    assert!(made["secret"].is_string() && made["expires_at"].is_i64());
    let table = desk.ok("token list");
    assert!(table.contains("pull in acme/**") && !table.contains("wharf_"), "{table}");
    let id = made["id"].as_str().unwrap();
    desk.log_in("admin", wharf_testkit::server::PASSWORD);
    assert_eq!(names(&desk.json("token list --user kim")).len(), 2);
    desk.ok(&format!("token delete {id} --user kim"));
    assert_eq!(names(&desk.json("token list -u kim")), ["deploy"]);
    desk.fails(&format!("token delete {id} --user kim"), &[id]);
    desk.run("token delete x", "").code(2);
}

#[test]
fn what_deletes_asks_on_a_terminal() {
    let desk = Desk::admin();
    desk.user("kim");
    let on_terminal = |answer: &str| {
        let mut script = Command::new("script");
        let line = format!("{} user delete kim", env!("CARGO_BIN_EXE_wharf"));
        script.args(["-qec", &line, "/dev/null"]).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        script.env("HOME", desk.home.path()).env("WHARF_REGISTRY", desk.server.address.to_string());
        finish(script, &line, answer)
    };
    let asked = on_terminal("n\n").code(1).out();
    assert!(asked.contains("delete the user kim at 127.0.0.1") && asked.contains("[y/N]"), "{asked}");
    assert_eq!(names(&desk.json("user list")), ["admin", "kim"]);
    on_terminal("y\n").code(0);
    assert_eq!(names(&desk.json("user list")), ["admin"]);
}
