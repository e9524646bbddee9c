//! Rows of decoded events, of whatever source.

use alloy::primitives::Address;

use super::Page;
use crate::{
    Result,
    database::Database,
    rows::{Rows, Table, Type, Value},
};

/// Bytes of content of a page, without numbers. A page of one row may have more: a log can be longer than that.
const MAX_BYTES: u64 = 1 << 20;

/// Where the number of rows stands among the values of a page's statement.
const LIMIT: usize = 4;

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

/// A page of rows of `table`, which has the columns of events, in order of blocks and logs, with all columns. Strangers
/// decide how long a row is, so the page may end before its limit; if it does, the other part of the answer is true.
///
/// # Errors
/// Those of the database.
pub fn event_rows(database: &mut dyn Database, table: &Table, range: EventRange, page: Page) -> Result<(Rows, bool)> {
    let (beyond, order) = page.direction();
    let by_contract = if range.contract.is_some() { " AND contract = ?6" } else { "" };
    // The bound by block alone lets an index be used; the rest of the page's own block is dropped by the second.
    let wanted = format!(
        "FROM {} WHERE block >= ?1 AND block <= ?2 AND (block {beyond} ?3 OR idx {beyond} ?4){by_contract} \
         ORDER BY block {order}, idx {order} LIMIT ?5",
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
    // Lengths come first: rows that do not fit are never read.
    let long = table.columns.iter().filter(|column| column.kind != Type::Integer);
    let lengths: Vec<_> = long.map(|column| format!("octet_length({})", column.name)).collect();
    let lengths = database.ask(&format!("SELECT {} {wanted}", lengths.join(" + ")), &values)?;
    let n_rows = n_fitting(&lengths)?;
    values[LIMIT] = Value::count(n_rows as u64);
    let columns: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let rows = database.ask(&format!("SELECT {} {wanted}", columns.join(", ")), &values)?;
    Ok((rows, n_rows < lengths.len()))
}

/// How many rows of these lengths a page has: the first, and those after it that fit.
fn n_fitting(lengths: &Rows) -> Result<usize> {
    let mut n_bytes: u64 = 0;
    for (n_before, row) in lengths.iter().enumerate() {
        n_bytes = n_bytes.saturating_add(row.count(0)?);
        if n_bytes > MAX_BYTES {
            return Ok(n_before.max(1));
        }
    }
    Ok(lengths.len())
}

/// No height is above 63 bits, so that a bound above says the same.
fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
