//! `multipart/form-data` (RFC 7578) as browsers send it, part by part while it comes. Of a part only its head is kept, in bounded
//! memory; its content is handed on.

use bytes::{Bytes, BytesMut};

/// Longest head of a part, in bytes: a path of a file, and what it is.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Longest boundary (RFC 2046 §5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;

/// The bytes are no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the form is malformed: {0}")]
pub(crate) struct Malformed(&'static str);

/// What a part says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// The field that it is of.
    pub(crate) name: String,
    /// What the file is called, where it is one.
    pub(crate) file: Option<String>,
    /// The media type of that.
    pub(crate) content_type: Option<String>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A part begins.
    Head(Head),
    /// Some of its content.
    Content(Bytes),
    /// It is whole.
    PartEnd,
    /// The form is.
    End,
    /// More bytes are needed to tell.
    More,
}

enum State {
    Before,
    Delimiter,
    Head,
    Content,
    End,
}

/// Cuts a form into its pieces. Pure: bytes go in by [`Splitter::feed`].
pub(crate) struct Splitter {
    /// The end of a line, two dashes, and the boundary.
    delimiter: Vec<u8>,
    buffer: BytesMut,
    state: State,
}

impl Splitter {
    /// Of a form with that `Content-Type`; `None` where it is no form.
    pub(crate) fn new(content_type: &str) -> Option<Splitter> {
        let (kind, rest) = content_type.split_once(';')?;
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        let parameters = rest.split(';').filter_map(|parameter| parameter.trim().split_once('='));
        let boundary = parameters.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?.1;
        let boundary = boundary.trim_matches('"');
        let is_plain = boundary.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX || !is_plain {
            return None;
        }
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first one may stand at the very beginning.
        Some(Splitter { delimiter, buffer: BytesMut::from(&b"\r\n"[..]), state: State::Before })
    }

    /// Adds what came.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next piece. Where that is [`Piece::More`], less than the largest of a head and a delimiter is kept.
    ///
    /// # Errors
    /// [`Malformed`].
    pub(crate) fn next(&mut self) -> Result<Piece, Malformed> {
        loop {
            match self.state {
                State::Before => {
                    let Some(at) = self.found(&self.delimiter) else {
                        self.drop_before_delimiter();
                        return Ok(Piece::More);
                    };
                    let _ = self.buffer.split_to(at + self.delimiter.len());
                    self.state = State::Delimiter;
                }
                State::Delimiter => match self.buffer.get(..2) {
                    None => return Ok(Piece::More),
                    Some(b"--") => self.state = State::End,
                    Some(b"\r\n") => {
                        let _ = self.buffer.split_to(2);
                        self.state = State::Head;
                    }
                    Some(_) => return Err(Malformed("a boundary does not end its line")),
                },
                State::Head => {
                    let Some(end) = self.found(b"\r\n\r\n") else {
                        let is_long = self.buffer.len() > HEAD_BYTES_MAX;
                        return if is_long {
                            Err(Malformed("the head of a part is too long"))
                        } else {
                            Ok(Piece::More)
                        };
                    };
                    let head = self.buffer.split_to(end + 4);
                    self.state = State::Content;
                    return head_of(&head[..end]).map(Piece::Head);
                }
                State::Content => return Ok(self.content()),
                State::End => return Ok(Piece::End),
            }
        }
    }

    fn content(&mut self) -> Piece {
        match self.found(&self.delimiter) {
            Some(0) => {
                let _ = self.buffer.split_to(self.delimiter.len());
                self.state = State::Delimiter;
                Piece::PartEnd
            }
            Some(at) => Piece::Content(self.buffer.split_to(at).freeze()),
            None => {
                // What may be the beginning of a delimiter waits for the rest.
                let sure = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
                if sure == 0 { Piece::More } else { Piece::Content(self.buffer.split_to(sure).freeze()) }
            }
        }
    }

    fn drop_before_delimiter(&mut self) {
        let sure = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
        let _ = self.buffer.split_to(sure);
    }

    fn found(&self, what: &[u8]) -> Option<usize> {
        let mut from = 0;
        while let Some(at) = self.buffer.get(from..)?.iter().position(|byte| *byte == what[0]) {
            if self.buffer[from + at..].starts_with(what) {
                return Some(from + at);
            }
            from += at + 1;
        }
        None
    }
}

