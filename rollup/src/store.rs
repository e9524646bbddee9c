//! The node's database: inputs as the chain has them, outputs as the application gave them, and the tree over these.
//!
//! One process writes. What belongs together is in one transaction, so a kill leaves the state before or after it.

use std::path::Path;

use alloy::primitives::{Address, B256};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

macro_rules! epoch_columns {
    () => {
        "SELECT id, virtual_index, n_outputs, outputs_root, claim_transaction, status FROM epoch"
    };
}

macro_rules! input_columns {
    () => {
        "SELECT id, epoch, block_number, transaction_hash, sender, raw, status FROM input"
    };
}

macro_rules! output_columns {
    () => {
        "SELECT output.id, output.input, input.epoch, output.raw, output.hash, execution.transaction_hash \
         FROM output JOIN input ON input.id = output.input LEFT JOIN execution ON execution.output = output.id"
    };
}

macro_rules! report_columns {
    () => {
        "SELECT report.id, report.input, input.epoch, report.raw FROM report JOIN input ON input.id = report.input"
    };
}

mod epochs;
mod inputs;
mod list;
mod outputs;

pub(crate) use list::List;

/// In order; a database with `user_version` n has had the first n of them.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_node.sql"), include_str!("migrations/0002_put_back.sql")];

/// Marks the file as this program's.
const APPLICATION_ID: i64 = 0x5354_524e;

/// Why the node's database does not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite failed: disk full, not to be read or written, damaged.
    #[error("the node's database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// The file is another program's, or a newer one's.
    #[error("{0} is no database of this program; name another --data-dir, or run `streamctl rollup reset`")]
    Foreign(String),
    /// The directory belongs to another application.
    #[error("the data directory serves application {found}, not {app}; name another --data-dir, or reset this one")]
    OtherApp {
        /// What the directory is for.
        found: Address,
        /// What was asked for.
        app: Address,
    },
    /// The database holds what this program never writes.
    #[error("the node's database is damaged: {0}; run `streamctl rollup reset`, and all inputs are read again")]
    Damaged(&'static str),
}

/// What the node serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The chain.
    pub chain_id: u64,
    /// Where inputs are added.
    pub input_box: Address,
    /// The application's contract.
    pub app: Address,
    /// Who accepts claims.
    pub consensus: Address,
    /// Blocks in an epoch.
    pub epoch_length: u64,
    /// The hash of the machine that the contract names.
    pub template_hash: B256,
    /// No input is before this block.
    pub from_block: u64,
}

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputStatus {
    /// Not yet processed.
    Unprocessed,
    /// The application took it.
    Accepted,
    /// The application refused it, and its state is as before.
    Rejected,
    /// The application gave up.
    Exception,
}

/// An input, as the chain has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Counted from 0 on.
    pub index: u64,
    /// The epoch that its block is in.
    pub epoch: u64,
    /// Its block.
    pub block_number: u64,
    /// Its transaction.
    pub transaction_hash: B256,
    /// Who added it: a portal, or a user.
    pub sender: Address,
    /// The call of `EvmAdvance` that describes it.
    pub raw: Vec<u8>,
    /// What became of it.
    pub status: InputStatus,
}

/// An output: a voucher, a delegate-call voucher or a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Counted from 0 on, across all inputs; its place in the tree.
    pub index: u64,
    /// The input that put it out.
    pub input: u64,
    /// That input's epoch.
    pub epoch: u64,
    /// The call of `Voucher`, `DelegateCallVoucher` or `Notice` that describes it.
    pub raw: Vec<u8>,
    /// The keccak of `raw`.
    pub hash: B256,
    /// The transaction that executed it.
    pub execution_transaction: Option<B256>,
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Counted from 0 on, across all inputs.
    pub index: u64,
    /// The input that put it out.
    pub input: u64,
    /// That input's epoch.
    pub epoch: u64,
    /// What it says.
    pub raw: Vec<u8>,
}

/// How far an epoch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochStatus {
    /// Inputs may still come.
    Open,
    /// All inputs are processed, and the outputs' root is known.
    Computed,
    /// The claim is in a transaction.
    Submitted,
    /// The consensus has accepted the claim.
    Accepted,
}

/// The blocks of one claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its first block divided by the epoch length.
    pub index: u64,
    /// Its place among the epochs that have inputs.
    pub virtual_index: u64,
    /// Outputs up to its end, once it is computed.
    pub n_outputs: Option<u64>,
    /// Their root.
    pub outputs_root: Option<B256>,
    /// The transaction of the claim.
    pub claim_transaction: Option<B256>,
    /// How far it is.
    pub status: EpochStatus,
}

/// What a scan of the chain found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// In order, with their blocks' hashes.
    pub inputs: Vec<(Input, B256)>,
    /// In order.
    pub executions: Vec<Execution>,
}

/// An output that the application's contract has executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Which output.
    pub output: u64,
    /// In which transaction.
    pub transaction: B256,
    /// In which block.
    pub block: u64,
}

