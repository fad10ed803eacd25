//! Certificates that are for one registry: those by which it is trusted, and that by which it knows us. They are where Docker,
//! podman and containerd have them, a folder for each registry: `HOST:PORT/` with `*.crt` to trust, and `*.cert` and `*.key` to
//! be known by. (containerd's `hosts.toml` is not read.)

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use reqwest::{Certificate, Identity};

use super::{CA_FILE_BYTES_MAX, HttpSettings, deepest, read_authorities};
use crate::error::Error;

/// See the module.
#[derive(Default)]
pub(super) struct Own {
    pub(super) authorities: Vec<Certificate>,
    pub(super) identity: Option<Identity>,
}

impl Own {
    /// What there is for `host`. The files that the settings name are for registries alone, `is_registry`: whoever a registry
    /// sends us to need not know who we are.
    pub(super) fn of(settings: &HttpSettings, host: &str, is_registry: bool) -> Result<Option<Own>, Error> {
        let mut own = Own::in_folders(settings, host)?;
        if let Some((cert, key)) = settings.identity.as_ref().filter(|_| is_registry) {
            own.get_or_insert_default().identity = Some(identity(cert, key)?);
        }
        Ok(own)
    }

    fn in_folders(settings: &HttpSettings, host: &str) -> Result<Option<Own>, Error> {
        if host.is_empty() || host.starts_with('.') || host.contains('/') {
            return Ok(None);
        }
        let folders = settings.certificate_folders.iter().map(|folder| folder.join(host));
        for folder in folders {
            match files(&folder) {
                Ok(files) => return Own::in_files(&files).map(Some),
                // What others may not read is not meant for them.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => (),
                Err(error) => return Err(Error::CaFile { path: folder, why: error.to_string() }),
            }
        }
        Ok(None)
    }

    fn in_files(files: &[PathBuf]) -> Result<Own, Error> {
        let mut own = Own::default();
        for path in files {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => own.authorities.extend(read_authorities(path)?),
                Some("cert") if own.identity.is_none() => {
                    own.identity = Some(identity(path, &path.with_extension("key"))?);
                }
                _ => (),
            }
        }
        Ok(own)
    }
}

/// The files of a folder, sorted.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    files.sort();
    Ok(files)
}

/// The certificate in one file, and its key in the other.
///
/// # Errors
/// [`Error::CaFile`], which names the file.
pub(super) fn identity(cert: &Path, key: &Path) -> Result<Identity, Error> {
    let mut all = read(cert)?;
    all.push(b'\n');
    all.extend(read(key)?);
    let failed = |why| Error::CaFile { path: cert.to_owned(), why };
    Identity::from_pem(&all).map_err(|error| failed(format!("with {}: {}", key.display(), deepest(&error))))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |why: String| Error::CaFile { path: path.to_owned(), why };
    let length = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if length > CA_FILE_BYTES_MAX {
        return Err(failed(format!("is larger than {CA_FILE_BYTES_MAX} bytes")));
    }
    std::fs::read(path).map_err(|error| failed(error.to_string()))
}
