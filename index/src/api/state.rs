//! How the program and the index are.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::{
    Json,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Reading, Shared, Source,
    failure::{Code, Failure},
};
use crate::{
    config::KindConfig,
    database::Database,
    epoch::EpochState,
    kind::erc1620::query::{ContractView, Streams},
    read::{self, StageEntry},
    windows,
};

/// Blocks that an index may be behind and still be ready: epochs of ordinary size fit in twice.
const MAX_LAG: u64 = 32;

/// The outbox is counted up to here.
const MAX_OUTBOX: u64 = 100_000;

/// The program is alive.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    status: &'static str,
}

/// The index is at the chain's head.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ready {
    /// The newest block of the chain.
    head: u64,
    /// Blocks whose rows are not complete.
    lag_blocks: u64,
}

/// How far the index is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    /// The chain's id.
    chain_id: u64,
    /// The newest block of the chain, if an index runs in this process.
    head: Option<u64>,
    /// Blocks of the chain that are not stored.
    lag_blocks: Option<u64>,
    /// Whether an endpoint answers.
    is_connected: bool,
    /// How far each stage is.
    stages: Vec<StageEntry>,
    /// The newest epoch of which there are snapshots.
    newest_epoch: Option<u64>,
    /// The newest final epoch.
    newest_final_epoch: Option<u64>,
    /// The number of the newest change.
    newest_change: u64,
    /// What is indexed.
    sources: Vec<SourceEntry>,
}

/// A source.
#[derive(Debug, Serialize, ToSchema)]
struct SourceEntry {
    /// Its name.
    name: String,
    /// What it is.
    kind: &'static str,
    /// The contracts of a source of streams, each with its clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    contracts: Option<Vec<ContractView>>,
}

pub(super) fn health(_: &Shared) -> Result<Response, Failure> {
    Ok(Json(Health { status: "ok" }).into_response())
}

pub(super) fn ready(api: &Shared) -> Result<Response, Failure> {
    let progress = *api.progress.borrow();
    let not_ready = |message: String| Err(Failure::new(Code::NotReady, message));
    match (progress.head, progress.lag_of_answers()) {
        (Some(head), Some(lag_blocks)) if progress.is_connected && lag_blocks <= MAX_LAG => {
            Ok(Json(Ready { head, lag_blocks }).into_response())
        }
        (Some(head), Some(lag_blocks)) if progress.is_connected => {
            not_ready(format!("{lag_blocks} blocks behind block {head} of the chain; at most {MAX_LAG} are ready"))
        }
        _ => not_ready("no endpoint of the chain answers; check the endpoints of the configuration".to_owned()),
    }
}

pub(super) fn metrics(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let progress = *reading.api.progress.borrow();
    let newest = read::as_of(reading.database)?.and_then(|as_of| as_of.timestamp);
    let outbox = read::outbox_depth(reading.database, MAX_OUTBOX)?;
    // A clock before 1970 says nothing of any lag.
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|seconds| seconds.as_secs());
    let lag = seconds.zip(newest).map(|(seconds, newest)| seconds.saturating_sub(newest));
    let text = reading.api.metrics.text(&progress, lag, outbox);
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}

pub(super) fn status(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let progress = *reading.api.progress.borrow();
    let sources = reading.api.sources.iter().map(|source| SourceEntry::read(source, reading.database));
    let sources = sources.collect::<Result<_, Failure>>()?;
    let status = Status {
        chain_id: reading.api.chain,
        head: progress.head,
        lag_blocks: progress.lag_blocks(),
        is_connected: progress.is_connected,
        stages: read::stages(reading.database)?,
        newest_epoch: windows::newest(reading.database)?,
        newest_final_epoch: read::newest_epoch(reading.database, EpochState::Final)?,
        newest_change: read::newest_change(reading.database)?,
        sources,
    };
    reading.one(Some(status), String::new)
}

impl SourceEntry {
    fn read(source: &Source, database: &mut dyn Database) -> Result<Self, Failure> {
        let contracts = match &source.kind {
            KindConfig::Erc1620(config) => Some(Streams::of(database, &source.name).contracts(config)?),
            KindConfig::UniswapV2(_) | KindConfig::Events(_) => None,
        };
        Ok(Self { name: source.name.clone(), kind: source.kind_name(), contracts })
    }
}
