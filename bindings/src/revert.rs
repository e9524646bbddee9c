//! What a failed call says. Knows the errors of the contract, of the libraries under it, of common tokens and of
//! Solidity itself; makes no sentences, and never fails, because any token may answer anything.

use std::fmt;

use alloy::{
    primitives::{Address, B256, Bytes, Selector, U256},
    sol_types::{Panic, PanicKind, Revert as Message, SolError, SolInterface},
};

use crate::{
    cartesi::Cartesi::CartesiErrors,
    contract::{
        CommonToken::CommonTokenErrors, IMoneyStreaming::IMoneyStreamingErrors, IStreamPortal::IStreamPortalErrors,
    },
};

/// The bytes that a reverted call returns, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revert {
    /// An error of the contract or of the OpenZeppelin libraries that it calls.
    Streaming(IMoneyStreamingErrors),
    /// An error of StreamPortal that the stream contract does not have.
    Portal(IStreamPortalErrors),
    /// An error of Cartesi's contracts.
    Cartesi(CartesiErrors),
    /// An error that a token gives, and that the contract passes on.
    Token(CommonTokenErrors),
    /// `Error(string)`: the text of a `require`.
    Message(String),
    /// `Panic(uint256)`: a bug in a contract, such as an overflow; `None` if the code has no known meaning.
    Panic(Option<PanicKind>, U256),
    /// Anything else, such as an error of a token's own or of a proxy.
    Unknown(Bytes),
    /// No bytes: out of gas, an address that is no contract, or a `require` without an error.
    Empty,
}

impl Revert {
    /// Decodes the bytes that the call returned.
    pub fn decode(answer: &[u8]) -> Self {
        if answer.is_empty() {
            return Self::Empty;
        }
        IMoneyStreamingErrors::abi_decode_validate(answer)
            .map(Self::Streaming)
            .or_else(|_| IStreamPortalErrors::abi_decode_validate(answer).map(Self::Portal))
            .or_else(|_| CartesiErrors::abi_decode_validate(answer).map(Self::Cartesi))
            .or_else(|_| CommonTokenErrors::abi_decode_validate(answer).map(Self::Token))
            .or_else(|_| Message::abi_decode_validate(answer).map(|message| Self::Message(message.reason)))
            .or_else(|_| Panic::abi_decode_validate(answer).map(|panic| Self::Panic(panic.kind(), panic.code)))
            .unwrap_or_else(|_| Self::Unknown(Bytes::copy_from_slice(answer)))
    }

    /// The error's name in Solidity, if the error is a known one.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::Streaming(error) => IMoneyStreamingErrors::name_by_selector(error.selector()),
            Self::Portal(error) => IStreamPortalErrors::name_by_selector(error.selector()),
            Self::Cartesi(error) => CartesiErrors::name_by_selector(error.selector()),
            Self::Token(error) => CommonTokenErrors::name_by_selector(error.selector()),
            Self::Message(_) => Some("Error"),
            Self::Panic(..) => Some("Panic"),
            Self::Unknown(_) | Self::Empty => None,
        }
    }
}

/// The error as Solidity would write it, amounts in the token's smallest unit: `WithdrawExceedsBalance(7, 500, 320)`.
impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Streaming(error) => {
                write_call(f, IMoneyStreamingErrors::signature_by_selector(error.selector()), &error.abi_encode())
            }
            Self::Portal(error) => {
                write_call(f, IStreamPortalErrors::signature_by_selector(error.selector()), &error.abi_encode())
            }
            Self::Cartesi(error) => {
                write_call(f, CartesiErrors::signature_by_selector(error.selector()), &error.abi_encode())
            }
            Self::Token(error) => {
                write_call(f, CommonTokenErrors::signature_by_selector(error.selector()), &error.abi_encode())
            }
            Self::Message(text) => write!(f, "Error({text:?})"),
            Self::Panic(Some(kind), code) => write!(f, "Panic({code:#04x}): {}", kind.as_str()),
            Self::Panic(None, code) => write!(f, "Panic({code:#04x})"),
            Self::Unknown(answer) => match answer.first_chunk::<4>() {
                Some(selector) => write!(f, "unknown error {}", Selector::from(*selector)),
                None => write!(f, "unknown error {answer}"),
            },
            Self::Empty => f.write_str("no reason"),
        }
    }
}

