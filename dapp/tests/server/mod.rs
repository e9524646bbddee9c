//! A rollup server for tests, as both known ones are, and the program as a process beside it.
//!
//! It gives one request at a time, records what the program posts for it, and repeats a request whose end it has not
//! seen when the program comes back. It can misbehave on demand.

// Each test crate uses its own part.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// Until then everything that a test waits for must have happened.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long the server of nonodo's kind holds a `/finish` when there is no request. (nonodo holds it for 5 seconds.)
const HOLD: Duration = Duration::from_millis(5);

/// The application's contract.
pub(crate) const APP: &str = "54451c358b135f7ab3f02d3a9b4306fddd175fb1";

/// Which of the known servers it is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// The one inside a Cartesi machine.
    Guest,
    /// The one of a developer's machine.
    Nonodo,
}

/// What becomes of a connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connections {
    Kept,
    Closed,
}

/// One wrong thing to do, at the next occasion.
#[derive(Clone, Debug)]
pub(crate) enum Trick {
    /// Answers 500 to an output.
    RefuseOutput,
    /// Ends the connection in the middle of the answer to an output.
    CutAnswer,
    /// Ends the connection in the middle of the request that it gives.
    CutRequest,
    /// Answers 202 to so many `/finish`.
    Retry(u32),
    /// Answers 200 and this to `/finish`.
    Say(String),
}

/// What the program posts, as hex, and a report as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Posted {
    Voucher { destination: String, value: String, payload: String },
    DelegateCallVoucher { destination: String, payload: String },
    Notice(String),
    Report(String),
}

/// What the program does with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) is_accepted: bool,
    pub(crate) posted: Vec<Posted>,
}

/// A request that the program has and has not ended.
struct Open {
    request: Value,
    posted: Vec<Posted>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Value>,
    open: Option<Open>,
    answers: Vec<Answer>,
    trick: Option<Trick>,
    /// Over all requests: the position in the tree of outputs.
    n_outputs: u64,
    n_requests: u64,
    /// Which start of the program the server listens to. Others are dead.
    epoch: u64,
    /// Its connection tells the acceptor that all older connections are accepted.
    barrier: Option<SocketAddr>,
    is_stopped: bool,
    connections: Vec<TcpStream>,
}

struct Shared {
    flavour: Flavour,
    connections: Connections,
    state: Mutex<State>,
    changed: Condvar,
}

