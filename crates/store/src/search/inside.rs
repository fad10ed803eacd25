//! What is inside of artifacts: files of layers and packages of bills of materials, kept once for each layer and bill, whatever names it.
//!
//! Which artifacts a source is in follows from which name it, list such or have such attached to them, in the same repository; it is
//! worked out anew for all that are concerned when one of them comes or goes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wharf_model::digest::Digest;

use super::packed::{self, HELD, pack_list, unpack_list};
use super::put::{Put, Sort, at, borrowed, halves};
use super::{CHILDREN_MAX, Contents, Document, Inside, Package, SOURCES_MAX, SearchError, Update};
use crate::sql::Sql;

/// What is in a source: not known; known; cannot be told yet.
const LACKING: i64 = 0;
const KNOWN: i64 = 1;
const UNKNOWN: i64 = 2;
/// From how many sources that nothing names any more something is cleared away beside each change.
const CLEARED: i64 = 4;
/// The folder of all names of files.
pub(super) const NAMES: i64 = -1;
/// How far indexes in indexes, and what is attached to what is attached, are followed.
const DEPTH_MAX: usize = 4;
/// How many artifacts are concerned by one, at most: an index of so many, or so many attached to one.
const CONCERNED_MAX: usize = 2_000;
/// How long a name of a file, or what is told of a package, may be, in bytes; of a longer one the beginning is looked for. PostgreSQL
/// takes three of them in an index.
const NAME_BYTES_MAX: usize = 800;

/// Which sources are in artifacts.
pub(super) const HELD_BY: &str = "SELECT key, held FROM back WHERE key {any $1}";

/// How it is written.
pub(super) fn number(inside: Inside) -> i64 {
    match inside {
        Inside::Files => 1,
        Inside::Packages => 2,
    }
}

pub(super) async fn lacking(sql: &mut impl Sql, limit: usize) -> Result<Vec<(Digest, Inside)>, SearchError> {
    let find = "SELECT digest, inside FROM source WHERE state = 0 ORDER BY id LIMIT $1";
    let mut lacking = Vec::new();
    for mut row in sql.query(find, &[(limit as i64).into()]).await? {
        let inside = if row.int(1)? == number(Inside::Files) { Inside::Files } else { Inside::Packages };
        lacking.push((row.parsed(0)?, inside));
    }
    Ok(lacking)
}

