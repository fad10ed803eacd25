//! What a process needs to start, and where each value came from.
//!
//! One table, [`settings::SETTINGS`], has every setting. Reading flags, environment and file, `wharf config` and the page
//! `docs/guide/configuration.md` all derive from it. A value is taken from the flag, else the environment, else the file,
//! else its default; every one that is given is checked, also where a stronger one hides it. What people change while the
//! registry runs is not here but in the ledger.

pub mod file;
pub mod settings;
pub mod show;
mod value;

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use wharf_model::api::project::Missing;

use crate::origin::Network;
use settings::{SETTINGS, Setting};

/// What the variables of the environment begin with that are for us.
const PREFIX: &str = "WHARF_";
/// Variables that begin so and are no settings: the file's own path, what counts at the first start only, and what is for
/// commands that speak to a registry.
const NOT_SETTINGS: [&str; 3] = [CONFIG_VARIABLE, ADMIN_PASSWORD_VARIABLE, REGISTRY_VARIABLE];
/// The variable that names the configuration file, where `--config` does not.
pub const CONFIG_VARIABLE: &str = "WHARF_CONFIG";
/// The variable that names the registry which commands speak to.
pub const REGISTRY_VARIABLE: &str = "WHARF_REGISTRY";
/// The variable with the first password of `admin`.
pub const ADMIN_PASSWORD_VARIABLE: &str = "WHARF_ADMIN_PASSWORD";

/// Whom the registry is open to, without login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Open {
    /// Nobody: who pushes logs in, and only public projects are pulled from without.
    #[default]
    Off,
    /// Everybody, as long as only this machine can reach it.
    Loopback,
    /// Everybody who can reach it.
    AnyAddress,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Certificate and key, as PEM files; both or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The chain, our own certificate first.
    pub cert: Option<PathBuf>,
    /// The private key of the first certificate.
    pub key: Option<PathBuf>,
}

/// Section `log`.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// What is logged: a level, or a list such as `info,wharf_store=debug`.
    pub level: tracing_subscriber::filter::Targets,
    /// Whether each request is logged, at level info.
    pub access: bool,
}

/// Section `limits`.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Most connections at once; further ones wait to be accepted.
    pub connections_max: usize,
    /// Most requests under way at once, on all connections; further ones are refused.
    pub requests_max: usize,
    /// How long the head of a request may take from when it is waited for, so also how long an idle connection is kept.
    pub header_timeout: Duration,
    /// How long a body may stand still, in either direction.
    pub idle_timeout: Duration,
    /// How long requests may take to end after the signal to stop.
    pub stop_timeout: Duration,
}

/// Section `defaults`: what a project is when nothing was said about it.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// See [`Missing`].
    pub missing: Missing,
}

/// Section `gc`.
#[derive(Clone, Debug, Default)]
pub struct Gc {
    /// How long a blob that no manifest names stays.
    pub grace: Duration,
    /// How often the sweep runs.
    pub sweep_interval: Duration,
    /// How long what is deleted stays in the trash.
    pub trash: Duration,
}

/// Section `cache`.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// Memory for manifests, in bytes.
    pub manifest_bytes: u64,
}

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where connections are accepted; port 0 picks one.
    pub listen: SocketAddr,
    /// The folder for everything that is kept.
    pub data: PathBuf,
    /// The public address, without a slash at its end; otherwise it is taken from each request.
    pub url: Option<String>,
    /// Whom the registry is open to.
    pub open: Open,
    /// Where the ledger is: the path of an SQLite file, or `postgres://…`. May hold a password.
    pub ledger: String,
    /// Where the blobs are: a folder.
    pub store: String,
    /// Whose forwarded headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// The folder with kinds of an operator's own.
    pub kinds: Option<PathBuf>,
    /// Section `tls`.
    pub tls: Tls,
    /// Section `log`.
    pub log: Log,
    /// Section `limits`.
    pub limits: Limits,
    /// Section `defaults`.
    pub defaults: Defaults,
    /// How long an upload that receives nothing is kept (`uploads.expire_hours`).
    pub upload_expire: Duration,
    /// Section `gc`.
    pub gc: Gc,
    /// Section `cache`.
    pub cache: Cache,
}

