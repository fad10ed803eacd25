//! FolderPage inside of artifacts, as the API tells of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::digest::Digest;

/// What a folder holds: a page of it. The next one is asked for with `?last=` and what `next` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FolderPage {
    /// The artifact that was looked into.
    #[schema(value_type = String)]
    pub artifact: Digest,
    /// Where the folder really is, from the root, without a slash at either end: links on the way were followed.
    pub path: String,
    /// What is in it, by name. Where a file is asked for, that alone.
    pub items: Vec<File>,
    /// Where the next page begins: sealed, for whoever asked and for this folder. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Layers of which not all is known, so that files may be missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<IncompleteLayer>,
}

/// A layer of which not all is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncompleteLayer {
    /// The layer.
    #[schema(value_type = String)]
    pub layer: Digest,
    /// Why.
    pub reason: String,
}

/// Something in a folder. Names, targets, owners and times are as they were pushed, and may be anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct File {
    /// Its path from the folder that was asked for: its name. Bytes that are not UTF-8 stand as `\xNN`.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// Of a file, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The permission bits, as `chmod` takes them: `0755`.
    pub mode: String,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// When it changed last, as in RFC 3339. The beginning of 1970 where that is not known.
    pub modified: String,
    /// Where a link leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The layer that it is from.
    #[schema(value_type = String)]
    pub layer: Digest,
    /// What the layer that was asked for did to it; absent where that is nothing, or no layer was asked for. What it removed is
    /// told as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<FileChange>,
    /// The layer above the one that was asked for which replaces or removes it: its bytes are wasted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub hidden_by: Option<Digest>,
}

/// What something in a layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// Another name of a file that is not there.
    Hardlink,
    /// A character or block device.
    Device,
    /// A fifo.
    Fifo,
    /// Nobody knows.
    Unknown,
}

impl FileKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            FileKind::File => "file",
            FileKind::Folder => "folder",
            FileKind::Symlink => "symlink",
            FileKind::Hardlink => "hardlink",
            FileKind::Device => "device",
            FileKind::Fifo => "fifo",
            FileKind::Unknown => "unknown",
        }
    }
}

/// What a layer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileChange {
    /// It was not there before.
    Added,
    /// It was something else before, or is stored anew.
    Changed,
    /// It is not there any more.
    Removed,
}
