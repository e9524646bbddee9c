//! What the index asks of a chain, with answers that hold together. The only file that names methods of Ethereum's
//! JSON-RPC.

use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};
use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{runtime::Handle, sync::watch, time::timeout};

use crate::{
    Error, Result,
    block::Blocks,
    config::ChainConfig,
    kind::{Call, Reader},
    metrics::Calls,
    rpc::{
        Answer, Bounds, Filter, Header, Logs, Question, Reply, Rpc,
        checks::{Violation, linked, placed, suspicious},
        ranges::Ranges,
    },
};

/// How often answers that do not hold together are asked for again.
const CHECK_ROUNDS: usize = 4;
/// An endpoint whose head is further behind that of another is set aside.
const MAX_LAG: u64 = 3;
/// How long the head of an endpoint that is not the preferred one is waited for.
const GRACE: Duration = Duration::from_secs(1);
/// What blocks that cannot change any more are asked for by, the one that promises most first.
const FINAL_TAGS: [&str; 2] = ["finalized", "safe"];
/// Gas of a call. What anybody may have written ends with it at the same place for everyone, long before a node gives up
/// on it; and it does not pay for an answer of a mebibyte.
const CALL_GAS: u64 = 2_000_000;

/// A chain.
#[derive(Debug)]
pub struct Chain {
    rpc: Rpc,
    ranges: Mutex<Ranges>,
    /// The height of the last head that was given; beyond all before there was one.
    head: AtomicU64,
    /// The place of the best tag in [`FINAL_TAGS`] that has been answered; beyond all before one was.
    final_tag: AtomicUsize,
}

/// An answer that holds together, or what is wrong with it and whose word it is.
type Judged<T> = Result<T, (Violation, usize)>;

/// Blocks whose headers and logs hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// One of each block, in order, each the parent of the next.
    pub headers: Vec<Header>,
    /// All logs that were asked for, in order.
    pub logs: Logs,
}

impl Chain {
    /// The chain that is configured. Asks nobody yet.
    ///
    /// # Errors
    /// If there is no endpoint, or a URL or a limit is none.
    pub fn new(config: &ChainConfig, bounds: Bounds) -> Result<Self> {
        let rpc = Rpc::new(config, bounds)?;
        Ok(Self {
            rpc,
            ranges: Mutex::default(),
            head: AtomicU64::new(u64::MAX),
            final_tag: AtomicUsize::new(usize::MAX),
        })
    }

