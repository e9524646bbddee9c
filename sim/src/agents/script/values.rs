//! Values of scripts as contracts take them, and values of contracts as scripts have them: exact both ways.

use alloy_primitives::hex;
use rhai::{Array, Blob, Dynamic, ImmutableString};

use crate::{
    decimal::Decimal,
    evm::{Arg, DynSolValue, I256, Names, U256},
    netlist::Number,
};

/// Most lists inside each other in an argument.
const MAX_DEPTH: usize = 8;

/// Arguments of a call; the text "me" is the name of who calls.
pub(super) fn to_args(list: &[Dynamic], me: &str) -> Result<Vec<Arg>, String> {
    list.iter().map(|value| to_arg(value, me, 0)).collect()
}

fn to_arg(value: &Dynamic, me: &str, depth: usize) -> Result<Arg, String> {
    if depth > MAX_DEPTH {
        return Err(format!("an argument has more than {MAX_DEPTH} lists inside each other"));
    }
    if let Ok(integer) = value.as_int() {
        let signed = |_| Arg::Signed(I256::try_from(integer).expect("64 bits fit into 256"));
        return Ok(u64::try_from(integer).map_or_else(signed, Arg::from));
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(Arg::Flag(flag));
    }
    if let Ok(float) = value.as_float() {
        return Err(format!("the argument {float} is a float, which is no exact amount: say units(x) or u256(x)"));
    }
    if let Some(number) = value.read_lock::<U256>() {
        return Ok(Arg::Number(*number));
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Ok(Arg::Text(if *text == "me" { me.to_owned() } else { text.to_string() }));
    }
    if let Some(list) = value.read_lock::<Array>() {
        return list.iter().map(|item| to_arg(item, me, depth + 1)).collect::<Result<_, _>>().map(Arg::List);
    }
    if let Some(bytes) = value.read_lock::<Blob>() {
        return Ok(Arg::Bytes(bytes.clone().into()));
    }
    if let Some(decimal) = value.read_lock::<Decimal>() {
        let whole = I256::from_dec_str(&decimal.to_string());
        return whole
            .map(Arg::Signed)
            .map_err(|_| format!("the argument {} is not written as a whole number", *decimal));
    }
    Err(format!("a {} is no argument of a contract", value.type_name()))
}

/// What a function answered: nothing, a value, or a list of values.
pub(super) fn of_answer(mut values: Vec<DynSolValue>, names: &Names) -> Dynamic {
    match values.len() {
        0 => Dynamic::UNIT,
        1 => of_value(values.remove(0), names),
        _ => of_list(values, names),
    }
}

/// Unsigned numbers are u256; signed ones integers, or decimals if their type has more than 64 bits. Addresses are names
/// where they have one.
fn of_value(value: DynSolValue, names: &Names) -> Dynamic {
    match value {
        DynSolValue::Bool(flag) => Dynamic::from(flag),
        DynSolValue::Uint(number, _) => Dynamic::from(number),
        DynSolValue::Int(number, bits) if bits <= 64 => {
            Dynamic::from(i64::try_from(number).expect("a number of 64 bits fits"))
        }
        DynSolValue::Int(number, _) => {
            let digits = number.to_string();
            Dynamic::from(digits.parse::<Decimal>().expect("a decimal is written with up to 77 digits"))
        }
        DynSolValue::Address(address) => Dynamic::from(names.show(address)),
        DynSolValue::FixedBytes(word, size) => Dynamic::from(hex::encode_prefixed(&word[..size])),
        DynSolValue::Function(function) => Dynamic::from(hex::encode_prefixed(function)),
        DynSolValue::Bytes(bytes) => Dynamic::from(hex::encode_prefixed(bytes)),
        DynSolValue::String(text) => Dynamic::from(text),
        DynSolValue::Array(list) | DynSolValue::FixedArray(list) | DynSolValue::Tuple(list) => of_list(list, names),
    }
}

fn of_list(values: Vec<DynSolValue>, names: &Names) -> Dynamic {
    Dynamic::from_array(values.into_iter().map(|value| of_value(value, names)).collect())
}

/// An integer if it is one of 64 bits, else a float.
pub(super) fn of_number(number: Number) -> Dynamic {
    match number {
        Number::Integer(integer) => i64::try_from(integer).map_or_else(|_| number.to_f64().into(), Dynamic::from),
        Number::Float(float) => float.into(),
    }
}
