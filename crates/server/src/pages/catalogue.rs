//! The catalogue: what everybody may pull, that which is pulled most first.

use futures_util::future::join_all;

use super::home::First;
use super::html::grouped;
use super::project::{Line, line};
use super::route::Page;
use super::shell::Shell;
use super::{ENTRIES, Trouble, Visit, found, further};
use crate::respond::Answer;

#[derive(askama::Template)]
#[template(path = "catalogue.html")]
struct Catalogue {
    shell: Shell,
    is_open: bool,
    repositories: Vec<Line>,
    next: Option<String>,
    first: First,
}

/// `/-/catalogue`
pub async fn show(visit: &Visit<'_>) -> Result<Answer, Trouble> {
    let registry = visit.registry();
    let listed = registry.catalogue(visit.subject, &visit.part(ENTRIES)).await?;
    let lines = listed.items.into_iter().map(|entry| async move {
        let mut line = line(visit, &entry.repository).await;
        (line.pulls, line.is_vouched) = (pulls(entry.pulls), entry.vouched);
        line
    });
    let mut shell = visit.shell("Catalogue");
    shell.about = Some("What everybody may pull from this registry.".to_owned());
    let page = Catalogue {
        shell,
        is_open: registry.settings().policy.open,
        repositories: join_all(lines).await,
        next: further(visit, &Page::Catalogue, &[], listed.next),
        first: First::new(visit, "demo/hello"),
    };
    found(visit, &page)
}

/// How often something was pulled, in words; nothing where that is not known.
pub fn pulls(count: u64) -> String {
    match count {
        0 => String::new(),
        1 => "1 pull".to_owned(),
        count => format!("{} pulls", grouped(count)),
    }
}
