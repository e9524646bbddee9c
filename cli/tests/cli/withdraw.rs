use crate::harness::{BOB, CAROL, Net};

/// A stream of 1 DEMO a block for 1000 blocks, 10 blocks old.
fn streaming() -> Net {
    let net = Net::new();
    net.json(
        Some(crate::harness::ALICE),
        "create --recipient $BOB --token $TOKEN --payment 1 --interval-blocks 1 --over 200m --yes",
    );
    net.mine(10);
    net
}

#[test]
fn withdraw_some_and_all() {
    let mut net = streaming();
    net.bob("withdraw 1 2.5 --dry-run");
    net.bob("withdraw 1 2.5 --yes");
    net.bob("withdraw 1 --yes --json");
    net.bob("withdraw 1 --max --to $CAROL --yes");
    net.bob("withdraw 1 0.5 --to $CAROL --yes -v");
    assert_eq!((net.balance(BOB), net.balance(CAROL)), (12_000_000, 1_500_000));
    net.check("withdraw_some_and_all");
}

#[test]
fn withdraw_wrongly() {
    let mut net = streaming();
    net.bob("withdraw 1 500 --yes");
    net.bob("withdraw 1 0 --yes");
    net.bob("withdraw 1 0.0000001 --yes");
    net.bob("withdraw 1 --to 0x0000000000000000000000000000000000000000 --yes");
    net.alice("withdraw 1 --yes");
    net.carol("withdraw 1 --yes");
    net.bob("withdraw 2 --yes");
    net.bob("withdraw 1");
    net.bob("withdraw 1 5 --max");
    net.bob("withdraw seven");
    net.set_blocked(BOB, true);
    net.remark("the token blocks bob");
    net.bob("withdraw 1 --yes");
    net.bob("withdraw 1 --to $CAROL --yes");
    net.check("withdraw_wrongly");
}
