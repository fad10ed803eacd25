//! How far a copy is, for whoever watches: on standard error where that is a terminal, nowhere else, and without colours.
//!
//! A bar for all of it, with its rate and the time that is left, and below it one for each of the largest blobs that are
//! under way.

use std::collections::HashMap;
use std::io::{IsTerminal as _, stderr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use wharf_content::observer::{Event, Observer, Outcome};
use wharf_model::digest::Digest;

use crate::printer::Printer;

/// How many blobs have a bar of their own.
const ROWS: usize = 4;
/// How often the bars are drawn even if nothing happens, so that the rate falls where nothing comes.
const TICK: Duration = Duration::from_millis(200);
const ALL: &str =
    "{msg:<14} {wide_bar} {binary_bytes:>11} / {binary_total_bytes:<11} {binary_bytes_per_sec:>13}, {eta} left";
const ONE: &str = "{msg:<14} {wide_bar} {binary_bytes:>11} / {binary_total_bytes}";

/// Is told what happens, and draws it. Gone from the terminal when it is dropped, or by [`Progress::end`].
pub struct Progress {
    drawn: Option<Mutex<Drawn>>,
    bars: MultiProgress,
}

impl Progress {
    /// Draws where somebody watches, unless they do not want that.
    pub fn new(quiet: bool) -> Arc<Progress> {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if quiet || is_dumb || !stderr().is_terminal() {
            return Arc::new(Progress {
                drawn: None,
                bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            });
        }
        let progress = Progress::on(ProgressDrawTarget::stderr());
        progress.with(|drawn| drawn.all.enable_steady_tick(TICK));
        Arc::new(progress)
    }

    fn on(target: ProgressDrawTarget) -> Progress {
        let bars = MultiProgress::with_draw_target(target);
        let all = bars.add(bar(ALL, 0, "all"));
        let drawn = Drawn { bars: bars.clone(), all, sizes: HashMap::new(), running: HashMap::new() };
        Progress { drawn: Some(Mutex::new(drawn)), bars }
    }

    /// A line above the bars.
    pub fn note(&self, printer: &Printer, text: &str) {
        self.bars.suspend(|| printer.note(text));
    }

    /// Takes the bars away; from now on nothing is drawn.
    pub fn end(&self) {
        self.with(|drawn| {
            drawn.all.disable_steady_tick();
            // Nobody is left to be told that the terminal is gone.
            let _ = drawn.bars.clear();
            drawn.bars.set_draw_target(ProgressDrawTarget::hidden());
        });
    }

    fn with(&self, work: impl FnOnce(&mut Drawn)) {
        if let Some(drawn) = &self.drawn {
            work(&mut drawn.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

impl Observer for Progress {
    fn on(&self, event: Event) {
        self.with(|drawn| match event {
            Event::Found { digest, size } => drawn.found(digest, size),
            Event::Moved { digest, bytes } => drawn.moved(digest, bytes),
            Event::Again { digest, bytes } => drawn.again(digest, bytes),
            Event::Done { digest, size, outcome } => drawn.done(digest, size, outcome),
            Event::Manifest { .. } => {}
        });
    }
}

struct Drawn {
    bars: MultiProgress,
    all: ProgressBar,
    /// Of blobs that have not begun to move.
    sizes: HashMap<Digest, u64>,
    running: HashMap<Digest, Running>,
}

struct Running {
    size: u64,
    moved: u64,
    bar: Option<ProgressBar>,
}

impl Drawn {
    fn found(&mut self, digest: Digest, size: u64) {
        self.all.inc_length(size);
        self.sizes.insert(digest, size);
    }

    fn moved(&mut self, digest: Digest, bytes: u64) {
        self.all.inc(bytes);
        if let Some(size) = self.sizes.remove(&digest) {
            self.running.insert(digest, Running { size, moved: 0, bar: None });
            self.make_room(size);
            self.fill_rows();
        }
        if let Some(running) = self.running.get_mut(&digest) {
            running.moved += bytes;
            running.bar.iter().for_each(|bar| bar.set_position(running.moved));
        }
    }

    fn again(&mut self, digest: Digest, bytes: u64) {
        self.all.dec(bytes);
        if let Some(running) = self.running.get_mut(&digest) {
            running.moved = running.moved.saturating_sub(bytes);
            running.bar.iter().for_each(|bar| bar.set_position(running.moved));
        }
    }

    fn done(&mut self, digest: Digest, size: u64, outcome: Outcome) {
        if outcome != Outcome::Sent {
            // As a step, not as speed: these bytes did not travel.
            self.all.set_position(self.all.position() + size);
        }
        self.sizes.remove(&digest);
        if let Some(bar) = self.running.remove(&digest).and_then(|running| running.bar) {
            self.bars.remove(&bar);
            self.fill_rows();
        }
    }

    /// Takes the smallest bar away where something larger has none.
    fn make_room(&mut self, size: u64) {
        let shown = self.running.values_mut().filter(|running| running.bar.is_some());
        let mut shown: Vec<_> = shown.collect();
        if shown.len() < ROWS {
            return;
        }
        shown.sort_unstable_by_key(|running| running.size);
        if let Some(bar) = shown.first_mut().filter(|least| least.size < size).and_then(|least| least.bar.take()) {
            self.bars.remove(&bar);
        }
    }

    /// Gives what is left of the rows to the largest.
    fn fill_rows(&mut self) {
        let mut free = ROWS.saturating_sub(self.running.values().filter(|running| running.bar.is_some()).count());
        let mut waiting: Vec<_> = self.running.iter_mut().filter(|(_, running)| running.bar.is_none()).collect();
        waiting.sort_unstable_by_key(|(digest, running)| (std::cmp::Reverse(running.size), digest.hex()));
        for (digest, running) in waiting {
            if free == 0 {
                return;
            }
            let row = self.bars.add(bar(ONE, running.size, &format!("  {}", short(digest))));
            row.set_position(running.moved);
            running.bar = Some(row);
            free -= 1;
        }
    }
}

fn bar(template: &str, size: u64, name: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::hidden());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.with_message(name.to_owned())
}

/// Enough of a digest to tell it from others on a screen.
fn short(digest: &Digest) -> String {
    digest.hex().chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use wharf_model::digest::Algorithm;

    use super::*;

    fn digest(size: u64) -> Digest {
        Digest::of(Algorithm::Sha256, &size.to_le_bytes())
    }

    fn shown(progress: &Progress) -> Vec<u64> {
        let mut sizes = Vec::new();
        progress.with(|drawn| {
            sizes.extend(drawn.running.values().filter(|running| running.bar.is_some()).map(|running| running.size));
        });
        sizes.sort_unstable();
        sizes
    }

    fn position(progress: &Progress) -> (u64, u64) {
        let mut found = (0, 0);
        progress.with(|drawn| found = (drawn.all.position(), drawn.all.length().unwrap_or_default()));
        found
    }

    #[test]
    fn the_largest_have_a_bar() {
        let progress = Progress::on(ProgressDrawTarget::hidden());
        let sizes = [10, 20, 30, 40, 5, 50];
        for size in sizes {
            progress.on(Event::Found { digest: digest(size), size });
        }
        assert_eq!((shown(&progress), position(&progress)), (vec![], (0, 155)));
        for size in sizes {
            progress.on(Event::Moved { digest: digest(size), bytes: 2 });
        }
        assert_eq!((shown(&progress), position(&progress)), (vec![20, 30, 40, 50], (12, 155)));
        progress.on(Event::Done { digest: digest(40), size: 40, outcome: Outcome::Sent });
        assert_eq!(shown(&progress), [10, 20, 30, 50]);
    }

    #[test]
    fn all_of_it_counts_each_byte_once() {
        let progress = Progress::on(ProgressDrawTarget::hidden());
        for size in [10, 20] {
            progress.on(Event::Found { digest: digest(size), size });
        }
        progress.on(Event::Moved { digest: digest(10), bytes: 8 });
        progress.on(Event::Again { digest: digest(10), bytes: 5 });
        assert_eq!(position(&progress), (3, 30));
        progress.on(Event::Moved { digest: digest(10), bytes: 7 });
        progress.on(Event::Done { digest: digest(10), size: 10, outcome: Outcome::Sent });
        progress.on(Event::Done { digest: digest(20), size: 20, outcome: Outcome::Skipped });
        assert_eq!((shown(&progress), position(&progress)), (vec![], (30, 30)));
    }
}
