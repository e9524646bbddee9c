//! The fourth stage: snapshots of the epochs that have an end, and the sums over all epochs up to each.
//!
//! Several processes can take jobs; epochs may get their snapshots in any order. One of them, which follows the chain, adds
//! them up in the order of epochs.

use alloy::primitives::{B256, U256};

use super::{Kinds, Stage, block_hash, checkpoint, lower_checkpoint, pages, set_checkpoint};
use crate::{
    Error, Result,
    block::{Blocks, Checkpoint},
    dag::{EPOCH_COLUMNS, stored_epoch},
    database::Database,
    epoch::{Epoch, EpochState, Epochs},
    rows::{Column, Rows, Table, Type, Value},
    snapshot::Snapshot,
};

/// Jobs, or epochs, of one transaction.
const N_AT_ONCE: u32 = 64;

/// Bytes of snapshots after which a transaction ends.
const BYTES_AT_ONCE: usize = 8 << 20;

/// Takes snapshots, and adds them up.
#[derive(Debug)]
pub struct Snapshots {
    epochs: Epochs,
    kinds: Kinds,
    n_jobs: u64,
    n_made: u64,
}

/// What was done in a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Epochs of sources.
    pub n_jobs: u64,
    /// Their snapshots.
    pub n_snapshots: u64,
}

impl Snapshots {
    /// The name of the cursor: up to it, all epochs have their snapshots and sums.
    pub const NAME: &str = "snapshots";

    /// Of these kinds.
    #[must_use]
    pub fn new(epochs: Epochs, kinds: Kinds) -> Self {
        Self { epochs, kinds, n_jobs: 0, n_made: 0 }
    }

    /// Jobs that were done.
    #[must_use]
    pub fn n_jobs(&self) -> u64 {
        self.n_jobs
    }

    /// Snapshots that were made.
    #[must_use]
    pub fn n_made(&self) -> u64 {
        self.n_made
    }

    /// Whether there are jobs, or epochs to add up that end at block `last` or before.
    ///
    /// # Errors
    /// Those of the database.
    pub fn is_due(&self, database: &mut dyn Database, last: u64) -> Result<bool> {
        if has_jobs(database)? {
            return Ok(true);
        }
        let sql = "SELECT id FROM epoch WHERE id >= ?1 AND state >= 1 AND last <= ?2 LIMIT 1";
        let first = self.next(database)?;
        Ok(!database.ask(sql, &[Value::count(first), Value::count(last)])?.is_empty())
    }

    /// The first epoch that is not added up.
    fn next(&self, database: &mut dyn Database) -> Result<u64> {
        let done = checkpoint(database, Self::NAME)?;
        Ok(done.and_then(|done| self.epochs.of(done.number)).map_or(0, |id| id + 1))
    }

    /// Adds up the epochs that come next, have all their snapshots, and end with the last of `blocks` or before. Part of
    /// [`execute`](Stage::execute), for whoever leaves the jobs to others.
    ///
    /// # Errors
    /// Those of the database.
    pub fn settle(&mut self, database: &mut dyn Database, blocks: Blocks) -> Result<Option<Checkpoint>> {
        let mut done = checkpoint(database, Self::NAME)?;
        let first = self.next(database)?;
        let rows = database.ask(
            "SELECT id, last, end_hash, state FROM epoch WHERE id >= ?1 AND state >= 1 AND last <= ?2 \
             AND NOT EXISTS (SELECT 1 FROM job WHERE job.epoch <= epoch.id) ORDER BY id LIMIT ?3",
            &[Value::count(first), Value::count(blocks.last), Value::Integer(N_AT_ONCE.into())],
        )?;
        for row in rows.iter() {
            let (id, end) = (row.count(0)?, Checkpoint { number: row.count(1)?, hash: row.hash(2)? });
            add_up(database, id)?;
            if row.integer(3)? == EpochState::Tentative.code() {
                note_change(database, "tentative", Some(id), end)?;
            }
            done = Some(end);
        }
        if !rows.is_empty() {
            set_checkpoint(database, Self::NAME, done)?;
        }
        Ok(done)
    }
}

