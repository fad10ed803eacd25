//! Helm charts (helm/helm pkg/registry: a config that is `Chart.yaml` as JSON, the chart's archive, and its provenance
//! file).

use serde_json::Value;
use wharf_model::api::facts::package::{ChartDependency, ChartProvenance, HelmChart};
use wharf_model::api::facts::{Detail, Facts, Icon, Line, Listed, Named, Person, Text};
use wharf_model::descriptor::Descriptor;

use super::about::{about, or};
use super::document::{self, Look};
use super::layer::{LayerSeen, LayerWant, SeenFile};
use super::{Artifact, Turn, Want};

const PROVENANCE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";
/// What is read of a chart, below the one folder that it is.
const FILES: [&str; 4] = ["*/Chart.yaml", "*/values.yaml", "*/values.schema.json", "*/*"];
/// How many files of a chart are read, at most: those at its top.
const FILES_MAX: usize = 64;
/// How much of a provenance file is read, in bytes.
const PROVENANCE_BYTES_MAX: usize = 1 << 20;

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let (config, chart, provenance) = parts(&artifact);
    let mut wants = Vec::new();
    wants.extend(config.as_ref().map(Want::blob));
    wants.extend(chart.as_ref().map(|chart| Want::Layer(LayerWant::new(chart, &FILES, FILES_MAX))));
    wants.extend(provenance.as_ref().map(|one| Want::head(one, PROVENANCE_BYTES_MAX)));
    Turn::ask(wants, move |mut answers| {
        let mut facts = about(&artifact);
        let config = config.as_ref().and_then(|config| answers.json(&mut facts, "config", config)).unwrap_or_default();
        let mut layer = match &chart {
            Some(_) => answers.layer(&mut facts, "the chart's archive"),
            None => LayerSeen::default(),
        };
        if chart.is_none() {
            facts.fault("manifest", "there is no layer with a chart in it");
        }
        let mut detail = HelmChart { files: std::mem::take(&mut layer.entries), ..HelmChart::default() };
        let yaml = chart_yaml(&mut layer, &mut facts);
        compare(&config, &yaml, &mut facts);
        let chosen = if config.is_object() { &config } else { &yaml };
        metadata(chosen, &mut facts, &mut detail);
        rest(layer, &mut facts, &mut detail);
        if provenance.is_some() {
            let bytes = answers.head(&mut facts, "the provenance file").unwrap_or_default();
            detail.provenance = provenance_of(&bytes, chart.as_ref(), &mut facts);
        }
        facts.detail = Some(Detail::Helm(detail));
        Turn::tell(facts)
    })
}

/// The config, the chart's archive, its provenance file.
fn parts(artifact: &Artifact) -> (Option<Descriptor>, Option<Descriptor>, Option<Descriptor>) {
    let is_provenance = |layer: &&Descriptor| layer.media_type.as_str() == PROVENANCE;
    let layers = &artifact.manifest.layers;
    let chart = layers.iter().find(|layer| !is_provenance(layer));
    (artifact.manifest.config.clone(), chart.cloned(), layers.iter().find(is_provenance).cloned())
}

fn chart_yaml(layer: &mut LayerSeen, facts: &mut Facts) -> Value {
    let Some(file) = layer.take_if(|file| file.path.ends_with("/Chart.yaml")) else {
        facts.fault("the chart's archive", "there is no Chart.yaml in a folder of it");
        return Value::Null;
    };
    let documents = document::yaml(&file.bytes).map_err(|what| facts.fault(&file.path, what));
    documents.unwrap_or_default().into_iter().next().unwrap_or_default()
}

/// Notes where the config, which registries show, and the chart, which is installed, say different things.
fn compare(config: &Value, yaml: &Value, facts: &mut Facts) {
    if !config.is_object() || !yaml.is_object() {
        return;
    }
    for key in ["name", "version"] {
        let (told, is) = (config.line_or_empty(key), yaml.line_or_empty(key));
        if told != is {
            let what = format_args!("{key} is {:?}, but {:?} in the chart", told.as_str(), is.as_str());
            facts.fault("config", what);
        }
    }
}

