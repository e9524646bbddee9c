//! The kinds of numbers that a typed model can be written over.

use std::fmt;

use ruint::aliases::U256;

use crate::{
    decimal::{ArithmeticError, Decimal},
    rows::{Column, Rows},
};

const UNSIGNED: ArithmeticError = ArithmeticError::OutOfRange { low: "0", high: "2^256 - 1" };

/// A number: a double, an exact decimal of 28 digits, or a whole number of 256 bits. An operation without a result is an
/// error in all of them.
pub trait Number: Copy + PartialOrd + fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// The whole number.
    ///
    /// # Errors
    /// If the kind does not hold it.
    fn from_integer(integer: i64) -> Result<Self, ArithmeticError>;

    /// The double: exact as a decimal, rounded down to a whole number of 256 bits.
    ///
    /// # Errors
    /// If the kind does not hold it.
    fn from_double(double: f64) -> Result<Self, ArithmeticError>;

    /// Reads a number in all its digits; nothing if the text is none of this kind.
    fn read(text: &str) -> Option<Self>;

    /// The sum.
    ///
    /// # Errors
    /// If it is out of range.
    fn try_add(self, other: Self) -> Result<Self, ArithmeticError>;

    /// The difference.
    ///
    /// # Errors
    /// If it is out of range.
    fn try_sub(self, other: Self) -> Result<Self, ArithmeticError>;

    /// The product.
    ///
    /// # Errors
    /// If it is out of range.
    fn try_mul(self, other: Self) -> Result<Self, ArithmeticError>;

    /// The quotient; of whole numbers, rounded down.
    ///
    /// # Errors
    /// If `other` is zero, or on overflow.
    fn try_div(self, other: Self) -> Result<Self, ArithmeticError>;

    /// The square root; of whole numbers, rounded down.
    ///
    /// # Errors
    /// If it is below zero.
    fn try_sqrt(self) -> Result<Self, ArithmeticError>;

    /// The column that holds such numbers in all their digits.
    fn column(name: &str) -> Column;

    /// The next cell of a row; `None` is empty text, or not a number.
    fn record(value: Option<Self>, rows: &mut Rows);
}

fn finite(double: f64) -> Result<f64, ArithmeticError> {
    if double.is_finite() { Ok(double) } else { Err(ArithmeticError::NotFinite) }
}

impl Number for f64 {
    fn from_integer(integer: i64) -> Result<Self, ArithmeticError> {
        Ok(integer as Self)
    }

    fn from_double(double: f64) -> Result<Self, ArithmeticError> {
        finite(double)
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|double: &Self| double.is_finite())
    }

    fn try_add(self, other: Self) -> Result<Self, ArithmeticError> {
        finite(self + other)
    }

    fn try_sub(self, other: Self) -> Result<Self, ArithmeticError> {
        finite(self - other)
    }

    fn try_mul(self, other: Self) -> Result<Self, ArithmeticError> {
        finite(self * other)
    }

    fn try_div(self, other: Self) -> Result<Self, ArithmeticError> {
        if other == 0.0 {
            return Err(ArithmeticError::DivisionByZero(Decimal::from_f64(self)?));
        }
        finite(self / other)
    }

    fn try_sqrt(self) -> Result<Self, ArithmeticError> {
        if self < 0.0 {
            return Err(ArithmeticError::RootOfNegative(Decimal::from_f64(self)?));
        }
        Ok(self.sqrt())
    }

    fn column(name: &str) -> Column {
        Column::float(name)
    }

    fn record(value: Option<Self>, rows: &mut Rows) {
        rows.float(value.unwrap_or(Self::NAN));
    }
}

impl Number for Decimal {
    fn from_integer(integer: i64) -> Result<Self, ArithmeticError> {
        Ok(integer.into())
    }

    fn from_double(double: f64) -> Result<Self, ArithmeticError> {
        Self::from_f64(double)
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn try_add(self, other: Self) -> Result<Self, ArithmeticError> {
        Self::try_add(self, other)
    }

    fn try_sub(self, other: Self) -> Result<Self, ArithmeticError> {
        Self::try_sub(self, other)
    }

    fn try_mul(self, other: Self) -> Result<Self, ArithmeticError> {
        Self::try_mul(self, other)
    }

    fn try_div(self, other: Self) -> Result<Self, ArithmeticError> {
        Self::try_div(self, other)
    }

    fn try_sqrt(self) -> Result<Self, ArithmeticError> {
        Self::try_sqrt(self)
    }

    fn column(name: &str) -> Column {
        Column::text(name)
    }

    fn record(value: Option<Self>, rows: &mut Rows) {
        match value {
            Some(value) => rows.text(value),
            None => rows.text(""),
        }
    }
}

impl Number for U256 {
    fn from_integer(integer: i64) -> Result<Self, ArithmeticError> {
        Self::try_from(integer).map_err(|_| UNSIGNED)
    }

    fn from_double(double: f64) -> Result<Self, ArithmeticError> {
        // 2^256, which a double holds exactly.
        const END: f64 = (1_u128 << 127) as f64 * (1_u128 << 127) as f64 * 4.0;
        if !(0.0..END).contains(&finite(double)?) {
            return Err(UNSIGNED);
        }
        Decimal::from_f64(libm::floor(double))?.to_string().parse().map_err(|_| UNSIGNED)
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn try_add(self, other: Self) -> Result<Self, ArithmeticError> {
        self.checked_add(other).ok_or(UNSIGNED)
    }

    fn try_sub(self, other: Self) -> Result<Self, ArithmeticError> {
        self.checked_sub(other).ok_or(UNSIGNED)
    }

    fn try_mul(self, other: Self) -> Result<Self, ArithmeticError> {
        self.checked_mul(other).ok_or(UNSIGNED)
    }

    fn try_div(self, other: Self) -> Result<Self, ArithmeticError> {
        self.checked_div(other).ok_or_else(|| {
            match Decimal::try_from(self).or_else(|_| Decimal::from_f64(f64::from(self))) {
                Ok(dividend) => ArithmeticError::DivisionByZero(dividend),
                Err(error) => error,
            }
        })
    }

    fn try_sqrt(self) -> Result<Self, ArithmeticError> {
        Ok(self.root(2))
    }

    fn column(name: &str) -> Column {
        Column::text(name)
    }

    fn record(value: Option<Self>, rows: &mut Rows) {
        match value {
            Some(value) => rows.text(value),
            None => rows.text(""),
        }
    }
}
