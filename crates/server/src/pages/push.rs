//! Pushing with a browser: files that are chosen, or dropped on the page, become an artifact that is these files.
//!
//! Each goes up as a blob while it comes, by the same use cases as any push; nothing of it waits in memory. At the end the manifest
//! names them all, under the tag that was asked for, as oras does it. Rights are asked for at each of these steps, as they are where
//! each is a request.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use futures_util::stream;
use http::header;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use wharf_content::body::Body;
use wharf_model::digest::{Algorithm, Digest, Hasher};
use wharf_model::limits::{DROPPED_FILES_MAX, TREE_PATH_BYTES_MAX};
use wharf_model::media::{self, MediaType};
use wharf_model::name::{Reference, RepositoryName, Tag};
use wharf_registry::access::Action;
use wharf_registry::error::Error;
use wharf_registry::push::{Expected, Push};
use wharf_registry::registry::{Access, Registry};
use wharf_registry::upload::Chunk;

use super::repository::crumbs;
use super::route::{Page, View};
use super::shell::{Crumb, Shell};
use super::{Trouble, Visit, found, reply, session};
use crate::extract;
use crate::multipart::{Head, Piece, Splitter};
use crate::respond::Answer;

/// What the manifest says that it is, where nobody says more: that it is files.
const ARTIFACT_TYPE: &str = "application/vnd.unknown.artifact.v1";
/// The config of what has none (image-spec, "Guidance for an Empty Descriptor").
const NOTHING: &[u8] = b"{}";
/// How many pieces of a file wait for the heap.
const PIECES_AHEAD: usize = 4;

#[derive(askama::Template)]
#[template(path = "push.html")]
struct Form {
    shell: Shell,
    crumbs: Vec<Crumb>,
    name: String,
    path: String,
    back: String,
    most: usize,
}

/// `/<repository>/-/push`: the form, and what it is sent with. Whoever may not push does not see it.
pub async fn answer(visit: &Visit<'_>, name: &RepositoryName, body: &mut Body) -> Result<Answer, Trouble> {
    let access = visit.registry().authorise(visit.subject, Action::Push, name).await?;
    if visit.parts.method == http::Method::POST {
        return take(visit, &access, body).await;
    }
    let page = Form {
        shell: visit.shell(&format!("Push files to {name}")),
        crumbs: crumbs(name),
        name: name.to_string(),
        path: Page::Repository(name.clone(), View::Push).to_string(),
        back: Page::repository(name).to_string(),
        most: DROPPED_FILES_MAX,
    };
    found(visit, &page)
}

async fn take(visit: &Visit<'_>, access: &Access, body: &mut Body) -> Result<Answer, Trouble> {
    if !session::is_ours(&visit.parts.headers, visit.origin) {
        return Err(Trouble::Foreign);
    }
    let content_type = extract::header(visit.parts, header::CONTENT_TYPE).unwrap_or_default();
    let splitter = Splitter::new(content_type).ok_or(Trouble::Form)?;
    let mut form = Parts { splitter, body };
    let (mut tag, mut files) = (None::<Tag>, BTreeMap::new());
    while let Some(head) = form.head().await? {
        match &head {
            Head { name, file: None, .. } if name == "tag" => {
                let text = form.text().await?;
                let parsed = text.trim().parse::<Tag>();
                tag = Some(parsed.map_err(|error| Trouble::Asked(format!("{}: {error}", text.trim())))?);
            }
            // Nothing was chosen.
            Head { file: Some(file), .. } if file.is_empty() => form.pass().await?,
            Head { file: Some(file), .. } => {
                let path = path(file)?;
                if tag.is_none() {
                    return Err(Trouble::Form);
                }
                if files.contains_key(&path) {
                    return Err(Trouble::Asked(format!(
                        "{path} is there twice: files of one push have each their own name."
                    )));
                }
                if let Some(other) = in_the_way(&files, &path) {
                    return Err(Trouble::Asked(format!(
                        "{path} and {other}: what is a file cannot be a folder as well."
                    )));
                }
                if files.len() >= DROPPED_FILES_MAX {
                    let why = format!("At most {DROPPED_FILES_MAX} files are taken at once; wharf push takes more.");
                    return Err(Trouble::Asked(why));
                }
                let (digest, size) = form.file(visit, access).await?;
                files.insert(path, (digest, size, media_type(&head)));
            }
            Head { file: None, .. } => form.pass().await?,
        }
    }
    let tag = tag.ok_or(Trouble::Form)?;
    if files.is_empty() {
        return Err(Trouble::Asked("No file was chosen.".to_owned()));
    }
    push(visit, access, &tag, &files).await?;
    Ok(reply::see(&Page::tag(access.repository(), &tag).to_string()))
}

