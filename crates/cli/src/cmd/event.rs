//! `wharf events`.

use anyhow::Result;
use wharf_client::admin::EventsOf;
use wharf_model::api::event::{Event, Events};
use wharf_model::name::Tag;

use crate::Outcome;
use crate::args::event::EventsArgs;
use crate::moment::moment;
use crate::printer::Printer;
use crate::session::{self, Session};
use crate::table::Table;

/// Runs the command.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn run(args: &EventsArgs, printer: &Printer) -> Result<Outcome> {
    let of = match (&args.project, &args.repository) {
        (Some(project), _) => EventsOf::Project(project.clone()),
        (None, Some(repository)) => EventsOf::Repository(repository.clone()),
        (None, None) => EventsOf::All,
    };
    session::run(&args.remote, printer, async |session: &Session<'_>| {
        let (items, latest) = session.admin.events(&of, args.limit).await?;
        session.show(&Events { items, next: None, latest, more: false }, |events| {
            let mut table = Table::new(&["WHEN", "WHAT", "WHERE", "WHICH", "BY"]);
            events.items.iter().for_each(|event| table.row(row(event)));
            table.text()
        })
    })
}

fn row(event: &Event) -> [String; 5] {
    let place = event.repository.as_ref().map_or_else(|| event.project.to_string(), ToString::to_string);
    let what = event.kind.as_str().trim_start_matches("wharf.").replace('.', " ");
    [moment(event.at), what, place, which(event), event.by.clone()]
}

/// What it is about: a tag with where it points, or an artifact with the tags that went or came with it.
fn which(event: &Event) -> String {
    let digest = event.digest.as_ref().map(ToString::to_string);
    if let Some(tag) = &event.tag {
        return digest.map_or_else(|| tag.to_string(), |digest| format!("{tag} → {digest}"));
    }
    let tags = event.tags.iter().map(Tag::as_str).collect::<Vec<_>>().join(", ");
    match digest {
        Some(digest) if tags.is_empty() => digest,
        Some(digest) => format!("{digest} ({tags})"),
        None => String::new(),
    }
}
