//! How the program says how it is.

use serde_json::json;

use crate::{
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
