//! The JSON-RPC and the inspect endpoint of Cartesi's node, so that Cartesi's own clients can ask this one.
//!
//! Names, forms and error codes are those that `cartesi/rollups-node` publishes. What only a node with a Cartesi machine
//! has is null or zero. The database is read over connections of this module's own, which cannot change it.

mod cors;
mod inspect;
mod methods;
mod params;
mod shapes;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::machine::Machine;
use crate::store::{Store, StoreError};

/// Bytes of a request.
const MAX_BODY: usize = 1 << 20;

/// Bytes of results in one reply, those of all calls of a batch together.
const MAX_REPLY: usize = 10 << 20;

/// Calls in a batch.
const MAX_CALLS: usize = 100;

/// Requests that read the database at once; the others wait.
const MAX_READERS: usize = 8;

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;
const INTERNAL_ERROR: i32 = -32603;
const INVALID_BATCH: i32 = -32040;
const RESOURCE_NOT_FOUND: i32 = -31001;
const APPLICATION_NOT_FOUND: i32 = -31002;
const REPLY_TOO_LONG: i32 = -31003;

/// What the endpoints answer about. Clones are the same.
#[derive(Clone)]
pub struct Node {
    shared: Arc<Shared>,
}

struct Shared {
    database: PathBuf,
    name: String,
    machine: Machine,
    idle: Mutex<Vec<Store>>,
    readers: Arc<Semaphore>,
}

impl Node {
    /// The application `name`, whose node keeps its `database` and asks it over `machine`.
    #[must_use]
    pub fn new(database: PathBuf, name: String, machine: Machine) -> Self {
        let (idle, readers) = (Mutex::default(), Arc::new(Semaphore::new(MAX_READERS)));
        Self { shared: Arc::new(Shared { database, name, machine, idle, readers }) }
    }

    /// Runs `read` where it may block, on the database as it is at one moment or on the reason why it cannot be read.
    /// Gives `None` if `read` panics.
    async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(Result<&Store, &StoreError>) -> T + Send + 'static,
    ) -> Option<T> {
        let permit = self.shared.readers.clone().acquire_owned().await.ok()?;
        let shared = self.shared.clone();
        spawn_blocking(move || {
            // Who asked may go away; this goes on.
            let _permit = permit;
            let idle = shared.idle().pop();
            let store = idle.map_or_else(|| Store::open_to_read(&shared.database), Ok);
            let found = store.and_then(|store| Ok((store.at_one_moment(|store| read(Ok(store)))?, store)));
            match found {
                Ok((found, store)) => {
                    shared.idle().push(store);
                    found
                }
                Err(error) => read(Err(&error)),
            }
        })
        .await
        .ok()
    }
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Vec<Store>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves [`router`] to whoever connects.
pub async fn serve(listener: TcpListener, node: Node) -> std::io::Result<()> {
    axum::serve(listener, router(node)).await
}

/// `POST /rpc`, `POST /inspect/{app}` and `GET /inspect/{app}/{payload}`, which pages of any origin may ask.
pub fn router(node: Node) -> Router {
    Router::new()
        .route("/rpc", post(rpc))
        .route("/inspect/{app}", post(inspect::in_body))
        .route("/inspect/{app}/{*payload}", get(inspect::in_path))
        .layer(from_fn(cors::layer))
        .with_state(node)
}

/// Why a call has no result.
#[derive(Debug)]
struct Failure {
    code: i32,
    message: String,
}

impl Failure {
    fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    fn reply(self, id: &Value) -> Value {
        json!({ "jsonrpc": "2.0", "error": { "code": self.code, "message": self.message }, "id": id })
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(INTERNAL_ERROR, error.to_string())
    }
}

async fn rpc(State(node): State<Node>, body: Body) -> Response {
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        let failure = Failure::new(INVALID_REQUEST, format!("the body is longer than {MAX_BODY} bytes"));
        return (StatusCode::PAYLOAD_TOO_LARGE, Json(failure.reply(&Value::Null))).into_response();
    };
    let name = node.shared.name.clone();
    let reply = node.read(move |store| reply(&body, &name, store)).await;
    let panicked = || Failure::new(INTERNAL_ERROR, "the node could not answer").reply(&Value::Null);
    Json(reply.unwrap_or_else(panicked)).into_response()
}

fn reply(body: &[u8], name: &str, store: Result<&Store, &StoreError>) -> Value {
    let request = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => {
            return Failure::new(PARSE_ERROR, format!("the body is no JSON: {error}")).reply(&Value::Null);
        }
    };
    let mut left = MAX_REPLY;
    match request {
        Value::Array(calls) if calls.is_empty() || calls.len() > MAX_CALLS => {
            let message = format!("a batch of {} calls; expected 1 to {MAX_CALLS}", calls.len());
            Failure::new(INVALID_BATCH, message).reply(&Value::Null)
        }
        Value::Array(calls) => calls.iter().map(|call| reply_to(call, name, store, &mut left)).collect(),
        call => reply_to(&call, name, store, &mut left),
    }
}

/// The reply to one call, whose result may have `left` bytes. A call without an id is answered too, as the published
/// node does.
fn reply_to(call: &Value, name: &str, store: Result<&Store, &StoreError>, left: &mut usize) -> Value {
    let id = match &call["id"] {
        id @ (Value::Null | Value::String(_) | Value::Number(_)) => id,
        _ => return Failure::new(INVALID_REQUEST, "id is neither a string nor a number").reply(&Value::Null),
    };
    let mut result = || {
        let (method, params) = method_of(call)?;
        let store = store.map_err(|error| Failure::new(INTERNAL_ERROR, error.to_string()))?;
        let mut reader = methods::Reader { store, name, left: *left };
        let result = methods::call(method, params, &mut reader)?;
        *left = reader.left;
        Ok(result)
    };
    match result() {
        Ok(result) => json!({ "jsonrpc": "2.0", "result": result, "id": id }),
        Err(failure) => Failure::reply(failure, id),
    }
}

fn method_of(call: &Value) -> Result<(&str, &Value), Failure> {
    if !call.is_object() {
        return Err(Failure::new(INVALID_REQUEST, "a call is an object"));
    }
    if call["jsonrpc"] != "2.0" {
        return Err(Failure::new(INVALID_REQUEST, "jsonrpc is not \"2.0\""));
    }
    let method = call["method"].as_str().filter(|method| !method.is_empty());
    let method = method.ok_or_else(|| Failure::new(INVALID_REQUEST, "method is not the name of a method"))?;
    Ok((method, &call["params"]))
}
