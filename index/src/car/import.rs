//! Reading a CAR file into a store: all of it, or nothing. What a file says is believed only as far as it is proven by
//! addresses, and by the store's own epochs if it has them.

use std::{collections::BTreeSet, io::Read};

use alloy::primitives::B256;
use cid::Cid;

use super::{CarError, Sections, block_error};
use crate::{
    block::Blocks,
    content::{self, DAG_CBOR},
    dag::{DagBlock, EPOCH_COLUMNS, Origin, stored_epoch},
    database::{Database, transaction},
    epoch::Epoch,
    identity::is_of,
    rows::Value,
    snapshot::{EpochHead, Project},
    stage::{Dag, checkpoint},
};

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Blocks of chains that the store did not have.
    pub n_blocks: u64,
    /// Snapshots that the store did not have.
    pub n_snapshots: u64,
    /// Blocks of chains that the store had.
    pub n_known: u64,
    /// Blocks of the file that no root leads to, which were left out.
    pub n_ignored: u64,
}

/// Reads chains and snapshots from a CAR file.
///
/// A store that has never followed a chain becomes an archive: it gets the epochs, the snapshots and the chains, neither
/// events nor totals. One that follows a chain takes what it lacks of epochs that its own chain of snapshots has passed.
///
/// # Errors
/// If the file is not whole, not of `origin`, or contradicts itself or the store. Nothing is changed then.
pub fn import(database: &mut dyn Database, origin: &Origin, from: &mut dyn Read) -> Result<Imported, CarError> {
    transaction(database, |database| {
        let roots = stage_blocks(database, from)?;
        let has_followed = !database.ask("SELECT name FROM cursor LIMIT 1", &[])?.is_empty();
        let passed = checkpoint(database, Dag::NAME)?.map(|cursor| cursor.number);
        let (projects, imported) = (BTreeSet::new(), Imported::default());
        let mut import = Import { database, origin, has_followed, passed, projects, imported };
        roots.iter().try_for_each(|root| import.chain(root))?;
        let ignored = database_count(import.database, "SELECT count(*) FROM car_block WHERE is_reached = 0")?;
        import.imported.n_ignored = ignored;
        let imported = import.imported;
        database.run("DELETE FROM car_block", &[])?;
        Ok(imported)
    })
}

/// Puts the file's blocks where they can be found by address, and gives the roots.
fn stage_blocks(database: &mut dyn Database, from: &mut dyn Read) -> Result<Vec<Cid>, CarError> {
    database.run("DELETE FROM car_block", &[])?;
    let mut sections = Sections::new(from);
    let roots = sections.header()?;
    while let Some((cid, bytes)) = sections.block()? {
        let sql = "INSERT INTO car_block (cid, content, is_reached) VALUES (?1, ?2, 0) ON CONFLICT DO NOTHING";
        database.run(sql, &[Value::Text(&cid.to_string()), Value::Blob(&bytes)])?;
    }
    Ok(roots)
}

fn database_count(database: &mut dyn Database, sql: &str) -> Result<u64, CarError> {
    Ok(database.ask(sql, &[])?.first().map_or(Ok(0), |row| row.count(0))?)
}

struct Import<'a> {
    database: &'a mut dyn Database,
    origin: &'a Origin,
    /// Whether the store has epochs of its own finding.
    has_followed: bool,
    /// The last block that the store's own chain of snapshots goes up to.
    passed: Option<u64>,
    /// Whose chains are read. A second root of one would only be a way to have the same blocks read again and again.
    projects: BTreeSet<Project>,
    imported: Imported,
}

/// What the blocks above say of those below.
#[derive(Default)]
struct Below {
    /// The height, the project, and the hash before the epoch above, as far as they are known.
    next: Option<(u64, String, Option<B256>)>,
    /// Where a skip link leads.
    skip: Option<(u64, Cid)>,
    /// The chain begins above this height, or a skip link would lead there.
    above: Option<u64>,
}

