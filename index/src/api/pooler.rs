//! Pooler's REST, for those who have asked it so far: its paths, its names, its numbers, its texts in dollars. The exact
//! amounts are those of the other routes; here they become floats and rounded texts, as Pooler's are.

mod forms;
mod money;

use alloy::primitives::Address;
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

pub(super) use self::forms::{logs_schema, pair_schema, pairs_schema, snapshots_schema, token_schema, tokens_schema};
use self::money::{abbreviated, dollars, float, percent, price};
use super::{Reading, answer::marked, failure::Failure, uniswap::end};
use crate::{
    block::Blocks,
    config::{KindConfig, UniswapV2Config},
    epoch::Epoch,
    kind::uniswap_v2::{
        KIND, STREAMS, project,
        query::{DAY, EpochEnd, LiquidityProcessed, PairStats, Query, TokenStats},
    },
    pooler::{self, Log, Stream},
    read::{self, AsOf, Page},
};

/// Trades that are listed at most, as Pooler does.
const N_LOGS: usize = 75;

/// Epochs that are looked through for them.
const N_EPOCHS: u64 = 100;

/// Snapshots of a list.
const MAX_SNAPSHOTS: u64 = 100;

/// Snapshots of a list whose length is not asked for.
const DEFAULT_SNAPSHOTS: u64 = 10;

/// What a pair has snapshots of.
pub(super) const STREAM_NAMES: &[&str] = &STREAMS;

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
pub(super) struct DailyStats {
    /// Dollars that were swapped in 24 hours.
    volume24: Compared,
    /// Dollars in all pairs.
    tvl: Compared,
    /// Dollars of fees in 24 hours.
    fees24: Compared,
}

/// The pair of two tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PairAddress {
    data: PairOfTokens,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PairOfTokens {
    /// Nothing if there is none.
    #[schema(value_type = Option<String>)]
    pair_contract_address: Option<Address>,
}

/// A token, as a list has it.
#[derive(Debug, Serialize, ToSchema)]
struct TokenLine {
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
    /// As `4.56%`, of the price 24 hours ago.
    price_change_24h: String,
    block_height: u64,
    block_timestamp: u64,
}

