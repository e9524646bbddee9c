//! Reorgs on a real chain while a node follows it, with the node killed now and then. What is stored in the end is what
//! the chain has, to the row.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{env, thread};

use alloy::primitives::{Address, B256, U256};
use index::block::Checkpoint;
use index::chain::{BlockingReader, Chain};
use index::config::{ChainConfig, EndpointConfig};
use index::database;
use index::kind::Reader;
use index::node::Node;
use index::progress::Event;
use index::rpc::Bounds;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::anvil::Anvil;
use crate::run::{Running, node};
use crate::store::Store;
use crate::turns::on_runtime;

/// A block is final when 160 follow it, which is more than any reorg here takes.
const SLOTS: u64 = 80;

/// The deepest reorg.
const DEEPEST: u64 = 70;

const URL: &str = "INDEX_TEST_URL";
const STORE: &str = "INDEX_TEST_LIVE_STORE";
const TOKEN: &str = "INDEX_TEST_TOKEN";

/// Numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    /// From 0 to `below`, without it.
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

fn live(url: &str, store: &str, token: Address) -> Node<Chain> {
    let endpoints = vec![EndpointConfig { url: url.to_owned(), limit: None }];
    let config = ChainConfig { id: 31_337, endpoints, finality_blocks: None, poll_ms: 20 };
    let chain = Arc::new(Chain::new(&config, Bounds::default()).unwrap());
    let reader: Arc<dyn Reader> = Arc::new(BlockingReader::new(Arc::clone(&chain), Handle::current()));
    Node { reader, ..node(&chain, store, &[token]) }
}

/// In a process of its own: a node that runs until it is killed. Does nothing in the tests' process.
#[test]
fn child() {
    let Ok(url) = env::var(URL) else { return };
    let (store, token) = (env::var(STORE).unwrap(), env::var(TOKEN).unwrap().parse().unwrap());
    on_runtime(async move {
        let error = Running::start(live(&url, &store, token)).end().await.unwrap_err();
        panic!("{error}");
    });
}

fn spawn(url: &str, store: &str, token: Address) -> Child {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["matrix::child", "--exact"]).stdout(Stdio::null()).stderr(Stdio::null());
    child.envs([(URL, url), (STORE, store)]).env(TOKEN, token.to_string()).spawn().unwrap()
}

/// A chain, what happens to it, and how high it was.
struct Chaos {
    anvil: Anvil,
    token: Address,
    dice: Dice,
    /// What a chain that keeps its word may not go below.
    floor: u64,
    mode: Mode,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Replace,
    RollBack,
    Mixed,
}

impl Chaos {
    fn start(seed: u64) -> Self {
        let anvil = Anvil::start(SLOTS);
        let token = anvil.deploy();
        let mode = [Mode::Replace, Mode::RollBack, Mode::Mixed][usize::try_from(seed % 3).unwrap()];
        Self { anvil, token, dice: Dice(seed), floor: 2, mode }
    }

    /// Mines blocks, some of which have logs.
    fn grow(&mut self, n_blocks: u64) {
        for _ in 0..n_blocks {
            match self.dice.roll(3) {
                0 => drop(self.anvil.ask("anvil_mine", json!(["0x1"]))),
                _ => {
                    let mint = self.mint();
                    self.anvil.send(mint);
                }
            }
        }
    }

    fn mint(&mut self) -> Value {
        let amount = self.dice.roll(1_000_000);
        self.anvil.mint(self.token, amount)
    }

    /// One thing that happens.
    fn turn(&mut self) {
        let height = self.anvil.height();
        self.floor = self.floor.max(height.saturating_sub(2 * SLOTS));
        // Small ones are as many as deep ones.
        let deepest = if self.dice.roll(2) == 0 { 3 } else { DEEPEST };
        let depth = (1 + self.dice.roll(deepest)).min(height.saturating_sub(self.floor));
        let is_reorg = self.dice.roll(3) == 0 && depth > 0;
        let replaces = match self.mode {
            Mode::Replace => true,
            Mode::RollBack => false,
            Mode::Mixed => self.dice.roll(2) == 0,
        };
        match (is_reorg, replaces) {
            (true, true) => self.replace(depth),
            (true, false) => {
                self.anvil.ask("anvil_rollback", json!([depth]));
                let n_blocks = self.dice.roll(4);
                self.grow(n_blocks);
            }
            (false, _) => {
                let n_blocks = 1 + self.dice.roll(12);
                self.grow(n_blocks);
            }
        }
    }

