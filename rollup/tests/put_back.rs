//! Stops the node at every point while it takes the application back: whoever goes on ends what was begun.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../../cli/src/anvil.rs"]
#[allow(dead_code)]
mod anvil;
#[allow(dead_code)]
mod world;

use std::fs;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::Poll;

use alloy::primitives::{B256, U256};
use alloy::providers::Provider;
use rollup::{Answer, Event, Found, Input, InputStatus, Node, Store};
use rusqlite::{Connection, OpenFlags};
use world::{World, ask, step, user};

/// Points at which a future is given up, at most.
const MAX_POINTS: usize = 1_000;

/// Inputs that the application has again after it was put back to a copy.
const REPLAYS: usize = 3;

/// What the node and the application have made of the inputs.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    answers: Vec<Answer>,
    root: B256,
    state: [String; 2],
}

impl Made {
    async fn read(node: &Node, directory: &Path) -> Self {
        let state = [ask(node, "stats").await, ask(node, "solvency/ether").await];
        let store = Store::open(&directory.join("node.db")).unwrap();
        let answers = (0..store.n_processed().unwrap()).map(|index| store.answer(index).unwrap()).collect();
        Self { answers, root: store.root(store.n_outputs().unwrap()).unwrap(), state }
    }
}

impl World {
    async fn node_in(&self, directory: &Path) -> Node {
        Self::node_of(self.anvil.url(), self.app, directory).await
    }

    /// A directory of its own that is as the node left the first.
    fn again(&self, name: &str) -> PathBuf {
        let directory = self.directory.with_extension(name);
        forget(&directory);
        copy(&self.directory, &directory);
        directory
    }

    async fn stream(&self, amount: u64) {
        let (method, recipient) = ("stream", user(1).address());
        let args = serde_json::json!({ "token": "ether", "recipient": recipient, "amount": amount, "duration": 60 });
        self.input(0, &serde_json::json!({ "method": method, "args": args }).to_string()).await;
    }

    /// A node that has stopped after two inputs, of which there is a copy, three more, and `lost` ones after these, which
    /// the chain has replaced since.
    async fn reorganised(name: &str, lost: &[&str]) -> Self {
        let world = Self::start(name).await;
        world.deposit_ether(0, 1_000, &[]).await;
        world.stream(10).await;
        step(&mut world.node().await).await;
        copy(&world.directory.join("application"), &world.directory.join("copies/2"));
        for i in 0..REPLAYS as u64 {
            world.stream(20 + i).await;
        }
        let fork: U256 = world.provider.raw_request("evm_snapshot".into(), ()).await.unwrap();
        for input in lost {
            world.input(0, input).await;
        }
        step(&mut world.node().await).await;
        let _: bool = world.provider.raw_request("evm_revert".into(), [fork]).await.unwrap();
        world.mine(1).await;
        world.stream(300).await;
        world
    }
}

