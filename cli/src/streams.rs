//! Many streams: found by their logs, read in batches. Asks in bounded ranges, and for no more than is needed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use alloy::{
    primitives::{Address, U256, map::HashMap},
    providers::Provider,
    rpc::types::{Filter, Log, TransactionRequest},
    sol_types::{SolCall, SolEvent, SolEventInterface},
    transports::{RpcError, TransportError, TransportErrorKind},
};
use bindings::IMoneyStreaming::{
    IMoneyStreamingEvents as Event, LogCreate, LogExecuteUpdate, LogRedeem, StreamState, getStreamsCall,
};
use clap::ValueEnum;
use eyre::{WrapErr, bail, ensure};
use serde::{Deserialize, Serialize};
use stream::Terms;

use crate::{
    amount::{Token, counted, grouped},
    chain::{Chain, Node, ask, token_queries},
    output::Output,
    probe::{Answer, Query},
    scan::{Refusal, Scan},
};

/// Streams whose states are read in one call. A stream takes about 10,000 gas, so that this stays far below what any
/// node allows a call.
const N_STATES: usize = 250;

/// Tokens that are asked in one call. Symbols are short, so that the answers stay within the 24 KB of a probe.
const N_TOKENS: usize = 40;

/// A scan in so many ranges is announced, because it takes its time.
const N_RANGES_QUIET: u64 = 20;

/// Whose streams to find; without a party, everybody's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parties {
    pub(crate) sender: Option<Address>,
    pub(crate) recipient: Option<Address>,
}

/// What the logs say of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) sender: Address,
    pub(crate) recipient: Address,
    /// The token by the latest update.
    pub(crate) token: Address,
    /// What the sender and the recipient got at the end; `None` if the stream has not ended.
    pub(crate) ending: Option<(U256, U256)>,
}

/// The streams of `parties` that were created in `from_block` or later, by their ids.
///
/// # Errors
/// If the node does not give the logs, however few blocks it is asked about.
pub(crate) async fn find(
    chain: &Chain,
    parties: Parties,
    from_block: Option<u64>,
    output: &Output,
) -> eyre::Result<BTreeMap<U256, Trace>> {
    traces(&logs(chain, filter(chain, parties), from_block, output).await?)
}

/// The logs that `filter` describes in `from_block` or later, all at once if the node gives them so.
///
/// # Errors
/// If the node does not give them, however few blocks it is asked about.
pub(crate) async fn logs(
    chain: &Chain,
    filter: Filter,
    from_block: Option<u64>,
    output: &Output,
) -> eyre::Result<Vec<Log>> {
    let filter = filter.from_block(from_block.unwrap_or(0));
    match chain.provider.get_logs(&filter).await {
        Ok(logs) => Ok(logs),
        Err(error) if refusal(&error) == Refusal::Other => Err(chain.sentence(error)),
        Err(_) => scan(chain, filter, from_block, output).await,
    }
}

/// The logs that `filter` asks for, if the node gives them all at once.
pub(crate) async fn logs_at_once(chain: &Chain, filter: Filter) -> Option<Vec<Log>> {
    chain.provider.get_logs(&filter.from_block(0)).await.ok()
}

/// What the logs say of the stream `id`, if the node gives them all at once.
pub(crate) async fn trace(chain: &Chain, id: U256) -> eyre::Result<Option<Trace>> {
    let filter = filter(chain, Parties::default()).topic1(id);
    let logs = logs_at_once(chain, filter).await.unwrap_or_default();
    Ok(traces(&logs)?.remove(&id))
}

/// The states of the streams `ids`, in their order; zeros stand for streams that have ended.
pub(crate) async fn states(chain: &Chain, ids: &[U256]) -> eyre::Result<Vec<StreamState>> {
    let mut states = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(N_STATES) {
        let call = getStreamsCall { streamIds: chunk.to_vec() };
        let request = TransactionRequest::default().to(chain.contract).input(call.abi_encode().into());
        let answer = chain.provider.call(request).latest().await.map_err(|error| chain.sentence(error))?;
        states.extend(getStreamsCall::abi_decode_returns(&answer).wrap_err("reading the states of streams")?);
    }
    ensure!(states.len() == ids.len(), "{} answers for {} streams", chain.contract, ids.len());
    Ok(states)
}

/// What it takes to write amounts of the tokens at `addresses`. A token that does not answer has whole units, so that
/// nobody can hide a person's streams behind one of a token that spoils the answers.
pub(crate) async fn tokens(
    node: &Node,
    addresses: impl IntoIterator<Item = Address>,
) -> eyre::Result<HashMap<Address, Token>> {
    let addresses: BTreeSet<Address> = addresses.into_iter().collect();
    let addresses: Vec<Address> = addresses.into_iter().collect();
    let mut tokens = HashMap::default();
    for chunk in addresses.chunks(N_TOKENS) {
        let together = ask_tokens(node, chunk).await?;
        for (i, address) in chunk.iter().enumerate() {
            let answers = match together.get(2 * i..2 * i + 2) {
                Some(answers) if chunk.len() == 1 || answers.iter().all(|answer| answer.success) => answers.to_vec(),
                // One token can spoil the answers of all, by their length or by the gas that it burns.
                _ => ask_tokens(node, &[*address]).await?,
            };
            let returned = |i: usize| answers.get(i).and_then(Answer::returned);
            tokens.insert(*address, Token::from_answers(*address, returned(0), returned(1)));
        }
    }
    Ok(tokens)
}

