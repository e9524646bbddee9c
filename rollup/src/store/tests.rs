//! The store as the node uses it.

use std::collections::BTreeSet;

use alloy::primitives::keccak256;
use proptest::prelude::*;
use rusqlite::types::Value;

use super::*;
use crate::tree;

const EPOCH_LENGTH: u64 = 4;

/// What happens in one block: the answers to its inputs, and the outputs executed in it, unless they were before.
#[derive(Clone, Debug)]
struct Block {
    answers: Vec<Answer>,
    executed: Vec<u64>,
    /// Whether a scan ends here.
    is_end: bool,
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let raws = || prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4);
    (0..4_u8, raws(), raws()).prop_map(|(status, outputs, reports)| match status {
        0 => Answer { status: InputStatus::Rejected, outputs: Vec::new(), reports },
        1 => Answer { status: InputStatus::Exception, outputs: Vec::new(), reports },
        _ => Answer { status: InputStatus::Accepted, outputs, reports },
    })
}

fn any_blocks(max: usize) -> impl Strategy<Value = Vec<Block>> {
    let answers = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(any_answer(), 1..4)];
    let block = (answers, prop::collection::vec(0..12_u64, 0..2), any::<bool>());
    let block = block.prop_map(|(answers, executed, is_end)| Block { answers, executed, is_end });
    prop::collection::vec(block, 1..max)
}

fn empty_store() -> Store {
    let store = Store::open(Path::new(":memory:")).unwrap();
    let [input_box, app, consensus] = [1, 2, 3].map(Address::with_last_byte);
    let (chain_id, epoch_length, template_hash, from_block) = (31337, EPOCH_LENGTH, B256::ZERO, 0);
    let setup = Setup { chain_id, input_box, app, consensus, epoch_length, template_hash, from_block };
    store.set_up(&setup).unwrap();
    store
}

fn hash_of(way: &str, block: u64) -> B256 {
    keccak256(format!("{way} {block}"))
}

/// Feeds blocks from `first` on, as the node does; the application answers the first `n_answers` inputs.
fn feed(store: &mut Store, way: &str, first: u64, blocks: &[Block], n_answers: usize) {
    let (mut found, mut answers) = (Found::default(), Vec::new());
    let mut next = store.n_inputs().unwrap();
    for (number, block) in (first..).zip(blocks) {
        let hash = hash_of(way, number);
        for answer in &block.answers {
            let input = Input {
                index: next,
                epoch: number / EPOCH_LENGTH,
                block_number: number,
                transaction_hash: hash,
                sender: Address::with_last_byte(9),
                raw: format!("{way} {next}").into_bytes(),
                status: InputStatus::Unprocessed,
            };
            found.inputs.push((input, hash));
            answers.push(answer);
            next += 1;
        }
        let execution = |output: &u64| Execution { output: *output, transaction: hash, block: number };
        found.executions.extend(block.executed.iter().map(execution));
        if block.is_end || number + 1 == first + blocks.len() as u64 {
            let mut executed = executed_outputs(store);
            found.executions.retain(|Execution { output, .. }| executed.insert(*output));
            store.add_scan(&found, (number, hash)).unwrap();
            for ((input, _), answer) in found.inputs.iter().zip(answers.drain(..)) {
                if input.index < n_answers as u64 && store.n_processed().unwrap() == input.index {
                    store.record(input.index, answer).unwrap();
                }
            }
            store.close_epochs(number).unwrap();
            found = Found::default();
        }
    }
}

