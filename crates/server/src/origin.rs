//! Under which address a client sees us: what the token realm is built from.
//!
//! One registry may be reached by an IP address, by a name and through a TLS proxy at the same time, so it is found anew for
//! each request: `--url` if it is set, else what the request says. Forwarded headers count only from trusted proxies.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::Version;
use http::header::{self, HeaderName};
use http::request::Parts;

use crate::extract;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Who is at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether the connection is by TLS.
    pub tls: bool,
}

/// Scheme and host of the address that a client used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin of a request.
    pub fn of(parts: &Parts, peer: &Peer, url: Option<&str>, trusted: &[Network]) -> Origin {
        if let Some(url) = url {
            return Origin(url.trim_end_matches('/').to_owned());
        }
        let trusted = is_trusted(peer, trusted);
        let forwarded = |name| extract::header(parts, name).filter(|_| trusted).map(first);
        let scheme = match forwarded(X_FORWARDED_PROTO) {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => "http",
            _ if peer.tls => "https",
            _ => "http",
        };
        let host = forwarded(X_FORWARDED_HOST).filter(|host| is_host(host)).or_else(|| host(parts));
        Origin(format!("{scheme}://{}", host.unwrap_or("localhost")))
    }

    /// Whether what goes there and back cannot be read on the way.
    pub fn is_secure(&self) -> bool {
        self.0.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
    }

    /// The host, with its port.
    pub fn host(&self) -> &str {
        self.0.split_once("://").map_or(&self.0, |(_, host)| host)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What [`sender`] says, beside a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender(pub IpAddr);

/// Who sent a request: the peer, or where that is a trusted proxy, whom it and those before it name in `X-Forwarded-For`. What
/// stands further left than the first whom nobody trusts anybody can have written.
pub fn sender(parts: &Parts, peer: &Peer, trusted: &[Network]) -> IpAddr {
    let mut sender = peer.address.ip();
    let lines = parts.headers.get_all(X_FORWARDED_FOR).iter().rev();
    // Each by itself: what anybody wrote further left may not even be text.
    let named = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    for name in named {
        let name = std::str::from_utf8(name).unwrap_or_default().trim();
        if !trusted.iter().any(|network| network.contains(sender)) {
            break;
        }
        let address = name.parse::<IpAddr>().or_else(|_| name.parse::<SocketAddr>().map(|address| address.ip()));
        let Ok(address) = address else { break };
        sender = address;
    }
    sender
}

/// The host that a request names, with its port: in its target (`:authority` on HTTP/2), else in its `Host` (RFC 9112 §3.2).
pub fn host(parts: &Parts) -> Option<&str> {
    let target = parts.uri.authority().map(|authority| authority.as_str());
    [target, extract::header(parts, header::HOST)].into_iter().flatten().find(|host| is_host(host))
}

/// Whether the host, with or without a port, can only be this machine, whatever a name service says.
pub fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_loopback = name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    is_loopback || name == "localhost" || name.ends_with(".localhost")
}

/// Whether a request names its host once, as HTTP/1.1 demands: of several, a proxy may have believed another than we do.
pub fn has_one_host(parts: &Parts) -> bool {
    let lines = parts.headers.get_all(header::HOST).iter().count();
    lines == 1 || lines == 0 && parts.version != Version::HTTP_11
}

/// Whether somebody speaks of another address, whom nobody said to be a proxy of ours.
pub fn is_ignored(parts: &Parts, peer: &Peer, trusted: &[Network]) -> bool {
    let names = [X_FORWARDED_PROTO, X_FORWARDED_HOST, X_FORWARDED_FOR];
    names.iter().any(|name| parts.headers.contains_key(name)) && !is_trusted(peer, trusted)
}

fn is_trusted(peer: &Peer, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(peer.address.ip()))
}

/// The first of a list that each proxy adds to.
fn first(list: &str) -> &str {
    list.split(',').next().unwrap_or_default().trim()
}

/// Letters, digits and what addresses need: it goes into a header of ours.
fn is_host(host: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    !host.is_empty() && host.len() <= 255 && host.bytes().all(fits)
}

/// A range of addresses, `10.0.0.0/8`, or a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether the address is in it. An IPv4 address that comes as IPv6 is the same address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                shared(ours.to_bits().into(), theirs.to_bits().into(), 32) >= self.prefix
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => shared(ours.to_bits(), theirs.to_bits(), 128) >= self.prefix,
            _ => false,
        }
    }
}

/// How many leading bits two numbers of `width` bits share.
fn shared(ours: u128, theirs: u128, width: u32) -> u8 {
    ((ours ^ theirs).leading_zeros() - (128 - width)) as u8
}

impl std::str::FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(width), |prefix| prefix.parse().map_err(|_| NetworkError))?;
        match address.to_canonical() {
            _ if prefix > width => Err(NetworkError),
            // An IPv4 address that was written as IPv6 is the same address; a network of both families is not a range here.
            canonical if canonical != address && prefix < 96 => Err(NetworkError),
            canonical if canonical != address => Ok(Network { address: canonical, prefix: prefix - 96 }),
            _ => Ok(Network { address, prefix }),
        }
    }
}

/// The text is not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a network is an IP address, or one with a prefix length, as in 10.0.0.0/8")]
pub struct NetworkError;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn origin(headers: &[(&str, &str)], tls: bool, url: Option<&str>) -> String {
        let mut request = http::Request::builder().uri("/v2/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let peer = Peer { address: "10.1.2.3:4".parse().unwrap(), tls };
        Origin::of(&parts, &peer, url, &["10.0.0.0/8".parse().unwrap()]).to_string()
    }

