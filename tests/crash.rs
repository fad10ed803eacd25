//! The server is killed at any moment under a mixed load, again and again. Whatever it acknowledged is there afterwards, nothing
//! half-written is to be seen, every byte on the disk is known to the ledger, and what projects use is counted.
//!
//! `WHARF_CRASH_ROUNDS` says how often, `WHARF_CRASH_SEED` repeats a run as far as the load goes; when exactly a kill hits is
//! nobody's to repeat.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs, reason = "tests")]

#[path = "crash/audit.rs"]
mod audit;
#[path = "crash/check.rs"]
mod check;
#[path = "crash/journal.rs"]
mod journal;
#[path = "crash/load.rs"]
mod load;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use journal::{Journal, Random};
use wharf_testkit::server::{Server, Setup, wait_for};

/// How many send at the same time, each to repositories of its own.
const SENDERS: usize = 6;
/// Kills where the environment does not say.
const ROUNDS: usize = 20;
/// Most requests that are acknowledged between two kills.
const REQUESTS_MAX: u64 = 160;

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn what_was_acknowledged_outlives_any_kill() {
    let rounds = from_environment("WHARF_CRASH_ROUNDS").unwrap_or(ROUNDS as u64);
    let seed = from_environment("WHARF_CRASH_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("WHARF_CRASH_SEED={seed} WHARF_CRASH_ROUNDS={rounds}");
    let mut random = Random::new(seed);
    // A sweep and a reclaiming run beside the load; nothing is old enough yet for the sweep to take.
    let mut server = Setup::new(env!("CARGO_BIN_EXE_wharf")).env("WHARF_GC__SWEEP_INTERVAL_S", "1").start();
    // Far from used up; but with it, uploads reserve what they receive.
    let limited = server.admin().put("/api/v1/projects/load", "application/json", r#"{"quota_bytes":1099511627776}"#);
    limited.expect(200);
    let mut journals: Vec<Journal> = (0..SENDERS).map(|sender| Journal::new(sender, random.next())).collect();
    for round in 0..rounds {
        let kill_at = 5 + random.below(REQUESTS_MAX) as usize;
        load_until_killed(&mut server, &mut journals, kill_at);
        audit::every_file_is_known(&server.data);
        audit::usage_is_exact(&server.data);
        server.restart();
        let found = check::all(&server, &mut journals);
        println!("round {round}: killed after {kill_at} requests; {found}");
    }
    check::open_sessions_can_be_finished(&server, &mut journals);
    check::all(&server, &mut journals);
    server.stop_calmly();
    audit::every_file_is_known(&server.data);

    // A day later, as far as the ledger can tell: what nobody came back for goes, and what is named stays.
    audit::grow_old(&server.data);
    server.restart();
    let mut before = None;
    wait_for("the garbage to go", || {
        let left = audit::garbage(&server.data);
        if left != before {
            println!("left: {left:?}");
        }
        before = left;
        before.is_none().then_some(())
    });
    check::named_things(&server, &mut journals);
    server.stop_calmly();
    audit::usage_is_exact(&server.data);
}

/// Runs all senders and kills the server once they were answered that many times; they end with their connections.
fn load_until_killed(server: &mut Server, journals: &mut [Journal], kill_at: usize) {
    let (answered, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let client = server.admin();
    std::thread::scope(|scope| {
        for journal in journals {
            let (client, answered, over) = (client.clone(), &answered, &over);
            scope.spawn(move || load::run(journal, &client, answered, over));
        }
        wait_for("the load", || (answered.load(Ordering::Relaxed) >= kill_at).then_some(()));
        over.store(true, Ordering::Relaxed);
        server.kill();
    });
}
