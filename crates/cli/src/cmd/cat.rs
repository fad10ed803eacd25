//! `wharf cat`: files inside of images and artifacts.

use std::collections::{HashMap, HashSet};
use std::io::{Read as _, Seek as _};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::SpooledTempFile;
use wharf_artifact::layer::index::Node;
use wharf_artifact::layer::view::Lost;
use wharf_artifact::layer::walk::Kind;
use wharf_content::platform::Platform;

use crate::Outcome;
use crate::args::inside::{CatArgs, FileRef, Part};
use crate::end::Reach;
use crate::found::Found;
use crate::inside::{Inside, Kept, Member, Wanted};
use crate::printer::Printer;
use crate::progress::Progress;
use crate::session;

/// How much is printed at once, in bytes.
const CHUNK_BYTES: usize = 256 << 10;

/// Runs the command. Nothing is printed before all of it has been verified.
///
/// # Errors
/// A file is not there or is none, a layer cannot be read or verified, or standard output cannot be written.
pub fn run(args: &CatArgs, printer: &Printer) -> Result<Outcome> {
    session::block_on_all(async {
        let reach = Reach::new(&args.reach)?;
        let progress = Progress::new(args.quiet);
        let mut ends = Vec::new();
        for file in &args.files {
            if !ends.contains(&&file.end) {
                ends.push(&file.end);
            }
        }
        let mut sources = Vec::new();
        for end in ends {
            let files: Vec<&FileRef> = args.files.iter().filter(|file| file.end == *end).collect();
            let gathered = gather(&reach, &files, args, &progress).await;
            sources.push((end, session::about(end, &end.place(), gathered)?));
        }
        progress.end();
        for file in &args.files {
            let source = sources.iter_mut().find(|(end, _)| **end == file.end);
            let (_, (places, kept)) = source.context("every file has been looked for")?;
            let content = places.get(&*file.path).and_then(|member| kept.get_mut(member));
            if !print(content.context("every file has been kept")?, printer)? {
                break; // Nobody reads any more.
            }
        }
        Ok(Outcome::Done)
    })
}

fn print(content: &mut SpooledTempFile, printer: &Printer) -> Result<bool> {
    content.rewind().context("a temporary file cannot be read")?;
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let count = content.read(&mut buffer).context("a temporary file cannot be read")?;
        if count == 0 {
            return Ok(true);
        }
        if !printer.chunk(&buffer[..count]).context("standard output cannot be written")? {
            return Ok(false);
        }
    }
}

/// Where the files are, by path, and what is in them.
type Gathered = (HashMap<String, Member>, Kept);

/// Reads what holds these files, which are all in one place.
async fn gather(reach: &Reach, files: &[&FileRef], args: &CatArgs, progress: &Arc<Progress>) -> Result<Gathered> {
    let platform = args.platform.clone().unwrap_or_else(Platform::host);
    let found = Found::get(reach, &files[0].end, Some(&platform)).await?;
    let mut inside = Inside::open(found, progress.clone())?;
    let (mut kept, mut places) = (Kept::new(), HashMap::new());
    loop {
        let mut wanted = Wanted { part: args.range.clone(), ..Wanted::default() };
        for file in files {
            match inside.view().resolve(&file.path, true) {
                Ok(resolved) => {
                    let place = resolved.place.filter(|place| !place.node.is_folder());
                    let place = place.with_context(|| format!("{} is a folder; `wharf ls` lists it", file.path))?;
                    readable(&file.path, place.node, args.range.as_ref())?;
                    places.insert(file.path.clone(), (place.layer, place.node.member));
                }
                Err(Lost::Deeper(path)) => {
                    wanted.paths.insert(path);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if wanted.paths.is_empty() {
            break;
        }
        kept.extend(inside.deeper(&wanted).await?);
    }
    // Where a link led into a layer that had been read, that is read once more.
    let again: HashSet<Member> = places.values().filter(|member| !kept.contains_key(*member)).copied().collect();
    let layers: HashSet<usize> = again.iter().map(|(layer, _)| *layer).collect();
    for layer in layers {
        let members = again.iter().filter(|(at, _)| *at == layer).map(|(_, member)| *member).collect();
        let wanted = Wanted { members, part: args.range.clone(), ..Wanted::default() };
        kept.extend(inside.read(layer, &wanted).await?.1);
    }
    Ok((places, kept))
}

/// Whether it is something that can be read.
fn readable(path: &str, node: &Node, part: Option<&Part>) -> Result<()> {
    match &node.kind {
        Kind::File => (),
        Kind::HardLink(target) => bail!("{path} is a hard link to /{target}, which is no file"),
        _ => bail!("{path} is no file"),
    }
    ensure!(!node.is_sparse, "{path} is a sparse file of GNU tar, which is not supported");
    if let Some(part) = part {
        ensure!(part.of(node.size).is_some(), "{path} has {} bytes, of which {part} is none", node.size);
    }
    Ok(())
}
