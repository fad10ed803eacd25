//! Every route and every layer on one page.
//!
//! A request is read, its sender authenticated, its route authorised, and only then does a handler run. The table
//! [`operation`] says what each route and method does; what is not in it is not served.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body::Body as HttpBody;
use serde_json::json;
use tower::ServiceExt as _;
use wharf_artifact::kind::folder::InForce;
use wharf_model::code::ErrorCode;
use wharf_model::digest::Digest;
use wharf_model::limits::REQUEST_TARGET_BYTES_MAX;
use wharf_model::name::{Reference, RepositoryName};
use wharf_model::route::Route;
use wharf_registry::access::Action;
use wharf_registry::actor::{Actor, Subject};
use wharf_registry::identity::AuthError;
use wharf_registry::registry::Registry;

use crate::body::{self, ResponseBody, Within};
use crate::error::Failure;
use crate::exchange::Who;
use crate::oci::{self, Call, Outcome};
use crate::origin::{self, Network, Origin, Peer, Sender};
use crate::pages::Pages;
use crate::respond::{self, Answer};
use crate::{api, extract, health, logs, token};

/// What the application is set to.
#[derive(Clone, Debug, Default)]
pub struct AppSettings {
    /// The public address, where it is not to be taken from each request.
    pub url: Option<String>,
    /// Whose forwarded headers count.
    pub trusted_proxies: Vec<Network>,
    /// Whether everybody may do everything because only this machine can reach it. Then what a browser on this machine was
    /// talked into does not count.
    pub only_local: bool,
    /// How long the whole of a body that is not a blob's may take.
    pub body_timeout: Duration,
    /// The kinds of artifacts that are in force.
    pub kinds: Arc<InForce>,
}

/// The application: answers any request. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    registry: Registry,
    settings: AppSettings,
    api: axum::Router,
    pages: Pages,
    health: health::Health,
    /// Whether the log tells already that there is a proxy which nobody named.
    has_warned: AtomicBool,
}

/// What the Distribution API does for a route and a method.
#[derive(Clone, Copy)]
enum Operation<'a> {
    Base,
    Catalog,
    In(&'a RepositoryName, Task<'a>),
}

