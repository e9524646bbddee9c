//! A store as the stages before the chain of snapshots leave it: the same blocks and snapshots as in generate.mjs.

use alloy::primitives::{B256, U256};
use index::{
    block::{Blocks, Checkpoint},
    content::{DAG_CBOR, cid, encode},
    dag::Origin,
    database::{Database, transaction},
    epoch::{Epoch, Epochs},
    rows::Value,
    snapshot::{EpochHead, Snapshot},
    stage::{Dag, Stage},
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::twin::Twin;

pub(crate) const ORIGIN: Origin = Origin { chain_id: 31_337, epochs: Epochs { genesis: 100, size: 10, offset: 2 } };

/// Name, source, first epoch, and where it says nothing.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) from: u64,
    pub(crate) is_silent: fn(u64) -> bool,
}

#[derive(Serialize)]
struct Payload {
    #[serde(flatten)]
    head: EpochHead,
    amount: u64,
}

pub(crate) fn projects() -> Vec<Project> {
    let project = |name: &str, source: &str, from, is_silent| Project {
        name: name.to_owned(),
        source: source.to_owned(),
        from,
        is_silent,
    };
    vec![
        project("alpha", "alpha", 0, |_| false),
        project("beta/pair", "beta", 5, |_| false),
        project("gamma", "gamma", 0, |epoch| epoch % 7 == 3),
    ]
}

pub(crate) fn hash(number: u64) -> B256 {
    B256::new(Sha256::digest(format!("block {number}")).into())
}

pub(crate) fn epoch(id: u64) -> Epoch {
    let blocks = ORIGIN.epochs.blocks(id).unwrap();
    let (begin_parent_hash, end_hash) = (hash(blocks.first - 1), hash(blocks.last));
    Epoch { id, blocks, begin_parent_hash, end_hash, end_timestamp: 1_700_000_000 + blocks.last }
}

pub(crate) fn snapshot(project: &Project, id: u64) -> Option<Snapshot> {
    let amount = id * 7_919 % 1_009;
    let payload = Payload { head: EpochHead::new("test", &project.source, &epoch(id)), amount };
    let bytes = encode(&payload);
    let cid = cid(DAG_CBOR, &bytes);
    let sums = vec![("amount".into(), U256::from(amount)), ("epochs".into(), U256::ONE)];
    let is_there = id >= project.from && !(project.is_silent)(id);
    is_there.then_some(Snapshot { project: project.name.clone(), bytes, cid, sums })
}

/// Epochs of a store from which on it is in SQLite alone: the statements are the same, and each takes its time twice.
const N_TWINS: u64 = 40;

pub(crate) fn store() -> Twin {
    Twin::fresh()
}

/// In SQLite alone, for what is tried many times.
pub(crate) fn light() -> Twin {
    Twin::open(":memory:".as_ref(), None)
}

/// A store with blocks, final epochs, snapshots and totals, but no chain.
pub(crate) fn filled(projects: &[Project], n_epochs: u64) -> Twin {
    let mut store = if n_epochs < N_TWINS { store() } else { light() };
    transaction::<_, index::Error>(&mut store, |store| {
        (0..n_epochs).for_each(|id| add_epoch(store, id, 2));
        for project in projects {
            let mut totals = [U256::ZERO; 2];
            for snapshot in (0..n_epochs).map(|id| (id, snapshot(project, id))) {
                let (id, Some(snapshot)) = snapshot else { continue };
                add_snapshot(store, id, &snapshot);
                for (total, (name, amount)) in totals.iter_mut().zip(&snapshot.sums) {
                    *total += *amount;
                    let sql = "INSERT INTO prefix_sum (project, name, epoch, total) VALUES (?1, ?2, ?3, ?4)";
                    let total = total.to_be_bytes::<32>();
                    let values = [Value::Text(&project.name), Value::Text(name), Value::count(id), Value::Blob(&total)];
                    store.run(sql, &values).unwrap();
                }
            }
        }
        Ok(())
    })
    .unwrap();
    store
}