    /// Counts what is asked of its endpoints.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.rpc.calls()
    }

    /// The newest block. The first time, and when the preferred endpoint knows none that is higher than the last, the
    /// others are asked as well.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub async fn head(&self) -> Result<Header> {
        let latest = Question::new("eth_getBlockByNumber", ("latest", false));
        let reply: Reply<Header> = self.rpc.ask(latest.clone()).await?;
        let preferred = reply.endpoint;
        let mut head = self.block(reply)?.ok_or_else(|| self.says(preferred, "it has no newest block"))?;
        if head.block.number <= self.head.load(Ordering::Relaxed) && self.rpc.n_endpoints() > 1 {
            let others = (0..self.rpc.n_endpoints()).filter(|endpoint| *endpoint != preferred);
            let asked = others.map(|endpoint| timeout(GRACE, self.rpc.ask_at::<Header>(endpoint, &latest)));
            for answer in join_all(asked).await {
                if let Ok(Some(Answer::Value(other))) = answer
                    && other.block.number > head.block.number
                {
                    if other.block.number - head.block.number > MAX_LAG {
                        self.rpc.set_aside(preferred);
                    }
                    head = other;
                }
            }
        }
        self.head.store(head.block.number, Ordering::Relaxed);
        Ok(head)
    }

    /// The newest block that is final, or else safe; nothing if the chain has never known either. Once the chain has told
    /// one of them, nothing that promises less is taken in its place.
    ///
    /// # Errors
    /// If no endpoint answers, or none knows what was known before.
    pub async fn finalized(&self) -> Result<Option<Header>> {
        for (place, tag) in FINAL_TAGS.into_iter().enumerate() {
            let reply = self.rpc.ask(Question::new("eth_getBlockByNumber", (tag, false))).await?;
            match reply.answer {
                Answer::Value(header) => {
                    self.final_tag.fetch_min(place, Ordering::Relaxed);
                    return Ok(Some(header));
                }
                Answer::Unknown | Answer::Refused(_) if self.final_tag.load(Ordering::Relaxed) > place => {}
                other => return Err(self.refuses(reply.endpoint, &format!("the {tag} block"), &other)),
            }
        }
        Ok(None)
    }

    /// The header of a height; nothing if there is no such block.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub async fn header_by_number(&self, number: u64) -> Result<Option<Header>> {
        let reply = self.rpc.ask(by_number(number)).await?;
        self.block(reply)
    }

    /// The header of a hash; nothing if no such block is on the chain.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub async fn header_by_hash(&self, hash: B256) -> Result<Option<Header>> {
        let reply = self.rpc.ask(Question::new("eth_getBlockByHash", (hash, false))).await?;
        self.block(reply)
    }

    /// The headers of `blocks`, in order; nothing for those that are not there. They need not be linked.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub async fn headers(&self, blocks: Blocks) -> Result<Vec<Option<Header>>> {
        let questions: Vec<Question> = (blocks.first..=blocks.last).map(by_number).collect();
        let replies = self.rpc.ask_all(&questions, None).await?;
        replies.into_iter().map(|reply| self.block(reply)).collect()
    }

    /// How many blocks are worth asking the logs of at a time, as learned from the answers so far.
    #[must_use]
    pub fn n_blocks_at_a_time(&self) -> u64 {
        self.ranges().n_blocks()
    }

    /// The logs of `blocks` that `filter` asks for, unchecked. A range that is too large is asked for in parts.
    ///
    /// # Errors
    /// If no endpoint answers, or a single block is too much for it.
    pub async fn logs(&self, blocks: Blocks, filter: &Filter) -> Result<Logs> {
        match self.gather(blocks, filter).await? {
            Ok((logs, _)) => Ok(logs),
            Err((violation, endpoint)) => Err(self.says(endpoint, &violation.to_string())),
        }
    }

    /// The logs, and the endpoint that gave the last of them.
    async fn gather(&self, blocks: Blocks, filter: &Filter) -> Result<Judged<(Logs, usize)>> {
        let mut logs = Logs::default();
        let mut rest = blocks;
        // Each round either passes a part or makes it smaller.
        loop {
            let part = self.ranges().first_of(rest);
            let question = Question::new("eth_getLogs", [filter.of_blocks(part)]);
            let question = if part.first == part.last { question.indivisible() } else { question };
            let reply = match self.rpc.ask::<Logs>(question).await {
                Ok(reply) => reply,
                Err(error) => {
                    self.ranges().unanswered(part);
                    return Err(error);
                }
            };
            let has_less = match reply.answer {
                Answer::Value(found) => {
                    self.ranges().answered(part, reply.n_bytes);
                    logs.append(found);
                    if part.last == rest.last {
                        return Ok(Ok((logs, reply.endpoint)));
                    }
                    rest.first = part.last + 1;
                    continue;
                }
                Answer::TooLarge(hint) => self.ranges().refused(part, hint),
                Answer::Overflow => self.ranges().overflowed(part, reply.n_bytes),
                other => return Err(self.refuses(reply.endpoint, &format!("the logs of blocks {part}"), &other)),
            };
            if !has_less {
                return Ok(Err((Violation::TooManyLogs(part.first), reply.endpoint)));
            }
        }
    }

    /// Headers and logs of `blocks` that hold together: headers are linked; every log is one of theirs, was asked for, and
    /// comes once and in order; a block whose bloom promises logs has some, or a second question says that it has none;
    /// and the last block is still the same afterwards. What does not hold together is asked for again, of another
    /// endpoint if there is one.
    ///
    /// # Errors
    /// If no endpoint answers, or no answers hold together; the text names what is wrong. If a block is not there, at
    /// once, because the head has gone back.
    pub async fn checked(&self, blocks: Blocks, filter: &Filter) -> Result<Checked> {
        let mut round = 1;
        loop {
            let (violation, endpoint) = match self.look(blocks, filter).await? {
                Ok(checked) => return Ok(checked),
                Err(found) => found,
            };
            let is_gone = matches!(violation, Violation::Missing(_) | Violation::EndGone(_));
            // The only endpoint is asked for its head at once.
            if !is_gone || self.rpc.n_endpoints() > 1 {
                self.rpc.set_aside(endpoint);
            }
            if is_gone || round == CHECK_ROUNDS {
                return Err(self.says(endpoint, &violation.to_string()));
            }
            round += 1;
        }
    }

    /// One look at `blocks`: what they hold, or what is wrong and whose word it is.
    async fn look(&self, blocks: Blocks, filter: &Filter) -> Result<Judged<Checked>> {
        let questions: Vec<Question> = (blocks.first..=blocks.last).map(by_number).collect();
        let replies = self.rpc.ask_all(&questions, None).await?;
        let endpoint = replies.last().map_or(0, |reply| reply.endpoint);
        let answers: Result<Vec<Option<Header>>> = replies.into_iter().map(|reply| self.block(reply)).collect();
        let headers = match linked(blocks, answers?) {
            Ok(headers) => headers,
            Err(violation) => return Ok(Err((violation, endpoint))),
        };
        let (logs, endpoint) = match self.gather(blocks, filter).await? {
            Ok(gathered) => gathered,
            Err(found) => return Ok(Err(found)),
        };
        if let Err(violation) = placed(&headers, &logs, filter) {
            return Ok(Err((violation, endpoint)));
        }
        if let Some(violation) = self.withheld(&suspicious(&headers, &logs, filter), filter, endpoint).await? {
            return Ok(Err((violation, endpoint)));
        }
        let end = headers.last().expect("a range is never empty").block;
        let number = end.number;
        let reply = self.rpc.ask(by_number(number)).await?;
        let endpoint = reply.endpoint;
        Ok(match self.block(reply)? {
            None => Err((Violation::EndGone(number), endpoint)),
            Some(after) if after.block.hash != end.hash => {
                Err((Violation::EndChanged { number, before: end.hash, after: after.block.hash }, endpoint))
            }
            Some(_) => Ok(Checked { headers, logs }),
        })
    }

    /// Asks for the logs of blocks that seem to have some, by hash and not of the endpoint that gave none, if possible.
    async fn withheld(&self, headers: &[&Header], filter: &Filter, endpoint: usize) -> Result<Option<Violation>> {
        let question =
            |header: &&Header| Question::new("eth_getLogs", [filter.of_block(header.block.hash)]).indivisible();
        let questions: Vec<Question> = headers.iter().map(question).collect();
        let replies = self.rpc.ask_all::<Logs>(&questions, Some(endpoint)).await?;
        for (header, reply) in headers.iter().zip(replies) {
            let number = header.block.number;
            match reply.answer {
                Answer::Value(logs) if logs.is_empty() => {}
                Answer::Value(_) => return Ok(Some(Violation::Withheld(number))),
                Answer::Unknown => return Ok(Some(Violation::EndGone(number))),
                other => return Err(self.refuses(reply.endpoint, &format!("the logs of block {number}"), &other)),
            }
        }
        Ok(None)
    }

    /// The answers of contracts as of the block of this hash, or of the newest, in the order of the calls; nothing for a
    /// call that reverts, has no contract, or fails in a way that is its own: strangers' code must not stop an index.
    ///
    /// # Errors
    /// If no endpoint answers, knows the block, or has its state.
    pub async fn read(&self, calls: &[Call], at: Option<B256>) -> Result<Vec<Option<Bytes>>> {
        // By hash, because an endpoint that is behind has a newest block too.
        let hash = match at {
            Some(hash) => hash,
            None => self.head().await?.block.hash,
        };
        let block = json!({ "blockHash": hash });
        let question = |call: &Call| {
            let call = json!({ "to": call.to, "data": call.input, "gas": format!("{CALL_GAS:#x}") });
            Question::new("eth_call", (call, &block))
        };
        let questions: Vec<Question> = calls.iter().map(question).collect();
        let replies = self.rpc.ask_all::<Bytes>(&questions, None).await?;
        let mut answers = Vec::with_capacity(calls.len());
        for (call, (question, reply)) in calls.iter().zip(questions.iter().zip(replies)) {
            answers.push(match reply.answer {
                Answer::Value(output) => Some(output).filter(|output| !output.is_empty()),
                Answer::Refused(_) | Answer::TooLarge(_) | Answer::Overflow
                    if self.is_at_fault(question, &block).await? =>
                {
                    None
                }
                Answer::Reverted => None,
                Answer::Unknown | Answer::Refused(_)
                    if at.is_some() && self.lacks_state(reply.endpoint, hash).await =>
                {
                    return Err(self.no_state(call, hash).await?);
                }
                // Of the newest block, every node has the state a moment later.
                Answer::NoState if at.is_some() => return Err(self.no_state(call, hash).await?),
                Answer::Unknown => {
                    return Err(self.says(reply.endpoint, &format!("there is no block {hash}")));
                }
                other => return Err(self.refuses(reply.endpoint, &format!("a call of {}", call.to), &other)),
            });
        }
        Ok(answers)
    }

    /// Whether a call that was refused is refused again, while one that asks nothing of nobody is answered.
    async fn is_at_fault(&self, refused: &Question, block: &Value) -> Result<bool> {
        let again: Reply<Bytes> = self.rpc.ask(refused.clone()).await?;
        let empty: Reply<Bytes> = self.rpc.ask(call_of_nobody(block)).await?;
        let is_refused = matches!(again.answer, Answer::Refused(_) | Answer::TooLarge(_) | Answer::Overflow);
        Ok(is_refused && matches!(empty.answer, Answer::Value(_)))
    }

    /// Whether an endpoint has the header of a block and answers no call in it. Nodes without its state say so in many
    /// words, and some say that there is no such block.
    async fn lacks_state(&self, endpoint: usize, hash: B256) -> bool {
        let header = Question::new("eth_getBlockByHash", (hash, false));
        let header = self.rpc.ask_at::<Header>(endpoint, &header).await;
        let empty = self.rpc.ask_at::<Bytes>(endpoint, &call_of_nobody(&json!({ "blockHash": hash }))).await;
        matches!(header, Some(Answer::Value(_)))
            && matches!(empty, Some(Answer::Unknown | Answer::Refused(_) | Answer::NoState))
    }

    async fn no_state(&self, call: &Call, at: B256) -> Result<Error> {
        let Some(header) = self.header_by_hash(at).await? else {
            return Ok(Error::Endpoint(format!(
                "no endpoint has the block that a call of contract {} is about",
                call.to
            )));
        };
        Ok(Error::NoState {
            block: header.block.number,
            what: format!("a call of contract {}", call.to),
            remedy: "remove the source that calls it".to_owned(),
        })
    }

    fn block(&self, reply: Reply<Header>) -> Result<Option<Header>> {
        match reply.answer {
            Answer::Value(header) => Ok(Some(header)),
            Answer::Unknown => Ok(None),
            other => Err(self.refuses(reply.endpoint, "a header", &other)),
        }
    }

    fn refuses<T>(&self, endpoint: usize, what: &str, answer: &Answer<T>) -> Error {
        let reason = match answer {
            Answer::Refused(reason) => reason,
            Answer::TooLarge(_) | Answer::Overflow => "it is too large",
            Answer::NoState => "the state is not there",
            Answer::Reverted => "it reverts",
            Answer::Unknown => "there is no such block",
            Answer::Value(_) => "the answer does not fit",
        };
        self.says(endpoint, &format!("{what} cannot be had: {reason}"))
    }

    fn says(&self, endpoint: usize, what: &str) -> Error {
        Error::Endpoint(format!("{}: {what}", self.rpc.host(endpoint)))
    }

    fn ranges(&self) -> MutexGuard<'_, Ranges> {
        self.ranges.lock().expect("nobody panics with the lock")
    }
}

