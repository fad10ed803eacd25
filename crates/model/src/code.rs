//! The error codes of the Distribution spec ("Error Codes") and the body that carries them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A code of the Distribution spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// code-1: blob unknown to the registry.
    BlobUnknown,
    /// code-2: an upload that cannot go on.
    BlobUploadInvalid,
    /// code-3: an upload that is not, or no longer, there.
    BlobUploadUnknown,
    /// code-4: a digest that is malformed or does not fit the content.
    DigestInvalid,
    /// code-5: a manifest names something that is not here.
    ManifestBlobUnknown,
    /// code-6: a manifest that is not one.
    ManifestInvalid,
    /// code-7: a manifest that is not here.
    ManifestUnknown,
    /// code-8: a repository name outside the grammar.
    NameInvalid,
    /// code-9: a repository that is not here.
    NameUnknown,
    /// code-10: a length that does not fit.
    SizeInvalid,
    /// code-11: who are you?
    Unauthorized,
    /// code-12: not allowed.
    Denied,
    /// code-13: the operation is not supported.
    Unsupported,
    /// code-14: too many requests.
    #[serde(rename = "TOOMANYREQUESTS")]
    TooManyRequests,
}

impl ErrorCode {
    /// All codes, in the order of the spec.
    pub const ALL: [ErrorCode; 14] = [
        ErrorCode::BlobUnknown,
        ErrorCode::BlobUploadInvalid,
        ErrorCode::BlobUploadUnknown,
        ErrorCode::DigestInvalid,
        ErrorCode::ManifestBlobUnknown,
        ErrorCode::ManifestInvalid,
        ErrorCode::ManifestUnknown,
        ErrorCode::NameInvalid,
        ErrorCode::NameUnknown,
        ErrorCode::SizeInvalid,
        ErrorCode::Unauthorized,
        ErrorCode::Denied,
        ErrorCode::Unsupported,
        ErrorCode::TooManyRequests,
    ];
}

/// One error of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorEntry {
    /// What happened, for programs. Failures of the server itself, for which the spec has no code, carry `UNKNOWN`.
    pub code: String,
    /// What happened, for people.
    pub message: String,
    /// On what, and what to do.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    #[schema(value_type = Option<Object>)]
    pub detail: serde_json::Value,
}

/// The body of an answer that is an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// At least one error.
    pub errors: Vec<ErrorEntry>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_as_in_the_spec() {
        let text = serde_json::to_string(&ErrorCode::ALL).expect("codes are plain");
        assert_eq!(
            text,
            r#"["BLOB_UNKNOWN","BLOB_UPLOAD_INVALID","BLOB_UPLOAD_UNKNOWN","DIGEST_INVALID","MANIFEST_BLOB_UNKNOWN","MANIFEST_INVALID","MANIFEST_UNKNOWN","NAME_INVALID","NAME_UNKNOWN","SIZE_INVALID","UNAUTHORIZED","DENIED","UNSUPPORTED","TOOMANYREQUESTS"]"#
        );
    }
}
