//! Blobs that come.

use std::io;

use bytes::Bytes;
use wharf_client::remote::Remote;
use wharf_content::source::Source as _;
use wharf_model::descriptor::Descriptor;
use wharf_testkit::faulty::{Faults, Faulty};

use crate::{descriptor, noise, remote, remote_of};

async fn get(remote: &Remote, wanted: &Descriptor, from: u64) -> io::Result<Bytes> {
    let mut body = remote.blob(wanted, from).await.map_err(io::Error::other)?.ok_or(io::ErrorKind::NotFound)?;
    assert_eq!(body.length(), Some(wanted.size - from));
    let bytes = body.collect(1 << 30).await.map_err(|broken| broken.error)?.expect("within the limit");
    assert_eq!(bytes.len() as u64, wanted.size - from, "as long as announced, or an error");
    Ok(bytes)
}

/// What a registry with these faults makes of a blob of this length.
async fn with(faults: Faults, length: usize) -> (io::Result<bool>, Faulty) {
    let faulty = Faulty::start(faults);
    let bytes = noise(length);
    faulty.have(&bytes);
    let found = get(&remote(&faulty), &descriptor(&bytes), 0).await;
    (found.map(|found| found == bytes), faulty)
}

fn ranges(faulty: &Faulty) -> Vec<String> {
    let asked = faulty.asked("GET /v2/a/b/blobs/");
    asked.iter().map(|asked| asked.header("range").unwrap_or("-").to_owned()).collect()
}

#[tokio::test]
async fn a_blob_from_anywhere_on() {
    let faulty = Faulty::start(Faults::default());
    for length in [0, 1, 100_000, 1_000_000] {
        let bytes = noise(length);
        faulty.have(&bytes);
        for from in [0, length / 3, length] {
            let found = get(&remote(&faulty), &descriptor(&bytes), from as u64).await.unwrap();
            assert_eq!(found, bytes[from..], "{length} {from}");
        }
    }
    assert!(remote(&faulty).blob(&descriptor(b"elsewhere"), 0).await.unwrap().is_none());
}

#[tokio::test]
async fn only_the_rest_is_asked_for_again() {
    let (found, faulty) = with(Faults { cut_answers: [60_000, 30_000].into(), ..Faults::default() }, 100_000).await;
    assert!(found.unwrap());
    let asked = ranges(&faulty);
    assert_eq!((asked.len(), &*asked[0]), (3, "-"));
    let start =
        |range: &str| range.strip_prefix("bytes=").unwrap().split('-').next().unwrap().parse::<usize>().unwrap();
    // What was on the way when the connection broke may or may not have been taken.
    assert!(start(&asked[1]) <= 60_000 && start(&asked[2]) >= start(&asked[1]), "{asked:?}");
    assert_eq!(start(&asked[2]), start(&asked[1]) + 30_000);
}

#[tokio::test]
async fn who_takes_no_ranges_sends_all_again() {
    let faults = Faults { cut_answers: [60_000].into(), no_ranges: true, ..Faults::default() };
    assert!(with(faults, 100_000).await.0.unwrap());
    let faulty = Faulty::start(Faults { no_ranges: true, ..Faults::default() });
    let bytes = noise(500_000);
    faulty.have(&bytes);
    assert_eq!(get(&remote(&faulty), &descriptor(&bytes), 7).await.unwrap(), bytes[7..]);
}

#[tokio::test]
async fn not_for_ever() {
    let (found, faulty) = with(Faults { cut_answers: vec![0; 9].into(), ..Faults::default() }, 100_000).await;
    assert!(found.unwrap_err().to_string().contains("the connection broke"));
    assert_eq!(ranges(&faulty).len(), 5);
    let busy = Faults { busy: vec![503; 9].into(), busy_at: "GET", ..Faults::default() };
    let (found, faulty) = with(busy, 100).await;
    assert!(found.unwrap_err().to_string().contains("is busy"));
    assert_eq!(ranges(&faulty).len(), 5);
    let (found, faulty) = with(Faults { busy: [403].into(), ..Faults::default() }, 100).await;
    assert!(found.is_err());
    assert_eq!(ranges(&faulty).len(), 1);
}

#[tokio::test]
async fn who_is_busy_is_asked_again() {
    let faults = Faults { busy: [429, 500, 502, 504].into(), busy_at: "GET", ..Faults::default() };
    let (found, faulty) = with(faults, 100_000).await;
    assert!(found.unwrap());
    assert_eq!(ranges(&faulty).len(), 5);
}

