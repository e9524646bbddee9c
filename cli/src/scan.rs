//! Which ranges of blocks to ask for logs: as large as the node allows, as small as it must be. Knows what nodes say
//! when a range is too much for them, and talks to none.

/// Most ranges that are asked for.
const N_RANGES_MAX: u64 = 5_000;

/// Blocks that remain to be asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    next: u64,
    last: u64,
    /// Blocks that the next range has.
    step: u64,
    /// Blocks that a range may have.
    limit: u64,
}

/// Why a node does not give logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The range has too many blocks, as any other of its length has.
    TooLong,
    /// The range has too many logs; the next one may not.
    TooDense,
    /// Something that a smaller range does not change.
    Other,
}

impl Scan {
    /// A scan of blocks `first` to `last`, both included.
    pub(crate) fn new(first: u64, last: u64) -> Self {
        let n_blocks = last.saturating_sub(first).saturating_add(1);
        Self { next: first, last, step: n_blocks, limit: n_blocks }
    }

    /// The first and the last block to ask about; `None` at the end.
    pub(crate) fn range(&self) -> Option<(u64, u64)> {
        (self.next <= self.last).then(|| (self.next, self.last.min(self.next.saturating_add(self.step - 1))))
    }

    /// The node answered for the range.
    pub(crate) fn advance(&mut self) {
        if let Some((_, last)) = self.range() {
            self.next = last.saturating_add(1);
            self.step = self.step.saturating_mul(2).min(self.limit);
        }
    }

    /// The node refused the range. Returns whether there is a smaller one to ask about.
    pub(crate) fn shrink(&mut self, refusal: Refusal) -> bool {
        let Some((first, last)) = self.range() else { return false };
        if refusal == Refusal::Other || first == last {
            return false;
        }
        self.step = (last - first).div_ceil(2);
        if refusal == Refusal::TooLong {
            self.limit = self.step;
        }
        true
    }

    /// Ranges to come, if none is refused.
    pub(crate) fn n_ranges(&self) -> u64 {
        self.last.saturating_add(1).saturating_sub(self.next).div_ceil(self.limit)
    }

    /// Whether the scan would take longer than anybody waits.
    pub(crate) fn is_endless(&self) -> bool {
        self.n_ranges() > N_RANGES_MAX
    }
}

impl Refusal {
    /// What a node means by `message`. There is no standard: these are the words of common nodes and providers.
    pub(crate) fn of(message: &str) -> Self {
        let message = message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        if says(&["rate limit", "too many requests", "unauthorized", "not found", "not supported", "not available"]) {
            Self::Other
        } else if says(&[
            "results",
            "response size",
            "too many logs",
            "logs matched",
            "timeout",
            "timed out",
            "too large",
        ]) {
            Self::TooDense
        } else {
            Self::TooLong
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Asks a node that allows so many blocks and logs a range; blocks have as many logs as `density` says.
    fn play(first: u64, last: u64, max_blocks: u64, max_logs: u64, density: fn(u64) -> u64) -> (Vec<(u64, u64)>, u64) {
        let mut scan = Scan::new(first, last);
        let (mut ranges, mut n_refused) = (Vec::new(), 0);
        while let Some((from, to)) = scan.range() {
            let refusal = if to - from + 1 > max_blocks {
                Refusal::TooLong
            } else if (from..=to).map(density).sum::<u64>() > max_logs {
                Refusal::TooDense
            } else {
                ranges.push((from, to));
                scan.advance();
                continue;
            };
            n_refused += 1;
            assert!(scan.shrink(refusal), "{from} to {to}");
        }
        (ranges, n_refused)
    }

    #[test]
    fn a_generous_node_is_asked_once() {
        assert_eq!(play(5, 1_000, u64::MAX, u64::MAX, |_| 1), (vec![(5, 1_000)], 0));
        assert_eq!(play(7, 7, 1, 1, |_| 1), (vec![(7, 7)], 0));
    }

    #[test]
    fn a_limit_on_blocks_is_learnt_once() {
        let (ranges, n_refused) = play(0, 99_999, 10_000, u64::MAX, |_| 1);
        assert_eq!((ranges.len(), n_refused), (16, 4));
    }

    #[test]
    fn a_crowded_place_does_not_slow_the_rest() {
        let (ranges, n_refused) = play(0, 99_999, u64::MAX, 1_000, |block| u64::from(block / 100 == 500) * 20);
        assert!(ranges.len() < 20 && n_refused < 20, "{} ranges, {n_refused} refused", ranges.len());
    }

    #[test]
    fn what_cannot_be_split_ends() {
        let mut scan = Scan::new(3, 4);
        assert!(!scan.clone().shrink(Refusal::Other));
        assert!(scan.shrink(Refusal::TooDense));
        assert_eq!(scan.range(), Some((3, 3)));
        assert!(!scan.shrink(Refusal::TooDense));
    }

    #[test]
    fn a_scan_without_end_is_noticed() {
        let mut scan = Scan::new(0, 60_000_000);
        assert!(!scan.is_endless());
        for _ in 0..13 {
            scan.shrink(Refusal::TooLong);
        }
        assert!(!scan.is_endless() || scan.n_ranges() > 5_000);
        scan.shrink(Refusal::TooLong);
        assert!(scan.is_endless());
    }

    #[test]
    fn nodes_are_understood() {
        for message in [
            "query returned more than 10000 results",
            "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range",
            "query exceeds max results 20000, retry with the range 21000000-21000500",
            "query timeout exceeded",
        ] {
            assert_eq!(Refusal::of(message), Refusal::TooDense, "{message}");
        }
        for message in [
            "block range is too wide",
            "exceed maximum block range: 50000",
            "eth_getLogs is limited to a 10,000 range",
            "requested too many blocks from 0 to 20000, maximum is set to 2048",
            "block range extends beyond limit",
        ] {
            assert_eq!(Refusal::of(message), Refusal::TooLong, "{message}");
        }
        for message in [
            "daily request count exceeded, request rate limited",
            "the method eth_getLogs does not exist/is not available",
        ] {
            assert_eq!(Refusal::of(message), Refusal::Other, "{message}");
        }
    }

    proptest! {
        #[test]
        fn every_block_is_asked_about_once(
            first in 0u64..1_000,
            n in 1u64..5_000,
            max_blocks in 1u64..6_000,
            max_logs in 7u64..500,
        ) {
            let (ranges, _) = play(first, first + n - 1, max_blocks, max_logs, |block| block % 8);
            let mut next = first;
            for (from, to) in ranges {
                prop_assert_eq!(from, next);
                prop_assert!(to >= from);
                next = to + 1;
            }
            prop_assert_eq!(next, first + n);
        }
    }
}
