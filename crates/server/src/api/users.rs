//! `/api/v1/users`, with passwords, sessions and tokens.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use wharf_model::api::list::List;
use wharf_model::api::people::{NewToken, NewUser, PasswordChange, Token, User, UserChange, WithSecret};
use wharf_registry::actor::Subject;
use wharf_registry::registry::Registry;

use super::request::{Paging, Segments, Sent, named};
use crate::error::Failure;

/// The users. It takes `user:read`.
#[utoipa::path(get, path = "/api/v1/users", tag = "people", operation_id = "list_users", params(Paging),
    responses((status = 200, body = List<User>)))]
pub async fn list(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    paging: Paging,
) -> Result<Json<List<User>>, Failure> {
    Ok(Json(registry.users(&subject, &paging.part()).await?))
}

/// Makes a user. A password is made up, and shown this once, where none is said. It takes `user:write`.
#[utoipa::path(post, path = "/api/v1/users", tag = "people", operation_id = "new_user", request_body = NewUser,
    responses((status = 201, body = WithSecret<User>)))]
pub async fn post(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Sent(new): Sent<NewUser>,
) -> Result<(StatusCode, Json<WithSecret<User>>), Failure> {
    Ok((StatusCode::CREATED, Json(registry.new_user(&subject, &new).await?)))
}

/// A user. It takes `user:read`, or to be oneself.
#[utoipa::path(get, path = "/api/v1/users/{user}", tag = "people", operation_id = "get_user",
    params(("user" = String, Path)), responses((status = 200, body = User)))]
pub async fn get(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(user): Segments<String>,
) -> Result<Json<User>, Failure> {
    Ok(Json(registry.user(&subject, &named(&user)?).await?))
}

/// Changes a user. It takes `user:write`, and to disable or enable them all that they are given.
#[utoipa::path(put, path = "/api/v1/users/{user}", tag = "people", operation_id = "change_user",
    params(("user" = String, Path)), request_body = UserChange, responses((status = 200, body = User)))]
pub async fn put(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(user): Segments<String>,
    Sent(change): Sent<UserChange>,
) -> Result<Json<User>, Failure> {
    Ok(Json(registry.change_user(&subject, &named(&user)?, &change).await?))
}

/// Deletes a user with all that they are given. It takes `user:write`, and all of that.
#[utoipa::path(delete, path = "/api/v1/users/{user}", tag = "people", operation_id = "delete_user",
    params(("user" = String, Path)), responses((status = 204, description = "They are gone")))]
pub async fn delete(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(user): Segments<String>,
) -> Result<StatusCode, Failure> {
    registry.delete_user(&subject, &named(&user)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets a password: one's own by showing the one that is in force; another's takes `user:write`, and all that the other is
/// given.
#[utoipa::path(put, path = "/api/v1/users/{user}/password", tag = "people", operation_id = "set_password",
    params(("user" = String, Path)), request_body = PasswordChange,
    responses((status = 204, description = "It is in force")))]
pub async fn put_password(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(user): Segments<String>,
    Sent(change): Sent<PasswordChange>,
) -> Result<StatusCode, Failure> {
    registry.set_password(&subject, &named(&user)?, &change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends what was issued to a user: bearer and refresh tokens. It takes `user:write` and all that they are given, or to be
/// oneself.
#[utoipa::path(delete, path = "/api/v1/users/{user}/sessions", tag = "people", operation_id = "end_sessions",
    params(("user" = String, Path)), responses((status = 204, description = "They have ended")))]
pub async fn delete_sessions(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(user): Segments<String>,
) -> Result<StatusCode, Failure> {
    registry.end_sessions(&subject, &named(&user)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A user's tokens. It takes `user:write`, or to be oneself.
#[utoipa::path(get, path = "/api/v1/users/{user}/tokens", tag = "people", operation_id = "list_tokens",
    params(("user" = String, Path), Paging), responses((status = 200, body = List<Token>)))]
pub async fn list_tokens(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(user): Segments<String>,
    paging: Paging,
) -> Result<Json<List<Token>>, Failure> {
    Ok(Json(registry.tokens(&subject, &named(&user)?, &paging.part()).await?))
}

/// Makes a token, whose secret is shown this once. One makes one's own, logged in with the password.
#[utoipa::path(post, path = "/api/v1/users/{user}/tokens", tag = "people", operation_id = "new_token",
    params(("user" = String, Path)), request_body = NewToken, responses((status = 201, body = WithSecret<Token>)))]
pub async fn post_token(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments(user): Segments<String>,
    Sent(new): Sent<NewToken>,
) -> Result<(StatusCode, Json<WithSecret<Token>>), Failure> {
    Ok((StatusCode::CREATED, Json(registry.new_token(&subject, &named(&user)?, &new).await?)))
}

/// Ends a token, and what was issued for it. It takes `user:write` and all that its user is given, or to be oneself.
#[utoipa::path(delete, path = "/api/v1/users/{user}/tokens/{token}", tag = "people", operation_id = "delete_token",
    params(("user" = String, Path), ("token" = String, Path)),
    responses((status = 204, description = "It has ended")))]
pub async fn delete_token(
    State(registry): State<Registry>,
    Extension(subject): Extension<Subject>,
    Segments((user, token)): Segments<(String, String)>,
) -> Result<StatusCode, Failure> {
    registry.delete_token(&subject, &named(&user)?, named(&token)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
