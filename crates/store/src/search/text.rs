//! Full text, which each engine has in its own way: running text of artifacts, and names of repositories by any three letters of theirs.
//!
//! What a word is, is the same everywhere: letters and digits in a row, lower case, without the accents that are signs of their own in
//! Unicode. Words are told apart here, and the engines are given them one by one: FTS5 in four columns of a table without content,
//! PostgreSQL as a `tsvector`, in which what is in a column that is asked for by itself is once more with the column's sign before it,
//! so that its index alone can tell.
//!
//! What PostgreSQL's index finds it looks at, row for row, which are wide: a word that most artifacts have took 40 ms of 100,000. So one
//! word by itself is looked up there as values are (`field.rs`), in a millisecond, and phrases are what the `tsvector` is asked for.

use std::collections::BTreeSet;

use unicode_normalization::char::{decompose_canonical, is_combining_mark};

use super::find::after;
use super::{Document, SearchError, TAGS_TOLD_MAX, field, packed};
use crate::sql::{Dialect, Sql, Value};

/// How much running text of one artifact is looked through, in bytes, of each column.
const TEXT_BYTES_MAX: usize = 16 << 10;
/// How long a word is that is told from others, in bytes: less than PostgreSQL takes.
const WORD_BYTES_MAX: usize = 1 << 10;
/// The places that PostgreSQL tells apart in a text.
const PLACES_MAX: usize = 16_383;

/// Where a text is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Any,
    Title,
    Maintainer,
}

/// What makes the tables.
pub(super) const fn schema(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "-- The row is the repository's.
            CREATE VIRTUAL TABLE name USING fts5 (whole, content = '', contentless_delete = 1, tokenize = 'trigram');
            -- The row is the artifact's key. Words come one by one, in lower case: nothing else is to be told apart.
            CREATE VIRTUAL TABLE text USING fts5 (
                title, words, about, maintainer, content = '', contentless_delete = 1, prefix = '3', tokenize = 'ascii'
            );"
        }
        // What waits to be put into an index by its name's letters or words would be gone through by each search.
        Dialect::Postgres => {
            "CREATE TABLE text (key BIGINT PRIMARY KEY, words TSVECTOR NOT NULL);
            CREATE INDEX text_words ON text USING gin (words) WITH (fastupdate = off);"
        }
    }
}

/// The words of a text, in their order.
fn words(text: &str) -> Vec<String> {
    let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    let (mut words, mut word) = (Vec::new(), String::new());
    for one in text.chars() {
        if one.is_ascii_alphanumeric() {
            word.push(one.to_ascii_lowercase());
        } else if is_accent(one) {
            // Of the letter before it.
        } else if !one.is_ascii() && (one.is_alphanumeric() || is_combining_mark(one)) {
            word.extend(one.to_lowercase().filter(|one| !is_accent(*one)).map(bare));
        } else if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words.iter_mut().for_each(|word| word.truncate(word.floor_char_boundary(WORD_BYTES_MAX)));
    words
}

fn is_accent(one: char) -> bool {
    matches!(one, '\u{300}'..='\u{36f}')
}

/// The letter without its accents.
fn bare(one: char) -> char {
    let (mut first, mut is_bare) = (None, true);
    decompose_canonical(one, |part| match first {
        None => first = Some(part),
        Some(_) => is_bare &= is_accent(part),
    });
    first.filter(|_| is_bare).unwrap_or(one)
}

/// Words that people choose for something.
fn chosen(document: &Document) -> String {
    let tags = document.tags.iter().take(TAGS_TOLD_MAX).map(wharf_model::name::Tag::as_str);
    let words = document.keywords.iter().map(String::as_str).chain([document.version.as_str(), document.kind.as_str()]);
    bounded(words.chain(tags))
}

/// All that is said of it.
fn about(document: &Document) -> String {
    let said = [document.summary.as_str(), document.description.as_str()].into_iter();
    let pairs = document.annotations.iter().chain(&document.labels).map(|(_, value)| value.as_str());
    bounded(said.chain(document.licenses.iter().map(String::as_str)).chain(pairs))
}

/// How much is said of it, in bytes.
pub(super) fn weight(document: &Document) -> usize {
    let lists = [&document.keywords, &document.maintainers, &document.licenses, &document.platforms];
    let lists: usize = lists.into_iter().flatten().map(String::len).sum();
    let pairs = document.annotations.iter().chain(&document.labels);
    let pairs: usize = pairs.map(|(name, value)| name.len() + value.len()).sum();
    lists + pairs + document.title.len() + document.summary.len() + document.description.len()
}

fn bounded<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut all = String::new();
    for text in texts {
        if all.len() + text.len() >= TEXT_BYTES_MAX {
            all.push_str(&text[..text.floor_char_boundary(TEXT_BYTES_MAX.saturating_sub(all.len()))]);
            return all;
        }
        all.push_str(text);
        all.push('\n');
    }
    all
}

