//! The course of block times: how many blocks were mined by a moment of the wall clock, and when block n was.
//!
//! Times are whole milliseconds, so that sums are exact; a block's timestamp is rounded down to seconds, as chains have it.

use std::{fs, path::Path, sync::Arc};

use crate::draws::Draws;

/// The shortest and the longest mean time between blocks, in seconds.
const MEAN_SECS: (f64, f64) = (0.01, 1e7);

/// No file of block times is larger: 256 MiB are ten million blocks.
const MAX_FILE: u64 = 256 * 1024 * 1024;

/// Why block times cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PaceError {
    /// A mean or a spread that is none.
    #[error("{what} of block times is {given} seconds; it must be from {least} to {most}")]
    Range {
        /// Which.
        what: &'static str,
        /// Its value.
        given: f64,
        /// The least.
        least: f64,
        /// The greatest.
        most: f64,
    },
    /// A file that is none of block times.
    #[error("{path}{}: {why}", line.map_or_else(String::new, |line| format!(":{line}")))]
    File {
        /// The file.
        path: String,
        /// Where.
        line: Option<usize>,
        /// What is wrong.
        why: String,
    },
}

/// How long it is from one block to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace(Course);

/// In milliseconds.
#[derive(Clone, Debug, PartialEq)]
enum Course {
    Fixed(u64),
    Uniform { mean: f64, spread: f64 },
    Normal { mean: f64, deviation: f64 },
    Recorded(Arc<[u64]>),
}

impl Pace {
    /// A block every `secs` seconds.
    ///
    /// # Errors
    /// If that is less than 0.01 or more than 10^7 seconds.
    pub fn fixed(secs: f64) -> Result<Self, PaceError> {
        Ok(Self(Course::Fixed(millis(mean(secs)?))))
    }

    /// A block every `mean` seconds, give or take up to `spread`.
    ///
    /// # Errors
    /// If the mean is less than 0.01 or more than 10^7 seconds, or the spread exceeds it.
    pub fn uniform(mean_secs: f64, spread_secs: f64) -> Result<Self, PaceError> {
        let mean = mean(mean_secs)?;
        let spread = within("the spread", spread_secs, (0.0, mean_secs))? * 1_000.0;
        Ok(Self(Course::Uniform { mean, spread }))
    }

    /// A block every `mean` seconds, normally distributed, cut off at 0 and at twice the mean, so that the mean stays. The
    /// deviation is that before the cut.
    ///
    /// # Errors
    /// If the mean is less than 0.01 or more than 10^7 seconds, or the deviation exceeds it.
    pub fn normal(mean_secs: f64, deviation_secs: f64) -> Result<Self, PaceError> {
        let mean = mean(mean_secs)?;
        let deviation = within("the deviation", deviation_secs, (0.0, mean_secs))? * 1_000.0;
        Ok(Self(Course::Normal { mean, deviation }))
    }

    /// The block times of a real chain, from a CSV file; from the beginning again after the last. Each clock begins at a
    /// block that it draws. The file's header names the columns; `timestamp` is needed, a block's
    /// time in Unix seconds, whole or with up to three decimals; where there is a `number`, the blocks must follow each
    /// other. Other columns are passed over, and so are empty lines and lines that begin with `#`.
    ///
    /// # Errors
    /// If the file cannot be read, lacks the column, has a time that is none or before the one above, or its blocks are
    /// less than 0.01 seconds apart in the mean.
    pub fn recorded(path: &Path) -> Result<Self, PaceError> {
        let fault = |line, why: String| PaceError::File { path: path.display().to_string(), line, why };
        let size = fs::metadata(path).map_err(|error| fault(None, error.to_string()))?.len();
        if size > MAX_FILE {
            return Err(fault(None, format!("{size} bytes are more than the {MAX_FILE} of a file of block times")));
        }
        let text = fs::read_to_string(path).map_err(|error| fault(None, error.to_string()))?;
        parse_recorded(&text)
            .map(|millis| Self(Course::Recorded(millis.into())))
            .map_err(|(line, why)| fault(line, why))
    }
}

/// The block clock of one run.
#[derive(Clone, Debug)]
pub struct BlockClock {
    pace: Pace,
    draws: Draws,
    /// Of the block that was mined last.
    number: u64,
    millis: u64,
    /// When the next one comes.
    next_millis: u64,
    /// Which of the recorded times is next.
    row: usize,
}

