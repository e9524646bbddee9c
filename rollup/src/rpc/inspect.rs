//! Questions to the application, as Cartesi's node takes them: the raw body, or the rest of the path.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Node;
use super::params::Called;
use super::shapes::bytes;
use crate::store::{Answer, InputStatus, StoreError};

/// Bytes of a question, as many as a Cartesi machine takes.
const MAX_QUESTION: usize = 1 << 21;

/// How long the application may take, as in Cartesi's node.
const DEADLINE: Duration = Duration::from_secs(180);

pub(super) async fn in_body(State(node): State<Node>, uri: Uri, body: Body) -> Response {
    match to_bytes(body, MAX_QUESTION).await {
        Ok(question) => answer(&node, &app_and_rest(&uri).0, &question).await,
        Err(_) => refuse(StatusCode::PAYLOAD_TOO_LARGE, format!("a question has at most {MAX_QUESTION} bytes")),
    }
}

pub(super) async fn in_path(State(node): State<Node>, uri: Uri) -> Response {
    let (app, question) = app_and_rest(&uri);
    answer(&node, &app, &question).await
}

async fn answer(node: &Node, app: &[u8], question: &[u8]) -> Response {
    let found = match served(node, app).await {
        Some(Ok(found)) => found,
        Some(Err(error)) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
        None => return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the node could not answer".to_owned()),
    };
    let Some(n_processed) = found else {
        return refuse(StatusCode::NOT_FOUND, "this node does not serve that application".to_owned());
    };
    match timeout(DEADLINE, node.shared.machine.inspect(question)).await {
        Ok(Ok(answer)) => Json(told(&answer, n_processed)).into_response(),
        Ok(Err(gone)) => refuse(StatusCode::SERVICE_UNAVAILABLE, gone.to_string()),
        Err(_) => {
            let why = format!("the application has not answered in {} seconds", DEADLINE.as_secs());
            refuse(StatusCode::SERVICE_UNAVAILABLE, why)
        }
    }
}

/// The inputs that the application has processed, if it is the one that is called so. It may be past more of them when it
/// answers.
async fn served(node: &Node, app: &[u8]) -> Option<Result<Option<u64>, String>> {
    let called = str::from_utf8(app).ok().and_then(Called::from_text);
    let name = node.shared.name.clone();
    node.read(move |store| {
        let store = store.map_err(ToString::to_string)?;
        let found = || -> Result<Option<u64>, StoreError> {
            let is_served = match (&called, store.setup()?) {
                (Some(Called::Address(address)), Some(setup)) => *address == setup.app,
                (Some(Called::Name(called)), Some(_)) => *called == name,
                _ => false,
            };
            if is_served { store.n_processed().map(Some) } else { Ok(None) }
        };
        found().map_err(|error| error.to_string())
    })
    .await
}

fn told(answer: &Answer, n_processed: u64) -> Value {
    let reports: Vec<Value> = answer.reports.iter().map(|report| json!({ "payload": bytes(report) })).collect();
    let status = match answer.status {
        InputStatus::Accepted => "Accepted",
        InputStatus::Exception => "Exception",
        InputStatus::Rejected | InputStatus::Unprocessed => "Rejected",
    };
    let mut told = json!({ "status": status, "reports": reports, "processed_input_count": n_processed });
    if answer.status == InputStatus::Exception {
        told["exception"] = json!("the application raised an exception; the last report is its payload");
    }
    told
}

/// The application and the question in `/inspect/{app}/{question}`. A query is part of the question.
fn app_and_rest(uri: &Uri) -> (Vec<u8>, Vec<u8>) {
    let path = uri.path().strip_prefix("/inspect/").unwrap_or_default();
    let (app, rest) = path.split_once('/').unwrap_or((path, ""));
    let mut question = percent_decoded(rest);
    if let Some(query) = uri.query() {
        question.push(b'?');
        question.extend(percent_decoded(query));
    }
    (percent_decoded(app), question)
}

/// A percent sign without two digits after it stands for itself.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let byte = match rest {
            [b'%', high, low, ..] => digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    decoded
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn refuse(status: StatusCode, why: String) -> Response {
    (status, why).into_response()
}
