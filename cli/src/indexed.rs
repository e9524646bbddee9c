//! Streams as an index tells of them, for the commands that else read the chain. Everything is as of one block, which the
//! first answer names and all others are asked for.

use std::{collections::BTreeSet, fmt::Display, str::FromStr};

use alloy::primitives::{Address, U256};
use bindings::Clock;
use eyre::{WrapErr, bail, ensure, eyre};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Number, Value};
use stream::{Rate, Terms, Timeframe};

use crate::{
    amount::{Token, counted, grouped},
    chain::{ChainArgs, clock_name},
    clock::{BlockTime, Calendar, Now, Pace, Sample, window},
    index_api::Asker,
    node::printable,
    output::Output,
    streams::State,
};

/// Streams that are read at most; the chain gives no more in one answer.
const STREAMS_LIMIT: usize = 100_000;

/// The kind of a source of streams.
const KIND: &str = "erc1620";

/// Said of what has a clock by another name.
const UNKNOWN_CLOCK: &str = "runs on a clock that streamctl does not know";

/// A stream contract as an index knows it.
#[derive(Clone, Debug)]
pub(crate) struct Indexed {
    pub(crate) asker: Asker,
    pub(crate) contract: Address,
    pub(crate) clock: Clock,
    pub(crate) at: AsOf,
    /// The source that has the contract.
    source: String,
}

/// The block that answers are of.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct AsOf {
    pub(crate) block: u64,
    timestamp: Option<u64>,
}

/// A stream at a block; amounts in units of the token, times in units of the contract's clock.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct IndexedStream {
    pub(crate) contract: Address,
    #[serde(deserialize_with = "decimal")]
    pub(crate) stream_id: U256,
    pub(crate) state: State,
    pub(crate) sender: Address,
    pub(crate) recipient: Address,
    pub(crate) token: Address,
    token_symbol: Option<String>,
    token_decimals: Option<Number>,
    clock: String,
    pub(crate) time: u64,
    start: u64,
    stop: u64,
    #[serde(deserialize_with = "decimal")]
    payment: u128,
    interval: u64,
    #[serde(deserialize_with = "decimal")]
    pub(crate) withdrawn: u128,
    #[serde(deserialize_with = "decimal")]
    pub(crate) due: u128,
    #[serde(deserialize_with = "decimal")]
    pub(crate) refundable: u128,
    pub(crate) update_epoch: u16,
    pub(crate) ending: Option<IndexedEnding>,
}

/// What the parties got at the end.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct IndexedEnding {
    #[serde(deserialize_with = "decimal")]
    pub(crate) sender: U256,
    #[serde(deserialize_with = "decimal")]
    pub(crate) recipient: U256,
}

#[derive(Debug, Deserialize)]
struct Status {
    as_of: Option<AsOf>,
    chain_id: u64,
    head: Option<u64>,
    lag_blocks: Option<u64>,
    is_connected: bool,
    sources: Vec<Source>,
}

#[derive(Debug, Deserialize)]
struct Source {
    name: String,
    kind: String,
    #[serde(default)]
    contracts: Vec<Contract>,
}

#[derive(Debug, Deserialize)]
struct Contract {
    contract: Address,
    clock: Option<String>,
}

impl Indexed {
    /// The stream contract that `args` mean, in the index at `url`. Warns if the index is not at the chain's head.
    ///
    /// # Errors
    /// If the index does not answer, is of another chain, or cannot tell which clock the contract has.
    pub(crate) async fn connect(url: &str, args: &ChainArgs, output: &Output) -> eyre::Result<Self> {
        let asker = Asker::at(url)?;
        let status: Status = read(&asker, asker.get("/v1/status", &[]).await?)?;
        if let Some(wanted) = args.endpoint.chain_id {
            let found = status.chain_id;
            ensure!(wanted == found, "{asker} is of chain {found}, not {wanted}; pass the --index of chain {wanted}");
        }
        let Some(at) = status.as_of else {
            bail!("{asker} has no block yet; wait until `streamctl index run` has some")
        };
        status.warn(&asker, at, output);
        let contract = args.address();
        let (source, found) = status.find(contract).ok_or_else(|| {
            eyre!("{asker} does not have {contract}; check --contract, and that the index's configuration has it")
        })?;
        let clock = match (found.clock.as_deref(), args.clock) {
            (Some(name), _) => known_clock(name).ok_or_else(|| eyre!("{contract} {UNKNOWN_CLOCK}"))?,
            (None, Some(wanted)) => wanted,
            (None, None) => bail!("{contract} has no stream yet, so that {asker} cannot tell its clock; pass --clock"),
        };
        ensure!(
            args.clock.is_none_or(|wanted| wanted == clock),
            "{contract} runs on the {} clock; drop --clock or name another --contract",
            clock_name(clock)
        );
        let source = source.to_owned();
        Ok(Self { asker, contract, clock, at, source })
    }

