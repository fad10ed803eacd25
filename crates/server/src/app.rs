//! Every route and every layer on one page.
//!
//! A request is read, its sender authenticated, its route authorised, and only then does a handler run. The table
//! [`action`] says what each route and method does; what is not in it is not served.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body::Body as HttpBody;
use tower::ServiceExt as _;
use wharf_model::code::ErrorCode;
use wharf_model::limits::{API_BODY_BYTES_MAX, REQUEST_TARGET_BYTES_MAX};
use wharf_model::route::Route;
use wharf_registry::access::Action;
use wharf_registry::actor::{Actor, Subject};
use wharf_registry::identity::AuthError;
use wharf_registry::registry::Registry;

use crate::body::{self, ResponseBody};
use crate::error::Failure;
use crate::exchange::Who;
use crate::oci::{self, Call, Outcome};
use crate::origin::{Network, Origin, Peer};
use crate::respond::{self, Answer};
use crate::{api, extract, health, logs, token};

/// What the application is set to.
#[derive(Clone, Debug, Default)]
pub struct AppSettings {
    /// The public address, where it is not to be taken from each request.
    pub url: Option<String>,
    /// Whose forwarded headers count.
    pub trusted_proxies: Vec<Network>,
}

/// The application: answers any request. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    registry: Registry,
    settings: AppSettings,
    api: axum::Router,
    health: health::Health,
}

/// What the Distribution API does for a route and a method; `None` where there is no such endpoint.
fn action(route: &Route, method: &Method) -> Option<Action> {
    let is_read = *method == Method::GET || *method == Method::HEAD;
    Some(match (route, method.as_str()) {
        (Route::Manifest(..) | Route::Blob(..), _) if is_read => Action::Pull,
        (Route::Tags(_) | Route::Referrers(..), _) if is_read => Action::Pull,
        (Route::Manifest(..), "PUT") => Action::Push,
        (Route::Manifest(..) | Route::Blob(..), "DELETE") => Action::Delete,
        (Route::Uploads(_), "POST") => Action::Push,
        (Route::Upload(..), "GET" | "PATCH" | "PUT" | "DELETE") => Action::Push,
        _ => return None,
    })
}

/// The methods of a route, for `Allow`.
fn methods(route: &Route) -> &'static str {
    match route {
        Route::Base | Route::Catalog | Route::Tags(_) | Route::Referrers(..) => "GET, HEAD",
        Route::Manifest(..) => "GET, HEAD, PUT, DELETE",
        Route::Blob(..) => "GET, HEAD, DELETE",
        Route::Uploads(_) => "POST",
        Route::Upload(..) => "GET, PATCH, PUT, DELETE",
    }
}

impl App {
    /// The application over a registry.
    pub fn new(registry: Registry, settings: AppSettings, health: health::Health) -> App {
        let api = api::router(registry.clone());
        App(Arc::new(Inner { registry, settings, api, health }))
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
        let (parts, body) = request.into_parts();
        if parts.uri.path_and_query().is_some_and(|target| target.as_str().len() > REQUEST_TARGET_BYTES_MAX) {
            return Failure::new(StatusCode::URI_TOO_LONG, ErrorCode::Unsupported, "the URL is too long").response();
        }
        let path = parts.uri.path();
        if path == "/v2" || path.starts_with("/v2/") {
            return self.distribution(&parts, body::incoming(body), &peer).await;
        }
        match path {
            "/livez" | "/readyz" | "/metrics" => self.0.health.answer(path, &self.0.registry).await,
            "/token" => {
                let origin = self.origin(&parts, &peer);
                answered(token::answer(&self.0.registry, &parts, body::incoming(body), &origin).await)
            }
            _ if path.starts_with("/api/") => self.api(parts, body, &peer).await,
            "/" => welcome(),
            _ => Failure::other(StatusCode::NOT_FOUND, "NOT_FOUND", "nothing here").response(),
        }
    }

    fn origin(&self, parts: &Parts, peer: &Peer) -> Origin {
        let settings = &self.0.settings;
        Origin::of(parts, peer, settings.url.as_deref(), &settings.trusted_proxies)
    }

    async fn authenticate(&self, parts: &Parts) -> Result<Subject, Failure> {
        let header = parts.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        self.0.registry.identity().authenticate(header).await.map_err(unauthenticated)
    }

    /// The Distribution API: authenticate, authorise, handle.
    async fn distribution(&self, parts: &Parts, body: wharf_content::body::Body, peer: &Peer) -> Answer {
        let route = match Route::parse(parts.uri.path()) {
            Ok(route) => route,
            Err(error) => return distributed(Failure::misrouted(error, &parts.method).response()),
        };
        let subject = self.authenticate(parts).await;
        let who = subject.as_ref().ok().and_then(|subject| who(&subject.actor));
        let mut answer = match subject {
            Ok(subject) => answered(self.routed(parts, body, &route, &subject).await),
            Err(failure) => failure.response(),
        };
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
        let is_read = parts.method == Method::GET || parts.method == Method::HEAD;
        match route {
            Route::Base if is_read => {
                registry.enter(subject)?;
                oci::base::get()
            }
            Route::Catalog if is_read => {
                let readable = registry.authorise_system(subject, Action::List)?;
                oci::base::catalog(registry, &readable, parts).await
            }
            _ => {
                let (Some(action), Some(repository)) = (action(route, &parts.method), route.repository()) else {
                    return Err(not_allowed(route));
                };
                let access = registry.authorise(subject, action, repository).await?;
                handle(Call { registry, access, parts, body }, route).await
            }
        }
    }

