//! Following changes.

use reqwest::Response;
use serde_json::Value;

use crate::{
    store::Store,
    world::{World, failure},
};

/// Events of a connection, as a browser reads them.
pub struct Follower {
    answer: Response,
    text: String,
    /// The number of the last event.
    last: Option<u64>,
}

impl Follower {
    pub async fn connect(world: &World, path: &str, last: Option<u64>) -> Self {
        let asked = world.ask(path);
        let asked = last.map_or_else(|| world.ask(path), |last| asked.header("Last-Event-ID", last));
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut follower = Self { answer, text: String::new(), last };
        let first = follower.block().await.unwrap();
        assert!(first.starts_with(": after "), "{first}");
        follower
    }

    /// The next lines up to an empty one; nothing at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let bytes = self.answer.chunk().await.ok()??;
            self.text += std::str::from_utf8(&bytes).unwrap();
        }
    }

    /// The next change.
    pub async fn change(&mut self) -> Option<Value> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let Some(content) = field("data:") else { continue };
            let change: Value = serde_json::from_str(content).unwrap();
            assert_eq!(field("id:").unwrap(), change["id"].to_string());
            assert_eq!(field("event:").unwrap(), change["kind"]);
            self.last = change["id"].as_u64();
            return Some(change);
        }
    }
}

#[tokio::test]
async fn are_told_in_order_from_the_first() {
    let world = World::full().await;
    let mut follower = Follower::connect(&world, "/v1/changes?after=0", None).await;
    for id in 1..=12u64 {
        let change = follower.change().await.unwrap();
        let (epoch, kind) = (
            (id - 1) / 2,
            if id % 2 == 1 {
                "tentative"
            } else if id <= 8 {
                "final"
            } else {
                "unwound"
            },
        );
        assert_eq!(
            (&change["id"], &change["kind"], &change["epoch"], &change["block"]),
            (&id.into(), &kind.into(), &epoch.into(), &(epoch * 10 + 9).into())
        );
        assert_eq!(change["hash"], format!("{}", crate::store::hash(epoch * 10 + 9)));
    }
}

#[tokio::test]
async fn without_a_number_only_those_to_come_are_told() {
    let mut world = World::full().await;
    let mut follower = Follower::connect(&world, "/v1/changes", None).await;
    world.store.change(13, "unwound", None, 40);
    world.progress.send_modify(|progress| progress.reorgs += 1);
    let change = follower.change().await.unwrap();
    assert_eq!((&change["id"], &change["epoch"]), (&13.into(), &Value::Null));
}

#[tokio::test]
async fn changes_of_another_process_are_told_too() {
    let mut world = World::full().await;
    let mut follower = Follower::connect(&world, "/v1/changes", None).await;
    // Nobody tells the API that there is something.
    world.store.change(13, "final", Some(4), 49);
    assert_eq!(follower.change().await.unwrap()["id"], 13);
}

#[tokio::test]
async fn none_is_lost_or_told_twice_across_reconnects() {
    check_reconnects(false).await;
    check_reconnects(true).await;
}

async fn check_reconnects(on_server: bool) {
    let mut world = World::of(Store::empty()).await;
    let Some(path) = world.only(on_server) else { return };
    const N_CHANGES: u64 = 2_000;
    let progress = world.progress.clone();
    let writer = std::thread::spawn(move || {
        let mut database = index::database::open(&path).unwrap();
        for id in 1..=N_CHANGES {
            let sql = "INSERT INTO change VALUES (?1, 'final', ?1, ?1, X'0000000000000000000000000000000000000000000000000000000000000000')";
            database.run(sql, &[index::rows::Value::count(id)]).unwrap();
            progress.send_modify(|progress| progress.epochs = id);
        }
    });
    let mut seen = Vec::new();
    let mut last = Some(0);
    for connection in 1.. {
        let mut follower = Follower::connect(&world, "/v1/changes", last).await;
        // Each connection is cut after another number of changes, mostly in the middle of what was sent.
        for _ in 0..connection * 37 {
            seen.push(follower.change().await.unwrap()["id"].as_u64().unwrap());
            if seen.len() as u64 == N_CHANGES {
                break;
            }
        }
        last = follower.last;
        if seen.len() as u64 == N_CHANGES {
            break;
        }
    }
    writer.join().unwrap();
    assert_eq!(seen, (1..=N_CHANGES).collect::<Vec<_>>());
    world.stop.take().unwrap().send(()).unwrap();
}

#[tokio::test]
async fn a_number_that_the_store_cannot_go_on_from_is_refused() {
    let mut world = World::full().await;
    let (code, message) = world.failure("/v1/changes?after=13", 410).await;
    assert_eq!(code, "gone");
    assert!(message.starts_with("change 13 is above the newest one, 12"), "{message}");
    world.store.run("DELETE FROM change WHERE id < 6", &[]);
    let answer = world.ask("/v1/changes").header("Last-Event-ID", "4").send().await.unwrap();
    let (_, message) = failure(answer, 410, "a number before the oldest").await;
    assert!(message.starts_with("changes after 4 are no longer kept; the oldest one is 6"), "{message}");
    Follower::connect(&world, "/v1/changes", Some(5)).await;
    let answer = world.ask("/v1/changes").header("Last-Event-ID", "x").send().await.unwrap();
    let (_, message) = failure(answer, 400, "no number").await;
    assert!(message.starts_with("Last-Event-ID is \"x\"; give a whole number"), "{message}");
}

#[tokio::test]
async fn readers_that_take_nothing_hold_up_nobody() {
    let mut world = World::of(Store::empty()).await;
    world.store.run("BEGIN", &[]);
    for id in 1..=20_000 {
        world.store.change(id, "final", Some(id), 0);
    }
    world.store.run("COMMIT", &[]);
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(world.get("/v1/changes?after=0").await);
    }
    let mut follower = Follower::connect(&world, "/v1/changes?after=19990", None).await;
    for id in 19_991..=20_000u64 {
        assert_eq!(follower.change().await.unwrap()["id"], id);
    }
    world.json("/v1/status").await;
}

#[tokio::test]
async fn at_most_256_follow_at_once() {
    let world = World::full().await;
    let mut followers = Vec::new();
    for _ in 0..256 {
        followers.push(Follower::connect(&world, "/v1/changes", None).await);
    }
    let (code, message) = world.failure("/v1/changes", 503).await;
    assert_eq!((code.as_str(), message.as_str()), ("busy", "too many requests at once; try again in a second"));
    world.json("/v1/status").await;
}

#[tokio::test]
async fn connections_end_when_the_program_stops() {
    let mut world = World::full().await;
    let mut follower = Follower::connect(&world, "/v1/changes", None).await;
    world.stop.take().unwrap().send(()).unwrap();
    assert_eq!(follower.change().await, None);
    drop(follower);
    world.ended.await.unwrap().unwrap();
}