/// The words of a document, column by column: its title, words that people chose, what is said of it, who made it.
pub(super) struct Said([Vec<String>; 4]);

pub(super) fn said(document: &Document) -> Said {
    let texts = [document.title.as_str(), &chosen(document), &about(document), &document.maintainers.join("\n")];
    Said(texts.map(words))
}

impl Said {
    /// The values by which it is to be found.
    pub(super) fn values(&self, dialect: Dialect) -> Vec<(i64, String)> {
        if dialect == Dialect::Sqlite {
            return Vec::new();
        }
        fn of(field: i64, words: &[String]) -> impl Iterator<Item = (i64, &str)> {
            words.iter().map(move |word| (field, word.as_str()))
        }
        let [title, .., maintainer] = &self.0;
        let by_column = of(field::TITLE_WORD, title).chain(of(field::MAINTAINER_WORD, maintainer));
        // Each once: of a long text, most are there often.
        let all: BTreeSet<(i64, &str)> =
            by_column.chain(self.0.iter().flat_map(|words| of(field::WORD, words))).collect();
        all.into_iter().map(|(field, word)| (field, word.to_owned())).collect()
    }
}

/// The field of a column's words.
fn field(column: Column) -> i64 {
    match column {
        Column::Any => field::WORD,
        Column::Title => field::TITLE_WORD,
        Column::Maintainer => field::MAINTAINER_WORD,
    }
}

/// The sign of a column in PostgreSQL, with which no word begins.
fn sign(column: Column) -> &'static str {
    match column {
        Column::Any => "",
        Column::Title => ":t",
        Column::Maintainer => ":m",
    }
}

/// All of it as PostgreSQL writes it. Columns are apart, so that no phrase goes from one to the next.
fn vector(columns: &[Vec<String>; 4]) -> String {
    let (mut vector, mut place) = (String::new(), 0);
    let signs = [Some(sign(Column::Title)), None, None, Some(sign(Column::Maintainer))];
    for (words, sign) in columns.iter().zip(signs) {
        for word in words {
            place = (place + 1).min(PLACES_MAX);
            for sign in [Some(""), sign].into_iter().flatten() {
                vector.push_str(&format!("'{sign}{word}':{place} "));
            }
        }
        place += 1;
    }
    vector
}

