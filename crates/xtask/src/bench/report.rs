//! What was measured, beside the targets, as a Markdown table; and the page that keeps it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use super::peers::Peer;

const PREFACE: &str = include_str!("preface.md");

/// What a figure of wharf's has to be.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// So many times the peer's, or more.
    Times(f64),
    /// Below this.
    Below(f64),
    /// This at most.
    AtMost(f64),
}

/// One thing measured at several peers, once a round at each.
pub(crate) struct Series {
    what: String,
    unit: &'static str,
    runs: BTreeMap<Peer, Vec<f64>>,
    targets: Vec<(Peer, Target)>,
    /// The table that it stands in.
    columns: &'static [Peer],
}

impl Series {
    /// Of servers; nothing measured yet.
    pub(crate) fn new(what: impl Into<String>, unit: &'static str) -> Series {
        Series { what: what.into(), unit, runs: BTreeMap::new(), targets: Vec::new(), columns: &SERVERS }
    }

    /// The same, of clients.
    pub(crate) fn of_clients(what: impl Into<String>, unit: &'static str) -> Series {
        Series { columns: &CLIENTS, ..Series::new(what, unit) }
    }

    /// Sets what is to be reached: against a peer, or with [`Peer::Wharf`] by wharf itself.
    pub(crate) fn target(mut self, against: Peer, target: Target) -> Series {
        self.targets.push((against, target));
        self
    }

    /// Adds the figure of one round.
    pub(crate) fn add(&mut self, peer: Peer, figure: f64) {
        eprintln!("    {peer}: {}, {} {}", self.what, number(figure), self.unit);
        self.runs.entry(peer).or_default().push(figure);
    }

    /// The figures of a peer, round by round.
    pub(crate) fn of(&self, peer: Peer) -> &[f64] {
        self.runs.get(&peer).map_or(&[], Vec::as_slice)
    }

    /// Wharf's figure over each peer's that is not wharf, and beside a target whatever it is held against.
    fn comparisons(&self) -> Vec<Comparison> {
        let wharf = self.of(Peer::Wharf);
        let Some(figure) = median(wharf) else { return Vec::new() };
        let target =
            |peer: Peer| self.targets.iter().find(|(against, _)| *against == peer.login()).map(|(_, target)| *target);
        let own = target(Peer::Wharf).map(|target| Comparison { ratio: None, target: Some(target), value: figure });
        let peers = self.runs.keys().filter(|peer| !peer.is_wharf());
        let against = peers.filter_map(|peer| {
            let value = median(&pairwise(wharf, self.of(*peer)))?;
            Some(Comparison { ratio: Some(*peer), target: target(*peer), value })
        });
        own.into_iter().chain(against).collect()
    }
}

/// A figure of wharf's, or its ratio to a peer's, beside what it has to be.
struct Comparison {
    ratio: Option<Peer>,
    target: Option<Target>,
    value: f64,
}

