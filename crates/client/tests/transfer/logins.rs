//! Who gets a login, and how often a token is asked for.

use bytes::Bytes;
use wharf_client::error::Error as ClientError;
use wharf_content::error::Error;
use wharf_content::source::{Home, Source as _};
use wharf_content::target::Target as _;
use wharf_testkit::faulty::{Faults, Faulty};

use crate::{BASIC, Held, descriptor, kim, noise, remote, remote_of};

fn tokens(uses: Option<usize>) -> Faults {
    Faults { realm: Some("SELF/token".to_owned()), basic: Some(BASIC), token_uses: uses, ..Faults::default() }
}

#[tokio::test]
async fn one_token_for_each_scope() {
    let faulty = Faulty::start(tokens(None));
    let remote = remote_of(&faulty, Some(kim()));
    let bytes = noise(1000);
    for _ in 0..3 {
        remote.put_blob(&descriptor(&bytes), &Held(Bytes::from(bytes.clone()))).await.unwrap();
        assert!(remote.has_blob(&descriptor(&bytes)).await.unwrap());
        remote.tags().await.unwrap();
    }
    let here = Home { registry: format!("http://{}", faulty.address), repository: "c/d".parse().unwrap() };
    assert!(remote.mount(&descriptor(&bytes), &here).await.unwrap());
    let asked: Vec<_> = faulty.asked("/token").into_iter().map(|asked| asked.target).collect();
    let scope = |scope: &str| format!("/token?service=s&scope=repository%3Aa%2Fb%3A{scope}&account=kim");
    let both = "pull%2Cpush&scope=repository%3Ac%2Fd%3Apull";
    assert_eq!(asked, [scope("pull%2Cpush"), scope("pull"), scope(both)]);
    // The first request says nothing, as it is not known yet what is wanted.
    assert_eq!(faulty.asked("/v2/")[0].header("authorization"), None);
    let others = faulty.asked("/v2/");
    assert!(
        others[1..].iter().all(|asked| asked.header("authorization").is_some_and(|sent| sent.starts_with("Bearer ")))
    );
}

#[tokio::test]
async fn tokens_are_renewed_once() {
    let faulty = Faulty::start(tokens(Some(3)));
    let remote = remote_of(&faulty, Some(kim()));
    for n in 0..10 {
        let bytes = noise(1000 + n);
        remote.put_blob(&descriptor(&bytes), &Held(Bytes::from(bytes.clone()))).await.unwrap();
    }
    assert_eq!(faulty.state().blobs.len(), 10);

    let faulty = Faulty::start(tokens(Some(0)));
    let error = remote_of(&faulty, Some(kim())).tags().await.unwrap_err();
    let Error::End(error) = error else { panic!("{error}") };
    assert!(matches!(error.downcast_ref(), Some(ClientError::Unauthorized { logged_in: true, .. })), "{error}");
    assert_eq!(faulty.asked("/v2/").len(), 2);
}

#[tokio::test]
async fn nobody_gets_a_token_too() {
    let faulty = Faulty::start(Faults { basic: None, ..tokens(None) });
    let bytes = noise(1000);
    faulty.have(&bytes);
    assert!(remote(&faulty).has_blob(&descriptor(&bytes)).await.unwrap());
    assert!(faulty.asked("/token").iter().all(|asked| asked.header("authorization").is_none()));

    // Who has to log in is told so.
    let faulty = Faulty::start(Faults { basic: Some(BASIC), ..Faults::default() });
    let error = remote(&faulty).tags().await.unwrap_err();
    let Error::End(error) = error else { panic!("{error}") };
    let hint = error.downcast_ref::<ClientError>().and_then(ClientError::hint).unwrap();
    assert!(hint.starts_with("log in first"), "{hint}");
}

#[tokio::test]
async fn hostile_realms_get_nothing() {
    let faulty = Faulty::start(Faults { realm: Some("http://registry.example.com/token".to_owned()), ..tokens(None) });
    let error = remote_of(&faulty, Some(kim())).tags().await.unwrap_err().to_string();
    assert!(error.contains("registry.example.com") && error.contains("in the clear"), "{error}");
    assert!(faulty.asked("").iter().all(|asked| asked.header("authorization").is_none()));
}

#[tokio::test]
async fn who_asks_for_a_password_gets_it() {
    let faulty = Faulty::start(Faults { basic: Some(BASIC), ..Faults::default() });
    let remote = remote_of(&faulty, Some(kim()));
    let bytes = noise(1000);
    remote.put_blob(&descriptor(&bytes), &Held(Bytes::from(bytes.clone()))).await.unwrap();
    let sent: Vec<_> = faulty.asked("").iter().map(|asked| asked.header("authorization").map(str::to_owned)).collect();
    assert_eq!(sent, [None, Some(BASIC.to_owned()), Some(BASIC.to_owned())]);
}
