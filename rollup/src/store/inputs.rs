//! Inputs and blocks as the chain has them: added, and forgotten when it goes another way.

use alloy::primitives::B256;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::epochs::insert_epoch;
use super::{Execution, Found, Input, InputStatus, Store, StoreError, address, count, hash, note_put_back};

impl Store {
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
                .prepare_cached("REPLACE INTO execution (output, transaction_hash, block) VALUES (?1, ?2, ?3)")?
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

    /// Forgets everything after `block`: the chain has gone another way. Gives the number of inputs that are left. If the
    /// application may have had others, it is to be put back.
    pub fn unwind(&mut self, block: u64) -> Result<u64, StoreError> {
        let (had, n_processed) = (self.n_inputs()?, self.n_processed()?);
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
        transaction.execute("DELETE FROM execution WHERE block > ?1", [block])?;
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
        // The first input that is not processed may have been handed out.
        if n_inputs < had && n_inputs <= n_processed {
            note_put_back(&transaction)?;
        }
        transaction.commit()?;
        Ok(n_inputs)
    }

    /// The first inputs that are not processed, at most `limit`.
    pub fn unprocessed(&self, limit: u64) -> Result<Vec<Input>, StoreError> {
        self.inputs_from(self.n_processed()?, limit)
    }

    /// Inputs from the one at `first` on, at most `limit`.
    pub(crate) fn inputs_from(&self, first: u64, limit: u64) -> Result<Vec<Input>, StoreError> {
        let sql = concat!(input_columns!(), " WHERE id >= ?1 ORDER BY id LIMIT ?2");
        let mut statement = self.connection.prepare_cached(sql)?;
        let inputs = statement.query_map(params![first, limit], read_input)?;
        Ok(inputs.collect::<Result<_, _>>()?)
    }

    /// How many inputs there are.
    pub fn n_inputs(&self) -> Result<u64, StoreError> {
        count(&self.connection, "input")
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

pub(super) fn read_input(row: &Row<'_>) -> rusqlite::Result<Input> {
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
