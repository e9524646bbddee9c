//! From wishes to exact terms: pure, so that what is shown before signing is what is signed. Every deviation from the
//! wish has a note, and every wish that cannot be met an error that says what can.

use std::cmp::Ordering;

use alloy::primitives::U256;
use bindings::Clock;
use eyre::{ensure, eyre};
use stream::{DEPOSIT_LIMIT, Error as Refusal, Rate, TIME_LIMIT, Terms, Timeframe};

use crate::{
    amount::{Token, counted, grouped},
    clock::{Calendar, format_time, format_units},
    moment::{Moment, format_about, format_duration, format_instant},
};

pub(crate) use wish::{Every, Money, Round, Start, Stop, Wish, WishArgs};

mod text;
mod wish;

#[cfg(test)]
mod tests;

/// An interval made of a wall-clock wish that is shorter than nine tenths of a clock unit is not taken for one.
const SHORTEST_INTERVAL_TENTHS: u64 = 9;

/// A number of payments that people expect (720 for 30d at 1h) is kept if the stream is then off by one part in this.
const DURATION_TOLERANCE: u64 = 200;

/// An interval of the program's own choice leaves no more than one part in this undivided, if there is such a one.
const DUST_TOLERANCE: u64 = 1000;

/// An interval of the program's own choice makes at least so many payments, if the clock is fine enough.
const N_PAYMENTS_MIN: u64 = 1000;

/// Most intervals that the program tries.
const N_INTERVALS_TRIED: u64 = 10_000;

/// A start so few clock units ahead may pass before the transaction is mined.
const START_MARGIN: u64 = 3;

/// What a plan is made in.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) calendar: Calendar,
    pub(crate) token: Token,
}

/// Exact terms, and how they came about.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) setting: Setting,
    /// What is sent. If the stream starts when mined, start and stop are of the next block.
    pub(crate) terms: Terms,
    pub(crate) starts_when_mined: bool,
    /// What was asked for in all, in units of the token; `None` if payments were.
    wished: Option<U256>,
    /// What differs from the wish, and why.
    pub(crate) notes: Vec<String>,
}

impl Plan {
    /// The terms nearest to `wish` that the contract accepts.
    ///
    /// # Errors
    /// If there are none, or if the chain's pace is needed and unknown.
    pub(crate) fn new(wish: Wish, setting: Setting) -> eyre::Result<Self> {
        let mut notes = Vec::new();
        let start = setting.start(wish.start, &mut notes)?;
        let duration = setting.duration(wish, start)?;
        let interval = match (wish.every, wish.money, wish.stop) {
            (Every::Secs(secs), ..) => setting.interval(secs, &mut notes)?,
            (Every::Exact(units), ..) => units,
            (Every::Often, Money::Amount(amount), Stop::Over(_) | Stop::Until(_)) => {
                setting.best_interval(amount, duration, &mut notes)
            }
            (Every::Often, ..) => 1,
        };
        let n_intervals = setting.n_intervals(wish, start, duration, interval, &mut notes)?;
        let payment = setting.payment(wish, n_intervals, duration, &mut notes)?;
        let rate = Rate { payment, interval };
        let starts_when_mined = wish.start == Start::WhenMined;
        let terms = if starts_when_mined {
            Terms::create_for(start, rate, n_intervals)
        } else {
            // Saturates only beyond the clock's range, which is refused.
            let stop = start.saturating_add(interval.saturating_mul(n_intervals));
            Terms::create(setting.calendar.now.time, Timeframe { start, stop }, rate)
        }
        .map_err(|refusal| setting.explain(refusal))?;
        let wished = match wish.money {
            Money::Amount(amount) => Some(amount),
            Money::Payment(_) => None,
        };
        Ok(Self { setting, terms, starts_when_mined, wished, notes })
    }

    /// What of the wished amount is not streamed, in units of the token.
    pub(crate) fn dust(&self) -> U256 {
        self.wished.map_or(U256::ZERO, |wished| wished.saturating_sub(U256::from(self.terms.deposit())))
    }
}

impl Setting {
    /// First reading of the clock that a transaction can still meet.
    fn next_time(&self) -> u64 {
        self.calendar.now.time.saturating_add(1)
    }