    #[test]
    fn origins() {
        assert_eq!(origin(&[("host", "127.0.0.1:5000")], false, None), "http://127.0.0.1:5000");
        assert_eq!(origin(&[("host", "reg.127.0.0.1.nip.io:5000")], false, None), "http://reg.127.0.0.1.nip.io:5000");
        assert_eq!(origin(&[("host", "r.example")], true, None), "https://r.example");
        assert_eq!(
            origin(
                &[("host", "inner"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "r.example")],
                false,
                None
            ),
            "https://r.example"
        );
        assert_eq!(origin(&[("host", "inner")], false, Some("https://r.example/")), "https://r.example");
        assert_eq!(origin(&[("host", "a\"b")], false, None), "http://localhost");
        assert_eq!(origin(&[("host", "inner"), ("x-forwarded-host", "a\"b")], false, None), "http://inner");
    }

    #[test]
    fn senders() {
        let check_bytes = |peer: &str, lines: &[&[u8]], expect: &str| {
            let mut request = http::Request::builder().uri("/v2/");
            for line in lines {
                request = request.header("x-forwarded-for", *line);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let peer = Peer { address: peer.parse().unwrap(), tls: false };
            let found = sender(&parts, &peer, &["10.0.0.0/8".parse().unwrap()]);
            assert_eq!(found, expect.parse::<IpAddr>().unwrap(), "{peer:?} {lines:?}");
        };
        let check = |peer: &str, lines: &[&str], expect: &str| {
            check_bytes(peer, &lines.iter().map(|line| line.as_bytes()).collect::<Vec<_>>(), expect);
        };
        check_bytes("10.1.2.3:4", &[b"\xff, 198.51.100.7"], "198.51.100.7");
        check_bytes("10.1.2.3:4", &[b"198.51.100.7, \xff"], "10.1.2.3");
        check("192.0.2.1:4", &[], "192.0.2.1");
        check("192.0.2.1:4", &["198.51.100.7"], "192.0.2.1");
        check("10.1.2.3:4", &[], "10.1.2.3");
        check("10.1.2.3:4", &["198.51.100.7"], "198.51.100.7");
        check("[::ffff:10.1.2.3]:4", &["2001:db8::1"], "2001:db8::1");
        check("10.1.2.3:4", &["203.0.113.9, 198.51.100.7,10.0.0.2"], "198.51.100.7");
        check("10.1.2.3:4", &["203.0.113.9", "198.51.100.7", "10.0.0.2"], "198.51.100.7");
        check("10.1.2.3:4", &["198.51.100.7:1234"], "198.51.100.7");
        check("10.1.2.3:4", &["[2001:db8::1]:1234"], "2001:db8::1");
        check("10.1.2.3:4", &["198.51.100.7, unknown"], "10.1.2.3");
        check("10.1.2.3:4", &[""], "10.1.2.3");
        check("10.1.2.3:4", &["10.9.9.9"], "10.9.9.9");
    }

    #[test]
    fn names_of_this_machine() {
        for local in ["127.0.0.1", "127.1.2.3:5000", "[::1]:5000", "[::ffff:127.0.0.1]", "LOCALHOST:1", "a.localhost."]
        {
            assert!(is_local(local), "{local}");
        }
        for other in ["evil.example", "127.0.0.1.evil.example", "notlocalhost", "10.0.0.1", "[::2]", "", "[", "127.0.0"]
        {
            assert!(!is_local(other), "{other}");
        }
    }

    fn parts(version: Version, uri: &str, hosts: &[&str]) -> Parts {
        let mut request = http::Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_host_of_a_request_is_in_its_target_or_in_one_line() {
        let check = |version, uri, hosts: &[&str], expect: Option<&str>, one| {
            let parts = parts(version, uri, hosts);
            assert_eq!((host(&parts), has_one_host(&parts)), (expect, one), "{uri} {hosts:?}");
        };
        check(Version::HTTP_11, "/v2/", &["a"], Some("a"), true);
        check(Version::HTTP_11, "http://b:1/v2/", &["a"], Some("b:1"), true);
        check(Version::HTTP_11, "http://u@b/v2/", &["a"], Some("a"), true);
        check(Version::HTTP_11, "/v2/", &[], None, false);
        check(Version::HTTP_11, "/v2/", &["a", "a"], Some("a"), false);
        check(Version::HTTP_10, "/v2/", &[], None, true);
        check(Version::HTTP_2, "http://b/v2/", &[], Some("b"), true);
        check(Version::HTTP_2, "http://b/v2/", &["a", "b"], Some("b"), false);
    }

    #[test]
    fn networks() {
        let check = |network: &str, address: &str, expect| {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), expect, "{network:?} {address}");
        };
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.0/8", "::ffff:10.0.0.1", true);
        check("127.0.0.1", "127.0.0.1", true);
        check("127.0.0.1", "127.0.0.2", false);
        check("0.0.0.0/0", "1.2.3.4", true);
        check("::1", "::1", true);
        check("fd00::/8", "fd12::1", true);
        check("fd00::/8", "10.0.0.1", false);
        check("::ffff:10.0.0.0/104", "10.255.0.1", true);
        check("::ffff:10.0.0.0/104", "11.0.0.1", false);
        for bad in ["", "::ffff:10.0.0.0/95", "10.0.0.0/33", "10.0.0/8", "x", "::/129", "10.0.0.0/-1"] {
            assert_eq!(bad.parse::<Network>(), Err(NetworkError), "{bad}");
        }
    }
}
