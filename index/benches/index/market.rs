//! Chains of so many logs and pairs: the fixture, and as many more tokens like its own as the pairs need.

use alloy::hex;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::sol;
use alloy::sol_types::SolCall;
use serde_json::{Value, json};

use crate::fixture::{Fixture, N_EMPTY, Pair, createPairCall, openCall, runCall};
use crate::settings::EPOCHS;

sol! {
    function getPair(address token0, address token1) external view returns (address pair);
    function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 timestamp);
}

/// Transactions of a block, and operations of each, as in the fixture.
const TRADE: [u64; 2] = [3, 8];

/// Logs of the pairs in a thousand blocks of such trade.
const LOGS_A_THOUSAND_BLOCKS: u64 = 49_105;

/// Tokens that all pairs share: what others are priced by.
const SHARED: [&str; 4] = ["WETH", "DAI", "USDC", "USDT"];

pub(crate) struct Market {
    pub(crate) fixture: Fixture,
    pub(crate) pairs: Vec<Address>,
    accounts: Vec<Address>,
    random: U256,
}

impl Market {
    /// A chain of about so many logs of so many pairs.
    pub(crate) fn start(n_logs: u64, n_pairs: usize) -> Self {
        // The hundred thousand are those of the golden files.
        let n_blocks = if n_logs == 100_000 { 2_200 } else { n_logs * 1_000 / LOGS_A_THOUSAND_BLOCKS };
        let [n_transactions, n_operations] = TRADE;
        let is_plain = n_pairs == 16;
        let fixture = Fixture::start(if is_plain { n_blocks } else { 0 }, n_transactions, n_operations);
        let pairs = fixture.pairs.iter().map(|pair| pair.address).collect();
        let accounts = serde_json::from_value(fixture.rpc("eth_accounts", &json!([]))).unwrap();
        let mut market = Self { fixture, pairs, accounts, random: U256::from(n_logs) };
        if !is_plain {
            market.widen(n_pairs);
            (0..n_blocks).for_each(|_| market.trade());
            market.fixture.rpc("anvil_mine", &json!([format!("{N_EMPTY:#x}")]));
            market.fixture.head += N_EMPTY;
        }
        market
    }

    /// Epochs that have an end far enough behind the head.
    pub(crate) fn n_epochs(&self) -> u64 {
        (self.fixture.head + 1 - EPOCHS.genesis - EPOCHS.offset) / EPOCHS.size
    }

    /// One block of trade.
    pub(crate) fn trade(&mut self) {
        self.send_trades();
        self.mine();
    }

    /// Sends what the next block is going to have.
    pub(crate) fn send_trades(&mut self) {
        let [n_transactions, n_operations] = TRADE;
        let requests: Vec<Value> = (1..=n_transactions)
            .map(|i| {
                self.random = keccak256(self.random.to_be_bytes::<32>()).into();
                let count = U256::from(n_operations);
                let input = runCall { pairs: self.pairs.clone(), random: self.random, count }.abi_encode();
                let transaction = json!({
                    "from": self.accounts[usize::try_from(i).unwrap()], "to": self.fixture.trader, "gas": "0x989680",
                    "data": hex::encode_prefixed(input),
                });
                json!({ "jsonrpc": "2.0", "id": i, "method": "eth_sendTransaction", "params": [transaction] })
            })
            .collect();
        let answer = self.fixture.ask(&json!(requests).to_string());
        assert!(!String::from_utf8_lossy(&answer).contains("\"error\""), "{}", String::from_utf8_lossy(&answer));
    }

    /// Mines a block; it is there when this returns.
    pub(crate) fn mine(&mut self) {
        self.fixture.rpc("evm_mine", &json!([]));
        self.fixture.head += 1;
    }

    /// Opens pairs of more tokens until there are so many: copies of those that are not of shared tokens only.
    fn widen(&mut self, n_pairs: usize) {
        let is_shared = |symbol: &str| SHARED.contains(&symbol);
        let models: Vec<Pair> = self.fixture.pairs.clone();
        let models: Vec<Pair> =
            models.into_iter().filter(|pair| !pair.symbols.iter().all(|of| is_shared(of))).collect();
        while self.pairs.len() < n_pairs {
            let tokens = self.fixture.tokens.clone();
            let copies: Vec<(Address, Address)> = tokens
                .iter()
                .map(|token| {
                    (token.address, if is_shared(token.symbol) { token.address } else { self.copy(token.address) })
                })
                .collect();
            for model in models.iter().take(n_pairs - self.pairs.len()) {
                let [one, other] = [model.token0, model.token1]
                    .map(|token| copies.iter().find(|(of, _)| *of == token).expect("all tokens have copies").1);
                let pair = self.open(model, [one, other]);
                self.pairs.push(pair);
            }
        }
    }

    /// Makes a token of the same code with the same arguments.
    fn copy(&mut self, token: Address) -> Address {
        let blocks = 1..=self.fixture.setup_block;
        let creation = blocks.into_iter().find_map(|number| {
            let block = self.fixture.rpc("eth_getBlockByNumber", &json!([format!("{number:#x}"), true]));
            let transaction = block["transactions"][0].clone();
            let receipt = self.fixture.rpc("eth_getTransactionReceipt", &json!([transaction["hash"]]));
            (receipt["contractAddress"] == format!("{token:#x}")).then(|| transaction["input"].clone())
        });
        let input: Bytes = serde_json::from_value(creation.expect("the setup made it")).unwrap();
        let receipt = self.send(None, &input);
        serde_json::from_value(receipt["contractAddress"].clone()).unwrap()
    }

    /// Makes the pair of two tokens, with what `model` has of those that they are copies of.
    fn open(&mut self, model: &Pair, [one, other]: [Address; 2]) -> Address {
        let reserves = self.call(model.address, getReservesCall {}.abi_encode());
        let reserves = getReservesCall::abi_decode_returns(&reserves).unwrap();
        let mut sides = [(one, U256::from(reserves.reserve0)), (other, U256::from(reserves.reserve1))];
        sides.sort_unstable();
        let [(token0, amount0), (token1, amount1)] = sides;
        let (factory, trader) = (self.fixture.factory, self.fixture.trader);
        self.send(Some(factory), &createPairCall { tokenA: token0, tokenB: token1 }.abi_encode());
        let pair = self.call(factory, getPairCall { token0, token1 }.abi_encode());
        let pair = getPairCall::abi_decode_returns(&pair).unwrap();
        self.send(Some(trader), &openCall { pair, amount0, amount1 }.abi_encode());
        pair
    }

    fn call(&self, to: Address, input: Vec<u8>) -> Bytes {
        let call = json!([{ "to": to, "data": hex::encode_prefixed(input) }, "latest"]);
        serde_json::from_value(self.fixture.rpc("eth_call", &call)).unwrap()
    }

    /// Sends a transaction in a block of its own, and gives its receipt.
    fn send(&mut self, to: Option<Address>, input: &[u8]) -> Value {
        let transaction = json!([{
            "from": self.accounts[0], "to": to, "gas": "0x1c9c380", "data": hex::encode_prefixed(input),
        }]);
        let hash: B256 = serde_json::from_value(self.fixture.rpc("eth_sendTransaction", &transaction)).unwrap();
        self.mine();
        let receipt = self.fixture.rpc("eth_getTransactionReceipt", &json!([hash]));
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt
    }
}
