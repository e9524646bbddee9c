//! Recomputes what the store says of final and tentative epochs, and tells every difference. Changes nothing.
//!
//! A store that another process follows the chain with can be checked too: what a reorg replaced in the meantime is left
//! out, and so is what has not been made yet.

mod pages;
mod snapshots;

use std::{borrow::Cow, collections::BTreeMap};

use alloy::primitives::U256;
use cid::Cid;

use snapshots::Again;

use crate::{
    Error, Result,
    block::Blocks,
    content::{self, DAG_CBOR},
    dag::{DagBlock, EPOCH_COLUMNS, Links, Origin, stored_epoch},
    database::{Database, reading},
    epoch::Epoch,
    identity::Sources,
    kind::Kind,
    rows::{Row, Value},
    snapshot::Project,
    stage::{Dag, checkpoint},
};

/// Snapshots and blocks that are read at once.
const PAGE: u64 = 256;

/// Epochs that are read at once.
const EPOCHS_PAGE: u64 = 1_000;

/// Rows outside of any epoch that are told of, by table.
const MAX_STRAY: u64 = 1_000;

/// What happened in the epoch of a project's snapshot, from its bytes; nothing where the project has no sums, or where
/// the caller cannot tell.
pub type Sums<'a> = dyn FnMut(&str, &[u8]) -> Option<Vec<(Cow<'static, str>, U256)>> + 'a;

/// By what snapshots are judged, beyond their own bytes.
#[derive(Default)]
pub struct Means<'a> {
    /// These make the snapshots of their sources again, and their sums.
    pub kinds: &'a mut [Box<dyn Kind>],
    /// This reads the sums of the other sources' snapshots.
    pub sums: Option<&'a mut Sums<'a>>,
}

/// What is told while it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Two things differ that should not.
    Difference(Difference),
    /// An epoch is done.
    Progress(Progress),
}

/// Two things that differ and should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Of which project; of the epochs themselves if there is none.
    pub project: Option<Project>,
    /// At which epoch; none for what belongs to no epoch.
    pub epoch: Option<u64>,
    /// What differs.
    pub what: &'static str,
    /// What it should be.
    pub expected: String,
    /// What it is.
    pub found: String,
}

/// How much was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last epoch that was.
    pub epoch: u64,
    /// The newest epoch of the store.
    pub last_epoch: u64,
    /// Epochs so far.
    pub n_epochs: u64,
    /// Snapshots so far.
    pub n_snapshots: u64,
    /// Blocks of chains of snapshots so far.
    pub n_blocks: u64,
    /// Differences so far.
    pub n_differences: u64,
}

/// Compares all that the store of `origin` says with what it should say, and tells each difference and each epoch.
///
/// # Errors
/// Those of the database and of the kinds. A difference is none.
pub fn verify(
    database: &mut dyn Database,
    origin: &Origin,
    means: &mut Means<'_>,
    tell: &mut dyn FnMut(News),
) -> Result<Progress> {
    // A store that was filled from CAR files has neither cursors nor blocks, and all its epochs are chained.
    let is_archive = database.ask("SELECT name FROM cursor LIMIT 1", &[])?.is_empty();
    let cursor = checkpoint(database, Dag::NAME)?.map(|cursor| cursor.number);
    let chained = if is_archive { Some(i64::MAX.cast_unsigned()) } else { cursor };
    let newest = database.ask("SELECT max(id) FROM epoch WHERE state > 0", &[])?;
    let newest = newest.first().filter(|row| !row.is_null(0)).map_or(Ok(0), |row| row.count(0))?;
    let progress = Progress { last_epoch: newest, ..Progress::default() };
    let sources = Sources::of(database)?;
    let (held, tips, linked) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let mut walk = Walk { origin, is_archive, sources, chained, means, progress, held, tips, linked, before: None };
    let mut next = 0;
    loop {
        let sql = format!(
            "SELECT {EPOCH_COLUMNS}, state FROM epoch WHERE state > 0 AND id >= ?1 AND id <= ?2 ORDER BY id LIMIT \
             {EPOCHS_PAGE}"
        );
        let rows = database.ask(&sql, &[Value::count(next), Value::count(newest)])?;
        for row in rows.iter() {
            let epoch = stored_epoch(&row)?;
            next = epoch.id + 1;
            let is_final = row.integer(6)? == 2;
            reading(database, |database| {
                walk.epoch(database, &epoch, is_final)?;
                walk.finish(database, &epoch, tell)?;
                Ok::<_, Error>(())
            })?;
        }
        if rows.is_empty() {
            break;
        }
    }
    walk.strays(database)?;
    walk.flush(tell);
    Ok(walk.progress)
}

/// Where the comparison is.
struct Walk<'a, 'b> {
    origin: &'a Origin,
    is_archive: bool,
    sources: Sources,
    /// The last block that the chain of snapshots goes up to.
    chained: Option<u64>,
    means: &'a mut Means<'b>,
    progress: Progress,
    /// Differences of this epoch.
    held: Vec<Difference>,
    /// The newest block of each project.
    tips: BTreeMap<Project, Cid>,
    /// What the snapshots of this epoch have links to, and of which project the first of them is.
    linked: BTreeMap<String, Project>,
    /// The epoch before.
    before: Option<Epoch>,
}

