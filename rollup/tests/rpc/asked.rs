//! What may be asked: filters, pages, batches, and questions to the application.

use super::*;

pub const VOUCHER: &str = "0x237a816f";
const DELEGATE_CALL: &str = "0x10321e8b";
const NOTICE: &str = "0xc258d6e5";

const BIGGEST: &str = "0xffffffffffffffff";

/// A method's parameters, and the indexes and the total that it gives with them.
type Listed = (&'static str, Value, &'static [u64], u64);

async fn check_lists(world: &World, lists: Vec<Listed>) {
    for (method, params, indexes, total) in lists {
        assert_eq!(world.indexes(method, params.clone()).await, (indexes.to_vec(), total), "{method} {params}");
    }
}

#[tokio::test]
async fn filters_leave_out_what_they_say() {
    let world = World::full("filters").await;
    let (alice, bob) = (ALICE.to_string(), BOB.to_string().to_lowercase());
    let lists: Vec<Listed> = vec![
        ("cartesi_listEpochs", json!({ "status": "OPEN" }), &[2], 1),
        ("cartesi_listEpochs", json!({ "status": ["OPEN", "CLAIM_ACCEPTED"] }), &[0, 2], 2),
        ("cartesi_listEpochs", json!({ "status": "CLAIM_STAGED" }), &[], 0),
        ("cartesi_listEpochs", json!({ "status": ["CLOSED", "CLAIM_COMPUTED"] }), &[1], 1),
        ("cartesi_listEpochs", json!({ "from": "0x1", "to": "0x1" }), &[1], 1),
        ("cartesi_listInputs", json!({ "epoch_index": "0x0" }), &[0, 1], 2),
        ("cartesi_listInputs", json!({ "sender": alice }), &[0, 2], 2),
        ("cartesi_listInputs", json!({ "sender": bob, "epoch_index": "0x2" }), &[3], 1),
        ("cartesi_listInputs", json!({ "sender": Address::ZERO }), &[], 0),
        ("cartesi_listInputs", json!({ "transaction_hash": B256::with_last_byte(0xa2) }), &[2], 1),
        ("cartesi_listInputs", json!({ "from": "0x2" }), &[2, 3], 2),
        ("cartesi_listInputs", json!({ "to": "0x1", "sender": bob }), &[1], 1),
        ("cartesi_listInputs", json!({ "epoch_index": BIGGEST }), &[], 0),
        ("cartesi_listOutputs", json!({ "epoch_index": "0x1" }), &[2, 3, 4], 3),
        ("cartesi_listOutputs", json!({ "input_index": "0x0" }), &[0, 1], 2),
        ("cartesi_listOutputs", json!({ "input_index": "0x0", "epoch_index": "0x1" }), &[], 0),
        ("cartesi_listOutputs", json!({ "output_type": VOUCHER }), &[0, 3], 2),
        ("cartesi_listOutputs", json!({ "output_type": [NOTICE, DELEGATE_CALL] }), &[1, 2, 4], 3),
        ("cartesi_listOutputs", json!({ "output_type": "0xffffffff" }), &[], 0),
        ("cartesi_listOutputs", json!({ "voucher_address": alice }), &[2, 3], 2),
        ("cartesi_listOutputs", json!({ "voucher_address": alice, "output_type": VOUCHER }), &[3], 1),
        ("cartesi_listOutputs", json!({ "voucher_address": bob }), &[0], 1),
        // The second word of a notice is no address.
        ("cartesi_listOutputs", json!({ "voucher_address": Address::with_last_byte(0x20) }), &[], 0),
        ("cartesi_listOutputs", json!({ "executed": true }), &[0], 1),
        ("cartesi_listOutputs", json!({ "executed": false, "output_type": VOUCHER }), &[3], 1),
        ("cartesi_listOutputs", json!({ "from": "0X1", "to": BIGGEST, "executed": null }), &[1, 2, 3, 4], 4),
        // Cartesi's client sends its own arguments along.
        ("cartesi_listOutputs", json!({ "outputType": "Notice", "epochIndex": 7, "output_type": NOTICE }), &[1, 4], 2),
        ("cartesi_listReports", json!({ "epoch_index": "0x0" }), &[0, 1, 2], 3),
        ("cartesi_listReports", json!({ "input_index": "0x1" }), &[1, 2], 2),
        ("cartesi_listReports", json!({ "input_index": "0x1", "from": "0x2" }), &[2], 1),
    ];
    check_lists(&world, lists).await;
}

