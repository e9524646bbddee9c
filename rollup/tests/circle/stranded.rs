//! Whatever a deposit asks for, its money is the account's in the rollup, and comes out again to the last unit.

use alloy::primitives::{Address, U256, address};
use bindings::cartesi::ETHER;
use bindings::{IStreamPortal, portal_address};
use rollup::InputStatus::Accepted;

use crate::bad_calls::{Asker, bad_calls, cancel, stream, transfer, withdraw};
use crate::both_sides::{ALICE, BOB, Circle, Way, account};
use crate::tokens::demo;

/// Nobody has any of it.
pub const FOREIGN: Address = address!("7777777777777777777777777777777777777777");

#[tokio::test(flavor = "multi_thread")]
async fn no_ether_strands_by_cartesis_portal() {
    nothing_strands("strand-ce", Way::Cartesi, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_strands_by_cartesis_portal() {
    nothing_strands("strand-ct", Way::Cartesi, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_ether_strands_by_stream_portal() {
    nothing_strands("strand-se", Way::StreamPortal, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_strands_by_stream_portal() {
    nothing_strands("strand-st", Way::StreamPortal, false).await;
}

async fn nothing_strands(name: &str, way: Way, is_ether: bool) {
    let mut circle = Circle::start(name).await;
    let (alice, bob) = (account(ALICE), account(BOB));
    let token = if is_ether { ETHER } else { demo(&circle).await };
    if !is_ether {
        circle.fund(token, ALICE, U256::from(1_000_000)).await;
        circle.fund(token, BOB, U256::from(100_000)).await;
    }
    // A unit a second from Bob to Alice.
    let begin = circle.time().await + 10;
    circle.wait_until(begin).await;
    circle.deposit(way, BOB, token, U256::from(100_000), &stream(token, alice, 50_000, 0, 50_000)).await;
    assert_eq!(circle.take().await, [(Accepted, 2, 0)]);

    let calls = bad_calls(Asker { account: alice, other: bob, token, foreign: FOREIGN, stream: 1 });
    let mut deposited = 0;
    for ((call, _), amount) in calls.iter().zip(1_000_u64..) {
        circle.deposit(way, ALICE, token, U256::from(amount), call).await;
        deposited += amount;
    }
    // Before the node's claims make blocks as well.
    let streamed = circle.time().await - begin;
    // Each is credited and told, and nothing that it asks for happens.
    assert_eq!(circle.take().await, vec![(Accepted, 1, 1); calls.len()]);
    let reports = circle.reports();
    let others = reports.iter().zip(&calls).filter(|(report, (_, why))| {
        let rest = report.strip_prefix("the deposit is credited, but its execution data does nothing: ");
        !rest.is_some_and(|rest| rest.contains(why))
    });
    let others: Vec<_> = others.map(|(report, (_, why))| (why, report)).collect();
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(circle.balance(token, alice).await, U256::from(deposited + streamed));
    assert_eq!(circle.available(token, alice).await, U256::from(deposited + streamed));
    assert_eq!(circle.balance(token, bob).await, U256::from(100_000 - streamed));
    assert_eq!(circle.unpaid(), []);
    circle.audit(token, &[alice, bob]).await;

    circle.wait_until(begin + 10_000).await;
    circle.input(BOB, &cancel(1)).await;
    circle.input(ALICE, &withdraw(token, U256::from(deposited + 10_000))).await;
    circle.input(BOB, &withdraw(token, U256::from(90_000))).await;
    assert_eq!(circle.take().await, [(Accepted, 1, 0), (Accepted, 2, 0), (Accepted, 2, 0)]);
    circle.end_epoch().await;
    circle.execute_all().await;
    for holder in [circle.app(), portal_address(), circle.world.contracts.erc20_portal] {
        assert_eq!(circle.held(token, holder).await, U256::ZERO);
    }
    circle.audit(token, &[alice, bob]).await;
}

/// What would lift the supply over the cap goes back by a voucher, to the account that StreamPortal names, or to the
/// depositor.
#[tokio::test(flavor = "multi_thread")]
async fn deposits_over_the_cap_go_back() {
    let mut circle = Circle::start("cap").await;
    let (alice, bob, app) = (account(ALICE), account(BOB), circle.app());
    let (token, whole) = (demo(&circle).await, demo(&circle).await);
    circle.fund(token, ALICE, U256::MAX).await;
    circle.fund(whole, ALICE, U256::MAX).await;
    let (one, two, cap) = (U256::from(1), U256::from(2), U256::from(u128::MAX));
    let call = transfer(token, bob, 1);
    circle.deposit(Way::Cartesi, ALICE, token, cap + one, &call).await;
    circle.deposit(Way::StreamPortal, ALICE, token, one << 200, &call).await;
    circle.deposit(Way::Cartesi, ALICE, token, cap - one, b"").await;
    circle.deposit(Way::StreamPortal, ALICE, token, two, &call).await;
    circle
        .send(ALICE, portal_address(), 0, IStreamPortal::depositCall { token, app, amount: two, beneficiary: bob })
        .await;
    circle.deposit(Way::Cartesi, ALICE, token, one, b"").await;
    circle.deposit(Way::StreamPortal, ALICE, token, one, &call).await;
    circle.deposit(Way::Cartesi, ALICE, whole, U256::MAX, &call).await;
    let (credited, back) = ((Accepted, 1, 0), (Accepted, 1, 1));
    assert_eq!(circle.take().await, [back, back, credited, back, back, credited, back, back]);
    for report in circle.reports() {
        assert!(report.ends_with(" over the cap of 2^128 - 1; a voucher gives it back"), "{report}");
    }
    let paid: Vec<_> = circle.unpaid().iter().map(|payout| (payout.token, payout.account, payout.amount)).collect();
    let expected = [
        (token, alice, cap + one),
        (token, alice, one << 200),
        (token, alice, two),
        (token, bob, two),
        (token, alice, one),
        (whole, alice, U256::MAX),
    ];
    assert_eq!(paid, expected);
    circle.audit(token, &[alice]).await;
    circle.audit(whole, &[]).await;
    circle.end_epoch().await;
    circle.execute_all().await;
    assert_eq!(circle.held(token, app).await, cap);
    assert_eq!(circle.held(whole, alice).await, U256::MAX);

    // A withdrawal makes room again.
    circle.input(ALICE, &withdraw(token, one)).await;
    circle.deposit(Way::StreamPortal, ALICE, token, one, &call).await;
    circle.input(ALICE, &withdraw(token, cap - one)).await;
    circle.input(BOB, &withdraw(token, one)).await;
    assert_eq!(circle.take().await, [(Accepted, 2, 0); 4]);
    circle.end_epoch().await;
    circle.execute_all().await;
    assert_eq!(circle.held(token, app).await, U256::ZERO);
    assert_eq!(circle.held(token, bob).await, U256::from(3));
    assert_eq!(circle.held(token, alice).await, U256::MAX - U256::from(3));
    circle.audit(token, &[alice, bob]).await;
}
