//! The `Authorization` header and tokens, read from what nobody wrote. The corpus is beside, in `__fuzz__`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::panic::AssertUnwindSafe;

use base64::engine::general_purpose::STANDARD;
use wharf_model::id::Id;
use wharf_testkit::fuzz::{BRIEFLY, Feed};

use super::token::Owner;
use super::*;

const NOW: Millis = 1_800_000_000_000;

fn feed(target: &str, words: &[&str]) -> Feed {
    Feed::new(format!("{}/src/identity/__fuzz__/{target}", env!("CARGO_MANIFEST_DIR")), words)
}

#[test]
fn authorization() {
    let words = [
        "Basic ",
        "basic",
        "Bearer ",
        "BEARER  ",
        " ",
        "a2ltOnBhc3M6d29yZA==",
        "a2lt",
        ":",
        "=",
        "Og",
        "\0",
        "é",
        "a.b.c",
    ];
    let feed = feed("authorization", &words);
    bolero::check!(name = "authorization").with_test_time(BRIEFLY).for_each(|input: &[u8]| {
        feed.each(input, |header| match Header::parse(header) {
            Ok(Header::Basic { name, password }) => {
                assert!(!name.is_empty() && !name.contains(':'), "{name:?}");
                assert!(name.len() <= CREDENTIAL_BYTES_MAX && password.len() <= CREDENTIAL_BYTES_MAX);
                assert!(!name.chars().chain(password.chars()).any(char::is_control), "{name:?}");
                let plain = format!("bAsIc {}", STANDARD.encode(format!("{name}:{password}")));
                match Header::parse(plain.as_bytes()) {
                    Ok(Header::Basic { name: n, password: p }) => assert_eq!((n, p), (name, password)),
                    _ => panic!("{plain} is not read as it was meant"),
                }
            }
            Ok(Header::Bearer(token)) => {
                assert!(!token.is_empty() && token == token.trim(), "{token:?}");
                assert!(matches!(Header::parse(format!("bearer {token}").as_bytes()), Ok(Header::Bearer(same)) if same == token));
            }
            Err(error) => assert_eq!(error, AuthError::Malformed),
        });
    });
}

/// A token opens as it was made, and in no other spelling.
#[test]
fn token() {
    let tokens = Tokens::new(&MasterKey::from_bytes([7; 32]));
    let good = tokens
        .issue(Audience::Access, Some(Owner { account: Id([5; 16]), epoch: 3, secret: None }), Vec::new(), NOW)
        .expect("issued");
    let words =
        [".", "=", "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9", "eyJhbGciOiJub25lIn0", "e30", "A", "AAAA", "-_", &good];
    let feed = feed("token", &words);
    let tokens = AssertUnwindSafe(tokens);
    bolero::check!(name = "token").with_test_time(BRIEFLY).for_each(|input: &[u8]| {
        feed.each_text(input, |text| {
            let known = tokens.verify(Audience::Access, text, NOW);
            assert_eq!(known.is_ok(), text == good, "{text:?}");
        });
        // The good one with a byte changed, a piece cut out, or something put in.
        let [at, byte, ..] = *input else { return };
        let at = usize::from(at) * good.len() / 256;
        let mut changed = good.clone().into_bytes();
        match byte {
            0..=127 => changed[at] = byte,
            128..=191 => drop(changed.drain(at..good.len().min(at + usize::from(byte) - 127))),
            _ => changed.insert(at, byte - 128),
        }
        let Ok(changed) = String::from_utf8(changed) else { return };
        assert_eq!(tokens.verify(Audience::Access, &changed, NOW).is_ok(), changed == good, "{changed}");
    });
}
