//! What happened, told to whoever may see it: back from the latest, and on from a place.

use serde_json::{Value, json};
use wharf_testkit::fixture::Artifact;
use wharf_testkit::http::{Client, basic};
use wharf_testkit::server::PASSWORD;

use crate::{send, server};

fn page(client: &Client, path: &str) -> Value {
    client.get(path).expect(200).json()
}

/// `TYPE WHERE` of each.
fn told(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("a list").iter();
    let place = |item: &Value| item["repository"].as_str().or(item["project"].as_str()).unwrap().to_owned();
    items.map(|item| format!("{} {}", item["type"].as_str().unwrap(), place(item))).collect()
}

/// All back from the latest, so many at a time.
fn back(client: &Client, path: &str, n: usize) -> Vec<String> {
    let (mut all, mut last) = (Vec::new(), String::new());
    loop {
        let page = page(client, &format!("{path}?n={n}{last}"));
        all.extend(told(&page));
        assert_eq!(page.get("latest").is_some(), last.is_empty());
        let Some(next) = page["next"].as_str() else { return all };
        last = format!("&last={next}");
    }
}

fn somebody(admin: &Client, name: &str, role: &str, project: &str) -> Client {
    send(admin, "POST", "/api/v1/users", json!({ "name": name, "password": PASSWORD })).expect(201);
    let binding = json!({ "subject": format!("user:{name}"), "role": role });
    send(admin, "POST", &format!("/api/v1/projects/{project}/bindings"), binding).expect(201);
    Client { address: admin.address, authorization: Some(basic(name, PASSWORD)) }
}

#[test]
fn what_happened_and_who_is_told() {
    let server = server();
    let admin = server.admin();
    let image = Artifact::small(1);
    image.push(&admin, "acme/app", "v1");
    Artifact::small(2).push(&admin, "other/app", "v1");
    let reader = somebody(&admin, "reader", "reader", "acme");
    let expected = [
        "wharf.tag.moved other/app",
        "wharf.artifact.pushed other/app",
        "wharf.repository.created other/app",
        "wharf.project.created other",
        "wharf.tag.moved acme/app",
        "wharf.artifact.pushed acme/app",
        "wharf.repository.created acme/app",
        "wharf.project.created acme",
    ];
    for n in [1, 2, 3, 100] {
        assert_eq!(back(&admin, "/api/v1/events", n), expected, "{n} at a time");
        assert_eq!(back(&reader, "/api/v1/events", n), expected[4..], "{n} at a time");
        assert_eq!(back(&reader, "/api/v1/projects/acme/events", n), expected[4..]);
        assert_eq!(back(&reader, "/api/v1/repositories/acme~app/events", n), expected[4..7]);
    }
    let events = page(&reader, "/api/v1/repositories/acme~app/events");
    let [moved, pushed] = [&events["items"][0], &events["items"][1]];
    let digest = json!(image.digest());
    assert_eq!((&moved["tag"], &moved["digest"], moved.get("previous")), (&json!("v1"), &digest, None));
    assert_eq!((&pushed["digest"], &pushed["by"], &pushed["project"]), (&digest, &json!("user:admin"), &json!("acme")));
    // An event is called the same wherever and whomever it is told.
    let everywhere = page(&admin, "/api/v1/events");
    assert_eq!(&everywhere["items"][4], moved);
    let mut ids: Vec<&str> =
        everywhere["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), expected.len());
    reader.get("/api/v1/projects/other/events").expect_error(404, "NAME_UNKNOWN");
    reader.get("/api/v1/repositories/other~app/events").expect_error(403, "DENIED");
    admin.get("/api/v1/repositories/acme~none/events").expect_error(404, "NAME_UNKNOWN");
    server.anonymous().get("/api/v1/events").expect_error(401, "UNAUTHORIZED");
    // What is public anybody may read, without names.
    send(&admin, "PUT", "/api/v1/projects/acme", json!({ "public": true })).expect(200);
    let public = page(&server.anonymous(), "/api/v1/repositories/acme~app/events");
    assert_eq!((told(&public).len(), &public["items"][0]["by"]), (3, &json!("user")));
}

#[test]
fn what_comes_after_a_place() {
    let server = server();
    let admin = server.admin();
    Artifact::small(1).push(&admin, "acme/app", "v1");
    let path = "/api/v1/repositories/acme~app/events";
    let mut latest = page(&admin, path)["latest"].as_str().unwrap().to_owned();
    let mut after = |n: usize| {
        let page = page(&admin, &format!("{path}?n={n}&after={latest}"));
        page["latest"].as_str().unwrap().clone_into(&mut latest);
        assert!(page.get("next").is_none());
        (told(&page), page["more"] == json!(true))
    };
    assert_eq!(after(9), (Vec::new(), false));
    let second = Artifact::small(2);
    second.push(&admin, "acme/app", "v1");
    second.push(&admin, "acme/app", "v2");
    Artifact::small(2).push(&admin, "acme/lib", "v2");
    admin.delete(&format!("/v2/acme/app/manifests/{}", second.digest())).expect(202);
    assert_eq!(after(1), (vec!["wharf.artifact.pushed acme/app".to_owned()], true));
    let (rest, more) = after(2);
    assert_eq!((rest, more), (vec!["wharf.tag.moved acme/app".to_owned(); 2], true));
    assert_eq!(after(9), (vec!["wharf.artifact.deleted acme/app".to_owned()], false));
    assert_eq!(after(9), (Vec::new(), false));
    admin.delete("/api/v1/repositories/acme~app").expect(200);
    admin.get(path).expect_error(404, "NAME_UNKNOWN");
    let gone = page(&admin, "/api/v1/projects/acme/events?n=1");
    assert_eq!(told(&gone), ["wharf.repository.deleted acme/app"]);
    // What is made again has a history of its own.
    Artifact::small(3).push(&admin, "acme/app", "v1");
    assert_eq!(back(&admin, path, 9).len(), 3);
    let next = page(&admin, &format!("{path}?n=1"))["next"].as_str().unwrap().to_owned();
    admin.get(&format!("/api/v1/events?last={next}")).expect_error(400, "UNSUPPORTED");
    admin.get(&format!("{path}?last={next}&after={next}")).expect_error(400, "UNSUPPORTED");
    admin.get(&format!("{path}?after=x")).expect_error(400, "UNSUPPORTED");
}

/// Another project that takes the name of one that was deleted inherits nothing of what happened there.
#[test]
fn nothing_is_told_of_an_earlier_project() {
    let server = server();
    let admin = server.admin();
    Artifact::small(1).push(&admin, "acme/app", "v1");
    admin.delete("/api/v1/projects/acme").expect(200);
    Artifact::small(2).push(&admin, "acme/app", "v2");
    let reader = somebody(&admin, "reader", "reader", "acme");
    for path in ["/api/v1/events", "/api/v1/projects/acme/events"] {
        assert_eq!(back(&reader, path, 9).len(), 4, "{path}");
        let items = page(&reader, path)["items"].clone();
        assert!(items.as_array().unwrap().iter().all(|item| item["tag"] != json!("v1")), "{items}");
    }
}
