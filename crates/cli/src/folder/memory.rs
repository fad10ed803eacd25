//! Where it is kept what was seen of folders: in the user's cache, a file for each folder. Losing it costs time, nothing else; so
//! what cannot be read or written is passed over.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use wharf_artifact::seen::{Pulled, Pushed};
use wharf_artifact::unpack::Written;
use wharf_model::digest::{Algorithm, Digest};

/// Largest file that is believed, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// How often it is written what a pull has put in place: what is not there when it is killed travels again.
const NOTED_EVERY: Duration = Duration::from_secs(1);

/// The file about one folder.
#[derive(Clone, Debug)]
struct Place(Option<PathBuf>);

impl Place {
    /// Of `folder`, for pushes or pulls.
    fn of(kind: &str, folder: &Path) -> Place {
        let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let name = Digest::of(Algorithm::Sha256, folder.as_os_str().as_encoded_bytes()).hex();
        Place(cache(|name| std::env::var_os(name)).map(|cache| cache.join(kind).join(name)))
    }

    fn read(&self) -> Vec<u8> {
        let Some(path) = &self.0 else { return Vec::new() };
        let is_sane = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() <= FILE_BYTES_MAX);
        if is_sane { std::fs::read(path).unwrap_or_default() } else { Vec::new() }
    }

    /// Beside, then renamed: two commands at once leave what one of them wrote. Where that fails nothing is left: what was there
    /// before may not be true any more.
    fn write(&self, bytes: &[u8]) {
        let Some((path, folder)) = self.0.as_deref().and_then(|path| Some((path, path.parent()?))) else { return };
        let write = || {
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(bytes)?;
            file.persist(path).map_err(|error| error.error)
        };
        if let Err(error) = write() {
            tracing::debug!(%error, path = %path.display(), "what was seen of a folder is not kept");
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

/// What the push before left.
pub fn pushed(folder: &Path) -> Pushed {
    Pushed::read(&Place::of("pushed", folder).read())
}

/// Keeps what a push leaves.
pub fn keep_pushed(folder: &Path, pushed: &Pushed) {
    Place::of("pushed", folder).write(&pushed.to_bytes());
}

/// What pulls left in a folder, while one is under way. Written about every second, and when it is dropped.
pub struct Pulling {
    place: Place,
    before: Pulled,
    now: Mutex<Now>,
}

struct Now {
    pulled: Pulled,
    written: Instant,
}

impl Pulling {
    /// What earlier pulls left in `folder`, which is there.
    pub fn begin(folder: &Path) -> Pulling {
        let place = Place::of("pulled", folder);
        let before = Pulled::read(&place.read());
        let now = Now { pulled: before.clone(), written: Instant::now() };
        Pulling { place, before, now: Mutex::new(now) }
    }

    /// What they left.
    pub fn before(&self) -> &Pulled {
        &self.before
    }

    /// From now on layers other than `layers` may be replaced by these.
    pub fn expect(&self, layers: &[Digest]) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let narrowed = now.pulled.narrowed(layers);
        if narrowed != now.pulled {
            self.place.write(&narrowed.to_bytes());
            now.pulled = narrowed;
        }
    }

    /// These paths come into place, as part of something that is only known when all of it is there.
    pub fn note(&self, written: &[Written]) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.pulled.leave_over(written.iter().map(|one| one.path.clone()));
    }

    /// A layer is in place.
    pub fn record(&self, layer: Digest, written: Vec<Written>) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.pulled.record(layer, written);
        if now.written.elapsed() >= NOTED_EVERY {
            self.place.write(&now.pulled.to_bytes());
            now.written = Instant::now();
        }
    }

    /// What earlier pulls left that is not in `pulled`, the deepest first.
    pub fn gone(&self, pulled: &Pulled) -> Vec<String> {
        self.before.gone(pulled).into_iter().map(str::to_owned).collect()
    }

    /// This is all that is there now, and beside it what is `gone` from the artifact and stays: for a later pull that removes it.
    pub fn end(&self, mut pulled: Pulled, gone: Vec<String>) {
        pulled.leave_over(gone.into_iter().map(String::into_boxed_str));
        self.now.lock().unwrap_or_else(PoisonError::into_inner).pulled = pulled;
    }
}

impl Drop for Pulling {
    fn drop(&mut self) {
        let now = self.now.get_mut().unwrap_or_else(PoisonError::into_inner);
        if now.pulled != self.before {
            self.place.write(&now.pulled.to_bytes());
        }
    }
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
