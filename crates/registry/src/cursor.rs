//! Where the next page of a list begins, as whoever asks for pages gets to see it: sealed, so that it says nothing.
//!
//! A page ends where it is full, or where much was looked at for it: at an entry that whoever asks may not see, or at a number
//! that counts what others have. Neither is told, nor how long it is. What is sealed is for the actor and the list that it was
//! made for; anything else is refused, always in the same way and before anything is looked up. It needs no place in the
//! ledger, and outlives restarts.
//!
//! Lists of the Distribution API name the entry that they told last, as the specification has it; where a page of them ends at
//! one that is not told, that is sealed as here, behind a `~`, which is in no name.

use std::fmt::Display;
use std::str::FromStr;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use wharf_model::api::list::List;
use wharf_model::page::Page;
use wharf_store::ids;

use crate::actor::Subject;
use crate::error::Error;
use crate::people::Part;
use crate::registry::Registry;
use crate::secret::MasterKey;

/// What is sealed is filled up to a multiple of so many bytes: as much as a name may have, so that all are of one length.
const FILLED_BYTES: usize = 256;
/// What comes before a place that is sealed, where names are told as they are.
const SEALED: char = '~';

/// Seals places in lists and opens them.
pub(crate) struct Cursors {
    key: Option<LessSafeKey>,
    nonces: Hmac<Sha256>,
}

/// What a place says to whoever gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// Nothing that the page does not: it is that of an entry which is on it. Sealed once more it is the same, so that a page which
    /// is as it was is known to be (`If-None-Match`).
    Told,
    /// Where something is that is not shown. Two have nothing in common, else it would tell whether that moved.
    Hidden,
}

impl Cursors {
    pub(crate) fn new(key: &MasterKey) -> Cursors {
        // Fails for a key of another length only; without one, a list with a second page fails.
        let nonces = Hmac::new(&key.derive("cursor nonce").into());
        let key = key.derive("cursor");
        let key = UnboundKey::new(&AES_256_GCM_SIV, &key[..AES_256_GCM_SIV.key_len()]);
        Cursors { key: key.ok().map(LessSafeKey::new), nonces }
    }

    /// The place, for whoever and whichever list `about` says.
    fn seal(&self, about: &str, place: &str, says: Says) -> Result<String, Error> {
        let failed = || Error::Internal("a place in a list could not be sealed".to_owned());
        let mut sealed = place.as_bytes().to_vec();
        // No place has control characters.
        sealed.resize(sealed.len().next_multiple_of(FILLED_BYTES), 0);
        let key = self.key.as_ref().ok_or_else(failed)?;
        let nonce = match says {
            Says::Told => self.nonce(about, place),
            Says::Hidden => ids::random()?.0.first_chunk().copied().unwrap_or_default(),
        };
        let unique = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(unique, Aad::from(about), &mut sealed).map_err(|_| failed())?;
        sealed.extend_from_slice(&nonce);
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The same for the same place in the same list, and for no other but by chance. GCM-SIV (RFC 8452) allows for both: where a
    /// nonce comes again, no more is told than whether what was sealed is the same.
    fn nonce(&self, about: &str, place: &str) -> [u8; NONCE_LEN] {
        let mut nonce = self.nonces.clone();
        nonce.update(&(about.len() as u64).to_be_bytes());
        nonce.update(about.as_bytes());
        nonce.update(place.as_bytes());
        nonce.finalize().into_bytes().first_chunk().copied().unwrap_or_default()
    }

    /// What [`Cursors::seal`] was given, if it was for the same.
    fn open(&self, about: &str, text: &str) -> Option<String> {
        let mut sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (sealed, nonce) = sealed.split_last_chunk_mut::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let filled = self.key.as_ref()?.open_in_place(nonce, Aad::from(about), sealed).ok()?;
        Some(std::str::from_utf8(filled).ok()?.trim_end_matches('\0').to_owned())
    }
}

/// Whose list it is, and which.
fn about(subject: &Subject, list: impl Display) -> String {
    format!("{}\n{list}", subject.actor.key())
}

/// What is answered where a cursor is for something else, or none.
pub(crate) fn wrong() -> Error {
    Error::Unsupported(
        "last is what `next` said on the page before, to the same actor in the same list; begin without it".to_owned(),
    )
}

/// A part of a list of ours that is wanted, with what it comes after.
pub(crate) struct Wanted<'a> {
    cursors: &'a Cursors,
    about: String,
    /// At most so many entries, at least 1.
    pub(crate) limit: usize,
    after: Option<String>,
}

impl Wanted<'_> {
    /// What the page comes after.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// The same, as what it stands for.
    pub(crate) fn after_as<T: FromStr>(&self) -> Result<Option<T>, Error> {
        self.after().map(str::parse).transpose().map_err(|_| wrong())
    }

    /// How many rows to ask for: one more tells whether there is another page.
    pub(crate) fn rows(&self) -> usize {
        self.limit + 1
    }

    /// The rows of this page, and what the next one comes after, if there is one.
    pub(crate) fn cut<T, K: Display>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> K) -> Result<List<T>, Error> {
        let is_more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = self.next_told(rows.last().filter(|_| is_more).map(key))?;
        Ok(List { items: rows, next })
    }

    /// The first `count` rows of the page, which may be all of them.
    pub(crate) fn shorten<T, K: Display>(
        &self,
        page: &mut List<T>,
        count: usize,
        key: impl Fn(&T) -> K,
    ) -> Result<(), Error> {
        if count < page.items.len() {
            page.items.truncate(count);
            page.next = self.next_told(page.items.last().map(key))?;
        }
        Ok(())
    }

    /// What is told of the place after which the next page comes, if there is one; it may be that of something which is not shown.
    pub(crate) fn next(&self, place: Option<impl Display>) -> Result<Option<String>, Error> {
        self.sealed(place, Says::Hidden)
    }

    /// The same where it is the place of an entry that whoever asks may see.
    pub(crate) fn next_told(&self, place: Option<impl Display>) -> Result<Option<String>, Error> {
        self.sealed(place, Says::Told)
    }

    fn sealed(&self, place: Option<impl Display>, says: Says) -> Result<Option<String>, Error> {
        place.map(|place| self.cursors.seal(&self.about, &place.to_string(), says)).transpose()
    }
}

