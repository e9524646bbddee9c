//! Pairs and tokens over HTTP, by our names and by Pooler's.

use std::sync::Arc;

use alloy::primitives::Address;
use index::{
    api::{self, Api},
    metrics::Metrics,
    progress::Progress,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    sources::{ALICE, PAIR, USD, WETH, market_pair},
    store::Store,
    world::{CHAIN, World},
};

#[tokio::test]
async fn a_pair_tells_what_it_holds_and_what_was_traded() {
    let world = World::whole().await;
    let pair = world.json(&format!("/v1/pairs/{PAIR}")).await;
    assert_eq!((&pair["as_of"]["block"], &pair["as_of"]["state"]), (&json!(59), &json!("tentative")));
    assert_eq!(pair["reserves"], json!(["2006000", "997.018"]));
    assert_eq!(pair["last_24h"]["volumes"], json!(["6000", "2.982"]));
    // 0.3 % of the dollars that went in.
    assert_eq!(pair["last_24h"]["fees"], json!(["18", "0"]));
    assert_eq!(world.json("/v1/pairs").await["items"], json!([without_as_of(pair)]));
    let old = world.json(&format!("/v1/pairs/{PAIR}?epoch=3")).await;
    assert_eq!((&old["reserves"], &old["as_of"]["state"]), (&json!(["2002000", "999.004"]), &json!("final")));
    assert_eq!(old["last_24h"]["n_swaps"], 1);
    world.failure(&format!("/v1/pairs/{ALICE}"), 404).await;
}

fn without_as_of(mut item: Value) -> Value {
    item.as_object_mut().unwrap().remove("as_of");
    item
}

#[tokio::test]
async fn tokens_have_prices() {
    let world = World::whole().await;
    let page = world.json("/v1/tokens?limit=1").await;
    assert_eq!(page["items"][0]["token"]["symbol"], "USD");
    let rest = world.json(&format!("/v1/tokens?limit=1&after={}", page["next"].as_str().unwrap())).await;
    assert_eq!((&rest["items"][0]["token"]["symbol"], &rest["next"]), (&json!("WETH"), &Value::Null));
    let weth = world.json(&format!("/v1/tokens/{WETH}")).await;
    assert_eq!(without_as_of(weth.clone()), rest["items"][0]);
    // 2,006,000 / 997.018, to 18 decimals.
    assert_eq!(weth["price_usd"], "2011.999783353961513232");
    world.failure(&format!("/v1/tokens/{ALICE}"), 404).await;
}

#[tokio::test]
async fn transactions_come_newest_first_and_page_by_page() {
    let world = World::whole().await;
    for path in [format!("/v1/pairs/{PAIR}/transactions"), format!("/v1/tokens/{USD}/transactions")] {
        let page = world.json(&path).await;
        let kinds: Vec<_> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["kind"].as_str().unwrap(), it["block"].as_u64().unwrap()))
            .collect();
        assert_eq!(kinds, [("swap", 45), ("swap", 12), ("mint", 2)]);
        let first = world.json(&format!("{path}?limit=2")).await;
        let rest = world.json(&format!("{path}?limit=2&after={}", first["next"].as_str().unwrap())).await;
        assert_eq!((&rest["items"][0], &rest["next"]), (&page["items"][2], &Value::Null));
        world
            .failure(
                &path.replace(&PAIR.to_string(), &ALICE.to_string()).replace(&USD.to_string(), &ALICE.to_string()),
                404,
            )
            .await;
    }
}

#[tokio::test]
async fn days_are_told() {
    let world = World::whole().await;
    let page = world.json("/v1/daily?days=2").await;
    assert_eq!(page["items"][0]["n_swaps"], 2);
    for days in ["0", "367"] {
        let (_, message) = world.failure(&format!("/v1/daily?days={days}"), 400).await;
        assert_eq!(message, format!("days is \"{days}\"; give a whole number from 1 to 366"));
    }
}