#[tokio::test]
async fn pages_cut_a_list_and_tell_its_length() {
    let world = World::full("pages").await;
    let lists: Vec<Listed> = vec![
        ("cartesi_listOutputs", json!({ "limit": 2 }), &[0, 1], 5),
        ("cartesi_listOutputs", json!({ "limit": 2, "offset": 3 }), &[3, 4], 5),
        ("cartesi_listOutputs", json!({ "limit": 2, "offset": 4 }), &[4], 5),
        ("cartesi_listOutputs", json!({ "offset": 5 }), &[], 5),
        ("cartesi_listOutputs", json!({ "offset": u64::MAX, "limit": u64::MAX }), &[], 5),
        ("cartesi_listOutputs", json!({ "descending": true, "limit": 2 }), &[4, 3], 5),
        ("cartesi_listOutputs", json!({ "descending": true, "limit": 2, "offset": 4 }), &[0], 5),
        ("cartesi_listOutputs", json!({ "limit": 1, "output_type": NOTICE }), &[1], 2),
        ("cartesi_listEpochs", json!({ "descending": true }), &[2, 1, 0], 3),
        ("cartesi_listInputs", json!({ "descending": true, "offset": 3 }), &[0], 4),
        ("cartesi_listReports", json!({ "descending": false, "limit": 1 }), &[0], 4),
    ];
    check_lists(&world, lists).await;
    for (asked, limit) in [(json!(0), 50), (json!(null), 50), (json!(10_000), 10_000), (json!(10_001), 10_000)] {
        let result = world.call("cartesi_listInputs", json!({ "application": "streamable", "limit": asked })).await;
        assert_eq!(result["pagination"], json!({ "total_count": 4, "limit": limit, "offset": 0 }), "{asked}");
    }
}

#[tokio::test]
async fn parameters_come_by_position_too() {
    let world = World::full("positions").await;
    let checks: [(&str, Value, Value); 5] = [
        ("cartesi_listApplications", json!([1, 0, true]), json!({ "limit": 1, "offset": 0, "descending": true })),
        (
            "cartesi_listEpochs",
            json!(["streamable", "OPEN", 7, 0, true, "0x0", "0x2"]),
            json!({ "status": "OPEN", "limit": 7, "descending": true, "from": "0x0", "to": "0x2" }),
        ),
        (
            "cartesi_listInputs",
            json!(["streamable", "0x0", ALICE, null, 7, 0, false, "0x0", "0x2"]),
            json!({ "epoch_index": "0x0", "sender": ALICE, "limit": 7, "from": "0x0", "to": "0x2" }),
        ),
        (
            "cartesi_listOutputs",
            json!(["streamable", "0x1", "0x2", VOUCHER, ALICE, 7, 0, true, null, null, false]),
            json!({
                "epoch_index": "0x1", "input_index": "0x2", "output_type": VOUCHER, "voucher_address": ALICE,
                "limit": 7, "descending": true, "executed": false,
            }),
        ),
        (
            "cartesi_listReports",
            json!(["streamable", "0x0", "0x1", 7, 1, true]),
            json!({ "epoch_index": "0x0", "input_index": "0x1", "limit": 7, "offset": 1, "descending": true }),
        ),
    ];
    for (method, by_position, mut by_name) in checks {
        by_name["application"] = json!("streamable");
        let expected = world.call(method, by_name).await;
        assert_eq!(expected["data"].as_array().unwrap().len(), 1, "{method}");
        assert_eq!(world.call(method, by_position).await, expected, "{method}");
    }
}

