//! The clock units that contracts count in, and the wall clock that people live by. Converts between the two by the
//! chain's pace, says how sure it is, and never reads a clock itself: the time comes with the question.
//!
//! A pace is a ratio of integers, so that the same chain gives the same terms on every machine.

use std::{cmp::Ordering, fmt};

use bindings::Clock;
use eyre::{ensure, eyre};
use serde::Serialize;

use crate::{
    amount::{counted, grouped, parse_amount},
    moment::{DAY, as_rfc3339, format_about, format_duration, format_instant, format_minute},
};

/// Longest block time that is understood, in milliseconds: a day.
const BLOCK_TIME_LIMIT: u64 = DAY * 1000;

/// Fewest blocks that say anything about the pace of a chain.
const WINDOW_MIN: u64 = 32;

/// Most blocks that the pace is measured over: a day and a half at 12 s.
const WINDOW_MAX: u64 = 10_000;

/// A half of the window that took this many times as long as the other tells nothing of the blocks to come.
const IRREGULARITY_LIMIT: u64 = 10;

/// What the clocks say at one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// The contract's clock, in its units.
    pub(crate) time: u64,
    /// The block's timestamp, in Unix seconds.
    pub(crate) unix: u64,
}

/// What it takes to translate readings of a contract's clock.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    pub(crate) clock: Clock,
    pub(crate) now: Now,
    pub(crate) pace: Pace,
}

/// How many wall-clock seconds a unit of the contract's clock takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// A unit is a second, by definition.
    Exact,
    /// A person says so.
    Given(BlockTime),
    /// Blocks have come like this.
    Measured(Measured),
    /// Nobody can tell; the text says why.
    Unknown(String),
}

/// Milliseconds that a number of clock units take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockTime {
    millis: u64,
    units: u64,
}

/// The pace of recent blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    mean: BlockTime,
    /// The half of the window in which blocks came faster.
    fastest: BlockTime,
    slowest: BlockTime,
}

/// Number and timestamp of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) block: u64,
    pub(crate) unix: u64,
}

/// When something will probably happen, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Forecast {
    #[serde(serialize_with = "as_rfc3339")]
    pub(crate) earliest: u64,
    #[serde(serialize_with = "as_rfc3339")]
    pub(crate) likely: u64,
    #[serde(serialize_with = "as_rfc3339")]
    pub(crate) latest: u64,
}

impl Pace {
    /// The pace that the window from `oldest` by `middle` to `latest` shows; see [`window`].
    pub(crate) fn measure(oldest: Sample, middle: Sample, latest: Sample) -> Self {
        let mean = BlockTime::between(oldest, latest);
        let halves = [BlockTime::between(oldest, middle), BlockTime::between(middle, latest)];
        let [fastest, slowest] = match halves[0].compare(&halves[1]) {
            Ordering::Greater => [halves[1], halves[0]],
            _ => halves,
        };
        if mean.millis == 0 {
            let n_blocks = counted(mean.units, "block");
            return Self::Unknown(format!("the last {n_blocks} have one and the same timestamp"));
        }
        let mut limit = fastest;
        limit.millis = limit.millis.saturating_mul(IRREGULARITY_LIMIT);
        if slowest.compare(&limit).is_ge() {
            return Self::Unknown(format!(
                "blocks come too irregularly to measure, a block in {fastest} or in {slowest}"
            ));
        }
        Self::Measured(Measured { mean, fastest, slowest })
    }

    /// The pace of a chain that has no [`window`] yet.
    pub(crate) fn too_young(latest: u64) -> Self {
        let n_blocks = counted(latest, "block");
        Self::Unknown(format!("the chain is too young to measure its block time ({n_blocks})"))
    }

    /// The rate, or why nobody can tell.
    fn rate(&self) -> Result<BlockTime, &str> {
        match self {
            Self::Exact => Ok(BlockTime::SECOND),
            Self::Given(rate) => Ok(*rate),
            Self::Measured(measured) => Ok(measured.mean),
            Self::Unknown(reason) => Err(reason),
        }
    }

    /// The rate, for what cannot do without.
    ///
    /// # Errors
    /// If nobody can tell; the remedy is to say it.
    fn known_rate(&self) -> eyre::Result<BlockTime> {
        self.rate().map_err(|reason| eyre!("{reason}; say how long a block takes, as in --block-time 12s"))
    }

    /// Wall-clock length of a unit, in words; nothing if nobody can tell.
    pub(crate) fn unit(&self) -> String {
        self.rate().map_or_else(|_| String::new(), |rate| format!(" of {rate}"))
    }

    /// Clock units that `secs` take, to the nearest unit.
    pub(crate) fn units_nearest(&self, secs: u64) -> eyre::Result<u64> {
        let BlockTime { millis, units } = self.known_rate()?;
        let millis = u128::from(millis);
        let scaled = u128::from(secs) * 1000 * u128::from(units);
        Ok(saturated((scaled + millis / 2) / millis))
    }