/// All known errors have arguments of one word each, or one of bytes and no other, which are passed over; so the words
/// after the selector are the arguments.
fn write_call(f: &mut fmt::Formatter<'_>, signature: Option<&str>, encoded: &[u8]) -> fmt::Result {
    let signature = signature.expect("an error's own selector has a signature");
    let (name, kinds) = signature.split_once('(').expect("a signature has a bracket");
    let words = encoded[4..].chunks_exact(32).map(B256::from_slice);
    write!(f, "{name}(")?;
    for (i, (kind, word)) in kinds.trim_end_matches(')').split(',').zip(words).enumerate() {
        if i != 0 {
            f.write_str(", ")?;
        }
        match kind {
            "address" => write!(f, "{}", Address::from_word(word))?,
            "uint256" => write!(f, "{}", U256::from_be_bytes(word.0))?,
            "bytes" => f.write_str("…")?,
            _ => write!(f, "{word}")?,
        }
    }
    f.write_str(")")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cartesi::Cartesi,
        contract::{IMoneyStreaming, IStreamPortal},
    };
    use alloy::primitives::{address, hex};

    #[track_caller]
    fn check(answer: &[u8], name: Option<&str>, text: &str) {
        let revert = Revert::decode(answer);
        assert_eq!(revert.name(), name);
        assert_eq!(revert.to_string(), text);
    }

    const WHO: Address = address!("d8dA6BF26964aF9D7eEd9e03E53415D37aA96045");

    #[test]
    fn errors_of_the_contract_are_named() {
        let error = IMoneyStreaming::WithdrawExceedsBalance {
            streamId: U256::from(7),
            amount: U256::from(500),
            balance: U256::from(320),
        };
        check(&error.abi_encode(), Some("WithdrawExceedsBalance"), "WithdrawExceedsBalance(7, 500, 320)");
        check(&IMoneyStreaming::NothingToSettle {}.abi_encode(), Some("NothingToSettle"), "NothingToSettle()");
    }

    #[test]
    fn errors_of_its_libraries_are_named() {
        let text = "SafeERC20FailedOperation(0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045)";
        let error = IMoneyStreaming::SafeERC20FailedOperation { token: WHO };
        check(&error.abi_encode(), Some("SafeERC20FailedOperation"), text);
        check(&hex!("3ee5aeb5"), Some("ReentrancyGuardReentrantCall"), "ReentrancyGuardReentrantCall()");
        check(&hex!("d6bda275"), Some("FailedCall"), "FailedCall()");
        let error = IMoneyStreaming::AddressEmptyCode { target: WHO };
        check(&error.abi_encode(), Some("AddressEmptyCode"), &format!("AddressEmptyCode({WHO})"));
    }

    #[test]
    fn errors_of_the_portal_and_of_cartesi_are_named() {
        let error = IStreamPortal::OrdersExceedDeposit { total: U256::from(9), amount: U256::from(8) };
        check(&error.abi_encode(), Some("OrdersExceedDeposit"), "OrdersExceedDeposit(9, 8)");
        let error = Cartesi::InputTooLarge {
            appContract: WHO,
            inputLength: U256::from(65_540),
            maxInputLength: U256::from(65_536),
        };
        check(&error.abi_encode(), Some("InputTooLarge"), &format!("InputTooLarge({WHO}, 65540, 65536)"));
        let error = Cartesi::OutputNotReexecutable { output: vec![1; 100].into() };
        check(&error.abi_encode(), Some("OutputNotReexecutable"), "OutputNotReexecutable(…)");
    }

    #[test]
    fn errors_of_tokens_are_named() {
        // The selectors of ERC-6093, from its text.
        let words = [WHO.into_word(), B256::with_last_byte(3), B256::with_last_byte(4)].concat();
        check(
            &[hex!("e450d38c").as_slice(), &words].concat(),
            Some("ERC20InsufficientBalance"),
            &format!("ERC20InsufficientBalance({WHO}, 3, 4)"),
        );
        check(
            &[hex!("fb8f41b2").as_slice(), &words].concat(),
            Some("ERC20InsufficientAllowance"),
            &format!("ERC20InsufficientAllowance({WHO}, 3, 4)"),
        );
        check(&hex!("d93c0665"), Some("EnforcedPause"), "EnforcedPause()");
        check(
            &[hex!("118cdaa7").as_slice(), WHO.into_word().as_slice()].concat(),
            Some("OwnableUnauthorizedAccount"),
            &format!("OwnableUnauthorizedAccount({WHO})"),
        );
    }

    #[test]
    fn solidity_s_own_errors_are_decoded() {
        let answer = Message::from("ERC20: transfer amount exceeds \"balance\"").abi_encode();
        check(&answer, Some("Error"), r#"Error("ERC20: transfer amount exceeds \"balance\"")"#);
        let answer = Panic::from(PanicKind::UnderOverflow).abi_encode();
        check(&answer, Some("Panic"), "Panic(0x11): arithmetic underflow or overflow");
        let answer = Panic { code: U256::from(0xff) }.abi_encode();
        check(&answer, Some("Panic"), "Panic(0xff)");
    }

    #[test]
    fn all_else_is_unknown() {
        check(&[], None, "no reason");
        check(&[1, 2], None, "unknown error 0x0102");
        check(&hex!("deadbeef00"), None, "unknown error 0xdeadbeef");
        // A known selector, but the argument is cut off.
        check(&hex!("e450d38c00"), None, "unknown error 0xe450d38c");
        // An address with bits above its 160.
        check(&[hex!("118cdaa7").as_slice(), &[0xff; 32]].concat(), None, "unknown error 0x118cdaa7");
    }

    /// What `write_call` relies on.
    #[test]
    fn arguments_are_one_word_each() {
        let signatures = [
            IMoneyStreamingErrors::SIGNATURES,
            IStreamPortalErrors::SIGNATURES,
            CartesiErrors::SIGNATURES,
            CommonTokenErrors::SIGNATURES,
        ];
        for signature in signatures.concat() {
            let kinds = signature.split_once('(').unwrap().1.trim_end_matches(')');
            if kinds == "bytes" {
                continue;
            }
            for kind in kinds.split(',').filter(|kind| !kind.is_empty()) {
                assert!(["address", "uint256", "bytes32"].contains(&kind), "{signature}");
            }
        }
    }
}
