//! One blob on its way from the source, checked, and had again where sending it is repeated.

use async_trait::async_trait;
use wharf_model::descriptor::Descriptor;

use crate::body::Body;
use crate::error::Error;
use crate::source::Source;
use crate::target::Origin;
use crate::verify::{self, Expected};

/// A blob of a source.
pub(super) struct Carried<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) descriptor: &'a Descriptor,
    /// Whether its digest is to be checked here.
    pub(super) verifies: bool,
}

#[async_trait]
impl Origin for Carried<'_> {
    async fn open(&self, from: u64) -> Result<Body, Error> {
        let Descriptor { digest, size, .. } = *self.descriptor;
        let missing = || Error::Missing { what: digest.to_string(), place: self.source.name() };
        let body = self.source.blob(self.descriptor, from).await?.ok_or_else(missing)?;
        let expected = Expected { digest, size, place: self.source.name() };
        Ok(match self.verifies && from == 0 {
            true => verify::whole(body, expected),
            false => verify::rest(body, from, expected),
        })
    }
}
