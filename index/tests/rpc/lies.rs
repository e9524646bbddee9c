//! Each lie, told once, told always, and told always by one of two.

use std::time::Duration;

use index::{Error, block::Blocks, chain::Chain};

use crate::{
    proxy::{Lie, Proxy, What},
    world::{ALICE, N_BLOCKS, World, all, chain, chain_within, created},
};

/// Every lie that does not need another chain.
fn lies() -> Vec<What> {
    vec![
        What::EmptyLogs,
        What::DuplicateLogs,
        What::DisorderedLogs,
        What::ForeignBlockHash,
        What::UnwatchedLogs,
        What::RemovedLogs,
        What::EndlessLogs,
        What::TruncatedBatch,
        What::ShuffledIds,
        What::DoubledIds,
        What::ForeignIds,
        What::BusyItem,
        What::BusyBatch,
        What::NoBatches,
        What::BusyHttp("0"),
        What::BusyHttp("Sat, 21 Nov 2020 17:00:00 GMT"),
        What::Html,
        What::Cut,
        What::Silence,
    ]
}

/// Waits long for answers, except where none come.
fn patient(urls: &[&str], what: &What) -> Chain {
    if *what == What::Silence { chain_within(urls, Duration::from_secs(1)) } else { chain(urls) }
}

async fn check_right(chain: &Chain, world: &World, what: &What) {
    let checked = chain.checked(all(), &created()).await.unwrap_or_else(|error| panic!("{what:?}: {error}"));
    world.assert_right(&checked, all(), ALICE).await;
}

#[tokio::test]
async fn what_is_told_once_does_no_harm() {
    let (world, other) = (World::start(0).await, World::start(5).await);
    let proxy = Proxy::start(world.url()).await;
    let elsewhere = [What::OtherLogs(other.url().to_owned()), What::OtherBlock(other.url().to_owned())];
    for what in lies().into_iter().chain(elsewhere) {
        proxy.tell(Lie::once(what.clone()));
        check_right(&patient(&[&proxy.url], &what), &world, &what).await;
        assert!(proxy.is_told(), "{what:?}");
    }
}

#[tokio::test]
async fn one_of_two_that_always_lies_does_no_harm() {
    let (world, other) = (World::start(0).await, World::start(5).await);
    let proxy = Proxy::start(world.url()).await;
    let elsewhere = [What::OtherLogs(other.url().to_owned()), What::OtherBlock(other.url().to_owned())];
    for what in lies().into_iter().chain(elsewhere) {
        proxy.tell(Lie::always(what.clone()));
        check_right(&patient(&[&proxy.url, world.url()], &what), &world, &what).await;
    }
}

async fn check_named(what: What, expected: &str) {
    let world = World::start(0).await;
    let proxy = Proxy::start(world.url()).await;
    proxy.tell(Lie::always(what.clone()));
    let error = chain(&[&proxy.url]).checked(all(), &created()).await.unwrap_err();
    let host = proxy.url.trim_start_matches("http://");
    assert!(matches!(error, Error::Endpoint(_)) && error.passes(), "{what:?}: {error}");
    assert!(error.to_string().contains(host) && error.to_string().contains(expected), "{what:?}: {error}");
}

#[tokio::test]
async fn what_is_always_told_about_logs_is_named() {
    check_named(What::EmptyLogs, "block 2 has logs that were left out").await;
    check_named(What::DuplicateLogs, "log 0 of block 2 came twice").await;
    check_named(What::DisorderedLogs, "log 0 of block 2 came after a later one").await;
    check_named(What::ForeignBlockHash, "log 0 of block 2 is of a block 0x").await;
    check_named(What::UnwatchedLogs, "log 0 of block 2 was not asked for").await;
    check_named(What::RemovedLogs, "log 0 of block 2 is marked as removed").await;
    check_named(What::EndlessLogs, "the logs of block 1 are too many for one answer").await;
}

#[tokio::test]
async fn what_is_always_told_over_http_is_named() {
    check_named(What::BusyHttp("0"), "HTTP status 429").await;
    check_named(What::Html, "the answer is no JSON-RPC: \"<html><body>Welcome</body></html>\"").await;
    check_named(What::Cut, "no endpoint answers eth_getBlockByNumber: ").await;
}

#[tokio::test]
async fn what_is_wrong_with_every_batch_does_no_harm_because_batches_shrink() {
    let world = World::start(0).await;
    let proxy = Proxy::start(world.url()).await;
    for what in [
        What::TruncatedBatch,
        What::ShuffledIds,
        What::DoubledIds,
        What::ForeignIds,
        What::BusyItem,
        What::BusyBatch,
        What::NoBatches,
    ] {
        proxy.tell(Lie::always(what.clone()));
        check_right(&chain(&[&proxy.url]), &world, &what).await;
    }
}

