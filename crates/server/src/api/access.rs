//! `/api/v1/access`: why somebody may or may not do something.

use axum::extract::{FromRequestParts, State};
use axum::{Extension, Json};
use http::StatusCode;
use http::request::Parts;
use wharf_model::api::access::Explanation;
use wharf_model::code::ErrorCode;
use wharf_registry::actor::Subject;
use wharf_registry::error::Error;
use wharf_registry::explain::{At, Question};
use wharf_registry::registry::Registry;

use super::request::named;
use crate::error::Failure;
use crate::extract::Query;

/// The question of a query.
pub struct Asked(Question);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        // Nobody in particular is asked to log in, whatever the question is.
        if parts.extensions.get::<Subject>().is_none_or(|subject| subject.actor.is_anonymous()) {
            return Err(Error::Unauthorized.into());
        }
        question(&Query::of(parts)).map(Asked)
    }
}

fn question(query: &Query<'_>) -> Result<Question, Failure> {
    let invalid = |message| Failure::new(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, message);
    let about = query.get("subject").map(|text| named(&text)).transpose()?;
    let permission = query.get("permission").ok_or_else(|| invalid("permission is missing, as in permission=push"))?;
    let at = match (query.get("repository"), query.get("project")) {
        (Some(repository), None) => At::Repository(named(&repository)?),
        (None, Some(project)) => At::Project(named(&project)?),
        (None, None) => At::System,
        _ => return Err(invalid("say the repository or the project, not both")),
    };
    Ok(Question { about, permission: named(&permission)?, at })
}

/// Why somebody may or may not do something: in a repository, in a project, or in the system where neither is said. Anybody
/// may ask about themselves; about others it takes `member:read` there, or `user:read`, without which other projects' robots are
/// not there.
#[utoipa::path(get, path = "/api/v1/access", tag = "access", operation_id = "explain_access",
    params(
        ("subject" = Option<String>, Query, description = "About whom: `user:NAME`, `robot:NAME` or `group:NAME`; oneself where it is left out", example = "user:kim"),
        ("permission" = String, Query, description = "What is to be done", example = "push"),
        ("repository" = Option<String>, Query, description = "In which repository", example = "acme/app"),
        ("project" = Option<String>, Query, description = "In which project"),
    ),
    responses((status = 200, body = Explanation)))]
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Asked(question): Asked,
) -> Result<Json<Explanation>, Failure> {
    Ok(Json(registry.explain(&subject, &question).await?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn questions() {
        let ask = |query: &str| {
            let (parts, ()) = http::Request::get(format!("/x?{query}")).body(()).expect("a request").into_parts();
            question(&Query::of(&parts)).map(|question| question.at).map_err(|failure| failure.status.as_u16())
        };
        assert_eq!(ask("permission=user:read"), Ok(At::System));
        assert_eq!(
            ask("permission=push&subject=user:kim&project=acme"),
            Ok(At::Project("acme".parse().expect("a name")))
        );
        let repository = At::Repository("acme/app".parse().expect("a name"));
        assert_eq!(ask("permission=push&repository=acme%2Fapp"), Ok(repository));
        for wrong in [
            "",
            "permission=fly",
            "permission=push&subject=kim",
            "permission=push&repository=Acme",
            "permission=push&repository=a/b&project=a",
        ] {
            assert_eq!(ask(wrong), Err(400), "{wrong}");
        }
    }
}
