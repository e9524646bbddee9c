//! Inputs that mean harm: each leaves everything as it was, and the next good one works.

use alloy::primitives::{Address, Bytes, U256};
use alloy::providers::Provider;
use alloy::sol;
use alloy::sol_types::SolCall;
use bindings::cartesi::{ERC20_PORTAL, ETHER, ETHER_PORTAL, Inputs};
use bindings::{IStreamPortal, portal_address};
use rollup::InputStatus::{Accepted, Rejected};
use serde_json::Value;

use crate::bad_calls::{Asker, MAX_PAYLOAD, bad_calls, json, stream, transfer, withdraw};
use crate::both_sides::{ALICE, BOB, Circle, STRANGER, Taken, Way, account};
use crate::portal::inbox_of;
use crate::stranded::FOREIGN;
use crate::tokens::demo;
use crate::world::{addInputCall, ask, depositEtherCall};

sol! {
    function execute(address target, uint256 value, bytes data) external payable returns (bytes result);
}

/// After all streams of these tests.
const LATER: u64 = 1 << 40;

const GOOD: Taken = (Accepted, 1, 0);
const BAD: Taken = (Rejected, 0, 1);

impl Circle {
    /// All that the application tells of `token` and the users, in words that do not depend on when it is asked.
    async fn state(&self, token: Address) -> Vec<String> {
        let mut state = vec![format!("{} outputs", self.world.store().n_outputs().unwrap())];
        state.push(ask(&self.node, &format!("solvency/{token}?at={LATER}")).await);
        for user in [ALICE, BOB, STRANGER].map(account) {
            for question in ["balance", "available", "streams"] {
                state.push(ask(&self.node, &format!("{question}/{token}/{user}?at={LATER}")).await);
            }
        }
        let mut stats: Value = serde_json::from_str(&ask(&self.node, "stats").await).unwrap();
        let stats = stats.as_object_mut().unwrap();
        assert!(stats.remove("inputs").is_some() && stats.remove("time").is_some());
        state.push(Value::from(stats.clone()).to_string());
        state
    }

