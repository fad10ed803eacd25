//! The tar in a layer's stream: unpacked by what it is, and bounded in what it becomes.

use std::io::{self, BufReader, Chain, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use wharf_model::media::MediaType;

use crate::compression::{Compression, MAGIC_BYTES};
use crate::layer::{LayerError, Limits, too_much};

/// How much is read at once, in bytes.
const BUFFER_BYTES: usize = 128 << 10;

/// The tar, uncompressed.
pub(crate) struct Tar<R: Read> {
    decoder: Decoder<R>,
    /// Bytes that were read of the stream.
    fetched: Arc<AtomicU64>,
    limits: Limits,
    /// Bytes of all layers that count together.
    total: Arc<AtomicU64>,
    /// Bytes of this one.
    length: u64,
}

/// What was read to know what it is, and the rest.
type Stream<R> = Chain<Cursor<Vec<u8>>, BufReader<Counted<R>>>;

enum Decoder<R: Read> {
    Plain(Stream<R>),
    /// Of one member or several.
    Gzip(Box<MultiGzDecoder<Stream<R>>>),
    /// Of one frame or several, such as are to be skipped among them.
    Zstd(Box<zstd::Decoder<'static, Stream<R>>>),
}

impl<R: Read> Tar<R> {
    /// The tar in `stream`, which is to be what `media_type` says, where that is given and says something. What comes of it
    /// counts together with what is in `total`.
    pub(crate) fn open(
        stream: R,
        media_type: Option<&MediaType>,
        limits: Limits,
        total: Arc<AtomicU64>,
    ) -> Result<BufReader<Tar<R>>, LayerError> {
        let fetched = Arc::<AtomicU64>::default();
        let mut stream = Counted { stream, fetched: fetched.clone() };
        let mut first = Vec::new();
        stream.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut first)?;
        let found = Compression::of_magic(&first);
        if let Some(media_type) = media_type
            && let Some(stated) = Compression::of_type(media_type).filter(|stated| *stated != found)
        {
            return Err(LayerError::Compression { media_type: media_type.clone(), stated, found });
        }
        let stream = Cursor::new(first).chain(BufReader::with_capacity(BUFFER_BYTES, stream));
        let decoder = match found {
            Compression::Plain => Decoder::Plain(stream),
            Compression::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(stream))),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(stream)?;
                decoder.window_log_max(limits.window_log)?;
                Decoder::Zstd(Box::new(decoder))
            }
        };
        Ok(BufReader::with_capacity(BUFFER_BYTES, Tar { decoder, fetched, limits, total, length: 0 }))
    }

    /// Whether the stream is the tar itself.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.decoder, Decoder::Plain(_))
    }

    /// How it is compressed.
    pub(crate) fn compression(&self) -> Compression {
        match self.decoder {
            Decoder::Plain(_) => Compression::Plain,
            Decoder::Gzip(_) => Compression::Gzip,
            Decoder::Zstd(_) => Compression::Zstd,
        }
    }

    /// How many bytes were read so far.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    fn check(&self, total: u64) -> Result<(), LayerError> {
        let Limits { bytes, ratio, free_bytes, .. } = self.limits;
        if total > bytes {
            return Err(too_much("bytes", bytes));
        }
        if self.length > free_bytes && self.length / ratio.max(1) > self.fetched.load(Ordering::Relaxed) {
            return Err(too_much("times its own size when it is unpacked", ratio));
        }
        Ok(())
    }
}

impl<R: Read> Read for Tar<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.decoder {
            Decoder::Plain(stream) => stream.read(bytes),
            Decoder::Gzip(decoder) => decoder.read(bytes),
            Decoder::Zstd(decoder) => decoder.read(bytes),
        }?;
        self.length += count as u64;
        let before = self.total.fetch_add(count as u64, Ordering::Relaxed);
        self.check(before.saturating_add(count as u64)).map_err(io::Error::other)?;
        Ok(count)
    }
}

/// Counts what is read.
struct Counted<R> {
    stream: R,
    fetched: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(bytes)?;
        self.fetched.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
