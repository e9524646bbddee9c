//! Cells as text.

use alloy::hex;

use crate::{
    Result,
    abi::{Meaning, signed},
    rows::Row,
};

/// The cell of column `i`: numbers in decimal, addresses with a checksum, bytes in hexadecimal, times in ISO 8601.
pub(super) fn text(row: Row<'_>, i: usize, meaning: Meaning) -> Result<String> {
    Ok(match meaning {
        Meaning::Flag => (row.integer(i)? != 0).to_string(),
        Meaning::Integer => row.integer(i)?.to_string(),
        Meaning::Time => time(row.count(i)?),
        Meaning::Unsigned => row.amount(i)?.to_string(),
        Meaning::Signed => signed(row.amount(i)?).to_string(),
        Meaning::Address => row.address(i)?.to_checksum(None),
        Meaning::Bytes => hex::encode_prefixed(row.blob(i)?),
        Meaning::Text => row.text(i)?.to_owned(),
    })
}

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Days of 400 years, after which the calendar repeats.
const ERA: u64 = 146_097;

/// Unix seconds as ISO 8601 in UTC.
fn time(seconds: u64) -> String {
    let (days, second) = (seconds / DAY, seconds % DAY);
    // Years begin in March here, so that a leap day is the last of its year. Day 0 is 719,468 days after that of year 0.
    let day = days + 719_468;
    let (era, day) = (day / ERA, day % ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: u64, expected: &str) {
        assert_eq!(time(seconds), expected);
    }

    #[test]
    fn times_follow_the_calendar() {
        check(0, "1970-01-01T00:00:00Z");
        check(68_169_599, "1972-02-28T23:59:59Z");
        check(68_169_600, "1972-02-29T00:00:00Z");
        check(68_256_000, "1972-03-01T00:00:00Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(978_307_199, "2000-12-31T23:59:59Z");
        check(1_588_598_533, "2020-05-04T13:22:13Z");
        check(4_107_542_400, "2100-03-01T00:00:00Z");
        check(4_107_542_399, "2100-02-28T23:59:59Z");
        check(253_402_300_799, "9999-12-31T23:59:59Z");
    }
}