/// Files by path: digest, size, and what they are said to be.
type Files = BTreeMap<String, (Digest, u64, String)>;

async fn push(visit: &Visit<'_>, access: &Access, tag: &Tag, files: &Files) -> Result<(), Trouble> {
    let registry = visit.registry();
    // It may have taken long until here.
    let access = &registry.authorise_again(access).await?;
    let empty = Digest::of(Algorithm::Sha256, NOTHING);
    let upload = registry.begin_upload(access, Algorithm::Sha256).await?;
    let chunk = Chunk { range: None, body: Body::full(Bytes::from_static(NOTHING)) };
    registry.finish_upload(access, &upload.session, chunk, empty).await?;
    let layers: Vec<_> = files
        .iter()
        .map(|(path, (digest, size, media_type))| {
            let title = json!({ "org.opencontainers.image.title": path });
            json!({ "mediaType": media_type, "digest": digest, "size": size, "annotations": title })
        })
        .collect();
    let config = json!({ "mediaType": media::OCI_EMPTY, "digest": empty, "size": NOTHING.len() });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media::OCI_MANIFEST,
        "artifactType": ARTIFACT_TYPE,
        "config": config,
        "layers": layers,
    });
    let push = Push {
        reference: Reference::Tag(tag.clone()),
        tags: Vec::new(),
        expected: Expected::default(),
        content_type: Some(MediaType::known(media::OCI_MANIFEST)),
        bytes: manifest.to_string().into(),
    };
    registry.put_manifest(access, push).await?;
    Ok(())
}

/// The path that a file has in the artifact: what leads out of it, or means something else elsewhere, is none.
fn path(file: &str) -> Result<String, Trouble> {
    let wrong = || Trouble::Asked(format!("{}: no file can be called so.", super::plain(file)));
    let names: Vec<&str> = file.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    let path = names.join("/");
    let is_wrong = names.contains(&"..") || path.contains('\\') || path.chars().any(char::is_control);
    if path.is_empty() || path.len() > TREE_PATH_BYTES_MAX || is_wrong { Err(wrong()) } else { Ok(path) }
}

/// A file that would have to be a folder as well, or the first of those in what is to be a file.
fn in_the_way<'a>(files: &'a Files, path: &str) -> Option<&'a str> {
    let above = path.match_indices('/').find_map(|(at, _)| files.get_key_value(&path[..at]));
    let folder = format!("{path}/");
    let below = || files.range(folder.clone()..).next().filter(|(other, _)| other.starts_with(&folder));
    above.or_else(below).map(|(other, _)| other.as_str())
}

/// What a browser says that a file is, where that is a media type.
fn media_type(head: &Head) -> String {
    let said = head.content_type.as_deref().and_then(|text| text.parse::<MediaType>().ok());
    said.map_or_else(|| media::OCTET_STREAM.to_owned(), |media_type| media_type.to_string())
}

/// A form that comes.
struct Parts<'a> {
    splitter: Splitter,
    body: &'a mut Body,
}

