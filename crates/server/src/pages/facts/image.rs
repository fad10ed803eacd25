//! Images, indexes, and the layers of anything.

use wharf_model::api::artifact::ArtifactDetail;
use wharf_model::api::facts::image::{Child, Image, Index};
use wharf_model::api::facts::{Line, Listed};
use wharf_model::descriptor::Descriptor;
use wharf_model::digest::Digest;

use super::{Body, Cell, LISTED_MAX, Pair, Place, Section, Segment, Table};
use crate::pages::artifact::digest_cell;
use crate::pages::files;
use crate::pages::html::{Moment, Short, Size, SizeText};

/// How many parts a bar has; what is smaller than one nobody sees.
const WHOLE: u64 = 1_000;

/// An image: how it runs, what it was built of, what it is told at its start.
pub(super) fn image(place: &Place<'_>, image: &Image) -> Vec<Section> {
    let joined = |words: &Listed<Line>| Cell::code(&words.iter().map(Line::as_str).collect::<Vec<_>>().join(" "));
    let listed = |words: &Listed<Line>| Cell::words(words.iter().map(Line::as_str));
    let platform = [Some(&image.os), Some(&image.architecture), image.variant.as_ref()];
    let platform = platform.into_iter().flatten().map(Line::as_str).collect::<Vec<_>>().join("/");
    let base = image.base.as_ref().and_then(|base| base.name.clone().or(base.digest.clone()));
    let runs = Pair::some([
        ("Platform", Cell::text(&platform)),
        ("System", Cell::line(&image.os_version)),
        ("Entrypoint", joined(&image.entrypoint)),
        ("Command", joined(&image.cmd)),
        ("User", Cell::line(&image.user)),
        ("Folder", image.working_dir.as_ref().map_or(Cell::Nothing, |folder| Cell::code(folder.as_str()))),
        ("Ports", listed(&image.ports)),
        ("Volumes", listed(&image.volumes)),
        ("Health check", joined(&image.health_check)),
        ("Stops at", Cell::line(&image.stop_signal)),
        ("Built upon", Cell::line(&base)),
    ]);
    let sections = [
        Section::pairs("How it runs", runs),
        steps(place, image),
        Section::named("Environment", &image.env),
        Section::named("Labels", &image.labels),
    ];
    sections.into_iter().flatten().collect()
}

/// The layers as parts of the whole, and the steps that made them.
fn steps(place: &Place<'_>, image: &Image) -> Option<Section> {
    let layer_cell = |digest: &str| match digest.parse::<Digest>() {
        Ok(digest) => {
            Cell::Place { path: files::layer_path(place.access, place.reference, &digest), short: Short::new(&digest) }
        }
        Err(_) => Cell::Digest(Short::of(digest)),
    };
    let mut rows = Vec::new();
    let told: Vec<u32> = image.history.iter().filter_map(|step| step.layer).collect();
    for (at, layer) in image.layers.iter().enumerate() {
        if !told.contains(&(at as u32)) {
            rows.push(vec![Cell::Nothing, Cell::Size(Size::new(layer.size)), layer_cell(layer.digest.as_str())]);
        }
    }
    for step in image.history.iter() {
        let layer = step.layer.and_then(|at| image.layers.get(at as usize));
        let what = step.created_by.as_str();
        let what = if what.is_empty() { step.comment.as_ref().map_or("", Line::as_str) } else { what };
        rows.push(vec![
            Cell::code(what),
            layer.map_or(Cell::Nothing, |layer| Cell::Size(Size::new(layer.size))),
            layer.map_or(Cell::Nothing, |layer| layer_cell(layer.digest.as_str())),
        ]);
    }
    let left_out = image.layers.left_out().max(image.history.left_out());
    let columns = [("Step", "wrap"), ("Size", "number"), ("Layer", "digest")];
    let mut section = Section::table("Layers", columns, rows, left_out)?;
    if let Body::Table(table) = &mut section.body {
        table.bar = bar(image);
    }
    let count = image.layers.total();
    let one = if count == 1 { "layer" } else { "layers" };
    section = section.noted(format!("{count} {one}, the lowest first; as they are stored:"));
    section.note_size = Some(Size::new(image.size));
    Some(section)
}

