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
