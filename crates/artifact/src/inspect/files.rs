//! Plain files and folders, as `wharf push`, oras and others make them: a layer each, called by its title (image-spec,
//! "Pre-Defined Annotation Keys"); a folder is an archive that is marked as one (oras-project/oras-go content/file).

use wharf_model::api::facts::package::{Files, PlainFile};
use wharf_model::api::facts::{Detail, Facts, Line, Text};
use wharf_model::descriptor::Descriptor;

use super::about::about;
use super::layer::LayerWant;
use super::{Artifact, Turn, Want, annotation, total};
use crate::compression::Compression;
use crate::config::{TITLE, UNPACK};

/// How many folders are looked into, at most.
const FOLDERS_MAX: usize = 16;
/// How much of a read-me is read, in bytes.
const README_BYTES_MAX: usize = 256 << 10;
const README: [&str; 3] = ["README.md", "readme.md", "Readme.md"];

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let layers = &artifact.manifest.layers;
    let readme = layers.iter().position(|layer| annotation(layer, TITLE).is_some_and(|name| README.contains(&name)));
    let folders: Vec<usize> = (0..layers.len()).filter(|at| is_folder(&layers[*at])).take(FOLDERS_MAX).collect();
    let mut wants: Vec<Want> = readme.iter().map(|at| Want::head(&layers[*at], README_BYTES_MAX)).collect();
    wants.extend(folders.iter().map(|at| Want::Layer(LayerWant::new(&layers[*at], &README, 1))));
    Turn::ask(wants, move |mut answers| {
        let mut facts = about(&artifact);
        if readme.is_some() {
            let bytes = answers.head(&mut facts, "README.md").unwrap_or_default();
            facts.readme = Text::some(&String::from_utf8_lossy(&bytes));
        }
        let layers = &artifact.manifest.layers;
        let mut files: Vec<PlainFile> = layers.iter().map(|layer| plain(layer, &mut facts)).collect();
        for at in folders {
            let name = files[at].name.clone();
            let mut seen = answers.layer(&mut facts, name.as_str());
            files[at].entries = std::mem::take(&mut seen.entries);
            if let Some(file) = seen.files.first().filter(|_| facts.readme.is_none()) {
                facts.readme = Text::some(&String::from_utf8_lossy(&file.bytes));
            }
        }
        let detail = Files { size: total(layers), files: files.into_iter().collect() };
        facts.detail = Some(Detail::Files(detail));
        Turn::tell(facts)
    })
}

/// Whether a layer is a folder: marked as one, or an archive without a name, as image-spec has layers.
fn is_folder(layer: &Descriptor) -> bool {
    let is_tar = Compression::of_type(&layer.media_type).is_some();
    annotation(layer, UNPACK) == Some("true") || is_tar && annotation(layer, TITLE).is_none()
}

fn plain(layer: &Descriptor, facts: &mut Facts) -> PlainFile {
    let digest = layer.digest.to_string();
    let name = annotation(layer, TITLE).unwrap_or(&digest);
    let leads_out = name.starts_with('/') || name.split(['/', '\\']).any(|part| part == "..");
    if leads_out {
        facts.fault(name, "this name leads out of the folder that it is pulled into");
    }
    PlainFile {
        name: Line::new(name),
        digest: Line::new(&digest),
        media_type: Line::new(layer.media_type.as_str()),
        size: layer.size,
        folder: is_folder(layer),
        ..PlainFile::default()
    }
}
