//! Amounts of a token: what people write and read, and the exact number of units that contracts count in.
//! Never rounds and never holds a float: what cannot be said exactly is an error.

use std::{borrow::Cow, fmt::Write};

use alloy::primitives::{Address, U256};
use eyre::{OptionExt, bail, ensure};
use serde::Serialize;

use crate::output::text;

/// Most decimals whose unit still fits a word: `10^77 < 2^256`.
const DECIMALS_LIMIT: u8 = 77;

/// Longest symbol that is printed, in characters.
const SYMBOL_LIMIT: usize = 12;

/// What it takes to write amounts of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Token {
    #[serde(serialize_with = "text")]
    pub(crate) address: Address,
    /// Safe to print: no control characters, no more than [`SYMBOL_LIMIT`] characters, never empty.
    pub(crate) symbol: String,
    pub(crate) decimals: u8,
}

impl Token {
    /// The token at `address`, by what it returned from `symbol()` and `decimals()`; both may be missing, because
    /// ERC-20 demands neither. Without decimals, amounts are whole units.
    pub(crate) fn from_answers(address: Address, symbol: Option<&[u8]>, decimals: Option<&[u8]>) -> Self {
        let decimals = decimals.filter(|answer| answer.len() == 32);
        let decimals = decimals.and_then(|answer| U256::from_be_slice(answer).try_into().ok());
        Self::of(address, symbol.and_then(symbol_text).as_deref(), decimals)
    }

    /// The token at `address`, by what it says its symbol is and how many decimals it has, whoever read that.
    pub(crate) fn of(address: Address, symbol: Option<&str>, decimals: Option<u64>) -> Self {
        let decimals = decimals.and_then(|decimals| u8::try_from(decimals).ok());
        let decimals = decimals.filter(|decimals| *decimals <= DECIMALS_LIMIT);
        let name = symbol.map(plain_symbol).filter(|symbol| !symbol.is_empty());
        let name = name.unwrap_or_else(|| short_address(address));
        let symbol = match decimals {
            Some(_) => name,
            None => format!("units of {name}"),
        };
        Self { address, symbol, decimals: decimals.unwrap_or(0) }
    }

    /// The chain's coin, which is the zero address in a rollup.
    pub(crate) fn ether() -> Self {
        Self { address: Address::ZERO, symbol: "Ether".to_owned(), decimals: 18 }
    }

    /// `units` with the symbol: `2999.99952 DEMO`.
    pub(crate) fn amount(&self, units: U256) -> String {
        format!("{} {}", format_amount(units, self.decimals), self.symbol)
    }

    /// The units of an amount that a person wrote.
    pub(crate) fn parse(&self, text: &str) -> eyre::Result<U256> {
        parse_amount(text, self.decimals)
    }
}

/// The exact number of units that `text` says, such as `0.05` or `1_000`.
///
/// # Errors
/// If `text` is no plain decimal number, is finer than a unit, or exceeds 256 bits.
pub(crate) fn parse_amount(text: &str, decimals: u8) -> eyre::Result<U256> {
    ensure!(decimals <= DECIMALS_LIMIT, "a token with {decimals} decimals has no amounts");
    check_characters(text)?;
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => bail!("amount \"{text}\" ends with its point; write {text}0"),
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    ensure!(!fraction.contains('.'), "amount \"{text}\" has more than one point; write it as 1000.05");
    let fraction: String = digits(text, fraction)?;
    let fraction = fraction.trim_end_matches('0');
    ensure!(
        fraction.len() <= usize::from(decimals),
        "amount {text} is finer than the token; write at most {decimals} digits after the point"
    );
    let digits = format!("{}{fraction:0<width$}", digits(text, whole)?, width = usize::from(decimals));
    digits
        .trim_start_matches('0')
        .chars()
        .try_fold(U256::ZERO, |units, digit| {
            let digit = U256::from(digit.to_digit(10)?);
            units.checked_mul(U256::from(10))?.checked_add(digit)
        })
        .ok_or_eyre(format!("amount {text} exceeds 256 bits; no token has as much"))
}

