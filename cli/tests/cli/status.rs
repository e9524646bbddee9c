use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Command, Stdio},
};

use alloy::primitives::Bytes;
use serde_json::{Value, json};

use crate::{
    cartesi::rollup,
    harness::{ALICE, CAROL, Net, anvil},
    json::check,
    node::node,
};

const ONE_PAGE: u64 = 100;

#[test]
fn rollup_status() {
    let mut net = rollup();
    let said = node(&mut net);
    let bytes = |text: &str| text.parse::<Bytes>().unwrap();
    net.anyone("rollup status --app $APP --node-url $NODE");
    for _ in 0..4 {
        net.json(Some(ALICE), "rollup send --app $APP cancel 7 --yes");
    }
    {
        let mut said = said.lock().unwrap();
        said.statuses = [(1, "REJECTED"), (2, "EXCEPTION"), (3, "NONE")].into();
        said.outputs = vec![
            (0, 0, bytes("0x237a816f01")),
            (0, 0, bytes("0x10321e8b02")),
            (0, 0, bytes("0xc258d6e503")),
            (1, 1, bytes("0x237a816f04")),
        ];
        said.executed = [1].into();
        said.epochs = vec![(0, "CLAIM_ACCEPTED"), (1, "CLAIM_SUBMITTED"), (3, "CLAIM_COMPUTED"), (4, "OPEN")];
    }
    net.anyone("rollup status --app $APP --node-url $NODE");
    net.anyone("rollup status --app $APP --node-url $NODE --json");
    net.remark("an earlier node");
    {
        let mut said = said.lock().unwrap();
        said.has_few_filters = true;
        said.epochs.push((5, "CLAIM_REJECTED"));
        said.lie = Some(Box::new(|method, mut answer| {
            if method == "cartesi_getNodeInfo" {
                answer = json!({ "error": { "code": -32601, "message": "Method not found" } });
            }
            if let Some(application) = answer.pointer_mut("/result/data/last_input_check_block") {
                *application = Value::Null;
            }
            answer
        }));
    }
    net.anyone("rollup status --app $APP --node-url $NODE");
    net.anyone("rollup status --app $APP --node-url $NODE --json");
    net.check("rollup_status");
}

