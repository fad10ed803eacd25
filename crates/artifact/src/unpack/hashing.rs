//! What files hold, by hashing a layer once: where it is not compressed, the hash that tells what the layer is goes through all of
//! its files, and stands at a known state where each begins.

use std::io::{self, BufReader, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use wharf_model::digest::{Algorithm, Digest, Hasher};

use crate::layer::stream::Tar;
use crate::unpack::Content;

/// A tar that is hashed as it is read, if it is the layer itself.
pub(super) struct Hashing<R: Read> {
    tar: BufReader<Tar<R>>,
    hasher: Option<Hasher>,
}

impl<R: Read> Hashing<R> {
    pub(super) fn new(tar: BufReader<Tar<R>>, algorithm: Algorithm) -> Hashing<R> {
        let hasher = tar.get_ref().is_plain().then(|| Hasher::new(algorithm));
        Hashing { tar, hasher }
    }

    /// The state of the hash, where there is one.
    pub(super) fn state(&self) -> Option<Box<str>> {
        self.hasher.as_ref().map(|hasher| STANDARD_NO_PAD.encode(hasher.save()).into())
    }

    /// The digest of all that has been read, where it is hashed.
    pub(super) fn digest(&self) -> Option<Digest> {
        self.hasher.clone().map(Hasher::finish)
    }

    /// Size of the tar, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.tar.get_ref().length()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.tar.read(bytes)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes[..count]);
        }
        Ok(count)
    }
}

impl Content {
    /// The hash before the content; `None` where that cannot be read any more.
    pub(super) fn hasher(&self) -> Option<Hasher> {
        match &self.before {
            Some(before) => Hasher::restore(&STANDARD_NO_PAD.decode(before.as_bytes()).ok()?),
            None => Some(Hasher::new(Algorithm::Sha256)),
        }
    }

    /// Whether that is the hash when the content has been added.
    pub(super) fn is(&self, hasher: Hasher) -> bool {
        hasher.finish() == self.digest
    }
}
