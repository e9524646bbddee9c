//! Streams over HTTP.

use serde_json::{Value, json};

use crate::{
    sources::{ALICE, APP, BOB, CAROL, COIN, streaming},
    world::World,
};

/// The numbers of the streams that a query finds.
async fn found(world: &World, query: &str) -> Vec<String> {
    let page = world.json(&format!("/v1/streams?{query}")).await;
    page["items"].as_array().unwrap().iter().map(|stream| stream["stream_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn are_found_by_party_token_state_and_contract() {
    let world = World::whole().await;
    for (query, expected) in [
        (String::new(), vec!["1", "2", "3"]),
        (format!("sender={ALICE}"), vec!["1", "2"]),
        (format!("recipient={CAROL}"), vec!["3"]),
        (format!("party={BOB}"), vec!["1", "2", "3"]),
        (format!("party={CAROL}&token={COIN}"), vec!["3"]),
        (format!("token={ALICE}"), vec![]),
        (format!("contract={}", streaming()), vec!["1", "2", "3"]),
        ("state=open".into(), vec!["1", "3"]),
        ("state=pending".into(), vec!["3"]),
        ("state=streaming".into(), vec!["1"]),
        ("state=stopped".into(), vec![]),
        ("state=ended".into(), vec!["2"]),
        ("state=all&source=streams".into(), vec!["1", "2", "3"]),
        ("block=10".into(), vec!["1", "2"]),
        ("block=10&state=ended".into(), vec![]),
    ] {
        assert_eq!(found(&world, &query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn show_what_is_due_at_the_block_that_is_asked_for() {
    let world = World::whole().await;
    let path = format!("/v1/streams/{}/1", streaming());
    // Ten a block from block 5 on, and 100 withdrawn in block 15.
    for (query, block, state, due, withdrawn) in [
        ("", 64, "tentative", "490", "100"),
        ("?block=39", 39, "final", "240", "100"),
        ("?block=10", 10, "final", "50", "0"),
        ("?block=3", 3, "final", "0", "0"),
    ] {
        let stream = world.json(&format!("{path}{query}")).await;
        assert_eq!((&stream["token_symbol"], &stream["token_decimals"]), (&json!("WETH"), &json!(18)), "{query}");
        assert_eq!(
            (&stream["as_of"]["block"], &stream["as_of"]["state"], &stream["due"], &stream["withdrawn"]),
            (&json!(block), &json!(state), &json!(due), &json!(withdrawn)),
            "{query}"
        );
    }
    for (query, status, told) in [
        ("?block=65", 400, "block is \"65\"; give at most 64, the newest block"),
        ("?block=2", 404, &format!("stream 1 of {} is not there; /v1/streams lists those that are", streaming())),
    ] {
        assert_eq!(world.failure(&format!("{path}{query}"), status).await.1, told);
    }
    assert_eq!(world.failure(&format!("/v1/streams/{ALICE}/1"), 404).await.0, "not_found");
}

#[tokio::test]
async fn tell_their_history() {
    let world = World::whole().await;
    let path = format!("/v1/streams/{}/1/history", streaming());
    let page = world.json(&path).await;
    let told: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["event"].as_str().unwrap(), it["block"].as_u64().unwrap()))
        .collect();
    assert_eq!(told, [("created", 3), ("withdrawn", 15)]);
    let first = world.json(&format!("{path}?limit=1")).await;
    let second = world.json(&format!("{path}?limit=1&after={}", first["next"].as_str().unwrap())).await;
    assert_eq!((&first["items"][0], &second["items"][0]), (&page["items"][0], &page["items"][1]));
    world.failure(&path.replace("/1/", "/9/"), 404).await;
}

#[tokio::test]
async fn come_in_pages_that_join() {
    let world = World::whole().await;
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let page = world.json(&format!("/v1/streams?limit=1{after}")).await;
        ids.extend(page["items"].as_array().unwrap().iter().map(|stream| stream["stream_id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(ids, ["1", "2", "3"]);
}

#[tokio::test]
async fn add_up_by_contract_and_token() {
    let world = World::whole().await;
    let page = world.json("/v1/totals").await;
    let totals = &page["items"][0];
    assert_eq!((&page["as_of"]["block"], &page["as_of"]["state"]), (&json!(59), &json!("tentative")));
    // Stream 1 holds 700 of its 800, and stream 3 all of 1,000; of stream 1, 440 are due at block 59.
    for (name, expected) in [("open", json!(2)), ("active", json!(1)), ("locked", json!("1700")), ("due", json!("440"))]
    {
        assert_eq!(totals[name], expected, "{name}");
    }
    let old = world.json("/v1/totals?epoch=1").await;
    assert_eq!((&old["items"][0]["open"], &old["as_of"]["state"]), (&json!(1), &json!("final")));
    assert_eq!(world.failure("/v1/totals?epoch=6", 404).await.1, "epoch 6 has no snapshots; the newest is 5");
}

#[tokio::test]
async fn deposits_are_found_by_account() {
    let world = World::whole().await;
    for (query, expected) in [
        (String::new(), vec!["5", "6"]),
        (format!("account={BOB}"), vec!["6"]),
        (format!("app={APP}&token={COIN}"), vec!["5", "6"]),
        (format!("app={BOB}"), vec![]),
    ] {
        let page = world.json(&format!("/v1/deposits?{query}")).await;
        let amounts: Vec<_> =
            page["items"].as_array().unwrap().iter().map(|it| it["amount"].as_str().unwrap()).collect();
        assert_eq!(amounts, expected, "{query}");
    }
}

#[tokio::test]
async fn sources_that_are_not_there_are_told() {
    let world = World::whole().await;
    assert_eq!(world.failure("/v1/streams?source=uniswap", 400).await.1, "source is \"uniswap\"; give one of streams");
    let world = World::full().await;
    for path in ["/v1/streams", "/v1/deposits", "/v1/totals", "/v1/pairs", "/v2-pairs"] {
        let kind = if path.contains("pairs") { "uniswap-v2" } else { "erc1620" };
        let told = format!("no source of kind {kind} is indexed; add one to the configuration");
        assert_eq!(world.failure(path, 404).await.1, told);
    }
}

#[tokio::test]
async fn lists_are_empty_while_nothing_is_indexed() {
    let world = World::unfilled().await;
    for path in ["/v1/streams", "/v1/totals", "/v1/pairs", "/v1/tokens", "/v1/daily", "/v1/deposits"] {
        assert_eq!(world.json(path).await, json!({ "as_of": null, "items": [], "next": null }), "{path}");
    }
    assert_eq!(world.json("/v2-pairs").await, json!({ "data": Value::Null }));
}
