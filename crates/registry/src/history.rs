//! How tags came to point where they do, and pointing them back.

use std::collections::HashMap;

use wharf_model::api::list::List;
use wharf_model::api::trash::TagMove;
use wharf_model::digest::Digest;
use wharf_model::id::Id;
use wharf_model::name::{Reference, RepositoryName, Tag};
use wharf_model::permission::Permission;
use wharf_store::ledger::change::{Change, Commit, Digests, Expected, Expects, Refused};
use wharf_store::ledger::query::LedgerError;
use wharf_store::ledger::trash::MoveRow;
use wharf_store::ledger::{Ledger, Seq};

use crate::access::Action;
use crate::actor::Subject;
use crate::error::Error;
use crate::people::Part;
use crate::registry::{Access, Registry};

/// How many moves of a tag are looked through for one that can be taken back.
const MOVES_MAX: usize = 100;
/// How often that is begun anew because others moved the tag meanwhile.
const ATTEMPTS_MAX: usize = 3;

/// What actors are called, asked once each. Names are for who logged in: anybody else is told of which sort they are.
pub(crate) struct Names {
    is_told: bool,
    known: HashMap<String, String>,
}

impl Names {
    pub(crate) fn for_whom(subject: &Subject) -> Names {
        Names { is_told: !subject.actor.is_anonymous(), known: HashMap::new() }
    }

    /// What to call whom the ledger calls `key`: `user:kim`; its id in place of the name where it is not there any more.
    pub(crate) async fn told(&mut self, ledger: &dyn Ledger, key: &str) -> Result<String, LedgerError> {
        let Some((sort, id)) = key.split_once(':') else { return Ok(key.to_owned()) };
        if !self.is_told {
            return Ok(sort.to_owned());
        }
        if let Some(known) = self.known.get(key) {
            return Ok(known.clone());
        }
        let account = match id.parse::<Id>() {
            Ok(id) => ledger.account_by_id(id).await?,
            Err(_) => None,
        };
        let told = account.map_or_else(|| key.to_owned(), |row| format!("{sort}:{}", row.name));
        self.known.insert(key.to_owned(), told.clone());
        Ok(told)
    }
}

impl Registry {
    /// The moves of a tag, the latest first.
    ///
    /// # Errors
    /// [`Error::NameUnknown`]; [`Error::ManifestUnknown`] where there never was such a tag.
    pub async fn tag_history(&self, access: &Access, tag: &Tag, part: &Part) -> Result<List<TagMove>, Error> {
        access.expect(&[Action::Pull])?;
        let wanted = self.wanted(&access.subject, format_args!("history {} {tag}", access.repository), part)?;
        let before = wanted.after_as()?;
        let rows = self.0.ledger.tag_moves(&access.repository, tag, before, wanted.rows()).await?;
        let rows = rows.ok_or_else(|| Error::NameUnknown(access.repository.clone()))?;
        if rows.is_empty() && before.is_none() {
            return Err(Error::ManifestUnknown(Reference::Tag(tag.clone())));
        }
        let page = wanted.cut(rows, |row| row.number)?;
        let mut names = Names::for_whom(&access.subject);
        let mut items = Vec::with_capacity(page.items.len());
        for row in page.items {
            items.push(self.told_move(&mut names, tag, row).await?);
        }
        Ok(List { items, next: page.next })
    }

    async fn told_move(&self, names: &mut Names, tag: &Tag, row: MoveRow) -> Result<TagMove, Error> {
        let by = names.told(&*self.0.ledger, &row.actor).await?;
        let client = row.client.filter(|_| names.is_told);
        Ok(TagMove { tag: tag.clone(), at: row.at, by, client, from: row.before, to: row.after })
    }

