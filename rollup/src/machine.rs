//! The rollup HTTP API, as the application sees it: in the place of a Cartesi machine.
//!
//! The application asks `/finish` and waits there until there is an input or a question. What it posts until it asks again
//! belongs to that. Questions come before inputs. When the application goes away in the middle, whoever waits for its
//! answer is told so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy::primitives::{Address, Bytes, U256, hex};
use alloy::sol_types::SolCall;
use axum::body::Bytes as Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};

use crate::cartesi::{Inputs, Outputs};
use crate::store::{Answer, InputStatus};

/// As Cartesi's own server.
const MAX_BODY: usize = 5 * 1024 * 1024;

/// Outputs that one input may have, as in a Cartesi machine.
const MAX_OUTPUTS: usize = 65_536;

/// Requests that wait to be handed out.
const QUEUE: usize = 64;

/// What the application is asked.
struct Job {
    /// What `/finish` replies.
    request: Value,
    /// The place in the tree that its first output will have; `None` for a question, which has no outputs.
    first_output: Option<u64>,
    answer: oneshot::Sender<Answer>,
}

/// What the application is at.
struct Current {
    first_output: Option<u64>,
    answer: oneshot::Sender<Answer>,
    outputs: Vec<Vec<u8>>,
    reports: Vec<Vec<u8>>,
}

/// The one application behind the API. Clones are the same.
#[derive(Clone)]
pub struct Machine {
    advances: mpsc::Sender<Job>,
    inspects: mpsc::Sender<Job>,
    desk: Arc<Desk>,
}

struct Desk {
    state: Mutex<Sitting>,
    /// The newest process, for those who wait.
    newest: watch::Sender<u64>,
    waiting: tokio::sync::Mutex<Waiting>,
}

/// Who sits at the desk, and at what. Processes are counted; only the newest is heard.
#[derive(Default)]
struct Sitting {
    process: u64,
    current: Option<Current>,
}

struct Waiting {
    advances: mpsc::Receiver<Job>,
    inspects: mpsc::Receiver<Job>,
}

/// The application went away before it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the application ended before it answered")]
pub struct Gone;

impl Default for Machine {
    fn default() -> Self {
        let ((advances, some_advances), (inspects, some_inspects)) = (mpsc::channel(QUEUE), mpsc::channel(QUEUE));
        let waiting = tokio::sync::Mutex::new(Waiting { advances: some_advances, inspects: some_inspects });
        let (state, newest) = (Mutex::default(), watch::Sender::new(0));
        Self { advances, inspects, desk: Arc::new(Desk { state, newest, waiting }) }
    }
}

impl Machine {
    /// Hands out an input, a call of `EvmAdvance`, and waits for the answer.
    pub async fn advance(&self, raw: &[u8], first_output: u64) -> Result<Answer, Gone> {
        let request = advance_request(raw).ok_or(Gone)?;
        self.ask(&self.advances, request, Some(first_output)).await
    }

    /// Hands out a question, and waits for the answer.
    pub async fn inspect(&self, payload: &[u8]) -> Result<Answer, Gone> {
        let data = json!({ "payload": hex::encode_prefixed(payload) });
        self.ask(&self.inspects, json!({ "request_type": "inspect_state", "data": data }), None).await
    }

    async fn ask(&self, queue: &mpsc::Sender<Job>, request: Value, first_output: Option<u64>) -> Result<Answer, Gone> {
        let (answer, answered) = oneshot::channel();
        queue.send(Job { request, first_output, answer }).await.map_err(|_| Gone)?;
        answered.await.map_err(|_| Gone)
    }

    /// The API for a process that is about to start. Earlier processes are not heard any more, and whoever waits for
    /// their answer is told that they are gone.
    pub fn router(&self) -> Router {
        let process = self.desk.next_process();
        Router::new()
            .route("/finish", post(finish))
            .route("/voucher", post(voucher))
            .route("/delegate-call-voucher", post(delegate_call_voucher))
            .route("/notice", post(notice))
            .route("/report", post(report))
            .route("/exception", post(exception))
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(Seat { desk: self.desk.clone(), process })
    }
}

/// The desk, as one process sees it.
#[derive(Clone)]
struct Seat {
    desk: Arc<Desk>,
    process: u64,
}

#[derive(Deserialize)]
struct Finish {
    status: Verdict,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Accept,
    Reject,
}

/// What a question or an output says, as the application writes it.
#[derive(Deserialize)]
struct Payload {
    payload: Bytes,
}

#[derive(Deserialize)]
struct DelegateCall {
    destination: Address,
    payload: Bytes,
}

#[derive(Deserialize)]
struct Voucher {
    destination: Address,
    #[serde(default)]
    value: U256,
    payload: Bytes,
}

async fn finish(State(seat): State<Seat>, body: Body) -> Response {
    let status = match read::<Finish>(&body) {
        Ok(Finish { status: Verdict::Accept }) => InputStatus::Accepted,
        Ok(Finish { status: Verdict::Reject }) => InputStatus::Rejected,
        Err(why) => return refuse(why),
    };
    seat.answer(status);
    match seat.next().await {
        Some(request) => Json(request).into_response(),
        None => refuse("another process has taken over".to_owned()),
    }
}

