//! All stages on one connection, in order. Each step is one transaction, of one stage, and begins where the stage's cursor
//! is, so that nothing is lost or done twice wherever the process is ended.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::{
    Error, Result,
    block::{Blocks, Checkpoint},
    database::{Database, transaction},
    epoch::Epochs,
    event::Chunk,
    fetch::Seen,
    kind::Reader,
    outbox::Outbox,
    progress::{self, Event, Observer, Progress},
    rows::{Rows, Table, Value},
    stage::{Derived, EpochStage, Kinds, Logs, Snapshots, Stage, checkpoint},
};

/// Blocks that are derived from in one transaction.
const BLOCKS_AT_ONCE: u64 = 1_000;

/// The pause before a stage that lacked an answer of the chain tries again.
const PAUSE: Duration = Duration::from_millis(500);

/// What [`Pipeline::unwind`] calls its transaction.
const UNWIND: &str = "unwind";

/// What a pipeline is made of.
pub struct Parts {
    /// The connection that writes.
    pub database: Box<dyn Database>,
    /// The tables of all events, in the order of [`Chunk::rows`].
    pub tables: Vec<Table>,
    /// How blocks are cut.
    pub epochs: Epochs,
    /// The first block that is stored.
    pub first: u64,
    /// The sources.
    pub kinds: Kinds,
    /// The way to the contracts.
    pub reader: Arc<dyn Reader>,
    /// What final epochs go through before they are announced, such as the chain of snapshots.
    pub on_final: Vec<Box<dyn Stage>>,
    /// Whom final epochs are announced to.
    pub sinks: Vec<String>,
    /// Who wants to know.
    pub observer: Observer,
    /// Where to tell how far it is.
    pub progress: watch::Sender<Progress>,
}

/// The stages, and where they are.
pub struct Pipeline {
    database: Box<dyn Database>,
    first: u64,
    epoch_cut: Epochs,
    logs: Logs,
    derived: Derived,
    epochs: EpochStage,
    snapshots: Snapshots,
    /// Those that work on final epochs with snapshots only.
    on_final: Vec<Box<dyn Stage>>,
    reader: Arc<dyn Reader>,
    observer: Observer,
    progress: watch::Sender<Progress>,
    seen: Seen,
    /// What the epochs were last promoted by.
    promoted: Option<Seen>,
    /// Not before this is the chain read again.
    again_at: Option<Instant>,
    second: (Instant, u64),
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("first", &self.first).field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl Pipeline {
    /// Of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { database, tables, epochs, first, kinds, reader, mut on_final, sinks, observer, progress } = parts;
        on_final.push(Box::new(Outbox::new(epochs, sinks)));
        Self {
            database,
            first,
            epoch_cut: epochs,
            logs: Logs::new(tables),
            derived: Derived::new(kinds.clone()),
            epochs: EpochStage::new(epochs, kinds.sources()),
            snapshots: Snapshots::new(epochs, kinds),
            on_final,
            reader,
            observer,
            progress,
            seen: Seen::default(),
            promoted: None,
            again_at: None,
            second: (Instant::now(), 0),
        }
    }

    /// The connection, between two transactions.
    pub fn database(&mut self) -> &mut dyn Database {
        self.database.as_mut()
    }

    /// Tells how far the store is.
    ///
    /// # Errors
    /// Those of the database.
    pub fn tell(&mut self) -> Result<()> {
        tell(self.database.as_mut(), self.epoch_cut, &self.progress)
    }

    /// Notes where the chain ends.
    pub fn look(&mut self, seen: Seen) {
        self.seen = seen;
        self.epochs.look(seen.head, seen.finalized);
    }

    /// Stores a chunk.
    ///
    /// # Errors
    /// If it does not follow what is stored; those of the database.
    pub fn take(&mut self, chunk: Chunk) -> Result<()> {
        let blocks = Blocks { first: chunk.blocks[0].number, last: chunk.blocks[chunk.blocks.len() - 1].number };
        let n_rows = as_count(chunk.rows.iter().map(Rows::len).sum());
        self.logs.push(chunk);
        let (logs, database) = (&mut self.logs, self.database.as_mut());
        let done = commit(database, &self.observer, logs.name(), |database| logs.execute(database, blocks))?;
        let rate = self.rate(blocks.n_blocks());
        self.progress.send_modify(|progress| {
            progress.stored = done.map(|done| done.number);
            progress.rows += n_rows;
            progress.blocks += blocks.n_blocks();
            progress.rate = rate.unwrap_or(progress.rate);
        });
        Ok(())
    }

