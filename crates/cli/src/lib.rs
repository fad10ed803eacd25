//! The commands. This room composes the others: it opens the stores, hands them to the registry and the registry to the
//! server. It is the only one that prints, and has no logic that a second front end would need.

pub mod args;
pub mod ask;
pub mod bundle;
pub mod cache;
pub mod cmd;
pub mod data;
pub mod end;
pub mod facts;
pub mod folder;
pub mod found;
pub mod inside;
pub mod known;
pub mod moment;
pub mod printer;
pub mod progress;
pub mod session;
pub mod table;

use std::process::ExitCode;

use clap::Parser as _;

use args::{AdminCommand, Cli, Command};
use printer::Printer;

/// How a command ended, when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it was asked.
    Done,
    /// The answer is no.
    No,
}

/// Runs the command that the arguments of this process name. Exits with 0 where it is done, 1 where the answer is no, 2
/// where it failed or was misspelt, 130 where Ctrl-C ended it.
pub fn main() -> ExitCode {
    let printer = Printer;
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let is_help = !error.use_stderr();
            // It knows whether there is a terminal, and has no other way to show colours.
            let _ = error.print();
            return ExitCode::from(if is_help { 0 } else { 2 });
        }
    };
    if matches!(cli.command, Command::Serve(_) | Command::Admin(_)) {
        // Whatever the shell says: the ledger, the blobs and what lies beside them are for nobody else to read. What is
        // fetched for its owner is as any other file.
        rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    }
    match run(cli.command, &printer) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(1),
        Err(error) if error.is::<session::Interrupted>() => ExitCode::from(130),
        Err(error) => {
            printer.failed(&error);
            ExitCode::from(2)
        }
    }
}

fn run(command: Command, printer: &Printer) -> anyhow::Result<Outcome> {
    match command {
        Command::Serve(args) => cmd::serve::run(&args, printer),
        Command::Config(args) => cmd::config::run(&args, printer),
        Command::Admin(AdminCommand::Reset(args)) => cmd::admin::reset(&args, printer),
        Command::Login(args) => cmd::login::login(&args, printer),
        Command::Logout(args) => cmd::login::logout(&args, printer),
        Command::Copy(args) => cmd::copy::run(&args, printer),
        Command::Bundle(args) => cmd::bundle::run(&args, printer),
        Command::Cnab(args) => cmd::cnab::run(&args, printer),
        Command::Push(args) => cmd::push::run(&args, printer),
        Command::Pull(args) => cmd::pull::run(&args, printer),
        Command::Probe(args) => cmd::probe::run(&args, printer),
        Command::Ls(args) => cmd::ls::run(&args, printer),
        Command::Cat(args) => cmd::cat::run(&args, printer),
        Command::Diff(args) => cmd::diff::run(&args, printer),
        Command::Inspect(args) => cmd::inspect::run(&args, printer),
        Command::Digest(args) => cmd::digest::run(&args, printer),
        Command::Tree(args) => cmd::tree::run(&args, printer),
        Command::Discover(args) => cmd::discover::run(&args, printer),
        Command::Kinds(args) => cmd::kinds::run(&args, printer),
        Command::Attach(args) => cmd::attach::run(&args, printer),
        Command::Share(args) => cmd::share::run(&args, printer),
        Command::Tag(args) => cmd::tag::run(&args, printer),
        Command::Rm(args) => cmd::rm::run(&args, printer),
        Command::Manifest(args) => cmd::manifest::run(&args, printer),
        Command::Blob(args) => cmd::blob::run(&args, printer),
        Command::Project(args) => cmd::project::run(&args, printer),
        Command::Repository(args) => cmd::repository::run(&args, printer),
        Command::Member(args) => cmd::member::run(&args, printer),
        Command::Quota(args) => cmd::quota::run(&args, printer),
        Command::User(args) => cmd::user::run(&args, printer),
        Command::Group(args) => cmd::group::run(&args, printer),
        Command::Robot(args) => cmd::robot::run(&args, printer),
        Command::Token(args) => cmd::token::run(&args, printer),
        Command::Role(args) => cmd::role::run(&args, printer),
        Command::Access(args) => cmd::access::run(&args, printer),
        Command::Apply(args) => cmd::apply::apply(&args, printer),
        Command::Export(args) => cmd::apply::export(&args, printer),
        Command::Search(args) => cmd::search::run(&args, printer),
        Command::Events(args) => cmd::event::run(&args, printer),
        Command::History(args) => cmd::trash::history(&args, printer),
        Command::Restore(args) => cmd::trash::restore(&args, printer),
        Command::Trash(args) => cmd::trash::run(&args, printer),
        Command::Purge(args) => cmd::trash::purge(&args, printer),
        Command::Completions(args) => cmd::completions::run(&args, printer),
        Command::Man(args) => cmd::man::run(&args, printer),
        Command::Version => {
            printer.line(&format!("wharf {}", env!("CARGO_PKG_VERSION")))?;
            Ok(Outcome::Done)
        }
    }
}