/// `units` as a decimal number, exact: no rounding, no trailing zeros, no separators.
pub(crate) fn format_amount(units: U256, decimals: u8) -> String {
    let width = usize::from(decimals);
    let digits = format!("{units:0>width$}", width = width + 1);
    let (whole, fraction) = digits.split_at(digits.len() - width);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

/// `0x1234…abcd`, for people; never for a value that is copied.
pub(crate) fn short_address(address: Address) -> String {
    let full = address.to_checksum(None);
    format!("{}…{}", &full[..6], &full[38..])
}

/// An integer with its thousands set apart: `1,449,848`.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i != 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A thing and how many: `1 block`, `1,200 blocks`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let mut text = format!("{} {noun}", grouped(count));
    if count != 1 {
        write!(text, "s").expect("strings take what is written");
    }
    text
}

/// Explains the mistakes that people make most, each with what to write instead.
fn check_characters(text: &str) -> eyre::Result<()> {
    ensure!(!text.is_empty() && text != ".", "the amount is empty; write a number such as 0.05");
    ensure!(!text.starts_with('-'), "amount {text} is negative; money streams one way only");
    ensure!(
        !text.contains(','),
        "amount \"{text}\" has a comma; write the decimals after a point and no separators, as in 1000.05"
    );
    ensure!(
        !text.contains(['e', 'E']) || text.contains(|c: char| c.is_alphabetic() && !"eE".contains(c)),
        "amount \"{text}\" has an exponent; write all its digits"
    );
    Ok(())
}

/// The digits of a part of the amount `text`, without underscores between them.
fn digits(text: &str, part: &str) -> eyre::Result<String> {
    let is_number = part.chars().all(|c| c.is_ascii_digit() || c == '_');
    ensure!(
        is_number && !part.starts_with('_') && !part.ends_with('_'),
        "amount \"{text}\" is not a number; write digits and at most one point, as in 1000.05"
    );
    Ok(part.replace('_', ""))
}

/// The symbol in an answer: a string as ERC-20 says, or the 32 bytes that some early tokens return.
fn symbol_text(answer: &[u8]) -> Option<Cow<'_, str>> {
    let bytes = if answer.len() == 32 {
        answer
    } else {
        let length = usize::try_from(U256::from_be_slice(answer.get(32..64)?)).ok()?;
        answer.get(64..)?.get(..length)?
    };
    Some(String::from_utf8_lossy(bytes))
}

/// A symbol without what a terminal might take for more than a name.
fn plain_symbol(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() || is_letter_or_currency(*c)).take(SYMBOL_LIMIT).collect()
}

