//! The servers that are measured: how each is configured, started, found ready, and ended. What is done to them is elsewhere.

use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use clap::ValueEnum;
use rustix::process::Signal;
use tempfile::TempDir;

use super::http::{Body, Connection, Target};
use super::postgres::Postgres;
use super::process::{self, Process};
use super::tls::Certificate;

/// How long a server may take until it answers.
const START_MAX: Duration = Duration::from_secs(30);
/// The one user's password, at every peer that has users.
const PASSWORD: &str = "bench-password";
/// bcrypt of it at cost 4, the least that there is: dearer ones would be counted against docker-registry.
const HTPASSWD: &str = "admin:$2b$04$abcdefghijklmnopqrstuujVDM8HfkdesWUJGE0gJ0aJeLMzUO8De\n";

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, ValueEnum)]
pub(crate) enum Peer {
    /// The release binary, on SQLite, over HTTP.
    Wharf,
    /// The same over TLS.
    WharfTls,
    /// The same with its ledger in a local PostgreSQL.
    WharfPostgres,
    /// Debian's docker-registry, with login.
    DockerRegistry,
    /// The same without login: it has no cache of verified passwords, so where requests are small, bcrypt is most of what it does.
    DockerRegistryOpen,
    /// Debian's nginx; plain files, reads only.
    Nginx,
    /// A program that hashes, writes and fsyncs in the bench itself; pushing a blob only.
    #[value(skip)]
    Plain,
    /// Debian's skopeo: a client, as all that follow.
    #[value(skip)]
    Skopeo,
    /// `cp -r`: what copying files takes without a registry.
    #[value(skip)]
    Cp,
    /// Carvel's imgpkg, where there is one.
    #[value(skip)]
    Imgpkg,
    /// oras, where there is one.
    #[value(skip)]
    Oras,
    /// crane, where there is one.
    #[value(skip)]
    Crane,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Peer::Wharf => "wharf",
            Peer::WharfTls => "wharf, TLS",
            Peer::WharfPostgres => "wharf, PostgreSQL",
            Peer::DockerRegistry => "docker-registry",
            Peer::DockerRegistryOpen => "docker-registry, no login",
            Peer::Nginx => "nginx",
            Peer::Plain => "plain program",
            Peer::Skopeo => "skopeo",
            Peer::Cp => "cp -r",
            Peer::Imgpkg => "imgpkg",
            Peer::Oras => "oras",
            Peer::Crane => "crane",
        })
    }
}

impl Peer {
    /// Whether it speaks the Distribution API.
    pub(crate) fn is_registry(self) -> bool {
        self.is_wharf() || matches!(self, Peer::DockerRegistry | Peer::DockerRegistryOpen)
    }

    /// The peer with login, of one that may have it: what is to be reached against one is to be reached against both.
    pub(crate) fn login(self) -> Peer {
        if self == Peer::DockerRegistryOpen { Peer::DockerRegistry } else { self }
    }

    /// Whether it is ours, in whatever way it is run.
    pub(crate) fn is_wharf(self) -> bool {
        matches!(self, Peer::Wharf | Peer::WharfTls | Peer::WharfPostgres)
    }
}

/// Everything that starting a server needs.
pub(crate) struct Yard {
    /// Where servers keep their data, all on one disk.
    pub(crate) folder: TempDir,
    /// The built binary.
    pub(crate) wharf: PathBuf,
    /// For wharf over TLS.
    pub(crate) certificate: Option<Certificate>,
    /// For wharf on PostgreSQL.
    pub(crate) postgres: Option<Postgres>,
}

/// A running server with a data folder of its own, which goes when this is dropped.
pub(crate) struct Server {
    /// Which one.
    pub(crate) peer: Peer,
    /// Where it answers.
    pub(crate) target: Target,
    /// The program.
    pub(crate) process: Process,
    database: Option<String>,
    folder: TempDir,
}

impl Yard {
    /// Starts a server with nothing stored. It has answered a request with the right password when this returns.
    pub(crate) fn start(&self, peer: Peer) -> Result<Server> {
        let folder = TempDir::new_in(&self.folder)?;
        let database = match (peer, &self.postgres) {
            (Peer::WharfPostgres, Some(postgres)) => Some(postgres.create()?),
            (Peer::WharfPostgres, None) => bail!("there is no PostgreSQL"),
            _ => None,
        };
        let (process, target) = self.launch(peer, folder.path(), database.as_deref())?;
        let server = Server { peer, target, process, database, folder };
        if peer.is_registry() {
            Connection::open(&server.target)?.request("GET", "/v2/", &Body::Empty)?.expect(200)?;
        }
        Ok(server)
    }

    /// Stops a server and starts it again on its data. Answers with the time from its start to its first answer.
    pub(crate) fn restart(&self, server: &mut Server) -> Result<Duration> {
        server.stop();
        let begin = Instant::now();
        (server.process, server.target) = self.launch(server.peer, server.folder.path(), server.database.as_deref())?;
        Ok(begin.elapsed())
    }

