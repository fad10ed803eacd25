//! What a push or a pull of before tells the next: layers that need not be read again, or not fetched. Where it is kept is
//! the caller's business; here are its content and the rules by which it may be believed.
//!
//! What is not understood counts as nothing: then all is read, or fetched, as if for the first time.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{self, Write};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wharf_model::digest::{Algorithm, Digest, Hasher};

use crate::pack::{Keep, Packed};
use crate::tree::{Entry, Kind};
use crate::unpack::Written;

/// Version of what is kept, and of what goes into a [`Fingerprint`]. Another one counts as nothing.
const VERSION: u32 = 1;
/// How long before a file is listed it must have been left alone to be believed, in nanoseconds: a change directly after it was
/// read may leave the same time, as clocks of file systems are coarse.
const SETTLED_NANOSECONDS: i64 = 2_000_000_000;

/// What tells whether a layer would be packed to the same: names, kinds, sizes, times, inodes and bits of its entries, and how
/// they are packed. Not their contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fingerprint(Digest);

impl Fingerprint {
    /// That of the layer of `entries`. `method` is all else that the layer's bytes hang on, as the caller has it: how
    /// compression is chosen.
    pub fn of(entries: &[Entry], keep: Keep, method: &str) -> Fingerprint {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let settings = [VERSION, u32::from(keep.times), u32::from(keep.owners), u32::from(keep.modes)];
        settings.iter().for_each(|number| hasher.update(&number.to_be_bytes()));
        add(&mut hasher, method.as_bytes());
        for entry in entries {
            add_entry(&mut hasher, entry, keep);
        }
        Fingerprint(hasher.finish())
    }
}

fn add_entry(hasher: &mut Hasher, entry: &Entry, keep: Keep) {
    add(hasher, entry.path.as_bytes());
    let (kind, target) = match &entry.kind {
        Kind::File => (1, ""),
        Kind::Folder => (2, ""),
        Kind::Symlink(target) => (3, &**target),
        Kind::HardLink(target) => (4, &**target),
    };
    add(hasher, target.as_bytes());
    let is_file = entry.kind == Kind::File;
    // A folder's times change with every file in it, which says nothing of the folder's own header.
    let times = if is_file || keep.times { [entry.mtime, 0] } else { [0, 0] };
    let identity = if is_file { [entry.ctime.cast_unsigned(), entry.inode, entry.device] } else { [0; 3] };
    let owner = if keep.owners { [entry.uid, entry.gid] } else { [0; 2] };
    let numbers = [kind, entry.size, u64::from(entry.mode), times[0].cast_unsigned(), entry.xattrs.len() as u64];
    numbers.iter().chain(&identity).for_each(|number| hasher.update(&number.to_be_bytes()));
    owner.iter().for_each(|number| hasher.update(&number.to_be_bytes()));
    for (name, value) in &entry.xattrs {
        add(hasher, name.as_bytes());
        add(hasher, value);
    }
}

/// Adds `bytes` so that they cannot be taken for others that are cut elsewhere.
fn add(hasher: &mut Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}

/// Whether `entries`, which were listed at `listed` (nanoseconds since 1970, by the clock of the machine), had been left alone
/// for long enough that a later change cannot hide behind the same time.
pub fn is_settled(entries: &[Entry], listed: i64) -> bool {
    let latest = listed.saturating_sub(SETTLED_NANOSECONDS);
    let mut files = entries.iter().filter(|entry| entry.kind == Kind::File);
    files.all(|entry| entry.ctime.max(entry.mtime) < latest)
}

/// The layers that a folder was packed to.
///
/// A push looks its layers up in what the one before left, and records all of its own in a new one: so it never grows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    layers: BTreeMap<Digest, Packed>,
}

impl Pushed {
    /// What the layer would be packed to, if it was packed before.
    pub fn lookup(&self, fingerprint: Fingerprint) -> Option<&Packed> {
        self.layers.get(&fingerprint.0)
    }

    /// Notes what `entries`, whose fingerprint this is, were packed to. Not, if they were changed directly before they were
    /// listed ([`is_settled`]): then they are packed again the next time.
    pub fn record(&mut self, fingerprint: Fingerprint, entries: &[Entry], listed: i64, packed: Packed) {
        if is_settled(entries, listed) {
            self.layers.insert(fingerprint.0, packed);
        }
    }

    /// What [`Pushed::write`] wrote; nothing where it is not understood.
    pub fn read(bytes: &[u8]) -> Pushed {
        read(bytes)
    }

