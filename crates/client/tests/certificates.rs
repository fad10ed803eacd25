//! A registry that wants to know by a certificate who asks it, and one that has its own authority.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use wharf_client::error::Error;
use wharf_client::http::{Http, HttpSettings};
use wharf_client::origin::Origin;
use wharf_client::registry::Registry;

/// An authority, and what it signed, as files.
struct Signed {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Signed {
    fn new() -> Signed {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let signed = Signed { folder: tempfile::tempdir().unwrap(), authority };
        signed.write("ca.crt", &signed.authority.pem());
        let key = KeyPair::generate().unwrap();
        let client =
            CertificateParams::new(vec!["kim".to_owned()]).unwrap().signed_by(&key, &signed.authority).unwrap();
        signed.write("client.cert", &client.pem());
        signed.write("client.key", &key.serialize_pem());
        signed
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A server that this authority vouches for, and that wants to see a certificate of `clients`.
    async fn server(&self, clients: &Signed) -> u16 {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &self.authority).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(clients.authority.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder().with_client_cert_verifier(verifier);
        let config = config.with_single_cert(vec![leaf.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(acceptor.clone(), stream));
            }
        });
        port
    }
}

async fn answer(acceptor: TlsAcceptor, stream: tokio::net::TcpStream) {
    let mut buffer = [0; 4096];
    match acceptor.accept(stream).into_fallible().await {
        Ok(mut stream) => {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let count = stream.read(&mut buffer).await.unwrap_or(0);
                if count == 0 {
                    return;
                }
                request.extend_from_slice(&buffer[..count]);
            }
            let body = r#"{"repositories":["acme/app"]}"#;
            let answer =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        // What it says of the certificate arrives only where all that was sent is read.
        Err((_, mut stream)) => while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {},
    }
}

async fn ask(settings: HttpSettings, port: u16) -> Result<usize, Error> {
    let origin = Origin::parse(&format!("https://127.0.0.1:{port}"), false).expect("an origin");
    let registry = Registry::new(Arc::new(Http::new(settings)?), origin, None);
    registry.repositories().await.map(|all| all.len())
}

fn with(ca: Option<PathBuf>, identity: Option<&Signed>, folder: Option<&Path>) -> HttpSettings {
    HttpSettings {
        ca_file: ca,
        identity: identity.map(|of| (of.path("client.cert"), of.path("client.key"))),
        certificate_folders: folder.map(Path::to_owned).into_iter().collect(),
        ..HttpSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_asked_for_a_certificate_shows_it() {
    let (ours, others) = (Signed::new(), Signed::new());
    let port = ours.server(&ours).await;
    let ca = || Some(ours.path("ca.crt"));
    assert_eq!(ask(with(ca(), Some(&ours), None), port).await.expect("it is known"), 1);
    let found = ask(with(None, Some(&ours), None), port).await;
    assert!(matches!(found, Err(Error::Untrusted { .. })), "{found:?}");
    for identity in [None, Some(&others)] {
        match ask(with(ca(), identity, None), port).await {
            Err(error @ Error::Distrusted { .. }) => {
                assert!(error.hint().expect("a hint").contains("--cert-file"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_folders_of_others_are_looked_into() {
    let (ours, folder) = (Signed::new(), tempfile::tempdir().unwrap());
    let port = ours.server(&ours).await;
    let own = folder.path().join(format!("127.0.0.1:{port}"));
    let found = ask(with(None, None, Some(folder.path())), port).await;
    assert!(matches!(found, Err(Error::Untrusted { .. })), "{found:?}");
    fs::create_dir(&own).unwrap();
    for name in ["ca.crt", "client.cert", "client.key"] {
        fs::copy(ours.path(name), own.join(name)).unwrap();
    }
    fs::write(own.join("README"), "what this is").unwrap();
    assert_eq!(ask(with(None, None, Some(folder.path())), port).await.expect("it is known"), 1);
    // They are for that registry alone.
    let other = ours.server(&ours).await;
    let found = ask(with(None, None, Some(folder.path())), other).await;
    assert!(matches!(found, Err(Error::Untrusted { .. })), "{found:?}");
    fs::remove_file(own.join("client.key")).unwrap();
    let found = ask(with(None, None, Some(folder.path())), port).await;
    assert!(found.expect_err("there is no key").to_string().contains("client.key"));
}

#[test]
fn files_that_are_none_are_named() {
    let ours = Signed::new();
    ours.write("client.key", "no key");
    let error = Http::new(with(None, Some(&ours), None)).expect_err("refused").to_string();
    assert!(error.contains("client.cert") && error.contains("client.key"), "{error}");
    let gone = HttpSettings { identity: Some(("/none.pem".into(), "/none.key".into())), ..HttpSettings::default() };
    assert!(Http::new(gone).expect_err("refused").to_string().contains("/none.pem"));
}
