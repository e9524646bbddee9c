//! What verification finds, and that it finds nothing else.

use std::collections::HashSet;

use alloy::primitives::U256;
use index::{
    Result,
    block::Blocks,
    database::{Database, transaction},
    epoch::Epoch,
    event::Watch,
    kind::{Kind, Reader},
    rows::Table,
    snapshot::Snapshot,
    verify::{Difference, Means, News, Progress, verify},
};

use crate::twin::Twin;
use crate::world::{self, ORIGIN, Project, add_blocks, add_epoch, projects, snapshot};

fn chained(projects: &[Project], n_epochs: u64) -> Twin {
    let mut store = world::chained(projects, n_epochs);
    transaction::<_, index::Error>(&mut store, |store| {
        (0..n_epochs).for_each(|id| add_blocks(store, id));
        Ok(())
    })
    .unwrap();
    store
}

/// Makes the snapshots of one source, and lies about one of them.
struct TestKind {
    watch: Watch,
    projects: Vec<Project>,
    lie: Option<u64>,
}

impl Kind for TestKind {
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
        let lie = self.lie == Some(epoch.id);
        let of = |project: &Project| snapshot(project, if lie { epoch.id + 1 } else { epoch.id });
        Ok(self.projects.iter().filter_map(of).collect())
    }
}

fn kinds(lie: Option<u64>) -> Vec<Box<dyn Kind>> {
    let kind = |source: &str| -> Box<dyn Kind> {
        let watch = Watch { source: source.to_owned(), start_block: 0, events: Vec::new(), factory: None };
        let projects = projects().into_iter().filter(|project| project.source == source).collect();
        Box::new(TestKind { watch, projects, lie: lie.filter(|_| source == "alpha") })
    };
    ["alpha", "beta", "gamma"].map(kind).into_iter().collect()
}

fn differences(store: &mut dyn Database, means: &mut Means<'_>) -> (Vec<Difference>, Progress) {
    let mut found = Vec::new();
    let mut told = Vec::new();
    let progress = verify(store, &ORIGIN, means, &mut |news| match news {
        News::Difference(difference) => found.push(difference),
        News::Progress(progress) => told.push(progress.epoch),
    })
    .unwrap();
    assert!(told.is_sorted());
    assert_eq!(told.len() as u64, progress.n_epochs);
    assert_eq!(found.len() as u64, progress.n_differences);
    (found, progress)
}

#[test]
fn a_sound_store_has_no_differences() {
    let mut store = chained(&projects(), 750);
    for kinds in [&mut kinds(None)[..], &mut []] {
        let (found, progress) = differences(&mut store, &mut Means { kinds, sums: None });
        assert_eq!(found, []);
        // gamma is silent at 107 of its epochs, and has blocks at all.
        assert_eq!((progress.n_epochs, progress.last_epoch, progress.epoch), (750, 749, 749));
        assert_eq!((progress.n_snapshots, progress.n_blocks), (750 + 745 + 643, 750 + 745 + 750));
    }
}

/// What differs after `sql`, as `project epoch what`, with kinds to recompute by.
#[track_caller]
fn check(sql: &str, expected: &[&str]) {
    let mut store = chained(&projects(), 12);
    assert!(store.run(sql, &[]).unwrap() > 0);
    check_store(&mut store, &mut Means { kinds: &mut kinds(None), sums: None }, expected);
}

#[track_caller]
fn check_store(store: &mut Twin, means: &mut Means<'_>, expected: &[&str]) {
    let (found, _) = differences(store, means);
    let words = |difference: &Difference| {
        assert_ne!(difference.expected, difference.found);
        let project = difference.project.as_deref().unwrap_or("-");
        let epoch = difference.epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_string());
        format!("{project} {epoch} {}", difference.what)
    };
    assert_eq!(found.iter().map(words).collect::<Vec<_>>(), expected, "{found:#?}");
}