#[tokio::test]
async fn bad_parameters_are_named_with_what_is_expected() {
    let world = World::full("params").await;
    let index = "expected an unsigned integer of 64 bits in hexadecimal, such as \"0x1f\"";
    let app = "expected the application's address, or its name of three or more of a-z, 0-9, - and _";
    let selectors = "expected a selector such as \"0x237a816f\", or an array of some";
    let statuses = "expected one or an array of OPEN, CLOSED, INPUTS_PROCESSED, CLAIM_COMPUTED, CLAIM_SUBMITTED, \
                    CLAIM_STAGED, CLAIM_ACCEPTED, CLAIM_REJECTED, CLAIM_FORECLOSED";
    let long = "X".repeat(5_000);
    let at = |name: &str, value: Value| json!({ "application": "streamable", name: value });
    let checks = [
        ("cartesi_getApplication", json!({}), format!("application is missing; {app}")),
        ("cartesi_getApplication", Value::Null, format!("application is missing; {app}")),
        ("cartesi_getApplication", json!([null]), format!("application is missing; {app}")),
        ("cartesi_getApplication", json!(["ab"]), format!("application is \"ab\"; {app}")),
        ("cartesi_getApplication", json!(["Upper"]), format!("application is \"Upper\"; {app}")),
        ("cartesi_getApplication", json!([5]), format!("application is 5; {app}")),
        ("cartesi_getApplication", json!([[]]), format!("application is []; {app}")),
        ("cartesi_getApplication", json!(["a", "b"]), "params has 2 values; expected at most 1: application".into()),
        ("cartesi_getApplication", json!(7), "params is 7; expected an object or an array".into()),
        ("cartesi_getApplication", json!([long]), format!("application is \"{}...; {app}", "X".repeat(79))),
        ("cartesi_getEpoch", json!(["streamable"]), format!("epoch_index is missing; {index}")),
        ("cartesi_getEpoch", json!(["streamable", 1]), format!("epoch_index is 1; {index}")),
        ("cartesi_getInput", json!(["streamable", "1"]), format!("input_index is \"1\"; {index}")),
        ("cartesi_getInput", json!(["streamable", "0x"]), format!("input_index is \"0x\"; {index}")),
        ("cartesi_getInput", json!(["streamable", "0x+1"]), format!("input_index is \"0x+1\"; {index}")),
        ("cartesi_getOutput", json!(["streamable", "0xg"]), format!("output_index is \"0xg\"; {index}")),
        (
            "cartesi_getReport",
            json!(["streamable", "0x10000000000000000"]),
            format!("report_index is \"0x10000000000000000\"; {index}"),
        ),
        ("cartesi_listInputs", at("limit", json!(-1)), "limit is -1; expected an unsigned integer".into()),
        ("cartesi_listInputs", at("limit", json!("5")), "limit is \"5\"; expected an unsigned integer".into()),
        ("cartesi_listInputs", at("offset", json!(1.5)), "offset is 1.5; expected an unsigned integer".into()),
        ("cartesi_listInputs", at("descending", json!("no")), "descending is \"no\"; expected true or false".into()),
        ("cartesi_listInputs", at("sender", json!("0x12")), "sender is \"0x12\"; expected an address".into()),
        (
            "cartesi_listInputs",
            at("transaction_hash", json!("0x")),
            "transaction_hash is \"0x\"; expected a hash of 32 bytes in hexadecimal".into(),
        ),
        ("cartesi_listInputs", at("epoch_index", json!({})), format!("epoch_index is {{}}; {index}")),
        (
            "cartesi_listInputs",
            json!({ "application": "streamable", "from": "0x3", "to": "0x2" }),
            "from is 0x3; expected at most to, which is 0x2".into(),
        ),
        ("cartesi_listOutputs", at("output_type", json!([])), format!("output_type is []; {selectors}")),
        ("cartesi_listOutputs", at("output_type", json!("0x12")), format!("output_type is \"0x12\"; {selectors}")),
        ("cartesi_listOutputs", at("output_type", json!([1])), format!("output_type is [1]; {selectors}")),
        ("cartesi_listOutputs", at("executed", json!(1)), "executed is 1; expected true or false".into()),
        ("cartesi_listOutputs", at("voucher_address", json!(1)), "voucher_address is 1; expected an address".into()),
        ("cartesi_listEpochs", at("status", json!("Open")), format!("status is \"Open\"; {statuses}")),
        ("cartesi_listEpochs", at("status", json!([])), format!("status is []; {statuses}")),
    ];
    for (method, params, expected) in checks {
        assert_eq!(world.refused(method, params.clone()).await, (-32602, expected), "{method} {params}");
    }
}

