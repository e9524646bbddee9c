use super::*;
use crate::clock::{Now, Pace, Sample, parse_block_time};
use alloy::primitives::Address;
use proptest::prelude::*;

const DAY: u64 = 86_400;
const NOW: Now = Now { time: 1_000_000, unix: 1_800_000_000 };

fn token(decimals: u8) -> Token {
    Token { address: Address::ZERO, symbol: "DEMO".to_owned(), decimals }
}

fn blocks(block_time: &str) -> Setting {
    let pace = Pace::Given(parse_block_time(block_time).unwrap());
    Setting { calendar: Calendar { clock: Clock::Block, now: NOW, pace }, token: token(6) }
}

fn seconds() -> Setting {
    let now = Now { time: NOW.unix, unix: NOW.unix };
    Setting { calendar: Calendar { clock: Clock::Timestamp, now, pace: Pace::Exact }, token: token(6) }
}

/// 3000 DEMO over 30 days, every hour.
fn wish() -> Wish {
    Wish {
        money: Money::Amount(U256::from(3_000_000_000_u64)),
        start: Start::WhenMined,
        stop: Stop::Over(30 * DAY),
        every: Every::Secs(3600),
        round: Round::Down,
    }
}

/// Payment, interval, number of intervals, deposit.
#[track_caller]
fn check(wish: Wish, setting: Setting, terms: (u128, u64, u64, u128), notes: &[&str]) {
    let plan = Plan::new(wish, setting).unwrap();
    let Plan { terms: t, .. } = &plan;
    assert_eq!((t.payment(), t.interval(), t.n_intervals(), t.deposit()), terms);
    assert_eq!(plan.notes, notes);
}

#[track_caller]
fn check_error(wish: Wish, setting: Setting, expected: &str) {
    assert_eq!(Plan::new(wish, setting).unwrap_err().to_string(), expected);
}

const NO_WHOLE: &str =
    "3000 DEMO does not divide by 720 payments: 2999.99952 DEMO is streamed, 0.00048 DEMO stays with you";

#[test]
fn an_amount_is_divided_into_whole_payments() {
    check(wish(), blocks("12s"), (4_166_666, 300, 720, 2_999_999_520), &[NO_WHOLE]);
    check(wish(), seconds(), (4_166_666, 3600, 720, 2_999_999_520), &[NO_WHOLE]);
    let up = Wish { round: Round::Up, ..wish() };
    check(
        up,
        seconds(),
        (4_166_667, 3600, 720, 3_000_000_240),
        &["3000 DEMO does not divide by 720 payments: 3000.00024 DEMO is streamed, 0.00024 DEMO is on top"],
    );
    let even = Wish { money: Money::Amount(U256::from(7_200)), ..wish() };
    check(even, blocks("12s"), (10, 300, 720, 7_200), &[]);
}

#[test]
fn expected_numbers_of_payments_survive_uneven_blocks() {
    // 298.76 blocks an hour: 719 intervals of 299 blocks would end within 30 days, 720 end 36 minutes after.
    let notes = ["1h is no whole number of blocks: payments come every 299 blocks, about 1h 3s", NO_WHOLE];
    check(wish(), blocks("12.05s"), (4_166_666, 299, 720, 2_999_999_520), &notes);
    // Here 720 intervals would be off by a fifth.
    let coarse = Wish { every: Every::Secs(30), stop: Stop::Over(6 * 3600), ..wish() };
    check(
        coarse,
        blocks("12s"),
        (5_000_000, 3, 600, 3_000_000_000),
        &[
            "30s is no whole number of blocks: payments come every 3 blocks, about 36s",
            "6h is no whole number of intervals: the stream has 600 payments",
        ],
    );
}

#[test]
fn payments_are_taken_as_they_are() {
    let payment = Wish { money: Money::Payment(U256::from(50_000)), ..wish() };
    let minute = Wish { every: Every::Secs(60), ..payment };
    check(minute, blocks("12s"), (50_000, 5, 43_200, 2_160_000_000), &[]);
    // 12 days and 16 hours: what is left of them is cut off.
    let until = Wish { stop: Stop::Until(Moment::At(NOW.unix + 100 * 3600 + 59)), ..payment };
    check(until, seconds(), (50_000, 3600, 100, 5_000_000), &[]);
    let exact = Wish {
        start: Start::Exact(NOW.time + 100),
        stop: Stop::Exact(NOW.time + 1100),
        every: Every::Exact(10),
        ..payment
    };
    check(exact, blocks("12s"), (50_000, 10, 100, 5_000_000), &[]);
}

#[test]
fn exact_terms_need_no_pace() {
    let exact = Wish {
        money: Money::Payment(U256::from(7)),
        start: Start::Exact(NOW.time + 100),
        stop: Stop::Exact(NOW.time + 1100),
        every: Every::Often,
        round: Round::Down,
    };
    let mut young = blocks("12s");
    young.calendar.pace = Pace::too_young(3);
    check(exact, young.clone(), (7, 1, 1000, 7000), &[]);
    check_error(
        wish(),
        young,
        "the chain is too young to measure its block time (3 blocks); say how long a block takes, as in --block-time 12s",
    );
}

