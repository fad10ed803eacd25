//! What is left out of a tree: patterns from the command line, and `.wharfignore` in any folder, as git reads them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use wharf_model::limits::IGNORE_BYTES_MAX;

use super::{TreeError, io_error};

/// The name of an ignore file.
const IGNORE_FILE: &str = ".wharfignore";

/// The patterns of one place. They count for what is below it.
pub(super) struct Ignored {
    /// The folder, as the paths begin below it: empty, or ending in `/`.
    prefix: String,
    patterns: Gitignore,
}

impl Ignored {
    pub(super) fn of_patterns(patterns: &[String]) -> Result<Ignored, TreeError> {
        let mut builder = GitignoreBuilder::new("");
        for pattern in patterns {
            let refused =
                |error: ignore::Error| TreeError::Pattern { pattern: pattern.clone(), reason: error.to_string() };
            builder.add_line(None, pattern).map_err(refused)?;
        }
        let refused =
            |error: ignore::Error| TreeError::Pattern { pattern: patterns.join(" "), reason: error.to_string() };
        Ok(Ignored { prefix: String::new(), patterns: builder.build().map_err(refused)? })
    }

    /// The patterns of the ignore file in the folder `path`, which is `full` here; none where there is no such file.
    pub(super) fn of_folder(path: &str, full: &Path) -> Result<Ignored, TreeError> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let file = full.join(IGNORE_FILE);
        let text = match read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Ignored { prefix, patterns: Gitignore::empty() });
            }
            Err(error) => return Err(io_error(&file)(error)),
        };
        let refused = |error: ignore::Error| TreeError::Ignore { path: file.clone(), reason: error.to_string() };
        let mut builder = GitignoreBuilder::new("");
        for line in text.lines() {
            builder.add_line(None, line).map_err(refused)?;
        }
        Ok(Ignored { prefix, patterns: builder.build().map_err(refused)? })
    }
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(IGNORE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > IGNORE_BYTES_MAX {
        return Err(io::Error::other(format!("an ignore file has at most {IGNORE_BYTES_MAX} bytes")));
    }
    Ok(text)
}

/// Whether `path` is left out. `rules` are those of the command line, then those of the folders from the top down: the first
/// have the first word, then the nearest folder.
pub(super) fn is_ignored(rules: &[Ignored], path: &str, is_folder: bool) -> bool {
    let Some((command_line, folders)) = rules.split_first() else { return false };
    for rule in std::iter::once(command_line).chain(folders.iter().rev()) {
        let Some(below) = path.strip_prefix(&rule.prefix) else { continue };
        match rule.patterns.matched(below, is_folder) {
            Match::Ignore(_) => return true,
            Match::Whitelist(_) => return false,
            Match::None => (),
        }
    }
    false
}
