//! Snapshots and their sums: against their own bytes, their epoch, and what their kind says once more.

use std::{borrow::Cow, collections::BTreeMap};

use alloy::primitives::{B256, U256};
use cid::Cid;

use super::Walk;
use crate::{
    Result,
    content::{self, DAG_CBOR},
    database::Database,
    epoch::Epoch,
    identity::is_of,
    rows::{Row, Value},
    snapshot::{EpochHead, Project, Snapshot},
};

/// Snapshots of an epoch, made once more.
#[derive(Default)]
pub(super) struct Again {
    pub(super) snapshots: BTreeMap<Project, Snapshot>,
    /// The sources that all snapshots are there of.
    sources: Vec<String>,
}

impl Walk<'_, '_> {
    /// What the kinds say of the epoch, of sources that have said it before.
    pub(super) fn recomputed(&mut self, database: &mut dyn Database, epoch: &Epoch) -> Result<Again> {
        let mut again = Again::default();
        for kind in self.means.kinds.iter_mut() {
            let source = kind.watch().source.clone();
            let sql = "SELECT source FROM job WHERE epoch = ?1 AND source = ?2";
            if !database.ask(sql, &[Value::count(epoch.id), Value::Text(&source)])?.is_empty() {
                continue;
            }
            let snapshots = kind.snapshots(database, epoch)?;
            again.snapshots.extend(snapshots.into_iter().map(|snapshot| (snapshot.project.clone(), snapshot)));
            again.sources.push(source);
        }
        Ok(again)
    }

    /// Compares a stored snapshot, and gives its address.
    pub(super) fn snapshot(
        &mut self,
        database: &mut dyn Database,
        epoch: &Epoch,
        row: &Row<'_>,
        again: &mut Again,
    ) -> Result<Option<Cid>> {
        let (project, end_hash, text, bytes) = (row.text(0)?, row.hash(1)?, row.text(2)?, row.blob(3)?);
        self.progress.n_snapshots += 1;
        let address = content::cid(DAG_CBOR, bytes);
        if address.to_string() != text {
            self.differ(Some(project), epoch, "address of the snapshot", address, text);
        }
        if end_hash != epoch.end_hash {
            self.differ(Some(project), epoch, "block of the snapshot", epoch.end_hash, end_hash);
        }
        match content::links(bytes) {
            Ok(links) => self.linked.extend(links.iter().map(|link| (link.to_string(), project.to_owned()))),
            Err(error) => self.differ(Some(project), epoch, "form of the snapshot", "canonical DAG-CBOR", error),
        }
        self.head(project, epoch, bytes);
        let sums = match again.snapshots.remove(project) {
            Some(snapshot) => {
                if snapshot.bytes != bytes || snapshot.cid != address {
                    self.differ(Some(project), epoch, "recomputed snapshot", snapshot.cid, address);
                }
                Some(snapshot.sums)
            }
            None if again.sources.iter().any(|source| is_of(project, source)) => {
                self.differ(Some(project), epoch, "recomputed snapshot", "none", address);
                None
            }
            None => self.means.sums.as_mut().and_then(|sums| sums(project, bytes)),
        };
        if let Some(sums) = sums {
            self.sums(database, epoch, project, &sums)?;
        }
        Ok(content::parse(text).ok())
    }

    /// What the snapshot says of itself.
    fn head(&mut self, project: &str, epoch: &Epoch, bytes: &[u8]) {
        let head = match serde_ipld_dagcbor::from_slice::<EpochHead>(bytes) {
            Ok(head) => head,
            Err(error) => return self.differ(Some(project), epoch, "head of the snapshot", "a head", error),
        };
        let expected = EpochHead { v: head.v, ..EpochHead::new(&head.kind, &head.source, epoch) };
        if !is_of(project, &head.source) {
            self.differ(Some(project), epoch, "source of the snapshot", "that of the project", &head.source);
        }
        if head.epoch != expected.epoch {
            let words = |head: &EpochHead| format!("{} of {} to {}", head.epoch.id, head.epoch.begin, head.epoch.end);
            self.differ(Some(project), epoch, "epoch in the snapshot", words(&expected), words(&head));
        }
        if head.begin_parent_hash != expected.begin_parent_hash {
            let found = B256::from(head.begin_parent_hash.0);
            self.differ(Some(project), epoch, "hash before the epoch in the snapshot", epoch.begin_parent_hash, found);
        }
        if head.end_hash != expected.end_hash {
            let found = B256::from(head.end_hash.0);
            self.differ(Some(project), epoch, "last hash in the snapshot", epoch.end_hash, found);
        }
        if head.end_timestamp != expected.end_timestamp {
            self.differ(Some(project), epoch, "time in the snapshot", epoch.end_timestamp, head.end_timestamp);
        }
    }

    /// Whether each total is the one before it and this epoch's amount, modulo 2^256.
    fn sums(
        &mut self,
        database: &mut dyn Database,
        epoch: &Epoch,
        project: &str,
        sums: &[(Cow<'static, str>, U256)],
    ) -> Result<()> {
        for (name, amount) in sums {
            let sql = "SELECT epoch, total FROM prefix_sum WHERE project = ?1 AND name = ?2 AND epoch <= ?3 ORDER BY \
                       epoch DESC LIMIT 2";
            let rows = database.ask(sql, &[Value::Text(project), Value::Text(name), Value::count(epoch.id)])?;
            let mut totals = rows.iter().peekable();
            let found = match totals.peek() {
                Some(row) if row.count(0)? == epoch.id => totals.next().map(|row| row.amount(1)).transpose()?,
                _ => None,
            };
            let before = totals.next().map_or(Ok(U256::ZERO), |row| row.amount(1))?;
            let expected = before.wrapping_add(*amount);
            if found != Some(expected) {
                let words = |total: Option<U256>| total.map_or_else(|| "none".to_owned(), |total| total.to_string());
                self.differ(Some(project), epoch, "total", format!("{name} {expected}"), words(found));
            }
        }
        let sql = "SELECT count(*) FROM prefix_sum WHERE project = ?1 AND epoch = ?2";
        let rows = database.ask(sql, &[Value::Text(project), Value::count(epoch.id)])?;
        let n_totals = rows.first().map_or(Ok(0), |row| row.count(0))?;
        if n_totals > sums.len() as u64 {
            self.differ(Some(project), epoch, "number of totals", sums.len(), n_totals);
        }
        Ok(())
    }
}
