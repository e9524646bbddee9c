//! Streams to start in the rollup, by options or from a file.

use std::{fs, path::Path};

use alloy::primitives::{Address, U256};
use bindings::IStreamPortal::StreamOrder;
use eyre::{OptionExt, WrapErr, bail, ensure, eyre};
use serde::Deserialize;

use crate::{
    address::parse_address,
    amount::Token,
    moment::{Moment, parse_duration, parse_moment},
};

/// Most streams that one input can start: each takes 256 bytes of the 65,124 that a call may have.
pub(super) const ORDERS_LIMIT: usize = 254;

/// Longest stream in the rollup, in seconds.
pub(super) const DURATION_LIMIT: u64 = u32::MAX as u64;

/// Longest file of orders, in bytes.
const FILE_LIMIT: u64 = 1 << 20;

/// The first line of a file of comma-separated values.
const HEAD: [&str; 4] = ["recipient", "amount", "start", "duration"];

/// One stream, as a person writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    pub(super) recipient: String,
    pub(super) amount: String,
    #[serde(default)]
    pub(super) start: String,
    pub(super) duration: String,
}

/// What an order depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    pub(super) token: &'a Token,
    /// Who pays.
    pub(super) sender: Address,
    /// Unix time of the chain.
    pub(super) now: u64,
}

impl Setting<'_> {
    /// The stream that is wanted, of a duration in seconds.
    ///
    /// # Errors
    /// If the rollup would refuse it for sure.
    pub(super) fn order(
        &self,
        recipient: Address,
        amount: &str,
        start: Moment,
        duration: u64,
    ) -> eyre::Result<StreamOrder> {
        let amount = self.token.parse(amount)?;
        ensure!(!amount.is_zero(), "the amount is zero; the smallest stream is one unit of the token");
        ensure!(!recipient.is_zero(), "the recipient is the zero address, which nobody can spend from");
        ensure!(recipient != self.sender, "{recipient} cannot pay itself; name another recipient");
        let start = start_of(start, self.now)?;
        check_duration(duration)?;
        Ok(StreamOrder { recipient, amount, start, duration })
    }

    fn wanted(&self, wanted: &Wanted) -> eyre::Result<StreamOrder> {
        let start = if wanted.start.is_empty() { Moment::In(0) } else { parse_moment(&wanted.start)? };
        self.order(parse_address(&wanted.recipient)?, &wanted.amount, start, parse_duration(&wanted.duration)?)
    }

    /// All streams in the file.
    ///
    /// # Errors
    /// If it cannot be read, or if one of its streams cannot be; the error says which.
    pub(super) fn read(&self, file: &Path) -> eyre::Result<Vec<StreamOrder>> {
        let length = fs::metadata(file).wrap_err_with(|| format!("reading {}", file.display()))?.len();
        ensure!(length <= FILE_LIMIT, "{} has {length} bytes, and {FILE_LIMIT} at most are read", file.display());
        let text = fs::read_to_string(file).wrap_err_with(|| format!("reading {}", file.display()))?;
        self.parse(&text).wrap_err_with(|| format!("reading {}", file.display()))
    }

    fn parse(&self, text: &str) -> eyre::Result<Vec<StreamOrder>> {
        let wanted = if text.trim_start().starts_with('[') { serde_json::from_str(text)? } else { lines(text)? };
        ensure!(!wanted.is_empty(), "there are no streams in it");
        let n_orders = wanted.len();
        ensure!(
            n_orders <= ORDERS_LIMIT,
            "{n_orders} streams do not fit one input; put {ORDERS_LIMIT} at most into a file"
        );
        let order = |(i, wanted)| self.wanted(wanted).wrap_err_with(|| format!("stream {}", i + 1));
        wanted.iter().enumerate().map(order).collect()
    }
}

/// The start of a stream in the rollup, where 0 is at once.
pub(crate) fn start_of(start: Moment, now: u64) -> eyre::Result<u64> {
    match start {
        Moment::In(0) => Ok(0),
        start => {
            let unix = start.unix(now);
            ensure!(
                unix >= now,
                "the start, Unix second {unix}, is in the past: the chain is at Unix second {now}; start later, or leave \
                 the start out to begin at once"
            );
            Ok(unix)
        }
    }
}

pub(crate) fn check_duration(secs: u64) -> eyre::Result<()> {
    ensure!(secs <= DURATION_LIMIT, "a duration of {secs} seconds exceeds {DURATION_LIMIT}, the longest in a rollup");
    Ok(())
}

/// What the streams come to.
///
/// # Errors
/// If that exceeds 256 bits.
pub(super) fn total(orders: &[StreamOrder]) -> eyre::Result<U256> {
    let sum = orders.iter().try_fold(U256::ZERO, |sum, order| sum.checked_add(order.amount));
    sum.ok_or_eyre("the streams come to more than 256 bits; no token has as much")
}

