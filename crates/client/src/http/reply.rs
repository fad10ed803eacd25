//! An answer whose body is still on its way.

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{StatusCode, Url};

use super::{Answer, Call, SILENCE, failed};
use crate::error::{Asked, Error};

/// See the module. Dropping it ends the connection, unless all has been read.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    call: Call,
    inner: reqwest::Response,
}

impl Reply {
    pub(super) fn new(call: &Call, mut inner: reqwest::Response) -> Reply {
        let headers = std::mem::take(inner.headers_mut());
        let call = Call { body: None, headers: HeaderMap::new(), ..call.clone() };
        Reply { status: inner.status(), headers, call, inner }
    }

    /// What was asked.
    pub(crate) fn asked(&self) -> Asked {
        self.call.asked()
    }

    /// Whom it came from.
    pub(crate) fn url(&self) -> &Url {
        &self.call.url
    }

    /// A header as text, where it is some.
    pub(crate) fn header(&self, name: impl Into<HeaderName>) -> Option<&str> {
        self.headers.get(name.into()).and_then(|value| value.to_str().ok())
    }

    /// What has come of the body since the last time, `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let late = |_| Error::Late { asked: self.call.asked() };
        let chunk = tokio::time::timeout(SILENCE, self.inner.chunk()).await.map_err(late)?;
        chunk.map_err(|error| match failed(&self.call, &error) {
            // Half a body is half a body, whatever it is that broke it.
            Error::Strange { asked, why } => Error::Cut { asked, why },
            other => other,
        })
    }

    /// All of it, at most `max` bytes; redirects are an error.
    pub(crate) async fn read_here(self, max: usize) -> Result<Answer, Error> {
        if self.status.is_redirection() && self.status != StatusCode::NOT_MODIFIED {
            let why = format!("is answered with a redirect ({}), which is not followed", self.status);
            return Err(self.call.strange(why));
        }
        self.read(max).await
    }

    /// All of it, at most `max` bytes.
    pub(crate) async fn read(mut self, max: usize) -> Result<Answer, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > max {
                return Err(self.call.strange(format!("the answer has more than {max} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: self.status, headers: self.headers, body: body.into() })
    }
}
