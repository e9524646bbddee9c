//! `[sim]`: how long, in what steps, how often, from what seed.

use std::ops::Range;

use super::{
    error::{NetlistError, Source},
    expression::Expression,
    number::Number,
    parameters::Values,
    section::{Item, Section},
};

const KEYS: [&str; 13] = [
    "model",
    "script",
    "dt",
    "duration",
    "steps",
    "start",
    "runs",
    "seed",
    "log_every",
    "order",
    "draws",
    "block_time",
    "csv_digits",
];

/// How a simulation runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What computes the steps.
    pub engine: Engine,
    /// A script that belongs to the model, relative to the netlist.
    pub script: Option<String>,
    /// How many runs are made of each point.
    pub runs: u64,
    /// What random numbers start from.
    pub seed: u64,
    /// Whether agents act in a random order that changes with each tick, or in the netlist's.
    pub is_shuffled: bool,
    /// Whether all agents draw from one stream, in the order in which they act.
    pub shares_draws: bool,
    /// Whether `data.csv` has numbers of six digits, as the first version of TokenSPICE wrote them, or all digits.
    pub is_short: bool,
    /// When blocks come.
    pub block_time: BlockTime,
    pub(crate) block_time_span: Range<usize>,
    pub(super) model_span: Range<usize>,
    dt: Expression,
    length: Length,
    start: Expression,
    log_every: Expression,
}

/// What computes the steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The netlist's agents.
    Agents,
    /// A state-block model, by its name.
    BuiltIn(String),
}

/// When blocks come.
#[derive(Clone, Debug, PartialEq)]
pub enum BlockTime {
    /// One a tick, at its time.
    Tick,
    /// Every so many seconds.
    Fixed(f64),
    /// After a number of seconds between two.
    Uniform(f64, f64),
    /// After a number of seconds around a mean, with a standard deviation.
    Normal(f64, f64),
    /// As a file says, relative to the netlist.
    Recorded(String),
}

#[derive(Clone, Debug)]
enum Length {
    Duration(Expression),
    Steps(Expression),
}

/// Times of one run, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) dt: u64,
    pub(crate) n_steps: u64,
    pub(crate) start: u64,
    pub(crate) log_every: u64,
}

impl Settings {
    pub(super) fn read(source: &Source, mut section: Section<'_>, values: &Values) -> Result<Self, NetlistError> {
        let model = section.get("model");
        let engine = match model.as_ref().map(Item::text).transpose()? {
            None | Some("agents") => Engine::Agents,
            Some(name) => Engine::BuiltIn(name.to_owned()),
        };
        let default = |text| Expression::parse(source, &(0..0), text);
        let dt = section.get("dt").map_or_else(|| default("1"), |item| item.expression())?;
        let length = match (section.get("duration"), section.get("steps")) {
            (Some(duration), None) => Length::Duration(duration.expression()?),
            (None, Some(steps)) => Length::Steps(steps.expression()?),
            (Some(_), Some(steps)) => return Err(steps.error("[sim] has either a `duration` or a number of `steps`")),
            (None, None) => return Err(section.error("[sim] lacks a length: say duration = \"10d\" or steps = 1000")),
        };
        let start = section.get("start").map_or_else(|| default("1_700_000_000"), |item| item.expression())?;
        let log_every = section.get("log_every").map_or_else(|| Ok(dt.clone()), |item| item.expression())?;
        let is_short = match section.get("csv_digits").map(|item| Ok((item.whole()?, item))).transpose()? {
            None => false,
            Some((6, _)) => true,
            Some((n, item)) => {
                return Err(item.error(format!("`csv_digits` is {n}: say 6, or leave it out for all digits")));
            }
        };
        let block_time_item = section.get("block_time");
        let block_time = block_time_item.as_ref().map_or(Ok(BlockTime::Tick), read_block_time)?;
        let mut choice = |key, names: [(&str, bool); 2]| section.get(key).map_or(Ok(false), |item| item.choice(&names));
        let settings = Self {
            engine,
            is_shuffled: choice("order", [("netlist", false), ("shuffled", true)])?,
            shares_draws: choice("draws", [("agent", false), ("shared", true)])?,
            script: section.get("script").map(|item| item.text().map(str::to_owned)).transpose()?,
            runs: section.get("runs").map_or(Ok(1), |item| item.whole())?,
            seed: section.get("seed").map_or(Ok(1), |item| item.whole())?,
            is_short,
            block_time,
            block_time_span: block_time_item.map_or(section.span.clone(), |item| item.span),
            model_span: model.map_or(section.span.clone(), |item| item.span),
            dt,
            length,
            start,
            log_every,
        };
        section.finish(KEYS)?;
        settings.times(source, values)?;
        Ok(settings)
    }

