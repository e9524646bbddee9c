//! State that a configured source reads at the ends of epochs, against what a real chain says.

use std::collections::BTreeMap;
use std::path::Path;

use alloy::hex;
use alloy::primitives::{Address, B256, U256};
use alloy::sol_types::SolCall;
use bindings::DemoToken;
use index::Error;
use index::block::Checkpoint;
use index::config::Config;
use index::database;
use index::node::Node;
use ipld_core::ipld::Ipld;
use serde_json::json;
use tokio::runtime::Handle;

use crate::anvil::Anvil;
use crate::run::Running;
use crate::store::Store;
use crate::token;
use crate::turns::on_runtime;

/// An account without code, and a contract that reverts.
const SILENT: [Address; 2] = [Address::repeat_byte(0x51), Address::repeat_byte(0x52)];

/// Whose balance is read: those that the test mints are for it.
const HOLDER: Address = Address::repeat_byte(0x77);

/// States that anvil keeps.
const N_STATES: u64 = 500;

fn node(anvil: &Anvil, store: &Store, contracts: &[Address]) -> Node<index::chain::Chain> {
    let contracts: Vec<String> = contracts.iter().map(|contract| format!("\"{contract}\"")).collect();
    let text = format!(
        r#"
        store = "{}"
        [chain]
        id = 31337
        endpoints = [{{ url = "{}" }}]
        poll_ms = 20
        [epochs]
        genesis = 1
        size = 5
        offset = 2
        [[source]]
        name = "my-app"
        kind = "events"
        contracts = [{}]
        abi = "abi/DemoToken.json"
        events = ["Transfer"]
        reads = ["totalSupply", "balanceOf({HOLDER})", "symbol()"]
        "#,
        store.address,
        anvil.url(),
        contracts.join(", ")
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings");
    Node::new(&Config::parse(&text, &folder, &|_| None).unwrap(), Handle::current()).unwrap()
}

/// What the token says at the block of this hash.
fn number(anvil: &Anvil, token: Address, input: Vec<u8>, hash: B256) -> U256 {
    let call = json!({ "to": token, "data": hex::encode_prefixed(input) });
    let answer = anvil.ask("eth_call", &json!([call, { "blockHash": hash }]));
    serde_json::from_value::<B256>(answer).unwrap().into()
}

/// Epochs, the hashes of their ends, addresses and states of all snapshots.
fn snapshots(store: &Store) -> Vec<(u64, B256, String, Ipld)> {
    let mut database = database::open(&store.address).unwrap();
    let rows = database.ask("SELECT epoch, end_hash, cid, content FROM snapshot ORDER BY epoch", &[]).unwrap();
    let read = |row: index::rows::Row<'_>| {
        let Ipld::Map(payload) = serde_ipld_dagcbor::from_slice(row.blob(3).unwrap()).unwrap() else { panic!("a map") };
        (row.count(0).unwrap(), row.hash(1).unwrap(), row.text(2).unwrap().to_owned(), payload["state"].clone())
    };
    rows.iter().map(read).collect()
}

/// All snapshots have what the contracts say at the blocks that they are of.
#[track_caller]
fn check(anvil: &Anvil, store: &Store, token: Address, n_epochs: usize) {
    let found = snapshots(store);
    assert_eq!(found.len(), n_epochs);
    let mut supplies = Vec::new();
    for (epoch, end_hash, _, state) in found {
        assert_eq!(end_hash, anvil.hash(5 * epoch + 5));
        let supply = number(anvil, token, DemoToken::totalSupplyCall {}.abi_encode(), end_hash);
        let balance = number(anvil, token, DemoToken::balanceOfCall { account: HOLDER }.abi_encode(), end_hash);
        supplies.push(supply);
        let read = |supply: Ipld, balance: Ipld, symbol: Ipld| {
            let balance_of = format!("balanceOf({HOLDER})");
            let read = [("totalSupply".to_owned(), supply), (balance_of, balance), ("symbol".to_owned(), symbol)];
            Ipld::Map(read.into())
        };
        let amount = |amount: U256| match u64::try_from(amount) {
            Ok(amount) => Ipld::Integer(amount.into()),
            Err(_) => Ipld::Bytes(amount.to_be_bytes_vec()),
        };
        let nothing = || read(Ipld::Null, Ipld::Null, Ipld::Null);
        let mut expected: BTreeMap<String, Ipld> = SILENT.map(|silent| (format!("{silent:#x}"), nothing())).into();
        let symbol = Ipld::String(symbol(anvil, token));
        expected.insert(format!("{token:#x}"), read(amount(supply), amount(balance), symbol));
        assert_eq!(state, Ipld::Map(expected), "epoch {epoch}");
    }
    assert!(supplies.is_sorted() && supplies.first() < supplies.last(), "{supplies:?}");
}

fn symbol(anvil: &Anvil, token: Address) -> String {
    let call = json!({ "to": token, "data": hex::encode_prefixed(DemoToken::symbolCall {}.abi_encode()) });
    let answer = anvil.ask("eth_call", &json!([call, "latest"]));
    DemoToken::symbolCall::abi_decode_returns(&hex::decode(answer.as_str().unwrap()).unwrap()).unwrap()
}

fn mint(anvil: &Anvil, token: Address, amounts: std::ops::RangeInclusive<u64>) {
    for amount in amounts {
        drop(anvil.send(&token::mint(token, amount)));
    }
}

#[test]
fn state_is_that_of_the_end_of_each_epoch_also_after_a_reorg() {
    on_runtime(async {
        let anvil = token::start(32, &[]);
        let token = anvil.deploy();
        anvil.ask("anvil_setCode", &json!([SILENT[1], "0x60006000fd"]));
        let contracts = [SILENT[1], token, SILENT[0]];
        mint(&anvil, token, 1..=16);
        let store = Store::file("reads");
        let mut running = Running::start(node(&anvil, &store, &contracts));
        let end = |number| Checkpoint { number, hash: anvil.hash(number) };
        running.until_cursor("snapshots", end(15)).await;
        check(&anvil, &store, token, 3);

        // Blocks 14 to 17 are replaced, one of them with more than before.
        let before = anvil.hash(15);
        anvil.ask("anvil_reorg", &json!([4, [[token::mint(token, 1_000), 0]]]));
        assert_ne!(anvil.hash(15), before);
        mint(&anvil, token, 17..=21);
        running.until_cursor("snapshots", end(20)).await;
        running.stop().await;
        check(&anvil, &store, token, 4);

        // Who begins when all is over says the same, as long as the states are there.
        let late = Store::file("reads-late");
        let mut running = Running::start(node(&anvil, &late, &contracts));
        running.until_cursor("snapshots", end(20)).await;
        running.stop().await;
        assert_eq!(snapshots(&late), snapshots(&store));
    });
}

#[test]
fn a_state_that_no_endpoint_keeps_is_told_with_the_remedy() {
    on_runtime(async {
        let anvil = token::start(32, &[]);
        let token = anvil.deploy();
        // More blocks than anvil has states of.
        anvil.ask("anvil_mine", &json!([format!("{:#x}", 3 * N_STATES)]));
        let store = Store::file("reads-pruned");
        let error = Running::start(node(&anvil, &store, &[token])).end().await.unwrap_err();
        assert!(matches!(error, Error::NoState { block: 5, .. }), "{error}");
        let told = "no endpoint has the state of block 5, which what source my-app reads at the end of an epoch needs; add an \
                    endpoint that has it, or leave `reads` out and name another store: only archive nodes keep old states";
        assert_eq!(error.to_string(), told);
    });
}
