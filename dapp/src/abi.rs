//! Calls in the ABI's encoding, which a contract can build.

use alloy_primitives::{Bytes, hex};
use alloy_sol_types::abi::AbiDecoderConfig;
use alloy_sol_types::{Error, SolInterface, sol};

use crate::call::{Call, Malformed, PayoutForm, shorten};

use StreamableTokenInputs::{
    StreamableTokenInputsCalls as Inputs, batchCall, cancelStreamCall, extendStreamCall, safeWithdrawCall, streamCall,
    transferCall, withdrawCall,
};

sol! {
    /// What a user may ask for. The zero address as a token is Ether; amounts are base units; times are seconds.
    #[derive(Debug, PartialEq, Eq)]
    interface StreamableTokenInputs {
        /// Moves an amount at once.
        function transfer(address token, address recipient, uint256 amount) external;
        /// Starts a stream; a start of 0 is at once.
        function stream(address token, address recipient, uint256 amount, uint64 start, uint64 duration) external;
        /// Adds money, time or both to a stream of the caller that has not ended.
        function extendStream(uint64 streamId, uint256 amount, uint64 duration) external;
        /// Ends a stream of the caller early.
        function cancelStream(uint64 streamId) external;
        /// Pays out on the chain below, by the token's `transfer`.
        function withdraw(address token, uint256 amount) external;
        /// Pays out on the chain below, by `SafeERC20Transfer`.
        function safeWithdraw(address token, uint256 amount) external;
        /// Several of these, all or none.
        function batch(bytes[] calls) external;
    }
}

/// Reads a call from its canonical encoding. Whatever encodes differently again is refused, so that nothing hides in an
/// input.
pub(crate) fn decode(payload: &[u8]) -> Result<Call, Malformed> {
    let calls = match decode_one(payload)? {
        Inputs::batch(batchCall { calls }) => calls,
        single => return Ok(into_call(single)),
    };
    let in_batch = |(index, call): (usize, &Bytes)| match decode_one(call) {
        // What is a batch inside a batch is for the caller to refuse, and holds nothing here.
        Ok(input) => Ok(into_call(input)),
        Err(malformed) => Err(Malformed::InBatch(index, Box::new(malformed))),
    };
    Ok(Call::Batch(calls.iter().enumerate().map(in_batch).collect::<Result<_, _>>()?))
}

fn decode_one(payload: &[u8]) -> Result<Inputs, Malformed> {
    let unknown = || {
        let selector = hex::encode_prefixed(&payload[..payload.len().min(4)]);
        Malformed::UnknownSelector { selector, known: known() }
    };
    let (selector, arguments) = payload.split_first_chunk::<4>().ok_or_else(unknown)?;
    let method = Inputs::name_by_selector(*selector).ok_or_else(unknown)?;
    let strict = AbiDecoderConfig::new().strict(true);
    Inputs::abi_decode_raw_with_config(*selector, arguments, strict)
        .map_err(|error| Malformed::Arguments { method, why: why(&error) })
}

fn why(error: &Error) -> String {
    match error {
        Error::Overrun => "they end early, or an offset or a length leads past their end".to_owned(),
        Error::ReserMismatch => "they are not canonical; leave no gaps, overlaps or trailing bytes".to_owned(),
        Error::TypeCheckFail { expected_type, .. } => format!("a word holds more than its type in {expected_type}"),
        other => shorten(&other.to_string()),
    }
}

/// The call, without what a batch holds: a batch inside a batch is for the caller to refuse.
fn into_call(input: Inputs) -> Call {
    match input {
        Inputs::transfer(transferCall { token, recipient, amount }) => Call::Transfer { token, recipient, amount },
        Inputs::stream(streamCall { token, recipient, amount, start, duration }) => {
            Call::Stream { token, recipient, amount, start, duration }
        }
        Inputs::extendStream(extendStreamCall { streamId, amount, duration }) => {
            Call::ExtendStream { stream: streamId, amount, duration }
        }
        Inputs::cancelStream(cancelStreamCall { streamId }) => Call::CancelStream { stream: streamId, token: None },
        Inputs::withdraw(withdrawCall { token, amount }) => {
            Call::Withdraw { token, amount, form: PayoutForm::Transfer }
        }
        Inputs::safeWithdraw(safeWithdrawCall { token, amount }) => {
            Call::Withdraw { token, amount, form: PayoutForm::SafeTransfer }
        }
        Inputs::batch(_) => Call::Batch(Vec::new()),
    }
}

