//! What people read of it: `-` was there, `+` is there now, `~` is not what it was.

use std::io::{IsTerminal as _, stdout};

use wharf_model::api::diff::{Diff, DiffSide, FileDiff, FileState, LayerInBrief, LayersDiff, ManifestDiff};
use wharf_model::units::size;

use crate::table::printable;

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    /// Colours on a terminal, unless `NO_COLOR` is set or it has none.
    pub(super) fn of_terminal() -> Paint {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Paint(stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb)
    }

    /// A line with its sign.
    fn line(self, sign: char, text: &str) -> String {
        let text = format!("{sign} {}", printable(text));
        let colour = match sign {
            '-' => "31",
            '+' => "32",
            _ => "33",
        };
        if self.0 { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text }
    }
}

/// Nothing where they are the same, as `diff` has it.
pub(super) fn text(told: &Diff, paint: Paint) -> String {
    if told.same {
        return String::new();
    }
    let head = [paint.line('-', &named(&told.from)), paint.line('+', &named(&told.to))];
    let facts = told.facts.iter().map(|fact| match (&fact.from, &fact.to) {
        (Some(from), Some(to)) => paint.line('~', &format!("{}: {from} → {to}", fact.name)),
        (Some(from), None) => paint.line('-', &format!("{}: {from}", fact.name)),
        (_, to) => paint.line('+', &format!("{}: {}", fact.name, to.as_deref().unwrap_or_default())),
    });
    let parts = [
        head.join("\n"),
        section("facts", facts.collect()),
        section("images", told.manifests.iter().map(|child| image(child, paint)).collect()),
        layers(&told.layers, paint),
        told.files.as_ref().map(|found| files(found, paint)).unwrap_or_default(),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn named(named: &DiffSide) -> String {
    let digest = named.digest.map(|digest| format!("  {digest}")).unwrap_or_default();
    format!("{}{digest}", named.reference)
}

fn section(title: &str, lines: Vec<String>) -> String {
    if lines.is_empty() { String::new() } else { format!("{title}:\n{}", lines.join("\n")) }
}

fn image(child: &ManifestDiff, paint: Paint) -> String {
    let name = if child.platform.is_empty() { "without platform" } else { &child.platform };
    match (child.from, child.to) {
        (Some(from), Some(to)) => paint.line('~', &format!("{name}: {from} → {to}")),
        (Some(from), None) => paint.line('-', &format!("{name}: {from}")),
        (_, to) => paint.line('+', &format!("{name}: {}", to.map(|to| to.to_string()).unwrap_or_default())),
    }
}

fn layers(layers: &LayersDiff, paint: Paint) -> String {
    let LayersDiff { shared, gone, new } = layers;
    let gone_lines = gone.iter().map(|part| paint.line('-', &format!("{}  {}", part.digest, size(part.size))));
    let new_lines = new.iter().map(|part| paint.line('+', &format!("{}  {}", part.digest, size(part.size))));
    let sum = |parts: &[LayerInBrief]| size(parts.iter().map(|part| part.size).fold(0, u64::saturating_add));
    let title = format!(
        "layers: {} shared ({}), {} gone ({}), {} new ({})",
        shared.len(),
        sum(shared),
        gone.len(),
        sum(gone),
        new.len(),
        sum(new)
    );
    let lines: Vec<String> = gone_lines.chain(new_lines).collect();
    if lines.is_empty() { String::new() } else { format!("{title}\n{}", lines.join("\n")) }
}

fn files(files: &[FileDiff], paint: Paint) -> String {
    let count = |takes: fn(&FileDiff) -> bool| files.iter().filter(|file| takes(file)).count();
    let added = count(|file| file.from.is_none());
    let removed = count(|file| file.to.is_none());
    let changed = files.len() - added - removed;
    let lines: Vec<String> = files.iter().map(|file| self::file(file, paint)).collect();
    let title = format!("files: {added} added, {removed} removed, {changed} changed");
    if lines.is_empty() { format!("{title}; they are the same") } else { format!("{title}\n{}", lines.join("\n")) }
}

fn file(file: &FileDiff, paint: Paint) -> String {
    let path = &file.path;
    match (&file.from, &file.to) {
        (Some(from), Some(to)) => paint.line('~', &format!("{path}  {}", change(from, to))),
        (Some(state), None) => paint.line('-', &format!("{path}  {}", what(state))),
        (None, Some(state)) => paint.line('+', &format!("{path}  {}", what(state))),
        (None, None) => String::new(),
    }
}

/// The size of a file, the target of a link, what else it is.
fn what(state: &FileState) -> String {
    match (&state.target, state.size) {
        (Some(target), _) => format!("-> {target}"),
        (_, Some(bytes)) => size(bytes),
        _ => state.kind.as_str().to_owned(),
    }
}

fn change(from: &FileState, to: &FileState) -> String {
    let mut said = Vec::new();
    if what(from) != what(to) {
        said.push(format!("{} → {}", what(from), what(to)));
    } else if from.digest != to.digest || from.size != to.size {
        said.push(format!("{}, other content", what(to)));
    }
    if from.mode != to.mode && to.target.is_none() {
        said.push(format!("mode {} → {}", from.mode, to.mode));
    }
    if (from.uid, from.gid) != (to.uid, to.gid) {
        said.push(format!("owner {}:{} → {}:{}", from.uid, from.gid, to.uid, to.gid));
    }
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use wharf_model::api::files::FileKind;

    use super::*;

    #[test]
    fn lines_are_coloured_where_that_is_wanted() {
        assert_eq!(Paint(false).line('+', "a\u{1b}b"), "+ a\u{fffd}b");
        assert_eq!(Paint(true).line('-', "a"), "\u{1b}[31m- a\u{1b}[0m");
    }

    #[test]
    fn changes_are_told_by_what_changed() {
        let state = |size: u64, mode: &str| FileState {
            kind: FileKind::File,
            size: Some(size),
            mode: mode.to_owned(),
            uid: 0,
            gid: 0,
            target: None,
            digest: None,
        };
        assert_eq!(change(&state(1, "0644"), &state(2048, "0755")), "1 B → 2.00 KiB, mode 0644 → 0755");
        let other = FileState {
            digest: Some(wharf_model::digest::Digest::of(wharf_model::digest::Algorithm::Sha256, b"")),
            ..state(1, "0644")
        };
        assert_eq!(change(&state(1, "0644"), &other), "1 B, other content");
    }
}
