//! Reorgs of a chain whose blocks come at a pace of their own, while a node follows it in a process of its own and is
//! killed now and then.

use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use alloy::primitives::{Address, U256};
use index::block::Checkpoint;
use index::database::{self, Database};
use index::rows::Row;
use serde_json::{Value, json};

use crate::anvil::Anvil;
use crate::matrix::{DEEPEST, Dice, Mode, SLOTS, compare, each_seed, n_wanted, spawn};
use crate::store::Store;
use crate::token;

/// Milliseconds between two blocks, at least and at most.
const BLOCK_MS: [u64; 2] = [50, 1_500];

/// Reorgs before the last one.
const N_REORGS: u64 = 6;

/// Seeds that are tried side by side; all spend nearly all of their time waiting for blocks.
const N_AT_A_TIME: usize = 12;

/// Seeds after which each depth has been the last of each mode.
const N_FOR_ALL: u64 = 3 * DEEPEST;

/// How long the store may take to come to the chain's end before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A chain that two threads change, one at a time. Anvil's own miner would make a block in the middle of a reorg, and one
/// more after it was told to stop.
struct Chain {
    anvil: Anvil,
    token: Address,
    /// The highest block that was called final.
    floor: Mutex<u64>,
}

impl Chain {
    fn start() -> Self {
        let anvil = token::start(SLOTS, &["--auto-impersonate", "--base-fee", "0"]);
        let token = anvil.deploy();
        Self { anvil, token, floor: Mutex::new(2) }
    }

    /// Mines a block each time until nobody holds the other end of `end`.
    fn go_on(&self, block_time: Duration, end: &Receiver<()>) {
        while end.recv_timeout(block_time) == Err(RecvTimeoutError::Timeout) {
            self.mine(&mut self.floor());
        }
    }

    fn mine(&self, floor: &mut u64) {
        self.anvil.ask("evm_mine", &json!([]));
        *floor = self.anvil.height().saturating_sub(2 * SLOTS).max(*floor);
    }

    /// The lock that whoever changes the chain holds.
    fn floor(&self) -> MutexGuard<'_, u64> {
        self.floor.lock().unwrap()
    }
}

/// A reorg that has happened.
#[derive(Clone, Copy, Debug)]
struct Reorg {
    replaces: bool,
    /// Blocks that are gone.
    depth: u64,
    /// Where the chain ended then.
    head: Checkpoint,
}

/// What happens to a chain meanwhile.
struct Life<'a> {
    chain: &'a Chain,
    dice: Dice,
    mode: Mode,
    block_time: Duration,
    n_senders: u64,
    reorgs: Vec<Reorg>,
}

impl<'a> Life<'a> {
    fn new(chain: &'a Chain, seed: u64) -> Self {
        let mut dice = Dice(seed);
        // As many times twice as long as half as long.
        let doublings = BLOCK_MS[1].div_ceil(BLOCK_MS[0]).ilog2() + 1;
        let shortest = BLOCK_MS[0] << dice.roll(doublings.into());
        let block_time = Duration::from_millis((shortest + dice.roll(shortest)).min(BLOCK_MS[1]));
        Self { chain, dice, mode: Mode::of(seed), block_time, n_senders: 0, reorgs: Vec::new() }
    }

    /// Somebody else sends each, so that none waits for one that a reorg has taken.
    fn mint(&mut self) -> Value {
        self.n_senders += 1;
        let sender = Address::from_word(U256::from(0x1620_0000 + self.n_senders).into());
        let mut mint = token::mint_from(sender, self.chain.token, self.dice.roll(1_000_000));
        mint["gasPrice"] = json!("0x0");
        mint
    }

    fn send(&mut self) {
        let mint = self.mint();
        self.chain.anvil.ask("eth_sendTransaction", &json!([mint]));
    }

    /// Transactions, for about so many blocks.
    fn go_on(&mut self, n_blocks: u64) {
        for _ in 0..n_blocks {
            for _ in 0..self.dice.roll(3) {
                self.send();
            }
            thread::sleep(self.block_time.mul_f64(self.dice.roll(200) as f64 / 100.0));
        }
    }

    /// Mines, at once, until so many blocks are there that are not final. Each has a transaction, so that none can come
    /// again after a reorg.
    fn grow(&mut self, n_blocks: u64) {
        let chain = self.chain;
        let mut floor = chain.floor();
        while chain.anvil.height() < *floor + n_blocks {
            self.send();
            chain.mine(&mut floor);
        }
    }

    /// Takes back so many blocks, or as many as are not final.
    fn reorg(&mut self, depth: u64) -> Reorg {
        let chain = self.chain;
        let floor = chain.floor();
        let height = chain.anvil.height();
        let depth = depth.min(height - *floor);
        let replaces = self.mode.replaces(&mut self.dice);
        match (depth, replaces) {
            (0, _) => {}
            (_, true) => self.replace(height, depth),
            (_, false) => drop(chain.anvil.ask("anvil_rollback", &json!([depth]))),
        }
        let reorg = Reorg { replaces, depth, head: chain.anvil.head() };
        self.reorgs.push(reorg);
        reorg
    }