    /// Clock units that end within `secs`.
    pub(crate) fn units_down(&self, secs: u64) -> eyre::Result<u64> {
        let BlockTime { millis, units } = self.known_rate()?;
        let scaled = u128::from(secs) * 1000 * u128::from(units);
        Ok(saturated(scaled / u128::from(millis)))
    }

    /// Seconds that `units` probably take, to the nearest second; `None` if nobody can tell.
    pub(crate) fn secs(&self, units: u64) -> Option<u64> {
        Some(self.rate().ok()?.millis_of(units).saturating_add(500) / 1000)
    }

    /// Seconds that `units` probably take, rounded up; `None` if nobody can tell.
    pub(crate) fn secs_up(&self, units: u64) -> Option<u64> {
        Some(self.rate().ok()?.millis_of(units).div_ceil(1000))
    }

    /// Clock units that have probably begun in `millis`; `None` if nobody can tell.
    pub(crate) fn units_in_millis(&self, millis: u64) -> Option<u64> {
        let rate = self.rate().ok()?;
        let scaled = u128::from(millis) * u128::from(rate.units);
        Some(saturated(scaled / u128::from(rate.millis)))
    }

    /// When the contract's clock will show `time`, or has shown it; `None` if nobody can tell.
    pub(crate) fn forecast(&self, time: u64, now: Now) -> Option<Forecast> {
        let (fastest, slowest) = match self {
            Self::Measured(measured) => (measured.fastest, measured.slowest),
            other => (other.rate().ok()?, other.rate().ok()?),
        };
        let likely = self.rate().ok()?;
        Some(if time >= now.time {
            let after = |rate: BlockTime| now.unix.saturating_add(rate.millis_of(time - now.time) / 1000);
            Forecast { earliest: after(fastest), likely: after(likely), latest: after(slowest) }
        } else {
            let before = |rate: BlockTime| now.unix.saturating_sub(rate.millis_of(now.time - time) / 1000);
            Forecast { earliest: before(slowest), likely: before(likely), latest: before(fastest) }
        })
    }
}

/// How the pace is known: `12.05 s a block, measured over the last 10,000 blocks (11.98 s to 12.11 s in its halves)`.
impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("counted in seconds"),
            Self::Given(rate) => write!(f, "{rate} a block, as given"),
            Self::Measured(Measured { mean, fastest, slowest }) => {
                let n_blocks = counted(mean.units, "block");
                write!(f, "{mean} a block, measured over the last {n_blocks}")?;
                let (fastest, slowest) = (fastest.to_string(), slowest.to_string());
                if fastest == slowest {
                    f.write_str(", steady to 0.01 s")
                } else {
                    write!(f, " ({fastest} to {slowest} in its halves)")
                }
            }
            Self::Unknown(reason) => write!(f, "{reason}; --block-time says it"),
        }
    }
}

impl BlockTime {
    const SECOND: Self = Self { millis: 1000, units: 1 };

    fn between(older: Sample, newer: Sample) -> Self {
        Self {
            millis: newer.unix.saturating_sub(older.unix).saturating_mul(1000),
            units: newer.block.saturating_sub(older.block).max(1),
        }
    }

    fn millis_of(self, units: u64) -> u64 {
        saturated(u128::from(units) * u128::from(self.millis) / u128::from(self.units))
    }

    fn compare(&self, other: &Self) -> Ordering {
        let left = u128::from(self.millis) * u128::from(other.units);
        left.cmp(&(u128::from(other.millis) * u128::from(self.units)))
    }
}

/// Seconds a unit, to the hundredth.
impl fmt::Display for BlockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = u128::from(self.units);
        let hundredths = saturated((u128::from(self.millis) + 5 * units) / (10 * units));
        match (hundredths / 100, hundredths % 100) {
            (secs, 0) => write!(f, "{secs} s"),
            (secs, rest) if rest.is_multiple_of(10) => write!(f, "{secs}.{} s", rest / 10),
            (secs, rest) => write!(f, "{secs}.{rest:02} s"),
        }
    }
}

/// The older blocks whose timestamps [`Pace::measure`] needs besides the `latest`: the oldest and the middle one of the
/// window; `None` if the chain is too young.
pub(crate) fn window(latest: u64) -> Option<[u64; 2]> {
    // Block 0 often has a timestamp of its own choice.
    let half = latest.saturating_sub(1).min(WINDOW_MAX) / 2;
    (half * 2 >= WINDOW_MIN).then(|| [latest - 2 * half, latest - half])
}

