//! Operations on coefficients below 10^38, which is all but exact doubles and long text: nothing exceeds 256 bits.

use ruint::aliases::U256;

use super::{ArithmeticError, Decimal, EXPONENT_MAX, EXPONENT_TINY, PRECISION};

/// Where short coefficients end.
pub(super) const SHORT_END: u128 = POWERS[38];
/// Where long coefficients end: 10^77.
pub(super) const LONG_END: U256 = WIDE_POWERS[77];

const DIGITS: i32 = PRECISION.cast_signed();

/// 10^0 to 10^38.
const POWERS: [u128; 39] = {
    let mut powers = [1; 39];
    let mut i = 1;
    while i < 39 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// 10^0 to 10^77.
pub(super) const WIDE_POWERS: [U256; 78] = {
    let mut powers = [U256::ONE; 78];
    let mut i = 1;
    while i < 78 {
        powers[i] = times(powers[i - 1], 10);
        i += 1;
    }
    powers
};

/// 5^0 to 5^110.
static FIVES: [U256; 111] = {
    let mut powers = [U256::ONE; 111];
    let mut i = 1;
    while i < 111 {
        powers[i] = times(powers[i - 1], 5);
        i += 1;
    }
    powers
};

/// 5^n, if it has at most 256 bits.
pub(super) fn five(n: u32) -> Option<U256> {
    FIVES.get(n as usize).copied()
}

const fn times(number: U256, factor: u128) -> U256 {
    let (limbs, product) = (number.as_limbs(), &mut [0_u64; 4]);
    let mut carry = 0;
    let mut i = 0;
    while i < 4 {
        (product[i], carry) = {
            let (low, high) = split(limbs[i] as u128 * factor + carry);
            (low, high as u128)
        };
        i += 1;
    }
    U256::from_limbs(*product)
}

static TABLE: [u128; 39] = POWERS;
pub(super) static WIDE_TABLE: [U256; 78] = WIDE_POWERS;

/// 10^n, for n up to 38.
fn power(n: u32) -> u128 {
    TABLE[n as usize]
}

/// The digits of a coefficient; zero has one.
pub(super) fn n_digits(coefficient: u128) -> i32 {
    let bits = 128 - (coefficient | 1).leading_zeros();
    // 1233 / 4096 is a little above log10(2), so that the estimate is right or one too few.
    let estimate = (bits * 1233) >> 12;
    (estimate + u32::from(coefficient >= power(estimate))).max(1).cast_signed()
}

fn n_digits_wide(coefficient: U256) -> i32 {
    match short(coefficient) {
        Some(short) => n_digits(short),
        None => {
            let bits = coefficient.bit_len();
            let estimate = (bits * 1233) >> 12;
            i32::try_from(estimate + usize::from(coefficient >= WIDE_TABLE[estimate])).expect("at most 78 digits")
        }
    }
}

fn short(coefficient: U256) -> Option<u128> {
    let [a, b, 0, 0] = *coefficient.as_limbs() else { return None };
    Some(join(a, b))
}

const fn join(low: u64, high: u64) -> u128 {
    (high as u128) << 64 | low as u128
}

#[allow(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
const fn split(joined: u128) -> (u64, u64) {
    (joined as u64, (joined >> 64) as u64)
}

/// `coefficient / 10^n`, rounded half to even. `n` is at most the number of its digits.
fn drop_digits(coefficient: U256, n: u32) -> U256 {
    if n > 38 {
        let divisor = WIDE_TABLE[n as usize];
        let (quotient, rest) = coefficient.div_rem(divisor);
        let half = divisor >> 1;
        let is_up = rest > half || rest == half && quotient.bit(0);
        return quotient + U256::from(u64::from(is_up));
    }
    let (first, second) = (n.min(19), n.saturating_sub(19));
    let (quotient, low) = div_power(*coefficient.as_limbs(), first);
    let (quotient, high) = if second == 0 { (quotient, 0) } else { div_power(quotient, second) };
    let rest = u128::from(high) * power(first) + u128::from(low);
    let half = power(n) / 2;
    let is_up = rest > half || rest == half && quotient[0] & 1 == 1;
    U256::from_limbs(quotient) + U256::from(u64::from(is_up))
}

fn drop_short(coefficient: u128, n: u32) -> u128 {
    let (quotient, rest) = if n <= 19 {
        let (low, high) = split(coefficient);
        let ([low, high], rest) = div_power([low, high], n);
        (join(low, high), u128::from(rest))
    } else {
        (coefficient / power(n), coefficient % power(n))
    };
    let half = power(n) / 2;
    quotient + u128::from(rest > half || rest == half && quotient & 1 == 1)
}

/// A divisor with its highest bit set, and its reciprocal, so that division is multiplication (Möller, Granlund 2011).
#[derive(Clone, Copy)]
struct Divisor {
    shift: u32,
    shifted: u64,
    reciprocal: u64,
}

/// 10^0 to 10^19.
static DIVISORS: [Divisor; 20] = {
    let mut divisors = [Divisor { shift: 0, shifted: 0, reciprocal: 0 }; 20];
    let mut i = 0;
    while i < 20 {
        let (divisor, _) = split(POWERS[i]);
        let shift = divisor.leading_zeros();
        let shifted = divisor << shift;
        let (reciprocal, _) = split(u128::MAX / shifted as u128 - (1 << 64));
        divisors[i] = Divisor { shift, shifted, reciprocal };
        i += 1;
    }
    divisors
};

/// Quotient and rest of a division by 10^n, for n up to 19.
fn div_power<const N: usize>(limbs: [u64; N], n: u32) -> ([u64; N], u64) {
    let Divisor { shift, shifted, reciprocal } = DIVISORS[n as usize];
    let mut quotient = [0; N];
    let (_, mut rest) = split(u128::from(limbs[N - 1]) << shift);
    for i in (0..N).rev() {
        let below = if i > 0 { limbs[i - 1] } else { 0 };
        let (_, limb) = split(join(below, limbs[i]) << shift);
        let (low, high) = split((u128::from(reciprocal) * u128::from(rest)).wrapping_add(join(limb, rest)));
        let mut part = high.wrapping_add(1);
        let mut left = limb.wrapping_sub(part.wrapping_mul(shifted));
        if left > low {
            part = part.wrapping_sub(1);
            left = left.wrapping_add(shifted);
        }
        if left >= shifted {
            part = part.wrapping_add(1);
            left -= shifted;
        }
        quotient[i] = part;
        rest = left;
    }
    (quotient, rest >> shift)
}

fn is_multiple_of_five(number: u128) -> bool {
    // 2^64 leaves 1.
    let (low, high) = split(number);
    (low % 5 + high % 5).is_multiple_of(5)
}

/// The exponent that the last digit of a result gets whose exact coefficient has `n_digits` digits.
///
/// # Errors
/// If the result overflows.
pub(super) fn last_exponent(n_digits: i32, exponent: i32) -> Result<i32, ArithmeticError> {
    let first = n_digits + exponent;
    if first - 1 > EXPONENT_MAX { Err(ArithmeticError::Overflow) } else { Ok((first - DIGITS).max(EXPONENT_TINY)) }
}

/// Rounds the exact result to 28 digits.
pub(super) fn finish(is_negative: bool, coefficient: U256, exponent: i32) -> Result<Decimal, ArithmeticError> {
    if let Some(coefficient) = short(coefficient) {
        return finish_short(is_negative, coefficient, exponent);
    }
    let n_digits = n_digits_wide(coefficient);
    let last = last_exponent(n_digits, exponent)?;
    let n = last - exponent;
    if n > n_digits {
        return Ok(Decimal::short(is_negative, 0, last));
    }
    let rounded = short(drop_digits(coefficient, n.cast_unsigned())).expect("28 digits are short");
    finish_rounded(is_negative, rounded, last)
}

fn finish_short(is_negative: bool, coefficient: u128, exponent: i32) -> Result<Decimal, ArithmeticError> {
    if coefficient == 0 {
        return Ok(Decimal::short(is_negative, 0, exponent.clamp(EXPONENT_TINY, EXPONENT_MAX)));
    }
    let n_digits = n_digits(coefficient);
    let last = last_exponent(n_digits, exponent)?;
    if exponent >= last {
        return Ok(Decimal::short(is_negative, coefficient, exponent));
    }
    let n = last - exponent;
    if n > n_digits {
        return Ok(Decimal::short(is_negative, 0, last));
    }
    finish_rounded(is_negative, drop_short(coefficient, n.cast_unsigned()), last)
}

/// What rounding made of a coefficient, which may be 10^28.
pub(super) fn finish_rounded(is_negative: bool, rounded: u128, last: i32) -> Result<Decimal, ArithmeticError> {
    if rounded == const { POWERS[PRECISION as usize] } {
        if last + DIGITS > EXPONENT_MAX {
            return Err(ArithmeticError::Overflow);
        }
        return Ok(Decimal::short(is_negative, rounded / 10, last + 1));
    }
    Ok(Decimal::short(is_negative, rounded, last))
}

/// A number whose digits are `coefficient`.
#[derive(Clone, Copy)]
struct Part {
    is_negative: bool,
    coefficient: u128,
    exponent: i32,
}

pub(super) fn add(x: Decimal, a: u128, y: Decimal, b: u128) -> Result<Decimal, ArithmeticError> {
    let exponent = x.exponent.min(y.exponent);
    let a = Part { is_negative: x.is_negative, coefficient: a, exponent: x.exponent };
    let b = Part { is_negative: y.is_negative, coefficient: b, exponent: y.exponent };
    match (a.coefficient, b.coefficient) {
        (0, 0) => return finish_short(a.is_negative && b.is_negative, 0, exponent),
        (0, _) => return add_zero(b, a.exponent),
        (_, 0) => return add_zero(a, b.exponent),
        _ => {}
    }
    let (upper, mut lower) = if a.exponent >= b.exponent { (a, b) } else { (b, a) };
    let n_upper = n_digits(upper.coefficient);
    // Where the lower number is out of sight, any digit in its place rounds the same.
    let sight = upper.exponent + (-1).min(n_upper - DIGITS - 2);
    if n_digits(lower.coefficient) + lower.exponent - 1 < sight {
        lower = Part { coefficient: 1, exponent: sight, ..lower };
    }
    let shift = (upper.exponent - lower.exponent).cast_unsigned();
    if n_upper + shift.cast_signed() <= 37 && lower.coefficient < POWERS[37] {
        let scaled = upper.coefficient * power(shift);
        let (is_negative, sum) = if upper.is_negative == lower.is_negative {
            (upper.is_negative, scaled + lower.coefficient)
        } else if scaled >= lower.coefficient {
            (upper.is_negative && scaled != lower.coefficient, scaled - lower.coefficient)
        } else {
            (lower.is_negative, lower.coefficient - scaled)
        };
        return finish_short(is_negative, sum, lower.exponent);
    }
    let scaled = WIDE_TABLE[shift as usize] * U256::from(upper.coefficient);
    let other = U256::from(lower.coefficient);
    let (is_negative, sum) = if upper.is_negative == lower.is_negative {
        (upper.is_negative, scaled + other)
    } else if scaled >= other {
        (upper.is_negative && scaled != other, scaled - other)
    } else {
        (lower.is_negative, other - scaled)
    };
    finish(is_negative, sum, lower.exponent)
}

/// The sum of a number and a zero with `exponent`: the zero may add zeros behind the number's digits.
fn add_zero(number: Part, exponent: i32) -> Result<Decimal, ArithmeticError> {
    let n = n_digits(number.coefficient);
    let exponent = exponent.max(number.exponent + n - DIGITS - 1).min(number.exponent);
    let scaled = U256::from(number.coefficient) * WIDE_TABLE[(number.exponent - exponent).cast_unsigned() as usize];
    finish(number.is_negative, scaled, exponent)
}

pub(super) fn mul(x: Decimal, a: u128, y: Decimal, b: u128) -> Result<Decimal, ArithmeticError> {
    finish(x.is_negative != y.is_negative, product(a, b), x.exponent + y.exponent)
}

fn product(a: u128, b: u128) -> U256 {
    let ((a0, a1), (b0, b1)) = (split(a), split(b));
    let (low, high) = (u128::from(a0) * u128::from(b0), u128::from(a1) * u128::from(b1));
    let (cross, crossed) = (u128::from(a0) * u128::from(b1), u128::from(a1) * u128::from(b0));
    let (l0, l1) = split(low);
    let middle = u128::from(l1) + u128::from(split(cross).0) + u128::from(split(crossed).0);
    let (m0, m1) = split(middle);
    let top = high + u128::from(split(cross).1) + u128::from(split(crossed).1) + u128::from(m1);
    let (t0, t1) = split(top);
    U256::from_limbs([l0, m0, t0, t1])
}

pub(super) fn div(x: Decimal, a: u128, y: Decimal, b: u128) -> Result<Decimal, ArithmeticError> {
    let is_negative = x.is_negative != y.is_negative;
    let shift = n_digits(b) - n_digits(a) + DIGITS + 1;
    let (numerator, denominator) = if shift >= 0 {
        (U256::from(a) * WIDE_TABLE[shift.cast_unsigned() as usize], b)
    } else {
        (U256::from(a), b * power((-shift).cast_unsigned()))
    };
    let (mut quotient, is_exact) = quotient(numerator, denominator);
    let (mut exponent, ideal) = (x.exponent - y.exponent - shift, x.exponent - y.exponent);
    if is_exact {
        while exponent < ideal && quotient % 10 == 0 {
            quotient /= 10;
            exponent += 1;
        }
    } else if is_multiple_of_five(quotient) {
        // A digit that is neither 0 nor 5 stands for all that is cut off, so that rounding sees it.
        quotient += 1;
    }
    finish_short(is_negative, quotient, exponent)
}

/// The quotient, which has at most 38 digits, and whether nothing is left.
fn quotient(numerator: U256, denominator: u128) -> (u128, bool) {
    let (quotient, rest) = numerator.div_rem(U256::from(denominator));
    (short(quotient).expect("a quotient of 30 digits is short"), short(rest) == Some(0))
}

pub(super) fn sqrt(coefficient: u128, exponent: i32) -> Result<Decimal, ArithmeticError> {
    let ideal = exponent >> 1;
    let n = n_digits(coefficient);
    let (scaled, half) = if exponent & 1 == 1 {
        (U256::from(coefficient) * U256::from(10), (n >> 1) + 1)
    } else {
        (U256::from(coefficient), (n + 1) >> 1)
    };
    // At most 20 - 1 digits before the shift, at least 1.
    let shift = DIGITS + 1 - half;
    let (root, is_exact) = root(scaled * WIDE_TABLE[2 * shift.cast_unsigned() as usize]);
    let mut last = ideal - shift;
    let root = if is_exact {
        last += shift;
        root / power(shift.cast_unsigned())
    } else {
        root + u128::from(is_multiple_of_five(root))
    };
    finish_short(false, root, last)
}

/// The square root of a number of at most 59 digits, rounded down, and whether it is exact.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the root of 59 digits is positive and fits"
)]
fn root(square: U256) -> (u128, bool) {
    let [a, b, c, d] = square.as_limbs().map(|limb| limb as f64);
    const LIMB: f64 = (1_u128 << 64) as f64;
    let guess = (((d * LIMB + c) * LIMB + b) * LIMB + a).sqrt() as u128;
    let guess = guess.max(1);
    // Newton's step doubles the 52 right bits of the guess; 98 are wanted.
    let mut root = guess.midpoint(quotient(square, guess).0);
    while product(root, root) > square {
        root -= 1;
    }
    while product(root + 1, root + 1) <= square {
        root += 1;
    }
    (root, product(root, root) == square)
}
