//! A rollup node over HTTP: JSON-RPC for what has happened, inspect for what the application says. Believes nothing that
//! it can check, bounds what it reads, and has a sentence for each way in which a node can be wrong.

mod rows;
mod status;

use std::time::Duration;

use alloy::{
    primitives::{Address, keccak256},
    transports::http::reqwest::{self, Client, Response, Url},
};
use clap::Args;
use eyre::{WrapErr, bail, ensure, eyre};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use self::rows::Payload;
pub(crate) use self::{
    rows::{Input, Output, Report},
    status::{Epochs, Inputs, Seen, Vouchers},
};

/// How long the node may take to answer one request.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Longest answer that is read, in bytes.
const ANSWER_LIMIT: usize = 64 << 20;

/// Rows that are asked for at once, and most that are read.
const PAGE: usize = 100;
const ROWS_LIMIT: usize = 10_000;

/// Longest text of a node or application that is printed, in characters.
const TEXT_LIMIT: usize = 300;

/// What JSON-RPC answers for what is not there: the node that is published, and the one before.
const NOT_FOUND: [i64; 2] = [-31001, -32001];

/// What it answers about an application that it does not serve, to a call whose reply would be too long, and to a call of
/// a method that it does not have.
const APP_NOT_FOUND: i64 = -31002;
const REPLY_TOO_LONG: i64 = -31003;
const METHOD_NOT_FOUND: i64 = -32601;

/// Which node of the rollup.
#[derive(Args, Clone, Debug)]
pub(crate) struct NodeArgs {
    /// Node of the rollup, which answers at /rpc and /inspect.
    #[arg(
        long,
        value_name = "URL",
        env = "STREAMCTL_NODE_URL",
        hide_env_values = true,
        default_value = "http://127.0.0.1:6751",
        help_heading = "Rollup"
    )]
    pub(crate) node_url: String,
}

/// A node of a rollup, asked about one application.
#[derive(Clone, Debug)]
pub(crate) struct RollupNode {
    client: Client,
    url: Url,
    app: Address,
}

/// Which outputs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) epoch: Option<u64>,
    pub(crate) input: Option<u64>,
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    #[serde(default)]
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
struct Pagination {
    total_count: u64,
}

#[derive(Deserialize)]
struct Answer {
    result: Option<Value>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: i64,
    message: String,
}

#[derive(Deserialize)]
struct Inspection {
    status: String,
    #[serde(default)]
    reports: Option<Vec<Payload>>,
}

impl RollupNode {
    /// # Errors
    /// If `url` is not one of a web server.
    pub(crate) fn new(url: &str, app: Address) -> eyre::Result<Self> {
        let url: Url = url
            .trim_end_matches('/')
            .parse()
            .map_err(|error| eyre!("the rollup node is not a URL such as http://127.0.0.1:6751: {error}"))?;
        ensure!(
            matches!(url.scheme(), "http" | "https"),
            "the rollup node is at a {} URL; pass a --node-url that begins with http:// or https://",
            url.scheme()
        );
        let client = Client::builder().timeout(TIMEOUT).build().wrap_err("setting up HTTP")?;
        Ok(Self { client, url, app })
    }

    /// The input of this number; `None` if the node does not have it yet.
    pub(crate) async fn input(&self, index: u64) -> eyre::Result<Option<Input>> {
        let found: Option<Data<Input>> = self.rpc("cartesi_getInput", json!({ "input_index": hex(index) })).await?;
        let Some(Data { data: input }) = found else { return Ok(None) };
        ensure!(input.index == index, "{self} gives input {} for input {index}; use another --node-url", input.index);
        Ok(Some(input))
    }

    /// The output of this number; `None` if the node does not have it yet.
    pub(crate) async fn output(&self, index: u64) -> eyre::Result<Option<Output>> {
        let found: Option<Data<Output>> = self.rpc("cartesi_getOutput", json!({ "output_index": hex(index) })).await?;
        let Some(Data { data: output }) = found else { return Ok(None) };
        ensure!(
            output.index == index,
            "{self} gives output {} for output {index}; use another --node-url",
            output.index
        );
        self.check(&output)?;
        Ok(Some(output))
    }