impl Stage for Snapshots {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn execute(&mut self, database: &mut dyn Database, blocks: Blocks) -> Result<Option<Checkpoint>> {
        let done = take_jobs(database, &self.kinds)?;
        self.n_jobs += done.n_jobs;
        self.n_made += done.n_snapshots;
        self.settle(database, blocks)
    }

    fn unwind(&mut self, database: &mut dyn Database, to: u64) -> Result<Option<Checkpoint>> {
        let before = checkpoint(database, Self::NAME)?;
        // Epochs after the last one that ends at `to` or before.
        let from = (to + 1).checked_sub(self.epochs.genesis).map_or(0, |n_blocks| n_blocks / self.epochs.size);
        // First, since whoever is at a job holds its row, and may be about to write what is deleted next.
        database.run("DELETE FROM job WHERE epoch >= ?1", &[Value::count(from)])?;
        let mut n_deleted = 0;
        for table in ["addend", "prefix_sum", "page", "snapshot"] {
            n_deleted += database.run(&format!("DELETE FROM {table} WHERE epoch >= ?1"), &[Value::count(from)])?;
        }
        // Epochs that keep their end, because they are not taken back as well, are to get their snapshots again.
        for source in self.kinds.sources() {
            database.run(
                "INSERT INTO job (epoch, source) SELECT id, ?2 FROM epoch WHERE id >= ?1 AND state >= 1",
                &[Value::count(from), Value::Text(&source)],
            )?;
        }
        let is_above = before.is_some_and(|before| before.number > to);
        if n_deleted > 0 || is_above {
            let hash = block_hash(database, to)?.unwrap_or(B256::ZERO);
            note_change(database, "unwound", Some(from), Checkpoint { number: to, hash })?;
        }
        if is_above {
            let last = from.checked_sub(1).and_then(|id| self.epochs.blocks(id)).map(|blocks| blocks.last);
            match last {
                Some(last) => return lower_checkpoint(database, Self::NAME, last),
                None => set_checkpoint(database, Self::NAME, None)?,
            }
            return Ok(None);
        }
        Ok(before)
    }
}

/// Whether snapshots are ordered, even if others are at them already.
///
/// # Errors
/// Those of the database.
pub fn has_jobs(database: &mut dyn Database) -> Result<bool> {
    Ok(!database.ask("SELECT epoch FROM job LIMIT 1", &[])?.is_empty())
}

/// Makes snapshots that are ordered and that nobody else is making, until some bound; all of it in the caller's
/// transaction.
///
/// # Errors
/// Those of the kinds and the database.
pub fn take_jobs(database: &mut dyn Database, kinds: &Kinds) -> Result<Done> {
    let sql = format!("SELECT epoch, source FROM job ORDER BY epoch, source LIMIT ?1{}", database.skip_locked());
    let jobs = database.ask(&sql, &[Value::Integer(N_AT_ONCE.into())])?;
    let mut kinds = kinds.lock();
    let (mut done, mut n_bytes) = (Done::default(), 0);
    for job in jobs.iter() {
        let (id, source) = (job.count(0)?, job.text(1)?);
        let kind = kinds.iter_mut().find(|kind| kind.watch().source == source);
        let kind =
            kind.ok_or_else(|| Error::Damaged(format!("snapshots are ordered of {source}, which is no source")))?;
        let epoch = read_epoch(database, id)?;
        let snapshots = kind.snapshots(database, &epoch)?;
        for snapshot in &snapshots {
            n_bytes += snapshot.bytes.len();
            write(database, &epoch, snapshot)?;
            done.n_snapshots += 1;
        }
        n_bytes += pages::write(database, kind.as_ref(), &epoch, &snapshots)?;
        database.run("DELETE FROM job WHERE epoch = ?1 AND source = ?2", &[Value::count(id), Value::Text(source)])?;
        done.n_jobs += 1;
        if n_bytes >= BYTES_AT_ONCE {
            break;
        }
    }
    Ok(done)
}

fn read_epoch(database: &mut dyn Database, id: u64) -> Result<Epoch> {
    let sql = format!("SELECT {EPOCH_COLUMNS} FROM epoch WHERE id = ?1 AND state >= 1");
    let rows = database.ask(&sql, &[Value::count(id)])?;
    let row = rows.first();
    stored_epoch(&row.ok_or_else(|| Error::Damaged(format!("epoch {id} has no end, but snapshots are ordered")))?)
}