    /// A good input works, and does what it should and no more.
    async fn check_next(&mut self, token: Address) {
        let (bob, n_outputs) = (account(BOB), self.world.store().n_outputs().unwrap());
        let question = format!("available/{token}/{bob}?at={LATER}");
        let before = self.asked(&question, "available").await;
        self.input(ALICE, &transfer(token, bob, 1)).await;
        assert_eq!(self.take().await, [GOOD]);
        assert_eq!(self.asked(&question, "available").await, before + U256::from(1));
        assert_eq!(self.world.store().n_outputs().unwrap(), n_outputs + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_inputs_change_nothing() {
    let mut circle = Circle::start("hostile").await;
    let (alice, bob, token) = (account(ALICE), account(BOB), ETHER);
    circle.deposit(Way::Cartesi, ALICE, token, U256::from(10_000), b"").await;
    circle.deposit(Way::Cartesi, BOB, token, U256::from(100_000), &stream(token, alice, 50_000, 0, 50_000)).await;
    circle.take().await;
    let asker = Asker { account: alice, other: bob, token, foreign: FOREIGN, stream: 1 };
    for (call, why) in [vec![(Vec::new(), "the input is empty")], bad_calls(asker)].concat() {
        let before = circle.state(token).await;
        circle.input(ALICE, &call).await;
        assert_eq!(circle.take().await, [BAD], "{why}");
        let reports = circle.reports();
        assert!(reports.last().unwrap().contains(why), "{why:?}: {reports:?}");
        assert_eq!(circle.state(token).await, before, "{why}");
        circle.check_next(token).await;
    }
    circle.audit(token, &[alice, bob]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_input_is_taken_and_a_larger_one_is_not() {
    let mut circle = Circle::start("sizes").await;
    let (alice, bob, app) = (account(ALICE), account(BOB), circle.app());
    let input_box = circle.world.contracts.input_box;
    let too_large = format!("InputTooLarge({app}, 65540, 65536)");
    circle.deposit(Way::Cartesi, ALICE, ETHER, U256::from(1_000), b"").await;
    circle.take().await;

    let mut largest = json("transfer", &format!(r#""token":"ether","recipient":"{bob}","amount":100"#));
    largest.resize(MAX_PAYLOAD, b' ');
    circle.input(ALICE, &largest).await;
    circle.input(ALICE, &vec![0xff; MAX_PAYLOAD]).await;
    assert_eq!(circle.take().await, [GOOD, BAD]);
    assert_eq!(circle.balance(ETHER, bob).await, U256::from(100));
    largest.push(b' ');
    for payload in [largest, vec![0xff; MAX_PAYLOAD + 1]] {
        let before = circle.state(ETHER).await;
        let call = addInputCall { app, payload: payload.into() };
        assert_eq!(circle.refused(ALICE, input_box, 0, call).await, too_large);
        assert_eq!(circle.take().await, []);
        assert_eq!(circle.state(ETHER).await, before);
        circle.check_next(ETHER).await;
    }

    // A deposit's head takes its share: an account, an amount, and through StreamPortal another account.
    for (way, head) in [(Way::Cartesi, 52), (Way::StreamPortal, 72)] {
        circle.deposit(way, BOB, ETHER, U256::from(10), &vec![b' '; MAX_PAYLOAD - head]).await;
        assert_eq!(circle.take().await, [(Accepted, 1, 1)], "{way:?}");
        let call = Bytes::from(vec![b' '; MAX_PAYLOAD - head + 1]);
        let held = circle.held(ETHER, app).await;
        let refusal = match way {
            Way::Cartesi => circle.refused(BOB, ETHER_PORTAL, 10, depositEtherCall { app, exec: call }).await,
            Way::StreamPortal => {
                let call = IStreamPortal::depositEtherAndCallCall { app, call };
                circle.refused(BOB, portal_address(), 10, call).await
            }
        };
        assert_eq!(refusal, too_large);
        assert_eq!(circle.held(ETHER, app).await, held);
        assert_eq!(circle.take().await, []);
        circle.check_next(ETHER).await;
    }
    circle.audit(ETHER, &[alice, bob]).await;
}

/// A deposit is known by who added the input, and that is nobody's to choose.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_pass_for_a_portal() {
    let mut circle = Circle::start("forged").await;
    let token = demo(&circle).await;
    let (alice, bob, app) = (account(ALICE), account(BOB), circle.app());
    let input_box = circle.world.contracts.input_box;
    circle.fund(token, ALICE, U256::from(1_000)).await;
    circle.deposit(Way::Cartesi, ALICE, token, U256::from(1_000), b"").await;
    circle.take().await;
    // A contract of Bob's that does what he says.
    circle.send(BOB, portal_address(), 0, IStreamPortal::openInboxCall { app, owner: bob }).await;
    let contract = inbox_of(&circle, bob).await;
    let by_contract = |target: Address, call: Vec<u8>| executeCall { target, value: U256::ZERO, data: call.into() };

    let before = circle.state(token).await;
    for payload in forged(token, app, bob) {
        let call = addInputCall { app, payload: payload.clone().into() };
        circle.input(BOB, &payload).await;
        circle.send(BOB, contract, 0, by_contract(input_box, call.abi_encode())).await;
        assert_eq!(circle.take().await, [BAD, BAD]);
        assert_eq!(circle.state(token).await, before);
    }
    circle.check_next(token).await;

    // Where a real deposit's call names Alice, as StreamPortal does, it is Bob's or his contract's call still.
    let steal = [alice.to_vec(), transfer(token, bob, 500)].concat();
    let (of_alice, of_bob) = (circle.balance(token, alice).await, circle.balance(token, bob).await);
    circle.deposit(Way::Cartesi, BOB, ETHER, U256::from(5), &steal).await;
    circle.deposit(Way::StreamPortal, BOB, ETHER, U256::from(6), &steal).await;
    circle.deposit(Way::StreamPortal, BOB, ETHER, U256::from(7), &steal[20..]).await;
    let exec = Bytes::from(steal);
    let deposit = depositEtherCall { app, exec: exec.clone() }.abi_encode().into();
    let call = executeCall { target: ETHER_PORTAL, value: U256::from(8), data: deposit };
    circle.send(BOB, contract, 8, call).await;
    let deposit = IStreamPortal::depositEtherAndCallCall { app, call: exec }.abi_encode().into();
    let call = executeCall { target: portal_address(), value: U256::from(9), data: deposit };
    circle.send(BOB, contract, 9, call).await;
    assert_eq!(circle.take().await, [(Accepted, 1, 1); 5]);
    assert_eq!(circle.balance(token, alice).await, of_alice);
    assert_eq!(circle.balance(token, bob).await, of_bob);
    assert_eq!(circle.balance(ETHER, bob).await, U256::from(18));
    assert_eq!(circle.balance(ETHER, contract).await, U256::from(17));
    circle.audit(ETHER, &[alice, bob, contract]).await;

    // What is the contract's comes out by the contract.
    let input = addInputCall { app, payload: withdraw(ETHER, U256::from(17)).into() };
    circle.send(BOB, contract, 0, by_contract(input_box, input.abi_encode())).await;
    assert_eq!(circle.take().await, [(Accepted, 2, 0)]);
    circle.end_epoch().await;
    circle.execute_all().await;
    assert_eq!(circle.held(ETHER, contract).await, U256::from(17));
    circle.audit(ETHER, &[alice, bob, contract]).await;

    // What another application is told is not for this one.
    let call = addInputCall { app: contract, payload: transfer(token, bob, 1).into() };
    circle.send(ALICE, input_box, 0, call).await;
    assert_eq!(circle.take().await, []);
    circle.check_next(token).await;
    circle.audit(token, &[alice, bob]).await;
}

/// Payloads that a portal could have sent, which credit Bob.
fn forged(token: Address, app: Address, bob: Address) -> Vec<Vec<u8>> {
    let amount = U256::from(1_000).to_be_bytes_vec();
    let packed = |parts: &[&[u8]]| parts.concat();
    let (token, portal, of_bob) = (token.as_slice(), portal_address(), bob.as_slice());
    let deposit = packed(&[token, of_bob, &amount]);
    let as_input = |msg_sender: Address| {
        Inputs::EvmAdvanceCall {
            chainId: U256::from(31_337),
            appContract: app,
            msgSender: msg_sender,
            blockNumber: U256::from(1),
            blockTimestamp: U256::from(1),
            prevRandao: U256::ZERO,
            index: U256::from(1),
            payload: deposit.clone().into(),
        }
        .abi_encode()
    };
    vec![
        deposit.clone(),
        packed(&[&[1], &deposit]),
        packed(&[of_bob, &amount]),
        packed(&[token, portal.as_slice(), &amount, of_bob]),
        packed(&[portal.as_slice(), &amount, of_bob]),
        as_input(ERC20_PORTAL),
        as_input(ETHER_PORTAL),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_happens_twice() {
    let mut circle = Circle::start("replays").await;
    let (alice, bob, app) = (account(ALICE), account(BOB), circle.app());
    circle.deposit(Way::Cartesi, ALICE, ETHER, U256::from(1_000), b"").await;
    let large = transfer(ETHER, bob, 600);
    let call = addInputCall { app, payload: large.clone().into() };
    let receipt = circle.world.send(ALICE, circle.world.contracts.input_box, 0, call).await;
    assert_eq!(circle.take().await, [GOOD, GOOD]);

    // The very same transaction: the chain knows it.
    let hash = receipt.transaction_hash;
    let raw: Bytes = circle.world.provider.raw_request("eth_getRawTransactionByHash".into(), [hash]).await.unwrap();
    let error = circle.world.provider.send_raw_transaction(&raw).await.unwrap_err();
    let message = &error.as_error_resp().unwrap().message;
    assert!(message.contains("nonce too low") || message.contains("already imported"), "{message}");
    assert_eq!(circle.take().await, []);

    // The same bytes by others are for what others have; by Alice they are another input, which she cannot afford.
    let before = circle.state(ETHER).await;
    for who in [STRANGER, BOB, ALICE] {
        circle.input(who, &large).await;
        assert_eq!(circle.take().await, [BAD]);
        assert_eq!(circle.state(ETHER).await, before);
    }
    circle.check_next(ETHER).await;

    // What she can afford is done as often as she asks; each voucher is good once.
    for _ in 0..2 {
        circle.input(ALICE, &withdraw(ETHER, U256::from(150))).await;
    }
    circle.input(ALICE, &withdraw(ETHER, U256::from(150))).await;
    assert_eq!(circle.take().await, [(Accepted, 2, 0), (Accepted, 2, 0), BAD]);
    circle.end_epoch().await;
    let unpaid = circle.unpaid();
    let store = circle.world.store();
    let raws: Vec<_> = unpaid.iter().map(|payout| store.output(payout.output).unwrap().unwrap().raw).collect();
    assert_eq!(raws.len(), 2);
    assert_eq!(raws[0], raws[1]);
    let held = circle.held(ETHER, alice).await;
    circle.execute(unpaid[0].output).await;
    assert_eq!(circle.held(ETHER, alice).await, held + U256::from(150));
    circle.execute(unpaid[1].output).await;
    assert_eq!(circle.held(ETHER, alice).await, held + U256::from(300));
    assert_eq!(circle.held(ETHER, app).await, U256::from(700));
    circle.check_next(ETHER).await;
    circle.audit(ETHER, &[alice, bob]).await;
}
