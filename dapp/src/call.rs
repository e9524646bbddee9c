//! What a user may ask for, in either of two encodings.

use alloy_primitives::{Address, U256};

use crate::stream::StreamId;
use crate::{abi, json};

/// The longest error sentence about an input: enough to recognise what is wrong in it.
const MAX_SENTENCE: usize = 300;

/// The longest part of an input that a sentence quotes, so that the remedy behind it stays visible.
const MAX_QUOTE: usize = 120;

/// What a user asks for. The zero address as a token is Ether; amounts are base units; times are seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Moves an amount at once.
    Transfer {
        /// In what.
        token: Address,
        /// To whom.
        recipient: Address,
        /// How much.
        amount: U256,
    },
    /// Starts a stream.
    Stream {
        /// In what.
        token: Address,
        /// To whom.
        recipient: Address,
        /// How much in all.
        amount: U256,
        /// Seconds since 1970; 0 starts at once.
        start: u64,
        /// From the first to the last unit.
        duration: u64,
    },
    /// Adds to a stream that has not ended.
    ExtendStream {
        /// Which.
        stream: StreamId,
        /// How much more.
        amount: U256,
        /// How much longer.
        duration: u64,
    },
    /// Ends a stream early.
    CancelStream {
        /// Which.
        stream: StreamId,
        /// The stream's token, for those who want it checked.
        token: Option<Address>,
    },
    /// Pays out on the chain below.
    Withdraw {
        /// What.
        token: Address,
        /// How much.
        amount: U256,
        /// How the chain is to pay.
        form: PayoutForm,
    },
    /// Several of these, all or none. A batch holds no batches.
    Batch(Vec<Call>),
}

/// How an ERC-20 token is paid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayoutForm {
    /// The application calls the token's `transfer`.
    Transfer,
    /// The application calls `SafeERC20Transfer`, which also understands tokens that return nothing, and reverts where a
    /// token returns false.
    SafeTransfer,
}

/// Why an input cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// No bytes at all.
    #[error("the input is empty; send a JSON object with method and args, or an ABI-encoded call")]
    Empty,
    /// Begins as JSON, and is not what it should be.
    #[error("{0}")]
    Json(String),
    /// No known method.
    #[error("selector {selector} is none of {known}; JSON begins with a brace")]
    UnknownSelector {
        /// In hex.
        selector: String,
        /// The methods, with their selectors.
        known: String,
    },
    /// The selector is known, and the rest is not its arguments.
    #[error("the arguments of {method} cannot be read: {why}")]
    Arguments {
        /// Which method.
        method: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A batch of nothing.
    #[error("the batch is empty; put at least 1 call into it")]
    EmptyBatch,
    /// A batch of batches.
    #[error("call {0} of the batch is a batch itself; put its calls into the outer one")]
    NestedBatch(usize),
    /// One of the calls of an ABI-encoded batch.
    #[error("call {0} of the batch: {1}")]
    InBatch(usize, Box<Malformed>),
}

impl Call {
    /// Reads a call from the bytes of an input, or from the execution data of a deposit.
    pub fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let call = match payload.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => return Err(Malformed::Empty),
            Some(b'{') => json::decode(payload)?,
            Some(_) => abi::decode(payload)?,
        };
        if let Self::Batch(calls) = &call {
            if calls.is_empty() {
                return Err(Malformed::EmptyBatch);
            }
            if let Some(index) = calls.iter().position(|call| matches!(call, Self::Batch(_))) {
                return Err(Malformed::NestedBatch(index));
            }
        }
        Ok(call)
    }
}

/// As much of a sentence as a report carries: input text in it may be long.
pub(crate) fn shorten(sentence: &str) -> String {
    cut(sentence, MAX_SENTENCE)
}

/// Enough of a bad value to recognise it.
pub(crate) fn excerpt(value: &str) -> String {
    cut(value, MAX_QUOTE)
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_cut_after_its_last_character_that_fits() {
        for (length, expected) in [(0, 0), (299, 299), (300, 300), (301, 300), (60_000, 300)] {
            let short = shorten(&"é".repeat(length));
            assert_eq!((short.chars().count(), short.ends_with('…')), (expected, length > 300), "{length}");
        }
        assert_eq!(excerpt(&"é".repeat(120)), "é".repeat(120));
        assert_eq!(excerpt(&"é".repeat(121)), format!("{}…", "é".repeat(119)));
    }
}
