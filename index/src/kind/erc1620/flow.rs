//! Flow of many streams: payments over intervals, added up. Integers only.

use alloy::primitives::{U256, U512};

/// One unit of a token in 18-decimal fixed point.
const ONE: u64 = 1_000_000_000_000_000_000;

/// Binary digits behind those 18 decimals.
const N_BITS: usize = 64;

/// Units of a token for each unit of a clock, in 18-decimal fixed point with 64 further binary digits.
///
/// The payments of each interval are divided on their own, and rounded down at the last of those digits; so the sum depends
/// on the payments alone, and not on their order. With n different intervals it is at most n / 2^64 below the exact one, at
/// the 18th decimal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow(U512);

impl Flow {
    /// Adds streams of this interval that pay `payments` together. They must be all of this interval.
    pub(crate) fn add(&mut self, payments: U256, interval: u64) {
        let scaled = (U512::from(payments) * U512::from(ONE)) << N_BITS;
        self.0 += scaled / U512::from(interval);
    }

    /// Units of the token for `numerator / denominator` units of the clock, in 18-decimal fixed point, rounded half to
    /// even; nothing beyond 256 bits or over no time.
    pub(crate) fn over(self, numerator: u64, denominator: u64) -> Option<U256> {
        if denominator == 0 {
            return None;
        }
        let dividend = self.0.checked_mul(U512::from(numerator))?;
        let divisor = U512::from(denominator) << N_BITS;
        let (quotient, rest) = dividend.div_rem(divisor);
        let twice = rest << 1_usize;
        let rounds_up = twice > divisor || (twice == divisor && quotient.bit(0));
        let rounded = quotient + U512::from(rounds_up);
        (rounded.bit_len() <= 256).then(|| rounded.to())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(payments: &[(u64, u64)], over: (u64, u64), expected: Option<u128>) {
        let mut flow = Flow::default();
        for (payment, interval) in payments {
            flow.add(U256::from(*payment), *interval);
        }
        assert_eq!(flow.over(over.0, over.1), expected.map(U256::from));
    }

    #[test]
    fn flows_are_rounded_half_to_even_at_the_18th_decimal() {
        check(&[], (1, 1), Some(0));
        check(&[(7, 1)], (1, 1), Some(7 * u128::from(ONE)));
        check(&[(1, 3)], (1, 1), Some(333_333_333_333_333_333));
        check(&[(2, 3)], (1, 1), Some(666_666_666_666_666_667));
        // 10^18 / 2^19 = 1907348632812.5, and three times that is 5722045898437.5.
        check(&[(1, 1 << 19)], (1, 1), Some(1_907_348_632_812));
        check(&[(3, 1 << 19)], (1, 1), Some(5_722_045_898_438));
        // A day of a payment a minute.
        check(&[(10, 60)], (86_400, 1), Some(14_400 * u128::from(ONE)));
        check(&[(1, 1)], (1, 0), None);
    }

    #[test]
    fn intervals_add_up_before_they_are_rounded() {
        // Each of the two would be rounded down.
        check(&[(1, 1 << 19), (1, 1 << 20)], (1, 1), Some(2_861_022_949_219));
    }

    #[test]
    fn the_largest_flow_is_no_overflow() {
        let mut flow = Flow::default();
        let payments = U256::from(u128::MAX) << 20_usize;
        flow.add(payments, 1);
        assert_eq!(flow.over(1, 1), Some(payments * U256::from(ONE)));
        assert_eq!(flow.over(u64::MAX, 1), None);
    }
}
