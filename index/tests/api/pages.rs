//! Lists, page by page.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::{
    store::{Store, hash, time, token},
    world::{LATE, TOKENS, World},
};

/// All items of a list, page by page of so many; `between` runs after each page.
async fn all(world: &mut World, path: &str, limit: usize, mut between: impl FnMut(&mut Store)) -> Vec<Value> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let page = world.json(&format!("{path}limit={limit}{after}")).await;
        let found = page["items"].as_array().unwrap();
        assert!(found.len() <= limit);
        items.extend(found.iter().cloned());
        between(&mut world.store);
        match page["next"].as_str() {
            Some(next) => {
                assert_eq!(found.len(), limit, "a page that is followed by another is full");
                after = format!("&after={next}");
            }
            None => return items,
        }
    }
}

#[tokio::test]
async fn pages_of_any_length_give_the_same_list() {
    let mut world = World::full().await;
    for (path, n_items) in [
        ("/v1/epochs?", 7),
        ("/v1/epochs?order=desc&", 7),
        ("/v1/projects?", 2),
        (&format!("/v1/snapshots?project={TOKENS}&"), 6),
        (&format!("/v1/snapshots?project={TOKENS}&order=desc&"), 6),
        ("/v1/events/tokens_transfer?", 195),
        ("/v1/events/tokens_transfer?order=desc&", 195),
        ("/v1/events/tokens_transfer?from_block=3&to_block=9&", 21),
        (&format!("/v1/events/tokens_transfer?contract={}&", token(1)), 65),
        (&format!("/v1/events/tokens_transfer?contract={}&order=desc&from_block=1&", token(0)), 128),
    ] {
        let whole = all(&mut world, path, 1_000, |_| {}).await;
        assert_eq!(whole.len(), n_items, "{path}");
        for limit in [1, 2, 7, n_items] {
            assert_eq!(all(&mut world, path, limit, |_| {}).await, whole, "{path} by {limit}");
        }
    }
}

#[tokio::test]
async fn descending_is_the_same_backwards() {
    let mut world = World::full().await;
    let up = all(&mut world, "/v1/events/tokens_transfer?", 10, |_| {}).await;
    let mut down = all(&mut world, "/v1/events/tokens_transfer?order=desc&", 7, |_| {}).await;
    down.reverse();
    assert_eq!(up, down);
}

#[tokio::test]
async fn rows_that_come_meanwhile_shift_nothing() {
    let mut world = World::full().await;
    let mut block = 65;
    let mut add = |store: &mut Store| {
        if block < 70 {
            store.transfers(block..block + 1);
            store.cursor("derived", block);
            block += 1;
        }
    };
    let rows = all(&mut world, "/v1/events/tokens_transfer?order=desc&", 50, &mut add).await;
    let places: HashSet<_> = rows.iter().map(|row| (row["block"].as_u64(), row["idx"].as_u64())).collect();
    assert_eq!((rows.len(), places.len(), rows[0]["block"].as_u64()), (195, 195, Some(64)));
    let rows = all(&mut world, "/v1/events/tokens_transfer?", 50, &mut add).await;
    assert_eq!(rows.len(), 70 * 3);
}

#[tokio::test]
async fn rows_show_each_argument_by_its_type() {
    let world = World::full().await;
    let page = world.json("/v1/events/tokens_transfer?from_block=7&limit=1").await;
    let largest = alloy::primitives::U256::MAX;
    assert_eq!(
        page["items"],
        json!([{
            "block": 7, "idx": 0, "tx": hash(7), "contract": token(0).to_checksum(None),
            "from_": "0xaAaAaAaaAaAaAaaAaAAAAAAAAaaaAaAaAaaAaaAa",
            "to_": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB",
            "value": (largest - alloy::primitives::U256::from(21)).to_string(),
        }])
    );
    assert_eq!(
        page["as_of"],
        json!({ "block": 64, "hash": hash(64), "timestamp": time(64), "state": "tentative", "finalized": 39 })
    );
}

#[tokio::test]
async fn answers_say_of_which_block_they_are() {
    let mut world = World::full().await;
    let answer = world.get("/v1/epochs").await;
    assert_eq!(
        (&answer.headers()["x-index-block"], &answer.headers()["x-index-state"]),
        (&"64".parse().unwrap(), &"tentative".parse().unwrap())
    );
    world.store.cursor("finalized", 64);
    assert_eq!(world.json("/v1/epochs").await["as_of"]["state"], "final");
    assert_eq!(
        World::of(Store::empty()).await.json("/v1/epochs").await,
        json!({ "as_of": null, "items": [], "next": null })
    );
}

#[tokio::test]
async fn snapshots_are_found_by_project_and_epoch() {
    let world = World::full().await;
    let page = world.json(&format!("/v1/snapshots?project={TOKENS}&epoch=3")).await;
    let expected = json!({
        "project": TOKENS, "epoch": 3, "cid": world.cids[3], "first_block": 30, "block": 39, "hash": hash(39),
        "timestamp": time(39), "state": "final", "dag_cid": world.dag_cids[3],
    });
    assert_eq!(page["items"], json!([expected]));
    let newest = world.json(&format!("/v1/project?project={LATE}")).await;
    assert_eq!(
        (&newest["first_epoch"], &newest["newest"]["epoch"], &newest["newest"]["state"]),
        (&2.into(), &5.into(), &"tentative".into())
    );
    assert_eq!(newest["newest"]["dag_cid"], Value::Null);
    let none = world.json(&format!("/v1/snapshots?project={LATE}&epoch=0")).await;
    assert_eq!(none["items"], json!([]));
    assert_eq!(
        world.failure("/v1/snapshots?project=tokens", 404).await.1,
        "\"tokens\" is no project with snapshots; /v1/projects lists all that there are"
    );
}

#[tokio::test]
async fn projects_are_found_by_how_they_begin() {
    let world = World::full().await;
    for (prefix, expected) in
        [("", vec![TOKENS, LATE]), ("tokens/l", vec![LATE]), ("tokens/all", vec![TOKENS]), ("u", vec![]), ("a", vec![])]
    {
        let page = world.json(&format!("/v1/projects?prefix={prefix}")).await;
        let found: Vec<_> =
            page["items"].as_array().unwrap().iter().map(|entry| entry["project"].as_str().unwrap()).collect();
        assert_eq!(found, expected, "{prefix}");
    }
}

#[tokio::test]
async fn an_epoch_tells_how_far_it_is() {
    let world = World::full().await;
    for (id, state) in [(3, "final"), (4, "tentative"), (6, "planned")] {
        assert_eq!(world.json(&format!("/v1/epochs/{id}")).await["state"], state);
    }
    let planned = world.json("/v1/epochs/6").await;
    assert_eq!(
        (&planned["end_hash"], &planned["first_block"], &planned["last_block"]),
        (&Value::Null, &60.into(), &69.into())
    );
    assert_eq!(world.failure("/v1/epochs/7", 404).await.1, "epoch 7 has not begun; /v1/epochs lists those that have");
}