    /// What the contract's clock reads.
    pub(crate) fn time(&self) -> eyre::Result<u64> {
        match self.clock {
            Clock::Block => Ok(self.at.block),
            Clock::Timestamp => self.at.timestamp.ok_or_else(|| eyre!("{} has no time of its last block", self.asker)),
        }
    }

    /// The streams that pass `filter`, a part of a query, in order of their numbers.
    ///
    /// # Errors
    /// If the index does not give them, or they are not of the contract or not at the block that was asked for.
    pub(crate) async fn streams(&self, filter: &[(&str, String)], limit: usize) -> eyre::Result<Vec<IndexedStream>> {
        let mut query = self.query();
        query.push(("contract", self.contract.to_string()));
        query.extend_from_slice(filter);
        let mut list = self.asker.list("/v1/streams", &query, limit).await?;
        let streams: Vec<IndexedStream> = read(&self.asker, list["items"].take())?;
        let is_cut = !list["next"].is_null() && limit == STREAMS_LIMIT;
        ensure!(!is_cut, "there are more than {}; narrow them down", counted(STREAMS_LIMIT as u64, "stream"));
        ensure!(
            streams.is_sorted_by(|a, b| a.stream_id < b.stream_id),
            "{} gives streams out of order; use another --index",
            self.asker
        );
        streams.iter().try_for_each(|stream| self.check(stream))?;
        Ok(streams)
    }

    /// As [`streams`](Self::streams), all of them.
    pub(crate) async fn all_streams(&self, filter: &[(&str, String)]) -> eyre::Result<Vec<IndexedStream>> {
        self.streams(filter, STREAMS_LIMIT).await
    }

    /// One stream; nothing if it was never created.
    ///
    /// # Errors
    /// As [`streams`](Self::streams).
    pub(crate) async fn stream(&self, id: U256) -> eyre::Result<Option<IndexedStream>> {
        let path = format!("/v1/streams/{}/{id}", self.contract);
        let Some(found) = self.asker.find(&path, &self.query()).await? else { return Ok(None) };
        let stream: IndexedStream = read(&self.asker, found)?;
        ensure!(stream.stream_id == id, "{} gives stream {} for stream {id}", self.asker, stream.stream_id);
        self.check(&stream)?;
        Ok(Some(stream))
    }

    /// The numbers of the streams that were created in `from_block` or later.
    ///
    /// # Errors
    /// As [`streams`](Self::streams).
    pub(crate) async fn created_since(&self, from_block: u64) -> eyre::Result<BTreeSet<U256>> {
        let path = format!("/v1/events/{}_log_create", self.source.replace('-', "_"));
        let query = [
            ("from_block", from_block.min(self.at.block).to_string()),
            ("to_block", self.at.block.to_string()),
            ("contract", self.contract.to_string()),
        ];
        let list = self.asker.list(&path, &query, STREAMS_LIMIT).await?;
        ensure!(
            list["next"].is_null(),
            "there are too many streams since block {from_block}; pass a later --from-block"
        );
        let ids = list["items"].as_array().into_iter().flatten();
        let ids = ids.filter(|row| row["block"].as_u64().is_some_and(|block| block >= from_block));
        ids.map(|row| {
            let id = row["stream_id"].as_str().and_then(|id| U256::from_str_radix(id, 10).ok());
            id.ok_or_else(|| eyre!("{} has a created stream without a number", self.asker))
        })
        .collect()
    }

    /// The same contract at the index's newest block.
    ///
    /// # Errors
    /// If the index does not answer.
    pub(crate) async fn newest(&self) -> eyre::Result<Self> {
        let status: Status = read(&self.asker, self.asker.get("/v1/status", &[]).await?)?;
        let at = status.as_of.ok_or_else(|| eyre!("{} has no block any more", self.asker))?;
        Ok(Self { at, ..self.clone() })
    }

    /// What turns the readings of the contract's clock into wall-clock time, measured over recent blocks of the index.
    ///
    /// # Errors
    /// If the index does not answer.
    pub(crate) async fn calendar(&self, block_time: Option<BlockTime>) -> eyre::Result<Calendar> {
        let unix = self.at.timestamp.ok_or_else(|| eyre!("{} has no time of its last block", self.asker))?;
        let now = Now { time: self.time()?, unix };
        Ok(Calendar { clock: self.clock, now, pace: self.pace(block_time, unix).await? })
    }