async fn voucher(State(seat): State<Seat>, body: Body) -> Response {
    seat.output(read(&body).map(|Voucher { destination, value, payload }| {
        Outputs::VoucherCall { destination, value, payload }.abi_encode()
    }))
}

async fn delegate_call_voucher(State(seat): State<Seat>, body: Body) -> Response {
    seat.output(read(&body).map(|DelegateCall { destination, payload }| {
        Outputs::DelegateCallVoucherCall { destination, payload }.abi_encode()
    }))
}

async fn notice(State(seat): State<Seat>, body: Body) -> Response {
    seat.output(read(&body).map(|Payload { payload }| Outputs::NoticeCall { payload }.abi_encode()))
}

async fn report(State(seat): State<Seat>, body: Body) -> Response {
    match read(&body).and_then(|Payload { payload }| seat.report(payload.to_vec())) {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(why) => refuse(why),
    }
}

async fn exception(State(seat): State<Seat>, body: Body) -> Response {
    match read(&body).and_then(|Payload { payload }| seat.report(payload.to_vec())) {
        Ok(()) => {
            seat.answer(InputStatus::Exception);
            StatusCode::ACCEPTED.into_response()
        }
        Err(why) => refuse(why),
    }
}

impl Desk {
    fn next_process(&self) -> u64 {
        let mut state = self.lock();
        state.process += 1;
        state.current = None;
        self.newest.send_replace(state.process);
        state.process
    }

    fn lock(&self) -> MutexGuard<'_, Sitting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Waits for the next request that somebody still wants answered; `None` when another process has taken over.
    async fn next(&self) -> Option<Value> {
        let mut newest = self.desk.newest.subscribe();
        let mut waiting = tokio::select! {
            biased;
            _ = newest.wait_for(|newest| *newest != self.process) => return None,
            waiting = self.desk.waiting.lock() => waiting,
        };
        loop {
            let Waiting { advances, inspects } = &mut *waiting;
            let job = tokio::select! {
                biased;
                _ = newest.wait_for(|newest| *newest != self.process) => return None,
                job = inspects.recv() => job?,
                job = advances.recv() => job?,
            };
            if job.answer.is_closed() {
                continue;
            }
            let mut state = self.desk.lock();
            if state.process != self.process {
                return None;
            }
            let Job { request, first_output, answer } = job;
            state.current = Some(Current { first_output, answer, outputs: Vec::new(), reports: Vec::new() });
            return Some(request);
        }
    }

    /// Ends what the application is at. What it did not accept has no outputs.
    fn answer(&self, status: InputStatus) {
        let mut state = self.desk.lock();
        if state.process != self.process {
            return;
        }
        if let Some(Current { answer, outputs, reports, .. }) = state.current.take() {
            let outputs = if status == InputStatus::Accepted { outputs } else { Vec::new() };
            // Nobody may be waiting any more.
            answer.send(Answer { status, outputs, reports }).ok();
        }
    }

    fn output(&self, output: Result<Vec<u8>, String>) -> Response {
        let added = output.and_then(|raw| {
            self.with_current(|current| {
                let first = current.first_output.ok_or("an answer to a question has reports only")?;
                if current.outputs.len() >= MAX_OUTPUTS {
                    return Err(format!("an input has at most {MAX_OUTPUTS} outputs"));
                }
                current.outputs.push(raw);
                Ok(first + current.outputs.len() as u64 - 1)
            })
        });
        match added {
            Ok(index) => (StatusCode::CREATED, Json(json!({ "index": index }))).into_response(),
            Err(why) => refuse(why),
        }
    }

    fn report(&self, raw: Vec<u8>) -> Result<(), String> {
        self.with_current(|current| {
            current.reports.push(raw);
            Ok(())
        })
    }

    fn with_current<T>(&self, work: impl FnOnce(&mut Current) -> Result<T, String>) -> Result<T, String> {
        let mut state = self.desk.lock();
        if state.process != self.process {
            return Err("another process has taken over".to_owned());
        }
        let current = state.current.as_mut();
        current.ok_or_else(|| "there is no request to answer; post to /finish first".to_owned()).and_then(work)
    }
}

/// The request that tells an input; `None` if it is no call of `EvmAdvance` with numbers that fit.
fn advance_request(raw: &[u8]) -> Option<Value> {
    let input = Inputs::EvmAdvanceCall::abi_decode(raw).ok()?;
    let short = |number: U256| u64::try_from(number).ok();
    Some(json!({
        "request_type": "advance_state",
        "data": {
            "metadata": {
                "chain_id": short(input.chainId)?,
                "app_contract": input.appContract,
                "msg_sender": input.msgSender,
                "block_number": short(input.blockNumber)?,
                "block_timestamp": short(input.blockTimestamp)?,
                "prev_randao": alloy::primitives::B256::from(input.prevRandao),
                "input_index": short(input.index)?,
            },
            "payload": input.payload,
        },
    }))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body cannot be read: {error}"))
}

fn refuse(why: String) -> Response {
    (StatusCode::BAD_REQUEST, why).into_response()
}
