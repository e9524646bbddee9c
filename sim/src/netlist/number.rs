//! Numbers as TokenSPICE's language has them: whole numbers stay whole until they meet a fraction, and `/` always makes
//! one.

use std::fmt;

/// A whole number or a float.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number.
    Integer(i128),
    /// A float.
    Float(f64),
}

/// What two numbers are joined by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Unequal,
    And,
    Or,
}

impl Number {
    /// The nearest float.
    #[must_use]
    pub const fn to_f64(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }

    /// Whether it counts as yes: anything but zero.
    #[must_use]
    pub fn is_true(self) -> bool {
        match self {
            Self::Integer(integer) => integer != 0,
            Self::Float(float) => float != 0.0,
        }
    }

    /// The whole number that it is, if it is one of at most 2^126.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "a whole float below 2^126 fits")]
    pub fn to_integer(self) -> Option<i128> {
        match self {
            Self::Integer(integer) => Some(integer),
            Self::Float(float) => (float.abs() < 85_070_591_730_234_615_865_843_651_857_942_052_864.0
                && float.fract() == 0.0)
                .then_some(float as i128),
        }
    }

    /// `self operator other`.
    pub(crate) fn apply(self, operator: Operator, other: Self) -> Result<Self, String> {
        use Operator as O;
        let is = |yes: bool| Ok(Self::Integer(i128::from(yes)));
        match operator {
            O::Add | O::Subtract | O::Multiply | O::Remainder | O::Power => self.arithmetic(operator, other),
            O::Divide if !other.is_true() => Err(format!("{self} is divided by zero")),
            O::Divide => Ok(Self::Float(self.to_f64() / other.to_f64())),
            O::Less => is(self.compare(other) == Some(std::cmp::Ordering::Less)),
            O::LessOrEqual => is(matches!(self.compare(other), Some(order) if order.is_le())),
            O::Greater => is(self.compare(other) == Some(std::cmp::Ordering::Greater)),
            O::GreaterOrEqual => is(matches!(self.compare(other), Some(order) if order.is_ge())),
            O::Equal => is(self.compare(other) == Some(std::cmp::Ordering::Equal)),
            O::Unequal => is(self.compare(other) != Some(std::cmp::Ordering::Equal)),
            O::And => Ok(if self.is_true() { other } else { self }),
            O::Or => Ok(if self.is_true() { self } else { other }),
        }
    }

    /// Which is greater; none if one is not a number.
    pub(crate) fn compare(self, other: Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(&b)),
            (a, b) => a.to_f64().partial_cmp(&b.to_f64()),
        }
    }

    fn arithmetic(self, operator: Operator, other: Self) -> Result<Self, String> {
        use Operator as O;
        if let (Self::Integer(a), Self::Integer(b)) = (self, other) {
            let exact = match operator {
                O::Add => a.checked_add(b),
                O::Subtract => a.checked_sub(b),
                O::Multiply => a.checked_mul(b),
                O::Remainder if b == 0 => return Err(format!("{a} is divided by zero")),
                O::Remainder => a.checked_rem_euclid(b),
                _ => match u32::try_from(b) {
                    Ok(b) => a.checked_pow(b),
                    Err(_) => return Ok(Self::Float(libm::pow(a as f64, b as f64))),
                },
            };
            return exact.map(Self::Integer).ok_or_else(|| format!("{a} and {b} make more than 38 digits"));
        }
        let (a, b) = (self.to_f64(), other.to_f64());
        Ok(Self::Float(match operator {
            O::Add => a + b,
            O::Subtract => a - b,
            O::Multiply => a * b,
            O::Remainder if b == 0.0 => return Err(format!("{a} is divided by zero")),
            O::Remainder => {
                let rest = libm::fmod(a, b);
                if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
            }
            _ => libm::pow(a, b),
        }))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Float(float) => write!(f, "{float:?}"),
        }
    }
}
