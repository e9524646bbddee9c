//! Calls in JSON: `{"method": "...", "args": {...}}`. The seed's `stream`, `withdraw` and `cancel_stream` work as they are.
//!
//! Numbers are exact: JSON integers as far as JSON readers carry them, and decimal text for all.

use std::fmt;
use std::marker::PhantomData;

use alloy_primitives::{Address, U256};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Unexpected, Visitor};

use crate::call::{Call, Malformed, PayoutForm, excerpt, shorten};

/// The word for the chain's own coin, where a token is named.
const ETHER: &str = "ether";

#[derive(Deserialize)]
#[serde(tag = "method", content = "args", rename_all = "snake_case", deny_unknown_fields)]
enum Method {
    Transfer(Named<Transfer>),
    Stream(Named<Stream>),
    ExtendStream(Named<ExtendStream>),
    CancelStream(Named<CancelStream>),
    Withdraw(Named<Withdraw>),
    Batch(Named<Batch>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    token: Token,
    recipient: Account,
    amount: Integer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stream {
    token: Token,
    #[serde(alias = "receiver")]
    recipient: Account,
    amount: Integer,
    duration: Integer,
    #[serde(default)]
    start: Integer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtendStream {
    stream_id: Integer,
    #[serde(default)]
    amount: Integer,
    #[serde(default)]
    duration: Integer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelStream {
    stream_id: Integer,
    token: Option<Token>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Withdraw {
    token: Token,
    amount: Integer,
    #[serde(default)]
    safe: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    calls: Vec<Named<Method>>,
}

/// Reads a call from JSON text.
pub(crate) fn decode(payload: &[u8]) -> Result<Call, Malformed> {
    let method: Method =
        serde_json::from_slice(payload).map_err(|error| Malformed::Json(shorten(&error.to_string())))?;
    method.into_call()
}

impl Method {
    fn into_call(self) -> Result<Call, Malformed> {
        Ok(match self {
            Self::Transfer(Named(Transfer { token, recipient, amount })) => {
                Call::Transfer { token: token.0, recipient: recipient.0, amount: amount.0 }
            }
            Self::Stream(Named(Stream { token, recipient, amount, duration, start })) => Call::Stream {
                token: token.0,
                recipient: recipient.0,
                amount: amount.0,
                start: start.short("start")?,
                duration: duration.short("duration")?,
            },
            Self::ExtendStream(Named(ExtendStream { stream_id, amount, duration })) => Call::ExtendStream {
                stream: stream_id.short("stream_id")?,
                amount: amount.0,
                duration: duration.short("duration")?,
            },
            Self::CancelStream(Named(CancelStream { stream_id, token })) => {
                Call::CancelStream { stream: stream_id.short("stream_id")?, token: token.map(|token| token.0) }
            }
            Self::Withdraw(Named(Withdraw { token, amount, safe })) => {
                let form = if safe { PayoutForm::SafeTransfer } else { PayoutForm::Transfer };
                Call::Withdraw { token: token.0, amount: amount.0, form }
            }
            Self::Batch(Named(Batch { calls })) => {
                Call::Batch(calls.into_iter().map(|Named(call)| call.into_call()).collect::<Result<_, _>>()?)
            }
        })
    }
}

/// What is written by name, as an object: a list in the order of the fields is no second way to say it.
struct Named<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamedVisitor(PhantomData)).map(Self)
    }
}

struct NamedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for NamedVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object in braces")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// A whole number from 0 to 2^256 - 1.
#[derive(Default)]
struct Integer(U256);

impl Integer {
    fn short(self, name: &str) -> Result<u64, Malformed> {
        u64::try_from(self.0).map_err(|_| Malformed::Json(format!("{name} {} exceeds 18446744073709551615", self.0)))
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerVisitor)
    }
}

struct IntegerVisitor;

impl Visitor<'_> for IntegerVisitor {
    type Value = Integer;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a whole number from 0 to 2^256 - 1, in quotes from 2^64 on")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Integer, E> {
        Ok(Integer(U256::from(number)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Integer, E> {
        let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if is_decimal { U256::from_str_radix(text, 10).ok() } else { None };
        number.map(Integer).ok_or_else(|| E::invalid_value(Unexpected::Str(&excerpt(text)), &self))
    }
}

/// A token: its address, or the word for Ether.
struct Token(Address);

/// An account's address.
struct Account(Address);

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        parse_token(&text).map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        parse_address(&text).map(Self).map_err(D::Error::custom)
    }
}

/// Reads a token: an address, or `ether`.
pub(crate) fn parse_token(text: &str) -> Result<Address, String> {
    if text == ETHER {
        return Ok(Address::ZERO);
    }
    match parse_address(text) {
        Err(error) if !text.starts_with("0x") => Err(format!("{error}; or write {ETHER:?}")),
        address => address,
    }
}

