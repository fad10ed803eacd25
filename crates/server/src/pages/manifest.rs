//! The manifest of an artifact, as it was pushed but for where its lines break.

use wharf_model::name::Reference;
use wharf_registry::registry::Access;

use super::artifact::Head;
use super::html::{Copy, Short, Size};
use super::json::{self, Token};
use super::route::{Page, Part};
use super::shell::Shell;
use super::{Trouble, Visit, found};
use crate::respond::Answer;

/// How much of a manifest is shown, in bytes.
const SHOWN_BYTES_MAX: usize = 128 << 10;

#[derive(askama::Template)]
#[template(path = "manifest.html")]
struct Shown {
    shell: Shell,
    head: Head,
    media_type: String,
    size: Size,
    digest: Short,
    copy: Copy,
    tokens: Vec<Line>,
    is_cut: bool,
}

/// A token, and where it leads.
struct Line {
    token: Token,
    path: Option<String>,
}

/// `…/manifest`
pub async fn show(visit: &Visit<'_>, access: &Access, reference: &Reference) -> Result<Answer, Trouble> {
    let name = access.repository();
    let row = visit.registry().manifest(access, reference).await?;
    let text = String::from_utf8_lossy(&row.bytes);
    let shown = &text[..text.floor_char_boundary(SHOWN_BYTES_MAX)];
    let manifests = wharf_model::manifest::Manifest::parse(&row.bytes, Some(&row.media_type));
    let manifests = manifests.map(|manifest| manifest.manifests).unwrap_or_default();
    let leads = |token: &Token| {
        let text = token.text.trim_matches('"');
        let child = manifests.iter().find(|child| child.digest.to_string() == text)?;
        Some(Page::digest(name, &child.digest).to_string())
    };
    let tokens = json::tokens(shown).into_iter().map(|token| Line { path: leads(&token), token }).collect();
    let page = Shown {
        shell: visit.shell(&format!("Manifest of {name} {reference}")),
        head: Head::brief(visit, access, reference, Part::Manifest).await?,
        media_type: row.media_type.to_string(),
        size: Size::new(row.bytes.len() as u64),
        digest: Short::new(&row.digest),
        copy: Copy::new("the digest", row.digest.to_string()),
        tokens,
        is_cut: shown.len() < text.len(),
    };
    found(visit, &page)
}
