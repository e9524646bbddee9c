//! How much each parameter matters: one at a time from end to end, and Sobol's shares of the variance.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{
    Error, Study, at_least_one,
    points::sobol_units,
    space::{Json, Space, number, value_text},
    statistics::{Interval, Moments, quantile},
    table::{self, Table, count},
};
use crate::{
    draws::Draws,
    model::{Point, Value},
};

/// The most points that one analysis of sensitivity runs.
pub const MAX_POINTS: usize = 10_000_000;

/// One parameter at a time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OneAtATime {
    /// The KPIs' names.
    pub kpis: Vec<String>,
    /// Each KPI where all parameters have their own value.
    pub own: Vec<f64>,
    /// By parameter and KPI.
    pub swings: Vec<Swing>,
}

/// A KPI while one parameter goes from end to end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Swing {
    /// The parameter.
    pub parameter: String,
    /// The KPI.
    pub kpi: String,
    /// The parameter's ends, or the items of its list, with the KPI there.
    pub at: Vec<At>,
    /// The greatest KPI less the least.
    pub swing: f64,
    /// How much the KPI changes from the lower end to the upper, over how much the parameter does; `None` if it is no number
    /// or does not change.
    pub derivative: Option<f64>,
}

/// A KPI where one parameter has this value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct At {
    /// The parameter's value.
    #[serde(serialize_with = "serialize_value")]
    pub value: Value,
    /// The mean of the KPI over the runs.
    pub kpi: f64,
}

fn serialize_value<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    Json(value).serialize(serializer)
}

/// Moves one parameter after the other to the ends of its spread, while the others keep their own value.
///
/// # Errors
/// If a run fails or has a KPI that is no finite number, or the simulation is stopped.
pub fn one_at_a_time(study: &Study<'_>, space: &Space, n_runs: u64) -> Result<OneAtATime, Error> {
    let own = space.own();
    let mut points = vec![own.clone()];
    let mut moves = Vec::new();
    for dimension in 0..space.n_dimensions() {
        for end in space.ends(dimension) {
            let mut point = own.clone();
            point.values[dimension].1 = end.clone();
            points.push(point);
            moves.push((dimension, end));
        }
    }
    let mut means = study.means(&points, n_runs)?.into_iter();
    let own = means.next().expect("the first point is the own one");
    let moved: Vec<(usize, Value, Vec<f64>)> =
        moves.into_iter().zip(means).map(|((d, end), kpis)| (d, end, kpis)).collect();
    let mut swings = Vec::new();
    for (dimension, parameter) in space.parameters().iter().enumerate() {
        for (i, kpi) in study.kpis.iter().enumerate() {
            let of_parameter = moved.iter().filter(|(moved, _, _)| *moved == dimension);
            let at = of_parameter.map(|(_, value, kpis)| At { value: value.clone(), kpi: kpis[i] }).collect();
            swings.push(swing(&parameter.name, &kpi.name, at));
        }
    }
    Ok(OneAtATime { kpis: study.kpis.iter().map(|kpi| kpi.name.clone()).collect(), own, swings })
}

fn swing(parameter: &str, kpi: &str, at: Vec<At>) -> Swing {
    let least = at.iter().map(|at| at.kpi).fold(f64::INFINITY, f64::min);
    let greatest = at.iter().map(|at| at.kpi).fold(f64::NEG_INFINITY, f64::max);
    let derivative = match at.as_slice() {
        [low, .., high] => number(&low.value)
            .zip(number(&high.value))
            .map(|(from, to)| (high.kpi - low.kpi) / (to - from))
            .filter(|derivative| derivative.is_finite()),
        _ => None,
    };
    Swing { parameter: parameter.to_owned(), kpi: kpi.to_owned(), at, swing: greatest - least, derivative }
}

