//! What an endpoint allows, as in `10000000/day;2000/minute;100/second`. A call waits for its turn and is never refused.

use std::{
    num::NonZeroU32,
    str::FromStr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{NotKeyed, StateStore},
};
use tokio::time::Instant;

use crate::{Error, Result};

/// The part of a window's calls that may come at once. A larger part makes larger batches and a lower steady rate,
/// because no window may have more calls than it allows, wherever it begins.
const BURST_PART: u32 = 10;

/// No window is longer, because time is counted in 64 bits of nanoseconds.
const LONGEST: Duration = Duration::from_secs(10 * 360 * 86_400);

/// What an endpoint allows, counted in calls: each call of a batch counts.
///
/// Nothing is kept of what an earlier run of the program has used.
#[derive(Debug)]
pub struct Limit {
    items: Vec<Item>,
    time: Time,
    started: Instant,
    turn: tokio::sync::Mutex<()>,
}

/// An item such as `100/second`.
#[derive(Debug)]
struct Item {
    burst: u32,
    limiter: RateLimiter<NotKeyed, Used, Time, NoOpMiddleware<Nanos>>,
    used: Used,
}

impl Limit {
    /// No limit at all.
    #[must_use]
    pub fn none() -> Self {
        Self { items: Vec::new(), time: Time::default(), started: Instant::now(), turn: tokio::sync::Mutex::default() }
    }

