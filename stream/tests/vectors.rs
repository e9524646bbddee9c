//! The vectors that the contracts are judged by too; test/vectors/README.md has their layout.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fmt::Debug, str::FromStr};

use serde_json::Value;
use stream::{Error, Proposal, Rate, Terms, Timeframe, Update};

/// Some rows hold numbers that a contract is handed and that no `u64` or `u128` can hold.
type Cell = &'static str;

struct Section {
    rows: Vec<Vec<Cell>>,
    errors: Vec<Cell>,
}

fn section(name: &str, n_columns: usize) -> Section {
    let text = include_str!("../../test/vectors/accrual.json");
    let json: &'static Value = Box::leak(Box::new(serde_json::from_str(text).unwrap()));
    let strings = |value: &'static Value| -> Vec<Cell> {
        let items = value.as_array().unwrap();
        items.iter().map(|item| item.as_str().unwrap()).collect()
    };
    let section = &json[name];
    let cells = strings(&section["cells"]);
    assert_eq!(strings(&section["columns"]).len(), n_columns);
    assert!(!cells.is_empty() && cells.len().is_multiple_of(n_columns));
    Section {
        rows: cells.chunks(n_columns).map(<[_]>::to_vec).collect(),
        errors: section.get("errors").map_or_else(Vec::new, strings),
    }
}

#[track_caller]
fn number<T: FromStr<Err: Debug>>(cell: Cell) -> T {
    cell.parse().unwrap()
}

fn terms(row: &[Cell]) -> Terms {
    let [start, stop, payment, interval] = row[..4] else {
        panic!("terms are four cells");
    };
    Terms::new(
        Timeframe { start: number(start), stop: number(stop) },
        Rate { payment: number(payment), interval: number(interval) },
    )
    .unwrap()
}

#[test]
fn accrual() {
    for row in section("accrual", 10).rows {
        let terms = terms(&row);
        let (withdrawn, time) = (number(row[4]), number(row[5]));
        assert_eq!(terms.deposit(), number(row[6]), "{row:?}");
        assert_eq!(terms.accrued_down(time), number(row[7]), "{row:?}");
        assert_eq!(terms.due(time, withdrawn), number(row[8]), "{row:?}");
        assert_eq!(terms.refundable(time), number(row[9]), "{row:?}");
    }
}

#[test]
fn updates() {
    for row in section("updates", 15).rows {
        let proposal = Proposal {
            stop: number(row[6]),
            rate: Rate { payment: number(row[7]), interval: number(row[8]) },
            is_same_token: row[9] == "1",
        };
        let update = terms(&row).align_update(number(row[5]), number(row[4]), proposal).unwrap();
        let Update { terms, due, pulled, refunded } = update;
        assert_eq!(terms.start(), number::<u64>(row[10]), "{row:?}");
        assert_eq!(terms.stop(), proposal.stop, "{row:?}");
        assert_eq!(terms.rate(), proposal.rate, "{row:?}");
        assert_eq!(terms.deposit(), number(row[11]), "{row:?}");
        assert_eq!(due, number(row[12]), "{row:?}");
        assert_eq!(pulled, number(row[13]), "{row:?}");
        assert_eq!(refunded, number(row[14]), "{row:?}");
    }
}

#[test]
fn invalid() {
    let Section { rows, errors } = section("invalid", 9);
    let mut n_beyond_types = 0;
    for (row, error) in rows.iter().zip(&errors) {
        let outcome = (|| {
            let timeframe = Timeframe { start: row[1].parse().ok()?, stop: row[2].parse().ok()? };
            let rate = Rate { payment: row[3].parse().ok()?, interval: row[4].parse().ok()? };
            Some(Terms::create(number(row[0]), timeframe, rate))
        })();
        match outcome {
            Some(outcome) => check_refusal(outcome.unwrap_err(), error, &row[5..], row),
            None => n_beyond_types += 1,
        }
    }
    assert_eq!(rows.len(), errors.len());
    assert_eq!(n_beyond_types, rows_beyond_types(&rows, 1, 3));
}

#[test]
fn invalid_updates() {
    let Section { rows, errors } = section("invalidUpdates", 13);
    let mut n_beyond_types = 0;
    for (row, error) in rows.iter().zip(&errors) {
        let proposal = (|| {
            Some(Proposal {
                stop: row[5].parse().ok()?,
                rate: Rate { payment: row[6].parse().ok()?, interval: row[7].parse().ok()? },
                is_same_token: row[8] == "1",
            })
        })();
        match proposal {
            Some(proposal) => {
                let outcome = terms(row).align_update(number(row[4]), 0, proposal);
                check_refusal(outcome.unwrap_err(), error, &row[9..], row);
            }
            None => n_beyond_types += 1,
        }
    }
    assert_eq!(rows.len(), errors.len());
    assert_eq!(n_beyond_types, rows_beyond_types(&rows, 5, 6));
}

/// Rows that the types exclude: times from `first` on that are 2^64 or more, or a payment of 2^128 or more.
fn rows_beyond_types(rows: &[Vec<Cell>], first: usize, payment: usize) -> usize {
    let reaches = |cell: Cell, limit: &str| (cell.len(), cell) >= (limit.len(), limit);
    rows.iter()
        .filter(|row| {
            reaches(row[payment], "340282366920938463463374607431768211456")
                || (first..=payment + 1).any(|i| i != payment && reaches(row[i], "18446744073709551616"))
        })
        .count()
}

#[track_caller]
fn check_refusal(error: Error, name: Cell, arguments: &[Cell], row: &[Cell]) {
    let (actual_name, actual) = match error {
        Error::StartInPast { start, time } => ("StartInPast", vec![start, time]),
        Error::TimeframeInvalid { start, stop, limit } => ("TimeframeInvalid", vec![start, stop, limit]),
        Error::IntervalZero => ("IntervalZero", vec![]),
        Error::TimeframeNotDivisible { duration, interval } => ("TimeframeNotDivisible", vec![duration, interval]),
        Error::PaymentZero => ("PaymentZero", vec![]),
        Error::TermsUnchanged => ("TermsUnchanged", vec![]),
        Error::UpdateTooShort { start, stop, interval } => ("UpdateTooShort", vec![start, stop, interval]),
        Error::DepositExceedsLimit { payment, n_intervals, limit } => {
            assert_eq!(name, "DepositExceedsLimit", "{row:?}");
            assert_eq!(number::<u128>(arguments[1]), payment, "{row:?}");
            assert_eq!(number::<u64>(arguments[2]), n_intervals, "{row:?}");
            assert_eq!(number::<u128>(arguments[3]), limit, "{row:?}");
            return;
        }
    };
    let expected = &arguments[1..=number(arguments[0])];
    assert_eq!(actual_name, name, "{row:?}");
    assert_eq!(actual, expected.iter().copied().map(number).collect::<Vec<u64>>(), "{row:?}");
}
