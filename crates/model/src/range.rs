//! Byte ranges: of a blob that is read (RFC 9110 §14) and of a chunk that is sent (Distribution spec, "Pushing a blob in
//! chunks").

/// A range of bytes that is not empty and lies within its content: `start` and `end` are offsets, the end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub start: u64,
    /// The byte after the last.
    pub end: u64,
}

impl ByteRange {
    /// How many bytes it spans.
    pub fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Never; here because a length is.
    pub fn is_empty(&self) -> bool {
        self.end == self.start
    }
}

/// What a `Range` header asks of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    /// All of it: no header, another unit, several ranges, or a header that is not understood (RFC 9110 §14.2 lets a
    /// server ignore it).
    Whole,
    /// One part.
    Part(ByteRange),
    /// A part that the content does not have: 416.
    Unsatisfiable,
}

/// Reads a `Range` header against content of `size` bytes.
pub fn requested(header: Option<&str>, size: u64) -> Requested {
    let Some(spec) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else { return Requested::Whole };
    let Some((first, last)) = spec.trim().split_once('-') else { return Requested::Whole };
    let (first, last) = (first.trim(), last.trim());
    let (start, end) = match (first.is_empty(), last.is_empty()) {
        (true, true) => return Requested::Whole,
        (true, false) => match offset(last) {
            Some(0) => return Requested::Unsatisfiable,
            Some(suffix) => (size.saturating_sub(suffix), size),
            None => return Requested::Whole,
        },
        (false, true) => match offset(first) {
            Some(start) => (start, size),
            None => return Requested::Whole,
        },
        (false, false) => match (offset(first), offset(last)) {
            (Some(start), Some(last)) if start <= last => (start, last.saturating_add(1).min(size)),
            _ => return Requested::Whole,
        },
    };
    if start >= size { Requested::Unsatisfiable } else { Requested::Part(ByteRange { start, end }) }
}

/// Reads the `Content-Range` of a chunk, `<start>-<end>` with the end included; a leading `bytes` and a trailing `/size`,
/// which some clients send, are passed over. `None` where it is not one.
pub fn chunk(header: &str) -> Option<ByteRange> {
    let header = header.trim();
    let header = header.strip_prefix("bytes").map_or(header, |rest| rest.trim_start_matches(['=', ' ']));
    let header = header.split_once('/').map_or(header, |(range, _)| range);
    let (first, last) = header.split_once('-')?;
    let (start, last) = (offset(first.trim())?, offset(last.trim())?);
    if start > last {
        return None;
    }
    Some(ByteRange { start, end: last.checked_add(1)? })
}

/// Decimal digits only: no sign, no space.
fn offset(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_ten_bytes() {
        let check = |header: &str, expect| assert_eq!(requested(Some(header), 10), expect, "{header}");
        let part = |start, end| Requested::Part(ByteRange { start, end });
        assert_eq!(requested(None, 10), Requested::Whole);
        check("bytes=0-0", part(0, 1));
        check("bytes=0-", part(0, 10));
        check("bytes=3-5", part(3, 6));
        check("bytes=9-99", part(9, 10));
        check("bytes=-3", part(7, 10));
        check("bytes=-99", part(0, 10));
        check("bytes=10-", Requested::Unsatisfiable);
        check("bytes=10-20", Requested::Unsatisfiable);
        check("bytes=-0", Requested::Unsatisfiable);
        check("bytes=5-3", Requested::Whole);
        check("bytes=a-b", Requested::Whole);
        check("bytes=+1-2", Requested::Whole);
        check("bytes=0-1,3-4", Requested::Whole);
        check("lines=0-1", Requested::Whole);
        check("bytes=0-18446744073709551615", part(0, 10));
        check("bytes=99999999999999999999-", Requested::Whole);
        assert_eq!(requested(Some("bytes=0-0"), 0), Requested::Unsatisfiable);
        assert_eq!(requested(Some("bytes=-5"), 0), Requested::Unsatisfiable);
    }

    #[test]
    fn chunks() {
        let check = |header: &str, expect: Option<(u64, u64)>| {
            assert_eq!(chunk(header), expect.map(|(start, end)| ByteRange { start, end }), "{header}");
        };
        check("0-9", Some((0, 10)));
        check("10-10", Some((10, 11)));
        check("bytes 0-9/100", Some((0, 10)));
        check("bytes=0-9", Some((0, 10)));
        check("9-0", None);
        check("-9", None);
        check("0-", None);
        check("x", None);
        check("0-18446744073709551615", None);
    }
}
