//! A real chain, of the test's own, that can be made to go another way.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use alloy::hex;
use alloy::primitives::{Address, B256, U256};
use alloy::sol_types::SolCall;
use bindings::DemoToken;
use index::block::Checkpoint;
use serde_json::{Value, json};

pub(crate) struct Anvil {
    child: Child,
    port: u16,
    sender: Address,
}

impl Anvil {
    /// On a port that the system picks. A block is final when twice as many as `slots` follow it.
    pub(crate) fn start(slots: u64) -> Self {
        Self::start_with(slots, &[])
    }

    /// The same, with more arguments.
    pub(crate) fn start_with(slots: u64, arguments: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(["--port", "0", "--max-persisted-states", "0", "--order", "fifo"])
            .args(["--slots-in-an-epoch", &slots.to_string()])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("anvil starts");
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "anvil ended before it listened");
            if let Some(address) = line.trim().strip_prefix("Listening on ") {
                break address.rsplit(':').next().unwrap().parse().unwrap();
            }
        };
        // What anvil goes on to print has to go somewhere.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        let mut anvil = Self { child, port, sender: Address::ZERO };
        anvil.sender = serde_json::from_value(anvil.ask("eth_accounts", json!([]))[0].take()).unwrap();
        anvil
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    #[track_caller]
    pub(crate) fn ask(&self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            connection,
            "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut answer: Value = serde_json::from_str(body).unwrap();
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Puts the demo token on the chain.
    pub(crate) fn deploy(&self) -> Address {
        let transaction =
            json!({ "from": self.sender, "data": hex::encode_prefixed(&DemoToken::BYTECODE), "gas": "0x4c4b40" });
        serde_json::from_value(self.send(transaction)["contractAddress"].clone()).expect("the token is deployed")
    }

    /// A transaction that makes a log, for `eth_sendTransaction` and `anvil_reorg`.
    pub(crate) fn mint(&self, token: Address, amount: u64) -> Value {
        Self::mint_from(self.sender, token, amount)
    }

    /// The same by somebody else.
    pub(crate) fn mint_from(sender: Address, token: Address, amount: u64) -> Value {
        let call = DemoToken::mintCall { account: Address::repeat_byte(0x77), amount: U256::from(amount) };
        json!({ "from": sender, "to": token, "data": hex::encode_prefixed(call.abi_encode()), "gas": "0x30d40" })
    }

    /// Has it mined, and gives its receipt, which can come a moment later.
    pub(crate) fn send(&self, transaction: Value) -> Value {
        let hash = self.ask("eth_sendTransaction", json!([transaction]));
        loop {
            let receipt = self.ask("eth_getTransactionReceipt", json!([hash]));
            if !receipt.is_null() {
                return receipt;
            }
        }
    }

    /// The newest block, in one answer.
    pub(crate) fn head(&self) -> Checkpoint {
        let block = self.ask("eth_getBlockByNumber", json!(["latest", false]));
        Checkpoint { number: number(&block["number"]), hash: serde_json::from_value(block["hash"].clone()).unwrap() }
    }

    pub(crate) fn height(&self) -> u64 {
        number(&self.ask("eth_blockNumber", json!([])))
    }

    pub(crate) fn hash(&self, height: u64) -> B256 {
        let block = self.ask("eth_getBlockByNumber", json!([format!("{height:#x}"), false]));
        serde_json::from_value(block["hash"].clone()).expect("there is such a block")
    }

    /// All logs of the token, asked block by block by hash: height, place, transaction and amount.
    pub(crate) fn logs(&self, token: Address) -> Vec<(u64, u64, B256, U256)> {
        let mut logs = Vec::new();
        for height in 0..=self.height() {
            let found = self.ask("eth_getLogs", json!([{ "blockHash": self.hash(height), "address": token }]));
            for log in found.as_array().unwrap() {
                let word = |name: &str| serde_json::from_value::<B256>(log[name].clone()).unwrap();
                logs.push((height, number(&log["logIndex"]), word("transactionHash"), word("data").into()));
            }
        }
        logs
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

/// What npm installed for this platform, else the one on the `PATH`.
fn program() -> PathBuf {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lib/node_modules/@foundry-rs");
    let natives = std::fs::read_dir(packages).into_iter().flatten().flatten();
    natives
        .filter(|package| package.file_name().to_string_lossy().starts_with("anvil-"))
        .map(|package| package.path().join("bin/anvil"))
        .find(|program| program.is_file())
        .unwrap_or_else(|| "anvil".into())
}
