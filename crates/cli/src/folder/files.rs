//! Files as an artifact, each a layer with its name: as oras has it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::spawn_blocking;
use wharf_artifact::config::{FileLayer, HEAD_BYTES, guess_type};
use wharf_artifact::{pack, secrets, tree};
use wharf_content::copy::send;
use wharf_content::observer::{Observer, Outcome};
use wharf_content::target::Target;
use wharf_model::descriptor::Descriptor;
use wharf_model::media::MediaType;

use super::stream::OnDisk;

/// Files that are sent at the same time.
const FILES_AT_ONCE: usize = 6;

/// A file that is to be sent.
pub struct Named {
    path: PathBuf,
    /// What it is called in the artifact.
    title: String,
    /// What it is, where that was said.
    media_type: Option<MediaType>,
}

impl Named {
    /// What `PATH` or `PATH:MEDIA-TYPE` names.
    ///
    /// # Errors
    /// There is no such file, or it is a folder.
    pub fn parse(argument: &Path) -> Result<Named> {
        let (path, media_type) = match argument.to_str().and_then(|text| text.rsplit_once(':')) {
            Some((path, media_type)) if !argument.exists() => (PathBuf::from(path), Some(media_type.parse()?)),
            _ => (argument.to_owned(), None),
        };
        let metadata = path.metadata().with_context(|| format!("cannot read {}", path.display()))?;
        if metadata.is_dir() {
            bail!("{} is a folder; push it alone, or put all into one folder and push that", path.display());
        }
        if !metadata.is_file() {
            bail!("{} is no file", path.display());
        }
        Ok(Named { title: title(&path)?, path, media_type })
    }

    /// Whether it looks like a credential.
    pub fn finding(&self) -> Option<secrets::Finding> {
        let (folder, name) = (self.path.parent()?, self.path.file_name()?.to_str()?);
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let size = self.path.metadata().ok()?.len();
        let entry = tree::Entry {
            path: name.into(),
            kind: tree::Kind::File,
            size,
            mtime: 0,
            ctime: 0,
            inode: 0,
            device: 0,
            mode: 0o644,
            uid: 0,
            gid: 0,
            xattrs: Vec::new(),
        };
        secrets::find(folder, &[entry]).pop()
    }

    /// What it is: as was said, or as it looks.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn media_type(&self) -> Result<MediaType> {
        let mut head = Vec::new();
        let file = File::open(&self.path).with_context(|| format!("cannot read {}", self.path.display()))?;
        file.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        Ok(self.media_type.clone().unwrap_or_else(|| guess_type(&self.title, &head)))
    }

    fn read(self) -> Result<(PathBuf, FileLayer)> {
        let media_type = self.media_type()?;
        let Named { path, title, .. } = self;
        let (digest, size) = pack::file(&path, std::io::sink())?;
        Ok((path, FileLayer { title, media_type, digest, size, annotations: Default::default() }))
    }
}

/// A path below where one is, as it is; else the last part of it.
fn title(path: &Path) -> Result<String> {
    let is_below = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_str()),
        _ => None,
    });
    let parts: Option<Vec<&str>> = parts.collect();
    let parts = parts.with_context(|| format!("the name {} is not UTF-8", path.display()))?;
    Ok(if is_below { parts.join("/") } else { parts.last().copied().unwrap_or_default().to_owned() })
}

/// Brings the files to the target, several at once; in their order.
///
/// # Errors
/// Two have one name, one cannot be read or changes meanwhile, or the target takes it not.
pub async fn send_all(
    files: Vec<Named>,
    target: &dyn Target,
    observer: &Arc<dyn Observer>,
) -> Result<Vec<(FileLayer, Outcome)>> {
    let mut titles: Vec<&str> = files.iter().map(|file| &*file.title).collect();
    titles.sort_unstable();
    if let Some(twice) = titles.windows(2).find(|two| two[0] == two[1]) {
        bail!("two of the files are called {}", twice[0]);
    }
    let sending = files.into_iter().map(|file| async move {
        let (path, layer) = spawn_blocking(move || file.read()).await??;
        let FileLayer { digest, size, .. } = layer;
        let descriptor = Descriptor::new(layer.media_type.clone(), digest, size);
        let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let outcome = send(&descriptor, &OnDisk::new(file, size), target, observer).await?;
        anyhow::Ok((layer, outcome))
    });
    stream::iter(sending).buffered(FILES_AT_ONCE).try_collect().await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn titles() {
        let check = |path: &str, expect: &str| assert_eq!(title(Path::new(path)).expect("a title"), expect, "{path}");
        check("a.txt", "a.txt");
        check("./docs/a.txt", "docs/a.txt");
        check("/etc/hosts", "hosts");
        check("../a.txt", "a.txt");
        check("docs/../../a.txt", "a.txt");
    }
}
