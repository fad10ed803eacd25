//! Where it is kept what was seen of folders: in the user's cache, a file for each folder.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wharf_artifact::seen::{Pulled, Pushed};
use wharf_artifact::unpack::Written;
use wharf_model::digest::{Algorithm, Digest};

use crate::cache::Place;

/// How many times as long as writing it took the last time it is waited until it is written again what a pull has put in place:
/// what is not noted when it is killed travels again, and what is noted after every layer takes long where there are many.
const NOTED_EVERY: u32 = 50;

/// The file about one folder, for pushes or pulls.
fn place(kind: &str, folder: &Path) -> Place {
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    Place::new(kind, &Digest::of(Algorithm::Sha256, folder.as_os_str().as_encoded_bytes()).hex())
}

/// What the push before left.
pub fn pushed(folder: &Path) -> Pushed {
    Pushed::read(&place("pushed", folder).read())
}

/// Keeps what a push leaves.
pub fn keep_pushed(folder: &Path, pushed: &Pushed) {
    place("pushed", folder).write(|file| pushed.write(file));
}

/// What pulls left in a folder, while one is under way. Written every now and then, and when it is dropped.
pub struct Pulling {
    place: Place,
    before: Pulled,
    now: Mutex<Now>,
}

struct Now {
    pulled: Pulled,
    written: Instant,
    /// How long that took.
    cost: Duration,
}

impl Pulling {
    /// What earlier pulls left in `folder`, which is there.
    pub fn begin(folder: &Path) -> Pulling {
        let place = place("pulled", folder);
        let before = Pulled::read(&place.read());
        let now = Now { pulled: before.clone(), written: Instant::now(), cost: Duration::ZERO };
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
            self.place.write(|file| narrowed.write(file));
            now.pulled = narrowed;
        }
    }

    /// This is in place, as part of something that is only known when all of it is there.
    pub fn note(&self, written: &[Written]) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.pulled.leave(written.iter().cloned());
    }

    /// A layer is in place.
    pub fn record(&self, layer: Digest, written: Arc<[Written]>) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.pulled.record(layer, written);
        if now.written.elapsed() >= now.cost * NOTED_EVERY {
            let begun = Instant::now();
            self.place.write(|file| now.pulled.write(file));
            (now.written, now.cost) = (Instant::now(), begun.elapsed());
        }
    }

    /// What earlier pulls left that is not in `pulled`, the deepest first.
    pub fn gone(&self, pulled: &Pulled) -> Vec<Written> {
        self.before.gone(pulled)
    }

    /// This is all that is there now, and beside it what is `gone` from the artifact and stays: for a later pull that removes it.
    pub fn end(&self, mut pulled: Pulled, gone: Vec<Written>) {
        pulled.leave(gone);
        self.now.lock().unwrap_or_else(PoisonError::into_inner).pulled = pulled;
    }
}

impl Drop for Pulling {
    fn drop(&mut self) {
        let now = self.now.get_mut().unwrap_or_else(PoisonError::into_inner);
        if now.pulled != self.before {
            self.place.write(|file| now.pulled.write(file));
        }
    }
}
