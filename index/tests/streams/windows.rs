//! Windows of a day, of seven days and of any length, as they are read from the store, against a recount of the logs. Epochs
//! are said to take twenty hours, so that seven days are a part of the chain.

use std::collections::BTreeMap;

use alloy::primitives::U256;
use index::{
    block::Blocks,
    database::{Database, transaction},
    epoch::Epochs,
    kind::erc1620::query::streams_project,
    rows::Value,
    stage::{Kinds, Snapshots, Stage},
    windows::{self, Window},
};

use crate::{
    loader::{EPOCH, Index, SOURCE, epoch, kind},
    snapshots::recount,
    world::World,
};

const HOURS: u64 = 3_600;

/// What the sums have that the logs of one event say.
const COUNTED: [&str; 10] = [
    "claimed",
    "created",
    "credited",
    "moved_in",
    "moved_out",
    "redeemed",
    "returned",
    "settled",
    "updated",
    "withdrawn",
];

/// The end of an epoch.
fn end(id: u64) -> u64 {
    1_700_000_000 + id * 20 * HOURS
}

/// An index with all snapshots and their totals, as the stage makes them.
fn summed() -> Index {
    let world = World::get();
    let mut index = world.index(1_000);
    for id in 0..world.n_epochs() {
        let epoch = epoch(id, &world.blocks);
        let values = [
            Value::count(id),
            Value::count(epoch.blocks.first),
            Value::count(epoch.blocks.last),
            Value::Blob(epoch.begin_parent_hash.as_slice()),
            Value::Blob(epoch.end_hash.as_slice()),
            Value::count(end(id)),
        ];
        index.database.run("INSERT INTO epoch VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)", &values).unwrap();
        index.database.run("INSERT INTO job VALUES (?1, ?2)", &[Value::count(id), Value::Text(SOURCE)]).unwrap();
    }
    let kinds = Kinds::new(vec![Box::new(std::mem::replace(&mut index.kind, kind(&[], None, &[])))]);
    let mut stage = Snapshots::new(Epochs { genesis: 0, size: EPOCH, offset: 0 }, kinds);
    let last = world.n_epochs() * EPOCH - 1;
    while windows::newest(&mut index.database).unwrap() != Some(world.n_epochs() - 1) {
        let blocks = Blocks { first: 0, last };
        transaction(&mut index.database, |database| stage.execute(database, blocks)).unwrap();
    }
    index
}

#[test]
fn windows_of_contracts_are_what_a_recount_gives() {
    let world = World::get();
    let mut index = summed();
    let (mut n_compared, mut n_lesser) = (0, 0);
    for to in 0..world.n_epochs() {
        let mut of_week = BTreeMap::new();
        for seconds in [0, 19 * HOURS, 20 * HOURS, 24 * HOURS, 7 * 24 * HOURS, u64::MAX / 2] {
            let from = (0..=to).find(|id| end(*id) + seconds >= end(to)).unwrap();
            let window = windows::ending_at(&mut index.database, to, seconds).unwrap();
            assert_eq!(window, Window { from, to }, "{seconds} seconds");
            let counted = recount(&world.logs, from * EPOCH, (to + 1) * EPOCH - 1);
            for contract in world.ends[0].books.each_ref().map(|book| book.contract) {
                for token in world.tokens {
                    let project = streams_project(SOURCE, contract, token);
                    let sums = windows::sums(&mut index.database, &project, window).unwrap();
                    let sums: BTreeMap<String, U256> = sums.into_iter().collect();
                    let sum = |name: &str| sums.get(name).copied().unwrap_or_default();
                    let expected = |name| counted.get(&(contract, token, name)).copied().unwrap_or_default();
                    for name in COUNTED {
                        assert_eq!(sum(name), expected(name), "{name} of {project} over {window:?}");
                        n_compared += usize::from(!expected(name).is_zero());
                    }
                    assert_eq!(sum("deposited"), expected("in"), "deposits of {project} over {window:?}");
                    let out = sum("withdrawn") + sum("refunded") + sum("returned") + sum("settled") + sum("claimed");
                    assert_eq!(out, expected("out") + sum("credited"), "{project} over {window:?}");
                    if seconds == 7 * 24 * HOURS {
                        of_week.insert(project, sum("created"));
                    } else if seconds > 7 * 24 * HOURS {
                        n_lesser += usize::from(of_week[&project] < sum("created"));
                    }
                }
            }
        }
    }
    assert!(n_compared > 500, "{n_compared}");
    assert!(n_lesser > 20, "seven days are a part of the chain: {n_lesser}");
}
