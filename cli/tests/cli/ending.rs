use crate::harness::{ALICE, BOB, Net};

const CREATE: &str = "create --recipient $BOB --token $TOKEN --payment 10 --interval-blocks 10 --over 40m --yes";

#[test]
fn redeem_by_either_party() {
    let mut net = Net::new();
    net.json(Some(ALICE), CREATE);
    net.json(Some(ALICE), CREATE);
    net.mine(25);
    net.carol("redeem 1 --yes");
    net.alice("redeem 1 --dry-run");
    net.alice("redeem 1 --yes");
    net.alice("redeem 1 --yes");
    net.bob("redeem 2 --yes --json");
    assert_eq!(net.balance(ALICE) + net.balance(BOB), 10_000_000_000);
    net.check("redeem_by_either_party");
}

#[test]
fn settle_after_the_stop() {
    let mut net = Net::new();
    net.json(Some(ALICE), CREATE);
    net.json(Some(ALICE), CREATE);
    net.carol("settle 1 2 --yes");
    net.mine(250);
    net.json(Some(ALICE), CREATE);
    net.carol("settle 1 3 9 --yes");
    net.carol("settle 2 --yes --json");
    net.carol("settle --yes");
    assert_eq!(net.balance(BOB), 400_000_000);
    net.check("settle_after_the_stop");
}

/// A recipient whom the token blocks loses nothing: the share becomes a credit, to be claimed to any address.
#[test]
fn redeem_with_a_blocked_recipient() {
    let mut net = Net::new();
    net.json(Some(ALICE), CREATE);
    net.mine(25);
    net.set_blocked(BOB, true);
    net.remark("the token blocks bob");
    net.alice("redeem 1 --yes");
    net.bob("claim --token $TOKEN --yes");
    net.bob("claim --token $TOKEN --to $CAROL --yes");
    net.bob("claim --token $TOKEN --to $CAROL --yes");
    assert_eq!((net.balance(BOB), net.balance(crate::harness::CAROL)), (0, 20_000_000));
    net.check("redeem_with_a_blocked_recipient");
}
