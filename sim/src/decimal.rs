//! Decimal numbers of 28 significant digits, digit for digit those of Python's `decimal` module in its default context:
//! every operation rounds its exact result half to even, operands are taken unrounded, trailing zeros are kept by the
//! rules of the General Decimal Arithmetic Specification. An operation without a result is an error, never a NaN.

mod narrow;
mod text;
mod wide;

use std::{cmp::Ordering, fmt};

use ruint::aliases::U256;

/// How many significant digits a result has at most.
pub const PRECISION: u32 = 28;
/// The greatest exponent of a number in scientific notation.
pub(crate) const EXPONENT_MAX: i32 = 999_999;
/// The exponent of the last digit of the smallest numbers.
pub(crate) const EXPONENT_TINY: i32 = -999_999 - 27;

/// A decimal number: sign, whole coefficient, power of ten. Numbers that are equal may differ in trailing zeros, and then
/// print differently: 1 and 1.00.
#[derive(Clone, Copy)]
pub struct Decimal {
    is_negative: bool,
    exponent: i32,
    digits: Digits,
}

/// A coefficient. Results of operations are `Short`; the others are operands as they were given.
#[derive(Clone, Copy)]
enum Digits {
    /// Below 10^38.
    Short(u128),
    /// From 10^38 and below 10^77.
    Long(U256),
    /// `mantissa * 2^power`, of a double with more digits than that.
    Binary { mantissa: u64, power: i32 },
}

/// Why an operation has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArithmeticError {
    /// Division by zero.
    #[error("{0} is divided by zero")]
    DivisionByZero(Decimal),
    /// A square root of a number below zero.
    #[error("{0} has no square root")]
    RootOfNegative(Decimal),
    /// The result is beyond 9.99…E+999999.
    #[error("the result is beyond 10^{EXPONENT_MAX}")]
    Overflow,
    /// A floating-point number or result that is infinite or not a number.
    #[error("a number that is infinite or undefined")]
    NotFinite,
    /// A whole number below zero, or beyond what its type holds.
    #[error("the result is beyond the range of its type, which is {low} to {high}")]
    OutOfRange {
        /// The least.
        low: &'static str,
        /// The greatest.
        high: &'static str,
    },
}

/// Why a text is not a decimal number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It has another form.
    #[error("{0:?} is not a decimal number, such as -12.5 or 3E-7")]
    Malformed(String),
    /// It has too many digits.
    #[error("{0:?} has more than 77 significant digits: round it")]
    TooLong(String),
    /// It is too great or too small.
    #[error("{0:?} has an exponent outside {EXPONENT_TINY} to {EXPONENT_MAX}")]
    OutOfRange(String),
}

impl Decimal {
    /// 0.
    pub const ZERO: Self = Self::short(false, 0, 0);
    /// 1.
    pub const ONE: Self = Self::short(false, 1, 0);

    const fn short(is_negative: bool, coefficient: u128, exponent: i32) -> Self {
        Self { is_negative, exponent, digits: Digits::Short(coefficient) }
    }

    fn long(is_negative: bool, coefficient: U256, exponent: i32) -> Self {
        let digits = u128::try_from(coefficient)
            .ok()
            .filter(|short| *short < narrow::SHORT_END)
            .map_or(Digits::Long(coefficient), Digits::Short);
        Self { is_negative, exponent, digits }
    }

    /// The number that the double is, in all its digits: 0.1 has 55.
    ///
    /// # Errors
    /// If it is infinite or not a number.
    #[allow(clippy::cast_possible_truncation, reason = "eleven bits fit")]
    pub fn from_f64(double: f64) -> Result<Self, ArithmeticError> {
        if !double.is_finite() {
            return Err(ArithmeticError::NotFinite);
        }
        let (bits, is_negative) = (double.to_bits(), double.is_sign_negative());
        let (field, fraction) = ((bits >> 52 & 0x7ff) as i32, bits & ((1 << 52) - 1));
        let (mantissa, power) = if field == 0 { (fraction, -1074) } else { (fraction | 1 << 52, field - 1075) };
        if mantissa == 0 {
            return Ok(Self::short(is_negative, 0, 0));
        }
        let zeros = mantissa.trailing_zeros();
        let (mantissa, power) = (mantissa >> zeros, power + zeros.cast_signed());
        let factor = if power < 0 { narrow::five(power.unsigned_abs()) } else { None };
        let shifted = match (factor, power) {
            (Some(factor), _) => factor.checked_mul(U256::from(mantissa)),
            (None, 0..200) => Some(U256::from(mantissa) << power.cast_unsigned()),
            _ => None,
        };
        Ok(match shifted.filter(|coefficient| *coefficient < narrow::LONG_END) {
            Some(coefficient) => Self::long(is_negative, coefficient, power.min(0)),
            None => Self { is_negative, exponent: power.min(0), digits: Digits::Binary { mantissa, power } },
        })
    }

