//! Reorgs on a real chain while a node follows it, with the node killed now and then. What is stored in the end is what
//! the chain has, to the row.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{env, thread};

use alloy::primitives::{Address, B256, U256};
use index::chain::{BlockingReader, Chain};
use index::config::{ChainConfig, EndpointConfig};
use index::database::{self, Database};
use index::epoch::Epochs;
use index::kind::Reader;
use index::node::{self, Node};
use index::progress::{Event, Progress};
use index::rows::Row;
use index::rpc::Bounds;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::anvil::Anvil;
use crate::run::{EPOCHS, Running, node};
use crate::store::Store;
use crate::token;
use crate::turns::on_runtime;

/// A block is final when 160 follow it, which is more than any reorg here takes.
pub(crate) const SLOTS: u64 = 80;

/// The deepest reorg.
pub(crate) const DEEPEST: u64 = 70;

/// Seeds that are tried side by side; all spend some of their time waiting.
pub(crate) const N_AT_A_TIME: usize = 4;

const URL: &str = "INDEX_TEST_URL";
const STORE: &str = "INDEX_TEST_LIVE_STORE";
const TOKEN: &str = "INDEX_TEST_TOKEN";

/// Numbers that are the same for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// From 0 to `below`, without it.
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

pub(crate) fn live(url: &str, store: &str, token: Address, bounds: Bounds) -> Node<Chain> {
    let endpoints = vec![EndpointConfig { url: url.to_owned(), limit: None }];
    let config = ChainConfig { id: 31_337, endpoints, finality_blocks: None, poll_ms: 20 };
    let chain = Arc::new(Chain::new(&config, bounds).unwrap());
    let reader: Arc<dyn Reader> = Arc::new(BlockingReader::new(Arc::clone(&chain), Handle::current()));
    Node { reader, ..node(&chain, store, &[token]) }
}

/// In a process of its own: a node that runs until it is killed. Does nothing in the tests' process.
#[test]
fn child() {
    let Ok(url) = env::var(URL) else { return };
    let (store, token) = (env::var(STORE).unwrap(), env::var(TOKEN).unwrap().parse().unwrap());
    on_runtime(async move {
        let node = live(&url, &store, token, Bounds::default());
        let (progress, _) = watch::channel(Progress::default());
        let error = node::run(node, Arc::new(|_| {}), progress, std::future::pending()).await.unwrap_err();
        panic!("{error}");
    });
}

pub(crate) fn spawn(url: &str, store: &str, token: Address) -> Child {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["matrix::child", "--exact", "--nocapture"]).stdout(Stdio::null());
    child.envs([(URL, url), (STORE, store)]).env(TOKEN, token.to_string()).spawn().unwrap()
}

/// A chain, what happens to it, and how high it was.
pub(crate) struct Chaos {
    pub(crate) anvil: Anvil,
    pub(crate) token: Address,
    pub(crate) dice: Dice,
    /// What a chain that keeps its word may not go below.
    floor: u64,
    mode: Mode,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    Replace,
    RollBack,
    Mixed,
}

impl Mode {
    pub(crate) fn of(seed: u64) -> Self {
        [Self::Replace, Self::RollBack, Self::Mixed][usize::try_from(seed % 3).unwrap()]
    }

    pub(crate) fn replaces(self, dice: &mut Dice) -> bool {
        match self {
            Self::Replace => true,
            Self::RollBack => false,
            Self::Mixed => dice.roll(2) == 0,
        }
    }
}

impl Chaos {
    pub(crate) fn start(seed: u64) -> Self {
        let anvil = token::start(SLOTS, &[]);
        let token = anvil.deploy();
        Self { anvil, token, dice: Dice(seed), floor: 2, mode: Mode::of(seed) }
    }

    /// A chain that is the same, to the hash, for each that the same is done to.
    pub(crate) fn start_at(timestamp: u64) -> Self {
        let anvil = token::start(SLOTS, &["--timestamp", &timestamp.to_string()]);
        anvil.ask("anvil_setBlockTimestampInterval", &json!([12]));
        let token = anvil.deploy();
        Self { anvil, token, dice: Dice(timestamp), floor: 2, mode: Mode::Mixed }
    }

