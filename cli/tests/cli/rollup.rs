use std::fs;

use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::SolCall,
};
use bindings::cartesi::{Notices, Outputs, StreamableToken as Rollup};
use serde_json::{Value, json};

use crate::{
    cartesi::{inputs, rollup},
    harness::{ALICE, BOB, Net},
    node::node,
};

fn notice(call: &impl SolCall) -> Bytes {
    Outputs::NoticeCall { payload: call.abi_encode().into() }.abi_encode().into()
}

fn transferred(net: &Net) -> Bytes {
    notice(&Notices::transferredCall {
        version: 1,
        token: net.token.parse().unwrap(),
        sender: ALICE.parse().unwrap(),
        recipient: BOB.parse().unwrap(),
        amount: U256::from(12_500_000),
    })
}

/// Every verb, in both encodings, to the byte.
#[test]
fn inputs_are_as_documented() {
    let net = rollup();
    let (token, recipient): (Address, Address) = (net.token.parse().unwrap(), BOB.parse().unwrap());
    let batch = "# payday\ntransfer --token $TOKEN --to $BOB --amount 1\n\ncancel 7\n";
    fs::write(net.home().join("batch"), batch.replace("$TOKEN", &net.token).replace("$BOB", BOB)).unwrap();
    let amount = U256::from(12_500_000);
    let one = Rollup::transferCall { token, recipient, amount: U256::from(1_000_000) }.abi_encode();
    let cancel = Rollup::cancelStreamCall { streamId: 7 }.abi_encode();
    let calls = vec![one.into(), cancel.clone().into()];
    let stream = Rollup::streamCall { token: Address::ZERO, recipient, amount, start: 1_798_761_600, duration: 3600 };
    let cases: [(&str, Vec<u8>, Value); 7] = [
        (
            "transfer --token $TOKEN --to $BOB --amount 12.5",
            Rollup::transferCall { token, recipient, amount }.abi_encode(),
            json!({ "method": "transfer", "args": { "token": token, "recipient": recipient, "amount": "12500000" } }),
        ),
        (
            "stream --token ether --to $BOB --amount 0.0000000000125 --over 1h --start 2027-01-01",
            stream.abi_encode(),
            json!({ "method": "stream", "args": { "token": Address::ZERO, "recipient": recipient,
                "amount": "12500000", "start": 1_798_761_600, "duration": 3600 } }),
        ),
        (
            "extend 7 --token $TOKEN --amount 12.5 --over 1d",
            Rollup::extendStreamCall { streamId: 7, amount, duration: 86_400 }.abi_encode(),
            json!({ "method": "extend_stream", "args": { "stream_id": "7", "amount": "12500000", "duration": 86_400 } }),
        ),
        ("cancel 7", cancel, json!({ "method": "cancel_stream", "args": { "stream_id": "7" } })),
        (
            "withdraw --token $TOKEN --amount 12.5 --plain",
            Rollup::withdrawCall { token, amount }.abi_encode(),
            json!({ "method": "withdraw", "args": { "token": token, "amount": "12500000", "safe": false } }),
        ),
        (
            "withdraw --token $TOKEN --amount 12.5",
            Rollup::safeWithdrawCall { token, amount }.abi_encode(),
            json!({ "method": "withdraw", "args": { "token": token, "amount": "12500000", "safe": true } }),
        ),
        (
            "batch $HOME/batch",
            Rollup::batchCall { calls }.abi_encode(),
            json!({ "method": "batch", "args": { "calls": [
                { "method": "transfer", "args": { "token": token, "recipient": recipient, "amount": "1000000" } },
                { "method": "cancel_stream", "args": { "stream_id": "7" } },
            ] } }),
        ),
    ];
    for (words, abi, json) in cases {
        net.json(Some(ALICE), &format!("rollup send --app $APP --yes {words}"));
        net.json(Some(ALICE), &format!("rollup send {words} --app $APP --encoding json --yes"));
        let inputs = inputs(&net);
        let [.., (_, first), (_, second)] = inputs.as_slice() else { panic!("{words}") };
        assert_eq!((first.msgSender, &first.payload), (ALICE.parse().unwrap(), &abi.into()), "{words}");
        assert_eq!(serde_json::from_slice::<Value>(&second.payload).unwrap(), json, "{words}");
    }
    for (words, payload) in [("raw 0xc0ffee", &[0xc0, 0xff, 0xee][..]), ("raw coffee", b"coffee")] {
        net.json(Some(ALICE), &format!("rollup send {words} --app $APP --yes"));
        assert_eq!(inputs(&net).last().unwrap().1.payload[..], *payload);
    }
}

