use std::{io::Write, net::TcpListener};

use serde_json::json;

use crate::harness::{ALICE, Net, POOR};

const CREATE: &str = "create --recipient $BOB --token $TOKEN --payment 1 --interval-blocks 1 --over 20m --yes";

#[test]
fn the_endpoint_is_wrong() {
    let mut net = Net::new();
    net.bob("withdraw 1 --rpc-url http://127.0.0.1:1");
    net.bob("withdraw 1 --rpc-url localhost:8545");
    net.bob("withdraw 1 --rpc-url ws://localhost:8545");
    net.bob("withdraw 1 --rpc-url nonsense");
    net.bob("withdraw 1 --chain-id 1");
    net.check("the_endpoint_is_wrong");
    let ran = crate::harness::streamctl().args(["withdraw", "1"]).output().unwrap();
    assert_eq!(String::from_utf8(ran.stderr).unwrap(), "error: no RPC endpoint; pass --rpc-url or set ETH_RPC_URL\n");
    assert_eq!(ran.status.code(), Some(1));
}

/// Servers that are something else, or want to be paid.
#[test]
fn the_endpoint_is_no_node() {
    let net = Net::bare();
    for (status, body, expected) in [
        ("200 OK", "<html>hello</html>", "does not answer in JSON-RPC; is it an RPC endpoint?"),
        ("404 Not Found", "gone", "answers with HTTP 404; is it an RPC endpoint?"),
        ("401 Unauthorized", "", "refuses access (HTTP 401); check the key in --rpc-url"),
        ("429 Too Many Requests", "", "is asked too often (HTTP 429); wait, or use another --rpc-url"),
        (
            "429 Too Many Requests\r\nretry-after: 5",
            "",
            "is asked too often (HTTP 429); wait, or use another --rpc-url",
        ),
        ("200 OK\r\ntransfer-encoding: chunked", "no chunk", "breaks off its answer; run the command again"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = [0; 16_384];
            let _ = std::io::Read::read(&mut connection, &mut request);
            let length = body.len();
            write!(connection, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
                .unwrap();
        });
        let ran = net.command(Some(ALICE), &format!("withdraw 1 --rpc-url {url}/v2/my-secret")).output().unwrap();
        server.join().unwrap();
        assert_eq!(String::from_utf8(ran.stderr).unwrap(), format!("error: {url} {expected}\n"));
        assert_eq!(ran.status.code(), Some(1));
    }
}

#[test]
fn the_contract_is_wrong() {
    let mut net = Net::bare();
    net.bob("withdraw 1");
    net.bob("withdraw 1 --contract $CAROL");
    net.bob("withdraw 1 --contract 0x4e59b44847b379578588920cA78FbF26c0B4956C");
    net.bob("withdraw 1 --clock sundial");
    net.check("the_contract_is_wrong");

    let mut net = Net::new();
    net.bob("withdraw 1 --contract $TOKEN");
    net.bob("withdraw 1 --contract $CONTRACT --clock timestamp");
    net.check("the_contract_is_another");
}

#[test]
fn the_address_is_mistyped() {
    let mut net = Net::new();
    net.alice("create --recipient 0x70997970c51812dc3A010C7d01b50e0d17dc79C8 --token $TOKEN --payment 1 --over 1h");
    net.alice("create --recipient 0x70997970 --token $TOKEN --payment 1 --over 1h");
    net.alice("create --recipient bob.eth --token $TOKEN --payment 1 --over 1h");
    net.check("the_address_is_mistyped");
}

#[test]
fn the_recipient_or_token_is_wrong() {
    let mut net = Net::new();
    for recipient in ["$ALICE", "$TOKEN", "$CONTRACT", "0x0000000000000000000000000000000000000000"] {
        net.alice(&CREATE.replace("$BOB", recipient));
    }
    net.alice(&CREATE.replace("$TOKEN", "$CAROL"));
    net.alice(&CREATE.replace("$TOKEN", "$CONTRACT"));
    net.check("the_recipient_or_token_is_wrong");
}

#[test]
fn the_money_is_missing() {
    let mut net = Net::new();
    net.carol(CREATE);
    net.alice("create --recipient $BOB --token $TOKEN --amount 20000 --over 30d --every 1h --yes");
    let mint = bindings::DemoToken::mintCall { account: POOR.parse().unwrap(), amount: "1000000000".parse().unwrap() };
    net.send(ALICE, &net.token, &mint);
    net.remark("poor has the token, and nothing to pay a fee with");
    net.poor(CREATE);
    net.check("the_money_is_missing");
}

#[test]
fn the_nonce_is_wrong() {
    let mut net = Net::new();
    net.json(Some(ALICE), CREATE);
    net.alice("redeem 1 --nonce 0 --yes");
    net.check("the_nonce_is_wrong");
}

/// A token that refuses in a way of its own, and one that keeps a fee.
#[test]
fn the_token_refuses() {
    let mut net = Net::new();
    net.set_blocked(ALICE, true);
    net.remark("the token blocks alice");
    net.alice(CREATE);
    net.check("the_token_refuses");
}

/// Reading from a pipe that nobody reads on is no error.
#[test]
fn the_pipe_is_closed() {
    let net = Net::bare();
    let mut command = net.command(None, "completions bash");
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ran = child.wait_with_output().unwrap();
    assert_eq!((ran.status.code(), String::from_utf8(ran.stderr).unwrap()), (Some(0), String::new()));
}

/// What was mined and reverted is explained by running it again.
#[test]
fn the_state_moves_on() {
    let net = Net::new();
    net.json(Some(ALICE), CREATE);
    net.rpc("evm_setAutomine", json!([false]));
    let redeem = net.command(Some(ALICE), "redeem 1 --yes");
    let settle = bindings::IMoneyStreaming::redeemCall { _streamId: "1".parse().unwrap() };
    let params = json!([{
        "from": crate::harness::BOB,
        "to": bindings::create2_address(bindings::Clock::Block),
        "data": alloy::primitives::hex::encode_prefixed(alloy::sol_types::SolCall::abi_encode(&settle)),
        "maxPriorityFeePerGas": "0x174876e800",
        "maxFeePerGas": "0x2e90edd000",
        "gas": "0x7a120",
    }]);
    let mut redeem = redeem;
    let child = redeem.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while net.rpc("txpool_status", json!([]))["pending"] != "0x1" {
        std::thread::yield_now();
    }
    net.rpc("eth_sendTransaction", params);
    net.rpc("evm_mine", json!([]));
    let ran = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(ran.stderr).unwrap();
    assert!(stderr.contains("was mined but reverted: stream 1 does not exist, or it has ended"), "{stderr}");
    assert_eq!((ran.status.code(), ran.stdout), (Some(1), Vec::new()));
}
