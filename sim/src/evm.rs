//! The EVM world: a chain in memory that agents call directly, contracts from artifacts with their ABI read at run time,
//! the course of block times, and a start state from a live chain.
//!
//! A chain belongs to one run. It never looks at the wall clock, and what it does depends on its calls alone.

pub use abi::{Abi, AbiError, Prepared};
pub use alloy_dyn_abi::DynSolValue;
pub use alloy_primitives::{Address, B256, Bytes, I256, Log, U256};
pub use artifact::{Artifact, ArtifactError};
pub use chain::{Block, Chain, Receipt, Rules, Snapshot};
pub use clock::{BlockClock, Pace, PaceError};
pub use contract::Contract;
pub use event::Event;
pub use fork::{Ask, Fork, ForkBlock, ForkError};
pub use names::{Names, address_of};
pub use refusal::{Error, Reason};
pub use revm::primitives::hardfork::SpecId;
pub use value::{Arg, show};

pub mod fork;

mod abi;
mod artifact;
mod chain;
mod clock;
mod contract;
mod event;
mod machine;
mod names;
mod refusal;
mod state;
mod value;
