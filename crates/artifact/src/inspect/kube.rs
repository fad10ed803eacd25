//! Objects of Kubernetes, in files of YAML or JSON.

use serde_json::Value;
use wharf_model::api::facts::{Facts, KubeObject, Line};

use super::document::{self, Look};
use super::layer::SeenFile;

/// The documents in a file. Where the file was not read to its end, those that are whole.
pub(super) fn documents(file: &SeenFile, facts: &mut Facts) -> Vec<Value> {
    let mut bytes = file.bytes.as_slice();
    if (bytes.len() as u64) < file.size {
        let what = format_args!("only the first {} of its {} bytes were read", bytes.len(), file.size);
        facts.fault(&file.path, what);
        let end = bytes.windows(4).rposition(|window| window == b"\n---").unwrap_or(0);
        bytes = &bytes[..end];
    }
    document::yaml(bytes).map_err(|what| facts.fault(&file.path, what)).unwrap_or_default()
}

/// The object that a document is, if it is one.
pub(super) fn object(value: &Value, file: &str) -> Option<KubeObject> {
    Some(KubeObject {
        api_version: value.line("apiVersion")?,
        kind: value.line("kind")?,
        name: value.line("metadata/name").or_else(|| value.line("metadata/generateName")).unwrap_or_default(),
        namespace: value.line("metadata/namespace"),
        file: Line::some(file),
        description: value.line("spec/description"),
    })
}

/// What an object says of itself under `key`.
pub(super) fn said<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.at("metadata/annotations").get(key).and_then(Value::as_str)
}
