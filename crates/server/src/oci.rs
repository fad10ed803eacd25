//! The Distribution API: one handler for each route and method. Handlers read what the request says, call one use case and
//! answer; everything that decides is in the registry room.

pub mod base;
pub mod blobs;
pub mod manifests;
pub mod referrers;
pub mod tags;
pub mod uploads;

use http::request::Parts;
use wharf_content::body::Body;
use wharf_registry::registry::{Access, Registry};

use crate::error::Failure;
use crate::respond::Answer;

/// What every handler gets: who may do what where, and the request.
pub struct Call<'a> {
    /// The registry.
    pub registry: &'a Registry,
    /// Leave to do what the route does.
    pub access: Access,
    /// The request's head.
    pub parts: &'a Parts,
    /// The request's body.
    pub body: Body,
}

/// What every handler gives.
pub type Outcome = Result<Answer, Failure>;
