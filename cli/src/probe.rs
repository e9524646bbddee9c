//! Many reads in one `eth_call`, all of the same block, without a helper contract on the chain: the call "creates" a
//! contract whose constructor asks the questions and returns the answers as its code. Nothing is ever created.

use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::SolCall,
};

/// One question: a static call.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    to: Address,
    data: Vec<u8>,
}

impl Query {
    pub(crate) fn new(to: Address, call: &impl SolCall) -> Self {
        Self { to, data: call.abi_encode() }
    }
}

/// What came back for one question.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) success: bool,
    pub(crate) data: Bytes,
}

impl Answer {
    /// The bytes returned, unless the call reverted.
    pub(crate) fn returned(&self) -> Option<&[u8]> {
        self.success.then_some(&*self.data)
    }

    /// The value returned, unless the call reverted or the address has no such function.
    pub(crate) fn decode<C: SolCall>(&self) -> Option<C::Return> {
        self.success.then(|| C::abi_decode_returns(&self.data).ok()).flatten()
    }
}

/// The answers, and the block that they are true of.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    pub(crate) block: u64,
    pub(crate) timestamp: u64,
    pub(crate) chain_id: u64,
    pub(crate) answers: Vec<Answer>,
}

/// Block number, timestamp and chain id, each a word, at the head of the memory that is returned.
const HEADER: &[u8] = &[
    0x43, 0x60, 0x00, 0x52, // NUMBER, mstore at 0
    0x42, 0x60, 0x20, 0x52, // TIMESTAMP, mstore at 32
    0x46, 0x60, 0x40, 0x52, // CHAINID, mstore at 64
    0x60, 0x60, // push 96: where the next answer goes
];
const HEADER_LEN: usize = 96;
/// Push 0, return: the memory up to where the next answer would go.
const FOOTER: &[u8] = &[0x60, 0x00, 0xf3];
/// Length of the code of one question.
const STEP_LEN: usize = 64;

/// Constructor code that asks all `queries`. Answers of more than 24 KB in total exceed what a node lets a contract be.
pub(crate) fn encode(queries: &[Query]) -> Bytes {
    let mut offset = HEADER.len() + queries.len() * STEP_LEN + FOOTER.len();
    let mut code = HEADER.to_vec();
    for (i, query) in queries.iter().enumerate() {
        // One share of the gas stays for what comes after, so that no answer can starve the rest.
        push_step(&mut code, query, offset, queries.len() - i + 1);
        offset += query.data.len();
    }
    code.extend_from_slice(FOOTER);
    for query in queries {
        code.extend_from_slice(&query.data);
    }
    code.into()
}

/// Code that asks one question, whose call data lies at `offset` of the code. Before and after it, the stack holds
/// where in memory the next answer goes: a word for success, a word for the length, the bytes. The call gets the gas
/// left divided by `n_shares`.
fn push_step(code: &mut Vec<u8>, query: &Query, offset: usize, n_shares: usize) {
    let push2 = |value: usize| {
        let value = u16::try_from(value).expect("constructor code is below the 48 KB that a node accepts");
        let [high, low] = value.to_be_bytes();
        [0x61, high, low]
    };
    let before = code.len();
    // Copy the call data to where the answer will be.
    code.extend_from_slice(&push2(query.data.len()));
    code.extend_from_slice(&push2(offset));
    code.extend_from_slice(&[0x82, 0x39]); // DUP3 CODECOPY
    // Call; take no output yet.
    code.extend_from_slice(&[0x60, 0x00, 0x60, 0x00]);
    code.extend_from_slice(&push2(query.data.len()));
    code.extend_from_slice(&[0x83, 0x73]); // DUP4 PUSH20
    code.extend_from_slice(query.to.as_slice());
    code.extend_from_slice(&push2(n_shares));
    code.extend_from_slice(&[0x5a, 0x04, 0xfa]); // GAS DIV STATICCALL
    code.extend_from_slice(&[0x81, 0x52]); // DUP2 MSTORE: success
    code.extend_from_slice(&[0x3d, 0x81, 0x60, 0x20, 0x01, 0x52]); // RETURNDATASIZE, mstore at +32
    code.extend_from_slice(&[0x3d, 0x60, 0x00, 0x82, 0x60, 0x40, 0x01, 0x3e]); // RETURNDATACOPY to +64
    code.extend_from_slice(&[0x3d, 0x01, 0x60, 0x40, 0x01]); // advance by 64 + RETURNDATASIZE
    debug_assert_eq!(code.len() - before, STEP_LEN);
}

/// Reads what the constructor returned for `n_queries` questions; `None` if it is not that.
pub(crate) fn decode(returned: &[u8], n_queries: usize) -> Option<Answers> {
    let mut rest = returned;
    let header = take(&mut rest, HEADER_LEN)?;
    let mut answers = Vec::with_capacity(n_queries);
    for _ in 0..n_queries {
        let success = word(take(&mut rest, 32)?)? == 1;
        let length = usize::try_from(word(take(&mut rest, 32)?)?).ok()?;
        answers.push(Answer { success, data: Bytes::copy_from_slice(take(&mut rest, length)?) });
    }
    Some(Answers {
        block: word(&header[..32])?,
        timestamp: word(&header[32..64])?,
        chain_id: word(&header[64..])?,
        answers,
    })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn word(bytes: &[u8]) -> Option<u64> {
    u64::try_from(U256::from_be_slice(bytes)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words as the constructor writes them.
    fn words(values: &[u64]) -> Vec<u8> {
        values.iter().flat_map(|value| U256::from(*value).to_be_bytes::<32>()).collect()
    }

    #[test]
    fn call_data_lies_where_the_code_copies_it_from() {
        let query = |byte: u8, length: usize| Query { to: Address::repeat_byte(byte), data: vec![byte; length] };
        let code = encode(&[query(0xaa, 4), query(0xbb, 68)]);
        for (step, byte, length) in [(0, 0xaa_u8, 4_usize), (1, 0xbb, 68)] {
            let start = HEADER.len() + step * STEP_LEN;
            let offset = usize::from(u16::from_be_bytes([code[start + 4], code[start + 5]]));
            assert_eq!(code[offset..offset + length], vec![byte; length]);
        }
        assert_eq!(code.len(), HEADER.len() + 2 * STEP_LEN + FOOTER.len() + 4 + 68);
    }

    #[test]
    fn answers_of_any_length_are_told_apart() {
        let mut returned = words(&[7, 1_700_000_000, 31337, 1, 3]);
        returned.extend_from_slice(b"abc");
        returned.extend(words(&[0, 0]));
        let answers = decode(&returned, 2).expect("two answers");
        assert_eq!((answers.block, answers.timestamp, answers.chain_id), (7, 1_700_000_000, 31337));
        assert!(answers.answers[0].success && !answers.answers[1].success);
        assert_eq!(answers.answers[0].data, Bytes::from_static(b"abc"));
    }

    #[test]
    fn a_truncated_answer_is_none() {
        assert!(decode(&words(&[7, 8, 9, 1, 32]), 1).is_none());
        assert!(decode(&[], 0).is_none());
    }
}
