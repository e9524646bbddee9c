//! Lists of rows as the JSON-RPC shows them, and the connection that they are read over.
//!
//! Rows go to the caller one at a time, so that a list is never longer in memory than its reader lets it be.

use std::path::Path;

use alloy::primitives::{Address, B256, hex};
use alloy::sol_types::SolCall;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params_from_iter};

use super::epochs::read_epoch;
use super::inputs::read_input;
use super::outputs::{read_output, read_report};
use super::{Epoch, EpochStatus, Input, Output, Report, Store, StoreError};
use crate::cartesi::Outputs;

/// Where the time of its block is in a call of `EvmAdvance`, counted from 1: after the selector and four words.
const TIME_AT: u32 = 4 + 4 * 32 + 1;

/// Which rows a list has, and in which order. What is `None` leaves nothing out.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    /// The lowest index.
    pub(crate) first: Option<u64>,
    /// The highest index.
    pub(crate) last: Option<u64>,
    /// Of this epoch.
    pub(crate) epoch: Option<u64>,
    /// Of this input.
    pub(crate) input: Option<u64>,
    /// Inputs of this sender.
    pub(crate) sender: Option<Address>,
    /// Inputs of this transaction.
    pub(crate) transaction: Option<B256>,
    /// Outputs that begin with one of these.
    pub(crate) selectors: Option<Vec<[u8; 4]>>,
    /// Vouchers of either kind to this address.
    pub(crate) destination: Option<Address>,
    /// Outputs that have, or have not, been executed.
    pub(crate) is_executed: Option<bool>,
    /// Epochs in one of these states.
    pub(crate) statuses: Option<Vec<EpochStatus>>,
    /// The highest index comes first.
    pub(crate) is_descending: bool,
    /// How many rows at most.
    pub(crate) limit: u64,
    /// How many rows are skipped.
    pub(crate) offset: u64,
}

