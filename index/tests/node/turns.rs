//! Nodes over a chain that changes between any two questions.

use std::sync::Arc;

use index::block::Checkpoint;
use index::progress::Event;
use proptest::prelude::*;
use tokio::runtime::Builder;

use crate::double::{Double, Turn};
use crate::model::{Model, TOKENS};
use crate::run::{EPOCHS, Running, contents, node};
use crate::store::Store;

/// Blocks behind the head that are final.
const FINALITY: u64 = 40;

pub(crate) fn on_runtime<T>(test: impl Future<Output = T>) -> T {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test)
}

/// What a node stores that has never seen another chain than this one.
pub(crate) async fn straight(chain: &Model, finality: u64) -> String {
    let store = Store::file("straight");
    let double = Arc::new(Double::new(chain.clone(), [], 1_000, finality));
    let mut running = Running::start(node(&double, &store.address, &TOKENS));
    let head = chain.head();
    running.until_at(Checkpoint { number: head.number, hash: head.hash }).await;
    let ended = head.number - 3;
    for (name, last) in [("snapshots", ended), ("outbox", ended.min(head.number.saturating_sub(finality)))] {
        // The end of the last epoch that ends there or before.
        if let Some(n_epochs) = (last + 1).checked_sub(EPOCHS.genesis).map(|n_blocks| n_blocks / EPOCHS.size)
            && n_epochs > 0
        {
            let end = chain.blocks[usize::try_from(EPOCHS.genesis + EPOCHS.size * n_epochs - 1).unwrap()];
            running.until_cursor(name, Checkpoint { number: end.number, hash: end.hash }).await;
        }
    }
    running.stop().await;
    contents(&store.address).unwrap()
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        3 => Just(Turn::Nothing),
        3 => (1..6_u64).prop_map(Turn::Mine),
        2 => (1..FINALITY).prop_map(Turn::Replace),
        1 => Just(Turn::Replace(1)),
        1 => (1..FINALITY).prop_map(Turn::Cut),
        1 => Just(Turn::Fail),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 40, ..ProptestConfig::default() })]

    /// Reorgs and failures between any two questions, also in the middle of a range: in the end, the store is that of a
    /// node that has seen nothing but the last chain.
    #[test]
    fn the_store_is_that_of_the_last_chain(
        n_blocks in 1..60_u64,
        stride in 1..20_u64,
        turns in prop::collection::vec(turn(), 0..80),
    ) {
        on_runtime(async {
            let store = Store::file("turns");
            let mut chain = Model::new();
            chain.mine(n_blocks);
            let double = Arc::new(Double::new(chain, turns, stride, FINALITY));
            let mut running = Running::start(node(&double, &store.address, &TOKENS));
            while double.n_turns() > 0 {
                // Each look at the head is a question, whatever comes of it.
                tokio::task::yield_now().await;
            }
            double.change(|chain| chain.mine(FINALITY + 1));
            let chain = double.chain();
            let expected = straight(&chain, FINALITY).await;
            running.until_equal(&expected).await;
            running.stop().await;
        });
    }
}

#[test]
fn one_block_is_replaced_by_another_of_the_same_height() {
    on_runtime(async {
        let store = Store::file("one");
        let mut chain = Model::new();
        chain.mine(20);
        let double = Arc::new(Double::new(chain, [], 7, FINALITY));
        let mut running = Running::start(node(&double, &store.address, &TOKENS));
        for _ in 0..5 {
            let head = double.chain().head();
            running.until_at(Checkpoint { number: head.number, hash: head.hash }).await;
            double.change(|chain| chain.replace(1));
            let unwound = running.until(|event| matches!(event, Event::Unwound { .. })).await;
            assert_eq!(unwound, Event::Unwound { from: 20, to: 19 });
        }
        let expected = straight(&double.chain(), FINALITY).await;
        running.until_equal(&expected).await;
        let progress = *running.progress.borrow();
        assert_eq!((progress.reorgs, progress.deepest_reorg, progress.stored), (5, 1, Some(20)));
        assert_eq!((progress.head, progress.lag_blocks(), progress.is_connected), (Some(20), Some(0), true));
        running.stop().await;
    });
}

#[test]
fn a_chain_that_is_cut_is_followed_back() {
    on_runtime(async {
        let store = Store::file("cut");
        let mut chain = Model::new();
        chain.mine(30);
        let double = Arc::new(Double::new(chain, [], 7, FINALITY));
        let mut running = Running::start(node(&double, &store.address, &TOKENS));
        let head = double.chain().head();
        running.until_at(Checkpoint { number: head.number, hash: head.hash }).await;
        double.change(|chain| chain.cut(10));
        let unwound = running.until(|event| matches!(event, Event::Unwound { .. })).await;
        assert_eq!(unwound, Event::Unwound { from: 30, to: 20 });
        running.until_equal(&straight(&double.chain(), FINALITY).await).await;
        running.stop().await;
    });
}

