//! One's own account: tokens, the password, sessions.

use serde_json::json;
use wharf_testkit::http::{Client, basic};
use wharf_testkit::server::Server;

use crate::server;
use crate::visitor::{Visitor, WORD, tell, thing, user};

const PAGE: &str = "/-/account";

fn status(server: &Server, name: &str, password: &str, path: &str) -> u16 {
    Client { address: server.address, authorization: Some(basic(name, password)) }.get(path).status
}

#[test]
fn tokens_are_made_with_the_password_and_shown_once() {
    let server = server();
    let kim = user(&server, "kim", None);
    let fields = |password| [("do", "token"), ("name", "laptop \"><b>"), ("days", "30"), ("current", password)];
    let wrong = kim.fails(PAGE, &fields("wrong password"), "That is not your password.");
    assert!(wrong.contains("value=\"laptop &#34;&#62;&#60;b&#62;\""), "what was typed stays: {wrong}");
    assert!(wrong.contains("value=\"30\"") && !wrong.contains("wrong password"), "{wrong}");
    assert!(wrong.contains("id=\"token-current-wrong\""), "it stands beside its field");
    let token = kim.gets(PAGE, &fields(WORD));
    assert_eq!(status(&server, "kim", &token, "/api/v1/me"), 200);
    let list = kim.see(PAGE);
    assert!(list.contains("all that you may") && list.contains("in 29 days"), "{list}");
    // A token opens the pages as well, and makes no tokens.
    let by_token = Visitor::signed_in(&server, "kim", &token);
    by_token.fails(PAGE, &fields(&token), "a token makes no tokens");
    let id = thing(&list, "end-token");
    let ask = kim.see(&format!("{PAGE}?do=end-token&of={id}"));
    assert!(ask.contains("Delete this token?"), "{ask}");
    kim.does(PAGE, &[("do", "end-token"), ("of", &id)], "Deleted the token.");
    assert_eq!(status(&server, "kim", &token, "/api/v1/me"), 401);
    assert_eq!(by_token.get(PAGE).status, 404, "its session ended with it");
    kim.fails(PAGE, &[("do", "end-token"), ("of", &id)], "is not there");
}

#[test]
fn tokens_are_limited() {
    let server = server();
    let kim = user(&server, "kim", None);
    let fields = |days, pattern| {
        let given = [("do", "token"), ("name", "ci"), ("permissions", "pull"), ("permissions", "push")];
        [&given[..], &[("repositories", pattern), ("days", days), ("current", WORD)]].concat()
    };
    kim.fails(PAGE, &fields("soon", "acme/**"), "Write a whole number.");
    kim.fails(PAGE, &fields("0", "acme/**"), "id=\"token-days-wrong\"");
    let bad = kim.fails(PAGE, &fields("1", "acme/ **"), "id=\"token-repositories-wrong\"");
    assert!(bad.contains("value=\"pull\" checked") && !bad.contains("value=\"delete\" checked"), "{bad}");
    let token = kim.gets(PAGE, &fields("1", "acme/**"));
    assert!(kim.see(PAGE).contains("pull,push in acme/**"));
    // Who signed in with it does nothing to the account, and is told what it leaves.
    let by_token = Visitor::signed_in(&server, "kim", &token);
    assert!(by_token.see(PAGE).contains("pull,push in acme/**"));
    assert_eq!(by_token.send(PAGE, &[("do", "end")]).status, 404);
}

#[test]
fn another_password_ends_other_sessions() {
    let server = server();
    let kim = user(&server, "kim", None);
    let other = Visitor::signed_in(&server, "kim", WORD);
    let fields = |current, new, again| [("do", "password"), ("current", current), ("password", new), ("again", again)];
    let new = "another horse battery";
    kim.fails(PAGE, &fields(WORD, new, "something else"), "id=\"password-again-wrong\"");
    kim.fails(PAGE, &fields("wrong password", new, new), "That is not your password.");
    let short = kim.fails(PAGE, &fields(WORD, "short", "short"), "id=\"password-password-wrong\"");
    assert!(!short.contains("short\""), "no secret is said again");
    kim.does(PAGE, &fields(WORD, new, new), "Your password is changed.");
    assert_eq!(other.get(PAGE).status, 404);
    assert_eq!(status(&server, "kim", new, "/api/v1/me"), 200);

    let other = Visitor::signed_in(&server, "kim", new);
    let answer = kim.send(PAGE, &[("do", "end")]).expect(303);
    assert_eq!(answer.required("location"), "/-/sign-in?next=/-/account");
    assert!(kim.get("/-/sign-in").expect(200).text().contains("Your sessions have ended."));
    assert_eq!((kim.get(PAGE).status, other.get(PAGE).status), (404, 404));
}

#[test]
fn people_see_what_they_have_been_given() {
    let server = server();
    tell(&server, "PUT", "/api/v1/projects/acme", json!({})).expect(200);
    let kim = user(&server, "kim", Some(("contributor", "acme")));
    tell(&server, "PUT", "/api/v1/groups/devs", json!({ "members": ["kim"] })).expect(200);
    let binding = json!({ "subject": "group:devs", "permissions": ["delete"], "repositories": "acme/app/**" });
    tell(&server, "POST", "/api/v1/projects/acme/bindings", binding).expect(201);
    let page = kim.see(PAGE);
    for told in ["contributor", "group:devs", "acme/app/**", ">delete<", "user:kim"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(!page.contains("/-/admin"));
    assert!(Visitor::admin(&server).see(PAGE).contains("everything"));
    assert_eq!(Visitor::stranger(&server).get(PAGE).status, 404);
}
