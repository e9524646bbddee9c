//! Solidity's ABI, read strictly from bytes that anybody may have written.

use alloy::{
    dyn_abi::DynSolType,
    hex,
    primitives::{Address, I256, U256},
};
use serde_json::{Value as Json, json};

use super::is_word;

/// How many values may still be read. Offsets may lead to the same bytes again and again, so that few bytes would stand
/// for more values than any memory holds; what a compiler writes has a word for each.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn of(data: &[u8]) -> Self {
        Self(data.len() / 32)
    }

    fn take(&mut self) -> Option<()> {
        self.0 = self.0.checked_sub(1)?;
        Some(())
    }
}

/// The bytes that a value has at its fixed place.
pub(super) fn n_head(kind: &DynSolType) -> usize {
    match kind {
        kind if is_dynamic(kind) => 32,
        DynSolType::FixedArray(kind, n_values) => n_head(kind).saturating_mul(*n_values),
        DynSolType::Tuple(kinds) => kinds.iter().map(n_head).fold(0, usize::saturating_add),
        _ => 32,
    }
}

fn is_dynamic(kind: &DynSolType) -> bool {
    match kind {
        DynSolType::String | DynSolType::Bytes | DynSolType::Array(_) => true,
        DynSolType::FixedArray(kind, _) => is_dynamic(kind),
        DynSolType::Tuple(kinds) => kinds.iter().any(is_dynamic),
        _ => false,
    }
}

pub(super) fn word_at(data: &[u8], at: usize) -> Option<&[u8; 32]> {
    data.get(at..at.checked_add(32)?)?.try_into().ok()
}

/// Where the offset at `at` leads, which counts from `base`.
pub(super) fn offset(data: &[u8], base: usize, at: usize) -> Option<usize> {
    base.checked_add(number(data, at)?)
}

/// A number of bytes or values, which is none if there are not as many bytes.
fn number(data: &[u8], at: usize) -> Option<usize> {
    let number = U256::from_be_bytes(*word_at(data, at)?);
    usize::try_from(number).ok().filter(|number| *number <= data.len())
}

/// The bytes whose length is at `at`.
pub(super) fn bytes(data: &[u8], at: usize) -> Option<&[u8]> {
    let (start, n_bytes) = (at.checked_add(32)?, number(data, at)?);
    data.get(start..start.checked_add(n_bytes)?)
}

/// Whether a word has no bits that its type has not.
pub(super) fn is_clean(kind: &DynSolType, word: &[u8; 32]) -> bool {
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    match kind {
        DynSolType::Bool => is_zero(&word[..31]) && word[31] <= 1,
        DynSolType::Uint(bits) => is_zero(&word[..32 - bits / 8]),
        DynSolType::Int(bits) => {
            let first = 32 - bits / 8;
            let sign = if word[first] & 0x80 == 0 { 0 } else { 0xff };
            word[..first].iter().all(|byte| *byte == sign)
        }
        DynSolType::Address => is_zero(&word[..12]),
        DynSolType::FixedBytes(n_bytes) => is_zero(&word[*n_bytes..]),
        DynSolType::Function => is_zero(&word[24..]),
        _ => false,
    }
}

/// The value whose fixed place is `at`, and whose offsets count from `base`: numbers as decimal text, bytes as hex,
/// arrays and structs as lists.
pub(super) fn json(kind: &DynSolType, data: &[u8], base: usize, at: usize, budget: &mut Budget) -> Option<Json> {
    if is_word(kind) || is_dynamic(kind) || n_head(kind) == 0 {
        budget.take()?;
    }
    if is_word(kind) {
        return word_json(kind, word_at(data, at)?);
    }
    let at = if is_dynamic(kind) { offset(data, base, at)? } else { at };
    match kind {
        DynSolType::String => Some(json!(String::from_utf8_lossy(bytes(data, at)?))),
        DynSolType::Bytes => Some(json!(hex::encode_prefixed(bytes(data, at)?))),
        DynSolType::Array(kind) => {
            let n_values = number(data, at)?;
            list(std::iter::repeat_n(&**kind, n_values), data, at.checked_add(32)?, budget)
        }
        DynSolType::FixedArray(kind, n_values) => list(std::iter::repeat_n(&**kind, *n_values), data, at, budget),
        DynSolType::Tuple(kinds) => list(kinds.iter(), data, at, budget),
        _ => None,
    }
}

/// Values one after the other from `base` on, from where their offsets count.
fn list<'a>(
    kinds: impl Iterator<Item = &'a DynSolType>,
    data: &[u8],
    base: usize,
    budget: &mut Budget,
) -> Option<Json> {
    let mut at = base;
    let mut values = Vec::new();
    for kind in kinds {
        values.push(json(kind, data, base, at, budget)?);
        at = at.checked_add(n_head(kind))?;
    }
    Some(Json::Array(values))
}

fn word_json(kind: &DynSolType, word: &[u8; 32]) -> Option<Json> {
    is_clean(kind, word).then(|| match kind {
        DynSolType::Bool => json!(word[31] == 1),
        DynSolType::Uint(_) => json!(U256::from_be_bytes(*word).to_string()),
        DynSolType::Int(_) => json!(I256::from_be_bytes(*word).to_string()),
        DynSolType::Address => json!(Address::from_slice(&word[12..]).to_checksum(None)),
        DynSolType::FixedBytes(n_bytes) => json!(hex::encode_prefixed(&word[..*n_bytes])),
        _ => json!(hex::encode_prefixed(&word[..24])),
    })
}