#[tokio::test]
async fn pooler_has_its_names_numbers_and_texts() {
    let world = World::whole().await;
    let pairs = world.json("/v2-pairs").await;
    let pair = &pairs[0];
    // Twice 2,006,000, since Ether is priced by this pair alone.
    assert_eq!(pair["liquidity"], "US$4,012,000");
    assert_eq!((&pair["name"], &pair["block_height"]), (&json!("USD-WETH"), &json!(59)));
    assert_eq!((&pair["token0Liquidity"], &pair["token0TradeVolume_24h"]), (&json!(2_006_000.0), &json!(6_000.0)));
    assert_eq!(world.json(&format!("/v2-pair/{PAIR}")).await, json!({ "data": pair }));
    assert_eq!(world.json(&format!("/v2-pair/{ALICE}")).await, json!({ "data": Value::Null }));
    let tokens = world.json("/v2-tokens").await;
    assert_eq!((&tokens[1]["index"], &tokens[1]["block_height"]), (&json!(1), &json!(59)));
    let weth = world.json(&format!("/v2-token/{WETH}")).await;
    assert_eq!((&weth["data"]["symbol"], &weth["data"]["liquidity"]), (&json!("WETH"), &json!(997.018)));
    let stats = world.json("/v2-daily-stats").await;
    assert_eq!(stats["tvl"]["currentValue"], "US$4.01m");
    let answer = world.get("/v2-pairs").await;
    assert_eq!(
        (&answer.headers()["x-index-state"], &answer.headers()["x-index-block"]),
        (&"tentative".parse().unwrap(), &"59".parse().unwrap())
    );
}

#[tokio::test]
async fn pooler_lists_logs_snapshots_and_the_pair_of_tokens() {
    let world = World::whole().await;
    let logs = world.json(&format!("/v2-pairs-recent-logs?pair_contract={PAIR}")).await;
    let told: Vec<_> = logs
        .as_array()
        .unwrap()
        .iter()
        .map(|log| (log["event"].as_str().unwrap(), log["blockNumber"].as_u64().unwrap()))
        .collect();
    assert_eq!(told, [("Swap", 45), ("Swap", 12), ("Mint", 2)]);
    let list = world.json(&format!("/snapshots/{PAIR}?maxCount=2&stream=trade_volume&data=true")).await;
    let heights: Vec<_> = list.as_array().unwrap().iter().map(|block| block["height"].as_u64().unwrap()).collect();
    assert_eq!(heights, [3, 2], "only final ones, the newest first");
    assert_eq!(list[0]["prevCid"]["/"], list[1]["dagCid"]);
    assert_eq!(list[1]["data"]["payload"]["chainHeightRange"], json!({ "begin": 20, "end": 29 }));
    let plain = world.json(&format!("/snapshots/{PAIR}")).await;
    assert_eq!((plain.as_array().unwrap().len(), &plain[3]["prevCid"]), (4, &Value::Null));
    for (token0, token1, expected) in [(USD, WETH, json!(PAIR)), (WETH, USD, json!(PAIR)), (USD, ALICE, Value::Null)] {
        let found = world.json(&format!("/pair_address?token0={token0}&token1={token1}")).await;
        assert_eq!(found, json!({ "data": { "pairContractAddress": expected } }));
    }
    assert_eq!(world.failure("/pair_address?token0=0x00", 400).await.0, "bad_parameter");
    world.failure(&format!("/snapshots/{PAIR}?maxCount=101"), 400).await;
}

