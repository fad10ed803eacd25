//! Files in layers, for inspectors: found by name or pattern in one pass over the tar, whatever its compression.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Arc;

use wharf_model::api::facts::{FileFact, Line, Listed};
use wharf_model::descriptor::Descriptor;
use wharf_model::limits::{
    INSPECT_FILE_BYTES_MAX, INSPECT_FILES_BYTES_MAX, INSPECT_LAYER_BYTES_MAX, TREE_PATH_BYTES_MAX,
};

use crate::compression::{Compression, MAGIC_BYTES};
use crate::layer::member::{Member, MemberKind, Members};
use crate::layer::stream::Tar;
use crate::layer::{LayerError, Limits, too_much};

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
    /// All its files, folders not.
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
    let failed = Rc::new(RefCell::new(None));
    let mut stream = Watched { stream, failed: Rc::clone(&failed) };
    let mut seen = LayerSeen::default();
    let mut first = Vec::new();
    let looked = match stream.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut first) {
        Ok(_) => pass(io::Cursor::new(first.clone()).chain(stream), want, left, &mut seen),
        Err(error) => Err(error.into()),
    };
    if let Some(error) = failed.borrow_mut().take() {
        return Err(error);
    }
    let fault = looked.err().map(|error| error.to_string()).or_else(|| lie(want, &first));
    seen.fault = fault.or(seen.fault.take());
    Ok(seen)
}

/// One pass over the tar.
fn pass(stream: impl Read, want: &LayerWant, round: &mut usize, seen: &mut LayerSeen) -> Result<(), LayerError> {
    let limits = Limits { bytes: INSPECT_LAYER_BYTES_MAX, ..Limits::default() };
    let mut members = Members::new(Tar::open(stream, None, limits, Arc::default())?);
    let (mut left, mut entries, mut lost) = (INSPECT_FILES_BYTES_MAX.min(*round), 0_usize, 0_u64);
    while let Some(Member { path, kind, size, .. }) = members.next()? {
        entries += 1;
        if entries > limits.entries {
            return Err(too_much("entries", limits.entries as u64));
        }
        if kind != MemberKind::File {
            continue;
        }
        let Some(path) = clean(&path) else {
            lost += 1;
            continue;
        };
        seen.entries.push(FileFact { path: Line::new(&path), size });
        if !want.takes(&path) {
            continue;
        }
        let before = seen.files.iter().position(|file| file.path == path);
        if before.is_none() && seen.files.len() >= want.files_max || left == 0 {
            seen.files_left_out += 1;
            continue;
        }
        let bytes = read(&mut members, want.file_bytes_max.min(left))?;
        left -= bytes.len();
        *round -= bytes.len();
        before.into_iter().for_each(|at| drop(seen.files.remove(at)));
        seen.files.push(SeenFile { path, bytes, size });
    }
    if lost > 0 {
        seen.fault = Some(format!("{lost} of its files have names that lead out of it, or are too long"));
    }
    Ok(())
}

/// The first `max` bytes of the member that was met last.
fn read<R: Read>(members: &mut Members<R>, max: usize) -> Result<Vec<u8>, LayerError> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 << 10]);
    while bytes.len() < max {
        let wanted = buffer.len().min(max - bytes.len());
        match members.read(&mut buffer[..wanted])? {
            0 => break,
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(bytes)
}

/// The path below the root that `bytes` mean, as every tar reads them: without `.`, doubled slashes and the slash of an
/// absolute path. `None` of one that leads out.
fn clean(bytes: &[u8]) -> Option<String> {
    let path = String::from_utf8_lossy(bytes);
    let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    (bytes.len() <= TREE_PATH_BYTES_MAX && !names.is_empty() && !names.contains(&"..")).then(|| names.join("/"))
}

/// That the media type says something else than the content.
fn lie(want: &LayerWant, first: &[u8]) -> Option<String> {
    let media_type = &want.layer.media_type;
    let (stated, found) = (Compression::of_type(media_type)?, Compression::of_magic(first));
    (stated != found).then(|| format!("its media type {media_type} says {stated}, but it is {found}"))
}

/// Remembers that the stream itself failed, so that it is told from what is wrong with the layer.
struct Watched<R> {
    stream: R,
    failed: Rc<RefCell<Option<io::Error>>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.read(bytes).inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                let copy = io::Error::new(error.kind(), error.to_string());
                *self.failed.borrow_mut() = Some(copy);
            }
        })
    }
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
