//! Uniswap's arithmetic in whole units: what a swap pays, and how much brings a pair to a price. No floats, so that a pair
//! is asked for the last unit that it grants.

use alloy_primitives::{U256, U512};

/// What a swap of `given` units pays, rounded down, after a fee of 0.3 % of what is given. `into` is the reserve of the
/// token that is given, `from` that of the token that is paid. All three have at most 112 bits.
pub(super) fn paid(given: U256, into: U256, from: U256) -> U256 {
    let charged = given * U256::from(997);
    let into = into * U256::from(1000);
    if charged.is_zero() { U256::ZERO } else { charged * from / (into + charged) }
}

/// How much is to be given, rounded down, until the reserves are in the proportion of `aim`: `into / from` becomes
/// `aim.0 / aim.1`. Zero if that would take a swap in the other direction.
///
/// With `i` given, `(into + i) (1000 into + 997 i) / (1000 into from)` is the proportion, so that `i` solves
/// `997 i² + 1997 into i + 1000 into² = 1000 into from aim.0 / aim.1`.
pub(super) fn to_proportion(into: U256, from: U256, aim: (U256, U256)) -> U256 {
    let discriminant = U512::from(9) * wide(into) * wide(into) + scaled(3_988_000, into, from, aim);
    narrow(root(discriminant).saturating_sub(U512::from(1997) * wide(into)) / U512::from(1994))
}

/// How much is to be given, rounded down, as long as a unit more brings more than it costs where `aim.0` units of what is
/// given are worth `aim.1` units of what is paid. Zero if nothing gains.
///
/// A unit more brings `997 · 1000 into from / (1000 into + 997 i)²`, and costs `aim.1 / aim.0`.
pub(super) fn while_it_gains(into: U256, from: U256, aim: (U256, U256)) -> U256 {
    let best = root(scaled(997_000, into, from, aim));
    narrow(best.saturating_sub(U512::from(1000) * wide(into)) / U512::from(997))
}

/// `factor into from aim.0 / aim.1`, rounded down; reserves have 112 bits each, so that 358 are enough.
fn scaled(factor: u64, into: U256, from: U256, aim: (U256, U256)) -> U512 {
    U512::from(factor) * wide(into) * wide(from) * wide(aim.0) / wide(aim.1)
}

/// The square root, rounded down.
fn root(square: U512) -> U512 {
    if square.is_zero() {
        return square;
    }
    // From above, Newton's steps fall until they reach the root.
    let mut root = U512::ONE << square.bit_len().div_ceil(2);
    loop {
        let next = (root + square / root) >> 1;
        if next >= root {
            return root;
        }
        root = next;
    }
}

fn wide(number: U256) -> U512 {
    U512::from(number)
}

/// Amounts that no wallet has are as good as the greatest.
fn narrow(number: U512) -> U256 {
    number.saturating_to()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn u(number: u64) -> U256 {
        U256::from_limbs([number, 0, 0, 0])
    }

    #[track_caller]
    fn check_paid(given: u64, into: u64, from: u64, expected: u64) {
        let out = paid(u(given), u(into), u(from));
        assert_eq!(out, u(expected));
        // The pair's own condition, (1000 x - 3 i) (1000 y) >= 1000² k, holds for this and for no unit more.
        let holds = |out: U256| {
            let x = (u(into) + u(given)) * u(1000) - u(given) * u(3);
            x * (u(from) - out) >= u(into) * u(from) * u(1000)
        };
        assert!(holds(out) && !holds(out + u(1)));
    }

    #[test]
    fn swaps_pay_the_last_unit_that_the_product_grants() {
        // 997 * 1000 * 2000 / (1000 * 1000 + 997 * 1000) = 998.49…
        check_paid(1000, 1000, 2000, 998);
        check_paid(1, 1000, 1000, 0);
        check_paid(2, 1000, 1000, 1);
        check_paid(1_000_000_000_000, 5_000_000_000_000, 10_000_000_000_000, 1_662_497_915_624);
        assert_eq!(paid(U256::ZERO, u(5), u(5)), U256::ZERO);
    }

    #[test]
    fn prices_are_met_to_the_unit() {
        let (into, from) = (u(1_000_000_000_000), u(1_000_000_000_000));
        let given = to_proportion(into, from, (u(4), u(1)));
        let proportion = |given: U256| (into + given) * u(1_000_000_000) / (from - paid(given, into, from));
        assert!(proportion(given) <= u(4_000_000_000) && proportion(given + u(2_000)) > u(4_000_000_000));
        // Without a fee it would be the same amount again: T - a with T = sqrt(k P) = 2 a.
        assert_eq!(given, u(1_001_502_818_419));
        assert_eq!(to_proportion(into, from, (u(1), u(4))), U256::ZERO);
        assert_eq!(to_proportion(into, from, (u(1), u(1))), U256::ZERO);
    }

    #[test]
    fn the_best_trade_gains_more_than_its_neighbours() {
        let (into, from, aim) = (u(1_000_000), u(1_000_000), (u(2), u(1)));
        let best = while_it_gains(into, from, aim);
        // What is paid is worth twice what is given.
        let gain = |given: U256| (u(2) * paid(given, into, from)).to::<i128>() - given.to::<i128>();
        assert_eq!(best, u(413_330));
        assert!([1_u64, 100, 5_000, 100_000].iter().all(|&d| gain(best) + 2 >= gain(best + u(d))));
        assert!([100_u64, 5_000, 100_000].iter().all(|&d| gain(best) + 2 >= gain(best - u(d))));
        // Within the fee nothing gains.
        assert_eq!(while_it_gains(into, from, (u(1002), u(1000))), U256::ZERO);
    }

    #[test]
    fn roots_are_rounded_down() {
        for (square, expected) in [(0_u64, 0_u64), (1, 1), (3, 1), (4, 2), (99, 9), (100, 10)] {
            assert_eq!(root(U512::from(square)), U512::from(expected));
        }
        let great = U512::from(U256::MAX);
        assert_eq!(root(great * great), great);
        assert_eq!(root(great * great - U512::ONE), great - U512::ONE);
    }
}
