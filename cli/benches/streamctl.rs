//! Prints what using streams costs: gas beside the peers', requests of each command, start-up. `make bench` runs it.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and stops where it cannot measure")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, U256},
    providers::{Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
    sol_types::SolCall,
};
use bindings::{Clock, DETERMINISTIC_PROXY, DemoToken, IERC20, IMoneyStreaming, SALT, create2_address};

#[path = "../src/anvil.rs"]
mod anvil;

const STREAMCTL: &str = env!("CARGO_BIN_EXE_streamctl");

/// Runs of which the median is reported.
const N_RUNS: usize = 21;

/// Numbers of streams that `list` is measured with, each in addition to those before.
const LIST_SIZES: [usize; 3] = [10, 100, 1000];

/// Streams created by one transaction of the benchmark's own.
const BATCH: usize = 50;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    print_gas();
    print_start_up();
    let anvil = anvil::Anvil::start().await.unwrap();
    print_requests(&Chain::new(anvil.url()).await).await;
    anvil.stop().await.unwrap();
}

/// Receipts of the peers in the same scenario: own transaction, cold storage, recipient holds the token, 3,600 tokens
/// over 3,600 steps. Sablier v0 and v1 (legacy-contracts 23352b3, 6b3e69b), Lockup 4.0.1, Flow 3.0.1, LlamaPay 90d18e1.
/// LlamaPay keeps no terms on chain and moves no money at creation but the deposit.
const PEERS: [(&str, &str, [u64; 5]); 5] = [
    ("create", "create", [229_323, 228_460, 199_726, 161_962, 83_298]),
    ("withdraw", "withdraw a part", [66_237, 70_538, 95_781, 106_952, 62_403]),
    ("redeem", "redeem half way", [84_685, 83_662, 97_641, 89_831, 59_395]),
    ("first confirmation", "first confirmation", [68_956, 0, 0, 0, 0]),
    ("second confirmation", "second confirmation, nothing due, sender tops up", [271_622, 0, 0, 0, 0]),
];

fn print_gas() {
    let file = root().join("test/snapshots/BlockMoneyStreaming.json");
    let pinned: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let gas = |name: &str| pinned[name].as_str().unwrap().parse::<u64>().unwrap();
    println!(
        "Gas (ours pinned in test/snapshots and checked by `forge test`; peers as measured once, same scenario)\n"
    );
    println!(
        "{:<22}{:>9}{:>12}{:>12}{:>9}{:>9}{:>10}{:>16}",
        "", "streamctl", "Sablier v0", "Sablier v1", "Lockup", "Flow", "LlamaPay", "ours / Flow"
    );
    for (row, name, peers) in PEERS {
        let ours = gas(name);
        let cells = peers.map(|peer| if peer == 0 { "-".to_owned() } else { peer.to_string() });
        let [v0, v1, lockup, flow, llama] = &cells;
        let ratio = if peers[3] == 0 { "-".to_owned() } else { percent(ours, peers[3]) };
        println!("{row:<22}{ours:>9}{v0:>12}{v1:>12}{lockup:>9}{flow:>9}{llama:>10}{ratio:>16}");
    }
    println!("\nAll pinned figures:");
    for (name, gas) in pinned.as_object().unwrap() {
        println!("  {name:<58}{:>8}", gas.as_str().unwrap());
    }
}

fn percent(part: u64, whole: u64) -> String {
    format!("{} %", (part * 100 + whole / 2) / whole)
}

fn print_start_up() {
    println!("\nStart-up (`--version`, median of {N_RUNS})\n");
    let ours = median(|| run(Path::new(STREAMCTL), &["--version"]));
    println!("  streamctl {ours:>10.1?}");
    if let Some(cast) = npm_binary("cast") {
        let theirs = median(|| run(&cast, &["--version"]));
        println!("  cast      {theirs:>10.1?}");
        println!("  streamctl / cast: {:.2}", ours.as_secs_f64() / theirs.as_secs_f64());
    }
}

fn median(mut work: impl FnMut() -> Output) -> Duration {
    let mut times: Vec<_> = (0..N_RUNS)
        .map(|_| {
            let start = Instant::now();
            assert!(work().status.success());
            start.elapsed()
        })
        .collect();
    times.sort();
    times[N_RUNS / 2]
}

fn run(program: &Path, args: &[&str]) -> Output {
    Command::new(program).args(args).stdin(Stdio::null()).output().unwrap()
}