impl BlockClock {
    /// The clock whose block `number` was mined at `timestamp`, in Unix seconds.
    #[must_use]
    pub fn new(pace: Pace, number: u64, timestamp: u64, mut draws: Draws) -> Self {
        let row = match &pace.0 {
            Course::Recorded(millis) => draws.below(millis.len()),
            _ => 0,
        };
        let millis = timestamp.saturating_mul(1_000);
        let mut clock = Self { pace, draws, number, millis, next_millis: millis, row };
        clock.next_millis = millis.saturating_add(clock.interval());
        clock
    }

    /// The number of the block that was mined last.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Its time, in Unix seconds, rounded down.
    #[must_use]
    pub const fn timestamp(&self) -> u64 {
        self.millis / 1_000
    }

    /// Lets the wall clock go to `secs`, a Unix time, and gives the number of the block that is mined last by then. A
    /// moment that has passed changes nothing. Takes time in proportion to the blocks, except at a fixed pace.
    pub fn advance_to(&mut self, secs: u64) -> u64 {
        let until = secs.saturating_mul(1_000);
        if let Course::Fixed(pace) = self.pace.0 {
            let n = until.saturating_sub(self.millis) / pace;
            self.jump(n, pace);
        }
        while self.next_millis <= until && self.next_millis < u64::MAX {
            self.mine();
        }
        self.number
    }

    /// Lets the wall clock go on until block `number` is mined, and gives the block's time, in Unix seconds; that of the
    /// last block if `number` has passed.
    pub fn advance_to_block(&mut self, number: u64) -> u64 {
        if let Course::Fixed(pace) = self.pace.0 {
            self.jump(number.saturating_sub(self.number), pace);
        }
        while self.number < number && self.next_millis < u64::MAX {
            self.mine();
        }
        self.timestamp()
    }

    fn jump(&mut self, n: u64, pace: u64) {
        self.number = self.number.saturating_add(n);
        self.millis = self.millis.saturating_add(n.saturating_mul(pace));
        self.next_millis = self.millis.saturating_add(pace);
    }

    fn mine(&mut self) {
        self.number = self.number.saturating_add(1);
        self.millis = self.next_millis;
        self.next_millis = self.millis.saturating_add(self.interval());
    }

    fn interval(&mut self) -> u64 {
        match &self.pace.0 {
            Course::Fixed(pace) => *pace,
            Course::Uniform { mean, spread } => millis(self.draws.between(mean - spread, mean + spread)),
            Course::Normal { mean, deviation } => {
                millis(deviation.mul_add(self.draws.normal(), *mean).clamp(0.0, 2.0 * mean))
            }
            Course::Recorded(recorded) => {
                let interval = recorded[self.row];
                self.row = (self.row + 1) % recorded.len();
                interval
            }
        }
    }
}

fn mean(secs: f64) -> Result<f64, PaceError> {
    within("the mean", secs, MEAN_SECS).map(|secs| secs * 1_000.0)
}

