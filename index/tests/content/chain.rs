//! The stage that chains snapshots.

use index::{Error, block::Checkpoint, dag, database::Database, rows::Value};
use proptest::prelude::*;

use crate::{
    vectors::vectors,
    world::{
        Project, add_epoch, add_snapshot, chained, dump, epoch, execute, filled, hash, head, light, projects, snapshot,
        store, unwind,
    },
};

fn end(id: u64) -> u64 {
    epoch(id).blocks.last
}

#[test]
fn another_program_makes_the_same_chains() {
    let vectors = vectors();
    let mut store = chained(&projects(), vectors.n_epochs);
    assert_eq!(vectors.heads.len(), 34);
    for known in vectors.heads {
        assert_eq!(
            head(&mut store, &known.project, known.height),
            Some(known.cid),
            "{} {}",
            known.project,
            known.height
        );
    }
    assert_eq!(head(&mut store, "beta/pair", 4), None);
    let newest = dag::newest(&mut store, "alpha").unwrap().unwrap();
    assert_eq!((newest.0, Some(newest.1.to_string())), (1_499, head(&mut store, "alpha", 1_499)));
    assert_eq!(dag::projects(&mut store).unwrap(), ["alpha", "beta/pair", "gamma"]);
    assert_eq!(dag::newest(&mut store, "delta").unwrap(), None);
}

#[test]
fn a_call_is_bounded_and_the_next_goes_on() {
    let mut store = filled(&projects(), 600);
    assert_eq!(execute(&mut store, end(599)).unwrap().unwrap().number, end(499));
    assert_eq!(execute(&mut store, end(599)).unwrap().unwrap().number, end(599));
    assert_eq!(dump(&mut store), dump(&mut chained(&projects(), 600)));
}

#[test]
fn what_is_done_stays_done() {
    let mut store = chained(&projects(), 20);
    let before = dump(&mut store);
    let done = Some(Checkpoint { number: end(19), hash: hash(end(19)) });
    assert_eq!(execute(&mut store, end(19)).unwrap(), done);
    assert_eq!(execute(&mut store, end(3)).unwrap(), done);
    assert_eq!(unwind(&mut store, end(19)).unwrap(), done);
    assert_eq!(unwind(&mut store, end(19) + 1_000).unwrap(), done);
    assert_eq!(dump(&mut store), before);
}

#[test]
fn the_operator_can_go_back() {
    for (to, kept) in
        [(end(12), Some(12)), (end(12) + 9, Some(12)), (end(12) - 1, Some(11)), (end(0) - 1, None), (0, None)]
    {
        let mut store = chained(&projects(), 20);
        let before = dump(&mut store);
        let checkpoint = kept.map(|id| Checkpoint { number: end(id), hash: hash(end(id)) });
        assert_eq!(unwind(&mut store, to).unwrap(), checkpoint);
        let rows = store.ask("SELECT max(height) FROM dag", &[]).unwrap();
        let highest = rows.first().filter(|row| !row.is_null(0)).map(|row| row.count(0).unwrap());
        assert_eq!(highest, kept);
        execute(&mut store, end(19)).unwrap();
        assert_eq!(dump(&mut store), before);
    }
}

#[test]
fn only_final_epochs_with_all_their_snapshots_are_chained() {
    let mut store = filled(&projects(), 10);
    store.run("UPDATE epoch SET state = 1 WHERE id >= 8", &[]).unwrap();
    store.run("INSERT INTO job (epoch, source) VALUES (6, 'beta')", &[]).unwrap();
    assert_eq!(execute(&mut store, end(9)).unwrap().unwrap().number, end(5));
    store.run("DELETE FROM job", &[]).unwrap();
    // An epoch counts once its last block is within the range.
    assert_eq!(execute(&mut store, end(6) - 1).unwrap().unwrap().number, end(5));
    assert_eq!(execute(&mut store, end(9)).unwrap().unwrap().number, end(7));
    store.run("UPDATE epoch SET state = 2", &[]).unwrap();
    execute(&mut store, end(9)).unwrap();
    assert_eq!(dump(&mut store), dump(&mut chained(&projects(), 10)));
}