/// Comma-separated values under a head, in any order of columns. Nothing that an order holds needs quotes.
fn lines(text: &str) -> eyre::Result<Vec<Wanted>> {
    let cells = |line: &str| line.split(',').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let head = lines.next().map(|(_, line)| cells(line)).unwrap_or_default();
    let expected = HEAD.join(",");
    for (i, name) in head.iter().enumerate() {
        ensure!(
            HEAD.contains(&name.as_str()) && !head[..i].contains(name),
            "\"{name}\" is no column; the first line is {expected}"
        );
    }
    let place = |name: &str| head.iter().position(|column| column == name);
    let missing = |name: &str| eyre!("there is no column {name}; the first line is {expected}");
    let of = |name: &str| place(name).ok_or_else(|| missing(name));
    let (recipient, amount, start, duration) = (of("recipient")?, of("amount")?, place("start"), of("duration")?);
    lines
        .map(|(i, line)| {
            let row = cells(line);
            if row.len() != head.len() {
                bail!("line {} has {} values, and the first line {}", i + 1, row.len(), head.len());
            }
            Ok(Wanted {
                recipient: row[recipient].clone(),
                amount: row[amount].clone(),
                start: start.map(|start| row[start].clone()).unwrap_or_default(),
                duration: row[duration].clone(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOB: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
    const NOW: u64 = 1_800_000_000;

    #[track_caller]
    fn check(text: &str, expected: Result<&[(u64, u64, u64)], &str>) {
        let token = Token { address: Address::ZERO, symbol: "DEMO".to_owned(), decimals: 6 };
        let setting = Setting { token: &token, sender: Address::repeat_byte(1), now: NOW };
        let actual = setting.parse(&text.replace("$BOB", BOB)).map_err(|error| format!("{error:#}"));
        let orders = expected.map(|orders| {
            let order = |(amount, start, duration): &(u64, u64, u64)| StreamOrder {
                recipient: BOB.parse().unwrap(),
                amount: U256::from(*amount),
                start: *start,
                duration: *duration,
            };
            orders.iter().map(order).collect::<Vec<_>>()
        });
        assert_eq!(actual, orders.map_err(str::to_owned));
    }

    #[test]
    fn both_forms_are_read() {
        let expected = [(12_500_000, 0, 2_592_000), (1, NOW + 7200, 60)];
        check("recipient,amount,start,duration\n$BOB,12.5,,30d\n\n$BOB, 0.000001, +2h, 1m\n", Ok(&expected));
        check("duration,recipient,amount\r\n30d,$BOB,12.5\r\n", Ok(&expected[..1]));
        check(
            r#"[{"recipient": "$BOB", "amount": "12.5", "duration": "30d"},
                {"recipient": "$BOB", "amount": "0.000001", "duration": "1m", "start": "+2h"}]"#,
            Ok(&expected),
        );
    }

    #[test]
    fn mistakes_are_placed() {
        let head = "recipient,amount,start,duration";
        check("", Err("there is no column recipient; the first line is recipient,amount,start,duration"));
        check(head, Err("there are no streams in it"));
        check("[]", Err("there are no streams in it"));
        check(
            "recipient,amount,amount,duration\n",
            Err("\"amount\" is no column; the first line is recipient,amount,start,duration"),
        );
        check(&format!("{head}\n$BOB,1"), Err("line 2 has 2 values, and the first line 4"));
        check(
            &format!("{head}\n$BOB,1,,30d\n$BOB,1,,30\n"),
            Err("stream 2: duration \"30\" lacks a unit; write 30d, 30h, 30m or 30s"),
        );
        check(
            &format!("{head}\n$BOB,0.0000001,,30d"),
            Err("stream 1: amount 0.0000001 is finer than the token; write at most 6 digits after the point"),
        );
        check(
            &format!("{head}\n$BOB,0,,30d"),
            Err("stream 1: the amount is zero; the smallest stream is one unit of the token"),
        );
        check(
            &format!("{head}\n{},1,,30d", Address::repeat_byte(1)),
            Err("stream 1: 0x0101010101010101010101010101010101010101 cannot pay itself; name another recipient"),
        );
        check(
            &format!("{head}\n$BOB,1,,200w\n$BOB,1,,8000w"),
            Err("stream 2: a duration of 4838400000 seconds exceeds 4294967295, the longest in a rollup"),
        );
        check(
            &format!("{head}\n$BOB,1,2027-01-01,1d"),
            Err(
                "stream 1: the start, Unix second 1798761600, is in the past: the chain is at Unix second 1800000000; \
                 start later, or leave the start out to begin at once",
            ),
        );
        check(
            &format!("{head}\n{}", "$BOB,1,,1d\n".repeat(255)),
            Err("255 streams do not fit one input; put 254 at most into a file"),
        );
    }
}
