//! ERC-20 tokens in and out: one as the standard has it, ones that answer nothing or false, and one that lies.

use alloy::primitives::{Address, Bytes, U256, hex};
use alloy::sol_types::SolCall;
use bindings::cartesi::{ETHER, Outputs};
use bindings::{DemoToken, IStreamPortal, portal_address};
use rollup::InputStatus::Accepted;

use crate::bad_calls::{json, safe_withdraw, stream, transfer, withdraw};
use crate::both_sides::{ALICE, BOB, Circle, Payout, STRANGER, Way, account};
use crate::world::{depositERC20TokensCall, executeOutputCall};

pub async fn demo(circle: &Circle) -> Address {
    circle.deploy(DemoToken::BYTECODE.clone()).await
}

/// Runs a demo token's code on its own storage, and answers nothing where the selector is in `mute`.
async fn muted(circle: &Circle, mute: &[[u8; 4]]) -> Address {
    // Calldata to memory, and a delegate call with it; the answer to memory.
    let delegate =
        [&hex!("365f5f37" "5f5f365f73")[..], demo(circle).await.as_slice(), &hex!("5af4" "3d5f5f3e")].concat();
    let revert_unless_done = hex!("602957" "3d5ffd" "5b");
    let selector = hex!("5f3560e01c");
    let nothing = u8::try_from(50 + 10 * mute.len()).unwrap();
    let compare = |muted: &[u8; 4]| [&hex!("8063")[..], muted, &hex!("1460"), &[nothing], &hex!("57")].concat();
    let compare = mute.iter().flat_map(compare).collect();
    let answer = hex!("3d5ff3" "5b5f5ff3").to_vec();
    let runtime = [delegate, revert_unless_done.to_vec(), selector.to_vec(), compare, answer].concat();
    circle.deploy(constructed(&runtime)).await
}

/// Code that has a demo token's code run on its own storage: what it answers is in memory then, and whether it has
/// reverted on the stack.
async fn delegated(circle: &Circle) -> Vec<u8> {
    [&hex!("365f5f37" "5f5f365f73")[..], demo(circle).await.as_slice(), &hex!("5af4" "3d5f5f3e")].concat()
}

/// As a demo token, but `transfer` answers false where that one reverts.
async fn falsely(circle: &Circle) -> Address {
    let delegate = delegated(circle).await;
    let false_if_refused = hex!("603757" "5f3560e01c" "63a9059cbb" "14603b57" "3d5ffd" "5b3d5ff3" "5b5f5f5260205ff3");
    circle.deploy(constructed(&[&delegate[..], &false_if_refused].concat())).await
}

