//! `wharf serve`: puts the registry together and runs it until it is told to stop. Nothing here reads more the more is
//! stored.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use wharf_artifact::kind::folder::{InForce, Refreshed};
use wharf_registry::access::Policy;
use wharf_registry::files;
use wharf_registry::followers::{FOLLOWERS, Following};
use wharf_registry::identity::local;
use wharf_registry::inspect::{InspectSettings, Inspector};
use wharf_registry::jobs::Worker;
use wharf_registry::registry::{Registry, Settings};
use wharf_registry::search::index::Indexer;
use wharf_registry::secret::MasterKey;
use wharf_server::app::{App, AppSettings};
use wharf_server::config::{ADMIN_PASSWORD_VARIABLE, Config, Open};
use wharf_server::health::Health;
use wharf_server::listen::Listener;
use wharf_server::logs;
use wharf_server::metrics::Metrics;
use wharf_store::blobs::fs;
use wharf_store::ledger::{Ledger, LedgerOptions};
use wharf_store::open;
use wharf_store::search;

use crate::Outcome;
use crate::args::SettingArgs;
use crate::data::DataFolder;
use crate::printer::Printer;

/// Threads that block besides those of the heap: two for hashes of passwords, two for inspecting, some for looking up names, for
/// opening and for counting. With these there are more than all their users take, each of which is bounded by itself: none waits for a
/// place that another sort of work holds. Threads are made when they are needed.
const BLOCKING_THREADS_BESIDE: usize = 16;
/// Threads that search, one that indexes, and one that opens a connection for each.
const SEARCH_THREADS: usize = 2 * search::FINDS_MAX + 1;
/// How long such a thread is kept for the next work.
const BLOCKING_THREAD_KEPT: Duration = Duration::from_secs(5);
/// How much freed memory glibc keeps at hand, in bytes, is twice this: see [`keep_freed_memory`].
const PIECE_BYTES: usize = 2 << 20;
/// What the search index is called, in the data folder, where the ledger is a file; it may be deleted while no server runs.
const SEARCH_FILE: &str = "search.db";
/// How often the folder with an operator's kinds is looked at.
const KINDS_LOOK: Duration = Duration::from_secs(2);
/// How long uploads that were cut may take to note what they have.
const CLOSE: Duration = Duration::from_secs(5);

/// Runs the command.
///
/// # Errors
/// The configuration is refused, something cannot be opened, or the address cannot be had.
pub fn run(args: &SettingArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let config = super::resolve(args)?.config;
    logs::start(&config.log);
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    raise_open_files();
    keep_freed_memory();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(fs::threads_max() + files::THREADS + SEARCH_THREADS + BLOCKING_THREADS_BESIDE)
        .thread_keep_alive(BLOCKING_THREAD_KEPT)
        .build()?;
    let ended = runtime.block_on(serve(&config, printer));
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended.map(|()| Outcome::Done)
}

async fn serve(config: &Config, printer: &Printer) -> anyhow::Result<()> {
    let folder = DataFolder::open(&config.data, true)?;
    let metrics = Arc::new(Metrics::default());
    let listener = Listener::bind(config, metrics.clone()).await?;
    let key = MasterKey::open(folder.path())?;
    let ledger = open_ledger(config).await?;
    let blobs = open::open_blobs(&config.store).await?;
    ensure_admin(&*ledger, printer).await?;

    let registry = Registry::new(ledger.clone(), blobs, &key, settings(config));
    let followers: Vec<_> =
        FOLLOWERS.iter().map(|follower| Arc::new(Following::new(*follower, ledger.clone()))).collect();
    let health = Health::new(metrics, followers.clone());
    let kinds = Arc::new(InForce::new(config.kinds.clone()));
    keep_kinds(kinds.clone());
    let inspector = Inspector::new(&registry, kinds.clone(), InspectSettings::default());
    let index = open::open_search(&config.ledger, &folder.path().join(SEARCH_FILE))?;
    let indexer = Indexer::new(&registry, index);
    start_beside(&registry, followers, inspector.clone(), indexer, config.gc.sweep_interval);
    let app = App::new(registry.clone(), app_settings(config, kinds), health);

    let line = format!("listening on {}", listener.url());
    let stop = told_to_stop()?;
    let serving = tokio::spawn(listener.serve(app, stop));
    printer.note(&line);
    if !serving.await.context("the listener ended")? {
        tracing::warn!("some requests did not end in time and were cut; their uploads can be resumed");
    }
    if timeout(CLOSE, registry.close()).await.is_err() {
        tracing::warn!("some uploads may not have noted the last that they received");
    }
    if !matches!(timeout(CLOSE, registry.write_pulls()).await, Ok(Ok(()))) {
        tracing::warn!("how often things were pulled of late is not written down");
    }
    // Those that go on do no harm: they are done again.
    let _ = timeout(CLOSE, inspector.stop()).await;
    drop(folder);
    Ok(())
}