impl Config {
    /// Nothing set yet, not even the defaults.
    fn blank() -> Config {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data: PathBuf::new(),
            url: None,
            open: Open::Off,
            ledger: String::new(),
            store: String::new(),
            trusted_proxies: Vec::new(),
            kinds: None,
            tls: Tls::default(),
            log: Log::default(),
            limits: Limits::default(),
            defaults: Defaults::default(),
            upload_expire: Duration::ZERO,
            gc: Gc::default(),
            cache: Cache::default(),
        }
    }

    /// What is worth a warning, though it is allowed.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.open == Open::AnyAddress && !self.listen.ip().is_loopback() {
            let listen = self.listen;
            warnings.push(format!("open: everybody who reaches {listen} may push, pull and delete without login"));
        }
        if self.open == Open::Off && !self.listen.ip().is_loopback() && self.is_bare() {
            warnings.push(
                "passwords cross the network in plain text: set tls.cert and tls.key, or put a TLS proxy in front and \
                 list it in trusted_proxies"
                    .to_owned(),
            );
        }
        warnings
    }

    /// Whether nothing speaks of TLS.
    fn is_bare(&self) -> bool {
        let https = self.url.as_ref().is_some_and(|url| url.starts_with("https://"));
        self.tls.cert.is_none() && self.trusted_proxies.is_empty() && !https
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of the file.
    File(PathBuf, usize),
    /// A variable of the environment.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path, line) => write!(f, "{}:{line}", path.display()),
            Origin::Environment(name) | Origin::Flag(name) => f.write_str(name),
        }
    }
}

/// A value that somebody gave.
#[derive(Clone, Debug)]
pub struct Given {
    /// The setting's key, `section.name`; not known to be one yet.
    pub key: String,
    /// The value as text.
    pub text: String,
    /// Where it came from.
    pub origin: Origin,
}

/// A setting in force.
#[derive(Clone, Debug)]
pub struct InForce {
    /// Which.
    pub setting: &'static Setting,
    /// Its value as text; empty where it is not set.
    pub text: String,
    /// Where it came from.
    pub origin: Origin,
}

/// The configuration, and how it came to be.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What is in force.
    pub config: Config,
    /// The same, as text with origins, in the order of the table.
    pub settings: Vec<InForce>,
}

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {problem}")]
pub struct ConfigError {
    /// Where: a flag, a variable, `file:line`, or a key.
    pub origin: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// Reads everything. `flags` are those that were given; `environment` is the whole of it; `file` is the path that a flag
/// names, if one does.
///
/// # Errors
/// The file cannot be read, somebody gives a setting that is none, or a value does not fit.
pub fn load(
    flags: Vec<Given>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    file: Option<&Path>,
) -> Result<Resolved, ConfigError> {
    let ours = environment.into_iter().filter(|(name, _)| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()));
    let environment = ours.map(|(name, text)| {
        let origin = name.to_string_lossy().into_owned();
        let pair = name.into_string().ok().zip(text.into_string().ok());
        pair.ok_or_else(|| ConfigError { origin, problem: "is not text in UTF-8".to_owned() })
    });
    let environment = environment.collect::<Result<Vec<_>, _>>()?;
    let named = environment.iter().find(|(name, text)| name == CONFIG_VARIABLE && !text.is_empty());
    let path = file.map(Path::to_owned).or_else(|| named.map(|(_, text)| PathBuf::from(text)));
    let mut given = match &path {
        Some(path) => file::read(path)?,
        None => Vec::new(),
    };
    given.extend(variables(environment)?);
    given.extend(flags);
    resolve(given)
}

/// The settings among the variables of the environment.
fn variables(environment: Vec<(String, String)>) -> Result<Vec<Given>, ConfigError> {
    let mut given = Vec::new();
    for (name, text) in environment {
        if !name.starts_with(PREFIX) || NOT_SETTINGS.contains(&name.as_str()) || is_service_link(&name, &text) {
            continue;
        }
        let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == name) else {
            let known = SETTINGS.iter().map(Setting::variable).chain(NOT_SETTINGS.map(str::to_owned));
            let problem = format!("no setting has this variable{}", nearest(&name, known));
            return Err(ConfigError { origin: name, problem });
        };
        given.push(Given { key: setting.key.to_owned(), text, origin: Origin::Environment(name) });
    }
    Ok(given)
}