#[test]
fn rollup_sends_and_waits() {
    let mut net = rollup();
    let said = node(&mut net);
    net.alice("rollup send --app $APP transfer --token $TOKEN --to $BOB --amount 12.5 --dry-run");
    net.alice("rollup send --app $APP transfer --token $TOKEN --to $BOB --amount 12.5 --yes");
    {
        let mut said = said.lock().unwrap();
        said.outputs = vec![(1, 0, transferred(&net)), (2, 0, transferred(&net)), (9, 0, transferred(&net))];
        said.reports = vec![(2, "\u{1b}[2Jhello".to_owned())];
    }
    net.alice("rollup send --app $APP --node-url $NODE transfer --token $TOKEN --to $BOB --amount 12.5 --yes");
    net.alice("rollup send transfer --token $TOKEN --to $BOB --amount 12.5 --yes --app $APP --node-url $NODE --json");
    {
        let mut said = said.lock().unwrap();
        said.statuses.insert(3, "REJECTED");
        let message = r#"{"error":true,"message":"amount 12500000 exceeds 0 available"}"#;
        said.reports.push((3, message.to_owned()));
        said.statuses.insert(4, "CYCLE_LIMIT_EXCEEDED");
    }
    net.alice("rollup send --app $APP --node-url $NODE transfer --token $TOKEN --to $BOB --amount 12.5 --yes");
    net.alice("rollup send --app $APP --node-url $NODE cancel 7 --yes");
    net.anyone("rollup outputs --app $APP --node-url $NODE --input 1");
    net.anyone("rollup outputs --app $APP --node-url $NODE --epoch 0 --json");
    net.anyone("rollup outputs --app $APP --node-url $NODE --input 3");
    net.anyone("rollup outputs --app $APP --node-url $NODE --input 8");
    net.anyone("rollup outputs --app $APP --node-url $NODE --input 2 --json");
    net.check("rollup_sends_and_waits");
}

#[test]
fn rollup_inputs_that_cannot_be() {
    let mut net = rollup();
    fs::write(net.home().join("wrong"), "cancel 7\nstream --token 0x12 --to me\n").unwrap();
    fs::write(net.home().join("nested"), "batch other\n").unwrap();
    fs::write(net.home().join("empty"), "# nothing\n").unwrap();
    fs::write(net.home().join("large"), vec![b'x'; 65_217]).unwrap();
    net.alice("rollup send --app $APP transfer --token $TOKEN --to $BOB --amount 0 --yes");
    net.alice("rollup send --app $APP transfer --token $CAROL --to $BOB --amount 1 --yes");
    net.alice("rollup send --app $APP extend 7 --yes");
    net.alice("rollup send --app $APP batch $HOME/wrong --yes");
    net.alice("rollup send --app $APP batch $HOME/nested --yes");
    net.alice("rollup send --app $APP batch $HOME/empty --yes");
    net.alice("rollup send --app $APP raw --file $HOME/large --yes");
    net.alice("rollup send --app $APP raw 0xabc --yes");
    net.alice("rollup send --app $BOB cancel 7 --yes");
    net.alice("rollup send --app $APP cancel 7 --node-url ftp://localhost --yes");
    assert_eq!(inputs(&net), []);
    net.alice("rollup send cancel 7");
    net.check("rollup_inputs_that_cannot_be");
}

/// The largest payload that the box takes is sent, by us as by it.
#[test]
fn the_largest_input_is_sent() {
    let net = rollup();
    fs::write(net.home().join("large"), vec![b'x'; 65_216]).unwrap();
    net.json(Some(ALICE), "rollup send --app $APP raw --file $HOME/large --yes");
    assert_eq!(inputs(&net)[0].0.len(), 65_508);
}

