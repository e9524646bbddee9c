//! Values that agents hand over, made to fit the parameter that they are for, and values as errors show them.

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::{Address, B256, Bytes, I256, U256, hex};

use crate::evm::names::{Names, hint};

/// An argument, before it is known which type the contract wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// An amount or a number, not negative.
    Number(U256),
    /// A number that may be negative.
    Signed(I256),
    /// An address.
    Address(Address),
    /// Yes or no.
    Flag(bool),
    /// Bytes, of fixed length or any.
    Bytes(Bytes),
    /// Text; where the contract wants an address, an agent's or a contract's name; where it wants a number, its digits.
    Text(String),
    /// Values of an array or of a tuple.
    List(Vec<Self>),
}

/// Makes `arg` a value of type `wanted`. The error says why it is none, without the value and the type.
pub(super) fn fit(arg: &Arg, wanted: &DynSolType, names: &Names) -> Result<DynSolValue, String> {
    let other_kind = || Err(format!("{} cannot be one", kind(arg)));
    match wanted {
        DynSolType::Bool => match arg {
            Arg::Flag(flag) => Ok(DynSolValue::Bool(*flag)),
            _ => other_kind(),
        },
        DynSolType::Uint(bits) => number(arg)?.map_or_else(other_kind, |number| fit_uint(number, *bits)),
        DynSolType::Int(bits) => signed(arg)?.map_or_else(other_kind, |number| fit_int(number, *bits)),
        DynSolType::Address => match arg {
            Arg::Address(address) => Ok(DynSolValue::Address(*address)),
            Arg::Text(text) => address(text, names).map(DynSolValue::Address),
            _ => other_kind(),
        },
        DynSolType::String => match arg {
            Arg::Text(text) => Ok(DynSolValue::String(text.clone())),
            _ => other_kind(),
        },
        DynSolType::Bytes => match bytes(arg)? {
            Some(bytes) => Ok(DynSolValue::Bytes(bytes.to_vec())),
            None => other_kind(),
        },
        DynSolType::FixedBytes(size) => match bytes(arg)? {
            Some(bytes) if bytes.len() == *size => Ok(DynSolValue::FixedBytes(B256::right_padding_from(&bytes), *size)),
            Some(bytes) => Err(format!("it has {} bytes", bytes.len())),
            None => other_kind(),
        },
        DynSolType::Array(of) => match arg {
            Arg::List(items) => Ok(DynSolValue::Array(fit_all(items, std::iter::repeat(&**of), names)?)),
            _ => other_kind(),
        },
        DynSolType::FixedArray(of, n) => match arg {
            Arg::List(items) if items.len() == *n => {
                Ok(DynSolValue::FixedArray(fit_all(items, std::iter::repeat(&**of), names)?))
            }
            Arg::List(items) => Err(format!("it has {} values", items.len())),
            _ => other_kind(),
        },
        DynSolType::Tuple(of) => match arg {
            Arg::List(items) if items.len() == of.len() => Ok(DynSolValue::Tuple(fit_all(items, of.iter(), names)?)),
            Arg::List(items) => Err(format!("it has {} values", items.len())),
            _ => other_kind(),
        },
        DynSolType::Function => other_kind(),
    }
}

fn fit_all<'a>(
    items: &[Arg],
    wanted: impl Iterator<Item = &'a DynSolType>,
    names: &Names,
) -> Result<Vec<DynSolValue>, String> {
    items.iter().zip(wanted).map(|(item, wanted)| fit(item, wanted, names)).collect()
}

fn fit_uint(number: U256, bits: usize) -> Result<DynSolValue, String> {
    if number.bit_len() > bits {
        return Err(format!("the largest is {}", U256::MAX >> (256 - bits)));
    }
    Ok(DynSolValue::Uint(number, bits))
}

fn fit_int(number: I256, bits: usize) -> Result<DynSolValue, String> {
    // In two's complement, a number of so many bits repeats its sign in all bits above.
    let above = number.asr(bits - 1);
    if above != I256::ZERO && above != I256::MINUS_ONE {
        let largest = I256::MAX.asr(256 - bits);
        return Err(format!("the range is from {} to {largest}", !largest));
    }
    Ok(DynSolValue::Int(number, bits))
}

/// The argument as a number, if it is of a kind that can be one.
fn number(arg: &Arg) -> Result<Option<U256>, String> {
    match arg {
        Arg::Number(number) => Ok(Some(*number)),
        Arg::Signed(number) => U256::try_from(*number).map(Some).map_err(|_| "it is negative".to_owned()),
        Arg::Text(text) => text.parse().map(Some).map_err(|_| "it is no whole number".to_owned()),
        _ => Ok(None),
    }
}

