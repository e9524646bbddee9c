//! The pages of an epoch's snapshots: that each is there, and nothing else.

use super::{Difference, Walk};
use crate::{
    Result,
    content::{self, DAG_CBOR},
    database::Database,
    epoch::Epoch,
    rows::Value,
};

/// Pages that are read at once.
const PAGES_AT_ONCE: u64 = 8;

/// Epochs without an end that are told of.
const MAX_STRAY: u64 = 1_000;

impl Walk<'_, '_> {
    /// Compares the stored pages with what the epoch's snapshots have links to.
    pub(super) fn pages(&mut self, database: &mut dyn Database, epoch: &Epoch) -> Result<()> {
        let mut linked = std::mem::take(&mut self.linked);
        let mut after = String::new();
        loop {
            let sql = format!(
                "SELECT cid, content FROM page WHERE epoch = ?1 AND cid > ?2 ORDER BY cid LIMIT {PAGES_AT_ONCE}"
            );
            let rows = database.ask(&sql, &[Value::count(epoch.id), Value::Text(&after)])?;
            for row in rows.iter() {
                after = row.text(0)?.to_owned();
                let bytes = row.blob(1)?;
                let project = linked.remove(&after);
                let project = project.as_deref();
                if project.is_none() {
                    self.differ(project, epoch, "page that no snapshot has a link to", "none", &after);
                }
                let address = content::cid(DAG_CBOR, bytes).to_string();
                if address != after {
                    self.differ(project, epoch, "address of the page", address, &after);
                }
                if let Err(error) = content::links(bytes) {
                    self.differ(project, epoch, "form of the page", "canonical DAG-CBOR", error);
                }
            }
            if rows.is_empty() {
                break;
            }
        }
        for (cid, project) in linked {
            self.differ(Some(&project), epoch, "page of the snapshot", cid, "none");
        }
        Ok(())
    }

    /// Pages of no epoch.
    pub(super) fn stray_pages(&mut self, database: &mut dyn Database) -> Result<()> {
        let sql = format!(
            "SELECT DISTINCT p.epoch FROM page p WHERE NOT EXISTS (SELECT 1 FROM epoch e WHERE e.id = p.epoch AND \
             e.state > 0) ORDER BY p.epoch LIMIT {MAX_STRAY}"
        );
        for row in database.ask(&sql, &[])?.iter() {
            let (expected, found) = ("none".to_owned(), "a row".to_owned());
            let epoch = Some(row.count(0)?);
            self.held.push(Difference { project: None, epoch, what: "page of no epoch", expected, found });
        }
        Ok(())
    }
}
