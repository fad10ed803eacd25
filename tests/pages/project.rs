//! What people administer of a project: its settings, members, robots, trash.

use serde_json::{Value, json};
use wharf_testkit::fixture::Artifact;
use wharf_testkit::http::{Client, basic};
use wharf_testkit::server::Server;

use crate::server;
use crate::visitor::{Visitor, tell, thing, user};

fn project(server: &Server) -> Value {
    server.admin().get("/api/v1/projects/acme").expect(200).json()
}

/// A project with an owner, a maintainer and a reader.
fn acme(server: &Server) -> [Visitor; 3] {
    tell(server, "PUT", "/api/v1/projects/acme", json!({})).expect(200);
    Artifact::small(1).push(&server.admin(), "acme/app", "1.0");
    [("ann", "owner"), ("max", "maintainer"), ("kim", "reader")]
        .map(|(name, role)| user(server, name, Some((role, "acme"))))
}

#[test]
fn projects_are_made() {
    let server = server();
    let admin = Visitor::admin(&server);
    let page = "/-/new-project";
    assert!(admin.see("/-/projects").contains(page));
    admin.fails(page, &[("do", "make"), ("name", "Acme")], "id=\"make-name-wrong\"");
    let fields = [("do", "make"), ("name", "acme"), ("description", "two\r\nlines"), ("public", "yes")];
    let (to, _) = admin.does(page, &fields, "Made the project acme.");
    assert_eq!(to, "/-/projects/acme");
    let made = project(&server);
    assert_eq!((&made["public"], &made["description"]), (&json!(true), &json!("two\nlines")));
    // Making one changes none.
    let again = admin.fails(page, &[("do", "make"), ("name", "acme"), ("description", "other")], "is not to be had");
    assert!(again.contains("other</textarea>"), "{again}");
    assert_eq!(project(&server)["description"], json!("two\nlines"));
    let kim = user(&server, "kim", None);
    assert!(!kim.see("/-/projects").contains(page));
    assert_eq!((kim.get(page).status, kim.send(page, &fields).status), (404, 404));
}

#[test]
fn settings_are_for_who_may() {
    let server = server();
    let [owner, maintainer, reader] = acme(&server);
    let page = "/-/projects/acme/settings";
    let has = |visitor: &Visitor| {
        let text = visitor.see(page);
        ["value=\"about\"", "value=\"rules\"", "value=\"quota\"", "?do=delete"].map(|part| text.contains(part))
    };
    assert_eq!(has(&Visitor::admin(&server)), [true, true, true, true]);
    assert_eq!(has(&owner), [true, true, false, true]);
    assert_eq!(has(&maintainer), [false, true, false, false]);
    assert_eq!(has(&reader), [false; 4]);
    assert!(!reader.see("/-/projects/acme").contains("/-/projects/acme/members"));
    let quota = [("do", "quota"), ("quota_bytes", "1 GiB")];
    let tries: [(&Visitor, &[(&str, &str)]); 3] =
        [(&owner, &quota), (&maintainer, &[("do", "about")]), (&reader, &[("do", "rules")])];
    for (visitor, fields) in tries {
        assert_eq!(visitor.send(page, fields).status, 404, "{fields:?}");
    }
    assert_eq!(maintainer.send(page, &[("do", "delete"), ("name", "acme")]).status, 404);
    assert_eq!(owner.send(page, &[("do", "nothing")]).status, 400);
}

