//! The certificate that connections are secured with, read again when its files change.
//!
//! A certificate that cannot be read, or does not fit its key, keeps the server from starting; later it is logged and the
//! one before stays in use. There is no watcher: when a connection comes, and at most once a second, the files are looked
//! at.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// How often the files are looked at, at most.
const LOOK: Duration = Duration::from_secs(1);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as what it should be.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Certificate and key are not of a sort, or do not belong together.
    #[error("the certificate in {} and the key in {} cannot be used: {error}", cert.display(), key.display())]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        error: rustls::Error,
    },
}

/// What tells that a file has changed: when it was written, and how long it is.
type Stamp = Option<(SystemTime, u64)>;

struct Current {
    config: Arc<ServerConfig>,
    stamps: [Stamp; 2],
    looked: Instant,
}

/// A certificate and its key, as files.
pub struct Certificates {
    cert: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

impl Certificates {
    /// Reads them for the first time.
    ///
    /// # Errors
    /// They cannot be used.
    pub fn open(cert: &Path, key: &Path) -> Result<Certificates, TlsError> {
        let stamps = [stamp(cert), stamp(key)];
        let current = Mutex::new(Current { config: load(cert, key)?, stamps, looked: Instant::now() });
        Ok(Certificates { cert: cert.to_owned(), key: key.to_owned(), current })
    }

    /// What the next connection is to use.
    pub fn current(&self) -> Arc<ServerConfig> {
        let mut current = self.current.lock();
        if current.looked.elapsed() >= LOOK {
            current.looked = Instant::now();
            self.refresh(&mut current);
        }
        current.config.clone()
    }

    fn refresh(&self, current: &mut Current) {
        let stamps = [stamp(&self.cert), stamp(&self.key)];
        if stamps == current.stamps {
            return;
        }
        current.stamps = stamps;
        match load(&self.cert, &self.key) {
            Ok(config) => {
                current.config = config;
                tracing::info!(cert = %self.cert.display(), "the certificate was read again");
            }
            Err(error) => tracing::error!(%error, "the new certificate cannot be used; the one before stays in use"),
        }
    }
}

fn stamp(path: &Path) -> Stamp {
    let data = std::fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}

fn load(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let wrong = |path: &Path, problem: String| TlsError::File { path: path.to_owned(), problem };
    let bytes = |path: &Path| std::fs::read(path).map_err(|error| wrong(path, error.to_string()));
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&bytes(cert)?)
            .collect::<Result<_, _>>()
            .map_err(|error| wrong(cert, format!("is no PEM file with certificates: {error}")))?;
    if chain.is_empty() {
        return Err(wrong(cert, "has no certificate".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_slice(&bytes(key)?)
        .map_err(|error| wrong(key, format!("is no PEM file with a private key: {error}")))?;
    let pair = |error| TlsError::Pair { cert: cert.to_owned(), key: key.to_owned(), error };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(pair)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, private).map_err(pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// Writes a certificate for `name`, signed by itself, and its key: `((cert, in DER), key)`.
    pub(crate) fn write_pair(folder: &Path, name: &str) -> ((PathBuf, CertificateDer<'static>), PathBuf) {
        let pair = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&cert, pair.cert.pem()).unwrap();
        std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
        ((cert, pair.cert.der().clone()), key)
    }

    fn look(certificates: &Certificates) -> Arc<ServerConfig> {
        let mut current = certificates.current.lock();
        certificates.refresh(&mut current);
        current.config.clone()
    }

    #[test]
    fn files_that_change_are_read_again_unless_they_cannot_be() {
        let folder = tempfile::tempdir().unwrap();
        let ((cert, _), key) = write_pair(folder.path(), "one.example");
        let certificates = Certificates::open(&cert, &key).unwrap();
        let first = certificates.current();
        assert!(Arc::ptr_eq(&first, &look(&certificates)), "nothing changed");
        write_pair(folder.path(), "a-longer-name.example");
        let second = look(&certificates);
        assert!(!Arc::ptr_eq(&first, &second));
        std::fs::write(&cert, "half a certif").unwrap();
        assert!(Arc::ptr_eq(&second, &look(&certificates)), "the last good one stays");
        std::fs::remove_file(&cert).unwrap();
        assert!(Arc::ptr_eq(&second, &look(&certificates)));
        write_pair(folder.path(), "three.example");
        assert!(!Arc::ptr_eq(&second, &look(&certificates)));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let ((cert, _), key) = write_pair(folder.path(), "one.example");
        let refused = |cert: &Path, key: &Path| Certificates::open(cert, key).err().expect("refused").to_string();
        let missing = folder.path().join("missing.pem");
        assert!(refused(&missing, &key).contains("missing.pem"));
        assert!(refused(&key, &key).contains("has no certificate"));
        assert!(refused(&cert, &cert).contains("private key"));
        let other = folder.path().join("other");
        std::fs::create_dir(&other).unwrap();
        let (_, others_key) = write_pair(&other, "two.example");
        assert!(refused(&cert, &others_key).contains("cannot be used"));
    }
}
