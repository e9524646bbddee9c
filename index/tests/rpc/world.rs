//! A chain with two contracts that log what they are called with.

use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes};
use index::{
    block::Blocks,
    chain::{Chain, Checked},
    config::{ChainConfig, EndpointConfig},
    rpc::{Bounds, Filter},
};
use serde_json::{Value, json};

use crate::anvil::Anvil;

pub const CHAIN_ID: u64 = 31_337;
pub const ALICE: Address = Address::repeat_byte(0xa1);
pub const BOB: Address = Address::repeat_byte(0xb0);
pub const CREATED: B256 = B256::repeat_byte(0xc1);
pub const REDEEMED: B256 = B256::repeat_byte(0xd1);
/// Blocks with a log of each contract, after a first that has none.
pub const N_BLOCKS: u64 = 12;

pub struct World {
    pub anvil: Anvil,
    http: reqwest::Client,
}

/// Logs the call's data under one topic: `calldatacopy(0, 0, calldatasize()) log1(0, calldatasize(), topic)`.
fn emitter(topic: B256) -> String {
    format!("0x365f5f377f{topic:x}365fa100")
}

impl World {
    /// `salt` makes chains of different hashes.
    pub async fn start(salt: u64) -> Self {
        let world = Self { anvil: Anvil::start().await.unwrap(), http: reqwest::Client::new() };
        let first = 1_800_000_000 + salt;
        world.ask("evm_setAutomine", json!([false])).await;
        world.ask("anvil_setCode", json!([ALICE, emitter(CREATED)])).await;
        world.ask("anvil_setCode", json!([BOB, emitter(REDEEMED)])).await;
        world.ask("evm_setNextBlockTimestamp", json!([first])).await;
        world.ask("evm_mine", json!([])).await;
        for number in 0..N_BLOCKS {
            world.call(ALICE, &[7; 40]).await;
            world.call(BOB, &number.to_be_bytes()).await;
            world.ask("evm_setNextBlockTimestamp", json!([first + 1 + number])).await;
            world.ask("evm_mine", json!([])).await;
        }
        world
    }

    pub fn url(&self) -> &str {
        self.anvil.url()
    }

    pub async fn ask(&self, method: &str, params: Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let asked = self.http.post(self.url()).header("content-type", "application/json").body(request.to_string());
        let answer: Value = serde_json::from_slice(&asked.send().await.unwrap().bytes().await.unwrap()).unwrap();
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    pub async fn call(&self, to: Address, input: &[u8]) {
        let from = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
        let input = Bytes::copy_from_slice(input);
        self.ask("eth_sendTransaction", json!([{ "from": from, "to": to, "data": input }])).await;
    }

    /// Whether these are the logs of `contract` in `blocks`, as the chain itself tells them.
    pub async fn assert_right(&self, checked: &Checked, blocks: Blocks, contract: Address) {
        let (first, last) = (format!("{:#x}", blocks.first), format!("{:#x}", blocks.last));
        let told = self.ask("eth_getLogs", json!([{ "fromBlock": first, "toBlock": last, "address": contract }])).await;
        let told: Vec<Value> = told
            .as_array()
            .unwrap()
            .iter()
            .map(|log| {
                json!([
                    log["blockNumber"],
                    log["logIndex"],
                    log["transactionHash"],
                    log["address"],
                    log["topics"],
                    log["data"]
                ])
            })
            .collect();
        let came: Vec<Value> = checked
            .logs
            .iter()
            .map(|log| {
                let (block, idx) = (format!("{:#x}", log.block), format!("{:#x}", log.idx));
                json!([
                    block,
                    idx,
                    log.tx,
                    format!("{:#x}", log.contract),
                    log.topics,
                    Bytes::copy_from_slice(log.data)
                ])
            })
            .collect();
        assert_eq!(came, told);
        assert_eq!(u64::try_from(checked.headers.len()).unwrap(), blocks.n_blocks());
        for (number, header) in (blocks.first..).zip(&checked.headers) {
            let told = self.ask("eth_getBlockByNumber", json!([format!("{number:#x}"), false])).await;
            assert_eq!(json!([header.block.hash, header.block.parent]), json!([told["hash"], told["parentHash"]]));
            assert_eq!(json!(format!("{:#x}", header.block.timestamp)), told["timestamp"]);
        }
    }
}

pub fn all() -> Blocks {
    Blocks::new(1, N_BLOCKS + 1).unwrap()
}

/// What Alice's contract logs.
pub fn created() -> Filter {
    Filter::new(vec![ALICE], vec![CREATED], vec![])
}

pub fn config(urls: &[&str], limit: Option<&str>) -> ChainConfig {
    let limit = limit.map(str::to_owned);
    let endpoints = urls.iter().map(|url| EndpointConfig { url: (*url).to_owned(), limit: limit.clone() }).collect();
    ChainConfig { id: CHAIN_ID, endpoints, finality_blocks: None, poll_ms: 100 }
}

pub fn chain(urls: &[&str]) -> Chain {
    chain_within(urls, Duration::from_secs(20))
}

/// A chain whose endpoints have so long to answer.
pub fn chain_within(urls: &[&str], timeout: Duration) -> Chain {
    let bounds = Bounds { timeout, body: 1 << 20, pause: Duration::from_millis(200) };
    Chain::new(&config(urls, None), bounds).unwrap()
}
