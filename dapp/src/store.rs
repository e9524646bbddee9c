//! The database: opened, migrated, and changed in one transaction for each input.

use std::path::Path;

use alloy_primitives::{Address, B256};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::check::Integrity;
use crate::column::Word;
use crate::error::Fault;
use crate::ledger::Ledger;
use crate::output::Output;

/// Marks the file as this program's.
const APPLICATION_ID: i64 = 0x5354_524d;

/// In order; a database with `user_version` n has had the first n of them.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_ledger.sql")];

/// Kibibytes of pages that are kept in memory. With all else the program stays well below the 128 MiB of a machine.
const CACHE_KIB: i64 = 64 * 1024;

/// Who keeps what has been committed when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The disk: a write-ahead log, synchronised at each commit.
    Disk,
    /// The system around the process: a write-ahead log that is not synchronised. A kill loses nothing; when the power
    /// goes, the last inputs may be gone, and whoever feeds the program has to put back a copy that it knows to be whole.
    System,
    /// The machine around the program: its snapshots and reverts cover the whole drive, so the journal is for our own
    /// roll-backs and stays in memory.
    Machine,
}

/// The database of one rollup.
pub struct Store {
    connection: Connection,
}

/// Where the program is in the rollup's inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The time of the last accepted input, in seconds since 1970. Time never goes back.
    pub time: u64,
    /// The last accepted input.
    pub input_index: u64,
    /// The hash of the input's content.
    pub input_hash: B256,
    /// The application's own address, once the rollup has told it.
    pub app_contract: Option<Address>,
}

impl Store {
    /// Opens the database at `path`, and makes or migrates it as needed. No other process may have it open.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, Fault> {
        let connection = Connection::open(path)?;
        connection.set_prepared_statement_cache_capacity(64);
        // An input changes a few bytes on each of a dozen pages, and the log gets each of them whole: where no disk is waited
        // for, that is most of the time, and small pages are quicker. The end of a log is waited for all the same, so that
        // log is long.
        let (journal, synchronous, page_bytes, log_pages) = match durability {
            Durability::Disk => ("WAL", "FULL", 4_096, 1_000),
            Durability::System => ("WAL", "NORMAL", 1_024, 16_000),
            Durability::Machine => ("MEMORY", "OFF", 4_096, 0),
        };
        connection.pragma_update(None, "page_size", page_bytes)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", journal)?;
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "wal_autocheckpoint", log_pages)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let mut store = Self { connection };
        store.migrate(path)?;
        Ok(store)
    }

    /// Does `work` on the ledger at `now`, all of it or, after an error, nothing.
    pub fn change<T, E: From<Fault>>(
        &mut self,
        now: u64,
        work: impl FnOnce(&Ledger<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let change = self.begin()?;
        let result = work(&change.ledger(now))?;
        change.commit()?;
        Ok(result)
    }

    /// Asks the ledger at `now`. What is asked cannot change anything.
    pub fn ask<T, E: From<Fault>>(&self, now: u64, question: impl FnOnce(&Ledger<'_>) -> Result<T, E>) -> Result<T, E> {
        self.connection.pragma_update(None, "query_only", true).map_err(Fault::from)?;
        let answer = question(&Ledger::new(&self.connection, now));
        self.connection.pragma_update(None, "query_only", false).map_err(Fault::from)?;
        answer
    }

    /// Begins a change of the database, which is undone unless it is committed.
    pub(crate) fn begin(&mut self) -> Result<Change<'_>, Fault> {
        Ok(Change { transaction: self.connection.transaction_with_behavior(TransactionBehavior::Immediate)? })
    }

    /// Where the program is, `None` before the first accepted input.
    pub fn cursor(&self) -> Result<Option<Cursor>, Fault> {
        read_cursor(&self.connection)
    }

    /// Adds up everything again, as of the last input.
    pub fn check(&self) -> Result<Integrity, Fault> {
        let now = self.cursor()?.map_or(0, |cursor| cursor.time);
        self.ask(now, |ledger| ledger.check())
    }

    fn migrate(&mut self, path: &Path) -> Result<(), Fault> {
        let version: i64 = self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let id: i64 = self.connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let tables: i64 = self.connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables > 0 && id != APPLICATION_ID {
            return Err(Fault::Foreign(path.to_owned()));
        }
        let done = usize::try_from(version).unwrap_or(usize::MAX);
        if done > MIGRATIONS.len() {
            return Err(Fault::SchemaTooNew { path: path.to_owned(), found: version, known: MIGRATIONS.len() });
        }
        for (number, migration) in (1_i64..).zip(MIGRATIONS).skip(done) {
            let transaction = self.connection.transaction()?;
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", number)?;
            transaction.commit()?;
        }
        Ok(())
    }
}

