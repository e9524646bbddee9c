//! Salaries on the wall clock and the same in whole intervals of a contract's clock. Whole numbers only.

use alloy_primitives::U256;

use super::super::streams::Terms;

/// A contract's clock against the wall clock: it shows `units` more every `secs` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tempo {
    pub(super) secs: u64,
    pub(super) units: u64,
}

/// What is to be paid by when: a straight line on the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Course {
    pub(super) from: u64,
    /// What was paid before.
    pub(super) paid: U256,
    pub(super) until: u64,
    /// What is paid at the end.
    pub(super) total: U256,
}

impl Course {
    /// What is to be paid by `now`, rounded down.
    pub(super) fn at(&self, now: u64) -> U256 {
        let length = self.until.saturating_sub(self.from).max(1);
        let passed = now.saturating_sub(self.from).min(length);
        self.paid + self.total.saturating_sub(self.paid) * U256::from(passed) / U256::from(length)
    }
}

impl Tempo {
    /// Terms that pay `total` evenly in the next `secs` seconds if the clocks keep this tempo, in intervals of about
    /// `interval_secs`. Intervals are rounded to whole units of the clock, and their number to whole ones, half up; a
    /// payment is rounded down. None if there is less than one unit of the token for each.
    pub(super) fn terms(self, total: U256, secs: u64, interval_secs: u64) -> Option<Terms> {
        let interval = divide(interval_secs, self.units, self.secs).max(1);
        let n_intervals = divide(secs, self.units, self.secs.saturating_mul(interval)).max(1);
        let payment = total / U256::from(n_intervals);
        (!payment.is_zero()).then_some(Terms { payment, interval, n_intervals })
    }
}

/// `a * b / c`, rounded half up.
fn divide(a: u64, b: u64, c: u64) -> u64 {
    let (product, c) = (u128::from(a) * u128::from(b), u128::from(c.max(1)));
    u64::try_from((product + c / 2) / c).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check((secs, units): (u64, u64), total: u64, (length, interval): (u64, u64), expected: Option<(u64, u64, u64)>) {
        let terms = Tempo { secs, units }.terms(U256::from(total), length, interval);
        let found = terms.map(|terms| (terms.interval, terms.n_intervals, terms.payment.to::<u64>()));
        assert_eq!(found, expected);
    }

    #[test]
    fn thirty_days_in_blocks() {
        // 2,592,000 s are 185,142.86 blocks of 14 s; 60 s are 4.29 of them, so 4, and 46,285.7 intervals of 4 blocks.
        let (month, total) = (2_592_000, 92_572_000);
        check((14, 1), total, (month, 1), Some((1, 185_143, 500)));
        check((14, 1), total, (month, 60), Some((4, 46_286, 2_000)));
        check((140, 10), total - 1, (month, 60), Some((4, 46_286, 1_999)));
        check((1, 1), total, (month, 3_600), Some((3_600, 720, 128_572)));
        check((1, 1), 719, (month, 3_600), None);
        check((14, 1), total, (3, 60), Some((4, 1, total)));
    }

    #[test]
    fn a_course_is_straight_and_ends() {
        let course = Course { from: 100, paid: U256::from(7), until: 400, total: U256::from(17) };
        let at = [0, 100, 129, 130, 399, 400, 1_000].map(|now| course.at(now).to::<u64>());
        assert_eq!(at, [7, 7, 7, 8, 16, 17, 17]);
        let past = Course { total: U256::from(3), ..course };
        assert_eq!(past.at(400), U256::from(7));
    }
}
