//! The same operations for operands with any number of digits: 512 bits for most doubles, as many as it takes for the
//! rest.

use std::cmp::Ordering;

use ruint::Uint;

use super::{ArithmeticError, Decimal, Digits, PRECISION, narrow};

const DIGITS: i32 = PRECISION.cast_signed();

/// The widest: a product of two doubles' coefficients of 2,547 bits, or their sum at any distance.
const MAX_BITS: usize = 8192;
const MAX_LIMBS: usize = MAX_BITS / 64;

/// A number in full.
#[derive(Clone, Copy)]
struct Full<const B: usize, const L: usize> {
    is_negative: bool,
    coefficient: Uint<B, L>,
    exponent: i32,
}

impl<const B: usize, const L: usize> Full<B, L> {
    fn of(number: &Decimal) -> Self {
        let coefficient = match number.digits {
            Digits::Short(coefficient) => Uint::from(coefficient),
            Digits::Long(coefficient) => Uint::from(coefficient),
            Digits::Binary { mantissa, power } if power < 0 => {
                Uint::from(5).pow(Uint::from(-power)) * Uint::<B, L>::from(mantissa)
            }
            Digits::Binary { mantissa, power } => Uint::from(mantissa) << power.cast_unsigned() as usize,
        };
        Self { is_negative: number.is_negative, coefficient, exponent: number.exponent }
    }
}

fn ten<const B: usize, const L: usize>(power: i32) -> Uint<B, L> {
    match usize::try_from(power).ok().and_then(|power| narrow::WIDE_TABLE.get(power)) {
        Some(ten) => Uint::from(*ten),
        None => Uint::from(10).pow(Uint::from(power)),
    }
}

fn n_digits<const B: usize, const L: usize>(coefficient: Uint<B, L>) -> i32 {
    // 30103 / 100000 is a little above log10(2), so that the estimate is right, or one too few.
    let estimate = i32::try_from(coefficient.bit_len() * 30_103 / 100_000).expect("at most 8192 bits");
    (estimate + i32::from(coefficient >= ten(estimate))).max(1)
}

const fn is_binary(number: &Decimal) -> bool {
    matches!(number.digits, Digits::Binary { .. })
}

/// Calls the operation at the width that the operands need.
macro_rules! at_width {
    ($operation:ident, $($operand:expr),+) => {
        if $(is_binary($operand))||+ {
            $operation::<MAX_BITS, MAX_LIMBS>($(Full::of($operand)),+)
        } else {
            $operation::<512, 8>($(Full::of($operand)),+)
        }
    };
}

pub(super) fn add(x: Decimal, y: Decimal) -> Result<Decimal, ArithmeticError> {
    at_width!(add_full, &x, &y)
}

pub(super) fn mul(x: Decimal, y: Decimal) -> Result<Decimal, ArithmeticError> {
    at_width!(mul_full, &x, &y)
}

pub(super) fn div(x: Decimal, y: Decimal) -> Result<Decimal, ArithmeticError> {
    at_width!(div_full, &x, &y)
}

pub(super) fn sqrt(x: Decimal) -> Result<Decimal, ArithmeticError> {
    at_width!(sqrt_full, &x)
}

pub(super) fn round(x: Decimal) -> Result<Decimal, ArithmeticError> {
    at_width!(finish, &x)
}

/// Compares the sizes of numbers that are not zero.
pub(super) fn compare(x: &Decimal, y: &Decimal) -> Ordering {
    at_width!(compare_full, x, y)
}

/// All digits, for printing.
pub(super) fn digits(x: &Decimal) -> String {
    match x.digits {
        Digits::Short(coefficient) => coefficient.to_string(),
        Digits::Long(coefficient) => coefficient.to_string(),
        Digits::Binary { .. } => Full::<MAX_BITS, MAX_LIMBS>::of(x).coefficient.to_string(),
    }
}

fn finish<const B: usize, const L: usize>(exact: Full<B, L>) -> Result<Decimal, ArithmeticError> {
    let Full { is_negative, coefficient, exponent } = exact;
    let n = n_digits(coefficient);
    if n <= 76 {
        return narrow::finish(is_negative, Uint::from(coefficient), exponent);
    }
    let last = narrow::last_exponent(n, exponent)?;
    if last - exponent > n {
        return Ok(Decimal::short(is_negative, 0, last));
    }
    let divisor = ten(last - exponent);
    let (quotient, rest) = coefficient.div_rem(divisor);
    let half = divisor >> 1;
    let is_up = rest > half || rest == half && quotient.bit(0);
    let rounded = u128::try_from(quotient).expect("28 digits are short") + u128::from(is_up);
    narrow::finish_rounded(is_negative, rounded, last)
}

