//! Two users over many epochs: vouchers are good in any later one, in any order, and each of them once.

use alloy::primitives::U256;
use bindings::cartesi::ETHER;
use rollup::InputStatus::Accepted;
use rollup::{EpochStatus, Page};

use crate::bad_calls::{stream, transfer, withdraw};
use crate::both_sides::{ALICE, BOB, Circle, Way, account};

/// Rounds, each in an epoch of its own.
const ROUNDS: u64 = 9;

fn is_idle(round: u64) -> bool {
    matches!(round, 2 | 5 | 6)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_users_over_many_epochs() {
    let mut circle = Circle::start("epochs").await;
    let (alice, bob) = (account(ALICE), account(BOB));
    // A unit a second from Alice to Bob, all the time.
    let begin = circle.time().await + 100;
    // All that is in the rollup: Bob withdraws what he gets at once, except what streams.
    let (mut in_rollup, mut n_outputs) = (0, 0);
    let mut expected_outputs = Vec::new();
    for round in 0..ROUNDS {
        circle.next_epoch().await;
        let time = begin + 100 * round;
        if is_idle(round) {
            circle.wait_until(time).await;
            circle.world.mine(1).await;
            assert_eq!(circle.take().await, []);
            continue;
        }
        circle.wait_until(time).await;
        let (amount, paid, given) = (2_000 + round, 40 + round, 7 * (round + 1));
        let call = if round == 0 { stream(ETHER, bob, 1_500, 0, 1_500) } else { Vec::new() };
        circle.deposit(Way::Cartesi, ALICE, ETHER, U256::from(amount), &call).await;
        circle.input(ALICE, &transfer(ETHER, bob, given)).await;
        circle.input(BOB, &withdraw(ETHER, U256::from(given))).await;
        circle.input(ALICE, &withdraw(ETHER, U256::from(paid))).await;
        let outputs_of_first = if round == 0 { 2 } else { 1 };
        let expected = [(Accepted, outputs_of_first, 0), (Accepted, 1, 0), (Accepted, 2, 0), (Accepted, 2, 0)];
        assert_eq!(circle.take().await, expected);
        n_outputs += outputs_of_first + 5;
        expected_outputs.push(u64::try_from(n_outputs).unwrap());
        in_rollup += amount - given - paid;
        // The last input of the round is three blocks after the first.
        let streamed = 100 * round + 3;
        assert_eq!(circle.balance(ETHER, bob).await, U256::from(streamed), "round {round}");
        assert_eq!(circle.balance(ETHER, alice).await, U256::from(in_rollup - streamed), "round {round}");
        circle.audit(ETHER, &[alice, bob]).await;
        circle.end_epoch().await;
        if round == 4 {
            // Of the second epoch, while later ones are accepted and those around it wait.
            let output = circle.unpaid()[2].output;
            circle.execute(output).await;
            circle.audit(ETHER, &[alice, bob]).await;
        }
    }

    let (epochs, count) = circle.world.store().epochs(None, Page { limit: 100, offset: 0 }).unwrap();
    assert_eq!(count, 6);
    assert!(epochs.iter().all(|epoch| epoch.status == EpochStatus::Accepted));
    assert_eq!(epochs.iter().map(|epoch| epoch.n_outputs.unwrap()).collect::<Vec<_>>(), expected_outputs);
    assert!(epochs.last().unwrap().index - epochs[0].index >= ROUNDS - 1);

    let unpaid = circle.unpaid();
    assert_eq!(unpaid.len(), 2 * epochs.len() - 1);
    circle.execute_all().await;
    assert_eq!(circle.unpaid(), []);
    assert_eq!(circle.held(ETHER, circle.app()).await, U256::from(in_rollup));
    circle.audit(ETHER, &[alice, bob]).await;
}