#[tokio::test]
async fn what_is_not_there_has_the_published_codes() {
    let world = World::full("absent").await;
    let unknown = (-31002, "this node does not serve that application".to_owned());
    for app in ["another", "0x0000000000000000000000000000000000000001"] {
        for (method, index) in [
            ("getApplication", None),
            ("listEpochs", None),
            ("getEpoch", Some("0x0")),
            ("getLastAcceptedEpochIndex", None),
            ("listInputs", None),
            ("getInput", Some("0x0")),
            ("getProcessedInputCount", None),
            ("listOutputs", None),
            ("getOutput", Some("0x0")),
            ("listReports", None),
            ("getReport", Some("0x0")),
        ] {
            let params = json!([app].iter().chain(&index).collect::<Vec<_>>());
            assert_eq!(world.refused(&format!("cartesi_{method}"), params).await, unknown, "{method}");
        }
    }
    for (kind, method) in [
        ("epoch", "cartesi_getEpoch"),
        ("input", "cartesi_getInput"),
        ("output", "cartesi_getOutput"),
        ("report", "cartesi_getReport"),
    ] {
        for index in ["0x5", "0x7fffffffffffffff", "0x8000000000000000", BIGGEST] {
            let expected = (-31001, format!("there is no {kind} {index}"));
            assert_eq!(world.refused(method, json!(["streamable", index])).await, expected);
        }
    }
    for method in ["rpc.discover", "cartesi_listTournaments", "cartesi_getepoch", "eth_chainId"] {
        assert_eq!(world.refused(method, json!([])).await, (-32601, "this node has no such method".to_owned()));
    }
}

#[tokio::test]
async fn a_node_that_has_seen_nothing_says_so() {
    let world = World::start("empty", |_| {}).await;
    assert_eq!(world.call("cartesi_listApplications", json!({})).await, page(json!([]), 0));
    assert_eq!(world.refused("cartesi_getChainId", json!([])).await.0, -31001);
    assert_eq!(world.refused("cartesi_getApplication", json!(["streamable"])).await.0, -31002);
    set_up(&world.store());
    assert_eq!(world.call("cartesi_getChainId", json!([])).await, json!({ "data": "0x7a69" }));
    assert_eq!(world.call("cartesi_listEpochs", json!(["streamable"])).await, page(json!([]), 0));
    let expected = (-31001, "no epoch is accepted yet".to_owned());
    assert_eq!(world.refused("cartesi_getLastAcceptedEpochIndex", json!(["streamable"])).await, expected);
}

#[tokio::test]
async fn a_database_that_cannot_be_read_is_an_internal_error_of_each_call() {
    let world = World::full("unreadable").await;
    fs::remove_dir_all(&world.directory).unwrap();
    let call = |id| json!({ "jsonrpc": "2.0", "id": id, "method": "cartesi_getNodeVersion" });
    let reply = world.ask(&json!([call(1), call(2)])).await;
    for (place, id) in [(0, 1), (1, 2)] {
        assert_eq!((&reply[place]["error"]["code"], &reply[place]["id"]), (&json!(-32603), &json!(id)), "{reply}");
    }
    assert_eq!(request(world.address, "POST", "/inspect/streamable", b"?").await.0, 500);
}