#[test]
fn every_changed_snapshot_is_found() {
    check(
        "UPDATE snapshot SET content = (SELECT content FROM snapshot s WHERE s.project = 'alpha' AND s.epoch = 3) WHERE \
         project = 'alpha' AND epoch = 4",
        &[
            "alpha 4 address of the snapshot",
            "alpha 4 epoch in the snapshot",
            "alpha 4 hash before the epoch in the snapshot",
            "alpha 4 last hash in the snapshot",
            "alpha 4 time in the snapshot",
            "alpha 4 recomputed snapshot",
        ],
    );
    check(
        "UPDATE snapshot SET cid = (SELECT cid FROM snapshot s WHERE s.project = 'alpha' AND s.epoch = 3) WHERE project = \
         'alpha' AND epoch = 4",
        &["alpha 4 address of the snapshot", "alpha 4 link to the snapshot"],
    );
    check(
        "UPDATE snapshot SET content = x'1817' WHERE project = 'beta/pair' AND epoch = 7",
        &[
            "beta/pair 7 address of the snapshot",
            "beta/pair 7 form of the snapshot",
            "beta/pair 7 head of the snapshot",
            "beta/pair 7 recomputed snapshot",
        ],
    );
    check(
        "UPDATE snapshot SET end_hash = CAST(x'00' || substr(end_hash, 2) AS BLOB) WHERE project = 'gamma' AND epoch = 11",
        &["gamma 11 block of the snapshot"],
    );
    check(
        "DELETE FROM snapshot WHERE project = 'gamma' AND epoch = 5",
        &["gamma 5 snapshot", "gamma 5 link to the snapshot"],
    );
    check(
        "UPDATE snapshot SET project = 'gamma2' WHERE project = 'gamma' AND epoch = 11",
        &[
            "gamma2 11 source of the snapshot",
            "gamma 11 snapshot",
            "gamma 11 link to the snapshot",
            "gamma2 11 block of the chain",
        ],
    );
    // All are told, not only the first.
    check(
        "UPDATE snapshot SET end_hash = CAST(x'00' || substr(end_hash, 2) AS BLOB) WHERE project <> 'gamma' AND epoch >= 10",
        &[
            "alpha 10 block of the snapshot",
            "beta/pair 10 block of the snapshot",
            "alpha 11 block of the snapshot",
            "beta/pair 11 block of the snapshot",
        ],
    );
}

#[test]
fn every_changed_link_is_found() {
    let other = "(SELECT cid FROM dag d WHERE d.project = 'alpha' AND d.height = 2)";
    check(
        &format!("UPDATE dag SET cid = {other} WHERE project = 'alpha' AND height = 6"),
        &["alpha 6 address of the block", "alpha 7 link to the block below"],
    );
    check(
        "UPDATE dag SET content = (SELECT content FROM dag d WHERE d.project = 'gamma' AND d.height = 6) WHERE project = \
         'alpha' AND height = 6",
        &[
            "alpha 6 address of the block",
            "alpha 6 link to the block below",
            "alpha 6 link to the snapshot",
            "alpha 6 content of the block",
        ],
    );
    check(
        "UPDATE dag SET content = x'a0' WHERE project = 'alpha' AND height = 0",
        &["alpha 0 address of the block", "alpha 0 form of the block"],
    );
    check("DELETE FROM dag WHERE project = 'alpha' AND height = 11", &["alpha 11 block of the chain"]);
    // What is missing is told once, and the next block has a link that leads nowhere.
    check(
        "DELETE FROM dag WHERE project = 'alpha' AND height = 6",
        &["alpha 6 block of the chain", "alpha 7 link to the block below"],
    );
    check(
        "UPDATE cursor SET number = 199 WHERE name = 'dag'",
        &[
            "alpha 10 block of the chain",
            "beta/pair 10 block of the chain",
            "gamma 10 block of the chain",
            "alpha 11 block of the chain",
            "beta/pair 11 block of the chain",
            "gamma 11 block of the chain",
        ],
    );
}

#[test]
fn skip_links_are_followed() {
    let mut store = chained(&projects(), 722);
    store.run("UPDATE dag SET cid = (SELECT cid FROM dag d WHERE d.project = 'gamma' AND d.height = 0) WHERE project = 'alpha' AND height = 0", &[]).unwrap();
    let expected = ["alpha 0 address of the block", "alpha 1 link to the block below", "alpha 720 skip link"];
    check_store(&mut store, &mut Means::default(), &expected);
}

#[test]
fn epochs_are_compared_with_blocks_and_with_each_other() {
    check(
        "UPDATE block SET hash = CAST(x'00' || substr(hash, 2) AS BLOB) WHERE number = 145",
        &["- 4 parent of a block"],
    );
    check("UPDATE block SET timestamp = 5 WHERE number = 149", &["- 4 time of the last block"]);
    check("DELETE FROM block WHERE number = 145", &["- 4 number of stored blocks"]);
    // Nothing below it is compared with what it is not: its own snapshots say another block.
    let (mut store, hash) = (chained(&projects(), 12), "(SELECT hash FROM block WHERE number = 158)");
    store.run(&format!("UPDATE epoch SET end_hash = {hash} WHERE id = 5"), &[]).unwrap();
    let (found, _) = differences(&mut store, &mut Means::default());
    let whats: HashSet<_> = found.iter().map(|difference| (difference.epoch.unwrap(), difference.what)).collect();
    for expected in [
        (5, "hash of the last block"),
        (5, "block of the snapshot"),
        (5, "last hash in the snapshot"),
        (5, "content of the block"),
        (6, "hash before the epoch"),
    ] {
        assert!(whats.contains(&expected), "{expected:?} is not in {whats:?}");
    }
    assert_eq!(whats.len(), 5, "{whats:?}");
    let mut store = chained(&projects(), 12);
    store.run("UPDATE epoch SET last = 158 WHERE id = 5", &[]).unwrap();
    let (found, _) = differences(&mut store, &mut Means::default());
    assert_eq!(
        (found[0].what, &*found[0].expected, &*found[0].found),
        ("blocks of the epoch", "150 to 159", "150 to 158")
    );
}

