//! What people read: tables, and sheets of one thing.

/// A table, in columns as wide as what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: &[&str]) -> Table {
        Table { rows: vec![headings.iter().map(|&heading| heading.to_owned()).collect()] }
    }

    /// With a row; as many cells as there are headings.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell)).collect());
    }

    /// As lines, the headings first.
    pub fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// One thing: a line for each fact that there is.
pub fn sheet<const N: usize>(facts: [(&str, Option<String>); N]) -> String {
    let width = facts.iter().map(|(name, _)| name.len() + 1).max().unwrap_or(0);
    let facts = facts.into_iter().filter_map(|(name, fact)| Some((name, fact.filter(|fact| !fact.is_empty())?)));
    let lines = facts.map(|(name, fact)| format!("{:<width$}  {}", format!("{name}:"), printable(&fact)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Without what would do something to a terminal rather than be read: it came from others.
pub fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let mut table = Table::new(&["NAME", "IS"]);
        table.row(["kim".to_owned(), "\u{1b}[31mred".to_owned()]);
        table.row(["a longer one".to_owned(), String::new()]);
        assert_eq!(table.text(), "NAME          IS\nkim           \u{fffd}[31mred\na longer one");
    }

    #[test]
    fn sheets_leave_out_what_is_not_there() {
        let text = sheet([("name", Some("kim".to_owned())), ("of", None), ("what", Some(String::new()))]);
        assert_eq!(text, "name:  kim");
    }
}