#[test]
fn settings_are_changed() {
    let server = server();
    let [owner, ..] = acme(&server);
    let (page, admin) = ("/-/projects/acme/settings", Visitor::admin(&server));
    let about = [
        ("do", "about"),
        ("description", "ours"),
        ("missing", "accept"),
        ("artifact_types", "application/*\r\n\r\na/b\r\n"),
    ];
    owner.does(page, &about, "Saved.");
    let rules = |lines| [("do", "rules"), ("immutable", lines), ("trash_days", "3")];
    owner.does(page, &rules("acme/app v*\r\nlatest"), "Saved.");
    let wrong = owner.fails(page, &rules("a b c"), "id=\"rules-immutable-wrong\"");
    assert!(wrong.contains("a b c</textarea>") && wrong.contains("ours</textarea>"), "other forms stay: {wrong}");
    owner.fails(page, &[("do", "rules"), ("trash_days", "9999")], "id=\"rules-trash_days-wrong\"");
    let long = "x".repeat(1001);
    owner.fails(page, &[("do", "about"), ("missing", ""), ("description", &long)], "id=\"about-description-wrong\"");
    admin.does(page, &[("do", "quota"), ("quota_bytes", "1.5 GiB"), ("quota_repositories", "7")], "Saved.");
    admin.fails(page, &[("do", "quota"), ("quota_bytes", "much")], "id=\"quota-quota_bytes-wrong\"");
    let set = project(&server);
    assert_eq!(set["missing"], json!("accept"));
    assert_eq!(set["artifact_types"], json!(["application/*", "a/b"]));
    assert_eq!(
        set["immutable"],
        json!([{ "repositories": "acme/app", "tags": "v*" }, { "repositories": "**", "tags": "latest" }])
    );
    assert_eq!((&set["trash_days"], &set["quota_repositories"]), (&json!(3), &json!(7)));
    assert_eq!((&set["quota_bytes"], &set["quota_warn_bytes"]), (&json!(3 << 29), &Value::Null));
    assert!(admin.see(page).contains("value=\"1536 MiB\""));
    admin.does(page, &[("do", "quota")], "Saved.");
    assert_eq!(project(&server)["quota_bytes"], Value::Null);
}

#[test]
fn members_come_and_go() {
    let server = server();
    let [owner, maintainer, reader] = acme(&server);
    let page = "/-/projects/acme/members";
    user(&server, "lee", None);
    let add = |sort, name, role, pattern| {
        [("do", "add"), ("sort", sort), ("name", name), ("role", role), ("repositories", pattern)]
    };
    let nobody = owner.fails(page, &add("user", "nobody", "owner", ""), "The user nobody is not there.");
    assert!(nobody.contains("value=\"nobody\"") && nobody.contains("value=\"owner\" selected"), "{nobody}");
    owner.fails(page, &add("user", "Lee", "owner", ""), "id=\"add-name-wrong\"");
    owner.fails(page, &add("user", "lee", "reader", "other/**"), "id=\"add-repositories-wrong\"");
    let (_, text) = owner.does(page, &add("user", "lee", "reader", "acme/app/**"), "Added user:lee.");
    assert!(text.contains("acme/app/**"), "{text}");
    owner.fails(page, &add("user", "lee", "reader", "acme/app/**"), "has that already");
    // Who only sees them changes nothing, and is shown no way to.
    let seen = maintainer.see(page);
    assert!(seen.contains("user:lee") && !seen.contains("?do=remove") && !seen.contains("value=\"add\""), "{seen}");
    assert_eq!(maintainer.send(page, &add("user", "max", "owner", "")).status, 404);
    assert_eq!(reader.get(page).status, 404);
    let last = owner.see(page).split("<tr data-row>").last().unwrap().to_owned();
    let id = thing(&last, "remove");
    assert!(owner.see(&format!("{page}?do=remove&of={id}")).contains("user:lee has the role reader in acme/app/**."));
    assert_eq!(maintainer.send(page, &[("do", "remove"), ("of", &id)]).status, 404);
    let (_, text) = owner.does(page, &[("do", "remove"), ("of", &id)], "Taken away.");
    assert!(!text.contains("user:lee"));
    assert_eq!(owner.send(page, &[("do", "remove"), ("of", "x")]).status, 404);
    let single = |repositories| {
        let fields = add("user", "lee", "owner", repositories);
        [&fields[..], &[("permissions", "pull"), ("permissions", "member:read")]].concat()
    };
    let wrong = owner.fails(page, &single("acme/app/**"), "id=\"add-permissions-wrong\"");
    assert!(wrong.contains("<details class=\"more\" open>"), "{wrong}");
    let (_, text) = owner.does(page, &single(""), "Added user:lee.");
    assert!(!text.contains("<details class=\"more\" open>"), "{text}");
    let given = server.admin().get("/api/v1/projects/acme/bindings").expect(200).json();
    let given = given["items"].as_array().unwrap().iter().find(|one| one["subject"] == "user:lee").unwrap().clone();
    assert_eq!((&given["role"], &given["permissions"]), (&Value::Null, &json!(["pull", "member:read"])));
}

