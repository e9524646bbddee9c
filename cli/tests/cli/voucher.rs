use alloy::{
    primitives::{B256, Bytes, U256, address},
    sol_types::SolCall,
};
use bindings::{
    IERC20,
    cartesi::{ISafeERC20Transfer, Outputs},
};
use serde_json::json;

use crate::{
    cartesi::{Tree, claim, rollup},
    harness::{ALICE, BOB, CAROL, Net},
    node::node,
};

const ONE: u64 = 1_000_000;

fn voucher(net: &Net, amount: u64) -> Bytes {
    let payload = IERC20::transferCall { to: BOB.parse().unwrap(), value: U256::from(amount) }.abi_encode().into();
    let destination = net.token.parse().unwrap();
    Outputs::VoucherCall { destination, value: U256::ZERO, payload }.abi_encode().into()
}

fn safe_voucher(net: &Net, amount: u64) -> Bytes {
    let token = net.token.parse().unwrap();
    let transfer = ISafeERC20Transfer::safeTransferCall { token, to: BOB.parse().unwrap(), value: U256::from(amount) };
    let destination = address!("b7C2bcAA4437425cfcE9d233bFf15EF461273D63");
    Outputs::DelegateCallVoucherCall { destination, payload: transfer.abi_encode().into() }.abi_encode().into()
}

fn ether_voucher(wei: u64) -> Bytes {
    let destination = BOB.parse().unwrap();
    Outputs::VoucherCall { destination, value: U256::from(wei), payload: Bytes::new() }.abi_encode().into()
}

fn notice() -> Bytes {
    Outputs::NoticeCall { payload: Bytes::from_static(b"hello") }.abi_encode().into()
}

/// Claims the first `n` outputs on the chain.
fn claimed(net: &Net, outputs: &[(u64, u64, Bytes)], n: usize) {
    let outputs: Vec<Bytes> = outputs[..n].iter().map(|(.., raw)| raw.clone()).collect();
    claim(net, Tree::of(&outputs).root());
}

#[test]
fn vouchers_from_claim_to_payment() {
    let mut net = rollup();
    let said = node(&mut net);
    net.json(Some(ALICE), "portal deposit --app $APP --token $TOKEN --amount 10 --yes");
    net.json(Some(ALICE), "portal deposit --app $APP --token ether --amount 1 --yes");
    let outputs = vec![
        (0, 0, notice()),
        (1, 0, voucher(&net, ONE)),
        (1, 0, ether_voucher(500_000_000_000_000_000)),
        (2, 0, safe_voucher(&net, 2 * ONE)),
        (3, 1, voucher(&net, 3 * ONE)),
    ];
    said.lock().unwrap().outputs = outputs.clone();
    net.anyone("rollup voucher list --app $APP --node-url $NODE");
    net.bob("rollup voucher execute 1 --app $APP --node-url $NODE --yes");
    net.remark("the node has proofs, and the chain has no claim");
    said.lock().unwrap().n_claimed = 4;
    net.bob("rollup voucher prove 1 --app $APP --node-url $NODE");
    net.bob("rollup voucher execute 1 --app $APP --node-url $NODE --yes");
    net.bob("rollup voucher execute --all --app $APP --node-url $NODE --yes");
    net.remark("the claim is accepted");
    claimed(&net, &outputs, 4);
    net.anyone("rollup voucher list --app $APP --node-url $NODE");
    net.anyone("rollup voucher prove 1 --app $APP --node-url $NODE --json");
    net.bob("rollup voucher execute 1 --app $APP --node-url $NODE --yes");
    assert_eq!(net.balance(BOB), 1_000_000);
    net.bob("rollup voucher execute 1 --app $APP --node-url $NODE --yes");
    net.bob("rollup voucher execute 0 --app $APP --node-url $NODE --yes");
    net.bob("rollup voucher execute 9 --app $APP --node-url $NODE --yes");
    net.carol("rollup voucher execute --all --app $APP --node-url $NODE --yes --json");
    assert_eq!(net.balance(BOB), 3_000_000);
    net.carol("rollup voucher execute --all --app $APP --node-url $NODE --yes");
    net.anyone("rollup voucher list --app $APP --node-url $NODE --input 1 --json");
    net.check("vouchers_from_claim_to_payment");
}

