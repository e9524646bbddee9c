//! Axes: which range, which ticks, and what they say.

use super::is_drawable;

/// A range narrower than this share of its values is one value.
const NARROW: f64 = 1e-14;

/// From this many steps between zero and the ticks, they are labelled by how much they are above the lowest.
const MANY_STEPS: f64 = 1e6;

/// From data to a share of the axis, with labelled ticks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    is_logarithmic: bool,
    /// Value and label.
    pub(crate) ticks: Vec<(f64, String)>,
    /// What the name of the axis ends in: what all labels leave out.
    pub(crate) suffix: String,
}

impl Axis {
    /// A linear axis over `range`, which gets air at both ends if `is_airy`, with about `n_ticks` ticks.
    pub(crate) fn linear(range: Option<(f64, f64)>, n_ticks: f64, is_airy: bool) -> Self {
        let (mut low, mut high) = range.unwrap_or((0.0, 1.0));
        if high - low <= NARROW * low.abs().max(high.abs()) {
            let around = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
            (low, high) = (low - around, high + around);
        } else if is_airy {
            let air = 0.04 * (high - low);
            // Nothing is below zero where nothing is negative.
            (low, high) = (
                if low >= 0.0 && low < air { 0.0 } else { low - air },
                if high <= 0.0 && -high < air { 0.0 } else { high + air },
            );
        }
        let step = nice_step((high - low) / n_ticks);
        let values = multiples(step, low, high);
        let (labels, suffix) = labels(&values, step);
        Self { low, high, is_logarithmic: false, ticks: values.into_iter().zip(labels).collect(), suffix }
    }

    /// A logarithmic axis over the positive numbers of `range`.
    pub(crate) fn logarithmic(range: Option<(f64, f64)>, n_ticks: f64) -> Self {
        let (low, high) = range.unwrap_or((1.0, 10.0));
        let (mut from, mut to) = (libm::log10(low), libm::log10(high));
        let air = if to - from <= 1e-9 { 0.5 } else { 0.04 * (to - from) };
        (from, to) = (from - air, to + air);
        let (low, high) = (libm::pow(10.0, from), libm::pow(10.0, to));
        let values = logarithmic_ticks(from, to, n_ticks);
        // Few ticks fit within a decade: a linear choice has more.
        let (values, step) = if values.len() < 3 {
            let step = nice_step((high - low) / n_ticks);
            (multiples(step, low, high), Some(step))
        } else {
            (values, None)
        };
        let (labels, suffix) = match step {
            Some(step) => labels(&values, step),
            None => (values.iter().map(|value| single_label(*value)).collect(), String::new()),
        };
        Self { low: from, high: to, is_logarithmic: true, ticks: values.into_iter().zip(labels).collect(), suffix }
    }

    /// Where `value` lies: 0 at the lower end, 1 at the upper. `None` for what the axis does not have.
    pub(crate) fn share(&self, value: f64) -> Option<f64> {
        if !is_drawable(value) || (self.is_logarithmic && value <= 0.0) {
            return None;
        }
        let value = if self.is_logarithmic { libm::log10(value) } else { value };
        Some((value - self.low) / (self.high - self.low))
    }
}

/// 1, 2 or 5 times a power of ten, `step` or a little more.
fn nice_step(step: f64) -> f64 {
    let power = libm::pow(10.0, libm::floor(libm::log10(step)));
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * power >= step * 0.999).unwrap_or(10.0);
    times * power
}

/// The multiples of `step` from `low` to `high`, both included but for rounding.
fn multiples(step: f64, low: f64, high: f64) -> Vec<f64> {
    let first = (low / step - 1e-9).ceil();
    let n = ((high / step + 1e-9).floor() - first).clamp(0.0, 100.0);
    let mut values = Vec::new();
    let mut i = 0.0;
    while i <= n {
        values.push((first + i) * step);
        i += 1.0;
    }
    values
}

/// Powers of ten between 10^from and 10^to, not too many, and their doubles and fivefolds if they are few.
fn logarithmic_ticks(from: f64, to: f64, n_ticks: f64) -> Vec<f64> {
    let every = ((to - from) / n_ticks).ceil().max(1.0);
    let n_decades = to - from;
    let times: &[f64] = match n_decades {
        n if n <= 1.5 => &[1.0, 2.0, 3.0, 5.0, 7.0],
        n if n <= 3.0 => &[1.0, 2.0, 5.0],
        _ => &[1.0],
    };
    let mut values = Vec::new();
    let mut exponent = (from / every).floor() * every;
    while exponent <= to {
        values.extend(times.iter().map(|times| times * libm::pow(10.0, exponent)));
        exponent += every;
    }
    values.retain(|value| (from - 1e-9..=to + 1e-9).contains(&libm::log10(*value)));
    values
}

/// Labels that all count in the same unit, and what the axis says that they leave out.
fn labels(values: &[f64], step: f64) -> (Vec<String>, String) {
    let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let base = if largest / step >= MANY_STEPS { values.first().copied().unwrap_or(0.0) } else { 0.0 };
    let relative: Vec<f64> = values.iter().map(|value| value - base).collect();
    let largest = relative.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let (unit, ending) = unit_of(largest);
    let decimals = decimals_of(step / unit);
    let sign = if base == 0.0 { "" } else { "+" };
    let one = |value: &f64| {
        if *value == 0.0 { "0".to_owned() } else { format!("{sign}{}{ending}", grouped(value / unit, decimals)) }
    };
    let labels = relative.iter().map(one).collect();
    let suffix = match base {
        0.0 => String::new(),
        base if base < 0.0 => format!(", above −{}", exact(-base)),
        base => format!(", above {}", exact(base)),
    };
    (labels, suffix)
}