/// Kubernetes sets such variables in each container for each service, so also for one that is called `wharf`:
/// `_SERVICE_HOST`, `_SERVICE_PORT`, `_SERVICE_PORT_<name>`, `_PORT` and `_PORT_<number>_<protocol>`, that also with
/// `_PROTO`, `_PORT` and `_ADDR`.
fn is_service_link(name: &str, text: &str) -> bool {
    const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];
    let is_url = text.split_once("://").is_some_and(|(scheme, _)| PROTOCOLS.contains(&&*scheme.to_ascii_uppercase()));
    let is_number = |text: &str| text.parse::<u16>().is_ok();
    if name.ends_with("_SERVICE_HOST") {
        return text.parse::<IpAddr>().is_ok();
    }
    if let Some((_, port)) = name.split_once("_SERVICE_PORT") {
        return (port.is_empty() || port.starts_with('_')) && is_number(text);
    }
    let Some((_, port)) = name.split_once("_PORT_") else { return name.ends_with("_PORT") && is_url };
    match port.split('_').collect::<Vec<_>>()[..] {
        [number, protocol] => is_number(number) && PROTOCOLS.contains(&protocol) && is_url,
        [number, protocol, "PROTO" | "PORT" | "ADDR"] => is_number(number) && PROTOCOLS.contains(&protocol),
        _ => false,
    }
}

/// Puts together what was given, the weakest first.
fn resolve(given: Vec<Given>) -> Result<Resolved, ConfigError> {
    let mut config = Config::blank();
    let mut settings = Vec::with_capacity(SETTINGS.len());
    for setting in SETTINGS {
        let text = setting.default.to_owned();
        set(&mut config, setting, &text, &Origin::Default)?;
        settings.push(InForce { setting, text, origin: Origin::Default });
    }
    for Given { key, text, origin } in given {
        let Some(place) = settings.iter_mut().find(|place| place.setting.key == key) else {
            let known = SETTINGS.iter().map(|setting| setting.key.to_owned());
            let problem = format!("no setting is called {key:?}{}", nearest(&key, known));
            return Err(ConfigError { origin: origin.to_string(), problem });
        };
        set(&mut config, place.setting, &text, &origin)?;
        place.text = text;
        place.origin = origin;
    }
    in_data(&mut config, &mut settings);
    check(&config, &settings)?;
    Ok(Resolved { config, settings })
}

fn set(config: &mut Config, setting: &Setting, text: &str, origin: &Origin) -> Result<(), ConfigError> {
    (setting.set)(config, text).map_err(|expected| {
        let shown = show::redacted(text);
        let problem = format!("{} cannot be {shown:?}: {expected}", setting.key);
        ConfigError { origin: origin.to_string(), problem }
    })
}

/// What is in the data folder unless it is said to be elsewhere.
fn in_data(config: &mut Config, settings: &mut [InForce]) {
    let data = config.data.clone();
    for (key, name, place) in [("ledger", "ledger.db", &mut config.ledger), ("store", "blobs", &mut config.store)] {
        if place.is_empty() {
            *place = data.join(name).to_string_lossy().into_owned();
            for shown in settings.iter_mut().filter(|shown| shown.setting.key == key) {
                shown.text.clone_from(place);
            }
        }
    }
}

/// What no single value says.
fn check(config: &Config, settings: &[InForce]) -> Result<(), ConfigError> {
    let wrong = |key: &str, problem: &str| {
        let origin = settings.iter().find(|place| place.setting.key == key).map(|place| place.origin.to_string());
        Err(ConfigError { origin: origin.unwrap_or_default(), problem: problem.to_owned() })
    };
    if config.open == Open::Loopback && !config.listen.ip().is_loopback() {
        return wrong(
            "open",
            "open lets everybody in, and the listen address can be reached from outside this machine; listen on \
             127.0.0.1, or say --open=any-address if that is what you want",
        );
    }
    match (&config.tls.cert, &config.tls.key) {
        (Some(_), None) => wrong("tls.cert", "tls.cert needs tls.key, the file with its private key"),
        (None, Some(_)) => wrong("tls.key", "tls.key needs tls.cert, the file with its certificate chain"),
        _ => Ok(()),
    }
}

/// `; did you mean …?` where some known name is near.
fn nearest(name: &str, known: impl Iterator<Item = String>) -> String {
    let last = |key: &str| key.rsplit(['.']).next().unwrap_or_default().to_owned();
    let near = |candidate: &String| {
        let whole = strsim::damerau_levenshtein(name, candidate);
        // Right name, wrong section.
        if name != *candidate && last(name) == last(candidate) && name.contains('.') { whole.min(1) } else { whole }
    };
    let found = known.map(|candidate| (near(&candidate), candidate)).min();
    match found {
        Some((distance, candidate)) if distance <= 2 + name.len() / 8 => format!("; did you mean {candidate}?"),
        _ => "; `wharf config` lists all settings".to_owned(),
    }
}

#[cfg(test)]
mod tests;