/// A rollup server on a port of its own.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    pub(crate) fn start(flavour: Flavour, connections: Connections) -> Self {
        Self::serve(TcpListener::bind("127.0.0.1:0").unwrap(), flavour, connections)
    }

    pub(crate) fn serve(listener: TcpListener, flavour: Flavour, connections: Connections) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Shared { flavour, connections, state: Mutex::default(), changed: Condvar::new() };
        let shared = Arc::new(shared);
        let acceptor = Arc::clone(&shared);
        thread::spawn(move || acceptor.accept(&listener));
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn kind(&self) -> (Flavour, Connections) {
        (self.shared.flavour, self.shared.connections)
    }

    /// Gives a request, and waits for its end.
    #[track_caller]
    pub(crate) fn ask(&self, request: Value) -> Answer {
        let n_answers = self.shared.lock().answers.len();
        self.feed([request]);
        self.wait_until("an answer", |state| state.answers.len() > n_answers);
        self.shared.lock().answers[n_answers].clone()
    }

    /// Gives requests without waiting.
    pub(crate) fn feed(&self, requests: impl IntoIterator<Item = Value>) {
        self.shared.lock().waiting.extend(requests);
        self.shared.changed.notify_all();
    }

    #[track_caller]
    pub(crate) fn wait_for_answers(&self, n_answers: usize) {
        self.wait_until("answers", |state| state.answers.len() >= n_answers);
    }

    /// Waits for so many posts of the program in all, answered or not.
    #[track_caller]
    pub(crate) fn wait_for_requests(&self, n_requests: u64) {
        self.wait_until("requests", |state| state.n_requests >= n_requests);
    }

    /// Waits until the program has taken all requests.
    #[track_caller]
    pub(crate) fn wait_for_taken(&self) {
        self.wait_until("an empty queue", |state| state.waiting.is_empty());
    }

    pub(crate) fn n_requests(&self) -> u64 {
        self.shared.lock().n_requests
    }

    pub(crate) fn answers(&self) -> Vec<Answer> {
        self.shared.lock().answers.clone()
    }

    pub(crate) fn trick(&self, trick: Trick) {
        self.shared.lock().trick = Some(trick);
    }

    /// Drops what a dead program has left: its connections, and the outputs of a request that it did not end, which comes
    /// again.
    #[track_caller]
    pub(crate) fn forget(&self) {
        let mut state = self.shared.lock();
        // The acceptor needs the lock, so it knows the barrier when it meets it, behind all that came before.
        let barrier = TcpStream::connect(self.address).unwrap();
        state.barrier = Some(barrier.local_addr().unwrap());
        let before = state.epoch;
        drop(state);
        self.wait_until("the barrier", |state| state.epoch > before);
    }

    /// Goes away, in the middle of whatever happens.
    pub(crate) fn stop(&self) {
        let mut state = self.shared.lock();
        state.is_stopped = true;
        for connection in state.connections.drain(..) {
            // It may be closed already.
            let _ = connection.shutdown(Shutdown::Both);
        }
        drop(state);
        self.shared.changed.notify_all();
        // Wakes the acceptor, which then drops the listener. Nobody is left to answer when it has done so already.
        let _ = TcpStream::connect(self.address);
    }

    #[track_caller]
    fn wait_until(&self, what: &str, is_so: impl Fn(&State) -> bool) {
        let state = self.shared.lock();
        let (state, timeout) = self.shared.changed.wait_timeout_while(state, DEADLINE, |state| !is_so(state)).unwrap();
        // A panic with the lock would be followed by another one when the server is dropped, and end all tests.
        drop(state);
        assert!(!timeout.timed_out(), "{what} did not come in time");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the server sends back.
enum Reply {
    /// A status, and a body.
    Whole(u16, String),
    /// The beginning of an answer, and no more.
    Part,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let (connection, peer) = listener.accept().unwrap();
            let mut state = self.lock();
            if state.is_stopped {
                return;
            }
            if state.barrier == Some(peer) {
                state.barrier = None;
                state.epoch += 1;
                state.connections.clear();
                if let Some(Open { request, .. }) = state.open.take() {
                    state.waiting.push_front(request);
                }
                self.changed.notify_all();
                continue;
            }
            state.connections.push(connection.try_clone().unwrap());
            let (shared, epoch) = (Arc::clone(self), state.epoch);
            // A program that is killed breaks its connections, which is no failure of the server.
            thread::spawn(move || shared.converse(connection, epoch).or_else(is_broken).unwrap());
        }
    }

    fn converse(&self, mut connection: TcpStream, epoch: u64) -> std::io::Result<()> {
        connection.set_nodelay(true)?;
        let mut reader = BufReader::new(connection.try_clone()?);
        while let Some((path, body)) = read_request(&mut reader)? {
            let Some(reply) = self.reply(&path, &body, epoch) else {
                break;
            };
            match reply {
                Reply::Whole(status, body) => {
                    let connections = match self.connections {
                        Connections::Kept => "keep-alive",
                        Connections::Closed => "close",
                    };
                    let head = format!(
                        "HTTP/1.1 {status} Any\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: {connections}\r\n\r\n",
                        body.len()
                    );
                    connection.write_all((head + &body).as_bytes())?;
                    if self.connections == Connections::Closed {
                        break;
                    }
                }
                Reply::Part => {
                    connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"ind")?;
                    break;
                }
            }
        }
        // The copy in the list of connections would hold it open.
        connection.shutdown(Shutdown::Both)
    }

    /// `None` to a program that is dead.
    fn reply(&self, path: &str, body: &Result<Value, String>, epoch: u64) -> Option<Reply> {
        let mut state = self.lock();
        if state.epoch != epoch || state.is_stopped {
            return None;
        }
        state.n_requests += 1;
        self.changed.notify_all();
        let body = match body {
            Ok(body) => body,
            Err(error) => return Some(Reply::Whole(400, error.clone())),
        };
        match path {
            "/finish" => self.finish(state, body, epoch),
            _ => Some(self.put(&mut state, path, body).unwrap_or_else(|error| Reply::Whole(400, error))),
        }
    }

    fn finish(&self, mut state: MutexGuard<'_, State>, body: &Value, epoch: u64) -> Option<Reply> {
        let is_accepted = match body["status"].as_str() {
            Some("accept") => true,
            Some("reject") => false,
            _ => return Some(Reply::Whole(400, "status must be accept or reject".to_owned())),
        };
        match state.open.take() {
            Some(Open { posted, .. }) => state.answers.push(Answer { is_accepted, posted }),
            None if !is_accepted => return Some(Reply::Whole(400, "there is nothing to reject".to_owned())),
            None => {}
        }
        self.changed.notify_all();
        match state.trick.take() {
            Some(Trick::Retry(times)) => {
                state.trick = Some(Trick::Retry(times - 1)).filter(|_| times > 1);
                return Some(Reply::Whole(202, "no rollup request available".to_owned()));
            }
            Some(Trick::Say(body)) => return Some(Reply::Whole(200, body)),
            other => state.trick = other,
        }
        let is_idle = |state: &mut State| state.waiting.is_empty() && state.epoch == epoch && !state.is_stopped;
        state = match self.flavour {
            Flavour::Guest => self.changed.wait_while(state, is_idle).unwrap(),
            Flavour::Nonodo => self.changed.wait_timeout_while(state, HOLD, is_idle).unwrap().0,
        };
        if state.epoch != epoch || state.is_stopped {
            return None;
        }
        let Some(request) = state.waiting.pop_front() else {
            return Some(Reply::Whole(202, "no rollup request available".to_owned()));
        };
        let body = request.to_string();
        state.open = Some(Open { request, posted: Vec::new() });
        self.changed.notify_all();
        if state.trick.take_if(|trick| matches!(trick, Trick::CutRequest)).is_some() {
            return Some(Reply::Part);
        }
        Some(Reply::Whole(200, body))
    }

    fn put(&self, state: &mut State, path: &str, body: &Value) -> Result<Reply, String> {
        let posted = self.read_output(path, body)?;
        let Some(open) = &mut state.open else {
            return Err("there is no request".to_owned());
        };
        if open.request["request_type"] == "inspect_state" && !matches!(posted, Posted::Report(_)) {
            return Err("the answer to an inspect is reports".to_owned());
        }
        match state.trick.take() {
            Some(Trick::RefuseOutput) => return Ok(Reply::Whole(500, "no space left on device".to_owned())),
            Some(Trick::CutAnswer) => return Ok(Reply::Part),
            other => state.trick = other,
        }
        let is_report = matches!(posted, Posted::Report(_));
        open.posted.push(posted);
        if is_report {
            return Ok(Reply::Whole(if self.flavour == Flavour::Guest { 202 } else { 200 }, String::new()));
        }
        let index = state.n_outputs;
        state.n_outputs += 1;
        let status = if self.flavour == Flavour::Guest { 201 } else { 200 };
        Ok(Reply::Whole(status, json!({ "index": index }).to_string()))
    }

    fn read_output(&self, path: &str, body: &Value) -> Result<Posted, String> {
        let hex = |name: &str, n_bytes: Option<usize>| {
            let text = body[name].as_str().ok_or_else(|| format!("{path}: {name} is no text in {body}"))?;
            let digits = text.strip_prefix("0x").filter(|digits| {
                let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
                digits.len() % 2 == 0 && n_bytes.is_none_or(|n| digits.len() == 2 * n) && digits.bytes().all(is_hex)
            });
            digits.map(str::to_owned).ok_or_else(|| format!("{path}: {name} is {text}"))
        };
        Ok(match path {
            "/voucher" => {
                let value = match self.flavour {
                    Flavour::Guest if body.get("value").is_none() => "0".repeat(64),
                    _ => hex("value", Some(32))?,
                };
                Posted::Voucher { destination: hex("destination", Some(20))?, value, payload: hex("payload", None)? }
            }
            "/delegate-call-voucher" => Posted::DelegateCallVoucher {
                destination: hex("destination", Some(20))?,
                payload: hex("payload", None)?,
            },
            "/notice" => Posted::Notice(hex("payload", None)?),
            "/report" => {
                let bytes = alloy_primitives::hex::decode(hex("payload", None)?).expect("the digits are checked");
                Posted::Report(String::from_utf8(bytes).map_err(|error| format!("{path}: {error}"))?)
            }
            _ => return Err(format!("there is no {path}")),
        })
    }
}