/// What deploys `runtime`.
pub fn constructed(runtime: &[u8]) -> Bytes {
    let length = u8::try_from(runtime.len()).unwrap();
    [&[0x60, length][..], &hex!("8060095f395ff3"), runtime].concat().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erc20_token_goes_in_streams_and_comes_out() {
    let mut circle = Circle::start("erc20").await;
    let token = demo(&circle).await;
    let (alice, bob) = (account(ALICE), account(BOB));
    circle.fund(token, ALICE, U256::from(10_000)).await;
    circle.fund(token, BOB, U256::from(500)).await;

    circle.deposit(Way::Cartesi, ALICE, token, U256::from(1_000), b"").await;
    let begin = circle.time().await + 10;
    circle.wait_until(begin).await;
    circle.deposit(Way::Cartesi, ALICE, token, U256::from(2_000), &stream(token, bob, 1_500, 0, 300)).await;
    circle.deposit(Way::Cartesi, BOB, token, U256::from(500), b"").await;
    assert_eq!(circle.take().await, [(Accepted, 1, 0), (Accepted, 2, 0), (Accepted, 1, 0)]);
    assert_eq!(circle.held(token, alice).await, U256::from(7_000));
    assert_eq!(circle.held(token, bob).await, U256::ZERO);
    // The last input came one second after the stream began, which moves five units in each.
    assert_eq!(circle.balance(token, bob).await, U256::from(505));
    assert_eq!(circle.balance(token, alice).await, U256::from(2_995));
    assert_eq!(circle.available(token, alice).await, U256::from(1_500));
    circle.audit(token, &[alice, bob]).await;

    circle.wait_until(begin + 100).await;
    circle.input(BOB, &withdraw(token, U256::from(1_000))).await;
    circle.input(ALICE, &withdraw(token, U256::from(1_500))).await;
    assert_eq!(circle.take().await, [(Accepted, 2, 0), (Accepted, 2, 0)]);
    assert_eq!(circle.balance(token, bob).await, U256::from(5));
    assert_eq!(circle.balance(token, alice).await, U256::from(995));
    circle.audit(token, &[alice, bob]).await;

    circle.end_epoch().await;
    circle.execute_all().await;
    assert_eq!(circle.held(token, bob).await, U256::from(1_000));
    assert_eq!(circle.held(token, alice).await, U256::from(8_500));
    assert_eq!(circle.held(token, circle.app()).await, U256::from(1_000));
    circle.audit(token, &[alice, bob]).await;

    circle.wait_until(begin + 300).await;
    circle.input(BOB, &withdraw(token, U256::from(1_000))).await;
    assert_eq!(circle.take().await, [(Accepted, 2, 0)]);
    circle.end_epoch().await;
    circle.execute_all().await;
    assert_eq!(circle.held(token, bob).await, U256::from(2_000));
    assert_eq!(circle.held(token, circle.app()).await, U256::ZERO);
    circle.audit(token, &[alice, bob]).await;
}

/// Cartesi's portal reads a boolean from `transferFrom`. What answers it can enter, and leaves by the safe form.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_transfer_returns_nothing_leaves_by_the_safe_form() {
    let mut circle = Circle::start("half").await;
    let token = muted(&circle, &[hex!("a9059cbb")]).await;
    let (alice, bob) = (account(ALICE), account(BOB));
    circle.fund(token, ALICE, U256::from(1_000)).await;
    circle.deposit(Way::Cartesi, ALICE, token, U256::from(400), &transfer(token, bob, 150)).await;
    circle.deposit(Way::StreamPortal, ALICE, token, U256::from(600), &stream(token, bob, 600, 0, 0)).await;
    circle.input(BOB, &safe_withdraw(token, U256::from(700))).await;
    let safe = format!(r#""token":"{token}","amount":50,"safe":true"#);
    circle.input(BOB, &json("withdraw", &safe)).await;
    circle.input(ALICE, &safe_withdraw(token, U256::from(250))).await;
    assert_eq!(circle.take().await, [(Accepted, 2, 0); 5]);
    circle.audit(token, &[alice, bob]).await;
    circle.end_epoch().await;
    let unpaid = circle.unpaid();
    assert_eq!(unpaid.len(), 3);
    let store = circle.world.store();
    for Payout { output, .. } in unpaid {
        assert!(store.output(output).unwrap().unwrap().raw.starts_with(&Outputs::DelegateCallVoucherCall::SELECTOR));
    }
    circle.execute_all().await;
    assert_eq!(circle.held(token, bob).await, U256::from(750));
    assert_eq!(circle.held(token, alice).await, U256::from(250));
    assert_eq!(circle.held(token, circle.app()).await, U256::ZERO);
    circle.audit(token, &[alice, bob]).await;
}

/// As above with the plain form, which asks for no answer: Cartesi's application looks only whether the call reverts.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_transfer_returns_nothing_leaves_by_the_plain_form_too() {
    let mut circle = Circle::start("plain").await;
    let token = muted(&circle, &[hex!("a9059cbb")]).await;
    circle.fund(token, ALICE, U256::from(1_000)).await;
    circle.deposit(Way::Cartesi, ALICE, token, U256::from(1_000), &withdraw(token, U256::from(1_000))).await;
    assert_eq!(circle.take().await, [(Accepted, 3, 0)]);
    circle.end_epoch().await;
    circle.execute_all().await;
    assert_eq!(circle.held(token, account(ALICE)).await, U256::from(1_000));
    circle.audit(token, &[account(ALICE)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_returns_nothing_at_all_stays_outside() {
    let mut circle = Circle::start("mute").await;
    let token = muted(&circle, &[hex!("a9059cbb"), hex!("23b872dd")]).await;
    let (alice, app, amount) = (account(ALICE), circle.app(), U256::from(400));
    circle.fund(token, ALICE, amount).await;
    circle.deposit(Way::Cartesi, ALICE, ETHER, U256::from(1), b"").await;
    circle.take().await;
    let n_inputs = circle.world.store().n_inputs().unwrap();

    let call = depositERC20TokensCall { token, app, amount, exec: Bytes::new() };
    assert_eq!(circle.refused(ALICE, circle.world.contracts.erc20_portal, 0, call).await, "no reason");
    let refusal = format!("TokenRefused({token})");
    let call = IStreamPortal::depositCall { token, app, amount, beneficiary: alice };
    assert_eq!(circle.refused(ALICE, portal_address(), 0, call).await, refusal);
    let call = IStreamPortal::depositAndCallCall { token, app, amount, call: Bytes::new() };
    assert_eq!(circle.refused(ALICE, portal_address(), 0, call).await, refusal);

    assert_eq!(circle.take().await, []);
    assert_eq!(circle.world.store().n_inputs().unwrap(), n_inputs);
    assert_eq!(circle.held(token, alice).await, amount);
    for holder in [app, portal_address(), circle.world.contracts.erc20_portal] {
        assert_eq!(circle.held(token, holder).await, U256::ZERO);
    }
    circle.audit(token, &[alice]).await;
    // What came before still works.
    circle.input(ALICE, &withdraw(ETHER, U256::from(1))).await;
    assert_eq!(circle.take().await, [(Accepted, 2, 0)]);
}

/// What answers 1 to everything and moves nothing: Cartesi's portal believes it, and only its own books are wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_lies_harms_no_other() {
    let mut circle = Circle::start("lies").await;
    let (alice, bob, app) = (account(ALICE), account(BOB), circle.app());
    let liar = circle.deploy(constructed(&hex!("60015f5260205ff3"))).await;
    let token = demo(&circle).await;
    circle.fund(token, ALICE, U256::from(100)).await;
    circle.deposit(Way::Cartesi, ALICE, token, U256::from(100), b"").await;
    circle.deposit(Way::Cartesi, BOB, liar, U256::from(1_000_000), &withdraw(token, U256::from(1))).await;
    assert_eq!(circle.take().await, [(Accepted, 1, 0), (Accepted, 1, 1)]);
    assert_eq!(circle.balance(liar, bob).await, U256::from(1_000_000));
    assert_eq!(circle.balance(token, bob).await, U256::ZERO);
    let call = IStreamPortal::depositCall { token: liar, app, amount: U256::from(7), beneficiary: bob };
    assert_eq!(circle.refused(BOB, portal_address(), 0, call).await, format!("DepositNotReceived({liar}, 0, 7)"));
    assert_eq!(circle.take().await, []);
    circle.audit(token, &[alice, bob]).await;
}

/// A voucher that reverts is not executed, and waits. By the safe form, to answer false is to revert.
#[tokio::test(flavor = "multi_thread")]
async fn a_voucher_waits_until_the_token_pays() {
    let mut circle = Circle::start("waits").await;
    let (alice, app) = (account(ALICE), circle.app());
    let (reverting, lying) = (demo(&circle).await, falsely(&circle).await);
    let amount = U256::from(400);
    let cases = [
        (reverting, withdraw(reverting, amount), format!("AccountBlocked({alice})")),
        (reverting, safe_withdraw(reverting, amount), format!("AccountBlocked({alice})")),
        (lying, safe_withdraw(lying, amount), format!("SafeERC20FailedOperation({lying})")),
    ];
    for (token, withdrawal, reason) in cases {
        circle.fund(token, ALICE, amount).await;
        let before = circle.held(token, alice).await;
        circle.deposit(Way::Cartesi, ALICE, token, amount, &withdrawal).await;
        assert_eq!(circle.take().await, [(Accepted, 3, 0)]);
        circle.end_epoch().await;
        circle.send(BOB, token, 0, DemoToken::setBlockedCall { account: alice, blocked: true }).await;
        let [Payout { output, .. }] = circle.unpaid()[..] else { panic!("{:?}", circle.unpaid()) };
        let (raw, proof) = circle.world.proof(output);
        let call = executeOutputCall { output: raw, proof };
        assert_eq!(circle.refused(STRANGER, app, 0, call).await, reason);
        circle.take().await;
        assert_eq!(circle.unpaid().len(), 1);
        circle.audit(token, &[alice]).await;
        circle.send(BOB, token, 0, DemoToken::setBlockedCall { account: alice, blocked: false }).await;
        circle.execute_all().await;
        assert_eq!(circle.held(token, alice).await, before);
        assert_eq!(circle.held(token, app).await, U256::ZERO);
        circle.audit(token, &[alice]).await;
    }
}

/// As above by the plain form, which is why the safe one is the rule: the application's contract does not look at what
/// the token answers, and anybody may execute a voucher.
#[tokio::test(flavor = "multi_thread")]
async fn a_plain_voucher_is_spent_though_the_token_answers_false() {
    let mut circle = Circle::start("false").await;
    let (alice, app, amount) = (account(ALICE), circle.app(), U256::from(400));
    let token = falsely(&circle).await;
    circle.fund(token, ALICE, amount).await;
    circle.deposit(Way::Cartesi, ALICE, token, amount, &withdraw(token, amount)).await;
    assert_eq!(circle.take().await, [(Accepted, 3, 0)]);
    circle.end_epoch().await;
    circle.send(BOB, token, 0, DemoToken::setBlockedCall { account: alice, blocked: true }).await;
    let (raw, proof) = circle.world.proof(circle.unpaid()[0].output);
    circle.send(STRANGER, app, 0, executeOutputCall { output: raw, proof }).await;
    circle.take().await;
    assert_eq!(circle.unpaid().len(), 0);
    assert_eq!((circle.held(token, alice).await, circle.held(token, app).await), (U256::ZERO, amount));
}
