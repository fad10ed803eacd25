//! Reading the configuration file: TOML, with the line of each value.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::settings::SETTINGS;
use super::{ConfigError, Given, Origin, nearest};

/// Largest file that is read, in bytes: nobody writes more by hand, and a wrong path may name anything.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The values in the file at `path`.
///
/// # Errors
/// It cannot be read, is no TOML, or has a key or a value of a sort that no setting has.
pub fn read(path: &Path) -> Result<Vec<Given>, ConfigError> {
    let wrong = |problem: String| ConfigError { origin: path.display().to_string(), problem };
    let size = std::fs::metadata(path).map_err(|error| wrong(format!("cannot be read: {error}")))?.len();
    if size > FILE_BYTES_MAX {
        return Err(wrong(format!("has {size} bytes; a configuration has at most {FILE_BYTES_MAX}")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    parse(path, &text)
}

/// The values in `text`, which was read from `path`.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &Path, text: &str) -> Result<Vec<Given>, ConfigError> {
    let reader = Reader { path, text };
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        reader.wrong(at, error.message().to_owned())
    })?;
    let mut given = Vec::new();
    reader.table(table.get_ref(), "", &mut given)?;
    given.sort_by_key(|given| match &given.origin {
        Origin::File(_, line) => *line,
        _ => 0,
    });
    Ok(given)
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
    }

    fn wrong(&self, at: usize, problem: String) -> ConfigError {
        ConfigError { origin: Origin::File(self.path.to_owned(), self.line(at)).to_string(), problem }
    }

    fn table(&self, table: &DeTable<'_>, section: &str, given: &mut Vec<Given>) -> Result<(), ConfigError> {
        for (name, value) in table {
            let at = name.span().start;
            let key =
                if section.is_empty() { name.get_ref().to_string() } else { format!("{section}.{}", name.get_ref()) };
            match value.get_ref() {
                DeValue::Table(inner) if is_section(&key) => self.table(inner, &key, given)?,
                DeValue::Table(_) => return Err(self.wrong(at, format!("no section is called {key:?}{}", near(&key)))),
                other if SETTINGS.iter().any(|setting| setting.key == key) => {
                    let text = self.value(&key, at, other)?;
                    given.push(Given { key, text, origin: Origin::File(self.path.to_owned(), self.line(at)) });
                }
                _ => return Err(self.wrong(at, format!("no setting is called {key:?}{}", near(&key)))),
            }
        }
        Ok(())
    }

    fn value(&self, key: &str, at: usize, value: &DeValue<'_>) -> Result<String, ConfigError> {
        let sort = |what: &str| self.wrong(at, format!("{key} cannot be {what}"));
        match value {
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Boolean(is) => Ok(is.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map(|number| number.to_string())
                .map_err(|_| sort("so large a number")),
            DeValue::Array(items) => {
                let text = |item: &Spanned<DeValue<'_>>| item.get_ref().as_str().map(str::to_owned);
                let texts: Option<Vec<String>> = items.iter().map(text).collect();
                texts.map(|texts| texts.join(",")).ok_or_else(|| sort("a list of anything but strings"))
            }
            other => Err(sort(&format!("a {}", other.type_str()))),
        }
    }
}

fn is_section(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.section().0 == name)
}

fn near(key: &str) -> String {
    let sections = SETTINGS.iter().map(|setting| setting.section().0).filter(|section| !section.is_empty());
    let keys = SETTINGS.iter().map(|setting| setting.key);
    nearest(key, keys.chain(sections).map(str::to_owned))
}