/// What the application answered to an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Accepted, rejected, or an exception.
    pub status: InputStatus,
    /// Encoded outputs, in order; none unless it was accepted.
    pub outputs: Vec<Vec<u8>>,
    /// In order.
    pub reports: Vec<Vec<u8>>,
}

/// Which rows a list has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page {
    /// How many at most.
    pub limit: u64,
    /// How many are skipped.
    pub offset: u64,
}

/// The node's database.
pub struct Store {
    connection: Connection,
}

impl Store {
    /// Opens the database at `path`, and makes it if it is not there. Others may read it meanwhile.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A kill loses nothing. When the power goes, the last inputs may be fed again: the chain has them.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let done = usize::try_from(version).unwrap_or(usize::MAX);
        if tables > 0 && id != APPLICATION_ID || done > MIGRATIONS.len() {
            return Err(StoreError::Foreign(path.display().to_string()));
        }
        for (number, migration) in (1_i64..).zip(MIGRATIONS).skip(done) {
            let transaction = connection.transaction()?;
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", number)?;
            transaction.commit()?;
        }
        Ok(Self { connection })
    }

    /// Sets what is served, or checks that it is the same as before.
    pub fn set_up(&self, setup: &Setup) -> Result<(), StoreError> {
        match self.setup()? {
            Some(found) if found.app == setup.app && found.chain_id == setup.chain_id => Ok(()),
            Some(found) => Err(StoreError::OtherApp { found: found.app, app: setup.app }),
            None => {
                let Setup { chain_id, input_box, app, consensus, epoch_length, template_hash, from_block } = setup;
                self.connection.execute(
                    "INSERT INTO setup (id, chain_id, input_box, app, consensus, epoch_length, template_hash, \
                     from_block) VALUES (0, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![
                        chain_id,
                        input_box.as_slice(),
                        app.as_slice(),
                        consensus.as_slice(),
                        epoch_length,
                        template_hash.as_slice(),
                        from_block
                    ],
                )?;
                Ok(())
            }
        }
    }

    /// On which start of the system the application ran last.
    pub(crate) fn boot(&self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT name FROM boot WHERE id = 0";
        Ok(self.connection.query_row(sql, [], |row| row.get(0)).optional()?)
    }

    /// Notes on which start of the system the application runs. If it ran on another before, it is to be put back.
    pub(crate) fn note_boot(&mut self, name: &str) -> Result<(), StoreError> {
        let before = self.boot()?;
        let transaction = self.begin()?;
        transaction.execute("REPLACE INTO boot (id, name) VALUES (0, ?1)", [name])?;
        if before.is_some_and(|before| before != name) {
            note_put_back(&transaction)?;
        }
        Ok(transaction.commit()?)
    }

    /// Whether the application is to be put back to what it was after the processed inputs. Until then it gets no other.
    pub(crate) fn is_to_put_back(&self) -> Result<bool, StoreError> {
        Ok(self.connection.query_row("SELECT EXISTS (SELECT 1 FROM put_back)", [], |row| row.get(0))?)
    }

    /// Notes that the application has been put back.
    pub(crate) fn forget_put_back(&self) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM put_back", [])?;
        Ok(())
    }

    /// What is served, `None` before it is set.
    pub fn setup(&self) -> Result<Option<Setup>, StoreError> {
        let setup = self.connection.query_row(
            "SELECT chain_id, input_box, app, consensus, epoch_length, template_hash, from_block FROM setup",
            [],
            |row| {
                Ok(Setup {
                    chain_id: row.get(0)?,
                    input_box: address(row, 1)?,
                    app: address(row, 2)?,
                    consensus: address(row, 3)?,
                    epoch_length: row.get(4)?,
                    template_hash: hash(row, 5)?,
                    from_block: row.get(6)?,
                })
            },
        );
        Ok(setup.optional()?)
    }

    fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        Ok(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }
}

/// Notes that the application is to be put back, in the transaction that makes it so: a kill leaves both or neither.
fn note_put_back(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute("REPLACE INTO put_back (id) VALUES (0)", [])?;
    Ok(())
}

/// The number of rows of a table whose ids are counted from 0 on.
fn count(connection: &Connection, table: &str) -> Result<u64, StoreError> {
    let sql = format!("SELECT ifnull(max(id) + 1, 0) FROM {table}");
    Ok(connection.prepare_cached(&sql)?.query_row([], |row| row.get(0))?)
}

fn hash(row: &Row<'_>, column: usize) -> rusqlite::Result<B256> {
    row.get::<_, [u8; 32]>(column).map(B256::from)
}

fn optional_hash(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<B256>> {
    Ok(row.get::<_, Option<[u8; 32]>>(column)?.map(B256::from))
}

fn address(row: &Row<'_>, column: usize) -> rusqlite::Result<Address> {
    row.get::<_, [u8; 20]>(column).map(Address::from)
}

#[cfg(test)]
mod tests;
