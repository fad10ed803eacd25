//! Somebody with a browser: keeps cookies, sends forms as our own pages do, goes where it is sent.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};
use wharf_testkit::http::{Client, Response};
use wharf_testkit::server::{PASSWORD, Server};

use crate::crawl::page;

/// What users of these tests sign in with.
pub(crate) const WORD: &str = "correct horse battery";

/// See the module.
pub(crate) struct Visitor {
    client: Client,
    cookies: RefCell<BTreeMap<String, String>>,
}

/// A form's fields, as they are sent.
pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    let text = |text: &str| text.bytes().map(letter).collect::<String>();
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect();
    pairs.join("&")
}

impl Visitor {
    /// Somebody who has not signed in.
    pub(crate) fn stranger(server: &Server) -> Visitor {
        Visitor { client: server.anonymous(), cookies: RefCell::default() }
    }

    /// Somebody who has.
    pub(crate) fn signed_in(server: &Server, name: &str, password: &str) -> Visitor {
        let visitor = Visitor::stranger(server);
        visitor.send("/-/sign-in", &[("name", name), ("password", password)]).expect(303);
        visitor
    }

    /// The administrator.
    pub(crate) fn admin(server: &Server) -> Visitor {
        Visitor::signed_in(server, "admin", PASSWORD)
    }

    fn cookie(&self) -> String {
        let cookies = self.cookies.borrow();
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep(&self, answer: Response) -> Response {
        for (_, line) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            let mut cookies = self.cookies.borrow_mut();
            match value {
                "" => cookies.remove(name),
                value => cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }

    /// Looks at something.
    pub(crate) fn get(&self, path: &str) -> Response {
        self.keep(self.client.request("GET", path).header("Cookie", self.cookie()).send())
    }

    /// Looks at a page, which is there.
    #[track_caller]
    pub(crate) fn see(&self, path: &str) -> String {
        let answer = self.get(path).expect(200);
        page(path, &answer);
        answer.text()
    }

    /// Sends a form.
    pub(crate) fn send(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let request = self.client.request("POST", path).header("Content-Type", "application/x-www-form-urlencoded");
        let request = request.header("Cookie", self.cookie()).header("Sec-Fetch-Site", "same-origin");
        self.keep(request.body(encoded(fields)).send())
    }

    /// Sends a form that does what it says, and looks at where that leads: the path, and the page, which tells of it once.
    #[track_caller]
    pub(crate) fn does(&self, path: &str, fields: &[(&str, &str)], told: &str) -> (String, String) {
        let answer = self.send(path, fields);
        assert_eq!(answer.status, 303, "{path} {fields:?}: {}", answer.text());
        let to = answer.required("location").to_owned();
        let text = self.see(&to);
        assert!(text.contains(told), "{to} does not tell {told:?}: {text}");
        assert!(!self.see(&to).contains("told-once"), "it is told once");
        (to, text)
    }

    /// Sends a form that is not taken: the page that says why.
    #[track_caller]
    pub(crate) fn fails(&self, path: &str, fields: &[(&str, &str)], why: &str) -> String {
        let answer = self.send(path, fields);
        assert_eq!(answer.status, 422, "{path} {fields:?}: {}", answer.text());
        page(path, &answer);
        let text = answer.text();
        assert!(text.contains(why), "{path} does not say {why:?}: {text}");
        text
    }

    /// Sends a form whose answer has a secret, which is nowhere else.
    #[track_caller]
    pub(crate) fn gets(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.send(path, fields);
        assert_eq!(answer.status, 200, "{path} {fields:?}: {}", answer.text());
        assert_eq!(answer.required("cache-control"), "no-store");
        assert!(answer.header("location").is_none() && answer.header("set-cookie").is_none());
        let text = answer.text();
        let secret = text.split("class=\"command secret\"").nth(1).expect("a secret");
        let secret = secret.split("<code>").nth(1).and_then(|rest| rest.split("</code>").next()).expect("a secret");
        assert!(text.contains(&format!("data-copy=\"{secret}\"")), "{text}");
        assert!(!self.see(path).contains(secret), "it is shown once");
        secret.to_owned()
    }
}

/// The identifier in the first link of a page that asks for that.
#[track_caller]
pub(crate) fn thing(text: &str, deed: &str) -> String {
    let link = text.split(&format!("?do={deed}&#38;of=")).nth(1).expect("a link");
    link.split('"').next().unwrap_or_default().to_owned()
}

/// Tells our API something, as the administrator.
pub(crate) fn tell(server: &Server, method: &str, path: &str, body: Value) -> Response {
    let admin = server.admin();
    admin.request(method, path).header("Content-Type", "application/json").body(body.to_string()).send()
}

/// A user, with a role in a project where that is said.
pub(crate) fn user(server: &Server, name: &str, given: Option<(&str, &str)>) -> Visitor {
    tell(server, "POST", "/api/v1/users", json!({ "name": name, "password": WORD })).expect(201);
    if let Some((role, project)) = given {
        let binding = json!({ "subject": format!("user:{name}"), "role": role });
        tell(server, "POST", &format!("/api/v1/projects/{project}/bindings"), binding).expect(201);
    }
    Visitor::signed_in(server, name, WORD)
}
