//! The node's database: inputs as the chain has them, outputs as the application gave them, and the tree over these.
//!
//! One process writes. What belongs together is in one transaction, so a kill leaves the state before or after it.

use std::path::Path;

use alloy::primitives::{Address, B256, keccak256};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use crate::tree::{self, Nodes, Siblings};

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
        "SELECT output.id, output.input, input.epoch, output.raw, output.hash, output.execution_transaction \
         FROM output JOIN input ON input.id = output.input"
    };
}

macro_rules! report_columns {
    () => {
        "SELECT report.id, report.input, input.epoch, report.raw FROM report JOIN input ON input.id = report.input"
    };
}

mod list;

pub(crate) use list::List;

/// In order; a database with `user_version` n has had the first n of them.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_node.sql")];

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

    /// Notes on which start of the system the application runs, and tells whether it ran on another before.
    pub fn note_boot(&self, name: &str) -> Result<bool, StoreError> {
        let sql = "SELECT name FROM boot WHERE id = 0";
        let before: Option<String> = self.connection.query_row(sql, [], |row| row.get(0)).optional()?;
        self.connection.execute("REPLACE INTO boot (id, name) VALUES (0, ?1)", [name])?;
        Ok(before.is_some_and(|before| before != name))
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

    /// The last block that was read, and earlier ones whose hashes are kept, from the last on.
    pub fn blocks(&self, limit: u64) -> Result<Vec<(u64, B256)>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT number, hash FROM block ORDER BY number DESC LIMIT ?1")?;
        let rows = statement.query_map([limit], |row| Ok((row.get(0)?, hash(row, 1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Adds what a scan found up to its last block. Inputs follow those that are there.
    pub fn add_scan(&mut self, found: &Found, last: (u64, B256)) -> Result<(), StoreError> {
        let transaction = self.begin()?;
        for Execution { output, transaction: hash, block } in &found.executions {
            transaction
                .prepare_cached("UPDATE output SET execution_transaction = ?2, execution_block = ?3 WHERE id = ?1")?
                .execute(params![output, hash.as_slice(), block])?;
        }
        let mut before = None;
        for (input, block_hash) in &found.inputs {
            if before != Some(input.block_number) {
                insert_epoch(&transaction, input.epoch)?;
                insert_block(&transaction, input.block_number, *block_hash)?;
                before = Some(input.block_number);
            }
            insert_input(&transaction, input)?;
        }
        insert_block(&transaction, last.0, last.1)?;
        Ok(transaction.commit()?)
    }

    /// Forgets everything after `block`: the chain has gone another way. Gives the number of inputs that are left.
    pub fn unwind(&mut self, block: u64) -> Result<u64, StoreError> {
        let transaction = self.begin()?;
        let n_inputs: u64 =
            transaction.query_row("SELECT count(*) FROM input WHERE block_number <= ?1", [block], |row| row.get(0))?;
        let n_outputs: u64 =
            transaction.query_row("SELECT count(*) FROM output WHERE input < ?1", [n_inputs], |row| row.get(0))?;
        transaction.execute("DELETE FROM report WHERE input >= ?1", [n_inputs])?;
        transaction.execute("DELETE FROM output WHERE input >= ?1", [n_inputs])?;
        transaction.execute("DELETE FROM input WHERE id >= ?1", [n_inputs])?;
        transaction.execute("DELETE FROM block WHERE number > ?1", [block])?;
        // A node is above existing outputs alone.
        transaction.execute("DELETE FROM node WHERE level < 62 AND ((position + 1) << level) > ?1", [n_outputs])?;
        transaction.execute("DELETE FROM epoch WHERE NOT EXISTS (SELECT 1 FROM input WHERE epoch = epoch.id)", [])?;
        transaction.execute(
            "UPDATE output SET execution_transaction = NULL, execution_block = NULL WHERE execution_block > ?1",
            [block],
        )?;
        // The last epoch may get other inputs, and claims may have been in lost blocks: they are looked at again.
        transaction.execute(
            "UPDATE epoch SET n_outputs = NULL, outputs_root = NULL, claim_transaction = NULL, status = 'OPEN' \
             WHERE (id + 1) * (SELECT epoch_length FROM setup) > ?1",
            [block],
        )?;
        transaction.execute(
            "UPDATE epoch SET claim_transaction = NULL, status = 'CLAIM_COMPUTED' WHERE status <> 'OPEN'",
            [],
        )?;
        transaction.commit()?;
        Ok(n_inputs)
    }

    /// The first inputs that are not processed, at most `limit`.
    pub fn unprocessed(&self, limit: u64) -> Result<Vec<Input>, StoreError> {
        let sql = concat!(input_columns!(), " WHERE id >= ?1 ORDER BY id LIMIT ?2");
        let mut statement = self.connection.prepare_cached(sql)?;
        let inputs = statement.query_map(params![self.n_processed()?, limit], read_input)?;
        Ok(inputs.collect::<Result<_, _>>()?)
    }

    /// How many inputs there are.
    pub fn n_inputs(&self) -> Result<u64, StoreError> {
        count(&self.connection, "input")
    }

    /// How many outputs there are.
    pub fn n_outputs(&self) -> Result<u64, StoreError> {
        count(&self.connection, "output")
    }

    /// What the application answered to a processed input.
    pub fn answer(&self, index: u64) -> Result<Answer, StoreError> {
        let raws = |table| -> Result<Vec<Vec<u8>>, StoreError> {
            let sql = format!("SELECT raw FROM {table} WHERE input = ?1 ORDER BY id");
            let mut statement = self.connection.prepare_cached(&sql)?;
            let raws = statement.query_map([index], |row| row.get(0))?;
            Ok(raws.collect::<Result<_, _>>()?)
        };
        let input = self.input(index)?.ok_or(StoreError::Damaged("an input is missing"))?;
        Ok(Answer { status: input.status, outputs: raws("output")?, reports: raws("report")? })
    }

    /// Records what the application answered to the input at `index`, and adds its outputs to the tree.
    pub fn record(&mut self, index: u64, answer: &Answer) -> Result<(), StoreError> {
        let transaction = self.begin()?;
        let mut n_outputs = count(&transaction, "output")?;
        for raw in &answer.outputs {
            let hash = keccak256(raw);
            transaction
                .prepare_cached("INSERT INTO output (id, input, raw, hash) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![n_outputs, index, raw, hash.as_slice()])?;
            let mut insert =
                transaction.prepare_cached("INSERT INTO node (level, position, hash) VALUES (?1, ?2, ?3)")?;
            tree::append(&Kept(&transaction), n_outputs, hash, |level, position, hash| {
                if level > 0 {
                    insert.execute(params![level, position, hash.as_slice()])?;
                }
                Ok(())
            })?;
            n_outputs += 1;
        }
        for raw in &answer.reports {
            transaction.prepare_cached("INSERT INTO report (id, input, raw) VALUES (?1, ?2, ?3)")?.execute(params![
                count(&transaction, "report")?,
                index,
                raw
            ])?;
        }
        transaction.prepare_cached("UPDATE input SET status = ?2, n_outputs = ?3 WHERE id = ?1")?.execute(params![
            index,
            answer.status.name(),
            n_outputs
        ])?;
        Ok(transaction.commit()?)
    }

    /// The proof of an output in the tree of the first `count` outputs.
    pub fn siblings(&self, output: u64, count: u64) -> Result<Siblings, StoreError> {
        tree::siblings(&Kept(&self.connection), output, count)
    }

    /// The root of the tree of the first `count` outputs.
    pub fn root(&self, count: u64) -> Result<B256, StoreError> {
        tree::root(&Kept(&self.connection), count)
    }

    /// Outputs there were after the input at `index`.
    pub fn n_outputs_after(&self, index: u64) -> Result<Option<u64>, StoreError> {
        let n_outputs =
            self.connection.query_row("SELECT n_outputs FROM input WHERE id = ?1", [index], |row| row.get(0));
        Ok(n_outputs.optional()?.flatten())
    }

    /// Closes each open epoch that ends at or before `block` and whose inputs are all processed.
    pub fn close_epochs(&mut self, block: u64) -> Result<(), StoreError> {
        let transaction = self.begin()?;
        let closed: Vec<(u64, u64)> = transaction
            .prepare_cached(
                "SELECT epoch.id, max(input.n_outputs) FROM epoch JOIN input ON input.epoch = epoch.id \
                 WHERE epoch.status = 'OPEN' AND (epoch.id + 1) * (SELECT epoch_length FROM setup) <= ?1 + 1 \
                 GROUP BY epoch.id HAVING count(*) = count(input.n_outputs) ORDER BY epoch.id",
            )?
            .query_map([block], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (epoch, n_outputs) in closed {
            let root = tree::root(&Kept(&transaction), n_outputs)?;
            transaction.execute(
                "UPDATE epoch SET n_outputs = ?2, outputs_root = ?3, status = 'CLAIM_COMPUTED' WHERE id = ?1",
                params![epoch, n_outputs, root.as_slice()],
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// Notes how the claim of an epoch goes.
    pub fn note_claim(&self, epoch: u64, status: EpochStatus, transaction: Option<B256>) -> Result<(), StoreError> {
        self.connection.execute(
            "UPDATE epoch SET status = ?2, claim_transaction = ifnull(?3, claim_transaction) WHERE id = ?1",
            params![epoch, status.name(), transaction.as_ref().map(|hash| hash.as_slice())],
        )?;
        Ok(())
    }

    /// The epoch with this index.
    pub fn epoch(&self, index: u64) -> Result<Option<Epoch>, StoreError> {
        let sql = concat!(epoch_columns!(), " WHERE id = ?1");
        Ok(self.connection.prepare_cached(sql)?.query_row([index], read_epoch).optional()?)
    }

    /// Epochs in order, and how many there are in all.
    pub fn epochs(&self, status: Option<EpochStatus>, page: Page) -> Result<(Vec<Epoch>, u64), StoreError> {
        let status = status.map(EpochStatus::name);
        let sql = concat!(epoch_columns!(), " WHERE ?1 IS NULL OR status = ?1 ORDER BY id LIMIT ?2 OFFSET ?3");
        let mut statement = self.connection.prepare_cached(sql)?;
        let epochs =
            statement.query_map(params![status, page.limit, page.offset], read_epoch)?.collect::<Result<_, _>>()?;
        let sql = "SELECT count(*) FROM epoch WHERE ?1 IS NULL OR status = ?1";
        Ok((epochs, self.connection.query_row(sql, [status], |row| row.get(0))?))
    }

    /// The last epoch whose claim the consensus has accepted.
    pub fn last_accepted_epoch(&self) -> Result<Option<Epoch>, StoreError> {
        let sql = concat!(epoch_columns!(), " WHERE status = 'CLAIM_ACCEPTED' ORDER BY id DESC LIMIT 1");
        Ok(self.connection.prepare_cached(sql)?.query_row([], read_epoch).optional()?)
    }

    /// The input with this index.
    pub fn input(&self, index: u64) -> Result<Option<Input>, StoreError> {
        let sql = concat!(input_columns!(), " WHERE id = ?1");
        Ok(self.connection.prepare_cached(sql)?.query_row([index], read_input).optional()?)
    }

    /// How many inputs are processed.
    pub fn n_processed(&self) -> Result<u64, StoreError> {
        let sql = "SELECT id FROM input INDEXED BY input_unprocessed WHERE n_outputs IS NULL ORDER BY id LIMIT 1";
        let first = self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
        first.map_or_else(|| self.n_inputs(), Ok)
    }

    /// The output with this index.
    pub fn output(&self, index: u64) -> Result<Option<Output>, StoreError> {
        let sql = concat!(output_columns!(), " WHERE output.id = ?1");
        Ok(self.connection.prepare_cached(sql)?.query_row([index], read_output).optional()?)
    }

    /// The report with this index.
    pub fn report(&self, index: u64) -> Result<Option<Report>, StoreError> {
        let sql = concat!(report_columns!(), " WHERE report.id = ?1");
        Ok(self.connection.prepare_cached(sql)?.query_row([index], read_report).optional()?)
    }

    fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        Ok(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }
}

/// The tree's nodes in a database.
struct Kept<'c>(&'c Connection);

impl Nodes for Kept<'_> {
    type Error = StoreError;

    fn node(&self, level: usize, position: u64) -> Result<B256, StoreError> {
        let found = if level == 0 {
            let mut statement = self.0.prepare_cached("SELECT hash FROM output WHERE id = ?1")?;
            statement.query_row([position], |row| hash(row, 0)).optional()?
        } else {
            let mut statement = self.0.prepare_cached("SELECT hash FROM node WHERE level = ?1 AND position = ?2")?;
            statement.query_row(params![level, position], |row| hash(row, 0)).optional()?
        };
        found.ok_or(StoreError::Damaged("a node of the outputs' tree is missing"))
    }
}

impl InputStatus {
    /// As the node's JSON-RPC says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unprocessed => "NONE",
            Self::Accepted => "ACCEPTED",
            Self::Rejected => "REJECTED",
            Self::Exception => "EXCEPTION",
        }
    }
}

impl EpochStatus {
    /// As the node's JSON-RPC says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Computed => "CLAIM_COMPUTED",
            Self::Submitted => "CLAIM_SUBMITTED",
            Self::Accepted => "CLAIM_ACCEPTED",
        }
    }
}

fn insert_epoch(transaction: &Transaction<'_>, epoch: u64) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO epoch (id, virtual_index, status) \
             VALUES (?1, (SELECT ifnull(max(virtual_index) + 1, 0) FROM epoch), 'OPEN')",
        )?
        .execute([epoch])?;
    Ok(())
}

fn insert_input(transaction: &Transaction<'_>, input: &Input) -> Result<(), StoreError> {
    let Input { index, epoch, block_number, transaction_hash, sender, raw, status } = input;
    transaction
        .prepare_cached(
            "INSERT INTO input (id, epoch, block_number, transaction_hash, sender, raw, status) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            index,
            epoch,
            block_number,
            transaction_hash.as_slice(),
            sender.as_slice(),
            raw,
            status.name()
        ])?;
    Ok(())
}

fn insert_block(transaction: &Transaction<'_>, number: u64, hash: B256) -> Result<(), StoreError> {
    transaction
        .prepare_cached("REPLACE INTO block (number, hash) VALUES (?1, ?2)")?
        .execute(params![number, hash.as_slice()])?;
    Ok(())
}

/// The number of rows of a table whose ids are counted from 0 on.
fn count(connection: &Connection, table: &str) -> Result<u64, StoreError> {
    let sql = format!("SELECT ifnull(max(id) + 1, 0) FROM {table}");
    Ok(connection.prepare_cached(&sql)?.query_row([], |row| row.get(0))?)
}

fn read_epoch(row: &Row<'_>) -> rusqlite::Result<Epoch> {
    let status: String = row.get(5)?;
    let status = match status.as_str() {
        "CLAIM_COMPUTED" => EpochStatus::Computed,
        "CLAIM_SUBMITTED" => EpochStatus::Submitted,
        "CLAIM_ACCEPTED" => EpochStatus::Accepted,
        _ => EpochStatus::Open,
    };
    Ok(Epoch {
        index: row.get(0)?,
        virtual_index: row.get(1)?,
        n_outputs: row.get(2)?,
        outputs_root: optional_hash(row, 3)?,
        claim_transaction: optional_hash(row, 4)?,
        status,
    })
}

fn read_input(row: &Row<'_>) -> rusqlite::Result<Input> {
    let status: String = row.get(6)?;
    let status = match status.as_str() {
        "ACCEPTED" => InputStatus::Accepted,
        "REJECTED" => InputStatus::Rejected,
        "EXCEPTION" => InputStatus::Exception,
        _ => InputStatus::Unprocessed,
    };
    Ok(Input {
        index: row.get(0)?,
        epoch: row.get(1)?,
        block_number: row.get(2)?,
        transaction_hash: hash(row, 3)?,
        sender: address(row, 4)?,
        raw: row.get(5)?,
        status,
    })
}

fn read_output(row: &Row<'_>) -> rusqlite::Result<Output> {
    Ok(Output {
        index: row.get(0)?,
        input: row.get(1)?,
        epoch: row.get(2)?,
        raw: row.get(3)?,
        hash: hash(row, 4)?,
        execution_transaction: optional_hash(row, 5)?,
    })
}

fn read_report(row: &Row<'_>) -> rusqlite::Result<Report> {
    Ok(Report { index: row.get(0)?, input: row.get(1)?, epoch: row.get(2)?, raw: row.get(3)? })
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
mod tests {
    use proptest::prelude::*;
    use rusqlite::types::Value;

    use super::*;

    const EPOCH_LENGTH: u64 = 4;

    /// What happens in one block: the answers to its inputs, and the outputs executed in it, as far as they exist.
    #[derive(Clone, Debug)]
    struct Block {
        answers: Vec<Answer>,
        executed: Vec<u64>,
        /// Whether a scan ends here.
        is_end: bool,
    }

    fn any_answer() -> impl Strategy<Value = Answer> {
        let raws = || prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4);
        (0..4_u8, raws(), raws()).prop_map(|(status, outputs, reports)| match status {
            0 => Answer { status: InputStatus::Rejected, outputs: Vec::new(), reports },
            1 => Answer { status: InputStatus::Exception, outputs: Vec::new(), reports },
            _ => Answer { status: InputStatus::Accepted, outputs, reports },
        })
    }

    fn any_blocks(max: usize) -> impl Strategy<Value = Vec<Block>> {
        let answers = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(any_answer(), 1..4)];
        let block = (answers, prop::collection::vec(0..12_u64, 0..2), any::<bool>());
        let block = block.prop_map(|(answers, executed, is_end)| Block { answers, executed, is_end });
        prop::collection::vec(block, 1..max)
    }

    fn empty_store() -> Store {
        let store = Store::open(Path::new(":memory:")).unwrap();
        let [input_box, app, consensus] = [1, 2, 3].map(Address::with_last_byte);
        let (chain_id, epoch_length, template_hash, from_block) = (31337, EPOCH_LENGTH, B256::ZERO, 0);
        let setup = Setup { chain_id, input_box, app, consensus, epoch_length, template_hash, from_block };
        store.set_up(&setup).unwrap();
        store
    }

    fn hash_of(way: &str, block: u64) -> B256 {
        keccak256(format!("{way} {block}"))
    }

    /// Feeds blocks from `first` on, as the node does; the application answers the first `n_answers` inputs.
    fn feed(store: &mut Store, way: &str, first: u64, blocks: &[Block], n_answers: usize) {
        let (mut found, mut answers) = (Found::default(), Vec::new());
        let mut next = store.n_inputs().unwrap();
        for (number, block) in (first..).zip(blocks) {
            let hash = hash_of(way, number);
            for answer in &block.answers {
                let input = Input {
                    index: next,
                    epoch: number / EPOCH_LENGTH,
                    block_number: number,
                    transaction_hash: hash,
                    sender: Address::with_last_byte(9),
                    raw: format!("{way} {next}").into_bytes(),
                    status: InputStatus::Unprocessed,
                };
                found.inputs.push((input, hash));
                answers.push(answer);
                next += 1;
            }
            let execution = |output: &u64| Execution { output: *output, transaction: hash, block: number };
            found.executions.extend(block.executed.iter().map(execution));
            if block.is_end || number + 1 == first + blocks.len() as u64 {
                // An output is executed once, and after it was proved: the node has it.
                let mut executed = Vec::new();
                found.executions.retain(|Execution { output, .. }| {
                    let row = store.output(*output).unwrap();
                    let is_first = !executed.contains(output);
                    executed.push(*output);
                    is_first && row.is_some_and(|row| row.execution_transaction.is_none())
                });
                store.add_scan(&found, (number, hash)).unwrap();
                for ((input, _), answer) in found.inputs.iter().zip(answers.drain(..)) {
                    if input.index < n_answers as u64 && store.n_processed().unwrap() == input.index {
                        store.record(input.index, answer).unwrap();
                    }
                }
                store.close_epochs(number).unwrap();
                found = Found::default();
            }
        }
    }

    /// All rows of all tables.
    fn rows(store: &Store) -> Vec<(String, Vec<Vec<Value>>)> {
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let mut tables = store.connection.prepare(tables).unwrap();
        let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
        let rows = |table: &str| {
            let mut statement = store.connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
            let width = statement.column_count();
            let rows = statement.query_map([], |row| (0..width).map(|column| row.get(column)).collect()).unwrap();
            rows.map(Result::unwrap).collect()
        };
        tables.map(|table| (table.clone(), rows(&table))).collect()
    }

    /// As `feed` ends its scans: one that is cut off ends there.
    fn until(blocks: &[Block], cut: usize) -> &[Block] {
        &blocks[..=cut]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_store_that_goes_back_is_one_that_never_went_on(
            blocks in any_blocks(20),
            others in any_blocks(10),
            n_answers in 0..30_usize,
        ) {
            let last = blocks.len() - 1;
            // The node goes back to blocks whose hashes it has: those with inputs, and the ends of scans.
            for cut in (0..=last).filter(|cut| !blocks[*cut].answers.is_empty() || blocks[*cut].is_end || *cut == last) {
                // An execution is known only if its output was there at the scan, which differs when a scan is cut.
                let is_whole = blocks[cut].is_end || cut == last;
                let mut blocks = blocks.clone();
                if !is_whole {
                    blocks.iter_mut().for_each(|block| block.executed.clear());
                }
                let mut store = empty_store();
                feed(&mut store, "one", 0, &blocks, n_answers);
                for epoch in store.epochs(Some(EpochStatus::Computed), Page { limit: 9, offset: 0 }).unwrap().0 {
                    store.note_claim(epoch.index, EpochStatus::Accepted, Some(B256::ZERO)).unwrap();
                }
                let mut expected = empty_store();
                feed(&mut expected, "one", 0, until(&blocks, cut), n_answers);

                let n_inputs = store.unwind(cut as u64).unwrap();
                store.close_epochs(cut as u64).unwrap();
                prop_assert_eq!(n_inputs, expected.n_inputs().unwrap());
                prop_assert_eq!(rows(&store), rows(&expected), "cut after block {}", cut);

                for store in [&mut store, &mut expected] {
                    feed(store, "other", cut as u64 + 1, &others, usize::MAX);
                }
                prop_assert_eq!(rows(&store), rows(&expected), "cut after block {}, then another way", cut);
                let count = store.n_outputs().unwrap();
                for output in (0..count).step_by(7) {
                    let siblings = store.siblings(output, count).unwrap();
                    let hash = store.output(output).unwrap().unwrap().hash;
                    prop_assert_eq!(tree::root_from(hash, output, &siblings), store.root(count).unwrap());
                }
            }
        }
    }

    fn accepted(outputs: &[&str]) -> Answer {
        let outputs = outputs.iter().map(|output| output.as_bytes().to_vec()).collect();
        Answer { status: InputStatus::Accepted, outputs, reports: Vec::new() }
    }

    fn block(answers: Vec<Answer>) -> Block {
        Block { answers, executed: Vec::new(), is_end: true }
    }

    #[track_caller]
    fn check_epochs(store: &Store, expected: &[(u64, u64, Option<u64>, EpochStatus)]) {
        let (epochs, count) = store.epochs(None, Page { limit: 9, offset: 0 }).unwrap();
        let found = |epoch: &Epoch| (epoch.index, epoch.virtual_index, epoch.n_outputs, epoch.status);
        assert_eq!(epochs.iter().map(found).collect::<Vec<_>>(), expected);
        assert_eq!(count, expected.len() as u64);
        for epoch in epochs {
            assert_eq!(epoch.outputs_root, epoch.n_outputs.map(|n_outputs| store.root(n_outputs).unwrap()));
        }
    }

    #[test]
    fn an_epoch_closes_with_its_last_block_once_all_its_inputs_are_processed() {
        let mut store = empty_store();
        let blocks = [block(vec![accepted(&["a", "b"])]), block(vec![]), block(vec![accepted(&["c"]), accepted(&[])])];
        feed(&mut store, "one", 0, &blocks, 2);
        store.close_epochs(2).unwrap();
        check_epochs(&store, &[(0, 0, None, EpochStatus::Open)]);
        store.close_epochs(3).unwrap();
        // Its third input is not processed.
        check_epochs(&store, &[(0, 0, None, EpochStatus::Open)]);
        store.record(2, &accepted(&["d"])).unwrap();
        store.close_epochs(2).unwrap();
        check_epochs(&store, &[(0, 0, None, EpochStatus::Open)]);
        store.close_epochs(3).unwrap();
        check_epochs(&store, &[(0, 0, Some(4), EpochStatus::Computed)]);
    }

    #[test]
    fn an_epoch_without_inputs_is_none_and_one_without_outputs_has_the_root_before_it() {
        let mut store = empty_store();
        let mut blocks = vec![block(vec![]); 13];
        blocks[0].answers.push(accepted(&["a"]));
        blocks[9].answers.push(accepted(&[]));
        feed(&mut store, "one", 0, &blocks, 9);
        check_epochs(&store, &[(0, 0, Some(1), EpochStatus::Computed), (2, 1, Some(1), EpochStatus::Computed)]);
    }

    #[test]
    fn a_computed_epoch_is_not_computed_again() {
        let mut store = empty_store();
        feed(&mut store, "one", 0, &vec![block(vec![accepted(&["a"])]); 4], 9);
        store.note_claim(0, EpochStatus::Submitted, Some(B256::repeat_byte(7))).unwrap();
        store.note_claim(0, EpochStatus::Accepted, None).unwrap();
        store.close_epochs(100).unwrap();
        check_epochs(&store, &[(0, 0, Some(4), EpochStatus::Accepted)]);
        assert_eq!(store.last_accepted_epoch().unwrap().unwrap().claim_transaction, Some(B256::repeat_byte(7)));
    }
}
