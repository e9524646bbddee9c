//! Pairs of Uniswap V2: what each holds, what is traded in it, and what that is worth.
//!
//! Reserves come from the last `Sync` before a place in the chain, never from a call at a block; the one exception are
//! pairs older than the source's first block, which are asked once for what they held before it.

use std::collections::{BTreeSet, HashSet};

use alloy::{
    json_abi::Event,
    primitives::{Address, B256, U256, b256, keccak256},
};

use crate::{
    Error, Result,
    abi::EventTable,
    block::Blocks,
    config::UniswapV2Config,
    content,
    database::Database,
    epoch::Epoch,
    event::{Emitter, Factory, Watch, Watched},
    kind::{Kind, Reader, metadata::Tokens},
    rows::{Row, Rows, Table, Value},
    snapshot::{EpochHead, Snapshot},
};

mod held;
mod market;
mod path;
pub mod payload;
mod price;
pub mod query;
mod tables;
mod trade;

pub(crate) use market::{History, Market, Place, Token};
pub(crate) use path::{Path, Paths, Side};
pub(crate) use tables::Tables;
pub(crate) use trade::{Trade, TradeKind, of_pairs as trades_of_pairs};

use held::Held;
use price::Prices;

/// The name of this kind in a configuration and in payloads.
pub const KIND: &str = "uniswap-v2";

/// What the projects of a pair end with, in their order.
pub const STREAMS: [&str; 2] = ["pair_total_reserves", "trade_volume"];

/// The hash of the creation code of Uniswap's own pairs, which their addresses follow from.
const INIT_CODE_HASH: B256 = b256!("96e8ac4277198ff8b6f785478aa9a39f403cb768dd02cbee326c3e7da348845f");

/// In the order of the tables' names in [`Tables`].
const EVENTS: [&str; 5] = [
    "event PairCreated(address indexed token0, address indexed token1, address pair, uint256 count)",
    "event Sync(uint112 reserve0, uint112 reserve1)",
    "event Swap(address indexed sender, uint256 amount0In, uint256 amount1In, uint256 amount0Out, uint256 amount1Out, \
     address indexed to)",
    "event Mint(address indexed sender, uint256 amount0, uint256 amount1)",
    "event Burn(address indexed sender, uint256 amount0, uint256 amount1, address indexed to)",
];

/// A source of pairs.
///
/// Without a list of pairs it follows all that the factory makes, and then its first block must not be after the block
/// of the factory's first pair. With one, [`open`](Kind::open) adds the pairs that prices need; these have no projects.
#[derive(Debug)]
pub struct UniswapV2 {
    name: String,
    start_block: u64,
    config: UniswapV2Config,
    tables: Tables,
    watch: Watch,
    /// The pairs that are followed, if not all.
    followed: Option<BTreeSet<Address>>,
    tokens: Tokens,
    /// Read, and not yet written: pairs that are older than the source.
    older: Vec<(Address, Held)>,
    /// As of the end of the epoch whose snapshots were taken last.
    market: Option<Market>,
}

impl UniswapV2 {
    /// The source `name`.
    ///
    /// # Errors
    /// If the configuration names no stable coin, or no token to price others by.
    pub fn new(name: &str, start_block: u64, config: UniswapV2Config) -> Result<Self> {
        for (key, list) in [("stables", &config.stables), ("whitelist", &config.whitelist)] {
            if list.is_empty() {
                return Err(Error::Config(format!("{key} of source {name} is empty; name at least one token")));
            }
        }
        let followed = (!config.pairs.is_empty()).then(|| config.pairs.iter().copied().collect());
        let tables = Tables::of(name);
        let mut source = Self {
            name: name.to_owned(),
            start_block,
            tokens: Tokens::new(tables.token.clone()),
            tables,
            watch: Watch { source: name.to_owned(), start_block, events: Vec::new(), factory: None },
            config,
            followed,
            older: Vec::new(),
            market: None,
        };
        source.watch_followed()?;
        Ok(source)
    }