impl<S: Sql> Put<'_, S> {
    /// Notes what artifacts name and list.
    pub(super) async fn inside(&mut self, documents: &[&Document], keys: &[i64]) -> Result<(), SearchError> {
        let each = || documents.iter().zip(keys);
        let named: Vec<_> = each()
            .flat_map(|(document, key)| document.sources.iter().take(SOURCES_MAX).map(move |source| (source, *key)))
            .collect();
        let sources = self.ensure_sources(named.iter().map(|(source, _)| (&source.digest, source.inside))).await?;
        let of = |digest: &Digest, inside| sources.get(&(digest.to_string(), number(inside))).copied();
        let own: BTreeSet<(i64, i64)> =
            named.iter().filter_map(|(source, key)| Some((*key, of(&source.digest, source.inside)?))).collect();
        let (of_own, own): (Vec<i64>, Vec<i64>) = own.into_iter().unzip();
        let put = "INSERT INTO own (key, source) SELECT e.key, e.source FROM {each e $1 int key, $2 int source}";
        self.sql.execute(put, &[(&of_own).into(), (&own).into()]).await?;
        let told: BTreeMap<i64, &Vec<String>> = named
            .iter()
            .filter_map(|(source, _)| Some((of(&source.digest, source.inside)?, source.names.as_ref()?)))
            .collect();
        self.put_names(told).await?;
        let children: BTreeSet<((String, String), i64)> = each()
            .flat_map(|(document, key)| document.children.iter().take(CHILDREN_MAX).map(|child| (halves(child), *key)))
            .collect();
        let hashes: Vec<&str> = children.iter().map(|((_, hash), _)| hash.as_str()).collect();
        let algorithms: Vec<&str> = children.iter().map(|((algorithm, _), _)| algorithm.as_str()).collect();
        let above: Vec<i64> = children.iter().map(|(_, key)| *key).collect();
        let put = "INSERT INTO child (hash, algorithm, key) SELECT e.hash, e.algorithm, e.key
            FROM {each e $1 text hash, $2 text algorithm, $3 int key}";
        self.sql.execute(put, &[(&hashes).into(), (&algorithms).into(), (&above).into()]).await?;
        let seeds = each().filter(|(document, _)| !document.sources.is_empty() || !document.children.is_empty());
        let concerned = self.concerned(seeds.map(|(_, key)| *key).collect()).await?;
        self.rework.extend(keys);
        self.rework.extend(concerned);
        Ok(())
    }

    /// Puts in names of files that are known by those who name them, of those sources of which they are not known yet.
    async fn put_names(&mut self, told: BTreeMap<i64, &Vec<String>>) -> Result<(), SearchError> {
        let sources: Vec<i64> = told.keys().copied().collect();
        let find = "SELECT {number id} FROM source WHERE id {any $1} AND state <> 1";
        let new = self.sql.numbers(find, &[(&sources).into()]).await?;
        let files = new.iter().filter_map(|source| Some((*source, told.get(source)?.as_slice())));
        self.put_files(&files.collect::<Vec<_>>()).await?;
        self.set_states(&new, KNOWN).await
    }

    /// Forgets what artifacts name and list; those in which something of them was are worked out anew when they are gone.
    pub(super) async fn end_inside(&mut self, keys: &[i64]) -> Result<(), SearchError> {
        let own = self.sql.numbers("SELECT {numbers key, source} FROM own WHERE key {any $1}", &[keys.into()]).await?;
        let (own, _) = own.as_chunks::<2>();
        let above = self.sql.numbers("SELECT {number key} FROM child WHERE key {any $1}", &[keys.into()]).await?;
        let concerned = self.concerned(own.iter().map(|[key, _]| *key).chain(above).collect()).await?;
        self.rework.extend(concerned);
        for (key, sources) in packed::lists(self.sql, HELD_BY, &[keys.into()]).await? {
            sources.into_iter().for_each(|source| HELD.end(&mut self.held, [source, key]));
        }
        for end in ["DELETE FROM own WHERE key {any $1}", "DELETE FROM child WHERE key {any $1}"] {
            self.sql.execute(end, &[keys.into()]).await?;
        }
        let sources: BTreeSet<i64> = own.iter().map(|[_, source]| *source).collect();
        let sources: Vec<i64> = sources.into_iter().collect();
        let put = "INSERT INTO unused (source) SELECT e.source FROM {each e $1 int source}
            WHERE NOT EXISTS (SELECT 1 FROM own o WHERE o.source = e.source) ON CONFLICT DO NOTHING";
        self.sql.execute(put, &[(&sources).into()]).await?;
        Ok(())
    }

    /// The artifacts in which something is that these have: themselves, what lists them, and what they are attached to.
    async fn concerned(&mut self, of: BTreeSet<i64>) -> Result<BTreeSet<i64>, SearchError> {
        let most = of.len().saturating_mul(CONCERNED_MAX);
        let mut edge: Vec<i64> = of.iter().copied().collect();
        let mut all = of;
        for _ in 0..DEPTH_MAX {
            let mut above = Vec::new();
            for find in [
                "SELECT {number p.key} FROM shown s CROSS JOIN child c CROSS JOIN shown p WHERE s.key {any $1}
                    AND c.hash = s.hash AND c.algorithm = s.algorithm AND p.key = c.key AND p.repository = s.repository",
                "SELECT {number p.key} FROM shown s CROSS JOIN shown p WHERE s.key {any $1} AND p.hash = s.subject_hash
                    AND p.repository = s.repository AND p.algorithm = s.subject_algorithm",
            ] {
                above.extend(self.sql.numbers(find, &[(&edge).into()]).await?);
            }
            edge.clear();
            edge.extend(above.into_iter().filter(|one| all.len() < most && all.insert(*one)));
        }
        Ok(all)
    }

    /// Notes which sources are in the artifacts of which that is to be worked out.
    pub(super) async fn work_out(&mut self) -> Result<(), SearchError> {
        let keys: Vec<i64> = std::mem::take(&mut self.rework).into_iter().collect();
        // Those that are gone meanwhile have nothing.
        let there = packed::lists(self.sql, HELD_BY, &[(&keys).into()]).await?;
        let keys = || there.iter().map(|(key, _)| *key);
        let mut wanted: HashMap<i64, BTreeSet<i64>> = HashMap::new();
        let mut seen: HashMap<i64, BTreeSet<i64>> = keys().map(|key| (key, BTreeSet::from([key]))).collect();
        let mut edge: Vec<(i64, i64, bool)> = keys().map(|key| (key, key, false)).collect();
        for _ in 0..DEPTH_MAX {
            let level = self.level(edge.iter().map(|(_, key, _)| *key).collect()).await?;
            let mut next = Vec::new();
            for (origin, key, is_attached) in edge {
                let Some(there) = level.get(&key) else { continue };
                // Of what is attached its packages count: a bill tells of its subject, files do not.
                let least = number(if is_attached { Inside::Packages } else { Inside::Files });
                let own = there.own.iter().filter(|(_, inside)| *inside >= least);
                wanted.entry(origin).or_default().extend(own.map(|(source, _)| *source));
                let seen = seen.entry(origin).or_default();
                let below = there.listed.iter().map(|one| (*one, is_attached));
                for (one, is_attached) in below.chain(there.attached.iter().map(|one| (*one, true))) {
                    if seen.len() < CONCERNED_MAX && seen.insert(one) {
                        next.push((origin, one, is_attached));
                    }
                }
            }
            edge = next;
        }
        let (mut changed, mut held) = (Vec::new(), Vec::new());
        for (key, there) in there {
            let wanted: Vec<i64> = wanted.remove(&key).unwrap_or_default().into_iter().collect();
            if wanted != there {
                there.iter().for_each(|source| HELD.end(&mut self.held, [*source, key]));
                wanted.iter().for_each(|source| HELD.put(&mut self.held, [*source, key]));
                changed.push(key);
                held.push(pack_list(wanted));
            }
        }
        let put = "UPDATE back SET held = e.held FROM {each e $1 int key, $2 bytes held} WHERE back.key = e.key";
        self.sql.execute(put, &[(&changed).into(), (&held).into()]).await?;
        Ok(())
    }

    /// What is named by each of these, listed by it and attached to it.
    async fn level(&mut self, keys: BTreeSet<i64>) -> Result<HashMap<i64, There>, SearchError> {
        let keys: Vec<i64> = keys.into_iter().collect();
        let mut all: HashMap<i64, There> = HashMap::new();
        let own = "SELECT {numbers o.key, o.source, s.inside} FROM own o CROSS JOIN source s
            WHERE o.key {any $1} AND s.id = o.source";
        for [key, source, inside] in self.sql.numbers(own, &[(&keys).into()]).await?.as_chunks::<3>().0 {
            all.entry(*key).or_default().own.push((*source, *inside));
        }
        let listed =
            "SELECT {numbers c.key, s.key} FROM child c CROSS JOIN shown p CROSS JOIN shown s WHERE c.key {any $1}
            AND p.key = c.key AND s.hash = c.hash AND s.repository = p.repository AND s.algorithm = c.algorithm";
        for [key, below] in self.sql.numbers(listed, &[(&keys).into()]).await?.as_chunks::<2>().0 {
            all.entry(*key).or_default().listed.push(*below);
        }
        let attached = "SELECT {numbers s.key, a.key} FROM shown s CROSS JOIN shown a WHERE s.key {any $1}
            AND a.repository = s.repository AND a.subject_hash = s.hash AND a.subject_algorithm = s.algorithm
            AND EXISTS (SELECT 1 FROM own o WHERE o.key = a.key)";
        for [key, below] in self.sql.numbers(attached, &[(&keys).into()]).await?.as_chunks::<2>().0 {
            all.entry(*key).or_default().attached.push(*below);
        }
        Ok(all)
    }

    // --- sources

    async fn source(&mut self, digest: &Digest, inside: Inside) -> Result<Option<i64>, SearchError> {
        let find = "SELECT id FROM source WHERE digest = $1 AND inside = $2";
        let found = self.sql.one(find, &[digest.to_string().as_str().into(), number(inside).into()]).await?;
        Ok(found.map(|mut row| row.int(0)).transpose()?)
    }

    /// The numbers of sources that are there, by their digests and what is looked for in them; 0 of others.
    async fn sources<'d>(
        &mut self,
        named: impl Iterator<Item = (&'d Digest, Inside)>,
    ) -> Result<BTreeMap<(String, i64), i64>, SearchError> {
        let named: BTreeSet<(String, i64)> =
            named.map(|(digest, inside)| (digest.to_string(), number(inside))).collect();
        let digests: Vec<&str> = named.iter().map(|(digest, _)| digest.as_str()).collect();
        let insides: Vec<i64> = named.iter().map(|(_, inside)| *inside).collect();
        let find =
            "SELECT {number coalesce((SELECT s.id FROM source s WHERE s.digest = e.digest AND s.inside = e.inside), 0)}
            FROM {each e $1 text digest, $2 int inside}";
        let found = self.sql.numbers(find, &[(&digests).into(), (&insides).into()]).await?;
        Ok(named.into_iter().zip(found).collect())
    }

    /// The same, of sources that are there from now on. Those that are named first have the lower numbers.
    async fn ensure_sources<'d>(
        &mut self,
        named: impl Iterator<Item = (&'d Digest, Inside)> + Clone,
    ) -> Result<BTreeMap<(String, i64), i64>, SearchError> {
        let mut all = self.sources(named.clone()).await?;
        let used: Vec<i64> = all.values().copied().filter(|source| *source != 0).collect();
        let find = "SELECT {number source} FROM unused WHERE source {any $1}";
        let unused = self.sql.numbers(find, &[(&used).into()]).await?;
        // Of what was in them, some may be cleared away already.
        self.set_states(&unused, LACKING).await?;
        self.sql.execute("DELETE FROM unused WHERE source {any $1}", &[(&unused).into()]).await?;
        let numbers = self.give(Sort::Source, all.len() - used.len());
        let (mut digests, mut insides, mut next) = (Vec::new(), Vec::new(), numbers.iter());
        for (digest, inside) in named.map(|(digest, inside)| (digest.to_string(), number(inside))) {
            let place = (digest, inside);
            if let Some(source) = all.get_mut(&place).filter(|source| **source == 0) {
                *source = next.next().copied().unwrap_or_default();
                digests.push(place.0);
                insides.push(inside);
            }
        }
        let put = "INSERT INTO source (id, digest, inside, state) SELECT e.id, e.digest, e.inside, 0
            FROM {each e $1 int id, $2 text digest, $3 int inside}";
        self.sql.execute(put, &[(&numbers).into(), (&borrowed(&digests)).into(), (&insides).into()]).await?;
        Ok(all)
    }

    async fn set_states(&mut self, sources: &[i64], state: i64) -> Result<(), SearchError> {
        let put = "UPDATE source SET state = $2 WHERE id {any $1} AND state <> $2";
        self.sql.execute(put, &[sources.into(), state.into()]).await?;
        Ok(())
    }

    /// Puts in what is in sources, of those that are there.
    pub(super) async fn contents(&mut self, updates: &[Update]) -> Result<(), SearchError> {
        let told = updates.iter().filter_map(|update| match update {
            Update::Contents { source, inside, contents, is_last } => Some((source, *inside, contents, *is_last)),
            _ => None,
        });
        let sources = self.sources(told.clone().map(|(source, inside, ..)| (source, inside))).await?;
        let (mut files, mut packages, mut states) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (digest, inside, contents, is_last) in told {
            let source = sources.get(&(digest.to_string(), number(inside))).copied().unwrap_or_default();
            if source == 0 {
                continue;
            }
            match contents {
                Contents::Unknown => drop(states.insert(source, UNKNOWN)),
                Contents::Files(paths) => files.push((source, paths.as_slice())),
                Contents::Packages(all) => packages.push((source, all.as_slice())),
            }
            if is_last && *contents != Contents::Unknown {
                states.insert(source, KNOWN);
            }
        }
        self.put_files(&files).await?;
        self.put_packages(&packages).await?;
        for state in [KNOWN, UNKNOWN] {
            let these: Vec<i64> = states.iter().filter(|(_, is)| **is == state).map(|(source, _)| *source).collect();
            self.set_states(&these, state).await?;
        }
        Ok(())
    }

    /// Forgets what is in a source, and asks for it.
    pub(super) async fn stale(&mut self, digest: &Digest, inside: Inside) -> Result<(), SearchError> {
        let Some(source) = self.source(digest, inside).await? else { return Ok(()) };
        while self.unlist(source).await? {}
        self.set_states(&[source], LACKING).await
    }

    async fn put_files(&mut self, all: &[(i64, &[String])]) -> Result<(), SearchError> {
        let paths: BTreeSet<&str> = all.iter().flat_map(|(_, paths)| *paths).map(String::as_str).collect();
        let folders = self.folders(&paths).await?;
        let folder = |folder: &str| if folder.is_empty() { Some(0) } else { folders.get(folder).copied() };
        let is_file = |path: &&&str| !path.ends_with('/');
        // Each where it is, and each file among all names once more.
        let places = paths.iter().map(|path| (folder(split(path).0).unwrap_or_default(), cut(split(path).1)));
        let names = paths.iter().filter(is_file).map(|path| (NAMES, cut(split(path).1)));
        let numbers = self.paths(places.chain(names).collect()).await?;
        let mut lists = Vec::with_capacity(all.len());
        for (source, paths) in all {
            let mut here: BTreeSet<i64> = BTreeSet::new();
            for path in *paths {
                let (above, name) = split(path);
                let name = cut(name);
                here.extend(numbers.get(&(folder(above).unwrap_or_default(), name.clone())));
                if !name.ends_with('/') {
                    here.extend(numbers.get(&(NAMES, name)));
                }
                // The folders that lead to them, too.
                here.extend(above.match_indices('/').filter_map(|(at, _)| folders.get(&above[..=at])));
            }
            lists.push((*source, here.into_iter().collect()));
        }
        let put = "INSERT INTO holds (path, source) SELECT e.number, e.source FROM {each e $1 int number, $2 int source} WHERE true
            ON CONFLICT DO NOTHING";
        self.list(lists, put).await
    }

    /// The numbers of all folders that lead to these paths, each of which ends with a slash: a depth after the other.
    async fn folders<'p>(&mut self, paths: &BTreeSet<&'p str>) -> Result<HashMap<&'p str, i64>, SearchError> {
        let mut folders: HashMap<&str, i64> = HashMap::new();
        let mut levels: Vec<BTreeSet<&str>> = Vec::new();
        let mut before = "";
        for path in paths {
            let above = split(path).0;
            if above == before {
                continue;
            }
            before = above;
            for (depth, (at, _)) in above.match_indices('/').enumerate() {
                if levels.len() == depth {
                    levels.push(BTreeSet::new());
                }
                levels[depth].insert(&above[..=at]);
            }
        }
        for level in levels {
            let place = |folder: &str| {
                let (above, name) = split(folder);
                (folders.get(above).copied().unwrap_or_default(), cut(name))
            };
            let numbers = self.paths(level.iter().map(|folder| place(folder)).collect()).await?;
            let found: Vec<(&str, i64)> =
                level.iter().filter_map(|folder| Some((*folder, *numbers.get(&place(folder))?))).collect();
            folders.extend(found);
        }
        Ok(folders)
    }

    /// The numbers of names in folders.
    async fn paths(&mut self, places: BTreeSet<(i64, String)>) -> Result<HashMap<(i64, String), i64>, SearchError> {
        let (folders, names): (Vec<i64>, Vec<&str>) =
            places.iter().map(|(folder, name)| (*folder, name.as_str())).unzip();
        let find =
            "SELECT {number coalesce((SELECT p.id FROM path p WHERE p.folder = e.folder AND p.name = e.name), 0)}
            FROM {each e $1 int folder, $2 text name}";
        let mut found = self.sql.numbers(find, &[(&folders).into(), (&names).into()]).await?;
        let (new, numbers) = self.number(Sort::Path, &mut found);
        let (new_folders, new_names) = (at(&folders, &new), at(&names, &new));
        let put = "INSERT INTO path (id, folder, name) SELECT e.id, e.folder, e.name
            FROM {each e $1 int id, $2 int folder, $3 text name}";
        self.sql.execute(put, &[(&numbers).into(), (&new_folders).into(), (&new_names).into()]).await?;
        Ok(places.into_iter().zip(found).collect())
    }

    async fn put_packages(&mut self, all: &[(i64, &[Package])]) -> Result<(), SearchError> {
        let cut_of = |package: &Package| [&package.name, &package.ecosystem, &package.version].map(|text| cut(text));
        let packages: BTreeSet<[String; 3]> = all.iter().flat_map(|(_, packages)| *packages).map(cut_of).collect();
        let columns = [0, 1, 2].map(|column| packages.iter().map(|one| one[column].as_str()).collect::<Vec<&str>>());
        let [names, ecosystems, versions] = &columns;
        let find =
            "SELECT {number coalesce((SELECT p.id FROM package p WHERE p.name = e.name AND p.ecosystem = e.ecosystem
            AND p.version = e.version), 0)} FROM {each e $1 text name, $2 text ecosystem, $3 text version}";
        let mut found = self.sql.numbers(find, &[names.into(), ecosystems.into(), versions.into()]).await?;
        let (new, numbers) = self.number(Sort::Package, &mut found);
        let [names, ecosystems, versions] = columns.each_ref().map(|column| at(column, &new));
        let last: Vec<&str> = names.iter().map(|name| name.rsplit('/').next().unwrap_or(name)).collect();
        let put = "INSERT INTO package (id, name, ecosystem, version, last) SELECT e.id, e.name, e.ecosystem, e.version, e.last
            FROM {each e $1 int id, $2 text name, $3 text ecosystem, $4 text version, $5 text last}";
        let parameters = [(&numbers).into(), (&names).into(), (&ecosystems).into(), (&versions).into(), (&last).into()];
        self.sql.execute(put, &parameters).await?;
        let numbers: BTreeMap<&[String; 3], i64> = packages.iter().zip(found).collect();
        let here = |packages: &[Package]| {
            let here: BTreeSet<i64> = packages.iter().filter_map(|one| numbers.get(&cut_of(one)).copied()).collect();
            here.into_iter().collect()
        };
        let lists = all.iter().map(|(source, packages)| (*source, here(packages))).collect();
        let put = "INSERT INTO packed (package, source) SELECT e.number, e.source FROM {each e $1 int number, $2 int source} WHERE true
            ON CONFLICT DO NOTHING";
        self.list(lists, put).await
    }

    /// Puts sources to these paths or packages, ascending, and notes that.
    async fn list(&mut self, lists: Vec<(i64, Vec<i64>)>, put: &'static str) -> Result<(), SearchError> {
        // In the order in which the table is kept.
        let mut pairs: Vec<(i64, i64)> =
            lists.iter().flat_map(|(source, numbers)| numbers.iter().map(|number| (*number, *source))).collect();
        pairs.sort_unstable();
        let (numbers, sources): (Vec<i64>, Vec<i64>) = pairs.into_iter().unzip();
        self.sql.execute(put, &[(&numbers).into(), (&sources).into()]).await?;
        let (sources, packed): (Vec<i64>, Vec<Vec<u8>>) = lists
            .iter()
            .filter(|(_, numbers)| !numbers.is_empty())
            .map(|(source, numbers)| (*source, pack_list(numbers.iter().copied())))
            .unzip();
        let ids = self.give(Sort::Listed, sources.len());
        let put = "INSERT INTO listed (id, source, numbers) SELECT e.id, e.source, e.numbers
            FROM {each e $1 int id, $2 int source, $3 bytes numbers}";
        self.sql.execute(put, &[(&ids).into(), (&sources).into(), (&packed).into()]).await?;
        Ok(())
    }

    /// Takes away some of what was put for a source; whether there may be more.
    async fn unlist(&mut self, source: i64) -> Result<bool, SearchError> {
        let find = "SELECT l.id, l.numbers, s.inside FROM listed l CROSS JOIN source s WHERE l.source = $1 AND s.id = l.source LIMIT 1";
        let Some(mut row) = self.sql.one(find, &[source.into()]).await? else { return Ok(false) };
        let numbers = unpack_list(&row.bytes(1)?);
        let end = if row.int(2)? == number(Inside::Files) {
            "DELETE FROM holds WHERE path {any $1} AND source = $2"
        } else {
            "DELETE FROM packed WHERE package {any $1} AND source = $2"
        };
        self.sql.execute(end, &[(&numbers).into(), source.into()]).await?;
        self.sql.execute("DELETE FROM listed WHERE id = $1", &[row.int(0)?.into()]).await?;
        Ok(true)
    }

    /// Clears away some of what was in sources that nothing names any more.
    pub(super) async fn clear_sources(&mut self) -> Result<(), SearchError> {
        let unused = self
            .sql
            .numbers("SELECT {number u.source} FROM (SELECT source FROM unused LIMIT $1) AS u", &[CLEARED.into()])
            .await?;
        for source in unused {
            self.clear_source(source).await?;
        }
        Ok(())
    }

    async fn clear_source(&mut self, source: i64) -> Result<(), SearchError> {
        if self.unlist(source).await? {
            // Whoever names it again meanwhile has it filled again; until then nobody is asked for it.
            self.set_states(&[source], UNKNOWN).await?;
        } else {
            self.sql.execute("DELETE FROM source WHERE id = $1", &[source.into()]).await?;
            self.sql.execute("DELETE FROM unused WHERE source = $1", &[source.into()]).await?;
        }
        Ok(())
    }
}

/// What is named by an artifact, with what is looked for in it, listed by it and attached to it.
#[derive(Default)]
struct There {
    own: Vec<(i64, i64)>,
    listed: Vec<i64>,
    attached: Vec<i64>,
}

/// A name as it is kept and looked for; what ends with a slash does so still.
pub(super) fn cut(name: &str) -> String {
    if name.len() <= NAME_BYTES_MAX {
        return name.to_owned();
    }
    let end = if name.ends_with('/') { "/" } else { "" };
    format!("{}{end}", &name[..name.floor_char_boundary(NAME_BYTES_MAX)])
}

/// The folder of a path, with the slash, and its name; a folder's own name ends with its slash.
pub(super) fn split(path: &str) -> (&str, &str) {
    let end = path.strip_suffix('/').unwrap_or(path);
    path.split_at(end.rfind('/').map_or(0, |at| at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split() {
        let check = |path: &str, expect: (&str, &str)| assert_eq!(split(path), expect, "{path}");
        check("usr/bin/curl", ("usr/bin/", "curl"));
        check("usr/bin/", ("usr/", "bin/"));
        check("usr/", ("", "usr/"));
        check("a", ("", "a"));
        check("", ("", ""));
    }
}
