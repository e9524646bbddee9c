//! A block with more logs than an answer may otherwise have.

use crate::{
    proxy::{Lie, Proxy, What},
    world::{ALICE, N_BLOCKS, World, chain, created},
};
use index::block::Blocks;

#[tokio::test]
async fn the_logs_of_one_block_may_be_longer() {
    let world = World::start(0).await;
    // In hexadecimal more than the mebibyte of an answer.
    for _ in 0..7 {
        world.call(ALICE, &[0; 100_000]).await;
    }
    world.ask("evm_mine", serde_json::json!([])).await;
    let blocks = Blocks::new(1, N_BLOCKS + 2).unwrap();
    let checked = chain(&[world.url()]).checked(blocks, &created()).await.unwrap();
    world.assert_right(&checked, blocks, ALICE).await;
    let n_bytes: usize = checked.logs.iter().map(|log| log.data.len()).sum();
    assert!(n_bytes > 700_000, "{n_bytes}");
    // It has a bound all the same, which a stream without end meets.
    let proxy = Proxy::start(world.url()).await;
    proxy.tell(Lie::always(What::EndlessLogs));
    let error = chain(&[&proxy.url]).checked(blocks, &created()).await.unwrap_err().to_string();
    assert!(error.contains("the logs of block 1 are too many for one answer"), "{error}");
}