#[test]
fn a_chain_that_breaks_its_word_stops_the_node_and_changes_nothing() {
    on_runtime(async {
        let store = Store::file("word");
        let mut chain = Model::new();
        chain.mine(60);
        let double = Arc::new(Double::new(chain.clone(), [], 7, FINALITY));
        let expected = straight(&chain, FINALITY).await;
        let mut running = Running::start(node(&double, &store.address, &TOKENS));
        running.until_equal(&expected).await;
        double.change(|chain| chain.replace(45));
        let refusal = running.end().await.unwrap_err();
        assert!(!refusal.passes());
        assert!(
            refusal.to_string().starts_with("the chain went another way below block 20, which it had called final")
        );
        assert_eq!(contents(&store.address).unwrap(), expected);
        // So does one that starts later.
        let refusal = Running::start(node(&double, &store.address, &TOKENS)).end().await.unwrap_err();
        assert!(refusal.to_string().starts_with("the chain went another way below block 20"), "{refusal}");
        assert_eq!(contents(&store.address).unwrap(), expected);
        // The operator's command, then on with the other chain.
        let address = store.address.clone();
        let operated = node(&double, &address, &TOKENS);
        tokio::task::spawn_blocking(move || index::node::unwind(&operated, 15).unwrap()).await.unwrap();
        let mut running = Running::start(node(&double, &store.address, &TOKENS));
        let expected = straight(&double.chain(), FINALITY).await;
        running.until_equal(&expected).await;
        running.stop().await;
    });
}

#[test]
fn a_chain_that_is_behind_is_waited_for() {
    on_runtime(async {
        let store = Store::file("behind");
        let mut chain = Model::new();
        chain.mine(60);
        let double = Arc::new(Double::new(chain.clone(), [], 7, FINALITY));
        let expected = straight(&chain, FINALITY).await;
        let mut running = Running::start(node(&double, &store.address, &TOKENS));
        running.until_equal(&expected).await;
        // Before what is final: that cannot be a reorg, and says nothing.
        double.change(|chain| chain.cut(50));
        let waiting = running.until(|event| matches!(event, Event::Waiting { .. })).await;
        let reason = "the chain ends at block 10, before block 20, which it had called final".to_owned();
        assert_eq!(waiting, Event::Waiting { reason });
        assert!(!running.progress.borrow().is_connected);
        assert_eq!(contents(&store.address).unwrap(), expected);
        double.change(|there| *there = chain);
        running.stop().await;
        assert_eq!(contents(&store.address).unwrap(), expected);
    });
}

#[test]
fn another_chain_or_configuration_is_refused() {
    on_runtime(async {
        let store = Store::file("identity");
        let mut chain = Model::new();
        chain.mine(20);
        let double = Arc::new(Double::new(chain.clone(), [], 7, FINALITY));
        let expected = straight(&chain, FINALITY).await;
        let mut running = Running::start(node(&double, &store.address, &TOKENS));
        running.until_equal(&expected).await;
        running.stop().await;

        let mut other = node(&double, &store.address, &TOKENS);
        other.identity = vec![("chain.id".to_owned(), "1".to_owned())];
        let refusal = Running::start(other).end().await.unwrap_err().to_string();
        let end = "restore the configuration, or name another store";
        assert_eq!(refusal, format!("the store was made with chain.id = 31337, but the configuration says 1; {end}"));

        let mut other = node(&double, &store.address, &TOKENS);
        other.epochs.size = 6;
        let refusal = Running::start(other).end().await.unwrap_err().to_string();
        assert_eq!(refusal, format!("the store was made with epochs.size = 5, but the configuration says 6; {end}"));

        let mut other = node(&double, &store.address, &TOKENS);
        other.identity.clear();
        let refusal = Running::start(other).end().await.unwrap_err().to_string();
        let expected_text = "the store was made with chain.id = 31337, but the configuration says nothing";
        assert_eq!(refusal, format!("{expected_text}; {end}"));

        let mut foreign = chain.clone();
        foreign.blocks[0].hash = alloy::primitives::B256::repeat_byte(7);
        let foreign = Arc::new(Double::new(foreign, [], 7, FINALITY));
        let refusal = Running::start(node(&foreign, &store.address, &TOKENS)).end().await.unwrap_err().to_string();
        let (stored, found) = (chain.blocks[0].hash, alloy::primitives::B256::repeat_byte(7));
        assert_eq!(
            refusal,
            format!(
                "the store is of a chain whose block 0 is {stored}, but the endpoints' block 0 is {found}; check \
                 chain.endpoints, or name another store"
            )
        );
        assert_eq!(contents(&store.address).unwrap(), expected);
    });
}
