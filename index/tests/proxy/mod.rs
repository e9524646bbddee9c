//! An endpoint in front of another that tells lies on demand.

#![allow(missing_docs, unreachable_pub, dead_code, reason = "each test crate uses its part")]

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// What is untrue in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Logs of a range are left out.
    EmptyLogs,
    /// Each log comes twice.
    DuplicateLogs,
    /// The last log comes first.
    DisorderedLogs,
    /// Logs are of a block with another hash.
    ForeignBlockHash,
    /// Logs have another event than was asked for.
    UnwatchedLogs,
    /// Logs are marked as removed.
    RemovedLogs,
    /// Logs come from the chain at this URL.
    OtherLogs(String),
    /// A block that is asked for alone comes from the chain at this URL.
    OtherBlock(String),
    /// A range of more blocks is refused, with a hint.
    TooManyBlocks(u64),
    /// The logs never end.
    EndlessLogs,
    /// The last answer of a batch is missing.
    TruncatedBatch,
    /// Answers of a batch come in reverse order.
    ShuffledIds,
    /// The first answer of a batch comes twice.
    DoubledIds,
    /// The first answer of a batch has an id that nobody asked under.
    ForeignIds,
    /// The first answer of a batch is an error of too many requests.
    BusyItem,
    /// A batch has one answer, an error of too many requests.
    BusyBatch,
    /// A batch has one answer, an error that there are no batches.
    NoBatches,
    /// HTTP status 429 with this `Retry-After`.
    BusyHttp(&'static str),
    /// The state of old blocks is gone.
    NoState,
    /// There is no block above this.
    StaleHead(u64),
    /// The chain has this id.
    ChainId(u64),
    /// A page for people.
    Html,
    /// The connection ends in the middle of the answer.
    Cut,
    /// No answer ever.
    Silence,
}

/// What is untrue, and in how many more answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lie {
    pub what: Option<What>,
    pub times: usize,
}

impl Lie {
    pub fn none() -> Self {
        Self { what: None, times: 0 }
    }

    pub fn once(what: What) -> Self {
        Self { what: Some(what), times: 1 }
    }

    pub fn always(what: What) -> Self {
        Self { what: Some(what), times: usize::MAX }
    }
}