    fn start(&self, start: Start, notes: &mut Vec<String>) -> eyre::Result<u64> {
        let time = match start {
            Start::WhenMined => return Ok(self.next_time()),
            Start::Exact(time) => time,
            Start::Moment(moment) => self.time_of(moment, "start")?,
        };
        let (name, now) =
            (format_time(self.calendar.clock, time), format_time(self.calendar.clock, self.calendar.now.time));
        ensure!(
            time > self.calendar.now.time,
            "start {name} has passed, the chain is at {now}; choose a later one, or none to start when mined"
        );
        if self.calendar.clock == Clock::Block && time - self.calendar.now.time <= START_MARGIN {
            notes.push(format!(
                "{name} is near, the chain is at {now}: if the transaction is mined later, it fails and costs its gas"
            ));
        }
        Ok(time)
    }

    /// The clock's reading at a moment to come, to the nearest unit.
    fn time_of(&self, moment: Moment, what: &str) -> eyre::Result<u64> {
        let ahead = self.secs_ahead(moment, what)?;
        Ok(self.calendar.now.time.saturating_add(self.calendar.pace.units_nearest(ahead)?))
    }

    fn secs_ahead(&self, moment: Moment, what: &str) -> eyre::Result<u64> {
        let unix = moment.unix(self.calendar.now.unix);
        ensure!(
            unix > self.calendar.now.unix,
            "{what} {} has passed, the chain's time is {}; choose a later one",
            format_instant(unix),
            format_instant(self.calendar.now.unix)
        );
        Ok(unix - self.calendar.now.unix)
    }

    /// Clock units that the wish leaves for the stream.
    fn duration(&self, wish: Wish, start: u64) -> eyre::Result<u64> {
        let stop = match wish.stop {
            Stop::Over(secs) => return self.calendar.pace.units_nearest(secs),
            Stop::Exact(stop) => {
                ensure!(
                    wish.start != Start::WhenMined,
                    "an exact stop needs an exact start; pass --start-block, or --over or --until instead of the stop"
                );
                stop
            }
            Stop::Until(moment) => {
                let ahead = self.secs_ahead(moment, "stop")?;
                self.calendar.now.time.saturating_add(self.calendar.pace.units_down(ahead)?)
            }
        };
        ensure!(
            stop > start,
            "stop {} is not after start {}; choose a later stop",
            format_time(self.calendar.clock, stop),
            format_time(self.calendar.clock, start)
        );
        Ok(stop - start)
    }

    /// Clock units of an interval of `secs`.
    fn interval(&self, secs: u64, notes: &mut Vec<String>) -> eyre::Result<u64> {
        let units = self.calendar.pace.units_nearest(secs)?;
        let shortest = self.calendar.pace.secs_up(1).unwrap_or(1);
        ensure!(
            units != 0 && secs * 10 >= shortest * SHORTEST_INTERVAL_TENTHS,
            "an interval of {} is shorter than a block{}; pass --every {shortest}s or longer",
            format_duration(secs),
            self.calendar.pace.unit()
        );
        if let Some(real) = self.calendar.pace.secs(units).filter(|real| *real != secs) {
            notes.push(format!(
                "{} is no whole number of blocks: payments come every {}, about {}",
                format_duration(secs),
                format_units(self.calendar.clock, units),
                format_about(real)
            ));
        }
        Ok(units)
    }

    /// The shortest interval that divides `amount` without a rest into enough payments; else the shortest that leaves
    /// next to nothing; else the one that leaves least.
    fn best_interval(&self, amount: U256, duration: u64, notes: &mut Vec<String>) -> u64 {
        let rest = |interval: u64| {
            let n_intervals = U256::from(duration / interval);
            // No payments, or payments of nothing, leave everything.
            if n_intervals.is_zero() || amount < n_intervals { amount } else { amount % n_intervals }
        };
        let first = u64::try_from(U256::from(duration) / amount.max(U256::ONE)).unwrap_or(u64::MAX).max(1);
        let last = first.saturating_add(N_INTERVALS_TRIED).min(duration.max(1));
        let exact = (first..=last.min(duration / N_PAYMENTS_MIN)).find(|interval| rest(*interval).is_zero());
        let good = || (first..=last).find(|interval| rest(*interval) <= amount / U256::from(DUST_TOLERANCE));
        let best = exact.or_else(good).or_else(|| (first..=last).min_by_key(|interval| rest(*interval)));
        let interval = best.unwrap_or(1);
        if interval != 1 {
            notes.push(format!(
                "payments come every {}, so that {} divides well; --every chooses otherwise",
                format_units(self.calendar.clock, interval),
                self.token.amount(amount)
            ));
        }
        interval
    }

