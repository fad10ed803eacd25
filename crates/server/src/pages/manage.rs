//! What pages have on which people administer: lists with something to do about each entry, and forms. One template draws them all.
//!
//! What is dangerous is asked once more, on a page of its own: the same address with `do` and `of`, whose form then does it.

use askama::Template;
use http::{HeaderValue, StatusCode, header};

use super::facts::{Cell, Pair};
use super::form::{Form, Input};
use super::html::Copy;
use super::sent::Sent;
use super::shell::{Crumb, Shell};
use super::{Trouble, Visit, render, reply, told};
use crate::respond::Answer;

/// What stands above such a page.
pub struct Head {
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// What it is about.
    pub title: String,
    /// The pages beside it: title, path, whether it is this one.
    pub tabs: Vec<(&'static str, String, bool)>,
}

impl Head {
    /// Of a page alone.
    pub fn alone(title: impl ToString, crumbs: Vec<Crumb>) -> Head {
        Head { crumbs, title: title.to_string(), tabs: Vec::new() }
    }
}

/// A part of such a page.
pub enum Block {
    /// A form.
    Form(Form),
    /// A list.
    Rows(Rows),
    /// Names with values.
    Pairs(&'static str, Vec<Pair>),
    /// A secret, shown this once.
    Secret(Secret),
    /// Where else to go: text and path.
    Ways(Vec<(String, String)>),
}

/// A secret.
pub struct Secret {
    /// Whose it is, and what it is for.
    pub about: String,
    /// It.
    pub text: String,
    /// Copies it.
    pub copy: Copy,
    /// Where to go on.
    pub back: String,
}

/// A list.
pub struct Rows {
    /// What it is a list of.
    pub title: &'static str,
    /// What is to be known of it.
    pub about: String,
    /// The titles of its columns.
    pub columns: Vec<&'static str>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// What is said where there are none.
    pub empty: &'static str,
    /// Where there are more.
    pub next: Option<String>,
    /// Where what is done about them goes.
    pub action: String,
}

impl Rows {
    /// Whether anything can be done about any of them.
    fn has_deeds(&self) -> bool {
        self.rows.iter().any(|row| !row.deeds.is_empty())
    }
}

/// An entry.
pub struct Row {
    /// What it is called, for who does something about it.
    pub name: String,
    /// What is told of it, a cell for each column.
    pub cells: Vec<Cell>,
    /// What can be done about it.
    pub deeds: Vec<Deed>,
}

/// Something that can be done about an entry.
pub enum Deed {
    /// It is asked first, on a page of its own.
    Ask {
        /// What it is called.
        label: &'static str,
        /// Where it is asked.
        path: String,
    },
    /// It is done at once.
    Do {
        /// What it is called.
        label: &'static str,
        /// What is to be done.
        deed: &'static str,
        /// To what.
        thing: String,
    },
}

/// Where a page asks before something is done.
pub fn asking(page: impl ToString, deed: &str, thing: impl ToString) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("do", deed);
    let thing = thing.to_string();
    if !thing.is_empty() {
        query.append_pair("of", &thing);
    }
    format!("{}?{}", page.to_string(), query.finish())
}

/// The path of a page, with the part of its list that is looked at.
pub fn in_part(visit: &Visit<'_>, path: impl ToString) -> String {
    let path = path.to_string();
    let Some(last) = visit.asked("last") else { return path };
    let begin = if path.contains('?') { '&' } else { '?' };
    let last: String = form_urlencoded::byte_serialize(last.as_bytes()).collect();
    format!("{path}{begin}last={last}")
}

impl Deed {
    /// Something in a list of several pages that is asked first, where that list is: so it is known what it is about.
    pub fn ask_in_part(
        visit: &Visit<'_>,
        label: &'static str,
        page: impl ToString,
        deed: &str,
        thing: impl ToString,
    ) -> Deed {
        Deed::Ask { label, path: in_part(visit, asking(page, deed, thing)) }
    }

    /// Something that is asked first, on that page.
    pub fn ask(label: &'static str, page: impl ToString, deed: &str, thing: impl ToString) -> Deed {
        Deed::Ask { label, path: asking(page, deed, thing) }
    }

    /// Something that is done at once.
    pub fn at_once(label: &'static str, deed: &'static str, thing: impl ToString) -> Deed {
        Deed::Do { label, deed, thing: thing.to_string() }
    }
}

#[derive(Template)]
#[template(path = "manage.html")]
struct Manage {
    shell: Shell,
    head: Head,
    wrong: Vec<String>,
    is_refused: bool,
    blocks: Vec<Block>,
}

/// The page of these blocks, after what was sent to it.
pub fn page(visit: &Visit<'_>, head: Head, sent: &Sent, blocks: Vec<Block>) -> Result<Answer, Trouble> {
    let blocks: Vec<Block> = blocks.into_iter().map(|block| after(block, sent)).collect();
    let forms = blocks.iter().filter_map(|block| match block {
        Block::Form(form) => Some(form),
        _ => None,
    });
    let (wrong, is_refused) = (sent.told(forms), sent.is_refused());
    let status = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    render(visit, status, &Manage { shell: visit.shell(&head.title), head, wrong, is_refused, blocks })
}

fn after(block: Block, sent: &Sent) -> Block {
    match block {
        Block::Form(form) => Block::Form(form.after(sent)),
        other => other,
    }
}

/// A page that asks one thing.
pub fn ask(visit: &Visit<'_>, crumbs: Vec<Crumb>, sent: &Sent, form: Form) -> Result<Answer, Trouble> {
    let title = form.title;
    page(visit, Head::alone(title, crumbs), sent, vec![Block::Form(Form { title: "", ..form })])
}

/// A secret, on the answer to what made it and nowhere else.
pub fn secret(visit: &Visit<'_>, head: Head, about: String, text: &str, back: &str) -> Result<Answer, Trouble> {
    let secret = Secret { about, text: text.to_owned(), copy: Copy::new("the secret", text), back: back.to_owned() };
    let (wrong, blocks) = (Vec::new(), vec![Block::Secret(secret)]);
    let page = Manage { shell: visit.shell(&head.title), head, wrong, is_refused: false, blocks };
    let mut answer = render(visit, StatusCode::OK, &page)?;
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// It is done: the page that shows it, which says so.
pub fn done(visit: &Visit<'_>, page: impl ToString, text: impl ToString) -> Answer {
    let mut answer = reply::see(&page.to_string());
    told::say(&mut answer, visit.origin, Some(&text.to_string()));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_in_the_address() {
        assert_eq!(asking("/-/trash", "purge", "ab"), "/-/trash?do=purge&of=ab");
        assert_eq!(asking("/acme/-/delete", "delete", ""), "/acme/-/delete?do=delete");
        assert_eq!(asking("/x", "a", "\"><script>&"), "/x?do=a&of=%22%3E%3Cscript%3E%26");
    }
}
