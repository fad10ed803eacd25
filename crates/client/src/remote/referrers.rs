//! What names a manifest as its subject: by the referrers API, and where that is not, by the index under a fallback tag
//! (Distribution spec, "Listing Referrers", "Referrers Tag Schema").

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_content::error::Error as ContentError;
use wharf_content::source::Fetched;
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;
use wharf_model::limits::MANIFEST_BYTES_MAX;
use wharf_model::manifest::Manifest;
use wharf_model::media::OCI_INDEX;
use wharf_model::name::{Reference, Tag};

use super::Remote;
use super::lists::{ENTRIES_MAX, next};
use super::manifests::Turn;
use crate::error::Error;
use crate::http::{ANSWER_BYTES_MAX, Answer, EMPTY_PAGES_MAX};

/// How often a fallback tag is read, changed and written where others do the same.
const TURNS_MAX: usize = 5;

#[derive(Deserialize)]
struct Page {
    manifests: Option<Vec<Descriptor>>,
}

impl Remote {
    /// The referrers of `subject`, of one type of artifact or of all.
    ///
    /// # Errors
    /// The registry cannot be asked, or has too many.
    pub async fn referrers_of(
        &self,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, ContentError> {
        let mut all = match self.listed(subject, artifact_type).await? {
            Some(listed) => listed,
            None => self.under_fallback_tag(subject).await?,
        };
        // Registries need not filter; `OCI-Filters-Applied` says whether, and it does no harm to do it twice.
        all.retain(|one| artifact_type.is_none_or(|wanted| one.artifact_type.as_deref() == Some(wanted)));
        Ok(all)
    }

    /// By the API, page by page; `None` where there is none.
    async fn listed(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Option<Vec<Descriptor>>, Error> {
        let mut ask = self.pull(Method::GET, &format!("referrers/{subject}")).header(ACCEPT, OCI_INDEX);
        if let Some(wanted) = artifact_type {
            ask.call.url.query_pairs_mut().append_pair("artifactType", wanted);
        }
        let mut all: Vec<Descriptor> = Vec::new();
        let mut pages = 0;
        loop {
            let reply = self.registry.send(&ask, ANSWER_BYTES_MAX).await;
            let answer = match reply {
                // What answers a question that it does not know by sending people elsewhere does not know it.
                Err(Error::Strange { .. }) if pages == 0 => return Ok(None),
                other => other?,
            };
            if pages == 0 && lacks(&answer) {
                return Ok(None);
            }
            let answer = self.registry.success(answer)?;
            let strange = |why: &str| Error::Strange { asked: ask.call.asked(), why: why.to_owned() };
            let page: Option<Page> = serde_json::from_slice(&answer.body).ok();
            let found = page.ok_or_else(|| strange("the answer is not understood"))?.manifests.unwrap_or_default();
            let next = next(&self.registry, &ask.call, &answer).await?;
            pages += 1;
            // A page may be empty where entries are filtered, but not all of them.
            if next.is_some() && found.is_empty() && pages > EMPTY_PAGES_MAX {
                return Err(strange("the list goes on without an entry"));
            }
            all.extend(found);
            if all.len() > ENTRIES_MAX {
                return Err(Error::TooMany { asked: ask.call.asked(), max: ENTRIES_MAX });
            }
            match next {
                Some(next) => ask.call.url = next,
                None => return Ok(Some(all)),
            }
        }
    }

    async fn under_fallback_tag(&self, subject: &Digest) -> Result<Vec<Descriptor>, ContentError> {
        let Some((found, _)) = self.manifest_and_tag(&fallback(subject)).await? else { return Ok(Vec::new()) };
        // Somebody may have a tag of that name for something else.
        let index = Manifest::parse(&found.bytes, Some(&found.media_type));
        Ok(index.ok().filter(Manifest::is_index).map(|index| index.manifests).unwrap_or_default())
    }

    /// Has `manifest` found as a referrer of `subject` where the registry does not see to that: adds it to the index under
    /// the fallback tag. Others may be doing the same at the same time.
    pub(super) async fn add_to_fallback_tag(
        &self,
        subject: &Digest,
        manifest: &Fetched,
        parsed: &Manifest,
    ) -> Result<(), ContentError> {
        let entry = parsed.as_referrer(manifest.digest, manifest.bytes.len() as u64);
        let entry = serde_json::to_value(entry).map_err(|error| Error::Setup(error.to_string()))?;
        self.change_fallback_tag(subject, |entries| {
            let has = entries.iter().any(|one| names(one, &manifest.digest));
            if !has {
                entries.push(entry.clone());
            }
            !has
        })
        .await
    }

    /// Whether the registry has the referrers API, as far as it says so of `subject`.
    pub(crate) async fn has_referrers_api(&self, subject: &Digest) -> Result<bool, Error> {
        Ok(self.listed(subject, None).await?.is_some())
    }

    /// Takes what has been deleted from the index under the fallback tag, where there is one.
    pub(super) async fn take_from_fallback_tag(&self, subject: &Digest, gone: &Digest) -> Result<(), ContentError> {
        self.change_fallback_tag(subject, |entries| {
            let before = entries.len();
            entries.retain(|one| !names(one, gone));
            entries.len() < before
        })
        .await
    }

    /// Reads the index, changes it, and writes it, until what is there needs no change: `change` says whether it made one.
    async fn change_fallback_tag(
        &self,
        subject: &Digest,
        change: impl Fn(&mut Vec<Value>) -> bool,
    ) -> Result<(), ContentError> {
        let reference = fallback(subject);
        let _turn = self.fallback.lock().await;
        for _ in 0..TURNS_MAX {
            let found = self.manifest_and_tag(&reference).await?;
            let (mut index, entity_tag) = match &found {
                Some((found, tag)) => (self.index(found)?, tag.as_ref()),
                None => (json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] }), None),
            };
            let entries = index.get_mut("manifests").and_then(Value::as_array_mut);
            if !entries.is_some_and(&change) {
                return Ok(());
            }
            let index = Remote::made(OCI_INDEX, index.to_string().into_bytes());
            if index.bytes.len() > MANIFEST_BYTES_MAX {
                let why = format!("{reference} has more referrers than fit into an index");
                return Err(ContentError::Form { place: self.to_string(), why });
            }
            // Either way it is read again: not everybody who gives entity tags minds them, and then somebody may have come in
            // between.
            let (Turn::Done(_) | Turn::Lost) = self.put_if(&index, &reference.to_string(), entity_tag).await?;
        }
        let why = format!("{reference} is changed by others all the time");
        Err(ContentError::Form { place: self.to_string(), why })
    }

    /// An index as it is, whatever else is in it.
    fn index(&self, found: &Fetched) -> Result<Value, ContentError> {
        let no = || ContentError::Form {
            place: self.to_string(),
            why: "the fallback tag for referrers names something else than an index".to_owned(),
        };
        let index: Value = serde_json::from_slice(&found.bytes).map_err(|_| no())?;
        if index.get("manifests").is_some_and(Value::is_array) { Ok(index) } else { Err(no()) }
    }
}

fn fallback(subject: &Digest) -> Reference {
    // A digest's tag is always one.
    subject.referrers_tag().parse::<Tag>().map_or(Reference::Digest(*subject), Reference::Tag)
}

fn names(entry: &Value, digest: &Digest) -> bool {
    entry.get("digest").and_then(Value::as_str).is_some_and(|text| text.parse().ok() == Some(*digest))
}

/// Whether such an answer means that there is no referrers API.
fn lacks(answer: &Answer) -> bool {
    let media_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match answer.status.as_u16() {
        // As old ones are known to answer.
        400 | 404 | 405 | 406 | 501 => true,
        200 => media_type.starts_with("text/"),
        _ => false,
    }
}
