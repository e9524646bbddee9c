//! What is unwound leaves nothing behind, and what is derived again is the same.

use crate::{
    loader::{Index, SOURCE, Silent, epoch},
    world::World,
};
use index::kind::erc1620::query::{StreamFilter, Streams};

#[test]
fn tables_do_not_depend_on_chunks() {
    let world = World::get();
    let expected = world.index(1_000).dump();
    assert!(expected["streams_version"].len() > 250, "{}", expected["streams_version"].len());
    for chunk in [1, 17] {
        assert!(world.index(chunk).dump() == expected, "chunks of {chunk}");
    }
}

#[test]
fn unwinding_gives_what_was_and_going_on_gives_the_same_again() {
    let world = World::get();
    let mut index = world.index(1_000);
    let whole = index.dump();
    let n_blocks = world.blocks.len();
    for n_kept in [n_blocks - 1, n_blocks - 64, n_blocks / 2, 1] {
        index.snapshots(&epoch(world.n_epochs() - 1, &world.blocks));
        index.unwind(n_kept as u64 - 1);
        let mut short = Index::empty(&[], None);
        short.take(&world.blocks[..n_kept], &world.logs, 9, &Silent).unwrap();
        assert!(index.dump() == short.dump(), "unwound to {n_kept} blocks");
        // A second time there is nothing to do.
        index.unwind(n_kept as u64 - 1);
        assert!(index.dump() == short.dump(), "unwound to {n_kept} blocks again");
        if n_kept > 1 {
            let id = n_kept as u64 / crate::loader::EPOCH - 1;
            assert_eq!(index.snapshots(&epoch(id, &world.blocks)), short.snapshots(&epoch(id, &world.blocks)));
        }
        let mut streams = Streams::of(&mut index.database, SOURCE);
        let at = streams.at(n_kept as u64 - 1).unwrap().unwrap();
        let found = crate::versions::pages(&mut streams, &StreamFilter::default(), at);
        assert_eq!(found.is_empty(), n_kept == 1);
        index.take(&world.blocks[n_kept..], &world.logs, 11, &Silent).unwrap();
        assert!(index.dump() == whole, "on from {n_kept} blocks");
    }
}
