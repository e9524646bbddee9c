//! The stage that chains the snapshots of final epochs. What is final stays, so a reorg finds nothing to take back here.

use std::collections::BTreeMap;

use cid::Cid;

use super::{Stage, checkpoint, set_checkpoint};
use crate::{
    Error, Result,
    block::{Blocks, Checkpoint},
    dag::{self, DagBlock, EPOCH_COLUMNS, Links, stored_cid, stored_epoch},
    database::Database,
    epoch::Epoch,
    identity::Sources,
    rows::{Rows, Value},
    snapshot::Project,
};

/// Epochs of one call.
const MAX_EPOCHS: u64 = 500;

/// Blocks of one call, after which no further epoch is begun.
const MAX_ROWS: usize = 20_000;

/// Makes the blocks of epochs that are final and whose snapshots are all there, in order.
#[derive(Clone, Copy, Debug)]
pub struct Dag {
    chain_id: u64,
}

impl Dag {
    /// The name of the cursor.
    pub const NAME: &str = "dag";

    /// For the chain of this id.
    #[must_use]
    pub fn new(chain_id: u64) -> Self {
        Self { chain_id }
    }

    /// Adds the block of each project at `epoch` to the store, and to `tips`, the newest block of each.
    fn add(&self, database: &mut dyn Database, epoch: &Epoch, tips: &mut BTreeMap<Project, Cid>) -> Result<usize> {
        let mut snapshots = snapshots_of(database, epoch)?;
        let skipped = match DagBlock::skipped(epoch.id) {
            Some(height) => blocks_at(database, height)?,
            None => BTreeMap::new(),
        };
        for project in snapshots.keys() {
            if !tips.contains_key(project) && !dag::is_project(project) {
                return Err(Error::Damaged(format!("`{project}` is no name of a project")));
            }
        }
        let mut rows = Rows::new(4);
        let mut add = |project: Project, prev: Option<Cid>, data: Option<Cid>| {
            let links = Links { prev, skip: skipped.get(&project).copied(), data };
            let (cid, bytes) = DagBlock::new(self.chain_id, project.clone(), epoch, links).encode();
            rows.push_row(&[
                Value::Text(&project),
                Value::count(epoch.id),
                Value::Text(&cid.to_string()),
                Value::Blob(&bytes),
            ]);
            (project, cid)
        };
        let mut next: BTreeMap<_, _> = std::mem::take(tips)
            .into_iter()
            .map(|(project, tip)| {
                let data = snapshots.remove(&project);
                add(project, Some(tip), data)
            })
            .collect();
        next.extend(snapshots.into_iter().map(|(project, data)| add(project, None, Some(data))));
        *tips = next;
        let n_added = database.insert(&dag::table(), &rows)?;
        if n_added != rows.len() as u64 {
            return Err(Error::Damaged(format!(
                "the chain of snapshots has blocks above its cursor, at height {}",
                epoch.id
            )));
        }
        Ok(rows.len())
    }
}

impl Stage for Dag {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn execute(&mut self, database: &mut dyn Database, blocks: Blocks) -> Result<Option<Checkpoint>> {
        let mut done = checkpoint(database, Self::NAME)?;
        let epochs = ready(database, done, blocks.last)?;
        let Some(first) = epochs.first() else { return Ok(done) };
        let mut tips = match first.id.checked_sub(1) {
            Some(height) if done.is_some() => blocks_at(database, height)?,
            _ => BTreeMap::new(),
        };
        // Of what others make, which a CAR file brought, this node cannot say how it goes on.
        let sources = Sources::of(database)?;
        tips.retain(|project, _| sources.have(project));
        let mut n_rows = 0;
        for epoch in &epochs {
            n_rows += self.add(database, epoch, &mut tips)?;
            done = Some(Checkpoint { number: epoch.blocks.last, hash: epoch.end_hash });
            if n_rows >= MAX_ROWS {
                break;
            }
        }
        set_checkpoint(database, Self::NAME, done)?;
        Ok(done)
    }

