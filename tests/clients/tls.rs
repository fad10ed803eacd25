//! A private certificate authority, and servers that it vouches for.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use wharf_testkit::server::Server;

use super::sandbox::Sandbox;
use super::setup;

/// The name of 127.0.0.1 as nip.io has it. Nobody need ask there: who is told to resolve it, does.
pub(crate) const NAME: &str = "registry.127.0.0.1.nip.io";

/// A server that speaks TLS as 127.0.0.1, localhost and [`NAME`].
pub(crate) fn server(sandbox: &Sandbox) -> Server {
    let (cert, key) = vouch(sandbox);
    setup().arg("--set").arg(format!("tls.cert={cert}")).arg("--set").arg(format!("tls.key={key}")).start()
}

/// A certificate for these names and its key, as files. The authority's certificate is in the sandbox as `ca/ca.crt`.
pub(crate) fn vouch(sandbox: &Sandbox) -> (String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params.distinguished_name.push(DnType::CommonName, "A private authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = ["127.0.0.1", "localhost", NAME].map(str::to_owned);
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    std::fs::create_dir_all(sandbox.path("ca")).unwrap();
    sandbox.write("ca/ca.crt", authority.pem());
    (sandbox.write("server.crt", leaf.pem()), sandbox.write("server.key", key.serialize_pem()))
}
