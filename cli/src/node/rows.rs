//! What a node gives of the rollup, in the published form.

use alloy::primitives::{B256, Bytes};
use serde::{Deserialize, Deserializer};

/// An input that the node has read from the chain.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Input {
    #[serde(deserialize_with = "quantity")]
    pub(crate) index: u64,
    pub(crate) raw_data: Bytes,
    pub(crate) status: String,
}

/// An output of the application.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Output {
    #[serde(deserialize_with = "quantity")]
    pub(crate) epoch_index: u64,
    #[serde(deserialize_with = "quantity")]
    pub(crate) input_index: u64,
    #[serde(deserialize_with = "quantity")]
    pub(crate) index: u64,
    pub(crate) raw_data: Bytes,
    #[serde(default)]
    pub(super) hash: Option<B256>,
    /// `None` until its epoch is closed.
    #[serde(default)]
    pub(crate) output_hashes_siblings: Option<Vec<B256>>,
}

/// A report of the application.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Report {
    #[serde(deserialize_with = "quantity")]
    pub(crate) index: u64,
    #[serde(deserialize_with = "quantity")]
    pub(crate) input_index: u64,
    pub(crate) raw_data: Bytes,
}

/// The two forms that nodes have for a report.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Payload {
    Bare(Bytes),
    Named { payload: Bytes },
}

/// A whole number in hex, as nodes write all that may exceed what JSON readers carry.
pub(super) fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = text.strip_prefix("0x").filter(|digits| !digits.is_empty() && !digits.starts_with('+'));
    digits
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| serde::de::Error::custom(format!("\"{text}\" is no number in hex")))
}

/// As [`quantity`], of what a node need not give.
pub(super) fn maybe_quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    struct Quantity(#[serde(deserialize_with = "quantity")] u64);
    Ok(Option::<Quantity>::deserialize(deserializer)?.map(|quantity| quantity.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_hex() {
        #[derive(Deserialize)]
        struct Of(#[serde(deserialize_with = "quantity")] u64);
        let of = |text: &str| serde_json::from_str::<Of>(text).ok().map(|of| of.0);
        assert_eq!(of("\"0x0\""), Some(0));
        assert_eq!(of("\"0xffffffffffffffff\""), Some(u64::MAX));
        for text in ["\"0x10000000000000000\"", "\"0x\"", "\"12\"", "12", "\"0x+1\"", "null"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
