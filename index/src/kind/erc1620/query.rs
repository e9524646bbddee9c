//! What users ask of a source of streams. Reads only, and gives pages in orders that rows to come do not upset.

mod deposits;
mod filter;
mod history;
mod shown;
mod totals;

use std::collections::BTreeSet;

use alloy::primitives::{Address, map::HashMap};
use bindings::Clock;
use serde::{Deserialize, Serialize};
use stream::Terms;
use utoipa::ToSchema;

pub use deposits::{DEPOSITS_LIMIT, DepositFilter, DepositView, OriginName};
pub use filter::{StreamFilter, Wanted};
pub use history::{Event, HistoryEntry, PlaceKey, TermsView};
pub use shown::{Checksummed, Decimal};
pub use totals::{Totals, deposits_project, streams_project};

use filter::{Bound, Bounds};

use super::{
    ClockName, contracts,
    fold::clocks,
    known_clock,
    ledger::End,
    tables::{prefix, token},
    version::{COLUMNS, Place, StreamKey, Version},
};
use crate::{
    Result,
    config::Erc1620Config,
    database::Database,
    identity,
    kind::metadata::decimals_of,
    rows::{Row, Rows, Value},
};

/// Rows of a page at most.
pub const PAGE_LIMIT: u64 = 1_000;

/// A source of streams as it is in the database.
pub struct Streams<'a> {
    database: &'a mut dyn Database,
    source: &'a str,
    prefix: String,
}

/// A block, for those whose clocks count blocks and those whose clocks count seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Its height.
    pub block: u64,
    /// Unix seconds.
    pub timestamp: u64,
}

/// Which part of a list: what comes after a key, and how many of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<K> {
    /// The last key of the page before; the first page if this is `None`.
    pub after: Option<K>,
    /// How many, up to [`PAGE_LIMIT`].
    pub limit: u64,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<T, K> {
    /// In order of keys.
    pub rows: Vec<T>,
    /// Where the next page begins; nothing at the end.
    pub next: Option<K>,
}

/// Where in its life a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Before the start.
    Pending,
    /// Between start and stop.
    Streaming,
    /// All has accrued, and nobody has ended it.
    Stopped,
    /// Redeemed or settled.
    Ended,
}

/// A stream at one moment; amounts in units of the token, times in units of the contract's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StreamView {
    /// The contract.
    pub contract: Checksummed,
    /// Its number there.
    pub stream_id: Decimal,
    /// Where in its life it is.
    pub state: State,
    /// Who pays.
    pub sender: Checksummed,
    /// Who is paid.
    pub recipient: Checksummed,
    /// In what.
    pub token: Checksummed,
    /// What the token says its symbol is; `null` if it says nothing.
    pub token_symbol: Option<String>,
    /// Decimals of the token's amounts, as it says; `null` if it says nothing.
    pub token_decimals: Option<u8>,
    /// The contract's clock.
    pub clock: ClockName,
    /// What it reads.
    pub time: u64,
    /// Nothing has accrued at this time.
    pub start: u64,
    /// All has accrued at this time.
    pub stop: u64,
    /// What accrues at the end of each interval.
    pub payment: Decimal,
    /// Clock units between two payments.
    pub interval: u64,
    /// What funds these terms.
    pub deposit: Decimal,
    /// What the sender paid in under all terms in this token, less what updates paid back.
    pub deposit_total: Decimal,
    /// Withdrawn under these terms.
    pub withdrawn: Decimal,
    /// Withdrawn under all terms in this token.
    pub withdrawn_total: Decimal,
    /// Accrued and not withdrawn; 0 after the end.
    pub due: Decimal,
    /// Not accrued; 0 after the end.
    pub refundable: Decimal,
    /// Updates that were executed.
    pub update_epoch: u16,
    /// What the parties got at the end, besides what was withdrawn before; `null` before it.
    pub ending: Option<EndingView>,
    /// The block of the last log that changed it.
    pub changed_block: u64,
}