fn add_full<const B: usize, const L: usize>(x: Full<B, L>, y: Full<B, L>) -> Result<Decimal, ArithmeticError> {
    if x.coefficient.is_zero() {
        return add_zero(y, x.exponent);
    }
    if y.coefficient.is_zero() {
        return add_zero(x, y.exponent);
    }
    let (upper, mut lower) = if x.exponent >= y.exponent { (x, y) } else { (y, x) };
    let sight = upper.exponent + (-1).min(n_digits(upper.coefficient) - DIGITS - 2);
    if n_digits(lower.coefficient) + lower.exponent - 1 < sight {
        lower = Full { coefficient: Uint::ONE, exponent: sight, ..lower };
    }
    let scaled = upper.coefficient * ten(upper.exponent - lower.exponent);
    let (is_negative, coefficient) = if upper.is_negative == lower.is_negative {
        (upper.is_negative, scaled + lower.coefficient)
    } else if scaled >= lower.coefficient {
        (upper.is_negative && scaled != lower.coefficient, scaled - lower.coefficient)
    } else {
        (lower.is_negative, lower.coefficient - scaled)
    };
    finish(Full { is_negative, coefficient, exponent: lower.exponent })
}

fn add_zero<const B: usize, const L: usize>(number: Full<B, L>, zero: i32) -> Result<Decimal, ArithmeticError> {
    let exponent = zero.max(number.exponent + n_digits(number.coefficient) - DIGITS - 1).min(number.exponent);
    finish(Full { coefficient: number.coefficient * ten(number.exponent - exponent), exponent, ..number })
}

fn mul_full<const B: usize, const L: usize>(x: Full<B, L>, y: Full<B, L>) -> Result<Decimal, ArithmeticError> {
    finish(Full {
        is_negative: x.is_negative != y.is_negative,
        coefficient: x.coefficient * y.coefficient,
        exponent: x.exponent + y.exponent,
    })
}

fn div_full<const B: usize, const L: usize>(x: Full<B, L>, y: Full<B, L>) -> Result<Decimal, ArithmeticError> {
    let shift = n_digits(y.coefficient) - n_digits(x.coefficient) + DIGITS + 1;
    let (mut quotient, rest) = if shift >= 0 {
        (x.coefficient * ten(shift)).div_rem(y.coefficient)
    } else {
        x.coefficient.div_rem(y.coefficient * ten(-shift))
    };
    let (mut exponent, ideal) = (x.exponent - y.exponent - shift, x.exponent - y.exponent);
    if rest.is_zero() {
        while exponent < ideal && (quotient % Uint::from(10)).is_zero() {
            quotient /= Uint::from(10);
            exponent += 1;
        }
    } else if (quotient % Uint::from(5)).is_zero() {
        quotient += Uint::ONE;
    }
    finish(Full { is_negative: x.is_negative != y.is_negative, coefficient: quotient, exponent })
}

fn sqrt_full<const B: usize, const L: usize>(x: Full<B, L>) -> Result<Decimal, ArithmeticError> {
    let ideal = x.exponent >> 1;
    let n = n_digits(x.coefficient);
    let (mut square, half) = if x.exponent & 1 == 1 {
        (x.coefficient * Uint::from(10), (n >> 1) + 1)
    } else {
        (x.coefficient, (n + 1) >> 1)
    };
    let shift = DIGITS + 1 - half;
    let mut is_exact = true;
    if shift >= 0 {
        square *= ten(2 * shift);
    } else {
        let (quotient, rest) = square.div_rem(ten(-2 * shift));
        (square, is_exact) = (quotient, rest.is_zero());
    }
    let mut root = square.root(2);
    let mut exponent = ideal - shift;
    if is_exact && root * root == square {
        root = if shift >= 0 { root / ten(shift) } else { root * ten(-shift) };
        exponent += shift;
    } else if (root % Uint::from(5)).is_zero() {
        root += Uint::ONE;
    }
    finish(Full { is_negative: false, coefficient: root, exponent })
}

fn compare_full<const B: usize, const L: usize>(x: Full<B, L>, y: Full<B, L>) -> Ordering {
    let first = |number: &Full<B, L>| n_digits(number.coefficient) + number.exponent;
    first(&x).cmp(&first(&y)).then_with(|| {
        // Equal first digits: the distance of the exponents is at most the number of the digits.
        if x.exponent >= y.exponent {
            (x.coefficient * ten(x.exponent - y.exponent)).cmp(&y.coefficient)
        } else {
            x.coefficient.cmp(&(y.coefficient * ten(y.exponent - x.exponent)))
        }
    })
}
