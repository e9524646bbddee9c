//! What holds of all streams at all times.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::RangeInclusive;

use proptest::prelude::*;
use stream::{DEPOSIT_LIMIT, Error, Proposal, Rate, TIME_LIMIT, Terms, Timeframe};

/// Numbers of `range`, small ones as often as large ones.
fn sized(range: RangeInclusive<u128>) -> impl Strategy<Value = u128> {
    let (low, high) = (*range.start(), *range.end());
    (0..=128 - (high - low).leading_zeros(), any::<u128>()).prop_map(move |(n_bits, word)| {
        let word = word.checked_shr(128 - n_bits).unwrap_or(0);
        low + word.min(high - low)
    })
}

fn sized_time(range: RangeInclusive<u64>) -> impl Strategy<Value = u64> {
    sized(u128::from(*range.start())..=u128::from(*range.end())).prop_map(|time| u64::try_from(time).unwrap())
}

/// Whole intervals from `base` on, and a payment whose deposit is within the limit.
fn frame_and_rate(base: u64) -> impl Strategy<Value = (u64, Rate)> {
    let room = TIME_LIMIT - base;
    sized_time(1..=room).prop_flat_map(move |interval| (Just(interval), sized_time(1..=room / interval))).prop_flat_map(
        move |(interval, n_intervals)| {
            let stop = base + interval * n_intervals;
            let payment = sized(1..=DEPOSIT_LIMIT / u128::from(n_intervals));
            (Just(stop), payment.prop_map(move |payment| Rate { payment, interval }))
        },
    )
}

fn terms() -> impl Strategy<Value = Terms> {
    sized_time(0..=TIME_LIMIT - 1)
        .prop_flat_map(|start| (Just(start), frame_and_rate(start)))
        .prop_map(|(start, (stop, rate))| Terms::new(Timeframe { start, stop }, rate).unwrap())
}

/// Mostly times of the stream, some before, after, and beyond the clock.
fn time_near(terms: Terms) -> impl Strategy<Value = u64> {
    let (start, stop, interval) = (terms.start(), terms.stop(), terms.interval());
    let boundary = (0..=terms.n_intervals()).prop_map(move |n| start + n * interval);
    prop_oneof![
        3 => start..=stop,
        3 => (boundary, -1..=1_i64).prop_map(|(time, step)| time.saturating_add_signed(step)),
        1 => 0..=TIME_LIMIT,
        1 => any::<u64>(),
    ]
}

fn terms_and_times() -> impl Strategy<Value = (Terms, u64, u64)> {
    terms().prop_flat_map(|terms| (Just(terms), time_near(terms), time_near(terms)))
}

