//! Kills the node or its application at any moment, and lets it start again: nothing is lost, repeated or reordered.
//!
//! `ROLLUP_KILLS` sets how often; the moments are the same on every machine, what they hit is not.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../../cli/src/anvil.rs"]
#[allow(dead_code)]
mod anvil;
#[allow(dead_code)]
mod world;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use alloy::primitives::Address;
use rollup::{Answer, Store};
use rusqlite::{Connection, OpenFlags};
use world::{EPOCH_LENGTH, World, step, user};

/// How long a node may take to get through all inputs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Inputs besides the deposit.
const INPUTS: u64 = 80;

/// What a node has made of its inputs.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    answers: Vec<Answer>,
    root: alloy::primitives::B256,
}

impl Made {
    fn read(store: &Store) -> Self {
        let answers = (0..store.n_processed().unwrap()).map(|index| store.answer(index).unwrap()).collect();
        Self { answers, root: store.root(store.n_outputs().unwrap()).unwrap() }
    }
}

/// The process that is killed: this program again, with this one test.
struct Served(Child);

impl Served {
    fn start(world: &World, directory: &Path) -> Self {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "serve", "--ignored", "--nocapture"])
            .env("ROLLUP_CHAIN", world.anvil.url())
            .env("ROLLUP_APP", world.app.to_string())
            .env("ROLLUP_DIRECTORY", directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// The application, if it has been started.
    fn application(&self) -> Option<u32> {
        let node = self.0.id();
        let tasks = fs::read_dir(format!("/proc/{node}/task")).ok()?;
        tasks.flatten().find_map(|task| {
            let children = fs::read_to_string(task.path().join("children")).ok()?;
            children.split_whitespace().next()?.parse().ok()
        })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test]
#[ignore = "runs the node that the other test kills"]
async fn serve() {
    let variable = |name| env::var(name).unwrap();
    let app: Address = variable("ROLLUP_APP").parse().unwrap();
    let mut node = World::node_of(&variable("ROLLUP_CHAIN"), app, Path::new(&variable("ROLLUP_DIRECTORY"))).await;
    node.run(drop).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_changes_nothing() {
    let n_kills: u64 = env::var("ROLLUP_KILLS").map_or(10, |kills| kills.parse().expect("ROLLUP_KILLS is a number"));
    let world = World::start("kill").await;
    script(&world).await;
    let mut node = world.node().await;
    step(&mut node).await;
    let expected = Made::read(&world.store());
    drop(node);
    assert_eq!(expected.answers.len() as u64, INPUTS + 1);

    let mut seed = 7_u64;
    let (mut kills, mut in_the_middle) = (0, 0);
    while kills < n_kills {
        let directory = world.directory.join(format!("run-{kills}"));
        fs::create_dir_all(&directory).unwrap();
        // Up to three kills before the node may finish.
        for _ in 0..3 {
            let served = Served::start(&world, &directory);
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            wait_until_near(&directory, (seed >> 33) % (INPUTS + 2));
            match served.application() {
                Some(application) if (seed >> 20).is_multiple_of(2) => {
                    Command::new("kill").args(["-9", &application.to_string()]).status().unwrap();
                }
                _ => drop(served),
            }
            kills += 1;
            let processed = processed(&directory);
            in_the_middle += u64::from(processed > 0 && processed <= INPUTS);
        }
        let _served = Served::start(&world, &directory);
        wait_until_near(&directory, INPUTS + 1);
        assert_eq!(Made::read(&Store::open(&directory.join("node.db")).unwrap()), expected, "after kill {kills}");
    }
    assert!(in_the_middle > 0, "no kill was in the middle of the inputs");
}

/// Waits until `n` inputs are processed, or all of them.
fn wait_until_near(directory: &Path, n: u64) {
    let begin = Instant::now();
    while processed(directory) < n.min(INPUTS + 1) {
        assert!(begin.elapsed() < DEADLINE, "the node does not get on");
        std::hint::spin_loop();
    }
}

/// Looks without making or changing anything.
fn processed(directory: &Path) -> u64 {
    let database = Connection::open_with_flags(directory.join("node.db"), OpenFlags::SQLITE_OPEN_READ_ONLY);
    let sql = "SELECT ifnull(max(id) + 1, 0) FROM input WHERE n_outputs IS NOT NULL";
    database.and_then(|database| database.query_row(sql, [], |row| row.get(0))).unwrap_or_default()
}

/// A deposit, then streams, cancellations, withdrawals and nonsense, over several epochs.
async fn script(world: &World) {
    world.deposit_ether(0, 1_000_000, &[]).await;
    let bob = user(1).address();
    for i in 0..INPUTS {
        let input = match i % 5 {
            0 | 1 => format!(
                r#"{{"method":"stream","args":{{"token":"ether","recipient":"{bob}","amount":100,"duration":{}}}}}"#,
                3_600 + i
            ),
            2 => format!(r#"{{"method":"cancel_stream","args":{{"stream_id":{}}}}}"#, i / 5 + 1),
            3 => r#"{"method":"withdraw","args":{"token":"ether","amount":7}}"#.to_owned(),
            _ => "nonsense".to_owned(),
        };
        world.input(0, &input).await;
    }
    world.mine(EPOCH_LENGTH).await;
}
