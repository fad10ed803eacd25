//! Artifacts, tags and what is attached, as our API tells of them: from what the ledger keeps in brief, so that a page costs what
//! it shows. Of one artifact its manifest is looked into, so that there is something to tell before its facts are there.

mod decide;

use std::collections::{BTreeSet, HashMap};

use wharf_artifact::detail::{self, Known};
use wharf_artifact::kind::command::Place;
use wharf_artifact::kind::{Kinds, told};
use wharf_content::platform::Platforms;
use wharf_model::api::artifact::{Artifact, ArtifactDetail, FactsState, KindName, TagDetail};
use wharf_model::api::facts::{Facts, Line};
use wharf_model::api::list::List;
use wharf_model::digest::Digest;
use wharf_model::manifest::Manifest;
use wharf_model::name::{Reference, Tag};
use wharf_model::page::Page;
use wharf_store::ledger::artifacts::{ArtifactRow, InBrief, TagRow};
use wharf_store::ledger::query::{LedgerError, ManifestRow};

use crate::access::Action;
use crate::error::Error;
use crate::history::Names;
use crate::people::Part;
use crate::registry::{Access, Registry};

/// How many rows are read at a time where some were passed over.
const STEP: usize = 500;
/// How many are looked at for one page, about.
const LOOKED_MAX: usize = 5_000;
/// How a place among these begins, which is in no digest.
const BY_TAG: &str = "tag ";

/// Which artifacts are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those of the kind with this identifier.
    pub kind: Option<String>,
    /// Those that a tag points to, or those to which none does.
    pub tagged: Option<bool>,
}

