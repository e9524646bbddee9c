//! A transaction that was mined, as a part of a command's result.

use alloy::{primitives::B256, rpc::types::TransactionReceipt};
use serde::Serialize;

use crate::{amount::grouped, output::text};

/// A transaction that was mined.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Mined {
    #[serde(serialize_with = "text")]
    hash: B256,
    #[serde(serialize_with = "text")]
    block: u64,
    #[serde(serialize_with = "text")]
    gas: u64,
}

impl From<&TransactionReceipt> for Mined {
    fn from(receipt: &TransactionReceipt) -> Self {
        Self {
            hash: receipt.transaction_hash,
            block: receipt.block_number.expect("a mined transaction is in a block"),
            gas: receipt.gas_used,
        }
    }
}

impl Mined {
    /// Rows for people to read.
    pub(crate) fn rows(&self) -> [(&'static str, String); 2] {
        self.rows_under("transaction")
    }

    /// Rows for people to read, of a transaction and the approvals before it.
    pub(crate) fn rows_of(transactions: &[Self]) -> impl Iterator<Item = (&'static str, String)> {
        let n_approvals = transactions.len().saturating_sub(1);
        let names = std::iter::repeat_n("approval", n_approvals).chain(["transaction"]);
        transactions.iter().zip(names).flat_map(|(transaction, name)| transaction.rows_under(name))
    }

    fn rows_under(&self, name: &'static str) -> [(&'static str, String); 2] {
        let place = format!("{}, gas {}", grouped(self.block), grouped(self.gas));
        [(name, self.hash.to_string()), ("block", place)]
    }
}
