//! Charts and plain files.

use wharf_model::api::facts::package::{Files, HelmChart};
use wharf_model::api::facts::{FileFact, Listed};

use super::{Body, Cell, Pair, Place, Section};
use crate::pages::files;
use crate::pages::html::{Short, Size};

/// A chart: what it installs and needs, and what can be set.
pub(super) fn chart(chart: &HelmChart) -> Vec<Section> {
    let brief = Pair::some([
        ("Installs version", Cell::line(&chart.app_version)),
        ("Kubernetes", Cell::line(&chart.kube_version)),
        ("Type", Cell::line(&chart.chart_type)),
        ("Values", Cell::text(if chart.has_schema { "checked by a schema" } else { "" })),
        ("Provenance", provenance(chart)),
    ]);
    let dependency = |one: &wharf_model::api::facts::package::ChartDependency| {
        vec![
            Cell::code(one.name.as_str()),
            Cell::text(one.version.as_str()),
            Cell::line(&one.repository),
            Cell::line(&one.condition),
        ]
    };
    let rows = chart.dependencies.iter().map(dependency).collect();
    let columns = [("Chart", "name"), ("Version", ""), ("From", "wrap"), ("If", "wrap")];
    let sections = [
        Section::pairs("Chart", brief),
        Section::table("Needs", columns, rows, chart.dependencies.left_out()),
        chart.values.as_ref().map(|values| Section::new("Values", Body::Code(values.as_str().to_owned()))),
        file_table("Files in the chart", &chart.files),
        Section::named("Annotations of the chart", &chart.annotations),
    ];
    sections.into_iter().flatten().collect()
}

fn provenance(chart: &HelmChart) -> Cell {
    let Some(provenance) = &chart.provenance else { return Cell::Nothing };
    Cell::text(match (provenance.signed, provenance.fits) {
        (true, true) => "signed for this chart, not verified",
        (true, false) => "signed for another chart",
        (false, _) => "not signed",
    })
}

/// Files by their paths.
fn file_table(title: &str, files: &Listed<FileFact>) -> Option<Section> {
    let rows = files.iter().map(|file| vec![Cell::code(file.path.as_str()), Cell::Size(Size::new(file.size))]);
    Section::table(title, [("File", "name"), ("Size", "number")], rows.collect(), files.left_out())
}

/// Plain files, each to be saved.
pub(super) fn files(place: &Place<'_>, files: &Files) -> Vec<Section> {
    let rows = files.files.iter().map(|file| {
        let name = file.name.as_str();
        let path = files::file_path(place.access, place.reference, name);
        let is_name = !file.folder && name != file.digest.as_str();
        vec![
            if is_name { Cell::Way { path, text: name.to_owned() } } else { Cell::code(name) },
            Cell::code(file.media_type.as_str()),
            Cell::Size(Size::new(file.size)),
            Cell::Digest(Short::of(file.digest.as_str())),
        ]
    });
    let columns = [("File", "name"), ("Media type", "wrap"), ("Size", "number"), ("Digest", "digest")];
    let table = Section::table("Files", columns, rows.collect(), files.files.left_out());
    let folders = files.files.iter().filter(|file| file.folder && !file.entries.is_empty());
    let folders = folders.filter_map(|file| file_table(&format!("In {}", file.name.as_str()), &file.entries));
    table.into_iter().chain(folders.take(8)).collect()
}