    fn node(&self, store: &Store) -> Node<Chain> {
        live(self.anvil.url(), &store.address, self.token, Bounds::default())
    }

    /// Mines blocks, some of which have logs.
    pub(crate) fn grow(&mut self, n_blocks: u64) {
        for _ in 0..n_blocks {
            match self.dice.roll(3) {
                0 => drop(self.anvil.ask("anvil_mine", &json!(["0x1"]))),
                _ => {
                    let mint = self.mint();
                    self.anvil.send(&mint);
                }
            }
        }
    }

    fn mint(&mut self) -> Value {
        let amount = self.dice.roll(1_000_000);
        token::mint(self.token, amount)
    }

    /// One thing that happens.
    pub(crate) fn turn(&mut self) {
        let height = self.anvil.height();
        self.floor = self.floor.max(height.saturating_sub(2 * SLOTS));
        // Small ones are as many as deep ones.
        let deepest = if self.dice.roll(2) == 0 { 3 } else { DEEPEST };
        let depth = (1 + self.dice.roll(deepest)).min(height.saturating_sub(self.floor));
        let is_reorg = self.dice.roll(3) == 0 && depth > 0;
        let replaces = self.mode.replaces(&mut self.dice);
        match (is_reorg, replaces) {
            (true, true) => self.replace(depth),
            (true, false) => {
                self.anvil.ask("anvil_rollback", &json!([depth]));
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
    pub(crate) fn replace(&mut self, depth: u64) {
        let mut transactions = vec![json!([self.mint(), 0])];
        for place in 1..depth {
            if self.dice.roll(3) == 0 {
                transactions.push(json!([self.mint(), place]));
            }
        }
        self.anvil.ask("anvil_reorg", &json!([depth, transactions]));
    }
}

/// Compares a store with what a chain that stands still says of each block by its hash.
#[track_caller]
pub(crate) fn compare(anvil: &Anvil, token: Address, store: &str, seed: u64) {
    let mut database = database::open(store).unwrap();
    let rows = database.ask("SELECT block, idx, tx, value FROM toy_transfer ORDER BY block, idx", &[]).unwrap();
    let stored: Vec<(u64, u64, B256, U256)> = rows
        .iter()
        .map(|row| (row.count(0).unwrap(), row.count(1).unwrap(), row.hash(2).unwrap(), row.amount(3).unwrap()))
        .collect();
    let logs = anvil.logs(token);
    let missing: Vec<_> = logs.iter().filter(|log| !stored.contains(log)).collect();
    let orphans: Vec<_> = stored.iter().filter(|row| !logs.contains(row)).collect();
    assert!(missing.is_empty() && orphans.is_empty(), "seed {seed}: missing {missing:?}, orphans {orphans:?}");
    assert_eq!(stored, logs, "seed {seed}: some are there twice");
    assert!(!stored.is_empty());
    let head = anvil.height();
    let hashes: Vec<B256> = (0..=head).map(|height| anvil.hash(height)).collect();
    let blocks = database.ask("SELECT number, hash FROM block ORDER BY number", &[]).unwrap();
    let blocks: Vec<_> = blocks.iter().map(|row| (row.count(0).unwrap(), row.hash(1).unwrap())).collect();
    assert_eq!(blocks, (1..).zip(hashes[1..].iter().copied()).collect::<Vec<_>>(), "seed {seed}");
    compare_epochs(database.as_mut(), &hashes, seed);
}

/// Epochs follow each other, each once, with the chain's hashes, at least up to the last that ends far enough behind
/// the head. One that did so before the head went down stays as long as its end does.
fn compare_epochs(database: &mut dyn Database, hashes: &[B256], seed: u64) {
    let at = |height: u64| hashes[usize::try_from(height).unwrap()];
    let Epochs { genesis, size, offset } = EPOCHS;
    let n_ended = |n_blocks: u64| n_blocks.saturating_sub(genesis) / size;
    let n_blocks = hashes.len() as u64;
    let columns = "id, first, last, begin_parent_hash, end_hash";
    let rows = database.ask(&format!("SELECT {columns} FROM epoch WHERE state > 0 ORDER BY id"), &[]).unwrap();
    let count = |row: &Row<'_>, column| row.count(column).unwrap();
    let found: Vec<_> = rows
        .iter()
        .map(|row| (count(&row, 0), count(&row, 1), count(&row, 2), row.hash(3).unwrap(), row.hash(4).unwrap()))
        .collect();
    let n_epochs = found.len() as u64;
    assert!((n_ended(n_blocks - offset)..=n_ended(n_blocks)).contains(&n_epochs), "seed {seed}: {n_epochs} epochs");
    let expected: Vec<_> = (0..n_epochs)
        .map(|id| (id, genesis + id * size, genesis + id * size + size - 1))
        .map(|(id, first, last)| (id, first, last, at(first - 1), at(last)))
        .collect();
    assert_eq!(found, expected, "seed {seed}");
    for row in database.ask("SELECT epoch, end_hash FROM snapshot", &[]).unwrap().iter() {
        let (epoch, end_hash) = (count(&row, 0), row.hash(1).unwrap());
        assert_eq!(end_hash, at(genesis + epoch * size + size - 1), "seed {seed}: a snapshot of epoch {epoch}");
    }
}

/// How many seeds to try: as many as `REORG_SEEDS` says.
pub(crate) fn n_wanted() -> Option<u64> {
    env::var("REORG_SEEDS").ok().map(|n_seeds| n_seeds.parse().expect("REORG_SEEDS is a number"))
}

/// Tries the seeds from 0 on, so many at a time: those that are wanted, or a handful.
pub(crate) fn each_seed(handful: u64, n_at_a_time: usize, try_it: impl Fn(u64) + Sync) {
    let (n_seeds, next) = (n_wanted().unwrap_or(handful), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..n_at_a_time {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < n_seeds) {
                    try_it(seed);
                }
            });
        }
    });
}