    /// Points a tag to what it pointed to before it was moved or deleted last; done twice, it is where it was. Where that
    /// manifest is in the trash, it comes back. The move that this was.
    ///
    /// # Errors
    /// [`Error::NameUnknown`]; [`Error::ManifestUnknown`] where there never was such a tag; [`Error::Conflict`] where nothing
    /// that it pointed to is there any more; [`Error::Immutable`]; not allowed.
    pub async fn restore_tag(
        &self,
        subject: &Subject,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<TagMove, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let expects = self.authorise_repository(subject, repository, Permission::Restore).await?;
            let (changes, before, after) = self.taking_back(repository, expects, tag).await?;
            match self.0.ledger.commit(subject.commit(changes)).await {
                Ok(seq) => return self.made_move(subject, seq, tag, before, after).await,
                // Others have done something to it.
                Err(
                    Refused::TagMoved(..) | Refused::ManifestUnknown(_) | Refused::Unknown(_) | Refused::ProjectChanged,
                ) => {}
                Err(refused) => return Err(Error::refused(refused, repository)),
            }
        }
        Err(Error::Conflict(format!("others are moving the tag {tag}; look again")))
    }

    /// What takes the tag's latest move back that can be, and from where to where that moves it.
    async fn taking_back(
        &self,
        repository: &RepositoryName,
        expects: Expects,
        tag: &Tag,
    ) -> Result<(Vec<Change>, Option<Digest>, Digest), Error> {
        let ledger = &self.0.ledger;
        let moves = ledger.tag_moves(repository, tag, None, MOVES_MAX).await?;
        let moves = moves.ok_or_else(|| Error::NameUnknown(repository.clone()))?;
        if moves.is_empty() {
            return Err(Error::ManifestUnknown(Reference::Tag(tag.clone())));
        }
        let now = ledger.manifest(repository, &Reference::Tag(tag.clone())).await?.map(|row| row.digest);
        let mut asked = Vec::new();
        for digest in moves.into_iter().filter_map(|row| row.before) {
            if Some(digest) == now || asked.contains(&digest) {
                continue;
            }
            asked.push(digest);
            if let Some(mut changes) = self.bringing_back(repository, &digest).await? {
                changes.push(point(repository, expects, tag, digest, now));
                return Ok((changes, now, digest));
            }
        }
        Err(Error::Conflict(format!("nothing that the tag {tag} pointed to before is there any more")))
    }

    /// What makes the manifest live; `None` where it is gone for good.
    async fn bringing_back(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Vec<Change>>, LedgerError> {
        let ledger = &self.0.ledger;
        if ledger.manifest(repository, &Reference::Digest(*digest)).await?.is_some() {
            return Ok(Some(Vec::new()));
        }
        let Some(row) = ledger.trashed_manifest(repository, digest).await? else { return Ok(None) };
        let (repository, restored, tags) = (repository.clone(), Vec::new(), Vec::new());
        Ok(Some(vec![Change::RestoreManifest { entry: row.id, repository, retag: false, restored, tags }]))
    }

    /// The move that a commit was. It is not looked up where it went: another repository may be there by now.
    async fn made_move(
        &self,
        subject: &Subject,
        seq: Seq,
        tag: &Tag,
        before: Option<Digest>,
        after: Digest,
    ) -> Result<TagMove, Error> {
        let entry = self.0.ledger.log(seq.saturating_sub(1), 1).await?.into_iter().next();
        let at = entry.ok_or_else(|| Error::Internal("a commit is not in the log".to_owned()))?.at;
        let Commit { actor, client, .. } = subject.commit(Vec::new());
        let row = MoveRow { number: 0, at, actor, client, before, after: Some(after) };
        self.told_move(&mut Names::for_whom(subject), tag, row).await
    }
}

/// Points the tag to the manifest, if it still points to what it was seen to.
fn point(repository: &RepositoryName, expects: Expects, tag: &Tag, digest: Digest, seen: Option<Digest>) -> Change {
    let expected = match seen {
        Some(seen) => Expected { among: Some(Digests::These(vec![seen])), not_among: None },
        None => Expected { among: None, not_among: Some(Digests::Any) },
    };
    let (repository, tag) = (repository.clone(), tag.clone());
    Change::PointTag { repository, expects, tag, digest, expected, previous: None }
}
