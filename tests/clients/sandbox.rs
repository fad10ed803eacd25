//! A place of its own for the programs of one test.
//!
//! A program runs in namespaces of its own: with its own processes, which the kernel ends with the first of them, and its
//! own mounts over `/etc`, `/run`, `/var/cache` and `/var/lib`, which are folders of the sandbox. The network is the
//! machine's. Whatever happens to a test (it panics, it is killed), its programs end with its thread. Where the machine
//! forbids namespaces, only options and the environment say where files go: said once on stderr; what cannot do without is
//! left out by its test.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

/// How long one command may take; then it is killed and the test fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where Debian has its programs, before others of the same name.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin";
/// The programs, and Debian's packages that they come from.
const PACKAGES: &[(&str, &str)] = &[
    ("buildah", "buildah"),
    ("containerd", "containerd"),
    ("ctr", "containerd"),
    ("curl", "curl"),
    ("docker", "docker.io"),
    ("docker-registry", "docker-registry"),
    ("dockerd", "docker.io"),
    ("nginx", "nginx-light"),
    ("openssl", "openssl"),
    ("podman", "podman"),
    ("setpriv", "util-linux"),
    ("skopeo", "skopeo"),
    ("tar", "tar"),
    ("unshare", "util-linux"),
    ("wat2wasm", "wabt"),
    ("zstd", "zstd"),
];
/// What a private `/etc` takes over from the machine's.
const ETC: &[&str] = &["group", "hosts", "ld.so.cache", "nsswitch.conf", "passwd"];
/// Puts the sandbox's folders in place, inside of the namespaces, and becomes the program.
const INSIDE: &str = r#"mount --bind "$0/etc" /etc && mount --bind "$0/run" /run && mount --bind "$0/lib" /var/lib &&
    mount --bind "$0/cache" /var/cache && exec "$@""#;

/// See the module.
pub(crate) struct Sandbox {
    folder: TempDir,
}

/// What a command said.
struct Outcome {
    success: bool,
    stdout: String,
    stderr: String,
}

impl Sandbox {
    /// A sandbox for these programs.
    ///
    /// # Panics
    /// One of them is not installed; the message says what to install.
    #[track_caller]
    pub(crate) fn new(programs: &[&str]) -> Sandbox {
        for program in programs.iter().chain(&["setpriv", "unshare"]) {
            let is_there = PATH.split(':').any(|folder| Path::new(folder).join(program).exists());
            let package = PACKAGES.iter().find(|(name, _)| name == program).map(|(_, package)| package);
            let package = package.expect("the table has the program");
            assert!(is_there, "{program} is not installed, and this test needs it: apt-get install {package}");
        }
        let folder = TempDir::with_prefix("wharf-client-").expect("a temporary folder can be made");
        let sandbox = Sandbox { folder };
        for name in ["cache", "etc/containers", "home/.config/containers", "lib", "run/lock", "tmp", "xdg"] {
            std::fs::create_dir_all(sandbox.path(name)).unwrap();
        }
        for name in ETC {
            // Whichever the machine has.
            let _ = std::fs::copy(Path::new("/etc").join(name), sandbox.path("etc").join(name));
        }
        sandbox.configure();
        sandbox
    }

    /// A path inside.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text, for command lines.
    pub(crate) fn at(&self, name: &str) -> String {
        self.path(name).to_str().expect("temporary folders have plain names").to_owned()
    }

