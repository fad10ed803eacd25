//! Exchanges with a registry that answers what a test says: what is sent again, what is followed, and who gets the login.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

use wharf_client::admin::Admin;
use wharf_client::auth;
use wharf_client::credentials::{Login, Secret};
use wharf_client::error::Error;
use wharf_client::http::{Http, HttpSettings};
use wharf_client::origin::Origin;

/// `kim:pass`
const BASIC: &str = "authorization: Basic a2ltOnBhc3M=";

/// A registry that gives these answers, one after the other, and ends; it hands back what it was asked.
struct Fake {
    address: SocketAddr,
    asked: JoinHandle<Vec<String>>,
}

/// A listener whose address the answers may name.
fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

impl Fake {
    fn start(answers: &[String]) -> Fake {
        let (listener, address) = listener();
        Fake::on(listener, address, answers)
    }

    fn on(listener: TcpListener, address: SocketAddr, answers: &[String]) -> Fake {
        let answers = answers.to_vec();
        let asked = std::thread::spawn(move || {
            let answer = |answer: &String| serve(&listener.accept().unwrap().0, answer);
            answers.iter().map(answer).collect()
        });
        Fake { address, asked }
    }

    fn origin(&self) -> Origin {
        Origin::parse(&self.address.to_string(), false).unwrap()
    }

    fn admin(&self) -> Admin {
        Admin::new(http(), self.origin(), Some(kim())).unwrap()
    }

    /// What it was asked, in lower case but for values.
    fn asked(self) -> Vec<String> {
        self.asked.join().unwrap()
    }
}

/// Reads one request as a whole, and answers.
fn serve(mut stream: &TcpStream, answer: &str) -> String {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    stream.write_all(answer.as_bytes()).unwrap();
    head + &String::from_utf8(body).unwrap()
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

fn ok(body: &str) -> String {
    answer("200 OK", "", body)
}

fn http() -> Http {
    Http::new(HttpSettings { user_agent: "test".to_owned(), ..HttpSettings::default() }).unwrap()
}

fn kim() -> Login {
    Login::Password { user: "kim".to_owned(), password: Secret::new("pass") }
}

#[tokio::test]
async fn who_is_busy_is_asked_again_but_not_for_ever() {
    let busy = |status| answer(status, "Retry-After: 0\r\n", "");
    let fake = Fake::start(&[busy("503 x"), busy("429 x"), ok(r#"{"items": []}"#)]);
    assert!(fake.admin().users().await.unwrap().is_empty());
    assert_eq!(fake.asked().len(), 3);

    let fake = Fake::start(&[busy("503 x"), busy("503 x"), busy("503 x"), busy("503 x")]);
    let error = fake.admin().users().await.expect_err("busy");
    assert!(matches!(error, Error::Busy { .. }), "{error:?}");
    assert_eq!(fake.asked().len(), 4);

    // An hour is not waited for.
    let fake = Fake::start(&[answer("429 x", "Retry-After: 3600\r\n", "")]);
    assert!(matches!(fake.admin().users().await, Err(Error::Busy { .. })));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (listener, elsewhere) = listener();
    let fake = Fake::start(&[answer("307 x", &format!("Location: http://{elsewhere}/\r\n"), "")]);
    let error = fake.admin().users().await.expect_err("a redirect");
    assert!(error.to_string().contains("redirect"), "{error}");
    assert!(fake.asked()[0].contains(BASIC));
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "nobody went there");
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let role = |name: &str| format!(r#"{{"name":"{name}","description":"","permissions":[],"built_in":false}}"#);
    let page = |name: &str, next: &str| ok(&format!(r#"{{"items":[{}]{next}}}"#, role(name)));
    let fake = Fake::start(&[page("a", r#","next":"a b&c""#), page("b", "")]);
    let roles = fake.admin().roles().await.unwrap();
    assert_eq!(roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let asked = fake.asked();
    assert!(asked[0].starts_with("GET /api/v1/roles?n=500 "), "{}", asked[0]);
    assert!(asked[1].starts_with("GET /api/v1/roles?n=500&last=a%20b%26c "), "{}", asked[1]);

    // Where much is passed over that is not shown, a page may be empty.
    let empty = ok(r#"{"items":[],"next":"x"}"#);
    let fake = Fake::start(&[empty.clone(), empty.clone(), page("b", "")]);
    assert_eq!(fake.admin().roles().await.unwrap().len(), 1);

    let fake = Fake::start(&vec![empty; 1_001]);
    let error = fake.admin().roles().await.expect_err("an endless list").to_string();
    assert!(error.contains("goes on without an entry"), "{error}");

    let fake = Fake::start(&[ok("<html>secret</html>")]);
    let error = fake.admin().roles().await.expect_err("no list").to_string();
    assert!(error.contains("not understood") && !error.contains("secret"), "{error}");
}

#[tokio::test]
async fn a_token_is_fetched_as_the_challenge_says() {
    let (listener, address) = listener();
    let challenge = format!("WWW-Authenticate: Bearer realm=\"http://{address}/token?x=1\",service=\"s\"\r\n");
    let answers = [answer("401 x", &challenge, ""), ok(r#"{"access_token":"abc"}"#), ok("{}")];
    let fake = Fake::on(listener, address, &answers);
    auth::check(&http(), &fake.origin(), &kim()).await.unwrap();
    let asked = fake.asked();
    assert!(asked[0].starts_with("GET /v2/ ") && !asked[0].contains("authorization"), "{}", asked[0]);
    assert!(asked[1].starts_with("GET /token?x=1&service=s&account=kim ") && asked[1].contains(BASIC), "{}", asked[1]);
    assert!(asked[2].contains("authorization: Bearer abc"), "{}", asked[2]);
}

#[tokio::test]
async fn an_identity_token_is_sent_as_a_form() {
    let (listener, address) = listener();
    let challenge = format!("WWW-Authenticate: Bearer realm=\"http://{address}/token\",service=\"s\"\r\n");
    let answers = [answer("401 x", &challenge, ""), ok(r#"{"token":"abc"}"#), ok("{}")];
    let fake = Fake::on(listener, address, &answers);
    auth::check(&http(), &fake.origin(), &Login::Identity(Secret::new("t&"))).await.unwrap();
    let asked = fake.asked();
    let form = "service=s&grant_type=refresh_token&refresh_token=t%26&client_id=wharf";
    assert!(asked[1].starts_with("POST /token ") && asked[1].ends_with(form), "{}", asked[1]);
    assert!(matches!(
        Admin::new(http(), Origin::parse("127.0.0.1:1", false).unwrap(), Some(Login::Identity(Secret::new("t")))),
        Err(Error::Unauthorized { .. })
    ));
}

#[tokio::test]
async fn hostile_realms_get_nothing() {
    let challenge = "WWW-Authenticate: Bearer realm=\"http://registry.example.com/token\"\r\n";
    let fake = Fake::start(&[answer("401 x", challenge, "")]);
    let error = auth::check(&http(), &fake.origin(), &kim()).await.expect_err("in the clear").to_string();
    assert!(error.contains("registry.example.com") && error.contains("in the clear"), "{error}");
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn a_wrong_password_is_sent_once() {
    let challenge = "WWW-Authenticate: Basic realm=\"x\"\r\n";
    let busy = answer("429 x", "Retry-After: 0\r\n", "");
    let fake = Fake::start(&[answer("401 x", challenge, ""), busy]);
    let error = auth::check(&http(), &fake.origin(), &kim()).await.expect_err("locked out");
    assert!(matches!(error, Error::Busy { .. }), "{error:?}");
    assert_eq!(fake.asked().len(), 2);
}
