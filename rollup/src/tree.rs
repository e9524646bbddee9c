//! The Merkle tree of all outputs of an application, as Cartesi's contracts verify it: 2^63 leaves, a node is the keccak
//! of its two children, a leaf that is not there yet is 32 zero bytes.
//!
//! Outputs are appended and never change, so a node above existing outputs alone is hashed once and kept. Every earlier
//! state of the tree can still be proved: a node at the right edge of a smaller tree is hashed again from nodes below it.

use std::sync::LazyLock;

use alloy::primitives::{B256, Keccak256};

/// Levels above the leaves.
pub const HEIGHT: usize = 63;

/// Hashes from a leaf's sibling up to the root's child.
pub type Siblings = [B256; HEIGHT];

/// The node of each level above nothing.
static EMPTY: LazyLock<[B256; HEIGHT + 1]> = LazyLock::new(|| {
    let mut nodes = [B256::ZERO; HEIGHT + 1];
    for level in 0..HEIGHT {
        nodes[level + 1] = parent(nodes[level], nodes[level]);
    }
    nodes
});

/// Where the nodes above existing outputs alone are kept, those of level 0 being the outputs' own hashes.
pub(crate) trait Nodes {
    type Error;

    fn node(&self, level: usize, position: u64) -> Result<B256, Self::Error>;
}

/// Appends the `count`th output, counted from 0, and gives `keep` each node that is complete with it.
pub(crate) fn append<N: Nodes>(
    nodes: &N,
    count: u64,
    leaf: B256,
    mut keep: impl FnMut(usize, u64, B256) -> Result<(), N::Error>,
) -> Result<(), N::Error> {
    let (mut hash, mut position) = (leaf, count);
    keep(0, position, hash)?;
    for level in 0.. {
        if position % 2 == 0 {
            break;
        }
        hash = parent(nodes.node(level, position - 1)?, hash);
        position /= 2;
        keep(level + 1, position, hash)?;
    }
    Ok(())
}

/// The root of the tree of the first `count` outputs.
pub(crate) fn root<N: Nodes>(nodes: &N, count: u64) -> Result<B256, N::Error> {
    node_of(nodes, HEIGHT, 0, count)
}

/// What proves the output at `position` in the tree of the first `count` outputs, from the bottom up.
pub(crate) fn siblings<N: Nodes>(nodes: &N, position: u64, count: u64) -> Result<Siblings, N::Error> {
    let mut siblings = [B256::ZERO; HEIGHT];
    for (level, sibling) in siblings.iter_mut().enumerate() {
        *sibling = node_of(nodes, level, (position >> level) ^ 1, count)?;
    }
    Ok(siblings)
}

/// The root that `siblings` lead to from `leaf` at `position`.
#[must_use]
pub fn root_from(leaf: B256, position: u64, siblings: &Siblings) -> B256 {
    siblings.iter().enumerate().fold(leaf, |hash, (level, sibling)| {
        if position >> level & 1 == 0 { parent(hash, *sibling) } else { parent(*sibling, hash) }
    })
}

/// A node in the tree of the first `count` outputs.
fn node_of<N: Nodes>(nodes: &N, level: usize, position: u64, count: u64) -> Result<B256, N::Error> {
    let (first, last) = (u128::from(position) << level, (u128::from(position) + 1) << level);
    if first >= u128::from(count) {
        return Ok(EMPTY[level]);
    }
    if last <= u128::from(count) {
        return nodes.node(level, position);
    }
    let (left, right) =
        (node_of(nodes, level - 1, 2 * position, count)?, node_of(nodes, level - 1, 2 * position + 1, count)?);
    Ok(parent(left, right))
}

