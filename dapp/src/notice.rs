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

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, hex, keccak256};

    const TOKEN: Address = address!("0xb7f8bc63bbcad18155201308c8f3540b07f84f5e");
    const ALICE: Address = address!("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
    const BOB: Address = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    const TOKEN_WORD: &str = "b7f8bc63bbcad18155201308c8f3540b07f84f5e";
    const ALICE_WORD: &str = "f39fd6e51aad88f6f4ce6ab8827279cfffb92266";
    const BOB_WORD: &str = "70997970c51812dc3a010c7d01b50e0d17dc79c8";
    const ALL: U256 = U256::MAX;

    /// The selector is the one that the signature has, and the words follow, each in as few digits as it needs.
    #[track_caller]
    fn check(notice: Notice, signature: &str, selector: &str, words: &[&str]) {
        assert_eq!(hex::encode(&keccak256(signature)[..4]), selector);
        let words: String = words.iter().map(|word| format!("{word:0>64}")).collect();
        assert_eq!(hex::encode(notice.encode()), format!("{selector}{words}"));
    }

    #[test]
    fn notices_of_money_are_as_documented() {
        let most = "f".repeat(64);
        check(
            Notice::Deposited { token: TOKEN, account: ALICE, amount: U256::from(500) },
            "deposited(uint16,address,address,uint256)",
            "b14f6137",
            &["1", TOKEN_WORD, ALICE_WORD, "1f4"],
        );
        check(
            Notice::Transferred { token: Address::ZERO, sender: ALICE, recipient: BOB, amount: ALL },
            "transferred(uint16,address,address,address,uint256)",
            "d10751af",
            &["1", "0", ALICE_WORD, BOB_WORD, &most],
        );
        check(
            Notice::Withdrawn { token: TOKEN, account: BOB, amount: U256::from(7) },
            "withdrawn(uint16,address,address,uint256)",
            "2ddf3c4a",
            &["1", TOKEN_WORD, BOB_WORD, "7"],
        );
    }

    #[test]
    fn notices_of_streams_are_as_documented() {
        check(
            Notice::StreamStarted {
                stream: u64::MAX,
                token: TOKEN,
                sender: ALICE,
                recipient: BOB,
                amount: U256::from(500),
                start: 1_700_000_000,
                stop: 1_700_003_600,
            },
            "streamStarted(uint16,uint64,address,address,address,uint256,uint64,uint64)",
            "4169469f",
            &["1", "ffffffffffffffff", TOKEN_WORD, ALICE_WORD, BOB_WORD, "1f4", "6553f100", "6553ff10"],
        );
        check(
            Notice::StreamExtended {
                stream: 3,
                amount: U256::from(5),
                streamed: U256::from(1) << 64,
                total: U256::from(6) << 64,
                time: 1_700_000_000,
                stop: 1_700_003_600,
            },
            "streamExtended(uint16,uint64,uint256,uint256,uint256,uint64,uint64)",
            "8623c2ff",
            &["1", "3", "5", "10000000000000000", "60000000000000000", "6553f100", "6553ff10"],
        );
        check(
            Notice::StreamCancelled {
                stream: 3,
                streamed: U256::from(1) << 63,
                refunded: U256::from(5) << 64,
                time: 1_700_000_000,
            },
            "streamCancelled(uint16,uint64,uint256,uint256,uint64)",
            "858ff4b8",
            &["1", "3", "8000000000000000", "50000000000000000", "6553f100"],
        );
    }
}
