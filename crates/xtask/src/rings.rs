//! `cargo xtask test`: all rings of tests, and what they need installed before.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::{tidy, workspace};

/// What the tests run against, as Debian calls it, and a program by which it is known to be there.
const PACKAGES: &[(&str, &str)] = &[
    ("curl", "/usr/bin/curl"),
    ("skopeo", "/usr/bin/skopeo"),
    ("podman", "/usr/bin/podman"),
    ("buildah", "/usr/bin/buildah"),
    ("crun", "/usr/bin/crun"),
    ("containerd", "/usr/bin/ctr"),
    ("docker.io", "/usr/sbin/dockerd"),
    ("docker-registry", "/usr/bin/docker-registry"),
    ("nginx-light", "/usr/sbin/nginx"),
    ("runc", "/usr/sbin/runc"),
    ("postgresql", "/usr/share/doc/postgresql/copyright"),
    ("zstd", "/usr/bin/zstd"),
];

/// Installs what is missing, then runs everything; whether all of it passed.
pub(crate) fn test() -> Result<bool> {
    install()?;
    let cargo = env!("CARGO");
    step("format", &[cargo, "fmt", "--all", "--check"])?;
    step("lints", &[cargo, "clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"])?;
    step("tests", &[cargo, "test", "--workspace"])?;
    println!("== tidy");
    tidy::tidy()
}

fn install() -> Result<()> {
    let missing: Vec<_> =
        PACKAGES.iter().filter(|(_, sign)| !std::path::Path::new(sign).exists()).map(|(name, _)| *name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let root = rustix::process::geteuid().is_root();
    let mut apt = if root { vec![] } else { vec!["sudo"] };
    apt.push("apt-get");
    let with = |rest: &[&'static str]| [&apt[..], rest].concat();
    step("package lists", &with(&["update", "-qq"]))?;
    let mut install = with(&["install", "-y", "-qq", "--no-install-recommends"]);
    install.extend(&missing);
    step("packages", &install)
}

fn step(name: &str, words: &[&str]) -> Result<()> {
    println!("== {name}: {}", words.join(" "));
    let started = Instant::now();
    let (program, arguments) = words.split_first().context("a step without a command")?;
    let status = Command::new(program)
        .args(arguments)
        .current_dir(workspace())
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .with_context(|| format!("{program} cannot be run"))?;
    println!("== {name}: {} s", started.elapsed().as_secs());
    if !status.success() {
        bail!("{name} failed");
    }
    Ok(())
}