/// What is asked names what it is about, on whatever page of the list that is.
#[test]
fn questions_name_their_thing() {
    let server = server();
    let admin = Visitor::admin(&server);
    tell(&server, "PUT", "/api/v1/projects/acme", json!({})).expect(200);
    user(&server, "lee", None);
    for number in 0..60 {
        let given = json!({ "subject": "user:lee", "role": "reader", "repositories": format!("acme/r{number}") });
        tell(&server, "POST", "/api/v1/projects/acme/bindings", given).expect(201);
    }
    let page = "/-/projects/acme/members";
    let next = admin.see(page);
    let next = next.split('"').find(|part| part.starts_with(page) && part.contains("last=")).expect("more of them");
    let rows = admin.see(&next.replace("&#38;", "&"));
    let row = rows.split("<tr data-row>").nth(1).unwrap();
    let (place, id) = (row.split("acme/r").nth(1).unwrap().split('<').next().unwrap(), thing(row, "remove"));
    let asked = admin.see(&format!("{page}?do=remove&of={}", id.replace("&#38;", "&")));
    assert!(asked.contains(&format!("user:lee has the role reader in acme/r{place}.")), "{asked}");
    let id = id.split('&').next().unwrap();
    admin.does(page, &[("do", "remove"), ("of", id)], "Taken away.");
}

#[test]
fn robots_are_made_rotated_switched_and_deleted() {
    let server = server();
    let [_, maintainer, reader] = acme(&server);
    let page = "/-/projects/acme/robots";
    let pulls = |token: &str| {
        Client { address: server.address, authorization: Some(basic("acme+ci", token)) }
            .get("/v2/acme/app/tags/list")
            .status
    };
    let make = |name, role| [("do", "make"), ("name", name), ("description", "builds"), ("role", role), ("days", "10")];
    let beyond = maintainer.fails(page, &make("ci", "owner"), "you do not have");
    assert!(beyond.contains("builds</textarea>") && beyond.contains("value=\"owner\" selected"), "{beyond}");
    let first = maintainer.gets(page, &make("ci", "reader"));
    assert_eq!(pulls(&first), 200);
    maintainer.fails(page, &make("ci", "reader"), "is taken");
    maintainer.fails(page, &[("do", "rotate"), ("of", "ci"), ("overlap", "soon")], "id=\"rotate-overlap-wrong\"");
    let second = maintainer.gets(page, &[("do", "rotate"), ("of", "ci"), ("overlap", "1h")]);
    assert_eq!((pulls(&first), pulls(&second)), (200, 200));
    let third = maintainer.gets(page, &[("do", "rotate"), ("of", "ci"), ("overlap", "0s")]);
    assert_eq!((pulls(&first), pulls(&second), pulls(&third)), (401, 401, 200));
    maintainer.does(page, &[("do", "disable"), ("of", "ci")], "acme+ci is off.");
    assert_eq!(pulls(&third), 401);
    maintainer.does(page, &[("do", "enable"), ("of", "ci")], "acme+ci is on.");
    assert_eq!(pulls(&third), 200);
    assert!(maintainer.see(&format!("{page}?do=delete&of=ci")).contains("Delete this robot?"));
    maintainer.does(page, &[("do", "delete"), ("of", "ci")], "Deleted the robot ci.");
    assert_eq!(pulls(&third), 401);
    maintainer.fails(page, &[("do", "disable"), ("of", "ci")], "is not there");
    assert_eq!((reader.get(page).status, reader.send(page, &make("x", "reader")).status), (404, 404));
}

#[test]
fn a_project_is_deleted_by_its_name_and_comes_back() {
    let server = server();
    let [owner, maintainer, _] = acme(&server);
    let page = "/-/projects/acme/settings";
    assert!(owner.see(&format!("{page}?do=delete")).contains("Delete this project?"));
    owner.fails(page, &[("do", "delete"), ("name", "acm")], "Write acme to have it deleted.");
    let (trash, text) = owner.does(page, &[("do", "delete"), ("name", "acme")], "Deleted the project acme.");
    assert_eq!(trash, "/-/projects/acme/trash");
    let id = thing(&text, "purge");
    assert_eq!(owner.get("/-/projects/acme").status, 404);
    // Who may restore and not purge is shown no more than that.
    assert!(!maintainer.see(&trash).contains("?do=purge"));
    assert_eq!(maintainer.send(&trash, &[("do", "purge"), ("of", &id)]).status, 404);
    let (to, _) = maintainer.does("/-/trash", &[("do", "restore"), ("of", &id)], "Restored the project acme.");
    assert_eq!(to, "/-/projects/acme");
    owner.fails("/-/trash", &[("do", "restore"), ("of", &id)], "is not there");
}

