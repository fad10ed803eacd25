//! `/api/v1/robots` and `/api/v1/projects/<project>/robots`.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use wharf_model::api::list::List;
use wharf_model::api::people::{NewRobot, Robot, RobotChange, Rotation, WithSecret};
use wharf_registry::actor::Subject;
use wharf_registry::registry::Registry;

use super::request::{Paging, Segments, Sent, named};
use crate::error::Failure;

/// The robots of the system. It takes `user:read`.
#[utoipa::path(get, path = "/api/v1/robots", tag = "robots", operation_id = "list_robots",
    params(Paging), responses((status = 200, body = List<Robot>)))]
pub async fn list(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    paging: Paging,
) -> Result<Json<List<Robot>>, Failure> {
    Ok(Json(registry.robots(&subject, None, &paging.part()).await?))
}

/// Makes a robot of the system, whose secret is shown this once. It takes `user:write`, and all that it is given.
#[utoipa::path(post, path = "/api/v1/robots", tag = "robots", operation_id = "new_robot",
    request_body = NewRobot, responses((status = 201, body = WithSecret<Robot>)))]
pub async fn post(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Sent(new): Sent<NewRobot>,
) -> Result<(StatusCode, Json<WithSecret<Robot>>), Failure> {
    Ok((StatusCode::CREATED, Json(registry.new_robot(&subject, None, &new).await?)))
}

/// A robot of the system. It takes `user:read`.
#[utoipa::path(get, path = "/api/v1/robots/{robot}", tag = "robots", operation_id = "get_robot",
    params(("robot" = String, Path)), responses((status = 200, body = Robot)))]
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(robot): Segments<String>,
) -> Result<Json<Robot>, Failure> {
    Ok(Json(registry.robot(&subject, None, &named(&robot)?).await?))
}

/// Changes a robot of the system. It takes `user:write`, and to disable or enable it all that it is given.
#[utoipa::path(put, path = "/api/v1/robots/{robot}", tag = "robots", operation_id = "change_robot",
    params(("robot" = String, Path)), request_body = RobotChange,
    responses((status = 200, body = Robot)))]
pub async fn put(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(robot): Segments<String>,
    Sent(change): Sent<RobotChange>,
) -> Result<Json<Robot>, Failure> {
    Ok(Json(registry.change_robot(&subject, None, &named(&robot)?, &change).await?))
}

/// Deletes a robot of the system. It takes `user:write`, and all that it is given.
#[utoipa::path(delete, path = "/api/v1/robots/{robot}", tag = "robots", operation_id = "delete_robot",
    params(("robot" = String, Path)), responses((status = 204, description = "It is gone")))]
pub async fn delete(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(robot): Segments<String>,
) -> Result<StatusCode, Failure> {
    registry.delete_robot(&subject, None, &named(&robot)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a robot of the system a new token, whose secret is shown this once. It takes `user:write`, and all that it is given.
#[utoipa::path(post, path = "/api/v1/robots/{robot}/rotate", tag = "robots", operation_id = "rotate_robot",
    params(("robot" = String, Path)), request_body = Rotation,
    responses((status = 200, body = WithSecret<Robot>)))]
pub async fn rotate(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(robot): Segments<String>,
    Sent(rotation): Sent<Rotation>,
) -> Result<Json<WithSecret<Robot>>, Failure> {
    Ok(Json(registry.rotate_robot(&subject, None, &named(&robot)?, &rotation).await?))
}

/// The robots of the project. It takes `robot:read`.
#[utoipa::path(get, path = "/api/v1/projects/{project}/robots", tag = "robots", operation_id = "list_project_robots",
    params(("project" = String, Path), Paging), responses((status = 200, body = List<Robot>)))]
pub async fn list_in_project(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(project): Segments<String>,
    paging: Paging,
) -> Result<Json<List<Robot>>, Failure> {
    Ok(Json(registry.robots(&subject, Some(&named(&project)?), &paging.part()).await?))
}

/// Makes a robot of the project, whose secret is shown this once. It takes `robot:write`, and all that it is given.
#[utoipa::path(post, path = "/api/v1/projects/{project}/robots", tag = "robots", operation_id = "new_project_robot",
    params(("project" = String, Path)),
    request_body = NewRobot, responses((status = 201, body = WithSecret<Robot>)))]
pub async fn post_in_project(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(project): Segments<String>,
    Sent(new): Sent<NewRobot>,
) -> Result<(StatusCode, Json<WithSecret<Robot>>), Failure> {
    Ok((StatusCode::CREATED, Json(registry.new_robot(&subject, Some(&named(&project)?), &new).await?)))
}

/// A robot of the project. It takes `robot:read`.
#[utoipa::path(get, path = "/api/v1/projects/{project}/robots/{robot}", tag = "robots", operation_id = "get_project_robot",
    params(("project" = String, Path), ("robot" = String, Path)), responses((status = 200, body = Robot)))]
pub async fn get_in_project(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments((project, robot)): Segments<(String, String)>,
) -> Result<Json<Robot>, Failure> {
    Ok(Json(registry.robot(&subject, Some(&named(&project)?), &named(&robot)?).await?))
}

/// Changes a robot of the project. It takes `robot:write`, and to disable or enable it all that it is given.
#[utoipa::path(put, path = "/api/v1/projects/{project}/robots/{robot}", tag = "robots", operation_id = "change_project_robot",
    params(("project" = String, Path), ("robot" = String, Path)), request_body = RobotChange,
    responses((status = 200, body = Robot)))]
pub async fn put_in_project(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments((project, robot)): Segments<(String, String)>,
    Sent(change): Sent<RobotChange>,
) -> Result<Json<Robot>, Failure> {
    Ok(Json(registry.change_robot(&subject, Some(&named(&project)?), &named(&robot)?, &change).await?))
}

/// Deletes a robot of the project. It takes `robot:write`, and all that it is given.
#[utoipa::path(delete, path = "/api/v1/projects/{project}/robots/{robot}", tag = "robots", operation_id = "delete_project_robot",
    params(("project" = String, Path), ("robot" = String, Path)), responses((status = 204, description = "It is gone")))]
pub async fn delete_in_project(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments((project, robot)): Segments<(String, String)>,
) -> Result<StatusCode, Failure> {
    registry.delete_robot(&subject, Some(&named(&project)?), &named(&robot)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a robot of the project a new token, whose secret is shown this once. It takes `robot:write`, and all that it is given.
#[utoipa::path(post, path = "/api/v1/projects/{project}/robots/{robot}/rotate", tag = "robots", operation_id = "rotate_project_robot",
    params(("project" = String, Path), ("robot" = String, Path)), request_body = Rotation,
    responses((status = 200, body = WithSecret<Robot>)))]
pub async fn rotate_in_project(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments((project, robot)): Segments<(String, String)>,
    Sent(rotation): Sent<Rotation>,
) -> Result<Json<WithSecret<Robot>>, Failure> {
    Ok(Json(registry.rotate_robot(&subject, Some(&named(&project)?), &named(&robot)?, &rotation).await?))
}
