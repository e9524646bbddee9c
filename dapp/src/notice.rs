//! What the application proves about itself: one notice for each change of the state.

use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, sol};

use crate::stream::StreamId;

/// Goes up when the meaning of an argument changes.
const VERSION: u16 = 1;

sol! {
    /// Each notice is a call of one of these, selector and arguments, so that a contract can read it. Amounts are base
    /// units, except `streamed`, `total` and `refunded`, which are scaled by 2^64; times are seconds since 1970.
    interface StreamableTokenNotices {
        function deposited(uint16 version, address token, address account, uint256 amount) external;
        function transferred(uint16 version, address token, address sender, address recipient, uint256 amount) external;
        function streamStarted(uint16 version, uint64 stream, address token, address sender, address recipient, uint256 amount, uint64 start, uint64 stop) external;
        function streamExtended(uint16 version, uint64 stream, uint256 amount, uint256 streamed, uint256 total, uint64 time, uint64 stop) external;
        function streamCancelled(uint16 version, uint64 stream, uint256 streamed, uint256 refunded, uint64 time) external;
        function withdrawn(uint16 version, address token, address account, uint256 amount) external;
    }
}

use StreamableTokenNotices as abi;

/// A change of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A deposit was credited.
    Deposited {
        /// The zero address for Ether.
        token: Address,
        /// Who has it.
        account: Address,
        /// Base units.
        amount: U256,
    },
    /// Money moved at once.
    Transferred {
        /// The zero address for Ether.
        token: Address,
        /// Who paid.
        sender: Address,
        /// Who was paid.
        recipient: Address,
        /// Base units.
        amount: U256,
    },
    /// A stream was added. It may start later.
    StreamStarted {
        /// Which stream.
        stream: StreamId,
        /// The zero address for Ether.
        token: Address,
        /// Who pays.
        sender: Address,
        /// Who is paid.
        recipient: Address,
        /// Base units in all.
        amount: U256,
        /// Seconds since 1970.
        start: u64,
        /// Seconds since 1970.
        stop: u64,
    },
    /// A stream got more money or more time.
    StreamExtended {
        /// Which stream.
        stream: StreamId,
        /// Base units that were added.
        amount: U256,
        /// What has streamed at `time`, scaled by 2^64.
        streamed: U256,
        /// What will have streamed at `stop`, scaled by 2^64.
        total: U256,
        /// Seconds since 1970.
        time: u64,
        /// Seconds since 1970.
        stop: u64,
    },
    /// A stream was ended early.
    StreamCancelled {
        /// Which stream.
        stream: StreamId,
        /// What the recipient keeps, scaled by 2^64.
        streamed: U256,
        /// What the sender has again, scaled by 2^64.
        refunded: U256,
        /// Seconds since 1970.
        time: u64,
    },
    /// Money left by a voucher.
    Withdrawn {
        /// The zero address for Ether.
        token: Address,
        /// Whose it was.
        account: Address,
        /// Base units.
        amount: U256,
    },
}

impl Notice {
    /// The selector and the ABI-encoded arguments.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let version = VERSION;
        match *self {
            Self::Deposited { token, account, amount } => {
                abi::depositedCall { version, token, account, amount }.abi_encode()
            }
            Self::Transferred { token, sender, recipient, amount } => {
                abi::transferredCall { version, token, sender, recipient, amount }.abi_encode()
            }
            Self::StreamStarted { stream, token, sender, recipient, amount, start, stop } => {
                abi::streamStartedCall { version, stream, token, sender, recipient, amount, start, stop }.abi_encode()
            }
            Self::StreamExtended { stream, amount, streamed, total, time, stop } => {
                abi::streamExtendedCall { version, stream, amount, streamed, total, time, stop }.abi_encode()
            }
            Self::StreamCancelled { stream, streamed, refunded, time } => {
                abi::streamCancelledCall { version, stream, streamed, refunded, time }.abi_encode()
            }
            Self::Withdrawn { token, account, amount } => {
                abi::withdrawnCall { version, token, account, amount }.abi_encode()
            }
        }
    }
}
