//! Rows of a few numbers, many of them in one row of the engine's: what a search looks at is by the ten thousand, and a row of the
//! engine's costs a hundred times what a number does.
//!
//! A block has those that belong together, in their order: each number as what it is more or less than that of the row before, seven bits
//! a byte. A change reads the blocks that it is about, and writes them anew; so a block is for some hundreds of artifacts, no more.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::SearchError;
use crate::ledger::query::LedgerError;
use crate::sql::{Row, Sql, Value};

/// A table of blocks of rows of so many numbers: its columns are `above` and `block`, the place of a block, and `rows`.
pub(super) struct Packed<const W: usize> {
    /// How many of a row's first numbers tell it from others.
    named_by: usize,
    /// The place of the block that a row is in.
    place: fn(&[i64; W]) -> (i64, i64),
    find: &'static str,
    put: &'static str,
    end: &'static str,
}

/// The statements of a table of that name.
macro_rules! packed {
    ($table:literal, $named_by:expr, $place:expr) => {
        Packed {
            named_by: $named_by,
            place: $place,
            find: concat!(
                "SELECT t.above, t.block, t.rows FROM {each e $1 int above, $2 int block} CROSS JOIN ",
                $table,
                " t WHERE t.above = e.above AND t.block = e.block"
            ),
            put: concat!(
                "INSERT INTO ",
                $table,
                " (above, block, rows) SELECT e.above, e.block, e.rows FROM {each e $1 int above, $2 int block, $3 bytes rows}
                WHERE true ON CONFLICT (above, block) DO UPDATE SET rows = excluded.rows"
            ),
            end: concat!(
                "DELETE FROM ",
                $table,
                " WHERE (above, block) IN (SELECT e.above, e.block FROM {each e $1 int above, $2 int block})"
            ),
        }
    };
}

/// What is looked at of each artifact that is found: its key, project, repository, kind, licences and platforms by their numbers, and
/// whether it is signed.
pub(super) const BRIEF: Packed<7> = packed!("brief", 1, |[key, ..]| (key >> 8, 0));
/// Which artifacts have which values: numbers of values, and keys.
pub(super) const HAS: Packed<2> = packed!("has", 2, |[value, key]| (*value, key >> 11));
/// Which sources are in which artifacts: numbers of sources, and keys.
pub(super) const HELD: Packed<2> = packed!("held", 2, |[source, key]| (source >> 6, key >> 11));

/// What is to be true of rows, by the numbers that tell them from others: the row, or that there is none.
pub(super) struct Changes<const W: usize>(BTreeMap<[i64; W], Option<[i64; W]>>);

impl<const W: usize> Default for Changes<W> {
    fn default() -> Self {
        Changes(BTreeMap::new())
    }
}

impl<const W: usize> Changes<W> {
    /// How many rows something is noted of.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The rows that are to be there.
    pub(super) fn rows(&mut self) -> impl Iterator<Item = &mut [i64; W]> {
        self.0.values_mut().flatten()
    }
}

impl<const W: usize> Packed<W> {
    fn name(&self, row: &[i64; W]) -> [i64; W] {
        let mut name = *row;
        name[self.named_by..].fill(0);
        name
    }

    /// Notes that this row is to be there, in the place of one of its name.
    pub(super) fn put(&self, changes: &mut Changes<W>, row: [i64; W]) {
        changes.0.insert(self.name(&row), Some(row));
    }

    /// Notes that no row of this name is to be there.
    pub(super) fn end(&self, changes: &mut Changes<W>, row: [i64; W]) {
        changes.0.insert(self.name(&row), None);
    }

    /// Whether something is noted of a row of this name.
    pub(super) fn is_noted(&self, changes: &Changes<W>, row: &[i64; W]) -> bool {
        changes.0.contains_key(&self.name(row))
    }

    /// Where the blocks are in which rows are.
    pub(super) fn above(&self, rows: impl Iterator<Item = [i64; W]>) -> Vec<i64> {
        let mut above: Vec<i64> = rows.map(|row| (self.place)(&row).0).collect();
        above.sort_unstable();
        above.dedup();
        above
    }

