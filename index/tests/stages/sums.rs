//! Sums over all epochs up to each, whoever makes snapshots, and in whatever order.

use std::borrow::Cow;

use alloy::primitives::{B256, U256};
use index::block::Blocks;
use index::content;
use index::database::{Database, transaction};
use index::epoch::{Epoch, Epochs};
use index::event::Watch;
use index::kind::{Kind, Reader};
use index::rows::{Table, Value};
use index::snapshot::Snapshot;
use index::stage::{Kinds, Snapshots, Stage, take_jobs};
use index::windows::{self, Window};
use index::{Error, Result};

use crate::store::{Store, stores};

const EPOCHS: Epochs = Epochs { genesis: 0, size: 10, offset: 0 };

/// Says of epoch n that n came to `early`, and from epoch 3 on 1 to `late`; or that there was as much as there can be.
struct Counting {
    watch: Watch,
    is_huge: bool,
}

impl Kind for Counting {
    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn tables(&self) -> Vec<Table> {
        Vec::new()
    }

    fn prepare(&mut self, _: &mut dyn Database, _: &dyn Reader, _: Blocks) -> Result<()> {
        Ok(())
    }

    fn derive(&mut self, _: &mut dyn Database, _: Blocks) -> Result<()> {
        Ok(())
    }

    fn unwind(&mut self, _: &mut dyn Database, _: u64) -> Result<()> {
        Ok(())
    }

    fn snapshots(&mut self, _: &mut dyn Database, epoch: &Epoch) -> Result<Vec<Snapshot>> {
        let amount = if self.is_huge { U256::MAX - U256::ONE } else { U256::from(epoch.id) };
        let of = |project: &str, amount: U256| {
            let bytes = content::encode(&(project, epoch.id));
            let cid = content::cid(content::DAG_CBOR, &bytes);
            Snapshot { project: project.to_owned(), bytes, cid, sums: vec![(Cow::from("n"), amount)] }
        };
        let late = (epoch.id >= 3).then(|| of("s/late", U256::ONE));
        Ok([of("s/early", amount)].into_iter().chain(late).collect())
    }
}

fn kinds(is_huge: bool) -> Kinds {
    let watch = Watch { source: "s".to_owned(), start_block: 0, events: Vec::new(), factory: None };
    Kinds::new(vec![Box::new(Counting { watch, is_huge })])
}

/// A store with so many epochs, all of which have ended and are ordered.
fn ordered(store: &Store, n_epochs: u64) -> Box<dyn Database> {
    let mut database = store.open();
    for id in 0..n_epochs {
        let hash = B256::from(U256::from(id + 1));
        let [id, first, last] = [id, 10 * id, 10 * id + 9].map(Value::count);
        let hash = Value::Blob(hash.as_slice());
        let sql = "INSERT INTO epoch (id, first, last, begin_parent_hash, end_hash, end_timestamp, state) \
                   VALUES (?1, ?2, ?3, ?4, ?4, ?1, 1)";
        database.run(sql, &[id, first, last, hash]).unwrap();
        database
            .run("INSERT INTO block (number, hash, parent, timestamp) VALUES (?1, ?2, ?2, 0)", &[last, hash])
            .unwrap();
        database.run("INSERT INTO job (epoch, source) VALUES (?1, ?2)", &[id, Value::Text("s")]).unwrap();
    }
    database
}

/// Adds up what can be, and gives the end of the last epoch that is.
fn settle(database: &mut dyn Database, is_huge: bool) -> Result<Option<u64>> {
    let mut stage = Snapshots::new(EPOCHS, kinds(is_huge));
    let all = Blocks { first: 0, last: 1_000 };
    transaction(database, |database| stage.execute(database, all)).map(|done| done.map(|done| done.number))
}

fn totals(database: &mut dyn Database, project: &str) -> Vec<(u64, U256)> {
    let sql = "SELECT epoch, total FROM prefix_sum WHERE project = ?1 ORDER BY epoch";
    let rows = database.ask(sql, &[Value::Text(project)]).unwrap();
    rows.iter().map(|row| (row.count(0).unwrap(), row.amount(1).unwrap())).collect()
}

#[test]
fn totals_are_of_all_epochs_up_to_each() {
    for make in stores() {
        let store = make("totals");
        let mut database = ordered(&store, 6);
        assert_eq!(settle(database.as_mut(), false).unwrap(), Some(59));
        let expected = |amounts: &[(u64, u64)]| {
            amounts.iter().map(|(epoch, total)| (*epoch, U256::from(*total))).collect::<Vec<_>>()
        };
        let early = expected(&[(0, 0), (1, 1), (2, 3), (3, 6), (4, 10), (5, 15)]);
        assert_eq!(totals(database.as_mut(), "s/early"), early);
        assert_eq!(totals(database.as_mut(), "s/late"), expected(&[(3, 1), (4, 2), (5, 3)]));
        assert!(database.ask("SELECT * FROM addend", &[]).unwrap().is_empty(), "all is added up");
    }
}

