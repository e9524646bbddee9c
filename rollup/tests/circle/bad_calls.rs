//! Calls of the application: as they should be, and in every way that it refuses.

use alloy::primitives::{Address, Bytes, U256, hex};
use alloy::sol_types::SolCall;
use bindings::cartesi::{ETHER, StreamableToken};

/// The largest payload of an input that InputBox takes.
pub const MAX_PAYLOAD: usize = 65_216;

pub fn transfer(token: Address, recipient: Address, amount: u64) -> Vec<u8> {
    StreamableToken::transferCall { token, recipient, amount: U256::from(amount) }.abi_encode()
}

pub fn stream(token: Address, recipient: Address, amount: u64, start: u64, duration: u64) -> Vec<u8> {
    StreamableToken::streamCall { token, recipient, amount: U256::from(amount), start, duration }.abi_encode()
}

pub fn withdraw(token: Address, amount: U256) -> Vec<u8> {
    StreamableToken::withdrawCall { token, amount }.abi_encode()
}

pub fn safe_withdraw(token: Address, amount: U256) -> Vec<u8> {
    StreamableToken::safeWithdrawCall { token, amount }.abi_encode()
}

pub fn cancel(stream: u64) -> Vec<u8> {
    StreamableToken::cancelStreamCall { streamId: stream }.abi_encode()
}

pub fn batch(calls: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    StreamableToken::batchCall { calls: calls.into_iter().map(Bytes::from).collect() }.abi_encode()
}

pub fn json(method: &str, args: &str) -> Vec<u8> {
    format!(r#"{{"method":"{method}","args":{{{args}}}}}"#).into_bytes()
}

/// Who asks, in which token, and what else is there.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    pub account: Address,
    /// Has what the asker has not.
    pub other: Address,
    /// What the asker has, less than 2^100 of it.
    pub token: Address,
    /// What the asker has none of.
    pub foreign: Address,
    /// A running stream of the other's, in `token`.
    pub stream: u64,
}

/// Calls that the application refuses, with a part of the reason.
pub fn bad_calls(asker: Asker) -> Vec<(Vec<u8>, &'static str)> {
    [unreadable(asker), bombs(asker), refused(asker), batches(asker)].concat()
}

