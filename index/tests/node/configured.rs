//! The node that a configuration describes, from the file to the chain of snapshots.

use std::path::Path;

use alloy::primitives::B256;
use index::block::Checkpoint;
use index::config::Config;
use index::database;
use index::node::Node;
use serde_json::json;
use tokio::runtime::Handle;

use crate::anvil::Anvil;
use crate::run::Running;
use crate::store::Store;
use crate::token;
use crate::turns::on_runtime;

fn config(anvil: &Anvil, store: &str, token: impl std::fmt::Display, size: u64) -> Config {
    let text = format!(
        r#"
        store = "{store}"
        [chain]
        id = 31337
        endpoints = [{{ url = "{}" }}]
        poll_ms = 20
        [epochs]
        genesis = 1
        size = {size}
        offset = 2
        [[source]]
        name = "tokens"
        kind = "events"
        contracts = ["{token}"]
        abi = "abi/DemoToken.json"
        events = ["Transfer"]
        "#,
        anvil.url()
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings");
    Config::parse(&text, &folder, &|_| None).unwrap()
}

#[test]
fn a_configuration_becomes_an_index() {
    on_runtime(async {
        // A block is final when eight follow it.
        let anvil = token::start(4, &[]);
        let token = anvil.deploy();
        let store = Store::file("configured");
        for amount in 1..=20 {
            anvil.send(&token::mint(token, amount));
            anvil.ask("anvil_mine", &json!(["0x1"]));
        }
        let node = |size| Node::new(&config(&anvil, &store.address, token, size), Handle::current()).unwrap();
        let mut running = Running::start(node(5));
        // Blocks 1 to 41, of which those to 33 are final: six epochs of five blocks end there.
        let end = Checkpoint { number: 30, hash: anvil.hash(30) };
        running.until_cursor("outbox", end).await;
        running.stop().await;
        let mut database = database::open(&store.address).unwrap();
        let rows = database.ask("SELECT block, idx, tx, value FROM tokens_transfer ORDER BY block, idx", &[]).unwrap();
        let stored: Vec<_> = rows
            .iter()
            .map(|row| (row.count(0).unwrap(), row.count(1).unwrap(), row.hash(2).unwrap(), row.amount(3).unwrap()))
            .collect();
        assert_eq!(stored, anvil.logs(token));
        assert_eq!(stored.len(), 20);
        let snapshots = database.ask("SELECT epoch, end_hash FROM snapshot ORDER BY epoch", &[]).unwrap();
        let expected: Vec<(u64, B256)> = (0..7).map(|id| (id, anvil.hash(5 * id + 5))).collect();
        let found: Vec<_> = snapshots.iter().map(|row| (row.count(0).unwrap(), row.hash(1).unwrap())).collect();
        assert_eq!(found, expected, "epoch 6 ends at block 35, and is tentative");
        let heights = database.ask("SELECT height FROM dag ORDER BY height", &[]).unwrap();
        assert_eq!(heights.iter().map(|row| row.count(0).unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        assert!(database.ask("SELECT sink FROM outbox", &[]).unwrap().is_empty(), "there is nobody to tell");
        drop(database);

        let refusal = Running::start(node(6)).end().await.unwrap_err().to_string();
        let expected = "the store was made with epochs.size = 5, but the configuration says 6";
        assert!(refusal.starts_with(expected), "{refusal}");
    });
}
