#![doc = include_str!("../README.md")]

pub use error::Error;
pub use terms::{Rate, Terms, Timeframe};
pub use update::{Proposal, Update};

/// Latest reading of the clock that a stream can hold, in clock units. Clocks beyond it read as this.
pub const TIME_LIMIT: u64 = (1 << 48) - 1;

/// Largest deposit, in units of the token.
pub const DEPOSIT_LIMIT: u128 = u128::MAX;

mod terms;
mod update;

mod error;
