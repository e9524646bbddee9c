//! One suite for all stages.

use index::block::Blocks;
use index::database::{Database, transaction};
use index::epoch::Epochs;
use index::fetch::Plan;
use index::kind::Kind;
use index::outbox::Outbox;
use index::stage::{Dag, Derived, EpochStage, Kinds, Logs, Snapshots, Stage, checkpoint};

use crate::model::{Model, TOKENS};
use crate::store::{Store, TABLES, dump, stores};
use crate::toy::{Silent, Toy};

pub(crate) const EPOCHS: Epochs = Epochs { genesis: 2, size: 5, offset: 3 };
const FIRST: u64 = 1;
const HEAD: u64 = 40;
const FINALIZED: u64 = 24;

/// The stages on one store, over the same chain.
struct Bench {
    database: Box<dyn Database>,
    chain: Model,
    plan: Plan,
    kinds: Kinds,
    logs: Logs,
    derived: Derived,
    epochs: EpochStage,
    snapshots: Snapshots,
    dag: Dag,
    outbox: Outbox,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Which {
    Logs,
    Derived,
    Epochs,
    Snapshots,
    Dag,
    Outbox,
}

const ALL: [Which; 6] = [Which::Logs, Which::Derived, Which::Epochs, Which::Snapshots, Which::Dag, Which::Outbox];

impl Bench {
    fn new(store: &Store) -> Self {
        let toy = Toy::new(&TOKENS, FIRST);
        let plan = Plan::new(&[toy.watch()]);
        let mut database = store.open();
        plan.tables().iter().chain(&toy.tables()).for_each(|table| database.create(table).unwrap());
        let kinds = Kinds::new(vec![Box::new(toy)]);
        let mut epochs = EpochStage::new(EPOCHS, kinds.sources());
        epochs.look(HEAD, Some(FINALIZED));
        let mut chain = Model::new();
        chain.mine(HEAD);
        Self {
            database,
            chain,
            logs: Logs::new(plan.tables().to_vec()),
            derived: Derived::new(kinds.clone()),
            epochs,
            snapshots: Snapshots::new(EPOCHS, kinds.clone()),
            dag: Dag::new(31_337),
            outbox: Outbox::new(EPOCHS, vec!["desk".to_owned(), "post".to_owned()]),
            plan,
            kinds,
        }
    }

    /// The same, in another process: nothing of what the kinds had in memory.
    fn again(self, store: &Store) -> Self {
        drop(self);
        Self::new(store)
    }

    fn stage(&mut self, which: Which) -> &mut dyn Stage {
        match which {
            Which::Logs => &mut self.logs,
            Which::Derived => &mut self.derived,
            Which::Epochs => &mut self.epochs,
            Which::Snapshots => &mut self.snapshots,
            Which::Dag => &mut self.dag,
            Which::Outbox => &mut self.outbox,
        }
    }

    /// Executes up to block `to`, in chunks of so many blocks.
    fn execute(&mut self, which: Which, to: u64, n_blocks: u64) {
        let name = self.stage(which).name();
        let mut first = checkpoint(self.database.as_mut(), name).unwrap().map_or(FIRST, |done| done.number + 1);
        loop {
            let blocks = Blocks { first, last: to.min(first + n_blocks - 1) };
            if first > to {
                return;
            }
            if which == Which::Logs {
                self.logs.push(self.chain.chunk(&mut self.plan, blocks.first, blocks.last));
            }
            if which == Which::Derived {
                self.derived.prepare(self.database.as_mut(), &Silent::default(), blocks).unwrap();
            }
            self.once(which, blocks);
            first = blocks.last + 1;
        }
    }

    fn once(&mut self, which: Which, blocks: Blocks) {
        let Self { database, logs, derived, epochs, snapshots, dag, outbox, .. } = self;
        let stage: &mut dyn Stage = match which {
            Which::Logs => logs,
            Which::Derived => derived,
            Which::Epochs => epochs,
            Which::Snapshots => snapshots,
            Which::Dag => dag,
            Which::Outbox => outbox,
        };
        let name = stage.name();
        let done = transaction(database.as_mut(), |database| stage.execute(database, blocks)).unwrap();
        assert_eq!(done, checkpoint(database.as_mut(), name).unwrap(), "what a stage says is its cursor");
    }

