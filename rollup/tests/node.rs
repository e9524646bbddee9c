//! The node between a real chain with Cartesi's contracts and the real application.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../../cli/src/anvil.rs"]
#[allow(dead_code)]
mod anvil;
mod world;

use alloy::primitives::{Address, B256, U256, address};
use alloy::providers::Provider;
use alloy::sol_types::SolCall;
use rollup::{EpochStatus, Event, InputStatus, Page};
use serde_json::Value;
use world::{EPOCH_LENGTH, World, ask, executeOutputCall, step, user, validateOutputCall};

fn stream(recipient: Address, amount: u64, duration: u64) -> String {
    format!(
        r#"{{"method":"stream","args":{{"token":"ether","recipient":"{recipient}","amount":"{amount}","duration":{duration}}}}}"#
    )
}

fn withdraw(amount: u64) -> String {
    format!(r#"{{"method":"withdraw","args":{{"token":"ether","amount":"{amount}"}}}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn ether_goes_in_streams_and_comes_out() {
    let world = World::start("circle").await;
    let mut node = world.node().await;
    let bob = user(1).address();
    world.deposit_ether(0, 1_000, stream(bob, 600, 0).as_bytes()).await;
    world.input(1, &withdraw(250)).await;
    world.input(1, &withdraw(351)).await;
    let events = step(&mut node).await;
    let processed = events.iter().filter_map(|event| match event {
        Event::Processed { status, n_outputs, n_reports, .. } => Some((*status, *n_outputs, *n_reports)),
        _ => None,
    });
    let expected = [(InputStatus::Accepted, 2, 0), (InputStatus::Accepted, 2, 0), (InputStatus::Rejected, 0, 1)];
    assert_eq!(processed.collect::<Vec<_>>(), expected);
    let balance: Value = serde_json::from_str(&ask(&node, &format!("balance/ether/{bob}")).await).unwrap();
    assert_eq!(balance["balance"], "350");

    world.mine(EPOCH_LENGTH).await;
    let events = step(&mut node).await;
    assert!(events.iter().any(|event| matches!(event, Event::Accepted { .. })), "{events:?}");
    // The voucher is the third output: after the deposit's and the stream's notices.
    let (output, proof) = world.proof(2);
    let payout = executeOutputCall { output, proof };
    let before = world.provider.get_balance(bob).await.unwrap();
    world.send(2, world.app, 0, payout.clone()).await;
    assert_eq!(world.provider.get_balance(bob).await.unwrap() - before, U256::from(250));
    assert_eq!(world.provider.get_balance(world.app).await.unwrap(), U256::from(750));
    let again = alloy::rpc::types::TransactionRequest::default().to(world.app).input(payout.abi_encode().into());
    assert!(world.provider.call(again).await.unwrap_err().to_string().contains("0x7b97a6bb"));
    step(&mut node).await;
    assert!(world.store().output(2).unwrap().unwrap().execution_transaction.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_output_is_proved_in_every_later_epoch() {
    let world = World::start("proofs").await;
    let mut node = world.node().await;
    world.deposit_ether(0, 1_000_000, &[]).await;
    let mut n_outputs = 1;
    for (round, batch) in [1_u64, 2, 30].into_iter().enumerate() {
        for _ in 0..batch {
            world.input(0, &stream(user(1).address(), 1 + round as u64, 100)).await;
        }
        n_outputs += batch;
        world.mine(EPOCH_LENGTH).await;
        step(&mut node).await;
        let store = world.store();
        assert_eq!(store.last_accepted_epoch().unwrap().unwrap().n_outputs, Some(n_outputs));
        for index in 0..n_outputs {
            let (output, proof) = world.proof(index);
            let call = validateOutputCall { output, proof };
            let request =
                alloy::rpc::types::TransactionRequest::default().to(world.app).input(call.abi_encode().into());
            world.provider.call(request).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_goes_on_where_it_was() {
    let world = World::start("restart").await;
    world.deposit_ether(0, 1_000, &[]).await;
    let mut node = world.node().await;
    step(&mut node).await;
    for round in 0..3 {
        drop(node);
        world.input(0, &stream(user(1).address(), 100, 50 + round)).await;
        node = world.node().await;
        step(&mut node).await;
        let stats: Value = serde_json::from_str(&ask(&node, "stats").await).unwrap();
        assert_eq!((&stats["streams"], &stats["inputs"]), (&Value::from(round + 1), &Value::from(round + 2)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_power_cut_the_application_gets_its_inputs_again() {
    let world = World::start("power").await;
    world.deposit_ether(0, 1_000, stream(user(1).address(), 600, 100).as_bytes()).await;
    let mut node = world.node().await;
    step(&mut node).await;
    let before = ask(&node, "solvency/ether").await;
    drop(node);
    std::fs::remove_dir_all(world.directory.join("application")).unwrap();
    let database = rusqlite::Connection::open(world.database()).unwrap();
    database.execute("UPDATE boot SET name = 'the start before'", []).unwrap();
    drop(database);
    let node = world.node().await;
    assert_eq!(ask(&node, "solvency/ether").await, before);
    assert!(before.contains("\"supply\":\"1000\""), "{before}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_begins_again_shows_what_was_executed() {
    let world = World::start("begins-again").await;
    // The first scans are short: the inputs and the execution are to be in one of them.
    world.mine(50).await;
    let mut node = world.node().await;
    world.deposit_ether(0, 1_000, &[]).await;
    world.input(0, &withdraw(250)).await;
    world.mine(EPOCH_LENGTH).await;
    step(&mut node).await;
    let (output, proof) = world.proof(1);
    let receipt = world.send(2, world.app, 0, executeOutputCall { output, proof }).await;
    drop(node);
    std::fs::remove_file(world.database()).unwrap();
    std::fs::remove_dir_all(world.directory.join("application")).unwrap();
    let mut fresh = world.node().await;
    step(&mut fresh).await;
    let executed = [0, 1].map(|index| world.store().output(index).unwrap().unwrap().execution_transaction);
    assert_eq!(executed, [None, Some(receipt.transaction_hash)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_takes_the_application_back() {
    let world = World::start("reorg").await;
    let mut node = world.node().await;
    world.deposit_ether(0, 1_000, &[]).await;
    step(&mut node).await;
    let fork: U256 = world.provider.raw_request("evm_snapshot".into(), ()).await.unwrap();
    world.input(0, &stream(user(1).address(), 300, 0)).await;
    world.input(1, &withdraw(300)).await;
    step(&mut node).await;
    assert_eq!(world.store().n_outputs().unwrap(), 4);

    let _: bool = world.provider.raw_request("evm_revert".into(), [fork]).await.unwrap();
    world.mine(1).await;
    world.input(0, &stream(user(1).address(), 200, 0)).await;
    let events = step(&mut node).await;
    assert!(events.contains(&Event::Reorganised { block: fork_block(&events), n_inputs: 1 }), "{events:?}");
    let bob = user(1).address();
    let balance: Value = serde_json::from_str(&ask(&node, &format!("balance/ether/{bob}")).await).unwrap();
    assert_eq!(balance["balance"], "200");
    assert_eq!(world.store().n_outputs().unwrap(), 2);
    // The tree is that of a node that never saw the other way.
    let root = world.store().root(2).unwrap();
    std::fs::remove_dir_all(&world.directory).unwrap();
    std::fs::create_dir_all(&world.directory).unwrap();
    drop(node);
    let mut fresh = world.node().await;
    step(&mut fresh).await;
    assert_eq!(world.store().root(2).unwrap(), root);
    assert_ne!(root, B256::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_while_the_chain_is_read_mixes_no_inputs() {
    let world = World::start("mixed").await;
    let mut node = world.node().await;
    world.deposit_ether(0, 1_000, &[]).await;
    let fork: U256 = world.provider.raw_request("evm_snapshot".into(), ()).await.unwrap();
    world.input(0, &stream(user(1).address(), 300, 0)).await;
    world.mine(600).await;
    // The other way has as many inputs up to here, and one more in a block that has not been read.
    let mut is_forked = false;
    let go_another_way = async {
        let _: bool = world.provider.raw_request("evm_revert".into(), [fork]).await.unwrap();
        world.input(0, &stream(user(1).address(), 200, 0)).await;
        world.mine(590).await;
        world.input(0, &stream(user(1).address(), 1, 0)).await;
        world.mine(30).await;
    };
    let mut go_another_way = Some(go_another_way);
    let told = |event| {
        if matches!(event, Event::Processed { input: 1, .. }) {
            let work = go_another_way.take().unwrap();
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work));
            is_forked = true;
        }
    };
    node.step(told).await.unwrap();
    assert!(is_forked);
    assert_eq!(world.store().n_inputs().unwrap(), 2);
    let epochs = world.store().epochs(None, Page { limit: 9, offset: 0 }).unwrap().0;
    assert!(epochs.iter().all(|epoch| epoch.status == EpochStatus::Open), "{epochs:?}");

    let events = step(&mut node).await;
    assert!(events.contains(&Event::Reorganised { block: fork_block(&events), n_inputs: 1 }), "{events:?}");
    assert_eq!(world.store().n_processed().unwrap(), 3);
    let bob = user(1).address();
    let balance: Value = serde_json::from_str(&ask(&node, &format!("balance/ether/{bob}")).await).unwrap();
    assert_eq!(balance["balance"], "201");
}

fn fork_block(events: &[Event]) -> u64 {
    events
        .iter()
        .find_map(|event| match event {
            Event::Reorganised { block, .. } => Some(*block),
            _ => None,
        })
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contracts_are_where_2_2_0_puts_them() {
    let world = World::start("addresses").await;
    let contracts = &world.contracts;
    assert_eq!(contracts.input_box, rollup::cartesi::INPUT_BOX);
    assert_eq!(contracts.ether_portal, address!("A632c5c05812c6a6149B7af5C56117d1D2603828"));
    assert_eq!(contracts.erc20_portal, address!("ACA6586A0Cf05bD831f2501E7B4aea550dA6562D"));
    assert_eq!(contracts.safe_erc20_transfer, address!("b7C2bcAA4437425cfcE9d233bFf15EF461273D63"));
    assert_eq!(world.store_epoch_status(), None);
}

impl World {
    fn store_epoch_status(&self) -> Option<EpochStatus> {
        self.store().epoch(0).unwrap().map(|epoch| epoch.status)
    }
}
