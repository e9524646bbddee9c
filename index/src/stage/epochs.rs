//! The third stage: epochs begin, get an end that snapshots are taken of, and become final.

use super::{Stage, after, block_hash, checkpoint, lower_checkpoint, set_checkpoint};
use crate::{
    Result,
    block::{Blocks, Checkpoint},
    database::Database,
    epoch::Epochs,
    rows::Value,
};

/// Cuts the stored blocks into epochs, and orders snapshots of those that have an end.
#[derive(Debug)]
pub struct EpochStage {
    epochs: Epochs,
    sources: Vec<String>,
    head: u64,
    finalized: Option<u64>,
}

impl EpochStage {
    /// The name of the cursor.
    pub const NAME: &str = "epochs";

    /// The name of the cursor that stands at the last final block.
    pub const FINALIZED: &str = "finalized";

    /// Of snapshots of these sources.
    #[must_use]
    pub fn new(epochs: Epochs, sources: Vec<String>) -> Self {
        Self { epochs, sources, head: 0, finalized: None }
    }

    /// Notes where the chain ends, and up to where it is final.
    pub fn look(&mut self, head: u64, finalized: Option<u64>) {
        self.head = head;
        self.finalized = self.finalized.max(finalized);
    }

    /// Makes epochs tentative and final as far as the head and the last final block allow. Needs no blocks, since the
    /// chain may call old ones final without a further one.
    ///
    /// # Errors
    /// Those of the database.
    pub fn promote(&self, database: &mut dyn Database) -> Result<()> {
        let Some(done) = checkpoint(database, Self::NAME)? else { return Ok(()) };
        let settled = self.head.checked_sub(self.epochs.offset).map(|settled| settled.min(done.number));
        if let Some(settled) = settled {
            self.make_tentative(database, self.n_ended(settled))?;
        }
        if let Some(finalized) = self.finalized {
            self.make_final(database, finalized.min(done.number))?;
        }
        Ok(())
    }

    /// How many epochs have their end at `block` or before.
    fn n_ended(&self, block: u64) -> u64 {
        (block + 1).checked_sub(self.epochs.genesis).map_or(0, |n_blocks| n_blocks / self.epochs.size)
    }

    fn plan(&self, database: &mut dyn Database, blocks: Blocks) -> Result<()> {
        let Epochs { genesis, size, .. } = self.epochs;
        database.run(
            "INSERT INTO epoch (id, first, last, begin_parent_hash, state) \
             SELECT (number - ?1) / ?2, number, number + ?2 - 1, parent, 0 FROM block \
             WHERE number >= ?3 AND number <= ?4 AND (number - ?1) % ?2 = 0 ON CONFLICT DO NOTHING",
            &[
                Value::count(genesis),
                Value::count(size),
                Value::count(blocks.first.max(genesis)),
                Value::count(blocks.last),
            ],
        )?;
        Ok(())
    }

    fn make_tentative(&self, database: &mut dyn Database, n_ended: u64) -> Result<()> {
        let from = next(database, "SELECT id FROM epoch WHERE state >= 1 ORDER BY id DESC LIMIT 1")?;
        if from >= n_ended {
            return Ok(());
        }
        let range = [Value::count(from), Value::count(n_ended)];
        database.run(
            "UPDATE epoch SET state = 1, end_hash = (SELECT hash FROM block WHERE number = epoch.last), \
             end_timestamp = (SELECT timestamp FROM block WHERE number = epoch.last) WHERE id >= ?1 AND id < ?2",
            &range,
        )?;
        for source in &self.sources {
            database.run(
                "INSERT INTO job (epoch, source) SELECT id, ?3 FROM epoch WHERE id >= ?1 AND id < ?2",
                &[range[0], range[1], Value::Text(source)],
            )?;
        }
        Ok(())
    }

    fn make_final(&self, database: &mut dyn Database, finalized: u64) -> Result<()> {
        let before = checkpoint(database, Self::FINALIZED)?.map(|before| before.number);
        if before < Some(finalized)
            && let Some(hash) = block_hash(database, finalized)?
        {
            set_checkpoint(database, Self::FINALIZED, Some(Checkpoint { number: finalized, hash }))?;
        }
        // An epoch that was not even tentative when its end became final catches up here.
        let from = next(database, "SELECT id FROM epoch WHERE state = 2 ORDER BY id DESC LIMIT 1")?;
        let range = [Value::count(from), Value::count(self.n_ended(finalized))];
        database.run("UPDATE epoch SET state = 2 WHERE id >= ?1 AND id < ?2 AND state = 1", &range)?;
        Ok(())
    }
}

impl Stage for EpochStage {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn execute(&mut self, database: &mut dyn Database, blocks: Blocks) -> Result<Option<Checkpoint>> {
        let done = checkpoint(database, Self::NAME)?;
        let Some((blocks, hash)) = after(database, done, blocks)? else { return Ok(done) };
        self.plan(database, blocks)?;
        let done = Some(Checkpoint { number: blocks.last, hash });
        set_checkpoint(database, Self::NAME, done)?;
        self.promote(database)?;
        Ok(done)
    }

    fn unwind(&mut self, database: &mut dyn Database, to: u64) -> Result<Option<Checkpoint>> {
        let before = checkpoint(database, Self::NAME)?;
        if before.is_none_or(|before| before.number <= to) {
            return Ok(before);
        }
        let from = Value::count(self.n_ended(to));
        database.run("DELETE FROM job WHERE epoch >= ?1", &[from])?;
        database.run("DELETE FROM epoch WHERE first > ?1", &[Value::count(to)])?;
        database.run("UPDATE epoch SET state = 0, end_hash = NULL, end_timestamp = NULL WHERE id >= ?1", &[from])?;
        lower_checkpoint(database, Self::FINALIZED, to)?;
        lower_checkpoint(database, Self::NAME, to)
    }
}

/// The id after the one that is asked for, or 0 if there is none.
fn next(database: &mut dyn Database, sql: &str) -> Result<u64> {
    database.ask(sql, &[])?.first().map_or(Ok(0), |row| Ok(row.count(0)? + 1))
}
