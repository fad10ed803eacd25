//! JSON for people to read: broken into lines and coloured, and otherwise as it was written. What is no JSON stays as it is.

use std::borrow::Cow;

/// A piece of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// How it is drawn: `key`, `text`, `number`, or nothing.
    pub class: &'static str,
    /// It.
    pub text: String,
}

/// How deep lines are set in.
const DEPTH_MAX: usize = 40;

/// The pieces of the text. Works on whatever is there: what is cut off or malformed ends as it is.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut pen = Pen { tokens: Vec::new(), depth: 0 };
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string(rest),
            '{' | '}' | '[' | ']' | ',' | ':' => 1,
            one if one.is_ascii_whitespace() => rest.len() - rest.trim_ascii_start().len(),
            _ => rest.find(|one: char| "{}[],:\"".contains(one) || one.is_ascii_whitespace()).unwrap_or(rest.len()),
        };
        let (piece, after) = rest.split_at(length.max(first.len_utf8()));
        let next = after.trim_ascii_start().chars().next();
        pen.write(first, piece, next);
        // An empty list or object stays on its line.
        rest = after;
    }
    pen.tokens
}

/// The length of the string that the text begins with.
fn string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !is_escaped => return at + 1,
            b'\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

struct Pen {
    tokens: Vec<Token>,
    depth: usize,
}

impl Pen {
    fn write(&mut self, first: char, piece: &str, next: Option<char>) {
        match first {
            '{' | '[' => {
                self.put("", piece);
                self.depth += 1;
                if next != Some('}') && next != Some(']') {
                    self.line();
                }
            }
            '}' | ']' => {
                self.depth = self.depth.saturating_sub(1);
                let is_empty = self.tokens.last().is_some_and(|token| token.text.ends_with(['{', '[']));
                if !is_empty {
                    self.line();
                }
                self.put("", piece);
            }
            ',' => {
                self.put("", piece);
                self.line();
            }
            ':' => self.put("", ": "),
            '"' => self.put(if next == Some(':') { "key" } else { "text" }, piece),
            one if one.is_ascii_whitespace() => {}
            _ => self.put("number", piece),
        }
    }

    fn line(&mut self) {
        let indent = "  ".repeat(self.depth.min(DEPTH_MAX));
        self.put("", &format!("\n{indent}"));
    }

    fn put(&mut self, class: &'static str, text: &str) {
        let text = &*shown(text);
        match self.tokens.last_mut().filter(|last| last.class == class && class.is_empty()) {
            Some(last) => last.text.push_str(text),
            None => self.tokens.push(Token { class, text: text.to_owned() }),
        }
    }
}

/// The text with what is not seen, or turns other text round, as JSON can write it too.
fn shown(text: &str) -> Cow<'_, str> {
    let is_odd = |one: char| {
        let is_line = matches!(one, '\n' | '\t');
        matches!(one, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
            || one.is_control() && !is_line
    };
    if !text.contains(is_odd) {
        return Cow::Borrowed(text);
    }
    let mut told = String::with_capacity(text.len() + 8);
    for one in text.chars() {
        if is_odd(one) {
            told.push_str(&format!("\\u{:04x}", u32::from(one)));
        } else {
            told.push(one);
        }
    }
    Cow::Owned(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> String {
        tokens(json).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn lines_break_and_nothing_else_changes() {
        let check = |json: &str, expect: &str| assert_eq!(text(json), expect, "{json}");
        check(
            r#"{"b":1,"a":[true,"x, {y}"],"c":{}}"#,
            "{\n  \"b\": 1,\n  \"a\": [\n    true,\n    \"x, {y}\"\n  ],\n  \"c\": {}\n}",
        );
        check("{ \"a\" :\n 1.0e5 }", "{\n  \"a\": 1.0e5\n}");
        check(r#"{"a":"\"\\"}"#, "{\n  \"a\": \"\\\"\\\\\"\n}");
        check("[ ]", "[]");
        check("[\"\u{202e}x\"]", "[\n  \"\\u202ex\"\n]");
        // Whatever it is, it ends.
        for odd in ["", "}}}", "\"", "{\"a", "é{é", "no json at all"] {
            text(odd);
        }
        assert_eq!(text("é").trim(), "é");
    }

    #[test]
    fn classes() {
        let classes: Vec<_> = tokens(r#"{"a":"b","c":1}"#).into_iter().map(|token| token.class).collect();
        assert_eq!(classes, ["", "key", "", "text", "", "key", "", "number", ""]);
    }

    #[test]
    fn depth_costs_no_more_than_it_says() {
        let deep = "[".repeat(10_000);
        assert!(text(&deep).len() < 10_000 * (3 + 2 * DEPTH_MAX));
    }
}
