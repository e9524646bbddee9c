//! Bodies, parameters and paths that no client sends.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use tokio::runtime::Runtime;

use super::asked::VOUCHER;
use super::*;

async fn check_reply(world: &World, body: &[u8], code: i64, id: Value) {
    let (status, reply) = world.post(body).await;
    let reply: Value = serde_json::from_slice(&reply).unwrap();
    let told = String::from_utf8_lossy(&body[..body.len().min(80)]);
    assert_eq!((status, &reply["error"]["code"], &reply["id"]), (200, &json!(code), &id), "{told}: {reply}");
}

#[tokio::test]
async fn what_is_no_call_has_the_codes_of_json_rpc() {
    let world = World::full("no-calls").await;
    let checks: [(&[u8], i64, Value); 16] = [
        (b"", -32700, Value::Null),
        (b"{", -32700, Value::Null),
        (b"{}{}", -32700, Value::Null),
        (b"\xff\xfe", -32700, Value::Null),
        (b"{\"id\":1e999}", -32700, Value::Null),
        (&[b'['; 100_000], -32700, Value::Null),
        (b"5", -32600, Value::Null),
        (b"null", -32600, Value::Null),
        (b"\"cartesi_getChainId\"", -32600, Value::Null),
        (b"{}", -32600, Value::Null),
        (b"{\"id\":1}", -32600, json!(1)),
        (b"{\"id\":1,\"jsonrpc\":\"1.0\",\"method\":\"cartesi_getChainId\"}", -32600, json!(1)),
        (b"{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"\"}", -32600, json!(1)),
        (b"{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":5}", -32600, json!(1)),
        (b"{\"id\":[1],\"jsonrpc\":\"2.0\",\"method\":\"cartesi_getChainId\"}", -32600, Value::Null),
        (b"{\"id\":true,\"jsonrpc\":\"2.0\",\"method\":\"cartesi_getChainId\"}", -32600, Value::Null),
    ];
    for (body, code, id) in checks {
        check_reply(&world, body, code, id).await;
    }
    let largest = 1 << 20;
    check_reply(&world, &vec![b' '; largest], -32700, Value::Null).await;
    let (status, reply) = world.post(&vec![b' '; largest + 1]).await;
    assert_eq!(status, 413);
    assert_eq!(serde_json::from_slice::<Value>(&reply).unwrap()["error"]["code"], -32600);
    assert_eq!(request(world.address, "GET", "/rpc", b"").await.0, 405);
}

/// One world for all cases.
static SHARED: LazyLock<(Runtime, World)> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::full("hostile"));
    (runtime, world)
});

/// Whatever was asked, there is an answer or an error with a known code, to one call or to each of a batch.
fn check_is_answer(body: &[u8]) {
    let (runtime, world) = &*SHARED;
    let (status, reply) = runtime.block_on(world.post(body));
    assert_eq!(status, 200);
    let reply: Value = serde_json::from_slice(&reply).unwrap();
    let replies = reply.as_array().map_or(std::slice::from_ref(&reply), Vec::as_slice);
    assert!(!replies.is_empty());
    for reply in replies {
        assert_eq!(reply["jsonrpc"], "2.0", "{reply}");
        let known = [-32700, -32600, -32601, -32602, -32040, -31001, -31002];
        let is_error = reply["error"]["code"].as_i64().is_some_and(|code| known.contains(&code));
        assert_ne!(reply["result"].is_object(), is_error, "{reply}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any::<u64>().prop_map(|number| json!(format!("{number:#x}"))),
        Just(json!("streamable")),
        Just(json!(APP)),
        Just(json!(VOUCHER)),
        Just(json!("OPEN")),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        let key = prop::sample::select(vec!["application", "epoch_index", "limit", "offset", "from", "status", "x"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key, inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

fn any_call() -> impl Strategy<Value = Value> {
    let methods = [
        ("cartesi_listApplications", ""),
        ("cartesi_getApplication", ""),
        ("cartesi_listEpochs", "status"),
        ("cartesi_getEpoch", "epoch_index"),
        ("cartesi_getLastAcceptedEpochIndex", ""),
        ("cartesi_listInputs", "sender"),
        ("cartesi_listInputs", "transaction_hash"),
        ("cartesi_getInput", "input_index"),
        ("cartesi_getProcessedInputCount", ""),
        ("cartesi_listOutputs", "output_type"),
        ("cartesi_listOutputs", "voucher_address"),
        ("cartesi_listOutputs", "executed"),
        ("cartesi_listOutputs", "input_index"),
        ("cartesi_getOutput", "output_index"),
        ("cartesi_listReports", "to"),
        ("cartesi_getReport", "report_index"),
        ("cartesi_getChainId", ""),
        ("cartesi_getNodeInfo", ""),
    ];
    let named = (any_json(), any_json(), prop::sample::select(vec!["limit", "offset", "descending", "from"]));
    let any_params = prop_oneof![
        3 => named.prop_map(Ok),
        1 => any_json().prop_map(Err),
    ];
    (prop::sample::select(methods.to_vec()), any_params, any_json()).prop_map(|((method, name), params, id)| {
        let params = match params {
            Ok((value, other, page)) => json!({ "application": "streamable", name: value, page: other }),
            Err(params) => params,
        };
        json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": id })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(body in prop::collection::vec(any::<u8>(), 0..200)) {
        check_is_answer(&body);
    }

    #[test]
    fn any_parameters_are_answered(calls in prop::collection::vec(any_call(), 1..4), is_batch in any::<bool>()) {
        let body = if is_batch { json!(calls) } else { calls[0].clone() };
        check_is_answer(body.to_string().as_bytes());
    }

    #[test]
    fn mutated_calls_are_answered(
        call in any_call(),
        edits in prop::collection::vec((any::<Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let mut body = call.to_string().into_bytes();
        for (place, byte, kind) in edits {
            let place = place.index(body.len());
            match kind {
                0 => body[place] = byte,
                1 => body.insert(place, byte),
                _ => body.truncate(place.max(1)),
            }
        }
        check_is_answer(&body);
    }

    #[test]
    fn any_path_is_answered(path in "/inspect/[a-z%0-9/?]{0,20}/[!-~]{0,40}") {
        let (runtime, world) = &*SHARED;
        let (status, _) = runtime.block_on(request(world.address, "GET", &path, b""));
        prop_assert!(matches!(status, 400 | 404 | 405), "{}", status);
    }
}
