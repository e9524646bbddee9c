//! An endpoint that says what a test wants it to say, over HTTP.

use std::sync::{Arc, Mutex};

use alloy::primitives::B256;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use index::block::Block;
use index::chain::Chain;
use index::config::{ChainConfig, EndpointConfig};
use index::rpc::Bounds;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::model::Model;

/// Ends when this is dropped.
pub(crate) struct Endpoint {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
    server: JoinHandle<()>,
}

/// What it says.
pub(crate) struct Script {
    pub(crate) chain: Model,
    /// All blocks there ever were: nodes tell those of other branches by their hash.
    made: Vec<Block>,
    /// Of the block that is `finalized`, and of that which is `safe`.
    pub(crate) tags: [Say; 2],
    /// To each call of a contract.
    pub(crate) call: Say,
    /// To everything, if it is not the truth.
    pub(crate) all: Option<Say>,
    /// The methods of all requests.
    asked: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Say {
    Block(u64),
    Null,
    /// An error of this text.
    Error(&'static str),
    /// Nothing, ever.
    Silence,
}

impl Endpoint {
    pub(crate) async fn start(chain: Model) -> Self {
        let made = chain.blocks.clone();
        let script =
            Script { chain, made, tags: [Say::Null, Say::Null], call: Say::Null, all: None, asked: Vec::new() };
        let script = Arc::new(Mutex::new(script));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, script, server }
    }

    /// Changes what it says from here on.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Script)) {
        let mut script = self.script.lock().unwrap();
        change(&mut script);
        let Script { chain, made, .. } = &mut *script;
        made.extend(&chain.blocks);
    }

    pub(crate) fn model(&self) -> Model {
        self.script.lock().unwrap().chain.clone()
    }

    /// Waits until it is asked this.
    pub(crate) async fn until_asked(&self, method: &str) {
        while !self.script.lock().unwrap().asked.iter().any(|asked| asked == method) {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn chain(&self) -> Arc<Chain> {
        let endpoints = vec![EndpointConfig { url: self.url.clone(), limit: None }];
        let config = ChainConfig { id: 31_337, endpoints, finality_blocks: None, poll_ms: 20 };
        Arc::new(Chain::new(&config, Bounds::default()).unwrap())
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, body: Bytes) -> String {
    let request: Value = serde_json::from_slice(&body).unwrap();
    let told: Option<Value> = {
        let mut script = script.lock().unwrap();
        match request.as_array() {
            Some(requests) => requests.iter().map(|request| script.answer(request)).collect(),
            None => script.answer(&request),
        }
    };
    match told {
        Some(told) => told.to_string(),
        None => std::future::pending().await,
    }
}

impl Script {
    fn answer(&mut self, request: &Value) -> Option<Value> {
        let (method, params) = (request["method"].as_str().unwrap(), &request["params"]);
        self.asked.push(method.to_owned());
        let said = match (&self.all, method, params[0].as_str()) {
            (Some(say), ..) => say.clone(),
            (_, "eth_getBlockByNumber", Some("finalized")) => self.tags[0].clone(),
            (_, "eth_getBlockByNumber", Some("safe")) => self.tags[1].clone(),
            (_, "eth_getBlockByNumber", Some("latest")) => Say::Block(self.chain.head().number),
            (_, "eth_getBlockByNumber", Some(number)) => {
                Say::Block(u64::from_str_radix(number.trim_start_matches("0x"), 16).unwrap())
            }
            (_, "eth_call", _) => self.call.clone(),
            _ => return Some(answered(request, "result", self.truth(method, params))),
        };
        Some(match said {
            Say::Block(number) => {
                let block = self.chain.blocks.get(usize::try_from(number).unwrap());
                answered(request, "result", block.map_or(Value::Null, header))
            }
            Say::Null => answered(request, "result", Value::Null),
            Say::Error(text) => answered(request, "error", json!({ "code": -32000, "message": text })),
            Say::Silence => return None,
        })
    }

    fn truth(&self, method: &str, params: &Value) -> Value {
        match method {
            "eth_chainId" => json!("0x7a69"),
            // Of contracts that nobody calls.
            "eth_getLogs" => json!([]),
            "eth_getBlockByHash" => {
                let hash: B256 = serde_json::from_value(params[0].clone()).unwrap();
                self.made.iter().find(|block| block.hash == hash).map_or(Value::Null, header)
            }
            _ => panic!("{method} is not asked"),
        }
    }
}

fn answered(request: &Value, name: &str, what: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": request["id"], name: what })
}

fn header(block: &Block) -> Value {
    json!({
        "number": format!("{:#x}", block.number), "hash": block.hash, "parentHash": block.parent,
        "timestamp": format!("{:#x}", block.timestamp), "logsBloom": format!("0x{}", "0".repeat(512)),
    })
}
