//! What is inside of an artifact: a folder at a time, and the files themselves, to be saved.

use http::{HeaderValue, header};
use wharf_model::api::facts;
use wharf_model::api::files::{File, FileChange, FileKind};
use wharf_model::digest::Digest;
use wharf_model::name::Reference;
use wharf_registry::error::Error;
use wharf_registry::files::Where;
use wharf_registry::registry::Access;

use super::artifact::Head;
use super::html::{Icon, Moment, Short, Size};
use super::route::{Page, Part, View};
use super::shell::{Crumb, Shell};
use super::{Trouble, Visit, found, further, plain};
use crate::api::files;
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

/// What is asked for: a path, and a layer.
fn asked(visit: &Visit<'_>) -> Result<Where, Trouble> {
    let layer = visit.asked("layer").map(|layer| layer.parse::<Digest>());
    let layer = layer.transpose().map_err(|error| Trouble::Asked(error.to_string()))?;
    let path = visit.asked("path").unwrap_or_default();
    if path.contains('\0') {
        return Err(Trouble::Asked("No path has a NUL.".to_owned()));
    }
    Ok(Where { path, layer })
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
    let place = asked(visit)?;
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
    let page = Files {
        shell: visit.shell(&format!("Files of {} {reference}", access.repository())),
        head,
        crumbs,
        above: above.map(|above| link(Part::Files, above)),
        layer: layer.map(Short::new),
        whole: at(access, reference, Part::Files, &folder.path, None),
        incomplete: folder.incomplete.iter().map(|one| (Short::new(&one.layer), plain(&one.reason))).collect(),
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
    let file = visit.registry().file(access, reference, &asked(visit)?).await?;
    let mut answer = files::answer(visit.registry(), &file, visit.parts).await?;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    Ok(answer)
}

/// Where a file is saved from.
pub fn file_path(access: &Access, reference: &Reference, path: &str) -> String {
    at(access, reference, Part::File, path, None)
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
