//! One stream: what it has streamed at a moment, and the lines that it adds to both parties.

use alloy_primitives::{Address, U256};

use crate::line::{Line, SCALE_BITS};

/// Streams are counted from 1 on.
pub type StreamId = u64;

/// The last moment that is counted, in seconds since 1970.
pub const MAX_TIME: u64 = (1 << 48) - 1;

/// The longest duration, in seconds. Up to here the rate's rounding never shows, see [`Stream::rate`].
pub const MAX_DURATION: u64 = (1 << 32) - 1;

/// A stream of money from one account to another.
///
/// A sender may change a running stream. The part that has streamed then stays exactly as it is, and the rest runs under
/// the terms from `since` on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Counted from 1 on, across all tokens.
    pub id: StreamId,
    /// The zero address for Ether.
    pub token: Address,
    /// Who pays.
    pub sender: Address,
    /// Who is paid.
    pub recipient: Address,
    /// When the first money moves, in seconds since 1970.
    pub start: u64,
    /// When all has moved.
    pub stop: u64,
    /// When the present terms began: `start`, or the moment of the last extension.
    pub since: u64,
    /// What had streamed at `since`, scaled by 2^64.
    pub streamed: U256,
    /// What will have streamed at `stop`, scaled by 2^64. A whole number of base units, unless the stream was cancelled.
    pub total: U256,
    /// Whether the sender ended the stream early.
    pub is_cancelled: bool,
}

impl Stream {
    /// What moves each second, scaled by 2^64, rounded up.
    ///
    /// At most 2^32 seconds of at least one base unit: rounding adds less than 2^32 scaled units by any second before
    /// the stop, less than the distance from the true amount to the next whole base unit. So the whole part is that of
    /// the exact quotient at every second, and never exceeds the total.
    #[must_use]
    pub fn rate(&self) -> U256 {
        let duration = self.stop.saturating_sub(self.since);
        if duration == 0 { U256::ZERO } else { self.left().div_ceil(U256::from(duration)) }
    }

    /// What the recipient has got at `time`, scaled by 2^64. Exact for the present terms: not before `since`.
    #[must_use]
    pub fn streamed_at(&self, time: u64) -> U256 {
        if time >= self.stop {
            return self.total;
        }
        self.streamed + self.rate() * U256::from(time.saturating_sub(self.since))
    }

    /// What the present terms add to the recipient and take from the sender, and from when on.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (u64, Line)> {
        let (left, rate) = (self.left(), self.rate());
        let begin = (self.since, Line::rising(rate, self.since));
        // The slope ends, and the total is made true.
        let end = (self.stop, -begin.1 + Line::flat(left));
        let lines = match (left.is_zero(), rate.is_zero()) {
            (true, _) => [None, None],
            (false, true) => [None, Some(end)],
            (false, false) => [Some(begin), Some(end)],
        };
        lines.into_iter().flatten()
    }

    /// The stream as it is if its sender ends it at `now`, before its stop: exactly what has streamed is the total.
    pub(crate) fn cancelled_at(&self, now: u64) -> Self {
        let total = self.streamed_at(now);
        Self { stop: now.max(self.since), total, is_cancelled: true, ..self.clone() }
    }

    /// The stream with its part up to `now` closed and the rest, with `amount` base units and `duration` seconds more,
    /// under new terms.
    pub(crate) fn extended_at(&self, now: u64, amount: U256, duration: u64) -> Self {
        Self {
            since: now.max(self.since),
            streamed: self.streamed_at(now),
            stop: self.stop + duration,
            total: self.total + scaled(amount),
            ..self.clone()
        }
    }

    fn left(&self) -> U256 {
        self.total - self.streamed
    }
}

/// Base units as scaled units.
pub(crate) fn scaled(amount: U256) -> U256 {
    amount << SCALE_BITS
}

/// Whole base units of a scaled amount, rounded down: a fraction of a unit is not yet anybody's to spend.
#[must_use]
pub fn whole_down(scaled: U256) -> U256 {
    scaled >> SCALE_BITS
}
