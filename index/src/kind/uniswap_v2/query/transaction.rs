//! The newest swaps, mints and burns.

use std::collections::{BTreeSet, HashMap};

use alloy::primitives::{Address, B256, U256};
use serde::Serialize;

use super::{PairRow, Query, STREAMS, decimal};
use crate::{
    Error, Result,
    kind::uniswap_v2::{
        Place, Trade, TradeKind,
        payload::{Amount, TradeVolume},
        price::USD_DECIMALS,
    },
    rows::Value,
    stage::Derived,
};

/// Pairs that are looked through one by one; the trades of a token with more are sought among those of all pairs.
const N_PAIRS: usize = 64;

/// Rows that are looked through at once for a token with many pairs.
const N_ROWS: u64 = 1_000;

/// How often that is done. Trades further back are not found.
const N_TURNS: usize = 100;

/// Blocks whose times are asked for at once; more than a page has.
const N_BLOCKS: usize = 1_024;

/// Whose trades are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All.
    All,
    /// Those of a pair.
    Pair(Address),
    /// Those of all pairs of a token.
    Token(Address),
}

/// A swap, a mint or a burn. Amounts are numbers with all their decimals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Transaction {
    /// `swap`, `mint` or `burn`.
    pub kind: &'static str,
    /// Its block.
    pub block: u64,
    /// The place of its log in the block.
    pub idx: u64,
    /// Unix seconds of the block.
    pub timestamp: u64,
    /// Its transaction.
    #[schema(value_type = String)]
    pub tx: B256,
    /// The pair.
    #[schema(value_type = String)]
    pub pair: Address,
    /// Who called it.
    #[schema(value_type = String)]
    pub sender: Address,
    /// Who got what it gave; nobody of a mint.
    #[schema(value_type = Option<String>)]
    pub to: Option<Address>,
    /// What the pair got of each token.
    pub amounts_in: [String; 2],
    /// What it gave.
    pub amounts_out: [String; 2],
    /// Dollars, once its epoch has a snapshot and if the pair has a project.
    pub usd: Option<String>,
}

