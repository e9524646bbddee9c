use serde_json::json;

use crate::harness::{ALICE, BLOCK_TIME, BOB, CAROL, Net};

const HOUR: u64 = 3600 / BLOCK_TIME;

impl Net {
    pub(crate) fn create(&self, line: &str) {
        let ran = self.command(Some(ALICE), &format!("create {line} --yes")).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }

    /// Streams 1 to 5: one before its start, one that runs, one that has stopped, one that has ended, and one for carol.
    pub(crate) fn with_streams() -> Self {
        let net = Self::new();
        net.create("--recipient $BOB --token $TOKEN --amount 240 --start +5h --over 1d --every 1h --block-time 12s");
        net.create("--recipient $BOB --token $TOKEN --amount 240 --over 1d --every 1h --block-time 12s");
        net.create("--recipient $BOB --token $TOKEN --amount 10 --over 2h --every 1h --block-time 12s");
        net.create("--recipient $BOB --token $TOKEN --amount 100.123456 --over 1d --every 1h --block-time 12s");
        net.create("--recipient $CAROL --token $TOKEN --payment 0.333333 --over 1d --every 1h --block-time 12s");
        net.mine(3 * HOUR);
        let ran = net.command(Some(BOB), "redeem 4 --yes").output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        net
    }

    /// Streams in tokens that answer every question as these codes do from then on.
    pub(crate) fn create_in_spoiled(&mut self, codes: &[&str]) {
        let good = self.token.clone();
        for code in codes {
            self.token = self.deploy(&bindings::DemoToken::BYTECODE);
            let (account, amount) = (ALICE.parse().unwrap(), "1000".parse().unwrap());
            self.send(ALICE, &self.token, &bindings::DemoToken::mintCall { account, amount });
            self.create(
                "--recipient $BOB --token $TOKEN --payment-units 1 --interval-blocks 1 --over 1h --block-time 12s",
            );
            self.rpc("anvil_setCode", json!([self.token, code]));
        }
        self.token = good;
    }
}

#[test]
fn show_streams() {
    let mut net = Net::with_streams();
    net.bob("withdraw 2 12.5 --yes --quiet");
    net.anyone("show 2 -v");
    net.anyone("show 2 --json");
    net.anyone("show 1");
    net.anyone("show 3");
    net.anyone("show 4");
    net.anyone("show 4 --json");
    net.anyone("show 99");
    net.anyone("show two");
    net.check("show_streams");
}

#[test]
fn show_a_stream_that_counts_seconds() {
    let mut net = Net::new();
    net.create("--clock timestamp --recipient $BOB --token $TOKEN --amount 240 --over 1d --every 1h");
    net.mine(HOUR);
    net.anyone("show 1 --clock timestamp -v");
    net.anyone("show 1 --clock timestamp --json");
    net.anyone("list --clock timestamp");
    net.anyone("balance 1 --clock timestamp");
    net.check("show_a_stream_that_counts_seconds");
}

#[test]
fn show_what_is_proposed() {
    let mut net = Net::with_streams();
    let ran = net.command(Some(BOB), "update propose 2 --payment 20 --yes").output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    net.anyone("show 2");
    let ran = net.command(Some(ALICE), "update accept 2 --yes").output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    net.anyone("show 2");
    net.check("show_what_is_proposed");
}

#[test]
fn balance_of_parties_and_strangers() {
    let mut net = Net::with_streams();
    net.anyone("balance 2 -v");
    net.anyone("balance 2 $BOB");
    net.anyone("balance 2 $CAROL");
    net.anyone("balance 2 --json");
    net.anyone("balance 4");
    net.set_blocked(BOB, true);
    let ran = net.command(Some(ALICE), "settle 3 --yes").output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    net.remark("the token refuses bob, who gets a credit from stream 3");
    net.anyone("balance 2");
    net.anyone("balance 2 $BOB --json");
    net.check("balance_of_parties_and_strangers");
}

#[test]
fn list_streams() {
    let mut net = Net::with_streams();
    net.anyone("list -v");
    net.anyone("list --state all");
    net.anyone("list --state ended --json");
    net.anyone("list --state pending --json");
    net.anyone("list --state stopped");
    net.anyone("list --recipient $CAROL");
    net.anyone("list --sender $ALICE --recipient $BOB --token $TOKEN --state streaming");
    net.anyone("list --from-block 109 --state all");
    net.anyone("list --sender $BOB");
    net.anyone("list --token $BOB");
    net.anyone("list --sender $BOB --json --quiet");
    net.check("list_streams");
}

