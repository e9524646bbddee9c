//! Pooler's REST, for those who have asked it so far: its paths, its names, its numbers, its texts in dollars. The exact
//! amounts are those of the other routes; here they become floats and rounded texts, as Pooler's are.
//!
//! Under `/v1/api` the same is told with what Pooler knows of its snapshot of all pairs or tokens. Nothing here has such a
//! snapshot, nor sends one to a chain, so that its address and its transactions are null.

mod forms;
mod lines;
mod logs;
mod money;
mod routes;

use alloy::primitives::Address;
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

pub(super) use self::routes::ROUTES;
use self::{
    lines::{DailyStats, TokenItself, TokenLine, pair_line},
    money::float,
};
use super::{Reading, Source, answer::marked, failure::Failure, uniswap::end};
use crate::{
    config::{KindConfig, UniswapV2Config},
    kind::uniswap_v2::{
        KIND,
        query::{DAY, EpochEnd, LiquidityProcessed, Query, TokenStats, WEEK},
    },
    read::{self, AsOf},
    windows,
};

/// Heights that are listed at most, the newest ones.
const MAX_HEIGHTS: u64 = 1_000;

/// How much is told beside the list itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Nothing, as Pooler's paths of old have it.
    Plain,
    /// All that Pooler's paths under `/v1/api` have.
    Full,
}

