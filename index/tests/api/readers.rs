//! Many who read while one writes: each answer is of one moment.

use alloy::primitives::U256;
use futures_util::future::join_all;
use index::{database, rows::Value};

use crate::{
    store::{SIZE, Store},
    world::World,
};

/// Adds epochs, each in one transaction with its totals, and takes the newest back now and then.
fn write(path: &str, n_steps: u64) {
    let mut database = database::open(path).unwrap();
    let mut n_epochs = 1;
    for step in 0..n_steps {
        database.begin().unwrap();
        let id = Value::count(n_epochs);
        if step % 5 == 4 {
            n_epochs -= 1;
            for table in ["prefix_sum WHERE epoch", "snapshot WHERE epoch", "epoch WHERE id"] {
                database.run(&format!("DELETE FROM {table} >= ?1"), &[Value::count(n_epochs)]).unwrap();
            }
        } else {
            let first = n_epochs * SIZE;
            let sql = "INSERT INTO epoch VALUES (?1, ?2, ?3, X'00', X'00', ?3, 1)";
            let parent = [0; 32];
            database
                .run(
                    &sql.replace("X'00'", "?4"),
                    &[id, Value::count(first), Value::count(first + SIZE - 1), Value::Blob(&parent)],
                )
                .unwrap();
            let cid = format!("cid-{n_epochs}-{step}");
            let values = [id, Value::Blob(&parent), Value::Text(&cid), Value::Blob(b"content")];
            database.run("INSERT INTO snapshot VALUES ('p/1', ?1, ?2, ?3, ?4)", &values).unwrap();
            let total = U256::from(n_epochs + 1).to_be_bytes::<32>();
            database.run("INSERT INTO prefix_sum VALUES ('p/1', 'n', ?1, ?2)", &[id, Value::Blob(&total)]).unwrap();
            n_epochs += 1;
        }
        let last = n_epochs * SIZE - 1;
        let sql = "UPDATE cursor SET number = ?1";
        database.run(sql, &[Value::count(last)]).unwrap();
        database.commit().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_answer_is_of_one_moment() {
    check_moments(false).await;
    check_moments(true).await;
}

async fn check_moments(on_server: bool) {
    let mut store = Store::empty();
    store.blocks(9);
    store.epoch(0, 1);
    store.snapshot("p/1", 0, &[("n", 1)]);
    let mut world = World::of(store).await;
    let Some(path) = world.only(on_server) else { return };
    let writer = std::thread::spawn(move || write(&path, 400));
    let mut n_answers = 0;
    while !writer.is_finished() {
        let asked = (0..6).map(|_| async {
            // Every epoch adds one, so that the sum over all is their number at that moment.
            let window = world.json("/v1/windows?project=p/1&from=0").await;
            let n_epochs = window["to"].as_u64().unwrap() + 1;
            assert_eq!(window["sums"][0]["amount"], n_epochs.to_string());
            assert_eq!(window["as_of"]["block"], n_epochs * SIZE - 1);
            let page = world.json("/v1/snapshots?project=p/1&order=desc&limit=1").await;
            assert_eq!(page["items"][0]["block"], page["as_of"]["block"]);
        });
        n_answers += join_all(asked).await.len();
    }
    writer.join().unwrap();
    assert!(n_answers > 0);
}

/// Ends all other connections to the database of `url` from the server's side, and gives their number.
async fn end_all(url: &str) -> u64 {
    let url = url.to_owned();
    let ended = tokio::task::spawn_blocking(move || {
        let sql = "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        database::open(&url).unwrap().ask(sql, &[]).unwrap().first().unwrap().count(0).unwrap()
    });
    ended.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_lose_their_connections_make_others() {
    let Some(url) = crate::postgres::url() else { return };
    // A database of its own, so that nobody else loses a connection.
    let alone = url.replace("/postgres?", "/readers?");
    let made = tokio::task::spawn_blocking(move || database::open(&url).unwrap().run("CREATE DATABASE readers", &[]));
    made.await.unwrap().unwrap();
    let mut store = Store::at(Some(alone));
    store.blocks(9);
    store.epoch(0, 1);
    let mut world = World::of(store).await;
    let url = world.only(true).unwrap();
    let before = world.json("/v1/status").await;
    for _ in 0..3 {
        // One of them is the test's own.
        assert!(end_all(&url).await >= 2);
        for status in join_all((0..6).map(|_| world.json("/v1/status"))).await {
            assert_eq!(status, before);
        }
    }
}

#[test]
fn who_reads_makes_no_tables() {
    let Some(url) = crate::postgres::url() else { return };
    assert!(database::open_to_read(&url).is_err());
    drop(database::open(&url).unwrap());
    let mut reader = database::open_to_read(&url).unwrap();
    reader.begin_to_read().unwrap();
    assert!(reader.ask("SELECT number FROM block", &[]).unwrap().is_empty());
    let refused = reader.run("DELETE FROM block", &[]).unwrap_err().to_string();
    assert!(refused.contains("read-only transaction"), "{refused}");
}
