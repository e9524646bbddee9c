//! Decimal numbers as Python prints and reads them.

use std::{fmt, str::FromStr};

use ruint::aliases::U256;

use super::{Decimal, EXPONENT_MAX, EXPONENT_TINY, ParseError, wide};

/// Text that is longer is not looked at.
const MAX_LENGTH: usize = 2048;

impl fmt::Display for Decimal {
    /// As `str(Decimal)`: exponent notation where there are zeros to fill in before the point, or six behind it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = wide::digits(self);
        let n = i32::try_from(digits.len()).expect("at most 768 digits");
        let before = n + self.exponent;
        if self.is_negative {
            f.write_str("-")?;
        }
        if self.exponent > 0 || before <= -6 {
            f.write_str(&digits[..1])?;
            if n > 1 {
                write!(f, ".{}", &digits[1..])?;
            }
            return write!(f, "E{:+}", before - 1);
        }
        match usize::try_from(before) {
            Ok(0) => write!(f, "0.{digits}"),
            Ok(before) if before == digits.len() => f.write_str(&digits),
            Ok(before) => write!(f, "{}.{}", &digits[..before], &digits[before..]),
            Err(_) => write!(f, "0.{:0>width$}", digits, width = digits.len() + before.unsigned_abs() as usize),
        }
    }
}

impl FromStr for Decimal {
    type Err = ParseError;

    /// Reads `-12.50` and `3E-7` in all their digits, up to 77; a double that is written out in full has any number.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let malformed = || ParseError::Malformed(text.chars().take(100).collect());
        if text.len() > MAX_LENGTH {
            return Err(ParseError::TooLong(text.chars().take(100).collect()));
        }
        let (is_negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (number, power) = match unsigned.split_once(['e', 'E']) {
            Some((number, power)) => (number, read_power(power).ok_or_else(malformed)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !is_number(whole) || !is_number(fraction) {
            return Err(malformed());
        }
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        let exponent = power - i64::try_from(fraction.len()).map_err(|_| malformed())?;
        let first = exponent + i64::try_from(digits.len().max(1)).map_err(|_| malformed())? - 1;
        let exponent = i32::try_from(exponent)
            .ok()
            .filter(|exponent| *exponent >= EXPONENT_TINY && first <= i64::from(EXPONENT_MAX))
            .ok_or_else(|| ParseError::OutOfRange(text.to_owned()))?;
        if digits.len() <= 77 {
            let coefficient = if digits.is_empty() { U256::ZERO } else { digits.parse().map_err(|_| malformed())? };
            return Ok(Self::long(is_negative, coefficient, exponent));
        }
        let double = text.parse().ok().and_then(|double| Self::from_f64(double).ok());
        double
            .filter(|double| double.exponent == exponent && wide::digits(double) == digits)
            .ok_or_else(|| ParseError::TooLong(text.to_owned()))
    }
}

fn read_power(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_power = (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_power.then(|| text.parse().ok()).flatten()
}
