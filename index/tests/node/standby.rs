//! A node that leaves it to another to follow the chain, and what a node tells of itself over several beginnings.

use std::sync::Arc;
use std::time::Duration;

use index::block::Checkpoint;
use index::database;
use index::node;
use index::progress::{Event, Progress};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::double::{Double, Turn};
use crate::model::{Model, TOKENS};
use crate::run::{Running, node as toy};
use crate::store::{Store, stores};
use crate::turns::on_runtime;

/// How long a test waits for what must happen before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

async fn until(progress: &mut watch::Receiver<Progress>, is_it: impl FnMut(&Progress) -> bool) -> Progress {
    let found = timeout(PATIENCE, progress.wait_for(is_it)).await;
    *found.expect("it comes to that").unwrap()
}

#[test]
fn a_node_that_stands_by_tells_how_far_the_store_is() {
    for make in stores() {
        on_runtime(async {
            let store = make("standby");
            let mut chain = Model::new();
            chain.mine(50);
            let double = Arc::new(Double::new(chain, [], 7, 20));
            let start = || Running::start(toy(&double, &store.address, &TOKENS));
            let mut leader = start();
            let head = double.chain().head();
            leader.until_at(Checkpoint { number: head.number, hash: head.hash }).await;
            let mut other = start();
            other.until(|event| *event == Event::Leading(false)).await;
            // Epochs of five blocks from block 2 on have their end three blocks behind the head.
            for (n_blocks, head, epochs, finalized) in [(0, 50, 9, 30), (10, 60, 11, 40)] {
                double.change(|chain| chain.mine(n_blocks));
                let is_there =
                    |it: &Progress| it.lag_of_answers() == Some(0) && (it.head, it.epochs) == (Some(head), epochs);
                let told = until(&mut other.progress, is_there).await;
                assert_eq!((told.stored, told.derived, told.is_connected), (Some(head), Some(head), true));
                let told = until(&mut other.progress, |it| it.finalized == Some(finalized)).await;
                assert_eq!((told.blocks, told.rows), (0, 0), "those are the other's");
            }
            leader.stop().await;
            other.until(|event| *event == Event::Leading(true)).await;
            double.change(|chain| chain.mine(1));
            until(&mut other.progress, |it| it.stored == Some(61)).await;
            other.stop().await;
        });
    }
}

#[test]
fn a_node_that_stands_by_says_that_no_endpoint_answers() {
    on_runtime(async {
        let store = Store::file("alone");
        let mut chain = Model::new();
        chain.mine(20);
        let double = |turns| Arc::new(Double::new(chain.clone(), turns, 7, 5));
        let mut leader = Running::start(toy(&double(vec![]), &store.address, &TOKENS));
        leader.until(|event| *event == Event::Leading(true)).await;
        let other = double(vec![Turn::Fail; 3]);
        let mut running = Running::start(toy(&other, &store.address, &TOKENS));
        let waiting = running.until(|event| matches!(event, Event::Waiting { .. })).await;
        assert_eq!(waiting, Event::Waiting { reason: "the line is dead".to_owned() });
        until(&mut running.progress, |it| it.is_connected).await;
        // In the middle of its rest.
        running.stop().await;
        leader.stop().await;
    });
}

#[test]
fn snapshots_are_counted_over_several_beginnings() {
    on_runtime(async {
        let store = Store::file("counted");
        let (told, mut progress) = watch::channel(Progress::default());
        let mut chain = Model::new();
        let mut counts = Vec::new();
        for _ in 0..3 {
            chain.mine(20);
            let double = Arc::new(Double::new(chain.clone(), [], 7, 10));
            let (stop, stopped) = oneshot::channel::<()>();
            let node = toy(&double, &store.address, &TOKENS);
            let running = tokio::spawn(node::run(node, Arc::new(|_| {}), told.clone(), async { drop(stopped.await) }));
            let n_epochs = (chain.head().number - 3 - 1) / 5;
            until(&mut progress, |it| it.epochs == n_epochs).await;
            drop(stop);
            running.await.unwrap().unwrap();
            counts.push(progress.borrow().snapshots);
        }
        let address = store.address.clone();
        let count = move || {
            let mut database = database::open(&address).unwrap();
            database.ask("SELECT count(*) FROM snapshot", &[]).unwrap().first().unwrap().count(0).unwrap()
        };
        let n_snapshots = tokio::task::spawn_blocking(count).await.unwrap();
        assert_eq!(counts.last(), Some(&n_snapshots), "{counts:?}");
        assert!(counts.is_sorted() && counts[0] > 0, "{counts:?}");
    });
}