/// The pace of a block time such as `12s`, `0.25s` or `250ms`.
///
/// # Errors
/// If it is no number of seconds or milliseconds, not positive, or longer than a day.
pub(crate) fn parse_block_time(text: &str) -> eyre::Result<BlockTime> {
    let explain = || eyre!("\"{text}\" is no block time; write one such as 12s, 0.25s or 250ms");
    let (number, n_decimals) = match text.strip_suffix("ms") {
        Some(millis) => (millis, 0),
        None => (text.strip_suffix('s').unwrap_or(text), 3),
    };
    let millis = parse_amount(number.trim_end(), n_decimals).map_err(|_| explain())?;
    let millis = u64::try_from(millis).map_err(|_| explain())?;
    ensure!(millis != 0, "a block time of {text} is zero; write one such as 12s");
    ensure!(millis <= BLOCK_TIME_LIMIT, "a block time of {text} is longer than a day; write one such as 12s");
    Ok(BlockTime { millis, units: 1 })
}

/// A reading of the contract's clock, as in `block 1,234` or `2027-01-31 12:00:00 UTC`.
pub(crate) fn format_time(clock: Clock, time: u64) -> String {
    match clock {
        Clock::Block => format!("block {}", grouped(time)),
        Clock::Timestamp => format_instant(time),
    }
}

/// A number of clock units, as in `299 blocks` or `1h`.
pub(crate) fn format_units(clock: Clock, units: u64) -> String {
    match clock {
        Clock::Block => counted(units, "block"),
        Clock::Timestamp => format_duration(units),
    }
}

impl Calendar {
    /// Wall-clock time of a reading of the clock; `None` if nobody can tell.
    pub(crate) fn forecast(&self, time: u64) -> Option<Forecast> {
        self.pace.forecast(time, self.now)
    }

    /// As [`forecast`](Self::forecast), where the clock does not say so itself.
    pub(crate) fn translation(&self, time: u64) -> Option<Forecast> {
        self.forecast(time).filter(|_| self.clock == Clock::Block)
    }

    /// A reading of the clock, and when that probably is.
    pub(crate) fn when(&self, time: u64) -> String {
        let text = format_time(self.clock, time);
        match self.translation(time) {
            Some(forecast) => format!("{text}, {forecast}"),
            None => text,
        }
    }

    /// A number of clock units, and how long they probably take.
    pub(crate) fn span(&self, units: u64) -> String {
        let text = format_units(self.clock, units);
        match self.pace.secs(units).filter(|_| self.clock == Clock::Block) {
            Some(secs) => format!("{text} (about {})", format_about(secs)),
            None => text,
        }
    }
}

/// `about 2027-01-31 12:00 UTC (2027-01-31 09:00 UTC to 2027-01-31 15:00 UTC)`.
impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {}", format_minute(self.likely))?;
        let (earliest, latest) = (format_minute(self.earliest), format_minute(self.latest));
        if earliest == latest {
            return Ok(());
        }
        write!(f, " ({earliest} to {latest})")
    }
}