/// Nothing if the tokens make the call fail.
async fn ask_tokens(node: &Node, addresses: &[Address]) -> eyre::Result<Vec<Answer>> {
    let queries: Vec<Query> = addresses.iter().flat_map(|address| token_queries(*address)).collect();
    match ask(&node.provider, &queries).await {
        Ok(Ok(answers)) => Ok(answers.answers),
        Ok(Err(_)) | Err(RpcError::ErrorResp(_)) => Ok(Vec::new()),
        Err(error) => Err(node.sentence(error)),
    }
}

/// All logs that tell of the life of streams; the three events have their parties in the same places.
fn filter(chain: &Chain, parties: Parties) -> Filter {
    let topics = vec![LogCreate::SIGNATURE_HASH, LogExecuteUpdate::SIGNATURE_HASH, LogRedeem::SIGNATURE_HASH];
    let mut filter = Filter::new().address(chain.contract).event_signature(topics);
    if let Some(sender) = parties.sender {
        filter = filter.topic2(sender.into_word());
    }
    if let Some(recipient) = parties.recipient {
        filter = filter.topic3(recipient.into_word());
    }
    filter
}

/// Range by range, from the contract's deployment on.
async fn scan(chain: &Chain, filter: Filter, from_block: Option<u64>, output: &Output) -> eyre::Result<Vec<Log>> {
    // Not the contract's block number, which is another chain's on some rollups.
    let last = chain.provider.get_block_number().await.map_err(|error| chain.sentence(error))?;
    let first = match from_block {
        Some(block) => block,
        None => deployment_block(chain, chain.contract, last).await,
    };
    let mut scan = Scan::new(first, last);
    let mut logs = Vec::new();
    let mut is_announced = false;
    while let Some((first, last)) = scan.range() {
        match chain.provider.get_logs(&filter.clone().from_block(first).to_block(last)).await {
            Ok(found) => {
                logs.extend(found);
                scan.advance();
                if !is_announced && scan.n_ranges() > N_RANGES_QUIET {
                    is_announced = true;
                    let n_ranges = counted(scan.n_ranges(), "request");
                    output.note(format_args!(
                        "the node limits how many logs it gives at once: about {n_ranges} to go; --from-block makes it less"
                    ));
                }
            }
            Err(error) => {
                if !scan.shrink(refusal(&error)) {
                    return Err(chain.sentence(error));
                }
            }
        }
        if scan.is_endless() {
            bail!(
                "the node gives so few logs at once that it takes {} requests; pass --from-block, or use another --rpc-url",
                grouped(scan.n_ranges())
            );
        }
    }
    Ok(logs)
}

/// The block that deployed the contract, at `last` or before; 0 if the node does not know old states.
pub(crate) async fn deployment_block(node: &Node, contract: Address, last: u64) -> u64 {
    let (mut without, mut with) = (0, last);
    while without < with {
        let middle = without + (with - without) / 2;
        match node.provider.get_code_at(contract).number(middle).await {
            Ok(code) if code.is_empty() => without = middle + 1,
            Ok(_) => with = middle,
            Err(_) => return 0,
        }
    }
    with
}

fn refusal(error: &TransportError) -> Refusal {
    match error {
        RpcError::ErrorResp(error) => Refusal::of(&error.message),
        // Some say it in the body of a bad request.
        RpcError::Transport(TransportErrorKind::HttpError(error)) if matches!(error.status, 400 | 413) => {
            Refusal::of(&error.body)
        }
        _ => Refusal::Other,
    }
}

/// What `logs`, in their order, tell of the streams that they create.
fn traces(logs: &[Log]) -> eyre::Result<BTreeMap<U256, Trace>> {
    let mut traces = BTreeMap::new();
    for log in logs {
        let event = Event::decode_log(&log.inner).wrap_err("reading the logs of the stream contract")?.data;
        match event {
            Event::LogCreate(log) => {
                let trace =
                    Trace { sender: log._sender, recipient: log._recipient, token: log._tokenAddress, ending: None };
                traces.insert(log._streamId, trace);
            }
            // Streams from before the first block that was asked about are not in the map.
            Event::LogExecuteUpdate(log) => {
                if let Some(trace) = traces.get_mut(&log._newStreamId) {
                    trace.token = log._newTokenAddress;
                }
            }
            Event::LogRedeem(log) => {
                if let Some(trace) = traces.get_mut(&log._streamId) {
                    trace.ending = Some((log._senderBalance, log._recipientBalance));
                }
            }
            _ => {}
        }
    }
    Ok(traces)
}

/// Where in its life a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Before the start.
    Pending,
    Streaming,
    /// All has accrued, and nobody has ended it.
    Stopped,
    Ended,
}

impl State {
    /// The state, at `time`, of a stream that has not ended.
    pub(crate) fn of(terms: &Terms, time: u64) -> Self {
        if time < terms.start() {
            Self::Pending
        } else if time < terms.stop() {
            Self::Streaming
        } else {
            Self::Stopped
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Pads as the table asks for.
        f.pad(match self {
            Self::Pending => "pending",
            Self::Streaming => "streaming",
            Self::Stopped => "stopped",
            Self::Ended => "ended",
        })
    }
}
