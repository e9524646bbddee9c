//! Many who follow changes: one of them looks at the store for all.

use futures_util::future::join_all;
use index::rows::Value;

use crate::{changes::Follower, store::Store, world::World};

const N_FOLLOWERS: usize = 40;

const N_CHANGES: u64 = 300;

/// Writes changes one by one, and tells the API of every third.
fn write(world: &World, path: String) -> std::thread::JoinHandle<()> {
    let progress = world.progress.clone();
    std::thread::spawn(move || {
        let mut database = index::database::open(&path).unwrap();
        for id in 1..=N_CHANGES {
            let sql = "INSERT INTO change VALUES (?1, 'final', ?1, ?1, ?2)";
            database.run(sql, &[Value::count(id), Value::Blob(&[0; 32])]).unwrap();
            if id % 3 == 0 {
                progress.send_modify(|progress| progress.epochs = id);
            }
        }
    })
}

async fn check(on_server: bool) {
    let mut world = World::of(Store::empty()).await;
    let Some(path) = world.only(on_server) else { return };
    let connect = (0..N_FOLLOWERS).map(|_| Follower::connect(&world, "/v1/changes", None));
    let mut followers = join_all(connect).await;
    // The first of them go away, whoever looks for the others.
    followers.drain(..N_FOLLOWERS / 4);
    let writer = write(&world, path);
    let heard = join_all(followers.into_iter().map(|mut follower| async move {
        let mut heard = Vec::new();
        for _ in 0..N_CHANGES {
            heard.push(follower.change().await.unwrap()["id"].as_u64().unwrap());
        }
        heard
    }));
    let expected: Vec<_> = (1..=N_CHANGES).collect();
    for heard in heard.await {
        assert_eq!(heard, expected);
    }
    writer.join().unwrap();
    world.stop.take().unwrap().send(()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_hear_of_each_change_once_and_in_order() {
    check(false).await;
    check(true).await;
}