/// Has glibc give freed buffers out again rather than back to the system. What it maps by itself, and how much it keeps,
/// follow from the largest piece that was freed (mallopt(3), `M_MMAP_THRESHOLD`), and at first that is less than what uploads
/// fill and free all the time: a quarter of their pages would be new ones, which the kernel has to clear first. Where the
/// allocator is another, this does nothing.
fn keep_freed_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(PIECE_BYTES)));
}

/// The ledger that the configuration names.
pub(super) async fn open_ledger(config: &Config) -> anyhow::Result<Arc<dyn Ledger>> {
    let options = LedgerOptions { grace: millis(config.gc.grace), alone: true, ..LedgerOptions::default() };
    Ok(open::open_ledger(&config.ledger, options).await?)
}

fn settings(config: &Config) -> Settings {
    Settings {
        policy: Policy { open: config.open != Open::Off },
        missing: config.defaults.missing,
        trash: millis(config.gc.trash),
        upload_idle: millis(config.upload_expire),
        manifest_cache_bytes: config.cache.manifest_bytes,
    }
}

fn app_settings(config: &Config, kinds: Arc<InForce>) -> AppSettings {
    AppSettings {
        url: config.url.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        only_local: config.open != Open::Off && config.listen.ip().is_loopback(),
        body_timeout: config.limits.header_timeout * 2,
        kinds,
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// At the first start, makes the administrator, and shows the password where it was made up.
async fn ensure_admin(ledger: &dyn Ledger, printer: &Printer) -> anyhow::Result<()> {
    let given = std::env::var(ADMIN_PASSWORD_VARIABLE).ok().filter(|password| !password.is_empty());
    if let Some(password) = local::ensure_admin(ledger, given.as_deref()).await? {
        printer.note(&format!("the user admin was made; its password, shown only this once, is\n    {password}"));
    }
    Ok(())
}

/// Reads an operator's kinds, and again whenever their files have changed. A mistake in them is no reason not to start.
fn keep_kinds(kinds: Arc<InForce>) {
    told_of_kinds(kinds.open().map_or_else(Refreshed::Wrong, Refreshed::Read));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(KINDS_LOOK).await;
            let looked = kinds.clone();
            // A folder on a network may keep who looks at it waiting.
            let Ok(refreshed) = tokio::task::spawn_blocking(move || looked.refresh()).await else { return };
            told_of_kinds(refreshed);
        }
    });
}

fn told_of_kinds(refreshed: Refreshed) {
    match refreshed {
        Refreshed::Same | Refreshed::Read(0) => {}
        Refreshed::Read(own) => tracing::info!(own, "kinds of artifacts were read"),
        Refreshed::Wrong(error) => tracing::error!(%error, "kinds of artifacts stay as they were"),
    }
}

/// What runs beside the requests. It ends with the process, at any point.
fn start_beside(
    registry: &Registry,
    followers: Vec<Arc<Following>>,
    inspector: Arc<Inspector>,
    indexer: Arc<Indexer>,
    sweep_interval: Duration,
) {
    for follower in followers {
        tokio::spawn(async move { follower.run().await });
    }
    let workers = Worker::inspectors(registry, &inspector).into_iter();
    let workers = workers.chain([Worker::of_trees(registry), Worker::reclaimer(registry)]);
    for worker in workers {
        tokio::spawn(async move { worker.run().await });
    }
    tokio::spawn(async move { inspector.keep_up().await });
    tokio::spawn(async move { indexer.run().await });
    let registry = registry.clone();
    let pulled = registry.clone();
    tokio::spawn(async move { pulled.write_pulls_for_ever().await });
    tokio::spawn(async move { registry.sweep_for_ever(sweep_interval).await });
}

/// Done at the first SIGTERM or SIGINT; the second ends the process at once.
fn told_to_stop() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping; a second signal ends at once");
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(2);
        });
    })
}

/// Each connection and each blob that is read takes a file descriptor, and the usual limit is low for historical reasons.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}
