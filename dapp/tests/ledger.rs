//! What the ledger does and refuses, with exact values.

#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;

use alloy_primitives::{Address, U256, address};
use dapp::{
    Breakpoint, Direction, Durability, Fault, Ledger, MAX_DURATION, MAX_TIME, Order, Refusal, SUPPLY_CAP, Solvency,
    Stop, Store, Stream,
};

const NOW: u64 = 1_700_000_000;
const TOKEN: Address = address!("7777777777777777777777777777777777777777");
const ALICE: Address = address!("a11ce00000000000000000000000000000000001");
const BOB: Address = address!("b0b0000000000000000000000000000000000002");
const CAROL: Address = address!("ca40100000000000000000000000000000000003");

struct World {
    store: Store,
    /// The time of the last change.
    now: u64,
}

fn units(number: u64) -> U256 {
    U256::from(number)
}

impl World {
    /// Alice has `supply`.
    fn with(supply: impl TryInto<U256>) -> Self {
        let store = Store::open(Path::new(":memory:"), Durability::Machine).unwrap();
        let mut world = Self { store, now: NOW };
        let supply = supply.try_into().ok().unwrap();
        world.at(NOW, |ledger| ledger.mint(TOKEN, ALICE, supply)).unwrap();
        world
    }

    fn at<T>(&mut self, now: u64, work: impl FnOnce(&Ledger<'_>) -> Result<T, Stop>) -> Result<T, Refusal> {
        self.now = now;
        self.store.change(now, work).map_err(|stop| match stop {
            Stop::Reject(refusal) => refusal,
            Stop::Halt(fault) => panic!("{fault}"),
        })
    }

    fn stream(&mut self, now: u64, amount: u64, start: u64, duration: u64) -> Result<Stream, Refusal> {
        let order = Order { token: TOKEN, recipient: BOB, amount: units(amount), start, duration };
        self.at(now, |ledger| ledger.stream(ALICE, order))
    }

    fn ask<T>(&self, now: u64, question: impl FnOnce(&Ledger<'_>) -> Result<T, Fault>) -> T {
        self.store.ask(now, question).unwrap()
    }

    fn balance(&self, account: Address, time: u64) -> U256 {
        self.ask(NOW, |ledger| ledger.balance_of(TOKEN, account, time))
    }

    fn available(&self, account: Address, time: u64) -> U256 {
        self.ask(time, |ledger| ledger.available(TOKEN, account))
    }

    #[track_caller]
    fn refuses<T: std::fmt::Debug>(
        &mut self,
        now: u64,
        work: impl FnOnce(&Ledger<'_>) -> Result<T, Stop>,
        refusal: Refusal,
    ) {
        let before = self.everything(now);
        assert_eq!(self.at(now, work).unwrap_err(), refusal);
        assert_eq!(self.everything(now), before, "a refusal leaves a trace");
    }

    fn everything(&self, now: u64) -> String {
        let of = |account| {
            let streams = self.ask(now, |l| l.streams_of(TOKEN, account, Direction::Outgoing, 0, 100));
            let schedule = self.ask(now, |l| l.schedule_of(TOKEN, account, 0, 100));
            format!("{streams:?} {schedule:?} {}", self.available(account, now))
        };
        let rest = self.ask(now, |l| Ok((l.stats()?, l.solvency(TOKEN)?)));
        format!("{} {} {} {rest:?}", of(ALICE), of(BOB), of(CAROL))
    }

    fn is_whole(&self) {
        assert_eq!(self.ask(self.now, |ledger| ledger.check()).findings, Vec::<String>::new());
    }
}

fn overspend(account: Address, amount: u64, available: u64) -> Refusal {
    Refusal::ExceedsAvailable { account, token: TOKEN, amount: units(amount), available: units(available) }
}

#[test]
fn a_stream_moves_evenly_from_start_to_stop() {
    let mut world = World::with(1_000);
    let stream = world.stream(NOW, 500, 0, 100).unwrap();
    assert_eq!((stream.id, stream.start, stream.stop), (1, NOW, NOW + 100));
    for (after, alice, bob) in [(0, 1_000, 0), (10, 950, 50), (55, 725, 275), (99, 505, 495), (100, 500, 500)] {
        assert_eq!(world.balance(ALICE, NOW + after), units(alice), "after {after}");
        assert_eq!(world.balance(BOB, NOW + after), units(bob), "after {after}");
    }
    assert_eq!(world.balance(BOB, NOW - 1), units(0));
    assert_eq!(world.balance(BOB, MAX_TIME), units(500));
    world.is_whole();
}

#[test]
fn a_scheduled_stream_is_committed_at_once_and_moves_later() {
    let mut world = World::with(1_000);
    world.stream(NOW, 600, NOW + 50, 100).unwrap();
    assert_eq!((world.available(ALICE, NOW), world.balance(ALICE, NOW)), (units(400), units(1_000)));
    assert_eq!((world.balance(BOB, NOW + 50), world.balance(BOB, NOW + 51)), (units(0), units(6)));
    assert_eq!(world.balance(BOB, NOW + 150), units(600));
}

#[test]
fn a_stream_of_no_duration_moves_all_at_its_start() {
    let mut world = World::with(1_000);
    world.stream(NOW, 100, 0, 0).unwrap();
    world.stream(NOW, 10, NOW + 5, 0).unwrap();
    assert_eq!(
        (world.balance(BOB, NOW), world.balance(BOB, NOW + 4), world.balance(BOB, NOW + 5)),
        (units(100), units(100), units(110))
    );
    assert_eq!(world.available(BOB, NOW), units(100));
    world.is_whole();
}

#[test]
fn what_has_come_in_can_be_spent_at_once_and_what_comes_later_cannot() {
    let mut world = World::with(1_000);
    world.stream(NOW, 1_000, 0, 1_000).unwrap();
    let spend = |amount| move |ledger: &Ledger<'_>| ledger.transfer(TOKEN, BOB, CAROL, units(amount));
    world.refuses(NOW + 300, spend(301), overspend(BOB, 301, 300));
    world.at(NOW + 300, spend(300)).unwrap();
    assert_eq!(world.available(BOB, NOW + 300), units(0));
    assert_eq!(world.balance(CAROL, NOW + 300), units(300));
    assert_eq!(world.balance(BOB, NOW + 1_000), units(700));
    world.is_whole();
}

#[test]
fn a_withdrawal_cannot_take_what_is_committed() {
    let mut world = World::with(1_000);
    world.stream(NOW, 1_000, 0, 1_000).unwrap();
    world.refuses(NOW + 1, |ledger| ledger.burn(TOKEN, ALICE, units(999)), overspend(ALICE, 999, 0));
    world.at(NOW + 1_000, |ledger| ledger.burn(TOKEN, BOB, units(1_000))).unwrap();
    assert_eq!(world.ask(NOW + 1_000, |ledger| ledger.supply(TOKEN)), units(0));
    world.refuses(NOW + 2_000, |ledger| ledger.burn(TOKEN, ALICE, units(1)), overspend(ALICE, 1, 0));
    world.is_whole();
}

#[test]
fn a_short_second_stream_cannot_overcommit() {
    let mut world = World::with(100);
    world.stream(NOW, 100, 0, 1_000).unwrap();
    let order = Order { token: TOKEN, recipient: BOB, amount: units(50), start: 0, duration: 100 };
    world.refuses(NOW, |ledger| ledger.stream(ALICE, order), overspend(ALICE, 50, 0));
    assert_eq!(world.balance(ALICE, NOW + 1_000), units(0));
}

#[test]
fn nothing_streams_from_an_empty_account() {
    let mut world = World::with(1_000);
    let order = Order { token: TOKEN, recipient: BOB, amount: units(1), start: 0, duration: 100 };
    world.refuses(NOW, |ledger| ledger.stream(CAROL, order), overspend(CAROL, 1, 0));
    let unknown = Order { token: Address::ZERO, ..order };
    let refusal =
        Refusal::ExceedsAvailable { account: ALICE, token: Address::ZERO, amount: units(1), available: units(0) };
    world.refuses(NOW, |ledger| ledger.stream(ALICE, unknown), refusal);
}

#[test]
fn dust_never_stops_others() {
    let mut world = World::with(10_000);
    world.stream(NOW, 999, 0, 1_000).unwrap();
    world.stream(NOW, 1, 0, MAX_DURATION).unwrap();
    world.at(NOW + 10, |ledger| ledger.burn(TOKEN, ALICE, units(9_000))).unwrap();
    world.at(NOW + 10, |ledger| ledger.transfer(TOKEN, BOB, CAROL, units(9))).unwrap();
    assert_eq!(world.balance(BOB, NOW + 999), units(998 - 9));
    world.is_whole();
}

#[test]
fn the_outcome_does_not_depend_on_how_often_it_is_looked_at() {
    let end = |touches: u64| {
        let mut world = World::with(1_000);
        world.stream(NOW, 100, 0, 1_000).unwrap();
        for touch in 0..touches {
            world.at(NOW + touch, |ledger| ledger.transfer(TOKEN, ALICE, CAROL, units(1))).unwrap();
            world.at(NOW + touch, |ledger| ledger.transfer(TOKEN, CAROL, ALICE, units(1))).unwrap();
        }
        (world.balance(ALICE, NOW + 777), world.balance(BOB, NOW + 777), world.balance(CAROL, NOW + 777))
    };
    assert_eq!(end(0), end(999));
    // 77.7 have streamed: 0.7 is on its way, and shown to neither.
    assert_eq!(end(0), (units(922), units(77), units(0)));
}

#[test]
fn a_cancelled_stream_leaves_exactly_what_has_streamed() {
    let mut world = World::with(1_000);
    world.stream(NOW, 100, 0, 3).unwrap();
    let (cancelled, refunded) = world.at(NOW + 1, |ledger| ledger.cancel(ALICE, 1)).unwrap();
    assert_eq!(cancelled.total + refunded, units(100) << 64);
    assert_eq!((cancelled.stop, cancelled.is_cancelled), (NOW + 1, true));
    // A third of 100: the fraction is the recipient's, and counts with the next.
    assert_eq!((world.balance(BOB, NOW + 1), world.balance(BOB, NOW + 9)), (units(33), units(33)));
    assert_eq!(world.available(ALICE, NOW + 1), units(966));
    for second in [2, 3] {
        world.stream(NOW + second, 100, 0, 3).unwrap();
        world.at(NOW + second + 1, |ledger| ledger.cancel(ALICE, second)).unwrap();
    }
    assert_eq!(world.balance(BOB, NOW + 9), units(100));
    assert_eq!(world.available(ALICE, NOW + 9), units(899));
    world.is_whole();
}

#[test]
fn a_stream_that_has_not_started_is_cancelled_whole() {
    let mut world = World::with(1_000);
    world.stream(NOW, 100, NOW + 10, 100).unwrap();
    let (cancelled, refunded) = world.at(NOW + 10, |ledger| ledger.cancel(ALICE, 1)).unwrap();
    assert_eq!((cancelled.total, refunded), (units(0), units(100) << 64));
    world.stream(NOW + 10, 100, NOW + 20, 0).unwrap();
    world.at(NOW + 11, |ledger| ledger.cancel(ALICE, 2)).unwrap();
    assert_eq!((world.available(ALICE, NOW + 11), world.balance(BOB, MAX_TIME)), (units(1_000), units(0)));
    world.is_whole();
}

#[test]
fn a_stream_ends_once() {
    let mut world = World::with(1_000);
    world.stream(NOW, 100, 0, 10).unwrap();
    world.stream(NOW, 100, 0, 10).unwrap();
    let ended = |stream, stop, now| Refusal::StreamEnded { stream, stop, now };
    world.refuses(NOW + 10, |ledger| ledger.cancel(ALICE, 1), ended(1, NOW + 10, NOW + 10));
    world.refuses(NOW + 10, |ledger| ledger.extend(ALICE, 1, units(1), 1), ended(1, NOW + 10, NOW + 10));
    world.at(NOW + 9, |ledger| ledger.cancel(ALICE, 2)).unwrap();
    world.refuses(NOW + 9, |ledger| ledger.cancel(ALICE, 2), ended(2, NOW + 9, NOW + 9));
}

#[test]
fn only_its_sender_changes_a_stream() {
    let mut world = World::with(1_000);
    world.stream(NOW, 100, 0, 10).unwrap();
    for account in [BOB, CAROL, Address::ZERO] {
        let refusal = Refusal::SenderOnly { stream: 1, sender: ALICE, account };
        world.refuses(NOW + 1, |ledger| ledger.cancel(account, 1), refusal);
        let refusal = Refusal::SenderOnly { stream: 1, sender: ALICE, account };
        world.refuses(NOW + 1, |ledger| ledger.extend(account, 1, units(1), 0), refusal);
    }
    for id in [0, 2, u64::MAX] {
        world.refuses(NOW + 1, |ledger| ledger.cancel(ALICE, id), Refusal::StreamUnknown(id));
    }
}

#[test]
fn an_extension_keeps_what_has_streamed_and_spreads_the_rest() {
    let mut world = World::with(1_000);
    world.stream(NOW, 100, 0, 100).unwrap();
    let stream = world.at(NOW + 50, |ledger| ledger.extend(ALICE, 1, units(150), 50)).unwrap();
    assert_eq!((stream.since, stream.stop, stream.total), (NOW + 50, NOW + 150, units(250) << 64));
    for (after, bob) in [(25, 25), (50, 50), (51, 52), (100, 150), (149, 248), (150, 250)] {
        assert_eq!(world.balance(BOB, NOW + after), units(bob), "after {after}");
    }
    assert_eq!(world.available(ALICE, NOW + 50), units(750));
    world.is_whole();
}

#[test]
fn money_alone_makes_a_stream_faster_and_time_alone_slower() {
    let mut world = World::with(1_000);
    world.stream(NOW, 100, 0, 100).unwrap();
    world.at(NOW, |ledger| ledger.extend(ALICE, 1, units(100), 0)).unwrap();
    assert_eq!(world.balance(BOB, NOW + 50), units(100));
    world.at(NOW + 50, |ledger| ledger.extend(ALICE, 1, units(0), 50)).unwrap();
    assert_eq!((world.balance(BOB, NOW + 100), world.balance(BOB, NOW + 150)), (units(150), units(200)));
    // A stream that has not started keeps its start.
    world.stream(NOW, 100, NOW + 200, 0).unwrap();
    let stream = world.at(NOW + 100, |ledger| ledger.extend(ALICE, 2, units(0), 100)).unwrap();
    assert_eq!((stream.start, stream.since, stream.stop), (NOW + 200, NOW + 200, NOW + 300));
    assert_eq!((world.balance(BOB, NOW + 250), world.balance(BOB, NOW + 300)), (units(250), units(300)));
    world.is_whole();
}

#[test]
fn an_extension_must_add_and_leave_something() {
    let mut world = World::with(1_000);
    world.stream(NOW, 3, 0, 10).unwrap();
    world.refuses(NOW, |ledger| ledger.extend(ALICE, 1, units(0), 0), Refusal::NothingAdded);
    world.refuses(NOW + 9, |ledger| ledger.extend(ALICE, 1, units(0), 9), Refusal::TooLittleLeft(1));
    world.refuses(NOW + 9, |ledger| ledger.extend(ALICE, 1, units(998), 9), overspend(ALICE, 998, 997));
    world.at(NOW + 9, |ledger| ledger.extend(ALICE, 1, units(997), 9)).unwrap();
    world.is_whole();
}

#[test]
fn amounts_of_zero_are_refused() {
    let mut world = World::with(1_000);
    let order = Order { token: TOKEN, recipient: BOB, amount: units(0), start: 0, duration: 1 };
    world.refuses(NOW, |ledger| ledger.stream(ALICE, order), Refusal::AmountZero);
    world.refuses(NOW, |ledger| ledger.transfer(TOKEN, ALICE, BOB, units(0)), Refusal::AmountZero);
    world.refuses(NOW, |ledger| ledger.burn(TOKEN, ALICE, units(0)), Refusal::AmountZero);
    let before = world.everything(NOW);
    world.at(NOW, |ledger| ledger.mint(TOKEN, CAROL, units(0))).unwrap();
    assert_eq!(world.everything(NOW), before);
}

#[test]
fn nobody_pays_nobody_or_themselves() {
    let mut world = World::with(1_000);
    for (recipient, refusal) in [(Address::ZERO, Refusal::RecipientZero), (ALICE, Refusal::RecipientIsSender(ALICE))] {
        let order = Order { token: TOKEN, recipient, amount: units(1), start: 0, duration: 1 };
        let again = if recipient.is_zero() { Refusal::RecipientZero } else { Refusal::RecipientIsSender(ALICE) };
        world.refuses(NOW, |ledger| ledger.stream(ALICE, order), refusal);
        world.refuses(NOW, |ledger| ledger.transfer(TOKEN, ALICE, recipient, units(1)), again);
    }
}

#[test]
fn times_have_bounds() {
    let mut world = World::with(1_000);
    let order = |start, duration| Order { token: TOKEN, recipient: BOB, amount: units(1), start, duration };
    let stream = |start, duration| move |ledger: &Ledger<'_>| ledger.stream(ALICE, order(start, duration));
    world.refuses(NOW, stream(NOW - 1, 1), Refusal::StartPassed { start: NOW - 1, now: NOW });
    world.refuses(NOW, stream(MAX_TIME + 1, 1), Refusal::StartTooLate(MAX_TIME + 1));
    world.refuses(NOW, stream(u64::MAX, 1), Refusal::StartTooLate(u64::MAX));
    world.refuses(NOW, stream(0, MAX_DURATION + 1), Refusal::DurationTooLong(MAX_DURATION + 1));
    world.refuses(NOW, stream(0, u64::MAX), Refusal::DurationTooLong(u64::MAX));
    let last = world.at(NOW, stream(MAX_TIME, MAX_DURATION)).unwrap();
    assert_eq!(last.stop, MAX_TIME + MAX_DURATION);
    world.at(NOW, stream(0, MAX_DURATION)).unwrap();
    let extend = |id, duration| move |ledger: &Ledger<'_>| ledger.extend(ALICE, id, units(1), duration);
    world.refuses(NOW, extend(2, 1), Refusal::DurationTooLong(MAX_DURATION + 1));
    world.refuses(NOW + 10, extend(2, 11), Refusal::DurationTooLong(MAX_DURATION + 1));
    world.refuses(NOW + 10, extend(2, u64::MAX), Refusal::DurationTooLong(u64::MAX));
    world.at(NOW + 10, extend(2, 10)).unwrap();
    world.refuses(NOW + 10, extend(1, 1), Refusal::DurationTooLong(MAX_DURATION + 1));
    world.is_whole();
}

#[test]
fn the_supply_of_a_token_has_a_cap() {
    let mut world = World::with(SUPPLY_CAP);
    let over = |amount| Refusal::ExceedsCap { token: TOKEN, amount, supply: SUPPLY_CAP };
    world.refuses(NOW, |ledger| ledger.mint(TOKEN, BOB, units(1)), over(units(1)));
    world.refuses(NOW, |ledger| ledger.mint(TOKEN, BOB, U256::MAX), over(U256::MAX));
    let order = Order { token: TOKEN, recipient: BOB, amount: SUPPLY_CAP, start: 0, duration: MAX_DURATION };
    world.at(NOW, |ledger| ledger.stream(ALICE, order)).unwrap();
    let half = SUPPLY_CAP * units(1 << 31) / units(MAX_DURATION);
    assert_eq!(world.balance(BOB, NOW + (1 << 31)), half);
    assert_eq!(world.balance(ALICE, NOW + (1 << 31)), SUPPLY_CAP - half);
    world.at(NOW + MAX_DURATION, |ledger| ledger.burn(TOKEN, BOB, SUPPLY_CAP)).unwrap();
    world.at(NOW + MAX_DURATION, |ledger| ledger.mint(TOKEN, BOB, SUPPLY_CAP)).unwrap();
    // Another token has its own.
    world.at(NOW + MAX_DURATION, |ledger| ledger.mint(Address::ZERO, BOB, SUPPLY_CAP)).unwrap();
    world.is_whole();
}

#[test]
fn a_batch_is_done_whole_or_not_at_all() {
    let mut world = World::with(1_000);
    let order = |amount| Order { token: TOKEN, recipient: BOB, amount: units(amount), start: 0, duration: 10 };
    let batch = |ledger: &Ledger<'_>| {
        ledger.stream(ALICE, order(600))?;
        ledger.transfer(TOKEN, ALICE, CAROL, units(300))?;
        ledger.stream(ALICE, order(101))
    };
    world.refuses(NOW, batch, overspend(ALICE, 101, 100));
    assert_eq!(world.stream(NOW, 1, 0, 1).unwrap().id, 1, "ids of what was undone are given again");
}

#[test]
fn the_schedule_tells_each_change_of_flow() {
    let mut world = World::with(1_000);
    world.stream(NOW, 100, NOW + 10, 10).unwrap();
    world.stream(NOW, 200, NOW + 15, 10).unwrap();
    let point = |time, rate: u64, balance| Breakpoint {
        time: NOW + time,
        incoming: units(rate) << 64,
        outgoing: units(0),
        balance: units(balance),
    };
    let expected = [point(10, 10, 0), point(15, 30, 50), point(20, 20, 200), point(25, 0, 300)];
    assert_eq!(world.ask(NOW, |ledger| ledger.schedule_of(TOKEN, BOB, NOW, 10)), expected);
    assert_eq!(world.ask(NOW, |ledger| ledger.schedule_of(TOKEN, BOB, NOW + 15, 1)), expected[2..3]);
    let alice = world.ask(NOW, |ledger| ledger.schedule_of(TOKEN, ALICE, NOW, 10));
    assert_eq!((alice[1].outgoing, alice[1].incoming, alice[1].balance), (units(30) << 64, units(0), units(950)));
    assert_eq!(world.ask(NOW, |ledger| ledger.schedule_of(TOKEN, CAROL, NOW, 10)), []);
}

#[test]
fn solvency_tells_what_is_promised() {
    let mut world = World::with(1_000);
    world.stream(NOW, 100, NOW + 10, 30).unwrap();
    world.at(NOW, |ledger| ledger.burn(TOKEN, ALICE, units(200))).unwrap();
    let solvency = |time, locked, available, rate: U256| {
        let expected = Solvency {
            deposited: units(1_000),
            withdrawn: units(200),
            locked: units(locked),
            available: units(available),
            flow: rate,
        };
        assert_eq!(world.ask(NOW, |ledger| ledger.later(time).solvency(TOKEN)), expected, "at {time}");
    };
    let rate: U256 = units(100) << 64;
    let rate = rate.div_ceil(units(30));
    solvency(NOW, 100, 700, units(0));
    // 3.33 have streamed.
    solvency(NOW + 11, 97, 703, rate);
    solvency(NOW + 39, 4, 796, rate);
    solvency(NOW + 40, 0, 800, units(0));
}

#[test]
fn pages_of_streams_follow_one_another() {
    let mut world = World::with(1_000);
    for _ in 0..5 {
        world.stream(NOW, 1, 0, 10).unwrap();
    }
    let page = |direction, account, after, limit| -> Vec<u64> {
        let streams = world.ask(NOW, |ledger| ledger.streams_of(TOKEN, account, direction, after, limit));
        streams.iter().map(|stream| stream.id).collect()
    };
    assert_eq!(page(Direction::Outgoing, ALICE, 0, 2), [1, 2]);
    assert_eq!(page(Direction::Outgoing, ALICE, 2, 2), [3, 4]);
    assert_eq!(page(Direction::Incoming, BOB, 4, 2), [5]);
    assert_eq!(page(Direction::Incoming, BOB, u64::MAX, 2), Vec::<u64>::new());
    assert_eq!(page(Direction::Incoming, ALICE, 0, 2), Vec::<u64>::new());
}

#[test]
fn refusals_name_the_values_and_the_remedy() {
    #[track_caller]
    fn check(refusal: Refusal, sentence: &str) {
        assert_eq!(refusal.to_string(), sentence);
    }
    check(Refusal::AmountZero, "amount is 0; ask for at least 1 base unit");
    check(Refusal::RecipientZero, "recipient is the zero address, which nobody can spend from");
    check(
        Refusal::RecipientIsSender(ALICE),
        "0xa11ce00000000000000000000000000000000001 cannot pay itself; name another recipient",
    );
    check(
        overspend(ALICE, 5, 3),
        "amount 5 exceeds 3 available to 0xa11ce00000000000000000000000000000000001 in token \
         0x7777777777777777777777777777777777777777",
    );
    check(
        Refusal::ExceedsCap { token: TOKEN, amount: units(5), supply: units(9) },
        "deposit of 5 would lift supply 9 of token 0x7777777777777777777777777777777777777777 over the cap of 2^128 - 1",
    );
    check(Refusal::StartPassed { start: 5, now: 9 }, "start 5 is before the input's time 9; use 0 to start at once");
    check(Refusal::StartTooLate(5), "start 5 is after 281474976710655, the last second that is counted");
    check(Refusal::DurationTooLong(5), "duration of 5 seconds exceeds 4294967295");
    check(Refusal::StreamUnknown(5), "stream 5 does not exist");
    check(
        Refusal::SenderOnly { stream: 5, sender: ALICE, account: BOB },
        "stream 5 belongs to 0xa11ce00000000000000000000000000000000001; \
         0xb0b0000000000000000000000000000000000002 cannot change it",
    );
    check(
        Refusal::TokenDiffers { stream: 5, token: TOKEN, named: Address::ZERO },
        "stream 5 pays in token 0x7777777777777777777777777777777777777777, \
         not 0x0000000000000000000000000000000000000000",
    );
    check(Refusal::StreamEnded { stream: 5, stop: 7, now: 9 }, "stream 5 ended at 7, and the input's time is 9");
    check(Refusal::NothingAdded, "amount and duration are both 0; add to at least one");
    check(Refusal::TooLittleLeft(5), "stream 5 has less than 1 base unit left; add an amount");
}
