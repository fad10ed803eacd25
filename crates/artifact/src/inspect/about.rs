//! What any artifact may say of itself: by the keys of image-spec, before its inspector looks into it.

use wharf_model::api::facts::Facts;

use super::Artifact;
use crate::publisher::Publisher;

/// The facts that the annotations of `artifact` tell.
pub(super) fn about(artifact: &Artifact) -> Facts {
    let mut facts = Facts::default();
    fill(&mut facts, |key| artifact.annotation(key));
    facts
}

/// Fills what is still empty with what `get` knows under the keys of image-spec; labels of an image have the same.
pub(super) fn fill<'a>(facts: &mut Facts, get: impl Fn(&str) -> Option<&'a str>) {
    Publisher::by_image_spec(get).fill(facts);
}

/// Sets what is not set.
pub(super) fn or<T>(field: &mut Option<T>, value: impl FnOnce() -> Option<T>) {
    if field.is_none() {
        *field = value();
    }
}
