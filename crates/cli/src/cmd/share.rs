//! `wharf share`: a link that opens something without a login.

use anyhow::Result;
use wharf_model::api::link::{Link, NewLink};

use crate::Outcome;
use crate::args::share::ShareArgs;
use crate::moment::moment;
use crate::printer::Printer;
use crate::session::{self, Session};
use crate::table::printable;

/// Runs the command.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn run(args: &ShareArgs, printer: &Printer) -> Result<Outcome> {
    let image = &args.image;
    session::run_at(Some(&image.host), &args.remote, printer, async |session: &Session<'_>| {
        let new = NewLink {
            path: args.path.clone().unwrap_or_default(),
            layer: args.layer,
            form: args.link_form(),
            lives_secs: args.lives.0.into(),
        };
        let link = session.admin.make_link(&image.repository, &image.reference(), &new).await?;
        let outcome = session.show(&link, |link: &Link| printable(&link.url))?;
        session.note(&format!("it opens until {}, for whoever has it", moment(link.expires_at)));
        Ok(outcome)
    })
}
