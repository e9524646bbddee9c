use alloy::primitives::hex;

use crate::harness::{ALICE, Net};

#[test]
fn create_by_wish() {
    let mut net = Net::new();
    net.alice("create --recipient $BOB --token $TOKEN --amount 3000 --over 30d --every 1h --dry-run");
    net.alice("create --recipient $BOB --token $TOKEN --amount 3000 --over 30d --every 1h");
    net.alice("create --recipient $BOB --token $TOKEN --amount 3000 --over 30d --every 1h --yes");
    net.alice("create --recipient $BOB --token $TOKEN --payment 0.05 --interval 1m --until 2026-01-31 --yes --json");
    net.check("create_by_wish");
}

#[test]
fn create_exactly() {
    let mut net = Net::new();
    net.alice(
        "create --recipient $BOB --token $TOKEN --payment-units 50000 --interval-blocks 5 --start-block 200 \
         --stop-block 1200 --yes -v",
    );
    net.alice(
        "create --clock timestamp --recipient $BOB --token $TOKEN --payment-units 50000 --interval-secs 60 \
         --start-time 1767312000 --stop-time 1767398400 --yes",
    );
    net.alice(
        "create --recipient $BOB --token $TOKEN --payment-units 50000 --interval-blocks 3 --start-block 200 \
         --stop-block 1200 --yes",
    );
    net.alice(
        "create --recipient $BOB --token $TOKEN --payment-units 50000 --interval-blocks 5 --start-block 20 \
         --stop-block 1020 --yes",
    );
    net.check("create_exactly");
}

/// A create takes at most 8 requests; an approval before it is three more.
#[test]
fn create_within_the_budget() {
    let net = Net::new();
    let n_requests = |line: &str| {
        let ran = net.command(Some(ALICE), line).output().unwrap();
        let stderr = String::from_utf8(ran.stderr).unwrap();
        let line = stderr.lines().find(|line| line.contains(" requests in ")).unwrap();
        line.split(' ').next().unwrap().parse::<u32>().unwrap()
    };
    let create = "create --recipient $BOB --token $TOKEN --amount 300 --over 30d --every 1h --yes -v";
    let with_approval = n_requests(create);
    let approve = bindings::IERC20::approveCall {
        spender: bindings::create2_address(bindings::Clock::Block),
        value: "1000000000".parse().unwrap(),
    };
    net.send(ALICE, &net.token, &approve);
    let alone = n_requests(create);
    // A busy machine may mine late, and be asked for the receipt again.
    assert!(alone <= 8 + 1 && with_approval <= 11 + 2, "{alone} and {with_approval}");
}

/// Approvals are for exactly the deposit, and only if they are needed.
#[test]
fn create_with_an_allowance() {
    let mut net = Net::new();
    let approve = bindings::IERC20::approveCall {
        spender: bindings::create2_address(bindings::Clock::Block),
        value: "250000000".parse().unwrap(),
    };
    net.send(ALICE, &net.token, &approve);
    net.remark("the allowance is 250 DEMO");
    net.alice("create --recipient $BOB --token $TOKEN --payment 1 --interval-blocks 1 --over 20m --yes -v");
    net.remark("the allowance is 150 DEMO");
    net.alice("create --recipient $BOB --token $TOKEN --payment 2 --interval-blocks 1 --over 20m --yes -v");
    net.check("create_with_an_allowance");
}

/// A token that lets an allowance be changed from and to zero only.
#[test]
fn create_with_a_token_that_wants_allowances_reset() {
    let mut net = Net::new();
    net.token = net.deploy(&stubborn_token(&net.token));
    let mint = bindings::DemoToken::mintCall { account: ALICE.parse().unwrap(), amount: "1000000000".parse().unwrap() };
    net.send(ALICE, &net.token, &mint);
    let spender = bindings::create2_address(bindings::Clock::Block);
    let approve = bindings::IERC20::approveCall { spender, value: "1".parse().unwrap() };
    net.send(ALICE, &net.token, &approve);
    net.alice("create --recipient $BOB --token $TOKEN --payment 1 --interval-blocks 1 --over 20m --yes");
    net.check("create_with_a_token_that_wants_allowances_reset");
}

/// Code of a token that does all that `token` does, and reverts on `approve` of more than zero after such another.
fn stubborn_token(token: &str) -> Vec<u8> {
    let token = token.trim_start_matches("0x");
    let runtime = [
        // Unless the call is approve, go on at 0x28.
        "600035",
        "60e01c",
        "63095ea7b3",
        "14",
        "15",
        "6028",
        "57",
        // A value of zero, and any value after zero, is fine: go on at 0x24.
        "602435",
        "80",
        "15",
        "6024",
        "57",
        "60ff54",
        "15",
        "6024",
        "57",
        "60006000fd",
        // Remember the value.
        "5b",
        "60ff55",
        // Delegate to the token; return or revert as it does.
        "5b",
        "366000600037",
        "6000600036600073",
        token,
        "5af4",
        "3d600060003e",
        "605a57",
        "3d6000fd",
        "5b3d6000f3",
    ];
    let creation = ["605f80600b6000396000f3"];
    hex::decode([creation.concat(), runtime.concat()].concat()).unwrap()
}
