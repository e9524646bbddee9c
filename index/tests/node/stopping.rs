//! Nodes that are told to end while what they wait for does not come.

use std::sync::Arc;

use index::chain::BlockingReader;
use index::fetch::Feed;
use index::kind::Reader;
use index::node::{self, Node};
use index::progress::Progress;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::double::{Double, Turn};
use crate::endpoint::{Endpoint, Say};
use crate::model::{Model, TOKENS};
use crate::run::{Running, node as toy};
use crate::store::Store;
use crate::turns::on_runtime;

/// Is told to end as it begins.
async fn end_at_once<F: Feed>(node: Node<F>) {
    let (progress, _) = watch::channel(Progress::default());
    node::run(node, Arc::new(|_| {}), progress, async {}).await.unwrap();
}

#[test]
fn a_node_that_never_connected_ends() {
    on_runtime(async {
        let mut chain = Model::new();
        chain.mine(10);
        let double = |turns: usize| Arc::new(Double::new(chain.clone(), vec![Turn::Fail; turns], 7, 5));
        let store = Store::file("unconnected");
        end_at_once(toy(&double(1_000), &store.address, &TOKENS)).await;
        end_at_once(toy(&double(0), &store.address, &TOKENS)).await;
        end_at_once(toy(&double(0), "postgres://index@127.0.0.1:1/index", &TOKENS)).await;
    });
}

#[test]
fn a_node_ends_though_no_endpoint_answers() {
    on_runtime(async {
        let endpoint = Endpoint::start(Model::new()).await;
        endpoint.change(|script| script.all = Some(Say::Silence));
        let store = Store::file("silent");
        let running = Running::start(toy(&endpoint.chain(), &store.address, &TOKENS));
        endpoint.until_asked("eth_chainId").await;
        running.stop().await;
    });
}

#[test]
fn a_node_ends_in_the_middle_of_a_call_that_is_not_answered() {
    on_runtime(async {
        let mut model = Model::new();
        model.mine(20);
        let endpoint = Endpoint::start(model).await;
        endpoint.change(|script| (script.tags[0], script.call) = (Say::Block(5), Say::Silence));
        let (store, chain) = (Store::file("uncalled"), endpoint.chain());
        let reader: Arc<dyn Reader> = Arc::new(BlockingReader::new(Arc::clone(&chain), Handle::current()));
        let running = Running::start(Node { reader, ..toy(&chain, &store.address, &TOKENS) });
        endpoint.until_asked("eth_call").await;
        running.stop().await;
    });
}
