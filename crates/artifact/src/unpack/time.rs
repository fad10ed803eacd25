//! The time of a file that takes another's place.
//!
//! Where times are not kept, all files have the same one. What builds by times (cargo, make) would then take a changed file for
//! the one that it has built, and leave an old result. So a file's time changes where its content does, and only there: one that
//! comes where none was has the time of the layer, one that replaces another the time of now, and one that is what was there
//! already the time that it had.

use std::fs::File;
use std::io::{self, Read as _};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Mode, OFlags};

use crate::pack::NORMAL_TIME;
use crate::unpack::place::{Missing, Now, Walker};
use crate::unpack::stage::{Stage, Step, timestamps, write};
use crate::unpack::{UnpackError, WrittenKind};

/// The time that says nothing, in nanoseconds since 1970.
const NORMAL_NANOSECONDS: i64 = NORMAL_TIME * 1_000_000_000;
/// How much of two files is compared at once, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

impl Stage<'_> {
    /// Sets the time of the file that waits as `part` and comes to the place of `step` next; which that is.
    pub(super) fn set_time(&self, part: &str, step: &Step, walker: &mut Walker<'_>) -> Result<i64, UnpackError> {
        if step.mtime != NORMAL_NANOSECONDS {
            return Ok(step.mtime);
        }
        let Some(before) = walker.look(&step.path) else { return Ok(step.mtime) };
        let time = if self.is_same(part, step, &before, walker) { before.mtime() } else { now() };
        let set = rustix::fs::utimensat(&self.folder, part, &timestamps(time), AtFlags::SYMLINK_NOFOLLOW);
        set.map_err(|error| write(&step.path, error))?;
        Ok(time)
    }

    /// Whether what waits is what is in its place. What cannot be read is something else.
    fn is_same(&self, part: &str, step: &Step, before: &Now, walker: &mut Walker<'_>) -> bool {
        if *before.kind() != WrittenKind::File || before.size() != step.size {
            return false;
        }
        let Ok(Some((folder, name))) = walker.parent(&step.path, Missing::Leave) else { return false };
        match (open(folder, name), open(&self.folder, part)) {
            (Ok(one), Ok(other)) => are_equal(one, other, step.size).unwrap_or(false),
            _ => false,
        }
    }
}

fn open(folder: &File, name: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(rustix::fs::openat(folder, name, flags, Mode::empty())?.into())
}

fn are_equal(mut one: File, mut other: File, mut left: u64) -> io::Result<bool> {
    let mut buffers = [vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]];
    while left > 0 {
        let count = usize::try_from(left).map_or(BUFFER_BYTES, |left| left.min(BUFFER_BYTES));
        let [first, second] = buffers.each_mut().map(|buffer| &mut buffer[..count]);
        one.read_exact(first)?;
        other.read_exact(second)?;
        if first != second {
            return Ok(false);
        }
        left -= count as u64;
    }
    Ok(true)
}

/// Nanoseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
