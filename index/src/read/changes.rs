//! What changed, in order.

use alloy::primitives::B256;
use serde::Serialize;
use utoipa::ToSchema;

use super::optional;
use crate::{Result, database::Database, rows::Value};

/// A change: an epoch that got its snapshots or became final, or blocks that were taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Change {
    /// Its number; later changes have higher ones.
    pub id: u64,
    /// `tentative`, `final` or `unwound`.
    pub kind: String,
    /// The epoch; of those that were taken back the first.
    pub epoch: Option<u64>,
    /// The epoch's last block, or the last block that remains.
    pub block: u64,
    /// Its hash.
    #[schema(value_type = String)]
    pub hash: B256,
}

/// At most `limit` changes after the one of number `after`.
///
/// # Errors
/// Those of the database.
pub fn changes(database: &mut dyn Database, after: u64, limit: usize) -> Result<Vec<Change>> {
    let sql = "SELECT id, kind, epoch, block, hash FROM change WHERE id > ?1 ORDER BY id LIMIT ?2";
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = database.ask(sql, &[Value::Integer(after), Value::count(limit as u64)])?;
    rows.iter()
        .map(|row| {
            Ok(Change {
                id: row.count(0)?,
                kind: row.text(1)?.to_owned(),
                epoch: optional(&row, 2, |row, i| row.count(i))?,
                block: row.count(3)?,
                hash: row.hash(4)?,
            })
        })
        .collect()
}

/// The number of the newest change; 0 before the first.
///
/// # Errors
/// Those of the database.
pub fn newest_change(database: &mut dyn Database) -> Result<u64> {
    let rows = database.ask("SELECT id FROM change ORDER BY id DESC LIMIT 1", &[])?;
    rows.first().map_or(Ok(0), |row| row.count(0))
}

/// The number of the oldest change that is still there; nothing before the first.
///
/// # Errors
/// Those of the database.
pub fn oldest_change(database: &mut dyn Database) -> Result<Option<u64>> {
    let rows = database.ask("SELECT id FROM change ORDER BY id LIMIT 1", &[])?;
    rows.first().map(|row| row.count(0)).transpose()
}