    async fn api<B>(&self, parts: Parts, body: B, peer: &Peer) -> Answer
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let origin = self.origin(&parts, peer);
        let subject = match self.authenticate(&parts).await {
            Ok(subject) => subject,
            Err(failure) => return challenged_basic(failure.response(), &origin),
        };
        // The router would find out only by reading.
        if body.size_hint().lower() > API_BODY_BYTES_MAX as u64 {
            let message = format!("a body has at most {API_BODY_BYTES_MAX} bytes here");
            return Failure::other(StatusCode::PAYLOAD_TOO_LARGE, "BODY_INVALID", message).response();
        }
        let who = who(&subject.actor);
        let mut request = Request::from_parts(parts, axum::body::Body::new(body));
        request.extensions_mut().insert(subject);
        let Ok(mut answer) = self.0.api.clone().oneshot(request).await;
        if let Some(who) = who {
            answer.extensions_mut().insert(who);
        }
        challenged_basic(answer.map(ResponseBody::api), &origin)
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
            respond::set(answer, header::WWW_AUTHENTICATE, format_args!("Basic realm=\"{origin}\""));
            return;
        }
        let mut bearer = format!("Bearer realm=\"{origin}/token\",service=\"{}\"", origin.host());
        let actions = match action(route, &parts.method) {
            Some(Action::Pull) => "pull",
            Some(Action::Push) => "pull,push",
            Some(Action::Delete) => "delete",
            _ => "",
        };
        match route.repository() {
            Some(name) if !actions.is_empty() => bearer.push_str(&format!(",scope=\"repository:{name}:{actions}\"")),
            _ if *route == Route::Catalog => bearer.push_str(",scope=\"registry:catalog:*\""),
            _ => {}
        }
        if came_with("Bearer ") {
            bearer.push_str(",error=\"invalid_token\"");
        }
        respond::set(answer, header::WWW_AUTHENTICATE, bearer);
    }
}

async fn handle(call: Call<'_>, route: &Route) -> Outcome {
    let method = call.parts.method.clone();
    match (route.clone(), method.as_str()) {
        (Route::Manifest(_, reference), "GET" | "HEAD") => oci::manifests::get(call, reference).await,
        (Route::Manifest(_, reference), "PUT") => oci::manifests::put(call, reference).await,
        (Route::Manifest(_, reference), "DELETE") => oci::manifests::delete(call, reference).await,
        (Route::Blob(_, digest), "GET" | "HEAD") => oci::blobs::get(call, digest).await,
        (Route::Blob(_, digest), "DELETE") => oci::blobs::delete(call, digest).await,
        (Route::Uploads(_), "POST") => oci::uploads::post(call).await,
        (Route::Upload(_, session), "GET") => oci::uploads::get(call, &session).await,
        (Route::Upload(_, session), "PATCH") => oci::uploads::patch(call, &session).await,
        (Route::Upload(_, session), "PUT") => oci::uploads::put(call, &session).await,
        (Route::Upload(_, session), "DELETE") => oci::uploads::delete(call, &session).await,
        (Route::Tags(_), "GET" | "HEAD") => oci::tags::list(call).await,
        (Route::Referrers(_, digest), "GET" | "HEAD") => oci::referrers::list(call, digest).await,
        (route, _) => Err(not_allowed(&route)),
    }
}

/// Who asked, for the access log; nobody where there is none or nobody in particular.
fn who(actor: &Actor) -> Option<Who> {
    match actor {
        Actor::User { name, .. } if logs::access_enabled() => Some(Who(name.to_string())),
        _ => None,
    }
}

fn answered(outcome: Outcome) -> Answer {
    outcome.unwrap_or_else(Failure::response)
}

fn not_allowed(route: &Route) -> Failure {
    let allow = methods(route);
    let message = format!("this endpoint has the methods {allow}");
    let failure = Failure::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported, message);
    Failure { allow: Some(allow), ..failure }
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

fn challenged_basic(mut answer: Answer, origin: &Origin) -> Answer {
    if answer.status() == StatusCode::UNAUTHORIZED
        && let Ok(value) = HeaderValue::try_from(format!("Basic realm=\"{origin}\""))
    {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    answer
}

/// What failed logins are answered with; who sent none is anonymous and never comes here.
pub(crate) fn unauthenticated(error: AuthError) -> Failure {
    match error {
        AuthError::Busy => Failure::from(wharf_registry::error::Error::TooManyRequests),
        AuthError::Ledger(error) => Failure::from(wharf_registry::error::Error::from(error)),
        other => Failure::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, other.to_string()),
    }
}

fn welcome() -> Answer {
    let text = "This is a Wharf registry. Clients speak to it under /v2/; see `wharf --help` for more.\n";
    respond::bytes("text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

impl crate::listen::Handler for App {
    type Body = ResponseBody;

    async fn handle(&self, request: Request<crate::listen::ServerBody>, peer: Peer) -> Answer {
        App::handle(self, request, peer).await
    }
}
