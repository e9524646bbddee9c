//! Projects, their snapshots, and what is behind a content address.

use alloy::primitives::B256;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Page, epochs::state, optional};
use crate::{
    Result,
    database::Database,
    epoch::EpochState,
    rows::{Row, Value},
};

const COLUMNS: &str = "s.project, s.epoch, s.cid, s.end_hash, e.first, e.last, e.end_timestamp, e.state, d.cid";

const JOINED: &str = "snapshot s JOIN epoch e ON e.id = s.epoch \
                      LEFT JOIN dag d ON d.project = s.project AND d.height = s.epoch";

/// A snapshot, without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SnapshotEntry {
    /// Of what.
    pub project: String,
    /// Of which epoch.
    pub epoch: u64,
    /// Its content's address.
    pub cid: String,
    /// The epoch's first block.
    pub first_block: u64,
    /// The epoch's last block, which the snapshot is of.
    pub block: u64,
    /// The hash of that block.
    #[schema(value_type = String)]
    pub hash: B256,
    /// Unix seconds of that block.
    pub timestamp: Option<u64>,
    /// `final`, or `tentative` while a reorg can still take it back.
    pub state: EpochState,
    /// The block of the chain of final snapshots that holds it.
    pub dag_cid: Option<String>,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProjectEntry {
    /// Its id.
    pub project: String,
    /// The epoch of its first snapshot.
    pub first_epoch: u64,
    /// Its newest snapshot.
    pub newest: SnapshotEntry,
}

/// What is behind a content address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Canonical DAG-CBOR.
    pub bytes: Vec<u8>,
    /// The epoch's last block.
    pub block: u64,
    /// Whether a reorg can still take it back.
    pub state: EpochState,
}

/// The snapshot of `project` at `epoch`.
///
/// # Errors
/// Those of the database.
pub fn snapshot(database: &mut dyn Database, project: &str, epoch: u64) -> Result<Option<SnapshotEntry>> {
    let sql = format!("SELECT {COLUMNS} FROM {JOINED} WHERE s.project = ?1 AND s.epoch = ?2");
    let rows = database.ask(&sql, &[Value::Text(project), Value::count(epoch)])?;
    rows.first().map(|row| entry(&row)).transpose()
}

/// A page of the snapshots of `project` behind the epoch `after`, or from the end where the list begins.
///
/// # Errors
/// Those of the database.
pub fn snapshots(
    database: &mut dyn Database,
    project: &str,
    page: Page,
    after: Option<u64>,
) -> Result<Vec<SnapshotEntry>> {
    let (beyond, order) = page.direction();
    let after =
        after.map_or(if page.is_descending { i64::MAX } else { -1 }, |id| i64::try_from(id).unwrap_or(i64::MAX));
    let sql = format!(
        "SELECT {COLUMNS} FROM {JOINED} WHERE s.project = ?1 AND s.epoch {beyond} ?2 ORDER BY s.epoch {order} LIMIT ?3"
    );
    let rows = database.ask(&sql, &[Value::Text(project), Value::Integer(after), page.rows()])?;
    rows.iter().map(|row| entry(&row)).collect()
}

/// At most `limit` projects after `after`, in order, of those whose id begins with `prefix`.
///
/// # Errors
/// Those of the database.
pub fn projects(database: &mut dyn Database, prefix: &str, after: &str, limit: usize) -> Result<Vec<ProjectEntry>> {
    let mut found = Vec::new();
    let (mut from, mut beyond) = if after < prefix { (prefix.to_owned(), ">=") } else { (after.to_owned(), ">") };
    while found.len() < limit {
        // One seek a project, where a list of distinct ids would walk over all snapshots.
        let sql =
            format!("SELECT project, epoch FROM snapshot WHERE project {beyond} ?1 ORDER BY project, epoch LIMIT 1");
        let rows = database.ask(&sql, &[Value::Text(&from)])?;
        let Some(row) = rows.first() else { break };
        let (id, first_epoch) = (row.text(0)?.to_owned(), row.count(1)?);
        if !id.starts_with(prefix) {
            break;
        }
        if let Some(newest) = newest(database, &id)? {
            found.push(ProjectEntry { project: id.clone(), first_epoch, newest });
        }
        (from, beyond) = (id, ">");
    }
    Ok(found)
}

/// The project of this id.
///
/// # Errors
/// Those of the database.
pub fn project(database: &mut dyn Database, id: &str) -> Result<Option<ProjectEntry>> {
    let sql = "SELECT epoch FROM snapshot WHERE project = ?1 ORDER BY epoch LIMIT 1";
    let rows = database.ask(sql, &[Value::Text(id)])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (project, first_epoch) = (id.to_owned(), row.count(0)?);
    Ok(newest(database, id)?.map(|newest| ProjectEntry { project, first_epoch, newest }))
}

/// What is behind the content address `cid`: a snapshot, a page of one, or a block of a chain of snapshots.
///
/// # Errors
/// Those of the database.
pub fn content(database: &mut dyn Database, cid: &str) -> Result<Option<Content>> {
    // Snapshots of epochs without end, which a reorg leaves for a moment, have no state to tell.
    for sql in [
        "SELECT s.content, e.last, e.state FROM snapshot s JOIN epoch e ON e.id = s.epoch WHERE s.cid = ?1 \
         ORDER BY s.epoch LIMIT 1",
        "SELECT d.content, e.last, e.state FROM dag d JOIN epoch e ON e.id = d.height WHERE d.cid = ?1 LIMIT 1",
        "SELECT p.content, e.last, e.state FROM page p JOIN epoch e ON e.id = p.epoch WHERE p.cid = ?1",
    ] {
        let rows = database.ask(sql, &[Value::Text(cid)])?;
        if let Some(row) = rows.first() {
            let (bytes, block, state) = (row.blob(0)?.to_vec(), row.count(1)?, state(row.integer(2)?)?);
            return Ok(Some(Content { bytes, block, state }));
        }
    }
    Ok(None)
}

fn newest(database: &mut dyn Database, project: &str) -> Result<Option<SnapshotEntry>> {
    Ok(snapshots(database, project, Page { limit: 1, is_descending: true }, None)?.pop())
}

fn entry(row: &Row<'_>) -> Result<SnapshotEntry> {
    Ok(SnapshotEntry {
        project: row.text(0)?.to_owned(),
        epoch: row.count(1)?,
        cid: row.text(2)?.to_owned(),
        hash: row.hash(3)?,
        first_block: row.count(4)?,
        block: row.count(5)?,
        timestamp: optional(row, 6, |row, i| row.count(i))?,
        state: state(row.integer(7)?)?,
        dag_cid: optional(row, 8, |row, i| row.text(i).map(str::to_owned))?,
    })
}