proptest! {
    /// Invariant 3: the two shares are the balance.
    #[test]
    fn shares_add_up_to_the_balance((terms, time, _) in terms_and_times(), part in any::<prop::sample::Index>()) {
        let withdrawn = part_of(terms.accrued_down(time), part);
        let balance = terms.deposit() - withdrawn;
        prop_assert_eq!(terms.due(time, withdrawn) + terms.refundable(time), balance);
    }

    /// Invariant 4: nothing up to the start, all from the stop on, whole payments between, never less than before.
    #[test]
    fn accrual_is_a_staircase((terms, a, b) in terms_and_times()) {
        let (earlier, later) = (a.min(b), a.max(b));
        prop_assert!(terms.accrued_down(earlier) <= terms.accrued_down(later));
        prop_assert_eq!(terms.accrued_down(later) % terms.payment(), 0);
        prop_assert_eq!(terms.accrued_down(terms.start()), 0);
        prop_assert_eq!(terms.accrued_down(terms.stop()), terms.deposit());
        prop_assert_eq!(terms.accrued_down(u64::MAX), terms.deposit());
        if terms.accrued_down(later) == terms.deposit() {
            prop_assert!(later >= terms.stop());
        }
    }

    /// Rounds down, by less than one payment: accrued <= payment * elapsed / interval < accrued + payment.
    #[test]
    fn accrual_rounds_down((terms, time, _) in terms_and_times()) {
        let elapsed = time.clamp(terms.start(), terms.stop()) - terms.start();
        let n_paid = u64::try_from(terms.accrued_down(time) / terms.payment()).unwrap();
        prop_assert!(n_paid * terms.interval() <= elapsed);
        prop_assert!(elapsed - n_paid * terms.interval() < terms.interval());
    }

    /// Invariant 5: what was withdrawn at one time never exceeds what has accrued at a later one.
    #[test]
    fn withdrawals_stay_accrued((terms, a, b) in terms_and_times(), part in any::<prop::sample::Index>()) {
        let withdrawn = part_of(terms.accrued_down(a.min(b)), part);
        prop_assert_eq!(terms.due(a.max(b), withdrawn), terms.accrued_down(a.max(b)) - withdrawn);
    }

    /// Invariant 8: withdrawing in parts takes what withdrawing at once takes.
    #[test]
    fn withdrawals_do_not_depend_on_their_path((terms, a, b) in terms_and_times(), part in any::<prop::sample::Index>()) {
        let first = part_of(terms.due(a.min(b), 0), part);
        let second = terms.due(a.max(b), first);
        prop_assert_eq!(first + second, terms.due(a.max(b), 0));
        prop_assert_eq!(terms.due(a.max(b), first + second), 0);
    }

    #[test]
    fn next_payment_is_the_first_moment_of_more((terms, time, _) in terms_and_times()) {
        let accrued = terms.accrued_down(time);
        match terms.next_payment(time) {
            Some(next) => {
                prop_assert!(next > time);
                prop_assert_eq!(terms.accrued_down(next - 1), accrued);
                prop_assert_eq!(terms.accrued_down(next), accrued + terms.payment());
            }
            None => prop_assert_eq!(accrued, terms.deposit()),
        }
    }

    /// Invariant 16, and conservation: what the sender and the old stream put in is what the parties and the stream
    /// that follows get.
    #[test]
    fn updates_keep_the_agreed_terms(
        (terms, time, stop, rate, is_same_token) in terms_and_times().prop_flat_map(|(terms, time, _)| {
            let time = time.min(TIME_LIMIT - 1);
            let base = time.max(terms.start());
            // The deposit shrinks with the part of an interval that is cut off below.
            let wish = frame_and_rate(base).prop_flat_map(move |(stop, rate)| {
                let slack = (rate.interval - 1).min(TIME_LIMIT - stop);
                (stop..=stop + slack, Just(rate))
            });
            (Just(terms), Just(time), wish, any::<bool>()).prop_map(|(terms, time, (stop, rate), same)| (terms, time, stop, rate, same))
        }),
        part in any::<prop::sample::Index>(),
    ) {
        let withdrawn = part_of(terms.accrued_down(time), part);
        let proposal = Proposal { stop, rate, is_same_token };
        let is_unchanged = is_same_token && stop == terms.stop() && rate == terms.rate();
        let outcome = terms.align_update(time, withdrawn, proposal);
        if is_unchanged {
            prop_assert_eq!(outcome, Err(Error::TermsUnchanged));
            return Ok(());
        }
        let update = outcome.unwrap();
        let base = time.max(terms.start());
        prop_assert!(base <= update.terms.start() && update.terms.start() - base < rate.interval);
        prop_assert_eq!((update.terms.stop(), update.terms.rate()), (stop, rate));
        prop_assert_eq!(update.due, terms.due(time, withdrawn));

        let balance = terms.deposit() - withdrawn;
        if is_same_token {
            prop_assert!(update.pulled == 0 || update.refunded == 0);
            let kept = balance - update.due - update.refunded;
            prop_assert_eq!(kept.checked_add(update.pulled), Some(update.terms.deposit()));
        } else {
            prop_assert_eq!(update.due + update.refunded, balance);
            prop_assert_eq!(update.pulled, update.terms.deposit());
        }
    }

    /// `createFor` makes what `create` accepts at that time and refuses a moment later.
    #[test]
    fn create_for_starts_at_once((now, stop, rate) in sized_time(0..=TIME_LIMIT - 1).prop_flat_map(|now| {
        frame_and_rate(now).prop_map(move |(stop, rate)| (now, stop, rate))
    })) {
        let timeframe = Timeframe { start: now, stop };
        let terms = Terms::create_for(now, rate, (stop - now) / rate.interval);
        prop_assert_eq!(terms, Terms::new(timeframe, rate));
        prop_assert_eq!(terms, Terms::create(now, timeframe, rate));
        prop_assert!(terms.is_ok());
        let too_late = Error::StartInPast { start: now, time: now + 1 };
        prop_assert_eq!(Terms::create(now + 1, timeframe, rate), Err(too_late));
    }

    /// No input is too wild: the answer is terms or an error, never an overflow.
    #[test]
    fn wild_terms_are_answered(
        times in [sized_time(0..=u64::MAX), sized_time(0..=u64::MAX), sized_time(0..=u64::MAX)],
        rate in (sized(0..=u128::MAX), sized_time(0..=u64::MAX))
            .prop_map(|(payment, interval)| Rate { payment, interval }),
        terms in terms(),
        withdrawn in any::<u128>(),
    ) {
        let [now, start, stop] = times;
        if let Ok(created) = Terms::create(now, Timeframe { start, stop }, rate) {
            prop_assert!(now <= start && start < stop && stop <= TIME_LIMIT);
            prop_assert!(created.deposit() >= rate.payment);
        }
        if let Ok(created) = Terms::create_for(now, rate, stop) {
            prop_assert_eq!((created.start(), created.n_intervals()), (now, stop));
        }
        prop_assert!(terms.due(now, withdrawn) <= terms.deposit());
        let proposal = Proposal { stop, rate, is_same_token: false };
        if let Ok(update) = terms.align_update(now, withdrawn, proposal) {
            prop_assert_eq!(update.pulled, update.terms.deposit());
        }
    }
}

#[test]
fn create_for_neither_leaves_the_clock_nor_wraps() {
    let hourly = Rate { payment: 1, interval: 3600 };
    let beyond = |start, stop| Err(Error::TimeframeInvalid { start, stop, limit: TIME_LIMIT });
    assert_eq!(Terms::create_for(u64::MAX, hourly, 1), beyond(TIME_LIMIT, TIME_LIMIT + 3600));
    // 2^32 intervals of 2^32 and one more: modulo 2^64, one interval.
    let rate = Rate { payment: 1, interval: 1 << 32 };
    assert_eq!(Terms::create_for(0, rate, (1 << 32) + 1), beyond(0, u64::MAX));
}

/// Any number from 0 to `whole`.
fn part_of(whole: u128, part: prop::sample::Index) -> u128 {
    let share = u128::try_from(part.index(1 << 16)).unwrap();
    // Both ends are among the parts: 0 and the whole.
    whole / 65_535 * share + whole % 65_535 * share / 65_535
}
