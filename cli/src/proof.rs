//! Proofs that an output lies in the application's tree. Computes roots; what the chain accepts is the chain's to say.

use alloy::{
    hex,
    primitives::{B256, Bytes, keccak256},
};
use bindings::cartesi::{OUTPUTS_TREE_HEIGHT, OutputValidityProof};
use eyre::{ensure, eyre};

use crate::node::Output;

/// An output and its place in the tree.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) index: u64,
    pub(crate) output: Bytes,
    pub(crate) siblings: Vec<B256>,
}

impl Proof {
    /// The proof that the node gives; `None` if the output's epoch is not closed.
    ///
    /// # Errors
    /// If it has another form than a proof.
    pub(crate) fn of(output: &Output) -> eyre::Result<Option<Self>> {
        let Some(siblings) = output.output_hashes_siblings.clone().filter(|siblings| !siblings.is_empty()) else {
            return Ok(None);
        };
        let (index, n_siblings) = (output.index, siblings.len());
        ensure!(
            n_siblings == OUTPUTS_TREE_HEIGHT,
            "the node's proof of output {index} has {n_siblings} hashes, and a proof has {OUTPUTS_TREE_HEIGHT}; use \
             another --node-url"
        );
        ensure!(
            index >> OUTPUTS_TREE_HEIGHT == 0,
            "output {index} exceeds the tree of outputs; use another --node-url"
        );
        Ok(Some(Self { index, output: output.raw_data.clone(), siblings }))
    }

    /// The root that the proof leads to, from the leaf up.
    pub(crate) fn root(&self) -> B256 {
        let leaf = keccak256(&self.output);
        self.siblings.iter().enumerate().fold(leaf, |node, (level, sibling)| {
            let is_right = self.index >> level & 1 == 1;
            let [left, right] = if is_right { [sibling, &node] } else { [&node, sibling] };
            keccak256([left.as_slice(), right.as_slice()].concat())
        })
    }

    /// As the application's contract takes it.
    pub(crate) fn validity(&self) -> OutputValidityProof {
        OutputValidityProof { outputIndex: self.index, outputHashesSiblings: self.siblings.clone() }
    }
}

/// The bytes of a hex text that begins with 0x.
pub(crate) fn parse_hex(text: &str) -> eyre::Result<Vec<u8>> {
    hex::decode(text).map_err(|error| eyre!("the hexadecimal digits cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::b256;

    /// The root of a tree of nothing, as the published machine has it.
    const EMPTY: B256 = b256!("0a162946e56158bac0673e6dd3bdfdc1e4a0e7744a120fdb640050c8d7abe1c6");

    fn pair(left: B256, right: B256) -> B256 {
        keccak256([left, right].concat())
    }

    /// Roots of trees of nothing, by their heights.
    fn nothing() -> Vec<B256> {
        std::iter::successors(Some(B256::ZERO), |node| Some(pair(*node, *node))).take(OUTPUTS_TREE_HEIGHT + 1).collect()
    }

    #[test]
    fn roots_are_those_of_the_whole_tree() {
        let nothing = nothing();
        assert_eq!(nothing[OUTPUTS_TREE_HEIGHT], EMPTY);
        let outputs: Vec<Bytes> = (0..4_u8).map(|i| Bytes::from(vec![i; 5])).collect();
        let leaves: Vec<B256> = outputs.iter().map(keccak256).collect();
        let pairs = [pair(leaves[0], leaves[1]), pair(leaves[2], leaves[3])];
        let four = pair(pairs[0], pairs[1]);
        let root = nothing[2..OUTPUTS_TREE_HEIGHT].iter().fold(four, |node, empty| pair(node, *empty));
        for index in 0..4 {
            let mut siblings = nothing[..OUTPUTS_TREE_HEIGHT].to_vec();
            siblings[0] = leaves[index ^ 1];
            siblings[1] = pairs[(index >> 1) ^ 1];
            let mut proof = Proof { index: u64::try_from(index).unwrap(), output: outputs[index].clone(), siblings };
            assert_eq!(proof.root(), root, "{index}");
            proof.index ^= 2;
            assert_ne!(proof.root(), root, "{index}");
        }
    }
}