impl Registry {
    /// The artifacts of a repository, those first that came last. A page may be shorter than was asked for where only some are
    /// wanted.
    ///
    /// # Errors
    /// [`Error::NameUnknown`]; [`Error::Unsupported`] for a page of another list; or the ledger fails.
    pub async fn artifacts(
        &self,
        access: &Access,
        kinds: &Kinds,
        filter: &Filter,
        part: &Part,
    ) -> Result<List<Artifact>, Error> {
        access.expect(&[Action::Pull])?;
        let about = format!("artifacts {} {:?} {:?}", access.repository, filter.kind, filter.tagged);
        let wanted = self.wanted(&access.subject, about, part)?;
        let (mut before, mut looked, mut found) = (wanted.after_as::<u64>()?, 0, Vec::new());
        let next = 'page: loop {
            let step = if looked > 0 { STEP } else { wanted.rows() };
            let rows = self.0.ledger.artifacts(&access.repository, filter.kind.as_deref(), before, step).await?;
            let is_last = rows.len() < step;
            if rows.is_empty() && before.is_none() {
                self.expect_there(access).await?;
            }
            for row in rows {
                if found.len() == wanted.limit {
                    break 'page before;
                }
                (before, looked) = (Some(row.number), looked + 1);
                if filter.tagged.is_none_or(|tagged| tagged == (row.tags_total > 0)) {
                    found.push(row);
                }
            }
            if is_last {
                break None;
            }
            if looked >= LOOKED_MAX {
                break before;
            }
        };
        let next = wanted.next_told(next)?;
        Ok(List { items: self.told_artifacts(access, kinds, found).await?, next })
    }

    /// An artifact with all that is told of it; `host` is how commands name the registry.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`], [`Error::NameUnknown`]; or the ledger or the heap fails.
    pub async fn artifact(
        &self,
        access: &Access,
        kinds: &Kinds,
        host: &str,
        reference: &Reference,
    ) -> Result<ArtifactDetail, Error> {
        let row = self.manifest(access, reference).await?;
        let unknown = || Error::ManifestUnknown(reference.clone());
        let ledger = &self.0.ledger;
        let in_brief = ledger.artifacts_named(&access.repository, &[row.digest]).await?.pop().ok_or_else(unknown)?;
        let facts = ledger.facts(&access.repository, &row.digest).await?;
        let facts = facts.and_then(|found| read_facts(&found.facts, &row.digest));
        let mut detail = self.looked_into(access, kinds, host, reference, &row).await?;
        let said = &detail.artifact;
        let (title, summary, subject) = (said.title.clone(), said.summary.clone(), said.subject);
        let (kind, size) = (said.kind.clone(), said.size);
        let mut names = Names::for_whom(&access.subject);
        let mut artifact = self.told_artifact(&mut names, kinds, in_brief).await?;
        artifact.title = artifact.title.or(title);
        artifact.summary = artifact.summary.or(summary);
        artifact.subject = artifact.subject.or(subject);
        artifact.size = artifact.size.or(size);
        artifact.kind = kind;
        artifact.state = if facts.is_some() { FactsState::Ready } else { FactsState::Waiting };
        (detail.artifact, detail.facts) = (artifact, facts);
        Ok(detail)
    }

    /// What its manifest and its config tell.
    async fn looked_into(
        &self,
        access: &Access,
        kinds: &Kinds,
        host: &str,
        reference: &Reference,
        row: &ManifestRow,
    ) -> Result<ArtifactDetail, Error> {
        let manifest = parsed(row);
        let tag = match reference {
            Reference::Tag(tag) => Some(tag),
            Reference::Digest(_) => None,
        };
        let decided = self.decide(access, kinds, &manifest, tag).await?;
        let subject = told::subject(&manifest, tag);
        let repository = &access.repository;
        let place = Place { host, repository, tag, digest: Some(&row.digest), subject: subject.as_ref() };
        let named = tag.map_or_else(|| format!("@{}", row.digest), |tag| format!(":{tag}"));
        let platforms = Platforms::of(&row.bytes);
        let known = Known {
            reference: format!("{host}/{repository}{named}"),
            tag,
            digest: row.digest,
            size: detail::size(&manifest),
            manifest,
            decided: decided.kind,
            config: decided.config.as_deref(),
            commands: decided.kind.kind.commands_for(&place),
        };
        Ok(known.told(|child, nth| platforms.get(child).get(nth).map(ToString::to_string)))
    }

    /// What is attached to an artifact: what names it as its subject, in the order of digests, then what an index under a
    /// fallback tag lists, then what cosign's tags point to. Of a digest that is not here, too.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`] of a tag, [`Error::NameUnknown`]; [`Error::Unsupported`] for a page of another list; or the
    /// ledger fails.
    pub async fn attached(
        &self,
        access: &Access,
        kinds: &Kinds,
        reference: &Reference,
        part: &Part,
    ) -> Result<List<Artifact>, Error> {
        access.expect(&[Action::Pull])?;
        let subject = match reference {
            Reference::Digest(digest) => *digest,
            Reference::Tag(_) => self.manifest(access, reference).await?.digest,
        };
        let about = format!("attached {} {subject}", access.repository);
        let wanted = self.wanted(&access.subject, about, part)?;
        let by_tag = wanted.after().and_then(|place| place.strip_prefix(BY_TAG)).and_then(|at| at.parse().ok());
        let (mut digests, mut next) = (Vec::new(), None);
        if by_tag.is_none() {
            let page = Page { limit: wanted.limit, after: wanted.after().map(str::to_owned) };
            let found = self.referrers(access, &subject, None, &page).await?;
            digests.extend(found.manifests.iter().map(|descriptor| descriptor.digest));
            next = found.next;
            if digests.is_empty() && wanted.after().is_none() {
                self.expect_there(access).await?;
            }
        }
        if next.is_none() {
            next = self.attached_by_tag(access, &subject, by_tag.unwrap_or(0), wanted.limit, &mut digests).await?;
        }
        let rows = self.0.ledger.artifacts_named(&access.repository, &digests).await?;
        let mut rows: HashMap<Digest, ArtifactRow> = rows.into_iter().map(|row| (row.digest, row)).collect();
        let rows = digests.iter().filter_map(|digest| rows.remove(digest)).collect();
        Ok(List { items: self.told_artifacts(access, kinds, rows).await?, next: wanted.next_told(next)? })
    }

    /// Adds what the tags of cosign point to from the one at `first`, while there is room; where to go on, if there is none.
    async fn attached_by_tag(
        &self,
        access: &Access,
        subject: &Digest,
        first: usize,
        limit: usize,
        digests: &mut Vec<Digest>,
    ) -> Result<Option<String>, LedgerError> {
        for (at, tag) in subject.cosign_tags().into_iter().enumerate().skip(first) {
            let Ok(tag) = tag.parse::<Tag>() else { continue };
            let Some(row) = self.0.ledger.tag(&access.repository, &tag).await? else { continue };
            // What names the subject itself was told before these, on whichever page.
            let found = self.0.ledger.artifacts_named(&access.repository, &[row.digest]).await?;
            let is_native = found.first().is_some_and(|found| found.subject.as_ref() == Some(subject));
            if is_native || digests.contains(&row.digest) {
                continue;
            }
            if digests.len() >= limit {
                return Ok(Some(format!("{BY_TAG}{at}")));
            }
            digests.push(row.digest);
        }
        Ok(None)
    }

    /// The tags of a repository with what they point to, in byte order.
    ///
    /// # Errors
    /// [`Error::NameUnknown`]; [`Error::Unsupported`] for a page of another list; or the ledger fails.
    pub async fn tagged(&self, access: &Access, kinds: &Kinds, part: &Part) -> Result<List<TagDetail>, Error> {
        access.expect(&[Action::Pull])?;
        let wanted = self.wanted(&access.subject, format_args!("tags {}", access.repository), part)?;
        let rows = self.0.ledger.tagged(&access.repository, wanted.after(), wanted.rows()).await?;
        if rows.is_empty() && wanted.after().is_none() {
            self.expect_there(access).await?;
        }
        let page = wanted.cut(rows, |row| row.tag.clone())?;
        Ok(List { items: self.told_tags(access, kinds, page.items).await?, next: page.next })
    }

    /// A tag with what it points to.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`], [`Error::NameUnknown`]; or the ledger fails.
    pub async fn tag(&self, access: &Access, kinds: &Kinds, tag: &Tag) -> Result<TagDetail, Error> {
        access.expect(&[Action::Pull])?;
        let rows = self.0.ledger.tag(&access.repository, tag).await?.into_iter().collect();
        if let Some(told) = self.told_tags(access, kinds, rows).await?.pop() {
            return Ok(told);
        }
        self.expect_there(access).await?;
        Err(Error::ManifestUnknown(Reference::Tag(tag.clone())))
    }

    /// An empty list is of a repository that is there.
    async fn expect_there(&self, access: &Access) -> Result<(), Error> {
        let (row, _) = self.place(&access.repository).await?;
        row.repository.map(drop).ok_or_else(|| Error::NameUnknown(access.repository.clone()))
    }

    async fn told_artifacts(
        &self,
        access: &Access,
        kinds: &Kinds,
        rows: Vec<ArtifactRow>,
    ) -> Result<Vec<Artifact>, LedgerError> {
        let mut names = Names::for_whom(&access.subject);
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            items.push(self.told_artifact(&mut names, kinds, row).await?);
        }
        Ok(items)
    }

    async fn told_artifact(&self, names: &mut Names, kinds: &Kinds, row: ArtifactRow) -> Result<Artifact, LedgerError> {
        let pushed_by = names.told(&*self.0.ledger, &row.pushed_by).await?;
        let state = if row.found.is_some() { FactsState::Ready } else { FactsState::Waiting };
        let found = row.found.as_ref();
        Ok(Artifact {
            id: Some(row.id),
            digest: row.digest,
            media_type: row.media_type,
            artifact_type: row.artifact_type,
            kind: found.map(|found| kind_name(kinds, &found.kind)),
            title: found.and_then(|found| Line::some(&found.title)),
            summary: found.and_then(|found| Line::some(&found.summary)),
            size: found.map(|found| found.size),
            platforms: platforms(found),
            pushed_at: Some(row.pushed_at),
            pushed_by: Some(pushed_by),
            tags: row.tags,
            tags_total: row.tags_total,
            subject: row.subject,
            referrers: row.referrers,
            state,
        })
    }

    /// Tags with what they point to, and what is attached to that.
    pub(crate) async fn told_tags(
        &self,
        access: &Access,
        kinds: &Kinds,
        rows: Vec<TagRow>,
    ) -> Result<Vec<TagDetail>, LedgerError> {
        let digests: BTreeSet<Digest> = rows.iter().map(|row| row.digest).collect();
        let attached = self.attached_categories(access, kinds, &Vec::from_iter(digests)).await?;
        let mut names = Names::for_whom(&access.subject);
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            let attached = attached.get(&row.digest).into_iter().flatten().cloned().collect();
            items.push(TagDetail { attached, ..self.told_tag(&mut names, kinds, row).await? });
        }
        Ok(items)
    }

    /// Of which categories that is which is attached to these: by its subject, or by a tag as cosign makes them.
    async fn attached_categories(
        &self,
        access: &Access,
        kinds: &Kinds,
        digests: &[Digest],
    ) -> Result<HashMap<Digest, BTreeSet<String>>, LedgerError> {
        let mut attached: HashMap<Digest, BTreeSet<String>> = HashMap::new();
        if digests.is_empty() {
            return Ok(attached);
        }
        for (digest, ids) in self.0.ledger.attached_kinds(&access.repository, digests).await? {
            attached.entry(digest).or_default().extend(ids.iter().map(|id| kind_name(kinds, id).category));
        }
        let by_tag = digests.iter().flat_map(|digest| digest.cosign_tags().map(|tag| (tag, *digest)));
        let by_tag: HashMap<Tag, Digest> =
            by_tag.filter_map(|(tag, digest)| Some((tag.parse().ok()?, digest))).collect();
        let tags: Vec<Tag> = by_tag.keys().cloned().collect();
        for row in self.0.ledger.tags_named(&access.repository, &tags).await? {
            let (Some(digest), Some(found)) = (by_tag.get(&row.tag), row.found) else { continue };
            attached.entry(*digest).or_default().insert(kind_name(kinds, &found.kind).category);
        }
        Ok(attached)
    }

    async fn told_tag(&self, names: &mut Names, kinds: &Kinds, row: TagRow) -> Result<TagDetail, LedgerError> {
        let moved_by = names.told(&*self.0.ledger, &row.moved_by).await?;
        let found: Option<&InBrief> = row.found.as_ref();
        Ok(TagDetail {
            name: row.tag,
            digest: row.digest,
            media_type: row.media_type,
            artifact_type: row.artifact_type,
            kind: found.map(|found| kind_name(kinds, &found.kind)),
            title: found.and_then(|found| Line::some(&found.title)),
            size: found.map(|found| found.size),
            platforms: platforms(found),
            attached: Vec::new(),
            moved_at: row.moved_at,
            moved_by,
            pulls: row.pulls,
        })
    }
}

