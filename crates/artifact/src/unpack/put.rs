//! Brings what waits into its place.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::AtFlags;
use rustix::io::Errno;

use crate::layer::index::{ancestors, below};
use crate::unpack::place::{Missing, Walker, open_folder, unless};
use crate::unpack::stage::{Act, Stage, Step, set, write};
use crate::unpack::{Target, UnpackError, Unpacked, Written, WrittenKind};

impl Stage<'_> {
    /// Brings all of the layer into the target, in its order.
    pub(super) fn put(mut self) -> Result<Unpacked, UnpackError> {
        let layer = self.target.layers.fetch_add(1, Ordering::Relaxed);
        let steps = std::mem::take(&mut self.steps);
        let mut walker = Walker::new(self.target);
        let mut written: BTreeMap<Box<str>, Written> = BTreeMap::new();
        let mut forgotten = 0;
        for (number, step) in steps.into_iter().enumerate() {
            let one = self.step(&number.to_string(), &step, layer, &mut walker)?;
            // Only what this step removed: what an earlier one did may have come back since.
            self.done.removed[forgotten..].iter().for_each(|gone| drop(written.remove(gone)));
            forgotten = self.done.removed.len();
            let Some(mut one) = one else { continue };
            if let Act::HardLink(to) = &step.act {
                one.content = written.get(to).and_then(|linked| linked.content.clone());
            }
            if self.target.options.whiteouts {
                lock(&self.target.placed).insert(step.path.clone(), layer);
            }
            written.insert(step.path, one);
        }
        let mut done = std::mem::take(&mut self.done);
        done.written = written.into_values().collect();
        Ok(done)
    }

    fn step(
        &mut self,
        part: &str,
        step: &Step,
        layer: usize,
        walker: &mut Walker<'_>,
    ) -> Result<Option<Written>, UnpackError> {
        let mut time = step.mtime;
        let kind = match &step.act {
            Act::Remove => return self.remove(&step.path, walker).map(|()| None),
            Act::Empty => return self.empty(&step.path, layer, walker).map(|()| None),
            Act::Folder(folder) => {
                let made = walker.folder(&step.path, Missing::Make);
                made.map_err(|source| UnpackError::Write { path: step.path.to_string(), source })?;
                lock(&self.target.folders).insert(step.path.clone(), folder.clone());
                WrittenKind::Folder
            }
            Act::Symlink(to) => {
                self.rename(part, &step.path, walker)?;
                WrittenKind::Symlink(to.clone())
            }
            Act::File => {
                time = self.set_time(part, step, walker)?;
                self.rename(part, &step.path, walker)?;
                WrittenKind::File
            }
            Act::HardLink(to) => return self.hard_link(part, step, to, walker).map(Some),
        };
        let is_file = kind == WrittenKind::File;
        let mode = if matches!(kind, WrittenKind::Symlink(_)) { 0 } else { step.mode };
        let (size, mtime) = if is_file { (step.size, time) } else { (0, 0) };
        Ok(Some(Written { path: step.path.clone(), kind, size, mtime, mode, content: step.content.clone() }))
    }

    /// The file must be in the target already: of this layer, of one before, or from earlier.
    fn hard_link(
        &mut self,
        part: &str,
        step: &Step,
        to: &str,
        walker: &mut Walker<'_>,
    ) -> Result<Written, UnpackError> {
        let missing = || UnpackError::Link { path: step.path.to_string(), target: to.to_owned() };
        let is_file = |kind: &WrittenKind| *kind == WrittenKind::File;
        let now = walker.look(to).filter(|now| is_file(now.kind())).ok_or_else(missing)?;
        let linked = match walker.parent(to, Missing::Leave) {
            Ok(Some((folder, name))) => rustix::fs::linkat(folder, name, &self.folder, part, AtFlags::empty()),
            _ => return Err(missing()),
        };
        linked.map_err(|error| write(&step.path, error))?;
        self.rename(part, &step.path, walker)?;
        // Renaming one name of a file to another does nothing.
        unless(Errno::NOENT, rustix::fs::unlinkat(&self.folder, part, AtFlags::empty()))
            .map_err(|error| write(&step.path, error))?;
        let path = step.path.clone();
        let (kind, size, mtime, mode) = (WrittenKind::File, now.size(), now.mtime(), now.mode());
        Ok(Written { path, kind, size, mtime, mode, content: None })
    }

    fn rename(&mut self, part: &str, path: &str, walker: &mut Walker<'_>) -> Result<(), UnpackError> {
        match self.try_rename(part, path, walker)? {
            Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) => (),
            Err(Errno::XDEV) => {
                let hint = "it is on another file system than the target folder: pull into it by itself";
                return Err(UnpackError::Write { path: path.to_owned(), source: io::Error::other(hint) });
            }
            other => return other.map_err(|error| write(path, error)),
        }
        // A folder is in its place: what we put into it goes, what others did stays.
        self.remove(path, walker)?;
        walker.remove(path)?;
        match self.try_rename(part, path, walker)? {
            Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) => Err(UnpackError::Occupied(path.to_owned())),
            other => {
                lock(&self.target.folders).remove(path);
                other.map_err(|error| write(path, error))
            }
        }
    }

    fn try_rename(
        &self,
        part: &str,
        path: &str,
        walker: &mut Walker<'_>,
    ) -> Result<rustix::io::Result<()>, UnpackError> {
        let parent = walker.parent(path, Missing::Make);
        let parent = parent.map_err(|source| UnpackError::Write { path: path.to_owned(), source })?;
        // A folder that is made is there.
        let Some((folder, name)) = parent else { return Ok(Err(Errno::NOENT)) };
        Ok(rustix::fs::renameat(&self.folder, part, folder, name))
    }

    /// Removes what the layers put at and below `path`.
    fn remove(&mut self, path: &str, walker: &mut Walker<'_>) -> Result<(), UnpackError> {
        let mut gone = self.below(path, |_| true);
        gone.extend(lock(&self.target.placed).contains_key(path).then(|| path.into()));
        gone.sort_unstable();
        self.remove_all(gone, walker)
    }

    /// Removes what layers other than this one put below `path`. Once: after that, there is only what this one puts there.
    fn empty(&mut self, path: &str, layer: usize, walker: &mut Walker<'_>) -> Result<(), UnpackError> {
        if ancestors(path).chain([path]).any(|above| self.emptied.contains(above)) {
            return Ok(());
        }
        self.emptied.insert(path.into());
        let gone = self.below(path, |other| other != layer);
        self.remove_all(gone, walker)
    }

    /// What layers that are `of` those asked for put below `path`, sorted.
    fn below(&self, path: &str, of: impl Fn(usize) -> bool) -> Vec<Box<str>> {
        let placed = lock(&self.target.placed);
        below(&placed, path).filter(|(_, layer)| of(**layer)).map(|(one, _)| one.clone()).collect()
    }

    fn remove_all(&mut self, gone: Vec<Box<str>>, walker: &mut Walker<'_>) -> Result<(), UnpackError> {
        for one in gone.into_iter().rev() {
            walker.remove(&one)?;
            lock(&self.target.placed).remove(&one);
            lock(&self.target.folders).remove(&one);
            self.done.removed.push(one);
        }
        Ok(())
    }
}

/// Sets bits and times of the folders, the deepest first: a change in a folder changes its time.
pub(super) fn finish(target: &Target) -> Result<(), UnpackError> {
    let folders = std::mem::take(&mut *lock(&target.folders));
    let mut walker = Walker::new(target);
    for (path, folder) in folders.into_iter().rev() {
        let done = match walker.parent(&path, Missing::Leave) {
            Ok(Some((above, name))) => open_folder(above, name, Missing::Leave)
                .and_then(|found| found.map_or(Ok(()), |found| set(&found, &folder))),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        done.map_err(|source| UnpackError::Write { path: path.into(), source })?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
