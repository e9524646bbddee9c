//! Changes that are no longer kept.

use std::time::Duration;

use tokio::time::timeout;

use crate::world::{World, failure};

/// What a connection would pass over in silence ends it; whoever comes back is told.
#[tokio::test]
async fn whoever_falls_behind_what_is_kept_is_told() {
    let mut world = World::full().await;
    let followed = world.get("/v1/changes?after=11").await;
    world.store.run("BEGIN", &[]);
    world.store.change(20, "final", Some(9), 9);
    world.store.run("DELETE FROM change WHERE id < 14", &[]);
    world.store.change(14, "final", Some(8), 9);
    world.store.run("COMMIT", &[]);
    let told = timeout(Duration::from_secs(60), followed.text()).await.expect("it ends").unwrap();
    assert!(told.contains("after 11") && !told.contains("id: 14"), "{told}");
    let answer = world.ask("/v1/changes").header("Last-Event-ID", "12").send().await.unwrap();
    let (_, message) = failure(answer, 410, "a change that is not kept").await;
    assert!(message.starts_with("changes after 12 are no longer kept; the oldest one is 14"), "{message}");
    // From the oldest one on there is nothing to be missed.
    let answer = world.ask("/v1/changes").header("Last-Event-ID", "13").send().await.unwrap();
    assert_eq!(answer.status(), 200);
}