    /// All outputs that pass the filter, in order.
    pub(crate) async fn outputs(&self, filter: Filter) -> eyre::Result<Vec<Output>> {
        let rows: Vec<Output> = self.list("cartesi_listOutputs", filter, |output: &Output| output.index).await?;
        for output in &rows {
            self.check(output)?;
            let is_asked_for = filter.input.is_none_or(|input| input == output.input_index)
                && filter.epoch.is_none_or(|epoch| epoch == output.epoch_index);
            ensure!(
                is_asked_for,
                "{self} gives output {} of input {} and epoch {}, which was not asked for; use another --node-url",
                output.index,
                output.input_index,
                output.epoch_index
            );
        }
        Ok(rows)
    }

    /// All reports of an input, in order.
    pub(crate) async fn reports(&self, input: u64) -> eyre::Result<Vec<Report>> {
        let filter = Filter { input: Some(input), epoch: None };
        let rows: Vec<Report> = self.list("cartesi_listReports", filter, |report: &Report| report.index).await?;
        for report in &rows {
            ensure!(
                report.input_index == input,
                "{self} gives a report of input {} for input {input}; use another --node-url",
                report.input_index
            );
        }
        Ok(rows)
    }

    /// What the application answers to a question: the object in its one report.
    ///
    /// # Errors
    /// If the application refuses the question, in its own words.
    pub(crate) async fn inspect(&self, question: &str) -> eyre::Result<Value> {
        let url = format!("{}/inspect/{}", self.url.as_str().trim_end_matches('/'), self.app);
        let request = self.client.post(url).header("content-type", "application/octet-stream");
        let body = self.send(request.body(question.to_owned())).await?;
        let inspection: Inspection =
            serde_json::from_slice(&body).map_err(|error| self.unreadable("inspect", &error))?;
        let reports = inspection.reports.unwrap_or_default();
        let [report] = reports.as_slice() else {
            bail!(
                "{self} answers {} reports to an inspect, with status {}, and not one; does {} run StreamableToken?",
                reports.len(),
                printable(&inspection.status),
                self.app
            );
        };
        let (Payload::Bare(report) | Payload::Named { payload: report }) = report;
        if let Some(message) = reported_error(report) {
            bail!("the application answers: {message}");
        }
        let is_accepted = inspection.status.eq_ignore_ascii_case("accepted");
        ensure!(is_accepted, "{self} answers to an inspect with status {}", printable(&inspection.status));
        serde_json::from_slice(report)
            .map_err(|error| eyre!("the application's answer is no JSON: {}", printable(&error.to_string())))
    }

    async fn list<T: DeserializeOwned>(
        &self,
        method: &str,
        filter: Filter,
        index: impl Fn(&T) -> u64,
    ) -> eyre::Result<Vec<T>> {
        let mut rows: Vec<T> = Vec::new();
        let mut limit = PAGE;
        loop {
            let mut params = json!({ "limit": limit, "offset": rows.len() });
            for (name, value) in [("epoch_index", filter.epoch), ("input_index", filter.input)] {
                if let Some(value) = value {
                    params[name] = json!(hex(value));
                }
            }
            let page: Page<T> = match self.call(method, params).await? {
                Ok(page) => page,
                // Long inputs and outputs come in shorter pages.
                Err(Refusal { code: REPLY_TOO_LONG, .. }) if limit > 1 => {
                    limit /= 2;
                    continue;
                }
                Err(refusal) => return Err(self.refused_list(method, &refusal)),
            };
            let n_rows = page.data.len();
            rows.extend(page.data);
            ensure!(
                rows.is_sorted_by(|a, b| index(a) < index(b)),
                "{self} answers {method} out of order; use another --node-url"
            );
            if n_rows < limit {
                return Ok(rows);
            }
            ensure!(
                rows.len() < ROWS_LIMIT,
                "there are {ROWS_LIMIT} rows and more; narrow them with --epoch or --input"
            );
        }
    }

    /// An output is what it hashes to.
    fn check(&self, output: &Output) -> eyre::Result<()> {
        let is_whole = output.hash.is_none_or(|hash| hash == keccak256(&output.raw_data));
        ensure!(is_whole, "{self} gives output {} with a hash of something else; use another --node-url", output.index);
        Ok(())
    }

    /// `None` if what is asked for is not there.
    async fn rpc<T: DeserializeOwned>(&self, method: &str, params: Value) -> eyre::Result<Option<T>> {
        match self.call(method, params).await? {
            Ok(result) => Ok(Some(result)),
            Err(refusal) if NOT_FOUND.contains(&refusal.code) => Ok(None),
            Err(refusal) => Err(self.refused(method, &refusal)),
        }
    }