impl Walk<'_, '_> {
    fn epoch(&mut self, database: &mut dyn Database, epoch: &Epoch, is_final: bool) -> Result<()> {
        self.ranges(database, epoch)?;
        // An archive has no events to make anything of.
        let mut again = if self.is_archive { Again::default() } else { self.recomputed(database, epoch)? };
        let mut addresses = BTreeMap::new();
        let mut after = String::new();
        loop {
            let sql = format!(
                "SELECT project, end_hash, cid, content FROM snapshot WHERE epoch = ?1 AND project > ?2 ORDER BY \
                 project LIMIT {PAGE}"
            );
            let rows = database.ask(&sql, &[Value::count(epoch.id), Value::Text(&after)])?;
            for row in rows.iter() {
                after = row.text(0)?.to_owned();
                if let Some(address) = self.snapshot(database, epoch, &row, &mut again)? {
                    addresses.insert(after.clone(), address);
                }
            }
            if rows.is_empty() {
                break;
            }
        }
        for snapshot in again.snapshots.into_values() {
            self.differ(Some(&snapshot.project), epoch, "snapshot", snapshot.cid, "none");
        }
        self.pages(database, epoch)?;
        let is_chained = self.chained.is_some_and(|chained| epoch.blocks.last <= chained);
        self.blocks(database, epoch, &mut addresses, is_final && is_chained)
    }

    /// The epoch's place among the others and among the blocks.
    fn ranges(&mut self, database: &mut dyn Database, epoch: &Epoch) -> Result<()> {
        let blocks = self.origin.epochs.blocks(epoch.id);
        if blocks != Some(epoch.blocks) {
            let expected = blocks.map_or_else(|| "no such epoch".to_owned(), |blocks| blocks.to_string());
            self.differ(None, epoch, "blocks of the epoch", expected, epoch.blocks);
        }
        if let Some(before) = self.before.filter(|before| before.id + 1 != epoch.id) {
            self.differ(None, epoch, "epoch that follows the one before", before.id + 1, epoch.id);
        } else if let Some(before) = self.before.filter(|before| before.end_hash != epoch.begin_parent_hash) {
            self.differ(None, epoch, "hash before the epoch", before.end_hash, epoch.begin_parent_hash);
        }
        if self.is_archive {
            return Ok(());
        }
        let Blocks { first, last } = epoch.blocks;
        let sql =
            "SELECT number, hash, parent, timestamp FROM block WHERE number >= ?1 AND number <= ?2 ORDER BY number";
        let rows = database.ask(sql, &[Value::count(first), Value::count(last)])?;
        if rows.len() as u64 != epoch.blocks.n_blocks() {
            self.differ(None, epoch, "number of stored blocks", epoch.blocks.n_blocks(), rows.len());
            return Ok(());
        }
        let (mut hash, mut timestamp) = (epoch.begin_parent_hash, 0);
        for row in rows.iter() {
            if row.hash(2)? != hash {
                self.differ(None, epoch, "parent of a block", hash, row.hash(2)?);
            }
            (hash, timestamp) = (row.hash(1)?, row.count(3)?);
        }
        if hash != epoch.end_hash {
            self.differ(None, epoch, "hash of the last block", hash, epoch.end_hash);
        }
        if timestamp != epoch.end_timestamp {
            self.differ(None, epoch, "time of the last block", timestamp, epoch.end_timestamp);
        }
        Ok(())
    }

    /// The chains' blocks at the epoch, of whose snapshots the addresses are given.
    fn blocks(
        &mut self,
        database: &mut dyn Database,
        epoch: &Epoch,
        addresses: &mut BTreeMap<Project, Cid>,
        is_chained: bool,
    ) -> Result<()> {
        if !is_chained {
            return Ok(());
        }
        let skipped = match DagBlock::skipped(epoch.id) {
            Some(height) => stored_blocks(database, height)?,
            None => BTreeMap::new(),
        };
        let mut tips = std::mem::take(&mut self.tips);
        for (project, found) in stored_blocks(database, epoch.id)? {
            self.progress.n_blocks += 1;
            let skip = skipped.get(&project).and_then(|(text, _)| content::parse(text).ok());
            let links = Links { prev: tips.remove(&project), skip, data: addresses.remove(&project) };
            self.block(epoch, &project, &found, links);
            // A fault of this block is not one of the next, which has a link to it as it is stored.
            if let Ok(tip) = content::parse(&found.0) {
                self.tips.insert(project, tip);
            }
        }
        // Where a chain that comes from files ends is for whoever made them to say.
        tips.retain(|project, _| !self.is_archive && self.sources.have(project));
        for project in tips.into_keys() {
            addresses.remove(&project);
            self.differ(Some(&project), epoch, "block of the chain", "one after the block below", "none");
        }
        for (project, address) in std::mem::take(addresses) {
            self.differ(Some(&project), epoch, "block of the chain", format!("one with {address}"), "none");
        }
        Ok(())
    }

