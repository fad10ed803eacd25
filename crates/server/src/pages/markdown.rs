//! Markdown of people whom nobody trusts, as HTML that does nothing.
//!
//! The HTML is made here, element by element, of what the parser understood; no tag or attribute of the text itself comes through.
//! HTML in it is told as the text that it holds. Links lead to the web, and pictures from elsewhere are told by what they show:
//! looking at a page asks nobody else for anything.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use wharf_model::api::facts::Link;

use super::html::Prose;

/// The text as HTML. Headings come below those of the page.
pub fn render(text: &str) -> Prose {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut writer = Writer::default();
    for event in Parser::new_ext(text, options) {
        writer.event(event);
    }
    Prose(writer.html)
}

#[derive(Default)]
struct Writer {
    html: String,
    /// How the links that are open end.
    links: Vec<&'static str>,
    is_head: bool,
    /// HTML that began in one event and goes on in the next.
    hidden: Hidden,
}

/// What of HTML is not told.
#[derive(Default, PartialEq, Eq)]
enum Hidden {
    #[default]
    Nothing,
    Comment,
    Until(&'static str),
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text(&text),
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.html.push_str("<code>");
                escape(&mut self.html, &text);
                self.html.push_str("</code>");
            }
            Event::Html(text) | Event::InlineHtml(text) => self.told(&text),
            Event::SoftBreak => self.html.push('\n'),
            Event::HardBreak => self.html.push_str("<br>"),
            Event::Rule => self.html.push_str("<hr>"),
            Event::TaskListMarker(done) => self.html.push_str(if done { "☑ " } else { "☐ " }),
            Event::FootnoteReference(name) => self.text(&name),
        }
    }

    fn text(&mut self, text: &str) {
        if self.hidden == Hidden::Nothing {
            escape(&mut self.html, text);
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        let html = match tag {
            Tag::Paragraph => "<p>",
            Tag::Heading { level, .. } => return self.heading("<", level),
            Tag::BlockQuote(_) => "<blockquote>",
            Tag::CodeBlock(CodeBlockKind::Indented | CodeBlockKind::Fenced(_)) => "<pre tabindex=\"0\"><code>",
            Tag::List(None) => "<ul>",
            Tag::List(Some(first)) => {
                self.html.push_str(&format!("<ol start=\"{first}\">"));
                return;
            }
            Tag::Item => "<li>",
            Tag::Table(_) => "<div class=\"wide\" tabindex=\"0\"><table>",
            Tag::TableHead => {
                self.is_head = true;
                "<thead><tr>"
            }
            Tag::TableRow => "<tr>",
            Tag::TableCell if self.is_head => "<th scope=\"col\">",
            Tag::TableCell => "<td>",
            Tag::Emphasis => "<em>",
            Tag::Strong => "<strong>",
            Tag::Strikethrough => "<del>",
            Tag::Link { dest_url, .. } => return self.link(&dest_url),
            Tag::Image { .. } => "<span class=\"picture\">",
            _ => return,
        };
        self.html.push_str(html);
    }

    fn end(&mut self, tag: TagEnd) {
        let html = match tag {
            TagEnd::Paragraph => "</p>\n",
            TagEnd::Heading(level) => return self.heading("</", level),
            TagEnd::BlockQuote(_) => "</blockquote>\n",
            TagEnd::CodeBlock => "</code></pre>\n",
            TagEnd::List(false) => "</ul>\n",
            TagEnd::List(true) => "</ol>\n",
            TagEnd::Item => "</li>\n",
            TagEnd::Table => "</tbody></table></div>\n",
            TagEnd::TableHead => {
                self.is_head = false;
                "</tr></thead><tbody>"
            }
            TagEnd::TableRow => "</tr>\n",
            TagEnd::TableCell if self.is_head => "</th>",
            TagEnd::TableCell => "</td>",
            TagEnd::Emphasis => "</em>",
            TagEnd::Strong => "</strong>",
            TagEnd::Strikethrough => "</del>",
            TagEnd::Link => self.links.pop().unwrap_or_default(),
            TagEnd::Image => "</span>",
            TagEnd::HtmlBlock => {
                // A block ends with its lines, whatever it left open.
                self.hidden = Hidden::Nothing;
                "\n"
            }
            _ => return,
        };
        self.html.push_str(html);
    }

    /// The page itself has the first two levels.
    fn heading(&mut self, before: &str, level: HeadingLevel) {
        let level = (level as usize + 2).min(6);
        self.html.push_str(&format!("{before}h{level}>"));
    }

    fn link(&mut self, address: &str) {
        let Some(link) = Link::new(address) else { return self.links.push("") };
        self.html.push_str("<a rel=\"nofollow noopener noreferrer ugc\" href=\"");
        escape(&mut self.html, link.as_str());
        self.html.push_str("\">");
        self.links.push("</a>");
    }

    /// What is between the tags of HTML.
    fn told(&mut self, html: &str) {
        let mut rest = html;
        loop {
            match self.hidden {
                Hidden::Comment => match rest.find("-->") {
                    Some(end) => (rest, self.hidden) = (&rest[end + 3..], Hidden::Nothing),
                    None => return,
                },
                Hidden::Until(end) => match find_ignoring_case(rest, end) {
                    Some(at) => (rest, self.hidden) = (&rest[at..], Hidden::Nothing),
                    None => return,
                },
                Hidden::Nothing => {}
            }
            let Some(begin) = rest.find('<') else { break };
            let (text, tag) = rest.split_at(begin);
            escape(&mut self.html, text);
            if let Some(inside) = tag.strip_prefix("<!--") {
                (rest, self.hidden) = (inside, Hidden::Comment);
                continue;
            }
            let end = tag.find('>').map_or(tag.len(), |end| end + 1);
            let begins = |name: &str| tag.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
            if begins("<script") {
                self.hidden = Hidden::Until("</script");
            } else if begins("<style") {
                self.hidden = Hidden::Until("</style");
            } else if begins("<br") {
                self.html.push_str("<br>");
            }
            rest = &tag[end..];
        }
        escape(&mut self.html, rest);
    }
}