#[test]
fn rollup_answers_questions() {
    let mut net = rollup();
    let said = node(&mut net);
    let (token, now) = (net.token.clone(), 1_767_226_956_u64);
    let later = now + 3600;
    let row = |at: u64| {
        json!({ "id": 7, "token": token.to_lowercase(), "sender": ALICE, "recipient": BOB, "start": now - 600,
            "stop": now + 3000, "amount": "3000000000", "streamed": "500000000", "rate_scaled": "1", "state": "running",
            "at": at })
    };
    let answers = [
        (
            format!("balance/{token}/{BOB}?at={now}"),
            json!({ "token": token.to_lowercase(), "account": BOB.to_lowercase(), "at": now, "balance": "12500000" }),
        ),
        (
            format!("available/{token}/{BOB}?at={later}"),
            json!({ "token": token, "account": BOB, "at": later, "available": "340282366920938463463374607431768211455" }),
        ),
        (
            format!("streams/{token}/{ALICE}?direction=outgoing&after=0&limit=1&at={now}"),
            json!({ "at": now, "streams": [row(now)], "next_after": 7 }),
        ),
        (
            format!("streams/{token}/{ALICE}?direction=incoming&after=0&limit=50&at={now}"),
            json!({ "at": now, "streams": [], "next_after": null }),
        ),
        (format!("stream/7?at={now}"), row(now)),
        (
            format!("solvency/{token}?at={now}"),
            json!({ "token": token, "at": now, "deposited": "30000000", "withdrawn": "10000000", "supply": "20000000",
                "locked": "5000000", "available": "15000000", "flow_scaled": "0" }),
        ),
    ];
    for (question, answer) in answers {
        said.lock().unwrap().answers.insert(question, ("Accepted", answer.to_string()));
    }
    for has_named_reports in [false, true] {
        said.lock().unwrap().has_named_reports = has_named_reports;
        net.anyone("rollup balance $BOB --app $APP --node-url $NODE --token $TOKEN");
    }
    net.anyone("rollup balance $BOB --app $APP --node-url $NODE --token $TOKEN --at +1h --available --json");
    net.anyone("rollup streams $ALICE --app $APP --node-url $NODE --token $TOKEN --limit 1");
    net.anyone("rollup streams $ALICE --app $APP --node-url $NODE --token $TOKEN --limit 1 --json");
    net.anyone("rollup streams $ALICE --app $APP --node-url $NODE --token $TOKEN --incoming");
    net.anyone("rollup stream 7 --app $APP --node-url $NODE");
    net.anyone("rollup stream 7 --app $APP --node-url $NODE --json");
    net.anyone("rollup stream 8 --app $APP --node-url $NODE");
    net.anyone("rollup solvency $TOKEN --app $APP --node-url $NODE");
    net.anyone("rollup solvency $TOKEN --app $APP --node-url $NODE --json");
    net.check("rollup_answers_questions");
}

/// Answers to another question, or that cannot be, are not passed on.
#[test]
fn wrong_answers_are_not_believed() {
    let mut net = rollup();
    let said = node(&mut net);
    let (token, now) = (net.token.clone(), 1_767_226_956_u64);
    let balance = format!("balance/{token}/{BOB}?at={now}");
    let solvency = format!("solvency/{token}?at={now}");
    let good = json!({ "token": token, "account": BOB, "at": now, "balance": "1" });
    let sums = json!({ "token": token, "at": now, "deposited": "3", "withdrawn": "1", "supply": "2", "locked": "1",
        "available": "2", "flow_scaled": "0" });
    let with = |key: &str, value: Value| {
        let mut answer = good.clone();
        answer[key] = value;
        answer
    };
    let asked = [
        ("balance $BOB --token $TOKEN", &balance, with("account", json!(ALICE)), "answers balance/"),
        ("balance $BOB --token $TOKEN", &balance, with("token", json!(ALICE)), "answers balance/"),
        ("balance $BOB --token $TOKEN", &balance, with("at", json!(5)), "answers balance/"),
        ("balance $BOB --token $TOKEN", &balance, with("balance", json!("-1")), "\"-1\" is no amount"),
        ("balance $BOB --token $TOKEN", &balance, with("balance", json!(1)), "invalid type: integer"),
        ("balance $BOB --token $TOKEN", &balance, json!({}), "missing field `token`"),
        ("balance $BOB --token $TOKEN", &balance, json!([]), "as documented"),
        ("solvency $TOKEN", &solvency, sums, "the rollup does not add up"),
    ];
    for (words, question, answer, expected) in asked {
        said.lock().unwrap().answers.insert(question.clone(), ("Accepted", answer.to_string()));
        refuses(&net, words, expected);
    }
    said.lock().unwrap().answers.insert(balance.clone(), ("Exception", good.to_string()));
    refuses(&net, "balance $BOB --token $TOKEN", "answers to an inspect with status Exception");
    said.lock().unwrap().answers.insert(balance, ("Accepted", "no JSON".to_owned()));
    refuses(&net, "balance $BOB --token $TOKEN", "the application's answer is no JSON");
}