    /// Starts the program, and returns when it has answered a request, whatever the answer.
    fn launch(&self, peer: Peer, folder: &Path, database: Option<&str>) -> Result<(Process, Target)> {
        let (mut process, target) = match peer {
            Peer::DockerRegistry => docker_registry(folder, true)?,
            Peer::DockerRegistryOpen => docker_registry(folder, false)?,
            Peer::Nginx => nginx(folder)?,
            peer if peer.is_wharf() => self.wharf(peer, folder, database)?,
            peer => bail!("{peer} is not a server"),
        };
        let anonymous = Target { authorization: None, ..target.clone() };
        let begin = Instant::now();
        loop {
            match Connection::open(&anonymous).and_then(|mut open| open.request("GET", "/v2/", &Body::Empty)) {
                Ok(_) => return Ok((process, target)),
                Err(error) => {
                    let ended = process.ended().is_some();
                    if ended || begin.elapsed() > START_MAX {
                        let log = fs::read_to_string(folder.join("stderr")).unwrap_or_default();
                        return Err(error).with_context(|| format!("{peer} does not start: {}", log.trim()));
                    }
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn wharf(&self, peer: Peer, folder: &Path, database: Option<&str>) -> Result<(Process, Target)> {
        let mut command = process::tied(&self.wharf);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WHARF_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("data"));
        command.env("WHARF_LOG__ACCESS", "false").env("WHARF_ADMIN_PASSWORD", PASSWORD);
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        if let Some(url) = database {
            command.args(["--ledger", url]);
        }
        let certificate = self.certificate.as_ref().filter(|_| peer == Peer::WharfTls);
        if let Some(certificate) = certificate {
            command.env("WHARF_TLS__CERT", &certificate.chain).env("WHARF_TLS__KEY", &certificate.key);
        }
        let mut process = Process::spawn(&mut command)?;
        let address = listening(&mut process, folder)?;
        let tls = certificate.map(|certificate| Arc::clone(&certificate.client));
        Ok((process, Target { address, authorization: Some(authorization()), tls }))
    }
}

impl Server {
    /// One more connection.
    pub(crate) fn connect(&self) -> Result<Connection> {
        Connection::open(&self.target)
    }

    /// Where it keeps what it stores.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The URL of its ledger, where that is a database.
    pub(crate) fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Ends it; its data stays until this is dropped.
    pub(crate) fn stop(&mut self) {
        self.process.end(Signal::TERM);
    }
}

/// The value of `Authorization` that every registry here accepts.
pub(crate) fn authorization() -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("admin:{PASSWORD}")))
}

/// Waits for wharf's line, and keeps its stderr flowing into a file from then on.
fn listening(process: &mut Process, folder: &Path) -> Result<SocketAddr> {
    let stderr = process.stderr().context("stderr is not piped")?;
    let mut log = fs::File::create(folder.join("stderr"))?;
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let _ = std::io::Write::write_all(&mut log, format!("{line}\n").as_bytes());
            if let Some((_, address)) = line.split_once("listening on http").and_then(|(_, url)| url.split_once("//")) {
                let _ = tell.send(address.trim().parse::<SocketAddr>());
            }
        }
    });
    match told.recv_timeout(START_MAX) {
        Ok(address) => address.context("an address that cannot be read after \"listening on\""),
        Err(_) => {
            let log = fs::read_to_string(folder.join("stderr")).unwrap_or_default();
            bail!("wharf did not say where it listens: {}", log.trim())
        }
    }
}

fn docker_registry(folder: &Path, login: bool) -> Result<(Process, Target)> {
    let address = free_address()?;
    let at = folder.display();
    fs::write(folder.join("htpasswd"), HTPASSWD)?;
    let auth =
        if login { format!("auth: {{htpasswd: {{realm: bench, path: {at}/htpasswd}}}}\n") } else { String::new() };
    let config = format!(
        "version: 0.1\n\
         log: {{level: error, accesslog: {{disabled: true}}}}\n\
         storage:\n  cache: {{blobdescriptor: inmemory}}\n  filesystem: {{rootdirectory: {at}/data}}\n  \
         delete: {{enabled: true}}\n  maintenance: {{uploadpurging: {{enabled: false}}}}\n\
         http: {{addr: '{address}'}}\n{auth}"
    );
    fs::write(folder.join("config.yml"), config)?;
    let mut command = process::tied(&program("docker-registry")?);
    command.arg("serve").arg(folder.join("config.yml"));
    Ok((quiet(command, folder)?, Target { address, authorization: login.then(authorization), tls: None }))
}

fn nginx(folder: &Path) -> Result<(Process, Target)> {
    let address = free_address()?;
    fs::create_dir_all(folder.join("data"))?;
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {of};"));
    let config = format!(
        "{user} daemon off; pid nginx.pid; error_log stderr error; worker_processes auto;\n\
         events {{ worker_connections 512; }}\n\
         http {{\n  {}\n  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;\n  \
         default_type application/octet-stream;\n  server {{ listen {address}; root data; }}\n}}\n",
        temporary.join(" ")
    );
    fs::write(folder.join("nginx.conf"), config)?;
    let mut command = process::tied(&program("nginx")?);
    command.arg("-p").arg(folder).args(["-e", "stderr", "-c"]).arg(folder.join("nginx.conf"));
    Ok((quiet(command, folder)?, Target { address, authorization: None, tls: None }))
}

/// Spawns a server whose words go to a file.
fn quiet(mut command: std::process::Command, folder: &Path) -> Result<Process> {
    let log = fs::File::create(folder.join("stderr"))?;
    Process::spawn(command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log))
}

fn program(name: &str) -> Result<PathBuf> {
    process::find(name).with_context(|| format!("{name} is missing: {}", super::INSTALL))
}

/// An address where nobody listens at the moment.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    ensure!(address.port() != 0, "no free port");
    Ok(address)
}