impl Comparison {
    fn text(&self) -> String {
        let ratio = self.ratio.map(|peer| format!("{:.2} × {peer}", self.value));
        let target =
            self.target.map(|target| format!("{} {}", target.text(), if target.met(self.value) { "✓" } else { "✗" }));
        [ratio, target].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl Target {
    fn met(self, value: f64) -> bool {
        match self {
            Target::Times(least) => value >= least,
            Target::Below(bound) => value < bound,
            Target::AtMost(bound) => value <= bound,
        }
    }

    fn text(self) -> String {
        match self {
            Target::Times(least) => format!("≥ {least}"),
            Target::Below(bound) => format!("< {bound}"),
            Target::AtMost(bound) => format!("≤ {bound}"),
        }
    }
}

/// The columns of the table of servers, as far as there are any figures of them.
const SERVERS: [Peer; 7] = [
    Peer::Wharf,
    Peer::DockerRegistry,
    Peer::DockerRegistryOpen,
    Peer::Nginx,
    Peer::Plain,
    Peer::WharfTls,
    Peer::WharfPostgres,
];
/// And of clients.
const CLIENTS: [Peer; 6] = [Peer::Wharf, Peer::Skopeo, Peer::Cp, Peer::Imgpkg, Peer::Oras, Peer::Crane];

/// Everything that a run found.
#[derive(Default)]
pub(crate) struct Report {
    /// Lines about the machine and the versions.
    pub(crate) facts: Vec<String>,
    measured: Vec<Series>,
    notes: Vec<String>,
}

impl Report {
    /// Adds what was measured, if anything was.
    pub(crate) fn add(&mut self, series: Series) {
        if !series.runs.is_empty() {
            self.measured.push(series);
        }
    }

    /// Adds a remark below the table.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        eprintln!("    note: {text}");
        self.notes.push(text);
    }

    /// Whether no target was missed.
    pub(crate) fn reached(&self) -> bool {
        let mut all = self.measured.iter().flat_map(Series::comparisons);
        all.all(|one| one.target.is_none_or(|target| target.met(one.value)))
    }

    /// The whole as Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut page = String::new();
        for fact in &self.facts {
            let _ = writeln!(page, "- {fact}");
        }
        for columns in [&SERVERS[..], &CLIENTS[..]] {
            let rows: Vec<_> = self.measured.iter().filter(|series| series.columns == columns).collect();
            write_table(columns, &rows, &mut page);
        }
        for note in &self.notes {
            let _ = write!(page, "\n- {note}");
        }
        page.push('\n');
        page
    }

    /// Puts it into the page at `path`, as what `command` measured; what other commands measured stays.
    pub(crate) fn write(&self, path: &Path, command: &str) -> Result<()> {
        let old = std::fs::read_to_string(path).unwrap_or_else(|_| PREFACE.to_owned());
        let page = replaced(&old, command, &self.markdown())?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, page)?;
        Ok(())
    }
}

/// `page` with `text` between the two marks of `command`; at the end, where they are not there yet.
fn replaced(page: &str, command: &str, text: &str) -> Result<String> {
    let [begin, end] = ["begin", "end"].map(|mark| format!("<!-- written by {command}: {mark} -->"));
    let Some((before, rest)) = page.split_once(&begin) else {
        return Ok(format!("{page}\n{begin}\n{text}{end}\n"));
    };
    let (_, after) = rest.split_once(&end).with_context(|| format!("{end} is missing"))?;
    Ok(format!("{before}{begin}\n{text}{end}{after}"))
}

/// Writes a table, without the columns in which there would be nothing.
fn write_table(columns: &[Peer], rows: &[&Series], page: &mut String) {
    let is_filled = |peer: &&Peer| rows.iter().any(|series| !series.of(**peer).is_empty());
    let columns: Vec<Peer> = columns.iter().filter(is_filled).copied().collect();
    if columns.is_empty() {
        return;
    }
    let names: String = columns.iter().map(|peer| format!(" {peer} |")).collect();
    let lines = "--:|".repeat(columns.len());
    let _ = writeln!(page, "\n| what |{names} wharf against the peer, target |\n|---|{lines}---|");
    for series in rows {
        let _ = write!(page, "| {} ({}) |", series.what, series.unit);
        for peer in &columns {
            let _ = write!(page, " {} |", median(series.of(*peer)).map_or_else(String::new, number));
        }
        let comparisons: Vec<_> = series.comparisons().iter().map(Comparison::text).collect();
        let _ = writeln!(page, " {} |", comparisons.join("<br>"));
    }
}

/// The middle one; of an even number, the mean of the two in the middle.
pub(crate) fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        even if even.is_multiple_of(2) => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
        _ => Some(sorted[middle]),
    }
}

/// The figure that all but one in a hundred are not above.
pub(crate) fn percentile_99(figures: &[f64]) -> Option<f64> {
    percentile(figures, 99)
}

/// What 95 of 100 do not exceed.
pub(crate) fn percentile_95(figures: &[f64]) -> Option<f64> {
    percentile(figures, 95)
}

