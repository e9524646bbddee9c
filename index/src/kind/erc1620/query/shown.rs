//! How numbers and addresses are shown: as texts that no reader rounds or mistypes.

use alloy::primitives::{Address, U256};
use serde::Serialize;
use utoipa::ToSchema;

/// An amount or an id, as a decimal text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String)]
pub struct Decimal(pub U256);

/// An address, as text with its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String)]
pub struct Checksummed(pub Address);

impl From<u128> for Decimal {
    fn from(amount: u128) -> Self {
        Self(U256::from(amount))
    }
}

impl Serialize for Decimal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for Checksummed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
