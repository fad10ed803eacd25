//! Tokens that people and robots show in place of a password: `wharf_`, the 32 hexadecimal digits of the token's id, and 43
//! characters that stand for 256 random bits. Scanners find them by how they begin; the ledger keeps a hash of the whole.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use wharf_model::id::Id;
use wharf_store::ledger::people::SecretHash;
use wharf_store::ledger::query::LedgerError;

const PREFIX: &str = "wharf_";
const ID_CHARS: usize = 32;
const SECRET_CHARS: usize = 43;

/// A new token with that id: its text, which is shown once, and the hash that is kept of it.
///
/// # Errors
/// [`LedgerError::Unavailable`]: the operating system gives no randomness.
pub fn new(id: Id) -> Result<(String, SecretHash), LedgerError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| LedgerError::Unavailable(format!("no randomness: {error}")))?;
    let text = format!("{PREFIX}{id}{}", URL_SAFE_NO_PAD.encode(bytes));
    let hash = hash(&text);
    Ok((text, hash))
}

/// The id in what may be a token by its form; `None` where it is a password.
pub(super) fn id_of(text: &str) -> Option<Id> {
    let rest = text.strip_prefix(PREFIX).filter(|rest| rest.len() == ID_CHARS + SECRET_CHARS && rest.is_ascii())?;
    let (id, secret) = rest.split_at(ID_CHARS);
    let is_secret = secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if is_secret { id.parse().ok() } else { None }
}

/// Whether it is the token of which `hash` was kept. Takes the same time whatever is wrong with it.
pub(super) fn is_right(text: &str, kept: &SecretHash) -> bool {
    verify_slices_are_equal(&hash(text).0, &kept.0).is_ok()
}

fn hash(text: &str) -> SecretHash {
    SecretHash(Sha256::digest(text).into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn made_and_read() {
        let id = Id([0xab; 16]);
        let (text, kept) = new(id).expect("randomness");
        assert!(text.starts_with("wharf_abababab") && text.len() == 81, "{text}");
        assert_eq!(id_of(&text), Some(id));
        assert!(is_right(&text, &kept));
        let (other, _) = new(id).expect("randomness");
        assert!(other != text && !is_right(&other, &kept));
        for wrong in
            ["", "wharf_", "wharf_secret", &text[1..], &text[..80], &format!("{text}x"), &text.replace("ab", "xy")]
        {
            assert_eq!(id_of(wrong), None, "{wrong}");
        }
        assert!(!is_right(&text.replace("ab", "AB"), &kept), "spelt in another way");
        let odd = format!("wharf_{}{}:", "ab".repeat(16), "A".repeat(42));
        assert_eq!(id_of(&odd), None);
        assert_eq!(id_of(&format!("wharf_{}{}", "ab".repeat(16), "é".repeat(22))), None);
    }
}