    fn unwind(&mut self, which: Which, to: u64) {
        let Self { database, logs, derived, epochs, snapshots, dag, outbox, .. } = self;
        let stage: &mut dyn Stage = match which {
            Which::Logs => logs,
            Which::Derived => derived,
            Which::Epochs => epochs,
            Which::Snapshots => snapshots,
            Which::Dag => dag,
            Which::Outbox => outbox,
        };
        let name = stage.name();
        let done = transaction(database.as_mut(), |database| stage.unwind(database, to)).unwrap();
        assert_eq!(done, checkpoint(database.as_mut(), name).unwrap(), "what a stage says is its cursor");
        assert!(done.is_none_or(|done| done.number <= to));
    }

    /// All stages below `which`, to the end.
    fn execute_below(&mut self, which: Which) {
        ALL.into_iter().filter(|below| *below < which).for_each(|below| self.execute(below, HEAD, 7));
    }

    fn dump(&mut self) -> String {
        dump(self.database.as_mut(), &TABLES)
    }
}

/// Runs `test` for each stage on each database, where all that the stage needs is there.
fn each(test: impl Fn(&Store, Bench, Which)) {
    for make in stores() {
        for which in ALL {
            let store = make("stages");
            let mut bench = Bench::new(&store);
            bench.execute_below(which);
            test(&store, bench, which);
        }
    }
}

#[test]
fn executing_writes_what_is_expected() {
    each(|_, mut bench, which| {
        let before = bench.dump();
        bench.execute(which, HEAD, 7);
        assert_ne!(bench.dump(), before, "{which:?} writes something");
    });
    // What the suite compares is not all empty.
    let store = Store::file("expected");
    let mut bench = Bench::new(&store);
    ALL.into_iter().for_each(|which| bench.execute(which, HEAD, 7));
    let text = bench.dump();
    for table in TABLES.into_iter().filter(|table| !["job", "addend", "identity"].contains(table)) {
        assert!(text.lines().any(|line| line.starts_with(table)), "{table} has rows");
    }
    let n_snapshots = bench.database.ask("SELECT count(*) FROM snapshot", &[]).unwrap();
    // Epochs 0 to 6 end at block 36, which is 3 before the head; the second token has none of epochs 0 and 1.
    assert!((7..=14).contains(&n_snapshots.first().unwrap().count(0).unwrap()));
    assert_eq!(bench.kinds.sources(), ["toy"]);
}

#[test]
fn executing_twice_is_executing_once() {
    each(|store, mut bench, which| {
        bench.execute(which, HEAD, 7);
        let once = bench.dump();
        let all = Blocks { first: FIRST, last: HEAD };
        if which == Which::Logs {
            let chunk = bench.chain.chunk(&mut bench.plan, FIRST, HEAD);
            bench.logs.push(chunk);
        }
        bench.once(which, all);
        assert_eq!(bench.dump(), once, "{which:?}");
        let mut bench = bench.again(store);
        bench.once(which, all);
        assert_eq!(bench.dump(), once, "{which:?} in another process");
    });
}

#[test]
fn steps_of_any_size_come_to_the_same() {
    for make in stores() {
        let dumps = [1, 4, 1_000].map(|n_blocks| {
            let store = make("sizes");
            let mut bench = Bench::new(&store);
            ALL.into_iter().for_each(|which| bench.execute(which, HEAD, n_blocks));
            bench.dump()
        });
        assert_eq!(dumps[0], dumps[1]);
        assert_eq!(dumps[0], dumps[2]);
    }
}

#[test]
fn unwinding_to_the_end_or_above_changes_nothing() {
    each(|_, mut bench, which| {
        bench.execute(which, HEAD, 7);
        let done = bench.dump();
        for to in [HEAD, HEAD + 1, HEAD + 1_000] {
            bench.unwind(which, to);
            assert_eq!(bench.dump(), done, "{which:?} to {to}");
        }
    });
}

#[test]
fn unwinding_leaves_what_executing_less_does() {
    each(|_, mut bench, which| {
        // The stages above those that are cut at a block cannot be told from the ones that never got beyond it.
        if matches!(which, Which::Epochs | Which::Snapshots | Which::Dag | Which::Outbox) {
            return;
        }
        let mut less = Vec::new();
        for to in FIRST..HEAD {
            bench.execute(which, to, 7);
            less.push((to, bench.dump()));
        }
        bench.execute(which, HEAD, 7);
        for (to, expected) in less.into_iter().rev() {
            bench.unwind(which, to);
            assert_eq!(bench.dump(), expected, "{which:?} to {to}");
        }
    });
}

#[test]
fn executing_after_unwinding_is_executing_once() {
    each(|store, mut bench, which| {
        let before = bench.dump();
        bench.execute(which, HEAD, 7);
        let once = bench.dump();
        for to in (0..HEAD).rev() {
            bench.unwind(which, to);
            let unwound = bench.dump();
            bench.unwind(which, to);
            assert_eq!(bench.dump(), unwound, "{which:?} unwound twice to {to}");
            bench.execute(which, HEAD, if to % 2 == 0 { 7 } else { 100 });
            assert_eq!(bench.dump(), once, "{which:?} unwound to {to}");
        }
        // Little by little to nothing, and in another process back.
        (0..HEAD).rev().for_each(|to| bench.unwind(which, to));
        assert_eq!(bench.dump(), before, "{which:?}");
        let mut bench = bench.again(store);
        bench.execute(which, HEAD, 7);
        assert_eq!(bench.dump(), once, "{which:?}");
    });
}

#[test]
fn blocks_that_do_not_follow_are_refused() {
    each(|_, mut bench, which| {
        bench.execute(which, 10, 7);
        let done = bench.dump();
        let gap = Blocks { first: 13, last: 15 };
        let refusal = match which {
            // They go by what the stage before has done, which has no gaps.
            Which::Snapshots | Which::Dag | Which::Outbox => return,
            Which::Logs => {
                let chunk = bench.chain.chunk(&mut bench.plan, 13, 15);
                bench.logs.push(chunk);
                let Bench { database, logs, .. } = &mut bench;
                transaction(database.as_mut(), |database| logs.execute(database, gap)).unwrap_err()
            }
            _ => {
                let Bench { database, derived, epochs, .. } = &mut bench;
                let stage: &mut dyn Stage = if which == Which::Derived { derived } else { epochs };
                transaction(database.as_mut(), |database| stage.execute(database, gap)).unwrap_err()
            }
        };
        assert_eq!(refusal.to_string(), "blocks 13 to 15 are not those that come next");
        assert_eq!(bench.dump(), done);
    });
}

#[test]
fn blocks_of_another_branch_are_refused() {
    for make in stores() {
        let store = make("branch");
        let mut bench = Bench::new(&store);
        bench.execute(Which::Logs, 20, 7);
        let done = bench.dump();
        let stored = bench.chain.blocks[20].hash;
        bench.chain.replace(25);
        let Bench { database, logs, chain, plan, .. } = &mut bench;
        // One that comes next, one that is stored otherwise, and one that is both.
        for (first, last) in [(21, 25), (18, 20), (18, 25)] {
            logs.push(chain.chunk(plan, first, last));
            let blocks = Blocks { first, last };
            let refusal = transaction(database.as_mut(), |database| logs.execute(database, blocks)).unwrap_err();
            assert!(refusal.passes());
            assert_eq!(
                refusal.to_string(),
                format!("block {first} does not follow the stored block {stored}; the chain went another way")
            );
        }
        assert_eq!(bench.dump(), done);
    }
}

#[test]
fn rows_where_none_should_be_are_damage() {
    for make in stores() {
        let store = make("damage");
        let mut bench = Bench::new(&store);
        bench.execute(Which::Logs, 20, 7);
        let sql = "INSERT INTO block (number, hash, parent, timestamp) SELECT 22, hash, parent, 0 FROM block WHERE number = 20";
        assert_eq!(bench.database.run(sql, &[]).unwrap(), 1);
        let chunk = bench.chain.chunk(&mut bench.plan, 21, 24);
        bench.logs.push(chunk);
        let Bench { database, logs, .. } = &mut bench;
        let blocks = Blocks { first: 21, last: 24 };
        let refusal = transaction(database.as_mut(), |database| logs.execute(database, blocks)).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "the index's database is damaged: block holds rows of blocks that come next: 3 of 4 were new; restore it, or \
             remove it and index again"
        );
    }
}