#[test]
fn the_store_is_what_the_chain_says() {
    each_seed(4, N_AT_A_TIME, |seed| {
        on_runtime(async {
            let mut chaos = Chaos::start(seed);
            let store = Store::file("live");
            chaos.grow(100);
            let mut running = Running::start(chaos.node(&store));
            running.until(|event| *event == Event::Committed { stage: "logs" }).await;
            for _ in 0..30 {
                chaos.turn();
                // Sometimes the node comes to rest, sometimes the next thing happens while it is at work.
                match chaos.dice.roll(3) {
                    0 => running.until_at(chaos.anvil.head()).await,
                    1 => thread::sleep(Duration::from_millis(chaos.dice.roll(150))),
                    _ => {}
                }
            }
            running.until_at(chaos.anvil.head()).await;
            running.stop().await;
            compare(&chaos.anvil, chaos.token, &store.address, seed);
        });
    });
}

#[test]
fn the_store_is_what_the_chain_says_though_the_node_is_killed() {
    each_seed(4, N_AT_A_TIME, |seed| {
        on_runtime(async {
            let mut chaos = Chaos::start(seed + 1_000);
            let store = Store::file("killed");
            chaos.grow(100);
            for _ in 0..6 {
                let mut child = spawn(chaos.anvil.url(), &store.address, chaos.token);
                for _ in 0..5 {
                    chaos.turn();
                    thread::sleep(Duration::from_millis(chaos.dice.roll(60)));
                }
                child.kill().unwrap();
                child.wait().unwrap();
            }
            let mut running = Running::start(chaos.node(&store));
            running.until_at(chaos.anvil.head()).await;
            running.stop().await;
            compare(&chaos.anvil, chaos.token, &store.address, seed);
        });
    });
}

#[test]
fn every_depth_is_followed() {
    on_runtime(async {
        let mut chaos = Chaos::start(7);
        let store = Store::file("depths");
        chaos.grow(DEEPEST + 5);
        let mut running = Running::start(chaos.node(&store));
        running.until_at(chaos.anvil.head()).await;
        for depth in [1, 2, 3, 10, 31, 32, 33, 63, 64, 65, DEEPEST] {
            let head = chaos.anvil.head().number;
            chaos.replace(depth);
            let unwound = running.until(|event| matches!(event, Event::Unwound { .. })).await;
            assert_eq!(unwound, Event::Unwound { from: head, to: head - depth });
            running.until_at(chaos.anvil.head()).await;
            compare(&chaos.anvil, chaos.token, &store.address, depth);
        }
        running.stop().await;
    });
}
