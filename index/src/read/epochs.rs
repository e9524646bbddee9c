//! Epochs.

use alloy::primitives::B256;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Page, optional};
use crate::{
    Error, Result,
    database::Database,
    epoch::EpochState,
    rows::{Row, Value},
};

const COLUMNS: &str = "id, first, last, begin_parent_hash, end_hash, end_timestamp, state";

/// An epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct EpochEntry {
    /// Counted from the genesis.
    pub id: u64,
    /// Its first block.
    pub first_block: u64,
    /// Its last block.
    pub last_block: u64,
    /// The hash of the block before its first.
    #[schema(value_type = String)]
    pub begin_parent_hash: B256,
    /// The hash of its last block; nothing while it is planned.
    #[schema(value_type = Option<String>)]
    pub end_hash: Option<B256>,
    /// Unix seconds of its last block; nothing while it is planned.
    pub end_timestamp: Option<u64>,
    /// How far it is.
    pub state: EpochState,
}

/// The epoch of this number.
///
/// # Errors
/// Those of the database.
pub fn epoch(database: &mut dyn Database, id: u64) -> Result<Option<EpochEntry>> {
    let rows = database.ask(&format!("SELECT {COLUMNS} FROM epoch WHERE id = ?1"), &[Value::count(id)])?;
    rows.first().map(|row| entry(&row)).transpose()
}

/// A page of epochs behind the one of number `after`, or from the end where the list begins.
///
/// # Errors
/// Those of the database.
pub fn epochs(database: &mut dyn Database, page: Page, after: Option<u64>) -> Result<Vec<EpochEntry>> {
    let (beyond, order) = page.direction();
    let after =
        after.map_or(if page.is_descending { i64::MAX } else { -1 }, |id| i64::try_from(id).unwrap_or(i64::MAX));
    let sql = format!("SELECT {COLUMNS} FROM epoch WHERE id {beyond} ?1 ORDER BY id {order} LIMIT ?2");
    database.ask(&sql, &[Value::Integer(after), page.rows()])?.iter().map(|row| entry(&row)).collect()
}

fn entry(row: &Row<'_>) -> Result<EpochEntry> {
    Ok(EpochEntry {
        id: row.count(0)?,
        first_block: row.count(1)?,
        last_block: row.count(2)?,
        begin_parent_hash: row.hash(3)?,
        end_hash: optional(row, 4, |row, i| row.hash(i))?,
        end_timestamp: optional(row, 5, |row, i| row.count(i))?,
        state: state(row.integer(6)?)?,
    })
}

pub(super) fn state(code: i64) -> Result<EpochState> {
    match code {
        0 => Ok(EpochState::Planned),
        1 => Ok(EpochState::Tentative),
        2 => Ok(EpochState::Final),
        code => Err(Error::Damaged(format!("{code} is no state of an epoch"))),
    }
}
