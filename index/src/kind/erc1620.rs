//! Streams by ERC-1620, and deposits into rollups through StreamPortal. Knows streams by their logs alone: nothing is read
//! from the contracts but, once, what clock they have. What tokens say of themselves is for those who read streams and
//! deposits, and never in a snapshot.

mod changes;
mod deposit;
mod derive;
mod flow;
mod fold;
mod ledger;
mod passage;
mod payload;
pub mod query;
mod tables;
mod version;

use std::slice;

use alloy::{
    primitives::{Address, Bytes, map::HashSet},
    sol_types::{SolCall, SolValue},
};
use bindings::{Clock, create2_address};

pub use payload::{ClockName, DepositsPayload, FlowRate, PACE_BLOCKS, StreamsPayload};
pub use version::StreamKey;

use self::{
    fold::{Fold, clock_number, clocks},
    ledger::End,
    payload::Pace,
};
use super::{
    Call, Kind, Reader,
    metadata::{self, Tokens},
};
use crate::{
    Error, Result,
    block::Blocks,
    config::Erc1620Config,
    database::Database,
    epoch::Epoch,
    event::Watch,
    rows::{Rows, Table, Value},
    snapshot::{EpochHead, Snapshot},
};

alloy::sol! {
    /// ERC-6372.
    function CLOCK_MODE() external view returns (string mode);
}

/// Characters of a clock's mode that an error shows.
const N_MODE: usize = 60;

/// A source of streams.
#[derive(Debug)]
pub struct Erc1620 {
    watch: Watch,
    /// What the names of its tables begin with.
    prefix: String,
    portal: Option<Address>,
    wanted: Wanted,
    tokens: Tokens,
    /// Clocks that [`Kind::prepare`] has read and [`Kind::derive`] is to write.
    clocks: Vec<FirstStream>,
    /// As of the end of the latest epoch that was asked for.
    fold: Option<Fold>,
}

/// The tokens that have projects; all if none is named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted(HashSet<Address>);

impl Wanted {
    pub(crate) fn has(&self, token: Address) -> bool {
        self.0.is_empty() || self.0.contains(&token)
    }
}

/// The first stream of a contract.
#[derive(Clone, Copy, Debug)]
struct FirstStream {
    contract: Address,
    clock: Clock,
    block: u64,
}

impl Erc1620 {
    /// The source of this name.
    ///
    /// # Errors
    /// If the source's name is too long for the names of its tables.
    pub fn new(name: &str, start_block: u64, config: &Erc1620Config) -> Result<Self> {
        let contracts = contracts(config);
        Ok(Self {
            watch: tables::watch(name, start_block, &contracts, config)?,
            tokens: Tokens::new(tables::token(&tables::prefix(name))),
            prefix: tables::prefix(name),
            portal: config.portal,
            wanted: Wanted(config.tokens.iter().copied().collect()),
            clocks: Vec::new(),
            fold: None,
        })
    }

    /// Contracts whose first stream is in `blocks`, and the block that it is in.
    fn first_streams(&self, database: &mut dyn Database, blocks: Blocks) -> Result<Vec<(Address, u64)>> {
        let prefix = &self.prefix;
        let sql = format!(
            "SELECT contract, min(block) FROM {prefix}_log_create WHERE block BETWEEN ?1 AND ?2 \
             AND contract NOT IN (SELECT contract FROM {prefix}_contract) GROUP BY contract ORDER BY contract"
        );
        let rows = changes::ask(database, blocks, &sql)?;
        rows.iter().map(|row| Ok((row.address(0)?, row.count(1)?))).collect()
    }

    /// The tokens that streams come to be in and that are deposited within `blocks`, with the blocks that say so.
    fn met(&self, database: &mut dyn Database, blocks: Blocks) -> Result<Vec<(u64, Address)>> {
        let mut met = Vec::new();
        for (event, token) in [("log_create", "token_address"), ("log_execute_update", "new_token_address")] {
            let sql = format!(
                "SELECT min(block), {token} FROM {}_{event} WHERE block BETWEEN ?1 AND ?2 GROUP BY {token}",
                self.prefix
            );
            for row in changes::ask(database, blocks, &sql)?.iter() {
                met.push((row.count(0)?, row.address(1)?));
            }
        }
        if let Some(portal) = self.portal {
            met.extend(deposit::deposited(database, &self.prefix, portal, blocks)?);
        }
        Ok(met)
    }

    /// The pace of the chain at the end of `epoch`.
    fn pace(database: &mut dyn Database, epoch: &Epoch) -> Result<Pace> {
        let Blocks { first, last } = epoch.blocks;
        let genesis = first.saturating_sub(epoch.id.saturating_mul(epoch.blocks.n_blocks()));
        let from = last.saturating_sub(PACE_BLOCKS).max(genesis);
        let rows = database.ask("SELECT timestamp FROM block WHERE number = ?1", &[Value::count(from)])?;
        let Some(row) = rows.first() else {
            return Err(Error::Damaged(format!("block {from} is in an epoch and not stored")));
        };
        Ok(Pace { n_blocks: last - from, n_secs: epoch.end_timestamp.saturating_sub(row.count(0)?) })
    }
}

