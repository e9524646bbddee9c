//! What the node does in a second: inputs from the chain to recorded outputs, with the real application and Cartesi's
//! contracts on anvil; a voucher from its input to its execution; proofs in a tree of a million outputs.
//!
//! `INPUTS=50000` sets how many inputs; without it there are 5,000.
#![allow(missing_docs, unreachable_pub, clippy::print_stdout, clippy::unwrap_used)]

#[path = "../../../cli/src/anvil.rs"]
#[allow(dead_code)]
mod anvil;
#[path = "../../tests/world/mod.rs"]
#[allow(dead_code)]
mod world;

use std::time::{Duration, Instant};

use alloy::primitives::{B256, U256};
use alloy::providers::{Provider, ProviderBuilder};
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::SolCall;
use rollup::{Answer, Event, Found, Input, InputStatus, Setup, Store};
use serde_json::json;
use world::{EPOCH_LENGTH, World, addInputCall, executeOutputCall, step, user};

/// Outputs of the tree that proofs are made in.
const N_OUTPUTS: u64 = 1_000_000;

/// Inputs that are sent at once while the chain is filled.
const SENT_AT_ONCE: u64 = 200;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("| | |\n|:--|--:|");
    inputs().await;
    voucher().await;
    proofs();
}

async fn inputs() {
    let n_inputs: u64 = std::env::var("INPUTS").map_or(5_000, |n| n.parse().expect("INPUTS is a number"));
    let world = World::start("bench").await;
    world.deposit_ether(0, 1_000_000_000, &[]).await;
    fill(&world, n_inputs).await;
    let mut node = world.node().await;
    let mut times = Vec::new();
    let begin = Instant::now();
    node.step(|event| times.extend(matches!(event, Event::Processed { .. }).then(|| begin.elapsed()))).await.unwrap();
    let store = world.store();
    assert_eq!(store.n_processed().unwrap(), n_inputs + 1);
    assert_eq!(store.n_outputs().unwrap(), n_inputs + 1);
    let at = |fifths: u64| times[usize::try_from(n_inputs * fifths / 5).unwrap()];
    row(
        &format!("{n_inputs} inputs, each a stream, from the chain to recorded outputs"),
        format!("{:.0} a second", n_inputs as f64 / at(5).as_secs_f64()),
    );
    let speeds = (0..5).map(|i| format!("{:.0}", n_inputs as f64 / 5.0 / (at(i + 1) - at(i)).as_secs_f64()));
    row("each fifth of these", format!("{} a second", speeds.collect::<Vec<_>>().join(", ")));
}

/// Adds inputs as fast as the chain takes them: anvil signs for its own accounts.
async fn fill(world: &World, n_inputs: u64) {
    let provider =
        ProviderBuilder::new().disable_recommended_fillers().connect_http(world.anvil.url().parse().unwrap());
    let sender = user(0).address();
    let nonce = world.provider.get_transaction_count(sender).await.unwrap();
    let _: () = world.provider.raw_request("evm_setAutomine".into(), [false]).await.unwrap();
    for first in (0..n_inputs).step_by(usize::try_from(SENT_AT_ONCE).unwrap()) {
        for i in first..n_inputs.min(first + SENT_AT_ONCE) {
            let args = json!({ "token": "ether", "recipient": user(1).address(), "amount": 1, "duration": 3_600 + i });
            let payload = json!({ "method": "stream", "args": args }).to_string().into_bytes().into();
            let request = TransactionRequest::default()
                .from(sender)
                .to(world.contracts.input_box)
                .nonce(nonce + i)
                .gas_limit(120_000)
                .input(addInputCall { app: world.app, payload }.abi_encode().into());
            let _: B256 = provider.raw_request("eth_sendTransaction".into(), [request]).await.unwrap();
        }
        world.mine(1).await;
    }
    let _: () = world.provider.raw_request("evm_setAutomine".into(), [true]).await.unwrap();
    while world.provider.get_transaction_count(sender).await.unwrap() < nonce + n_inputs {
        world.mine(1).await;
    }
}

async fn voucher() {
    let world = World::start("voucher").await;
    let mut node = world.node().await;
    world.deposit_ether(0, 1_000, &[]).await;
    step(&mut node).await;
    let begin = Instant::now();
    world.input(0, r#"{"method":"withdraw","args":{"token":"ether","amount":1000}}"#).await;
    step(&mut node).await;
    world.mine(EPOCH_LENGTH).await;
    step(&mut node).await;
    let (output, proof) = world.proof(1);
    world.send(2, world.app, 0, executeOutputCall { output, proof }).await;
    row(
        "a withdrawal, from its input to the executed voucher, the epoch's blocks mined at once",
        shown(begin.elapsed()),
    );
}

fn proofs() {
    let directory = std::env::temp_dir().join(format!("rollup-proofs-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let mut store = Store::open(&directory.join("node.db")).unwrap();
    let setup = Setup {
        chain_id: 1,
        input_box: Default::default(),
        app: Default::default(),
        consensus: Default::default(),
        epoch_length: 10,
        template_hash: B256::ZERO,
        from_block: 0,
    };
    store.set_up(&setup).unwrap();
    let n_inputs = N_OUTPUTS / 1_000;
    let input = |index| Input {
        index,
        epoch: 0,
        block_number: 1,
        transaction_hash: B256::ZERO,
        sender: Default::default(),
        raw: Vec::new(),
        status: InputStatus::Unprocessed,
    };
    let inputs = (0..n_inputs).map(|index| (input(index), B256::ZERO)).collect();
    store.add_scan(&Found { inputs, executions: Vec::new() }, (1, B256::ZERO)).unwrap();
    let begin = Instant::now();
    for index in 0..n_inputs {
        let outputs = (0..1_000_u64).map(|i| U256::from(index * 1_000 + i).to_be_bytes_vec()).collect();
        store.record(index, &Answer { status: InputStatus::Accepted, outputs, reports: Vec::new() }).unwrap();
    }
    row(&format!("an output recorded and added to the tree, of {N_OUTPUTS}"), shown(begin.elapsed() / 1_000_000));
    let mut times = Vec::new();
    for i in 0..200 {
        let (begin, position) = (Instant::now(), i * 7_919 * 631 % N_OUTPUTS);
        store.siblings(position, N_OUTPUTS).unwrap();
        times.push(begin.elapsed());
    }
    times.sort();
    row("a proof in that tree, median", shown(times[100]));
    row("a proof in that tree, the slowest of 200", shown(times[199]));
    std::fs::remove_dir_all(directory).unwrap();
}

fn row(what: &str, value: String) {
    println!("| {what} | {value} |");
}

fn shown(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 1e-3 => format!("{:.0} µs", seconds * 1e6),
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{seconds:.1} s"),
    }
}