/// What is no rollup node gets a sentence, whatever it answers.
#[test]
fn the_node_is_none() {
    let mut net = rollup();
    let said = node(&mut net);
    let deep = "[".repeat(100_000);
    let many = r#"{"status":"Accepted","reports":["0x","0x"]}"#;
    for (status, body, expected) in [
        ("200 OK", "", "does not answer"),
        ("200 OK", "<html>", "does not answer"),
        ("200 OK", "[]", "does not answer"),
        ("200 OK", "{}", ""),
        ("200 OK", deep.as_str(), "does not answer"),
        ("200 OK", many, ""),
        ("200 OK", r#"{"result":7,"status":7}"#, "does not answer"),
        ("200 OK", r#"{"result":{"data":[{}]},"status":"Accepted","reports":[7]}"#, "does not answer"),
        ("404 Not Found", "\u{1b}[2Jgone", "answers with HTTP 404: ?[2Jgone; is it a rollup node of"),
        ("500 Oh", "", "answers with HTTP 500; is it a rollup node of"),
    ] {
        said.lock().unwrap().canned = Some((status, body.as_bytes().to_vec()));
        for words in ["balance $BOB --token $TOKEN", "outputs", "voucher list", "voucher prove 1", "stream 7"] {
            refuses(&net, words, expected);
        }
    }
    said.lock().unwrap().canned = Some(("200 OK", vec![b' '; (64 << 20) + 1]));
    refuses(&net, "outputs", "answers more than 64 MiB, which is not read");
    let error = json!({ "error": { "code": -32602, "message": "Invalid \u{1b}[31mparams" } }).to_string();
    said.lock().unwrap().canned = Some(("200 OK", error.into_bytes()));
    refuses(&net, "outputs", "refuses cartesi_listOutputs: Invalid ?[31mparams (-32602)");
    net.name("$NOBODY", "http://127.0.0.1:1");
    let ran = net.command(None, "rollup outputs --app $APP --node-url $NOBODY").output().unwrap();
    let stderr = String::from_utf8(ran.stderr).unwrap();
    assert!(stderr.contains("cannot reach http://127.0.0.1:1; is `streamctl rollup up` running"), "{stderr}");
}

/// A node of another chain, and one that mixes rows up.
#[test]
fn a_node_that_lies_about_inputs_is_not_believed() {
    let mut net = rollup();
    let said = node(&mut net);
    let send = "send cancel 7 --yes";
    said.lock().unwrap().lie = Some(Box::new(|_, mut answer| {
        if let Some(raw) = answer.pointer_mut("/result/data/raw_data") {
            *raw = json!("0x415bf363");
        }
        answer
    }));
    refuses(&net, send, "has read another input 0 than the chain has");
    said.lock().unwrap().lie = Some(Box::new(|_, mut answer| {
        if let Some(index) = answer.pointer_mut("/result/data/index") {
            *index = json!("0x9");
        }
        answer
    }));
    refuses(&net, send, "gives input 9 for input 1");
    said.lock().unwrap().outputs = vec![(2, 0, transferred(&net)), (2, 0, transferred(&net))];
    said.lock().unwrap().lie = Some(Box::new(|method, mut answer| {
        if method == "cartesi_listOutputs" {
            answer["result"]["data"][1]["input_index"] = json!("0x7");
        }
        answer
    }));
    refuses(&net, send, "gives output 1 of input 7 and epoch 0, which was not asked for");
    said.lock().unwrap().lie = Some(Box::new(|method, mut answer| {
        if method == "cartesi_listOutputs" {
            answer["result"]["data"].as_array_mut().unwrap().reverse();
        }
        answer
    }));
    refuses(&net, "outputs --input 2", "answers cartesi_listOutputs out of order");
    said.lock().unwrap().lie = Some(Box::new(|method, mut answer| {
        if method == "cartesi_listOutputs" {
            answer["result"]["data"][0]["hash"] = json!(format!("{:#066x}", 5));
        }
        answer
    }));
    refuses(&net, "outputs --input 2", "gives output 0 with a hash of something else");
}

#[track_caller]
fn refuses(net: &Net, words: &str, expected: &str) {
    let ran = net.command(Some(ALICE), &format!("rollup {words} --app $APP --node-url $NODE")).output().unwrap();
    let stderr = String::from_utf8(ran.stderr).unwrap();
    assert!(stderr.lines().last().unwrap_or_default().starts_with("error: "), "{words}: {stderr}");
    assert!(stderr.contains(expected), "{words}: {stderr}");
    assert_eq!((ran.status.code(), ran.stdout), (Some(1), Vec::new()), "{words}");
}
