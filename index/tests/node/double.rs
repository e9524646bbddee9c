//! A chain in memory that can be followed, and that changes between any two questions.

use std::collections::VecDeque;
use std::sync::Mutex;

use alloy::hex;
use alloy::primitives::B256;
use index::block::{Block, Blocks};
use index::fetch::Feed;
use index::rpc::{Filter, Logs};
use index::{Error, Result};
use serde_json::json;

use crate::model::{Log, Model};

/// Something that happens to the chain, or on the way to it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn {
    Nothing,
    Mine(u64),
    Replace(u64),
    Cut(u64),
    /// The question is not answered.
    Fail,
}

pub(crate) struct Double {
    world: Mutex<World>,
    stride: u64,
    /// Blocks behind the head that are final.
    finality: u64,
}

struct World {
    chain: Model,
    turns: VecDeque<Turn>,
    /// The highest block that was ever called final.
    finalized: u64,
}

impl Double {
    /// A chain to which these things happen, one before each question.
    pub(crate) fn new(chain: Model, turns: impl IntoIterator<Item = Turn>, stride: u64, finality: u64) -> Self {
        let world = World { chain, turns: turns.into_iter().collect(), finalized: 0 };
        Self { world: Mutex::new(world), stride, finality }
    }

    /// What is left of what is going to happen.
    pub(crate) fn n_turns(&self) -> usize {
        self.world.lock().unwrap().turns.len()
    }

    /// Changes the chain.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Model) -> T) -> T {
        change(&mut self.world.lock().unwrap().chain)
    }

    pub(crate) fn chain(&self) -> Model {
        self.world.lock().unwrap().chain.clone()
    }

    /// Answers a question after the next thing has happened.
    fn answer<T>(&self, answer: impl FnOnce(&mut World) -> Result<T>) -> Result<T> {
        let mut world = self.world.lock().unwrap();
        let turn = world.turns.pop_front().unwrap_or(Turn::Nothing);
        // A chain that keeps its word about what is final.
        let most = world.chain.head().number - world.finalized.min(world.chain.head().number);
        match turn {
            Turn::Nothing => {}
            Turn::Mine(n_blocks) => world.chain.mine(n_blocks),
            Turn::Replace(depth) => world.chain.replace(depth.min(most)),
            Turn::Cut(depth) => world.chain.cut(depth.min(most)),
            Turn::Fail => return Err(Error::Endpoint("the line is dead".to_owned())),
        }
        answer(&mut world)
    }
}

impl Feed for Double {
    async fn head(&self) -> Result<Block> {
        self.answer(|world| Ok(world.chain.head()))
    }

    async fn finalized(&self) -> Result<Option<Block>> {
        self.answer(|world| {
            let number = world.chain.head().number.saturating_sub(self.finality);
            world.finalized = world.finalized.max(number);
            Ok(Some(world.chain.blocks[usize::try_from(number).unwrap()]))
        })
    }

    async fn headers(&self, blocks: Blocks) -> Result<Vec<Block>> {
        self.answer(|world| Ok(world.chain.range(blocks).0))
    }

    async fn checked(&self, blocks: Blocks, _: &Filter) -> Result<(Vec<Block>, Logs)> {
        self.answer(|world| {
            let (headers, logs) = world.chain.range(blocks);
            match headers.len() as u64 == blocks.n_blocks() {
                true => Ok((headers, as_answer(&logs))),
                false => Err(Error::Endpoint("unknown block".to_owned())),
            }
        })
    }

    fn stride(&self) -> u64 {
        self.stride
    }
}

/// The logs as an endpoint would tell them.
fn as_answer(logs: &[Log]) -> Logs {
    let number = |number: u64| format!("{number:#x}");
    let wire: Vec<_> = logs
        .iter()
        .map(|log| {
            json!({
                "address": log.contract, "topics": log.topics, "data": hex::encode_prefixed(&log.data),
                "blockNumber": number(log.block), "blockHash": B256::ZERO, "transactionHash": log.tx,
                "logIndex": number(log.idx),
            })
        })
        .collect();
    serde_json::from_str(&serde_json::to_string(&wire).unwrap()).unwrap()
}