fn by_number(number: u64) -> Question {
    Question::new("eth_getBlockByNumber", (format!("{number:#x}"), false))
}

/// A call that asks nothing, which every node that has the block's state answers.
fn call_of_nobody(block: &Value) -> Question {
    Question::new("eth_call", (json!({ "to": Address::ZERO, "data": "0x" }), block))
}

/// Reads contracts for code that does not wait by itself. Must not be used on a thread of the runtime.
#[derive(Clone, Debug)]
pub struct BlockingReader {
    chain: Arc<Chain>,
    runtime: Handle,
    /// Of all clones.
    is_stopped: Arc<watch::Sender<bool>>,
}

impl BlockingReader {
    /// Reads `chain` on `runtime`.
    #[must_use]
    pub fn new(chain: Arc<Chain>, runtime: Handle) -> Self {
        Self { chain, runtime, is_stopped: Arc::new(watch::Sender::new(false)) }
    }
}

impl Reader for BlockingReader {
    fn read(&self, calls: &[Call], at: Option<B256>) -> Result<Vec<Option<Bytes>>> {
        let mut is_stopped = self.is_stopped.subscribe();
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = is_stopped.wait_for(|is_stopped| *is_stopped) => {
                    Err(Error::Endpoint("the index ends before the chain answers".to_owned()))
                }
                answers = self.chain.read(calls, at) => answers,
            }
        })
    }

    fn stop(&self) {
        self.is_stopped.send_replace(true);
    }
}
