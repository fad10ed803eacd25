//! Counting what happens, and telling it to Prometheus.
//!
//! What is counted per request is an array of atomics, indexed by small enums: no label is hashed, nothing is allocated and
//! no lock is taken on the way of a request. Labels are bounded: names of repositories, clients and users never are one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Method, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry as Exposition;

/// The media type of [`Metrics::exposition`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a request is for, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/v2/`
    Base,
    /// `/v2/_catalog`
    Catalog,
    /// A manifest.
    Manifest,
    /// A blob.
    Blob,
    /// Where uploads begin.
    Uploads,
    /// An upload session.
    Upload,
    /// A list of tags.
    Tags,
    /// A list of referrers.
    Referrers,
    /// The token service.
    Token,
    /// Our own API.
    Api,
    /// `/livez` and `/readyz`
    Health,
    /// `/metrics`
    Metrics,
    /// A page, or what it is drawn with.
    Page,
    /// What else begins with `/v2`.
    Other,
}

const ENDPOINTS: [(Endpoint, &str); 14] = [
    (Endpoint::Base, "base"),
    (Endpoint::Catalog, "catalog"),
    (Endpoint::Manifest, "manifest"),
    (Endpoint::Blob, "blob"),
    (Endpoint::Uploads, "uploads"),
    (Endpoint::Upload, "upload"),
    (Endpoint::Tags, "tags"),
    (Endpoint::Referrers, "referrers"),
    (Endpoint::Token, "token"),
    (Endpoint::Api, "api"),
    (Endpoint::Health, "health"),
    (Endpoint::Metrics, "metrics"),
    (Endpoint::Page, "page"),
    (Endpoint::Other, "other"),
];

impl Endpoint {
    /// The endpoint of a path, by its shape alone: whether names and digests in it are well-formed does not matter here.
    pub fn of(path: &str) -> Endpoint {
        let Some(rest) = path.strip_prefix("/v2") else {
            return match path {
                "/livez" | "/readyz" => Endpoint::Health,
                "/metrics" => Endpoint::Metrics,
                "/token" => Endpoint::Token,
                _ if path.starts_with("/api/") => Endpoint::Api,
                _ => Endpoint::Page,
            };
        };
        let mut segments = rest.rsplit('/');
        match (segments.next().unwrap_or_default(), segments.next()) {
            ("", None | Some("")) => Endpoint::Base,
            ("_catalog", Some("")) => Endpoint::Catalog,
            (_, Some("manifests")) => Endpoint::Manifest,
            ("uploads", Some("blobs")) | ("", Some("uploads")) => Endpoint::Uploads,
            (_, Some("blobs")) => Endpoint::Blob,
            (_, Some("uploads")) => Endpoint::Upload,
            ("list", Some("tags")) => Endpoint::Tags,
            (_, Some("referrers")) => Endpoint::Referrers,
            _ => Endpoint::Other,
        }
    }
}

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "other"];

fn method_index(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::HEAD => 1,
        Method::POST => 2,
        Method::PUT => 3,
        Method::PATCH => 4,
        Method::DELETE => 5,
        _ => 6,
    }
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Upper bounds of the buckets of durations, in microseconds; what takes longer is in one more.
const BUCKETS: [u64; 9] = [250, 1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000, 4_000_000, 16_000_000];

#[derive(Debug, Default)]
struct Durations {
    buckets: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
}

type Counts = [[[AtomicU64; CLASSES.len()]; METHODS.len()]; ENDPOINTS.len()];

/// The counters of one process.
#[derive(Debug)]
pub struct Metrics {
    requests: Box<Counts>,
    durations: Box<[Durations; ENDPOINTS.len()]>,
    /// Requests whose answer has not begun.
    pub in_flight: AtomicI64,
    /// Open connections.
    pub connections: AtomicI64,
    /// Connections that were accepted.
    pub connections_accepted: AtomicU64,
    /// Bytes of HTTP that came in; under TLS, what was inside.
    pub received: AtomicU64,
    /// Bytes of HTTP that went out.
    pub sent: AtomicU64,
    started: SystemTime,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics {
            requests: Box::default(),
            durations: Box::default(),
            in_flight: AtomicI64::new(0),
            connections: AtomicI64::new(0),
            connections_accepted: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            started: SystemTime::now(),
        }
    }
}

impl Metrics {
    /// A request was answered, `took` after its head was read; a body may still be on its way.
    pub fn answered(&self, endpoint: Endpoint, method: &Method, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        self.requests[endpoint as usize][method_index(method)][class].fetch_add(1, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|bound| micros <= *bound).unwrap_or(BUCKETS.len());
        let durations = &self.durations[endpoint as usize];
        durations.buckets[bucket].fetch_add(1, Relaxed);
        durations.micros.fetch_add(micros, Relaxed);
    }

