//! Versions of streams, written block by block and taken back.

use std::collections::HashMap;

use super::{
    changes::{Entry, changes, contradiction},
    tables::{self, CURRENT},
    version::{COLUMNS, Change, Place, StreamKey, Version},
};
use crate::{
    Result,
    block::Blocks,
    database::Database,
    rows::{Rows, Value},
};

/// Writes the versions that begin in `blocks`, and ends those that they follow.
pub(crate) fn write_versions(database: &mut dyn Database, prefix: &str, blocks: Blocks) -> Result<()> {
    let table = tables::version(prefix);
    let mut rows = Rows::new(table.columns.len());
    let mut latest: HashMap<StreamKey, (Place, Version)> = HashMap::new();
    let mut ended = Vec::new();
    for Entry { place, key, change } in changes(database, prefix, blocks)? {
        let before = match latest.get(&key) {
            Some(before) => Some((*before, true)),
            None => current(database, prefix, key, &change)?.map(|before| (before, false)),
        };
        let version = Version::next(key, before.as_ref().map(|((_, version), _)| version), &change)
            .map_err(|why| contradiction(key, place.block, &why))?;
        match before {
            Some(((from, version), true)) => version.push(&mut rows, from, Some(place)),
            Some(((from, _), false)) => ended.push((from, place)),
            None => {}
        }
        latest.insert(key, (place, version));
    }
    // In order of the key, which is how a table grows fastest.
    let mut latest: Vec<(Place, Version)> = latest.into_values().collect();
    latest.sort_unstable_by_key(|(place, _)| *place);
    for (place, version) in &latest {
        version.push(&mut rows, *place, None);
    }
    for (from, until) in ended {
        database.run(
            &format!("UPDATE {prefix}_version SET until_block = ?1, until_idx = ?2 WHERE block = ?3 AND idx = ?4"),
            &[until.block, until.idx, from.block, from.idx].map(Value::count),
        )?;
    }
    database.insert(&table, &rows)?;
    Ok(())
}

/// Makes the versions current again that were so at block `to`.
pub(crate) fn reopen_versions(database: &mut dyn Database, prefix: &str, to: u64) -> Result<()> {
    database.run(
        &format!(
            "UPDATE {prefix}_version SET until_block = ?1, until_idx = ?1 WHERE until_block > ?2 AND until_block < ?1"
        ),
        &[Value::Integer(CURRENT), Value::count(to)],
    )?;
    Ok(())
}

/// The stored version that `change` meets. Ids are never given out twice, so that a creation meets none.
fn current(
    database: &mut dyn Database,
    prefix: &str,
    key: StreamKey,
    change: &Change,
) -> Result<Option<(Place, Version)>> {
    if matches!(change, Change::Create { .. }) {
        return Ok(None);
    }
    let rows = database.ask(
        &format!(
            "SELECT {COLUMNS} FROM {prefix}_version WHERE id = ?1 AND contract = ?2 ORDER BY block DESC, idx DESC LIMIT 1"
        ),
        &[Value::Blob(&key.id.to_be_bytes::<32>()), Value::Blob(key.contract.as_slice())],
    )?;
    rows.first().map(|row| Version::read(&row)).transpose()
}
