//! What the paths in layers mean. What comes out of here leads nowhere else than below the root.

use wharf_model::limits::{TREE_DEPTH_MAX, TREE_PATH_BYTES_MAX};

use crate::layer::walk::Reason;

/// The path below the root that `text` means, as every tar reads it: without `.`, doubled slashes and the slash of an absolute
/// path; empty for the root. `..` is refused. A name has at most `name_bytes_max` bytes, and at most [`TREE_DEPTH_MAX`] folders
/// are above it; how long all of it may be is for whoever has read it.
///
/// # Errors
/// [`Reason`].
pub(crate) fn below(text: &str, name_bytes_max: usize) -> Result<String, Reason> {
    if text.is_empty() {
        return Err(Reason::Empty);
    }
    if text.contains('\0') {
        return Err(Reason::Nul);
    }
    let mut path = String::with_capacity(text.len());
    for (depth, name) in text.split('/').filter(|name| !matches!(*name, "" | ".")).enumerate() {
        if name == ".." {
            return Err(Reason::Escapes);
        }
        if name.len() > name_bytes_max || depth > TREE_DEPTH_MAX {
            return Err(Reason::TooLong);
        }
        if depth > 0 {
            path.push('/');
        }
        path.push_str(name);
    }
    Ok(path)
}

/// The path that the title of a layer means which is a file of its own: of no more than [`TREE_PATH_BYTES_MAX`] bytes and as deep as
/// paths in layers may be. `None` where it means none.
pub fn path_of_file(title: &str) -> Option<String> {
    below(title, TREE_PATH_BYTES_MAX).ok().filter(|path| !path.is_empty() && path.len() <= TREE_PATH_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_below_the_root() {
        let check = |text: &str, expect: Result<&str, Reason>| {
            assert_eq!(below(text, 255), expect.map(str::to_owned), "{text:?}");
        };
        check("a/b", Ok("a/b"));
        check("./a//./b/", Ok("a/b"));
        check("/etc/passwd", Ok("etc/passwd"));
        check("./", Ok(""));
        check("a/..b/...", Ok("a/..b/..."));
        check("..", Err(Reason::Escapes));
        check("a/../b", Err(Reason::Escapes));
        check("/../b", Err(Reason::Escapes));
        check("", Err(Reason::Empty));
        check("a\0b", Err(Reason::Nul));
        check(&"n".repeat(255), Ok(&"n".repeat(255)));
        check(&"n".repeat(256), Err(Reason::TooLong));
        check(&"n/".repeat(256), Ok(&"n/".repeat(256)[..511]));
        check(&"n/".repeat(258), Err(Reason::TooLong));
    }
}
