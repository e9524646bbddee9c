//! Calls in JSON: `{"method": "...", "args": {...}}`. The seed's `stream`, `withdraw` and `cancel_stream` work as they are.
//!
//! Numbers are exact: JSON integers as far as JSON readers carry them, and decimal text for all.

use std::fmt;

use alloy_primitives::{Address, U256};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

use crate::call::{Call, Malformed, PayoutForm, shorten};

/// The word for the chain's own coin, where a token is named.
const ETHER: &str = "ether";

#[derive(Deserialize)]
#[serde(tag = "method", content = "args", rename_all = "snake_case", deny_unknown_fields)]
enum Method {
    Transfer(Transfer),
    Stream(Stream),
    ExtendStream(ExtendStream),
    CancelStream(CancelStream),
    Withdraw(Withdraw),
    Batch(Batch),
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
    calls: Vec<Method>,
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
            Self::Transfer(Transfer { token, recipient, amount }) => {
                Call::Transfer { token: token.0, recipient: recipient.0, amount: amount.0 }
            }
            Self::Stream(Stream { token, recipient, amount, duration, start }) => Call::Stream {
                token: token.0,
                recipient: recipient.0,
                amount: amount.0,
                start: start.short("start")?,
                duration: duration.short("duration")?,
            },
            Self::ExtendStream(ExtendStream { stream_id, amount, duration }) => Call::ExtendStream {
                stream: stream_id.short("stream_id")?,
                amount: amount.0,
                duration: duration.short("duration")?,
            },
            Self::CancelStream(CancelStream { stream_id, token }) => {
                Call::CancelStream { stream: stream_id.short("stream_id")?, token: token.map(|token| token.0) }
            }
            Self::Withdraw(Withdraw { token, amount, safe }) => {
                let form = if safe { PayoutForm::SafeTransfer } else { PayoutForm::Transfer };
                Call::Withdraw { token: token.0, amount: amount.0, form }
            }
            Self::Batch(Batch { calls }) => {
                Call::Batch(calls.into_iter().map(Self::into_call).collect::<Result<_, _>>()?)
            }
        })
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
        number.map(Integer).ok_or_else(|| E::invalid_value(Unexpected::Str(&shorten(text)), &self))
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
    parse_address(text).map_err(|error| format!("{error}; or write {ETHER:?}"))
}

/// Reads an address, and checks its checksum where its letters are of both cases.
pub(crate) fn parse_address(text: &str) -> Result<Address, String> {
    let expected = || format!("{:?} is not an address; write 0x and 40 hexadecimal digits", shorten(text));
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40).ok_or_else(expected)?;
    let address: Address = text.parse().map_err(|_| expected())?;
    let is_mixed =
        digits.bytes().any(|byte| byte.is_ascii_lowercase()) && digits.bytes().any(|byte| byte.is_ascii_uppercase());
    if is_mixed && address.to_checksum(None) != text {
        return Err(format!("the checksum of address {text} is wrong; a digit or a letter's case has changed"));
    }
    Ok(address)
}
