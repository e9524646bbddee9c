//! What is final, by whose word, and what is not though somebody says so.

use std::sync::{Arc, Mutex};

use alloy::primitives::{Address, Bytes};
use index::block::{Block, Blocks, Checkpoint};
use index::chain::Chain;
use index::database;
use index::fetch::Feed;
use index::kind::Call;
use index::node::Node;
use index::progress::Event;
use index::rpc::{Filter, Logs};
use index::stage::{EpochStage, Logs as LogStage, checkpoint};
use index::{Error, Result};

use crate::double::Double;
use crate::endpoint::{Endpoint, Say};
use crate::model::{Model, TOKENS};
use crate::run::{Running, node};
use crate::store::Store;
use crate::turns::{on_runtime, straight};

fn model(n_blocks: u64) -> Model {
    let mut chain = Model::new();
    chain.mine(n_blocks);
    chain
}

/// The block that is final after each of these answers to `finalized` and `safe`; -1 for an error that passes.
#[track_caller]
fn check<const N: usize>(steps: [(Say, Say, Option<i64>); N]) {
    on_runtime(async {
        let endpoint = Endpoint::start(model(20)).await;
        let chain = endpoint.chain();
        for (place, (finalized, safe, expected)) in steps.into_iter().enumerate() {
            endpoint.change(|script| script.tags = [finalized, safe]);
            let told = match chain.finalized().await {
                Ok(header) => header.map(|header| header.block.number.cast_signed()),
                Err(error) => {
                    assert!(error.passes(), "{error}");
                    Some(-1)
                }
            };
            assert_eq!(told, expected, "step {place}");
        }
    });
}

#[test]
fn nothing_that_promises_less_takes_the_place_of_what_was_told() {
    use Say::{Block, Error, Null};
    check([(Block(8), Block(9), Some(8)), (Block(10), Null, Some(10))]);
    check([
        (Null, Block(9), Some(9)),
        (Null, Block(10), Some(10)),
        (Null, Null, Some(-1)),
        (Null, Block(12), Some(12)),
    ]);
    check([(Null, Null, None), (Error("no such tag"), Error("no such tag"), None), (Block(3), Null, Some(3))]);
    for failure in [Null, Error("internal error"), Error("missing trie node")] {
        check([(Block(8), Block(9), Some(8)), (failure, Block(9), Some(-1)), (Block(9), Null, Some(9))]);
    }
    // A better one is taken, and is not given up again.
    check([(Null, Block(9), Some(9)), (Block(8), Block(10), Some(8)), (Null, Block(10), Some(-1))]);
    // What is a failure is no word for there being none.
    check([(Error("missing trie node"), Block(9), Some(-1))]);
}

fn over(endpoint: &Endpoint, store: &Store, finality_blocks: Option<u64>) -> Node<Chain> {
    let mut node = node(&endpoint.chain(), &store.address, &TOKENS);
    node.following.finality_blocks = finality_blocks;
    node
}

fn finalized(store: &Store) -> Option<u64> {
    let address = store.address.clone();
    let read = move || checkpoint(database::open(&address).unwrap().as_mut(), EpochStage::FINALIZED).unwrap();
    std::thread::spawn(read).join().unwrap().map(|done| done.number)
}

fn end(block: Block) -> Checkpoint {
    Checkpoint { number: block.number, hash: block.hash }
}

#[test]
fn without_the_chain_s_word_depth_is_final() {
    on_runtime(async {
        let endpoint = Endpoint::start(model(40)).await;
        let store = Store::file("depth");
        let mut running = Running::start(over(&endpoint, &store, Some(12)));
        running.until_cursor("finalized", end(endpoint.model().blocks[28])).await;
        endpoint.change(|script| script.chain.mine(3));
        running.until_cursor("finalized", end(endpoint.model().blocks[31])).await;
        running.stop().await;
        // Without a depth either, nobody knows.
        let store = Store::file("none");
        let refusal = Running::start(over(&endpoint, &store, None)).end().await.unwrap_err();
        assert!(matches!(refusal, Error::Config(_)), "{refusal:?}");
        let text = "the chain does not tell which blocks are final; set chain.finality_blocks, such as 64";
        assert_eq!(refusal.to_string(), text);
        assert_eq!(finalized(&store), None);
    });
}

