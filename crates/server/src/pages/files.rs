//! What is inside of an artifact: a folder at a time, and the files themselves, to be saved.

use wharf_artifact::archive::{Format, FormatError};
use wharf_model::api::facts;
use wharf_model::api::files::{File, FileChange, FileKind};
use wharf_model::digest::Digest;
use wharf_model::name::Reference;
use wharf_registry::error::Error;
use wharf_registry::registry::Access;

use super::artifact::Head;
use super::html::{Copy, Icon, Moment, Short, Size};
use super::route::{Page, Part, View};
use super::shell::{Crumb, Shell};
use super::{Trouble, Visit, found, further, plain};
use crate::api::files::Looked;
use crate::download;
use crate::respond::Answer;

/// Entries of a folder on one page.
const ENTRIES: usize = 200;

#[derive(askama::Template)]
#[template(path = "files.html")]
struct Files {
    shell: Shell,
    head: Head,
    crumbs: Vec<Crumb>,
    above: Option<String>,
    files: Vec<Line>,
    layer: Option<Short>,
    whole: String,
    incomplete: Vec<(Short, String)>,
    save: Option<Save>,
    next: Option<String>,
}

#[derive(askama::Template)]
#[template(path = "no-files.html")]
struct NoFiles {
    shell: Shell,
    head: Head,
    why: String,
}

/// Something in a folder.
struct Line {
    icon: Icon,
    name: String,
    path: Option<String>,
    target: Option<String>,
    size: Option<Size>,
    mode: String,
    owner: String,
    modified: Option<Moment>,
    layer: (Short, String),
    change: Option<&'static str>,
    hidden_by: Option<Short>,
}

/// Where a file or folder of an artifact is.
fn at(access: &Access, reference: &Reference, part: Part, path: &str, layer: Option<&Digest>) -> String {
    let page = Page::Repository(access.repository().clone(), View::Artifact(reference.clone(), part));
    let mut query = form_urlencoded::Serializer::new(String::new());
    if !path.is_empty() {
        query.append_pair("path", path);
    }
    if let Some(layer) = layer {
        query.append_pair("layer", &layer.to_string());
    }
    let query = query.finish();
    if query.is_empty() { page.to_string() } else { format!("{page}?{query}") }
}

/// `…/files`
pub async fn show(visit: &Visit<'_>, access: &Access, reference: &Reference) -> Result<Answer, Trouble> {
    let place = Looked::of(visit.parts).at()?;
    let head = Head::brief(visit, access, reference, Part::Files).await?;
    let folder = match visit.registry().files(access, reference, &place, &visit.part(ENTRIES)).await {
        Err(Error::Unsupported(why)) if visit.asked("last").is_none() => {
            let shell = visit.shell(&format!("Files of {} {reference}", access.repository()));
            return found(visit, &NoFiles { shell, head, why: plain(&why) });
        }
        folder => folder?,
    };
    let layer = place.layer.as_ref();
    let link = |part, path: &str| at(access, reference, part, path, layer);
    let mut crumbs = vec![Crumb::new("/", link(Part::Files, ""))];
    let mut way = String::new();
    for name in folder.path.split('/').filter(|name| !name.is_empty()) {
        if !way.is_empty() {
            way.push('/');
        }
        way.push_str(name);
        crumbs.push(Crumb::new(plain(name), link(Part::Files, &way)));
    }
    let above = folder.path.rsplit_once('/').map(|(above, _)| above).or((!folder.path.is_empty()).then_some(""));
    let here = Page::Repository(access.repository().clone(), View::Artifact(reference.clone(), Part::Files));
    // A file that was asked for is told alone, under its own name.
    let is_file = folder.items.len() == 1 && folder.path.rsplit('/').next() == Some(folder.items[0].path.as_str());
    let line = |file: File| {
        let whole = match folder.path.as_str() {
            "" => file.path.clone(),
            path if is_file && path.ends_with(&file.path) => path.to_owned(),
            path => format!("{path}/{}", file.path),
        };
        let path = match file.kind {
            _ if file.change == Some(FileChange::Removed) => None,
            FileKind::Folder => Some(link(Part::Files, &whole)),
            FileKind::File | FileKind::Symlink | FileKind::Hardlink => Some(link(Part::File, &whole)),
            FileKind::Device | FileKind::Fifo | FileKind::Unknown => None,
        };
        let of_layer = at(access, reference, Part::Files, &folder.path, Some(&file.layer));
        told(file, path, of_layer)
    };
    let save = Save::new(visit, access, reference, &folder.path, layer, access.is_public());
    let page = Files {
        shell: visit.shell(&format!("Files of {} {reference}", access.repository())),
        head,
        crumbs,
        above: above.map(|above| link(Part::Files, above)),
        layer: layer.map(Short::new),
        whole: at(access, reference, Part::Files, &folder.path, None),
        incomplete: folder.incomplete.iter().map(|one| (Short::new(&one.layer), plain(&one.reason))).collect(),
        save: Some(save).filter(|_| folder.incomplete.is_empty() && !is_file),
        next: further(visit, &here, &["path", "layer"], folder.next.clone()),
        files: folder.items.iter().cloned().map(line).collect(),
    };
    found(visit, &page)
}

