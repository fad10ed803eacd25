//! What the names in a layer mean here. What leaves this module stays below the target.

use wharf_model::limits::{TREE_NAME_BYTES_MAX, TREE_PATH_BYTES_MAX};

use crate::layer::member as raw;
use crate::layer::path::below;
use crate::layer::walk::Reason;
use crate::tree::{PART_PREFIX, Xattr};
use crate::unpack::{PathFault, UnpackError};

/// What stands before a content.
pub(super) struct Member {
    /// Below the target; empty for the target itself.
    pub(super) path: String,
    pub(super) kind: MemberKind,
    /// Bytes of content that follow.
    pub(super) size: u64,
    pub(super) mode: u32,
    /// In nanoseconds since 1970.
    pub(super) mtime: i64,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) xattrs: Vec<Xattr>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum MemberKind {
    File,
    Folder,
    /// With its target as written, which may lead anywhere.
    Symlink(String),
    /// With its target below the folder.
    HardLink(String),
    Special(&'static str),
}

impl Member {
    /// With its names checked.
    pub(super) fn checked(raw: raw::Member) -> Result<Member, UnpackError> {
        let path = clean(&raw.path)?;
        let kind = match raw.kind {
            raw::MemberKind::File => MemberKind::File,
            raw::MemberKind::Folder => MemberKind::Folder,
            raw::MemberKind::Symlink(target) => MemberKind::Symlink(text(&target)?),
            raw::MemberKind::HardLink(target) => MemberKind::HardLink(clean(&target)?),
            raw::MemberKind::Sparse(_) => MemberKind::Special(SPARSE),
            raw::MemberKind::Character | raw::MemberKind::Block => MemberKind::Special("a device"),
            raw::MemberKind::Fifo => MemberKind::Special("a fifo"),
            raw::MemberKind::Unknown => MemberKind::Special("a member of an unknown type"),
        };
        let raw::Member { size, mode, mtime, uid, gid, xattrs, .. } = raw;
        Ok(Member { path, kind, size, mode, mtime, uid, gid, xattrs })
    }
}

/// Its content is not the file's: it can be neither written nor left out.
pub(super) const SPARSE: &str = "a sparse file of GNU tar, which is not supported";

fn text(bytes: &[u8]) -> Result<String, UnpackError> {
    let fault = |reason| Err(UnpackError::Path { path: String::from_utf8_lossy(bytes).into_owned(), reason });
    match std::str::from_utf8(bytes) {
        Err(_) => fault(PathFault::NotUtf8),
        Ok("") => fault(PathFault::Empty),
        Ok(text) if text.contains('\0') => fault(PathFault::Nul),
        Ok(text) if text.len() > TREE_PATH_BYTES_MAX => fault(PathFault::TooLong),
        Ok(text) => Ok(text.to_owned()),
    }
}

/// The path below the target that `bytes` mean, as every tar reads them.
fn clean(bytes: &[u8]) -> Result<String, UnpackError> {
    let path = text(bytes)?;
    let clean = below(&path, TREE_NAME_BYTES_MAX).map_err(PathFault::from);
    match clean {
        Ok(clean) if clean.starts_with(PART_PREFIX) => Err(UnpackError::Path { path, reason: PathFault::Reserved }),
        Ok(clean) => Ok(clean),
        Err(reason) => Err(UnpackError::Path { path, reason }),
    }
}

impl From<Reason> for PathFault {
    fn from(reason: Reason) -> PathFault {
        match reason {
            Reason::Escapes => PathFault::Escapes,
            Reason::TooLong => PathFault::TooLong,
            Reason::Empty => PathFault::Empty,
            Reason::Nul => PathFault::Nul,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below() {
        let check = |path: &str, expect: Result<&str, PathFault>| {
            let found = clean(path.as_bytes()).map_err(|error| match error {
                UnpackError::Path { reason, .. } => reason,
                other => panic!("{other}"),
            });
            assert_eq!(found, expect.map(str::to_owned), "{path:?}");
        };
        check("./a//./b/", Ok("a/b"));
        check("/../b", Err(PathFault::Escapes));
        check("", Err(PathFault::Empty));
        check("a\0b", Err(PathFault::Nul));
        check(".wharf-part-1/a", Err(PathFault::Reserved));
        check("a/.wharf-part-1", Ok("a/.wharf-part-1"));
        check(&"n".repeat(256), Err(PathFault::TooLong));
        check(&"n/".repeat(2_100), Err(PathFault::TooLong));
    }
}
