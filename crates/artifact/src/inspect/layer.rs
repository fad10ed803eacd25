//! Files in layers, for inspectors: found by name or pattern in one pass over the tar, whatever its compression.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};

use wharf_model::api::facts::{FileFact, Line, Listed};
use wharf_model::descriptor::Descriptor;
use wharf_model::limits::{INSPECT_FILE_BYTES_MAX, INSPECT_FILES_BYTES_MAX, INSPECT_LAYER_BYTES_MAX};

use crate::compression::{Compression, MAGIC_BYTES};
use crate::layer::walk::{Entry, Kind, Met, Reason, Walk};
use crate::layer::watched::{Watched, failure};
use crate::layer::{LayerError, Limits};

/// What an inspector wants of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerWant {
    /// The layer.
    pub layer: Descriptor,
    /// The files whose content it wants: paths without a leading slash, in which `*` is anything in one name, and `**`
    /// anything.
    pub files: Vec<String>,
    /// How many of them, at most.
    pub files_max: usize,
    /// How much of each, at most, in bytes.
    pub file_bytes_max: usize,
}

impl LayerWant {
    /// At most `files_max` files of `layer` that are called like one of `patterns`.
    pub(super) fn new(layer: &Descriptor, patterns: &[&str], files_max: usize) -> LayerWant {
        let files = patterns.iter().map(|one| (*one).to_owned()).collect();
        LayerWant { layer: layer.clone(), files, files_max, file_bytes_max: INSPECT_FILE_BYTES_MAX }
    }

    fn takes(&self, path: &str) -> bool {
        self.files.iter().any(|pattern| matches(pattern.as_bytes(), path.as_bytes()))
    }
}

/// What was seen of a layer.
#[derive(Clone, Debug, Default)]
pub struct LayerSeen {
    /// The files that were wanted, in the order of the layer. Of one that is there twice the last counts.
    pub files: Vec<SeenFile>,
    /// How many more there are.
    pub files_left_out: u64,
    /// All its files, folders and whiteouts not.
    pub entries: Listed<FileFact>,
    /// Why not all of it was seen; in words for people.
    pub fault: Option<String>,
}

/// A file in a layer.
#[derive(Clone, Debug, Default)]
pub struct SeenFile {
    /// Its path.
    pub path: String,
    /// Its bytes, from the beginning.
    pub bytes: Vec<u8>,
    /// Its size, in bytes.
    pub size: u64,
}

impl LayerSeen {
    /// The file at `path`, taken out.
    pub(super) fn take(&mut self, path: &str) -> Option<SeenFile> {
        self.take_if(|file| file.path == path)
    }

    /// The first file that is so, taken out.
    pub(super) fn take_if(&mut self, is: impl Fn(&SeenFile) -> bool) -> Option<SeenFile> {
        let at = self.files.iter().position(is)?;
        Some(self.files.remove(at))
    }
}

/// Looks through the layer in `stream`, to its end. What is kept of its files is taken from `left`, in bytes.
///
/// # Errors
/// Those of `stream`. What is wrong with what it holds is in [`LayerSeen::fault`].
pub(super) fn look(stream: impl Read, want: &LayerWant, left: &mut usize) -> io::Result<LayerSeen> {
    let (mut stream, failed) = Watched::new(stream);
    let (mut seen, mut kept) = (LayerSeen::default(), Kept::default());
    let mut first = Vec::new();
    let looked = match stream.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut first) {
        Ok(_) => pass(io::Cursor::new(first.clone()).chain(stream), want, left, &mut seen, &mut kept),
        Err(error) => Err(error.into()),
    };
    if let Some(error) = failure(&failed) {
        return Err(error);
    }
    let fault = looked.err().map(|error| error.to_string()).or_else(|| lie(want, &first));
    seen.fault = fault.or(seen.fault.take());
    seen.files = kept.files.into_values().collect();
    Ok(seen)
}

/// Files that were wanted, by when they came; a layer may have millions.
#[derive(Default)]
struct Kept {
    files: BTreeMap<u64, SeenFile>,
    numbers: HashMap<String, u64>,
    next: u64,
}

