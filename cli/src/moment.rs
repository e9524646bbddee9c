//! Moments and durations of the wall clock, as people write and read them. Knows nothing of chains.

use eyre::{bail, ensure, eyre};
use jiff::{Timestamp, civil, tz::Offset};
use serde::Serializer;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;

/// Longest duration that is understood, in seconds: the whole range of a contract's clock.
const DURATION_LIMIT: u64 = stream::TIME_LIMIT;

/// No chain is older than this: 2001-09-09.
const UNIX_MIN: u64 = 1_000_000_000;

/// What a stop that no calendar reaches is called.
const BEYOND_CALENDAR: &str = "after the year 9999";

/// A moment on the wall clock, as a person names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Unix seconds.
    At(u64),
    /// Seconds from now.
    In(u64),
}

impl Moment {
    /// Unix seconds of the moment.
    pub(crate) fn unix(self, now: u64) -> u64 {
        match self {
            Self::At(unix) => unix,
            Self::In(secs) => now.saturating_add(secs),
        }
    }
}

/// Seconds of a duration such as `30d`, `1h30m` or `2 weeks`.
///
/// # Errors
/// If a unit is missing, unknown or of no fixed length, or if the duration is zero or beyond any clock.
pub(crate) fn parse_duration(text: &str) -> eyre::Result<u64> {
    let mut rest = text.trim();
    ensure!(!rest.is_empty(), "the duration is empty; write one such as 30d or 1h30m");
    let mut secs: u64 = 0;
    while !rest.is_empty() {
        let (count, after) = leading_number(text, rest)?;
        let (unit, after) = split_where(after.trim_start(), |c| !c.is_alphabetic());
        let part = count.checked_mul(unit_secs(text, count, unit)?);
        secs = part
            .and_then(|part| secs.checked_add(part))
            .filter(|secs| *secs <= DURATION_LIMIT)
            .ok_or_else(|| eyre!("duration \"{text}\" is longer than any stream can be"))?;
        rest = after.trim_start();
    }
    ensure!(secs != 0, "duration \"{text}\" is zero; write a longer one, such as 1h");
    Ok(secs)
}

/// The moment that `text` names: `now`, `+2h`, `2027-01-31`, `2027-01-31T12:00Z` or Unix seconds.
///
/// # Errors
/// If `text` is none of these, or lies before 1970.
pub(crate) fn parse_moment(text: &str) -> eyre::Result<Moment> {
    let text = text.trim();
    if text == "now" {
        return Ok(Moment::In(0));
    }
    if let Some(duration) = text.strip_prefix('+') {
        return parse_duration(duration).map(Moment::In);
    }
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
        return unix_seconds(text);
    }
    let timestamp = text
        .parse::<Timestamp>()
        .or_else(|_| Offset::UTC.to_timestamp(text.parse::<civil::DateTime>()?))
        .map_err(|_| {
        eyre!(
            "\"{text}\" is no moment; write now, +2h, a date such as 2027-01-31 (midnight UTC), \
                 2027-01-31T12:00Z, or Unix seconds"
        )
    })?;
    let unix = u64::try_from(timestamp.as_second()).map_err(|_| eyre!("\"{text}\" is before 1970"))?;
    Ok(Moment::At(unix))
}