fn unreadable(Asker { other, token, .. }: Asker) -> Vec<(Vec<u8>, &'static str)> {
    let good = transfer(token, other, 1);
    let mut dirty = good.clone();
    dirty[4] = 1;
    let trailing = [good.as_slice(), &[0; 32]].concat();
    let args = format!(r#""token":"{token}","recipient":"{other}","amount":"#);
    let amount = |written: &str| json("transfer", &format!("{args}{written}"));
    vec![
        (b" \n\t ".to_vec(), "the input is empty"),
        (vec![0], "selector 0x00 is none of"),
        (vec![0xff; 1_000], "selector 0xffffffff is none of"),
        (b"hello".to_vec(), "selector 0x68656c6c is none of"),
        (b"[{}]".to_vec(), "selector 0x5b7b7d5d is none of"),
        (b"\xef\xbb\xbf{}".to_vec(), "selector 0xefbbbf7b is none of"),
        ([&hex!("deadbeef")[..], &[0; 64]].concat(), "selector 0xdeadbeef is none of"),
        (good[..4].to_vec(), "the arguments of transfer cannot be read"),
        (good[..good.len() - 1].to_vec(), "the arguments of transfer cannot be read"),
        (dirty, "the arguments of transfer cannot be read"),
        (trailing, "the arguments of transfer cannot be read: they are not canonical"),
        (b"{".to_vec(), "EOF while parsing"),
        (b"{}".to_vec(), "missing field `method`"),
        (b"{\"method\":\"\xff\xfe\"}".to_vec(), "invalid unicode"),
        (br#"{"method":"\ud800","args":{}}"#.to_vec(), "unexpected end of hex escape"),
        (json("mint", &format!("{args}1")), "unknown variant `mint`"),
        (json("transfer", &format!("{args}1,\"memo\":1")), "unknown field `memo`"),
        (json("transfer", &format!("{args}1,\"amount\":2")), "duplicate field `amount`"),
        ([amount("1"), b"{}".to_vec()].concat(), "trailing characters"),
        (amount("-1"), "invalid type: integer `-1`"),
        (amount("0.5"), "invalid type: floating point `0.5`"),
        (amount("\"0x01\""), "invalid value: string \"0x01\""),
        (
            // 2^256.
            amount("\"115792089237316195423570985008687907853269984665640564039457584007913129639936\""),
            "invalid value: string",
        ),
    ]
}

/// As large or as deep as a deposit can carry.
fn bombs(Asker { token, .. }: Asker) -> Vec<(Vec<u8>, &'static str)> {
    const LARGE: usize = 65_000;
    let deep = |open: &str| open.repeat(LARGE / open.len()).into_bytes();
    let of = |text: String| json("transfer", &text);
    vec![
        (deep("{\"method\":"), "unknown variant `method`"),
        ([br#"{"args":"#.to_vec(), deep("[")].concat(), "recursion limit exceeded"),
        ([br#"{"args":{"calls":"#.to_vec(), deep("[{\"args\":{\"calls\":")].concat(), "recursion limit exceeded"),
        (of(format!(r#""amount":{}"#, "9".repeat(LARGE - 100))), "number out of range"),
        (of(format!(r#""amount":"{}""#, "9".repeat(LARGE - 100))), "invalid value: string"),
        (of(format!(r#""token":"{}""#, "é".repeat((LARGE - 100) / 2))), "is not an address"),
        (of(format!(r#""{}":1"#, "k".repeat(LARGE - 100))), "unknown field"),
        (vec![b' '; LARGE], "the input is empty"),
        (vec![b'{'; LARGE], "key must be a string"),
        // A length that leads far past the end.
        ([&batch([])[..36], &[0xff; 32]].concat(), "the arguments of batch cannot be read"),
        (batch((0..280).map(|_| transfer(token, Address::ZERO, 1))), "recipient is the zero address"),
    ]
}

/// Readable, and against the rules.
fn refused(asker: Asker) -> Vec<(Vec<u8>, &'static str)> {
    let Asker { account, other, token, foreign, stream: id } = asker;
    let of = |amount: U256| StreamableToken::transferCall { token, recipient: other, amount }.abi_encode();
    let extend =
        |id| StreamableToken::extendStreamCall { streamId: id, amount: U256::from(1), duration: 1 }.abi_encode();
    let mut calls = vec![
        (transfer(token, other, 0), "amount is 0"),
        (transfer(token, Address::ZERO, 1), "recipient is the zero address"),
        (transfer(token, account, 1), "cannot pay itself"),
        (transfer(foreign, other, 1), "amount 1 exceeds 0 available"),
        (of(U256::from(1) << 100), "available"),
        (of(U256::from(1) << 128), "available"),
        (of(U256::from(1) << 192), "available"),
        (of(U256::MAX), "available"),
        (stream(token, other, 0, 0, 10), "amount is 0"),
        (stream(token, Address::ZERO, 1, 0, 10), "recipient is the zero address"),
        (stream(token, account, 1, 0, 10), "cannot pay itself"),
        (stream(foreign, other, 1, 0, 10), "amount 1 exceeds 0 available"),
        (stream(token, other, 1, 1, 10), "start 1 is before the input's time"),
        (stream(token, other, 1, 1 << 48, 10), "start 281474976710656 is after"),
        (stream(token, other, 1, u64::MAX, 10), "start 18446744073709551615 is after"),
        (stream(token, other, 1, 0, 1 << 32), "duration of 4294967296 seconds exceeds"),
        (stream(token, other, 1, 0, u64::MAX), "duration of 18446744073709551615 seconds exceeds"),
        (extend(id), "belongs to"),
        (cancel(id), "belongs to"),
        (extend(999), "stream 999 does not exist"),
        (cancel(u64::MAX), "stream 18446744073709551615 does not exist"),
        (withdraw(token, U256::ZERO), "amount is 0"),
        (withdraw(token, U256::from(1) << 100), "available"),
        (withdraw(foreign, U256::from(1)), "amount 1 exceeds 0 available"),
        (safe_withdraw(token, U256::MAX), "available"),
    ];
    if token == ETHER {
        calls.push((safe_withdraw(token, U256::from(1)), "ether needs no safe transfer"));
    }
    calls
}

/// All or none: what comes before the bad call does not happen either.
fn batches(Asker { account, other, token, .. }: Asker) -> Vec<(Vec<u8>, &'static str)> {
    let good = || vec![transfer(token, other, 1), stream(token, other, 1, 0, 60), withdraw(token, U256::from(1))];
    let then = |bad: Vec<u8>| batch([good(), vec![bad]].concat());
    vec![
        (batch([]), "the batch is empty"),
        (json("batch", "\"calls\":[]"), "the batch is empty"),
        (batch([batch([])]), "call 0 of the batch is a batch itself"),
        (then(batch(good())), "call 3 of the batch is a batch itself"),
        (then(b"garbage".to_vec()), "call 3 of the batch: selector 0x67617262 is none of"),
        (then(transfer(token, account, 1)), "cannot pay itself"),
        (then(withdraw(token, U256::from(1) << 100)), "available"),
        (then(stream(token, other, 1, 1, 1)), "start 1 is before the input's time"),
    ]
}
