//! Reading what every store has, whatever its sources are: how far it is, epochs, projects, snapshots, changes, rows of
//! events. Never writes. Lists are pages of a bounded length, each found by an index.

use alloy::primitives::B256;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Result,
    database::Database,
    epoch::EpochState,
    rows::{Row, Value},
    stage::{Derived, EpochStage, checkpoint},
};

mod changes;
mod epochs;
mod events;
mod snapshots;

pub use changes::{Change, changes, newest_change, oldest_change};
pub use epochs::{EpochEntry, epoch, epochs};
pub use events::{EventRange, Place, event_rows};
pub use snapshots::{Content, ProjectEntry, SnapshotEntry, content, project, projects, snapshot, snapshots};

/// Rows of a page at most.
pub const MAX_ROWS: usize = 1_000;

/// Which way a list goes, and how long it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows at most; never more than [`MAX_ROWS`] and one, which says that there are more.
    pub limit: usize,
    /// Whether the highest comes first.
    pub is_descending: bool,
}

impl Page {
    /// The comparison and the order for SQL.
    fn direction(self) -> (&'static str, &'static str) {
        if self.is_descending { ("<", "DESC") } else { (">", "ASC") }
    }

    fn rows(self) -> Value<'static> {
        Value::count(self.limit.min(MAX_ROWS + 1) as u64)
    }
}

/// The block that an answer is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AsOf {
    /// Its height.
    pub block: u64,
    /// Its hash.
    #[schema(value_type = String)]
    pub hash: B256,
    /// Unix seconds.
    pub timestamp: Option<u64>,
    /// `final`, or `tentative` while a reorg can still take it back.
    pub state: EpochState,
    /// The last final block.
    pub finalized: Option<u64>,
}

/// The block that rows of sources are complete up to; nothing in an empty store.
///
/// # Errors
/// Those of the database.
pub fn as_of(database: &mut dyn Database) -> Result<Option<AsOf>> {
    let Some(at) = checkpoint(database, Derived::NAME)? else { return Ok(None) };
    let found = as_of_block(database, at.number)?;
    let unknown = AsOf {
        block: at.number,
        hash: at.hash,
        timestamp: None,
        state: EpochState::Tentative,
        finalized: checkpoint(database, EpochStage::FINALIZED)?.map(|finalized| finalized.number),
    };
    Ok(Some(found.unwrap_or(unknown)))
}

/// A block that is stored.
///
/// # Errors
/// Those of the database.
pub fn as_of_block(database: &mut dyn Database, number: u64) -> Result<Option<AsOf>> {
    let finalized = checkpoint(database, EpochStage::FINALIZED)?.map(|finalized| finalized.number);
    let rows = database.ask("SELECT hash, timestamp FROM block WHERE number = ?1", &[Value::count(number)])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let is_final = finalized.is_some_and(|finalized| number <= finalized);
    let state = if is_final { EpochState::Final } else { EpochState::Tentative };
    Ok(Some(AsOf { block: number, hash: row.hash(0)?, timestamp: Some(row.count(1)?), state, finalized }))
}

/// The last block of an epoch that has ended.
///
/// # Errors
/// Those of the database.
pub fn as_of_epoch(database: &mut dyn Database, id: u64) -> Result<Option<AsOf>> {
    let Some(epoch) = epoch(database, id)? else { return Ok(None) };
    let finalized = checkpoint(database, EpochStage::FINALIZED)?.map(|finalized| finalized.number);
    let EpochEntry { last_block: block, end_timestamp: timestamp, state, .. } = epoch;
    Ok(epoch.end_hash.map(|hash| AsOf { block, hash, timestamp, state, finalized }))
}

/// How far one stage is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StageEntry {
    /// Its name.
    pub name: String,
    /// The last block.
    pub block: u64,
    /// Its hash.
    #[schema(value_type = String)]
    pub hash: B256,
}

/// How far each stage has come, by names.
///
/// # Errors
/// Those of the database.
pub fn stages(database: &mut dyn Database) -> Result<Vec<StageEntry>> {
    let rows = database.ask("SELECT name, number, hash FROM cursor ORDER BY name", &[])?;
    rows.iter()
        .map(|row| Ok(StageEntry { name: row.text(0)?.to_owned(), block: row.count(1)?, hash: row.hash(2)? }))
        .collect()
}

/// The newest epoch that has come at least so far.
///
/// # Errors
/// Those of the database.
pub fn newest_epoch(database: &mut dyn Database, state: EpochState) -> Result<Option<u64>> {
    // Epochs become final in order, so that the first that is met from the end is the newest.
    let sql = "SELECT id FROM epoch WHERE state >= ?1 ORDER BY id DESC LIMIT 1";
    database.ask(sql, &[Value::Integer(state.code())])?.first().map(|row| row.count(0)).transpose()
}

/// What waits to be told to the outside, counted up to `bound`.
///
/// # Errors
/// Those of the database.
pub fn outbox_depth(database: &mut dyn Database, bound: u64) -> Result<u64> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT ?1) AS waiting";
    database.ask(sql, &[Value::count(bound)])?.first().map_or(Ok(0), |row| row.count(0))
}

fn optional<T>(row: &Row<'_>, i: usize, read: impl FnOnce(&Row<'_>, usize) -> Result<T>) -> Result<Option<T>> {
    if row.is_null(i) { Ok(None) } else { read(row, i).map(Some) }
}