fn executed_outputs(store: &Store) -> BTreeSet<u64> {
    let mut statement = store.connection.prepare("SELECT output FROM execution").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// All rows of all tables.
fn rows(store: &Store) -> Vec<(String, Vec<Vec<Value>>)> {
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let mut tables = store.connection.prepare(tables).unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
    let rows = |table: &str| {
        let key = if table == "node" { "1, 2" } else { "1" };
        let mut statement = store.connection.prepare(&format!("SELECT * FROM {table} ORDER BY {key}")).unwrap();
        let width = statement.column_count();
        let rows = statement.query_map([], |row| (0..width).map(|column| row.get(column)).collect()).unwrap();
        rows.map(Result::unwrap).collect()
    };
    tables.map(|table| (table.clone(), rows(&table))).collect()
}

/// As `feed` ends its scans: one that is cut off ends there.
fn until(blocks: &[Block], cut: usize) -> &[Block] {
    &blocks[..=cut]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_that_goes_back_is_one_that_never_went_on(
        blocks in any_blocks(20),
        others in any_blocks(10),
        n_answers in 0..30_usize,
    ) {
        let last = blocks.len() - 1;
        // The node goes back to blocks whose hashes it has: those with inputs, and the ends of scans.
        for cut in (0..=last).filter(|cut| !blocks[*cut].answers.is_empty() || blocks[*cut].is_end || *cut == last) {
            let mut store = empty_store();
            feed(&mut store, "one", 0, &blocks, n_answers);
            for epoch in store.epochs(Some(EpochStatus::Computed), Page { limit: 9, offset: 0 }).unwrap().0 {
                store.note_claim(epoch.index, EpochStatus::Accepted, Some(B256::ZERO)).unwrap();
            }
            let mut expected = empty_store();
            feed(&mut expected, "one", 0, until(&blocks, cut), n_answers);

            let n_inputs = store.unwind(cut as u64).unwrap();
            store.forget_put_back().unwrap();
            store.close_epochs(cut as u64).unwrap();
            prop_assert_eq!(n_inputs, expected.n_inputs().unwrap());
            prop_assert_eq!(rows(&store), rows(&expected), "cut after block {}", cut);

            for store in [&mut store, &mut expected] {
                feed(store, "other", cut as u64 + 1, &others, usize::MAX);
            }
            prop_assert_eq!(rows(&store), rows(&expected), "cut after block {}, then another way", cut);
            let count = store.n_outputs().unwrap();
            for output in (0..count).step_by(7) {
                let siblings = store.siblings(output, count).unwrap();
                let hash = store.output(output).unwrap().unwrap().hash;
                prop_assert_eq!(tree::root_from(hash, output, &siblings), store.root(count).unwrap());
            }
        }
    }
}

fn accepted(outputs: &[&str]) -> Answer {
    let outputs = outputs.iter().map(|output| output.as_bytes().to_vec()).collect();
    Answer { status: InputStatus::Accepted, outputs, reports: Vec::new() }
}

fn block(answers: Vec<Answer>) -> Block {
    Block { answers, executed: Vec::new(), is_end: true }
}

#[track_caller]
fn check_epochs(store: &Store, expected: &[(u64, u64, Option<u64>, EpochStatus)]) {
    let (epochs, count) = store.epochs(None, Page { limit: 9, offset: 0 }).unwrap();
    let found = |epoch: &Epoch| (epoch.index, epoch.virtual_index, epoch.n_outputs, epoch.status);
    assert_eq!(epochs.iter().map(found).collect::<Vec<_>>(), expected);
    assert_eq!(count, expected.len() as u64);
    for epoch in epochs {
        assert_eq!(epoch.outputs_root, epoch.n_outputs.map(|n_outputs| store.root(n_outputs).unwrap()));
    }
}

#[test]
fn an_epoch_closes_with_its_last_block_once_all_its_inputs_are_processed() {
    let mut store = empty_store();
    let blocks = [block(vec![accepted(&["a", "b"])]), block(vec![]), block(vec![accepted(&["c"]), accepted(&[])])];
    feed(&mut store, "one", 0, &blocks, 2);
    store.close_epochs(2).unwrap();
    check_epochs(&store, &[(0, 0, None, EpochStatus::Open)]);
    store.close_epochs(3).unwrap();
    // Its third input is not processed.
    check_epochs(&store, &[(0, 0, None, EpochStatus::Open)]);
    store.record(2, &accepted(&["d"])).unwrap();
    store.close_epochs(2).unwrap();
    check_epochs(&store, &[(0, 0, None, EpochStatus::Open)]);
    store.close_epochs(3).unwrap();
    check_epochs(&store, &[(0, 0, Some(4), EpochStatus::Computed)]);
}

#[test]
fn an_epoch_without_inputs_is_none_and_one_without_outputs_has_the_root_before_it() {
    let mut store = empty_store();
    let mut blocks = vec![block(vec![]); 13];
    blocks[0].answers.push(accepted(&["a"]));
    blocks[9].answers.push(accepted(&[]));
    feed(&mut store, "one", 0, &blocks, 9);
    check_epochs(&store, &[(0, 0, Some(1), EpochStatus::Computed), (2, 1, Some(1), EpochStatus::Computed)]);
}

#[test]
fn a_computed_epoch_is_not_computed_again() {
    let mut store = empty_store();
    feed(&mut store, "one", 0, &vec![block(vec![accepted(&["a"])]); 4], 9);
    store.note_claim(0, EpochStatus::Submitted, Some(B256::repeat_byte(7))).unwrap();
    store.note_claim(0, EpochStatus::Accepted, None).unwrap();
    store.close_epochs(100).unwrap();
    check_epochs(&store, &[(0, 0, Some(4), EpochStatus::Accepted)]);
    assert_eq!(store.last_accepted_epoch().unwrap().unwrap().claim_transaction, Some(B256::repeat_byte(7)));
}

/// Five inputs in as many blocks, of which `n_answers` are processed, and the chain goes another way after `block`.
#[track_caller]
fn check_put_back(n_answers: usize, block: u64, expected: bool) {
    let mut store = empty_store();
    feed(&mut store, "one", 0, &vec![self::block(vec![accepted(&["a"])]); 5], n_answers);
    store.unwind(block).unwrap();
    assert_eq!(store.is_to_put_back().unwrap(), expected, "{n_answers} answers, back to block {block}");
    store.forget_put_back().unwrap();
    assert!(!store.is_to_put_back().unwrap());
}

#[test]
fn the_application_is_to_be_put_back_when_it_may_have_had_an_input_that_is_forgotten() {
    check_put_back(5, 4, false);
    check_put_back(5, 3, true);
    check_put_back(3, 1, true);
    // The fourth input may be under way.
    check_put_back(3, 2, true);
    check_put_back(3, 3, false);
    check_put_back(0, 0, false);
}

#[test]
fn another_start_of_the_system_puts_the_application_back() {
    let mut store = empty_store();
    for (boot, expected) in [("one", false), ("one", false), ("two", true), ("two", true)] {
        store.note_boot(boot).unwrap();
        assert_eq!((store.is_to_put_back().unwrap(), store.boot().unwrap().as_deref()), (expected, Some(boot)));
    }
}

#[test]
fn an_execution_that_is_read_before_its_output_is_recorded_is_shown() {
    let mut store = empty_store();
    let hash = hash_of("one", 1);
    let blocks = [block(vec![accepted(&["a", "b"])]), Block { executed: vec![1], ..block(vec![]) }, block(vec![])];
    feed(&mut store, "one", 0, &blocks, 0);
    assert_eq!(store.output(1).unwrap(), None);
    store.record(0, &accepted(&["a", "b"])).unwrap();
    let executed = |store: &Store, index| store.output(index).unwrap().unwrap().execution_transaction;
    assert_eq!((executed(&store, 0), executed(&store, 1)), (None, Some(hash)));
    for (is_executed, expected) in [(true, [1]), (false, [0])] {
        let (list, mut listed) = (List { is_executed: Some(is_executed), limit: 9, ..List::default() }, Vec::new());
        let each = |output: Output| {
            listed.push(output.index);
            Ok::<_, StoreError>(())
        };
        assert_eq!(store.list_outputs(&list, each).unwrap(), 1);
        assert_eq!(listed, expected);
    }
    store.unwind(1).unwrap();
    assert_eq!(executed(&store, 1), Some(hash));
    store.unwind(0).unwrap();
    assert_eq!(executed(&store, 1), None);
}

#[test]
fn a_database_of_the_first_kind_keeps_its_executions() {
    let path = std::env::temp_dir().join(format!("rollup-store-first-{}", std::process::id()));
    std::fs::remove_file(&path).ok();
    let database = Connection::open(&path).unwrap();
    database.execute_batch(MIGRATIONS[0]).unwrap();
    database.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    database.pragma_update(None, "user_version", 1).unwrap();
    let rows = "INSERT INTO epoch (id, virtual_index, status) VALUES (0, 0, 'OPEN'); \
                INSERT INTO input VALUES (0, 0, 3, zeroblob(32), zeroblob(20), x'', 'ACCEPTED', 2); \
                INSERT INTO output VALUES (0, 0, x'0a', zeroblob(32), NULL, NULL); \
                INSERT INTO output VALUES (1, 0, x'0b', zeroblob(32), zeroblob(32), 4);";
    database.execute_batch(rows).unwrap();
    drop(database);
    let mut store = Store::open(&path).unwrap();
    let executed = |store: &Store| {
        [0, 1].map(|index| store.output(index).unwrap().map(|output| (output.raw, output.execution_transaction)))
    };
    assert_eq!(executed(&store), [Some((vec![10], None)), Some((vec![11], Some(B256::ZERO)))]);
    store.unwind(3).unwrap();
    assert_eq!(executed(&store), [Some((vec![10], None)), Some((vec![11], None))]);
    drop(store);
    std::fs::remove_file(&path).unwrap();
}