impl OneAtATime {
    /// The swings of one KPI, the greatest first.
    #[must_use]
    pub fn of_kpi(&self, kpi: &str) -> Vec<&Swing> {
        let mut swings: Vec<_> = self.swings.iter().filter(|swing| swing.kpi == kpi).collect();
        swings.sort_by(|a, b| b.swing.total_cmp(&a.swing));
        swings
    }
}

impl fmt::Display for OneAtATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(2, &["kpi", "parameter", "from", "kpi", "to", "kpi", "swing", "derivative"]);
        for (kpi, own) in self.kpis.iter().zip(&self.own) {
            table.row(vec![kpi.clone(), "(own values)".to_owned(), String::new(), table::number(*own)]);
            for swing in self.of_kpi(kpi) {
                let mut cells = vec![kpi.clone(), swing.parameter.clone()];
                for end in [swing.at.first(), swing.at.last()].into_iter().flatten() {
                    cells.extend([value_text(&end.value), table::number(end.kpi)]);
                }
                cells.push(table::number(swing.swing));
                cells.push(swing.derivative.map_or_else(|| "-".to_owned(), table::number));
                table.row(cells);
            }
        }
        write!(f, "{table}")
    }
}

/// How to estimate Sobol's indices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Points of each of the two base samples; a power of two is most even. The model runs at n (k + 2) points for k
    /// parameters.
    pub n_base: usize,
    /// Runs of each point, whose mean is taken: 1 for a model without chance.
    pub n_runs: u64,
    /// How often the rows are drawn again for the intervals: 1,000.
    pub n_bootstrap: usize,
    /// Of the intervals: 0.95.
    pub confidence: f64,
}

/// Shares of the variance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Indices {
    /// At how many points the model ran.
    pub n_points: usize,
    /// By KPI.
    pub kpis: Vec<KpiIndices>,
}

/// Shares of one KPI's variance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KpiIndices {
    /// The KPI.
    pub kpi: String,
    /// Its variance over both base samples. The indices are NaN where it is 0.
    pub variance: f64,
    /// By parameter.
    pub parameters: Vec<Index>,
}

/// One parameter's share of a KPI's variance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Index {
    /// The parameter.
    pub parameter: String,
    /// What it does by itself: first order. An estimate, that may fall a little below 0.
    pub first: f64,
    /// The bootstrap interval of that.
    pub first_interval: Interval,
    /// What it does by itself and together with others: total.
    pub total: f64,
    /// The bootstrap interval of that.
    pub total_interval: Interval,
}

/// Sobol's indices by Saltelli's scheme with Jansen's estimators, on scrambled Sobol points. The intervals are percentiles of
/// the bootstrap; they treat the points as independent, and are wide for that.
///
/// # Errors
/// If a run fails or has a KPI that is no finite number, the points are more than [`MAX_POINTS`], or the simulation is
/// stopped.
pub fn sobol_indices(study: &Study<'_>, space: &Space, sampling: &Sampling) -> Result<Indices, Error> {
    super::probability("confidence", sampling.confidence)?;
    at_least_one("draws of the bootstrap", sampling.n_bootstrap as u64)?;
    let (n, k) = (sampling.n_base, space.n_dimensions());
    if n < 2 {
        return Err(Error::Setting { name: "points of a base sample", value: n.to_string(), allowed: "at least 2" });
    }
    let n_points = n.saturating_mul(k + 2);
    if n_points > MAX_POINTS {
        return Err(Error::TooMany { what: "points of Saltelli's scheme", n: n_points.to_string(), max: MAX_POINTS });
    }
    let points = saltelli(space, &sobol_units(2 * k, n, study.seed)?);
    let means = study.means(&points, sampling.n_runs)?;
    let (a, rest) = means.split_at(n);
    let (b, mixed) = rest.split_at(n);
    let of_kpi = |(i, kpi): (usize, &crate::kpi::Kpi)| {
        let column = |rows: &[Vec<f64>]| rows.iter().map(|row| row[i]).collect::<Vec<_>>();
        let (a, b) = (column(a), column(b));
        let of_parameter = |(parameter, mixed): (&crate::parameter::Parameter, &[Vec<f64>])| {
            index(&parameter.name, [&a, &b, &column(mixed)], study.seed, sampling)
        };
        let parameters = space.parameters().iter().zip(mixed.chunks(n)).map(of_parameter).collect();
        KpiIndices { kpi: kpi.name.clone(), variance: Moments::of(&[a.as_slice(), &b].concat()).variance(), parameters }
    };
    Ok(Indices { n_points, kpis: study.kpis.iter().enumerate().map(of_kpi).collect() })
}

