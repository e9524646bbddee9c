//! `streamctl list`: the streams that somebody sends or receives, found by their logs or in an index.

use std::fmt;

use alloy::primitives::{Address, U256};
use bindings::Clock;
use clap::{Args, ValueEnum};
use serde::Serialize;
use stream::Terms;

use crate::{
    address::parse_address,
    amount::{Token, short_address},
    chain::{Chain, ChainArgs, clock_name},
    clock::format_time,
    index_api::IndexUrlArgs,
    indexed::{Indexed, IndexedStream},
    lookup::terms,
    output::{Output, exact_terms, text},
    streams::{Parties, State, Trace, find, states, tokens},
    table::{Column, write_table},
};

/// Decimals that the table shows; `--json` has all.
const N_DECIMALS: usize = 4;

/// List streams by their parties, token and state.
///
/// Streams are found by the contract's logs. Nodes that limit how many logs they give at once are asked piece by piece;
/// --from-block makes that shorter, and leaves out the streams that were created before. An index has them at hand, and no
/// RPC endpoint is asked.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl list --sender 0xf39F…\n  \
    streamctl list --recipient 0x7099… --state stopped\n  \
    streamctl list --sender 0xf39F… --index http://127.0.0.1:8620\n  \
    streamctl list --state all --from-block 21000000 --json | jq -r '.streams[].stream_id'")]
pub(crate) struct ListArgs {
    /// Only streams that this address sends.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    sender: Option<Address>,
    /// Only streams that this address receives.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    recipient: Option<Address>,
    /// Only streams in this token.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    token: Option<Address>,
    /// Only streams in this state; open are all that have not ended.
    #[arg(long, value_enum, default_value_t = Wanted::Open)]
    state: Wanted,
    /// Only streams that were created in this block or later.
    #[arg(long, value_name = "BLOCK")]
    from_block: Option<u64>,
    #[command(flatten)]
    index: IndexUrlArgs,
    #[command(flatten)]
    chain: ChainArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Wanted {
    /// Before the start.
    Pending,
    /// Between start and stop.
    Streaming,
    /// After the stop, and not ended.
    Stopped,
    /// Redeemed or settled.
    Ended,
    /// All but ended.
    Open,
    All,
}

/// The streams at one moment.
#[derive(Debug, Serialize)]
struct List {
    #[serde(serialize_with = "text")]
    contract: Address,
    clock: &'static str,
    #[serde(serialize_with = "text")]
    time: u64,
    streams: Vec<Row>,
}

/// A stream; amounts in units of the token, times in units of the contract's clock.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    #[serde(serialize_with = "text")]
    stream_id: U256,
    state: State,
    #[serde(serialize_with = "text")]
    sender: Address,
    #[serde(serialize_with = "text")]
    recipient: Address,
    token: Token,
    /// What an ended stream had is in `ending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<Open>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ending: Option<Ending>,
}

#[derive(Debug, Serialize)]
struct Open {
    #[serde(flatten, serialize_with = "exact_terms")]
    terms: Terms,
    #[serde(serialize_with = "text")]
    withdrawn: u128,
    #[serde(serialize_with = "text")]
    due: u128,
    #[serde(serialize_with = "text")]
    refundable: u128,
    #[serde(serialize_with = "text")]
    update_epoch: u16,
    #[serde(skip)]
    when_stopped: String,
}

/// What the parties got at the end.
#[derive(Debug, Serialize)]
struct Ending {
    #[serde(serialize_with = "text")]
    sender: U256,
    #[serde(serialize_with = "text")]
    recipient: U256,
}

