//! Answers while logs are stored that nothing is derived from yet.

use serde_json::{Value, json};

use crate::{
    sources::{PAIR, USD, streaming},
    world::World,
};

#[tokio::test]
async fn nothing_is_told_of_blocks_after_the_one_that_an_answer_is_of() {
    let mut world = World::whole().await;
    world.store.cursor("derived", 30);
    let page = world.json("/v1/events/tokens_transfer?from_block=29&limit=1000").await;
    assert_eq!((blocks(&page), &page["as_of"]["block"]), (vec![29, 29, 29, 30, 30, 30], &json!(30)));
    let newest = world.json("/v1/events/tokens_transfer?order=desc&limit=1").await;
    assert_eq!(newest["items"][0]["block"], 30);
    let late = world.json("/v1/events/tokens_transfer?from_block=31").await;
    assert_eq!((&late["items"], &late["as_of"]["block"]), (&json!([]), &json!(30)));
    for path in [format!("/v1/pairs/{PAIR}/transactions"), format!("/v1/tokens/{USD}/transactions")] {
        let page = world.json(&path).await;
        assert_eq!((blocks(&page), &page["as_of"]["block"]), (vec![12, 2], &json!(30)));
    }
    world.store.cursor("derived", 14);
    let history = world.json(&format!("/v1/streams/{}/1/history", streaming())).await;
    assert_eq!((blocks(&history), &history["as_of"]["block"]), (vec![3], &json!(14)));
    world.store.cursor("derived", 29);
    let deposits = world.json("/v1/deposits").await;
    assert_eq!((blocks(&deposits), &deposits["as_of"]["block"]), (vec![20], &json!(29)));
}

fn blocks(page: &Value) -> Vec<u64> {
    page["items"].as_array().unwrap().iter().map(|it| it["block"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_pair_that_is_not_derived_yet_is_not_there() {
    let mut world = World::whole().await;
    // The block in which it is made is stored, and so is its first mint.
    world.store.cursor("derived", 0);
    world.store.run("DELETE FROM uniswap_pair", &[]);
    let (code, _) = world.failure(&format!("/v1/pairs/{PAIR}/transactions"), 404).await;
    assert_eq!(code, "not_found");
}

#[tokio::test]
async fn before_anything_is_derived_there_are_no_events() {
    let mut world = World::full().await;
    world.store.run("DELETE FROM cursor WHERE name = 'derived'", &[]);
    let page = world.json("/v1/events/tokens_transfer").await;
    assert_eq!((&page["items"], &page["as_of"]), (&json!([]), &json!(null)));
}