/// The same, with the chain.
pub(crate) fn chained(projects: &[Project], n_epochs: u64) -> Twin {
    let mut store = filled(projects, n_epochs);
    while execute(&mut store, epoch(n_epochs - 1).blocks.last).unwrap().unwrap().number
        < epoch(n_epochs - 1).blocks.last
    {}
    store
}

/// The blocks of an epoch, which only verification reads.
pub(crate) fn add_blocks(store: &mut dyn Database, id: u64) {
    let epoch = epoch(id);
    for number in epoch.blocks.first..=epoch.blocks.last {
        let sql = "INSERT INTO block (number, hash, parent, timestamp) VALUES (?1, ?2, ?3, ?4)";
        let (this, parent) = (hash(number), hash(number - 1));
        let hashes = [Value::Blob(this.as_slice()), Value::Blob(parent.as_slice())];
        store.run(sql, &[Value::count(number), hashes[0], hashes[1], Value::count(1_700_000_000 + number)]).unwrap();
    }
}

pub(crate) fn add_epoch(store: &mut dyn Database, id: u64, state: i64) {
    let epoch = epoch(id);
    let sql = "INSERT INTO epoch (id, first, last, begin_parent_hash, end_hash, end_timestamp, state) VALUES \
               (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let values = [
        Value::count(id),
        Value::count(epoch.blocks.first),
        Value::count(epoch.blocks.last),
        Value::Blob(epoch.begin_parent_hash.as_slice()),
        Value::Blob(epoch.end_hash.as_slice()),
        Value::count(epoch.end_timestamp),
        Value::Integer(state),
    ];
    store.run(sql, &values).unwrap();
}

pub(crate) fn add_snapshot(store: &mut dyn Database, id: u64, snapshot: &Snapshot) {
    let sql = "INSERT INTO snapshot (project, epoch, end_hash, cid, content) VALUES (?1, ?2, ?3, ?4, ?5)";
    let (end_hash, cid) = (epoch(id).end_hash, snapshot.cid.to_string());
    let (project, end_hash) = (Value::Text(&snapshot.project), Value::Blob(end_hash.as_slice()));
    store.run(sql, &[project, Value::count(id), end_hash, Value::Text(&cid), Value::Blob(&snapshot.bytes)]).unwrap();
}

/// The stage, up to block `last`, in a transaction as its callers have it.
pub(crate) fn execute(store: &mut dyn Database, last: u64) -> index::Result<Option<Checkpoint>> {
    let blocks = Blocks { first: ORIGIN.epochs.genesis, last };
    transaction(store, |store| Dag::new(ORIGIN.chain_id).execute(store, blocks))
}

pub(crate) fn unwind(store: &mut dyn Database, to: u64) -> index::Result<Option<Checkpoint>> {
    transaction(store, |store| Dag::new(ORIGIN.chain_id).unwind(store, to))
}

/// All rows of the tables that chains and CAR files touch.
pub(crate) fn dump(store: &mut dyn Database) -> Vec<String> {
    let tables = [
        ("cursor", "name"),
        ("epoch", "id"),
        ("snapshot", "project, epoch"),
        ("dag", "project, height"),
        ("page", "cid"),
        ("car_block", "cid"),
    ];
    let dump = |(table, key): (&str, &str)| {
        let rows = store.ask(&format!("SELECT * FROM {table} ORDER BY {key}"), &[]).unwrap();
        let row = |row: index::rows::Row<'_>| {
            let cells: Vec<_> = (0..rows.n_columns()).map(|i| format!("{:?}", row.value(i))).collect();
            format!("{table}: {}", cells.join(", "))
        };
        rows.iter().map(row).collect::<Vec<_>>()
    };
    tables.into_iter().flat_map(dump).collect()
}

pub(crate) fn head(store: &mut dyn Database, project: &str, height: u64) -> Option<String> {
    let sql = "SELECT cid FROM dag WHERE project = ?1 AND height = ?2";
    let rows = store.ask(sql, &[Value::Text(project), Value::count(height)]).unwrap();
    rows.first().map(|row| row.text(0).unwrap().to_owned())
}