impl ListArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        match &self.index.index {
            Some(url) => self.run_indexed(url, output).await,
            None => self.run_on_chain(output).await,
        }
    }

    async fn run_on_chain(&self, output: &Output) -> eyre::Result<()> {
        let chain = self.chain.connect().await?;
        let parties = Parties { sender: self.sender, recipient: self.recipient };
        let mut traces = find(&chain, parties, self.from_block, output).await?;
        if let Some(token) = self.token {
            traces.retain(|_, trace| trace.token == token);
        }
        let has_ended = traces.values().any(|trace| trace.ending.is_some());
        traces.retain(|_, trace| self.state.takes_ended(trace.ending.is_some()));
        let mut streams = rows(&chain, traces).await?;
        streams.retain(|row| self.state.takes(row.state));
        let list = List { contract: chain.contract, clock: clock_name(chain.clock), time: chain.now, streams };
        self.print(&list, has_ended, output)?;
        chain.report(output);
        Ok(())
    }

    async fn run_indexed(&self, url: &str, output: &Output) -> eyre::Result<()> {
        let index = Indexed::connect(url, &self.chain, output).await?;
        let mut filter = self.filter();
        let mut found = index.all_streams(&filter).await?;
        let since = match self.from_block {
            Some(block) => Some(index.created_since(block).await?),
            None => None,
        };
        let is_since = |stream: &IndexedStream| since.as_ref().is_none_or(|ids| ids.contains(&stream.stream_id));
        found.retain(is_since);
        let mut has_ended = false;
        if found.is_empty() && self.state == Wanted::Open {
            filter.retain(|(name, _)| *name != "state");
            filter.push(("state", "ended".to_owned()));
            has_ended = index.all_streams(&filter).await?.iter().any(is_since);
        }
        let streams = found.iter().map(Row::of).collect::<eyre::Result<_>>()?;
        let list = List { contract: index.contract, clock: clock_name(index.clock), time: index.time()?, streams };
        self.print(&list, has_ended, output)?;
        index.asker.report(output);
        Ok(())
    }

    /// The part of a query that says which streams are wanted.
    fn filter(&self) -> Vec<(&'static str, String)> {
        let addresses = [("sender", self.sender), ("recipient", self.recipient), ("token", self.token)];
        let addresses = addresses.into_iter().filter_map(|(name, address)| Some((name, address?.to_string())));
        addresses.chain([("state", self.state.name().to_owned())]).collect()
    }

    fn print(&self, list: &List, has_ended: bool, output: &Output) -> eyre::Result<()> {
        if list.streams.is_empty() {
            let hint = if has_ended && self.state == Wanted::Open { "; --state all shows ended ones" } else { "" };
            output.note(format_args!("no such streams at {}{hint}", list.contract));
        }
        if output.json || !list.streams.is_empty() {
            output.result(list)?;
        }
        Ok(())
    }
}

impl Wanted {
    /// As the index calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Streaming => "streaming",
            Self::Stopped => "stopped",
            Self::Ended => "ended",
            Self::Open => "open",
            Self::All => "all",
        }
    }

    fn takes(self, state: State) -> bool {
        match self {
            Self::Pending => state == State::Pending,
            Self::Streaming => state == State::Streaming,
            Self::Stopped => state == State::Stopped,
            Self::Ended => state == State::Ended,
            Self::Open => state != State::Ended,
            Self::All => true,
        }
    }

    /// Whether to ask for the state of a stream that has ended, or has not, by the logs.
    fn takes_ended(self, is_ended: bool) -> bool {
        match self {
            Self::Ended => is_ended,
            Self::All => true,
            _ => !is_ended,
        }
    }
}