fn write(database: &mut dyn Database, epoch: &Epoch, snapshot: &Snapshot) -> Result<()> {
    let (project, id) = (Value::Text(&snapshot.project), Value::count(epoch.id));
    database.run(
        "INSERT INTO snapshot (project, epoch, end_hash, cid, content) VALUES (?1, ?2, ?3, ?4, ?5)",
        &[
            project,
            id,
            Value::Blob(epoch.end_hash.as_slice()),
            Value::Text(&snapshot.cid.to_string()),
            Value::Blob(&snapshot.bytes),
        ],
    )?;
    let mut addends = Rows::new(4);
    for (name, amount) in &snapshot.sums {
        addends.push_row(&[id, project, Value::Text(name), Value::Blob(&amount.to_be_bytes::<32>())]);
    }
    insert(database, &sums_table("addend", ["epoch", "project", "name", "amount"]), &addends)
}

/// Makes the epoch's amounts into totals of all epochs up to it. A project without earlier epochs begins at zero.
///
/// Totals are residues modulo 2^256, which strangers' tokens can pass. So none is ever too much, and the difference of two
/// is exact wherever what lies between them has 256 bits, whatever came before.
fn add_up(database: &mut dyn Database, id: u64) -> Result<()> {
    // All of them in one question: there may be thousands, and a question takes a server longer than the answer.
    let sql = "SELECT project, name, amount, (SELECT total FROM prefix_sum WHERE prefix_sum.project = addend.project \
               AND prefix_sum.name = addend.name AND prefix_sum.epoch < ?1 ORDER BY prefix_sum.epoch DESC LIMIT 1) \
               FROM addend WHERE epoch = ?1 ORDER BY project, name";
    let addends = database.ask(sql, &[Value::count(id)])?;
    let mut totals = Rows::new(4);
    for addend in addends.iter() {
        let (project, name, amount) = (addend.text(0)?, addend.text(1)?, addend.amount(2)?);
        let before = if addend.is_null(3) { U256::ZERO } else { addend.amount(3)? };
        let total = before.wrapping_add(amount).to_be_bytes::<32>();
        totals.push_row(&[Value::Text(project), Value::Text(name), Value::count(id), Value::Blob(&total)]);
    }
    insert(database, &sums_table("prefix_sum", ["project", "name", "epoch", "total"]), &totals)?;
    database.run("DELETE FROM addend WHERE epoch = ?1", &[Value::count(id)])?;
    Ok(())
}

/// Adds rows of an epoch that has none yet.
fn insert(database: &mut dyn Database, table: &Table, rows: &Rows) -> Result<()> {
    let (n_added, n_rows) = (database.insert(table, rows)?, rows.len());
    if usize::try_from(n_added) == Ok(n_rows) {
        return Ok(());
    }
    Err(Error::Damaged(format!(
        "{} holds sums of an epoch that comes next: {n_added} of {n_rows} were new",
        table.name
    )))
}

/// A table of sums, whose last column is the amount, and the others the key.
fn sums_table(name: &str, columns: [&str; 4]) -> Table {
    let kind = |column: &str| match column {
        "epoch" => Type::Integer,
        "project" | "name" => Type::Text,
        _ => Type::Blob,
    };
    let columns = columns.map(|name| Column { name: name.to_owned(), kind: kind(name) });
    Table { name: name.to_owned(), columns: columns.into(), n_key: 3, indexes: Vec::new() }
}

/// Notes for those who follow that something changed.
pub(crate) fn note_change(database: &mut dyn Database, kind: &str, epoch: Option<u64>, at: Checkpoint) -> Result<()> {
    database.run(
        "INSERT INTO change (id, kind, epoch, block, hash) \
         VALUES ((SELECT coalesce(max(id), 0) + 1 FROM change), ?1, ?2, ?3, ?4)",
        &[
            Value::Text(kind),
            epoch.map_or(Value::Null, Value::count),
            Value::count(at.number),
            Value::Blob(at.hash.as_slice()),
        ],
    )?;
    Ok(())
}
