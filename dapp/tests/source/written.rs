//! Calls as their senders write them.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, SolValue};
use dapp::abi::StreamableTokenInputs::{
    batchCall, cancelStreamCall, extendStreamCall, safeWithdrawCall, streamCall, transferCall, withdrawCall,
};
use dapp::call::{Call, PayoutForm};

use crate::model::Rng;

/// The call's only encoding for a contract. The token of a cancellation has no place there.
pub fn abi(call: &Call) -> Vec<u8> {
    match call.clone() {
        Call::Transfer { token, recipient, amount } => transferCall { token, recipient, amount }.abi_encode(),
        Call::Stream { token, recipient, amount, start, duration } => {
            streamCall { token, recipient, amount, start, duration }.abi_encode()
        }
        Call::ExtendStream { stream, amount, duration } => {
            extendStreamCall { streamId: stream, amount, duration }.abi_encode()
        }
        Call::CancelStream { stream, .. } => cancelStreamCall { streamId: stream }.abi_encode(),
        Call::Withdraw { token, amount, form: PayoutForm::Transfer } => withdrawCall { token, amount }.abi_encode(),
        Call::Withdraw { token, amount, form: PayoutForm::SafeTransfer } => {
            safeWithdrawCall { token, amount }.abi_encode()
        }
        Call::Batch(calls) => batchCall { calls: calls.iter().map(|call| abi(call).into()).collect() }.abi_encode(),
    }
}

/// The call in JSON, in one of the many ways to write it.
pub fn json(call: &Call, rng: &mut Rng) -> String {
    let mut args: Vec<String> = Vec::new();
    let method = match call {
        Call::Transfer { token, recipient, amount } => {
            args.extend([named("token", &address(token, rng)), named("recipient", &address(recipient, rng))]);
            args.push(named("amount", &number(*amount, rng)));
            "transfer"
        }
        Call::Stream { token, recipient, amount, start, duration } => {
            let recipient_key = rng.pick(&["recipient", "receiver"]);
            args.extend([named("token", &address(token, rng)), named(recipient_key, &address(recipient, rng))]);
            args.push(named("amount", &number(*amount, rng)));
            args.push(named("duration", &number(U256::from(*duration), rng)));
            args.extend(unless_zero("start", U256::from(*start), rng));
            "stream"
        }
        Call::ExtendStream { stream, amount, duration } => {
            args.push(named("stream_id", &number(U256::from(*stream), rng)));
            args.extend(unless_zero("amount", *amount, rng));
            args.extend(unless_zero("duration", U256::from(*duration), rng));
            "extend_stream"
        }
        Call::CancelStream { stream, token } => {
            args.push(named("stream_id", &number(U256::from(*stream), rng)));
            args.extend(token.map(|token| named("token", &address(&token, rng))));
            "cancel_stream"
        }
        Call::Withdraw { token, amount, form } => {
            args.extend([named("token", &address(token, rng)), named("amount", &number(*amount, rng))]);
            if *form == PayoutForm::SafeTransfer {
                args.push(named("safe", "true"));
            }
            "withdraw"
        }
        Call::Batch(calls) => {
            let calls: Vec<String> = calls.iter().map(|call| json(call, rng)).collect();
            args.push(named("calls", &format!("[{}]", calls.join(","))));
            "batch"
        }
    };
    let turns = usize::try_from(rng.below(args.len() as u64)).unwrap();
    args.rotate_left(turns);
    let space = rng.pick(&["", " ", "\r\n\t"]);
    let (method, args) = (named("method", &format!("{method:?}")), named("args", &format!("{{{}}}", args.join(","))));
    let (first, second) = if rng.below(2) == 0 { (method, args) } else { (args, method) };
    format!("{space}{{{first},{space}{second}}}{space}")
}

/// What the portal of ERC-1155 batches appends.
pub fn erc1155_batch(ids: Vec<U256>, amounts: Vec<U256>, exec: Vec<u8>) -> Vec<u8> {
    (ids, amounts, Bytes::new(), Bytes::from(exec)).abi_encode_params()
}

fn named(name: &str, value: &str) -> String {
    format!("{name:?}:{value}")
}

fn unless_zero(name: &str, value: U256, rng: &mut Rng) -> Option<String> {
    (!value.is_zero() || rng.below(2) == 0).then(|| named(name, &number(value, rng)))
}

fn number(value: U256, rng: &mut Rng) -> String {
    if value <= U256::from(u64::MAX) && rng.below(2) == 0 { value.to_string() } else { format!("\"{value}\"") }
}

fn address(address: &Address, rng: &mut Rng) -> String {
    match rng.below(3) {
        0 => format!("\"{address}\""),
        1 => format!("\"{address:#x}\""),
        _ => format!("\"0x{address:X}\"").replace("0x0X", "0x"),
    }
}
