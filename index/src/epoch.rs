//! Epochs: ranges of blocks of equal size, counted from a configured block.

use alloy::primitives::B256;
use serde::{Deserialize, Serialize};

use crate::block::Blocks;

/// How blocks are cut into epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epochs {
    /// The first block of epoch 0. Every node that is to agree has the same.
    pub genesis: u64,
    /// Blocks of an epoch.
    pub size: u64,
    /// Blocks between the head and the last block that a snapshot is taken of.
    pub offset: u64,
}

impl Epochs {
    /// The blocks of epoch `id`; nothing beyond 2^63 blocks.
    #[must_use]
    pub fn blocks(self, id: u64) -> Option<Blocks> {
        let first = self.genesis.checked_add(id.checked_mul(self.size)?)?;
        Blocks::new(first, first.checked_add(self.size - 1).filter(|last| *last <= i64::MAX.cast_unsigned())?)
    }

    /// The epoch that block `number` is in; nothing before the genesis.
    #[must_use]
    pub fn of(self, number: u64) -> Option<u64> {
        Some(number.checked_sub(self.genesis)? / self.size)
    }
}

/// Where an epoch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EpochState {
    /// It has begun.
    Planned,
    /// Its end is `offset` behind the head: there are snapshots, which a reorg can still take back.
    Tentative,
    /// Its end is final.
    Final,
}

impl EpochState {
    /// How it is stored.
    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Planned => 0,
            Self::Tentative => 1,
            Self::Final => 2,
        }
    }
}

/// An epoch of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Counted from the genesis.
    pub id: u64,
    /// Its blocks.
    pub blocks: Blocks,
    /// The hash of the block before its first.
    pub begin_parent_hash: B256,
    /// The hash of its last block.
    pub end_hash: B256,
    /// Unix seconds of its last block.
    pub end_timestamp: u64,
}
