//! The real server, as a child process on a port of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::http::{Client, basic};

/// The administrator's password in every test.
pub const PASSWORD: &str = "correct horse";
/// How long a server may take to say that it listens, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer; fails the test where none comes for a minute.
#[track_caller]
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Setup {
    binary: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Setup {
    /// As `binary serve` with nothing said.
    pub fn new(binary: impl Into<PathBuf>) -> Setup {
        Setup { binary: binary.into(), arguments: Vec::new(), environment: Vec::new() }
    }

    /// With one more argument.
    pub fn arg(mut self, argument: impl Into<String>) -> Setup {
        self.arguments.push(argument.into());
        self
    }

    /// With one more variable in the environment.
    pub fn env(mut self, name: &str, value: &str) -> Setup {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it with a data folder of its own.
    pub fn start(self) -> Server {
        let data = TempDir::with_prefix("wharf-test-").expect("a temporary folder can be made");
        let path = data.path().join("data");
        self.start_at(path, Some(data))
    }

    /// Starts it on this data folder.
    pub fn start_on(self, data: &Path) -> Server {
        self.start_at(data.to_owned(), None)
    }

    fn start_at(self, data: PathBuf, owned: Option<TempDir>) -> Server {
        let (child, address, log) = self.spawn(&data);
        Server { setup: self, child, address, data, log, _owned: owned }
    }

    fn command(&self, data: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("serve").arg("--listen").arg("127.0.0.1:0").arg("--data").arg(data).args(&self.arguments);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("WHARF_ADMIN_PASSWORD", PASSWORD).env("WHARF_LOG__ACCESS", "false");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    fn spawn(&self, data: &Path) -> (Child, SocketAddr, mpsc::Receiver<String>) {
        let mut child = self.command(data).spawn().expect("the server can be started");
        let stderr = child.stderr.take().expect("its stderr is a pipe");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut said = Vec::new();
        loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    if let Some(url) = line.strip_prefix("listening on ") {
                        let address = url.trim_start_matches("https://").trim_start_matches("http://");
                        let address = address.trim().parse().expect("the line ends with an address");
                        return (child, address, lines);
                    }
                    said.push(line);
                }
                Err(_) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    panic!("the server did not start; it said:\n{}", said.join("\n"));
                }
            }
        }
    }

    /// Runs it to its end, where it is expected not to serve: its exit status and what it said on stderr.
    pub fn run_to_end(&self, data: &Path) -> (ExitStatus, String) {
        let mut child = self.command(data).spawn().expect("the server can be started");
        let mut said = String::new();
        let mut stderr = child.stderr.take().expect("its stderr is a pipe");
        stderr.read_to_string(&mut said).expect("its stderr is text");
        (child.wait().expect("it ends"), said)
    }
}

/// A server that runs. Killed when dropped.
pub struct Server {
    setup: Setup,
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its data folder.
    pub data: PathBuf,
    log: mpsc::Receiver<String>,
    _owned: Option<TempDir>,
}

impl Server {
    /// A client that is the administrator.
    pub fn admin(&self) -> Client {
        Client { address: self.address, authorization: Some(basic("admin", PASSWORD)) }
    }

    /// A client that is nobody.
    pub fn anonymous(&self) -> Client {
        Client { address: self.address, authorization: None }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on stderr since it listens, or since this was asked last.
    pub fn said(&self) -> Vec<String> {
        self.log.try_iter().collect()
    }

    /// All that it has said since then, to its last line; it must have ended.
    pub fn said_to_the_end(&self) -> Vec<String> {
        self.log.iter().collect()
    }

    /// A figure of its process from `/proc/PID/status`, in KiB: `VmHWM`, `RssAnon` and the like.
    pub fn memory_kib(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(path).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let figure = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("the figure is there");
        figure.parse().expect("it is a number")
    }

    /// How many files and sockets it has open.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("the process runs").count()
    }

    /// Fails the test unless it still answers.
    #[track_caller]
    pub fn expect_alive(&self) {
        self.anonymous().get("/livez").expect(200);
    }

    /// Stops it, and fails the test where it said on the way that something panicked; what it said.
    #[track_caller]
    pub fn stop_calmly(&mut self) -> Vec<String> {
        assert!(self.stop().success(), "it ends well");
        let said = self.said_to_the_end();
        assert!(!said.iter().any(|line| line.contains("panicked")), "{}", said.join("\n"));
        said
    }

    /// Kills it, as a power cut would as far as the process goes (SIGKILL).
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop (SIGTERM) and waits.
    pub fn stop(&mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        self.child.wait().expect("it ends")
    }

    /// Starts it again on the same data; it must have ended.
    pub fn restart(&mut self) {
        (self.child, self.address, self.log) = self.setup.spawn(&self.data);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
