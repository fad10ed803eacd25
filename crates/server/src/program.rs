//! The program that is running, for whoever has no client yet: it is the client, too.
//!
//! It is read from where the system keeps it while it runs, so that it is this very release, also where its file has been replaced
//! since. It is no secret: everybody may have it, as everybody may see the page on which people sign in.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::OnceCell;
use wharf_content::body::Body;
use wharf_model::digest::{Algorithm, Digest, Hasher};
use wharf_model::range::ByteRange;

/// Where Linux has the program of whoever asks.
const PATH: &str = "/proc/self/exe";
/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 256 << 10;

/// For which machines it is, as images name them.
pub(crate) const PLATFORM: &str = MACHINE.0;
/// The same as `uname` says it.
pub(crate) const PLATFORM_UNAME: &str = MACHINE.1;

const MACHINE: (&str, &str) = match std::env::consts::ARCH.as_bytes() {
    b"x86_64" => ("linux-amd64", "linux-x86_64"),
    b"aarch64" => ("linux-arm64", "linux-aarch64"),
    b"riscv64" => ("linux-riscv64", "linux-riscv64"),
    b"s390x" => ("linux-s390x", "linux-s390x"),
    b"powerpc64" => ("linux-ppc64le", "linux-ppc64le"),
    _ => ("linux", "linux"),
};

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Program {
    file: Arc<File>,
    /// Its size, in bytes.
    pub(crate) size: u64,
    /// Its digest.
    pub(crate) digest: Digest,
}

impl Program {
    /// The program, which is read once to be known by its digest.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) async fn get() -> io::Result<Program> {
        static PROGRAM: OnceCell<Program> = OnceCell::const_new();
        let read = || async {
            tokio::task::spawn_blocking(|| Program::read(File::open(PATH)?)).await.map_err(io::Error::other)?
        };
        PROGRAM.get_or_try_init(read).await.cloned()
    }

    fn read(file: File) -> io::Result<Program> {
        let (mut hasher, mut size) = (Hasher::new(Algorithm::Sha256), 0);
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let count = file.read_at(&mut buffer, size)?;
            if count == 0 {
                return Ok(Program { file: file.into(), size, digest: hasher.finish() });
            }
            hasher.update(&buffer[..count]);
            size += count as u64;
        }
    }

    /// Its bytes, or those of `part`.
    pub(crate) fn open(self, part: Option<ByteRange>) -> Body {
        let part = part.unwrap_or(ByteRange { start: 0, end: self.size });
        let chunks = stream::unfold(Some(part.start), move |at| {
            let file = self.file.clone();
            async move {
                let at = at.filter(|at| *at < part.end)?;
                let read = tokio::task::spawn_blocking(move || chunk(&file, at, part.end)).await;
                let bytes = read.map_err(io::Error::other).and_then(|read| read);
                let next = bytes.as_ref().ok().map(|bytes| at + bytes.len() as u64);
                Some((bytes, next))
            }
        });
        Body::new(Some(part.len()), chunks)
    }
}

fn chunk(file: &File, at: u64, end: u64) -> io::Result<Bytes> {
    let mut buffer = vec![0; usize::try_from(end - at).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES)];
    file.read_exact_at(&mut buffer, at)?;
    Ok(buffer.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[tokio::test]
    async fn it_is_what_runs() {
        let program = Program::get().await.expect("it runs");
        let own = std::fs::read(std::env::current_exe().expect("a path")).expect("a file");
        assert_eq!((program.size, program.digest), (own.len() as u64, Digest::of(Algorithm::Sha256, &own)));
        let collect = async |body: Body| {
            let mut body = body;
            body.collect(own.len()).await.expect("it is there").expect("as long as it is")
        };
        assert!(collect(program.clone().open(None)).await == own);
        let part = ByteRange { start: 300_000, end: 900_001 };
        assert!(collect(program.open(Some(part))).await == own[300_000..900_001]);
    }
}