    /// Writes a file; its path.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.at(name)
    }

    /// Reads a file.
    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap().trim().to_owned()
    }

    /// What skopeo, podman and buildah read.
    fn configure(&self) {
        const TRUST: &str = r#"{ "default": [{ "type": "insecureAcceptAnything" }] }"#;
        self.write("etc/containers/policy.json", TRUST);
        self.write("home/.config/containers/policy.json", TRUST);
        self.write("registries.conf", "");
        self.write("auth.json", "{}");
        let at = |name| self.at(name);
        let storage =
            format!("[storage]\ndriver = \"vfs\"\ngraphroot = {:?}\nrunroot = {:?}\n", at("graph"), at("runroot"));
        self.write("storage.conf", storage);
        let engine = format!(
            "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\nlock_type = \"file\"\n\
             tmp_dir = {:?}\nstatic_dir = {:?}\nvolume_path = {:?}\n[network]\nnetwork_config_dir = {:?}\n",
            at("libpod"),
            at("static"),
            at("volumes"),
            at("net")
        );
        self.write("containers.conf", engine);
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut environment: Vec<(&str, OsString)> = vec![
            ("PATH", PATH.into()),
            ("LC_ALL", "C.UTF-8".into()),
            ("DOCKER_BUILDKIT", "0".into()),
            ("DOCKER_CLI_EXPERIMENTAL", "enabled".into()),
            ("DOCKER_HOST", format!("unix://{}", self.at("docker.sock")).into()),
        ];
        for (variable, name) in [
            ("HOME", "home"),
            ("XDG_RUNTIME_DIR", "xdg"),
            ("TMPDIR", "tmp"),
            ("REGISTRY_AUTH_FILE", "auth.json"),
            ("CONTAINERS_REGISTRIES_CONF", "registries.conf"),
            ("CONTAINERS_STORAGE_CONF", "storage.conf"),
            ("CONTAINERS_CONF", "containers.conf"),
            ("DOCKER_CONFIG", "docker"),
        ] {
            environment.push((variable, self.path(name).into()));
        }
        environment
    }

    /// Runs a command, given as a shell would be (blanks between words, single quotes around blanks); what it wrote to
    /// stdout.
    #[track_caller]
    pub(crate) fn ok(&self, line: impl AsRef<str>) -> String {
        self.ok_with(line, "")
    }

    /// The same with something on stdin.
    #[track_caller]
    pub(crate) fn ok_with(&self, line: impl AsRef<str>, stdin: &str) -> String {
        let line = line.as_ref();
        let outcome = self.run(line, stdin);
        assert!(outcome.success, "{line}\nfailed:\n{}{}", outcome.stdout, outcome.stderr);
        outcome.stdout.trim().to_owned()
    }

    /// Runs a command that must fail; all that it wrote.
    #[track_caller]
    pub(crate) fn fails(&self, line: impl AsRef<str>) -> String {
        self.fails_with(line, "")
    }

    /// The same with something on stdin.
    #[track_caller]
    pub(crate) fn fails_with(&self, line: impl AsRef<str>, stdin: &str) -> String {
        let line = line.as_ref();
        let outcome = self.run(line, stdin);
        assert!(!outcome.success, "{line}\nshould have failed:\n{}{}", outcome.stdout, outcome.stderr);
        outcome.stdout + &outcome.stderr
    }

    #[track_caller]
    fn run(&self, line: &str, stdin: &str) -> Outcome {
        let mut child = Leashed::spawn(self.command(line).stdout(Stdio::piped()));
        let mut input = child.0.stdin.take().expect("a pipe");
        // Who does not read what is said has said no already.
        let _ = input.write_all(stdin.as_bytes());
        drop(input);
        let stdout = read(child.0.stdout.take().expect("a pipe"));
        let stderr = read(child.0.stderr.take().expect("a pipe"));
        let texts = [stdout, stderr].map(|text| text.recv_timeout(PATIENCE));
        let [Ok(stdout), Ok(stderr)] = texts else { panic!("{line}\nwas not over after {PATIENCE:?}") };
        let status = child.0.wait().expect("it has ended");
        Outcome { success: status.success(), stdout, stderr }
    }

    /// Starts a program that goes on until it is dropped, and waits until it says `ready`.
    #[track_caller]
    pub(crate) fn start(&self, line: impl AsRef<str>, ready: &str) -> Daemon {
        let line = line.as_ref();
        let mut child = Leashed::spawn(self.command(line).stdout(Stdio::null()));
        let stderr = child.0.stderr.take().expect("a pipe");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let said = BufReader::new(stderr).lines().map_while(Result::ok);
            said.for_each(|line| drop(sender.send(line)));
        });
        let mut said = String::new();
        while !said.contains(ready) {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => said = said + &line + "\n",
                Err(_) => panic!("{line}\ndid not say '{ready}', but:\n{said}"),
            }
        }
        Daemon { child, lines, said }
    }

    /// The command behind its walls: the leash that ends it with this thread, then the namespaces.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        if let Some(walls) = walls() {
            command.args(walls).args(["sh", "-c", INSIDE]).arg(self.folder.path());
        }
        command.args(words(line)).current_dir(self.folder.path());
        command.env_clear().envs(self.environment()).stdin(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Layers are unpacked into folders that only root can empty as they are.
        if !rustix::process::geteuid().is_root() {
            let _ = Command::new("chmod").args(["-R", "u+rwX"]).arg(self.folder.path()).status();
        }
    }
}

/// A program that runs beside the test.
pub(crate) struct Daemon {
    child: Leashed,
    lines: Receiver<String>,
    /// What it had said when it was ready.
    pub(crate) said: String,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.end();
        // The pipe closes when the last process of the namespace has gone; before, files would come back.
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
    }
}

/// A child that does not outlive this.
struct Leashed(Child);

impl Leashed {
    #[track_caller]
    fn spawn(command: &mut Command) -> Leashed {
        Leashed(command.process_group(0).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    fn end(&mut self) {
        // Where there are namespaces the first process takes the rest along, elsewhere its group. The number of one that was
        // waited for may be another's by now.
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = rustix::process::kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        self.end();
    }
}

/// The command that makes namespaces, as far as the machine lets us.
fn walls() -> Option<&'static [&'static str]> {
    const ROOT: &[&str] =
        &["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "--"];
    const USER: &[&str] =
        &["unshare", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"];
    static WALLS: OnceLock<Option<&[&str]>> = OnceLock::new();
    *WALLS.get_or_init(|| {
        let works = |walls: &&&[&str]| {
            let probe = Command::new(walls[0]).args(&walls[1..]).arg("true").stderr(Stdio::null()).status();
            probe.is_ok_and(|status| status.success())
        };
        let walls = [ROOT, USER].iter().find(works).copied();
        if walls.is_none() {
            let _ =
                writeln!(std::io::stderr(), "no namespaces on this machine: clients run without, dockerd not at all");
        }
        walls
    })
}

/// Whether programs are walled in.
pub(crate) fn is_walled() -> bool {
    walls().is_some()
}

fn read(mut pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        sender.send(String::from_utf8_lossy(&bytes).into_owned())
    });
    receiver
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, part) in line.split('\'').enumerate() {
        match number % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

#[test]
fn nothing_is_left_behind_even_by_a_panic() {
    let (sender, told) = mpsc::channel();
    let failed = std::thread::spawn(move || {
        let sandbox = Sandbox::new(&[]);
        let script = sandbox.write("daemon", "echo ready >&2; touch run/here; sleep 1000 & exec sleep 1000");
        let _daemon = sandbox.start(format!("sh {script}"), "ready");
        sender.send(sandbox.path("")).unwrap();
        sandbox.ok("false");
    });
    assert!(failed.join().is_err(), "it panicked");
    let folder = told.recv().unwrap();
    assert!(!folder.exists());
    let holds = |path: PathBuf| std::fs::read(path).is_ok_and(|bytes| contains(&bytes, folder.to_str().unwrap()));
    assert!(!holds("/proc/self/mountinfo".into()));
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        assert!(!holds(process.path().join("environ")), "{process:?} goes on");
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