/// `1h 30m`: in full, the largest unit first.
pub(crate) fn format_duration(secs: u64) -> String {
    let mut rest = secs;
    let mut parts = Vec::new();
    for (unit, name) in [(DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (1, "s")] {
        let count = rest / unit;
        rest %= unit;
        if count != 0 {
            parts.push(format!("{count}{name}"));
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// `30d 4h`: the two largest units, rounded to the nearest, for what is only estimated.
pub(crate) fn format_about(secs: u64) -> String {
    let step = match secs {
        s if s >= 10 * DAY => HOUR,
        s if s >= 10 * HOUR => MINUTE,
        _ => 1,
    };
    format_duration(secs.saturating_add(step / 2) / step * step)
}

/// `2027-01-31 12:00:00 UTC`.
pub(crate) fn format_instant(unix: u64) -> String {
    match timestamp(unix) {
        Some(timestamp) => timestamp.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        None => BEYOND_CALENDAR.to_owned(),
    }
}

/// `2027-01-31 12:00 UTC`, for what is only estimated.
pub(crate) fn format_minute(unix: u64) -> String {
    match timestamp(unix.saturating_add(MINUTE / 2)) {
        Some(timestamp) => timestamp.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        None => BEYOND_CALENDAR.to_owned(),
    }
}

fn timestamp(unix: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(unix).ok()?).ok()
}

/// `null` for what no calendar reaches.
pub(crate) fn as_rfc3339<S: Serializer>(unix: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    match timestamp(*unix) {
        Some(timestamp) => serializer.collect_str(&timestamp),
        None => serializer.serialize_none(),
    }
}

fn leading_number<'a>(text: &str, rest: &'a str) -> eyre::Result<(u64, &'a str)> {
    let (number, after) = split_where(rest, |c| !c.is_ascii_digit());
    ensure!(!number.is_empty(), "duration \"{text}\" is not a number and a unit; write one such as 30d or 1h30m");
    ensure!(!after.starts_with('.'), "duration \"{text}\" has a fraction; write it in smaller units, as in 1h30m");
    let number = number.parse().map_err(|_| eyre!("duration \"{text}\" is longer than any stream can be"))?;
    Ok((number, after))
}

fn split_where(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

fn unit_secs(text: &str, count: u64, unit: &str) -> eyre::Result<u64> {
    Ok(match unit {
        "w" | "week" | "weeks" => WEEK,
        "d" | "day" | "days" => DAY,
        "h" | "hour" | "hours" => HOUR,
        "m" | "min" | "minute" | "minutes" => MINUTE,
        "s" | "sec" | "second" | "seconds" => 1,
        "" => bail!("duration \"{text}\" lacks a unit; write {count}d, {count}h, {count}m or {count}s"),
        "M" | "mo" | "month" | "months" => {
            bail!("a month has no fixed length; write \"{text}\" in days, such as 30d, or name the day with --until")
        }
        "y" | "year" | "years" => {
            bail!("a year has no fixed length; write \"{text}\" in days, such as 365d, or name the day with --until")
        }
        _ => bail!("\"{unit}\" in duration \"{text}\" is no unit; the units are w, d, h, m and s"),
    })
}

fn unix_seconds(text: &str) -> eyre::Result<Moment> {
    let unix = text.parse().ok().filter(|unix| *unix <= stream::TIME_LIMIT);
    let Some(unix) = unix else {
        bail!("{text} is later than any clock; write Unix seconds or a date such as 2027-01-31");
    };
    // A year alone, a date without hyphens, or a block number.
    ensure!(
        unix >= UNIX_MIN,
        "{text} as Unix seconds is in {}; write a date such as 2027-01-31",
        &format_instant(unix)[..4]
    );
    Ok(Moment::At(unix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check_duration(text: &str, expected: Result<u64, &str>) {
        let actual = parse_duration(text).map_err(|error| error.to_string());
        assert_eq!(actual, expected.map_err(str::to_owned));
    }

    #[test]
    fn durations_are_sums_of_units() {
        check_duration("30d", Ok(30 * 86_400));
        check_duration("2w", Ok(14 * 86_400));
        check_duration("1h30m", Ok(5400));
        check_duration("1h 30m 5s", Ok(5405));
        check_duration("45s", Ok(45));
        check_duration("90 minutes", Ok(5400));
        check_duration("1 day 1 hour 1 min 1 sec", Ok(90_061));
        check_duration("281474976710655s", Ok((1 << 48) - 1));
    }

    #[test]
    fn bad_durations_are_explained() {
        check_duration("", Err("the duration is empty; write one such as 30d or 1h30m"));
        check_duration("90", Err("duration \"90\" lacks a unit; write 90d, 90h, 90m or 90s"));
        check_duration("h", Err("duration \"h\" is not a number and a unit; write one such as 30d or 1h30m"));
        check_duration("-1h", Err("duration \"-1h\" is not a number and a unit; write one such as 30d or 1h30m"));
        check_duration("1.5h", Err("duration \"1.5h\" has a fraction; write it in smaller units, as in 1h30m"));
        check_duration("0s", Err("duration \"0s\" is zero; write a longer one, such as 1h"));
        check_duration("3f", Err("\"f\" in duration \"3f\" is no unit; the units are w, d, h, m and s"));
        let month = "a month has no fixed length; write \"1 month\" in days, such as 30d, or name the day with --until";
        check_duration("1 month", Err(month));
        check_duration("1M", Err(&month.replace("1 month", "1M")));
        check_duration(
            "2y",
            Err("a year has no fixed length; write \"2y\" in days, such as 365d, or name the day with --until"),
        );
        for text in ["281474976710656s", "99999999999999999999d", "18446744073709551615w"] {
            check_duration(text, Err(&format!("duration \"{text}\" is longer than any stream can be")));
        }
    }

    #[track_caller]
    fn check_moment(text: &str, expected: Result<Moment, &str>) {
        let actual = parse_moment(text).map_err(|error| error.to_string());
        assert_eq!(actual, expected.map_err(str::to_owned));
    }

    #[test]
    fn moments_are_in_utc_unless_they_say_otherwise() {
        check_moment("now", Ok(Moment::In(0)));
        check_moment("+2h", Ok(Moment::In(7200)));
        check_moment("2027-01-31", Ok(Moment::At(1_801_353_600)));
        check_moment("2027-01-31T12:00", Ok(Moment::At(1_801_396_800)));
        check_moment("2027-01-31 12:00", Ok(Moment::At(1_801_396_800)));
        check_moment("2027-01-31T12:00Z", Ok(Moment::At(1_801_396_800)));
        check_moment("2027-01-31T12:00:05Z", Ok(Moment::At(1_801_396_805)));
        check_moment("2027-01-31T12:00:00+02:00", Ok(Moment::At(1_801_389_600)));
        check_moment("1801396800", Ok(Moment::At(1_801_396_800)));
        assert_eq!(Moment::In(5).unix(7), 12);
        assert_eq!(Moment::At(5).unix(7), 5);
    }

    #[test]
    fn bad_moments_are_explained() {
        for text in ["", "tomorrow", "2027-02-30", "31.01.2027", "2027-13-01", "-5"] {
            check_moment(
                text,
                Err(&format!(
                    "\"{text}\" is no moment; write now, +2h, a date such as 2027-01-31 (midnight UTC), \
                     2027-01-31T12:00Z, or Unix seconds"
                )),
            );
        }
        check_moment("2027", Err("2027 as Unix seconds is in 1970; write a date such as 2027-01-31"));
        check_moment("20270131", Err("20270131 as Unix seconds is in 1970; write a date such as 2027-01-31"));
        check_moment(
            "281474976710656",
            Err("281474976710656 is later than any clock; write Unix seconds or a date such as 2027-01-31"),
        );
        check_moment("1969-12-31", Err("\"1969-12-31\" is before 1970"));
        check_moment("+", Err("the duration is empty; write one such as 30d or 1h30m"));
    }

    #[test]
    fn times_are_written_as_finely_as_they_are_known() {
        assert_eq!(format_duration(0), "0s");
        assert_eq!(format_duration(90_061), "1d 1h 1m 1s");
        assert_eq!(format_about(3601), "1h 1s");
        assert_eq!(format_about(36_029), "10h");
        assert_eq!(format_about(30 * 86_400 + 1800), "30d 1h");
        assert_eq!(format_instant(1_801_396_805), "2027-01-31 12:00:05 UTC");
        assert_eq!(format_minute(1_801_396_829), "2027-01-31 12:00 UTC");
        assert_eq!(format_minute(1_801_396_830), "2027-01-31 12:01 UTC");
        assert_eq!(format_instant((1 << 48) - 1), "after the year 9999");
        assert_eq!(format_minute(u64::MAX), "after the year 9999");
    }

    proptest! {
        #[test]
        fn durations_are_read_as_they_are_written(secs in 1..=DURATION_LIMIT) {
            prop_assert_eq!(parse_duration(&format_duration(secs)).unwrap(), secs);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,16}") {
            let _ = parse_duration(&text);
            let _ = parse_moment(&text);
        }

        #[test]
        fn no_time_panics(secs: u64) {
            format_about(secs);
            format_instant(secs);
        }
    }
}