#[tokio::test]
async fn pooler_looks_back_to_the_ends_of_epochs() {
    let world = World::whole().await;
    // Epoch 0 has the pair from block 1 on, and epoch 6 has not ended.
    let heights = json!({ "snapshots": [9, 19, 29, 39, 49, 59] });
    for list in ["pairs", "tokens", "daily-stats"] {
        for prefix in ["", "/v1/api"] {
            let path = format!("{prefix}/v2-{list}");
            assert_eq!(world.json(&format!("{path}/snapshots")).await, heights);
            assert_eq!(world.json(&format!("{path}/59")).await, world.json(&path).await);
            assert_ne!(world.json(&format!("{path}/39")).await, world.json(&path).await);
            for height in ["0", "38", "40", "60", "69", "9223372036854775807"] {
                assert_eq!(world.json(&format!("{path}/{height}")).await, json!({ "data": Value::Null }), "{height}");
            }
        }
    }
    let old = world.json("/v2-pairs/39").await;
    assert_eq!((&old[0]["block_height"], &old[0]["token0Liquidity"]), (&json!(39), &json!(2_002_000.0)));
    assert_eq!((&old[0]["liquidity"], &old[0]["fees_24h"]), (&json!("US$4,004,000"), &json!("US$6")));
    let answer = world.get("/v2-tokens/39").await;
    assert_eq!(
        (&answer.headers()["x-index-state"], &answer.headers()["x-index-block"]),
        (&"final".parse().unwrap(), &"39".parse().unwrap())
    );
}

#[tokio::test]
async fn pooler_tells_more_under_its_versioned_paths() {
    let world = World::whole().await;
    let full = |data: Value, begins: Value| {
        let mut full = json!({
            "data": data, "txHash": Value::Null, "cid": Value::Null, "txStatus": Value::Null, "prevTxHash": Value::Null,
            "block_height": 39, "block_timestamp": 1_700_000_468,
        });
        full.as_object_mut().unwrap().extend(begins.as_object().unwrap().clone());
        full
    };
    let data = world.json("/v2-pairs/39").await;
    // A day is longer than this chain, so that both windows begin with it.
    let begins = json!({
        "begin_block_height_24h": 0, "begin_block_timestamp_24h": 1_700_000_108,
        "begin_block_height_7d": 0, "begin_block_timestamp_7d": 1_700_000_108,
    });
    assert_eq!(world.json("/v1/api/v2-pairs/39").await, full(data, begins));
    for list in ["tokens", "daily-stats"] {
        let data = world.json(&format!("/v2-{list}/39")).await;
        assert_eq!(world.json(&format!("/v1/api/v2-{list}/39")).await, full(data, json!({})));
    }
    let (code, message) = world.failure(&format!("/v1/api/v2-pair/{PAIR}"), 404).await;
    assert_eq!(code, "not_found");
    assert!(message.ends_with("is no route; / lists all of them"), "{message}");
}

#[tokio::test]
async fn pooler_tells_that_there_is_nothing_yet() {
    let world = World::unfilled().await;
    for path in ["/v2-pairs", "/v2-tokens", "/v2-daily-stats", "/v1/api/v2-pairs", "/v2-pairs/9"] {
        assert_eq!(world.json(path).await, json!({ "data": Value::Null }), "{path}");
    }
    assert_eq!(world.json("/v2-pairs/snapshots").await, json!({ "snapshots": [] }));
    for path in ["pairs-recent-logs?pair_contract", "tokens-recent-logs?token_contract"] {
        assert_eq!(world.json(&format!("/v2-{path}={PAIR}")).await, json!({ "data": Value::Null }));
    }
}

