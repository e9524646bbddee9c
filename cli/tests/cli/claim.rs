use crate::harness::{ALICE, BOB, Net};

#[test]
fn claim_after_the_token_serves_again() {
    let mut net = Net::new();
    net.json(Some(ALICE), "create --recipient $BOB --token $TOKEN --payment 10 --interval-blocks 10 --over 40m --yes");
    net.mine(250);
    net.set_blocked(BOB, true);
    net.remark("the token blocks bob");
    net.carol("settle 1 --yes --json");
    net.set_blocked(BOB, false);
    net.remark("the token serves bob again");
    net.bob("claim --token $TOKEN --dry-run");
    net.bob("claim --token $TOKEN --yes --json");
    net.carol("claim --token $TOKEN --yes");
    net.bob("claim --token $CAROL --yes");
    assert_eq!(net.balance(BOB), 200_000_000);
    net.check("claim_after_the_token_serves_again");
}