    fn n_intervals(
        &self,
        wish: Wish,
        start: u64,
        duration: u64,
        interval: u64,
        notes: &mut Vec<String>,
    ) -> eyre::Result<u64> {
        ensure!(interval != 0, "an interval of 0 is none; pass one of at least 1");
        let n_down = duration / interval;
        ensure!(
            n_down != 0 || matches!((wish.stop, wish.every), (Stop::Over(over), Every::Secs(every)) if over >= every),
            "the stream would be shorter than one interval, {} against {}; stop later, or pay more often",
            format_units(self.calendar.clock, duration),
            format_units(self.calendar.clock, interval)
        );
        match (wish.stop, wish.every) {
            (Stop::Exact(_), _) => {
                ensure!(
                    duration.is_multiple_of(interval),
                    "a timeframe of {} is no whole number of intervals of {}; stop at {} or {}",
                    format_units(self.calendar.clock, duration),
                    format_units(self.calendar.clock, interval),
                    start + n_down * interval,
                    start.saturating_add((n_down + 1) * interval)
                );
                Ok(n_down)
            }
            (Stop::Over(over), Every::Secs(every)) => {
                let n_expected = over / every;
                let off = n_expected.saturating_mul(interval).abs_diff(duration);
                let is_near = off <= duration / DURATION_TOLERANCE;
                let n_intervals = if is_near || n_down == 0 { n_expected } else { n_down };
                if !over.is_multiple_of(every) || n_intervals != n_expected {
                    notes.push(format!(
                        "{} is no whole number of intervals: the stream has {}",
                        format_duration(over),
                        counted(n_intervals, "payment")
                    ));
                }
                Ok(n_intervals)
            }
            _ => Ok(n_down),
        }
    }

    /// Units of the token each interval.
    fn payment(&self, wish: Wish, n_intervals: u64, duration: u64, notes: &mut Vec<String>) -> eyre::Result<u128> {
        let n = U256::from(n_intervals);
        let payment = match wish.money {
            Money::Payment(payment) => {
                ensure!(!payment.is_zero(), "a payment of 0 streams nothing; pass more");
                payment
            }
            Money::Amount(amount) => {
                ensure!(!amount.is_zero(), "an amount of 0 streams nothing; pass more");
                let payment = match wish.round {
                    Round::Down => amount / n,
                    Round::Up => amount.div_ceil(n),
                };
                ensure!(!payment.is_zero(), self.too_little(amount, n_intervals, duration));
                self.note_rest(amount, payment.saturating_mul(n), n_intervals, notes);
                payment
            }
        };
        u128::try_from(payment).map_err(|_| self.too_much(payment, n_intervals))
    }

    fn note_rest(&self, amount: U256, deposit: U256, n_intervals: u64, notes: &mut Vec<String>) {
        let rest = deposit.abs_diff(amount);
        let fate = match deposit.cmp(&amount) {
            Ordering::Equal => return,
            Ordering::Less => "stays with you",
            Ordering::Greater => "is on top",
        };
        notes.push(format!(
            "{} does not divide by {}: {} is streamed, {} {fate}",
            self.token.amount(amount),
            counted(n_intervals, "payment"),
            self.token.amount(deposit),
            self.token.amount(rest)
        ));
    }

    fn too_little(&self, amount: U256, n_intervals: u64, duration: u64) -> String {
        // At most one payment a unit of the token; the amount is below a number of payments, so it fits.
        let n_most = u64::try_from(amount).unwrap_or(u64::MAX).max(1);
        let interval = self.calendar.span(duration.div_ceil(n_most));
        format!(
            "{} is less than a unit of the token for each of {}; pay every {interval} or less often, or stream more",
            self.token.amount(amount),
            counted(n_intervals, "payment")
        )
    }

    fn too_much(&self, payment: U256, n_intervals: u64) -> eyre::Report {
        eyre!(
            "{} of {} exceed the most that a stream can hold, {}; stream less",
            counted(n_intervals, "payment"),
            self.token.amount(payment),
            self.token.amount(U256::from(DEPOSIT_LIMIT))
        )
    }

    /// What is left for the contract's own rules to refuse.
    fn explain(&self, refusal: Refusal) -> eyre::Report {
        match refusal {
            Refusal::TimeframeInvalid { .. } => eyre!(
                "the stream would end after {}, the last reading of a clock that a stream can hold; stop earlier",
                grouped(TIME_LIMIT)
            ),
            Refusal::DepositExceedsLimit { payment, n_intervals, .. } => {
                self.too_much(U256::from(payment), n_intervals)
            }
            other => eyre!(other),
        }
    }
}
