//! Where a registry may send us for the bytes of a blob: not from https to http, not from the world into our own network,
//! and never with a login.

use std::net::{IpAddr, Ipv6Addr};

use reqwest::Url;

use crate::origin::is_loopback;

/// Most redirects that are followed, one after the other.
pub(crate) const REDIRECTS_MAX: usize = 5;

/// From where an address can be reached; what comes later from fewer places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// From everywhere.
    World,
    /// From our own network only.
    Network,
    /// From this machine only.
    Machine,
}

impl Reach {
    /// Of an address.
    fn of(address: IpAddr) -> Reach {
        let address = address.to_canonical();
        if address.is_loopback() || address.is_unspecified() {
            return Reach::Machine;
        }
        let is_inside = match address {
            IpAddr::V4(address) => {
                let [a, b, ..] = address.octets();
                let is_shared = a == 100 && (64..128).contains(&b);
                address.is_private() || address.is_link_local() || address.is_broadcast() || is_shared || a == 0
            }
            IpAddr::V6(address) => is_inside(&address),
        };
        if is_inside { Reach::Network } else { Reach::World }
    }

    /// Of whoever is at `url`: the least of all its addresses. A name that cannot be looked up here is of the world: then it
    /// is a proxy that knows it, or nobody.
    pub(crate) async fn of_url(url: &Url) -> Reach {
        if is_loopback(url) {
            return Reach::Machine;
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if let Ok(address) = host.parse() {
            return Reach::of(address);
        }
        let port = url.port_or_known_default().unwrap_or(443);
        let found = tokio::net::lookup_host((host, port)).await;
        found.into_iter().flatten().map(|address| Reach::of(address.ip())).max().unwrap_or(Reach::World)
    }
}

fn is_inside(address: &Ipv6Addr) -> bool {
    address.is_unique_local() || address.is_unicast_link_local() || address.is_multicast()
}

/// Why a redirect from `from` to `to` is not followed, as far as the text of the URLs says.
pub(crate) fn refusal(from: &Url, to: &Url) -> Option<&'static str> {
    match (from.scheme(), to.scheme()) {
        ("https", "http") => Some("which is in the clear"),
        (_, "http" | "https") if !to.username().is_empty() || to.password().is_some() => Some("which has a name in it"),
        (_, "http" | "https") => None,
        _ => Some("which is not http"),
    }
}

/// Why whoever can be reached from `origin` does not send us to whoever can be reached from `to`.
pub(crate) fn reach_refusal(origin: Reach, to: Reach) -> Option<&'static str> {
    (to > origin).then_some(match to {
        Reach::Machine => "which is this machine",
        _ => "which is inside a network that it is not in itself",
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[tokio::test]
    async fn reaches() {
        for (url, expect) in [
            ("https://192.0.2.1/x", Reach::World),
            ("https://[2001:db8::1]/", Reach::World),
            ("https://10.1.2.3/", Reach::Network),
            ("https://172.16.0.1/", Reach::Network),
            ("https://192.168.1.1:8443/", Reach::Network),
            ("http://169.254.169.254/latest/meta-data", Reach::Network),
            ("https://100.64.0.1/", Reach::Network),
            ("https://[fd00::1]/", Reach::Network),
            ("https://[fe80::1]/", Reach::Network),
            ("https://127.0.0.1/", Reach::Machine),
            ("https://2130706433/", Reach::Machine),
            ("https://localhost:5000/", Reach::Machine),
            ("https://a.localhost/", Reach::Machine),
            ("https://0.0.0.0/", Reach::Machine),
            ("https://[::1]/", Reach::Machine),
            ("https://[::ffff:127.0.0.1]/", Reach::Machine),
            ("https://[::ffff:10.0.0.1]/", Reach::Network),
        ] {
            assert_eq!(Reach::of_url(&Url::parse(url).expect("a URL")).await, expect, "{url}");
        }
    }

    #[test]
    fn who_sends_where() {
        let check = |from: &str, to: &str, expect: Option<&str>| {
            let parse = |text| Url::parse(text).expect("a URL");
            assert_eq!(refusal(&parse(from), &parse(to)), expect, "{from} {to}");
        };
        check("https://a/", "https://b/x?sig=1", None);
        check("http://a/", "http://b/", None);
        check("http://a/", "https://b/", None);
        check("https://a/", "http://a/", Some("which is in the clear"));
        check("https://a/", "file:///etc/passwd", Some("which is not http"));
        check("https://a/", "https://kim:x@b/", Some("which has a name in it"));
        assert_eq!(reach_refusal(Reach::World, Reach::World), None);
        assert_eq!(reach_refusal(Reach::Network, Reach::Network), None);
        assert_eq!(reach_refusal(Reach::Machine, Reach::Network), None);
        assert_eq!(reach_refusal(Reach::World, Reach::Machine), Some("which is this machine"));
        assert!(reach_refusal(Reach::World, Reach::Network).is_some());
        assert_eq!(reach_refusal(Reach::Network, Reach::Machine), Some("which is this machine"));
    }
}
