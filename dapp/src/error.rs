//! What can go wrong, in two kinds that never meet: a refusal answers a bad input, a fault stops the program.

use std::path::PathBuf;

use alloy_primitives::{Address, U256};
use rusqlite::ErrorCode;

use crate::stream::StreamId;

/// Why the ledger does not do what was asked. A refusal follows from the inputs alone, so that everybody who replays
/// them gets the same.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Nothing would move.
    #[error("amount is 0; ask for at least 1 base unit")]
    AmountZero,
    /// Nobody has the key of the zero address.
    #[error("recipient is the zero address, which nobody can spend from")]
    RecipientZero,
    /// Money moves from one account to another.
    #[error("{0} cannot pay itself; name another recipient")]
    RecipientIsSender(Address),
    /// The account has promised more to others than it could then cover.
    #[error("amount {amount} exceeds {available} available to {account} in token {token}")]
    ExceedsAvailable {
        /// Who would pay.
        account: Address,
        /// In what, the zero address for Ether.
        token: Address,
        /// Base units asked for.
        amount: U256,
        /// Base units that can be spent, rounded down.
        available: U256,
    },
    /// The supply of a token is capped, so that sums of slopes fit.
    #[error("deposit of {amount} would lift supply {supply} of token {token} over the cap of 2^128 - 1")]
    ExceedsCap {
        /// The zero address for Ether.
        token: Address,
        /// Base units of the deposit.
        amount: U256,
        /// Base units that exist.
        supply: U256,
    },
    /// The past cannot be changed.
    #[error("start {start} is before the input's time {now}; use 0 to start at once")]
    StartPassed {
        /// Seconds since 1970.
        start: u64,
        /// Seconds since 1970.
        now: u64,
    },
    /// Times are 48-bit.
    #[error("start {0} is after 281474976710655, the last second that is counted")]
    StartTooLate(u64),
    /// Durations are 32-bit, so that rounding never shows.
    #[error("duration of {0} seconds exceeds 4294967295")]
    DurationTooLong(u64),
    /// No stream has this id.
    #[error("stream {0} does not exist")]
    StreamUnknown(StreamId),
    /// Only its sender may change a stream.
    #[error("stream {stream} belongs to {sender}; {account} cannot change it")]
    SenderOnly {
        /// Which stream.
        stream: StreamId,
        /// Its sender.
        sender: Address,
        /// Who asked.
        account: Address,
    },
    /// The input names another token than the stream's.
    #[error("stream {stream} pays in token {token}, not {named}")]
    TokenDiffers {
        /// Which stream.
        stream: StreamId,
        /// Its token.
        token: Address,
        /// The input's token.
        named: Address,
    },
    /// All of it is the recipient's.
    #[error("stream {stream} ended at {stop}, and the input's time is {now}")]
    StreamEnded {
        /// Which stream.
        stream: StreamId,
        /// Seconds since 1970.
        stop: u64,
        /// Seconds since 1970.
        now: u64,
    },
    /// An extension without money or time.
    #[error("amount and duration are both 0; add to at least one")]
    NothingAdded,
    /// What is left is too little to be spread.
    #[error("stream {0} has less than 1 base unit left; add an amount")]
    TooLittleLeft(StreamId),
}

/// Why the program must stop: something of its own is broken, and no input is to blame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The database failed: disk full, not to be read or written, damaged.
    #[error("the database failed: {0}")]
    Database(rusqlite::Error),
    /// Somebody else has it open.
    #[error("another process has the database open; stop it first")]
    InUse,
    /// The database holds what this program never writes.
    #[error("the database is damaged: {0}; restore a copy, or replay the inputs from the first on")]
    Damaged(String),
    /// The file is another program's.
    #[error("{0} is a database of another program; name another file")]
    Foreign(PathBuf),
    /// A newer program made the database.
    #[error("{path} has schema {found}, and this program knows up to {known}; use the program that made it")]
    SchemaTooNew {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The last schema of this program.
        known: usize,
    },
    /// The rollup went back.
    #[error("input {index} came after input {last}; restore the database from before input {index}")]
    InputPassed {
        /// The input that came.
        index: u64,
        /// The last one that was accepted.
        last: u64,
    },
    /// The rollup repeats an index with other content.
    #[error("input {0} came again with other content; restore the database from before it")]
    InputDiffers(u64),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            _ => Self::Database(error),
        }
    }
}

/// What ends an operation early.
#[derive(Debug)]
pub enum Stop<R = Refusal> {
    /// The input is bad: it leaves no trace, and its sender is told.
    Reject(R),
    /// The program is broken: it halts.
    Halt(Fault),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Reject(refusal)
    }
}

impl<R> From<Fault> for Stop<R> {
    fn from(fault: Fault) -> Self {
        Self::Halt(fault)
    }
}

impl<R> From<rusqlite::Error> for Stop<R> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Halt(error.into())
    }
}