/// A running proxy; it ends when this is dropped.
pub struct Proxy {
    pub url: String,
    pub lie: Arc<Mutex<Lie>>,
    /// The methods of each request.
    pub asked: Arc<Mutex<Vec<Vec<String>>>>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    upstream: String,
    http: reqwest::Client,
    lie: Arc<Mutex<Lie>>,
    asked: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Proxy {
    /// An honest one.
    pub async fn start(upstream: &str) -> Self {
        let lie = Arc::new(Mutex::new(Lie::none()));
        let asked = Arc::default();
        let shared = Shared {
            upstream: upstream.to_owned(),
            http: reqwest::Client::new(),
            lie: Arc::clone(&lie),
            asked: Arc::clone(&asked),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(shared);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, lie, asked, server }
    }

    /// From here on.
    pub fn tell(&self, lie: Lie) {
        *self.lie.lock().unwrap() = lie;
    }

    /// How many calls of a method there were.
    pub fn n_asked(&self, method: &str) -> usize {
        self.asked.lock().unwrap().iter().flatten().filter(|asked| *asked == method).count()
    }

    /// Whether what was to be told once was told.
    pub fn is_told(&self) -> bool {
        self.lie.lock().unwrap().times == 0
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(shared): State<Shared>, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap();
    shared.asked.lock().unwrap().push(methods(&request));
    let Some(what) = take(&shared.lie, &request) else { return json_of(&shared.ask(&shared.upstream, &request).await) };
    match &what {
        What::BusyHttp(rest) => {
            let headers = [(header::RETRY_AFTER, HeaderValue::from_static(rest))];
            (StatusCode::TOO_MANY_REQUESTS, headers, "slow down").into_response()
        }
        What::Html => (StatusCode::OK, "<html><body>Welcome</body></html>").into_response(),
        What::Silence => std::future::pending().await,
        What::EndlessLogs => {
            let chunk = Bytes::from(vec![b' '; 1 << 16]);
            Body::from_stream(stream::repeat(chunk).map(Ok::<_, std::io::Error>)).into_response()
        }
        What::Cut => {
            let whole = shared.ask(&shared.upstream, &request).await.to_string();
            let half = Bytes::from(whole.as_bytes()[..whole.len() / 2].to_vec());
            let cut = [Ok(half), Err(std::io::Error::other("cut"))];
            Body::from_stream(stream::iter(cut)).into_response()
        }
        What::BusyBatch => json_of(&error(&Value::Null, -32005, "too many requests")),
        What::NoState => json_of(&error(&request["id"], -32000, "missing trie node 0xab (path 0x)")),
        What::NoBatches => json_of(&error(&Value::Null, -32600, "batches are not supported")),
        What::TooManyBlocks(n_blocks) => {
            let first = request["params"][0]["fromBlock"].as_str().unwrap();
            let last = quantity(&json!(first)) + n_blocks - 1;
            let hint =
                format!("query returned more than 10000 results. Try with this block range [{first}, {last:#x}].");
            json_of(&error(&request["id"], -32005, &hint))
        }
        What::OtherLogs(url) | What::OtherBlock(url) => json_of(&shared.ask(url, &request).await),
        what => {
            let mut answers = shared.ask(&shared.upstream, &request).await;
            twist(what, &request, &mut answers);
            json_of(&answers)
        }
    }
}

impl Shared {
    async fn ask(&self, url: &str, request: &Value) -> Value {
        let asked = self.http.post(url).header(header::CONTENT_TYPE, "application/json").body(request.to_string());
        serde_json::from_slice(&asked.send().await.unwrap().bytes().await.unwrap()).unwrap()
    }
}

/// The lie, if it is one about such a request.
fn take(lie: &Mutex<Lie>, request: &Value) -> Option<What> {
    let mut lie = lie.lock().unwrap();
    let what = lie.what.clone().filter(|what| lie.times > 0 && is_about(what, request))?;
    lie.times = lie.times.saturating_sub(usize::from(lie.times != usize::MAX));
    Some(what)
}

fn is_about(what: &What, request: &Value) -> bool {
    let asks = |method: &str| methods(request).iter().any(|asked| asked == method);
    let range = &request["params"][0]["fromBlock"];
    match what {
        What::EmptyLogs
        | What::DuplicateLogs
        | What::DisorderedLogs
        | What::ForeignBlockHash
        | What::UnwatchedLogs
        | What::RemovedLogs
        | What::OtherLogs(_)
        | What::EndlessLogs => range.is_string(),
        What::TooManyBlocks(n_blocks) => {
            range.is_string() && quantity(&request["params"][0]["toBlock"]) - quantity(range) >= *n_blocks
        }
        What::OtherBlock(_) => request.is_object() && asks("eth_getBlockByNumber"),
        What::TruncatedBatch
        | What::ShuffledIds
        | What::DoubledIds
        | What::ForeignIds
        | What::BusyItem
        | What::BusyBatch
        | What::NoBatches => request.is_array(),
        What::StaleHead(_) => asks("eth_getBlockByNumber"),
        What::NoState => request.is_object() && asks("eth_call"),
        What::ChainId(_) => asks("eth_chainId"),
        What::BusyHttp(_) | What::Html | What::Cut | What::Silence => true,
    }
}

/// Tells the lie where there is an answer to tell it in; what the endpoint refuses passes as it is.
fn twist(what: &What, request: &Value, answers: &mut Value) {
    match what {
        What::ChainId(id) => answers["result"] = json!(format!("{id:#x}")),
        What::StaleHead(number) => {
            let asked = request.as_array().map_or_else(|| vec![request], |requests| requests.iter().collect());
            let is_list = answers.is_array();
            for (place, asked) in asked.into_iter().enumerate() {
                let answer = if is_list { answers.get_mut(place) } else { Some(&mut *answers) };
                let Some(answer) = answer.filter(|answer| answer["result"]["number"].is_string()) else { continue };
                if quantity(&answer["result"]["number"]) > *number {
                    answer["result"] = Value::Null;
                    if asked["params"][0] == "latest" {
                        answer["result"] = stale(*number);
                    }
                }
            }
        }
        _ => {
            if let Some(batch) = answers.as_array_mut() {
                twist_batch(what, batch);
            } else if let Some(logs) = answers.get_mut("result").and_then(Value::as_array_mut) {
                twist_logs(what, logs);
            }
        }
    }
}

fn twist_batch(what: &What, batch: &mut Vec<Value>) {
    match what {
        What::TruncatedBatch => drop(batch.pop()),
        What::ShuffledIds => batch.reverse(),
        What::DoubledIds => {
            let mut double = batch[0].clone();
            double["result"] = batch.get(1).map_or(Value::Null, |second| second["result"].clone());
            batch.push(double);
        }
        What::ForeignIds => batch[0]["id"] = json!(u64::MAX),
        What::BusyItem => batch[0] = error(&batch[0]["id"], 429, "compute units per second are used up"),
        _ => unreachable!("{what:?} is no twist of a batch"),
    }
}

fn twist_logs(what: &What, logs: &mut Vec<Value>) {
    match what {
        What::EmptyLogs => logs.clear(),
        What::DuplicateLogs => *logs = logs.iter().flat_map(|log| [log.clone(), log.clone()]).collect(),
        What::DisorderedLogs => {
            let last = logs.pop();
            logs.splice(..0, last);
        }
        What::ForeignBlockHash => {
            logs.iter_mut().for_each(|log| log["blockHash"] = log["transactionHash"].clone());
        }
        What::UnwatchedLogs => logs.iter_mut().for_each(|log| log["topics"][0] = log["blockHash"].clone()),
        What::RemovedLogs => logs.iter_mut().for_each(|log| log["removed"] = json!(true)),
        _ => unreachable!("{what:?} is no twist of logs"),
    }
}

/// A header that nobody looks into.
fn stale(number: u64) -> Value {
    let (zero, bloom) = (format!("0x{}", "0".repeat(64)), format!("0x{}", "0".repeat(512)));
    json!({ "number": format!("{number:#x}"), "hash": zero, "parentHash": zero, "timestamp": "0x0", "logsBloom": bloom })
}

fn methods(request: &Value) -> Vec<String> {
    let of = |request: &Value| request["method"].as_str().unwrap().to_owned();
    request.as_array().map_or_else(|| vec![of(request)], |requests| requests.iter().map(of).collect())
}

fn error(id: &Value, code: i64, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

fn quantity(text: &Value) -> u64 {
    u64::from_str_radix(text.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

fn json_of(answer: &Value) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], answer.to_string()).into_response()
}
