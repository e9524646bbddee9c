//! A real chain with a token on it, whose transfers are followed.

use alloy::hex;
use alloy::primitives::{Address, B256, U256, address};
use alloy::sol_types::SolCall;
use bindings::DemoToken;
use index::block::Checkpoint;
use serde_json::{Value, json};

use crate::anvil::{Anvil, number};

/// The first of anvil's accounts.
const SENDER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

/// A chain that mines when it is told to. A block is final when twice as many as `slots` follow it.
pub(crate) fn start(slots: u64, arguments: &[&str]) -> Anvil {
    let slots = slots.to_string();
    let always = ["--max-persisted-states", "0", "--no-mining", "--order", "fifo", "--slots-in-an-epoch", &slots];
    Anvil::start(&[&always, arguments].concat())
}

/// A transaction that makes a log, for `eth_sendTransaction` and `anvil_reorg`.
pub(crate) fn mint(token: Address, amount: u64) -> Value {
    mint_from(SENDER, token, amount)
}

/// The same by somebody else.
pub(crate) fn mint_from(sender: Address, token: Address, amount: u64) -> Value {
    let call = DemoToken::mintCall { account: Address::repeat_byte(0x77), amount: U256::from(amount) };
    json!({ "from": sender, "to": token, "data": hex::encode_prefixed(call.abi_encode()), "gas": "0x30d40" })
}

impl Anvil {
    /// Puts the token on the chain.
    pub(crate) fn deploy(&self) -> Address {
        let transaction =
            json!({ "from": SENDER, "data": hex::encode_prefixed(&DemoToken::BYTECODE), "gas": "0x4c4b40" });
        serde_json::from_value(self.send(&transaction)["contractAddress"].clone()).expect("the token is deployed")
    }

    /// Has it mined, and gives its receipt.
    pub(crate) fn send(&self, transaction: &Value) -> Value {
        let hash = self.ask("eth_sendTransaction", &json!([transaction]));
        self.ask("evm_mine", &json!([]));
        let receipt = self.ask("eth_getTransactionReceipt", &json!([hash]));
        assert_eq!(receipt["status"], "0x1", "{transaction}: {receipt}");
        receipt
    }

    /// The newest block, in one answer.
    pub(crate) fn head(&self) -> Checkpoint {
        let block = self.ask("eth_getBlockByNumber", &json!(["latest", false]));
        Checkpoint { number: number(&block["number"]), hash: serde_json::from_value(block["hash"].clone()).unwrap() }
    }

    pub(crate) fn height(&self) -> u64 {
        number(&self.ask("eth_blockNumber", &json!([])))
    }

    /// The block of this height; null if there is none.
    pub(crate) fn block(&self, height: u64) -> Value {
        self.ask("eth_getBlockByNumber", &json!([format!("{height:#x}"), false]))
    }

    pub(crate) fn hash(&self, height: u64) -> B256 {
        serde_json::from_value(self.block(height)["hash"].clone()).expect("there is such a block")
    }

    /// All logs of the token, asked block by block by hash: height, place, transaction and amount.
    pub(crate) fn logs(&self, token: Address) -> Vec<(u64, u64, B256, U256)> {
        let mut logs = Vec::new();
        for height in 0..=self.height() {
            let found = self.ask("eth_getLogs", &json!([{ "blockHash": self.hash(height), "address": token }]));
            for log in found.as_array().unwrap() {
                let word = |name: &str| serde_json::from_value::<B256>(log[name].clone()).unwrap();
                logs.push((height, number(&log["logIndex"]), word("transactionHash"), word("data").into()));
            }
        }
        logs
    }
}
