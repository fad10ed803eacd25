//! Content digests: what names a blob, and the hash that makes the name.
//!
//! A [`Digest`] is an algorithm and its exact number of bytes; it prints as `sha256:<hex>` (image-spec, "Descriptors").
//! [`Hasher`] computes one from a stream and can be saved between two chunks of an upload in a layout of our own, so that
//! an upload survives a restart and an upgrade of the hash library.

use std::{fmt, str::FromStr};

use sha2::Digest as _;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};

/// What the tags end with under which cosign keeps what it attaches, behind [`Digest::referrers_tag`]: signatures, attestations and bills of
/// materials.
pub const COSIGN_TAG_ENDS: [&str; 3] = [".sig", ".att", ".sbom"];

/// A hash function that may name content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256, what nearly everybody uses.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// All algorithms, in the order of their [`Algorithm::id`].
    pub const ALL: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Sha512];

    /// The registered name, as it stands before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// Length of the hash, in bytes.
    pub const fn len_bytes(self) -> usize {
        match self {
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        }
    }

    /// The number that stands for the algorithm in the ledger. Never changes.
    pub const fn id(self) -> u8 {
        match self {
            Algorithm::Sha256 => 1,
            Algorithm::Sha512 => 2,
        }
    }

    /// The inverse of [`Algorithm::id`].
    pub fn from_id(id: u8) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.id() == id)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == text).ok_or(DigestError::Unsupported)
    }
}

/// The digest of some content. `Copy`, 65 bytes; compares by algorithm, then bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: [u8; 64],
}

impl Digest {
    /// The digest with these bytes, or `None` where their number does not fit the algorithm.
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Option<Digest> {
        if bytes.len() != algorithm.len_bytes() {
            return None;
        }
        let mut padded = [0; 64];
        padded[..bytes.len()].copy_from_slice(bytes);
        Some(Digest { algorithm, bytes: padded })
    }

