//! The newest blocks, as far back as the chain may still change them: what was taken of them, and what the chain says of
//! them at another moment. Pure; asks nobody.

use std::collections::VecDeque;

use alloy::primitives::B256;

use crate::block::{Block, Blocks};

/// Headers that are asked for in one step back.
const STEP_BACK: u64 = 64;

/// Blocks below one that is called final and is not in the window yet, which may still be another branch's: those who tell
/// it need not be those who gave the window. More than two days of Ethereum.
const UNLINKED: u64 = 16_384;

/// A window of blocks, each the parent of the next: from the last final one to the newest that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// The first block that is taken at all.
    first: u64,
    /// The last block that is final, if one of those taken is.
    finalized: Option<u64>,
    blocks: VecDeque<Block>,
}

/// What headers of the chain mean for the blocks that were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The chain ends where the window does.
    Same,
    /// The chain goes on after the window.
    Extends,
    /// The chain ends before the window, without contradicting it: it was cut, or the endpoint is behind.
    Behind,
    /// The headers begin beyond the window's end, and say nothing of it.
    Ahead,
    /// The chain went another way after block `fork`, which both have.
    Reorg {
        /// The last block that stays.
        fork: u64,
    },
    /// The chain went another way, and these headers are needed to tell where.
    NeedOlder(Blocks),
    /// The chain contradicts a block that it had called final.
    BelowFinality {
        /// The last block that both may have.
        fork: u64,
        /// The last final block.
        finalized: u64,
    },
}

impl Headers {
    /// A window of `blocks`, which are linked and end with the newest that was taken. Of a chain that is read from block
    /// `first` on, and of which `finalized` is the last final block that was taken.
    #[must_use]
    pub fn new(first: u64, finalized: Option<u64>, blocks: impl IntoIterator<Item = Block>) -> Self {
        // No chain has another block 0.
        let finalized = finalized.or((first == 0).then_some(0));
        let mut headers = Self { first, finalized, blocks: VecDeque::new() };
        blocks.into_iter().for_each(|block| headers.push(block));
        headers
    }

    /// The newest block that was taken.
    #[must_use]
    pub fn tip(&self) -> Option<Block> {
        self.blocks.back().copied()
    }

