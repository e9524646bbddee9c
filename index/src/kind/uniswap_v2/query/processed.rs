//! Pairs in the form of Pooler's aggregator.

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};

use super::{PairStats, Query, STREAMS, Window, project};
use crate::{Result, rows::Value};

/// A pair by Pooler's names of the fields. Amounts are texts and exact, where Pooler has floats and dollars without
/// cents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LiquidityProcessed {
    /// The pair.
    #[serde(rename = "contractAddress")]
    #[schema(value_type = String)]
    pub contract_address: Address,
    /// The symbols of its tokens, as in `USDC-WETH`.
    pub name: String,
    /// Dollars in it.
    pub liquidity: String,
    /// Dollars that were swapped in 24 hours.
    pub volume_24h: String,
    /// Dollars that were swapped in 7 days.
    pub volume_7d: String,
    /// The chain of snapshots over 24 hours.
    pub cid_volume_24h: CidRange,
    /// The chain of snapshots over 7 days.
    pub cid_volume_7d: CidRange,
    /// Dollars of fees in 24 hours.
    pub fees_24h: String,
    /// The epoch's last block.
    pub block_height: u64,
    /// Unix seconds of it.
    pub block_timestamp: u64,
    /// Token 0 in it.
    #[serde(rename = "token0Liquidity")]
    pub token0_liquidity: String,
    /// Token 1 in it.
    #[serde(rename = "token1Liquidity")]
    pub token1_liquidity: String,
    /// Dollars for it.
    #[serde(rename = "token0LiquidityUSD")]
    pub token0_liquidity_usd: String,
    /// Dollars for it.
    #[serde(rename = "token1LiquidityUSD")]
    pub token1_liquidity_usd: String,
    /// Token 0 that was swapped in 24 hours.
    #[serde(rename = "token0TradeVolume_24h")]
    pub token0_trade_volume_24h: String,
    /// Token 1 that was swapped in 24 hours.
    #[serde(rename = "token1TradeVolume_24h")]
    pub token1_trade_volume_24h: String,
    /// Dollars for it.
    #[serde(rename = "token0TradeVolumeUSD_24h")]
    pub token0_trade_volume_usd_24h: String,
    /// Dollars for it.
    #[serde(rename = "token1TradeVolumeUSD_24h")]
    pub token1_trade_volume_usd_24h: String,
    /// Token 0 that was swapped in 7 days.
    #[serde(rename = "token0TradeVolume_7d")]
    pub token0_trade_volume_7d: String,
    /// Token 1 that was swapped in 7 days.
    #[serde(rename = "token1TradeVolume_7d")]
    pub token1_trade_volume_7d: String,
    /// Dollars for it.
    #[serde(rename = "token0TradeVolumeUSD_7d")]
    pub token0_trade_volume_usd_7d: String,
    /// Dollars for it.
    #[serde(rename = "token1TradeVolumeUSD_7d")]
    pub token1_trade_volume_usd_7d: String,
}

/// The blocks of a chain of snapshots that a window goes over; empty where there is none, as for what is not final.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CidRange {
    /// Of the window's last epoch.
    pub head_block_cid: String,
    /// Of its first.
    pub tail_block_cid: String,
}

impl Query<'_> {
    /// Pairs as of the end of an epoch, in the order in which they are given.
    pub fn liquidity_processed(&mut self, pairs: &[PairStats]) -> Result<Vec<LiquidityProcessed>> {
        pairs.iter().map(|stats| self.processed(stats.clone())).collect()
    }

    fn processed(&mut self, stats: PairStats) -> Result<LiquidityProcessed> {
        let PairStats { pair, at, reserves, reserves_usd, liquidity_usd, last_24h, last_7d, .. } = stats;
        let cid_volume_24h = self.cids(pair.address, last_24h.window)?;
        let cid_volume_7d = self.cids(pair.address, last_7d.window)?;
        let [token0, token1] = &pair.tokens;
        let [token0_liquidity, token1_liquidity] = reserves;
        let [token0_liquidity_usd, token1_liquidity_usd] = reserves_usd;
        let [token0_trade_volume_24h, token1_trade_volume_24h] = last_24h.volumes;
        let [token0_trade_volume_usd_24h, token1_trade_volume_usd_24h] = last_24h.volumes_usd;
        let [token0_trade_volume_7d, token1_trade_volume_7d] = last_7d.volumes;
        let [token0_trade_volume_usd_7d, token1_trade_volume_usd_7d] = last_7d.volumes_usd;
        Ok(LiquidityProcessed {
            contract_address: pair.address,
            name: format!("{}-{}", token0.symbol, token1.symbol),
            liquidity: liquidity_usd,
            volume_24h: last_24h.volume_usd,
            volume_7d: last_7d.volume_usd,
            cid_volume_24h,
            cid_volume_7d,
            fees_24h: last_24h.fee_usd,
            block_height: at.end,
            block_timestamp: at.timestamp,
            token0_liquidity,
            token1_liquidity,
            token0_liquidity_usd,
            token1_liquidity_usd,
            token0_trade_volume_24h,
            token1_trade_volume_24h,
            token0_trade_volume_usd_24h,
            token1_trade_volume_usd_24h,
            token0_trade_volume_7d,
            token1_trade_volume_7d,
            token0_trade_volume_usd_7d,
            token1_trade_volume_usd_7d,
        })
    }

    fn cids(&mut self, pair: Address, window: Window) -> Result<CidRange> {
        let name = project(self.source, pair, STREAMS[1]);
        let mut cid = |epoch: u64| -> Result<String> {
            let sql = "SELECT cid FROM dag WHERE project = ?1 AND height = ?2";
            let rows = self.database.ask(sql, &[Value::Text(&name), Value::count(epoch)])?;
            Ok(rows.first().map(|row| row.text(0)).transpose()?.unwrap_or_default().to_owned())
        };
        Ok(CidRange { head_block_cid: cid(window.last.epoch)?, tail_block_cid: cid(window.first.epoch)? })
    }
}