impl Import<'_> {
    /// Follows a chain from its newest block down.
    fn chain(&mut self, root: &Cid) -> Result<(), CarError> {
        let (mut at, mut from, mut below) = (*root, "the header".to_owned(), Below::default());
        loop {
            let Some(block) = self.block(&at)? else { return self.joins(&at, from, &below) };
            let fault = |reason: String| CarError::Block { cid: at.to_string(), reason };
            if let Some(reason) = block.fault(self.origin).or_else(|| below.fault(&at, &block)) {
                return Err(fault(reason));
            }
            if below.next.is_none() && !self.projects.insert(block.project.clone()) {
                return Err(fault(format!("it is a second root of {}", block.project)));
            }
            let (epoch, links) = self.epoch(&at, &block)?;
            if let Some((_, _, Some(hash))) = below.next.as_ref().filter(|next| next.2 != Some(epoch.end_hash)) {
                let found = epoch.end_hash;
                return Err(fault(format!("its last block is {found}, but the epoch above follows {hash}")));
            }
            self.write(&at, &block, &epoch)?;
            links.iter().try_for_each(|link| self.page(link, &block))?;
            below.skip = below.skip.filter(|(height, _)| *height < block.height);
            match (block.skip, DagBlock::skipped(block.height)) {
                (Some(cid), Some(height)) => below.skip = Some((height, cid)),
                (None, Some(height)) => below.above = below.above.max(Some(height)),
                (_, None) => {}
            }
            let Some(prev) = block.prev else {
                return below.skip.map_or(Ok(()), |(height, _)| {
                    Err(fault(format!("the chain begins here, above height {height}, which a skip link leads to")))
                });
            };
            let height = block.height.checked_sub(1).ok_or_else(|| fault("there is no height below 0".to_owned()))?;
            let hash = block.data.is_some().then_some(epoch.begin_parent_hash);
            below.next = Some((height, block.project, hash));
            from = format!("block {at}");
            at = prev;
        }
    }

    /// Ends a chain whose next block is not in the file, if the store has it.
    fn joins(&mut self, at: &Cid, from: String, below: &Below) -> Result<(), CarError> {
        let missing = || CarError::Missing { cid: at.to_string(), from: from.clone() };
        let (height, project, hash) = below.next.as_ref().ok_or_else(missing)?;
        if self.stored(project, *height)?.as_deref() != Some(&*at.to_string()) {
            return Err(missing());
        }
        let fault = |reason: &str| CarError::Block { cid: at.to_string(), reason: reason.to_owned() };
        if let Some((height, cid)) = below.skip
            && self.stored(project, height)?.as_deref() != Some(&*cid.to_string())
        {
            return Err(fault("a skip link above it does not lead to its chain"));
        }
        if let Some(above) = below.above
            && self.stored(project, above)?.is_some()
        {
            return Err(fault("a skip link above it is missing"));
        }
        let Some(hash) = hash else { return Ok(()) };
        let sql = "SELECT end_hash FROM epoch WHERE id = ?1 AND end_hash = ?2";
        let rows = self.database.ask(sql, &[Value::count(*height), Value::Blob(hash.as_slice())])?;
        if rows.is_empty() { Err(fault("the epoch above does not follow its last block")) } else { Ok(()) }
    }

    /// A block of a chain, if the file has it.
    fn block(&mut self, at: &Cid) -> Result<Option<DagBlock>, CarError> {
        let Some(bytes) = self.staged(at)? else { return Ok(None) };
        content::decode(&bytes).map(Some).map_err(|error| block_error(at, error))
    }

    /// The epoch that a block is of, by what its snapshot says of it, and the snapshot's pages.
    fn epoch(&mut self, at: &Cid, block: &DagBlock) -> Result<(Epoch, BTreeSet<Cid>), CarError> {
        let blocks = Blocks { first: block.epoch.begin, last: block.epoch.end };
        let end_hash = B256::from(block.end_hash.0);
        let Some(data) = &block.data else {
            let prev = block.prev.expect("a block without a snapshot has one below it, or it is refused");
            let begin_parent_hash = match self.block(&prev)? {
                Some(below) => B256::from(below.end_hash.0),
                None => self
                    .stored_hash(block.height.saturating_sub(1))?
                    .ok_or_else(|| CarError::Missing { cid: prev.to_string(), from: format!("block {at}") })?,
            };
            let epoch = Epoch { id: block.height, blocks, begin_parent_hash, end_hash, end_timestamp: 0 };
            return Ok((epoch, BTreeSet::new()));
        };
        let bytes = match self.staged(data)? {
            Some(bytes) => bytes,
            None => self
                .stored_snapshot(block, data)?
                .ok_or_else(|| CarError::Missing { cid: data.to_string(), from: format!("block {at}") })?,
        };
        let links = content::links(&bytes).map_err(|error| block_error(data, error))?;
        let head: EpochHead = serde_ipld_dagcbor::from_slice(&bytes)
            .map_err(|error| CarError::Block { cid: data.to_string(), reason: format!("no snapshot: {error}") })?;
        let (begin_parent_hash, end_timestamp) = (B256::from(head.begin_parent_hash.0), head.end_timestamp);
        let epoch = Epoch { id: block.height, blocks, begin_parent_hash, end_hash, end_timestamp };
        let expected = EpochHead { v: head.v, ..EpochHead::new(&head.kind, &head.source, &epoch) };
        if !is_of(&block.project, &head.source) || head != expected || i64::try_from(end_timestamp).is_err() {
            let reason = format!("it is not of {} at epoch {}, as block {at} says", block.project, block.height);
            return Err(CarError::Block { cid: data.to_string(), reason });
        }
        Ok((epoch, links.into_iter().collect()))
    }

    /// Adds what the store lacks, and compares what it has.
    fn write(&mut self, at: &Cid, block: &DagBlock, epoch: &Epoch) -> Result<(), CarError> {
        self.write_epoch(block, epoch)?;
        let (project, height) = (Value::Text(&block.project), Value::count(block.height));
        let what = |what: &str| format!("{what} of {} at height {}", block.project, block.height);
        if let Some(data) = &block.data {
            let (cid, end_hash) = (data.to_string(), Value::Blob(epoch.end_hash.as_slice()));
            let sql = "SELECT cid FROM snapshot WHERE project = ?1 AND epoch = ?2";
            match self.database.ask(sql, &[project, height])?.first() {
                Some(row) => agree(|| what("the snapshot"), row.text(0)?, &cid)?,
                None => {
                    let bytes = self.staged(data)?.expect("what the store does not have is in the file");
                    let sql =
                        "INSERT INTO snapshot (project, epoch, end_hash, cid, content) VALUES (?1, ?2, ?3, ?4, ?5)";
                    let values = [project, height, end_hash, Value::Text(&cid), Value::Blob(&bytes)];
                    self.imported.n_snapshots += self.database.run(sql, &values)?;
                }
            }
        }
        let cid = at.to_string();
        match self.stored(&block.project, block.height)? {
            Some(stored) => {
                agree(|| what("the block"), &stored, &cid)?;
                self.imported.n_known += 1;
            }
            None => {
                let bytes = content::encode(block);
                let sql = "INSERT INTO dag (project, height, cid, content) VALUES (?1, ?2, ?3, ?4)";
                let values = [project, height, Value::Text(&cid), Value::Blob(&bytes)];
                self.imported.n_blocks += self.database.run(sql, &values)?;
            }
        }
        Ok(())
    }

    fn write_epoch(&mut self, block: &DagBlock, epoch: &Epoch) -> Result<(), CarError> {
        let id = Value::count(epoch.id);
        let sql = format!("SELECT {EPOCH_COLUMNS} FROM epoch WHERE id = ?1 AND state = 2");
        if let Some(row) = self.database.ask(&sql, &[id])?.first() {
            let stored = stored_epoch(&row)?;
            // Without a snapshot the time of an epoch is not known, neither from a file nor in an archive made of one.
            let (is_timed, is_told) = (!row.is_null(5), block.data.is_some());
            let time = |epoch: &Epoch| if is_timed && is_told { epoch.end_timestamp } else { 0 };
            let untimed = |epoch: &Epoch| Epoch { end_timestamp: time(epoch), ..*epoch };
            agree(|| format!("epoch {}", epoch.id), &words(&untimed(&stored)), &words(&untimed(epoch)))?;
            if is_told && !is_timed {
                let sql = "UPDATE epoch SET end_timestamp = ?2 WHERE id = ?1";
                self.database.run(sql, &[id, Value::count(epoch.end_timestamp)])?;
            }
        } else if self.has_followed {
            let reason = format!("epoch {} is not final in this store; index that far first", epoch.id);
            return Err(CarError::Block { cid: block.encode().0.to_string(), reason });
        } else {
            let sql = "INSERT INTO epoch (id, first, last, begin_parent_hash, end_hash, end_timestamp, state) VALUES \
                       (?1, ?2, ?3, ?4, ?5, ?6, 2)";
            let time = if block.data.is_some() { Value::count(epoch.end_timestamp) } else { Value::Null };
            let (first, last) = (Value::count(epoch.blocks.first), Value::count(epoch.blocks.last));
            let hashes = [epoch.begin_parent_hash, epoch.end_hash];
            let [parent, end] = [Value::Blob(hashes[0].as_slice()), Value::Blob(hashes[1].as_slice())];
            self.database.run(sql, &[id, first, last, parent, end, time])?;
        }
        if self.has_followed && self.passed.is_none_or(|passed| epoch.blocks.last > passed) {
            let reason = format!("epoch {} is not yet in this store's own chain; index that far first", epoch.id);
            return Err(CarError::Block { cid: block.encode().0.to_string(), reason });
        }
        Ok(())
    }

    /// Adds a page of the block's snapshot, if the store lacks it. A page is of one epoch; many snapshots with a link to the
    /// same would be a way to make much of little.
    fn page(&mut self, cid: &Cid, block: &DagBlock) -> Result<(), CarError> {
        let (text, height) = (cid.to_string(), block.height);
        let fault = |reason: String| Err(CarError::Block { cid: text.clone(), reason });
        let rows = self.database.ask("SELECT epoch FROM page WHERE cid = ?1", &[Value::Text(&text)])?;
        if let Some(row) = rows.first() {
            self.reach(&text)?;
            return match row.count(0)? {
                epoch if epoch == height => Ok(()),
                epoch => fault(format!("it is a page of epoch {epoch}, and epoch {height} has a link to it")),
            };
        }
        let from = || format!("the snapshot of {} at height {height}", block.project);
        let bytes = self.staged(cid)?.ok_or_else(|| CarError::Missing { cid: text.clone(), from: from() })?;
        if !content::links(&bytes).map_err(|error| block_error(cid, error))?.is_empty() {
            return fault("it is a page, and has links of its own".to_owned());
        }
        let sql = "INSERT INTO page (cid, epoch, content) VALUES (?1, ?2, ?3)";
        self.database.run(sql, &[Value::Text(&text), Value::count(height), Value::Blob(&bytes)])?;
        Ok(())
    }

    /// The bytes of a block of the file, which is marked as reached.
    fn staged(&mut self, cid: &Cid) -> Result<Option<Vec<u8>>, CarError> {
        let text = cid.to_string();
        if cid.codec() != DAG_CBOR {
            let reason = "its address is not one of DAG-CBOR, which chains, snapshots and pages are in".to_owned();
            return Err(CarError::Block { cid: text, reason });
        }
        let rows = self.database.ask("SELECT content FROM car_block WHERE cid = ?1", &[Value::Text(&text)])?;
        let Some(row) = rows.first() else { return Ok(None) };
        self.reach(&text)?;
        Ok(Some(row.blob(0)?.to_vec()))
    }

    fn reach(&mut self, cid: &str) -> Result<(), CarError> {
        self.database.run("UPDATE car_block SET is_reached = 1 WHERE cid = ?1", &[Value::Text(cid)])?;
        Ok(())
    }

    /// The address of the store's block.
    fn stored(&mut self, project: &str, height: u64) -> Result<Option<String>, CarError> {
        let sql = "SELECT cid FROM dag WHERE project = ?1 AND height = ?2";
        let rows = self.database.ask(sql, &[Value::Text(project), Value::count(height)])?;
        Ok(rows.first().map(|row| row.text(0).map(ToOwned::to_owned)).transpose()?)
    }

    /// The store's snapshot, if it has this address.
    fn stored_snapshot(&mut self, block: &DagBlock, cid: &Cid) -> Result<Option<Vec<u8>>, CarError> {
        let sql = "SELECT content FROM snapshot WHERE project = ?1 AND epoch = ?2 AND cid = ?3";
        let cid = cid.to_string();
        let values = [Value::Text(&block.project), Value::count(block.height), Value::Text(&cid)];
        let rows = self.database.ask(sql, &values)?;
        Ok(rows.first().map(|row| row.blob(0).map(<[u8]>::to_vec)).transpose()?)
    }

    /// The hash that the store's epoch ends with.
    fn stored_hash(&mut self, id: u64) -> Result<Option<B256>, CarError> {
        let rows = self.database.ask("SELECT end_hash FROM epoch WHERE id = ?1 AND state = 2", &[Value::count(id)])?;
        Ok(rows.first().map(|row| row.hash(0)).transpose()?)
    }
}

impl Below {
    /// What is wrong with `block` as one below those above, if anything is.
    fn fault(&self, at: &Cid, block: &DagBlock) -> Option<String> {
        let height = block.height;
        if let Some((expected, project, _)) = &self.next
            && (*expected, project) != (height, &block.project)
        {
            return Some(format!("it is {} at height {height}, expected {project} at {expected}", block.project));
        }
        if self.above == Some(height) {
            return Some(format!("a skip link to height {height} is missing"));
        }
        self.skip
            .filter(|(skipped, cid)| *skipped == height && cid != at)
            .map(|(_, cid)| format!("a skip link to height {height} leads to {cid}"))
    }
}

/// Checks that the store and the file say the same.
fn agree(what: impl FnOnce() -> String, stored: &str, found: &str) -> Result<(), CarError> {
    if stored == found {
        return Ok(());
    }
    Err(CarError::Conflict { what: what(), stored: stored.to_owned(), found: found.to_owned() })
}

fn words(epoch: &Epoch) -> String {
    let Epoch { blocks, begin_parent_hash, end_hash, end_timestamp, .. } = epoch;
    format!("blocks {blocks} after {begin_parent_hash} up to {end_hash} at time {end_timestamp}")
}