fn metadata(chart: &Value, facts: &mut Facts, detail: &mut HelmChart) {
    facts.title = chart.line("name").or(facts.title.take());
    facts.version = chart.line("version").or(facts.version.take());
    facts.description = chart.text("description").or(facts.description.take());
    facts.home = chart.link("home").or(facts.home.take());
    facts.icon = chart.at("icon").as_str().and_then(Icon::of_url).or(facts.icon.take());
    or(&mut facts.source, || chart.items("sources").find_map(|source| source.link("")));
    facts.keywords = chart.lines("keywords");
    let maintainers: Listed<Person> = chart.items("maintainers").map(maintainer).collect();
    if !maintainers.is_empty() {
        facts.authors = maintainers;
    }
    detail.annotations = chart.named("annotations");
    if facts.licenses.is_empty() {
        let license = chart.at("annotations").get("artifacthub.io/license").and_then(Value::as_str);
        facts.licenses = license.and_then(Line::some).into_iter().collect();
    }
    detail.name = chart.line_or_empty("name");
    detail.api_version = chart.line_or_empty("apiVersion");
    detail.chart_type = chart.line("type");
    detail.app_version = chart.line("appVersion");
    detail.kube_version = chart.line("kubeVersion");
    detail.deprecated = chart.flag("deprecated");
    detail.dependencies = chart.items("dependencies").map(dependency).collect();
}

fn maintainer(value: &Value) -> Person {
    Person { name: value.line_or_empty("name"), email: value.line("email"), url: value.link("url") }
}

fn dependency(value: &Value) -> ChartDependency {
    ChartDependency {
        name: value.line_or_empty("name"),
        version: value.line_or_empty("version"),
        repository: value.line("repository"),
        alias: value.line("alias"),
        condition: value.line("condition"),
    }
}

/// What the files at the top of the chart tell.
fn rest(mut layer: LayerSeen, facts: &mut Facts, detail: &mut HelmChart) {
    let values = layer.take_if(|file| file.path.ends_with("/values.yaml"));
    detail.values = values.and_then(|file| text(&file, facts));
    detail.has_schema = layer.take_if(|file| file.path.ends_with("/values.schema.json")).is_some();
    // As `helm show readme` does, whatever the case.
    let readme = layer.take_if(|file| {
        let name = file.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        matches!(name.as_str(), "readme.md" | "readme.txt" | "readme")
    });
    facts.readme = readme.and_then(|file| text(&file, facts));
}

/// The text of a file, as far as it is UTF-8.
pub(super) fn text(file: &SeenFile, facts: &mut Facts) -> Option<Text> {
    if std::str::from_utf8(&file.bytes).is_err_and(|error| error.error_len().is_some()) {
        facts.fault(&file.path, "it is not UTF-8");
    }
    Text::some(&String::from_utf8_lossy(&file.bytes))
}

/// Reads a provenance file: a text signed by OpenPGP (RFC 9580, "Cleartext Signature Framework"), in which `Chart.yaml`, a
/// line of `...`, and the sums of the files follow one another (helm/helm pkg/provenance).
fn provenance_of(bytes: &[u8], chart: Option<&Descriptor>, facts: &mut Facts) -> Option<ChartProvenance> {
    const AT: &str = "the provenance file";
    let text = String::from_utf8_lossy(bytes).replace('\r', "");
    let Some((_, message)) = text.split_once("-----BEGIN PGP SIGNED MESSAGE-----\n") else {
        facts.fault(AT, "it is no signed message of OpenPGP");
        return None;
    };
    let (message, signature) = message.split_once("\n-----BEGIN PGP SIGNATURE-----").unwrap_or((message, ""));
    let (header, body) = message.split_once("\n\n").unwrap_or(("", message));
    let sums = body.rsplit_once("\n...\n").map_or(body, |(_, sums)| sums);
    let sums = document::yaml(sums.as_bytes()).map_err(|what| facts.fault(AT, what)).unwrap_or_default();
    let files: Listed<Named> = sums.first().map(|sums| sums.named("files")).unwrap_or_default();
    let digest = chart.map(|chart| chart.digest.to_string()).unwrap_or_default();
    let fits = files.iter().any(|file| file.value.as_str() == digest);
    if !fits {
        facts.fault(AT, "none of its sums is that of the chart beside it");
    }
    let hash = header.lines().find_map(|line| line.strip_prefix("Hash: ")).and_then(Line::some);
    Some(ChartProvenance { files, fits, hash, signed: signature.contains("-----END PGP SIGNATURE-----") })
}