fn is_broken(error: std::io::Error) -> std::io::Result<()> {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof => Ok(()),
        _ => Err(error),
    }
}

type Request = (String, Result<Value, String>);

/// The path and the body, which must be JSON and say so. `None` at the end of the connection.
fn read_request(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Request>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        lines[1..].iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    };
    let length = header("content-length").and_then(|length| length.parse().ok());
    let is_json = header("content-type") == Some("application/json");
    let path = match lines[0].split(' ').collect::<Vec<_>>().as_slice() {
        ["POST", path, "HTTP/1.1"] => Ok((*path).to_owned()),
        _ => Err(lines[0].clone()),
    };
    let (Some(length), Ok(path)) = (length, &path) else {
        return Ok(Some((path.unwrap_or_default(), Err(format!("{lines:?} is no post with a length")))));
    };
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = match serde_json::from_slice(&body) {
        _ if !is_json => Err(format!("{path} is not application/json")),
        result => result.map_err(|error| error.to_string()),
    };
    Ok(Some((path.clone(), body)))
}

/// An input as the rollups of generation 2 give it. Addresses are 40 digits.
pub(crate) fn advance(index: u64, time: u64, sender: &str, payload: &[u8]) -> Value {
    let metadata = json!({
        "chain_id": 31337,
        "app_contract": format!("0x{APP}"),
        "msg_sender": format!("0x{sender}"),
        "block_number": 15 + index,
        "block_timestamp": time,
        "prev_randao": format!("0x{}", "42".repeat(32)),
        "input_index": index,
    });
    let payload = alloy_primitives::hex::encode_prefixed(payload);
    json!({ "request_type": "advance_state", "data": { "metadata": metadata, "payload": payload } })
}