fn percentile(figures: &[f64], of: usize) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len() * of).div_ceil(100).saturating_sub(1)).copied()
}

fn pairwise(one: &[f64], other: &[f64]) -> Vec<f64> {
    // CPU time too short for the kernel's clock is 0, and nothing can be said of a ratio to it.
    let counted = one.iter().zip(other).filter(|(_, other)| **other > 0.0);
    counted.map(|(one, other)| one / other).collect()
}

/// Three digits that count, and no more.
fn number(figure: f64) -> String {
    let text = match figure.abs() {
        large if large >= 100.0 => format!("{figure:.0}"),
        large if large >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    };
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && digit.is_ascii_digit() {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if rest.is_empty() { grouped } else { format!("{grouped}.{rest}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn ratios_are_taken_round_by_round_and_compared_with_the_target() {
        let check = |wharf: &[f64], peer: &[f64], target, expect: &str| {
            let mut series = Series::new("pull", "GB/s").target(Peer::DockerRegistry, target);
            wharf.iter().for_each(|figure| series.add(Peer::Wharf, *figure));
            peer.iter().for_each(|figure| series.add(Peer::DockerRegistry, *figure));
            let mut report = Report::default();
            report.add(series);
            assert!(report.markdown().contains(expect), "{}", report.markdown());
        };
        let pass = "| pull (GB/s) | 3.00 | 2.00 | 1.50 × docker-registry, ≥ 1.4 ✓ |";
        check(&[2.0, 3.0, 4.0], &[2.0, 2.0, 1.0], Target::Times(1.4), pass);
        let missed = "| pull (GB/s) | 3,000 | 2,000 | 1.50 × docker-registry, ≥ 2 ✗ |";
        check(&[3000.0], &[2000.0], Target::Times(2.0), missed);
        check(&[], &[2.0], Target::Times(2.0), "| pull (GB/s) | 2.00 |  |");
    }

    #[test]
    fn a_bound_of_its_own_and_a_missed_target() {
        let mut series = Series::new("idle", "MiB").target(Peer::Wharf, Target::AtMost(16.0));
        series.add(Peer::Wharf, 17.0);
        let mut report = Report::default();
        report.add(series);
        assert!(report.markdown().contains("| idle (MiB) | 17.0 | ≤ 16 ✗ |"), "{}", report.markdown());
        assert!(!report.reached());
    }

    #[test]
    fn clients_have_a_table_of_their_own() {
        let mut report = Report::default();
        for (mut series, peer) in
            [(Series::of_clients("copy", "s"), Peer::Skopeo), (Series::new("push", "s"), Peer::DockerRegistry)]
        {
            series.add(Peer::Wharf, 1.0);
            series.add(peer, 2.0);
            report.add(series);
        }
        let page = report.markdown();
        let servers =
            "\n| what | wharf | docker-registry | wharf against the peer, target |\n|---|--:|--:|---|\n| push (s) |";
        let clients = "\n| what | wharf | skopeo | wharf against the peer, target |\n|---|--:|--:|---|\n| copy (s) |";
        assert!(page.contains(servers) && page.contains(clients), "{page}");
    }

    #[test]
    fn each_command_has_its_place_on_the_page() {
        let page = replaced("preface\n", "bench", "1\n").unwrap();
        let page = replaced(&page, "bench api", "2\n").unwrap();
        let again = replaced(&page, "bench", "3\n").unwrap();
        assert_eq!(again, page.replace("\n1\n", "\n3\n"));
        assert_eq!(replaced(&again, "bench api", "2\n").unwrap(), again);
        assert!(replaced("<!-- written by bench: begin -->", "bench", "").is_err());
    }

    #[test]
    fn medians_and_percentiles_of_few_and_many() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0]), Some(2.0));
        assert_eq!(median(&[3.0, 1.0, 9.0]), Some(3.0));
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile_99(&hundred), Some(99.0));
        assert_eq!(percentile_99(&[5.0]), Some(5.0));
    }
}
