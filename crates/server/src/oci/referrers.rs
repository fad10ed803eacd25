//! `/v2/<name>/referrers/<digest>` (end-12).

use wharf_model::digest::Digest;
use wharf_model::media;
use wharf_model::route::Route;

use super::{Call, Outcome};
use crate::extract::Query;
use crate::respond;

/// What is attached to a manifest, be that here or not.
pub async fn list(call: Call<'_>, subject: Digest) -> Outcome {
    let query = Query::of(call.parts);
    let page = query.page()?;
    let artifact_type = query.get("artifactType").filter(|text| !text.is_empty());
    let index = call.registry.referrers(&call.access, &subject, artifact_type.as_deref(), &page).await?;
    let mut answer = respond::json(media::OCI_INDEX, &index);
    if artifact_type.is_some() {
        respond::set(&mut answer, respond::OCI_FILTERS_APPLIED, "artifactType");
    }
    if let Some(next) = &index.next {
        let limit = page.limit.to_string();
        let mut parameters = vec![("n", limit.as_str()), ("last", next)];
        if let Some(artifact_type) = &artifact_type {
            parameters.push(("artifactType", artifact_type));
        }
        respond::set_next(&mut answer, Route::Referrers(call.access.repository().clone(), subject), &parameters);
    }
    Ok(answer)
}