#[tokio::test]
async fn answers_of_two_chains_are_told_apart() {
    let (world, other) = (World::start(0).await, World::start(5).await);
    let proxy = Proxy::start(world.url()).await;
    for (what, expected) in [
        (What::OtherLogs(other.url().to_owned()), "log 0 of block 2 is of a block 0x"),
        (What::OtherBlock(other.url().to_owned()), "after its logs were read"),
    ] {
        proxy.tell(Lie::always(what));
        let error = chain(&[&proxy.url]).checked(all(), &created()).await.unwrap_err();
        assert!(error.passes() && error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn another_chain_is_refused_with_both_ids() {
    let world = World::start(0).await;
    let proxy = Proxy::start(world.url()).await;
    proxy.tell(Lie::always(What::ChainId(5)));
    let error = chain(&[&proxy.url, world.url()]).head().await.unwrap_err();
    let host = proxy.url.trim_start_matches("http://");
    let expected =
        format!("endpoint {host} is of chain 5 and not of chain 31337; correct chain.id, or remove the endpoint");
    assert_eq!(error.to_string(), expected);
    assert!(!error.passes());
}

#[tokio::test]
async fn a_stale_head_is_left_behind_when_another_endpoint_knows_more() {
    let world = World::start(0).await;
    let proxy = Proxy::start(world.url()).await;
    proxy.tell(Lie::always(What::StaleHead(4)));
    let alone = chain(&[&proxy.url]);
    assert_eq!(alone.head().await.unwrap().block.number, 4);
    let error = alone.checked(all(), &created()).await.unwrap_err();
    assert!(error.to_string().ends_with("block 5 is not there, though a head above it was seen"), "{error}");
    let both = chain(&[&proxy.url, world.url()]);
    assert_eq!(both.head().await.unwrap().block.number, N_BLOCKS + 1);
    proxy.tell(Lie::none());
    assert_eq!(both.head().await.unwrap().block.number, N_BLOCKS + 1);
    proxy.tell(Lie::always(What::StaleHead(N_BLOCKS)));
    assert_eq!(both.head().await.unwrap().block.number, N_BLOCKS + 1);
    check_right(&both, &world, &What::StaleHead(4)).await;
}

#[tokio::test]
async fn only_the_call_that_met_the_limit_is_asked_again() {
    let world = World::start(0).await;
    let proxy = Proxy::start(world.url()).await;
    let chain = chain(&[&proxy.url]);
    for what in [What::BusyItem, What::TruncatedBatch, What::ForeignIds, What::DoubledIds] {
        let before = proxy.n_asked("eth_getBlockByNumber");
        proxy.tell(Lie::once(what.clone()));
        let headers = chain.headers(all()).await.unwrap();
        assert!(headers.iter().all(Option::is_some), "{what:?}");
        assert_eq!(proxy.n_asked("eth_getBlockByNumber") - before, headers.len() + 1, "{what:?}");
    }
}

#[tokio::test]
async fn an_endpoint_that_asks_for_a_rest_has_it() {
    let world = World::start(0).await;
    for rest in ["120", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let proxy = Proxy::start(world.url()).await;
        let what = What::BusyHttp(rest);
        proxy.tell(Lie::always(what.clone()));
        let chain = chain(&[&proxy.url, world.url()]);
        for _ in 0..3 {
            check_right(&chain, &world, &what).await;
        }
        assert_eq!(proxy.asked.lock().unwrap().len(), 1, "{rest}");
    }
}

#[tokio::test]
async fn ranges_follow_the_hint_of_a_refusal() {
    let world = World::start(0).await;
    let proxy = Proxy::start(world.url()).await;
    proxy.tell(Lie::always(What::TooManyBlocks(3)));
    let chain = chain(&[&proxy.url]);
    check_right(&chain, &world, &What::TooManyBlocks(3)).await;
    assert!(chain.n_blocks_at_a_time() <= 8, "{}", chain.n_blocks_at_a_time());
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_passed_over_and_its_key_is_not_shown() {
    let world = World::start(0).await;
    let gone = Proxy::start(world.url()).await.url.clone();
    let secret = format!("{gone}/v3/0123456789abcdef?key=hidden");
    check_right(&chain(&[&secret, world.url()]), &world, &What::Silence).await;
    let error = chain(&[&secret]).head().await.unwrap_err().to_string();
    let host = gone.trim_start_matches("http://");
    assert!(error.starts_with(&format!("no endpoint answers eth_getBlockByNumber: {host}: ")), "{error}");
    assert!(!error.contains("0123456789abcdef") && !error.contains("hidden"), "{error}");
}

#[tokio::test]
async fn one_block_is_a_range() {
    let world = World::start(0).await;
    let chain = chain(&[world.url()]);
    let one = Blocks::new(5, 5).unwrap();
    let checked = chain.checked(one, &created()).await.unwrap();
    world.assert_right(&checked, one, ALICE).await;
    assert_eq!(checked.logs.len(), 1);
}