    /// Other blocks in place of the last ones. The first of them gets a transaction, else it might be the same again.
    fn replace(&mut self, depth: u64) {
        let mut transactions = vec![json!([self.mint(), 0])];
        for place in 1..depth {
            if self.dice.roll(3) == 0 {
                transactions.push(json!([self.mint(), place]));
            }
        }
        self.anvil.ask("anvil_reorg", json!([depth, transactions]));
    }

    fn head(&self) -> Checkpoint {
        let number = self.anvil.height();
        Checkpoint { number, hash: self.anvil.hash(number) }
    }

    /// Compares the store with what the chain says of each block by its hash.
    #[track_caller]
    fn compare(&self, store: &str, seed: u64) {
        let mut database = database::open(store).unwrap();
        let rows = database.ask("SELECT block, idx, tx, value FROM toy_transfer ORDER BY block, idx", &[]).unwrap();
        let stored: Vec<(u64, u64, B256, U256)> = rows
            .iter()
            .map(|row| (row.count(0).unwrap(), row.count(1).unwrap(), row.hash(2).unwrap(), row.amount(3).unwrap()))
            .collect();
        let logs = self.anvil.logs(self.token);
        let missing: Vec<_> = logs.iter().filter(|log| !stored.contains(log)).collect();
        let orphans: Vec<_> = stored.iter().filter(|row| !logs.contains(row)).collect();
        assert!(missing.is_empty() && orphans.is_empty(), "seed {seed}: missing {missing:?}, orphans {orphans:?}");
        assert_eq!(stored, logs, "seed {seed}: some are there twice");
        assert!(!stored.is_empty());
        let blocks = database.ask("SELECT number, hash FROM block ORDER BY number", &[]).unwrap();
        assert_eq!(blocks.len() as u64, self.anvil.height());
        for row in blocks.iter() {
            assert_eq!(row.hash(1).unwrap(), self.anvil.hash(row.count(0).unwrap()), "seed {seed}");
        }
    }
}

/// The seeds to try: as many as `REORG_SEEDS` says, from 0 on, or a handful.
fn seeds() -> std::ops::Range<u64> {
    0..env::var("REORG_SEEDS").map_or(4, |n_seeds| n_seeds.parse().expect("REORG_SEEDS is a number"))
}

#[test]
fn the_store_is_what_the_chain_says() {
    for seed in seeds() {
        on_runtime(async {
            let mut chaos = Chaos::start(seed);
            let store = Store::file("live");
            chaos.grow(100);
            let mut running = Running::start(live(&chaos.anvil.url(), &store.address, chaos.token));
            running.until(|event| *event == Event::Committed { stage: "logs" }).await;
            for _ in 0..30 {
                chaos.turn();
                // Sometimes the node comes to rest, sometimes the next thing happens while it is at work.
                match chaos.dice.roll(3) {
                    0 => running.until_at(chaos.head()).await,
                    1 => thread::sleep(Duration::from_millis(chaos.dice.roll(150))),
                    _ => {}
                }
            }
            running.until_at(chaos.head()).await;
            running.stop().await;
            chaos.compare(&store.address, seed);
        });
    }
}

#[test]
fn the_store_is_what_the_chain_says_though_the_node_is_killed() {
    for seed in seeds() {
        on_runtime(async {
            let mut chaos = Chaos::start(seed + 1_000);
            let store = Store::file("killed");
            chaos.grow(100);
            for _ in 0..6 {
                let mut child = spawn(&chaos.anvil.url(), &store.address, chaos.token);
                for _ in 0..5 {
                    chaos.turn();
                    thread::sleep(Duration::from_millis(chaos.dice.roll(60)));
                }
                child.kill().unwrap();
                child.wait().unwrap();
            }
            let mut running = Running::start(live(&chaos.anvil.url(), &store.address, chaos.token));
            running.until_at(chaos.head()).await;
            running.stop().await;
            chaos.compare(&store.address, seed);
        });
    }
}

#[test]
fn every_depth_is_followed() {
    on_runtime(async {
        let mut chaos = Chaos::start(7);
        let store = Store::file("depths");
        chaos.grow(DEEPEST + 5);
        let mut running = Running::start(live(&chaos.anvil.url(), &store.address, chaos.token));
        running.until_at(chaos.head()).await;
        for depth in [1, 2, 3, 10, 31, 32, 33, 63, 64, 65, DEEPEST] {
            let head = chaos.head().number;
            chaos.replace(depth);
            let unwound = running.until(|event| matches!(event, Event::Unwound { .. })).await;
            assert_eq!(unwound, Event::Unwound { from: head, to: head - depth });
            running.until_at(chaos.head()).await;
            chaos.compare(&store.address, depth);
        }
        running.stop().await;
    });
}