impl Query<'_> {
    /// The newest trades, the newest first, at most `limit`: all, or those before a log of a block. Those of blocks that
    /// the index has not derived from are left out.
    pub fn transactions(
        &mut self,
        filter: Filter,
        before: Option<(u64, u64)>,
        limit: usize,
    ) -> Result<Vec<Transaction>> {
        let (block, idx) = before.unwrap_or((i64::MAX.cast_unsigned(), 0));
        let pairs: HashMap<Address, PairRow> = self.pairs()?.into_iter().map(|pair| (pair.address, pair)).collect();
        let is_of = |pair: &PairRow, token: Address| pair.tokens.iter().any(|other| other.address == token);
        let wanted: Option<BTreeSet<Address>> = match filter {
            Filter::All => None,
            Filter::Pair(pair) => Some([pair].into()),
            Filter::Token(token) => {
                Some(pairs.values().filter(|pair| is_of(pair, token)).map(|pair| pair.address).collect())
            }
        };
        let trades = self.newest_trades(wanted.as_ref(), Place { block, idx }, limit)?;
        self.told(&pairs, &trades)
    }

    /// The newest trades before a place of all pairs, or of those that are wanted; the newest first, at most `limit`.
    pub(crate) fn newest_trades(
        &mut self,
        wanted: Option<&BTreeSet<Address>>,
        before: Place,
        limit: usize,
    ) -> Result<Vec<Trade>> {
        let most = i64::MAX.cast_unsigned();
        let before = Place { block: before.block.min(most), idx: before.idx.min(most) };
        let mut trades = Vec::new();
        for kind in TradeKind::ALL {
            match wanted {
                None => trades.extend(self.trades(kind, None, before, count(limit))?),
                Some(wanted) if wanted.len() <= N_PAIRS => {
                    for pair in wanted {
                        trades.extend(self.trades(kind, Some(*pair), before, count(limit))?);
                    }
                }
                Some(wanted) => trades.extend(self.sought(kind, wanted, before, limit)?),
            }
        }
        trades.sort_unstable_by_key(|trade| std::cmp::Reverse(trade.place));
        trades.truncate(limit);
        Ok(trades)
    }

    /// Trades among those of all pairs.
    fn sought(
        &mut self,
        kind: TradeKind,
        wanted: &BTreeSet<Address>,
        mut before: Place,
        limit: usize,
    ) -> Result<Vec<Trade>> {
        let mut found = Vec::new();
        for _ in 0..N_TURNS {
            let trades = self.trades(kind, None, before, N_ROWS)?;
            let Some(last) = trades.last() else { break };
            before = last.place;
            found.extend(trades.into_iter().filter(|trade| wanted.contains(&trade.pair)));
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    fn trades(&mut self, kind: TradeKind, pair: Option<Address>, before: Place, limit: u64) -> Result<Vec<Trade>> {
        let (block, idx, limit) = (Value::count(before.block), Value::count(before.idx), Value::count(limit));
        let mut values = vec![block, idx, limit];
        let of_pair = pair.as_ref().map_or("", |pair| {
            values.push(Value::Blob(pair.as_slice()));
            "contract = ?4 AND "
        });
        // Logs are stored before their pairs: those of blocks that nothing is derived from are not told.
        let sql = format!(
            "SELECT {} FROM {} WHERE {of_pair}block <= ?1 AND (block < ?1 OR idx < ?2) \
             AND block <= (SELECT number FROM cursor WHERE name = '{}') ORDER BY block DESC, idx DESC LIMIT ?3",
            kind.columns(),
            kind.table(&self.tables),
            Derived::NAME
        );
        let rows = self.database.ask(&sql, &values)?;
        rows.iter().map(|row| Trade::read(kind, row)).collect()
    }

    /// Trades with what is known of them elsewhere.
    fn told(&mut self, pairs: &HashMap<Address, PairRow>, trades: &[Trade]) -> Result<Vec<Transaction>> {
        let times = self.timestamps(trades.iter().map(|trade| trade.place.block))?;
        let dollars = self.dollars(trades)?;
        let mut told = Vec::with_capacity(trades.len());
        for trade in trades {
            let block = trade.place.block;
            let timestamp = times.get(&block).copied();
            let timestamp = timestamp.ok_or_else(|| Error::Damaged(format!("block {block} is not stored")))?;
            let pair = pairs.get(&trade.pair);
            let pair = pair.ok_or_else(|| Error::Damaged(format!("pair {} has trades, and no row", trade.pair)))?;
            let amounts =
                |amounts: [U256; 2]| [0, 1].map(|side: usize| decimal(amounts[side], pair.tokens[side].decimals));
            told.push(Transaction {
                kind: match trade.kind {
                    TradeKind::Swap => "swap",
                    TradeKind::Mint => "mint",
                    TradeKind::Burn => "burn",
                },
                block,
                idx: trade.place.idx,
                timestamp,
                tx: trade.tx,
                pair: trade.pair,
                sender: trade.sender,
                to: trade.to,
                amounts_in: amounts(trade.into),
                amounts_out: amounts(trade.out),
                usd: dollars.get(&(trade.pair, trade.place)).map(|usd| decimal(*usd, USD_DECIMALS)),
            });
        }
        Ok(told)
    }

    /// What trades are worth by the snapshots of their pairs. Epochs that have no end have none that count.
    fn dollars(&mut self, trades: &[Trade]) -> Result<HashMap<(Address, Place), U256>> {
        let mut dollars = HashMap::new();
        let (Some(first), Some(last)) = (self.bound("ASC")?, self.bound("DESC")?) else { return Ok(dollars) };
        let size = (first.end - first.begin).saturating_add(1);
        let epoch = |trade: &Trade| {
            let in_epochs = (first.begin..=last.end).contains(&trade.place.block);
            in_epochs.then(|| first.epoch.saturating_add((trade.place.block - first.begin) / size))
        };
        let snapshots: BTreeSet<_> = trades.iter().filter_map(|trade| Some((trade.pair, epoch(trade)?))).collect();
        for (pair, epoch) in snapshots {
            let Some(volume) = self.content::<TradeVolume>(pair, STREAMS[1], epoch)? else { continue };
            let swaps = volume.swaps.iter().map(|swap| (swap.block, swap.idx, swap.usd));
            let changes = volume.mints.iter().chain(&volume.burns).map(|change| (change.block, change.idx, change.usd));
            let place = |(block, idx, Amount(usd))| ((pair, Place { block, idx }), usd);
            dollars.extend(swaps.chain(changes).map(place));
        }
        Ok(dollars)
    }

    /// Unix seconds of those of the blocks that are stored, [`N_BLOCKS`] at once.
    fn timestamps(&mut self, blocks: impl Iterator<Item = u64>) -> Result<HashMap<u64, u64>> {
        let blocks: BTreeSet<u64> = blocks.collect();
        let blocks: Vec<Value<'_>> = blocks.into_iter().map(Value::count).collect();
        let mut times = HashMap::with_capacity(blocks.len());
        for some in blocks.chunks(N_BLOCKS) {
            let places: Vec<String> = (1..=some.len()).map(|i| format!("?{i}")).collect();
            let sql = format!("SELECT number, timestamp FROM block WHERE number IN ({})", places.join(", "));
            for row in self.database.ask(&sql, some)?.iter() {
                times.insert(row.count(0)?, row.count(1)?);
            }
        }
        Ok(times)
    }
}

fn count(limit: usize) -> u64 {
    u64::try_from(limit).unwrap_or(u64::MAX).min(i64::MAX.cast_unsigned())
}
