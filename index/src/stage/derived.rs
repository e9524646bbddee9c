//! The second stage: what each source's kind derives from its events.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use super::{Stage, after, checkpoint, logs::delete_above, lower_checkpoint, set_checkpoint};
use crate::{
    Result,
    block::{Blocks, Checkpoint},
    database::Database,
    kind::{Kind, Reader},
};

/// The kinds of all sources, which several stages of one thread use in turn.
#[derive(Clone)]
pub struct Kinds(Arc<Mutex<Vec<Box<dyn Kind>>>>);

impl Kinds {
    /// In the order of the configuration.
    #[must_use]
    pub fn new(kinds: Vec<Box<dyn Kind>>) -> Self {
        Self(Arc::new(Mutex::new(kinds)))
    }

    /// For one stage at a time.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Vec<Box<dyn Kind>>> {
        self.0.lock().expect("a kind that panics ends the thread of all stages")
    }

    /// The names of the sources.
    #[must_use]
    pub fn sources(&self) -> Vec<String> {
        self.lock().iter().map(|kind| kind.watch().source.clone()).collect()
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sources()).finish()
    }
}

/// Has all kinds derive, block by block.
///
/// One cursor stands for all sources: epochs need all of them anyway, and it says in one number how far the index is.
#[derive(Debug)]
pub struct Derived {
    kinds: Kinds,
}

impl Derived {
    /// The name of the cursor.
    pub const NAME: &str = "derived";

    /// Of these kinds.
    #[must_use]
    pub fn new(kinds: Kinds) -> Self {
        Self { kinds }
    }

    /// Has the kinds read from the chain what they lack for `blocks`; before [`execute`](Stage::execute), and outside of
    /// its transaction.
    ///
    /// # Errors
    /// Those of the kinds.
    pub fn prepare(&mut self, database: &mut dyn Database, reader: &dyn Reader, blocks: Blocks) -> Result<()> {
        self.kinds.lock().iter_mut().try_for_each(|kind| kind.prepare(database, reader, blocks))
    }

    /// Has the kinds forget what they learnt of blocks after the checkpoint, in a transaction that came to nothing.
    ///
    /// # Errors
    /// Those of the kinds and the database.
    pub fn forget(&mut self, database: &mut dyn Database) -> Result<()> {
        let done = checkpoint(database, Self::NAME)?.map_or(0, |done| done.number);
        self.kinds.lock().iter_mut().try_for_each(|kind| kind.unwind(database, done))
    }
}

impl Stage for Derived {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn execute(&mut self, database: &mut dyn Database, blocks: Blocks) -> Result<Option<Checkpoint>> {
        let done = checkpoint(database, Self::NAME)?;
        let Some((blocks, hash)) = after(database, done, blocks)? else { return Ok(done) };
        self.kinds.lock().iter_mut().try_for_each(|kind| kind.derive(database, blocks))?;
        let done = Some(Checkpoint { number: blocks.last, hash });
        set_checkpoint(database, Self::NAME, done)?;
        Ok(done)
    }

    fn unwind(&mut self, database: &mut dyn Database, to: u64) -> Result<Option<Checkpoint>> {
        let is_above = checkpoint(database, Self::NAME)?.is_some_and(|before| before.number > to);
        for kind in self.kinds.lock().iter_mut() {
            // Even if nothing was derived of later blocks, a kind may have prepared for them.
            kind.unwind(database, to)?;
            if is_above {
                kind.tables().iter().try_for_each(|table| delete_above(database, table, to))?;
            }
        }
        lower_checkpoint(database, Self::NAME, to)
    }
}