/// The pair of two tokens.
#[derive(Debug, Serialize, ToSchema)]
struct PairAddress {
    data: PairOfTokens,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PairOfTokens {
    /// Nothing if there is none.
    #[schema(value_type = Option<String>)]
    pair_contract_address: Option<Address>,
}

/// Blocks that can be looked back to.
#[derive(Debug, Serialize, ToSchema)]
struct Heights {
    snapshots: Vec<u64>,
}

fn pairs(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    pairs_as(reading, Shape::Plain)
}

fn pairs_in_full(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    pairs_as(reading, Shape::Full)
}

fn tokens(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    tokens_as(reading, Shape::Plain)
}

fn tokens_in_full(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    tokens_as(reading, Shape::Full)
}

fn daily(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    daily_as(reading, Shape::Plain)
}

fn daily_in_full(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    daily_as(reading, Shape::Full)
}

fn pairs_as(reading: &mut Reading<'_>, shape: Shape) -> Result<Response, Failure> {
    let source = reading.source(KIND)?;
    let Some((as_of, at)) = end_asked(reading, source)? else { return Ok(no_data(None)) };
    let kept = reading.processed(source, at)?;
    if kept.is_empty() {
        return Ok(no_data(Some(as_of)));
    }
    let value = |pair: &LiquidityProcessed| float(&pair.token0_liquidity_usd) + float(&pair.token1_liquidity_usd);
    let mut found: Vec<_> = kept.iter().map(|pair| (value(pair), pair)).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let lines = found.into_iter().map(|(_, pair)| Value::Object(pair_line(pair))).collect();
    let mut told = told(lines, at, shape);
    if shape == Shape::Full {
        let mut query = Query::new(reading.database, &source.name);
        for (name, seconds) in [("24h", DAY), ("7d", WEEK)] {
            let first = query.window(at, seconds)?.first;
            told[format!("begin_block_height_{name}")] = json!(first.begin);
            told[format!("begin_block_timestamp_{name}")] = json!(first.timestamp);
        }
    }
    Ok(marked(Some(as_of), Json(told)))
}

fn pair(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let (source, address) = (reading.source(KIND)?, reading.asked.address_in_path("address")?);
    let Some((as_of, at)) = end(reading, source)? else { return Ok(no_data(None)) };
    let kept = reading.processed(source, at)?;
    let found = kept.iter().find(|pair| pair.contract_address == address).map(pair_line);
    Ok(marked(Some(as_of), Json(json!({ "data": found }))))
}

fn tokens_as(reading: &mut Reading<'_>, shape: Shape) -> Result<Response, Failure> {
    let source = reading.source(KIND)?;
    let Some((as_of, at)) = end_asked(reading, source)? else { return Ok(no_data(None)) };
    let kept = reading.token_stats(source, at)?;
    if kept.is_empty() {
        return Ok(no_data(Some(as_of)));
    }
    let mut found: Vec<(f64, &TokenStats)> = kept.iter().map(|token| (float(&token.liquidity_usd), token)).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let lines = found.into_iter().enumerate().map(|(index, (_, token))| json!(TokenLine::new(index, token))).collect();
    Ok(marked(Some(as_of), Json(told(lines, at, shape))))
}

fn token(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let (source, address) = (reading.source(KIND)?, reading.asked.address_in_path("address")?);
    let Some((as_of, at)) = end(reading, source)? else { return Ok(no_data(None)) };
    let kept = reading.token_stats(source, at)?;
    let found = kept.iter().find(|stats| stats.token.address == address).map(TokenItself::new);
    Ok(marked(Some(as_of), Json(json!({ "data": found }))))
}

fn daily_as(reading: &mut Reading<'_>, shape: Shape) -> Result<Response, Failure> {
    let source = reading.source(KIND)?;
    let Some((as_of, at)) = end_asked(reading, source)? else { return Ok(no_data(None)) };
    let mut query = Query::new(reading.database, &source.name);
    let first = query.window(at, DAY)?.first;
    // Without 24 hours of history, the oldest epoch stands for what was before, as with Pooler.
    let before = first.epoch.checked_sub(1).map_or(Ok(None), |id| query.epoch(id))?.unwrap_or(first);
    let now = reading.pair_stats(source, at)?;
    if now.is_empty() {
        return Ok(no_data(Some(as_of)));
    }
    let stats = DailyStats::new(&now, &reading.pair_stats(source, before)?);
    Ok(marked(Some(as_of), Json(told(json!(stats), at, shape))))
}

fn heights(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let source = reading.source(KIND)?;
    let Some((as_of, at)) = end(reading, source)? else {
        return Ok(Json(Heights { snapshots: vec![] }).into_response());
    };
    let snapshots = Query::new(reading.database, &source.name).heights(at.epoch, MAX_HEIGHTS)?;
    Ok(marked(Some(as_of), Json(Heights { snapshots })))
}

fn pair_address(reading: &mut Reading<'_>) -> Result<Response, Failure> {
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

/// The epoch whose last block is asked for, or the newest with snapshots; nothing if no epoch ends there.
fn end_asked(reading: &mut Reading<'_>, source: &Source) -> Result<Option<(AsOf, EpochEnd)>, Failure> {
    let Some(height) = reading.asked.count_if_taken("block_height")? else { return end(reading, source) };
    let Some(newest) = windows::newest(reading.database)? else { return Ok(None) };
    let found = Query::new(reading.database, &source.name).epoch_of(height)?;
    let Some(at) = found.filter(|at| at.end == height && at.epoch <= newest) else { return Ok(None) };
    Ok(read::as_of_epoch(reading.database, at.epoch)?.map(|as_of| (as_of, at)))
}

/// What Pooler answers where it has nothing.
fn no_data(as_of: Option<AsOf>) -> Response {
    marked(as_of, Json(json!({ "data": null })))
}

/// The list, and in full what Pooler knows of the snapshot that it is in.
fn told(list: Value, at: EpochEnd, shape: Shape) -> Value {
    match shape {
        Shape::Plain => list,
        Shape::Full => json!({
            "data": list,
            "txHash": null,
            "cid": null,
            "txStatus": null,
            "prevTxHash": null,
            "block_height": at.end,
            "block_timestamp": at.timestamp,
        }),
    }
}

fn config(source: &Source) -> &UniswapV2Config {
    match &source.kind {
        KindConfig::UniswapV2(config) => config,
        _ => unreachable!("the source was found by its kind"),
    }
}