    fn watch_followed(&mut self) -> Result<()> {
        let pairs = match &self.followed {
            None => Emitter::Children,
            Some(pairs) => Emitter::Contracts(pairs.iter().copied().collect()),
        };
        let mut events = Vec::with_capacity(EVENTS.len());
        for (i, declaration) in EVENTS.into_iter().enumerate() {
            let event = Event::parse(declaration).expect("the declarations are events");
            let table = EventTable::new(&self.name, &event)?;
            let emitter = if i == 0 { Emitter::Contracts(vec![self.config.factory]) } else { pairs.clone() };
            events.push(Watched { table, emitter, topic1: None });
        }
        let column = events[0].table.column("pair").expect("PairCreated has the pair");
        self.watch.factory = self.followed.is_none().then_some(Factory { event: 0, column, only: None });
        self.watch.events = events;
        Ok(())
    }

    /// Where the factory makes the pair of two tokens.
    fn pair_of(&self, a: Address, b: Address) -> Address {
        let salt = keccak256([a.min(b).as_slice(), a.max(b).as_slice()].concat());
        self.config.factory.create2(salt, self.config.init_code_hash.unwrap_or(INIT_CODE_HASH))
    }

    /// Pairs made in `blocks` that are followed: block, token0, token1, pair.
    fn created(&self, database: &mut dyn Database, blocks: Blocks) -> Result<Vec<(u64, [Address; 2], Address)>> {
        let sql = format!(
            "SELECT block, token0, token1, pair FROM {} WHERE block BETWEEN ?1 AND ?2 ORDER BY block, idx",
            self.tables.created
        );
        let rows = database.ask(&sql, &[Value::count(blocks.first), Value::count(blocks.last)])?;
        let read = |row: Row<'_>| Ok((row.count(0)?, [row.address(1)?, row.address(2)?], row.address(3)?));
        let mut created = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        if let Some(followed) = &self.followed {
            created.retain(|(_, _, pair)| followed.contains(pair));
        }
        Ok(created)
    }

    /// Which of the factory's pairs the first one is that the source saw: the factory counts them from 1.
    fn first_seen(&self, database: &mut dyn Database) -> Result<Option<U256>> {
        let sql = format!("SELECT count FROM {} ORDER BY block, idx LIMIT 1", self.tables.created);
        let rows = database.ask(&sql, &[])?;
        rows.first().map(|row| row.amount(0)).transpose()
    }

    /// Makes sure that no pair of the factory is older than the source.
    fn check_first(&self, database: &mut dyn Database) -> Result<()> {
        match self.first_seen(database)? {
            Some(count) if count != U256::ONE => Err(Error::Config(format!(
                "the first pair that source {} sees is number {count} of factory {}; set start_block to the block of its \
                 first pair or before, or name pairs",
                self.name, self.config.factory
            ))),
            _ => Ok(()),
        }
    }

    /// Reads what pairs held that are older than the source's first block, if that block is in `blocks`.
    ///
    /// Needs the state before that block, unless the factory's first pair is made in `blocks`. Where no endpoint has the
    /// state, and `blocks` know nothing of any pair, it is taken that there is none: if there is, its first log makes
    /// [`Market`] fail.
    fn prepare_older(&mut self, database: &mut dyn Database, reader: &dyn Reader, blocks: Blocks) -> Result<()> {
        let (Some(followed), Some(before)) = (&self.followed, self.start_block.checked_sub(1)) else { return Ok(()) };
        let first_seen = self.first_seen(database)?;
        if !(blocks.first..=blocks.last).contains(&self.start_block) || first_seen == Some(U256::ONE) {
            return Ok(());
        }
        let made: HashSet<_> = self.created(database, blocks)?.into_iter().map(|(_, _, pair)| pair).collect();
        let asked: Vec<_> = followed.iter().copied().filter(|pair| !made.contains(pair)).collect();
        let rows = database.ask("SELECT parent FROM block WHERE number = ?1", &[Value::count(self.start_block)])?;
        let row = rows.first();
        let row = row.ok_or_else(|| Error::Damaged(format!("block {} is not stored", self.start_block)))?;
        let held = match held::pairs(reader, &asked, Some(row.hash(0)?)) {
            Err(Error::NoState { .. }) if first_seen.is_none() && self.is_quiet(database, blocks)? => return Ok(()),
            Err(Error::NoState { .. }) => {
                return Err(Error::NoState {
                    block: before,
                    what: format!("what {} pairs of source {} held before its first block", asked.len(), self.name),
                    remedy: format!("set start_block to the block in which factory {} was made", self.config.factory),
                });
            }
            held => held?,
        };
        self.older = asked.into_iter().zip(held).filter_map(|(pair, held)| Some((pair, held?))).collect();
        Ok(())
    }

