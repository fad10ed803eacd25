//! The media type of a file, from its name and its first bytes: what teams ship, no more.

use wharf_model::media::{MediaType, OCTET_STREAM};

/// How many bytes of a file tell what it is.
pub const HEAD_BYTES: usize = 512;

/// Types by the end of the name, the longer ends first.
const BY_NAME: [(&str, &str); 62] = [
    (".spdx.json", "application/spdx+json"),
    (".cdx.json", "application/vnd.cyclonedx+json"),
    (".cdx.xml", "application/vnd.cyclonedx+xml"),
    (".intoto.json", "application/vnd.in-toto+json"),
    (".intoto.jsonl", "application/vnd.in-toto+json"),
    (".sarif.json", "application/sarif+json"),
    (".tar.gz", "application/gzip"),
    (".tar.zst", "application/zstd"),
    (".apk", "application/vnd.android.package-archive"),
    (".avif", "image/avif"),
    (".br", "application/x-brotli"),
    (".bz2", "application/x-bzip2"),
    (".cjs", "text/javascript"),
    (".class", "application/java-vm"),
    (".crate", "application/gzip"),
    (".crt", "application/x-x509-ca-cert"),
    (".css", "text/css"),
    (".csv", "text/csv"),
    (".deb", "application/vnd.debian.binary-package"),
    (".ear", "application/java-archive"),
    (".gem", "application/x-tar"),
    (".gif", "image/gif"),
    (".gz", "application/gzip"),
    (".html", "text/html"),
    (".htm", "text/html"),
    (".iso", "application/x-iso9660-image"),
    (".jar", "application/java-archive"),
    (".jpeg", "image/jpeg"),
    (".jpg", "image/jpeg"),
    (".js", "text/javascript"),
    (".json", "application/json"),
    (".jsonl", "application/jsonl"),
    (".md", "text/markdown"),
    (".mjs", "text/javascript"),
    (".mp4", "video/mp4"),
    (".nupkg", "application/zip"),
    (".parquet", "application/vnd.apache.parquet"),
    (".pdf", "application/pdf"),
    (".png", "image/png"),
    (".pom", "application/xml"),
    (".rpm", "application/x-rpm"),
    (".sarif", "application/sarif+json"),
    (".sh", "application/x-sh"),
    (".sql", "application/sql"),
    (".svg", "image/svg+xml"),
    (".tar", "application/x-tar"),
    (".tgz", "application/gzip"),
    (".toml", "application/toml"),
    (".txt", "text/plain"),
    (".wasm", "application/wasm"),
    (".war", "application/java-archive"),
    (".webp", "image/webp"),
    (".whl", "application/zip"),
    (".woff2", "font/woff2"),
    (".woff", "font/woff"),
    (".xhtml", "application/xhtml+xml"),
    (".xml", "application/xml"),
    (".xz", "application/x-xz"),
    (".yaml", "application/yaml"),
    (".yml", "application/yaml"),
    (".zip", "application/zip"),
    (".zst", "application/zstd"),
];

/// Types by the bytes at the beginning.
const BY_MAGIC: [(&[u8], &str); 16] = [
    (b"\x1f\x8b", "application/gzip"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"BZh", "application/x-bzip2"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x7fELF", "application/x-executable"),
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"\0asm", "application/wasm"),
    (b"\xed\xab\xee\xdb", "application/x-rpm"),
    (b"!<arch>\ndebian-binary", "application/vnd.debian.binary-package"),
    (b"<?xml", "application/xml"),
    (b"#!", "text/x-script"),
];

/// The type of the file `name`, whose first [`HEAD_BYTES`] are `head` (fewer of a shorter file). Plain text and any bytes where
/// nothing tells more.
pub fn guess_type(name: &str, head: &[u8]) -> MediaType {
    let name = name.to_ascii_lowercase();
    let by_name = BY_NAME.iter().find(|(end, _)| name.ends_with(end) && name.len() > end.len());
    let by_magic = BY_MAGIC.iter().find(|(magic, _)| head.starts_with(magic));
    let found = match (by_name, by_magic) {
        (Some((_, found)), _) | (None, Some((_, found))) => found,
        (None, None) if head.get(257..262) == Some(b"ustar") => "application/x-tar",
        (None, None) if is_text(head) => "text/plain",
        (None, None) => OCTET_STREAM,
    };
    MediaType::known(found)
}

/// UTF-8 without control characters; the last character may be cut off.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid.is_empty() && !valid.chars().any(|one| one.is_control() && !matches!(one, '\n' | '\r' | '\t' | '\x0c'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_guessed() {
        let check = |name: &str, head: &[u8], expect: &str| {
            assert_eq!(guess_type(name, head).as_str(), expect, "{name}");
        };
        check("a.jar", b"PK\x03\x04", "application/java-archive");
        check("A.JSON", b"{}", "application/json");
        check("sbom.spdx.json", b"{}", "application/spdx+json");
        check("bom.cdx.json", b"{}", "application/vnd.cyclonedx+json");
        check("a.tar.gz", b"\x1f\x8b", "application/gzip");
        check("README.md", b"# x", "text/markdown");
        check("README", b"# x\n", "text/plain");
        check("README", "gr\u{fc}\u{df}e".as_bytes().split_last().expect("text").1, "text/plain");
        check("half", b"gr\xc3", "text/plain");
        check("tool", b"\x7fELF\x02\x01", "application/x-executable");
        check("archive", &[[0; 257].as_slice(), b"ustar\0"].concat(), "application/x-tar");
        check("blob", b"\x01\x02", OCTET_STREAM);
        check("latin", b"gr\xfc\xdfe", OCTET_STREAM);
        check("empty", b"", OCTET_STREAM);
        check(".json", b"\x01", OCTET_STREAM);
    }
}
