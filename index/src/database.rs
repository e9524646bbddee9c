//! The one door to a database. Statements are in the dialect that both databases understand: parameters are `?1`, `?2`,
//! a literal of bytes is `X'00ff'`; columns are INTEGER of 64 bits, BLOB or TEXT; conflicts are `ON CONFLICT`. Answers
//! have integers, bytes, text and truth values, which are 0 and 1. `max` and `min` take integers and text, not bytes, and
//! one argument; the second argument of `substr` is a literal.

use std::time::Instant;

use crate::rows::{Column, Rows, Table, Type, Value};

mod postgres;
mod sqlite;

pub use postgres::Postgres;
pub use sqlite::Sqlite;

/// In order; a database of version n has had the first n of them.
const MIGRATIONS: &[&str] = &[
    include_str!("database/migrations/0001_index.sql"),
    include_str!("database/migrations/0002_consensus.sql"),
    include_str!("database/migrations/0003_page.sql"),
];

/// Why a database does not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// SQLite: disk full, not to be read or written, damaged.
    #[error("the index's database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL refuses a statement.
    #[error("the index's database failed: {}", postgres::words(.0))]
    Postgres(#[from] ::postgres::Error),
    /// PostgreSQL does not answer, or no longer. The next transaction connects again.
    #[error("{store} does not answer: {reason}; check that the server runs, and the address")]
    Lost {
        /// The address, without a password.
        store: String,
        /// What the system says.
        reason: String,
    },
    /// Another process has followed the chain since the connection was lost.
    #[error("another process took over {0} while this one had no connection; start this one again")]
    Deposed(String),
    /// The database is another program's, or a newer version's.
    #[error("{0} is no database of this program, or one of a newer version; name another store")]
    Foreign(String),
    /// There is nothing in the database, and it is opened to be read.
    #[error("there is no index in {0}; `streamctl index run` makes it, or name another store")]
    Empty(String),
    /// The address of the store.
    #[error("{0}")]
    Address(String),
    /// The transaction began by [`Database::begin_to_read_until`], and its time is over.
    #[error("the store has not answered in the time that it was given; ask for less, or later")]
    Late,
    /// An answer has a column of a type that the dialect lacks.
    #[error("column {column} of the answer is {kind}; the dialect has integers of 64 bits, bytes and text alone")]
    Column {
        /// Counted from 0.
        column: usize,
        /// The database's word for the type.
        kind: String,
    },
    /// Text with a zero byte, which PostgreSQL cannot hold.
    #[error("the text {0:?} has a zero byte; replace it before it is stored")]
    ZeroByte(String),
}

impl DatabaseError {
    /// Whether the same thing may work a moment later: in a transaction that begins again.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
            ),
            Self::Postgres(error) => postgres::passes(error),
            Self::Lost { .. } => true,
            _ => false,
        }
    }
}