/// The token of a stream is that of its latest update, also when it has ended since.
#[test]
fn list_by_the_token_of_an_update() {
    let mut net = Net::with_streams();
    let first = net.token.clone();
    net.token = net.deploy(&bindings::DemoToken::BYTECODE);
    let mint = bindings::DemoToken::mintCall { account: ALICE.parse().unwrap(), amount: "500000000".parse().unwrap() };
    net.send(ALICE, &net.token, &mint);
    for (who, line) in [
        (ALICE, "update propose 2 --token $TOKEN --payment 10 --yes"),
        (BOB, "update accept 2 --yes"),
        (BOB, "redeem 2 --yes"),
    ] {
        let ran = net.command(Some(who), line).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }
    let ids = |token: &str| {
        let list = net.json(None, &format!("list --state all --token {token}"));
        list["streams"].as_array().unwrap().iter().map(|row| row["stream_id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids("$TOKEN"), [json!("2")]);
    assert_eq!(ids(&first), [json!("1"), json!("3"), json!("4"), json!("5")]);
}

/// Every unit that a list shows is where the contract says it is.
#[test]
fn a_list_adds_up() {
    let net = Net::with_streams();
    let list = net.json(None, "list --state all");
    let number = |value: &serde_json::Value| value.as_str().unwrap().parse::<u128>().unwrap();
    let held: u128 = list["streams"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row.get("open"))
        .map(|open| number(&open["due"]) + number(&open["refundable"]))
        .sum();
    let contract = bindings::create2_address(bindings::Clock::Block).to_string();
    assert_eq!(held, net.balance(&contract));
    let ended = &list["streams"][3]["ending"];
    assert_eq!(number(&ended["recipient"]), net.balance(BOB));
    assert_eq!(net.balance(CAROL), 0);
}

/// More streams than are read in one call.
#[test]
fn list_many_streams_in_few_requests() {
    let net = Net::new();
    let contract = bindings::create2_address(bindings::Clock::Block);
    let approve = bindings::IERC20::approveCall { spender: contract, value: "1000000".parse().unwrap() };
    net.send(ALICE, &net.token, &approve);
    let create = bindings::IMoneyStreaming::createForCall {
        recipient: BOB.parse().unwrap(),
        token: net.token.parse().unwrap(),
        payment: "1".parse().unwrap(),
        interval: "1".parse().unwrap(),
        nIntervals: "1000".parse().unwrap(),
    };
    let calls = vec![alloy::sol_types::SolCall::abi_encode(&create).into(); 101];
    let multicall = bindings::IMoneyStreaming::multicallCall { data: calls };
    for _ in 0..3 {
        net.send(ALICE, &contract.to_string(), &multicall);
    }
    let ran = net.command(None, "list --json -v").output().unwrap();
    let list: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let ids: Vec<&str> =
        list["streams"].as_array().unwrap().iter().map(|row| row["stream_id"].as_str().unwrap()).collect();
    assert_eq!(ids, (1..=303).map(|id| id.to_string()).collect::<Vec<_>>());
    // To connect, for the logs, for the token, and for 250 and for 53 states.
    assert_eq!(String::from_utf8_lossy(&ran.stderr), "5 requests in 5 round trips\n");
}

#[test]
fn looks_are_frugal() {
    let net = Net::with_streams();
    let n_requests = |line: &str| {
        let ran = net.command(None, &format!("{line} --verbose")).output().unwrap();
        assert!(ran.status.success());
        String::from_utf8(ran.stderr).unwrap()
    };
    // A request to connect, a batch of two for the pace of the chain.
    let plan = "plan --token $TOKEN --amount 3000 --over 30d";
    assert_eq!(n_requests(plan), "3 requests in 2 round trips\n");
    assert_eq!(n_requests(&format!("{plan} --block-time 12s")), "1 requests in 1 round trips\n");
    assert_eq!(n_requests("show 2"), "5 requests in 4 round trips\n");
    assert_eq!(n_requests("list"), "4 requests in 4 round trips\n");
    assert_eq!(n_requests("balance 2"), "3 requests in 3 round trips\n");
}

/// Anybody can stream any token to anybody: what it answers is its own business.
#[test]
fn tokens_that_spoil_answers_hide_nothing() {
    let mut net = Net::with_streams();
    // Thirty thousand zeros to every question; and every question takes all the gas.
    net.create_in_spoiled(&["0x6175306000f3", "0xfe"]);
    net.anyone("list");
    net.anyone("show 6");
    net.anyone("balance 7");
    net.check("tokens_that_spoil_answers_hide_nothing");
}
