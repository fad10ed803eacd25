//! How the index is changed: all updates in their order, as many artifacts or sources with each statement as follow each other; then, once
//! for all of them, what follows from it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use wharf_model::digest::Digest;
use wharf_model::name::RepositoryName;

use super::packed::{self, BRIEF, Changes, HAS, HELD, Packed, pack_list};
use super::sets::{key, keys_of};
use super::text::Said;
use super::{Document, FORM, SearchError, Standing, TAGS_TOLD_MAX, Update, field, names, text};
use crate::ledger::query::LedgerError;
use crate::sql::{Sql, Value};

/// How many artifacts of repositories that are gone are cleared away beside each change, and of how many repositories.
const CLEARED: usize = 256;
const GONE: i64 = 32;
/// How much text of artifacts is put in together, in bytes, if it is not of one alone: each word is looked up.
const TOGETHER_BYTES_MAX: usize = 1 << 20;
/// How many changes of what is packed wait to be made together.
const CHANGES_MAX: usize = 100_000;

/// Makes all of it so, in the caller's transaction.
pub(super) async fn apply(sql: &mut impl Sql, updates: &[Update], standing: Standing) -> Result<(), SearchError> {
    let given = Given::read(sql).await?;
    let mut put = Put {
        sql,
        given,
        resign: BTreeSet::new(),
        rework: BTreeSet::new(),
        brief: Changes::default(),
        has: Changes::default(),
        held: Changes::default(),
    };
    put.all(updates).await?;
    put.clear().await?;
    put.clear_sources().await?;
    put.settle().await?;
    let Put { sql, given, .. } = put;
    given.write(sql).await?;
    stand(sql, standing).await
}

/// Where the index stands; none where nothing was ever put into it.
///
/// # Errors
/// [`SearchError::Corrupt`] where it is of another form.
pub(super) async fn standing(sql: &mut impl Sql) -> Result<Option<Standing>, SearchError> {
    let Some(mut row) = sql.one("SELECT form, version, seq, at, scanned FROM standing", &[]).await? else {
        return Ok(None);
    };
    let form = row.int(0)?;
    if form != FORM {
        return Err(SearchError::Corrupt(format!("it is of form {form}")));
    }
    let version = u32::try_from(row.int(1)?).map_err(|_| SearchError::Corrupt("it is of no version".to_owned()))?;
    Ok(Some(Standing { version, seq: row.unsigned(2)?, at: row.int(3)?, scanned: row.maybe_unsigned(4)? }))
}

/// Notes where the index stands.
pub(super) async fn stand(sql: &mut impl Sql, standing: Standing) -> Result<(), SearchError> {
    let put = "INSERT INTO standing (id, form, version, seq, at, scanned) VALUES (1, $1, $2, $3, $4, $5)
        ON CONFLICT (id) DO UPDATE SET version = excluded.version, seq = excluded.seq, at = excluded.at, scanned = excluded.scanned";
    let Standing { version, seq, at, scanned } = standing;
    let scanned = scanned.map(|at| at as i64);
    let parameters = [FORM.into(), i64::from(version).into(), (seq as i64).into(), at.into(), scanned.into()];
    sql.execute(put, &parameters).await?;
    Ok(())
}

/// What is given numbers.
#[derive(Clone, Copy)]
pub(super) enum Sort {
    Project,
    Repository,
    Part,
    Value,
    Source,
    Path,
    Package,
    Listed,
}

/// The last number of each sort.
struct Given([i64; 8]);

impl Given {
    async fn read(sql: &mut impl Sql) -> Result<Given, LedgerError> {
        let mut given = Given([0; 8]);
        let found = sql.numbers("SELECT {numbers id, last} FROM given", &[]).await?;
        for [sort, last] in found.as_chunks::<2>().0 {
            if let Some(given) = usize::try_from(*sort).ok().and_then(|sort| given.0.get_mut(sort)) {
                *given = *last;
            }
        }
        Ok(given)
    }

