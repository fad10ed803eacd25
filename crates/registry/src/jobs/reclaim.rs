//! Removes bytes that the ledger no longer knows: of blobs that nothing holds, and of the losers where one digest was uploaded
//! twice. A location is unique to its upload, so what is removed can never be newer bytes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use wharf_store::blobs::{Blobs, Location};
use wharf_store::ledger::notes::{Job, RECLAIM};

use super::{BATCH, Ended, Work, Worked};
use crate::registry::Registry;

/// Nobody waits for the room.
const REST: Duration = Duration::from_secs(5);

pub(super) struct Reclaim {
    blobs: Arc<dyn Blobs>,
}

impl Reclaim {
    pub(super) fn new(registry: &Registry) -> Reclaim {
        Reclaim { blobs: registry.stores().1.clone() }
    }
}

#[async_trait]
impl Work for Reclaim {
    fn kind(&self) -> &'static str {
        RECLAIM
    }

    fn at_once(&self) -> usize {
        1
    }

    /// There may be thousands.
    fn taken(&self) -> usize {
        BATCH
    }

    fn is_risky(&self) -> bool {
        false
    }

    fn rest(&self) -> Duration {
        REST
    }

    async fn work(&self, job: &Job) -> Worked {
        match self.blobs.delete(&Location(job.payload.clone())).await {
            Ok(()) => Worked::done(Vec::new()),
            Err(error) => Worked::ended(Ended::Failed(error.to_string())),
        }
    }
}