#[test]
fn what_is_deleted_comes_back() {
    let server = server();
    let [owner, maintainer, reader] = acme(&server);
    let one = Artifact::small(1).digest();
    let (tag, history) = ("/acme/app/-/tags/1.0/delete", "/acme/app/-/tags/1.0/history");
    assert!(!maintainer.see(history).contains("?do=restore"), "it never pointed elsewhere");
    Artifact::small(2).push(&server.admin(), "acme/app", "1.0");
    assert!(maintainer.see(history).contains("?do=restore"));
    assert!(
        maintainer.see("/acme/app/-/tags/1.0").contains(tag) && !reader.see("/acme/app/-/tags/1.0").contains("/delete")
    );
    for path in [tag, "/acme/app/-/delete", &format!("/acme/app/-/digests/{one}/delete")] {
        assert_eq!((reader.get(path).status, reader.send(path, &[("do", "delete")]).status), (404, 404), "{path}");
        assert!(maintainer.see(path).contains("Delete this "), "{path}");
    }
    let (to, text) = maintainer.does(tag, &[("do", "delete")], "Deleted the tag 1.0.");
    assert_eq!(to, history);
    assert!(text.contains("deleted it") && text.contains("?do=restore"), "{text}");
    assert_eq!(reader.send(history, &[("do", "restore")]).status, 404);
    assert!(!reader.see(history).contains("?do=restore"));
    assert!(maintainer.see(&format!("{history}?do=restore")).contains("Point this tag back?"));
    maintainer.does(history, &[("do", "restore")], "Pointed 1.0 back");
    maintainer.does(history, &[("do", "restore")], &format!("back to {}:{}", one.algorithm(), &one.hex()[..12]));

    let by_digest = format!("/acme/app/-/digests/{one}/delete");
    assert!(maintainer.see(&by_digest).contains("With it go its tags: 1.0."));
    maintainer.does(&by_digest, &[("do", "delete")], "Deleted the artifact.");
    let trash = "/-/projects/acme/trash";
    let id = thing(&owner.see(trash), "purge");
    let (to, _) = maintainer.does(trash, &[("do", "restore"), ("of", &id)], "Restored acme/app@");
    assert_eq!(to, format!("/acme/app/-/digests/{one}"));
    maintainer.see("/acme/app/-/tags/1.0");

    let (to, text) = maintainer.does("/acme/app/-/delete", &[("do", "delete")], "Deleted the repository acme/app.");
    assert_eq!(to, trash);
    assert!(text.contains("the repository acme/app"), "{text}");
    let id = thing(&owner.see(trash), "purge");
    assert!(
        owner.see(&format!("{trash}?do=purge&of={id}")).contains("the repository acme/app: nothing brings it back")
    );
    let (_, text) = owner.does(trash, &[("do", "purge"), ("of", &id)], "Purged.");
    assert!(text.contains("Nothing is in the trash."), "{text}");
}

/// What a rule keeps, pages do not delete either, and say why.
#[test]
fn rules_hold_on_pages() {
    let server = server();
    let [owner, ..] = acme(&server);
    let rules = [("do", "rules"), ("immutable", "1.*"), ("trash_days", "")];
    owner.does("/-/projects/acme/settings", &rules, "Saved.");
    owner.fails("/acme/app/-/tags/1.0/delete", &[("do", "delete")], "role=\"alert\"");
    owner.fails("/acme/app/-/delete", &[("do", "delete")], "role=\"alert\"");
    owner.fails("/-/projects/acme/settings", &[("do", "delete"), ("name", "acme")], "role=\"alert\"");
    owner.see("/acme/app/-/tags/1.0");
}
