//! A private PostgreSQL: one cluster for each test binary, in a temporary folder, on a Unix socket, with a new database for
//! whoever asks. It forgets everything when the binary ends, however it ends.
//!
//! Its collation is a language's, not bytes', so that a column which must be compared byte by byte shows when it is not.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Who runs the server where we are root, which it refuses to be.
const USER: &str = "postgres";

/// A running cluster.
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    databases: AtomicU32,
    /// The shell that waits for the end of its input, and so for ours.
    _keeper: Child,
}

/// The URL of a new, empty database of this binary's cluster, which is started with the first.
///
/// # Panics
/// PostgreSQL is not installed, or does not start; the message says what to do.
pub fn database() -> String {
    static CLUSTER: OnceLock<Postgres> = OnceLock::new();
    CLUSTER.get_or_init(Postgres::start).database()
}

impl Postgres {
    fn start() -> Postgres {
        let programs = programs();
        let folder = tempfile::Builder::new().prefix("wharf-pg-").tempdir().expect("a temporary folder").keep();
        if rustix::process::geteuid().is_root() {
            let (user, group) = (id("-u"), id("-g"));
            chown(&folder, Some(user), Some(group)).expect("the folder is given to the server's user");
        }
        let data = folder.join("data");
        let mut initdb = as_user(&programs.join("initdb"));
        initdb.args(["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8"]);
        initdb.args(["--locale-provider=icu", "--icu-locale=en", "--locale=C.UTF-8", "-D"]).arg(&data);
        run(&mut initdb);
        let keeper = serve(&programs.join("postgres"), &folder);
        Postgres { programs, folder, databases: AtomicU32::new(0), _keeper: keeper }
    }

    fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut create = Command::new(self.programs.join("createdb"));
        run(create.arg("--username=postgres").arg("--host").arg(&self.folder).arg(&name));
        let socket = self.folder.to_str().expect("UTF-8").replace('/', "%2F");
        format!("postgres://postgres@{socket}/{name}")
    }
}

/// Runs the server under a shell that ends it, and removes the folder, as soon as this process has gone and with it the
/// other end of the shell's input.
#[allow(clippy::zombie_processes, reason = "it ends after us, by itself")]
fn serve(postgres: &Path, folder: &Path) -> Child {
    const KEEPER: &str = r#"folder=$1; shift
        "$@" </dev/null & server=$!
        cat >/dev/null; kill -QUIT $server; wait $server; rm -rf "$folder""#;
    let server = as_user(postgres);
    let mut keeper = Command::new("sh");
    keeper.args(["-c", KEEPER, "sh"]).arg(folder).arg(server.get_program()).args(server.get_args());
    keeper.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
    for setting in
        ["listen_addresses=", "fsync=off", "full_page_writes=off", "max_connections=300", "shared_buffers=64MB"]
    {
        keeper.args(["-c", setting]);
    }

    let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut keeper = keeper.expect("a shell starts");
    let mut said = BufReader::new(keeper.stderr.take().expect("its output")).lines();
    let mut before = Vec::new();
    while let Some(Ok(line)) = said.next() {
        if line.contains("ready to accept connections") {
            // What it says later is read and dropped, so that it never waits for a reader.
            std::thread::spawn(move || said.for_each(drop));
            return keeper;
        }
        before.push(line);
    }
    panic!("PostgreSQL did not start:\n{}", before.join("\n"))
}

/// The folder of the newest PostgreSQL that is installed.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    found.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    found.retain(|folder| folder.join("initdb").exists() && folder.join("postgres").exists());
    let number = |folder: &PathBuf| -> Option<u32> { folder.parent()?.file_name()?.to_str()?.parse().ok() };
    found.sort_by_key(number);
    found.pop().expect("PostgreSQL is not installed, and these tests need it: apt-get install postgresql")
}

/// A command that runs as somebody whom PostgreSQL accepts.
fn as_user(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "--"]).arg(program);
    command
}

fn id(which: &str) -> u32 {
    let output = Command::new("id").args([which, USER]).output().expect("id runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.trim().parse().expect("there is a user postgres; it comes with apt-get install postgresql")
}

fn run(command: &mut Command) {
    let output = command.current_dir("/").output().expect("the program starts");
    assert!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
}
