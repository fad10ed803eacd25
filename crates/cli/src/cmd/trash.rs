//! `wharf history`, `wharf restore`, `wharf trash` and `wharf purge`.

use anyhow::{Context as _, Result, bail};
use wharf_model::api::trash::{TagMove, TrashItem, TrashKind};
use wharf_model::digest::Digest;
use wharf_model::id::Id;

use crate::Outcome;
use crate::args::trash::{Deleted, HistoryArgs, PurgeArgs, RestoreArgs, TrashArgs, TrashCommand, WhichArgs};
use crate::moment::moment;
use crate::printer::Printer;
use crate::session::{self, Session};

/// `wharf history`.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn history(args: &HistoryArgs, printer: &Printer) -> Result<Outcome> {
    let tag = &args.tag;
    session::run_at(tag.host.as_deref(), &args.remote, printer, async |session: &Session<'_>| {
        let moves = session.admin.tag_history(&tag.repository, &tag.tag).await?;
        session.list(moves, &["WHEN", "WHO", "FROM", "TO", "CLIENT"], |one: &TagMove| {
            vec![
                moment(one.at),
                one.by.clone(),
                one.from.as_ref().map_or_else(|| "new".to_owned(), ToString::to_string),
                one.to.as_ref().map_or_else(|| "deleted".to_owned(), ToString::to_string),
                one.client.clone().unwrap_or_default(),
            ]
        })
    })
}

/// `wharf trash`.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn run(args: &TrashArgs, printer: &Printer) -> Result<Outcome> {
    let TrashCommand::List { project } = &args.command;
    session::run(&args.remote, printer, async |session: &Session<'_>| {
        let items = session.admin.trash(project.as_ref()).await?;
        session.list(items, &["ID", "WHAT", "NAME", "DELETED", "BY", "UNTIL"], |item: &TrashItem| {
            vec![
                item.id.to_string(),
                kind(item.kind).to_owned(),
                shown(item),
                moment(item.deleted_at),
                item.deleted_by.clone(),
                moment(item.until),
            ]
        })
    })
}

/// `wharf restore`.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn restore(args: &RestoreArgs, printer: &Printer) -> Result<Outcome> {
    let host = args.which.what.as_ref().and_then(Deleted::host);
    session::run_at(host, &args.remote, printer, async |session: &Session<'_>| {
        if let Some(Deleted::Tag(tag)) = &args.which.what {
            session.admin.restore_tag(&tag.repository, &tag.tag).await?;
            return Ok(session.done(&format!("{}:{} points to what it pointed to before", tag.repository, tag.tag)));
        }
        let (id, name) = find(session, &args.which).await?;
        session.admin.restore(id).await?;
        Ok(session.done(&format!("{name} was restored")))
    })
}

/// `wharf purge`.
///
/// # Errors
/// What the registry says, or why it says nothing.
pub fn purge(args: &PurgeArgs, printer: &Printer) -> Result<Outcome> {
    let host = args.which.what.as_ref().and_then(Deleted::host);
    session::run_at(host, &args.remote, printer, async |session: &Session<'_>| {
        let (id, name) = find(session, &args.which).await?;
        if !session.confirm(&format!("purge {name} for good"), args.yes)? {
            return Ok(Outcome::No);
        }
        session.admin.purge(id).await?;
        Ok(session.done(&format!("{name} was purged")))
    })
}

/// What is meant in the trash, and what to call it; of several of one name, what was deleted last.
async fn find(session: &Session<'_>, which: &WhichArgs) -> Result<(Id, String)> {
    let (kind, name, digest) = match which {
        WhichArgs { what: Some(Deleted::Id(id)), .. } => return Ok((*id, id.to_string())),
        WhichArgs { what: Some(Deleted::Tag(_)), .. } => {
            bail!("a tag is not in the trash; write REPOSITORY@DIGEST, as `wharf trash list` shows it")
        }
        WhichArgs { what: Some(Deleted::Manifest { repository, digest, .. }), .. } => {
            (TrashKind::Manifest, repository.to_string(), Some(*digest))
        }
        WhichArgs { repository: Some(name), .. } => (TrashKind::Repository, name.to_string(), None),
        WhichArgs { project: Some(name), .. } => (TrashKind::Project, name.to_string(), None),
        WhichArgs { .. } => bail!("nothing is named"),
    };
    let items = session.admin.trash(None).await?;
    let fits = |item: &&TrashItem| item.kind == kind && item.name == name && item.digest == digest;
    let newest = items.iter().filter(fits).max_by_key(|item| item.deleted_at);
    let called = full_name(&name, digest.as_ref());
    let found = newest.with_context(|| format!("{} {called} is not in the trash", self::kind(kind)))?;
    Ok((found.id, called))
}

fn kind(kind: TrashKind) -> &'static str {
    match kind {
        TrashKind::Manifest => "manifest",
        TrashKind::Repository => "repository",
        TrashKind::Project => "project",
    }
}

fn full_name(name: &str, digest: Option<&Digest>) -> String {
    digest.map_or_else(|| name.to_owned(), |digest| format!("{name}@{digest}"))
}

/// What it was, with the tags that it had.
fn shown(item: &TrashItem) -> String {
    let tags: Vec<&str> = item.tags.iter().map(|tag| tag.as_str()).collect();
    let name = full_name(&item.name, item.digest.as_ref());
    if tags.is_empty() { name } else { format!("{name} ({})", tags.join(", ")) }
}