    /// The inner error is the node's.
    async fn call<T: DeserializeOwned>(&self, method: &str, mut params: Value) -> eyre::Result<Result<T, Refusal>> {
        params["application"] = json!(self.app);
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let url = format!("{}/rpc", self.url.as_str().trim_end_matches('/'));
        let request = self.client.post(url).header("content-type", "application/json").body(body);
        let body = self.send(request).await?;
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| self.unreadable(method, &error))?;
        match answer {
            Answer { error: Some(refusal), .. } => Ok(Err(refusal)),
            Answer { result: Some(result), .. } => {
                serde_json::from_value(result).map(Ok).map_err(|error| self.unreadable(method, &error))
            }
            Answer { .. } => bail!("{self} answers {method} with neither a result nor an error; is it a rollup node?"),
        }
    }

    fn refused(&self, method: &str, Refusal { code, message }: &Refusal) -> eyre::Report {
        if *code == APP_NOT_FOUND {
            return self.not_served();
        }
        eyre!("{self} refuses {method}: {} ({code})", printable(message))
    }

    /// A list is empty where nothing is in it, so what is not there is the application.
    fn refused_list(&self, method: &str, refusal: &Refusal) -> eyre::Report {
        if NOT_FOUND.contains(&refusal.code) { self.not_served() } else { self.refused(method, refusal) }
    }

    fn not_served(&self) -> eyre::Report {
        eyre!("{self} does not serve the application {}; check --app and --node-url", self.app)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> eyre::Result<Vec<u8>> {
        let response = request.send().await.map_err(|error| self.sentence(&error))?;
        let status = response.status();
        let body = self.read(response).await?;
        if !status.is_success() {
            let text = printable(String::from_utf8_lossy(&body).trim());
            let text = if text.is_empty() { String::new() } else { format!(": {text}") };
            bail!("{self} answers with HTTP {}{text}; is it a rollup node of {}?", status.as_u16(), self.app);
        }
        Ok(body)
    }

    async fn read(&self, mut response: Response) -> eyre::Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.sentence(&error))? {
            ensure!(
                body.len() + chunk.len() <= ANSWER_LIMIT,
                "{self} answers more than {} MiB, which is not read; use another --node-url",
                ANSWER_LIMIT >> 20
            );
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn sentence(&self, error: &reqwest::Error) -> eyre::Report {
        if error.is_timeout() {
            eyre!("{self} does not answer within {} seconds; use another --node-url", TIMEOUT.as_secs())
        } else if error.is_connect() {
            eyre!("cannot reach {self}; is `streamctl rollup up` running, and is --node-url right?")
        } else {
            // The error's own text has the whole URL, and with it what may be a key.
            eyre!("{self} breaks off its answer; run the command again")
        }
    }

    fn unreadable(&self, method: &str, error: &serde_json::Error) -> eyre::Report {
        eyre!("{self} does not answer {method} as a rollup node does: {}", printable(&error.to_string()))
    }
}

/// Paths and queries of endpoints often hold a key.
impl std::fmt::Display for RollupNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.url.origin().ascii_serialization())
    }
}

/// The sentence in a report that is an error.
pub(crate) fn reported_error(report: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Reported {
        error: bool,
        message: String,
    }
    let reported: Reported = serde_json::from_slice(report).ok()?;
    reported.error.then(|| printable(&reported.message))
}

/// Text of others, so that a terminal takes it for nothing but text.
pub(crate) fn printable(text: &str) -> String {
    let is_plain = |c: char| c == ' ' || c == '…' || c.is_ascii_graphic() || (c.is_alphanumeric() && c < '\u{590}');
    text.chars().take(TEXT_LIMIT).map(|c| if is_plain(c) { c } else { '?' }).collect()
}

fn hex(number: u64) -> String {
    format!("{number:#x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_are_harmless() {
        assert_eq!(printable("amount 7 is more than you have…"), "amount 7 is more than you have…");
        assert_eq!(printable("\u{1b}[2Jgone\r\n\u{202e}"), "?[2Jgone???");
        assert_eq!(printable(&"x".repeat(1000)).len(), TEXT_LIMIT);
    }

    #[test]
    fn errors_are_told_from_answers() {
        let of = |text: &str| reported_error(text.as_bytes());
        assert_eq!(of(r#"{"error":true,"message":"amount is 0"}"#).as_deref(), Some("amount is 0"));
        assert_eq!(of(r#"{"error":false,"message":"fine"}"#), None);
        assert_eq!(of(r#"{"balance":"5"}"#), None);
        assert_eq!(of("\u{0}"), None);
    }
}
