use crate::harness::{ALICE, BOB, Net};

const CREATE: &str = "create --recipient $BOB --token $TOKEN --payment 10 --interval-blocks 10 --over 40m --yes";

#[test]
fn update_by_consent() {
    let mut net = Net::new();
    net.json(Some(ALICE), CREATE);
    net.mine(25);
    net.anyone("update show 1");
    net.alice("update propose 1 --payment 15 --yes");
    net.anyone("update show 1");
    net.anyone("update show 1 --json");
    net.bob("update accept 1 --dry-run");
    net.bob("update accept 1 --yes");
    net.anyone("update show 1");
    net.mine(200);
    net.json(Some(BOB), "redeem 1 --yes");
    assert_eq!(net.balance(ALICE) + net.balance(BOB), 10_000_000_000);
    net.check("update_by_consent");
}

/// The recipient asks for less time; the sender gets money back.
#[test]
fn update_proposed_by_the_recipient() {
    let mut net = Net::new();
    net.json(Some(ALICE), CREATE);
    net.mine(25);
    net.bob("update propose 1 --over 10m --block-time 12s --yes");
    net.alice("update accept 1 --yes --json");
    net.remark("the recipient asks for more; the sender has to pay in");
    net.bob("update propose 1 --amount 300 --over 1h --every 2m --yes --json");
    net.alice("update accept 1 --yes");
    net.check("update_proposed_by_the_recipient");
}

/// The first to propose may take it back, the other may refuse; each proposal replaces the one before.
#[test]
fn update_revoked() {
    let mut net = Net::new();
    net.json(Some(ALICE), CREATE);
    net.alice("update propose 1 --payment 5 --yes");
    net.alice("update propose 1 --payment 6 --quiet --yes");
    net.bob("update propose 1 --payment 12 --quiet --yes");
    net.anyone("update show 1");
    net.alice("update revoke 1 --yes");
    net.alice("update revoke 1 --of-other --yes --json");
    net.anyone("update show 1 --json");
    net.bob("update revoke 1 --yes");
    net.bob("update accept 1 --yes");
    net.check("update_revoked");
}

#[test]
fn update_wrongly() {
    let mut net = Net::new();
    net.json(Some(ALICE), CREATE);
    net.carol("update propose 1 --payment 5 --yes");
    net.carol("update accept 1 --yes");
    net.alice("update propose 1 --payment 10 --yes");
    net.alice("update propose 1 --stop-block 109 --yes");
    net.alice("update propose 1 --payment 0 --yes");
    net.alice("update propose 1 --token $CAROL --payment 5 --yes");
    net.alice("update propose 1 --payment 1000000 --yes");
    net.alice("update propose 1");
    net.alice("update accept 1 --yes");
    net.remark("alice proposes more, and spends what it would take");
    net.alice("update propose 1 --payment 20 --quiet --yes");
    let burn = bindings::IERC20::transferCall {
        to: crate::harness::CAROL.parse().unwrap(),
        value: "9750000000".parse().unwrap(),
    };
    net.send(ALICE, &net.token, &burn);
    net.bob("update accept 1 --yes");
    net.check("update_wrongly");
}
