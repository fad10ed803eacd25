//! What members of a layer do, sorted by the keys of what they do it to, in bounded memory: what is too much for it is sorted in
//! runs, which wait packed. What is done to the same thing stays in its order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, BufReader, Cursor, Read, Write};

use wharf_model::limits::{TREE_SORT_BYTES_MAX, TREE_SORTED_BYTES_MAX};
use zstd::zstd_safe::CParameter;

use crate::layer::stored::code::{put_bytes, put_key, put_number};
use crate::layer::{LayerError, too_much};

/// How much is sorted at once, in bytes.
pub(super) const RUN_BYTES: usize = 8 << 20;
/// How the runs are packed: fast, and so that one takes little memory while it is read.
const RUN_LEVEL: i32 = 1;
const RUN_WINDOW_LOG: u32 = 16;

/// What is to be sorted.
pub(super) struct Sorter {
    run_bytes: usize,
    /// Keys, each with what is done behind it.
    data: Vec<u8>,
    /// Where they begin, and how long their keys are.
    places: Vec<(u32, u32)>,
    runs: Vec<Vec<u8>>,
    packed: usize,
    total: u64,
}

/// A key, and what is done to it.
pub(super) type Deed = (Vec<u8>, Vec<u8>);

impl Sorter {
    /// Sorts so many bytes at once; at most [`RUN_BYTES`].
    pub(super) fn new(run_bytes: usize) -> Sorter {
        Sorter { run_bytes, data: Vec::new(), places: Vec::new(), runs: Vec::new(), packed: 0, total: 0 }
    }

    /// Takes one more. What was taken before is good whatever comes of it.
    pub(super) fn push(&mut self, key: &[u8], deed: &[u8]) -> Result<(), LayerError> {
        let before = self.data.len();
        if before + self.places.len() * size_of::<(u32, u32)>() >= self.run_bytes {
            self.pack()?;
        }
        self.total += (key.len() + deed.len()) as u64;
        if self.total > TREE_SORT_BYTES_MAX {
            return Err(too_much("bytes of names, with those of the folders above", TREE_SORT_BYTES_MAX));
        }
        if self.packed > TREE_SORTED_BYTES_MAX {
            return Err(too_much("bytes of names when they are packed", TREE_SORTED_BYTES_MAX as u64));
        }
        if self.data.capacity() == 0 {
            // All at once: growing would take twice as much for a moment. Memory that is not used is none.
            self.data.reserve_exact(self.run_bytes + (64 << 10));
        }
        self.places.push((self.data.len() as u32, key.len() as u32));
        self.data.extend_from_slice(key);
        put_bytes(&mut self.data, deed);
        Ok(())
    }

    /// All of it, in order.
    pub(super) fn sorted(mut self) -> io::Result<Sorted> {
        self.sort();
        let mut runs = Vec::new();
        for run in std::mem::take(&mut self.runs) {
            let run = Cursor::new(run);
            runs.push(Run::Packed(BufReader::new(zstd::Decoder::with_buffer(run)?), Vec::new()));
        }
        runs.push(Run::There(self, 0));
        let mut sorted = Sorted { next: BinaryHeap::with_capacity(runs.len()), runs };
        for number in 0..sorted.runs.len() {
            sorted.refill(number)?;
        }
        Ok(sorted)
    }

    fn sort(&mut self) {
        let data = &self.data;
        let key = |place: &(u32, u32)| &data[place.0 as usize..][..place.1 as usize];
        // What came first stands first.
        self.places.sort_unstable_by(|one, other| key(one).cmp(key(other)).then(one.0.cmp(&other.0)));
    }

    /// The one at this place in the order.
    fn get(&self, number: usize) -> Option<(&[u8], &[u8])> {
        let (start, length) = *self.places.get(number)?;
        let (key, rest) = self.data.get(start as usize..)?.split_at_checked(length as usize)?;
        let mut rest = super::code::Bytes(rest);
        rest.bytes().ok().map(|deed| (key, deed))
    }

    fn pack(&mut self) -> Result<(), LayerError> {
        self.sort();
        let mut encoder = zstd::Encoder::new(Vec::new(), RUN_LEVEL)?;
        encoder.set_parameter(CParameter::WindowLog(RUN_WINDOW_LOG))?;
        let (mut before, mut out, mut number) = (Vec::new(), Vec::new(), 0);
        while let Some((key, deed)) = self.get(number) {
            out.clear();
            put_key(&mut out, &before, key);
            put_bytes(&mut out, deed);
            encoder.write_all(&out)?;
            before.clear();
            before.extend_from_slice(key);
            number += 1;
        }
        let mut run = encoder.finish()?;
        run.shrink_to_fit();
        self.packed += run.len();
        self.runs.push(run);
        self.data.clear();
        self.places.clear();
        Ok(())
    }
}

enum Run {
    /// With the last key.
    Packed(BufReader<zstd::Decoder<'static, Cursor<Vec<u8>>>>, Vec<u8>),
    /// With the number of the next one.
    There(Sorter, usize),
}

impl Run {
    fn next(&mut self) -> io::Result<Option<Deed>> {
        match self {
            Run::There(sorter, number) => {
                *number += 1;
                Ok(sorter.get(*number - 1).map(|(key, deed)| (key.to_vec(), deed.to_vec())))
            }
            Run::Packed(stream, key) => {
                let Some(shared) = number(stream)? else { return Ok(None) };
                key.truncate(shared);
                let rest = number(stream)?.unwrap_or(0);
                let start = key.len();
                key.resize(start + rest, 0);
                stream.read_exact(&mut key[start..])?;
                let mut deed = vec![0; number(stream)?.unwrap_or(0)];
                stream.read_exact(&mut deed)?;
                Ok(Some((key.clone(), deed)))
            }
        }
    }
}

/// The next number, or `None` at the end.
fn number(stream: &mut impl Read) -> io::Result<Option<usize>> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        number |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return Ok(Some(number));
        }
        shift += 7;
    }
}

/// A key, the run that it is of, and what is done.
type Next = (Vec<u8>, usize, Vec<u8>);

/// What was sorted, one after the other.
pub(super) struct Sorted {
    runs: Vec<Run>,
    /// Of each run the next, those of earlier runs first.
    next: BinaryHeap<Reverse<Next>>,
}

impl Sorted {
    pub(super) fn next(&mut self) -> io::Result<Option<Deed>> {
        let Some(Reverse((key, run, deed))) = self.next.pop() else { return Ok(None) };
        self.refill(run)?;
        Ok(Some((key, deed)))
    }

    fn refill(&mut self, run: usize) -> io::Result<()> {
        if let Some((key, deed)) = self.runs[run].next()? {
            self.next.push(Reverse((key, run, deed)));
        }
        Ok(())
    }
}

/// A deed that is a number.
pub(super) fn numbered(tag: u8, number: u64) -> Vec<u8> {
    let mut deed = vec![tag];
    put_number(&mut deed, number);
    deed
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn runs_come_together_in_order() {
        let mut sorter = Sorter::new(200);
        let mut expect = Vec::new();
        for number in 0..500_u32 {
            let key = format!("k{}", number * 7919 % 50).into_bytes();
            sorter.push(&key, &number.to_be_bytes()).expect("room");
            expect.push((key, number.to_be_bytes().to_vec()));
        }
        assert!(sorter.runs.len() > 10);
        expect.sort();
        let (mut sorted, mut found) = (sorter.sorted().expect("memory"), Vec::new());
        while let Some(deed) = sorted.next().expect("memory") {
            found.push(deed);
        }
        assert_eq!(found, expect);
    }
}
