//! The chain of a project's snapshots: one block an epoch, each with the address of the one before it.
//!
//! A block is a function of the chain and of what the project is, so every honest node makes the same. Only final epochs
//! have blocks, and a block is never made again.

use alloy::primitives::B256;
use cid::Cid;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    content::{self, DAG_CBOR},
    database::Database,
    epoch::{Epoch, Epochs},
    rows::{Column, Row, Table, Type, Value},
    snapshot::{Project, Word},
};

/// A block at a multiple of this height has a link to the one this much below it.
pub const SKIP: u64 = 720;

/// The form of blocks.
const VERSION: u64 = 1;

/// What nodes must have in common to make the same chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The chain's id.
    pub chain_id: u64,
    /// How its blocks are cut.
    pub epochs: Epochs,
}

/// A block of the chain of a project's snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DagBlock {
    /// 1.
    pub v: u64,
    /// The chain's id.
    pub chain_id: u64,
    /// Whose chain.
    pub project: Project,
    /// The epoch's blocks.
    pub epoch: Range,
    /// The epoch's number, counted from the genesis.
    pub height: u64,
    /// The block one below; none at the first epoch that the project has a snapshot of.
    pub prev: Option<Cid>,
    /// The block [`SKIP`] below, at heights that are multiples of it, if the chain goes so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<Cid>,
    /// The snapshot. None where a project that has begun says nothing of an epoch; the bundled kinds always do.
    pub data: Option<Cid>,
    /// The hash of the epoch's last block.
    pub end_hash: Word,
}

/// First and last block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The first.
    pub begin: u64,
    /// The last.
    pub end: u64,
}

/// What a block refers to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// See [`DagBlock::prev`].
    pub prev: Option<Cid>,
    /// See [`DagBlock::skip`].
    pub skip: Option<Cid>,
    /// See [`DagBlock::data`].
    pub data: Option<Cid>,
}

impl DagBlock {
    /// The block of `project` at `epoch`.
    #[must_use]
    pub fn new(chain_id: u64, project: Project, epoch: &Epoch, links: Links) -> Self {
        Self {
            v: VERSION,
            chain_id,
            project,
            epoch: Range { begin: epoch.blocks.first, end: epoch.blocks.last },
            height: epoch.id,
            prev: links.prev,
            skip: links.skip,
            data: links.data,
            end_hash: epoch.end_hash.into(),
        }
    }

    /// Its address, and the bytes that have it.
    #[must_use]
    pub fn encode(&self) -> (Cid, Vec<u8>) {
        let bytes = content::encode(self);
        (content::cid(DAG_CBOR, &bytes), bytes)
    }

    /// Its links.
    #[must_use]
    pub fn links(&self) -> Links {
        Links { prev: self.prev, skip: self.skip, data: self.data }
    }

    /// The height that a skip link at `height` leads to.
    #[must_use]
    pub fn skipped(height: u64) -> Option<u64> {
        if height.is_multiple_of(SKIP) { height.checked_sub(SKIP) } else { None }
    }

    /// What is wrong with it whatever its links lead to, if anything is.
    #[must_use]
    pub fn fault(&self, origin: &Origin) -> Option<String> {
        let blocks = origin.epochs.blocks(self.height).map(|blocks| (blocks.first, blocks.last));
        let has_skip = self.skip.is_some();
        let name = &self.project;
        if self.v != VERSION {
            Some(format!("it is of version {}, expected {VERSION}", self.v))
        } else if self.chain_id != origin.chain_id {
            Some(format!("it is of chain {}, expected {}", self.chain_id, origin.chain_id))
        } else if !is_project(name) {
            Some(format!("`{}` is no name of a project", name.chars().take(100).collect::<String>()))
        } else if blocks != Some((self.epoch.begin, self.epoch.end)) {
            let (found, height) = (self.epoch, self.height);
            Some(format!("blocks {} to {} are not those of epoch {height}", found.begin, found.end))
        } else if self.prev.is_none() && (has_skip || self.data.is_none()) {
            Some(format!("a chain begins at height {} without a snapshot, or with a skip link", self.height))
        } else if has_skip && Self::skipped(self.height).is_none() {
            Some(format!("height {} has a skip link, which only multiples of {SKIP} have", self.height))
        } else {
            None
        }
    }
}

/// Whether `name` can be a project's: 1 to 200 visible ASCII characters, so that it has one form in a signed message.
#[must_use]
pub fn is_project(name: &str) -> bool {
    (1..=200).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The projects that have a chain, in order of names.
///
/// # Errors
/// Those of the database.
pub fn projects(database: &mut dyn Database) -> Result<Vec<Project>> {
    let rows = database.ask("SELECT DISTINCT project FROM dag ORDER BY project", &[])?;
    rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
}

/// Height and address of the newest block of a project.
///
/// # Errors
/// Those of the database.
pub fn newest(database: &mut dyn Database, project: &str) -> Result<Option<(u64, Cid)>> {
    let sql = "SELECT height, cid FROM dag WHERE project = ?1 ORDER BY height DESC LIMIT 1";
    let rows = database.ask(sql, &[Value::Text(project)])?;
    rows.first().map(|row| Ok((row.count(0)?, stored_cid(&row, 1)?))).transpose()
}

/// The address in column `i`.
pub(crate) fn stored_cid(row: &Row<'_>, i: usize) -> Result<Cid> {
    content::parse(row.text(i)?).map_err(|error| Error::Damaged(error.to_string()))
}

/// The columns of an epoch that [`stored_epoch`] reads; none is NULL once its snapshots can be taken.
pub(crate) const EPOCH_COLUMNS: &str = "id, first, last, begin_parent_hash, end_hash, end_timestamp";

/// The epoch of a row of [`EPOCH_COLUMNS`].
pub(crate) fn stored_epoch(row: &Row<'_>) -> Result<Epoch> {
    let (first, last) = (row.count(1)?, row.count(2)?);
    let blocks = crate::block::Blocks::new(first, last)
        .ok_or_else(|| Error::Damaged(format!("an epoch goes from block {first} to {last}")))?;
    let hash = |i| -> Result<B256> { row.hash(i) };
    Ok(Epoch {
        id: row.count(0)?,
        blocks,
        begin_parent_hash: hash(3)?,
        end_hash: hash(4)?,
        end_timestamp: if row.is_null(5) { 0 } else { row.count(5)? },
    })
}

/// The table of blocks, to add many at once.
pub(crate) fn table() -> Table {
    table_of(
        "dag",
        &[("project", Type::Text), ("height", Type::Integer), ("cid", Type::Text), ("content", Type::Blob)],
        2,
    )
}

/// A table that a migration makes.
pub(crate) fn table_of(name: &str, columns: &[(&str, Type)], n_key: usize) -> Table {
    let columns = columns.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }).collect();
    Table { name: name.to_owned(), columns, n_key, indexes: Vec::new() }
}