#[tokio::test]
async fn readers_see_what_is_written_meanwhile_and_many_may_ask_at_once() {
    let world = World::full("meanwhile").await;
    let app = json!(["streamable"]);
    assert_eq!(world.call("cartesi_getProcessedInputCount", app.clone()).await, json!({ "data": "0x3" }));
    let answer = Answer { status: InputStatus::Accepted, outputs: vec![], reports: vec![] };
    world.store().record(3, &answer).unwrap();
    assert_eq!(world.call("cartesi_getProcessedInputCount", app.clone()).await, json!({ "data": "0x4" }));
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "cartesi_listOutputs", "params": app }).to_string();
    let (_, expected) = world.post(call.as_bytes()).await;
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (address, call) = (world.address, call.clone());
        asked.spawn(async move { request(address, "POST", "/rpc", call.as_bytes()).await });
    }
    assert_eq!(asked.join_all().await, vec![(200, expected); 64]);
}

#[tokio::test]
async fn batches_are_answered_in_order_and_bounded() {
    let world = World::full("batches").await;
    let reply = world
        .ask(&json!([
            { "jsonrpc": "2.0", "id": 7, "method": "cartesi_getChainId" },
            { "jsonrpc": "2.0", "id": "a", "method": "nothing" },
            5,
            { "jsonrpc": "2.0", "method": "cartesi_getProcessedInputCount", "params": ["streamable"] },
            [],
        ]))
        .await;
    let error = |id: Value, code: i64, message: &str| json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } });
    let expected = json!([
        { "jsonrpc": "2.0", "id": 7, "result": { "data": "0x7a69" } },
        error(json!("a"), -32601, "this node has no such method"),
        error(Value::Null, -32600, "a call is an object"),
        { "jsonrpc": "2.0", "id": null, "result": { "data": "0x3" } },
        error(Value::Null, -32600, "a call is an object"),
    ]);
    assert_eq!(reply, expected);
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "cartesi_getChainId" });
    let reply = world.ask(&Value::Array(vec![call.clone(); 100])).await;
    assert_eq!(reply, Value::Array(vec![json!({ "jsonrpc": "2.0", "id": 1, "result": { "data": "0x7a69" } }); 100]));
    for n_calls in [0, 101] {
        let reply = world.ask(&Value::Array(vec![call.clone(); n_calls])).await;
        let message = format!("a batch of {n_calls} calls; expected 1 to 100");
        assert_eq!(reply, error(Value::Null, -32040, &message));
    }
}

#[tokio::test]
async fn a_reply_that_would_be_too_long_is_refused_alone() {
    let world = World::start("long", |store| {
        fill(store);
        let reports = vec![vec![7; 1 << 20]; 6];
        store.record(3, &Answer { status: InputStatus::Accepted, outputs: vec![], reports }).unwrap();
    })
    .await;
    let list = |id: u64, limit: u64| {
        let params = json!({ "application": "streamable", "input_index": "0x3", "limit": limit });
        json!({ "jsonrpc": "2.0", "id": id, "method": "cartesi_listReports", "params": params })
    };
    // A report of 1 MiB has 2 MiB of digits, and all results of a batch have 10 MiB.
    let reply = world.ask(&json!([list(0, 6), list(1, 3), list(2, 2), list(3, 1)])).await;
    let outcome = |reply: &Value| (reply["error"]["code"].as_i64(), reply["result"]["data"].as_array().map(Vec::len));
    let outcomes: Vec<_> = reply.as_array().unwrap().iter().map(outcome).collect();
    assert_eq!(outcomes, [(Some(-31003), None), (None, Some(3)), (Some(-31003), None), (None, Some(1))]);
}

/// An application that answers each question with the question, and refuses those that begin with `no` or `!`.
async fn echo(machine: &Machine) {
    let address = serve(machine.router()).await;
    let mut verdict = "accept";
    loop {
        let (_, asked) = request(address, "POST", "/finish", json!({ "status": verdict }).to_string().as_bytes()).await;
        let asked: Value = serde_json::from_slice(&asked).unwrap();
        let payload = &asked["data"]["payload"];
        let report = json!({ "payload": payload }).to_string();
        let question = hex::decode(payload.as_str().unwrap()).unwrap();
        let path = if question.starts_with(b"!") { "/exception" } else { "/report" };
        request(address, "POST", path, report.as_bytes()).await;
        verdict = if question.starts_with(b"no") { "reject" } else { "accept" };
    }
}

