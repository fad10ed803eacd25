//! Whether the process lives, whether it can do its work, and what it has counted: `/livez`, `/readyz`, `/metrics`. None of
//! them asks who is there, and none says more than a stranger may know: what exactly is wrong is in the log.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use tokio::time::timeout;
use wharf_registry::followers::Following;
use wharf_registry::registry::Registry;

use crate::error::Failure;
use crate::metrics::{self, FollowerState, Gathered, Metrics, Stored};
use crate::respond::{self, Answer};

/// How long a component may take to answer.
const WAIT: Duration = Duration::from_secs(2);

/// What is asked for the state of the process. Cheap to clone.
#[derive(Clone)]
pub struct Health {
    metrics: Arc<Metrics>,
    followers: Arc<[Arc<Following>]>,
}

impl Health {
    /// The health of a process with these counters and followers.
    pub fn new(metrics: Arc<Metrics>, followers: Vec<Arc<Following>>) -> Health {
        Health { metrics, followers: followers.into() }
    }

    /// Answers `/livez`, `/readyz` and `/metrics`.
    pub async fn answer(&self, path: &str, registry: &Registry) -> Answer {
        let mut answer = match path {
            "/livez" => respond::bytes("text/plain; charset=utf-8", Bytes::from_static(b"ok\n")),
            "/readyz" => self.ready(registry).await,
            "/metrics" => {
                let gathered = self.gather(registry).await;
                respond::bytes(metrics::CONTENT_TYPE, self.metrics.exposition(gathered).into())
            }
            _ => return Failure::other(StatusCode::NOT_FOUND, "NOT_FOUND", "nothing here").response(),
        };
        answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }

    async fn ready(&self, registry: &Registry) -> Answer {
        let (ledger, blobs) =
            tokio::join!(state("ledger", registry.check_ledger()), state("blobs", registry.check_blobs()));
        let is_ready = ledger == OK && blobs == OK;
        let followers: Map<String, Value> = self.followers.iter().map(|follower| told(follower)).collect();
        let text = json!({
            "ready": is_ready,
            "components": { "ledger": { "state": ledger }, "blobs": { "state": blobs } },
            "followers": followers,
        });
        let mut answer = respond::json("application/json", &text);
        if !is_ready {
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        answer
    }

    async fn gather(&self, registry: &Registry) -> Gathered {
        let asked = timeout(WAIT, async { (registry.totals().await, registry.jobs().await) }).await;
        let (totals, jobs) = asked.map_or((None, None), |(totals, jobs)| (totals.ok(), jobs.ok()));
        let (cache_hits, cache_misses) = registry.cache_counts();
        let stored = totals.map(|totals| Stored {
            repositories: totals.repositories,
            manifests: totals.manifests,
            tags: totals.tags,
            blobs: totals.blobs,
            blob_bytes: totals.blob_bytes,
        });
        let state = |follower: &Arc<Following>| FollowerState {
            name: follower.name(),
            lag: follower.lag(),
            paused: follower.is_paused(),
        };
        let followers = self.followers.iter().map(state).collect();
        let (search_lag, jobs) = (registry.search_lag(), jobs.unwrap_or_default());
        Gathered { stored, followers, search_lag, jobs, cache_hits, cache_misses }
    }
}

const OK: &str = "ok";

/// `ok`, `failed`, or `timeout`.
async fn state(component: &'static str, check: impl Future<Output = Result<(), String>>) -> &'static str {
    match timeout(WAIT, check).await {
        Ok(Ok(())) => OK,
        Ok(Err(error)) => {
            tracing::error!(component, error, "a component is not ready");
            "failed"
        }
        Err(_) => {
            tracing::error!(component, "a component does not answer");
            "timeout"
        }
    }
}

/// A follower that lags or waits makes nothing wrong, only late; so it is told, and the process is ready all the same.
fn told(follower: &Following) -> (String, Value) {
    let state = if follower.is_paused() { "paused" } else { OK };
    (follower.name().to_owned(), json!({ "state": state, "lag": follower.lag() }))
}