fn saturated(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Now = Now { time: 1_000_000, unix: 1_800_000_000 };

    /// The pace of a window whose halves have `n` blocks each and took these seconds.
    fn measured(n: u64, first_secs: u64, second_secs: u64) -> Pace {
        let sample = |i, secs| Sample { block: 500 + i * n, unix: NOW.unix + secs };
        Pace::measure(sample(0, 0), sample(1, first_secs), sample(2, first_secs + second_secs))
    }

    fn given(text: &str) -> Pace {
        Pace::Given(parse_block_time(text).unwrap())
    }

    #[test]
    fn a_window_is_two_halves_without_block_zero() {
        assert_eq!(window(0), None);
        assert_eq!(window(32), None);
        assert_eq!(window(33), Some([1, 17]));
        assert_eq!(window(20_000_000), Some([19_990_000, 19_995_000]));
    }

    #[test]
    fn the_mean_is_of_the_whole_and_the_spread_of_the_halves() {
        let pace = measured(5000, 60_000, 61_000);
        assert_eq!(
            pace.to_string(),
            "12.1 s a block, measured over the last 10,000 blocks (12 s to 12.2 s in its halves)"
        );
        let forecast = pace.forecast(NOW.time + 100_000, NOW).unwrap();
        assert_eq!(
            forecast,
            Forecast { earliest: NOW.unix + 1_200_000, likely: NOW.unix + 1_210_000, latest: NOW.unix + 1_220_000 }
        );
        let past = pace.forecast(NOW.time - 100, NOW).unwrap();
        assert_eq!((past.earliest, past.latest), (NOW.unix - 1220, NOW.unix - 1200));
        let steady = "12 s a block, measured over the last 10,000 blocks, steady to 0.01 s";
        assert_eq!(measured(5000, 60_010, 60_000).to_string(), steady);
        // The order of the halves does not matter.
        assert_eq!(measured(5000, 61_000, 60_000), pace);
    }

    #[track_caller]
    fn check_unknown(pace: &Pace, reason: &str) {
        let error = pace.units_nearest(3600).unwrap_err().to_string();
        assert_eq!(error, format!("{reason}; say how long a block takes, as in --block-time 12s"));
        assert_eq!(pace.forecast(NOW.time + 1, NOW), None);
        assert_eq!(pace.secs(1), None);
    }

    #[test]
    fn a_pace_that_cannot_be_measured_asks_for_one() {
        check_unknown(&Pace::too_young(1), "the chain is too young to measure its block time (1 block)");
        check_unknown(&measured(50, 0, 0), "the last 100 blocks have one and the same timestamp");
        check_unknown(&measured(50, 50, 500), "blocks come too irregularly to measure, a block in 1 s or in 10 s");
        check_unknown(&measured(50, 0, 7), "blocks come too irregularly to measure, a block in 0 s or in 0.14 s");
        assert!(matches!(measured(50, 50, 499), Pace::Measured(_)));
    }

    #[test]
    fn block_times_are_read_and_written() {
        for (text, expected) in [
            ("12s", "12 s"),
            ("12", "12 s"),
            ("0.25s", "0.25 s"),
            ("250ms", "0.25 s"),
            ("2.1 s", "2.1 s"),
            ("1ms", "0 s"),
            ("86400s", "86400 s"),
        ] {
            assert_eq!(parse_block_time(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn bad_block_times_are_explained() {
        for (text, expected) in [
            ("0s", "a block time of 0s is zero; write one such as 12s"),
            ("86401s", "a block time of 86401s is longer than a day; write one such as 12s"),
            ("12m", "\"12m\" is no block time; write one such as 12s, 0.25s or 250ms"),
            ("0.0001s", "\"0.0001s\" is no block time; write one such as 12s, 0.25s or 250ms"),
            ("", "\"\" is no block time; write one such as 12s, 0.25s or 250ms"),
        ] {
            assert_eq!(parse_block_time(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn seconds_become_blocks() {
        let pace = given("12s");
        assert_eq!(pace.units_nearest(3600).unwrap(), 300);
        assert_eq!((pace.units_nearest(17).unwrap(), pace.units_down(17).unwrap()), (1, 1));
        assert_eq!((pace.units_nearest(18).unwrap(), pace.units_down(18).unwrap()), (2, 1));
        assert_eq!((pace.units_nearest(5).unwrap(), pace.units_down(11).unwrap()), (0, 0));
        assert_eq!(given("250ms").units_nearest(3).unwrap(), 12);
        assert_eq!(given("0.25s").secs(6), Some(2));
        assert_eq!(given("0.25s").units_in_millis(999), Some(3));
    }

    #[test]
    fn a_timestamp_clock_is_exact() {
        let now = Now { time: NOW.unix, unix: NOW.unix };
        let at = NOW.unix + 86_400;
        assert_eq!(Pace::Exact.units_nearest(86_400).unwrap(), 86_400);
        assert_eq!(Pace::Exact.forecast(at, now), Some(Forecast { earliest: at, likely: at, latest: at }));
    }

    #[test]
    fn times_and_spans_are_written_by_the_clock() {
        assert_eq!(format_time(Clock::Block, 1_449_848), "block 1,449,848");
        assert_eq!(format_time(Clock::Timestamp, 1_801_483_200), "2027-02-01 12:00:00 UTC");
        assert_eq!(format_units(Clock::Block, 1), "1 block");
        assert_eq!(format_units(Clock::Timestamp, 5400), "1h 30m");
    }

    proptest! {
        #[test]
        fn conversions_stay_within_half_a_block(
            n in 16u64..5000,
            secs in 1u64..1_000_000,
            wished in 1u64..100_000_000,
        ) {
            let pace = measured(n, secs, secs);
            let units = pace.units_nearest(wished).unwrap();
            // 2 * |units * secs - wished * n| <= secs, all scaled by n.
            let off = (u128::from(units) * u128::from(secs)).abs_diff(u128::from(wished) * u128::from(n));
            prop_assert!(2 * off <= u128::from(secs));
            let down = pace.units_down(wished).unwrap();
            prop_assert!(down <= units && units <= down + 1);
        }

        #[test]
        fn no_pace_and_no_time_overflows(millis in 1u64..=BLOCK_TIME_LIMIT, time: u64, unix: u64, at: u64) {
            let pace = Pace::Given(BlockTime { millis, units: 1 });
            let forecast = pace.forecast(at, Now { time, unix }).unwrap();
            prop_assert!(forecast.earliest <= forecast.latest);
            pace.secs(at);
            pace.units_nearest(at).unwrap();
        }

        #[test]
        fn no_block_time_panics(text in "\\PC{0,12}") {
            let _ = parse_block_time(&text);
        }
    }
}
