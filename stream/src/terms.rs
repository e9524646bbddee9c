//! The terms of a stream and what they make of a time. Holds valid terms only, and never a time of its own.

use crate::{DEPOSIT_LIMIT, Error, TIME_LIMIT};

/// What a contract accepts as the terms of a stream, so that no sum below can overflow.
///
/// `payment` accrues at the end of each `interval` from `start` on, and the whole deposit has accrued at `stop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Terms {
    timeframe: Timeframe,
    rate: Rate,
}

/// When a stream runs, in clock units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timeframe {
    /// Nothing has accrued at this time.
    pub start: u64,
    /// All has accrued at this time.
    pub stop: u64,
}

/// How fast a stream runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Units of the token for each interval.
    pub payment: u128,
    /// Clock units between two payments.
    pub interval: u64,
}

impl Terms {
    /// Terms as the contract's `create` accepts them at the time `now`.
    pub fn create(now: u64, timeframe: Timeframe, rate: Rate) -> Result<Self, Error> {
        let time = now.min(TIME_LIMIT);
        let start = timeframe.start;
        if start < time {
            return Err(Error::StartInPast { start, time });
        }
        Self::new(timeframe, rate)
    }

    /// Terms as the contract's `createFor` makes them at the time `now`. A stop beyond 64 bits is
    /// refused as the largest number of 64 bits.
    pub fn create_for(now: u64, rate: Rate, n_intervals: u64) -> Result<Self, Error> {
        let start = now.min(TIME_LIMIT);
        let stop = start.saturating_add(rate.interval.saturating_mul(n_intervals));
        Self::new(Timeframe { start, stop }, rate)
    }

    /// Terms of a stream that may have begun. The first rule broken is the one that the contract names.
    pub fn new(timeframe: Timeframe, rate: Rate) -> Result<Self, Error> {
        let Timeframe { start, stop } = timeframe;
        let Rate { payment, interval } = rate;
        if interval == 0 {
            return Err(Error::IntervalZero);
        }
        if start >= stop || stop > TIME_LIMIT {
            let limit = TIME_LIMIT;
            return Err(Error::TimeframeInvalid { start, stop, limit });
        }
        let duration = stop - start;
        if !duration.is_multiple_of(interval) {
            return Err(Error::TimeframeNotDivisible { duration, interval });
        }
        if payment == 0 {
            return Err(Error::PaymentZero);
        }
        let n_intervals = duration / interval;
        if payment.checked_mul(n_intervals.into()).is_none() {
            let limit = DEPOSIT_LIMIT;
            return Err(Error::DepositExceedsLimit { payment, n_intervals, limit });
        }
        Ok(Self { timeframe, rate })
    }

    /// First time of the stream, in clock units; nothing has accrued yet.
    pub const fn start(&self) -> u64 {
        self.timeframe.start
    }

    /// Last time of the stream, in clock units; all has accrued.
    pub const fn stop(&self) -> u64 {
        self.timeframe.stop
    }

    /// Units of the token for each interval.
    pub const fn payment(&self) -> u128 {
        self.rate.payment
    }

    /// Clock units between two payments.
    pub const fn interval(&self) -> u64 {
        self.rate.interval
    }

    /// Payment and interval.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Payments that the stream makes in all.
    pub const fn n_intervals(&self) -> u64 {
        (self.stop() - self.start()) / self.interval()
    }

    /// Units of the token that fund the stream: `payment * (stop - start) / interval`, exact.
    pub fn deposit(&self) -> u128 {
        self.payment() * u128::from(self.n_intervals())
    }

    /// Units of the token that have accrued at `time`, in arrears: an interval counts when it has ended. Rounds down
    /// to whole payments, in favour of the sender. (The contract's `_accrued`.)
    pub fn accrued_down(&self, time: u64) -> u128 {
        let end = time.min(self.stop());
        self.payment() * u128::from(end.saturating_sub(self.start()) / self.interval())
    }

    /// Units of the token that the recipient can take at `time`, with `withdrawn` taken before: what has accrued less
    /// `withdrawn`. Zero at times before those withdrawals were possible.
    pub fn due(&self, time: u64, withdrawn: u128) -> u128 {
        self.accrued_down(time).saturating_sub(withdrawn)
    }

    /// Units of the token that go back to the sender if the stream ends at `time`: the deposit less what has accrued.
    pub fn refundable(&self, time: u64) -> u128 {
        self.deposit() - self.accrued_down(time)
    }

    /// First time after `time` at which a payment accrues, in clock units; `None` from the stop on.
    pub fn next_payment(&self, time: u64) -> Option<u64> {
        if time >= self.stop() {
            return None;
        }
        let n_paid = time.saturating_sub(self.start()) / self.interval();
        Some(self.start() + (n_paid + 1) * self.interval())
    }
}
