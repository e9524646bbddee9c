//! Numbers as Pooler writes them.

/// Names of thousands, thousands of thousands, and so on.
const MAGNITUDES: [&str; 12] = ["", "K", "m", "b", "T", "quad", "quin", "sext", "sept", "o", "n", "d"];

/// The nearest float of a decimal number.
pub(super) fn float(exact: &str) -> f64 {
    exact.parse().expect("exact amounts are decimal numbers")
}

/// Whole dollars, half to even: `US$1,234`.
pub(super) fn dollars(amount: f64) -> String {
    format!("US${}", grouped(&format!("{:.0}", amount.abs())))
}

/// A price with up to five decimals, and one at least: `US$1,234.5`.
pub(super) fn price(amount: f64) -> String {
    let digits = format!("{:.5}", amount.abs());
    let (whole, part) = digits.split_once('.').expect("there are five decimals");
    let part = part.trim_end_matches('0');
    format!("US${}.{}", grouped(whole), if part.is_empty() { "0" } else { part })
}

/// With up to two decimals, and one at least: `4.5%`; without a value to compare with it is `0%`.
pub(super) fn percent(percent: Option<f64>) -> String {
    let Some(percent) = percent else { return "0%".to_owned() };
    let digits = format!("{percent:.2}");
    let digits = digits.strip_suffix('0').unwrap_or(&digits);
    format!("{digits}%")
}

/// Toward zero to two decimals of the largest thousand: `1.23m`.
pub(super) fn abbreviated(amount: f64) -> String {
    let (mut rest, mut magnitude) = (amount.max(0.0).floor(), 0);
    while rest >= 1_000.0 && magnitude + 1 < MAGNITUDES.len() {
        rest /= 1_000.0;
        magnitude += 1;
    }
    let digits = format!("{:.2}", (rest * 100.0).floor() / 100.0);
    let digits = digits.strip_suffix('0').unwrap_or(&digits);
    format!("{digits}{}", MAGNITUDES[magnitude])
}

/// With a comma before each three digits from the end.
fn grouped(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(shown: &str, expected: &str) {
        assert_eq!(shown, expected);
    }

    #[test]
    fn numbers_are_written_as_pooler_writes_them() {
        check(&dollars(0.0), "US$0");
        check(&dollars(999.5), "US$1,000");
        check(&dollars(0.5), "US$0");
        check(&dollars(1_234_567.4), "US$1,234,567");
        check(&price(1_234.0), "US$1,234.0");
        check(&price(0.123_456_7), "US$0.12346");
        check(&price(1.5), "US$1.5");
        check(&percent(None), "0%");
        check(&percent(Some(0.0)), "0.0%");
        check(&percent(Some(-12.345_6)), "-12.35%");
        check(&percent(Some(10.0)), "10.0%");
        check(&abbreviated(0.0), "0.0");
        check(&abbreviated(999.99), "999.0");
        check(&abbreviated(1_239.0), "1.23K");
        check(&abbreviated(12_500_000.0), "12.5m");
        check(&abbreviated(7e9), "7.0b");
        check(&abbreviated(5.5e12), "5.5T");
        check(&abbreviated(-1.0), "0.0");
    }
}