#[test]
fn the_program_chooses_short_intervals_that_divide_well() {
    let often = Wish { every: Every::Often, ..wish() };
    check(
        often,
        seconds(),
        (31_250, 27, 96_000, 3_000_000_000),
        &["payments come every 27s, so that 3000 DEMO divides well; --every chooses otherwise"],
    );
    // A few blocks less than 30 days, for an amount that is streamed whole.
    check(
        often,
        blocks("12.05s"),
        (1_171_875, 84, 2560, 3_000_000_000),
        &["payments come every 84 blocks, so that 3000 DEMO divides well; --every chooses otherwise"],
    );
    // A prime: no interval divides it, one block leaves next to nothing.
    check(
        Wish { money: Money::Amount(U256::from(2_999_999_929_u64)), ..often },
        blocks("12.05s"),
        (13946, 1, 215_104, 2999840384),
        &[
            "2999.999929 DEMO does not divide by 215,104 payments: 2999.840384 DEMO is streamed, 0.159545 DEMO stays with you",
        ],
    );
    // Seven units in all: seven payments.
    let few = Wish { money: Money::Amount(U256::from(7)), ..often };
    check(
        few,
        blocks("12s"),
        (1, 30_857, 7, 7),
        &["payments come every 30,857 blocks, so that 0.000007 DEMO divides well; --every chooses otherwise"],
    );
}

#[test]
fn starts_and_stops_are_as_near_as_the_clock_allows() {
    let later = Wish { start: Start::Moment(Moment::In(7200)), ..wish() };
    let plan = Plan::new(later, blocks("12s")).unwrap();
    assert_eq!((plan.terms.start(), plan.starts_when_mined), (NOW.time + 600, false));
    let plan = Plan::new(wish(), blocks("12s")).unwrap();
    assert_eq!((plan.terms.start(), plan.starts_when_mined), (NOW.time + 1, true));
    // Counted from the start, not from now.
    let until = Wish { stop: Stop::Until(Moment::In(2 * 3600 + 3600)), ..later };
    let plan = Plan::new(until, blocks("12s")).unwrap();
    assert_eq!((plan.terms.n_intervals(), plan.terms.stop()), (1, NOW.time + 900));
    let near = Wish { start: Start::Exact(NOW.time + 3), ..wish() };
    let plan = Plan::new(near, blocks("12s")).unwrap();
    assert_eq!(
        plan.notes[0],
        "block 1,000,003 is near, the chain is at block 1,000,000: if the transaction is mined later, it fails and \
         costs its gas"
    );
}

#[test]
fn what_has_passed_cannot_be_planned() {
    check_error(
        Wish { start: Start::Exact(NOW.time), ..wish() },
        blocks("12s"),
        "start block 1,000,000 has passed, the chain is at block 1,000,000; choose a later one, or none to start when \
         mined",
    );
    check_error(
        Wish { start: Start::Moment(Moment::At(NOW.unix)), ..wish() },
        seconds(),
        "start 2027-01-15 08:00:00 UTC has passed, the chain's time is 2027-01-15 08:00:00 UTC; choose a later one",
    );
    check_error(
        Wish { stop: Stop::Until(Moment::At(NOW.unix - 1)), ..wish() },
        blocks("12s"),
        "stop 2027-01-15 07:59:59 UTC has passed, the chain's time is 2027-01-15 08:00:00 UTC; choose a later one",
    );
    check_error(
        Wish { start: Start::Exact(NOW.time + 100), stop: Stop::Exact(NOW.time + 100), ..wish() },
        blocks("12s"),
        "stop block 1,000,100 is not after start block 1,000,100; choose a later stop",
    );
}

#[test]
fn timeframes_that_do_not_fit_are_explained() {
    let exact = Wish {
        start: Start::Exact(NOW.time + 100),
        stop: Stop::Exact(NOW.time + 1100),
        every: Every::Exact(300),
        ..wish()
    };
    check_error(
        exact,
        blocks("12s"),
        "a timeframe of 1,000 blocks is no whole number of intervals of 300 blocks; stop at 1001000 or 1001300",
    );
    check_error(
        Wish { start: Start::WhenMined, ..exact },
        blocks("12s"),
        "an exact stop needs an exact start; pass --start-block, or --over or --until instead of the stop",
    );
    check_error(
        Wish { every: Every::Exact(0), ..exact },
        blocks("12s"),
        "an interval of 0 is none; pass one of at least 1",
    );
    check_error(
        Wish { stop: Stop::Over(1800), ..wish() },
        blocks("12s"),
        "the stream would be shorter than one interval, 150 blocks against 300 blocks; stop later, or pay more often",
    );
    check_error(
        Wish { every: Every::Secs(10), ..wish() },
        blocks("12.05s"),
        "an interval of 10s is shorter than a block of 12.05 s; pass --every 13s or longer",
    );
    check_error(
        Wish { stop: Stop::Over(TIME_LIMIT), money: Money::Payment(U256::ONE), ..wish() },
        seconds(),
        "the stream would end after 281,474,976,710,655, the last reading of a clock that a stream can hold; stop \
         earlier",
    );
}

