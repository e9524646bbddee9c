//! The node's proofs before Cartesi's contracts, for small trees and large ones.

use alloy::primitives::{B256, U256};
use alloy::providers::Provider;
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::SolCall;
use bindings::Revert;
use bindings::cartesi::ETHER;
use rollup::InputStatus::Accepted;

use crate::bad_calls::{batch, transfer};
use crate::both_sides::{ALICE, BOB, Circle, Way, account};
use crate::world::{Proof, validateOutputCall};

/// Indexes that are looked at in a tree, besides the first and the last.
const RANDOM_INDEXES: u64 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn the_contracts_accept_these_proofs_and_no_others() {
    let mut circle = Circle::start("trees").await;
    let pay = |count: u64| batch((0..count).map(|i| transfer(ETHER, account(BOB), i + 1)));
    circle.deposit(Way::Cartesi, ALICE, ETHER, U256::from(1_000_000), b"").await;
    let mut random = 1_620_u64;
    for (n_outputs, inputs) in
        [(1, vec![]), (2, vec![1]), (3, vec![1]), (255, vec![126, 126]), (1_000, vec![248, 248, 249])]
    {
        for count in inputs {
            circle.input(ALICE, &pay(count)).await;
        }
        assert!(circle.take().await.iter().all(|(status, ..)| *status == Accepted));
        circle.end_epoch().await;
        let store = circle.world.store();
        assert_eq!(store.last_accepted_epoch().unwrap().unwrap().n_outputs, Some(n_outputs));
        let indexes = (0..RANDOM_INDEXES).map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % n_outputs
        });
        let mut indexes: Vec<u64> = indexes.chain([0, n_outputs - 1]).collect();
        indexes.sort_unstable();
        indexes.dedup();
        for index in indexes {
            let siblings: Vec<B256> = store.siblings(index, n_outputs).unwrap().to_vec();
            let output = store.output(index).unwrap().unwrap().raw;
            check(&circle, validateOutputCall { output: output.into(), proof: Proof { outputIndex: index, siblings } })
                .await;
        }
    }
}

/// The proof is good, and whatever is changed about it is not.
async fn check(circle: &Circle, good: validateOutputCall) {
    const WRONG_ROOT: &str = "InvalidOutputsMerkleRoot(";
    assert_eq!(answer(circle, &good).await, None);
    let index = good.proof.outputIndex;
    let with_sibling = |level: usize| {
        let mut bad = good.clone();
        bad.proof.siblings[level].0[31] ^= 1;
        (bad, WRONG_ROOT)
    };
    let with_index = |(index, expected)| {
        let mut bad = good.clone();
        bad.proof.outputIndex = index;
        (bad, expected)
    };
    let with_output = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut output = good.output.to_vec();
        change(&mut output);
        (validateOutputCall { output: output.into(), proof: good.proof.clone() }, WRONG_ROOT)
    };
    let with_length = |n_siblings: usize| {
        let mut bad = good.clone();
        bad.proof.siblings.resize(n_siblings, B256::ZERO);
        (bad, "InvalidOutputHashesSiblingsArrayLength()")
    };
    let mut refused = [0, 1, 9, 62].map(with_sibling).to_vec();
    refused.extend([(index ^ 1, WRONG_ROOT), (index ^ 2, WRONG_ROOT), (index | 1 << 62, WRONG_ROOT)].map(with_index));
    // What is too large for the tree is not taken for what is left of it.
    refused.push(with_index((index | 1 << 63, "Error(\"LibMerkle32: index out of bounds\")")));
    refused.push(with_output(&|output| *output.last_mut().unwrap() ^= 1));
    refused.push(with_output(&|output| output[0] ^= 1));
    refused.push(with_output(&|output| output.push(0)));
    refused.push(with_output(&Vec::clear));
    refused.extend([0, 62, 64].map(with_length));
    for (change, (bad, expected)) in refused.into_iter().enumerate() {
        let answer = answer(circle, &bad).await.unwrap_or_else(|| panic!("change {change} at {index} is accepted"));
        assert!(answer.starts_with(expected), "change {change} at {index}: {answer}");
    }
}

/// The error that the application's contract answers with, if it does not accept.
async fn answer(circle: &Circle, call: &validateOutputCall) -> Option<String> {
    let request = TransactionRequest::default().to(circle.app()).input(call.abi_encode().into());
    let error = circle.world.provider.call(request).await.err()?;
    Some(Revert::decode(&error.as_error_resp().unwrap().as_revert_data().unwrap()).to_string())
}
