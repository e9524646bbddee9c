//! Several nodes on one PostgreSQL: one follows the chain, all make snapshots, and when that one goes another follows.

use std::sync::Arc;

use index::progress::Event;

use crate::crash;
use crate::double::{Double, Turn};
use crate::model::{Model, TOKENS};
use crate::run::{Running, node};
use crate::store::Store;
use crate::turns::{on_runtime, straight};

const FINALITY: u64 = 30;

#[test]
fn nodes_share_a_store() {
    let Some(store) = Store::on_server() else { return };
    on_runtime(async {
        let mut chain = Model::new();
        chain.mine(150);
        let turns = (0..200).map(|number| match number % 10 {
            3 => Turn::Replace(1 + number / 10),
            5 => Turn::Mine(2),
            7 => Turn::Cut(3),
            _ => Turn::Nothing,
        });
        let double = Arc::new(Double::new(chain, turns, 9, FINALITY));
        let start = || Running::start(node(&double, &store.address, &TOKENS));
        let mut leader = start();
        leader.until(|event| *event == Event::Leading(true)).await;
        let mut followers = [start(), start()];
        for follower in &mut followers {
            follower.until(|event| *event == Event::Leading(false)).await;
        }
        // Two times, the one that follows the chain goes.
        leader.until(|event| *event == Event::Committed { stage: "outbox" }).await;
        leader.stop().await;
        let [mut one, mut other] = followers;
        let is_one = tokio::select! {
            _ = one.until(|event| *event == Event::Leading(true)) => true,
            _ = other.until(|event| *event == Event::Leading(true)) => false,
        };
        let (mut leader, mut last) = if is_one { (one, other) } else { (other, one) };
        leader.until(|event| *event == Event::Committed { stage: "logs" }).await;
        leader.stop().await;
        last.until(|event| *event == Event::Leading(true)).await;
        while double.n_turns() > 0 {
            tokio::task::yield_now().await;
        }
        double.change(|chain| chain.mine(FINALITY + 1));
        // The other database says the same, to the byte.
        let expected = straight(&double.chain(), FINALITY).await;
        last.until_equal(&expected).await;
        last.stop().await;
    });
}

#[test]
fn a_crash_on_a_server_changes_nothing() {
    on_runtime(async {
        let expected = straight(&crash::chain("before"), crash::FINALITY).await;
        for crash_at in [1, 2, 5, 6, 7, 8, 9, 10, 15, 20] {
            let Some(store) = Store::on_server() else { return };
            crash::crash(&store.address, "before", crash_at);
            let mut running = crash::start(&store.address, "before");
            running.until_equal(&expected).await;
            running.stop().await;
        }
    });
}