    /// Everything, in the text form that Prometheus reads ([`CONTENT_TYPE`]).
    pub fn exposition(self: &Arc<Self>, gathered: Gathered) -> String {
        let mut registry = Exposition::with_prefix("wharf");
        registry.register_collector(Box::new(Scrape { metrics: self.clone(), gathered }));
        let mut text = String::with_capacity(16 << 10);
        // Writing into a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
}

/// What others know, gathered for one scrape.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// What is stored; `None` where the ledger did not answer.
    pub stored: Option<Stored>,
    /// Each follower.
    pub followers: Vec<FollowerState>,
    /// Entries of the log that the search index has not followed yet; `None` where there is no index.
    pub search_lag: Option<u64>,
    /// Jobs that wait or run, by kind.
    pub jobs: Vec<(&'static str, u64)>,
    /// Answers that came from the caches.
    pub cache_hits: u64,
    /// Answers that did not.
    pub cache_misses: u64,
}

/// What is stored, counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stored {
    /// Repositories.
    pub repositories: i64,
    /// Live manifests.
    pub manifests: i64,
    /// Tags.
    pub tags: i64,
    /// Distinct blobs.
    pub blobs: i64,
    /// Bytes of distinct blobs.
    pub blob_bytes: i64,
}

/// Where a follower stands.
#[derive(Clone, Copy, Debug)]
pub struct FollowerState {
    /// Its name.
    pub name: &'static str,
    /// Entries of the log that it has not followed yet.
    pub lag: u64,
    /// Whether it was told to wait.
    pub paused: bool,
}

#[derive(Debug)]
struct Scrape {
    metrics: Arc<Metrics>,
    gathered: Gathered,
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Writer(encoder);
        self.process(&mut out)?;
        self.http(&mut out)?;
        self.stores(&mut out)
    }
}

impl Scrape {
    fn process(&self, out: &mut Writer<'_>) -> fmt::Result {
        let info = out.family("build", "The release that runs", MetricType::Info);
        info?.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        let started = self.metrics.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let mut start = out.family("process_start_time_seconds", "When the process started", MetricType::Gauge)?;
        start.encode_gauge(&started)
    }

    fn http(&self, out: &mut Writer<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        let mut requests = out.family("http_requests", "Requests that were answered", MetricType::Counter)?;
        for (endpoint, route) in ENDPOINTS {
            for (method, counts) in METHODS.iter().zip(&metrics.requests[endpoint as usize]) {
                for (class, count) in CLASSES.iter().zip(counts) {
                    let labels = [("route", route), ("method", *method), ("status_class", *class)];
                    count_labelled(&mut requests, &labels, count.load(Relaxed))?;
                }
            }
        }
        let help = "Seconds from the head of a request to the head of its answer";
        let mut seconds = out.family("http_request_seconds", help, MetricType::Histogram)?;
        for (endpoint, route) in ENDPOINTS {
            let durations = &metrics.durations[endpoint as usize];
            if durations.is_used() {
                durations.encode(seconds.encode_family(&[("route", route)])?)?;
            }
        }
        out.gauge("http_requests_in_flight", "Requests whose answer has not begun", metrics.in_flight.load(Relaxed))?;
        out.gauge("connections", "Open connections", metrics.connections.load(Relaxed))?;
        out.count("connections_accepted", "Connections accepted", metrics.connections_accepted.load(Relaxed))?;
        out.count("http_received_bytes", "Bytes of HTTP that came in", metrics.received.load(Relaxed))?;
        out.count("http_sent_bytes", "Bytes of HTTP that went out", metrics.sent.load(Relaxed))
    }

    fn stores(&self, out: &mut Writer<'_>) -> fmt::Result {
        let gathered = &self.gathered;
        if let Some(stored) = gathered.stored {
            out.gauge("repositories", "Repositories", stored.repositories)?;
            out.gauge("manifests", "Live manifests, counted in each repository", stored.manifests)?;
            out.gauge("tags", "Tags", stored.tags)?;
            out.gauge("blobs", "Distinct blobs", stored.blobs)?;
            out.gauge("blob_bytes", "Bytes of distinct blobs", stored.blob_bytes)?;
        }
        let help = "Entries of the log that a follower has not followed yet";
        let mut lag = out.family("follower_lag", help, MetricType::Gauge)?;
        for follower in &gathered.followers {
            lag.encode_family(&[("follower", follower.name)])?.encode_gauge(&gauge(follower.lag))?;
        }
        let mut paused = out.family("follower_paused", "1 where a follower was told to wait", MetricType::Gauge)?;
        for follower in &gathered.followers {
            paused.encode_family(&[("follower", follower.name)])?.encode_gauge(&i64::from(follower.paused))?;
        }
        if let Some(lag) = gathered.search_lag {
            let help = "Entries of the log that the search index has not followed yet";
            out.gauge("search_lag", help, gauge(lag))?;
        }
        let mut jobs = out.family("jobs", "Jobs that wait or run", MetricType::Gauge)?;
        for (kind, count) in &gathered.jobs {
            jobs.encode_family(&[("kind", *kind)])?.encode_gauge(&gauge(*count))?;
        }
        out.count("cache_hits", "Answers that came from the caches", gathered.cache_hits)?;
        out.count("cache_misses", "Answers that did not come from the caches", gathered.cache_misses)
    }
}

