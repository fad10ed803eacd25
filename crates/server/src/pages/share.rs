//! Links that open something of an artifact without signing in: how one is made, and what it opens.

use wharf_model::api::link::{LinkForm, NewLink};
use wharf_model::digest::Digest;
use wharf_model::limits::TOKEN_BODY_BYTES_MAX;
use wharf_model::name::Reference;
use wharf_registry::registry::Access;

use super::artifact::Head;
use super::html::{Copy, Moment};
use super::route::{Page, Part};
use super::shell::Shell;
use super::{Body, Trouble, Visit, found, plain, session};
use crate::api::{files, links};
use crate::download;
use crate::respond::Answer;

#[derive(askama::Template)]
#[template(path = "share.html")]
struct Made {
    shell: Shell,
    head: Head,
    path: String,
    form: &'static str,
    until: Moment,
    url: String,
    copy: Copy,
    back: String,
}

/// `…/share`: has a link made.
pub async fn make(
    visit: &Visit<'_>,
    access: &Access,
    reference: &Reference,
    body: &mut Body,
) -> Result<Answer, Trouble> {
    if visit.parts.method != http::Method::POST {
        return Err(Trouble::NotHere);
    }
    let new = asked(&session::read(visit, body, TOKEN_BODY_BYTES_MAX, 16).await?)?;
    let (path, form) = (plain(&new.path), if new.form == LinkForm::Zip { "a zip" } else { "a tar" });
    let link = links::told(visit.origin, visit.registry().make_link(access, reference, &new).await?);
    let page = Made {
        shell: visit.shell(&format!("A link to {} {reference}", access.repository())),
        head: Head::brief(visit, access, reference, Part::Share).await?,
        path,
        form,
        until: visit.moment(link.expires_at),
        copy: Copy::new("the link", &*link.url),
        url: link.url,
        back: Page::artifact(access.repository(), reference).to_string(),
    };
    found(visit, &page)
}

fn asked(sent: &[(String, String)]) -> Result<NewLink, Trouble> {
    let field = |name: &str| sent.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    files::check_path(field("path"))?;
    let form = if field("form") == "tar" { LinkForm::Tar } else { LinkForm::Zip };
    let layer = Some(field("layer")).filter(|layer| !layer.is_empty()).map(str::parse::<Digest>);
    let layer = layer.transpose().map_err(|error| Trouble::Asked(error.to_string()))?;
    let hours: u64 = field("hours").parse().map_err(|_| Trouble::Form)?;
    Ok(NewLink { path: field("path").to_owned(), layer, form, lives_secs: hours.saturating_mul(3600) })
}

/// `/-/shared/<link>`: what it opens, to be saved.
pub async fn open(visit: &Visit<'_>, link: &str) -> Result<Answer, Trouble> {
    let registry = visit.registry();
    let opened = registry.open_link(link).await?;
    let (access, reference, at) = (&opened.access, &opened.reference, &opened.at);
    Ok(match opened.format {
        Some(format) => download::archive(registry, access, reference, at, format, visit.parts).await?,
        None => download::file(registry, registry.file(access, reference, at).await?, visit.parts).await?,
    })
}
