//! The table of all settings. To add one: a line here and a field in [`Config`].

use std::time::Duration;

use wharf_model::api::project::Missing;

use super::value::{self, number, put};
use super::{Config, LogFormat, Open};

/// What sort of value a setting has: how a file writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// A list of strings; with commas between them where there is but one string.
    List,
}

/// Puts a value, given as text, in its place; the error says what it should be.
pub type Set = fn(&mut Config, &str) -> Result<(), String>;

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name in the file, with its section: `section.name`.
    pub key: &'static str,
    /// Its own flag, if it has one; every setting can also be given by `--set KEY=VALUE`.
    pub flag: Option<&'static str>,
    /// How a file writes it.
    pub sort: Sort,
    /// Its default as text; empty where it is not set.
    pub default: &'static str,
    /// What it does, for people.
    pub about: &'static str,
    /// Checks a value and puts it in its place.
    pub set: Set,
}

impl Setting {
    /// The variable of the environment that sets it: `WHARF_SECTION__NAME`.
    pub fn variable(&self) -> String {
        format!("WHARF_{}", self.key.replace('.', "__").to_ascii_uppercase())
    }

    /// Section and name; the section is empty for those at the top.
    pub fn section(&self) -> (&'static str, &'static str) {
        self.key.split_once('.').unwrap_or(("", self.key))
    }
}

const HOUR: u64 = 3600;

const fn at_top(
    key: &'static str,
    flag: &'static str,
    default: &'static str,
    about: &'static str,
    set: Set,
) -> Setting {
    Setting { key, flag: Some(flag), sort: Sort::Text, default, about, set }
}

const fn text(key: &'static str, default: &'static str, about: &'static str, set: Set) -> Setting {
    Setting { key, flag: None, sort: Sort::Text, default, about, set }
}

const fn count(key: &'static str, default: &'static str, about: &'static str, set: Set) -> Setting {
    Setting { key, flag: None, sort: Sort::Number, default, about, set }
}

const fn switch(key: &'static str, default: &'static str, about: &'static str, set: Set) -> Setting {
    Setting { key, flag: None, sort: Sort::Switch, default, about, set }
}

fn seconds(text: &str, max: u64) -> Result<Duration, String> {
    number(text, 1..=max).map(Duration::from_secs)
}

fn hours(text: &str) -> Result<Duration, String> {
    number(text, 1..=24 * 3650).map(|hours| Duration::from_secs(hours * HOUR))
}