fn told(file: File, path: Option<String>, of_layer: String) -> Line {
    let icon = match file.kind {
        FileKind::Folder => Icon::named("folder"),
        FileKind::Symlink | FileKind::Hardlink => Icon::named("link"),
        _ => Icon::named("generic"),
    };
    // The beginning of 1970 is what archives say that say nothing.
    let modified = file.modified.parse::<jiff::Timestamp>().ok().filter(|at| at.as_second() > 0);
    Line {
        icon,
        name: facts::Line::new(&file.path).as_str().to_owned(),
        path,
        target: file.target.map(|target| facts::Line::new(&target).as_str().to_owned()),
        size: file.size.map(Size::new),
        mode: mode(file.kind, &file.mode),
        owner: format!("{}:{}", file.uid, file.gid),
        modified: modified.map(|at| Moment::day(at.as_millisecond())),
        layer: (Short::new(&file.layer), of_layer),
        change: file.change.map(|change| match change {
            FileChange::Added => "added",
            FileChange::Changed => "changed",
            FileChange::Removed => "removed",
        }),
        hidden_by: file.hidden_by.as_ref().map(Short::new),
    }
}

/// As `ls -l` writes it.
fn mode(kind: FileKind, octal: &str) -> String {
    let first = match kind {
        FileKind::Folder => 'd',
        FileKind::Symlink => 'l',
        FileKind::Device => 'c',
        FileKind::Fifo => 'p',
        FileKind::File | FileKind::Hardlink | FileKind::Unknown => '-',
    };
    let Ok(bits) = u32::from_str_radix(octal, 8) else { return octal.to_owned() };
    let mut text = String::from(first);
    for (at, special, letters) in [(6, 4, "sS"), (3, 2, "sS"), (0, 1, "tT")] {
        let of = bits >> at;
        text.push(if of & 4 > 0 { 'r' } else { '-' });
        text.push(if of & 2 > 0 { 'w' } else { '-' });
        let (is_run, is_special) = (of & 1 > 0, bits >> 9 & special > 0);
        text.push(match (is_run, is_special) {
            (true, false) => 'x',
            (false, false) => '-',
            (true, true) => letters.chars().next().unwrap_or('x'),
            (false, true) => letters.chars().nth(1).unwrap_or('-'),
        });
    }
    text
}

/// `…/file`: the bytes, to be saved. They never run as a page of ours.
pub async fn get(visit: &Visit<'_>, access: &Access, reference: &Reference) -> Result<Answer, Trouble> {
    let file = visit.registry().file(access, reference, &Looked::of(visit.parts).at()?).await?;
    Ok(download::file(visit.registry(), file, visit.parts).await?)
}

