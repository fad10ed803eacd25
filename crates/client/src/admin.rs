//! Wharf's own API, `/api/v1`, typed with its wire types: one function for each call, by what it is about.
//!
//! ```no_run
//! # async fn example() -> Result<(), wharf_client::error::Error> {
//! use wharf_client::{admin::Admin, credentials::Credentials, http::{Http, HttpSettings}, origin::Origin};
//!
//! let origin = Origin::parse("registry.example.com", false)?;
//! let login = Credentials::from_env(|name| std::env::var_os(name)).get(&origin).await?;
//! let admin = Admin::new(Http::new(HttpSettings::default())?, origin, login)?;
//! for user in admin.users().await? {
//!     assert!(!user.disabled);
//! }
//! # Ok(())
//! # }
//! ```

mod access;
mod artifacts;
mod config;
mod people;
mod projects;
mod repositories;
mod search;
mod trash;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wharf_model::api::list::List;

pub use access::{Place, Within};
pub use artifacts::EventsOf;

use crate::auth;
use crate::credentials::Login;
use crate::error::Error;
use crate::http::{Answer, Call, EMPTY_PAGES_MAX, Http};
use crate::origin::Origin;

/// Most entries of a list that are read.
const LIST_ENTRIES_MAX: usize = 100_000;
/// How many entries are asked for at a time.
const PAGE_ENTRIES: usize = 500;
/// What stands in a path and in a parameter as it is: all others are encoded.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@');

/// Calls the API of one registry as one account.
#[derive(Debug)]
pub struct Admin {
    http: Http,
    origin: Origin,
    authorization: Option<HeaderValue>,
    user: Option<String>,
}

impl Admin {
    /// Speaks to `origin`, logged in as `login` or as nobody.
    ///
    /// # Errors
    /// The login is a token for the Distribution API, which is no good here.
    pub fn new(http: Http, origin: Origin, login: Option<Login>) -> Result<Admin, Error> {
        let (user, authorization) = match login {
            Some(Login::Password { user, password }) => {
                let authorization = auth::basic(&user, &password);
                (Some(user), Some(authorization))
            }
            None => (None, None),
            Some(Login::Identity(_) | Login::Registry(_)) => {
                let message = "the login that is kept is a token for pushing and pulling only".to_owned();
                return Err(Error::Unauthorized { server: origin.name().to_owned(), message, logged_in: false });
            }
        };
        http.introduce(&origin);
        Ok(Admin { http, origin, authorization, user })
    }

    /// Who it is that calls; `None` for nobody.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Whom it calls.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.read(&self.call(Method::GET, path)).await
    }

    async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        self.read(&self.with_body(Method::PUT, path, body)?).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        self.read(&self.with_body(Method::POST, path, body)?).await
    }

    /// PUT whose answer says no more than that it is done.
    async fn set(&self, path: &str, body: &impl Serialize) -> Result<(), Error> {
        self.send(&self.with_body(Method::PUT, path, body)?).await.map(drop)
    }

    /// POST that says no more than by its path, and is answered with no more than that it is done.
    async fn act(&self, path: &str) -> Result<(), Error> {
        self.send(&self.call(Method::POST, path)).await.map(drop)
    }

    async fn delete(&self, path: &str) -> Result<(), Error> {
        self.send(&self.call(Method::DELETE, path)).await.map(drop)
    }

    /// All entries of a list, page by page; at most 100,000. `path` may have parameters.
    async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Error> {
        self.first(path, usize::MAX).await
    }

    /// The first `most` entries of a list, page by page.
    async fn first<T: DeserializeOwned>(&self, path: &str, most: usize) -> Result<Vec<T>, Error> {
        let mut all: Vec<T> = Vec::new();
        let mut last: Option<String> = None;
        let mut empty = 0;
        loop {
            let between = if path.contains('?') { '&' } else { '?' };
            let entries = PAGE_ENTRIES.min(most.saturating_sub(all.len())).max(1);
            let mut page = format!("{path}{between}n={entries}");
            if let Some(last) = &last {
                page.push_str(&format!("&last={}", encoded(last)));
            }
            let call = self.call(Method::GET, &page);
            let List { items, next } = self.read::<List<T>>(&call).await?;
            // A page may be empty where much is passed over that is not shown, but not all of them.
            empty += usize::from(items.is_empty());
            if empty > EMPTY_PAGES_MAX && next.is_some() {
                return Err(Error::Strange {
                    asked: call.asked(),
                    why: "the list goes on without an entry".to_owned(),
                });
            }
            all.extend(items);
            if all.len() > LIST_ENTRIES_MAX {
                return Err(Error::TooMany { asked: call.asked(), max: LIST_ENTRIES_MAX });
            }
            match next {
                Some(next) if all.len() < most => last = Some(next),
                _ => {
                    all.truncate(most);
                    return Ok(all);
                }
            }
        }
    }

    fn call(&self, method: Method, path: &str) -> Call {
        let mut call = Call::new(method, self.origin.at(path));
        call.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(authorization) = &self.authorization {
            call.headers.insert(AUTHORIZATION, authorization.clone());
        }
        call
    }

    fn with_body(&self, method: Method, path: &str, body: &impl Serialize) -> Result<Call, Error> {
        let mut call = self.call(method, path);
        call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = serde_json::to_vec(body).map_err(|error| Error::Setup(error.to_string()))?;
        call.body = Some(Bytes::from(body));
        Ok(call)
    }

    async fn send(&self, call: &Call) -> Result<Answer, Error> {
        let answer = self.http.send(call).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(Error::of(&self.origin, answer.status.as_u16(), &answer.body, self.authorization.is_some()))
    }

    async fn read<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        let answer = self.send(call).await?;
        serde_json::from_slice(&answer.body).map_err(|error| {
            // The error may repeat what is there, and that may be a secret.
            let why = format!("the answer is not understood (line {}, column {})", error.line(), error.column());
            Error::Strange { asked: call.asked(), why }
        })
    }
}

/// A part of a path, or a parameter.
fn encoded(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, PLAIN)
}