/// A contract of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContractView {
    /// Its address.
    pub contract: Checksummed,
    /// Its clock; `null` before its first stream, unless its address tells.
    pub clock: Option<ClockName>,
}

/// What a token says of itself.
#[derive(Clone, Default)]
struct Said {
    symbol: Option<String>,
    decimals: Option<u8>,
}

/// What the parties got at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct EndingView {
    /// Not accrued.
    pub sender: Decimal,
    /// Accrued and not withdrawn.
    pub recipient: Decimal,
}

impl<'a> Streams<'a> {
    /// The source of this name, which has to be of this kind.
    pub fn of(database: &'a mut dyn Database, source: &'a str) -> Self {
        Self { database, source, prefix: prefix(source) }
    }

    /// The time at block `number`; nothing if the block is not stored.
    ///
    /// # Errors
    /// Those of the database, as all below.
    pub fn at(&mut self, number: u64) -> Result<Option<At>> {
        let rows = self.database.ask("SELECT timestamp FROM block WHERE number = ?1", &[Value::count(number)])?;
        rows.first().map(|row| Ok(At { block: number, timestamp: row.count(0)? })).transpose()
    }

    /// Streams as they are at `at`, in order of contract and number.
    ///
    /// # Errors
    /// Those of the database.
    pub fn list(
        &mut self,
        filter: &StreamFilter,
        at: At,
        page: Page<StreamKey>,
    ) -> Result<Part<StreamView, StreamKey>> {
        let is_current = self.is_current(at)?;
        let sql = filter.sql(&self.prefix, at, is_current, page);
        let rows = self.ask(&sql.0, &sql.1)?;
        let streams = self.views(&rows, at)?;
        let next = |stream: &StreamView| StreamKey { contract: stream.contract.0, id: stream.stream_id.0 };
        Ok(Part::new(streams, page.limit(), next))
    }

    /// One stream as it is at `at`; nothing if it is not there yet.
    ///
    /// # Errors
    /// Those of the database.
    pub fn stream(&mut self, key: StreamKey, at: At) -> Result<Option<StreamView>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM {}_version WHERE id = ?1 AND contract = ?2 AND block <= ?3 \
             ORDER BY block DESC, idx DESC LIMIT 1",
            self.prefix
        );
        let id = key.id.to_be_bytes::<32>();
        let rows = self
            .database
            .ask(&sql, &[Value::Blob(&id), Value::Blob(key.contract.as_slice()), Value::count(at.block)])?;
        Ok(self.views(&rows, at)?.pop())
    }

    /// The contracts of the source, which `config` describes, in order of their addresses.
    ///
    /// # Errors
    /// Those of the database.
    pub fn contracts(&mut self, config: &Erc1620Config) -> Result<Vec<ContractView>> {
        // A store that has not seen the source has no table of it.
        let has_source = identity::has_source(self.database, self.source)?;
        let read = if has_source { clocks(self.database, &self.prefix)? } else { HashMap::default() };
        let view = |contract: Address| {
            let clock = known_clock(contract).or_else(|| read.get(&contract).copied());
            ContractView { contract: Checksummed(contract), clock: clock.map(ClockName::from) }
        };
        Ok(contracts(config).into_iter().map(view).collect())
    }

    /// Whether nothing has happened after `at`, so that what is current is what was so then.
    fn is_current(&mut self, at: At) -> Result<bool> {
        let sql = format!("SELECT block FROM {}_version ORDER BY block DESC, idx DESC LIMIT 1", self.prefix);
        let newest = self.database.ask(&sql, &[])?.first().map(|row| row.count(0)).transpose()?;
        Ok(newest.is_none_or(|newest| newest <= at.block))
    }

    fn views(&mut self, rows: &Rows, at: At) -> Result<Vec<StreamView>> {
        let clocks = clocks(self.database, &self.prefix)?;
        let versions = rows.iter().map(|row| Version::read(&row)).collect::<Result<Vec<_>>>()?;
        let said = self.said(versions.iter().map(|(_, version)| version.token).collect())?;
        let view = |(place, version): &(Place, Version)| {
            let clock = clocks.get(&version.key.contract).copied().unwrap_or(Clock::Block);
            let Said { symbol, decimals } = said.get(&version.token).cloned().unwrap_or_default();
            let view = StreamView::new(version, clock, at, place.block);
            StreamView { token_symbol: symbol, token_decimals: decimals, ..view }
        };
        Ok(versions.iter().map(view).collect())
    }

    /// What tokens say of their symbols and decimals.
    fn said(&mut self, tokens: BTreeSet<Address>) -> Result<HashMap<Address, Said>> {
        if tokens.is_empty() {
            return Ok(HashMap::default());
        }
        let mut bounds = Bounds::default();
        let listed: Vec<String> = tokens.into_iter().map(|token| bounds.address(token)).collect();
        let (table, listed) = (token(&self.prefix), listed.join(", "));
        let sql = format!("SELECT address, symbol, decimals FROM {table} WHERE address IN ({listed})");
        let said = |row: Row<'_>| {
            let symbol = Some(row.text(1)?.to_owned()).filter(|symbol| !symbol.is_empty());
            Ok((row.address(0)?, Said { symbol, decimals: decimals_of(&row, 2)? }))
        };
        self.ask(&sql, &bounds.0)?.iter().map(said).collect()
    }

    fn ask(&mut self, sql: &str, values: &[Bound]) -> Result<Rows> {
        let values: Vec<Value<'_>> = values.iter().map(Bound::value).collect();
        Ok(self.database.ask(sql, &values)?)
    }
}

