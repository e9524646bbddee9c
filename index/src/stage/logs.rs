//! The first stage: blocks and the rows of their events, as the chain gave them.

use std::collections::VecDeque;

use alloy::primitives::B256;

use super::{Stage, block_hash, checkpoint, lower_checkpoint, set_checkpoint};
use crate::{
    Error, Result,
    block::{Block, Blocks, Checkpoint},
    database::Database,
    event::Chunk,
    rows::{Column, Rows, Table, Type, Value},
};

/// Writes the chunks that are pushed to it.
#[derive(Debug)]
pub struct Logs {
    block: Table,
    undecoded: Table,
    events: Vec<Table>,
    queue: VecDeque<Chunk>,
}

impl Logs {
    /// The name of the cursor.
    pub const NAME: &str = "logs";

    /// Of sources whose events have these tables, in the order of [`Chunk::rows`].
    #[must_use]
    pub fn new(events: Vec<Table>) -> Self {
        use Type::{Blob, Integer};
        let block = table("block", 1, &[("number", Integer), ("hash", Blob), ("parent", Blob), ("timestamp", Integer)]);
        let places = [("block", Integer), ("idx", Integer), ("contract", Blob), ("topics", Blob), ("content", Blob)];
        Self { block, undecoded: table("undecoded", 2, &places), events, queue: VecDeque::new() }
    }

    /// Takes a chunk for the next [`execute`](Stage::execute).
    pub fn push(&mut self, chunk: Chunk) {
        self.queue.push_back(chunk);
    }

    fn write(&mut self, database: &mut dyn Database, chunk: &Chunk) -> Result<Checkpoint> {
        let mut blocks = Rows::new(self.block.columns.len());
        for block in &chunk.blocks {
            blocks.push(Value::count(block.number));
            blocks.push(Value::Blob(block.hash.as_slice()));
            blocks.push(Value::Blob(block.parent.as_slice()));
            blocks.push(Value::count(block.timestamp));
        }
        insert(database, &self.block, &blocks)?;
        for (table, rows) in self.events.iter().zip(&chunk.rows) {
            insert(database, table, rows)?;
        }
        insert(database, &self.undecoded, &chunk.undecoded)?;
        let last = chunk.blocks.last().expect("a chunk has blocks");
        Ok(Checkpoint { number: last.number, hash: last.hash })
    }
}

impl Stage for Logs {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn execute(&mut self, database: &mut dyn Database, blocks: Blocks) -> Result<Option<Checkpoint>> {
        let mut done = checkpoint(database, Self::NAME)?;
        while self.queue.front().is_some_and(|chunk| chunk.blocks[0].number <= blocks.last) {
            let chunk = self.queue.pop_front().expect("the queue has a first");
            if is_done(database, done, &chunk)? {
                continue;
            }
            check_joint(done, &chunk.blocks)?;
            done = Some(self.write(database, &chunk)?);
            set_checkpoint(database, Self::NAME, done)?;
        }
        Ok(done)
    }

    fn unwind(&mut self, database: &mut dyn Database, to: u64) -> Result<Option<Checkpoint>> {
        self.queue.clear();
        let before = checkpoint(database, Self::NAME)?;
        if before.is_none_or(|before| before.number <= to) {
            return Ok(before);
        }
        for table in self.events.iter().chain([&self.undecoded]) {
            delete_above(database, table, to)?;
        }
        let after = lower_checkpoint(database, Self::NAME, to)?;
        database.run("DELETE FROM block WHERE number > ?1", &[Value::count(to)])?;
        Ok(after)
    }
}

/// Deletes the rows of blocks after `to` from a table with a column `block`.
pub(super) fn delete_above(database: &mut dyn Database, table: &Table, to: u64) -> Result<()> {
    database.run(&format!("DELETE FROM {} WHERE block > ?1", table.name), &[Value::count(to)])?;
    Ok(())
}

/// Whether the stage has passed the chunk, on the same branch.
fn is_done(database: &mut dyn Database, done: Option<Checkpoint>, chunk: &Chunk) -> Result<bool> {
    let last = chunk.blocks.last().expect("a chunk has blocks");
    Ok(done.is_some_and(|done| last.number <= done.number) && block_hash(database, last.number)? == Some(last.hash))
}

/// Blocks must follow those that are stored, and each other.
fn check_joint(done: Option<Checkpoint>, blocks: &[Block]) -> Result<()> {
    let range = Blocks { first: blocks[0].number, last: blocks[blocks.len() - 1].number };
    let follows = |number: u64, hash: B256, next: &Block| match next.number.checked_sub(1) {
        Some(before) if before == number && next.parent == hash => Ok(()),
        Some(before) if before <= number => Err(Error::Detached { number: next.number, stored: hash }),
        _ => Err(Error::OutOfOrder(range)),
    };
    if let Some(done) = done {
        follows(done.number, done.hash, &blocks[0])?;
    }
    blocks.windows(2).try_for_each(|pair| follows(pair[0].number, pair[0].hash, &pair[1]))
}

/// Adds rows of blocks that are not stored; a key that is there already belongs to rows that should have gone.
fn insert(database: &mut dyn Database, table: &Table, rows: &Rows) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let (n_added, n_rows) = (database.insert(table, rows)?, rows.len());
    if usize::try_from(n_added) == Ok(n_rows) {
        return Ok(());
    }
    Err(Error::Damaged(format!("{} holds rows of blocks that come next: {n_added} of {n_rows} were new", table.name)))
}

fn table(name: &str, n_key: usize, columns: &[(&str, Type)]) -> Table {
    let columns = columns.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }).collect();
    Table { name: name.to_owned(), columns, n_key, indexes: Vec::new() }
}