/// One voucher that the chain will not pay does not keep the others waiting.
#[test]
fn vouchers_that_cannot_be_paid() {
    let mut net = rollup();
    let said = node(&mut net);
    net.json(Some(ALICE), "portal deposit --app $APP --token $TOKEN --amount 10 --yes");
    let outputs = vec![(0, 0, voucher(&net, 50 * ONE)), (0, 0, voucher(&net, ONE)), (0, 0, ether_voucher(5))];
    said.lock().unwrap().outputs = outputs.clone();
    said.lock().unwrap().n_claimed = 3;
    claimed(&net, &outputs, 3);
    net.bob("rollup voucher execute 0 --app $APP --node-url $NODE --yes");
    net.bob("rollup voucher execute --all --app $APP --node-url $NODE --yes");
    net.bob("rollup voucher execute --all --app $APP --node-url $NODE --dry-run");
    assert_eq!(net.balance(BOB), 1_000_000);
    net.check("vouchers_that_cannot_be_paid");
}

/// Each of two could be paid, but not both: what was paid is told, with its hash, beside what was not.
#[test]
fn vouchers_that_compete() {
    let mut net = rollup();
    let said = node(&mut net);
    net.json(Some(ALICE), "portal deposit --app $APP --token $TOKEN --amount 10 --yes");
    let outputs = vec![(0, 0, voucher(&net, 6 * ONE)), (0, 0, voucher(&net, 5 * ONE)), (0, 0, voucher(&net, 4 * ONE))];
    said.lock().unwrap().outputs = outputs.clone();
    net.bob("rollup voucher execute --all --app $APP --node-url $NODE --yes");
    said.lock().unwrap().n_claimed = 3;
    claimed(&net, &outputs, 3);
    net.bob("rollup voucher execute --all --app $APP --node-url $NODE --yes");
    assert_eq!(net.balance(BOB), 10_000_000);
    net.json(Some(ALICE), "portal deposit --app $APP --token $TOKEN --amount 1 --yes");
    net.bob("rollup voucher execute --all --app $APP --node-url $NODE --yes --json");
    net.bob("rollup voucher execute 1 --app $APP --node-url $NODE --yes");
    assert_eq!(net.balance(BOB), 10_000_000);
    net.check("vouchers_that_compete");
}

/// Nothing is sent on the word of a node.
#[test]
fn forged_proofs_cost_no_gas() {
    let mut net = rollup();
    let said = node(&mut net);
    net.json(Some(ALICE), "portal deposit --app $APP --token $TOKEN --amount 10 --yes");
    let outputs = vec![(0, 0, voucher(&net, ONE)), (0, 0, voucher(&net, 2 * ONE))];
    said.lock().unwrap().outputs = outputs.clone();
    said.lock().unwrap().n_claimed = 2;
    claimed(&net, &outputs, 2);
    let nonce = |net: &Net| net.rpc("eth_getTransactionCount", json!([CAROL, "latest"]));
    let before = nonce(&net);
    let greedy = json!(voucher(&net, 9 * ONE));
    type Forge = Box<dyn Fn(&mut serde_json::Value) + Send>;
    let forgeries: [(Forge, &str); 6] = [
        (Box::new(|output| output["output_hashes_siblings"][5] = json!(B256::repeat_byte(1))), "has accepted no claim"),
        (
            Box::new(|output| output["output_hashes_siblings"] = json!(vec![B256::ZERO; 62])),
            "has 62 hashes, and a proof has 63",
        ),
        (Box::new(|output| output["output_hashes_siblings"] = json!(vec![B256::ZERO; 5000])), "has 5000 hashes"),
        (
            Box::new(move |output| (output["raw_data"], output["hash"]) = (greedy.clone(), json!(null))),
            "has accepted no claim",
        ),
        (Box::new(|output| output["raw_data"] = json!("0x237a816f00")), "with a hash of something else"),
        (Box::new(|output| output["output_hashes_siblings"] = json!("0x")), "does not answer cartesi_getOutput"),
    ];
    for (forge, expected) in forgeries {
        said.lock().unwrap().lie = Some(Box::new(move |_, mut answer| {
            forge(&mut answer["result"]["data"]);
            answer
        }));
        for verb in ["prove", "execute --yes"] {
            let line = format!("rollup voucher {verb} 1 --app $APP --node-url $NODE");
            let ran = net.command(Some(CAROL), &line).output().unwrap();
            let stderr = String::from_utf8(ran.stderr).unwrap();
            assert!(stderr.contains(expected), "{verb}: {stderr}");
            assert_eq!((ran.status.code(), ran.stdout), (Some(1), Vec::new()), "{verb}: {stderr}");
        }
    }
    assert_eq!((nonce(&net), net.balance(BOB)), (before, 0));
}
