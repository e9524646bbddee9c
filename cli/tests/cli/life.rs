use crate::harness::{ALICE, BOB, Net};

/// From wish to redemption on the clock that `options` choose; both parties, the contract, and the events agree.
fn live(options: &str) {
    let net = Net::new();
    let text = |value: &serde_json::Value| value.as_str().unwrap().parse::<u128>().unwrap();
    let create = "create --recipient $BOB --token $TOKEN --amount 3600 --over 12h --every 1h --yes";
    let created = net.json(Some(ALICE), &format!("{create} {options}"));
    assert_eq!((text(&created["deposit"]), text(&created["payment"])), (3_600_000_000, 300_000_000));

    net.mine(700);
    let withdrawn = net.json(Some(BOB), &format!("withdraw 1 250.000001 --yes {options}"));
    assert_eq!(text(&withdrawn["amount"]), 250_000_001);
    net.json(Some(ALICE), &format!("update propose 1 --payment 500 --yes {options}"));
    let updated = net.json(Some(BOB), &format!("update accept 1 --yes {options}"));
    assert_eq!(text(&updated["paid_out"]), 600_000_000 - 250_000_001);

    net.mine(1_000);
    let redeemed = net.json(Some(ALICE), &format!("redeem 1 --yes {options}"));
    let shares = (text(&redeemed["recipient"]["amount"]), text(&redeemed["sender"]["amount"]));
    assert_eq!(shares.0 % 500_000_000, 0);
    assert_eq!(shares.0 + shares.1, text(&updated["deposit"]));

    let paid_out = text(&withdrawn["amount"]) + text(&updated["paid_out"]) + shares.0;
    assert_eq!(net.balance(BOB), paid_out);
    assert_eq!(net.balance(ALICE), 10_000_000_000 - paid_out);
    assert_eq!(net.balance(created["contract"].as_str().unwrap()), 0);
}

#[test]
fn live_on_the_block_clock() {
    live("");
}

#[test]
fn live_on_the_timestamp_clock() {
    live("--clock timestamp");
}
