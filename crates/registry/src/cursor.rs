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

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wharf_model::api::list::List;
use wharf_model::page::Page;

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
pub(crate) struct Cursors(Option<RandomizedNonceKey>);

impl Cursors {
    pub(crate) fn new(key: &MasterKey) -> Cursors {
        // Fails for a key of another length only; without one, a list with a second page fails.
        let key = key.derive("cursor");
        Cursors(RandomizedNonceKey::new(&AES_256_GCM_SIV, &key[..AES_256_GCM_SIV.key_len()]).ok())
    }

    /// The place, for whoever and whichever list `about` says. Two for the same place have nothing in common.
    fn seal(&self, about: &str, place: &str) -> Result<String, Error> {
        let failed = || Error::Internal("a place in a list could not be sealed".to_owned());
        let mut sealed = place.as_bytes().to_vec();
        // No place has control characters.
        sealed.resize(sealed.len().next_multiple_of(FILLED_BYTES), 0);
        let key = self.0.as_ref().ok_or_else(failed)?;
        let nonce = key.seal_in_place_append_tag(Aad::from(about), &mut sealed).map_err(|_| failed())?;
        sealed.extend_from_slice(nonce.as_ref());
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// What [`Cursors::seal`] was given, if it was for the same.
    fn open(&self, about: &str, text: &str) -> Option<String> {
        let mut sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (sealed, nonce) = sealed.split_last_chunk_mut::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let filled = self.0.as_ref()?.open_in_place(nonce, Aad::from(about), sealed).ok()?;
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
        let next = self.next(rows.last().filter(|_| is_more).map(key))?;
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
            page.next = self.next(page.items.last().map(key))?;
        }
        Ok(())
    }

    /// What is told of the place after which the next page comes, if there is one.
    pub(crate) fn next(&self, place: Option<impl Display>) -> Result<Option<String>, Error> {
        place.map(|place| self.cursors.seal(&self.about, &place.to_string())).transpose()
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
                let sealed = self.0.cursors.seal(&about(subject, list), &next)?;
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
            let sealed = cursors(1).seal("user:1\nusers", place).expect("sealed");
            assert_eq!(cursors(1).open("user:1\nusers", &sealed).as_deref(), Some(place));
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
    fn what_is_sealed_is_of_one_length_and_never_the_same() {
        let sealed = |place: &str| cursors(1).seal("user:1\nusers", place).expect("sealed");
        assert_eq!(sealed("7").len(), sealed(&"n".repeat(255)).len());
        assert_ne!(sealed("7"), sealed("7"));
        assert!(sealed("7").bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
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
