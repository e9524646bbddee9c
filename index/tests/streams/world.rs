//! One run of traffic, and what the chain says of it at the end of each epoch. The chain itself is gone by then.

use std::sync::OnceLock;

use alloy::primitives::{Address, U256};
use bindings::{
    Clock, IERC20,
    IMoneyStreaming::{StreamState, balanceOfCall},
    create2_address,
};
use index::block::Block;

use crate::{
    chain::{Chain, Log},
    loader::{EPOCH, Index, Silent},
    traffic::{Traffic, states},
};

/// Blocks of the traffic, after those that make the contracts ready.
const N_BLOCKS: u64 = 160;

const SEED: u64 = 0x5eed_1620;

pub struct World {
    pub accounts: Vec<Address>,
    pub tokens: [Address; 2],
    /// From block 0 on, in whole epochs.
    pub blocks: Vec<Block>,
    pub logs: Vec<Log>,
    /// Of each epoch.
    pub ends: Vec<Ended>,
}

/// What the contracts say at the end of an epoch.
pub struct Ended {
    pub books: [Book; 2],
}

pub struct Book {
    pub contract: Address,
    pub clock: Clock,
    /// By their ids from 1 on; zeros stand for those that have ended.
    pub states: Vec<StreamState>,
    /// What `balanceOf` says of the recipient and the sender, for those that have not ended.
    pub shares: Vec<Option<(U256, U256)>>,
    /// What the contract has of each token.
    pub holdings: [U256; 2],
}

impl World {
    pub fn get() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(Self::make)
    }

    fn make() -> Self {
        let chain = Chain::start("world");
        Traffic::new(&chain, SEED).run(N_BLOCKS);
        while !(chain.head() + 1).is_multiple_of(EPOCH) {
            chain.mine();
        }
        let head = chain.head();
        let blocks: Vec<Block> = (0..=head).map(|number| chain.block(number)).collect();
        let ends = (0..(head + 1) / EPOCH)
            .map(|id| Ended { books: Clock::ALL.map(|clock| Book::read(&chain, clock, (id + 1) * EPOCH - 1)) });
        let ends = ends.collect();
        Self { accounts: chain.accounts.clone(), tokens: chain.tokens, blocks, logs: chain.logs(0, head), ends }
    }

    /// An index of all of it.
    pub fn index(&self, chunk: usize) -> Index {
        let mut index = Index::empty(&[], None);
        index.take(&self.blocks, &self.logs, chunk, &Silent).unwrap();
        index
    }

    pub fn n_epochs(&self) -> u64 {
        self.ends.len() as u64
    }
}

impl Book {
    fn read(chain: &Chain, clock: Clock, block: u64) -> Self {
        let contract = create2_address(clock);
        let states = states(chain, clock, block);
        let shares = (1..).zip(&states).map(|(id, stream)| {
            let share =
                |account| chain.call(contract, &balanceOfCall { _streamId: U256::from(id), _addr: account }, block);
            share(stream.recipient).zip(share(stream.sender))
        });
        let shares = shares.collect();
        let holding = |token| chain.call(token, &IERC20::balanceOfCall { account: contract }, block);
        let holdings = chain.tokens.map(|token| holding(token).unwrap_or_default());
        Self { contract, clock, states, shares, holdings }
    }
}
