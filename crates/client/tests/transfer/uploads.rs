//! Blobs that go.

use bytes::Bytes;
use wharf_client::remote::Remote;
use wharf_content::error::Error;
use wharf_content::source::Home;
use wharf_content::target::Target as _;
use wharf_testkit::faulty::{Faults, Faulty};

use crate::{Held, descriptor, noise, remote, remote_of};

async fn put(remote: &Remote, bytes: &[u8]) -> Result<(), Error> {
    remote.put_blob(&descriptor(bytes), &Held(Bytes::copy_from_slice(bytes))).await
}

/// What a registry with these faults makes of a blob of this length.
async fn with(faults: Faults, length: usize) -> (Result<(), Error>, Faulty) {
    let faulty = Faulty::start(faults);
    let bytes = noise(length);
    let result = put(&remote(&faulty), &bytes).await;
    let there = faulty.state().blobs.get(&descriptor(&bytes).digest.to_string()) == Some(&bytes);
    assert_eq!(result.is_ok(), there, "it says that it is there where it is: {result:?}");
    (result, faulty)
}

/// Methods and lengths of what was sent.
fn sent(faulty: &Faulty) -> Vec<(String, usize)> {
    let asked = faulty.asked("/blobs/uploads/");
    asked.into_iter().map(|asked| (asked.method.clone(), asked.body.len())).collect()
}

fn methods(faulty: &Faulty) -> String {
    let all: Vec<_> = faulty.asked("/blobs/").into_iter().map(|asked| asked.method).collect();
    all.join(" ")
}

#[tokio::test]
async fn in_one_go() {
    for absolute in [false, true] {
        for length in [0, 1, 100_000, 1_000_000] {
            let (result, faulty) = with(Faults { absolute, ..Faults::default() }, length).await;
            result.unwrap();
            assert_eq!(sent(&faulty), [("POST".to_owned(), 0), ("PUT".to_owned(), length)]);
            let put = &faulty.asked("PUT")[0];
            assert!(put.target.contains("?_state=a%2Fb&digest=sha256%3A"), "{}", put.target);
            assert_eq!(put.header("content-length"), Some(&*length.to_string()));
        }
    }
}

#[tokio::test]
async fn only_the_rest_is_sent_again() {
    let faults = Faults { cut_uploads: [60_000, 30_000].into(), ..Faults::default() };
    let (result, faulty) = with(faults, 100_000).await;
    result.unwrap();
    let lengths: Vec<_> = faulty.asked("PUT").iter().map(|put| put.body.len()).collect();
    assert_eq!(lengths, [60_000, 30_000, 10_000]);
    assert_eq!(methods(&faulty), "POST PUT GET PUT GET PUT");
    let ranges: Vec<_> = faulty.asked("PUT").iter().map(|put| put.header("content-range").map(str::to_owned)).collect();
    assert_eq!(ranges, [None, Some("60000-99999".to_owned()), Some("90000-99999".to_owned())]);
}

#[tokio::test]
async fn who_has_forgotten_gets_all_again() {
    let faults = Faults { cut_uploads: [60_000].into(), forgetful: true, ..Faults::default() };
    let (result, faulty) = with(faults, 100_000).await;
    result.unwrap();
    assert_eq!(methods(&faulty), "POST PUT GET HEAD POST PUT");
    // One byte, or none: that cannot be told apart.
    let (result, faulty) = with(Faults { cut_uploads: [1].into(), ..Faults::default() }, 1000).await;
    result.unwrap();
    assert_eq!(methods(&faulty), "POST PUT GET HEAD POST PUT");
}

#[tokio::test]
async fn a_lost_answer_is_no_lost_blob() {
    let (result, faulty) = with(Faults { lose_last_answer: true, ..Faults::default() }, 100_000).await;
    result.unwrap();
    assert_eq!(methods(&faulty), "POST PUT GET HEAD");
}

#[tokio::test]
async fn not_for_ever() {
    let faults = Faults { cut_uploads: vec![0; 9].into(), ..Faults::default() };
    let (result, faulty) = with(faults, 100_000).await;
    assert!(result.is_err());
    assert_eq!(faulty.asked("PUT").len(), 5);
    let faults = Faults { busy: vec![503; 9].into(), busy_at: "PUT", ..Faults::default() };
    let (result, faulty) = with(faults, 100).await;
    assert!(result.unwrap_err().to_string().contains("is busy"));
    assert_eq!(faulty.asked("PUT").len(), 5);
    for status in [400, 403, 405, 411, 501] {
        let faults = Faults { busy: [status].into(), busy_at: "PUT", ..Faults::default() };
        let (result, faulty) = with(faults, 100).await;
        assert!(result.is_err(), "{status}");
        assert_eq!(methods(&faulty), "POST PUT", "{status}");
    }
}

