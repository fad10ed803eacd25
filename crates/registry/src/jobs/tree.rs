//! Making the trees of layers: one job for each layer of a repository, queued when an artifact that has it was inspected.

use std::time::Duration;

use async_trait::async_trait;
use wharf_model::digest::Digest;
use wharf_model::name::RepositoryName;
use wharf_store::ledger::notes::Job;

use super::{Ended, Work, Worked};
use crate::error::Error;
use crate::files::TREE;
use crate::inspect::Named;
use crate::registry::Registry;

/// How often it may fail before it is told that it does, and left until the artifact is inspected again.
const ATTEMPTS_MAX: u64 = 5;

/// How many are taken at once.
const TAKEN: usize = 8;

/// Makes trees, one at a time: each takes most of a core.
pub(super) struct Trees(pub(super) Registry);

#[async_trait]
impl Work for Trees {
    fn kind(&self) -> &'static str {
        TREE
    }

    fn at_once(&self) -> usize {
        1
    }

    /// Most layers are small, and to take some waits for a turn to write, behind those who push.
    fn taken(&self) -> usize {
        TAKEN
    }

    fn rest(&self) -> Duration {
        Duration::ZERO
    }

    async fn work(&self, job: &Job) -> Worked {
        let Some(Named { repository, digest }) = Named::read(&job.payload) else { return Worked::done(Vec::new()) };
        // More attempts than can fail: the process ended in the middle, as often.
        if job.attempts > ATTEMPTS_MAX {
            return self.give_up(&repository, &digest, "looking into it broke off each time that it was tried").await;
        }
        match self.0.derive_tree(&repository, &digest).await {
            Ok(change) => Worked::done(change.into_iter().collect()),
            Err(error @ (Error::Unavailable(_) | Error::Full)) => Worked::ended(Ended::Postponed(error.to_string())),
            Err(error) if job.attempts == ATTEMPTS_MAX => {
                tracing::warn!(layer = %digest, %error, "the tree of a layer cannot be made; its files say so");
                self.give_up(&repository, &digest, "it cannot be read").await
            }
            Err(error) => Worked::ended(Ended::Failed(error.to_string())),
        }
    }
}

impl Trees {
    async fn give_up(&self, repository: &RepositoryName, layer: &Digest, why: &str) -> Worked {
        match self.0.give_tree_up(repository, layer, why).await {
            Ok(change) => Worked::done(change.into_iter().collect()),
            Err(error) => Worked::ended(Ended::Postponed(error.to_string())),
        }
    }
}
