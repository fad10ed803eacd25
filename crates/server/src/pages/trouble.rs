//! What a page is where there is nothing to show: what happened, why, and what to do now.

use http::{HeaderValue, StatusCode, header};
use wharf_registry::error::Error;
use wharf_registry::identity::AuthError;

use super::route::Page;
use super::shell::Shell;
use super::{Visit, render, reply};
use crate::error::{Failure, status};
use crate::respond::Answer;

/// Why there is nothing to show.
#[derive(Debug)]
pub enum Trouble {
    /// It is not there, or whoever asks may not see it: nobody is told which.
    NotHere,
    /// A form of a page from elsewhere.
    Foreign,
    /// A form that is none.
    Form,
    /// Pages are read.
    Method,
    /// What was asked of it makes no sense.
    Asked(String),
    /// It will be there in a moment.
    NotReady,
    /// Too much at once.
    Busy,
    /// The registry is not available.
    Unavailable,
    /// The registry failed; the log says how.
    Failed(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        match error {
            Error::Unauthorized | Error::Denied => Trouble::NotHere,
            Error::NotReady(_) => Trouble::NotReady,
            Error::TooManyRequests => Trouble::Busy,
            Error::Unavailable(why) => {
                tracing::error!(error = why, "a page failed");
                Trouble::Unavailable
            }
            Error::Internal(why) => Trouble::Failed(why),
            other if status(&other) == StatusCode::NOT_FOUND => Trouble::NotHere,
            other => Trouble::Asked(other.to_string()),
        }
    }
}

impl From<AuthError> for Trouble {
    fn from(error: AuthError) -> Trouble {
        match error {
            AuthError::Busy => Trouble::Busy,
            AuthError::Ledger(error) => Trouble::from(Error::from(error)),
            AuthError::Failed(why) => Trouble::Failed(why),
            AuthError::BadCredentials | AuthError::Malformed | AuthError::Expired => Trouble::NotHere,
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        match failure.status {
            StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Trouble::NotHere,
            status if status.is_client_error() => Trouble::Asked(failure.entry.message),
            _ => Trouble::Unavailable,
        }
    }
}

#[derive(askama::Template)]
#[template(path = "trouble.html")]
struct Told<'a> {
    shell: Shell,
    heading: &'static str,
    why: &'a str,
    /// Whether to sign in may help.
    may_sign_in: bool,
    /// Whether to try again may help.
    may_retry: bool,
}

impl Trouble {
    fn status(&self) -> StatusCode {
        match self {
            Trouble::NotHere => StatusCode::NOT_FOUND,
            Trouble::Foreign => StatusCode::FORBIDDEN,
            Trouble::Form | Trouble::Asked(_) => StatusCode::BAD_REQUEST,
            Trouble::Method => StatusCode::METHOD_NOT_ALLOWED,
            Trouble::NotReady | Trouble::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Trouble::Busy => StatusCode::TOO_MANY_REQUESTS,
            Trouble::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn words(&self) -> (&'static str, &str) {
        match self {
            Trouble::NotHere => ("Nothing to see here", "There is no such thing, or it is not for everybody to see."),
            Trouble::Foreign => (
                "That did not come from here",
                "Forms are taken from the pages of this registry only. Open the page again and send it from there.",
            ),
            Trouble::Form => ("That form cannot be read", "Go back, reload the page, and send it again."),
            Trouble::Method => {
                ("Pages are only read", "To change something, use the API under /api/v1, or the wharf command.")
            }
            Trouble::Asked(why) => ("That cannot be shown", why),
            Trouble::NotReady => (
                "Not looked into yet",
                "What is inside is found out in the background after a push. It takes seconds, and longer for large layers.",
            ),
            Trouble::Busy => ("Too much at once", "The registry has more to do than it can right now."),
            Trouble::Unavailable => ("Not available", "The registry cannot be reached at its stores. Nothing is lost."),
            Trouble::Failed(_) => {
                ("Something went wrong", "The registry failed; its log says more, under this answer’s X-Request-Id.")
            }
        }
    }

    /// The page that says so.
    pub fn answer(&self, visit: &Visit<'_>) -> Answer {
        if let Trouble::Failed(error) = self {
            tracing::error!(%error, "a page failed");
        }
        let (status, (heading, why)) = (self.status(), self.words());
        let mut shell = visit.shell(heading);
        if matches!(self, Trouble::NotHere) {
            // Nor does the page tell what it was asked for.
            shell.about = None;
        }
        let may_sign_in = matches!(self, Trouble::NotHere) && visit.subject.actor.is_anonymous();
        let may_retry = matches!(self, Trouble::NotReady | Trouble::Busy | Trouble::Unavailable);
        let page = Told { shell, heading, why, may_sign_in, may_retry };
        let mut answer = render(visit, status, &page)
            .unwrap_or_else(|_| reply::html(status, heading.to_owned(), &visit.parts.headers));
        let headers = answer.headers_mut();
        if may_retry {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        if matches!(self, Trouble::Method) {
            let takes_forms = Page::parse(visit.parts.uri.path()).is_some_and(|page| page.takes_forms());
            let allowed = if takes_forms { "GET, HEAD, POST" } else { "GET, HEAD" };
            headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        answer
    }
}