    /// Whether no pair says anything in `blocks`.
    fn is_quiet(&self, database: &mut dyn Database, blocks: Blocks) -> Result<bool> {
        let sql = format!("SELECT block FROM {} WHERE block BETWEEN ?1 AND ?2 LIMIT 1", self.tables.sync);
        Ok(database.ask(&sql, &[Value::count(blocks.first), Value::count(blocks.last)])?.is_empty())
    }

    /// The pairs that have projects, in order.
    fn projects<'a>(&'a self, market: &'a Market) -> impl Iterator<Item = usize> + 'a {
        let named: Option<HashSet<Address>> =
            (!self.config.pairs.is_empty()).then(|| self.config.pairs.iter().copied().collect());
        let is_named =
            move |pair: &usize| named.as_ref().is_none_or(|named| named.contains(&market.pairs[*pair].address));
        let mut order: Vec<usize> = (0..market.pairs.len()).filter(is_named).collect();
        order.sort_unstable_by_key(|pair| market.pairs[*pair].address);
        order.into_iter()
    }

    fn snapshot<T: serde::Serialize>(&self, pair: Address, stream: &str, payload: &T) -> Snapshot {
        let bytes = content::encode(payload);
        let cid = content::cid(content::DAG_CBOR, &bytes);
        Snapshot { project: project(&self.name, pair, stream), bytes, cid, sums: Vec::new() }
    }
}

/// The project of a pair: `uniswap/0x…/trade_volume`.
#[must_use]
pub fn project(source: &str, pair: Address, stream: &str) -> String {
    format!("{source}/{pair:#x}/{stream}")
}

impl Kind for UniswapV2 {
    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn tables(&self) -> Vec<Table> {
        vec![self.tables.pair_table(), self.tokens.table()]
    }

    /// Adds the pairs that prices need to those that are named. Their addresses follow from the factory's and from the
    /// tokens, so that pairs to come are known as well, and all nodes know the same.
    fn open(&mut self, reader: &dyn Reader) -> Result<()> {
        if self.config.pairs.is_empty() {
            return Ok(());
        }
        let named = self.config.pairs.clone();
        let mut tokens: BTreeSet<Address> = self.config.whitelist.iter().chain(&self.config.stables).copied().collect();
        for (pair, found) in named.iter().zip(held::pairs(reader, &named, None)?) {
            let Held { tokens: pair_tokens, .. } = found.ok_or_else(|| {
                Error::Config(format!("pair {pair} of source {} is no pair of the chain; check the address", self.name))
            })?;
            let expected = self.pair_of(pair_tokens[0], pair_tokens[1]);
            if expected != *pair {
                return Err(Error::Config(format!(
                    "the pair of tokens {} and {} of factory {} would be {expected}, and not {pair} as source {} has it; \
                     set the factory of the pair, and init_code_hash if it is not Uniswap's",
                    pair_tokens[0], pair_tokens[1], self.config.factory, self.name
                )));
            }
            tokens.extend(pair_tokens);
        }
        let mut followed: BTreeSet<Address> = named.into_iter().collect();
        for token in tokens {
            let priced_by = self.config.whitelist.iter().chain([&self.config.weth]).copied();
            followed.extend(priced_by.filter(|white| *white != token).map(|white| self.pair_of(token, white)));
        }
        self.followed = Some(followed);
        self.watch_followed()
    }

