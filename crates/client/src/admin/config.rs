//! All that is configured, as one document.

use wharf_model::api::config::{Config, Plan};

use super::Admin;
use crate::error::Error;

impl Admin {
    /// All that is configured, without secrets.
    ///
    /// # Errors
    /// [`Error`], as of all calls here.
    pub async fn export_config(&self) -> Result<Config, Error> {
        self.get("/api/v1/config").await
    }

    /// Makes everything as the document says, all or nothing; with `dry_run` only tells what that would change.
    ///
    /// # Errors
    /// [`Error`]; where something is wrong with the document, all of that.
    pub async fn apply_config(&self, config: &Config, dry_run: bool) -> Result<Plan, Error> {
        self.post(&format!("/api/v1/config?dry_run={dry_run}"), config).await
    }
}