/// What a node does not serve, does not say, or says of something else.
#[test]
fn rollup_status_that_cannot_be() {
    let mut net = rollup();
    let said = node(&mut net);
    net.anyone("rollup status --app $APP --node-url http://127.0.0.1:1");
    let answers: [(&'static str, Value); 6] = [
        ("cartesi_getApplication", json!({ "error": { "code": -31002, "message": "no" } })),
        ("cartesi_getApplication", json!({ "error": { "code": -32001, "message": "no" } })),
        (
            "cartesi_getApplication",
            json!({ "result": { "data": { "name": "x", "iapplication_address": ALICE, "epoch_length": "0x1" } } }),
        ),
        ("cartesi_getChainId", json!({ "result": { "data": "0x1" } })),
        ("cartesi_listInputs", json!({ "result": { "data": [] } })),
        ("cartesi_getNodeInfo", json!({ "error": { "code": -32603, "message": "\u{1b}[2J" } })),
    ];
    for (lied, answer) in answers {
        net.remark(&format!("{lied}: {answer}"));
        said.lock().unwrap().lie =
            Some(Box::new(move |method, truth| if method == lied { answer.clone() } else { truth }));
        net.anyone("rollup status --app $APP --node-url $NODE");
    }
    net.check("rollup_status_that_cannot_be");
}

/// Replies that would be too long come in shorter pages, and rows without end are not counted.
#[test]
fn rollup_status_of_much() {
    let mut net = rollup();
    let said = node(&mut net);
    said.lock().unwrap().epochs = (0..3 * ONE_PAGE).map(|index| (index, "CLAIM_ACCEPTED")).collect();
    said.lock().unwrap().has_short_replies = true;
    let status = net.json(None, "rollup status --app $APP --node-url $NODE");
    assert_eq!((&status["epochs"]["accepted"], &status["epochs"]["open"]), (&json!("300"), &json!("0")));
    said.lock().unwrap().has_short_replies = false;
    said.lock().unwrap().lie = Some(Box::new(|_, mut answer| {
        if let Some(total) = answer.pointer_mut("/result/pagination/total_count") {
            *total = json!(u64::MAX);
        }
        answer
    }));
    let status = net.json(None, "rollup status --app $APP --node-url $NODE");
    let none = Value::Null;
    assert_eq!((&status["epochs"]["accepted"], &status["epochs"]["last_accepted"]), (&none, &json!("299")));
    assert_eq!((&status["inputs"]["accepted"], &status["inputs"]["total"]), (&none, &json!(u64::MAX.to_string())));
    assert_eq!(status["inputs"]["unprocessed"], json!((u64::MAX - 3).to_string()));
    assert_eq!(status["vouchers"], json!({ "executed": null, "pending": null }));
}

/// A node of this machine, which ends with the test.
struct Up {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Up {
    fn start(net: &Net) -> Self {
        let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--locked", "-p", "dapp"]).status().unwrap();
        assert!(built.success());
        let line = "rollup up --json --rpc-url $URL --app $APP --port 0 --data-dir $HOME/rollup";
        let mut child = net.command(Some(CAROL), line);
        let mut child =
            child.env("STREAMCTL_ANVIL", anvil()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next event of a kind. Each event on the way is as documented.
    fn event(&mut self, kind: &str) -> Value {
        loop {
            let event: Value = serde_json::from_str(&self.lines.next().expect("the node is up").unwrap()).unwrap();
            check("rollup up", &event);
            if event["event"] == kind {
                return event;
            }
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The node of `rollup up` is told as such, and knows what has happened.
#[cfg(unix)]
#[test]
fn rollup_up_status_and_reset() {
    let mut net = rollup();
    let mut up = Up::start(&net);
    let event = up.event("up");
    assert_eq!((&event["app"], &event["claims"]), (&json!(net.named("$APP")), &json!(true)));
    net.name("$NODE", event["node_url"].as_str().unwrap());
    net.json(Some(ALICE), "portal deposit --app $APP --token ether --amount 1 --yes");
    net.json(Some(ALICE), "rollup send --app $APP --node-url $NODE withdraw --token ether --amount 0.5 --yes");
    let refused = "rollup send --app $APP --node-url $NODE withdraw --token ether --amount 2 --yes";
    assert_eq!(net.command(Some(ALICE), refused).output().unwrap().status.code(), Some(1));
    net.mine(10);
    up.event("accepted");
    let head = net.rpc("eth_blockNumber", json!([]));
    let head = u64::from_str_radix(head.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    while up.event("read")["block"] != json!(head.to_string()) {}
    let status = net.json(None, "rollup status --app $APP --node-url $NODE");
    assert_eq!((&status["is_development"], &status["is_at_head"]), (&json!(true), &json!(true)), "{status}");
    assert_eq!(
        status["inputs"],
        json!({ "total": "3", "accepted": "2", "rejected": "1", "unprocessed": "0" }),
        "{status}"
    );
    assert_eq!((&status["n_outputs"], &status["epochs"]["open"]), (&json!("3"), &json!("0")), "{status}");
    assert_eq!(status["vouchers"], json!({ "executed": "0", "pending": "1" }), "{status}");
    net.json(Some(ALICE), "rollup voucher execute --all --app $APP --node-url $NODE --yes");
    up.event("read");

    let reset = "rollup reset --data-dir $HOME/rollup --yes";
    let ran = net.command(None, reset).output().unwrap();
    assert!(String::from_utf8_lossy(&ran.stderr).contains("another node works in"), "{ran:?}");
    assert!(Command::new("kill").args(["-TERM", &up.child.id().to_string()]).status().unwrap().success());
    assert_eq!(up.child.wait().unwrap().code(), Some(0));
    // As a node leaves it that was killed.
    std::fs::write(net.home().join("rollup/node.journal"), "torn").unwrap();
    check("rollup reset", &net.json(None, reset));
    assert!(!net.home().join("rollup").exists());
}
