//! Pooler's lists of trades, and of the snapshots of a pair.

use std::collections::BTreeSet;

use alloy::primitives::Address;
use axum::{Json, response::Response};
use serde_json::json;

use super::{config, no_data};
use crate::{
    api::{Reading, answer::marked, failure::Failure, uniswap::end},
    block::Blocks,
    config::UniswapV2Config,
    epoch::Epoch,
    kind::uniswap_v2::{
        KIND, Place, STREAMS, project,
        query::{PairRow, Query},
    },
    pooler::{self, Log, Stream},
    read::{self, Page},
};

/// Trades that are listed at most, as Pooler does.
const N_LOGS: usize = 75;

/// Snapshots of a list.
const MAX_SNAPSHOTS: u64 = 100;

/// Snapshots of a list whose length is not asked for.
const DEFAULT_SNAPSHOTS: u64 = 10;

/// The newest trades of a pair.
pub(in crate::api) fn of_pair(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let pair = reading.asked.address("pair_contract")?.unwrap_or_default();
    newest(reading, |it| it.address == pair)
}

/// The newest trades of all pairs of a token.
pub(in crate::api) fn of_token(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let token = reading.asked.address("token_contract")?.unwrap_or_default();
    newest(reading, |pair| pair.tokens.iter().any(|it| it.address == token))
}

/// The newest trades of those of the wanted pairs that have projects, up to the newest epoch with snapshots.
fn newest(reading: &mut Reading<'_>, is_wanted: impl Fn(&PairRow) -> bool) -> Result<Response, Failure> {
    let source = reading.source(KIND)?;
    let config = config(source);
    let Some((as_of, at)) = end(reading, source)? else { return Ok(no_data(None)) };
    let mut query = Query::new(reading.database, &source.name);
    let has_projects = |pair: &PairRow| config.pairs.is_empty() || config.pairs.contains(&pair.address);
    let pairs = query.pairs()?.into_iter().filter(|pair| is_wanted(pair) && has_projects(pair));
    let pairs: BTreeSet<Address> = pairs.map(|pair| pair.address).collect();
    let trades = query.newest_trades(Some(&pairs), Place { block: at.end + 1, idx: 0 }, N_LOGS)?;
    let mut epochs = BTreeSet::new();
    for block in trades.iter().map(|trade| trade.place.block).collect::<BTreeSet<_>>() {
        epochs.extend(query.epoch_of(block)?.map(|epoch| epoch.epoch));
    }
    let mut logs: Vec<Log> = Vec::new();
    for id in epochs {
        let Some(epoch) = epoch_of(reading, id)? else { continue };
        logs.extend(pooler::logs(reading.database, (&source.name, config), &pairs, &epoch)?);
    }
    logs.sort_by_key(|log| std::cmp::Reverse(log.block_number));
    logs.truncate(N_LOGS);
    Ok(marked(Some(as_of), Json(logs)))
}

/// The newest final snapshots of a pair.
pub(in crate::api) fn snapshots(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let (asked, source) = (reading.asked, reading.source(KIND)?);
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
                let of: (&str, &UniswapV2Config) = (&source.name, config(source));
                let payload = pooler::payload(reading.database, of, pair, &epoch, stream)?;
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

fn epoch_of(reading: &mut Reading<'_>, id: u64) -> Result<Option<Epoch>, Failure> {
    let found = read::epoch(reading.database, id)?;
    Ok(found.and_then(|epoch| {
        let (end_hash, end_timestamp) = (epoch.end_hash?, epoch.end_timestamp?);
        let blocks = Blocks::new(epoch.first_block, epoch.last_block)?;
        Some(Epoch { id, blocks, begin_parent_hash: epoch.begin_parent_hash, end_hash, end_timestamp })
    }))
}