/// An input as the rollups of generation 1 give it, with their mixed case of letters.
pub(crate) fn advance_v1(index: u64, time: u64, sender: &str, payload: &[u8]) -> Value {
    let sender: alloy_primitives::Address = sender.parse().unwrap();
    let metadata = json!({
        "msg_sender": sender.to_checksum(None),
        "epoch_index": 0,
        "input_index": index,
        "block_number": 15 + index,
        "timestamp": time,
    });
    let payload = alloy_primitives::hex::encode_prefixed(payload);
    json!({ "request_type": "advance_state", "data": { "metadata": metadata, "payload": payload } })
}

pub(crate) fn inspect(question: &str) -> Value {
    let payload = alloy_primitives::hex::encode_prefixed(question);
    json!({ "request_type": "inspect_state", "data": { "payload": payload } })
}

/// A selector and words, each in as few digits as it needs.
pub(crate) fn calldata(selector: &str, words: &[&str]) -> String {
    let words: String = words.iter().map(|word| format!("{word:0>64}")).collect();
    format!("{selector}{words}")
}

/// A directory for one database, which goes with it.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn make() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The same files at another place.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::make();
        for entry in std::fs::read_dir(&self.0).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.0.join(entry.file_name())).unwrap();
        }
        copy
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("streams.db")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed lies in the target's own directory for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How the program ended: its code, `None` after a signal, and what it wrote.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program while it serves. It ends with its value.
pub(crate) struct Program {
    child: Child,
    /// Line by line, up to the end.
    stderr: Receiver<String>,
}

/// The program with nothing of the environment around the test.
fn command(database: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamable-token"));
    command.env_clear().arg("--database").arg(database).stdin(Stdio::null());
    command
}

/// Runs another command of the program to its end.
pub(crate) fn call(database: &Path, arguments: &[&str]) -> End {
    let output = command(database).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    End { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Program {
    pub(crate) fn start(database: &Path, url: &str) -> Self {
        let mut child = command(database)
            .arg("run")
            .env("ROLLUP_HTTP_SERVER_URL", url)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, stderr) = channel();
        let lines = BufReader::new(child.stderr.take().expect("stderr is a pipe")).lines();
        // The test may have ended and left.
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, stderr }
    }

    /// Waits for the next line on standard error.
    #[track_caller]
    pub(crate) fn wait_for_line(&self) -> String {
        self.stderr.recv_timeout(DEADLINE).expect("the program writes a line")
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for it to end by itself. Gives the code and all lines that nobody waited for.
    #[track_caller]
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let mut lines = Vec::new();
        loop {
            match self.stderr.recv_timeout(DEADLINE) {
                Ok(line) => lines.push(line),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(error) => panic!("the program does not end: {error}"),
            }
        }
        (
            self.child.wait().unwrap().code(),
            lines.join(
                "
",
            ),
        )
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the program wrote: {:?}", self.stderr.try_iter().collect::<Vec<_>>());
        }
    }
}