    /// Half of the time by blocks without transactions.
    fn replace(&mut self, height: u64, depth: u64) {
        let anvil = &self.chain.anvil;
        let n_transactions = if self.dice.roll(2) == 0 { 0 } else { 1 + self.dice.roll(depth) };
        let mut places: Vec<_> = (0..n_transactions).map(|_| self.dice.roll(depth)).collect();
        if anvil.block(height - depth + 1)["transactions"] == json!([]) {
            // Else it might come again.
            places.push(0);
        }
        let transactions: Vec<_> = places.into_iter().map(|place| json!([self.mint(), place])).collect();
        anvil.ask("anvil_reorg", &json!([depth, transactions]));
    }

    /// How long it takes until the store ends with a block of the chain, with this one or a later one.
    fn lag(&self, database: &mut dyn Database, head: Checkpoint, seed: u64) -> Duration {
        let since = Instant::now();
        loop {
            let cursors = "SELECT number, hash FROM cursor WHERE name IN ('logs', 'derived', 'epochs')";
            let is_there = |row: Row<'_>| {
                let (number, hash) = (row.count(0).unwrap(), row.hash(1).unwrap());
                number >= head.number && self.chain.anvil.block(number)["hash"] == json!(hash)
            };
            // Before the first start there are no tables.
            if database.ask(cursors, &[]).is_ok_and(|rows| rows.len() == 3 && rows.iter().all(is_there)) {
                return since.elapsed();
            }
            assert!(since.elapsed() < PATIENCE, "seed {seed}: the store does not come to {head:?}");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A node that is killed with this.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let ended = self.0.try_wait().unwrap();
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        assert!(ended.is_none() || thread::panicking(), "the node ended by itself: {ended:?}");
    }
}

/// What came of a seed.
struct Outcome {
    /// How long the index took after the last reorg.
    lag: Duration,
    /// How long it may have taken.
    bound: Duration,
    reorgs: Vec<Reorg>,
}

fn try_seed(seed: u64) -> Outcome {
    let (chain, store) = (Chain::start(), Store::file("pace"));
    let mut life = Life::new(&chain, seed);
    life.grow(100);
    let start = || Killed(spawn(chain.anvil.url(), &store.address, chain.token));
    let mut node = start();
    let mut database = database::open(&store.address).unwrap();
    let (lag, node) = thread::scope(|scope| {
        let ((pace, end), block_time) = (mpsc::channel(), life.block_time);
        let chain = &chain;
        scope.spawn(move || chain.go_on(block_time, &end));
        for _ in 0..N_REORGS {
            let n_blocks = life.dice.roll(3);
            life.go_on(n_blocks);
            if life.dice.roll(3) == 0 {
                drop(node);
                node = start();
            }
            // Small ones are as many as deep ones.
            let deepest = if life.dice.roll(2) == 0 { 3 } else { DEEPEST };
            let depth = 1 + life.dice.roll(deepest);
            life.reorg(depth);
        }
        // Of each depth and mode in turn, with all that it takes in the store, and something below it.
        let depth = 1 + seed % DEEPEST;
        life.grow(depth + 20);
        life.lag(database.as_mut(), chain.anvil.head(), seed);
        life.go_on(2);
        let last = life.reorg(depth);
        assert_eq!(last.depth, depth, "seed {seed}");
        let lag = life.lag(database.as_mut(), last.head, seed);
        life.go_on(2);
        drop(pace);
        (lag, node)
    });
    life.lag(database.as_mut(), chain.anvil.head(), seed);
    drop(node);
    compare(&chain.anvil, chain.token, &store.address, seed);
    Outcome { lag, bound: 2 * life.block_time + Duration::from_secs(1), reorgs: life.reorgs }
}

#[test]
fn the_store_keeps_up_with_a_chain_that_makes_blocks_meanwhile() {
    let outcomes = Mutex::new(Vec::new());
    each_seed(6, N_AT_A_TIME, |seed| {
        let outcome = try_seed(seed);
        outcomes.lock().unwrap().push((outcome, seed));
    });
    let mut outcomes = outcomes.into_inner().unwrap();
    outcomes.sort_by_key(|(outcome, _)| outcome.lag);
    let percentile = |percent: usize| outcomes[(outcomes.len() - 1) * percent / 100].0.lag.as_millis();
    let late = outcomes.iter().filter(|(outcome, _)| outcome.lag > outcome.bound);
    let late: Vec<_> = late.map(|(outcome, seed)| (seed, outcome.lag, outcome.bound)).collect();
    let reorgs = || outcomes.iter().flat_map(|(outcome, _)| &outcome.reorgs).filter(|reorg| reorg.depth > 0);
    let depths = |replaces| reorgs().filter(move |reorg| reorg.replaces == replaces).map(|reorg| reorg.depth);
    eprintln!(
        "{} reorgs of {} seeds, {} of them by other blocks; after the last of each seed, the store has the chain's end in \
         {} ms (p50), {} ms (p99), {} ms (max)",
        reorgs().count(),
        outcomes.len(),
        depths(true).count(),
        percentile(50),
        percentile(99),
        percentile(100),
    );
    let Some(n_seeds) = n_wanted() else { return };
    // Times belong in long runs on a machine that has little else to do.
    assert!(late.is_empty(), "seeds later than two blocks and a second: {late:?}");
    if n_seeds >= N_FOR_ALL {
        for replaces in [false, true] {
            let missing: Vec<_> =
                (1..=DEEPEST).filter(|depth| !depths(replaces).any(|there| there == *depth)).collect();
            assert!(missing.is_empty(), "no reorg of depths {missing:?}; with other blocks: {replaces}");
        }
    }
}
