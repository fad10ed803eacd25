//! Whether compressing pays, from a few pieces of what is to be packed: jars and images do not shrink twice.

use std::os::unix::fs::FileExt;

use crate::compression::Compression;
use crate::pack::{PackError, Packer};
use crate::tree::{Entry, Kind};

/// How many pieces are looked at, spread evenly over the contents.
const PIECES: u64 = 8;
/// Size of a piece, in bytes.
const PIECE_BYTES: u64 = 8 << 10;
/// Level of the try: how much shrinks, not how far, is the question.
const TRY_LEVEL: i32 = 1;

pub(super) fn choose(packer: &Packer, entries: &[Entry]) -> Result<Compression, PackError> {
    let content: u64 = entries.iter().map(|entry| entry.size).sum();
    let tar: u64 = entries.iter().map(|entry| 512 + entry.size.next_multiple_of(512)).sum();
    // Headers shrink to nothing beside contents.
    let enough = tar / 10 * 9;
    if content < enough {
        return Ok(Compression::Zstd);
    }
    let sample = sample(packer, entries, content)?;
    let shrunk = zstd::bulk::compress(&sample, TRY_LEVEL).map_err(PackError::Write)?.len() as u64;
    let estimate = u128::from(content) * u128::from(shrunk) / (sample.len() as u128).max(1);
    Ok(if estimate < u128::from(enough) { Compression::Zstd } else { Compression::Plain })
}

/// Pieces of the contents; all of them where they are hardly more.
fn sample(packer: &Packer, entries: &[Entry], content: u64) -> Result<Vec<u8>, PackError> {
    let distance = (content / PIECES).max(PIECE_BYTES);
    let mut sample = Vec::new();
    let (mut before, mut next) = (0, 0);
    for entry in entries.iter().filter(|entry| entry.kind == Kind::File) {
        while next < before + entry.size {
            next = next.max(before);
            add_piece(packer, entry, next - before, &mut sample)?;
            next += distance;
        }
        before += entry.size;
    }
    Ok(sample)
}

fn add_piece(packer: &Packer, entry: &Entry, from: u64, sample: &mut Vec<u8>) -> Result<(), PackError> {
    let file = packer.open_file(entry)?;
    let start = sample.len();
    let length = PIECE_BYTES.min(entry.size - from);
    sample.resize(start + usize::try_from(length).unwrap_or_default(), 0);
    file.read_exact_at(&mut sample[start..], from).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => PackError::Changed(packer.full(entry)),
        _ => PackError::Read { path: packer.full(entry), source: error },
    })
}