/// Scripts that run from left to right only, so that a symbol cannot turn the digits beside it around.
fn is_letter_or_currency(c: char) -> bool {
    (c.is_alphanumeric() && c < '\u{590}') || ('\u{20a0}'..='\u{20cf}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::address;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, decimals: u8, expected: Result<u128, &str>) {
        let actual = parse_amount(text, decimals).map_err(|error| error.to_string());
        assert_eq!(actual, expected.map(U256::from).map_err(str::to_owned));
    }

    #[test]
    fn amounts_are_exact() {
        check("0.05", 6, Ok(50_000));
        check("3000", 6, Ok(3_000_000_000));
        check("1_000.000_001", 6, Ok(1_000_000_001));
        check(".5", 1, Ok(5));
        check("007", 0, Ok(7));
        check("0", 18, Ok(0));
        // Zeros beyond the unit change nothing.
        check("1.50000000", 2, Ok(150));
        check("1.0", 0, Ok(1));
    }

    #[test]
    fn mistakes_are_explained() {
        check("", 6, Err("the amount is empty; write a number such as 0.05"));
        check(".", 6, Err("the amount is empty; write a number such as 0.05"));
        check("-1", 6, Err("amount -1 is negative; money streams one way only"));
        check("0.0000001", 6, Err("amount 0.0000001 is finer than the token; write at most 6 digits after the point"));
        check("1e18", 18, Err("amount \"1e18\" has an exponent; write all its digits"));
        check("5.", 6, Err("amount \"5.\" ends with its point; write 5.0"));
        check(
            "1,000",
            6,
            Err("amount \"1,000\" has a comma; write the decimals after a point and no separators, as in 1000.05"),
        );
        for text in ["five", "0x10", "+1", "_1", "1_", "1._5", "1 000", "٣"] {
            let expected =
                format!("amount \"{text}\" is not a number; write digits and at most one point, as in 1000.05");
            check(text, 6, Err(&expected));
        }
        check("1.2.3", 6, Err("amount \"1.2.3\" has more than one point; write it as 1000.05"));
        let large = format!("1{}", "0".repeat(78));
        let expected = format!("amount {large} exceeds 256 bits; no token has as much");
        check(&large, 0, Err(&expected));
        check(&large[..78], 1, Err(&format!("amount {} exceeds 256 bits; no token has as much", &large[..78])));
    }

    #[test]
    fn the_extremes_are_written_in_full() {
        assert_eq!(format_amount(U256::ZERO, 77), "0");
        assert_eq!(format_amount(U256::from(1), 77), format!("0.{}1", "0".repeat(76)));
        assert_eq!(format_amount(U256::MAX, 0), U256::MAX.to_string());
        assert!(format_amount(U256::MAX, 77).starts_with("1.15792"));
    }

    proptest! {
        #[test]
        fn formatting_and_parsing_undo_each_other(limbs: [u64; 4], decimals in 0..=DECIMALS_LIMIT) {
            let units = U256::from_limbs(limbs);
            let text = format_amount(units, decimals);
            prop_assert_eq!(parse_amount(&text, decimals).unwrap(), units, "{}", text);
        }

        #[test]
        fn small_amounts_too(units: u32, decimals in 0..=DECIMALS_LIMIT) {
            let units = U256::from(units);
            prop_assert_eq!(parse_amount(&format_amount(units, decimals), decimals).unwrap(), units);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}", decimals: u8) {
            let _ = parse_amount(&text, decimals);
        }
    }

    const WHERE: Address = address!("d8dA6BF26964aF9D7eEd9e03E53415D37aA96045");

    #[track_caller]
    fn check_symbol(answer: &[u8], expected: &str) {
        let six = U256::from(6).to_be_bytes::<32>();
        let token = Token::from_answers(WHERE, Some(answer), Some(&six));
        assert_eq!(token.symbol, expected);
    }

    fn string(text: &str) -> Vec<u8> {
        alloy::sol_types::SolValue::abi_encode(&text.to_owned())
    }

    #[test]
    fn symbols_are_safe_to_print() {
        check_symbol(&string("DEMO"), "DEMO");
        check_symbol(&string("USD₮0"), "USD₮0");
        check_symbol(&string("A\u{1b}[2J B\u{202e}C\n"), "A[2JBC");
        check_symbol(&string("ABCDEFGHIJKLMNOP"), "ABCDEFGHIJKL");
        let mut early = [0; 32];
        early[..3].copy_from_slice(b"MKR");
        check_symbol(&early, "MKR");
        for nothing in [string(""), string("\u{200b}"), vec![], vec![0; 40], vec![0xff; 96]] {
            check_symbol(&nothing, "0xd8dA…6045");
        }
    }

    #[test]
    fn what_others_have_read_of_a_token_is_as_safe() {
        for (symbol, decimals, expected) in [
            (Some("DEMO"), Some(6), "0.0015 DEMO"),
            (Some("A\u{1b}[2J B\u{202e}C\n"), Some(0), "1500 A[2JBC"),
            (Some("\u{9b}\u{7f}"), Some(2), "15 0xd8dA…6045"),
            (None, Some(2), "15 0xd8dA…6045"),
            (Some("DEMO"), None, "1500 units of DEMO"),
            (Some("DEMO"), Some(78), "1500 units of DEMO"),
            (Some("DEMO"), Some(256 + 6), "1500 units of DEMO"),
            (None, Some(u64::MAX), "1500 units of 0xd8dA…6045"),
        ] {
            assert_eq!(Token::of(WHERE, symbol, decimals).amount(U256::from(1500)), expected);
        }
    }

    #[test]
    fn a_token_without_decimals_counts_in_units() {
        for decimals in [None, Some([0; 31].as_slice()), Some(&[0xff; 32])] {
            let token = Token::from_answers(WHERE, Some(&string("DEMO")), decimals);
            assert_eq!(token.amount(U256::from(1500)), "1500 units of DEMO");
            assert!(token.parse("0.5").is_err());
        }
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_449_848), "1,449,848");
        assert_eq!(counted(1, "block"), "1 block");
        assert_eq!(counted(0, "block"), "0 blocks");
        assert_eq!(counted(1200, "block"), "1,200 blocks");
    }
}