#[tokio::test]
async fn large_ones_come_by_ranges() {
    let (found, faulty) = with(Faults::default(), 1_000_000).await;
    assert!(found.unwrap());
    let mut asked = ranges(&faulty);
    assert_eq!(asked[0], "bytes=0-65535");
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), 1_000_000_usize.div_ceil(64 << 10));

    let faults = Faults { cut_answers: [10, 20, 30, 40, 50].into(), ..Faults::default() };
    assert!(with(faults, 1_000_000).await.0.unwrap());
    let faults = Faults { no_ranges: true, ..Faults::default() };
    let (found, faulty) = with(faults, 1_000_000).await;
    assert!(found.unwrap());
    assert_eq!(ranges(&faulty).len(), 1);
}

#[tokio::test]
async fn many_large_ones_at_once() {
    let faulty = Faulty::start(Faults::default());
    let remote = remote(&faulty);
    let all: Vec<_> = (0..20).map(|n| noise(300_000 + n)).collect();
    for bytes in &all {
        faulty.have(bytes);
    }
    let one = |bytes: &Vec<u8>| {
        let (bytes, remote) = (bytes.clone(), &remote);
        async move { assert_eq!(get(remote, &descriptor(&bytes), 0).await.unwrap(), bytes) }
    };
    futures_util::future::join_all(all.iter().map(one)).await;
}

#[tokio::test]
async fn wrong_lengths_are_errors() {
    for length in [100_000, 1_000_000] {
        for wrong in [length - 1, length + 1] {
            let faults = Faults { wrong_length: Some(wrong), no_ranges: true, ..Faults::default() };
            let error = with(faults, length).await.0.unwrap_err().to_string();
            assert!(error.contains(&format!("gave {wrong} bytes")), "{error}");
        }
        let faults = Faults { more_bytes: 1, no_ranges: true, ..Faults::default() };
        let error = with(faults, length).await.0.unwrap_err().to_string();
        assert!(error.contains(&format!("gave {} bytes", length + 1)), "{error}");
    }
    let faults = Faults { wrong_ranges: true, ..Faults::default() };
    let faulty = Faulty::start(faults);
    let bytes = noise(1000);
    faulty.have(&bytes);
    let error = get(&remote(&faulty), &descriptor(&bytes), 500).await.unwrap_err().to_string();
    assert!(error.contains("another part"), "{error}");
}

#[tokio::test]
async fn small_ones_are_verified() {
    let faulty = Faulty::start(Faults::default());
    let bytes = noise(1000);
    faulty.have(&bytes);
    let remote = remote(&faulty);
    assert_eq!(remote.small_blob(&descriptor(&bytes), 1000).await.unwrap().unwrap(), bytes);
    assert!(remote.small_blob(&descriptor(&bytes), 999).await.is_err());
    faulty.state().faults.wrong_bytes = true;
    let error = remote.small_blob(&descriptor(&bytes), 1000).await.unwrap_err().to_string();
    assert!(error.contains("wrong bytes"), "{error}");
}

#[tokio::test]
async fn a_store_elsewhere_gets_no_login() {
    let store = Faulty::start(Faults { cut_answers: [1000].into(), ..Faults::default() });
    let faulty = Faulty::start(Faults {
        blobs_at: Some(format!("http://{}/x/blobs/", store.address)),
        basic: Some(crate::BASIC),
        ..Faults::default()
    });
    let remote = remote_of(&faulty, Some(crate::kim()));
    for length in [10_000, 1_000_000] {
        let bytes = noise(length);
        store.have(&bytes);
        assert_eq!(get(&remote, &descriptor(&bytes), 0).await.unwrap(), bytes);
    }
    assert!(store.asked("").iter().all(|asked| asked.header("authorization").is_none()));
    let asked = faulty.asked("GET");
    assert!(asked.iter().any(|asked| asked.header("authorization") == Some(crate::BASIC)));
    assert!(asked.len() < store.asked("").len(), "where a blob is needs not be asked for each of its parts");
}

#[tokio::test]
async fn redirects_end() {
    let faulty = Faulty::start(Faults::default());
    let bytes = noise(1000);
    let get = async || get(&remote(&faulty), &descriptor(&bytes), 0).await.unwrap_err().to_string();
    faulty.state().faults.blobs_at = Some("/v2/a/b/blobs/".to_owned());
    assert!(get().await.contains("one redirect too many"));
    assert_eq!(faulty.asked("GET").len(), 6);
    for (to, why) in
        [("file:///etc/", "not http"), ("http://kim:pass@127.0.0.1/", "has a name"), ("http://[", "no URL")]
    {
        faulty.state().faults.blobs_at = Some(to.to_owned());
        let error = get().await;
        assert!(error.contains(why) && error.contains(&faulty.address.to_string()), "{error}");
    }
}
