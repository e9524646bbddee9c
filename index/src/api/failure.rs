//! Why a request has no answer, in the one form that all of them have: `{"error": {"code", "message"}}`.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Error;

/// Characters of a bad value that are told back.
const MAX_TOLD: usize = 80;

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Code {
    /// A parameter is not given, unknown, or not what it should be.
    BadParameter,
    /// There is no such thing.
    NotFound,
    /// Only GET and HEAD are answered here.
    MethodNotAllowed,
    /// The request is longer than it may be.
    TooLong,
    /// What is asked for is no longer kept.
    Gone,
    /// The index is behind the chain, or cannot see it.
    NotReady,
    /// More is asked at once than can be answered.
    Busy,
    /// The answer took too long.
    Timeout,
    /// The index cannot be read.
    Unreadable,
}

impl Code {
    fn status(self) -> StatusCode {
        match self {
            Self::BadParameter => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLong => StatusCode::URI_TOO_LONG,
            Self::Gone => StatusCode::GONE,
            Self::NotReady | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Unreadable => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Failure {
    error: Reason,
}

#[derive(Debug, Serialize, ToSchema)]
struct Reason {
    code: Code,
    /// What is wrong, and what to do about it.
    message: String,
}

impl Failure {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { error: Reason { code, message: message.into() } }
    }

    /// The parameter `name` has `value`, where `expected` should be.
    pub(super) fn bad(name: &str, value: &str, expected: &str) -> Self {
        Self::new(Code::BadParameter, format!("{name} is {}; give {expected}", told(value)))
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// More is asked at once than can be answered.
    pub(super) fn busy() -> Self {
        Self::new(Code::Busy, "too many requests at once; try again in a second")
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(Code::Unreadable, error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let code = self.error.code;
        let mut response = (code.status(), Json(self)).into_response();
        if matches!(code, Code::Busy | Code::NotReady) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A value as it is told back: quoted, so that it cannot break out of the sentence, and not longer than is of use.
pub(super) fn told(value: &str) -> String {
    match value.char_indices().nth(MAX_TOLD) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &value[..end], value.len()),
        None => format!("{value:?}"),
    }
}