/// A connection. One connection writes; any number read.
pub trait Database: Send {
    /// Runs a statement, and gives the number of rows that it changed.
    fn run(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, DatabaseError>;

    /// Asks, and gives all rows of the answer.
    fn ask(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Rows, DatabaseError>;

    /// Adds rows to a table, and passes over those whose key is there. Gives the number that were added.
    fn insert(&mut self, table: &Table, rows: &Rows) -> Result<u64, DatabaseError>;

    /// Makes a table, unless it is there.
    fn create(&mut self, table: &Table) -> Result<(), DatabaseError>;

    /// Begins a transaction that writes.
    fn begin(&mut self) -> Result<(), DatabaseError>;

    /// Begins a transaction that only reads, all of it as it is at one moment. Any number of them go on beside one that
    /// writes.
    fn begin_to_read(&mut self) -> Result<(), DatabaseError>;

    /// The same, for no longer than until `deadline`: a statement that has not ended then fails as [`DatabaseError::Late`],
    /// as do all that begin later, and the transaction can only be rolled back. PostgreSQL may be as late again as it had
    /// time, if a statement begins shortly before.
    fn begin_to_read_until(&mut self, deadline: Instant) -> Result<(), DatabaseError>;

    /// Ends it, and keeps what it did.
    fn commit(&mut self) -> Result<(), DatabaseError>;

    /// Ends it, and undoes what it did.
    fn roll_back(&mut self) -> Result<(), DatabaseError>;

    /// Whether commits from the next transaction on outlive a power cut. Those before it may be lost, the last ones
    /// first; those of a process that is killed never are. Not for use inside a transaction.
    fn durable(&mut self, durable: bool) -> Result<(), DatabaseError>;

    /// Whether this connection is the one that follows the chain; it stays so until it closes. Not for use inside a
    /// transaction.
    fn lead(&mut self) -> Result<bool, DatabaseError>;

    /// What follows `SELECT` to take rows that nobody else is taking: `FOR UPDATE SKIP LOCKED` where several can.
    fn skip_locked(&self) -> &'static str;
}

/// Opens the store at `address`: a file, or a `postgres://` URL. Brings its tables up to date.
pub fn open(address: &str) -> Result<Box<dyn Database>, DatabaseError> {
    if is_server(address) {
        return Ok(Box::new(Postgres::open(address)?));
    }
    Ok(Box::new(Sqlite::open(address.as_ref())?))
}

/// Opens the store at `address` to read only: it must be there, with its tables up to date.
pub fn open_to_read(address: &str) -> Result<Box<dyn Database>, DatabaseError> {
    if is_server(address) {
        return Ok(Box::new(Postgres::open_to_read(address)?));
    }
    Ok(Box::new(Sqlite::open_to_read(address.as_ref())?))
}

/// The address of a store as it may be shown: without a password.
#[must_use]
pub fn shown(address: &str) -> String {
    if is_server(address) { Postgres::shown(address) } else { address.to_owned() }
}

fn is_server(address: &str) -> bool {
    address.starts_with("postgres://") || address.starts_with("postgresql://")
}

/// Does `work` in one transaction: all of it, or nothing.
///
/// # Errors
/// Those of `work` and of the database.
pub fn transaction<T, E: From<DatabaseError>>(
    database: &mut dyn Database,
    work: impl FnOnce(&mut dyn Database) -> Result<T, E>,
) -> Result<T, E> {
    database.begin()?;
    match work(database) {
        Ok(done) => database.commit().map(|()| done).map_err(E::from),
        Err(error) => {
            // The first error tells more; a connection that cannot roll back is of no use for what follows either.
            drop(database.roll_back());
            Err(error)
        }
    }
}

/// Does `work`, which only reads, on the store as it is at one moment.
///
/// # Errors
/// Those of `work` and of the database.
pub(crate) fn reading<T, E: From<DatabaseError>>(
    database: &mut dyn Database,
    work: impl FnOnce(&mut dyn Database) -> Result<T, E>,
) -> Result<T, E> {
    database.begin_to_read()?;
    let done = work(database);
    let ended = database.roll_back();
    // The first error tells more.
    let done = done?;
    ended?;
    Ok(done)
}

/// Names in the database that no table of a source can have: those of the migrations, and of what keeps their version.
pub(crate) fn taken_names() -> impl Iterator<Item = &'static str> {
    let words = MIGRATIONS.iter().flat_map(|migration| migration.split_whitespace());
    let names = words.clone().zip(words.skip(1)).filter(|(word, _)| matches!(*word, "TABLE" | "INDEX"));
    names.map(|(_, name)| name).chain([postgres::VERSION_TABLE])
}

/// What stands in a table's definition: columns and primary key.
fn definition(table: &Table) -> String {
    let column = |column: &Column| format!("{} {} NOT NULL", column.name, column_type(column.kind));
    let columns: Vec<_> = table.columns.iter().map(column).collect();
    let key: Vec<_> = table.columns[..table.n_key].iter().map(|column| column.name.as_str()).collect();
    format!("{}, PRIMARY KEY ({})", columns.join(", "), key.join(", "))
}

/// The name of the table's index of this number: short, since PostgreSQL cuts names.
fn index_name(table: &Table, number: usize) -> String {
    format!("{}_index_{number}", table.name)
}

/// Text as it may be stored.
fn text(text: &str) -> Result<&str, DatabaseError> {
    if text.contains('\0') { Err(DatabaseError::ZeroByte(text.to_owned())) } else { Ok(text) }
}

/// # Panics
/// If a row has other columns than the table, or a cell of another type.
fn expect_fit(table: &Table, rows: &Rows) {
    assert!(rows.is_empty() || rows.n_columns() == table.columns.len(), "rows for {} have its columns", table.name);
    for row in rows.iter() {
        for (i, column) in table.columns.iter().enumerate() {
            let fits = match row.value(i) {
                Value::Integer(_) => column.kind == Type::Integer,
                Value::Blob(_) => column.kind == Type::Blob,
                Value::Text(_) => column.kind == Type::Text,
                Value::Null => true,
            };
            assert!(fits, "cells of {}.{} are of its type", table.name, column.name);
        }
    }
}

/// The dialect's word for what a column holds.
fn column_type(kind: Type) -> &'static str {
    match kind {
        Type::Integer => "INTEGER",
        Type::Blob => "BLOB",
        Type::Text => "TEXT",
    }
}
