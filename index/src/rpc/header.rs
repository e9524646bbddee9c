//! Headers, as endpoints give them.

use std::fmt;

use alloy::primitives::{B256, Bloom};
use serde::{Deserialize, Deserializer, de};

use crate::block::Block;

/// A block's header, and what it says of the block's logs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Wire")]
pub struct Header {
    /// What the index keeps.
    pub block: Block,
    /// Whose logs and what topics may be in the block; what is not in it is not in the block.
    pub bloom: Bloom,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    number: Quantity,
    hash: B256,
    parent_hash: B256,
    timestamp: Quantity,
    logs_bloom: Bloom,
}

impl From<Wire> for Header {
    fn from(wire: Wire) -> Self {
        let Wire { number, hash, parent_hash: parent, timestamp, logs_bloom: bloom } = wire;
        Self { block: Block { number: number.0, hash, parent, timestamp: timestamp.0 }, bloom }
    }
}

/// A number in hexadecimal digits after `0x`. Of 63 bits, because heights, times and places of logs are stored with a
/// sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quantity(pub(super) u64);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl de::Visitor<'_> for Digits {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of 63 bits such as \"0x1b4\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
                let digits = text.strip_prefix("0x").filter(|digits| !digits.starts_with('+'));
                let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
                let number = number.filter(|number| i64::try_from(*number).is_ok());
                number.map(Quantity).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        let read = serde_json::from_str(text).ok().map(|Quantity(number)| number);
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn quantities_have_63_bits() {
        check("\"0x0\"", Some(0));
        check("\"0x1b4\"", Some(436));
        check("\"0x1B4\"", Some(436));
        check("\"0x7fffffffffffffff\"", Some(9_223_372_036_854_775_807));
        check("\"0x8000000000000000\"", None);
        for none in
            ["\"0x\"", "\"\"", "\"12\"", "12", "\"0x-1\"", "\"0x+1\"", "null", "\"0x10000000000000000\"", "\"0xg\""]
        {
            check(none, None);
        }
    }
}