/// Reads an address, and checks its checksum where its letters are of both cases.
pub(crate) fn parse_address(text: &str) -> Result<Address, String> {
    let expected = || format!("{:?} is not an address; write 0x and 40 hexadecimal digits", excerpt(text));
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40).ok_or_else(expected)?;
    let address: Address = text.parse().map_err(|_| expected())?;
    let is_mixed =
        digits.bytes().any(|byte| byte.is_ascii_lowercase()) && digits.bytes().any(|byte| byte.is_ascii_uppercase());
    if is_mixed && address.to_checksum(None) != text {
        return Err(format!("the checksum of address {text} is wrong; a digit or a letter's case has changed"));
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;

    const TOKEN: Address = address!("0x59b670e9fA9D0A427751Af201D676719a970857b");
    const BOB: Address = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");

    #[track_caller]
    fn check(json: &str, expected: Call) {
        assert_eq!(Call::decode(json.as_bytes()), Ok(expected), "{json}");
    }

    /// The error says where in the text it is, after what is `expected` of it.
    #[track_caller]
    fn refuse(json: impl AsRef<[u8]>, expected: &str) {
        let error = Call::decode(json.as_ref()).unwrap_err().to_string();
        let rest = error.strip_prefix(expected);
        assert!(rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" at line 1 column ")), "{error}");
    }

    fn amount(written: &str) -> String {
        format!(r#"{{"method":"withdraw","args":{{"token":"{TOKEN}","amount":{written}}}}}"#)
    }

    fn stream(amount: U256, start: u64) -> Call {
        Call::Stream { token: TOKEN, recipient: BOB, amount, start, duration: 3_600 }
    }

    fn withdraw(amount: U256, form: PayoutForm) -> Call {
        Call::Withdraw { token: TOKEN, amount, form }
    }

    #[test]
    fn the_inputs_of_the_seed_work_as_they_are() {
        check(
            r#"{"method":"stream","args":{"token":"0x59b670e9fA9D0A427751Af201D676719a970857b","receiver":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8","amount":"1000000000000000000","duration":3600,"start":0}}"#,
            stream(U256::from(10).pow(U256::from(18)), 0),
        );
        check(
            r#"{"method": "stream", "args": {"token": "0x59b670e9fA9D0A427751Af201D676719a970857b", "receiver": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "amount": 7, "duration": "3600", "start": 1700000000}}"#,
            stream(U256::from(7), 1_700_000_000),
        );
        check(&amount("500"), withdraw(U256::from(500), PayoutForm::Transfer));
        check(
            &format!(r#"{{"method":"cancel_stream","args":{{"token":"{TOKEN}","stream_id":9}}}}"#),
            Call::CancelStream { stream: 9, token: Some(TOKEN) },
        );
    }

    #[test]
    fn every_other_method_is_read() {
        check(
            &format!(r#"{{"method":"transfer","args":{{"token":"ether","recipient":"{BOB}","amount":1}}}}"#),
            Call::Transfer { token: Address::ZERO, recipient: BOB, amount: U256::from(1) },
        );
        check(
            &format!(
                r#"{{"args":{{"duration":3600,"amount":"7","recipient":"{BOB}","token":"{TOKEN}"}},"method":"stream"}}"#
            ),
            stream(U256::from(7), 0),
        );
        check(
            r#"{"method":"extend_stream","args":{"stream_id":"18446744073709551615"}}"#,
            Call::ExtendStream { stream: u64::MAX, amount: U256::ZERO, duration: 0 },
        );
        check(
            r#"{"method":"extend_stream","args":{"stream_id":1,"amount":2,"duration":3}}"#,
            Call::ExtendStream { stream: 1, amount: U256::from(2), duration: 3 },
        );
        check(r#"{"method":"cancel_stream","args":{"stream_id":1}}"#, Call::CancelStream { stream: 1, token: None });
        check(
            &format!(r#"{{"method":"withdraw","args":{{"token":"{TOKEN}","amount":1,"safe":true}}}}"#),
            withdraw(U256::from(1), PayoutForm::SafeTransfer),
        );
        check(
            r#" {"method":"batch","args":{"calls":[{"method":"cancel_stream","args":{"stream_id":1}},{"args":{"stream_id":2},"method":"cancel_stream"}]}} "#,
            Call::Batch(vec![
                Call::CancelStream { stream: 1, token: None },
                Call::CancelStream { stream: 2, token: None },
            ]),
        );
    }

    #[test]
    fn numbers_are_exact() {
        for (written, number) in [
            ("0", U256::ZERO),
            ("9007199254740993", U256::from(9_007_199_254_740_993_u64)),
            ("18446744073709551615", U256::from(u64::MAX)),
            (r#""18446744073709551616""#, U256::from(1) << 64),
            (r#""007""#, U256::from(7)),
            (r#""115792089237316195423570985008687907853269984665640564039457584007913129639935""#, U256::MAX),
        ] {
            check(&amount(written), withdraw(number, PayoutForm::Transfer));
        }
    }

    #[test]
    fn other_numbers_are_refused_with_their_value() {
        for (written, value) in [
            ("1.9", "invalid type: floating point `1.9`"),
            ("1.0", "invalid type: floating point `1.0`"),
            ("1e18", "invalid type: floating point `1e+18`"),
            ("18446744073709551616", "invalid type: floating point `1.8446744073709552e+19`"),
            ("-1", "invalid type: integer `-1`"),
            ("-0", "invalid type: floating point `-0.0`"),
            ("null", "invalid type: null"),
            ("true", "invalid type: boolean `true`"),
            ("[1]", "invalid type: sequence"),
            (r#""""#, r#"invalid value: string """#),
            (r#""0x10""#, r#"invalid value: string "0x10""#),
            (r#""ff""#, r#"invalid value: string "ff""#),
            (r#""+1""#, r#"invalid value: string "+1""#),
            (r#""-1""#, r#"invalid value: string "-1""#),
            (r#"" 1""#, r#"invalid value: string " 1""#),
            (r#""1 ""#, r#"invalid value: string "1 ""#),
            (r#""1_000""#, r#"invalid value: string "1_000""#),
            (r#""1.9""#, r#"invalid value: string "1.9""#),
            (r#""١""#, r#"invalid value: string "١""#),
            (
                r#""115792089237316195423570985008687907853269984665640564039457584007913129639936""#,
                r#"invalid value: string "115792089237316195423570985008687907853269984665640564039457584007913129639936""#,
            ),
        ] {
            let remedy = "expected a whole number from 0 to 2^256 - 1, in quotes from 2^64 on";
            refuse(amount(written), &format!("{value}, {remedy}"));
            let buffered = format!(r#"{{"args":{{"token":"ether","amount":{written}}},"method":"withdraw"}}"#);
            assert!(Call::decode(buffered.as_bytes()).unwrap_err().to_string().contains(remedy), "{buffered}");
        }
        for name in ["stream_id", "duration"] {
            let stream_id = if name == "duration" { r#""stream_id":1,"# } else { "" };
            refuse(
                format!(r#"{{"method":"extend_stream","args":{{{stream_id}"{name}":"18446744073709551616"}}}}"#),
                &format!("{name} 18446744073709551616 exceeds 18446744073709551615"),
            );
        }
        refuse(amount(&"1".repeat(60_000)), "number out of range");
        refuse(amount("01"), "invalid number");
    }

    #[test]
    fn keys_are_exact() {
        for (json, expected) in [
            (r#"{}"#, "missing field `method`"),
            (r#"{"method":"withdraw"}"#, "missing field `args`"),
            (r#"{"args":{"stream_id":1}}"#, "missing field `method`"),
            (
                r#"{"method":"stream_test","args":{}}"#,
                "unknown variant `stream_test`, expected one of `transfer`, `stream`, `extend_stream`, `cancel_stream`, `withdraw`, `batch`",
            ),
            (r#"{"method":4,"args":{"token":"ether","amount":1}}"#, "expected value"),
            (r#"{"method":"cancel_stream","args":{}}"#, "missing field `stream_id`"),
            (
                r#"{"method":"cancel_stream","args":{"stream_id":1,"to":2}}"#,
                "unknown field `to`, expected `stream_id` or `token`",
            ),
            (r#"{"method":"cancel_stream","args":{"stream_id":1,"stream_id":1}}"#, "duplicate field `stream_id`"),
            (r#"{"method":"cancel_stream","args":{"stream_id":1},"args":{"stream_id":1}}"#, "duplicate field `args`"),
            (r#"{"method":"cancel_stream","method":"batch","args":{}}"#, "duplicate field `method`"),
            (
                r#"{"method":"cancel_stream","args":{"stream_id":1},"id":1}"#,
                r#"invalid value: string "id", expected "method" or "args""#,
            ),
            (
                r#"{"method":"stream","args":{"recipient":"0x70997970c51812dc3a010c7d01b50e0d17dc79c8","receiver":"0x70997970c51812dc3a010c7d01b50e0d17dc79c8"}}"#,
                "duplicate field `recipient`",
            ),
            (r#"{"method":"cancel_stream","args":[1]}"#, "invalid type: sequence, expected an object in braces"),
            (
                r#"{"method":"batch","args":{"calls":[["cancel_stream",{"stream_id":1}]]}}"#,
                "invalid type: sequence, expected an object in braces",
            ),
            (r#"{"method":"batch","args":{"calls":{}}}"#, "invalid type: map, expected a sequence"),
        ] {
            refuse(json, expected);
        }
    }

    #[test]
    fn batches_are_flat_and_not_empty() {
        refuse(r#"{"method":"batch","args":{"calls":[]}}"#, "the batch is empty; put at least 1 call into it");
        refuse(
            r#"{"method":"batch","args":{"calls":[{"method":"cancel_stream","args":{"stream_id":1}},{"method":"batch","args":{"calls":[]}}]}}"#,
            "call 1 of the batch is a batch itself; put its calls into the outer one",
        );
        for deep in [r#"{"method":"batch","args":{"calls":["#, r#"{"args":{"calls":["#, r#"{"args":["#] {
            refuse(deep.repeat(60_000 / deep.len()), "recursion limit exceeded");
        }
        refuse(
            amount(&"[".repeat(60_000)),
            "invalid type: sequence, expected a whole number from 0 to 2^256 - 1, in quotes from 2^64 on",
        );
    }

    #[test]
    fn text_that_is_no_json_is_refused() {
        refuse(amount("1") + " x", "trailing characters");
        refuse(amount("1").repeat(2), "trailing characters");
        refuse(&amount("1").as_bytes()[..40], "EOF while parsing a string");
        refuse(b"{\"method\":\"\xff\"}", "invalid unicode code point");
        refuse(b"{\"method\":\"\xed\xa0\x80\"}", "invalid unicode code point");
        refuse(r#"{"method":"\ud800"}"#, "unexpected end of hex escape");
        refuse("\u{c}{}", "expected value");
        let known = "batch 0x1e897afb, safeWithdraw 0x5058c460, extendStream 0x5495ef3c, transfer 0xbeabacc8, \
                     cancelStream 0xd9e8f780, withdraw 0xf3fef3a3, stream 0xf5626dbc; JSON begins with a brace";
        for (text, selector) in [("\u{feff}{}", "0xefbbbf7b"), ("[]", "0x5b5d"), ("hello", "0x68656c6c")] {
            refuse(text, &format!("selector {selector} is none of {known}"));
        }
        for nothing in ["", " ", "\r\n\t \u{c}"] {
            refuse(nothing, "the input is empty; send a JSON object with method and args, or an ABI-encoded call");
        }
    }

    #[test]
    fn tokens_and_accounts_are_addresses() {
        const LOWER: &str = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
        const UPPER: &str = "0x70997970C51812DC3A010C7D01B50E0D17DC79C8";
        for text in [LOWER, UPPER, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"] {
            assert_eq!((parse_token(text), parse_address(text)), (Ok(BOB), Ok(BOB)));
        }
        assert_eq!(parse_token("ether"), Ok(Address::ZERO));
        let expected = "is not an address; write 0x and 40 hexadecimal digits";
        for text in ["ether", "Ether", "", &LOWER[2..], &UPPER.replace("0x", "0X"), " ether"] {
            assert_eq!(parse_address(text), Err(format!("{text:?} {expected}")));
        }
        assert_eq!(parse_token("Ether"), Err(format!(r#""Ether" {expected}; or write "ether""#)));
        for text in [&LOWER[..41], &format!("{LOWER}0"), &LOWER.replace('c', "g"), &format!("0x{}", "é".repeat(20))] {
            assert_eq!(parse_token(text), Err(format!("{text:?} {expected}")));
        }
        let wrong = "0x70997970C51812dc3A010C7d01b50e0d17dc79c8";
        let error = format!("the checksum of address {wrong} is wrong; a digit or a letter's case has changed");
        assert_eq!((parse_token(wrong), parse_address(wrong)), (Err(error.clone()), Err(error)));
        let long = "x".repeat(60_000);
        assert_eq!(parse_address(&long), Err(format!("\"{}…\" {expected}", "x".repeat(119))));
    }

    #[test]
    fn a_report_quotes_a_hostile_input_in_part() {
        let error =
            Call::decode(format!(r#"{{"method":"{}"}}"#, "é".repeat(30_000)).as_bytes()).unwrap_err().to_string();
        assert_eq!((error.chars().count(), error.chars().last()), (300, Some('…')));
        let error = Call::decode(amount(&format!("{:?}", "1".repeat(60_000))).as_bytes()).unwrap_err().to_string();
        assert!(error.contains("1…\", expected a whole number"), "{error}");
    }
}