/// Every setting, those at the top first, then section by section.
pub const SETTINGS: &[Setting] = &[
    at_top(
        "listen",
        "--listen",
        "127.0.0.1:5000",
        "IP address and port to accept connections on. Port 0 picks a free one; 0.0.0.0 or [::] is every address.",
        |config, text| put(&mut config.listen, value::listen(text)),
    ),
    at_top(
        "data",
        "--data",
        "./wharf-data",
        "The folder for everything that is kept; it is made where it is missing. One process at a time uses it.",
        |config, text| put(&mut config.data, value::path(text)),
    ),
    at_top(
        "url",
        "--url",
        "",
        "The public address, as in https://registry.example.com. Unless set, it is taken from each request.",
        |config, text| put(&mut config.url, value::url(text)),
    ),
    at_top(
        "open",
        "--open",
        "off",
        "off, loopback or any-address: lets everybody push, pull and delete without login. loopback is refused where the \
         listen address can be reached from outside. Open on a loopback address, the server answers to localhost, loopback \
         addresses and the host of url only, so that no page in a browser of this machine gets at it.",
        |config, text| {
            let words = [("off", Open::Off), ("loopback", Open::Loopback), ("any-address", Open::AnyAddress)];
            put(&mut config.open, value::word(text, &words))
        },
    ),
    at_top(
        "ledger",
        "--ledger",
        "",
        "Where the ledger is: the path of an SQLite file, or postgres://USER:PASSWORD@HOST/DATABASE. Unless set, \
         ledger.db in the data folder.",
        |config, text| put(&mut config.ledger, value::place(text, &["postgres", "postgresql", "sqlite", "file"])),
    ),
    at_top(
        "store",
        "--store",
        "",
        "Where the blobs are: a folder. Unless set, blobs in the data folder.",
        |config, text| put(&mut config.store, value::place(text, &["file"])),
    ),
    Setting {
        key: "trusted_proxies",
        flag: None,
        sort: Sort::List,
        default: "",
        about: "Addresses and networks, as in 10.0.0.0/8, whose X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host are believed.",
        set: |config, text| put(&mut config.trusted_proxies, value::list(text)),
    },
    text(
        "kinds",
        "",
        "A folder with kinds of artifacts of your own (*.toml, see docs/guide/kinds.md), asked before those that come with \
         Wharf. It is read again when its files change; a file with a mistake in it changes nothing, and the log says where.",
        |config, text| put(&mut config.kinds, value::optional_path(text)),
    ),
    text(
        "tls.cert",
        "",
        "PEM file with the certificate chain, our own first. With tls.key it makes the server speak TLS. Both files are \
         read again when they change.",
        |config, text| put(&mut config.tls.cert, value::optional_path(text)),
    ),
    text("tls.key", "", "PEM file with the private key of tls.cert.", |config, text| {
        put(&mut config.tls.key, value::optional_path(text))
    }),
    text("log.format", "text", "text or json: how lines look on standard error.", |config, text| {
        put(&mut config.log.format, value::word(text, &[("text", LogFormat::Text), ("json", LogFormat::Json)]))
    }),
    text(
        "log.level",
        "info",
        "off, error, warn, info, debug or trace; or a list by module, as in info,wharf_store=debug.",
        |config, text| put(&mut config.log.level, value::level(text)),
    ),
    switch("log.access", "true", "Whether each request is logged, at level info.", |config, text| {
        put(&mut config.log.access, value::switch(text))
    }),
    count(
        "limits.connections_max",
        "4096",
        "Most connections at once; further ones wait to be accepted.",
        |config, text| put(&mut config.limits.connections_max, number(text, 1..=1_000_000).map(|n| n as usize)),
    ),
    count(
        "limits.requests_max",
        "2048",
        "Most requests under way at once, on all connections; further ones are answered with 429 and Retry-After.",
        |config, text| put(&mut config.limits.requests_max, number(text, 1..=1_000_000).map(|n| n as usize)),
    ),
    count(
        "limits.header_timeout_s",
        "60",
        "Seconds for the head of a request to arrive from when it is waited for; so also how long an idle connection is \
         kept. A body that is not a blob's has twice as long.",
        |config, text| put(&mut config.limits.header_timeout, seconds(text, HOUR)),
    ),
    count(
        "limits.idle_timeout_s",
        "60",
        "Seconds that a body may stand still, in either direction, or be received at less than 1 KiB a second after its \
         first minute, before the connection is cut. What an upload has received is kept.",
        |config, text| put(&mut config.limits.idle_timeout, seconds(text, HOUR)),
    ),
    count(
        "limits.stop_timeout_s",
        "25",
        "Seconds that requests may take to end after SIGTERM. Uploads that are cut then can be resumed.",
        |config, text| put(&mut config.limits.stop_timeout, seconds(text, HOUR)),
    ),
    text(
        "defaults.missing",
        "index",
        "refuse, index or accept: what a push of a manifest may name that is not here: nothing, the children of an index, \
         or anything.",
        |config, text| {
            let words = [("refuse", Missing::Refuse), ("index", Missing::Index), ("accept", Missing::Accept)];
            put(&mut config.defaults.missing, value::word(text, &words))
        },
    ),
    count("uploads.expire_hours", "24", "Hours that an upload which receives nothing is kept.", |config, text| {
        put(&mut config.upload_expire, hours(text))
    }),
    count(
        "gc.grace_hours",
        "24",
        "Hours that a blob stays which no manifest names; for half of them it is shown. At least 1.",
        |config, text| put(&mut config.gc.grace, hours(text)),
    ),
    count("gc.sweep_interval_s", "600", "Seconds between two sweeps.", |config, text| {
        put(&mut config.gc.sweep_interval, seconds(text, 24 * HOUR))
    }),
    count("gc.trash_days", "7", "Days that what is deleted stays in the trash; 0 is none.", |config, text| {
        put(&mut config.gc.trash, number(text, 0..=3650).map(|days| Duration::from_secs(days * 24 * HOUR)))
    }),
    count("cache.manifest_mib", "32", "Memory for manifests that are asked for often, in MiB.", |config, text| {
        put(&mut config.cache.manifest_bytes, number(text, 0..=1 << 20).map(|mib| mib << 20))
    }),
];
