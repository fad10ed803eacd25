//! Between threads that read and write as files do, and tasks that move bodies.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use wharf_artifact::unpack::Partial;
use wharf_content::body::Body;
use wharf_content::error::Error;
use wharf_content::target::Origin;

/// Chunks between the two sides.
const CHUNKS: usize = 4;
/// How much is put together before it is handed over, in bytes.
const CHUNK_BYTES: usize = 256 << 10;
/// A block of a tar, in bytes.
const BLOCK_BYTES: u64 = 512;

/// A body for a thread to read.
pub(crate) struct Reader {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
}

/// `body` as something that a thread reads, and what has to be awaited meanwhile.
pub(crate) fn reader(mut body: Body) -> (Reader, impl Future<Output = ()>) {
    let (sender, chunks) = mpsc::channel(CHUNKS);
    let feed = async move {
        while let Some(chunk) = body.next().await {
            // Whoever read has what it wanted.
            if sender.send(chunk).await.is_err() {
                break;
            }
        }
    };
    (Reader { chunks, rest: Bytes::new() }, feed)
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.rest = chunk?,
                None => return Ok(0),
            }
        }
        let count = self.rest.len().min(buffer.len());
        self.rest.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// What comes of a layer, while it is kept.
pub(super) struct Keeping(Option<JoinHandle<Option<Partial>>>);

impl Keeping {
    /// What was kept, once the body is gone; `None` where it could not be.
    pub(super) async fn end(self) -> Option<Partial> {
        self.0?.await.ok().flatten()
    }
}

/// `body`, of which all that is read is added to `partial` as well, in a thread of its own.
pub(super) fn keeping(body: Body, partial: Option<Partial>) -> (Body, Keeping) {
    let Some(mut partial) = partial else { return (body, Keeping(None)) };
    let (sender, mut chunks) = mpsc::channel::<Bytes>(CHUNKS);
    let kept = tokio::task::spawn_blocking(move || {
        while let Some(chunk) = chunks.blocking_recv() {
            if partial.append(&chunk).is_err() {
                // The layer goes on without: most likely the disk is full, and has other use for the space.
                partial.remove();
                return None;
            }
        }
        Some(partial)
    });
    let length = body.length();
    let kept_on = body.into_stream().then(move |chunk| {
        let sender = sender.clone();
        async move {
            if let Ok(chunk) = &chunk {
                let _ = sender.send(chunk.clone()).await;
            }
            chunk
        }
    });
    (Body::new(length, kept_on), Keeping(Some(kept)))
}

/// A file of `size` bytes as a tar that holds it alone, so that it is put in place as a layer's files are.
///
/// # Errors
/// No tar can hold a file of that name.
pub(super) fn as_tar(path: &str, size: u64, mtime: u64, body: Body) -> io::Result<Body> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(mtime);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, path, io::empty())?;
    // Without what ends the tar, which comes after the content.
    let head: Bytes = std::mem::take(builder.get_mut()).into();
    let end = Bytes::from(vec![0; (size.next_multiple_of(BLOCK_BYTES) - size + 2 * BLOCK_BYTES) as usize]);
    let length = head.len() as u64 + size + end.len() as u64;
    let all = stream::iter([Ok(head)]).chain(body.into_stream()).chain(stream::iter([Ok(end)]));
    Ok(Body::new(Some(length), all))
}

/// What `write` writes in a thread, from byte `from` on, as a body of `length` bytes.
pub(super) fn written(
    from: u64,
    length: u64,
    write: impl FnOnce(&mut Writer) -> io::Result<()> + Send + 'static,
) -> Body {
    let (sender, chunks) = mpsc::channel(CHUNKS);
    tokio::task::spawn_blocking(move || {
        let mut writer = Writer { chunks: sender, skip: from, buffer: BytesMut::new() };
        if let Err(error) = write(&mut writer).and_then(|()| writer.flush()) {
            // Where nobody listens any more there is nobody to tell.
            let _ = writer.chunks.blocking_send(Err(error));
        }
    });
    let chunks = stream::unfold(chunks, |mut chunks| async { chunks.recv().await.map(|chunk| (chunk, chunks)) });
    Body::new(Some(length.saturating_sub(from)), chunks)
}

/// Where a thread writes a body.
pub(super) struct Writer {
    chunks: mpsc::Sender<io::Result<Bytes>>,
    /// Bytes that nobody wants, before those that are.
    skip: u64,
    buffer: BytesMut,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= skipped as u64;
        self.buffer.extend_from_slice(&bytes[skipped..]);
        if self.buffer.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = self.buffer.split().freeze();
        self.chunks.blocking_send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// A file whose bytes can be had again.
pub(crate) struct OnDisk {
    file: Arc<File>,
    size: u64,
}

impl OnDisk {
    /// A file of so many bytes.
    pub(crate) fn new(file: File, size: u64) -> OnDisk {
        OnDisk { file: Arc::new(file), size }
    }
}

#[async_trait]
impl Origin for OnDisk {
    async fn open(&self, from: u64) -> Result<Body, Error> {
        let file = self.file.clone();
        Ok(written(0, self.size.saturating_sub(from), move |writer| {
            let (mut at, mut buffer) = (from, vec![0; CHUNK_BYTES]);
            loop {
                match file.read_at(&mut buffer, at) {
                    Ok(0) => return Ok(()),
                    Ok(count) => {
                        writer.write_all(&buffer[..count])?;
                        at += count as u64;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                    Err(error) => return Err(error),
                }
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn bytes_come_through_from_anywhere() {
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
        for from in [0, 1, 300_000, 999_999, 1_000_000] {
            let all = bytes.clone();
            let body =
                written(from, 1_000_000, move |writer| all.chunks(7_777).try_for_each(|chunk| writer.write_all(chunk)));
            assert_eq!(body.length(), Some(1_000_000 - from));
            let (mut reader, feed) = reader(body);
            let read = tokio::task::spawn_blocking(move || {
                let mut all = Vec::new();
                reader.read_to_end(&mut all).map(|_| all)
            });
            feed.await;
            assert!(read.await.expect("no panic").expect("read") == bytes[from as usize..]);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_failure_comes_through() {
        let body = written(0, 10, |writer| {
            writer.write_all(b"abc")?;
            writer.flush()?;
            Err(io::ErrorKind::NotFound.into())
        });
        let (mut reader, feed) = reader(body);
        let read = tokio::task::spawn_blocking(move || reader.read_to_end(&mut Vec::new()));
        feed.await;
        assert_eq!(read.await.expect("no panic").expect_err("failed").kind(), io::ErrorKind::NotFound);
    }
}
