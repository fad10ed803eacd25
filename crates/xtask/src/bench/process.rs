//! Programs that the bench starts, and what the kernel knows of them. Each is ended when its value is dropped, and by the kernel
//! when the bench itself dies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a program may take to end by itself.
const GOODBYE: Duration = Duration::from_secs(10);

/// Finds a program: in `PATH`, and where servers are.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A command that gets SIGTERM when the thread that spawns it ends, where util-linux can arrange that. Spawn from the main thread.
pub(crate) fn tied(program: &Path) -> Command {
    tied_as(program, &[])
}

/// The same with more options of `setpriv`, which are lost where it is not there.
pub(crate) fn tied_as(program: &Path, options: &[&str]) -> Command {
    let Some(setpriv) = find("setpriv") else { return Command::new(program) };
    let mut command = Command::new(setpriv);
    command.args(options).args(["--pdeathsig", "TERM", "--"]).arg(program);
    command
}

/// The standard output of a command, which has to end well.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let done = command.output().with_context(|| shown.clone())?;
    if !done.status.success() {
        bail!("{shown} failed: {}", String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// A running program.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts it.
    pub(crate) fn spawn(command: &mut Command) -> Result<Process> {
        let shown = format!("{command:?}");
        Ok(Process { child: command.spawn().context(shown)? })
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to stderr, if that was piped and not yet taken.
    pub(crate) fn stderr(&mut self) -> Option<std::process::ChildStderr> {
        self.child.stderr.take()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// CPU time of it and its children, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        tree(self.id()).into_iter().filter_map(cpu_ticks).sum::<u64>() as f64
            / rustix::param::clock_ticks_per_second() as f64
    }

    /// A field of `/proc/PID/status` that counts memory (`VmHWM`, `RssAnon`), in MiB, summed over it and its children.
    pub(crate) fn memory_mib(&self, field: &str) -> f64 {
        memory_mib(self.id(), field)
    }

    /// Whether every thread of it is being traced.
    pub(crate) fn traced(&self) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.id())).into_iter().flatten().flatten();
        threads.into_iter().all(|thread| {
            let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            !status.contains("TracerPid:\t0\n")
        })
    }

    /// Sends `signal` and waits; kills it if that does not help.
    pub(crate) fn end(&mut self, signal: Signal) {
        if self.ended().is_some() {
            return;
        }
        if let Some(pid) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
        let asked = Instant::now();
        while self.ended().is_none() && asked.elapsed() < GOODBYE {
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.ended().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end(Signal::TERM);
    }
}

/// The same of any process.
pub(crate) fn memory_mib(id: u32, field: &str) -> f64 {
    tree(id).into_iter().filter_map(|id| status_number(id, field)).sum::<u64>() as f64 / 1024.0
}

/// A process and its children.
fn tree(id: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|word| word.parse().ok());
    std::iter::once(id).chain(children.flat_map(tree)).collect()
}

fn cpu_ticks(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in brackets, may hold spaces; utime and stime are the 12th and 13th after it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn status_number(id: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}