    /// The times of a run with these parameters.
    pub(crate) fn times(&self, source: &Source, values: &Values) -> Result<Times, NetlistError> {
        let number = |expression: &Expression| expression.value(source, &mut |name| values.number(name));
        let whole = |what: &str, expression: &Expression, least: u64| {
            let number = number(expression)?;
            let whole = number.to_integer().and_then(|number| u64::try_from(number).ok());
            whole.filter(|whole| (least..=MAX_SECONDS).contains(whole)).ok_or_else(|| {
                let message = format!("`{what}` is {number}, not a whole number of {least} to {MAX_SECONDS}");
                source.error(&expression.span, message)
            })
        };
        let dt = whole("dt", &self.dt, 1)?;
        let n_steps = match &self.length {
            Length::Steps(steps) => whole("steps", steps, 1)?,
            Length::Duration(duration) => n_steps(number(duration)?, dt).ok_or_else(|| {
                let message = format!("`duration` is {}, not 0 to {MAX_SECONDS} seconds", duration.text);
                source.error(&duration.span, message)
            })?,
        };
        let start = whole("start", &self.start, 0)?;
        if n_steps.checked_mul(dt).is_none_or(|end| end > MAX_SECONDS) {
            let message = format!("{n_steps} steps of {dt} s end after {MAX_SECONDS} s");
            return Err(source.error(&self.dt.span, message));
        }
        Ok(Times { dt, n_steps, start, log_every: whole("log_every", &self.log_every, 1)? })
    }
}

/// The longest time: 31 million years, far from the end of 64 bits.
const MAX_SECONDS: u64 = 1_000_000_000_000_000;

/// Ticks are taken until one begins at or after the duration and one tick more; that one is taken too.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked before")]
fn n_steps(duration: Number, dt: u64) -> Option<u64> {
    let last = duration.to_f64() / dt as f64 + 1.0;
    (0.0..=MAX_SECONDS as f64).contains(&duration.to_f64()).then(|| libm::ceil(last) as u64 + 1)
}

fn read_block_time(item: &Item<'_>) -> Result<BlockTime, NetlistError> {
    if item.value.as_str().is_some() {
        return item.choice(&[("tick", ())]).map(|()| BlockTime::Tick);
    }
    if item.value.as_table().is_none() {
        let seconds = item.float()?;
        return positive(item, seconds).map(BlockTime::Fixed);
    }
    let mut table = item.table("`block_time`")?;
    let mut get = |key| table.get(key).map(|item| item.float().and_then(|value| positive(&item, value))).transpose();
    let (low, high, mean, deviation) = (get("low")?, get("high")?, get("mean")?, get("deviation")?);
    let recorded = table.get("recorded").map(|item| item.text().map(str::to_owned)).transpose()?;
    let block_time = match (low, high, mean, deviation, recorded) {
        (Some(low), Some(high), None, None, None) if low <= high => BlockTime::Uniform(low, high),
        (None, None, Some(mean), Some(deviation), None) => BlockTime::Normal(mean, deviation),
        (None, None, None, None, Some(file)) => BlockTime::Recorded(file),
        _ => {
            let message = "`block_time` is \"tick\", a number of seconds, { low, high }, { mean, deviation } or { recorded = \"file.csv\" }";
            return Err(item.error(message));
        }
    };
    table.finish(["low", "high", "mean", "deviation", "recorded"])?;
    Ok(block_time)
}

fn positive(item: &Item<'_>, value: f64) -> Result<f64, NetlistError> {
    if value > 0.0 { Ok(value) } else { Err(item.error(format!("{value} seconds are not above 0"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_as_many_steps_as_in_tokenspice() {
        let day = 86_400;
        assert_eq!(n_steps(Number::Integer(730 * day), 86_400), Some(732));
        assert_eq!(n_steps(Number::Integer(3_650 * day), 2_592_000), Some(124));
        assert_eq!(n_steps(Number::Integer(0), 1), Some(2));
        assert_eq!(n_steps(Number::Float(f64::NAN), 1), None);
        assert_eq!(n_steps(Number::Integer(-1), 1), None);
    }
}
