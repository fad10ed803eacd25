//! Administering the registry: users, groups, roles, what is given everywhere; and what no form does.

use serde_json::json;
use wharf_testkit::fixture::Artifact;
use wharf_testkit::http::{Client, basic};
use wharf_testkit::server::Server;

use crate::crawl::page;
use crate::server;
use crate::visitor::{Visitor, WORD, encoded, tell, thing, user};

fn signs_in(server: &Server, name: &str, password: &str) -> bool {
    let fields = [("name", name), ("password", password)];
    Visitor::stranger(server).send("/-/sign-in", &fields).status == 303
}

#[test]
fn users_are_made_and_looked_after() {
    let server = server();
    let admin = Visitor::admin(&server);
    let (list, lee) = ("/-/admin/users", "/-/admin/users/lee");
    let password = admin.gets(list, &[("do", "make"), ("name", "kim"), ("description", "Kim"), ("password", "")]);
    assert!(signs_in(&server, "kim", &password));
    admin.fails(list, &[("do", "make"), ("name", "kim")], "is taken");
    let short =
        admin.fails(list, &[("do", "make"), ("name", "lee"), ("password", "short")], "id=\"make-password-wrong\"");
    assert!(short.contains("value=\"lee\"") && !short.contains("value=\"short\""), "{short}");
    let (to, _) = admin.does(list, &[("do", "make"), ("name", "lee"), ("password", WORD)], "Made the user lee.");
    assert_eq!(to, lee);
    admin.does(lee, &[("do", "change"), ("description", "Lee\r\nof ours"), ("disabled", "yes")], "Saved.");
    assert!(admin.see(lee).contains("Lee\nof ours</textarea>"), "lines stay lines");
    assert!(!signs_in(&server, "lee", WORD));
    assert!(admin.see(lee).contains(" checked"));
    admin.does(lee, &[("do", "change"), ("description", "Lee")], "Saved.");
    assert!(signs_in(&server, "lee", WORD));
    admin.does(lee, &[("do", "password"), ("password", "another horse battery")], "Their password is set.");
    assert!(!signs_in(&server, "lee", WORD) && signs_in(&server, "lee", "another horse battery"));
    let visitor = Visitor::signed_in(&server, "lee", "another horse battery");
    admin.does(lee, &[("do", "end")], "Their sessions have ended.");
    assert_eq!(visitor.get("/-/account").status, 404);
    assert!(admin.see(&format!("{lee}?do=delete")).contains("Delete this user?"));
    let (to, _) = admin.does(lee, &[("do", "delete")], "Deleted the user lee.");
    assert_eq!(to, list);
    assert_eq!(admin.get(lee).status, 404);
    admin.fails("/-/admin/users/admin", &[("do", "delete")], "last administrator");
    admin.fails("/-/admin/users/admin", &[("do", "password"), ("password", WORD)], "on the page of your account");
}

#[test]
fn groups_roles_and_what_is_given() {
    let server = server();
    let admin = Visitor::admin(&server);
    for name in ["kim", "lee"] {
        user(&server, name, None);
    }
    let (groups, devs) = ("/-/admin/groups", "/-/admin/groups/devs");
    let make = |members| [("do", "make"), ("name", "devs"), ("description", "all"), ("members", members)];
    let wrong = admin.fails(groups, &make("kim\r\nnobody"), "The user nobody is not there.");
    assert!(wrong.contains("kim\nnobody</textarea>"), "{wrong}");
    let (to, _) = admin.does(groups, &make("kim\r\nlee"), "Made the group devs.");
    assert_eq!(to, devs);
    admin.fails(groups, &make(""), "There is such a group already.");
    admin.does(devs, &[("do", "change"), ("description", "a\r\nb")], "Saved.");
    assert!(admin.see(devs).contains("a\nb</textarea>") && admin.see(devs).contains("kim\nlee</textarea>"));
    admin.does(devs, &[("do", "change"), ("members", "lee"), ("description", "")], "Saved.");
    let group = server.admin().get("/api/v1/groups/devs").expect(200).json();
    assert_eq!((&group["members"], &group["description"]), (&json!(["lee"]), &json!("")));

    let (roles, role) = ("/-/admin/roles", "/-/admin/roles/releaser");
    admin.fails(roles, &[("do", "make"), ("name", "releaser")], "id=\"make-permissions-wrong\"");
    let make = [("do", "make"), ("name", "releaser"), ("permissions", "pull"), ("permissions", "tag")];
    admin.does(roles, &make, "Made the role releaser.");
    admin.fails(roles, &[("do", "make"), ("name", "reader"), ("permissions", "pull")], "There is such a role already.");
    admin.does(role, &[("do", "change"), ("permissions", "push"), ("description", "x")], "Saved.");
    assert_eq!(server.admin().get("/api/v1/roles/releaser").expect(200).json()["permissions"], json!(["push"]));
    assert!(!admin.see("/-/admin/roles/reader").contains("<textarea"));
    admin.fails("/-/admin/roles/reader", &[("do", "change"), ("permissions", "push")], "built in");

    let members = "/-/admin/members";
    let add = [("do", "add"), ("sort", "group"), ("name", "devs"), ("role", "releaser")];
    let (_, text) = admin.does(members, &add, "Added group:devs.");
    admin.fails(role, &[("do", "delete")], "is in use");
    let last = text.split("<tr data-row>").last().unwrap().to_owned();
    admin.does(members, &[("do", "remove"), ("of", &thing(&last, "remove"))], "Taken away.");
    admin.does(role, &[("do", "delete")], "Deleted the role releaser.");
    admin.does(devs, &[("do", "delete")], "Deleted the group devs.");
    let first = thing(&admin.see(members), "remove");
    admin.fails(members, &[("do", "remove"), ("of", &first)], "last administrator");

    let token = admin.gets("/-/admin/robots", &[("do", "make"), ("name", "backup"), ("role", "reader")]);
    let robot = Client { address: server.address, authorization: Some(basic("backup", &token)) };
    assert_eq!(robot.get("/api/v1/me").expect(200).json()["subject"], json!("robot:backup"));
}

