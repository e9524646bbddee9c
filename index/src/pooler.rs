//! Pooler's view of pairs: its payloads, field by field, with its floats and its quirks.
//!
//! A view for those who read Pooler's snapshots, and nothing that another part builds on. It differs from the exact
//! payloads in that
//! - a whitelisted token other than wrapped Ether is worth what the router would pay for one whole token of it, which is
//!   without the fee of 0.3 % and without the price impact;
//! - a trade is priced at the end of its block;
//! - the fee is 0.3 % of what moved of token 1, whichever way the swap went, and of token 0 only if token 1 has no price;
//! - the totals of an epoch are rounded to six decimals.

use std::collections::{BTreeSet, HashMap};

use alloy::primitives::{Address, B256};
use serde::{Serialize, Serializer};

use crate::{
    Error, Result,
    block::Blocks,
    config::UniswapV2Config,
    database::Database,
    epoch::Epoch,
    kind::uniswap_v2::{Market, Tables, Trade, trades_of_pairs},
    rows::Value,
};

mod log;
mod price;

pub use log::{Amounts, Log};

use price::Floats;

/// What Pooler makes snapshots of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// What a pair holds.
    PairTotalReserves,
    /// What is traded in it.
    TradeVolume,
}

/// A snapshot of Pooler's. As JSON it has Pooler's keys in Pooler's order.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Payload {
    /// What a pair holds.
    PairTotalReserves(TotalReserves),
    /// What is traded in it.
    TradeVolume(Box<TradeVolume>),
}

/// What a pair holds at the end of each block.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TotalReserves {
    /// The pair, in small letters.
    pub contract: String,
    /// By block.
    pub token0_reserves: ByBlock,
    /// By block.
    pub token1_reserves: ByBlock,
    /// By block.
    #[serde(rename = "token0ReservesUSD")]
    pub token0_reserves_usd: ByBlock,
    /// By block.
    #[serde(rename = "token1ReservesUSD")]
    pub token1_reserves_usd: ByBlock,
    /// Of which blocks.
    pub chain_height_range: Range,
    /// Unix seconds of the last block.
    pub timestamp: f64,
}

/// What was traded.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TradeVolume {
    /// The pair, in small letters.
    pub contract: String,
    /// Dollars that were swapped, rounded to six decimals, as all here.
    pub total_trade: f64,
    /// Dollars of fees.
    pub total_fee: f64,
    /// Tokens that were swapped.
    pub token0_trade_volume: f64,
    /// Tokens that were swapped.
    pub token1_trade_volume: f64,
    /// Dollars for them.
    #[serde(rename = "token0TradeVolumeUSD")]
    pub token0_trade_volume_usd: f64,
    /// Dollars for them.
    #[serde(rename = "token1TradeVolumeUSD")]
    pub token1_trade_volume_usd: f64,
    /// All of them.
    pub events: Events,
    /// Of which blocks.
    pub chain_height_range: Range,
    /// Unix seconds of the last block.
    pub timestamp: f64,
}

/// Trades by kind, and what the swaps come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Events {
    /// Swaps.
    pub swap: Logs,
    /// Additions of liquidity.
    pub mint: Logs,
    /// Removals of liquidity.
    pub burn: Logs,
    /// The sum of all swaps.
    pub trades: Amounts,
}

/// Trades of a kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Logs {
    /// By transaction, in the order of the chain.
    pub logs: Vec<Log>,
    /// Their sum.
    pub trades: Amounts,
}

/// The blocks of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Range {
    /// The first.
    pub begin: u64,
    /// The last.
    pub end: u64,
}

/// A number for each block, in order: as JSON an object with keys such as `block1000`.
#[derive(Clone, Debug, PartialEq)]
pub struct ByBlock(pub Vec<(u64, f64)>);

impl Serialize for ByBlock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(block, number)| (format!("block{block}"), number)))
    }
}

impl Payload {
    /// The JSON, without spaces.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers have a form in JSON")
    }
}

/// The snapshot of a pair at an epoch, all of whose blocks are stored; nothing if there was no such pair.
///
/// # Errors
/// If the database does not answer, or is damaged.
pub fn payload(
    database: &mut dyn Database,
    (source, config): (&str, &UniswapV2Config),
    pair: Address,
    epoch: &Epoch,
    stream: Stream,
) -> Result<Option<Payload>> {
    read(database, (source, config), epoch, |floats, trades, times| {
        let Some(i) = floats.market.pairs.iter().position(|found| found.address == pair) else { return Ok(None) };
        Ok(Some(match stream {
            Stream::PairTotalReserves => Payload::PairTotalReserves(total_reserves(floats, i, epoch)),
            Stream::TradeVolume => Payload::TradeVolume(Box::new(trade_volume(floats, i, &trades[i], (epoch, times))?)),
        }))
    })
}

/// Both snapshots of every pair at an epoch, all of whose blocks are stored.
///
/// # Errors
/// If the database does not answer, or is damaged.
pub fn payloads(
    database: &mut dyn Database,
    (source, config): (&str, &UniswapV2Config),
    epoch: &Epoch,
) -> Result<Vec<(Address, TotalReserves, TradeVolume)>> {
    read(database, (source, config), epoch, |floats, trades, times| {
        let mut payloads = Vec::with_capacity(trades.len());
        for (pair, trades) in trades.iter().enumerate() {
            let reserves = total_reserves(floats, pair, epoch);
            let volume = trade_volume(floats, pair, trades, (epoch, times))?;
            payloads.push((floats.market.pairs[pair].address, reserves, volume));
        }
        Ok(payloads)
    })
}