    /// Blocks a second, once in a second.
    fn rate(&mut self, n_blocks: u64) -> Option<u64> {
        self.second.1 += n_blocks;
        let millis = u64::try_from(self.second.0.elapsed().as_millis()).ok().filter(|millis| *millis >= 1_000)?;
        let rate = self.second.1.saturating_mul(1_000) / millis;
        self.second = (Instant::now(), 0);
        Some(rate)
    }

    /// Does the next step that there is after the logs, and says whether there was one.
    ///
    /// # Errors
    /// What does not pass by itself; those of the database. What the chain does not answer for the moment is no error.
    pub fn advance(&mut self) -> Result<bool> {
        Ok(self.derive()? || self.cut()? || self.snap()? || self.finish()?)
    }

    fn derive(&mut self) -> Result<bool> {
        if self.again_at.is_some_and(|again_at| Instant::now() < again_at) {
            return Ok(false);
        }
        let Some(blocks) = self.due(Derived::NAME, Logs::NAME)? else { return Ok(false) };
        let blocks = Blocks { last: blocks.last.min(blocks.first + (BLOCKS_AT_ONCE - 1)), ..blocks };
        let (derived, database) = (&mut self.derived, self.database.as_mut());
        let done = derived.prepare(database, self.reader.as_ref(), blocks).and_then(|()| {
            commit(database, &self.observer, derived.name(), |database| derived.execute(database, blocks))
        });
        match done {
            Ok(done) => {
                self.again_at = None;
                self.progress.send_modify(|progress| progress.derived = done.map(|done| done.number));
                Ok(true)
            }
            // The chain may go another way meanwhile; then this is never answered, and not asked for again.
            Err(Error::Endpoint(reason)) => {
                (self.observer)(&Event::Waiting { reason });
                transaction(database, |database| derived.forget(database))?;
                self.again_at = Some(Instant::now() + PAUSE);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn cut(&mut self) -> Result<bool> {
        let blocks = self.due(EpochStage::NAME, Derived::NAME)?;
        if blocks.is_none() && self.promoted == Some(self.seen) {
            return Ok(false);
        }
        let (epochs, database) = (&mut self.epochs, self.database.as_mut());
        commit(database, &self.observer, epochs.name(), |database| match blocks {
            Some(blocks) => epochs.execute(database, blocks).map(|_| ()),
            None => epochs.promote(database),
        })?;
        self.promoted = Some(self.seen);
        let finalized = checkpoint(database, EpochStage::FINALIZED)?.map(|finalized| finalized.number);
        self.progress.send_modify(|progress| progress.finalized = finalized);
        Ok(true)
    }

    fn snap(&mut self) -> Result<bool> {
        let Some(last) = checkpoint(self.database.as_mut(), EpochStage::NAME)?.map(|done| done.number) else {
            return Ok(false);
        };
        if !self.snapshots.is_due(self.database.as_mut(), last)? {
            return Ok(false);
        }
        let (snapshots, database) = (&mut self.snapshots, self.database.as_mut());
        let blocks = Blocks { first: self.first.min(last), last };
        let (before, n_before) = ((snapshots.n_jobs(), checkpoint(database, Snapshots::NAME)?), snapshots.n_made());
        let done = commit(database, &self.observer, snapshots.name(), |database| snapshots.execute(database, blocks))?;
        let after = (snapshots.n_jobs(), done);
        let n_snapshots = snapshots.n_made() - n_before;
        let n_epochs = done.and_then(|done| self.epoch_cut.of(done.number)).map_or(0, |id| id + 1);
        self.progress.send_modify(|progress| {
            progress.epochs = n_epochs;
            progress.snapshots += n_snapshots;
        });
        // Another process may have the jobs that are left.
        Ok(before != after)
    }

    fn finish(&mut self) -> Result<bool> {
        let database = self.database.as_mut();
        let Some(ended) = last_final(database)? else { return Ok(false) };
        for stage in &mut self.on_final {
            let before = checkpoint(database, stage.name())?;
            let first = before.map_or(self.first, |before| before.number + 1);
            let Some(blocks) = Blocks::new(first, ended) else { continue };
            let name = stage.name();
            // What others are told must not be forgotten. All that is before it in the log is kept with it.
            database.durable(true)?;
            let after = commit(database, &self.observer, name, |database| stage.execute(database, blocks))?;
            database.durable(false)?;
            // Who waits for changes has some to read.
            self.progress.send_modify(|_| {});
            // If it stays where it is, what comes after must not get ahead of it.
            return Ok(after != before);
        }
        Ok(false)
    }

    /// The blocks that one stage has and the next has not.
    fn due(&mut self, name: &str, before: &str) -> Result<Option<Blocks>> {
        let database = self.database.as_mut();
        let Some(there) = checkpoint(database, before)? else { return Ok(None) };
        let first = checkpoint(database, name)?.map_or(self.first, |done| done.number + 1);
        Ok(Blocks::new(first, there.number))
    }

    /// Takes everything back that came after block `to`, in all stages, in one transaction.
    ///
    /// # Errors
    /// If `to` is below what is final: then nothing changes. Those of the database.
    pub fn unwind(&mut self, to: u64) -> Result<()> {
        let finalized = checkpoint(self.database.as_mut(), EpochStage::FINALIZED)?;
        if let Some(Checkpoint { number, .. }) = finalized.filter(|finalized| to < finalized.number) {
            return Err(Error::BelowFinality { fork: to, finalized: number });
        }
        self.unwind_final(to)
    }

    /// The same, final or not: for the operator, when a chain has broken its word.
    ///
    /// # Errors
    /// Those of the database.
    pub fn unwind_final(&mut self, to: u64) -> Result<()> {
        let from = checkpoint(self.database.as_mut(), Logs::NAME)?.map(|done| done.number);
        let Self { database, logs, derived, epochs, snapshots, on_final, observer, .. } = self;
        let stages: [&mut dyn Stage; 4] = [logs, derived, epochs, snapshots];
        commit(database.as_mut(), observer, UNWIND, |database| {
            on_final.iter_mut().rev().try_for_each(|stage| stage.unwind(database, to).map(|_| ()))?;
            stages.into_iter().rev().try_for_each(|stage| stage.unwind(database, to).map(|_| ()))
        })?;
        self.again_at = None;
        self.promoted = None;
        let Some(from) = from.filter(|from| *from > to) else { return Ok(()) };
        observer(&Event::Unwound { from, to });
        let mut number = |name| Ok::<_, Error>(checkpoint(database.as_mut(), name)?.map(|done| done.number));
        let (stored, derived) = (number(Logs::NAME)?, number(Derived::NAME)?);
        self.progress.send_modify(|progress| {
            (progress.stored, progress.derived) = (stored, derived);
            progress.reorgs += 1;
            progress.deepest_reorg = progress.deepest_reorg.max(from - to);
        });
        Ok(())
    }
}

/// Tells how far a store is whose blocks are cut so, if that is anything else than before.
pub(crate) fn tell(database: &mut dyn Database, epochs: Epochs, progress: &watch::Sender<Progress>) -> Result<()> {
    let mut number = |name| Ok::<_, Error>(checkpoint(database, name)?.map(|done| done.number));
    let (stored, derived, finalized) = (number(Logs::NAME)?, number(Derived::NAME)?, number(EpochStage::FINALIZED)?);
    let epochs = number(Snapshots::NAME)?.and_then(|done| epochs.of(done)).map_or(0, |id| id + 1);
    progress::tell(progress, |progress| *progress = Progress { stored, derived, finalized, epochs, ..*progress });
    Ok(())
}

/// Runs `work` in a transaction, and tells before and after it ends.
pub(crate) fn commit<T>(
    database: &mut dyn Database,
    observer: &Observer,
    stage: &'static str,
    work: impl FnOnce(&mut dyn Database) -> Result<T>,
) -> Result<T> {
    let done = transaction(database, |database| {
        let done = work(database)?;
        observer(&Event::Committing { stage });
        Ok::<_, Error>(done)
    })?;
    observer(&Event::Committed { stage });
    Ok(done)
}

/// The end of the last epoch that is final and has its snapshots, as all before it.
fn last_final(database: &mut dyn Database) -> Result<Option<u64>> {
    let Some(snapshots) = checkpoint(database, Snapshots::NAME)? else { return Ok(None) };
    let sql = "SELECT last FROM epoch WHERE state = 2 AND last <= ?1 ORDER BY id DESC LIMIT 1";
    database.ask(sql, &[Value::count(snapshots.number)])?.first().map(|row| row.count(0)).transpose()
}

fn as_count(count: usize) -> u64 {
    u64::try_from(count).expect("rows fit memory")
}
