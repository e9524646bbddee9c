//! Swaps, mints and burns as they are stored.

use alloy::primitives::{Address, B256, U256};

use super::{Market, Place, Tables};
use crate::{
    Result,
    block::Blocks,
    database::Database,
    rows::{Row, Value},
};

/// What was done with a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TradeKind {
    Swap,
    Mint,
    Burn,
}

/// A swap, a mint or a burn.
#[derive(Clone, Debug)]
pub(crate) struct Trade {
    pub(crate) kind: TradeKind,
    pub(crate) place: Place,
    pub(crate) tx: B256,
    pub(crate) pair: Address,
    pub(crate) sender: Address,
    /// Who gets what the pair gives; nobody of a mint.
    pub(crate) to: Option<Address>,
    /// What the pair got of each token.
    pub(crate) into: [U256; 2],
    /// What it gave.
    pub(crate) out: [U256; 2],
}

impl TradeKind {
    pub(crate) const ALL: [Self; 3] = [Self::Swap, Self::Mint, Self::Burn];

    pub(crate) fn table(self, tables: &Tables) -> &str {
        match self {
            Self::Swap => &tables.swap,
            Self::Mint => &tables.mint,
            Self::Burn => &tables.burn,
        }
    }

    /// What [`Trade::read`] reads.
    pub(crate) fn columns(self) -> &'static str {
        match self {
            Self::Swap => "block, idx, tx, contract, sender, amount0_in, amount1_in, amount0_out, amount1_out, to_",
            Self::Mint => "block, idx, tx, contract, sender, amount0, amount1",
            Self::Burn => "block, idx, tx, contract, sender, amount0, amount1, to_",
        }
    }
}

impl Trade {
    pub(crate) fn read(kind: TradeKind, row: Row<'_>) -> Result<Self> {
        let amounts = |i: usize| Ok::<_, crate::Error>([row.amount(i)?, row.amount(i + 1)?]);
        let none = [U256::ZERO; 2];
        let (into, out, to) = match kind {
            TradeKind::Swap => (amounts(5)?, amounts(7)?, Some(row.address(9)?)),
            TradeKind::Mint => (amounts(5)?, none, None),
            TradeKind::Burn => (none, amounts(5)?, Some(row.address(7)?)),
        };
        let place = Place { block: row.count(0)?, idx: row.count(1)? };
        Ok(Self { kind, place, tx: row.hash(2)?, pair: row.address(3)?, sender: row.address(4)?, to, into, out })
    }

    /// How much of each token moved, on balance.
    pub(crate) fn moved(&self) -> [U256; 2] {
        [0, 1].map(|side| self.into[side].abs_diff(self.out[side]))
    }
}

/// The trades of `blocks` by pair, each in the order of the chain.
pub(crate) fn of_pairs(
    database: &mut dyn Database,
    tables: &Tables,
    market: &Market,
    blocks: Blocks,
) -> Result<Vec<Vec<Trade>>> {
    let mut by_pair = vec![Vec::new(); market.pairs.len()];
    for kind in TradeKind::ALL {
        let sql = format!(
            "SELECT {} FROM {} WHERE block BETWEEN ?1 AND ?2 ORDER BY block, idx",
            kind.columns(),
            kind.table(tables)
        );
        let rows = database.ask(&sql, &[Value::count(blocks.first), Value::count(blocks.last)])?;
        for row in rows.iter() {
            let trade = Trade::read(kind, row)?;
            by_pair[market.pair(trade.pair)?].push(trade);
        }
    }
    by_pair.iter_mut().for_each(|trades| trades.sort_by_key(|trade| trade.place));
    Ok(by_pair)
}