/// A token by itself.
#[derive(Debug, Serialize, ToSchema)]
#[allow(non_snake_case, reason = "they are Pooler's names, which follow no rule")]
struct TokenItself {
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

pub(super) fn pairs(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let source = reading.source(KIND)?;
    let Some((as_of, at)) = end(reading, source)? else { return Ok(no_data(None)) };
    let mut found = Query::new(reading.database, &source.name).liquidity_processed(at)?;
    let value = |pair: &LiquidityProcessed| float(&pair.token0_liquidity_usd) + float(&pair.token1_liquidity_usd);
    found.sort_by(|a, b| value(b).total_cmp(&value(a)));
    let found: Vec<_> = found.iter().map(pair_line).collect();
    Ok(marked(Some(as_of), Json(found)))
}

pub(super) fn pair(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let (source, address) = (reading.source(KIND)?, reading.asked.address_in_path("address")?);
    let Some((as_of, at)) = end(reading, source)? else { return Ok(no_data(None)) };
    let found = Query::new(reading.database, &source.name).liquidity_processed(at)?;
    let found = found.iter().find(|pair| pair.contract_address == address).map(pair_line);
    Ok(marked(Some(as_of), Json(json!({ "data": found }))))
}

pub(super) fn tokens(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let source = reading.source(KIND)?;
    let Some((as_of, at)) = end(reading, source)? else { return Ok(no_data(None)) };
    let mut found = Query::new(reading.database, &source.name).token_stats(at)?;
    found.sort_by(|a, b| float(&b.liquidity_usd).total_cmp(&float(&a.liquidity_usd)));
    let lines: Vec<_> = found.into_iter().enumerate().map(|(index, token)| token_line(index, token)).collect();
    Ok(marked(Some(as_of), Json(lines)))
}

pub(super) fn token(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let (source, address) = (reading.source(KIND)?, reading.asked.address_in_path("address")?);
    let Some((as_of, at)) = end(reading, source)? else { return Ok(no_data(None)) };
    let found = Query::new(reading.database, &source.name).token_stats(at)?;
    let found = found.into_iter().find(|stats| stats.token.address == address).map(token_itself);
    Ok(marked(Some(as_of), Json(json!({ "data": found }))))
}

pub(super) fn daily(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let source = reading.source(KIND)?;
    let Some((as_of, at)) = end(reading, source)? else { return Ok(no_data(None)) };
    let mut query = Query::new(reading.database, &source.name);
    let first = query.window(at, DAY)?.first;
    // Without 24 hours of history, the oldest epoch stands for what was before, as with Pooler.
    let before = first.epoch.checked_sub(1).map_or(Ok(None), |id| query.epoch(id))?.unwrap_or(first);
    let (now, old) = (query.pair_stats(at)?, query.pair_stats(before)?);
    let compared = |value: fn(&PairStats) -> &str| {
        let sum = |pairs: &[PairStats]| pairs.iter().map(|pair| float(value(pair))).sum::<f64>();
        let (current, previous) = (sum(&now), sum(&old));
        let change = if previous == 0.0 { 0.0 } else { (current - previous) / previous * 100.0 };
        Compared {
            current_value: format!("US${}", abbreviated(current)),
            previous_value: format!("US${}", abbreviated(previous)),
            change: percent(change),
        }
    };
    let stats = DailyStats {
        volume24: compared(|pair| &pair.last_24h.volume_usd),
        tvl: compared(|pair| &pair.liquidity_usd),
        fees24: compared(|pair| &pair.last_24h.fee_usd),
    };
    Ok(marked(Some(as_of), Json(stats)))
}

pub(super) fn recent_logs(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let (source, config) = (reading.source(KIND)?, config(reading)?);
    let pair = reading.asked.address("pair_contract")?.unwrap_or_default();
    let Some((as_of, at)) = end(reading, source)? else { return Ok(no_data(None)) };
    let mut logs: Vec<Log> = Vec::new();
    for id in (at.epoch.saturating_sub(N_EPOCHS - 1)..=at.epoch).rev() {
        let Some(epoch) = epoch_of(reading, id)? else { break };
        let payload = pooler::payload(reading.database, (&source.name, config), pair, &epoch, Stream::TradeVolume)?;
        let Some(pooler::Payload::TradeVolume(volume)) = payload else { break };
        logs.extend([volume.events.swap.logs, volume.events.mint.logs, volume.events.burn.logs].into_iter().flatten());
        if logs.len() >= N_LOGS {
            break;
        }
    }
    logs.sort_by_key(|log| std::cmp::Reverse(log.block_number));
    logs.truncate(N_LOGS);
    Ok(marked(Some(as_of), Json(logs)))
}

pub(super) fn snapshots(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let (asked, source, config) = (reading.asked, reading.source(KIND)?, config(reading)?);
    let (pair, count) = (asked.address_in_path("address")?, asked.count("maxCount")?.unwrap_or(DEFAULT_SNAPSHOTS));
    if !(1..=MAX_SNAPSHOTS).contains(&count) {
        let expected = format!("a whole number from 1 to {MAX_SNAPSHOTS}");
        return Err(Failure::bad("maxCount", &count.to_string(), &expected));
    }
    let name = asked.one_of("stream")?.unwrap_or(STREAMS[0]);
    let stream = if name == STREAMS[1] { Stream::TradeVolume } else { Stream::PairTotalReserves };
    let with_payload = asked.one_of("data")? == Some("true");
    let project = project(&source.name, pair, name);
    if read::project(reading.database, &project)?.is_none() {
        return Err(Failure::not_found(format!("{pair} is no pair with snapshots; /v1/pairs lists all of them")));
    }
    let mut blocks = Vec::new();
    let (mut after, mut as_of) = (None, None);
    while (blocks.len() as u64) < count {
        let page = Page { limit: read::MAX_ROWS, is_descending: true };
        let found = read::snapshots(reading.database, &project, page, after)?;
        let Some(last) = found.last() else { break };
        after = Some(last.epoch);
        for snapshot in found.into_iter().filter(|snapshot| snapshot.dag_cid.is_some()) {
            if blocks.len() as u64 == count {
                break;
            }
            let before = snapshot.epoch.checked_sub(1);
            let previous = before.map_or(Ok(None), |epoch| read::snapshot(reading.database, &project, epoch))?;
            let mut block = json!({
                "dagCid": snapshot.dag_cid,
                "height": snapshot.epoch,
                "prevCid": previous.and_then(|it| it.dag_cid).map(|cid| json!({ "/": cid })),
                "data": { "cid": { "/": snapshot.cid } },
                "txHash": "",
                "timestamp": snapshot.timestamp,
            });
            if let (true, Some(epoch)) = (with_payload, epoch_of(reading, snapshot.epoch)?) {
                let payload = pooler::payload(reading.database, (&source.name, config), pair, &epoch, stream)?;
                block["data"] = json!({ "cid": snapshot.cid, "payload": payload });
            }
            as_of = match as_of {
                None => read::as_of_epoch(reading.database, snapshot.epoch)?,
                newest => newest,
            };
            blocks.push(block);
        }
    }
    Ok(marked(as_of, Json(blocks)))
}

pub(super) fn pair_address(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let source = reading.source(KIND)?;
    let token = |name| reading.asked.address(name).map(Option::unwrap_or_default);
    let asked = [token("token0")?, token("token1")?];
    let found = Query::new(reading.database, &source.name).pairs()?.into_iter().find(|pair| {
        let [token0, token1] = [0, 1].map(|side: usize| pair.tokens[side].address);
        asked == [token0, token1] || asked == [token1, token0]
    });
    let as_of = read::as_of(reading.database)?;
    let data = PairOfTokens { pair_contract_address: found.map(|pair| pair.address) };
    Ok(marked(as_of, Json(PairAddress { data })))
}

fn no_data(as_of: Option<AsOf>) -> Response {
    marked(as_of, Json(json!({ "data": null })).into_response())
}

fn config<'a>(reading: &Reading<'a>) -> Result<&'a UniswapV2Config, Failure> {
    match &reading.source(KIND)?.kind {
        KindConfig::UniswapV2(config) => Ok(config),
        _ => unreachable!("the source was found by its kind"),
    }
}

