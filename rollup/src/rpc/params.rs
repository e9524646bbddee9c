//! Parameters of a call, by name or by position. A parameter that is null is not given, and an unknown name says nothing,
//! since Cartesi's clients send some.

use std::borrow::Cow;

use alloy::primitives::{Address, FixedBytes, hex};
use serde_json::{Map, Value};

use super::{Failure, INVALID_PARAMS};
use crate::store::{EpochStatus, List};

/// Rows of a list whose length is not asked for.
const DEFAULT_LIMIT: u64 = 50;

/// Rows of a list at most.
const MAX_LIMIT: u64 = 10_000;

/// Characters of a bad value that are told back.
const MAX_TOLD: usize = 80;

const INDEX: &str = "an unsigned integer of 64 bits in hexadecimal, such as \"0x1f\"";

const APPLICATION: &str = "the application's address, or its name of three or more of a-z, 0-9, - and _";

/// All that an epoch can be for the published node.
const STATUSES: [(&str, Option<EpochStatus>); 9] = [
    ("OPEN", Some(EpochStatus::Open)),
    ("CLOSED", None),
    ("INPUTS_PROCESSED", None),
    ("CLAIM_COMPUTED", Some(EpochStatus::Computed)),
    ("CLAIM_SUBMITTED", Some(EpochStatus::Submitted)),
    ("CLAIM_STAGED", None),
    ("CLAIM_ACCEPTED", Some(EpochStatus::Accepted)),
    ("CLAIM_REJECTED", None),
    ("CLAIM_FORECLOSED", None),
];

/// How an application is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Called {
    Name(String),
    Address(Address),
}

impl Called {
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let is_of_name = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        match fixed(text) {
            Some(address) => Some(Self::Address(address.into())),
            None => (text.len() >= 3 && text.bytes().all(is_of_name)).then(|| Self::Name(text.to_owned())),
        }
    }
}

/// What a call was given.
pub(super) struct Params<'c> {
    names: &'static [&'static str],
    given: Given<'c>,
}

enum Given<'c> {
    Nothing,
    ByName(&'c Map<String, Value>),
    ByPosition(&'c [Value]),
}

impl<'c> Params<'c> {
    /// Parameters of a method that takes `names`, in this order.
    pub(super) fn new(names: &'static [&'static str], given: &'c Value) -> Result<Self, Failure> {
        let given = match given {
            Value::Null => Given::Nothing,
            Value::Object(params) => Given::ByName(params),
            Value::Array(params) if params.len() <= names.len() => Given::ByPosition(params),
            Value::Array(params) => {
                let message = format!(
                    "params has {} values; expected at most {}: {}",
                    params.len(),
                    names.len(),
                    names.join(", ")
                );
                return Err(Failure::new(INVALID_PARAMS, message));
            }
            other => return Err(bad("params", other, "an object or an array")),
        };
        Ok(Self { names, given })
    }

    pub(super) fn application(&self) -> Result<Called, Failure> {
        self.required("application", APPLICATION, |value| Called::from_text(value.as_str()?))
    }

    pub(super) fn index(&self, name: &str) -> Result<u64, Failure> {
        self.required(name, INDEX, index)
    }

    /// The page, the order and the range of indexes that a list was asked for, and its filters as far as the method
    /// has them.
    pub(super) fn list(&self) -> Result<List, Failure> {
        const COUNT: &str = "an unsigned integer";
        const YES_OR_NO: &str = "true or false";
        let limit = self.optional("limit", COUNT, Value::as_u64)?.unwrap_or_default();
        let list = List {
            first: self.optional("from", INDEX, index)?,
            last: self.optional("to", INDEX, index)?,
            epoch: self.optional("epoch_index", INDEX, index)?,
            input: self.optional("input_index", INDEX, index)?,
            sender: self.optional("sender", "an address", address)?,
            transaction: self
                .optional("transaction_hash", "a hash of 32 bytes in hexadecimal", |value| fixed(value.as_str()?))?,
            selectors: self.optional(
                "output_type",
                "a selector such as \"0x237a816f\", or an array of some",
                |value| one_or_more(value, |text| fixed(text).map(Into::into)),
            )?,
            destination: self.optional("voucher_address", "an address", address)?,
            is_executed: self.optional("executed", YES_OR_NO, Value::as_bool)?,
            statuses: self.statuses()?,
            is_descending: self.optional("descending", YES_OR_NO, Value::as_bool)?.unwrap_or_default(),
            limit: if limit == 0 { DEFAULT_LIMIT } else { limit.min(MAX_LIMIT) },
            offset: self.optional("offset", COUNT, Value::as_u64)?.unwrap_or_default(),
        };
        match (list.first, list.last) {
            (Some(first), Some(last)) if first > last => Err(Failure::new(
                INVALID_PARAMS,
                format!("from is {first:#x}; expected at most to, which is {last:#x}"),
            )),
            _ => Ok(list),
        }
    }

    fn statuses(&self) -> Result<Option<Vec<EpochStatus>>, Failure> {
        let expected = format!("one or an array of {}", STATUSES.map(|(name, _)| name).join(", "));
        let statuses = self.optional("status", &expected, |value| {
            one_or_more(value, |text| STATUSES.iter().find(|(name, _)| *name == text).map(|(_, status)| *status))
        })?;
        Ok(statuses.map(|statuses| statuses.into_iter().flatten().collect()))
    }

    fn required<T>(&self, name: &str, expected: &str, read: impl Fn(&Value) -> Option<T>) -> Result<T, Failure> {
        let missing = || Failure::new(INVALID_PARAMS, format!("{name} is missing; expected {expected}"));
        self.optional(name, expected, read)?.ok_or_else(missing)
    }

    /// A parameter that is not one of the method's is not given.
    fn optional<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let Some(place) = self.names.iter().position(|known| *known == name) else { return Ok(None) };
        let value = match self.given {
            Given::Nothing => None,
            Given::ByName(params) => params.get(name),
            Given::ByPosition(params) => params.get(place),
        };
        match value {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| bad(name, value, expected)),
        }
    }
}

fn bad(name: &str, value: &Value, expected: &str) -> Failure {
    let text = value.to_string();
    let told = match text.char_indices().nth(MAX_TOLD) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(&text),
    };
    Failure::new(INVALID_PARAMS, format!("{name} is {told}; expected {expected}"))
}

fn index(value: &Value) -> Option<u64> {
    let digits = value.as_str()?;
    let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"))?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    // The standard library takes a sign, too.
    u64::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

fn address(value: &Value) -> Option<Address> {
    fixed(value.as_str()?).map(Into::into)
}

fn fixed<const N: usize>(text: &str) -> Option<FixedBytes<N>> {
    let mut bytes = FixedBytes::ZERO;
    hex::decode_to_slice(text.strip_prefix("0x")?, bytes.as_mut_slice()).ok()?;
    Some(bytes)
}

/// A text, or an array of at least one.
fn one_or_more<T>(value: &Value, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    match value {
        Value::Array(values) if values.is_empty() => None,
        Value::Array(values) => values.iter().map(|value| read(value.as_str()?)).collect(),
        value => Some(vec![read(value.as_str()?)?]),
    }
}
