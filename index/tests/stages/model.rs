//! A chain in memory: a function of what is done to it, and of nothing else.

use alloy::primitives::{Address, B256, U256, keccak256};
use index::abi::RawLog;
use index::block::{Block, Blocks};
use index::event::Chunk;
use index::fetch::Plan;

use crate::toy::transfer_table;

pub(crate) const TOKENS: [Address; 2] = [Address::repeat_byte(0x11), Address::repeat_byte(0x22)];

/// A log, as a node has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) block: u64,
    pub(crate) idx: u64,
    pub(crate) tx: B256,
    pub(crate) contract: Address,
    pub(crate) topics: Vec<B256>,
    pub(crate) data: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) blocks: Vec<Block>,
    pub(crate) logs: Vec<Vec<Log>>,
    /// Makes blocks of different branches different.
    n_made: u64,
}

impl Model {
    /// Block 0 alone.
    pub(crate) fn new() -> Self {
        let mut model = Self { blocks: Vec::new(), logs: Vec::new(), n_made: 0 };
        model.mine(1);
        model
    }

    /// Adds blocks, with zero to three transfers each, the second token's from block 12 on, and a log that is none's.
    pub(crate) fn mine(&mut self, n_blocks: u64) {
        for _ in 0..n_blocks {
            self.n_made += 1;
            let number = self.blocks.len() as u64;
            let parent = self.blocks.last().map_or(B256::ZERO, |last| last.hash);
            let salt = [parent.as_slice(), &self.n_made.to_be_bytes()].concat();
            let hash = keccak256(&salt);
            self.blocks.push(Block { number, hash, parent, timestamp: 1_000 + 2 * number });
            let n_logs = if number == 0 { 0 } else { u64::from(hash[0]) % 4 };
            self.logs.push((0..n_logs).map(|idx| log(number, idx, hash)).collect());
        }
    }

    /// Takes so many blocks away.
    pub(crate) fn cut(&mut self, n_blocks: u64) {
        let kept = self.blocks.len().saturating_sub(usize::try_from(n_blocks).unwrap()).max(1);
        self.blocks.truncate(kept);
        self.logs.truncate(kept);
    }

    /// Puts so many others in their place.
    pub(crate) fn replace(&mut self, depth: u64) {
        let length = self.blocks.len() as u64;
        self.cut(depth);
        self.mine(length - self.blocks.len() as u64);
    }

    pub(crate) fn head(&self) -> Block {
        self.blocks[self.blocks.len() - 1]
    }

    pub(crate) fn range(&self, blocks: Blocks) -> (Vec<Block>, Vec<Log>) {
        let end = self.blocks.len();
        let place = |number: u64| usize::try_from(number).unwrap().min(end);
        let range = place(blocks.first)..place(blocks.last.saturating_add(1));
        (self.blocks[range.clone()].to_vec(), self.logs[range].concat())
    }

    pub(crate) fn chunk(&self, plan: &mut Plan, first: u64, last: u64) -> Chunk {
        let (blocks, logs) = self.range(Blocks::new(first, last).unwrap());
        plan.decode(blocks, logs.iter().map(raw)).unwrap()
    }
}

fn raw(log: &Log) -> RawLog<'_> {
    let Log { block, idx, tx, contract, topics, data } = log;
    RawLog { block: *block, idx: *idx, tx: *tx, contract: *contract, topics, data }
}

fn log(number: u64, idx: u64, hash: B256) -> Log {
    let seed = keccak256([hash.as_slice(), &idx.to_be_bytes()].concat());
    let party = |at: usize| Address::from_slice(&seed[at..at + 20]).into_word();
    let contract = match seed[0] % 8 {
        0 => Address::repeat_byte(0x99),
        1..=3 if number >= 12 => TOKENS[1],
        _ => TOKENS[0],
    };
    let data = if seed[1].is_multiple_of(16) {
        // No transfer, though its topic says so.
        vec![1, 2, 3]
    } else {
        U256::from(seed[2]).to_be_bytes_vec()
    };
    let topics = vec![transfer_table().signature, party(0), party(6)];
    Log { block: number, idx: 2 * idx, tx: seed, contract, topics, data }
}
