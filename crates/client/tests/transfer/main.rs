//! Content moved from and to registries that do things wrong: what arrives is right or an error, what is repeated is only the
//! rest, and no login goes astray.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub, reason = "tests")]

mod downloads;
mod logins;
mod manifests;
mod probes;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use wharf_client::credentials::{Login, Secret};
use wharf_client::http::{Http, HttpSettings, Transfer};
use wharf_client::origin::Origin;
use wharf_client::registry::Registry;
use wharf_client::remote::Remote;
use wharf_content::body::Body;
use wharf_content::error::Error;
use wharf_content::target::Origin as Bytewise;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::{Algorithm, Digest};
use wharf_model::media::{MediaType, OCTET_STREAM};
use wharf_testkit::faulty::Faulty;

/// `kim:pass`
const BASIC: &str = "Basic a2ltOnBhc3M=";

fn kim() -> Login {
    Login::Password { user: "kim".to_owned(), password: Secret::new("pass") }
}

/// Nothing is waited for, and what is large is not.
fn transfer() -> Transfer {
    let (ranges_from, range, chunk) = (256 << 10, 64 << 10, 64 << 10);
    Transfer { pause: Duration::ZERO, ranges_from, ranges: 4, ranges_at_home: true, range, chunk }
}

fn remote_of(faulty: &Faulty, login: Option<Login>) -> Remote {
    let settings = HttpSettings { transfer: transfer(), ..HttpSettings::default() };
    let http = Arc::new(Http::new(settings).unwrap());
    let origin = Origin::parse(&faulty.address.to_string(), false).unwrap();
    Remote::new(Arc::new(Registry::new(http, origin, login)), "a/b".parse().unwrap())
}

fn remote(faulty: &Faulty) -> Remote {
    remote_of(faulty, None)
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u8
    };
    std::iter::repeat_with(&mut next).take(length).collect()
}

fn descriptor(bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: MediaType::known(OCTET_STREAM),
        digest: Digest::of(Algorithm::Sha256, bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        urls: None,
        annotations: None,
    }
}

/// Bytes to send, in pieces.
struct Held(Bytes);

#[async_trait]
impl Bytewise for Held {
    async fn open(&self, from: u64) -> Result<Body, Error> {
        let rest = self.0.slice(from as usize..);
        let pieces: Vec<_> = rest.chunks(10_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        Ok(Body::new(Some(rest.len() as u64), futures_util::stream::iter(pieces)))
    }
}