    fn prepare(&mut self, database: &mut dyn Database, reader: &dyn Reader, blocks: Blocks) -> Result<()> {
        self.prepare_older(database, reader, blocks)?;
        let created = self.created(database, blocks)?;
        if self.followed.is_none() && !created.is_empty() {
            self.check_first(database)?;
        }
        let before = self.start_block.saturating_sub(1);
        let older = self.older.iter().map(|(_, held)| (before, held.tokens));
        let created = created.iter().map(|(block, tokens, _)| (*block, *tokens));
        let met = created.chain(older).flat_map(|(block, tokens)| tokens.map(|token| (block, token)));
        self.tokens.prepare(database, reader, met)
    }

    fn derive(&mut self, database: &mut dyn Database, blocks: Blocks) -> Result<()> {
        let pair_table = self.tables.pair_table();
        let (mut pairs, mut tokens) = (Rows::new(pair_table.columns.len()), Vec::new());
        let is_first = (blocks.first..=blocks.last).contains(&self.start_block);
        let before = self.start_block.saturating_sub(1);
        let older =
            self.older.iter().filter(|_| is_first).map(|(pair, held)| (before, held.tokens, *pair, held.reserves));
        let created =
            self.created(database, blocks)?.into_iter().map(|(block, tokens, pair)| (block, tokens, pair, [0, 0]));
        for (block, pair_tokens, pair, reserves) in older.chain(created) {
            let reserves = reserves.map(|reserve: u128| B256::left_padding_from(&reserve.to_be_bytes()));
            pairs.push(Value::count(block));
            pairs.push(Value::Blob(pair.as_slice()));
            pair_tokens.iter().for_each(|token| pairs.push(Value::Blob(token.as_slice())));
            reserves.iter().for_each(|reserve| pairs.push(Value::Blob(reserve.as_slice())));
            tokens.extend(pair_tokens.map(|token| (block, token)));
        }
        database.insert(&pair_table, &pairs)?;
        self.tokens.write(database, tokens)
    }

    fn unwind(&mut self, database: &mut dyn Database, to: u64) -> Result<()> {
        self.tokens.forget();
        self.older.clear();
        // The market of an epoch that stays is that of the other branch too.
        self.market = self.market.take().filter(|market| market.is_of(to));
        let Some(before) = self.start_block.checked_sub(1).filter(|before| to <= *before) else { return Ok(()) };
        // What older pairs held stands under the block before the first, which the other branch may not have either.
        for table in [&self.tables.pair, &self.tables.token] {
            database.run(&format!("DELETE FROM {table} WHERE block = ?1"), &[Value::count(before)])?;
        }
        Ok(())
    }

    fn snapshots(&mut self, database: &mut dyn Database, epoch: &Epoch) -> Result<Vec<Snapshot>> {
        // A market of another fork is of another block hash.
        let kept = self.market.take().filter(|market| market.is_before(epoch));
        let mut market = match kept {
            Some(market) => market,
            None => Market::load(database, &self.tables, epoch.blocks.first.checked_sub(1))?,
        };
        let history = market.follow(database, &self.tables, epoch)?;
        let trades = trade::of_pairs(database, &self.tables, &market, epoch.blocks)?;
        let mut prices = Prices::new(&self.config, &market, &history, epoch.blocks);
        let head = EpochHead::new(KIND, &self.name, epoch);
        let mut snapshots = Vec::new();
        for pair in self.projects(&market) {
            let address = market.pairs[pair].address;
            let reserves = payload::TotalReserves::new(head.clone(), &mut prices, pair);
            snapshots.push(self.snapshot(address, STREAMS[0], &reserves));
            let volume = payload::TradeVolume::new(head.clone(), &mut prices, pair, &trades[pair]);
            let sums = volume.sums();
            snapshots.push(Snapshot { sums, ..self.snapshot(address, STREAMS[1], &volume) });
        }
        self.market = Some(market);
        Ok(snapshots)
    }
}
