//! The one secret of an installation, and the keys that are derived from it. Nothing that is derived is stored, so replicas
//! with the same secret agree without talking.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hkdf::Hkdf;
use sha2::Sha256;

/// Name of the file in the data folder.
const FILE: &str = "secret.key";

/// 32 random bytes from which every other key is derived. Not printable, on purpose.
pub struct MasterKey([u8; MasterKey::BYTES]);

impl MasterKey {
    /// Its length, in bytes.
    pub const BYTES: usize = 32;

    /// The key with these bytes; they must be random.
    pub fn from_bytes(bytes: [u8; MasterKey::BYTES]) -> MasterKey {
        MasterKey(bytes)
    }

    /// The key as configuration gives it: 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`SecretError::Text`]: it is something else. The error does not repeat it.
    pub fn from_text(text: &str) -> Result<MasterKey, SecretError> {
        let mut bytes = [0; MasterKey::BYTES];
        hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| SecretError::Text)?;
        Ok(MasterKey(bytes))
    }

    /// The key in `data/secret.key`; where there is none, a new one is made there first, readable by its owner only, whole
    /// and durable or not at all. Of several that make one at once, all get the same. Blocks.
    ///
    /// # Errors
    /// [`SecretError`]: the file cannot be read or made, or is not a key. A file that others can read is only warned of.
    pub fn open(data: &Path) -> Result<MasterKey, SecretError> {
        let path = data.join(FILE);
        match MasterKey::read(&path) {
            Err(SecretError::Io(_, error)) if error.kind() == io::ErrorKind::NotFound => {}
            result => return result,
        }
        let mut bytes = [0; MasterKey::BYTES];
        getrandom::fill(&mut bytes).map_err(|error| SecretError::Random(error.to_string()))?;
        create(data, &path, &bytes).map_err(|error| SecretError::Io(path.clone(), error))?;
        MasterKey::read(&path)
    }

    fn read(path: &Path) -> Result<MasterKey, SecretError> {
        let failed = |error| SecretError::Io(path.to_owned(), error);
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "the secret key can be read by others than its owner; chmod 600 it");
        }
        let mut bytes = Vec::with_capacity(MasterKey::BYTES + 1);
        file.take(MasterKey::BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        let bytes = bytes.try_into().map_err(|_| SecretError::Length(path.to_owned()))?;
        Ok(MasterKey(bytes))
    }

    /// A key for one purpose (HKDF-SHA256, RFC 5869): another label gives an unrelated key. 64 bytes, the block size of
    /// SHA-256, so that it is the key of an HMAC as it is.
    pub fn derive(&self, label: &str) -> [u8; 64] {
        let mut out = [0; 64];
        // Fails only beyond 255 hashes of output, and two are asked for.
        let expanded = Hkdf::<Sha256>::new(Some(b"wharf"), &self.0).expand(label.as_bytes(), &mut out);
        debug_assert!(expanded.is_ok(), "64 bytes are within what HKDF gives");
        out
    }
}

/// Writes the key beside its place, then links it there, which never replaces one.
fn create(data: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut suffix = [0; 8];
    getrandom::fill(&mut suffix).map_err(|error| io::Error::other(error.to_string()))?;
    let beside = data.join(format!("{FILE}.{}", hex::encode(suffix)));
    let linked = write_durably(&beside, bytes).and_then(|()| link(&beside, path));
    // After a rename it is not there any more; a leftover would be a key that nobody uses.
    let _ = fs::remove_file(&beside);
    linked?;
    File::open(data)?.sync_all()
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // A file system without hard links: there the lock on the data folder has to do.
        Err(_) if !to.try_exists()? => fs::rename(from, to),
        result => result,
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read or made.
    #[error("the secret key {}: {}", .0.display(), .1)]
    Io(PathBuf, #[source] io::Error),
    /// The file is not a key; it is left as it is, because everything sealed with the right one would be lost.
    #[error("the secret key {} does not have 32 bytes; put the right file back", .0.display())]
    Length(PathBuf),
    /// The text is not a key.
    #[error("a secret key is written as 64 hexadecimal digits")]
    Text,
    /// The operating system gives no randomness.
    #[error("no randomness: {0}")]
    Random(String),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn made_once_and_private() {
        let data = tempfile::tempdir().expect("a folder");
        let first = MasterKey::open(data.path()).expect("made");
        let second = MasterKey::open(data.path()).expect("read");
        assert_eq!(first.0, second.0);
        assert_ne!(first.0, [0; 32]);
        let metadata = fs::metadata(data.path().join(FILE)).expect("the file");
        assert_eq!((metadata.permissions().mode() & 0o777, metadata.len()), (0o600, 32));
        assert_eq!(fs::read_dir(data.path()).expect("the folder").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn several_that_start_at_once_agree() {
        let data = tempfile::tempdir().expect("a folder");
        let open = || MasterKey::open(data.path()).expect("a key").0;
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().expect("a key")).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_and_kept() {
        let data = tempfile::tempdir().expect("a folder");
        for length in [0, 31, 33, 1000] {
            fs::write(data.path().join(FILE), vec![7; length]).expect("written");
            assert!(matches!(MasterKey::open(data.path()), Err(SecretError::Length(_))), "{length}");
            assert_eq!(fs::metadata(data.path().join(FILE)).expect("kept").len(), length as u64);
        }
        fs::write(data.path().join(FILE), [7; 32]).expect("written");
        assert!(MasterKey::open(data.path()).is_ok(), "readable by others is only warned of");
        assert!(matches!(MasterKey::open(&data.path().join("nowhere")), Err(SecretError::Io(..))));
    }

    #[test]
    fn from_text() {
        let check = |text: &str, good| assert_eq!(MasterKey::from_text(text).is_ok(), good, "{text}");
        check(&"0a".repeat(32), true);
        check(&format!("{}\n", "0A".repeat(32)), true);
        check(&"0a".repeat(31), false);
        check(&"zz".repeat(32), false);
        check("", false);
    }

    #[test]
    fn derived_keys_stay_what_they_are() {
        let key = MasterKey::from_bytes([7; 32]);
        assert_ne!(key.derive("one"), key.derive("two"));
        assert_ne!(key.derive("one"), MasterKey::from_bytes([8; 32]).derive("one"));
        // Replicas of different releases must agree, so this never changes.
        assert_eq!(hex::encode(&key.derive("golden")[..16]), "dc7d042d7d50d5adfa3e5638b984cf7a");
    }
}
