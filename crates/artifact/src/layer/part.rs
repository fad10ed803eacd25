//! A part of the tar in a layer: the content of a file, where it is known where that is.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use crate::layer::stream::Tar;
use crate::layer::{LayerError, Limits};

/// See the module. Ends after as many bytes as were asked for; errors are [`LayerError`]s within.
pub struct Part<R: Read> {
    tar: BufReader<Tar<R>>,
    /// Bytes of the tar that were read.
    at: u64,
    left: u64,
}

impl<R: Read> Part<R> {
    /// The `length` bytes from `start` on of the tar in `stream`, plain or in gzip or zstd, as its first bytes say. What comes
    /// before is unpacked and passed over.
    ///
    /// # Errors
    /// [`LayerError`]: it cannot be read, or ends before.
    pub fn open(stream: R, limits: Limits, start: u64, length: u64) -> Result<Part<R>, LayerError> {
        let part = Part::open_while(|| true, stream, limits, start, length)?;
        part.ok_or(LayerError::Malformed("nobody wants it"))
    }

    /// The same; `None` as soon as it is not wanted any more, which is asked again and again on the way there.
    ///
    /// # Errors
    /// As [`Part::open`].
    pub fn open_while(
        is_wanted: impl Fn() -> bool,
        stream: R,
        limits: Limits,
        start: u64,
        length: u64,
    ) -> Result<Option<Part<R>>, LayerError> {
        let tar = Tar::open(stream, None, limits, Arc::default())?;
        let mut part = Part { tar, at: 0, left: 0 };
        Ok(part.go_on(is_wanted, start, length)?.then_some(part))
    }

    /// The `length` bytes from `start` on of the same tar come next, which are behind what was read; `false` as soon as they are
    /// not wanted any more.
    ///
    /// # Errors
    /// As [`Part::open`], or they were passed.
    pub fn go_on(&mut self, is_wanted: impl Fn() -> bool, start: u64, length: u64) -> Result<bool, LayerError> {
        let mut before = start.checked_sub(self.at).ok_or(LayerError::Malformed("a file begins in another"))?;
        self.left = 0;
        while before > 0 {
            if !is_wanted() {
                return Ok(false);
            }
            let there = match self.tar.fill_buf() {
                Ok([]) => return Err(LayerError::Malformed("it ends before the file that is asked for")),
                Ok(bytes) => bytes.len(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let taken = there.min(usize::try_from(before).unwrap_or(usize::MAX));
            self.tar.consume(taken);
            before -= taken as u64;
        }
        (self.at, self.left) = (start, length);
        Ok(true)
    }
}

impl<R: Read> Read for Part<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let wanted = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.tar.read(&mut bytes[..wanted])?;
        if count == 0 {
            return Err(io::Error::other(LayerError::Malformed("it ends in the middle of a file")));
        }
        self.left -= count as u64;
        self.at += count as u64;
        Ok(count)
    }
}
