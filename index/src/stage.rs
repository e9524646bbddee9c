//! Stages: each makes rows of what the stage before it has made, block by block, and can take them back.

use alloy::primitives::B256;

use crate::{
    Error, Result,
    block::{Blocks, Checkpoint},
    database::{Database, DatabaseError},
    rows::Value,
};

mod dag;
mod derived;
mod epochs;
mod logs;
mod pages;
mod snapshots;

pub use dag::Dag;
pub use derived::{Derived, Kinds};
pub use epochs::EpochStage;
pub use logs::Logs;
pub(crate) use snapshots::note_change;
pub use snapshots::{Snapshots, has_jobs, take_jobs};

/// A step of the way from the chain to the snapshots.
///
/// Both functions run inside a transaction of the caller, write the stage's rows and its cursor, and give the checkpoint
/// that they have come to. Executing what is done already, and unwinding to where a stage is or above, change nothing.
pub trait Stage: Send {
    /// The name of its cursor.
    fn name(&self) -> &'static str;

    /// Goes on over `blocks`, which begin right after the checkpoint. May stop before their end, at a place from where
    /// it can go on.
    fn execute(&mut self, database: &mut dyn Database, blocks: Blocks) -> Result<Option<Checkpoint>>;

    /// Goes back so that nothing remains of what came after block `to`.
    fn unwind(&mut self, database: &mut dyn Database, to: u64) -> Result<Option<Checkpoint>>;
}

/// How far the stage of this name has come.
///
/// # Errors
/// Those of the database.
pub fn checkpoint(database: &mut dyn Database, name: &str) -> Result<Option<Checkpoint>> {
    let rows = database.ask("SELECT number, hash FROM cursor WHERE name = ?1", &[Value::Text(name)])?;
    rows.first().map(|row| Ok(Checkpoint { number: row.count(0)?, hash: row.hash(1)? })).transpose()
}

/// Writes how far the stage of this name has come.
pub(crate) fn set_checkpoint(
    database: &mut dyn Database,
    name: &str,
    checkpoint: Option<Checkpoint>,
) -> Result<(), DatabaseError> {
    let Some(Checkpoint { number, hash }) = checkpoint else {
        database.run("DELETE FROM cursor WHERE name = ?1", &[Value::Text(name)])?;
        return Ok(());
    };
    database.run(
        "INSERT INTO cursor (name, number, hash) VALUES (?1, ?2, ?3) \
         ON CONFLICT (name) DO UPDATE SET number = excluded.number, hash = excluded.hash",
        &[Value::Text(name), Value::count(number), Value::Blob(hash.as_slice())],
    )?;
    Ok(())
}

/// Takes the cursor of this name back to block `to`, if it is above. It goes altogether if that block is not stored.
pub(crate) fn lower_checkpoint(database: &mut dyn Database, name: &str, to: u64) -> Result<Option<Checkpoint>> {
    let before = checkpoint(database, name)?;
    if before.is_none_or(|before| before.number <= to) {
        return Ok(before);
    }
    let after = block_hash(database, to)?.map(|hash| Checkpoint { number: to, hash });
    set_checkpoint(database, name, after)?;
    Ok(after)
}

/// What of `blocks` comes after `done`, and the hash of its end; nothing if that is done.
///
/// # Errors
/// If there is a gap between the two, or the end is not stored.
pub(crate) fn after(
    database: &mut dyn Database,
    done: Option<Checkpoint>,
    blocks: Blocks,
) -> Result<Option<(Blocks, B256)>> {
    let first = done.map_or(blocks.first, |done| done.number + 1);
    let Some(blocks) = Blocks::new(first.max(blocks.first), blocks.last) else { return Ok(None) };
    if blocks.first != first {
        return Err(Error::OutOfOrder(blocks));
    }
    let hash = block_hash(database, blocks.last)?.ok_or(Error::OutOfOrder(blocks))?;
    Ok(Some((blocks, hash)))
}

/// The hash of a stored block.
pub(crate) fn block_hash(database: &mut dyn Database, number: u64) -> Result<Option<B256>> {
    let rows = database.ask("SELECT hash FROM block WHERE number = ?1", &[Value::count(number)])?;
    rows.first().map(|row| row.hash(0)).transpose()
}
