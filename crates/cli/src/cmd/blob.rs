//! `wharf blob`: blobs as they are.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _, stdin};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use wharf_client::remote::Remote;
use wharf_content::body::Body;
use wharf_content::copy::send;
use wharf_content::error::Error;
use wharf_content::observer::{Event, Observer, Outcome as Went};
use wharf_content::source::Source as _;
use wharf_content::verify::{self, Expected};
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::{Algorithm, Digest, Hasher};
use wharf_model::media::{MediaType, OCTET_STREAM};

use crate::args::blob::{BlobArgs, BlobCommand};
use crate::args::reference::{BlobRef, RepositoryRef};
use crate::end::Reach;
use crate::folder::stream::OnDisk;
use crate::printer::Printer;
use crate::progress::Progress;
use crate::{Outcome, ask, session};

/// How much of a file is read at once, in bytes.
const CHUNK_BYTES: usize = 256 << 10;

/// Runs the command. `head` says no where the blob is not there.
///
/// # Errors
/// It is not there, cannot be read or written, or the registry refuses.
pub fn run(args: &BlobArgs, printer: &Printer) -> Result<Outcome> {
    let reach = Reach::new(&args.reach)?;
    match &args.command {
        BlobCommand::Get { blob, output, quiet } => {
            // Where the bytes go to the terminal too, a bar would be among them.
            let progress = Progress::new(*quiet || is_standard(output));
            about(blob, session::block_on_all(get(&reach, blob, output, &progress, printer)))?;
        }
        BlobCommand::Put { repository, file, quiet } => {
            let RepositoryRef { host, repository: name } = repository;
            let digest = session::block_on_all(put(&reach, repository, file, Progress::new(*quiet)));
            printer.line(&session::about(format!("{host}/{name}"), name.as_str(), digest)?.to_string())?;
        }
        BlobCommand::Delete { blob, yes } => {
            if !ask::confirm(printer, &format!("delete {blob}?"), *yes)? {
                return Ok(Outcome::No);
            }
            about(blob, session::block_on_all(delete(&reach, blob)))?;
            printer.note(&format!("deleted {blob}"));
        }
        BlobCommand::Head { blob } => {
            let size = about(blob, session::block_on_all(head(&reach, blob)))?;
            let Some(size) = size else { return Ok(Outcome::No) };
            printer.line(&size.to_string())?;
        }
    }
    Ok(Outcome::Done)
}

fn about<T>(blob: &BlobRef, result: Result<T>) -> Result<T> {
    session::about(blob, blob.repository.as_str(), result)
}

async fn head(reach: &Reach, blob: &BlobRef) -> Result<Option<u64>> {
    let remote = reach.repository(&blob.host, &blob.repository).await?;
    Ok(remote.blob_size(&blob.digest).await?)
}

async fn delete(reach: &Reach, blob: &BlobRef) -> Result<()> {
    let remote = reach.repository(&blob.host, &blob.repository).await?;
    let was_there = remote.delete_blob(&blob.digest).await?;
    Ok(was_there.then_some(()).ok_or_else(|| missing(&remote, &blob.digest))?)
}

fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

fn missing(remote: &Remote, digest: &Digest) -> Error {
    Error::Missing { what: digest.to_string(), place: remote.to_string() }
}

fn described(digest: Digest, size: u64) -> Descriptor {
    Descriptor::new(MediaType::known(OCTET_STREAM), digest, size)
}

async fn get(reach: &Reach, blob: &BlobRef, output: &Path, progress: &Progress, printer: &Printer) -> Result<()> {
    let remote = reach.repository(&blob.host, &blob.repository).await?;
    let missing = || missing(&remote, &blob.digest);
    let size = remote.blob_size(&blob.digest).await?.ok_or_else(missing)?;
    let named = described(blob.digest, size);
    let body = remote.blob(&named, 0).await?.ok_or_else(missing)?;
    let expected = Expected { digest: blob.digest, size, place: remote.to_string() };
    let mut body = verify::whole(body, expected);
    progress.on(Event::Found { digest: blob.digest, size });
    if is_standard(output) {
        while let Some(chunk) = next(&mut body, &remote, progress, blob.digest).await? {
            if !printer.chunk(&chunk).context("standard output cannot be written")? {
                break; // Nobody reads any more.
            }
        }
        return Ok(());
    }
    let failed = || format!("{} cannot be written", output.display());
    let mut file = beside(output).with_context(failed)?;
    while let Some(chunk) = next(&mut body, &remote, progress, blob.digest).await? {
        file.write_all(&chunk).with_context(failed)?;
    }
    progress.on(Event::Done { digest: blob.digest, size, outcome: Went::Sent });
    file.persist(output).map_err(|error| error.error).with_context(failed)?;
    Ok(())
}

async fn next(body: &mut Body, remote: &Remote, progress: &Progress, digest: Digest) -> Result<Option<Bytes>> {
    let Some(chunk) = body.next().await else { return Ok(None) };
    let chunk = chunk.map_err(|error| Error::from_io(error, || format!("read from {remote}")))?;
    progress.on(Event::Moved { digest, bytes: chunk.len() as u64 });
    Ok(Some(chunk))
}

/// A file in the folder of `path`, that gets its name when it has all of its bytes.
fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // As any other file: less what the user's mask takes away.
    builder.prefix(".wharf-").suffix(".part").permissions(fs::Permissions::from_mode(0o666));
    builder.tempfile_in(folder)
}

async fn put(reach: &Reach, to: &RepositoryRef, file: &Path, progress: Arc<Progress>) -> Result<Digest> {
    let remote = reach.repository(&to.host, &to.repository).await?;
    let path = file.to_owned();
    let (kept, digest, size) = tokio::task::spawn_blocking(move || kept(&path)).await??;
    let observer: Arc<dyn Observer> = progress;
    send(&described(digest, size), &kept, &remote, &observer).await?;
    Ok(digest)
}

/// The file, what it is named by and its size. What comes by standard input is written to a temporary file first, as sending
/// it may have to be repeated.
fn kept(path: &Path) -> Result<(OnDisk, Digest, u64)> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; CHUNK_BYTES];
    if is_standard(path) {
        let (mut input, mut file) = (stdin().lock(), tempfile::tempfile().context("no temporary file can be made")?);
        loop {
            let read = input.read(&mut buffer).context("standard input cannot be read")?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            file.write_all(&buffer[..read]).context("a temporary file cannot be written")?;
        }
        let size = hasher.length();
        return Ok((OnDisk::new(file, size), hasher.finish(), size));
    }
    let failed = || format!("{} cannot be read", path.display());
    let mut file = File::open(path).with_context(failed)?;
    loop {
        let read = file.read(&mut buffer).with_context(failed)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    let size = hasher.length();
    Ok((OnDisk::new(file, size), hasher.finish(), size))
}