/// Who helps people acts on nobody who has more, and sees no more of the registry than that.
#[test]
fn nobody_acts_on_who_has_more_on_pages() {
    let server = server();
    let desk = user(&server, "desk", None);
    let plain = user(&server, "plain", None);
    let binding = json!({ "subject": "user:desk", "permissions": ["user:read", "user:write"] });
    tell(&server, "POST", "/api/v1/bindings", binding).expect(201);
    let first = desk.see("/-/admin");
    assert!(!first.contains("What it is and holds") && first.contains("/-/admin/users"), "{first}");
    assert!(!first.contains("/-/admin/members"));
    assert_eq!(desk.get("/-/admin/members").status, 404);
    let admin = "/-/admin/users/admin";
    for fields in [
        &[("do", "password"), ("password", WORD)][..],
        &[("do", "change"), ("description", ""), ("disabled", "yes")],
        &[("do", "end")],
        &[("do", "delete")],
    ] {
        desk.fails(admin, fields, "has rights that you do not have");
    }
    desk.fails("/-/admin/robots", &[("do", "make"), ("name", "x"), ("role", "reader")], "you do not have");
    assert_eq!(desk.send("/-/admin/groups", &[("do", "make"), ("name", "x")]).status, 404);
    assert_eq!(desk.send("/-/admin/roles", &[("do", "make"), ("name", "x"), ("permissions", "user:read")]).status, 404);
    desk.does("/-/admin/users/plain", &[("do", "end")], "Their sessions have ended.");
    assert_eq!(plain.get("/-/account").status, 404);
    assert!(Visitor::admin(&server).see("/-/admin").contains("What it is and holds"));
}

/// Every form, sent by who may not, and from elsewhere by who may.
#[test]
fn forms_are_for_who_may_and_from_here() {
    let server = server();
    let admin = Visitor::admin(&server);
    tell(&server, "PUT", "/api/v1/projects/acme", json!({})).expect(200);
    Artifact::small(1).push(&server.admin(), "acme/app", "1.0");
    let kim = user(&server, "kim", None);
    let digest = Artifact::small(1).digest();
    let before = server.admin().get("/api/v1/config").expect(200).text();
    let by_digest = format!("/acme/app/-/digests/{digest}/delete");
    let no_entry = "ab".repeat(16);
    let forms: [(&str, &[(&str, &str)]); 19] = [
        ("/-/account", &[("do", "end")]),
        ("/-/new-project", &[("do", "make"), ("name", "other")]),
        ("/-/projects/acme/settings", &[("do", "about"), ("description", "x"), ("public", "yes")]),
        ("/-/projects/acme/settings", &[("do", "delete"), ("name", "acme")]),
        ("/-/projects/acme/members", &[("do", "add"), ("sort", "user"), ("name", "kim"), ("role", "owner")]),
        ("/-/projects/acme/robots", &[("do", "make"), ("name", "ci"), ("role", "owner")]),
        ("/-/admin/users", &[("do", "make"), ("name", "eve")]),
        ("/-/admin/users/admin", &[("do", "password"), ("password", WORD)]),
        ("/-/admin/groups", &[("do", "make"), ("name", "eves")]),
        ("/-/admin/groups/none", &[("do", "delete")]),
        ("/-/admin/roles", &[("do", "make"), ("name", "eve"), ("permissions", "pull")]),
        ("/-/admin/roles/reader", &[("do", "delete")]),
        ("/-/admin/members", &[("do", "add"), ("sort", "user"), ("name", "kim"), ("role", "administrator")]),
        ("/-/admin/robots", &[("do", "make"), ("name", "eve"), ("role", "administrator")]),
        ("/acme/app/-/delete", &[("do", "delete")]),
        ("/acme/app/-/tags/1.0/delete", &[("do", "delete")]),
        ("/acme/app/-/tags/1.0/history", &[("do", "restore")]),
        (&by_digest, &[("do", "delete")]),
        ("/-/projects/acme/trash", &[("do", "purge"), ("of", &no_entry)]),
    ];
    for (path, fields) in forms {
        for visitor in [&kim, &Visitor::stranger(&server)] {
            if path != "/-/account" {
                let answer = visitor.send(path, fields);
                assert_eq!(answer.status, 404, "{path}: {}", answer.text());
                page(path, &answer);
            }
        }
        for from in [
            None,
            Some(("Origin", "http://evil.example")),
            Some(("Sec-Fetch-Site", "same-site")),
            Some(("Origin", "null")),
        ] {
            let client = server.admin();
            let request = client.request("POST", path).header("Content-Type", "application/x-www-form-urlencoded");
            let request = from.into_iter().fold(request, |request, (name, value)| request.header(name, value));
            let answer = request.body(encoded(fields)).send();
            assert_eq!(answer.status, 403, "{path} from {from:?}");
        }
        // What is in an address asks at most, and does nothing.
        let asked = format!("{path}?{}", encoded(fields));
        assert!(admin.get(&asked).status < 500, "{asked}");
    }
    assert_eq!(server.admin().get("/api/v1/config").expect(200).text(), before, "nothing has changed");
    server.admin().get("/v2/acme/app/manifests/1.0").expect(200);
    kim.see("/-/account");
    let large = "x".repeat(2 << 20);
    assert_eq!(admin.send("/-/new-project", &[("do", "make"), ("name", &large)]).status, 400);
    assert_eq!(admin.send("/-/admin", &[("do", "make")]).status, 405);
}