/// The native program; its launcher is in a package that is not named for a platform.
fn npm_binary(name: &str) -> Option<PathBuf> {
    let packages = root().join("lib/node_modules/@foundry-rs").read_dir().ok()?;
    packages
        .flatten()
        .filter(|package| package.file_name().to_string_lossy().starts_with(&format!("{name}-")))
        .map(|package| package.path().join("bin").join(name))
        .find(|program| program.is_file())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A local chain with the demo token, and two of the node's accounts.
struct Chain {
    url: String,
    sender: Address,
    recipient: Address,
    token: Address,
    streaming: Address,
}

impl Chain {
    async fn new(url: &str) -> Self {
        let provider = ProviderBuilder::new().connect_http(url.parse().unwrap());
        let accounts = provider.get_accounts().await.unwrap();
        let code = &DemoToken::BYTECODE;
        let chain = Self {
            url: url.to_owned(),
            sender: accounts[0],
            recipient: accounts[1],
            token: DETERMINISTIC_PROXY.create2_from_code(SALT, code),
            streaming: create2_address(Clock::Block),
        };
        chain.send(DETERMINISTIC_PROXY, [SALT.as_slice(), code].concat()).await;
        let mint = DemoToken::mintCall { account: chain.sender, amount: U256::from(10).pow(U256::from(30)) };
        chain.send(chain.token, mint.abi_encode()).await;
        chain
    }

    async fn send(&self, to: Address, data: Vec<u8>) {
        let provider = ProviderBuilder::new().connect_http(self.url.parse().unwrap());
        let request = TransactionRequest::default().from(self.sender).to(to).input(data.into());
        let receipt = provider.send_transaction(request).await.unwrap().get_receipt().await.unwrap();
        assert!(receipt.status());
    }

    /// Mines blocks that are 12 seconds apart, so that the pace can be measured.
    async fn mine(&self, n_blocks: u64) {
        let provider = ProviderBuilder::new().connect_http(self.url.parse().unwrap());
        let params = (format!("{n_blocks:#x}"), "0xc");
        let _: serde_json::Value = provider.raw_request("anvil_mine".into(), params).await.unwrap();
    }

    async fn approve(&self, value: U256) {
        let approve = IERC20::approveCall { spender: self.streaming, value };
        self.send(self.token, approve.abi_encode()).await;
    }

    async fn create_streams(&self, n_streams: usize) {
        self.approve(U256::MAX).await;
        let create = IMoneyStreaming::createForCall {
            recipient: self.recipient,
            token: self.token,
            payment: U256::from(1000),
            interval: U256::from(10),
            nIntervals: U256::from(1000),
        };
        for first in (0..n_streams).step_by(BATCH) {
            let n = BATCH.min(n_streams - first);
            let batch = IMoneyStreaming::multicallCall { data: vec![create.abi_encode().into(); n] };
            self.send(self.streaming, batch.abi_encode()).await;
        }
        self.approve(U256::ZERO).await;
    }

    /// Runs a command, and prints how many requests it made; they are in the last line that `-v` adds.
    fn measure(&self, name: &str, args: &[&str], sender: Option<Address>) {
        let mut command = Command::new(STREAMCTL);
        command.args(args).arg("-v").env("ETH_RPC_URL", &self.url).env_remove("STREAMCTL_CONTRACT");
        if let Some(sender) = sender {
            command.args(["--yes", "--unlocked", "--from", &sender.to_string()]);
        }
        let start = Instant::now();
        let ran = command.stdin(Stdio::null()).output().unwrap();
        let took = start.elapsed();
        let stderr = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{name}: {stderr}");
        let requests = stderr.lines().rev().find(|line| line.contains("round trip")).unwrap_or("?");
        println!("  {name:<34}{requests:<36}{took:>10.1?}");
    }
}

async fn print_requests(chain: &Chain) {
    let (sender, recipient, token) = (chain.sender, chain.recipient, chain.token.to_string());
    let to = recipient.to_string();
    let wish = ["--token", &token, "--amount", "3600", "--over", "12h", "--every", "1h"];
    let create = [&["create", "--recipient", &to], &wish[..]].concat();
    println!("\nRequests of each command, and time on a local chain\n");
    chain.measure("deploy both", &["deploy"], Some(sender));
    chain.mine(1000).await;
    chain.measure("plan", &[&["plan"], &wish[..]].concat(), None);
    chain.measure("create, and an approval", &create, Some(sender));
    chain.approve(U256::MAX).await;
    chain.measure("create", &create, Some(sender));
    chain.approve(U256::ZERO).await;
    chain.mine(1000).await;
    chain.measure("show", &["show", "1"], None);
    chain.measure("balance", &["balance", "1"], None);
    chain.measure("withdraw", &["withdraw", "1", "--max"], Some(recipient));
    chain.measure("update propose, and an approval", &["update", "propose", "1", "--payment", "500"], Some(sender));
    chain.measure("update show", &["update", "show", "1"], None);
    chain.measure("update accept", &["update", "accept", "1"], Some(recipient));
    chain.measure("redeem", &["redeem", "1"], Some(sender));
    chain.mine(10_000).await;
    chain.measure("settle", &["settle", "2"], Some(recipient));
    let mut n_streams = 0;
    for size in LIST_SIZES {
        chain.create_streams(size - n_streams).await;
        n_streams = size;
        chain.measure(&format!("list, {size} streams"), &["list", "--recipient", &to], None);
    }
}