#[tokio::test]
async fn what_pooler_cannot_be_asked_is_told() {
    let world = World::whole().await;
    const COUNT: &str = "give a whole number from 0 to 9223372036854775807";
    const ADDRESS: &str = "give an address: 0x and 40 hexadecimal digits, in small letters or with the right checksum";
    for (path, told) in [
        ("/v2-pairs/abc", format!("block_height is \"abc\"; {COUNT}")),
        ("/v2-pairs/-1", format!("block_height is \"-1\"; {COUNT}")),
        ("/v2-tokens/39.0", format!("block_height is \"39.0\"; {COUNT}")),
        ("/v2-tokens/039", format!("block_height is \"039\"; {COUNT}")),
        ("/v2-daily-stats/9223372036854775808", format!("block_height is \"9223372036854775808\"; {COUNT}")),
        ("/v1/api/v2-pairs/0x27", format!("block_height is \"0x27\"; {COUNT}")),
        ("/v1/api/v2-pairs/1%20OR%201=1", format!("block_height is \"1 OR 1=1\"; {COUNT}")),
        ("/v2-pairs/39?block_height=49", "block_height is given twice, the second time as \"39\"; give it once".into()),
        ("/v2-pairs?block_height=39", "\"block_height\" is no parameter here, and is \"39\"; give source".into()),
        ("/v2-pairs/39?source=none", "source is \"none\"; give one of uniswap".into()),
        ("/v2-tokens-recent-logs", format!("token_contract is not given; {ADDRESS}")),
        ("/v2-tokens-recent-logs?token_contract=USD", format!("token_contract is \"USD\"; {ADDRESS}")),
        (
            "/v2-tokens-recent-logs?token_contract=';DROP%20TABLE%20snapshot;--",
            format!("token_contract is \"';DROP TABLE snapshot;--\"; {ADDRESS}"),
        ),
        (
            "/v2-pairs-recent-logs?token_contract=0x00",
            "\"token_contract\" is no parameter here, and is \"0x00\"; give pair_contract, source".into(),
        ),
    ] {
        assert_eq!(world.failure(path, 400).await, ("bad_parameter".to_owned(), told), "{path}");
    }
    for path in ["/v2-pairs/snapshots/1", "/v2-pairs/39/", "/v1/api", "/v1/api/health", "/v2-pairs/../../etc/passwd"] {
        assert_eq!(world.failure(path, 404).await.0, "not_found", "{path}");
    }
}

/// Addresses in a log are those of its arguments and of the pair, so that each log tells where it is from.
fn place(log: &Value) -> (u64, u64) {
    (log["blockNumber"].as_u64().unwrap(), log["logIndex"].as_u64().unwrap())
}

#[tokio::test]
async fn pooler_lists_the_logs_of_all_pairs_of_a_token() {
    let n_pairs = 20;
    let world = World::market(Store::empty(), n_pairs).await;
    let logs = async |path: String| world.json(&path).await.as_array().unwrap().clone();
    let mut expected = Vec::new();
    for pair in (0..n_pairs).map(|i| market_pair(i).0) {
        let of_pair = logs(format!("/v2-pairs-recent-logs?pair_contract={pair}")).await;
        assert!(of_pair.iter().all(|log| log["address"] == json!(pair.to_checksum(None))));
        expected.extend(of_pair);
    }
    // A mint of each, and a swap of each in one block of ten from block 3 to block 59.
    assert_eq!(expected.len(), 20 + 2 * 57);
    let found = logs(format!("/v2-tokens-recent-logs?token_contract={WETH}")).await;
    assert_eq!(found.len(), 75);
    assert!(found.is_sorted_by_key(|log| std::cmp::Reverse(log["blockNumber"].as_u64().unwrap())));
    expected.sort_by_key(|log| std::cmp::Reverse(place(log)));
    let newest: Vec<_> = expected[..74].iter().collect();
    // Two logs a block: one of the oldest block's is cut off, and which one is not said.
    assert!(newest.iter().all(|log| found.contains(log)), "{found:?}");
    let [(pair, token), (_, other)] = [7, 8].map(market_pair);
    let of_token = logs(format!("/v2-tokens-recent-logs?token_contract={token}")).await;
    assert_eq!(of_token, logs(format!("/v2-pairs-recent-logs?pair_contract={pair}")).await);
    assert_ne!(of_token, logs(format!("/v2-tokens-recent-logs?token_contract={other}")).await);
    // What is no token of a pair has no trades.
    for stranger in [ALICE, PAIR, Address::ZERO] {
        assert!(logs(format!("/v2-tokens-recent-logs?token_contract={stranger}")).await.is_empty());
    }
}