    /// Makes all of it true.
    pub(super) async fn change(&self, sql: &mut impl Sql, changes: &mut Changes<W>) -> Result<(), SearchError> {
        let changes = std::mem::take(changes).0;
        let places: BTreeSet<(i64, i64)> = changes.keys().map(self.place).collect();
        let (above, blocks): (Vec<i64>, Vec<i64>) = places.iter().copied().unzip();
        let mut before: BTreeMap<(i64, i64), Bytes> = BTreeMap::new();
        for mut row in sql.query(self.find, &[(&above).into(), (&blocks).into()]).await? {
            before.insert((row.int(0)?, row.int(1)?), row.bytes(2)?);
        }
        let mut all: BTreeMap<(i64, i64), Vec<[i64; W]>> =
            before.iter().map(|(place, rows)| (*place, unpack(rows))).collect();
        all.values_mut().for_each(|rows| rows.retain(|row| !changes.contains_key(&self.name(row))));
        for row in changes.values().flatten() {
            all.entry((self.place)(row)).or_default().push(*row);
        }
        let (mut put, mut end) = ((Vec::new(), Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        for ((above, block), mut rows) in all {
            rows.sort_unstable();
            let packed = pack(&rows);
            if packed.is_empty() {
                end.0.push(above);
                end.1.push(block);
            } else if before.get(&(above, block)).is_none_or(|before| *before != packed) {
                put.0.push(above);
                put.1.push(block);
                put.2.push(packed);
            }
        }
        sql.execute(self.put, &[(&put.0).into(), (&put.1).into(), (&put.2).into()]).await?;
        sql.execute(self.end, &[(&end.0).into(), (&end.1).into()]).await?;
        Ok(())
    }
}

/// What is picked of the rows of the blocks that a statement finds.
pub(super) async fn picked<const W: usize, T>(
    sql: &mut impl Sql,
    find: &'static str,
    parameters: &[Value<'_>],
    pick: impl Fn([i64; W]) -> T,
) -> Result<Vec<T>, SearchError> {
    let mut all = Vec::new();
    for mut row in sql.query(find, parameters).await? {
        each(&row.bytes(0)?, |row| all.push(pick(row)));
    }
    Ok(all)
}

/// What is looked at of these artifacts, and of others beside them.
pub(super) async fn briefs(sql: &mut impl Sql, keys: &[i64]) -> Result<Vec<[i64; 7]>, SearchError> {
    let above = BRIEF.above(keys.iter().map(|key| [*key, 0, 0, 0, 0, 0, 0]));
    picked(sql, "SELECT rows FROM brief WHERE above {any $1}", &[(&above).into()], |row| row).await
}

/// Which artifacts have a value of a field from this one up to that, which is not among them; one may be told more than once.
pub(super) async fn keys_of_values(
    sql: &mut impl Sql,
    field: i64,
    from: &str,
    to: &str,
) -> Result<Vec<i64>, SearchError> {
    let find = "SELECT h.rows FROM value v CROSS JOIN has h
        WHERE v.field = $1 AND v.text >= $2 AND v.text < $3 AND h.above = v.id";
    keys_having(sql, find, &[field.into(), from.into(), to.into()]).await
}

/// The artifacts in the blocks that a statement finds of what has which value; one may be told more than once.
pub(super) async fn keys_having(
    sql: &mut impl Sql,
    find: &'static str,
    parameters: &[Value<'_>],
) -> Result<Vec<i64>, SearchError> {
    picked(sql, find, parameters, |[_, key]: [i64; 2]| key).await
}

/// In which artifacts these sources are, which are in their order; an artifact for each that is in it.
pub(super) async fn keys_of_sources(sql: &mut impl Sql, sources: &[i64]) -> Result<Vec<i64>, SearchError> {
    let above = HELD.above(sources.iter().map(|source| [*source, 0]));
    let find = "SELECT rows FROM held WHERE above {any $1}";
    let mut held: Vec<[i64; 2]> = picked(sql, find, &[(&above).into()], |row| row).await?;
    held.sort_unstable();
    let mut sources = sources.iter().peekable();
    held.retain(|[source, _]| {
        while sources.next_if(|wanted| *wanted < source).is_some() {}
        sources.peek() == Some(&source)
    });
    Ok(held.into_iter().map(|[_, key]| key).collect())
}

/// Numbers as they are kept beside one other.
pub(super) fn pack_list(numbers: impl IntoIterator<Item = i64>) -> Vec<u8> {
    pack(&numbers.into_iter().map(|number| [number]).collect::<Vec<_>>())
}

/// The numbers that are kept so.
pub(super) fn unpack_list(bytes: &[u8]) -> Vec<i64> {
    let mut numbers = Vec::with_capacity(bytes.len());
    each(bytes, |[number]| numbers.push(number));
    numbers
}

/// Rows of a number and numbers that are kept beside it.
pub(super) async fn lists(
    sql: &mut impl Sql,
    find: &'static str,
    parameters: &[Value<'_>],
) -> Result<Vec<(i64, Vec<i64>)>, SearchError> {
    let rows = sql.query(find, parameters).await?;
    let list = |mut row: Row| Ok((row.int(0)?, unpack_list(&row.bytes(1)?)));
    Ok(rows.into_iter().map(list).collect::<Result<_, LedgerError>>()?)
}

/// Rows as they are kept.
fn pack<const W: usize>(rows: &[[i64; W]]) -> Vec<u8> {
    let (mut bytes, mut before) = (Vec::with_capacity(rows.len() * W), [0i64; W]);
    for row in rows {
        for (number, before) in row.iter().zip(before) {
            let more = number.wrapping_sub(before);
            // Small ones first, whether more or less.
            let mut more = ((more << 1) ^ (more >> 63)) as u64;
            while more >= 0x80 {
                bytes.push(more as u8 | 0x80);
                more >>= 7;
            }
            bytes.push(more as u8);
        }
        before = *row;
    }
    bytes
}

/// The rows that are kept so.
fn unpack<const W: usize>(bytes: &[u8]) -> Vec<[i64; W]> {
    let mut rows = Vec::with_capacity(bytes.len() / W);
    each(bytes, |row| rows.push(row));
    rows
}

fn each<const W: usize>(bytes: &[u8], mut take: impl FnMut([i64; W])) {
    let (mut row, mut column, mut more, mut shift) = ([0i64; W], 0, 0u64, 0);
    for byte in bytes {
        more |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        if byte & 0x80 == 0 {
            row[column] = row[column].wrapping_add((more >> 1) as i64 ^ -((more & 1) as i64));
            (more, shift, column) = (0, 0, column + 1);
            if column == W {
                take(row);
                column = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_kept_small() {
        for rows in [vec![], vec![[1, -2]], vec![[1, 5], [1, 6], [300, 0], [1 << 40, -1], [i64::MAX, i64::MIN]]] {
            assert_eq!(unpack(&pack(&rows)), rows);
        }
        let rows: Vec<[i64; 1]> = (0..1_000).map(|one| [one * 4]).collect();
        assert_eq!(pack(&rows).len(), 1_000);
        assert!(unpack::<2>(&[0x80]).is_empty(), "torn");
    }
}
