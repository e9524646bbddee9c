//! How many blocks of logs are asked for at a time. Pure: learns from the sizes of answers and from refusals.

use crate::block::Blocks;

/// Blocks of the first range. Few, because the size of an answer is not known before there was one, and a range of a busy
/// contract can be a hundred times what is wanted; a quiet one is at the most after two answers.
const FIRST: u64 = 64;
/// Blocks of a range at most.
const MAX: u64 = 2_000;
/// What an answer should have.
const WANTED_BYTES: u64 = 1_500_000;
/// By how much a range can grow from one answer to the next.
const MAX_GROWTH: u64 = 16;
/// A part of the ceiling by which it rises with an answer, so that a limit that has gone is noticed.
const CEILING_STEP: u64 = 32;

/// Sizes of ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ranges {
    /// Blocks of the next range.
    n_blocks: u64,
    /// Above this the endpoint refused.
    ceiling: u64,
    /// Bytes of a thousand blocks, as far as is known.
    weight: u64,
}

impl Default for Ranges {
    fn default() -> Self {
        Self { n_blocks: FIRST, ceiling: MAX, weight: 0 }
    }
}

impl Ranges {
    /// Blocks of the next range.
    pub(crate) fn n_blocks(self) -> u64 {
        self.n_blocks
    }

    /// The first part of `blocks` that is worth asking for.
    pub(crate) fn first_of(self, blocks: Blocks) -> Blocks {
        Blocks { first: blocks.first, last: blocks.last.min(blocks.first.saturating_add(self.n_blocks - 1)) }
    }

    /// The answer for `asked` had so many bytes.
    pub(crate) fn answered(&mut self, asked: Blocks, n_bytes: usize) {
        let n_blocks = asked.n_blocks();
        let weight = u64::try_from(n_bytes).unwrap_or(u64::MAX).saturating_mul(1_000) / n_blocks;
        // Heavier blocks count at once, lighter ones by and by: a burst is followed by more of it.
        self.weight = if weight >= self.weight { weight } else { self.weight - (self.weight - weight).div_ceil(4) };
        let wanted = (WANTED_BYTES * 1_000).checked_div(self.weight).unwrap_or(MAX);
        if n_blocks >= self.ceiling {
            self.ceiling = (self.ceiling + self.ceiling.div_ceil(CEILING_STEP)).min(MAX);
        }
        let most = self.n_blocks.max(n_blocks).saturating_mul(MAX_GROWTH).min(self.ceiling);
        self.n_blocks = wanted.clamp(1, most);
    }

    /// The endpoint does not answer for so many blocks, and may say what it would answer for. Says whether there is
    /// anything less to ask for.
    pub(crate) fn refused(&mut self, asked: Blocks, hint: Option<Blocks>) -> bool {
        let half = asked.n_blocks() / 2;
        if half == 0 {
            return false;
        }
        let hinted = hint.map(Blocks::n_blocks).filter(|n_blocks| *n_blocks < asked.n_blocks());
        let n_blocks = hinted.unwrap_or(half).min(self.ceiling);
        self.ceiling = n_blocks;
        self.n_blocks = self.n_blocks.min(n_blocks);
        true
    }

    /// There was no answer for `asked`, perhaps because it takes too long.
    pub(crate) fn unanswered(&mut self, asked: Blocks) {
        self.n_blocks = self.n_blocks.min(asked.n_blocks().div_ceil(2));
    }

    /// The answer for `asked` was larger than `max_bytes` and not read to its end. Says whether there is anything less to
    /// ask for.
    pub(crate) fn overflowed(&mut self, asked: Blocks, max_bytes: usize) -> bool {
        let half = asked.n_blocks() / 2;
        self.answered(asked, max_bytes);
        self.n_blocks = self.n_blocks.min(half).max(1);
        half > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(n_blocks: u64) -> Blocks {
        Blocks { first: 1_000, last: 999 + n_blocks }
    }

    /// The sizes of ranges over a chain whose blocks have so many bytes.
    fn sizes(bytes_of_block: usize, n_answers: usize) -> Vec<u64> {
        let mut ranges = Ranges::default();
        let mut sizes = Vec::new();
        for _ in 0..n_answers {
            let asked = ranges.first_of(blocks(1_000_000));
            sizes.push(asked.n_blocks());
            ranges.answered(asked, bytes_of_block * usize::try_from(asked.n_blocks()).unwrap());
        }
        sizes
    }

    #[test]
    fn aims_at_the_wanted_size() {
        assert_eq!(sizes(33_000, 4), [64, 45, 45, 45], "the fixture of Uniswap pairs");
        assert_eq!(sizes(0, 4), [64, 1_024, 2_000, 2_000]);
        assert_eq!(sizes(2, 3), [64, 1_024, 2_000]);
        assert_eq!(sizes(10_000_000, 3), [64, 1, 1]);
    }

    #[test]
    fn heavy_blocks_count_at_once_and_light_ones_by_and_by() {
        let mut ranges = Ranges::default();
        ranges.answered(blocks(100), 100 * 15_000);
        assert_eq!(ranges.n_blocks(), 100);
        ranges.answered(blocks(100), 100 * 150_000);
        assert_eq!(ranges.n_blocks(), 10);
        ranges.answered(blocks(10), 0);
        assert_eq!(ranges.n_blocks(), 13);
    }

    #[test]
    fn a_refusal_halves_or_follows_the_hint() {
        let mut ranges = Ranges { n_blocks: 2_000, ..Ranges::default() };
        assert!(ranges.refused(blocks(2_000), None));
        assert_eq!(ranges.n_blocks(), 1_000);
        assert!(ranges.refused(blocks(1_000), Some(blocks(77))));
        assert_eq!(ranges.n_blocks(), 77);
        assert!(ranges.refused(blocks(77), Some(blocks(500))), "a hint above what was refused is none");
        assert_eq!(ranges.n_blocks(), 38);
        ranges.answered(blocks(38), 0);
        assert_eq!(ranges.n_blocks(), 40, "the ceiling rises slowly");
    }

    #[test]
    fn ends_at_one_block() {
        let mut ranges = Ranges::default();
        let mut n_refusals = 0;
        while ranges.refused(ranges.first_of(blocks(5_000)), None) {
            n_refusals += 1;
        }
        assert_eq!((ranges.n_blocks(), n_refusals), (1, 6));
        let mut ranges = Ranges { n_blocks: 2_000, ..Ranges::default() };
        assert!(ranges.overflowed(blocks(2_000), 16_000_000));
        assert_eq!(ranges.n_blocks(), 187, "the overflow tells at least how heavy the blocks are");
        assert!(!ranges.overflowed(blocks(1), 16_000_000));
        assert_eq!(ranges.n_blocks(), 1);
    }

    #[test]
    fn no_answer_halves_and_leaves_no_ceiling() {
        let mut ranges = Ranges { n_blocks: 2_000, ..Ranges::default() };
        (0..20).for_each(|_| ranges.unanswered(ranges.first_of(blocks(5_000))));
        assert_eq!(ranges.n_blocks(), 1);
        (0..3).for_each(|_| ranges.answered(ranges.first_of(blocks(5_000)), 0));
        assert_eq!(ranges.n_blocks(), 2_000);
    }

    #[test]
    fn a_part_ends_where_the_blocks_end() {
        let ranges = Ranges::default();
        assert_eq!(ranges.first_of(blocks(5)), blocks(5));
        let last = Blocks { first: u64::MAX - 1, last: u64::MAX };
        assert_eq!(ranges.first_of(last), last);
    }
}