fn parent(left: B256, right: B256) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update(left);
    hasher.update(right);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::convert::Infallible;
    use std::iter;

    use alloy::primitives::{b256, keccak256};

    use super::*;

    /// Nodes in memory; one that was never kept is asked for in vain.
    #[derive(Default)]
    struct InMemory(HashMap<(usize, u64), B256>);

    impl Nodes for InMemory {
        type Error = Infallible;

        fn node(&self, level: usize, position: u64) -> Result<B256, Infallible> {
            Ok(self.0[&(level, position)])
        }
    }

    fn leaf(position: u64) -> B256 {
        keccak256(position.to_be_bytes())
    }

    /// What is above nothing, level by level.
    fn nothing() -> Vec<B256> {
        iter::successors(Some(B256::ZERO), |node| Some(parent(*node, *node))).take(HEIGHT).collect()
    }

    /// All levels of the tree of the first `count` leaves, each up to its last node that is above one of them.
    fn plain(count: u64, nothing: &[B256]) -> Vec<Vec<B256>> {
        let mut levels = vec![(0..count).map(leaf).collect::<Vec<_>>()];
        for (level, nothing) in nothing.iter().enumerate() {
            let nodes = levels[level].chunks(2).map(|pair| parent(pair[0], *pair.get(1).unwrap_or(nothing))).collect();
            levels.push(nodes);
        }
        levels
    }

    fn kept(count: u64) -> InMemory {
        let mut nodes = InMemory::default();
        for position in 0..count {
            let mut complete = Vec::new();
            append(&nodes, position, leaf(position), |level, position, hash| {
                complete.push(((level, position), hash));
                Ok(())
            })
            .unwrap();
            nodes.0.extend(complete);
        }
        nodes
    }

    #[test]
    fn the_root_of_nothing_is_cartesis() {
        let expected = b256!("0a162946e56158bac0673e6dd3bdfdc1e4a0e7744a120fdb640050c8d7abe1c6");
        assert_eq!(root(&InMemory::default(), 0).unwrap(), expected);
    }

    #[test]
    fn every_earlier_size_has_the_root_and_the_proofs_of_the_whole_tree() {
        const LEAVES: u64 = 70;
        let (nodes, nothing) = (kept(LEAVES), nothing());
        for count in 1..=LEAVES {
            let levels = plain(count, &nothing);
            let expected = levels[HEIGHT][0];
            assert_eq!(root(&nodes, count).unwrap(), expected, "{count} leaves");
            for position in 0..count {
                let found = siblings(&nodes, position, count).unwrap();
                let place = usize::try_from(position).unwrap();
                for (level, found) in found.iter().enumerate() {
                    let sibling = levels[level].get((place >> level) ^ 1).unwrap_or(&nothing[level]);
                    assert_eq!(found, sibling, "level {level} for {position} of {count}");
                }
                if position % 8 == 0 || position + 1 == count {
                    assert_eq!(root_from(leaf(position), position, &found), expected, "{position} of {count}");
                }
            }
        }
    }

    #[test]
    fn a_tree_keeps_what_is_above_existing_leaves_alone() {
        for count in [1, 2, 3, 64, 70] {
            let nodes = kept(count);
            let levels = plain(count, &nothing());
            let whole = |level: usize, position: u64| (u128::from(position) + 1) << level <= u128::from(count);
            let expected = levels.iter().enumerate().flat_map(|(level, nodes)| {
                (0..)
                    .zip(nodes)
                    .filter(move |(position, _)| whole(level, *position))
                    .map(move |(position, hash)| ((level, position), *hash))
            });
            assert_eq!(nodes.0, expected.collect(), "{count} leaves");
        }
    }

    #[test]
    fn a_proof_is_for_one_leaf_at_one_place() {
        let nodes = kept(5);
        let (proof, expected) = (siblings(&nodes, 4, 5).unwrap(), root(&nodes, 5).unwrap());
        assert_ne!(root_from(leaf(3), 4, &proof), expected);
        assert_ne!(root_from(leaf(4), 3, &proof), expected);
        assert_ne!(root_from(leaf(4), 4, &siblings(&nodes, 3, 5).unwrap()), expected);
    }
}