impl Durations {
    fn is_used(&self) -> bool {
        self.buckets.iter().any(|count| count.load(Relaxed) > 0)
    }

    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let bounds = BUCKETS.iter().map(|micros| *micros as f64 / 1e6).chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|count| count.load(Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = self.micros.load(Relaxed) as f64 / 1e6;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }
}

fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A series that never counted anything is left out, else the table would be mostly zeros.
fn count_labelled(family: &mut MetricEncoder<'_>, labels: &impl EncodeLabelSet, count: u64) -> fmt::Result {
    if count == 0 {
        return Ok(());
    }
    family.encode_family(labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)
}

struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn family<'s>(&'s mut self, name: &'s str, help: &str, of: MetricType) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, None, of)
    }

    fn gauge(&mut self, name: &str, help: &str, value: i64) -> fmt::Result {
        self.family(name, help, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn count(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.family(name, help, MetricType::Counter)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_by_the_shape_of_a_path() {
        let check = |path: &str, expect| assert_eq!(Endpoint::of(path), expect, "{path}");
        check("/v2", Endpoint::Base);
        check("/v2/", Endpoint::Base);
        check("/v2/_catalog", Endpoint::Catalog);
        check("/v2/a/b/manifests/1", Endpoint::Manifest);
        check("/v2/a/blobs/sha256:0", Endpoint::Blob);
        check("/v2/a/blobs/uploads/", Endpoint::Uploads);
        check("/v2/a/blobs/uploads", Endpoint::Uploads);
        check("/v2/a/blobs/uploads/x", Endpoint::Upload);
        check("/v2/a/tags/list", Endpoint::Tags);
        check("/v2/a/referrers/sha256:0", Endpoint::Referrers);
        check("/v2/a", Endpoint::Other);
        check("/v2a/", Endpoint::Other);
        check("/token", Endpoint::Token);
        check("/api/v1/projects/a", Endpoint::Api);
        check("/readyz", Endpoint::Health);
        check("/metrics", Endpoint::Metrics);
        check("/", Endpoint::Page);
        check("/acme/app/-/tags/1.0", Endpoint::Page);
        for (at, (endpoint, _)) in ENDPOINTS.iter().enumerate() {
            assert_eq!(*endpoint as usize, at);
        }
    }

    #[test]
    fn the_exposition_tells_what_was_counted() {
        let metrics = Arc::new(Metrics::default());
        metrics.answered(Endpoint::Blob, &Method::GET, StatusCode::PARTIAL_CONTENT, Duration::from_micros(900));
        metrics.answered(Endpoint::Blob, &Method::GET, StatusCode::OK, Duration::from_secs(60));
        metrics.answered(Endpoint::Other, &Method::TRACE, StatusCode::NOT_FOUND, Duration::ZERO);
        metrics.sent.fetch_add(5, Relaxed);
        let followers = vec![FollowerState { name: "totals", lag: 3, paused: true }];
        let stored = Some(Stored { tags: 7, ..Stored::default() });
        let text = metrics.exposition(Gathered {
            stored,
            followers,
            search_lag: Some(4),
            jobs: vec![("reclaim", 2)],
            ..Gathered::default()
        });
        for line in [
            "wharf_http_requests_total{route=\"blob\",method=\"GET\",status_class=\"2xx\"} 2",
            "wharf_http_requests_total{route=\"other\",method=\"other\",status_class=\"4xx\"} 1",
            "wharf_http_request_seconds_bucket{le=\"0.001\",route=\"blob\"} 1",
            "wharf_http_request_seconds_bucket{le=\"+Inf\",route=\"blob\"} 2",
            "wharf_http_request_seconds_count{route=\"blob\"} 2",
            "wharf_http_sent_bytes_total 5",
            "wharf_tags 7",
            "wharf_follower_lag{follower=\"totals\"} 3",
            "wharf_follower_paused{follower=\"totals\"} 1",
            "wharf_search_lag 4",
            "wharf_jobs{kind=\"reclaim\"} 2",
            concat!("wharf_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
