//! Links that open something of an artifact without a login, until they end.
//!
//! Nothing is stored for a link. What it opens, until when, and on whose behalf is sealed in it, so that it tells nothing and nobody
//! can make one up or change it. When it is opened, whoever made it is asked for as if they came now: it ends with what their login
//! was, with their right to pull, with their project's leave to make links, and with the artifact.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use wharf_artifact::archive::Format;
use wharf_model::api::link::{LinkForm, NewLink};
use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::limits::LINK_SECS_MAX;
use wharf_model::name::{Reference, RepositoryName};
use wharf_store::clock::Millis;
use wharf_store::ids;

use crate::access::Action;
use crate::error::Error;
use crate::files::Where;
use crate::identity::token::Owner;
use crate::registry::{Access, Registry};
use crate::secret::MasterKey;

/// What the seal is about: nothing that is sealed for something else is a link.
const ABOUT: &[u8] = b"wharf link 1";
/// Longest link that is looked at, in bytes: the longest names and paths that there are.
const LINK_BYTES_MAX: usize = 8 << 10;

/// Seals links and opens them.
pub(crate) struct Links(Option<LessSafeKey>);

/// What is sealed. Names are short, as they are in every link.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sealed {
    #[serde(rename = "r")]
    repository: RepositoryName,
    /// Another one that takes its name is not meant.
    #[serde(rename = "i")]
    id: Option<Id>,
    #[serde(rename = "p")]
    project: Option<Id>,
    #[serde(rename = "d")]
    digest: Digest,
    #[serde(rename = "f")]
    form: LinkForm,
    #[serde(rename = "w", default, skip_serializing_if = "String::is_empty")]
    path: String,
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    layer: Option<Digest>,
    /// In seconds since 1970.
    #[serde(rename = "u")]
    until: i64,
    #[serde(rename = "a")]
    account: Id,
    #[serde(rename = "e")]
    epoch: u64,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    secret: Option<Id>,
}

impl Links {
    pub(crate) fn new(key: &MasterKey) -> Links {
        // Fails for a key of another length only; without one, no link is made or opened.
        let key = key.derive("link");
        Links(UnboundKey::new(&AES_256_GCM_SIV, &key[..AES_256_GCM_SIV.key_len()]).ok().map(LessSafeKey::new))
    }

    fn seal(&self, sealed: &Sealed) -> Result<String, Error> {
        let failed = || Error::Internal("a link could not be sealed".to_owned());
        let mut bytes = serde_json::to_vec(sealed).map_err(|_| failed())?;
        let nonce: [u8; NONCE_LEN] = ids::random()?.0.first_chunk().copied().unwrap_or_default();
        let key = self.0.as_ref().ok_or_else(failed)?;
        let unique = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(unique, Aad::from(ABOUT), &mut bytes).map_err(|_| failed())?;
        bytes.extend_from_slice(&nonce);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn open(&self, link: &str) -> Option<Sealed> {
        if link.len() > LINK_BYTES_MAX {
            return None;
        }
        let mut bytes = URL_SAFE_NO_PAD.decode(link).ok()?;
        let (bytes, nonce) = bytes.split_last_chunk_mut::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.0.as_ref()?.open_in_place(nonce, Aad::from(ABOUT), bytes).ok()?;
        serde_json::from_slice(opened).ok()
    }
}

/// A link that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeLink {
    /// The end of its address.
    pub text: String,
    /// What it opens something of.
    pub digest: Digest,
    /// When it ends, in milliseconds since 1970.
    pub until: Millis,
}

/// What a link opens.
pub struct Opened {
    /// Leave to read it, of whoever made the link.
    pub access: Access,
    /// The artifact.
    pub reference: Reference,
    /// What of it.
    pub at: Where,
    /// In what form; `None` for a file as it is.
    pub format: Option<Format>,
}

/// How an archive is made in that form; `None` where a file is told as it is.
fn format(form: LinkForm) -> Option<Format> {
    match form {
        LinkForm::File => None,
        LinkForm::Tar => Some(Format::Tar),
        LinkForm::Zip => Some(Format::Zip),
    }
}