#[test]
fn epochs_wait_for_those_before_them() {
    for make in stores() {
        let store = make("order");
        let mut database = ordered(&store, 6);
        // Epoch 1 is with somebody else, who is slow.
        database.run("DELETE FROM job WHERE epoch = 1", &[]).unwrap();
        let done = transaction(database.as_mut(), |database| take_jobs(database, &kinds(false))).unwrap();
        assert_eq!((done.n_jobs, done.n_snapshots), (5, 8));
        database.run("INSERT INTO job (epoch, source) VALUES (1, 's')", &[]).unwrap();
        let mut stage = Snapshots::new(EPOCHS, kinds(false));
        let mut settle = |database: &mut dyn Database, last: u64| {
            let all = Blocks { first: 0, last };
            transaction(database, |database| stage.settle(database, all)).unwrap().map(|done| done.number)
        };
        assert_eq!(settle(database.as_mut(), 1_000), Some(9));
        assert_eq!(totals(database.as_mut(), "s/early"), [(0, U256::ZERO)]);
        transaction(database.as_mut(), |database| take_jobs(database, &kinds(false))).unwrap();
        assert_eq!(settle(database.as_mut(), 30), Some(29), "no further than the blocks");
        assert_eq!(settle(database.as_mut(), 1_000), Some(59));
        assert_eq!(totals(database.as_mut(), "s/early").pop(), Some((5, U256::from(15))));
    }
}

#[test]
fn jobs_of_no_source_are_damage() {
    for make in stores() {
        let store = make("stranger");
        let mut database = ordered(&store, 1);
        database.run("UPDATE job SET source = 'x'", &[]).unwrap();
        let refusal = transaction(database.as_mut(), |database| take_jobs(database, &kinds(false))).unwrap_err();
        assert!(matches!(&refusal, Error::Damaged(text) if text == "snapshots are ordered of x, which is no source"));
    }
}

#[test]
fn totals_beyond_256_bits_are_residues_and_windows_stay_exact() {
    for make in stores() {
        let store = make("overflow");
        let mut database = ordered(&store, 4);
        assert_eq!(settle(database.as_mut(), true).unwrap(), Some(39));
        let amount = U256::MAX - U256::ONE;
        let expected = (0..4).map(|id: u64| (id, U256::ZERO.wrapping_sub(U256::from(2 * (id + 1)))));
        assert_eq!(totals(database.as_mut(), "s/early"), expected.collect::<Vec<_>>());
        for epoch in 0..4 {
            let window = Window { from: epoch, to: epoch };
            assert_eq!(windows::sum(database.as_mut(), "s/early", "n", window).unwrap(), amount);
        }
    }
}

#[test]
fn many_epochs_are_done_in_bounded_steps() {
    for make in stores() {
        let store = make("many");
        let mut database = ordered(&store, 200);
        let mut ends = Vec::new();
        while ends.last() != Some(&Some(1_999)) {
            ends.push(
                transaction(database.as_mut(), |database| {
                    let mut stage = Snapshots::new(EPOCHS, kinds(false));
                    stage.execute(database, Blocks { first: 0, last: 10_000 }).map(|done| done.map(|done| done.number))
                })
                .unwrap(),
            );
        }
        assert_eq!(ends, [Some(639), Some(1_279), Some(1_919), Some(1_999)]);
        assert_eq!(totals(database.as_mut(), "s/early").pop(), Some((199, U256::from(199 * 100))));
    }
}

#[test]
fn jobs_are_shared_and_none_is_done_twice() {
    let Some(store) = Store::on_server() else { return };
    let mut one = ordered(&store, 100);
    let mut other = store.open();
    one.begin().unwrap();
    assert_eq!(take_jobs(one.as_mut(), &kinds(false)).unwrap().n_jobs, 64);
    // While those are under way, the rest is all that there is.
    let done = transaction(other.as_mut(), |database| take_jobs(database, &kinds(false))).unwrap();
    assert_eq!(done.n_jobs, 36);
    let done = transaction(other.as_mut(), |database| take_jobs(database, &kinds(false))).unwrap();
    assert_eq!(done.n_jobs, 0);
    assert_eq!(settle(other.as_mut(), false).unwrap(), None, "epoch 0 is not done");
    one.commit().unwrap();
    while settle(other.as_mut(), false).unwrap() != Some(999) {}
    assert_eq!(totals(other.as_mut(), "s/early").pop(), Some((99, U256::from(99 * 50))));
    // What a process had begun when it ended is done by another.
    other.run("DELETE FROM snapshot WHERE epoch = 99", &[]).unwrap();
    other.run("INSERT INTO job (epoch, source) VALUES (99, 's')", &[]).unwrap();
    one.begin().unwrap();
    assert_eq!(take_jobs(one.as_mut(), &kinds(false)).unwrap().n_jobs, 1);
    drop(one);
    while transaction(other.as_mut(), |database| take_jobs(database, &kinds(false))).unwrap().n_jobs == 0 {}
    let rows = other.ask("SELECT project FROM snapshot WHERE epoch = 99 ORDER BY project", &[]).unwrap();
    assert_eq!(rows.len(), 2);
}
