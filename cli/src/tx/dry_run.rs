//! Transactions that are shown and not sent, for people and for the multisig that will send them.

use std::fmt;

use alloy::primitives::{Address, Bytes, U256};
use serde::Serialize;

use super::Call;
use crate::output::{maybe_text, text};

/// What would be sent.
#[derive(Debug, Serialize)]
pub(crate) struct DryRun {
    dry_run: bool,
    #[serde(serialize_with = "text")]
    chain_id: u64,
    #[serde(serialize_with = "text")]
    from: Address,
    transactions: Vec<Planned>,
}

#[derive(Debug, Serialize)]
struct Planned {
    what: String,
    #[serde(serialize_with = "text")]
    to: Address,
    #[serde(serialize_with = "text")]
    data: Bytes,
    /// Wei.
    #[serde(serialize_with = "text")]
    value: U256,
    /// Gas limit; `None` for what cannot be simulated before the transactions before it are mined.
    #[serde(serialize_with = "maybe_text")]
    gas: Option<u64>,
}

impl DryRun {
    /// `gas` is the limit of the first call.
    pub(crate) fn new(chain_id: u64, from: Address, gas: u64, calls: &[Call]) -> Self {
        let gas = std::iter::once(Some(gas)).chain(std::iter::repeat(None));
        let planned = |(call, gas): (&Call, _)| Planned {
            what: call.what.clone(),
            to: call.to,
            data: call.data.clone(),
            value: call.value,
            gas,
        };
        Self { dry_run: true, chain_id, from, transactions: calls.iter().zip(gas).map(planned).collect() }
    }
}

impl fmt::Display for DryRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Nothing is sent. On chain {}, {} would send:", self.chain_id, self.from)?;
        for (i, transaction) in self.transactions.iter().enumerate() {
            writeln!(f, "\n{}. {}", i + 1, transaction.what)?;
            writeln!(f, "   to    {}", transaction.to)?;
            writeln!(f, "   value {}", transaction.value)?;
            match transaction.gas {
                Some(gas) => writeln!(f, "   gas   {gas}")?,
                None => writeln!(f, "   gas   known once the transactions before it are mined")?,
            }
            writeln!(f, "   data  {}", transaction.data)?;
        }
        Ok(())
    }
}