impl Kind for Erc1620 {
    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn tables(&self) -> Vec<Table> {
        let mut tables = vec![tables::version(&self.prefix), tables::contract(&self.prefix), self.tokens.table()];
        tables.extend(self.portal.map(|_| tables::deposit(&self.prefix)));
        tables
    }

    fn prepare(&mut self, database: &mut dyn Database, reader: &dyn Reader, blocks: Blocks) -> Result<()> {
        self.clocks.clear();
        for (contract, block) in self.first_streams(database, blocks)? {
            let clock = match known_clock(contract) {
                Some(clock) => clock,
                None => read_clock(database, reader, block, contract, &self.watch.source)?,
            };
            self.clocks.push(FirstStream { contract, clock, block });
        }
        let met = self.met(database, blocks)?;
        self.tokens.prepare(database, reader, met)
    }

    fn derive(&mut self, database: &mut dyn Database, blocks: Blocks) -> Result<()> {
        let table = tables::contract(&self.prefix);
        let mut rows = Rows::new(table.columns.len());
        for FirstStream { contract, clock, block } in self.clocks.extract_if(.., |first| first.block <= blocks.last) {
            rows.push_row(&[
                Value::Blob(contract.as_slice()),
                Value::Integer(clock_number(clock)),
                Value::count(block),
            ]);
        }
        database.insert(&table, &rows)?;
        let met = self.met(database, blocks)?;
        self.tokens.write(database, met)?;
        derive::write_versions(database, &self.prefix, blocks)?;
        if let Some(portal) = self.portal {
            deposit::write_deposits(database, &self.prefix, portal, blocks)?;
        }
        Ok(())
    }

    fn unwind(&mut self, database: &mut dyn Database, to: u64) -> Result<()> {
        self.clocks.clear();
        self.tokens.forget();
        self.fold = self.fold.take().filter(|fold| fold.is_within(to));
        derive::reopen_versions(database, &self.prefix, to)
    }

    fn snapshots(&mut self, database: &mut dyn Database, epoch: &Epoch) -> Result<Vec<Snapshot>> {
        let deposits = self.portal.map(|_| &self.wanted);
        let fold = Fold::reach(self.fold.take(), database, &self.prefix, deposits, epoch)?;
        let end = End { block: epoch.blocks.last, timestamp: epoch.end_timestamp };
        let balances = fold.ledger.balances(&clocks(database, &self.prefix)?, &self.wanted, end)?;
        let has_blocks = balances.iter().any(|(_, balance)| balance.clock == Clock::Block);
        let pace = if has_blocks { Self::pace(database, epoch)? } else { Pace::default() };
        let head = EpochHead::new(payload::KIND, &self.watch.source, epoch);
        let mut snapshots = Vec::with_capacity(balances.len() + fold.passages.0.len());
        for (book, balance) in &balances {
            // A payment has 128 bits, so that it would take 2^38 streams.
            let snapshot = payload::streams_snapshot(head.clone(), *book, balance, pace).ok_or_else(|| {
                Error::Damaged(format!("streams of {} in {} flow faster than 2^256", book.contract, book.token))
            })?;
            snapshots.push(snapshot);
        }
        if let Some(portal) = self.portal {
            let passages = fold.passages.0.iter();
            snapshots.extend(
                passages.map(|(passage, tally)| payload::deposits_snapshot(head.clone(), portal, *passage, tally)),
            );
        }
        snapshots.sort_unstable_by(|a, b| a.project.cmp(&b.project));
        self.fold = Some(fold);
        Ok(snapshots)
    }
}

/// The contracts of a source, in order.
fn contracts(config: &Erc1620Config) -> Vec<Address> {
    let mut contracts =
        if config.contracts.is_empty() { Clock::ALL.map(create2_address).to_vec() } else { config.contracts.clone() };
    contracts.sort_unstable();
    contracts.dedup();
    contracts
}

/// The clock of a contract that `streamctl deploy` makes: CREATE2 leaves no doubt about the code there.
fn known_clock(contract: Address) -> Option<Clock> {
    Clock::ALL.into_iter().find(|clock| create2_address(*clock) == contract)
}

/// The clock that `contract` says it has, in the block of its first stream.
fn read_clock(
    database: &mut dyn Database,
    reader: &dyn Reader,
    block: u64,
    contract: Address,
    source: &str,
) -> Result<Clock> {
    let call = Call { to: contract, input: CLOCK_MODECall {}.abi_encode().into() };
    let hash = metadata::hash_of(database, block)?;
    let answers = match reader.read(slice::from_ref(&call), Some(hash)) {
        // A contract never changes its clock.
        Err(Error::NoState { .. }) => reader.read(&[call], None)?,
        answers => answers?,
    };
    let answer: Option<Bytes> = answers.into_iter().next().flatten();
    let mode = answer.as_deref().and_then(|answer| String::abi_decode(answer).ok());
    mode.as_deref().and_then(Clock::from_mode).ok_or_else(|| {
        let says = mode.map_or("says nothing".to_owned(), |mode| {
            format!("says {:?}", mode.chars().take(N_MODE).collect::<String>())
        });
        Error::Config(format!(
            "contract {contract} of source {source} {says} where a MoneyStreaming contract says its clock; remove it \
             from the source"
        ))
    })
}
