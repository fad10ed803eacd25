//! The user's cache: a file for each thing that was seen. Losing it costs time, nothing else; so what cannot be read or written
//! is passed over.

use std::ffi::OsString;
use std::io::{self, BufWriter};
use std::path::PathBuf;

use tempfile::NamedTempFile;

/// Largest file that is believed, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// A file in the cache; none where the user has no cache.
#[derive(Clone, Debug)]
pub struct Place(Option<PathBuf>);

impl Place {
    /// The file of that name among those of one kind. Both are plain names.
    pub fn new(kind: &str, name: &str) -> Place {
        Place(cache(|name| std::env::var_os(name)).map(|cache| cache.join(kind).join(name)))
    }

    /// All of it; nothing where it is not there, or cannot be read.
    pub fn read(&self) -> Vec<u8> {
        let Some(path) = &self.0 else { return Vec::new() };
        let is_sane = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() <= FILE_BYTES_MAX);
        if is_sane { std::fs::read(path).unwrap_or_default() } else { Vec::new() }
    }

    /// Keeps what `content` writes. Beside, then renamed: two commands at once leave what one of them wrote. Where that fails
    /// nothing is left: what was there before may not be true any more.
    pub fn write(&self, content: impl FnOnce(&mut BufWriter<NamedTempFile>) -> io::Result<()>) {
        let Some((path, folder)) = self.0.as_deref().and_then(|path| Some((path, path.parent()?))) else { return };
        let write = || {
            std::fs::create_dir_all(folder)?;
            let mut file = BufWriter::new(NamedTempFile::new_in(folder)?);
            content(&mut file)?;
            file.into_inner()?.persist(path).map_err(|error| error.error)
        };
        if let Err(error) = write() {
            tracing::debug!(%error, path = %path.display(), "what was seen is not kept");
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The user's cache (XDG Base Directory Specification).
fn cache(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(cache.join("wharf"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches() {
        let check = |xdg: Option<&str>, home: Option<&str>, expect: Option<&str>| {
            let found = cache(|name| if name == "HOME" { home } else { xdg }.map(OsString::from));
            assert_eq!(found, expect.map(PathBuf::from));
        };
        check(Some("/x"), Some("/home/kim"), Some("/x/wharf"));
        check(Some("relative"), Some("/home/kim"), Some("/home/kim/.cache/wharf"));
        check(None, Some("/home/kim"), Some("/home/kim/.cache/wharf"));
        check(None, None, None);
    }
}