/// The first base sample, the second, and for each parameter the first with that parameter's column from the second.
fn saltelli(space: &Space, units: &[Vec<f64>]) -> Vec<Point> {
    let k = space.n_dimensions();
    let halves = [0, k].into_iter().flat_map(|from| units.iter().map(move |unit| space.at(&unit[from..from + k])));
    let mixed = (0..k).flat_map(|dimension| {
        units.iter().map(move |unit| {
            let mut mixed = unit[..k].to_vec();
            mixed[dimension] = unit[k + dimension];
            space.at(&mixed)
        })
    });
    halves.chain(mixed).collect()
}

fn index(parameter: &str, [a, b, mixed]: [&[f64]; 3], seed: u64, sampling: &Sampling) -> Index {
    let n = a.len();
    let (first, total) = jansen([a, b, mixed], 0..n);
    let mut draws = Draws::keyed(seed, 0, parameter, "bootstrap");
    let again: Vec<(f64, f64)> = (0..sampling.n_bootstrap)
        .map(|_| {
            let rows: Vec<usize> = (0..n).map(|_| draws.below(n)).collect();
            jansen([a, b, mixed], rows.iter().copied())
        })
        .collect();
    let interval = |of: fn(&(f64, f64)) -> f64| {
        // A draw of equal rows only has no variance, and no index.
        let mut sorted: Vec<f64> = again.iter().map(of).filter(|index| !index.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let risk = (1.0 - sampling.confidence) / 2.0;
        Interval { low: quantile(&sorted, risk), high: quantile(&sorted, 1.0 - risk) }
    };
    let (first_interval, total_interval) = (interval(|(first, _)| *first), interval(|(_, total)| *total));
    Index { parameter: parameter.to_owned(), first, first_interval, total, total_interval }
}

/// Jansen's estimators of the first-order and the total index, over these rows.
fn jansen([a, b, mixed]: [&[f64]; 3], rows: impl Iterator<Item = usize>) -> (f64, f64) {
    let (mut both, mut from_a, mut from_b, mut n) = (Moments::default(), 0.0, 0.0, 0.0);
    for row in rows {
        both.add(a[row]);
        both.add(b[row]);
        from_a += (a[row] - mixed[row]) * (a[row] - mixed[row]);
        from_b += (b[row] - mixed[row]) * (b[row] - mixed[row]);
        n += 2.0;
    }
    let variance = both.variance();
    if variance == 0.0 {
        return (f64::NAN, f64::NAN);
    }
    (1.0 - from_b / n / variance, from_a / n / variance)
}

impl fmt::Display for Indices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "shares of the variance, from {}", count(self.n_points as u64, "point"))?;
        let mut table = Table::new(2, &["kpi", "parameter", "first", "low", "high", "total", "low", "high"]);
        for KpiIndices { kpi, parameters, .. } in &self.kpis {
            for index in parameters {
                let Index { first, first_interval, total, total_interval, .. } = index;
                let shares =
                    [*first, first_interval.low, first_interval.high, *total, total_interval.low, total_interval.high];
                let shares = shares.map(|share| if share.is_nan() { "-".to_owned() } else { format!("{share:.4}") });
                table.row([kpi.clone(), index.parameter.clone()].into_iter().chain(shares).collect());
            }
        }
        write!(f, "{table}")
    }
}