/// What it does in a repository. The compiler sees to it that each has its right and its handler.
#[derive(Clone, Copy)]
enum Task<'a> {
    GetManifest(&'a Reference),
    PutManifest(&'a Reference),
    DeleteManifest(&'a Reference),
    GetBlob(&'a Digest),
    DeleteBlob(&'a Digest),
    BeginUpload,
    GetUpload(&'a str),
    PatchUpload(&'a str),
    PutUpload(&'a str),
    CancelUpload(&'a str),
    Tags,
    Referrers(&'a Digest),
}

/// `None` where there is no such endpoint.
fn operation<'a>(route: &'a Route, method: &Method) -> Option<Operation<'a>> {
    use Operation::In;
    Some(match (route, method.as_str()) {
        (Route::Base, "GET" | "HEAD") => Operation::Base,
        (Route::Catalog, "GET" | "HEAD") => Operation::Catalog,
        (Route::Manifest(name, reference), "GET" | "HEAD") => In(name, Task::GetManifest(reference)),
        (Route::Manifest(name, reference), "PUT") => In(name, Task::PutManifest(reference)),
        (Route::Manifest(name, reference), "DELETE") => In(name, Task::DeleteManifest(reference)),
        (Route::Blob(name, digest), "GET" | "HEAD") => In(name, Task::GetBlob(digest)),
        (Route::Blob(name, digest), "DELETE") => In(name, Task::DeleteBlob(digest)),
        (Route::Uploads(name), "POST") => In(name, Task::BeginUpload),
        (Route::Upload(name, session), "GET") => In(name, Task::GetUpload(session)),
        (Route::Upload(name, session), "PATCH") => In(name, Task::PatchUpload(session)),
        (Route::Upload(name, session), "PUT") => In(name, Task::PutUpload(session)),
        (Route::Upload(name, session), "DELETE") => In(name, Task::CancelUpload(session)),
        (Route::Tags(name), "GET" | "HEAD") => In(name, Task::Tags),
        (Route::Referrers(name, digest), "GET" | "HEAD") => In(name, Task::Referrers(digest)),
        _ => return None,
    })
}

impl Task<'_> {
    /// What whoever asks for it must be allowed.
    fn action(self) -> Action {
        use Task::*;
        match self {
            GetManifest(_) | GetBlob(_) | Tags | Referrers(_) => Action::Pull,
            PutManifest(_) | BeginUpload | GetUpload(_) | PatchUpload(_) | PutUpload(_) | CancelUpload(_) => {
                Action::Push
            }
            DeleteManifest(_) | DeleteBlob(_) => Action::Delete,
        }
    }

    async fn run(self, call: Call<'_>) -> Outcome {
        match self {
            Task::GetManifest(reference) => oci::manifests::get(call, reference.clone()).await,
            Task::PutManifest(reference) => oci::manifests::put(call, reference.clone()).await,
            Task::DeleteManifest(reference) => oci::manifests::delete(call, reference.clone()).await,
            Task::GetBlob(digest) => oci::blobs::get(call, *digest).await,
            Task::DeleteBlob(digest) => oci::blobs::delete(call, *digest).await,
            Task::BeginUpload => oci::uploads::post(call).await,
            Task::GetUpload(session) => oci::uploads::get(call, session).await,
            Task::PatchUpload(session) => oci::uploads::patch(call, session).await,
            Task::PutUpload(session) => oci::uploads::put(call, session).await,
            Task::CancelUpload(session) => oci::uploads::delete(call, session).await,
            Task::Tags => oci::tags::list(call).await,
            Task::Referrers(digest) => oci::referrers::list(call, *digest).await,
        }
    }
}

impl App {
    /// The application over a registry.
    pub fn new(registry: Registry, settings: AppSettings, health: health::Health) -> App {
        let api = api::router(registry.clone(), settings.kinds.clone());
        let pages = Pages::new(registry.clone(), settings.kinds.clone());
        App(Arc::new(Inner { registry, settings, api, pages, health, has_warned: AtomicBool::new(false) }))
    }

    /// Answers a request. Never fails: what goes wrong is an answer too.
    pub async fn handle<B>(&self, request: Request<B>, peer: Peer) -> Answer
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let is_head = request.method() == Method::HEAD;
        let answer = self.answer(request, peer).await;
        if is_head { respond::head_of(answer) } else { answer }
    }

    async fn answer<B>(&self, request: Request<B>, peer: Peer) -> Answer
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(Sender(origin::sender(&parts, &peer, &self.0.settings.trusted_proxies)));
        if parts.uri.path_and_query().is_some_and(|target| target.as_str().len() > REQUEST_TARGET_BYTES_MAX) {
            let failure = Failure::new(StatusCode::URI_TOO_LONG, ErrorCode::Unsupported, "the URL is too long");
            return failure.detail(json!({ "max": REQUEST_TARGET_BYTES_MAX })).response();
        }
        if !origin::has_one_host(&parts) {
            let message = "a request has one line Host, no more and no less";
            let failure = Failure::new(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, message);
            return failure.detail(json!({ "header": "Host" })).response();
        }
        if let Some(failure) = self.foreign(&parts) {
            return distributed(failure.response());
        }
        let path = parts.uri.path();
        if path == "/v2" || path.starts_with("/v2/") {
            return self.distribution(&parts, body, &peer).await;
        }
        if parts.method == Method::POST && path.ends_with(Pages::PUSH) {
            // Files go up there, which take as long as blobs.
            return self.page(&parts, body::incoming(body), &peer).await;
        }
        let body = Within::new(body, self.0.settings.body_timeout);
        let is_read = parts.method == Method::GET || parts.method == Method::HEAD;
        match path {
            "/livez" | "/readyz" | "/metrics" if is_read => self.0.health.answer(path, &self.0.registry).await,
            "/livez" | "/readyz" | "/metrics" => Failure::not_allowed(&[Method::GET, Method::HEAD]).response(),
            "/token" => {
                let origin = self.origin(&parts, &peer);
                let from = origin::sender(&parts, &peer, &self.0.settings.trusted_proxies);
                answered(token::answer(&self.0.registry, &parts, body::incoming(body), &origin, from).await)
            }
            _ if path.starts_with("/api/") => self.api(parts, body, &peer).await,
            _ => self.page(&parts, body::incoming(body), &peer).await,
        }
    }

    /// Why a request is refused that a page from elsewhere made somebody's browser send: it writes, or it came by a name of
    /// that page's own which leads here (DNS rebinding).
    fn foreign(&self, parts: &Parts) -> Option<Failure> {
        let denied = |message: String, header: &str| {
            let failure = Failure::new(StatusCode::FORBIDDEN, ErrorCode::Denied, message);
            Some(failure.detail(json!({ "header": header })))
        };
        let is_read = parts.method == Method::GET || parts.method == Method::HEAD;
        let site = parts.headers.get("sec-fetch-site");
        if !is_read && site.is_some_and(|site| site == "cross-site") {
            return denied("pages of other sites may not write here".to_owned(), "Sec-Fetch-Site");
        }
        let settings = &self.0.settings;
        let host = origin::host(parts).filter(|_| settings.only_local)?;
        let ours = settings.url.as_ref().and_then(|url| url.split_once("://")).map(|(_, host)| host);
        if origin::is_local(host) || ours.is_some_and(|ours| ours.eq_ignore_ascii_case(host)) {
            return None;
        }
        let hint = "as this registry is open to this machine, it answers to localhost and 127.0.0.1 only";
        denied(format!("{hint}; set --url to have it answer to {host}"), "Host")
    }

    fn origin(&self, parts: &Parts, peer: &Peer) -> Origin {
        let settings = &self.0.settings;
        let is_ignored = origin::is_ignored(parts, peer, &settings.trusted_proxies);
        if is_ignored && !self.0.has_warned.swap(true, Ordering::Relaxed) {
            let proxy = peer.address.ip();
            tracing::warn!(
                %proxy,
                "X-Forwarded-For, -Proto and -Host are ignored: all clients seem to come from the proxy, so that one who guesses \
                 passwords locks out all, and without --url they may be sent to another address for their token; name the \
                 proxy in trusted_proxies"
            );
        }
        Origin::of(parts, peer, settings.url.as_deref(), &settings.trusted_proxies)
    }

    async fn authenticate(&self, parts: &Parts, peer: &Peer) -> Result<Subject, Failure> {
        let header = extract::authorization(parts)?;
        let from = origin::sender(parts, peer, &self.0.settings.trusted_proxies);
        let subject = self.0.registry.identity().authenticate(header, from).await.map_err(unauthenticated)?;
        Ok(Subject { client: extract::client(parts), ..subject })
    }

    /// The Distribution API: authenticate, authorise, handle.
    async fn distribution<B>(&self, parts: &Parts, body: B, peer: &Peer) -> Answer
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let route = match Route::parse(parts.uri.path()) {
            Ok(route) => route,
            Err(error) => return distributed(Failure::misrouted(error, &parts.method, parts.uri.path()).response()),
        };
        let body = match route {
            Route::Uploads(_) | Route::Upload(..) => body::incoming(body),
            _ => body::incoming(Within::new(body, self.0.settings.body_timeout)),
        };
        let subject = self.authenticate(parts, peer).await;
        let who = subject.as_ref().ok().and_then(|subject| who(&subject.actor));
        let answer = match subject {
            Ok(subject) => self.routed(parts, body, &route, &subject).await,
            Err(failure) => Err(failure),
        };
        let mut answer = answered(answer.map_err(|failure| failure.asked(|| asked(&route, &parts.method))));
        if let Some(who) = who {
            answer.extensions_mut().insert(who);
        }
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.challenge(&mut answer, parts, peer, &route);
        }
        distributed(answer)
    }

    async fn routed(
        &self,
        parts: &Parts,
        body: wharf_content::body::Body,
        route: &Route,
        subject: &Subject,
    ) -> Outcome {
        let registry = &self.0.registry;
        match operation(route, &parts.method).ok_or_else(|| not_allowed(route))? {
            Operation::Base => {
                registry.enter(subject)?;
                oci::base::get()
            }
            Operation::Catalog => {
                let readable = registry.authorise_list(subject)?;
                oci::base::catalog(registry, subject, &readable, parts).await
            }
            Operation::In(repository, task) => {
                let access = registry.authorise(subject, task.action(), repository).await?;
                task.run(Call { registry, access, parts, body }).await
            }
        }
    }

    async fn api<B>(&self, parts: Parts, body: B, peer: &Peer) -> Answer
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let origin = self.origin(&parts, peer);
        let subject = match self.authenticate(&parts, peer).await {
            Ok(subject) => subject,
            Err(failure) => return respond::challenged(failure.response(), &origin),
        };
        // The router would find out only by reading.
        let most = api::body_bytes_max(parts.uri.path());
        if body.size_hint().lower() > most as u64 {
            let message = format!("a body has at most {most} bytes here");
            return Failure::other(StatusCode::PAYLOAD_TOO_LARGE, "BODY_INVALID", message).response();
        }
        let who = who(&subject.actor);
        let is_in = self.0.registry.enter(&subject);
        let mut request = Request::from_parts(parts, axum::body::Body::new(body));
        request.extensions_mut().insert(subject);
        request.extensions_mut().insert(origin.clone());
        let Ok(mut answer) = self.0.api.clone().oneshot(request).await;
        // Whoever has not logged in is asked to, whatever they name or send.
        if let Err(error) = is_in
            && answer.extensions().get::<api::Misnamed>().is_some()
        {
            return respond::challenged(Failure::from(error).response(), &origin);
        }
        if let Some(who) = who {
            answer.extensions_mut().insert(who);
        }
        let mut answer = respond::challenged(answer.map(ResponseBody::api), &origin);
        // Some answers have secrets, and all are for who asked.
        let has_tag = answer.headers().contains_key(header::ETAG);
        let cache = if has_tag { "private, no-cache" } else { "no-store" };
        answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        answer
    }

    /// The pages: who looks is told by the cookie of their browser, or, where a client shows one, by a login.
    async fn page(&self, parts: &Parts, body: wharf_content::body::Body, peer: &Peer) -> Answer {
        let origin = self.origin(parts, peer);
        let subject = if parts.headers.contains_key(header::AUTHORIZATION) {
            self.authenticate(parts, peer).await.map_err(|failure| respond::challenged(failure.response(), &origin))
        } else {
            self.0.pages.visitor(parts, &origin).await
        };
        let subject = match subject {
            Ok(subject) => subject,
            Err(answer) => return answer,
        };
        let from = origin::sender(parts, peer, &self.0.settings.trusted_proxies);
        let mut answer = self.0.pages.answer(&subject, parts, body, &origin, from).await;
        if let Some(who) = who(&subject.actor) {
            answer.extensions_mut().insert(who);
        }
        answer
    }

    /// Says how to log in, in one way: Docker obeys every challenge that it finds, and fails for want of a password where
    /// Basic stands beside Bearer and it has a token, or nothing and the project is public. Who came with Basic gets that.
    fn challenge(&self, answer: &mut Answer, parts: &Parts, peer: &Peer, route: &Route) {
        let origin = self.origin(parts, peer);
        let came_with = |scheme: &str| {
            let start = extract::header(parts, header::AUTHORIZATION).and_then(|text| text.get(..scheme.len()));
            start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        if came_with("Basic ") {
            return respond::challenge(answer, &origin);
        }
        let mut bearer = format!("Bearer realm=\"{origin}/token\",service=\"{}\"", origin.host());
        match operation(route, &parts.method) {
            Some(Operation::In(name, task)) => {
                let actions = scope_actions(task.action());
                bearer.push_str(&format!(",scope=\"repository:{name}:{actions}\""));
            }
            Some(Operation::Catalog) => bearer.push_str(",scope=\"registry:catalog:*\""),
            Some(Operation::Base) | None => {}
        }
        if came_with("Bearer ") {
            bearer.push_str(",error=\"invalid_token\"");
        }
        respond::set(answer, header::WWW_AUTHENTICATE, bearer);
    }
}

/// Who asked, for the access log; nobody where there is none or nobody in particular.
fn who(actor: &Actor) -> Option<Who> {
    actor.name().filter(|_| logs::access_enabled()).map(|name| Who(name.to_string()))
}

fn answered(outcome: Outcome) -> Answer {
    outcome.unwrap_or_else(Failure::response)
}

/// What a request was for, as it says itself.
fn asked(route: &Route, method: &Method) -> serde_json::Value {
    match operation(route, method) {
        Some(Operation::In(repository, task)) => {
            json!({ "action": scope_actions(task.action()), "repository": repository })
        }
        Some(Operation::Catalog) => json!({ "action": "list" }),
        Some(Operation::Base) | None => json!({ "action": "enter" }),
    }
}

/// What a token must be for, as scopes say it: whoever pushes looks first what is there.
fn scope_actions(action: Action) -> &'static str {
    match action {
        Action::Push => "pull,push",
        Action::Delete => "delete",
        Action::Pull => "pull",
    }
}

fn not_allowed(route: &Route) -> Failure {
    const ALL: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let has: Vec<Method> = ALL.into_iter().filter(|method| operation(route, method).is_some()).collect();
    Failure::not_allowed(&has)
}

/// What every answer of the Distribution API carries. What people push never runs as a page of ours.
fn distributed(mut answer: Answer) -> Answer {
    const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
    let headers = answer.headers_mut();
    headers.insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    answer
}

/// What failed logins are answered with; who sent none is anonymous and never comes here.
pub(crate) fn unauthenticated(error: AuthError) -> Failure {
    match error {
        AuthError::Busy => Failure::from(wharf_registry::error::Error::TooManyRequests),
        AuthError::Ledger(error) => Failure::from(wharf_registry::error::Error::from(error)),
        AuthError::Failed(why) => Failure::from(wharf_registry::error::Error::Internal(why)),
        other => Failure::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, other.to_string()),
    }
}

impl crate::listen::Handler for App {
    type Body = ResponseBody;

    async fn handle(&self, request: Request<crate::listen::ServerBody>, peer: Peer) -> Answer {
        App::handle(self, request, peer).await
    }

    fn too_many(&self) -> Answer {
        distributed(Failure::from(wharf_registry::error::Error::TooManyRequests).response())
    }
}