impl Store {
    /// Opens a database that another connection has made, and can change nothing in it.
    pub(crate) fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self { connection })
    }

    /// Runs `read` on the database as it is at one moment, whatever is written meanwhile.
    pub(crate) fn at_one_moment<T>(&self, read: impl FnOnce(&Self) -> T) -> Result<T, StoreError> {
        let _moment = self.connection.unchecked_transaction()?;
        Ok(read(self))
    }

    /// Gives epochs to `each`, and returns how many there are without the limits of a page.
    pub(crate) fn list_epochs<E: From<StoreError>>(
        &self,
        list: &List,
        each: impl FnMut(Epoch) -> Result<(), E>,
    ) -> Result<u64, E> {
        let names = |statuses: &Vec<EpochStatus>| one_of(statuses.iter().map(|status| status.name()));
        let mut conditions = Conditions::of_indexes("epoch.id", list);
        conditions.add("epoch.status IN (SELECT value FROM json_each(?))", list.statuses.as_ref().map(names));
        self.list(Rows { table: "epoch", select: epoch_columns!(), read: read_epoch }, conditions, list, each)
    }

    /// Gives inputs to `each`, and returns how many there are without the limits of a page.
    pub(crate) fn list_inputs<E: From<StoreError>>(
        &self,
        list: &List,
        each: impl FnMut(Input) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut conditions = Conditions::of_indexes("input.id", list);
        conditions.add("input.epoch = ?", list.epoch.map(integer));
        conditions.add("input.sender = ?", list.sender.map(|sender| Value::Blob(sender.to_vec())));
        conditions.add("input.transaction_hash = ?", list.transaction.map(|hash| Value::Blob(hash.to_vec())));
        self.list(Rows { table: "input", select: input_columns!(), read: read_input }, conditions, list, each)
    }

    /// Gives outputs to `each`, and returns how many there are without the limits of a page.
    pub(crate) fn list_outputs<E: From<StoreError>>(
        &self,
        list: &List,
        each: impl FnMut(Output) -> Result<(), E>,
    ) -> Result<u64, E> {
        const SELECTOR_IN: &str = "hex(substr(output.raw, 1, 4)) IN (SELECT value FROM json_each(?))";
        let selectors = |selectors: &[[u8; 4]]| one_of(selectors.iter().map(hex::encode_upper));
        let mut conditions = Conditions::of_indexes("output.id", list);
        conditions.add("output.input IN (SELECT id FROM input WHERE epoch = ?)", list.epoch.map(integer));
        conditions.add("output.input = ?", list.input.map(integer));
        conditions.add(SELECTOR_IN, list.selectors.as_deref().map(selectors));
        if let Some(destination) = list.destination {
            let vouchers = [Outputs::VoucherCall::SELECTOR, Outputs::DelegateCallVoucherCall::SELECTOR];
            conditions.add(SELECTOR_IN, Some(selectors(&vouchers)));
            conditions.add("substr(output.raw, 17, 20) = ?", Some(Value::Blob(destination.to_vec())));
        }
        let is_executed = list.is_executed.map(|is_executed| Value::Integer(is_executed.into()));
        conditions.add("EXISTS (SELECT 1 FROM execution WHERE execution.output = output.id) = ?", is_executed);
        self.list(Rows { table: "output", select: output_columns!(), read: read_output }, conditions, list, each)
    }

    /// Gives reports to `each`, and returns how many there are without the limits of a page.
    pub(crate) fn list_reports<E: From<StoreError>>(
        &self,
        list: &List,
        each: impl FnMut(Report) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut conditions = Conditions::of_indexes("report.id", list);
        conditions.add("report.input IN (SELECT id FROM input WHERE epoch = ?)", list.epoch.map(integer));
        conditions.add("report.input = ?", list.input.map(integer));
        self.list(Rows { table: "report", select: report_columns!(), read: read_report }, conditions, list, each)
    }

    /// The first input of an epoch, and the one after its last.
    pub(crate) fn inputs_of_epoch(&self, epoch: u64) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT ifnull(min(id), 0), ifnull(max(id) + 1, 0) FROM input WHERE epoch = ?1";
        Ok(self.connection.prepare_cached(sql)?.query_row([epoch], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// The time of an input's block in seconds, as the chain has it; 0 when the input does not tell.
    pub(crate) fn time_of_input(&self, index: u64) -> Result<u64, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT substr(raw, ?2, 32) FROM input WHERE id = ?1")?;
        let word = statement.query_row((index, TIME_AT), |row| row.get::<_, Vec<u8>>(0)).optional()?;
        let seconds = word.as_deref().and_then(|word| word.strip_prefix(&[0; 24]));
        Ok(seconds.and_then(|seconds| seconds.try_into().ok()).map_or(0, u64::from_be_bytes))
    }

    fn list<T, E: From<StoreError>>(
        &self,
        rows: Rows<T>,
        conditions: Conditions,
        list: &List,
        mut each: impl FnMut(T) -> Result<(), E>,
    ) -> Result<u64, E> {
        let Rows { table, select, read } = rows;
        let Conditions { sql: mut conditions, mut values } = conditions;
        let count = self.count(&format!("SELECT count(*) FROM {table}{conditions}"), &values)?;
        let order = if list.is_descending { "DESC" } else { "ASC" };
        conditions.push_str(&format!(" ORDER BY {table}.id {order} LIMIT ? OFFSET ?"));
        values.extend([integer(list.limit), integer(list.offset)]);
        let mut statement =
            self.connection.prepare_cached(&format!("{select}{conditions}")).map_err(StoreError::from)?;
        let rows = statement.query_map(params_from_iter(&values), read).map_err(StoreError::from)?;
        for row in rows {
            each(row.map_err(StoreError::from)?)?;
        }
        Ok(count)
    }

    fn count(&self, sql: &str, values: &[Value]) -> Result<u64, StoreError> {
        Ok(self.connection.prepare_cached(sql)?.query_row(params_from_iter(values), |row| row.get(0))?)
    }
}

/// The rows of a table, and how they are read.
struct Rows<T> {
    table: &'static str,
    select: &'static str,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
}

/// What follows a `FROM`, and the values of its question marks.
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn of_indexes(id: &str, list: &List) -> Self {
        let mut conditions = Self { sql: String::new(), values: Vec::new() };
        conditions.add(&format!("{id} >= ?"), list.first.map(integer));
        conditions.add(&format!("{id} <= ?"), list.last.map(integer));
        conditions
    }

    fn add(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            let word = if self.values.is_empty() { "WHERE" } else { "AND" };
            self.sql.push_str(&format!(" {word} {condition}"));
            self.values.push(value);
        }
    }
}

/// SQLite's integers end at 2^63 - 1, where no row is.
fn integer(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Words as a JSON array, for `json_each`. They need no escapes.
fn one_of(words: impl Iterator<Item = impl AsRef<str>>) -> Value {
    let words: Vec<String> = words.map(|word| format!("\"{}\"", word.as_ref())).collect();
    Value::Text(format!("[{}]", words.join(",")))
}
