//! Numbers as TokenSPICE's files have them: Python's `repr` of floats, and `%g`.

use crate::netlist::Number;

/// `number` as Python's `repr` writes it: the shortest digits that read back the same, whole numbers without a point.
pub(crate) fn repr(number: Number) -> String {
    match number {
        Number::Integer(integer) => integer.to_string(),
        Number::Float(float) => special(float).map_or_else(|| shortest(float), str::to_owned),
    }
}

/// `number` as C's `%g` writes it: six digits at most, without zeros at the end.
pub(crate) fn general(number: Number) -> String {
    const N_DIGITS: usize = 6;
    let float = number.to_f64();
    if let Some(name) = special(float) {
        return name.to_owned();
    }
    let (sign, digits, exponent) = parts(&format!("{float:.*e}", N_DIGITS - 1));
    let digits = digits.trim_end_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    format!("{sign}{}", layout(digits, exponent, N_DIGITS))
}

fn special(float: f64) -> Option<&'static str> {
    match float {
        float if float.is_nan() => Some("nan"),
        f64::INFINITY => Some("inf"),
        f64::NEG_INFINITY => Some("-inf"),
        _ => None,
    }
}

fn shortest(float: f64) -> String {
    const MAX_EXPONENT: usize = 16;
    let (sign, digits, exponent) = parts(&format!("{float:e}"));
    let text = layout(&digits, exponent, MAX_EXPONENT);
    let point = if text.contains(['.', 'e']) { "" } else { ".0" };
    format!("{sign}{text}{point}")
}

/// The sign, the digits and the exponent of the first of them, of a float in scientific notation.
fn parts(scientific: &str) -> (&'static str, String, i32) {
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific notation has an exponent");
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    let exponent = exponent.parse().expect("an exponent is a whole number");
    (sign, mantissa.replace('.', ""), exponent)
}

/// Digits with a point, or with an exponent of at least two digits if that is below -4 or at least `max_exponent`.
fn layout(digits: &str, exponent: i32, max_exponent: usize) -> String {
    let Ok(n_whole) = usize::try_from(exponent + 1) else {
        let n_zeros = exponent.unsigned_abs() as usize - 1;
        return if exponent < -4 { scientific(digits, exponent) } else { format!("0.{}{digits}", "0".repeat(n_zeros)) };
    };
    if n_whole > max_exponent {
        scientific(digits, exponent)
    } else if n_whole == 0 {
        format!("0.{digits}")
    } else if digits.len() <= n_whole {
        format!("{digits}{}", "0".repeat(n_whole - digits.len()))
    } else {
        format!("{}.{}", &digits[..n_whole], &digits[n_whole..])
    }
}

fn scientific(digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (float, repr_expected, general_expected) in [
            (0.0, "0.0", "0"),
            (-0.0, "-0.0", "-0"),
            (1.0, "1.0", "1"),
            (0.1 + 0.2, "0.30000000000000004", "0.3"),
            (1e-4, "0.0001", "0.0001"),
            (0.00012345, "0.00012345", "0.00012345"),
            (1e-5, "1e-05", "1e-05"),
            (1.5e-7, "1.5e-07", "1.5e-07"),
            (1e15, "1000000000000000.0", "1e+15"),
            (1e16, "1e+16", "1e+16"),
            (1.2345e22, "1.2345e+22", "1.2345e+22"),
            (123_456_789.0, "123456789.0", "1.23457e+08"),
            (690_900_000.0, "690900000.0", "6.909e+08"),
            (999_999.5, "999999.5", "1e+06"),
            (100_000.0, "100000.0", "100000"),
            (0.217_108_119, "0.217108119", "0.217108"),
            (f64::MAX, "1.7976931348623157e+308", "1.79769e+308"),
            (5e-324, "5e-324", "4.94066e-324"),
            (f64::INFINITY, "inf", "inf"),
            (f64::NEG_INFINITY, "-inf", "-inf"),
            (f64::NAN, "nan", "nan"),
        ] {
            assert_eq!(
                (repr(Number::Float(float)).as_str(), general(Number::Float(float)).as_str()),
                (repr_expected, general_expected)
            );
        }
        assert_eq!(repr(Number::Integer(1_700_000_000)), "1700000000");
        assert_eq!(general(Number::Integer(1_700_000_000)), "1.7e+09");
    }
}