fn bar(image: &Image) -> Vec<Segment> {
    let total: u64 = image.layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add);
    if total == 0 || image.layers.len() < 2 {
        return Vec::new();
    }
    let place = |sum: u64| (u128::from(sum) * u128::from(WHOLE) / u128::from(total)) as u64;
    let (mut sum, mut segments) = (0_u64, Vec::new());
    for layer in image.layers.iter() {
        let from = place(sum);
        sum = sum.saturating_add(layer.size);
        let length = place(sum) - from;
        if length > 0 {
            let step = layer.step.and_then(|step| image.history.get(step as usize));
            let step = step.map_or("", |step| step.created_by.as_str());
            let step: String = step.chars().take(120).collect();
            segments.push(Segment { from, length, size: SizeText(layer.size), text: step });
        }
    }
    segments
}

/// What an index lists, each a place of its own.
pub(super) fn index(place: &Place<'_>, index: &Index) -> Vec<Section> {
    let name = place.access.repository();
    let what = |child: &Child| match (&child.platform, &child.about, &child.artifact_type) {
        (_, Some(about), _) => {
            let about: String = about.as_str().chars().take(19).collect();
            Cell::text(&format!("attestation of {about}"))
        }
        (Some(platform), ..) => Cell::text(platform.as_str()),
        (None, None, Some(artifact_type)) => Cell::code(artifact_type.as_str()),
        _ => Cell::code(child.media_type.as_str()),
    };
    let row = |child: &Child| {
        vec![
            what(child),
            child.size.map_or(Cell::Nothing, |size| Cell::Size(Size::new(size))),
            digest_cell(name, child.digest.as_str()),
        ]
    };
    let columns = [("What", "wrap"), ("Size", "number"), ("Digest", "digest")];
    let rows = index.children.iter().map(row).collect();
    Section::table("What it lists", columns, rows, index.children.left_out()).into_iter().collect()
}

/// What an index lists, before anything was found out.
pub(super) fn listed(place: &Place<'_>, detail: &ArtifactDetail) -> Option<Section> {
    let name = place.access.repository();
    let rows = detail.manifests.iter().take(LISTED_MAX).map(|child| {
        let what = child.platform.as_deref().map(|platform| Cell::text(Line::new(platform).as_str()));
        vec![
            what.unwrap_or_else(|| Cell::code(child.descriptor.media_type.as_str())),
            digest_cell(name, &child.descriptor.digest.to_string()),
        ]
    });
    let over = detail.manifests.len().saturating_sub(LISTED_MAX) as u64;
    Section::table("What it lists", [("What", "wrap"), ("Digest", "digest")], rows.collect(), over)
}

/// The layers of what is no image, as the manifest lists them.
pub(super) fn layers(detail: &ArtifactDetail) -> Option<Section> {
    let row = |layer: &Descriptor| {
        let annotations = layer.annotations.as_ref();
        let title = annotations.and_then(|all| all.get("org.opencontainers.image.title"));
        vec![
            title.map_or(Cell::Nothing, |title| Cell::code(Line::new(title).as_str())),
            Cell::code(Line::new(layer.media_type.as_str()).as_str()),
            Cell::Size(Size::new(layer.size)),
            Cell::Digest(Short::new(&layer.digest)),
        ]
    };
    let all = detail.config.iter().chain(&detail.layers);
    let rows: Vec<Vec<Cell>> = all.take(LISTED_MAX).map(row).collect();
    let over = detail.layers.len().saturating_sub(LISTED_MAX) as u64;
    let columns = [("Name", "name"), ("Media type", "wrap"), ("Size", "number"), ("Digest", "digest")];
    let is_named = rows.iter().any(|row| !row[0].is_nothing());
    let section = Section::table("What it is made of", columns, rows, over)?;
    Some(if is_named { section } else { without_first(section) })
}

/// The table without a column that says nothing.
fn without_first(mut section: Section) -> Section {
    if let Body::Table(Table { columns, rows, .. }) = &mut section.body {
        columns.remove(0);
        rows.iter_mut().for_each(|row| drop(row.remove(0)));
    }
    section
}

/// When something was, as it says itself.
pub(super) fn moment(at: Option<i64>) -> Cell {
    at.map_or(Cell::Nothing, |at| Cell::Moment(Moment::day(at)))
}