/// The logs of these pairs at an epoch, all of whose blocks are stored: pair by pair, of each first swaps, then mints, then
/// burns.
///
/// # Errors
/// If the database does not answer, or is damaged.
pub fn logs(
    database: &mut dyn Database,
    (source, config): (&str, &UniswapV2Config),
    pairs: &BTreeSet<Address>,
    epoch: &Epoch,
) -> Result<Vec<Log>> {
    read(database, (source, config), epoch, |floats, trades, times| {
        let mut logs = Vec::new();
        for (pair, trades) in trades.iter().enumerate() {
            if !trades.is_empty() && pairs.contains(&floats.market.pairs[pair].address) {
                let Events { swap, mint, burn, .. } = trade_volume(floats, pair, trades, (epoch, times))?.events;
                logs.extend([swap, mint, burn].into_iter().flat_map(|of_kind| of_kind.logs));
            }
        }
        Ok(logs)
    })
}

/// Does `work` with the prices of an epoch, its trades by pair, and the times of its blocks.
fn read<T>(
    database: &mut dyn Database,
    (source, config): (&str, &UniswapV2Config),
    epoch: &Epoch,
    work: impl FnOnce(&mut Floats<'_>, &[Vec<Trade>], &HashMap<u64, u64>) -> Result<T>,
) -> Result<T> {
    let tables = Tables::of(source);
    let mut market = Market::load(database, &tables, epoch.blocks.first.checked_sub(1))?;
    let history = market.follow(database, &tables, epoch)?;
    let trades = trades_of_pairs(database, &tables, &market, epoch.blocks)?;
    let times = timestamps(database, epoch.blocks)?;
    work(&mut Floats::new(config, &market, &history, epoch.blocks), &trades, &times)
}

/// Unix seconds by block.
fn timestamps(database: &mut dyn Database, blocks: Blocks) -> Result<HashMap<u64, u64>> {
    let sql = "SELECT number, timestamp FROM block WHERE number BETWEEN ?1 AND ?2";
    let rows = database.ask(sql, &[Value::count(blocks.first), Value::count(blocks.last)])?;
    rows.iter().map(|row| Ok((row.count(0)?, row.count(1)?))).collect()
}

fn total_reserves(floats: &mut Floats<'_>, pair: usize, epoch: &Epoch) -> TotalReserves {
    let mut columns: [Vec<(u64, f64)>; 4] = Default::default();
    for block in epoch.blocks.first..=epoch.blocks.last {
        let reserves = floats.reserves(pair, block);
        for side in 0..2 {
            columns[side].push((block, reserves[side]));
            columns[2 + side].push((block, reserves[side] * floats.price(pair, side, block)));
        }
    }
    let [token0_reserves, token1_reserves, token0_reserves_usd, token1_reserves_usd] = columns.map(ByBlock);
    TotalReserves {
        contract: format!("{:#x}", floats.market.pairs[pair].address),
        token0_reserves,
        token1_reserves,
        token0_reserves_usd,
        token1_reserves_usd,
        chain_height_range: Range { begin: epoch.blocks.first, end: epoch.blocks.last },
        timestamp: seconds(epoch.end_timestamp),
    }
}

fn trade_volume(
    floats: &mut Floats<'_>,
    pair: usize,
    trades: &[Trade],
    (epoch, times): (&Epoch, &HashMap<u64, u64>),
) -> Result<TradeVolume> {
    let mut events =
        Events { swap: Logs::default(), mint: Logs::default(), burn: Logs::default(), trades: Amounts::default() };
    for of_transaction in by_transaction(trades) {
        let mut swapped = Amounts::default();
        for trade in of_transaction {
            let time = times.get(&trade.place.block).copied();
            let time = time.ok_or_else(|| Error::Damaged(format!("block {} is not stored", trade.place.block)))?;
            let (log, amounts) = log::of(floats, pair, trade, time)?;
            let name = log.event;
            let logs = match name {
                "Swap" => &mut events.swap,
                "Mint" => &mut events.mint,
                _ => &mut events.burn,
            };
            logs.logs.push(log);
            logs.trades.add(&amounts);
            if name == "Swap" {
                swapped.add(&amounts);
            }
        }
        events.trades.add(&swapped);
    }
    let sums = &events.trades;
    Ok(TradeVolume {
        contract: format!("{:#x}", floats.market.pairs[pair].address),
        total_trade: six_decimals(sums.total_trades_usd),
        total_fee: six_decimals(sums.total_fee_usd),
        token0_trade_volume: six_decimals(sums.token0_trade_volume),
        token1_trade_volume: six_decimals(sums.token1_trade_volume),
        token0_trade_volume_usd: six_decimals(sums.token0_trade_volume_usd),
        token1_trade_volume_usd: six_decimals(sums.token1_trade_volume_usd),
        events,
        chain_height_range: Range { begin: epoch.blocks.first, end: epoch.blocks.last },
        timestamp: seconds(epoch.end_timestamp),
    })
}

/// Trades of one transaction after the other: first swaps, then mints, then burns. The order matters to sums of floats.
fn by_transaction(trades: &[Trade]) -> Vec<Vec<&Trade>> {
    let mut places: HashMap<B256, usize> = HashMap::new();
    let mut groups: Vec<Vec<&Trade>> = Vec::new();
    for trade in trades {
        let place = *places.entry(trade.tx).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push(trade);
    }
    groups.iter_mut().for_each(|group| group.sort_by_key(|trade| trade.kind));
    groups
}

/// Rounded to the nearest, as texts of numbers are.
fn six_decimals(number: f64) -> f64 {
    format!("{number:.6}").parse().expect("digits are a number")
}

/// Exact: times have fewer than 53 bits.
fn seconds(timestamp: u64) -> f64 {
    price::decimal(timestamp, 0)
}
