//! What holds for every request: how long it may be, how many there may be at once, how long it may take, that pages of
//! any origin may ask, and that it is counted.

use std::time::{Duration, Instant};

use axum::{
    extract::{Request, State},
    http::{
        HeaderValue, Method, StatusCode, Uri,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    Api,
    failure::{Code, Failure, told},
};

/// Bytes of a path and its query.
const MAX_URI: usize = 8_192;

/// How long an answer may take. Connections that follow changes are answered at once, and stay.
pub(super) const MAX_TIME: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(10) };

/// How long a browser may remember what is allowed, in seconds.
const MAX_AGE: &str = "86400";

/// The route that a response is of, for counting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(pub(super) &'static str);

/// Bounds and counts a request.
pub(super) async fn bound(State(api): State<Api>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let response = bounded(&api, request, next).await.unwrap_or_else(IntoResponse::into_response);
    let label = response.extensions().get::<Label>().map_or("other", |label| label.0);
    api.shared.metrics.count_request(label, response.status().as_u16(), begun.elapsed().as_secs_f64());
    response
}

async fn bounded(api: &Api, request: Request, next: Next) -> Result<Response, Failure> {
    let n_bytes = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    if n_bytes > MAX_URI {
        let message = format!("path and query have {n_bytes} bytes; give at most {MAX_URI}");
        return Err(Failure::new(Code::TooLong, message));
    }
    let _permit = api.shared.requests.try_acquire().map_err(|_| Failure::busy())?;
    tokio::time::timeout(MAX_TIME, next.run(request)).await.map_err(|_| Failure::late())
}

/// Answers what a browser asks before a request of another origin, and lets the page read every answer, failures too.
pub(super) async fn cors(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        let allowed = [
            (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS"),
            (ACCESS_CONTROL_ALLOW_HEADERS, "*"),
            (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        ];
        (StatusCode::NO_CONTENT, allowed).into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    response
}

pub(super) async fn not_found(uri: Uri) -> Failure {
    Failure::not_found(format!("{} is no route; / lists all of them", told(uri.path())))
}

pub(super) async fn not_allowed(method: Method, uri: Uri) -> Failure {
    let message = format!("{} does not take {}; use GET", told(uri.path()), told(method.as_str()));
    Failure::new(Code::MethodNotAllowed, message)
}