impl Kept {
    /// Keeps a file, and not the one of this path that came before.
    fn put(&mut self, file: SeenFile) {
        if let Some(before) = self.numbers.insert(file.path.clone(), self.next) {
            self.files.remove(&before);
        }
        self.files.insert(self.next, file);
        self.next += 1;
    }
}

/// One pass over the tar.
fn pass(
    stream: impl Read,
    want: &LayerWant,
    round: &mut usize,
    seen: &mut LayerSeen,
    kept: &mut Kept,
) -> Result<(), LayerError> {
    let limits = Limits { bytes: INSPECT_LAYER_BYTES_MAX, ..Limits::of_tree() };
    let mut walk = Walk::open(stream, limits)?;
    let (mut left, mut lost) = (INSPECT_FILES_BYTES_MAX.min(*round), 0_u64);
    while let Some(met) = walk.step()? {
        let (path, size, is_sparse) = match met {
            Met::Entry(Entry { path, kind: Kind::File, size, is_sparse, .. }) => (path, size, is_sparse),
            // What union filesystems leave behind for themselves names nothing, and is no fault.
            Met::Fault(fault) => {
                lost += u64::from(fault.reason != Reason::Empty);
                continue;
            }
            Met::Entry(_) | Met::Whiteout(_) | Met::Opaque(_) => continue,
        };
        seen.entries.push(FileFact { path: Line::new(&path), size });
        if !want.takes(&path) || is_sparse {
            continue;
        }
        let is_full = !kept.numbers.contains_key(&*path) && kept.files.len() >= want.files_max;
        if is_full || left == 0 {
            seen.files_left_out += 1;
            continue;
        }
        let mut bytes = Vec::new();
        walk.content().take(want.file_bytes_max.min(left) as u64).read_to_end(&mut bytes)?;
        left -= bytes.len();
        *round -= bytes.len();
        kept.put(SeenFile { path: path.into(), bytes, size });
    }
    if lost > 0 {
        seen.fault = Some(format!("{lost} of its files have names that lead out of it, or are too long"));
    }
    Ok(())
}

/// That the media type says something else than the content.
fn lie(want: &LayerWant, first: &[u8]) -> Option<String> {
    let media_type = &want.layer.media_type;
    let (stated, found) = (Compression::of_type(media_type)?, Compression::of_magic(first));
    (stated != found).then(|| format!("its media type {media_type} says {stated}, but it is {found}"))
}

/// Whether `path` is called like `pattern`. Goes back to the last star only, so that it takes no more than length × length
/// steps.
fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let (mut at, mut next) = (0, 0);
    let mut star = None;
    while next < path.len() {
        match pattern.get(at) {
            Some(b'*') => {
                let is_double = pattern.get(at + 1) == Some(&b'*');
                at += 1 + usize::from(is_double);
                star = Some((at, next, is_double));
            }
            Some(byte) if *byte == path[next] => (at, next) = (at + 1, next + 1),
            _ => match star {
                Some((after, from, is_double)) if is_double || path[from] != b'/' => {
                    star = Some((after, from + 1, is_double));
                    (at, next) = (after, from + 1);
                }
                _ => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let check = |pattern: &str, path: &str, expect: bool| {
            assert_eq!(matches(pattern.as_bytes(), path.as_bytes()), expect, "{pattern} {path}");
        };
        check("a/b", "a/b", true);
        check("a/b", "a/bc", false);
        check("*/Chart.yaml", "app/Chart.yaml", true);
        check("*/Chart.yaml", "Chart.yaml", false);
        check("*/Chart.yaml", "app/charts/db/Chart.yaml", false);
        check("**.rego", "a/b/c.rego", true);
        check("**.rego", "c.rego", true);
        check("**.rego", "c.rego.bak", false);
        check("*.y*ml", "a.yml", true);
        check("*.y*ml", "a.yaml", true);
        check("*.y*ml", "a/b.yaml", false);
        check("manifests/*", "manifests/a", true);
        check("manifests/*", "manifests/a/b", false);
        check("**", "", true);
        check("a*b*c", "aXbYbZc", true);
        check("", "a", false);
    }
}