impl Parts<'_> {
    async fn piece(&mut self) -> Result<Piece, Trouble> {
        loop {
            match self.splitter.next().map_err(|error| Trouble::Asked(error.to_string()))? {
                Piece::More => match self.body.next().await {
                    Some(Ok(bytes)) => self.splitter.feed(&bytes),
                    Some(Err(_)) | None => return Err(Trouble::Form),
                },
                piece => return Ok(piece),
            }
        }
    }

    /// The head of the next part; `None` at the end.
    async fn head(&mut self) -> Result<Option<Head>, Trouble> {
        match self.piece().await? {
            Piece::Head(head) => Ok(Some(head)),
            Piece::End => Ok(None),
            _ => Err(Trouble::Form),
        }
    }

    /// More of the content of a part; `None` at its end.
    async fn content(&mut self) -> Result<Option<Bytes>, Trouble> {
        match self.piece().await? {
            Piece::Content(bytes) => Ok(Some(bytes)),
            Piece::PartEnd => Ok(None),
            _ => Err(Trouble::Form),
        }
    }

    async fn pass(&mut self) -> Result<(), Trouble> {
        while self.content().await?.is_some() {}
        Ok(())
    }

    /// The value of a field.
    async fn text(&mut self) -> Result<String, Trouble> {
        let mut all = Vec::new();
        while let Some(bytes) = self.content().await? {
            all.extend_from_slice(&bytes);
            if all.len() > 1 << 10 {
                return Err(Trouble::Form);
            }
        }
        String::from_utf8(all).map_err(|_| Trouble::Form)
    }

    /// A file, which goes up as it comes: its digest and its size.
    async fn file(&mut self, visit: &Visit<'_>, access: &Access) -> Result<(Digest, u64), Trouble> {
        let upload = visit.registry().begin_upload(access, Algorithm::Sha256).await?;
        let (sender, pieces) = mpsc::channel::<io::Result<Bytes>>(PIECES_AHEAD);
        let (end, ended) = oneshot::channel();
        let kept = tokio::spawn(keep(visit.registry().clone(), access.clone(), upload.session, pieces, ended));
        let (mut hasher, mut size) = (Hasher::new(Algorithm::Sha256), 0_u64);
        while let Some(bytes) = self.content().await? {
            hasher.update(&bytes);
            size += bytes.len() as u64;
            // Where nobody takes it, that is what is wrong.
            let _ = sender.send(Ok(bytes)).await;
        }
        drop(sender);
        let digest = hasher.finish();
        let _ = end.send(digest);
        kept.await.map_err(|error| Trouble::Failed(format!("a file broke off: {error}")))??;
        Ok((digest, size))
    }
}

/// Makes a blob of what comes, once it is told that this is all, and how that is named. It runs beside the request, which ends at once
/// where the page is closed: what came until then would count against the quota until it is old.
async fn keep(
    registry: Registry,
    access: Access,
    session: String,
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    ended: oneshot::Receiver<Digest>,
) -> Result<(), Error> {
    let pieces = stream::unfold(pieces, |mut pieces| async move { pieces.recv().await.map(|piece| (piece, pieces)) });
    let chunk = Chunk { range: None, body: Body::new(None, pieces) };
    let mut kept = registry.append_upload(&access, &session, chunk).await.map(drop);
    if kept.is_ok() {
        kept = match ended.await {
            Ok(digest) => finish(&registry, &access, &session, digest).await,
            Err(_) => Err(Error::SenderGone("the page was closed".to_owned())),
        };
    }
    if kept.is_err()
        && let Err(error) = registry.cancel_upload(&access, &session).await
        && !matches!(error, Error::UploadUnknown)
    {
        tracing::warn!(%error, "what came of a file is kept until it is old");
    }
    kept
}

/// As a request of its own would, whose rights are those of that moment.
async fn finish(registry: &Registry, access: &Access, session: &str, digest: Digest) -> Result<(), Error> {
    let access = registry.authorise_again(access).await?;
    let rest = Chunk { range: None, body: Body::empty() };
    registry.finish_upload(&access, session, rest, digest).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn paths_stay_inside() {
        let check = |file: &str, expect: Option<&str>| assert_eq!(path(file).ok().as_deref(), expect, "{file}");
        check("a.txt", Some("a.txt"));
        check("docs//./a.txt", Some("docs/a.txt"));
        check("/etc/passwd", Some("etc/passwd"));
        check("../x", None);
        check("a\\b", None);
        check("a\nb", None);
        check("/", None);
    }

    #[test]
    fn a_file_is_no_folder() {
        let none = (Digest::of(Algorithm::Sha256, b""), 0, String::new());
        let files: Files = ["a/b", "a/b.txt", "c", "d-e/f"].map(|path| (path.to_owned(), none.clone())).into();
        let check = |path: &str, expect: Option<&str>| assert_eq!(in_the_way(&files, path), expect, "{path}");
        check("a", Some("a/b"));
        check("a/b/c", Some("a/b"));
        check("a/b/c/d", Some("a/b"));
        check("c/x", Some("c"));
        check("d-e", Some("d-e/f"));
        check("d", None);
        check("a/c", None);
        check("a/b.txt.gz", None);
        check("cc/x", None);
    }
}