    async fn write(&self, sql: &mut impl Sql) -> Result<(), LedgerError> {
        let sorts: Vec<i64> = (0..).take(self.0.len()).collect();
        let put = "INSERT INTO given (id, last) SELECT e.id, e.last FROM {each e $1 int id, $2 int last} WHERE true
            ON CONFLICT (id) DO UPDATE SET last = excluded.last";
        sql.execute(put, &[(&sorts).into(), self.0.as_slice().into()]).await.map(drop)
    }
}

pub(super) struct Put<'s, S> {
    pub(super) sql: &'s mut S,
    given: Given,
    /// Artifacts of which it is to be noted whether they are signed.
    resign: BTreeSet<i64>,
    /// Artifacts of which it is to be worked out what is in them.
    pub(super) rework: BTreeSet<i64>,
    /// What is to be changed of what is packed, once for all updates.
    brief: Changes<7>,
    has: Changes<2>,
    pub(super) held: Changes<2>,
}

impl<S: Sql> Put<'_, S> {
    async fn all(&mut self, updates: &[Update]) -> Result<(), SearchError> {
        let mut rest = updates;
        while let Some(first) = rest.first() {
            let (these, others) = rest.split_at(alike(rest));
            rest = others;
            match first {
                Update::Put(_) => self.documents(these).await?,
                Update::Contents { .. } => self.contents(these).await?,
                Update::Drop { repository, digest } => self.drop(repository, digest).await?,
                Update::DropRepository(name) => {
                    if let Some(repository) = self.repository(name).await? {
                        self.end_repository(repository).await?;
                    }
                }
                Update::DropProject(name) => {
                    let inside = "SELECT {number r.id} FROM project p CROSS JOIN repository r
                        WHERE p.name = $1 AND r.project = p.id";
                    for repository in self.sql.numbers(inside, &[name.as_str().into()]).await? {
                        self.end_repository(repository).await?;
                    }
                    self.sql.execute("DELETE FROM project WHERE name = $1", &[name.as_str().into()]).await?;
                }
                Update::Project { name, public } => {
                    let put = "UPDATE project SET public = $2 WHERE name = $1";
                    self.sql.execute(put, &[name.as_str().into(), (*public).into()]).await?;
                }
                Update::Stale { source, inside } => self.stale(source, *inside).await?,
            }
            if self.has.len() > CHANGES_MAX {
                HAS.change(self.sql, &mut self.has).await?;
            }
        }
        Ok(())
    }

    /// A number that nothing of this sort has or had, for each of so many.
    pub(super) fn give(&mut self, sort: Sort, count: usize) -> Vec<i64> {
        let last = &mut self.given.0[sort as usize];
        let first = *last + 1;
        *last += count as i64;
        (first..=*last).collect()
    }

    /// Gives numbers to those that have none yet, which is 0: where they are in the list, and the numbers.
    pub(super) fn number(&mut self, sort: Sort, found: &mut [i64]) -> (Vec<usize>, Vec<i64>) {
        let new: Vec<usize> = (0..found.len()).filter(|at| found[*at] == 0).collect();
        let numbers = self.give(sort, new.len());
        new.iter().zip(&numbers).for_each(|(at, number)| found[*at] = *number);
        (new, numbers)
    }

    /// Puts in artifacts, each of which is another.
    async fn documents(&mut self, updates: &[Update]) -> Result<(), SearchError> {
        let documents = updates.iter().filter_map(|update| match update {
            Update::Put(document) => Some(document.as_ref()),
            _ => None,
        });
        let documents: Vec<&Document> = documents.collect();
        let projects = self.ensure_projects(&documents).await?;
        let repositories = self.ensure_repositories(&documents, &projects).await?;
        self.end_former(&documents, &repositories).await?;
        let keys: Vec<i64> = documents.iter().map(|document| key(document.number, document.rank) as i64).collect();
        let said: Vec<Said> = documents.iter().map(|document| text::said(document)).collect();
        let found_by: Vec<Vec<(i64, String)>> = documents
            .iter()
            .zip(&said)
            .map(|(document, said)| [field::values(document), said.values(self.sql.dialect())].concat())
            .collect();
        let values = self.values(&documents, &found_by).await?;
        let value = |field, text: &str| values.get(&(field, text.to_owned())).copied().unwrap_or_default();
        for ((document, key), repository) in documents.iter().zip(&keys).zip(&repositories) {
            let project = projects.get(document.repository.project_str()).copied().unwrap_or_default();
            let kind = value(field::KIND, field::kind(document));
            let licenses = value(field::LICENSES, &field::counted_licenses(document));
            let platforms = value(field::PLATFORMS, &field::counted_platforms(document));
            BRIEF.put(&mut self.brief, [*key, project, *repository, kind, licenses, platforms, 0]);
        }
        let pushed: Vec<i64> = documents.iter().map(|document| document.pushed_at).collect();
        let put = "INSERT INTO doc (key, repository, pushed_at) SELECT e.key, e.repository, e.pushed
            FROM {each e $1 int key, $2 int repository, $3 int pushed}";
        self.sql.execute(put, &[(&keys).into(), (&repositories).into(), (&pushed).into()]).await?;
        self.shown(&documents, &keys, &repositories).await?;
        text::put(self.sql, &keys, &said).await?;
        let mut has = Vec::with_capacity(keys.len());
        for (values_of, key) in found_by.iter().zip(&keys) {
            let here: BTreeSet<i64> = values_of.iter().filter_map(|value| values.get(value).copied()).collect();
            here.iter().for_each(|value| HAS.put(&mut self.has, [*value, *key]));
            has.push(pack_list(here));
        }
        let put = "INSERT INTO back (key, has, held) SELECT e.key, e.has, e.held
            FROM {each e $1 int key, $2 bytes has, $3 bytes held}";
        let none = vec![Vec::new(); keys.len()];
        self.sql.execute(put, &[(&keys).into(), (&has).into(), (&none).into()]).await?;
        self.inside(&documents, &keys).await?;
        self.resign.extend(&keys);
        let signatures = documents.iter().zip(&repositories).filter(|(document, _)| document.is_signature);
        let signed = signatures.filter_map(|(document, repository)| Some((*repository, document.subject.as_ref()?)));
        let signed = self.keys_of_digests(&signed.collect::<Vec<_>>()).await?;
        self.resign.extend(signed);
        Ok(())
    }

    /// Takes out what these take the place of.
    async fn end_former(&mut self, documents: &[&Document], repositories: &[i64]) -> Result<(), SearchError> {
        let (from, to): (Vec<i64>, Vec<i64>) = documents
            .iter()
            .map(|document| keys_of(document.number))
            .map(|(from, to)| (from as i64, to as i64))
            .unzip();
        let find = "SELECT {number d.key} FROM {each e $1 int first, $2 int last} CROSS JOIN doc d
            WHERE d.key >= e.first AND d.key <= e.last";
        let mut former = self.sql.numbers(find, &[(&from).into(), (&to).into()]).await?;
        // One of the same digest was deleted and has another number.
        let named = repositories.iter().copied().zip(documents.iter().map(|document| &document.digest));
        former.extend(self.keys_of_digests(&named.collect::<Vec<_>>()).await?);
        former.sort_unstable();
        former.dedup();
        self.end(&former).await
    }

    async fn shown(&mut self, documents: &[&Document], keys: &[i64], repositories: &[i64]) -> Result<(), SearchError> {
        let of = |text: &dyn Fn(&Document) -> String| documents.iter().map(|one| text(one)).collect::<Vec<String>>();
        let halves_of = |subject: Option<&Digest>| subject.map(halves).unwrap_or_default();
        let texts = [
            of(&|one| halves(&one.digest).0),
            of(&|one| halves(&one.digest).1),
            of(&|one| halves_of(one.subject.as_ref()).0),
            of(&|one| halves_of(one.subject.as_ref()).1),
            of(&|one| one.title.clone()),
            of(&|one| one.summary.clone()),
            of(&|one| one.description.clone()),
            of(&|one| one.version.clone()),
            of(&|one| {
                one.tags.iter().take(TAGS_TOLD_MAX).map(wharf_model::name::Tag::as_str).collect::<Vec<_>>().join(" ")
            }),
            of(&|one| one.maintainers.join("\n")),
            of(&|one| one.keywords.join("\n")),
            of(&|one| one.licenses.join("\n")),
            of(&|one| one.platforms.join("\n")),
        ];
        let texts = texts.each_ref().map(|column| borrowed(column));
        let signatures: Vec<i64> = documents.iter().map(|one| i64::from(one.is_signature)).collect();
        let size = |one: &&Document| one.size.map_or(-1, |size| i64::try_from(size).unwrap_or(i64::MAX));
        let sizes: Vec<i64> = documents.iter().map(size).collect();
        let totals: Vec<i64> = documents.iter().map(|one| one.tags_total as i64).collect();
        let put = "INSERT INTO shown (key, repository, signature, size, tags_total, algorithm, hash, subject_algorithm, subject_hash,
                title, summary, description, version, tags, maintainers, keywords, licenses, platforms)
            SELECT e.key, e.repository, e.signature, nullif(e.size, -1), e.total, e.algorithm, e.hash, nullif(e.of_algorithm, ''),
                nullif(e.of_hash, ''), e.title, e.summary, e.description, e.version, e.tags, e.maintainers, e.keywords, e.licenses,
                e.platforms
            FROM {each e $1 int key, $2 int repository, $3 int signature, $4 int size, $5 int total, $6 text algorithm, $7 text hash,
                $8 text of_algorithm, $9 text of_hash, $10 text title, $11 text summary, $12 text description, $13 text version,
                $14 text tags, $15 text maintainers, $16 text keywords, $17 text licenses, $18 text platforms}";
        let numbers: [Value<'_>; 5] =
            [keys.into(), repositories.into(), (&signatures).into(), (&sizes).into(), (&totals).into()];
        let parameters: Vec<Value<'_>> = numbers.into_iter().chain(texts.iter().map(Value::from)).collect();
        self.sql.execute(put, &parameters).await?;
        Ok(())
    }

    async fn drop(&mut self, repository: &RepositoryName, digest: &Digest) -> Result<(), SearchError> {
        let Some(repository) = self.repository(repository).await? else { return Ok(()) };
        let keys = self.keys_of_digests(&[(repository, digest)]).await?;
        self.end(&keys).await
    }

    /// Takes artifacts out.
    async fn end(&mut self, keys: &[i64]) -> Result<(), SearchError> {
        if keys.is_empty() {
            return Ok(());
        }
        let signed = "SELECT {number s.key} FROM shown g CROSS JOIN shown s WHERE g.key {any $1} AND g.signature = 1
            AND s.hash = g.subject_hash AND s.repository = g.repository AND s.algorithm = g.subject_algorithm";
        let signed = self.sql.numbers(signed, &[keys.into()]).await?;
        self.resign.extend(signed);
        self.end_inside(keys).await?;
        text::end(self.sql, keys).await?;
        let has = "SELECT key, has FROM back WHERE key {any $1}";
        for (key, values) in packed::lists(self.sql, has, &[keys.into()]).await? {
            values.into_iter().for_each(|value| HAS.end(&mut self.has, [value, key]));
        }
        for key in keys {
            BRIEF.end(&mut self.brief, [*key, 0, 0, 0, 0, 0, 0]);
        }
        self.resign.extend(keys);
        for end in [
            "DELETE FROM back WHERE key {any $1}",
            "DELETE FROM shown WHERE key {any $1}",
            "DELETE FROM doc WHERE key {any $1}",
        ] {
            self.sql.execute(end, &[keys.into()]).await?;
        }
        Ok(())
    }

    /// What follows from all that was changed.
    async fn settle(&mut self) -> Result<(), SearchError> {
        self.sign().await?;
        self.work_out().await?;
        BRIEF.change(self.sql, &mut self.brief).await?;
        HAS.change(self.sql, &mut self.has).await?;
        HELD.change(self.sql, &mut self.held).await
    }

    /// Notes which artifacts are signed, of those of which that is to be noted.
    async fn sign(&mut self) -> Result<(), SearchError> {
        let resign = std::mem::take(&mut self.resign);
        if resign.is_empty() {
            return Ok(());
        }
        let keys: Vec<i64> = resign.iter().copied().collect();
        let signed = "SELECT {number s.key} FROM shown s WHERE s.key {any $1} AND EXISTS (SELECT 1 FROM shown g
            WHERE g.repository = s.repository AND g.subject_hash = s.hash AND g.subject_algorithm = s.algorithm AND g.signature = 1)";
        let signed: BTreeSet<i64> = self.sql.numbers(signed, &[(&keys).into()]).await?.into_iter().collect();
        let mut yes = BTreeMap::from([((field::SIGNED, field::YES.to_owned()), 0)]);
        self.ensure_values(&mut yes).await?;
        for value in yes.into_values() {
            for key in &resign {
                let note = if signed.contains(key) { Packed::put } else { Packed::end };
                note(&HAS, &mut self.has, [value, *key]);
            }
        }
        let is_there = |key: &i64| !BRIEF.is_noted(&self.brief, &[*key, 0, 0, 0, 0, 0, 0]);
        let there: Vec<i64> = keys.into_iter().filter(is_there).collect();
        for mut row in packed::briefs(self.sql, &there).await? {
            let is_signed = i64::from(signed.contains(&row[0]));
            if row[6] != is_signed && there.binary_search(&row[0]).is_ok() {
                row[6] = is_signed;
                BRIEF.put(&mut self.brief, row);
            }
        }
        self.brief.rows().filter(|row| signed.contains(&row[0])).for_each(|row| row[6] = 1);
        Ok(())
    }

    // --- repositories

    async fn repository(&mut self, name: &RepositoryName) -> Result<Option<i64>, SearchError> {
        let found = self.sql.one("SELECT id FROM repository WHERE name = $1", &[name.as_str().into()]).await?;
        Ok(found.map(|mut row| row.int(0)).transpose()?)
    }

    /// The numbers of the repositories of these, in their order.
    async fn ensure_repositories(
        &mut self,
        documents: &[&Document],
        projects: &BTreeMap<&str, i64>,
    ) -> Result<Vec<i64>, SearchError> {
        let names: BTreeMap<&str, i64> = documents
            .iter()
            .map(|document| (document.repository.as_str(), projects.get(document.repository.project_str())))
            .map(|(name, project)| (name, project.copied().unwrap_or_default()))
            .collect();
        let all: Vec<&str> = names.keys().copied().collect();
        let find = "SELECT {number coalesce((SELECT r.id FROM repository r WHERE r.name = e.name), 0)}
            FROM {each e $1 text name}";
        let mut found = self.sql.numbers(find, &[(&all).into()]).await?;
        let (new, numbers) = self.number(Sort::Repository, &mut found);
        let new = at(&all, &new);
        let within: Vec<i64> = new.iter().filter_map(|name| names.get(name).copied()).collect();
        let put = "INSERT INTO repository (id, name, project) SELECT e.id, e.name, e.project
            FROM {each e $1 int id, $2 text name, $3 int project}";
        self.sql.execute(put, &[(&numbers).into(), (&new).into(), (&within).into()]).await?;
        text::put_names(self.sql, &numbers, &new).await?;
        self.put_parts(&numbers, &new).await?;
        let ids: BTreeMap<&str, i64> = all.into_iter().zip(found).collect();
        Ok(documents.iter().filter_map(|document| ids.get(document.repository.as_str()).copied()).collect())
    }

    async fn put_parts(&mut self, repositories: &[i64], of: &[&str]) -> Result<(), SearchError> {
        let parts = repositories
            .iter()
            .zip(of)
            .flat_map(|(repository, name)| names::parts(name).into_iter().map(move |part| (part, *repository)));
        let (texts, here): (Vec<&str>, Vec<i64>) = parts.unzip();
        let mut all = texts.clone();
        all.sort_unstable();
        all.dedup();
        let find =
            "SELECT {number coalesce((SELECT p.id FROM part p WHERE p.text = e.text), 0)} FROM {each e $1 text text}";
        let mut found = self.sql.numbers(find, &[(&all).into()]).await?;
        let (new, numbers) = self.number(Sort::Part, &mut found);
        let new = at(&all, &new);
        let lengths: Vec<i64> = new.iter().map(|text| text.len() as i64).collect();
        let put = "INSERT INTO part (id, text, length) SELECT e.id, e.text, e.length
            FROM {each e $1 int id, $2 text text, $3 int length}";
        self.sql.execute(put, &[(&numbers).into(), (&new).into(), (&lengths).into()]).await?;
        let put = "INSERT INTO named (part, repository) SELECT p.id, e.repository
            FROM {each e $1 text text, $2 int repository} CROSS JOIN part p WHERE p.text = e.text";
        self.sql.execute(put, &[(&texts).into(), (&here).into()]).await?;
        Ok(())
    }

    /// Projects by their names, as public as the last that is in each says.
    async fn ensure_projects<'d>(&mut self, documents: &[&'d Document]) -> Result<BTreeMap<&'d str, i64>, SearchError> {
        let public: BTreeMap<&str, bool> =
            documents.iter().map(|document| (document.repository.project_str(), document.public)).collect();
        let names: Vec<&str> = public.keys().copied().collect();
        let find = "SELECT {number coalesce((SELECT p.id FROM project p WHERE p.name = e.name), 0)}
            FROM {each e $1 text name}";
        let mut found = self.sql.numbers(find, &[(&names).into()]).await?;
        let (new, numbers) = self.number(Sort::Project, &mut found);
        let new = at(&names, &new);
        let put = "INSERT INTO project (id, name, public) SELECT e.id, e.name, 0 FROM {each e $1 int id, $2 text name}";
        self.sql.execute(put, &[(&numbers).into(), (&new).into()]).await?;
        let ids: BTreeMap<&str, i64> = names.into_iter().zip(found).collect();
        for (is_public, put) in [
            (true, "UPDATE project SET public = 1 WHERE id {any $1} AND public = 0"),
            (false, "UPDATE project SET public = 0 WHERE id {any $1} AND public = 1"),
        ] {
            let these = ids.iter().filter(|(name, _)| public.get(*name) == Some(&is_public));
            let these: Vec<i64> = these.map(|(_, id)| *id).collect();
            self.sql.execute(put, &[(&these).into()]).await?;
        }
        Ok(ids)
    }

    /// Takes a repository out; what was in it is cleared away later, and is not found from now on.
    async fn end_repository(&mut self, repository: i64) -> Result<(), SearchError> {
        text::end_name(self.sql, repository).await?;
        for end in [
            "DELETE FROM named WHERE repository = $1",
            "DELETE FROM repository WHERE id = $1",
            "INSERT INTO gone (repository) VALUES ($1)",
        ] {
            self.sql.execute(end, &[repository.into()]).await?;
        }
        Ok(())
    }

    /// Clears away some of what was in repositories that are gone.
    async fn clear(&mut self) -> Result<(), SearchError> {
        let some = "SELECT {number g.repository} FROM (SELECT repository FROM gone LIMIT $1) AS g";
        let find = "SELECT {number d.key} FROM (SELECT key FROM doc WHERE repository = $1 LIMIT $2) AS d";
        let mut room = CLEARED;
        for gone in self.sql.numbers(some, &[GONE.into()]).await? {
            let keys = self.sql.numbers(find, &[gone.into(), (room as i64).into()]).await?;
            self.end(&keys).await?;
            room -= keys.len();
            if room == 0 {
                break;
            }
            self.sql.execute("DELETE FROM gone WHERE repository = $1", &[gone.into()]).await?;
        }
        Ok(())
    }

    /// The numbers of all values of these: those by which they are found, and those that are counted.
    async fn values(
        &mut self,
        documents: &[&Document],
        found_by: &[Vec<(i64, String)>],
    ) -> Result<BTreeMap<(i64, String), i64>, SearchError> {
        let mut all: BTreeMap<(i64, String), i64> = BTreeMap::new();
        for document in documents {
            all.insert((field::KIND, field::kind(document).to_owned()), 0);
            all.insert((field::LICENSES, field::counted_licenses(document)), 0);
            all.insert((field::PLATFORMS, field::counted_platforms(document)), 0);
        }
        all.extend(found_by.iter().flatten().map(|value| (value.clone(), 0)));
        self.ensure_values(&mut all).await?;
        Ok(all)
    }

    /// The numbers of values that are there from now on.
    async fn ensure_values(&mut self, all: &mut BTreeMap<(i64, String), i64>) -> Result<(), SearchError> {
        let (fields, texts): (Vec<i64>, Vec<&str>) = all.keys().map(|(field, text)| (*field, text.as_str())).unzip();
        let find = "SELECT {number coalesce((SELECT v.id FROM value v WHERE v.field = e.field AND v.text = e.text), 0)}
            FROM {each e $1 int field, $2 text text}";
        let mut found = self.sql.numbers(find, &[(&fields).into(), (&texts).into()]).await?;
        let (new, numbers) = self.number(Sort::Value, &mut found);
        let (new_fields, new_texts) = (at(&fields, &new), at(&texts, &new));
        let put = "INSERT INTO value (id, field, text) SELECT e.id, e.field, e.text
            FROM {each e $1 int id, $2 int field, $3 text text}";
        self.sql.execute(put, &[(&numbers).into(), (&new_fields).into(), (&new_texts).into()]).await?;
        all.values_mut().zip(found).for_each(|(value, number)| *value = number);
        Ok(())
    }

    /// What is called so in these repositories.
    pub(super) async fn keys_of_digests(&mut self, named: &[(i64, &Digest)]) -> Result<Vec<i64>, SearchError> {
        let repositories: Vec<i64> = named.iter().map(|(repository, _)| *repository).collect();
        let (algorithms, hashes): (Vec<String>, Vec<String>) = named.iter().map(|(_, digest)| halves(digest)).unzip();
        let find =
            "SELECT {number s.key} FROM {each e $1 int repository, $2 text algorithm, $3 text hash} CROSS JOIN shown s
            WHERE s.hash = e.hash AND s.repository = e.repository AND s.algorithm = e.algorithm";
        let (algorithms, hashes) = (borrowed(&algorithms), borrowed(&hashes));
        let parameters = [(&repositories).into(), (&algorithms).into(), (&hashes).into()];
        Ok(self.sql.numbers(find, &parameters).await?)
    }
}

/// How many of the first are made so together: artifacts of which each is another, or what is in sources.
fn alike(updates: &[Update]) -> usize {
    let (mut numbers, mut named) = (HashSet::new(), HashSet::new());
    let (mut count, mut weight) = (0, 0);
    for update in updates {
        let is_more = match (&updates[0], update) {
            (Update::Put(_), Update::Put(document)) => {
                weight += text::weight(document);
                weight <= TOGETHER_BYTES_MAX
                    && numbers.insert(document.number)
                    && named.insert((&document.repository, &document.digest))
            }
            (Update::Contents { .. }, Update::Contents { .. }) => true,
            _ => false,
        };
        if !is_more {
            break;
        }
        count += 1;
    }
    count.max(1)
}

/// What is at these places of a list.
pub(super) fn at<T: Copy>(list: &[T], places: &[usize]) -> Vec<T> {
    places.iter().map(|place| list[*place]).collect()
}

pub(super) fn borrowed(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// The algorithm and the hexadecimal digits.
pub(super) fn halves(digest: &Digest) -> (String, String) {
    let text = digest.to_string();
    text.split_once(':').map(|(algorithm, hash)| (algorithm.to_owned(), hash.to_owned())).unwrap_or_default()
}
