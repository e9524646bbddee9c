//! The JSON-RPC and the inspect endpoint over HTTP, from a database that is filled as the node fills it.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "rpc/asked.rs"]
mod asked;
#[path = "rpc/cors.rs"]
mod cors;
#[path = "rpc/hostile.rs"]
mod hostile;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::{env, fs};

use alloy::primitives::{Address, B256, Bytes, U256, address, hex, keccak256};
use alloy::sol_types::SolCall;
use rollup::cartesi::{INPUT_BOX, Inputs, Outputs};
use rollup::{Answer, EpochStatus, Execution, Found, Input, InputStatus, Machine, Setup, Store, rpc, tree};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const APP: Address = address!("ab7528bb862fB57E8A2BCd567a2e929a0Be56a5e");
const ALICE: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const BOB: Address = address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");

/// A node's directory and its endpoints.
struct World {
    directory: PathBuf,
    address: SocketAddr,
    machine: Machine,
}

impl Drop for World {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.directory).ok();
    }
}

impl World {
    async fn start(name: &str, fill: impl FnOnce(&mut Store)) -> Self {
        let directory = env::temp_dir().join(format!("rollup-rpc-{name}-{}", std::process::id()));
        fs::remove_dir_all(&directory).ok();
        fs::create_dir_all(&directory).unwrap();
        let database = directory.join("node.db");
        fill(&mut Store::open(&database).unwrap());
        let machine = Machine::default();
        let address = serve(rpc::router(rpc::Node::new(database, "streamable".into(), machine.clone()))).await;
        Self { directory, address, machine }
    }

    async fn full(name: &str) -> Self {
        Self::start(name, fill).await
    }

    fn store(&self) -> Store {
        Store::open(&self.directory.join("node.db")).unwrap()
    }

    async fn post(&self, body: &[u8]) -> (u16, Vec<u8>) {
        request(self.address, "POST", "/rpc", body).await
    }

    async fn ask(&self, body: &Value) -> Value {
        let (status, reply) = self.post(body.to_string().as_bytes()).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_slice(&reply).unwrap()
    }

    /// The result of a method.
    #[track_caller]
    fn call(&self, method: &str, params: Value) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        async move {
            let mut reply = self.ask(&call).await;
            assert_eq!((&reply["jsonrpc"], &reply["id"]), (&json!("2.0"), &json!(1)), "{caller}: {reply}");
            assert!(reply.get("error").is_none(), "{caller}: {reply}");
            reply["result"].take()
        }
    }

    /// The code and the message of a call that is refused.
    async fn refused(&self, method: &str, params: Value) -> (i64, String) {
        let reply = self.ask(&json!({ "jsonrpc": "2.0", "id": "x", "method": method, "params": params })).await;
        assert_eq!((&reply["jsonrpc"], &reply["id"]), (&json!("2.0"), &json!("x")), "{reply}");
        assert!(reply.get("result").is_none(), "{reply}");
        (reply["error"]["code"].as_i64().unwrap(), reply["error"]["message"].as_str().unwrap().to_owned())
    }

    /// The indexes and the total of a list.
    async fn indexes(&self, method: &str, mut params: Value) -> (Vec<u64>, u64) {
        params["application"] = json!("streamable");
        let result = self.call(method, params).await;
        let index = |row: &Value| u64::from_str_radix(&row["index"].as_str().unwrap()[2..], 16).unwrap();
        let total = result["pagination"]["total_count"].as_u64().unwrap();
        (result["data"].as_array().unwrap().iter().map(index).collect(), total)
    }
}

