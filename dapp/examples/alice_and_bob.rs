//! Money that flows: Alice streams to Bob over an hour, and more happens meanwhile.
//!
//! `cargo run -p dapp --example alice_and_bob` prints what each has and can spend at every step, and draws it to
//! `docs/alice-and-bob.svg` and `.png`; another path may be given.
#![allow(clippy::print_stdout)]

mod chart;

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, U256, address};
use chart::{Chart, Series};
use dapp::{Durability, Fault, Ledger, Order, Refusal, Stop, Store};
use plotters::prelude::SeriesLabelPosition;

const TOKEN: Address = address!("7777777777777777777777777777777777777777");
const ALICE: Address = address!("a11ce00000000000000000000000000000000001");
const BOB: Address = address!("b0b0000000000000000000000000000000000002");
const CAROL: Address = address!("ca40100000000000000000000000000000000003");
const PEOPLE: [(&str, Address); 3] = [("Alice", ALICE), ("Bob", BOB), ("Carol", CAROL)];

/// 2026-01-01, midnight.
const MIDNIGHT: u64 = 1_767_225_600;
const MINUTE: u64 = 60;
/// Base units in one token.
const ONE: u64 = 1_000_000;
const END: u64 = 90;

/// What happens in a minute, in words and in the ledger.
type Event = (u64, &'static str, fn(&Ledger<'_>) -> Result<(), Stop>);

const EVENTS: [Event; 7] = [
    (0, "Alice deposits 1,000", |ledger| ledger.mint(TOKEN, ALICE, tokens(1_000))),
    (0, "Alice streams 500 to Bob over an hour", |ledger| stream(ledger, ALICE, BOB, 500, 0, 60)),
    (10, "Alice plans 200 for Carol, from minute 20 to 50", |ledger| stream(ledger, ALICE, CAROL, 200, 20, 30)),
    (30, "Bob streams 100 of it on to Carol", |ledger| stream(ledger, BOB, CAROL, 100, 0, 30)),
    (40, "Alice cancels: Carol keeps what has streamed", |ledger| ledger.cancel(ALICE, 2).map(drop)),
    (45, "Alice adds 100 and 15 minutes for Bob", |ledger| ledger.extend(ALICE, 1, tokens(100), 15 * MINUTE).map(drop)),
    (80, "Bob withdraws 450", |ledger| ledger.burn(TOKEN, BOB, tokens(450))),
];

fn main() -> chart::Result<()> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("docs").join("alice-and-bob");
    let path = std::env::args_os().nth(1).map_or_else(default, PathBuf::from);
    let mut store = Store::open(Path::new(":memory:"), Durability::Machine)?;
    println!("minute   Alice      (free)     Bob        (free)     Carol      (free)");
    for minute in (0..=END).step_by(5) {
        let now = MIDNIGHT + minute * MINUTE;
        for (_, what, event) in EVENTS.iter().filter(|event| event.0 == minute) {
            store.change(now, event).map_err(told)?;
            println!("         - {what}");
        }
        store.ask::<_, Fault>(now, |ledger| {
            let row = PEOPLE.map(|(_, account)| {
                let (has, free) = (ledger.balance_of(TOKEN, account, now), ledger.available(TOKEN, account));
                Ok::<_, Fault>(format!("{:<10} {:<10} ", shown(has?), shown(free?)))
            });
            println!("{minute:>6}   {}", row.into_iter().collect::<Result<String, _>>()?.trim_end());
            Ok(())
        })?;
    }
    let nothing = store.change(MIDNIGHT + END * MINUTE, |ledger| ledger.transfer(TOKEN, CAROL, BOB, tokens(1_000)));
    println!("         - Carol asks for 1,000: {}", nothing.map_err(told).expect_err("Carol has less"));
    draw(&store, &path)
}

fn stream(
    ledger: &Ledger<'_>,
    sender: Address,
    recipient: Address,
    amount: u64,
    start: u64,
    minutes: u64,
) -> Result<(), Stop> {
    let start = if start == 0 { 0 } else { MIDNIGHT + start * MINUTE };
    let order = Order { token: TOKEN, recipient, amount: tokens(amount), start, duration: minutes * MINUTE };
    ledger.stream(sender, order).map(drop)
}

/// The past can be asked for, so the picture needs no notes from the way.
fn draw(store: &Store, path: &Path) -> chart::Result<()> {
    let now = MIDNIGHT + END * MINUTE;
    let mut series = Vec::new();
    for (name, account) in PEOPLE {
        let point = |second| {
            let balance = store.ask::<_, Fault>(now, |ledger| ledger.balance_of(TOKEN, account, MIDNIGHT + second))?;
            Ok::<_, Fault>((second as f64 / MINUTE as f64, f64::from(balance) / ONE as f64))
        };
        // Between two of these nothing changes course; a withdrawal drops in a second.
        let seconds = (0..=END * MINUTE).step_by(300).flat_map(|second| [second.saturating_sub(1), second]);
        let points = seconds.map(point).collect::<Result<_, _>>()?;
        series.push(Series { name: name.to_owned(), points, is_marked: false });
    }
    let chart = Chart {
        title: "What Alice, Bob and Carol have, at every moment",
        x: "minutes since the deposit",
        y: "balance, in tokens",
        legend: SeriesLabelPosition::UpperRight,
    };
    chart.draw(path, (0.0..END as f64, 0.0..1_050.0), (&|x| format!("{x:.0}"), &|y| format!("{y:.0}")), &series)
}

const fn tokens(number: u64) -> U256 {
    U256::from_limbs([number * ONE, 0, 0, 0])
}

/// Rounded down to a hundredth of a token.
fn shown(units: U256) -> String {
    let hundredths = units / U256::from(ONE / 100);
    let (whole, rest) = hundredths.div_rem(U256::from(100));
    format!("{whole}.{:02}", rest.to::<u64>())
}

fn told(stop: Stop<Refusal>) -> Box<dyn std::error::Error> {
    match stop {
        Stop::Reject(refusal) => refusal.into(),
        Stop::Halt(fault) => fault.into(),
    }
}