fn head_of(bytes: &[u8]) -> Result<Head, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed("the head of a part is no UTF-8"))?;
    let mut head = Head::default();
    let mut has_name = false;
    for (name, value) in text.split("\r\n").filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-disposition") {
            let field = parameter(value, "name").ok_or(Malformed("a part has no name"))?;
            (head.name, head.file, has_name) = (field, parameter(value, "filename"), true);
        } else if name.eq_ignore_ascii_case("content-type") {
            head.content_type = Some(value.trim().to_owned());
        }
    }
    if has_name { Ok(head) } else { Err(Malformed("a part has no name")) }
}

/// A parameter in quotes, in which browsers write a quote and the end of a line as `%22`, `%0D` and `%0A` (WHATWG HTML,
/// "Multipart form data").
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let mut rest = value;
    loop {
        let (before, after) = rest.split_once("=\"")?;
        let (text, next) = after.split_once('"')?;
        let name = before.rsplit([';', ' ']).next().unwrap_or_default();
        if name.eq_ignore_ascii_case(wanted) {
            return Some(text.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"));
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=----X";

    /// All pieces, contents of a part together, of a form that comes in pieces of that size.
    fn pieces(form: &[u8], size: usize) -> Result<Vec<Piece>, Malformed> {
        let (mut splitter, mut all) = (Splitter::new(TYPE).expect("a form"), Vec::<Piece>::new());
        let mut left = form.chunks(size);
        loop {
            match (splitter.next()?, all.last_mut()) {
                (Piece::More, _) => match left.next() {
                    Some(bytes) => splitter.feed(bytes),
                    None => return Ok(all),
                },
                (Piece::End, _) => return Ok([all, vec![Piece::End]].concat()),
                (Piece::Content(more), Some(Piece::Content(bytes))) => *bytes = [&**bytes, &*more].concat().into(),
                (piece, _) => all.push(piece),
            }
        }
    }

    fn head(name: &str, file: Option<&str>, content_type: Option<&str>) -> Piece {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Piece::Head(Head { name: name.to_owned(), file: owned(file), content_type: owned(content_type) })
    }

    #[test]
    fn forms_in_pieces_of_any_size() {
        let form = b"preamble\r\n------X\r\nContent-Disposition: form-data; name=\"tag\"\r\n\r\n1.0\r\n------X\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a %22\xc3\xa9/b.txt\"\r\nContent-Type: text/plain\r\n\r\n\
            hello\r\n-----\r\n------Y\r\n\r\n------X\r\nContent-Disposition: form-data; filename=\"\"; name=\"file\"\r\n\r\n\r\n------X--\r\nrest";
        let content = |text: &[u8]| Piece::Content(Bytes::copy_from_slice(text));
        let expect = [
            head("tag", None, None),
            content(b"1.0"),
            Piece::PartEnd,
            head("file", Some("a \"\u{e9}/b.txt"), Some("text/plain")),
            content(b"hello\r\n-----\r\n------Y\r\n"),
            Piece::PartEnd,
            head("file", Some(""), None),
            Piece::PartEnd,
            Piece::End,
        ];
        for size in [1, 2, 3, 7, 10, 64, 1_000] {
            assert_eq!(pieces(form, size).as_deref(), Ok(&expect[..]), "{size}");
        }
        let cut = pieces(&form[..200], 9).expect("no end");
        assert!(!cut.contains(&Piece::End));
        assert_eq!(pieces(b"------X--", 3), Ok(vec![Piece::End]));
    }

    #[test]
    fn what_is_no_form_is_told() {
        for wrong in [
            &b"------X and more\r\n\r\n"[..],
            b"------X\r\nContent-Type: text/plain\r\n\r\nx",
            b"------X\r\nContent-Disposition: form-data; x=\"y\"\r\n\r\nx",
            b"------X\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\nx",
            &[&b"------X\r\n"[..], &vec![b'x'; HEAD_BYTES_MAX + 1]].concat(),
        ] {
            assert!(pieces(wrong, 1_000).is_err(), "{wrong:?}");
        }
        for no in
            ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x"]
        {
            assert!(Splitter::new(no).is_none(), "{no}");
        }
        assert!(Splitter::new("multipart/form-data; boundary=\"a b\"").is_some());
    }
}