/// The address of another API of the same store, which has kept nothing.
async fn afresh(world: &World) -> String {
    let (_, progress) = watch::channel(Progress::default());
    let store = world.store.path.to_str().unwrap().to_owned();
    let api = Api::new(store, CHAIN, world.sources.clone(), progress, Arc::new(Metrics::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(api::serve(listener, api, Arc::new(|_| {}), std::future::pending()));
    url
}

/// What is answered, to the byte, by an API that has kept what it can and by one that has kept nothing.
async fn check_kept(world: &World) -> Vec<String> {
    let mut told = Vec::new();
    for path in [
        "/v1/pairs".to_owned(),
        "/v1/pairs?epoch=3".into(),
        format!("/v1/pairs/{PAIR}"),
        format!("/v1/pairs/{ALICE}"),
        "/v1/tokens".into(),
        "/v1/tokens?limit=1&epoch=4".into(),
        format!("/v1/tokens/{WETH}"),
        "/v2-pairs".into(),
        "/v2-pairs/39".into(),
        format!("/v2-pair/{PAIR}"),
        "/v2-tokens".into(),
        format!("/v2-token/{USD}"),
        "/v2-daily-stats".into(),
        "/v1/api/v2-pairs".into(),
    ] {
        let ask = async |url: String| {
            let answer = world.http.get(url).send().await.unwrap();
            let headers: Vec<_> =
                ["x-index-block", "x-index-state"].iter().map(|name| answer.headers().get(*name).cloned()).collect();
            (answer.status(), headers, answer.text().await.unwrap())
        };
        let expected = ask(format!("{}{path}", afresh(world).await)).await;
        for _ in 0..2 {
            assert_eq!(ask(format!("http://{}{path}", world.address)).await, expected, "{path}");
        }
        told.push(expected.2);
    }
    told
}

/// Takes epoch 5 back, as a reorg does.
fn take_back(store: &mut Store) {
    store.run("UPDATE epoch SET state = 0, end_hash = NULL, end_timestamp = NULL WHERE id = 5", &[]);
    store.run("DELETE FROM snapshot WHERE epoch = 5", &[]);
    store.run("DELETE FROM prefix_sum WHERE epoch = 5", &[]);
    store.cursor("snapshots", 49);
}

#[tokio::test]
async fn lists_that_are_kept_are_those_that_would_be_made() {
    let mut world = World::whole().await;
    let whole = check_kept(&world).await;
    take_back(&mut world.store);
    let shorter = check_kept(&world).await;
    assert_ne!(shorter[0], whole[0]);
    // Epoch 5 comes again on another fork, where it ends as epoch 3 did.
    for sql in [
        "UPDATE epoch SET state = 1, end_hash = parents.parent, end_timestamp = 1700000700 FROM \
         (SELECT parent FROM block WHERE number = 3) AS parents WHERE id = 5",
        "INSERT INTO snapshot SELECT project, 5, end_hash, 'other ' || cid, content FROM snapshot WHERE epoch = 3",
        "INSERT INTO prefix_sum SELECT project, name, 5, total FROM prefix_sum WHERE epoch = 4",
        "UPDATE cursor SET number = 59, hash = parents.parent FROM \
         (SELECT parent FROM block WHERE number = 3) AS parents WHERE name = 'snapshots'",
    ] {
        world.store.run(sql, &[]);
    }
    let other = check_kept(&world).await;
    assert!(other[0] != whole[0] && other[0] != shorter[0]);
    assert!(other[2].contains(r#""reserves":["2002000","999.004"]"#), "{}", other[2]);
    // Blocks of chains of snapshots come when an epoch is final, without a snapshot more.
    world.store.run("INSERT INTO dag SELECT project, 5, 'five', content FROM dag WHERE height = 3", &[]);
    world.store.cursor("dag", 59);
    let chained = check_kept(&world).await;
    assert!(!other[7].contains("five") && chained[7].contains(r#""head_block_cid":"five""#), "{}", chained[7]);
}
