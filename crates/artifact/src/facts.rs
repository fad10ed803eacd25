//! The facts that a kind declares: read in an artifact's manifest and config, without code of the kind's own. What has another
//! form than a fact can have is passed over; what is malformed is told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wharf_model::api::facts::{Facts, Fault, Line, Named};
use wharf_model::limits::{FACT_CONFIG_BYTES_MAX, FACT_ITEMS_MAX};
use wharf_model::manifest::Manifest;

use crate::kind::decide::Config;
use crate::kind::{Declared, From, Kind};
use crate::publisher::Publisher;

/// Adds to `facts` what the kind declares, and where they say nothing yet what the publisher says. `config` is the content of the
/// artifact's config, where it was read.
pub fn add(facts: &mut Facts, kind: &Kind, manifest: &Manifest, config: Option<&[u8]>) {
    let labels = match config.map(Config::read) {
        Some(Config::Labels(labels)) => labels,
        Some(Config::Unread) | None => BTreeMap::new(),
    };
    let none = BTreeMap::new();
    let annotations = manifest.annotations.as_ref().unwrap_or(&none);
    let needs_config = kind.facts.iter().any(|fact| matches!(fact.from, From::Config(_)));
    let config = if needs_config { parsed(config, facts) } else { Value::Null };
    let mut known = BTreeSet::new();
    for declared in &kind.facts {
        // Of several places for one fact, the first counts.
        if known.contains(&declared.name) {
            continue;
        }
        let values = values(declared, manifest, annotations, &labels, &config);
        if !values.is_empty() {
            known.insert(&declared.name);
        }
        for value in values {
            facts.declared.push(Named { name: Line::new(&declared.name), value });
        }
    }
    Publisher::read(annotations, &labels, &manifest.layers).fill(facts);
}

/// What stands in the place; nothing, one thing, or the entries of a list.
fn values(
    declared: &Declared,
    manifest: &Manifest,
    annotations: &BTreeMap<String, String>,
    labels: &BTreeMap<String, String>,
    config: &Value,
) -> Vec<Line> {
    let text = |said: Option<&String>| said.and_then(|said| Line::some(said)).into_iter().collect();
    match &declared.from {
        From::Config(pointer) => match config.pointer(pointer) {
            Some(Value::Array(all)) => all.iter().take(FACT_ITEMS_MAX).filter_map(scalar).collect(),
            Some(one) => scalar(one).into_iter().collect(),
            None => Vec::new(),
        },
        From::Annotation(key) => text(annotations.get(key)),
        From::Label(key) => text(labels.get(key)),
        From::LayerAnnotation(key) => {
            text(manifest.layers.iter().filter_map(|layer| layer.annotations.as_ref()?.get(key)).next())
        }
    }
}

fn scalar(value: &Value) -> Option<Line> {
    match value {
        Value::Bool(is) => Some(Line::new(if *is { "true" } else { "false" })),
        Value::Number(number) => Some(Line::new(&number.to_string())),
        Value::String(said) => Line::some(said),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The config as JSON; a fault where it is none.
fn parsed(config: Option<&[u8]>, facts: &mut Facts) -> Value {
    let Some(bytes) = config else { return Value::Null };
    let read = if bytes.len() > FACT_CONFIG_BYTES_MAX {
        Err(format!("has {} bytes; at most {FACT_CONFIG_BYTES_MAX} are looked into", bytes.len()))
    } else {
        serde_json::from_slice(bytes).map_err(|error| format!("is no JSON: {error}"))
    };
    read.unwrap_or_else(|what| {
        facts.faults.push(Fault { at: Line::new("config"), what: Line::new(&what) });
        Value::Null
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::kind::Kinds;

    const CHART: &str = r#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json",
        "digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[],
        "annotations":{"org.opencontainers.image.title":"App","org.opencontainers.image.source":"javascript:x"}}"#;

    fn of_chart(config: Option<&str>) -> Facts {
        let manifest = Manifest::parse(CHART.as_bytes(), None).expect("a manifest");
        let kind = Kinds::built_in().get("helm-chart").expect("a kind");
        let mut facts = Facts::default();
        add(&mut facts, kind, &manifest, config.map(str::as_bytes));
        facts
    }

    fn told(facts: &Facts, name: &str) -> Vec<String> {
        let all = facts.declared.iter().filter(|fact| fact.name.as_str() == name);
        all.map(|fact| fact.value.as_str().to_owned()).collect()
    }

    #[test]
    fn a_chart_is_told_from_its_config() {
        let facts = of_chart(Some(
            r#"{"name":"app","version":"1.0.0+a","keywords":["x",1,{}],"deprecated":true,"home":null,"icon":{"a":1}}"#,
        ));
        assert_eq!(told(&facts, "version"), ["1.0.0+a"]);
        assert_eq!(told(&facts, "keywords"), ["x", "1"]);
        assert_eq!(told(&facts, "deprecated"), ["true"]);
        assert!(told(&facts, "home").is_empty() && told(&facts, "icon").is_empty());
        assert_eq!((facts.title.as_ref().map(Line::as_str), &facts.source), (Some("App"), &None));
        assert!(facts.faults.is_empty());
    }

    #[test]
    fn what_is_wrong_is_told() {
        let fault =
            |config: Option<&str>| of_chart(config).faults.iter().map(|fault| fault.what.as_str().to_owned()).next();
        assert_eq!(fault(None), None);
        assert!(fault(Some("{")).is_some_and(|what| what.contains("no JSON")));
        assert!(fault(Some(&" ".repeat(FACT_CONFIG_BYTES_MAX + 1))).is_some_and(|what| what.contains("bytes")));
        let long = of_chart(Some(&format!(r#"{{"name":"{}"}}"#, "ä\\u202e".repeat(10_000))));
        assert!(told(&long, "name")[0].len() < 2_000 && !told(&long, "name")[0].contains('\u{202e}'));
    }

    #[test]
    fn of_several_places_the_first_counts() {
        let manifest = Manifest::parse(CHART.as_bytes(), None).expect("a manifest");
        let kind = Kinds::built_in().get("docker-plugin").expect("a kind");
        let mut facts = Facts::default();
        add(&mut facts, kind, &manifest, Some(br#"{"description":"small","Description":"large"}"#));
        assert_eq!(told(&facts, "description"), ["large"]);
    }
}