#[test]
fn a_chain_that_no_longer_tells_what_is_final_is_waited_for() {
    for (depth, failure) in [(None, Say::Null), (Some(2), Say::Null), (Some(2), Say::Error("internal error"))] {
        on_runtime(async {
            let endpoint = Endpoint::start(model(40)).await;
            endpoint.change(|script| script.tags[0] = Say::Block(20));
            let store = Store::file("word-lost");
            let mut running = Running::start(over(&endpoint, &store, depth));
            running.until_at(end(endpoint.model().head())).await;
            endpoint.change(|script| {
                script.tags = [failure, Say::Block(39)];
                script.chain.mine(1);
            });
            let waiting = running.until(|event| matches!(event, Event::Waiting { .. })).await;
            let Event::Waiting { reason } = waiting else { unreachable!() };
            assert!(reason.contains(": the finalized block cannot be had: "), "{reason}");
            assert_eq!(finalized(&store), Some(20));
            endpoint.change(|script| script.tags[0] = Say::Block(30));
            running.until_cursor("finalized", end(endpoint.model().blocks[30])).await;
            running.until_at(end(endpoint.model().head())).await;
            running.stop().await;
        });
    }
}

#[test]
fn a_chain_that_is_cut_is_followed_back_though_side_blocks_are_known_by_hash() {
    on_runtime(async {
        let endpoint = Endpoint::start(model(40)).await;
        endpoint.change(|script| script.tags[0] = Say::Block(10));
        let store = Store::file("side");
        let mut running = Running::start(over(&endpoint, &store, None));
        running.until_at(end(endpoint.model().head())).await;
        endpoint.change(|script| script.chain.cut(15));
        let unwound = running.until(|event| matches!(event, Event::Unwound { .. })).await;
        assert_eq!(unwound, Event::Unwound { from: 40, to: 25 });
        running.until_cursor(LogStage::NAME, end(endpoint.model().head())).await;
        running.stop().await;
    });
}

#[test]
fn state_of_the_newest_block_that_is_not_there_is_there_later() {
    on_runtime(async {
        let endpoint = Endpoint::start(model(5)).await;
        endpoint.change(|script| script.call = Say::Error("missing trie node 0xab (path 0x)"));
        let (chain, head) = (endpoint.chain(), endpoint.model().head().hash);
        let calls = [Call { to: Address::repeat_byte(7), input: Bytes::new() }];
        let newest = chain.read(&calls, None).await.unwrap_err();
        assert!(newest.passes(), "{newest}");
        let old = chain.read(&calls, Some(head)).await.unwrap_err();
        assert!(matches!(old, Error::NoState { block: 5, .. }) && !old.passes(), "{old}");
    });
}

/// Two endpoints: one gives heads, headers and logs, the other says what is final.
struct Both {
    blocks: Mutex<Double>,
    finality: Double,
}

impl Both {
    fn new(blocks: &Model, finality: &Model, depth: u64) -> Self {
        let double = |chain: &Model| Double::new(chain.clone(), [], 7, depth);
        Self { blocks: Mutex::new(double(blocks)), finality: double(finality) }
    }

    fn now(&self) -> Double {
        Double::new(self.blocks.lock().unwrap().chain(), [], 7, 0)
    }
}

impl Feed for Both {
    async fn head(&self) -> Result<Block> {
        self.now().head().await
    }

    async fn finalized(&self) -> Result<Option<Block>> {
        self.finality.finalized().await
    }

    async fn headers(&self, blocks: Blocks) -> Result<Vec<Block>> {
        self.now().headers(blocks).await
    }

    async fn checked(&self, blocks: Blocks, filter: &Filter) -> Result<(Vec<Block>, Logs)> {
        self.now().checked(blocks, filter).await
    }

    fn stride(&self) -> u64 {
        7
    }
}

#[test]
fn blocks_that_do_not_lead_to_what_is_final_are_not_final() {
    for depth in [1, 10, 39, 45] {
        on_runtime(async {
            // Block 30 is final on the right chain; the other one has left it before, or after.
            let right = model(60);
            let mut wrong = right.clone();
            wrong.replace(depth);
            let both = Arc::new(Both::new(&wrong, &right, 30));
            let store = Store::file("forked");
            let mut running = Running::start(node(&both, &store.address, &TOKENS));
            if depth > 30 {
                let waiting = running.until(|event| matches!(event, Event::Waiting { .. })).await;
                let head = wrong.head();
                let reason = format!(
                    "block 30 is called final with another hash than the one that leads to block {} {}",
                    head.number, head.hash
                );
                assert_eq!(waiting, Event::Waiting { reason });
                assert_eq!(finalized(&store), None);
            } else {
                running.until_cursor("finalized", end(right.blocks[30])).await;
                running.until_at(end(wrong.head())).await;
            }
            both.blocks.lock().unwrap().change(|chain| *chain = right.clone());
            running.until_equal(&straight(&right, 30).await).await;
            running.stop().await;
        });
    }
}
