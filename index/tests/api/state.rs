//! How the program says how it is.

use alloy::primitives::Address;
use bindings::{Clock, create2_address};
use index::{
    api::Source,
    config::{Erc1620Config, KindConfig},
    kind::{Kind, erc1620::Erc1620},
    rows::Value::{Blob, Text},
};
use serde_json::{Value, json};

use crate::{
    sources::{ALICE, BOB},
    store::{Store, hash},
    world::{CHAIN, World},
};

#[tokio::test]
async fn ready_means_close_to_the_head() {
    let world = World::full().await;
    assert_eq!(world.json("/ready").await, json!({ "head": 65, "lag_blocks": 1 }));
    for (head, derived, is_connected, told) in [
        (Some(97), Some(64), true, "33 blocks behind block 97 of the chain; at most 32 are ready"),
        (Some(40), None, true, "41 blocks behind block 40 of the chain; at most 32 are ready"),
        (Some(65), Some(64), false, "no endpoint of the chain answers; check the endpoints of the configuration"),
        (None, Some(64), true, "no endpoint of the chain answers; check the endpoints of the configuration"),
    ] {
        // What is stored and not derived from yet is in no answer.
        world.progress.send_modify(|it| (it.head, it.stored, it.derived) = (head, head, derived));
        world.progress.send_modify(|it| it.is_connected = is_connected);
        assert_eq!(world.failure("/ready", 503).await, ("not_ready".to_owned(), told.to_owned()));
        assert_eq!(world.json("/health").await, json!({ "status": "ok" }), "alive all the same");
    }
    world.progress.send_modify(|it| (it.head, it.derived, it.is_connected) = (Some(96), Some(64), true));
    assert_eq!(world.json("/ready").await["lag_blocks"], 32);
}

#[tokio::test]
async fn status_tells_how_far_each_stage_is() {
    let world = World::full().await;
    let status = world.json("/v1/status").await;
    let stage = |name: &str, block: u64| json!({ "name": name, "block": block, "hash": hash(block) });
    assert_eq!(
        status["stages"],
        json!([
            stage("derived", 64),
            stage("epochs", 64),
            stage("finalized", 39),
            stage("logs", 64),
            stage("snapshots", 59)
        ])
    );
    for (name, expected) in [
        ("chain_id", json!(CHAIN)),
        ("newest_epoch", json!(5)),
        ("newest_final_epoch", json!(3)),
        ("newest_change", json!(12)),
        ("lag_blocks", json!(1)),
        ("sources", json!([{ "name": "tokens", "kind": "events" }])),
    ] {
        assert_eq!(status[name], expected, "{name}");
    }
    let empty = World::of(Store::empty()).await.json("/v1/status").await;
    assert_eq!((&empty["as_of"], &empty["newest_epoch"], &empty["stages"]), (&json!(null), &json!(null), &json!([])));
}

#[tokio::test]
async fn status_tells_the_contracts_of_streams_and_their_clocks() {
    let deployed = Clock::ALL.map(create2_address);
    let mut store = Store::empty();
    let of = |contracts: &[Address]| Erc1620Config { contracts: contracts.to_vec(), portal: None, tokens: vec![] };
    let source = |name: &str, config| Source { name: name.into(), kind: KindConfig::Erc1620(config), events: vec![] };
    let sources = vec![source("deployed", of(&[])), source("own", of(&[BOB, ALICE, deployed[1], BOB]))];
    let check = async |store: Store, clock: Value| {
        let status = World::with(store, sources.clone()).await.json("/v1/status").await;
        let clock_of = |address: Address| match deployed.iter().position(|it| *it == address) {
            Some(i) => json!(["block", "timestamp"][i]),
            None if address == ALICE => clock.clone(),
            None => Value::Null,
        };
        let listed = |addresses: &[Address]| {
            let mut addresses = addresses.to_vec();
            addresses.sort_unstable();
            let entry = |address: &Address| json!({ "contract": address, "clock": clock_of(*address) });
            addresses.iter().map(entry).collect::<Vec<_>>()
        };
        let expected = json!([
            { "name": "deployed", "kind": "erc1620", "contracts": listed(&deployed) },
            { "name": "own", "kind": "erc1620", "contracts": listed(&[ALICE, BOB, deployed[1]]) },
        ]);
        let checksummed = serde_json::to_string(&status["sources"]).unwrap().to_lowercase();
        assert_eq!(checksummed, serde_json::to_string(&expected).unwrap().to_lowercase());
    };
    // Before the index has made a table of it.
    check(Store::empty(), Value::Null).await;
    for config in [of(&[]), of(&[ALICE])] {
        let name = if config.contracts.is_empty() { "deployed" } else { "own" };
        for table in Erc1620::new(name, 0, &config).unwrap().tables() {
            store.database.create(&table).unwrap();
        }
        store.run("INSERT INTO identity (name, content) VALUES (?1, '')", &[Text(&format!("source {name}"))]);
    }
    store.run("INSERT INTO own_contract VALUES (?1, 1, 7)", &[Blob(ALICE.as_slice())]);
    check(store, json!("timestamp")).await;
}

#[tokio::test]
async fn metrics_count_requests_by_route_and_not_by_path() {
    let mut world = World::full().await;
    world.store.run("INSERT INTO outbox VALUES ('consensus', 'a', '{}', 0, 0)", &[]);
    for path in ["/v1/epochs/1", "/v1/epochs/2", "/v1/epochs/99", "/nothing", "/nowhere"] {
        world.get(path).await;
    }
    let answer = world.get("/metrics").await;
    assert_eq!(answer.headers()["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = answer.text().await.unwrap();
    for line in [
        "index_api_requests_total{route=\"/v1/epochs/{id}\",status=\"200\"} 2",
        "index_api_requests_total{route=\"/v1/epochs/{id}\",status=\"404\"} 1",
        "index_api_requests_total{route=\"other\",status=\"404\"} 2",
        "index_outbox_depth 1",
        "index_head_block 65",
        "# EOF",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }
}