    /// Goes below what is final only by the operator's command, as nothing else asks for it.
    fn unwind(&mut self, database: &mut dyn Database, to: u64) -> Result<Option<Checkpoint>> {
        let done = checkpoint(database, Self::NAME)?;
        if done.is_none_or(|done| done.number <= to) {
            return Ok(done);
        }
        let sql = "SELECT id, last, end_hash FROM epoch WHERE last <= ?1 ORDER BY id DESC LIMIT 1";
        let kept = database.ask(sql, &[Value::count(to)])?;
        let done = match kept.first() {
            Some(row) => {
                database.run("DELETE FROM dag WHERE height > ?1", &[row.value(0)])?;
                Some(Checkpoint { number: row.count(1)?, hash: row.hash(2)? })
            }
            None => {
                database.run("DELETE FROM dag", &[])?;
                None
            }
        };
        set_checkpoint(database, Self::NAME, done)?;
        Ok(done)
    }
}

/// The epochs that come next, as far as they are final, have all their snapshots, and end at or below block `last`.
fn ready(database: &mut dyn Database, done: Option<Checkpoint>, last: u64) -> Result<Vec<Epoch>> {
    let waiting = database.ask("SELECT min(epoch) FROM job", &[])?;
    let waiting = waiting.first().filter(|row| !row.is_null(0)).map(|row| row.count(0)).transpose()?;
    let next = following(database, done)?;
    let sql = format!(
        "SELECT {EPOCH_COLUMNS} FROM epoch WHERE state = 2 AND id >= ?1 AND last <= ?2 ORDER BY id LIMIT {MAX_EPOCHS}"
    );
    let rows = database.ask(&sql, &[Value::count(next), Value::count(last)])?;
    let mut epochs = Vec::new();
    for (row, id) in rows.iter().zip(next..) {
        let epoch = stored_epoch(&row)?;
        if waiting.is_some_and(|waiting| waiting <= epoch.id) {
            break;
        }
        if epoch.id != id {
            return Err(Error::Damaged(format!("epoch {} is final, but epoch {id} is not", epoch.id)));
        }
        epochs.push(epoch);
    }
    Ok(epochs)
}

/// The number of the epoch after the checkpoint, or of the store's first.
fn following(database: &mut dyn Database, done: Option<Checkpoint>) -> Result<u64> {
    let Some(done) = done else {
        let rows = database.ask("SELECT min(id) FROM epoch", &[])?;
        return rows.first().filter(|row| !row.is_null(0)).map_or(Ok(0), |row| row.count(0));
    };
    let sql = "SELECT id FROM epoch WHERE last = ?1 AND end_hash = ?2";
    let rows = database.ask(sql, &[Value::count(done.number), Value::Blob(done.hash.as_slice())])?;
    let Some(row) = rows.first() else {
        let number = done.number;
        return Err(Error::Damaged(format!("no epoch ends at block {number}, where the chain of snapshots is")));
    };
    Ok(row.count(0)? + 1)
}

/// The addresses of an epoch's snapshots.
fn snapshots_of(database: &mut dyn Database, epoch: &Epoch) -> Result<BTreeMap<Project, Cid>> {
    let sql = "SELECT project, cid, end_hash FROM snapshot WHERE epoch = ?1";
    let rows = database.ask(sql, &[Value::count(epoch.id)])?;
    let snapshot = |row: crate::rows::Row<'_>| {
        let project = row.text(0)?;
        let end_hash = row.hash(2)?;
        if end_hash != epoch.end_hash {
            let (id, expected) = (epoch.id, epoch.end_hash);
            return Err(Error::Damaged(format!(
                "the snapshot of {project} at epoch {id} is of block {end_hash}, not of {expected}"
            )));
        }
        Ok((project.to_owned(), stored_cid(&row, 1)?))
    };
    rows.iter().map(snapshot).collect()
}

/// The address of each project's block at a height.
fn blocks_at(database: &mut dyn Database, height: u64) -> Result<BTreeMap<Project, Cid>> {
    let rows = database.ask("SELECT project, cid FROM dag WHERE height = ?1", &[Value::count(height)])?;
    rows.iter().map(|row| Ok((row.text(0)?.to_owned(), stored_cid(&row, 1)?))).collect()
}