const LOST: [&str; 2] = [r#"{"method":"withdraw","args":{"token":"ether","amount":7}}"#, "nonsense"];

/// What a node makes that nobody stops, and the last block that it keeps.
async fn undisturbed(world: &World) -> (Made, u64) {
    let directory = world.again("undisturbed");
    let mut node = world.node_in(&directory).await;
    let events = step(&mut node).await;
    let kept = events.iter().find_map(|event| match event {
        Event::Reorganised { block, n_inputs } => Some((*block, *n_inputs)),
        _ => None,
    });
    let (block, n_inputs) = kept.unwrap();
    assert_eq!(n_inputs, 2 + REPLAYS as u64);
    let made = Made::read(&node, &directory).await;
    assert_eq!(made.answers.len(), 3 + REPLAYS);
    drop(node);
    forget(&directory);
    (made, block)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_that_is_given_up_at_any_point_ends_as_if_it_were_not() {
    let world = World::reorganised("given-up", &LOST).await;
    let (expected, _) = undisturbed(&world).await;
    for is_killed in [true, false] {
        let (mut between, mut is_over) = (0, false);
        for point in 0..MAX_POINTS {
            let directory = world.again(&format!("point-{is_killed}-{point}"));
            let mut node = world.node_in(&directory).await;
            is_over = up_to(point, &directory, node.step(drop)).await.map(Result::unwrap).is_some();
            between += usize::from(is_to_put_back(&directory));
            if is_killed {
                drop(node);
                node = world.node_in(&directory).await;
                assert!(!is_to_put_back(&directory));
            }
            step(&mut node).await;
            assert!(!is_to_put_back(&directory));
            assert_eq!(Made::read(&node, &directory).await, expected, "point {point}, killed: {is_killed}");
            drop(node);
            forget(&directory);
            if is_over {
                break;
            }
        }
        assert!(is_over && between >= REPLAYS, "{between} points between");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_after_a_power_cut_that_is_given_up_at_any_point_ends_as_if_it_were_not() {
    let world = World::start("power-cut").await;
    world.deposit_ether(0, 1_000, &[]).await;
    for i in 0..REPLAYS as u64 {
        world.stream(20 + i).await;
    }
    let mut node = world.node().await;
    step(&mut node).await;
    let expected = Made::read(&node, &world.directory).await;
    drop(node);
    fs::remove_dir_all(world.directory.join("application")).unwrap();
    let database = Connection::open(world.database()).unwrap();
    database.execute("UPDATE boot SET name = 'the start before'", []).unwrap();
    drop(database);

    let (mut between, mut is_over) = (0, false);
    for point in 0..MAX_POINTS {
        let directory = world.again(&format!("point-{point}"));
        is_over = up_to(point, &directory, world.node_in(&directory)).await.is_some();
        between += usize::from(is_to_put_back(&directory));
        let node = world.node_in(&directory).await;
        assert!(!is_to_put_back(&directory));
        assert_eq!(Made::read(&node, &directory).await, expected, "point {point}");
        drop(node);
        forget(&directory);
        if is_over {
            break;
        }
    }
    assert!(is_over && between > REPLAYS, "{between} points between");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_kill_left_of_the_files_the_next_start_puts_them_back() {
    let world = World::reorganised("files", &LOST).await;
    let (expected, kept) = undisturbed(&world).await;
    type Leave = fn(&Path);
    let left: [(&str, Leave); 4] = [
        ("all of them", |_| ()),
        ("a part of the copy", |directory| fs::create_dir(directory.join("copy")).unwrap()),
        ("none", |directory| fs::remove_dir_all(directory.join("application")).unwrap()),
        ("those of the copy", |directory| {
            fs::remove_dir_all(directory.join("application")).unwrap();
            copy(&directory.join("copies/2"), &directory.join("application"));
        }),
    ];
    for (what, leave) in left {
        let directory = world.again("left");
        // A copy of what the chain has forgotten.
        copy(&directory.join("application"), &directory.join("copies/7"));
        let mut store = Store::open(&directory.join("node.db")).unwrap();
        assert_eq!(store.unwind(kept).unwrap(), 2 + REPLAYS as u64);
        drop(store);
        assert!(is_to_put_back(&directory));
        leave(&directory);
        let mut node = world.node_in(&directory).await;
        assert!(!is_to_put_back(&directory));
        step(&mut node).await;
        assert_eq!(Made::read(&node, &directory).await, expected, "{what}");
        assert!(!directory.join("copies/7").exists());
        drop(node);
        forget(&directory);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_was_under_way_when_the_chain_forgot_it_is_taken_back() {
    let world = World::reorganised("under-way", &LOST[..1]).await;
    let (expected, kept) = undisturbed(&world).await;
    // The application has answered the input, and the node was killed before it had the answer.
    let mut store = world.store();
    let (lost, last) = (store.input(2 + REPLAYS as u64).unwrap().unwrap(), store.blocks(1).unwrap()[0]);
    assert_eq!((lost.status, lost.block_number), (InputStatus::Accepted, last.0));
    store.unwind(kept).unwrap();
    let inputs = vec![(Input { status: InputStatus::Unprocessed, ..lost }, last.1)];
    store.add_scan(&Found { inputs, executions: Vec::new() }, last).unwrap();
    drop(store);
    let database = Connection::open(world.database()).unwrap();
    assert_eq!(database.execute("DELETE FROM put_back", []).unwrap(), 1);
    drop(database);
    let mut node = world.node().await;
    step(&mut node).await;
    assert_eq!(Made::read(&node, &world.directory).await, expected);
}

/// Looks without making or changing anything.
fn is_to_put_back(directory: &Path) -> bool {
    let database = Connection::open_with_flags(directory.join("node.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    database.query_row("SELECT count(*) FROM put_back", [], |row| row.get::<_, u64>(0)).unwrap() > 0
}

/// Gives a future up at the first place where it waits with a note that the application is to be put back, or `point`
/// turns later, unless it is ready by then.
async fn up_to<T>(point: usize, directory: &Path, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left, mut has_begun) = (pin!(future), point, false);
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        has_begun = has_begun || is_to_put_back(directory);
        match (has_begun, left) {
            (true, 0) => return Poll::Ready(None),
            (true, _) => left -= 1,
            (false, _) => {}
        }
        Poll::Pending
    })
    .await
}

/// An application that was killed may still be there for a moment, so this may leave something.
fn forget(directory: &Path) {
    fs::remove_dir_all(directory).ok();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}
