//! One registry: who asks, what was learnt of it, and how it is asked. Its repositories are [`crate::remote::Remote`]s.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderName, LOCATION};
use reqwest::{Method, StatusCode, Url};
use wharf_content::abilities::Abilities;

use crate::auth::Session;
use crate::back_off::{self, BackOff};
use crate::credentials::Login;
use crate::error::{self, Error};
use crate::http::{Answer, Call, Gate, Http, Reply, TOTAL};
use crate::origin::Origin;
use crate::redirect::{REDIRECTS_MAX, Reach, reach_refusal, refusal};

/// How much is read of an answer that nobody is interested in, in bytes, so that its connection can be used again.
const REST_BYTES_MAX: usize = 64 << 10;

/// Asks one registry, logged in as one login or as nobody. Share it: what it learns, tokens included, counts for all of its
/// repositories.
#[derive(Debug)]
pub struct Registry {
    http: Arc<Http>,
    origin: Origin,
    session: Session,
    gate: Arc<Gate>,
    /// Whether it has ever answered: who has not is more likely misspelt than away for a moment.
    has_answered: AtomicBool,
    /// What it does, as far as that is known.
    abilities: Mutex<Abilities>,
    /// Whether it passes over `?tag=` (Distribution spec, "Pushing manifests").
    pub(crate) lacks_tag_parameters: AtomicBool,
}

/// A request, and the scopes that a token needs for it.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) call: Call,
    pub(crate) scopes: Vec<String>,
}

impl Ask {
    /// With one more header, where its value can be one.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Ask {
        if let Ok(value) = value.parse() {
            self.call.headers.insert(name, value);
        }
        self
    }

    /// With this body.
    pub(crate) fn body(mut self, body: Bytes) -> Ask {
        self.call.body = Some(body);
        self
    }
}

impl Registry {
    /// At `origin`, as `login`, or as nobody. Nothing is sent yet.
    pub fn new(http: Arc<Http>, origin: Origin, login: Option<Login>) -> Registry {
        http.introduce(&origin);
        Registry {
            session: Session::new(origin.clone(), login),
            gate: http.gate(&origin),
            http,
            origin,
            has_answered: AtomicBool::new(false),
            abilities: Mutex::default(),
            lacks_tag_parameters: AtomicBool::new(false),
        }
    }

