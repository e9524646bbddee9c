//! Windows of epochs.

use serde::Serialize;

use super::{Query, STREAMS, project};
use crate::{
    Error, Result,
    rows::{Row, Value},
};

/// The end of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct EpochEnd {
    /// Its number.
    pub epoch: u64,
    /// Its first block.
    pub begin: u64,
    /// Its last block.
    pub end: u64,
    /// Unix seconds of its last block.
    pub timestamp: u64,
}

/// A run of epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Window {
    /// The first.
    pub first: EpochEnd,
    /// The last.
    pub last: EpochEnd,
}

impl Query<'_> {
    /// The newest epoch that has all snapshots of the source.
    pub fn newest(&mut self) -> Result<Option<EpochEnd>> {
        // All snapshots of a source and an epoch come in one transaction, so that one stands for all.
        let sql = "SELECT epoch FROM prefix_sum WHERE name = 'n_swaps' AND project LIKE ?1 ORDER BY epoch DESC LIMIT 1";
        let pattern = format!("{}/%/{}", self.source, STREAMS[1]);
        let rows = self.database.ask(sql, &[Value::Text(&pattern)])?;
        let epoch = rows.first().map(|row| row.count(0)).transpose()?;
        epoch.map_or(Ok(None), |epoch| self.epoch(epoch))
    }

    /// An epoch that has ended.
    pub fn epoch(&mut self, id: u64) -> Result<Option<EpochEnd>> {
        let sql = "SELECT id, first, last, end_timestamp FROM epoch WHERE id = ?1 AND end_timestamp IS NOT NULL";
        let rows = self.database.ask(sql, &[Value::count(id)])?;
        rows.first().map(end_of).transpose()
    }

    /// The last blocks of the newest epochs up to `newest` in which the source has snapshots, in order, at most `limit`.
    pub fn heights(&mut self, newest: u64, limit: u64) -> Result<Vec<u64>> {
        // Pairs stay, so that the first of those with projects has a snapshot wherever any has.
        for pair in self.pairs()? {
            let name = project(self.source, pair.address, STREAMS[0]);
            let sql = "SELECT e.last FROM snapshot s JOIN epoch e ON e.id = s.epoch \
                       WHERE s.project = ?1 AND s.epoch <= ?2 ORDER BY s.epoch DESC LIMIT ?3";
            let rows = self.database.ask(sql, &[Value::Text(&name), Value::count(newest), Value::count(limit)])?;
            if !rows.is_empty() {
                let mut heights = rows.iter().map(|row| row.count(0)).collect::<Result<Vec<_>>>()?;
                heights.reverse();
                return Ok(heights);
            }
        }
        Ok(Vec::new())
    }

    /// The epoch of a block, if it has ended.
    pub fn epoch_of(&mut self, block: u64) -> Result<Option<EpochEnd>> {
        let Some(some) = self.bound("ASC")? else { return Ok(None) };
        let size = (some.end - some.begin).saturating_add(1);
        match block.checked_sub(some.begin) {
            Some(after) => self.epoch(some.epoch.saturating_add(after / size)),
            None => Ok(None),
        }
    }

    /// The epochs up to `last` whose ends lie in the `seconds` before its end.
    pub fn window(&mut self, last: EpochEnd, seconds: u64) -> Result<Window> {
        let first = self.first_from(last.timestamp.saturating_sub(seconds))?;
        Ok(Window { first: first.filter(|first| first.epoch <= last.epoch).unwrap_or(last), last })
    }

    /// The epochs whose ends lie in a range of Unix seconds, both included; nothing if there are none.
    pub fn between(&mut self, from: u64, to: u64) -> Result<Option<Window>> {
        let Some(first) = self.first_from(from)?.filter(|first| first.timestamp <= to) else { return Ok(None) };
        let last = match to.checked_add(1) {
            Some(after) => self.first_from(after)?,
            None => None,
        };
        let last = match last {
            Some(after) => self.epoch(after.epoch.saturating_sub(1))?,
            None => self.bound("DESC")?,
        };
        Ok(last.map(|last| Window { first, last }))
    }

    /// The first epoch that ends at this time or later. Blocks' times never go down, nor do those of epochs.
    fn first_from(&mut self, timestamp: u64) -> Result<Option<EpochEnd>> {
        let (Some(lowest), Some(highest)) = (self.bound("ASC")?, self.bound("DESC")?) else { return Ok(None) };
        let (mut low, mut high) = (lowest.epoch, highest.epoch.saturating_add(1));
        while low < high {
            let middle = low + (high - low) / 2;
            let epoch = self.epoch(middle)?;
            let epoch = epoch.ok_or_else(|| Error::Damaged(format!("epoch {middle} is not stored")))?;
            if epoch.timestamp < timestamp {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.epoch(low)
    }

    /// The first in this order of the epochs that have ended.
    pub(super) fn bound(&mut self, order: &str) -> Result<Option<EpochEnd>> {
        let sql = format!(
            "SELECT id, first, last, end_timestamp FROM epoch WHERE end_timestamp IS NOT NULL ORDER BY id {order} LIMIT 1"
        );
        let rows = self.database.ask(&sql, &[])?;
        rows.first().map(end_of).transpose()
    }
}

fn end_of(row: Row<'_>) -> Result<EpochEnd> {
    Ok(EpochEnd { epoch: row.count(0)?, begin: row.count(1)?, end: row.count(2)?, timestamp: row.count(3)? })
}
