//! Decimals against Python's module, digit for digit, and against exact integers.

#![allow(clippy::unwrap_used, reason = "a test fails where there is nothing to unwrap")]

use proptest::prelude::*;
use ruint::Uint;
use sim::decimal::{ArithmeticError, Decimal, ParseError};

/// Wide enough for sums and products of what the properties draw.
type Wide = Uint<1024, 16>;

fn operand(text: &str) -> Decimal {
    match text.strip_prefix("0x") {
        Some(bits) => Decimal::from_f64(f64::from_bits(u64::from_str_radix(bits, 16).unwrap())).unwrap(),
        None => text.parse().unwrap(),
    }
}

fn shown(result: Result<Decimal, ArithmeticError>) -> String {
    match result {
        Ok(result) => result.to_string(),
        Err(ArithmeticError::DivisionByZero(x)) if x.is_zero() => "!InvalidOperation".into(),
        Err(ArithmeticError::DivisionByZero(_)) => "!DivisionByZero".into(),
        Err(ArithmeticError::RootOfNegative(_)) => "!InvalidOperation".into(),
        Err(ArithmeticError::Overflow) => "!Overflow".into(),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn every_digit_is_pythons() {
    let vectors: Vec<[String; 4]> = serde_json::from_str(include_str!("reference/decimal.json")).unwrap();
    assert!(vectors.len() > 5000);
    let mut wrong = Vec::new();
    for [operation, x, y, expected] in &vectors {
        let (a, b) = (operand(x), if y.is_empty() { Decimal::ONE } else { operand(y) });
        let result = match operation.as_str() {
            "add" => shown(a.try_add(b)),
            "sub" => shown(a.try_sub(b)),
            "mul" => shown(a.try_mul(b)),
            "div" => shown(a.try_div(b)),
            "sqrt" => shown(a.try_sqrt()),
            "neg" => shown(a.try_neg()),
            "cmp" => (a.cmp(&b) as i8).to_string(),
            "str" => a.to_string(),
            other => panic!("{other}"),
        };
        if result != *expected {
            wrong.push(format!("{operation} {x} {y}: {result}, not {expected}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        vectors.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
}

#[track_caller]
fn check_parse(text: &str, expected: Result<&str, &str>) {
    let parsed = text.parse::<Decimal>().map(|decimal| decimal.to_string());
    assert_eq!(parsed.as_deref().map_err(ToString::to_string), expected.map_err(str::to_owned));
}

#[test]
fn text_is_read_in_full_or_refused() {
    check_parse("-0012.50", Ok("-12.50"));
    check_parse("+.5", Ok("0.5"));
    check_parse("5.", Ok("5"));
    check_parse("1e3", Ok("1E+3"));
    check_parse("0e-7", Ok("0E-7"));
    let malformed = |text: &str| format!("{text:?} is not a decimal number, such as -12.5 or 3E-7");
    for text in
        ["", "-", ".", "1.2.3", "1e", "1e+", "1e5.0", "--1", "0x10", "1 ", "NaN", "inf", "1_0", "١", "1e1234567890"]
    {
        check_parse(text, Err(&malformed(text)));
    }
    check_parse("1E+1000000", Err("\"1E+1000000\" has an exponent outside -1000026 to 999999"));
    check_parse("1E-1000027", Err("\"1E-1000027\" has an exponent outside -1000026 to 999999"));
    let long = "1".repeat(78);
    check_parse(&long, Err(&format!("{long:?} has more than 77 significant digits: round it")));
    let tiny = Decimal::from_f64(5e-324).unwrap().to_string();
    assert_eq!((tiny.len(), &tiny[..12]), (751 + 6, "4.9406564584"));
    check_parse(&tiny, Ok(&tiny));
    assert!(matches!("9".repeat(100_000).parse::<Decimal>(), Err(ParseError::TooLong(_))));
}

#[test]
fn doubles_without_a_value_are_refused() {
    for double in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Decimal::from_f64(double), Err(ArithmeticError::NotFinite));
    }
}

#[test]
fn an_error_names_its_operand() {
    let seven: Decimal = "-7.0".parse().unwrap();
    assert_eq!(seven.try_div(Decimal::ZERO).unwrap_err().to_string(), "-7.0 is divided by zero");
    assert_eq!(seven.try_sqrt().unwrap_err().to_string(), "-7.0 has no square root");
}

/// A fraction of whole numbers: what an operation's exact result is.
#[derive(Clone, Copy, Debug)]
struct Fraction {
    numerator: Wide,
    denominator: Wide,
}

fn ten(power: u32) -> Wide {
    Wide::from(10).pow(Wide::from(power))
}

/// The digits and the exponent of a result.
fn parts(decimal: Decimal) -> (Wide, i32) {
    let text = decimal.to_string();
    let (number, power) = text
        .trim_start_matches('-')
        .split_once('E')
        .map_or((text.trim_start_matches('-'), 0), |(n, p)| (n, p.parse().unwrap()));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let exponent = power - i32::try_from(fraction.len()).unwrap();
    (format!("{whole}{fraction}").parse().unwrap(), exponent)
}

/// That `result` is the fraction rounded half to even to 28 digits.
#[track_caller]
fn check_rounded(result: Decimal, exact: Fraction) {
    let (digits, exponent) = parts(result);
    assert!(digits < ten(28), "{result} has more than 28 digits");
    // Twice the error, and the unit in the last place, both over the same denominator.
    let (scaled, unit) = if exponent >= 0 {
        (digits * ten(exponent.unsigned_abs()) * exact.denominator, ten(exponent.unsigned_abs()) * exact.denominator)
    } else {
        (digits * exact.denominator, exact.denominator)
    };
    let numerator = if exponent < 0 { exact.numerator * ten(exponent.unsigned_abs()) } else { exact.numerator };
    let twice: Wide = scaled.abs_diff(numerator) << 1;
    if twice.is_zero() {
        return;
    }
    assert!(digits >= ten(27), "{result} is inexact with digits to spare");
    assert!(twice < unit || twice == unit && digits % Wide::from(2) == Wide::ZERO, "{result} is not {exact:?} rounded");
}

fn number(coefficient: u128, exponent: i32) -> (Decimal, Fraction) {
    let decimal = format!("{coefficient}E{exponent}").parse().unwrap();
    let scale = ten(exponent.unsigned_abs());
    let coefficient = Wide::from(coefficient);
    let fraction = if exponent < 0 {
        Fraction { numerator: coefficient, denominator: scale }
    } else {
        Fraction { numerator: coefficient * scale, denominator: Wide::ONE }
    };
    (decimal, fraction)
}

fn coefficient() -> impl Strategy<Value = u128> {
    (0_u32..38, any::<u128>(), any::<bool>()).prop_map(|(n, bits, is_five)| {
        let digits = bits % 10_u128.pow(n);
        // Coefficients that end in 5 or in zeros meet the ties.
        if is_five { digits / 1000 * 1000 + 500 } else { digits }
    })
}

proptest! {
    #[test]
    fn results_are_exact_results_rounded(a in coefficient(), b in coefficient(), e in -30_i32..30, f in -30_i32..30) {
        let ((x, p), (y, q)) = (number(a, e), number(b, f));
        let (left, right) = (p.numerator * q.denominator, q.numerator * p.denominator);
        let denominator = p.denominator * q.denominator;
        check_rounded(x.try_add(y).unwrap(), Fraction { numerator: left + right, denominator });
        let difference = x.try_sub(y).unwrap();
        prop_assert_eq!(difference < Decimal::ZERO, left < right);
        check_rounded(difference, Fraction { numerator: left.abs_diff(right), denominator });
        check_rounded(x.try_mul(y).unwrap(), Fraction { numerator: p.numerator * q.numerator, denominator });
        if b != 0 {
            check_rounded(x.try_div(y).unwrap(), Fraction { numerator: left, denominator: right });
        }
        prop_assert_eq!(x.cmp(&y), left.cmp(&right));
    }

    #[test]
    fn roots_are_exact_roots_rounded(a in coefficient(), e in -30_i32..30) {
        let (x, exact) = number(a, e);
        let root = x.try_sqrt().unwrap();
        let (digits, exponent) = parts(root);
        prop_assert!(digits < ten(28));
        // (2 d - 1)^2 10^(2 e) / 4 <= x <= (2 d + 1)^2 10^(2 e) / 4; a root of 28 digits is never a tie.
        let (up, down) = if exponent < 0 { (Wide::ONE, ten(2 * exponent.unsigned_abs())) } else { (ten(2 * exponent.unsigned_abs()), Wide::ONE) };
        let square = |d: Wide| d * d * up * exact.denominator;
        let target = (exact.numerator * down) << 2;
        let twice = digits << 1;
        prop_assert!(square(twice + Wide::ONE) > target);
        prop_assert!(a == 0 || square(twice - Wide::ONE) < target);
        prop_assert!(digits >= ten(27) || square(twice) == target);
    }

    #[test]
    fn doubles_go_there_and_back(bits in any::<u64>()) {
        let double = f64::from_bits(bits);
        prop_assume!(double.is_finite());
        let decimal = Decimal::from_f64(double).unwrap();
        prop_assert_eq!(decimal.to_f64().to_bits(), bits);
        prop_assert_eq!(decimal.to_string().parse::<Decimal>().unwrap(), decimal);
        prop_assert_eq!(decimal.try_add(Decimal::from_f64(-double).unwrap()).unwrap(), Decimal::ZERO);
    }

    #[test]
    fn no_text_panics(text in "[-+]?[0-9.eE+ -]{0,30}|\\PC{0,20}") {
        if let Ok(decimal) = text.parse::<Decimal>() {
            prop_assert_eq!(decimal.to_string().parse::<Decimal>().unwrap(), decimal);
        }
    }
}
