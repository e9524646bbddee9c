//! Blocks and ranges of them. Knows no chain.

use std::fmt;

use alloy::primitives::B256;

/// What of a block's header the index keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its height.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// The hash of the block before it.
    pub parent: B256,
    /// Unix seconds.
    pub timestamp: u64,
}

/// Blocks from `first` to `last`, both included; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Blocks {
    /// The lowest.
    pub first: u64,
    /// The highest.
    pub last: u64,
}

impl Blocks {
    /// From `first` to `last`; nothing if there are none.
    #[must_use]
    pub fn new(first: u64, last: u64) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// How many there are.
    #[must_use]
    pub fn n_blocks(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

impl fmt::Display for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.first, self.last)
    }
}

/// How far a stage has come: everything up to this block, of this hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last block.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
}
