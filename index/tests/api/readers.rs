//! Many who read while one writes: each answer is of one moment.

use alloy::primitives::U256;
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
    let mut store = Store::empty();
    store.blocks(9);
    store.epoch(0, 1);
    store.snapshot("p/1", 0, &[("n", 1)]);
    let world = World::of(store).await;
    let path = world.store.path.to_str().unwrap().to_owned();
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
        n_answers += futures_util::future::join_all(asked).await.len();
    }
    writer.join().unwrap();
    assert!(n_answers > 0);
}