fn within(what: &'static str, given: f64, (least, most): (f64, f64)) -> Result<f64, PaceError> {
    if (least..=most).contains(&given) { Ok(given) } else { Err(PaceError::Range { what, given, least, most }) }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 2 * 10^10, see MEAN_SECS")]
fn millis(time: f64) -> u64 {
    libm::round(time) as u64
}

type Fault = (Option<usize>, String);

fn parse_recorded(text: &str) -> Result<Vec<u64>, Fault> {
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (at, header) = lines.next().ok_or_else(|| (None, "it is empty".to_owned()))?;
    let columns: Vec<&str> = header.trim_start_matches('\u{feff}').split(',').map(str::trim).collect();
    let column = |name: &str| columns.iter().position(|column| column.eq_ignore_ascii_case(name));
    let timestamp = column("timestamp").ok_or_else(|| {
        (Some(at), format!("the header {header:?} names no column timestamp; write number,timestamp"))
    })?;
    let number = column("number");
    let mut intervals = Vec::new();
    let mut last: Option<(u64, Option<u64>)> = None;
    for (at, line) in lines {
        let cell = |column: usize| line.split(',').nth(column).map(str::trim).unwrap_or_default();
        let time = parse_millis(cell(timestamp)).ok_or_else(|| {
            (Some(at), format!("timestamp {:?} is no time in Unix seconds", shorten(cell(timestamp))))
        })?;
        let number = number.map(|number| {
            let cell = cell(number);
            cell.parse::<u64>().map_err(|_| (Some(at), format!("number {:?} is no block's", shorten(cell))))
        });
        let number = number.transpose()?;
        if let Some((before, number_before)) = last {
            if let (Some(number), Some(before)) = (number, number_before)
                && before.checked_add(1) != Some(number)
            {
                return Err((Some(at), format!("block {number} does not follow block {before} of the line above")));
            }
            let interval = time.checked_sub(before).ok_or_else(|| {
                (Some(at), format!("timestamp {} is before {}, of the line above", seconds(time), seconds(before)))
            })?;
            intervals.push(interval);
        }
        last = Some((time, number));
    }
    // No overflow: an interval is the difference of two times that ascend.
    let total: u64 = intervals.iter().sum();
    let least = millis(MEAN_SECS.0 * 1_000.0).saturating_mul(u64::try_from(intervals.len()).unwrap_or(u64::MAX));
    if intervals.is_empty() || total < least {
        let why = format!("it tells of {} intervals of {} seconds in all", intervals.len(), seconds(total));
        return Err((None, format!("{why}; the mean must be at least {} seconds", MEAN_SECS.0)));
    }
    Ok(intervals)
}

fn parse_millis(cell: &str) -> Option<u64> {
    let (whole, decimals) = cell.split_once('.').unwrap_or((cell, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(decimals) || decimals.len() > 3 {
        return None;
    }
    let decimals: u64 = format!("{decimals:0<3}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(decimals)
}

fn seconds(millis: u64) -> String {
    match (millis / 1_000, millis % 1_000) {
        (secs, 0) => secs.to_string(),
        (secs, rest) => format!("{secs}.{rest:03}"),
    }
}

fn shorten(cell: &str) -> &str {
    cell.char_indices().nth(40).map_or(cell, |(end, _)| &cell[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(pace: Pace) -> BlockClock {
        BlockClock::new(pace, 100, 1_000, Draws::keyed(1, 1, "chain", "blocks"))
    }

    #[test]
    fn a_fixed_pace_is_exact() {
        let mut clock = clock(Pace::fixed(12.5).unwrap());
        for (wall, number, timestamp) in
            [(0, 100, 1_000), (1_012, 100, 1_000), (1_013, 101, 1_012), (1_025, 102, 1_025), (1_020, 102, 1_025)]
        {
            assert_eq!((clock.advance_to(wall), clock.timestamp()), (number, timestamp), "{wall}");
        }
        assert_eq!(clock.advance_to_block(104), 1_050);
        assert_eq!(clock.advance_to_block(1), 1_050);
        assert_eq!(clock.advance_to(u64::MAX), 100 + (u64::MAX - 1_000_000) / 12_500);
    }

    /// The mean and the standard deviation of the times between 100,000 blocks, in seconds.
    fn moments(pace: Pace) -> (f64, f64) {
        let mut clock = clock(pace);
        let intervals: Vec<f64> = (0..100_000)
            .map(|_| {
                let before = clock.millis;
                clock.mine();
                (clock.millis - before) as f64 / 1_000.0
            })
            .collect();
        let n = intervals.len() as f64;
        let mean = intervals.iter().sum::<f64>() / n;
        (mean, (intervals.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
    }

    #[test]
    fn jitter_keeps_the_mean() {
        let (mean, deviation) = moments(Pace::uniform(12.0, 6.0).unwrap());
        assert!((mean - 12.0).abs() < 0.04 && (deviation - 6.0 / 3_f64.sqrt()).abs() < 0.03, "{mean} {deviation}");
        let (mean, deviation) = moments(Pace::normal(12.0, 2.0).unwrap());
        assert!((mean - 12.0).abs() < 0.03 && (deviation - 2.0).abs() < 0.03, "{mean} {deviation}");
        // Where much is cut off, the mean stays all the same: what is beyond one deviation is at one.
        let (mean, deviation) = moments(Pace::normal(12.0, 12.0).unwrap());
        assert!((mean - 12.0).abs() < 0.1 && (deviation - 0.718_3 * 12.0).abs() < 0.05, "{mean} {deviation}");
    }

    #[test]
    fn by_time_and_by_block_is_one_course() {
        let pace = Pace::uniform(3.0, 3.0).unwrap();
        let (mut by_time, mut by_block) = (clock(pace.clone()), clock(pace));
        for wall in (1_000..9_000).step_by(37) {
            let number = by_time.advance_to(wall);
            assert_eq!(by_block.advance_to_block(number), by_time.timestamp());
            assert!(by_time.timestamp() <= wall && by_block.next_millis > wall * 1_000);
        }
        assert!((2_500..2_900).contains(&by_time.number()), "{}", by_time.number());
    }

    fn recorded(name: &str, text: &str) -> Result<Pace, String> {
        let path = std::env::temp_dir().join(format!("sim-pace-{name}-{}.csv", std::process::id()));
        fs::write(&path, text).unwrap();
        let pace = Pace::recorded(&path).map_err(|error| error.to_string().replace(&path.display().to_string(), "it"));
        fs::remove_file(&path).unwrap();
        pace
    }

    #[test]
    fn recorded_times_come_again_from_where_the_draw_says() {
        let text = "# a chain\nnumber, Miner, timestamp\n7,a,1700000000\n8,b,1700000012\n\n9,c,1700000012.250\n10,d,1700000036\n";
        let pace = recorded("good", text).unwrap();
        assert_eq!(pace, Pace(Course::Recorded([12_000, 250, 23_750].into())));
        let first = Draws::keyed(1, 1, "chain", "blocks").below(3);
        let mut clock = clock(pace);
        let mut millis = 1_000_000;
        for i in 0..7 {
            assert_eq!(clock.millis, millis);
            millis += [12_000, 250, 23_750][(first + i) % 3];
            clock.mine();
        }
        assert_eq!(clock.number(), 107);
    }

    #[test]
    fn hostile_times_are_refused_with_their_line() {
        let check = |text: &str, expected: &str| assert_eq!(recorded("bad", text), Err(expected.to_owned()));
        check("", "it: it is empty");
        check(
            "number,time\n1,2\n",
            "it:1: the header \"number,time\" names no column timestamp; write number,timestamp",
        );
        check("timestamp\n", "it: it tells of 0 intervals of 0 seconds in all; the mean must be at least 0.01 seconds");
        check(
            "timestamp\n5\n5\n5.019",
            "it: it tells of 2 intervals of 0.019 seconds in all; the mean must be at least 0.01 seconds",
        );
        check("timestamp\n5\n4\n", "it:3: timestamp 4 is before 5, of the line above");
        check("timestamp\n5\n-6\n", "it:3: timestamp \"-6\" is no time in Unix seconds");
        check("timestamp\n5\n6.0001\n", "it:3: timestamp \"6.0001\" is no time in Unix seconds");
        check(
            "timestamp\n5\n99999999999999999999\n",
            "it:3: timestamp \"99999999999999999999\" is no time in Unix seconds",
        );
        check(
            "timestamp\n18446744073709551\n18446744073709552\n",
            "it:3: timestamp \"18446744073709552\" is no time in Unix seconds",
        );
        check("number,timestamp\n1,5\n3,6\n", "it:3: block 3 does not follow block 1 of the line above");
        check("number,timestamp\n1\n", "it:2: timestamp \"\" is no time in Unix seconds");
        check(
            "number,timestamp\n18446744073709551615,5\n0,6\n",
            "it:3: block 0 does not follow block 18446744073709551615 of the line above",
        );
        let error = Pace::recorded(Path::new("/nowhere/it.csv")).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/it.csv: "), "{error}");
    }

    #[test]
    fn paces_that_are_none_are_refused() {
        let expected = "the mean of block times is 0 seconds; it must be from 0.01 to 10000000";
        assert_eq!(Pace::fixed(0.0).unwrap_err().to_string(), expected);
        for pace in [Pace::fixed(f64::NAN), Pace::uniform(12.0, 12.5), Pace::normal(1.0, -1.0), Pace::fixed(1e9)] {
            assert!(matches!(pace, Err(PaceError::Range { .. })), "{pace:?}");
        }
    }
}
