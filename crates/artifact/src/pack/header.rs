//! The headers of an entry in a tar: ustar (POSIX.1-1988), with an extended header (POSIX.1-2001, "pax") before it where
//! something does not fit.

use tar::{EntryType, Header};

use crate::pack::{Keep, NORMAL_TIME};
use crate::tree::{Entry, Kind};

/// Longest name, and longest target of a link, in ustar's field, in bytes.
const NAME_BYTES: usize = 100;
/// Longest beginning of a path before the name, in bytes.
const PREFIX_BYTES: usize = 155;
/// Largest size that eleven octal digits write.
const SIZE_MAX: u64 = (1 << 33) - 1;
/// Largest owner or group that seven octal digits write.
const OWNER_MAX: u64 = (1 << 21) - 1;

/// Appends the blocks that stand before the content of `entry`.
pub(crate) fn write(entry: &Entry, keep: Keep, out: &mut Vec<u8>) {
    let mut records = Vec::new();
    let mut header = Header::new_ustar();
    set_names(entry, &mut header, &mut records);
    set_numbers(entry, keep, &mut header, &mut records);
    for (name, value) in &entry.xattrs {
        record(&format!("SCHILY.xattr.{name}"), value, &mut records);
    }
    if !records.is_empty() {
        write_extension(&records, out);
    }
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
}

fn set_names(entry: &Entry, header: &mut Header, records: &mut Vec<u8>) {
    let mut path = entry.path.to_string();
    let (kind, target) = match &entry.kind {
        Kind::File => (EntryType::Regular, None),
        Kind::Folder => (EntryType::Directory, None),
        Kind::Symlink(target) => (EntryType::Symlink, Some(target)),
        Kind::HardLink(target) => (EntryType::Link, Some(target)),
    };
    if entry.kind == Kind::Folder {
        path.push('/');
    }
    header.set_entry_type(kind);
    let (prefix, name) = split(&path).unwrap_or_else(|| {
        record("path", path.as_bytes(), records);
        ("", STAND_IN)
    });
    if let Some(ustar) = header.as_ustar_mut() {
        ustar.prefix[..prefix.len()].copy_from_slice(prefix.as_bytes());
        ustar.name[..name.len()].copy_from_slice(name.as_bytes());
    }
    if let Some(target) = target {
        let fits = target.len() <= NAME_BYTES && target.is_ascii();
        let field = if fits { target } else { STAND_IN };
        if !fits {
            record("linkpath", target.as_bytes(), records);
        }
        header.as_old_mut().linkname[..field.len()].copy_from_slice(field.as_bytes());
    }
}

/// What stands in a field whose value is in the extended header.
const STAND_IN: &str = "see-pax-header";

/// Beginning and name as ustar's two fields hold them, or `None` where they cannot.
fn split(path: &str) -> Option<(&str, &str)> {
    if !path.is_ascii() {
        return None;
    }
    if path.len() <= NAME_BYTES {
        return Some(("", path));
    }
    let earliest = path.len() - NAME_BYTES - 1;
    let slash = earliest + path.get(earliest..path.len() - 1)?.find('/')?;
    (1..=PREFIX_BYTES).contains(&slash).then(|| (&path[..slash], &path[slash + 1..]))
}

fn set_numbers(entry: &Entry, keep: Keep, header: &mut Header, records: &mut Vec<u8>) {
    header.set_mode(mode(entry, keep));
    let owner = |id: u32| if keep.owners { u64::from(id) } else { 0 };
    let mut fitting = |key: &str, value: u64, max: u64| {
        if value > max {
            record(key, value.to_string().as_bytes(), records);
        }
        if value > max { 0 } else { value }
    };
    header.set_uid(fitting("uid", owner(entry.uid), OWNER_MAX));
    header.set_gid(fitting("gid", owner(entry.gid), OWNER_MAX));
    header.set_size(fitting("size", entry.size, SIZE_MAX));
    let (seconds, text) = time(entry, keep);
    if let Some(text) = text {
        record("mtime", text.as_bytes(), records);
    }
    header.set_mtime(seconds);
    for set in [Header::set_device_major, Header::set_device_minor] {
        // Of a ustar header, which this is, both can be set.
        let _ = set(header, 0);
    }
}

fn mode(entry: &Entry, keep: Keep) -> u32 {
    match entry.kind {
        Kind::Symlink(_) => 0o777,
        _ if keep.modes => entry.mode,
        Kind::Folder => 0o755,
        _ if entry.mode & 0o111 != 0 => 0o755,
        _ => 0o644,
    }
}

/// Whole seconds as the field holds them, and the text of the extended header where they are not all.
fn time(entry: &Entry, keep: Keep) -> (u64, Option<String>) {
    if !keep.times {
        return (NORMAL_TIME.unsigned_abs(), None);
    }
    let (seconds, rest) = (entry.mtime.div_euclid(1_000_000_000), entry.mtime.rem_euclid(1_000_000_000));
    let field = u64::try_from(seconds).ok().filter(|seconds| *seconds <= SIZE_MAX);
    let text = match (field, rest) {
        (Some(_), 0) => None,
        _ if seconds < 0 && rest > 0 => Some(format!("-{}.{:09}", -(seconds + 1), 1_000_000_000 - rest)),
        _ => Some(format!("{seconds}.{rest:09}")),
    };
    (field.unwrap_or(0), text)
}

/// One record: its own length in decimal, a space, `key=value`, a newline.
fn record(key: &str, value: &[u8], records: &mut Vec<u8>) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + digits(length) != length {
        length = rest + digits(length);
    }
    records.extend_from_slice(format!("{length} {key}=").as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

fn write_extension(records: &[u8], out: &mut Vec<u8>) {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::XHeader);
    header.as_old_mut().name[..STAND_IN.len()].copy_from_slice(STAND_IN.as_bytes());
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(NORMAL_TIME.unsigned_abs());
    header.set_size(records.len() as u64);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(records);
    out.resize(out.len().next_multiple_of(512), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_as_ustar_wants() {
        let long = "n".repeat(100);
        let check = |path: &str, expect: Option<(&str, &str)>| assert_eq!(split(path), expect, "{path}");
        check("a", Some(("", "a")));
        check("a/b/", Some(("", "a/b/")));
        check(&long, Some(("", &long)));
        check(&format!("p/{long}"), Some(("p", &long)));
        check(&format!("p/{long}n"), None);
        check(&format!("{}/{long}", "p".repeat(155)), Some((&"p".repeat(155), &long)));
        check(&format!("{}/{long}", "p".repeat(156)), None);
        check(&format!("{}/", "p".repeat(100)), None);
        check("é", None);
    }

    #[test]
    fn records_count_themselves() {
        let check = |key: &str, value: &str, expect: &str| {
            let mut records = Vec::new();
            record(key, value.as_bytes(), &mut records);
            assert_eq!(String::from_utf8(records).expect("text"), expect);
        };
        check("path", "a", "9 path=a\n");
        check("uid", "1", "8 uid=1\n");
        check("mtime", "1.5", "13 mtime=1.5\n");
        check("k", &"v".repeat(92), &format!("98 k={}\n", "v".repeat(92)));
        check("k", &"v".repeat(93), &format!("99 k={}\n", "v".repeat(93)));
        check("k", &"v".repeat(94), &format!("101 k={}\n", "v".repeat(94)));
    }
}
