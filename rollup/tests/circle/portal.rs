//! Through StreamPortal: credit for somebody else, streams in the transaction that deposits, and a salary that is earned
//! on the chain and streamed on in the rollup.

use alloy::primitives::{Address, U256};
use bindings::cartesi::ETHER;
use bindings::{Clock, DemoToken, IMoneyStreaming, IStreamPortal, portal_address};
use rollup::InputStatus::Accepted;

use crate::bad_calls::{stream, withdraw};
use crate::both_sides::{ALICE, BOB, Circle, STRANGER, account};
use crate::tokens::demo;

type Order = IStreamPortal::StreamOrder;

impl Circle {
    /// A deposit of a user's for `beneficiary`.
    async fn credit(&self, from: usize, token: Address, amount: u64, beneficiary: Address) {
        let app = self.app();
        if token == ETHER {
            self.send(from, portal_address(), amount, IStreamPortal::depositEtherCall { app, beneficiary }).await;
        } else {
            let call = IStreamPortal::depositCall { token, app, amount: U256::from(amount), beneficiary };
            self.send(from, portal_address(), 0, call).await;
        }
    }

    /// A deposit of a user's that starts streams.
    async fn start_streams(&self, from: usize, token: Address, amount: u64, orders: Vec<Order>) {
        let app = self.app();
        if token == ETHER {
            let call = IStreamPortal::depositEtherAndStreamCall { app, orders };
            self.send(from, portal_address(), amount, call).await;
        } else {
            let call = IStreamPortal::depositAndStreamCall { token, app, amount: U256::from(amount), orders };
            self.send(from, portal_address(), 0, call).await;
        }
    }

    async fn balance_at(&self, token: Address, who: Address, time: u64) -> U256 {
        self.asked(&format!("balance/{token}/{who}?at={time}"), "balance").await
    }
}

