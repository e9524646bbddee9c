//! Tables and their rows, without a database: many rows in two allocations.

use alloy::primitives::{Address, B256, U256};

use crate::{Error, Result};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// 64 bits with a sign: heights, counts, times, flags.
    Integer,
    /// Bytes: hashes, addresses, and amounts as 32 bytes, the highest first, so that they sort as numbers.
    Blob,
    /// UTF-8.
    Text,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, which needs no quotes.
    pub name: String,
    /// What it holds.
    pub kind: Type,
}

/// A table that is made by the program and not by a migration. All columns are required.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name, which needs no quotes.
    pub name: String,
    /// In order.
    pub columns: Vec<Column>,
    /// How many of the first columns are the primary key.
    pub n_key: usize,
    /// Further indexes, each a list of columns.
    pub indexes: Vec<Vec<String>>,
}

/// A value for a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// See [`Type::Integer`].
    Integer(i64),
    /// See [`Type::Blob`].
    Blob(&'a [u8]),
    /// See [`Type::Text`].
    Text(&'a str),
    /// No value.
    Null,
}

impl Value<'_> {
    /// A height, a count or a time.
    ///
    /// # Panics
    /// Beyond 63 bits, which nothing that counts reaches.
    #[must_use]
    pub fn count(count: u64) -> Self {
        Self::Integer(i64::try_from(count).expect("heights, counts and times have 63 bits"))
    }
}

/// Rows of a table or of an answer, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    n_columns: usize,
    cells: Vec<Cell>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Integer(i64),
    Blob(usize, usize),
    Text(usize, usize),
    Null,
}

impl Rows {
    /// No rows yet, of so many columns.
    #[must_use]
    pub fn new(n_columns: usize) -> Self {
        Self { n_columns, ..Self::default() }
    }

    /// Adds the next cell.
    pub fn push(&mut self, value: Value<'_>) {
        let cell = match value {
            Value::Integer(value) => Cell::Integer(value),
            Value::Blob(bytes) => Cell::Blob(self.add(bytes), self.bytes.len()),
            Value::Text(text) => Cell::Text(self.add(text.as_bytes()), self.bytes.len()),
            Value::Null => Cell::Null,
        };
        self.cells.push(cell);
    }

    fn add(&mut self, bytes: &[u8]) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start
    }

    /// Where the rows end.
    pub(crate) fn mark(&self) -> Mark {
        Mark { n_cells: self.cells.len(), n_bytes: self.bytes.len() }
    }

    /// Takes back what was added after `mark`.
    pub(crate) fn undo(&mut self, mark: Mark) {
        self.cells.truncate(mark.n_cells);
        self.bytes.truncate(mark.n_bytes);
    }

    /// Adds a row.
    pub fn push_row(&mut self, values: &[Value<'_>]) {
        debug_assert_eq!(values.len(), self.n_columns, "a row has all columns");
        values.iter().for_each(|value| self.push(*value));
    }

    /// Adds the rows of another, of as many columns.
    pub fn append(&mut self, other: &Self) {
        debug_assert_eq!(other.n_columns, self.n_columns, "the tables are alike");
        other.iter().for_each(|row| (0..self.n_columns).for_each(|i| self.push(row.value(i))));
    }

    /// Columns of a row.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len().checked_div(self.n_columns).unwrap_or(0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The rows, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.cells.chunks_exact(self.n_columns.max(1)).map(|cells| Row { cells, bytes: &self.bytes })
    }

    /// The first row.
    #[must_use]
    pub fn first(&self) -> Option<Row<'_>> {
        self.iter().next()
    }
}

/// A place in rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    n_cells: usize,
    n_bytes: usize,
}

/// One row. Its readers fail on a cell of another type, which only a damaged database has.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    cells: &'a [Cell],
    bytes: &'a [u8],
}

impl<'a> Row<'a> {
    /// The cell of column `i`.
    #[must_use]
    pub fn value(&self, i: usize) -> Value<'a> {
        match self.cells[i] {
            Cell::Integer(value) => Value::Integer(value),
            Cell::Blob(start, end) => Value::Blob(&self.bytes[start..end]),
            Cell::Text(start, end) => {
                Value::Text(std::str::from_utf8(&self.bytes[start..end]).expect("text was UTF-8 when it was added"))
            }
            Cell::Null => Value::Null,
        }
    }

    /// A signed number.
    pub fn integer(&self, i: usize) -> Result<i64> {
        match self.value(i) {
            Value::Integer(value) => Ok(value),
            other => Err(wrong(i, "an integer", other)),
        }
    }

    /// A height, a count or a time.
    pub fn count(&self, i: usize) -> Result<u64> {
        let value = self.integer(i)?;
        u64::try_from(value).map_err(|_| Error::Damaged(format!("{value} in column {i} is below zero")))
    }

    /// Bytes.
    pub fn blob(&self, i: usize) -> Result<&'a [u8]> {
        match self.value(i) {
            Value::Blob(value) => Ok(value),
            other => Err(wrong(i, "bytes", other)),
        }
    }

    /// Text.
    pub fn text(&self, i: usize) -> Result<&'a str> {
        match self.value(i) {
            Value::Text(value) => Ok(value),
            other => Err(wrong(i, "text", other)),
        }
    }

    /// A hash.
    pub fn hash(&self, i: usize) -> Result<B256> {
        let bytes = self.blob(i)?;
        B256::try_from(bytes).map_err(|_| Error::Damaged(format!("{} bytes in column {i} are no hash", bytes.len())))
    }

    /// An address.
    pub fn address(&self, i: usize) -> Result<Address> {
        let bytes = self.blob(i)?;
        Address::try_from(bytes)
            .map_err(|_| Error::Damaged(format!("{} bytes in column {i} are no address", bytes.len())))
    }

    /// An amount of 32 bytes.
    pub fn amount(&self, i: usize) -> Result<U256> {
        self.hash(i).map(|word| U256::from_be_bytes(word.0))
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_null(&self, i: usize) -> bool {
        matches!(self.cells[i], Cell::Null)
    }
}

fn wrong(i: usize, expected: &str, found: Value<'_>) -> Error {
    Error::Damaged(format!("column {i} holds {found:?} where {expected} should be"))
}