async fn serve(router: axum::Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The status and the body of a reply.
async fn request(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // Who refuses a long body need not read it all.
    stream.write_all(body).await.ok();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.ok();
    let end = reply.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a reply has a head");
    let status = str::from_utf8(&reply[9..12]).unwrap().parse().unwrap();
    (status, reply.split_off(end + 4))
}

fn input(index: u64, block_number: u64, sender: Address, payload: &[u8]) -> (Input, B256) {
    let raw = Inputs::EvmAdvanceCall {
        chainId: U256::from(31337),
        appContract: APP,
        msgSender: sender,
        blockNumber: U256::from(block_number),
        blockTimestamp: U256::from(1_757_042_000 + block_number),
        prevRandao: U256::from(0xabc),
        index: U256::from(index),
        payload: payload.to_vec().into(),
    };
    let (epoch, status) = (block_number / 10, InputStatus::Unprocessed);
    let (raw, transaction_hash) = (raw.abi_encode(), B256::with_last_byte(0xa0 + u8::try_from(index).unwrap()));
    let input = Input { index, epoch, block_number, transaction_hash, sender, raw, status };
    (input, B256::with_last_byte(u8::try_from(block_number).unwrap()))
}

fn notice(payload: &[u8]) -> Vec<u8> {
    Outputs::NoticeCall { payload: payload.to_vec().into() }.abi_encode()
}

fn voucher(destination: Address, value: u64, payload: &'static [u8]) -> Vec<u8> {
    Outputs::VoucherCall { destination, value: U256::from(value), payload: Bytes::from_static(payload) }.abi_encode()
}

fn delegate_call(destination: Address, payload: &'static [u8]) -> Vec<u8> {
    Outputs::DelegateCallVoucherCall { destination, payload: Bytes::from_static(payload) }.abi_encode()
}

fn set_up(store: &Store) {
    let (consensus, template_hash) = (Address::with_last_byte(0xcc), B256::repeat_byte(0x77));
    let (chain_id, input_box, epoch_length, from_block) = (31337, INPUT_BOX, 10, 2);
    let setup = Setup { chain_id, input_box, app: APP, consensus, epoch_length, template_hash, from_block };
    store.set_up(&setup).unwrap();
}

/// Three epochs: 0 is accepted, 1 is computed, 2 is open and its input not processed.
fn fill(store: &mut Store) {
    set_up(store);
    let inputs = vec![
        input(0, 3, ALICE, b"hello"),
        input(1, 7, BOB, b"no"),
        input(2, 15, ALICE, b""),
        input(3, 25, BOB, &[0xff]),
    ];
    store.add_scan(&Found { inputs, executions: Vec::new() }, (26, B256::ZERO)).unwrap();
    let outputs = vec![voucher(BOB, 250, &[0xca, 0xfe]), notice(b"hi")];
    let answer = |status, outputs, reports| Answer { status, outputs, reports };
    store.record(0, &answer(InputStatus::Accepted, outputs, vec![b"one".to_vec()])).unwrap();
    store.record(1, &answer(InputStatus::Rejected, vec![], vec![b"two".to_vec(), vec![]])).unwrap();
    let outputs = vec![delegate_call(ALICE, &[1]), voucher(ALICE, 0, &[]), notice(&[])];
    store.record(2, &answer(InputStatus::Accepted, outputs, vec![b"four".to_vec()])).unwrap();
    let execution = Execution { output: 0, transaction: B256::repeat_byte(0xee), block: 27 };
    store.add_scan(&Found { inputs: vec![], executions: vec![execution] }, (27, B256::ZERO)).unwrap();
    store.close_epochs(27).unwrap();
    store.note_claim(0, EpochStatus::Accepted, Some(B256::repeat_byte(0xc1))).unwrap();
}

/// The siblings of a leaf in the tree of all leaves, level by level.
fn siblings(leaves: &[B256], mut position: usize) -> Vec<B256> {
    let parent = |left: B256, right: B256| keccak256([left, right].concat());
    let (mut nodes, mut nothing, mut siblings) = (leaves.to_vec(), B256::ZERO, Vec::new());
    for _ in 0..tree::HEIGHT {
        siblings.push(*nodes.get(position ^ 1).unwrap_or(&nothing));
        nodes = nodes.chunks(2).map(|pair| parent(pair[0], *pair.get(1).unwrap_or(&nothing))).collect();
        nothing = parent(nothing, nothing);
        position /= 2;
    }
    siblings
}

fn zeros(n: usize) -> String {
    format!("0x{}", "0".repeat(n))
}

fn page(data: Value, total_count: u64) -> Value {
    json!({ "data": data, "pagination": { "total_count": total_count, "limit": 50, "offset": 0 } })
}

fn app_json() -> Value {
    let execution_parameters = json!({
        "snapshot_policy": "NONE",
        "advance_inc_cycles": "0x0", "advance_max_cycles": "0x0",
        "inspect_inc_cycles": "0x0", "inspect_max_cycles": "0x0",
        "advance_inc_deadline": "0x0", "advance_max_deadline": "0x0",
        "inspect_inc_deadline": "0x0", "inspect_max_deadline": "0x0",
        "load_deadline": "0x0", "store_deadline": "0x0", "fast_deadline": "0x0",
        "max_concurrent_inspects": 1,
        "created_at": "2025-09-05T03:13:23Z", "updated_at": "2025-09-05T03:13:23Z",
    });
    let input_box = "1b51e2992a2755ba4d6f7094032df91991a0cfac";
    json!({
        "name": "streamable",
        "iapplication_address": "0xab7528bb862fb57e8a2bcd567a2e929a0be56a5e",
        "iconsensus_address": format!("{}cc", zeros(38)),
        "iinputbox_address": format!("0x{input_box}"),
        "template_hash": format!("0x{}", "77".repeat(32)),
        "epoch_length": "0xa",
        "claim_staging_period": "0x0",
        "withdrawal_config": {
            "guardian": zeros(40), "log2_leaves_per_account": "0x0", "log2_max_num_of_accounts": "0x0",
            "accounts_drive_start_index": "0x0", "withdrawal_output_builder": zeros(40),
        },
        "data_availability": format!("0xb12c9ede{}{input_box}", "0".repeat(24)),
        "consensus_type": "AUTHORITY",
        "enabled": true, "state": "ENABLED", "status": "OK", "reason": null,
        "iinputbox_block": "0x2",
        "last_epoch_check_block": "0x1b", "last_input_check_block": "0x1b", "last_output_check_block": "0x1b",
        "last_tournament_check_block": "0x0", "last_foreclose_check_block": "0x0",
        "last_accounts_drive_proved_check_block": "0x0", "last_withdrawal_check_block": "0x0",
        "processed_inputs": "0x3",
        "foreclose_block": "0x0", "foreclose_transaction": zeros(64),
        "accounts_drive_proved_block": "0x0", "accounts_drive_proved_transaction": zeros(64),
        "accounts_drive_merkle_root": zeros(64),
        "created_at": "2025-09-05T03:13:23Z", "updated_at": "2025-09-05T03:13:45Z",
        "execution_parameters": execution_parameters,
    })
}

#[tokio::test]
async fn applications_and_the_node_have_the_published_form() {
    let world = World::full("application").await;
    assert_eq!(world.call("cartesi_listApplications", json!({})).await, page(json!([app_json()]), 1));
    assert_eq!(world.call("cartesi_listApplications", Value::Null).await, page(json!([app_json()]), 1));
    let beyond = world.call("cartesi_listApplications", json!([3, 1])).await;
    assert_eq!(beyond, json!({ "data": [], "pagination": { "total_count": 1, "limit": 3, "offset": 1 } }));
    for app in
        ["streamable", "0xab7528bb862fB57E8A2BCd567a2e929a0Be56a5e", "0xab7528bb862fb57e8a2bcd567a2e929a0be56a5e"]
    {
        let found = world.call("cartesi_getApplication", json!({ "application": app })).await;
        assert_eq!(found, json!({ "data": app_json() }), "{app}");
        let found = world.call("cartesi_getProcessedInputCount", json!([app])).await;
        assert_eq!(found, json!({ "data": "0x3" }), "{app}");
    }
    let version = env!("CARGO_PKG_VERSION");
    for params in [json!([]), json!({}), Value::Null, json!([1, 2]), json!("?")] {
        assert_eq!(world.call("cartesi_getChainId", params.clone()).await, json!({ "data": "0x7a69" }));
        assert_eq!(world.call("cartesi_getNodeVersion", params.clone()).await, json!({ "data": version }));
        let found = world.call("cartesi_getNodeInfo", params).await;
        let expected = json!({ "chain_id": "0x7a69", "version": version, "default_block": "LATEST",
            "is_development": true });
        assert_eq!(found, json!({ "data": expected }));
    }
}

#[tokio::test]
async fn epochs_have_the_published_form() {
    let world = World::full("epochs").await;
    let store = world.store();
    let epoch = |index: usize, status: &str, root: Value, claim: Value| {
        let (first, end, created, updated) = [(0, 2, 23, 27), (2, 3, 35, 35), (3, 4, 45, 45)][index];
        json!({
            "index": format!("{index:#x}"), "virtual_index": format!("{index:#x}"),
            "first_block": format!("{:#x}", 10 * index), "last_block": format!("{:#x}", 10 * index + 9),
            "input_index_lower_bound": format!("{first:#x}"), "input_index_upper_bound": format!("{end:#x}"),
            "machine_hash": null, "claim_hash": root, "outputs_merkle_root": root, "outputs_merkle_proof": null,
            "commitment": null, "commitment_proof": null, "claim_transaction_hash": claim,
            "tournament_address": null, "status": status, "staged_at_block": null,
            "created_at": format!("2025-09-05T03:13:{created}Z"), "updated_at": format!("2025-09-05T03:13:{updated}Z"),
        })
    };
    let expected = [
        epoch(0, "CLAIM_ACCEPTED", json!(store.root(2).unwrap()), json!(B256::repeat_byte(0xc1))),
        epoch(1, "CLAIM_COMPUTED", json!(store.root(5).unwrap()), Value::Null),
        epoch(2, "OPEN", Value::Null, Value::Null),
    ];
    assert_eq!(
        world.call("cartesi_listEpochs", json!({ "application": "streamable" })).await,
        page(json!(expected), 3)
    );
    for (index, expected) in expected.iter().enumerate() {
        let params = json!(["streamable", format!("{index:#x}")]);
        assert_eq!(world.call("cartesi_getEpoch", params).await, json!({ "data": expected }));
    }
    let last = world.call("cartesi_getLastAcceptedEpochIndex", json!({ "application": "streamable" })).await;
    assert_eq!(last, json!({ "data": "0x0" }));
}

#[tokio::test]
async fn inputs_have_the_published_form() {
    let world = World::full("inputs").await;
    let store = world.store();
    let raw = "0x415bf363\
        0000000000000000000000000000000000000000000000000000000000007a69\
        000000000000000000000000ab7528bb862fb57e8a2bcd567a2e929a0be56a5e\
        000000000000000000000000f39fd6e51aad88f6f4ce6ab8827279cfffb92266\
        0000000000000000000000000000000000000000000000000000000000000003\
        0000000000000000000000000000000000000000000000000000000068ba5553\
        0000000000000000000000000000000000000000000000000000000000000abc\
        0000000000000000000000000000000000000000000000000000000000000000\
        0000000000000000000000000000000000000000000000000000000000000100\
        0000000000000000000000000000000000000000000000000000000000000005\
        68656c6c6f000000000000000000000000000000000000000000000000000000";
    let transaction = format!("{}a0", zeros(62));
    let expected = json!({
        "epoch_index": "0x0", "index": "0x0", "block_number": "0x3", "raw_data": raw,
        "decoded_data": {
            "chain_id": "0x7a69", "application_contract": "0xab7528bb862fB57E8A2BCd567a2e929a0Be56a5e",
            "sender": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "block_number": "0x3",
            "block_timestamp": "0x68ba5553", "prev_randao": "0xabc", "index": "0x0", "payload": "0x68656c6c6f",
        },
        "status": "ACCEPTED", "machine_hash": null, "outputs_hash": store.root(2).unwrap(),
        "transaction_reference": transaction, "transaction_hash": transaction, "log_index": "0x0",
        "created_at": "2025-09-05T03:13:23Z", "updated_at": "2025-09-05T03:13:23Z",
    });
    let found = world.call("cartesi_getInput", json!({ "application": "streamable", "input_index": "0x0" })).await;
    assert_eq!(found, json!({ "data": expected }));
    let list = world.call("cartesi_listInputs", json!(["streamable"])).await;
    assert_eq!(list["data"][0], expected);
    let statuses: Vec<_> = list["data"].as_array().unwrap().iter().map(|input| input["status"].as_str()).collect();
    assert_eq!(statuses, ["ACCEPTED", "REJECTED", "ACCEPTED", "NONE"].map(Some));
    let roots: Vec<_> = list["data"].as_array().unwrap().iter().map(|input| input["outputs_hash"].clone()).collect();
    let root = |count| json!(store.root(count).unwrap());
    assert_eq!(roots, [root(2), root(2), root(5), Value::Null]);
}

#[tokio::test]
async fn outputs_have_the_published_form_and_the_proof_of_their_own_epoch() {
    let world = World::full("outputs").await;
    let bob = "70997970c51812dc3a010c7d01b50e0d17dc79c8";
    let raw = format!(
        "0x237a816f{}{bob}{}fa{}60{}2cafe{}",
        "0".repeat(24),
        "0".repeat(62),
        "0".repeat(62),
        "0".repeat(63),
        "0".repeat(60)
    );
    let outputs = [
        voucher(BOB, 250, &[0xca, 0xfe]),
        notice(b"hi"),
        delegate_call(ALICE, &[1]),
        voucher(ALICE, 0, &[]),
        notice(&[]),
    ];
    let leaves: Vec<B256> = outputs.iter().map(keccak256).collect();
    let output = |index: usize, decoded_data: Value| {
        let (epoch, input, second, count) = if index < 2 { (0, 0, 23, 2) } else { (1, 2, 35, 5) };
        let time = format!("2025-09-05T03:13:{second}Z");
        json!({
            "epoch_index": format!("{epoch:#x}"), "input_index": format!("{input:#x}"), "index": format!("{index:#x}"),
            "raw_data": hex::encode_prefixed(&outputs[index]), "decoded_data": decoded_data, "hash": leaves[index],
            "output_hashes_siblings": siblings(&leaves[..count], index),
            "execution_transaction_hash": (index == 0).then(|| B256::repeat_byte(0xee)),
            "created_at": time, "updated_at": time,
        })
    };
    let (alice, bob) = (ALICE.to_string(), BOB.to_string());
    let expected = [
        output(0, json!({ "type": "Voucher", "destination": bob, "value": "0xfa", "payload": "0xcafe" })),
        output(1, json!({ "type": "Notice", "payload": "0x6869" })),
        output(2, json!({ "type": "DelegateCallVoucher", "destination": alice, "payload": "0x01" })),
        output(3, json!({ "type": "Voucher", "destination": alice, "value": "0x0", "payload": "0x" })),
        output(4, json!({ "type": "Notice", "payload": "0x" })),
    ];
    assert_eq!(expected[0]["raw_data"], raw);
    assert_eq!(world.call("cartesi_listOutputs", json!(["streamable"])).await, page(json!(expected), 5));
    for (index, expected) in expected.iter().enumerate() {
        let params = json!({ "application": APP, "output_index": format!("{index:#x}") });
        assert_eq!(world.call("cartesi_getOutput", params).await, json!({ "data": expected }));
    }
    world
        .store()
        .record(3, &Answer { status: InputStatus::Accepted, outputs: vec![notice(b"x")], reports: vec![] })
        .unwrap();
    let open = world.call("cartesi_getOutput", json!(["streamable", "0x5"])).await;
    assert_eq!((&open["data"]["hash"], &open["data"]["output_hashes_siblings"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn reports_have_the_published_form() {
    let world = World::full("reports").await;
    let report = |index: u64, epoch: u64, input: u64, raw: &str, second: u64| {
        let time = format!("2025-09-05T03:13:{second}Z");
        json!({
            "epoch_index": format!("{epoch:#x}"), "input_index": format!("{input:#x}"), "index": format!("{index:#x}"),
            "raw_data": raw, "created_at": time, "updated_at": time,
        })
    };
    let expected = [
        report(0, 0, 0, "0x6f6e65", 23),
        report(1, 0, 1, "0x74776f", 27),
        report(2, 0, 1, "0x", 27),
        report(3, 1, 2, "0x666f7572", 35),
    ];
    let list = world.call("cartesi_listReports", json!({ "application": "streamable" })).await;
    assert_eq!(list, page(json!(expected), 4));
    for (index, expected) in expected.iter().enumerate() {
        let params = json!(["streamable", format!("{index:#x}")]);
        assert_eq!(world.call("cartesi_getReport", params).await, json!({ "data": expected }));
    }
}