/// The streams that `traces` tell of, as they are at this moment.
async fn rows(chain: &Chain, traces: impl IntoIterator<Item = (U256, Trace)>) -> eyre::Result<Vec<Row>> {
    let traces: Vec<(U256, Trace)> = traces.into_iter().collect();
    let tokens = tokens(chain, traces.iter().map(|(_, trace)| trace.token)).await?;
    let open: Vec<U256> = traces.iter().filter(|(_, trace)| trace.ending.is_none()).map(|(id, _)| *id).collect();
    let mut states = states(chain, &open).await?.into_iter();
    let row = |(stream_id, trace): (U256, Trace)| {
        let state = if trace.ending.is_none() { states.next() } else { None };
        // A stream may end between the logs and the states; it is then as if it had not been there.
        let open = match state {
            Some(state) if state.sender.is_zero() => return Ok(None),
            Some(state) => {
                let terms = terms(&state)?;
                let open = Open {
                    terms,
                    withdrawn: state.withdrawn,
                    due: state.due,
                    refundable: state.refundable,
                    update_epoch: state.updateEpoch,
                    when_stopped: short_time(chain.clock, terms.stop()),
                };
                Some((open, State::of(&terms, chain.now)))
            }
            None => None,
        };
        let token = tokens.get(&trace.token).cloned();
        let token = token.unwrap_or_else(|| Token::from_answers(trace.token, None, None));
        let (open, state) = open.map_or((None, State::Ended), |(open, state)| (Some(open), state));
        let ending = trace.ending.map(|(sender, recipient)| Ending { sender, recipient });
        let Trace { sender, recipient, .. } = trace;
        Ok(Some(Row { stream_id, state, sender, recipient, token, open, ending }))
    };
    traces.into_iter().map(row).filter_map(Result::transpose).collect()
}

/// A time as short as a table needs it.
fn short_time(clock: Clock, time: u64) -> String {
    match clock {
        Clock::Block => time.to_string(),
        Clock::Timestamp => format_time(clock, time).chars().take(10).collect(),
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_streams(f, &self.streams)
    }
}

/// Writes the table of streams.
pub(super) fn write_streams(f: &mut fmt::Formatter<'_>, streams: &[Row]) -> fmt::Result {
    let columns = [
        Column::Right("ID"),
        Column::Left("STATE"),
        Column::Left("SENDER"),
        Column::Left("RECIPIENT"),
        Column::Right("DUE"),
        Column::Right("TO COME"),
        Column::Left("TOKEN"),
        Column::Left("STOP"),
    ];
    let cells: Vec<Vec<String>> = streams.iter().map(|row| row.cells().to_vec()).collect();
    write_table(f, &columns, &cells)
}

impl Row {
    /// The stream as an index tells it.
    ///
    /// # Errors
    /// If it has terms that no contract accepts.
    pub(super) fn of(stream: &IndexedStream) -> eyre::Result<Self> {
        let open = match stream.ending {
            Some(_) => None,
            None => {
                let terms = stream.terms()?;
                let (withdrawn, due, refundable) = (stream.withdrawn, stream.due, stream.refundable);
                let when_stopped = short_time(stream.clock()?, terms.stop());
                Some(Open { terms, withdrawn, due, refundable, update_epoch: stream.update_epoch, when_stopped })
            }
        };
        let ending = stream.ending.map(|ending| Ending { sender: ending.sender, recipient: ending.recipient });
        let IndexedStream { stream_id, state, sender, recipient, .. } = *stream;
        Ok(Self { stream_id, state, sender, recipient, token: stream.token(), open, ending })
    }

    fn cells(&self) -> [String; 8] {
        let amount = |units: u128| short_amount(&self.token, units);
        let (due, left, stop) = match &self.open {
            Some(open) => (amount(open.due), amount(open.refundable), open.when_stopped.clone()),
            None => Default::default(),
        };
        [
            self.stream_id.to_string(),
            self.state.to_string(),
            short_address(self.sender),
            short_address(self.recipient),
            due,
            left,
            self.token.symbol.clone(),
            stop,
        ]
    }
}

/// An amount cut to a few decimals; what is cut off is marked.
fn short_amount(token: &Token, units: u128) -> String {
    let amount = crate::amount::format_amount(U256::from(units), token.decimals);
    match amount.split_once('.') {
        Some((whole, fraction)) if fraction.len() > N_DECIMALS => format!("{whole}.{}…", &fraction[..N_DECIMALS]),
        _ => amount,
    }
}