#[test]
fn sums_that_do_not_fit_are_explained() {
    let amount = |units| Wish { money: Money::Amount(units), ..wish() };
    check_error(amount(U256::ZERO), seconds(), "an amount of 0 streams nothing; pass more");
    check_error(
        Wish { money: Money::Payment(U256::ZERO), ..wish() },
        seconds(),
        "a payment of 0 streams nothing; pass more",
    );
    check_error(
        amount(U256::from(100)),
        blocks("12s"),
        "0.0001 DEMO is less than a unit of the token for each of 720 payments; pay every 2,160 blocks (about 7h \
         12m) or less often, or stream more",
    );
    let most = "340282366920938463463374607431768.211455 DEMO";
    let payment = "340282366920938463463374607431768.211456 DEMO";
    check_error(
        Wish { money: Money::Payment(U256::from(1) << 128), ..wish() },
        seconds(),
        &format!("720 payments of {payment} exceed the most that a stream can hold, {most}; stream less"),
    );
    check_error(
        Wish { money: Money::Payment(U256::from(u128::MAX)), ..wish() },
        seconds(),
        &format!("720 payments of {most} exceed the most that a stream can hold, {most}; stream less"),
    );
}

#[test]
fn a_plan_reads_like_this() {
    let sample = |block, secs| Sample { block, unix: NOW.unix - secs };
    let pace = Pace::measure(sample(990_000, 121_000), sample(995_000, 60_000), sample(1_000_000, 0));
    let mut setting = blocks("12s");
    setting.calendar.pace = pace;
    let plan = Plan::new(wish(), setting).unwrap();
    let expected = "  deposit   2999.99952 DEMO
  payment   4.166666 DEMO every 298 blocks (about 1h 6s)
  payments  720
  start     when mined, at the earliest block 1,000,001
  stop      214,560 blocks (about 30d 1h) later, at the earliest block 1,214,561
  ends      about 2027-02-14 09:10 UTC (2027-02-14 03:12 UTC to 2027-02-14 15:07 UTC)
  clock     12.1 s a block, measured over the last 10,000 blocks (12 s to 12.2 s in its halves)
  exact     createFor: payment 4166666, interval 298, 720 intervals
note: 1h is no whole number of blocks: payments come every 298 blocks, about 1h 6s
note: 3000 DEMO does not divide by 720 payments: 2999.99952 DEMO is streamed, 0.00048 DEMO stays with you
";
    assert_eq!(plan.to_string(), expected);
}

prop_compose! {
    fn wishes()(
        amount in prop_oneof![1u128..10_000, 1u128..10_u128.pow(12), any::<u128>()],
        is_amount: bool,
        ahead in prop_oneof![Just(0u64), 5u64..10_000_000],
        secs in 1u64..100_000_000,
        every in prop_oneof![Just(None), (1u64..10_000_000).prop_map(Some)],
        is_until: bool,
        is_up: bool,
    ) -> Wish {
        let amount = U256::from(amount);
        Wish {
            money: if is_amount { Money::Amount(amount) } else { Money::Payment(amount) },
            start: if ahead == 0 { Start::WhenMined } else { Start::Moment(Moment::In(ahead)) },
            stop: if is_until { Stop::Until(Moment::In(ahead.saturating_add(secs))) } else { Stop::Over(secs) },
            every: every.map_or(Every::Often, Every::Secs),
            round: if is_up { Round::Up } else { Round::Down },
        }
    }
}

proptest! {
    #[test]
    fn every_plan_keeps_its_promises(wish in wishes(), millis in 100u64..20_000, is_block: bool) {
        let setting = if is_block { blocks(&format!("{millis}ms")) } else { seconds() };
        let Ok(plan) = Plan::new(wish, setting.clone()) else { return Ok(()) };
        let deposit = U256::from(plan.terms.deposit());
        match (wish.money, wish.round) {
            (Money::Amount(amount), Round::Down) => {
                prop_assert!(deposit <= amount);
                // Another unit each payment would be too much.
                prop_assert!(amount - deposit < U256::from(plan.terms.n_intervals()));
                prop_assert_eq!(plan.dust(), amount - deposit);
            }
            (Money::Amount(amount), Round::Up) => {
                prop_assert!(deposit >= amount);
                prop_assert!(deposit - amount < U256::from(plan.terms.n_intervals()));
            }
            (Money::Payment(payment), _) => prop_assert_eq!(U256::from(plan.terms.payment()), payment),
        }
        if deposit != match wish.money { Money::Amount(a) => a, Money::Payment(_) => deposit } {
            prop_assert!(plan.notes.iter().any(|note| note.contains("does not divide by")));
        }
        if let Stop::Until(moment) = wish.stop {
            // Whole blocks before the moment, to the second that their forecast is rounded to.
            let forecast = setting.calendar.forecast(plan.terms.stop()).unwrap();
            prop_assert!(forecast.likely <= moment.unix(setting.calendar.now.unix) + 1);
        }
    }
}
