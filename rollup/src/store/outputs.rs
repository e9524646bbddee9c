//! What the application answered, and the tree over its outputs.

use alloy::primitives::{B256, keccak256};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{Answer, Output, Report, Store, StoreError, count, hash, optional_hash};
use crate::tree::{self, Nodes, Siblings};

impl Store {
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
        record(&transaction, index, answer)?;
        Ok(transaction.commit()?)
    }

    /// Records many answers, all or none.
    pub(crate) fn record_all(&mut self, answers: &[(u64, Answer)]) -> Result<(), StoreError> {
        if answers.is_empty() {
            return Ok(());
        }
        let transaction = self.begin()?;
        for (index, answer) in answers {
            record(&transaction, *index, answer)?;
        }
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
}

/// The tree's nodes in a database.
pub(super) struct Kept<'c>(pub(super) &'c Connection);

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

fn record(transaction: &Transaction<'_>, index: u64, answer: &Answer) -> Result<(), StoreError> {
    let mut n_outputs = count(transaction, "output")?;
    for raw in &answer.outputs {
        let hash = keccak256(raw);
        transaction
            .prepare_cached("INSERT INTO output (id, input, raw, hash) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![n_outputs, index, raw, hash.as_slice()])?;
        let mut insert = transaction.prepare_cached("INSERT INTO node (level, position, hash) VALUES (?1, ?2, ?3)")?;
        tree::append(&Kept(transaction), n_outputs, hash, |level, position, hash| {
            if level > 0 {
                insert.execute(params![level, position, hash.as_slice()])?;
            }
            Ok(())
        })?;
        n_outputs += 1;
    }
    for raw in &answer.reports {
        transaction.prepare_cached("INSERT INTO report (id, input, raw) VALUES (?1, ?2, ?3)")?.execute(params![
            count(transaction, "report")?,
            index,
            raw
        ])?;
    }
    transaction.prepare_cached("UPDATE input SET status = ?2, n_outputs = ?3 WHERE id = ?1")?.execute(params![
        index,
        answer.status.name(),
        n_outputs
    ])?;
    Ok(())
}

pub(super) fn read_output(row: &Row<'_>) -> rusqlite::Result<Output> {
    Ok(Output {
        index: row.get(0)?,
        input: row.get(1)?,
        epoch: row.get(2)?,
        raw: row.get(3)?,
        hash: hash(row, 4)?,
        execution_transaction: optional_hash(row, 5)?,
    })
}

pub(super) fn read_report(row: &Row<'_>) -> rusqlite::Result<Report> {
    Ok(Report { index: row.get(0)?, input: row.get(1)?, epoch: row.get(2)?, raw: row.get(3)? })
}
