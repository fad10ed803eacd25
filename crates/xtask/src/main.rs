//! What the project runs on itself: `cargo xtask bench`, `cargo xtask tidy`, `cargo xtask docs`, `cargo xtask kinds`,
//! `cargo xtask test`. Reads the
//! command line and hands over; each subcommand is a module of its own. Nothing here ships.
//!
//! Exit codes: 0 done, 1 a "no" answer (a target missed, something untidy), 2 it could not be run.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool of the house, whose output is its result")]

mod bench;
mod rings;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What the project runs on itself.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure wharf beside docker-registry and nginx, in one run, and compare with the targets
    Bench(Box<bench::Options>),
    /// Check what the compiler does not: arrows between rooms, module docs, dead files, generated docs
    Tidy,
    /// Write the pages that are generated from the code: docs/conformance.md, docs/guide/configuration.md, docs/guide/kinds.md,
    /// docs/openapi.json, docs/config.schema.json
    Docs,
    /// Print of each kind of artifact by what it is told, its facts and commands, and how that was verified
    Kinds,
    /// Run all tests, after installing what they need (Debian packages, through apt-get)
    Test,
}

/// The root of the workspace.
fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Bench(options) => bench::run(&options),
        Task::Tidy => tidy::tidy(),
        Task::Docs => tidy::docs(),
        Task::Kinds => tidy::kinds(),
        Task::Test => rings::test(),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
