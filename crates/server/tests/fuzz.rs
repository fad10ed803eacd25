//! What the server reads of a request by itself: where it came from and its parameters. The corpus is beside, in `__fuzz__`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::IpAddr;

use http::Request;
use wharf_model::limits::PAGE_ENTRIES_MAX;
use wharf_server::extract::Query;
use wharf_server::origin::{Network, Origin, Peer};
use wharf_testkit::fuzz::{BRIEFLY, Feed};

fn feed(target: &str, words: &[&str]) -> Feed {
    Feed::new(format!("{}/tests/__fuzz__/{target}", env!("CARGO_MANIFEST_DIR")), words)
}

/// A network has the address that it was written with, in both spellings of it.
#[test]
fn network() {
    let words = [
        "10.0.0.0",
        "127.0.0.1",
        "::1",
        "fd00::",
        "::ffff:",
        "::",
        "/",
        "8",
        "0",
        "32",
        "33",
        "104",
        "128",
        ":",
        ".",
        "+",
        "%",
    ];
    let feed = feed("network", &words);
    bolero::check!(name = "network").with_test_time(BRIEFLY).for_each(|input: &[u8]| {
        feed.each_text(input, |text| {
            let Ok(network) = text.parse::<Network>() else { return };
            let address: IpAddr =
                text.split('/').next().unwrap_or_default().parse().expect("it begins with an address");
            assert!(network.contains(address) && network.contains(address.to_canonical()), "{text}");
            if let IpAddr::V4(address) = address {
                assert!(network.contains(address.to_ipv6_mapped().into()), "{text}");
            }
        });
    });
}

/// Whatever a proxy or a client says, the origin is a scheme and a host, fit for a header.
#[test]
fn host() {
    let words = ["r.example", ":5000", "[::1]", ",", " ", "\"", "\\", "/", "@", "?", "#", "\r\n", "é", "https", "http"];
    let feed = feed("host", &words);
    bolero::check!(name = "host").with_test_time(BRIEFLY).for_each(|input: &[u8]| {
        feed.each(input, |bytes| {
            for name in ["host", "x-forwarded-host", "x-forwarded-proto"] {
                let Ok(request) = Request::builder().uri("/v2/").header(name, bytes).body(()) else { return };
                let peer = Peer { address: "10.1.2.3:4".parse().expect("an address"), tls: false };
                let network = "10.0.0.0/8".parse().expect("a network");
                let origin = Origin::of(&request.into_parts().0, &peer, None, &[network]);
                let host = origin.host();
                assert!(!host.is_empty() && host.len() <= 255, "{origin}");
                assert!(host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte)), "{origin}");
                assert!(
                    origin.to_string() == format!("http://{host}") || origin.to_string() == format!("https://{host}")
                );
            }
        });
    });
}

/// The first of several counts, and a page is never larger than it may be.
#[test]
fn query() {
    let words =
        ["n=", "last=", "tag=", "digest=", "&", "=", "%", "%20", "%ff", "+", "10000", "-1", "sha256%3A", ";", "n"];
    let feed = feed("query", &words);
    bolero::check!(name = "query").with_test_time(BRIEFLY).for_each(|input: &[u8]| {
        feed.each_text(input, |text| {
            let Ok(request) = Request::builder().uri(format!("/v2/a/tags/list?{text}")).body(()) else { return };
            let parts = request.into_parts().0;
            let query = Query::of(&parts);
            for name in ["n", "last", "tag", "digest", ""] {
                assert_eq!(query.get(name), query.all(name).next(), "{text}");
            }
            if let Ok(page) = query.page() {
                assert!(page.limit <= PAGE_ENTRIES_MAX);
                assert_eq!(page.after.as_deref(), query.get("last").as_deref().filter(|last| !last.is_empty()));
            }
        });
    });
}
