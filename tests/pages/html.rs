//! As much of HTML as our own pages have: tags, attributes in double quotes, nothing left open.

/// A tag that begins an element.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
}

impl Tag {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

const VOID: [&str; 7] = ["meta", "link", "input", "br", "hr", "img", "!doctype"];

/// All tags of a page, which closes what it opens in the order that it should.
#[track_caller]
pub(crate) fn tags(page: &str) -> Vec<Tag> {
    let (mut rest, mut tags, mut open) = (page, Vec::new(), Vec::<String>::new());
    while let Some(begin) = rest.find('<') {
        let text = &rest[..begin];
        assert!(!text.contains('>') || text.contains("&"), "a stray > in {text:?}");
        rest = &rest[begin + 1..];
        let end = end_of(rest);
        let (inside, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed out of order before {:?}", head(rest));
            continue;
        }
        let tag = parsed(inside.trim_end_matches('/'));
        if !VOID.contains(&tag.name.as_str()) && !inside.ends_with('/') {
            open.push(tag.name.clone());
        }
        tags.push(tag);
    }
    assert!(open.is_empty(), "left open: {open:?}");
    tags
}

fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(60)]
}

/// Where the tag ends: no attribute's value counts.
fn end_of(text: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return at,
            b'<' if !quoted => panic!("a tag in a tag: {:?}", head(text)),
            _ => {}
        }
    }
    panic!("a tag without an end: {:?}", head(text));
}

fn parsed(inside: &str) -> Tag {
    let (name, mut rest) = inside.split_once(|one: char| one.is_ascii_whitespace()).unwrap_or((inside, ""));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        let end = rest.find(|one: char| one == '=' || one.is_ascii_whitespace()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() {
            break;
        }
        let value = match after.strip_prefix("=\"") {
            Some(value) => {
                let (value, after) = value.split_once('"').expect("a value ends");
                rest = after;
                value
            }
            None => {
                assert!(!after.starts_with('='), "a value without quotes: {inside:?}");
                rest = after;
                ""
            }
        };
        attributes.push((name.to_lowercase(), text(value)));
    }
    Tag { name: name.to_lowercase(), attributes }
}

/// What is written for what is meant.
fn text(value: &str) -> String {
    let pairs = [("&#38;", "&"), ("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&quot;", "\"")];
    pairs.iter().fold(value.to_owned(), |text, (from, to)| text.replace(from, to)).replace("&amp;", "&")
}