    /// The largest batch that can ever be sent.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.items.iter().map(|item| item.burst).min().unwrap_or(u32::MAX)
    }

    /// Waits until all items allow `n_calls` more, and takes them. Who comes first goes first.
    pub async fn admitted(&self, n_calls: NonZeroU32) {
        if self.items.is_empty() {
            return;
        }
        let _turn = self.turn.lock().await;
        while let Err(wait) = self.admit(n_calls, self.started.elapsed()) {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes `n_calls` from every item, or from none and tells how long to wait before it is worth asking again. `now` is
    /// counted from the start. More than [`burst`](Self::burst) calls count as so many.
    fn admit(&self, n_calls: NonZeroU32, now: Duration) -> Result<(), Duration> {
        self.time.set(now);
        let n_calls = NonZeroU32::new(n_calls.get().min(self.burst())).expect("a burst is at least one call");
        let used: Vec<u64> = self.items.iter().map(|item| item.used.get()).collect();
        let mut wait = None;
        for item in &self.items {
            let answer = item.limiter.check_n(n_calls).expect("no item has a smaller burst");
            if let Err(refusal) = answer {
                wait = wait.max(Some(refusal.wait_time_from(self.time.now())));
            }
        }
        let Some(wait) = wait else { return Ok(()) };
        self.items.iter().zip(used).for_each(|(item, used)| item.used.set(used));
        Err(wait)
    }
}

impl FromStr for Limit {
    type Err = Error;

    /// Items are split by `,`, `;` or `|`; an item is `N/unit`, `N per unit`, `N/M units` or `N per M units`. A month has
    /// 30 days and a year twelve months.
    fn from_str(text: &str) -> Result<Self> {
        let mut limit = Self::none();
        for item in text.split([',', ';', '|']) {
            let Some((n_calls, window)) = parse(item) else {
                let item = item.trim().escape_debug();
                return Err(Error::Config(format!(
                    "limit \"{item}\" is none; write it as in \"100/second\", \"2000 per minute\" or \"10/5 seconds\", \
                     and several of them as in \"2000/minute;100/second\""
                )));
            };
            limit.items.push(Item::new(n_calls, window, limit.time.clone()));
        }
        Ok(limit)
    }
}

impl Item {
    /// Allows `n_calls` in any window of this length, half open: `burst` at once, and the others so far apart that what
    /// comes within a window after a burst makes up the number.
    fn new(n_calls: NonZeroU32, window: Duration, time: Time) -> Self {
        let burst = NonZeroU32::new(n_calls.get() / BURST_PART).unwrap_or(NonZeroU32::MIN);
        let n_gaps = u128::from(n_calls.get() - burst.get() + 1);
        let gap = u64::try_from(window.as_nanos().div_ceil(n_gaps)).expect("the longest window has 59 bits");
        let quota = Quota::with_period(Duration::from_nanos(gap)).expect("a gap is at least a nanosecond");
        let used = Used::default();
        let limiter = RateLimiter::new(quota.allow_burst(burst), used.clone(), time);
        Self { burst: burst.get(), limiter, used }
    }
}

/// The number of calls and their window.
fn parse(item: &str) -> Option<(NonZeroU32, Duration)> {
    let item = item.trim().to_ascii_lowercase();
    let (n_calls, rest) = digits(&item)?;
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('/').or_else(|| rest.strip_prefix("per"))?.trim_start();
    let (multiple, unit) = digits(rest).unwrap_or((1, rest));
    let unit = unit.trim_start();
    let secs = match unit.strip_suffix('s').unwrap_or(unit) {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        "month" => 30 * 86_400,
        "year" => 12 * 30 * 86_400,
        _ => return None,
    };
    let window = Duration::from_secs(multiple.checked_mul(secs)?);
    let n_calls = NonZeroU32::new(u32::try_from(n_calls).ok()?)?;
    (!window.is_zero() && window <= LONGEST).then_some((n_calls, window))
}

/// The number that a text begins with, and the rest.
fn digits(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// The time that limiters are told, in nanoseconds. Never goes back.
#[derive(Clone, Debug, Default)]
struct Time(Arc<AtomicU64>);

impl Time {
    fn set(&self, now: Duration) {
        self.0.fetch_max(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Clock for Time {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}

/// A limiter's memory, which can be put back when another item refuses.
#[derive(Clone, Debug, Default)]
struct Used(Arc<Mutex<u64>>);

impl Used {
    fn get(&self) -> u64 {
        *self.0.lock().expect("nobody panics with the lock")
    }

    fn set(&self, used: u64) {
        *self.0.lock().expect("nobody panics with the lock") = used;
    }
}

impl StateStore for Used {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut used = self.0.lock().expect("nobody panics with the lock");
        let (answer, next) = f((*used > 0).then(|| Nanos::new(*used)))?;
        *used = next.into();
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_parsed(item: &str, expected: Option<(u32, u64)>) {
        let parsed = parse(item).map(|(n_calls, window)| (n_calls.get(), window.as_secs()));
        assert_eq!(parsed, expected, "{item}");
    }

    #[test]
    fn items_are_those_of_the_grammar() {
        check_parsed("100/second", Some((100, 1)));
        check_parsed(" 100 / seconds ", Some((100, 1)));
        check_parsed("2000 per minute", Some((2_000, 60)));
        check_parsed("2000per minute", Some((2_000, 60)));
        check_parsed("10 per 5 minutes", Some((10, 300)));
        check_parsed("10/5minute", Some((10, 300)));
        check_parsed("10000000/day", Some((10_000_000, 86_400)));
        check_parsed("7/HOUR", Some((7, 3_600)));
        check_parsed("1/month", Some((1, 2_592_000)));
        check_parsed("1/year", Some((1, 31_104_000)));
        check_parsed("1/10 years", Some((1, 311_040_000)));
        for none in [
            "",
            "100",
            "/second",
            "100/",
            "100/secondss",
            "0/second",
            "1/0 seconds",
            "-1/second",
            "1.5/second",
            "100 second",
            "1/11 years",
            "4294967296/second",
            "99999999999999999999/second",
            "1//second",
            "1/week",
            "1/99999999999999999999 seconds",
            "1/18446744073709551615 years",
            "١/second",
        ] {
            check_parsed(none, None);
        }
    }

    #[test]
    fn a_text_that_is_none_is_named() {
        let error = "100/second;2000/fortnight".parse::<Limit>().unwrap_err().to_string();
        assert!(error.starts_with("limit \"2000/fortnight\" is none; write it as in \"100/second\""), "{error}");
        let error = "100/second;".parse::<Limit>().unwrap_err().to_string();
        assert!(error.starts_with("limit \"\" is none;"), "{error}");
    }

    #[test]
    fn the_smallest_burst_bounds_a_batch() {
        assert_eq!("10000000/day;2000/minute|100/second".parse::<Limit>().unwrap().burst(), 10);
        assert_eq!("5/second".parse::<Limit>().unwrap().burst(), 1);
        assert_eq!(Limit::none().burst(), u32::MAX);
    }

    /// When calls go that are always wanted, in nanoseconds.
    fn greedy(text: &str, batch: u32, until: Duration) -> Vec<u128> {
        let limit: Limit = text.parse().unwrap();
        let batch = NonZeroU32::new(batch).unwrap();
        let (mut now, mut times) = (Duration::ZERO, Vec::new());
        while now < until {
            match limit.admit(batch, now) {
                Ok(()) => times.extend(std::iter::repeat_n(now.as_nanos(), batch.get().try_into().unwrap())),
                Err(wait) => now += wait,
            }
        }
        times
    }

    fn most_within(times: &[u128], window: Duration) -> usize {
        let within = |first: usize| times[first..].partition_point(|time| *time < times[first] + window.as_nanos());
        (0..times.len()).map(within).max().unwrap()
    }

    #[test]
    fn no_window_has_more_calls_than_it_allows_and_few_have_less() {
        for (text, batch, window, n_calls) in [
            ("100/second", 1, 1, 100),
            ("100/second", 10, 1, 100),
            ("2000/minute", 200, 60, 2_000),
            ("5/second", 1, 1, 5),
            ("20/3 seconds", 2, 3, 20),
            ("1/minute", 1, 60, 1),
        ] {
            let window = Duration::from_secs(window);
            let times = greedy(text, batch, 20 * window);
            assert!(most_within(&times, window) <= n_calls, "{text} by {batch}: {}", most_within(&times, window));
            assert!(times.len() >= 20 * n_calls * 9 / 10, "{text} by {batch}: {}", times.len());
        }
    }

    #[test]
    fn all_items_hold_at_once() {
        let times = greedy("100/second;300/minute", 10, Duration::from_secs(300));
        assert_eq!(most_within(&times, Duration::from_secs(1)), 30, "a minute's burst");
        assert!(most_within(&times, Duration::from_secs(60)) <= 300);
        assert!(times.len() >= 5 * 270, "{}", times.len());
    }

    #[test]
    fn an_item_that_refuses_leaves_the_others_as_they_were() {
        let limit: Limit = "10/hour;10/second".parse().unwrap();
        let one = NonZeroU32::MIN;
        assert_eq!(limit.admit(one, Duration::ZERO), Ok(()));
        let before: Vec<u64> = limit.items.iter().map(|item| item.used.get()).collect();
        assert_eq!(limit.admit(one, Duration::from_secs(1)), Err(Duration::from_secs(359)));
        assert_eq!(limit.items.iter().map(|item| item.used.get()).collect::<Vec<_>>(), before);
        assert_eq!(limit.admit(one, Duration::from_secs(360)), Ok(()));
    }

    #[test]
    fn a_batch_above_the_burst_is_admitted_as_a_burst() {
        let limit: Limit = "100/second".parse().unwrap();
        assert_eq!(limit.admit(NonZeroU32::new(1_000).unwrap(), Duration::ZERO), Ok(()));
        assert!(limit.admit(NonZeroU32::MIN, Duration::ZERO).is_err());
    }
}
