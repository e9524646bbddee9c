//! What contracts say of themselves: a pair its tokens and reserves, a token its symbol, name and decimals.
//!
//! Tokens are strangers' code: whatever one answers is cut to size, and none of it is an error.

use std::collections::HashMap;

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol,
    sol_types::{SolCall, SolValue},
};

use crate::{
    Result,
    kind::{Call, Reader},
};

sol! {
    function symbol() external view returns (string);
    function name() external view returns (string);
    function decimals() external view returns (uint8);
    function token0() external view returns (address);
    function token1() external view returns (address);
    function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 timestamp);
}

/// Characters of a symbol or a name that are kept.
const N_CHARACTERS: usize = 64;

/// Calls that are made at once.
const N_CALLS: usize = 300;

/// What a token says of itself.
///
/// ERC-20 leaves all three open. A symbol or name that is missing, or neither a string nor bytes32, is empty; decimals
/// that are missing, or above 255, are 0, so that one unit is one token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) symbol: String,
    pub(crate) name: String,
    pub(crate) decimals: u8,
}

/// A token of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) address: Address,
    pub(crate) symbol: String,
    pub(crate) name: String,
    pub(crate) decimals: u8,
}

/// What a pair says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) tokens: [Address; 2],
    pub(crate) reserves: [u128; 2],
}

/// Asks tokens for their metadata, as of the newest block: what does not change needs no old state.
pub(crate) fn tokens(reader: &dyn Reader, tokens: &[Address]) -> Result<HashMap<Address, Metadata>> {
    let mut read = HashMap::with_capacity(tokens.len());
    for some in tokens.chunks(N_CALLS / 3) {
        let inputs = [symbolCall {}.abi_encode(), nameCall {}.abi_encode(), decimalsCall {}.abi_encode()];
        let answers = ask(reader, some, &inputs, None)?;
        for (token, answers) in some.iter().zip(answers.chunks_exact(inputs.len())) {
            let text = |i: usize| answers[i].as_ref().map(|answer| text_of(answer)).unwrap_or_default();
            let decimals = answers[2].as_ref().and_then(|answer| u8::try_from(word(answer)?).ok());
            let metadata = Metadata { symbol: text(0), name: text(1), decimals: decimals.unwrap_or_default() };
            read.insert(*token, metadata);
        }
    }
    Ok(read)
}

/// Asks pairs for their tokens and reserves, as of the block of hash `at` or as of the newest. What is no pair gives
/// nothing.
pub(crate) fn pairs(reader: &dyn Reader, pairs: &[Address], at: Option<B256>) -> Result<Vec<Option<Held>>> {
    let mut read = Vec::with_capacity(pairs.len());
    for some in pairs.chunks(N_CALLS / 3) {
        let inputs = [token0Call {}.abi_encode(), token1Call {}.abi_encode(), getReservesCall {}.abi_encode()];
        let answers = ask(reader, some, &inputs, at)?;
        read.extend(answers.chunks_exact(inputs.len()).map(|answers| {
            let token = |i: usize| token0Call::abi_decode_returns(answers[i].as_ref()?).ok();
            let reserves = getReservesCall::abi_decode_returns(answers[2].as_ref()?).ok()?;
            let reserves = [reserves.reserve0.to(), reserves.reserve1.to()];
            Some(Held { tokens: [token(0)?, token(1)?], reserves })
        }));
    }
    Ok(read)
}

/// Each input to each contract.
fn ask(reader: &dyn Reader, contracts: &[Address], inputs: &[Vec<u8>], at: Option<B256>) -> Result<Vec<Option<Bytes>>> {
    if contracts.is_empty() {
        return Ok(Vec::new());
    }
    let call = |to: Address| inputs.iter().map(move |input| Call { to, input: input.clone().into() });
    let calls: Vec<Call> = contracts.iter().copied().flat_map(call).collect();
    let answers = reader.read(&calls, at)?;
    if answers.len() != calls.len() {
        return Err(crate::Error::Endpoint(format!("{} calls got {} answers", calls.len(), answers.len())));
    }
    Ok(answers)
}

fn word(answer: &[u8]) -> Option<U256> {
    Some(U256::from_be_slice(answer.get(..32)?))
}

/// A string, or what old tokens have in its place: 32 bytes, up to the first zero.
fn text_of(answer: &[u8]) -> String {
    let text = match String::abi_decode(answer) {
        Ok(text) => text,
        Err(_) if answer.len() == 32 => {
            let end = answer.iter().position(|byte| *byte == 0).unwrap_or(answer.len());
            String::from_utf8_lossy(&answer[..end]).into_owned()
        }
        Err(_) => String::new(),
    };
    text.chars().filter(|character| !character.is_control()).take(N_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use alloy::primitives::hex;

    use super::*;

    #[track_caller]
    fn check(answer: &[u8], expected: &str) {
        assert_eq!(text_of(answer), expected);
    }

    #[test]
    fn texts_of_all_kinds_of_tokens() {
        check(&"USDC".to_owned().abi_encode(), "USDC");
        check(&hex!("4d4b520000000000000000000000000000000000000000000000000000000000"), "MKR");
        check(&[b'A'; 32], &"A".repeat(32));
        check(&[0; 32], "");
        check(&[], "");
        check(&[0xff; 31], "");
        check(&[0xff; 96], "");
        check(&"a\0b\nc".to_owned().abi_encode(), "abc");
        check(&"ä".repeat(1_000).abi_encode(), &"ä".repeat(N_CHARACTERS));
        // An offset beyond the end, and a length beyond the end.
        check(&[[0xff; 32].as_slice(), &[0; 32]].concat(), "");
        check(&[U256::from(32).to_be_bytes::<32>(), U256::from(1_000_000).to_be_bytes()].concat(), "");
    }

    #[test]
    fn a_token_that_says_nothing_has_no_decimals() {
        struct Silent;
        impl Reader for Silent {
            fn read(&self, calls: &[Call], _: Option<B256>) -> Result<Vec<Option<Bytes>>> {
                let decimals = |call: &Call| call.input == decimalsCall {}.abi_encode();
                let odd = |call: &Call| call.to == Address::repeat_byte(2) && decimals(call);
                Ok(calls.iter().map(|call| odd(call).then(|| Bytes::from([1; 32]))).collect())
            }
        }
        let [silent, odd] = [1, 2].map(Address::repeat_byte);
        let read = tokens(&Silent, &[silent, odd]).unwrap();
        assert_eq!(read[&silent], Metadata::default());
        assert_eq!(read[&odd], Metadata::default());
        assert_eq!(pairs(&Silent, &[silent], None).unwrap(), [None]);
    }
}