    /// To be kept in a file; it may be long.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        write(self, out)
    }
}

/// How the files of a layer were left. There may be a million: who has them shares them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Files(Arc<[Written]>);

impl Serialize for Files {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&*self.0)
    }
}

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Files, D::Error> {
        Vec::<Written>::deserialize(deserializer).map(|written| Files(written.into()))
    }
}

/// The layers that were put into a folder, and how their files were left.
///
/// A layer need not be fetched if its files are still as they were ([`crate::unpack::Target::holds`]). That is told by size and
/// time; the times were set when the files were put in place, so whatever changes one changes its time, but for what sets the
/// old time again on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulled {
    layers: BTreeMap<Digest, Files>,
    /// What was put in place before, and how: nothing to be believed of a layer, but what may be removed where it is still so.
    #[serde(default)]
    left: BTreeMap<Box<str>, Written>,
}

impl Pulled {
    /// How the layer's files were left, if it was put in place.
    pub fn lookup(&self, layer: &Digest) -> Option<&Arc<[Written]>> {
        self.layers.get(layer).map(|files| &files.0)
    }

    /// Notes how the layer's files were left. A layer that is one file may be there under several names.
    pub fn record(&mut self, layer: Digest, written: impl Into<Arc<[Written]>>) {
        let written = written.into();
        let before = self.layers.insert(layer, Files(written.clone()));
        let is_more =
            |before: &Files| !Arc::ptr_eq(&before.0, &written) && !before.0.iter().all(|one| is_in(one, &written));
        let Some(Files(before)) = before.filter(is_more) else { return };
        let all = before.iter().chain(&*written).map(|one| (one.path.clone(), one.clone()));
        let all: Vec<Written> = all.collect::<BTreeMap<_, _>>().into_values().collect();
        self.layers.insert(layer, Files(all.into()));
    }

    /// What is still believed when others than `layers` begin to come into the folder: those alone, and of the rest what may be removed.
    ///
    /// What is not in the layers any more may be replaced at any moment from then on, and be like it in size and time all the
    /// same: where an artifact has normal times, all versions of a file have one time.
    pub fn narrowed(&self, layers: &[Digest]) -> Pulled {
        let stays: BTreeSet<&Digest> = layers.iter().collect();
        let mut next = Pulled { layers: BTreeMap::new(), left: self.left.clone() };
        for (layer, written) in &self.layers {
            if stays.contains(layer) {
                next.layers.insert(*layer, written.clone());
            } else {
                next.leave(written.0.iter().cloned());
            }
        }
        next
    }

    /// Notes that something was put in place, or is still there, as part of nothing that is known whole.
    pub fn leave(&mut self, written: impl IntoIterator<Item = Written>) {
        self.left.extend(written.into_iter().map(|one| (one.path.clone(), Written { content: None, ..one })));
    }

    /// What is here and whose path is not in `next`: what is gone, as it was left, the deepest first, to be removed by who keeps
    /// two folders alike.
    pub fn gone(&self, next: &Pulled) -> Vec<Written> {
        let kept: HashSet<&str> = next.written().map(|one| &*one.path).collect();
        let mut gone: Vec<Written> = self.written().filter(|one| !kept.contains(&*one.path)).cloned().collect();
        gone.sort_by(|one, other| other.path.cmp(&one.path));
        gone
    }

    /// All that was put in place, in no order; of one path maybe several times.
    pub fn written(&self) -> impl Iterator<Item = &Written> {
        self.layers.values().flat_map(|files| files.0.iter()).chain(self.left.values())
    }

    /// What [`Pulled::write`] wrote; nothing where it is not understood.
    pub fn read(bytes: &[u8]) -> Pulled {
        read(bytes)
    }

    /// To be kept in a file; it may be long.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        write(self, out)
    }
}

/// Whether its path is in `written`, which is sorted by path.
fn is_in(one: &Written, written: &[Written]) -> bool {
    written.binary_search_by(|other| other.path.cmp(&one.path)).is_ok()
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    seen: T,
}

fn read<T: DeserializeOwned + Default>(bytes: &[u8]) -> T {
    let known = serde_json::from_slice::<Versioned<T>>(bytes).ok().filter(|found| found.version == VERSION);
    known.map(|found| found.seen).unwrap_or_default()
}

fn write<T: Serialize>(seen: &T, out: impl Write) -> io::Result<()> {
    Ok(serde_json::to_writer(out, &Versioned { version: VERSION, seen })?)
}

#[cfg(test)]
mod tests;
