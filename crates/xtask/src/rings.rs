//! `cargo xtask test`: all rings of tests, and what they need installed before.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::{tidy, workspace};

/// What the tests run against, as Debian calls it, and a program by which it is known to be there.
const PACKAGES: &[(&str, &str)] = &[
    ("chromium", "/usr/bin/chromium"),
    ("chromium-driver", "/usr/bin/chromedriver"),
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
    ("python3-venv", "/usr/share/doc/python3-venv/copyright"),
    ("openssl", "/usr/bin/openssl"),
    ("wabt", "/usr/bin/wat2wasm"),
    ("zstd", "/usr/bin/zstd"),
];

/// What `tests/openapi.rs`, `tests/clients/made.rs` and `tests/browser.rs` use, as PyPI has it, and where it goes below the
/// target folder.
const PYTHON_PACKAGES: &[(&str, &str)] = &[
    ("tests/openapi/requirements.txt", "schemathesis"),
    ("tests/clients/requirements.txt", "python"),
    ("tests/browser/requirements.txt", "axe"),
];

/// Installs what is missing, then runs everything; whether all of it passed.
pub(crate) fn test() -> Result<bool> {
    install()?;
    for (list, folder) in PYTHON_PACKAGES {
        install_from_pypi(list, folder)?;
    }
    let cargo = env!("CARGO");
    step("format", &[cargo, "fmt", "--all", "--check"])?;
    step("lints", &[cargo, "clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"])?;
    // All of them, also where one fails: who looks at what CI says is to see it at once.
    step("tests", &[cargo, "test", "--workspace", "--no-fail-fast"])?;
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

/// What is in `list`, into a folder of its own, unless these versions are there.
fn install_from_pypi(list: &str, folder: &str) -> Result<()> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    let folder = target.join(folder);
    let wanted = fs::read(workspace().join(list)).with_context(|| list.to_owned())?;
    let mark = folder.join("installed.txt");
    if fs::read(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let (place, pip) = (folder.display().to_string(), folder.join("bin/pip").display().to_string());
    step("a folder for Python", &["python3", "-m", "venv", "--clear", &place])?;
    step("packages of Python", &[&pip, "install", "--quiet", "--no-deps", "--requirement", list])?;
    Ok(fs::write(mark, wanted)?)
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