    /// The next block to take.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.tip().map_or(self.first, |tip| tip.number + 1)
    }

    /// The last final block.
    #[must_use]
    pub fn finalized(&self) -> Option<u64> {
        self.finalized
    }

    /// The hash of a block in the window.
    #[must_use]
    pub fn hash(&self, number: u64) -> Option<B256> {
        let lowest = self.blocks.front()?.number;
        let place = usize::try_from(number.checked_sub(lowest)?).ok()?;
        self.blocks.get(place).map(|block| block.hash)
    }

    /// The lowest block that the window may be taken back to.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.finalized.unwrap_or_else(|| self.first - 1)
    }

    /// Whether `block` comes right after the window's end.
    #[must_use]
    pub fn fits(&self, block: &Block) -> bool {
        block.number == self.next() && self.tip().is_none_or(|tip| tip.hash == block.parent)
    }

    /// Takes a block that [`fits`](Self::fits).
    pub fn push(&mut self, block: Block) {
        debug_assert!(self.blocks.is_empty() || self.fits(&block), "blocks of a window are linked");
        self.blocks.push_back(block);
        self.forget();
    }

    /// Takes everything back that came after block `to`.
    pub fn unwind(&mut self, to: u64) {
        while self.tip().is_some_and(|tip| tip.number > to) {
            self.blocks.pop_back();
        }
    }

    /// Notes that block `told` of a chain that ends at block `head` is called final. Says whether the window agrees; if
    /// not, it is of another branch, and nothing of it becomes final. A window that does not reach the block yet is not
    /// known to lead there: only what is far enough below both is final then. What was final before stays so.
    #[must_use]
    pub fn finalize(&mut self, told: &Block, head: u64) -> bool {
        let Some(tip) = self.tip() else { return true };
        if told.number > tip.number {
            self.settle(told.number.min(head).saturating_sub(UNLINKED).min(tip.number));
            return true;
        }
        let agrees = self.hash(told.number).is_none_or(|hash| hash == told.hash);
        if agrees {
            self.settle(told.number);
        }
        agrees
    }

    /// Notes that blocks are final which so many of the window follow.
    pub fn finalize_below(&mut self, n_blocks: u64) {
        if let Some(number) = self.tip().and_then(|tip| tip.number.checked_sub(n_blocks)) {
            self.settle(number);
        }
    }

    /// All up to block `number` of the window is final.
    fn settle(&mut self, number: u64) {
        if number >= self.first && self.finalized.is_none_or(|finalized| finalized < number) {
            self.finalized = Some(number);
            self.forget();
        }
    }

    /// Only blocks that may still change are of interest, the last final one, and the last one.
    fn forget(&mut self) {
        while self.blocks.len() > 1 && self.finalized.is_some_and(|finalized| self.blocks[0].number < finalized) {
            self.blocks.pop_front();
        }
    }

    /// Compares `answers`, which are linked and end where the chain ends as far as is known.
    ///
    /// # Panics
    /// If there are no answers.
    #[must_use]
    pub fn judge(&self, answers: &[Block]) -> Verdict {
        let (lowest, last) = (answers.first().expect("an answer has a header"), answers[answers.len() - 1]);
        let Some(tip) = self.tip() else {
            return match lowest.number <= self.first {
                _ if last.number < self.first => Verdict::Behind,
                true => Verdict::Extends,
                false => Verdict::Ahead,
            };
        };
        if let Some(fork) = self.shared(answers) {
            return match fork == tip.number {
                true if last.number == fork => Verdict::Same,
                true => Verdict::Extends,
                false if last.number == fork => Verdict::Behind,
                false => self.fork(fork),
            };
        }
        if lowest.number > tip.number + 1 {
            return Verdict::Ahead;
        }
        let floor = self.floor();
        match self.finalized {
            // A chain that ends before what is final, or before the first block, contradicts nothing.
            Some(_) if last.number < floor => Verdict::Behind,
            None if last.number <= floor => Verdict::Behind,
            None if lowest.number <= self.first => Verdict::Reorg { fork: floor },
            Some(finalized) if lowest.number <= floor => {
                Verdict::BelowFinality { fork: floor.saturating_sub(1), finalized }
            }
            _ => {
                let n_known = u64::try_from(answers.len()).expect("headers fit memory");
                let first = lowest.number.saturating_sub(n_known.max(STEP_BACK));
                let least = if self.finalized.is_some() { floor } else { self.first };
                Verdict::NeedOlder(Blocks { first: first.max(least), last: lowest.number - 1 })
            }
        }
    }

    /// The highest block that is known to be both in the window and in the chain of the answers.
    fn shared(&self, answers: &[Block]) -> Option<u64> {
        let same = answers.iter().rev().find(|answer| self.hash(answer.number) == Some(answer.hash));
        let before = answers[0].number.checked_sub(1);
        same.map(|answer| answer.number)
            .or_else(|| before.filter(|number| self.hash(*number) == Some(answers[0].parent)))
    }

    fn fork(&self, fork: u64) -> Verdict {
        match self.finalized {
            Some(finalized) if fork < finalized => Verdict::BelowFinality { fork, finalized },
            _ => Verdict::Reorg { fork },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A chain whose hashes tell blocks of different branches apart.
    #[derive(Clone, Debug)]
    struct Model {
        blocks: Vec<Block>,
        n_made: u64,
    }

    impl Model {
        fn new() -> Self {
            let mut model = Self { blocks: Vec::new(), n_made: 0 };
            model.mine(1);
            model
        }

        fn mine(&mut self, n_blocks: usize) {
            for _ in 0..n_blocks {
                self.n_made += 1;
                let number = self.blocks.len() as u64;
                let parent = self.blocks.last().map_or(B256::ZERO, |last| last.hash);
                let hash = B256::from(alloy::primitives::U256::from(self.n_made));
                self.blocks.push(Block { number, hash, parent, timestamp: number });
            }
        }

        fn cut(&mut self, n_blocks: usize) {
            let kept = self.blocks.len().saturating_sub(n_blocks).max(1);
            self.blocks.truncate(kept);
        }

        fn range(&self, blocks: Blocks) -> Vec<Block> {
            let place = |number: u64| usize::try_from(number).unwrap();
            self.blocks[place(blocks.first)..=place(blocks.last)].to_vec()
        }

        fn head(&self) -> Block {
            self.blocks[self.blocks.len() - 1]
        }
    }

    /// Follows the chain to its head; gives up at a contradiction of what is final.
    fn follow(headers: &mut Headers, chain: &Model) -> Result<(), Verdict> {
        let mut answers = vec![chain.head()];
        for _ in 0..1_000 {
            match headers.judge(&answers) {
                Verdict::Same => return Ok(()),
                Verdict::NeedOlder(blocks) => {
                    assert_eq!(blocks.last + 1, answers[0].number, "what is needed comes right before what is known");
                    answers = [chain.range(blocks), answers].concat();
                    continue;
                }
                Verdict::Reorg { fork } => headers.unwind(fork),
                // Nobody else answers here, so the chain was cut.
                Verdict::Behind if headers.tip().is_none() => return Ok(()),
                Verdict::Behind if headers.finalized().is_some_and(|finalized| chain.head().number < finalized) => {
                    return Err(Verdict::Behind);
                }
                Verdict::Behind => headers.unwind(chain.head().number.max(headers.floor())),
                Verdict::Extends | Verdict::Ahead => {
                    let next = Blocks::new(headers.next(), chain.head().number).unwrap();
                    let blocks = chain.range(next);
                    if headers.fits(&blocks[0]) {
                        blocks.into_iter().for_each(|block| headers.push(block));
                    } else {
                        answers = blocks;
                        continue;
                    }
                }
                other @ Verdict::BelowFinality { .. } => return Err(other),
            }
            answers = vec![chain.head()];
        }
        panic!("the window does not come to rest");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Mine(usize),
        /// Other blocks, as many as before and some more.
        Replace(usize, usize),
        Cut(usize),
        Finalize(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1..100_usize).prop_map(Step::Mine),
            (1..80_usize, 0..5_usize).prop_map(|(depth, more)| Step::Replace(depth, more)),
            (1..80_usize).prop_map(Step::Cut),
            (0..150_u64).prop_map(Step::Finalize),
        ]
    }

    proptest! {
        #[test]
        fn window_is_the_chains_end_after_every_step(first in 0..40_u64, steps in prop::collection::vec(step(), 1..40)) {
            let mut chain = Model::new();
            let mut headers = Headers::new(first, None, []);
            for step in steps {
                match step {
                    Step::Mine(n_blocks) => chain.mine(n_blocks),
                    Step::Replace(depth, more) => {
                        let length = chain.blocks.len();
                        chain.cut(depth);
                        chain.mine(length - chain.blocks.len() + more);
                    }
                    Step::Cut(depth) => chain.cut(depth),
                    Step::Finalize(depth) => {
                        let block = chain.blocks[chain.blocks.len().saturating_sub(1 + usize::try_from(depth).unwrap())];
                        // What was final before stays so, even if the chain says less.
                        let before = headers.finalized();
                        prop_assert!(headers.finalize(&block, chain.head().number));
                        prop_assert!(headers.finalized() >= before);
                    }
                }
                let before = headers.clone();
                let floor = before.finalized().and_then(|number| Some((number, before.hash(number)?)));
                match follow(&mut headers, &chain) {
                    Ok(()) => {
                        if let Some(tip) = headers.tip() {
                            prop_assert_eq!(tip, chain.head());
                            let known = headers.blocks.iter().copied().collect::<Vec<_>>();
                            let range = Blocks::new(known[0].number, tip.number).unwrap();
                            prop_assert_eq!(known, chain.range(range));
                        } else {
                            prop_assert!(chain.head().number < first);
                        }
                        if let Some((number, hash)) = floor {
                            prop_assert_eq!(headers.hash(number), Some(hash));
                        }
                    }
                    Err(verdict) => {
                        let (number, hash) = floor.expect("only what is final can be contradicted");
                        let there = chain.blocks.get(usize::try_from(number).unwrap());
                        match verdict {
                            Verdict::Behind => prop_assert!(there.is_none()),
                            _ => prop_assert!(there.is_some_and(|block| block.hash != hash)),
                        }
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Blocks 0 to 9, of which `finalized` is final, and the model they are from.
    fn window(finalized: Option<u64>) -> (Headers, Model) {
        let mut chain = Model::new();
        chain.mine(9);
        let headers = Headers::new(1, finalized, chain.blocks[1..].iter().copied());
        (headers, chain)
    }

    #[track_caller]
    fn check(finalized: Option<u64>, change: impl Fn(&mut Model), expected: Verdict) {
        let (headers, mut chain) = window(finalized);
        change(&mut chain);
        assert_eq!(headers.judge(&[chain.head()]), expected);
    }

    #[test]
    fn one_look_at_the_head_tells_what_it_can() {
        check(None, |_| {}, Verdict::Same);
        check(None, |chain| chain.mine(1), Verdict::Extends);
        check(None, |chain| chain.mine(2), Verdict::Ahead);
        check(None, |chain| chain.cut(1), Verdict::Behind);
        // One block is replaced by another of the same height.
        let replace = |depth: usize| {
            move |chain: &mut Model| {
                chain.cut(depth);
                chain.mine(depth);
            }
        };
        check(None, replace(1), Verdict::Reorg { fork: 8 });
        check(None, replace(2), Verdict::NeedOlder(Blocks { first: 1, last: 8 }));
        check(Some(6), replace(2), Verdict::NeedOlder(Blocks { first: 6, last: 8 }));
        check(Some(9), replace(1), Verdict::BelowFinality { fork: 8, finalized: 9 });
        // A shorter chain of other blocks.
        let shorter = |chain: &mut Model| {
            chain.cut(5);
            chain.mine(3);
        };
        check(None, shorter, Verdict::NeedOlder(Blocks { first: 1, last: 6 }));
        check(Some(6), |chain| chain.cut(5), Verdict::Behind);
    }

    #[test]
    fn all_that_is_not_final_can_go() {
        let (headers, mut chain) = window(None);
        chain.cut(100);
        chain.n_made += 100;
        chain.mine(9);
        assert_eq!(headers.judge(&chain.blocks[1..]), Verdict::Reorg { fork: 0 });
        assert_eq!(headers.judge(&chain.blocks[2..]), Verdict::NeedOlder(Blocks { first: 1, last: 1 }));
    }

    #[test]
    fn final_blocks_do_not_go_back() {
        let (mut headers, mut chain) = window(Some(5));
        assert!(headers.finalize(&chain.blocks[3], 9));
        assert_eq!(headers.finalized(), Some(5));
        let other = Block { hash: B256::repeat_byte(7), ..chain.blocks[7] };
        assert!(!headers.finalize(&other, 9), "block 7 has another hash");
        assert_eq!(headers.finalized(), Some(5));
        chain.mine(5);
        assert!(headers.finalize(&chain.blocks[12], 14), "nothing is known of block 12");
        // Nor of one that nobody can have.
        assert!(headers.finalize(&Block { number: u64::MAX, ..other }, 14));
        assert_eq!(headers.finalized(), Some(5));
        headers.finalize_below(2);
        assert_eq!((headers.finalized(), headers.hash(6), headers.tip()), (Some(7), None, Some(chain.blocks[9])));
        headers.finalize_below(10);
        assert_eq!(headers.finalized(), Some(7));
    }

    /// Far below what is called final, blocks are final at once; near it, when their link to it is seen.
    #[test]
    fn a_window_is_short_until_it_comes_near_what_is_final() {
        let mut chain = Model::new();
        chain.mine(40_000);
        let told = chain.blocks[30_000];
        for (told, agrees) in [(told, true), (Block { hash: B256::repeat_byte(7), ..told }, false)] {
            let mut headers = Headers::new(1, None, []);
            for chunk in chain.blocks[1..].chunks(100) {
                chunk.iter().for_each(|block| headers.push(*block));
                let tip = headers.tip().unwrap().number;
                assert_eq!(headers.finalize(&told, 40_000), agrees || tip < told.number, "block {tip}");
                let finalized = if tip < told.number || !agrees { tip.min(30_000 - 16_384) } else { 30_000 };
                assert_eq!(headers.finalized(), Some(finalized), "block {tip}");
                assert_eq!(headers.blocks.len() as u64, tip - finalized + 1);
            }
        }
    }
}
