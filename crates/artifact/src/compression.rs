//! How a layer's tar is compressed: what its media type says of it, and what its first bytes say.

use wharf_model::media::MediaType;

/// A tar, as it is.
pub const LAYER_TAR: &str = "application/vnd.oci.image.layer.v1.tar";
/// A tar in gzip.
pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// A tar in zstd.
pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// How many bytes of a stream tell how it is compressed.
pub const MAGIC_BYTES: usize = 4;

/// A way to compress a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// gzip (RFC 1952), which everything reads.
    Gzip,
    /// zstd (RFC 8878).
    Zstd,
}

impl Compression {
    /// The media type of an OCI layer that is compressed so.
    pub fn layer_type(self) -> MediaType {
        MediaType::known(match self {
            Compression::Plain => LAYER_TAR,
            Compression::Gzip => LAYER_GZIP,
            Compression::Zstd => LAYER_ZSTD,
        })
    }

    /// What `media_type` says, or `None` where it says nothing of a tar: OCI's and Docker's layers, and the types of plain
    /// archives.
    pub fn of_type(media_type: &MediaType) -> Option<Compression> {
        let text = media_type.as_str();
        match text {
            "application/gzip" | "application/x-gzip" | "application/x-gtar" => return Some(Compression::Gzip),
            "application/zstd" => return Some(Compression::Zstd),
            "application/x-tar" | "application/tar" => return Some(Compression::Plain),
            _ => (),
        }
        let (_, suffix) = text.rsplit_once("tar")?;
        match suffix {
            "" => Some(Compression::Plain),
            "+gzip" | ".gzip" | "+gz" | ".gz" => Some(Compression::Gzip),
            "+zstd" | ".zstd" => Some(Compression::Zstd),
            _ => None,
        }
    }

    /// What the first [`MAGIC_BYTES`] of a stream say. What is neither gzip nor zstd is a tar if anything: its own magic
    /// stands further on, and old ones have none.
    pub fn of_magic(first: &[u8]) -> Compression {
        match first {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            // A skippable frame, as tools that look into zstd layers put before the first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            _ => Compression::Plain,
        }
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Compression::Plain => "a plain tar",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_tell() {
        let check = |text: &str, expect| {
            let media_type = text.parse().expect("a media type");
            assert_eq!(Compression::of_type(&media_type), expect, "{text}");
        };
        for one in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
            check(one.layer_type().as_str(), Some(one));
        }
        check("application/vnd.docker.image.rootfs.diff.tar.gzip", Some(Compression::Gzip));
        check("application/vnd.docker.image.rootfs.diff.tar", Some(Compression::Plain));
        check("application/vnd.docker.image.rootfs.diff.tar.zstd", Some(Compression::Zstd));
        check("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Some(Compression::Gzip));
        check("application/gzip", Some(Compression::Gzip));
        check("application/x-tar", Some(Compression::Plain));
        check("application/octet-stream", None);
        check("application/vnd.oci.image.layer.v1.tar+encrypted", None);
        check("text/plain", None);
    }

    #[test]
    fn first_bytes_tell() {
        let check = |bytes: &[u8], expect| assert_eq!(Compression::of_magic(bytes), expect, "{bytes:?}");
        check(&[0x1f, 0x8b, 8, 0], Compression::Gzip);
        check(&[0x28, 0xb5, 0x2f, 0xfd], Compression::Zstd);
        check(&[0x51, 0x2a, 0x4d, 0x18], Compression::Zstd);
        check(b"a/b\0", Compression::Plain);
        check(&[0x28, 0xb5], Compression::Plain);
        check(&[], Compression::Plain);
    }
}