    /// The digest of `content`.
    pub fn of(algorithm: Algorithm, content: &[u8]) -> Digest {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(content);
        hasher.finish()
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hash itself: 32 or 64 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.len_bytes()]
    }

    /// The part after the colon, in lower-case hexadecimal.
    pub fn hex(&self) -> String {
        hex::encode(self.as_bytes())
    }

    /// The tag under which clients without the referrers API keep the referrers of this digest: at most 32 characters of
    /// the algorithm, a dash, at most 64 of the hash (Distribution spec, "Referrers Tag Schema").
    pub fn referrers_tag(&self) -> String {
        let mut hex = self.hex();
        hex.truncate(64);
        format!("{}-{hex}", self.algorithm)
    }

    /// The digest of which that is the [`Digest::referrers_tag`]. One of 128 characters is cut there, so it is not found again.
    pub fn of_referrers_tag(tag: &str) -> Option<Digest> {
        tag.split_once('-').and_then(|(algorithm, hex)| format!("{algorithm}:{hex}").parse().ok())
    }

    /// The tags under which cosign keeps signatures, attestations and bills of materials of what has this digest, in this order.
    pub fn cosign_tags(&self) -> [String; 3] {
        COSIGN_TAG_ENDS.map(|end| format!("{}{end}", self.referrers_tag()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 128];
        let text = &mut text[..2 * self.algorithm.len_bytes()];
        hex::encode_to_slice(self.as_bytes(), text).map_err(|_| fmt::Error)?;
        f.write_str(self.algorithm.name())?;
        f.write_str(":")?;
        f.write_str(std::str::from_utf8(text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (algorithm, encoded) = text.split_once(':').ok_or(DigestError::Format)?;
        if algorithm.is_empty() || encoded.is_empty() {
            return Err(DigestError::Format);
        }
        let algorithm: Algorithm = algorithm.parse()?;
        if encoded.len() != 2 * algorithm.len_bytes() || encoded.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(DigestError::Encoded(algorithm));
        }
        let mut bytes = [0; 64];
        hex::decode_to_slice(encoded, &mut bytes[..algorithm.len_bytes()])
            .map_err(|_| DigestError::Encoded(algorithm))?;
        Ok(Digest { algorithm, bytes })
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why some text is not a digest that Wharf can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Not of the form `algorithm:encoded`.
    #[error("a digest is written algorithm:hex, as in sha256:<64 hexadecimal digits>")]
    Format,
    /// Well-formed perhaps, but of an algorithm that is not supported.
    #[error("unsupported digest algorithm; sha256 and sha512 are supported")]
    Unsupported,
    /// The encoded part is not as long as the algorithm wants, or not lower-case hexadecimal.
    #[error("a {} digest has {} lower-case hexadecimal digits after the colon", .0, 2 * .0.len_bytes())]
    Encoded(Algorithm),
}

/// Version of the layout that [`Hasher::save`] writes.
const SAVED_VERSION: u8 = 1;
/// Longest content that a saved state may be of, in bytes: well below 2^61, where SHA-256 ends (FIPS 180-4 §1), so that
/// nothing that is added overflows.
const SAVED_BYTES_MAX: u64 = 1 << 60;

/// A running hash.
///
/// Whole blocks go to the hash library, the partial block stays here: so a saved state needs nothing of the library but
/// its chaining words.
#[derive(Clone)]
pub struct Hasher {
    core: Core,
    length: u64,
    /// The bytes after the last whole block; always shorter than a block.
    partial: Vec<u8>,
}

#[derive(Clone)]
enum Core {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl Core {
    fn new(algorithm: Algorithm) -> Core {
        match algorithm {
            Algorithm::Sha256 => Core::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Core::Sha512(sha2::Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Core::Sha256(hash) => hash.update(bytes),
            Core::Sha512(hash) => hash.update(bytes),
        }
    }
}

impl Hasher {
    /// A hash of nothing yet.
    pub fn new(algorithm: Algorithm) -> Hasher {
        Hasher { core: Core::new(algorithm), length: 0, partial: Vec::new() }
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        match self.core {
            Core::Sha256(_) => Algorithm::Sha256,
            Core::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Bytes hashed so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Adds `bytes`.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let block = block_bytes(self.algorithm());
        if !self.partial.is_empty() {
            let taken = bytes.len().min(block - self.partial.len());
            self.partial.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.partial.len() < block {
                return;
            }
            self.core.update(&self.partial);
            self.partial.clear();
        }
        let whole = bytes.len() - bytes.len() % block;
        self.core.update(&bytes[..whole]);
        self.partial.extend_from_slice(&bytes[whole..]);
    }

    /// The digest of all that was added.
    pub fn finish(mut self) -> Digest {
        self.core.update(&self.partial);
        let mut bytes = [0; 64];
        let algorithm = self.algorithm();
        match self.core {
            Core::Sha256(hash) => bytes[..32].copy_from_slice(&hash.finalize()),
            Core::Sha512(hash) => bytes.copy_from_slice(&hash.finalize()),
        }
        Digest { algorithm, bytes }
    }

    /// The state between two updates, to be given to [`Hasher::restore`] in another process, of another release even.
    ///
    /// Layout: version (1 byte, 1), algorithm id (1 byte), length in bytes (8 bytes, big-endian), chaining words
    /// (8 × 4 or 8 × 8 bytes, big-endian), then the partial block (length modulo the block's size). Golden vectors in the
    /// tests hold it.
    pub fn save(&self) -> Vec<u8> {
        let mut saved = vec![SAVED_VERSION, self.algorithm().id()];
        saved.extend_from_slice(&self.length.to_be_bytes());
        match &self.core {
            Core::Sha256(hash) => {
                for word in hash.serialize()[..32].chunks_exact(4) {
                    saved.extend(word.iter().rev());
                }
            }
            Core::Sha512(hash) => {
                for word in hash.serialize()[..64].chunks_exact(8) {
                    saved.extend(word.iter().rev());
                }
            }
        }
        saved.extend_from_slice(&self.partial);
        saved
    }

    /// The hash as it was when `saved` was made; `None` where `saved` is not of a layout that this release knows. Then the
    /// upload is over: a wrong digest is never an answer.
    pub fn restore(saved: &[u8]) -> Option<Hasher> {
        let (&[version, algorithm], rest) = saved.split_first_chunk()?;
        if version != SAVED_VERSION {
            return None;
        }
        let algorithm = Algorithm::from_id(algorithm)?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = u64::from_be_bytes(*length);
        if length > SAVED_BYTES_MAX {
            return None;
        }
        let (words, partial) = rest.split_at_checked(algorithm.len_bytes())?;
        let block = block_bytes(algorithm) as u64;
        if partial.len() as u64 != length % block {
            return None;
        }
        let core = match algorithm {
            Algorithm::Sha256 => Core::Sha256(resumed(words, 4, length / block)?),
            Algorithm::Sha512 => Core::Sha512(resumed(words, 8, length / block)?),
        };
        Some(Hasher { core, length, partial: partial.to_vec() })
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher({}, {} bytes)", self.algorithm(), self.length)
    }
}

/// The library's hash with these chaining words (big-endian, `word` bytes each) after `blocks` whole blocks.
fn resumed<H: SerializableState + Default>(words: &[u8], word: usize, blocks: u64) -> Option<H> {
    let mut state: SerializedState<H> = H::default().serialize();
    for (to, from) in state[..words.len()].chunks_exact_mut(word).zip(words.chunks_exact(word)) {
        to.copy_from_slice(from);
        to.reverse();
    }
    state[words.len()..words.len() + 8].copy_from_slice(&blocks.to_le_bytes());
    H::deserialize(&state).ok()
}

/// Size of a block of the hash function, in bytes (FIPS 180-4 §1).
const fn block_bytes(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::Sha256 => 64,
        Algorithm::Sha512 => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digests() {
        let check = |algorithm, content: &[u8], expect: &str| {
            assert_eq!(Digest::of(algorithm, content).to_string(), expect);
        };
        check(Algorithm::Sha256, b"", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        check(Algorithm::Sha256, b"abc", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        check(
            Algorithm::Sha512,
            b"abc",
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        );
    }

    #[test]
    fn parses_what_it_prints_and_refuses_the_rest() {
        let digest = Digest::of(Algorithm::Sha512, b"x");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let check = |text: &str, expect| assert_eq!(text.parse::<Digest>(), Err(expect), "{text}");
        check("", DigestError::Format);
        check("sha256", DigestError::Format);
        check("sha256:", DigestError::Format);
        check(":abc", DigestError::Format);
        check("md5:d41d8cd98f00b204e9800998ecf8427e", DigestError::Unsupported);
        check("SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", DigestError::Unsupported);
        check("sha256:e3b0", DigestError::Encoded(Algorithm::Sha256));
        check(
            "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
            DigestError::Encoded(Algorithm::Sha256),
        );
        check(&format!("sha256:{}", "g".repeat(64)), DigestError::Encoded(Algorithm::Sha256));
        check(&format!("sha256:{}", "é".repeat(32)), DigestError::Encoded(Algorithm::Sha256));
    }

    #[test]
    fn saved_state_continues_at_any_cut() {
        let content: Vec<u8> = (0..1000u32).map(|at| (at * 7 % 251) as u8).collect();
        for algorithm in Algorithm::ALL {
            for cut in 0..300 {
                let mut first = Hasher::new(algorithm);
                first.update(&content[..cut / 2]);
                first.update(&content[cut / 2..cut]);
                let mut second = Hasher::restore(&first.save()).expect("a state that was just saved");
                second.update(&content[cut..]);
                assert_eq!(second.finish(), Digest::of(algorithm, &content));
            }
        }
    }

    #[test]
    fn saved_state_is_the_golden_layout() {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(b"abc");
        assert_eq!(
            hex::encode(hasher.save()),
            "01010000000000000003\
             6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19616263"
        );
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(&[b'a'; 65]);
        assert_eq!(
            hex::encode(hasher.save()),
            "01010000000000000041\
             df5bb81ce81e0626fb45a8944fd40f31b25e6816d6d499c1ab90492900635e6661",
        );
    }

    #[test]
    fn a_state_that_cannot_be_read_is_refused() {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(&[1; 70]);
        let saved = hasher.save();
        for cut in 0..saved.len() {
            assert!(Hasher::restore(&saved[..cut]).is_none());
        }
        let mut later = saved.clone();
        later[0] = 2;
        assert!(Hasher::restore(&later).is_none());
        let mut far = saved.clone();
        far[2..10].copy_from_slice(&(u64::MAX - 57).to_be_bytes());
        assert!(Hasher::restore(&far).is_none());
        let mut longer = saved;
        longer.push(0);
        assert!(Hasher::restore(&longer).is_none());
    }
}
