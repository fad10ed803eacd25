//! `wharf ls`: the repositories of a registry, the tags of one, or the files inside of something.

use anyhow::{Result, bail};
use jiff::Timestamp;
use serde::Serialize;
use wharf_artifact::layer::view::Place;
use wharf_content::platform::Platform;
use wharf_model::api::diff::FileState;
use wharf_model::api::files::FileKind;
use wharf_model::api::list::List;
use wharf_model::digest::Digest;
use wharf_model::units::size;

use crate::Outcome;
use crate::args::inside::FileRef;
use crate::args::reference::{Listed, LsArgs};
use crate::end::Reach;
use crate::found::Found;
use crate::inside::Inside;
use crate::moment::moment;
use crate::printer::Printer;
use crate::progress::Progress;
use crate::session::{self, DEFAULT_REGISTRY};
use crate::table::{Table, printable};

/// Something inside of an image or an artifact.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// From the folder that is listed.
    path: String,
    kind: FileKind,
    /// Of a file, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// The permission bits, as `chmod` takes them.
    mode: String,
    uid: u32,
    gid: u32,
    modified: String,
    /// Where a link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// The layer that it is from.
    layer: Digest,
    #[serde(skip)]
    bits: u32,
    #[serde(skip)]
    mtime: i64,
}

/// Runs the command.
///
/// # Errors
/// The registry or folder cannot be asked, or does not know the repository; there is no such file, or its layers cannot be
/// read.
pub fn run(args: &LsArgs, printer: &Printer) -> Result<Outcome> {
    if let Some(Listed::Files(file)) = &args.what {
        let rows = session::block_on_all(files(args, file, printer));
        let rows = session::about(&file.end, &file.end.place(), rows)?;
        printer.show(args.json, &List { items: rows, next: None }, |list| text(&list.items, args.long))?;
        return Ok(Outcome::Done);
    }
    if args.long || args.recursive || args.platform.is_some() {
        bail!("-l, -R and --platform are about files; write REF:/PATH, or REF:/ for all of them");
    }
    let items = session::block_on_all(async {
        let reach = Reach::new(&args.reach)?;
        match &args.what {
            Some(Listed::Registry(host)) => repositories(&reach, host).await,
            Some(Listed::Tags(end)) => {
                let tags = async { anyhow::Ok(end.open(&reach).await?.source.tags().await?) };
                let tags = session::about(end.place(), &end.place(), tags.await)?;
                Ok(tags.iter().map(ToString::to_string).collect())
            }
            None | Some(Listed::Files(_)) => {
                let found = repositories(&reach, DEFAULT_REGISTRY).await;
                session::unnamed("after `wharf ls` or by WHARF_REGISTRY", found)
            }
        }
    })?;
    printer.show(args.json, &List { items, next: None }, |list| list.items.join("\n"))?;
    Ok(Outcome::Done)
}

async fn repositories(reach: &Reach, host: &str) -> Result<Vec<String>> {
    let names = reach.registry(host).await?.repositories().await?;
    Ok(names.iter().map(ToString::to_string).collect())
}

async fn files(args: &LsArgs, file: &FileRef, printer: &Printer) -> Result<Vec<Row>> {
    let platform = args.platform.clone().unwrap_or_else(Platform::host);
    let found = Found::get(&Reach::new(&args.reach)?, &file.end, Some(&platform)).await?;
    let progress = Progress::new(args.json);
    let mut inside = Inside::open(found, progress.clone())?;
    let layers: Vec<Digest> = inside.layers().iter().map(|layer| layer.digest).collect();
    let root = inside.resolve(&file.path, true).await?;
    let mut rows = Vec::new();
    if let Some(place) = root.place.filter(|place| !place.node.is_folder()) {
        rows.push(row(file.path.trim_matches('/').to_owned(), place, &layers));
    } else {
        let root = root.path;
        // From the folder that is listed, the next one last.
        let mut ahead = vec![String::new()];
        while let Some(folder) = ahead.pop() {
            let mut found = Vec::new();
            for (name, place) in inside.children(joined(&root, &folder).trim_matches('/')).await? {
                found.push(row(joined(&folder, name), place, &layers));
            }
            if args.recursive {
                ahead.extend(found.iter().filter(|row| row.kind == FileKind::Folder).map(|row| row.path.clone()));
            }
            rows.extend(found);
        }
        rows.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    }
    progress.end();
    inside.tell_faults(printer);
    Ok(rows)
}

fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn row(path: String, place: Place<'_>, layers: &[Digest]) -> Row {
    let node = place.node;
    let FileState { kind, size, mode, uid, gid, target, digest: _ } = FileState::from(node);
    let modified = Timestamp::from_nanosecond(i128::from(node.mtime)).unwrap_or_default();
    Row {
        path,
        kind,
        size,
        mode,
        uid,
        gid,
        modified: modified.to_string(),
        target,
        layer: layers[place.layer],
        bits: node.mode,
        mtime: node.mtime,
    }
}

fn text(rows: &[Row], is_long: bool) -> String {
    if !is_long {
        let slash = |row: &Row| if row.kind == FileKind::Folder { "/" } else { "" };
        return rows.iter().map(|row| printable(&row.path) + slash(row)).collect::<Vec<_>>().join("\n");
    }
    let mut table = Table::new(&["MODE", "OWNER", "SIZE", "MODIFIED", "NAME"]);
    for row in rows {
        let target = row.target.as_ref().map(|target| format!(" -> {target}")).unwrap_or_default();
        table.row([
            permissions(row.kind, row.bits),
            format!("{}:{}", row.uid, row.gid),
            row.size.map(size).unwrap_or_default(),
            // Of what was pushed file by file, nothing is known.
            if row.mtime == 0 { String::new() } else { moment(row.mtime / 1_000_000) },
            format!("{}{target}", row.path),
        ]);
    }
    table.text()
}

/// As `ls -l` has it.
fn permissions(kind: FileKind, bits: u32) -> String {
    let first = match kind {
        FileKind::Folder => 'd',
        FileKind::Symlink => 'l',
        FileKind::Hardlink => 'h',
        FileKind::Device => 'c',
        FileKind::Fifo => 'p',
        FileKind::File | FileKind::Unknown => '-',
    };
    let mut text = String::from(first);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let three = bits >> shift;
        text.push(if three & 4 == 0 { '-' } else { 'r' });
        text.push(if three & 2 == 0 { '-' } else { 'w' });
        text.push(match (bits & special != 0, three & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_as_people_know_them() {
        assert_eq!(permissions(FileKind::File, 0o644), "-rw-r--r--");
        assert_eq!(permissions(FileKind::Folder, 0o1777), "drwxrwxrwt");
        assert_eq!(permissions(FileKind::File, 0o4755), "-rwsr-xr-x");
        assert_eq!(permissions(FileKind::Symlink, 0o2640), "lrw-r-S---");
    }
}