#[test]
fn rows_of_no_epoch_are_found() {
    let mut store = chained(&projects(), 12);
    store.run("DELETE FROM epoch WHERE id = 11", &[]).unwrap();
    store.run("UPDATE epoch SET state = 1 WHERE id = 10", &[]).unwrap();
    let expected: Vec<_> = [
        ("snapshot of no epoch", vec![11]),
        ("total of no epoch", vec![11]),
        ("block of no final epoch", vec![10, 11]),
    ]
    .into_iter()
    .flat_map(|(what, epochs)| {
        let of = move |epoch| ["alpha", "beta/pair", "gamma"].map(|project| format!("{project} {epoch} {what}"));
        epochs.into_iter().flat_map(of).collect::<Vec<_>>()
    })
    .collect();
    check_store(&mut store, &mut Means::default(), &expected.iter().map(String::as_str).collect::<Vec<_>>());
    let mut store = chained(&projects(), 12);
    store.run("DELETE FROM epoch WHERE id = 11", &[]).unwrap();
    add_planned(&mut store, 12);
    let (found, progress) = differences(&mut store, &mut Means::default());
    assert_eq!((found.len(), progress.n_epochs), (9, 11));
}

fn add_planned(store: &mut Twin, id: u64) {
    add_epoch(store, id, 0);
    store.run("UPDATE epoch SET end_hash = NULL, end_timestamp = NULL WHERE state = 0", &[]).unwrap();
}

#[test]
fn totals_are_added_up_again() {
    check(
        "UPDATE prefix_sum SET total = CAST(x'01' || substr(total, 2) AS BLOB) WHERE project = 'alpha' AND name = 'epochs' AND epoch = 4",
        &["alpha 4 total", "alpha 5 total"],
    );
    // gamma is silent at 3 and 10, so 11 follows 9.
    check(
        "UPDATE prefix_sum SET total = CAST(x'01' || substr(total, 2) AS BLOB) WHERE project = 'gamma' AND name = 'amount' AND epoch = 9",
        &["gamma 9 total", "gamma 11 total"],
    );
    check("DELETE FROM prefix_sum WHERE project = 'alpha' AND name = 'amount' AND epoch = 11", &["alpha 11 total"]);
    check(
        "UPDATE prefix_sum SET name = 'other' WHERE project = 'alpha' AND name = 'amount' AND epoch = 11",
        &["alpha 11 total"],
    );
    check(
        "INSERT INTO prefix_sum SELECT project, 'other', epoch, total FROM prefix_sum WHERE project = 'alpha' AND name = 'amount' AND epoch = 11",
        &["alpha 11 number of totals"],
    );
}

#[test]
fn sums_can_come_from_the_caller() {
    let mut store = chained(&projects(), 12);
    let mut asked = 0;
    let mut sums = |project: &str, bytes: &[u8]| {
        asked += 1;
        let wrong = project == "alpha" && snapshot(&projects()[0], 8).unwrap().bytes == bytes;
        Some(vec![("epochs".into(), U256::from(if wrong { 2 } else { 1 }))])
    };
    let mut means = Means { kinds: &mut [], sums: Some(&mut sums) };
    let (found, _) = differences(&mut store, &mut means);
    // The caller knows one of two totals.
    let totals = found.iter().filter(|difference| difference.what == "number of totals").count();
    assert_eq!((totals, found.len()), (12 + 7 + 10, 12 + 7 + 10 + 1));
    let wrong = found.iter().find(|difference| difference.what == "total").unwrap();
    assert_eq!((wrong.epoch, &*wrong.expected, &*wrong.found), (Some(8), "epochs 10", "9"));
    assert_eq!(asked, 12 + 7 + 10);
}

#[test]
fn snapshots_are_made_again() {
    let mut store = chained(&projects(), 12);
    let mut kinds = kinds(Some(8));
    let mut means = Means { kinds: &mut kinds, sums: None };
    check_store(&mut store, &mut means, &["alpha 8 recomputed snapshot", "alpha 8 total"]);
    // A source that is still at it is not expected to be done.
    let mut store = chained(&projects(), 12);
    store.run("DELETE FROM snapshot WHERE project = 'alpha' AND epoch = 11", &[]).unwrap();
    store.run("DELETE FROM dag WHERE height = 11", &[]).unwrap();
    store.run("UPDATE cursor SET number = 209", &[]).unwrap();
    store.run("INSERT INTO job (epoch, source) VALUES (11, 'alpha')", &[]).unwrap();
    check_store(&mut store, &mut Means { kinds: &mut self::kinds(None), sums: None }, &[]);
    store.run("DELETE FROM job", &[]).unwrap();
    check_store(&mut store, &mut Means { kinds: &mut self::kinds(None), sums: None }, &["alpha 11 snapshot"]);
}
