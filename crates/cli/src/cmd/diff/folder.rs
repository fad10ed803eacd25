//! An image or artifact and a folder of this machine: their files. The folder is listed as a push lists it.
//!
//! Who packs a folder may keep its permissions and owners, or not. So permissions are the same where they are, and where they are
//! what a push makes of them unless it is told to keep them; and owners are not compared.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use tokio::task::spawn_blocking;
use wharf_artifact::layer::diff::{DeeperAt, Side, differences};
use wharf_artifact::layer::index::Index;
use wharf_artifact::layer::view::View;
use wharf_artifact::pack::{Keep, Packer};
use wharf_artifact::tree::{self, ScanOptions};
use wharf_content::platform::Platform;
use wharf_model::api::artifact::KindName;
use wharf_model::api::diff::{Diff, FileDiff, FileState};
use wharf_model::api::files::FileKind;

use super::files::file;
use super::{begun, found, named, side as told};
use crate::args::end::End;
use crate::args::inside::DiffArgs;
use crate::end::Reach;
use crate::inside::{Inside, Known, Wanted};
use crate::progress::Progress;

/// What is not the same. `folder` says which of the two it is, and where.
pub(super) async fn compare(
    args: &DiffArgs,
    folder: (Side, &Path),
    end: &End,
    reach: &Reach,
    progress: &Arc<Progress>,
) -> Result<Diff> {
    ensure!(!args.no_files, "a folder is nothing but files: without them there is nothing to compare");
    let (side, path) = folder;
    let here = view(path, &args.exclude).await?;
    let wanted = args.platform.clone().unwrap_or_else(Platform::host);
    let found = found(reach, end, Some(&wanted)).await?;
    let stored = named(end, &found, &found.manifest()?).await?.0;
    let mut inside = Inside::open(found, progress.clone())?.hashing(Known::default());
    while inside.depth() < inside.layers().len() {
        inside.deeper(&Wanted::default()).await?;
    }
    let files = files(side, &here, inside.view())?;
    let kind = KindName { id: "folder".to_owned(), title: "Folder".to_owned(), category: "generic".to_owned() };
    let local = told(path.display().to_string(), None, kind);
    let (from, to) = if side == Side::From { (local, stored) } else { (stored, local) };
    let same = files.is_empty();
    Ok(Diff { files: Some(files), ..begun(from, to, same) })
}

/// All that is in the folder.
async fn view(path: &Path, exclude: &[String]) -> Result<View> {
    let (root, options) = (path.to_owned(), ScanOptions { exclude: exclude.to_vec(), xattrs: false });
    let index = spawn_blocking(move || {
        let entries = tree::scan(&root, &options)?;
        let packer = Packer::open(&root, Keep::default())?;
        anyhow::Ok(Index::of_folder(entries, |entry| packer.digest(entry))?)
    });
    let mut view = View::default();
    view.add(Arc::new(index.await??));
    view.end();
    Ok(view)
}

fn files(side: Side, here: &View, there: &View) -> Result<Vec<FileDiff>> {
    let (from, to) = if side == Side::From { (here, there) } else { (there, here) };
    let found = differences(from, to, |_, _| true).map_err(|DeeperAt(_)| anyhow!("not all layers have been read"))?;
    let files = found.into_iter().map(file).map(|mut file| {
        if let (Some(from), Some(to)) = (&mut file.from, &mut file.to) {
            let (local, stored) = if side == Side::From { (from, &*to) } else { (to, &*from) };
            settle(local, stored);
        }
        file
    });
    Ok(files.filter(|file| file.from != file.to).collect())
}

/// Takes what does not count in a folder from what it is compared with.
fn settle(local: &mut FileState, stored: &FileState) {
    (local.uid, local.gid) = (stored.uid, stored.gid);
    if normal(local) == stored.mode {
        local.mode.clone_from(&stored.mode);
    }
}

/// The permissions that a push gives what has these, unless it is told to keep them.
fn normal(state: &FileState) -> &'static str {
    let mode = u32::from_str_radix(&state.mode, 8).unwrap_or_default();
    if state.kind == FileKind::Folder || mode & 0o111 != 0 { "0755" } else { "0644" }
}
