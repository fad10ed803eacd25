//! A certificate for 127.0.0.1 that lasts a day, made by `openssl`, and a client that believes it alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::process;

/// What the server shows and the client believes.
pub(crate) struct Certificate {
    /// PEM file with the certificate.
    pub(crate) chain: PathBuf,
    /// PEM file with its key.
    pub(crate) key: PathBuf,
    /// The client's side.
    pub(crate) client: Arc<ClientConfig>,
}

/// Makes one in `folder`.
pub(crate) fn certificate(folder: &Path) -> Result<Certificate> {
    let (chain, key) = (folder.join("bench.crt"), folder.join("bench.key"));
    let mut command = process::tied(&process::find("openssl").context("openssl is missing")?);
    command.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=bench".split(' '));
    command.args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]);
    process::output(command.arg("-keyout").arg(&key).arg("-out").arg(&chain))?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&chain)?)?;
    let client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Certificate { chain, key, client: Arc::new(client) })
}