/// A change that has begun and is undone when it is dropped.
pub(crate) struct Change<'s> {
    transaction: Transaction<'s>,
}

impl Change<'_> {
    pub(crate) fn ledger(&self, now: u64) -> Ledger<'_> {
        Ledger::new(&self.transaction, now)
    }

    pub(crate) fn cursor(&self) -> Result<Option<Cursor>, Fault> {
        read_cursor(&self.transaction)
    }

    /// What the last accepted input put out.
    pub(crate) fn outputs(&self) -> Result<Vec<Output>, Fault> {
        let mut statement = self
            .transaction
            .prepare_cached("SELECT kind, destination, value, payload FROM output ORDER BY position")?;
        let mut rows = statement.query([])?;
        let mut outputs = Vec::new();
        while let Some(row) = rows.next()? {
            let destination = row.get::<_, Option<[u8; 20]>>(1)?.map(Address::from);
            let value = row.get::<_, Option<Word>>(2)?.map(|Word(value)| value);
            let (kind, payload): (String, Vec<u8>) = (row.get(0)?, row.get(3)?);
            outputs.push(match (kind.as_str(), destination, value) {
                ("voucher", Some(destination), Some(value)) => Output::Voucher { destination, value, payload },
                ("delegate-call-voucher", Some(destination), None) => {
                    Output::DelegateCallVoucher { destination, payload }
                }
                ("notice", None, None) => Output::Notice(payload),
                ("report", None, None) => Output::Report(payload),
                _ => return Err(Fault::Damaged(format!("an output of kind {kind} cannot be read"))),
            });
        }
        Ok(outputs)
    }

    /// Does `work`, and undoes it alone when it ends in an error.
    pub(crate) fn attempt<T, E: From<Fault>>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.execute("SAVEPOINT attempt")?;
        let result = work();
        if result.is_err() {
            self.execute("ROLLBACK TO attempt")?;
        }
        self.execute("RELEASE attempt")?;
        result
    }

    /// Records where the program is and what the input put out.
    pub(crate) fn record(&self, cursor: Cursor, outputs: &[Output]) -> Result<(), Fault> {
        let Cursor { time, input_index, input_hash, app_contract } = cursor;
        let app_contract = app_contract.as_ref().map(|address| address.as_slice());
        self.transaction
            .prepare_cached(
                "REPLACE INTO cursor (id, time, input_index, input_hash, app_contract) VALUES (0, ?1, ?2, ?3, ?4)",
            )?
            .execute(params![time, input_index, input_hash.as_slice(), app_contract])?;
        self.execute("DELETE FROM output")?;
        let mut statement = self.transaction.prepare_cached(
            "INSERT INTO output (position, kind, destination, value, payload) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for (position, output) in outputs.iter().enumerate() {
            let (destination, value, payload) = match output {
                Output::Voucher { destination, value, payload } => (Some(destination), Some(Word(*value)), payload),
                Output::DelegateCallVoucher { destination, payload } => (Some(destination), None, payload),
                Output::Notice(payload) | Output::Report(payload) => (None, None, payload),
            };
            let destination = destination.map(|address| address.as_slice());
            statement.execute(params![position, output.path(), destination, value, payload])?;
        }
        Ok(())
    }

    pub(crate) fn commit(self) -> Result<(), Fault> {
        Ok(self.transaction.commit()?)
    }

    fn execute(&self, sql: &str) -> Result<(), Fault> {
        self.transaction.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

fn read_cursor(connection: &Connection) -> Result<Option<Cursor>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT time, input_index, input_hash, app_contract FROM cursor WHERE id = 0")?;
    let cursor = statement.query_row([], |row| {
        Ok(Cursor {
            time: row.get(0)?,
            input_index: row.get(1)?,
            input_hash: row.get::<_, [u8; 32]>(2)?.into(),
            app_contract: row.get::<_, Option<[u8; 20]>>(3)?.map(Address::from),
        })
    });
    Ok(cursor.optional()?)
}
