//! What a source watches on the chain, and what was found there.

use std::collections::HashSet;

use alloy::primitives::{Address, B256};

use crate::{abi::EventTable, block::Block, rows::Rows};

/// What one source wants of the chain's logs.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The source's name.
    pub source: String,
    /// The first block that can have such logs.
    pub start_block: u64,
    /// Which logs, and the tables that they go to.
    pub events: Vec<Watched>,
    /// Where further contracts come from.
    pub factory: Option<Factory>,
}

/// An event of certain contracts.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Its table.
    pub table: EventTable,
    /// Whose logs.
    pub emitter: Emitter,
    /// The first indexed argument, if only logs with this one are wanted.
    pub topic1: Option<B256>,
}

/// Whose logs are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Emitter {
    /// Those of these contracts.
    Contracts(Vec<Address>),
    /// Those of the factory's children.
    Children,
}

/// A contract that creates contracts, and says so in an event.
#[derive(Clone, Debug)]
pub struct Factory {
    /// The place of the event in [`Watch::events`].
    pub event: usize,
    /// The place of the child's address among the event's table's columns.
    pub column: usize,
    /// The children that are wanted; all if this is `None`.
    pub only: Option<HashSet<Address>>,
}

/// A run of blocks as the chain has them, checked, and decoded.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// In order, without gaps, each the parent of the next; never empty.
    pub blocks: Vec<Block>,
    /// Rows for each table that is watched: those of the first source, then those of the second, and so on.
    pub rows: Vec<Rows>,
    /// Logs of a watched event that its ABI does not fit: block, idx, contract, and what they hold.
    pub undecoded: Rows,
}
