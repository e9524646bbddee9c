//! Pairs and tokens over HTTP, by our names and by Pooler's.

use serde_json::{Value, json};

use crate::{
    sources::{ALICE, PAIR, USD, WETH},
    world::World,
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