/// A number alone, in its own unit.
pub(crate) fn single_label(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".to_owned() } else { format!("{value}") };
    }
    let (unit, ending) = unit_of(value.abs());
    let digits = format!("{:.3e}", value / unit);
    let rounded: f64 = digits.parse().unwrap_or(value / unit);
    let shown = format!("{}", rounded.abs());
    let decimals = shown.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    format!("{}{ending}", grouped(rounded, decimals))
}

/// All the digits of a base.
fn exact(value: f64) -> String {
    if value >= 1e15 {
        format!("{value:e}")
    } else {
        grouped(value, format!("{value}").split_once('.').map_or(0, |(_, d)| d.len().min(9)))
    }
}

/// What labels count in, by the largest: thousands and more by prefix, powers of ten where those end.
fn unit_of(largest: f64) -> (f64, String) {
    let power = |exponent: f64| (libm::pow(10.0, exponent), format!("e{exponent}"));
    match largest {
        0.0 => (1.0, String::new()),
        x if !(1e-3..1e15).contains(&x) => power(libm::floor(libm::log10(x * (1.0 + 1e-9)))),
        x if x >= 1e12 => (1e12, " T".to_owned()),
        x if x >= 1e9 => (1e9, " G".to_owned()),
        x if x >= 1e6 => (1e6, " M".to_owned()),
        x if x >= 1e5 => (1e3, " k".to_owned()),
        _ => (1.0, String::new()),
    }
}

/// The decimals that tell multiples of `step` apart.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn decimals_of(step: f64) -> usize {
    (-libm::floor(libm::log10(step * (1.0 + 1e-9)))).clamp(0.0, 12.0) as usize
}

/// With a space between thousands and a true minus.
fn grouped(value: f64, decimals: usize) -> String {
    let digits = format!("{:.decimals$}", value.abs());
    let (whole, fraction) =
        digits.split_once('.').map_or((digits.as_str(), None), |(whole, fraction)| (whole, Some(fraction)));
    let mut text = String::new();
    if value < 0.0 && digits.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
        text.push('−');
    }
    for (i, digit) in whole.chars().enumerate() {
        // Four digits are read at a glance.
        if i > 0 && (whole.len() - i).is_multiple_of(3) && whole.len() > 4 {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(axis: Axis, expected: &[&str], suffix: &str) {
        let labels: Vec<_> = axis.ticks.iter().map(|(_, label)| label.replace('\u{a0}', " ")).collect();
        let said = axis.suffix.replace('\u{a0}', " ");
        assert_eq!((labels, said.as_str()), (expected.iter().map(|label| (*label).to_owned()).collect(), suffix));
        for (value, label) in &axis.ticks {
            let share = axis.share(*value).unwrap();
            assert!((-1e-6..=1.000_001).contains(&share), "{label} at {share}");
        }
    }

    #[test]
    fn linear_labels() {
        let axis = |low, high| Axis::linear(Some((low, high)), 4.0, false);
        check(axis(0.0, 1.0), &["0", "0.5", "1.0"], "");
        check(axis(-3.0, 5.0), &["−2", "0", "2", "4"], "");
        check(axis(0.0, 40_000.0), &["0", "10 000", "20 000", "30 000", "40 000"], "");
        check(axis(0.0, 4e6), &["0", "1 M", "2 M", "3 M", "4 M"], "");
        check(axis(0.0, 4e18), &["0", "1e18", "2e18", "3e18", "4e18"], "");
        check(axis(0.0, 4e-7), &["0", "1e-7", "2e-7", "3e-7", "4e-7"], "");
        check(axis(1e9, 1e9 + 4.0), &["0", "+1", "+2", "+3", "+4"], ", above 1 000 000 000");
        check(axis(7.0, 7.0), &["6.5", "7.0", "7.5"], "");
        check(axis(0.0, 0.0), &["−1.0", "−0.5", "0", "0.5", "1.0"], "");
        check(axis(-1e300, 1e300), &["−1.0e300", "−0.5e300", "0", "0.5e300", "1.0e300"], "");
    }

    #[test]
    fn logarithmic_labels() {
        let axis = |low, high| Axis::logarithmic(Some((low, high)), 6.0);
        check(axis(1.0, 1e4), &["1", "10", "100", "1000", "10 000"], "");
        check(axis(1.0, 1e18), &["1", "10 000", "100 M", "1 T", "1e16"], "");
        check(axis(100.0, 100.0), &["50", "70", "100", "200", "300"], "");
        assert_eq!(axis(1.0, 10.0).share(-1.0), None);
        assert_eq!(axis(1.0, 10.0).share(f64::NAN), None);
    }

    #[test]
    fn labels_of_single_numbers() {
        for (value, expected) in
            [(0.25, "0.25"), (12_345.678, "12 350"), (2.5e6, "2.5 M"), (1e18, "1e18"), (-1.5e-9, "−1.5e-9"), (0.0, "0")]
        {
            assert_eq!(single_label(value).replace('\u{a0}', " "), expected);
        }
    }
}
