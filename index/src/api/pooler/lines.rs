//! A pair, a token and all of them together, as Pooler shows them.

use alloy::primitives::Address;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::money::{abbreviated, dollars, float, percent, price};
use crate::kind::uniswap_v2::query::{EpochEnd, LiquidityProcessed, PairStats, TokenStats};

/// Fields of a pair that are texts in whole dollars.
const DOLLARS: [&str; 4] = ["liquidity", "volume_24h", "volume_7d", "fees_24h"];

/// A value against that of 24 hours before.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Compared {
    /// As `US$1.23m`.
    current_value: String,
    /// 24 hours before.
    previous_value: String,
    /// As `4.56%`; of nothing it is `0%`.
    change: String,
}

/// All pairs together.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct DailyStats {
    /// Dollars that were swapped in 24 hours.
    volume24: Compared,
    /// Dollars in all pairs.
    tvl: Compared,
    /// Dollars of fees in 24 hours.
    fees24: Compared,
}

/// A token, as a list has it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenLine {
    index: usize,
    #[schema(value_type = String)]
    contract_address: Address,
    name: String,
    symbol: String,
    /// As `US$1,234`.
    liquidity: String,
    /// As `US$1,234`.
    volume_24h: String,
    /// As `US$1234`.
    volume_7d: String,
    /// As `US$1,234.56789`.
    price: String,
    /// As `4.56%`, of the price 24 hours ago; `0%` if there was none.
    price_change_24h: String,
    block_height: u64,
    block_timestamp: u64,
}

/// A token by itself.
#[derive(Debug, Serialize, ToSchema)]
#[allow(non_snake_case, reason = "they are Pooler's names, which follow no rule")]
pub(super) struct TokenItself {
    #[schema(value_type = String)]
    contractAddress: Address,
    block_height: u64,
    block_timestamp: u64,
    name: String,
    symbol: String,
    price: f64,
    liquidity: f64,
    liquidityUSD: f64,
    tradeVolume_24h: f64,
    tradeVolumeUSD_24h: f64,
    tradeVolume_7d: f64,
    tradeVolumeUSD_7d: f64,
    priceChangePercent_24h: f64,
}

impl DailyStats {
    /// Of all pairs now, and as they were 24 hours before.
    pub(super) fn new(now: &[PairStats], before: &[PairStats]) -> Self {
        let compared = |value: fn(&PairStats) -> &str| {
            let sum = |pairs: &[PairStats]| pairs.iter().map(|pair| float(value(pair))).sum::<f64>();
            let (current, previous) = (sum(now), sum(before));
            let change = (previous != 0.0).then(|| (current - previous) / previous * 100.0);
            Compared {
                current_value: format!("US${}", abbreviated(current)),
                previous_value: format!("US${}", abbreviated(previous)),
                change: percent(change),
            }
        };
        Self {
            volume24: compared(|pair| &pair.last_24h.volume_usd),
            tvl: compared(|pair| &pair.liquidity_usd),
            fees24: compared(|pair| &pair.last_24h.fee_usd),
        }
    }
}

impl TokenLine {
    pub(super) fn new(index: usize, stats: &TokenStats) -> Self {
        let EpochEnd { end, timestamp, .. } = stats.at;
        Self {
            index,
            contract_address: stats.token.address,
            name: stats.token.name.clone(),
            symbol: stats.token.symbol.clone(),
            liquidity: dollars(float(&stats.liquidity_usd)),
            volume_24h: dollars(float(&stats.volume_usd_24h)),
            volume_7d: dollars(float(&stats.volume_usd_7d)).replace(',', ""),
            price: price(float(&stats.price_usd)),
            price_change_24h: percent(stats.price_change_24h.as_deref().map(float)),
            block_height: end,
            block_timestamp: timestamp,
        }
    }
}

impl TokenItself {
    pub(super) fn new(stats: &TokenStats) -> Self {
        Self {
            contractAddress: stats.token.address,
            block_height: stats.at.end,
            block_timestamp: stats.at.timestamp,
            name: stats.token.name.clone(),
            symbol: stats.token.symbol.clone(),
            price: float(&stats.price_usd),
            liquidity: float(&stats.liquidity),
            liquidityUSD: float(&stats.liquidity_usd),
            tradeVolume_24h: float(&stats.volume_24h),
            tradeVolumeUSD_24h: float(&stats.volume_usd_24h),
            tradeVolume_7d: float(&stats.volume_7d),
            tradeVolumeUSD_7d: float(&stats.volume_usd_7d),
            priceChangePercent_24h: stats.price_change_24h.as_deref().map_or(0.0, float),
        }
    }
}

/// Texts in whole dollars, and numbers for what is of one token.
pub(super) fn pair_line(pair: &LiquidityProcessed) -> Map<String, Value> {
    let Ok(Value::Object(mut line)) = serde_json::to_value(pair) else { unreachable!("a pair is an object") };
    for (name, value) in &mut line {
        let Value::String(text) = value else { continue };
        if name.starts_with("token") {
            *value = json!(float(text));
        } else if DOLLARS.contains(&name.as_str()) {
            *value = json!(dollars(float(text)));
        }
    }
    line
}