/// Puts in what is said of these, by their keys.
pub(super) async fn put(sql: &mut impl Sql, keys: &[i64], all: &[Said]) -> Result<(), SearchError> {
    if sql.dialect() == Dialect::Postgres {
        let vectors: Vec<String> = all.iter().map(|Said(columns)| vector(columns)).collect();
        let vectors: Vec<&str> = vectors.iter().map(String::as_str).collect();
        let put = "INSERT INTO text (key, words) SELECT e.key, CAST(e.words AS TSVECTOR)
            FROM {each e $1 int key, $2 text words}";
        sql.execute(put, &[keys.into(), (&vectors).into()]).await?;
        return Ok(());
    }
    let texts: Vec<[String; 4]> =
        all.iter().map(|Said(columns)| columns.each_ref().map(|words| words.join(" "))).collect();
    let [title, words, about, maintainer] =
        [0, 1, 2, 3].map(|column| texts.iter().map(|texts| texts[column].as_str()).collect::<Vec<_>>());
    let put = "INSERT INTO text (rowid, title, words, about, maintainer) VALUES ($1, $2, $3, $4, $5)";
    let parameters: [Value<'_>; 5] =
        [keys.into(), (&title).into(), (&words).into(), (&about).into(), (&maintainer).into()];
    sql.execute(put, &parameters).await?;
    Ok(())
}

/// Takes these out.
pub(super) async fn end(sql: &mut impl Sql, keys: &[i64]) -> Result<(), SearchError> {
    let end = match sql.dialect() {
        Dialect::Sqlite => "DELETE FROM text WHERE rowid {any $1}",
        Dialect::Postgres => "DELETE FROM text WHERE key {any $1}",
    };
    sql.execute(end, &[keys.into()]).await?;
    Ok(())
}

/// The keys of those in which these words are, one behind the other; of the last, the beginning is enough where that is said.
pub(super) async fn find(
    sql: &mut impl Sql,
    column: Column,
    text: &str,
    is_beginning: bool,
) -> Result<Vec<i64>, SearchError> {
    let words = words(text);
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let (find, asked) = match sql.dialect() {
        Dialect::Sqlite => {
            let column = match column {
                Column::Any => "",
                Column::Title => "title : ",
                Column::Maintainer => "maintainer : ",
            };
            let star = if is_beginning { "*" } else { "" };
            (
                "SELECT rowid FROM text WHERE text MATCH $1 ORDER BY rowid",
                format!("{column}\"{}\"{star}", words.join(" ")),
            )
        }
        Dialect::Postgres if let [word] = &words[..] => {
            return packed::keys_of_values(sql, field(column), word, &after(word, is_beginning)).await;
        }
        Dialect::Postgres => {
            let words: Vec<String> = words.iter().map(|word| format!("'{}{word}'", sign(column))).collect();
            let star = if is_beginning { ":*" } else { "" };
            let find = "SELECT {number key} FROM text WHERE words @@ CAST(CAST($1 AS TEXT) AS TSQUERY)";
            (find, format!("{}{star}", words.join(" <-> ")))
        }
    };
    Ok(sql.numbers(find, &[asked.as_str().into()]).await?)
}

/// Notes names of repositories, by their numbers.
pub(super) async fn put_names(sql: &mut impl Sql, repositories: &[i64], names: &[&str]) -> Result<(), SearchError> {
    if sql.dialect() == Dialect::Sqlite {
        let put = "INSERT INTO name (rowid, whole) VALUES ($1, $2)";
        sql.execute(put, &[repositories.into(), names.into()]).await?;
    }
    Ok(())
}

/// Forgets the name of a repository.
pub(super) async fn end_name(sql: &mut impl Sql, repository: i64) -> Result<(), SearchError> {
    if sql.dialect() == Dialect::Sqlite {
        sql.execute("DELETE FROM name WHERE rowid = $1", &[repository.into()]).await?;
    }
    Ok(())
}

/// Repositories in whose names these letters are, three at least; perhaps some others.
pub(super) async fn find_names(sql: &mut impl Sql, letters: &str) -> Result<Vec<(i64, String)>, SearchError> {
    let (find, asked) = match sql.dialect() {
        Dialect::Sqlite => (
            "SELECT r.id, r.name FROM name n CROSS JOIN repository r WHERE n.whole MATCH $1 AND r.id = n.rowid",
            format!("\"{}\"", letters.replace('"', "\"\"")),
        ),
        Dialect::Postgres => {
            let letters = letters.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            ("SELECT id, name FROM repository WHERE name LIKE $1", format!("%{letters}%"))
        }
    };
    super::pairs(sql, find, &[asked.as_str().into()]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        let check = |text: &str, expect: &[&str]| assert_eq!(words(text), expect, "{text}");
        check("Café Crème", &["cafe", "creme"]);
        check("cafe\u{301} CRE\u{300}ME", &["cafe", "creme"]);
        check("kim@example.com, v2.4_1", &["kim", "example", "com", "v2", "4", "1"]);
        check("日本語 ガス", &["日本語", "ガス"]);
        check("İstanbul ǅ ß", &["istanbul", "ǆ", "ß"]);
        check("'; DROP \\ \" * : & | ! <-> \u{0}", &["drop"]);
        check("", &[]);
        assert_eq!(words(&"x".repeat(9_000)), ["x".repeat(WORD_BYTES_MAX)]);
    }

    #[test]
    fn columns_are_apart() {
        let columns = [["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"]].map(|words| words.map(str::to_owned).to_vec());
        let expect = "'a':1 ':ta':1 'b':2 ':tb':2 'c':4 'd':5 'e':7 'f':8 'g':10 ':mg':10 'h':11 ':mh':11 ";
        assert_eq!(vector(&columns), expect);
    }
}
