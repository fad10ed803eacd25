//! The tar in a layer's stream: unpacked by what it is, and bounded in what it becomes.

use std::cell::Cell;
use std::io::{self, BufReader, Cursor, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use wharf_model::limits::ZSTD_WINDOW_LOG_MAX;
use wharf_model::media::MediaType;

use crate::compression::{Compression, MAGIC_BYTES};
use crate::unpack::{Limits, UnpackError, too_much};

/// How much is read at once, in bytes.
const BUFFER_BYTES: usize = 128 << 10;

/// The tar, uncompressed.
pub(super) struct Tar<'a> {
    decoder: Box<dyn Read + 'a>,
    fetched: &'a Cell<u64>,
    limits: Limits,
    /// Bytes of all layers of the target.
    total: &'a AtomicU64,
    /// Bytes of this one.
    length: u64,
}

impl<'a> Tar<'a> {
    /// The tar in `stream`. `fetched` counts what is read of the stream, `total` what comes of it.
    pub(super) fn open<R: Read + 'a>(
        stream: R,
        media_type: &MediaType,
        limits: Limits,
        fetched: &'a Cell<u64>,
        total: &'a AtomicU64,
    ) -> Result<BufReader<Tar<'a>>, UnpackError> {
        let mut stream = Counted { stream, fetched };
        let mut first = Vec::new();
        stream.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut first)?;
        let found = Compression::of_magic(&first);
        if let Some(stated) = Compression::of_type(media_type).filter(|stated| *stated != found) {
            return Err(UnpackError::Compression { media_type: media_type.clone(), stated, found });
        }
        let stream = Cursor::new(first).chain(BufReader::with_capacity(BUFFER_BYTES, stream));
        let decoder: Box<dyn Read + 'a> = match found {
            Compression::Plain => Box::new(stream),
            Compression::Gzip => Box::new(MultiGzDecoder::new(stream)),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(stream)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(decoder)
            }
        };
        Ok(BufReader::with_capacity(BUFFER_BYTES, Tar { decoder, fetched, limits, total, length: 0 }))
    }

    /// How many bytes were read so far.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    fn check(&self, total: u64) -> Result<(), UnpackError> {
        let Limits { bytes, ratio, free_bytes, .. } = self.limits;
        if total > bytes {
            return Err(too_much("bytes", bytes));
        }
        if self.length > free_bytes && self.length / ratio.max(1) > self.fetched.get() {
            return Err(too_much("times its own size when it is unpacked", ratio));
        }
        Ok(())
    }
}

impl Read for Tar<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(bytes)?;
        self.length += count as u64;
        let before = self.total.fetch_add(count as u64, Ordering::Relaxed);
        self.check(before.saturating_add(count as u64)).map_err(io::Error::other)?;
        Ok(count)
    }
}

/// Counts what is read.
struct Counted<'a, R> {
    stream: R,
    fetched: &'a Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(bytes)?;
        self.fetched.set(self.fetched.get() + count as u64);
        Ok(count)
    }
}