/// `…/archive`: a folder with all that is below, to be saved.
pub async fn archive(visit: &Visit<'_>, access: &Access, reference: &Reference) -> Result<Answer, Trouble> {
    let format = visit.asked("format").map_or(Ok(Format::Tar), |format| format.parse());
    let format = format.map_err(|error: FormatError| Trouble::Asked(error.to_string()))?;
    Ok(download::archive(visit.registry(), access, reference, &Looked::of(visit.parts).at()?, format, visit.parts)
        .await?)
}

/// How a folder of an artifact is saved by whoever has no client for it.
pub struct Save {
    /// Where it is as a zip.
    pub zip: String,
    /// Where it is as a tar.
    pub tar: String,
    /// The same with curl.
    pub line: String,
    /// Copies that.
    pub copy: Copy,
    /// Where a link to it is made, by whoever may.
    pub share: Option<Share>,
}

/// What is sent to have a link made.
pub struct Share {
    /// Where to.
    pub action: String,
    /// Of which folder.
    pub path: String,
    /// Of which layer; empty for all together.
    pub layer: String,
}

impl Save {
    /// Of the folder `path`, of all layers or of one.
    pub fn new(
        visit: &Visit<'_>,
        access: &Access,
        reference: &Reference,
        path: &str,
        layer: Option<&Digest>,
        is_public: bool,
    ) -> Save {
        let page = |format: Format| {
            let path = at(access, reference, Part::Archive, path, layer);
            let between = if path.contains('?') { '&' } else { '?' };
            format!("{path}{between}format={format}")
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("format", Format::Tar.as_str());
        if !path.is_empty() {
            query.append_pair("path", path);
        }
        if let Some(layer) = layer {
            query.append_pair("layer", &layer.to_string());
        }
        let segment = access.repository().as_str().replace('/', "~");
        let url = format!("{}/api/v1/repositories/{segment}/artifacts/{reference}/archive", visit.origin);
        let login = match visit.subject.actor.name() {
            Some(name) if !is_public => format!(" -u {name}"),
            _ => String::new(),
        };
        let short = segment.rsplit('~').next().unwrap_or_default();
        let name = download::plain_name(path.rsplit('/').find(|name| !name.is_empty()).unwrap_or(short));
        let share = (access.may_be_shared() && !visit.subject.actor.is_anonymous()).then(|| Share {
            action: at(access, reference, Part::Share, "", None),
            path: path.to_owned(),
            layer: layer.map(ToString::to_string).unwrap_or_default(),
        });
        let line = format!("curl -fL{login} -C - -o {name}.tar '{url}?{}'", query.finish());
        Save { zip: page(Format::Zip), tar: page(Format::Tar), copy: Copy::new("the command", &*line), line, share }
    }
}

/// Where a file is saved from.
pub fn file_path(access: &Access, reference: &Reference, path: &str) -> String {
    at(access, reference, Part::File, path, None)
}

/// Where a folder is looked into.
pub fn folder_path(access: &Access, reference: &Reference, path: &str) -> String {
    at(access, reference, Part::Files, path, None)
}

/// Where a layer is looked into.
pub fn layer_path(access: &Access, reference: &Reference, layer: &Digest) -> String {
    at(access, reference, Part::Files, "", Some(layer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        let check = |kind, octal: &str, expect: &str| assert_eq!(mode(kind, octal), expect, "{octal}");
        check(FileKind::File, "0644", "-rw-r--r--");
        check(FileKind::Folder, "0755", "drwxr-xr-x");
        check(FileKind::File, "4755", "-rwsr-xr-x");
        check(FileKind::Folder, "1777", "drwxrwxrwt");
        check(FileKind::File, "2640", "-rw-r-S---");
        check(FileKind::Symlink, "odd", "odd");
    }
}
