//! What can go wrong, by what is to be done about it: try again, or stop and tell the operator.

use alloy::primitives::B256;

use crate::{block::Blocks, database::DatabaseError};

/// What the index's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the index cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The configuration; the text names the key, the value and the remedy.
    #[error("{0}")]
    Config(String),
    /// The endpoints did not give an answer, or none that holds together. Passes by itself.
    #[error("{0}")]
    Endpoint(String),
    /// A chunk does not join what is stored: the chain went another way. Passes by unwinding.
    #[error("block {number} does not follow the stored block {stored}; the chain went another way")]
    Detached {
        /// The first block of the chunk.
        number: u64,
        /// The hash of the block that is stored before it.
        stored: B256,
    },
    /// The chain went another way below what it had called final.
    #[error(
        "the chain went another way below block {finalized}, which it had called final; nothing was changed: check the \
         endpoints, and if the chain is right, run `streamctl index unwind --to {fork}`"
    )]
    BelowFinality {
        /// The last block that the index and the chain have in common, as far as is known.
        fork: u64,
        /// The last block that was final.
        finalized: u64,
    },
    /// The index's own rows contradict each other.
    #[error("the index's database is damaged: {0}; restore it, or remove it and index again")]
    Damaged(String),
    /// The node has no state for what must be read at a block.
    #[error("no endpoint has the state of block {block}, which {what} needs; add an endpoint that has it, or {remedy}")]
    NoState {
        /// The block.
        block: u64,
        /// For what.
        what: String,
        /// What else would do.
        remedy: String,
    },
    /// A range that cannot be worked on.
    #[error("blocks {0} are not those that come next")]
    OutOfOrder(Blocks),
}

impl Error {
    /// Whether the same thing may work a moment later.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Database(error) => error.passes(),
            _ => matches!(self, Self::Endpoint(_) | Self::Detached { .. }),
        }
    }
}