fn order(recipient: Address, amount: u64, start: u64, duration: u64) -> Order {
    Order { recipient, amount: U256::from(amount), start, duration }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_users_deposit_and_stream_in_one_transaction() {
    let mut circle = Circle::start("streams").await;
    let demo = demo(&circle).await;
    let (alice, bob, carol) = (account(ALICE), account(BOB), account(STRANGER));
    let everybody = [alice, bob, carol];
    circle.fund(demo, ALICE, U256::from(10_000)).await;
    circle.fund(demo, BOB, U256::from(10_000)).await;
    for token in [ETHER, demo] {
        circle.credit(ALICE, token, 1_000, bob).await;
        assert_eq!(circle.take().await, [(Accepted, 1, 0)]);
        assert_eq!((circle.balance(token, alice).await, circle.balance(token, bob).await), (U256::ZERO, n(1_000)));

        // Ten a second from Alice to Bob; two from Bob to Alice a little later, and a payment to Carol at once.
        let begin = circle.time().await + 10;
        circle.wait_until(begin).await;
        circle.start_streams(ALICE, token, 700, vec![order(bob, 600, 0, 60)]).await;
        let orders = vec![order(alice, 100, begin + 20, 50), order(carol, 200, 0, 0)];
        circle.start_streams(BOB, token, 350, orders).await;
        assert_eq!(circle.take().await, [(Accepted, 2, 0), (Accepted, 3, 0)]);
        for (after, of_alice, of_bob) in
            [(1, 690, 1_160), (20, 500, 1_350), (30, 420, 1_430), (60, 180, 1_670), (70, 200, 1_650), (999, 200, 1_650)]
        {
            let time = begin + after;
            assert_eq!(circle.balance_at(token, alice, time).await, n(of_alice), "Alice after {after} s");
            assert_eq!(circle.balance_at(token, bob, time).await, n(of_bob), "Bob after {after} s");
            assert_eq!(circle.balance_at(token, carol, time).await, n(200));
        }
        circle.audit(token, &everybody).await;

        circle.wait_until(begin + 100).await;
        for (who, amount) in [(ALICE, 200), (BOB, 1_650), (STRANGER, 200)] {
            circle.input(who, &withdraw(token, n(amount))).await;
        }
        assert_eq!(circle.take().await, [(Accepted, 2, 0); 3]);
        circle.audit(token, &everybody).await;
    }
    circle.end_epoch().await;
    // Carol executes, and pays gas for it.
    let (ether, tokens) = circle.unpaid().into_iter().partition::<Vec<_>, _>(|payout| payout.token == ETHER);
    for payout in &ether {
        let before = circle.held(ETHER, payout.account).await;
        circle.execute(payout.output).await;
        if payout.account != carol {
            assert_eq!(circle.held(ETHER, payout.account).await - before, payout.amount);
        }
    }
    assert_eq!((ether.len(), tokens.len()), (3, 3));
    circle.execute_all().await;
    for (who, expected) in [(alice, 8_500), (bob, 11_300), (carol, 200)] {
        assert_eq!(circle.held(demo, who).await, n(expected));
    }
    for token in [ETHER, demo] {
        assert_eq!(circle.held(token, circle.app()).await, U256::ZERO);
        assert_eq!(circle.held(token, portal_address()).await, U256::ZERO);
        circle.audit(token, &everybody).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_above_the_deposit_do_not_leave_the_chain() {
    let mut circle = Circle::start("orders").await;
    let (bob, app) = (account(BOB), circle.app());
    let refusals = [
        (10, vec![order(bob, 8, 0, 10), order(bob, 3, 0, 10)], "OrdersExceedDeposit(11, 10)"),
        (10, vec![order(bob, u64::MAX, 0, 10)], "OrdersExceedDeposit(18446744073709551615, 10)"),
        (10, vec![], "OrdersEmpty()"),
        (0, vec![order(bob, 0, 0, 10)], "AmountZero()"),
    ];
    for (amount, orders, expected) in refusals {
        let call = IStreamPortal::depositEtherAndStreamCall { app, orders };
        assert_eq!(circle.refused(ALICE, portal_address(), amount, call).await, expected);
    }
    assert_eq!(circle.take().await, []);
    circle.audit(ETHER, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_salary_goes_on_into_the_rollup() {
    let mut circle = Circle::start("salary").await;
    let token = demo(&circle).await;
    let streaming = circle.chain().deploy(Clock::Timestamp.creation_code()).await.unwrap();
    let (bob, carol, app) = (account(BOB), account(STRANGER), circle.app());
    circle.fund(token, ALICE, n(6_000)).await;
    circle.send(ALICE, token, 0, DemoToken::approveCall { spender: streaming, value: U256::MAX }).await;
    let inbox = inbox_of(&circle, bob).await;
    // Ten units a second for ten minutes, to Bob's inbox: whose streams may be forwarded is for the payer to choose.
    let begin = circle.time().await + 100;
    let create = IMoneyStreaming::createCall {
        _recipient: inbox,
        _tokenAddress: token,
        _startBlock: U256::from(begin),
        _stopBlock: U256::from(begin + 600),
        _payment: n(10),
        _interval: n(1),
    };
    circle.send(ALICE, streaming, 0, create).await;
    assert_eq!(circle.held(token, streaming).await, n(6_000));
    let forward = |owner| IStreamPortal::forwardStreamCall { app, owner, streaming, streamId: U256::from(1) };
    let refusal = format!("RecipientNotInbox(1, {inbox}, {})", inbox_of(&circle, carol).await);
    assert_eq!(circle.refused(STRANGER, portal_address(), 0, forward(carol)).await, refusal);

    circle.wait_until(begin + 90).await;
    circle.send(STRANGER, portal_address(), 0, forward(bob)).await;
    circle.wait_until(begin + 100).await;
    circle.input(BOB, &stream(token, carol, 600, 0, 300)).await;
    assert_eq!(circle.take().await, [(Accepted, 1, 0), (Accepted, 1, 0)]);
    assert_eq!(circle.balance_at(token, bob, begin + 90).await, n(900));
    assert_eq!(circle.balance_at(token, carol, begin + 250).await, n(300));
    circle.audit(token, &[bob, carol]).await;

    circle.wait_until(begin + 1_000).await;
    circle.send(STRANGER, portal_address(), 0, forward(bob)).await;
    circle.input(BOB, &withdraw(token, n(5_400))).await;
    circle.input(STRANGER, &withdraw(token, n(600))).await;
    assert_eq!(circle.take().await, [(Accepted, 1, 0), (Accepted, 2, 0), (Accepted, 2, 0)]);
    circle.audit(token, &[bob, carol]).await;
    circle.end_epoch().await;
    circle.execute_all().await;
    assert_eq!((circle.held(token, bob).await, circle.held(token, carol).await), (n(5_400), n(600)));
    for holder in [app, streaming, inbox, portal_address()] {
        assert_eq!(circle.held(token, holder).await, U256::ZERO, "{holder}");
    }
}

pub async fn inbox_of(circle: &Circle, owner: Address) -> Address {
    let call = IStreamPortal::inboxOfCall { app: circle.app(), owner };
    circle.viewed(portal_address(), call).await
}

fn n(amount: u64) -> U256 {
    U256::from(amount)
}
