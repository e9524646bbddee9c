//! What the chain says when nobody lies.

use std::sync::Arc;

use alloy::primitives::{Address, B256, Bytes};
use index::{
    Error,
    block::Blocks,
    chain::{BlockingReader, Chain},
    kind::{Call, Reader},
    rpc::{Bounds, Filter},
};
use serde_json::json;
use tokio::runtime::Handle;

use crate::{
    proxy::{Lie, Proxy, What},
    world::{ALICE, BOB, N_BLOCKS, REDEEMED, World, all, chain, config, created},
};

#[tokio::test]
async fn headers_logs_and_ends_are_the_chain_s() {
    let world = World::start(0).await;
    let chain = chain(&[world.url()]);
    let head = chain.head().await.unwrap();
    assert_eq!(head.block.number, N_BLOCKS + 1);
    let checked = chain.checked(all(), &created()).await.unwrap();
    world.assert_right(&checked, all(), ALICE).await;
    assert_eq!(checked.headers.last(), Some(&head));
    let finalized = chain.finalized().await.unwrap().unwrap();
    assert_eq!(finalized.block.number, 0, "anvil calls what is 64 blocks old final");
    assert_eq!(chain.header_by_number(3).await.unwrap().as_ref(), Some(&checked.headers[2]));
    assert_eq!(chain.header_by_hash(head.block.hash).await.unwrap(), Some(head));
    assert_eq!(chain.header_by_number(N_BLOCKS + 2).await.unwrap(), None);
    assert_eq!(chain.header_by_hash(B256::repeat_byte(1)).await.unwrap(), None);
    let beyond = Blocks::new(N_BLOCKS + 1, N_BLOCKS + 3).unwrap();
    let there: Vec<bool> = chain.headers(beyond).await.unwrap().iter().map(Option::is_some).collect();
    assert_eq!(there, [true, false, false]);
    let none = chain.logs(all(), &Filter::new(vec![ALICE], vec![REDEEMED], vec![])).await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn a_range_beyond_the_head_leads_back_at_once() {
    let world = World::start(0).await;
    let proxy = Proxy::start(world.url()).await;
    let chain = chain(&[&proxy.url]);
    let beyond = Blocks::new(N_BLOCKS, N_BLOCKS + 2).unwrap();
    let error = chain.checked(beyond, &created()).await.unwrap_err();
    assert!(error.passes());
    assert!(
        error.to_string().ends_with(&format!("block {} is not there, though a head above it was seen", N_BLOCKS + 2)),
        "{error}"
    );
    assert_eq!((proxy.n_asked("eth_getBlockByNumber"), proxy.n_asked("eth_getLogs")), (3, 0), "nothing is asked twice");
}

#[tokio::test]
async fn an_orphan_s_hash_is_of_no_block() {
    let world = World::start(0).await;
    let chain = chain(&[world.url()]);
    let orphan = chain.head().await.unwrap().block.hash;
    world.ask("anvil_rollback", json!([2])).await;
    world.call(ALICE, b"another way").await;
    world.ask("evm_mine", json!([])).await;
    assert_eq!(chain.header_by_hash(orphan).await.unwrap(), None);
    assert_eq!(chain.head().await.unwrap().block.number, N_BLOCKS);
    let error = chain.read(&[Call { to: ALICE, input: Bytes::new() }], Some(orphan)).await.unwrap_err();
    assert!(error.passes(), "{error}");
    assert!(error.to_string().ends_with(&format!("there is no block {orphan}")), "{error}");
}

#[tokio::test]
async fn a_bloom_that_says_yes_to_what_is_not_there_is_looked_into() {
    let world = World::start(0).await;
    let proxy = Proxy::start(world.url()).await;
    let chain = chain(&[&proxy.url]);
    // Alice's contract and Bob's event are in every bloom, and no log has both.
    let checked = chain.checked(all(), &Filter::new(vec![ALICE], vec![REDEEMED], vec![])).await.unwrap();
    assert!(checked.logs.is_empty());
    assert_eq!(u64::try_from(proxy.n_asked("eth_getLogs")).unwrap(), 1 + N_BLOCKS, "the range, and each of its blocks");
}

/// Contracts that answer with a word, revert, and run into an opcode that there is not.
async fn contracts(world: &World) -> [Address; 3] {
    let codes = ["0x602a5f5260205ff3", "0x5f5ffd", "0xfe"];
    let addresses = [1, 2, 3].map(|number| Address::repeat_byte(0xc0 + number));
    for (address, code) in addresses.iter().zip(codes) {
        world.ask("anvil_setCode", json!([address, code])).await;
    }
    world.ask("evm_mine", json!([])).await;
    addresses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_in_order_and_none_where_there_is_no_answer() {
    let world = World::start(0).await;
    let [answers, reverts, fails] = contracts(&world).await;
    let proxy = Proxy::start(world.url()).await;
    proxy.tell(Lie::always(What::ShuffledIds));
    let chain = Arc::new(chain(&[&proxy.url]));
    let to = [reverts, answers, Address::repeat_byte(9), fails, answers];
    let calls = to.map(|to| Call { to, input: Bytes::from_static(&[1, 2, 3, 4]) });
    let word = Some(Bytes::copy_from_slice(B256::with_last_byte(42).as_slice()));
    let expected = [None, word.clone(), None, None, word];
    let head = chain.head().await.unwrap().block.hash;
    for at in [None, Some(head)] {
        assert_eq!(chain.read(&calls, at).await.unwrap(), expected);
    }
    assert_eq!(chain.read(&[], None).await.unwrap(), []);
    let reader = BlockingReader::new(chain, Handle::current());
    let read = std::thread::spawn(move || reader.read(&calls, Some(head)).unwrap());
    assert_eq!(tokio::task::spawn_blocking(|| read.join().unwrap()).await.unwrap(), expected);
}

#[tokio::test]
async fn an_endpoint_without_the_state_is_passed_over() {
    let world = World::start(0).await;
    let [answers, ..] = contracts(&world).await;
    let proxy = Proxy::start(world.url()).await;
    proxy.tell(Lie::always(What::NoState));
    let calls = [Call { to: answers, input: Bytes::new() }];
    let head = world.ask("eth_getBlockByNumber", json!(["latest", false])).await["hash"].clone();
    let head = serde_json::from_value(head).unwrap();
    let both = chain(&[&proxy.url, world.url()]);
    assert!(both.read(&calls, Some(head)).await.unwrap()[0].is_some());
    let error = chain(&[&proxy.url]).read(&calls, Some(head)).await.unwrap_err();
    assert!(matches!(error, Error::NoState { block, .. } if block == N_BLOCKS + 2), "{error}");
}

#[tokio::test]
async fn batches_are_no_larger_than_the_limit_allows_at_once() {
    let world = World::start(0).await;
    let proxy = Proxy::start(world.url()).await;
    let chain = Chain::new(&config(&[&proxy.url], Some("50/second;100000/day")), Bounds::default()).unwrap();
    let headers = chain.headers(all()).await.unwrap();
    assert!(headers.iter().all(Option::is_some));
    let sizes: Vec<usize> = proxy.asked.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!((sizes.iter().max(), sizes.iter().sum()), (Some(&5), headers.len() + 1));
}

#[tokio::test]
async fn the_logs_of_several_contracts_come_together() {
    let world = World::start(0).await;
    let chain = chain(&[world.url()]);
    let both = Filter::new(vec![ALICE, BOB], vec![], vec![]);
    let logs = chain.logs(all(), &both).await.unwrap();
    let found: Vec<(u64, u64, Address)> = logs.iter().map(|log| (log.block, log.idx, log.contract)).collect();
    let expected: Vec<_> = (2..N_BLOCKS + 2).flat_map(|block| [(block, 0, ALICE), (block, 1, BOB)]).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_configuration_that_is_none_is_refused_before_anybody_is_asked() {
    for (urls, limit, expected) in [
        (&[][..], None, "chain.endpoints is empty; name at least one URL"),
        (&["ws://x/secret"], None, "the URL of endpoint 1 is none of http or https"),
        (&["http://x"], Some("fast"), "limit \"fast\" is none"),
    ] {
        let error = Chain::new(&config(urls, limit), Bounds::default()).unwrap_err();
        assert!(matches!(error, Error::Config(_)) && error.to_string().starts_with(expected), "{error}");
    }
}
