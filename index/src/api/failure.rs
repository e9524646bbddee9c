//! Why a request has no answer, in the one form that all of them have: `{"error": {"code", "message"}}`.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::guard::MAX_TIME;
use crate::{Error, database::DatabaseError};

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
    /// The index's store does not answer for the moment.
    Unavailable,
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
            Self::NotReady | Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Unreadable => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Failure {
    error: Reason,
    /// What the database says, which may name hosts and files. For the operator alone.
    #[serde(skip)]
    cause: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Reason {
    code: Code,
    /// What is wrong, and what to do about it.
    message: String,
}

impl Failure {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { error: Reason { code, message: message.into() }, cause: None }
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

    /// The answer took too long.
    pub(super) fn late() -> Self {
        Self::new(Code::Timeout, format!("no answer within {MAX_TIME:?}; ask for less, or later"))
    }

    /// As those who ask in this process are told, who are the operator: with the cause.
    pub(super) fn in_full(mut self) -> Self {
        self.error.message = self.cause.take().unwrap_or(self.error.message);
        self
    }

    /// Takes the cause out.
    pub(super) fn take_cause(&mut self) -> Option<String> {
        self.cause.take()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (failure, error) = match error {
            Error::Database(DatabaseError::Late) => return Self::late(),
            Error::Database(error) if error.passes() => {
                (Self::new(Code::Unavailable, "the index's store does not answer; try again in a second"), error)
            }
            Error::Database(error) => {
                (Self::new(Code::Unreadable, "the index's store cannot be read; its operator is told why"), error)
            }
            error => return Self::new(Code::Unreadable, error.to_string()),
        };
        Self { cause: Some(error.to_string()), ..failure }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let code = self.error.code;
        let mut response = (code.status(), Json(self)).into_response();
        if code.status() == StatusCode::SERVICE_UNAVAILABLE {
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