/// The methods with their selectors.
fn known() -> String {
    let method = |selector: [u8; 4]| {
        let name = Inputs::name_by_selector(selector).unwrap_or_default();
        format!("{name} {}", hex::encode_prefixed(selector))
    };
    Inputs::selectors().map(method).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, U256, address, keccak256};
    use alloy_sol_types::SolCall;

    const TOKEN: Address = address!("0x59b670e9fA9D0A427751Af201D676719a970857b");
    const BOB: Address = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    const TOKEN_WORD: &str = "00000000000000000000000059b670e9fa9d0a427751af201d676719a970857b";
    const BOB_WORD: &str = "00000000000000000000000070997970c51812dc3a010c7d01b50e0d17dc79c8";

    /// A selector and words, each in as few digits as it needs.
    fn encode(selector: &str, words: &[&str]) -> Vec<u8> {
        let words: String = words.iter().map(|word| format!("{word:0>64}")).collect();
        hex::decode(format!("{selector}{words}")).unwrap()
    }

    #[track_caller]
    fn check(selector: &str, words: &[&str], expected: Call) {
        assert_eq!(Call::decode(&encode(selector, words)), Ok(expected));
    }

    #[track_caller]
    fn refuse(payload: &[u8], expected: &str) {
        assert_eq!(Call::decode(payload).unwrap_err().to_string(), expected);
    }

    #[test]
    fn selectors_are_as_documented_and_never_look_like_json() {
        let documented = [
            ("transfer(address,address,uint256)", "beabacc8"),
            ("stream(address,address,uint256,uint64,uint64)", "f5626dbc"),
            ("extendStream(uint64,uint256,uint64)", "5495ef3c"),
            ("cancelStream(uint64)", "d9e8f780"),
            ("withdraw(address,uint256)", "f3fef3a3"),
            ("safeWithdraw(address,uint256)", "5058c460"),
            ("batch(bytes[])", "1e897afb"),
        ];
        for (signature, selector) in documented {
            assert_eq!(hex::encode(&keccak256(signature)[..4]), selector);
            let known = Inputs::name_by_selector(hex::decode(selector).unwrap().try_into().unwrap());
            assert_eq!(known, signature.split('(').next());
        }
        assert_eq!(Inputs::selectors().count(), documented.len());
        assert!(Inputs::selectors().all(|[first, ..]| first != b'{' && !first.is_ascii_whitespace()));
    }

    #[test]
    fn every_method_is_read_word_by_word() {
        let most = "f".repeat(64);
        check(
            "beabacc8",
            &[TOKEN_WORD, BOB_WORD, &most],
            Call::Transfer { token: TOKEN, recipient: BOB, amount: U256::MAX },
        );
        check(
            "f5626dbc",
            &["0", BOB_WORD, "7", "ffffffffffffffff", "e10"],
            Call::Stream {
                token: Address::ZERO,
                recipient: BOB,
                amount: U256::from(7),
                start: u64::MAX,
                duration: 3_600,
            },
        );
        check("5495ef3c", &["1", "2", "3"], Call::ExtendStream { stream: 1, amount: U256::from(2), duration: 3 });
        check("d9e8f780", &["9"], Call::CancelStream { stream: 9, token: None });
        for (selector, form) in [("f3fef3a3", PayoutForm::Transfer), ("5058c460", PayoutForm::SafeTransfer)] {
            check(selector, &[TOKEN_WORD, "1f4"], Call::Withdraw { token: TOKEN, amount: U256::from(500), form });
        }
    }

    #[test]
    fn a_batch_is_read_word_by_word() {
        let cancel = |id: u8| [format!("d9e8f780{}", "0".repeat(56)), format!("{id:08x}{}", "0".repeat(56))];
        let (first, second) = (cancel(1), cancel(2));
        // Two elements at 64 and 160 from the table of offsets, 36 bytes each.
        let words = ["20", "2", "40", "a0", "24", &first[0], &first[1], "24", &second[0], &second[1]];
        check(
            "1e897afb",
            &words,
            Call::Batch(vec![
                Call::CancelStream { stream: 1, token: None },
                Call::CancelStream { stream: 2, token: None },
            ]),
        );
    }

    const SHORT: &str = "they end early, or an offset or a length leads past their end";
    const ODD: &str = "they are not canonical; leave no gaps, overlaps or trailing bytes";

    #[test]
    fn arguments_are_canonical() {
        let withdraw = encode("f3fef3a3", &[TOKEN_WORD, "1f4"]);
        for length in 4..withdraw.len() {
            refuse(&withdraw[..length], &format!("the arguments of withdraw cannot be read: {SHORT}"));
        }
        for tail in 1..=64 {
            let trailing = [withdraw.as_slice(), &vec![0; tail]].concat();
            refuse(&trailing, &format!("the arguments of withdraw cannot be read: {ODD}"));
        }
        let dirty = format!("1{}", &TOKEN_WORD[24..]);
        refuse(
            &encode("f3fef3a3", &[&dirty, "1f4"]),
            "the arguments of withdraw cannot be read: a word holds more than its type in (address,uint256)",
        );
        refuse(
            &encode("d9e8f780", &["10000000000000001"]),
            "the arguments of cancelStream cannot be read: a word holds more than its type in (uint64)",
        );
    }

    #[test]
    fn offsets_and_lengths_of_a_batch_are_canonical() {
        let part = [format!("d9e8f780{}", "0".repeat(56)), format!("00000001{}", "0".repeat(56))];
        let [cancel, rest] = [part[0].as_str(), part[1].as_str()];
        let far = "f".repeat(64);
        let padded = format!("00000001{}1", "0".repeat(55));
        for (words, expected) in [
            (vec![], SHORT),
            (vec!["20"], SHORT),
            (vec!["0", "1", "20", "24", cancel, rest], ODD),
            (vec!["40", "0", "1", "20", "24", cancel, rest], ODD),
            (vec!["20", "1", "40", "0", "24", cancel, rest], ODD),
            (vec!["20", "2", "40", "40", "24", cancel, rest], ODD),
            (vec!["20", "2", "a0", "40", "24", cancel, rest, "24", cancel, rest], ODD),
            (vec!["20", "1", "20", "24", cancel, rest, "0"], ODD),
            (vec!["20", "1", "20", "24", cancel, &padded], ODD),
            (vec!["20", "1", "20", "44", cancel, rest], SHORT),
            (vec!["20", "ffffffff", "20", "24", cancel, rest], SHORT),
        ] {
            refuse(&encode("1e897afb", &words), &format!("the arguments of batch cannot be read: {expected}"));
        }
        for words in [vec![far.as_str()], vec!["20", &far], vec!["20", "1", &far], vec!["20", "1", "20", &far]] {
            let error = Call::decode(&encode("1e897afb", &words)).unwrap_err().to_string();
            assert!(error.starts_with("the arguments of batch cannot be read: "), "{error}");
        }
    }

    #[test]
    fn many_offsets_to_one_element_are_refused() {
        let mut words = vec!["20".to_owned(), format!("{:x}", 2_000)];
        words.extend(vec![format!("{:x}", 2_000 * 32); 2_000]);
        words.push(format!("{:x}", 1 << 15));
        words.extend(vec!["0".to_owned(); 1 << 10]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        refuse(&encode("1e897afb", &words), &format!("the arguments of batch cannot be read: {ODD}"));
    }

    #[test]
    fn a_batch_says_which_call_is_wrong() {
        let cancel = cancelStreamCall { streamId: 1 }.abi_encode();
        let batch = |calls: &[&[u8]]| {
            batchCall { calls: calls.iter().map(|call| Bytes::copy_from_slice(call)).collect() }.abi_encode()
        };
        refuse(&batch(&[]), "the batch is empty; put at least 1 call into it");
        for inner in [batch(&[]), batch(&[&cancel]), batch(&[&batch(&[&cancel])])] {
            refuse(
                &batch(&[&cancel, &inner]),
                "call 1 of the batch is a batch itself; put its calls into the outer one",
            );
        }
        refuse(
            &batch(&[&cancel, &cancel, &cancel[..35]]),
            &format!("call 2 of the batch: the arguments of cancelStream cannot be read: {SHORT}"),
        );
        let known = known();
        refuse(
            &batch(&[b"{\"method\":1}", &cancel]),
            &format!("call 0 of the batch: selector 0x7b226d65 is none of {known}; JSON begins with a brace"),
        );
        refuse(
            &batch(&[b""]),
            &format!("call 0 of the batch: selector 0x is none of {known}; JSON begins with a brace"),
        );
    }

    #[test]
    fn an_unknown_selector_is_told_the_known_ones() {
        let known = "batch 0x1e897afb, safeWithdraw 0x5058c460, extendStream 0x5495ef3c, transfer 0xbeabacc8, \
                     cancelStream 0xd9e8f780, withdraw 0xf3fef3a3, stream 0xf5626dbc";
        for payload in ["00000000", "a9059cbb", "be", "beabac", "beabacc9"] {
            let refused = format!("selector 0x{payload} is none of {known}; JSON begins with a brace");
            refuse(&hex::decode(payload).unwrap(), &refused);
        }
    }
}