    /// Where it is.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What it does, as far as that is known.
    pub fn abilities(&self) -> Abilities {
        self.abilities.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it does has been found out before ([`crate::probe::probe`]); or some of it now.
    pub fn learn(&self, change: impl FnOnce(&mut Abilities)) {
        change(&mut self.abilities.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What it is reached with.
    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(crate) fn back_off(&self) -> BackOff {
        BackOff::new(self.http.transfer().pause)
    }

    /// A request for a path there, which is encoded already.
    pub(crate) fn ask(&self, method: Method, path: &str, scopes: Vec<String>) -> Ask {
        Ask { call: Call::new(method, self.origin.at(path)), scopes }
    }

    /// One exchange whose answer is small, at most `max` bytes; repeated where it fails for the moment. Answers that say no
    /// are answers, those that fail for the moment are errors in the end.
    pub(crate) async fn send(&self, ask: &Ask, max: usize) -> Result<Answer, Error> {
        self.repeat(ask, max, false).await
    }

    /// The same, following redirects: for GET and HEAD.
    pub(crate) async fn fetch(&self, ask: &Ask, max: usize) -> Result<Answer, Error> {
        self.repeat(ask, max, true).await
    }

    async fn repeat(&self, ask: &Ask, max: usize, follow: bool) -> Result<Answer, Error> {
        let mut back_off = self.back_off();
        loop {
            let exchange = async {
                let _place = self.gate.ask().await;
                let late = |_| Error::Late { asked: ask.call.asked() };
                let once = async {
                    match follow {
                        true => self.follow(ask).await?.0.read(max).await,
                        false => self.open(ask, None).await?.read_here(max).await,
                    }
                };
                tokio::time::timeout(TOTAL, once).await.map_err(late)?
            };
            let (error, asked) = match exchange.await {
                Ok(answer) if error::is_passing(answer.status.as_u16()) => {
                    (self.refusal(&answer), back_off::asked(&answer.headers))
                }
                Ok(answer) => return Ok(answer),
                Err(error) if self.is_worth_it(&error) => (error, None),
                Err(error) => return Err(error),
            };
            match back_off.pause(asked) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            }
        }
    }

    /// Whether what failed so may go well a moment later.
    pub(crate) fn is_worth_it(&self, error: &Error) -> bool {
        match error {
            Error::Unreachable { .. } => self.has_answered.load(Ordering::Relaxed),
            Error::Late { .. } => false,
            other => other.is_passing(),
        }
    }

    /// The error that an answer is.
    pub(crate) fn refusal(&self, answer: &Answer) -> Error {
        Error::of(&self.origin, answer.status.as_u16(), &answer.body, self.session.is_logged_in())
    }

    /// The answer, or the error that it is unless it is a success.
    pub(crate) fn success(&self, answer: Answer) -> Result<Answer, Error> {
        if answer.status.is_success() { Ok(answer) } else { Err(self.refusal(&answer)) }
    }

    /// Sends it once, with whatever the registry wants to see of us; again only where it first says what that is, or where a
    /// token has ended before its time, and not where there is a body to be streamed. No redirect is followed.
    pub(crate) async fn open(&self, ask: &Ask, mut body: Option<reqwest::Body>) -> Result<Reply, Error> {
        let mut scopes = ask.scopes.clone();
        let is_streamed = body.is_some();
        let mut may = true;
        loop {
            let mut call = ask.call.clone();
            // A login goes nowhere else, whatever address a registry has given us.
            let is_here = Origin::of(&call.url).is_some_and(|origin| self.is_same(&origin));
            let authorization = if is_here { self.session.authorization(&self.http, &scopes).await? } else { None };
            call.headers.extend(authorization.clone().map(|value| (AUTHORIZATION, value)));
            let reply = match body.take() {
                Some(body) => self.http.open_with(&call, Some(body)).await?,
                None => self.http.open(&call).await?,
            };
            self.has_answered.store(true, Ordering::Relaxed);
            if reply.status != StatusCode::UNAUTHORIZED || !is_here {
                return Ok(reply);
            }
            let again = self.session.refused(&reply.headers, authorization.as_ref(), &mut scopes).await;
            if !again || !may || is_streamed {
                return Ok(reply);
            }
            may = false;
            let _ = reply.read(REST_BYTES_MAX).await;
        }
    }

    fn is_same(&self, other: &Origin) -> bool {
        // Docker Hub is called by another name than its host.
        other.to_string() == self.origin.to_string()
    }

    /// The same for GET and HEAD, following redirects; and where it ended, if that is elsewhere.
    pub(crate) async fn follow(&self, ask: &Ask) -> Result<(Reply, Option<Url>), Error> {
        let mut reply = self.open(ask, None).await?;
        let mut elsewhere = None;
        for _ in 0..REDIRECTS_MAX {
            let is_redirect = reply.status.is_redirection() && reply.status != StatusCode::NOT_MODIFIED;
            let Some(to) = self.next(&reply).await?.filter(|_| is_redirect) else { return Ok((reply, elsewhere)) };
            let _ = reply.read(REST_BYTES_MAX).await;
            let mut ask = ask.clone();
            ask.call.url = to.clone();
            reply = self.open(&ask, None).await?;
            elsewhere = Some(to);
        }
        if reply.status.is_redirection() {
            let why = "and that is one redirect too many";
            return Err(Error::Redirect { asked: reply.asked(), to: plain(reply.url()), why });
        }
        Ok((reply, elsewhere))
    }

    /// Where an answer sends, if it may.
    async fn next(&self, reply: &Reply) -> Result<Option<Url>, Error> {
        let Some(location) = reply.header(LOCATION).filter(|_| reply.status.is_redirection()) else { return Ok(None) };
        let no = |to: String, why| Error::Redirect { asked: reply.asked(), to, why };
        let to = reply.url().join(location).map_err(|_| no(String::new(), "which is no URL"))?;
        self.check(reply.url(), &to).await.map_err(|why| no(plain(&to), why))?;
        Ok(Some(to))
    }

    /// Whether we may be sent from `from`, which this registry has sent us to or is, on to `to`; why not.
    async fn check(&self, from: &Url, to: &Url) -> Result<(), &'static str> {
        if let Some(why) = refusal(from, to) {
            return Err(why);
        }
        if to.host_str() == self.origin.at("/").host_str() {
            return Ok(());
        }
        match reach_refusal(Reach::of_url(&self.origin.at("/")).await, Reach::of_url(to).await) {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    /// The URL in a `Location` or a `Link`, relative to where it came from, if we may go there. Behind a proxy that ends TLS,
    /// registries call themselves by http: where they mean themselves, they are taken by what they are.
    pub(crate) async fn location(&self, asked: &Call, text: &str) -> Result<Url, Error> {
        let no = |to: String, why| Error::Redirect { asked: asked.asked(), to, why };
        let mut to = asked.url.join(text).map_err(|_| no(String::new(), "which is no URL"))?;
        let own = self.origin.at("/");
        if to.scheme() == "http"
            && own.scheme() == "https"
            && to.host_str() == own.host_str()
            && to.port() == own.port()
        {
            let _ = to.set_scheme("https");
        }
        self.check(&asked.url, &to).await.map_err(|why| no(plain(&to), why))?;
        Ok(to)
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.origin.name())
    }
}

/// Without parameters: there are signatures in them.
fn plain(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.as_str().chars().take(300).collect()
}