#[tokio::test]
async fn questions_are_answered_in_the_published_form() {
    let world = World::full("inspect").await;
    let machine = world.machine.clone();
    tokio::spawn(async move { echo(&machine).await });
    let told = |status: &str, report: &[u8]| {
        let reports = json!([{ "payload": hex::encode_prefixed(report) }]);
        json!({ "status": status, "reports": reports, "processed_input_count": 3 })
    };
    let app = "0xAB7528BB862FB57E8A2BCD567A2E929A0BE56A5E".replacen("0X", "0x", 1);
    let checks: [(&str, String, &[u8], Value); 9] = [
        ("POST", "/inspect/streamable".into(), b"balance", told("Accepted", b"balance")),
        ("POST", format!("/inspect/{app}"), b"\x00\xff", told("Accepted", b"\x00\xff")),
        ("POST", "/inspect/streamable".into(), b"", told("Accepted", b"")),
        ("POST", "/inspect/streamable".into(), b"no", told("Rejected", b"no")),
        ("GET", "/inspect/streamable/balance/ether/0x1".into(), b"", told("Accepted", b"balance/ether/0x1")),
        ("GET", "/inspect/streamable/balance?at=5&x=%20".into(), b"", told("Accepted", b"balance?at=5&x= ")),
        ("GET", "/inspect/stream%61ble/a%2Fb%ff%zz%4".into(), b"", told("Accepted", b"a/b\xff%zz%4")),
        ("GET", format!("/inspect/{app}/no%20way"), b"", told("Rejected", b"no way")),
        ("POST", "/inspect/streamable".into(), &[b'x'; 1 << 21], told("Accepted", &[b'x'; 1 << 21])),
    ];
    for (method, path, body, expected) in checks {
        let (status, reply) = request(world.address, method, &path, body).await;
        let reply: Value = serde_json::from_slice(&reply).unwrap();
        assert!((status, &reply) == (200, &expected), "{method} {path}: {status}");
    }
    let mut expected = told("Exception", b"!");
    expected["exception"] = json!("the application raised an exception; the last report is its payload");
    let (status, reply) = request(world.address, "POST", "/inspect/streamable", b"!").await;
    assert_eq!((status, serde_json::from_slice::<Value>(&reply).unwrap()), (200, expected));
}

#[tokio::test]
async fn questions_that_nobody_answers_are_refused() {
    let world = World::full("unasked").await;
    let long = vec![b'x'; (1 << 21) + 1];
    let nowhere = "this node does not serve that application";
    let checks: [(&str, &str, &[u8], u16, &str); 7] = [
        ("POST", "/inspect/another", b"?", 404, nowhere),
        ("POST", "/inspect/a", b"?", 404, nowhere),
        ("POST", "/inspect/%ff%fe%fd", b"?", 404, nowhere),
        ("GET", "/inspect/0x0000000000000000000000000000000000000001/x", b"", 404, nowhere),
        ("POST", "/inspect/streamable", &long, 413, "a question has at most 2097152 bytes"),
        ("GET", "/inspect/streamable", b"", 405, ""),
        ("POST", "/inspect/streamable/x", b"", 405, ""),
    ];
    for (method, path, body, status, message) in checks {
        let (found, reply) = request(world.address, method, path, body).await;
        assert_eq!((found, String::from_utf8_lossy(&reply).as_ref()), (status, message), "{method} {path}");
    }
    // The application takes a question, and another process takes over before it answers.
    let application = serve(world.machine.router()).await;
    let machine = world.machine.clone();
    tokio::spawn(async move {
        request(application, "POST", "/finish", br#"{"status":"accept"}"#).await;
        drop(machine.router());
    });
    let (status, reply) = request(world.address, "POST", "/inspect/streamable", b"?").await;
    assert_eq!((status, reply), (503, b"the application ended before it answered".to_vec()));
}