#[test]
fn an_empty_store_has_no_chain() {
    let mut store = store();
    assert_eq!(execute(&mut store, 1_000).unwrap(), None);
    assert_eq!(unwind(&mut store, 0).unwrap(), None);
    assert!(dump(&mut store).is_empty());
}

#[track_caller]
fn check_damage(sql: &str, expected: &str) {
    let mut store = filled(&projects(), 10);
    execute(&mut store, end(4)).unwrap();
    store.run(sql, &[]).unwrap();
    let before = dump(&mut store);
    match execute(&mut store, end(9)) {
        Err(Error::Damaged(found)) => assert!(found.contains(expected), "{found}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(dump(&mut store), before);
}

#[test]
fn a_store_that_contradicts_itself_is_not_chained() {
    check_damage("DELETE FROM epoch WHERE id = 6", "epoch 7 is final, but epoch 6 is not");
    check_damage("UPDATE epoch SET state = 1 WHERE id = 5", "epoch 6 is final, but epoch 5 is not");
    check_damage(
        "UPDATE snapshot SET end_hash = (SELECT begin_parent_hash FROM epoch WHERE id = 0) WHERE epoch = 8",
        "at epoch 8",
    );
    check_damage("UPDATE snapshot SET cid = 'x' WHERE epoch = 7", "`x` is no CID");
    check_damage("UPDATE cursor SET number = number + 1", "no epoch ends at block 150");
    check_damage("UPDATE epoch SET end_hash = begin_parent_hash WHERE id = 4", "no epoch ends at block 149");
    check_damage("INSERT INTO dag SELECT project, 9, cid, content FROM dag WHERE height = 4", "at height 9");
    check_damage("UPDATE snapshot SET project = 'a b' WHERE epoch = 9 AND project = 'alpha'", "`a b` is no name");
}

/// Projects that begin anywhere and are silent anywhere after that.
fn any_projects() -> impl Strategy<Value = Vec<Project>> {
    const SILENT: [fn(u64) -> bool; 3] = [|_| false, |epoch| epoch % 3 == 1, |epoch| epoch % 5 != 0];
    proptest::collection::vec((0_u64..40, 0..SILENT.len()), 1..6).prop_map(|all| {
        let project = |(i, (from, silent)): (usize, (u64, usize))| Project {
            name: format!("s{}/p{i}", i % 2),
            source: format!("s{}", i % 2),
            from,
            is_silent: SILENT[silent],
        };
        all.into_iter().enumerate().map(project).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Two nodes: one has everything at once, the other gets epochs one by one, projects in any order, and is called for
    /// ranges of any size.
    #[test]
    fn a_chain_does_not_depend_on_how_it_was_made(
        projects in any_projects(),
        steps in proptest::collection::vec(0_u64..90, 12),
        order in any::<u64>(),
    ) {
        const N_EPOCHS: u64 = 40;
        let mut at_once = chained(&projects, N_EPOCHS);
        let mut bit_by_bit = light();
        let (mut last, mut known) = (100, 0);
        for step in steps.into_iter().chain([N_EPOCHS * 10]) {
            last = (last + step).min(end(N_EPOCHS - 1));
            while known < N_EPOCHS && end(known) <= last + 15 {
                let mut shuffled: Vec<_> = projects.iter().enumerate().collect();
                shuffled.sort_by_key(|(i, _)| (order ^ known).rotate_left(u32::try_from(*i).unwrap() * 7).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                add_epoch(&mut bit_by_bit, known, 2);
                for (_, project) in shuffled {
                    if let Some(snapshot) = snapshot(project, known) {
                        add_snapshot(&mut bit_by_bit, known, &snapshot);
                    }
                }
                known += 1;
            }
            execute(&mut bit_by_bit, last).unwrap();
        }
        prop_assert_eq!(dump(&mut at_once), dump(&mut bit_by_bit));
        let rows = at_once.ask("SELECT count(*) FROM dag", &[]).unwrap();
        let expected: u64 = projects.iter().filter_map(|project| (0..N_EPOCHS).find(|id| snapshot(project, *id).is_some())).map(|first| N_EPOCHS - first).sum();
        prop_assert_eq!(rows.first().unwrap().value(0), Value::count(expected));
    }
}
