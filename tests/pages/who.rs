//! Who sees what: hidden and missing are the same, and names of people are for who has signed in.

use serde_json::json;
use wharf_testkit::fixture::Artifact;
use wharf_testkit::http::{Client, basic};
use wharf_testkit::server::Server;

use crate::{house, server};

/// What is answered, but for the path itself.
fn told(client: &Client, path: &str) -> (u16, String) {
    let answer = client.get(path);
    let encoded = path.replace('/', "%2F").replace(':', "%3A").replace('?', "%3F").replace('=', "%3D");
    let written = format!("value=\"{path}\"");
    (answer.status, answer.text().replace(&encoded, "PATH").replace(&written, "value=\"PATH\""))
}

fn user(server: &Server, name: &str) -> Client {
    let body = json!({ "name": name, "password": "correct horse battery" });
    let request = server
        .admin()
        .request("POST", "/api/v1/users")
        .header("Content-Type", "application/json")
        .body(body.to_string())
        .send();
    request.expect(201);
    Client { address: server.address, authorization: Some(basic(name, "correct horse battery")) }
}

#[test]
fn hidden_and_missing_look_the_same() {
    let server = server();
    house::stock(&server);
    let digest = house::image().digest();
    for client in [server.anonymous(), user(&server, "kim")] {
        let missing = told(&client, "/nowhere/app");
        assert_eq!(missing.0, 404);
        for path in [
            "/acme/app".to_owned(),
            "/acme/none".to_owned(),
            "/acme".to_owned(),
            "/acme/app/-/artifacts".to_owned(),
            "/acme/app/-/activity".to_owned(),
            "/acme/app/-/tags/1.1".to_owned(),
            "/acme/app/-/tags/none".to_owned(),
            "/acme/app/-/tags/1.1/files".to_owned(),
            "/acme/app/-/tags/1.1/manifest".to_owned(),
            "/acme/app/-/tags/1.1/history".to_owned(),
            "/acme/app/-/tags/1.1/diff".to_owned(),
            "/open/app/-/tags/none/diff".to_owned(),
            format!("/acme/app/-/digests/{digest}"),
            "/-/projects/acme".to_owned(),
            "/-/projects/nowhere".to_owned(),
            "/-/projects/acme/settings".to_owned(),
            "/-/projects/acme/members".to_owned(),
            "/-/projects/acme/robots".to_owned(),
            "/-/projects/acme/trash".to_owned(),
            "/-/projects/nowhere/settings?do=delete".to_owned(),
            "/-/projects/open/settings".to_owned(),
            "/-/new-project".to_owned(),
            "/-/admin".to_owned(),
            "/-/admin/users/admin".to_owned(),
            "/-/admin/users/nobody".to_owned(),
            "/-/admin/roles".to_owned(),
            "/acme/app/-/delete".to_owned(),
            "/acme/none/-/delete".to_owned(),
            "/open/app/-/delete".to_owned(),
            "/acme/app/-/tags/1.1/delete".to_owned(),
            "/open/none".to_owned(),
            "/acme/app/".to_owned(),
            "/open/none/".to_owned(),
            format!("/open/app/-/digests/{digest}"),
        ] {
            assert_eq!(told(&client, &path), missing, "{path}");
        }
        for page in ["/", "/-/projects"] {
            let text = client.get(page).expect(200).text();
            assert!(!text.contains("acme") && text.contains("open"), "{page}: {text}");
        }
    }
}

#[test]
fn names_of_people_are_for_who_has_signed_in() {
    let server = server();
    let admin = house::stock(&server);
    for path in [
        "/",
        "/open/app",
        "/open/app/-/artifacts",
        "/open/app/-/activity",
        "/open/app/-/tags/1.0",
        "/open/app/-/tags/1.0/history",
    ] {
        assert!(admin.get(path).expect(200).text().contains("admin"), "{path}");
        let text = server.anonymous().get(path).expect(200).text();
        assert!(!text.contains("admin"), "{path}: {text}");
    }
}

/// Versions from the newest, whatever order they came in; what only attaches is folded away.
#[test]
fn tags_are_in_the_order_of_versions() {
    let server = server();
    let admin = server.admin();
    let image = Artifact::small(1);
    for tag in ["1.9.0", "1.10.0", "latest", "1.10.0-rc.1", "main", "2.0.0"] {
        image.push(&admin, "acme/app", tag);
    }
    image.push(&admin, "acme/app", &format!("{}.sig", image.digest().referrers_tag()));
    for at in 0..60 {
        image.push_manifest(&admin, "acme/app", &format!("0.{at}"));
    }
    let order = |path: &str| {
        let text = admin.get(path).expect(200).text();
        let rows = text.split("<tr data-row>").skip(1).map(|row| row.split("</a>").next().unwrap_or_default());
        let tags: Vec<String> = rows.map(|row| row.rsplit('>').next().unwrap_or_default().to_owned()).collect();
        (tags, text)
    };
    let (tags, text) = order("/acme/app");
    assert_eq!(tags[..7], ["latest", "2.0.0", "1.10.0", "1.10.0-rc.1", "1.9.0", "0.59", "0.58"].map(str::to_owned));
    assert!(text.contains(">1 more</a> only attach something") && text.contains("66 tags"), "{text}");
    let next = text
        .split("class=\"next\"")
        .nth(1)
        .and_then(|rest| rest.split('"').find(|part| part.contains("last=")))
        .expect("a link");
    let (rest, _) = order(next);
    assert_eq!((tags.len(), rest.len()), (50, 16), "each once");
    assert_eq!((&*rest[14], &*rest[15]), ("0.0", "main"));
    let (found, text) = order("/acme/app?q=RC");
    assert_eq!(found, ["1.10.0-rc.1"]);
    assert!(text.contains("1 tag"));
    let (all, _) = order("/acme/app?q=sig&all=1");
    assert_eq!(all.len(), 1);
    assert!(order("/acme/app?q=%3Cscript%3E").1.contains("No tag holds"));
}