impl Registry {
    /// Makes a link on behalf of whoever asks, which opens for others what they may pull.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where the project allows none; [`Error::Field`]; [`Error::Unauthorized`] of who has not logged in;
    /// [`Error::Denied`] of who came with a token that a token was given for; what [`Registry::file`] and [`Registry::archive`] say.
    pub async fn make_link(&self, access: &Access, reference: &Reference, new: &NewLink) -> Result<MadeLink, Error> {
        access.expect(&[Action::Pull])?;
        let Some(Owner { account, epoch, secret }) = access.subject.login else { return Err(Error::Unauthorized) };
        if access.subject.ceiling.scopes.is_some() {
            return Err(Error::Denied);
        }
        if !new.is_timely() {
            return Err(Error::field("lives_secs", format!("a link opens for 60 to {LINK_SECS_MAX} seconds")));
        }
        if !access.may_be_shared() {
            let project = access.repository.project();
            return Err(Error::Forbidden(format!(
                "the project {project} allows no links; who administers it may: wharf project set {project} --share yes"
            )));
        }
        let digest = self.manifest(access, reference).await?.digest;
        let (reference, at) = (Reference::Digest(digest), Where { path: new.path.clone(), layer: new.layer });
        // A link that opens nothing is of no use.
        match format(new.form) {
            None => drop(self.file(access, &reference, &at).await?),
            Some(format) => drop(self.archive(access, &reference, &at, format, None).await?),
        }
        let until = self.0.identity.now().div_euclid(1000).saturating_add_unsigned(new.lives_secs);
        let sealed = Sealed {
            repository: access.repository.clone(),
            id: access.id,
            project: access.project,
            digest,
            form: new.form,
            path: at.path,
            layer: at.layer,
            until,
            account,
            epoch,
            secret,
        };
        Ok(MadeLink { text: self.0.links.seal(&sealed)?, digest, until: until.saturating_mul(1000) })
    }

    /// What a link opens now.
    ///
    /// # Errors
    /// [`Error::NotThere`], always the same, where it opens nothing: it is none, or over, or what it hangs on has ended.
    pub async fn open_link(&self, link: &str) -> Result<Opened, Error> {
        let over = || Error::NotThere { what: "link", name: "that this is".to_owned() };
        let sealed = self.0.links.open(link).ok_or_else(over)?;
        let Sealed { repository, id, project, digest, form, path, layer, until, account, epoch, secret } = sealed;
        if self.0.identity.now().div_euclid(1000) >= until {
            return Err(over());
        }
        let owner = Owner { account, epoch, secret };
        let Some(subject) = self.0.identity.still(owner).await? else { return Err(over()) };
        let access = match self.authorise(&subject, Action::Pull, &repository).await {
            Err(Error::Denied | Error::Unauthorized) => return Err(over()),
            access => access?,
        };
        if (access.project, access.id) != (project, id) || !access.may_be_shared() {
            return Err(over());
        }
        let reference = Reference::Digest(digest);
        Ok(Opened { access, reference, at: Where { path, layer }, format: format(form) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use wharf_model::digest::Algorithm;

    use super::*;

    fn links(key: u8) -> Links {
        Links::new(&MasterKey::from_bytes([key; MasterKey::BYTES]))
    }

    fn sealed() -> Sealed {
        Sealed {
            repository: "acme/app".parse().expect("a name"),
            id: Some(Id([4; 16])),
            project: Some(Id([1; 16])),
            digest: Digest::of(Algorithm::Sha256, b"x"),
            form: LinkForm::Zip,
            path: "caf\u{e9}/x".to_owned(),
            layer: None,
            until: 1_800_000_000,
            account: Id([2; 16]),
            epoch: 3,
            secret: None,
        }
    }

    #[test]
    fn what_was_sealed_here_opens_and_nothing_else() {
        let link = links(1).seal(&sealed()).expect("sealed");
        assert_eq!(links(1).open(&link), Some(sealed()));
        assert_ne!(link, links(1).seal(&sealed()).expect("sealed"), "it tells not even whether it is the same");
        assert!(link.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{link}");
        assert!(link.len() < 500, "{}", link.len());
        assert_eq!(links(2).open(&link), None, "of another installation");
        for at in [0, link.len() / 2, link.len() - 1] {
            let other = if link.as_bytes()[at] == b'A' { "B" } else { "A" };
            let changed = format!("{}{other}{}", &link[..at], &link[at + 1..]);
            assert_eq!(links(1).open(&changed), None, "{at}");
        }
        for made_up in ["", "x", &link[1..], &"A".repeat(LINK_BYTES_MAX + 1), "\u{e9}"] {
            assert_eq!(links(1).open(made_up), None);
        }
    }
}
