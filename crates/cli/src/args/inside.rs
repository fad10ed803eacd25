//! Commands about what is inside of images and artifacts: `cat`, `diff`, and `ls` where it lists files.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use wharf_content::platform::Platform;
use wharf_model::range::{self, ByteRange, Requested};

use super::end::{End, EndError, ReachArgs};

/// What may stand before the path of a folder or file: a `:/` in it is not that of a file inside.
const PREFIXES: [&str; 4] = ["oci:", "oci-archive:", "docker-archive:", "docker://"];

/// Something inside of an image or an artifact: `REF:/PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRef {
    /// The image or artifact.
    pub end: End,
    /// The path in it, which begins with `/`.
    pub path: String,
}

/// The text names nothing inside of anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileRefError {
    /// There is no path.
    #[error("write REF:/PATH, as in registry.example.com/acme/app:1.0:/etc/os-release")]
    Path,
    /// What stands before it.
    #[error(transparent)]
    End(#[from] EndError),
}

impl FileRef {
    /// The reference and the path, where there is one: the first `:/` parts them, but for that of `oci:/folder`.
    pub fn split(text: &str) -> Option<(&str, &str)> {
        let start = PREFIXES.iter().find(|prefix| text.starts_with(**prefix)).map_or(0, |prefix| prefix.len());
        let at = start + text[start..].find(":/")?;
        let (end, path) = (&text[..at], &text[at + 1..]);
        // That is a URL, which is told apart elsewhere.
        (at > start && !path.starts_with("//")).then_some((end, path))
    }
}

impl FromStr for FileRef {
    type Err = FileRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((end, path)) = FileRef::split(text) else {
            text.parse::<End>()?;
            return Err(FileRefError::Path);
        };
        Ok(FileRef { end: end.parse()?, path: path.to_owned() })
    }
}

impl fmt::Display for FileRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.end, self.path)
    }
}

/// A part of a file: `FIRST-LAST`, `FIRST-` or `-COUNT`, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part(String);

/// The text is no part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a range is written FIRST-LAST, FIRST- or -COUNT, in bytes from 0 on: 0-99, 100-, -512")]
pub struct PartError;

impl FromStr for Part {
    type Err = PartError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let part = Part(format!("bytes={text}"));
        match range::requested(Some(&part.0), u64::MAX) {
            Requested::Part(_) => Ok(part),
            Requested::Whole | Requested::Unsatisfiable => Err(PartError),
        }
    }
}

impl Part {
    /// The bytes that are meant of a file of this size; `None` where it has none of them.
    pub fn of(&self, size: u64) -> Option<ByteRange> {
        match range::requested(Some(&self.0), size) {
            Requested::Part(range) => Some(range),
            Requested::Whole | Requested::Unsatisfiable => None,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.trim_start_matches("bytes="))
    }
}

/// Arguments of `cat`.
#[derive(Debug, Args)]
pub struct CatArgs {
    /// The files: REF:/PATH, where REF is HOST/REPOSITORY:TAG or @DIGEST, oci:DIR:TAG, oci-archive:FILE or docker-archive:FILE
    #[arg(value_name = "REF:/PATH", required = true)]
    pub files: Vec<FileRef>,
    /// Only these bytes of each: FIRST-LAST, FIRST- or -COUNT
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    pub range: Option<Part>,
    /// Of an index, the image for this platform: OS/ARCH[/VARIANT] [default: that of this machine]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
    /// Show no progress
    #[arg(short, long)]
    pub quiet: bool,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// One of two that are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiffEnd {
    /// An image or an artifact.
    Stored(End),
    /// A folder of this machine.
    Folder(PathBuf),
}

impl FromStr for DiffEnd {
    type Err = EndError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // No reference begins so.
        if text.starts_with(['.', '/']) { Ok(DiffEnd::Folder(text.into())) } else { text.parse().map(DiffEnd::Stored) }
    }
}

impl fmt::Display for DiffEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DiffEnd::Stored(end) => end.fmt(f),
            DiffEnd::Folder(path) => path.display().fmt(f),
        }
    }
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// What it was: HOST/REPOSITORY:TAG or @DIGEST, oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REF]; or a
    /// folder, whose path begins with . or /
    #[arg(value_name = "FROM")]
    pub from: DiffEnd,
    /// What it is now
    #[arg(value_name = "TO")]
    pub to: DiffEnd,
    /// Of indexes, compare the images for this platform: OS/ARCH[/VARIANT] [default: with a folder, this machine's]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
    /// Of a folder, leave out what matches, in the syntax of .gitignore; also read from .wharfignore files
    #[arg(short = 'x', long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
    /// Do not compare files: no layer is fetched then
    #[arg(long)]
    pub no_files: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Show no progress
    #[arg(short, long)]
    pub quiet: bool,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn files_inside() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let check = |text: &str, end: &str, path: &str| {
            let found: FileRef = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((found.end.to_string().as_str(), found.path.as_str()), (end, path), "{text}");
            assert_eq!(found.to_string().parse(), Ok(found), "what is printed means the same");
        };
        check("localhost:5000/acme/app:1.0:/etc/hosts", "localhost:5000/acme/app:1.0", "/etc/hosts");
        check(&format!("r.io/app@{digest}:/"), &format!("r.io/app@{digest}"), "/");
        check("nginx:/etc/a:/b", "docker.io/library/nginx:latest", "/etc/a:/b");
        check("oci:/a/b:1.0:/etc", "oci:/a/b:1.0", "/etc");
        check("oci:folder:/etc", "oci:folder", "/etc");
        check("oci-archive:/tmp/a.tar:/x", "oci-archive:/tmp/a.tar", "/x");
        check("docker-archive:a.tar:acme/app:1:/x", "docker-archive:a.tar:docker.io/acme/app:1", "/x");
        for text in ["nginx", "nginx:1.27", "oci:/a/b", "oci:/", "", "https://r.io/app", ":/etc"] {
            assert!(text.parse::<FileRef>().is_err(), "{text}");
        }
    }

    #[test]
    fn parts() {
        let of =
            |text: &str, size| text.parse::<Part>().map(|part| part.of(size).map(|range| (range.start, range.end)));
        assert_eq!(of("0-9", 5), Ok(Some((0, 5))));
        assert_eq!(of("2-", 5), Ok(Some((2, 5))));
        assert_eq!(of("-2", 5), Ok(Some((3, 5))));
        assert_eq!(of("5-", 5), Ok(None));
        for text in ["", "-", "5", "3-2", "-0", "a-b", "0-1,3-4"] {
            assert_eq!(of(text, 5), Err(PartError), "{text}");
        }
    }

    #[test]
    fn folders_are_told_from_references() {
        for text in [".", "./a", "../a:b", "/srv/site"] {
            assert_eq!(text.parse(), Ok(DiffEnd::Folder(text.into())), "{text}");
        }
        for text in ["a", "localhost:5000/a:1", "oci:./a", "oci-archive:/a.tar"] {
            assert!(matches!(text.parse(), Ok(DiffEnd::Stored(_))), "{text}");
        }
    }
}
