//! A chain of one's own: anvil, its accounts, and what they send.

use std::{
    fs,
    path::{Path, PathBuf},
};

use alloy::{
    primitives::{Address, B256, Bytes, U256, hex},
    sol_types::{SolCall, SolValue},
};
use bindings::{
    Clock, DETERMINISTIC_PROXY, DemoToken, SALT,
    cartesi::{ERC20_PORTAL, ETHER_PORTAL},
    create2_address, portal_address, portal_deployment_input,
};
use serde_json::{Value, json};

use crate::anvil::{Anvil, number};

/// Seconds between two blocks.
pub const BLOCK_TIME: u64 = 12;

/// Enough for any call here, and for ten of them in a block.
const GAS: u64 = 2_500_000;

pub struct Chain {
    pub anvil: Anvil,
    /// Where anvil keeps the states of old blocks. It goes after anvil.
    _states: Folder,
    /// Anvil's accounts.
    pub accounts: Vec<Address>,
    pub tokens: [Address; 2],
}

/// A log as the chain has it.
#[derive(Clone, Debug)]
pub struct Log {
    pub block: u64,
    pub idx: u64,
    pub tx: B256,
    pub contract: Address,
    pub topics: Vec<B256>,
    pub data: Bytes,
}

impl Chain {
    /// A chain with both stream contracts, and two tokens of which all accounts have enough.
    pub fn start(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("streams-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let anvil = Anvil::start(&[
            "--timestamp",
            "1767225600",
            "--no-mining",
            "--gas-limit",
            "500000000",
            "--cache-path",
            folder.to_str().unwrap(),
        ]);
        let mut chain = Self { anvil, _states: Folder(folder), accounts: Vec::new(), tokens: [Address::ZERO; 2] };
        chain.accounts = serde_json::from_value(chain.rpc("eth_accounts", &json!([]))).unwrap();
        chain.rpc("anvil_setBlockTimestampInterval", &json!([BLOCK_TIME]));
        for clock in Clock::ALL {
            chain.do_send(0, DETERMINISTIC_PROXY, clock.deployment_input());
        }
        chain.tokens = [(); 2].map(|()| chain.deploy(&DemoToken::BYTECODE));
        for token in chain.tokens {
            for account in 0..chain.accounts.len() {
                let mint = DemoToken::mintCall { account: chain.accounts[account], amount: U256::from(u64::MAX) };
                chain.send(0, token, &mint);
                for spender in [create2_address(Clock::Block), create2_address(Clock::Timestamp), portal_address()] {
                    chain.send(account, token, &DemoToken::approveCall { spender, value: U256::MAX });
                }
            }
            chain.mine();
        }
        chain
    }

    /// Puts Cartesi's contracts and StreamPortal where they are on every chain.
    pub fn deploy_portal(&self) {
        let input_box = self.deploy_cartesi("InputBox", &[]);
        assert_eq!(self.deploy_cartesi("EtherPortal", &input_box.abi_encode()), ETHER_PORTAL);
        assert_eq!(self.deploy_cartesi("ERC20Portal", &input_box.abi_encode()), ERC20_PORTAL);
        self.do_send(0, DETERMINISTIC_PROXY, portal_deployment_input());
    }

    fn deploy_cartesi(&self, name: &str, arguments: &[u8]) -> Address {
        let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lib/node_modules/@cartesi/rollups/out");
        let artifact =
            fs::read(out.join(format!("{name}.sol/{name}.json"))).expect("`make lib` has installed Cartesi's");
        let artifact: Value = serde_json::from_slice(&artifact).unwrap();
        let code = hex::decode(artifact["bytecode"]["object"].as_str().unwrap()).unwrap();
        let code = [&code, arguments].concat();
        self.do_send(0, DETERMINISTIC_PROXY, [SALT.as_slice(), &code].concat().into());
        DETERMINISTIC_PROXY.create2_from_code(SALT, &code)
    }

    /// A contract of its own.
    pub fn deploy(&self, code: &Bytes) -> Address {
        let request = json!([{ "from": self.accounts[0], "data": code, "gas": "0x989680" }]);
        let hash = self.rpc("eth_sendTransaction", &request);
        self.mine();
        let receipt = self.rpc("eth_getTransactionReceipt", &json!([hash]));
        serde_json::from_value(receipt["contractAddress"].clone()).unwrap()
    }

    /// Sends a call, which may revert.
    pub fn send(&self, from: usize, to: Address, call: &impl SolCall) -> String {
        self.do_send_value(from, to, 0, call.abi_encode().into())
    }

    pub fn send_value(&self, from: usize, to: Address, value: u64, call: &impl SolCall) -> String {
        self.do_send_value(from, to, value, call.abi_encode().into())
    }

    fn do_send(&self, from: usize, to: Address, input: Bytes) {
        let hash = self.do_send_value(from, to, 0, input);
        self.mine();
        self.expect(&hash);
    }

    fn do_send_value(&self, from: usize, to: Address, value: u64, input: Bytes) -> String {
        let gas = if to == DETERMINISTIC_PROXY { 10_000_000 } else { GAS };
        let request = json!([{
            "from": self.accounts[from],
            "to": to,
            "value": format!("{value:#x}"),
            "data": input,
            "gas": format!("{gas:#x}"),
        }]);
        self.rpc("eth_sendTransaction", &request).as_str().unwrap().to_owned()
    }

    /// The transaction has done what it should.
    #[track_caller]
    pub fn expect(&self, hash: &str) {
        let receipt = self.rpc("eth_getTransactionReceipt", &json!([hash]));
        assert_eq!(receipt["status"], "0x1", "{receipt}");
    }

    /// Puts what was sent into a block.
    pub fn mine(&self) {
        self.rpc("evm_mine", &json!([]));
    }

    pub fn head(&self) -> u64 {
        number(&self.rpc("eth_blockNumber", &json!([])))
    }

    /// What a view returns as of a block; nothing if it reverts.
    pub fn call<C: SolCall>(&self, to: Address, call: &C, block: u64) -> Option<C::Return> {
        let request = json!([{ "to": to, "data": Bytes::from(call.abi_encode()) }, format!("{block:#x}")]);
        let answer: Bytes = serde_json::from_value(self.anvil.try_ask("eth_call", &request).ok()?).unwrap();
        C::abi_decode_returns(&answer).ok()
    }

    /// A block's hash, parent and time.
    pub fn block(&self, block: u64) -> index::block::Block {
        let answer = self.rpc("eth_getBlockByNumber", &json!([format!("{block:#x}"), false]));
        let hash = |key: &str| serde_json::from_value(answer[key].clone()).unwrap();
        let timestamp = number(&answer["timestamp"]);
        index::block::Block { number: block, hash: hash("hash"), parent: hash("parentHash"), timestamp }
    }

    /// All logs of these blocks.
    pub fn logs(&self, first: u64, last: u64) -> Vec<Log> {
        let filter = json!([{ "fromBlock": format!("{first:#x}"), "toBlock": format!("{last:#x}") }]);
        let log = |log: &Value| Log {
            block: number(&log["blockNumber"]),
            idx: number(&log["logIndex"]),
            tx: serde_json::from_value(log["transactionHash"].clone()).unwrap(),
            contract: serde_json::from_value(log["address"].clone()).unwrap(),
            topics: serde_json::from_value(log["topics"].clone()).unwrap(),
            data: serde_json::from_value(log["data"].clone()).unwrap(),
        };
        self.rpc("eth_getLogs", &filter).as_array().unwrap().iter().map(log).collect()
    }

    pub fn rpc(&self, method: &str, params: &Value) -> Value {
        self.anvil.ask(method, params)
    }
}

/// A folder that goes with this.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