impl Registry {
    /// The part of the list of `subject`; `list` is another for each list, and for each thing that it is about.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where it is to come after something that no page of this list has said to this actor.
    pub(crate) fn wanted(&self, subject: &Subject, list: impl Display, part: &Part) -> Result<Wanted<'_>, Error> {
        let (cursors, about) = (&self.0.cursors, about(subject, list));
        let open = |text: &String| cursors.open(&about, text).ok_or_else(wrong);
        let after = part.after.as_ref().map(open).transpose()?;
        Ok(Wanted { cursors, about, limit: part.limit, after })
    }

    /// What the page of a list of names comes after.
    ///
    /// # Errors
    /// As [`Registry::wanted`], where it is no name that could be told.
    pub(crate) fn after_name(&self, subject: &Subject, list: &str, page: &Page) -> Result<Option<String>, Error> {
        let Some(text) = &page.after else { return Ok(None) };
        match text.strip_prefix(SEALED) {
            Some(sealed) => self.0.cursors.open(&about(subject, list), sealed).map(Some).ok_or_else(wrong),
            None => Ok(Some(text.clone())),
        }
    }

    /// What is told of the name after which the next page comes: as it is where it was told, `last`, else sealed.
    pub(crate) fn next_name(
        &self,
        subject: &Subject,
        list: &str,
        next: Option<String>,
        last: Option<&str>,
    ) -> Result<Option<String>, Error> {
        match next {
            Some(next) if last != Some(next.as_str()) => {
                let sealed = self.0.cursors.seal(&about(subject, list), &next, Says::Hidden)?;
                Ok(Some(format!("{SEALED}{sealed}")))
            }
            told => Ok(told),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn cursors(key: u8) -> Cursors {
        Cursors::new(&MasterKey::from_bytes([key; MasterKey::BYTES]))
    }

    #[test]
    fn places_come_back_to_whom_they_were_told() {
        for place in ["", "7", "acme/app", "1800000000000.000102", &"n".repeat(255)] {
            let sealed = cursors(1).seal("user:1\nusers", place, Says::Told).expect("sealed");
            assert_eq!(cursors(1).open("user:1\nusers", &sealed).as_deref(), Some(place));
            let hidden = cursors(1).seal("user:1\nusers", place, Says::Hidden).expect("sealed");
            assert_eq!(cursors(1).open("user:1\nusers", &hidden).as_deref(), Some(place));
            for about in ["user:2\nusers", "user:1\nrobots", ""] {
                assert_eq!(cursors(1).open(about, &sealed), None, "{about}");
            }
            assert_eq!(cursors(2).open("user:1\nusers", &sealed), None, "of another installation");
            for made_up in ["", "7", &sealed[1..], &sealed[..sealed.len() - 1], &format!("{sealed}A")] {
                assert_eq!(cursors(1).open("user:1\nusers", made_up), None, "{made_up}");
            }
        }
    }

    #[test]
    fn what_is_sealed_is_of_one_length_and_the_same_only_where_it_was_told() {
        let sealed = |about: &str, place: &str, says| cursors(1).seal(about, place, says).expect("sealed");
        let told = |place: &str| sealed("user:1\nusers", place, Says::Told);
        let hidden = |place: &str| sealed("user:1\nusers", place, Says::Hidden);
        assert_eq!(told("7").len(), hidden(&"n".repeat(255)).len());
        assert_ne!(hidden("7"), hidden("7"));
        assert_eq!(told("7"), told("7"));
        for other in [told("8"), sealed("user:2\nusers", "7", Says::Told), sealed("user:1\nusers7", "", Says::Told)] {
            let same = told("7").bytes().zip(other.bytes()).filter(|(one, other)| one == other).count();
            assert!(same < 40, "{same} in common");
        }
        assert!(told("7").bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
    }

    #[test]
    fn pages_end_where_there_is_no_more() {
        let (cursors, about) = (cursors(1), "user:1\nusers".to_owned());
        let wanted = Wanted { cursors: &cursors, about: about.clone(), limit: 2, after: None };
        let check = |rows: &[u8], items: &[u8], next: Option<&str>| {
            let page = wanted.cut(rows.to_vec(), |row| *row).expect("sealed");
            let place = page.next.map(|next| cursors.open(&about, &next).expect("for the same"));
            assert_eq!((&*page.items, place.as_deref()), (items, next), "{rows:?}");
        };
        check(&[], &[], None);
        check(&[1, 2], &[1, 2], None);
        check(&[1, 2, 3], &[1, 2], Some("2"));
        let mut page = wanted.cut(vec![1, 2], |row| *row).expect("sealed");
        wanted.shorten(&mut page, 2, |row| *row).expect("sealed");
        assert_eq!(page, List { items: vec![1, 2], next: None });
        wanted.shorten(&mut page, 1, |row| *row).expect("sealed");
        assert_eq!(page.items, [1]);
        assert_eq!(cursors.open(&about, &page.next.expect("there is more")).as_deref(), Some("1"));
    }
}
