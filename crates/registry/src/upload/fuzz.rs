//! Names of sessions and notes of uploads, read from what nobody wrote. The corpus is beside, in `__fuzz__`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::panic::AssertUnwindSafe;

use wharf_model::permission::Permissions;
use wharf_testkit::fuzz::{BRIEFLY, Feed};

use super::*;
use crate::actor::{Actor, Subject};

fn feed(target: &str, words: &[&str]) -> Feed {
    Feed::new(format!("{}/src/upload/__fuzz__/{target}", env!("CARGO_MANIFEST_DIR")), words)
}

fn access(repository: &str) -> Access {
    let actor = Actor::User { id: Id([1; 16]), name: "kim".parse().expect("a name") };
    let subject = Subject { actor, ..Subject::anonymous() };
    let repository = repository.parse().expect("a name");
    Access {
        subject,
        action: Action::Push,
        repository,
        given: Permissions::ALL,
        project: None,
        id: Some(Id([1; 16])),
        is_public: false,
        rules: None,
    }
}

/// What is read as a name has one meaning, and only what was sealed here, for that repository and actor, opens.
#[test]
fn session_name() {
    let words = ["-", ".", "=", "_", "00000000", "0000-0000", "AQAAAAAAAAAAAAAAAAAAAAAAAAAA", "AgAAAAEA"];
    let feed = feed("session_name", &words);
    let sessions = Sessions::new(&MasterKey::from_bytes([7; 32]));
    let (mine, other) = (access("acme/app"), access("acme/other"));
    let sessions = AssertUnwindSafe(sessions);
    bolero::check!(name = "session_name").with_test_time(BRIEFLY).for_each(|input: &[u8]| {
        feed.each_text(input, |text| {
            assert!(sessions.open(text, &mine).is_err(), "nobody sealed {text:?}");
            let Some(name) = parse_session(text) else { return };
            let sealed = sessions.seal(&name, &mine);
            assert!(sealed.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)), "{sealed}");
            assert_eq!(parse_session(&sealed), Some(name));
            assert_eq!(sessions.open(&sealed, &mine).ok(), Some(name));
            assert!(sessions.open(&sealed, &other).is_err(), "sealed for another repository");
        });
    });
}

/// A sealed name with one byte changed does not open.
#[test]
fn changed_session_name() {
    let sessions = Sessions::new(&MasterKey::from_bytes([7; 32]));
    let mine = access("acme/app");
    let name = SessionName { id: Id([3; 16]), algorithm: Algorithm::Sha256, begun_hour: 500_000 };
    let sealed = sessions.seal(&name, &mine);
    for at in 0..sealed.len() {
        for byte in (b' '..=b'~').filter(|byte| *byte != sealed.as_bytes()[at]) {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = byte;
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(sessions.open(&changed, &mine).is_err(), "{changed}");
        }
        assert!(sessions.open(&sealed[..at], &mine).is_err());
    }
}

/// What is read as a note is written to the same again.
#[test]
fn note() {
    let feed =
        feed("note", &["{", "}", "\"", ":", ",", "\\\"", "tail", "state", "version", "null", "1", "AAAA", "0101"]);
    let note = |state: &[u8]| UploadNote {
        reserved: 0,
        id: Id([3; 16]),
        repository: "acme/app".parse().expect("a name"),
        actor: "user:1".to_owned(),
        version: 4,
        state: Bytes::copy_from_slice(state),
        updated_at: 0,
    };
    bolero::check!(name = "note").with_test_time(BRIEFLY).for_each(|input: &[u8]| {
        feed.each(input, |bytes| {
            let Some(mut upload) = Upload::from_note(note(bytes)) else { return };
            upload.draw_up();
            let again = Upload::from_note(upload.next_note(5)).expect("what was just written");
            assert_eq!((again.id, again.version, again.reserved), (upload.id, upload.version + 1, 5));
            assert_eq!(again.offset(), upload.offset());
            assert_eq!((again.state.id, again.state.digest), (upload.state.id, upload.state.digest));
            assert_eq!(again.tail, upload.tail);
            assert_eq!(again.state.hasher.finish(), upload.state.hasher.finish());
        });
    });
}
