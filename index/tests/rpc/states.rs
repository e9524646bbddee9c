//! As of which block contracts are read, and which states endpoints have.

use alloy::primitives::{B256, Bytes};
use index::{Error, kind::Call};
use serde_json::json;

use crate::{
    proxy::{Lie, Proxy, What},
    world::{ALICE, World, chain},
};

#[tokio::test]
async fn an_endpoint_that_has_a_header_and_not_its_state_lacks_the_state_whatever_it_calls_that() {
    let world = World::start(0).await;
    let chain = chain(&[world.url()]);
    let block = chain.header_by_number(3).await.unwrap().unwrap().block;
    let calls = [Call { to: ALICE, input: Bytes::new() }];
    assert_eq!(chain.read(&calls, Some(block.hash)).await.unwrap(), [None]);
    // Anvil keeps the states of so many blocks in memory, and says of others that they are out of range.
    world.ask("anvil_mine", json!(["0x4b0"])).await;
    let error = chain.read(&calls, Some(block.hash)).await.unwrap_err();
    assert!(matches!(error, Error::NoState { block: 3, .. }) && !error.passes(), "{error}");
    assert_eq!(chain.read(&calls, None).await.unwrap(), [None]);
}

#[tokio::test]
async fn the_newest_block_is_the_one_that_was_told_of() {
    let world = World::start(0).await;
    let proxy = Proxy::start(world.url()).await;
    let chain = chain(&[&proxy.url]);
    let calls = [Call { to: ALICE, input: Bytes::new() }];
    assert_eq!(chain.read(&calls, None).await.unwrap(), [None]);
    // Whoever answers the call has not seen the head: behind one URL there may be many nodes.
    proxy.tell(Lie::always(What::StaleHead(5)));
    let error = chain.read(&calls, None).await.unwrap_err();
    assert!(error.passes() && error.to_string().ends_with(&format!("there is no block {}", B256::ZERO)), "{error}");
}