fn signed(arg: &Arg) -> Result<Option<I256>, String> {
    match arg {
        Arg::Number(number) => I256::try_from(*number).map(Some).map_err(|_| format!("the largest is {}", I256::MAX)),
        Arg::Signed(number) => Ok(Some(*number)),
        Arg::Text(text) => I256::from_dec_str(text).map(Some).map_err(|_| "it is no whole number".to_owned()),
        _ => Ok(None),
    }
}

fn bytes(arg: &Arg) -> Result<Option<Bytes>, String> {
    match arg {
        Arg::Bytes(bytes) => Ok(Some(bytes.clone())),
        Arg::Text(text) => match text.strip_prefix("0x").map(hex::decode) {
            Some(Ok(bytes)) => Ok(Some(bytes.into())),
            _ => Err("it is no hex after 0x".to_owned()),
        },
        _ => Ok(None),
    }
}

fn address(text: &str, names: &Names) -> Result<Address, String> {
    if let Some(address) = names.address(text) {
        return Ok(address);
    }
    if text.len() == 42 && text.starts_with("0x") {
        return text.parse().map_err(|_| "it is no address".to_owned());
    }
    Err(format!("nobody has this name{}", hint(text, names.iter().map(|(name, _)| name))))
}

const fn kind(arg: &Arg) -> &'static str {
    match arg {
        Arg::Number(_) | Arg::Signed(_) => "a number",
        Arg::Address(_) => "an address",
        Arg::Flag(_) => "yes or no",
        Arg::Bytes(_) => "a string of bytes",
        Arg::Text(_) => "text",
        Arg::List(_) => "a list",
    }
}

/// The argument as an error shows it.
pub(super) fn show_arg(arg: &Arg, names: &Names) -> String {
    match arg {
        Arg::Number(number) => number.to_string(),
        Arg::Signed(number) => number.to_string(),
        Arg::Address(address) => names.show(*address),
        Arg::Flag(flag) => flag.to_string(),
        Arg::Bytes(bytes) => show_bytes(bytes),
        Arg::Text(text) => show_text(text),
        Arg::List(items) => show_list(items.iter().map(|item| show_arg(item, names)), ('[', ']')),
    }
}

/// The value as a person reads it: numbers in digits, addresses by name.
#[must_use]
pub fn show(value: &DynSolValue, names: &Names) -> String {
    match value {
        DynSolValue::Bool(flag) => flag.to_string(),
        DynSolValue::Int(number, _) => number.to_string(),
        DynSolValue::Uint(number, _) => number.to_string(),
        DynSolValue::FixedBytes(word, size) => show_bytes(&word[..*size]),
        DynSolValue::Address(address) => names.show(*address),
        DynSolValue::Function(function) => show_bytes(&function[..]),
        DynSolValue::Bytes(bytes) => show_bytes(bytes),
        DynSolValue::String(text) => show_text(text),
        DynSolValue::Array(items) | DynSolValue::FixedArray(items) => {
            show_list(items.iter().map(|item| show(item, names)), ('[', ']'))
        }
        DynSolValue::Tuple(items) => show_list(items.iter().map(|item| show(item, names)), ('(', ')')),
    }
}

/// How much of a long value an error shows.
const SHOWN: usize = 64;

pub(super) fn show_bytes(bytes: &[u8]) -> String {
    if bytes.len() <= SHOWN {
        return hex::encode_prefixed(bytes);
    }
    format!("{}… ({} bytes)", hex::encode_prefixed(&bytes[..SHOWN]), bytes.len())
}

fn show_text(text: &str) -> String {
    match text.char_indices().nth(4 * SHOWN) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}… ({} bytes)", &text[..end], text.len()),
    }
}

fn show_list(items: impl ExactSizeIterator<Item = String>, (open, close): (char, char)) -> String {
    let n = items.len();
    let mut shown: Vec<String> = items.take(SHOWN).collect();
    if n > SHOWN {
        shown.push(format!("… ({n} values)"));
    }
    format!("{open}{}{close}", shown.join(", "))
}

impl From<U256> for Arg {
    fn from(number: U256) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Arg {
    fn from(number: u64) -> Self {
        Self::Number(U256::from(number))
    }
}

impl From<u128> for Arg {
    fn from(number: u128) -> Self {
        Self::Number(U256::from(number))
    }
}

impl From<I256> for Arg {
    fn from(number: I256) -> Self {
        Self::Signed(number)
    }
}

impl From<Address> for Arg {
    fn from(address: Address) -> Self {
        Self::Address(address)
    }
}

impl From<bool> for Arg {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Bytes> for Arg {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<Self>> for Arg {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}
