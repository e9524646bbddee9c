//! Rows of decoded events, of whatever source.

use alloy::primitives::Address;

use super::Page;
use crate::{
    Result,
    database::Database,
    rows::{Rows, Table, Value},
};

/// The place of a log on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its block.
    pub block: u64,
    /// Its place in the block.
    pub idx: u64,
}

/// Which rows of a table of events are wanted.
#[derive(Clone, Copy, Debug)]
pub struct EventRange {
    /// The first block.
    pub from_block: u64,
    /// The last block.
    pub to_block: u64,
    /// Whose logs, if not everybody's.
    pub contract: Option<Address>,
    /// The row that the page before ended with.
    pub after: Option<Place>,
}

/// A page of rows of `table`, which has the columns of events, in order of blocks and logs, with all columns.
///
/// # Errors
/// Those of the database.
pub fn event_rows(database: &mut dyn Database, table: &Table, range: EventRange, page: Page) -> Result<Rows> {
    let (beyond, order) = page.direction();
    let columns: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let by_contract = if range.contract.is_some() { " AND contract = ?6" } else { "" };
    // The bound by block alone lets an index be used; the rest of the page's own block is dropped by the second.
    let sql = format!(
        "SELECT {} FROM {} WHERE block >= ?1 AND block <= ?2 AND (block {beyond} ?3 OR idx {beyond} ?4){by_contract} \
         ORDER BY block {order}, idx {order} LIMIT ?5",
        columns.join(", "),
        table.name
    );
    let (mut first, mut last) = (bounded(range.from_block), bounded(range.to_block));
    let after = match range.after {
        Some(place) if page.is_descending => {
            last = last.min(bounded(place.block));
            (bounded(place.block), bounded(place.idx))
        }
        Some(place) => {
            first = first.max(bounded(place.block));
            (bounded(place.block), bounded(place.idx))
        }
        None if page.is_descending => (i64::MAX, i64::MAX),
        None => (-1, -1),
    };
    let mut values = vec![
        Value::Integer(first),
        Value::Integer(last),
        Value::Integer(after.0),
        Value::Integer(after.1),
        page.rows(),
    ];
    if let Some(contract) = &range.contract {
        values.push(Value::Blob(contract.as_slice()));
    }
    Ok(database.ask(&sql, &values)?)
}

/// No height is above 63 bits, so that a bound above says the same.
fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
