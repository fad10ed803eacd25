//! A PostgreSQL of the bench's own, with its defaults, on the same disk as everything else.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use super::peers::free_address;
use super::process::{self, Process};

/// How long it may take to start.
const START_MAX: Duration = Duration::from_secs(30);

/// A running cluster, ended when dropped.
pub(crate) struct Postgres {
    process: Process,
    programs: PathBuf,
    address: SocketAddr,
    databases: AtomicU32,
}

impl Postgres {
    /// Makes a cluster in `folder` and starts it; as the user `postgres` if the bench runs as root, which PostgreSQL refuses.
    pub(crate) fn start(folder: &Path) -> Result<Postgres> {
        let programs = programs().context("no /usr/lib/postgresql/*/bin")?;
        let folder = folder.join("postgres");
        fs::create_dir_all(&folder)?;
        let options = identity(&folder)?;
        let data = folder.join("data");
        let mut init = process::tied_as(&programs.join("initdb"), &options);
        process::output(init.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-D"]).arg(&data))?;
        let address = free_address()?;
        let mut command = process::tied_as(&programs.join("postgres"), &options);
        command.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &address.port().to_string(), "-k"]).arg(&folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(folder.join("stderr"))?);
        let process = Process::spawn(&mut command)?;
        let postgres = Postgres { process, programs, address, databases: AtomicU32::new(0) };
        let begin = Instant::now();
        while let Err(error) = postgres.query("SELECT 1") {
            ensure!(begin.elapsed() < START_MAX, "PostgreSQL does not start: {error:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(postgres)
    }

    /// Makes a database; answers with its URL.
    pub(crate) fn create(&self) -> Result<String> {
        let name = format!("bench{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.query(&format!("CREATE DATABASE {name}"))?;
        Ok(format!("postgres://postgres@{}/{name}", self.address))
    }

    /// Its version.
    pub(crate) fn version(&self) -> Result<String> {
        self.query("SHOW server_version")
    }

    /// Clears away what is not there any more, and counts what is there, of a database that [`Postgres::create`] made.
    pub(crate) fn vacuum(&self, url: &str) -> Result<()> {
        let mut command = process::tied(&self.programs.join("psql"));
        process::output(command.args(["-d", url, "-qc", "VACUUM ANALYZE"])).map(drop)
    }

    fn query(&self, text: &str) -> Result<String> {
        let mut command = process::tied(&self.programs.join("psql"));
        command.args(["-h", "127.0.0.1", "-p", &self.address.port().to_string(), "-U", "postgres", "-d", "postgres"]);
        Ok(process::output(command.args(["-qAtc", text]))?.trim().to_owned())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT is its fast shutdown: connections are cut, the cluster is left clean.
        self.process.end(Signal::INT);
    }
}

fn programs() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|at| at.path().join("bin")).collect();
    found.retain(|bin| bin.join("initdb").is_file());
    found.sort();
    found.pop()
}

/// Gives the folder to whom PostgreSQL will run as, and says how to become them.
fn identity(folder: &Path) -> Result<Vec<&'static str>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(Vec::new());
    }
    let passwd = fs::read_to_string("/etc/passwd")?;
    let line = passwd.lines().find_map(|line| line.strip_prefix("postgres:")).context("no user postgres")?;
    let mut fields = line.split(':').skip(1).map(str::parse);
    let (Some(Ok(user)), Some(Ok(group))) = (fields.next(), fields.next()) else { anyhow::bail!("a bad /etc/passwd") };
    chown(folder, Some(user), Some(group))?;
    // The folder of the run is its owner's alone; the user postgres has to pass through it.
    if let Some(above) = folder.parent() {
        fs::set_permissions(above, fs::Permissions::from_mode(0o711))?;
    }
    Ok(vec!["--reuid", "postgres", "--regid", "postgres", "--init-groups"])
}