fn find_ignoring_case(text: &str, what: &str) -> Option<usize> {
    text.as_bytes().windows(what.len()).position(|window| window.eq_ignore_ascii_case(what.as_bytes()))
}

fn escape(html: &mut String, text: &str) {
    for one in text.chars() {
        match one {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write() {
        let check = |text: &str, expect: &str| assert_eq!(render(text).to_string().trim_end(), expect, "{text}");
        check("# Title", "<h3>Title</h3>");
        check("###### Deep", "<h6>Deep</h6>");
        check("a *b* **c** ~~d~~ `e<`", "<p>a <em>b</em> <strong>c</strong> <del>d</del> <code>e&lt;</code></p>");
        check("3. x\n4. y", "<ol start=\"3\"><li>x</li>\n<li>y</li>\n</ol>");
        check("- [x] done", "<ul><li>☑ done</li>\n</ul>");
        check("```sh\na & b\n```", "<pre tabindex=\"0\"><code>a &amp; b\n</code></pre>");
        let table = "<div class=\"wide\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">a</th></tr></thead><tbody><tr><td>1</td></tr>\n</tbody></table></div>";
        check("| a |\n|--:|\n| 1 |", table);
        let link = "<a rel=\"nofollow noopener noreferrer ugc\" href=\"https://example.com/?a=1&amp;b=2\">x</a>";
        check("[x](https://example.com/?a=1&b=2)", &format!("<p>{link}</p>"));
        check("[![built](https://ci/b.svg)](./CI.md)", "<p><span class=\"picture\">built</span></p>");
        check("<p align=center>Hello<br><b>you</b></p>", "Hello<br>you");
        check("a <kbd>K</kbd> <!-- no --> b", "<p>a K  b</p>");
    }

    /// No tag but those above, no attribute but theirs.
    #[test]
    fn nothing_in_it_does_anything() {
        for text in [
            "<script>alert(1)</script>",
            "<SCRIPT SRC=//x>\nalert(1)\n</SCRIPT>",
            "a <script>alert(1)</script> b",
            "<img src=x onerror=alert(1)>",
            "![x](javascript:alert(1))",
            "[x](javascript:alert(1))",
            "[x](data:text/html,<script>alert(1)</script>)",
            "[x](https://e.com/\" onclick=\"alert(1))",
            "<https://e.com/?\"><script>>",
            "<a href='javascript:alert(1)'>x</a>",
            "<svg><style><img src=x onerror=alert(1)></style></svg>",
            "<style>\n* { display: none }\n</style>",
            "<!-- --><script>alert(1)</script>",
            "<iframe src=//x></iframe><form><input>",
            "<scr<script>ipt>alert(1)</script>",
            "<div style=\"position:fixed\">x</div>",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "| <script> |\n|--|\n| <img onerror=x> |",
            "```<script>\n</code></pre><script>\n```",
            "[x]: javascript:alert(1)\n[x]",
        ] {
            let html = render(text).to_string();
            for tag in html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
                let name: &str = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
                let known = ["p", "a", "br", "pre", "code", "div", "table", "thead", "tbody", "tr", "th", "td", "span"];
                assert!(known.contains(&name), "{text}: {html}");
                let attributes = tag.contains(" on") || tag.contains("style") || tag.contains("src");
                assert!(!attributes || tag.contains("%22"), "{text}: {html}");
                assert!(!tag.contains("javascript:") && !tag.contains("data:"), "{text}: {html}");
            }
        }
    }
}
