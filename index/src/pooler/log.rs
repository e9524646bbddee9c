//! A trade as Pooler lists it.

use alloy::primitives::{Address, B256, U256};
use serde::{Serialize, Serializer};

use super::price::{Floats, decimal};
use crate::{
    Error, Result,
    kind::uniswap_v2::{Trade, TradeKind},
};

/// What Pooler takes for the fee.
const FEE: f64 = 0.003;

/// Amounts of a trade, or sums of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Amounts {
    /// Dollars: of a swap the more valuable side, of a mint or a burn both.
    #[serde(rename = "totalTradesUSD")]
    pub total_trades_usd: f64,
    /// Dollars.
    #[serde(rename = "totalFeeUSD")]
    pub total_fee_usd: f64,
    /// Tokens.
    pub token0_trade_volume: f64,
    /// Tokens.
    pub token1_trade_volume: f64,
    /// Dollars.
    #[serde(rename = "token0TradeVolumeUSD")]
    pub token0_trade_volume_usd: f64,
    /// Dollars.
    #[serde(rename = "token1TradeVolumeUSD")]
    pub token1_trade_volume_usd: f64,
}

/// A trade.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Log {
    /// The event's arguments, the indexed ones first.
    #[serde(serialize_with = "as_object")]
    pub args: Vec<(&'static str, Argument)>,
    /// Its name.
    pub event: &'static str,
    /// Its place in the block.
    pub log_index: u64,
    /// Its transaction.
    pub transaction_hash: B256,
    /// The pair.
    #[serde(serialize_with = "with_checksum")]
    pub address: Address,
    /// Its block.
    pub block_number: u64,
    /// Tokens.
    #[serde(rename = "token0_amount")]
    pub token0_amount: f64,
    /// Tokens.
    #[serde(rename = "token1_amount")]
    pub token1_amount: f64,
    /// Unix seconds of the block.
    pub timestamp: u64,
    /// See [`Amounts::total_trades_usd`].
    #[serde(rename = "trade_amount_usd")]
    pub trade_amount_usd: f64,
}

/// An argument of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Argument {
    /// With the capitals that are its checksum.
    #[serde(serialize_with = "with_checksum")]
    Address(Address),
    /// A number of any size, not a text.
    Amount(u128),
}

impl Amounts {
    pub(super) fn add(&mut self, other: &Self) {
        self.total_trades_usd += other.total_trades_usd;
        self.total_fee_usd += other.total_fee_usd;
        self.token0_trade_volume += other.token0_trade_volume;
        self.token1_trade_volume += other.token1_trade_volume;
        self.token0_trade_volume_usd += other.token0_trade_volume_usd;
        self.token1_trade_volume_usd += other.token1_trade_volume_usd;
    }
}

/// The log of a trade at `timestamp`, and what it amounts to.
pub(super) fn of(floats: &mut Floats<'_>, pair: usize, trade: &Trade, timestamp: u64) -> Result<(Log, Amounts)> {
    let (mut tokens, mut dollars) = ([0.0; 2], [0.0; 2]);
    for side in 0..2 {
        let [into, out] =
            [trade.into[side], trade.out[side]].map(|amount| decimal(amount, floats.decimals(pair, side)));
        let price = floats.price(pair, side, trade.place.block);
        tokens[side] = (out - into).abs();
        dollars[side] = (out * price - into * price).abs();
    }
    let is_swap = trade.kind == TradeKind::Swap;
    let total = if is_swap { dollars[0].max(dollars[1]) } else { dollars[0] + dollars[1] };
    let fee_side = if dollars[1] == 0.0 { dollars[0] } else { dollars[1] };
    let amounts = Amounts {
        total_trades_usd: total,
        total_fee_usd: if is_swap { fee_side * FEE } else { 0.0 },
        token0_trade_volume: tokens[0],
        token1_trade_volume: tokens[1],
        token0_trade_volume_usd: dollars[0],
        token1_trade_volume_usd: dollars[1],
    };
    let log = Log {
        args: arguments(trade)?,
        event: match trade.kind {
            TradeKind::Swap => "Swap",
            TradeKind::Mint => "Mint",
            TradeKind::Burn => "Burn",
        },
        log_index: trade.place.idx,
        transaction_hash: trade.tx,
        address: trade.pair,
        block_number: trade.place.block,
        token0_amount: tokens[0],
        token1_amount: tokens[1],
        timestamp,
        trade_amount_usd: total,
    };
    Ok((log, amounts))
}

fn arguments(trade: &Trade) -> Result<Vec<(&'static str, Argument)>> {
    let amount = |amount: U256| {
        let number = u128::try_from(amount);
        number
            .map(Argument::Amount)
            .map_err(|_| Error::Damaged(format!("an amount of {amount} is more than a pair holds")))
    };
    let mut arguments = vec![("sender", Argument::Address(trade.sender))];
    arguments.extend(trade.to.map(|to| ("to", Argument::Address(to))));
    let (into, out) = (trade.into, trade.out);
    match trade.kind {
        TradeKind::Swap => arguments.extend([
            ("amount0In", amount(into[0])?),
            ("amount1In", amount(into[1])?),
            ("amount0Out", amount(out[0])?),
            ("amount1Out", amount(out[1])?),
        ]),
        TradeKind::Mint => arguments.extend([("amount0", amount(into[0])?), ("amount1", amount(into[1])?)]),
        TradeKind::Burn => arguments.extend([("amount0", amount(out[0])?), ("amount1", amount(out[1])?)]),
    }
    Ok(arguments)
}

fn as_object<S: Serializer>(arguments: &[(&'static str, Argument)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(arguments.iter().copied())
}

fn with_checksum<S: Serializer>(address: &Address, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(address)
}