    async fn pace(&self, block_time: Option<BlockTime>, unix: u64) -> eyre::Result<Pace> {
        match (self.clock, block_time) {
            (Clock::Timestamp, _) => return Ok(Pace::Exact),
            (Clock::Block, Some(block_time)) => return Ok(Pace::Given(block_time)),
            (Clock::Block, None) => {}
        }
        let Some([oldest, middle]) = window(self.at.block) else { return Ok(Pace::too_young(self.at.block)) };
        let latest = Sample { block: self.at.block, unix };
        Ok(match (self.sample(oldest).await, self.sample(middle).await) {
            (Some(oldest), Some(middle)) => Pace::measure(oldest, middle, latest),
            _ => Pace::Unknown(format!("the index does not have block {oldest} or block {middle}")),
        })
    }

    async fn sample(&self, block: u64) -> Option<Sample> {
        let query = [("block", block.to_string()), ("source", self.source.clone()), ("limit", "1".to_owned())];
        let answer = self.asker.get("/v1/streams", &query).await.ok()?;
        let at: AsOf = serde_json::from_value(answer.get("as_of")?.clone()).ok()?;
        at.timestamp.map(|unix| Sample { block, unix })
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        vec![("block", self.at.block.to_string()), ("source", self.source.clone())]
    }

    fn check(&self, stream: &IndexedStream) -> eyre::Result<()> {
        ensure!(
            stream.contract == self.contract && stream.clock()? == self.clock && stream.time == self.time()?,
            "{} gives stream {} of {} at {} for one of {} at block {}; use another --index",
            self.asker,
            stream.stream_id,
            stream.contract,
            grouped(stream.time),
            self.contract,
            self.at.block
        );
        Ok(())
    }
}

impl Status {
    /// The name of a source of streams that has `contract`, and what it says of that: rather one that knows the clock.
    fn find(&self, contract: Address) -> Option<(&str, &Contract)> {
        let sources = self.sources.iter().filter(|source| source.kind == KIND);
        let found = sources.filter_map(|source| {
            let found = source.contracts.iter().find(|entry| entry.contract == contract)?;
            Some((source.name.as_str(), found))
        });
        found.min_by_key(|(_, found)| found.clock.is_none())
    }

    /// Says how far behind the chain the index is, unless it is at its head.
    fn warn(&self, asker: &Asker, at: AsOf, output: &Output) {
        let block = grouped(at.block);
        match (self.head, self.lag_blocks) {
            (Some(head), Some(lag)) if self.is_connected && lag > 0 => output.warn(format_args!(
                "{asker} is {} behind block {} of the chain; this is as of block {block}",
                counted(lag, "block"),
                grouped(head)
            )),
            (Some(_), _) if self.is_connected => {}
            _ => output.warn(format_args!("{asker} does not see the chain's head; this is as of block {block}")),
        }
    }
}

impl IndexedStream {
    /// The terms.
    ///
    /// # Errors
    /// If they are none that a contract accepts.
    pub(crate) fn terms(&self) -> eyre::Result<Terms> {
        let timeframe = Timeframe { start: self.start, stop: self.stop };
        let terms = Terms::new(timeframe, Rate { payment: self.payment, interval: self.interval });
        terms.wrap_err_with(|| format!("reading the terms of stream {}", self.stream_id))
    }

    /// The contract's clock.
    ///
    /// # Errors
    /// If it is none that streamctl knows.
    pub(crate) fn clock(&self) -> eyre::Result<Clock> {
        known_clock(&self.clock).ok_or_else(|| eyre!("stream {} {UNKNOWN_CLOCK}", self.stream_id))
    }

    /// What it takes to write amounts of it: whole units, if the token does not say its decimals.
    pub(crate) fn token(&self) -> Token {
        token(self.token, self.token_symbol.as_deref(), self.token_decimals.as_ref())
    }
}

/// The clock of this name.
fn known_clock(name: &str) -> Option<Clock> {
    Clock::ALL.into_iter().find(|clock| clock_name(*clock) == name)
}

/// The token at `address`, by what an index says that it says of itself; it is Ether if that is nobody's address.
pub(crate) fn token(address: Address, symbol: Option<&str>, decimals: Option<&Number>) -> Token {
    if address.is_zero() {
        return Token::ether();
    }
    Token::of(address, symbol, decimals.and_then(Number::as_u64))
}

/// Reads a part of an answer.
pub(crate) fn read<T: serde::de::DeserializeOwned>(asker: &Asker, value: Value) -> eyre::Result<T> {
    let problem = |error: serde_json::Error| printable(&error.to_string());
    serde_json::from_value(value).map_err(|error| eyre!("{asker} does not answer as an index does: {}", problem(error)))
}

/// A number that is written as text, in decimal.
pub(crate) fn decimal<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(D::Error::custom(format!("{text:?} is no number")));
    }
    text.parse().map_err(D::Error::custom)
}
