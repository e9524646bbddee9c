//! The pages of snapshots that are too long for one block, stored beside them.

use std::collections::BTreeSet;

use crate::{Error, Result, content, database::Database, epoch::Epoch, kind::Kind, rows::Value, snapshot::Snapshot};

/// How a link begins in DAG-CBOR.
const LINK_TAG: [u8; 2] = [0xd8, 0x2a];

/// Stores what `snapshots`, which `kind` has made of `epoch`, have links to. Gives the number of bytes.
///
/// # Errors
/// Those of the kind and of the database.
///
/// # Panics
/// If the kind does not make a block that it has made a link to.
pub(super) fn write(
    database: &mut dyn Database,
    kind: &dyn Kind,
    epoch: &Epoch,
    snapshots: &[Snapshot],
) -> Result<usize> {
    let mut linked = BTreeSet::new();
    // Most snapshots have no links, which this tells sooner than to read them.
    for snapshot in snapshots.iter().filter(|snapshot| snapshot.bytes.windows(2).any(|pair| pair == LINK_TAG)) {
        let links = content::links(&snapshot.bytes);
        linked.extend(links.map_err(|error| Error::Damaged(format!("snapshot of {}: {error}", snapshot.project)))?);
    }
    if linked.is_empty() {
        return Ok(0);
    }
    let mut n_bytes = 0;
    kind.pages(database, epoch, &mut |database, cid, bytes| {
        if linked.remove(cid) {
            n_bytes += bytes.len();
            // Two sources may have the same rows.
            let sql = "INSERT INTO page (cid, epoch, content) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            database.run(sql, &[Value::Text(&cid.to_string()), Value::count(epoch.id), Value::Blob(bytes)])?;
        }
        Ok(())
    })?;
    assert!(linked.is_empty(), "a kind makes what its snapshots have links to, but not {linked:?}");
    Ok(n_bytes)
}