fn platforms(found: Option<&InBrief>) -> Vec<Line> {
    found.map(|found| found.platforms.iter().map(|one| Line::new(one)).collect()).unwrap_or_default()
}

/// What the kind with that identifier is called; of one that is in force no more its identifier is all there is.
pub(crate) fn kind_name(kinds: &Kinds, id: &str) -> KindName {
    let unknown = || KindName { id: id.to_owned(), title: id.to_owned(), category: "generic".to_owned() };
    kinds.get(id).map_or_else(unknown, wharf_artifact::kind::Kind::name)
}

/// What is stored was parsed when it came; a stricter parser must not hide it.
pub(crate) fn parsed(row: &ManifestRow) -> Manifest {
    Manifest::parse(&row.bytes, Some(&row.media_type)).unwrap_or_else(|_| Manifest {
        media_type: row.media_type.clone(),
        artifact_type: row.artifact_type.clone(),
        config: None,
        layers: Vec::new(),
        manifests: Vec::new(),
        subject: None,
        annotations: None,
    })
}

/// Facts as they were written; those that cannot be read will be made again.
pub(crate) fn read_facts(text: &str, digest: &Digest) -> Option<Facts> {
    let read = serde_json::from_str(text);
    read.inspect_err(|error| tracing::warn!(%digest, %error, "the facts about an artifact cannot be read")).ok()
}