    /// The double nearest to it.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        self.to_string().parse().expect("a printed decimal number parses as a double")
    }

    /// Their sum.
    ///
    /// # Errors
    /// If it overflows.
    pub fn try_add(self, other: Self) -> Result<Self, ArithmeticError> {
        match (self.digits, other.digits) {
            (Digits::Short(a), Digits::Short(b)) => narrow::add(self, a, other, b),
            _ => wide::add(self, other),
        }
    }

    /// Their difference.
    ///
    /// # Errors
    /// If it overflows.
    pub fn try_sub(self, other: Self) -> Result<Self, ArithmeticError> {
        self.try_add(Self { is_negative: !other.is_negative, ..other })
    }

    /// Their product.
    ///
    /// # Errors
    /// If it overflows.
    pub fn try_mul(self, other: Self) -> Result<Self, ArithmeticError> {
        match (self.digits, other.digits) {
            (Digits::Short(a), Digits::Short(b)) => narrow::mul(self, a, other, b),
            _ => wide::mul(self, other),
        }
    }

    /// Their quotient.
    ///
    /// # Errors
    /// If `other` is zero, or on overflow.
    pub fn try_div(self, other: Self) -> Result<Self, ArithmeticError> {
        if other.is_zero() {
            return Err(ArithmeticError::DivisionByZero(self));
        }
        match (self.digits, other.digits) {
            (Digits::Short(0), _) => {
                narrow::finish(self.is_negative != other.is_negative, U256::ZERO, self.exponent - other.exponent)
            }
            (Digits::Short(a), Digits::Short(b)) => narrow::div(self, a, other, b),
            _ => wide::div(self, other),
        }
    }

    /// The square root.
    ///
    /// # Errors
    /// If it is below zero.
    pub fn try_sqrt(self) -> Result<Self, ArithmeticError> {
        if self.is_zero() {
            return narrow::finish(self.is_negative, U256::ZERO, self.exponent >> 1);
        }
        if self.is_negative {
            return Err(ArithmeticError::RootOfNegative(self));
        }
        match self.digits {
            Digits::Short(coefficient) => narrow::sqrt(coefficient, self.exponent),
            _ => wide::sqrt(self),
        }
    }

    /// The number of the opposite sign, rounded to 28 digits; zero has no sign then.
    ///
    /// # Errors
    /// If it overflows.
    pub fn try_neg(self) -> Result<Self, ArithmeticError> {
        let is_negative = !self.is_negative && !self.is_zero();
        match self.digits {
            Digits::Short(coefficient) => narrow::finish(is_negative, U256::from(coefficient), self.exponent),
            _ => wide::round(Self { is_negative, ..self }),
        }
    }

    /// Whether it is zero, of either sign.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        matches!(self.digits, Digits::Short(0))
    }
}

impl From<i64> for Decimal {
    fn from(integer: i64) -> Self {
        Self::short(integer < 0, u128::from(integer.unsigned_abs()), 0)
    }
}

impl TryFrom<U256> for Decimal {
    type Error = ParseError;

    /// The integer in all its digits.
    fn try_from(integer: U256) -> Result<Self, ParseError> {
        if integer >= narrow::LONG_END {
            return Err(ParseError::TooLong(integer.to_string()));
        }
        Ok(Self::long(false, integer, 0))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    /// By value: exact, whatever the digits.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return if other.is_negative { Ordering::Greater } else { Ordering::Less },
            (false, true) => return if self.is_negative { Ordering::Less } else { Ordering::Greater },
            (false, false) => {}
        }
        if self.is_negative != other.is_negative {
            return if self.is_negative { Ordering::Less } else { Ordering::Greater };
        }
        let by_size = match (self.digits, other.digits) {
            (Digits::Short(a), Digits::Short(b)) if self.exponent == other.exponent => a.cmp(&b),
            _ => wide::compare(self, other),
        };
        if self.is_negative { by_size.reverse() } else { by_size }
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decimal({self})")
    }
}