fn epoch_of(reading: &mut Reading<'_>, id: u64) -> Result<Option<Epoch>, Failure> {
    let found = read::epoch(reading.database, id)?;
    Ok(found.and_then(|epoch| {
        let (end_hash, end_timestamp) = (epoch.end_hash?, epoch.end_timestamp?);
        let blocks = Blocks::new(epoch.first_block, epoch.last_block)?;
        Some(Epoch { id, blocks, begin_parent_hash: epoch.begin_parent_hash, end_hash, end_timestamp })
    }))
}

/// Texts in whole dollars, and numbers for what is of one token.
fn pair_line(pair: &LiquidityProcessed) -> Map<String, Value> {
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

/// Fields that are texts in whole dollars.
const DOLLARS: [&str; 4] = ["liquidity", "volume_24h", "volume_7d", "fees_24h"];

fn token_line(index: usize, stats: TokenStats) -> TokenLine {
    let EpochEnd { end, timestamp, .. } = stats.at;
    TokenLine {
        index,
        contract_address: stats.token.address,
        name: stats.token.name,
        symbol: stats.token.symbol,
        liquidity: dollars(float(&stats.liquidity_usd)),
        volume_24h: dollars(float(&stats.volume_usd_24h)),
        volume_7d: dollars(float(&stats.volume_usd_7d)).replace(',', ""),
        price: price(float(&stats.price_usd)),
        price_change_24h: percent(stats.price_change_24h.as_deref().map_or(0.0, float)),
        block_height: end,
        block_timestamp: timestamp,
    }
}

fn token_itself(stats: TokenStats) -> TokenItself {
    TokenItself {
        contractAddress: stats.token.address,
        block_height: stats.at.end,
        block_timestamp: stats.at.timestamp,
        name: stats.token.name,
        symbol: stats.token.symbol,
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
