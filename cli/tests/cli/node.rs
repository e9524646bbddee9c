//! A rollup node of the test's own: answers in the published form, of what the chain has and what the test says the
//! application made of it, and lies when it is told to.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use alloy::primitives::{Bytes, keccak256};
use serde_json::{Value, json};

use crate::{
    cartesi::{Tree, inputs_at},
    harness::Net,
};

type Lie = Box<dyn Fn(&str, Value) -> Value + Send>;

/// What the node has to say.
#[derive(Default)]
pub(crate) struct Said {
    /// Input, epoch, and the output.
    pub(crate) outputs: Vec<(u64, u64, Bytes)>,
    /// Outputs in claimed epochs; only these have proofs.
    pub(crate) n_claimed: usize,
    pub(crate) reports: Vec<(u64, String)>,
    /// Inputs that are not accepted, with their status.
    pub(crate) statuses: BTreeMap<u64, &'static str>,
    /// Status and report of the application, by question.
    pub(crate) answers: BTreeMap<String, (&'static str, String)>,
    /// Outputs that were executed.
    pub(crate) executed: BTreeSet<usize>,
    /// Epochs with their statuses.
    pub(crate) epochs: Vec<(u64, &'static str)>,
    /// Lists take no filters but those of epoch and input, as in earlier nodes.
    pub(crate) has_few_filters: bool,
    /// Replies of more than 60 rows are refused as too long.
    pub(crate) has_short_replies: bool,
    /// Reports are objects with a payload, as in earlier nodes.
    pub(crate) has_named_reports: bool,
    /// What is made of a true answer, by method.
    pub(crate) lie: Option<Lie>,
    /// Status line and body of every answer, instead of a true one.
    pub(crate) canned: Option<(&'static str, Vec<u8>)>,
}

/// Serves until the test ends. `$NODE` is its address.
pub(crate) fn node(net: &mut Net) -> Arc<Mutex<Said>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    net.name("$NODE", format!("http://{}", listener.local_addr().unwrap()));
    let said = Arc::new(Mutex::new(Said::default()));
    let (chain, input_box) = (net.url(), net.named("$INPUT_BOX").to_owned());
    let shared = Arc::clone(&said);
    thread::spawn(move || {
        for connection in listener.incoming() {
            let _ = serve(connection.unwrap(), &shared, &chain, &input_box);
        }
    });
    said
}

fn serve(mut connection: TcpStream, said: &Mutex<Said>, chain: &str, input_box: &str) -> std::io::Result<()> {
    let mut request = Vec::new();
    let (path, body) = loop {
        let mut bytes = [0; 8192];
        let n_read = connection.read(&mut bytes)?;
        request.extend_from_slice(&bytes[..n_read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() == length.unwrap_or(0) {
            break (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned());
        }
        assert_ne!(n_read, 0, "the request is cut off");
    };
    let said = said.lock().unwrap();
    let (status, body) = match &said.canned {
        Some((status, body)) => (*status, body.clone()),
        None if path == "/rpc" => ("200 OK", said.rpc(&body, chain, input_box).to_string().into_bytes()),
        None => ("200 OK", said.inspect(&path, &body).to_string().into_bytes()),
    };
    write!(connection, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len())?;
    connection.write_all(&body)
}

impl Said {
    fn rpc(&self, body: &str, chain: &str, input_box: &str) -> Value {
        let request: Value = serde_json::from_str(body).unwrap();
        let (method, params) = (request["method"].as_str().unwrap(), &request["params"]);
        let number = |name: &str| {
            let text = params.get(name)?.as_str().unwrap();
            Some(u64::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap())
        };
        let is_wanted = |input: u64, epoch: u64| {
            number("input_index").is_none_or(|wanted| wanted == input)
                && number("epoch_index").is_none_or(|wanted| wanted == epoch)
        };
        let page = |rows: Vec<Value>| {
            let (limit, offset) = (params["limit"].as_u64().unwrap(), params["offset"].as_u64().unwrap_or(0));
            let pagination = json!({ "total_count": rows.len(), "limit": limit, "offset": offset });
            let (limit, offset) = (usize::try_from(limit).unwrap(), usize::try_from(offset).unwrap());
            Some(
                json!({ "data": rows.into_iter().skip(offset).take(limit).collect::<Vec<_>>(), "pagination": pagination }),
            )
        };
        let result = match method {
            "cartesi_getInput" => {
                let index = number("input_index").unwrap();
                let inputs = inputs_at(chain, input_box);
                inputs.get(usize::try_from(index).unwrap()).map(|(raw, _)| json!({ "data": self.input(index, raw) }))
            }
            "cartesi_getOutput" => {
                let index = usize::try_from(number("output_index").unwrap()).unwrap();
                self.outputs.get(index).map(|_| json!({ "data": self.output(index) }))
            }
            "cartesi_listOutputs" => {
                let wanted = (0..self.outputs.len()).filter(|i| is_wanted(self.outputs[*i].0, self.outputs[*i].1));
                page(wanted.filter(|i| self.passes(*i, params)).map(|i| self.output(i)).collect())
            }
            "cartesi_listInputs" => {
                let inputs = inputs_at(chain, input_box);
                page((0..).zip(&inputs).map(|(index, (raw, _))| self.input(index, raw)).collect())
            }
            "cartesi_listEpochs" => page(self.epochs.iter().map(|(index, status)| epoch(*index, status)).collect()),
            "cartesi_getLastAcceptedEpochIndex" => {
                let accepted = self.epochs.iter().filter(|(_, status)| *status == "CLAIM_ACCEPTED");
                accepted.map(|(index, _)| index).max().map(|index| json!({ "data": format!("{index:#x}") }))
            }
            "cartesi_getProcessedInputCount" => Some(json!({ "data": "0x3" })),
            "cartesi_getChainId" => Some(json!({ "data": "0x7a69" })),
            "cartesi_getNodeVersion" => Some(json!({ "data": "2.0.0" })),
            "cartesi_getNodeInfo" => Some(json!({ "data": { "chain_id": "0x7a69", "version": "2.0.0",
                "default_block": "FINALIZED" } })),
            "cartesi_getApplication" => Some(json!({ "data": { "name": "salaries", "state": "ENABLED",
                "iapplication_address": params["application"], "epoch_length": "0x1c20",
                "last_input_check_block": "0x70" } })),
            "cartesi_listReports" => {
                let rows = self.reports.iter().enumerate().filter(|(_, (input, _))| is_wanted(*input, 0));
                page(rows.map(|(i, (input, text))| report(i, *input, text)).collect())
            }
            _ => panic!("{method} is not asked for"),
        };
        let answer = match result {
            Some(result) if self.has_short_replies && result["data"].as_array().is_some_and(|rows| rows.len() > 60) => {
                json!({ "error": { "code": -31003, "message": "too long" } })
            }
            Some(result) => json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }),
            None => {
                json!({ "jsonrpc": "2.0", "id": request["id"], "error": { "code": -32001, "message": "Not found" } })
            }
        };
        match &self.lie {
            Some(lie) => lie(method, answer),
            None => answer,
        }
    }

    fn input(&self, index: u64, raw: &Bytes) -> Value {
        json!({
            "epoch_index": "0x0",
            "index": format!("{index:#x}"),
            "block_number": "0x70",
            "raw_data": raw,
            "decoded_data": null,
            "status": self.statuses.get(&index).unwrap_or(&"ACCEPTED"),
            "machine_hash": null,
            "outputs_hash": null,
            "transaction_reference": format!("{index:#066x}"),
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
        })
    }

    fn output(&self, index: usize) -> Value {
        let (input, epoch, raw) = &self.outputs[index];
        let claimed: Vec<Bytes> = self.outputs[..self.n_claimed].iter().map(|(.., raw)| raw.clone()).collect();
        let siblings = (index < self.n_claimed).then(|| Tree::of(&claimed).siblings(index));
        json!({
            "epoch_index": format!("{epoch:#x}"),
            "input_index": format!("{input:#x}"),
            "index": format!("{index:#x}"),
            "raw_data": raw,
            "decoded_data": null,
            "hash": siblings.is_some().then(|| keccak256(raw)),
            "output_hashes_siblings": siblings,
            "execution_transaction_hash": null,
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
        })
    }

    fn passes(&self, index: usize, params: &Value) -> bool {
        let raw = self.outputs[index].2.to_string();
        let is_of_type = params["output_type"].as_str().is_none_or(|selector| raw.starts_with(selector));
        let is_executed = self.executed.contains(&index);
        self.has_few_filters
            || (is_of_type && params["executed"].as_bool().is_none_or(|executed| executed == is_executed))
    }

    fn inspect(&self, path: &str, question: &str) -> Value {
        assert!(path.starts_with("/inspect/0x"), "{path}");
        let unknown = ("Rejected", r#"{"error":true,"message":"there is no answer to it"}"#.to_owned());
        let (status, report) = self.answers.get(question).unwrap_or(&unknown);
        let report = Bytes::from(report.clone().into_bytes());
        let report = if self.has_named_reports { json!({ "payload": report }) } else { json!(report) };
        json!({ "status": status, "exception": null, "reports": [report], "processed_input_count": 3 })
    }
}

fn epoch(index: u64, status: &str) -> Value {
    json!({ "index": format!("{index:#x}"), "status": status, "first_block": "0x0", "last_block": "0x9" })
}

fn report(index: usize, input: u64, text: &str) -> Value {
    json!({
        "epoch_index": "0x0",
        "input_index": format!("{input:#x}"),
        "index": format!("{index:#x}"),
        "raw_data": Bytes::from(text.as_bytes().to_vec()),
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    })
}