#[tokio::test]
async fn who_is_busy_is_asked_again() {
    for at in ["POST", "PUT", "uploads"] {
        let faults = Faults { busy: [429, 503, 502, 408].into(), busy_at: at, ..Faults::default() };
        let (result, faulty) = with(faults, 1000).await;
        result.unwrap();
        assert!(faulty.state().faults.busy.is_empty());
    }
}

#[tokio::test]
async fn in_chunks_where_that_is_wanted() {
    let faults = Faults { chunk_min: Some(100_000), ..Faults::default() };
    let (result, faulty) = with(faults, 250_000).await;
    result.unwrap();
    let expect = [("POST", 0), ("PATCH", 100_000), ("PATCH", 100_000), ("PUT", 50_000)];
    assert_eq!(sent(&faulty), expect.map(|(method, length)| (method.to_owned(), length)));
    let faults = Faults { chunk_min: Some(100_000), cut_uploads: [100_000, 7].into(), ..Faults::default() };
    let (result, faulty) = with(faults, 250_000).await;
    result.unwrap();
    assert_eq!(methods(&faulty), "POST PATCH GET PATCH GET PATCH PUT");
    let total: usize = sent(&faulty).iter().map(|(_, length)| length).sum();
    assert_eq!(total, 250_000, "no byte twice");
}

#[tokio::test]
async fn in_smaller_ones_past_a_narrow_proxy() {
    let faults = Faults { body_max: Some(70_000), ..Faults::default() };
    let (result, faulty) = with(faults, 3_000_000).await;
    result.unwrap();
    assert!(sent(&faulty)[3..].iter().all(|(_, length)| *length <= 65_536));
    let (result, _) = with(Faults { body_max: Some(70_000), ..Faults::default() }, 100_000).await;
    assert!(result.unwrap_err().to_string().contains("413"));
}

#[tokio::test]
async fn what_is_not_what_it_says_is_refused() {
    let faulty = Faulty::start(Faults::default());
    let (announced, other) = (noise(1000), vec![0; 1000]);
    let remote = remote(&faulty);
    let error = remote.put_blob(&descriptor(&announced), &Held(other.into())).await.unwrap_err();
    assert!(error.to_string().contains("other bytes"), "{error}");
    for wrong in [999, 1001] {
        let error = remote.put_blob(&descriptor(&announced), &Held(vec![0; wrong].into())).await.unwrap_err();
        assert!(matches!(error, Error::Length { actual, .. } if actual == wrong as u64), "{error}");
    }
    assert!(faulty.state().blobs.is_empty());
}

#[tokio::test]
async fn mounts() {
    let faulty = Faulty::start(Faults::default());
    let bytes = noise(1000);
    faulty.have(&bytes);
    let remote = remote(&faulty);
    let from = |registry: String| Home { registry, repository: "c/d".parse().unwrap() };
    let here = from(format!("http://{}", faulty.address));
    assert!(remote.mount(&descriptor(&bytes), &here).await.unwrap());
    assert!(!remote.mount(&descriptor(&bytes), &from("http://elsewhere".to_owned())).await.unwrap());
    let target = faulty.asked("POST")[0].target.clone();
    assert_eq!(target, format!("/v2/a/b/blobs/uploads/?mount={}&from=c%2Fd", descriptor(&bytes).digest));
    assert_eq!(faulty.asked("").len(), 1);

    // What was begun instead is gone on with.
    faulty.state().faults.no_mounts = true;
    assert!(!remote.mount(&descriptor(&bytes), &here).await.unwrap());
    put(&remote, &bytes).await.unwrap();
    assert_eq!(methods(&faulty), "POST POST PUT");
    faulty.state().faults.busy = [403].into();
    assert!(!remote.mount(&descriptor(&bytes), &here).await.unwrap());
}

#[tokio::test]
async fn a_place_elsewhere_gets_no_login() {
    let store = Faulty::start(Faults::default());
    let faults = Faults {
        location_at: Some(format!("http://{}", store.address)),
        basic: Some(crate::BASIC),
        ..Faults::default()
    };
    let faulty = Faulty::start(faults);
    // What it is asked there it does not know; that is not the point.
    assert!(put(&remote_of(&faulty, Some(crate::kim())), &noise(1000)).await.is_err());
    assert!(!store.asked("").is_empty());
    assert!(store.asked("").iter().all(|asked| asked.header("authorization").is_none()));
}

#[tokio::test]
async fn many_at_once() {
    let faulty = Faulty::start(Faults::default());
    let remote = remote(&faulty);
    let all: Vec<_> = (0..50).map(|n| noise(10_000 + n)).collect();
    let results = futures_util::future::join_all(all.iter().map(|bytes| put(&remote, bytes))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(faulty.state().blobs.len(), 50);
}