    fn block(&mut self, epoch: &Epoch, project: &str, (text, bytes): &(String, Vec<u8>), links: Links) {
        let address = content::cid(DAG_CBOR, bytes);
        if address.to_string() != *text {
            self.differ(Some(project), epoch, "address of the block", address, text);
        }
        let block: DagBlock = match content::decode(bytes) {
            Ok(block) => block,
            Err(error) => return self.differ(Some(project), epoch, "form of the block", "canonical DAG-CBOR", error),
        };
        let mut link = |what, expected: Option<Cid>, found: Option<Cid>| {
            let words = |link: Option<Cid>| link.map_or_else(|| "none".to_owned(), |cid| cid.to_string());
            if expected != found {
                self.differ(Some(project), epoch, what, words(expected), words(found));
            }
        };
        link("link to the block below", links.prev, block.prev);
        link("skip link", links.skip, block.skip);
        link("link to the snapshot", links.data, block.data);
        let expected = DagBlock::new(self.origin.chain_id, project.to_owned(), epoch, block.links());
        if block != expected {
            let words =
                |block: &DagBlock| String::from_utf8_lossy(&serde_json::to_vec(block).unwrap_or_default()).into_owned();
            self.differ(Some(project), epoch, "content of the block", words(&expected), words(&block));
        }
    }

    /// Rows that belong to no epoch.
    fn strays(&mut self, database: &mut dyn Database) -> Result<()> {
        let tables = [
            ("snapshot", "epoch", "snapshot of no epoch", "e.state > 0"),
            ("prefix_sum", "epoch", "total of no epoch", "e.state > 0"),
            ("dag", "height", "block of no final epoch", "e.state = 2"),
        ];
        for (table, column, what, state) in tables {
            let sql = format!(
                "SELECT DISTINCT t.project, t.{column} FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM epoch e WHERE e.id = \
                 t.{column} AND {state}) ORDER BY t.{column}, t.project LIMIT {MAX_STRAY}"
            );
            for row in database.ask(&sql, &[])?.iter() {
                let (project, epoch) = (Some(row.text(0)?.to_owned()), Some(row.count(1)?));
                let (expected, found) = ("none".to_owned(), "a row".to_owned());
                self.held.push(Difference { project, epoch, what, expected, found });
            }
        }
        self.stray_pages(database)?;
        let Some(chained) = self.chained.filter(|_| !self.is_archive) else { return Ok(()) };
        let sql = format!(
            "SELECT d.project, d.height FROM dag d JOIN epoch e ON e.id = d.height WHERE e.last > ?1 AND NOT EXISTS \
             (SELECT 1 FROM cursor c WHERE c.name = 'dag' AND c.number >= e.last) ORDER BY d.height, d.project LIMIT \
             {MAX_STRAY}"
        );
        for row in database.ask(&sql, &[Value::count(chained)])?.iter() {
            let (project, epoch) = (Some(row.text(0)?.to_owned()), Some(row.count(1)?));
            let (expected, found) = ("none above the cursor".to_owned(), "a row".to_owned());
            self.held.push(Difference { project, epoch, what: "block of the chain", expected, found });
        }
        Ok(())
    }

    /// Tells what was found of the epoch, unless it has been replaced since.
    fn finish(&mut self, database: &mut dyn Database, epoch: &Epoch, tell: &mut dyn FnMut(News)) -> Result<()> {
        if !self.held.is_empty() {
            let rows = database.ask("SELECT end_hash FROM epoch WHERE id = ?1", &[Value::count(epoch.id)])?;
            if !rows.first().is_some_and(|row| row.hash(0).is_ok_and(|hash| hash == epoch.end_hash)) {
                self.held.clear();
            }
        }
        self.flush(tell);
        self.before = Some(*epoch);
        self.progress.epoch = epoch.id;
        self.progress.n_epochs += 1;
        tell(News::Progress(self.progress));
        Ok(())
    }

    fn flush(&mut self, tell: &mut dyn FnMut(News)) {
        self.progress.n_differences += self.held.len() as u64;
        self.held.drain(..).for_each(|difference| tell(News::Difference(difference)));
    }

    fn differ(
        &mut self,
        project: Option<&str>,
        epoch: &Epoch,
        what: &'static str,
        expected: impl ToString,
        found: impl ToString,
    ) {
        let (project, epoch) = (project.map(ToOwned::to_owned), Some(epoch.id));
        self.held.push(Difference { project, epoch, what, expected: expected.to_string(), found: found.to_string() });
    }
}

/// Address and bytes of each project's block at a height.
fn stored_blocks(database: &mut dyn Database, height: u64) -> Result<BTreeMap<Project, (String, Vec<u8>)>> {
    let rows = database.ask("SELECT project, cid, content FROM dag WHERE height = ?1", &[Value::count(height)])?;
    let block = |row: Row<'_>| Ok((row.text(0)?.to_owned(), (row.text(1)?.to_owned(), row.blob(2)?.to_vec())));
    rows.iter().map(block).collect()
}