impl StreamView {
    fn new(version: &Version, clock: Clock, at: At, changed_block: u64) -> Self {
        let Version { key, terms, .. } = version;
        let time = End { block: at.block, timestamp: at.timestamp }.time(clock);
        let (state, due, refundable) = match version.ending {
            Some(_) => (State::Ended, 0, 0),
            None => (State::of(terms, time), terms.due(time, version.withdrawn), terms.refundable(time)),
        };
        Self {
            contract: Checksummed(key.contract),
            stream_id: Decimal(key.id),
            state,
            sender: Checksummed(version.sender),
            recipient: Checksummed(version.recipient),
            token: Checksummed(version.token),
            token_symbol: None,
            token_decimals: None,
            clock: clock.into(),
            time,
            start: terms.start(),
            stop: terms.stop(),
            payment: terms.payment().into(),
            interval: terms.interval(),
            deposit: terms.deposit().into(),
            deposit_total: Decimal(version.deposit_total),
            withdrawn: version.withdrawn.into(),
            withdrawn_total: Decimal(version.withdrawn_total),
            due: due.into(),
            refundable: refundable.into(),
            update_epoch: version.update_epoch,
            ending: version
                .ending
                .map(|ending| EndingView { sender: ending.sender_got.into(), recipient: ending.recipient_got.into() }),
            changed_block,
        }
    }
}

impl State {
    /// The state, at `time`, of a stream that has not ended.
    fn of(terms: &Terms, time: u64) -> Self {
        if time < terms.start() {
            Self::Pending
        } else if time < terms.stop() {
            Self::Streaming
        } else {
            Self::Stopped
        }
    }
}

impl<K> Page<K> {
    /// How many rows, within bounds.
    fn limit(&self) -> u64 {
        self.limit.min(PAGE_LIMIT)
    }
}

impl<T, K> Part<T, K> {
    /// A page that has as many rows as were asked for is followed by another, which may be empty.
    fn new(rows: Vec<T>, limit: u64, key: impl Fn(&T) -> K) -> Self {
        let is_full = rows.len() as u64 == limit;
        let next = rows.last().filter(|_| is_full).map(key);
        Self { rows, next }
    }
}
